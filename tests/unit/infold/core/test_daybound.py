# SPDX-License-Identifier: Apache-2.0
"""What a day of hindsight may take: the bound's own arithmetic, and the caps we ship."""

from __future__ import annotations

from pathlib import Path

import pytest

from infold.cli.runs.demo import POOL_E6
from infold.cli.runs.parameters import DEMO_MARKETS, demo_market
from infold.core.daybound import (
    LIMIT_SHARE,
    METER_SHARE,
    STORM,
    Caps,
    Weather,
    bound_share,
    capital_e6_min,
    worst_share,
)
from infold.research.listings import listing_for
from infold.shell.deploy import MarketPlan
from infold.shell.devnet_config import DEFAULT_PRICES, DevnetConfig
from infold.shell.plan import read_plan

ROOT = Path(__file__).resolve().parents[4]
MILLION_E6 = 10**12
HELD = Caps(2 * MILLION_E6 // 100, 75 * MILLION_E6 // 1_000, 500)
"""A fifth and three quarters of a percent of ten millions."""
LOCAL_E8 = {"BTC-USD": 60_000 * 10**8, "ETH-USD": 2_500 * 10**8}


def caps_of(plan: MarketPlan, price_e8: int) -> Caps:
    caps = plan.caps
    return Caps.at(price_e8, caps.residual_cap_e8, caps.position_cap_e8, plan.rates.h_min_e6)


def test_the_bound_without_luck_stands_below_the_limit_only_for_small_caps() -> None:
    assert worst_share([HELD] * 4, 10 * MILLION_E6) < LIMIT_SHARE
    assert bound_share([HELD], MILLION_E6, Weather("still", 0.0)) == pytest.approx(0.0035 * 8 / 7)
    wide = Caps(3 * MILLION_E6 // 10, 2 * MILLION_E6, 500)
    assert bound_share([wide] * 4, 10 * MILLION_E6, STORM) > LIMIT_SHARE


def test_a_window_turns_a_position_as_far_as_its_batches_reach() -> None:
    assert Caps(1, 100, 0).turn_e6 == 15 + 100
    assert Caps(100, 100, 0).turn_e6 == 200 + 100
    assert Caps.at(25 * 10**7, 4 * 10**8, 8 * 10**8, 7) == (10**7, 2 * 10**7, 7)


def test_at_the_least_capital_the_bound_is_the_limit_and_below_it_is_passed() -> None:
    markets = [HELD, Caps(MILLION_E6, MILLION_E6, 100)]
    least_e6 = capital_e6_min(markets)
    assert worst_share(markets, least_e6) == pytest.approx(LIMIT_SHARE, rel=1e-9)
    assert worst_share(markets, least_e6) <= LIMIT_SHARE < worst_share(markets, least_e6 // 2)
    assert capital_e6_min([]) == 0 and METER_SHARE < LIMIT_SHARE


def test_what_we_ship_holds_the_limit() -> None:
    """Devnet and demo at their own capital; the local plan at the capital its comment names."""
    devnet = DevnetConfig(start_ms=0)
    listed = [
        caps_of(plan, round(DEFAULT_PRICES[plan.listing.name] * 1e8)) for plan in devnet.markets
    ]
    assert len(listed) == 8 and worst_share(listed, devnet.liquidity_e6) <= LIMIT_SHARE
    played = []
    for number, market in enumerate(DEMO_MARKETS, 1):
        listing = listing_for(market.name, market.price / 2, market.price * 2, 1.0, Path("demo"))
        price_e8 = listing.price_e8(market.price)
        played.append(caps_of(demo_market(number, listing, price_e8), price_e8))
    assert len(played) == 8 and worst_share(played, POOL_E6) <= LIMIT_SHARE
    local = [
        caps_of(plan, LOCAL_E8[plan.listing.name])
        for plan in read_plan(ROOT / "scripts" / "local.toml").markets
    ]
    assert worst_share(local, 85 * MILLION_E6) <= LIMIT_SHARE < worst_share(local, 80 * MILLION_E6)
