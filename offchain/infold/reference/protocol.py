# SPDX-License-Identifier: Apache-2.0
"""Every door of `Clearing` that changes state, as a method with the door's name (docs/protocol.md
§5 to §7).

    protocol = Protocol(chain_id=1, clearing=0x..., oracle=0x..., ...)
    account = protocol.open_account(owner, 25_000_000, sender=owner, now_s=1_700_000_000)
    protocol.state.events        # what the call emitted: (name, arguments)

Arguments are those of the calldata, addresses are integers; `sender` and `now_s` are the caller and
the block's stamp. A failing call raises `Fault` with the contract's string and leaves no trace.
Tokens are not modelled: `accounted_e6` is what `Vault` should account for, and a caller who cannot
pay is the token's affair.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from .arithmetic import GUARD_MS, WINDOW_MS
from .digests import HashMany, separator
from .faults import Fault, Reason, require
from .keccak import keccak_256_many
from .margin import Mark, Standing, credit, quote_of_buy, quote_of_sale, standing
from .secp256k1 import recover as recover_in_python
from .settlement import (
    BACKSTOP_ACCOUNT,
    EARLY_MS,
    POOL_ACCOUNT,
    TRADERS_FROM,
    Crypto,
    MarkBook,
    Prepared,
    SettleCall,
    SignerOfRecord,
    settle,
    virtual_mark,
)
from .signers import Oracle, Recover, Seals, Signature, SignerSet
from .state import CAPS, CLOCK, INCOMING, LEDGER, LISTING, METER, RATES, State
from .vectors import Vector, open_vector
from .words import (
    Account,
    Clock,
    Delegate,
    Delta,
    Fill,
    Head,
    Holding,
    Ledger,
    Meter,
    Position,
    Requests,
    SettleHead,
    Withdrawal,
)

OPENING_DEPOSIT_E6_MIN = 10_000_000
COLLATERAL_LIMIT_E6 = 2**62
EPOCH_MAX = 65_535
DELTAS_MAX = 32

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def door(
    method: Callable[Concatenate[Protocol, _Arguments], _Result],
) -> Callable[Concatenate[Protocol, _Arguments], _Result]:
    """Make a method a call: all of it happens, or a Fault and nothing."""

    @wraps(method)
    def call(self: Protocol, /, *args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        self.state.begin()
        accounted_e6 = self.accounted_e6
        try:
            return method(self, *args, **kwargs)
        except Fault:
            self.state.undo()
            self.accounted_e6 = accounted_e6
            raise

    return call


class Protocol:
    """`Clearing` and its `Oracle`, from construction on."""

    def __init__(
        self,
        *,
        chain_id: int,
        clearing: int,
        oracle: int,
        recovery: int,
        pool: int,
        governance: int,
        oracle_signers: Sequence[int],
        oracle_threshold: int,
        matcher: int,
        epoch_ms: int,
        deployed_s: int,
        recover: Recover = recover_in_python,
        hash_many: HashMany = keccak_256_many,
    ) -> None:
        self.state = State()
        self.recovery = recovery
        self.pool = pool
        self.governance = governance
        self.accounted_e6 = 0
        self.crypto = Crypto(hash_many, recover, separator(chain_id, clearing))
        signers = SignerSet(recover, oracle_signers, oracle_threshold)
        self.oracle = Oracle(chain_id, oracle, signers)
        self.seals = Seals(matcher, SignerSet(recover))
        state = self.state
        state.put(state.accounts, POOL_ACCOUNT, Account(pool, 0, 0, 0).word)
        state.put(state.accounts, BACKSTOP_ACCOUNT, Account(governance, 0, 0, 0).word)
        state.put_scalar("account_count", TRADERS_FROM)
        state.put_scalar("head", Head(0, 0, 0, deployed_s * 1000 + epoch_ms, 0).word)
        state.epoch_ms = epoch_ms

    # -- batches ------------------------------------------------------------

    @door
    def settle(
        self,
        call: SettleCall,
        *,
        sender: int,
        now_s: int,
        prepared: Prepared | None = None,
        signer_of: SignerOfRecord | None = None,
    ) -> list[Reason]:
        """§5: settle a batch; anyone may carry it. Returns the reason code of each record, 0 where
        it filled.
        """
        del sender
        return settle(
            self.state,
            self.oracle,
            self.seals,
            self.crypto,
            call,
            now_s * 1000,
            prepared,
            signer_of,
        )

    # -- collateral -----------------------------------------------------------

    @door
    def open_account(self, owner: int, amount_e6: int, *, sender: int, now_s: int) -> int:
        """Open the next account for `owner`; the sender pays the first deposit."""
        del sender, now_s
        require(owner != 0, "clearing: owner is zero")
        require(amount_e6 >= OPENING_DEPOSIT_E6_MIN, "clearing: deposit too small")
        require(amount_e6 < COLLATERAL_LIMIT_E6, "clearing: amount too large")
        account = self.state.scalar("account_count")
        word = Account(owner, amount_e6, 0, 0).word
        self.state.put(self.state.accounts, account, word)
        self.state.put_scalar("account_count", account + 1)
        self.state.log("AccountOpened", account, owner, amount_e6, word)
        self.accounted_e6 += amount_e6
        return account

    @door
    def deposit(self, account: int, amount_e6: int, *, sender: int, now_s: int) -> None:
        """Pay collateral into any account but the pool's."""
        del sender, now_s
        known = POOL_ACCOUNT < account < self.state.scalar("account_count")
        require(known, "clearing: unknown account")
        require(amount_e6 > 0, "clearing: deposit too small")
        stored = self._account(account)
        collateral = stored.collateral_e6 + amount_e6
        require(abs(collateral) < COLLATERAL_LIMIT_E6, "clearing: amount too large")
        word = stored._replace(collateral_e6=collateral).word
        self.state.put(self.state.accounts, account, word)
        self.state.log("Deposited", account, amount_e6, word)
        self.accounted_e6 += amount_e6

    @door
    def request_withdrawal(self, account: int, amount_e6: int, *, sender: int, now_s: int) -> None:
        """Set an amount aside; it can be claimed after the barrier and the window."""
        stored = self._owned(account, sender)
        require(not self.state.withdrawals.get(account), "clearing: withdrawal pending")
        require(0 < amount_e6 <= stored.collateral_e6, "clearing: not enough collateral")
        word = stored._replace(collateral_e6=stored.collateral_e6 - amount_e6).word
        withdrawal = Withdrawal(amount_e6, now_s * 1000 + GUARD_MS).word
        self.state.put(self.state.accounts, account, word)
        self.state.put(self.state.withdrawals, account, withdrawal)
        self.state.log("WithdrawalRequested", account, word, withdrawal)

    @door
    def claim_withdrawal(
        self,
        account: int,
        head: int,
        openings: Sequence[int],
        signatures: Sequence[Signature],
        *,
        sender: int,
        now_s: int,
    ) -> int:
        """Pay the owner what is free of the pending amount; the rest is collateral again."""
        del sender
        pending = self.state.withdrawals.get(account, 0)
        withdrawal = Withdrawal.of(pending)
        require(pending != 0, "clearing: no withdrawal pending")
        due = now_s * 1000 > withdrawal.barrier_ms + WINDOW_MS
        require(due, "clearing: withdrawal not due")
        stored = self._account(account)
        free = stored.collateral_e6 + withdrawal.amount_e6
        if stored.mask:
            vector = self._fresh_vector(head, openings, signatures, now_s)
            held = self.standing(account, vector)
            free = held.haircut_equity_e6 + withdrawal.amount_e6 - held.im_e6
        paid = min(withdrawal.amount_e6, max(0, free))
        collateral = stored.collateral_e6 + withdrawal.amount_e6 - paid
        word = stored._replace(collateral_e6=collateral).word
        self.state.put(self.state.accounts, account, word)
        self.state.put(self.state.withdrawals, account, 0)
        self.state.log("WithdrawalClaimed", account, paid, word)
        self.accounted_e6 -= paid
        return paid

    # -- orders and keys ------------------------------------------------------

    @door
    def cancel(self, account: int, slot: int, seq: int, *, sender: int, now_s: int) -> None:
        """Kill every order of the slot up to `seq` for batches after the barrier."""
        now_ms = now_s * 1000
        stored = self._account(account)
        delegate = self.state.delegates.get(account << 160 | sender, 0)
        delegated = delegate != 0 and now_ms <= Delegate.of(delegate).expiry_ms
        owned = account >= TRADERS_FROM and stored.owner == sender
        require(owned or delegated, "clearing: not the owner")
        require(slot < 256 and seq < 2**32, "clearing: out of range")
        key = account << 8 | slot
        fill = Fill.of(self.state.fills.get(key, 0))
        require(seq > fill.cancel_seq, "clearing: seq must rise")
        self._waited(fill.cancel_time_ms, now_ms, "clearing: cancel too soon")
        word = fill._replace(cancel_seq=seq, cancel_time_ms=now_ms + GUARD_MS).word
        self.state.put(self.state.fills, key, word)
        self.state.log("Cancelled", account, slot, word)

    @door
    def cancel_all(self, account: int, *, sender: int, now_s: int) -> None:
        """Raise the account's epoch."""
        stored = self._owned(account, sender)
        require(stored.epoch < EPOCH_MAX, "clearing: epochs used up")
        now_ms = now_s * 1000
        earlier = self.state.epoch_barriers.get(account, 0)
        self._waited(earlier, now_ms, "clearing: cancel too soon")
        word = stored._replace(epoch=stored.epoch + 1).word
        self.state.put(self.state.accounts, account, word)
        self.state.put(self.state.epoch_barriers, account, now_ms + GUARD_MS)
        self.state.log("CancelledAll", account, word, now_ms + GUARD_MS)

    @door
    def grant(
        self,
        account: int,
        key: int,
        markets: int,
        notional_e6: int,
        expiry_ms: int,
        *,
        sender: int,
        now_s: int,
    ) -> None:
        """Let `key` sign orders of the listed markets up to a notional each."""
        self._owned(account, sender)
        now_ms = now_s * 1000
        require(key != 0, "clearing: key is zero")
        fits = not markets >> 128 and not notional_e6 >> 64 and not expiry_ms >> 48
        require(fits, "clearing: out of range")
        require(expiry_ms > now_ms, "clearing: expiry has passed")
        place = account << 160 | key
        stored = self.state.delegates.get(place, 0)
        require(
            not stored or now_ms > Delegate.of(stored).expiry_ms + WINDOW_MS,
            "clearing: delegate still live",
        )
        word = Delegate(markets, notional_e6, expiry_ms).word
        self.state.put(self.state.delegates, place, word)
        self.state.log("DelegateSet", account, key, word)

    @door
    def revoke(self, account: int, key: int, *, sender: int, now_s: int) -> None:
        """End a key at the barrier."""
        self._owned(account, sender)
        place = account << 160 | key
        stored = Delegate.of(self.state.delegates.get(place, 0))
        barrier_ms = now_s * 1000 + GUARD_MS
        require(stored.expiry_ms > barrier_ms, "clearing: not a delegate")
        word = stored._replace(expiry_ms=barrier_ms).word
        self.state.put(self.state.delegates, place, word)
        self.state.log("DelegateSet", account, key, word)

    # -- the narrow doors -----------------------------------------------------

    @door
    def apply(
        self,
        head: int,
        openings: Sequence[int],
        signatures: Sequence[Signature],
        deltas: Sequence[int],
        *,
        sender: int,
        now_s: int,
    ) -> None:
        """Shrink traders' positions at the vector's prices against the pool's incoming words."""
        require(sender == self.recovery, "clearing: not recovery")
        vector = self._fresh_vector(head, openings, signatures, now_s)
        require(len(deltas) <= DELTAS_MAX, "clearing: too many deltas")
        for word in deltas:
            self._apply(Delta.of(word), vector)

    @door
    def liquidate(
        self,
        head: int,
        openings: Sequence[int],
        signatures: Sequence[Signature],
        account: int,
        place: int,
        size_e8: int,
        *,
        sender: int,
        now_s: int,
    ) -> None:
        """`Recovery.liquidate`: anyone shrinks a position of an account below its maintenance
        margin.
        """
        del sender
        vector = self._fresh_vector(head, openings, signatures, now_s)
        withdrawal = Withdrawal.of(self.state.withdrawals.get(account, 0))
        held = self.standing(account, vector)
        unhealthy = held.equity_e6 + withdrawal.amount_e6 < held.mm_e6
        require(unhealthy, "recovery: account is healthy")
        base = Position.of(self.state.positions.get(account << 4 | place, 0)).base_e8
        require(0 < size_e8 <= abs(base), "recovery: more than the position")
        change = -size_e8 if base > 0 else size_e8
        self._apply(Delta(account, place, change), vector)

    @door
    def lp_request(self, deposits_e6: int, redeems: int, *, sender: int, now_s: int) -> int:
        """Add to the requests of the running pool epoch, or of the next one if it is over; returns
        which.
        """
        require(sender == self.pool, "clearing: not the pool")
        head = Head.of(self.state.scalar("head"))
        epoch = head.epoch if now_s * 1000 < head.epoch_end_ms else head.epoch + 1
        stored = Requests.of(self.state.lp_requests.get(epoch, 0))
        word = Requests(stored.deposits_e6 + deposits_e6, stored.redeems + redeems).word
        self.state.put(self.state.lp_requests, epoch, word)
        self.state.log("LiquidityRequested", epoch, word)
        return epoch

    @door
    def set_market(
        self, market: int, rates: int, caps: int, listing: int, *, sender: int, now_s: int
    ) -> None:
        """New parameters of a market from the activation on."""
        self._governed(sender)
        require(0 < market < 256, "clearing: out of range")
        clock = Clock.of(self.state.market_word(market, CLOCK))
        now_ms = now_s * 1000
        if clock.activation_s:
            self._waited(clock.activation_s * 1000, now_ms, "clearing: change pending")
        version = clock.version ^ 1
        activation_s = now_s + GUARD_MS // 1000
        word = clock._replace(version=version, activation_s=activation_s).word
        self.state.put_market_word(market, CLOCK, word)
        first = market * 8 + version * 4
        for place, parameter in ((RATES, rates), (CAPS, caps), (LISTING, listing)):
            self.state.put(self.state.parameter_words, first + place, parameter)
        self.state.log("MarketSet", market, version, activation_s, rates, caps, listing)

    @door
    def collect_fees(self, to: int, amount_e6: int, *, sender: int, now_s: int) -> None:
        """Pay collected fees out."""
        del now_s
        self._governed(sender)
        collected = self.state.scalar("fees_collected") + amount_e6
        require(collected <= self.fees_e6(), "clearing: not enough fees")
        self.state.put_scalar("fees_collected", collected)
        self.state.log("FeesCollected", to, amount_e6)
        self.accounted_e6 -= amount_e6

    # -- reading ------------------------------------------------------------

    def fees_e6(self) -> int:
        """All fees that ever entered a market's ledger."""
        return sum(
            Ledger.of(word).fees_e6
            for key, word in self.state.market_words.items()
            if key & 7 == LEDGER
        )

    def standing(self, account: int, vector: Vector) -> Standing:
        """An account's standing at a vector, its pending withdrawal left out.

        Raises Fault("clearing: no price") if a held market has no price.
        """
        marks = MarkBook(self.state, vector, {})
        marked: list[tuple[Position, Mark]] = []
        for position in self.positions_of(account):
            mark = marks(position.market)
            if mark is None:
                raise Fault("clearing: no price")
            marked.append((position, mark.mark))
        return standing(self._account(account).collateral_e6, marked)

    def positions_of(self, account: int) -> list[Position]:
        """The open positions of a trader."""
        mask = self._account(account).mask
        return [
            Position.of(self.state.positions.get(account << 4 | index, 0))
            for index in range(16)
            if mask >> index & 1
        ]

    # -- parts ----------------------------------------------------------------

    def _account(self, account: int) -> Account:
        return Account.of(self.state.accounts.get(account, 0))

    def _owned(self, account: int, sender: int) -> Account:
        stored = self._account(account)
        owned = account >= TRADERS_FROM and stored.owner == sender
        require(owned, "clearing: not the owner")
        return stored

    def _governed(self, sender: int) -> None:
        require(sender == self.governance, "clearing: not governance")

    @staticmethod
    def _waited(earlier_ms: int, now_ms: int, reason: str) -> None:
        """A barrier may be set again strictly after the window that follows the earlier one."""
        require(not earlier_ms or now_ms > earlier_ms + WINDOW_MS, reason)

    def _fresh_vector(
        self, head: int, openings: Sequence[int], signatures: Sequence[Signature], now_s: int
    ) -> Vector:
        """A vector used outside batches (§7)."""
        _, time_ms, chunks, opened, _ = SettleHead.of(head)
        now_ms = now_s * 1000
        last_ms = Head.of(self.state.scalar("head")).time_ms
        require(time_ms <= now_ms + EARLY_MS, "clearing: vector from the future")
        require(time_ms >= max(now_ms - WINDOW_MS, last_ms - GUARD_MS), "clearing: vector too old")
        vector = open_vector(time_ms, chunks, opened, openings, self.crypto.hash_many)
        self.oracle.check(time_ms, chunks, vector.root, signatures)
        return vector

    def _apply(self, delta: Delta, vector: Vector) -> None:
        state = self.state
        account, index, change = delta
        stored = self._account(account)
        require(
            account >= TRADERS_FROM and bool(stored.mask >> index & 1),
            "clearing: apply must shrink",
        )
        key = account << 4 | index
        position = Position.of(state.positions[key])
        base = position.base_e8 + change
        require(
            change != 0 and abs(base) < abs(position.base_e8) and base * position.base_e8 >= 0,
            "clearing: apply must shrink",
        )
        market = position.market
        mark = virtual_mark(state, vector, market)
        if mark is None:
            raise Fault("clearing: no price")
        oracle, rates = mark.mark.oracle_price_e8, mark.mark.rates
        clock = Clock.of(state.market_word(market, CLOCK))
        funding = credit(
            position.base_e8, clock.funding_index - position.funding_index, rates.shift
        )
        moved = quote_of_buy(oracle, change) if change > 0 else quote_of_sale(oracle, -change)
        quote = position.quote_e6 + funding + moved
        realised = 0 if base else quote
        incoming = Holding.of(state.market_word(market, INCOMING))
        words = {
            CLOCK: clock._replace(incoming=True).word,
            METER: self._interest_moved(market, max(base, 0) - max(position.base_e8, 0)),
            LEDGER: self._ledger_moved(market, realised, funding),
            INCOMING: Holding(incoming.base_e8 - change, incoming.quote_e6 - moved).word,
        }
        for place, word in words.items():
            state.put_market_word(market, place, word)
        state.put_scalar("pool_markets", state.scalar("pool_markets") | 1 << market)
        left = Position(market, base, quote, clock.funding_index).word if base else 0
        if not base:
            stored = stored._replace(
                collateral_e6=stored.collateral_e6 + quote, mask=stored.mask & ~(1 << index)
            )
        state.put(state.positions, key, left)
        state.put(state.accounts, account, stored.word)
        state.log("Applied", account, index, stored.word, left, *words.values())

    def _interest_moved(self, market: int, change_e8: int) -> int:
        bucket, recent, interest = Meter.of(self.state.market_word(market, METER))
        return Meter(bucket, recent, interest + change_e8).word

    def _ledger_moved(self, market: int, realised_e6: int, credit_e6: int) -> int:
        realised, fees, pot = Ledger.of(self.state.market_word(market, LEDGER))
        return Ledger(realised + realised_e6, fees, pot - credit_e6).word
