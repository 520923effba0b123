# SPDX-License-Identifier: Apache-2.0
"""Commands of liquidity providers: deposit into the pool, redeem, claim, look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from infold.cli.caller import Caller, on_chain
from infold.cli.numbers import canonical
from infold.cli.onchain import named, paid
from infold.cli.options import Amount, Mint, address_of_text, deposit_e6
from infold.cli.pages.liquidity import of_holding
from infold.cli.pages.payments import of_payment
from infold.cli.terminal import Json, show_command
from infold.errors import Misconfigured
from infold.signing import checksum_address
from infold.units import SHARE_DECIMALS, parse_decimal
from infold.words import unpack_head

if TYPE_CHECKING:
    from infold.shell.chain import Venue

REQUESTED: Final = ("DepositRequest", "RedeemRequest")

Owner = Annotated[
    str | None, typer.Argument(help="Address that holds shares; the key's if left out.")
]

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
    shares: Annotated[
        str | None,
        typer.Argument(callback=canonical, help="Pool shares as a decimal; leave out with --all."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All shares that the key holds.")] = False,
    as_json: Json = False,
) -> None:
    """Ask to take collateral out of the pool for shares; claimed once the epoch is struck. What
    open interest locks is not paid: the shares it would have taken are given back.
    """
    if every == (shares is not None):
        raise typer.BadParameter("give either a number of shares or --all")
    amount = 0 if shares is None else parse_decimal(shares, SHARE_DECIMALS, "shares")
    party = caller.party()
    if shares is None:
        amount = int(party.venue["Pool"].call("balanceOf", party.holder))
        if not amount:
            raise Misconfigured(
                f"{party.holder} holds no pool shares; sign with the key that does, or collect"
                " what a struck epoch made first, by `infold lp claim`"
            )
    logs = party.send("Pool", "requestRedeem", amount, party.holder, party.holder)
    epoch = int(named(logs, "RedeemRequest")["requestId"])
    show_command(
        "lp redeem", {"epoch": epoch, "shares_e12": str(amount)}, as_json, "redemption requested"
    )


@lp_group.command("claim")
@on_chain
def lp_claim(
    caller: Caller,
    epoch: Annotated[
        int | None,
        typer.Argument(min=0, help="Only requests of epochs up to this one; all if left out."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Collect what struck epochs made of the key's requests and what they gave back, the oldest
    first; `epochs` names those that something came of.
    """
    party = caller.party()
    holder = party.holder
    struck = [
        one
        for one in _requests(party.venue, holder)
        if one["state"] == "claimable" and (epoch is None or one["epoch"] <= epoch)
    ]
    document: dict[str, Any] = {"epochs": [], "shares_e12": "0", "paid_e6": "0", "tickets": []}
    epochs: set[int] = set()
    for asked, claim, event, key, gained in (
        ("deposit_e6", "deposit", "Deposit", "shares_e12", "shares"),
        ("redeem_e12", "redeem", "Withdraw", "paid_e6", "assets"),
    ):
        amount = sum(int(one[asked]) for one in struck)
        if amount:
            logs = party.send("Pool", claim, amount, holder, holder)
            document[key] = str(named(logs, event)[gained])
            document["tickets"] += paid(logs).tickets
            epochs |= {
                int(log.arguments["place"]) >> 1
                for log in logs
                if (log.contract, log.name) == ("Pool", "Claimed")
            }
    for side, given_back, key, amount_of in (
        ("Deposit", "returned_e6", "returned_e6", "assets"),
        ("Redeem", "returned_e12", "returned_shares_e12", "shares"),
    ):
        back = [one["epoch"] for one in struck if int(one[given_back])]
        if side == "Redeem" and not (epochs or back):
            # With nothing to collect at all the contract says so itself.
            running = unpack_head(int(party.venue["Clearing"].call("head"))).epoch
            back = [running if epoch is None else epoch]
        for returned in back:
            logs = party.send("Pool", f"claimCancel{side}Request", returned, holder, holder)
            amount = int(named(logs, f"Cancel{side}Claim")[amount_of])
            document[key] = str(int(document.get(key, 0)) + amount)
            document["tickets"] += paid(logs).tickets
            epochs.add(returned)
    document["epochs"] = sorted(epochs)
    show_command("lp claim", document, as_json, "claimed", of_payment)


@lp_group.command("show")
@on_chain
def lp_show(caller: Caller, owner: Owner = None, as_json: Json = False) -> None:
    """Shares held and what they were worth at the last strike; the pool's epoch; each request that
    pends or can be claimed, and what `infold lp claim` would collect.
    """
    _show("lp show", caller, owner, as_json)


@lp_group.command("position", hidden=True)
@on_chain
def lp_position(caller: Caller, owner: Owner = None, as_json: Json = False) -> None:
    """What `infold lp show` was called before."""
    _show("lp position", caller, owner, as_json)


def _show(command: str, caller: Caller, owner: str | None, as_json: bool) -> None:
    holder = None if owner is None else checksum_address(address_of_text(owner))
    there = caller.venue()
    if holder is None:
        holder = str(caller.wallet(there.book.chain_id))
    found = {"owner": owner or holder, **holding(there, holder)}
    show_command(command, found, as_json, "liquidity", of_holding)


# -- reading -----------------------------------------------------------------


def holding(there: Venue, holder: str) -> dict[str, Any]:
    """What an address has in the pool: shares, requests, and what of them can be claimed."""
    pool = there["Pool"]
    head = unpack_head(int(there["Clearing"].call("head")))
    shares = int(pool.call("balanceOf", holder))
    return {
        "shares_e12": str(shares),
        "worth_e6": str(int(pool.call("convertToAssets", shares))),
        "supply_e12": str(int(pool.call("supply"))),
        "capital_e6": str(int(pool.call("totalAssets"))),
        "epoch": head.epoch,
        "epoch_end_ms": head.epoch_end_ms,
        "claimable_shares_e12": str(int(pool.call("maxMint", holder))),
        "claimable_e6": str(int(pool.call("maxWithdraw", holder))),
        "requests": _requests(there, holder),
    }


def _requests(there: Venue, holder: str) -> list[dict[str, Any]]:
    """What pends or can be claimed of an address's requests, by epoch; what was claimed is left
    out. `returned_` is what a strike gave back, of a deposit or of a redemption.
    """
    from infold.shell.chain import block

    last, controller = block(there.rpc).number, address_of_text(holder)
    epochs = {
        int(log.arguments["requestId"])
        for log in there.logs(there.book.first_block, last, only="Pool")
        if log.name in REQUESTED and log.arguments["controller"] == controller
    }
    requests = []
    for epoch in sorted(epochs):
        amounts = {
            (state, side): int(there["Pool"].call(f"{state}{side}Request", epoch, holder))
            for state in ("pending", "claimable", "claimableCancel")
            for side in ("Deposit", "Redeem")
        }
        pending = amounts["pending", "Deposit"] or amounts["pending", "Redeem"]
        state = "pending" if pending else "claimable"
        if any(amounts.values()):
            requests.append(
                {
                    "epoch": epoch,
                    "state": state,
                    "deposit_e6": str(amounts[state, "Deposit"]),
                    "redeem_e12": str(amounts[state, "Redeem"]),
                    "returned_e6": str(amounts["claimableCancel", "Deposit"]),
                    "returned_e12": str(amounts["claimableCancel", "Redeem"]),
                }
            )
    return requests
