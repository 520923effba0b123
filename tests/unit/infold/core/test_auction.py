# SPDX-License-Identifier: Apache-2.0
"""The auction's edges: large figures, odd limits, bad indices, and the compiled arithmetic."""

from __future__ import annotations

import random

import numpy as np
import pytest

from infold.bench.auction import Case, columns, market_of
from infold.bench.brute import BruteMarket, BruteOrder, brute_clear
from infold.core.auction import AuctionMarket, Cleared, Orders, clear, hash_words, prepare
from infold.core.crossing import binning, offering, places, products
from infold.core.curve import LOTS_E8_MAX, NO_DEALER, Curve, CurveBounds, admissible, clip
from infold.errors import InvariantBroken

BITCOIN = BruteMarket(
    oracle=6_012_345_678_901, h_min_e6=517, h0_e6=1_000, band_e6=20_000, slope_e20=5 * 10**7,
    residual_cap=20 * 10**8, position_cap=10**10, pool=-3 * 10**8, must_shrink=False,
    tick=10**9, knots=((5_900_000_000_000, -(10**11)), (6_100_000_000_000, 10**11)),
)  # fmt: skip


def auction(market: BruteMarket, *orders: BruteOrder) -> Cleared:
    """One market's outcome."""
    case = Case(market, orders)
    rows = [(0, number) for number in range(len(orders))]
    return clear(columns([case], rows, [0] * len(rows)), prepare([market_of(market)]), 1)


def order(buy: bool, size: int, limit: int, tag: int, kill: bool = False) -> BruteOrder:
    """An order told apart by `tag`."""
    return BruteOrder(buy, size, limit, kill, False, tag.to_bytes(32, "big"))


def test_no_orders_and_no_markets_clear_to_nothing() -> None:
    assert auction(BITCOIN).price_e8.tolist() == [0]
    empty = auction(BITCOIN)
    assert empty.fill_e8.tolist() == []
    nothing = clear(columns([], [], []), prepare([]), 3)
    assert nothing.net_e8.shape == (3, 0)


def test_largest_sizes_stay_exact_and_inside_63_bits() -> None:
    """300 orders of 2**53 lots a side pass 2**61 together: each is cut to an equal share."""
    limit = BITCOIN.oracle // 10**9 * 10**9
    market = BITCOIN._replace(h0_e6=2_000)
    many = [order(True, 2**53, limit + 10**9, tag) for tag in range(300)]
    few = [order(False, 2**53, limit, 1_000 + tag) for tag in range(3)]
    outcome = auction(market, *many, *few)
    fills = outcome.fill_e8.tolist()
    assert sum(fills[:300]) - sum(fills[300:]) == outcome.residual_e8[0]
    assert fills[300:] == [2**53] * 3
    assert max(fills[:300]) - min(fills[:300]) <= 1
    assert outcome.net_e8[0, 0] == outcome.residual_e8[0]
    share = LOTS_E8_MAX // 300
    assert max(fills) <= 2**53 and share < 2**53


def test_sizes_near_two_to_the_53_equal_brute_force() -> None:
    draw = random.Random(5)
    limit = BITCOIN.oracle // 10**9 * 10**9
    for turn in range(20):
        orders = [
            order(
                draw.random() < 0.6,
                2**53 - draw.randrange(2**40),
                limit + draw.randint(-3, 3) * 10**9,
                tag,
            )
            for tag in range(40)
        ]
        want = brute_clear(BITCOIN, orders)
        got = auction(BITCOIN, *orders)
        assert got.price_e8[0] == want.price, turn
        assert got.residual_e8[0] == want.residual, turn
        assert got.fill_e8.tolist() == want.fills, turn


def test_limits_between_ticks_count_as_the_worse_tick() -> None:
    tick = BITCOIN.tick
    base = BITCOIN.oracle // tick * tick
    crossing_by_less_than_a_tick = (
        order(True, 5, base + tick - 1, 1),
        order(False, 5, base + 1, 2),
    )
    assert auction(BITCOIN, *crossing_by_less_than_a_tick).price_e8[0] == 0
    assert (
        auction(BITCOIN, order(True, 5, base + tick + 1, 1), order(False, 5, base + 1, 2)).price_e8[
            0
        ]
        == base + tick
    )


def test_limits_far_outside_the_band_fill_by_better_limit_first() -> None:
    base = BITCOIN.oracle // BITCOIN.tick * BITCOIN.tick
    market = BITCOIN._replace(knots=())
    outcome = auction(
        market,
        order(True, 5, base * 3, 1),
        order(True, 5, base * 2, 2),
        order(False, 5, base, 3),
    )
    assert outcome.fill_e8.tolist() == [5, 0, 5]


def test_many_fill_or_kill_orders_end_in_bounded_rounds() -> None:
    """Each is one lot too large for what the others leave: they go one level at a time."""
    market = BITCOIN._replace(knots=())
    base = market.oracle // market.tick * market.tick
    kills = [
        order(True, 2, base + (number % 3) * market.tick, number, kill=True) for number in range(60)
    ]
    orders = [*kills, order(False, 61, base, 999)]
    want = brute_clear(market, orders)
    got = auction(market, *orders)
    assert got.fill_e8.tolist() == want.fills
    assert got.price_e8[0] == want.price


def _columns() -> Orders:
    one = columns([Case(BITCOIN, (order(True, 1, BITCOIN.tick, 1),))], [(0, 0)], [0])
    return one


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("markets", 1, "market outside"),
        ("markets", -1, "market outside"),
        ("accounts", 1, "account outside"),
        ("accounts", -5, "account outside"),
        ("open_e8", -1, "negative"),
        ("limit_e8", -1, "negative"),
        ("open_e8", 2**60, "2\\*\\*53"),
        ("limit_e8", 2**60, "2\\*\\*53"),
    ],
)
def test_clear_refuses_what_compiled_loops_could_not_survive(
    column: str, value: int, says: str
) -> None:
    orders = _columns()
    getattr(orders, column)[0] = value
    with pytest.raises(InvariantBroken, match=says):
        clear(orders, prepare([market_of(BITCOIN)]), 1)


def test_clear_refuses_columns_of_different_length() -> None:
    one = _columns()
    short = Orders(one.markets, one.accounts, one.flags, one.open_e8[:0], one.limit_e8, one.hashes)
    with pytest.raises(InvariantBroken, match="length"):
        clear(short, prepare([market_of(BITCOIN)]), 1)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"oracle_price_e8": 0}, "oracle price"),
        ({"oracle_price_e8": 2**60}, "oracle price"),
        ({"pool_base_e8": 2**62}, "pool"),
    ],
)
def test_prepare_refuses_figures_it_cannot_price(changes: dict[str, int], says: str) -> None:
    figures = {
        "oracle_price_e8": 10**8, "h_min_e6": 0, "h0_e6": 0, "band_e6": 10_000, "slope_e20": 0,
        "residual_cap_e8": 1, "position_cap_e8": 1, "pool_base_e8": 0,
    }  # fmt: skip
    bounds = CurveBounds(**{**figures, **changes})
    with pytest.raises(InvariantBroken, match=says):
        prepare([AuctionMarket(bounds, 1, NO_DEALER)])
    good = CurveBounds(**figures)
    with pytest.raises(InvariantBroken, match="255"):
        prepare([AuctionMarket(good, 1, NO_DEALER)] * 256)


def test_hash_words_are_big_endian() -> None:
    words = hash_words([bytes(range(32))])
    assert words.shape == (1, 4)
    assert int(words[0, 0]) == 0x0001020304050607


# -- compiled arithmetic ---------------------------------------------------------------------------


def _wide(draw: random.Random, bits: int) -> int:
    return draw.getrandbits(draw.randint(0, bits))


def test_products_beyond_64_bits_are_exact() -> None:
    draw = random.Random(1)
    for _ in range(5_000):
        first, second = _wide(draw, 64), _wide(draw, 64)
        high, low = products.multiply(np.uint64(first), np.uint64(second))
        assert (int(high) << 64) + int(low) == first * second
        divisor = max(1, _wide(draw, 63))
        first, second = _wide(draw, 63), _wide(draw, 63)
        if first * second // divisor < 2**63:
            quotient, rest = products.divide_product(first, second, divisor)
            assert (int(quotient), int(rest)) == divmod(first * second, divisor)


def test_compiled_curve_and_bound_equal_the_python_ones() -> None:
    draw = random.Random(2)
    inside = 0
    for _ in range(400):
        oracle = draw.choice([10**4, 123_456_789, 6 * 10**12, 2**52]) + draw.randrange(1_000)
        cap = 1 << draw.randint(3, 60)
        bounds = CurveBounds(
            oracle_price_e8=oracle, h_min_e6=draw.choice([0, 500, 20_000]),
            h0_e6=draw.choice([0, 700]), band_e6=900_000,
            slope_e20=min(2**64 - 1, 10**20 // cap * draw.randint(0, 9)), residual_cap_e8=cap,
            position_cap_e8=2 * cap, pool_base_e8=draw.randint(-cap, cap),
        )  # fmt: skip
        tick = max(1, oracle // draw.choice([100, 3_000, 10**4]))
        knots = sorted(draw.sample(range(1, 2 * oracle), 4))
        sales = sorted(draw.randint(-2 * cap, 2 * cap) for _ in knots)
        if max(map(abs, sales)) > LOTS_E8_MAX or knots[-1] > 2**53:
            continue
        curve = clip(Curve(tuple(knots), tuple(sales)), bounds, tick)
        markets = prepare([AuctionMarket(bounds, tick, curve)])
        rule, width = markets.rules[0], markets.widths[0]
        for _ in range(20):
            number = draw.randint(max(1, oracle // tick // 2), 3 * (oracle // tick) // 2)
            price = number * tick
            sale = offering.sale_at(rule, markets.knot_prices, markets.knot_sales, number)
            assert sale == curve.sale_e8(price), (bounds, curve, price)
            side = 1 if price >= oracle else -1
            size = draw.randint(1, cap)
            reach = oracle * bounds.h_min_e6
            if (
                abs(price - oracle) * 10**6 < reach
                or abs(price - oracle) * 10**6 > oracle * 900_000
            ):
                continue
            if abs(bounds.pool_base_e8 - side * size) > bounds.position_cap_e8:
                continue
            wanted = admissible(bounds, price, side * size)
            assert offering.within_bound(rule, width, number, side, size) == wanted, (
                bounds,
                price,
            )
            inside += wanted
    assert inside >= 100


def test_bins_cover_every_tick_once_and_in_order() -> None:
    markets = prepare([market_of(BITCOIN._replace(tick=10**7, band_e6=500_000))])
    rule = markets.rules[0]
    before = None
    for number in range(int(rule[places.BINS])):
        first = binning.bin_edge(rule, number, False)
        last = binning.bin_edge(rule, number, True)
        assert first <= last
        assert before is None or first == before + 1
        before = last
        for tick in {first, last, (first + last) // 2}:
            assert binning.bin_of(rule, tick) == number
