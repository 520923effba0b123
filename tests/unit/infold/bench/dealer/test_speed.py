# SPDX-License-Identifier: Apache-2.0
"""The figures of speed keep their limits by what was timed, and only by that."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from infold.bench.dealer import speed
from infold.bench.dealer.figures import Bench, Figure, Sample
from infold.research.simulation.draws import philox

BENCH = Bench(seed=1, workers=1, data=None, say=lambda line: None)


def timed(seconds: float) -> Callable[[Callable[[], object]], float]:
    """A clock that runs what it is given and says what it was told to."""

    def clock(call: Callable[[], object]) -> float:
        call()
        return seconds

    return clock


def by_name(figures: list[Figure]) -> dict[str, Figure]:
    return {figure.id: figure for figure in figures}


@pytest.mark.parametrize(("seconds", "ok"), [(1e-3, True), (10.0, False)])
def test_rates_and_fits_keep_their_limits_by_the_clock(
    monkeypatch: pytest.MonkeyPatch, seconds: float, ok: bool
) -> None:
    monkeypatch.setattr(speed, "fastest_s", timed(seconds))
    monkeypatch.setattr(speed, "TRADES", 2_000)
    orders = by_name(speed.order_events(BENCH))
    tapes = by_name(speed.tape_alone(BENCH))
    fits = by_name(speed.impact_fit(BENCH))
    assert orders["speed.orders_per_s"].ok == ok and orders["speed.orders_per_s"].limit == 3e6
    assert tapes["speed.tape_per_s"].ok == ok and tapes["speed.tape_per_s"].limit == 20e6
    assert fits["speed.impact_fit_s"].ok == ok and fits["speed.impact_fit_s"].limit == 0.15
    # A day of the paper's flow is what was timed.
    assert 7_000 < orders["speed.orders_per_s"].value * seconds < 9_000
    for figures in (orders, tapes, fits):
        assert any("floor" in name and figure.limit is None for name, figure in figures.items())


@pytest.mark.parametrize(("p99_us", "ok"), [(4.0, (True, True)), (40.0, (False, True)),
                                            (400.0, (False, False))])  # fmt: skip
def test_latencies_keep_their_limits_by_the_median_round(
    monkeypatch: pytest.MonkeyPatch, p99_us: float, ok: tuple[bool, bool]
) -> None:
    def rounds(call: Callable[[], object]) -> speed.Rounds:
        call()
        quiet, loud = Sample(1.0, 1.0, 1.0, 1), Sample(900.0, 900.0, 900.0, 1)
        return speed.Rounds(Sample(p99_us, 1.0, 900.0, 1), quiet, loud)

    monkeypatch.setattr(speed, "rounds_us", rounds)
    found = by_name(speed.latencies(BENCH))
    assert (found["speed.ladder_us"].ok, found["speed.decision_us"].ok) == ok
    assert (found["speed.ladder_us"].limit, found["speed.decision_us"].limit) == (5.0, 50.0)
    for name in ("ladder", "decision"):
        ends = [found[f"speed.{name}_{end}_us"] for end in ("quietest", "loudest")]
        assert [(end.value, end.limit) for end in ends] == [(1.0, None), (900.0, None)]


def test_the_value_is_the_median_of_the_rounds_and_its_interval_two_of_them() -> None:
    found = speed.typical_of([float(number) for number in range(60, 0, -1)], calls=10)
    assert found.typical == Sample(30.5, 22.0, 39.0, 600)
    assert (found.quietest.value, found.loudest.value) == (1.0, 60.0)


def test_the_interval_holds_the_true_median_as_often_as_it_says() -> None:
    draw = np.random.default_rng(4)
    held = 0
    for _ in range(400):
        typical = speed.typical_of(draw.exponential(1.0, 60).tolist(), 1).typical
        held += typical.low <= np.log(2.0) <= typical.high
    assert 0.94 * 400 <= held < 400


def test_a_decision_is_curve_route_and_record(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []

    def keep(call: Callable[[], object]) -> speed.Rounds:
        seen.append(call())
        one = Sample(1.0, 1.0, 1.0, 1)
        return speed.Rounds(one, one, one)

    monkeypatch.setattr(speed, "rounds_us", keep)
    speed.latencies(BENCH)
    quotes, _, decision, _ = seen
    assert [len(side) for side in quotes] == [6, 6]  # type: ignore[attr-defined]
    assert b'"reason":' in decision  # type: ignore[operator]


def test_the_tapes_floor_draws_the_words_it_says() -> None:
    words = np.zeros(5, dtype=np.uint64)
    speed.bare_words(words)
    zero = np.uint64(0)
    for index, word in enumerate(words):
        first, second, third, fourth = philox(np.uint64(index), zero, zero, zero, zero, zero)
        assert word == first ^ second ^ third ^ fourth
