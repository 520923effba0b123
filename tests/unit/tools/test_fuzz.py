# SPDX-License-Identifier: Apache-2.0
"""The tally of long runs: it goes on where it stopped, and counts nothing that failed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import audit
import fuzz
from infold.reference.faults import Overflow


def found(transitions: int) -> dict[str, Any]:
    return {
        "transitions": transitions,
        "batches": 3,
        "reverts": 2,
        "calls": {"settle": 7},
        "succeeded": {"settle": 5},
        "faults": {"clearing: no price": 2},
        "reasons": {"MARGIN": 1},
    }


@pytest.fixture
def tally(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "tally.json"
    monkeypatch.setattr(fuzz, "TALLY", path)
    return path


def test_seeds_add_up_and_the_next_run_begins_behind_them(tally: Path) -> None:
    tallies = fuzz.read_tally()
    for seed in (fuzz.FIRST_SEED, fuzz.FIRST_SEED + 1):
        fuzz.add(tallies["bare"], seed, found(500), "abc")
    fuzz.add(tallies["bare"], fuzz.FIRST_SEED + 2, found(500), "def")
    fuzz.write_tally(tallies)
    kept = fuzz.read_tally()
    assert kept["twin"] == fuzz.empty()
    bare = kept["bare"]
    assert bare["transitions"] == 1_500 and bare["next_seed"] == fuzz.FIRST_SEED + 3
    assert bare["calls"] == {"settle": 21} and bare["reasons"] == {"MARGIN": 3}
    assert [run["commit"] for run in bare["runs"]] == ["abc", "def"]
    assert bare["runs"][0] == {
        "commit": "abc",
        "seeds": [fuzz.FIRST_SEED, fuzz.FIRST_SEED + 1],
        "transitions": 1_000,
    }
    assert "1,500 transitions" in fuzz.report(kept)


@pytest.mark.parametrize("error", [AssertionError("C3: market 1"), Overflow("C3: market 1")])
def test_a_seed_that_fails_tells_where_and_counts_for_nothing(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    class Broken:
        transitions = 41

        def __init__(self, seed: int) -> None:
            self.seed = seed

        def run_to_the_end(self, transitions: int, check_every: int) -> None:
            raise error

    monkeypatch.setitem(fuzz.MACHINES, "bare", Broken)
    told = f"transition 41: {type(error).__name__}: C3: market 1"
    assert fuzz.play(("bare", 9)) == (9, None, told)


def test_the_committed_tally_is_whole() -> None:
    """What it says was run was run in seeds of one size, in order, with nothing left out."""
    for mode, tally in fuzz.read_tally().items():
        at = fuzz.FIRST_SEED
        for run in tally["runs"]:
            first, last = run["seeds"]
            assert first == at and last >= first, mode
            assert run["transitions"] >= (last - first + 1) * fuzz.OF_ONE_SEED
            at = last + 1
        assert at == tally["next_seed"]
        assert tally["transitions"] == sum(run["transitions"] for run in tally["runs"])
        assert tally["transitions"] == sum(tally["calls"].values())


def test_the_claim_says_what_the_tally_says() -> None:
    last = audit.claims()["fuzz"]["last"]
    for mode, how in (("twin", "beside the twin"), ("bare", "without it")):
        assert f"{fuzz.read_tally()[mode]['transitions']:,} {how}" in last
