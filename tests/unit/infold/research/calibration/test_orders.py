# SPDX-License-Identifier: Apache-2.0
"""Taker orders, their ladder, and the slope of demand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from infold.research.calibration.orders import (
    demand_of,
    ladder_of,
    orders_of,
    reach_bp,
    takers,
)
from infold.research.recorded import FileFacts, Quotes, Trades

T = 1_700_000_000_000


def tape(time: list[int], side: list[int], price: list[float], size: list[float]) -> Trades:
    count = len(time)
    zeros = np.zeros(count, np.int64)
    columns = (np.array(side), np.array(price), np.array(size), np.arange(count))
    return Trades(FileFacts("x", count, ""), ("A",), zeros, T + np.array(time), *columns)


def still(mid: float = 100.0, half: float = 0.01) -> Quotes:
    ones = np.ones(2)
    return Quotes(FileFacts("q", 2, ""), "A", T + np.array([-1, 10**9]), ones * (mid - half),
                  ones * (mid + half), ones, ones)  # fmt: skip


def test_trades_of_one_side_and_millisecond_are_one_order() -> None:
    found = orders_of(
        tape([0, 0, 0, 5], [1, 1, -1, -1], [100.0, 102.0, 99.0, 99.0], [1e4, 1e4, 1e4, 1e4])
    )
    assert found.side.tolist() == [1, -1, -1]
    assert found.size_m.tolist() == pytest.approx([2.02, 0.99, 0.99])
    assert found.price.tolist() == pytest.approx([101.0, 99.0, 99.0])


def test_a_rung_a_decade_keeps_count_and_volume() -> None:
    size_m = np.array([0.0002, 0.0004, 0.03, 0.05, 0.04, 2.0])
    orders = orders_of(
        tape([0, 1, 2, 3, 4, 86_400_000], [1, -1] * 3, [1.0] * 6, (size_m * 1e6).tolist())
    )
    ladder = ladder_of(orders)
    assert ladder.sizes_m == pytest.approx((0.0003, 0.04, 2.0))
    assert ladder.rates_per_day == pytest.approx((1.0, 1.5, 0.5))
    volume = sum(s * r for s, r in zip(ladder.sizes_m, ladder.rates_per_day, strict=True))
    assert 2.0 * volume == pytest.approx(size_m.sum())
    with pytest.raises(ValueError, match="took no time"):
        ladder_of(orders_of(tape([0], [1], [1.0], [1.0])))


def test_reach_is_beyond_the_mid_before_and_never_below_zero() -> None:
    trades = tape([-1, 10, 20, 30], [1, 1, -1, 1], [101.0, 100.5, 99.9, 99.0], [1e4] * 4)
    away, volume = reach_bp(trades, still())
    assert away.tolist() == pytest.approx([50.0, 10.0, 0.0])
    assert volume.tolist() == pytest.approx([1.005, 0.999, 0.99])


def tolerant(slope: float, shift: float, count: int = 4_000, fee_bp: float = 0.0) -> Trades:
    """Takers whose distances follow the logistic share."""
    share = np.random.default_rng(1).random(count)
    away = (np.log((1.0 + np.exp(shift)) / share - 1.0) - shift) / slope - fee_bp
    side = np.where(np.arange(count) % 2, 1, -1)
    price = 100.0 * (1.0 + side * np.maximum(away, 0.0) * 1e-4)
    return tape(list(range(count)), side.tolist(), price.tolist(), (1.0 / price).tolist())


@pytest.mark.parametrize(("slope", "shift"), [(0.7, -1.0), (5.0, 1.0)])
def test_the_slope_of_a_logistic_demand_is_recovered(slope: float, shift: float) -> None:
    found = demand_of(tolerant(slope, shift), still())
    assert found.slope_per_bp == pytest.approx(slope, rel=0.1)
    assert found.shift == pytest.approx(shift, abs=0.35)
    assert found.explained > 0.99 and found.trades == 4_000


def test_a_fee_is_part_of_the_distance() -> None:
    plain = demand_of(tolerant(1.0, -1.0), still())
    with_fee = demand_of(tolerant(1.0, -1.0), still(), fee_bp=2.0)
    assert with_fee.reach_bp == pytest.approx(plain.reach_bp + 2.0)
    assert with_fee.slope_per_bp < plain.slope_per_bp


def test_demand_nobody_showed_is_refused() -> None:
    with pytest.raises(ValueError, match="too few"):
        demand_of(tolerant(1.0, 0.0, 50), still())
    inside = tolerant(1.0, 0.0)
    with pytest.raises(ValueError, match="no taker traded beyond the mid"):
        demand_of(replace(inside, price=np.full(4_000, 100.0)), still())


def test_only_takers_of_one_market_are_its_flow() -> None:
    trades = replace(
        tape([0, 1, 2], [1, 1, -1], [1.0, 2.0, 3.0], [1.0, 1.0, 1.0]),
        markets=("A", "B", "C"),
        market=np.array([0, 1, 1]),
        crossed=np.array([True, True, False]),
    )
    found = takers(trades, "B")
    assert found is not None
    assert (found.markets, found.market.tolist(), found.price.tolist()) == (("B",), [0], [2.0])
    assert takers(trades, "C") is None
