# SPDX-License-Identifier: Apache-2.0
"""Several assets at once: what one market's inventory says about another's quotes.

A basket is assets with correlated prices and pairs in which clients trade one against another: a
perpetual is its asset against dollars, a cross is two assets against each other. All inventories
enter every quote, through a matrix in place of A0:

    V(y, x) = -y'A y - y'B x        4 A M A = (gamma / 2) Sigma        4 A M B + B D = D

with M = sum over pairs, tiers and sizes of D H''(0) e e' (of one side), e = base - quote, D the
resilience of each asset's impact state x. The first is the stationary matrix Riccati equation of
Barzykin, Bergault and Gueant (arXiv:2207.04100, equation 5), the second takes equation 17 of
Barzykin 2026 (arXiv:2601.13421) to matrices; in one dimension they are A0 and B0. The gradient is
-(2 A y + B x): the paper prints A y + B in its hedging formula. Prices move in bp of where they
began, so the paper's terms for inventories that grow with the price (some 1e-7 here) are left out.

Units: `params.py`. Vectors are by asset in the basket's order; the reference asset, in which the
others' prices are told, has no price, no impact and a zero row everywhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_sylvester

from infold.dealer import checks
from infold.dealer.demand import best_markup_bp, curvature_per_bp

Floats = NDArray[np.float64]


class Tier(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Clients alike: `requests_per_day` a side for each of the pair's sizes, logistic in markup."""

    requests_per_day: tuple[float, ...]
    demand_shift: float
    demand_slope_per_bp: float


class Pair(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Two assets clients trade against each other, and what trading them outside costs."""

    base: str
    quote: str
    sizes_m: tuple[float, ...]
    tiers: tuple[Tier, ...]
    hedge_spread_bp: float  # psi
    hedge_impact_bp_day_per_m: float  # eta


class Basket(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Assets, how they move, and the pairs they trade in. `ValueError` names what makes no sense.

    `covariance_bp2_per_day` is of the assets' prices in the reference, whose row and column are
    zero. `impact_bp_per_m` and `resilience_per_day` are of our hedging, by asset.
    """

    assets: tuple[str, ...]
    reference: str
    covariance_bp2_per_day: tuple[tuple[float, ...], ...]
    risk_aversion: float  # per bp * M
    pairs: tuple[Pair, ...]
    impact_bp_per_m: tuple[float, ...]
    resilience_per_day: tuple[float, ...]

    def __post_init__(self) -> None:
        count = len(self.assets)
        if count < 2 or len(set(self.assets)) != count:
            raise ValueError(f"assets must be at least two different names, not {self.assets!r}")
        if self.reference not in self.assets:
            raise ValueError(f"reference must be one of the assets, not {self.reference!r}")
        checks.positive("risk_aversion", self.risk_aversion, "per bp M")
        for name, unit in (("impact_bp_per_m", "bp per M"), ("resilience_per_day", "per day")):
            values = getattr(self, name)
            if len(values) != count:
                raise ValueError(f"{name} ({unit}) must have a figure for each of {count} assets")
            for asset, value in zip(self.assets, values, strict=True):
                checks.not_negative(f"{name} of {asset}", value, unit)
        _check_covariance(self)
        for pair in self.pairs:
            _check_pair(self.assets, pair)

    @property
    def others(self) -> list[int]:
        """Places of all assets but the reference."""
        return [place for place, asset in enumerate(self.assets) if asset != self.reference]

    def direction(self, pair: Pair) -> Floats:
        """What buying a M of the pair adds to the inventory: one of the base, less one of quote."""
        direction = np.zeros(len(self.assets))
        direction[self.assets.index(pair.base)] = 1.0
        direction[self.assets.index(pair.quote)] = -1.0
        return direction


@dataclass(frozen=True, slots=True)
class BasketForms:
    """A and B of the module's page, and the demand M they come from: (asset, asset) each."""

    risk_bp_per_m: Floats
    impact_share: Floats
    demand_m_per_bp_day: Floats


def covariance_bp2_per_day(
    volatility_bp: tuple[float, ...], correlation: tuple[tuple[float, ...], ...]
) -> tuple[tuple[float, ...], ...]:
    """From volatilities (bp per root day, zero for the reference) and a matrix of correlations.
    `ValueError` if a volatility is below zero or the matrix is not one of correlations.
    """
    sigma = np.array([checks.not_negative("volatility_bp", v, "bp/rtday") for v in volatility_bp])
    try:
        matrix = np.array(correlation, dtype=np.float64)
    except (TypeError, ValueError):
        matrix = np.empty(0)
    if matrix.shape != (len(sigma), len(sigma)) or not np.isfinite(matrix).all():
        raise ValueError(f"correlation must be {len(sigma)} by {len(sigma)} numbers, without unit")
    if np.abs(matrix).max() > 1.0 or (np.diag(matrix) != 1.0).any():
        raise ValueError("correlation must lie in -1..1, and be 1 of each asset with itself")
    return tuple(map(tuple, (matrix * np.outer(sigma, sigma)).tolist()))


def seen_from(basket: Basket, reference: str) -> Basket:
    """The same basket with prices told in another of its assets. Impact must be none.

    Our impact is a push on each asset's price in one reference; told in another it is a push on all
    of them, which this basket cannot say: `ValueError`.
    """
    if any(basket.impact_bp_per_m):
        raise ValueError("impact_bp_per_m must be zero to tell prices in another asset")
    if reference not in basket.assets:
        raise ValueError(f"reference must be one of the assets, not {reference!r}")
    old = np.array(basket.covariance_bp2_per_day)
    place = basket.assets.index(reference)
    row = old[place][None, :]
    new = old - row - row.T + old[place, place]
    return msgspec.structs.replace(
        basket,
        reference=reference,
        covariance_bp2_per_day=tuple(map(tuple, new.tolist())),
    )


def basket_forms(basket: Basket, time_left_day: float = math.inf) -> BasketForms:
    """A, B and M; `time_left_day` until risk stops counting, for ever by default.

    With N = M^1/2 Sigma M^1/2, A = sqrt(gamma / 8) M^-1/2 N^1/2 tanh(sqrt(2 gamma) N^1/2 t) M^-1/2
    solves -A' = 4 A M A - (gamma / 2) Sigma from A = 0 at t = 0. B is that of the stationary A.
    `ValueError` names an asset that no client can exchange for the reference.
    """
    if math.isnan(time_left_day) or time_left_day < 0.0:
        raise ValueError(f"time_left_day must not be below zero days, not {time_left_day!r}")
    _check_connected(basket)
    demand = _demand(basket)
    places = np.ix_(basket.others, basket.others)
    inner = demand[places]
    sigma = np.array(basket.covariance_bp2_per_day)[places]
    values, vectors = np.linalg.eigh(inner)
    root = (vectors * np.sqrt(values)) @ vectors.T
    back = (vectors / np.sqrt(values)) @ vectors.T
    spread, axes = np.linalg.eigh(root @ sigma @ root)
    sides = np.sqrt(np.maximum(spread, 0.0))
    stationary = _scaled(back, axes, sides * math.sqrt(basket.risk_aversion / 8.0))
    risk = stationary
    if math.isfinite(time_left_day):
        grown = np.tanh(sides * math.sqrt(2.0 * basket.risk_aversion) * time_left_day)
        risk = _scaled(back, axes, sides * grown * math.sqrt(basket.risk_aversion / 8.0))
    fading = np.diag(np.array(basket.resilience_per_day)[basket.others])
    shares = np.zeros_like(risk)
    if fading.any():
        shares = solve_sylvester(4.0 * stationary @ inner, fading, fading)
    return BasketForms(_whole(basket, risk), _whole(basket, shares), demand)


def indifference_bp(
    forms: BasketForms, direction: Floats, size_m: float, inventory_m: Floats, impact_bp: Floats
) -> tuple[float, float]:
    """(bid, ask) cost in value of each M, (V(y) - V(after)) / D, when a client sells or buys."""
    own = float(direction @ forms.risk_bp_per_m @ direction) * size_m
    slope = float(direction @ (-gradient_bp(forms, inventory_m, impact_bp)))
    return own + slope, own - slope


def gradient_bp(forms: BasketForms, inventory_m: Floats, impact_bp: Floats) -> Floats:
    """dV/dy = -(2 A y + B x): what a M more of each asset is worth. `ValueError` unless both are
    one finite number an asset.
    """
    count = len(forms.risk_bp_per_m)
    for name, column, unit in (("inventory_m", inventory_m, "M"), ("impact_bp", impact_bp, "bp")):
        if column.shape != (count,) or not np.isfinite(column).all():
            raise ValueError(f"{name} must be {count} finite numbers ({unit}), one an asset")
    gradient: Floats = -(2.0 * forms.risk_bp_per_m @ inventory_m + forms.impact_share @ impact_bp)
    return gradient


def markups_bp(
    basket: Basket, forms: BasketForms, pair: Pair, inventory_m: Floats, impact_bp: Floats
) -> list[list[tuple[float, float]]]:
    """(bid, ask) markup for each size of each tier of the pair: the exact best ones."""
    direction = basket.direction(pair)
    prices = np.array(
        [indifference_bp(forms, direction, size, inventory_m, impact_bp) for size in pair.sizes_m]
    )
    return [
        [(float(bid), float(ask)) for bid, ask in best_markup_bp(tier, prices)]
        for tier in pair.tiers
    ]


def hedge_price_bp(
    basket: Basket, forms: BasketForms, pair: Pair, inventory_m: Floats, impact_bp: Floats
) -> float:
    """What buying a M of the pair outside is worth before its cost.

    e'(dV/dy) plus what our own push K e does to the book: y'(1 - B) K e. In one dimension equation
    19, p = -(2 A0 - k (1 - B0)) q - B0 x.
    """
    direction = basket.direction(pair)
    pushed = np.array(basket.impact_bp_per_m) * direction
    kept = inventory_m @ (np.eye(len(pushed)) - forms.impact_share) @ pushed
    return float(direction @ gradient_bp(forms, inventory_m, impact_bp) + kept)


def hedge_rate_m_per_day(
    basket: Basket, forms: BasketForms, pair: Pair, inventory_m: Floats, impact_bp: Floats
) -> float:
    """What to buy of the pair outside: sign(p) (|p| - psi)+ / (2 eta)."""
    price = hedge_price_bp(basket, forms, pair, inventory_m, impact_bp)
    excess = max(abs(price) - pair.hedge_spread_bp, 0.0)
    return math.copysign(0.5 * excess / pair.hedge_impact_bp_day_per_m, price)


# -- parts -----------------------------------------------------------------------------------------


def _demand(basket: Basket) -> Floats:
    """M: how many M a day a bp of price turns away, by asset and asset."""
    demand = np.zeros((len(basket.assets), len(basket.assets)))
    for pair in basket.pairs:
        direction = basket.direction(pair)
        strength = sum(
            size * requests * curvature_per_bp(tier)
            for tier in pair.tiers
            for size, requests in zip(pair.sizes_m, tier.requests_per_day, strict=True)
        )
        demand += strength * np.outer(direction, direction)
    return demand


def _scaled(back: Floats, axes: Floats, sides: Floats) -> Floats:
    inner: Floats = back @ (axes * sides) @ axes.T @ back
    return 0.5 * (inner + inner.T)


def _whole(basket: Basket, inner: Floats) -> Floats:
    """The matrix with the reference's zero row and column put back."""
    whole = np.zeros((len(basket.assets), len(basket.assets)))
    whole[np.ix_(basket.others, basket.others)] = inner
    return whole


def _check_covariance(basket: Basket) -> None:
    count = len(basket.assets)
    rows = basket.covariance_bp2_per_day
    if len(rows) != count or any(len(row) != count for row in rows):
        raise ValueError(f"covariance_bp2_per_day must be {count} by {count} (bp^2 per day)")
    matrix = np.array(rows)
    if not np.isfinite(matrix).all():
        raise ValueError("covariance_bp2_per_day must be numbers (bp^2 per day)")
    place = basket.assets.index(basket.reference)
    if matrix[place].any() or matrix[:, place].any():
        raise ValueError(f"covariance_bp2_per_day of {basket.reference}, the reference, must be 0")
    scale = float(np.abs(matrix).max())
    if np.abs(matrix - matrix.T).max() > 1e-9 * scale:
        raise ValueError("covariance_bp2_per_day must be symmetric (bp^2 per day)")
    if np.linalg.eigvalsh(matrix)[0] < -1e-9 * scale:
        raise ValueError("covariance_bp2_per_day has a negative variance in it (bp^2 per day)")


def _check_pair(assets: tuple[str, ...], pair: Pair) -> None:
    name = f"{pair.base}/{pair.quote}"
    if pair.base == pair.quote or {pair.base, pair.quote} - set(assets):
        raise ValueError(f"pair {name} must be of two different assets of the basket")
    if not pair.sizes_m or not pair.tiers:
        raise ValueError(f"pair {name} must have at least one of sizes_m (M) and one of tiers")
    for size in pair.sizes_m:
        checks.positive(f"sizes_m of {name}", size, "M")
    for tier in pair.tiers:
        if len(tier.requests_per_day) != len(pair.sizes_m):
            raise ValueError(f"requests_per_day of {name} must give one rate (per day) a size")
        for rate in tier.requests_per_day:
            checks.positive(f"requests_per_day of {name}", rate, "per day")
        checks.number(f"demand_shift of {name}", tier.demand_shift, "")
        checks.positive(f"demand_slope_per_bp of {name}", tier.demand_slope_per_bp, "per bp")
    checks.not_negative(f"hedge_spread_bp of {name}", pair.hedge_spread_bp, "bp")
    eta = pair.hedge_impact_bp_day_per_m
    checks.positive(f"hedge_impact_bp_day_per_m of {name}", eta, "bp day per M")


def _check_connected(basket: Basket) -> None:
    """Every asset can reach the reference through pairs, or its inventory never comes home."""
    reached = {basket.reference}
    for _ in basket.assets:
        for pair in basket.pairs:
            if reached & {pair.base, pair.quote}:
                reached |= {pair.base, pair.quote}
    for asset in basket.assets:
        if asset not in reached:
            raise ValueError(f"pairs must connect {asset} with the reference {basket.reference}")
