# SPDX-License-Identifier: Apache-2.0
"""Commands about accounts: opening one, its keys, its collateral, its positions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from infold.cli.caller import Caller, on_chain
from infold.cli.numbers import canonical
from infold.cli.onchain import named
from infold.cli.options import (
    API_URL,
    Account,
    Amount,
    ApiUrl,
    KeyFile,
    Mint,
    PasswordFile,
    client,
    deposit_e6,
)
from infold.cli.pages.accounts import of_account, of_holdings
from infold.cli.pages.keys import of_keystore, of_opened
from infold.cli.pages.payments import of_payment
from infold.cli.terminal import Json, show_command
from infold.errors import Misconfigured
from infold.units import AMOUNT_DECIMALS, DAY_MS, WINDOW_MS, parse_decimal

GRANT_DAYS_MAX: Final = 3_650  # ten years: beyond it a slip, or one who means --expiry-ms

Permit = Annotated[
    bool, typer.Option("--permit", help="Sign an allowance (ERC-2612) in place of sending one.")
]

account_group = typer.Typer(
    no_args_is_help=True, help="Open an account, look at it, grant and revoke keys."
)


def register(app: typer.Typer) -> None:
    """Add these commands to the root."""
    app.add_typer(account_group, name="account")
    app.command()(deposit)
    app.command()(withdraw)
    app.command()(position)


@account_group.command("open")
@on_chain
def open_account(
    caller: Caller,
    amount: Amount,
    mint: Mint = False,
    permit: Permit = False,
    as_json: Json = False,
) -> None:
    """Open an account for the key and pay its first deposit (at least 10)."""
    amount_e6 = deposit_e6(amount)
    party = caller.party()
    if permit:
        party.check_funds(amount_e6, mint=mint)
        terms = (amount_e6, *party.permit(amount_e6))
        logs = party.send("Teller", "open_account_with_permit", *terms)
    else:
        party.approve("Vault", amount_e6, mint=mint)
        logs = party.send("Clearing", "open_account", party.holder, amount_e6)
    opened = named(logs, "AccountOpened")
    document = {
        "account": int(opened["account"]),
        "owner": party.holder,
        "amount_e6": str(amount_e6),
        "key": caller.key_named(),
    }
    show_command("account open", document, as_json, "account opened", of_opened)


@account_group.command("show")
def show_account(account: Account, api_url: ApiUrl = API_URL, as_json: Json = False) -> None:
    """Collateral, equity, margin and positions as the venue sees them."""
    with client(api_url) as api:
        found = api.account(account)
        show_command("account show", found, as_json, f"account {account}", of_account)


@account_group.command("keystore")
def new_keystore(
    path: Annotated[Path, typer.Argument(help="Where to write the encrypted keyfile.")],
    key_file: KeyFile = None,
    password_file: PasswordFile = None,
    as_json: Json = False,
) -> None:
    """Write a keystore: of a new key, or of the one in --key-file."""
    import secrets

    from infold.cli.options import password
    from infold.sdk.wallet import Wallet

    key = Wallet.from_key_file(key_file) if key_file else Wallet(secrets.token_bytes(32))
    key.to_keystore(path, password(password_file, new=True))
    document = {
        "path": str(path),
        "address": str(key),
        "password_file": None if password_file is None else str(password_file),
    }
    show_command("account keystore", document, as_json, "keystore written", of_keystore)


OrderHash = Annotated[
    str, typer.Argument(help="The order's hash, as `infold order place --approved --dry-run` says.")
]


@account_group.command("grant")
@on_chain
def grant(
    caller: Caller,
    account: Account,
    key: Annotated[str, typer.Argument(help="Address of the delegated key.")],
    markets: Annotated[str, typer.Option(help="Up to 8 market names, with commas.")],
    notional: Annotated[
        str, typer.Option(callback=canonical, help="The most one order may be worth.")
    ],
    days: Annotated[
        int, typer.Option(min=1, max=GRANT_DAYS_MAX, help="How long the grant lasts, from now.")
    ] = 30,
    expiry_ms: Annotated[
        int | None,
        typer.Option(min=1, help="In place of --days: when it ends, in ms since 1970."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Let another key trade for the account; it can never withdraw."""
    from infold.shell.chain import block
    from infold.words import pack_delegate_markets

    with caller.client() as api:
        ids = [int(api.market(name.strip())["id"]) for name in markets.split(",")]
    notional_e6 = parse_decimal(notional, AMOUNT_DECIMALS, "notional")
    party = caller.party()
    if expiry_ms is None:
        expiry_ms = block(party.venue.rpc).timestamp_s * 1_000 + days * DAY_MS
    party.send(
        "Delegates", "grant", account, key, pack_delegate_markets(ids), notional_e6, expiry_ms
    )
    document = {
        "account": account,
        "key": key,
        "markets": markets,
        "notional_e6": str(notional_e6),
        "expiry_ms": expiry_ms,
    }
    show_command("account grant", document, as_json, "granted")


@account_group.command("revoke")
@on_chain
def revoke(
    caller: Caller,
    account: Account,
    key: Annotated[str, typer.Argument(help="Address of the delegated key.")],
    as_json: Json = False,
) -> None:
    """Take a delegated key's rights back; it binds within the window."""
    party = caller.party()
    party.send("Delegates", "revoke", account, key)
    show_command("account revoke", {"account": account, "key": key}, as_json, "revoked")


@account_group.command("approve")
@on_chain
def approve(
    caller: Caller,
    account: Account,
    order_hash: OrderHash,
    proof: Annotated[
        str | None,
        typer.Option("--proof", help="What the wallet takes for its signature (EIP-1271), hex."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Let an order serve unsigned: as its owner, or with --proof of a contract wallet."""
    digest = _hex("order hash", order_hash, 32)
    party = caller.party()
    if proof is None:
        party.send("Delegates", "approve", account, digest)
    else:
        party.send("Delegates", "prove", account, digest, _hex("--proof", proof))
    document = {"account": account, "order_hash": "0x" + digest.hex()}
    show_command("account approve", document, as_json, "approved")


@account_group.command("disapprove")
@on_chain
def disapprove(
    caller: Caller,
    account: Account,
    order_hash: OrderHash,
    as_json: Json = False,
) -> None:
    """Take an order's approval back for good, or forbid it; it binds within the window."""
    digest = _hex("order hash", order_hash, 32)
    party = caller.party()
    party.send("Delegates", "disapprove", account, digest)
    document = {"account": account, "order_hash": "0x" + digest.hex()}
    show_command("account disapprove", document, as_json, "disapproved")


def _hex(what: str, text: str, size: int | None = None) -> bytes:
    """Bytes spelled in hex, with or without 0x."""
    try:
        found = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        found = None
    if found is None or size not in (None, len(found)):
        wanted = "bytes in hex" if size is None else f"{size} bytes in hex"
        raise typer.BadParameter(f"{what} must be {wanted}")
    return found


@on_chain
def deposit(
    caller: Caller,
    account: Account,
    amount: Amount,
    mint: Mint = False,
    permit: Permit = False,
    as_json: Json = False,
) -> None:
    """Pay collateral into an account; it counts at once."""
    amount_e6 = deposit_e6(amount)
    party = caller.party()
    if permit:
        party.check_funds(amount_e6, mint=mint)
        terms = (account, amount_e6, *party.permit(amount_e6))
        logs = party.send("Teller", "deposit_with_permit", *terms)
    else:
        party.approve("Vault", amount_e6, mint=mint)
        logs = party.send("Clearing", "deposit", account, amount_e6)
    moved = named(logs, "CollateralMoved")
    document = {"account": account, "amount_e6": str(moved["amount_e6"])}
    show_command("deposit", document, as_json, "deposited")


@on_chain
def withdraw(
    caller: Caller,
    account: Account,
    amount: Annotated[
        str | None,
        typer.Argument(callback=canonical, help="Collateral to take out; leave out with --claim."),
    ] = None,
    claim: Annotated[
        bool, typer.Option("--claim", help="Claim the pending request, 18 s after it.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Take collateral out: first a request, then, once its barrier and the window are past, a
    claim.
    """
    if claim == (amount is not None):
        raise typer.BadParameter("give either an amount to request or --claim")
    party = caller.party()
    if amount is None:
        clearing = party.venue["Clearing"]
        if not int(clearing.call("withdrawals", account)):
            raise Misconfigured(
                f"no withdrawal of account {account} is pending; ask for one by `infold withdraw"
                f" {account} AMOUNT`"
            )
        word = int(clearing.call("accounts", account))
        claimed = party.claim_withdrawal(account, held=bool(word >> 16 & 0xFFFF))
        done = {"account": account, **claimed.document()}
        show_command("withdraw", done, as_json, "withdrawal claimed", of_payment)
        return
    amount_e6 = parse_decimal(amount, AMOUNT_DECIMALS, "amount")
    asked = named(party.send("Clearing", "request_withdrawal", account, amount_e6), "WithdrawalSet")
    barrier_ms = int(asked["withdrawal"]) & (1 << 48) - 1
    document = {
        "account": account,
        "amount_e6": str(amount_e6),
        "claimable_after_ms": barrier_ms + WINDOW_MS,
    }
    show_command("withdraw", document, as_json, "withdrawal requested")


def position(account: Account, api_url: ApiUrl = API_URL, as_json: Json = False) -> None:
    """The account's open positions, and forced exits that stand."""
    with client(api_url) as api:
        found = api.account(account)
        held = {name: found[name] for name in ("account", "positions", "exits")}
        show_command("position", held, as_json, f"positions of account {account}", of_holdings)
