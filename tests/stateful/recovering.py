# SPDX-License-Identifier: Apache-2.0
"""Rules of recovery: liquidation, deleveraging and its folds, exits nobody helps with."""

from __future__ import annotations

from typing import Any

from tests.support.twin import encode

from infold.reference.deleveraging import EXIT_DELAY_MS, behind
from infold.reference.faults import Fault
from infold.reference.words import Account, Exit, Position, Withdrawal

from .chain import MARKETS, RECOVERY, STRANGER, selector
from .governing import Governing


class Recovering(Governing):
    """What keepers and owners call of `Recovery`, and `Clearing.apply` behind it."""

    def rule_liquidate(self) -> None:
        before = list(self.state.liquidated_ms)
        again = bool(before) and self.random.random() < 0.3
        account = self.random.choice(before) if again else self.someone()
        mask = Account.of(self.state.accounts[account]).mask
        places = [place for place in range(16) if mask >> place & 1]
        place = self.random.choice(places) if places else self.random.choice([0, 16])
        keeper = self.random.choice([0, 0, account, self.someone(), 2, 10**6])
        if self.protocol.recovery == RECOVERY.address:
            return
        time_ms = self.some_time()
        if again and self.random.random() < 0.5:
            time_ms = self.state.liquidated_ms[account] - self.random.choice([0, 1])
        vector = self.vector(time_ms)
        self.door("recovery", "liquidate", (*vector, account, place, keeper), STRANGER.address)

    def rule_deleverage(self) -> None:
        """Mostly of who is below maintenance, and often where the pool was left no room."""
        if self.protocol.recovery == RECOVERY.address:
            return
        pick = self.random
        vector = self.vector(self.now_ms)
        broken = self._broken(vector)
        account = pick.choice(broken) if broken and pick.random() < 0.9 else self.someone()
        place = pick.choice(self._places(account) or [0, 16])
        market = Position.of(self.state.positions.get((account << 4) + place, 0)).market
        if broken and market in MARKETS and pick.random() < 0.8:
            caps = self._caps(market)._replace(position_cap_e8=1)
            self.set_market(market, self._rates(market), caps)
            self.travel(20)
            vector = self.vector(self.now_ms)
        keeper = pick.choice([0, 0, self.someone(), 2, 10**6])
        self.door("recovery", "deleverage", (*vector, account, place, keeper), STRANGER.address)

    def _broken(self, vector: tuple[Any, ...]) -> list[int]:
        """The traders below maintenance at a vector, and the backstop."""
        found = []
        for account in (1, *self.owners):
            try:
                opened = self.protocol._signed_vector(*vector)
                held = self.protocol.standing(account, opened)
            except Fault:
                continue
            pending = Withdrawal.of(self.state.withdrawals.get(account, 0)).amount_e6
            if held.equity_e6 + pending < held.mm_e6:
                found.append(account)
        return found

    def _places(self, account: int) -> list[int]:
        """Where an account holds positions; the backstop's places are markets."""
        if account == 1:
            mask = self.state.scalar("backstop_markets")
        else:
            mask = Account.of(self.state.accounts[account]).mask
        return [place for place in range(256) if mask >> place & 1]

    def rule_fold(self) -> None:
        """Mostly of a position that is behind."""
        if self.protocol.recovery == RECOVERY.address:
            return
        late = [
            key
            for key, word in self.state.positions.items()
            if key >> 4 in self.owners and behind(self.state, Position.of(word))
        ]
        key = self.random.choice(late) if late else self.someone() << 4
        self.door("recovery", "fold", (key >> 4, key & 15), STRANGER.address)

    def rule_force_reduce(self) -> None:
        if self.protocol.recovery == RECOVERY.address:
            return
        account = self.someone()
        mask = Account.of(self.state.accounts[account]).mask
        places = [place for place in range(16) if mask >> place & 1]
        place = self.random.choice(places) if places else self.random.choice([0, 16])
        base = Position.of(self.state.positions.get(account << 4 | place, 0)).base_e8
        size = self.random.choice([0, 1, abs(base) // 2, abs(base), abs(base), abs(base) + 1])
        who = self.owner_or_not(account)
        self.door("recovery", "force_reduce", (account, place, size), who)

    def rule_execute_exit(self) -> None:
        """Mostly at an appointed time, waited for where it is near."""
        if self.protocol.recovery == RECOVERY.address:
            return
        pick = self.random
        pending = list(self.state.exits)
        key = pick.choice(pending) if pending else self.someone() << 4
        asked = Exit.of(self.state.exits.get(key, 0))
        rounds = max(1, -(-(self.now_ms - 10_000 - asked.asked_ms) // EXIT_DELAY_MS))
        time_ms = asked.asked_ms + rounds * EXIT_DELAY_MS
        if pick.random() < 0.7 and 0 <= time_ms - self.now_ms <= EXIT_DELAY_MS:
            self.travel((time_ms - self.now_ms) // 1000 + pick.choice([0, 0, 2, 14, 15, 16]))
        if pick.random() < 0.2:
            time_ms = self.some_time()
        vector = self.vector(time_ms)
        self.door("recovery", "execute_exit", (*vector, key >> 4, key & 15), STRANGER.address)

    def rule_apply(self) -> None:
        """As Recovery, without its judgement: Clearing's own checks."""
        account, place = (
            self.random.choice([1, 16, *self.owners]),
            self.random.choice([0, 1, 2, 16]),
        )
        open_places = [key for key in self.state.positions if key >> 4 in self.owners]
        if open_places and self.random.random() < 0.7:
            account, place = divmod(self.random.choice(open_places), 16)
        position = Position.of(self.state.positions.get(account << 4 | place & 15, 0))
        base = position.base_e8
        change = self.random.choice([0, 1, -base, -base // 2, -base - 1, -2 * base])
        plain = self.protocol.recovery == RECOVERY.address
        sender = RECOVERY.address if plain and self.random.random() < 0.9 else STRANGER.address
        head, openings, signatures = self.vector(self.some_time())
        worth_e6 = abs(change) * self.prices.get(position.market, 0) // 10**10
        charge = self.random.choice([0, 0, worth_e6 // 200, worth_e6 // 200, worth_e6])
        lean = self.random.choice([0, 10, 500, 50_000, 50_001])
        bounty = self.random.choice([0, 0, 0, worth_e6 // 10**5, worth_e6])
        keeper = self.random.choice([0, 0, self.someone(), self.someone(), 10**6])
        appointed = self.random.randrange(2)
        terms = (
            appointed << 255
            | lean << 160
            | min(bounty, 2**64 - 1) << 96
            | min(charge, 2**64 - 1) << 32
            | keeper
        )
        shape = (0, 1, 2, 0, 0, 0, 0)
        arguments = (head, openings, signatures, account, place, change, terms)
        data = selector(
            "apply(uint256,uint256[],(uint256,uint256)[],uint256,uint256,int256,uint256)"
        ) + encode(shape, (*arguments[:5], change % 2**256, terms))
        self.both(
            "apply",
            "clearing",
            sender,
            data,
            lambda: self.protocol.apply(*arguments, sender=sender, now_s=self.now_s),
        )
