# SPDX-License-Identifier: Apache-2.0
"""Folding what the contracts' logs say into the state.

Logs carry resulting words. Where a log also says what changed, the word is checked against it: a
difference means that a log is missing or out of order, and nothing may be built on that.
"""

from __future__ import annotations

from infold.core import events
from infold.core.events import ChainFact, from_word
from infold.core.state import Account, Market, Parameters, State
from infold.errors import InvariantBroken
from infold.units import BACKSTOP_ACCOUNT, POOL_ACCOUNT
from infold.words import (
    AccountWord,
    unpack_account,
    unpack_caps,
    unpack_clock,
    unpack_delegate,
    unpack_fill,
    unpack_head,
    unpack_incoming,
    unpack_ledger,
    unpack_listing,
    unpack_meter,
    unpack_position,
    unpack_rates,
    unpack_requests,
    unpack_withdrawal,
)


def fold(state: State, fact: ChainFact) -> None:
    """Take in one fact; `InvariantBroken` if it does not follow from the state."""
    match fact:
        case events.Deployed():
            state.accounts[POOL_ACCOUNT] = Account(unpack_account(from_word(fact.pool)))
            state.accounts[BACKSTOP_ACCOUNT] = Account(unpack_account(from_word(fact.backstop)))
            state.head = unpack_head(from_word(fact.head))
            state.epoch_ms = state.epoch_ms_before = fact.epoch_ms
        case events.AccountOpened():
            _open_account(state, fact)
        case events.Deposited():
            held = state.held(fact.account)
            _set_word(fact.account, held, fact.word, fact.amount_e6)
        case events.WithdrawalRequested():
            _request_withdrawal(state, fact)
        case events.WithdrawalClaimed():
            held = state.held(fact.account)
            back_e6 = held.withdrawal.amount_e6 - fact.paid_e6
            _set_word(fact.account, held, fact.word, back_e6)
            held.withdrawal = unpack_withdrawal(0)
        case events.Cancelled():
            state.held(fact.account).fills[fact.slot] = unpack_fill(from_word(fact.fill))
        case events.CancelledAll():
            _cancel_all(state, fact)
        case events.DelegateSet():
            delegates = state.held(fact.account).delegates
            delegates[from_word(fact.key)] = unpack_delegate(from_word(fact.delegate))
        case events.LiquidityRequested():
            state.requests[fact.epoch] = unpack_requests(from_word(fact.requests))
        case events.Applied():
            _apply(state, fact)
        case events.MarketSet():
            _set_market(state, fact)
        case events.EpochSet():
            state.epoch_ms_before = state.epoch_ms
            state.epoch_ms = fact.epoch_ms
            state.epoch_activation_ms = fact.activation
        case events.FeesCollected():
            state.fees_collected_e6 += fact.amount_e6


def _open_account(state: State, fact: events.AccountOpened) -> None:
    word = unpack_account(from_word(fact.word))
    if fact.account in state.accounts:
        raise InvariantBroken(f"account {fact.account} was opened twice; replay the chain's logs")
    if word != AccountWord(word.owner, fact.amount_e6):
        raise InvariantBroken(f"account {fact.account} opened as {word}, paid {fact.amount_e6}")
    state.accounts[fact.account] = Account(word)


def _set_word(account: int, held: Account, word: str, change_e6: int) -> None:
    after = unpack_account(from_word(word))
    expected = held.word._replace(collateral_e6=held.word.collateral_e6 + change_e6)
    if after != expected:
        raise InvariantBroken(
            f"account {account} became {after} on chain where {expected} was due; "
            "a log is missing or out of order: run `infold reconcile`"
        )
    held.word = after


def _request_withdrawal(state: State, fact: events.WithdrawalRequested) -> None:
    held = state.held(fact.account)
    withdrawal = unpack_withdrawal(from_word(fact.withdrawal))
    _set_word(fact.account, held, fact.word, -withdrawal.amount_e6)
    held.withdrawal = withdrawal


def _cancel_all(state: State, fact: events.CancelledAll) -> None:
    held = state.held(fact.account)
    after = unpack_account(from_word(fact.word))
    if after != held.word._replace(epoch=held.word.epoch + 1):
        raise InvariantBroken(f"account {fact.account} became {after} on chain from {held.word}")
    held.word = after
    held.epoch_barrier_ms = fact.barrier


def _apply(state: State, fact: events.Applied) -> None:
    """Recovery shrank a position into the market's `incoming`."""
    held = state.held(fact.account)
    before = held.positions.get(fact.index)
    if before is None:
        raise InvariantBroken(f"account {fact.account} holds nothing in place {fact.index}")
    market = state.markets[before.market]
    word = from_word(fact.position)
    base_e8 = 0
    if word:
        after = unpack_position(word)
        base_e8 = after.base_e8
        held.positions[fact.index] = after
    else:
        del held.positions[fact.index]
    incoming = unpack_incoming(from_word(fact.incoming))
    moved_e8 = before.base_e8 - base_e8
    if incoming.base_e8 - market.incoming.base_e8 != moved_e8:
        raise InvariantBroken(
            f"market {before.market}: {moved_e8} lots left account {fact.account}, "
            f"incoming went from {market.incoming.base_e8} to {incoming.base_e8} (C2)"
        )
    held.word = unpack_account(from_word(fact.word))
    market.clock = unpack_clock(from_word(fact.clock))
    market.meter = unpack_meter(from_word(fact.meter))
    market.ledger = unpack_ledger(from_word(fact.ledger))
    market.incoming = incoming


def _set_market(state: State, fact: events.MarketSet) -> None:
    market = state.markets.get(fact.market)
    if market is None:
        market = state.markets[fact.market] = Market(fact.market)
    if fact.version == market.clock.version:
        raise InvariantBroken(f"market {fact.market}: version {fact.version} was in force already")
    market.parameters[fact.version] = Parameters(
        unpack_rates(from_word(fact.rates)),
        unpack_caps(from_word(fact.caps)),
        unpack_listing(from_word(fact.listing)),
    )
    market.clock = market.clock._replace(version=fact.version, activation_s=fact.activation_s)
