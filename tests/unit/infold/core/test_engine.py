# SPDX-License-Identifier: Apache-2.0
"""An order's life in the engine: accepted, waiting, matched, confirmed or lapsed, ended once."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.support.paper_venue import (
    BTC,
    BTC_E8,
    E8,
    ETH,
    ETH_E8,
    START_MS,
    Venue,
    an_order,
    signed,
)

from infold.core import events
from infold.core.engine import decide
from infold.core.events import (
    BatchClosed,
    BatchLapsed,
    NothingMatched,
    OrderAccepted,
    OrderCancelled,
    OrderExpired,
    OrderRejected,
)
from infold.core.netting import material_of
from infold.core.settlement import Reason
from infold.core.state import Settings, chain_words
from infold.errors import InvariantBroken, Rejected, Unavailable
from infold.messages import Order, TimeInForce, TriggerKind
from infold.units import GUARD_MS, WINDOW_MS
from infold.words import unpack_settle_head

LONG, SHORT, THIRD = 17, 18, 19
PRICES = {BTC: BTC_E8, ETH: ETH_E8}
NO_DEALER: dict[int, Any] = {}


def a_venue(settings: Settings | None = None, cash: int = 10**12, **rates: int) -> Venue:
    """Three accounts and two markets; the engine has seen them."""
    venue = Venue(settings=settings or Settings())
    venue.list_market(BTC, rates=rates)
    venue.list_market(ETH, "ETH-USD")
    for _ in range(3):
        venue.open_account(cash)
    venue.deposit(1, 10**12)
    venue.observe()
    return venue


def sell(account: int = SHORT, **changes: Any) -> Order:
    return an_order(account, buy=False, **changes)


def ioc(account: int = LONG, **changes: Any) -> Order:
    return an_order(account, time_in_force=TimeInForce.IOC, **changes)


def kinds(decided: list[Any]) -> list[str]:
    return [type(event).__name__ for event in decided]


def expired(decided: list[Any]) -> list[bytes]:
    return [event.order_hash for event in decided if isinstance(event, OrderExpired)]


# -- admission -------------------------------------------------------------------------------------


def test_accepted_orders_are_numbered_and_refused_ones_only_counted() -> None:
    venue = a_venue()
    decided = venue.submit(an_order(LONG), an_order(LONG, slot=1, limit_price_e8=7), sell())
    assert kinds(decided) == ["OrderAccepted", "OrderRejected", "OrderAccepted"]
    assert [e.sequence for e in decided if isinstance(e, OrderAccepted)] == [1, 2]
    assert isinstance(decided[1], OrderRejected) and decided[1].code == "PRICE_TICK"
    assert (venue.state.tally.accepted, venue.state.tally.rejected) == (2, 1)


def test_a_group_is_admitted_as_if_one_by_one() -> None:
    venue = a_venue(cash=4_000 * 10**6)  # initial margin of one BTC is 3,000
    first, second = an_order(LONG), an_order(LONG, slot=1)
    together = venue.submit(first, second, first, an_order(LONG, seq=2))
    codes = [event.code for event in together if isinstance(event, OrderRejected)]
    assert codes == ["INSUFFICIENT_MARGIN", "DUPLICATE", "SLOT_TAKEN"]
    apart = a_venue(cash=4_000 * 10**6)
    one_by_one = [apart.submit(order)[0] for order in (first, second, first)]
    assert one_by_one == together[:3]


def test_opposite_orders_need_the_margin_of_the_larger_side_only() -> None:
    venue = a_venue(cash=4_000 * 10**6)
    decided = venue.submit(an_order(LONG), sell(LONG, slot=1), sell(LONG, slot=2))
    assert kinds(decided) == ["OrderAccepted", "OrderAccepted", "OrderRejected"]


def test_the_seventeenth_market_is_refused() -> None:
    venue = a_venue()
    for market in range(3, 20):
        venue.list_market(market, f"M{market}-USD")
    venue.observe()
    orders = [an_order(LONG, market=market, slot=market, size_e8=1) for market in range(1, 18)]
    decided = venue.submit(*orders)
    assert kinds(decided) == ["OrderAccepted"] * 16 + ["OrderRejected"]
    assert decided[-1].code == "MARKETS_FULL"  # type: ignore[union-attr]
    again = venue.submit(an_order(LONG, market=3, slot=99, size_e8=1))
    assert kinds(again) == ["OrderAccepted"]


def test_the_end_of_the_venue_ends_every_order_and_refuses_new_ones() -> None:
    venue = a_venue()
    resting, cancelled = an_order(LONG), an_order(THIRD)
    venue.submit(resting, cancelled)
    venue.tell(events.WoundDown(until_ms=venue.now_ms + 1))
    decided = venue.observe()
    ended = [event for event in decided if isinstance(event, events.OrderCancelled)]
    assert [event.reason for event in ended] == ["WOUND_DOWN"] * 2
    assert venue.state.orders == {} and venue.state.tally.cancelled == 2
    (refused,) = venue.submit(sell())
    assert isinstance(refused, OrderRejected) and refused.code == "WOUND_DOWN"
    with pytest.raises(Unavailable, match="wound down"):
        venue.close(PRICES, NO_DEALER)


# -- matching --------------------------------------------------------------------------------------


def test_only_orders_older_than_the_vector_take_part() -> None:
    venue = a_venue()
    venue.submit(an_order(LONG))
    venue.now_ms += 1_000
    venue.submit(sell())
    venue.now_ms -= 1_000
    assert kinds(venue.close(PRICES, NO_DEALER)) == ["NothingMatched"]
    assert kinds(venue.close(PRICES, NO_DEALER)) == ["BatchClosed"]


def test_ioc_lives_for_one_batch_and_gtc_rests() -> None:
    venue = a_venue()
    venue.submit(ioc(LONG), an_order(THIRD, limit_price_e8=BTC_E8 - E8))
    decided = venue.close(PRICES, NO_DEALER)
    assert kinds(decided) == ["NothingMatched", "OrderExpired"]
    assert expired(decided) == [signed(ioc(LONG)).order_hash]
    assert venue.state.tally.open == 1


def test_an_ioc_waits_for_its_time_and_its_trigger() -> None:
    venue = a_venue()
    later = ioc(LONG, good_after_ms=START_MS + 2_000)
    stop = ioc(
        LONG, slot=1, trigger_kind=TriggerKind.AT_OR_ABOVE, trigger_price_e8=BTC_E8 + E8 // 10
    )
    venue.submit(later, stop)
    assert kinds(venue.close(PRICES, NO_DEALER)) == ["NothingMatched"]
    assert expired(venue.close(PRICES, NO_DEALER)) == [signed(later).order_hash]
    through = {BTC: BTC_E8 + E8, ETH: ETH_E8}
    assert expired(venue.close(through, NO_DEALER)) == [signed(stop).order_hash]


def test_an_order_expires_after_its_last_moment_and_not_at_it() -> None:
    venue = a_venue()
    venue.submit(an_order(LONG, expiry_ms=START_MS + 1_000))
    assert expired(venue.close(PRICES, NO_DEALER)) == []
    assert len(expired(venue.close(PRICES, NO_DEALER, after_ms=1))) == 1
    assert venue.state.tally.expired == 1


def test_a_gtc_fills_over_several_batches_and_ends_once() -> None:
    venue = a_venue()
    venue.submit(an_order(LONG))
    for number in range(4):
        confirmed = venue.trade(
            sell(size_e8=E8 // 4, seq=number + 1), prices_e8=PRICES, curves=NO_DEALER
        )
        assert confirmed is not None and len(confirmed.fills) == 2
        venue.check()
    assert venue.state.tally.open == 0 and venue.state.tally.filled == 5
    assert venue.state.accounts[LONG].fills[0].filled_e8 == E8
    assert venue.state.accounts[LONG].buys_e8 == {}


def test_a_reversal_goes_through_zero_in_one_position() -> None:
    venue = a_venue()
    venue.trade(an_order(LONG), sell(), prices_e8=PRICES, curves=NO_DEALER)
    back = (sell(LONG, slot=1, size_e8=3 * E8), an_order(SHORT, slot=1, size_e8=3 * E8))
    venue.trade(*back, prices_e8=PRICES, curves=NO_DEALER)
    assert venue.state.accounts[LONG].positions[0].base_e8 == -2 * E8
    venue.check()


def test_a_pool_without_capital_takes_nothing() -> None:
    venue = a_venue()
    order = an_order(LONG, limit_price_e8=61_000 * E8, time_in_force=TimeInForce.GTC)
    assert venue.trade(order, prices_e8=PRICES) is None
    venue.check()


def test_the_dealer_takes_the_residual_at_its_own_side() -> None:
    venue = a_venue()
    venue.fund_pool(PRICES)
    confirmed = venue.trade(an_order(LONG, limit_price_e8=61_000 * E8), prices_e8=PRICES)
    assert confirmed is not None and confirmed.fills[0].price_e8 >= BTC_E8 + 6 * E8
    assert venue.state.markets[BTC].pool.base_e8 == -E8
    venue.check()


def test_fok_fills_whole_or_not_at_all() -> None:
    venue = a_venue()
    whole = an_order(LONG, time_in_force=TimeInForce.FOK, size_e8=2 * E8)
    assert venue.trade(whole, sell(), prices_e8=PRICES, curves=NO_DEALER) is None
    assert venue.state.tally.expired == 1
    retry = an_order(LONG, time_in_force=TimeInForce.FOK, seq=2)
    confirmed = venue.trade(retry, prices_e8=PRICES, curves=NO_DEALER)
    assert confirmed is not None and confirmed.fills[0].size_e8 == E8


def test_reduce_only_orders_share_the_position() -> None:
    venue = a_venue()
    venue.trade(an_order(LONG), sell(), prices_e8=PRICES, curves=NO_DEALER)
    part = 2 * E8 // 3
    exits = [sell(LONG, slot=slot, reduce_only=True, size_e8=part) for slot in (1, 2)]
    confirmed = venue.trade(
        *exits, an_order(THIRD, size_e8=9 * E8), prices_e8=PRICES, curves=NO_DEALER
    )
    assert confirmed is not None and confirmed.skips == []
    assert sum(fill.size_e8 for fill in confirmed.fills if fill.account == LONG) == E8
    assert venue.state.accounts[LONG].positions == {}
    venue.check()


def test_open_interest_at_its_cap_lets_positions_only_shrink() -> None:
    venue = Venue()
    venue.list_market(BTC, caps={"interest_cap_e8": E8})
    for _ in range(3):
        venue.open_account(10**12)
    venue.observe()
    assert venue.trade(an_order(LONG), sell(), prices_e8={BTC: BTC_E8}, curves=NO_DEALER)
    pair = (an_order(LONG, slot=1), sell(slot=1))
    assert venue.trade(*pair, prices_e8={BTC: BTC_E8}, curves=NO_DEALER) is None
    exits = (sell(LONG, slot=2), an_order(SHORT, slot=2))
    assert venue.trade(*exits, prices_e8={BTC: BTC_E8}, curves=NO_DEALER)
    venue.check()


def test_whom_margin_fails_is_left_out_and_the_others_trade() -> None:
    venue = a_venue(cash=3_100 * 10**6)
    poor = an_order(LONG, limit_price_e8=BTC_E8 + E8)
    venue.submit(poor, sell(), an_order(THIRD, size_e8=E8 // 2))
    venue.request_withdrawal(LONG, 200 * 10**6)
    venue.observe(venue.now_ms + GUARD_MS + 1_000)
    decided = venue.close(PRICES, NO_DEALER)
    cancelled = [event for event in decided if isinstance(event, OrderCancelled)]
    assert [event.order_hash for event in cancelled] == [signed(poor).order_hash]
    assert cancelled[0].reason == "MARGIN"
    confirmed = venue.confirm()
    assert {fill.account for fill in confirmed.fills} == {SHORT, THIRD}
    assert confirmed.skips == []
    venue.check()


def test_a_full_batch_leaves_the_rest_for_the_next() -> None:
    venue = a_venue(Settings(records_max=4))
    size = E8 // 10
    buys = [ioc(LONG, slot=slot, size_e8=size) for slot in range(4)]
    once = {"size_e8": size, "time_in_force": TimeInForce.IOC}
    sells = [sell(SHORT, slot=slot, **once) for slot in range(4)]
    pairs = [order for pair in zip(buys, sells, strict=True) for order in pair]
    first = venue.trade(*pairs, prices_e8=PRICES, curves=NO_DEALER)
    assert first is not None and len(first.fills) == 4
    venue.close(PRICES, NO_DEALER)
    assert len(venue.confirm().fills) == 4
    assert venue.state.tally.filled == 8


def test_an_account_fills_at_most_64_orders_a_batch() -> None:
    venue = a_venue()
    buys = [an_order(LONG, slot=slot, size_e8=1_000) for slot in range(70)]
    confirmed = venue.trade(*buys, sell(size_e8=70_000), prices_e8=PRICES, curves=NO_DEALER)
    assert confirmed is not None
    assert sum(fill.account == LONG for fill in confirmed.fills) == 64
    venue.check()


# -- cancels ---------------------------------------------------------------------------------------


def test_a_signed_cancel_takes_an_order_back_and_bars_its_seq() -> None:
    venue = a_venue()
    venue.submit(an_order(LONG, seq=5))
    assert kinds(venue.cancel(LONG, 0, 4)) == []
    assert kinds(venue.cancel(LONG, 0, 9)) == ["OrderCancelled"]
    assert kinds(venue.cancel(LONG, 0, 9)) == []
    assert kinds(venue.submit(an_order(LONG, seq=9))) == ["OrderRejected"]
    assert kinds(venue.submit(an_order(LONG, seq=10))) == ["OrderAccepted"]
    assert venue.state.tally.cancelled == 1


def test_a_cancel_cannot_recall_what_a_batch_holds_but_ends_the_rest() -> None:
    venue = a_venue()
    venue.submit(an_order(LONG, size_e8=2 * E8), sell())
    venue.close(PRICES, NO_DEALER)
    assert kinds(venue.cancel(LONG, 0, 1)) == ["OrderCancelled"]
    assert venue.state.tally.open == 2
    confirmed = venue.confirm()
    assert len(confirmed.fills) == 2
    assert venue.state.tally.filled == 2 and venue.state.tally.partly_filled == 1
    assert venue.state.orders == {}


def test_cancels_on_chain_end_orders_at_once() -> None:
    venue = a_venue()
    venue.submit(an_order(LONG), an_order(LONG, slot=1), an_order(LONG, slot=2, seq=7))
    venue.cancel_on_chain(LONG, 0, 1)
    venue.cancel_on_chain(LONG, 2, 6)
    assert kinds(venue.observe()) == ["ChainObserved", "OrderCancelled"]
    venue.cancel_all(LONG)
    assert kinds(venue.observe()) == ["ChainObserved", "OrderCancelled", "OrderCancelled"]
    assert venue.submit(an_order(LONG, slot=3))[0].code == "EPOCH"  # type: ignore[union-attr]


def test_an_owners_act_after_signing_does_not_surprise_the_batch() -> None:
    venue = a_venue()
    venue.submit(an_order(LONG), sell())
    venue.close(PRICES, NO_DEALER)
    venue.cancel_on_chain(LONG, 0, 1)
    venue.cancel_all(SHORT)
    confirmed = venue.confirm()
    assert confirmed.skips == [] and len(confirmed.fills) == 2
    venue.check()


# -- the batch under way ---------------------------------------------------------------------------


def test_one_batch_is_under_way_at_a_time() -> None:
    venue = a_venue()
    venue.submit(an_order(LONG), sell())
    venue.close(PRICES, NO_DEALER)
    with pytest.raises(Unavailable, match="batch 1 is under way"):
        venue.close(PRICES, NO_DEALER)


def test_vectors_rise_and_the_chain_is_seen_fresh() -> None:
    venue = a_venue()
    venue.close(PRICES, NO_DEALER)
    with pytest.raises(Rejected, match="ORACLE_VECTOR"):
        venue.close(PRICES, NO_DEALER, after_ms=0)
    edge_ms = venue.state.block_ms + GUARD_MS
    command = events.CloseBatch(
        time_ms=edge_ms, prices_e8=PRICES, chunks=1, root=bytes(32), curves={}
    )
    assert kinds(decide(venue.state, command)) == ["NothingMatched"]
    late = msgspec.structs.replace(command, time_ms=edge_ms + 1)
    with pytest.raises(Unavailable, match="observe a newer block"):
        decide(venue.state, late)


def test_a_lapse_voids_fills_returns_gtc_and_ends_ioc() -> None:
    venue = a_venue()
    venue.submit(ioc(LONG), sell())
    venue.close(PRICES, NO_DEALER)
    before = chain_words(venue.state)
    assert isinstance(venue.lapse()[0], BatchLapsed)
    assert venue.state.tally.lapsed == 1 and venue.state.tally.open == 1
    assert chain_words(venue.state) == before
    again = venue.trade(an_order(LONG, slot=1), prices_e8=PRICES, curves=NO_DEALER)
    assert again is not None and again.number == 1 and len(again.fills) == 2


def test_a_signed_batch_lapses_only_when_it_can_land_no_more() -> None:
    venue = a_venue()
    venue.submit(an_order(LONG), sell())
    venue.close(PRICES, NO_DEALER)
    closed = venue.state.in_flight
    assert closed is not None
    command = events.LapseBatch(number=1, reason="not included")
    venue.observe((closed.time_ms + WINDOW_MS) // 1000 * 1000)
    with pytest.raises(Unavailable, match="may land until"):
        decide(venue.state, command)
    unsigned = events.LapseBatch(number=1, reason="would revert", signed=False)
    assert kinds(decide(venue.state, unsigned)) == ["BatchLapsed"]
    venue.observe(closed.time_ms + WINDOW_MS + 1_000)
    assert kinds(decide(venue.state, command)) == ["BatchLapsed"]
    with pytest.raises(InvariantBroken, match="batch 2 was named"):
        decide(venue.state, events.LapseBatch(number=2, reason="never was"))


def test_a_liquidation_in_between_skips_on_both_sides_alike() -> None:
    venue = a_venue()
    venue.trade(an_order(LONG), sell(), prices_e8=PRICES, curves=NO_DEALER)
    exit_order = sell(LONG, slot=1, reduce_only=True)
    venue.submit(exit_order, an_order(THIRD))
    venue.close(PRICES, NO_DEALER)
    venue.shrink(LONG, 0, -E8, BTC_E8)
    confirmed = venue.confirm()
    assert confirmed.skips == [events.SkippedOnChain(LONG, 1, int(Reason.REDUCE_ONLY))]
    assert venue.state.tally.skipped == 1
    assert venue.state.markets[BTC].backstop.base_e8 == -E8
    venue.check()


def test_a_chain_that_skips_otherwise_halts_the_engine() -> None:
    venue = a_venue()
    venue.submit(an_order(LONG), sell())
    venue.close(PRICES, NO_DEALER)
    with pytest.raises(InvariantBroken, match="the chain skipped"):
        venue.confirm([events.SkippedOnChain(LONG, 0, int(Reason.LIMIT))])


def test_a_chain_that_goes_back_halts_the_engine() -> None:
    venue = a_venue()
    venue.observe()
    with pytest.raises(InvariantBroken, match="went back"):
        decide(venue.state, events.ObserveChain(facts=[], block=1, block_ms=START_MS))


def test_a_due_strike_makes_a_batch_without_orders() -> None:
    venue = Venue(epoch_ms=5_000)
    venue.list_market(BTC)
    venue.open_account(10**12)
    venue.request_liquidity(10**12)
    venue.observe()
    assert isinstance(venue.close(PRICES, NO_DEALER, after_ms=5_000)[0], NothingMatched)
    assert isinstance(venue.close(PRICES, NO_DEALER, after_ms=GUARD_MS + 1)[0], BatchClosed)
    venue.confirm()
    assert venue.state.supply == 10**18
    venue.check(2 * 10**12)


def test_a_strike_waits_for_a_vector_that_prices_the_pool() -> None:
    venue = Venue(epoch_ms=5_000)
    venue.list_market(BTC)
    venue.open_account(10**12)
    venue.fund_pool(PRICES)
    venue.trade(an_order(LONG, limit_price_e8=61_000 * E8), prices_e8=PRICES)
    with pytest.raises(Unavailable, match="does not price markets"):
        venue.close({ETH: ETH_E8}, NO_DEALER, after_ms=9_000)
    closed = venue.close(PRICES, NO_DEALER)[0]
    assert isinstance(closed, BatchClosed)
    assert closed.clearing == [] and closed.opened == 1
    venue.confirm()
    assert 1 in venue.state.strikes


def test_the_posted_words_are_those_of_the_closed_batch() -> None:
    venue = a_venue()
    venue.submit(an_order(LONG), sell())
    closed = venue.close(PRICES, NO_DEALER)[0]
    assert isinstance(closed, BatchClosed)
    material = material_of(venue.state, closed)
    head = unpack_settle_head(material.head)
    assert (head.number, head.time_ms, head.chunks, head.opened) == (1, closed.time_ms, 1, 1)
    assert [record.r for record in material.records] == [
        signed(an_order(LONG)).r,
        signed(sell()).r,
    ]
    assert material == material_of(venue.state, closed) and len(material.contents) == 32
