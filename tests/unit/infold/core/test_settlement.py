# SPDX-License-Identifier: Apache-2.0
"""Every reason code and structural fault of the protocol, beside the nearest success."""

from __future__ import annotations

from collections.abc import Callable
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
    check_conservation,
    owner_of,
    signed,
)

from infold.core.liquidation import apply_delta
from infold.core.plan import Outcome, Plan, PlannedFill, Reason, StructuralFault
from infold.core.settlement import commit, settle
from infold.core.state import State
from infold.messages import NOBODY, Order, TimeInForce, TriggerKind
from infold.units import BACKSTOP_ACCOUNT, GUARD_MS, POOL_ACCOUNT
from infold.words import (
    DelegateWord,
    FillWord,
    LimitsWord,
    PositionWord,
    PriceWord,
    WithdrawalWord,
)

LONG, SHORT = 17, 18
T = START_MS + 1_000
KEY = 0xDE1E


def a_state(**rates: int) -> State:
    """Two rich accounts, two markets, a bonded backstop, a pool with capital."""
    venue = Venue()
    venue.list_market(BTC, rates=rates)
    venue.list_market(ETH, "ETH-USD")
    assert (venue.open_account(10**12), venue.open_account(10**12)) == (LONG, SHORT)
    venue.deposit(BACKSTOP_ACCOUNT, 10**12)
    venue.chain.limits = LimitsWord(capital_e6=10**13)
    return venue.chain


def fills(
    *orders: Order | tuple[Order, int], key: int | None = None, place: int = 0
) -> list[PlannedFill]:
    """Each order filled whole, or by the lots named beside it."""
    planned = []
    for entry in orders:
        order, fill_e8 = entry if isinstance(entry, tuple) else (entry, entry.size_e8)
        planned.append(PlannedFill(signed(order, key), place, fill_e8))
    return planned


def a_plan(planned: list[PlannedFill], **changes: Any) -> Plan:
    """A batch that prices BTC at the oracle price."""
    fields: dict[str, Any] = {
        "number": 1,
        "time_ms": T,
        "chunks": 1,
        "opened": 1,
        "prices_e8": {BTC: BTC_E8, ETH: ETH_E8},
        "price_words": [PriceWord(BTC, BTC_E8, 100 * E8)],
        "fills": planned,
    }
    return Plan(**(fields | changes))


def sell(account: int = SHORT, **changes: Any) -> Order:
    return an_order(account, buy=False, **changes)


def run(state: State, *orders: Order, **changes: Any) -> Outcome:
    return settle(state, a_plan(fills(*orders), **changes))


def reasons(outcome: Outcome) -> list[Reason]:
    return [skip.reason for skip in outcome.skips]


def test_a_crossed_pair_settles_at_one_price() -> None:
    state = a_state()
    outcome = run(state, an_order(LONG), sell())
    assert reasons(outcome) == []
    commit(state, outcome)
    fee = 60_000 * 200
    assert state.accounts[LONG].positions[0] == PositionWord(BTC, E8, -60_000 * 10**6 - fee)
    assert state.accounts[SHORT].positions[0] == PositionWord(BTC, -E8, 60_000 * 10**6 - fee)
    assert state.accounts[LONG].word.mask == 1
    assert state.markets[BTC].meter.open_interest_e8 == E8
    assert state.head.number == 1
    check_conservation(state)


# -- one order -------------------------------------------------------------------------------------

Tweak = Callable[[State], None]


def _epoch(barrier_ms: int, epoch: int = 1) -> Tweak:
    def tweak(state: State) -> None:
        held = state.accounts[LONG]
        held.word = held.word._replace(epoch=epoch)
        held.epoch_barrier_ms = barrier_ms

    return tweak


def _slot(**word: int) -> Tweak:
    def tweak(state: State) -> None:
        state.accounts[LONG].fills[0] = FillWord(**word)

    return tweak


def _held(base_e8: int, place: int = 0, market: int = BTC) -> Tweak:
    def tweak(state: State) -> None:
        state.accounts[LONG].positions[place] = PositionWord(market, base_e8, -base_e8 * 600)

    return tweak


def _both(*tweaks: Tweak) -> Tweak:
    def tweak(state: State) -> None:
        for each in tweaks:
            each(state)

    return tweak


def _shrink_only(state: State) -> None:
    market = state.markets[BTC]
    for version, parameters in enumerate(market.parameters):
        rates = parameters.rates._replace(status=2)
        market.parameters[version] = parameters._replace(rates=rates)


def nothing(state: State) -> None:
    return None


ORDER_CASES: list[tuple[Reason | None, dict[str, Any], Tweak]] = [
    (Reason.ACCOUNT, {"account": 99}, nothing),
    (Reason.RANGE, {"limit_price_e8": 0}, nothing),
    (Reason.RANGE, {"seq": 0}, nothing),
    (Reason.RANGE, {"time_in_force": 3}, nothing),
    (Reason.RANGE, {"trigger_kind": 3}, nothing),
    (None, {"expiry_ms": T}, nothing),
    (Reason.EXPIRY, {"expiry_ms": T - 1}, nothing),
    (None, {"good_after_ms": T}, nothing),
    (Reason.GOOD_AFTER, {"good_after_ms": T + 1}, nothing),
    (None, {"trigger_kind": TriggerKind.AT_OR_ABOVE, "trigger_price_e8": BTC_E8}, nothing),
    (
        Reason.TRIGGER,
        {"trigger_kind": TriggerKind.AT_OR_ABOVE, "trigger_price_e8": BTC_E8 + 1},
        nothing,
    ),
    (
        Reason.TRIGGER,
        {"trigger_kind": TriggerKind.AT_OR_BELOW, "trigger_price_e8": BTC_E8 - 1},
        nothing,
    ),
    (Reason.LIMIT, {"limit_price_e8": BTC_E8 - 1}, nothing),
    (None, {"max_fee_e6": 200}, nothing),
    (Reason.FEE, {"max_fee_e6": 199}, nothing),
    (None, {}, _epoch(T)),
    (Reason.EPOCH, {}, _epoch(T - 1)),
    (Reason.EPOCH, {}, _epoch(T, epoch=2)),
    (Reason.SLOT, {}, _slot(seq=2)),
    (Reason.SLOT, {}, _slot(seq=1, prefix=5)),
    (None, {}, _slot(cancel_seq=1, cancel_ms=T)),
    (Reason.CANCELLED, {}, _slot(cancel_seq=1, cancel_ms=T - 1)),
    (None, {"seq": 2}, _slot(cancel_seq=1, cancel_ms=T - 1)),
    (Reason.POSITION, {}, _held(E8, market=ETH)),
    (Reason.POSITION, {}, _held(E8, place=1)),
    (Reason.REDUCE_ONLY, {"reduce_only": True}, nothing),
    (Reason.REDUCE_ONLY, {"reduce_only": True}, _held(E8)),
    (None, {"reduce_only": True}, _held(-E8)),
    (Reason.REDUCE_ONLY, {"reduce_only": True}, _held(-E8 + 1)),
    (Reason.MARKET_LIMIT, {}, _shrink_only),
    (None, {}, _both(_shrink_only, _held(-E8))),
    (Reason.OVERFLOW, {}, _held(2**62 - E8)),
]


@pytest.mark.parametrize(("reason", "changes", "tweak"), ORDER_CASES)
def test_the_first_failing_check_names_the_reason(
    reason: Reason | None, changes: dict[str, Any], tweak: Tweak
) -> None:
    state = a_state()
    tweak(state)
    order = an_order(**({"account": LONG} | changes))
    planned = fills(sell(), order) if order.account > SHORT else fills(order, sell())
    skips = settle(state, a_plan(planned)).skips
    found = [s.reason for s in skips if s.planned.signed.order.account == order.account]
    assert found == ([reason] if reason else [])


def test_post_only_buys_at_most_at_the_oracle_price_and_sells_at_least() -> None:
    above = [PriceWord(BTC, BTC_E8 + E8, 100 * E8)]
    limit = 61_000 * E8
    state = a_state()
    outcome = run(state, an_order(LONG, post_only=True, limit_price_e8=limit), sell())
    assert reasons(outcome) == []
    pair = (an_order(LONG, post_only=True, limit_price_e8=limit), sell(post_only=True))
    assert reasons(run(state, *pair, price_words=above)) == [Reason.POST_ONLY]
    below = [PriceWord(BTC, BTC_E8 - E8, 100 * E8)]
    pair = (an_order(LONG, post_only=True), sell(post_only=True, limit_price_e8=E8))
    assert reasons(run(state, *pair, price_words=below)) == [Reason.POST_ONLY]


def test_sizes_add_up_over_batches_and_fok_and_ioc_allow_one() -> None:
    state = a_state()
    other = sell(size_e8=9 * E8)
    commit(state, settle(state, a_plan(fills((an_order(LONG), E8 // 2), (other, E8 // 2)))))
    assert state.accounts[LONG].fills[0].filled_e8 == E8 // 2
    second: dict[str, Any] = {"number": 2, "time_ms": T + 1}
    enough = a_plan(fills((an_order(LONG), E8 // 2), (other, E8 // 2)), **second)
    assert reasons(settle(state, enough)) == []
    more = E8 // 2 + 1
    beyond = a_plan(fills((an_order(LONG), more), (other, more)), **second)
    assert reasons(settle(state, beyond)) == [Reason.SIZE]

    state = a_state()
    whole = an_order(LONG, time_in_force=TimeInForce.FOK)
    assert reasons(run(state, whole, sell())) == []
    assert reasons(settle(state, a_plan(fills((whole, E8 - 1), (sell(), E8 - 1))))) == [Reason.FOK]
    once = an_order(LONG, time_in_force=TimeInForce.IOC)
    commit(state, settle(state, a_plan(fills((once, E8 // 2), (sell(), E8 // 2)))))
    again = a_plan(fills((once, E8 // 2), (sell(), E8 // 2)), **second)
    assert reasons(settle(state, again)) == [Reason.IOC]


def test_a_zero_fill_is_no_size() -> None:
    state = a_state()
    outcome = settle(state, a_plan(fills((an_order(LONG), 0))))
    assert reasons(outcome) == [Reason.SIZE]


def test_a_delegate_signs_within_its_grant_and_nowhere_else() -> None:
    order = an_order(LONG)
    grant = DelegateWord(BTC, 60_000 * 10**6, T)
    for word, expected in (
        (grant, []),
        (None, [Reason.SIGNER]),
        (grant._replace(expiry_ms=T - 1), [Reason.SIGNER]),
        (grant._replace(markets=ETH), [Reason.SIGNER]),
        (grant._replace(notional_e6=60_000 * 10**6 - 1), [Reason.SIGNER]),
    ):
        state = a_state()
        if word is not None:
            state.accounts[LONG].delegates[KEY] = word
        planned = fills(order, key=KEY) + fills(sell())
        assert reasons(settle(state, a_plan(planned))) == expected
    state = a_state()
    state.accounts[LONG].word = state.accounts[LONG].word._replace(owner=owner_of(SHORT))
    assert reasons(run(state, order, sell())) == [Reason.SIGNER]


def test_an_approved_order_serves_until_its_approval_ends() -> None:
    order = an_order(LONG)
    (planned,) = fills(order)
    unsigned = msgspec.structs.replace(planned.signed, signature=bytes(64), signer=NOBODY)
    for until_ms, expected in ((None, [Reason.SIGNER]), (T - 1, [Reason.SIGNER]), (T, [])):
        state = a_state()
        if until_ms is not None:
            state.accounts[LONG].approvals[unsigned.order_hash] = until_ms
        plan = a_plan([planned._replace(signed=unsigned), *fills(sell())])
        assert reasons(settle(state, plan)) == expected
    elsewhere = a_state()
    elsewhere.accounts[SHORT].approvals[unsigned.order_hash] = T
    assert reasons(settle(elsewhere, plan)) == [Reason.SIGNER]


# -- accounts --------------------------------------------------------------------------------------


def test_an_account_without_initial_margin_is_skipped_whole_and_the_backstop_steps_in() -> None:
    state = a_state()
    # Haircut equity just covers initial margin of one BTC and the fee, and falls short by one unit.
    needed = 60_000 * 10**6 // 20 + 60_000 * 200
    for cash, expected in ((needed, []), (needed - 1, [Reason.MARGIN])):
        state.accounts[LONG].word = state.accounts[LONG].word._replace(collateral_e6=cash)
        assert reasons(run(state, an_order(LONG), sell())) == expected
    outcome = run(state, an_order(LONG), sell())
    commit(state, outcome)
    assert state.accounts[LONG].positions == {} and state.accounts[LONG].fills == {}
    assert state.markets[BTC].backstop.base_e8 == E8
    assert state.markets[BTC].pool.base_e8 == 0
    check_conservation(state)


def test_a_pending_withdrawal_counts_up_to_its_barrier() -> None:
    for barrier_ms, expected in ((T, []), (T - 1, [Reason.MARGIN])):
        state = a_state()
        held = state.accounts[LONG]
        held.word = held.word._replace(collateral_e6=1)
        held.withdrawal = WithdrawalWord(10**10, barrier_ms)
        assert reasons(run(state, an_order(LONG), sell())) == expected


def test_an_account_in_need_may_shrink_and_not_flip() -> None:
    for size_e8, expected in ((E8 // 2, []), (E8, []), (2 * E8, [Reason.MARGIN])):
        state = a_state(fee_e6=0)
        held = state.accounts[LONG]
        held.word = held.word._replace(collateral_e6=60_000 * 10**6 // 100)  # below both margins
        held.positions[0] = PositionWord(BTC, -E8, 60_000 * 10**6)
        outcome = run(state, an_order(LONG, size_e8=size_e8), sell(size_e8=size_e8))
        assert reasons(outcome) == expected


def test_a_fee_that_eats_the_equity_ratio_stops_even_a_shrinking_fill() -> None:
    state = a_state(fee_e6=20_000)
    held = state.accounts[LONG]
    held.word = held.word._replace(collateral_e6=600 * 10**6)
    held.positions[0] = PositionWord(BTC, -E8, 60_000 * 10**6)
    half: dict[str, int] = {"size_e8": E8 // 2, "max_fee_e6": 20_000}
    assert reasons(run(state, an_order(LONG, **half), sell(**half))) == [Reason.MARGIN]


def test_a_held_market_without_a_price_stops_the_account() -> None:
    state = a_state()
    state.accounts[LONG].positions[3] = PositionWord(ETH, E8, -3_000 * 10**6)
    assert reasons(run(state, an_order(LONG), sell())) == []
    outcome = run(state, an_order(LONG), sell(), prices_e8={BTC: BTC_E8})
    assert reasons(outcome) == [Reason.NO_PRICE]


def test_closing_realises_and_opening_and_closing_in_one_batch_leaves_nothing() -> None:
    state = a_state()
    commit(state, run(state, an_order(LONG), sell()))
    back = (sell(LONG, slot=1), an_order(SHORT, slot=1))
    commit(state, run(state, *back, number=2, time_ms=T + 1))
    assert state.accounts[LONG].positions == {} and state.accounts[LONG].word.mask == 0
    assert state.accounts[LONG].word.collateral_e6 == 10**12 - 2 * 60_000 * 200
    check_conservation(state, 3 * 10**12)

    round_trip = (an_order(LONG, slot=2), sell(LONG, slot=3))
    commit(state, run(state, *round_trip, number=3, time_ms=T + 2))
    assert state.accounts[LONG].positions == {}
    assert state.accounts[LONG].word.collateral_e6 == 10**12 - 4 * 60_000 * 200
    check_conservation(state, 3 * 10**12)


def test_funding_is_paid_before_the_fill_and_conserved() -> None:
    state = a_state()
    commit(state, run(state, an_order(LONG), sell()))
    market = state.markets[BTC]
    market.clock = market.clock._replace(rate_e9=10**7)  # longs pay 1% of notional a day
    later: dict[str, Any] = {"number": 2, "time_ms": T + 3_600_000}
    pair = (an_order(LONG, slot=1), sell(slot=1))
    commit(state, run(state, *pair, **later))
    hour = 60_000 * 10**6 // 100 // 24
    paid = -60_000 * 10**6 * 2 - 2 * 60_000 * 200 - state.accounts[LONG].positions[0].quote_e6
    assert hour - 1 <= paid <= hour + 2
    assert state.markets[BTC].ledger.pot_e6 in (0, 1)
    check_conservation(state)


# -- the backstop ----------------------------------------------------------------------------------


def test_the_backstop_obeys_the_margin_everyone_obeys() -> None:
    state = a_state()
    state.accounts[BACKSTOP_ACCOUNT].word = state.accounts[BACKSTOP_ACCOUNT].word._replace(
        collateral_e6=1
    )
    assert reasons(run(state, an_order(LONG), sell())) == []
    with pytest.raises(StructuralFault, match="backstop margin"):
        run(state, an_order(LONG, expiry_ms=T - 1), sell())


def test_what_is_asked_for_of_the_backstop_counts_up_to_its_barrier() -> None:
    for barrier_ms in (T, T - 1):
        state = a_state()
        held = state.accounts[BACKSTOP_ACCOUNT]
        held.word = held.word._replace(collateral_e6=1)
        held.withdrawal = WithdrawalWord(10**12 - 1, barrier_ms)
        if barrier_ms == T:
            assert reasons(run(state, an_order(LONG, expiry_ms=T - 1), sell())) == [Reason.EXPIRY]
        else:
            with pytest.raises(StructuralFault, match="backstop margin"):
                run(state, an_order(LONG, expiry_ms=T - 1), sell())


def test_what_is_asked_for_of_the_backstop_counts_where_its_risk_falls() -> None:
    state = a_state(fee_e6=0)
    held = state.accounts[BACKSTOP_ACCOUNT]
    state.markets[BTC].backstop = PositionWord(BTC, E8, -60_000 * 10**6)
    shrinking = sell(LONG, expiry_ms=T - 1), an_order(SHORT)
    for asked_e6, stands in ((1, True), (0, False)):
        held.word = held.word._replace(collateral_e6=-1)
        held.withdrawal = WithdrawalWord(asked_e6, 0) if asked_e6 else WithdrawalWord()
        if stands:
            assert reasons(run(state, *shrinking)) == [Reason.EXPIRY]
        else:
            with pytest.raises(StructuralFault, match="backstop margin"):
                run(state, *shrinking)


def test_the_backstop_takes_the_net_and_closes_like_anyone() -> None:
    state = a_state()
    commit(state, run(state, an_order(LONG, expiry_ms=T - 1), sell()))
    assert state.markets[BTC].backstop.base_e8 == E8
    undo = fills(sell(LONG, slot=1, expiry_ms=T), an_order(SHORT, slot=1))
    commit(state, settle(state, a_plan(undo, number=2, time_ms=T + 1)))
    assert state.markets[BTC].backstop == PositionWord()
    assert state.accounts[BACKSTOP_ACCOUNT].word.collateral_e6 == 10**12 - 2 * 60_000 * 200
    check_conservation(state, 3 * 10**12)


def test_a_backstop_position_without_a_price_reverts_only_if_something_is_skipped() -> None:
    state = a_state()
    state.markets[ETH].backstop = PositionWord(ETH, 1, 0)
    only_btc: dict[str, Any] = {"prices_e8": {BTC: BTC_E8}}
    assert reasons(run(state, an_order(LONG), sell(), **only_btc)) == []
    with pytest.raises(StructuralFault, match="clearing: no price"):
        run(state, an_order(LONG, expiry_ms=T - 1), sell(), **only_btc)


# -- structural faults -----------------------------------------------------------------------------

FAULTS: list[tuple[str, dict[str, Any]]] = [
    ("clearing: wrong batch number", {"number": 2}),
    ("clearing: wrong batch number", {"number": 0}),
    ("clearing: batch time must rise", {"time_ms": 0}),
    (
        "clearing: prices not ascending",
        {"price_words": [PriceWord(BTC, BTC_E8, 0), PriceWord(BTC, BTC_E8, 0)]},
    ),
    ("clearing: market not live", {"price_words": [PriceWord(9, BTC_E8, 0)]}),
    ("clearing: no price", {"price_words": [PriceWord(BTC, 0, 100 * E8)]}),
    ("clearing: no price", {"prices_e8": {}}),
    ("clearing: no price", {"opened": 0}),
    ("clearing: no price", {"chunks": 0}),
    ("clearing: market not priced", {"price_words": [PriceWord(ETH, ETH_E8, 100 * E8)]}),
    ("clearing: gross exceeded", {"price_words": [PriceWord(BTC, BTC_E8, E8 - 1)]}),
    (
        "clearing: price beyond curve",
        {"price_words": [PriceWord(BTC, BTC_E8 + 61 * E8, 100 * E8)]},
    ),
    ("clearing: price outside band", {"price_words": [PriceWord(BTC, 64_000 * E8, 100 * E8)]}),
]


@pytest.mark.parametrize(("reason", "changes"), FAULTS)
def test_structural_faults_revert_with_the_contracts_words(
    reason: str, changes: dict[str, Any]
) -> None:
    state = a_state()
    with pytest.raises(StructuralFault) as fault:
        run(state, an_order(LONG, limit_price_e8=10**13), sell(), **changes)
    assert fault.value.reason == reason


def test_the_window_is_judged_where_the_block_is_known() -> None:
    plan = a_plan([])
    for now_ms, fits in (
        (T - 1_000, True),
        (T - 1_001, False),
        (T + 15_000, True),
        (T + 15_001, False),
    ):
        if fits:
            settle(a_state(), plan, now_ms)
        else:
            with pytest.raises(StructuralFault, match="outside window"):
                settle(a_state(), plan, now_ms)


def test_records_ascend_and_name_only_traders() -> None:
    for planned in (
        fills(sell(), an_order(LONG)),
        fills(an_order(LONG), an_order(LONG, seq=2)),
        fills(an_order(BACKSTOP_ACCOUNT)),
        fills(an_order(16)),
    ):
        with pytest.raises(StructuralFault, match="records not ascending"):
            settle(a_state(), a_plan(planned))


def test_an_account_has_at_most_64_fills() -> None:
    words = [PriceWord(BTC, BTC_E8, 100 * E8)]
    for count, fits in ((64, True), (65, False)):
        buys = [an_order(LONG, slot=slot, size_e8=E8 // 100) for slot in range(count)]
        planned = fills(*buys, sell(size_e8=count * E8 // 100))
        if fits:
            assert reasons(settle(a_state(), a_plan(planned, price_words=words))) == []
        else:
            with pytest.raises(StructuralFault, match="too many fills"):
                settle(a_state(), a_plan(planned, price_words=words))


def test_the_pool_takes_the_residual_on_its_own_side_only() -> None:
    half = BTC_E8 + 6 * E8  # exactly h_min above the oracle
    order = an_order(LONG, limit_price_e8=10**13)
    outcome = run(a_state(), order, price_words=[PriceWord(BTC, half, E8)])
    assert outcome.markets[BTC].pool.base_e8 == -E8
    for price_e8 in (half - 1, BTC_E8, BTC_E8 - 6 * E8):
        with pytest.raises(StructuralFault, match="price on the wrong side"):
            run(a_state(), order, price_words=[PriceWord(BTC, price_e8, E8)])


def test_caps_and_the_loss_meter_bound_the_pool() -> None:
    half = [PriceWord(BTC, BTC_E8 + 6 * E8, 10_000 * E8)]
    order = an_order(LONG, limit_price_e8=10**13)

    def pressed(**caps: int) -> State:
        state = a_state()
        market = state.markets[BTC]
        version = market.clock.version
        held = market.parameters[version]
        market.parameters[version] = held._replace(caps=held.caps._replace(**caps))
        return state

    assert reasons(run(pressed(residual_cap_e8=E8), order, price_words=half)) == []
    with pytest.raises(StructuralFault, match="residual cap"):
        run(pressed(residual_cap_e8=E8 - 1), order, price_words=half)
    with pytest.raises(StructuralFault, match="pool cap"):
        run(pressed(position_cap_e8=E8 - 1), order, price_words=half)

    state = a_state()
    market = state.markets[BTC]
    market.meter = market.meter._replace(bucket_e6=10**13 // 400 // 4 + 10**9)
    with pytest.raises(StructuralFault, match="loss meter"):
        run(state, order, price_words=half)
    market.pool = market.pool._replace(base_e8=2 * E8)
    assert reasons(run(state, order, price_words=half)) == []


def test_open_interest_above_its_cap_only_shrinks() -> None:
    state = a_state()
    state.markets[BTC].meter = state.markets[BTC].meter._replace(open_interest_e8=99_999 * E8)
    fits = [PriceWord(BTC, BTC_E8, E8)]
    assert reasons(run(state, an_order(LONG), sell(), price_words=fits)) == []
    beyond = [PriceWord(BTC, BTC_E8, E8 + 1)]
    outcome = run(state, an_order(LONG), sell(), price_words=beyond)
    assert reasons(outcome) == [Reason.MARKET_LIMIT, Reason.MARKET_LIMIT]


def test_a_price_that_jumps_beyond_its_bound_only_shrinks() -> None:
    for moved_e8, expected in ((6_000 * E8, 0), (6_000 * E8 + 1, 2)):
        state = a_state()
        state.markets[BTC].clock = state.markets[BTC].clock._replace(
            price_e8=BTC_E8, time_ms=T - 999
        )
        price_e8 = BTC_E8 + moved_e8
        outcome = run(
            state,
            an_order(LONG, limit_price_e8=10**13),
            sell(),
            prices_e8={BTC: price_e8, ETH: ETH_E8},
            price_words=[PriceWord(BTC, price_e8, E8)],
        )
        assert len(outcome.skips) == expected


# -- shares ----------------------------------------------------------------------------------------


def test_the_first_batch_after_the_guard_strikes_and_prices_every_pool_market() -> None:
    venue = Venue(epoch_ms=10_000)
    venue.list_market(BTC)
    venue.request_liquidity(5 * 10**6)
    state = venue.chain
    end = state.head.epoch_end_ms
    assert settle(state, a_plan([], time_ms=end + GUARD_MS)).strike is None
    outcome = settle(state, a_plan([], time_ms=end + GUARD_MS + 1))
    commit(state, outcome)
    assert state.supply == 5 * 10**12 and state.limits.capital_e6 == 5 * 10**6
    assert state.accounts[POOL_ACCOUNT].word.collateral_e6 == 5 * 10**6
    assert state.head.epoch == 2 and state.head.epoch_end_ms == end + GUARD_MS + 1 + 10_000

    state.markets[BTC].pool = state.markets[BTC].pool._replace(base_e8=E8)
    due: dict[str, Any] = {"number": 2, "time_ms": state.head.epoch_end_ms + GUARD_MS + 1}
    with pytest.raises(StructuralFault, match="strike misses a market"):
        settle(state, a_plan([], price_words=[], prices_e8={}, **due))
    unlisted = settle(state, a_plan([], price_words=[], **due)).strike
    listed = settle(state, a_plan([], **due)).strike
    assert unlisted is not None and unlisted == listed
    assert unlisted.word.nav_e6 == 5 * 10**6 + 60_000 * 10**6


def test_a_pool_worth_nothing_returns_every_request() -> None:
    venue = Venue(epoch_ms=10_000)
    venue.request_liquidity(10**6)
    state = venue.chain
    state.supply = 10**12
    plan = a_plan([], price_words=[], time_ms=state.head.epoch_end_ms + GUARD_MS + 1)
    outcome = settle(state, plan)
    assert outcome.strike is not None and outcome.strike.word.returned == 1
    assert outcome.strike.supply == 10**12 and outcome.collateral_e6[POOL_ACCOUNT] == 0


# -- apply -----------------------------------------------------------------------------------------


def test_apply_shrinks_into_incoming_and_the_next_batch_hands_it_to_the_pool() -> None:
    state = a_state()
    commit(state, run(state, an_order(LONG), sell()))
    for change in (0, 1, -E8 - 1):
        with pytest.raises(StructuralFault, match="apply must shrink"):
            apply_delta(state, LONG, 0, change, BTC_E8, T)
    with pytest.raises(StructuralFault, match="no price"):
        apply_delta(state, LONG, 0, -1, 0, T)
    apply_delta(state, LONG, 0, -E8 // 4, BTC_E8, T)
    assert state.accounts[LONG].positions[0].base_e8 == 3 * E8 // 4
    assert state.markets[BTC].incoming.base_e8 == E8 // 4
    check_conservation(state)
    apply_delta(state, LONG, 0, -3 * E8 // 4, BTC_E8, T)
    assert state.accounts[LONG].word.mask == 0
    check_conservation(state)
    commit(state, run(state, number=2, time_ms=T + 1))
    assert state.markets[BTC].pool.base_e8 == E8
    assert state.markets[BTC].incoming.base_e8 == 0
    check_conservation(state)
