# SPDX-License-Identifier: Apache-2.0
"""Trades lined up with a mid: what is seen when, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from infold.dealer.impact.fitting import fit_decays
from infold.dealer.impact.observations import Observations, observed

QUOTE_TIME_S = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
MID = 100.0 * np.exp(np.array([0.0, 1.0, 3.0, 6.0, 10.0]) * 1e-4)


def test_a_move_runs_from_the_quote_before_a_trade_to_the_quote_before_the_next() -> None:
    """The quote of the trade's own instant is its effect, not its cause."""
    found = observed(np.array([1.0, 2.5, 4.0]), np.array([0.5, -1.0, 2.0]), QUOTE_TIME_S, MID)
    assert found.time_s.tolist() == [1.0, 2.5]
    assert found.move_bp == pytest.approx([3.0, 3.0])
    assert found.gap_day * 86_400.0 == pytest.approx([1.5, 1.5])
    assert found.signed_m.tolist() == [0.5, -1.0]
    assert found.multiplier.tolist() == [1.0, 1.0]
    assert (found.unquoted, found.unfinished) == (0, 1)


def test_a_future_quote_changes_nothing_before_it() -> None:
    times, sizes = np.array([0.5, 1.5, 2.5, 3.5]), np.ones(4)
    before = observed(times, sizes, QUOTE_TIME_S, MID)
    shaken = MID.copy()
    shaken[3:] *= 2.0
    after = observed(times, sizes, QUOTE_TIME_S, shaken)
    assert after.move_bp[:2] == pytest.approx(before.move_bp[:2])
    assert after.move_bp[2] != pytest.approx(before.move_bp[2])


def test_trades_no_quote_tells_apart_are_one_event_and_unquoted_ones_are_counted() -> None:
    found = observed(
        np.array([-2.0, 0.0, 1.5, 1.5, 1.8, 2.5, 3.5, 3.5]),
        np.array([9.0, 9.0, 1.0, 2.0, -0.5, 1.0, 1.0, 1.0]),
        QUOTE_TIME_S,
        MID,
    )
    assert found.signed_m.tolist() == [2.5, 1.0]
    assert (found.unquoted, found.unfinished) == (2, 2)


def test_impact_is_measured_against_depth_and_volatility_of_the_moment() -> None:
    found = observed(
        np.array([0.5, 1.5, 2.5]),
        np.ones(3),
        QUOTE_TIME_S,
        MID,
        depth_m=np.array([2.0, 1.0, 4.0, 2.0, 2.0]),
        volatility_bp=np.array([100.0, 300.0, 200.0, 200.0, 200.0]),
    )
    assert found.multiplier == pytest.approx([0.5, 3.0])


def test_recorded_shape_fits_end_to_end() -> None:
    """Quotes every tenth of a second, trades between them, one decay: the gain comes back."""
    random = np.random.default_rng(6)
    trade_time_s = np.cumsum(random.exponential(1.0, 4_000))
    signed_m = random.standard_normal(4_000)
    quote_time_s = np.arange(0.0, trade_time_s[-1], 0.1)
    price = np.zeros(len(quote_time_s))
    for time_s, size_m in zip(trade_time_s.tolist(), signed_m.tolist(), strict=True):
        first = int(np.searchsorted(quote_time_s, time_s))
        later = slice(first, first + 1_200)
        price[later] += size_m * 0.5 * np.exp(-(quote_time_s[later] - time_s) / 10.0)
    price += np.cumsum(0.05 * random.standard_normal(len(price)))
    events = observed(trade_time_s, signed_m, quote_time_s, 50.0 * np.exp(price * 1e-4))
    found = fit_decays(events.gap_day, events.signed_m, events.move_bp, (10.0, 180.0, 3_600.0))
    assert found.gains_bp_per_m[0] == pytest.approx(0.5, rel=0.06)
    assert sum(found.gains_bp_per_m[1:]) < 0.04


def test_a_part_keeps_its_columns_together() -> None:
    found = observed(np.array([0.5, 1.5, 2.5, 3.5]), np.ones(4), QUOTE_TIME_S, MID)
    part = found.part(slice(1, 3))
    assert isinstance(part, Observations)
    assert [len(column) for column in part[:5]] == [2] * 5
    assert part.time_s.tolist() == found.time_s[1:3].tolist()


GIVEN: dict[str, Any] = {
    "trade_time_s": np.array([0.5, 1.5, 2.5]),
    "signed_m": np.ones(3),
    "quote_time_s": QUOTE_TIME_S,
    "mid": MID,
}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"trade_time_s": np.array([0.5, 2.5, 1.5])}, r"trade_time_s\[2\] = 1.5 s lies before"),
        ({"trade_time_s": np.array([0.5, 1.5, 9e3])}, r"trade_time_s\[2\] = 9000.0 s comes 8998 s"),
        ({"trade_time_s": np.array([0.5, math.nan, 2.0])}, r"trade_time_s\[1\] must be a number"),
        ({"trade_time_s": np.array([])}, "trade_time_s must be one row of times"),
        ({"trade_time_s": np.full(3, 1.5)}, "must begin before the trades and come between"),
        ({"trade_time_s": np.array([-3.0, -2.0, -1.0])}, "must begin before the trades"),
        ({"quote_time_s": QUOTE_TIME_S[::-1]}, r"quote_time_s\[1\] = 3.0 s lies before"),
        ({"signed_m": np.array([1.0, math.inf, 1.0])}, r"signed_m\[1\] must be a number \(M\)"),
        ({"signed_m": np.ones(2)}, "signed_m must be 3 numbers"),
        ({"mid": np.array([1.0, 0.0, 1.0, 1.0, 1.0])}, r"mid\[1\] must be a positive number"),
        ({"depth_m": np.array([1.0, 1.0, 0.0, 1.0, 1.0])}, r"depth_m\[2\] must be a positive"),
        ({"volatility_bp": -np.ones(5)}, r"volatility_bp\[0\] must be a positive number"),
    ],
)
def test_what_was_not_observed_is_refused_with_its_place(
    changed: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        observed(**{**GIVEN, **changed})
