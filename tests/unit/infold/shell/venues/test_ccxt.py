# SPDX-License-Identifier: Apache-2.0
"""The ccxt adapter on an exchange's documented answers: what is known, refused, or in doubt."""

from __future__ import annotations

import sys

import ccxt
import pytest
import requests

from infold.errors import Misconfigured, Unavailable
from infold.outside import OutsideOrder, Standing
from infold.shell.venues.ccxt import CcxtVenue, connect

from .binance_answers import (
    ACCOUNT,
    BAD_KEY,
    DEPTH,
    DUPLICATE,
    IN_DOUBT,
    NO_MARGIN,
    NO_SUCH_ORDER,
    SYMBOL,
    UNKNOWN_ORDER,
    Exchange,
    order_answer,
    position_answer,
)

SELL = OutsideOrder(
    client_id="infold-1-1",
    venue="binance",
    market=1,
    size_e8=-123_000_000,
    limit_price_e8=6 * 10**12,
)


def a_venue(exchange: Exchange) -> CcxtVenue:
    client = ccxt.binanceusdm(
        {
            "apiKey": "key",
            "secret": "secret",
            "enableRateLimit": False,
            "options": {"fetchCurrencies": False},
        }
    )
    client.session.request = exchange.request
    return CcxtVenue("binance", client, {1: "BTC/USDT:USDT"}, lambda: 77)


def test_an_order_is_placed_with_our_client_id_and_its_fills_are_read_exactly() -> None:
    exchange = Exchange(POST_order=[order_answer("FILLED", "SELL", "1.230", "1.230", "73812.3")])
    report = a_venue(exchange).place(SELL)
    assert (report.standing, report.filled_e8) == (Standing.FILLED, -123_000_000)
    assert report.paid_e6 == 73_812_300_000
    assert report.fee_e6 == round(
        73_812_300_000 * 0.0005
    )  # the listed taker rate, since none named
    what, sent = exchange.asked[-1]
    assert what == "POST order"
    assert {name: sent[name] for name in ("symbol", "side", "type", "timeInForce")} == {
        "symbol": SYMBOL,
        "side": "SELL",
        "type": "LIMIT",
        "timeInForce": "IOC",
    }
    assert (sent["quantity"], sent["newClientOrderId"]) == ("1.23", "infold-1-1")
    assert float(sent["price"]) == 60_000.0


def test_a_resting_order_is_post_only_and_a_market_order_has_no_price() -> None:
    exchange = Exchange(
        POST_order=[
            order_answer("NEW", "BUY", "0.500", "0.000", "0"),
            order_answer("FILLED", "BUY", "0.500", "0.500", "30005"),
        ]
    )
    venue = a_venue(exchange)
    resting = OutsideOrder(
        client_id="infold-1-1",
        venue="binance",
        market=1,
        size_e8=50_000_000,
        limit_price_e8=6 * 10**12,
        resting=True,
    )
    assert venue.place(resting).standing is Standing.OPEN
    assert exchange.asked[-1][1]["timeInForce"] == "GTX"
    at_market = OutsideOrder(client_id="infold-1-1", venue="binance", market=1, size_e8=50_000_000)
    assert venue.place(at_market).filled_e8 == 50_000_000
    assert "price" not in exchange.asked[-1][1] and exchange.asked[-1][1]["type"] == "MARKET"


def test_a_partly_filled_order_that_expired_is_cancelled_with_what_it_got() -> None:
    exchange = Exchange(POST_order=[order_answer("EXPIRED", "SELL", "1.230", "0.400", "24000.01")])
    report = a_venue(exchange).place(SELL)
    assert (report.standing, report.filled_e8) == (Standing.CANCELLED, -40_000_000)


def test_a_refusal_counts_once_the_exchange_does_not_know_the_order() -> None:
    exchange = Exchange(POST_order=[NO_MARGIN], GET_order=[NO_SUCH_ORDER])
    report = a_venue(exchange).place(SELL)
    assert report.standing is Standing.REFUSED and "Margin is insufficient" in report.reason


def test_a_copy_is_reported_as_the_order_that_is_there() -> None:
    filled = order_answer("FILLED", "SELL", "1.230", "1.230", "73812.3")
    exchange = Exchange(POST_order=[DUPLICATE], GET_order=[filled])
    report = a_venue(exchange).place(SELL)
    assert (report.standing, report.filled_e8) == (Standing.FILLED, -123_000_000)
    unseen = Exchange(POST_order=[DUPLICATE], GET_order=[NO_SUCH_ORDER])
    with pytest.raises(Unavailable, match="does not show"):
        a_venue(unseen).place(SELL)


@pytest.mark.parametrize(
    "answer",
    [
        IN_DOUBT,
        (502, {"msg": "bad gateway"}),
        (400, {"code": -1, "msg": "something no list knows"}),
        requests.exceptions.ConnectionError("reset"),
        requests.exceptions.Timeout("late"),
    ],
)
def test_whatever_is_no_refusal_leaves_the_order_in_doubt(answer: object) -> None:
    with pytest.raises(Unavailable):
        a_venue(Exchange(POST_order=[answer])).place(SELL)


def test_orders_are_asked_for_by_client_id() -> None:
    exchange = Exchange(
        GET_order=[order_answer("PARTIALLY_FILLED", "SELL", "1.230", "0.1", "6001"), NO_SUCH_ORDER]
    )
    venue = a_venue(exchange)
    report = venue.order(1, "infold-1-1")
    assert report is not None
    assert (report.standing, report.filled_e8) == (Standing.OPEN, -10_000_000)
    assert exchange.asked[-1][1]["origClientOrderId"] == "infold-1-1"
    assert venue.order(1, "infold-1-1") is None


def test_cancelling_what_is_not_open_any_more_asks_what_became_of_it() -> None:
    exchange = Exchange(
        DELETE_order=[order_answer("CANCELED", "SELL", "1.230", "0.2", "12002"), UNKNOWN_ORDER],
        GET_order=[order_answer("FILLED", "SELL", "1.230", "1.230", "73812.3")],
    )
    venue = a_venue(exchange)
    cancelled, filled = venue.cancel(1, "infold-1-1"), venue.cancel(1, "infold-1-1")
    assert cancelled is not None and cancelled.standing is Standing.CANCELLED
    assert filled is not None and filled.standing is Standing.FILLED


@pytest.mark.parametrize(("amount", "size_e8"), [("-1.230", -123_000_000), ("0.004", 400_000)])
def test_a_position_is_signed_lots(amount: str, size_e8: int) -> None:
    venue = a_venue(Exchange(GET_positionRisk=[position_answer(amount)]))
    position = venue.position(1)
    assert (position.size_e8, position.time_ms) == (size_e8, 77)


def test_no_position_is_zero() -> None:
    assert a_venue(Exchange(GET_positionRisk=[[]])).position(1).size_e8 == 0


def test_a_balance_is_the_margin_balance_with_open_profit_in_it() -> None:
    found = a_venue(Exchange(GET_account=[ACCOUNT])).balance(1)
    assert (found.equity_e6, found.time_ms) == (1_000_250_000, 77)


def test_the_best_levels_are_the_quote() -> None:
    quote = a_venue(Exchange(GET_depth=[DEPTH])).quote(1)
    assert (quote.bid_price_e8, quote.ask_price_e8) == (6_000_000_000_000, 6_000_010_000_000)
    assert (quote.bid_size_e8, quote.ask_size_e8) == (1_250_000_000, 73_100_000)
    one_sided = a_venue(Exchange(GET_depth=[DEPTH | {"asks": []}]))
    with pytest.raises(Unavailable, match="one side"):
        one_sided.quote(1)


def test_a_key_that_is_not_accepted_and_a_market_that_is_not_listed_are_the_operators() -> None:
    with pytest.raises(Misconfigured, match="does not accept our key"):
        a_venue(Exchange(GET_order=[BAD_KEY])).order(1, "infold-1-1")
    venue = a_venue(Exchange())
    with pytest.raises(Misconfigured, match="no symbol for market 2"):
        venue.quote(2)
    venue._symbols[2] = "DOGE/USDT:USDT"
    with pytest.raises(Misconfigured, match="lists no DOGE"):
        venue.quote(2)


def test_keys_are_read_from_where_they_are_kept_and_the_test_network_is_the_default() -> None:
    keys = {"KEY": "k", "SECRET": "s"}
    where = {"key": "env:KEY", "secret": "env:SECRET"}
    venue = connect("b", "binanceusdm", {1: "BTC/USDT:USDT"}, lambda: 0, environment=keys, **where)
    assert (venue._client.apiKey, venue._client.secret) == ("k", "s")
    assert "testnet" in str(venue._client.urls["api"]["fapiPublic"])
    with pytest.raises(Misconfigured, match="SECRET is not set"):
        connect("b", "binanceusdm", {}, lambda: 0, environment={"KEY": "k"}, **where)
    with pytest.raises(Misconfigured, match="knows no exchange"):
        connect("b", "nowhere", {}, lambda: 0, environment=keys, **where)


def test_without_ccxt_the_mend_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ccxt", None)
    with pytest.raises(Misconfigured, match=r"infold\[outside\]"):
        connect("b", "binanceusdm", {}, lambda: 0, key="env:KEY", secret="env:SECRET")
