# SPDX-License-Identifier: Apache-2.0
"""Liquidation and what follows it: how much is closed, on which terms, and who pays a debt
(docs/protocol.md §7).
"""

from __future__ import annotations

from typing import NamedTuple

from .arithmetic import FRACTION_SCALE, QUOTE_SCALE, ceil_div
from .faults import require
from .margin import Mark, Standing, credit, quote_of_buy, quote_of_sale, requirement
from .settlement import INSURANCE_ACCOUNT, POOL_ACCOUNT, move_collateral
from .state import CLOCK, INCOMING, LEDGER, METER, POOL, State
from .words import (
    Account,
    Caps,
    Clock,
    Exit,
    Holding,
    Ledger,
    Meter,
    Position,
    Rates,
    Terms,
    Withdrawal,
)

DUST_E6 = 10_000_000
BOUNTY_E6_MAX = 5_000_000
LEAN_E6_MAX = 50_000
EXIT_DELAY_MS = 60_000
EXIT_LEAN_E6 = 2_000


class Case(NamedTuple):
    """An account at a vector, its pending withdrawal counted, and one of its positions."""

    standing: Standing
    position: Position
    mark: Mark
    caps: Caps
    room_e8: int


def case_of(state: State, held: Standing, position: Position, mark: Mark, caps: Caps) -> Case:
    """What a liquidation looks at."""
    return Case(held, position, mark, caps, room_e8(state, position, caps))


def room_e8(state: State, position: Position, caps: Caps) -> int:
    """What the pool may take of a position, what waits to join it counted."""
    market = position.market
    base = Holding.of(state.market_word(market, POOL)).base_e8
    if Clock.of(state.market_word(market, CLOCK)).incoming:
        base += Holding.of(state.market_word(market, INCOMING)).base_e8
    return caps.position_cap_e8 - (base if position.base_e8 > 0 else -base)


def exit_size(state: State, asked: Exit, position: Position, caps: Caps) -> tuple[int, int]:
    """Lots of a forced exit that can go now, and what is left of it."""
    room = room_e8(state, position, caps)
    require(room > 0, "recovery: pool is full")
    wanted = min(asked.size_e8, abs(position.base_e8))
    return min(wanted, room), wanted - min(wanted, room)


def exit_terms(rates: Rates) -> Terms:
    """20 bp to the pool, or h_min where that is more."""
    return Terms(max(EXIT_LEAN_E6, rates.h_min_e6), 0, 0, 0, True)


def size_to_close(case: Case) -> int:
    """Lots after which equity is five quarters of maintenance margin, no more than there is room
    for. All of a position goes where that cannot be reached, or where only dust would stay.
    """
    whole = abs(case.position.base_e8)
    rates = case.mark.rates
    notional = whole * case.mark.oracle_price_e8
    lets_go = 5 * requirement(notional, rates.mm_e6, rates.tier)
    costs = ceil_div(notional * (4 * rates.h_min_e6 + rates.mm_e6), FRACTION_SCALE)
    size = whole
    if lets_go > costs:
        lacks = 5 * case.standing.mm_e6 - 4 * case.standing.equity_e6
        size = min(whole, ceil_div(lacks * whole, lets_go - costs))
    if (whole - size) * case.mark.oracle_price_e8 < DUST_E6 * QUOTE_SCALE:
        size = whole
    require(case.room_e8 > 0, "recovery: pool is full")
    return min(size, case.room_e8)


def terms_of(case: Case, size_e8: int, keeper: int) -> Terms:
    """What closing so many lots costs their owner, and what a keeper may get from insurance."""
    rates = case.mark.rates
    notional = size_e8 * case.mark.oracle_price_e8
    to_pool = ceil_div(notional * rates.h_min_e6, FRACTION_SCALE)
    penalty = ceil_div(notional * rates.mm_e6, 4 * FRACTION_SCALE)
    left = max(0, case.standing.equity_e6 - to_pool)
    half_a_fee = notional * rates.fee_e6 // (2 * FRACTION_SCALE)
    return Terms(rates.h_min_e6, min(BOUNTY_E6_MAX, half_a_fee), min(penalty, left), keeper)


class _Change(NamedTuple):
    """A position before and after, what the pool paid for it, and what else moved its quote."""

    base_before_e8: int
    base_e8: int
    moved_e6: int
    funding_e6: int
    charge_e6: int
    quote_e6: int


def shrink(
    state: State,
    account: int,
    place: int,
    change_e8: int,
    mark: Mark | None,
    caps: Caps,
    terms: Terms,
) -> None:
    """`Rules.shrink` and what `Clearing.apply` writes of it."""
    key = account << 4 | place
    position = Position.of(state.positions.get(key, 0))
    base = position.base_e8 + change_e8
    shrinks = abs(base) < abs(position.base_e8) and base * position.base_e8 >= 0
    require(shrinks, "clearing: apply must shrink")
    require(mark is not None, "clearing: no price")
    assert mark is not None
    market, oracle, rates = mark.market, mark.oracle_price_e8, mark.rates
    notional = abs(change_e8) * oracle
    require(
        terms.lean_e6 <= LEAN_E6_MAX
        and terms.charge_e6 <= ceil_div(notional * rates.mm_e6, FRACTION_SCALE)
        and terms.bounty_e6 * FRACTION_SCALE <= notional * rates.fee_e6,
        "clearing: terms too harsh",
    )
    funding = credit(position.base_e8, mark.funding_index - position.funding_index, rates.shift)
    to_owner = quote_of_buy if change_e8 > 0 else quote_of_sale
    moved = to_owner(oracle, abs(change_e8)) - ceil_div(notional * terms.lean_e6, FRACTION_SCALE)
    quote = position.quote_e6 + funding + moved - terms.charge_e6
    change = _Change(position.base_e8, base, moved, funding, terms.charge_e6, quote)
    _move_market(state, market, caps, change)
    left = Position(market, base, quote, mark.funding_index).word if base else 0
    state.put(state.positions, key, left)
    if not base:
        stored = Account.of(state.accounts.get(account, 0))
        closed = stored._replace(mask=stored.mask & ~(1 << place))
        state.put(state.accounts, account, closed.word)
        move_collateral(state, account, quote)
    words = (state.market_word(market, at) for at in (METER, LEDGER, INCOMING))
    state.log("Applied", account, place, left, *words)


def _move_market(state: State, market: int, caps: Caps, moved: _Change) -> None:
    """The market's words after a position went from one base to another against the pool."""
    clock = Clock.of(state.market_word(market, CLOCK))
    incoming = Holding(0, 0)
    if clock.incoming:
        incoming = Holding.of(state.market_word(market, INCOMING))
    change = moved.base_e8 - moved.base_before_e8
    before = Holding.of(state.market_word(market, POOL)).base_e8 + incoming.base_e8
    after = abs(before - change)
    require(after <= caps.position_cap_e8 or after <= abs(before), "clearing: pool cap")
    meter = Meter.of(state.market_word(market, METER))
    interest = meter.open_interest_e8 + max(moved.base_e8, 0) - max(moved.base_before_e8, 0)
    realised, fees, pot = Ledger.of(state.market_word(market, LEDGER))
    realised += moved.charge_e6 + (0 if moved.base_e8 else moved.quote_e6)
    words = {
        CLOCK: clock._replace(incoming=True).word,
        METER: meter._replace(open_interest_e8=interest).word,
        LEDGER: Ledger(realised, fees, pot - moved.funding_e6).word,
        INCOMING: Holding(incoming.base_e8 - change, incoming.quote_e6 - moved.moved_e6).word,
    }
    for at, word in words.items():
        state.put_market_word(market, at, word)
    state.put_scalar("pool_markets", state.scalar("pool_markets") | 1 << market)


def pay_out(state: State, account: int, terms: Terms) -> None:
    """Half of the charge to the keeper, the rest to insurance; then a debt, if nothing is held."""
    part = terms.charge_e6 // 2 if terms.keeper else 0
    _move(state, terms.keeper, part)
    _move(state, INSURANCE_ACCOUNT, terms.charge_e6 - part)
    stored = Account.of(state.accounts.get(account, 0))
    if stored.mask or stored.collateral_e6 >= 0:
        return
    pending = Withdrawal.of(state.withdrawals.get(account, 0)).amount_e6
    cash = stored.collateral_e6 + pending
    if pending:
        word = stored._replace(collateral_e6=cash).word
        state.put(state.accounts, account, word)
        state.put(state.withdrawals, account, 0)
        state.log("WithdrawalSet", account, word, 0)
    if cash >= 0:
        return
    _cover(state, account, -cash, terms.keeper, max(0, terms.bounty_e6 - part))


def _cover(state: State, account: int, debt_e6: int, keeper: int, bounty_e6: int) -> None:
    """Insurance pays as far as it can, then the pool; of what insurance has left, the keeper gets
    its bounty.
    """
    insurance = max(0, Account.of(state.accounts.get(INSURANCE_ACCOUNT, 0)).collateral_e6)
    paid = min(debt_e6, insurance)
    extra = min(bounty_e6, insurance - paid) if keeper else 0
    _move(state, account, debt_e6)
    _move(state, POOL_ACCOUNT, paid - debt_e6)
    _move(state, keeper, extra)
    _move(state, INSURANCE_ACCOUNT, -paid - extra)
    state.log("Covered", account, paid, debt_e6 - paid)


def _move(state: State, account: int, amount_e6: int) -> None:
    if amount_e6:
        move_collateral(state, account, amount_e6)
