# SPDX-License-Identifier: Apache-2.0
"""Inventory under the linear skew: relaxation, spread, and how long a M stays."""

from __future__ import annotations

import math
from itertools import pairwise

import msgspec
import numpy as np
import pytest

from infold.dealer import inventory
from infold.dealer.holding import held
from infold.dealer.inventory import spread_out, stationary
from infold.dealer.params import SPOT_FX
from infold.dealer.quoting import closed_forms
from infold.errors import InvariantBroken

REACH = 120
SEED = 20260101


def fill_rates() -> tuple[np.ndarray, np.ndarray]:
    """Fills a day by (side, rung, q) at equation 7's quotes, and the jump each makes."""
    forms = closed_forms(SPOT_FX)
    held = np.arange(-REACH, REACH + 1)
    sizes, rates = np.array(SPOT_FX.sizes_m), np.array(SPOT_FX.requests_per_day)
    side = np.array([-1.0, 1.0])[:, None, None]
    unit = forms.risk_bp_per_m / forms.concavity
    markups = forms.markup_bp + unit * (sizes[None, :, None] - 2.0 * side * held)
    odds = np.exp(SPOT_FX.demand_shift + SPOT_FX.demand_slope_per_bp * markups)
    jumps = np.broadcast_to(-side * sizes[None, :, None], markups.shape)
    return rates[None, :, None] / (1.0 + odds), jumps


def test_closed_forms_of_the_stationary_inventory() -> None:
    found = stationary(SPOT_FX)
    assert found.relaxation_per_day == pytest.approx(440.867, abs=5e-4)
    assert found.rms_m == pytest.approx(8.859, abs=5e-4)
    assert found.mean_abs_m == pytest.approx(math.sqrt(2 / math.pi) * found.rms_m)
    minutes = found.holding_day * 1_440.0
    assert 2.0 < minutes < 4.0, "several minutes in the most liquid pairs"
    assert found.half_life_day == pytest.approx(math.log(2) / 440.867, rel=1e-5)


def test_more_risk_shortens_the_hold() -> None:
    markets = [msgspec.structs.replace(SPOT_FX, volatility_bp=bp) for bp in (50.0, 100.0, 200.0)]
    holdings = [stationary(market).holding_day for market in markets]
    assert all(shorter < longer for longer, shorter in pairwise(holdings))


def test_ou_inventory() -> None:
    """Test 8: the chain's own drift and autocorrelation against omega_eff and omega."""
    rates, jumps = fill_rates()
    held = np.arange(-REACH, REACH + 1.0)
    drift = (rates * jumps).sum(axis=(0, 1))
    generator = np.zeros((len(held), len(held)))
    for side in range(2):
        for rung in range(6):
            landing = np.clip(held + jumps[side, rung], -REACH, REACH).astype(int) + REACH
            for row, column in enumerate(landing):
                generator[row, column] += rates[side, rung, row]
                generator[row, row] -= rates[side, rung, row]
    shares, vectors = np.linalg.eig(generator.T)
    stay = np.argmin(np.abs(shares))
    weights = np.real(vectors[:, stay]) / np.real(vectors[:, stay]).sum()
    found, wide = stationary(SPOT_FX), spread_out(SPOT_FX)
    # E[q L q] / E[q^2] is how fast the autocorrelation starts to fall.
    square = float((weights * held * held).sum())
    decay = -float((weights * held * (generator @ held)).sum()) / square
    gap = -np.sort(np.real(shares))[-2]
    assert decay == pytest.approx(wide.relaxation_per_day, rel=0.10)
    assert gap == pytest.approx(wide.relaxation_per_day, rel=0.10)
    assert math.sqrt(square) == pytest.approx(wide.rms_m, rel=0.05)
    # At rest nothing saturates: an eighth too quick a return.
    assert 0.85 < decay / found.relaxation_per_day < 0.90
    # Small inventories come home at omega_eff; with every quote at d0 it would be omega.
    near = -drift[REACH + 1] / 1.0
    assert near == pytest.approx(found.relaxation_per_day, rel=0.01)
    half_life = math.log(2.0) / closed_forms(SPOT_FX).relaxation_per_day * 1_440.0
    assert half_life == pytest.approx(1.788, abs=1e-3)


def test_a_ladder_of_small_sizes_relaxes_at_omega() -> None:
    """The two relaxation rates differ only by what size alone adds to the markup."""
    fine = msgspec.structs.replace(
        SPOT_FX,
        sizes_m=tuple(size / 1e4 for size in SPOT_FX.sizes_m),
        requests_per_day=tuple(1e4 * rate for rate in SPOT_FX.requests_per_day),
    )
    omega = closed_forms(fine).relaxation_per_day
    assert stationary(fine).relaxation_per_day == pytest.approx(omega, rel=1e-4)


def test_little_law() -> None:
    """Test 7: mean first-in-first-out holding time of the simulated book, against E|q|."""
    rates, jumps = fill_rates()
    flat_rates = rates.reshape(12, -1)
    flat_jumps = jumps.reshape(12, -1)[:, 0]
    totals = flat_rates.sum(axis=0)
    chances = np.cumsum(flat_rates / totals, axis=0)
    source = np.random.default_rng(SEED)
    waits, draws = source.exponential(size=250_000), source.uniform(size=250_000)
    time_day, stock = 0.0, 0
    area, square, volume = 0.0, 0.0, 0.0
    times_day: list[float] = []
    fills_m: list[float] = []
    for wait, draw in zip(waits.tolist(), draws.tolist(), strict=True):
        row = stock + REACH
        pause = wait / totals[row]
        time_day += pause
        area += abs(stock) * pause
        square += stock * stock * pause
        jump = int(flat_jumps[int(np.searchsorted(chances[:, row], draw))])
        if abs(stock + jump) > REACH:
            continue
        volume += abs(jump)
        times_day.append(time_day)
        fills_m.append(float(jump))
        stock += jump
    found = spread_out(SPOT_FX)
    mean_abs, holding = area / time_day, held(times_day, fills_m).mean_day
    # Exact up to the ends: what stays is what waits.
    assert holding == pytest.approx(mean_abs / (volume / time_day / 2.0), rel=0.01)
    assert math.sqrt(square / time_day) == pytest.approx(found.rms_m, rel=0.05)
    assert holding == pytest.approx(found.holding_day, rel=0.10)


def test_a_spread_that_does_not_settle_is_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inventory, "ROUNDS_MAX", 2)
    with pytest.raises(InvariantBroken, match="did not settle in 2 rounds"):
        spread_out(SPOT_FX)
