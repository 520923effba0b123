# SPDX-License-Identifier: Apache-2.0
"""What people read who trade: tables of their own, whole hashes."""

from __future__ import annotations

from tests.support.pages import HASH, text_of

from infold.cli.pages.trading import of_cancelled, of_markets, of_orders


def test_markets_are_a_table_of_their_own() -> None:
    market = {
        "name": "DOGE-USD",
        "status": "live",
        "oraclePrice": "60022.65507574",
        "tick": "0.000001",
        "fee": "0.0002",
        "initialMargin": "0.05",
        "maintenanceMargin": "0.03",
        "openInterest": "8333.33333333",
        "poolSize": "-8333.33333333",
    }
    lines = of_markets([market, market | {"oraclePrice": None}])
    text_of(lines)
    assert len(lines) == 3 and "60,022.65507574" in lines[1] and "5%/3%" in lines[1]


def test_orders_show_whole_hashes() -> None:
    order = {
        "slot": 203,
        "orderSeq": 2_176_526_893,
        "market": "BTC-USD",
        "side": "sell",
        "size": "83333.33333333",
        "filled": "0.2",
        "price": "70000",
        "timeInForce": "GTC",
        "expiry": 1_800_000_000_000,
        "orderHash": HASH,
    }
    text = text_of(of_orders([order]))
    assert HASH in text and "70,000" in text and "2027-01-15 08:00:00" in text


def test_what_was_cancelled_says_when() -> None:
    text = text_of(of_cancelled({"cancelled": [HASH, HASH], "ts": 1_800_000_000_000}))
    assert text.count(HASH) == 2 and text.endswith("at      2027-01-15 08:00:00.000 UTC")
