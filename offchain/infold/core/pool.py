# SPDX-License-Identifier: Apache-2.0
"""The pool's side of a batch: price rule, caps, loss meter, funding rate, price of its shares.

docs/protocol.md sections 5.6 and 5.7. The price rule and the caps are `curve.fault`'s, so that
what clips the dealer and what judges the batch is one function.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from infold.core import funding
from infold.core.curve import CurveBounds, fault
from infold.core.plan import Deal, Outcome, Plan, Struck, StructuralFault
from infold.core.state import Market, State
from infold.units import (
    DAY_MS,
    FRACTION_ONE_E6,
    GUARD_MS,
    MARGIN_DIVISOR,
    POOL_ACCOUNT,
    QUOTE_DIVISOR,
    WINDOW_MS,
    div_trunc,
    div_up,
    quote_down,
)
from infold.words import (
    FLAG_INCOMING,
    HeadWord,
    IncomingWord,
    PoolWord,
    RequestsWord,
    StrikeWord,
)

METER_DAILY_E6: Final = 1_750
"""Capacity and daily leak of the global loss meter: 0.175% of the pool's capital."""
METER_SHARE: Final = 4
"""A market's bucket holds at most this part of the global one."""
RECENT_MS: Final = 8 * WINDOW_MS
REBATE_PARTS: Final = 16
EARNED_E6_MAX: Final = 2**64 - 1
SHARES_PER_UNIT: Final = 10**6
NAV_E6_MAX: Final = 2**64 - 1
SHARES_MAX: Final = 2**120 - 1
PAID_E6_MAX: Final = 2**62 - 1
"""Of one strike: what account 0's collateral has room for."""
NO_REQUESTS: Final = RequestsWord()


def meter_capacity_e6(capital_e6: int) -> int:
    """What the loss meter of all markets together holds."""
    return capital_e6 * METER_DAILY_E6 // FRACTION_ONE_E6


def global_bucket_e6(state: State, time_ms: int) -> int:
    """The global loss bucket after its leak to `time_ms`, before any market's loss."""
    head = state.head
    if not head.time_ms:
        return head.bucket_e6
    leak_e6 = meter_capacity_e6(state.limits.capital_e6) * (time_ms - head.time_ms) // DAY_MS
    return max(0, head.bucket_e6 - leak_e6)


def meter_loss_e6(market: Market, oracle_price_e8: int, price_e8: int, residual_e8: int) -> int:
    """What trading against the pool took from it since the last batch; gains are negative."""
    taken = residual_e8 * (oracle_price_e8 - price_e8)
    if market.clock.price_e8:
        taken += market.meter.recent_e8 * (oracle_price_e8 - market.clock.price_e8)
    return div_trunc(taken, QUOTE_DIVISOR)


def earned_e6(market: Market, oracle_price_e8: int, price_e8: int, residual_e8: int) -> int:
    """What the pool's spread has brought in by now, less rebates; rounded against them."""
    spread_e6 = quote_down(price_e8 - oracle_price_e8, residual_e8)
    return min(max(0, market.meter.earned_e6 + spread_e6), EARNED_E6_MAX)


def market_bucket_e6(market: Market, capacity_e6: int, dt_ms: int, loss_e6: int) -> int:
    """A market's loss bucket after its leak and this batch's loss."""
    leak_e6 = capacity_e6 * dt_ms // (METER_SHARE * DAY_MS)
    return max(0, market.meter.bucket_e6 - leak_e6 + loss_e6)


def bounds_of(
    market: Market, oracle_price_e8: int, time_ms: int, must_shrink: bool = False
) -> CurveBounds:
    """What the price rule and the caps read of a market at a vector."""
    rates, caps, _ = market.at(time_ms)
    allowance_e6 = market.meter.earned_e6 * rates.rebate // REBATE_PARTS
    return CurveBounds(
        oracle_price_e8=oracle_price_e8,
        h_min_e6=rates.h_min_e6,
        h0_e6=rates.h0_e6,
        band_e6=rates.band_e6,
        slope_e20=caps.slope_e20,
        residual_cap_e8=caps.residual_cap_e8,
        position_cap_e8=caps.position_cap_e8,
        pool_base_e8=market.pool.base_e8,
        must_shrink=must_shrink,
        allowance_e6=allowance_e6 if rates.rebate else None,
    )


def close_markets(state: State, plan: Plan, deals: Mapping[int, Deal], outcome: Outcome) -> None:
    """Section 5.6, market by market; the global bucket runs through them."""
    capacity_e6 = meter_capacity_e6(state.limits.capital_e6)
    level_e6 = global_bucket_e6(state, plan.time_ms)
    for market, deal in deals.items():
        level_e6 = _close_market(state, plan, deal, capacity_e6, level_e6, outcome)
        outcome.markets[market].backstop = deal.backstop or deal.market.backstop
    outcome.head = HeadWord(
        plan.number, plan.time_ms, state.head.epoch, state.head.epoch_end_ms, level_e6
    )


def _close_market(
    state: State, plan: Plan, deal: Deal, capacity_e6: int, level_e6: int, outcome: Outcome
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

    loss_e6 = meter_loss_e6(held, oracle_e8, deal.price_e8, residual_e8)
    bucket_e6 = market_bucket_e6(held, capacity_e6, dt_ms, loss_e6)
    level_e6 = max(0, level_e6 + loss_e6)
    full = bucket_e6 >= capacity_e6 // METER_SHARE or level_e6 >= capacity_e6
    bounds = bounds_of(held, oracle_e8, plan.time_ms, full)
    reason = fault(bounds, deal.price_e8, residual_e8)
    if reason is not None:
        raise StructuralFault(reason, market=market)
    recent_e8 = div_trunc(held.meter.recent_e8 * max(0, RECENT_MS - dt_ms), RECENT_MS) + residual_e8

    # What waits earns from the last batch on: its quote has given back what that was too much.
    due = funding.credit(
        pool_e8 + held.incoming.base_e8,
        deal.mark.funding_index - held.clock.funding_index,
        deal.mark.shift,
    )
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
    # A pool that was flat keeps its dust until it next closes.
    if not base_e8 and (pool_e8 or held.clock.flags & FLAG_INCOMING):
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
            funding_index=deal.mark.funding_index,
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
            earned_e6=earned_e6(held, oracle_e8, deal.price_e8, residual_e8),
        ),
        held.ledger._replace(
            realised_e6=held.ledger.realised_e6 + realised_e6,
            fees_e6=held.ledger.fees_e6 + deal.fees_e6,
            pot_e6=held.ledger.pot_e6 - deal.credits_e6 - due,
        ),
        incoming,
        held.transit,
        held.deleveraged,
        held.backstop,
    )
    return level_e6


def strike_is_due(state: State, time_ms: int) -> bool:
    """Whether a batch at `time_ms` strikes the pool's epoch."""
    return time_ms > state.head.epoch_end_ms + GUARD_MS


def is_pool_market(market: Market) -> bool:
    """Whether the pool holds something there, or recovery has handed it something."""
    return bool(market.pool.base_e8 or market.clock.flags & FLAG_INCOMING)


def value_e6(market: Market, oracle_price_e8: int, time_ms: int) -> tuple[int, int]:
    """What the pool's side of a market is worth, funding to the vector's time and incoming counted;
    and what the market's open interest, the pool's part in it, locks: its initial margin.
    """
    rates = market.at(time_ms).rates
    shift = rates.shift
    index = funding.index_at(market.clock, oracle_price_e8, time_ms, shift)
    base_e8 = market.pool.base_e8 + market.incoming.base_e8
    due = funding.credit(base_e8, index - market.clock.funding_index, shift)
    quote_e6 = market.pool.quote_e6 + due + market.incoming.quote_e6
    interest_e8 = market.meter.open_interest_e8 + max(base_e8, 0)
    locked_e6 = div_up(interest_e8 * oracle_price_e8 * rates.im_e6, MARGIN_DIVISOR)
    return quote_down(oracle_price_e8, base_e8) + quote_e6, locked_e6


def pool_markets(state: State) -> list[int]:
    """Markets whose prices a strike needs, lowest first."""
    return [market for market, held in sorted(state.markets.items()) if is_pool_market(held)]


def strike(state: State, plan: Plan, outcome: Outcome) -> None:
    """Section 5.7: one price for every request of the epoch that ended. Raises `StructuralFault` if
    the vector lacks a market of the pool's.
    """
    if not strike_is_due(state, plan.time_ms):
        return
    cash_e6 = outcome.collateral_e6.get(
        POOL_ACCOUNT, state.accounts[POOL_ACCOUNT].word.collateral_e6
    )
    nav_e6 = cash_e6
    locked_e6 = 0
    for market, before in state.markets.items():
        held = outcome.markets.get(market, before)
        if not is_pool_market(held):
            continue
        price_e8 = plan.oracle_price_e8(market)
        if not price_e8:
            raise StructuralFault("clearing: strike misses a market", market=market)
        worth_e6, margin_e6 = value_e6(held, price_e8, plan.time_ms)
        nav_e6 += worth_e6
        locked_e6 += margin_e6
    epoch = state.head.epoch
    requests = state.requests.get(epoch, NO_REQUESTS)
    struck = _terms(epoch, nav_e6, locked_e6, state.supply, requests)
    outcome.collateral_e6[POOL_ACCOUNT] = cash_e6 + struck.gained_e6
    outcome.strike = struck
    outcome.head = outcome.head._replace(
        epoch=epoch + 1, epoch_end_ms=plan.time_ms + state.epoch_ms
    )


def _terms(epoch: int, nav_e6: int, locked_e6: int, supply: int, requests: RequestsWord) -> Struck:
    """`Pool.strike_terms`."""
    worth_e6 = min(max(nav_e6, 0), NAV_E6_MAX)
    deposits_e6, redeems = requests
    if not supply:
        priced = nav_e6 >= 0
        minted, wanted_e6 = deposits_e6 * SHARES_PER_UNIT, 0
    else:
        priced = 0 < nav_e6 <= NAV_E6_MAX
        minted = deposits_e6 * supply // worth_e6 if priced else 0
        wanted_e6 = redeems * worth_e6 // supply
        priced = priced and supply + minted <= SHARES_MAX
    returned = Struck(epoch, StrikeWord(1, worth_e6, supply), worth_e6, supply, 0)
    if not priced:
        return returned
    free_e6 = max(0, worth_e6 + deposits_e6 - locked_e6)
    paid_e6 = min(wanted_e6, free_e6, PAID_E6_MAX)
    # Shares that were not paid for stay with their holders.
    burnt = redeems if paid_e6 == wanted_e6 else -(-paid_e6 * supply // worth_e6)
    outstanding = supply + minted - burnt
    if 0 < outstanding < SHARES_PER_UNIT:
        return returned
    gained_e6 = deposits_e6 - paid_e6
    word = StrikeWord(0, worth_e6, supply, paid_e6)
    capital_e6 = min(worth_e6 + gained_e6, NAV_E6_MAX)
    return Struck(epoch, word, capital_e6, outstanding, gained_e6)
