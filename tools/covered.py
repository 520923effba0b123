#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Which lines, branches and refusals of the contracts the tests reach.

    make coverage                   a table a file, and what nothing reaches
    python tools/covered.py --json  {"modules/units.vy": {"lines": [n, of], ...}, ...}

Contracts are compiled with marks: before each statement, at each way out of an `if` and of a
ternary, and where an `assert` refuses, the code asks the balance of an address that stands for the
place. Such a read changes nothing, is allowed in views, and the chain in process remembers the
address even when the call reverts. What the tests could reach is counted from the syntax trees of
all files, so code that no contract compiles counts as not reached.

Marks cost gas and bytes: calls are told that they cost none, and the tests that weigh just that
are left out (`make test` runs them); any other test that fails fails the run. So does a place that
nothing reaches, unless `tests/coverage.toml` says why it cannot be reached, and so does what is
written there or here of a place that is reached, or of a place or a test that is gone.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "offchain")]

import pytest  # noqa: E402
import vyper.ast as vy_ast  # noqa: E402
from tests.support import compiler as test_compiler  # noqa: E402
from tests.support import evm  # noqa: E402
from vyper.codegen import expr, stmt  # noqa: E402
from vyper.codegen.ir_node import IRnode  # noqa: E402

from compiler import CONTRACTS  # noqa: E402
from witnesses import TESTS, call_at_random  # noqa: E402

UNREACHABLE: Final = ROOT / "tests" / "coverage.toml"
KINDS: Final = ("lines", "branches", "refusals")
TRANSITIONS: Final = 4_000
"""Of the random machine after the tests, from each of the jury's seeds."""
PREFIX: Final = 0xC0FFEE << 136
WEIGHING: Final = {
    "tests/attacks/test_denial.py::test_G01_every_contract_can_be_deployed": "bytes of code",
    "tests/unit/contracts/bond/test_challenge.py::"
    "test_the_whole_of_the_largest_batch_can_be_proven": "gas",
    "tests/unit/contracts/vault/test_outflow.py::test_dust_tickets_harm_nobody": "gas",
}
"""Tests that are left out, by what they judge that marks change."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """One thing to reach: `way` tells the ways out of one branch apart."""

    file: str
    line: int
    column: int
    kind: str
    way: str = ""

    @property
    def address(self) -> int:
        """Whose balance is asked for there."""
        text = f"{self.file}:{self.line}:{self.column}:{self.kind}:{self.way}"
        return PREFIX | int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big")

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.kind} {self.way}".rstrip()


# -- what there is to reach ------------------------------------------------------------------------


def places(file: str, source: str) -> Iterator[Place]:
    """Everything a file's functions could do."""
    for function in vy_ast.parse_to_ast(source).get_descendants(vy_ast.FunctionDef):
        for node in function.get_descendants():
            yield from _places_of(file, node)


def _places_of(file: str, node: vy_ast.VyperNode) -> Iterator[Place]:
    at = (file, node.lineno, node.col_offset)
    match node:
        case vy_ast.Assert():
            yield Place(*at, "lines")
            yield Place(*at, "refusals")
        case vy_ast.If() | vy_ast.IfExp():
            if isinstance(node, vy_ast.If):
                yield Place(*at, "lines")
            yield Place(*at, "branches", "holds")
            yield Place(*at, "branches", "fails")
        case vy_ast.AnnAssign() | vy_ast.Assign() | vy_ast.AugAssign() | vy_ast.Return():
            if not isinstance(node.get_ancestor(), vy_ast.For) or node in node.get_ancestor().body:
                yield Place(*at, "lines")
        case vy_ast.Expr() | vy_ast.Log() | vy_ast.For() | vy_ast.Raise():
            yield Place(*at, "lines")
        case vy_ast.Continue() | vy_ast.Break() | vy_ast.Pass():
            yield Place(*at, "lines")


# -- marks -----------------------------------------------------------------------------------------


def _mark(node: vy_ast.VyperNode, kind: str, way: str = "") -> list[Any]:
    """What asks for a place's balance, for the compiler's intermediate tree."""
    path = Path(node.module_node.resolved_path)
    if not path.is_relative_to(CONTRACTS):
        return ["seq"]  # a package's code is its authors'
    place = Place(path.relative_to(CONTRACTS).as_posix(), node.lineno, node.col_offset, kind, way)
    return ["pop", ["balance", place.address]]


def put_marks() -> None:
    """Teach this process's compiler to mark; cannot be undone."""
    statement, refusal = stmt.parse_stmt, stmt.Stmt._assert_reason

    def parse_stmt(node: vy_ast.VyperNode, context: Any) -> IRnode:
        made = statement(node, context)
        if getattr(node, "lineno", None) is None:  # a return that the compiler adds
            return made
        marked = IRnode.from_list(["seq", _mark(node, "lines"), made])
        marked.ast_source = node
        return marked

    def parse_If(self: Any) -> IRnode:
        with self.context.block_scope():
            test = expr.Expr.parse_value_expr(self.stmt.test, self.context)
            holds = stmt.parse_body(self.stmt.body, self.context)
        with self.context.block_scope():
            fails = stmt.parse_body(self.stmt.orelse, self.context)
        return IRnode.from_list(
            [
                "if",
                test,
                ["seq", _mark(self.stmt, "branches", "holds"), holds],
                ["seq", _mark(self.stmt, "branches", "fails"), fails],
            ]
        )

    def _assert_reason(self: Any, test: Any, message: Any) -> IRnode:
        made = refusal(self, test, message)
        if test is not None and made.value == "if":
            made.args[1] = IRnode.from_list(["seq", _mark(self.stmt, "refusals"), made.args[1]])
        return made

    ternary = expr.Expr.parse_IfExp

    def parse_IfExp(self: Any) -> IRnode:
        made = ternary(self)
        for at, way in ((1, "holds"), (2, "fails")):
            branch = made.args[at]
            made.args[at] = IRnode.from_list(
                ["seq", _mark(self.expr, "branches", way), branch],
                typ=branch.typ,
                location=branch.location,
            )
        return made

    stmt.parse_stmt = parse_stmt
    stmt.Stmt.parse_If = parse_If
    stmt.Stmt._assert_reason = _assert_reason
    expr.Expr.parse_IfExp = parse_IfExp
    own = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    test_compiler.CACHE = ROOT / ".cache" / "covered" / own


class Watch:
    """Keeps every chain a test file makes, and reads which marks it has met."""

    def __init__(self) -> None:
        self.met: set[int] = set()
        self.left_out: set[str] = set()
        self._chains: list[Any] = []
        self._file = ""
        made = evm.World.__init__

        def init(world: evm.World, *given: Any, **named: Any) -> None:
            made(world, *given, **named)
            self._chains.append(world._evm)

        evm.World.__init__ = init  # type: ignore[assignment,method-assign]
        called = evm.World.raw

        def raw(world: evm.World, *given: Any, **named: Any) -> tuple[bytes, int, list[evm.Event]]:
            output, _, events = called(world, *given, **named)
            return output, 0, events

        evm.World.raw = raw  # type: ignore[assignment,method-assign]

    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Leave out what weighs marks."""
        dropped = [item for item in items if item.nodeid.partition("[")[0] in WEIGHING]
        self.left_out |= {item.nodeid.partition("[")[0] for item in dropped}
        config.hook.pytest_deselected(items=dropped)
        items[:] = [item for item in items if item not in dropped]

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        file = nodeid.partition("::")[0]
        if file != self._file:
            self._file = file
            self.read()

    def read(self) -> None:
        """Take in what the chains have met; those that nobody else holds are done."""
        for chain in self._chains:
            self.met |= {int(address, 16) for address in chain.db_accounts}
        self._chains = [chain for chain in self._chains if sys.getrefcount(chain) > 3]


# -- report ----------------------------------------------------------------------------------------


def unreachable() -> dict[str, str]:
    """Why a place can be reached by no test, by `file:text of its line:kind way`."""
    if not UNREACHABLE.exists():
        return {}
    entries: dict[str, dict[str, str]] = tomllib.loads(UNREACHABLE.read_text())
    return {name: entry["why"] for name, entry in entries.items()}


def name_of(place: Place, source: str) -> str:
    """What a place is called in `tests/coverage.toml`: it keeps its name while lines move."""
    text = source.splitlines()[place.line - 1].strip()
    return f"{place.file}: {text}: {place.kind} {place.way}".rstrip()


def run_tests(watch: Watch, tests: Sequence[str]) -> list[str]:
    """Run tests on marked contracts; what is wrong with them, in lines."""
    quiet = ["-q", "--no-header", "-p", "no:cacheprovider"]
    large = "ignore::vyper.warnings.ContractSizeLimit"  # marks are not what is deployed
    given = [*quiet, "-W", large, *(tests or TESTS)]
    with redirect_stdout(sys.stderr):  # what was found alone is stdout's, whoever reads it
        ended = pytest.ExitCode(pytest.main(given, plugins=[watch]))
    wrong = (
        [] if ended is pytest.ExitCode.OK else [f"TESTS  {ended.name.lower().replace('_', ' ')}"]
    )
    if not tests:
        gone = WEIGHING.keys() - watch.left_out
        wrong += [f"GONE  {name}: named in tools/covered.py" for name in sorted(gone)]
    return wrong


def count(met: set[int]) -> tuple[dict[str, dict[str, list[int]]], list[str]]:
    """How much of each file was met, [n, of], a kind; and what is not as it should be, in lines."""
    why, told = unreachable(), set()
    table: dict[str, dict[str, list[int]]] = {}
    wrong: list[str] = []
    for path in sorted(CONTRACTS.rglob("*.vy")):
        if "dev" in path.parts:
            continue
        file, source = path.relative_to(CONTRACTS).as_posix(), path.read_text()
        row = table.setdefault(file, {kind: [0, 0] for kind in KINDS})
        for place in sorted(set(places(file, source))):
            name, reached = name_of(place, source), place.address in met
            row[place.kind][0] += reached
            row[place.kind][1] += 1
            if name in why:
                told.add(name)
            if reached == (name in why):
                said = "REACHED, though explained" if reached else "NOT REACHED"
                wrong.append(f"{said}  {place.file}:{place.line} {name.partition(': ')[2]}")
    wrong += [f"GONE  {name}: explained, but no such place" for name in sorted(why.keys() - told)]
    return table, wrong


def main(arguments: list[str]) -> int:
    """Run the tests on marked contracts and print what they reach; 1 if that is not everything."""
    parser = argparse.ArgumentParser(description="What of the contracts the tests reach.")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("tests", nargs="*", help="other tests than all of the contracts'")
    options = parser.parse_args(arguments)
    put_marks()
    watch = Watch()
    failed = run_tests(watch, options.tests)
    call_at_random(TRANSITIONS, 1_000)
    watch.read()
    table, missing = count(watch.met)
    wrong = failed + missing
    if options.json:
        print(json.dumps({"files": table, "wrong": wrong}))
    else:
        print(f"{'':24}" + "".join(f"{kind:>16}" for kind in KINDS))
        total = {
            kind: [sum(row[kind][at] for row in table.values()) for at in (0, 1)] for kind in KINDS
        }
        for file, row in (table | {"all": total}).items():
            print(f"{file:24}" + "".join(f"{row[k][0]:>8,} of {row[k][1]:>4,}" for k in KINDS))
        print("\n".join(wrong or [f"everything is reached but {len(unreachable())} explained"]))
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
