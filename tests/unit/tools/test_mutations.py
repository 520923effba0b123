# SPDX-License-Identifier: Apache-2.0
"""The fault finder: what it changes, and that a fault keeps its name when code around it moves."""

from __future__ import annotations

import pytest

from mutations import mutants

SOURCE = """# pragma version 0.4.3
# pragma nonreentrancy on
LIMIT: constant(uint256) = 5
sizes: uint256[7]
shown: public(uint256[9])


@internal
@pure
def _move(a: uint256, b: uint256) -> uint256:
    assert a < LIMIT and b != 0, "probe: out of range"
    assert b in [1, 2], "probe: out of range"
    c: uint256 = unsafe_div(unsafe_add(a, LIMIT - 1), LIMIT)
    c += b
    return unsafe_sub(convert(c, uint256), a)
"""


def changed(operator: str) -> set[tuple[str, str]]:
    return {
        (mutant.was, mutant.text)
        for mutant in mutants("Probe.vy", SOURCE)
        if mutant.operator == operator
    }


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        (
            "assert",
            {
                ('assert a < LIMIT and b != 0, "probe: out of range"', "pass"),
                ('assert b in [1, 2], "probe: out of range"', "pass"),
            },
        ),
        ("compare", {("<", "<="), ("!=", "=="), (" in ", " not in ")}),
        ("logic", {("and", "or")}),
        ("lock", {("# pragma nonreentrancy on", "# pragma nonreentrancy off")}),
        (
            "sign",
            {
                ("unsafe_add", "unsafe_sub"),
                ("unsafe_sub", "unsafe_add"),
                ("-", "+"),
                ("+", "-"),
            },
        ),
        (
            "rounding",
            {("unsafe_div(unsafe_add(a, LIMIT - 1), LIMIT)", "unsafe_div(a, LIMIT)")},
        ),
    ],
)
def test_each_operator_changes_what_it_says(operator: str, expected: set[tuple[str, str]]) -> None:
    assert changed(operator) == expected


def test_numbers_of_types_stay_and_others_move_by_one() -> None:
    assert {was for was, _ in changed("literal")} == {"5", "0", "1", "2"}
    assert all(abs(int(was) - int(text)) == 1 for was, text in changed("literal"))


def test_a_fault_applied_changes_its_own_text_alone() -> None:
    for mutant in mutants("Probe.vy", SOURCE):
        faulty = mutant.apply(SOURCE)
        assert faulty != SOURCE
        assert faulty[: mutant.begin] == SOURCE[: mutant.begin]
        assert faulty.endswith(SOURCE[mutant.end :])


def test_names_are_unique_and_stay_when_lines_move() -> None:
    names = [mutant.name for mutant in mutants("Probe.vy", SOURCE)]
    assert len(set(names)) == len(names)
    moved = SOURCE.replace("LIMIT: constant", "# a word more\n\nLIMIT: constant")
    assert [mutant.name for mutant in mutants("Probe.vy", moved)] == names


def test_a_sum_in_a_log_line_is_found() -> None:
    source = SOURCE + (
        "\n\nevent Moved:\n    until: uint256\n\n\n@internal\ndef _log():\n"
        "    log Moved(until=_move(1, 2) + LIMIT)\n"
    )
    signs = [mutant for mutant in mutants("Probe.vy", source) if mutant.function == "_log"]
    assert [fault.was for fault in signs if fault.operator == "sign"] == ["+"]


def test_a_digest_changes_with_its_function_and_with_no_other() -> None:
    def digests(source: str) -> dict[str, str]:
        return {fault.name: fault.digest for fault in mutants("Probe.vy", source)}

    other = "\n\n@internal\ndef _other(a: uint256) -> uint256:\n    return a + {}\n"
    before = digests(SOURCE + other.format(3))
    names = {fault.name for fault in mutants("Probe.vy", SOURCE)}
    said = SOURCE.replace("    c += b\n", "    c += b  # and a word about it\n")
    assert digests(said + other.format(3)) == before
    edited = digests(SOURCE + other.format(4))
    assert {name: edited[name] for name in names} == {name: before[name] for name in names}
    assert set(edited.values()) != set(before.values())


def test_a_value_that_nobody_reads_is_left_alone() -> None:
    body = """

@internal
def _read(a: uint256) -> uint256:
    b: uint256 = {}
    c: uint256 = 21
    {}
    return b + c
"""

    def numbers(first: str, then: str) -> set[str]:
        found = mutants("Probe.vy", SOURCE + body.format(first, then))
        return {fault.was for fault in found if fault.function == "_read" and fault.was.isdigit()}

    assert numbers("20", "b, c = self._two(a)") == set()
    assert numbers("20", "c = a") == {"20"}
    both = "if a == 1:\n        b = a\n    else:\n        b, c = self._two(a)"
    assert numbers("20", both) == {"21", "1"}
    assert numbers("20", both.replace("a == 1", "b == 1")) == {"20", "21", "1"}
    assert numbers("20", "b, c = self._two(b)") == {"20"}
    assert numbers("20", "if a == b:\n        b = 22") == {"20", "21", "22"}
