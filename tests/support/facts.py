# SPDX-License-Identifier: Apache-2.0
"""Hand-made facts for reports: one market at 100.00 unless told otherwise."""

from __future__ import annotations

from typing import Any

from infold.reports.facts import Accepted, Booked, Dealt, Filled, Hedged, Listed, Priced

E8 = 10**8
PRICE_E8 = 100 * E8
MARKET = 1


def a_listing(**changes: Any) -> Listed:
    fields: dict[str, Any] = {
        "market": MARKET,
        "name": "BTC-USD",
        "h_min_e6": 100,
        "band_e6": 50_000,
        "position_cap_e8": 1_000 * E8,
    }
    return Listed(**(fields | changes))


def a_price(time_ms: int, price: float, market: int = MARKET) -> Priced:
    return Priced(time_ms, market, round(price * E8))


def an_acceptance(name: bytes = b"one", **changes: Any) -> Accepted:
    fields: dict[str, Any] = {
        "order_hash": name,
        "account": 17,
        "market": MARKET,
        "buy": True,
        "size_e8": 10 * E8,
        "limit_price_e8": PRICE_E8,
        "kind": "GTC",
        "accepted_ms": 500,
    }
    return Accepted(**(fields | changes))


def a_fill(name: bytes = b"one", **changes: Any) -> Filled:
    fields: dict[str, Any] = {
        "order_hash": name,
        "account": 17,
        "market": MARKET,
        "buy": True,
        "size_e8": 10 * E8,
        "price_e8": PRICE_E8,
        "oracle_price_e8": PRICE_E8,
        "fee_e6": 0,
        "time_ms": 3_000,
    }
    return Filled(**(fields | changes))


def a_deal(**changes: Any) -> Dealt:
    fields: dict[str, Any] = {
        "batch": 1,
        "time_ms": 3_000,
        "market": MARKET,
        "price_e8": PRICE_E8,
        "oracle_price_e8": PRICE_E8,
        "bought_e8": 10 * E8,
        "sold_e8": 0,
        "funding_e6": 0,
        "dust_e6": 0,
        "fees_e6": 0,
    }
    return Dealt(**(fields | changes))


def a_book(time_ms: int, cash_e6: int = 0, **changes: Any) -> Booked:
    fields: dict[str, Any] = {"fees_e6": 0, "paid_in_e6": 0, "positions": {}}
    return Booked(time_ms=time_ms, cash_e6=cash_e6, **(fields | changes))


def a_hedge(**changes: Any) -> Hedged:
    fields: dict[str, Any] = {
        "time_ms": 3_500,
        "market": MARKET,
        "venue": "simulated",
        "buy": True,
        "size_e8": 10 * E8,
        "price_e8": PRICE_E8,
        "cost_e6": 0,
    }
    return Hedged(**(fields | changes))
