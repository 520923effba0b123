# SPDX-License-Identifier: Apache-2.0
"""VPIN: its null, its direction, its buckets."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from infold.dealer.toxicity.vpin import add_trade, empty_vpin, null_vpin, value


def run(sides: np.ndarray, sizes: np.ndarray, bucket_m: float, buckets: int) -> float:
    vpin = empty_vpin(bucket_m, buckets)
    for side, size in zip(sides.tolist(), sizes.tolist(), strict=True):
        add_trade(vpin, side, size)
    return value(vpin, math.nan)


def test_vpin_null() -> None:
    """N equal trades of random side a bucket average sqrt(2 / (pi N))."""
    draws = np.random.Generator(np.random.Philox(11))
    for trades, buckets in ((30, 8_000), (100, 1_500)):
        sides = draws.choice((-1, 1), trades * buckets)
        found = run(sides, np.ones(len(sides)), float(trades), buckets)
        assert found == pytest.approx(null_vpin(trades), rel=0.02)


def test_vpin_monotone_in_informed_share() -> None:
    """The more flow follows the same news, the higher."""
    draws = np.random.Generator(np.random.Philox(12))
    count, hour = 40_000, 100
    news = np.repeat(draws.choice((-1, 1), count // hour), hour)
    noise = draws.choice((-1, 1), count)
    rank = draws.random(count)
    found = [
        run(np.where(rank < share, news, noise), np.ones(count), 50.0, 400)
        for share in (0.0, 0.1, 0.2, 0.4, 0.8)
    ]
    assert all(low < high for low, high in pairwise(found)), found


def test_a_trade_larger_than_its_bucket_goes_on_into_the_next() -> None:
    vpin = empty_vpin(10.0, 5)
    assert math.isnan(value(vpin, math.nan))
    add_trade(vpin, -1, 4.0)
    add_trade(vpin, 1, 27.0)
    assert vpin.imbalances.tolist() == [pytest.approx(0.2), 1.0, 1.0, 0.0, 0.0]
    assert vpin.open[0] == pytest.approx(1.0) and vpin.open[1] == 0.0
    assert value(vpin, math.nan) == pytest.approx(2.2 / 3)


def test_old_buckets_leave_the_ring() -> None:
    vpin = empty_vpin(1.0, 2)
    add_trade(vpin, 1, 2.0)
    for side in (1, -1, 1, -1):
        add_trade(vpin, side, 0.5)
    assert value(vpin, math.nan) == 0.0


def test_impossible_buckets_are_refused() -> None:
    for call, said in (
        (lambda: empty_vpin(0.0, 5), "bucket_m"),
        (lambda: empty_vpin(math.nan, 5), "bucket_m"),
        (lambda: empty_vpin(1.0, 0), "buckets"),
        (lambda: null_vpin(0.0), "trades_a_bucket"),
    ):
        with pytest.raises(ValueError, match=said):
            call()
