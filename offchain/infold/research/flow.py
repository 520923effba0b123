# SPDX-License-Identifier: Apache-2.0
"""Recorded trades become orders: who sends what, when, at which limit.

- A trade of an anonymous tape is an IOC order of its aggressor. The sender is one of N traders,
  chosen by a hash of market and trade id: the same trade has the same sender in every run, file
  order and seed.
- A fill of a tape with accounts is part of its own account's order: one order per account and order
  id, its size the sum of the fills, GTC if any part of it rested and IOC otherwise.
- Limits lie ``slippage`` beyond the (worst) recorded price, on the tick grid, never looser than
  that.

A replay is inelastic: recorded traders do not react to the prices this venue gives them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from infold.messages import TimeInForce
from infold.research.listings import Listing, check_count, listing_for
from infold.research.recorded import Integers, Trades
from infold.units import Rounding, from_float

IOC_EXPIRY_MS = 10_000  # the SDK's expiry of an immediate order
RECORDED_EXPIRY_MS = 5_000  # an account's recorded order lives this long after its first fill
MAX_FEE_E6 = 1_000  # ten basis points: recorded traders never knew our fee


@dataclass(frozen=True, slots=True)
class Intent:
    """An order somebody wants to send, before it has an account number, a slot or a signature.

    ``recorded_price_e8`` and ``recorded_e6`` are what the tape says it traded at and for how much.
    """

    time_ms: int
    trader: int
    market: int
    buy: bool
    size_e8: int
    limit_price_e8: int
    time_in_force: TimeInForce
    expiry_ms: int
    recorded_price_e8: int
    recorded_e6: int


@dataclass(frozen=True, slots=True)
class RecordedFlow:
    """One run's orders in time order, with the listings and traders they speak of."""

    listings: tuple[Listing, ...]
    traders: tuple[str, ...]
    intents: tuple[Intent, ...]
    market_codes: tuple[Integers, ...]  # per file: the run's market of each row
    span_ms: tuple[int, int]
    gross_e6: int  # both sides' worth of every order: what the traders may need margin for

    def gross_e6_by_trader(self) -> list[int]:
        """Recorded notional of each trader's orders."""
        gross = [0] * len(self.traders)
        for intent in self.intents:
            gross[intent.trader] += intent.recorded_e6
        return gross


def recorded_flow(files: Sequence[Trades], *, traders: int, slippage_bps: float) -> RecordedFlow:
    """Map one run's files to orders. ``traders`` is N for files that record no accounts."""
    slippage_e6 = from_float(slippage_bps, 2, Rounding.NEAREST)
    names = sorted({name for file in files for name in file.markets})
    check_count(len(names))
    place = {name: code for code, name in enumerate(names)}
    codes = tuple(
        np.array([place[name] for name in file.markets], dtype=np.int64)[file.market]
        for file in files
    )
    listings = tuple(_list(name, code, files, codes) for code, name in enumerate(names))

    anonymous = any(file.accounts is None for file in files)
    people = [f"trader {number}" for number in range(traders)] if anonymous else []
    known = sorted({name for file in files for name in file.accounts or ()})
    seat = {name: len(people) + number for number, name in enumerate(known)}

    intents: list[Intent] = []
    for file, code in zip(files, codes, strict=True):
        if file.accounts is None:
            intents.extend(_aggressor_orders(file, listings, code, traders, slippage_e6))
        else:
            seats = np.array([seat[name] for name in file.accounts], dtype=np.int64)
            intents.extend(_account_orders(file, listings, code, seats, slippage_e6))
    intents.sort(key=lambda intent: intent.time_ms)
    return RecordedFlow(
        listings=listings,
        traders=tuple(people + known),
        intents=tuple(intents),
        market_codes=codes,
        span_ms=(min(f.span_ms[0] for f in files), max(f.span_ms[1] for f in files)),
        gross_e6=sum(intent.recorded_e6 for intent in intents),
    )


def _list(name: str, code: int, files: Sequence[Trades], codes: Sequence[Integers]) -> Listing:
    prices = [file.price[mine == code] for file, mine in zip(files, codes, strict=True)]
    sizes = [file.size[mine == code] for file, mine in zip(files, codes, strict=True)]
    largest = max(
        float(found.sum() if files[n].accounts else found.max())
        for n, found in enumerate(sizes)
        if found.size
    )
    low = min(float(found.min()) for found in prices if found.size)
    high = max(float(found.max()) for found in prices if found.size)
    path = next(Path(file.facts.path) for file in files if name in file.markets)
    return listing_for(name, low, high, largest, path)


def senders(market: str, record: Integers, traders: int) -> Integers:
    """Which trader sent each trade: a stable hash of market and trade id (splitmix64)."""
    salt = np.uint64(int.from_bytes(hashlib.sha256(market.encode()).digest()[:8], "big"))
    mixed = record.astype(np.uint64) + salt
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((mixed ^ (mixed >> np.uint64(31))) % np.uint64(traders)).astype(np.int64)


def _aggressor_orders(
    file: Trades, listings: Sequence[Listing], codes: Integers, traders: int, slippage_e6: int
) -> Iterator[Intent]:
    sender = senders(file.markets[0], file.record, traders).tolist()
    rows = zip(
        file.time_ms.tolist(),
        sender,
        codes.tolist(),
        file.side.tolist(),
        file.price.tolist(),
        file.size.tolist(),
        strict=True,
    )
    for time_ms, trader, code, side, price, size in rows:
        listing = listings[code]
        yield _intent(
            listing,
            code,
            time_ms,
            trader,
            side > 0,
            size,
            price,
            price * size,
            price,
            TimeInForce.IOC,
            time_ms + IOC_EXPIRY_MS,
            slippage_e6,
        )


def _account_orders(
    file: Trades, listings: Sequence[Listing], codes: Integers, seats: Integers, slippage_e6: int
) -> Iterator[Intent]:
    assert file.account is not None and file.order is not None and file.crossed is not None
    key = np.stack([file.account, file.order, codes, file.side], axis=1)
    _, first, group = np.unique(key, axis=0, return_index=True, return_inverse=True)
    group = group.reshape(-1)
    size = np.bincount(group, weights=file.size)
    notional = np.bincount(group, weights=file.size * file.price)
    rested = np.bincount(group, weights=~file.crossed) > 0
    highest = np.full(len(first), -np.inf)
    np.maximum.at(highest, group, file.price)
    lowest = np.full(len(first), np.inf)
    np.minimum.at(lowest, group, file.price)
    for number, row in enumerate(first.tolist()):
        buy = bool(file.side[row] > 0)
        time_ms, code = int(file.time_ms[row]), int(codes[row])
        worst = float(highest[number] if buy else lowest[number])
        yield _intent(
            listings[code],
            code,
            time_ms,
            int(seats[file.account[row]]),
            buy,
            float(size[number]),
            float(notional[number] / size[number]),
            float(notional[number]),
            worst,
            TimeInForce.GTC if rested[number] else TimeInForce.IOC,
            time_ms + RECORDED_EXPIRY_MS,
            slippage_e6,
        )


def _intent(
    listing: Listing,
    code: int,
    time_ms: int,
    trader: int,
    buy: bool,
    size: float,
    price: float,
    notional: float,
    worst: float,
    time_in_force: TimeInForce,
    expiry_ms: int,
    slippage_e6: int,
) -> Intent:
    return Intent(
        time_ms=time_ms,
        trader=trader,
        market=code,
        buy=buy,
        size_e8=listing.size_e8(size),
        limit_price_e8=listing.limit_e8(worst, slippage_e6, buy=buy),
        time_in_force=time_in_force,
        expiry_ms=expiry_ms,
        recorded_price_e8=listing.price_e8(price),
        recorded_e6=from_float(notional, 6, Rounding.NEAREST),
    )


@dataclass(frozen=True, slots=True)
class Batch:
    """Orders that belong to the batch at ``time_ms``: each was sent before it."""

    time_ms: int
    intents: tuple[Intent, ...]


def schedule(intents: Sequence[Intent], interval_ms: int, orders_max: int) -> Iterator[Batch]:
    """Cut a run's orders into batches: every interval that has any, sooner where they crowd.

    Times rise strictly and lie after every order of their batch. A burst of more than
    ``orders_max`` orders is cut into several batches, a millisecond apart where one millisecond
    holds them all.
    """
    done = 0
    last_ms = 0
    while done < len(intents):
        grid_ms = (intents[done].time_ms // interval_ms + 1) * interval_ms
        end = done
        while end < len(intents) and end - done < orders_max and intents[end].time_ms < grid_ms:
            end += 1
        whole = end == len(intents) or intents[end].time_ms >= grid_ms
        time_ms = grid_ms if whole else intents[end - 1].time_ms + 1
        last_ms = max(time_ms, last_ms + 1)
        yield Batch(last_ms, tuple(intents[done:end]))
        done = end
