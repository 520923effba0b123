# SPDX-License-Identifier: Apache-2.0
"""Regressions scored on what was not fitted, and how far chance alone gets."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.api import OLS, add_constant
from tests.support.recorded_market import invented, quotes_of, trades_of

from infold.research.microstructure.chance import (
    Interval,
    block_of,
    block_sums,
    bootstrap,
    circular_shifts,
    correlation_interval,
    ratio_interval,
    saved_share,
)
from infold.research.microstructure.evidence import carry, explain, predict, to_scale
from infold.research.microstructure.regressions import fit, halves, r_squared, walk_forward
from infold.research.microstructure.steps import Steps, steps_of
from infold.research.recorded import Floats

RNG = np.random.default_rng(1)
X = RNG.standard_normal((300, 2))
Y = 0.5 + X @ [1.0, -2.0] + RNG.standard_normal(300)


# -- regressions -----------------------------------------------------------------------------------


def test_a_fit_is_ordinary_least_squares_with_an_intercept() -> None:
    ours, theirs = fit(X, Y), OLS(Y, add_constant(X)).fit()
    assert ours.weights.tolist() == pytest.approx(theirs.params.tolist(), rel=1e-10)
    assert r_squared(ours, X, Y) == pytest.approx(theirs.rsquared, rel=1e-10)


def test_out_of_sample_the_plain_forecast_is_the_fitted_rows_mean() -> None:
    line = fit(X[:150], Y[:150])
    missed = ((Y[150:] - line.predict(X[150:])) ** 2).sum()
    plain = ((Y[150:] - Y[:150].mean()) ** 2).sum()
    assert halves(X, Y) == pytest.approx(1.0 - missed / plain)


def test_walking_forward_never_fits_the_purged_rows() -> None:
    """Rows purged from every fit may hold anything, as long as no fold scores them."""
    spoiled = Y.copy()
    spoiled[145:150] = 1e6  # the last five rows before the second of two folds
    clean = walk_forward(X, Y, folds=2, purge=5)
    line = fit(X[:145], Y[:145])
    assert clean == pytest.approx(r_squared(line, X[150:], Y[150:]))
    assert walk_forward(X, spoiled, folds=2, purge=5) == pytest.approx(clean)
    assert walk_forward(X, spoiled, folds=2, purge=0) < 0.0


def test_walking_forward_scores_every_later_fold_under_all_rows_before_it() -> None:
    whole = walk_forward(X, Y, folds=4, purge=0)
    missed = plain = 0.0
    for begin in (75, 150, 225):
        line = fit(X[:begin], Y[:begin])
        scored = slice(begin, begin + 75)
        missed += ((Y[scored] - line.predict(X[scored])) ** 2).sum()
        plain += ((Y[scored] - Y[:begin].mean()) ** 2).sum()
    assert whole == pytest.approx(1.0 - missed / plain)


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (lambda: fit(X, Y[:-1]), "do not match"),
        (lambda: fit(X[:3], Y[:3]), "too few"),
        (lambda: fit(X, np.where(Y > 0, np.nan, Y)), "finite"),
        (lambda: r_squared(fit(X, Y), X, np.full(300, Y.mean())), "never moves"),
        (lambda: walk_forward(X, Y, 1, 0), "two folds"),
    ],
)
def test_regressions_that_make_no_sense_are_refused(call: object, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        call()  # type: ignore[operator]


# -- chance ----------------------------------------------------------------------------------------


def test_block_draws_keep_neighbours_together_and_wrap_around() -> None:
    """Sums of distinct powers of two tell which rows a draw holds."""
    powers = 2.0 ** np.arange(10)[None, :]
    sums = block_sums(powers, np.random.default_rng(1), block=4, draws=300)[:, 0]
    rings = [sum(2 ** ((start + step) % 10) for step in range(4)) for start in range(10)]
    ends = [sum(2 ** ((start + step) % 10) for step in range(2)) for start in range(10)]
    possible = {a + b + c for a in rings for b in rings for c in ends}
    assert set(sums.astype(int)) <= possible and len(set(sums)) > 100
    assert (block_of(8), block_of(1_000)) == (2, 10)


def mean_interval(values: Floats, seed: int, draws: int = 400) -> Interval:
    return bootstrap(values[None, :], lambda sums: sums[:, 0] / len(values), seed, draws)


def test_a_bootstrap_interval_covers_a_mean_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(2)
    hits = 0
    for trial in range(400):
        low, high = mean_interval(rng.standard_normal(60), trial)
        hits += low <= 0.0 <= high
    assert 0.86 < hits / 400 < 0.98


def test_a_bootstrap_of_dependent_rows_is_wider_than_of_independent_ones() -> None:
    slow = np.repeat(np.random.default_rng(3).standard_normal(50), 6)
    mixed = np.random.default_rng(4).permutation(slow)
    wide, narrow = mean_interval(slow, 1), mean_interval(mixed, 1)
    assert wide.high - wide.low > 1.4 * (narrow.high - narrow.low)


def test_intervals_hold_their_statistic() -> None:
    low, high = correlation_interval(X[:, 1], Y, 1)
    assert low < np.corrcoef(X[:, 1], Y)[0, 1] ** 2 < high
    top, bottom = RNG.random(80), RNG.random(80) + 1.0
    low, high = ratio_interval(top, bottom, 1)
    assert low < top.sum() / bottom.sum() < high


def test_the_same_seed_draws_the_same_interval() -> None:
    missed, plain = RNG.random(80), RNG.random(80) + 1.0
    assert saved_share(missed, plain, 7) == saved_share(missed, plain, 7)
    assert saved_share(missed, plain, 7) != saved_share(missed, plain, 8)
    low, high = saved_share(missed, plain, 7)
    assert low < 1.0 - missed.sum() / plain.sum() < high


def test_shifts_tell_a_relation_from_none() -> None:
    told = circular_shifts(lambda moved: halves(moved, Y), X, 1, shifts=200)
    assert halves(X, Y) > told.high and told.p_value == pytest.approx(1 / 201)
    noise = RNG.standard_normal((300, 2))
    blind = circular_shifts(lambda moved: halves(moved, Y), noise, 1, shifts=200)
    assert blind.p_value > 0.02 and abs(blind.high) < 0.1


def test_too_few_rows_to_draw_or_shift_are_refused() -> None:
    with pytest.raises(ValueError, match="too few for an interval"):
        mean_interval(np.ones(3), 1)
    with pytest.raises(ValueError, match="no draw has a value"):
        ratio_interval(np.zeros(9), np.zeros(9), 1)
    with pytest.raises(ValueError, match="too few to shift"):
        circular_shifts(lambda moved: 0.0, np.ones(3), 1)


# -- evidence --------------------------------------------------------------------------------------


def cut(seed: int, horizon_ms: int = 1_000, seconds: int = 200) -> Steps:
    found = invented(seconds, seed)
    return steps_of(quotes_of(found), horizon_ms, trades_of(found))


def test_an_invented_market_is_explained_by_its_takers() -> None:
    found = explain(cut(1), 1)
    assert found.trade_imbalance is not None and found.trade_imbalance > 0.5
    assert found.interval.low < found.r_squared < found.interval.high
    assert found.out_interval.low < found.out_of_sample < found.out_interval.high
    assert found.rows == 199


def test_what_a_queue_knows_is_claimed_and_what_it_does_not_know_is_not() -> None:
    steps = cut(2, horizon_ms=100)
    known = predict(steps, 1)
    assert known.claimed and known.queue > 0.1 and known.both > known.shifted.high
    rng = np.random.default_rng(3)
    blind = Steps(
        steps.horizon_ms,
        rng.permutation(steps.flow),
        steps.move,
        rng.permutation(steps.queue),
        steps.depth,
        None,
        steps.whole,
    )
    assert not predict(blind, 1).claimed


def test_a_claim_is_free_of_look_ahead() -> None:
    """Moves drawn afresh cannot be foretold by anything known before them."""
    steps = cut(4, horizon_ms=100)
    fresh = np.random.default_rng(5).standard_normal(len(steps.move))
    blind = Steps(steps.horizon_ms, steps.flow, fresh, steps.queue, steps.depth, None, steps.whole)
    assert not predict(blind, 1).claimed


def test_a_fit_carries_to_another_price_and_size_by_scale() -> None:
    own = cut(5, horizon_ms=100)
    other = cut(6, horizon_ms=100)
    dear = Steps(
        other.horizon_ms,
        other.flow / 40.0,
        other.move * 40.0,
        other.queue,
        other.depth / 40.0,
        None,
        other.whole,
    )
    cheap, rich = carry(own, other, 1), carry(own, dear, 1)
    assert rich.explained == pytest.approx(cheap.explained)
    assert rich.predicted == pytest.approx(cheap.predicted) and rich.predicted > rich.shifted.high
    assert rich.rows == len(other.move)


def test_what_never_moves_has_no_scale() -> None:
    assert np.abs(to_scale(np.array([1.0, -3.0]))).mean() == 1.0
    with pytest.raises(ValueError, match="no scale"):
        to_scale(np.zeros(3))
