# SPDX-License-Identifier: Apache-2.0
"""Ways to send an order that must be refused: what careless clients really do.

A fault changes the order before it is signed, the signature, or the bytes after. ``spoiled_order``
and ``spoiled_bytes`` are pure; faults of the signature are the signer's to make
(``signs_elsewhere``, ``signs_as_stranger``).
"""

from __future__ import annotations

import json
from enum import StrEnum

import msgspec

from infold.messages import Order


class Fault(StrEnum):
    """One kind of carelessness each."""

    CUT_SHORT = "cut_short"
    UNKNOWN_FIELD = "unknown_field"
    FLOAT_SIZE = "float_size"
    NOT_A_NUMBER = "not_a_number"
    TRAILING_ZERO = "trailing_zero"
    SHORT_SIGNATURE = "short_signature"
    UNKNOWN_MARKET = "unknown_market"
    UNKNOWN_ACCOUNT = "unknown_account"
    OTHER_CHAIN = "other_chain"
    OTHER_KEY = "other_key"
    NO_DELEGATE = "no_delegate"
    ZERO_SIZE = "zero_size"
    HUGE_SIZE = "huge_size"
    HUGE_PRICE = "huge_price"
    OFF_TICK = "off_tick"
    EXPIRED = "expired"
    LATE_START = "late_start"
    OTHER_EPOCH = "other_epoch"
    OLD_SEQ = "old_seq"
    LOW_FEE = "low_fee"
    RESTLESS_POST_ONLY = "restless_post_only"
    NOTHING_TO_REDUCE = "nothing_to_reduce"
    UNAFFORDABLE = "unaffordable"


OTHER_CHAIN_ID = 1  # signing for the main chain is the commonest slip of all
_SIGNED_BY_ANOTHER = frozenset({Fault.OTHER_KEY, Fault.NO_DELEGATE})


def signs_elsewhere(fault: Fault | None) -> bool:
    """Whether the signature is made for another chain."""
    return fault is Fault.OTHER_CHAIN


def signs_as_stranger(fault: Fault | None) -> bool:
    """Whether somebody else's key signs."""
    return fault in _SIGNED_BY_ANOTHER


def spoiled_order(order: Order, fault: Fault | None, tick_e8: int, now_ms: int) -> Order:
    """The order as its careless owner fills it in."""
    changes: dict[str, object]
    match fault:
        case Fault.UNKNOWN_ACCOUNT:
            changes = {"account": order.account + 1_000_000}
        case Fault.ZERO_SIZE:
            changes = {"size_e8": 0}
        case Fault.HUGE_SIZE:
            changes = {"size_e8": 2**62}
        case Fault.HUGE_PRICE:
            changes = {"limit_price_e8": 2**63}
        case Fault.OFF_TICK:
            changes = {"limit_price_e8": order.limit_price_e8 + max(1, tick_e8 // 2)}
        case Fault.EXPIRED:
            changes = {"expiry_ms": now_ms - 1}
        case Fault.LATE_START:
            changes = {"good_after_ms": order.expiry_ms + 1}
        case Fault.OTHER_EPOCH:
            changes = {"epoch": order.epoch + 7}
        case Fault.OLD_SEQ:
            changes = {"seq": 0}
        case Fault.LOW_FEE:
            changes = {"max_fee_e6": 1}
        case Fault.RESTLESS_POST_ONLY:
            changes = {"post_only": True, "time_in_force": 1}
        case Fault.NOTHING_TO_REDUCE:
            changes = {"reduce_only": True}
        case Fault.UNAFFORDABLE:
            changes = {"size_e8": min(order.size_e8 * 100_000, 2**52)}
        case _:
            return order
    return msgspec.structs.replace(order, **changes)


def spoiled_bytes(wire: bytes, fault: Fault | None) -> bytes:
    """The request as its careless client sends it."""
    if fault is Fault.CUT_SHORT:
        return wire[: len(wire) * 2 // 3]
    fields = (
        {
            Fault.UNKNOWN_FIELD: {"leverage": 20},
            Fault.NOT_A_NUMBER: {"price": "NaN"},
            Fault.SHORT_SIGNATURE: {"signature": "0x1234"},
            Fault.UNKNOWN_MARKET: {"market": "TULIP-USD"},
            Fault.NO_DELEGATE: {"delegated": True},
        }.get(fault)
        if fault
        else None
    )
    if fault in (Fault.FLOAT_SIZE, Fault.TRAILING_ZERO):
        size = str(json.loads(wire)["size"])
        fields = {"size": float(size)} if fault is Fault.FLOAT_SIZE else {"size": _with_zero(size)}
    return wire if fields is None else json.dumps(json.loads(wire) | fields).encode()


def _with_zero(size: str) -> str:
    return size + "0" if "." in size else size + ".0"
