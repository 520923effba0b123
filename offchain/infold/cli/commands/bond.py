# SPDX-License-Identifier: Apache-2.0
"""`infold bond`: what the matcher stakes, what the timelock does with it, and the proof of two
seals (docs/protocol.md section 12). Claims of traders are `infold challenge` and `defend`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from infold.cli.caller import Caller, on_chain
from infold.cli.commands.govern import Again, Asked, Cancel, Execute, bring_on
from infold.cli.numbers import canonical
from infold.cli.onchain import named
from infold.cli.options import (
    API_URL,
    RPC_URL,
    Amount,
    ApiUrl,
    Book,
    Mint,
    RpcUrl,
    address_of_text,
    deposit_e6,
    venue,
)
from infold.cli.terminal import Json, show_command
from infold.errors import Misconfigured
from infold.signing import checksum_address
from infold.units import AMOUNT_DECIMALS, parse_decimal
from infold.utc import moment

if TYPE_CHECKING:
    from infold.shell.chain import Venue

_M64 = 2**64 - 1

commands = typer.Typer(no_args_is_help=True, help="The matcher's bond: look, stake, take back.")


def register(app: typer.Typer) -> None:
    """Add these commands to the root."""
    app.add_typer(commands, name="bond")


# -- the stake ---------------------------------------------------------------


@commands.command()
def show(
    rpc_url: RpcUrl = RPC_URL, api_url: ApiUrl = API_URL, book: Book = None, as_json: Json = False
) -> None:
    """What is staked, what of it is reserved by open claims, its terms, and a withdrawal on its
    way.
    """
    show_command("bond show", stake(venue(rpc_url, api_url, book)), as_json, "the matcher's bond")


@commands.command("deposit")
@on_chain
def deposit(caller: Caller, amount: Amount, mint: Mint = False, as_json: Json = False) -> None:
    """Add to the bond; any key may, and gets nothing for it."""
    amount_e6 = deposit_e6(amount)
    party = caller.party()
    party.approve("Bond", amount_e6, mint=mint)
    told = named(party.send("Bond", "deposit", amount_e6), "Deposited")
    document = {"amount_e6": str(amount_e6), "bond_e6": str(told["bond_e6"])}
    show_command("bond deposit", document, as_json, "staked")


@commands.command()
@on_chain
def announce(
    caller: Caller,
    to: Annotated[str, typer.Argument(help="Who is to be paid, a 0x address.")],
    amount: Annotated[
        str, typer.Argument(callback=canonical, help="Collateral as a decimal; 0 gives it up.")
    ],
    execute: Execute = False,
    cancel: Cancel = False,
    again: Again = False,
    as_json: Json = False,
) -> None:
    """Begin to take the bond back, through the timelock as `infold govern` does: scheduled by a
    proposer, made with --execute. It is paid a window and a day after that: `infold bond withdraw`.
    """
    payee = checksum_address(address_of_text(to))
    amount_e6 = parse_decimal(amount, AMOUNT_DECIMALS, "amount")
    party = caller.party()
    arguments = (payee, amount_e6)
    asked = Asked(execute=execute, cancel=cancel, again=again)
    bring_on(party, "announce_withdrawal", arguments, asked, as_json, "Bond")


@commands.command()
@on_chain
def withdraw(caller: Caller, as_json: Json = False) -> None:
    """Pay an announced withdrawal that is due, of what no claim reserves, to whom it was announced
    for; any key may.
    """
    told = named(caller.party().send("Bond", "withdraw"), "Withdrawn")
    document = {"to": checksum_address(told["to"]), "amount_e6": str(told["amount_e6"])}
    show_command("bond withdraw", document, as_json, "taken back")


# -- claims ------------------------------------------------------------------


@commands.command()
@on_chain
def dismiss(
    caller: Caller,
    order_hash: Annotated[str, typer.Argument(help="Of the claim, as `infold defend` prints it.")],
    execute: Execute = False,
    cancel: Cancel = False,
    as_json: Json = False,
) -> None:
    """Answer a claim for a reason that no signature shows (margin, a market that only shrank, a
    full batch), through the timelock: schedule it at once, --execute it inside the claim's window.

    Say in public why: anyone can replay the batch.
    """
    digest = _digest_of(order_hash)
    party = caller.party()
    if not (execute or cancel):
        _check_in_time(party.venue, digest)
    asked = Asked(execute=execute, cancel=cancel)
    bring_on(party, "dismiss", (digest,), asked, as_json, "Bond")


def _check_in_time(there: Venue, order_hash: bytes) -> None:
    """Raise `Misconfigured` if a claim is over before the timelock could let it be dismissed."""
    from infold.shell.chain import block

    claim = int(there["Bond"].call("claims", order_hash))
    delay_s = int(there["Timelock"].call("get_minimum_delay"))
    soonest_s, due_s = block(there.rpc).timestamp_s + delay_s, claim >> 96
    if claim & _M64 and soonest_s > due_s:
        raise Misconfigured(
            f"the claim may be paid after {moment(due_s * 1000)}, and the timelock would let it be"
            f" dismissed from {moment(soonest_s * 1000)}: too late, it will be paid; `infold bond"
            " show` says what the bond holds besides"
        )


# -- two seals ---------------------------------------------------------------


class Seal(NamedTuple):
    """A batch's seal as `Bond` takes it, and under which number."""

    number: int
    time_ms: int
    contents: bytes
    r: int
    vs: int


@commands.command("two-seals")
@on_chain
def two_seals(
    caller: Caller,
    first: Annotated[
        str,
        typer.Argument(
            help="A sealed batch: the hash of the transaction that carried it, landed or not, or a"
            " file with its calldata in hex."
        ),
    ],
    second: Annotated[str, typer.Argument(help="Another of the same number.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be shown; send nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show that the matcher sealed one batch number twice: the reward goes from its bond to
    insurance, once a number.
    """
    party = caller.party()
    seals = [_seal_of(party.venue, told) for told in (first, second)]
    number = seals[0].number
    if seals[1].number != number:
        raise Misconfigured(
            f"the two are of batches {number} and {seals[1].number}; show two of one number"
        )
    document: dict[str, Any] = {
        "batch": number,
        "seals": [
            {"time_ms": seal.time_ms, "contents": "0x" + seal.contents.hex()} for seal in seals
        ],
        "state": "found",
    }
    if not dry_run:
        logs = party.send("Bond", "prove_two_seals", number, *(tuple(seal[1:]) for seal in seals))
        paid_e6 = named(logs, "SealedTwice")["amount_e6"]
        document |= {"state": "proven", "amount_e6": str(paid_e6)}
    show_command("bond two-seals", document, as_json, "two seals of one number")


def _seal_of(there: Venue, told: str) -> Seal:
    from infold.shell.chain import batch_of_settle, calldata_of

    try:
        data = (
            calldata_of(there.rpc, _digest_of(told))
            if told.startswith("0x")
            else bytes.fromhex(Path(told).read_text("utf-8").strip().removeprefix("0x"))
        )
        batch = batch_of_settle(data)
    except (OSError, UnicodeDecodeError, ValueError, IndexError, TypeError) as error:
        raise Misconfigured(
            f"{told} is no batch: {error}; name a transaction of this chain by its hash, or a file"
            " with the calldata of `settle` in hex"
        ) from None
    if batch is None:
        raise Misconfigured(f"{told} calls something else than `settle`")
    return Seal(batch.number, batch.time_ms, batch.contents, *batch.seal)


# -- reading -----------------------------------------------------------------


def stake(there: Venue) -> dict[str, Any]:
    """What a venue's bond holds and on which terms; `withdrawal` is None if none is announced."""
    bond = there["Bond"]
    staked_e6, reserved_e6 = (int(bond.call(name)) for name in ("bond_e6", "reserved_e6"))
    window_s = int(bond.call("window_s"))
    to, amount_e6, _, due_s = bond.call("withdrawal")
    return {
        "bond_e6": str(staked_e6),
        "reserved_e6": str(reserved_e6),
        "free_e6": str(staked_e6 - reserved_e6),
        "reward_e6": str(bond.call("reward_e6")),
        "window_s": window_s,
        "withdrawal": {"to": to, "amount_e6": str(amount_e6), "due_s": int(due_s)}
        if amount_e6
        else None,
    }


def _digest_of(text: str) -> bytes:
    """32 bytes from 0x and 64 hex digits. Raises `Misconfigured`."""
    try:
        digest = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        digest = b""
    if len(digest) != 32 or not text.startswith("0x"):
        raise Misconfigured(f"{text!r} is no hash: give 0x and 64 hex digits")
    return digest
