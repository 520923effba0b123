# SPDX-License-Identifier: Apache-2.0
"""Liquidation and what follows it: how much is closed, on which terms, and who pays a debt
(docs/protocol.md §7).
"""

from __future__ import annotations

from typing import NamedTuple

from .arithmetic import FRACTION_SCALE, QUOTE_SCALE, ceil_div
from .deleveraging import check_side, fold, in_transit, note, split
from .faults import require
from .margin import Mark, Standing, credit, quote_of_buy, quote_of_sale, requirement
from .settlement import BACKSTOP_ACCOUNT, INSURANCE_ACCOUNT, POOL_ACCOUNT, move_collateral
from .state import CLOCK, EVENTS, INCOMING, LEDGER, METER, POOL, TRANSIT, State
from .words import (
    Account,
    Caps,
    Clock,
    Deleveraging,
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
EXIT_LEAN_E6 = 2_000
DOUBTED_TIMES = 3


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


def exit_terms(rates: Rates) -> Terms:
    """20 bp to the pool, or h_min where that is more."""
    return Terms(max(EXIT_LEAN_E6, rates.h_min_e6), 0, 0, 0, appointed=True)


def exit_spread(rates: Rates, oracle_e8: int, position: Position) -> Terms:
    """The same from the other side, which bears no more than its maintenance margin."""
    lean = min(max(EXIT_LEAN_E6, rates.h_min_e6), rates.mm_e6)
    offset = oracle_e8 * lean // 10**6
    price = oracle_e8 - offset if position.base_e8 > 0 else oracle_e8 + offset
    return Terms(price, 0, 0, 0, appointed=True, spread=True)


def size_to_close(case: Case) -> int:
    """Lots after which equity is five quarters of maintenance margin. All of a position goes where
    that cannot be reached, or where only dust would stay.
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
    return size


def check_spread(state: State, case: Case) -> None:
    """Nobody is deleveraged while the pool can take the position and insurance its debt."""
    if case.room_e8 > 0:
        rates = case.mark.rates
        notional = abs(case.position.base_e8) * case.mark.oracle_price_e8
        lean = ceil_div(notional * rates.h_min_e6, FRACTION_SCALE)
        equity = case.standing.equity_e6
        beyond = equity < 0 and equity - lean + insured_e6(state) < 0
        require(beyond, "recovery: pool has room")


def insured_e6(state: State) -> int:
    """What insurance has."""
    return max(0, Account.of(state.accounts.get(INSURANCE_ACCOUNT, 0)).collateral_e6)


def spread_terms(state: State, case: Case, size_e8: int, keeper: int) -> Terms:
    """At which price the other side takes lots over: worse for their owner while it has equity, and
    better by what it owes beyond insurance, within the maintenance margin of what is closed.
    """
    rates = case.mark.rates
    oracle = case.mark.oracle_price_e8
    equity = case.standing.equity_e6
    long = case.position.base_e8 > 0
    pool_terms = terms_of(case, size_e8, keeper)
    if equity < 0:
        debt = max(0, -equity - insured_e6(state))
        offset = min(ceil_div(debt * QUOTE_SCALE, size_e8), oracle * rates.mm_e6 // 10**6)
        price = oracle + offset if long else oracle - offset
        return pool_terms._replace(price=price, charge_e6=0, spread=True)
    lean = min(rates.h_min_e6, rates.mm_e6)
    offset = min(oracle * lean // 10**6, equity * QUOTE_SCALE // size_e8)
    price = oracle - offset if long else oracle + offset
    penalty = ceil_div(size_e8 * oracle * rates.mm_e6, 4 * FRACTION_SCALE)
    left = max(0, equity - ceil_div(size_e8 * offset, QUOTE_SCALE))
    return pool_terms._replace(price=price, charge_e6=min(penalty, left), spread=True)


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
) -> Deleveraging | None:
    """`Rules.shrink` and what `Clearing.apply` writes of it; what a spread leaves to fold."""
    position = Position.of(state.positions.get((account << 4) + place, 0))
    base = position.base_e8 + change_e8
    shrinks = abs(base) < abs(position.base_e8) and base * position.base_e8 >= 0
    require(shrinks, "clearing: apply must shrink")
    require(mark is not None, "clearing: no price")
    assert mark is not None
    market, oracle, rates = mark.market, mark.oracle_price_e8, mark.rates
    notional = abs(change_e8) * oracle
    require(
        _price_in_bounds(terms, oracle, rates)
        and terms.charge_e6 <= ceil_div(notional * rates.mm_e6, FRACTION_SCALE)
        and terms.bounty_e6 * FRACTION_SCALE <= notional * rates.fee_e6,
        "clearing: terms too harsh",
    )
    funding = credit(position.base_e8, mark.funding_index - position.funding_index, rates.shift)
    to_owner = quote_of_buy if change_e8 > 0 else quote_of_sale
    if terms.spread:
        moved = to_owner(terms.price, abs(change_e8))
    else:
        moved = to_owner(oracle, abs(change_e8)) - ceil_div(notional * terms.price, FRACTION_SCALE)
    quote = position.quote_e6 + funding + moved - terms.charge_e6
    change = _Change(position.base_e8, base, moved, funding, terms.charge_e6, quote)
    owed = None
    if terms.spread:
        owed, ahead = _move_spread(state, market, mark, terms.price, change)
    else:
        ahead = _move_pool(state, mark, caps, change)
    _move_ledger(state, market, change, ahead)
    event = mark.event | position.event & 1
    after = Position(market, base, quote, mark.funding_index, event)
    _write(state, account, place, after)
    return owed


def _price_in_bounds(terms: Terms, oracle_e8: int, rates: Rates) -> bool:
    if terms.spread:
        return abs(terms.price - oracle_e8) * 10**6 <= oracle_e8 * rates.mm_e6
    return terms.price <= LEAN_E6_MAX


def _write(state: State, account: int, place: int, position: Position) -> None:
    """A position as it now is, closed at base 0, and what is logged of it and its market."""
    key = (account << 4) + place
    word = position.word if position.base_e8 else 0
    state.put(state.positions, key, word)
    if not word:
        if account == BACKSTOP_ACCOUNT:
            mask = state.scalar("backstop_markets")
            state.put_scalar("backstop_markets", mask & ~(1 << position.market))
        else:
            stored = Account.of(state.accounts.get(account, 0))
            closed = stored._replace(mask=stored.mask & ~(1 << place))
            state.put(state.accounts, account, closed.word)
        move_collateral(state, account, position.quote_e6)
    places = (CLOCK, METER, LEDGER, INCOMING, TRANSIT, EVENTS)
    words = (state.market_word(position.market, at) for at in places)
    state.log("Applied", account, place, word, *words)


def amend(state: State, account: int, place: int, owed_word: int, event: int) -> None:
    """`Clearing.apply` of a fold: a deleveraging's part, or the event field alone."""
    position = Position.of(state.positions.get((account << 4) + place, 0))
    after = position._replace(event=event)
    if owed_word:
        owed = Deleveraging.of(owed_word)
        check_side(position, owed)
        clock = Clock.of(state.market_word(position.market, CLOCK))
        rates, _ = state.parameters(clock, position.market, 2**48)
        folded = fold(position, owed, event, rates.shift)
        after = folded.position
        in_transit(state, position.market, -folded.moved_e8, -folded.moved_e6)
        realised, fees, pot = Ledger.of(state.market_word(position.market, LEDGER))
        realised += 0 if after.base_e8 else after.quote_e6
        ledger = Ledger(realised, fees, pot - folded.funding_e6)
        state.put_market_word(position.market, LEDGER, ledger.word)
    _write(state, account, place, after)


def _hand_in(state: State, mark: Mark, to_pool: Holding) -> int:
    """Let the pool's part wait for the next batch, which will pay its funding from the last one on:
    what runs up to the mark is taken off its quote. Returns that, in e6.
    """
    clock = Clock.of(state.market_word(mark.market, CLOCK))
    waiting = Holding(0, 0)
    if clock.incoming:
        waiting = Holding.of(state.market_word(mark.market, INCOMING))
    run_up = mark.funding_index - clock.funding_index
    ahead = credit(-to_pool.base_e8, run_up, mark.rates.shift)
    joined = Holding(waiting.base_e8 + to_pool.base_e8, waiting.quote_e6 + to_pool.quote_e6 + ahead)
    state.put_market_word(mark.market, INCOMING, joined.word)
    state.put_market_word(mark.market, CLOCK, clock._replace(incoming=True).word)
    return ahead


def _move_spread(
    state: State, market: int, mark: Mark, price_e8: int, moved: _Change
) -> tuple[Deleveraging | None, int]:
    """The market's words after a position went from one base to another against the other side."""
    change = moved.base_e8 - moved.base_before_e8
    spread = split(state, market, change, price_e8, mark.funding_index)
    ahead = _hand_in(state, mark, spread.pool) if spread.pool.base_e8 else 0
    clock = Clock.of(state.market_word(market, CLOCK))
    if clock.incoming:
        state.put_scalar("pool_markets", state.scalar("pool_markets") | 1 << market)
    rest = -change - spread.pool.base_e8, -moved.moved_e6 - spread.pool.quote_e6
    in_transit(state, market, *rest)
    if spread.owed is not None:
        note(state, market, spread.owed)
        clock = clock._replace(deleveraged=True)
        if spread.owed.long:
            meter = Meter.of(state.market_word(market, METER))
            interest = meter.open_interest_e8 - spread.owed.closed_e8
            state.put_market_word(market, METER, meter._replace(open_interest_e8=interest).word)
    state.put_market_word(market, CLOCK, clock.word)
    return spread.owed, ahead


def _move_ledger(state: State, market: int, moved: _Change, ahead_e6: int) -> None:
    """Open interest and ledger after a position went from one base to another."""
    meter = Meter.of(state.market_word(market, METER))
    interest = meter.open_interest_e8 + max(moved.base_e8, 0) - max(moved.base_before_e8, 0)
    realised, fees, pot = Ledger.of(state.market_word(market, LEDGER))
    realised += moved.charge_e6 + (0 if moved.base_e8 else moved.quote_e6)
    state.put_market_word(market, METER, meter._replace(open_interest_e8=interest).word)
    pot -= moved.funding_e6 + ahead_e6
    state.put_market_word(market, LEDGER, Ledger(realised, fees, pot).word)


def _move_pool(state: State, mark: Mark, caps: Caps, moved: _Change) -> int:
    """The pool's words after a position went from one base to another against it."""
    market = mark.market
    before = Holding.of(state.market_word(market, POOL)).base_e8
    if Clock.of(state.market_word(market, CLOCK)).incoming:
        before += Holding.of(state.market_word(market, INCOMING)).base_e8
    change = moved.base_e8 - moved.base_before_e8
    after = abs(before - change)
    require(after <= caps.position_cap_e8 or after <= abs(before), "clearing: pool cap")
    ahead = _hand_in(state, mark, Holding(-change, -moved.moved_e6))
    state.put_scalar("pool_markets", state.scalar("pool_markets") | 1 << market)
    return ahead


def pay_out(state: State, account: int, terms: Terms) -> None:
    """Half of the charge to the keeper, the rest to insurance; then a debt, if nothing is held."""
    part = terms.charge_e6 // 2 if terms.keeper else 0
    _move(state, terms.keeper, part)
    _move(state, INSURANCE_ACCOUNT, terms.charge_e6 - part)
    stored = Account.of(state.accounts.get(account, 0))
    holds = stored.mask or (account == BACKSTOP_ACCOUNT and state.scalar("backstop_markets"))
    if holds or stored.collateral_e6 >= 0:
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
    insurance = insured_e6(state)
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
