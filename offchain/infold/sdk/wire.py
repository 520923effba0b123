# SPDX-License-Identifier: Apache-2.0
"""Orders as clients send them: the signed integers of an ``Order`` spelled as canonical decimal
strings.
"""

from __future__ import annotations

import msgspec

from infold.messages import (
    TIME_IN_FORCE_WORDS,
    TRIGGER_KIND_WORDS,
    Cancel,
    CancelRequest,
    Order,
    OrderRequest,
    TimeInForce,
    TriggerKind,
)
from infold.signing import signature_hex
from infold.units import FRACTION_DECIMALS, PRICE_DECIMALS, SIZE_DECIMALS, format_decimal

_encode = msgspec.json.Encoder().encode


def order_bytes(order: Order, market: str, r: int, vs: int, *, delegated: bool = False) -> bytes:
    """The JSON a venue takes at ``POST /v1/orders`` for one signed order."""
    return _encode(
        OrderRequest(
            account=order.account,
            market=market,
            side="buy" if order.buy else "sell",
            size=format_decimal(order.size_e8, SIZE_DECIMALS),
            price=format_decimal(order.limit_price_e8, PRICE_DECIMALS),
            time_in_force=TIME_IN_FORCE_WORDS[TimeInForce(order.time_in_force)],
            post_only=order.post_only,
            reduce_only=order.reduce_only,
            max_fee=format_decimal(order.max_fee_e6, FRACTION_DECIMALS),
            trigger_kind=TRIGGER_KIND_WORDS[TriggerKind(order.trigger_kind)],
            trigger_price=format_decimal(order.trigger_price_e8, PRICE_DECIMALS),
            good_after=order.good_after_ms,
            expiry=order.expiry_ms,
            epoch=order.epoch,
            slot=order.slot,
            seq=order.seq,
            delegated=delegated,
            signature=signature_hex(r, vs),
        )
    )


def cancel_bytes(cancel: Cancel, r: int, vs: int, *, delegated: bool = False) -> bytes:
    """The JSON a venue takes at ``POST /v1/orders/cancel`` for one signed cancel."""
    return _encode(
        CancelRequest(
            account=cancel.account,
            slot=cancel.slot,
            seq=cancel.seq,
            delegated=delegated,
            signature=signature_hex(r, vs),
        )
    )
