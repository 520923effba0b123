# SPDX-License-Identifier: Apache-2.0
"""`infold exit`: out of a position without the matcher (docs/protocol.md section 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import typer

from infold.cli.caller import Caller, on_chain
from infold.cli.numbers import canonical
from infold.cli.onchain import named
from infold.cli.options import Account, Market
from infold.cli.terminal import Json, show_command
from infold.errors import Misconfigured
from infold.units import EXIT_DELAY_MS, PLACES, SIZE_DECIMALS, parse_decimal
from infold.words import (
    PositionWord,
    parameter_place,
    unpack_account,
    unpack_clock,
    unpack_exit,
    unpack_listing,
    unpack_position,
)

if TYPE_CHECKING:
    from infold.shell.chain import Contract

MARKET_MAX: Final = 255  # the greatest number a market may have


class Held(NamedTuple):
    """A position and the place it is held at."""

    place: int
    position: PositionWord


def register(app: typer.Typer) -> None:
    """Add this command to the root."""
    app.command("exit")(exit_position)


@on_chain
def exit_position(
    caller: Caller,
    account: Account,
    market: Market,
    size: Annotated[
        str | None,
        typer.Option(
            "--size", callback=canonical, help="In base units, a decimal; all if left out."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Ask to be let out of a position without the matcher, for good: at the oracle's price of a
    minute from now, or of a later whole minute.

    Anyone carries it out at its time, as `infold keeper` does; the price is 20 bp worse, or
    by what the pool asks at least where that is more. Less than half of a position only goes as far
    as the pool has room; the rest stays. It cannot be taken back.
    """
    wanted_e8 = None if size is None else parse_decimal(size, SIZE_DECIMALS, "size")
    party = caller.party()
    held = held_in(party.venue["Clearing"], account, market)
    size_e8 = abs(held.position.base_e8) if wanted_e8 is None else wanted_e8
    logs = party.send("Recovery", "force_reduce", account, held.place, size_e8)
    asked = unpack_exit(int(named(logs, "ExitSet")["exit"]))
    document = {
        "account": account,
        "market": market,
        "index": held.place,
        "size_e8": str(asked.size_e8),
        "asked_ms": asked.asked_ms,
        "due_ms": asked.asked_ms + EXIT_DELAY_MS,
    }
    show_command("exit", document, as_json, "exit asked for")


def held_in(clearing: Contract, account: int, market: str) -> Held:
    """An account's position in a market of this name, as the chain lists it. Raises
    `Misconfigured` where there is none, naming those there are.
    """
    mask = unpack_account(int(clearing.call("accounts", account))).mask
    places = [place for place in range(PLACES) if mask >> place & 1]
    words = clearing.calls("positions", [[account * PLACES + place] for place in places])
    held = [Held(*pair) for pair in zip(places, map(unpack_position, words), strict=True)]
    names = [name_of(clearing, one.position.market) for one in held]
    if market not in names:
        listed = listed_in(clearing)
        if market not in listed:
            raise Misconfigured(
                f"no market is called {market}; name one of {', '.join(listed) or 'none listed'}"
            )
        raise Misconfigured(
            f"account {account} holds nothing in {market}; it holds {', '.join(names) or 'nothing'}"
        )
    return held[names.index(market)]


def listed_in(clearing: Contract) -> list[str]:
    """The names of all markets that are listed, in the order of their numbers."""
    words = clearing.calls("market_words", [[market * 8] for market in range(1, MARKET_MAX + 1)])
    return [name_of(clearing, market) for market, word in enumerate(words, 1) if int(word)]


def name_of(clearing: Contract, market: int) -> str:
    """What a market is listed as."""
    version = unpack_clock(int(clearing.call("market_words", market * 8))).version
    listing = clearing.call("parameter_words", parameter_place(market, version) + 2)
    return unpack_listing(int(listing)).name
