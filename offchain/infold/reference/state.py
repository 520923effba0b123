# SPDX-License-Identifier: Apache-2.0
"""Everything `Clearing` stores, as words by key, and an undo log so that a failing call leaves no
trace.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from .undo import Undo
from .words import Caps, Clock, Rates

# An event as its name and its arguments in the order of docs/protocol.md §11.
Event = tuple[str, tuple[object, ...]]
Table = dict[int, int]

MARKET_WORDS = 8
CLOCK, POOL, METER, LEDGER, INCOMING, TRANSIT, EVENTS = range(7)
RATES, CAPS, LISTING = range(3)


class Timed(NamedTuple):
    """A setting with its old and its new value; the old one serves times up to the activation."""

    before: int
    after: int
    activation_ms: int

    def at(self, time_ms: int) -> int:
        return self.after if time_ms > self.activation_ms else self.before


class State:
    """Storage as dictionaries that hold no zero, so that equal states are equal dictionaries."""

    tables = (
        "accounts",
        "positions",
        "fills",
        "withdrawals",
        "epoch_barriers",
        "delegates",
        "approvals",
        "market_words",
        "parameter_words",
        "strikes",
        "lp_requests",
        "holder_requests",
        "claims",
        "operators",
        "shares",
        "liquidated_ms",
        "exits",
        "deleveragings",
        "sources",
        "readings",
        "scalars",
    )

    def __init__(self) -> None:
        self.accounts: Table = {}
        self.positions: Table = {}
        self.fills: Table = {}
        self.withdrawals: Table = {}
        self.epoch_barriers: Table = {}
        # Of Delegates: keyed by account << 160 | key.
        self.delegates: Table = {}
        # Of Delegates: keyed by account << 256 | order hash.
        self.approvals: Table = {}
        self.market_words: Table = {}
        self.parameter_words: Table = {}
        self.strikes: Table = {}
        # Of Pool: requests by epoch, by controller << 32 | epoch; claims by controller << 33 |
        # epoch * 2 + side; operators by controller << 160 | operator; balances by holder.
        self.lp_requests: Table = {}
        self.holder_requests: Table = {}
        self.claims: Table = {}
        self.operators: Table = {}
        self.shares: Table = {}
        # Of Recovery: the time of the vector an account was last liquidated at.
        self.liquidated_ms: Table = {}
        # Pending forced exits, by account << 4 | place.
        self.exits: Table = {}
        # What sides of markets owe, by market << 24 | number.
        self.deleveragings: Table = {}
        # Of Oracle, by market: the second source, and what it said.
        self.sources: Table = {}
        self.readings: Table = {}
        self.scalars: dict[str, int] = {}
        # Fixed at construction.
        self.epoch_ms = 0
        self.events: list[Event] = []
        self._undo = Undo()

    # -- writing ------------------------------------------------------------

    def put(self, table: Table, key: int, value: int) -> None:
        """Store a word; zero removes it."""
        self._undo.remember(table, key)
        if value:
            table[key] = value
        else:
            table.pop(key, None)

    def put_scalar(self, name: str, value: int) -> None:
        """Store one of the words that stand alone; zero removes it."""
        self._undo.remember(self.scalars, name)
        if value:
            self.scalars[name] = value
        else:
            self.scalars.pop(name, None)

    def log(self, name: str, *arguments: object) -> None:
        """Emit an event of the running call."""
        self.events.append((name, arguments))

    def begin(self) -> None:
        """Open a call: nothing to undo, no events."""
        self._undo.begin()
        self.events = []

    def undo(self) -> None:
        """Take back every write since `begin`."""
        self._undo.take_back()
        self.events = []

    def touched(self) -> list[tuple[str, int | str]]:
        """Table and key of every word written since `begin`, each once."""
        names = {id(getattr(self, table)): table for table in self.tables}
        written = ((names[table], key) for table, key in self._undo.written())
        return list(dict.fromkeys(written))  # type: ignore[arg-type]

    # -- reading ------------------------------------------------------------

    def scalar(self, name: str) -> int:
        return self.scalars.get(name, 0)

    def market_word(self, market: int, place: int) -> int:
        return self.market_words.get(market * MARKET_WORDS + place, 0)

    def put_market_word(self, market: int, place: int, word: int) -> None:
        self.put(self.market_words, market * MARKET_WORDS + place, word)

    def parameters(self, clock: Clock, market: int, time_ms: int) -> tuple[Rates, Caps]:
        """The parameters that serve `time_ms`: the clock's version after its activation, the other
        one before.
        """
        first = _parameters_at(clock, market, time_ms)
        words = self.parameter_words
        return _rates(words.get(first + RATES, 0)), _caps(words.get(first + CAPS, 0))

    def listing(self, clock: Clock, market: int, time_ms: int) -> int:
        """The listing word that serves `time_ms`."""
        return self.parameter_words.get(_parameters_at(clock, market, time_ms) + LISTING, 0)

    def words(self) -> Iterator[tuple[str, int | str, int]]:
        """Every stored word as (table, key, word), sorted."""
        for table in self.tables:
            entries: dict[int | str, int] = getattr(self, table)
            for key in sorted(entries, key=str if table == "scalars" else None):
                yield table, key, entries[key]


def _parameters_at(clock: Clock, market: int, time_ms: int) -> int:
    """Where the parameter words are kept that serve a time."""
    version = clock.version
    if time_ms <= clock.activation_s * 1000:
        version ^= 1
    return market * 8 + version * 4


# A handful of parameter words serve thousands of batches, so unpacked ones are remembered by word.
@lru_cache(maxsize=1024)
def _rates(word: int) -> Rates:
    return Rates.of(word)


@lru_cache(maxsize=1024)
def _caps(word: int) -> Caps:
    return Caps.of(word)
