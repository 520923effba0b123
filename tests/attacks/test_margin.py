# SPDX-License-Identifier: Apache-2.0
"""Group E, the trader's side: who takes out more than is free, or acts until nothing is left.

Liquidation's part of the group is `test_liquidations.py`; shares as collateral, `test_pool.py`.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import pytest
from tests.support.evm import Refused, a_key, refuses
from tests.support.stage import ETHER_E8, ORACLE, Stage
from tests.support.venue import DOLLAR, GUARD_MS, LOT, PRICE_E8, WINDOW_MS

POOR, FRIEND, STRANGER = a_key("poor"), a_key("friend"), a_key("stranger")
IM_E6, FEE_E6, H_MIN_E6 = 50_000, 500, 500
DUE_S = (GUARD_MS + WINDOW_MS) // 1000 + 1
STEPS = 150


@pytest.mark.parametrize("long", [True, False])
def test_E01_withdraw_with_an_open_loss(stage: Stage, long: bool) -> None:
    """What is asked for while the price was good is paid at the price of the claim, down to initial
    margin; an older price serves nobody once a batch has shown a newer one.
    """
    venue, world = stage.venue, stage.venue.world
    stage.fund_pool()
    poor = venue.open_account(POOR, 4_000 * DOLLAR)
    stage.settle([stage.fill(poor, long, LOT), stage.fill(stage.seller, not long, LOT)])
    cash_e6 = stage.account(poor).collateral_e6
    venue.clearing.request_withdrawal(poor, cash_e6, sender=POOR)
    world.travel(DUE_S)
    good = venue.presented(venue.a_vector(ORACLE))
    lost = PRICE_E8 * 10_000 // 10**6
    price_e8 = PRICE_E8 - lost if long else PRICE_E8 + lost
    world.travel(GUARD_MS // 1000 + 1)
    stage.settle(oracle=ORACLE | {1: price_e8}, priced=(1,))
    with refuses(world, "clearing: vector too old"):
        venue.clearing.claim_withdrawal(poor, *good, sender=POOR)
    with refuses(world, "clearing: no price"):
        blind = venue.presented(venue.a_vector({2: ETHER_E8}))
        venue.clearing.claim_withdrawal(poor, *blind, sender=POOR)
    fresh = venue.presented(venue.a_vector(ORACLE | {1: price_e8}))
    paid = venue.clearing.claim_withdrawal(poor, *fresh, sender=POOR).value
    fee_e6 = PRICE_E8 * FEE_E6 // 10**8
    margin_e6 = price_e8 * IM_E6 // 10**8
    assert paid == 4_000 * DOLLAR - fee_e6 - lost // 100 - margin_e6 > 0
    equity_e6, maintenance_e6 = venue.recovery.health(*fresh, poor)
    assert equity_e6 == margin_e6 > maintenance_e6
    stage.books.check()
    left = stage.account(poor).collateral_e6
    venue.clearing.request_withdrawal(poor, left, sender=POOR)
    world.travel(DUE_S)
    again = venue.presented(venue.a_vector(ORACLE | {1: price_e8}))
    assert venue.clearing.claim_withdrawal(poor, *again, sender=POOR).value == 0


@pytest.mark.parametrize("seed", range(4))
def test_E03_health_after_every_action(stage: Stage, seed: int) -> None:
    """At one price, nothing that an owner and a friend do leaves either with negative equity or
    somebody else with the loss: orders against each other and the pool, withdrawals, exits,
    cancels, liquidations of themselves (Euler 2023: a door that forgot to look).
    """
    venue, world, draw = stage.venue, stage.venue.world, random.Random(seed)
    stage.fund_pool()
    pair = {venue.open_account(key, 5_000 * DOLLAR): key for key in (POOR, FRIEND)}
    done: Counter[str] = Counter()
    priced = {"oracle": ORACLE, "priced": (1, 2)}

    def vector() -> tuple[object, ...]:
        return venue.presented(venue.a_vector(ORACLE))

    def someone() -> int:
        return draw.choice(list(pair))

    def trade() -> None:
        market, size_e8 = draw.choice((1, 2)), draw.randrange(1, 3 * LOT)
        size_e8 *= 1 if market == 1 else 20
        first, side = someone(), draw.choice((1, -1))
        plans = [stage.fill(first, side > 0, size_e8, market=market, slot=market)]
        away_e6 = draw.randrange(H_MIN_E6, 2 * H_MIN_E6) * side
        if draw.random() < 0.6:
            (second,) = pair.keys() - {first}
            plans.append(stage.fill(second, side < 0, size_e8, market=market, slot=market))
            away_e6 = draw.randrange(-H_MIN_E6, H_MIN_E6)
        price_e8 = ORACLE[market] + ORACLE[market] * away_e6 // 10**6
        world.travel(1)
        receipt = venue.settle(stage.batch(plans, prices={market: price_e8}, **priced))
        done["skipped"] += len(receipt.all("Skipped"))

    def ask() -> None:
        account = someone()
        amount = max(1, stage.account(account).collateral_e6 * draw.randrange(1, 101) // 100)
        venue.clearing.request_withdrawal(account, amount, sender=pair[account])

    def claim() -> None:
        world.travel(DUE_S)
        venue.clearing.claim_withdrawal(someone(), *vector(), sender=STRANGER)

    def leave() -> None:
        account, place = someone(), draw.randrange(2)
        held = abs(stage.position(account, place).base_e8)
        size_e8 = draw.randrange(1, held + 2)
        venue.recovery.force_reduce(account, place, size_e8, sender=pair[account])
        world.travel(60)
        venue.recovery.execute_exit(*vector(), account, place, sender=STRANGER)

    def liquidate() -> None:
        venue.recovery.liquidate(*vector(), someone(), draw.randrange(2), someone(), sender=POOR)

    def pay_in() -> None:
        venue.clearing.deposit(someone(), draw.randrange(1, 100), sender=POOR)

    def cancel_all() -> None:
        venue.clearing.cancel_all(someone(), sender=POOR)

    acts: list[Callable[[], None]] = [trade, trade, trade, ask, claim, leave, liquidate, pay_in]
    acts.append(cancel_all)
    for _ in range(STEPS):
        act = draw.choice(acts)
        try:
            act()
            done[act.__name__] += 1
        except Refused as refused:
            done[refused.reason] += 1
        stage.books.check()
        for account in pair:
            equity_e6, _ = venue.recovery.health(*vector(), account)
            assert equity_e6 >= 0, f"seed {seed}, {act.__name__}: {equity_e6}"
    assert {"trade", "ask", "claim", "leave"} <= done.keys(), f"seed {seed}: {done}"
    assert done["skipped"] and not done["liquidate"], f"seed {seed}: {done}"
