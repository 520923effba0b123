# SPDX-License-Identifier: Apache-2.0
"""The readers on the recorded data itself, where INFOLD_DATA names it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from infold.bench.dealer.recorded_targets import RECORDINGS, TOLERANCE, target
from infold.research.faults import DataFault
from infold.research.flow import recorded_flow
from infold.research.microstructure.crossable import crossable
from infold.research.microstructure.evidence import explain
from infold.research.microstructure.recordings import discover
from infold.research.microstructure.steps import steps_of
from infold.research.recorded import (
    Quotes,
    Trades,
    read,
    read_bars,
    read_books,
    read_depths,
    read_quotes,
    read_trades,
)
from infold.research.volatility import contest, realised

DATA = os.environ.get("INFOLD_DATA")
pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not DATA, reason="INFOLD_DATA is unset"),
]
ROOT = Path(DATA or ".")
TRADES = [
    ("l2_trades/binance_20240808_usdm_btcusdt_trades.parquet", 21_313, "BTCUSDT"),
    ("l2_trades/binance_20240808_usdm_ethusdt_trades.parquet", 14_076, "ETHUSDT"),
    ("l2_trades/binance_20240808_spot_btcusdt_trades.parquet", 19_904, "BTCUSDT"),
    ("l2_trades/binance_20240808_coinm_ethusd_perp_trades.parquet", 3_595, "ETHUSD_PERP"),
    ("l2_trades/binance_20260216_usdm_btcusdt_trades.parquet", 11_947, "BTCUSDT"),
]
QUOTES = [
    ("l2_trades/binance_20240808_usdm_btcusdt_bbo.parquet", 66_089),
    ("l2_trades/binance_20240808_spot_btcusdt_bbo.parquet", 73_174),
    ("l2_trades/binance_20260216_spot_btcusdt_l2snap1000.parquet", 2_559),
]


@pytest.mark.parametrize(("name", "rows", "market"), TRADES)
def test_trade_files_read_whole(name: str, rows: int, market: str) -> None:
    trades = read_trades(ROOT / name)
    assert (trades.facts.rows, trades.markets) == (rows, (market,))
    assert len(trades.price) == rows


@pytest.mark.parametrize(("name", "rows"), QUOTES)
def test_quote_files_read_whole(name: str, rows: int) -> None:
    quotes = read(ROOT / name)
    assert isinstance(quotes, Quotes)
    assert quotes.facts.rows == rows and bool((quotes.bid <= quotes.ask).all())


def test_fills_of_accounts_become_their_orders() -> None:
    trades = read_trades(ROOT / "user_flow/hyperliquid_20251027_all_fills.parquet")
    assert trades.accounts is not None and len(trades.accounts) == 662
    flow = recorded_flow([trades], traders=1, slippage_bps=10)
    assert (len(flow.intents), len(flow.listings)) == (2_703, 154)
    # Both sides of 4,053,278.74 dollars of trades.
    assert flow.gross_e6 == pytest.approx(2 * 4_053_278_742_560, rel=1e-6)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("ohlcv/binance_spot_btc_eth_1h.parquet", "it holds bars, not trades or quotes"),
        ("user_flow/hyperliquid_32accts_light.parquet", "no known layout has the columns"),
    ],
)
def test_other_layouts_are_refused_by_their_columns(name: str, problem: str) -> None:
    with pytest.raises(DataFault, match=problem):
        read(ROOT / name)


def test_every_file_of_bars_reads_and_says_what_is_odd() -> None:
    found = {}
    for path in sorted(ROOT.glob("ohlcv/binance*.parquet")):
        for bars in read_bars(path):
            found[path.stem, bars.market] = bars
            whole = [bars.time_ms[run] for run in bars.runs()]
            assert all(bool((np.diff(times) == bars.step_ms).all()) for times in whole)
            assert len(whole) == bars.flags.count("gap") + 1
    assert found["binance_spot_btc_eth_2h", "BTCUSDT"].flags.count("gap") == 18
    assert found["binance_spot_btc_eth_15m", "ETHUSDT"].flags.count("gap") == 0
    (index,) = read_bars(ROOT / "ohlcv/cryptocompare_btcusd_1h.parquet")
    assert index.flags.count("crooked_bar") > 0


def test_every_file_of_trades_or_quotes_reads() -> None:
    found = {Trades: 0, Quotes: 0}
    for path in sorted(ROOT.glob("l2_trades/*.parquet")):
        if "l2diff" not in path.name:
            found[type(read(path))] += 1
    assert found == {Trades: 8, Quotes: 9}


def test_books_are_not_taken_for_quotes() -> None:
    with pytest.raises(DataFault, match="a book's updates"):
        read(ROOT / "l2_trades/binance_20240808_usdm_btcusdt_l2diff.parquet")


@pytest.mark.parametrize("market", ["usdm_btcusdt", "usdm_ethusdt", "spot_ethusdt"])
def test_a_rebuilt_book_shows_the_recorded_best_quotes(market: str) -> None:
    """Two streams of one exchange, recorded apart, tell the same best prices update by update."""
    book = read_books(ROOT / f"l2_trades/binance_20240808_{market}_l2diff.parquet", levels=2)
    path = ROOT / f"l2_trades/binance_20240808_{market}_bbo.parquet"
    quotes, ids = read_quotes(path), pl.read_parquet(path)["update_id"].to_numpy()
    place = np.searchsorted(ids, book.update_id, side="right") - 1
    inside = (place >= 0) & (place < len(ids) - 1)
    bid, ask = quotes.bid[place[inside]], quotes.ask[place[inside]]
    agree = (bid == book.bid_price[inside, 0]) & (ask == book.ask_price[inside, 0])
    assert inside.sum() > 6_000 and agree.mean() > 0.999
    gap_ms = np.abs(quotes.time_ms[place[inside]] - book.time_ms[inside])
    assert np.median(gap_ms) < 150, "both are on the exchange's clock, the recorder's is 1.2 s off"


def test_snapshots_and_summed_depth_read_whole() -> None:
    book = read_books(ROOT / "l2_trades/binance_20260216_spot_btcusdt_l2snap1000.parquet")
    assert book.bid_price.shape == (2_559, 20) and book.flags.count("repeated_book") == 2
    depths = read_depths(ROOT / "l2_trades/binance_20250911_spot_btcusdt_depth20s.parquet")
    assert depths.levels == (1, 5, 10) and depths.bid_depth.shape == (1_080, 3)
    assert bool((np.diff(depths.ask_depth, axis=1) >= 0).all())


# -- what the records say --------------------------------------------------------------------------


def test_order_flow_explains_recorded_moves_as_others_found() -> None:
    """Within .02 of every value known, at both horizons, in and out of sample."""
    seen = 0
    for recording in discover(ROOT / "l2_trades").recordings:
        for horizon_ms, tail in ((1_000, "1s"), (10_000, "10s")):
            if recording.name not in RECORDINGS or not recording.fine_enough(horizon_ms):
                continue
            found = explain(steps_of(recording.quotes, horizon_ms), seed=1)
            for measure, value in (
                (f"r2_{tail}", found.r_squared),
                (f"r2_{tail}_out", found.out_of_sample),
            ):
                wanted = target(recording.name, measure)
                if wanted is not None:
                    assert value == pytest.approx(wanted, abs=TOLERANCE), (recording.name, measure)
                    seen += 1
    assert seen == 28


@pytest.mark.parametrize("name", ["binance_btcusdt_1m_2025", "binance_spot_btc_eth_15m"])
def test_har_beats_the_average_on_recorded_bars(name: str) -> None:
    """At least 5 % of QLIKE against RiskMetrics' average, Diebold-Mariano p below .05."""
    for bars in read_bars(ROOT / f"ohlcv/{name}.parquet"):
        periods = realised(bars)
        assert periods is not None
        outcome = contest(periods)
        assert outcome is not None
        assert outcome.gain >= 0.05 and outcome.p_value < 0.05


def test_takers_net_as_others_found() -> None:
    fills = read_trades(ROOT / "user_flow/hyperliquid_20251027_all_fills.parquet")
    for window_ms in (250, 1_000, 5_000, 30_000):
        found = crossable(fills, window_ms)
        for measure, value in (
            (f"crossable_{window_ms}ms", found.share),
            (f"between_accounts_{window_ms}ms", found.between_accounts),
        ):
            assert value == pytest.approx(target("2025-10-27.accounts", measure), abs=0.003)
