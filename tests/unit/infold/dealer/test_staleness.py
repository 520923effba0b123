# SPDX-License-Identifier: Apache-2.0
"""Stale quotes: loss-versus-rebalancing by simulation, jumps, sniping, and the least spread."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from infold.dealer.lines import thin_line
from infold.dealer.params import PERPETUAL, SPOT_FX
from infold.dealer.quoting import DAY_S, closed_forms
from infold.dealer.staleness import (
    Refresh,
    Staleness,
    half_spread_min_bp,
    income_bp_m_per_day,
    loss_bp2,
    sniped_bp_per_day,
    stale_loss_bp_m_per_day,
)

ONE = Staleness(interval_s=1.0, lag_s=0.0, volatility_bp=math.sqrt(DAY_S))
"""One print a second over which the price's standard deviation is 1 bp."""
SEED = 20260101


def walked(half_spread_bp: float, poisson: bool, jumps: float = 0.0, jump_bp: float = 0.0) -> float:
    """Mean loss a print of a curve that stays where it was traded to."""
    source = np.random.default_rng(SEED)
    walkers, steps, settling = 5_000, 2_600, 200
    at = source.uniform(-half_spread_bp, half_spread_bp, walkers)
    total = 0.0
    for step in range(steps):
        moved = source.standard_normal(walkers)
        if poisson:
            moved *= np.sqrt(source.standard_exponential(walkers))
        at += moved
        if jumps:
            hit = source.uniform(size=walkers) < jumps
            at[hit] += jump_bp * source.standard_normal(int(hit.sum()))
        taken = np.maximum(np.abs(at) - half_spread_bp, 0.0)
        np.clip(at, -half_spread_bp, half_spread_bp, out=at)
        if step >= settling:
            total += 0.5 * float(taken @ taken)
    return total / (walkers * (steps - settling))


@pytest.mark.parametrize("half_spread_bp", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("refresh", [Refresh.POISSON, Refresh.BLOCKS])
def test_lvr_block(refresh: Refresh, half_spread_bp: float) -> None:
    """Test 23: both formulas within 1 % of a simulated market maker."""
    found = walked(half_spread_bp, refresh is Refresh.POISSON)
    assert loss_bp2(ONE, half_spread_bp, refresh) == pytest.approx(found, rel=0.01)


def test_a_curve_put_back_to_the_oracle_loses_the_moment_of_one_move() -> None:
    moves = np.random.default_rng(SEED).standard_normal(2_000_000)
    for half_spread_bp in (0.0, 0.7, 1.5):
        taken = np.maximum(np.abs(moves) - half_spread_bp, 0.0)
        found = loss_bp2(ONE, half_spread_bp, Refresh.ORACLE)
        assert found == pytest.approx(0.5 * float(np.mean(taken**2)), rel=0.01)
        assert found <= loss_bp2(ONE, half_spread_bp, Refresh.BLOCKS) + 1e-15


def test_without_a_spread_every_way_loses_half_the_variance() -> None:
    """Milionis et al.: loss-versus-rebalancing is sigma^2 / 2 a unit of depth."""
    lagged = Staleness(interval_s=1.0, lag_s=3.0, volatility_bp=100.0)
    for refresh in Refresh:
        assert loss_bp2(ONE, 0.0, refresh) == pytest.approx(0.5, rel=1e-12)
        wanted = 0.5 * 100.0**2 * 4.0 / DAY_S
        assert loss_bp2(lagged, 0.0, refresh) == pytest.approx(wanted, rel=1e-12)


def test_jumps_come_on_top() -> None:
    jumpy = Staleness(1.0, 0.0, math.sqrt(DAY_S), jumps_per_day=0.02 * DAY_S, jump_bp=5.0)
    for half_spread_bp in (0.5, 3.0):
        found = walked(half_spread_bp, poisson=False, jumps=0.02, jump_bp=5.0)
        assert loss_bp2(jumpy, half_spread_bp, Refresh.BLOCKS) == pytest.approx(found, rel=0.06)
    source = np.random.default_rng(SEED)
    counts = source.poisson(0.02, 2_000_000)
    moves = source.standard_normal(2_000_000) * np.sqrt(1.0 + counts * 25.0)
    taken = np.maximum(np.abs(moves) - 2.0, 0.0)
    found = 0.5 * float(np.mean(taken**2))
    assert loss_bp2(jumpy, 2.0, Refresh.ORACLE) == pytest.approx(found, rel=0.02)
    assert found > 10.0 * loss_bp2(ONE, 2.0, Refresh.ORACLE), "jumps are what a wide spread loses"


def test_an_offer_that_ends_cannot_lose_what_lies_beyond() -> None:
    whole = stale_loss_bp_m_per_day(ONE, 0.5, 0.25)
    assert whole == pytest.approx(DAY_S * loss_bp2(ONE, 0.5, Refresh.ORACLE) / 0.25)
    cut = stale_loss_bp_m_per_day(ONE, 0.5, 0.25, offer_m_max=2.0)
    moves = np.random.default_rng(SEED).standard_normal(2_000_000)
    reach = np.minimum(np.maximum(np.abs(moves) - 0.5, 0.0) / 0.25, 2.0)
    taken = reach * (np.abs(moves) - 0.5) - 0.5 * 0.25 * reach**2
    assert cut == pytest.approx(DAY_S * float(np.mean(taken)), rel=0.01)
    assert cut < whole


def test_the_least_half_spread_breaks_even() -> None:
    slope = thin_line(PERPETUAL).slope_bp_per_m
    for refresh, share in ((Refresh.ORACLE, 1.0), (Refresh.BLOCKS, 0.1), (Refresh.POISSON, 0.1)):
        stale = Staleness(1.0, 0.0, PERPETUAL.volatility_bp)
        found = half_spread_min_bp(PERPETUAL, stale, slope, share, refresh)
        lost = stale_loss_bp_m_per_day(stale, found, slope, PERPETUAL.offer_m_max, refresh)
        assert income_bp_m_per_day(PERPETUAL, found) == pytest.approx(share * lost, rel=1e-8)
        assert 0.0 < found < 4.0
        less = 0.9 * found
        lost = stale_loss_bp_m_per_day(stale, less, slope, PERPETUAL.offer_m_max, refresh)
        assert income_bp_m_per_day(PERPETUAL, less) < share * lost
        assert half_spread_min_bp(PERPETUAL, stale, slope, 0.0, refresh) == 0.0


def test_the_least_half_spread_grows_with_lag_jumps_and_the_informed() -> None:
    slope = thin_line(PERPETUAL).slope_bp_per_m
    sigma = PERPETUAL.volatility_bp

    def least(stale: Staleness, share: float = 0.1) -> float:
        return half_spread_min_bp(PERPETUAL, stale, slope, share)

    lags = [least(Staleness(1.0, lag_s, sigma)) for lag_s in (0.0, 0.25, 0.5, 1.0)]
    assert lags == sorted(lags) and len(set(lags)) == len(lags)
    calm = Staleness(1.0, 0.5, sigma)
    assert least(Staleness(1.0, 0.5, sigma, 50.0, 20.0)) > least(calm)
    assert least(calm, 0.2) > least(calm)


def test_where_nobody_would_pay_for_the_informed_there_is_no_quote() -> None:
    slope = thin_line(SPOT_FX).slope_bp_per_m
    assert half_spread_min_bp(SPOT_FX, Staleness(1.0, 2.0, 100.0), slope) == math.inf
    dull = msgspec.structs.replace(PERPETUAL, demand_shift=20.0)
    assert half_spread_min_bp(dull, Staleness(1.0, 0.0, 260.0), slope) == math.inf


def test_income_at_the_best_markup_is_the_ladders() -> None:
    forms = closed_forms(SPOT_FX)
    wanted = 2.0 * forms.markup_bp * forms.turnover_m_per_day
    assert income_bp_m_per_day(SPOT_FX, forms.markup_bp) == pytest.approx(wanted, rel=1e-12)
    assert income_bp_m_per_day(SPOT_FX, 1e6) == 0.0


def test_sniping_batch() -> None:
    """Test 24: batching cuts the loss to jumps to the part of an interval snipers are faster by."""
    book = Staleness(0.1, 0.0, 100.0, jumps_per_day=40_000.0, jump_bp=3.0)
    latency_s, half_spread_bp, days = 0.02, 1.0, 20.0
    source = np.random.default_rng(SEED)
    count = source.poisson(book.jumps_per_day * days)
    times_s = source.uniform(0.0, days * DAY_S, count)
    taken = np.maximum(np.abs(3.0 * source.standard_normal(count)) - half_spread_bp, 0.0)
    late = times_s % book.interval_s >= book.interval_s - latency_s
    continuous, batched = taken.sum() / days, taken[late].sum() / days
    assert sniped_bp_per_day(book, half_spread_bp, latency_s, False) == pytest.approx(
        continuous, rel=0.01
    )
    assert sniped_bp_per_day(book, half_spread_bp, latency_s, True) == pytest.approx(
        batched, rel=0.02
    )
    assert batched / continuous == pytest.approx(latency_s / book.interval_s, rel=0.02)
    # Slower than the interval, a batch protects no more than a book.
    whole = sniped_bp_per_day(book, half_spread_bp, 1.0, True)
    assert whole == sniped_bp_per_day(book, half_spread_bp, 1.0, False)
    assert sniped_bp_per_day(ONE, 1.0, 0.1, False) == 0.0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"interval_s": 0.0}, r"interval_s .* \(s\), not 0.0"),
        ({"lag_s": -1.0}, r"lag_s .* \(s\) not below zero"),
        ({"volatility_bp": math.nan}, r"volatility_bp .* \(bp per root day\)"),
        ({"volatility_bp": -5.0}, r"volatility_bp .* not -5.0"),
        ({"jumps_per_day": math.inf}, r"jumps_per_day .* \(per day\)"),
        ({"jump_bp": -1.0}, r"jump_bp .* \(bp\)"),
        ({"jumps_per_day": 1e6 * DAY_S}, "jumps_per_day .* call them volatility"),
    ],
)
def test_staleness_names_what_makes_no_sense(change: dict[str, float], said: str) -> None:
    figures = {"interval_s": 1.0, "lag_s": 0.0, "volatility_bp": 100.0}
    with pytest.raises(ValueError, match=said):
        Staleness(**{**figures, **change})


def test_impossible_quotes_are_refused_by_name_and_unit() -> None:
    with pytest.raises(ValueError, match=r"half_spread_bp .* \(bp\)"):
        loss_bp2(ONE, -1.0, Refresh.ORACLE)
    with pytest.raises(ValueError, match=r"slope_bp_per_m .* \(bp per M\)"):
        stale_loss_bp_m_per_day(ONE, 1.0, 0.0)
    with pytest.raises(ValueError, match=r"offer_m_max .* \(M\)"):
        stale_loss_bp_m_per_day(ONE, 1.0, 1.0, -2.0)
    with pytest.raises(ValueError, match=r"informed_share must lie in 0\.\.1"):
        half_spread_min_bp(PERPETUAL, ONE, 1.0, informed_share=1.5)
    with pytest.raises(ValueError, match=r"half_spread_bp .* \(bp\)"):
        sniped_bp_per_day(ONE, math.nan, 0.1, True)
    with pytest.raises(ValueError, match=r"latency_s .* \(s\)"):
        sniped_bp_per_day(ONE, 1.0, -0.1, True)
