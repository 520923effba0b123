# SPDX-License-Identifier: Apache-2.0
"""An exchange's answers in the shape it documents (Binance USDS-M futures), our own figures."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

SYMBOL = "BTCUSDT"

LISTING: dict[str, Any] = {
    "timezone": "UTC",
    "serverTime": 1770000000000,
    "symbols": [
        {
            "symbol": SYMBOL,
            "pair": SYMBOL,
            "contractType": "PERPETUAL",
            "deliveryDate": 4133404800000,
            "onboardDate": 1569398400000,
            "status": "TRADING",
            "baseAsset": "BTC",
            "quoteAsset": "USDT",
            "marginAsset": "USDT",
            "pricePrecision": 2,
            "quantityPrecision": 3,
            "underlyingType": "COIN",
            "filters": [
                {
                    "filterType": "PRICE_FILTER",
                    "minPrice": "0.10",
                    "maxPrice": "1000000",
                    "tickSize": "0.10",
                },
                {
                    "filterType": "LOT_SIZE",
                    "minQty": "0.001",
                    "maxQty": "1000",
                    "stepSize": "0.001",
                },
                {"filterType": "MIN_NOTIONAL", "notional": "5"},
            ],
            "orderTypes": ["LIMIT", "MARKET"],
            "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
        }
    ],
}

BRACKETS = [
    {
        "symbol": SYMBOL,
        "brackets": [
            {
                "bracket": 1,
                "initialLeverage": 125,
                "notionalCap": 300000,
                "notionalFloor": 0,
                "maintMarginRatio": 0.004,
                "cum": 0.0,
            }
        ],
    }
]


def order_answer(status: str, side: str, quantity: str, done: str, quote: str) -> dict[str, Any]:
    """An order as POST, GET and DELETE /fapi/v1/order answer it."""
    return {
        "orderId": 22542179,
        "symbol": SYMBOL,
        "status": status,
        "clientOrderId": "infold-1-1",
        "price": "60000.0",
        "avgPrice": "60010.0" if float(done) else "0.0",
        "origQty": quantity,
        "executedQty": done,
        "cumQty": done,
        "cumQuote": quote,
        "timeInForce": "IOC",
        "type": "LIMIT",
        "reduceOnly": False,
        "closePosition": False,
        "side": side,
        "positionSide": "BOTH",
        "stopPrice": "0",
        "workingType": "CONTRACT_PRICE",
        "priceProtect": False,
        "origType": "LIMIT",
        "updateTime": 1770000000123,
        "time": 1770000000100,
    }


def position_answer(amount: str) -> list[dict[str, Any]]:
    """GET /fapi/v3/positionRisk."""
    return [
        {
            "symbol": SYMBOL,
            "positionSide": "BOTH",
            "positionAmt": amount,
            "entryPrice": "60010.0",
            "breakEvenPrice": "60020.0",
            "markPrice": "60005.00000000",
            "unRealizedProfit": "-0.05",
            "liquidationPrice": "0",
            "isolatedMargin": "0",
            "notional": str(float(amount) * 60005),
            "marginAsset": "USDT",
            "isolatedWallet": "0",
            "initialMargin": "10.0",
            "maintMargin": "2.0",
            "positionInitialMargin": "10.0",
            "openOrderInitialMargin": "0",
            "adl": 2,
            "bidNotional": "0",
            "askNotional": "0",
            "updateTime": 1770000000123,
        }
    ]


ACCOUNT: dict[str, Any] = {
    "totalInitialMargin": "10.0",
    "totalMaintMargin": "2.0",
    "totalWalletBalance": "1000.5",
    "totalUnrealizedProfit": "-0.25",
    "totalMarginBalance": "1000.25",
    "totalCrossWalletBalance": "1000.5",
    "availableBalance": "990.25",
    "maxWithdrawAmount": "990.25",
    "assets": [
        {
            "asset": "USDT",
            "walletBalance": "1000.50000000",
            "unrealizedProfit": "-0.25000000",
            "marginBalance": "1000.25000000",
            "maintMargin": "2.0",
            "initialMargin": "10.0",
            "positionInitialMargin": "10.0",
            "openOrderInitialMargin": "0",
            "crossWalletBalance": "1000.5",
            "crossUnPnl": "-0.25",
            "availableBalance": "990.25",
            "maxWithdrawAmount": "990.25",
            "updateTime": 1770000000123,
        }
    ],
    "positions": [],
}
"""GET /fapi/v3/account."""

DEPTH = {
    "lastUpdateId": 1027024,
    "E": 1770000000200,
    "T": 1770000000190,
    "bids": [["60000.0", "12.500"], ["59999.9", "3.000"]],
    "asks": [["60000.1", "0.731"], ["60000.2", "9.000"]],
}

NO_SUCH_ORDER = (400, {"code": -2013, "msg": "Order does not exist."})
UNKNOWN_ORDER = (400, {"code": -2011, "msg": "Unknown order sent."})
NO_MARGIN = (400, {"code": -2019, "msg": "Margin is insufficient."})
DUPLICATE = (400, {"code": -4116, "msg": "ClientOrderId is duplicated."})
BAD_KEY = (401, {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."})
IN_DOUBT = (
    503,
    {
        "code": -1007,
        "msg": "Timeout waiting for response from backend server. Send status unknown; execution"
        " status unknown.",
    },
)


class Exchange:
    """Gives the answers it was handed, in turn, and remembers what it was asked."""

    def __init__(self, **answers: Any) -> None:
        self.answers = {name: list(many) for name, many in answers.items()}
        self.asked: list[tuple[str, dict[str, str]]] = []

    def request(self, method: str, url: str, data: object = None, **_: object) -> requests.Response:
        """Stands in for the HTTP client's own `request`."""
        parts = urlsplit(url)
        what = f"{method} {parts.path.rsplit('/', 1)[-1]}"
        text = data.decode() if isinstance(data, bytes) else parts.query
        self.asked.append((what, {name: one[0] for name, one in parse_qs(text).items()}))
        fixed = {"GET exchangeInfo": LISTING, "GET leverageBracket": BRACKETS}
        found = fixed[what] if what in fixed else self.answers[what.replace(" ", "_")].pop(0)
        if isinstance(found, Exception):
            raise found
        status, body = found if isinstance(found, tuple) else (200, found)
        response = requests.Response()
        response.status_code, response.reason, response.url = status, "said", url
        response._content = json.dumps(body).encode()
        return response
