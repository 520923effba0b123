# SPDX-License-Identifier: Apache-2.0
"""Folding what the contracts' logs say into the state.

Logs carry resulting words. Where a log also says what changed, the word is checked against it: a
difference means that a log is missing or out of order, and nothing may be built on that.
"""

from __future__ import annotations

from typing import Final

from infold.core import events
from infold.core.events import ChainFact, from_word
from infold.core.state import NO_POSITION, Account, Market, Parameters, State
from infold.errors import InvariantBroken
from infold.units import BACKSTOP_ACCOUNT, FIRST_TRADER, POOL_ACCOUNT
from infold.words import (
    NEVER_MS,
    AccountWord,
    LedgerWord,
    ReadingsWord,
    WithdrawalWord,
    unpack_account,
    unpack_caps,
    unpack_clock,
    unpack_delegate,
    unpack_deleveraged,
    unpack_exit,
    unpack_fill,
    unpack_head,
    unpack_incoming,
    unpack_ledger,
    unpack_limits,
    unpack_listing,
    unpack_meter,
    unpack_position,
    unpack_rates,
    unpack_readings,
    unpack_requests,
    unpack_transit,
    unpack_withdrawal,
)

NO_READINGS: Final = ReadingsWord()


def fold(state: State, fact: ChainFact) -> None:
    """Take in one fact; `InvariantBroken` if it does not follow from the state."""
    match fact:
        case events.Deployed():
            state.accounts[POOL_ACCOUNT] = Account(unpack_account(from_word(fact.pool)))
            state.accounts[BACKSTOP_ACCOUNT] = Account(unpack_account(from_word(fact.backstop)))
            state.head = unpack_head(from_word(fact.head))
            state.epoch_ms = fact.epoch_ms
        case events.AccountOpened():
            if fact.account in state.accounts:
                raise InvariantBroken(f"account {fact.account} was opened twice")
            state.accounts[fact.account] = Account(AccountWord(owner=from_word(fact.owner)))
        case events.CollateralMoved():
            _move_collateral(state, fact)
        case events.WithdrawalSet():
            _set_withdrawal(state, fact)
        case events.Cancelled():
            state.held(fact.account).fills[fact.slot] = unpack_fill(from_word(fact.fill))
        case events.CancelledAll():
            _cancel_all(state, fact)
        case events.DelegateSet():
            delegates = state.held(fact.account).delegates
            delegates[from_word(fact.key)] = unpack_delegate(from_word(fact.delegate))
        case events.ApprovalSet():
            digest = from_word(fact.digest).to_bytes(32, "big")
            state.held(fact.account).approvals[digest] = fact.approval
        case events.LiquidityRequested():
            state.requests[fact.epoch] = unpack_requests(from_word(fact.requests))
        case events.Applied():
            _apply(state, fact)
        case events.ExitSet():
            _set_exit(state, fact)
        case events.FeesCollected():
            _collect_fees(state, fact)
        case events.HaltSet():
            _set_halt(state, fact)
        case events.WoundDown():
            state.head = state.head._replace(time_ms=NEVER_MS)
            state.wound_until_ms = fact.until_ms
        case events.Covered():
            held = state.held(POOL_ACCOUNT)
            collateral_e6 = held.word.collateral_e6 - fact.pool_e6
            held.word = held.word._replace(collateral_e6=collateral_e6)
        case events.MarketSet():
            _set_market(state, fact)
        case events.SourceRead():
            _read_source(state, fact)


def _move_collateral(state: State, fact: events.CollateralMoved) -> None:
    """A deposit, or what a liquidation realised: then the mask has lost its place."""
    if POOL_ACCOUNT < fact.account < FIRST_TRADER:
        # A left-out account is nobody's, but whoever pays it is not refused.
        state.accounts.setdefault(fact.account, Account(AccountWord()))
    held = state.held(fact.account)
    after = unpack_account(from_word(fact.word))
    due = held.word._replace(
        collateral_e6=held.word.collateral_e6 + fact.amount_e6, mask=after.mask
    )
    if after != due or after.mask & ~held.word.mask:
        raise _surprise(fact.account, after, due)
    held.word = after


def _set_withdrawal(state: State, fact: events.WithdrawalSet) -> None:
    """A request took an amount out of collateral, or a claim put back what it did not pay.

    Anyone may claim for anyone, also for an account that nobody opened: that says nothing.
    """
    if fact.account not in state.accounts and not (
        from_word(fact.word) | from_word(fact.withdrawal)
    ):
        return
    held = state.held(fact.account)
    after = unpack_account(from_word(fact.word))
    withdrawal = unpack_withdrawal(from_word(fact.withdrawal))
    if state.head.time_ms == NEVER_MS:
        _discharge(held, fact.account, after, withdrawal)
        return
    moved_e6 = -withdrawal.amount_e6
    if not moved_e6:
        back_e6 = after.collateral_e6 - held.word.collateral_e6
        moved_e6 = max(0, min(back_e6, held.withdrawal.amount_e6))
    due = held.word._replace(collateral_e6=held.word.collateral_e6 + moved_e6)
    if after != due or (withdrawal.amount_e6 and held.withdrawal.amount_e6):
        raise _surprise(fact.account, after, due)
    held.word = after
    held.withdrawal = withdrawal


def _discharge(held: Account, account: int, after: AccountWord, withdrawal: WithdrawalWord) -> None:
    """A wind-down leaves an account nothing but what it pays; its positions stay where they are,
    and the mask says that it holds none.
    """
    due = held.word._replace(collateral_e6=0, mask=0)
    if after != due:
        raise _surprise(account, after, due)
    held.word = after
    held.withdrawal = withdrawal


def _surprise(account: int, after: AccountWord, due: AccountWord) -> InvariantBroken:
    return InvariantBroken(
        f"account {account} became {after} on chain where {due} was due: a log is missing or out of"
        " order; run `infold reconcile`"
    )


def _cancel_all(state: State, fact: events.CancelledAll) -> None:
    held = state.held(fact.account)
    after = unpack_account(from_word(fact.word))
    due = held.word._replace(epoch=held.word.epoch + 1)
    if after != due:
        raise _surprise(fact.account, after, due)
    held.word = after
    held.epoch_barrier_ms = fact.barrier


def _apply(state: State, fact: events.Applied) -> None:
    """Recovery shrank a position into the market's `incoming` or `transit`, or folded it."""
    word = from_word(fact.position)
    after = unpack_position(word) if word else None
    if fact.account == BACKSTOP_ACCOUNT:
        market = state.markets[fact.index]
        before = market.backstop
        market.backstop = after or NO_POSITION
    else:
        held = state.held(fact.account)
        found = held.positions.get(fact.index)
        if found is None:
            raise InvariantBroken(f"account {fact.account} holds nothing in place {fact.index}")
        before, market = found, state.markets[found.market]
        if after is not None:
            held.positions[fact.index] = after
        else:
            del held.positions[fact.index]
            held.word = held.word._replace(mask=held.word.mask & ~(1 << fact.index))
    incoming = unpack_incoming(from_word(fact.incoming))
    transit = unpack_transit(from_word(fact.transit))
    moved_e8 = before.base_e8 - (after.base_e8 if after is not None else 0)
    was_e8 = market.incoming.base_e8 + market.transit.base_e8
    if incoming.base_e8 + transit.base_e8 - was_e8 != moved_e8:
        raise InvariantBroken(
            f"market {market.market}: {moved_e8} lots left account {fact.account}, incoming and"
            f" transit went from {was_e8} to {incoming.base_e8 + transit.base_e8} (C2)"
        )
    market.clock = unpack_clock(from_word(fact.clock))
    market.meter = unpack_meter(from_word(fact.meter))
    market.ledger = unpack_ledger(from_word(fact.ledger))
    market.incoming = incoming
    market.transit = transit
    market.deleveraged = unpack_deleveraged(from_word(fact.events))


def _set_exit(state: State, fact: events.ExitSet) -> None:
    word = from_word(fact.exit)
    exits = state.held(fact.account).exits
    if word:
        exits[fact.index] = unpack_exit(word)
    else:
        exits.pop(fact.index, None)


def _collect_fees(state: State, fact: events.FeesCollected) -> None:
    """A market's fees became collateral of insurance and treasury, which its own logs say."""
    market = state.markets.get(fact.market)
    after = unpack_ledger(from_word(fact.ledger))
    before = market.ledger if market is not None else LedgerWord()
    due = before._replace(realised_e6=before.realised_e6 + before.fees_e6, fees_e6=0)
    if after != due:
        raise InvariantBroken(f"market {fact.market} was left {after} where {due} was due (C3)")
    if market is not None:
        market.ledger = after


def _set_halt(state: State, fact: events.HaltSet) -> None:
    """Another halt beside the capital that the last strike left."""
    after = unpack_limits(from_word(fact.limits))
    due = state.limits._replace(
        halted_from_ms=after.halted_from_ms, halted_until_ms=after.halted_until_ms
    )
    if after != due:
        raise InvariantBroken(
            f"a halt was set beside a pool capital of {after.capital_e6} and {after.struck_e6} that"
            f" strikes moved, here they are {due.capital_e6} and {due.struck_e6}: a strike is"
            " missing or out of order"
        )
    state.limits = after


def _set_market(state: State, fact: events.MarketSet) -> None:
    """New parameters beside the ones in force; the clock says from when they serve."""
    market = state.markets.get(fact.market)
    if market is None:
        market = state.markets[fact.market] = Market(fact.market)
    clock = unpack_clock(from_word(fact.clock))
    due = market.clock._replace(activation_s=clock.activation_s, version=1 - market.clock.version)
    if clock != due:
        raise InvariantBroken(f"market {fact.market} got clock {clock} where {due} was due")
    market.parameters[clock.version] = Parameters(
        unpack_rates(from_word(fact.rates)),
        unpack_caps(from_word(fact.caps)),
        unpack_listing(from_word(fact.listing)),
    )
    market.clock = clock


def _read_source(state: State, fact: events.SourceRead) -> None:
    """What a second source says now; the reading before is the one that was in force."""
    word = from_word(fact.readings)
    if not word:
        state.readings.pop(fact.market, None)
        return
    held = state.readings.get(fact.market, NO_READINGS)
    readings = unpack_readings(word)
    if readings[4:8] != held[:4]:
        raise InvariantBroken(
            f"market {fact.market}: the second source's earlier reading is {readings[4:8]} on chain"
            f" where {held[:4]} was due: a log is missing or out of order"
        )
    state.readings[fact.market] = readings
