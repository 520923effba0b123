# SPDX-License-Identifier: Apache-2.0
"""Whether a sealed batch left an order out, and what `Bond.challenge` takes to show it.

docs/protocol.md section 12. What only the chain knows (that the order is still unfilled and not
cancelled, whose key was the matcher's) is left to the contract; so is every signature but the
receipt's, which is checked when it comes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from infold.messages import BatchRecord, Order, Receipt, TimeInForce, TriggerKind
from infold.signing import Domain, batch_contents, receipt_digest, recover
from infold.words import pack_record

_M16, _M48, _M64 = (1 << 16) - 1, (1 << 48) - 1, (1 << 64) - 1


class Receipted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An order as it was signed, and the matcher's receipt for it: what a claim begins with."""

    order: Order
    r: int
    vs: int
    receipt: Receipt


class SealedBatch(NamedTuple):
    """What `settle` was given, its vector down to the root, and the matcher's seal."""

    head: int
    root: bytes
    accepted_root: bytes
    price_words: list[int]
    records: list[BatchRecord]
    seal: tuple[int, int]

    @property
    def number(self) -> int:
        """The batch's number."""
        return self.head >> 64

    @property
    def time_ms(self) -> int:
        """Its T."""
        return self.head >> 16 & _M48

    @property
    def contents(self) -> bytes:
        """What the seal covers beside number and T."""
        return batch_contents(
            self.head, self.root, self.accepted_root, self.price_words, self.records
        )


def is_signed(receipt: Receipt, matcher: bytes, domain: Domain) -> bool:
    """Whether a receipt is this matcher's (20 bytes) under Clearing's domain."""
    digest = receipt_digest(
        receipt.order_hash, receipt.sequence, receipt.accepted_ms, receipt.batch_ms, domain
    )
    return recover(digest, receipt.r, receipt.vs) == matcher


def worse_fill(held: Receipted, batch: SealedBatch) -> int | None:
    """The place of a record that shows the order was left out; None if the batch shows no such
    thing.
    """
    order, receipt, time_ms = held.order, held.receipt, batch.time_ms
    plain = (
        order.time_in_force == TimeInForce.GTC
        and order.trigger_kind == TriggerKind.NONE
        and not order.post_only
        and not order.reduce_only
    )
    if not plain or not order.good_after_ms <= time_ms <= order.expiry_ms:
        return None
    if receipt.accepted_ms >= time_ms or receipt.batch_ms >= time_ms:
        return None
    prices = {word >> 240: word >> 176 & _M64 for word in batch.price_words}
    price_e8 = prices.get(order.market, 0)
    if not price_e8 or not _admits(order, price_e8):
        return None
    slot, found = order.account << 8 | order.slot, None
    for place, record in enumerate(batch.records):
        if not record.terms >> 128 & _M64:
            continue
        if record.order >> 216 == slot:
            return None
        limit_e8 = record.terms >> 192
        if (
            record.order >> 200 & _M16 == order.market
            and bool(record.order >> 184 & 1) == order.buy
            and limit_e8 != order.limit_price_e8
            and _admits(order, limit_e8)
            and record.order >> 120 & _M16 <= order.max_fee_e6
        ):
            found = place
    return found


def challenge_arguments(held: Receipted, batch: SealedBatch, worse: int) -> tuple[Any, ...]:
    """`Bond.challenge`'s, in its order."""
    receipt = held.receipt
    record = pack_record(held.order, 0, 0, False, held.r, held.vs)
    return (
        record.words,
        (receipt.sequence, receipt.accepted_ms, receipt.batch_ms, receipt.r, receipt.vs),
        batch.head,
        batch.root,
        batch.accepted_root,
        batch.price_words,
        [record.words for record in batch.records],
        batch.seal,
        worse,
    )


def _admits(order: Order, price_e8: int) -> bool:
    """Whether the order would trade at a price."""
    return order.limit_price_e8 >= price_e8 if order.buy else order.limit_price_e8 <= price_e8
