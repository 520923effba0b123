# SPDX-License-Identifier: Apache-2.0
"""Every number of contracts/modules/reasons.vy has its words in `Rules.refuse` and tests that trip
it, and every skip code of the page has tests that name it."""

from __future__ import annotations

import ast
import re

import pytest
from tests.support.compiler import CONTRACTS, ROOT
from tests.support.evm import refuses
from tests.support.venue import Venue

SOURCE = (CONTRACTS / "modules" / "reasons.vy").read_text()
RULES = (CONTRACTS / "Rules.vy").read_text()
REASONS = {
    name: int(number)
    for name, number in re.findall(r"^([A-Z_]+): constant\(uint256\) = (\d+)$", SOURCE, re.M)
}
WORDS = dict(re.findall(r'assert reason != reasons\.([A-Z_]+), "(clearing: [^"]+)"', RULES))

CODES_ELSEWHERE = {18, 23}
"""EXIT and DELEVERAGED: recovery/test_exits.py and test_deleverage.py."""


def source_of_tests() -> str:
    """The source of all tests of contracts but this one."""
    here = ROOT / "tests"
    files = [*(here / "unit" / "contracts").rglob("test_*.py"), *(here / "attacks").glob("*.py")]
    return "\n".join(file.read_text() for file in files if file.name != "test_reasons.py")


def test_reasons_are_numbered_from_one_without_a_gap() -> None:
    assert sorted(REASONS.values()) == list(range(1, len(REASONS) + 1))
    assert set(WORDS) == set(REASONS)
    assert len(set(WORDS.values())) == len(WORDS)


@pytest.mark.parametrize("name", REASONS)
def test_a_reason_has_a_use_and_a_test_that_trips_it(name: str) -> None:
    users = [
        file.name
        for file in [CONTRACTS / "Clearing.vy", *(CONTRACTS / "modules").glob("*.vy")]
        if f"reasons.{name})" in file.read_text()
    ]
    assert users, f"{name} is refused by nobody"
    assert f'"{WORDS[name]}"' in source_of_tests(), f"no test expects {WORDS[name]!r}"


@pytest.mark.parametrize("name", REASONS)
def test_refuse_says_the_words_of_a_reason(venue: Venue, name: str) -> None:
    with refuses(venue.world, WORDS[name]):
        venue.rules.refuse(REASONS[name])


def test_refuse_lets_numbers_pass_that_are_no_reason(venue: Venue) -> None:
    for number in (0, len(REASONS) + 1, 2**256 - 1):
        assert venue.rules.refuse(number) is True


def test_every_string_a_contract_asserts_is_expected_by_a_test() -> None:
    """The strings of `Rules`, `Seals`, `Delegates`, `signers` and `vectors` as well."""
    text = source_of_tests()
    for file in (
        "Rules.vy",
        "Seals.vy",
        "Delegates.vy",
        "modules/signers.vy",
        "modules/vectors.vy",
    ):
        source = (CONTRACTS / file).read_text()
        for words in set(
            re.findall(r'"((?:clearing|seals|delegates|signers|vector): [^"]+)"', source)
        ):
            assert words in text, f"{file}: no test expects {words!r}"


def test_every_skip_code_is_expected_by_a_test() -> None:
    page = (ROOT / "docs" / "protocol.md").read_text()
    section = page[page.index("### 5.3") : page.index("### 5.4")]
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", section, re.M)}
    assert codes == set(range(1, 24))
    tree = ast.parse((ROOT / "tests/unit/contracts/clearing/test_settle_skips.py").read_text())
    expected: list[ast.expr] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            place = {"assert_skipped": 2, "Edge": 0}.get(node.func.id)
            expected += [] if place is None else [node.args[place]]
        elif isinstance(node, ast.Compare):
            expected += [
                part
                for side in node.comparators
                for part in ast.walk(side)
                if isinstance(part, ast.expr)
            ]
    named = {node.value for node in expected if isinstance(node, ast.Constant)}
    assert codes - named == CODES_ELSEWHERE
