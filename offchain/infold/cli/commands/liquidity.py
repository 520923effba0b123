# SPDX-License-Identifier: Apache-2.0
"""Commands of liquidity providers: deposit into the pool, redeem, claim, look."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from infold.cli.caller import Caller, on_chain
from infold.cli.onchain import named, paid
from infold.cli.options import Amount, Mint, address_of_text, deposit_e6
from infold.cli.pages.payments import of_payment
from infold.cli.terminal import Json, show_command
from infold.units import parse_decimal

SHARE_DECIMALS = 12

lp_group = typer.Typer(
    no_args_is_help=True, help="Provide liquidity: deposit, redeem, claim, look."
)


def register(app: typer.Typer) -> None:
    """Add these commands to the root."""
    app.add_typer(lp_group, name="lp")


@lp_group.command("deposit")
@on_chain
def lp_deposit(
    caller: Caller,
    amount: Amount,
    mint: Mint = False,
    as_json: Json = False,
) -> None:
    """Ask to put collateral into the pool; shares are claimed once the epoch is struck, which is by
    the first batch after its end.
    """
    amount_e6 = deposit_e6(amount)
    party = caller.party()
    party.approve("Pool", amount_e6, mint=mint)
    logs = party.send("Pool", "requestDeposit", amount_e6, party.holder, party.holder)
    epoch = int(named(logs, "DepositRequest")["requestId"])
    show_command(
        "lp deposit", {"epoch": epoch, "amount_e6": str(amount_e6)}, as_json, "deposit requested"
    )


@lp_group.command("redeem")
@on_chain
def lp_redeem(
    caller: Caller,
    shares: Annotated[str, typer.Argument(help="Pool shares as a decimal.")],
    as_json: Json = False,
) -> None:
    """Ask to take collateral out of the pool for shares; claimed once the epoch is struck. What
    open interest locks is not paid: the shares it would have taken are given back.
    """
    amount = parse_decimal(shares, SHARE_DECIMALS, "shares")
    party = caller.party()
    logs = party.send("Pool", "requestRedeem", amount, party.holder, party.holder)
    epoch = int(named(logs, "RedeemRequest")["requestId"])
    show_command(
        "lp redeem", {"epoch": epoch, "shares_e12": str(amount)}, as_json, "redemption requested"
    )


@lp_group.command("claim")
@on_chain
def lp_claim(
    caller: Caller,
    epoch: Annotated[int, typer.Argument(min=0, help="The epoch a request joined.")],
    as_json: Json = False,
) -> None:
    """Collect all that struck epochs made of the key's requests, whatever their epoch, and what
    this epoch gave back; `epochs` names those that something came of.
    """
    party = caller.party()
    holder, pool = party.holder, party.venue["Pool"]
    document: dict[str, Any] = {"epochs": [], "shares_e12": "0", "paid_e6": "0", "tickets": []}
    epochs: set[int] = set()
    for most, claim, event, key, gained in (
        ("maxDeposit", "deposit", "Deposit", "shares_e12", "shares"),
        ("maxRedeem", "redeem", "Withdraw", "paid_e6", "assets"),
    ):
        amount = int(pool.call(most, holder))
        if amount:
            logs = party.send("Pool", claim, amount, holder, holder)
            document[key] = str(named(logs, event)[gained])
            document["tickets"] += paid(logs).tickets
            epochs |= {
                int(log.arguments["place"]) >> 1
                for log in logs
                if (log.contract, log.name) == ("Pool", "Claimed")
            }
    for side, key, amount_of in (
        ("Deposit", "returned_e6", "assets"),
        ("Redeem", "returned_shares_e12", "shares"),
    ):
        back = int(pool.call(f"claimableCancel{side}Request", epoch, holder))
        # With nothing to collect at all the contract says so itself.
        if back or (side == "Redeem" and not epochs):
            logs = party.send("Pool", f"claimCancel{side}Request", epoch, holder, holder)
            document[key] = str(named(logs, f"Cancel{side}Claim")[amount_of])
            document["tickets"] += paid(logs).tickets
            epochs.add(epoch)
    document["epochs"] = sorted(epochs)
    show_command("lp claim", document, as_json, "claimed", of_payment)


@lp_group.command("position")
@on_chain
def lp_position(
    caller: Caller,
    owner: Annotated[
        str | None, typer.Argument(help="Address that holds shares; the key's if left out.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Shares held, and what they were worth at the last strike."""
    holder = None if owner is None else "0x" + address_of_text(owner).hex()
    contracts = caller.venue()
    pool = contracts["Pool"]
    if holder is None:
        holder = str(caller.wallet(contracts.book.chain_id))
    shares = int(pool.call("balanceOf", holder))
    document = {
        "owner": owner or holder,
        "shares_e12": str(shares),
        "worth_e6": str(int(pool.call("convertToAssets", shares))),
        "supply_e12": str(int(pool.call("supply"))),
        "capital_e6": str(int(pool.call("totalAssets"))),
    }
    show_command("lp position", document, as_json, "liquidity")
