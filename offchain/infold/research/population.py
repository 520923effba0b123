# SPDX-License-Identifier: Apache-2.0
"""The demo's people: seeded, of several kinds, reacting to prices and to what they hold.

Nothing here is a script. Each step every trader looks at the market, at its own positions and
resting orders (``Sight``), and draws from its own stream of random numbers; what comes out of the
venue feeds back into the next step. The same seed gives the same demo, another seed another one.

| kind | habit |
|---|---|
| noise | small orders in either direction, mostly immediate, some with triggers or a start time |
| momentum, reverting | follow or fade the last moves |
| maker | rests post-only orders on both sides, cancels and replaces them |
| patient | large resting orders that need several batches |
| reducer | opens, closes with reduce-only, turns its position around |
| delegate | trades with a delegated key inside its scope |
| careless | sends orders that must be refused, in many ways |
| leveraged | opens as much as its margin allows and holds; news liquidates some |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

import numpy as np

from infold.messages import TimeInForce, TriggerKind
from infold.research.careless import Fault
from infold.research.listings import Listing


class Kind(StrEnum):
    """What sort of trader somebody is."""

    NOISE = "noise"
    MOMENTUM = "momentum"
    REVERTING = "reverting"
    MAKER = "maker"
    PATIENT = "patient"
    REDUCER = "reducer"
    DELEGATE = "delegate"
    CARELESS = "careless"
    LEVERAGED = "leveraged"


# Shares of the population, in a twentieth each: balanced enough that opposing flow crosses.
_SHARES: Mapping[Kind, int] = {
    Kind.NOISE: 6,
    Kind.MOMENTUM: 2,
    Kind.REVERTING: 2,
    Kind.MAKER: 3,
    Kind.PATIENT: 1,
    Kind.REDUCER: 2,
    Kind.DELEGATE: 1,
    Kind.CARELESS: 1,
    Kind.LEVERAGED: 2,
}

_DEPOSIT_USD: Mapping[Kind, tuple[float, float]] = {
    Kind.LEVERAGED: (1_000.0, 4_000.0),
    Kind.MAKER: (60_000.0, 150_000.0),
    Kind.PATIENT: (400_000.0, 900_000.0),
}
_DEPOSIT_USD_USUAL = (15_000.0, 60_000.0)


class ActKind(StrEnum):
    """What people do besides sending orders."""

    CANCEL = "cancel"  # asks the matcher, off chain
    CANCEL_ON_CHAIN = "cancel_on_chain"
    CANCEL_ALL = "cancel_all"
    DEPOSIT = "deposit"
    REQUEST_WITHDRAWAL = "request_withdrawal"


@dataclass(frozen=True, slots=True)
class Act:
    """One such act; ``slot`` and ``seq`` name the order, ``amount_e6`` the money."""

    kind: ActKind
    trader: int
    slot: int = 0
    seq: int = 0
    amount_e6: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """An order a trader wants to send; the driver gives it account, slot, seq and signature."""

    trader: int
    market: int
    buy: bool
    size_e8: int
    limit_price_e8: int
    time_in_force: TimeInForce
    expiry_ms: int
    post_only: bool = False
    reduce_only: bool = False
    trigger_kind: TriggerKind = TriggerKind.NONE
    trigger_price_e8: int = 0
    good_after_ms: int = 0
    delegated: bool = False
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Resting:
    """A live order as its owner sees it."""

    market: int
    slot: int
    seq: int
    time_ms: int


class Sight(Protocol):
    """What a trader may know of itself: asked of the venue, never of this module."""

    def base_e8(self, trader: int, market: int) -> int:
        """Its signed position."""

    def resting(self, trader: int) -> Sequence[Resting]:
        """Its live orders."""

    def free_e6(self, trader: int) -> int:
        """Collateral it could withdraw or margin with."""


@dataclass(slots=True)
class _Person:
    kind: Kind
    deposit_e6: int
    favourites: tuple[int, ...]
    rng: np.random.Generator
    opened: dict[int, int] = field(default_factory=dict)


class Population:
    """All traders of one demo. ``step`` is called once a batch interval, in order."""

    def __init__(self, seed: int, traders: int, listings: Sequence[Listing], batch_ms: int) -> None:
        self.listings = listings
        self.batch_ms = batch_ms
        self._history: list[Mapping[int, int]] = []
        rng = np.random.Generator(np.random.PCG64([seed, 0xA9E7]))
        kinds = [
            kind
            for kind, share in _SHARES.items()
            for _ in range(traders * share // sum(_SHARES.values()))
        ]
        kinds += [Kind.NOISE] * (traders - len(kinds))
        self._people = [
            _person(
                kind, np.random.Generator(np.random.PCG64([seed, 0x5EED, number])), len(listings)
            )
            for number, kind in enumerate(np.array(kinds, dtype=object)[rng.permutation(traders)])
        ]

    def __len__(self) -> int:
        return len(self._people)

    def kind(self, trader: int) -> Kind:
        """What sort of trader this is."""
        return self._people[trader].kind

    def deposit_e6(self, trader: int) -> int:
        """What it brings at the start."""
        return self._people[trader].deposit_e6

    def delegating(self) -> list[int]:
        """Traders who grant a delegated key at the start."""
        return [
            number for number, person in enumerate(self._people) if person.kind is Kind.DELEGATE
        ]

    def step(
        self, time_ms: int, prices_e8: Mapping[int, int], sight: Sight, *, closing: bool
    ) -> tuple[list[Wish], list[Act]]:
        """What everybody does now. ``closing`` is set for the last steps: people go home."""
        self._history.append(prices_e8)
        wishes: list[Wish] = []
        acts: list[Act] = []
        for trader, person in enumerate(self._people):
            look = _Look(trader, person, time_ms, prices_e8, self, sight)
            if closing:
                _go_home(look, wishes, acts)
            else:
                _HABITS[person.kind](look, wishes, acts)
        return wishes, acts

    def move_bps(self, market: int, steps: int) -> float:
        """The oracle's move over the last steps, in basis points."""
        if len(self._history) <= steps:
            return 0.0
        then = self._history[-1 - steps][market]
        return (self._history[-1][market] - then) / then * 1e4


def _person(kind: Kind, rng: np.random.Generator, markets: int) -> _Person:
    low, high = _DEPOSIT_USD.get(kind, _DEPOSIT_USD_USUAL)
    favourites = tuple(int(m) for m in rng.permutation(markets)[: int(rng.integers(2, 6))])
    return _Person(kind, int(rng.uniform(low, high) * 1e6), favourites, rng)


# -- what a trader sees, and how it words an order ---------------------------


@dataclass(slots=True)
class _Look:
    trader: int
    person: _Person
    time_ms: int
    prices_e8: Mapping[int, int]
    population: Population
    sight: Sight

    @property
    def rng(self) -> np.random.Generator:
        return self.person.rng

    @property
    def batch_ms(self) -> int:
        return self.population.batch_ms

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def market(self) -> int:
        return self.person.favourites[int(self.rng.integers(len(self.person.favourites)))]

    def size_e8(self, market: int, usd: float) -> int:
        """Lots worth about so many dollars, to three figures as people write them."""
        lots = max(1, int(usd * 1e16 / self.prices_e8[market]))
        unit: int = 10 ** max(0, len(str(lots)) - 3)
        return max(1, lots // unit) * unit

    def limit_e8(self, market: int, buy: bool, beyond_bps: float) -> int:
        """A limit so many basis points beyond the oracle (behind it if negative)."""
        price = self.prices_e8[market] * (1 + beyond_bps / 1e4 * (1 if buy else -1))
        tick = self.population.listings[market].tick_e8
        return max(1, round(price / tick)) * tick

    def wish(
        self,
        market: int,
        buy: bool,
        size_e8: int,
        beyond_bps: float,
        time_in_force: TimeInForce = TimeInForce.IOC,
        lifetime_ms: int = 10_000,
        *,
        post_only: bool = False,
        reduce_only: bool = False,
        trigger: tuple[TriggerKind, int] = (TriggerKind.NONE, 0),
        good_after_ms: int = 0,
        delegated: bool = False,
        fault: Fault | None = None,
    ) -> Wish:
        return Wish(
            trader=self.trader,
            market=market,
            buy=buy,
            size_e8=size_e8,
            limit_price_e8=self.limit_e8(market, buy, beyond_bps),
            time_in_force=time_in_force,
            expiry_ms=self.time_ms + lifetime_ms,
            post_only=post_only,
            reduce_only=reduce_only,
            trigger_kind=trigger[0],
            trigger_price_e8=trigger[1],
            good_after_ms=good_after_ms,
            delegated=delegated,
            fault=fault,
        )


# -- habits ------------------------------------------------------------------


def _noise(look: _Look, wishes: list[Wish], acts: list[Act]) -> None:
    if look.chance(0.02):
        acts.append(Act(ActKind.CANCEL_ALL, look.trader))
        return
    resting = look.sight.resting(look.trader)
    if resting and look.chance(0.15):
        order = resting[int(look.rng.integers(len(resting)))]
        kind = ActKind.CANCEL_ON_CHAIN if look.chance(0.4) else ActKind.CANCEL
        acts.append(Act(kind, look.trader, order.slot, order.seq))
    if not look.chance(0.5):
        return
    market, buy = look.market(), look.chance(0.5)
    size = look.size_e8(market, float(look.rng.lognormal(7.0, 0.9)))
    draw = look.rng.random()
    if draw < 0.62:
        wishes.append(look.wish(market, buy, size, float(look.rng.uniform(4, 40))))
    elif draw < 0.72:
        wishes.append(
            look.wish(market, buy, size, float(look.rng.uniform(10, 40)), TimeInForce.FOK)
        )
    elif draw < 0.88:
        lifetime = int(look.rng.integers(4, 40)) * look.batch_ms
        wishes.append(
            look.wish(market, buy, size, float(look.rng.uniform(-25, 8)), TimeInForce.GTC, lifetime)
        )
    elif draw < 0.95:
        side = TriggerKind.AT_OR_ABOVE if look.chance(0.5) else TriggerKind.AT_OR_BELOW
        away = look.rng.uniform(1, 20) / 1e4 * (1 if side is TriggerKind.AT_OR_ABOVE else -1)
        trigger = (side, int(look.prices_e8[market] * (1 + away)))
        wishes.append(
            look.wish(
                market,
                buy,
                size,
                60.0,
                TimeInForce.GTC,
                20 * look.batch_ms,
                trigger=trigger,
            )
        )
    else:
        later = look.time_ms + int(look.rng.integers(1, 4)) * look.batch_ms
        wishes.append(
            look.wish(market, buy, size, 30.0, TimeInForce.GTC, 30_000, good_after_ms=later)
        )


def _by_move(sign: int) -> _Habit:
    def habit(look: _Look, wishes: list[Wish], acts: list[Act]) -> None:
        market = look.market()
        move = look.population.move_bps(market, int(look.rng.integers(1, 5)))
        if abs(move) < look.rng.uniform(2, 15):
            return
        size = look.size_e8(market, float(look.rng.lognormal(7.3, 0.6)))
        wishes.append(look.wish(market, move * sign > 0, size, float(look.rng.uniform(8, 30))))

    return habit


def _maker(look: _Look, wishes: list[Wish], acts: list[Act]) -> None:
    resting = look.sight.resting(look.trader)
    stale = [order for order in resting if look.time_ms - order.time_ms > 3 * look.batch_ms]
    acts.extend(Act(ActKind.CANCEL, look.trader, order.slot, order.seq) for order in stale)
    if not look.chance(0.3):
        return
    market = look.market()
    held_usd = look.sight.base_e8(look.trader, market) * look.prices_e8[market] / 1e16
    skew = float(np.clip(held_usd / 20_000, -1, 1))
    lifetime = 8 * look.batch_ms
    for buy in (True, False):
        away = 2 + look.rng.exponential(5) + max(0.0, skew if buy else -skew) * 12
        size = look.size_e8(market, float(look.rng.uniform(1_500, 6_000)))
        wishes.append(
            look.wish(market, buy, size, -away, TimeInForce.GTC, lifetime, post_only=True)
        )


def _patient(look: _Look, wishes: list[Wish], acts: list[Act]) -> None:
    if look.sight.resting(look.trader) or not look.chance(0.25):
        return
    market, buy = look.market(), look.chance(0.5)
    size = look.size_e8(market, float(look.rng.uniform(60_000, 220_000)))
    beyond = float(look.rng.uniform(0, 9))
    wishes.append(look.wish(market, buy, size, beyond, TimeInForce.GTC, 25 * look.batch_ms))


def _reducer(look: _Look, wishes: list[Wish], acts: list[Act]) -> None:
    if not look.chance(0.45):
        return
    market = look.market()
    held = look.sight.base_e8(look.trader, market)
    if held == 0:
        size = look.size_e8(market, float(look.rng.uniform(1_000, 5_000)))
        wishes.append(look.wish(market, look.chance(0.5), size, 30.0))
    elif look.chance(0.6):
        part = max(1, int(abs(held) * look.rng.uniform(0.4, 1.0)))
        wishes.append(look.wish(market, held < 0, part, 35.0, reduce_only=True))
    else:
        wishes.append(
            look.wish(market, held < 0, int(abs(held) * look.rng.uniform(1.4, 2.2)) + 1, 35.0)
        )


def _delegate(look: _Look, wishes: list[Wish], acts: list[Act]) -> None:
    if not look.chance(0.5):
        return
    market = look.market()
    size = look.size_e8(market, float(look.rng.lognormal(7.0, 0.5)))
    wishes.append(
        look.wish(market, look.chance(0.5), size, float(look.rng.uniform(8, 30)), delegated=True)
    )


def _careless(look: _Look, wishes: list[Wish], acts: list[Act]) -> None:
    faults = list(Fault)
    for _ in range(int(look.rng.integers(0, 4))):
        market = look.market()
        fault = faults[int(look.rng.integers(len(faults)))]
        size = look.size_e8(market, float(look.rng.uniform(500, 3_000)))
        wishes.append(look.wish(market, look.chance(0.5), size, 20.0, fault=fault))


def _leveraged(look: _Look, wishes: list[Wish], acts: list[Act]) -> None:
    """Opens near its limit, sets a stop that may come too late, adds when it can."""
    held = {m: look.sight.base_e8(look.trader, m) for m in look.person.favourites}
    market = max(held, key=lambda m: abs(held[m]) * look.prices_e8[m])
    base = held[market]
    free_usd = max(0.0, look.sight.free_e6(look.trader) / 1e6)
    if base == 0:
        if look.chance(0.6) and free_usd > 20:
            market = look.market()
            size = look.size_e8(market, free_usd * float(look.rng.uniform(16, 20.5)))
            wishes.append(look.wish(market, look.chance(0.5), size, 40.0))
        return
    move = look.population.move_bps(market, 1) * (1 if base > 0 else -1)
    protected = any(order.market == market for order in look.sight.resting(look.trader))
    if move < -150 and not protected:
        # Afraid: out as fast as it can, which may be too late.
        wishes.append(look.wish(market, base < 0, abs(base), 150.0, reduce_only=True))
    elif not protected:
        away = float(look.rng.uniform(60, 260)) / 1e4
        side = TriggerKind.AT_OR_BELOW if base > 0 else TriggerKind.AT_OR_ABOVE
        stop_e8 = int(look.prices_e8[market] * (1 - away if base > 0 else 1 + away))
        wishes.append(
            look.wish(
                market,
                base < 0,
                abs(base),
                800.0,
                TimeInForce.GTC,
                40 * look.batch_ms,
                reduce_only=True,
                trigger=(side, stop_e8),
            )
        )
    elif look.chance(0.2) and free_usd > 20:
        # Greedy: adds whatever margin is left, sometimes more.
        size = look.size_e8(market, free_usd * float(look.rng.uniform(8, 25)))
        wishes.append(look.wish(market, base > 0, size, 40.0))


def _go_home(look: _Look, wishes: list[Wish], acts: list[Act]) -> None:
    """The last steps: some close what they hold, some take money out, most just wait."""
    for market in look.person.favourites:
        held = look.sight.base_e8(look.trader, market)
        if held and look.chance(0.3):
            wishes.append(look.wish(market, held < 0, abs(held), 45.0, reduce_only=True))
    free = look.sight.free_e6(look.trader)
    if free > 1_000_000 and look.chance(0.1):
        acts.append(
            Act(
                ActKind.REQUEST_WITHDRAWAL,
                look.trader,
                amount_e6=int(free * look.rng.uniform(0.2, 1.0)),
            )
        )


class _Habit(Protocol):
    def __call__(self, look: _Look, wishes: list[Wish], acts: list[Act]) -> None: ...


_HABITS: Mapping[Kind, _Habit] = {
    Kind.NOISE: _noise,
    Kind.MOMENTUM: _by_move(+1),
    Kind.REVERTING: _by_move(-1),
    Kind.MAKER: _maker,
    Kind.PATIENT: _patient,
    Kind.REDUCER: _reducer,
    Kind.DELEGATE: _delegate,
    Kind.CARELESS: _careless,
    Kind.LEVERAGED: _leveraged,
}
