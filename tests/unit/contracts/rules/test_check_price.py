# SPDX-License-Identifier: Apache-2.0
"""Rules.check_price against infold.core.curve and its vectors: one rule in two languages."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any

import pytest
from tests.support.compiler import ROOT
from tests.support.evm import Contract
from tests.support.pricing import verdict

from infold.core.curve import CurveBounds, admissible, fault

CASES = json.loads((ROOT / "tests" / "vectors" / "curve.json").read_text())["cases"]
SEED = 20_261_124
EXAMPLES = 4_000


def test_check_price_decides_every_vector_as_written(rules: Contract) -> None:
    for number, case in enumerate(CASES):
        bounds = CurveBounds(
            **{
                name: value if isinstance(value, bool) else int(value)
                for name, value in case["bounds"].items()
            }
        )
        found = verdict(rules, bounds, int(case["price_e8"]), int(case["residual_e8"]))
        assert found == case["fault"], f"case {number}"


def a_case(rng: random.Random) -> tuple[CurveBounds, int, int]:
    """Near an edge of the rule more often than not: at random every case would be outside."""
    oracle = rng.choice((rng.randrange(1, 10**4), rng.randrange(1, 10**14), 6 * 10**12))
    cap = rng.choice((10**6, 10**10, 10**13))
    terms: dict[str, Any] = {
        "oracle_price_e8": oracle,
        "h_min_e6": rng.randrange(0, 5_000),
        "h0_e6": rng.randrange(0, 5_000),
        "band_e6": rng.choice((10_000, 50_000, 100_000)),
        "slope_e20": rng.choice((0, 10**20 // (3 * cap), rng.randrange(10**20 // cap))),
        "residual_cap_e8": cap,
        "position_cap_e8": rng.choice((cap // 2, 3 * cap)),
        "pool_base_e8": rng.choice((0, rng.randrange(-4 * cap, 4 * cap))),
        "must_shrink": rng.random() < 0.3,
    }
    bounds = CurveBounds(**terms)
    pool = bounds.pool_base_e8
    residual = rng.choice(
        (
            0,
            1,
            -1,
            cap,
            -cap - 1,
            pool,
            pool - bounds.position_cap_e8,
            2 * pool,
            rng.randrange(-cap, cap + 1),
        )
    )
    side = 1 if residual > 0 else -1 if residual < 0 else rng.choice((1, -1))
    bend = bounds.slope_e20 * max(0, side * (residual - 2 * pool)) // 2
    ends = (
        oracle * bounds.band_e6 // 10**6,
        oracle * bounds.h0_e6 // 10**6,
        -(-oracle * bounds.h_min_e6 // 10**6),
        oracle * bounds.h_min_e6 // 10**6,
        oracle * ((bounds.h_min_e6 + bounds.h0_e6) * 10**14 + bend) // 10**20,
        rng.randrange(0, oracle // 8 + 1),
    )
    away = rng.choice(ends) + rng.choice((-1, 0, 0, 1))
    price = max(1, oracle + rng.choice((side, side, side, -side)) * away)
    return bounds, min(price, 2**64 - 1), residual


def test_check_price_equals_the_curves_rule_at_random(rules: Contract) -> None:
    rng = random.Random(SEED)
    seen: dict[str | None, int] = {}
    for _ in range(EXAMPLES):
        bounds, price_e8, residual_e8 = a_case(rng)
        found = verdict(rules, bounds, price_e8, residual_e8)
        expected = fault(bounds, price_e8, residual_e8)
        assert found == expected, f"{bounds} {price_e8} {residual_e8} (seed {SEED})"
        assert admissible(bounds, price_e8, residual_e8) == (found is None)
        seen[expected] = seen.get(expected, 0) + 1
    assert len(seen) == 7 and min(seen.values()) >= 20, f"cases are lopsided: {seen}"


def test_check_price_gives_back_as_the_curves_rule_says_at_random(rules: Contract) -> None:
    """Inside h_min, on either side of the oracle, with much, just enough, or nothing earned."""
    rng = random.Random(SEED)
    given = 0
    for _ in range(EXAMPLES):
        bounds, price_e8, residual_e8 = a_case(rng)
        rebate = rng.randrange(1, 16)
        due_e6 = -(-abs((price_e8 - bounds.oracle_price_e8) * residual_e8) // 10**10)
        enough_e6 = min(2**64 - 1, -(-due_e6 * 16 // rebate))
        earned_e6 = max(0, rng.choice((0, enough_e6, enough_e6 - 1, 2**64 - 1)))
        bounds = replace(bounds, allowance_e6=earned_e6 * rebate // 16)
        found = verdict(rules, bounds, price_e8, residual_e8, rebate, earned_e6)
        assert found == fault(bounds, price_e8, residual_e8), f"{bounds} (seed {SEED})"
        strict = fault(replace(bounds, allowance_e6=None), price_e8, residual_e8)
        given += found is None and strict is not None
    assert given >= 50


@pytest.mark.parametrize("side", [1, -1])
def test_a_rebate_shrinks_the_pool_within_h_min_and_out_of_what_was_earned(
    rules: Contract, side: int
) -> None:
    """A pool long 100 lots of 10,000 dollars sells them, or one that is short buys; h_min is 5 bp,
    500 dollars of it all."""
    lot, dollar = 10**8, 10**6
    pool = side * 100 * lot
    bounds = CurveBounds(10**12, 500, 0, 10_000, 0, 10**12, 10**12, pool_base_e8=pool)

    def asked(lean_e6: int, lots: int, rebate: int, earned_e6: int) -> str | None:
        price_e8 = 10**12 + 10**6 * lean_e6 * side
        return verdict(rules, bounds, price_e8, lots * lot * side, rebate, earned_e6)

    wrong = "clearing: price on the wrong side"
    assert asked(500, 100, 0, 0) is None
    assert asked(499, 100, 0, 10**15) == wrong, "without the parameter nothing is given"
    assert asked(0, 100, 1, 0) is None, "at the oracle nothing is given away"
    assert asked(0, 101, 1, 10**15) == wrong, "not through zero"
    assert asked(0, -1, 15, 10**15) == wrong, "not to grow"
    assert asked(-500, 100, 8, 1_000 * dollar) is None, "500 of 1,000 dollars, half of it"
    assert asked(-500, 100, 8, 1_000 * dollar - 1) == wrong
    assert asked(-501, 1, 15, 10**15) == wrong, "never more than h_min"


def test_without_a_half_spread_the_pool_trades_at_the_oracles_price(rules: Contract) -> None:
    bounds = CurveBounds(10**12, 0, 0, 10_000, 0, 10**12, 10**12, pool_base_e8=0)
    for residual in (1, -1):
        assert verdict(rules, bounds, 10**12, residual) is None
        assert verdict(rules, bounds, 10**12 - residual, residual) is not None


@pytest.mark.parametrize("side", [1, -1])
def test_the_curve_bends_with_the_first_lot(rules: Contract, side: int) -> None:
    """1 % for one lot; a pool that gets rid of it asks nothing."""
    bounds = CurveBounds(10**12, 0, 0, 100_000, 2 * 10**18, 10**12, 10**12, pool_base_e8=0)
    assert verdict(rules, bounds, 10**12 + side * 10**10, side) is None
    beyond = "clearing: price beyond curve"
    assert verdict(rules, bounds, 10**12 + side * (10**10 + 1), side) == beyond
    bounds = replace(bounds, pool_base_e8=side)
    assert verdict(rules, bounds, 10**12 + side, side) == beyond


def test_check_price_answers_at_the_bounds_of_its_fields(rules: Contract) -> None:
    """No input Governance admits overflows: the largest prices, caps, slope and positions."""
    for side in (1, -1):
        bounds = CurveBounds(
            oracle_price_e8=2**63,
            h_min_e6=10,
            h0_e6=50_000,
            band_e6=100_000,
            slope_e20=2**64 - 1,
            residual_cap_e8=2**60 - 1,
            position_cap_e8=2**60 - 1,
            pool_base_e8=-side * (2**62 - 1),
        )
        price_e8 = 2**63 + side * (2**63 // 20)
        for residual in (side * (2**60 - 1), side * 2**62, side * 2**70):
            assert verdict(rules, bounds, price_e8, residual) == fault(bounds, price_e8, residual)
