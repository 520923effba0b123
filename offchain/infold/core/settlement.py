# SPDX-License-Identifier: Apache-2.0
"""`Clearing.settle` and `apply` in exact integers: the engine knows the chain's answer before it sends.

Theory of operation. `settle` reads a state and a plan and returns an `Outcome`: every word that the contract
would write, the fills that stand and the skips with their reason codes. It changes nothing; `commit` writes an
outcome into a state. A structural fault raises `StructuralFault` with the string the contract reverts with.
The order of checks is the contract's, because the first failing one decides (docs/protocol.md section 5).

What must change together: this file, `margin.py` and `funding.py`; `contracts/Clearing.vy` with its modules;
`infold/reference/`; docs/protocol.md; and the property tests that hold the three equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, NamedTuple

from infold.core import funding, margin
from infold.core.margin import Mark
from infold.core.state import NO_FILL, Account, Market, Parameters, State
from infold.errors import InfoldError
from infold.messages import SignedOrder, TimeInForce, TriggerKind
from infold.units import (
    BACKSTOP_ACCOUNT,
    DAY_MS,
    FIRST_TRADER,
    FRACTION_ONE_E6,
    GUARD_MS,
    POOL_ACCOUNT,
    QUOTE_DIVISOR,
    WINDOW_MS,
    div_trunc,
    div_up,
    fee_up,
    quote_down,
    quote_up,
)
from infold.words import (
    FLAG_INCOMING,
    STATUS_SHRINK_ONLY,
    STATUS_UNLISTED,
    BackstopWord,
    FillWord,
    HeadWord,
    IncomingWord,
    PoolWord,
    PositionWord,
    PriceWord,
    StrikeWord,
    TotalsWord,
    delegate_markets,
    hash_prefix,
)

RECORDS_MAX: Final = 640
"""The most that clustered records fit under a transaction's gas cap; the contract's calldata bound."""
FILLS_MAX: Final = 64
"""Of one account in a batch: they wait in the contract's memory for its margin."""
MARKET_COUNT: Final = 256
CHUNK_PRICES: Final = 32
BASE_LIMIT: Final = 1 << 62
QUOTE_LIMIT: Final = 1 << 86
COLLATERAL_LIMIT: Final = 1 << 62
METER_DAILY_E6: Final = 2_500
"""Capacity and daily leak of the global loss meter: 0.25% of the pool's capital."""
METER_SHARE: Final = 4
"""A market's bucket holds at most this part of the global one."""
RECENT_MS: Final = 8 * WINDOW_MS
SHARES_PER_UNIT: Final = 10**6


class Reason(IntEnum):
    """Why the chain skips an order; docs/protocol.md section 5.3."""

    ACCOUNT = 1
    RANGE = 2
    EXPIRY = 3
    GOOD_AFTER = 4
    TRIGGER = 5
    LIMIT = 6
    POST_ONLY = 7
    FEE = 8
    EPOCH = 9
    SIGNER = 10
    SLOT = 11
    CANCELLED = 12
    SIZE = 13
    FOK = 14
    IOC = 15
    POSITION = 16
    REDUCE_ONLY = 17
    EXIT = 18
    MARKET_LIMIT = 19
    OVERFLOW = 20
    NO_PRICE = 21
    MARGIN = 22


class StructuralFault(InfoldError):
    """The contract would revert the whole batch with `reason`; `market` or `account` is where, if anywhere."""

    def __init__(self, reason: str, *, market: int | None = None, account: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.market = market
        self.account = account


class PlannedFill(NamedTuple):
    """One record: an order, the place of the position it moves, and what this batch fills of it."""

    signed: SignedOrder
    index: int
    fill_e8: int


class Plan(NamedTuple):
    """What `settle` judges. `prices_e8` are the vector's; only chunks in `opened` can be read."""

    number: int
    time_ms: int
    chunks: int
    opened: int
    prices_e8: Mapping[int, int]
    price_words: Sequence[PriceWord]
    fills: Sequence[PlannedFill]

    def oracle_price_e8(self, market: int) -> int:
        """The price the contract reads for a market: zero if the vector has none or its chunk is shut."""
        chunk = market // CHUNK_PRICES
        if chunk >= self.chunks or not self.opened >> chunk & 1:
            return 0
        return self.prices_e8.get(market, 0)


class SettledFill(NamedTuple):
    """A fill that stands: at the market's price, with the fee charged, and the order's total so far."""

    planned: PlannedFill
    price_e8: int
    fee_e6: int
    filled_e8: int


class Skip(NamedTuple):
    """A fill the chain refuses."""

    planned: PlannedFill
    reason: Reason


@dataclass(slots=True)
class AccountChange:
    """What a batch writes of one account: None closes a position."""

    collateral_e6: int
    positions: dict[int, PositionWord | None] = field(default_factory=dict)
    fills: dict[int, FillWord] = field(default_factory=dict)


@dataclass(slots=True)
class Outcome:
    """Everything a batch changes; `commit` writes it."""

    fills: list[SettledFill]
    skips: list[Skip]
    accounts: dict[int, AccountChange]
    markets: dict[int, Market]
    head: HeadWord
    collateral_e6: dict[int, int]
    """New collateral of accounts 0 and 1."""
    totals: TotalsWord | None = None
    strike: tuple[int, StrikeWord] | None = None


@dataclass(slots=True)
class _Deal:
    """One priced market while a batch is judged."""

    market: Market
    parameters: Parameters
    mark: Mark
    price_e8: int
    gross_e8: int
    shrink_only: bool
    bought_e8: int = 0
    sold_e8: int = 0
    quote_e6: int = 0
    fees_e6: int = 0
    credits_e6: int = 0
    realised_e6: int = 0
    interest_e8: int = 0
    skipped: bool = False
    skipped_base_e8: int = 0
    skipped_quote_e6: int = 0
    backstop: BackstopWord | None = None


@dataclass(slots=True)
class _Running:
    """An account's position while its fills are applied, funding settled to T."""

    market: int
    before: PositionWord | None
    base_e8: int
    quote_e6: int
    credit_e6: int = 0
    fees_e6: int = 0


# -- the batch --------------------------------------------------------------------------------------


def settle(state: State, plan: Plan, now_ms: int | None = None) -> Outcome:
    """What the chain will make of `plan`; `now_ms` is the block's time where the window is judged too.

    Raises `StructuralFault` where the contract reverts. Seals and the vector's signatures are the shell's.
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
    _close_markets(state, plan, deals, outcome)
    _strike(state, plan, deals, outcome)
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


def _open_markets(state: State, plan: Plan) -> dict[int, _Deal]:
    deals: dict[int, _Deal] = {}
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
        deals[market] = _Deal(
            held,
            parameters,
            margin.mark_at(held, oracle_price_e8, plan.time_ms),
            price_e8,
            gross_e8,
            is_shrink_only(held, parameters, oracle_price_e8, plan.time_ms)
            or held.meter.open_interest_e8 + gross_e8 > parameters.caps.interest_cap_e8,
        )
    return deals


def is_shrink_only(
    market: Market, parameters: Parameters, oracle_price_e8: int, time_ms: int
) -> bool:
    """Whether status or a price move beyond the bound lets positions only shrink; interest cap aside."""
    rates = parameters.rates
    if rates.status == STATUS_SHRINK_ONLY:
        return True
    last_e8 = market.clock.price_e8
    if not last_e8:
        return False
    bound_e6 = rates.move_e6 + rates.move_per_s_e6 * (
        funding.since_ms(market.clock, time_ms) // 1000
    )
    return abs(oracle_price_e8 - last_e8) * FRACTION_ONE_E6 > last_e8 * bound_e6


def _check_records(plan: Plan, deals: Mapping[int, _Deal]) -> None:
    """Order, number and markets of the records; the plan takes each whatever happens to it."""
    if len(plan.fills) > RECORDS_MAX:
        raise StructuralFault("clearing: too many fills of one account")
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
            raise StructuralFault(
                "clearing: too many fills of one account", account=order.account
            )
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


# -- one order --------------------------------------------------------------------------------------


def judge(
    held: Account | None,
    planned: PlannedFill,
    price_e8: int,
    oracle_price_e8: int,
    fee_e6: int,
    time_ms: int,
) -> Reason | None:
    """The first failing check that needs no position; None if there is none."""
    signed, _, fill_e8 = planned
    order = signed.order
    if held is None or not held.word.owner:
        return Reason.ACCOUNT
    if (
        not 0 < order.size_e8 < BASE_LIMIT
        or not order.limit_price_e8
        or not order.seq
        or order.time_in_force not in _TIMES_IN_FORCE
        or order.trigger_kind not in _TRIGGER_KINDS
    ):
        return Reason.RANGE
    if time_ms > order.expiry_ms:
        return Reason.EXPIRY
    if time_ms < order.good_after_ms:
        return Reason.GOOD_AFTER
    if order.trigger_kind and not triggered(signed, oracle_price_e8):
        return Reason.TRIGGER
    if price_e8 > order.limit_price_e8 if order.buy else price_e8 < order.limit_price_e8:
        return Reason.LIMIT
    if order.post_only and (
        price_e8 > oracle_price_e8 if order.buy else price_e8 < oracle_price_e8
    ):
        return Reason.POST_ONLY
    if fee_e6 > order.max_fee_e6:
        return Reason.FEE
    if not epoch_serves(held, order.epoch, time_ms):
        return Reason.EPOCH
    if not signer_serves(held, signed, time_ms):
        return Reason.SIGNER

    fill_word = held.fills.get(order.slot, NO_FILL)
    filled_e8 = 0
    if order.seq == fill_word.seq:
        if hash_prefix(signed.order_hash) != fill_word.prefix:
            return Reason.SLOT
        filled_e8 = fill_word.filled_e8
    elif order.seq < fill_word.seq:
        return Reason.SLOT
    if order.seq <= fill_word.cancel_seq and time_ms > fill_word.cancel_ms:
        return Reason.CANCELLED
    if not fill_e8 or filled_e8 + fill_e8 > order.size_e8:
        return Reason.SIZE
    if order.time_in_force == TimeInForce.FOK and fill_e8 != order.size_e8:
        return Reason.FOK
    if order.time_in_force == TimeInForce.IOC and filled_e8:
        return Reason.IOC
    return None


_TIMES_IN_FORCE: Final = frozenset(TimeInForce)
_TRIGGER_KINDS: Final = frozenset(TriggerKind)


def triggered(signed: SignedOrder, oracle_price_e8: int) -> bool:
    """Whether the oracle price of the executing vector is through the order's trigger, if it has one."""
    kind = signed.order.trigger_kind
    if kind == TriggerKind.AT_OR_ABOVE:
        return oracle_price_e8 >= signed.order.trigger_price_e8
    if kind == TriggerKind.AT_OR_BELOW:
        return oracle_price_e8 <= signed.order.trigger_price_e8
    return True


def epoch_serves(held: Account, epoch: int, time_ms: int) -> bool:
    """Whether an order of this epoch can fill at `time_ms`: one behind lives up to the barrier."""
    now = held.word.epoch
    return epoch == now or (epoch + 1 == now and time_ms <= held.epoch_barrier_ms)


def signer_serves(held: Account, signed: SignedOrder, time_ms: int) -> bool:
    """Whether the recovered key is the owner's, or a delegate's whose grant covers the order."""
    order = signed.order
    signer = int.from_bytes(signed.signer, "big")
    if not signed.delegated:
        return signer == held.word.owner
    delegate = held.delegates.get(signer)
    return (
        delegate is not None
        and signer != 0
        and time_ms <= delegate.expiry_ms
        and order.market in delegate_markets(delegate.markets)
        and quote_down(order.limit_price_e8, order.size_e8) <= delegate.notional_e6
    )


# -- one account ------------------------------------------------------------------------------------


def _settle_account(
    state: State,
    plan: Plan,
    account: int,
    fills: Sequence[PlannedFill],
    deals: Mapping[int, _Deal],
    marks: dict[int, Mark],
    outcome: Outcome,
) -> None:
    held = state.accounts.get(account)
    running: dict[int, _Running] = {}
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
            result = _run(held, planned, deal, running)
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


def _hand_over(deal: _Deal, planned: PlannedFill) -> None:
    """Give a skipped fill to the backstop."""
    order = planned.signed.order
    deal.skipped = True
    deal.skipped_base_e8 += planned.fill_e8 if order.buy else -planned.fill_e8
    deal.skipped_quote_e6 += quote_change(order.buy, deal.price_e8, planned.fill_e8)


def _run(
    held: Account, planned: PlannedFill, deal: _Deal, running: dict[int, _Running]
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
            position = _Running(market, None, 0, 0)
        elif before.market != market:
            return Reason.POSITION
        else:
            due = funding.credit(
                before.base_e8, deal.mark.index - before.funding_index, deal.mark.shift
            )
            position = _Running(market, before, before.base_e8, before.quote_e6 + due, due)

    change_e8 = fill_e8 if order.buy else -fill_e8
    base_e8 = position.base_e8 + change_e8
    if order.reduce_only or deal.shrink_only:
        if not position.base_e8 or not margin.shrank(position.base_e8, base_e8):
            return Reason.REDUCE_ONLY if order.reduce_only else Reason.MARKET_LIMIT
    fee_e6 = fee_up(deal.price_e8, fill_e8, deal.parameters.rates.fee_e6)
    quote_e6 = position.quote_e6 + quote_change(order.buy, deal.price_e8, fill_e8) - fee_e6
    if (
        abs(base_e8) >= BASE_LIMIT
        or abs(quote_e6) >= QUOTE_LIMIT
        or (not base_e8 and abs(held.word.collateral_e6 + quote_e6) >= COLLATERAL_LIMIT)
    ):
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
    running: Mapping[int, _Running],
    marks: dict[int, Mark],
) -> Reason | None:
    """Section 5.4: whether the account's fills stand together."""
    for position in held.positions.values():
        if not _marked(state, plan, position.market, marks):
            return Reason.NO_PRICE
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
    held: Account, running: Mapping[int, _Running], marks: Mapping[int, Mark]
) -> list[PositionWord]:
    positions = [word for index, word in held.positions.items() if index not in running]
    positions += [
        PositionWord(run.market, run.base_e8, run.quote_e6, marks[run.market].index)
        for run in running.values()
    ]
    return positions


def _change(
    held: Account,
    running: Mapping[int, _Running],
    passed: Sequence[SettledFill],
    deals: Mapping[int, _Deal],
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
                deal.mark.index,
                run.before.event if run.before else 0,
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


# -- backstop, pool, shares -------------------------------------------------------------------------


def _settle_backstop(
    state: State,
    plan: Plan,
    deals: Mapping[int, _Deal],
    marks: dict[int, Mark],
    outcome: Outcome,
) -> None:
    """Section 5.5: account 1 steps into the net of what was skipped."""
    if not outcome.skips:
        return
    held = state.accounts[BACKSTOP_ACCOUNT]
    collateral_e6 = held.word.collateral_e6
    before: list[PositionWord] = []
    after: list[PositionWord] = []
    all_shrank = True
    for market in sorted(state.markets):
        word = state.markets[market].backstop
        if word.base_e8:
            if not _marked(state, plan, market, marks):
                raise StructuralFault("clearing: backstop price", market=market)
            before.append(PositionWord(market, *word))
        deal = deals.get(market)
        if deal is None or not (deal.skipped_base_e8 or deal.skipped_quote_e6):
            if word.base_e8:
                after.append(PositionWord(market, *word))
            continue
        base_e8, quote_e6, index = word
        if deal.skipped_base_e8:
            due = funding.credit(base_e8, deal.mark.index - index, deal.mark.shift)
            fee_e6 = fee_up(
                deal.price_e8, abs(deal.skipped_base_e8), deal.parameters.rates.fee_e6
            )
            deal.credits_e6 += due
            deal.fees_e6 += fee_e6
            base_e8 += deal.skipped_base_e8
            quote_e6 += due - fee_e6
            index = deal.mark.index
            deal.interest_e8 += max(base_e8, 0) - max(word.base_e8, 0)
            all_shrank &= margin.shrank(word.base_e8, base_e8)
        quote_e6 += deal.skipped_quote_e6
        if base_e8:
            after.append(PositionWord(market, base_e8, quote_e6, index))
        else:
            collateral_e6 += quote_e6
            deal.realised_e6 += quote_e6
            quote_e6 = index = 0
        deal.backstop = BackstopWord(base_e8, quote_e6, index)
    outcome.collateral_e6[BACKSTOP_ACCOUNT] = collateral_e6

    # Unlike a trader it is weighed after what closed has joined its collateral.
    now = margin.standing(after, marks)
    if collateral_e6 + now.haircut_value_e6 >= now.im_e6:
        return
    then = margin.standing(before, marks)
    now = now._replace(value_e6=now.value_e6 + collateral_e6 - held.word.collateral_e6)
    if not all_shrank or not margin.risk_fell(held.word.collateral_e6, then, now):
        raise StructuralFault("clearing: backstop margin", account=BACKSTOP_ACCOUNT)


def meter_capacity_e6(totals: TotalsWord) -> int:
    """What the loss meter of all markets together holds."""
    return totals.capital_e6 * METER_DAILY_E6 // FRACTION_ONE_E6


def global_bucket_e6(state: State, time_ms: int) -> int:
    """The global loss bucket after its leak to `time_ms`, before any market's loss."""
    head = state.head
    if not head.time_ms:
        return head.bucket_e6
    leak_e6 = meter_capacity_e6(state.totals) * (time_ms - head.time_ms) // DAY_MS
    return max(0, head.bucket_e6 - leak_e6)


def meter_loss_e6(
    market: Market, oracle_price_e8: int, price_e8: int, residual_e8: int
) -> int:
    """What trading against the pool took from it since the market's last batch; gains are negative."""
    taken = residual_e8 * (oracle_price_e8 - price_e8)
    if market.clock.price_e8:
        taken += market.meter.recent_e8 * (oracle_price_e8 - market.clock.price_e8)
    return div_trunc(taken, QUOTE_DIVISOR)


def market_bucket_e6(market: Market, capacity_e6: int, dt_ms: int, loss_e6: int) -> int:
    """A market's loss bucket after its leak and this batch's loss."""
    leak_e6 = capacity_e6 * dt_ms // (METER_SHARE * DAY_MS)
    return max(0, market.meter.bucket_e6 - leak_e6 + loss_e6)


def _check_price(deal: _Deal, residual_e8: int) -> None:
    """C6 and C7, by which side the residual lies on."""
    rates, caps, _ = deal.parameters
    market = deal.market.market
    oracle_e8 = deal.mark.price_e8
    lean = deal.price_e8 - oracle_e8
    width = abs(lean)
    if width * FRACTION_ONE_E6 > oracle_e8 * rates.band_e6:
        raise StructuralFault("clearing: price outside band", market=market)
    if not residual_e8:
        if width * FRACTION_ONE_E6 > oracle_e8 * rates.h0_e6:
            raise StructuralFault("clearing: price beyond curve", market=market)
        return
    side = 1 if residual_e8 > 0 else -1
    if side * lean * FRACTION_ONE_E6 < oracle_e8 * rates.h_min_e6:
        raise StructuralFault("clearing: price on the wrong side", market=market)
    tilt_e8 = max(0, side * (residual_e8 - 2 * deal.market.pool.base_e8))
    reach_e20 = (rates.h_min_e6 + rates.h0_e6) * 10**14 + caps.slope_e20 * tilt_e8 // 2
    if side * lean * 10**20 > oracle_e8 * reach_e20:
        raise StructuralFault("clearing: price beyond curve", market=market)


def _close_markets(
    state: State, plan: Plan, deals: Mapping[int, _Deal], outcome: Outcome
) -> None:
    """Section 5.6, market by market; the global bucket runs through them."""
    capacity_e6 = meter_capacity_e6(state.totals)
    level_e6 = global_bucket_e6(state, plan.time_ms)
    for market, deal in deals.items():
        level_e6 = _close_market(state, plan, deal, capacity_e6, level_e6, outcome)
        outcome.markets[market].backstop = deal.backstop or deal.market.backstop
    outcome.head = HeadWord(
        plan.number, plan.time_ms, state.head.epoch, state.head.epoch_end_ms, level_e6
    )


def _close_market(
    state: State, plan: Plan, deal: _Deal, capacity_e6: int, level_e6: int, outcome: Outcome
) -> int:
    held = deal.market
    market = held.market
    rates, caps, _ = deal.parameters
    oracle_e8 = deal.mark.price_e8
    dt_ms = funding.since_ms(held.clock, plan.time_ms)
    if deal.bought_e8 > deal.gross_e8:
        raise StructuralFault("clearing: gross exceeded", market=market)
    residual_e8 = deal.bought_e8 - deal.sold_e8
    pool_e8 = held.pool.base_e8
    after_e8 = pool_e8 - residual_e8
    _check_price(deal, residual_e8)

    loss_e6 = meter_loss_e6(held, oracle_e8, deal.price_e8, residual_e8)
    bucket_e6 = market_bucket_e6(held, capacity_e6, dt_ms, loss_e6)
    level_e6 = max(0, level_e6 + loss_e6)
    if abs(residual_e8) > caps.residual_cap_e8:
        raise StructuralFault("clearing: residual cap", market=market)
    if abs(after_e8) > caps.position_cap_e8 and abs(after_e8) > abs(pool_e8):
        raise StructuralFault("clearing: pool cap", market=market)
    full = bucket_e6 > capacity_e6 // METER_SHARE or level_e6 > capacity_e6
    if residual_e8 and full and not margin.shrank(pool_e8, after_e8):
        raise StructuralFault("clearing: loss meter", market=market)
    recent_e8 = (
        div_trunc(held.meter.recent_e8 * max(0, RECENT_MS - dt_ms), RECENT_MS) + residual_e8
    )

    due = funding.credit(pool_e8, deal.mark.index - held.clock.index, deal.mark.shift)
    quote_e6 = held.pool.quote_e6 + due - deal.quote_e6
    rate_e9 = funding.next_rate(held.clock.rate_e9, after_e8, dt_ms, rates, caps)
    base_e8 = after_e8
    incoming = held.incoming
    flags = held.clock.flags
    if flags & FLAG_INCOMING:
        base_e8 += incoming.base_e8
        quote_e6 += incoming.quote_e6
        incoming = IncomingWord()
        flags &= ~FLAG_INCOMING
    realised_e6 = deal.realised_e6
    if not base_e8 and quote_e6:
        realised_e6 += quote_e6
        cash_e6 = outcome.collateral_e6.get(
            POOL_ACCOUNT, state.accounts[POOL_ACCOUNT].word.collateral_e6
        )
        outcome.collateral_e6[POOL_ACCOUNT] = cash_e6 + quote_e6
        quote_e6 = 0

    outcome.markets[market] = Market(
        market,
        held.parameters,
        held.clock._replace(
            index=deal.mark.index,
            rate_e9=rate_e9,
            price_e8=oracle_e8,
            time_ms=plan.time_ms,
            flags=flags,
        ),
        PoolWord(base_e8, quote_e6),
        held.meter._replace(
            bucket_e6=bucket_e6,
            recent_e8=recent_e8,
            open_interest_e8=held.meter.open_interest_e8 + deal.interest_e8,
        ),
        held.ledger._replace(
            realised_e6=held.ledger.realised_e6 + realised_e6,
            fees_e6=held.ledger.fees_e6 + deal.fees_e6,
            pot_e6=held.ledger.pot_e6 - deal.credits_e6 - due,
        ),
        incoming,
        held.backstop,
    )
    return level_e6


def strike_is_due(state: State, time_ms: int) -> bool:
    """Whether a batch at `time_ms` strikes the pool's epoch."""
    return time_ms > state.head.epoch_end_ms + GUARD_MS


def pool_markets(state: State) -> list[int]:
    """Markets a striking batch must price: where the pool holds a position or something is incoming."""
    return [
        market
        for market, held in sorted(state.markets.items())
        if held.pool.base_e8 or held.clock.flags & FLAG_INCOMING
    ]


def _strike(state: State, plan: Plan, deals: Mapping[int, _Deal], outcome: Outcome) -> None:
    """Section 5.7: one price for every request of the epoch that ended."""
    if not strike_is_due(state, plan.time_ms):
        return
    for market in pool_markets(state):
        if market not in deals:
            raise StructuralFault("clearing: strike misses a market", market=market)
    collateral_e6 = outcome.collateral_e6.get(
        POOL_ACCOUNT, state.accounts[POOL_ACCOUNT].word.collateral_e6
    )
    nav_e6 = collateral_e6
    for market, deal in deals.items():
        pool = outcome.markets[market].pool
        nav_e6 += quote_down(deal.mark.price_e8, pool.base_e8) + pool.quote_e6

    epoch = state.head.epoch
    supply = state.totals.supply
    requests = state.requests.get(epoch)
    deposits_e6, redeems = requests if requests is not None else (0, 0)
    value_e6 = max(nav_e6, 0)
    returned = 0
    minted = paid_e6 = 0
    if not supply and nav_e6 >= 0:
        minted = deposits_e6 * SHARES_PER_UNIT
        redeems = 0
    elif nav_e6 > 0:
        minted = deposits_e6 * supply // nav_e6
        paid_e6 = redeems * nav_e6 // supply
    else:
        returned = 1
        deposits_e6 = redeems = 0
    outcome.collateral_e6[POOL_ACCOUNT] = collateral_e6 + deposits_e6 - paid_e6
    outcome.totals = TotalsWord(
        max(0, nav_e6 + deposits_e6 - paid_e6) if not returned else value_e6,
        supply + minted - redeems,
    )
    outcome.strike = (epoch, StrikeWord(returned, value_e6, supply))
    outcome.head = outcome.head._replace(
        epoch=epoch + 1, epoch_end_ms=plan.time_ms + state.epoch_ms_at(plan.time_ms)
    )


# -- writing ----------------------------------------------------------------------------------------


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
    if outcome.totals is not None:
        state.totals = outcome.totals
    if outcome.strike is not None:
        epoch, strike = outcome.strike
        state.strikes[epoch] = strike


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


# -- apply ------------------------------------------------------------------------------------------


def apply_delta(
    state: State, account: int, index: int, change_e8: int, oracle_price_e8: int, time_ms: int
) -> None:
    """`Clearing.apply` for one delta: shrink a trader's position at the vector's price, section 7.

    Raises `StructuralFault` if the position would not shrink.
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
    shift = market.at(time_ms).rates.shift
    due = funding.credit(position.base_e8, market.clock.index - position.funding_index, shift)
    moved_e6 = quote_change(change_e8 > 0, oracle_price_e8, abs(change_e8))
    base_e8 = position.base_e8 + change_e8
    quote_e6 = position.quote_e6 + due + moved_e6
    ledger = market.ledger._replace(pot_e6=market.ledger.pot_e6 - due)
    if base_e8:
        held.positions[index] = position._replace(
            base_e8=base_e8, quote_e6=quote_e6, funding_index=market.clock.index
        )
    else:
        del held.positions[index]
        held.word = held.word._replace(
            collateral_e6=held.word.collateral_e6 + quote_e6, mask=mask_of(held.positions)
        )
        ledger = ledger._replace(realised_e6=ledger.realised_e6 + quote_e6)
    interest_e8 = max(base_e8, 0) - max(position.base_e8, 0)
    market.ledger = ledger
    market.meter = market.meter._replace(
        open_interest_e8=market.meter.open_interest_e8 + interest_e8
    )
    market.incoming = IncomingWord(
        market.incoming.base_e8 - change_e8, market.incoming.quote_e6 - moved_e6
    )
    market.clock = market.clock._replace(flags=market.clock.flags | FLAG_INCOMING)
