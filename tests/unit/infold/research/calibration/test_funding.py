# SPDX-License-Identifier: Apache-2.0
"""The funding calibration: slices, round figures, and what bounds the choice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from infold.research.calibration.funding import (
    Series,
    by_market,
    choose_funding,
    read_funding,
    round_up,
)
from infold.research.faults import TooLittle

START = datetime(2021, 1, 1, tzinfo=UTC)


def written(
    path: Path, hours: int, count: int, rate: float, left_out: tuple[int, ...] = ()
) -> Path:
    """A venue that pays every so many hours, some payments missing."""
    kept = [at for at in range(count) if at not in left_out]
    pl.DataFrame(
        {
            "ts_utc": [START + timedelta(hours=hours * at) for at in kept],
            "venue": ["somewhere"] * len(kept),
            "symbol": ["BTC-USDT"] * len(kept),
            "funding_rate": [rate] * len(kept),
        }
    ).write_parquet(path)
    return path


@pytest.mark.parametrize(("hours", "count"), [(8, 300), (1, 2_400)])
def test_rates_of_any_interval_add_up_to_eight_hours(
    tmp_path: Path, hours: int, count: int
) -> None:
    (series,) = read_funding(written(tmp_path / "rates.parquet", hours, count, 1e-4 * hours / 8))
    assert series.rates == pytest.approx(np.full(300, 1e-4))
    assert series.days() == pytest.approx(np.full(298, 3e-4))
    assert by_market([series])["somewhere BTC-USDT"] == pytest.approx((3e-4, 3e-4, 3e-4))


def test_a_missing_payment_leaves_out_every_day_it_belongs_to(tmp_path: Path) -> None:
    path = written(tmp_path / "rates.parquet", 1, 2_400, 1e-5, left_out=(805,))
    (series,) = read_funding(path)
    assert np.isnan(series.rates[100]) and np.isnan(series.rates).sum() == 1
    assert len(series.days()) == 298 - 3 and len(series.changes()) == 299 - 2


def test_a_short_record_chooses_nothing(tmp_path: Path) -> None:
    with pytest.raises(TooLittle, match="90 days"):
        read_funding(written(tmp_path / "rates.parquet", 8, 200, 1e-4))
    path = tmp_path / "other.parquet"
    pl.DataFrame({"rate": [1.0]}).write_parquet(path)
    with pytest.raises(TooLittle, match="lacks one of the columns"):
        read_funding(path)


@pytest.mark.parametrize(
    ("share", "above"), [(0.008, 0.01), (0.01, 0.01), (0.0101, 0.02), (0.021, 0.03), (0.31, 0.5)]
)
def test_a_round_figure_is_the_next_above(share: float, above: float) -> None:
    assert round_up(share) == pytest.approx(above)


def test_the_cap_covers_the_days_and_the_velocity_the_changes() -> None:
    """A rate that goes back and forth between 0.01 % and 0.2 % in eight hours."""
    rates = np.tile([1e-4, 2e-3], 500)
    found = choose_funding([Series("somewhere", "BTC-USDT", rates)], 30_000)
    assert found.day_quantile == pytest.approx(4.1e-3)
    assert found.rate_max_e9 == 5_000_000 and found.covered == 1.0
    assert found.change_quantile == pytest.approx(3 * 1.9e-3)
    assert found.velocity_e9 == 20_000_000 and found.kept_up == 1.0
    assert not found.bound_by_margin


def test_a_thin_margin_bounds_the_cap() -> None:
    rates = np.tile([1e-4, 2e-3], 500)
    found = choose_funding([Series("somewhere", "BTC-USDT", rates)], 6_000)
    assert found.rate_max_e9 == 2_000_000 and found.bound_by_margin and found.covered < 0.6
