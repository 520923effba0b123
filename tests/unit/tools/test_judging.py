# SPDX-License-Identifier: Apache-2.0
"""What the jury runs exists, and every contract's faults are looked for in its own tests first."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from tests.support import compiler

import judging
import mutants
import witnesses
from compiler import CONTRACTS, ROOT
from reach import Reach


@pytest.mark.parametrize("path", witnesses.TESTS)
def test_the_jury_runs_tests_that_exist(path: str) -> None:
    assert (ROOT / path).exists()


def test_a_folder_of_tests_named_for_a_contract_exists() -> None:
    for file, folders in witnesses.FOLDERS.items():
        assert (CONTRACTS / file).exists(), file
        for folder in folders:
            assert (ROOT / "tests/unit/contracts" / folder).is_dir(), folder


def test_every_explained_survivor_is_still_a_fault() -> None:
    names = {mutant.name for mutant in mutants.found()}
    assert not set(mutants.explanations()) - names


def test_every_verdict_kept_is_one_of_the_five() -> None:
    kinds = {"killed", "hung", "invalid", "same", "survived"}
    assert {verdict["verdict"] for verdict in mutants.read_tally().values()} <= kinds


def test_every_witness_of_a_fault_is_still_a_test() -> None:
    named: dict[str, set[str]] = {}
    for verdict in mutants.read_tally().values():
        if verdict["verdict"] == "killed":
            file, _, test = verdict["by"].partition("::")
            named.setdefault(file, set()).add(test.partition("[")[0])
    for file, tests in named.items():
        tree = ast.parse((ROOT / file).read_text())
        kept = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        assert not tests - kept, f"name them anew in tests/mutants/tally.json: {file}"


def test_faults_of_a_module_that_several_contracts_use_run_the_tests_of_each_first() -> None:
    jury = judging.Jury([], {}, {"": "modules/signers.vy::_rotate"}, 1, _deaf)
    folders = ("seals", "pool", "oracle")
    items = [_Item(f"tests/unit/contracts/{folder}/test_lock.py::test_it") for folder in folders]
    fault = judging.Mutant("", "modules/signers.vy", "_rotate", "none", 0, "", "", 0, 0)
    likely, others = jury.ordered(items, fault)  # type: ignore[arg-type]
    assert likely == [items[0], items[2]]
    assert others == [items[1]]


def test_a_neighbours_killer_runs_first_then_the_contracts_own_folder() -> None:
    killer = "tests/attacks/test_sig.py::test_far"
    known = {"near": {"verdict": "killed", "by": killer}}
    jury = judging.Jury([], known, {"near": "Seals.vy::check", "": "Seals.vy::check"}, 1, _deaf)
    own = "tests/unit/contracts/seals/test_check.py::test_own"
    other = "tests/unit/contracts/pool/test_claims.py::test_other"
    deaf = "tests/unit/contracts/dollar/test_dollar.py::test_deaf"
    items = [_Item(name) for name in (other, deaf, own, killer)]
    seals = judging.Mutant("", "Seals.vy", "check", "none", 0, "", "", 0, 0)
    likely, others = jury.ordered(items, seals)  # type: ignore[arg-type]
    assert [item.nodeid for item in likely] == [killer, own]
    assert [item.nodeid for item in others] == [other]


def test_only_tests_that_come_by_a_fault_run_and_the_slow_ones_last() -> None:
    names = ["slow", "near", "far", "made deaf by the switch"]
    reach = Reach(
        artifacts=ROOT,
        number_of={"fault": 1},
        seconds_of={"near": 0.1, "slow": 5.0},
        deaf=frozenset(names[3:]),
        digest="",
        near={"fault": frozenset(["near", "slow", *names[3:]])},
    )
    where = {"fault": "Seals.vy::check", "": ""}
    jury = judging.Jury([], {}, where, 1, _deaf, reach)
    fault = judging.Mutant("fault", "Seals.vy", "check", "compare", 0, "", "", 0, 0)
    items = [_Item(name) for name in names]
    likely, others = jury.ordered(items, fault)  # type: ignore[arg-type]
    assert [item.nodeid for item in others] == ["near", "slow"] and not likely
    likely, others = jury.ordered(items, judging.nothing())  # type: ignore[arg-type]
    assert [item.nodeid for item in likely] == names[3:], "the others were seen to pass"


def test_a_verdict_holds_until_its_function_changes() -> None:
    fault = judging.Mutant("fault", "Seals.vy", "check", "compare", 0, "", "", 0, 0, digest="new")
    verdict = {"verdict": "killed", "by": "somebody"}
    assert mutants.current(fault, {"fault": verdict | {"text": "new"}})
    assert mutants.current(fault, {"fault": verdict | {"text": "old"}}) is None
    assert mutants.current(fault, {"fault": verdict}) is None
    assert mutants.current(fault, {}) is None


def test_the_score_of_all_lies_around_that_of_a_part_and_is_it_at_the_end() -> None:
    assert mutants.bounds(95, 100, 100, 100) == (0.95, 0.95)
    low, high = mutants.bounds(95, 100, 100, 10**9)
    assert (round(low, 4), round(high, 4)) == (0.8882, 0.9785)  # Wilson's for 95 of 100
    closer = mutants.bounds(95, 100, 100, 200)
    assert low < closer[0] < 0.95 < closer[1] < high


class _Item:
    def __init__(self, nodeid: str) -> None:
        self.nodeid = nodeid


def _deaf(mutant: judging.Mutant, verdict: judging.Verdict) -> None:
    raise AssertionError("nothing was judged")


def test_code_is_the_same_whatever_its_comments_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiler, "CACHE", tmp_path / "kept")
    source = "# pragma version 0.4.3\n\n@external\ndef f() -> uint256:\n    return {}\n"
    codes = []
    for name, text in (("A", "1"), ("B", "1  # a word"), ("C", "2")):
        (tmp_path / f"{name}.vy").write_text(source.format(text))
        codes.append(judging.code(compiler.compiled_at(tmp_path / f"{name}.vy")))
    assert codes[0] == codes[1] != codes[2]
