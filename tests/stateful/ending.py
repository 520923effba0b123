# SPDX-License-Identifier: Apache-2.0
"""The end of a random venue: a week of silence, the wind-down, and everyone's way out.
Whatever else anybody calls goes on in between.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from infold.reference.deleveraging import behind
from infold.reference.faults import Fault
from infold.reference.words import NEVER_MS, Head, Position, Withdrawal

from .batches import Batches
from .chain import RECOVERY, STRANGER, selector

WEEK_S = 7 * 86_400
TOLD = 0.8
"""Of all debts after the first, what part is registered: an untold one is borne by who claims
last."""
LATE_CALLS = 0.1
"""How often something else is called between two steps."""
CRASHES_MAX = 100
"""Batches that may be refused before the venue ends at the prices it had."""


class Ending(Batches):
    """`Recovery.wind_down`, `register`, `claim` and `Pool.leave`, as anybody calls them."""

    def end(self, anything_else: Callable[[], None]) -> None:
        """Stop the venue and pay everybody. `anything_else` makes one transition of another kind.

        Nothing happens where `Recovery` is a plain key: it has no such doors.
        """
        if self.protocol.recovery == RECOVERY.address:
            return
        self._crash()
        self._stop()
        self._tell_debts(anything_else)
        self._claim_all(anything_else)
        self._leave_the_pool()
        self._empty_the_queue()
        self.check_end()

    def check_end(self) -> None:
        """C4 and C12 of a stopped venue: nobody is owed anything but by who told no debt, and the
        vault holds what nobody may claim. What debts ate beyond all equity, requests of liquidity
        providers are short of.
        """
        self.check_words()
        unpaid_e6 = self.chain.read("recovery", selector("unpaid_e6()"))
        pool = Withdrawal.of(self.state.withdrawals.get(0, 0))
        kept = unpaid_e6 + (pool.amount_e6 if pool.barrier_ms == NEVER_MS else 0) - self.left_e6
        held = self._lp_held() - self.short_e6
        assert self.promised_e6 == kept + held, self.say("C4", f"{kept} kept, {held} of requests")
        owed = [account for account in self._accounts() if self._final_equity_e6(account) > 0]
        assert not owed, self.say("C12", f"{owed} were not paid")
        assert not self.chain.waiting_e6(), self.say("C12", "a ticket still waits")

    # -- its steps ---------------------------------------------------------------

    def _crash(self) -> None:
        """A last batch at prices that leave debts behind, with nobody to liquidate in time."""
        pick = self.random
        for market, price in self.prices.items():
            self.prices[market] = max(1, price * pick.choice([30, 50, 70, 140, 200, 300]) // 100)
        before = self.landed
        for _ in range(CRASHES_MAX):
            self.travel(60)
            self.rule_settle()
            if self.landed > before:
                return

    def _stop(self) -> None:
        silent_s = Head.of(self.state.scalar("head")).time_ms // 1000 + WEEK_S
        early = [("wind_down", ()), ("register", (self.someone(),)), ("claim", (self.someone(),))]
        for name, arguments in early:
            self._recovery(name, *arguments)
        holders = [
            it for it, held in self.state.shares.items() if held and it != self.protocol.pool
        ]
        self._by_holder("leave", 1, (holders or [self.providers[0].address])[0])
        self.travel(max(0, silent_s - self.now_s))
        for _ in range(3):  # within the week, or at its end; past it; a second time
            self._recovery("wind_down")
            self.travel(1)
        self.stopped_s = self.chain.read("recovery", selector("wound_ms()")) // 1000
        provider = self.providers[0].address
        self.door("clearing", "deposit", (2, 1), STRANGER.address)
        self.door("pool", "request_deposit", (1, provider, provider), provider)

    def _tell_debts(self, anything_else: Callable[[], None]) -> None:
        self._fold_all()
        told = False
        for account in self._in_any_order():
            owes = self._final_equity_e6(account) < 0
            if not owes and self.random.random() > LATE_CALLS:
                continue
            if self.random.random() < TOLD or (owes and not told):
                self._recovery("register", account)
                told = told or owes
            self._perhaps(anything_else)
        self._recovery("claim", self.someone())
        self._wait_until(self.stopped_s + WEEK_S)
        self._recovery("register", self.someone())
        self._recovery("claim", self.someone())
        self._wait_until(self.stopped_s + WEEK_S + 1)
        self._recovery("register", self.someone())

    def _claim_all(self, anything_else: Callable[[], None]) -> None:
        self._fold_all()
        self.short_e6 = max(0, self._lp_held() - self.promised_e6)
        for account in self._in_any_order():
            if self._final_equity_e6(account) > 0 or self.random.random() < LATE_CALLS:
                self._recovery("claim", account)
            self._perhaps(anything_else)
        for account in self._accounts():  # to whom something came since
            if self._final_equity_e6(account) > 0:
                self._recovery("claim", account)
        for own in (2, 3):
            self._recovery("claim", own)

    def _leave_the_pool(self) -> None:
        for key in list(self.state.holder_requests):
            controller, epoch = key >> 32, key & 2**32 - 1
            for redeems, door in ((False, "take_back_deposit"), (True, "take_back_redeem")):
                if self.protocol.left(controller, epoch, redeems=redeems).back:
                    self._by_holder(door, epoch, controller)
        for controller in {key >> 32 for key in self.state.holder_requests}:
            epochs = [
                key & 2**32 - 1 for key in self.state.holder_requests if key >> 32 == controller
            ]
            for redeems, by_shares, door in ((False, 1, "claim_mint"), (True, 0, "claim_withdraw")):
                left = [self.protocol.left(controller, it, redeems=redeems) for it in epochs]
                amount = sum(it[by_shares] for it in left)
                if not amount:
                    continue
                refused = isinstance(self._by_holder(door, amount, controller), Fault)
                if refused and self.short_e6 and redeems:
                    self._by_holder(door, min(amount, self.promised_e6), controller)
        for holder, shares in list(self.state.shares.items()):
            if not shares or holder == self.protocol.pool:
                continue
            for part in (shares + 1, shares // 3, shares - shares // 3):
                before_e6 = self.promised_e6
                self.door("pool", "leave", (part, holder, holder), holder)
                self.left_e6 += before_e6 - self.promised_e6

    def _empty_the_queue(self) -> None:
        self.travel(WEEK_S)
        for number in range(self.first_ticket(), self.chain.ticket_count()):
            self.door("vault", "pull", (number,), STRANGER.address)

    # -- parts -------------------------------------------------------------------

    def _recovery(self, name: str, *arguments: int) -> object:
        return self.door("recovery", name, arguments, STRANGER.address)

    def _by_holder(self, door: str, first: int, controller: int) -> object:
        before_e6 = self.promised_e6
        answer = self.door("pool", door, (first, controller, controller), controller)
        self.claimed_e6 += before_e6 - self.promised_e6
        return answer

    def _perhaps(self, anything_else: Callable[[], None]) -> None:
        if self.random.random() < LATE_CALLS:
            anything_else()

    def _wait_until(self, time_s: int) -> None:
        self.travel(max(0, time_s - self.now_s))

    def _fold_all(self) -> None:
        """Bring every trader up to date: one event a call."""
        for key, word in list(self.state.positions.items()):
            held = word
            while key >> 4 in self.owners and held and behind(self.state, Position.of(held)):
                if isinstance(self._recovery("fold", key >> 4, key & 15), Fault):
                    break
                held = self.state.positions.get(key, 0)

    def _accounts(self) -> Sequence[int]:
        return [0, 1, *range(16, self.state.scalar("account_count"))]

    def _in_any_order(self) -> Sequence[int]:
        accounts = list(self._accounts())
        self.random.shuffle(accounts)
        return accounts

    def _final_equity_e6(self, account: int) -> int:
        data = selector("final_equity(uint256)") + account.to_bytes(32, "big")
        value = self.chain.read("recovery", data)
        return value - (value >> 255 << 256)
