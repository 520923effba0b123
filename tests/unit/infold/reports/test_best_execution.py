# SPDX-License-Identifier: Apache-2.0
"""Best execution: shares, spreads, classes and periods, from hand-made facts."""

from __future__ import annotations

import pytest
from tests.support.facts import E8, a_deal, a_fill, a_hedge, a_listing, a_price, an_acceptance

from infold.reports.best_execution import best_execution, shares, size_class
from infold.reports.execution import costs
from infold.reports.facts import Ended, Refused, ReportFact, recorded
from infold.reports.html import best_execution_page
from infold.reports.outside_reference import OutsideReference

OUTSIDE = OutsideReference("reference", half_spread_bp=10.0, fee_bp=0.0, impact_bp_per_m=0.0)


def some_facts() -> list[ReportFact]:
    return [
        a_listing(),
        a_price(0, 100),
        an_acceptance(b"filled", size_e8=10 * E8),
        an_acceptance(b"expired", size_e8=30 * E8, kind="IOC"),
        Refused("EXPIRED", 600),
        a_price(3_000, 100),
        a_fill(b"filled", price_e8=round(100.05 * E8)),
        a_deal(price_e8=round(100.05 * E8), bought_e8=10 * E8, sold_e8=4 * E8),
        Ended(b"expired", "expired", 3_000),
        a_price(4_000, 101),
    ]


def test_shares_are_apart_and_sum_to_one() -> None:
    found = shares([a_deal(bought_e8=10 * E8, sold_e8=-4 * E8)], [a_hedge(size_e8=E8)])
    assert found["crossed_share"] == pytest.approx(0.6)
    assert found["warehoused_share"] == pytest.approx(0.3)
    assert found["hedged_share"] == pytest.approx(0.1)


def test_a_hedge_of_more_than_the_pool_took_counts_as_what_it_took() -> None:
    found = shares([a_deal(bought_e8=10 * E8, sold_e8=4 * E8)], [a_hedge(size_e8=9 * E8)])
    assert (found["warehoused_share"], found["hedged_share"]) == (0.0, pytest.approx(0.4))


def test_the_whole_says_what_a_client_got() -> None:
    whole = best_execution(recorded(some_facts()), OUTSIDE)["whole"]
    assert whole["orders"] == 2
    assert whole["fill_rate"] == pytest.approx(0.25)
    assert whole["ends"] == {"expired": 1, "filled": 1}
    assert whole["rejects"] == {"EXPIRED": 1}
    assert whole["effective_spread_bps"] == pytest.approx(10)
    assert whole["realised_spread_bps"]["1s"] == pytest.approx(-190)
    assert whole["realised_spread_bps"]["10s"] is None
    assert whole["improvement"]["weighted_bps"] == pytest.approx(5)
    assert whole["improvement"]["better_share"] == 1.0


def test_fees_count_against_the_improvement() -> None:
    facts = [
        fact if not hasattr(fact, "fee_e6") else a_fill(b"filled", fee_e6=2_000_000)
        for fact in some_facts()
    ]
    whole = best_execution(recorded(facts), OUTSIDE)["whole"]
    assert whole["improvement"]["weighted_bps"] == pytest.approx(-10)
    assert whole["improvement"]["worse_share"] == 1.0


def test_periods_split_by_acceptance_and_by_fill() -> None:
    found = best_execution(recorded(some_facts()), OUTSIDE, period_s=2)
    assert [one["from_s"] for one in found["periods"]] == [0, 2]
    first, second = found["periods"]
    assert (first["orders"], first["costs"]["fills"]) == (2, 0)
    assert (second["orders"], second["costs"]["fills"]) == (0, 1)
    assert second["crossed_share"] == pytest.approx(0.6)


def test_a_period_has_a_length() -> None:
    with pytest.raises(ValueError, match="period_s must be at least one second, not 0"):
        best_execution(recorded(some_facts()), OUTSIDE, period_s=0)


@pytest.mark.parametrize(
    ("size", "name"),
    [
        (999, "below 1,000"),
        (1_000, "1,000 to 10,000"),
        (99_999, "10,000 to 100,000"),
        (100_000, "100,000 and more"),
    ],
)
def test_orders_fall_into_size_classes(size: int, name: str) -> None:
    assert size_class(an_acceptance(size_e8=size * E8 // 100)) == name


def test_the_page_names_its_reference_and_draws() -> None:
    record = recorded(some_facts())
    text = best_execution_page(best_execution(record, OUTSIDE), costs(record, OUTSIDE))
    assert "against the reference: reference." in text
    assert text.count("<svg") == 3
    assert text == best_execution_page(best_execution(record, OUTSIDE), costs(record, OUTSIDE))
    assert "http" not in text.replace("http://www.w3.org", "")
