# SPDX-License-Identifier: Apache-2.0
"""`Recovery.liquidate` and `Clearing.apply` in exact integers (docs/protocol.md section 7).

How much of a position is closed, on which terms, and who pays what its owner still owes. Only tests
call this: a venue takes over what the chain logged of a liquidation, and a keeper asks the chain
itself (`Recovery.health`), so the engine's writing is there to hold the other two to. What must
change together: this file; `contracts/Recovery.vy`, `Rules.shrink` and `Clearing.apply`;
`infold/reference/recovery.py`; docs/protocol.md; the property test that holds the three equal.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from infold.core import funding, margin
from infold.core.funding import Mark
from infold.core.plan import StructuralFault
from infold.core.requirement import requirement_e6
from infold.core.settlement import mask_of
from infold.core.state import NO_WITHDRAWAL, Account, Market, State
from infold.units import (
    FIRST_TRADER,
    FRACTION_ONE_E6,
    INSURANCE_ACCOUNT,
    MARGIN_DIVISOR,
    POOL_ACCOUNT,
    QUOTE_DIVISOR,
    quote_down,
)
from infold.words import (
    FLAG_INCOMING,
    AccountWord,
    CapsWord,
    IncomingWord,
    PositionWord,
    RatesWord,
)

DUST_E6: Final = 10 * FRACTION_ONE_E6
"""A position worth less is closed whole: what would be left pays no keeper."""
BOUNTY_E6_MAX: Final = 5 * FRACTION_ONE_E6
LEAN_E6_MAX: Final = 50_000
"""The most that a market's h_min may be; recovery gives the pool no more."""


class Terms(NamedTuple):
    """What a position's owner loses when Recovery shrinks it, and who earns by it."""

    lean_e6: int = 0
    """Given to the pool, as a share of the notional."""
    bounty_e6: int = 0
    """The most a keeper gets from insurance where the owner could not pay."""
    charge_e6: int = 0
    keeper: int = 0


NO_TERMS: Final = Terms()


def room_e8(market: Market, caps: CapsWord, base_e8: int) -> int:
    """What the pool may take of a position, what waits to join it counted."""
    held = market.pool.base_e8 + market.incoming.base_e8
    return caps.position_cap_e8 + (-held if base_e8 > 0 else held)


def size_to_close(
    equity_e6: int, mm_e6: int, position: PositionWord, mark: Mark, rates: RatesWord, room: int
) -> int:
    """The fewest lots after which equity is 5/4 of maintenance margin: all of them where that
    cannot be or only dust would stay, and no more than `room`.
    """
    whole = abs(position.base_e8)
    exposure = whole * mark.price_e8
    required = requirement_e6(exposure, rates.mm_e6, rates.tier)
    cost = -(-exposure * (4 * rates.h_min_e6 + rates.mm_e6) // MARGIN_DIVISOR)
    size = whole
    if 5 * required > cost:
        lack = 5 * mm_e6 - 4 * equity_e6
        size = min(whole, -(-lack * whole // (5 * required - cost)))
    if (whole - size) * mark.price_e8 < DUST_E6 * QUOTE_DIVISOR:
        size = whole
    return min(size, room)


def terms_of(
    equity_e6: int, size_e8: int, price_e8: int, rates: RatesWord, keeper: int = 0
) -> Terms:
    """h_min to the pool; a quarter of the maintenance margin let go as penalty, as far as equity
    goes; at most half a fee as bounty.
    """
    notional = size_e8 * price_e8
    left = equity_e6 + (-notional * rates.h_min_e6 // MARGIN_DIVISOR)
    charge = -(-notional * rates.mm_e6 // (4 * MARGIN_DIVISOR))
    bounty = notional * rates.fee_e6 // (2 * MARGIN_DIVISOR)
    return Terms(rates.h_min_e6, min(BOUNTY_E6_MAX, bounty), min(charge, max(0, left)), keeper)


def liquidation(
    state: State, account: int, index: int, prices_e8: Mapping[int, int], time_ms: int, keeper: int
) -> tuple[int, Terms] | None:
    """The change of base and the terms of a liquidation now; None if the account may stay as it is
    or the vector does not price all it holds. Raises `StructuralFault` if the pool is full.
    """
    held = state.accounts[account]
    marks = margin.marks_for(held, state.markets, prices_e8, time_ms)
    if marks is None or not margin.is_liquidatable(held, marks):
        return None
    position = held.positions[index]
    market = state.markets[position.market]
    standing = margin.standing(held.positions.values(), marks)
    equity_e6 = held.word.collateral_e6 + held.withdrawal.amount_e6 + standing.value_e6
    at = market.at(time_ms)
    mark = marks[position.market]
    room = room_e8(market, at.caps, position.base_e8)
    if room <= 0:
        raise StructuralFault("recovery: pool is full", market=position.market)
    size = size_to_close(equity_e6, standing.mm_e6, position, mark, at.rates, room)
    terms = terms_of(equity_e6, size, mark.price_e8, at.rates, keeper)
    return (-size if position.base_e8 > 0 else size), terms


# -- apply -----------------------------------------------------------------------------------------


def apply_delta(
    state: State,
    account: int,
    index: int,
    change_e8: int,
    oracle_price_e8: int,
    time_ms: int,
    terms: Terms = NO_TERMS,
) -> None:
    """`Clearing.apply`: shrink a trader's position at the vector's price, pay what the terms say,
    and cover a bankrupt account's debt.

    Raises `StructuralFault` if the position would not shrink, has no price, or the pool no room.
    """
    held = state.accounts.get(account)
    position = held.positions.get(index) if held is not None else None
    if (
        held is None
        or position is None
        or not change_e8
        or not margin.shrank(position.base_e8, position.base_e8 + change_e8)
    ):
        raise StructuralFault("clearing: apply must shrink", account=account)
    if not oracle_price_e8:
        raise StructuralFault("clearing: no price", market=position.market)
    market = state.markets[position.market]
    at = market.at(time_ms)
    notional = abs(change_e8) * oracle_price_e8
    if (
        terms.lean_e6 > LEAN_E6_MAX
        or terms.charge_e6 > -(-notional * at.rates.mm_e6 // MARGIN_DIVISOR)
        or terms.bounty_e6 * MARGIN_DIVISOR > notional * at.rates.fee_e6
    ):
        raise StructuralFault("clearing: terms too harsh", account=account)
    pooled = market.pool.base_e8 + market.incoming.base_e8
    if abs(pooled - change_e8) > max(at.caps.position_cap_e8, abs(pooled)):
        raise StructuralFault("clearing: pool cap", market=position.market)
    mark = margin.mark_at(market, oracle_price_e8, time_ms)
    _hand_over(market, held, index, change_e8, mark, terms)
    part = terms.charge_e6 // 2 if terms.keeper else 0
    move(state, terms.keeper, part)
    move(state, INSURANCE_ACCOUNT, terms.charge_e6 - part)
    cover(state, account, terms.keeper, max(0, terms.bounty_e6 - part))


def _hand_over(
    market: Market, held: Account, index: int, change_e8: int, mark: Mark, terms: Terms
) -> None:
    """The position and the market's words after `change_e8` went to the pool's incoming."""
    position = held.positions[index]
    due = funding.credit(position.base_e8, mark.funding_index - position.funding_index, mark.shift)
    notional = abs(change_e8) * mark.price_e8
    moved_e6 = quote_down(mark.price_e8, -change_e8)
    moved_e6 += -notional * terms.lean_e6 // MARGIN_DIVISOR
    base_e8 = position.base_e8 + change_e8
    quote_e6 = position.quote_e6 + due + moved_e6 - terms.charge_e6
    realised_e6 = terms.charge_e6
    if base_e8:
        held.positions[index] = position._replace(
            base_e8=base_e8,
            quote_e6=quote_e6,
            funding_index=mark.funding_index,
            event=market.deleveraged.last | position.event & 1,
        )
    else:
        del held.positions[index]
        held.word = held.word._replace(
            collateral_e6=held.word.collateral_e6 + quote_e6, mask=mask_of(held.positions)
        )
        realised_e6 += quote_e6
    interest_e8 = max(base_e8, 0) - max(position.base_e8, 0)
    # The next batch pays the pool from the last one on; up to the mark it was the owner's.
    early = funding.credit(change_e8, mark.funding_index - market.clock.funding_index, mark.shift)
    market.ledger = market.ledger._replace(
        realised_e6=market.ledger.realised_e6 + realised_e6,
        pot_e6=market.ledger.pot_e6 - due - early,
    )
    market.meter = market.meter._replace(
        open_interest_e8=market.meter.open_interest_e8 + interest_e8
    )
    market.incoming = IncomingWord(
        market.incoming.base_e8 - change_e8, market.incoming.quote_e6 - moved_e6 + early
    )
    market.clock = market.clock._replace(flags=market.clock.flags | FLAG_INCOMING)


def cover(state: State, account: int, keeper: int = 0, bounty_e6: int = 0) -> None:
    """Pay what an account without positions owes: from its own pending withdrawal, then from
    insurance, then from the pool; of what insurance has left, the keeper gets its bounty.
    """
    held = state.accounts[account]
    if held.positions or held.word.collateral_e6 >= 0:
        return
    cash_e6 = held.word.collateral_e6 + held.withdrawal.amount_e6
    held.word = held.word._replace(collateral_e6=cash_e6)
    held.withdrawal = NO_WITHDRAWAL
    if cash_e6 >= 0:
        return
    insurance = state.accounts.get(INSURANCE_ACCOUNT)
    insured_e6 = max(0, insurance.word.collateral_e6) if insurance is not None else 0
    paid_e6 = min(-cash_e6, insured_e6)
    extra_e6 = min(bounty_e6, insured_e6 - paid_e6) if keeper else 0
    move(state, account, -cash_e6)
    move(state, POOL_ACCOUNT, cash_e6 + paid_e6)
    move(state, keeper, extra_e6)
    move(state, INSURANCE_ACCOUNT, -paid_e6 - extra_e6)


def move(state: State, account: int, amount_e6: int) -> None:
    """Add to an account's collateral outside its own fills."""
    if not amount_e6:
        return
    if account < FIRST_TRADER:
        state.accounts.setdefault(account, Account(AccountWord()))
    held = state.held(account)
    held.word = held.word._replace(collateral_e6=held.word.collateral_e6 + amount_e6)
