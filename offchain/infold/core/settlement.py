# SPDX-License-Identifier: Apache-2.0
"""`Clearing.settle` and `apply` in exact integers: the engine knows the chain's answer.

Theory of operation. `settle` reads a state and a plan and returns an `Outcome`: every word that the
contract would write, the fills that stand and the skips with their reason codes. It changes
nothing; `commit` writes an outcome into a state. A structural fault raises `StructuralFault` with
the string the contract reverts with. The order of checks is the contract's, because the first
failing one decides (docs/protocol.md section 5).

What must change together: this file, `judging.py`, `pool.py`, `margin.py` and `funding.py`;
`contracts/Clearing.vy` with its modules; `infold/reference/`; docs/protocol.md; and the property
tests that hold the three equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from infold.core import funding, margin
from infold.core.doubts import doubts
from infold.core.funding import Mark
from infold.core.judging import BASE_LIMIT, judge
from infold.core.plan import (
    AccountChange,
    Deal,
    Outcome,
    Plan,
    PlannedFill,
    Reason,
    Running,
    SettledFill,
    Skip,
    StructuralFault,
)
from infold.core.pool import close_markets, strike
from infold.core.state import NO_FILL, NO_POSITION, Account, Market, Parameters, State
from infold.units import (
    BACKSTOP_ACCOUNT,
    EXIT_DELAY_MS,
    FIRST_TRADER,
    FRACTION_ONE_E6,
    QUOTE_DIVISOR,
    WINDOW_MS,
    fee_up,
    quote_down,
    quote_up,
)
from infold.words import (
    INTEREST_SHARE_OPEN,
    STATUS_SHRINK_ONLY,
    STATUS_UNLISTED,
    FillWord,
    LimitsWord,
    PositionWord,
    hash_prefix,
)

RECORDS_MAX: Final = 256
"""Of one batch: the contract copies them to memory, which costs by its bound."""
DEALS_MAX: Final = 64
"""Markets in a batch's price list, for the same reason."""
FILLS_MAX: Final = 64
"""Of one account in a batch: they wait in the contract's memory for its margin."""
MARKET_COUNT: Final = 256
QUOTE_LIMIT: Final = 1 << 60


# -- the batch -------------------------------------------------------------------------------------


def settle(state: State, plan: Plan, now_ms: int | None = None) -> Outcome:
    """What the chain will make of `plan`; `now_ms` is the block's time if the window is judged.

    Raises `StructuralFault` where the contract reverts. Seals and the vector's signatures are the
    shell's.
    """
    head = state.head
    time_ms = plan.time_ms
    if plan.number != head.number + 1:
        raise StructuralFault("clearing: wrong batch number")
    if time_ms <= head.time_ms:
        raise StructuralFault("clearing: batch time must rise")
    if now_ms is not None and not now_ms - WINDOW_MS <= time_ms <= now_ms + 1000:
        raise StructuralFault("clearing: batch time outside window")

    deals = _open_markets(state, plan)
    marks = {market: deal.mark for market, deal in deals.items()}
    _check_records(plan, deals)

    outcome = Outcome([], [], {}, {}, head, {})
    for account, fills in grouped(plan.fills):
        _settle_account(state, plan, account, fills, deals, marks, outcome)
    _settle_backstop(state, plan, deals, marks, outcome)
    close_markets(state, plan, deals, outcome)
    strike(state, plan, outcome)
    return outcome


def grouped(fills: Iterable[PlannedFill]) -> Iterable[tuple[int, list[PlannedFill]]]:
    """Consecutive fills of one account together."""
    account = -1
    group: list[PlannedFill] = []
    for planned in fills:
        owner = planned.signed.order.account
        if owner != account:
            if group:
                yield account, group
            account, group = owner, []
        group.append(planned)
    if group:
        yield account, group


def _open_markets(state: State, plan: Plan) -> dict[int, Deal]:
    if len(plan.price_words) > DEALS_MAX:
        raise StructuralFault("clearing: too many markets")
    deals: dict[int, Deal] = {}
    previous = 0
    for market, price_e8, gross_e8 in plan.price_words:
        if market <= previous:
            raise StructuralFault("clearing: prices not ascending", market=market)
        previous = market
        held = state.markets.get(market)
        parameters = held.at(plan.time_ms) if held is not None and market < MARKET_COUNT else None
        if held is None or parameters is None or parameters.rates.status == STATUS_UNLISTED:
            raise StructuralFault("clearing: market not live", market=market)
        oracle_price_e8 = plan.oracle_price_e8(market)
        if not oracle_price_e8 or not price_e8:
            raise StructuralFault("clearing: no price", market=market)
        deals[market] = Deal(
            held,
            parameters,
            margin.mark_at(held, oracle_price_e8, plan.time_ms),
            price_e8,
            gross_e8,
            is_shrink_only(state.limits, held, parameters, oracle_price_e8, plan.time_ms)
            or doubts(state, market, oracle_price_e8, plan.time_ms)
            or is_crowded(state.limits, held, parameters, oracle_price_e8, gross_e8),
        )
    return deals


def is_shrink_only(
    limits: LimitsWord, market: Market, parameters: Parameters, oracle_price_e8: int, time_ms: int
) -> bool:
    """Whether a halt, status or a price move beyond the bound lets positions only shrink; open
    interest and a second source's doubt aside.
    """
    rates = parameters.rates
    if rates.status == STATUS_SHRINK_ONLY or limits.halts(time_ms):
        return True
    last_e8 = market.clock.price_e8
    if not last_e8:
        return False
    bound_e6 = rates.move_e6 + rates.move_per_s_e6 * (
        funding.since_ms(market.clock, time_ms) // 1000
    )
    return abs(oracle_price_e8 - last_e8) * FRACTION_ONE_E6 > last_e8 * bound_e6


def is_crowded(
    limits: LimitsWord, market: Market, parameters: Parameters, oracle_price_e8: int, gross_e8: int
) -> bool:
    """Whether open interest with `gross_e8` more would pass its cap, or what it may be worth
    against the pool's capital.
    """
    caps = parameters.caps
    interest_e8 = market.meter.open_interest_e8 + gross_e8
    if interest_e8 > caps.interest_cap_e8:
        return True
    if caps.interest_share == INTEREST_SHARE_OPEN:
        return False
    room_e16 = limits.capital_e6 * QUOTE_DIVISOR << caps.interest_share
    return interest_e8 * oracle_price_e8 << 4 > room_e16


def _check_records(plan: Plan, deals: Mapping[int, Deal]) -> None:
    """Order, number and markets of the records; the plan takes each whatever happens to it."""
    if len(plan.fills) > RECORDS_MAX:
        raise StructuralFault("clearing: too many records")
    previous = (FIRST_TRADER << 8) - 1
    last_account = -1
    count = 0
    for signed, _, fill_e8 in plan.fills:
        order = signed.order
        place = order.account << 8 | order.slot
        if place <= previous:
            raise StructuralFault("clearing: records not ascending", account=order.account)
        previous = place
        count = count + 1 if order.account == last_account else 1
        last_account = order.account
        if count > FILLS_MAX:
            raise StructuralFault("clearing: too many fills of one account", account=order.account)
        deal = deals.get(order.market)
        if deal is None:
            raise StructuralFault("clearing: market not priced", market=order.market)
        deal.quote_e6 += quote_change(order.buy, deal.price_e8, fill_e8)
        if order.buy:
            deal.bought_e8 += fill_e8
        else:
            deal.sold_e8 += fill_e8


def quote_change(buy: bool, price_e8: int, size_e8: int) -> int:
    """What a fill moves of the trader's quote, before its fee."""
    return -quote_up(price_e8, size_e8) if buy else quote_down(price_e8, size_e8)


# -- one account -----------------------------------------------------------------------------------


def _settle_account(
    state: State,
    plan: Plan,
    account: int,
    fills: Sequence[PlannedFill],
    deals: Mapping[int, Deal],
    marks: dict[int, Mark],
    outcome: Outcome,
) -> None:
    held = state.accounts.get(account)
    running: dict[int, Running] = {}
    passed: list[SettledFill] = []
    for planned in fills:
        deal = deals[planned.signed.order.market]
        reason = judge(
            held,
            planned,
            deal.price_e8,
            deal.mark.price_e8,
            deal.parameters.rates.fee_e6,
            plan.time_ms,
        )
        if reason is None and held is not None:
            result = _run(held, planned, deal, running, plan.time_ms)
            if isinstance(result, Reason):
                reason = result
            else:
                passed.append(result)
        if reason is not None:
            outcome.skips.append(Skip(planned, reason))
            _hand_over(deal, planned)
    if not passed or held is None:
        return
    reason = _judge_account(state, plan, held, running, marks)
    if reason is not None:
        for settled in passed:
            outcome.skips.append(Skip(settled.planned, reason))
            _hand_over(deals[settled.planned.signed.order.market], settled.planned)
        return
    outcome.fills.extend(passed)
    outcome.accounts[account] = _change(held, running, passed, deals)


def _hand_over(deal: Deal, planned: PlannedFill) -> None:
    """Give a skipped fill to the backstop."""
    order = planned.signed.order
    deal.skipped = True
    deal.skipped_base_e8 += planned.fill_e8 if order.buy else -planned.fill_e8
    deal.skipped_quote_e6 += quote_change(order.buy, deal.price_e8, planned.fill_e8)


def _run(
    held: Account,
    planned: PlannedFill,
    deal: Deal,
    running: dict[int, Running],
    time_ms: int,
) -> SettledFill | Reason:
    """Apply a fill to the account's running position, or say why it cannot be."""
    signed, index, fill_e8 = planned
    order = signed.order
    market = order.market
    position = running.get(index)
    if position is not None:
        if position.market != market:
            return Reason.POSITION
    else:
        before = held.positions.get(index)
        if before is None:
            elsewhere = held.index_of(market)
            if elsewhere is not None or any(r.market == market for r in running.values()):
                return Reason.POSITION
            position = Running(market, None, 0, 0)
        elif before.market != market:
            return Reason.POSITION
        elif is_behind(deal.market, before):
            return Reason.DELEVERAGED
        elif is_leaving(held, index, before, time_ms):
            return Reason.EXIT
        else:
            due = funding.credit(
                before.base_e8, deal.mark.funding_index - before.funding_index, deal.mark.shift
            )
            position = Running(market, before, before.base_e8, before.quote_e6 + due, due)

    change_e8 = fill_e8 if order.buy else -fill_e8
    base_e8 = position.base_e8 + change_e8
    if order.reduce_only or deal.shrink_only:
        if not position.base_e8 or not margin.shrank(position.base_e8, base_e8):
            return Reason.REDUCE_ONLY if order.reduce_only else Reason.MARKET_LIMIT
    fee_e6 = fee_up(deal.price_e8, fill_e8, deal.parameters.rates.fee_e6)
    quote_e6 = position.quote_e6 + quote_change(order.buy, deal.price_e8, fill_e8) - fee_e6
    if abs(base_e8) >= BASE_LIMIT or abs(quote_e6) >= QUOTE_LIMIT:
        return Reason.OVERFLOW
    position.base_e8 = base_e8
    position.quote_e6 = quote_e6
    position.fees_e6 += fee_e6
    running[index] = position
    fill_word = held.fills.get(order.slot, NO_FILL)
    filled_e8 = fill_word.filled_e8 if fill_word.seq == order.seq else 0
    return SettledFill(planned, deal.price_e8, fee_e6, filled_e8 + fill_e8)


def _judge_account(
    state: State,
    plan: Plan,
    held: Account,
    running: Mapping[int, Running],
    marks: dict[int, Mark],
) -> Reason | None:
    """Section 5.4: whether the account's fills stand together."""
    for index, position in sorted(held.positions.items()):
        if not _marked(state, plan, position.market, marks):
            return Reason.NO_PRICE
        if index not in running and is_behind(state.markets[position.market], position):
            return Reason.DELEVERAGED
    after = margin.standing(_positions_after(held, running, marks), marks)
    collateral_e6 = held.word.collateral_e6
    if margin.has_initial_margin(collateral_e6, held.withdrawal, plan.time_ms, after):
        return None
    if not all(
        margin.shrank(run.before.base_e8 if run.before else 0, run.base_e8)
        for run in running.values()
    ):
        return Reason.MARGIN
    before = margin.standing(held.positions.values(), marks)
    cash_e6 = collateral_e6 + held.withdrawal.amount_e6
    return None if margin.risk_fell(cash_e6, before, after) else Reason.MARGIN


def _marked(state: State, plan: Plan, market: int, marks: dict[int, Mark]) -> bool:
    """Whether the vector prices a held market; its mark is made on first use."""
    if market not in marks:
        price_e8 = plan.oracle_price_e8(market)
        if not price_e8:
            return False
        marks[market] = margin.mark_at(state.markets[market], price_e8, plan.time_ms)
    return True


def _positions_after(
    held: Account, running: Mapping[int, Running], marks: Mapping[int, Mark]
) -> list[PositionWord]:
    positions = [word for index, word in held.positions.items() if index not in running]
    positions += [
        PositionWord(run.market, run.base_e8, run.quote_e6, marks[run.market].funding_index)
        for run in running.values()
    ]
    return positions


def _change(
    held: Account,
    running: Mapping[int, Running],
    passed: Sequence[SettledFill],
    deals: Mapping[int, Deal],
) -> AccountChange:
    """Write down what stands: positions, funding, fees, open interest, fill words."""
    change = AccountChange(held.word.collateral_e6)
    for index in sorted(running):
        run = running[index]
        deal = deals[run.market]
        deal.credits_e6 += run.credit_e6
        deal.fees_e6 += run.fees_e6
        deal.interest_e8 += max(run.base_e8, 0) - max(run.before.base_e8 if run.before else 0, 0)
        if run.base_e8:
            change.positions[index] = PositionWord(
                run.market,
                run.base_e8,
                run.quote_e6,
                deal.mark.funding_index,
                deal.market.deleveraged.last | (run.before.event & 1 if run.before else 0),
            )
        else:
            change.positions[index] = None
            change.collateral_e6 += run.quote_e6
            deal.realised_e6 += run.quote_e6
    for settled in passed:
        order = settled.planned.signed.order
        word = held.fills.get(order.slot, NO_FILL)
        change.fills[order.slot] = FillWord(
            hash_prefix(settled.planned.signed.order_hash),
            word.cancel_ms,
            word.cancel_seq,
            settled.filled_e8,
            order.seq,
        )
    return change


def is_behind(market: Market, position: PositionWord) -> bool:
    """Whether a deleveraging took from the position's side what it has not given up yet."""
    return position.event < market.last_of(position)


def is_leaving(held: Account, index: int, position: PositionWord, time_ms: int) -> bool:
    """Whether an appointed time of the position's exit is within the window of `time_ms`."""
    asked = held.exits.get(index)
    if not position.event & 1 or asked is None:
        return False
    since_ms = time_ms + WINDOW_MS - asked.asked_ms
    return since_ms >= EXIT_DELAY_MS and since_ms % EXIT_DELAY_MS <= 2 * WINDOW_MS


# -- the backstop -------------------------------------------------------------------------------


def _settle_backstop(
    state: State,
    plan: Plan,
    deals: Mapping[int, Deal],
    marks: dict[int, Mark],
    outcome: Outcome,
) -> None:
    """Section 5.5: account 1 steps into the net of what was skipped."""
    if not outcome.skips:
        return
    before = {m: held.backstop for m, held in state.markets.items() if held.backstop.base_e8}
    for market in before:
        if not _marked(state, plan, market, marks):
            raise StructuralFault("clearing: no price", market=market)
    after = dict(before)
    account = state.accounts[BACKSTOP_ACCOUNT]
    cash_before_e6 = cash_e6 = account.word.collateral_e6
    steady = True
    for market, deal in deals.items():
        change_e8 = deal.skipped_base_e8
        if not change_e8 and not deal.skipped_quote_e6:
            continue
        held = deal.market.backstop
        mark = deal.mark
        due = funding.credit(held.base_e8, mark.funding_index - held.funding_index, mark.shift)
        fee_e6 = fee_up(deal.price_e8, abs(change_e8), deal.parameters.rates.fee_e6)
        base_e8 = held.base_e8 + change_e8
        quote_e6 = held.quote_e6 + due + deal.skipped_quote_e6 - fee_e6
        if abs(base_e8) >= BASE_LIMIT or abs(quote_e6) >= QUOTE_LIMIT:
            raise StructuralFault("clearing: backstop margin", account=BACKSTOP_ACCOUNT)
        steady &= margin.shrank(held.base_e8, base_e8)
        deal.credits_e6 += due
        deal.fees_e6 += fee_e6
        deal.interest_e8 += max(base_e8, 0) - max(held.base_e8, 0)
        if base_e8:
            event = deal.market.deleveraged.last
            deal.backstop = PositionWord(market, base_e8, quote_e6, mark.funding_index, event)
            after[market] = deal.backstop
        else:
            deal.backstop = NO_POSITION
            after.pop(market, None)
            cash_e6 += quote_e6
            deal.realised_e6 += quote_e6
    outcome.collateral_e6[BACKSTOP_ACCOUNT] = cash_e6

    now = margin.standing(after.values(), marks)
    if margin.has_initial_margin(cash_e6, account.withdrawal, plan.time_ms, now):
        return
    then = margin.standing(before.values(), marks)
    now = now._replace(value_e6=now.value_e6 + cash_e6 - cash_before_e6)
    owned_e6 = cash_before_e6 + account.withdrawal.amount_e6
    if not steady or not margin.risk_fell(owned_e6, then, now):
        raise StructuralFault("clearing: backstop margin", account=BACKSTOP_ACCOUNT)


# -- writing ---------------------------------------------------------------------------------------


def commit(state: State, outcome: Outcome) -> None:
    """Write an outcome into the state it was computed from."""
    for account, change in outcome.accounts.items():
        held = state.accounts[account]
        held.fills.update(change.fills)
        for index, position in change.positions.items():
            _place(held, index, position)
        held.word = held.word._replace(
            collateral_e6=change.collateral_e6, mask=mask_of(held.positions)
        )
    for account, collateral_e6 in outcome.collateral_e6.items():
        held = state.accounts[account]
        held.word = held.word._replace(collateral_e6=collateral_e6)
    state.markets.update(outcome.markets)
    state.head = outcome.head
    if outcome.strike is not None:
        state.strikes[outcome.strike.epoch] = outcome.strike.word
        state.limits = state.limits._replace(
            capital_e6=outcome.strike.capital_e6,
            struck_e6=state.limits.struck_e6 + outcome.strike.gained_e6,
        )
        state.supply = outcome.strike.supply


def _place(held: Account, index: int, position: PositionWord | None) -> None:
    if position is None:
        held.positions.pop(index, None)
    else:
        held.positions[index] = position


def mask_of(positions: Iterable[int]) -> int:
    """The account word's bit set of open positions."""
    mask = 0
    for index in positions:
        mask |= 1 << index
    return mask
