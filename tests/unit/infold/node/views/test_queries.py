# SPDX-License-Identifier: Apache-2.0
"""Orders and fills as clients ask for them: by account, market, status and time."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from tests.support.paper_venue import BTC, BTC_E8, ETH, ETH_E8, Venue, an_order, signed

from infold.messages import Fill
from infold.node.memory import OrderRow
from infold.node.views.orders import OrderViews
from infold.node.views.wording import MarketNames

START_MS = 1_800_000_000_000
TRADED = ((17, BTC), (17, ETH), (18, BTC), (18, ETH))
"""Account and market of four orders and of their fills, a second after each other."""


def a_fill(digest: bytes, place: int, **changes: Any) -> Fill:
    account, market = TRADED[place]
    oracle_price_e8 = {BTC: BTC_E8, ETH: ETH_E8}[market]
    fill = {
        "order_hash": digest,
        "account": account,
        "market": market,
        "buy": True,
        "size_e8": 25_000_000,
        "price_e8": oracle_price_e8,
        "fee_e6": 1_500_000,
        "oracle_price_e8": oracle_price_e8,
        "batch": 1,
        "time_ms": START_MS + 1_000 * place,
    }
    return Fill(**fill | changes)


def views_of(rows: list[OrderRow], fills: list[Fill], *resting: bytes) -> OrderViews:
    venue = Venue()
    venue.list_market(BTC)
    venue.list_market(ETH, name="ETH-USD")
    venue.observe(START_MS)
    markets, orders = venue.state.markets, dict.fromkeys(resting)
    memory: Any = SimpleNamespace(
        state=SimpleNamespace(markets=markets, orders=orders, in_flight_e8={}),
        order_rows=rows,
        fill_rows=fills,
        batch_row=lambda number: SimpleNamespace(transaction=bytes(32)),
    )
    return OrderViews(memory, MarketNames(venue.state))


@pytest.fixture
def views() -> OrderViews:
    """Of four orders, each filled; a part of the last one rests."""
    rows = [
        OrderRow(signed(an_order(account, market=market)), place + 1, START_MS + 1_000 * place, 0)
        for place, (account, market) in enumerate(TRADED)
    ]
    for row in rows:
        row.filled_e8 = 25_000_000
    hashes = [row.signed.order_hash for row in rows]
    fills = [a_fill(digest, place) for place, digest in enumerate(hashes)]
    return views_of(rows, fills, hashes[-1])


@pytest.mark.parametrize(
    ("query", "places"),
    [
        ({}, [1, 2, 3, 4]),
        ({"account": "18"}, [3, 4]),
        ({"account": "19"}, []),
        ({"market": "BTC-USD"}, [1, 3]),
        ({"market": "BTC-USD", "account": "17"}, [1]),
        ({"since": str(START_MS + 1_000)}, [2, 3, 4]),
        ({"since": str(START_MS + 1_001)}, [3, 4]),
        ({"until": str(START_MS + 1_000)}, [1, 2]),
        ({"until": str(START_MS + 999)}, [1]),
        ({"since": str(START_MS + 1_000), "until": str(START_MS + 2_000)}, [2, 3]),
    ],
)
def test_what_a_query_narrows_it_narrows_of_orders_and_fills_alike(
    views: OrderViews, query: dict[str, str], places: list[int]
) -> None:
    assert [row["seq"] for row in views.orders(query, 0, 100)] == places
    assert [row["seq"] for row in views.fills(query, 0, 100)] == places


def test_a_page_goes_on_behind_the_last_row_that_was_read(views: OrderViews) -> None:
    for read in (views.orders, views.fills):
        assert [row["seq"] for row in read({"account": "18"}, 0, 1)] == [3]
        assert [row["seq"] for row in read({"account": "18"}, 3, 1)] == [4]
        assert read({"account": "18"}, 4, 1) == []


def test_orders_are_asked_for_by_status_and_open_ones_have_several(views: OrderViews) -> None:
    assert [row["seq"] for row in views.orders({"status": "filled"}, 0, 100)] == [1, 2, 3]
    assert [row["seq"] for row in views.orders({"status": "open"}, 0, 100)] == [4]
    assert [row["seq"] for row in views.orders({"status": "partiallyFilled"}, 0, 100)] == [4]


@pytest.mark.parametrize(
    ("buy", "away_e8", "told"),
    [(True, 6 * 10**8, "1"), (False, 6 * 10**8, "-1"), (True, -1, "-0.0001"), (True, 1, "0")],
)
def test_a_fills_spread_is_what_its_trader_paid_beyond_the_oracles_price(
    buy: bool, away_e8: int, told: str
) -> None:
    fill = a_fill(bytes(32), 0, buy=buy, price_e8=BTC_E8 + away_e8)
    (row,) = views_of([], [fill]).fills({}, 0, 1)
    assert (row["spreadBps"], row["size"], row["fee"]) == (told, "0.25", "1.5")
