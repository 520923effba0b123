# SPDX-License-Identifier: Apache-2.0
"""The simulated venue: prices, impact, latency, fees, maker fills, and all it can do wrong."""

from __future__ import annotations

import pytest

from infold.errors import Misconfigured, Unavailable
from infold.outside import OutsideOrder, OutsideReport, Standing
from infold.shell.venues.simulated import Faults, SimulatedMarket, SimulatedVenue

LOT, MID_E8 = 10**8, 10_000 * 10**8
TERMS = SimulatedMarket(half_spread_bp=1.0, slope_bp=0.5, impact_bp=0.2, resilience_per_day=0.0)


def a_venue(
    faults: Faults | None = None, terms: SimulatedMarket = TERMS, latency_ms: int = 0, seed: int = 0
) -> SimulatedVenue:
    venue = SimulatedVenue(
        "v", {1: terms}, seed=seed, latency_ms=latency_ms, faults=faults or Faults()
    )
    venue.advance(0, {1: MID_E8})
    return venue


def an_order(lots: float, name: str = "a-1", **others: object) -> OutsideOrder:
    return OutsideOrder(client_id=name, venue="v", market=1, size_e8=round(lots * LOT), **others)


def price(report: OutsideReport) -> float:
    return report.paid_e6 / 1e6 / abs(report.filled_e8 / LOT)


def test_a_taker_pays_spread_half_the_slope_and_the_fee() -> None:
    venue = a_venue()
    bought = venue.place(an_order(4))
    assert bought.standing is Standing.FILLED
    assert price(bought) == pytest.approx(10_000 * (1 + (1.0 + 0.5 * 4 / 2) * 1e-4), abs=1e-5)
    assert bought.fee_e6 == pytest.approx(bought.paid_e6 * 300e-6, abs=1)
    sold = a_venue().place(an_order(-4))
    assert price(sold) == pytest.approx(10_000 * (1 - (1.0 + 0.5 * 4 / 2) * 1e-4), abs=1e-5)


def test_impact_stays_moves_the_quote_and_fades() -> None:
    fading = SimulatedMarket(
        half_spread_bp=1.0, slope_bp=0.5, impact_bp=0.2, resilience_per_day=86_400.0
    )
    venue = a_venue(terms=fading)
    venue.place(an_order(10))
    quoted = venue.quote(1)
    assert quoted.ask_price_e8 / MID_E8 == pytest.approx(1 + 3e-4, abs=1e-8)
    assert quoted.bid_price_e8 / MID_E8 == pytest.approx(1 + 1e-4, abs=1e-8)
    venue.advance(1_000, {1: MID_E8})
    faded = venue.quote(1)
    assert faded.ask_price_e8 / MID_E8 == pytest.approx(1 + (1 + 2 * 0.36788) * 1e-4, abs=1e-8)


def test_no_round_trip_at_once_earns_anything() -> None:
    for lots in (0.01, 1, 30):
        venue = a_venue()
        paid = venue.place(an_order(lots, "a-1")).paid_e6
        assert venue.place(an_order(-lots, "a-2")).paid_e6 < paid
        assert venue.position(1).size_e8 == 0


def test_a_limit_and_the_depth_cut_an_order_short() -> None:
    limited = a_venue().place(an_order(10, limit_price_e8=round(MID_E8 * 1.0003)))
    assert limited.standing is Standing.CANCELLED
    assert limited.filled_e8 / LOT == pytest.approx(4.0)  # 1 + 0.5 v = 3
    beyond = a_venue().place(an_order(10, limit_price_e8=MID_E8))
    assert (beyond.standing, beyond.filled_e8) == (Standing.CANCELLED, 0)
    shallow = a_venue(terms=SimulatedMarket(depth_e8=3 * LOT))
    shallow.advance(1, {}, depth=0.5)
    assert shallow.place(an_order(10)).filled_e8 == 3 * LOT // 2


def test_thin_times_cost_more() -> None:
    calm, thin = a_venue(), a_venue()
    thin.advance(1, {}, depth=0.1)
    assert price(thin.place(an_order(4))) > price(calm.place(an_order(4)))


def test_an_order_under_way_is_not_known_and_is_filled_at_the_price_of_its_arrival() -> None:
    venue = a_venue(latency_ms=300)
    assert venue.place(an_order(1)).standing is Standing.OPEN
    venue.advance(299, {1: MID_E8})
    assert venue.order(1, "a-1") is None
    venue.advance(300, {1: 2 * MID_E8})
    arrived = venue.order(1, "a-1")
    assert arrived is not None and arrived.standing is Standing.FILLED
    assert price(arrived) == pytest.approx(20_000, rel=1e-3)


def test_a_resting_order_fills_when_the_price_goes_through_it_and_earns_the_rebate() -> None:
    venue = a_venue(terms=SimulatedMarket(touch_fills_per_s=0.0))
    limit = round(MID_E8 * 0.999)
    assert venue.place(an_order(2, limit_price_e8=limit, resting=True)).standing is Standing.OPEN
    venue.advance(10_000, {1: round(MID_E8 * 0.9991)})
    waiting = venue.order(1, "a-1")
    assert waiting is not None and waiting.standing is Standing.OPEN
    venue.advance(20_000, {1: round(MID_E8 * 0.9985)})
    filled = venue.order(1, "a-1")
    assert filled is not None and filled.standing is Standing.FILLED
    assert price(filled) == pytest.approx(9_990.0) and filled.fee_e6 < 0


def test_at_the_touch_resting_orders_fill_by_chance_at_their_rate() -> None:
    terms = SimulatedMarket(half_spread_bp=1.0, touch_fills_per_s=0.5)
    venue = a_venue(terms=terms, seed=4)
    limit = round(MID_E8 * 0.9999)
    for number in range(400):
        venue.place(an_order(0.01, f"a-{number}", limit_price_e8=limit, resting=True))
    venue.advance(1_000, {1: MID_E8})
    filled = venue.position(1).size_e8 / (0.01 * LOT) / 400
    assert filled == pytest.approx(1 - 0.6065, abs=0.07)


def test_a_resting_order_that_would_cross_is_refused() -> None:
    refused = a_venue().place(an_order(1, limit_price_e8=MID_E8, resting=True))
    assert (refused.standing, refused.reason) == (Standing.REFUSED, "it would cross")


def test_the_same_seed_repeats_and_another_does_not() -> None:
    def run(seed: int) -> list[int]:
        venue = a_venue(terms=SimulatedMarket(touch_fills_per_s=0.5), seed=seed)
        limit = round(MID_E8 * 0.99996)
        held = []
        for number in range(30):
            venue.place(an_order(1, f"a-{number}", limit_price_e8=limit, resting=True))
            venue.advance(venue.time_ms + 500, {1: MID_E8})
            held.append(venue.position(1).size_e8)
        return held

    assert run(1) == run(1) != run(2)


def test_a_client_id_is_executed_once_unless_the_venue_takes_copies() -> None:
    venue = a_venue()
    assert venue.place(an_order(1)) == venue.place(an_order(1))
    assert venue.executed_e8(1, "a-1") == venue.position(1).size_e8 == LOT
    careless = a_venue(Faults(takes_copies=True))
    careless.place(an_order(1))
    careless.place(an_order(1))
    assert careless.executed_e8(1, "a-1") == 2 * LOT


def test_lost_requests_are_not_done_and_lost_answers_are() -> None:
    deaf, mute = a_venue(Faults(lost_requests=1.0)), a_venue(Faults(lost_answers=1.0))
    for venue in (deaf, mute):
        with pytest.raises(Unavailable):
            venue.place(an_order(1))
    assert deaf.executed_e8(1, "a-1") == 0 and mute.executed_e8(1, "a-1") == LOT


def test_an_outage_answers_nothing_until_it_is_over() -> None:
    venue = a_venue(Faults(outages=((100, 200),)))
    venue.advance(100, {})
    for ask in (lambda: venue.quote(1), lambda: venue.position(1), lambda: venue.cancel(1, "a")):
        with pytest.raises(Unavailable, match="is out"):
            ask()
    venue.advance(200, {})
    assert venue.position(1).size_e8 == 0


def test_a_withheld_order_is_acknowledged_and_never_filled() -> None:
    venue = a_venue(Faults(withheld=((0, 10_000),)))
    assert venue.place(an_order(1)).standing is Standing.OPEN
    venue.advance(9_000, {1: MID_E8})
    taken_back = venue.cancel(1, "a-1")
    assert taken_back is not None
    assert (taken_back.standing, taken_back.filled_e8) == (Standing.CANCELLED, 0)
    assert venue.cancel(1, "stranger") is None


def test_deleveraging_takes_a_share_of_the_hedge_away() -> None:
    venue = a_venue(Faults(deleveraged=((500, 0.25),)))
    venue.place(an_order(-4))
    venue.advance(499, {})
    assert venue.position(1).size_e8 == -4 * LOT
    venue.advance(500, {})
    assert venue.position(1).size_e8 == -3 * LOT


def test_a_balance_is_cash_and_positions_at_their_mids() -> None:
    venue = SimulatedVenue(
        "v", {1: TERMS}, cash_e6=5_000_000, faults=Faults(deleveraged=((20, 1.0),))
    )
    venue.advance(0, {1: MID_E8})
    report = venue.place(an_order(-2))
    cash = 5_000_000 + report.paid_e6 - report.fee_e6
    assert venue.balance(1).equity_e6 == cash - 20_000 * 10**6
    venue.advance(10, {1: MID_E8 * 11 // 10})
    assert venue.balance(1).equity_e6 == cash - 22_000 * 10**6
    venue.advance(20, {1: MID_E8 * 11 // 10})
    assert venue.position(1).size_e8 == 0
    assert venue.balance(1).equity_e6 == cash - 22_000 * 10**6


def test_what_makes_no_sense_is_named() -> None:
    with pytest.raises(Misconfigured, match="half_spread_bp"):
        SimulatedMarket(half_spread_bp=-1.0)
    with pytest.raises(Misconfigured, match="lost_answers"):
        Faults(lost_answers=1.5)
    with pytest.raises(Misconfigured, match="deleveraged"):
        Faults(deleveraged=((0, 2.0),))
    with pytest.raises(Misconfigured, match="latency_ms"):
        SimulatedVenue("v", {}, latency_ms=-1)
    venue = a_venue()
    with pytest.raises(ValueError, match="go back"):
        venue.advance(-1, {})
    with pytest.raises(ValueError, match="depth"):
        venue.advance(1, {}, depth=0.0)
    with pytest.raises(Misconfigured, match="no market 2"):
        venue.position(2)
    stranger = OutsideOrder(client_id="a-9", venue="v", market=2, size_e8=1)
    assert venue.place(stranger).standing is Standing.REFUSED
