# SPDX-License-Identifier: Apache-2.0
"""The matcher's bond as a ledger: what is staked, reserved, paid, and when it may leave
(docs/protocol.md §12). Whether a proof shows an omission is not judged here. Where `Bond` reverts,
a method raises `Fault` with its string and changes nothing.

An audit does not read it, since `Clearing`, from which an audit finds a venue, names no bond: it is
the model that random sequences of calls hold the contract to.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .faults import Fault

REST_S = 86_400
REWARD_E6 = (10**6, 10**10)
WINDOW_S = (9 * 86_400, 40 * 86_400)


@dataclass
class Claim:
    """One order's; the amount is 0 once it is over."""

    amount_e6: int
    due_s: int


@dataclass
class Leaving:
    """An announced withdrawal."""

    amount_e6: int
    announced_s: int
    due_s: int


@dataclass
class Bond:
    """Everything `Bond` stores. Times in s; who calls is not judged here."""

    reward_e6: int
    window_s: int
    bond_e6: int = 0
    claims: dict[bytes, Claim] = field(default_factory=dict)
    sealed_twice: set[int] = field(default_factory=set)
    leaving: Leaving | None = None

    @property
    def reserved_e6(self) -> int:
        """What stands behind open claims."""
        return sum(claim.amount_e6 for claim in self.claims.values())

    def deposit(self, amount_e6: int) -> None:
        """Add to the bond."""
        if not amount_e6:
            raise Fault("bond: amount is zero")
        self.bond_e6 += amount_e6

    def claim(self, order: bytes, batch_s: int, now_s: int) -> int:
        """Claim for an order that a batch left out; what is reserved."""
        if order in self.claims:
            raise Fault("bond: already claimed")
        if now_s > batch_s + self.window_s:
            raise Fault("bond: too late to claim")
        amount_e6 = self._take()
        self.claims[order] = Claim(amount_e6, now_s + self.window_s)
        return amount_e6

    def answer(self, order: bytes, now_s: int) -> None:
        """Defeat an open claim, however."""
        if now_s > self._open(order).due_s:
            raise Fault("bond: window is over")
        self.claims[order].amount_e6 = 0

    def pay(self, order: bytes, now_s: int) -> int:
        """Pay a claim that stood; the amount."""
        claim = self._open(order)
        if now_s <= claim.due_s:
            raise Fault("bond: window is not over")
        amount_e6, claim.amount_e6 = claim.amount_e6, 0
        self.bond_e6 -= amount_e6
        return amount_e6

    def seal_twice(self, number: int) -> int:
        """Two seals of a number were shown; what insurance gets."""
        if number in self.sealed_twice:
            raise Fault("bond: already paid")
        amount_e6 = self._take()
        self.sealed_twice.add(number)
        self.bond_e6 -= amount_e6
        return amount_e6

    def announce(self, amount_e6: int, now_s: int) -> None:
        """Begin to take bond out; zero gives it up."""
        due_s = now_s + self.window_s + REST_S
        self.leaving = Leaving(amount_e6, now_s, due_s) if amount_e6 else None

    def withdraw(self, now_s: int) -> int:
        """Take out what was announced, as far as it is free."""
        if self.leaving is None:
            raise Fault("bond: no withdrawal announced")
        due_s = max(self.leaving.due_s, self.leaving.announced_s + self.window_s + REST_S)
        if now_s <= due_s:
            raise Fault("bond: withdrawal not due")
        amount_e6 = min(self.leaving.amount_e6, self.bond_e6 - self.reserved_e6)
        self.leaving = None
        self.bond_e6 -= amount_e6
        return amount_e6

    def set_terms(self, reward_e6: int, window_s: int) -> None:
        """Change reward and window."""
        if not REWARD_E6[0] <= reward_e6 <= REWARD_E6[1]:
            raise Fault("bond: reward out of range")
        if not WINDOW_S[0] <= window_s <= WINDOW_S[1]:
            raise Fault("bond: window out of range")
        self.reward_e6, self.window_s = reward_e6, window_s

    def _take(self) -> int:
        amount_e6 = min(self.reward_e6, self.bond_e6 - self.reserved_e6)
        if not amount_e6:
            raise Fault("bond: nothing left")
        return amount_e6

    def _open(self, order: bytes) -> Claim:
        claim = self.claims.get(order)
        if claim is None or not claim.amount_e6:
            raise Fault("bond: no such claim")
        return claim
