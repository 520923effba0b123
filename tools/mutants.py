#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How many small faults in the contracts our tests notice.

    make mutants                               judge what the tally does not know yet
    python tools/mutants.py --sample 60        judge so many, chosen by the commit
    python tools/mutants.py --sample 40 --noticed   are faults noticed before still? CI's share
    python tools/mutants.py --file Rules.vy    of one file, or several
    python tools/mutants.py --report           what is known, and nothing else

Each fault (`mutations.py`) is compiled and the tests of the contracts run against it in a process
of its own (`judging.py`). What no test notices must be explained in
`tests/mutants/survivors.toml`; a survivor without a word fails the run, and so does a score below
95 %. Verdicts are kept in `tests/mutants/tally.json`: a run that is broken off goes on where it
stopped.

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
from judging import Jury, Verdict, hold, nothing, places  # noqa: E402
from mutations import Mutant, mutants  # noqa: E402

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
    """Why each known survivor may live, by name."""
    if not SURVIVORS.exists():
        return {}
    return {name: entry["why"] for name, entry in tomllib.loads(SURVIVORS.read_text()).items()}


def sample(all_: Sequence[Mutant], count: int) -> list[Mutant]:
    """As many, chosen by the commit: everybody who has it gets the same."""
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.strip()
    print(f"sample of {count} by commit {commit[:12]}", file=sys.stderr)
    return random.Random(commit).sample(list(all_), min(count, len(all_)))


def report(known: Iterable[tuple[Mutant, Verdict]], *, as_json: bool) -> int:
    """Print the score and unexplained survivors; what the process should end with."""
    pairs = list(known)
    counts = Counter(verdict["verdict"] for _, verdict in pairs)
    killed = counts["killed"] + counts["hung"]
    survived = [mutant for mutant, verdict in pairs if verdict["verdict"] == "survived"]
    why = explanations()
    unexplained = [mutant for mutant in survived if mutant.name not in why]
    faults = killed + len(survived)
    score = killed / faults if faults else 1.0
    ok = not unexplained and score >= SCORE_MIN
    if as_json:
        print(
            json.dumps(
                {
                    "judged": len(pairs),
                    **dict(sorted(counts.items())),
                    "score": round(score, 4),
                    "limit": SCORE_MIN,
                    "unexplained": [mutant.name for mutant in unexplained],
                    "ok": ok,
                }
            )
        )
        return 0 if ok else 1
    for mutant in unexplained:
        print(f"SURVIVED  {mutant.name}  {mutant}")
    print(
        f"{killed:,} of {faults:,} faults noticed: {score:.1%} (at least {SCORE_MIN:.0%});"
        f" {len(survived)} survived, {len(unexplained)} of them without an explanation;"
        f" {counts['invalid']} do not compile, {counts['same']} change nothing"
    )
    return 0 if ok else 1


def main(arguments: list[str]) -> int:
    """Judge what is asked for; see the head of this file."""
    parser = argparse.ArgumentParser(description="Faults in the contracts that tests notice.")
    parser.add_argument("--sample", type=int, help="judge so many, known or not; keep no tally")
    parser.add_argument("--noticed", action="store_true", help="a sample of what tests noticed")
    parser.add_argument("--file", nargs="+", help="only faults of these, by path under contracts/")
    parser.add_argument("--most", type=int, help="judge no more than so many, then report")
    parser.add_argument("--trust", action="store_true", help="do not first see all tests pass")
    parser.add_argument("--again", action="store_true", help="unexplained survivors, too")
    parser.add_argument("--report", action="store_true", help="judge nothing")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args(arguments)

    files = set(options.file or ())
    all_ = [mutant for mutant in found() if not files or mutant.file in files]
    by_name = {mutant.name: mutant for mutant in all_}
    tally = read_tally()
    if options.report:
        return report(
            ((by_name[name], tally[name]) for name in by_name if name in tally),
            as_json=options.json,
        )
    if options.sample:
        noticed = [mutant for mutant in all_ if _is_noticed(tally.get(mutant.name))]
        chosen = sample(noticed if options.noticed else all_, options.sample)
    else:
        why = explanations() if options.again else {}
        chosen = [
            mutant
            for mutant in all_
            if mutant.name not in why and _is_open(tally.get(mutant.name), options.again)
        ]
        chosen = chosen[: options.most]
    judgements: list[tuple[Mutant, Verdict]] = []

    def heard(mutant: Mutant, verdict: Verdict) -> None:
        if not mutant.name:
            if verdict["verdict"] != "survived":
                raise RuntimeError(f"without a fault the tests fail: {verdict['by']}")
            return
        judgements.append((mutant, verdict))
        print(
            f"{len(judgements):5,}/{len(chosen):,} {verdict['verdict']:9} {mutant}",
            file=sys.stderr,
            flush=True,
        )
        if not options.sample:
            tally[mutant.name] = verdict
            write_tally({name: kept for name, kept in tally.items() if files or name in by_name})

    begin = [] if options.sample or options.trust else [nothing()]
    if chosen:
        hold(Jury([*begin, *chosen], tally, dict(places([*begin, *all_])), options.jobs, heard))
    if not options.sample:
        judgements = [(by_name[name], tally[name]) for name in by_name if name in tally]
    return report(judgements, as_json=options.json)


def _is_open(known: Verdict | None, again: bool) -> bool:
    return known is None or (again and known["verdict"] == "survived")


def _is_noticed(known: Verdict | None) -> bool:
    return known is not None and known["verdict"] in ("killed", "hung")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
