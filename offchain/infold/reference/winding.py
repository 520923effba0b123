# SPDX-License-Identifier: Apache-2.0
"""The end of a venue that nobody runs (docs/protocol.md §7.1): debts are told, then everyone is
paid the same part of what they are owed.
"""

from __future__ import annotations

from .arithmetic import DAY_MS, QUOTE_SCALE
from .calls import door
from .deleveraging import behind
from .faults import require
from .margin import credit
from .settlement import (
    BACKSTOP_ACCOUNT,
    INSURANCE_ACCOUNT,
    MARKET_MAX,
    POOL_ACCOUNT,
    TREASURY_ACCOUNT,
    backstop_key,
)
from .shares import Shares
from .state import CLOCK, INCOMING, LEDGER, POOL
from .words import (
    NEVER_MS,
    Account,
    Claim,
    Clock,
    Head,
    Holding,
    Ledger,
    Position,
    Requests,
    Strike,
    Withdrawal,
)

SILENCE_MS = 7 * DAY_MS
REGISTRATION_MS = 7 * DAY_MS
DUE_AT_ONCE = 1


class Winding(Shares):
    """`Recovery`'s three steps. Every check stands before the first thing that is kept here, which
    no undo takes back.
    """

    wound_ms = 0
    deficit_e6 = 0
    payable_e6 = 0
    claims_e6 = 0
    unpaid_e6 = 0
    books_closed: frozenset[int] = frozenset()

    @door
    def wind_down(self, *, sender: int, now_s: int) -> None:
        """`Recovery.wind_down`: stop a venue that had no batch for a week."""
        del sender
        now_ms = now_s * 1000
        require(not self.wound_ms, "recovery: wound down")
        head = Head.of(self.state.scalar("head"))
        silent = now_ms > (head.time_ms or head.epoch_end_ms) + SILENCE_MS
        require(silent, "clearing: not silent for a week")
        self.wound_ms = now_ms
        self.state.put_scalar("head", head._replace(time_ms=NEVER_MS).word)
        self.state.log("WoundDown", now_ms + REGISTRATION_MS)

    @door
    def register(self, account: int, *, sender: int, now_s: int) -> int:
        """`Recovery.register`: tell what an account owes; returns it."""
        del sender
        require(self.wound_ms != 0, "recovery: not wound down")
        in_time = now_s * 1000 <= self.wound_ms + REGISTRATION_MS
        require(in_time, "recovery: registration is over")
        debt_e6 = -self.final_equity(account)
        require(debt_e6 > 0, "recovery: owes nothing")
        self.deficit_e6 += debt_e6
        self.state.log("DebtRegistered", account, debt_e6, self.deficit_e6)
        self._discharge(account, 0, now_s)
        return debt_e6

    @door
    def claim(self, account: int, *, sender: int, now_s: int) -> int:
        """`Recovery.claim`: pay an account's owner its part; returns it."""
        del sender
        require(self.wound_ms != 0, "recovery: not wound down")
        over = now_s * 1000 > self.wound_ms + REGISTRATION_MS
        require(over, "recovery: registration is not over")
        equity_e6 = self.final_equity(account)
        require(equity_e6 > 0, "recovery: nothing to claim")
        if not self.claims_e6:
            self._fix_ratio()
        part = min(self.payable_e6, self.claims_e6)
        paid_e6 = min(equity_e6 * part // self.claims_e6, self.unpaid_e6)
        self.unpaid_e6 -= paid_e6
        self.state.log("ClaimPaid", account, equity_e6, paid_e6)
        self._discharge(account, paid_e6, now_s)
        return paid_e6

    # -- reading -----------------------------------------------------------------

    def final_equity(self, account: int) -> int:
        """What an account is worth at the last prices."""
        own = account in (INSURANCE_ACCOUNT, TREASURY_ACCOUNT)
        require(not own, "recovery: venue's own money")
        require(account < 2**32, "recovery: unknown account")
        if account in self.books_closed:
            return 0
        state = self.state
        stored = Account.of(state.accounts.get(account, 0))
        total = stored.collateral_e6
        total += Withdrawal.of(state.withdrawals.get(account, 0)).amount_e6
        if account == POOL_ACCOUNT:
            return total + sum(self._pool_worth(it) for it in self._marked("pool_markets"))
        if account == BACKSTOP_ACCOUNT:
            keys = [backstop_key(it) for it in self._marked("backstop_markets")]
        else:
            keys = [account << 4 | place for place in range(16) if stored.mask >> place & 1]
        return total + sum(self._worth(Position.of(state.positions[key])) for key in keys)

    # -- parts -------------------------------------------------------------------

    def _marked(self, scalar: str) -> list[int]:
        mask = self.state.scalar(scalar)
        return [market for market in range(1, MARKET_MAX + 1) if mask >> market & 1]

    def _worth(self, position: Position) -> int:
        require(not behind(self.state, position), "recovery: fold first")
        clock = Clock.of(self.state.market_word(position.market, CLOCK))
        rates, _ = self.state.parameters(clock, position.market, NEVER_MS)
        step = clock.funding_index - position.funding_index
        funding = credit(position.base_e8, step, rates.shift)
        return position.base_e8 * clock.price_e8 // QUOTE_SCALE + position.quote_e6 + funding

    def _pool_worth(self, market: int) -> int:
        clock = Clock.of(self.state.market_word(market, CLOCK))
        base, quote = Holding.of(self.state.market_word(market, POOL))
        if clock.incoming:
            waiting = Holding.of(self.state.market_word(market, INCOMING))
            base, quote = base + waiting.base_e8, quote + waiting.quote_e6
        return base * clock.price_e8 // QUOTE_SCALE + quote

    def _fix_ratio(self) -> None:
        held = self.accounted_e6 - self.outflow.waiting_e6 - self._promised()
        own = sum(
            Account.of(self.state.accounts.get(account, 0)).collateral_e6
            for account in (INSURANCE_ACCOUNT, TREASURY_ACCOUNT)
        )
        own += sum(
            Ledger.of(self.state.market_word(market, LEDGER)).fees_e6
            for market in range(1, MARKET_MAX + 1)
        )
        self.payable_e6 = self.unpaid_e6 = max(held, 0)
        self.claims_e6 = max(held - own + self.deficit_e6, 1)
        self.state.log("RatioFixed", self.payable_e6, self.claims_e6)

    def _promised(self) -> int:
        """What liquidity providers' requests hold outside every account: deposits that no strike
        took and nobody took back, and what strikes paid and nobody claimed.
        """
        state = self.state
        struck = Head.of(state.scalar("head")).epoch
        total = 0
        for epoch, word in state.lp_requests.items():
            strike = Strike.of(state.strikes.get(epoch, 0))
            open_still = epoch >= struck or strike.returned
            total += Requests.of(word).deposits_e6 if open_still else strike.paid_e6
        for key, word in state.claims.items():
            claim = Claim.of(word)
            if key & 1:
                total -= claim.assets_e6
            elif claim.returned:
                holder = key >> 33 << 32 | key >> 1 & 0xFFFFFFFF
                total -= Requests.of(state.holder_requests[holder]).deposits_e6
        return total

    def _discharge(self, account: int, paid_e6: int, now_s: int) -> None:
        """Nothing is left but what is paid, which the owner gets; the pool's waits for holders."""
        if account in (POOL_ACCOUNT, BACKSTOP_ACCOUNT):
            self.books_closed |= {account}
        state = self.state
        stored = Account.of(state.accounts.get(account, 0))
        word = stored._replace(collateral_e6=0, mask=0).word
        kept = Withdrawal(paid_e6, DUE_AT_ONCE).word if paid_e6 else 0
        if account == POOL_ACCOUNT:
            kept = Withdrawal(paid_e6, NEVER_MS).word
        state.put(state.accounts, account, word)
        state.put(state.withdrawals, account, kept)
        state.log("WithdrawalSet", account, word, kept)
        if paid_e6 and account != POOL_ACCOUNT:
            state.put(state.withdrawals, account, 0)
            state.log("WithdrawalSet", account, word, 0)
            self.pay_out(stored.owner, paid_e6, now_s)
