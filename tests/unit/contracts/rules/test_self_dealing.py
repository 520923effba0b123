# SPDX-License-Identifier: Apache-2.0
"""B12: the matcher and its friend in hindsight, on the contract.

The bench's adversary trades an hour against a pool by the engine's rules; each market it closes,
and each refusal it runs into, is put to `Rules.close`: the same words, or the same reason.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from tests.support.evm import Contract, Refused

from infold.bench.hindsight.friend import WINDOW_S, Policy, a_day
from infold.bench.hindsight.ground import Closed, Terms
from infold.bench.hindsight.paths import paths
from infold.bench.hindsight.run import CAPITAL_E6, HELD, REBATE_MAX
from infold.core.daybound import CALM, JUMPY, STORM, Weather

SEED = 12
HOUR_S = 3_600
SAMPLE = 1_000
"""Of each kind of day, evenly."""


def closings(weather: Weather, terms: Terms, policy: Policy) -> list[Closed]:
    moves = paths(weather, SEED, WINDOW_S, HOUR_S)
    _, ground = a_day(moves, terms, policy, CAPITAL_E6, keep=True)
    assert ground.kept is not None
    step = max(1, len(ground.kept) // SAMPLE)
    refused = [it for it in ground.kept if it.reason is not None]
    return ground.kept[::step][:SAMPLE] + refused[:50]


@pytest.mark.parametrize(
    ("weather", "terms", "policy"),
    [
        (CALM, HELD, Policy(marks=15)),
        (STORM, replace(HELD, rebate=REBATE_MAX), Policy(marks=3)),
        (STORM, Terms(residual_share=0.03, position_share=0.2, rebate=3), Policy(held=1.0)),
        (JUMPY, replace(HELD, steep=True), Policy(held=-1.0, step_s=3)),
    ],
    ids=["every second", "given back", "wide caps", "steep"],
)
def test_B12_the_contract_closes_every_batch_of_hindsight_as_the_engine_does(
    rules: Contract, weather: Weather, terms: Terms, policy: Policy
) -> None:
    reasons = Counter[str]()
    compared = 0
    for it in closings(weather, terms, policy):
        try:
            words, level_e6, _ = rules.close(it.market, it.plan)
            reason = None
        except Refused as refused:
            reason = refused.reason
        assert reason == it.reason, f"seed {SEED}: {it}"
        if reason is None:
            assert tuple(words) == it.after, f"seed {SEED}: {it}"
            assert level_e6 == it.level_e6, f"seed {SEED}: {it}"
        else:
            reasons[reason] += 1
        compared += 1
    assert compared > 300
    assert set(reasons) <= {"clearing: loss meter"}, reasons
