# SPDX-License-Identifier: Apache-2.0
"""Profit by source: each by hand, and what the facts do not explain."""

from __future__ import annotations

import pytest
from tests.support.facts import E8, MARKET, a_book, a_deal, a_hedge, a_listing, a_price

from infold.reports.facts import ReportFact, TakenOver, TooFewFacts, recorded
from infold.reports.html import profit_page
from infold.reports.profit import profit
from infold.units import DAY_MS


def sold_ten(cash_e6: int = 0, **deal: object) -> list[ReportFact]:
    """The pool sells 10 at 100.05 while the oracle says 100; then the oracle goes to 101."""
    return [
        a_listing(h_min_e6=100),
        a_price(0, 100),
        a_book(0),
        a_price(3_000, 100),
        a_deal(price_e8=round(100.05 * E8), sold_e8=10 * E8, fees_e6=200_000, **deal),
        a_price(4_000, 101),
        a_book(
            4_000,
            cash_e6,
            fees_e6=200_000,
            positions={MARKET: (-10 * E8, round(1_000.5e6) + int(deal.get("funding_e6", 0)))},  # type: ignore[call-overload]
        ),
    ]


def test_sources_are_what_their_names_say() -> None:
    whole = profit(recorded(sold_ten(funding_e6=7)))["whole"]
    assert whole["sources_e6"] == {
        "spread": "100000",
        "skew": "400000",
        "adverse": "-10000000",
        "inventory": "0",
        "funding": "7",
        "fees": "200000",
        "hedging": "0",
        "dust": "0",
    }
    assert whole["profit_e6"] == "-9299993"
    assert (whole["unexplained_e6"], whole["ok"]) == ("0", True)


def test_what_nothing_accounts_for_is_unexplained_and_fails() -> None:
    found = profit(recorded(sold_ten(cash_e6=-150_000)))
    assert found["whole"]["unexplained_e6"] == "-150000"
    assert found["whole"]["unexplained_share"] == pytest.approx(150 / 10_700, rel=1e-6)
    assert not found["ok"]


def test_up_to_a_hundredth_of_the_gross_may_stay_unexplained() -> None:
    assert profit(recorded(sold_ten(cash_e6=-100_000)))["ok"]


def test_money_paid_in_is_no_profit() -> None:
    facts = [a_price(0, 100), a_book(0), a_book(1_000, cash_e6=5_000_000, paid_in_e6=5_000_000)]
    assert profit(recorded(facts))["whole"]["profit_e6"] == "0"


def test_a_price_after_the_horizon_is_inventory_and_not_adverse() -> None:
    facts = [
        a_listing(),
        a_price(0, 100),
        a_book(0),
        a_deal(time_ms=1_000, sold_e8=-10 * E8),
        a_price(61_000, 100),
        a_price(62_000, 103),
        a_book(62_000, positions={MARKET: (10 * E8, -1_000_000_000)}),
    ]
    whole = profit(recorded(facts))["whole"]
    assert whole["sources_e6"]["adverse"] == "0"
    assert whole["sources_e6"]["inventory"] == "30000000"
    assert whole["unexplained_e6"] == "0"


def test_a_hedge_costs_its_distance_from_the_oracle_and_its_fee() -> None:
    facts = [
        a_price(0, 100),
        a_book(0),
        a_hedge(time_ms=1_000, price_e8=round(100.1 * E8), cost_e6=500_000),
        a_price(2_000, 101),
        a_book(2_000, -500_000, positions={MARKET: (10 * E8, -1_001_000_000)}),
    ]
    whole = profit(recorded(facts))["whole"]
    assert whole["sources_e6"]["hedging"] == "-1500000"
    assert whole["sources_e6"]["inventory"] == "10000000"
    assert whole["unexplained_e6"] == "0"


def test_what_recovery_hands_over_comes_at_its_own_price() -> None:
    facts = [
        a_price(0, 100),
        a_book(0),
        TakenOver(1_000, MARKET, 10 * E8, -999_000_000),
        a_book(2_000, positions={MARKET: (10 * E8, -999_000_000)}),
    ]
    whole = profit(recorded(facts))["whole"]
    assert whole["sources_e6"]["skew"] == "1000000"
    assert whole["unexplained_e6"] == "0"


def test_each_day_is_explained_by_itself() -> None:
    facts = [
        a_price(0, 100),
        a_book(0),
        a_deal(time_ms=1_000, sold_e8=-10 * E8),
        a_price(2_000, 101),
        a_book(2_000, positions={MARKET: (10 * E8, -1_000_000_000)}),
        a_price(DAY_MS + 1_000, 104),
        a_book(DAY_MS + 1_000, positions={MARKET: (10 * E8, -1_000_000_000)}),
    ]
    found = profit(recorded(facts))
    assert [day["profit_e6"] for day in found["days"]] == ["10000000", "30000000"]
    assert found["whole"]["profit_e6"] == "40000000"
    assert found["ok"]


def test_one_valuation_is_too_few() -> None:
    with pytest.raises(TooFewFacts, match="takes two valuations"):
        profit(recorded([a_book(0)]))


def test_a_position_without_a_price_is_named() -> None:
    facts = [a_book(0), a_book(1, positions={MARKET: (5, 0)})]
    with pytest.raises(ValueError, match="market 1 holds 5 lots and was never priced"):
        profit(recorded(facts))


def test_the_page_tells_days_and_markets() -> None:
    record = recorded(sold_ten())
    text = profit_page(profit(record), record)
    assert "BTC-USD" in text
    assert "1970-01-01" in text
    assert text.count("<svg") == 2
