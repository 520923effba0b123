# SPDX-License-Identifier: Apache-2.0
"""How far and how fast a market's funding rate may move, from what other venues' rates did.

A rate cap has two sides. Below what perpetuals have paid elsewhere, positions that lean one way are
not paid for and the pool keeps the skew; above it, whoever moves the skew makes others pay. So the
cap is the smallest round figure that covers all but one in a thousand of recorded days, and never
more than a third of the maintenance margin a day: a position at the brink has days, not hours. The
velocity is the smallest round figure at which a full pool's rate keeps up with all but one in a
hundred of the recorded changes over eight hours. Round is 1, 2, 3 or 5 times a power of ten.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from infold.research.faults import TooLittle

Floats = NDArray[np.float64]
COLUMNS: Final = ("ts_utc", "venue", "symbol", "funding_rate")
DAY_S: Final = 86_400
SLICE_S: Final = 28_800
"""Eight hours: the interval most venues fund at; shorter ones are added up to it."""
DAYS_MIN: Final = 90
COVERED: Final = 0.999
"""Of days, by the cap."""
KEPT_UP: Final = 0.99
"""Of changes from one eight hours to the next, by the velocity."""
MARGIN_PART: Final = 3
ROUND: Final = (1, 2, 3, 5)


@dataclass(frozen=True, slots=True)
class Series:
    """One venue's market: funding of each whole eight hours, in order; NaN where any is missing."""

    venue: str
    symbol: str
    rates: Floats

    @property
    def name(self) -> str:
        """The venue and its market."""
        return f"{self.venue} {self.symbol}"

    def days(self) -> Floats:
        """Funding of three slices in a row, at each slice that has them: shares of notional a
        day.
        """
        three: Floats = self.rates[2:] + self.rates[1:-1] + self.rates[:-2]
        known: Floats = three[~np.isnan(three)]
        return known

    def changes(self) -> Floats:
        """How far the daily rate moved from one slice to the next."""
        moved: Floats = np.abs(np.diff(self.rates)) * (DAY_S / SLICE_S)
        known: Floats = moved[~np.isnan(moved)]
        return known


@dataclass(frozen=True, slots=True)
class FundingChoice:
    """What a market takes, and the figures it rests on; rates are shares of notional a day."""

    rate_max_e9: int
    velocity_e9: int
    covered: float
    """The share of recorded days within the cap."""
    kept_up: float
    """The share of changes that a full pool's rate keeps up with."""
    day_quantile: float
    change_quantile: float
    bound_by_margin: bool
    days: int
    series: tuple[Series, ...]


def read_funding(path: Path) -> list[Series]:
    """Recorded rates by venue and market, from Parquet with `COLUMNS`; `TooLittle` if they hold no
    market of `DAYS_MIN` days.
    """
    rows = pl.read_parquet(path)
    if set(COLUMNS) - set(rows.columns):
        raise TooLittle(f"{path} lacks one of the columns {', '.join(COLUMNS)}")
    rows = rows.select(
        "venue",
        "symbol",
        pl.col("ts_utc").dt.epoch("s").alias("at_s"),
        pl.col("funding_rate").cast(pl.Float64),
    ).drop_nulls()
    found = []
    for (venue, symbol), part in sorted(
        rows.group_by("venue", "symbol"), key=lambda it: (str(it[0][0]), str(it[0][1]))
    ):
        at_s, rates = part["at_s"].to_numpy(), part["funding_rate"].to_numpy()
        one = Series(str(venue), str(symbol), _sliced(at_s, rates))
        if len(one.days()) >= DAYS_MIN * (DAY_S // SLICE_S):
            found.append(one)
    if not found:
        raise TooLittle(f"{path} holds no market with {DAYS_MIN} days of funding")
    return found


def _sliced(at_s: NDArray[np.int64], rates: Floats) -> Floats:
    """Funding of whole slices. A venue's own interval is the median gap of its stamps; a slice with
    fewer payments than that makes is missing.
    """
    order = np.argsort(at_s, kind="stable")
    at_s, rates = at_s[order], rates[order]
    interval_s = float(np.median(np.diff(at_s))) if len(at_s) > 1 else float(SLICE_S)
    wanted = max(1, round(SLICE_S / interval_s))
    slices = at_s // SLICE_S - at_s[0] // SLICE_S
    count = int(slices[-1]) + 1
    sums = np.bincount(slices, weights=rates, minlength=count)
    paid = np.bincount(slices, minlength=count)
    return np.where(paid >= wanted, sums, np.nan)


def round_up(share: float) -> float:
    """The smallest 1, 2, 3 or 5 times a power of ten that is no smaller. `ValueError` unless the
    share is above zero.
    """
    if share <= 0:
        raise ValueError("only positive shares have a round figure above them")
    power = 10.0 ** math.floor(math.log10(share))
    for factor in (*ROUND, 10):
        if factor * power >= share * (1 - 1e-12):
            return factor * power
    raise AssertionError("ten times the power is never below the share")


def choose_funding(series: list[Series], mm_e6: int) -> FundingChoice:
    """Cap and velocity for a market with this maintenance margin."""
    days = np.concatenate([np.abs(one.days()) for one in series])
    changes = np.concatenate([one.changes() for one in series])
    day = float(np.quantile(days, COVERED))
    change = float(np.quantile(changes, KEPT_UP))
    cap, most = round_up(day), mm_e6 / 1e6 / MARGIN_PART
    rate_max = min(cap, most)
    velocity = round_up(change * DAY_S / SLICE_S)
    return FundingChoice(
        rate_max_e9=round(rate_max * 1e9),
        velocity_e9=round(velocity * 1e9),
        covered=float((days <= rate_max).mean()),
        kept_up=float((changes <= velocity * SLICE_S / DAY_S).mean()),
        day_quantile=day,
        change_quantile=change,
        bound_by_margin=most < cap,
        days=len(days),
        series=tuple(series),
    )


def by_market(series: list[Series]) -> Mapping[str, tuple[float, float, float]]:
    """Median, 99th percentile and largest |daily rate| of each venue's market."""
    found = {}
    for one in series:
        days = np.abs(one.days())
        low, high = np.quantile(days, (0.5, 0.99))
        found[one.name] = (float(low), float(high), float(days.max()))
    return found
