# SPDX-License-Identifier: Apache-2.0
"""Pool.strike_terms at the edges no venue should reach: it may never stop a batch."""

from __future__ import annotations

import pytest
from tests.support.venue import DOLLAR, Venue

from infold.words import StrikeWord, pack_strike, unpack_strike

from .conftest import ORACLE, PROVIDER, SHARE

PREVIOUS = pack_strike(StrikeWord(1, 5, 1_000 * SHARE))
"""The strike before was returned, so 1,000 shares are outstanding."""


@pytest.mark.parametrize("nav", [-(2**80), -1, 0])
def test_a_worthless_pool_with_shares_returns(pooled: Venue, nav: int) -> None:
    strike, capital_e6, gained_e6 = pooled.pool.strike_terms(2, nav, 0, PREVIOUS)
    assert unpack_strike(strike) == StrikeWord(1, 0, 1_000 * SHARE)
    assert (capital_e6, gained_e6) == (0, 0)


def test_a_pool_worth_one_unit_has_a_price(pooled: Venue) -> None:
    strike, capital_e6, gained_e6 = pooled.pool.strike_terms(2, 1, 0, PREVIOUS)
    assert unpack_strike(strike) == StrikeWord(0, 1, 1_000 * SHARE)
    assert (capital_e6, gained_e6) == (1, 0)


@pytest.mark.parametrize("beyond", [0, 1])
def test_shares_are_counted_up_to_the_last_that_a_strike_has_bits_for(
    pooled: Venue, beyond: int
) -> None:
    """What comes in is half of what there is: half as many shares again, rounded down."""
    pooled.world.travel(60)
    assert pooled.ask_in(PROVIDER, 2**20) == 2
    nav = 2**21
    supply = (2**121 - 1) // 3 + beyond
    assert supply + 2**20 * supply // nav == 2**120 - 1 + beyond
    previous = pack_strike(StrikeWord(1, 5, supply))
    strike, _, gained_e6 = pooled.pool.strike_terms(2, nav, 0, previous)
    assert unpack_strike(strike).returned == beyond
    assert gained_e6 == (0 if beyond else 2**20)


def test_a_pool_without_shares_takes_deposits_at_any_worth_but_a_debt(pooled: Venue) -> None:
    pooled.ask_in(PROVIDER, 9 * DOLLAR)
    assert pooled.pool.strike_terms(1, 5, 0, 0) == (5 << 128, 9 * DOLLAR + 5, 9 * DOLLAR)
    strike, capital_e6, gained_e6 = pooled.pool.strike_terms(1, -1, 0, 0)
    assert (unpack_strike(strike).returned, capital_e6, gained_e6) == (1, 0, 0)


@pytest.mark.parametrize("nav", [2**64 - 1, 2**64, 2**200])
def test_a_worth_beyond_its_field_returns_instead_of_reverting(pooled: Venue, nav: int) -> None:
    strike, capital_e6, _ = pooled.pool.strike_terms(2, nav, 0, PREVIOUS)
    assert unpack_strike(strike).returned == (nav >= 2**64)
    assert capital_e6 == 2**64 - 1


def test_shares_beyond_counting_return_instead_of_reverting(pooled: Venue) -> None:
    pooled.world.travel(60)
    assert pooled.ask_in(PROVIDER, DOLLAR) == 2
    many = pack_strike(StrikeWord(1, 5, 2**119))
    strike, _, gained_e6 = pooled.pool.strike_terms(2, 1, 0, many)
    assert unpack_strike(strike) == StrikeWord(1, 1, 2**119)
    assert gained_e6 == 0
    strike, _, gained_e6 = pooled.pool.strike_terms(2, 2 * DOLLAR, 0, many)
    assert unpack_strike(strike).returned == 0
    assert gained_e6 == DOLLAR


def test_what_is_locked_is_not_paid(pooled: Venue) -> None:
    """1,000 shares worth 2,000 dollars, all asked back, 5 dollars coming in, 1,500 locked."""
    pooled.provide(PROVIDER, 1_000 * DOLLAR, ORACLE)
    epoch = pooled.ask_out(PROVIDER, 1_000 * SHARE)
    pooled.ask_in(PROVIDER, 5 * DOLLAR)
    nav = 2_000 * DOLLAR
    for locked, paid in (
        (0, 2_000),
        (5 * DOLLAR, 2_000),
        (5 * DOLLAR + 1, 2_000),
        (1_500 * DOLLAR, 505),
        (2_004 * DOLLAR, 1),
        (2_005 * DOLLAR, 0),
        (2**255, 0),
    ):
        paid_e6 = paid * DOLLAR - (locked == 5 * DOLLAR + 1)
        strike, capital_e6, gained_e6 = pooled.pool.strike_terms(
            epoch, nav, locked, pack_strike(StrikeWord(1, 5, 1_000 * SHARE))
        )
        assert unpack_strike(strike) == StrikeWord(0, nav, 1_000 * SHARE, paid_e6)
        assert capital_e6 == nav + gained_e6 == 2_005 * DOLLAR - paid_e6
        assert capital_e6 >= min(locked, 2_005 * DOLLAR)


def test_no_strike_pays_more_than_an_accounts_collateral_has_room_for(pooled: Venue) -> None:
    pooled.provide(PROVIDER, 1_000 * DOLLAR, ORACLE)
    epoch = pooled.ask_out(PROVIDER, 1_000 * SHARE)
    previous = pack_strike(StrikeWord(1, 5, 1_000 * SHARE))
    strike, _, gained_e6 = pooled.pool.strike_terms(epoch, 2**64 - 1, 0, previous)
    assert unpack_strike(strike).paid_e6 == 2**62 - 1 == -gained_e6


@pytest.mark.parametrize(
    ("left", "locked", "returned"),
    [(0, 0, 0), (1, 0, 1), (10**6 - 1, 0, 1), (10**6, 0, 0), (0, 1, 1), (0, 10, 0)],
)
def test_fewer_shares_than_a_million_never_stay(
    pooled: Venue, left: int, locked: int, returned: int
) -> None:
    """By what is asked back, or by what is locked: a share is worth ten of the first here."""
    pooled.provide(PROVIDER, 1_000 * DOLLAR, ORACLE)
    epoch = pooled.ask_out(PROVIDER, 1_000 * SHARE - left)
    previous = pack_strike(StrikeWord(1, 5, 1_000 * SHARE))
    strike, _, gained_e6 = pooled.pool.strike_terms(epoch, 10_000 * DOLLAR, locked, previous)
    assert unpack_strike(strike).returned == returned
    assert (gained_e6 == 0) == bool(returned)
