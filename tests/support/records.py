# SPDX-License-Identifier: Apache-2.0
"""An order record as words, from its fields (docs/protocol.md §4): the way back of the twin's
`Record.of`, written apart from the engine's packing so that each is a check on the other.
"""

from __future__ import annotations

from infold.reference.digests import Record


def order_flags(
    *,
    buy: bool,
    time_in_force: int = 0,
    post_only: bool = False,
    reduce_only: bool = False,
    trigger_kind: int = 0,
    delegated: bool = False,
    extra: int = 0,
) -> int:
    """The flags field; `extra` are bits set besides, such as 256 for an approved order."""
    return (
        int(buy)
        | int(post_only) << 1
        | int(reduce_only) << 2
        | time_in_force << 3
        | trigger_kind << 5
        | int(delegated) << 7
        | extra
    )


def record_words(record: Record) -> tuple[int, int]:
    """The order's word and that of its terms; nothing is masked, so fields must fit."""
    order = (
        record.account << 224
        | record.slot << 216
        | record.market << 200
        | record.place << 196
        | record.flags << 184
        | record.epoch << 168
        | record.seq << 136
        | record.max_fee_e6 << 120
        | record.expiry_ms << 72
        | record.size_e8 << 8
    )
    terms = (
        record.limit_e8 << 192
        | record.fill_e8 << 128
        | record.trigger_e8 << 64
        | record.good_after_ms << 16
    )
    return order, terms
