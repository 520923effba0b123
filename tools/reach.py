# SPDX-License-Identifier: Apache-2.0
"""What the jury knows before it judges: the switched contracts, and which tests reach which fault.

Contracts are compiled twice (`switches.py`): with switches, and with counters in their place. All
tests run on the first with every switch off: what fails there fails for the switches' own gas and
bytes, and is not asked about faults. The quick ones run on the second to see which of them come by
a fault at all; no other could notice it. Both are kept in `.cache/mutants`, and a file of tests
that was edited is run again alone. Who comes by what outlives edits of contracts: a fault that is
not known is asked of those that come by its function, and what is wrong can only let a fault live.
"""

from __future__ import annotations

import functools
import hashlib
import json
import multiprocessing
import sys
import time
import weakref
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pyrevm
import pytest
import vyper
from tests.support import compiler as test_compiler
from tests.support import evm

import switches
from compiler import CONTRACTS, ROOT, deployable
from covered import Watch
from mutations import Mutant
from witnesses import DEAF, MACHINE, MACHINE_RUN, SLOW_S, TESTS, call_at_random

KEPT: Final = ROOT / ".cache" / "mutants"
STRANGE: Final = 0.2
"""Of all faults: when so many are not in the record of who comes by what, it is made anew."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What is known about tests, which are counted in the order they were collected."""

    artifacts: Path
    """Where the switched contracts are kept."""
    number_of: Mapping[str, int]
    """The switch of each fault that has one."""
    seconds_of: Mapping[str, float]
    """Processor time of each test."""
    deaf: frozenset[str]
    """Tests that the switches themselves make fail."""
    digest: str
    """Of all files that verdicts depend on."""
    near: Mapping[str, frozenset[str]] = field(repr=False)
    """By fault, and by file and function: the tests that come by."""

    def tests(self, mutant: Mutant) -> frozenset[str] | None:
        """Those that could notice a fault; None where it is not known."""
        return self.near.get(mutant.name) or self.near.get(f"{mutant.file}::{mutant.function}")


def prepared(faults: Sequence[Mutant]) -> Reach:
    """Everything about these faults, from what is kept or anew: a few minutes of processor time."""
    kept = KEPT / _digest([*_contracts(), *_tools("mutations.py", "switches.py")])
    _compile(faults, kept / "switched")
    tests = _tests()
    shared = [*_contracts(), *(ROOT / "offchain").rglob("*.py"), *(ROOT / "tests").glob("*.py")]
    for name in ("attacks", "property", "stateful", "support", "unit/contracts"):
        shared += (ROOT / "tests" / name).rglob("*.py")
    shared = sorted({*shared} - {*tests})
    off = kept / f"off-{_digest(shared)}.json"
    near = KEPT / "near.json"
    alone = _read(off) if off.exists() else {"files": {}, "seconds": {}, "failed": []}
    files = {path.relative_to(ROOT).as_posix(): _digest([path]) for path in tests}
    edited = [file for file in files if alone["files"].get(file) != files[file]]
    if edited:
        _say("running all tests with every fault switched off" if not off.exists() else "and some")
        _apart(functools.partial(_run, kept / "switched", KEPT / "told.json", faults, edited))
        told = _read(KEPT / "told.json")
        same = {file for file in files if file not in edited}
        alone = {
            "files": files,
            "seconds": told["seconds"]
            | {test: s for test, s in alone["seconds"].items() if test.split("::")[0] in same},
            "failed": told["failed"]
            + [test for test in alone["failed"] if test.split("::")[0] in same],
        }
        off.write_text(json.dumps(alone))
    known = _read(near) if near.exists() else {"files": {}, "tests": [], "near": {}, "failed": []}
    if len({fault.name for fault in faults} - known["near"].keys()) > len(faults) * STRANGE:
        known["files"] = {}
    edited = [file for file in files if known["files"].get(file) != files[file]]
    if edited:
        _say(f"running {len(edited)} files of tests to see which of them come by which fault")
        _compile(faults, kept / "counted")
        slow = {test for test, spent_s in alone["seconds"].items() if spent_s > SLOW_S}
        _apart(functools.partial(_run, kept / "counted", KEPT / "told.json", faults, edited, slow))
        known = _merged(known, _read(KEPT / "told.json"), edited) | {"files": files}
        near.write_text(json.dumps(known))
    return Reach(
        kept / "switched",
        _read(kept / "switched" / "board.json"),
        alone["seconds"],
        frozenset(alone["failed"]),
        _digest([*shared, *tests]),
        dict(_near(faults, known, alone["seconds"])),
    )


def _merged(
    known: Mapping[str, Any], told: Mapping[str, Any], edited: Sequence[str]
) -> dict[str, Any]:
    """A record of who comes by what, with some files of tests told anew."""
    stay = [
        test
        for test in known["tests"]
        if test.split("::")[0] not in edited and test not in told["tests"]
    ]
    stayed, tests = set(stay), [*stay, *told["tests"]]
    at = {test: place for place, test in enumerate(tests)}
    near: dict[str, set[int]] = {}
    for record in (known, told):
        for fault, met in record["near"].items():
            names = (record["tests"][place] for place in met)
            near.setdefault(fault, set()).update(
                at[name] for name in names if record is told or name in stayed
            )
    failed = [*(test for test in known["failed"] if test in stayed), *told["failed"]]
    return {
        "tests": tests,
        "failed": failed,
        "near": {fault: sorted(met) for fault, met in near.items()},
    }


def _near(
    faults: Sequence[Mutant], known: Mapping[str, Any], seconds: Mapping[str, float]
) -> Iterator[tuple[str, frozenset[str]]]:
    unsure = frozenset(known["failed"]) | seconds.keys() - set(known["tests"])
    by_function: dict[str, set[str]] = {}
    for mutant in faults:
        met = known["near"].get(mutant.name)
        if met is not None:
            tests = unsure | {known["tests"][at] for at in met}
            yield mutant.name, tests
            if mutant.function:
                by_function.setdefault(f"{mutant.file}::{mutant.function}", set()).update(tests)
    for place, found in by_function.items():
        yield place, frozenset(found)


# -- in processes of their own ---------------------------------------------------------------------


def _compile(faults: Sequence[Mutant], folder: Path) -> None:
    if not (folder / "board.json").exists():
        _say(f"compiling {len(faults):,} faults, {folder.name}")
        _apart(functools.partial(_compile_here, faults, folder))


def _compile_here(faults: Sequence[Mutant], folder: Path) -> None:
    sources = {
        path.relative_to(CONTRACTS).as_posix(): path.read_text()
        for path in _contracts()
        if path.is_relative_to(CONTRACTS) and path.suffix == ".vy"
    }
    made = switches.board(
        dict(enumerate(faults, start=1)), sources, counted=folder.name == "counted"
    )
    folder.mkdir(parents=True, exist_ok=True)
    test_compiler.CACHE = folder
    with switches.compiling(made):
        for path in [*deployable(CONTRACTS), *(ROOT / "tests/support/contracts").glob("*.vy")]:
            test_compiler.compiled_at(path)
    (folder / "board.json").write_text(
        json.dumps({faults[number - 1].name: number for number in sorted(made.switched)})
    )


def _run(
    artifacts: Path,
    into: Path,
    faults: Sequence[Mutant],
    which: Sequence[str],
    but: Collection[str] = (),
) -> None:
    test_compiler.CACHE = artifacts
    counted = artifacts.name == "counted"
    recorder = Recorder(counted, but)
    quiet = ["-q", "--no-header", "--no-summary", "--tb=no", "-p", "no:cacheprovider"]
    ended = pytest.main(
        [*quiet, "-W", "ignore::vyper.warnings.ContractSizeLimit", *which],
        plugins=[recorder, recorder.watch] if recorder.watch else [recorder],
    )
    if ended not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise RuntimeError(f"pytest ended with {ended!r}")
    if counted:
        recorder.turn(MACHINE)
        call_at_random(*MACHINE_RUN)
    into.write_text(json.dumps(recorder.told([fault.name for fault in faults])))


class Recorder:
    """Gives each test a number, which the chain takes for its randomness, and reads who met what.

    What a fixture that outlives its test does is counted for the fixture, and so for every test
    that asks for it. Without counting it only takes the time.
    """

    def __init__(self, counted: bool, but: Collection[str] = ()) -> None:
        self._but = [*but, *DEAF]
        self.watch = Watch() if counted else None
        self._worlds: weakref.WeakSet[evm.World] = weakref.WeakSet()
        self._numbers: dict[str, int] = {"": 0}
        self._now = 0
        self._fixtures: dict[str, list[str]] = {}
        self._failed: list[str] = []
        self._seconds: dict[str, float] = {}
        made = evm.World.__init__

        def init(world: evm.World, *given: Any, **named: Any) -> None:
            made(world, *given, **named)
            self._worlds.add(world)

        evm.World.__init__ = init  # type: ignore[assignment,method-assign]

    def turn(self, name: str) -> int:
        """Count for a test or a fixture from here on; the number that was before."""
        before, self._now = self._now, self._numbers.setdefault(name, len(self._numbers))
        self._set(self._now)
        return before

    def _set(self, number: int) -> None:
        self._now = number
        if self.watch is None:
            return
        switches.turn_on(number)
        for world in self._worlds:
            block = pyrevm.BlockEnv(
                number=world._number, timestamp=world.timestamp_s, gas_limit=1 << 40
            )
            world._evm.set_block_env(block)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if not any(part in item.nodeid for part in self._but)]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._fixtures[item.nodeid] = list(getattr(item, "fixturenames", ()))
        self.turn(item.nodeid)
        began = time.process_time()
        done = yield
        self._seconds[item.nodeid] = round(time.process_time() - began, 4)
        return done

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Iterator[None]:
        if fixturedef.scope == "function":
            return (yield)
        before = self.turn(f"fixture {fixturedef.argname}")
        try:
            return (yield)
        finally:
            self._set(before)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and report.nodeid not in self._failed:
            self._failed.append(report.nodeid)

    def told(self, faults: Sequence[str]) -> dict[str, Any]:
        """Tests, what failed, and the tests that come by each fault."""
        if self.watch is not None:
            self.watch.read()
        names = {number: name for name, number in self._numbers.items()}
        users: dict[str, list[str]] = {}
        for test, fixtures in self._fixtures.items():
            for name in fixtures:
                users.setdefault(f"fixture {name}", []).append(test)
        tests = [*self._fixtures, MACHINE]
        at = {test: place for place, test in enumerate(tests)}
        near: dict[str, set[int]] = {}
        for address in self.watch.met if self.watch else ():
            if address >= switches.MARK and (address ^ switches.MARK) >> 32 == 0:
                name = names[address & 0xFFFF]
                met = near.setdefault(faults[(address >> 16 & 0xFFFF) - 1], set())
                met.update(at[test] for test in users.get(name, [name]) if test in at)
        return {
            "tests": tests,
            "seconds": self._seconds,
            "failed": self._failed,
            "near": {fault: sorted(met) for fault, met in sorted(near.items())},
        }


# -- small things ----------------------------------------------------------------------------------


def _contracts() -> list[Path]:
    return sorted(
        [path for path in CONTRACTS.rglob("*.vy*") if "dev" not in path.parts]
        + list((ROOT / "tests" / "support" / "contracts").glob("*.vy"))
    )


def _tests() -> list[Path]:
    """The files of tests that the jury asks."""
    return sorted(
        path
        for name in TESTS
        for path in ([ROOT / name] if name.endswith(".py") else (ROOT / name).rglob("test_*.py"))
    )


def _tools(*names: str) -> list[Path]:
    return [ROOT / "tools" / name for name in names]


def _digest(paths: Sequence[Path]) -> str:
    digest = hashlib.sha256(vyper.__version__.encode())
    for path in sorted(paths):
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _read(path: Path) -> dict[str, Any]:
    known: dict[str, Any] = json.loads(path.read_text())
    return known


def _apart(work: Callable[[], None]) -> None:
    """Do it in a process of its own: what it teaches the compiler and the chain goes with it."""
    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    process.join()
    if process.exitcode:
        raise RuntimeError(f"a process of the jury ended with {process.exitcode}")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
