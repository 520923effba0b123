# SPDX-License-Identifier: Apache-2.0
"""The hedge desk: decisions carried to venues, recorded with reasons, folded after a restart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from infold.dealer.hedging.exposure import Cause, Rules
from infold.dealer.hedging.facts import (
    HedgeFact,
    PositionSeen,
    Reported,
    Routed,
    WrittenOff,
)
from infold.dealer.hedging.inflow import LOOKS_MIN
from infold.dealer.hedging.orders import Patience
from infold.dealer.hedging.passive import Resting
from infold.dealer.hedging.terms import Horizon, VenueTerms
from infold.dealer.params import SPOT_FX
from infold.dealer.treasury import Leg, Prudence, hedge_capacity_m
from infold.dealer.zone import CapitalCharge
from infold.errors import Misconfigured
from infold.node.hedge_desk import HedgeDesk, HedgePlan, recorded_facts, recorder
from infold.node.hedger import Hedger
from infold.outside import OutsideOrder, OutsideReport, Standing
from infold.shell.journal import Journal
from infold.shell.venues.simulated import Faults, SimulatedMarket, SimulatedVenue

MARKET, PRICE_E8 = 1, 10_000 * 10**8
M_LOTS = 10**22 // PRICE_E8
"""Lots of a million of quote."""
TAU_DAY = 1.0 / 86_400.0
ETA = SPOT_FX.hedge_impact_bp_day_per_m
PLAN = HedgePlan(
    parameters=SPOT_FX,
    terms={
        "near": VenueTerms("near", 0.1, 0.1, ETA, 100.0),
        "far": VenueTerms("far", 0.1, 0.15, ETA, 100.0),
    },
    horizon=Horizon(TAU_DAY, 10 * TAU_DAY),
)


CASH_E6 = 20_000 * 10**6  # 0.02 M


def venues(**faults: Faults) -> list[SimulatedVenue]:
    terms = SimulatedMarket(half_spread_bp=0.1, slope_bp=0.0, impact_bp=0.0)
    found = []
    for name in ("near", "far"):
        venue = SimulatedVenue(
            name, {MARKET: terms}, faults=faults.get(name, Faults()), cash_e6=CASH_E6
        )
        venue.advance(0, {MARKET: PRICE_E8})
        found.append(venue)
    return found


def a_desk(facts: list[HedgeFact], plan: HedgePlan = PLAN, **faults: Faults) -> HedgeDesk:
    return HedgeDesk(Hedger(MARKET, venues(**faults), facts.append), plan)


def test_inside_the_zone_nothing_is_sent_and_the_reason_is_recorded() -> None:
    facts: list[HedgeFact] = []
    found = a_desk(facts).hedge(10 * M_LOTS, PRICE_E8, 1_000)
    assert found.reason == "INSIDE_ZONE" and found.residual_m == pytest.approx(10.0)
    noted = [fact.route for fact in facts if isinstance(fact, Routed)]
    assert noted == [found]


@pytest.mark.parametrize("sign", [1, -1])
def test_stock_beyond_the_zone_is_sent_to_both_venues_against_it(sign: int) -> None:
    facts: list[HedgeFact] = []
    desk = a_desk(facts)
    found = desk.hedge(sign * 40 * M_LOTS, PRICE_E8, 1_000)
    assert found.reason == "EQUAL_COSTS" and len(found.shares) == 2
    book = desk.hedger.book
    assert {name: -sign * size > 0 for name, size in book.held_e8.items()} == {
        "near": True,
        "far": True,
    }
    assert book.hedged_e8 / M_LOTS == pytest.approx(-sign * found.sent_m, rel=1e-6)
    assert abs(book.held_e8["near"]) > abs(book.held_e8["far"])


def test_step_by_step_the_stock_comes_back_to_the_zone_and_no_further() -> None:
    desk = a_desk([])
    client = 14 * M_LOTS
    for number in range(700):
        desk.hedge(client, PRICE_E8, 1_000 * (number + 1))
    left_m = (client + desk.hedger.book.hedged_e8) / M_LOTS
    assert 12.3 < left_m < 12.7  # the zone's edge is 12.402 at rest


def test_the_capital_rule_and_margin_bind() -> None:
    tight = replace(PLAN, charge=CapitalCharge(5e4, 1e4))  # 5 M
    assert a_desk([], tight).hedge(8 * M_LOTS, PRICE_E8, 1_000).reason == "CAPITAL"
    legs = {"near": Leg("near", 0.05, 0.0, 0.1, 0.05, transfer_s=0.0)}
    prudence = Prudence(volatility_bp=300.0, stress_bp=1_000.0, venue_share_max=1.0)
    margined = replace(tight, legs=legs, prudence=prudence)
    found = a_desk([], margined).hedge(8 * M_LOTS, PRICE_E8, 1_000)
    own = {"near": replace(legs["near"], equity_m=0.02)}
    room = hedge_capacity_m(own["near"], -1, list(own.values()), prudence)
    assert room < 1.0
    assert dict(found.shares)["near"] == pytest.approx(room)
    assert dict(found.shares)["far"] == pytest.approx(3.0 - room)


@pytest.mark.parametrize("sign", [1, -1])
def test_what_capital_leaves_no_zone_for_goes_at_any_cost_little_by_little(sign: int) -> None:
    dear = {name: replace(terms, half_spread_bp=500.0) for name, terms in PLAN.terms.items()}
    facts: list[HedgeFact] = []
    desk = a_desk(facts, replace(PLAN, terms=dear, excess_s=10.0))
    kept = desk.hedge(sign * 9 * M_LOTS, PRICE_E8, 1_000, zone_m=9.0)
    assert (kept.reason, kept.sent_m) == ("INSIDE_ZONE", 0.0)
    sent = desk.hedge(sign * 9 * M_LOTS, PRICE_E8, 2_000, zone_m=4.0)
    assert sent.reason == "CAPITAL" and sent.sent_m == pytest.approx(0.5)  # a tenth of the excess
    assert desk.hedger.book.hedged_e8 / M_LOTS == pytest.approx(-sign * 0.5, rel=1e-6)
    assert [fact.route.reason for fact in facts if isinstance(fact, Routed)][-1] == "CAPITAL"
    for number in range(3, 120):
        desk.hedge(sign * 9 * M_LOTS, PRICE_E8, 1_000 * number, zone_m=4.0)
    left_m = abs(sign * 9 * M_LOTS + desk.hedger.book.hedged_e8) / M_LOTS
    assert left_m == pytest.approx(4.0, abs=0.01), "to the zone and no further"


def test_a_zone_wider_than_the_plan_s_own_changes_nothing() -> None:
    tight = replace(PLAN, charge=CapitalCharge(5e4, 1e4))  # 5 M
    alone = a_desk([], tight).hedge(8 * M_LOTS, PRICE_E8, 1_000)
    assert a_desk([], tight).hedge(8 * M_LOTS, PRICE_E8, 1_000, zone_m=7.0) == alone


def test_a_plan_refuses_an_excess_time_of_zero() -> None:
    with pytest.raises(ValueError, match=r"excess_s must be a positive number \(seconds\)"):
        replace(PLAN, excess_s=0.0)


def test_a_leg_that_may_die_alone_is_named_though_the_book_is_flat(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The venue says that our account is worth less than the plan thought; the price rises."""
    legs = {
        "pool": Leg("pool", 5.0, 0.0, 0.05, 0.03, transfer_s=0.0),
        "near": Leg("near", 5.0, 0.0, 0.05, 0.02, transfer_s=3_600.0),
    }
    terms = {"near": PLAN.terms["near"]}
    prudence = Prudence(volatility_bp=300.0, stress_bp=1_000.0, venue_share_max=1.0)
    bare = CapitalCharge(0.0, 1e4)
    plan = replace(PLAN, terms=terms, legs=legs, prudence=prudence, charge=bare, reconcile_ms=1_000)
    desk = a_desk([], plan)
    client = M_LOTS // 10
    for number in range(1, 4):
        desk.hedge(client, PRICE_E8, 1_000 * number)
    assert desk.hedger.book.hedged_e8 == -client and desk.dangers == []
    near = desk.hedger._venues["near"]
    assert isinstance(near, SimulatedVenue)
    near.advance(4_000, {MARKET: PRICE_E8 * 12 // 10})  # 20 % up: 0.02 M lost there
    desk.hedge(client, PRICE_E8 * 12 // 10, 4_000)
    (danger,) = desk.dangers
    assert (danger.leg, danger.flat) == ("near", True) and danger.top_up_m > 0.0
    assert "HEDGE_LEG_IN_DANGER market=1 leg=near" in caplog.text


def test_a_venue_that_is_out_is_passed_over_after_three_strikes() -> None:
    tight = replace(PLAN, charge=CapitalCharge(5e4, 1e4))
    desk = a_desk([], tight, near=Faults(outages=((0, 10**9),)))
    client = 8 * M_LOTS
    for number in range(60):
        desk.hedge(client, PRICE_E8, 1_000 * (number + 1))
    book = desk.hedger.book
    doubt = book.pending_e8(-1)  # what it may have filled of the one order it was sent
    assert book.held_e8.get("near", 0) == 0 > doubt
    assert (client + book.hedged_e8 + doubt) / M_LOTS == pytest.approx(5.0, abs=1e-6)
    for number in range(60, 700):
        desk.hedge(client, PRICE_E8, 1_000 * (number + 1))
    assert desk.hedger.book.pending_e8(-1) == 0  # nobody ever said that it was filled
    assert (client + desk.hedger.book.hedged_e8) / M_LOTS == pytest.approx(5.0, abs=1e-6)


def test_a_default_is_written_off_by_an_operator_and_hedged_elsewhere() -> None:
    tight = replace(PLAN, charge=CapitalCharge(5e4, 1e4))
    desk = a_desk([], tight)
    client = 8 * M_LOTS
    desk.hedge(client, PRICE_E8, 1_000)
    lost = desk.hedger.book.held_e8["near"]
    assert lost < 0
    desk.plan = replace(tight, defaulted=frozenset({"near"}))
    for number in range(2, 20):
        desk.hedge(client, PRICE_E8, 1_000 * number)
    book = desk.hedger.book
    assert book.held_e8["near"] == 0 and not book.usable("near", 10**15)
    assert [(one.cause, one.size_e8) for one in book.surprises] == [(Cause.WRITTEN_OFF, -lost)]
    assert (client + book.held_e8["far"]) / M_LOTS == pytest.approx(5.0, abs=1e-6)


def test_a_write_off_is_one_fact_and_no_trade_that_moves_a_price() -> None:
    facts: list[HedgeFact] = []
    tight = replace(PLAN, charge=CapitalCharge(5e4, 1e4))
    told, untold = a_desk(facts, tight), a_desk([], tight)
    for desk in (told, untold):
        desk.hedge(8 * M_LOTS, PRICE_E8, 1_000)
    told.plan = replace(tight, defaulted=frozenset({"near"}))
    impact_bp = told.hedge(8 * M_LOTS, PRICE_E8, 2_000).impact_bp
    assert impact_bp == untold.hedge(8 * M_LOTS, PRICE_E8, 2_000).impact_bp < 0.0
    told.hedge(8 * M_LOTS, PRICE_E8, 3_000)
    assert [fact.venue for fact in facts if isinstance(fact, WrittenOff)] == ["near"]


def test_the_money_at_a_venue_written_off_carries_no_hedge_and_is_not_asked_for() -> None:
    legs = {
        "near": Leg("near", 0.05, 0.0, 0.1, 0.05, transfer_s=0.0),
        "far": Leg("far", 0.05, 0.0, 0.1, 0.05, transfer_s=0.0),
    }
    prudence = Prudence(volatility_bp=300.0, stress_bp=1_000.0, venue_share_max=0.5)
    margined = replace(PLAN, charge=CapitalCharge(5e4, 1e4), legs=legs, prudence=prudence)
    facts: list[HedgeFact] = []
    desk = a_desk(facts, replace(margined, defaulted=frozenset({"near"})))
    found = desk.hedge(8 * M_LOTS, PRICE_E8, 1_000)
    alone = replace(legs["far"], equity_m=0.02)
    assert set(desk.legs) == {"far"}
    assert dict(found.shares) == {
        "far": pytest.approx(hedge_capacity_m(alone, -1, [alone], prudence))
    }
    asked = {fact.position.venue for fact in facts if isinstance(fact, PositionSeen)}
    assert asked == {"far"}


def test_a_plan_refuses_a_default_of_a_venue_it_does_not_know() -> None:
    with pytest.raises(ValueError, match="defaulted names elsewhere, which is no venue of terms"):
        replace(PLAN, defaulted=frozenset({"elsewhere"}))


def test_a_hedge_taken_away_is_replaced() -> None:
    tight = replace(PLAN, charge=CapitalCharge(5e4, 1e4), reconcile_ms=1_000)
    desk = a_desk([], tight, near=Faults(deleveraged=((20_000, 1.0),)))
    client = 8 * M_LOTS
    for number in range(60):
        now_ms = 1_000 * (number + 1)
        for venue in desk.hedger._venues.values():
            assert isinstance(venue, SimulatedVenue)
            venue.advance(now_ms, {MARKET: PRICE_E8})
        desk.hedge(client, PRICE_E8, now_ms)
    (surprise,) = desk.hedger.book.surprises
    assert surprise.venue == "near" and surprise.size_e8 > 0
    assert (client + desk.hedger.book.hedged_e8) / M_LOTS == pytest.approx(5.0, abs=0.01)


def test_a_move_that_is_predicted_against_the_stock_sends_more() -> None:
    def sent(client_e8: int, drift_bp: float) -> float:
        return a_desk([]).hedge(client_e8, PRICE_E8, 1_000, drift_bp).sent_m

    for side in (1, -1):
        client = side * 14 * M_LOTS
        against, along = sent(client, -side * 0.1), sent(client, side * 0.1)
        assert along < sent(client, 0.0) < against


@pytest.mark.parametrize("sign", [1, -1])
def test_marked_flow_is_hedged_inside_the_zone_once_and_never_past_the_stock(sign: int) -> None:
    desk, client = a_desk([]), sign * 8 * M_LOTS
    assert desk.hedge(client, PRICE_E8, 1_000).reason == "INSIDE_ZONE"
    client += sign * 2 * M_LOTS  # traders sold 2 M to us, 3 M of the informed
    found = desk.hedge(client, PRICE_E8, 2_000, marked_e8=-sign * 3 * M_LOTS)
    assert found.reason == "TOXIC" and found.sent_m == pytest.approx(3.0)
    assert desk.hedger.book.hedged_e8 / M_LOTS == pytest.approx(-sign * 3.0)
    assert desk.hedge(client, PRICE_E8, 3_000).reason == "INSIDE_ZONE"
    last = desk.hedge(client, PRICE_E8, 4_000, marked_e8=-sign * 500 * M_LOTS)
    assert last.sent_m == pytest.approx(7.0)
    assert abs(client + desk.hedger.book.hedged_e8) <= 2
    assert desk.hedge(client, PRICE_E8, 5_000, marked_e8=sign * M_LOTS).sent_m == 0.0


def test_what_venues_have_no_room_for_goes_later_and_opposite_marks_cancel() -> None:
    narrow = {"near": VenueTerms("near", 0.1, 0.1, ETA, 1.0)}
    desk = a_desk([], replace(PLAN, terms=narrow))
    client = 8 * M_LOTS
    sent = [desk.hedge(client, PRICE_E8, 1_000, marked_e8=-3 * M_LOTS).sent_m]
    sent += [desk.hedge(client, PRICE_E8, 1_000 * n).sent_m for n in (2, 3, 4)]
    assert sent == pytest.approx([1.0, 1.0, 1.0, 0.0], abs=1e-6)
    desk.hedge(client, PRICE_E8, 5_000, marked_e8=-3 * M_LOTS)
    assert desk.hedge(client, PRICE_E8, 6_000, marked_e8=2 * M_LOTS).sent_m == 0.0


def test_momentum_in_batch_flow_sends_more() -> None:
    def last(flows: list[int]) -> float:
        desk, client = a_desk([]), 0
        for number, flow in enumerate(flows):
            client += flow
            found = desk.hedge(client, PRICE_E8, 1_000 * (number + 1))
        return found.inflow_m

    count = 4 * LOOKS_MIN
    assert last([M_LOTS // 100] * count) > 0.0
    alternating = [M_LOTS // 100 * (1 if number % 2 else -1) for number in range(count)]
    assert last(alternating) < 0.0
    assert last([M_LOTS]) == 0.0


def test_facts_go_to_the_journal_and_a_restart_folds_them(tmp_path: Path) -> None:
    found = venues()
    with Journal(tmp_path / "journal", b"test") as journal:
        hedger = Hedger(MARKET, found, recorder(journal, MARKET))
        HedgeDesk(hedger, PLAN).hedge(40 * M_LOTS, PRICE_E8, 1_000)
        other = OutsideReport(client_id="x", standing=Standing.OPEN)
        recorder(journal, 2)(Reported(report=other, time_ms=1))
        book = hedger.book
    with Journal(tmp_path / "journal", b"test") as journal:
        facts = recorded_facts(journal, MARKET)
        again = Hedger(MARKET, found, recorder(journal, MARKET), facts=facts)
        assert again.book == book and book.hedged_e8 < 0
        assert len(recorded_facts(journal, 2)) == 1


def test_a_venue_that_reports_nonsense_has_said_nothing() -> None:
    """More filled than was ordered: the order stays in doubt, and its venue earns a strike."""

    class Liar(SimulatedVenue):
        def place(self, order: OutsideOrder) -> OutsideReport:
            return OutsideReport(
                client_id=order.client_id, standing=Standing.FILLED, filled_e8=2 * order.size_e8
            )

    liar = Liar("near", {MARKET: SimulatedMarket()})
    liar.advance(0, {MARKET: PRICE_E8})
    hedger = Hedger(MARKET, [liar], [].append)
    hedger.hedge(100, {"near": -100}, 1_000)
    assert hedger.book.hedged_e8 == 0 and hedger.book.pending_e8(-1) == -100
    assert hedger.book.conduct["near"].strikes == 1


def test_two_venues_of_one_name_are_the_operators_mistake() -> None:
    near = venues()[0]
    with pytest.raises(Misconfigured, match="named near"):
        Hedger(MARKET, [near, near], [].append)


# -- resting ---------------------------------------------------------------------------------------

REST_MS = 30_000
RESTING = Resting(
    half_spread_bp=1.0,
    taker_fee_bp=3.0,
    rebate_bp=0.5,
    fills_per_day=10_000.0,
    adverse_bp=1.9,
    waiting_bp_per_day=10.0,
)
PATIENT = replace(
    PLAN,
    terms={"near": VenueTerms("near", 1.0, 3.0, ETA, 100.0, resting=RESTING)},
    charge=CapitalCharge(5e4, 1e4),
    horizon=Horizon(TAU_DAY, 60 * TAU_DAY, REST_MS / 86_400_000),
    lot_e8=M_LOTS // 1_000,
)


def patient_desk(facts: list[HedgeFact], fills_per_s: float) -> tuple[HedgeDesk, SimulatedVenue]:
    terms = SimulatedMarket(half_spread_bp=1.0, touch_fills_per_s=fills_per_s)
    venue = SimulatedVenue("near", {MARKET: terms}, seed=2)
    venue.advance(0, {MARKET: PRICE_E8})
    rules = Rules(patience=Patience(rest_ms=REST_MS))
    return HedgeDesk(Hedger(MARKET, [venue], facts.append, rules=rules), PATIENT), venue


def follow(desk: HedgeDesk, venue: SimulatedVenue, seconds: int) -> None:
    for number in range(1, seconds + 1):
        venue.advance(1_000 * number, {MARKET: PRICE_E8})
        desk.hedge(8 * M_LOTS, PRICE_E8, 1_000 * number)


def test_a_hedge_that_is_cheaper_at_rest_waits_at_the_touch_and_earns_the_rebate() -> None:
    desk, venue = patient_desk([], fills_per_s=2.0)
    follow(desk, venue, 20)
    (only,) = desk.hedger.book.orders.values()
    assert only.order.resting and only.order.limit_price_e8 == round(PRICE_E8 * 1.0001)
    assert desk.hedger.book.hedged_e8 / M_LOTS == pytest.approx(-3.0) and only.fee_e6 < 0


def test_a_hedge_that_rested_in_vain_crosses() -> None:
    desk, venue = patient_desk([], fills_per_s=0.0)
    follow(desk, venue, 40)
    first, second = desk.hedger.book.orders.values()
    assert first.order.resting and first.filled_e8 == 0
    assert first.ended_ms - first.acknowledged_ms == REST_MS
    assert not second.order.resting and desk.hedger.book.hedged_e8 / M_LOTS == pytest.approx(-3.0)


def test_orders_must_rest_as_long_as_their_cost_assumes() -> None:
    venue = SimulatedVenue("near", {MARKET: SimulatedMarket()})
    with pytest.raises(Misconfigured, match="rest 60000 ms"):
        HedgeDesk(Hedger(MARKET, [venue], [].append), PATIENT)
