# SPDX-License-Identifier: Apache-2.0
"""What people read of a report: the figures, and what its exit code stands for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from tests.support.facts import (
    E8,
    MARKET,
    a_book,
    a_deal,
    a_fill,
    a_listing,
    a_price,
    an_acceptance,
)
from tests.support.pages import finished

from infold.cli.pages.reports import of_best_execution, of_oracle, of_profit, of_risk
from infold.cli.terminal import Exit
from infold.reports.best_execution import best_execution
from infold.reports.facts import ReportFact, recorded
from infold.reports.oracle import Quoted, oracle
from infold.reports.outside_reference import believed
from infold.reports.profit import profit
from infold.reports.risk import risk
from infold.units import DAY_MS

QUIET = (a_listing(), a_price(0, 100), a_price(3_000, 100))
TRADED = (*QUIET, an_acceptance(), a_deal(), a_fill())


def executed(facts: Sequence[ReportFact], **changes: Any) -> dict[str, Any]:
    return best_execution(recorded(facts), believed()) | {"largest_gap": 0.0, "ok": True} | changes


def test_best_execution_tells_the_whole_and_each_class() -> None:
    text, code = finished(executed(TRADED), of_best_execution)
    assert code == Exit.OK
    for part in ("1, filled 100.0% of their size", "$1,000.00", "shortfall", "terms add up  yes"):
        assert part in text, part
    assert "1,000 to 10,000         1  100.0%" in text
    assert "spread 1.00, impact 0.00, fees 0.00, less improvement 1.00" in text
    assert "realised unknown after 1s" in text


def test_terms_that_miss_their_shortfall_are_told_by_how_much() -> None:
    text, code = finished(executed(TRADED, largest_gap=2.5e-5, ok=False), of_best_execution)
    assert code == Exit.CHECK_FAILED
    assert "NO, they miss a fill's shortfall by 2.5e-05 of its notional" in text


def test_orders_without_a_fill_have_no_costs_to_tell() -> None:
    text, code = finished(executed((*QUIET, an_acceptance())), of_best_execution)
    assert code == Exit.OK and "shortfall  " not in text.partition("\n\n")[0]


def sold_ten(cash_e6: int) -> list[ReportFact]:
    """The pool sells 10 at 100.05, and its cash changes by what nothing explains."""
    return [
        a_listing(),
        a_price(0, 100),
        a_book(0),
        a_price(3_000, 100),
        a_deal(price_e8=round(100.05 * E8), sold_e8=10 * E8),
        a_book(4_000, cash_e6, positions={MARKET: (-10 * E8, round(1_000.5e6))}),
        a_price(DAY_MS + 3_000, 100),
        a_book(DAY_MS + 4_000, cash_e6, positions={MARKET: (-10 * E8, round(1_000.5e6))}),
    ]


def test_profit_is_explained_day_by_day() -> None:
    text, code = finished(profit(recorded(sold_ten(0))), of_profit)
    assert code == Exit.OK
    assert "profit                    $0.50" in text
    assert "$0.00  (0.0000% of the gross, 1% allowed)" in text
    assert "explained    yes" in text and "infold journal verify" not in text
    assert "1970-01-01   $0.50        $0.00   0.0000%        yes" in text


def test_the_day_that_is_not_explained_says_so() -> None:
    text, code = finished(profit(recorded(sold_ten(-200_000))), of_profit)
    assert code == Exit.CHECK_FAILED
    assert "explained    NO" in text and "infold journal verify" in text
    first, second = text.splitlines()[-2:]
    assert first.startswith("1970-01-01   $0.30       -$0.20") and first.endswith("NO")
    assert second.startswith("1970-01-02") and second.endswith("yes")


@pytest.mark.parametrize(
    ("price", "share", "inside", "code"),
    [(104.0, "80.0%", "yes", Exit.OK), (106.0, "120.0%", "NO", Exit.CHECK_FAILED)],
)
def test_a_batch_is_told_beside_its_band(price: float, share: str, inside: str, code: Exit) -> None:
    facts: list[ReportFact] = [*QUIET, a_deal(price_e8=round(price * E8))]
    text, left_with = finished(oracle(recorded(facts), {}), of_oracle)
    assert left_with == code
    assert text.startswith(f"inside bands  {inside}\n")
    heads, row = text.splitlines()[2:4]
    assert row[: heads.index("of band") + len("of band")].endswith(f" {share}")


def test_the_outside_market_is_told_where_there_are_quotes() -> None:
    quotes = {MARKET: [Quoted(0, 99 * E8, 101 * E8)]}
    text, _ = finished(oracle(recorded(QUIET), quotes), of_oracle)
    assert text.splitlines()[3].split()[-2:] == ["0.00", "100.0%"]


@pytest.mark.parametrize(
    ("cap", "share", "inside", "code"),
    [(40, "25.0%", "yes", Exit.OK), (5, "200.0%", "NO", Exit.CHECK_FAILED)],
)
def test_a_position_is_told_beside_its_cap(cap: int, share: str, inside: str, code: Exit) -> None:
    facts: list[ReportFact] = [
        a_listing(position_cap_e8=cap * E8),
        a_price(0, 100),
        a_deal(time_ms=0, sold_e8=-10 * E8),
        a_book(0, positions={MARKET: (10 * E8, -1_000_000_000)}),
    ]
    text, left_with = finished(risk(recorded(facts), believed()), of_risk)
    assert left_with == code
    assert f"inside caps  {inside}" in text and share in text
