#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The same calls to the same contracts, compiled in other ways: every answer must be the same.

    make compilers                                       8,000 transitions
    python tools/compilers.py --transitions 100000 --seed 7 --json

The random machine (`tests/stateful/machine.py`) plays a venue against the twin. Behind each of its
chains stand others, whose contracts were compiled without optimisation, for size, and by the
experimental pipeline where that compiles at all (what it cannot: the last canary of
tests/unit/contracts/test_compiler_canaries.py); each transaction and each view is sent to all.
Return data, reverts' data and logs are compared after every call, all storage after every
`CHECK_EVERY` transitions and at the end. What is deployed is the first; the others say whether what
it does is what the source says.
"""

from __future__ import annotations

import argparse
import importlib
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "offchain")]

import pyrevm  # noqa: E402
import vyper  # noqa: E402
from tests.support import evm  # noqa: E402
from tests.support.compiler import compiled  # noqa: E402
from vyper.compiler import CompilerData  # noqa: E402
from vyper.compiler.input_bundle import FilesystemInputBundle  # noqa: E402
from vyper.compiler.settings import OptimizationLevel, Settings  # noqa: E402
from vyper.exceptions import VyperInternalException  # noqa: E402

from compiler import CONTRACTS, deployable  # noqa: E402

TRANSITIONS: Final = 8_000
PER_MACHINE: Final = 4_000
CHECK_EVERY: Final = 500
SETTINGS: Final = {
    "none": Settings(optimize=OptimizationLevel.NONE),
    "codesize": Settings(optimize=OptimizationLevel.CODESIZE),
    "venom": Settings(optimize=OptimizationLevel.GAS, experimental_codegen=True),
}
"""Beside `gas`, the default, which is what is deployed."""
_EVM: Final = pyrevm.EVM
_GAS: Final = re.compile(r"gas_used: \d+")


class Apart(AssertionError):
    """Two compilations of one source do different things."""


@dataclass(frozen=True, slots=True)
class Codes:
    """What each way of compiling makes of each contract, by the deployed way's init code."""

    instead: dict[str, dict[bytes, bytes]]
    sizes: dict[str, dict[str, int | str]]

    def translated(self, way: str, code: bytes) -> bytes:
        """Init code with its arguments, compiled the other way; what is not ours stays."""
        for original, other in self.instead[way].items():
            if code.startswith(original):
                return other + code[len(original) :]
        return code


def compile_all(tell: Callable[[str], None]) -> Codes:
    """Every contract in every way; a way that cannot compile one leaves the deployed code there."""
    packages = Path(vyper.__file__).resolve().parent.parent
    instead: dict[str, dict[bytes, bytes]] = {way: {} for way in SETTINGS}
    sizes: dict[str, dict[str, int | str]] = {}
    for path in deployable(CONTRACTS):
        name = path.relative_to(CONTRACTS).with_suffix("").as_posix()
        artifact = compiled(name)
        row: dict[str, int | str] = {"gas": artifact.runtime_size}
        for way, settings in SETTINGS.items():
            bundle = FilesystemInputBundle([packages, CONTRACTS])
            with bundle.search_path(path.parent):
                data = CompilerData(bundle.load_file(path), bundle, settings=settings)
            try:
                row[way] = len(data.bytecode_runtime)
                instead[way][artifact.bytecode] = data.bytecode
            except VyperInternalException as error:
                row[way] = f"{type(error).__name__}: {error.message.splitlines()[0]}"
        sizes[name] = row
        tell(f"{name:20}" + "".join(f"  {way} {size}" for way, size in row.items()))
    return Codes(instead, sizes)


class Chorus:
    """One chain's voice and others behind it, told the same and expected to say the same."""

    codes: ClassVar[Codes]
    calls: ClassVar[Counter[str]] = Counter()

    def __init__(self, *given: Any, **named: Any) -> None:
        self._lead = _EVM(*given, **named)
        self._others = {way: _EVM(*given, **named) for way in SETTINGS}
        self._marks: dict[int, tuple[Any, dict[str, Any]]] = {}

    @property
    def result(self) -> Any:
        return self._lead.result

    @property
    def journal_str(self) -> str:
        return str(self._lead.journal_str)

    def storage(self, address: str, slot: int) -> int:
        return int(self._lead.storage(address, slot))

    def _all(self) -> Iterator[Any]:
        yield self._lead
        yield from self._others.values()

    def set_block_env(self, block: Any) -> None:
        for chain in self._all():
            chain.set_block_env(block)

    def reset_transient_storage(self) -> None:
        for chain in self._all():
            chain.reset_transient_storage()

    def insert_account_storage(self, address: str, slot: int, word: int) -> None:
        for chain in self._all():
            chain.insert_account_storage(address, slot, word)

    def deploy(self, deployer: str, code: bytes) -> Any:
        address = self._lead.deploy(deployer, code)
        for way, chain in self._others.items():
            if chain.deploy(deployer, self.codes.translated(way, code)) != address:
                raise Apart(f"{way}: deployed elsewhere")
        return address

    def message_call(self, *given: Any, **named: Any) -> Any:
        said, refusal = _said(self._lead, given, named)
        self.calls["reverted" if refusal else "view" if named.get("is_static") else "landed"] += 1
        for way, chain in self._others.items():
            theirs, _ = _said(chain, given, named)
            if theirs != said:
                raise Apart(f"{way}: {given} {named}\ngas says {said}\n{way} says {theirs}")
        if refusal is not None:
            raise refusal
        return said[0]

    def compare_storage(self) -> int:
        """All words of all contracts; how many there are."""
        kept = _words(self._lead)
        for way, chain in self._others.items():
            if _words(chain) != kept:
                raise Apart(f"{way}: storage differs")
        return sum(len(slots) for slots in kept.values())


def _said(
    chain: Any, given: tuple[Any, ...], named: dict[str, Any]
) -> tuple[tuple[Any, ...], RuntimeError | None]:
    """What a call returns and logs, or what it is refused with; gas left out."""
    try:
        output = chain.message_call(*given, **named)
    except RuntimeError as error:
        return (_GAS.sub("", str(error)),), error
    logs = [(log.address, tuple(log.topics), bytes(log.data[1])) for log in chain.result.logs]
    return (bytes(output), logs), None


def _words(chain: Any) -> dict[str, dict[int, int]]:
    world = object.__new__(evm.World)
    world._evm, world._stored = chain, {}
    return world.dump()


def main(arguments: list[str]) -> int:
    """Play, compare, and print what was compared."""
    parser = argparse.ArgumentParser(description="Contracts compiled in other ways do the same.")
    parser.add_argument("--transitions", type=int, default=TRANSITIONS)
    parser.add_argument("--seed", type=int, default=1, help="of the first machine")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args(arguments)

    def tell(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    Chorus.codes = compile_all(tell)
    vars(pyrevm)["EVM"] = Chorus
    machine = importlib.import_module("tests.stateful.machine")

    begun, done, words, apart = time.monotonic(), 0, 0, ""
    seed = options.seed
    try:
        while done < options.transitions:
            count = min(PER_MACHINE, options.transitions - done)
            played = machine.Machine(seed)
            for until in [*range(CHECK_EVERY, count, CHECK_EVERY), count]:
                played.run(until, CHECK_EVERY)
                words = max(words, played.chain.evm.compare_storage())
            played.end(played.step)
            words = max(words, played.chain.evm.compare_storage())
            done += count
            tell(f"seed {seed}: {done:,} of {options.transitions:,} transitions, the same")
            seed += 1
    except Apart as difference:
        apart = f"seed {seed}: {difference}"
    document = {
        "transitions": done,
        "seeds": [options.seed, seed - 1],
        "calls": dict(sorted(Chorus.calls.items())),
        "words": words,
        "sizes": Chorus.codes.sizes,
        "apart": apart,
        "ok": not apart,
    }
    if options.json:
        print(json.dumps(document))
    else:
        calls = ", ".join(f"{count:,} {kind}" for kind, count in sorted(Chorus.calls.items()))
        tell(f"{time.monotonic() - begun:.0f} s")
        print(apart or f"{done:,} transitions the same in {1 + len(SETTINGS)} ways: {calls} calls")
    return 1 if apart else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
