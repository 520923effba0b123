# SPDX-License-Identifier: Apache-2.0
"""The price rule on chain, `Rules.check_price`, and off it, `curve.fault`: one string for both."""

from __future__ import annotations

import random

import pytest
from tests.support.evm import Contract, World, a_key
from tests.support.pricing import verdict

from infold.core.curve import Curve, CurveBounds, clip, fault, offer_e8, price_limits


@pytest.fixture(scope="module")
def rules() -> Contract:
    """The deployed rules."""
    return World().deploy("Rules", sender=a_key("deployer"))


def _bounds(draw: random.Random) -> CurveBounds:
    """A market's rule of any size, now and then at a field's edge."""
    cap = draw.choice([1, 2**20, 2**40, 2**60]) + draw.randrange(1_000)
    position = cap * draw.choice([1, 3])
    return CurveBounds(
        oracle_price_e8=draw.choice([1, 10**4, 123_456_789, 6 * 10**12, 2**51])
        + draw.randrange(1_000),
        h_min_e6=draw.choice([0, 517, 20_000, 2**20 - 1]),
        h0_e6=draw.choice([0, 1_000, 2**20 - 1]),
        band_e6=draw.choice([0, 30_000, 2**20 - 1]),
        slope_e20=draw.choice([0, draw.randrange(2**20), 10**20 // cap % 2**64, 2**64 - 1]),
        residual_cap_e8=cap,
        position_cap_e8=position,
        pool_base_e8=draw.choice([0, 1, -1, cap, -position, position + 5]) + draw.randint(-3, 3),
        must_shrink=draw.random() < 0.2,
    )


def test_contract_and_python_give_the_same_string(rules: Contract) -> None:
    seen = set()
    for seed in range(1_500):
        draw = random.Random(f"rule {seed}")
        bounds = _bounds(draw)
        oracle = bounds.oracle_price_e8
        residual = draw.choice([0, 1, -1, bounds.residual_cap_e8, -bounds.pool_base_e8])
        residual += draw.randint(-2, 2)
        share = draw.choice([bounds.h_min_e6, bounds.h0_e6, bounds.h_min_e6 + bounds.h0_e6])
        away = oracle * share // 10**6 + draw.randint(-1, 2)
        price = max(1, oracle + draw.choice([away, -away, draw.randint(-oracle, oracle)]))
        wanted = fault(bounds, price, residual)
        assert verdict(rules, bounds, price, residual) == wanted, f"seed {seed}: {bounds}"
        seen.add(wanted)
    assert len(seen) == 7


def test_contract_takes_whatever_a_clipped_curve_offers(rules: Contract) -> None:
    """At ticks through the whole range; and outside it not even a residual of zero."""
    offered = 0
    for seed in range(60):
        draw = random.Random(f"clipped {seed}")
        bounds = _bounds(draw)
        tick = max(1, bounds.oracle_price_e8 // draw.choice([50, 1_000]))
        reach = max(2, bounds.oracle_price_e8 // draw.choice([2, 20]))
        prices = sorted(
            {max(0, bounds.oracle_price_e8 + draw.randint(-reach, reach)) for _ in range(4)}
        )
        sales = sorted(
            draw.randint(-2 * bounds.residual_cap_e8, 2 * bounds.residual_cap_e8) for _ in prices
        )
        sales = [max(-(2**60), min(2**60, sale)) for sale in sales]
        if prices[-1] > 2**53:
            continue
        curve = clip(Curve(tuple(prices), tuple(sales)), bounds, tick)
        first, last = price_limits(bounds, curve, tick)
        for number in (
            {first, last, *(draw.randint(first, last) for _ in range(12))} if first <= last else ()
        ):
            sale = offer_e8(bounds, curve, number * tick)
            if sale:
                offered += 1
                assert verdict(rules, bounds, number * tick, sale) is None, f"seed {seed}"
            for outside in (first - 1, last + 1):
                if outside > 0:
                    assert verdict(rules, bounds, outside * tick, 0) is not None, f"seed {seed}"
    assert offered >= 50
