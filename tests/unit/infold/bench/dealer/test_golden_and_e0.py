# SPDX-License-Identifier: Apache-2.0
"""The figures of `golden` and `e0`: what they compare, and that a wrong model would show."""

from __future__ import annotations

import msgspec
import pytest

from infold.bench.dealer import e0, golden
from infold.bench.dealer.figures import Bench, Figure
from infold.dealer.params import PERPETUAL, SPOT_FX

BENCH = Bench(seed=1, workers=1, data=None, say=lambda text: None)


def by_id(figures: list[Figure]) -> dict[str, Figure]:
    found = {figure.id: figure for figure in figures}
    assert len(found) == len(figures), "ids are unique"
    return found


def test_closed_forms_keep_every_printed_digit() -> None:
    found = by_id(golden.closed())
    assert {"golden.d0", "golden.omega", "golden.zone", "golden.precision"} <= found.keys()
    assert all(figure.ok for figure in found.values()), found
    assert golden.relative_error(PERPETUAL) < 1e-12


def test_fifty_digits_show_a_wrong_closed_form(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = msgspec.structs.replace(SPOT_FX, volatility_bp=100.0 * (1 + 1e-8))
    precise = golden.precise_forms
    monkeypatch.setattr(golden, "precise_forms", lambda parameters: precise(wrong))
    assert not by_id(golden.closed())["golden.precision"].ok


def test_exact_solutions_reach_their_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(golden, "SOLVES", 1)
    found = by_id([*golden.one_dimension(), *golden.two_dimensions()])
    for name, figure in found.items():
        assert figure.ok or "seconds" in name, figure
    assert found["golden.theta_permanent"].limit == 1463.990
    assert found["golden.exact_zone_2d"].value == 11.0


def test_scores_come_from_linear_solves_alone() -> None:
    found = by_id(e0.scores(e0.rows()))
    assert all(figure.ok and figure.paths == 0 for figure in found.values()), found
    assert found["e0.score"].value > found["e0.score_closed_form"].value > 0.997
    # Nothing a policy does may score above the optimum.
    best = found["e0.theta_best"].value
    assert all(f.value <= best + 1e-6 for f in found.values() if f.id.startswith("e0.theta_"))
    assert found["e0.table_bytes"].value < 1e5


def test_simulated_rows_are_paired_with_the_transient_closed_form() -> None:
    policies = {name: e0.rows()[name] for name in ("transient", "skew", "runtime")}
    found = by_id(e0.simulated(BENCH, policies, cut=250))
    assert found["e0.j_transient"].paths == 20 and found["e0.j_skew"].paths == 4
    assert "e0.gain_transient" not in found
    assert found["e0.gain_skew"].value < 0.0 < found["e0.gain"].value
    # Pairing takes most of the noise out.
    spread = {name: f.high - f.low for name, f in found.items()}
    assert spread["e0.gain"] < 0.7 * spread["e0.j_runtime"]
