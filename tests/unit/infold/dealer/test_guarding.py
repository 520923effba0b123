# SPDX-License-Identifier: Apache-2.0
"""The capital rule of a running desk: what each market may offer, and why it is less."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
from tests.support.telling import Told

from infold.core.curve import Curve
from infold.dealer.capital import CapitalRule, excess_m
from infold.dealer.desk import Desk, Signal
from infold.dealer.guarding import (
    REASONS,
    ROOM,
    VOLATILITY,
    ZONE,
    CapitalGuard,
    Holding,
    allowances,
)
from infold.dealer.limits import Sight, commitment, guarded
from infold.dealer.params import LOTS_TIMES_PRICE_OF_A_MILLION, PERPETUAL
from infold.dealer.quoting import closed_forms

RULE = CapitalRule()
PRICE_E8 = 60_000 * 10**8
TICK_E8 = 10**7
MILLION_E6 = 10**12
CAPITAL_BP_M = 5e5  # 50 M
CALM = Holding(
    held_m=0.0,
    client_m=0.0,
    peak=1.0,
    volatility_bp=PERPETUAL.volatility_bp,
    calm_bp=PERPETUAL.volatility_bp,
    offer_m=PERPETUAL.offer_m_max,
    half_spread_bp=closed_forms(PERPETUAL).markup_bp,
)


def holding(held_m: float, **others: float) -> Holding:
    return CALM._replace(**{"held_m": held_m, "client_m": held_m, **others})


def lots(size_m: float) -> int:
    return round(size_m * LOTS_TIMES_PRICE_OF_A_MILLION / PRICE_E8)


def a_state(
    capital_m: float, *held_m: float, cash_m: float | None = None, price_e8: int = PRICE_E8
) -> Any:
    """A pool that was struck at `capital_m` and holds so much of markets 1, 2 ..., bought at
    `PRICE_E8` out of `cash_m`.
    """
    terms = SimpleNamespace(listing=SimpleNamespace(tick_e8=TICK_E8))
    markets = {
        number: SimpleNamespace(
            clock=SimpleNamespace(price_e8=price_e8),
            pool=SimpleNamespace(base_e8=lots(size_m), quote_e6=round(-size_m * MILLION_E6)),
            at=lambda time_ms: terms,
        )
        for number, size_m in enumerate(held_m, 1)
    }
    cash_e6 = round((capital_m if cash_m is None else cash_m) * MILLION_E6)
    return SimpleNamespace(
        markets=markets,
        prices_e8={},
        limits=SimpleNamespace(capital_e6=round(capital_m * MILLION_E6)),
        accounts={0: SimpleNamespace(word=SimpleNamespace(collateral_e6=cash_e6))},
    )


def a_desk(**rule: float) -> Desk[Curve]:
    return Desk(Curve, 1.0, guard=CapitalGuard(CapitalRule(**rule)))


def guard_of(desk: Desk[Curve]) -> CapitalGuard:
    assert desk.guard is not None
    return desk.guard


# -- the rule --------------------------------------------------------------------------------------


@pytest.mark.parametrize("held_m", [0.0, 3.0, -8.0, 24.0, -30.0, 40.0])
@pytest.mark.parametrize("times", [0.5, 1.0, 7.0])
def test_one_market_is_allowed_what_the_crash_simulation_s_dealer_commits(
    held_m: float, times: float
) -> None:
    volatility_bp = times * PERPETUAL.volatility_bp
    seen = holding(held_m, peak=1.3, volatility_bp=volatility_bp)
    mine = allowances(RULE, CAPITAL_BP_M, {1: seen}, 10.0)[1]
    theirs = commitment(
        guarded(PERPETUAL, 1e9, 1e9),
        Sight(
            inventory_m=held_m,
            client_m=held_m,
            impact_bp=0.0,
            equity_bp_m=CAPITAL_BP_M,
            level=1.0,
            peak=1.3,
            volatility_bp=volatility_bp,
            outside=1.0,
            depth=1.0,
            age_s=5.0,
            interval_s=5.0,
        ),
    )
    assert (mine.bid_m, mine.ask_m) == (theirs.bid_m, theirs.ask_m)
    assert (mine.room_m, mine.zone_m) == (theirs.room_m, theirs.zone_m)
    assert mine.half_spread_bp == theirs.half_spread_bp


def test_what_the_others_hold_leaves_less_room_and_less_zone() -> None:
    alone = allowances(RULE, CAPITAL_BP_M, {1: CALM, 2: CALM}, 2.0)[1]
    beside = allowances(RULE, CAPITAL_BP_M, {1: CALM, 2: holding(-10.0)}, 2.0)[1]
    assert beside.room_m == pytest.approx(alone.room_m - 10.0)
    assert beside.zone_m == pytest.approx(alone.zone_m - 10.0)
    worth = allowances(RULE, CAPITAL_BP_M, {1: CALM, 2: holding(-10.0, peak=2.0)}, 2.0)[1]
    assert worth.room_m == pytest.approx(alone.room_m - 20.0), "at the day's highest price"


def test_curves_of_one_moment_share_what_is_free() -> None:
    found = allowances(RULE, CAPITAL_BP_M, dict.fromkeys(range(1, 9), CALM), 2.0)
    assert math.fsum(one.bid_m for one in found.values()) == pytest.approx(37.5)
    assert {one.reason for one in found.values()} == {ROOM}


def test_each_cut_has_its_reason_and_its_size() -> None:
    def reason(equity_bp_m: float, seen: Holding) -> tuple[str, float]:
        found = allowances(RULE, equity_bp_m, {1: seen}, 2.0)[1]
        return found.reason, found.cut_m

    assert reason(CAPITAL_BP_M, CALM) == ("", 0.0)
    wild = holding(0.0, volatility_bp=1.25 * PERPETUAL.volatility_bp)
    assert reason(2.0 * CAPITAL_BP_M, wild) == (VOLATILITY, pytest.approx(4.0))
    assert reason(CAPITAL_BP_M, holding(20.0))[0] == ZONE
    assert reason(CAPITAL_BP_M, holding(40.0)) == (ROOM, pytest.approx(10.0))
    assert reason(0.0, CALM) == (ROOM, pytest.approx(20.0))
    assert set(REASONS) == {ROOM, ZONE, VOLATILITY}


def test_a_client_leg_that_is_hedged_may_be_twice_the_room_and_no_more() -> None:
    hedged = holding(5.0, client_m=75.0)
    found = allowances(RULE, CAPITAL_BP_M, {1: hedged}, 2.0)[1]
    assert found.bid_m == 0.0 and found.ask_m > 5.0
    freer = allowances(RULE, CAPITAL_BP_M, {1: holding(5.0, client_m=72.0)}, 2.0)[1]
    assert freer.bid_m == pytest.approx(3.0)


def test_an_excess_goes_in_its_time_and_a_long_interval_takes_it_whole() -> None:
    assert excess_m(-10.0, 4.0, 1.0, 60.0) == pytest.approx(0.1)
    assert excess_m(10.0, 4.0, 90.0, 60.0) == pytest.approx(6.0)
    assert excess_m(4.0, 4.0, 90.0, 60.0) == 0.0


@pytest.mark.parametrize(
    ("name", "value", "unit"),
    [
        ("stress", 0.0, "of the price"),
        ("capital_share", 1.5, "between 0 and 1"),
        ("risk_share", -1.0, "of equity"),
        ("deviations", 0.0, "no unit"),
        ("reaction_s", math.nan, "seconds"),
        ("growth", 0.0, "share above 0"),
        ("growth", math.nan, "of what is left"),
        ("offer_least_m", 0.0, r"\(M\)"),
        ("staleness", -0.1, "no unit"),
        ("spread_times_max", 0.9, "of the calm half-spread"),
        ("spread_times_max", math.inf, "of the calm half-spread"),
        ("excess_s", 0.0, "seconds"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_by_name(name: str, value: float, unit: str) -> None:
    with pytest.raises(ValueError, match=f"{name}.*{unit}"):
        CapitalRule(**{name: value})


# -- the desk --------------------------------------------------------------------------------------


def test_in_calm_with_capital_the_curve_is_as_without_a_guard() -> None:
    state = a_state(50.0, 0.0)
    assert a_desk().curves(state, 0) == Desk(Curve, 1.0).curves(state, 0)


def test_a_pool_without_capital_quotes_nothing_that_grows() -> None:
    assert a_desk().curves(a_state(0.0, 0.0), 0)[1] == Curve((), ())
    for held_m in (0.6, -0.6):
        curve = a_desk().curves(a_state(0.0, held_m), 0)[1]
        ends = sorted((curve.sales_e8[0], curve.sales_e8[-1]))
        assert ends == sorted((0, lots(held_m))), "all that reduces, and nothing else"
        # The side that is left is priced as it would be.
        plain = Desk(Curve, 1.0).curves(a_state(0.0, held_m), 0)[1]
        idle = plain.sales_e8.index(0) + (held_m > 0.0)
        assert plain.prices_e8[idle] == curve.prices_e8[curve.sales_e8.index(0)]


def test_capital_lost_since_it_was_struck_is_gone() -> None:
    """The pool bought 20 M at 60,000; at 45,000 a quarter of that is lost, an hour before a strike
    would say so.
    """
    desk = a_desk()
    desk.curves(a_state(50.0, 20.0), 0)
    before = guard_of(desk).last[1].room_m
    desk.curves(a_state(50.0, 20.0, price_e8=PRICE_E8 * 3 // 4), 0)
    assert before == pytest.approx(0.75 * 50.0)
    assert guard_of(desk).last[1].room_m == pytest.approx(0.75 * 45.0)
    # What was gained is not lent against before it is struck.
    desk.curves(a_state(50.0, 20.0, price_e8=PRICE_E8 * 5 // 4), 0)
    assert guard_of(desk).last[1].room_m == pytest.approx(0.75 * 50.0)


def test_no_fall_of_the_price_makes_room() -> None:
    desk = Desk(
        Curve, 1.0, signals=Told(Signal(None, 0.0, 0.0, 2 * PRICE_E8)), guard=CapitalGuard()
    )
    desk.curves(a_state(50.0, 0.0), 0)
    assert guard_of(desk).last[1].room_m == pytest.approx(37.5 / 2.0)


def test_a_guard_widens_what_is_stale_and_no_signal_widens_beyond_it() -> None:
    calm_bp = closed_forms(PERPETUAL).markup_bp

    def half_bp(signal: Signal, guard: CapitalGuard | None) -> float:
        desk = Desk(Curve, 1.0, signals=Told(signal), guard=guard)
        curve = desk.curves(a_state(50.0, 0.0), 0)[1]
        idle = [
            price for price, sale in zip(curve.prices_e8, curve.sales_e8, strict=True) if sale == 0
        ]
        return (idle[1] - idle[0]) / 2.0 / PRICE_E8 * 1e4

    wild_bp = 4_000.0
    stale_bp = 0.3 * wild_bp * math.sqrt(2.0 / 86_400.0)
    tick_bp = TICK_E8 / PRICE_E8 * 1e4
    assert stale_bp > calm_bp
    wild = Signal(wild_bp, 0.0, 0.0)
    assert half_bp(wild, CapitalGuard()) == pytest.approx(stale_bp, abs=tick_bp)
    assert half_bp(wild, None) < stale_bp - tick_bp
    wide = Signal(None, 50.0, 0.0)
    assert half_bp(wide, CapitalGuard()) == pytest.approx(10.0 * calm_bp, abs=tick_bp)
    assert half_bp(wide, None) == pytest.approx(50.0, abs=tick_bp)


def test_no_inventory_leans_the_quotes_beyond_ten_times_calm() -> None:
    def idle(desk: Desk[Curve], held_m: float) -> list[int]:
        curve = desk.curves(a_state(500.0, held_m), 0)[1]
        knots = zip(curve.prices_e8, curve.sales_e8, strict=True)
        return [price for price, sale in knots if sale == 0]

    low, high = idle(a_desk(), 150.0)
    assert idle(a_desk(), 120.0) == [low, high] != idle(a_desk(), 10.0)
    assert 1.0 - low / PRICE_E8 <= 20.0 * 1e-4 * closed_forms(PERPETUAL).markup_bp
    plain = Desk(Curve, 1.0)
    assert idle(plain, 150.0) < idle(plain, 120.0) < [low, high]


def test_a_hedge_frees_what_it_covers_and_straightens_the_curve() -> None:
    desk = a_desk()
    full = desk.curves(a_state(50.0, 37.5), 0)[1]
    assert full.sales_e8[0] == 0, "at the room nothing more is bought"
    guard_of(desk).hedged(1, -lots(37.5))
    covered = desk.curves(a_state(50.0, 37.5), 0)[1]
    assert covered == a_desk().curves(a_state(50.0, 0.0), 0)[1]


def test_cuts_are_counted_by_market_and_reason() -> None:
    desk = a_desk()
    for _ in range(3):
        desk.curves(a_state(50.0, 37.5, 0.0), 0)
    assert guard_of(desk).cuts == {(1, ROOM): 3, (2, ROOM): 3}
    assert guard_of(desk).zone_m(1) == pytest.approx(24.98, abs=0.01)
    assert guard_of(desk).zone_m(9) == math.inf
