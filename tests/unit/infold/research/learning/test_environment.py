# SPDX-License-Identifier: Apache-2.0
"""The learning environment: gymnasium's own checker, and the closed form at action zero."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from infold.research.learning.environment import REWARD_BP_M, TRAINING_PATHS, DealerEnvironment
from infold.research.learning.evaluation import compare, scores, still
from infold.research.learning.residual import PARTS
from infold.research.simulation.policy import transient_closed_form
from infold.research.simulation.quotes import paper_world
from infold.research.simulation.runner import simulate

SHORT = paper_world(horizon_day=0.02)
ZERO = np.zeros(len(PARTS), dtype=np.float32)


def test_gymnasium_accepts_it() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # advice on symmetric boxes, not faults
        check_env(DealerEnvironment(SHORT), skip_render_check=True)


def test_zero_actions_are_the_closed_form() -> None:
    expected = simulate(SHORT, transient_closed_form(SHORT.truth), 5, seed=1).score
    assert scores(DealerEnvironment(SHORT), still, range(5)) == pytest.approx(
        expected.tolist(), abs=1e-9
    )


@pytest.mark.parametrize("cells", [7, 100, 2_000])
def test_how_a_path_is_cut_does_not_show(cells: int) -> None:
    whole = scores(DealerEnvironment(SHORT, cells=2_000), still, [3])
    assert scores(DealerEnvironment(SHORT, cells=cells), still, [3]) == pytest.approx(whole)


def test_rewards_add_up_to_the_score() -> None:
    environment = DealerEnvironment(SHORT)
    environment.reset(options={"path": 0})
    total, done = 0.0, False
    while not done:
        _, reward, _, done, _ = environment.step(ZERO)
        total += reward
    assert total * REWARD_BP_M == pytest.approx(scores(environment, still, [0])[0])


def test_paired_rewards_are_zero_at_action_zero_and_the_difference_else() -> None:
    paired, plain = DealerEnvironment(SHORT, paired=True), DealerEnvironment(SHORT)
    action = np.array([0.5, 0.0, -0.5, 0.5, 1.0], dtype=np.float32)
    for moved, expected in (
        (ZERO, 0.0),
        (action, compare(plain, lambda _: action.astype(float), [0, 0]).mean),
    ):
        paired.reset(options={"path": 0})
        total, done = 0.0, False
        while not done:
            _, reward, _, done, _ = paired.step(moved)
            total += reward
        assert total * REWARD_BP_M == pytest.approx(expected, abs=1e-6)


def test_learners_draw_paths_nobody_is_scored_on() -> None:
    environment = DealerEnvironment(SHORT)
    drawn = [environment.reset(seed=seed)[1]["path"] for seed in range(20)]
    assert min(drawn) >= TRAINING_PATHS
    assert len(set(drawn)) > 10
    assert environment.reset(seed=3)[1] == environment.reset(seed=3)[1]


def test_a_path_that_has_ended_takes_no_step() -> None:
    environment = DealerEnvironment(SHORT, cells=2_000)
    with pytest.raises(RuntimeError, match="reset the environment"):
        environment.step(ZERO)
    environment.reset(options={"path": 0})
    assert environment.step(ZERO)[3]
    with pytest.raises(RuntimeError, match="the path has ended"):
        environment.step(ZERO)


def test_an_interval_lies_inside_the_path() -> None:
    with pytest.raises(ValueError, match=r"cells must lie in 1\.\.2000"):
        DealerEnvironment(SHORT, cells=2_001)
