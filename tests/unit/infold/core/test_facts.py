# SPDX-License-Identifier: Apache-2.0
"""What the chain's logs say; a log that does not follow from the state stops the engine."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.paper_venue import BTC, E8, Venue, an_order, owner_of

from infold.core import events
from infold.core.closing import close
from infold.core.events import CloseBatch, fact_from_log, from_word, to_word
from infold.core.facts import fold
from infold.core.state import State
from infold.errors import InvariantBroken, Unavailable
from infold.units import BACKSTOP_ACCOUNT, POOL_ACCOUNT
from infold.words import (
    NEVER_MS,
    AccountWord,
    ClockWord,
    PoolWord,
    PositionWord,
    WithdrawalWord,
    pack_account,
    pack_clock,
    pack_incoming,
    pack_position,
    pack_withdrawal,
)

TRADER, OTHER = 17, 18


def a_state() -> State:
    venue = Venue()
    venue.list_market(BTC)
    venue.open_account(10**9)
    venue.open_account(10**9)
    return venue.chain


def account_word(state: State, account: int, **changes: Any) -> str:
    return to_word(pack_account(state.accounts[account].word._replace(**changes)))


def test_a_log_becomes_its_fact_and_other_logs_none() -> None:
    fact = fact_from_log(
        "AccountOpened", {"account": 17, "owner": "0x" + f"{owner_of(17):040x}", "more": 1}
    )
    assert fact == events.AccountOpened(account=17, owner=to_word(owner_of(17)))
    for name in ("AccountSettled", "Filled", "MarketSettled", "Skipped", "Transfer"):
        assert fact_from_log(name, {}) is None


def test_a_batchs_own_collateral_moves_are_no_news() -> None:
    def moved(account: int, following: str | None) -> object:
        arguments = {"account": account, "amount_e6": -5, "word": 7}
        return fact_from_log("CollateralMoved", arguments, following)

    assert moved(POOL_ACCOUNT, None) is None
    assert moved(BACKSTOP_ACCOUNT, "BackstopSettled") is None
    assert moved(BACKSTOP_ACCOUNT, "AccountSettled") is not None
    assert moved(TRADER, "BackstopSettled") is not None


def test_words_travel_whole() -> None:
    for value in (0, 1, 2**256 - 1):
        assert from_word(to_word(value)) == value and len(to_word(value)) == 66
    broken = b'[{"type":"OrderExpired","order_hash":"AA=="},{"type":"Nothing"}]'
    with pytest.raises(InvariantBroken, match="does not decode"):
        events.decode_events(broken)
    with pytest.raises(InvariantBroken, match="does not decode"):
        events.decode_entry(
            b'{"command":{"type":"LapseBatch","number":"1","reason":""},"events":[]}'
        )


def test_a_deposit_must_add_up() -> None:
    state = a_state()
    good = account_word(state, TRADER, collateral_e6=10**9 + 5)
    fold(state, events.CollateralMoved(account=TRADER, amount_e6=5, word=good))
    assert state.accounts[TRADER].word.collateral_e6 == 10**9 + 5
    with pytest.raises(InvariantBroken, match="a log is missing"):
        fold(state, events.CollateralMoved(account=TRADER, amount_e6=5, word=good))
    with pytest.raises(InvariantBroken, match="never opened"):
        fold(state, events.CollateralMoved(account=99, amount_e6=5, word=good))
    opened = events.AccountOpened(account=TRADER, owner=to_word(1))
    with pytest.raises(InvariantBroken, match="opened twice"):
        fold(state, opened)


def test_a_withdrawal_is_set_once_and_paid_at_most_once() -> None:
    state = a_state()

    def change(collateral_e6: int, amount_e6: int) -> events.WithdrawalSet:
        return events.WithdrawalSet(
            account=TRADER,
            word=account_word(state, TRADER, collateral_e6=collateral_e6),
            withdrawal=to_word(pack_withdrawal(WithdrawalWord(amount_e6, 9 if amount_e6 else 0))),
        )

    with pytest.raises(InvariantBroken):
        fold(state, change(10**9 - 99, 100))
    fold(state, change(10**9 - 100, 100))
    with pytest.raises(InvariantBroken):
        fold(state, change(10**9 - 200, 100))
    for beyond in (10**9 + 1, 10**9 - 101):
        with pytest.raises(InvariantBroken):
            fold(state, change(beyond, 0))
    fold(state, change(10**9 - 60, 0))  # 60 were paid, 40 came back
    assert state.accounts[TRADER].withdrawal == WithdrawalWord()


def test_cancel_all_raises_the_epoch_by_one() -> None:
    state = a_state()
    word = account_word(state, TRADER, epoch=1)
    fold(state, events.CancelledAll(account=TRADER, word=word, barrier=77))
    assert state.accounts[TRADER].epoch_barrier_ms == 77
    with pytest.raises(InvariantBroken):
        fold(state, events.CancelledAll(account=TRADER, word=word, barrier=78))


def test_parameters_take_the_other_place_and_the_old_serve_on() -> None:
    state = a_state()
    market = state.markets[BTC]
    before = market.at(2_000_000)
    clock = market.clock._replace(version=1 - market.clock.version, activation_s=1_000)

    def listed(word: ClockWord) -> events.MarketSet:
        zero = to_word(0)
        return events.MarketSet(
            market=BTC, clock=to_word(pack_clock(word)), rates=zero, caps=zero, listing=zero
        )

    with pytest.raises(InvariantBroken):
        fold(state, listed(clock._replace(rate_e9=1)))
    fold(state, listed(clock))
    assert market.at(1_000_000) == before
    assert market.at(1_000_001).rates.status == 0


def test_what_recovery_takes_goes_to_incoming() -> None:
    state = a_state()
    state.accounts[TRADER].positions[0] = PositionWord(BTC, E8, -5)
    state.accounts[TRADER].word = AccountWord(owner_of(TRADER), 10**9, mask=1)

    def applied(left_e8: int, incoming_e8: int) -> events.Applied:
        left = pack_position(PositionWord(BTC, left_e8, -3)) if left_e8 else 0
        return events.Applied(
            account=TRADER,
            index=0,
            position=to_word(left),
            clock=to_word(pack_clock(ClockWord(flags=1))),
            meter=to_word(0),
            ledger=to_word(0),
            incoming=to_word(pack_incoming(PoolWord(incoming_e8, -2))),
            transit=to_word(0),
            events=to_word(0),
        )

    with pytest.raises(InvariantBroken, match="C2"):
        fold(state, applied(E8 // 2, E8 // 2 - 1))
    state.accounts[TRADER].positions[0] = PositionWord(BTC, E8, -5)
    fold(state, applied(E8 // 2, E8 // 2))
    assert state.markets[BTC].clock.flags == 1
    fold(state, applied(0, E8))
    assert state.accounts[TRADER].positions == {} and state.accounts[TRADER].word.mask == 0
    with pytest.raises(InvariantBroken, match="holds nothing"):
        fold(state, applied(0, E8))


def test_commands_and_events_survive_their_json() -> None:
    venue = Venue()
    venue.list_market(BTC)
    venue.open_account(10**12)
    venue.observe()
    venue.submit(an_order(TRADER))  # the venue sends everything through JSON and back
    orders = venue.state.orders
    assert len(orders) == 1 and next(iter(orders.values())).signed.r.bit_length() > 64


def test_a_venue_that_was_wound_down_discharges_accounts_and_closes_no_batch() -> None:
    state = a_state()

    def discharge(amount_e6: int, **left: int) -> events.WithdrawalSet:
        return events.WithdrawalSet(
            account=TRADER,
            word=account_word(state, TRADER, collateral_e6=0, **left),
            withdrawal=to_word(pack_withdrawal(WithdrawalWord(amount_e6, 1))),
        )

    with pytest.raises(InvariantBroken):
        fold(state, discharge(5, mask=0))
    fold(state, events.WoundDown(until_ms=9))
    assert state.head.time_ms == NEVER_MS
    with pytest.raises(InvariantBroken):
        fold(state, discharge(5, mask=2))
    fold(state, discharge(5, mask=0))
    held = state.accounts[TRADER]
    assert (held.word.collateral_e6, held.word.mask, held.withdrawal.amount_e6) == (0, 0, 5)
    with pytest.raises(Unavailable, match="wound down"):
        close(state, CloseBatch(time_ms=1, prices_e8={}, chunks=1, root=b"", curves={}))
