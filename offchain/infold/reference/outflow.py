# SPDX-License-Identifier: Apache-2.0
"""How much leaves the vault at once, and the queue of what may not (docs/protocol.md §8); e6, s."""

from __future__ import annotations

from typing import NamedTuple

from .faults import require
from .undo import Undo

WINDOW_S = 3_600
QUEUE_S = 604_800
BOUNDS = {"share": (20_000, 500_000), "floor": (10**11, 10**13), "quota": (10**9, 10**11)}


class Limits(NamedTuple):
    """What governance sets: the share of what is accounted for that may leave in a window, what
    may leave even where that is less, and what each recipient gets besides.
    """

    share_e6: int = 100_000
    floor_e6: int = 10**12
    quota_e6: int = 10**10


class Used(NamedTuple):
    """An amount at a time; it runs down to zero over a window."""

    amount_e6: int
    at_s: int

    def at(self, now_s: int) -> int:
        left_s = WINDOW_S - min(now_s - self.at_s, WINDOW_S)
        whole = abs(self.amount_e6) * left_s // WINDOW_S
        return whole if self.amount_e6 >= 0 else -whole


class Ticket(NamedTuple):
    """A payment that waits: for the counter to pass its end, or for its last day."""

    to: int
    amount_e6: int
    end_e6: int
    due_s: int


_NOTHING = Used(0, 0)


class Outflow:
    """The vault's own state beside `accounted_e6`."""

    def __init__(self) -> None:
        self.limits = Limits()
        self.flow = _NOTHING
        self.queued_e6 = 0
        self.freed_e6 = 0
        self.waiting_e6 = 0
        self.ticket_count = 0
        self.quotas: dict[int, Used] = {}
        self.tickets: dict[int, Ticket] = {}
        self._kept: tuple[object, ...] = ()
        self._undo = Undo()

    # -- a call ------------------------------------------------------------------

    def begin(self) -> None:
        """Open a call: nothing to undo."""
        self._kept = (self.limits, self.flow, self.queued_e6, self.freed_e6, self.waiting_e6)
        self._kept += (self.ticket_count,)
        self._undo.begin()

    def undo(self) -> None:
        """Take back every write since `begin`."""
        limits, flow, queued, freed, waiting, count = self._kept
        self.limits, self.flow = limits, flow  # type: ignore[assignment]
        self.queued_e6, self.freed_e6 = queued, freed  # type: ignore[assignment]
        self.waiting_e6, self.ticket_count = waiting, count  # type: ignore[assignment]
        self._undo.take_back()

    def _put(self, table: dict[int, object], key: int, value: object) -> None:
        self._undo.remember(table, key)
        if value is None:
            del table[key]
        else:
            table[key] = value

    # -- money ---------------------------------------------------------------------

    def enter(self, amount_e6: int, accounted_e6: int, now_s: int) -> None:
        """Count a deposit; `accounted_e6` is with it."""
        self._advance(self.flow.at(now_s) - amount_e6, accounted_e6, now_s)

    def leave(self, to: int, amount_e6: int, accounted_e6: int, now_s: int) -> int:
        """Count a payment; `accounted_e6` is before it. Returns what may be paid now."""
        require(amount_e6 + self.waiting_e6 <= accounted_e6, "vault: more than accounted")
        capacity = self.capacity_e6(accounted_e6)
        self._advance(self.flow.at(now_s), accounted_e6, now_s)
        level = self.flow.amount_e6
        paid = 0
        if self.queued_e6 == self.freed_e6:
            paid = min(amount_e6, max(0, capacity - level))
        level += paid
        used = self.quotas.get(to, _NOTHING).at(now_s)
        own = max(0, min(self.limits.quota_e6 - used, 2 * capacity - level))
        extra = min(amount_e6 - paid, own)
        if extra:
            self._put(self.quotas, to, Used(used + extra, now_s))  # type: ignore[arg-type]
        self.flow = Used(level + extra, now_s)
        rest = amount_e6 - paid - extra
        if rest:
            self.queued_e6 += rest
            self.waiting_e6 += rest
            ticket = Ticket(to, rest, self.queued_e6, now_s + QUEUE_S)
            self._put(self.tickets, self.ticket_count, ticket)  # type: ignore[arg-type]
            self.ticket_count += 1
        return paid + extra

    def pull(self, number: int, accounted_e6: int, now_s: int) -> int:
        """Take a ticket out; returns its amount."""
        ticket = self.tickets.get(number)
        if ticket is None:
            require(False, "vault: no such ticket")
        assert ticket is not None
        self._advance(self.flow.at(now_s), accounted_e6, now_s)
        if self.freed_e6 < ticket.end_e6:
            require(now_s >= ticket.due_s, "vault: ticket waits")
            self.freed_e6 = ticket.end_e6
        self._put(self.tickets, number, None)  # type: ignore[arg-type]
        self.waiting_e6 -= ticket.amount_e6
        return ticket.amount_e6

    def set(self, share_e6: int, floor_e6: int, quota_e6: int) -> None:
        """Change the limits, within bounds."""
        for name, value in zip(BOUNDS, (share_e6, floor_e6, quota_e6), strict=True):
            least, most = BOUNDS[name]
            require(least <= value <= most, f"vault: {name} out of range")
        self.limits = Limits(share_e6, floor_e6, quota_e6)

    # -- parts -----------------------------------------------------------------------

    def capacity_e6(self, accounted_e6: int) -> int:
        """The net outflow that a window is free."""
        return max(accounted_e6 * self.limits.share_e6 // 10**6, self.limits.floor_e6)

    def _advance(self, level: int, accounted_e6: int, now_s: int) -> None:
        """Free what waits, as far as there is room."""
        room = max(0, self.capacity_e6(accounted_e6) - level)
        step = min(self.queued_e6 - self.freed_e6, room)
        self.freed_e6 += step
        self.flow = Used(level + step, now_s)
