# SPDX-License-Identifier: Apache-2.0
"""Which market a file speaks of, told by its name, and what a contract of it is worth."""

from __future__ import annotations

import re
from pathlib import Path

from infold.research.faults import DataFault

# Dollars a coin-margined contract stands for: 100 for bitcoin, 10 for every other coin.
CONTRACT_USD = {"BTC": 100.0}
CONTRACT_USD_OTHER = 10.0

_QUOTE_COINS = "usdt|usdc|fdusd|busd|tusd|usd|btc|eth|bnb|eur|try"
_MARKET_IN_NAME = re.compile(
    rf"(?<![a-z0-9])([a-z0-9]{{1,16}}?(?:{_QUOTE_COINS}))(?:_(perp|\d{{6}})(?!\d))?(?![a-z0-9])"
)


def market_of(path: Path) -> str:
    """The market a file's name speaks of: ``..._btcusdt_trades.parquet`` is BTCUSDT. `DataFault` if
    it speaks of none.
    """
    found = _MARKET_IN_NAME.findall(path.name.lower())
    if not found:
        raise DataFault(path, "its name holds no market", "say which with --market NAME=FILE")
    pair, contract = found[0]
    return f"{pair}_{contract}".upper() if contract else pair.upper()


def is_coin_margined(market: str, path: Path) -> bool:
    """Whether sizes are contracts: those of ``BTCUSD_PERP`` are, of ``BTCUSDT`` not."""
    if re.search(r"USD_(PERP|\d{6})$", market) or re.search(
        r"(?<![a-z])coinm?-?m(?![a-z])", path.name.lower()
    ):
        return True
    try:
        return re.search(r"USD_(PERP|\d{6})$", market_of(path)) is not None
    except DataFault:
        return False


def contract_usd(market: str) -> float:
    """Dollars one coin-margined contract stands for."""
    return next(
        (usd for coin, usd in CONTRACT_USD.items() if market.startswith(coin)), CONTRACT_USD_OTHER
    )
