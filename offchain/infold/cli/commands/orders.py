# SPDX-License-Identifier: Apache-2.0
"""Commands about orders: placing, previewing, cancelling and listing them; what became of them."""

from __future__ import annotations

import re
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infold.cli.caller import Caller, on_chain
from infold.cli.numbers import canonical
from infold.cli.onchain import named
from infold.cli.options import (
    API_URL,
    Account,
    ApiUrl,
    KeyFile,
    Keystore,
    Market,
    PasswordFile,
    client,
    wallet,
)
from infold.cli.pages.outcomes import of_fills, of_outcome
from infold.cli.pages.trading import of_cancelled, of_orders, of_placed, of_preview
from infold.cli.terminal import Json, complain, show_all, show_command
from infold.errors import InfoldError
from infold.messages import TriggerKind

if TYPE_CHECKING:
    from infold.sdk.client import Client

WAIT_S = 15  # the 10 s that an IOC or FOK lives unless told otherwise, and a late batch
LOOK_S = 0.25  # between two looks at an order that is waited for

order_group = typer.Typer(
    no_args_is_help=True, help="Place, cancel, list and preview orders; see what became of them."
)


def register(app: typer.Typer) -> None:
    """Add these commands to the root."""
    app.add_typer(order_group, name="order")


class SideName(StrEnum):
    """The two sides."""

    BUY = "buy"
    SELL = "sell"


class TimeInForceName(StrEnum):
    """How long an order may wait."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


Side = Annotated[SideName, typer.Option("--side", case_sensitive=False, help="Which way.")]
Size = Annotated[str, typer.Option("--size", callback=canonical, help="In base units, a decimal.")]
Price = Annotated[
    str, typer.Option("--price", callback=canonical, help="The limit; nothing fills beyond it.")
]
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
MaxFee = Annotated[
    str,
    typer.Option("--max-fee", callback=canonical, help="The most to pay, as a share of notional."),
]
Above = Annotated[
    str | None,
    typer.Option(
        "--trigger-above", callback=canonical, help="Sleep until the oracle is at or above this."
    ),
]
Below = Annotated[
    str | None,
    typer.Option(
        "--trigger-below", callback=canonical, help="Sleep until the oracle is at or below this."
    ),
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
    wait_s: Annotated[
        int | None,
        typer.Option(
            "--wait-s",
            min=0,
            max=600,
            help="Wait so long for its end, and tell it; left out, 15 for IOC and FOK, 0 for GTC. A"
            " look that fails leaves the outcome out: the order is placed.",
        ),
    ] = None,
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
    """Sign an order and send it; prints the venue's receipt, and what became of an order that does
    not rest.
    """
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
            show_command("order place", unsent, as_json, "not sent")
            return
        (answer,) = api.place(order)
        raise_if_refused(answer)
        if wait_s is None:
            wait_s = 0 if time_in_force is TimeInForceName.GTC else WAIT_S
        document = {
            "account": account,
            "slot": order.order.slot,
            "seq": order.order.seq,
            **answer,
            "outcome": _waited(api, answer["orderHash"], wait_s) if wait_s else None,
        }
        show_command("order place", document, as_json, "order accepted", of_placed)


def _waited(api: Client, order_hash: str, wait_s: int) -> dict[str, Any] | None:
    """What became of an accepted order, or what it is after a while. None where a look fails or is
    interrupted, which is said: the receipt is still to be printed, or the order would look unsent
    and be signed again.
    """
    until_s = time.monotonic() + wait_s
    try:
        while (found := api.outcome(order_hash))["open"] and time.monotonic() < until_s:
            time.sleep(LOOK_S)
    except (InfoldError, KeyboardInterrupt) as failed:
        why = str(failed).partition("; ")[0] or "interrupted"
        complain(
            f"the order was accepted, and what became of it is not known ({why}); do not place it"
            f" again, see infold order show {order_hash}"
        )
        return None
    return found


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
        show_command("order preview", api.preview(order), as_json, "preview", of_preview)


@order_group.command("cancel")
@on_chain
def cancel(
    caller: Caller,
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
    as_json: Json = False,
) -> None:
    """Ask the matcher to stop an order, or make it stop with a transaction."""
    if every:
        party = caller.party()
        done = named(party.send("Clearing", "cancel_all", account), "CancelledAll")
        document = {"account": account, "barrier_ms": int(done["barrier"])}
        show_command("order cancel", document, as_json, "all cancelled")
        return
    if slot is None or seq is None:
        raise typer.BadParameter("name the order with --slot and --seq, or all of them with --all")
    if on_chain:
        party = caller.party()
        party.send("Clearing", "cancel", account, slot, seq)
        document = {"account": account, "slot": slot, "seq": seq, "on_chain": True}
        show_command("order cancel", document, as_json, "cancelled")
        return
    with caller.client() as api:
        key = caller.wallet(int(api.meta()["chainId"]))
        answer = api.cancel(key, account, slot, seq, delegated=delegated)
        show_command("order cancel", answer, as_json, "cancelled", of_cancelled)


@order_group.command("list")
def list_orders(account: Account, api_url: ApiUrl = API_URL, as_json: Json = False) -> None:
    """The account's open orders."""
    with client(api_url) as api:
        found = api.orders(account)
        show_all(
            "order list", "orders", found, as_json, f"open orders of account {account}", of_orders
        )


@order_group.command("show")
def show_order(
    order_hash: Annotated[str, typer.Argument(help="As `infold order place` printed it.")],
    api_url: ApiUrl = API_URL,
    as_json: Json = False,
) -> None:
    """What became of an order: its state and why, what it filled, at what price and fee, in which
    batch and transaction.
    """
    if not re.fullmatch("(0x)?[0-9a-fA-F]{64}", order_hash):
        raise typer.BadParameter("an order's hash is 0x and 64 hex digits")
    with client(api_url) as api:
        found = api.outcome("0x" + order_hash.removeprefix("0x"))
        show_command("order show", found, as_json, "order", of_outcome)


@order_group.command("fills")
def list_fills(account: Account, api_url: ApiUrl = API_URL, as_json: Json = False) -> None:
    """The account's fills, oldest first."""
    with client(api_url) as api:
        found = api.fills(account)
        show_all("order fills", "fills", found, as_json, f"fills of account {account}", of_fills)
