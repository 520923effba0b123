#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How many small faults in the contracts our tests notice.

    make mutants                               judge what the tally does not know yet
    python tools/mutants.py --sample 60        judge so many, chosen by the commit; CI's share
    python tools/mutants.py --file Rules.vy    of one file
    python tools/mutants.py --report           what is known, and nothing else

Each fault (`mutations.py`) is compiled and the tests of the contracts run against it in a process
of its own. What no test notices must be explained in `tests/mutants/survivors.toml`; a survivor
without a word fails the run, and so does a score below 95 %. Verdicts are kept in
`tests/mutants/tally.json`: a run that is broken off goes on where it stopped.

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
import contextlib
import json
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "offchain")]

import pytest  # noqa: E402
from tests.support import compiler as test_compiler  # noqa: E402
from vyper.exceptions import VyperException, VyperInternalException  # noqa: E402

from compiler import deployable  # noqa: E402
from mutations import Mutant, mutants  # noqa: E402

CONTRACTS: Final = ROOT / "contracts"
TALLY: Final = ROOT / "tests" / "mutants" / "tally.json"
SURVIVORS: Final = ROOT / "tests" / "mutants" / "survivors.toml"
SCORE_MIN: Final = 0.95
HUNG_S: Final = 300
"""Many times what the tests take, on a busy machine too."""

TESTS: Final = (
    "tests/unit/contracts",
    "tests/attacks",
    "tests/property/test_contract_packing.py",
    "tests/property/test_margin_three_ways.py",
    "tests/property/test_pricing_rule.py",
)
FOLDERS: Final = {
    "adapters/Aggregator.vy": "adapters",
    "adapters/Pull.vy": "adapters",
    "modules/collateral.vy": "clearing",
    "modules/markets.vy": "clearing",
    "modules/orders.vy": "clearing",
    "modules/parameters.vy": "governance",
    "modules/signers.vy": "seals",
    "modules/sources.vy": "oracle",
    "modules/uptime.vy": "oracle",
}
"""Where a module's faults are looked for first: a contract's are in the folder of its name."""

Verdict = dict[str, str]


def found() -> list[Mutant]:
    """Every fault of every contract that is deployed, in the order of files and text."""
    files = [path for path in sorted(CONTRACTS.rglob("*.vy")) if "dev" not in path.parts]
    return [
        mutant
        for path in files
        for mutant in mutants(path.relative_to(CONTRACTS).as_posix(), path.read_text())
    ]


# -- one fault -------------------------------------------------------------------------------------


class _Watch:
    """Runs the tests that should notice first, and remembers which failed first."""

    def __init__(self, mutant: Mutant) -> None:
        self._own = FOLDERS.get(mutant.file, Path(mutant.file).stem.lower())
        self.test = ""

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=lambda item: f"/contracts/{self._own}/" not in item.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.test:
            self.test = report.nodeid


def judge(mutant: Mutant, folder: Path, originals: Mapping[str, bytes]) -> Verdict:
    """Compile and test one fault; changes this process for good, so run it in one of its own."""
    shutil.copytree(CONTRACTS, folder / "contracts")
    source = (CONTRACTS / mutant.file).read_text()
    (folder / "contracts" / mutant.file).write_text(mutant.apply(source))
    kept = folder / "artifacts"
    kept.mkdir()
    for artifact in test_compiler.CACHE.glob("*.json"):
        with contextlib.suppress(FileNotFoundError):  # another run is tidying up
            os.link(artifact, kept / artifact.name)
    test_compiler.CONTRACTS = folder / "contracts"
    test_compiler.CACHE = kept
    test_compiler.compiled.cache_clear()
    test_compiler.compiled_at.cache_clear()
    try:
        codes = {name: test_compiler.compiled(name).bytecode for name in originals}
    except (VyperException, VyperInternalException) as error:
        return {"verdict": "invalid", "by": type(error).__name__}
    if codes == originals:
        return {"verdict": "same", "by": ""}
    watch = _Watch(mutant)
    arguments = ["-x", "-q", "--no-header", "-p", "no:cacheprovider", *TESTS]
    ended = pytest.main(arguments, plugins=[watch])
    if ended == pytest.ExitCode.OK:
        return {"verdict": "survived", "by": ""}
    if ended not in (pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED):
        raise RuntimeError(f"pytest ended with {ended!r} on {mutant}")
    return {"verdict": "killed", "by": watch.test or "collection"}


def _child(mutant: Mutant, folder: Path, originals: Mapping[str, bytes]) -> None:
    os.setsid()
    os.chdir(ROOT)
    with (folder / "output").open("w") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
        verdict = judge(mutant, folder, originals)
        (folder / "verdict").write_text(json.dumps(verdict))


def judged(mutant: Mutant, originals: Mapping[str, bytes]) -> Verdict:
    """The verdict on one fault, found in a process that is gone afterwards.

    `RuntimeError` with the child's last words if it came to none.
    """
    with tempfile.TemporaryDirectory(prefix="mutant-", dir=_scratch()) as name:
        folder = Path(name)
        process = multiprocessing.get_context("fork").Process(
            target=_child, args=(mutant, folder, originals)
        )
        process.start()
        process.join(HUNG_S)
        if process.is_alive():
            process.kill()
            process.join()
            return {"verdict": "hung", "by": ""}
        verdict = folder / "verdict"
        if not verdict.exists():
            words = (folder / "output").read_text()[-2_000:]
            raise RuntimeError(f"no verdict on {mutant}:\n{words}")
        judgement: Verdict = json.loads(verdict.read_text())
        return judgement


def _scratch() -> Path:
    folder = ROOT / ".cache" / "mutants"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


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


def judge_all(
    chosen: Sequence[Mutant], originals: Mapping[str, bytes], jobs: int
) -> Iterator[tuple[Mutant, Verdict]]:
    """Verdicts as they come."""
    with ThreadPoolExecutor(jobs) as threads:
        yield from zip(
            chosen, threads.map(lambda mutant: judged(mutant, originals), chosen), strict=True
        )


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
    parser.add_argument("--file", help="only faults of this file, by its path under contracts/")
    parser.add_argument("--again", action="store_true", help="judge survivors of the tally again")
    parser.add_argument("--report", action="store_true", help="judge nothing")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args(arguments)

    all_ = [mutant for mutant in found() if options.file in (None, mutant.file)]
    by_name = {mutant.name: mutant for mutant in all_}
    tally = read_tally()
    if options.report:
        return report(
            ((by_name[name], tally[name]) for name in by_name if name in tally),
            as_json=options.json,
        )
    if options.sample:
        chosen = sample(all_, options.sample)
    else:
        chosen = [mutant for mutant in all_ if _is_open(tally.get(mutant.name), options.again)]
    originals = {
        path.relative_to(CONTRACTS).with_suffix("").as_posix(): test_compiler.compiled_at(
            path
        ).bytecode
        for path in deployable(CONTRACTS)
    }
    judgements: list[tuple[Mutant, Verdict]] = []
    for mutant, verdict in judge_all(chosen, originals, options.jobs):
        judgements.append((mutant, verdict))
        print(
            f"{len(judgements):5,}/{len(chosen):,} {verdict['verdict']:9} {mutant}",
            file=sys.stderr,
            flush=True,
        )
        if not options.sample:
            tally[mutant.name] = verdict
            if options.file is None:
                tally = {name: kept for name, kept in tally.items() if name in by_name}
            write_tally(tally)
    if not options.sample:
        judgements = [(by_name[name], tally[name]) for name in by_name if name in tally]
    return report(judgements, as_json=options.json)


def _is_open(known: Verdict | None, again: bool) -> bool:
    return known is None or (again and known["verdict"] == "survived")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
