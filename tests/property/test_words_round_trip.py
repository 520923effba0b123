# SPDX-License-Identifier: Apache-2.0
"""Every word comes back from its packing, and every word of its layout from its unpacking."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from infold import words
from infold.bench.admission import random_order
from infold.messages import BatchRecord

SEED = 20_260_802
PAIRS = (
    (words.ACCOUNT, words.pack_account, words.unpack_account),
    (words.POSITION, words.pack_position, words.unpack_position),
    (words.FILL, words.pack_fill, words.unpack_fill),
    (words.WITHDRAWAL, words.pack_withdrawal, words.unpack_withdrawal),
    (words.DELEGATE, words.pack_delegate, words.unpack_delegate),
    (words.HEAD, words.pack_head, words.unpack_head),
    (words.CLOCK, words.pack_clock, words.unpack_clock),
    (words.POOL, words.pack_pool, words.unpack_pool),
    (words.METER, words.pack_meter, words.unpack_meter),
    (words.LEDGER, words.pack_ledger, words.unpack_ledger),
    (words.RATES, words.pack_rates, words.unpack_rates),
    (words.CAPS, words.pack_caps, words.unpack_caps),
    (words.SETTLE_HEAD, words.pack_settle_head, words.unpack_settle_head),
    (words.PRICE, words.pack_price, words.unpack_price),
    (words.SERVICE, words.pack_service, words.unpack_service),
    (words.THRESHOLD, words.pack_threshold, words.unpack_threshold),
    (words.SOURCE, words.pack_source, words.unpack_source),
    (words.READINGS, words.pack_readings, words.unpack_readings),
    (words.REQUESTS, words.pack_requests, words.unpack_requests),
    (words.STRIKE, words.pack_strike, words.unpack_strike),
    (words.SETTLED_HEAD, words.pack_settled_head, words.unpack_settled_head),
    (words.SETTLED_FILL, words.pack_settled_fill, words.unpack_settled_fill),
)


def values_of(layout: words.Layout) -> st.SearchStrategy[tuple[int, ...]]:
    return st.tuples(
        *(
            st.integers(-(1 << field.bits - 1), (1 << field.bits - 1) - 1)
            if field.signed
            else st.integers(0, (1 << field.bits) - 1)
            for field in layout
        )
    )


@pytest.mark.parametrize(
    ("layout", "pack", "unpack"), PAIRS, ids=[pack.__name__ for _, pack, _ in PAIRS]
)
def test_a_word_comes_back(layout: words.Layout, pack: object, unpack: object) -> None:
    @seed(SEED)
    @settings(max_examples=60, deadline=None)
    @given(values_of(layout))
    def round_trip(values: tuple[int, ...]) -> None:
        kind = type(unpack(0))
        assert kind._fields == tuple(field.name for field in layout)
        word = pack(kind(*values))
        assert 0 <= word < 1 << 256
        assert tuple(unpack(word)) == values

    round_trip()


@seed(SEED)
@settings(max_examples=300, deadline=None)
@given(
    st.integers(0, 2**63),
    st.integers(0, 15),
    st.integers(0, 2**64 - 1),
    st.booleans(),
    st.integers(0, 2**256 - 1),
    st.integers(0, 2**256 - 1),
    st.booleans(),
)
def test_an_order_comes_back_from_its_record(
    number: int, place: int, fill_e8: int, delegated: bool, r: int, vs: int, approved: bool
) -> None:
    order = random_order(random.Random(number))
    record = words.pack_record(order, place, fill_e8, delegated, r, vs, approved)
    assert words.unpack_record(record) == (order, place, fill_e8, delegated, r, vs, approved)
    assert max(record.order, record.terms) < 1 << 256


@seed(SEED)
@settings(max_examples=300, deadline=None)
@given(values_of(words.RECORD_ORDER), values_of(words.RECORD_TERMS))
def test_a_record_packed_by_hand_is_the_layout_s(
    order_values: tuple[int, ...], terms_values: tuple[int, ...]
) -> None:
    order_fields = list(order_values)
    order_fields[4] &= 0b1_1111_1111
    if order_fields[4] >> 3 & 3 == 3 or order_fields[4] >> 5 & 3 == 3:
        order_fields[4] &= 0b1_1000_0111
    order = words.pack(words.RECORD_ORDER, order_fields)
    terms = words.pack(words.RECORD_TERMS, terms_values)
    back = words.unpack_record(BatchRecord(order=order, terms=terms, r=0, vs=0))
    again = words.pack_record(
        back.order, back.place, back.fill_e8, back.delegated, 0, 0, back.approved
    )
    assert (again.order, again.terms) == (order, terms)
