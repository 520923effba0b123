# SPDX-License-Identifier: Apache-2.0
"""The matcher and its friend: a day of trading against the pool with the next window known.

The matcher signs a batch at T and lands it F later, so whatever it decides at T it decides with the
prices up to T + F. It may do so at every whole second, since every second's vector is signed: its
batches follow one another a second apart, each a window late. What a trade takes is what it is
worth when the window ends, less what was paid; after that nobody knows more than the market does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from infold.bench.hindsight.ground import Ground, Terms, Trade
from infold.core.curve import LOSS_METER
from infold.core.plan import StructuralFault
from infold.units import QUOTE_DIVISOR, WINDOW_MS

WINDOW_S: Final = WINDOW_MS // 1000
START_S: Final = 1_750_000_000


@dataclass(frozen=True, slots=True)
class Policy:
    """What the adversary may choose; the search varies each."""

    step_s: int = 1
    """Seconds from one trading batch to the next."""
    marks: int = 1
    """Empty batches slipped between in the window after the last trade."""
    edge: float = 0.0
    """Trades only where a lot gains this many half-spreads."""
    wait_s: int = 60
    """How long it waits after the meter said no before it grows the pool's position again."""
    last_second: bool = False
    """Trades only where the move lies in the second half of the window, which the meter has
    half forgotten by then."""
    share: float = 1.0
    """Of what the caps admit."""
    alone: bool = False
    """Trades its best market only, so that one bucket fills at a time."""
    held: float = 0.0
    """What the pool holds of its position cap when the day begins."""


class Day(NamedTuple):
    """What a day brought, e6. `taken` counts each trade at its window's end."""

    taken_e6: int
    lost_e6: int
    trades: int
    batches: int
    closings: int


def a_day(
    paths: Mapping[int, NDArray[np.int64]],
    terms: Terms,
    policy: Policy,
    capital_e6: int,
    fee_e6: int = 0,
    keep: bool = False,
) -> tuple[Day, Ground]:
    """Trade a day against a fresh pool. A fee is charged to the friend: it does not reach the
    pool, and decides only which trades are worth making.
    """
    opening = _at(paths, 0)
    ground = Ground.of(opening, terms, capital_e6, keep)
    for market in paths:
        ground.hold(market, policy.held)
    count = len(next(iter(paths.values()))) - WINDOW_S
    before_e6 = ground.worth_e6(opening)
    chances = _chances(paths, terms, policy, count, fee_e6)
    friend = _Friend(ground, paths, policy, fee_e6, chances, dict.fromkeys(paths, 0))
    now = 0
    while now < count:
        ahead = now + policy.step_s
        if not friend.trade(now):
            friend.pass_time(now, min(ahead, count))
            if friend.is_idle:
                ahead = max(ahead, _next(chances, friend.blocked_until, now + 1, count, ground))
        now = ahead
    last = count - 1 + WINDOW_S
    prices = _at(paths, last)
    ground.batch(_ms(last), prices, {})
    day = Day(
        friend.taken_e10 // QUOTE_DIVISOR,
        before_e6 - ground.worth_e6(prices),
        friend.trades,
        ground.batches,
        ground.closings,
    )
    return day, ground


@dataclass(slots=True)
class _Friend:
    """A day under way."""

    ground: Ground
    paths: Mapping[int, NDArray[np.int64]]
    policy: Policy
    fee_e6: int
    chances: Mapping[int, NDArray[np.bool_]]
    blocked_until: dict[int, int]
    """The second up to which the pool's position in a market is not grown, by market."""
    taken_e10: int = 0
    trades: int = 0
    traded_at: int = -1
    """The second of the last trade while its window lasts; below zero after."""

    @property
    def is_idle(self) -> bool:
        """Whether no trade's window lasts: nothing is to be marked."""
        return self.traded_at < 0

    def trade(self, now: int) -> bool:
        """Make in one batch whatever gains; whether anything did."""
        oracle_e8, later_e8 = _at(self.paths, now), _at(self.paths, now + WINDOW_S)
        made = self._settled(now, oracle_e8, self._wanted(now, oracle_e8, later_e8))
        for market, (size_e8, price_e8) in made.items():
            self.taken_e10 += size_e8 * (later_e8[market] - price_e8)
        self.trades += len(made)
        if made:
            self.traded_at = now
        return bool(made)

    def _wanted(
        self, now: int, oracle_e8: Mapping[int, int], later_e8: Mapping[int, int]
    ) -> dict[int, Trade]:
        """What gains by the window's end, its fee paid; of several the best, if the policy says."""
        wanted: dict[int, Trade] = {}
        gains_e10: dict[int, int] = {}
        for market in self.paths:
            if not self.chances[market][now]:
                continue
            grows = now >= self.blocked_until[market]
            found = _best(
                self.ground, market, oracle_e8[market], later_e8[market], self.policy, grows
            )
            if found is None:
                continue
            gain_e10 = found.size_e8 * (later_e8[market] - found.price_e8)
            gain_e10 -= abs(found.size_e8) * found.price_e8 * self.fee_e6 // 10**6
            if gain_e10 > 0:
                wanted[market], gains_e10[market] = found, gain_e10
        if self.policy.alone and len(wanted) > 1:
            best = max(gains_e10, key=lambda market: gains_e10[market])
            return {best: wanted[best]}
        return wanted

    def _settled(
        self, now: int, oracle_e8: Mapping[int, int], wanted: dict[int, Trade]
    ) -> dict[int, Trade]:
        """What of the wanted trades the pool takes. A market whose meter is full is left with what
        shrinks the pool, and is not grown for a while.
        """
        while wanted:
            listed_e8 = {market: oracle_e8[market] for market in sorted(wanted)}
            try:
                self.ground.batch(_ms(now), listed_e8, wanted)
                break
            except StructuralFault as fault:
                assert fault.market is not None
                trade = wanted.pop(fault.market)
                if fault.reason != LOSS_METER:
                    raise
                self.blocked_until[fault.market] = now + self.policy.wait_s
                shrunk = _shrinking(self.ground, fault.market, trade)
                if shrunk is not None:
                    wanted[fault.market] = shrunk
        return wanted

    def pass_time(self, now: int, until: int) -> None:
        """Settle the empty batches due from now on and before `until`: they let the meter see the
        move of the last trade's window, and forget.
        """
        if self.is_idle:
            return
        for step in range(1, self.policy.marks + 1):
            at = self.traded_at + max(1, WINDOW_S * step // self.policy.marks)
            if now <= at < until:
                self.ground.batch(_ms(at), _at(self.paths, at), {})
        if now >= self.traded_at + WINDOW_S:
            self.traded_at = -1


def _at(paths: Mapping[int, NDArray[np.int64]], second: int) -> dict[int, int]:
    """Every market's price at one second."""
    return {market: int(path[second]) for market, path in paths.items()}


def _ms(second: int) -> int:
    return (START_S + second) * 1000


def _chances(
    paths: Mapping[int, NDArray[np.int64]],
    terms: Terms,
    policy: Policy,
    count: int,
    fee_e6: int,
) -> dict[int, NDArray[np.bool_]]:
    """At which seconds a trade can pay, by market: beyond the half-spread, or beyond none where a
    rebate may be had.
    """
    found = {}
    for market, path in paths.items():
        now, later = path[:count].astype(float), path[WINDOW_S : WINDOW_S + count].astype(float)
        move = np.abs(later - now) / now
        least = -terms.h_min_e6 if terms.rebate else terms.h_min_e6 * max(1.0, policy.edge)
        good = move * 1e6 > least + fee_e6
        if policy.last_second:
            half = path[WINDOW_S // 2 : WINDOW_S // 2 + count].astype(float)
            good &= np.abs(later - half) > 0.5 * np.abs(later - now)
        found[market] = good
    return found


def _next(
    chances: Mapping[int, NDArray[np.bool_]],
    blocked_until: Mapping[int, int],
    start: int,
    count: int,
    ground: Ground,
) -> int:
    """The next second at which anything can be done."""
    nearest = count
    for market, good in chances.items():
        at = start
        if not ground.state.markets[market].pool.base_e8:
            at = max(at, blocked_until[market])
        if at < nearest:
            rest = good[at:nearest]
            first = int(rest.argmax()) if rest.size else 0
            if rest.size and rest[first]:
                nearest = at + first
    return nearest


def _best(
    ground: Ground, market: int, oracle_e8: int, later_e8: int, policy: Policy, grows: bool
) -> Trade | None:
    """The trade that gains most: as much as the caps admit at the half-spread, or as much as
    shrinks the pool at the best rebate.
    """
    held = ground.state.markets[market]
    rates, caps, _ = held.parameters[0]
    base_e8 = held.pool.base_e8
    lean_e8 = -(-oracle_e8 * rates.h_min_e6 // 10**6)
    found: list[Trade] = []
    for side in (1, -1):
        room_e8 = max(0, side * base_e8 + caps.position_cap_e8)
        shrink_e8 = max(0, side * base_e8)
        size_e8 = min(caps.residual_cap_e8, int(room_e8 * policy.share))
        if grows and size_e8:
            found.append(Trade(side * size_e8, oracle_e8 + side * lean_e8))
        size_e8 = min(caps.residual_cap_e8, shrink_e8)
        if size_e8:
            given_e8 = -lean_e8
            if rates.rebate:
                most_e8 = ground.allowance_e6(market) * QUOTE_DIVISOR // size_e8
                given_e8 = min(oracle_e8 * rates.h_min_e6 // 10**6, most_e8)
            found.append(Trade(side * size_e8, oracle_e8 - side * given_e8))
    best = max(found, key=lambda it: it.size_e8 * (later_e8 - it.price_e8), default=None)
    if best is None or best.size_e8 * (later_e8 - best.price_e8) <= 0:
        return None
    return best


def _shrinking(ground: Ground, market: int, trade: Trade) -> Trade | None:
    """The part of a refused trade that a full meter admits, at the half-spread it was offered."""
    base_e8 = ground.state.markets[market].pool.base_e8
    side = 1 if trade.size_e8 > 0 else -1
    size_e8 = min(abs(trade.size_e8), max(0, side * base_e8))
    if not size_e8 or size_e8 == abs(trade.size_e8):
        return None
    return Trade(side * size_e8, trade.price_e8)
