# SPDX-License-Identifier: Apache-2.0
"""What a fill cost, taken apart: every term by hand, and the identity on any fill at all."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.support.facts import E8, a_fill, a_price, an_acceptance

from infold.reports.execution import by_client, costs, largest_gap, summed
from infold.reports.facts import recorded
from infold.reports.outside_reference import OutsideReference, believed

FREE = OutsideReference("free", 0.0, 0.0, 0.0)
DEAR = OutsideReference("dear", half_spread_bp=2.0, fee_bp=3.0, impact_bp_per_m=1_000.0)


def test_each_term_is_what_its_name_says() -> None:
    """Accepted at 100, first vector 101, filled at vector 103 for 103.5, 10 lots of one."""
    record = recorded(
        [
            a_price(0, 100),
            an_acceptance(accepted_ms=500),
            a_price(1_000, 101),
            a_price(3_000, 103),
            a_fill(oracle_price_e8=103 * E8, price_e8=round(103.5 * E8), fee_e6=2_000_000),
            a_price(4_000, 104),
        ]
    )
    (cost,) = costs(record, DEAR)
    assert cost.notional_e6 == pytest.approx(1_030e6)
    assert cost.delay == pytest.approx(10e6)
    assert cost.timing == pytest.approx(20e6)
    assert cost.spread == pytest.approx(1_030e6 * 5e-4)
    assert cost.impact == pytest.approx(1_030e6 * 1_030e6 / 1e12 * 1_000e-4)
    assert cost.fees == 2e6
    assert cost.improvement == pytest.approx(cost.spread + cost.impact - 5e6)
    assert cost.shortfall == pytest.approx(35e6 + 2e6)
    assert cost.markouts_e6[1] == pytest.approx(5e6)
    assert cost.waited_ms == 2_500


def test_a_sell_sees_the_same_moves_with_the_other_sign() -> None:
    facts = [
        a_price(0, 100),
        an_acceptance(buy=False, accepted_ms=500),
        a_price(3_000, 103),
        a_fill(buy=False, oracle_price_e8=103 * E8, price_e8=102 * E8),
    ]
    (cost,) = costs(recorded(facts), FREE)
    assert (cost.delay, cost.timing) == (pytest.approx(-30e6), 0.0)
    assert cost.improvement == pytest.approx(-10e6)
    assert cost.shortfall == pytest.approx(-20e6)


def test_a_horizon_beyond_the_record_is_unknown_and_not_zero() -> None:
    facts = [a_price(0, 100), an_acceptance(), a_price(3_000, 100), a_fill(), a_price(3_900, 101)]
    (cost,) = costs(recorded(facts), FREE)
    assert cost.markouts_e6 == {1: None, 10: None, 60: None}
    assert summed([cost])["markout_bps"] == {"1s": None, "10s": None, "60s": None}


def test_a_fill_without_its_order_is_refused() -> None:
    with pytest.raises(ValueError, match="never accepted: give them from the beginning"):
        costs(recorded([a_price(0, 100), a_fill()]), FREE)


def test_prices_that_go_back_are_refused() -> None:
    with pytest.raises(ValueError, match="go back from 1000 to 999 ms"):
        recorded([a_price(1_000, 100), a_price(999, 100)])


@given(
    prices=st.lists(st.integers(10**4, 10**14), min_size=3, max_size=3),
    filled=st.integers(10**4, 10**14),
    size=st.integers(1, 2**63),
    buy=st.booleans(),
    fee=st.integers(0, 10**15),
)
@example(prices=[10**4, 10**4, 1_654_992_000_000], filled=10**4, size=2**60, buy=False, fee=0)
def test_the_terms_add_up_to_the_shortfall(
    prices: list[int], filled: int, size: int, buy: bool, fee: int
) -> None:
    arrival, first, oracle = prices
    facts = [
        a_price(0, arrival / E8),
        an_acceptance(buy=buy, size_e8=size),
        a_price(1_000, first / E8),
        a_price(3_000, oracle / E8),
        a_fill(buy=buy, size_e8=size, oracle_price_e8=oracle, price_e8=filled, fee_e6=fee),
    ]
    (cost,) = costs(recorded(facts), DEAR)
    terms = (cost.delay, cost.timing, cost.spread, cost.impact, cost.fees, cost.improvement)
    scale = max(map(abs, (cost.shortfall, *terms))) / cost.notional_e6
    assert abs(cost.gap) <= 1e-9 * max(1.0, scale)


def test_clients_are_summed_by_account_the_largest_first() -> None:
    facts = [
        a_price(0, 100),
        an_acceptance(b"small", account=18),
        an_acceptance(b"large", account=17),
        a_price(3_000, 100),
        a_fill(b"small", account=18, size_e8=E8, price_e8=101 * E8),
        a_fill(b"large", account=17, size_e8=9 * E8, price_e8=99 * E8),
    ]
    found = costs(recorded(facts), FREE)
    clients = by_client(found)
    assert list(clients) == ["17", "18"]
    assert clients["17"]["shortfall_bps"] == pytest.approx(-100)
    assert summed(found)["shortfall_bps"] == pytest.approx((100 - 900) / 10)
    assert largest_gap(found) <= 1e-12


def test_nothing_filled_has_no_cost() -> None:
    assert summed(()) == {
        "fills": 0,
        "notional_e6": "0",
        "shortfall_bps": None,
        "terms_bps": None,
    }


@pytest.mark.parametrize("name", ["half_spread_bp", "fee_bp", "impact_bp_per_m"])
@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_a_reference_takes_only_costs(name: str, value: float) -> None:
    figures = {"half_spread_bp": 0.0, "fee_bp": 0.0, "impact_bp_per_m": 0.0, name: value}
    with pytest.raises(ValueError, match=f"{name} must be a number of bp"):
        OutsideReference("x", **figures)


def test_the_belief_names_its_figures() -> None:
    assert "bp a million" in believed().name
