# SPDX-License-Identifier: Apache-2.0
"""The map of reasons: nothing but the map goes to stdout, and a run fails for what was wrong."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import reasons

TOY = """
@external
def halve(amount: uint256) -> uint256:
    assert amount != 0, "toy: nothing"
    return amount // 2
"""
TEST = "tests/test_toy.py::test_nothing_is_refused"
FOUND = {"toy: nothing": {"at": ["toy.vy:4"], "test": TEST}}


class Pytest:
    """Stands in for the whole: prints as it does, trips what it is given, ends as it is told."""

    def __init__(self, tripped: Sequence[str], ended: pytest.ExitCode) -> None:
        self._tripped, self._ended = tripped, ended

    def __call__(self, given: list[str], plugins: list[Any]) -> pytest.ExitCode:
        print(".... [100%]")
        for reason in self._tripped:
            plugins[0].tests[reason] = TEST
        return self._ended


def run(
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *words: str,
    tripped: Sequence[str] = ("toy: nothing",),
    ended: pytest.ExitCode = pytest.ExitCode.OK,
) -> int:
    (path / "toy.vy").write_text(TOY)
    monkeypatch.setattr(reasons, "CONTRACTS", path)
    monkeypatch.setattr(pytest, "main", Pytest(tripped, ended))
    return reasons.main(list(words))


def test_stdout_is_the_object_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, monkeypatch, "--json") == 0
    written = capsys.readouterr()
    assert json.loads(written.out) == FOUND
    assert written.err == ".... [100%]\n"


def test_a_reason_that_no_test_trips_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, monkeypatch, tripped=()) == 1
    assert "NO TEST\n1 reasons, 1 without a test\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("ended", "said"),
    [
        (pytest.ExitCode.TESTS_FAILED, "tests failed: no map of what they trip"),
        (pytest.ExitCode.INTERRUPTED, "interrupted: no map of what they trip"),
    ],
)
def test_a_run_that_ended_otherwise_says_how(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    ended: pytest.ExitCode,
    said: str,
) -> None:
    assert run(tmp_path, monkeypatch, "--json", ended=ended) == 1
    written = capsys.readouterr()
    assert written.out == "" and written.err.splitlines()[-1] == said
