#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The contract lint: what a reviewer would have to remember, remembered here.

    python tools/lint_contracts.py [contracts/]      prints `file:line: rule: what to do`

Two passes over every `.vy` and `.vyi` file. The first reads each file alone (text and syntax tree),
so that it also sees modules that cannot compile by themselves. The second lets the compiler
annotate each deployable contract with everything it imports from our tree, and judges types:
ternaries on compound values, effects hidden inside expressions.

Most rules stand for a compiler advisory or an incident (`docs/decisions/`, README). Two of them,
the text rule and the ternary rule, keep us clear of defects that Vyper 0.4.3 still has;
`tests/unit/contracts/test_compiler_canaries.py` watches those defects.

What a file may do that others may not stands in `ALLOWED`, with the reason. An entry nobody uses is
a finding too.
"""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import vyper.ast as vy_ast
from vyper.exceptions import VyperException
from vyper.semantics.types import DArrayT, SArrayT, StructT, TupleT
from vyper.semantics.types.function import ContractFunctionT

from compiler import CONTRACTS, compiler_data, deployable

#: Rules without exceptions, whatever `ALLOWED` says.
NEVER_ALLOWED = frozenset(("text", "pragma", "header", "compile", "ternary", "nested"))

#: file under contracts/ -> rule -> why this file may break it. Reviewed like code.
ALLOWED: dict[str, dict[str, str]] = {
    "Bond.vy": {
        "shift": "a literal mask, and a claim's word: a time from the clock, an account of 32 "
        "bits, an amount of at most REWARD_E6_MAX",
    },
    "Clearing.vy": {
        "unchecked": "sums over at most 256 records and 16 positions of fields below 2^86: far "
        "from 2^255; the results are range-checked where they become words",
        "shift": "keys (account << 4 | place) of narrower fields, and words in memory whose fields "
        "were just unpacked",
    },
    "Delegates.vy": {
        "shift": "three arguments whose ranges the function asserts",
        "raw_call": "asks a stranger's wallet: bounded gas, a bounded answer, and it may fail",
        "slice": "the wallet's answer, whose length was just checked, to the word it must be",
    },
    "Oracle.vy": {"shift": "one bit, of a market's number below 192"},
    "Pool.vy": {
        "defaults": "ERC-7540 wants deposit and mint in ERC-4626's form and in a longer one",
        "shift": "assets and shares bounded where they are asked for, epochs below 2^32, fields "
        "just unpacked; an epoch nobody asked in is answered before it is shifted",
    },
    "Recovery.vy": {
        "order": "what the other side of a market owes is Clearing's answer, so it is kept after "
        "the call; both contracts are under their locks",
    },
    "Teller.vy": {"raw_call": "a permit that fails is ignored: the allowance decides"},
    "Rules.vy": {
        "unchecked": "Clearing's numbers are fields of at most 88 bits or sums of 256 of them: no "
        "sum leaves 128 bits, no product 256; check_price narrows what strangers ask",
        "shift": "fields just unpacked at the same widths, and sums that were range-checked",
    },
    "Seals.vy": {"shift": "a time from the clock, below 2^48, above an address"},
    "Timelock.vy": {
        "reentrant": "what only the timelock itself may call, out of `execute` and so under its "
        "lock: the caller's address is the guard, and no call goes out",
    },
    "modules/collateral.vy": {"shift": "an address into the upper 160 bits of an empty word"},
    "modules/markets.vy": {
        "unchecked": "products of fields of the position and clock words: i64 * u64 < 2^128",
        "shift": "keys of a market number below 256, and fields just unpacked at the same widths",
    },
    "modules/orders.vy": {
        "unchecked": "sums of u64 and u32 fields, compared before they are stored",
        "shift": "keys (account << 8 | slot), and a delegate word of typed, narrower arguments",
    },
    "modules/packing.vy": {
        "unchecked": "bit positions are literals; a field's range is asserted before it is shifted",
        "shift": "the one place where fields become words; round trips are property-tested",
    },
    "modules/pricing.vy": {
        "unchecked": "products of fields of at most 88 bits; their widths: docs/protocol.md 3",
    },
    "modules/reasons.vy": {
        "reason": "`Rules.refuse` always reverts with the words; the next line is never reached",
    },
    "modules/signatures.vy": {
        "unchecked": "27 plus one bit",
        "shift": "drops the parity bit from a signature's second word, which is read before",
    },
    "modules/signers.vy": {"shift": "thresholds of at most 16 and times from the clock"},
    "modules/sources.vy": {
        "unchecked": "products of a u64, a u32 and a u15 field and a literal below 2^17",
        "shift": "one bit of a market's number below 192, and a field just read",
    },
    "modules/units.vy": {
        "unchecked": "divisions by literals and products whose ranges the callers assert",
    },
    "modules/vectors.vy": {
        "unchecked": "indexes into at most 64 words, bounded by the assert on their number",
        "slice": "cuts this module's own encoding to the chunks in use; no caller's bytes",
    },
}

PRAGMAS = ("# pragma version 0.4.3", "# pragma nonreentrancy on")
REASON = re.compile(r"[a-z][a-z0-9_]*: [a-z0-9][^\n]*[^\s.]")
LICENSE = "@license AGPL-3.0-only"

BANNED_CALLS = {
    "raw_call": "use `extcall` or `staticcall` on an interface",
    "raw_create": "nothing here deploys contracts",
    "raw_log": "declare an event",
    "raw_revert": "assert with a literal reason",
    "create_minimal_proxy_to": "nothing here deploys contracts",
    "create_copy_of": "nothing here deploys contracts",
    "create_from_blueprint": "nothing here deploys contracts (CVE-2026-114118)",
    "selfdestruct": "never",
    "send": "nothing here holds ether",
    "slice": "take typed structs in calldata; the decoder checks them",
    "extract32": "take typed structs in calldata; the decoder checks them",
    "abi_decode": "take typed structs in calldata; the decoder checks them",
    "_abi_decode": "take typed structs in calldata; the decoder checks them",
    "sqrt": "use an integer root with a stated rounding",
}
BANNED_MEMBERS = {
    ("msg", "value"): "nothing is payable (CVE-2026-114117)",
    ("msg", "data"): "typed calldata only (CVE-2026-114117)",
    ("tx", "origin"): "judge msg.sender",
}
BANNED_DECORATORS = {
    "payable": "nothing here holds ether",
    "reentrant": "every external function stands under the lock",
    "raw_return": "return typed values",
}
BANNED_KEYWORDS = {
    "skip_contract_check": "a call to an address without code must revert",
    "is_delegate_call": "never run other code in this storage",
}
UNCHECKED = {"unsafe_add", "unsafe_sub", "unsafe_mul", "unsafe_div", "pow_mod256"}
TOKEN_MOVES = {"transfer", "transferFrom"}


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One broken rule at one place. `path` is relative to the folder that was linted."""

    path: str
    line: int
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.message}"


Found = Iterator[tuple[int, str, str]]  # line, rule, message


# -- text ------------------------------------------------------------------------


def text_rules(source: str, *, interface: bool) -> Found:
    """Bytes and header lines, before anything is parsed."""
    for number, line in enumerate(source.split("\n"), start=1):
        odd = sorted({char for char in line if not " " <= char <= "~"})
        if odd:
            names = ", ".join(f"U+{ord(char):04X}" for char in odd)
            yield (
                number,
                "text",
                f"only printable ASCII and line feeds, found {names}: others shift the compiler's "
                "source positions, and with them literals (CVE-2026-114114, CVE-2026-114116)",
            )
    wanted = PRAGMAS[:1] if interface else PRAGMAS
    lines = source.split("\n")
    for at, pragma in enumerate(wanted):
        if len(lines) <= at or lines[at] != pragma:
            yield at + 1, "pragma", f"line {at + 1} must be `{pragma}`"
    for number, line in enumerate(lines, start=1):
        if re.match(r"\s*#\s*(pragma|@version)\b", line) and line not in PRAGMAS:
            yield number, "pragma", "no other pragma: code generation is the compiler's default"


# -- syntax ----------------------------------------------------------------------


def syntax_rules(module: vy_ast.Module, *, interface: bool) -> Found:
    """Rules that need the tree but no types."""
    header = docstring(module)
    if "@title" not in header or LICENSE not in header:
        yield 1, "header", f"the file's docstring must hold @title and `{LICENSE}`"
    yield from banned_rules(module)
    yield from arithmetic_rules(module)
    yield from reason_rules(module)
    yield from log_rules(module)
    yield from declaration_rules(module)
    for function in module.get_children(vy_ast.FunctionDef):
        if not interface:
            yield from function_rules(function)


def docstring(node: vy_ast.TopLevel) -> str:
    text = getattr(node, "doc_string", None)
    return "" if text is None else str(text.value)


def banned_rules(module: vy_ast.Module) -> Found:
    for call in module.get_descendants(vy_ast.Call):
        if isinstance(call.func, vy_ast.Name) and call.func.id in BANNED_CALLS:
            yield call.lineno, call.func.id, BANNED_CALLS[call.func.id]
    for keyword in module.get_descendants(vy_ast.keyword):
        if keyword.arg in BANNED_KEYWORDS:
            yield keyword.lineno, keyword.arg, BANNED_KEYWORDS[keyword.arg]
    for member in module.get_descendants(vy_ast.Attribute):
        if isinstance(member.value, vy_ast.Name):
            why = BANNED_MEMBERS.get((member.value.id, member.attr))
            if why is not None:
                yield member.lineno, f"{member.value.id}.{member.attr}", why
    for variable in module.get_descendants(vy_ast.VariableDecl):
        if variable.is_reentrant:
            yield variable.lineno, "reentrant", BANNED_DECORATORS["reentrant"]


def arithmetic_rules(module: vy_ast.Module) -> Found:
    for call in module.get_descendants(vy_ast.Call):
        if isinstance(call.func, vy_ast.Name) and call.func.id in UNCHECKED:
            yield call.lineno, "unchecked", f"{call.func.id} wraps silently: use checked arithmetic"
    for operation in module.get_descendants((vy_ast.BinOp, vy_ast.AugAssign)):
        # A right shift only reads; a left shift drops high bits without a word.
        if isinstance(operation.op, vy_ast.LShift):
            yield operation.lineno, "shift", "a left shift drops bits silently: pack in packing.vy"


def reason_rules(module: vy_ast.Module) -> Found:
    for check in module.get_descendants((vy_ast.Assert, vy_ast.Raise)):
        reason = check.msg if isinstance(check, vy_ast.Assert) else check.exc
        if not isinstance(reason, vy_ast.Str) or not REASON.fullmatch(reason.value):
            yield (
                check.lineno,
                "reason",
                'a literal reason "contract: fact", lower case: callers map it to an error',
            )


def log_rules(module: vy_ast.Module) -> Found:
    for log in module.get_descendants(vy_ast.Log):
        if log.value.args:
            yield log.lineno, "event", "name every field: log IName.Happened(field=value)"


def declaration_rules(module: vy_ast.Module) -> Found:
    for exports in module.get_children(vy_ast.ExportsDecl):
        for member in exports.get_descendants(vy_ast.Attribute):
            if member.attr == "__interface__":
                yield exports.lineno, "exports", "write exports out name by name: they are the ABI"
    for array in module.get_descendants(vy_ast.Subscript):
        inner = array.get_descendants(vy_ast.Subscript)
        if is_dynamic(array) and any(is_dynamic(other) for other in inner):
            yield array.lineno, "nested", "no DynArray of DynArray (CVE-2026-114115)"


def is_dynamic(node: vy_ast.Subscript) -> bool:
    return isinstance(node.value, vy_ast.Name) and node.value.id == "DynArray"


def function_rules(function: vy_ast.FunctionDef) -> Found:
    decorators = {d.id for d in function.decorator_list if isinstance(d, vy_ast.Name)}
    for name in sorted(decorators & BANNED_DECORATORS.keys()):
        yield function.lineno, name, BANNED_DECORATORS[name]
    if function.name == "__default__":
        yield function.lineno, "__default__", "an unknown call must revert"
    if "external" in decorators:
        if "@notice" not in docstring(function):
            yield function.lineno, "undocumented", f"{function.name} needs a docstring with @notice"
        if function.args.defaults:
            yield (
                function.lineno,
                "defaults",
                f"{function.name} has default arguments, each of which is one more selector",
            )


# -- types -----------------------------------------------------------------------


def typed_rules(module: vy_ast.Module) -> Found:
    """Rules over the compiler's annotated tree of one file."""
    for ternary in module.get_descendants(vy_ast.IfExp):
        if isinstance(ternary._metadata.get("type"), (DArrayT, SArrayT, StructT, TupleT)):
            yield (
                ternary.lineno,
                "ternary",
                "no ternary on arrays or structs (CVE-2026-114115): write an if statement",
            )
    for call in effects(module):
        if not stands_alone(call):
            yield (
                call.lineno,
                "effect",
                "a call that changes state stands alone in its statement: name its result first",
            )
    for call in module.get_descendants(vy_ast.ExtCall):
        target = call.value.func
        if isinstance(target, vy_ast.Attribute) and target.attr in TOKEN_MOVES:
            yield from token_rules(call)
    for function in module.get_children(vy_ast.FunctionDef):
        yield from order_rules(function, set(imported_names(module)))


def effects(module: vy_ast.Module) -> Iterator[vy_ast.VyperNode]:
    """Calls that change state: external ones, internal ones that are not view, and `pop`."""
    yield from module.get_descendants(vy_ast.ExtCall)
    for call in module.get_descendants(vy_ast.Call):
        if isinstance(call.get_ancestor(), vy_ast.ExtCall):
            continue
        kind = call.func._metadata.get("type")
        if isinstance(kind, ContractFunctionT) and kind.is_internal and kind.is_mutable:
            yield call
        if isinstance(call.func, vy_ast.Attribute) and call.func.attr == "pop":
            yield call


def stands_alone(call: vy_ast.VyperNode) -> bool:
    """Whether `call` is all that its statement evaluates."""
    parent = call.get_ancestor()
    if isinstance(parent, vy_ast.AugAssign):
        return isinstance(parent.target, vy_ast.Name)
    if isinstance(parent, vy_ast.Assert):
        return call is parent.test
    return isinstance(parent, (vy_ast.Expr, vy_ast.Assign, vy_ast.AnnAssign, vy_ast.Return))


def token_rules(call: vy_ast.ExtCall) -> Found:
    defaults = {k.arg for k in call.value.keywords}
    if "default_return_value" not in defaults or not asserted(call):
        yield (
            call.lineno,
            "token",
            "pass default_return_value=True and assert the result, at once or by its name: some "
            "tokens return false, some nothing",
        )


def asserted(call: vy_ast.ExtCall) -> bool:
    """Whether the call's result is what an assert tests, directly or through a name."""
    parent = call.get_ancestor()
    if isinstance(parent, vy_ast.Assert):
        return True
    function = call.get_ancestor(vy_ast.FunctionDef)
    target = getattr(parent, "target", None)
    return isinstance(target, vy_ast.Name) and any(
        isinstance(check.test, vy_ast.Name) and check.test.id == target.id
        for check in function.get_descendants(vy_ast.Assert)
    )


def imported_names(module: vy_ast.Module) -> Iterator[str]:
    for statement in module.get_children((vy_ast.Import, vy_ast.ImportFrom)):
        for alias in getattr(statement, "names", [statement]):
            yield alias.asname if getattr(alias, "asname", None) else alias.name


def order_rules(function: vy_ast.FunctionDef, modules: set[str]) -> Found:
    """Checks, effects, interactions: after a call out nothing is written and nothing logged."""
    called_at: int | None = None
    kinds = (vy_ast.ExtCall, vy_ast.Assign, vy_ast.AugAssign, vy_ast.Log)
    places = sorted(
        function.get_descendants(kinds), key=lambda node: (node.lineno, node.col_offset)
    )
    for node in places:
        if isinstance(node, vy_ast.ExtCall):
            called_at = called_at or node.end_lineno
        elif called_at is not None and node.lineno > called_at:
            if isinstance(node, vy_ast.Log) or writes_storage(node.target, modules):
                yield (
                    node.lineno,
                    "order",
                    f"nothing is written or logged after the call out in line {called_at}",
                )


def writes_storage(target: vy_ast.VyperNode, modules: set[str]) -> bool:
    while isinstance(target, (vy_ast.Attribute, vy_ast.Subscript)):
        target = target.value
    return isinstance(target, vy_ast.Name) and (target.id == "self" or target.id in modules)


# -- the lint --------------------------------------------------------------------


def sources(folder: Path) -> list[Path]:
    return sorted([*folder.rglob("*.vy"), *folder.rglob("*.vyi")])


def annotated(path: Path, folder: Path) -> Iterator[tuple[Path, vy_ast.Module]]:
    """`path` and every file of `folder` that it imports, as the compiler understands them.

    Raises `VyperException` if the contract does not compile.
    """
    seen: set[Path] = set()
    waiting = [compiler_data(path, folder).annotated_vyper_module]
    while waiting:
        module = waiting.pop()
        where = Path(module.resolved_path).resolve()
        if where in seen or not where.is_relative_to(folder):
            continue
        seen.add(where)
        yield where, module
        imported = module._metadata["type"].imported_modules.values()
        waiting.extend(info.module_t._module for info in imported)


def lint(folder: Path, allowed: Mapping[str, Mapping[str, str]] = ALLOWED) -> list[Finding]:
    """Every broken rule under `folder`, sorted; empty when all is well."""
    folder = folder.resolve()
    findings: set[Finding] = set()
    used: set[tuple[str, str]] = set()

    def collect(path: Path, found: Found) -> None:
        name = path.relative_to(folder).as_posix()
        for line, rule, message in found:
            if rule in allowed.get(name, {}) and rule not in NEVER_ALLOWED:
                used.add((name, rule))
            else:
                findings.add(Finding(name, line, rule, message))

    for path in sources(folder):
        interface = path.suffix == ".vyi"
        source = path.read_text(encoding="utf-8")
        collect(path, text_rules(source, interface=interface))
        collect(path, guarded(lambda: syntax_of(path, interface)))  # noqa: B023  (called at once)
    for path in deployable(folder):
        collect_typed(path, folder, collect)
    for name, rules in allowed.items():
        if (folder / name).exists() or folder == CONTRACTS:
            for rule in rules:
                if (name, rule) not in used:
                    message = f"the allowance for `{rule}` is not used: take it out of ALLOWED"
                    findings.add(Finding(name, 1, "allowance", message))
    return sorted(findings)


def syntax_of(path: Path, interface: bool) -> list[tuple[int, str, str]]:
    tree = vy_ast.parse_to_ast(path.read_text(encoding="utf-8"), is_interface=interface)
    return list(syntax_rules(tree, interface=interface))


def guarded(rules: Callable[[], list[tuple[int, str, str]]]) -> Found:
    """The findings of `rules`, or the compiler's complaint as one."""
    try:
        yield from rules()
    except (VyperException, SyntaxError) as error:
        yield getattr(error, "lineno", None) or 1, "compile", first_line(error)


def first_line(message: object) -> str:
    return str(message).strip().partition("\n")[0]


def collect_typed(path: Path, folder: Path, collect: Callable[[Path, Found], None]) -> None:
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            for where, module in annotated(path, folder):
                collect(where, typed_rules(module))
        except VyperException as error:
            line = getattr(error, "lineno", None) or 1
            collect(path, iter([(line, "compile", first_line(error))]))
    for warning in warned:
        collect(path, iter([(1, "warning", first_line(warning.message))]))


def main(arguments: list[str]) -> int:
    folder = Path(arguments[0]) if arguments else CONTRACTS
    files = sources(folder)
    if not files:
        print(f"no contracts under {folder}", file=sys.stderr)
        return 1
    findings = lint(folder)
    for finding in findings:
        print(finding)
    print(f"contract lint: {len(files)} files, {len(findings)} findings", file=sys.stderr)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
