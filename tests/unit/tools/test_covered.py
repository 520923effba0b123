# SPDX-License-Identifier: Apache-2.0
"""Coverage by marks: what there is to reach, and what a run is failed for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import covered

TOY = """
@external
def halve(amount: uint256) -> uint256:
    assert amount != 0, "toy: nothing"
    if amount & 1 == 1:
        raise "toy: odd"
    return amount // 2 if amount > 2 else 1
"""
NEVER = 'toy.vy: raise "toy: odd": lines'


@pytest.fixture
def explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """One contract; call it with names of what cannot be reached of it."""
    (tmp_path / "toy.vy").write_text(TOY)
    monkeypatch.setattr(covered, "CONTRACTS", tmp_path)

    def explain(*names: str) -> None:
        monkeypatch.setattr(covered, "unreachable", lambda: dict.fromkeys(names, "because"))

    explain()
    return explain


def all_but(*lines: int) -> set[int]:
    """Marks of the toy that were met, where those of some lines were not."""
    return {place.address for place in covered.places("toy.vy", TOY) if place.line not in lines}


def test_places_are_statements_ways_out_of_branches_and_refusals() -> None:
    found = [f"{it.line} {it.kind} {it.way}".rstrip() for it in covered.places("toy.vy", TOY)]
    assert sorted(found) == [
        "4 lines",
        "4 refusals",
        "5 branches fails",
        "5 branches holds",
        "5 lines",
        "6 lines",
        "7 branches fails",
        "7 branches holds",
        "7 lines",
    ]


@pytest.mark.usefixtures("explained")
def test_what_nothing_reaches_is_wrong_by_name() -> None:
    table, wrong = covered.count(all_but(6))
    assert table == {"toy.vy": {"lines": [3, 4], "branches": [4, 4], "refusals": [1, 1]}}
    assert wrong == ['NOT REACHED  toy.vy:6 raise "toy: odd": lines']
    assert covered.count(all_but()) == ({"toy.vy": table["toy.vy"] | {"lines": [4, 4]}}, [])


def test_what_is_explained_may_be_missed_and_must_not_be_reached(
    explained: Callable[..., None],
) -> None:
    explained(NEVER)
    assert covered.count(all_but(6))[1] == []
    assert covered.count(all_but())[1] == [
        'REACHED, though explained  toy.vy:6 raise "toy: odd": lines'
    ]


def test_an_explanation_of_a_place_that_is_gone_is_wrong(explained: Callable[..., None]) -> None:
    explained(NEVER.replace("odd", "even"))
    assert covered.count(all_but())[1] == [
        'GONE  toy.vy: raise "toy: even": lines: explained, but no such place'
    ]


def test_every_test_that_is_left_out_exists() -> None:
    for name in covered.WEIGHING:
        file, _, test = name.partition("::")
        assert f"\ndef {test}(" in (covered.ROOT / file).read_text()
