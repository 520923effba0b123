# SPDX-License-Identifier: Apache-2.0
"""Small faults in a contract's source, one at a time, found on its syntax tree.

| operator | what it does |
|---|---|
| assert | drops an assert |
| compare | moves a comparison's edge (`<` to `<=`), or turns an equality round |
| literal | adds one to a whole number, or takes one from it: which of the two its digest says |
| sign | swaps plus and minus, `unsafe_` ones too |
| logic | swaps `and` and `or` |
| lock | takes the file's reentrancy lock off |
| rounding | rounds the other way, in each of the forms the contracts round in |

The value of a declaration that the next assignment overwrites unread is left alone: Vyper wants
one, and no caller can tell which.

A fault is known by what it does to which text in which function, not by its line: it keeps its
name while other code moves.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import vyper.ast as vy_ast

LOCK = "# pragma nonreentrancy on"
_EDGES = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="}
_EDGES |= {" in ": " not in ", " not in ": " in "}
_SIGNS = {"+": "-", "-": "+"}
_SIGN_CALLS = {"unsafe_add": "unsafe_sub", "unsafe_sub": "unsafe_add"}
OVERSHOT = 3
"""At most: longer and the search would reach into what stands left of a short operand."""
_LOGIC = {"and": "or", "or": "and"}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One fault: `text` stands for `source[begin:end]`. `name` tells it from all others."""

    name: str
    file: str
    function: str
    operator: str
    line: int
    was: str
    text: str
    begin: int
    end: int
    place: tuple[int, int, int, int] = (0, 0, 0, 0)
    """First line and column, last line and column of the changed node, as the compiler counts."""
    declared: str = ""
    """The constant that the fault changes, outside of functions."""
    digest: str = ""
    """Of all the text that a verdict is about: the function's, or the declaration's."""

    def apply(self, source: str) -> str:
        """The faulty source."""
        return source[: self.begin] + self.text + source[self.end :]

    def __str__(self) -> str:
        was, text = (" ".join(part.split()) for part in (self.was, self.text))
        return (
            f"{self.file}:{self.line} {self.function} {self.operator}: {was} -> {text or '(none)'}"
        )


def mutants(file: str, source: str) -> list[Mutant]:
    """All faults of a file, in the order of its text; `file` is its path under contracts/."""
    starts = [0]
    for text in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(text))
    found = sorted(_faults(vy_ast.parse_to_ast(source), source, starts))
    seen: Counter[tuple[str, str, str, str]] = Counter()
    made = []
    for begin, end, function, operator, context, instead, place, declared, digest, read in found:
        key = (function, operator, context, instead)
        occurrence = seen[key]
        seen[key] += 1
        if not read:
            continue
        line = source.count("\n", 0, begin) + 1
        made.append(
            Mutant(
                _hash("\0".join((file, *key, str(occurrence))))[:12],
                file,
                function,
                operator,
                line,
                source[begin:end],
                instead,
                begin,
                end,
                place,
                declared,
                digest,
            )
        )
    return made


_Place = tuple[int, int, int, int]
_Fault = tuple[int, int, str, str, str, str, _Place, str, str, bool]


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _faults(module: vy_ast.Module, source: str, starts: list[int]) -> Iterator[_Fault]:
    """A `Mutant` but for its name and line, with the text around in place of what it was, and last
    whether anything could read what it changes."""

    def span(node: vy_ast.VyperNode) -> tuple[int, int]:
        return (
            starts[node.lineno - 1] + node.col_offset,
            starts[node.end_lineno - 1] + node.end_col_offset,
        )

    @functools.cache
    def digest(holder: vy_ast.VyperNode) -> str:
        text = source[slice(*span(holder))]
        if getattr(holder, "doc_string", None) is not None:
            text = text.replace(source[slice(*span(holder.doc_string))], "")
        return _hash(" ".join(re.sub("#.*", "", text).split()))[:8]

    def fault(node: vy_ast.VyperNode, begin: int, end: int, operator: str, text: str) -> _Fault:
        first, last = span(context_of.get(id(node), node))
        context = f"{source[first:begin]}\1{source[begin:end]}\1{source[end:last]}"
        holder = node.get_ancestor(vy_ast.FunctionDef)
        declaration = None if holder else node.get_ancestor(vy_ast.VariableDecl)
        return (
            begin,
            end,
            holder.name if holder else "",
            operator,
            " ".join(context.split()),
            text,
            (node.lineno, node.col_offset, node.end_lineno, node.end_col_offset),
            declaration.target.id if declaration else "",
            digest(holder or declaration or node),
            not _is_overwritten(node),
        )

    context_of: dict[int, vy_ast.VyperNode] = {}
    if LOCK in source:
        at = source.index(LOCK)
        off = f"{LOCK.removesuffix('on')}off"
        yield at, at + len(LOCK), "", "lock", LOCK, off, (0, 0, 0, 0), "", _hash(LOCK)[:8], True

    for node in module.get_descendants():
        begin, end = span(node)
        match node:
            case vy_ast.Assert():
                yield fault(node, begin, end, "assert", "pass")
            case vy_ast.Compare():
                at, sign = _between(source, span(node.left)[1], span(node.right)[0], _EDGES)
                yield fault(node, at, at + len(sign), "compare", _EDGES[sign])
            case vy_ast.BoolOp():
                for left, right in zip(node.values, node.values[1:], strict=False):
                    at, word = _between(source, span(left)[1], span(right)[0], _LOGIC)
                    yield fault(node, at, at + len(word), "logic", _LOGIC[word])
            case vy_ast.BinOp() if isinstance(node.op, vy_ast.Add | vy_ast.Sub):
                at, sign = _between(source, span(node.left)[1], span(node.right)[0], _SIGNS)
                yield fault(node, at, at + len(sign), "sign", _SIGNS[sign])
            case vy_ast.AugAssign() if isinstance(node.op, vy_ast.Add | vy_ast.Sub):
                at, sign = _between(source, span(node.target)[1], span(node.value)[0], _SIGNS)
                yield fault(node, at, at + len(sign), "sign", _SIGNS[sign])
            case vy_ast.Int() if not is_of_a_type(node):
                holder = node.get_ancestor((vy_ast.Call, vy_ast.BinOp, vy_ast.Compare)) or node
                context_of[id(node)] = holder
                found = fault(node, begin, end, "literal", "")
                up = node.value == 0 or hashlib.sha256(found[4].encode()).digest()[0] % 2 == 0
                yield *found[:5], str(node.value + 1 if up else node.value - 1), *found[6:]
            case vy_ast.Call():
                name = source[slice(*span(node.func))]
                if name in _SIGN_CALLS:
                    at, stop = span(node.func)
                    yield fault(node, at, stop, "sign", _SIGN_CALLS[name])
                turned = _rounded_otherwise(name, [source[slice(*span(a))] for a in node.args])
                if turned:
                    yield fault(node, begin, end, "rounding", turned)


def _between(source: str, begin: int, end: int, words: dict[str, str]) -> tuple[int, str]:
    """The operator between two operands, which brackets and spaces may surround.

    In a `log` line the compiler takes the left one's end some characters too far to the right.
    """
    pattern = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    found = re.search(pattern, source[begin:end])
    if found is None:
        begin -= OVERSHOT
        found = re.search(pattern, source[begin:end])
    if found is None:
        raise ValueError(f"no operator between two operands: {source[begin:end]!r}")
    return begin + found.start(), found.group()


def is_of_a_type(node: vy_ast.VyperNode) -> bool:
    """Whether a number is part of a type, a bound, or what a file declares about itself."""
    child, parent = node, node.get_ancestor()
    while parent is not None and not isinstance(parent, vy_ast.Module):
        match parent:
            case vy_ast.AnnAssign() | vy_ast.arg() if child is parent.annotation:
                return True
            case vy_ast.VariableDecl() if child is not parent.value:  # public(uint256[7]), too
                return True
            case vy_ast.keyword() if parent.arg == "bound":
                return True
            case vy_ast.FunctionDef() if child is parent.returns:
                return True
            case vy_ast.EventDef() | vy_ast.StructDef() | vy_ast.InterfaceDef():
                return True
            case vy_ast.Call() if (
                isinstance(parent.func, vy_ast.Name)
                and parent.func.id in ("empty", "convert", "_abi_decode")
                and child is not parent.func
                and child is not parent.args[0]
            ) or (isinstance(parent.func, vy_ast.Name) and parent.func.id == "empty"):
                return True
        child, parent = parent, parent.get_ancestor()
    return False


def _is_overwritten(node: vy_ast.VyperNode) -> bool:
    """Whether a number only stands in a declaration, of a variable that is given another value
    before anybody could read it: `a: uint256 = 0`, then at once `a, b = self._both()`."""
    declaration = node.get_ancestor()
    if not isinstance(node, vy_ast.Int) or not isinstance(declaration, vy_ast.AnnAssign):
        return False
    block = next(
        (
            lines
            for name in ("body", "orelse")
            if isinstance(lines := declaration.get_ancestor().get(name), list)
            and any(line is declaration for line in lines)
        ),
        [],
    )
    at = next((n for n, line in enumerate(block) if line is declaration), len(block))
    return _overwrites(block[at + 1 :], declaration.target.id)


def _overwrites(lines: list[vy_ast.VyperNode], name: str) -> bool:
    """Whether lines give a variable another value before they could read it, on every way."""
    for line in lines:
        if isinstance(line, vy_ast.If):
            return (
                not _reads(line.test, name)
                and _overwrites(line.body, name)
                and _overwrites(line.orelse, name)
            )
        if not isinstance(line, vy_ast.Assign | vy_ast.AnnAssign) or _reads(line.value, name):
            return False
        if isinstance(line, vy_ast.Assign):
            given = getattr(line.target, "elements", [line.target])
            named = [part.get("id") for part in given]  # else a place in memory, reached by reading
            if name in named or None in named:
                return name in named and None not in named
    return False


def _reads(node: vy_ast.VyperNode, name: str) -> bool:
    return name in {part.id for part in node.get_descendants(vy_ast.Name, include_self=True)}


def _rounded_otherwise(name: str, arguments: list[str]) -> str | None:
    """The same quotient rounded the other way; None where a call is no rounding of ours."""
    name = name.split(".")[-1]
    if name == "_ceil_div":
        return f"unsafe_div({arguments[0]}, {arguments[1]})"
    if name == "_floor_lots":
        return f"unsafe_div({arguments[0]}, 10 ** 10)"
    if name != "unsafe_div":
        return None
    above = re.fullmatch(r"unsafe_add\((.*),\s*[^,]*- 1\)", arguments[0], re.DOTALL)
    return f"unsafe_div({above.group(1)}, {arguments[1]})" if above else None
