# SPDX-License-Identifier: Apache-2.0
"""One outside order's life: what is known of it, and what to do next. Pure; the shell executes.

    INTENT --send--> SENT --report--> ACKNOWLEDGED --report--> FILLED / CANCELLED / REFUSED
      ^                |                    |
      |  not found,    |  no answer ever    |  gone without a trace
      +--visible_ms--  +------> LOST <------+

The one rule that keeps an order from being executed twice: SENT means that it may be there. A
request without an answer leaves it SENT, and so does a crash; from there only questions are asked.
It becomes an INTENT again only when the venue does not know it and has had `visible_ms` since the
last sending to learn of it; the client id stays the same, so a venue that remembers ids refuses the
second copy by itself.

Reports are of the whole order and may come late, twice or in the wrong order: figures only grow. A
report for an order that was given up counts all the same, a fill is a fill.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from infold.outside import OutsideOrder, OutsideReport, Standing


class Phase(StrEnum):
    """Where an order is, as far as we know."""

    INTENT = "intent"
    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REFUSED = "refused"
    LOST = "lost"


ENDED: Final = frozenset((Phase.FILLED, Phase.CANCELLED, Phase.REFUSED, Phase.LOST))


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait for what, in ms, and how often to try."""

    query_ms: int = 500  # between two questions about one order
    visible_ms: int = 2_000  # a venue knows an order this long after it was sent, or never got it
    fill_ms: int = 3_000  # an order that crosses is filled by then, or is withheld
    rest_ms: int = 60_000  # how long a resting order may wait
    stale_ms: int = 5_000  # an intent not sent by then was decided on another market
    give_up_ms: int = 30_000  # without an answer the order is lost, and its position asked for
    forget_ms: int = 600_000  # nobody said anything since: a lost order no longer counts
    attempts_max: int = 3

    def __post_init__(self) -> None:
        for name in (
            *("query_ms", "visible_ms", "fill_ms", "rest_ms"),
            *("stale_ms", "give_up_ms", "forget_ms"),
        ):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above zero ms, not {getattr(self, name)!r}")
        if self.attempts_max < 1:
            raise ValueError(f"attempts_max must be at least one, not {self.attempts_max!r}")
        if self.give_up_ms <= self.visible_ms:
            raise ValueError(
                f"give_up_ms must exceed visible_ms {self.visible_ms}, not {self.give_up_ms!r}"
            )


class Step(StrEnum):
    """What to do about an order now."""

    WAIT = "wait"
    SEND = "send"
    QUERY = "query"
    CANCEL = "cancel"
    ABANDON = "abandon"  # never sent, or known not to be there: drop it
    GIVE_UP = "give up"  # nobody can say: lost
    FORGET = "forget"  # lost for so long that it no longer counts as perhaps filled


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
    """An order and all we know of it. Times in ms; -1 where it has not happened."""

    order: OutsideOrder
    phase: Phase
    intended_ms: int
    sent_ms: int = -1
    acknowledged_ms: int = -1
    cancel_ms: int = -1  # when its cancellation was first asked for
    asked_ms: int = -1  # when the venue was last asked anything about it
    ended_ms: int = -1
    attempts: int = 0
    filled_e8: int = 0
    paid_e6: int = 0
    fee_e6: int = 0
    settled: bool = False  # a lost order's position has been seen since
    reason: str = ""

    @property
    def remaining_e8(self) -> int:
        """What may still be filled; zero once it has ended for certain."""
        if self.phase in ENDED and (self.phase is not Phase.LOST or self.settled):
            return 0
        return self.order.size_e8 - self.filled_e8


def intended(order: OutsideOrder, time_ms: int) -> Tracked:
    """A new order, journalled before anything is sent."""
    return Tracked(order=order, phase=Phase.INTENT, intended_ms=time_ms)


def sending(tracked: Tracked, time_ms: int) -> Tracked:
    """About to be sent: from here on it may be there. `ValueError` unless it is an intent."""
    if tracked.phase is not Phase.INTENT:
        raise ValueError(f"{tracked.order.client_id} is {tracked.phase}; only an intent is sent")
    return replace(
        tracked,
        phase=Phase.SENT,
        sent_ms=time_ms,
        asked_ms=time_ms,
        attempts=tracked.attempts + 1,
    )


def reported(tracked: Tracked, report: OutsideReport, time_ms: int) -> Tracked:
    """Take a report in. One with more than was ordered, or the other side, raises `ValueError`."""
    size = tracked.order.size_e8
    side = 1 if size > 0 else -1
    if not 0 <= side * report.filled_e8 <= abs(size):
        raise ValueError(
            f"{report.client_id}: filled_e8 {report.filled_e8} is outside 0..{size}, as signed"
        )
    more = side * report.filled_e8 > side * tracked.filled_e8
    known = replace(
        tracked,
        asked_ms=max(time_ms, tracked.asked_ms),
        filled_e8=report.filled_e8 if more else tracked.filled_e8,
        paid_e6=report.paid_e6 if more else tracked.paid_e6,
        fee_e6=report.fee_e6 if more else tracked.fee_e6,
    )
    if tracked.phase is Phase.FILLED:
        return known
    if known.filled_e8 == size:
        return _ended(known, Phase.FILLED, time_ms, report.reason)
    if tracked.phase in ENDED and tracked.phase is not Phase.LOST:
        return known
    if report.standing is Standing.OPEN:
        if tracked.phase is Phase.LOST and tracked.settled:
            return known
        since = tracked.acknowledged_ms if tracked.acknowledged_ms >= 0 else time_ms
        return replace(known, phase=Phase.ACKNOWLEDGED, acknowledged_ms=since, ended_ms=-1)
    refused = report.standing is Standing.REFUSED
    return _ended(known, Phase.REFUSED if refused else Phase.CANCELLED, time_ms, report.reason)


def missing(tracked: Tracked, time_ms: int, patience: Patience) -> Tracked:
    """The venue does not know the order. Too early to tell, or free to send again, or lost."""
    asked = replace(tracked, asked_ms=max(time_ms, tracked.asked_ms))
    if tracked.phase is Phase.SENT and time_ms - tracked.sent_ms >= patience.visible_ms:
        return replace(asked, phase=Phase.INTENT)
    if tracked.phase is Phase.ACKNOWLEDGED:
        if time_ms - tracked.acknowledged_ms >= patience.visible_ms:
            return _ended(asked, Phase.LOST, time_ms, "the venue forgot it")
    return asked


def cancel_asked(tracked: Tracked, time_ms: int) -> Tracked:
    """About to ask for its cancellation."""
    first = tracked.cancel_ms if tracked.cancel_ms >= 0 else time_ms
    return replace(tracked, cancel_ms=first, asked_ms=time_ms)


def abandoned(tracked: Tracked, time_ms: int) -> Tracked:
    """Drop an order that is not there. `ValueError` unless it is an intent."""
    if tracked.phase is not Phase.INTENT:
        raise ValueError(f"{tracked.order.client_id} is {tracked.phase}; it may be there")
    return _ended(tracked, Phase.CANCELLED, time_ms, "abandoned")


def given_up(tracked: Tracked, time_ms: int) -> Tracked:
    """Nobody can say what became of it; the position there will."""
    if tracked.phase in ENDED:
        return tracked
    return _ended(tracked, Phase.LOST, time_ms, "no answer")


def forgotten(tracked: Tracked) -> Tracked:
    """Count a lost order as not there. A position seen later says otherwise, if it was."""
    return replace(tracked, settled=True) if tracked.phase is Phase.LOST else tracked


def next_step(tracked: Tracked, time_ms: int, patience: Patience, *, wanted: bool = True) -> Step:
    """What to do about an order now; `wanted` False takes it back as soon as that is possible."""
    phase = tracked.phase
    if phase in ENDED:
        in_doubt = phase is Phase.LOST and not tracked.settled
        forgotten = in_doubt and time_ms - tracked.ended_ms >= patience.forget_ms
        return Step.FORGET if forgotten else Step.WAIT
    if phase is Phase.INTENT:
        stale = time_ms - tracked.intended_ms > patience.stale_ms
        if stale or not wanted or tracked.attempts >= patience.attempts_max:
            return Step.ABANDON
        return Step.SEND
    due = time_ms - tracked.asked_ms >= patience.query_ms
    if phase is Phase.SENT:
        if time_ms - tracked.sent_ms >= patience.give_up_ms:
            return Step.GIVE_UP
        return Step.QUERY if due else Step.WAIT
    if tracked.cancel_ms >= 0:
        if time_ms - tracked.cancel_ms >= patience.give_up_ms:
            return Step.GIVE_UP
        return Step.CANCEL if due else Step.WAIT
    waits_ms = patience.rest_ms if tracked.order.resting else patience.fill_ms
    if not wanted or time_ms - tracked.acknowledged_ms >= waits_ms:
        return Step.CANCEL
    return Step.QUERY if due else Step.WAIT


def withheld(tracked: Tracked) -> bool:
    """Acknowledged, meant to cross, taken back with nothing filled: the venue sat on it."""
    return (
        tracked.phase is Phase.CANCELLED
        and tracked.acknowledged_ms >= 0
        and tracked.cancel_ms >= 0
        and tracked.filled_e8 == 0
        and not tracked.order.resting
    )


def _ended(tracked: Tracked, phase: Phase, time_ms: int, reason: str) -> Tracked:
    return replace(tracked, phase=phase, ended_ms=time_ms, reason=reason or tracked.reason)
