# SPDX-License-Identifier: Apache-2.0
"""Third fragile rule: the pool in hindsight (B12).

A matcher that knows the next price holds every batch for the whole window, trades its friend
against the pool only where the price has already moved beyond the half-spread, unwinds nothing,
and slips empty batches between. What it takes in a day is bounded by the loss meter: 0.35 % of the
pool's capital (over 7/8, what the meter forgets in a window), plus one residual cap times one move
in each market, since this adversary trades once a window; `infold bench self-dealing` has one that
trades every second. A rebate changes what a trade costs, not the bound: the meter counts what is
given.
"""

from __future__ import annotations

import random

import pytest
from tests.support.evm import Refused, a_key
from tests.support.stage import ETHER_E8, PROVIDER, Stage, set_up
from tests.support.venue import DOLLAR, LOT, PRICE_E8, a_venue

from infold.words import unpack_limits, unpack_meter

FRIEND = a_key("friend")
MARKETS = (1, 2, 3, 40)
CAPITAL_E6 = 10_000_000 * DOLLAR
DAY_S = 86_400
WINDOW_S = 15
SEED = 7
MOVE_E6 = 3_000
"""Largest move in a window, 0.3 %: six half-spreads, a very good day for hindsight."""
CAP_E8 = {1: 5 * LOT, 2: 100 * LOT, 3: 100 * LOT, 40: 100 * LOT}


def a_day_of_hindsight(empties: int, rebate: int) -> tuple[int, int, int]:
    """What the friend took, what the bound says (e6), and how many batches traded."""
    stage = set_up(a_venue(epoch_ms=40 * DAY_S * 1000))
    venue = stage.venue
    caps = {"position_cap_e8": 10**14, "slope_e20": 0, "rebate": rebate}
    for market, name in zip(MARKETS, ("BTC", "ETH", "SOL", "XRP"), strict=True):
        venue.list_market(market, name=f"{name}-USD", residual_cap_e8=CAP_E8[market], **caps)
    oracle = {1: PRICE_E8, 2: ETHER_E8, 3: ETHER_E8, 40: ETHER_E8}
    venue.provide(PROVIDER, CAPITAL_E6, oracle)
    assert unpack_limits(venue.clearing.limits()).capital_e6 == CAPITAL_E6
    friend = venue.open_account(FRIEND, 10**9 * DOLLAR)
    rng = random.Random(SEED)
    place = {market: at for at, market in enumerate(MARKETS)}
    venue.world.travel(1)
    start_s = venue.world.timestamp_s
    taken_e10 = trades = 0
    full_wait_s = 400
    while venue.world.timestamp_s < start_s + DAY_S:
        # the next price is known before the batch at this one has to land
        now_s = venue.world.timestamp_s
        following = {
            market: price + price * rng.randrange(-MOVE_E6, MOVE_E6 + 1) // 10**6
            for market, price in oracle.items()
        }
        chosen = []
        for market in MARKETS:
            lean = -(-oracle[market] * 500 // 10**6)
            if rebate:
                lean = best_lean(stage, market, oracle[market], following[market], rebate)
            move = following[market] - oracle[market]
            if abs(move) > lean:
                chosen.append((market, 1 if move > 0 else -1, lean))
        traded = 0
        while chosen:
            if try_trade(stage, friend, place, oracle, chosen, now_s):
                for market, side, lean in chosen:
                    gain = side * (following[market] - oracle[market]) - lean
                    taken_e10 += CAP_E8[market] * gain
                traded = 1
                break
            chosen = chosen[:-1]  # the meter is full: try with less
        trades += traded
        # empty batches on the way to the next price, which is what the meter sees of the move
        for step in range(1, empties + 1):
            venue.world.at(now_s + WINDOW_S)
            at_ms = now_s * 1000 + WINDOW_S * 1000 * step // (empties + 1)
            between = {
                market: price + (following[market] - price) * step // (empties + 1)
                for market, price in oracle.items()
            }
            stage.venue.settle(stage.batch(oracle=between, priced=MARKETS, time_ms=at_ms))
        oracle = following
        venue.world.at(now_s + WINDOW_S + 1)
        stage.venue.settle(
            stage.batch(oracle=oracle, priced=MARKETS, time_ms=(now_s + WINDOW_S) * 1000)
        )
        if not traded:
            venue.world.travel(full_wait_s)
    stage.books.check()
    overshoot = sum(CAP_E8[m] * oracle[m] * MOVE_E6 // 10**6 for m in MARKETS) // 10**10
    bound_e6 = CAPITAL_E6 * 3_500 // 10**6 * 8 // 7 + overshoot
    return taken_e10 // 10**10, bound_e6, trades


def best_lean(stage: Stage, market: int, price_e8: int, following_e8: int, rebate: int) -> int:
    """How far on the pool's side of the oracle the friend must trade: below 0 where it is given."""
    h_min_e8 = price_e8 * 500 // 10**6
    side = 1 if following_e8 > price_e8 else -1
    if side * stage.pool(market).base_e8 < CAP_E8[market]:
        return -(-price_e8 * 500 // 10**6)
    earned_e6 = unpack_meter(stage.venue.clearing.market_words(market * 8 + 2)).earned_e6
    return -min(h_min_e8, earned_e6 * rebate // 16 * 10**10 // CAP_E8[market])


def try_trade(
    stage: Stage,
    friend: int,
    place: dict[int, int],
    oracle: dict[int, int],
    chosen: list[tuple[int, int, int]],
    now_s: int,
) -> bool:
    """Land a batch of T = now at the end of its window; False if the meter says no."""
    world = stage.venue.world
    plans = [
        stage.fill(
            friend, side > 0, CAP_E8[market], market=market, slot=market % 256, place=place[market]
        )
        for market, side, _ in chosen
    ]
    prices = {market: oracle[market] + side * lean for market, side, lean in chosen}
    world.at(now_s + WINDOW_S)
    batch = stage.batch(plans, oracle=oracle, priced=MARKETS, prices=prices, time_ms=now_s * 1000)
    try:
        receipt = stage.venue.settle(batch)
    except Refused as refused:
        assert refused.reason == "clearing: loss meter"
        return False
    assert receipt.all("Skipped") == []
    return True


@pytest.mark.parametrize(("empties", "rebate"), [(0, 0), (3, 0), (0, 15)])
def test_B12_a_day_of_perfect_hindsight_is_bounded_by_the_loss_meter(
    empties: int, rebate: int, capsys: pytest.CaptureFixture[str]
) -> None:
    taken_e6, bound_e6, trades = a_day_of_hindsight(empties, rebate)
    with capsys.disabled():
        print(
            f"\nhindsight, {empties} empty batches a window, {rebate}/16 given back, seed {SEED}: "
            f"{taken_e6 / 1e6:,.0f} USD of {CAPITAL_E6 / 1e6:,.0f} in {trades} batches, "
            f"{taken_e6 / CAPITAL_E6:.3%} of the pool; bound {bound_e6 / 1e6:,.0f} USD"
        )
    assert trades > 20
    assert taken_e6 > CAPITAL_E6 // 1000, "the adversary is too weak to show anything"
    assert taken_e6 <= bound_e6
