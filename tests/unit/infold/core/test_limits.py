# SPDX-License-Identifier: Apache-2.0
"""What lets markets only shrink, and what size asks for, as the engine admits and matches."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.paper_venue import BTC, BTC_E8, E8, Venue, an_order

from infold.core import events
from infold.core.events import OrderAccepted, OrderRejected, to_word
from infold.core.facts import fold
from infold.core.pool import bounds_of
from infold.core.state import Market
from infold.errors import InvariantBroken
from infold.messages import Order
from infold.utc import moment
from infold.words import (
    STATUS_SHRINK_ONLY,
    LedgerWord,
    MeterWord,
    PoolWord,
    pack_ledger,
    pack_limits,
)

LONG, SHORT, THIRD = 17, 18, 19
PRICES = {BTC: BTC_E8}
NO_DEALER: dict[int, Any] = {}


def a_venue(cash_e6: int = 10**12, **caps: int) -> Venue:
    venue = Venue()
    venue.list_market(BTC, caps=caps)
    for _ in range(3):
        venue.open_account(cash_e6)
    venue.deposit(1, 10**12)
    venue.observe()
    return venue


def sell(account: int = SHORT, **changes: Any) -> Order:
    return an_order(account, buy=False, **changes)


def halted(venue: Venue, from_ms: int, until_ms: int) -> None:
    limits = venue.chain.limits._replace(halted_from_ms=from_ms, halted_until_ms=until_ms)
    venue.tell(events.HaltSet(limits=to_word(pack_limits(limits))))
    venue.observe()


# -- the halt --------------------------------------------------------------------------------------


def test_orders_that_wait_are_matched_only_to_shrink_while_all_is_halted() -> None:
    venue = a_venue()
    assert venue.trade(an_order(LONG), sell(), prices_e8=PRICES, curves=NO_DEALER)
    venue.submit(an_order(LONG, slot=1), sell(slot=1))
    halted(venue, venue.now_ms, venue.now_ms + 600_000)
    venue.close(PRICES, NO_DEALER)
    assert venue.state.in_flight is None
    exits = (sell(LONG, slot=2), an_order(SHORT, slot=2))
    assert venue.trade(*exits, prices_e8=PRICES, curves=NO_DEALER)
    assert venue.state.accounts[LONG].positions == {}
    venue.check()


def test_admission_takes_only_what_shrinks_while_all_is_halted() -> None:
    venue = a_venue()
    assert venue.trade(an_order(LONG), sell(), prices_e8=PRICES, curves=NO_DEALER)
    halted(venue, venue.now_ms - 1, venue.now_ms)
    grows, shrinks = venue.submit(an_order(LONG, slot=1), sell(LONG, slot=2))
    assert isinstance(grows, OrderRejected) and grows.code == "MARKET_SHRINK_ONLY"
    assert grows.message.startswith(f"all markets are halted until {moment(venue.now_ms)}; only")
    assert "cancels, withdrawals and exits go on" in grows.message
    assert isinstance(shrinks, OrderAccepted)
    halted(venue, venue.now_ms, venue.now_ms + 1)
    assert isinstance(venue.submit(an_order(LONG, slot=3))[0], OrderAccepted)


def test_a_market_listed_to_shrink_is_told_apart_from_a_halt() -> None:
    venue = a_venue()
    venue.list_market(BTC, rates={"status": STATUS_SHRINK_ONLY})
    venue.observe()
    (grows,) = venue.submit(an_order(LONG))
    assert isinstance(grows, OrderRejected) and grows.code == "MARKET_SHRINK_ONLY"
    assert grows.message.startswith("the market is listed as shrinkOnly; only orders")


def test_a_halt_beside_another_capital_means_a_log_is_missing() -> None:
    venue = a_venue()
    limits = venue.chain.limits._replace(capital_e6=venue.chain.limits.capital_e6 + 1)
    with pytest.raises(InvariantBroken, match="pool capital"):
        fold(venue.state, events.HaltSet(limits=to_word(pack_limits(limits))))


# -- open interest ---------------------------------------------------------------------------------


def test_open_interest_is_matched_up_to_its_share_of_the_pools_capital() -> None:
    """A sixteenth of two million is 125,000 dollars: two bitcoins at 60,000, and no third."""
    venue = a_venue(interest_share=0)
    venue.fund_pool(PRICES, 2_000_000 * 10**6)
    for slot in range(3):
        pair = (an_order(LONG, slot=slot), sell(slot=slot))
        confirmed = venue.trade(*pair, prices_e8=PRICES, curves=NO_DEALER)
        assert (confirmed is not None) == (slot < 2)
    assert venue.state.markets[BTC].meter.open_interest_e8 == 2 * E8
    exits = (sell(LONG, slot=5), an_order(SHORT, slot=5))
    assert venue.trade(*exits, prices_e8=PRICES, curves=NO_DEALER)
    venue.check()


def test_a_pool_without_capital_carries_interest_only_where_the_share_is_open() -> None:
    for share, trades in ((14, False), (15, True)):
        venue = a_venue(interest_share=share)
        pair = (an_order(LONG), sell())
        assert bool(venue.trade(*pair, prices_e8=PRICES, curves=NO_DEALER)) == trades


# -- margin by size --------------------------------------------------------------------------------


def test_admission_asks_more_of_a_position_beyond_its_tier() -> None:
    """Tier 0 at 5 %: 60,000 dollars ask 10.2 % of it, and two such orders 20.3 % of both."""
    venue = Venue()
    venue.list_market(BTC, rates={"tier": 0, "fee_e6": 0})
    venue.open_account(24_000 * 10**6)
    venue.observe()
    venue.close(PRICES, NO_DEALER)
    at_price = {"limit_price_e8": BTC_E8}
    first, second, third = venue.submit(
        an_order(LONG, slot=0, **at_price),
        an_order(LONG, slot=1, size_e8=E8 * 98 // 100, **at_price),
        an_order(LONG, slot=2, size_e8=E8 // 100, **at_price),
    )
    assert isinstance(first, OrderAccepted) and isinstance(second, OrderAccepted)
    assert isinstance(third, OrderRejected) and third.code == "INSUFFICIENT_MARGIN"


# -- fees and the rebate ---------------------------------------------------------------------------


def test_collected_fees_are_realised_and_nothing_else_may_have_moved() -> None:
    venue = a_venue()
    assert venue.trade(an_order(LONG), sell(), prices_e8=PRICES, curves=NO_DEALER)
    before = venue.chain.markets[BTC].ledger
    assert before.fees_e6 > 0
    after = LedgerWord(before.realised_e6 + before.fees_e6, 0, before.pot_e6)
    wrong = after._replace(realised_e6=after.realised_e6 + 1)
    with pytest.raises(InvariantBroken, match="C3"):
        fold(venue.state, events.FeesCollected(market=BTC, ledger=to_word(pack_ledger(wrong))))
    venue.tell(events.FeesCollected(market=BTC, ledger=to_word(pack_ledger(after))))
    venue.observe()
    assert venue.state.markets[BTC].ledger == after


def test_a_market_without_a_rebate_allows_none_and_another_a_share_of_what_it_earned() -> None:
    venue = a_venue()
    market: Market = venue.state.markets[BTC]
    market.meter = MeterWord(earned_e6=1_000)
    market.pool = PoolWord(5 * E8, 0)
    assert bounds_of(market, BTC_E8, venue.now_ms).allowance_e6 is None
    rates = market.at(venue.now_ms).rates
    parameters = market.at(venue.now_ms)._replace(rates=rates._replace(rebate=3))
    market.parameters = [parameters, parameters]
    assert bounds_of(market, BTC_E8, venue.now_ms).allowance_e6 == 1_000 * 3 // 16
