# SPDX-License-Identifier: Apache-2.0
"""The end of a venue in the twin: each refusal word for word, with nothing changed, beside what it
admits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.support.twin import BTC, FIRST, PROVIDER, Venue

from infold.reference.faults import Fault
from infold.reference.words import Account, Position, Withdrawal

WEEK_S = 7 * 86_400
DOLLAR = 10**6
LONG, SHORT = FIRST, FIRST + 1


@pytest.fixture
def venue() -> Venue:
    """The long borrowed nine times what it has, and lost all of it and more in the last batch."""
    venue = Venue()
    venue.cross(LONG, SHORT, 14 * 10**8)
    venue.prices_e8[BTC] = venue.prices_e8[BTC] * 87 // 100
    venue.settle([])
    return venue


def who(venue: Venue, sender: int = 9) -> dict[str, int]:
    return {"sender": sender, "now_s": venue.now_s}


def stopped(venue: Venue) -> Venue:
    venue.now_s += WEEK_S + 1
    venue.protocol.wind_down(**who(venue))
    return venue


def kept(venue: Venue) -> tuple[object, ...]:
    """All that a call of the wind-down could change."""
    twin = venue.protocol
    totals = (twin.wound_ms, twin.deficit_e6, twin.payable_e6, twin.claims_e6, twin.unpaid_e6)
    return (*totals, twin.books_closed, twin.accounted_e6, sorted(map(repr, twin.state.words())))


def refuses(venue: Venue, reason: str, run: Callable[..., object], *arguments: Any) -> None:
    before = kept(venue)
    with pytest.raises(Fault) as fault:
        run(*arguments, **who(venue))
    assert fault.value.reason == reason
    assert kept(venue) == before


def test_a_venue_stops_once_and_only_after_a_silent_week(venue: Venue) -> None:
    twin = venue.protocol
    venue.now_s += WEEK_S
    refuses(venue, "clearing: not silent for a week", twin.wind_down)
    venue.now_s += 1
    twin.wind_down(**who(venue))
    assert venue.events == [("WoundDown", (venue.now_ms + WEEK_S * 1000,))]
    refuses(venue, "recovery: wound down", twin.wind_down)


def test_a_venue_without_a_batch_stops_a_week_after_its_first_epoch() -> None:
    venue = Venue()
    state = venue.protocol.state
    head = state.scalar("head")
    state.put_scalar("head", head & ~((2**48 - 1) << 144))
    assert not state.scalar("head") >> 144 & 2**48 - 1
    venue.now_s += WEEK_S + 50
    refuses(venue, "clearing: not silent for a week", venue.protocol.wind_down)
    venue.now_s += 60
    venue.protocol.wind_down(**who(venue))


def test_debts_are_told_within_a_week_of_the_stop(venue: Venue) -> None:
    twin = venue.protocol
    for run in (twin.register, twin.claim):
        refuses(venue, "recovery: not wound down", run, LONG)
    stopped(venue)
    refuses(venue, "recovery: owes nothing", twin.register, SHORT)
    refuses(venue, "recovery: unknown account", twin.register, 2**32)
    for own in (2, 3):
        refuses(venue, "recovery: venue's own money", twin.register, own)
    venue.now_s += WEEK_S
    refuses(venue, "recovery: registration is not over", twin.claim, SHORT)
    debt = -twin.final_equity(LONG)
    assert debt > 0
    assert twin.register(LONG, **who(venue)) == debt == twin.deficit_e6
    assert venue.events[0] == ("DebtRegistered", (LONG, debt, debt))
    assert Account.of(twin.state.accounts[LONG])[1:3] == (0, 0)
    refuses(venue, "recovery: owes nothing", twin.register, LONG)
    venue.now_s += 1
    refuses(venue, "recovery: registration is over", twin.register, LONG)


def test_claims_are_paid_after_that_week_and_once(venue: Venue) -> None:
    twin = stopped(venue).protocol
    twin.register(LONG, **who(venue))
    venue.now_s += WEEK_S + 1
    refuses(venue, "recovery: nothing to claim", twin.claim, LONG)
    refuses(venue, "recovery: unknown account", twin.claim, 2**32)
    for own in (2, 3):
        refuses(venue, "recovery: venue's own money", twin.claim, own)
    equity = twin.final_equity(SHORT)
    paid = twin.claim(SHORT, **who(venue))
    assert paid == equity * twin.payable_e6 // twin.claims_e6 < equity
    refuses(venue, "recovery: nothing to claim", twin.claim, SHORT)
    for account in (0, 1):
        assert twin.claim(account, **who(venue)) > 0
        refuses(venue, "recovery: nothing to claim", twin.claim, account)
    for account in (SHORT + 1, SHORT + 2):
        twin.claim(account, **who(venue))
    kept_e6 = Withdrawal.of(twin.state.withdrawals[0]).amount_e6
    rest_e6 = twin.accounted_e6 - twin.outflow.waiting_e6 - kept_e6
    assert 0 <= rest_e6 <= 5, "all is paid or set aside for who holds shares, but for rounding"


def test_a_position_behind_its_side_is_folded_before_it_is_valued(venue: Venue) -> None:
    twin = stopped(venue).protocol
    place = BTC * 8 + 6
    twin.state.put(twin.state.market_words, place, 2**256 - 1)
    position = Position.of(twin.state.positions[LONG << 4])
    assert position.event == 0
    refuses(venue, "recovery: fold first", twin.register, LONG)


def test_shares_leave_once_the_pools_part_is_set_aside(venue: Venue) -> None:
    twin = venue.protocol
    own = {"sender": PROVIDER}
    shares = twin.left(PROVIDER, 1, redeems=False).shares
    twin.claim_mint(shares, PROVIDER, PROVIDER, now_s=venue.now_s, **own)
    stopped(venue)

    def leave(amount: int, owner: int = PROVIDER, sender: int = PROVIDER) -> Callable[..., int]:
        return lambda **_: twin.leave(amount, PROVIDER, owner, sender=sender, now_s=venue.now_s)

    refuses(venue, "pool: not wound down", leave(shares))
    venue.now_s += WEEK_S + 1
    refuses(venue, "pool: not wound down", leave(shares))
    set_aside = twin.claim(0, **who(venue))
    refuses(venue, "erc20: insufficient allowance", leave(shares, sender=9))
    refuses(venue, "pool: amount is zero", leave(0))
    refuses(venue, "pool: not enough shares", leave(shares + 1))
    half = shares // 2
    assert leave(half)() == half * set_aside // shares
    assert leave(shares - half)() == (shares - half) * set_aside // shares
    refuses(venue, "pool: not enough shares", leave(1))


def test_a_stopped_venue_takes_nothing_in_and_moves_nothing(venue: Venue) -> None:
    twin = venue.protocol
    own = {"sender": venue.keys[SHORT].address, "now_s": venue.now_s}
    twin.request_withdrawal(SHORT, DOLLAR, **own)
    stopped(venue)
    refuses(venue, "clearing: wound down", twin.deposit, SHORT, DOLLAR)
    refuses(venue, "clearing: wound down", twin.open_account, 5, 10 * DOLLAR)
    refuses(
        venue, "clearing: wound down", twin.claim_withdrawal, SHORT, *venue.vector(venue.now_ms)
    )
    refuses(venue, "recovery: wound down", twin.execute_exit, *venue.vector(venue.now_ms), SHORT, 0)
    with pytest.raises(Fault, match="pool: wound down"):
        twin.request_deposit(DOLLAR, 77, 77, sender=77, now_s=venue.now_s)
    with pytest.raises(Fault, match="batch time must rise"):
        venue.submit(venue.batch([]))
