# SPDX-License-Identifier: Apache-2.0
"""The oracle against itself and against an outside market."""

from __future__ import annotations

import pytest
from tests.support.facts import E8, MARKET, a_deal, a_listing, a_price

from infold.reports.facts import recorded
from infold.reports.html import oracle_page
from infold.reports.oracle import Quoted, autocorrelation, oracle, outside


def test_moves_and_bends_are_measured() -> None:
    facts = [
        a_listing(band_e6=50_000),
        a_price(1_000, 100),
        a_price(3_000, 101),
        a_deal(oracle_price_e8=101 * E8, price_e8=round(101.101 * E8)),
    ]
    found = oracle(recorded(facts), {})
    one = found["markets"]["BTC-USD"]
    assert one["gap_ms"]["mean"] == 2_000
    assert one["largest_move_bps"] == pytest.approx(99.5033, abs=1e-4)
    assert one["batch_bent_bps"]["mean"] == pytest.approx(10)
    assert (one["within_band"], found["ok"], one["outside"]) == (True, True, None)


def test_a_batch_beyond_the_band_fails() -> None:
    facts = [a_listing(band_e6=50), a_price(3_000, 100), a_deal(price_e8=round(100.1 * E8))]
    assert not oracle(recorded(facts), {})["ok"]


def test_moves_that_repeat_correlate_and_few_say_nothing() -> None:
    assert autocorrelation([1.0, 1.0, -1.0, -1.0] * 20) == pytest.approx(0.0, abs=0.02)
    assert autocorrelation([1.0] * 15 + [-1.0] * 15) == pytest.approx(0.9, abs=0.05)
    assert autocorrelation([1.0, -1.0] * 40) == pytest.approx(-0.9875, abs=1e-6)
    assert autocorrelation([1.0, -1.0]) is None
    assert autocorrelation([0.0] * 40) is None


def test_the_quote_that_stood_is_compared_and_not_the_next() -> None:
    path = [(999, 100 * E8), (1_000, 100 * E8), (2_500, 103 * E8)]
    quotes = [
        Quoted(1_000, 99 * E8, 101 * E8, 5 * E8, 7 * E8),
        Quoted(2_600, 109 * E8, 111 * E8, 5 * E8, 7 * E8),
    ]
    found = outside(path, quotes)
    assert found is not None
    assert found["compared"] == 2
    assert found["inside_share"] == 0.5
    assert found["distance_bps"]["mean"] == pytest.approx(150)
    assert found["executable"]["notional"]["p10"] == pytest.approx(495)


def test_sizes_may_be_missing() -> None:
    found = outside([(1, 100 * E8)], [Quoted(0, 99 * E8, 101 * E8)])
    assert found is not None
    assert found["executable"]["notional"] is None


def test_without_a_quote_nothing_is_said() -> None:
    assert outside([(1, 100 * E8)], []) is None
    assert outside([(1, 100 * E8)], [Quoted(2, 99 * E8, 101 * E8)]) is None


def test_the_page_shows_dashes_where_nothing_was_compared() -> None:
    facts = [a_listing(), a_price(1_000, 100), a_price(3_000, 101), a_deal()]
    record = recorded(facts)
    quotes = {MARKET: [Quoted(0, 99 * E8, 101 * E8)]}
    assert "<td>–</td>" in oracle_page(oracle(record, {}), record)
    assert "100.0%" in oracle_page(oracle(record, quotes), record)
