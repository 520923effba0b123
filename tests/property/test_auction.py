# SPDX-License-Identifier: Apache-2.0
"""The auction against brute force, under permutations, and against those who would game it."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from infold.bench.auction import (
    Case,
    columns,
    compare_small,
    compare_thick,
    market_of,
    shuffled_rows,
    small_case,
)
from infold.bench.brute import BruteMarket, BruteOrder, brute_clear
from infold.core.auction import Cleared, clear, prepare


def cleared(cases: list[Case]) -> tuple[Cleared, list[list[int]]]:
    """The outcome of some markets in one call, and the fills by case."""
    rows = [(case, at) for case in range(len(cases)) for at in range(len(cases[case].orders))]
    orders = columns(cases, rows, [0] * len(rows))
    outcome = clear(orders, prepare([market_of(case.market) for case in cases]), 1)
    fills: list[list[int]] = [[] for _ in cases]
    for (case, _), fill in zip(rows, outcome.fill_e8.tolist(), strict=True):
        fills[case].append(fill)
    return outcome, fills


def test_auction_equals_brute_force_on_a_thousand_small_markets() -> None:
    assert compare_small(seed=2, cases=1_200) == []


@pytest.mark.parametrize("seed", [3, 4])
def test_auction_equals_brute_force_on_thick_markets(seed: int) -> None:
    assert compare_thick(seed, orders=4_000, markets=20) == []


def test_order_of_input_never_matters() -> None:
    draw = random.Random(11)
    cases = [small_case(draw, wide=number % 4 == 0) for number in range(20)]
    markets = prepare([market_of(case.market) for case in cases])
    rows = shuffled_rows(cases, draw)
    account = {row: draw.randrange(5) for row in rows}
    first = None
    for turn in range(1_000):
        draw.shuffle(rows)
        outcome = clear(columns(cases, rows, [account[row] for row in rows]), markets, 5)
        seen = (
            outcome.price_e8.tolist(),
            outcome.residual_e8.tolist(),
            outcome.net_e8.tolist(),
            sorted(zip(rows, outcome.fill_e8.tolist(), strict=True)),
        )
        first = first or seen
        assert seen == first, f"permutation {turn} of seed 11"
    assert first is not None
    assert sum(price > 0 for price in first[0]) >= 4


def test_fills_net_to_the_dealers_sale_and_respect_every_limit() -> None:
    for seed in range(40):
        draw = random.Random(f"limits {seed}")
        cases = [small_case(draw) for _ in range(20)]
        outcome, fills = cleared(cases)
        for number, case in enumerate(cases):
            price, net = int(outcome.price_e8[number]), 0
            for order, fill in zip(case.orders, fills[number], strict=True):
                assert 0 <= fill <= order.open_e8, seed
                net += fill if order.buy else -fill
                if fill:
                    oracle = case.market.oracle
                    assert price <= order.limit_e8 if order.buy else price >= order.limit_e8, seed
                    assert not order.fill_or_kill or fill == order.open_e8, seed
                    assert not order.post_only or (
                        price <= oracle if order.buy else price >= oracle
                    ), seed
            assert net == outcome.residual_e8[number] == outcome.net_e8[:, number].sum(), seed
            assert price % case.market.tick == 0, seed


# -- what the price is for -------------------------------------------------------------------------

LADDER = ((8_000, -2_000), (9_980, 0), (10_020, 0), (12_000, 2_000))


def a_market(**changes: int) -> BruteMarket:
    """O = 10,000, own side 0.5 %, free play 1 %, a dealer that sells a lot more each unit."""
    market = BruteMarket(
        oracle=10_000, h_min_e6=5_000, h0_e6=10_000, band_e6=200_000, slope_e20=10**17,
        residual_cap=500, position_cap=1_000, pool=0, must_shrink=False, tick=1, knots=LADDER,
    )  # fmt: skip
    return market._replace(**changes)


def an_order(buy: bool, size: int, limit: int, tag: int = 0) -> BruteOrder:
    """A plain order."""
    return BruteOrder(buy, size, limit, False, False, tag.to_bytes(32, "big"))


def outcome_of(market: BruteMarket, *orders: BruteOrder) -> tuple[int, int, list[int]]:
    """Price, residual and fills of one market; brute force must agree."""
    outcome, fills = cleared([Case(market, orders)])
    found = int(outcome.price_e8[0]), int(outcome.residual_e8[0]), fills[0]
    assert found == tuple(brute_clear(market, orders))
    return found


def test_balanced_flow_crosses_at_the_oracle_price_without_spread() -> None:
    buys = [an_order(True, 60, 10_040, 1), an_order(True, 40, 10_090, 2)]
    sells = [an_order(False, 100, 9_950, 3)]
    assert outcome_of(a_market(), *buys, *sells) == (10_000, 0, [60, 40, 100])
    assert outcome_of(a_market(oracle=10_003, tick=5), *buys, *sells)[0] == 10_005


def test_heavy_side_pays_the_dealers_price_and_the_light_side_receives_it() -> None:
    price, residual, fills = outcome_of(
        a_market(), an_order(True, 130, 10_100, 1), an_order(False, 50, 9_900, 2)
    )
    assert (price, residual, fills) == (10_100, 80, [130, 50])
    price, residual, fills = outcome_of(
        a_market(), an_order(True, 50, 10_100, 1), an_order(False, 130, 9_900, 2)
    )
    # One tick nearer: a purchase is rounded up where a sale is rounded down.
    assert (price, residual, fills) == (9_901, -80, [50, 130])


def test_inside_the_pools_own_side_the_heavy_side_is_rationed_to_zero() -> None:
    price, residual, fills = outcome_of(
        a_market(), an_order(True, 130, 10_049, 1), an_order(False, 50, 9_900, 2)
    )
    assert (price, residual, fills) == (10_000, 0, [50, 50])


def test_marginal_level_is_shared_pro_rata_and_the_dust_goes_to_the_largest_remainder() -> None:
    orders = [
        an_order(True, 10, 10_049, 9),
        an_order(True, 10, 10_040, 7),
        an_order(True, 10, 10_040, 5),
        an_order(True, 7, 10_040, 1),
        an_order(False, 24, 9_900, 2),
    ]
    # 14 for 27: 5.185 (rest 5), 5.185 (rest 5), 3.63 (rest 17): the last unit goes to 3.63.
    assert outcome_of(a_market(), *orders) == (10_000, 0, [10, 5, 5, 4, 24])
    orders[4] = an_order(False, 25, 9_900, 2)
    # 15 for 27: 5.56, 5.56, 3.89: one to the last, one to the lower hash of the equals.
    assert outcome_of(a_market(), *orders) == (10_000, 0, [10, 5, 6, 4, 25])


def test_fill_or_kill_is_dropped_and_the_rest_solved_again() -> None:
    kill = an_order(True, 80, 10_040, 1)._replace(fill_or_kill=True)
    seller = an_order(False, 50, 9_900, 2)
    assert outcome_of(a_market(), kill, seller)[2] == [0, 50]
    assert outcome_of(a_market(), kill, seller, an_order(True, 50, 10_010, 3)) == (
        10_000, 0, [0, 50, 50]
    )  # fmt: skip
    assert outcome_of(a_market(), kill, an_order(False, 90, 9_990, 2)) == (10_000, 0, [80, 80])


# -- gaming ----------------------------------------------------------------------------------------


def test_alone_no_set_of_own_orders_beats_the_honest_order_on_the_curve() -> None:
    """What a set of own orders nets from the dealer, one order of that size nets no worse."""
    traded = 0
    for seed in range(600):
        draw = random.Random(f"alone {seed}")
        case = small_case(draw)
        orders = tuple(order._replace(fill_or_kill=False, post_only=False) for order in case.orders)
        outcome, _ = cleared([replace(case, orders=orders)])
        price, net = int(outcome.price_e8[0]), int(outcome.residual_e8[0])
        if net == 0:
            continue  # whatever it crossed with itself, at one price, it has what it had
        reach = case.market.oracle * 2
        honest = an_order(net > 0, abs(net), reach if net > 0 else case.market.tick)
        single, fills = cleared([Case(case.market, (honest,))])
        assert fills[0] == [abs(net)], seed
        better = (price - int(single.price_e8[0])) * (1 if net > 0 else -1)
        assert better >= 0, f"seed {seed}: {price} against {single.price_e8[0]}"
        traded += 1
    assert traded >= 100


def test_among_others_no_set_of_own_orders_beats_the_best_single_order() -> None:
    """Whatever up to four own orders on both sides net, one order nets at no worse a price.

    The single order may choose its limit and, since a marginal level is shared by open size, its
    size up to that of the set; its fill may differ by a lot an own order (rounding).
    """
    compared = 0
    for seed in range(500):
        draw = random.Random(f"game {seed}")
        case = small_case(draw)
        market, tick = case.market, case.market.tick
        orders = [order._replace(fill_or_kill=False, post_only=False) for order in case.orders]
        count = min(draw.randint(2, 4), len(orders) - 1)
        own, others = orders[:count], orders[count:]
        outcome, fills = cleared([Case(market, tuple(orders))])
        price = int(outcome.price_e8[0])
        net = sum(
            fill if order.buy else -fill for order, fill in zip(own, fills[0][:count], strict=True)
        )
        if net == 0:
            continue
        buy = net > 0
        around = [price, *(order.limit_e8 for order in others), 2 * market.oracle if buy else tick]
        limits = {max(tick, limit // tick * tick + step * tick) for limit in around
                  for step in (-1, 0, 1)}  # fmt: skip
        sizes = {abs(net), sum(order.open_e8 for order in own if order.buy == buy)}
        singles = [
            Case(market, (an_order(buy, size, limit), *others))
            for size in sizes
            for limit in limits
        ]
        alone, alone_fills = cleared(singles)
        assert any(
            abs(filled[0] - abs(net)) <= count and (price - at if buy else at - price) >= 0
            for at, filled in zip(alone.price_e8.tolist(), alone_fills, strict=True)
        ), f"seed {seed}: {own} net {net} at {price} among {others}"
        compared += 1
    assert compared >= 100


def test_splitting_an_order_wins_at_most_a_lot_a_part() -> None:
    """Among others' orders the price stays, and the parts fill as one order did, a lot each off."""
    for seed in range(300):
        draw = random.Random(f"split {seed}")
        case = small_case(draw)
        orders = list(case.orders)
        at = draw.randrange(len(orders))
        mine = orders[at]._replace(fill_or_kill=False)
        cuts = sorted(draw.randrange(mine.open_e8 + 1) for _ in range(draw.randint(1, 5)))
        sizes = [high - low for low, high in zip([0, *cuts], [*cuts, mine.open_e8], strict=True)]
        parts = [mine._replace(open_e8=size, order_hash=draw.randbytes(32)) for size in sizes]
        others = [
            order._replace(fill_or_kill=False)
            for number, order in enumerate(orders)
            if number != at
        ]
        whole, whole_fills = cleared([Case(case.market, (mine, *others))])
        split, split_fills = cleared([Case(case.market, (*parts, *others))])
        assert whole.price_e8[0] == split.price_e8[0], seed
        assert whole.residual_e8[0] == split.residual_e8[0], seed
        gain = sum(split_fills[0][: len(parts)]) - whole_fills[0][0]
        assert abs(gain) <= len(parts), f"seed {seed}: {gain} lots by {len(parts)} parts"
