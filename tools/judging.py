# SPDX-License-Identifier: Apache-2.0
"""Faulty contracts before the tests: one process collects the tests, and forks for each fault.

A fault costs what it must. The collected tests are inherited. A fault that has a switch
(`switches.py`) is turned on in contracts that are compiled already; for any other, contracts that
import the changed file are compiled, and the first whose code differs shows that there is a fault
at all. Only tests that come by the fault run (`reach.py`): first what noticed neighbouring faults,
then some of the file's own folders, then the random machine beside the twin, then all others,
the quick before the slow. What lives through its budget of processor time has survived.
"""

from __future__ import annotations

import contextlib
import gc
import json
import multiprocessing
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final

import pytest
from tests.support import compiler as test_compiler
from vyper.exceptions import VyperException, VyperInternalException

import switches
from compiler import CONTRACTS, ROOT, deployable
from mutations import Mutant
from reach import Reach
from witnesses import DEAF, FOLDERS, MACHINE, MACHINE_RUN, SLOW_S, TESTS, call_at_random

HUNG_S: Final = 90
"""Of processor time, several times the budget: a busy machine hangs nobody."""
BUDGET_S: Final = 15
"""Of processor time for the tests of one fault: what none of them noticed until then survived."""
PLAIN: Final = test_compiler.CACHE
"""Where contracts without any fault are kept."""
NEIGHBOURS: Final = 12
OWN: Final = 40
"""So many of the quickest in a file's own folders are tried before the random machine."""

Verdict = dict[str, str]


@dataclass(frozen=True, slots=True)
class _Trial:
    """A fault, the process that judges it, and its scratch folder."""

    mutant: Mutant
    process: BaseProcess
    folder: Path


class Jury:
    """Judges faults while pytest holds the collected tests: a plugin in place of its test loop."""

    def __init__(
        self,
        chosen: Sequence[Mutant],
        known: Mapping[str, Verdict],
        functions: Mapping[str, str],
        jobs: int,
        heard: Callable[[Mutant, Verdict], None],
        reach: Reach | None = None,
        budget_s: float = BUDGET_S,
    ) -> None:
        self._waiting = list(reversed(chosen))
        self._jobs = jobs
        self._heard = heard
        self._failed = ""
        self._noticed: dict[str, Counter[str]] = {}
        self._functions = dict(functions)
        self._reach = reach
        self._budget_s = budget_s
        self._originals: dict[str, bytes] = {}
        self._killer = {name: verdict["by"] for name, verdict in known.items()}
        for name, verdict in known.items():
            if name in functions:
                self._remember(functions[name], verdict)

    def _remember(self, function: str, verdict: Verdict) -> None:
        """Which tests noticed faults of a function, and of its file."""
        if verdict["verdict"] == "killed" and "::" in verdict["by"]:
            for place in (function, function.partition("::")[0]):
                self._noticed.setdefault(place, Counter())[verdict["by"]] += 1

    # -- pytest's side

    def pytest_configure(self) -> None:
        """The first counterexample is enough: none is made smaller, none is kept."""
        from hypothesis import Phase, settings

        phases = [Phase.explicit, Phase.generate]
        settings.register_profile("mutants", phases=phases, database=None, derandomize=True)
        settings.load_profile("mutants")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self._failed:
            self._failed = report.nodeid

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed:
            raise session.Interrupted("the tests cannot be collected")
        self._originals = {
            path.relative_to(CONTRACTS).with_suffix("").as_posix(): code(
                test_compiler.compiled_at(path)
            )
            for path in deployable(CONTRACTS)
            if "dev" not in path.parts
        }
        if self._reach:
            _read_from(self._reach.artifacts)
            for path in deployable(CONTRACTS):
                test_compiler.compiled(path.relative_to(CONTRACTS).with_suffix("").as_posix())
        gc.collect()
        gc.freeze()  # else each child copies what it only looks through for garbage
        with tempfile.TemporaryDirectory(prefix="mutants-", dir=_scratch()) as name:
            self._sit(session, Path(name))
        return True

    def _sit(self, session: pytest.Session, scratch: Path) -> None:
        trials: dict[int, _Trial] = {}
        try:
            while self._waiting or trials:
                while self._waiting and len(trials) < self._jobs:
                    trial = self._open(session, self._waiting.pop(), scratch)
                    trials[trial.process.sentinel] = trial
                for sentinel in wait(list(trials)):
                    trial = trials.pop(sentinel)  # type: ignore[arg-type]
                    verdict = _ended(trial)
                    self._remember(self._functions[trial.mutant.name], verdict)
                    self._heard(trial.mutant, verdict)
        finally:
            for trial in trials.values():
                trial.process.kill()
                trial.process.join()

    def _open(self, session: pytest.Session, mutant: Mutant, scratch: Path) -> _Trial:
        folder = scratch / (mutant.name or "none")
        folder.mkdir()
        process = multiprocessing.get_context("fork").Process(
            target=self._judge, args=(session, mutant, folder)
        )
        process.start()
        return _Trial(mutant, process, folder)

    # -- in the child

    def _judge(self, session: pytest.Session, mutant: Mutant, folder: Path) -> None:
        """Compile, test and write the verdict; this process is of no use to anybody afterwards."""
        if mutant.name:
            resource.setrlimit(resource.RLIMIT_CPU, (HUNG_S, HUNG_S + 5))
        with (folder / "output").open("w") as output:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
        switch = self._reach.number_of.get(mutant.name) if self._reach else None
        if switch is not None:
            switches.turn_on(switch)
            verdict = self._tried(session, mutant)
            if verdict["verdict"] == "survived" and self._budget_s >= BUDGET_S:
                verdict = _compiles(mutant, folder, self._originals) or verdict
        else:
            _read_from(PLAIN)
            verdict = _compiles(mutant, folder, self._originals) or self._tried(session, mutant)
        draft = folder / "draft"
        draft.write_text(json.dumps(verdict))
        draft.replace(folder / "verdict")
        sys.stdout.flush()
        os._exit(0)

    def _tried(self, session: pytest.Session, mutant: Mutant) -> Verdict:
        began = time.process_time()
        likely, others = self.ordered(session.items, mutant)
        for items in (likely, others):
            machine = items is others and mutant.name and self._comes_by(mutant, MACHINE)
            if machine and _machine_stumbles():
                return {"verdict": "killed", "by": MACHINE}
            for item, following in zip_longest(items, items[1:]):
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                if self._failed:
                    return {"verdict": "killed", "by": self._failed}
                if mutant.name and time.process_time() - began > self._budget_s:
                    return {"verdict": "survived", "by": ""}
        return {"verdict": "survived", "by": ""}

    def _comes_by(self, mutant: Mutant, test: str) -> bool:
        tests = self._reach.tests(mutant) if self._reach else None
        return tests is None or test in tests

    def ordered(
        self, items: Sequence[pytest.Item], mutant: Mutant
    ) -> tuple[list[pytest.Item], list[pytest.Item]]:
        """The tests that could notice a fault: the likely ones, likeliest first, and the others."""
        folders = FOLDERS.get(mutant.file, (Path(mutant.file).stem.lower(),))
        own = tuple(f"tests/unit/contracts/{folder}/" for folder in folders)
        function = self._functions.get(mutant.name, "")
        killer = self._killer.get(mutant.name, "")
        first = [killer] + [
            test
            for place in (function, mutant.file)
            for test, _ in self._noticed.get(place, Counter[str]()).most_common(NEIGHBOURS)
        ]
        rank = {test: at for at, test in reversed(list(enumerate(first)))}
        seconds = self._reach.seconds_of if self._reach else {}
        deaf = self._reach.deaf if self._reach and mutant.name in self._reach.number_of else ()

        if not mutant.name and self._reach:
            return [item for item in items if item.nodeid in self._reach.deaf], []

        def place(item: pytest.Item) -> tuple[int, float]:
            if item.nodeid in rank:
                return 0, rank[item.nodeid]
            if _of_all_cases(item.nodeid) == _of_all_cases(killer):
                return 0, 0  # its cases have got other names since
            spent_s = seconds.get(item.nodeid, 0)
            return 3 if spent_s > SLOW_S else 1 if item.nodeid.startswith(own) else 2, spent_s

        hearing = sorted(
            (
                item
                for item in items
                if not any(part in item.nodeid for part in DEAF)
                and item.nodeid not in deaf
                and self._comes_by(mutant, item.nodeid)
            ),
            key=place,
        )
        known = sum(place(item)[0] == 0 for item in hearing)
        own_too = sum(place(item)[0] == 1 for item in hearing)
        likely = known + min(own_too, OWN)
        return hearing[:likely], hearing[likely:]


def _of_all_cases(test: str) -> str:
    """A test's name without the case."""
    return test.partition("[")[0]


def hold(jury: Jury) -> None:
    """Collect the tests once and let the jury judge. `RuntimeError` if they cannot be collected."""
    arguments = ["-q", "--no-header", "--no-summary", "--capture=no", "--tb=no"]
    os.chdir(ROOT)
    with contextlib.redirect_stdout(sys.stderr):
        ended = pytest.main([*arguments, "-p", "no:cacheprovider", *TESTS], plugins=[jury])
    if ended != pytest.ExitCode.OK:
        raise RuntimeError(f"pytest ended with {ended!r}")


def _compiles(mutant: Mutant, folder: Path, originals: Mapping[str, bytes]) -> Verdict | None:
    """Put the fault before this process's tests; a verdict if there is nothing to test."""
    if not mutant.name:
        return None
    shutil.copytree(CONTRACTS, folder / "contracts")
    faulty = folder / "contracts" / mutant.file
    faulty.write_text(mutant.apply(faulty.read_text()))
    kept = folder / "artifacts"
    kept.mkdir()
    for artifact in PLAIN.glob("*.json"):
        with contextlib.suppress(FileNotFoundError):  # another run is tidying up
            os.link(artifact, kept / artifact.name)
    test_compiler.CONTRACTS = folder / "contracts"
    _read_from(kept)
    try:
        for name in sorted(originals, key=lambda name: len(originals[name])):
            if code(test_compiler.compiled(name)) != originals[name]:
                return None
    except (VyperException, VyperInternalException, ArithmeticError) as error:  # it folds 1**n so
        return {"verdict": "invalid", "by": type(error).__name__}
    return {"verdict": "same", "by": ""}


def code(artifact: test_compiler.Artifact) -> bytes:
    """Init code without the digest of its sources that the compiler puts behind it."""
    return artifact.bytecode[: -int.from_bytes(artifact.bytecode[-2:], "big")]


def _read_from(folder: Path) -> None:
    """Let this process take its contracts from another folder."""
    test_compiler.CACHE = folder
    test_compiler.compiled.cache_clear()
    test_compiler.compiled_at.cache_clear()


def _machine_stumbles() -> bool:
    """Whether contracts and twin part ways under random calls."""
    try:
        call_at_random(*MACHINE_RUN)
    except (AssertionError, ArithmeticError, LookupError, ValueError):
        return True
    return False


def _ended(trial: _Trial) -> Verdict:
    """The verdict of a trial that is over; `RuntimeError` with its last words if it has none."""
    trial.process.join()
    if trial.process.exitcode in (-signal.SIGXCPU, -signal.SIGKILL):
        verdict = {"verdict": "hung", "by": ""}
    elif (said := trial.folder / "verdict").exists():
        verdict = json.loads(said.read_text())
    else:
        words = (trial.folder / "output").read_text()[-2_000:]
        raise RuntimeError(f"no verdict on {trial.mutant}:\n{words}")
    shutil.rmtree(trial.folder)
    return verdict


def _scratch() -> Path:
    folder = ROOT / ".cache" / "mutants"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def nothing() -> Mutant:
    """No fault: what the jury must let live before its verdicts mean anything."""
    return Mutant("", "", "", "none", 0, "", "", 0, 0)


def places(all_: Sequence[Mutant]) -> Iterator[tuple[str, str]]:
    """Name and place (`file::function`) of each fault."""
    for mutant in all_:
        yield mutant.name, f"{mutant.file}::{mutant.function}"
