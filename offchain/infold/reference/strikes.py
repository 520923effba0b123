# SPDX-License-Identifier: Apache-2.0
"""The arithmetic of a strike (docs/protocol.md §5.7, §8): what an epoch's requests become at its
price, and a request's part of it.
"""

from __future__ import annotations

from typing import NamedTuple

from .words import Requests, Strike

SHARES_PER_UNIT = 10**6
PAID_E6_MAX = 2**62 - 1
NAV_E6_MAX = 2**64 - 1
_SHARES_MAX = 2**120 - 1


class Left(NamedTuple):
    """What a request still gives: assets, shares, and what the strike returned of it (assets of a
    deposit, shares of a redemption).
    """

    assets_e6: int
    shares: int
    back: int


def can_strike(nav_e6: int, supply: int, deposits_e6: int) -> bool:
    """Whether shares have a price; if not, an epoch's requests are given back."""
    if not supply:
        return nav_e6 >= 0
    if not 0 < nav_e6 <= NAV_E6_MAX:
        return False
    return supply + deposits_e6 * supply // nav_e6 <= _SHARES_MAX


def strike_of(nav_e6: int, locked_e6: int, supply: int, requests: Requests) -> Strike:
    """An epoch's strike: redemptions are paid as far as what is locked stays in the pool, and
    nothing is done that would leave few shares, which deposits would be rounded by.
    """
    worth_e6 = min(max(nav_e6, 0), NAV_E6_MAX)
    if not can_strike(nav_e6, supply, requests.deposits_e6):
        return Strike(True, worth_e6, supply, 0)
    paid_e6 = 0
    if supply:
        free_e6 = max(0, worth_e6 + requests.deposits_e6 - locked_e6)
        paid_e6 = min(requests.redeems * worth_e6 // supply, free_e6, PAID_E6_MAX)
    strike = Strike(False, worth_e6, supply, paid_e6)
    if 0 < supply_after(strike, requests) < SHARES_PER_UNIT:
        return Strike(True, worth_e6, supply, 0)
    return strike


def moved_e6(strike: Strike, requests: Requests) -> int:
    """Deposits less redemptions that a strike moves into the pool."""
    return 0 if strike.returned else requests.deposits_e6 - strike.paid_e6


def minted(assets_e6: int, strike: Strike) -> int:
    """Shares for assets, rounded down."""
    if not strike.supply:
        return assets_e6 * SHARES_PER_UNIT
    return assets_e6 * strike.supply // strike.nav_e6


def burnt(redeems: int, strike: Strike) -> int:
    """Of an epoch's redemptions the shares that were paid for: all, or what was paid buys."""
    if not redeems or strike.paid_e6 == redeems * strike.nav_e6 // strike.supply:
        return redeems
    return -(-strike.paid_e6 * strike.supply // strike.nav_e6)


def supply_after(strike: Strike, requests: Requests) -> int:
    """Shares outstanding after a strike; a word no contract wrote counts as returned."""
    if strike.returned or (strike.supply and not strike.nav_e6):
        return strike.supply
    entered = minted(requests.deposits_e6, strike)
    return strike.supply + entered - burnt(requests.redeems, strike)


def deposit_left(assets_e6: int, strike: Strike) -> Left:
    """What a deposit gives, nothing claimed yet."""
    if strike.returned:
        return Left(0, 0, assets_e6)
    return Left(assets_e6, minted(assets_e6, strike), 0)


def redemption_left(shares: int, redeems: int, strike: Strike) -> Left:
    """What a redemption gives of its epoch's, nothing claimed yet: its part, rounded against it."""
    if not shares or strike.returned:
        return Left(0, 0, shares)
    gone = -(-shares * burnt(redeems, strike) // redeems)
    return Left(shares * strike.paid_e6 // redeems, gone, shares - gone)


def piece(left: Left, amount: int, *, by_shares: bool, redeems: bool) -> tuple[int, int]:
    """A part of what is left, as (assets, shares): what goes out rounded down, its cost up."""
    whole, other = (left.shares, left.assets_e6) if by_shares else (left.assets_e6, left.shares)
    part = min(amount, whole)
    if not part:
        return 0, 0
    goes_out = by_shares == redeems
    matched = part * other // whole if goes_out else -(-part * other // whole)
    return (matched, part) if by_shares else (part, matched)
