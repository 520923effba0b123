#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random calls without end: on the contracts beside the twin, and on the contracts alone.

    make fuzz                                   go on until both tallies are full
    python tools/fuzz.py --mode bare --hours 1  one kind, so long
    python tools/fuzz.py --transitions 50000    so many more
    python tools/fuzz.py --mode twin --seed 17  one seed again, its table printed
    python tools/fuzz.py --report               what is known, and nothing else; --json as an object

A seed is a venue of its own: 5,000 transitions, and a wind-down that pays everyone. `twin` compares
every revert, log and word (tests/stateful/machine.py); `bare` judges invariants from storage alone
and is faster (tests/stateful/bare.py). What came of it is kept in `tests/stateful/tally.json`, seed
by seed: a run that is broken off goes on with the next seed. A failure prints seed and commit, is
not counted, and ends the run.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "offchain")]

from tests.stateful.bare import Bare  # noqa: E402
from tests.stateful.machine import Machine  # noqa: E402

from infold.reference.faults import Fault  # noqa: E402

TALLY: Final = ROOT / "tests" / "stateful" / "tally.json"
MACHINES: Final[dict[str, type[Machine]]] = {"twin": Machine, "bare": Bare}
FULL: Final = {"twin": 1_000_000, "bare": 10_000_000}
FIRST_SEED: Final = 1_000
"""Beyond the seeds of every push."""
OF_ONE_SEED: Final = 5_000
CHECK_EVERY: Final = 500
FAILURES: Final = (
    ArithmeticError,
    AssertionError,
    Fault,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What a wrong contract, twin or driver may end in: the seed that found it must be told."""
COUNTERS: Final = ("calls", "succeeded", "faults", "reasons")

Tally = dict[str, Any]
Found = tuple[int, Tally | None, str]


def play(task: tuple[str, int]) -> Found:
    """One seed: its seed, what it reached, and the failure if there was one."""
    mode, seed = task
    machine = None
    try:
        machine = MACHINES[mode](seed)
        machine.run_to_the_end(OF_ONE_SEED, CHECK_EVERY)
    except FAILURES as error:
        at = machine.transitions if machine else 0
        return seed, None, f"transition {at}: {type(error).__name__}: {error}"
    return (
        seed,
        {
            "transitions": machine.transitions,
            "batches": machine.landed,
            "reverts": sum(machine.faults.values()),
            "calls": dict(machine.rules),
            "succeeded": dict(machine.succeeded),
            "faults": dict(machine.faults),
            "reasons": {reason.name: count for reason, count in machine.reasons.items()},
        },
        "",
    )


def empty() -> Tally:
    """The tally of a mode that has not run."""
    return {
        "transitions": 0,
        "batches": 0,
        "reverts": 0,
        "next_seed": FIRST_SEED,
        "runs": [],
        **{name: {} for name in COUNTERS},
    }


def read_tally() -> dict[str, Tally]:
    """By mode; empty where there is none yet."""
    known: dict[str, Tally] = json.loads(TALLY.read_text()) if TALLY.exists() else {}
    return {mode: known.get(mode) or empty() for mode in MACHINES}


def write_tally(tallies: dict[str, Tally]) -> None:
    """Sorted, a line a count; written whole or not at all."""
    draft = TALLY.with_suffix(".draft")
    draft.write_text(json.dumps(tallies, indent=1, sort_keys=True) + "\n")
    draft.replace(TALLY)


def add(tally: Tally, seed: int, found: Tally, commit: str) -> None:
    """Count one seed, and name the commit it ran on beside its neighbours'."""
    for name in ("transitions", "batches", "reverts"):
        tally[name] += found[name]
    for name in COUNTERS:
        tally[name] = dict(Counter(tally[name]) + Counter(found[name]))
    tally["next_seed"] = seed + 1
    runs = tally["runs"]
    if not runs or runs[-1]["commit"] != commit:
        runs.append({"commit": commit, "seeds": [seed, seed], "transitions": 0})
    runs[-1]["seeds"][1] = seed
    runs[-1]["transitions"] += found["transitions"]


def commit_here() -> str:
    """The commit that is checked out, marked where files differ from it."""

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True
        ).stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no", "contracts", "offchain", "tests")
    others = [line for line in changed.splitlines() if not line.endswith(TALLY.name)]
    return git("rev-parse", "--short=12", "HEAD") + ("+" if others else "")


def run(mode: str, wanted: int, until: float | None, workers: int) -> bool:
    """Play seed after seed until `wanted` transitions are in the tally or time is up; False where
    one failed.
    """
    tallies = read_tally()
    tally = tallies[mode]
    commit = commit_here()

    def tasks() -> Iterator[tuple[str, int]]:
        seeds = max(0, -(-(wanted - tally["transitions"]) // OF_ONE_SEED))
        first = tally["next_seed"]
        for seed in range(first, first + seeds):
            if until is not None and time.monotonic() > until:
                return
            yield mode, seed

    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        waiting = tasks()
        while batch := list(itertools.islice(waiting, 2 * workers)):
            for seed, found, failure in pool.imap(play, batch):
                if found is None:
                    print(f"FAILED {mode} seed {seed} at commit {commit}: {failure}")
                    print(f"again: python tools/fuzz.py --mode {mode} --seed {seed}")
                    return False
                add(tally, seed, found, commit)
            write_tally(tallies)
            done = f"{mode}: {tally['transitions']:,} of {wanted:,} transitions"
            print(done, file=sys.stderr, flush=True)
    return True


def report(tallies: dict[str, Tally]) -> str:
    """What is known, by mode."""
    lines = []
    for mode, tally in tallies.items():
        lines.append(
            f"{mode}: {tally['transitions']:,} transitions of {FULL[mode]:,}, "
            f"{tally['batches']:,} batches landed, {tally['reverts']:,} reverts, "
            f"{tally['next_seed'] - FIRST_SEED:,} seeds"
        )
        lines += [
            f"  {calls:10,} {tally['succeeded'].get(rule, 0):10,} {rule}"
            for rule, calls in sorted(tally["calls"].items())
        ]
        for name in ("reasons", "faults"):
            lines += [f"  {name}"] if tally[name] else []
            lines += [f"  {count:10,} {it}" for it, count in sorted(tally[name].items())]
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Exit code 1 where a seed failed."""
    parser = argparse.ArgumentParser(description="Random calls on the contracts, kept count of.")
    parser.add_argument("--mode", choices=(*MACHINES, "both"), default="both")
    parser.add_argument("--transitions", type=int, help="so many more of each mode")
    parser.add_argument("--hours", type=float, help="stop after so long")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, help="play one seed and keep no count")
    parser.add_argument("--report", action="store_true", help="print the tally and run nothing")
    parser.add_argument("--json", action="store_true", help="print the tally as one JSON object")
    given = parser.parse_args(arguments)
    modes = list(MACHINES) if given.mode == "both" else [given.mode]
    if given.seed is not None:
        machine = MACHINES[modes[0]](given.seed)
        try:
            machine.run_to_the_end(OF_ONE_SEED, CHECK_EVERY)
        finally:
            print(machine.table())
        return 0
    until = None if given.hours is None else time.monotonic() + 3_600 * given.hours
    good = True
    if not given.report:
        for mode in modes:
            done = read_tally()[mode]["transitions"]
            wanted = FULL[mode] if given.transitions is None else done + given.transitions
            good = run(mode, wanted, until, given.workers) and good
    tallies = read_tally()
    print(json.dumps(tallies) if given.json else report(tallies))
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
