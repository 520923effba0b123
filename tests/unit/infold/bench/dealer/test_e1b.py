# SPDX-License-Identifier: Apache-2.0
"""E1b's figures: all there under their names, and the ratio's arithmetic."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from infold.bench.dealer import e1b
from infold.bench.dealer.figures import Bench
from infold.research.simulation.clients import ClientsWorld
from infold.research.simulation.clients_columns import CLIENT_COLUMNS, ClientSum
from infold.research.simulation.ledger import Paths, Sum


def paths(score: np.ndarray, paid: float = 0.2) -> Paths:
    sums = np.zeros((len(score), CLIENT_COLUMNS))
    sums[:, Sum.MARKUP] = score
    sums[:, ClientSum.BOUGHT] = 10.0
    sums[:, ClientSum.PAID] = 10.0 * paid
    return Paths(tuple(range(len(score))), sums, np.zeros(len(score), dtype=np.uint64))


def test_the_ratio_is_of_means_and_its_interval_covers_as_often_as_it_says() -> None:
    draws = np.random.Generator(np.random.Philox(51))
    covered = 0
    for _ in range(400):
        base, common = draws.normal(0.0, 50.0, 60), draws.normal(0.0, 30.0, 60)
        best = base + 100.0 + common
        ours = base + 90.0 + common + draws.normal(0.0, 10.0, 60)
        field = e1b.Field(paths(base), paths(best), paths(best), paths(ours))
        found = e1b.recovered(field)
        covered += found.low <= 0.9 <= found.high
    assert found.value == pytest.approx((ours - base).mean() / (best - base).mean())
    assert 0.91 < covered / 400 < 0.98


def test_costs_are_compared_path_by_path() -> None:
    noise = np.arange(5.0)
    field = e1b.Field(paths(noise), paths(noise), paths(noise), paths(noise, paid=0.17))
    found = e1b.cost_beside(field, "PAID", "BOUGHT")
    assert found.value == pytest.approx(-0.03) and found.high == pytest.approx(-0.03)


def test_the_group_gives_every_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("PATHS", 3), ("PATHS_REPORTED", 2), ("PATHS_READ", 1), ("UPDATES", 40)):
        monkeypatch.setattr(e1b, name, value)
    short = partial(ClientsWorld, burn_in_day=0.6, scored_day=0.8)
    monkeypatch.setattr(e1b, "ClientsWorld", short)
    said: list[str] = []
    bench = Bench(seed=5, workers=1, data=None, say=said.append)
    figures = {figure.id: figure for figure in e1b.run(bench)}
    assert set(figures) == {
        *("e1b.recovered", "e1b.above_b1", "e1b.sybil", "e1b.ranking", "e1b.update_p99_s"),
        *("e1b.uninformed_cost", "e1b.uninformed_later", "e1b.uninformed_surplus"),
        *("e1b.calibration_toxic", "e1b.calibration_informed"),
        *("e1b.b0", "e1b.b1", "e1b.bayes", "e1b.learned", "e1b.b2", "e1b.b2_above_b0"),
    }
    assert figures["e1b.b0"].value < figures["e1b.learned"].value < figures["e1b.b1"].value
    assert figures["e1b.above_b1"].ok and figures["e1b.uninformed_surplus"].ok
    assert said
