# SPDX-License-Identifier: Apache-2.0
"""The contracts' packing against infold.words, at the bounds of every field and at random."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any

import pytest
from tests.support.compiler import ROOT, compiled_at
from tests.support.evm import Contract, Refused, World, a_key, refuses

from infold import words
from infold.errors import InvariantBroken

SEED = 20_261_124
EXAMPLES = 150
M64, M256 = 2**64 - 1, 2**256 - 1
DELEVERAGING = (
    words.Field("closed", 64, 192),
    words.Field("long", 1, 191),
    words.Field("total", 63, 128),
    words.Field("price_e8", 64, 64),
    words.Field("index", 64, 0),
)
TERMS = (
    words.Field("price", 64, 160),
    words.Field("bounty", 64, 96),
    words.Field("charge", 64, 32),
)


@pytest.fixture(scope="module")
def probe() -> Contract:
    source = ROOT / "tests" / "support" / "contracts" / "PackingProbe.vy"
    return World().deploy(compiled_at(source), sender=a_key("deployer"))


def corners(bits: int, signed: bool) -> list[int]:
    """A field's bounds, what lies beside them, and zero."""
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return [low, low + 1, 0, 1, high - 1, high]


def tuples(layout: words.Layout) -> list[tuple[int, ...]]:
    """Each field at each of its corners beside fields full of ones and of zeros, and at random."""
    rng = random.Random(SEED)
    ranges = [corners(field.bits, field.signed) for field in layout]
    found = []
    for at, values in enumerate(ranges):
        for value in values:
            for other in (0, -1):
                row = [each[other] for each in ranges]
                row[at] = value
                found.append(tuple(row))
    for _ in range(EXAMPLES):
        found.append(tuple(rng.randint(each[0], each[-1]) for each in ranges))
    return found


@pytest.mark.parametrize("bits", [8, 32, 64, 80, 88, 255])
def test_signed_fields_take_their_width_and_no_more(probe: Contract, bits: int) -> None:
    low, high = -(1 << bits - 1), (1 << bits - 1) - 1
    for value in corners(bits, signed=True):
        raw = probe.field(value, bits)
        assert raw == value & ((1 << bits) - 1)
        for shift in {0, 7, 256 - bits}:
            if shift + bits <= 256:
                noise = ((1 << 256) - 1) ^ (((1 << bits) - 1) << shift)
                assert probe.signed(raw << shift | noise, shift, bits) == value
    for value in (low - 1, high + 1, -(2**255), 2**255 - 1):
        with refuses(probe.world, "packing: field overflow"):
            probe.field(value, bits)


@pytest.mark.parametrize("bits", [8, 64, 80, 128])
def test_unsigned_fields_take_their_width_and_no_more(probe: Contract, bits: int) -> None:
    for value in corners(bits, signed=False):
        assert probe.count(value, bits) == value
    for value in (1 << bits, 2**256 - 1):
        with refuses(probe.world, "packing: field overflow"):
            probe.count(value, bits)


def test_positions_are_read_and_written_as_words_says(probe: Contract) -> None:
    """What a mark holds beside market, event and index stays out of the position."""
    for row in tuples(words.POSITION):
        word = words.pack_position(words.PositionWord(*row))
        assert probe.unpack_position(word) == row[1:4], f"{row} (seed {SEED})"
        noise = ((1 << 72) - 1) << 144 | (1 << 80) - 1
        mark = word >> 216 << 216 | (word & M64) << 80 | noise
        assert probe.position(row[1], row[2], mark) == word, f"{row} (seed {SEED})"


def test_account_words_hold_collateral_where_words_says(probe: Contract) -> None:
    for row in tuples(words.ACCOUNT):
        assert probe.collateral_of(words.pack_account(words.AccountWord(*row))) == row[1]


def test_books_round_trip(probe: Contract) -> None:
    for row in tuples(words.POOL):
        word = words.pack_pool(words.PoolWord(*row))
        assert probe.book(*row) == word
        assert probe.unpack_book(word) == row
    for base, quote in ((2**63, 0), (-(2**63) - 1, 0), (0, 2**87), (0, -(2**87) - 1)):
        with refuses(probe.world, "packing: field overflow"):
            probe.book(base, quote)


def withdrawn(probe: Contract, *row: int) -> int:
    return int(probe.withdrawal(*row))


def termed(probe: Contract, *row: int) -> int:
    return int(probe.terms(*row))


def exited(probe: Contract, *row: int) -> int:
    return int(probe.exit_of(row[0] == 1, *row[1:]))


def given_up(probe: Contract, *row: int) -> int:
    """Of a mark that is all ones but for its index."""
    return int(probe.deleveraging(row[0], row[1] == 1, *row[2:4], M256 ^ (M64 ^ row[4]) << 80))


@pytest.mark.parametrize(
    ("pack", "layout", "checked"),
    [
        (withdrawn, words.WITHDRAWAL, {0, 1}),
        (exited, words.EXIT, {1, 2, 3, 4}),
        (given_up, DELEVERAGING, {0, 2}),
        (termed, TERMS, {0, 1, 2}),
    ],
)
def test_each_field_is_taken_to_its_last_bit_and_no_further(
    probe: Contract, pack: Callable[..., int], layout: words.Layout, checked: set[int]
) -> None:
    for row in tuples(layout)[:-EXAMPLES]:
        assert pack(probe, *row) == words.pack(layout, row)
    full = [(1 << field.bits) - 1 for field in layout]
    for at in checked:
        with refuses(probe.world, "packing: field overflow"):
            pack(probe, *full[:at], full[at] + 1, *full[at + 1 :])


def test_a_position_is_behind_once_its_own_side_was_deleveraged_after_its_event(
    probe: Contract,
) -> None:
    """Where a word has no base it is nobody's; it reads as a short's."""
    top = (1 << 24) - 1
    for shorts, longs, event, base in itertools.product(
        (0, 1, top - 1, top), (0, 1, top - 1, top), (0, 1, top - 1, top), (-(2**63), -1, 0, 1)
    ):
        events = words.pack_deleveraged(words.DeleveragedWord(shorts, longs, max(shorts, longs)))
        last = longs if base > 0 else shorts
        assert probe.last_of(base > 0, events) == last
        held = words.pack_position(words.PositionWord(1, base, -1, -1, event))
        assert probe.behind(held, events) == (last > event), (shorts, longs, event, base)


def test_ledgers_add_up_or_overflow_by_name(probe: Contract) -> None:
    rng = random.Random(SEED)
    rows = tuples(words.LEDGER)
    for row in rows:
        more = rng.choice(rows)
        if rng.random() < 0.5:
            more = tuple(value // 2**40 for value in more)
        total = tuple(a + b for a, b in zip(row, more, strict=True))
        word = words.pack_ledger(words.LedgerWord(*row))
        call: Callable[[], Any] = lambda w=word, m=more: probe.entered(w, *m)  # noqa: E731
        try:
            expected = words.pack_ledger(words.LedgerWord(*total))
        except InvariantBroken:
            with pytest.raises(Refused, match="packing: field overflow"):
                call()
        else:
            assert call() == expected, f"{row} + {more} (seed {SEED})"


def test_running_sums_keep_their_parts_apart(probe: Contract) -> None:
    """high, middle and low are signed: borrows cross the borders and come back."""
    rng = random.Random(SEED)
    for _ in range(EXAMPLES):
        entries = [
            (
                rng.choice((0, 1, -1, rng.randint(-(2**60), 2**60))),
                rng.choice((0, 1, -1, rng.randint(-(2**91), 2**91))),
                rng.choice((0, 1, -1, rng.randint(-(2**91), 2**91))),
            )
            for _ in range(rng.randrange(9))
        ]
        expected = tuple(sum(entry[part] for entry in entries) for part in range(3))
        assert probe.sums(entries) == expected, f"{entries} (seed {SEED})"
