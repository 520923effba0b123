# SPDX-License-Identifier: Apache-2.0
"""Whose signatures count at a time: the chain says so, and governance changes it while we run."""

from __future__ import annotations

import itertools
from collections.abc import Collection
from typing import NamedTuple, Protocol

from infold.shell.chain import Contract, block
from infold.words import ServiceWord, ThresholdWord, unpack_service, unpack_threshold


class Quorum(NamedTuple):
    """Who of those asked about serves at a time, and how many signatures a vector of it needs.
    `live` is how many keys serve in all once every change made so far counts, and those of these
    who serve still and are to retire; `block_ms` what the node's latest block is stamped: nothing
    later is known.
    """

    serving: frozenset[bytes]
    k: int
    live: int
    block_ms: int


class Roster(Protocol):
    """Knows who serves."""

    def at(self, time_ms: int, whom: Collection[bytes]) -> Quorum:
        """Who of these serves at T. Raises `Unavailable` if it cannot be told now."""


class ChainRoster:
    """What `Oracle` would say now to a vector of T: its words are read anew each time, since a
    change may come in any block.
    """

    def __init__(self, oracle: Contract) -> None:
        self._oracle = oracle

    def at(self, time_ms: int, whom: Collection[bytes]) -> Quorum:
        """Who of these serves at T. Raises `Unavailable` or `Misconfigured` as the node answers."""
        head = block(self._oracle.rpc)
        asked = list(whom)
        threshold, live, *words = self._oracle.reads(
            [("threshold",), ("live_count",), *(("service", address) for address in asked)]
        )
        services = [unpack_service(word) for word in words]
        served = [bool(word.from_ms) and _serves(word, time_ms) for word in services]
        retiring = sum(
            serves and bool(word.until_ms) for serves, word in zip(served, services, strict=True)
        )
        serving = frozenset(itertools.compress(asked, served))
        k = _needed(unpack_threshold(threshold), time_ms)
        return Quorum(serving, k, live + retiring, head.timestamp_s * 1_000)


def _serves(word: ServiceWord, time_ms: int) -> bool:
    return word.from_ms < time_ms and (not word.until_ms or time_ms <= word.until_ms)


def _needed(word: ThresholdWord, time_ms: int) -> int:
    return word.old if time_ms <= word.activation_ms else word.new
