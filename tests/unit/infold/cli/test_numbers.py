# SPDX-License-Identifier: Apache-2.0
"""Numbers that people type reach the venue in the one spelling it takes."""

from __future__ import annotations

import pytest
import typer
from typer.core import TyperArgument, TyperGroup, TyperOption

from infold.cli import app as application
from infold.cli.numbers import canonical
from infold.units import format_decimal, parse_decimal

NUMBERS = {
    *("amount", "size", "price", "max_fee", "above", "below"),
    *("shares", "notional", "least", "fees_least"),
}


@pytest.mark.parametrize(
    ("typed", "spelled"),
    [
        *(("0.10", "0.1"), ("60000.0", "60000"), ("007.50", "7.5"), (".5", "0.5"), ("5.", "5")),
        *(
            ("0.0", "0"),
            ("0.000", "0"),
            ("2.500", "2.5"),
            ("3.0000", "3"),
            ("0", "0"),
            ("100", "100"),
            ("1.000001", "1.000001"),
        ),
    ],
)
def test_a_typed_decimal_takes_its_one_spelling(typed: str, spelled: str) -> None:
    assert canonical(typed) == spelled
    assert format_decimal(parse_decimal(spelled, 8), 8) == spelled


@pytest.mark.parametrize("text", ["", ".", "-1", "1e3", "1,000", "1.2.3", " 1", "٣", "lots"])
def test_what_is_no_decimal_is_left_to_be_refused(text: str) -> None:
    assert canonical(text) == text


@pytest.mark.parametrize("text", ["60.000", "1.000", "060.000", "60000.000"])
def test_what_may_be_thousands_is_signed_as_neither(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="to others; write which"):
        canonical(text)


def test_every_command_respells_the_decimals_it_takes() -> None:
    def walk(command: object, name: str = "infold") -> None:
        if isinstance(command, TyperGroup):
            for part, inner in command.commands.items():
                walk(inner, f"{name} {part}")
            return
        for given in getattr(command, "params", ()):
            assert isinstance(given, TyperArgument | TyperOption)
            if given.name in NUMBERS:
                seen.append(name)
                assert given.callback is not None, f"{name}: {given.name}"

    seen: list[str] = []
    walk(typer.main.get_command(application.app))
    assert {"infold order place", "infold deposit", "infold lp redeem"} <= set(seen)
