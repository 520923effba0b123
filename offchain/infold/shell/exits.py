# SPDX-License-Identifier: Apache-2.0
"""Forced exits that stand, and what came of one (docs/protocol.md section 7): whose position, at
which appointed times, who took it over and at what price.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from infold.shell.chain import Contract, Log
from infold.units import EXIT_DELAY_MS, FRACTION_ONE_E6, LEAD_MS, QUOTE_DIVISOR, WINDOW_MS
from infold.vectors import opened_for, price_in
from infold.words import (
    ExitWord,
    PositionWord,
    SettleHead,
    is_exit_of,
    pack_settle_head,
    parameter_place,
    unpack_clock,
    unpack_position,
    unpack_rates,
    unpack_settle_head,
)

Vector = tuple[int, list[int], list[tuple[int, int]]]
"""Prices as `Recovery` takes them: head, openings, signatures."""
LEAN_E6: Final = 2_000
"""What an owner gives up at least, as a share of the oracle's price (`Recovery.EXIT_LEAN_E6`)."""
POOL, OTHER_SIDE = "pool", "other side"


class PendingExit(NamedTuple):
    """An exit that was asked for and stands; `position` is what its place holds now."""

    account: int
    place: int
    asked: ExitWord
    position: PositionWord

    @property
    def is_closed(self) -> bool:
        """Whether the position it was asked for is gone: anyone ends the request, at no price."""
        return not is_exit_of(self.asked, self.position)

    @property
    def due_ms(self) -> int:
        """The first of its appointed times."""
        return self.asked.asked_ms + EXIT_DELAY_MS

    def appointed_ms(self, now_ms: int) -> int:
        """The appointed time whose vector serves now, or the next one there will be."""
        since_ms = now_ms - WINDOW_MS - self.asked.asked_ms
        after_ms = max(0, self.asked.done_ms - self.asked.asked_ms)
        rounds = max(1, -(-since_ms // EXIT_DELAY_MS), after_ms // EXIT_DELAY_MS + 1)
        return self.asked.asked_ms + rounds * EXIT_DELAY_MS

    def serves(self, now_ms: int) -> bool:
        """Whether a vector of that time would be taken now."""
        return self.appointed_ms(now_ms) <= now_ms + LEAD_MS

    def without_prices(self) -> Vector:
        """What ends a request whose position is gone: an appointed time, no prices and no
        signatures, since nothing is priced (`Recovery.execute_exit` returns before it reads any).
        """
        return pack_settle_head(SettleHead(time_ms=self.appointed_ms(0))), [], []


class Taken(NamedTuple):
    """What one side took over, at which price, and what that was below the oracle's."""

    whom: str
    size_e8: int
    price_e8: int
    paid_e6: int


class Outcome(NamedTuple):
    """What came of an exit. What nobody took of it stayed with its owner."""

    oracle_price_e8: int
    taken: list[Taken]

    @property
    def size_e8(self) -> int:
        return sum(part.size_e8 for part in self.taken)


def outcome_of(
    clearing: Contract, pending: PendingExit, vector: Vector, logs: Sequence[Log]
) -> Outcome | None:
    """What an exit's logs say was done at its vector's price; None if its position was gone by
    then, so that the request ended at no price. The position is logged first as it was, then as
    the pool left it, then as the other side did.
    """
    market, long = pending.asked.market, pending.asked.long
    held = [
        unpack_position(int(log.arguments["position"]))
        for log in logs
        if log.name == "Applied"
        and (int(log.arguments["account"]), int(log.arguments["index"])) == pending[:2]
    ]
    if not held or (held[0].market, int(held[0].base_e8 > 0)) != (market, long):
        return None
    sizes_e8 = [abs(position.base_e8) for position in held]
    spread_e8 = 0
    if any(log.name == "Deleveraged" for log in logs):
        spread_e8 = sizes_e8[-2] - sizes_e8[-1]
    oracle_price_e8 = price_of(vector, market)
    lean_e6, mm_e6 = _leans(clearing, market, unpack_settle_head(vector[0]).time_ms)
    taken = []
    for whom, size_e8, share_e6 in (
        (POOL, sizes_e8[0] - sizes_e8[-1] - spread_e8, lean_e6),
        (OTHER_SIDE, spread_e8, min(lean_e6, mm_e6)),
    ):
        offset_e8 = oracle_price_e8 * share_e6 // FRACTION_ONE_E6
        if size_e8:
            price_e8 = oracle_price_e8 - offset_e8 if long else oracle_price_e8 + offset_e8
            taken.append(Taken(whom, size_e8, price_e8, -(-size_e8 * offset_e8 // QUOTE_DIVISOR)))
    return Outcome(oracle_price_e8, taken)


def _leans(clearing: Contract, market: int, time_ms: int) -> tuple[int, int]:
    """What the pool takes a position below the oracle's price for, and the most that the other
    side may, e6.
    """
    clock = unpack_clock(int(clearing.call("market_words", market * 8)))
    place = parameter_place(market, clock.version_at(time_ms))
    rates = unpack_rates(int(clearing.call("parameter_words", place)))
    return max(LEAN_E6, rates.h_min_e6), rates.mm_e6


def shows(vector: Vector, market: int) -> bool:
    """Whether a vector is opened where a market's price stands: without a price there it says that
    the signers had none.
    """
    opened = unpack_settle_head(vector[0]).opened
    return opened & opened_for([market]) != 0


def price_of(vector: Vector, market: int) -> int:
    """A market's price in a vector, 0 if it is not opened; e8."""
    head, openings, _ = vector
    return price_in(openings, unpack_settle_head(head).opened, market)
