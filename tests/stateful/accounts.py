# SPDX-License-Identifier: Apache-2.0
"""Rules of accounts: time, money in and out, the vault's queue, cancels, delegates,
approvals.
"""

from __future__ import annotations

from tests.support.twin import Key

from infold.reference.outflow import BOUNDS
from infold.reference.words import Account, Fill, Withdrawal

from .chain import MARKETS, STRANGER, TIMELOCK
from .driver import Driver


class Accounts(Driver):
    """What owners, their delegates and strangers call."""

    def rule_travel(self) -> None:
        self.transitions += 1
        self.rules["travel"] += 1
        pick = self.random
        self.travel(pick.choice([1, 1, 2, 3, 4, 15, 18, 19, pick.randrange(1, 400)]))

    def open_account(self, amount_e6: int | None = None) -> None:
        key = Key(10_000 + len(self.owners) % 12)
        amount = amount_e6 or self.random.choice(
            [10_000_000, 9_999_999, 2_000 * 10**6, 20_000 * 10**6, 100_000 * 10**6, 2**63]
        )
        self.fund(key.address)
        owner = 0 if self.random.random() < 0.02 else key.address
        account = self.door("clearing", "open_account", (owner, amount), key.address)
        if isinstance(account, int):
            self.owners[account] = key

    def rule_open_account(self) -> None:
        if len(self.owners) < 40:
            self.open_account()

    def rule_deposit(self) -> None:
        account = self.random.choice([0, 1, 2, 5_000, *self.owners])
        amount = self.random.choice([0, 1, 1_000 * 10**6, 20_000 * 10**6])
        self.door("clearing", "deposit", (account, amount), STRANGER.address)

    def rule_request_withdrawal(self) -> None:
        """Of a trader by its owner, now and then of the backstop by Governance."""
        account = self.someone() if self.random.random() < 0.85 else 1
        collateral = Account.of(self.state.accounts[account]).collateral_e6
        amount = self.random.choice(
            [0, 1, max(0, collateral), max(0, collateral) + 1, max(0, collateral) // 3]
        )
        sender = self.governance if account == 1 else self.owner_or_not(account)
        self.door("clearing", "request_withdrawal", (account, amount), sender)

    def rule_claim_withdrawal(self) -> None:
        pending = list(self.state.withdrawals)
        account = self.random.choice(pending) if pending else self.someone()
        due_s = Withdrawal.of(self.state.withdrawals.get(account, 0)).barrier_ms // 1000 + 15
        if self.random.random() < 0.5 and 0 <= due_s - self.now_s < 30:
            self.travel(max(0, due_s - self.now_s + self.random.choice([0, 1])))
        vector = self.vector(self.some_time())
        self.door("clearing", "claim_withdrawal", (account, *vector), STRANGER.address)

    def rule_leave_at_once(self) -> None:
        """Pay in much and take it out when its hour is over: more than may leave in one."""
        account = self.someone()
        owner = self.owners[account].address
        self.door("clearing", "deposit", (account, 2_000_000 * 10**6), STRANGER.address)
        self.travel(3_600)
        collateral = max(1, Account.of(self.state.accounts[account]).collateral_e6)
        self.door("clearing", "request_withdrawal", (account, collateral), owner)
        self.travel(20)
        vector = self.vector(self.now_ms)
        self.door("clearing", "claim_withdrawal", (account, *vector), STRANGER.address)

    def rule_pull(self) -> None:
        """Mostly the first ticket that waits; sometimes at its last day, or one that is gone."""
        pick, first = self.random, self.first_ticket()
        number = pick.choice([0, self.chain.ticket_count(), first])
        due_s = self.chain.ticket(number).due_s
        if due_s and pick.random() < 0.1 and due_s > self.now_s:
            self.travel(due_s - self.now_s - pick.choice([0, 1]))
        self.door("vault", "pull", (number,), STRANGER.address)

    def rule_set_outflow(self) -> None:
        pick = self.random
        values = [pick.choice([least, most]) for least, most in BOUNDS.values()]
        if pick.random() < 0.1:
            at = pick.randrange(3)
            values[at] += pick.choice([-1, 1])
        self.door("vault", "set_outflow", values, TIMELOCK.address)

    def rule_cancel(self) -> None:
        account = self.someone()
        slot = self.random.choice([0, 1, 2, 3, 255, 256])
        fill = Fill.of(self.state.fills.get(account << 8 | slot, 0))
        seq = self.random.choice([fill.cancel_seq, fill.seq, fill.seq + 1, 2**32])
        self.door("clearing", "cancel", (account, slot, seq), self.owner_or_not(account))

    def rule_cancel_all(self) -> None:
        account = self.someone()
        self.door("clearing", "cancel_all", (account,), self.owner_or_not(account))

    def rule_grant(self) -> None:
        account = self.someone()
        pick = self.random
        key = 0 if pick.random() < 0.05 else pick.choice(self.delegate_keys).address
        markets = sum(market << 16 * at for at, market in enumerate(MARKETS) if pick.random() < 0.7)
        arguments = (
            account,
            key,
            markets if pick.random() < 0.97 else 1 << 128,
            pick.choice([10**6, 10**9, 10**12, 2**64 - 1]),
            self.now_ms + pick.choice([0, 1, 20_000, 3_600_000]),
        )
        self.door("delegates", "grant", arguments, self.owner_or_not(account))

    def rule_revoke(self) -> None:
        account = self.someone()
        key = self.random.choice(self.delegate_keys).address
        if self.state.delegates and self.random.random() < 0.8:
            granted = self.random.choice(list(self.state.delegates))
            account, key = granted >> 160, granted & 2**160 - 1
        self.door("delegates", "revoke", (account, key), self.owner_or_not(account))

    def rule_approve(self) -> None:
        account = self.someone()
        digest = self.random.getrandbits(256)
        if self.state.approvals and self.random.random() < 0.5:
            decided = self.random.choice(list(self.state.approvals))
            account, digest = decided >> 256, decided & 2**256 - 1
        self.door("delegates", "approve", (account, digest), self.owner_or_not(account))

    def rule_disapprove(self) -> None:
        account = self.someone()
        digest = self.random.getrandbits(256)
        if self.state.approvals and self.random.random() < 0.8:
            decided = self.random.choice(list(self.state.approvals))
            account, digest = decided >> 256, decided & 2**256 - 1
        self.door("delegates", "disapprove", (account, digest), self.owner_or_not(account))
