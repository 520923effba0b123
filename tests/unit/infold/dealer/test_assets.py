# SPDX-License-Identifier: Apache-2.0
"""Baskets: the matrix Riccati equation, its reductions, its invariances, and its known misprint."""

from __future__ import annotations

import math
from itertools import permutations

import msgspec
import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.special import lambertw

from infold.dealer.assets import (
    Basket,
    Pair,
    Tier,
    basket_forms,
    covariance_bp2_per_day,
    gradient_bp,
    hedge_price_bp,
    hedge_rate_m_per_day,
    indifference_bp,
    markups_bp,
    seen_from,
)
from infold.dealer.demand import curvature_per_bp
from infold.dealer.params import SPOT_FX
from infold.dealer.quoting import closed_forms
from infold.dealer.zone import zone_m

changed = msgspec.structs.replace
ASSETS = ("USD", "EUR", "GBP", "CHF", "JPY")
SIZES_M = (1.0, 5.0, 10.0, 20.0, 50.0)


def a_pair(
    name: str,
    rates: tuple[float, ...],
    shifts: tuple[float, float],
    slopes: tuple[float, float],
    psi: float,
    eta: float,
) -> Pair:
    return Pair(
        base=name[:3],
        quote=name[3:],
        sizes_m=SIZES_M,
        tiers=tuple(
            Tier(requests_per_day=rates, demand_shift=shift, demand_slope_per_bp=slope)
            for shift, slope in zip(shifts, slopes, strict=True)
        ),
        hedge_spread_bp=psi,
        hedge_impact_bp_day_per_m=eta,
    )


def fx_basket() -> Basket:
    """Table 1 of Barzykin, Bergault and Gueant (arXiv:2207.04100), in bp."""
    crosses = ((400.0, 50.0, 25.0, 20.0, 5.0), (-0.5, 0.5), (3.5, 2.5), 0.25, 3e-5)
    thin = ((160.0, 20.0, 10.0, 8.0, 2.0), (-0.5, 0.5), (3.5, 2.5), 0.4, 5e-5)
    thinnest = ((80.0, 10.0, 5.0, 4.0, 1.0), *thin[1:])
    correlation = np.eye(5)
    for i, j, value in (
        (1, 2, 0.6),
        (1, 3, 0.5),
        (1, 4, 0.3),
        (2, 3, 0.3),
        (2, 4, 0.2),
        (3, 4, 0.4),
    ):
        correlation[i, j] = correlation[j, i] = value
    return Basket(
        assets=ASSETS,
        reference="USD",
        covariance_bp2_per_day=covariance_bp2_per_day(
            (0.0, 80.0, 70.0, 60.0, 60.0), tuple(map(tuple, correlation.tolist()))
        ),
        risk_aversion=2e-3,
        pairs=(
            a_pair("EURUSD", (900, 540, 234, 90, 36), (-1.9, -0.3), (11.0, 3.5), 0.1, 1e-5),
            a_pair("GBPUSD", (600, 200, 150, 40, 10), (-1.4, 0.0), (5.5, 2.0), 0.15, 1.5e-5),
            a_pair("USDCHF", (420, 140, 105, 28, 7), (-1.2, 0.0), (4.5, 1.9), 0.25, 2.5e-5),
            a_pair("USDJPY", (825, 375, 180, 105, 15), (-1.6, -0.1), (9.0, 3.0), 0.1, 1.5e-5),
            *(a_pair(name, *crosses) for name in ("EURGBP", "EURCHF", "EURJPY")),
            *(a_pair(name, *thin) for name in ("GBPCHF", "GBPJPY")),
            a_pair("CHFJPY", *thinnest),
        ),
        impact_bp_per_m=(0.0, 5e-3, 7e-3, 8e-3, 6e-3),
        resilience_per_day=(0.0,) * 5,
    )


def one_market() -> Basket:
    """The single market of Barzykin 2026 as a basket of two assets."""
    tier = Tier(
        requests_per_day=SPOT_FX.requests_per_day,
        demand_shift=SPOT_FX.demand_shift,
        demand_slope_per_bp=SPOT_FX.demand_slope_per_bp,
    )
    return Basket(
        assets=("USD", "BTC"),
        reference="USD",
        covariance_bp2_per_day=((0.0, 0.0), (0.0, SPOT_FX.volatility_bp**2)),
        risk_aversion=SPOT_FX.risk_aversion,
        pairs=(
            Pair(
                base="BTC",
                quote="USD",
                sizes_m=SPOT_FX.sizes_m,
                tiers=(tier,),
                hedge_spread_bp=SPOT_FX.hedge_spread_bp,
                hedge_impact_bp_day_per_m=SPOT_FX.hedge_impact_bp_day_per_m,
            ),
        ),
        impact_bp_per_m=(0.0, SPOT_FX.impact_bp_per_m),
        resilience_per_day=(0.0, SPOT_FX.resilience_per_day),
    )


def test_a_basket_of_one_market_is_the_scalar_model() -> None:
    basket, scalar = one_market(), closed_forms(SPOT_FX)
    forms = basket_forms(basket)
    (pair,) = basket.pairs
    assert forms.risk_bp_per_m[1, 1] == pytest.approx(scalar.risk_bp_per_m, rel=1e-12)
    assert forms.impact_share[1, 1] == pytest.approx(scalar.impact_share, rel=1e-12)
    edge = np.array([0.0, zone_m(SPOT_FX)])
    still = np.zeros(2)
    assert hedge_price_bp(basket, forms, pair, edge, still) == pytest.approx(-0.2, rel=1e-12)
    assert hedge_rate_m_per_day(basket, forms, pair, 0.99 * edge, still) == 0.0
    assert hedge_rate_m_per_day(basket, forms, pair, 1.01 * edge, still) < 0.0
    pushed = hedge_price_bp(basket, forms, pair, still, np.array([0.0, 0.1]))
    assert pushed == pytest.approx(-0.1 * scalar.impact_share, rel=1e-12)


def test_bbg_table1_two_ccy() -> None:
    """Test 5: euro against dollar alone is A0 with xi summed over tiers and sizes."""
    whole = fx_basket()
    euro = changed(
        whole,
        assets=ASSETS[:2],
        covariance_bp2_per_day=tuple(row[:2] for row in whole.covariance_bp2_per_day[:2]),
        pairs=whole.pairs[:1],
        impact_bp_per_m=whole.impact_bp_per_m[:2],
        resilience_per_day=whole.resilience_per_day[:2],
    )
    (pair,) = euro.pairs
    xi = sum(
        size * rate * curvature_per_bp(tier)
        for tier in pair.tiers
        for size, rate in zip(pair.sizes_m, tier.requests_per_day, strict=True)
    )
    risk = 80.0 * math.sqrt(2e-3 / (8.0 * xi))
    assert basket_forms(euro).risk_bp_per_m[1, 1] == pytest.approx(risk, rel=1e-8)


def test_riccati_vs_quadratic() -> None:
    """Test 3: A(t) = A0 tanh(omega t) in one dimension, and A0 when time is long."""
    scalar = closed_forms(SPOT_FX)
    for left_day in (1e-4, 1e-3, 0.05):
        found = basket_forms(one_market(), left_day).risk_bp_per_m[1, 1]
        wanted = scalar.risk_bp_per_m * math.tanh(scalar.relaxation_per_day * left_day)
        assert found == pytest.approx(wanted, rel=1e-6)
    assert basket_forms(one_market(), 0.0).risk_bp_per_m[1, 1] == 0.0
    assert basket_forms(one_market(), 1.0).risk_bp_per_m[1, 1] == pytest.approx(
        scalar.risk_bp_per_m, rel=1e-12
    )


def test_the_matrix_equation_is_solved_at_rest_and_on_the_way() -> None:
    basket = fx_basket()
    forms = basket_forms(basket)
    risk, demand = forms.risk_bp_per_m[1:, 1:], forms.demand_m_per_bp_day[1:, 1:]
    charge = 0.5 * basket.risk_aversion * np.array(basket.covariance_bp2_per_day)[1:, 1:]
    assert np.allclose(4.0 * risk @ demand @ risk, charge, rtol=1e-9, atol=1e-9)

    def slope(_: float, flat: np.ndarray) -> np.ndarray:
        matrix = flat.reshape(4, 4)
        return np.asarray((charge - 4.0 * matrix @ demand @ matrix).ravel())

    left_day = 2e-3
    path = solve_ivp(slope, (0.0, left_day), np.zeros(16), method="DOP853", rtol=1e-10, atol=1e-14)
    found = basket_forms(basket, left_day).risk_bp_per_m[1:, 1:]
    assert np.allclose(found, path.y[:, -1].reshape(4, 4), rtol=1e-7, atol=1e-12)
    assert not np.allclose(found, risk, rtol=1e-3), "the horizon still shows"


def test_shares_of_the_impact_states_solve_theirs() -> None:
    basket = changed(fx_basket(), resilience_per_day=(0.0, 1000.0, 500.0, 0.0, 2000.0))
    forms = basket_forms(basket)
    risk, share = forms.risk_bp_per_m, forms.impact_share
    fading = np.diag(basket.resilience_per_day)
    left = 4.0 * risk @ forms.demand_m_per_bp_day @ share + share @ fading
    assert np.allclose(left, fading, rtol=1e-9, atol=1e-8)
    assert not share[:, 3].any(), "an impact that stays is no signal"
    assert (np.diag(share)[[1, 2, 4]] > 0.0).all()


def test_multi_asset_invariance() -> None:
    """Test 6: relabelling assets or telling prices in another leaves every quote as it was."""
    basket = changed(fx_basket(), impact_bp_per_m=(0.0,) * 5)
    held = np.array([-31.0, 20.0, -7.0, 30.0, -12.0])
    assert held.sum() == 0.0, "what was bought of one asset was paid in others"
    still = np.zeros(5)

    def quotes(other: Basket, inventory: np.ndarray) -> dict[str, list[float]]:
        forms = basket_forms(other)
        return {
            pair.base + pair.quote: [
                *np.ravel(markups_bp(other, forms, pair, inventory, still)),
                hedge_rate_m_per_day(other, forms, pair, inventory, still) / 1e6,
            ]
            for pair in other.pairs
        }

    wanted = quotes(basket, held)
    for reference in ASSETS[1:]:
        found = quotes(seen_from(basket, reference), held)
        for name, values in wanted.items():
            assert found[name] == pytest.approx(values, abs=1e-9)
    for order in list(permutations(range(5)))[7::29]:
        covariance = np.array(basket.covariance_bp2_per_day)[np.ix_(order, order)]
        relabelled = changed(
            basket,
            assets=tuple(ASSETS[place] for place in order),
            covariance_bp2_per_day=tuple(map(tuple, covariance.tolist())),
        )
        found = quotes(relabelled, held[list(order)])
        for name, values in wanted.items():
            assert found[name] == pytest.approx(values, abs=1e-9)


def test_the_gradient_is_twice_the_matrix_times_inventory_plus_the_signal() -> None:
    """(2 A y + B x), not the printed (A y + B): against differences of V itself."""
    basket = changed(fx_basket(), resilience_per_day=(0.0, 900.0, 900.0, 900.0, 900.0))
    forms = basket_forms(basket)
    held, states = np.array([0.0, 20.0, -7.0, 30.0, -12.0]), np.array([0.0, 0.1, 0.0, -0.2, 0.05])

    def value(inventory: np.ndarray) -> float:
        quadratic = inventory @ forms.risk_bp_per_m @ inventory
        return float(-quadratic - inventory @ forms.impact_share @ states)

    found = gradient_bp(forms, held, states)
    numeric = [(value(held + step) - value(held - step)) / 2e-3 for step in 1e-3 * np.eye(5)]
    assert found == pytest.approx(numeric, abs=1e-9)
    misprint = -(forms.risk_bp_per_m @ held + forms.impact_share @ states)
    assert np.max(np.abs(found - misprint)) > 0.05
    # A fill's indifference price is the same value lost, a M.
    pair = basket.pairs[4]
    direction = basket.direction(pair)
    for size in pair.sizes_m:
        bid, ask = indifference_bp(forms, direction, size, held, states)
        for price, after in ((bid, held + size * direction), (ask, held - size * direction)):
            assert price == pytest.approx((value(held) - value(after)) / size, abs=1e-10)


def test_inventory_in_one_market_moves_the_quotes_of_a_correlated_one() -> None:
    basket = fx_basket()
    forms = basket_forms(basket)
    pound = basket.pairs[1]
    flat = markups_bp(basket, forms, pound, np.zeros(5), np.zeros(5))[0][0]
    long_euro = np.array([0.0, 40.0, 0.0, 0.0, 0.0])
    bid, ask = markups_bp(basket, forms, pound, long_euro, np.zeros(5))[0][0]
    assert bid > flat[0] and ask < flat[1], "euros held are a reason not to buy pounds"
    independent = changed(
        basket,
        covariance_bp2_per_day=tuple(map(tuple, np.diag([0.0, 6400, 4900, 3600, 3600]).tolist())),
    )
    apart = basket_forms(independent)
    less = markups_bp(independent, apart, pound, long_euro, np.zeros(5))[0][0]
    assert bid - flat[0] > less[0] - flat[0] > 0.0, "even uncorrelated: crosses join them"


def test_quadratic_quotes_are_within_half_a_percent_of_the_optimum_of_two_assets() -> None:
    """An exact solve of two correlated assets with a cross, written out point by point."""
    reach, sizes, sigma = 20, (1.0, 4.0), 200.0
    tier = Tier(requests_per_day=(1500.0, 300.0), demand_shift=-1.0, demand_slope_per_bp=5.0)
    names = (("EUR", "USD"), ("GBP", "USD"), ("EUR", "GBP"))
    basket = Basket(
        assets=("USD", "EUR", "GBP"),
        reference="USD",
        covariance_bp2_per_day=covariance_bp2_per_day(
            (0.0, sigma, 0.8 * sigma), ((1.0, 0.0, 0.0), (0.0, 1.0, 0.6), (0.0, 0.6, 1.0))
        ),
        risk_aversion=2e-3,
        pairs=tuple(
            Pair(
                base=base,
                quote=quote,
                sizes_m=sizes,
                tiers=(tier,),
                hedge_spread_bp=1.0,
                hedge_impact_bp_day_per_m=1e-4,
            )
            for base, quote in names
        ),
        impact_bp_per_m=(0.0,) * 3,
        resilience_per_day=(0.0,) * 3,
    )
    side = np.arange(-reach, reach + 1)
    held = np.array([(0.0, a, b) for a in side for b in side])
    charge = np.einsum("ni,ij,nj->n", held, np.array(basket.covariance_bp2_per_day), held)
    charge *= 0.5 * basket.risk_aversion
    moves = []
    for pair in basket.pairs:
        step = basket.direction(pair)
        for size, rate in zip(sizes, tier.requests_per_day, strict=True):
            for sign in (1.0, -1.0):
                after = held + sign * size * step
                inside = (np.abs(after[:, 1:]) <= reach).all(axis=1)
                landing = ((after[:, 1] + reach) * len(side) + after[:, 2] + reach).astype(int)
                moves.append((size, rate, np.flatnonzero(inside), landing[inside]))
    centre = len(held) // 2

    def worth(markups: list[np.ndarray]) -> tuple[float, np.ndarray]:
        system = np.zeros((len(held) + 1, len(held) + 1))
        wanted = np.append(charge, 0.0)
        for (size, rate, here, there), markup in zip(moves, markups, strict=True):
            fills = rate / (1.0 + np.exp(-1.0 + 5.0 * markup))
            wanted[here] -= size * fills * markup
            system[here, there] += fills
            system[here, here] -= fills
        system[:-1, -1] = -1.0
        system[-1, centre] = 1.0
        solved = np.linalg.solve(system, wanted)
        return float(solved[-1]), solved[:-1]

    def best(value: np.ndarray) -> list[np.ndarray]:
        found = []
        for size, _, here, there in moves:
            price = (value[here] - value[there]) / size
            w = np.real(lambertw(np.exp(-5.0 * price)))
            found.append(price + (1.0 + w) / 5.0)
        return found

    risk = basket_forms(basket).risk_bp_per_m
    ansatz = -np.einsum("ni,ij,nj->n", held, risk, held)
    ours, value = worth(best(ansatz))
    for _ in range(3):
        optimum, value = worth(best(value))
    assert 0.995 * optimum < ours < optimum
    assert np.abs(best(value)[0][centre] - best(ansatz)[0][centre]) < 0.01


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"assets": ("USD", "USD")}, "assets must be at least two different"),
        ({"reference": "EUR"}, "reference must be one of"),
        ({"risk_aversion": math.nan}, r"risk_aversion .* \(per bp M\)"),
        ({"impact_bp_per_m": (0.0,)}, r"impact_bp_per_m \(bp per M\) must have"),
        ({"impact_bp_per_m": (0.0, -1.0)}, r"impact_bp_per_m of BTC .* \(bp per M\)"),
        ({"resilience_per_day": (0.0, math.inf)}, r"resilience_per_day of BTC .* \(per day\)"),
        ({"covariance_bp2_per_day": ((0.0,),)}, r"2 by 2 \(bp\^2 per day\)"),
        ({"covariance_bp2_per_day": ((0.0, 0.0), (0.0, math.nan))}, "must be numbers"),
        ({"covariance_bp2_per_day": ((1.0, 0.0), (0.0, 1.0))}, "of USD, the reference"),
        ({"covariance_bp2_per_day": ((0.0, 0.0), (0.0, -1.0))}, "negative variance"),
    ],
)
def test_baskets_name_what_makes_no_sense(change: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        changed(one_market(), **change)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"quote": "BTC"}, "pair BTC/BTC must be of two different"),
        ({"quote": "ETH"}, "pair BTC/ETH"),
        ({"tiers": ()}, r"at least one of sizes_m \(M\)"),
        ({"sizes_m": (-1.0,) * 6}, r"sizes_m of BTC/USD .* \(M\)"),
        ({"sizes_m": (1.0,)}, "requests_per_day of BTC/USD must give one rate"),
        ({"hedge_spread_bp": math.nan}, r"hedge_spread_bp of BTC/USD .* \(bp\)"),
        ({"hedge_impact_bp_day_per_m": 0.0}, r"of BTC/USD .* \(bp day per M\)"),
    ],
)
def test_pairs_name_what_makes_no_sense(change: dict[str, object], said: str) -> None:
    basket = one_market()
    with pytest.raises(ValueError, match=said):
        changed(basket, pairs=(changed(basket.pairs[0], **change),))


def test_tiers_and_baskets_that_cannot_be_solved_are_refused() -> None:
    basket = one_market()
    (pair,) = basket.pairs
    for tier, said in (
        ({"demand_shift": math.nan}, "demand_shift of BTC/USD"),
        ({"demand_slope_per_bp": 0.0}, r"demand_slope_per_bp of BTC/USD .* \(per bp\)"),
        ({"requests_per_day": (0.0,) * 6}, r"requests_per_day of BTC/USD .* \(per day\)"),
    ):
        wrong = changed(pair, tiers=(changed(pair.tiers[0], **tier),))
        with pytest.raises(ValueError, match=said):
            changed(basket, pairs=(wrong,))
    whole = fx_basket()
    with pytest.raises(ValueError, match="connect CHF with the reference USD"):
        basket_forms(changed(whole, pairs=(*whole.pairs[:2], whole.pairs[3])))
    with pytest.raises(ValueError, match="time_left_day"):
        basket_forms(basket, -1.0)
    with pytest.raises(ValueError, match="symmetric"):
        skewed = np.array(whole.covariance_bp2_per_day)
        skewed[1, 2] += 1.0
        changed(whole, covariance_bp2_per_day=tuple(map(tuple, skewed.tolist())))
    with pytest.raises(ValueError, match="impact_bp_per_m must be zero"):
        seen_from(whole, "EUR")
    with pytest.raises(ValueError, match="reference must be one"):
        seen_from(changed(whole, impact_bp_per_m=(0.0,) * 5), "SEK")
    for correlation, said in (
        (((1.0,),), "2 by 2"),
        (((1.0, 2.0), (2.0, 1.0)), r"in -1\.\.1"),
        (((1.0, 0.0), (0.0, 0.9)), "be 1 of each"),
    ):
        with pytest.raises(ValueError, match=said):
            covariance_bp2_per_day((0.0, 1.0), correlation)
