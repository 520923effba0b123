# SPDX-License-Identifier: Apache-2.0
"""Orders of a local venue's accounts, as clients send them."""

from __future__ import annotations

import json
from typing import Any

from infold.core.reading import read_order
from infold.messages import Receipt
from infold.node import LocalVenue
from infold.signing import order_hash, sign, signature_hex

UNSIGNED = "0x" + "0" * 128


def an_order(venue: LocalVenue, trader: int, **changes: Any) -> bytes:
    """The signed body of an order by the venue's nth trader; `changes` are wire fields."""
    account = venue.devnet.accounts[trader]
    body: dict[str, Any] = {
        "account": account.account,
        "market": "BTC-USD",
        "side": "buy",
        "size": "0.5",
        "price": "60300",
        "timeInForce": "GTC",
        "postOnly": False,
        "reduceOnly": False,
        "maxFee": "0.001",
        "triggerKind": "none",
        "triggerPrice": "0",
        "goodAfter": 0,
        "expiry": venue.clock_ms + 600_000,
        "epoch": 0,
        "slot": 0,
        "seq": 1,
        "delegated": False,
        "signature": UNSIGNED,
    } | changes
    _, order = read_order(json.dumps(body).encode(), venue.node.context())
    digest = order_hash(order, venue.node.domain)
    body["signature"] = signature_hex(*sign(digest, account.wallet.private_key))
    return json.dumps(body).encode()


def accepted(venue: LocalVenue, trader: int, **changes: Any) -> Receipt:
    """The receipt of such an order, sent just after the last batch."""
    (answer,) = venue.node.submit([an_order(venue, trader, **changes)], venue.clock_ms + 10)
    assert isinstance(answer, Receipt), answer
    return answer
