# SPDX-License-Identifier: Apache-2.0
"""What one side of a market gives up where the pool has no room, position by position
(docs/protocol.md §7): who is behind, who is being let out, what a fold makes of a position.
"""

from __future__ import annotations

from typing import NamedTuple

from .arithmetic import QUOTE_SCALE, WINDOW_MS
from .faults import require
from .margin import credit
from .state import CLOCK, EVENTS, INCOMING, METER, POOL, TRANSIT, State
from .words import Clock, Deleveraging, Events, Exit, Holding, Meter, Position

EXIT_DELAY_MS = 60_000
FOLDS_MAX = 64


def events_of(state: State, market: int) -> Events:
    """How often each side of a market was deleveraged."""
    return Events.of(state.market_word(market, EVENTS))


def last_of(state: State, position: Position) -> int:
    """The last deleveraging of a position's side."""
    events = events_of(state, position.market)
    return events.longs if position.base_e8 > 0 else events.shorts


def behind(state: State, position: Position) -> bool:
    """Whether the position has not given up yet what its side owes."""
    return position.event < last_of(state, position)


def leaving(state: State, key: int, position: Position, time_ms: int) -> bool:
    """Whether an appointed time of the position's exit is within the window of `time_ms`."""
    if not position.event & 1:
        return False
    since_ms = time_ms + WINDOW_MS - Exit.of(state.exits.get(key, 0)).asked_ms
    return since_ms >= EXIT_DELAY_MS and since_ms % EXIT_DELAY_MS <= 2 * WINDOW_MS


class Spread(NamedTuple):
    """Where a position's change goes: to the pool, and to whoever folds `owed`."""

    pool: Holding
    owed: Deleveraging | None


def split(state: State, market: int, change_e8: int, price_e8: int, funding_index: int) -> Spread:
    """Share a change among all who hold the other side."""
    held = Holding.of(state.market_word(market, POOL)).base_e8
    if Clock.of(state.market_word(market, CLOCK)).incoming:
        held += Holding.of(state.market_word(market, INCOMING)).base_e8
    interest = Meter.of(state.market_word(market, METER)).open_interest_e8
    side = 1 if change_e8 > 0 else -1
    of_pool = max(0, side * held)
    total = interest + max(0, held)
    part = of_pool * abs(change_e8) // total
    closed = abs(change_e8) - part
    owed = None
    if closed:
        owed = Deleveraging(closed, int(side > 0), total - of_pool, price_e8, funding_index)
    return Spread(Holding(-side * part, side * part * price_e8 // QUOTE_SCALE), owed)


def note(state: State, market: int, owed: Deleveraging) -> int:
    """Count a deleveraging; its number."""
    events = events_of(state, market)
    number = events.last + 2
    sides = {"longs": number} if owed.long else {"shorts": number}
    state.put_market_word(market, EVENTS, events._replace(last=number, **sides).word)
    return number


class Folded(NamedTuple):
    """A position after a fold, and what left it."""

    position: Position
    funding_e6: int
    moved_e8: int
    moved_e6: int


def fold(position: Position, owed: Deleveraging, number: int, shift: int) -> Folded:
    """Give up the part of one deleveraging: lots round up, money down."""
    held = abs(position.base_e8)
    side = 1 if position.base_e8 > 0 else -1
    part = min(held, -(-held * owed.closed_e8 // owed.total_e8))
    funding = credit(position.base_e8, owed.funding_index - position.funding_index, shift)
    got = side * part * owed.price_e8 // QUOTE_SCALE
    after = Position(
        position.market,
        position.base_e8 - side * part,
        position.quote_e6 + funding + got,
        owed.funding_index,
        number | position.event & 1,
    )
    return Folded(after, funding, -side * part, got)


def in_transit(state: State, market: int, base_e8: int, quote_e6: int) -> None:
    """Add to what was closed and is not folded."""
    held = Holding.of(state.market_word(market, TRANSIT))
    moved = Holding(held.base_e8 + base_e8, held.quote_e6 + quote_e6)
    state.put_market_word(market, TRANSIT, moved.word)


def check_side(position: Position, owed: Deleveraging) -> None:
    """A fold is of the position's own side."""
    right = position.base_e8 != 0 and (position.base_e8 > 0) == bool(owed.long)
    require(right, "clearing: not of this side")
