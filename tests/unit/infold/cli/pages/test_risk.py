# SPDX-License-Identifier: Apache-2.0
"""What people read of the pool's risk: every column says what it counts."""

from __future__ import annotations

from typing import Any

from tests.support.pages import text_of

from infold.cli.pages.reports import of_risk


def a_market(**changes: Any) -> dict[str, Any]:
    return {
        "position_e6": "10000000000",
        "largest_position_e6": "20000000000",
        "cap_share": 0.25,
        "curves_cut": {},
        "spread_risk_bps": {"deviation": 1.5},
        "reallocation": {"holding_estimate_s": 42.5, "cost_now_bps": 13.0},
    } | changes


def told(*markets: dict[str, Any]) -> str:
    whole = {"net_e6": "1", "gross_e6": "1", "value_at_risk_e6": None}
    named = {f"M{number}-USD": one for number, one in enumerate(markets)}
    found = {"portfolio": whole, "reference": "a book", "ok": True, "markets": named}
    return text_of(of_risk(found))


def test_the_holding_time_is_called_an_estimate_and_explained() -> None:
    text = told(a_market())
    assert "held est., s" in text and "42.50" in text
    assert "estimated: its mean position over the rate" in text


def test_curves_cut_are_summed_and_each_reason_is_told_once() -> None:
    few, many = {"ZONE": 2}, {"ZONE": 1, "ROOM": 8}
    text = told(a_market(curves_cut=few), a_market(curves_cut=many))
    assert "curves cut  how often the dealer offered less" in text
    assert "  ROOM      8: a position survives its stress" in text
    assert "  ZONE      3: little by little" in text
    assert "ROOM" not in told(a_market(curves_cut=few))


def test_where_no_curve_was_cut_nothing_is_announced() -> None:
    text = told(a_market())
    assert text.endswith("would: never") and "by reason" not in text
