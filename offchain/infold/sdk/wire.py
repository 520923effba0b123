# SPDX-License-Identifier: Apache-2.0
"""Orders as clients send them: the signed integers of an ``Order`` spelled as canonical decimal
strings.
"""

from __future__ import annotations

import msgspec

from infold.messages import Cancel, CancelRequest, Order, order_request
from infold.signing import signature_hex

_encode = msgspec.json.Encoder().encode


def order_bytes(order: Order, market: str, r: int, vs: int, *, delegated: bool = False) -> bytes:
    """The JSON a venue takes at ``POST /v1/orders`` for one signed order."""
    return _encode(order_request(order, market, r, vs, delegated))


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
