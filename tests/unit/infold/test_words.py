# SPDX-License-Identifier: Apache-2.0
"""Packed words: layouts without overlap, refusals at the first value too wide."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from infold import words
from infold.errors import InvariantBroken
from infold.messages import BatchRecord

LAYOUTS: dict[str, words.Layout] = {
    name: value
    for name, value in vars(words).items()
    if isinstance(value, tuple) and value and isinstance(value[0], words.Field)
}
PROTOCOL = Path(__file__).parents[3] / "docs" / "protocol.md"


def test_the_layouts_were_found() -> None:
    assert len(LAYOUTS) >= 20


@pytest.mark.parametrize("name", LAYOUTS)
def test_fields_of_a_word_do_not_overlap(name: str) -> None:
    used = 0
    for field in LAYOUTS[name]:
        mask = ((1 << field.bits) - 1) << field.shift
        assert used & mask == 0, field
        assert mask < 1 << 256, field
        used |= mask


@pytest.mark.parametrize("name", LAYOUTS)
def test_each_field_refuses_the_first_value_too_wide(name: str) -> None:
    layout = LAYOUTS[name]
    for place, field in enumerate(layout):
        largest = (1 << (field.bits - field.signed)) - 1
        least = -largest - 1 if field.signed else 0
        for value in (least, largest):
            values = [0] * len(layout)
            values[place] = value
            assert words.unpack(layout, words.pack(layout, values)) == values
        for value in (least - 1, largest + 1):
            values = [0] * len(layout)
            values[place] = value
            with pytest.raises(InvariantBroken, match=field.name):
                words.pack(layout, values)


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_bit_outside_the_layout_is_noticed(name: str) -> None:
    layout = LAYOUTS[name]
    used = 0
    for field in layout:
        used |= ((1 << field.bits) - 1) << field.shift
    free = [bit for bit in range(256) if not used >> bit & 1]
    for bit in free[:1] + free[-1:]:
        with pytest.raises(InvariantBroken, match="outside its layout"):
            words.unpack(layout, 1 << bit)


@pytest.mark.parametrize(
    ("layout", "row"),
    [
        ("ACCOUNT", "account      "),
        ("POSITION", "position     "),
        ("FILL", "fill         "),
        ("WITHDRAWAL", "withdrawal   "),
        ("DELEGATE", "delegate     "),
        ("HEAD", "head         "),
        ("LIMITS", "limits       "),
        ("CLOCK", "0 clock"),
        ("POOL", "1 pool"),
        ("POOL", "4 incoming"),
        ("METER", "2 meter"),
        ("LEDGER", "3 ledger"),
        ("CAPS", "1 caps"),
        ("RECORD_ORDER", "order  account"),
        ("RECORD_TERMS", "terms  limit"),
        ("SETTLE_HEAD", "head    number"),
        ("PRICE", "prices  one word"),
    ],
)
def test_lowest_bits_are_those_of_the_protocol_page(layout: str, row: str) -> None:
    lines = PROTOCOL.read_text(encoding="utf-8").splitlines()
    line = next(line for line in lines if line.startswith(row))
    shifts = [int(digits) for digits in re.findall(r"@(\d+)", line.split("  accounts[")[0])]
    expected = [field.shift for field in LAYOUTS[layout]]
    # A zero field at the low end is written in the page and not unpacked here.
    assert shifts in (expected, [*expected, 0])


def test_a_record_packed_by_hand_is_its_layout() -> None:
    record = BatchRecord(order=0, terms=0, r=1, vs=2)
    values = (2**32 - 1, 255, 65_535, 15, 0b1011_0111, 1, 2, 3, 4, 5)
    order = words.pack(words.RECORD_ORDER, values)
    terms = words.pack(words.RECORD_TERMS, (6, 7, 8, 9))
    unpacked = words.unpack_record(BatchRecord(order=order, terms=terms, r=1, vs=2))
    again = words.pack_record(
        unpacked.order, unpacked.place, unpacked.fill_e8, unpacked.delegated, 1, 2
    )
    assert (again.order, again.terms, again.r, again.vs) == (order, terms, record.r, record.vs)


@pytest.mark.parametrize("flags", [1 << 9, 1 << 11, 3 << 3, 3 << 5])
def test_flags_no_order_carries_are_refused(flags: int) -> None:
    with pytest.raises(InvariantBroken, match="name no order"):
        words.unpack_record(BatchRecord(order=flags << 184, terms=0, r=0, vs=0))


@pytest.mark.parametrize(("place", "fill_e8"), [(16, 1), (-1, 1), (0, 1 << 64), (0, -1)])
def test_what_the_matcher_adds_must_fit(place: int, fill_e8: int) -> None:
    order = words.unpack_record(BatchRecord(order=0, terms=0, r=0, vs=0)).order
    with pytest.raises(InvariantBroken, match="does not fit a record"):
        words.pack_record(order, place, fill_e8, False, 0, 0)


def test_a_listing_s_name_is_padded_text() -> None:
    word = words.pack_listing(words.ListingWord(10, "BTC-USD"))
    assert word == 10 << 192 | int.from_bytes(b"BTC-USD".ljust(24, b"\0"), "big")
    assert words.unpack_listing(word) == (10, "BTC-USD", 0)
    longest = words.ListingWord(1, "N" * 24, 15)
    assert words.unpack_listing(words.pack_listing(longest)) == longest


@pytest.mark.parametrize("name", ["N" * 25, "BTC\u2013USD", "A\0B"])
def test_a_name_that_is_no_short_ascii_is_refused(name: str) -> None:
    with pytest.raises(InvariantBroken, match="ASCII"):
        words.pack_listing(words.ListingWord(1, name))


def test_a_delegate_s_markets_come_back_without_free_places() -> None:
    packed = words.pack_delegate_markets((1, 0, 255, 65_535))
    assert words.delegate_markets(packed) == (1, 255, 65_535)
    with pytest.raises(InvariantBroken, match="at most 8"):
        words.pack_delegate_markets(range(1, 10))
    with pytest.raises(InvariantBroken, match="u16"):
        words.pack_delegate_markets((65_536,))


def test_an_address_is_the_same_as_bytes_and_as_a_number() -> None:
    address = bytes(range(20))
    assert words.address_bytes(int.from_bytes(address, "big")) == address


def test_a_prefix_is_the_first_ten_bytes() -> None:
    assert words.hash_prefix(bytes(range(32))) == int.from_bytes(bytes(range(10)), "big")


@pytest.mark.parametrize(("version", "earlier"), [(0, 1), (1, 0)])
def test_new_parameters_serve_what_is_later_than_their_activation(
    version: int, earlier: int
) -> None:
    clock = words.ClockWord(activation_s=100, version=version)
    assert [clock.version_at(time_ms) for time_ms in (99_999, 100_000)] == [earlier] * 2
    assert clock.version_at(100_001) == version


def test_versions_of_a_markets_parameters_lie_where_the_protocol_says() -> None:
    assert "`parameter_words[market * 8 + version * 4 + k]`" in PROTOCOL.read_text("utf-8")
    assert [words.parameter_place(3, version) for version in (0, 1)] == [24, 28]
