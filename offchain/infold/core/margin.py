# SPDX-License-Identifier: Apache-2.0
"""What an account is worth and what it must hold, in the contract's integers (protocol.md 5.4).

Every position is marked at the vector's price with funding integrated to the vector's time. A value
is rounded down, a requirement up: both against the trader. A position at base 0 is about to close:
its quote is as good as cash and takes no haircut. What is required of a position is
`core/requirement.py`'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from infold.core.funding import Mark, index_at
from infold.core.requirement import requirement_e6
from infold.core.state import Account, Market
from infold.units import FRACTION_ONE_E6, QUOTE_DIVISOR
from infold.words import PositionWord, WithdrawalWord


class Standing(NamedTuple):
    """Sums over positions, e6. Collateral is no part of `value` and `haircut_value`."""

    value_e6: int = 0
    haircut_value_e6: int = 0
    im_e6: int = 0
    mm_e6: int = 0


def mark_at(market: Market, oracle_price_e8: int, time_ms: int) -> Mark:
    """The market's mark at a vector; funding is integrated virtually."""
    rates = market.at(time_ms).rates
    return Mark(
        oracle_price_e8,
        index_at(market.clock, oracle_price_e8, time_ms, rates.shift),
        rates.shift,
        rates.im_e6,
        rates.mm_e6,
        rates.haircut_e6,
        rates.tier,
    )


def standing(positions: Iterable[PositionWord], marks: Mapping[int, Mark]) -> Standing:
    """Value and requirements of `positions`, all of whose markets must have a mark."""
    value = 0
    haircut_value = 0
    im = 0
    mm = 0
    for market, base, quote, index, _ in positions:
        price, index_now, shift, im_e6, mm_e6, haircut_e6, tier = marks[market]
        exposure = base * price
        worth = exposure // QUOTE_DIVISOR + quote + (-base * (index_now - index) >> shift)
        size = abs(exposure)
        im += requirement_e6(size, im_e6, tier)
        mm += requirement_e6(size, mm_e6, tier)
        value += worth
        if worth > 0 and base:
            worth += -worth * haircut_e6 // FRACTION_ONE_E6
        haircut_value += worth
    return Standing(value, haircut_value, im, mm)


def counted_for_initial(withdrawal: WithdrawalWord, time_ms: int) -> int:
    """The part of a pending withdrawal that still counts for initial margin at `time_ms`."""
    return withdrawal.amount_e6 if time_ms <= withdrawal.barrier_ms else 0


def has_initial_margin(
    collateral_e6: int, withdrawal: WithdrawalWord, time_ms: int, after: Standing
) -> bool:
    """Whether haircut equity covers initial margin, the pending withdrawal counted up to its
    barrier.
    """
    free = collateral_e6 + after.haircut_value_e6 - after.im_e6
    return free >= 0 or free + counted_for_initial(withdrawal, time_ms) >= 0


def risk_fell(cash_e6: int, before: Standing, after: Standing) -> bool:
    """The second door of section 5.4, for an account whose touched positions all shrank.

    `cash_e6` is collateral plus the pending withdrawal, the same on both sides.
    """
    equity = cash_e6 + after.value_e6
    equity_before = cash_e6 + before.value_e6
    return equity >= 0 and equity * before.mm_e6 >= equity_before * after.mm_e6


def shrank(base_before_e8: int, base_after_e8: int) -> bool:
    """Whether a position is not larger than before and has not changed sign."""
    if base_before_e8 >= 0:
        return 0 <= base_after_e8 <= base_before_e8
    return base_before_e8 <= base_after_e8 <= 0


def marks_for(
    account: Account, markets: Mapping[int, Market], prices_e8: Mapping[int, int], time_ms: int
) -> dict[int, Mark] | None:
    """Marks of every market the account holds, or None if the vector does not price one of them."""
    marks: dict[int, Mark] = {}
    for position in account.positions.values():
        price_e8 = prices_e8.get(position.market, 0)
        if not price_e8:
            return None
        marks[position.market] = mark_at(markets[position.market], price_e8, time_ms)
    return marks


def payable_e6(account: Account, marks: Mapping[int, Mark]) -> int:
    """What a due claim pays: the requested amount, as far as initial margin leaves it free."""
    after = standing(account.positions.values(), marks)
    amount = account.withdrawal.amount_e6
    free = account.word.collateral_e6 + amount + after.haircut_value_e6 - after.im_e6
    return min(amount, max(0, free))


def is_liquidatable(account: Account, marks: Mapping[int, Mark]) -> bool:
    """Whether equity, the pending withdrawal counted, is below maintenance margin."""
    after = standing(account.positions.values(), marks)
    cash = account.word.collateral_e6 + account.withdrawal.amount_e6
    return cash + after.value_e6 < after.mm_e6
