# SPDX-License-Identifier: Apache-2.0
"""Many faults in one compiled contract, each behind a switch that the block's randomness turns on.

To compile a contract takes seconds, to see a test notice a fault a tenth of one. So the compiler's
code generation is taught to put `if prevrandao == number: faulty else: right` where a fault would
be: six hundred faults are compiled together, and a process that sets `prevrandao` to a fault's
number has that fault and no other. No contract of ours reads `prevrandao` itself, and 0 is no
fault's number. The same places can ask the balance of an address made of the fault's and the
test's number instead: which tests reach which fault is read from the chain (`reach.py`).

What stands outside of generated code cannot be switched: locks, bounds of types and loops, other
roundings, numbers that a built-in function wants to know beforehand. Those are compiled one by one,
and so is what would not compile: a number beyond its type, an index beyond its list.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pyrevm
import vyper.ast as vy_ast
from vyper.builtins._signatures import BuiltinFunctionT
from vyper.builtins.functions import DISPATCH_TABLE
from vyper.codegen.expr import Expr
from vyper.codegen.ir_node import IRnode
from vyper.codegen.stmt import Stmt
from vyper.semantics.types import HashMapT, IntegerT

from compiler import CONTRACTS
from mutations import Mutant, is_of_a_type

MARK: Final = 0xFA017 << 140
"""Addresses from here on stand for a fault and, in their lowest 16 bits, for who reached it."""
COMPUTING: Final = frozenset(
    ("unsafe_add", "unsafe_sub", "unsafe_mul", "unsafe_div", "min", "max", "abs", "pow_mod256")
)
"""Built-in functions whose arguments may be any number."""

_Key = tuple[str, str, int, int, int, int]
"""A node: file, kind, and where its text begins and ends."""


@dataclass
class Board:
    """Faults to be switched, by the node that each of them changes."""

    counted: bool = False
    """Whether places are to be counted instead of switched."""
    here: dict[_Key, list[tuple[int, Any]]] = field(default_factory=lambda: defaultdict(list))
    numbers: dict[_Key, list[tuple[int, int | None]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """Faults of numbers that the compiler knows beforehand, by the whole of each such number."""
    emitted: set[int] = field(default_factory=set)
    refused: set[int] = field(default_factory=set)

    @property
    def switched(self) -> set[int]:
        """Numbers of faults that what was compiled has, each at every place where it belongs."""
        return self.emitted - self.refused


def board(
    chosen: Mapping[int, Mutant], sources: Mapping[str, str], *, counted: bool = False
) -> Board:
    """A board of faults by number; `sources` are all files of the contracts, by path."""
    made = Board(counted)
    trees = {file: vy_ast.parse_to_ast(source) for file, source in sources.items()}
    constants = _constants(trees)
    by_place: dict[tuple[str, tuple[int, int, int, int]], list[int]] = defaultdict(list)
    for number, fault in chosen.items():
        by_place[fault.file, fault.place].append(number)
        if fault.operator == "assert":
            made.here[fault.file, "Assert", *fault.place].append((number, None))
    for file, tree in trees.items():
        for node in tree.get_descendants():
            kind = type(node).__name__
            numbers = sorted(
                by_place.get((file, _place(node)), ()), key=lambda number: chosen[number].begin
            )
            for number in numbers:
                fault = chosen[number]
                if fault.operator in ("compare", "sign") and kind in _SIGNED:
                    made.here[file, kind, *_place(node)].append((number, fault.text))
                elif fault.operator == "logic" and kind == "BoolOp":
                    at = [n for n in numbers if chosen[n].operator == "logic"].index(number)
                    made.here[file, kind, *_place(node)].append((number, (at, fault.text)))
    for file, node in _numbers(trees, constants):
        for number, value in _faulty(file, node, constants, chosen, by_place):
            made.numbers[file, type(node).__name__, *_place(node)].append((number, value))
    bound = _bounding(trees, constants)
    for number, fault in chosen.items():
        if not fault.function and (fault.file, fault.declared) in bound:
            made.refused.add(number)
    return made


_SIGNED: Final = frozenset(("Compare", "BinOp", "AugAssign", "Call"))


def _place(node: vy_ast.VyperNode) -> tuple[int, int, int, int]:
    return node.lineno, node.col_offset, node.end_lineno, node.end_col_offset


# -- numbers that are known when a contract is compiled --------------------------------------------

_Constants = Mapping[tuple[str, str], tuple[str, vy_ast.VyperNode]]
"""File and value of a constant, by the stem of its file and its name."""


def _constants(trees: Mapping[str, vy_ast.Module]) -> _Constants:
    return {
        (Path(file).stem, node.target.id): (file, node.value)
        for file, tree in trees.items()
        for node in tree.get_children(vy_ast.VariableDecl)
        if node.is_constant and node.value is not None
    }


def _named(
    file: str, node: vy_ast.VyperNode, constants: _Constants
) -> tuple[str, vy_ast.VyperNode] | None:
    """The declaration of a constant that a node names; None if it names none."""
    match node:
        case vy_ast.Name():
            return constants.get((Path(file).stem, node.id))
        case vy_ast.Attribute(value=vy_ast.Name()):
            return constants.get((node.value.id, node.attr))
    return None


def _value(
    file: str,
    node: vy_ast.VyperNode,
    constants: _Constants,
    change: Callable[[str, vy_ast.VyperNode], str | None],
) -> int:
    """A number as the compiler would fold it, with a change; `LookupError` if it would not."""
    instead = change(file, node)
    match node:
        case vy_ast.Int():
            return int(instead) if instead is not None else int(node.value)
        case vy_ast.UnaryOp() if isinstance(node.op, vy_ast.USub):
            return -_value(file, node.operand, constants, change)
        case vy_ast.BinOp():
            left = _value(file, node.left, constants, change)
            right = _value(file, node.right, constants, change)
            sign = instead or _PYTHON.get(type(node.op).__name__)
            if sign is None or (sign in ("//", "%") and (right == 0 or left < 0)):
                raise LookupError("not folded here")
            if sign in ("**", "<<") and not 0 <= right <= 256:
                raise LookupError("too large")
            return int(eval(f"({left}) {sign} ({right})"))  # two numbers and a sign
    if (declared := _named(file, node, constants)) is not None:
        return _value(*declared, constants, change)
    raise LookupError("no number")


_PYTHON: Final = {
    "Add": "+", "Sub": "-", "Mult": "*", "FloorDiv": "//", "Mod": "%", "Pow": "**",
    "LShift": "<<", "RShift": ">>", "BitAnd": "&", "BitOr": "|", "BitXor": "^",
}  # fmt: skip


def _numbers(
    trees: Mapping[str, vy_ast.Module], constants: _Constants
) -> Iterator[tuple[str, vy_ast.VyperNode]]:
    """The largest expressions in functions that are numbers known beforehand."""

    def within(file: str, node: vy_ast.VyperNode) -> Iterator[tuple[str, vy_ast.VyperNode]]:
        try:
            _value(file, node, constants, lambda *_: None)
        except LookupError:
            for child in node.get_children():
                yield from within(file, child)
        else:
            yield file, node

    for file, tree in trees.items():
        for function in tree.get_children(vy_ast.FunctionDef):
            yield from within(file, function)


def _faulty(
    file: str,
    node: vy_ast.VyperNode,
    constants: _Constants,
    chosen: Mapping[int, Mutant],
    by_place: Mapping[tuple[str, tuple[int, int, int, int]], list[int]],
) -> Iterator[tuple[int, int | None]]:
    """What each fault makes of a number; None where it would not compile."""
    met: list[int] = []

    def note(where: str, part: vy_ast.VyperNode) -> None:
        if isinstance(part, vy_ast.Int | vy_ast.BinOp):
            met.extend(
                number
                for number in by_place.get((where, _place(part)), ())
                if chosen[number].operator in ("literal", "sign")
            )

    _value(file, node, constants, note)
    for number in met:
        fault = chosen[number]

        def change(where: str, part: vy_ast.VyperNode, fault: Mutant = fault) -> str | None:
            wanted = vy_ast.Int if fault.operator == "literal" else vy_ast.BinOp
            hit = (where, _place(part)) == (fault.file, fault.place) and isinstance(part, wanted)
            return fault.text if hit else None

        try:
            yield number, _value(file, node, constants, change)
        except LookupError:
            yield number, None


def _bounding(trees: Mapping[str, vy_ast.Module], constants: _Constants) -> set[tuple[str, str]]:
    """File and name of constants that a type, a bound or a loop is made of."""
    found: set[tuple[str, str]] = set()

    def add(file: str, node: vy_ast.VyperNode) -> None:
        name = node.attr if isinstance(node, vy_ast.Attribute) else node.get("id")
        declared = _named(file, node, constants)
        if declared is None or (declared[0], name) in found:
            return
        found.add((declared[0], name))
        for part in (declared[1], *declared[1].get_descendants()):
            add(declared[0], part)

    for file, tree in trees.items():
        for node in tree.get_descendants((vy_ast.Name, vy_ast.Attribute)):
            parent = node.get_ancestor()
            if isinstance(parent, vy_ast.VariableDecl) and node is parent.target:
                continue
            if is_of_a_type(node) or _is_of_a_loop(node):
                add(file, node)
    return found


def _is_of_a_loop(node: vy_ast.VyperNode) -> bool:
    child, parent = node, node.get_ancestor()
    while parent is not None:
        if isinstance(parent, vy_ast.For):
            return child is parent.iter
        if isinstance(parent, vy_ast.FunctionDef):
            return False
        child, parent = parent, parent.get_ancestor()
    return False


# -- the compiler's side ---------------------------------------------------------------------------

_active: Board | None = None


@contextmanager
def compiling(what: Board | None) -> Iterator[None]:
    """What is compiled inside has a board's switches or counters; with None, neither."""
    global _active
    _teach()
    before, _active = _active, what
    try:
        yield
    finally:
        _active = before


def _faults_at(node: vy_ast.VyperNode, *, number: bool = False) -> list[tuple[int, Any]]:
    if _active is None or getattr(node, "lineno", None) is None:
        return []
    path = Path(node.module_node.resolved_path)
    if not path.is_relative_to(CONTRACTS):
        return []  # a package's code is its authors'
    file = path.relative_to(CONTRACTS).as_posix()
    table: Mapping[_Key, list[tuple[int, Any]]] = _active.numbers if number else _active.here
    return table.get((file, type(node).__name__, *_place(node)), [])


def _switch(right: IRnode, faults: Iterable[tuple[int, Callable[[], Any]]]) -> IRnode:
    """Right code, and faulty code behind its number; or right code that counts."""
    assert _active is not None, "somebody found faults on a board"
    kept = {"typ": right.typ, "location": right.location, "encoding": right.encoding}
    for number, faulty in faults:
        _active.emitted.add(number)
        if _active.counted:
            mark = ["or", MARK | number << 16, ["prevrandao"]]
            made: list[Any] = ["seq", ["pop", ["balance", mark]], right]
        else:
            with compiling(None):
                wrong = faulty()
            made = ["if", ["eq", ["prevrandao"], number], wrong, right]
        right = IRnode.from_list(made, **kept)
    return right


@functools.cache
def _op(sign: str) -> Any:
    """The compiler's node of an operator."""
    sign = sign.strip()
    return vy_ast.parse_to_ast(f"A: constant(bool) = 1 {sign} [2]").body[0].value.op


@functools.cache
def _teach() -> None:
    """Hang switches on the code generation of this process; without a board it is as it was."""

    def hang(holder: type, name: str, node_name: str, faulty: Callable[..., Any]) -> None:
        original = getattr(holder, name)

        def parse(self: Any) -> IRnode:
            right: IRnode = original(self)
            node = getattr(self, node_name)
            found = _faults_at(node)
            if not found:
                return right
            return _switch(
                right,
                [
                    (number, functools.partial(faulty, self, original, what))
                    for number, what in found
                ],
            )

        setattr(holder, name, parse)

    def with_sign(self: Any, original: Callable[[Any], IRnode], sign: str) -> IRnode:
        node = self.expr if isinstance(self, Expr) else self.stmt
        before = node.op
        node.op = _op(sign)
        try:
            return original(self)
        finally:
            node.op = before

    def with_other_word(self: Any, _: Any, what: tuple[int, str]) -> IRnode:
        at, word = what
        values = [Expr.parse_value_expr(value, self.context) for value in self.expr.values]
        head, tail = values[: at + 1], values[at + 1 :]
        if word == "and":  # binds closer: a or (b and c) or d
            both = Expr._logical_and([head[-1], tail[0]])
            return Expr._logical_or([*head[:-1], both, *tail[1:]])
        return Expr._logical_or([_all_of(head), _all_of(tail)])

    def with_other_call(self: Any, _: Any, name: str) -> IRnode:
        made: IRnode = DISPATCH_TABLE[name].build_IR(self.expr, self.context)
        return made

    hang(Stmt, "parse_Assert", "stmt", lambda *_: ["seq"])
    hang(Stmt, "parse_AugAssign", "stmt", with_sign)
    hang(Expr, "parse_Compare", "expr", with_sign)
    hang(Expr, "parse_BinOp", "expr", with_sign)
    hang(Expr, "parse_BoolOp", "expr", with_other_word)
    hang(Expr, "parse_Call", "expr", with_other_call)
    number = Expr.parse_Int

    def parse_Int(self: Any) -> IRnode:
        right: IRnode = number(self)
        node = self.expr.get_original_node()
        found = _faults_at(node, number=True)
        if not found:
            return right
        assert _active is not None, "somebody found faults on a board"
        fit = [
            (fault, value)
            for fault, value in found
            if value is not None and _may_be(node, value, right.typ)
        ]
        _active.refused |= {fault for fault, _ in found} - {fault for fault, _ in fit}
        return _switch(right, [(fault, functools.partial(int, value)) for fault, value in fit])

    Expr.parse_Int = parse_Int


def _all_of(values: list[IRnode]) -> IRnode:
    return Expr._logical_and(values) if len(values) > 1 else values[0]


def _may_be(node: vy_ast.VyperNode, value: int, typ: Any) -> bool:
    """Whether the compiler would take a number there, and only its value would matter."""
    if not isinstance(typ, IntegerT) or not typ.ast_bounds[0] <= value <= typ.ast_bounds[1]:
        return False
    if _is_of_a_loop(node):
        return False
    parent = node.get_ancestor()
    match parent:
        case vy_ast.Subscript() if node is parent.slice:
            return isinstance(parent.value._metadata.get("type"), HashMapT)
        case vy_ast.BinOp() if isinstance(parent.op, vy_ast.Pow):
            return False
        case vy_ast.BinOp() if isinstance(parent.op, vy_ast.FloorDiv | vy_ast.Mod):
            return value != 0 or node is parent.left
        case vy_ast.BinOp() if isinstance(parent.op, vy_ast.LShift | vy_ast.RShift):
            return value <= 256 or node is parent.left
        case vy_ast.Call() if isinstance(parent.func._metadata.get("type"), BuiltinFunctionT):
            return parent.func.get("id") in COMPUTING
        case vy_ast.keyword():
            return not isinstance(
                parent.get_ancestor(vy_ast.Call).func._metadata.get("type"), BuiltinFunctionT
            )
    return True


# -- the chain's side ------------------------------------------------------------------------------

_block_env: Final = pyrevm.BlockEnv


def turn_on(number: int) -> None:
    """Let every block that this process makes from here on have a number for its randomness."""
    word = number.to_bytes(32, "big")

    def block_env(**named: Any) -> Any:
        return _block_env(**named, prevrandao=word)

    pyrevm.BlockEnv = block_env  # type: ignore[assignment,misc]
