# SPDX-License-Identifier: Apache-2.0
"""Whom a keeper may liquidate, whom it lets out, for whom it folds and where fees wait: holders of
positions, requests and markets by the venue's logs, health by the chain's own view.

For liquidations nothing of a venue is needed but its node: whoever settles a batch publishes the
price vector that opens `Recovery`'s door, and `Recovery.health` is the judge, so a keeper never
disagrees with it. An exit wants the vector of one moment (`shell/exits.py`): where no batch has it,
the oracle's signers are asked.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from infold.errors import Unavailable
from infold.shell.chain import (
    Block,
    Log,
    Reverted,
    Venue,
    block,
    calldata_of,
    vector_of_settle,
)
from infold.shell.exits import PendingExit, Vector
from infold.units import FIRST_TRADER, PLACES, WINDOW_MS
from infold.words import (
    ExitWord,
    SettledHead,
    unpack_account,
    unpack_clock,
    unpack_deleveraged,
    unpack_exit,
    unpack_ledger,
    unpack_position,
    unpack_settle_head,
    unpack_settled_head,
)

BLOCKS_A_LOOK: Final = 2_000
"""Blocks whose logs are asked for at once: nodes bound an answer."""
ACCOUNT_MASK: Final = 2**32 - 1


class Behind(NamedTuple):
    """A position that has not given up yet what its side owes."""

    account: int
    place: int
    market: int


class Broken(NamedTuple):
    """An account below its maintenance margin, and its largest position."""

    account: int
    place: int
    market: int
    equity_e6: int
    margin_e6: int


class Watch:
    """Follows a venue's logs: who holds positions, and the last vector that was published."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.unjudged: dict[int, str] = {}
        """Why the chain would not say how an account stands."""
        self._start_over()

    def _start_over(self) -> None:
        """Know nothing of the chain yet."""
        self.block = self.venue.book.first_block - 1
        self.block_ms = 0
        self._seen: Block | None = None
        """The last block of the last look, by which replaced ones are noticed."""
        self.holders: set[int] = set()
        self.exits: dict[tuple[int, int], ExitWord] = {}
        self.wound_down = False
        """Whether the venue has ended: no exit is carried out any more."""
        self.markets: set[int] = set()
        """Every market that was ever listed."""
        self.owing: set[int] = set()
        """Markets in which a side was deleveraged."""
        self.vector: Vector | None = None
        self._touched: set[int] = set()
        self._settled = b""
        """What was logged and not looked at yet: a node may fail in between."""

    @property
    def vector_ms(self) -> int:
        """Time of the last published vector; 0 before there is one."""
        return 0 if self.vector is None else unpack_settle_head(self.vector[0]).time_ms

    @property
    def fresh(self) -> bool:
        """Whether `Recovery` would still take the last vector in the block seen last."""
        return self.block_ms <= self.vector_ms + WINDOW_MS

    def follow(self) -> None:
        """Read what was logged since the last look, or everything again if the last block that was
        seen is not on the chain any more. Raises `Unavailable` if the chain is shorter than it was.
        """
        head = block(self.venue.rpc)
        if not self._goes_on(head):
            self._start_over()
        while self.block < head.number:
            last = min(self.block + BLOCKS_A_LOOK, head.number)
            for log in self.venue.logs(self.block + 1, last):
                self._touched |= accounts_of(log)
                if log.name == "BatchSettled":
                    self._settled = log.transaction
                elif log.name == "ExitSet":
                    self._note_exit(log)
                elif log.name == "WoundDown":
                    self.wound_down = True
                elif log.name == "MarketSet":
                    self.markets.add(int(log.arguments["market"]))
                elif log.name == "Deleveraged" and int(log.arguments["number"]):
                    self.owing.add(int(log.arguments["market"]))
            self.block = last
        self.block_ms, self._seen = head.timestamp_s * 1_000, head
        self._keep(sorted(self._touched))
        self._touched.clear()
        if self._settled:
            found = vector_of_settle(calldata_of(self.venue.rpc, self._settled))
            self.vector = found if found is not None else self.vector
            self._settled = b""

    def _goes_on(self, head: Block) -> bool:
        """Whether the last block that was seen is still one of the chain's."""
        seen = self._seen
        if seen is None or head == seen:
            return True
        if head.number < seen.number:
            raise Unavailable(
                f"the node's last block is {head.number:,}, and block {seen.number:,} was seen"
                " before: the node is behind, or blocks are being replaced; the keeper goes on"
                " once it is there. If the chain was begun anew, start the keeper again"
            )
        return block(self.venue.rpc, seen.number).hash == seen.hash

    def _note_exit(self, log: Log) -> None:
        key = int(log.arguments["account"]), int(log.arguments["index"])
        word = int(log.arguments["exit"])
        if word:
            self.exits[key] = unpack_exit(word)
        else:
            self.exits.pop(key, None)

    def pending_exits(self) -> list[PendingExit]:
        """Every exit that stands; none once the venue has ended."""
        keys = [] if self.wound_down else sorted(self.exits)
        places = [[account * PLACES + place] for account, place in keys]
        words = self.venue["Clearing"].calls("positions", places)
        return [
            PendingExit(*key, self.exits[key], unpack_position(int(word)))
            for key, word in zip(keys, words, strict=True)
        ]

    def waiting_fees_e6(self) -> dict[int, int]:
        """What each market's ledger holds of fees that nobody has collected; nothing once the venue
        has ended: they are counted there as they stand.
        """
        markets = [] if self.wound_down else sorted(self.markets)
        keys = [[market * 8 + 3] for market in markets]
        words = self.venue["Clearing"].calls("market_words", keys)
        return {
            market: unpack_ledger(int(word)).fees_e6
            for market, word in zip(markets, words, strict=True)
        }

    def late(self) -> list[Behind]:
        """Positions that have not given up yet what their side owes."""
        if not self.owing:
            return []
        clearing = self.venue["Clearing"]
        markets = sorted(self.owing)
        words = clearing.calls("market_words", [[market * 8 + 6] for market in markets])
        last = {
            market: unpack_deleveraged(int(word))
            for market, word in zip(markets, words, strict=True)
        }
        found = []
        for account in sorted(self.holders):
            mask = unpack_account(int(clearing.call("accounts", account))).mask
            places = [place for place in range(PLACES) if mask >> place & 1]
            held = clearing.calls("positions", [[account * PLACES + place] for place in places])
            for place, word in zip(places, held, strict=True):
                position = unpack_position(int(word))
                sides = last.get(position.market)
                if sides is not None and position.event < (
                    sides.longs if position.base_e8 > 0 else sides.shorts
                ):
                    found.append(Behind(account, place, position.market))
        return found

    def _keep(self, touched: list[int]) -> None:
        """Holders are those of the touched whose account word says so."""
        words = self.venue["Clearing"].calls("accounts", [[account] for account in touched])
        for account, word in zip(touched, words, strict=True):
            if unpack_account(int(word)).mask:
                self.holders.add(account)
            else:
                self.holders.discard(account)

    def broken(self) -> list[Broken]:
        """The holders below maintenance at the last vector, the worst first; none if it is old."""
        self.unjudged.clear()
        if self.vector is None or not self.fresh:
            return []
        found = [
            case for account in sorted(self.holders) if (case := self.judge(account)) is not None
        ]
        return sorted(found, key=lambda case: case.equity_e6 - case.margin_e6)

    def judge(self, account: int) -> Broken | None:
        """An account's case at the last vector, None if it is healthy or cannot be judged."""
        assert self.vector is not None
        try:
            equity, margin = self.venue["Recovery"].call("health", *self.vector, account)
        except Reverted as reverted:
            self.unjudged[account] = reverted.reason
            return None
        if equity >= margin:
            return None
        return Broken(account, *self._largest(account), int(equity), int(margin))

    def _largest(self, account: int) -> tuple[int, int]:
        """Place and market of the position worth most at its market's last settled price."""
        clearing = self.venue["Clearing"]
        mask = unpack_account(int(clearing.call("accounts", account))).mask
        places = [place for place in range(PLACES) if mask >> place & 1]
        keys = [[account * PLACES + place] for place in places]
        positions = [unpack_position(int(it)) for it in clearing.calls("positions", keys)]
        clocks = clearing.calls("market_words", [[it.market * 8] for it in positions])
        worth = [
            abs(position.base_e8) * unpack_clock(int(clock)).price_e8
            for position, clock in zip(positions, clocks, strict=True)
        ]
        largest = worth.index(max(worth))
        return places[largest], positions[largest].market


def accounts_of(log: Log) -> set[int]:
    """The traders whose positions a log of `Clearing` moves."""
    arguments = log.arguments
    account = 0
    if log.name == "Filled":
        account = int(arguments["fill"]) >> 208 & ACCOUNT_MASK
    elif log.name == "AccountSettled":
        head: SettledHead = unpack_settled_head(int(arguments["head"]))
        account = head.account
    elif log.name == "Applied":
        account = int(arguments["account"])
    return {account} if account >= FIRST_TRADER else set()
