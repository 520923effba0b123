# SPDX-License-Identifier: Apache-2.0
"""The quoting classics, written from their papers: oracles for orders of magnitude, not our code.

Where one is a limit of ours, ours is tested against it: `exact/test_hjb.py` has Gueant, Lehalle and
Fernandez-Tapia. Here each is held to its own defining property.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

SEED = 20260101


def test_kyle_exact() -> None:
    """Test 17 (Kyle 1985): lambda and beta answer each other, profit and what stays unknown."""
    for variance, noise in ((Fraction(9), Fraction(2)), (Fraction(1, 4), Fraction(5))):
        root = Fraction(math.isqrt(variance.numerator), math.isqrt(variance.denominator))
        impact, intensity = root / (2 * noise), noise / root
        # The market maker regresses value on flow, the insider maximises (v - p0 - lambda x) x.
        flow = intensity**2 * variance + noise**2
        assert intensity * variance / flow == impact
        assert Fraction(1) / (2 * impact) == intensity
        assert variance - (intensity * variance) ** 2 / flow == variance / 2
        assert variance * intensity * (1 - impact * intensity) == noise * root / 2
    source = np.random.default_rng(SEED)
    value, noise_flow = source.normal(0.0, 3.0, 1_000_000), source.normal(0.0, 2.0, 1_000_000)
    traded = 2.0 / 3.0 * value
    price = 3.0 / 4.0 * (traded + noise_flow)
    profit = (value - price) * traded
    error = float(profit.std() / 1e3)
    assert abs(float(profit.mean()) - 2.0 * 3.0 / 2.0) < 3.5 * error
    assert float(np.var(value - price)) == pytest.approx(9.0 / 2.0, rel=5e-3)


def test_glosten_milgrom_exact() -> None:
    """Test 18 (1985): ask (1 + mu) / 2, and prices are a martingale over every 50 trades."""
    informed = Fraction(1, 5)

    def posterior(belief: Fraction, buy: bool) -> Fraction:
        if_high = (1 + informed) / 2 if buy else (1 - informed) / 2
        if_low = 1 - if_high
        return belief * if_high / (belief * if_high + (1 - belief) * if_low)

    half = Fraction(1, 2)
    assert posterior(half, True) == (1 + informed) / 2
    assert posterior(half, False) == (1 - informed) / 2
    assert posterior(half, True) - posterior(half, False) == informed
    # Over 50 trades every path with as many buys leads to one price: sum over the tree exactly.
    chances = {half: Fraction(1)}
    for _ in range(50):
        following: dict[Fraction, Fraction] = {}
        for belief, chance in chances.items():
            buying = belief * (1 + informed) / 2 + (1 - belief) * (1 - informed) / 2
            for buy, part in ((True, buying), (False, 1 - buying)):
                price = posterior(belief, buy)
                following[price] = following.get(price, Fraction(0)) + chance * part
        chances = following
        assert sum(price * chance for price, chance in chances.items()) == half
    assert len(chances) == 51


def test_avellaneda_table() -> None:
    """Test 21 (Avellaneda and Stoikov 2008): mean spread 1.491; inventory control saves."""
    gamma, k, rate, sigma, steps, paths = 0.1, 1.5, 140.0, 2.0, 200, 1_000
    dt = 1.0 / steps
    source = np.random.default_rng(SEED)
    moves = sigma * math.sqrt(dt) * source.choice((-1.0, 1.0), (steps, paths))
    draws = source.uniform(size=(steps, 2, paths))
    ends, spreads = {}, []
    for controlled in (True, False):
        price, held, cash = np.full(paths, 100.0), np.zeros(paths), np.zeros(paths)
        for step in range(steps):
            left = 1.0 - step * dt
            spread = gamma * sigma**2 * left + 2.0 / gamma * math.log1p(gamma / k)
            spreads.append(spread)
            middle = price - held * gamma * sigma**2 * left if controlled else price
            ask, bid = middle + 0.5 * spread - price, price - middle + 0.5 * spread
            sold = draws[step, 0] < rate * dt * np.exp(-k * ask)
            bought = draws[step, 1] < rate * dt * np.exp(-k * bid)
            cash += sold * (price + ask) - bought * (price - bid)
            held += bought.astype(float) - sold
            price += moves[step]
        ends[controlled] = cash + held * price
    assert np.mean(spreads) == pytest.approx(1.491, abs=0.01)
    assert ends[True].std() / ends[False].std() <= 0.6
    assert ends[True].mean() >= 0.92 * ends[False].mean()
