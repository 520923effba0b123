# SPDX-License-Identifier: Apache-2.0
"""Pool.strike_terms at the edges no venue should reach: it may never stop a batch."""

from __future__ import annotations

import pytest
from tests.support.venue import DOLLAR, Venue

from infold.words import StrikeWord, pack_strike, unpack_strike

from .conftest import PROVIDER, SHARE

PREVIOUS = pack_strike(StrikeWord(1, 5, 1_000 * SHARE))
"""The strike before was returned, so 1,000 shares are outstanding."""


@pytest.mark.parametrize("nav", [-(2**80), -1, 0])
def test_a_worthless_pool_with_shares_returns(pooled: Venue, nav: int) -> None:
    strike, capital_e6, gained_e6 = pooled.pool.strike_terms(1, nav, PREVIOUS)
    assert unpack_strike(strike) == StrikeWord(1, 0, 1_000 * SHARE)
    assert (capital_e6, gained_e6) == (0, 0)


def test_a_pool_without_shares_takes_deposits_at_any_worth_but_a_debt(pooled: Venue) -> None:
    pooled.pool.request_deposit(9 * DOLLAR, sender=PROVIDER)
    assert pooled.pool.strike_terms(0, 5, 0) == (5 << 128, 9 * DOLLAR + 5, 9 * DOLLAR)
    strike, capital_e6, gained_e6 = pooled.pool.strike_terms(0, -1, 0)
    assert (unpack_strike(strike).returned, capital_e6, gained_e6) == (1, 0, 0)


@pytest.mark.parametrize("nav", [2**64 - 1, 2**64, 2**200])
def test_a_worth_beyond_its_field_returns_instead_of_reverting(pooled: Venue, nav: int) -> None:
    strike, capital_e6, _ = pooled.pool.strike_terms(1, nav, PREVIOUS)
    assert unpack_strike(strike).returned == (nav >= 2**64)
    assert capital_e6 == 2**64 - 1


def test_shares_beyond_counting_return_instead_of_reverting(pooled: Venue) -> None:
    pooled.world.travel(60)
    assert pooled.pool.request_deposit(DOLLAR, sender=PROVIDER).value == 1
    many = pack_strike(StrikeWord(1, 5, 2**119))
    strike, _, gained_e6 = pooled.pool.strike_terms(1, 1, many)
    assert unpack_strike(strike) == StrikeWord(1, 1, 2**119)
    assert gained_e6 == 0
    strike, _, gained_e6 = pooled.pool.strike_terms(1, 2 * DOLLAR, many)
    assert unpack_strike(strike).returned == 0
    assert gained_e6 == DOLLAR
