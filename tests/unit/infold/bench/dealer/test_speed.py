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
def test_latencies_keep_their_limits_by_the_quietest_round(
    monkeypatch: pytest.MonkeyPatch, p99_us: float, ok: tuple[bool, bool]
) -> None:
    def quietest(call: Callable[[], object]) -> Sample:
        call()
        return Sample(p99_us, p99_us, 9.0 * p99_us, 1)

    monkeypatch.setattr(speed, "quietest_us", quietest)
    found = by_name(speed.latencies(BENCH))
    assert (found["speed.ladder_us"].ok, found["speed.decision_us"].ok) == ok
    assert (found["speed.ladder_us"].limit, found["speed.decision_us"].limit) == (5.0, 50.0)


def test_a_decision_is_curve_route_and_record(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []

    def keep(call: Callable[[], object]) -> Sample:
        seen.append(call())
        return Sample(1.0, 1.0, 1.0, 1)

    monkeypatch.setattr(speed, "quietest_us", keep)
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
