# SPDX-License-Identifier: Apache-2.0
"""The catalogue of attacks and the tests that try them say the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from attacks import NODE, catalogue, faults, main, tried_by


def a_tree(root: Path, listed: str, source: str, folder: str = "attacks") -> Path:
    """A repository with one module of tests."""
    for name in ("attacks", folder):
        (root / "tests" / name).mkdir(parents=True, exist_ok=True)
    (root / "tests" / "attacks" / "catalogue.toml").write_text(listed, "utf-8")
    (root / "tests" / folder / "test_some.py").write_text(source, "utf-8")
    return root


def test_every_attack_has_a_test_and_every_test_an_attack() -> None:
    assert faults() == []


def test_an_entry_says_what_is_tried_and_what_must_hold() -> None:
    known = {"attack", "holds", "incident", "also", "waits"}
    for attack, entry in catalogue().items():
        assert {"attack", "holds"} <= entry.keys() <= known, attack
        assert all(entry.values()), attack


def test_ids_are_in_order_and_groups_whole() -> None:
    assert list(catalogue()) == sorted(catalogue())
    assert {attack[0] for attack in catalogue()} == set("ABCDEFG")


def test_one_of_each_group_is_tried_on_a_node() -> None:
    on_node = {
        attack[0]
        for attack, names in tried_by().items()
        if any(name.startswith(NODE) for name in names)
    }
    assert on_node == {attack[0] for attack in catalogue()}


@pytest.mark.parametrize(
    ("listed", "source", "fault"),
    [
        ("[A01]\n", "def test_A01_x(): ...\n", None),
        ("[A01]\n", "def test_x(): ...\n", "A01: no test"),
        ("[A01]\nwaits = true\n", "def test_x(): ...\n", None),
        ("[A01]\nwaits = true\n", "def test_A01_x(): ...\n", None),
        (
            "",
            "def test_A01_x(): ...\n",
            "tests/attacks/test_some.py::test_A01_x: A01 is not listed",
        ),
        (
            "[A01]\n",
            "def test_A01_B02_x(): ...\n",
            "tests/attacks/test_some.py::test_A01_B02_x: B02 is not listed",
        ),
        (
            '[A01]\nalso = ["tests/attacks/test_some.py::test_y"]\n',
            "def test_A01_x(): ...\n",
            "A01: there is no tests/attacks/test_some.py::test_y",
        ),
        (
            '[A01]\nalso = ["tests/attacks/test_other.py::test_y"]\n',
            "def test_A01_x(): ...\n",
            "A01: there is no tests/attacks/test_other.py::test_y",
        ),
    ],
)
def test_what_does_not_agree_is_named(
    tmp_path: Path, listed: str, source: str, fault: str | None
) -> None:
    assert faults(a_tree(tmp_path, listed, source)) == ([] if fault is None else [fault])


def test_ids_of_the_stateful_tests_are_invariants(tmp_path: Path) -> None:
    assert faults(a_tree(tmp_path, "", "def test_C12_x(): ...\n", "stateful")) == []


def test_the_table_is_printed_and_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "A01" in capsys.readouterr().out
    assert main(["--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == set(catalogue())
