# SPDX-License-Identifier: Apache-2.0
"""Rules of the pool's shares: requests by epoch, claims in pieces, operators."""

from __future__ import annotations

from infold.reference.words import Head

from .chain import STRANGER
from .driver import Driver

CLAIMS = (
    "claim_deposit",
    "claim_mint",
    "claim_own_deposit",
    "claim_own_mint",
    "claim_withdraw",
    "claim_redeem",
    "take_back_deposit",
    "take_back_redeem",
)


class Shares(Driver):
    """What liquidity providers call."""

    def rule_request_deposit(self) -> None:
        amount = self.random.choice([0, 1, 1_000 * 10**6, 200_000 * 10**6, 2**62])
        controller, owner, sender = self._parties()
        if self.random.random() < 0.5:  # one who asks every epoch and hardly ever claims
            owner = sender = self.providers[0].address
            amount, controller = 1_000 * 10**6, STRANGER.address
        self.door("pool", "request_deposit", (amount, controller, owner), sender)

    def rule_request_redeem(self) -> None:
        controller, owner, sender = self._parties()
        balance = self.state.shares.get(owner, 0)
        amounts = [0, 1, balance // 7, balance // 2, *[balance] * 4, balance + 1]
        shares = self.random.choice(amounts)
        if self.state.shares and self.random.random() < 0.3:
            # more than a strike may pay while open interest locks capital
            owner = max(self.state.shares, key=lambda it: self.state.shares[it])
            controller, sender, shares = owner, owner, self.state.shares[owner]
        self.door("pool", "request_redeem", (shares, controller, owner), sender)

    def rule_set_operator(self) -> None:
        operator = self.random.choice([*self.providers, STRANGER]).address
        approved = int(self.random.random() < 0.5)
        sender = self.random.choice(self.providers).address
        self.door("pool", "set_operator", (operator, approved), sender)

    def rule_claim(self) -> None:
        """Any way of claiming, whole or in pieces, by its owner, an operator, a stranger."""
        pick = self.random
        controller, _, sender = self._parties(0.9)
        door = pick.choice(CLAIMS)
        epochs_back = [
            (key >> 32, key & 2**32 - 1)
            for key in self.state.holder_requests
            if self.protocol.left(key >> 32, key & 2**32 - 1, redeems=True).back
        ]
        if epochs_back and pick.random() < 0.5:
            # a strike that could not pay for all is rare: what it gave back is asked for
            controller, epoch = pick.choice(epochs_back)
            arguments = (epoch, controller, controller)
            self.door("pool", "take_back_redeem", arguments, controller)
            return
        redeems = door in ("claim_withdraw", "claim_redeem", "take_back_redeem")
        epochs = [key & 2**32 - 1 for key in self.state.holder_requests if key >> 32 == controller]
        if door.startswith("take_back"):
            waiting = [
                (it >> 32, it & 2**32 - 1)
                for it in self.state.holder_requests
                if self.protocol.left(it >> 32, it & 2**32 - 1, redeems=redeems).back
            ]
            first = pick.choice([*epochs, Head.of(self.state.scalar("head")).epoch])
            if waiting and pick.random() < 0.8:  # a strike rarely leaves any
                controller, first = pick.choice(waiting)
                sender = controller
        else:
            by_shares = door in ("claim_mint", "claim_own_mint", "claim_redeem")
            left = [self.protocol.left(controller, epoch, redeems=redeems) for epoch in epochs]
            most = sum(it[by_shares] for it in left)
            first = pick.choice([0, 1, most // 3, most // 2, most, most, most + 1])
        receiver = pick.choice([controller, STRANGER.address])
        given: tuple[int, ...] = (first, receiver, controller)
        if "own" in door:
            given, sender = (first, receiver), controller
        before_e6 = self.promised_e6
        self.door("pool", door, given, sender)
        self.claimed_e6 += before_e6 - self.promised_e6

    def _parties(self, own: float = 0.8) -> tuple[int, int, int]:
        """A controller, an owner and a sender: mostly one provider, sometimes three people."""
        everybody = [it.address for it in (*self.providers, STRANGER)]
        one = self.random.choice(self.providers).address
        if self.random.random() < own:
            return one, one, one
        choose = self.random.choice
        return choose([one, choose(everybody), 0]), choose([one, choose(everybody)]), one
