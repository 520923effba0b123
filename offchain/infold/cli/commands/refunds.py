# SPDX-License-Identifier: Apache-2.0
"""Commands about fee refunds: what accounts are owed, and paying it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Annotated

import typer

from infold.cli.caller import Caller, on_chain
from infold.cli.numbers import canonical
from infold.cli.onchain import named
from infold.cli.options import (
    API_URL,
    Account,
    ApiUrl,
    Mint,
    address_of_text,
    client,
)
from infold.cli.pages.accounts import of_paid, of_refund, of_refunds
from infold.cli.terminal import Json, show_all, show_command
from infold.errors import Misconfigured
from infold.signing import checksum_address
from infold.units import AMOUNT_DECIMALS, parse_decimal

REFUND = ("feeTier", "feeTierUntil", "refundEarned", "refundPaid", "refundOwed")
"""What the venue says of an account's refund, in its own words."""

refunds_group = typer.Typer(
    no_args_is_help=True, help="Fees that go back to accounts of lower tiers: look, pay."
)


def register(app: typer.Typer) -> None:
    """Add these commands to the root."""
    app.add_typer(refunds_group, name="refunds")


@refunds_group.command("list")
def list_refunds(api_url: ApiUrl = API_URL, as_json: Json = False) -> None:
    """Every account that earned a refund: its tier, what it earned, was paid and is owed."""
    with client(api_url) as api:
        show_all("refunds list", "refunds", api.refunds(), as_json, "refunds", of_refunds)


@refunds_group.command("show")
def show_refund(account: Account, api_url: ApiUrl = API_URL, as_json: Json = False) -> None:
    """One account's refund: its tier, what it earned, was paid and is owed."""
    with client(api_url) as api:
        found = api.account(account)
    document = {name: found[name] for name in ("account", *REFUND)}
    show_command("refunds show", document, as_json, f"refund of account {account}", of_refund)


@refunds_group.command("pay")
@on_chain
def pay(
    caller: Caller,
    least: Annotated[
        str,
        typer.Option(
            "--least",
            callback=canonical,
            help="Leave accounts alone that are owed less, so far: dollars.",
        ),
    ] = "1",
    mint: Mint = False,
    as_json: Json = False,
) -> None:
    """Deposit what is owed into each account, from the key that the venue knows pays refunds.

    Safe to run again after any interruption: what the chain shows as paid is not owed, and each
    payment is signed with the nonce that was next when that was read.
    """
    from infold.shell.refunds import standing_of

    least_e6 = max(1, parse_decimal(least, AMOUNT_DECIMALS, "least"))
    party = caller.party()
    contracts = party.venue
    with caller.client() as api:
        must_pay(api.meta().get("refundPayer"), party.address)
        # Test dollars and the allowance first: what follows is read after those transactions.
        owed_e6 = [_owed_e6(row["refundOwed"]) for row in api.refunds()]
        allowed_e6 = sum(amount_e6 for amount_e6 in owed_e6 if amount_e6 >= least_e6)
        if allowed_e6:
            party.approve("Vault", allowed_e6, mint=mint)
        rows, seen = api.refunds_at()
    standing = standing_of(contracts, party.address, seen)
    since: Counter[int] = Counter()
    for deposit in standing.deposits:
        since[deposit.account] += deposit.amount_e6
    party.begin_at(standing.nonce)
    still_e6 = {
        int(row["account"]): _owed_e6(row["refundOwed"]) - since[int(row["account"])]
        for row in rows
    }
    due_e6, left_e6 = payments(still_e6, least_e6, allowed_e6)
    paid: list[dict[str, str | int]] = []
    for account, amount_e6 in due_e6.items():
        moved = named(party.send("Clearing", "deposit", account, amount_e6), "CollateralMoved")
        paid.append({"account": account, "amount_e6": str(moved["amount_e6"])})
    document = {
        "payer": party.holder,
        "least_e6": str(least_e6),
        "paid": paid,
        "left_e6": str(sum(left_e6)),
        "left_e6_max": str(max(left_e6, default=0)),
    }
    show_command("refunds pay", document, as_json, "refunds paid", of_paid)


def payments(
    owed_e6: Mapping[int, int], least_e6: int, allowed_e6: int
) -> tuple[dict[int, int], list[int]]:
    """What is paid now, by account, and what is left of those who are not paid.

    More may have been earned meanwhile than the vault is allowed to draw: the next run pays it. Who
    was paid more than is owed is owed nothing.
    """
    due_e6: dict[int, int] = {}
    left_e6: list[int] = []
    for account, amount_e6 in owed_e6.items():
        if least_e6 <= amount_e6 <= allowed_e6:
            due_e6[account] = amount_e6
            allowed_e6 -= amount_e6
        else:
            left_e6.append(max(0, amount_e6))
    return due_e6, left_e6


def _owed_e6(text: str) -> int:
    return parse_decimal(text, AMOUNT_DECIMALS, "refundOwed")


def must_pay(payer: str | None, address: bytes) -> None:
    """`Misconfigured` unless the venue counts deposits of this key as refunds."""
    if payer is None:
        raise Misconfigured("the venue names no key that pays refunds; start its node with one")
    if address_of_text(payer) != address:
        raise Misconfigured(
            f"the venue counts deposits of {payer} as refunds, not those of"
            f" {checksum_address(address)}; give that key"
        )
