# SPDX-License-Identifier: Apache-2.0
"""The hedger: the dealer's book of hedges, the venues it trades at, and the record of both.

Every fact is recorded before it counts, the sending of an order before the request leaves; after a
restart the recorded facts are folded again and orders that were under way are asked for, not sent.
It runs where it is constructed and nowhere else: a node without outside venues has none.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping

from infold.dealer.hedging.exposure import Book, Rules, Surprise, fold, intents, steps
from infold.dealer.hedging.facts import (
    CancelAsked,
    Dropped,
    Forgotten,
    GivenUp,
    HedgeFact,
    Intended,
    Missing,
    PositionSeen,
    Reported,
    Routed,
    Sending,
    Silent,
    WrittenOff,
)
from infold.dealer.hedging.orders import Step, Tracked
from infold.dealer.routing import Route
from infold.errors import Misconfigured, Unavailable
from infold.outside import OutsideOrder, OutsideReport
from infold.shell.venues.interface import OutsideVenue

_log = logging.getLogger("infold.node")


class Hedger:
    """One market's hedges. `record` writes a fact to disk and returns when it is there.

    `facts` are those recorded before, oldest first. `prefix` begins our client ids: one a
    deployment, since venues remember ids for ever. `Misconfigured` if two venues share a name.
    """

    def __init__(
        self,
        market: int,
        venues: Iterable[OutsideVenue],
        record: Callable[[HedgeFact], None],
        *,
        rules: Rules | None = None,
        prefix: str = "infold",
        facts: Iterable[HedgeFact] = (),
    ) -> None:
        self.rules = rules or Rules()
        self._venues: dict[str, OutsideVenue] = {}
        for venue in venues:
            if venue.name in self._venues:
                raise Misconfigured(f"two outside venues are named {venue.name}; rename one")
            self._venues[venue.name] = venue
        self._record = record
        self.book = Book(market, prefix)
        for fact in facts:
            self.book = fold(self.book, fact, self.rules)

    def hedge(
        self,
        client_e8: int,
        wanted: Mapping[str, int],
        time_ms: int,
        *,
        limits_e8: Mapping[str, int] | None = None,
        resting: Collection[str] = (),
    ) -> list[OutsideOrder]:
        """Intend what is wanted at each venue (signed lots), as far as there is room, and carry on.

        `client_e8` is the client leg, `resting` the venues where orders rest at their limits; the
        orders intended are returned.
        """
        self.carry_on(client_e8, time_ms)
        known = {venue: size for venue, size in wanted.items() if venue in self._venues}
        found = intents(self.book, client_e8, known, time_ms, limits_e8=limits_e8, resting=resting)
        for order in found:
            self._take(Intended(order=order, time_ms=time_ms))
        if found:
            self.carry_on(client_e8, time_ms)
        return found

    def carry_on(self, client_e8: int, time_ms: int) -> None:
        """One step of every order under way that needs one."""
        for tracked, step in list(steps(self.book, client_e8, time_ms, self.rules)):
            self._do(tracked, step, time_ms)

    def reconcile(self, time_ms: int) -> tuple[Surprise, ...]:
        """Ask every venue not written off what we hold; the surprises this brought to light."""
        before = len(self.book.surprises)
        for venue in self._venues.values():
            if self.book.written_off(venue.name):
                continue  # whatever it says changes nothing
            try:
                position = venue.position(self.book.market)
            except Unavailable:
                self._take(Silent(venue=venue.name, time_ms=time_ms))
            else:
                self._take(PositionSeen(position=position, time_ms=time_ms))
        found = self.book.surprises[before:]
        for surprise in found:
            _log.warning(
                "HEDGE_SURPRISE market=%d venue=%s size_e8=%d cause=%r",
                self.book.market,
                surprise.venue,
                surprise.size_e8,
                surprise.cause.value,
            )
        return found

    def best_e8(self, venue: str, side: int, time_ms: int) -> int | None:
        """The price at which an order of that side rests at the top of a venue's book."""
        try:
            quoted = self._venues[venue].quote(self.book.market)
        except Unavailable:
            self._take(Silent(venue=venue, time_ms=time_ms))
            return None
        return quoted.bid_price_e8 if side > 0 else quoted.ask_price_e8

    def equity_e6(self, venue: str, time_ms: int) -> int | None:
        """What our account at a venue is worth; None if it did not say."""
        found = self._venues.get(venue)
        if found is None:
            return None
        try:
            return found.balance(self.book.market).equity_e6
        except Unavailable:
            self._take(Silent(venue=venue, time_ms=time_ms))
            return None

    def write_off(self, venue: str, time_ms: int) -> None:
        """Give up a venue in default with all we hold there; the client leg is hedged elsewhere.
        Once is enough, and for ever.

        An operator's act: an outage looks the same, and a hedge bought twice is a position.
        """
        if self.book.written_off(venue):
            return
        self._take(WrittenOff(venue=venue, time_ms=time_ms))
        _log.error("HEDGE_VENUE_WRITTEN_OFF market=%d venue=%s", self.book.market, venue)

    def _do(self, tracked: Tracked, step: Step, time_ms: int) -> None:
        order = tracked.order
        name = order.client_id
        venue = self._venues.get(order.venue)
        if step is Step.ABANDON:
            self._take(Dropped(client_id=name, time_ms=time_ms))
        elif step is Step.GIVE_UP:
            self._take(GivenUp(client_id=name, time_ms=time_ms))
        elif step is Step.FORGET:
            self._take(Forgotten(client_id=name, time_ms=time_ms))
        elif venue is None:
            self._take(Silent(venue=order.venue, client_id=name, time_ms=time_ms))
        elif step is Step.SEND:
            self._take(Sending(client_id=name, time_ms=time_ms))
            self._hear(order, lambda: venue.place(order), time_ms)
        elif step is Step.CANCEL:
            self._take(CancelAsked(client_id=name, time_ms=time_ms))
            self._hear(order, lambda: venue.cancel(order.market, name), time_ms)
        else:
            self._hear(order, lambda: venue.order(order.market, name), time_ms)

    def _hear(
        self, order: OutsideOrder, ask: Callable[[], OutsideReport | None], time_ms: int
    ) -> None:
        try:
            report = ask()
        except Unavailable:
            self._take(Silent(venue=order.venue, client_id=order.client_id, time_ms=time_ms))
            return
        if report is None:
            self._take(Missing(client_id=order.client_id, time_ms=time_ms))
            return
        try:
            self._take(Reported(report=report, time_ms=time_ms))
        except ValueError as error:
            # A venue that reports what cannot be has told us nothing.
            _log.warning("HEDGE_NONSENSE venue=%s reason=%r", order.venue, str(error))
            self._take(Silent(venue=order.venue, client_id=order.client_id, time_ms=time_ms))

    def note(self, route: Route, time_ms: int) -> None:
        """Record a decision."""
        self._take(Routed(route=route, time_ms=time_ms))

    def _take(self, fact: HedgeFact) -> None:
        after = fold(self.book, fact, self.rules)
        self._record(fact)
        self.book = after
