# SPDX-License-Identifier: Apache-2.0
"""`infold bench auction`: the auction's time beside one scatter pass, and its answers beside brute
force.

The floor is `np.bincount(account * markets + market)`: one pass that touches every order once and
adds into a table of accounts by markets, the least any netting must do. Both are timed in turn,
after compilation, and their medians compared, so a busy machine slows both.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from infold.bench.brute import BruteMarket, BruteOrder, BruteOutcome, brute_clear
from infold.core.auction import (
    FILL_OR_KILL,
    AuctionMarket,
    Cleared,
    Orders,
    clear,
    hash_words,
    prepare,
)
from infold.core.crossing.places import BUY, POST_ONLY
from infold.core.curve import Curve, CurveBounds, clip

ACCOUNTS: Final = 2_000
RATIO_MAX: Final = 8.0
"""Eight scatter passes: what is allowed; the aim is half of it."""
REPEATS: Final = 41
SMALL_CASES: Final = 1_000
_TOGETHER: Final = 20


@dataclass(frozen=True, slots=True)
class Case:
    """One market with its orders, as brute force takes it."""

    market: BruteMarket
    orders: tuple[BruteOrder, ...]


# -- flows -----------------------------------------------------------------------------------------


def small_case(draw: random.Random, wide: bool = False) -> Case:
    """A market with few orders and many coincidences, to be tried at every tick.

    `wide` spreads the limits over thousands of ticks, so that orders fall into wide bins.
    """
    scale = draw.choice([1, 1, 10])
    oracle = draw.choice([40_000, 9_999] if wide else [1_000, 997, 2_003, 50_000]) * scale
    oracle += draw.randrange(scale)
    tick = draw.choice([1, 2, 5, 7]) * scale
    reach = (oracle // 10 if wide else 150 * scale) or 1
    knots: list[tuple[int, int]] = []
    if draw.random() < 0.5:  # any non-decreasing curve
        price, sale = max(0, oracle - draw.randint(1, reach)), -draw.randint(0, 40)
        for _ in range(draw.randint(0, 5)):
            knots.append((price, sale))
            price += draw.randint(1, reach)
            sale += draw.choice([0, 0, draw.randint(0, 40)])
    else:  # a ladder around O
        half, run = draw.randint(1, max(1, reach // 10)), draw.randint(1, reach)
        size, skew = draw.randint(1, 60), draw.randint(-10, 10)
        knots = [
            (max(0, oracle - half - run), skew - size),
            (max(1, oracle - half), min(0, skew)),
            (oracle + half, max(0, skew)),
            (oracle + half + run, skew + size),
        ]
        knots = knots if knots[0][0] < knots[1][0] and knots[0][1] <= knots[1][1] else knots[2:]
        knots = knots if knots[-2][1] <= knots[-1][1] else knots[:-1]
    cap = draw.choice([3, 20, 100])
    position_cap = cap * draw.choice([1, 2])
    market = BruteMarket(
        oracle=oracle,
        h_min_e6=draw.choice([0, 1_000, 5_000, 20_000]),
        h0_e6=draw.choice([0, 3_000, 10_000, 40_000]),
        band_e6=draw.choice([30_000, 100_000, 200_000]),
        slope_e20=draw.choice([0, 10**16, 10**17, 3 * 10**18]),
        residual_cap=cap,
        position_cap=position_cap,
        pool=draw.choice([0, 0, 3, -7, position_cap, -position_cap - 4]),
        must_shrink=draw.random() < 0.1,
        tick=tick,
        knots=tuple(knots),
    )
    spread = max(1, int(reach * draw.choice([0.02, 0.2, 1.0])))
    buying = draw.choice([0.5, 0.5, 0.85, 0.15])
    eager = draw.choice([0, spread // 2])
    orders = []
    for _ in range(draw.choice([1, 2, 3, 5, 8, 13, 30])):
        buy = draw.random() < buying
        limit = oracle + draw.randint(-spread, spread) + (eager if buy else -eager)
        if draw.random() < 0.8:
            limit -= limit % tick
        orders.append(
            BruteOrder(
                buy=buy,
                open_e8=draw.randint(1, draw.choice([5, 30])),
                limit_e8=max(tick, limit),
                fill_or_kill=draw.random() < 0.12,
                post_only=draw.random() < 0.12,
                order_hash=draw.randbytes(32),
            )
        )
    return Case(market, tuple(orders))


def thick_cases(
    seed: int, orders: int, markets: int, fill_or_kill_share: float = 0.0
) -> list[Case]:
    """Markets as a busy venue has them: limits dense around O, a few basis points wide.

    Prices run from 60,000 down to 0.1 with ticks of 0.5, 0.05 and 0.005 bp; sizes are lognormal;
    a market's flow leans to one side by up to a tenth; 5 % of the orders are post-only.
    """
    draw = np.random.default_rng(seed)
    per_market = np.bincount(draw.integers(0, markets, orders), minlength=markets)
    cases = []
    for number, count in enumerate(per_market):
        oracle = int(6e12 * 10 ** (-5.8 * number / max(markets - 1, 1)))
        tick = max(1, oracle // 10 ** int(draw.integers(4, 7)) // 2)
        lot = 10**16 // oracle  # about a million of quote
        market = BruteMarket(
            oracle=oracle, h_min_e6=500, h0_e6=1_000, band_e6=50_000,
            slope_e20=10**20 // 1_000 // lot, residual_cap=20 * lot, position_cap=100 * lot,
            pool=int(draw.integers(-20, 21)) * lot, must_shrink=False, tick=tick,
            knots=tuple(
                (oracle + oracle * bp // 10**4, bp * lot // 4) for bp in (-90, -30, -2, 2, 30, 90)
            ),
        )  # fmt: skip
        buys = draw.random(count) < 0.5 + draw.uniform(-0.05, 0.05)
        bps = draw.laplace(0.0, 5.0, count) + np.where(buys, 1.0, -1.0)
        limits = np.maximum(np.rint(oracle * (1 + bps * 1e-4) / tick), 1).astype(np.int64) * tick
        sizes = np.maximum(draw.lognormal(np.log(lot / 100), 1.0, count), 1).astype(np.int64)
        kill, post = draw.random(count) < fill_or_kill_share, draw.random(count) < 0.05
        blob = draw.bytes(32 * int(count))
        cases.append(
            Case(
                market,
                tuple(
                    BruteOrder(*row, blob[32 * at : 32 * at + 32])
                    for at, row in enumerate(
                        zip(
                            buys.tolist(),
                            sizes.tolist(),
                            limits.tolist(),
                            kill.tolist(),
                            post.tolist(),
                            strict=True,
                        )
                    )
                ),
            )
        )
    return cases


def market_of(market: BruteMarket) -> AuctionMarket:
    """The same market as the auction takes it, its curve clipped."""
    bounds = CurveBounds(
        oracle_price_e8=market.oracle,
        h_min_e6=market.h_min_e6,
        h0_e6=market.h0_e6,
        band_e6=market.band_e6,
        slope_e20=market.slope_e20,
        residual_cap_e8=market.residual_cap,
        position_cap_e8=market.position_cap,
        pool_base_e8=market.pool,
        must_shrink=market.must_shrink,
    )
    curve = Curve(tuple(price for price, _ in market.knots), tuple(s for _, s in market.knots))
    return AuctionMarket(bounds, market.tick, clip(curve, bounds, market.tick))


def columns(
    cases: Sequence[Case], rows: Sequence[tuple[int, int]], accounts: Sequence[int]
) -> Orders:
    """Orders as columns, in the order of `rows`: (case, number of the order in it)."""
    chosen = [cases[case].orders[number] for case, number in rows]
    return Orders(
        markets=np.array([case for case, _ in rows], np.int32),
        accounts=np.array(accounts, np.int32),
        flags=np.array(
            [
                BUY * order.buy + POST_ONLY * order.post_only + FILL_OR_KILL * order.fill_or_kill
                for order in chosen
            ],
            np.uint8,
        ),
        open_e8=np.array([order.open_e8 for order in chosen], np.int64),
        limit_e8=np.array([order.limit_e8 for order in chosen], np.int64),
        hashes=hash_words([order.order_hash for order in chosen]),
    )


def shuffled_rows(cases: Sequence[Case], draw: random.Random) -> list[tuple[int, int]]:
    """Every (case, number) once, in random order."""
    rows = [(case, at) for case in range(len(cases)) for at in range(len(cases[case].orders))]
    draw.shuffle(rows)
    return rows


# -- answers ---------------------------------------------------------------------------------------


def differences(
    cases: Sequence[Case], rows: Sequence[tuple[int, int]], orders: Orders, cleared: Cleared
) -> list[str]:
    """What the auction did otherwise than brute force, with the case's numbers; empty if nothing.

    Price, residual, every fill, and the net of every account and market are compared.
    """
    wanted = [brute_clear(case.market, case.orders) for case in cases]
    net = np.zeros_like(cleared.net_e8)
    fills: list[list[int]] = [[0] * len(case.orders) for case in cases]
    for at, (case, number) in enumerate(rows):
        fill = int(cleared.fill_e8[at])
        fills[case][number] = fill
        net[orders.accounts[at], case] += fill if cases[case].orders[number].buy else -fill
    found = []
    for case, want in enumerate(wanted):
        got = BruteOutcome(int(cleared.price_e8[case]), int(cleared.residual_e8[case]), fills[case])
        if got != want:
            found.append(f"case {case}: {got[:2]} and not {want[:2]}, or fills differ")
    if (net != cleared.net_e8).any():
        found.append("net sums are not the fills' sums")
    return found


def compare_small(seed: int, cases: int = SMALL_CASES) -> list[str]:
    """Differences over at least `cases` small random markets, every tenth batch of them wide."""
    found = []
    for batch in range(-(-cases // _TOGETHER)):
        draw = random.Random(f"auction {seed} {batch}")
        some = [small_case(draw, wide=batch % 10 == 9) for _ in range(_TOGETHER)]
        rows = shuffled_rows(some, draw)
        orders = columns(some, rows, [draw.randrange(7) for _ in rows])
        cleared = clear(orders, prepare([market_of(case.market) for case in some]), 7)
        found += [
            f"seed {seed} batch {batch} {line}" for line in differences(some, rows, orders, cleared)
        ]
    return found


def compare_thick(seed: int, orders: int, markets: int) -> list[str]:
    """Differences on a thick flow of which one order in 200 is FOK."""
    cases = thick_cases(seed, orders, markets, fill_or_kill_share=0.005)
    draw = random.Random(seed)
    rows = shuffled_rows(cases, draw)
    batch = columns(cases, rows, [draw.randrange(ACCOUNTS) for _ in rows])
    cleared = clear(batch, prepare([market_of(case.market) for case in cases]), ACCOUNTS)
    return [f"seed {seed} FOK {line}" for line in differences(cases, rows, batch, cleared)]


# -- time ------------------------------------------------------------------------------------------


def _milliseconds(call: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter_ns()
    call()
    return (time.perf_counter_ns() - start) / 1e6


def run(seed: int, orders: int = 100_000, markets: int = 20) -> dict[str, Any]:
    """Time the auction against its floor and compare it with brute force; `ok` judges both."""
    differing = compare_small(seed)
    differing += compare_thick(seed, orders // 5, markets)
    cases = thick_cases(seed, orders, markets)
    draw = random.Random(seed)
    rows = shuffled_rows(cases, draw)
    accounts = np.random.default_rng(seed).integers(0, ACCOUNTS, orders)
    batch = columns(cases, rows, accounts.tolist())
    listed = [market_of(case.market) for case in cases]
    cleared = clear(batch, prepare(listed), ACCOUNTS)
    differing += differences(cases, rows, batch, cleared)

    account: NDArray[np.int64] = batch.accounts.astype(np.int64)
    market: NDArray[np.int64] = batch.markets.astype(np.int64)
    places = ACCOUNTS * markets
    timed: list[tuple[float, float]] = []
    for _ in range(REPEATS):
        floor = _milliseconds(lambda: np.bincount(account * markets + market, minlength=places))
        auction = _milliseconds(lambda: clear(batch, prepare(listed), ACCOUNTS))
        timed.append((floor, auction))
    floor_ms = statistics.median(floor for floor, _ in timed)
    auction_ms = statistics.median(auction for _, auction in timed)
    ratio = auction_ms / floor_ms
    exact = not differing
    return {
        "orders": orders,
        "markets": markets,
        "auction_ms": round(auction_ms, 4),
        "floor_ms": round(floor_ms, 4),
        "ratio": round(ratio, 3),
        "ratio_max": RATIO_MAX,
        "exact": exact,
        "brute_force_cases": SMALL_CASES,
        "differences": differing[:10],
        "ok": exact and ratio <= RATIO_MAX,
    }
