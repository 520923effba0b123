# SPDX-License-Identifier: Apache-2.0
"""A keeper's part in leaving without the matcher: it carries out exits whose time has come, ends
requests whose position is gone, and says of every other why it waits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from infold.cli.commands.leaving import name_of
from infold.cli.layout import clock
from infold.errors import InfoldError, Misconfigured, Unavailable
from infold.units import WINDOW_MS

if TYPE_CHECKING:
    from infold.cli.onchain import Party
    from infold.shell.chain import Contract, Log, Reverted
    from infold.shell.exits import PendingExit, Vector
    from infold.shell.keeper import Watch

    Collect = Callable[[int], Vector]
    """Of a time in ms. Raises `Unavailable` if the signers do not sign it."""

Row = dict[str, Any]
EARLY: Final = "its time has not come"
UNASKED: Final = (
    "nobody was asked for signed prices; pass --signer ADDRESS=URL for each oracle signer you know,"
    " or set INFOLD_SIGNERS"
)
CLOSED: Final = "its position was closed since"
NOT_PENDING: Final = "recovery: no exit pending"
"""Somebody else carried it out first, or ended it."""


def why_refused(refusal: Reverted) -> Row:
    """Why the contract refused, and what to do next."""
    return {"reason": refusal.reason, "next": refusal.mend}


class MarketNames:
    """What markets are listed as, asked once each: a listing's name never changes."""

    def __init__(self, clearing: Contract) -> None:
        self._clearing = clearing
        self._known: dict[int, str] = {}

    def of(self, market: int) -> str:
        """One market's name."""
        if market not in self._known:
            self._known[market] = name_of(self._clearing, market)
        return self._known[market]


class LettingOut:
    """The exits of one look, as rows of its object: what was `done`, which requests were `ended`
    without a position, which are `waiting`, which the chain `refused`.
    """

    def __init__(
        self, watch: Watch, party: Party, names: MarketNames, collect: Collect | None
    ) -> None:
        self._watch = watch
        self._party = party
        self._names = names
        self._collect = collect
        self.done: list[Row] = []
        self.ended: list[Row] = []
        self.waiting: list[Row] = []
        self.refused: list[Row] = []
        self.overdue: list[InfoldError] = []
        """Why each exit waits whose first time has passed."""

    def run(self) -> None:
        """Go through every exit that stands."""
        from infold.shell.chain import Reverted

        for pending in self._watch.pending_exits():
            row = self._row(pending)
            try:
                if pending.is_closed:
                    self._execute(pending, pending.without_prices())
                    self.ended.append(row | {"reason": CLOSED})
                elif self._is_early(pending):
                    self._wait(pending, row, EARLY, overdue=False)
                elif (came := self._let_out(pending)) is not None:
                    self.done.append(row | came)
                else:
                    self.ended.append(row | {"reason": CLOSED})
            except Reverted as reverted:
                if reverted.reason != NOT_PENDING:
                    self.refused.append(row | why_refused(reverted))
            except (Misconfigured, Unavailable) as why:
                overdue = pending.due_ms <= self._watch.block_ms
                self._wait(pending, row, str(why), overdue=overdue)
                if not overdue:
                    continue
                kind = Misconfigured if isinstance(why, Misconfigured) else Unavailable
                self.overdue.append(
                    kind(
                        f"the exit of account {pending.account} from {row['market']} is due since"
                        f" {clock(pending.due_ms)} and was not carried out: {why}"
                    )
                )

    def _is_early(self, pending: PendingExit) -> bool:
        now_ms = self._watch.block_ms
        return now_ms < pending.due_ms and not pending.serves(now_ms)

    def _wait(self, pending: PendingExit, row: Row, reason: str, *, overdue: bool) -> None:
        times = {
            "asked_ms": pending.asked.asked_ms,
            "due_ms": pending.due_ms,
            "appointed_ms": pending.appointed_ms(self._watch.block_ms),
        }
        self.waiting.append(row | times | {"overdue": overdue, "reason": reason})

    def _let_out(self, pending: PendingExit) -> Row | None:
        """Carry an exit out; what came of it, None if its position was closed while signers were
        asked. Raises what `_prices` does.
        """
        from infold.shell.exits import outcome_of

        vector = self._prices(pending)
        logs = self._execute(pending, vector)
        came = outcome_of(self._party.venue["Clearing"], pending, vector, logs)
        if came is None:
            return None
        return {
            "time_ms": pending.appointed_ms(self._watch.block_ms),
            "size_done_e8": str(came.size_e8),
            "oracle_price_e8": str(came.oracle_price_e8),
            "taken": [
                {
                    "by": part.whom,
                    "size_e8": str(part.size_e8),
                    "price_e8": str(part.price_e8),
                    "paid_e6": str(part.paid_e6),
                }
                for part in came.taken
            ],
        }

    def _prices(self, pending: PendingExit) -> Vector:
        """The vector of the appointed time. Raises `Misconfigured` where nobody was asked for it,
        `Unavailable` where it is too late for one, or the signers did not sign the next.
        """
        from infold.shell.exits import shows

        watch, time_ms = self._watch, pending.appointed_ms(self._watch.block_ms)
        if watch.vector is not None and watch.vector_ms == time_ms:
            if shows(watch.vector, pending.asked.market):
                return watch.vector
        if self._collect is None:
            raise Misconfigured(UNASKED)
        if not pending.serves(watch.block_ms):
            raise Unavailable(
                "it is between two of its times; keep the keeper running, or look again within"
                f" {WINDOW_MS // 1_000} s after {clock(time_ms)}"
            )
        return self._collect(time_ms)

    def _execute(self, pending: PendingExit, vector: Vector) -> list[Log]:
        return self._party.send("Recovery", "execute_exit", *vector, pending.account, pending.place)

    def _row(self, pending: PendingExit) -> Row:
        """Whose exit, from which position, of how much."""
        return {
            "account": pending.account,
            "market": self._names.of(pending.asked.market),
            "side": "long" if pending.asked.long else "short",
            "index": pending.place,
            "size_asked_e8": str(pending.asked.size_e8),
        }
