# SPDX-License-Identifier: Apache-2.0
"""The doors of `Recovery` and the one of `Clearing` they lead to (docs/protocol.md §7): whoever
anyone may shrink, whoever asked to leave, and what a side owes.
"""

from __future__ import annotations

from collections.abc import Sequence

from .arithmetic import GUARD_MS, WINDOW_MS
from .calls import door
from .deleveraging import EXIT_DELAY_MS, FOLDS_MAX, behind, events_of, last_of
from .faults import Fault, require
from .margin import Mark, Standing, standing
from .recovery import (
    DOUBTED_TIMES,
    Case,
    amend,
    case_of,
    check_spread,
    exit_spread,
    exit_terms,
    pay_out,
    room_e8,
    shrink,
    size_to_close,
    spread_terms,
    terms_of,
)
from .settlement import (
    BACKSTOP_ACCOUNT,
    EARLY_MS,
    MARKET_MAX,
    TRADERS_FROM,
    Crypto,
    MarkBook,
    backstop_key,
    virtual_mark,
)
from .signers import Oracle, Signature
from .sources import doubtful
from .state import CLOCK
from .vectors import Vector, open_vector
from .winding import Winding
from .words import (
    Account,
    Caps,
    Clock,
    Deleveraging,
    Exit,
    Head,
    Position,
    SettleHead,
    Terms,
    Withdrawal,
)


class Recovering(Winding):
    """Liquidation, deleveraging, folds and forced exits, at vectors outside batches."""

    crypto: Crypto
    oracle: Oracle
    recovery: int
    sequencer_up: bool

    # -- doors -----------------------------------------------------------------

    @door
    def apply(
        self,
        head: int,
        openings: Sequence[int],
        signatures: Sequence[Signature],
        account: int,
        place: int,
        change_e8: int,
        terms: int,
        *,
        sender: int,
        now_s: int,
    ) -> None:
        """Shrink a trader's position at the vector's price against the pool's incoming word."""
        require(sender == self.recovery, "clearing: not recovery")
        agreed = Terms.of(terms)
        keeper_known = agreed.keeper < self.state.scalar("account_count")
        holder = account == BACKSTOP_ACCOUNT or (account >= TRADERS_FROM and place < 16)
        require(holder and keeper_known, "clearing: unknown account")
        if agreed.fold:
            self._amend(account, place, change_e8 % 2**256, agreed.bounty_e6)
            return
        vector = self._fresh_vector(head, openings, signatures, now_s, appointed=agreed.appointed)
        self._apply(account, place, change_e8, vector, agreed)

    @door
    def liquidate(
        self,
        head: int,
        openings: Sequence[int],
        signatures: Sequence[Signature],
        account: int,
        place: int,
        keeper: int,
        *,
        sender: int,
        now_s: int,
    ) -> None:
        """`Recovery.liquidate`: anyone shrinks a position of an account below its maintenance
        margin, by what brings it a quarter above.
        """
        del sender
        case = self._below(head, openings, signatures, account, place, keeper)
        require(case.room_e8 > 0, "recovery: pool is full")
        size = min(size_to_close(case), case.room_e8)
        self.state.log("Liquidated", account, SettleHead.of(head).time_ms, place, size)
        self._check_keeper(keeper)
        vector = self._fresh_vector(head, openings, signatures, now_s)
        self._apply(account, place, _closing(case, size), vector, terms_of(case, size, keeper))

    @door
    def deleverage(
        self,
        head: int,
        openings: Sequence[int],
        signatures: Sequence[Signature],
        account: int,
        place: int,
        keeper: int,
        *,
        sender: int,
        now_s: int,
    ) -> None:
        """`Recovery.deleverage`: the same against all who hold the other side, where the pool has
        no room or insurance not what would be owed.
        """
        del sender
        case = self._below(head, openings, signatures, account, place, keeper)
        size = size_to_close(case)
        self.state.log("Liquidated", account, SettleHead.of(head).time_ms, place, size)
        check_spread(self.state, case)
        terms = spread_terms(self.state, case, size, keeper)
        self._check_keeper(keeper)
        vector = self._fresh_vector(head, openings, signatures, now_s)
        self._spread(account, place, _closing(case, size), vector, terms)

    @door
    def fold(self, account: int, place: int, *, sender: int, now_s: int) -> None:
        """`Recovery.fold`: a position gives up what its side owes, oldest first."""
        del sender, now_s
        state = self.state
        require(TRADERS_FROM <= account < 2**32, "recovery: not a trader")
        require(place < 16, "recovery: index out of range")
        position = Position.of(state.positions.get(account << 4 | place, 0))
        require(behind(state, position), "recovery: nothing to fold")
        last = last_of(state, position)
        first = (position.event & ~1) + 2
        side = position.base_e8 > 0
        for number in range(first, min(first + 2 * FOLDS_MAX, last + 2), 2):
            word = state.deleveragings[position.market << 24 | number]
            if bool(word >> 191 & 1) == side:
                self._amend(account, place, word, number)
                if not state.positions.get(account << 4 | place):
                    return
        if last >= first + 2 * FOLDS_MAX:
            passed = first + 2 * FOLDS_MAX - 2
            self._amend(account, place, 0, passed | position.event & 1)

    @door
    def force_reduce(
        self, account: int, place: int, size_e8: int, *, sender: int, now_s: int
    ) -> None:
        """`Recovery.force_reduce`: an owner asks to be let out at appointed times, for good."""
        require(TRADERS_FROM <= account < 2**32, "recovery: not a trader")
        require(place < 16, "recovery: index out of range")
        require(self._account(account).owner == sender, "recovery: not the owner")
        key = account << 4 | place
        position = Position.of(self.state.positions.get(key, 0))
        require(position.base_e8 != 0, "recovery: no position")
        require(0 < size_e8 <= abs(position.base_e8), "recovery: size out of range")
        require(not self.state.exits.get(key), "recovery: exit pending")
        long = int(position.base_e8 > 0)
        self._set_exit(account, place, Exit(long, position.market, 0, now_s * 1000, size_e8).word)
        self._amend(account, place, 0, position.event | 1)

    @door
    def execute_exit(
        self,
        head: int,
        openings: Sequence[int],
        signatures: Sequence[Signature],
        account: int,
        place: int,
        *,
        sender: int,
        now_s: int,
    ) -> None:
        """`Recovery.execute_exit`: anyone carries an exit out at an appointed time's vector."""
        del sender
        require(not self.wound_ms, "recovery: wound down")
        require(place < 16, "recovery: index out of range")
        key = account << 4 | place
        word = self.state.exits.get(key, 0)
        require(word != 0, "recovery: no exit pending")
        asked = Exit.of(word)
        time_ms = SettleHead.of(head).time_ms
        since_ms = time_ms - asked.asked_ms
        due = time_ms > max(asked.asked_ms, asked.done_ms) and not since_ms % EXIT_DELAY_MS
        require(due, "recovery: not the time of the exit")
        position = Position.of(self.state.positions.get(key, 0))
        same = (position.market, int(position.base_e8 > 0)) == (asked.market, asked.long)
        if not same or not position.event & 1:
            self._set_exit(account, place, 0)
            if position.event & 1:
                self._amend(account, place, 0, position.event & ~1)
            return
        require(not behind(self.state, position), "recovery: fold first")
        vector = self._signed_vector(head, openings, signatures)
        doubted = doubtful(self.state, vector.prices_e8, vector.time_ms)
        waited = since_ms >= DOUBTED_TIMES * EXIT_DELAY_MS
        require(waited or position.market not in doubted, "recovery: price is doubtful")
        clock = Clock.of(self.state.market_word(position.market, CLOCK))
        rates, caps = self.state.parameters(clock, position.market, time_ms)
        size = min(asked.size_e8, abs(position.base_e8))
        pooled = min(size, max(0, room_e8(self.state, position, caps)))
        self._set_exit(account, place, 0)
        self._amend(account, place, 0, position.event & ~1)
        spreads = pooled < size and 2 * size >= abs(position.base_e8)
        if pooled or spreads:
            self._check_fresh(time_ms, now_s, appointed=True)
        else:
            fresh = now_s * 1000 - WINDOW_MS <= time_ms <= now_s * 1000 + EARLY_MS
            require(fresh, "recovery: not the time of the exit")
        side = -1 if position.base_e8 > 0 else 1
        if pooled:
            self._apply(account, place, side * pooled, vector, exit_terms(rates))
        if spreads:
            oracle_e8 = vector.prices_e8.get(position.market, 0)
            terms = exit_spread(rates, oracle_e8, position)
            self._spread(account, place, side * (size - pooled), vector, terms)

    # -- reading ---------------------------------------------------------------

    def standing(
        self,
        account: int,
        vector: Vector,
        unpriced: str = "clearing: no price",
        unfolded: str = "clearing: fold first",
    ) -> Standing:
        """An account's standing at a vector, its pending withdrawal left out.

        Raises Fault(unpriced) if a held market has no price, Fault(unfolded) if a position has not
        given up what its side owes.
        """
        marks = MarkBook(self.state, vector, {})
        marked: list[tuple[Position, Mark]] = []
        for position in self.positions_of(account):
            mark = marks(position.market)
            if mark is None:
                raise Fault(unpriced)
            require(not behind(self.state, position), unfolded)
            marked.append((position, mark.mark))
        return standing(self._account(account).collateral_e6, marked)

    def positions_of(self, account: int) -> list[Position]:
        """The open positions of a trader, or of the backstop."""
        if account == BACKSTOP_ACCOUNT:
            mask = self.state.scalar("backstop_markets")
            return [
                Position.of(self.state.positions.get(backstop_key(market), 0))
                for market in range(MARKET_MAX + 1)
                if mask >> market & 1
            ]
        mask = self._account(account).mask
        return [
            Position.of(self.state.positions.get(account << 4 | index, 0))
            for index in range(16)
            if mask >> index & 1
        ]

    # -- parts -----------------------------------------------------------------

    def _below(
        self,
        head: int,
        openings: Sequence[int],
        signatures: Sequence[Signature],
        account: int,
        place: int,
        keeper: int,
    ) -> Case:
        """The case of an account that anybody may shrink now."""
        state = self.state
        backstop = account == BACKSTOP_ACCOUNT
        require(backstop or TRADERS_FROM <= account < 2**32, "recovery: not a trader")
        trader = not keeper or TRADERS_FROM <= keeper < 2**32
        require(trader, "recovery: keeper is no trader")
        require(place < (256 if backstop else 16), "recovery: index out of range")
        position = Position.of(state.positions.get((account << 4) + place, 0))
        require(position.base_e8 != 0, "recovery: no position")
        later = SettleHead.of(head).time_ms >= state.liquidated_ms.get(account, 0)
        require(later, "recovery: vector before the last liquidation")
        require(self.sequencer_up, "recovery: sequencer is down")
        vector = self._signed_vector(head, openings, signatures)
        withdrawal = Withdrawal.of(state.withdrawals.get(account, 0))
        held = self.standing(account, vector, "recovery: no price", "recovery: fold first")
        doubted = doubtful(self.state, vector.prices_e8, vector.time_ms)
        sure = not any(it.market in doubted for it in self.positions_of(account))
        require(sure, "recovery: price is doubtful")
        held = held._replace(equity_e6=held.equity_e6 + withdrawal.amount_e6)
        require(held.equity_e6 < held.mm_e6, "recovery: account is healthy")
        state.put(state.liquidated_ms, account, vector.time_ms)
        batch_mark = virtual_mark(state, vector, position.market)
        assert batch_mark is not None
        caps = self._caps(position.market, vector.time_ms)
        return case_of(state, held, position, batch_mark.mark, caps)

    def _check_keeper(self, keeper: int) -> None:
        require(keeper < self.state.scalar("account_count"), "clearing: unknown account")

    def _spread(
        self, account: int, place: int, change_e8: int, vector: Vector, terms: Terms
    ) -> None:
        """Hand a change to the other side and keep what it owes; the backstop folds at once."""
        state = self.state
        market = Position.of(state.positions[(account << 4) + place]).market
        owed = self._apply(account, place, change_e8, vector, terms)
        number, word = 0, 0
        if owed is not None:
            number, word = events_of(state, market).last, owed.word
            state.put(state.deleveragings, market << 24 | number, word)
        state.log("Deleveraged", account, place, market, number, word)
        backstop = Position.of(state.positions.get(backstop_key(market), 0))
        if owed is not None and backstop.base_e8 and (backstop.base_e8 > 0) == bool(owed.long):
            self._amend(BACKSTOP_ACCOUNT, market, word, number)

    def _amend(self, account: int, place: int, owed_word: int, event: int) -> None:
        amend(self.state, account, place, owed_word, event)
        pay_out(self.state, account, Terms(0, event, 0, 0))

    def _set_exit(self, account: int, place: int, word: int) -> None:
        self.state.put(self.state.exits, account << 4 | place, word)
        self.state.log("ExitSet", account, place, word)

    def _apply(
        self, account: int, place: int, change_e8: int, vector: Vector, terms: Terms
    ) -> Deleveraging | None:
        """`Clearing.apply` once the vector is good (§7)."""
        state = self.state
        market = Position.of(state.positions.get((account << 4) + place, 0)).market
        mark = virtual_mark(state, vector, market)
        caps = self._caps(market, vector.time_ms)
        known = mark.mark if mark else None
        owed = shrink(state, account, place, change_e8, known, caps, terms)
        pay_out(state, account, terms)
        return owed

    def _caps(self, market: int, time_ms: int) -> Caps:
        clock = Clock.of(self.state.market_word(market, CLOCK))
        return self.state.parameters(clock, market, time_ms)[1]

    def _check_fresh(self, time_ms: int, now_s: int, *, appointed: bool = False) -> None:
        """The age of a vector used outside batches (§7); no batch passes an appointed one by."""
        now_ms = now_s * 1000
        last_ms = Head.of(self.state.scalar("head")).time_ms
        require(time_ms <= now_ms + EARLY_MS, "clearing: vector from the future")
        fresh = time_ms >= now_ms - WINDOW_MS and (appointed or time_ms >= last_ms - GUARD_MS)
        require(fresh, "clearing: vector too old")

    def _fresh_vector(
        self,
        head: int,
        openings: Sequence[int],
        signatures: Sequence[Signature],
        now_s: int,
        *,
        appointed: bool = False,
    ) -> Vector:
        self._check_fresh(SettleHead.of(head).time_ms, now_s, appointed=appointed)
        return self._signed_vector(head, openings, signatures)

    def _signed_vector(
        self, head: int, openings: Sequence[int], signatures: Sequence[Signature]
    ) -> Vector:
        _, time_ms, chunks, opened, _ = SettleHead.of(head)
        vector = open_vector(time_ms, chunks, opened, openings, self.crypto.hash_many)
        self.oracle.check(time_ms, chunks, vector.root, signatures)
        return vector

    def _account(self, account: int) -> Account:
        return Account.of(self.state.accounts.get(account, 0))


def _closing(case: Case, size_e8: int) -> int:
    """What closing so much changes a position's base by."""
    return -size_e8 if case.position.base_e8 > 0 else size_e8
