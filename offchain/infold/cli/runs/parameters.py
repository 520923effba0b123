# SPDX-License-Identifier: Apache-2.0
"""Listings for driven venues: what a replayed market and a demo market are listed with.

Each figure lies inside Governance's bounds; the deployment would revert otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass

from infold.research.listings import Listing
from infold.shell.deploy import MarketPlan
from infold.words import INTEREST_SHARE_OPEN, CapsWord, ListingWord, RatesWord

CAP_E8_MAX = 2**60 - 1
SHIFT_MIN, SHIFT_MAX = 20, 90
TIER_MAX = 15  # margins are flat up to 967 million dollars
INSURANCE_SHARE = 8  # half of the fees
# rate * price * time * 2^shift / (1e19 * a day) has to stay in 63 bits: at 0.3 % a day this scale
# lasts two hundred years, and a funding step of a millisecond still moves the index by a million.
INDEX_SCALE = 46 * 10**25


def shift_for(price_e8: int) -> int:
    """Binary digits of a funding index at this price."""
    return min(SHIFT_MAX, max(SHIFT_MIN, (INDEX_SCALE // price_e8).bit_length() - 1))


def recorded_market(number: int, listing: Listing, price_e8: int, gross_e8: int) -> MarketPlan:
    """A market of a replay, whose caps hold everything the tape traded in it (``gross_e8`` lots).

    h_min is 2 bp and the curve bends by 1 bp at its caps: a recorded order's limit lies 10 bp
    beyond its price, and what is measured here is the flow, not how much of it a wide pool would
    turn away.
    """
    cap_e8 = min(CAP_E8_MAX, 2 * gross_e8 + 1)
    return MarketPlan(
        number,
        RatesWord(
            im_e6=50_000,
            mm_e6=30_000,
            haircut_e6=100_000,
            h_min_e6=200,
            h0_e6=300,
            band_e6=50_000,
            # A tape without quotes moves by whole trades; a market that stops at a jump would
            # measure the stop.
            move_e6=500_000,
            move_per_s_e6=10_000,
            fee_e6=100,
            shift=shift_for(price_e8),
            tier=TIER_MAX,
            status=1,
            rate_max_e9=3_000_000,
            velocity_e9=10_000_000,
        ),
        CapsWord(
            slope_e20=2 * 10**16 // (3 * cap_e8),
            residual_cap_e8=cap_e8,
            position_cap_e8=cap_e8,
            interest_share=INTEREST_SHARE_OPEN,
            interest_cap_e8=CAP_E8_MAX,
        ),
        ListingWord(tick_e8=listing.tick_e8, name=listing.name, insurance_share=INSURANCE_SHARE),
    )


def pool_capital_e6(worst_losses_e6: list[int]) -> int:
    """Capital at which no cap and no loss meter of a replay binds.

    A market's meter holds 0.04375 % of capital, all markets together 0.175 %;
    the most a market can lose is all it traded times its whole range of prices.
    """
    most = max(worst_losses_e6, default=0)
    needed = max(2_400 * most, 600 * sum(worst_losses_e6))
    million = 10**12
    return (2 * needed // million + 1) * million


@dataclass(frozen=True, slots=True)
class DemoMarket:
    """A demo market's name and where its price starts, in dollars."""

    name: str
    price: float


DEMO_MARKETS = (
    DemoMarket("BTC-USD", 60_000.0),
    DemoMarket("ETH-USD", 2_500.0),
    DemoMarket("SOL-USD", 150.0),
    DemoMarket("BNB-USD", 550.0),
    DemoMarket("XRP-USD", 0.55),
    DemoMarket("DOGE-USD", 0.12),
    DemoMarket("AVAX-USD", 25.0),
    DemoMarket("kPEPE-USD", 0.009),
)
DEMO_RESIDUAL_USD = 20_000  # what the pool takes in one batch: larger orders need several
DEMO_POSITION_USD = 600_000
DEMO_INTEREST_SHARE = 8  # open interest is worth at most 16 times the pool's capital


def demo_market(number: int, listing: Listing, price_e8: int) -> MarketPlan:
    """A market of the demo: 20x at most, liquidated 2 % away, with a pool of small bites."""

    def lots(dollars: int) -> int:
        return dollars * 10**16 // price_e8

    residual_e8, position_e8 = lots(DEMO_RESIDUAL_USD), lots(DEMO_POSITION_USD)
    return MarketPlan(
        number,
        RatesWord(
            im_e6=50_000,
            mm_e6=30_000,
            haircut_e6=100_000,
            h_min_e6=300,
            h0_e6=500,
            band_e6=20_000,
            move_e6=80_000,
            move_per_s_e6=2_000,
            fee_e6=200,
            shift=shift_for(price_e8),
            tier=TIER_MAX,
            status=1,
            rate_max_e9=3_000_000,
            velocity_e9=50_000_000,
        ),
        CapsWord(
            # Bent by half a percent at both caps.
            slope_e20=10**18 // (residual_e8 + 2 * position_e8),
            residual_cap_e8=residual_e8,
            position_cap_e8=position_e8,
            interest_share=DEMO_INTEREST_SHARE,
            interest_cap_e8=min(CAP_E8_MAX, lots(100_000_000)),
        ),
        ListingWord(tick_e8=listing.tick_e8, name=listing.name, insurance_share=INSURANCE_SHARE),
    )
