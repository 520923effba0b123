# SPDX-License-Identifier: Apache-2.0
"""Layouts of trades: whose column is the price, whose the side, whose size is in contracts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from infold.research.recorded.names import contract_usd, is_coin_margined
from infold.research.recorded.sheet import Sheet
from infold.research.recorded.streams import Floats, Integers, Trades


def _one_market(
    sheet: Sheet, *, ids: str | None, time: str, price: str, size: Floats, side: Integers
) -> Trades:
    """Trades of a file that speaks of one market."""
    if ids:
        sheet.find_missing(ids)
    time_ms = sheet.times_ms(time)
    order = sheet.order_of(time_ms, time)
    prices = sheet.amounts(price)
    sheet.find_leaps(prices, time_ms)
    record = sheet.integers(ids) if ids else np.arange(len(time_ms), dtype=np.int64)
    return Trades(
        facts=sheet.facts,
        markets=(sheet.market,),
        market=np.zeros(len(order), dtype=np.int64),
        time_ms=time_ms[order],
        side=side[order],
        price=prices[order],
        size=size[order],
        record=record[order],
        flags=sheet.flags,
    )


def _base_size(sheet: Sheet, price: str, size: str) -> Floats:
    """Sizes in base units: contracts of coin-margined markets become coins at the row's price."""
    amounts = sheet.amounts(size)
    if not is_coin_margined(sheet.market, sheet.path):
        return amounts
    return amounts * contract_usd(sheet.market) / sheet.amounts(price)


def trades_csv(price: str, size: str, time: str, maker: str, ids: str) -> Callable[[Sheet], Trades]:
    def reader(sheet: Sheet) -> Trades:
        buyer_is_maker = sheet.booleans(maker)
        return _one_market(
            sheet,
            ids=ids,
            time=time,
            price=price,
            size=_base_size(sheet, price, size),
            side=np.where(buyer_is_maker, -1, 1).astype(np.int64),
        )

    return reader


def trades_2024(sheet: Sheet) -> Trades:
    return _one_market(
        sheet,
        ids="trade_id" if "trade_id" in sheet.frame.columns else None,
        time="trade_ts_ms",
        price="price",
        size=_base_size(sheet, "price", "qty"),
        side=sheet.sides("aggressor"),
    )


def trades_2026(sheet: Sheet) -> Trades:
    return _one_market(
        sheet,
        ids="trade_id" if "trade_id" in sheet.frame.columns else None,
        time="exch_ts_ms",
        price="price",
        size=_base_size(sheet, "price", "qty"),
        side=sheet.sides("side"),
    )


def account_fills(order_ids: str, time: str) -> Callable[[Sheet], Trades]:
    def reader(sheet: Sheet) -> Trades:
        markets, market = sheet.labels("coin")
        accounts, account = sheet.labels("account")
        time_ms = sheet.times_ms(time)
        order = sheet.order_of(time_ms, time)
        return Trades(
            facts=sheet.facts,
            markets=markets,
            market=market[order],
            time_ms=time_ms[order],
            side=sheet.sides("side")[order],
            price=sheet.amounts("px")[order],
            size=sheet.amounts("sz")[order],
            record=order,
            accounts=accounts,
            account=account[order],
            order=sheet.integers(order_ids)[order],
            crossed=sheet.booleans("crossed")[order],
            flags=sheet.flags,
        )

    return reader
