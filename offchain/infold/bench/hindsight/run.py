# SPDX-License-Identifier: Apache-2.0
"""The search for the day on which the pool loses most, and the figure that must not pass 0.5 %."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any, Final, NamedTuple

from infold.bench.hindsight.friend import WINDOW_S, Day, Policy, a_day
from infold.bench.hindsight.ground import Terms
from infold.bench.hindsight.paths import EIGHT_E8, START_E8, paths
from infold.core.daybound import (
    JUMPY,
    LIMIT_SHARE,
    STORM,
    WEATHERS,
    Caps,
    Weather,
    worst_share,
)
from infold.core.pool import METER_DAILY_E6, REBATE_PARTS

CAPITAL_E6: Final = 10_000_000 * 10**6
BATCHES_MIN: Final = 10_000
REBATE_MAX: Final = REBATE_PARTS - 1
FEE_E6: Final = 200
HELD: Final = Terms(residual_share=0.002, position_share=0.0075)
"""The caps the promise is made for, of capital and market: one batch, and the whole position."""
WIDER: Final = ((0.005, 0.02), (0.01, 0.05), (0.03, 0.2))
"""Caps beyond those, to show what they cost: the meter sees a move only after it has happened, and
until then a window's batches may take the whole position cap."""
HELD_OF_EIGHT: Final = replace(HELD, residual_share=0.001, position_share=0.00375)
"""The same promise over twice as many markets, each with half the caps: `infold devnet`'s and the
demo's lie below."""
FIRST: Final = (
    Policy(),
    Policy(marks=3),
    Policy(marks=15),
    Policy(step_s=5),
    Policy(step_s=15),
    Policy(held=1.0),
)
TURNS: Final = (
    {"marks": 15},
    {"step_s": 2},
    {"edge": 2.0},
    {"last_second": True},
    {"wait_s": 600},
    {"alone": True},
    {"held": -1.0},
    {"share": 0.5},
)


class Tried(NamedTuple):
    """One day of the search."""

    weather: str
    terms: Terms
    policy: Policy
    fee_e6: int
    day: Day

    @property
    def share(self) -> float:
        """Taken, of the pool's capital."""
        return self.day.taken_e6 / CAPITAL_E6

    def view(self) -> dict[str, Any]:
        """As the bench prints it."""
        return {
            "weather": self.weather,
            "rebate": self.terms.rebate,
            "steep": self.terms.steep,
            "fee_e6": self.fee_e6,
            "residual_share": self.terms.residual_share,
            "position_share": self.terms.position_share,
            "taken_share": round(self.share, 6),
            "lost_share": round(self.day.lost_e6 / CAPITAL_E6, 6),
            "trades": self.day.trades,
            "batches": self.day.batches,
            "policy": {
                name: value
                for name, value in asdict(self.policy).items()
                if value != getattr(Policy(), name)
            },
        }


def caps_of(terms: Terms, markets: int) -> list[Caps]:
    """So many markets on these terms, as the bound takes them."""
    residual_e6, position_e6 = (
        int(share * CAPITAL_E6) for share in (terms.residual_share, terms.position_share)
    )
    return [Caps(residual_e6, position_e6, terms.h_min_e6)] * markets


def search(
    seed: int,
    weather: Weather,
    terms: Terms,
    fee_e6: int = 0,
    start_e8: Mapping[int, int] = START_E8,
) -> Iterator[Tried]:
    """Days of this weather by one policy after the other: first each on its own, then whatever
    makes the best of them better.
    """
    moves = paths(weather, seed, WINDOW_S, start_e8=start_e8)

    def tried(policy: Policy) -> Tried:
        day, _ = a_day(moves, terms, policy, CAPITAL_E6, fee_e6)
        return Tried(weather.name, terms, policy, fee_e6, day)

    best = None
    for policy in FIRST:
        one = tried(policy)
        yield one
        best = max(best or one, one, key=lambda it: it.share)
    assert best is not None
    for turn in TURNS:
        policy = replace(best.policy, **turn)
        if policy != best.policy:
            one = tried(policy)
            yield one
            best = max(best, one, key=lambda it: it.share)


def watched(days: Iterator[Tried], at: Callable[[int, int], None]) -> Iterator[Tried]:
    """The days of a search, each told when it is over: how many are, of how many at most."""
    for done, one in enumerate(days, 1):
        at(done, len(FIRST) + len(TURNS))
        yield one


def run(
    seed: int,
    say: Callable[[str], None],
    at: Callable[[int, int], None] = lambda _done, _most: None,
) -> dict[str, Any]:
    """The worst day found at the caps of the promise, and what wider caps would let through. `say`
    hears what is searched, `at` how far that is.
    """
    days: list[Tried] = []
    for weather in WEATHERS:
        for terms in (HELD, replace(HELD, rebate=REBATE_MAX)):
            say(f"{weather.name}, {terms.rebate}/16 given back")
            days += watched(search(seed, weather, terms), at)
    worst = max(days, key=lambda it: it.share)
    # the worst day again: with the steepest curve, and with a fee that the friend pays
    weather = next(it for it in WEATHERS if it.name == worst.weather)
    moves = paths(weather, seed, WINDOW_S)
    say("the worst day again: a steep curve, a fee")
    for terms, fee_e6 in ((replace(worst.terms, steep=True), 0), (worst.terms, FEE_E6)):
        day, _ = a_day(moves, terms, worst.policy, CAPITAL_E6, fee_e6)
        days.append(Tried(weather.name, terms, worst.policy, fee_e6, day))
    worst = max(days, key=lambda it: it.share)
    eight: list[Tried] = []
    for weather in WEATHERS:
        say(f"{weather.name}, eight markets")
        eight += watched(search(seed, weather, HELD_OF_EIGHT, start_e8=EIGHT_E8), at)
    most_of_eight = max(eight, key=lambda it: it.share)
    wider = []
    for residual, position in WIDER:
        terms = replace(HELD, residual_share=residual, position_share=position)
        say(f"caps of {residual:.1%} and {position:.0%}")
        for weather in (STORM, JUMPY):
            moves = paths(weather, seed, WINDOW_S)
            for policy in (Policy(), Policy(marks=3)):
                day, _ = a_day(moves, terms, policy, CAPITAL_E6)
                wider.append(Tried(weather.name, terms, policy, 0, day))
    batches = sum(it.day.batches for it in days)
    most = max(worst.share, most_of_eight.share)
    ok = most <= LIMIT_SHARE and batches >= BATCHES_MIN
    return {
        "capital_e6": str(CAPITAL_E6),
        "limit_share": LIMIT_SHARE,
        "most_taken_share": round(worst.share, 6),
        "bound_share": round(worst_share(caps_of(HELD, len(START_E8)), CAPITAL_E6), 6),
        "eight_markets": most_of_eight.view(),
        "eight_markets_bound_share": round(
            worst_share(caps_of(HELD_OF_EIGHT, len(EIGHT_E8)), CAPITAL_E6), 6
        ),
        "meter_daily_share": METER_DAILY_E6 / 1e6,
        "days": len(days),
        "batches": batches,
        "closings": sum(it.day.closings for it in days),
        "batches_min": BATCHES_MIN,
        "worst": worst.view(),
        "by_weather": [
            max(
                (it for it in days if (it.weather, it.terms.rebate) == (weather.name, rebate)),
                key=lambda it: it.share,
            ).view()
            for weather in WEATHERS
            for rebate in (0, REBATE_MAX)
        ],
        "wider_caps": [
            max(
                (it for it in wider if it.terms.residual_share == residual),
                key=lambda it: it.share,
            ).view()
            for residual, _ in WIDER
        ],
        "ok": ok,
    }
