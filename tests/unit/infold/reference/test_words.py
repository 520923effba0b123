# SPDX-License-Identifier: Apache-2.0
"""Every word packs and unpacks to itself, lies where docs/protocol.md draws it, and refuses what
does not fit.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.records import record_words

from infold.reference import words
from infold.reference.digests import Record
from infold.reference.faults import Overflow

# Class, and per field: (lowest bit, width, signed).
LAYOUTS: list[tuple[Any, list[tuple[int, int, bool]]]] = [
    (words.Account, [(96, 160, False), (32, 64, True), (16, 16, False), (0, 16, False)]),
    (
        words.Position,
        [(240, 16, False), (152, 64, True), (64, 88, True), (0, 64, True), (216, 24, False)],
    ),
    (
        words.Fill,
        [(176, 80, False), (128, 48, False), (96, 32, False), (32, 64, False), (0, 32, False)],
    ),
    (words.Withdrawal, [(48, 64, False), (0, 48, False)]),
    (words.Delegate, [(128, 128, False), (64, 64, False), (0, 48, False)]),
    (
        words.Head,
        [(192, 64, False), (144, 48, False), (112, 32, False), (64, 48, False), (0, 64, False)],
    ),
    (
        words.Clock,
        [
            (192, 64, True),
            (160, 32, True),
            (96, 64, False),
            (48, 48, False),
            (16, 32, False),
            (8, 8, False),
            (0, 1, False),
            (1, 1, False),
        ],
    ),
    (words.Holding, [(192, 64, True), (104, 88, True)]),
    (words.Events, [(48, 24, False), (24, 24, False), (0, 24, False)]),
    (
        words.Deleveraging,
        [(192, 64, False), (191, 1, False), (128, 63, False), (64, 64, False), (0, 64, True)],
    ),
    (words.Meter, [(192, 64, False), (128, 64, True), (64, 64, False), (0, 64, False)]),
    (words.Ledger, [(168, 88, True), (88, 80, False), (0, 88, True)]),
    (
        words.Rates,
        [(236 - 20 * place, 20, False) for place in range(7)]
        + [
            (100, 16, False),
            (84, 16, False),
            (76, 8, False),
            (72, 4, False),
            (68, 4, False),
            (36, 32, False),
            (4, 32, False),
            (0, 4, False),
        ],
    ),
    (
        words.Caps,
        [(192, 64, False), (128, 64, False), (64, 64, False), (60, 4, False), (0, 60, False)],
    ),
    (words.Limits, [(160, 96, True), (112, 48, False), (64, 48, False), (0, 64, False)]),
    (words.Requests, [(128, 64, False), (0, 128, False)]),
    (words.Strike, [(192, 1, False), (128, 64, False), (0, 128, False), (193, 63, False)]),
    (words.PriceWord, [(240, 16, False), (176, 64, False), (112, 64, False), (0, 112, False)]),
    (words.SettledHead, [(0, 32, False), (32, 8, False), (40, 8, False), (48, 1, False)]),
    (
        words.SettledFill,
        [
            (248, 8, False),
            (244, 4, False),
            (208, 32, False),
            (144, 32, False),
            (80, 64, False),
            (0, 80, False),
        ],
    ),
]
NAMED = pytest.mark.parametrize(
    ("kind", "fields"), LAYOUTS, ids=lambda it: getattr(it, "__name__", "")
)


def bounds(width: int, is_signed: bool) -> tuple[int, int]:
    """Least and greatest value of a field."""
    if is_signed:
        return -(1 << (width - 1)), (1 << (width - 1)) - 1
    return 0, (1 << width) - 1


@NAMED
@given(data=st.data())
def test_a_word_unpacks_to_what_was_packed(
    kind: Any, fields: list[tuple[int, int, bool]], data: st.DataObject
) -> None:
    values = [data.draw(st.integers(*bounds(width, negative))) for _, width, negative in fields]
    assert list(kind.of(kind(*values).word)) == values


@NAMED
def test_fields_lie_where_the_page_draws_them(
    kind: Any, fields: list[tuple[int, int, bool]]
) -> None:
    for place, (lowest, width, negative) in enumerate(fields):
        values = [0] * len(fields)
        values[place] = bounds(width, negative)[1]
        assert kind(*values).word == bounds(width, negative)[1] << lowest
        if negative:
            values[place] = -1
            assert kind(*values).word == ((1 << width) - 1) << lowest


@NAMED
def test_a_value_that_does_not_fit_is_refused(
    kind: Any, fields: list[tuple[int, int, bool]]
) -> None:
    for place, (_, width, negative) in enumerate(fields):
        if width == 1:
            continue
        least, greatest = bounds(width, negative)
        for value in (least - 1, greatest + 1):
            values = [0] * len(fields)
            values[place] = value
            with pytest.raises(Overflow):
                _ = kind(*values).word


def test_a_delegate_covers_its_listed_markets_only() -> None:
    delegate = words.Delegate(3 << 112 | 200 << 16 | 7, 0, 1)
    assert [market for market in range(1, 256) if delegate.covers(market)] == [3, 7, 200]


def test_settle_head_keeps_what_lies_above_its_fields() -> None:
    head = words.SettleHead(5, 7, 2, 3, 0)
    assert words.SettleHead.of(head.word) == head
    assert words.SettleHead.of(head.word | 1 << 128).rest == 1


@given(
    order=st.integers(0, 2**256 - 1),
    terms=st.integers(0, 2**256 - 1),
)
def test_a_record_reads_its_two_words(order: int, terms: int) -> None:
    record = Record.of(order, terms, 1, 2)
    assert record_words(record) == (order & ~0xFF, terms & ~0xFFFF)
    assert record.reserved == bool(order & 0xFF or terms & 0xFFFF or order >> 192 & 0xF)
