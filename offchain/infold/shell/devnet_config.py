# SPDX-License-Identifier: Apache-2.0
"""What a devnet is to be: its markets near which prices, whose money, and how it keeps time."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from infold.shell.deploy import MarketPlan
from infold.words import CapsWord, ListingWord, RatesWord

RESIDUAL_USD, POSITION_USD = 250_000, 1_000_000
LIQUIDITY_E6 = 270_000_000 * 10**6
"""What the caps of eight default markets suit: less, and what one window can take grows beyond the
day's half percent (core/daybound.py)."""


def default_market(market: int, name: str, price: float) -> MarketPlan:
    """A listing for a market near a price: 5 bp tick grid at most, a position cap of a million
    dollars.
    """
    price_e8 = round(price * 1e8)
    tick_e8 = 10 ** max(0, len(str(price_e8)) - 6)

    def lots(dollars: int) -> int:
        return dollars * 10**16 // price_e8

    return MarketPlan(
        market,
        RatesWord(
            im_e6=50_000,
            mm_e6=30_000,
            haircut_e6=100_000,
            h_min_e6=500,
            h0_e6=500,
            band_e6=20_000,
            move_e6=50_000,
            move_per_s_e6=1_000,
            fee_e6=200,
            shift=40,
            tier=8,  # 7.6 million dollars at the plain rate
            status=1,
            rate_max_e9=10_000_000,
            velocity_e9=20_000_000,
        ),
        CapsWord(
            # At the residual cap the curve's end is bent by 1%: slope * cap / 2 = 0.01 * 1e20.
            slope_e20=max(1, 2 * 10**18 // max(1, lots(RESIDUAL_USD))),
            residual_cap_e8=lots(RESIDUAL_USD),
            position_cap_e8=lots(POSITION_USD),
            interest_share=8,  # 16 times the pool's capital
            interest_cap_e8=lots(500_000_000),
        ),
        ListingWord(tick_e8=tick_e8, name=name, insurance_share=8),
    )


DEFAULT_PRICES: dict[str, float] = {
    "BTC-USD": 60_000.0,
    "ETH-USD": 2_500.0,
    "SOL-USD": 150.0,
    "BNB-USD": 550.0,
    "XRP-USD": 0.55,
    "DOGE-USD": 0.12,
    "AVAX-USD": 25.0,
    "LINK-USD": 11.0,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DevnetConfig:
    """What to build. Money in e6, times in ms; every wallet follows from `seed`."""

    start_ms: int
    """When trading starts; blocks before it are set-up's."""
    seed: int = 0
    markets: tuple[MarketPlan, ...] = field(
        default_factory=lambda: tuple(
            default_market(number, name, price)
            for number, (name, price) in enumerate(DEFAULT_PRICES.items(), 1)
        )
    )
    prices_e8: dict[int, int] = field(default_factory=dict)
    """Prices the live feed starts from; the default listings bring their own."""
    accounts: int = 10
    collateral_e6: int = 1_000_000 * 10**6
    collaterals_e6: tuple[int, ...] = ()
    """One per account instead of `collateral_e6`."""
    backstop_e6: int = 10_000_000 * 10**6
    liquidity_e6: int = LIQUIDITY_E6
    signers: int = 3
    spare_signers: int = 0
    """Signers that run beside those and sign nothing before governance puts them in service."""
    threshold: int = 2
    epoch_ms: int = 3_600_000
    chain_id: int = 31337
    rpc_port: int | None = None
    gas_limit: int = 60_000_000
    skew_ms: int | None = None
    stale_ms: int = 10_000
    sealed: bool = False
    """Sealed, governance waits for its timelock; until then its owner here changes at once."""
    second_sources: bool = False
    """Put a mock second source beside every market; `Devnet.say` tells them prices."""
    contracts: Path | None = None
    directory: Path | None = None
    """Where journal, keys and feeds live; a temporary directory that is removed, if not given."""


def live_prices(config: DevnetConfig) -> dict[int, int]:
    """Where the synthetic walk starts: given prices, else the default ones by name, else 100."""
    return {
        market.market: config.prices_e8.get(
            market.market, round(DEFAULT_PRICES.get(market.listing.name, 100.0) * 1e8)
        )
        for market in config.markets
    }
