# SPDX-License-Identifier: Apache-2.0
"""What the pool carries: holding times by hand, tails on moves whose quantiles are known."""

from __future__ import annotations

import pytest
from tests.support.facts import E8, MARKET, a_book, a_deal, a_hedge, a_listing, a_price

from infold.reports.facts import CurveCut, ReportFact, recorded
from infold.reports.html import risk_page
from infold.reports.outside_reference import OutsideReference
from infold.reports.risk import deviation, half_life_s, holding_estimate_s, risk

OUTSIDE = OutsideReference("reference", half_spread_bp=2.0, fee_bp=1.0, impact_bp_per_m=1_000.0)


def held_long(moves: int = 0) -> list[ReportFact]:
    """The pool buys 10 at 100 and holds them while the price falls by 1 every second."""
    facts: list[ReportFact] = [a_listing(position_cap_e8=40 * E8), a_price(0, 1_000)]
    facts.append(a_deal(time_ms=0, oracle_price_e8=1_000 * E8, price_e8=999 * E8, sold_e8=-10 * E8))
    facts += [a_price(second * 1_000, 1_000 - second / 100) for second in range(1, moves + 1)]
    facts.append(a_book(moves * 1_000, positions={MARKET: (10 * E8, -9_990_000_000)}))
    return facts


def test_a_market_says_what_it_holds_and_what_leaving_costs() -> None:
    found = risk(recorded(held_long()), OUTSIDE)
    one = found["markets"]["BTC-USD"]
    assert one["position_e6"] == "10000000000"
    assert one["cap_share"] == 0.25
    assert one["reallocation"]["cost_now_bps"] == pytest.approx(3 + 1_000 * 0.01)
    assert one["reallocation"]["cost_now_e6"] == str(13 * 10**6)
    assert found["ok"]


def test_curves_that_capital_cut_are_counted_by_reason() -> None:
    cuts = [CurveCut(n, MARKET, reason) for n, reason in enumerate(("ZONE", "ROOM", "ZONE"))]
    cuts.append(CurveCut(9, MARKET + 1, "ROOM"))
    one = risk(recorded([*held_long(), *cuts]), OUTSIDE)["markets"]["BTC-USD"]
    assert one["curves_cut"] == {"ROOM": 1, "ZONE": 2}
    record = recorded([*held_long(), *cuts])
    assert "<th>curves cut by capital</th>" in risk_page(risk(record, OUTSIDE), record)
    assert risk(recorded(held_long()), OUTSIDE)["markets"]["BTC-USD"]["curves_cut"] == {}


def test_a_position_beyond_its_cap_fails() -> None:
    facts = [a_listing(position_cap_e8=5 * E8), *held_long()[1:]]
    assert not risk(recorded(facts), OUTSIDE)["ok"]


def test_the_tail_is_the_mean_of_the_worst_hundredth() -> None:
    whole = risk(recorded(held_long(moves=200)), OUTSIDE)["portfolio"]
    assert whole["scenarios"] == 200
    # Each second loses about 1e-5 of 9,980; an hour's worth is 60 times that.
    assert int(whole["expected_shortfall_e6"]) == pytest.approx(10 * 998e6 * 6e-4, rel=0.01)
    assert int(whole["value_at_risk_e6"]) <= int(whole["expected_shortfall_e6"])


def test_too_few_moves_say_nothing() -> None:
    whole = risk(recorded(held_long(moves=20)), OUTSIDE)["portfolio"]
    assert (whole["value_at_risk_e6"], whole["expected_shortfall_e6"]) == (None, None)


def test_a_hedge_away_from_the_oracle_is_basis() -> None:
    hedges = [a_hedge(time_ms=1, price_e8=round(price * E8)) for price in (1_001, 999)]
    one = risk(recorded([*held_long(), *hedges]), OUTSIDE)["markets"]["BTC-USD"]
    assert one["basis_risk_bps"]["deviation"] == pytest.approx(14.1421, abs=1e-3)


def test_holding_time_is_stock_over_flow() -> None:
    # 10 for 4 s, then flat: in at 0, out at 4.
    assert holding_estimate_s([(0, 10), (4_000, 0)]) == pytest.approx(8.0)
    assert holding_estimate_s([(0, 0), (0, 10), (4_000, 0)]) == pytest.approx(4.0)
    assert holding_estimate_s([(0, 10)]) is None
    assert holding_estimate_s([(0, 10), (4_000, 10)]) is None


def test_half_life_runs_from_a_peak_to_its_half() -> None:
    assert half_life_s([(0, 4), (1_000, 10), (2_000, 6), (4_000, 5), (9_000, 5)]) == 3.0
    assert half_life_s([(0, 4), (1_000, 10)]) is None


def test_a_deviation_takes_two() -> None:
    assert deviation([1.0]) is None
    assert deviation([1.0, 3.0]) == pytest.approx(1.4142, abs=1e-4)


@pytest.mark.parametrize(("moves", "said"), [(0, "too few"), (200, "one time in a hundred")])
def test_the_page_speaks_of_tails_only_if_it_can(moves: int, said: str) -> None:
    record = recorded(held_long(moves))
    assert said in risk_page(risk(record, OUTSIDE), record)
