# SPDX-License-Identifier: Apache-2.0
"""What the jury runs exists, and every contract's faults are looked for in its own tests first."""

from __future__ import annotations

import pytest

import judging
import mutants
from compiler import CONTRACTS, ROOT


@pytest.mark.parametrize("path", judging.TESTS)
def test_the_jury_runs_tests_that_exist(path: str) -> None:
    assert (ROOT / path).exists()


def test_a_folder_of_tests_named_for_a_contract_exists() -> None:
    for file, folder in judging.FOLDERS.items():
        assert (CONTRACTS / file).exists(), file
        assert (ROOT / "tests/unit/contracts" / folder).is_dir(), folder


def test_every_explained_survivor_is_still_a_fault() -> None:
    names = {mutant.name for mutant in mutants.found()}
    assert not set(mutants.explanations()) - names


def test_every_verdict_kept_is_one_of_the_five() -> None:
    kinds = {"killed", "hung", "invalid", "same", "survived"}
    assert {verdict["verdict"] for verdict in mutants.read_tally().values()} <= kinds


def test_a_neighbours_killer_runs_first_then_the_contracts_own_folder() -> None:
    killer = "tests/attacks/test_sig.py::test_far"
    known = {"near": {"verdict": "killed", "by": killer}}
    jury = judging.Jury([], known, {"near": "Seals.vy::check", "": "Seals.vy::check"}, 1, _deaf)
    own = "tests/unit/contracts/seals/test_check.py::test_own"
    other = "tests/unit/contracts/pool/test_claims.py::test_other"
    deaf = "tests/unit/contracts/dollar/test_dollar.py::test_deaf"
    items = [_Item(name) for name in (other, deaf, own, killer)]
    seals = judging.Mutant("", "Seals.vy", "check", "none", 0, "", "", 0, 0)
    assert [item.nodeid for item in jury.ordered(items, seals)] == [killer, own, other]  # type: ignore[arg-type]


class _Item:
    def __init__(self, nodeid: str) -> None:
        self.nodeid = nodeid


def _deaf(mutant: judging.Mutant, verdict: judging.Verdict) -> None:
    raise AssertionError("nothing was judged")
