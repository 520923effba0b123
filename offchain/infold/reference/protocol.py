# SPDX-License-Identifier: Apache-2.0
"""Every door that changes state, as a method with the door's name (docs/protocol.md §5 to §8):
those of `Clearing`, `Delegates` and `Vault` here, of `Recovery` in `recovering` and `winding`, of
`Pool` in `shares`, and `Oracle`'s for second sources; keys are changed at
`protocol.oracle.signers` and `protocol.seals`.

    protocol = Protocol(chain_id=1, clearing=0x..., oracle=0x..., ...)
    account = protocol.open_account(owner, 25_000_000, sender=owner, now_s=1_700_000_000)
    protocol.state.events        # what the call emitted: (name, arguments)

Arguments are those of the calldata, addresses are integers; `sender` and `now_s` are the caller and
the block's stamp. A failing call raises `Fault` with the contract's string and leaves no trace.
Tokens are not modelled: `accounted_e6` is what `Vault` should account for, and a caller who cannot
pay is the token's affair.
"""

from __future__ import annotations

from collections.abc import Sequence

from .arithmetic import GUARD_MS, WINDOW_MS
from .calls import door
from .digests import HashMany, separator
from .faults import Overflow, Reason, require
from .keccak import keccak_256_many
from .outflow import Outflow
from .recovering import Recovering
from .secp256k1 import recover as recover_in_python
from .settlement import (
    BACKSTOP_ACCOUNT,
    INSURANCE_ACCOUNT,
    MARKET_MAX,
    POOL_ACCOUNT,
    TRADERS_FROM,
    TREASURY_ACCOUNT,
    Crypto,
    Prepared,
    SettleCall,
    SignerOfRecord,
    move_collateral,
    settle,
)
from .signers import Oracle, Recover, Seals, Signature, SignerSet
from .sources import Answer, Source, refresh, set_source
from .state import CAPS, CLOCK, LEDGER, LISTING, RATES, State
from .winding import DUE_AT_ONCE
from .words import (
    NEVER_MS,
    Account,
    Clock,
    Delegate,
    Fill,
    Head,
    Ledger,
    Limits,
    Withdrawal,
)

OPENING_DEPOSIT_E6_MIN = 10_000_000
EPOCH_MAX = 65_535
FIRST_EPOCH = 1
APPROVED = 2**48 - 1


class Protocol(Recovering):
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
        self.outflow = Outflow()
        self.sequencer_up = True
        """What the uptime feed says, its grace counted: not of this world either."""
        self.crypto = Crypto(hash_many, recover, separator(chain_id, clearing))
        signers = SignerSet(recover, oracle_signers, oracle_threshold)
        self.oracle = Oracle(chain_id, oracle, signers, hash_many)
        self.seals = Seals(matcher, SignerSet(recover))
        state = self.state
        state.put(state.accounts, POOL_ACCOUNT, Account(pool, 0, 0, 0).word)
        state.put(state.accounts, BACKSTOP_ACCOUNT, Account(governance, 0, 0, 0).word)
        state.put_scalar("account_count", TRADERS_FROM)
        state.put_scalar("head", Head(0, 0, FIRST_EPOCH, deployed_s * 1000 + epoch_ms, 0).word)
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
        del sender
        require(owner != 0, "clearing: owner is zero")
        require(amount_e6 >= OPENING_DEPOSIT_E6_MIN, "clearing: deposit too small")
        self._check_running()
        account = self.state.scalar("account_count")
        self.state.put_scalar("account_count", account + 1)
        self.state.put(self.state.accounts, account, Account(owner, 0, 0, 0).word)
        self.state.log("AccountOpened", account, owner)
        self._receive(account, amount_e6, now_s)
        return account

    @door
    def deposit(self, account: int, amount_e6: int, *, sender: int, now_s: int) -> None:
        """Pay collateral into insurance, or any account with an owner but the pool's."""
        del sender
        self._check_open(account)
        self._receive(account, amount_e6, now_s)

    def _check_open(self, account: int) -> None:
        """The backstop, insurance, the treasury and whatever was opened may be paid into."""
        self._check_running()
        apart = BACKSTOP_ACCOUNT <= account <= TREASURY_ACCOUNT
        opened = TRADERS_FROM <= account < self.state.scalar("account_count")
        require(apart or opened, "clearing: unknown account")

    def _check_running(self) -> None:
        stopped = Head.of(self.state.scalar("head")).time_ms == NEVER_MS
        require(not stopped, "clearing: wound down")

    @door
    def collect_fees(self, market: int, *, sender: int, now_s: int) -> None:
        """Move a market's fees to insurance and treasury, by the listing that serves now."""
        del sender
        require(market <= MARKET_MAX, "clearing: out of range")
        state = self.state
        realised, fees, pot = Ledger.of(state.market_word(market, LEDGER))
        word = Ledger(realised + fees, 0, pot).word
        clock = Clock.of(state.market_word(market, CLOCK))
        share = state.listing(clock, market, now_s * 1000) >> 252
        insured = fees * share // 16
        state.put_market_word(market, LEDGER, word)
        state.log("FeesCollected", market, word)
        move_collateral(state, INSURANCE_ACCOUNT, insured)
        move_collateral(state, TREASURY_ACCOUNT, fees - insured)

    @door
    def spend(self, account: int, amount_e6: int, *, sender: int, now_s: int) -> None:
        """Move treasury money into another account's collateral."""
        del now_s
        require(sender == self.governance, "clearing: not governance")
        self._check_open(account)
        held_e6 = self._account(TREASURY_ACCOUNT).collateral_e6
        require(amount_e6 <= held_e6, "clearing: not enough collateral")
        move_collateral(self.state, TREASURY_ACCOUNT, -amount_e6)
        move_collateral(self.state, account, amount_e6)

    @door
    def request_withdrawal(self, account: int, amount_e6: int, *, sender: int, now_s: int) -> None:
        """Set an amount aside; it can be claimed after the barrier and the window."""
        stored = self._owned(account, sender)
        require(not self.state.withdrawals.get(account), "clearing: withdrawal pending")
        require(0 < amount_e6 <= stored.collateral_e6, "clearing: not enough collateral")
        word = stored._replace(collateral_e6=stored.collateral_e6 - amount_e6).word
        self._set_withdrawal(account, word, Withdrawal(amount_e6, now_s * 1000 + GUARD_MS).word)

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
        withdrawal = Withdrawal.of(self.state.withdrawals.get(account, 0))
        if withdrawal.barrier_ms != DUE_AT_ONCE:
            self._check_running()
        due = now_s * 1000 > withdrawal.barrier_ms + WINDOW_MS
        require(due, "clearing: withdrawal not due")
        stored = self._account(account)
        free = stored.collateral_e6 + withdrawal.amount_e6
        if withdrawal.barrier_ms != DUE_AT_ONCE and self.positions_of(account):
            vector = self._fresh_vector(head, openings, signatures, now_s)
            held = self.standing(account, vector)
            free = held.haircut_equity_e6 + withdrawal.amount_e6 - held.im_e6
        paid = min(withdrawal.amount_e6, max(0, free))
        collateral = stored.collateral_e6 + withdrawal.amount_e6 - paid
        self._set_withdrawal(account, stored._replace(collateral_e6=collateral).word, 0)
        if paid:
            self.pay_out(stored.owner, paid, now_s)
        return paid

    @door
    def pull(self, ticket: int, *, sender: int, now_s: int) -> int:
        """Pay a ticket of the vault's queue; anyone may ask. Returns its amount."""
        del sender
        amount_e6 = self.outflow.pull(ticket, self.accounted_e6, now_s)
        self.accounted_e6 -= amount_e6
        return amount_e6

    @door
    def set_outflow(
        self, share_e6: int, floor_e6: int, quota_e6: int, *, sender: int, now_s: int
    ) -> None:
        """The timelock's: how much leaves the vault at once."""
        del sender, now_s
        self.outflow.set(share_e6, floor_e6, quota_e6)

    # -- orders and keys ------------------------------------------------------

    @door
    def cancel(self, account: int, slot: int, seq: int, *, sender: int, now_s: int) -> None:
        """Kill every order of the slot up to `seq` for batches after the barrier."""
        now_ms = now_s * 1000
        self._owned(account, sender)
        require(slot < 256 and seq < 2**32, "clearing: out of range")
        key = account << 8 | slot
        fill = Fill.of(self.state.fills.get(key, 0))
        require(seq > fill.cancel_seq, "clearing: seq must rise")
        waited = now_ms > fill.cancel_time_ms + WINDOW_MS
        require(waited, "clearing: cancel too soon")
        if fill.seq <= fill.cancel_seq:  # absolute by now: the slot itself remembers it
            fill = Fill(0, 0, 0, 0, fill.cancel_seq)
        word = fill._replace(cancel_seq=seq, cancel_time_ms=now_ms + GUARD_MS).word
        self.state.put(self.state.fills, key, word)
        self.state.log("Cancelled", account, slot, word)

    @door
    def cancel_all(self, account: int, *, sender: int, now_s: int) -> None:
        """Raise the account's epoch."""
        stored = self._owned(account, sender)
        require(stored.epoch < EPOCH_MAX, "clearing: epochs used up")
        now_ms = now_s * 1000
        waited = now_ms > self.state.epoch_barriers.get(account, 0) + WINDOW_MS
        require(waited, "clearing: cancel too soon")
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
        """`Delegates.grant`: let `key` sign orders of the listed markets up to a notional each."""
        self._owned(account, sender, "delegates: not the owner")
        now_ms = now_s * 1000
        require(key != 0, "delegates: key is zero")
        fits = not markets >> 128 and not notional_e6 >> 64 and not expiry_ms >> 48
        require(fits, "delegates: out of range")
        require(expiry_ms > now_ms, "delegates: expiry has passed")
        stored = Delegate.of(self.state.delegates.get(account << 160 | key, 0))
        require(now_ms > stored.expiry_ms + WINDOW_MS, "delegates: still live")
        self._set_delegate(account, key, Delegate(markets, notional_e6, expiry_ms))

    @door
    def revoke(self, account: int, key: int, *, sender: int, now_s: int) -> None:
        """`Delegates.revoke`: end a key at the barrier."""
        self._owned(account, sender, "delegates: not the owner")
        stored = Delegate.of(self.state.delegates.get(account << 160 | key, 0))
        barrier_ms = now_s * 1000 + GUARD_MS
        require(stored.expiry_ms > barrier_ms, "delegates: not live")
        self._set_delegate(account, key, stored._replace(expiry_ms=barrier_ms))

    @door
    def approve(self, account: int, digest: int, *, sender: int, now_s: int) -> None:
        """`Delegates.approve`: let an order serve that nobody signed."""
        del now_s
        self._owned(account, sender, "delegates: not the owner")
        self._approve(account, digest)

    @door
    def prove(self, account: int, digest: int, vouched: bool, *, sender: int, now_s: int) -> None:
        """`Delegates.prove`: the same by anyone, if the owner is a contract that vouches for it;
        what it answers is `vouched`.
        """
        del sender, now_s
        require(vouched, "delegates: wallet did not vouch")
        self._approve(account, digest)

    @door
    def disapprove(self, account: int, digest: int, *, sender: int, now_s: int) -> None:
        """`Delegates.disapprove`: end an approval at the barrier, or forbid one for good."""
        self._owned(account, sender, "delegates: not the owner")
        held = self.state.approvals.get(account << 256 | digest, 0)
        require(held in (0, APPROVED), "delegates: already decided")
        self._set_approval(account, digest, now_s * 1000 + GUARD_MS if held else 1)

    # -- governance and sources ------------------------------------------------

    @door
    def set_market(
        self, market: int, rates: int, caps: int, listing: int, *, sender: int, now_s: int
    ) -> None:
        """New parameters of a market from the activation on."""
        require(sender == self.governance, "clearing: not governance")
        if market > MARKET_MAX:
            raise Overflow("clearing: no such market")
        clock = Clock.of(self.state.market_word(market, CLOCK))
        waited = now_s * 1000 > clock.activation_s * 1000 + WINDOW_MS
        require(waited, "clearing: change pending")
        version = clock.version ^ 1
        activation_s = now_s + GUARD_MS // 1000
        word = clock._replace(version=version, activation_s=activation_s).word
        self.state.put_market_word(market, CLOCK, word)
        first = market * 8 + version * 4
        for place, parameter in ((RATES, rates), (CAPS, caps), (LISTING, listing)):
            self.state.put(self.state.parameter_words, first + place, parameter)
        self.state.log("MarketSet", market, word, rates, caps, listing)

    @door
    def set_halt(self, from_ms: int, until_ms: int, *, sender: int, now_s: int) -> None:
        """Every market only shrinks in batches of from < T <= until; what was said of times up to
        the barrier, or of a batch still on its way, stays.
        """
        require(sender == self.governance, "clearing: not governance")
        require(from_ms < 2**48 and until_ms < 2**48, "clearing: out of range")
        now_ms = now_s * 1000
        barrier_ms = now_ms + GUARD_MS
        limits = Limits.of(self.state.scalar("limits"))
        begun = limits.halted_from_ms < barrier_ms
        same_end = until_ms == limits.halted_until_ms
        if begun and now_ms <= limits.halted_until_ms + WINDOW_MS:
            movable = limits.halted_until_ms >= barrier_ms
            stands = from_ms == limits.halted_from_ms and (movable or same_end)
        else:
            stands = from_ms >= barrier_ms
        ahead = until_ms >= barrier_ms or same_end
        require(stands and ahead, "clearing: change pending")
        word = limits._replace(halted_from_ms=from_ms, halted_until_ms=until_ms).word
        self.state.put_scalar("limits", word)
        self.state.log("HaltSet", word)

    @door
    def set_source(
        self,
        market: int,
        source: int,
        bound_e4: int,
        age_s: int,
        strict: bool,
        answer: Answer,
        *,
        sender: int,
        now_s: int,
    ) -> None:
        """`Oracle.set_source`: name a market's second source, which says `answer`; 0 for none."""
        require(sender == self.governance, "oracle: not governance")
        set_source(self.state, market, Source(source, age_s, bound_e4, strict), answer, now_s)

    @door
    def refresh(self, market: int, answer: Answer, *, sender: int, now_s: int) -> None:
        """`Oracle.refresh`: take in what the second source says, `answer`."""
        del sender
        refresh(self.state, market, answer, now_s)

    # -- parts ----------------------------------------------------------------

    def _owned(
        self, account: int, sender: int, otherwise: str = "clearing: not the owner"
    ) -> Account:
        stored = self._account(account)
        require(stored.owner == sender and sender != 0, otherwise)
        return stored

    def _receive(self, account: int, amount_e6: int, now_s: int) -> None:
        move_collateral(self.state, account, amount_e6)
        self.take_in(amount_e6, now_s)

    def _set_withdrawal(self, account: int, word: int, withdrawal: int) -> None:
        self.state.put(self.state.accounts, account, word)
        self.state.put(self.state.withdrawals, account, withdrawal)
        self.state.log("WithdrawalSet", account, word, withdrawal)

    def _set_delegate(self, account: int, key: int, delegate: Delegate) -> None:
        self.state.put(self.state.delegates, account << 160 | key, delegate.word)
        self.state.log("DelegateSet", account, key, delegate.word)

    def _approve(self, account: int, digest: int) -> None:
        held = self.state.approvals.get(account << 256 | digest, 0)
        require(not held, "delegates: already decided")
        self._set_approval(account, digest, APPROVED)

    def _set_approval(self, account: int, digest: int, approval: int) -> None:
        self.state.put(self.state.approvals, account << 256 | digest, approval)
        self.state.log("ApprovalSet", account, digest, approval)
