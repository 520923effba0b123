# SPDX-License-Identifier: Apache-2.0
"""C15 under random sequences: the bond beside the twin's ledger, every call and every refusal."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from tests.support.evm import Refused, a_key
from tests.support.omission import LEFT_OUT, STAKE_E6, TIMELOCK, Omission, Proof, set_up, stake
from tests.support.venue import CLAIM_S, DOLLAR, MATCHER, REWARD_E6

from infold.reference.bond import Bond
from infold.reference.faults import Fault
from infold.signing import Domain, batch_digest, keccak, sign

TAKER, STRANGER = a_key("taker"), a_key("stranger")
DAY_S = 86_400
STEPS = 600
YEAR_MS = 366 * DAY_S * 1_000


class Machine:
    """One bond, its ledger by the twin, and what may happen next."""

    def __init__(self, scene: Omission, seed: int) -> None:
        self.scene = scene
        self.bond = scene.venue.bond
        self.twin = Bond(reward_e6=REWARD_E6, window_s=CLAIM_S, bond_e6=STAKE_E6)
        self.draw = random.Random(seed)
        self.said: Counter[str] = Counter()
        self.seq = 100
        self.proofs: list[tuple[Proof, bytes, int]] = []

    @property
    def now_s(self) -> int:
        return self.scene.venue.world.timestamp_s

    def run(self) -> None:
        acts = [
            *[self.omit] * 4,
            *[self.claim] * 6,
            *[self.travel] * 5,
            *[self.answer, self.pay] * 3,
            *[self.deposit, self.announce, self.withdraw, self.set_terms, self.seal_twice],
        ]
        for _ in range(STEPS):
            self.draw.choice(acts)()
            self.invariant_C15_reserved_bond_and_tokens()

    def invariant_C15_reserved_bond_and_tokens(self) -> None:
        bond, twin = self.bond, self.twin
        assert (bond.bond_e6(), bond.reserved_e6()) == (twin.bond_e6, twin.reserved_e6)
        assert twin.reserved_e6 <= twin.bond_e6
        assert self.scene.venue.dollar.balanceOf(bond.address) == twin.bond_e6
        for order, claim in twin.claims.items():
            word = bond.claims(order)
            assert (word & 2**64 - 1, word >> 96) == (claim.amount_e6, claim.due_s)

    def both(
        self, name: str, twin: Callable[[], object], call: Callable[[], object]
    ) -> object | None:
        """The same from both; what the twin returned, None if both refused for one reason."""
        try:
            wanted = twin()
        except Fault as fault:
            with pytest.raises(Refused) as refused:
                call()
            assert refused.value.reason == fault.reason
            self.said[fault.reason] += 1
            return None
        call()
        self.said[name] += 1
        return 0 if wanted is None else wanted

    # -- acts

    def omit(self) -> None:
        """The matcher leaves out another order; its proof is kept."""
        self.seq += 1
        expiry_ms = self.scene.venue.world.now_ms + YEAR_MS
        order = self.scene.order(seq=self.seq, expiry_ms=expiry_ms)
        self.proofs.append((self.scene.proof(order), self.scene.hash(order), self.now_s))

    def _one(self) -> tuple[Proof, bytes, int] | None:
        return self.draw.choice(self.proofs[-12:]) if self.proofs else None

    def claim(self) -> None:
        if one := self._one():
            proof, order, batch_s = one
            self.both(
                "claim",
                lambda: self.twin.claim(order, batch_s, self.now_s),
                lambda: self.scene.challenge(proof),
            )

    def answer(self) -> None:
        if one := self._one():
            self.both(
                "answer",
                lambda: self.twin.answer(one[1], self.now_s),
                lambda: self.bond.dismiss(one[1], sender=TIMELOCK),
            )

    def pay(self) -> None:
        if one := self._one():
            self._money(
                "pay",
                LEFT_OUT.address,
                lambda: self.twin.pay(one[1], self.now_s),
                lambda: self.bond.pay(one[1], sender=STRANGER),
            )

    def withdraw(self) -> None:
        self._money(
            "withdraw",
            TAKER.address,
            lambda: self.twin.withdraw(self.now_s),
            lambda: self.bond.withdraw(sender=STRANGER),
        )

    def _money(
        self, name: str, to: str, twin: Callable[[], int], call: Callable[[], object]
    ) -> None:
        before_e6 = self.scene.venue.dollar.balanceOf(to)
        amount: Any = self.both(name, twin, call)
        after_e6 = self.scene.venue.dollar.balanceOf(to)
        assert after_e6 - before_e6 == (amount or 0)

    def deposit(self) -> None:
        amount_e6 = self.draw.choice((0, 1, 50, 300)) * DOLLAR
        call = self.bond.deposit
        if amount_e6:
            call = lambda amount_e6, sender: stake(self.scene.venue, amount_e6)  # noqa: E731
        self.both(
            "deposit",
            lambda: self.twin.deposit(amount_e6),
            lambda: call(amount_e6, sender=MATCHER),
        )

    def announce(self) -> None:
        amount_e6 = self.draw.choice((0, 70, 2_000)) * DOLLAR
        self.both(
            "announce",
            lambda: self.twin.announce(amount_e6, self.now_s),
            lambda: self.bond.announce_withdrawal(TAKER.address, amount_e6, sender=TIMELOCK),
        )

    def set_terms(self) -> None:
        reward_e6 = self.draw.choice((0, 1, 100, 130, 10_001)) * DOLLAR
        window_s = self.draw.choice((8, 9, 14, 40, 41)) * DAY_S
        self.both(
            "set_terms",
            lambda: self.twin.set_terms(reward_e6, window_s),
            lambda: self.bond.set_terms(reward_e6, window_s, sender=TIMELOCK),
        )

    def seal_twice(self) -> None:
        number = self.draw.randrange(1, 4)
        domain: Domain = self.scene.venue.domain
        now_ms = self.scene.venue.world.now_ms
        pair = [
            (
                now_ms,
                keccak(text),
                *sign(batch_digest(number, now_ms, keccak(text), domain), MATCHER.private),
            )
            for text in (b"one", b"other")
        ]
        self.both(
            "seal_twice",
            lambda: self.twin.seal_twice(number),
            lambda: self.bond.prove_two_seals(number, *pair, sender=STRANGER),
        )

    def travel(self) -> None:
        """To somewhere, or to the very second something is due, or the one after."""
        due = [claim.due_s for claim in self.twin.claims.values() if claim.amount_e6]
        due += [self.twin.leaving.due_s] if self.twin.leaving else []
        ahead = [at + one for at in due for one in (0, 1) if at + one > self.now_s]
        if ahead and self.draw.random() < 0.5:
            self.scene.venue.world.at(min(ahead))
        else:
            self.scene.venue.world.travel(self.draw.choice((1, 60, DAY_S, 3 * DAY_S)))


REASONS = (
    *("already claimed", "too late to claim", "nothing left", "no such claim", "already paid"),
    *("window is over", "window is not over", "no withdrawal announced", "withdrawal not due"),
    *("amount is zero", "reward out of range", "window out of range"),
)


def test_C15_the_bond_and_the_ledger_agree() -> None:
    """Seeds 0 to 2; all of them together reach every act and every reason of the ledger."""
    said: Counter[str] = Counter()
    for seed in range(3):
        machine = Machine(set_up(), seed)
        machine.run()
        said += machine.said
    acts = {"claim", "answer", "pay", "deposit", "announce", "withdraw", "set_terms", "seal_twice"}
    assert acts | {f"bond: {reason}" for reason in REASONS} <= set(said), said
