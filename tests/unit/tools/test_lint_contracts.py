# SPDX-License-Identifier: Apache-2.0
"""Every rule of the contract lint fires on a small bad contract, and a good one passes."""

from __future__ import annotations

from pathlib import Path

import pytest

from lint_contracts import ALLOWED, NEVER_ALLOWED, Finding, lint, main

HEADER = '''# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Sample
@license AGPL-3.0-only
@notice A contract for tests.
"""
'''

GOOD = (
    HEADER
    + '''
from .interfaces import IToken
from .modules import shelf

initializes: shelf

event Moved:
    to: indexed(address)
    amount_e6: uint256

TOKEN: immutable(IToken)
moved_e6: public(uint256)


@deploy
def __init__(token: IToken):
    TOKEN = token


@external
def move(to: address, amount_e6: uint256):
    """
    @notice Send tokens on.
    """
    assert amount_e6 != 0, "sample: amount is zero"
    self.moved_e6 += amount_e6
    kept: uint256 = shelf._put(amount_e6)
    log Moved(to=to, amount_e6=kept)
    assert extcall TOKEN.transfer(to, amount_e6, default_return_value=True), "sample: not moved"
'''
)

MODULE = '''# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Shelf
@license AGPL-3.0-only
@notice State for the sample.
"""

held: uint256


@internal
def _put(amount: uint256) -> uint256:
    self.held += amount
    return self.held
'''

TOKEN = '''# pragma version 0.4.3
"""
@title IToken
@license AGPL-3.0-only
@notice The token that the sample moves.
"""


@external
def transfer(to: address, amount: uint256) -> bool: ...
'''


def tree(folder: Path, sample: str = GOOD, module: str = MODULE, token: str = TOKEN) -> Path:
    """A contracts folder with one contract, one module and one interface."""
    contracts = folder / "contracts"
    for name, text in (
        ("Sample.vy", sample),
        ("modules/shelf.vy", module),
        ("interfaces/IToken.vyi", token),
    ):
        path = contracts / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return contracts


def rules(findings: list[Finding]) -> set[str]:
    return {finding.rule for finding in findings}


def test_a_good_tree_passes(tmp_path: Path) -> None:
    assert lint(tree(tmp_path), {}) == []


def external(body: str, arguments: str = "") -> str:
    """The good contract with one more external function."""
    lines = "\n".join(f"    {line}" for line in body.strip("\n").split("\n"))
    notice = '    """\n    @notice More.\n    """\n'
    return f"{GOOD}\n\n@external\ndef more({arguments}):\n{notice}{lines}\n"


PAIR = "struct Pair:\n    a: uint256\n    b: uint256\n\n"


@pytest.mark.parametrize(
    ("rule", "sample"),
    [
        ("text", GOOD.replace("A contract", "A contract \N{SECTION SIGN}2,")),
        ("text", GOOD.replace("    TOKEN = token", "\x0c    TOKEN = token")),
        ("text", GOOD.replace("@notice Send", "@notice\tSend")),
        ("pragma", GOOD.replace("0.4.3", "~=0.4.3", 1)),
        ("pragma", GOOD.replace("# pragma nonreentrancy on\n", "")),
        ("pragma", GOOD.replace('"""\n@title', '# pragma optimize codesize\n"""\n@title', 1)),
        ("pragma", GOOD.replace('"""\n@title', '#pragma experimental-codegen\n"""\n@title', 1)),
        ("header", GOOD.replace("@license AGPL-3.0-only", "@license MIT")),
        ("header", GOOD.replace("@title Sample\n", "")),
        ("raw_call", external("raw_call(msg.sender, b'')")),
        (
            "is_delegate_call",
            external("raw_call(msg.sender, b'', is_delegate_call=True)"),
        ),
        ("create_minimal_proxy_to", external("a: address = create_minimal_proxy_to(self)")),
        ("raw_log", external("raw_log([], b'')")),
        ("send", external("send(msg.sender, 1)")),
        ("slice", external("a: Bytes[4] = slice(b'12345678', 0, 4)")),
        ("abi_decode", external("a: uint256 = abi_decode(data, uint256)", "data: Bytes[32]")),
        (
            "skip_contract_check",
            GOOD.replace("default_return_value=True", "skip_contract_check=True"),
        ),
        (
            "msg.value",
            external("a: uint256 = msg.value").replace(
                "@external\ndef more", "@payable\n@external\ndef more"
            ),
        ),
        (
            "payable",
            external("pass").replace("@external\ndef more", "@payable\n@external\ndef more"),
        ),
        ("msg.data", external("a: uint256 = len(msg.data)")),
        ("tx.origin", external("assert msg.sender == tx.origin, 'sample: not direct'")),
        (
            "reentrant",
            external("pass").replace("@external\ndef more", "@reentrant\n@external\ndef more"),
        ),
        ("reentrant", GOOD.replace("public(uint256)", "reentrant(public(uint256))")),
        ("__default__", GOOD + "\n\n@external\ndef __default__():\n    pass\n"),
        ("unchecked", external("a: uint256 = unsafe_add(x, 1)", "x: uint256")),
        ("shift", external("a: uint256 = x << 8", "x: uint256")),
        ("reason", external("assert x != 0", "x: uint256")),
        ("reason", external("assert x != 0, 'Sample: Zero.'", "x: uint256")),
        ("reason", external("assert x != 0, 'zero'", "x: uint256")),
        ("reason", external("assert x != 0, UNREACHABLE", "x: uint256")),
        ("reason", external("raise", "")),
        ("reason", external("reason: String[12] = 'sample: bad'\nraise reason")),
        ("event", external("log Moved(msg.sender, 1)")),
        (
            "exports",
            GOOD.replace("initializes: shelf", "initializes: shelf\nexports: shelf.__interface__"),
        ),
        ("nested", external("a: DynArray[DynArray[uint256, 2], 2] = [[1], [2]]")),
        ("undocumented", external("pass").replace("    @notice More.\n", "    @dev More.\n")),
        ("defaults", external("pass", "x: uint256 = 3")),
        ("ternary", external("a: uint256[2] = [x, 1] if x > 2 else [1, x]", "x: uint256")),
        (
            "ternary",
            external(
                "a: DynArray[uint256, 2] = [x]\nb: DynArray[uint256, 2] = [1]\n"
                "c: uint256 = len(a if x > 2 else b)",
                "x: uint256",
            ),
        ),
        (
            "ternary",
            external(
                "p: Pair = Pair(a=1, b=2)\nq: Pair = p if x > 2 else Pair(a=3, b=4)", "x: uint256"
            ).replace("event Moved", PAIR + "event Moved", 1),
        ),
        ("effect", external("a: uint256 = 1 + shelf._put(x)", "x: uint256")),
        ("effect", external("a: uint256 = max(x, shelf._put(x))", "x: uint256")),
        ("effect", external("self.moved_e6 += shelf._put(x)", "x: uint256")),
        ("effect", external("log Moved(to=self, amount_e6=shelf._put(1))")),
        ("effect", external("if shelf._put(1) == 2:\n    pass")),
        ("effect", external("a: uint256 = shelf._put(x) if x > 2 else 1", "x: uint256")),
        ("token", GOOD.replace(", default_return_value=True", "")),
        (
            "token",
            external("extcall TOKEN.transfer(self, 1, default_return_value=True)"),
        ),
        (
            "order",
            external(
                "assert extcall TOKEN.transfer(self, 1, default_return_value=True), 'sample: no'\n"
                "self.moved_e6 = 0"
            ),
        ),
        (
            "order",
            external(
                "assert extcall TOKEN.transfer(self, 1, default_return_value=True), 'sample: no'\n"
                "log Moved(to=self, amount_e6=1)"
            ),
        ),
        ("warning", external("log Moved(msg.sender, 1)")),
        ("compile", external("a: uint256 = nowhere")),
        ("compile", GOOD + "\n\ndef broken(\n"),
    ],
)
def test_a_bad_contract_is_found(tmp_path: Path, rule: str, sample: str) -> None:
    assert rule in rules(lint(tree(tmp_path, sample=sample), {}))


def test_a_token_result_may_be_asserted_by_its_name(tmp_path: Path) -> None:
    body = "done: bool = extcall TOKEN.transfer(self, 1, default_return_value=True)\n"
    checked = external(body + "assert done, 'sample: not moved'")
    assert lint(tree(tmp_path, sample=checked), {}) == []
    assert rules(lint(tree(tmp_path, sample=external(body)), {})) == {"token"}


def test_a_module_is_held_to_the_same_rules(tmp_path: Path) -> None:
    module = MODULE.replace("# pragma nonreentrancy on\n", "").replace(
        "self.held += amount", "self.held = unsafe_add(self.held, amount)"
    )
    found = lint(tree(tmp_path, module=module), {})
    assert {("modules/shelf.vy", "pragma"), ("modules/shelf.vy", "unchecked")} <= {
        (finding.path, finding.rule) for finding in found
    }


def test_a_module_that_nothing_imports_is_read_too(tmp_path: Path) -> None:
    contracts = tree(tmp_path)
    (contracts / "modules" / "spare.vy").write_text(
        MODULE + "\n@internal\ndef _drop():\n    assert self.held == 0\n", encoding="utf-8"
    )
    assert [str(finding).partition(":")[0] for finding in lint(contracts, {})] == [
        "modules/spare.vy"
    ]


def test_an_interface_needs_its_version_and_header(tmp_path: Path) -> None:
    token = TOKEN.replace("# pragma version 0.4.3\n", "").replace("@title IToken\n", "")
    assert {"pragma", "header"} <= rules(lint(tree(tmp_path, token=token), {}))


def test_an_allowance_covers_its_file_and_rule_only(tmp_path: Path) -> None:
    sample = external("a: uint256 = unsafe_add(x << 8, 1)", "x: uint256")
    contracts = tree(tmp_path, sample=sample)
    assert rules(lint(contracts, {})) == {"unchecked", "shift"}
    assert rules(lint(contracts, {"Sample.vy": {"unchecked": "tested"}})) == {"shift"}
    assert rules(lint(contracts, {"modules/shelf.vy": {"unchecked": "tested"}})) == {
        "unchecked",
        "shift",
        "allowance",
    }


def test_an_allowance_that_nobody_uses_is_a_finding(tmp_path: Path) -> None:
    (finding,) = lint(tree(tmp_path), {"Sample.vy": {"shift": "tested"}})
    assert finding.rule == "allowance" and "take it out" in finding.message


@pytest.mark.parametrize("rule", sorted(NEVER_ALLOWED))
def test_some_rules_know_no_allowance(rule: str) -> None:
    for rules_of_file in ALLOWED.values():
        assert rule not in rules_of_file


def test_a_never_allowed_rule_fires_in_spite_of_an_allowance(tmp_path: Path) -> None:
    sample = GOOD.replace("A contract", "A contract \N{SECTION SIGN}2,")
    assert "text" in rules(lint(tree(tmp_path, sample=sample), {"Sample.vy": {"text": "tested"}}))


def test_the_command_prints_findings_and_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    contracts = tree(tmp_path, sample=external("assert x != 0", "x: uint256"))
    assert main([str(contracts)]) == 1
    assert "Sample.vy:44: reason: " in capsys.readouterr().out
    assert main([str(tree(tmp_path))]) == 0
    assert main([str(tmp_path / "nothing")]) == 1
