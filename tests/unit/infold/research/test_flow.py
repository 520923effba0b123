# SPDX-License-Identifier: Apache-2.0
"""Recorded trades become orders, and prices become oracle prices, by the stated rules."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from infold.errors import Rejected
from infold.messages import TimeInForce
from infold.research.faults import DataFault
from infold.research.flow import recorded_flow, schedule, senders
from infold.research.listings import Listing, listing_for
from infold.research.prices import (
    RecordedPrices,
    SeededPrices,
    WalkParameters,
    quotes_without_trades,
)
from infold.research.recorded import Quotes, Trades, read_quotes, read_trades

T = 1_723_161_256_000


def tape(
    folder: Path,
    name: str = "btcusdt",
    prices: tuple[float, ...] = (100.0, 101.0, 102.0),
    gap_ms: int = 400,
) -> Trades:
    count = len(prices)
    path = folder / f"{name}_trades.parquet"
    pl.DataFrame(
        {
            "trade_ts_ms": [T + n * gap_ms for n in range(count)],
            "trade_id": list(range(50, 50 + count)),
            "price": list(prices),
            "qty": [1.0] * count,
            "aggressor": [1 if n % 2 == 0 else -1 for n in range(count)],
        }
    ).write_parquet(path)
    return read_trades(path)


def account_fills(
    folder: Path, rows: list[tuple[str, int, float, float, int, int, bool]]
) -> Trades:
    names = ("account", "oid", "px", "sz", "side", "time_ms", "crossed")
    path = folder / "fills.parquet"
    frame = pl.DataFrame({name: [row[n] for row in rows] for n, name in enumerate(names)})
    frame.with_columns(coin=pl.lit("ETH")).write_parquet(path)
    return read_trades(path)


# -- anonymous tapes ---------------------------------------------------------


def test_a_trade_becomes_its_aggressors_immediate_order(tmp_path: Path) -> None:
    flow = recorded_flow([tape(tmp_path)], traders=7, slippage_bps=10)
    buy, sell, _ = flow.intents
    assert (buy.buy, sell.buy) == (True, False)
    assert buy.time_in_force is TimeInForce.IOC and buy.expiry_ms == T + 10_000
    assert buy.limit_price_e8 == 10_010_000_000 and sell.limit_price_e8 == 10_089_900_000
    assert buy.size_e8 == 10**8 and buy.recorded_e6 == 100_000_000


def test_the_sender_of_a_trade_does_not_depend_on_files_order_or_company(tmp_path: Path) -> None:
    btc, eth = tape(tmp_path, "btcusdt"), tape(tmp_path, "ethusdt", (7.0, 8.0, 9.0))
    alone = {
        (50 + n): intent.trader
        for n, intent in enumerate(recorded_flow([btc], traders=9, slippage_bps=1).intents)
    }
    for files in ([btc, eth], [eth, btc]):
        flow = recorded_flow(files, traders=9, slippage_bps=1)
        market = [listing.name for listing in flow.listings].index("BTCUSDT")
        mine = [intent.trader for intent in flow.intents if intent.market == market]
        assert mine == list(alone.values())


def test_senders_are_spread_over_all_traders_and_pinned() -> None:
    counts = np.bincount(senders("BTCUSDT", np.arange(10_000), 20), minlength=20)
    assert counts.min() > 400 and counts.max() < 600
    assert (
        senders("BTCUSDT", np.arange(4), 1_000).tolist()
        != senders("ETHUSDT", np.arange(4), 1_000).tolist()
    )


# -- tapes with accounts -----------------------------------------------------


def test_an_account_order_sums_its_fills_and_takes_the_worst_price(tmp_path: Path) -> None:
    flow = recorded_flow(
        [
            account_fills(
                tmp_path,
                [
                    ("a", 1, 100.0, 1.0, 1, T, True),
                    ("a", 1, 102.0, 0.5, 1, T + 5, True),
                    ("b", 2, 100.0, 1.0, -1, T, False),
                ],
            )
        ],
        traders=3,
        slippage_bps=10,
    )
    assert flow.traders == ("a", "b"), "no anonymous traders where accounts are recorded"
    taker = next(intent for intent in flow.intents if intent.buy)
    maker = next(intent for intent in flow.intents if not intent.buy)
    assert taker.size_e8 == 150_000_000 and taker.time_in_force is TimeInForce.IOC
    assert taker.limit_price_e8 == 10_210_200_000, "102 and ten basis points"
    assert taker.recorded_e6 == 151_000_000 and taker.expiry_ms == T + 5_000
    assert maker.time_in_force is TimeInForce.GTC and maker.limit_price_e8 == 9_990_000_000


def test_an_order_that_took_and_then_rested_is_good_till_cancelled(tmp_path: Path) -> None:
    flow = recorded_flow(
        [
            account_fills(
                tmp_path, [("a", 1, 100.0, 1.0, 1, T, True), ("a", 1, 100.0, 1.0, 1, T + 9, False)]
            )
        ],
        traders=1,
        slippage_bps=0,
    )
    (order,) = flow.intents
    assert order.time_in_force is TimeInForce.GTC and order.size_e8 == 2 * 10**8


# -- listings ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("price", "name", "power"),
    [
        (60_000.0, "X", 0),
        (0.0002, "X", 0),
        (0.00002, "kX", 3),
        (0.00000002, "MX", 6),
        (5e6, "mX", -3),
    ],
)
def test_multiples_bring_prices_into_range(price: float, name: str, power: int) -> None:
    listing = listing_for("X", price, price * 1.5, 1.0, Path("x"))
    assert (listing.name, listing.power) == (name, power)
    assert 10**4 <= listing.price_e8(price) <= 10**14
    assert 1e-6 <= listing.tick_e8 / listing.price_e8(price) <= 1e-4


def test_a_multiple_is_taken_where_sizes_would_be_too_large() -> None:
    assert listing_for("X", 0.002, 0.002, 5e8, Path("x")).power == 3


def test_a_range_no_multiple_covers_is_refused() -> None:
    with pytest.raises(DataFault, match="no multiple"):
        listing_for("X", 1e-9, 1e9, 1.0, Path("x"))


def test_a_multiple_keeps_the_worth_of_an_order() -> None:
    listing = Listing("kX", 3, 1)
    assert listing.price_e8(0.00002) * listing.size_e8(5_000_000.0) == 10**18


def test_limits_are_rounded_toward_the_trader() -> None:
    listing = Listing("X", 0, 10**6)
    assert listing.limit_e8(100.017, 0, buy=True) == 10_001_000_000
    assert listing.limit_e8(100.017, 0, buy=False) == 10_002_000_000


# -- oracle ------------------------------------------------------------------


def test_the_oracle_is_the_first_trade_in_a_markets_first_batch_then_the_last_before_it(
    tmp_path: Path,
) -> None:
    files = [tape(tmp_path)]
    prices = RecordedPrices(recorded_flow(files, traders=1, slippage_bps=1), files, [])
    assert prices.at(T + 500) == {0: 100 * 10**8}
    assert prices.at(T + 800) == {0: 101 * 10**8}, (
        "strictly before the batch: the trade at its very time does not count"
    )
    assert prices.at(T + 801) == {0: 102 * 10**8}


def test_quotes_come_first(tmp_path: Path) -> None:
    files = [tape(tmp_path)]
    path = tmp_path / "btcusdt_bbo.parquet"
    pl.DataFrame(
        {"tx_ts_ms": [T + 500], "update_id": [1], "bid_px": [90.0], "ask_px": [91.0]}
    ).write_parquet(path)
    prices = RecordedPrices(
        recorded_flow(files, traders=1, slippage_bps=1), files, [read_quotes(path)]
    )
    assert prices.at(T + 499) == {0: 100 * 10**8}, "before the first quote the trades speak"
    assert prices.at(T + 500) == {0: 9_050_000_000}


def test_quotes_of_a_market_nobody_trades_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "solusdt_bbo.parquet"
    pl.DataFrame(
        {"tx_ts_ms": [T], "update_id": [1], "bid_px": [90.0], "ask_px": [91.0]}
    ).write_parquet(path)
    quotes: list[Quotes] = [read_quotes(path)]
    with pytest.raises(Rejected, match="SOLUSDT, which no trade file names"):
        quotes_without_trades([tape(tmp_path)], quotes)
    quotes_without_trades([tape(tmp_path, "solusdt")], quotes)


def test_seeded_prices_repeat_by_seed_and_differ_between_seeds() -> None:
    start = {1: 60_000 * 10**8, 2: 10**6}
    walks = [SeededPrices(seed, start, 50, WalkParameters()) for seed in (1, 1, 2)]
    assert [walks[0].at(step) for step in range(51)] == [walks[1].at(step) for step in range(51)]
    assert walks[0].at(50) != walks[2].at(50)
    assert walks[0].at(0) == start and all(
        isinstance(price, int) for price in walks[0].at(7).values()
    )


# -- batches -----------------------------------------------------------------


def test_batches_lie_after_their_orders_and_rise_strictly(tmp_path: Path) -> None:
    flow = recorded_flow(
        [tape(tmp_path, prices=(100.0,) * 40, gap_ms=130)], traders=3, slippage_bps=1
    )
    batches = list(schedule(flow.intents, 1_000, 5))
    assert [intent for batch in batches for intent in batch.intents] == list(flow.intents)
    assert all(intent.time_ms < batch.time_ms for batch in batches for intent in batch.intents)
    times = [batch.time_ms for batch in batches]
    assert times == sorted(set(times))
    assert max(len(batch.intents) for batch in batches) == 5


def test_quiet_intervals_have_no_batch(tmp_path: Path) -> None:
    flow = recorded_flow(
        [tape(tmp_path, prices=(100.0, 100.0), gap_ms=9_000)], traders=3, slippage_bps=1
    )
    assert [batch.time_ms for batch in schedule(flow.intents, 1_000, 5)] == [T + 1_000, T + 10_000]


def test_a_millisecond_with_too_many_orders_is_cut(tmp_path: Path) -> None:
    flow = recorded_flow(
        [tape(tmp_path, prices=(100.0,) * 12, gap_ms=0)], traders=3, slippage_bps=1
    )
    batches = list(schedule(flow.intents, 1_000, 5))
    assert [(batch.time_ms - T, len(batch.intents)) for batch in batches] == [
        (1, 5),
        (2, 5),
        (1_000, 2),
    ]
