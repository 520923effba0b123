# SPDX-License-Identifier: Apache-2.0
"""What crosses a wire or enters the journal, as frozen records.

Integers carry their scale in the name, times are milliseconds since the epoch, hashes and addresses
are raw bytes (32 and 20). Decoding validates types; constructing does not, so edges validate once.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import msgspec

from infold.units import FRACTION_DECIMALS, PRICE_DECIMALS, SIZE_DECIMALS, format_decimal


class TimeInForce(IntEnum):
    """How long an order lives; values are the signed ones."""

    GTC = 0
    IOC = 1
    FOK = 2


class TriggerKind(IntEnum):
    """When an order wakes, by the oracle price; values are the signed ones."""

    NONE = 0
    AT_OR_ABOVE = 1
    AT_OR_BELOW = 2


# -- orders ----------------------------------------------------------------------------------------


class Order(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a trader signs; fields in the order of the EIP-712 struct.

    Admission builds it by position, which halves the cost; everyone else by keyword.
    """

    account: int
    market: int
    buy: bool
    size_e8: int
    limit_price_e8: int
    max_fee_e6: int
    time_in_force: TimeInForce
    post_only: bool
    reduce_only: bool
    trigger_kind: TriggerKind
    trigger_price_e8: int
    good_after_ms: int
    expiry_ms: int
    epoch: int
    slot: int
    seq: int


APPROVED_SIGNATURE: Final = bytes(64)
"""What stands for the signature of an order that its owner, a contract, approved on chain."""
NOBODY: Final = bytes(20)
"""The address no key has: the signer of such an order."""


class SignedOrder(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An order whose signature was recovered under this venue's domain, or that says it was
    approved on chain; then `signer` is `NOBODY`.
    """

    order: Order
    signature: bytes
    """r and vs, 32 bytes each, as they lie in the request."""
    delegated: bool
    order_hash: bytes
    signer: bytes

    @property
    def r(self) -> int:
        return int.from_bytes(self.signature[:32], "big")

    @property
    def vs(self) -> int:
        return int.from_bytes(self.signature[32:], "big")

    @property
    def approved(self) -> bool:
        """Whether it asks to be looked up among its account's approvals."""
        return self.signer == NOBODY and not self.delegated


class OrderRequest(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel", gc=False
):
    """An order as clients send it: decimal strings, names for market and enums, no defaults."""

    account: int
    market: str
    side: str
    size: str
    price: str
    time_in_force: str
    post_only: bool
    reduce_only: bool
    max_fee: str
    trigger_kind: str
    trigger_price: str
    good_after: int
    expiry: int
    epoch: int
    slot: int
    seq: int
    delegated: bool
    signature: str


TIME_IN_FORCE_WORDS = {kind: kind.name for kind in TimeInForce}
"""How the wire spells times in force."""
TRIGGER_KIND_WORDS = {
    TriggerKind.NONE: "none",
    TriggerKind.AT_OR_ABOVE: "atOrAbove",
    TriggerKind.AT_OR_BELOW: "atOrBelow",
}
"""How the wire spells trigger kinds."""


def order_request(
    order: Order, market_name: str, r: int, vs: int, delegated: bool = False
) -> OrderRequest:
    """The wire form of a signed order; `msgspec.json.encode` of it is the body to post."""
    return OrderRequest(
        account=order.account,
        market=market_name,
        side="buy" if order.buy else "sell",
        size=format_decimal(order.size_e8, SIZE_DECIMALS),
        price=format_decimal(order.limit_price_e8, PRICE_DECIMALS),
        time_in_force=TIME_IN_FORCE_WORDS[order.time_in_force],
        post_only=order.post_only,
        reduce_only=order.reduce_only,
        max_fee=format_decimal(order.max_fee_e6, FRACTION_DECIMALS),
        trigger_kind=TRIGGER_KIND_WORDS[order.trigger_kind],
        trigger_price=format_decimal(order.trigger_price_e8, PRICE_DECIMALS),
        good_after=order.good_after_ms,
        expiry=order.expiry_ms,
        epoch=order.epoch,
        slot=order.slot,
        seq=order.seq,
        delegated=delegated,
        signature=f"0x{r:064x}{vs:064x}",
    )


class Cancel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """A trader's signed wish that the matcher stop filling a slot up to and including `seq`."""

    account: int
    slot: int
    seq: int


class CancelRequest(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel", gc=False
):
    """A cancel as clients send it, signed by the owner or a live delegate."""

    account: int
    slot: int
    seq: int
    delegated: bool
    signature: str


class SignedCancel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A cancel whose signature was recovered."""

    cancel: Cancel
    r: int
    vs: int
    delegated: bool
    signer: bytes


class Receipt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The matcher's signed word that an order is on its disk.

    `batch_ms` is the time of the latest batch closed before acceptance (0 before the first).
    """

    order_hash: bytes
    sequence: int
    accepted_ms: int
    batch_ms: int
    r: int
    vs: int


class Fill(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one order received in one batch, at the market's single price; `size_e8` > 0."""

    order_hash: bytes
    account: int
    market: int
    buy: bool
    size_e8: int
    price_e8: int
    fee_e6: int
    oracle_price_e8: int
    batch: int
    time_ms: int


# -- prices and batches ----------------------------------------------------------------------------


class PriceVector(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A signed price vector as a caller presents it (docs/protocol.md section 2).

    `opened` is the bit set of opened chunks, `openings` the words of opened chunks and hashes of
    the others, in order. `prices` holds the non-zero prices of opened chunks by market.
    `signatures` are (r, vs) pairs ordered by ascending signer address.
    """

    time_ms: int
    chunks: int
    opened: int
    prices: dict[int, int]
    openings: list[int]
    signatures: list[tuple[int, int]]
    root: bytes


class BatchRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """One order's four words of calldata."""

    order: int
    terms: int
    r: int
    vs: int

    @property
    def words(self) -> tuple[int, int, int, int]:
        """As the contracts take them."""
        return self.order, self.terms, self.r, self.vs


class Batch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One whole `settle` call, sealed."""

    number: int
    time_ms: int
    head: int
    vector: PriceVector
    price_words: list[int]
    records: list[BatchRecord]
    accepted_root: bytes
    contents: bytes
    seals: list[tuple[int, int]]
