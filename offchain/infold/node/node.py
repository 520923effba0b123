# SPDX-License-Identifier: Apache-2.0
"""The node: its parts put together, and the one place that decides to stop."""

from __future__ import annotations

import functools
import gc
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from infold.core.reading import Context
from infold.core.state import State
from infold.errors import InfoldError, InvariantBroken, Rejected
from infold.messages import Receipt
from infold.node.batches import TIERS_MS, Batches, BatchOutcome, Dealer, Oracle
from infold.node.following import Follower
from infold.node.memory import BatchRow, Memory, OrderRow
from infold.node.requests import Admitted, Json, Requests
from infold.node.views.accounts import AccountViews
from infold.node.views.batches import BatchViews
from infold.node.views.orders import OrderViews
from infold.node.views.venue import VenueViews
from infold.node.views.wording import MarketNames
from infold.shell.chain import Venue
from infold.shell.files import Files
from infold.shell.journal import Journal
from infold.shell.origin import identity_of
from infold.shell.poster import Poster
from infold.shell.reconcile import Reconciliation
from infold.signing import Domain, address_of

_log = logging.getLogger("infold.node")
P = ParamSpec("P")
T = TypeVar("T")


def guarded(method: Callable[Concatenate[Node, P], T]) -> Callable[Concatenate[Node, P], T]:
    """Refuse when halted; halt on what is our fault. The one blanket handler of the program stands
    here.
    """

    @functools.wraps(method)
    def run(self: Node, /, *args: P.args, **kwargs: P.kwargs) -> T:
        if self.halted:
            raise InvariantBroken(f"the venue has halted: {self.halted}")
        try:
            return method(self, *args, **kwargs)
        except InvariantBroken as error:
            self.halt(str(error))
            raise
        except InfoldError:
            raise
        except Exception as error:
            self.halt(f"{type(error).__name__}: {error}")
            raise InvariantBroken(
                f"the venue has halted: {type(error).__name__}: {error}"
            ) from error

    return run


class Node:
    """One venue's node. Opens or recovers the journal on construction; `close` gives it back.

    `mine`, on a chain of our own, stamps a block for a time in ms; `now_ms` is the venue's clock
    for requests; `refund_payer` is the key that pays fee refunds, `tiers_ms` how long tiers hold;
    `meta` is what clients are told besides.
    """

    def __init__(
        self,
        *,
        venue: Venue,
        journal_path: Path,
        matcher_key: bytes,
        poster: Poster,
        oracle: Oracle,
        dealer: Dealer,
        now_ms: Callable[[], int],
        mine: Callable[[int], None] | None = None,
        files: Files | None = None,
        meta: Callable[[], Json] = dict,
        refund_payer: bytes | None = None,
        tiers_ms: int = TIERS_MS,
    ) -> None:
        clearing = venue.book.address("Clearing")
        self.venue = venue
        self.domain = Domain(venue.book.chain_id, clearing)
        self.matcher = address_of(matcher_key)
        self.halted = ""
        self._now_ms = now_ms
        self.poster = poster
        _rest_garbage_collector()
        self._memory = Memory(journal_path, identity_of(venue.book), files, dealer.signals)
        self._requests = Requests(self._memory, self.domain, matcher_key, now_ms)
        self._follower = Follower(self._memory, venue, poster, refund_payer)
        self._batches = Batches(
            memory=self._memory,
            follower=self._follower,
            poster=poster,
            oracle=oracle,
            dealer=dealer,
            domain=self.domain,
            matcher_key=matcher_key,
            mine=mine,
            tiers_ms=tiers_ms,
        )
        names = MarketNames(self._memory.state)
        self._venue_views = VenueViews(
            memory=self._memory,
            book=venue.book,
            domain=self.domain,
            matcher=self.matcher,
            now_ms=now_ms,
            meta=meta,
            refund_payer=refund_payer,
            guard=dealer.guard,
        )
        self._account_views = AccountViews(self._memory, names, now_ms, tiers_ms)
        self._order_views = OrderViews(self._memory, names)
        self._batch_views = BatchViews(self._memory, names)
        try:
            self._recover()
        except BaseException:
            self.close()
            raise

    @guarded
    def _recover(self) -> None:
        """Fold the journal, learn what the chain did meanwhile, and finish the batch that was under
        way.
        """
        self._memory.replay()
        if not self.journal.seq:
            self._follower.begin()
        self._follower.observe()
        self._batches.finish_under_way()
        _log.info(
            "RECOVERED seq=%d block=%d orders=%d",
            self.journal.seq,
            self.state.block,
            len(self.state.orders),
        )

    def close(self) -> None:
        """Close the journal."""
        self.journal.close()

    def halt(self, reason: str) -> None:
        """Refuse everything from here on."""
        self.halted = reason
        _log.error("HALTED seq=%d reason=%r", self.journal.seq, reason)

    def now_ms(self) -> int:
        """The venue's time."""
        return self._now_ms()

    @property
    def state(self) -> State:
        """What the journal folds to. To read; only events change it."""
        return self._memory.state

    @property
    def journal(self) -> Journal:
        """Where every fact is written before it counts."""
        return self._memory.journal

    @property
    def order_rows(self) -> Sequence[OrderRow]:
        """Every accepted order, in the order of acceptance."""
        return self._memory.order_rows

    @property
    def batch_rows(self) -> Sequence[BatchRow]:
        """Every closed batch, lapsed ones too, in the order of closing."""
        return self._memory.batch_rows

    # -- requests ----------------------------------------------------------------------------------

    def context(self) -> Context:
        """What decoding an order needs."""
        return self._requests.context()

    @guarded
    def submit(self, raw_orders: Sequence[bytes], received_ms: int) -> list[Receipt | Rejected]:
        """Admit, journal, acknowledge: per order a signed receipt, or why it was refused."""
        return self._requests.submit(raw_orders, received_ms)

    @guarded
    def admit(self, raw_orders: Sequence[bytes], received_ms: int) -> Admitted:
        """The first half of `submit` for one group: what is accepted here is on disk."""
        return self._requests.admit(raw_orders, received_ms)

    @guarded
    def receipts(self, admitted: Admitted) -> list[Receipt | Rejected]:
        """The second half of `submit`: a signed receipt for each order taken."""
        return self._requests.receipts(admitted)

    @guarded
    def cancel(self, raw: bytes, received_ms: int) -> Json:
        """Take an order back off chain, for its signer. Raises `Rejected`."""
        return self._requests.cancel(raw, received_ms)

    @guarded
    def preview(self, raw: bytes) -> Json:
        """An order's digest and typed data, and what admission would say."""
        return self._requests.preview(raw)

    # -- batches -----------------------------------------------------------------------------------

    @guarded
    def observe(self) -> None:
        """Fold what the chain's logs say since the last look."""
        self._follower.observe()

    @guarded
    def close_batch(self, time_ms: int) -> BatchOutcome:
        """Match what waits at the vector of T and settle it.

        Raises `Unavailable` if the oracle, the chain or the disk cannot serve; nothing is lost, and
        a later T may be tried.
        """
        return self._batches.close(time_ms)

    @guarded
    def reconcile(self) -> Reconciliation:
        """Engine against chain, at the block the engine has seen."""
        return self._follower.reconcile()

    # -- what clients read -------------------------------------------------------------------------

    def receipt_view(self, receipt: Receipt) -> Json:
        """A receipt as clients read it."""
        return self._order_views.receipt(receipt)

    @guarded
    def meta(self) -> Json:
        """Chain, contracts, signing domain and types, scales and limits."""
        return self._venue_views.meta()

    @guarded
    def markets(self) -> list[Json]:
        """Trading rules of every market; fractions as decimals."""
        return self._venue_views.markets()

    @guarded
    def orders(self, query: Mapping[str, str], after: int, limit: int) -> list[Json]:
        """Orders above a sequence, oldest first."""
        return self._order_views.orders(query, after, limit)

    @guarded
    def order(self, digest: bytes) -> Json:
        """One order. Raises `Rejected` NOT_FOUND."""
        return self._order_views.order(digest)

    @guarded
    def account(self, account: int) -> Json:
        """One account. Raises `Rejected` UNKNOWN_ACCOUNT."""
        return self._account_views.account(account)

    @guarded
    def refunds(self, after: int, limit: int) -> Json:
        """Fee refunds of accounts above a number, in order, and the block they stand at."""
        return self._account_views.refunds(after, limit)

    @guarded
    def fills(self, query: Mapping[str, str], after: int, limit: int) -> list[Json]:
        """Fills above a number, oldest first."""
        return self._order_views.fills(query, after, limit)

    @guarded
    def batches(self, after: int, limit: int) -> list[Json]:
        """Batches above a number, oldest first."""
        return self._batch_views.batches(after, limit)

    @guarded
    def batch(self, number: int) -> Json:
        """One batch with its prices and records. Raises `Rejected` NOT_FOUND."""
        return self._batch_views.batch(number)


def _rest_garbage_collector() -> None:
    """Collect cycles seldom: a node keeps what it makes, orders and rows without cycles, and at the
    default a collection after every 700 of them walks the whole book, 2 % of admission's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)
