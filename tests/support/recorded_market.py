# SPDX-License-Identifier: Apache-2.0
"""A market invented by seed and written in the layouts of recorded files.

Takers arrive by chance with sizes of two decades; the mid answers each by `impact_bp_per_m` at
once and for good, and moves on its own besides. Every tenth of a second its whole book is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from infold.research.recorded import FileFacts, Quotes, Trades

BEGIN_MS = 1_723_161_256_000
STEP_MS = 100
LEVELS = 5
LEVEL_M = 0.2
TICK = 0.5


@dataclass(frozen=True)
class Invented:
    """Columns of a recording; `mid` and best sizes every `STEP_MS`, trades at any millisecond."""

    mid: np.ndarray
    begin_ms: int
    bid_size: np.ndarray
    ask_size: np.ndarray
    trade_ms: np.ndarray
    side: np.ndarray
    price: np.ndarray
    size: np.ndarray

    @property
    def time_ms(self) -> np.ndarray:
        return self.begin_ms + STEP_MS * np.arange(len(self.mid))


def invented(
    seconds: int = 120,
    seed: int = 1,
    impact_bp_per_m: float = 5.0,
    price: float = 50_000.0,
    per_step: float = 1.0,
    begin_ms: int = BEGIN_MS,
) -> Invented:
    rng = np.random.default_rng(seed)
    steps = seconds * 1_000 // STEP_MS
    arrivals = rng.poisson(per_step, steps)
    at = np.repeat(np.arange(steps), arrivals)
    side = rng.choice([-1, 1], len(at))
    size_m = np.where(rng.random(len(at)) < 0.8, 0.004, 0.05) * rng.uniform(0.5, 1.5, len(at))
    flow = np.bincount(at, weights=side * size_m, minlength=steps)
    moves = impact_bp_per_m * flow + 0.05 * rng.standard_normal(steps)
    # A step's trades move the mid seen at the next.
    mid = price * np.exp(np.concatenate([[0.0], np.cumsum(moves)[:-1]]) * 1e-4)
    mid = np.round(mid / TICK) * TICK
    depth = LEVEL_M * 1e6 / price
    lean = 0.5 * np.tanh(moves)  # the queue knows a little of the next move
    return Invented(
        mid=mid,
        begin_ms=begin_ms,
        bid_size=depth * (1.0 + lean) * rng.uniform(0.9, 1.1, steps),
        ask_size=depth * (1.0 - lean) * rng.uniform(0.9, 1.1, steps),
        trade_ms=np.sort(begin_ms + STEP_MS * at + rng.integers(1, STEP_MS, len(at))),
        side=side,
        price=mid[at] + side * TICK / 2.0,
        size=size_m * 1e6 / mid[at],
    )


def quotes_of(found: Invented, market: str = "BTCUSDT") -> Quotes:
    return Quotes(
        FileFacts("invented", len(found.mid), ""),
        market,
        found.time_ms,
        found.mid - TICK / 2.0,
        found.mid + TICK / 2.0,
        found.bid_size,
        found.ask_size,
    )


def trades_of(found: Invented, market: str = "BTCUSDT") -> Trades:
    count = len(found.side)
    return Trades(
        facts=FileFacts("invented", count, ""),
        markets=(market,),
        market=np.zeros(count, np.int64),
        time_ms=found.trade_ms,
        side=found.side.astype(np.int64),
        price=found.price,
        size=found.size,
        record=np.arange(count),
    )


def write_recording(folder: Path, found: Invented, kind: str = "usdm_btcusdt") -> tuple[Path, Path]:
    """The whole books and the trades, as files of the layouts of 2026."""
    away = TICK / 2.0 + TICK * np.arange(LEVELS)
    rest = LEVEL_M * 1e6 / found.mid[0]
    books = folder / f"x_{kind}_l2snap1000.parquet"
    pl.DataFrame(
        {
            "exch_ts_ms": found.time_ms,
            "seq": np.arange(len(found.mid)),
            "best_bid": found.mid - away[0],
            "best_ask": found.mid + away[0],
            "bids_px": [(mid - away).tolist() for mid in found.mid],
            "bids_qty": [[size, *[rest] * (LEVELS - 1)] for size in found.bid_size],
            "asks_px": [(mid + away).tolist() for mid in found.mid],
            "asks_qty": [[size, *[rest] * (LEVELS - 1)] for size in found.ask_size],
        }
    ).write_parquet(books)
    trades = folder / f"x_{kind}_trades.parquet"
    pl.DataFrame(
        {
            "exch_ts_ms": found.trade_ms,
            "trade_id": np.arange(len(found.side)),
            "price": found.price,
            "qty": found.size,
            "side": ["buy" if side > 0 else "sell" for side in found.side],
        }
    ).write_parquet(trades)
    return books, trades
