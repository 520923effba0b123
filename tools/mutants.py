#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How many small faults in the contracts our tests notice.

    make mutants                               judge what the tally does not know yet
    python tools/mutants.py --sample 60        are known verdicts true still? CI's share
    python tools/mutants.py --file Rules.vy    of one file, or several
    python tools/mutants.py --report           what is known, and nothing else

Each fault (`mutations.py`) is put before the tests of the contracts in a process of its own
(`judging.py`), in random order: what is judged so far is a fair sample of all, and the report says
within which bounds the score of all lies. What no test notices must be explained in
`tests/mutants/survivors.toml`; a survivor without a word fails the run, and so does a score below
95 %. Verdicts are kept in `tests/mutants/tally.json` with a digest of the function they are about:
a run that is broken off goes on where it stopped, and a function that was edited is judged anew.

A sample is taken from the verdicts that are known, by the commit. Its faults are compiled one by
one, so that it is also the proof of the switches that the long run uses (`switches.py`).

| verdict | |
|---|---|
| killed | a test failed |
| hung | the tests did not end in time: killed too |
| invalid | it does not compile: no fault anybody could deploy |
| same | it compiles to the same code: no fault at all |
| survived | nothing noticed |
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "offchain")]

from compiler import CONTRACTS  # noqa: E402
from judging import BUDGET_S, Jury, Verdict, hold, nothing, places  # noqa: E402
from mutations import Mutant, mutants  # noqa: E402
from reach import prepared  # noqa: E402

TALLY: Final = ROOT / "tests" / "mutants" / "tally.json"
SURVIVORS: Final = ROOT / "tests" / "mutants" / "survivors.toml"
SCORE_MIN: Final = 0.95


def found() -> list[Mutant]:
    """Every fault of every contract that is deployed, in the order of files and text."""
    files = [path for path in sorted(CONTRACTS.rglob("*.vy")) if "dev" not in path.parts]
    return [
        mutant
        for path in files
        for mutant in mutants(path.relative_to(CONTRACTS).as_posix(), path.read_text())
    ]


# -- all of them -----------------------------------------------------------------------------------


def read_tally() -> dict[str, Verdict]:
    """Verdicts by name; none where there is no tally yet."""
    if not TALLY.exists():
        return {}
    tally: dict[str, Verdict] = json.loads(TALLY.read_text())
    return tally


def write_tally(tally: Mapping[str, Verdict]) -> None:
    """One line a verdict, sorted by file and text; written whole or not at all."""
    lines = ",\n".join(
        f"  {json.dumps(name)}: {json.dumps(verdict)}" for name, verdict in sorted(tally.items())
    )
    draft = TALLY.with_suffix(".draft")
    TALLY.parent.mkdir(parents=True, exist_ok=True)
    draft.write_text(f"{{\n{lines}\n}}\n")
    draft.replace(TALLY)


def explanations() -> dict[str, str]:
    """Why each known survivor may live, by name; a group has one reason for several."""
    if not SURVIVORS.exists():
        return {}
    entries = tomllib.loads(SURVIVORS.read_text())
    groups = entries.pop("group", [])
    why = {name: entry["why"] for name, entry in entries.items()}
    return why | {name: group["why"] for group in groups for name in group["faults"]}


def commit() -> str:
    """Of the tree: everybody who has it gets the same sample, and the same order."""
    return subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.strip()


def current(mutant: Mutant, tally: Mapping[str, Verdict]) -> Verdict | None:
    """The verdict on a fault; None if there is none, or if its function has changed since."""
    verdict = tally.get(mutant.name)
    return verdict if verdict and verdict.get("text") == mutant.digest else None


def bounds(noticed: int, faults: int, judged: int, all_: int) -> tuple[float, float]:
    """Where the score of all faults lies, 95 times of 100, when those judged are a random part.

    Wilson's interval (1927), eq. of its section 3, for so many as the finite whole makes of them.
    """
    if faults == 0:
        return 0.0, 1.0
    if judged == all_:
        return noticed / faults, noticed / faults
    z, share = 1.959964, noticed / faults
    count = faults * (all_ - 1) / (all_ - judged)
    middle = share + z * z / (2 * count)
    width = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return (middle - width) / (1 + z * z / count), (middle + width) / (1 + z * z / count)


def report(
    known: Iterable[tuple[Mutant, Verdict]], all_: int, *, score_min: float, as_json: bool
) -> int:
    """Print the score and unexplained survivors; what the process should end with."""
    pairs = list(known)
    counts = Counter(verdict["verdict"] for _, verdict in pairs)
    killed = counts["killed"] + counts["hung"]
    survived = [mutant for mutant, verdict in pairs if verdict["verdict"] == "survived"]
    why = explanations()
    unexplained = [mutant for mutant in survived if mutant.name not in why]
    faults = killed + len(survived)
    score = killed / faults if faults else 1.0
    low, high = bounds(killed, faults, len(pairs), all_)
    ok = not unexplained and score >= score_min
    if as_json:
        print(
            json.dumps(
                {
                    "judged": len(pairs),
                    "all": all_,
                    **dict(sorted(counts.items())),
                    "score": round(score, 4),
                    "between": [round(low, 4), round(high, 4)],
                    "limit": score_min,
                    "unexplained": [mutant.name for mutant in unexplained],
                    "ok": ok,
                }
            )
        )
        return 0 if ok else 1
    for mutant in unexplained:
        print(f"SURVIVED  {mutant.name}  {mutant}")
    print(
        f"{len(pairs):,} of {all_:,} judged; {killed:,} of {faults:,} faults noticed: {score:.1%},"
        f" of all {low:.1%} to {high:.1%} (at least {score_min:.0%}); {len(survived)} survived,"
        f" {len(unexplained)} of them without an explanation; {counts['invalid']} do not compile,"
        f" {counts['same']} change nothing"
    )
    return 0 if ok else 1


def main(arguments: list[str]) -> int:
    """Judge what is asked for; see the head of this file."""
    parser = argparse.ArgumentParser(description="Faults in the contracts that tests notice.")
    parser.add_argument("--sample", type=int, help="judge so many known ones; keep no tally")
    parser.add_argument("--file", nargs="+", help="only faults of these, by path under contracts/")
    parser.add_argument("--most", type=int, help="judge no more than so many, then report")
    parser.add_argument("--again", action="store_true", help="judge unexplained survivors anew")
    parser.add_argument(
        "--budget",
        type=float,
        default=BUDGET_S,
        help="processor time in s for the tests of a fault (%(default)s); later, --again with more",
    )
    parser.add_argument("--report", action="store_true", help="judge nothing")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args(arguments)

    every = found()
    files = set(options.file or ())
    all_ = [mutant for mutant in every if not files or mutant.file in files]
    tally = read_tally()
    if options.sample:
        return _sampled(all_, tally, options)
    names = {mutant.name for mutant in every}
    why = explanations() if options.again else {}

    def is_open(mutant: Mutant) -> bool:
        verdict = current(mutant, tally)
        if not options.again:
            return verdict is None
        return verdict is not None and verdict["verdict"] == "survived" and mutant.name not in why

    chosen = [] if options.report else [mutant for mutant in all_ if is_open(mutant)]
    random.Random(commit()).shuffle(chosen)
    chosen = chosen[: options.most]
    if chosen:
        reach = prepared(every)
        heard = _Hearing(len(chosen))
        seen = ROOT / ".cache" / "mutants" / f"passed-{reach.digest}"

        def keep(mutant: Mutant, verdict: Verdict) -> None:
            if not mutant.name:  # what could not be tried on switched contracts
                if verdict["verdict"] != "survived":
                    raise RuntimeError(f"without a fault the tests fail: {verdict['by']}")
                seen.touch()
                return
            heard(mutant, verdict)
            tally[mutant.name] = verdict | {"text": mutant.digest}
            write_tally({name: kept for name, kept in tally.items() if name in names})

        begin = [] if seen.exists() else [nothing()]
        where = dict(places([nothing(), *every]))
        hold(Jury([*begin, *chosen], tally, where, options.jobs, keep, reach, options.budget))
    judged = [(mutant, verdict) for mutant in all_ if (verdict := current(mutant, tally))]
    return report(judged, len(all_), score_min=SCORE_MIN, as_json=options.json)


def _sampled(
    all_: Sequence[Mutant], tally: Mapping[str, Verdict], options: argparse.Namespace
) -> int:
    """Judge known faults again, each compiled by itself: what was noticed must be noticed still.

    What survived and is not explained fails `make mutants`, and no push for as long as it does.
    """
    why = explanations()
    known = [
        mutant
        for mutant in all_
        if current(mutant, tally) and (_is_noticed(mutant, tally) or mutant.name in why)
    ]
    chosen = random.Random(commit()).sample(known, min(options.sample, len(known)))
    print(f"sample of {len(chosen)} by commit {commit()[:12]}", file=sys.stderr)
    judged = [(mutant, tally[mutant.name]) for mutant in chosen if not _is_noticed(mutant, tally)]
    again = [mutant for mutant in chosen if _is_noticed(mutant, tally)]
    heard = _Hearing(len(again))

    def keep(mutant: Mutant, verdict: Verdict) -> None:
        heard(mutant, verdict)
        judged.append((mutant, verdict))

    if again:
        hold(Jury(again, tally, dict(places(all_)), options.jobs, keep))
    return report(judged, len(judged), score_min=0, as_json=options.json)


def _is_noticed(mutant: Mutant, tally: Mapping[str, Verdict]) -> bool:
    return tally[mutant.name]["verdict"] in ("killed", "hung")


class _Hearing:
    """Prints each verdict when it falls."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._heard = 0

    def __call__(self, mutant: Mutant, verdict: Verdict) -> None:
        self._heard += 1
        print(
            f"{self._heard:5,}/{self._count:,} {verdict['verdict']:9} {mutant}",
            file=sys.stderr,
            flush=True,
        )


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
