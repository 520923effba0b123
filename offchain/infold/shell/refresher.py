# SPDX-License-Identifier: Apache-2.0
"""Second sources kept fresh: who calls `Oracle.refresh`, and when that is worth its gas.

Anyone may refresh; a venue does it itself so that it depends on nobody. It sends with a key of its
own: the matcher's nonce belongs to batches.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from infold.shell.chain import Contract, Reverted, Sender, Venue, load_abi
from infold.units import BOUND_ONE_E4, WINDOW_MS
from infold.words import (
    ReadingsWord,
    SourceWord,
    address_bytes,
    unpack_readings,
    unpack_source,
)

REFRESH_GAS: Final = 250_000
MOVED_SHARE: Final = 4
"""A reading that moved by a quarter of its bound is renewed: three more may be missed."""
AGED_SHARE: Final = 2
"""A reading that spent half of its age is renewed."""


class Latest(NamedTuple):
    """What a source says now: price e8, time s."""

    price_e8: int
    time_s: int


class Refresher:
    """Renews the readings of a venue's second sources."""

    def __init__(self, venue: Venue, sender: Sender) -> None:
        self.venue = venue
        self.sender = sender
        self.silent: dict[int, str] = {}
        """Why a market's source did not answer when it was last asked."""

    def due(self, markets: Iterable[int], now_s: int) -> list[int]:
        """The markets whose reading is worth renewing in a block stamped `now_s`."""
        oracle = self.venue["Oracle"]
        numbers = list(markets)
        arguments = [[market] for market in numbers]
        sources = map(unpack_source, oracle.calls("source_of", arguments))
        readings = map(unpack_readings, oracle.calls("readings", arguments))
        return [
            market
            for market, source, held in zip(numbers, sources, readings, strict=True)
            if may_refresh(held, now_s)
            and worth_refreshing(source, held, self._latest(market, source), now_s)
        ]

    def refresh(self, markets: Iterable[int], now_s: int) -> list[bytes]:
        """Send a refresh for each market that is due; the transactions' hashes."""
        oracle = self.venue["Oracle"]
        return [
            self.sender.send(
                oracle.address, oracle.abi.calldata("refresh", market), gas=REFRESH_GAS
            )
            for market in self.due(markets, now_s)
        ]

    def _latest(self, market: int, source: SourceWord) -> Latest | None:
        """What the source says, None if it has nothing whole to say."""
        self.silent.pop(market, None)
        if not source.source:
            return None
        adapter = Contract(self.venue.rpc, load_abi("Aggregator"), address_bytes(source.source))
        try:
            price_e8, time_s = adapter.call("latest")
        except Reverted as reverted:
            self.silent[market] = reverted.reason
            return None
        return Latest(int(price_e8), int(time_s))


def may_refresh(held: ReadingsWord, now_s: int) -> bool:
    """Whether the contract would take another reading of this market in a block stamped `now_s`."""
    return held != ReadingsWord() and now_s > held.activation_s + WINDOW_MS // 1000


def worth_refreshing(
    source: SourceWord, held: ReadingsWord, latest: Latest | None, now_s: int
) -> bool:
    """Whether a newer reading says something new, or the one held will soon be too old.

    A source that was taken away (no address) leaves a reading to be forgotten.
    """
    if not source.source:
        return True
    if latest is None or not 0 < latest.price_e8 < 1 << 64 or latest.time_s > now_s:
        return False
    until_s = latest.time_s + source.age_s
    if until_s <= max(held.until_s, now_s):
        return False
    moved = abs(latest.price_e8 - held.price_e8) * BOUND_ONE_E4 * MOVED_SHARE
    return (
        moved > held.price_e8 * held.bound_e4 or (held.until_s - now_s) * AGED_SHARE <= source.age_s
    )
