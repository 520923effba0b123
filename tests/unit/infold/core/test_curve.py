# SPDX-License-Identifier: Apache-2.0
"""The pool's rule and the clipped curve, exhaustively on small figures."""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path

import pytest

from infold.core.curve import (
    BEYOND_CURVE,
    LOSS_METER,
    NO_DEALER,
    OUTSIDE_BAND,
    POOL_CAP,
    RESIDUAL_CAP,
    WRONG_SIDE,
    Curve,
    CurveBounds,
    admissible,
    clip,
    fault,
    offer_e8,
    price_limits,
)

VECTORS = Path(__file__).parents[3] / "vectors" / "curve.json"
ORACLE = 1_000


def some_bounds(**changes: int | bool) -> CurveBounds:
    """A market around 1,000 with 2 % own side, 3 % free play and room for 6 lots."""
    base: dict[str, int | bool] = {
        "oracle_price_e8": ORACLE,
        "h_min_e6": 20_000,
        "h0_e6": 30_000,
        "band_e6": 100_000,
        "slope_e20": 10**18,
        "residual_cap_e8": 6,
        "position_cap_e8": 10,
        "pool_base_e8": 0,
        "must_shrink": False,
    }
    base.update(changes)
    return CurveBounds(**base)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "price", "residual", "expected"),
    [
        ({}, ORACLE, 0, None),
        ({}, 1_030, 0, None),
        ({}, 1_031, 0, BEYOND_CURVE),
        ({}, 970, 0, None),
        ({}, 969, 0, BEYOND_CURVE),
        ({}, 1_101, 0, OUTSIDE_BAND),
        ({}, 899, -6, OUTSIDE_BAND),
        ({}, 1_020, 1, None),
        ({}, 1_019, 1, WRONG_SIDE),
        ({}, 980, 1, WRONG_SIDE),
        ({}, 980, -1, None),
        ({}, 981, -1, WRONG_SIDE),
        ({}, 1_055, 1, None),
        ({}, 1_056, 1, BEYOND_CURVE),
        ({}, 1_060, 2, None),
        ({}, 1_061, 2, BEYOND_CURVE),
        ({}, 1_030, 6, None),
        ({}, 1_030, 7, RESIDUAL_CAP),
        ({"pool_base_e8": -5}, 1_030, 5, None),
        ({"pool_base_e8": -5}, 1_030, 6, POOL_CAP),
        ({"pool_base_e8": 12}, 1_030, 6, None),
        ({"pool_base_e8": 12}, 970, -1, POOL_CAP),
        ({"pool_base_e8": 3, "must_shrink": True}, 1_030, 3, None),
        ({"pool_base_e8": 3, "must_shrink": True}, 1_030, 4, LOSS_METER),
        ({"pool_base_e8": 3, "must_shrink": True}, 970, -1, LOSS_METER),
        ({"pool_base_e8": 3, "must_shrink": True}, ORACLE, 0, None),
        ({"must_shrink": True}, 1_030, 1, LOSS_METER),
    ],
)
def test_fault_names_the_first_broken_bound(
    changes: dict[str, int | bool], price: int, residual: int, expected: str | None
) -> None:
    assert fault(some_bounds(**changes), price, residual) == expected


def _small_cases() -> list[tuple[CurveBounds, Curve, int]]:
    """Bounds, curves and ticks small enough to try every price and every residual."""
    curves = [
        NO_DEALER,
        Curve((900,), (3,)),
        Curve((900, 1_100), (-9, 9)),
        Curve((930, 1_000, 1_001, 1_090), (-8, -8, 5, 7)),
        Curve((960, 990, 1_010, 1_040), (-12, 0, 0, 12)),
        Curve((950, 1_060, 1_070, 1_080), (-4, 0, 1, 8)),
        Curve((910, 1_050), (2, 12)),
    ]
    cases = []
    for pool, slope, h0, shrink in itertools.product(
        (-12, -3, 0, 4, 11), (0, 3 * 10**17, 2 * 10**18), (0, 10_000, 30_000), (False, True)
    ):
        bounds = some_bounds(pool_base_e8=pool, slope_e20=slope, h0_e6=h0, must_shrink=shrink)
        cases += [(bounds, curve, tick) for curve, tick in zip(curves, itertools.cycle((1, 3, 7)))]
    return cases


def test_clip_is_admissible_rising_and_nowhere_needlessly_cut() -> None:
    for bounds, curve, tick in _small_cases():
        clipped = clip(curve, bounds, tick)
        first, last = price_limits(bounds, clipped, tick)
        before = None
        for number in range(850 // tick, 1_150 // tick + 2):
            price = number * tick
            offered, sale = curve.sale_e8(price), clipped.sale_e8(price)
            where = f"{bounds} {curve} tick {tick} price {price}"
            wanted = range(1, offered + 1) if offered >= 0 else range(offered, 0)
            allowed = [size for size in wanted if admissible(bounds, price, size)]
            if allowed:
                assert sale == max(allowed, key=abs), where
                assert admissible(bounds, price, sale), where
            assert offer_e8(bounds, clipped, price) == max(allowed, key=abs, default=0), where
            assert abs(sale) <= abs(offered) and sale * offered >= 0, where
            assert before is None or before <= sale, where
            before = sale
            if allowed or admissible(bounds, price, 0):
                assert first <= number <= last, where
        assert clip(clipped, bounds, tick) == clipped


def test_curve_is_linear_floored_and_flat_outside() -> None:
    curve = Curve((100, 110), (-3, 4))
    assert curve.sample([0, 99, 100, 101, 105, 109, 110, 111]) == [-3, -3, -3, -3, 0, 3, 4, 4]


@pytest.mark.parametrize(
    ("prices", "sales"),
    [((1, 1), (0, 0)), ((1, 2), (1, 0)), ((1,), ()), ((-1,), (0,)), ((1,), (2**61,))],
)
def test_curve_refuses_what_falls_or_does_not_fit(
    prices: tuple[int, ...], sales: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match="curve"):
        Curve(prices, sales)


def test_committed_vectors_hold() -> None:
    """tests/vectors/curve.json: every string of section 5.6, and what passes beside it."""
    cases = json.loads(VECTORS.read_text())["cases"]
    seen = set()
    for case in cases:
        bounds = CurveBounds(
            **{name: int(value) for name, value in case["bounds"].items() if name != "must_shrink"},
            must_shrink=case["bounds"]["must_shrink"],
        )
        found = fault(bounds, int(case["price_e8"]), int(case["residual_e8"]))
        assert found == case["fault"], case
        seen.add(found)
    assert len(cases) >= 200
    assert seen == {
        None, OUTSIDE_BAND, WRONG_SIDE, BEYOND_CURVE, RESIDUAL_CAP, POOL_CAP, LOSS_METER
    }  # fmt: skip


def test_rule_is_symmetric_under_turning_every_sign() -> None:
    """What the pool may do as a seller above O it may do as a buyer below it, with q turned."""
    draw = random.Random(7)
    for _ in range(2_000):
        pool, residual = draw.randint(-14, 14), draw.randint(-8, 8)
        away, shrink = draw.randint(-120, 120), draw.random() < 0.3
        bounds = some_bounds(pool_base_e8=pool, must_shrink=shrink)
        mirror = some_bounds(pool_base_e8=-pool, must_shrink=shrink)
        assert fault(bounds, ORACLE + away, residual) == fault(mirror, ORACLE - away, -residual)
