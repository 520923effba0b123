# SPDX-License-Identifier: Apache-2.0
"""Client leg and hedges of one market together: what is held where, what may still happen, and what
may be sent without ever trading past flat.

A book folds facts. What we hold at a venue is the sum of our fills there until the venue says
otherwise; what it says counts once it has said the same twice, `visible_ms` apart, and no order of
ours still under way explains the difference. Then its figure is taken over and the difference is
named: an order that was given up and filled after all, a hedge the venue took away (deleveraging:
the client leg stays and is bare), or nothing we know of.

New hedges are measured against the worst that may still come: whatever is under way counts as
filled, so no set of outcomes turns the sign of what is left, and what points the wrong way is taken
back before anything new is sent. A venue that fails, withholds or takes hedges away earns strikes;
with enough of them it is left alone for a while, longer each time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from infold.dealer.hedging import orders
from infold.dealer.hedging.facts import (
    CancelAsked,
    Dropped,
    Forgotten,
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
from infold.dealer.hedging.orders import ENDED, Patience, Phase, Step, Tracked
from infold.outside import OutsideOrder, OutsidePosition

REMEMBERED_MAX: Final = 256
"""Ended orders a book remembers: late reports come within minutes, and a market sends few a
minute."""
FOR_EVER_MS: Final = 2**62
SUSPENSIONS_MAX: Final = 6
"""Doublings of a suspension: from a minute to about an hour."""


class Cause(StrEnum):
    """Why a venue's figure differs from ours."""

    LATE_FILL = "late fill"
    DELEVERAGED = "deleveraged"
    WRITTEN_OFF = "written off"
    UNEXPLAINED = "unexplained"


@dataclass(frozen=True, slots=True)
class Surprise:
    """A venue's figure taken over: it exceeds ours by `size_e8` (signed)."""

    venue: str
    size_e8: int
    cause: Cause
    time_ms: int


@dataclass(frozen=True, slots=True)
class Conduct:
    """How a venue has behaved: strikes in a row, suspensions, until when it is left alone."""

    strikes: int = 0
    suspensions: int = 0
    until_ms: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """When a venue is left alone, for how long the first time, and our patience with orders."""

    patience: Patience = field(default_factory=Patience)
    strikes_max: int = 3
    suspended_ms: int = 60_000

    def __post_init__(self) -> None:
        if self.strikes_max < 1:
            raise ValueError(f"strikes_max must be at least one, not {self.strikes_max!r}")
        if self.suspended_ms <= 0:
            raise ValueError(f"suspended_ms must be above zero ms, not {self.suspended_ms!r}")


@dataclass(frozen=True, slots=True)
class Book:
    """One market's hedges. Fold facts into it with `fold`; never change it.

    `prefix` begins every client id: one a deployment, or ids of an older one are used again.
    """

    market: int
    prefix: str = "infold"
    orders: Mapping[str, Tracked] = field(default_factory=dict)
    held_e8: Mapping[str, int] = field(default_factory=dict)
    conduct: Mapping[str, Conduct] = field(default_factory=dict)
    doubts: Mapping[str, tuple[int, int]] = field(default_factory=dict)  # difference, since ms
    changed_ms: Mapping[str, int] = field(default_factory=dict)  # when our figure last moved
    surprises: tuple[Surprise, ...] = ()
    count: int = 0  # orders ever intended: the next client id

    @property
    def hedged_e8(self) -> int:
        """What is held outside, over all venues."""
        return sum(self.held_e8.values())

    def pending_e8(self, side: int, venue: str | None = None) -> int:
        """The most that orders not ended for certain may still buy (1) or sell (-1), signed."""
        return side * sum(
            abs(one.remaining_e8)
            for one in self.orders.values()
            if side * one.order.size_e8 > 0 and venue in (None, one.order.venue)
        )

    def usable(self, venue: str, time_ms: int) -> bool:
        """Whether a venue may be sent something new."""
        return time_ms >= self.conduct.get(venue, Conduct()).until_ms

    def written_off(self, venue: str) -> bool:
        """Whether a venue was given up for ever, with all that was held there."""
        return self.conduct.get(venue, Conduct()).until_ms == FOR_EVER_MS


def fold(book: Book, fact: HedgeFact, rules: Rules) -> Book:
    """The book after a fact. Decisions change nothing, nor do facts about unknown orders.

    `ValueError` for a fact that cannot be: a client id used twice, an order of another market, more
    filled than ordered, something sent that may be there already.
    """
    now = fact.time_ms
    if isinstance(fact, Routed):
        return book
    if isinstance(fact, Intended):
        return _with_intent(book, fact)
    if isinstance(fact, PositionSeen):
        return _with_position(book, fact, rules)
    if isinstance(fact, Silent):
        return _struck(_with_asked(book, fact.client_id, now), fact.venue, now, rules)
    if isinstance(fact, WrittenOff):
        return _without(book, fact.venue, now)
    name = fact.report.client_id if isinstance(fact, Reported) else fact.client_id
    before = book.orders.get(name)
    if before is None:
        return book
    if isinstance(fact, Reported):
        after = orders.reported(before, fact.report, now)
    elif isinstance(fact, Sending):
        after = orders.sending(before, now)
    elif isinstance(fact, Missing):
        after = orders.missing(before, now, rules.patience)
    elif isinstance(fact, CancelAsked):
        after = orders.cancel_asked(before, now)
    elif isinstance(fact, Forgotten):
        after = orders.forgotten(before)
    elif isinstance(fact, Dropped):
        after = orders.abandoned(before, now)
    else:
        after = orders.given_up(before, now)
    return _judged(_with_order(book, before, after, now), before, after, now, rules)


def _with_intent(book: Book, fact: Intended) -> Book:
    order = fact.order
    if order.client_id in book.orders:
        raise ValueError(f"client_id {order.client_id} is used already")
    if order.market != book.market:
        raise ValueError(f"an order of market {order.market} is not market {book.market}'s")
    kept = dict(book.orders)
    over = [name for name, one in kept.items() if one.phase in ENDED and not one.remaining_e8]
    for name in over[: max(0, len(over) - REMEMBERED_MAX)]:
        del kept[name]
    kept[order.client_id] = orders.intended(order, fact.time_ms)
    return replace(book, orders=kept, count=book.count + 1)


def _with_asked(book: Book, client_id: str, now: int) -> Book:
    known = book.orders.get(client_id)
    if known is None:
        return book
    return replace(book, orders={**book.orders, client_id: replace(known, asked_ms=now)})


def _with_order(book: Book, before: Tracked, after: Tracked, now: int) -> Book:
    more = after.filled_e8 - before.filled_e8
    kept = {**book.orders, after.order.client_id: after}
    venue = after.order.venue
    # Once a lost order's position was seen, that figure holds its fills.
    if more == 0 or before.settled or book.written_off(venue):
        return replace(book, orders=kept)
    return replace(
        book,
        orders=kept,
        held_e8={**book.held_e8, venue: book.held_e8.get(venue, 0) + more},
        changed_ms={**book.changed_ms, venue: now},
        doubts={name: doubt for name, doubt in book.doubts.items() if name != venue},
    )


def _judged(book: Book, before: Tracked, after: Tracked, now: int, rules: Rules) -> Book:
    """Strikes for a bad end; a filled order wipes them out, though not a suspension under way."""
    if after.phase is before.phase:
        return book
    venue = after.order.venue
    if after.phase is Phase.FILLED:
        if not book.usable(venue, now):
            return book
        return replace(book, conduct={**book.conduct, venue: Conduct()})
    if after.phase in (Phase.REFUSED, Phase.LOST) or orders.withheld(after):
        return _struck(book, venue, now, rules)
    return book


def _struck(book: Book, venue: str, now: int, rules: Rules, strikes: int = 1) -> Book:
    known = book.conduct.get(venue, Conduct())
    counted = known.strikes + strikes
    if counted < rules.strikes_max:
        return replace(book, conduct={**book.conduct, venue: replace(known, strikes=counted)})
    length = rules.suspended_ms << min(known.suspensions, SUSPENSIONS_MAX)
    left_alone = Conduct(0, known.suspensions + 1, max(known.until_ms, now + length))
    return replace(book, conduct={**book.conduct, venue: left_alone})


def _with_position(book: Book, fact: PositionSeen, rules: Rules) -> Book:
    position = fact.position
    venue, visible = position.venue, rules.patience.visible_ms
    if book.written_off(venue):
        return book  # what it still says changes nothing
    if position.market != book.market:
        raise ValueError(f"a position of market {position.market} is not market {book.market}'s")
    if position.time_ms < book.changed_ms.get(venue, -visible) + visible:
        return book  # it may not hold our last fill yet
    difference = position.size_e8 - book.held_e8.get(venue, 0)
    doubts = {name: doubt for name, doubt in book.doubts.items() if name != venue}
    here = [one for one in book.orders.values() if one.order.venue == venue and one.remaining_e8]
    lost = [one for one in here if one.phase is Phase.LOST]
    open_still = len(lost) < len(here) or any(
        position.time_ms < one.ended_ms + visible for one in lost
    )
    explained = book.pending_e8(-1, venue) <= difference <= book.pending_e8(1, venue)
    if explained and (open_still or not lost):
        return replace(book, doubts=doubts)  # what is under way may yet explain it
    seen, since = book.doubts.get(venue, (0, -1))
    if since < 0 or seen != difference:
        return replace(book, doubts={**doubts, venue: (difference, position.time_ms)})
    if position.time_ms < since + visible:
        return book
    return _taken_over(replace(book, doubts=doubts), position, difference, lost, rules)


def _taken_over(
    book: Book, position: OutsidePosition, difference: int, lost: list[Tracked], rules: Rules
) -> Book:
    venue, now = position.venue, position.time_ms
    kept = dict(book.orders)
    could_be = 0
    for one in lost:
        if one.remaining_e8 * difference > 0:
            could_be += one.remaining_e8
        kept[one.order.client_id] = replace(one, settled=True)
    book = replace(book, orders=kept)
    if difference == 0:
        return book
    ours = book.held_e8.get(venue, 0)
    if could_be and abs(difference) <= abs(could_be):
        cause = Cause.LATE_FILL
    elif ours * difference < 0 and abs(difference) <= abs(ours):
        cause = Cause.DELEVERAGED
    else:
        cause = Cause.UNEXPLAINED
    book = replace(
        book,
        held_e8={**book.held_e8, venue: position.size_e8},
        changed_ms={**book.changed_ms, venue: now},
        surprises=(*book.surprises, Surprise(venue, difference, cause, now)),
    )
    if cause is Cause.LATE_FILL:
        return book
    return _struck(book, venue, now, rules, strikes=rules.strikes_max)


def _without(book: Book, venue: str, now: int) -> Book:
    """Nothing is held there any more and nothing under way counts; nothing new goes there."""
    kept = {
        name: orders.forgotten(orders.given_up(one, now)) if one.order.venue == venue else one
        for name, one in book.orders.items()
    }
    gone = -book.held_e8.get(venue, 0)
    surprises = book.surprises
    if gone:
        surprises = (*surprises, Surprise(venue, gone, Cause.WRITTEN_OFF, now))
    return replace(
        book,
        orders=kept,
        held_e8={**book.held_e8, venue: 0},
        conduct={**book.conduct, venue: Conduct(until_ms=FOR_EVER_MS)},
        surprises=surprises,
    )


# -- what to do ------------------------------------------------------------------------------------


def steps(book: Book, client_e8: int, time_ms: int, rules: Rules) -> Iterator[tuple[Tracked, Step]]:
    """What each order needs now, oldest first. Orders that would raise the exposure or take it past
    flat are not wanted, nor is anything not yet sent to a venue that is left alone.
    """
    net = client_e8 + book.hedged_e8
    left = abs(net)
    for tracked in book.orders.values():
        if tracked.phase in ENDED:
            if orders.next_step(tracked, time_ms, rules.patience) is Step.FORGET:
                yield tracked, Step.FORGET
            continue
        wanted = tracked.order.size_e8 * net < 0 and abs(tracked.remaining_e8) <= left
        if wanted:
            left -= abs(tracked.remaining_e8)
        if tracked.phase is Phase.INTENT:
            wanted = wanted and book.usable(tracked.order.venue, time_ms)
        step = orders.next_step(tracked, time_ms, rules.patience, wanted=wanted)
        if step is not Step.WAIT:
            yield tracked, step


def room_e8(book: Book, client_e8: int) -> int:
    """How much may be sent outside now, signed: what takes the exposure to flat if all that is
    under way in that direction fills. Zero while anything under way points the other way.
    """
    net = client_e8 + book.hedged_e8
    side = -1 if net > 0 else 1
    if net == 0 or book.pending_e8(-side):
        return 0
    left = -net - book.pending_e8(side)
    return left if left * side > 0 else 0


def intents(
    book: Book,
    client_e8: int,
    wanted: Mapping[str, int],
    time_ms: int,
    *,
    limits_e8: Mapping[str, int] | None = None,
    resting: Collection[str] = (),
) -> list[OutsideOrder]:
    """Orders for what is wanted at each venue (signed lots), cut to the room there is, in turn.

    `limits_e8` are limit prices by venue; a venue without one gets a market order. At the venues of
    `resting` they rest at their limit. Venues that are left alone, and amounts in the wrong
    direction, are passed over.
    """
    room = room_e8(book, client_e8)
    found: list[OutsideOrder] = []
    for venue, size in wanted.items():
        if size * room <= 0 or not book.usable(venue, time_ms):
            continue
        cut = max(min(size, room), 0) if room > 0 else min(max(size, room), 0)
        room -= cut
        found.append(
            OutsideOrder(
                client_id=f"{book.prefix}-{book.market}-{book.count + len(found) + 1}",
                venue=venue,
                market=book.market,
                size_e8=cut,
                limit_price_e8=(limits_e8 or {}).get(venue, 0),
                resting=venue in resting,
            )
        )
    return found


def must_cross(book: Book, venue: str) -> bool:
    """Whether the last order at a venue rested in vain: the next one crosses."""
    there = [one for one in book.orders.values() if one.order.venue == venue]
    if not there or not there[-1].order.resting:
        return False
    last = there[-1]
    return last.phase in (Phase.CANCELLED, Phase.REFUSED) and last.filled_e8 != last.order.size_e8
