# SPDX-License-Identifier: Apache-2.0
"""Commands of people who trade: accounts, collateral, orders, positions, liquidity, markets."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from infold.cli.header import header
from infold.cli.layout import plain
from infold.cli.onchain import Desk, named, paid
from infold.cli.options import (
    API_URL,
    RPC_URL,
    ApiUrl,
    Book,
    KeyFile,
    Keystore,
    PasswordFile,
    RpcUrl,
    address_of_text,
    client,
    venue,
    wallet,
)
from infold.cli.pages import (
    Page,
    of_account,
    of_markets,
    of_orders,
    of_placed,
    of_positions,
    of_preview,
)
from infold.cli.terminal import Json, show, show_all
from infold.messages import TriggerKind
from infold.units import AMOUNT_DECIMALS, WINDOW_MS, parse_decimal

Account = Annotated[int, typer.Argument(min=0, help="The account's number.")]
Amount = Annotated[str, typer.Argument(help="Collateral as a decimal, 250.5 say.")]
Mint = Annotated[bool, typer.Option("--mint", help="Make the test dollars first; devnets only.")]
Permit = Annotated[
    bool, typer.Option("--permit", help="Sign an allowance (ERC-2612) in place of sending one.")
]
SHARE_DECIMALS = 12

account_group = typer.Typer(
    no_args_is_help=True, help="Open an account, look at it, grant and revoke keys."
)
order_group = typer.Typer(no_args_is_help=True, help="Place, cancel, list and preview orders.")
lp_group = typer.Typer(
    no_args_is_help=True, help="Provide liquidity: deposit, redeem, claim, look."
)
market_group = typer.Typer(no_args_is_help=True, help="What can be traded.")


def register(app: typer.Typer) -> None:
    """Add these commands to the root."""
    app.add_typer(account_group, name="account")
    app.command()(deposit)
    app.command()(withdraw)
    app.add_typer(order_group, name="order")
    app.command()(position)
    app.add_typer(lp_group, name="lp")
    app.add_typer(market_group, name="market")


def _show(
    command: str, found: Mapping[str, Any], as_json: bool, title: str, page: Page = plain
) -> None:
    """What a command did, after the header every object has; people read the page alone."""
    show({**header(command), **found}, as_json, title, page)


def _desk(
    rpc_url: str,
    api_url: str,
    book: Path | None,
    key_file: Path | None,
    keystore: str | None,
    password_file: Path | None,
) -> Desk:
    contracts = venue(rpc_url, api_url, book)
    return Desk(contracts, wallet(key_file, keystore, password_file, contracts.book.chain_id))


# -- accounts and collateral -------------------------------------------------


@account_group.command("open")
def open_account(
    amount: Amount,
    mint: Mint = False,
    permit: Permit = False,
    api_url: ApiUrl = API_URL,
    rpc_url: RpcUrl = RPC_URL,
    book: Book = None,
    key_file: KeyFile = None,
    keystore: Keystore = None,
    password_file: PasswordFile = None,
    as_json: Json = False,
) -> None:
    """Open an account for the key and pay its first deposit (at least 10)."""
    amount_e6 = parse_decimal(amount, AMOUNT_DECIMALS, "amount")
    if not amount_e6:
        raise typer.BadParameter("a deposit is more than nothing", param_hint="AMOUNT")
    desk = _desk(rpc_url, api_url, book, key_file, keystore, password_file)
    if permit:
        desk.check_funds(amount_e6, mint=mint)
        terms = (amount_e6, *desk.permit(amount_e6))
        logs = desk.send("Teller", "open_account_with_permit", *terms)
    else:
        desk.approve("Vault", amount_e6, mint=mint)
        logs = desk.send("Clearing", "open_account", desk.holder, amount_e6)
    opened = named(logs, "AccountOpened")
    document = {
        "account": int(opened["account"]),
        "owner": "0x" + desk.address.hex(),
        "amount_e6": str(amount_e6),
    }
    _show("account open", document, as_json, "account opened")


@account_group.command("show")
def show_account(account: Account, api_url: ApiUrl = API_URL, as_json: Json = False) -> None:
    """Collateral, equity, margin and positions as the venue sees them."""
    with client(api_url) as api:
        found = api.account(account)
        _show("account show", found, as_json, f"account {account}", of_account)


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
    document = {"path": str(path), "address": str(key)}
    _show("account keystore", document, as_json, "keystore written")


OrderHash = Annotated[
    str, typer.Argument(help="The order's hash, as `infold order place --approved --dry-run` says.")
]


@account_group.command("grant")
def grant(
    account: Account,
    key: Annotated[str, typer.Argument(help="Address of the delegated key.")],
    markets: Annotated[str, typer.Option(help="Up to 8 market names, with commas.")],
    notional: Annotated[str, typer.Option(help="The most one order may be worth.")],
    expiry_ms: Annotated[int, typer.Option(min=1, help="When the grant ends, in ms since 1970.")],
    api_url: ApiUrl = API_URL,
    rpc_url: RpcUrl = RPC_URL,
    book: Book = None,
    key_file: KeyFile = None,
    keystore: Keystore = None,
    password_file: PasswordFile = None,
    as_json: Json = False,
) -> None:
    """Let another key trade for the account; it can never withdraw."""
    from infold.words import pack_delegate_markets

    with client(api_url) as api:
        ids = [int(api.market(name.strip())["id"]) for name in markets.split(",")]
    notional_e6 = parse_decimal(notional, AMOUNT_DECIMALS, "notional")
    desk = _desk(rpc_url, api_url, book, key_file, keystore, password_file)
    desk.send(
        "Delegates", "grant", account, key, pack_delegate_markets(ids), notional_e6, expiry_ms
    )
    document = {"account": account, "key": key, "markets": markets, "expiry_ms": expiry_ms}
    _show("account grant", document, as_json, "granted")


@account_group.command("revoke")
def revoke(
    account: Account,
    key: Annotated[str, typer.Argument(help="Address of the delegated key.")],
    api_url: ApiUrl = API_URL,
    rpc_url: RpcUrl = RPC_URL,
    book: Book = None,
    key_file: KeyFile = None,
    keystore: Keystore = None,
    password_file: PasswordFile = None,
    as_json: Json = False,
) -> None:
    """Take a delegated key's rights back; it binds within the window."""
    desk = _desk(rpc_url, api_url, book, key_file, keystore, password_file)
    desk.send("Delegates", "revoke", account, key)
    _show("account revoke", {"account": account, "key": key}, as_json, "revoked")


@account_group.command("approve")
def approve(
    account: Account,
    order_hash: OrderHash,
    proof: Annotated[
        str | None,
        typer.Option("--proof", help="What the wallet takes for its signature (EIP-1271), hex."),
    ] = None,
    api_url: ApiUrl = API_URL,
    rpc_url: RpcUrl = RPC_URL,
    book: Book = None,
    key_file: KeyFile = None,
    keystore: Keystore = None,
    password_file: PasswordFile = None,
    as_json: Json = False,
) -> None:
    """Let an order serve unsigned: as its owner, or with --proof of a contract wallet."""
    digest = _hex("order hash", order_hash, 32)
    desk = _desk(rpc_url, api_url, book, key_file, keystore, password_file)
    if proof is None:
        desk.send("Delegates", "approve", account, digest)
    else:
        desk.send("Delegates", "prove", account, digest, _hex("--proof", proof))
    show({"account": account, "orderHash": "0x" + digest.hex()}, as_json, "approved")


@account_group.command("disapprove")
def disapprove(
    account: Account,
    order_hash: OrderHash,
    api_url: ApiUrl = API_URL,
    rpc_url: RpcUrl = RPC_URL,
    book: Book = None,
    key_file: KeyFile = None,
    keystore: Keystore = None,
    password_file: PasswordFile = None,
    as_json: Json = False,
) -> None:
    """Take an order's approval back for good, or forbid it; it binds within the window."""
    digest = _hex("order hash", order_hash, 32)
    desk = _desk(rpc_url, api_url, book, key_file, keystore, password_file)
    desk.send("Delegates", "disapprove", account, digest)
    show({"account": account, "orderHash": "0x" + digest.hex()}, as_json, "disapproved")


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


def deposit(
    account: Account,
    amount: Amount,
    mint: Mint = False,
    permit: Permit = False,
    api_url: ApiUrl = API_URL,
    rpc_url: RpcUrl = RPC_URL,
    book: Book = None,
    key_file: KeyFile = None,
    keystore: Keystore = None,
    password_file: PasswordFile = None,
    as_json: Json = False,
) -> None:
    """Pay collateral into an account; it counts at once."""
    amount_e6 = parse_decimal(amount, AMOUNT_DECIMALS, "amount")
    if not amount_e6:
        raise typer.BadParameter("a deposit is more than nothing", param_hint="AMOUNT")
    desk = _desk(rpc_url, api_url, book, key_file, keystore, password_file)
    if permit:
        desk.check_funds(amount_e6, mint=mint)
        terms = (account, amount_e6, *desk.permit(amount_e6))
        logs = desk.send("Teller", "deposit_with_permit", *terms)
    else:
        desk.approve("Vault", amount_e6, mint=mint)
        logs = desk.send("Clearing", "deposit", account, amount_e6)
    moved = named(logs, "CollateralMoved")
    document = {"account": account, "amount_e6": str(moved["amount_e6"])}
    _show("deposit", document, as_json, "deposited")


def withdraw(
    account: Account,
    amount: Annotated[
        str | None, typer.Argument(help="Collateral to take out; leave out with --claim.")
    ] = None,
    claim: Annotated[
        bool, typer.Option("--claim", help="Claim the pending request, 18 s after it.")
    ] = False,
    api_url: ApiUrl = API_URL,
    rpc_url: RpcUrl = RPC_URL,
    book: Book = None,
    key_file: KeyFile = None,
    keystore: Keystore = None,
    password_file: PasswordFile = None,
    as_json: Json = False,
) -> None:
    """Take collateral out: first a request, then, once its barrier and the window are past, a
    claim.
    """
    if claim == (amount is not None):
        raise typer.BadParameter("give either an amount to request or --claim")
    desk = _desk(rpc_url, api_url, book, key_file, keystore, password_file)
    if amount is None:
        word = int(desk.venue["Clearing"].call("accounts", account))
        claimed = desk.claim_withdrawal(account, held=bool(word >> 16 & 0xFFFF))
        done = {"account": account, **claimed.document()}
        _show("withdraw", done, as_json, "withdrawal claimed")
        return
    amount_e6 = parse_decimal(amount, AMOUNT_DECIMALS, "amount")
    asked = named(desk.send("Clearing", "request_withdrawal", account, amount_e6), "WithdrawalSet")
    barrier_ms = int(asked["withdrawal"]) & (1 << 48) - 1
    document = {
        "account": account,
        "amount_e6": str(amount_e6),
        "claimable_after_ms": barrier_ms + WINDOW_MS,
    }
    _show("withdraw", document, as_json, "withdrawal requested")


def position(account: Account, api_url: ApiUrl = API_URL, as_json: Json = False) -> None:
    """The account's open positions."""
    with client(api_url) as api:
        positions = list(api.account(account)["positions"])
        show_all(
            "position",
            "positions",
            positions,
            as_json,
            f"positions of account {account}",
            of_positions,
        )


# -- orders ------------------------------------------------------------------


class SideName(StrEnum):
    """The two sides."""

    BUY = "buy"
    SELL = "sell"


class TimeInForceName(StrEnum):
    """How long an order may wait."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


Market = Annotated[
    str, typer.Option("--market", "-m", help="BTC-USD say; see `infold market list`.")
]
Side = Annotated[SideName, typer.Option("--side", case_sensitive=False, help="Which way.")]
Size = Annotated[str, typer.Option("--size", help="In base units, a decimal.")]
Price = Annotated[str, typer.Option("--price", help="The limit; nothing fills beyond it.")]
TimeInForceOption = Annotated[
    TimeInForceName,
    typer.Option(
        "--time-in-force",
        "--tif",
        case_sensitive=False,
        help="Rests until filled, fills in the next batch or ends, or fills there wholly or ends.",
    ),
]
PostOnly = Annotated[
    bool, typer.Option("--post-only", help="Fill only at the oracle price or better; with GTC.")
]
ReduceOnly = Annotated[bool, typer.Option("--reduce-only", help="Never open or turn a position.")]
MaxFee = Annotated[str, typer.Option("--max-fee", help="The most to pay, as a share of notional.")]
Above = Annotated[
    str | None, typer.Option("--trigger-above", help="Sleep until the oracle is at or above this.")
]
Below = Annotated[
    str | None, typer.Option("--trigger-below", help="Sleep until the oracle is at or below this.")
]
ExpiryMs = Annotated[
    int | None,
    typer.Option(
        "--expiry-ms",
        help="When it ends, in ms since 1970; left out, a day from now for GTC, else 10 s.",
    ),
]
Slot = Annotated[
    int | None,
    typer.Option("--slot", min=0, max=255, help="One of 256 places; chosen if left out."),
]
Seq = Annotated[
    int | None, typer.Option("--seq", min=1, help="Rises within a slot; chosen if left out.")
]
Approved = Annotated[
    bool, typer.Option("--approved", help="No key signs: the owner approves the hash on chain.")
]
Delegated = Annotated[
    bool, typer.Option("--delegated", help="The key is a delegate's, not the owner's.")
]


def _trigger(above: str | None, below: str | None) -> tuple[TriggerKind, str]:
    if above is not None and below is not None:
        raise typer.BadParameter("give --trigger-above or --trigger-below, not both")
    if above is not None:
        return TriggerKind.AT_OR_ABOVE, above
    return (TriggerKind.NONE, "0") if below is None else (TriggerKind.AT_OR_BELOW, below)


@order_group.command("place")
def place(
    account: Account,
    market: Market,
    side: Side,
    size: Size,
    price: Price,
    time_in_force: TimeInForceOption = TimeInForceName.IOC,
    post_only: PostOnly = False,
    reduce_only: ReduceOnly = False,
    max_fee: MaxFee = "0.001",
    above: Above = None,
    below: Below = None,
    expiry_ms: ExpiryMs = None,
    slot: Slot = None,
    seq: Seq = None,
    delegated: Delegated = False,
    approved: Approved = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be signed and sent; send nothing.")
    ] = False,
    receipts: Annotated[
        Path | None,
        typer.Option(
            "--receipts",
            envvar="INFOLD_RECEIPTS",
            help="Check the receipt and add it to this file, for `infold challenge`.",
        ),
    ] = None,
    api_url: ApiUrl = API_URL,
    key_file: KeyFile = None,
    keystore: Keystore = None,
    password_file: PasswordFile = None,
    as_json: Json = False,
) -> None:
    """Sign an order and send it; prints the venue's receipt."""
    import json

    from infold.sdk.client import raise_if_refused

    with client(api_url, receipts) as api:
        key = None
        if not approved:
            key = wallet(key_file, keystore, password_file, int(api.meta()["chainId"]))
        order = api.prepare(
            key,
            account=account,
            market=market,
            side=side,
            size=size,
            price=price,
            time_in_force=time_in_force,
            post_only=post_only,
            reduce_only=reduce_only,
            max_fee=max_fee,
            trigger=_trigger(above, below),
            expiry_ms=expiry_ms,
            slot=slot,
            seq=seq,
            delegated=delegated,
        )
        if dry_run:
            unsent = {"orderHash": "0x" + order.order_hash.hex(), **json.loads(order.body)}
            _show("order place", unsent, as_json, "not sent")
            return
        (answer,) = api.place(order)
        raise_if_refused(answer)
        document = {"slot": order.order.slot, "seq": order.order.seq} | answer
        _show("order place", document, as_json, "order accepted", of_placed)


@order_group.command("preview")
def preview(
    account: Account,
    market: Market,
    side: Side,
    size: Size,
    price: Price,
    time_in_force: TimeInForceOption = TimeInForceName.IOC,
    reduce_only: ReduceOnly = False,
    api_url: ApiUrl = API_URL,
    key_file: KeyFile = None,
    keystore: Keystore = None,
    password_file: PasswordFile = None,
    as_json: Json = False,
) -> None:
    """Whether an order would be accepted now, and what would be signed. Nothing is placed."""
    with client(api_url) as api:
        key = wallet(key_file, keystore, password_file, int(api.meta()["chainId"]))
        order = api.prepare(
            key,
            account=account,
            market=market,
            side=side,
            size=size,
            price=price,
            time_in_force=time_in_force,
            reduce_only=reduce_only,
        )
        _show("order preview", api.preview(order), as_json, "preview", of_preview)


@order_group.command("cancel")
def cancel(
    account: Account,
    slot: Annotated[
        int | None, typer.Option("--slot", min=0, max=255, help="The order's slot.")
    ] = None,
    seq: Annotated[int | None, typer.Option("--seq", min=1, help="Up to this seq.")] = None,
    every: Annotated[
        bool, typer.Option("--all", help="All orders of the account, on chain.")
    ] = False,
    on_chain: Annotated[
        bool, typer.Option("--on-chain", help="Bind the matcher, for gas.")
    ] = False,
    delegated: Delegated = False,
    api_url: ApiUrl = API_URL,
    rpc_url: RpcUrl = RPC_URL,
    book: Book = None,
    key_file: KeyFile = None,
    keystore: Keystore = None,
    password_file: PasswordFile = None,
    as_json: Json = False,
) -> None:
    """Ask the matcher to stop an order, or make it stop with a transaction."""
    if every:
        desk = _desk(rpc_url, api_url, book, key_file, keystore, password_file)
        done = named(desk.send("Clearing", "cancel_all", account), "CancelledAll")
        document = {"account": account, "barrier_ms": int(done["barrier"])}
        _show("order cancel", document, as_json, "all cancelled")
        return
    if slot is None or seq is None:
        raise typer.BadParameter("name the order with --slot and --seq, or all of them with --all")
    if on_chain:
        desk = _desk(rpc_url, api_url, book, key_file, keystore, password_file)
        desk.send("Clearing", "cancel", account, slot, seq)
        document = {"account": account, "slot": slot, "seq": seq, "on_chain": True}
        _show("order cancel", document, as_json, "cancelled")
        return
    with client(api_url) as api:
        key = wallet(key_file, keystore, password_file, int(api.meta()["chainId"]))
        answer = api.cancel(key, account, slot, seq, delegated=delegated)
        _show("order cancel", answer, as_json, "cancelled")


@order_group.command("list")
def list_orders(account: Account, api_url: ApiUrl = API_URL, as_json: Json = False) -> None:
    """The account's open orders."""
    with client(api_url) as api:
        found = api.orders(account)
        show_all(
            "order list", "orders", found, as_json, f"open orders of account {account}", of_orders
        )


# -- liquidity ---------------------------------------------------------------


@lp_group.command("deposit")
def lp_deposit(
    amount: Amount,
    mint: Mint = False,
    api_url: ApiUrl = API_URL,
    rpc_url: RpcUrl = RPC_URL,
    book: Book = None,
    key_file: KeyFile = None,
    keystore: Keystore = None,
    password_file: PasswordFile = None,
    as_json: Json = False,
) -> None:
    """Ask to put collateral into the pool; shares are claimed once the epoch is struck, which is by
    the first batch after its end.
    """
    amount_e6 = parse_decimal(amount, AMOUNT_DECIMALS, "amount")
    if not amount_e6:
        raise typer.BadParameter("a deposit is more than nothing", param_hint="AMOUNT")
    desk = _desk(rpc_url, api_url, book, key_file, keystore, password_file)
    desk.approve("Pool", amount_e6, mint=mint)
    logs = desk.send("Pool", "requestDeposit", amount_e6, desk.holder, desk.holder)
    epoch = int(named(logs, "DepositRequest")["requestId"])
    _show("lp deposit", {"epoch": epoch, "amount_e6": str(amount_e6)}, as_json, "deposit requested")


@lp_group.command("redeem")
def lp_redeem(
    shares: Annotated[str, typer.Argument(help="Pool shares as a decimal.")],
    api_url: ApiUrl = API_URL,
    rpc_url: RpcUrl = RPC_URL,
    book: Book = None,
    key_file: KeyFile = None,
    keystore: Keystore = None,
    password_file: PasswordFile = None,
    as_json: Json = False,
) -> None:
    """Ask to take collateral out of the pool for shares; claimed once the epoch is struck. What
    open interest locks is not paid: the shares it would have taken are given back.
    """
    amount = parse_decimal(shares, SHARE_DECIMALS, "shares")
    desk = _desk(rpc_url, api_url, book, key_file, keystore, password_file)
    logs = desk.send("Pool", "requestRedeem", amount, desk.holder, desk.holder)
    epoch = int(named(logs, "RedeemRequest")["requestId"])
    _show("lp redeem", {"epoch": epoch, "shares_e12": str(amount)}, as_json, "redemption requested")


@lp_group.command("claim")
def lp_claim(
    epoch: Annotated[int, typer.Argument(min=0, help="The epoch a request joined.")],
    api_url: ApiUrl = API_URL,
    rpc_url: RpcUrl = RPC_URL,
    book: Book = None,
    key_file: KeyFile = None,
    keystore: Keystore = None,
    password_file: PasswordFile = None,
    as_json: Json = False,
) -> None:
    """Collect all that struck epochs made of the key's requests, and what this epoch gave back."""
    desk = _desk(rpc_url, api_url, book, key_file, keystore, password_file)
    holder, pool = desk.holder, desk.venue["Pool"]
    document: dict[str, Any] = {"epoch": epoch, "shares_e12": "0", "paid_e6": "0", "tickets": []}
    claimed = False
    for most, claim, event, key, gained in (
        ("maxDeposit", "deposit", "Deposit", "shares_e12", "shares"),
        ("maxRedeem", "redeem", "Withdraw", "paid_e6", "assets"),
    ):
        amount = int(pool.call(most, holder))
        if amount:
            logs = desk.send("Pool", claim, amount, holder, holder)
            document[key], claimed = str(named(logs, event)[gained]), True
            document["tickets"] += paid(logs).tickets
    for side, key, amount_of in (
        ("Deposit", "returned_e6", "assets"),
        ("Redeem", "returned_shares_e12", "shares"),
    ):
        back = int(pool.call(f"claimableCancel{side}Request", epoch, holder))
        # With nothing to collect at all the contract says so itself.
        if back or (side == "Redeem" and not claimed):
            logs = desk.send("Pool", f"claimCancel{side}Request", epoch, holder, holder)
            document[key] = str(named(logs, f"Cancel{side}Claim")[amount_of])
            document["tickets"] += paid(logs).tickets
            claimed = True
    _show("lp claim", document, as_json, "claimed")


@lp_group.command("position")
def lp_position(
    owner: Annotated[str, typer.Argument(help="Address that holds shares.")],
    api_url: ApiUrl = API_URL,
    rpc_url: RpcUrl = RPC_URL,
    book: Book = None,
    as_json: Json = False,
) -> None:
    """Shares held, and what they were worth at the last strike."""
    holder = "0x" + address_of_text(owner).hex()
    contracts = venue(rpc_url, api_url, book)
    pool = contracts["Pool"]
    shares = int(pool.call("balanceOf", holder))
    document = {
        "owner": owner,
        "shares_e12": str(shares),
        "worth_e6": str(int(pool.call("convertToAssets", shares))),
        "supply_e12": str(int(pool.call("supply"))),
        "capital_e6": str(int(pool.call("totalAssets"))),
    }
    _show("lp position", document, as_json, "liquidity")


# -- markets -----------------------------------------------------------------


@market_group.command("list")
def list_markets(api_url: ApiUrl = API_URL, as_json: Json = False) -> None:
    """Every listed market with its rules and latest oracle price."""
    with client(api_url) as api:
        show_all("market list", "markets", api.markets(), as_json, "markets", of_markets)
