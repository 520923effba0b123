# SPDX-License-Identifier: Apache-2.0
"""A fault behind a switch does what it does compiled by itself, and nothing while it is off."""

from __future__ import annotations

from pathlib import Path

import pyrevm
import pytest
from tests.support import compiler
from tests.support.evm import Refused, World, a_key

import switches
from mutations import mutants

SOURCE = """# pragma version 0.4.3
LIMIT: constant(uint256) = 2 * 3
EDGE: constant(uint256) = LIMIT - 1
WIDE: constant(uint256) = 4
kept: uint256[WIDE]
held: HashMap[uint256, uint256]


@internal
@pure
def _folded(a: uint256, b: uint256) -> uint256:
    return unsafe_sub(unsafe_add(a, EDGE), b) + (1 if a == 3 or b > 4 and a < b else 0)


@external
def probe(a: uint256, b: uint256) -> uint256:
    assert a <= LIMIT and b != 7, "probe: out of range"
    self.held[1] += b
    self.kept[2] = a
    for i: uint256 in range(3):
        self.held[1] += i
    return self._folded(a, b) * 10 + self.held[1] - (1 if a in [2, 5] else 0) + self.kept[2] % 4
"""
CALLS = [(0, 0), (2, 1), (3, 5), (4, 6), (5, 5), (6, 7), (7, 1), (1, 2)]


def outcomes(artifact: compiler.Artifact) -> list[object]:
    """What a fresh contract answers."""
    world = World()
    probe = world.deploy(artifact, sender=a_key("deployer"))
    answers: list[object] = []
    for call in CALLS:
        try:
            answers.append(probe.probe(*call, sender=a_key("stranger")).value)
        except Refused as refused:
            answers.append(refused.reason)
    return answers


@pytest.fixture
def compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(switches, "CONTRACTS", tmp_path)
    monkeypatch.setattr(compiler, "CACHE", tmp_path / "kept")
    monkeypatch.setattr(pyrevm, "BlockEnv", pyrevm.BlockEnv)
    return tmp_path


def test_a_switch_does_what_its_fault_compiled_by_itself_does(compiled: Path) -> None:
    faults = dict(enumerate(mutants("Probe.vy", SOURCE), start=1))
    board = switches.board(faults, {"Probe.vy": SOURCE})
    (compiled / "Probe.vy").write_text(SOURCE)
    with switches.compiling(board):
        switched = compiler.compiled_at(compiled / "Probe.vy")
    (compiled / "Plain.vy").write_text(SOURCE)
    right = outcomes(compiler.compiled_at(compiled / "Plain.vy"))
    assert outcomes(switched) == right
    told = 0
    for number in sorted(board.switched):
        alone = compiled / f"Fault{number}.vy"
        alone.write_text(faults[number].apply(SOURCE))
        switches.turn_on(number)
        assert outcomes(switched) == outcomes(compiler.compiled_at(alone)), faults[number]
        told += outcomes(switched) != right
    assert told > len(board.switched) * 3 // 4


def test_what_a_type_a_loop_or_a_list_is_made_of_has_no_switch(compiled: Path) -> None:
    faults = dict(enumerate(mutants("Probe.vy", SOURCE), start=1))
    board = switches.board(faults, {"Probe.vy": SOURCE})
    (compiled / "Probe.vy").write_text(SOURCE)
    with switches.compiling(board):
        compiler.compiled_at(compiled / "Probe.vy")
    without = {
        (fault.declared or fault.function, fault.was)
        for number, fault in faults.items()
        if number not in board.switched
    }
    assert without == {("WIDE", "4"), ("probe", "3"), ("probe", "2")}


def test_without_a_board_the_compiler_is_as_it_was(compiled: Path) -> None:
    (compiled / "Probe.vy").write_text(SOURCE)
    (compiled / "Later.vy").write_text(SOURCE)
    before = compiler.compiled_at(compiled / "Probe.vy").bytecode
    with switches.compiling(None):
        assert compiler.compiled_at(compiled / "Later.vy").bytecode == before
