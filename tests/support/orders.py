# SPDX-License-Identifier: Apache-2.0
"""One ordinary order, for tests to change."""

from __future__ import annotations

from typing import Any

import msgspec

from infold.messages import Order, TimeInForce, TriggerKind

EXPIRY_MS = 4_102_444_800_000


def an_order(**changes: Any) -> Order:
    """A buyer's ordinary order, good for the year 2100, with changes."""
    plain = Order(
        account=21,
        market=1,
        buy=True,
        size_e8=50_000_000,
        limit_price_e8=6_000_000_000_000,
        max_fee_e6=500,
        time_in_force=TimeInForce.GTC,
        post_only=False,
        reduce_only=False,
        trigger_kind=TriggerKind.NONE,
        trigger_price_e8=0,
        good_after_ms=0,
        expiry_ms=EXPIRY_MS,
        epoch=0,
        slot=3,
        seq=17,
    )
    return msgspec.structs.replace(plain, **changes)
