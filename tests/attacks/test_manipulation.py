# SPDX-License-Identifier: Apache-2.0
"""Attacks that break no rule: pumped prices, thin markets, the next half second (C13-C16, E06).

Each is played to its end on the contracts, with the figure it takes printed beside its bound.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from tests.support.evm import Receipt, Refused, a_key, refuses
from tests.support.stage import ETHER_E8, ORACLE, SELLER, Stage, set_up
from tests.support.venue import DOLLAR, GUARD_MS, LOT, PRICE_E8, WINDOW_MS, a_venue

from infold.words import unpack_incoming

SHORT, LONG, STRANGER = a_key("attacker's short"), a_key("attacker's long"), a_key("stranger")
CAPITAL_E6 = 10_000_000 * DOLLAR
FEE_E6, H_MIN_E6, IM_E6 = 500, 500, 50_000
MARKET_LIMIT, MARGIN = 19, 22
DUE_S = (GUARD_MS + WINDOW_MS) // 1000 + 1


@pytest.fixture(scope="module")
def kept() -> Stage:
    """Two markets and a pool of ten million."""
    stage = set_up(a_venue(epoch_ms=40 * 86_400_000))
    stage.fund_pool(CAPITAL_E6)
    return stage


@pytest.fixture
def thin(kept: Stage) -> Iterator[Stage]:
    with kept.venue.world.anchored():
        yield kept


def worth_e6(stage: Stage, price_e8: int) -> int:
    """The pool's value at a price of the first market, what waits for it included."""
    waiting = unpack_incoming(stage.venue.clearing.market_words(8 + 4))
    held = stage.pool()
    base_e8, quote_e6 = held.base_e8 + waiting.base_e8, held.quote_e6 + waiting.quote_e6
    return stage.account(0).collateral_e6 + quote_e6 + base_e8 * price_e8 // 10**10


def health(stage: Stage, account: int, price_e8: int) -> int:
    """An account's equity, e6, with the other market where it was."""
    vector = stage.venue.presented(stage.venue.a_vector({1: price_e8, 2: ETHER_E8}))
    equity_e6: int = stage.venue.recovery.health(*vector, account)[0]
    return equity_e6


def liquidate(stage: Stage, account: int, price_e8: int) -> Receipt | None:
    """What a keeper does at this price; None if there is nothing to do."""
    vector = stage.venue.presented(stage.venue.a_vector({1: price_e8, 2: ETHER_E8}))
    try:
        receipt: Receipt = stage.venue.recovery.liquidate(*vector, account, 0, 0, sender=STRANGER)
    except Refused as refused:
        assert refused.reason in ("recovery: account is healthy", "recovery: no position")
        return None
    return receipt


@dataclass
class Pair:
    """Both sides of one trade, owned by one attacker; what it put in, e6."""

    short: int
    long: int
    paid_in_e6: int
    size_e8: int


def largest_pair(stage: Stage, part: int = 16) -> Pair:
    """As much open interest as the market admits, this part of the pool's capital, each side on its
    initial margin and fees. A sixteenth is the least that a share of capital can say; a thin market
    is listed with a cap in lots.
    """
    size_e8 = CAPITAL_E6 * 10**10 // part // PRICE_E8
    caps = {"interest_share": 0} if part == 16 else {"interest_cap_e8": size_e8}
    stage.venue.list_market(1, **caps)
    notional_e6 = size_e8 * PRICE_E8 // 10**10
    each_e6 = notional_e6 * (IM_E6 + FEE_E6) // 10**6 + 10
    short, long = (stage.venue.open_account(key, each_e6) for key in (SHORT, LONG))
    plans = [stage.buy(long, size_e8), stage.sell(short, size_e8)]
    with stage.venue.world.anchored():
        over = [stage.buy(long, size_e8 + LOT), stage.sell(short, size_e8 + LOT)]
        receipt = stage.settle(over, priced=(1,))
        assert {it["reason"] for it in receipt.all("Skipped")} == {MARKET_LIMIT}
    assert stage.settle(plans, priced=(1,)).all("Skipped") == []
    return Pair(short, long, 2 * each_e6, size_e8)


def pump(stage: Stage, pair: Pair, times: int, step_e6: int) -> int:
    """Drive the price to `times` what it was, a keeper at work after each step; the last price."""
    price_e8, goal_e8 = PRICE_E8, PRICE_E8 * times
    while price_e8 < goal_e8:
        price_e8 = min(goal_e8, price_e8 + price_e8 * step_e6 // 10**6)
        stage.venue.world.travel(5)
        liquidate(stage, pair.short, price_e8)
        stage.settle(oracle=ORACLE | {1: price_e8}, priced=(1,))
    return price_e8


@pytest.mark.parametrize("part", [16, 400])
@pytest.mark.parametrize(
    ("name", "step_e6"), [("in one gap", 4_000_000), ("by 9 % each 5 s", 90_000)]
)
def test_C13_thin_market_manipulation(
    thin: Stage, name: str, step_e6: int, part: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """JELLY 2025: short and long against oneself, take the short's margin out, pump by 400 %. The
    margin stays where it is, and what the pool can inherit is the interest that it admits.
    """
    pair = largest_pair(thin, part)
    venue = thin.venue
    cash_e6 = thin.account(pair.short).collateral_e6
    venue.clearing.request_withdrawal(pair.short, cash_e6, sender=SHORT)
    venue.world.travel(DUE_S)
    vector = venue.presented(venue.a_vector(ORACLE))
    taken_e6 = venue.clearing.claim_withdrawal(pair.short, *vector, sender=SHORT).value
    assert taken_e6 <= 10, "only what rounding left above initial margin"

    before_e6 = worth_e6(thin, PRICE_E8)
    price_e8 = pump(thin, pair, 5, step_e6)
    assert thin.account(pair.short).mask == 0
    lost_e6 = before_e6 - worth_e6(thin, price_e8)
    bound_e6 = CAPITAL_E6 // part * 4
    won_e6 = taken_e6 + health(thin, pair.short, price_e8) + health(thin, pair.long, price_e8)
    won_e6 -= pair.paid_in_e6
    with capsys.disabled():
        print(
            f"\nC13, interest 1/{part} of capital, +400 % {name}: the pool loses "
            f"{lost_e6 / CAPITAL_E6:.2%}, bound {bound_e6 / CAPITAL_E6:.2%}; "
            f"the attacker is up {won_e6 / 1e6:,.0f} USD"
        )
    assert won_e6 <= lost_e6 <= bound_e6
    with venue.world.anchored():
        receipt = thin.settle(
            [thin.buy(pair.long), thin.sell(thin.seller)],
            oracle=ORACLE | {1: price_e8},
            priced=(1,),
        )
        assert {it["reason"] for it in receipt.all("Skipped")} == {MARKET_LIMIT}, "no new risk"
    thin.books.check()


def test_C13_E06_liquidated_into_the_pool_and_then_pumped(
    thin: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    """The attacker lets its short be liquidated by a small move, so that the pool holds it, and
    then pumps: the pool never holds more than the interest it admitted.
    """
    pair = largest_pair(thin)
    start_e8 = PRICE_E8 * 103 // 100
    thin.venue.world.travel(5)
    inherited = liquidate(thin, pair.short, start_e8)
    assert inherited is not None
    thin.settle(oracle=ORACLE | {1: start_e8}, priced=(1,))
    assert 0 < -thin.pool().base_e8 <= pair.size_e8
    before_e6 = worth_e6(thin, start_e8)
    price_e8 = pump(thin, pair, 5, 90_000)
    assert 0 < -thin.pool().base_e8 <= pair.size_e8
    lost_e6 = before_e6 - worth_e6(thin, price_e8)
    bound_e6 = pair.size_e8 * (price_e8 - start_e8) // 10**10
    with capsys.disabled():
        print(
            f"\nE06: liquidated at +3 %, then +400 %: the pool loses {lost_e6 / CAPITAL_E6:.2%}, "
            f"bound {bound_e6 / CAPITAL_E6:.2%}"
        )
    assert 0 < lost_e6 <= bound_e6
    thin.books.check()


# -- C14: a pool without slippage --------

DEPTHS_USD = {"deep": 20_000_000, "middling": 2_000_000, "thin": 200_000}
"""What moves the outside market by 1 %."""
CAP_OF_DEPTH = 0.75
PUSHES_E6 = (2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 90_000)
CYCLES = 5


def push_cost_usd(depth_usd: int, push_e6: int) -> float:
    """Buying up a book of even depth and letting it fall back: half the push lost on each way."""
    push = push_e6 / 10**6
    return depth_usd * push / 0.01 * push


@pytest.mark.parametrize("name", DEPTHS_USD)
def test_C14_zero_slippage_pool(
    stage: Stage, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """GMX/AVAX 2022: open at the oracle, push the outside market, close, five times over, at the
    best prices any matcher may give. With caps at three quarters of what moves the market by 1 %
    no push pays: 2 (h_min + fee), 20 bp a cycle, and 100 * depth * push^2 are more than it wins.
    """
    venue, depth_usd = stage.venue, DEPTHS_USD[name]
    cap_e8 = int(depth_usd * CAP_OF_DEPTH) * 10**16 // PRICE_E8
    stage.fund_pool(CAPITAL_E6 * 10)
    venue.list_market(1, residual_cap_e8=cap_e8, position_cap_e8=cap_e8, rate_max_e9=0)
    attacker = venue.open_account(LONG, 10**8 * DOLLAR)
    best = -float("inf")
    for push_e6 in PUSHES_E6:
        with venue.world.anchored():
            high_e8 = PRICE_E8 + PRICE_E8 * push_e6 // 10**6
            rounds = 0
            for _ in range(CYCLES):
                rounds += round_trip(stage, attacker, cap_e8, high_e8)
            won = (stage.account(attacker).collateral_e6 - 10**8 * DOLLAR) / 1e6
            net = won - rounds * push_cost_usd(depth_usd, push_e6)
            assert rounds > 0 and net <= 0, f"a push of {push_e6 / 1e4} % wins {net:,.0f} USD"
            best = max(best, net / rounds / depth_usd)
            stage.books.check()
    with capsys.disabled():
        print(f"\nC14, {name}: the best push brings {best:.4%} of the depth a cycle")


def round_trip(stage: Stage, attacker: int, size_e8: int, high_e8: int) -> int:
    """Buy from the pool at the low price, sell back at the high one; 0 where the meter says no."""
    legs = ((PRICE_E8, True), (high_e8, False))
    for at, (oracle_e8, buy) in enumerate(legs):
        stage.venue.world.travel(60)
        lean_e8 = -(-oracle_e8 * H_MIN_E6 // 10**6) * (1 if buy else -1)
        plans = [stage.fill(attacker, buy, size_e8)]
        batch = stage.batch(
            plans, oracle=ORACLE | {1: oracle_e8}, prices={1: oracle_e8 + lean_e8}, priced=(1,)
        )
        try:
            skipped = stage.venue.settle(batch).all("Skipped")
        except Refused as refused:
            assert refused.reason == "clearing: loss meter" and at == 0
            return 0
        assert skipped == []
    return 1


# -- C15: one's own profit --------


def test_C15_unrealised_profit_neither_leaves_nor_carries_all_of_itself(
    thin: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    """Mango 2022: pump one's own position tenfold and borrow against it. Profit is no collateral
    that could be asked for, carries new risk only after its haircut, and in a market that jumped no
    new risk is taken at all; and no asset is collateral but the dollar.
    """
    pair = largest_pair(thin)
    venue = thin.venue
    price_e8 = PRICE_E8 * 10
    thin.settle(oracle=ORACLE | {1: price_e8}, priced=(1,))
    profit_e6 = health(thin, pair.long, price_e8)
    cash_e6 = thin.account(pair.long).collateral_e6
    assert profit_e6 > 100 * cash_e6
    with refuses(venue.world, "clearing: not enough collateral"):
        venue.clearing.request_withdrawal(pair.long, cash_e6 + 1, sender=LONG)
    venue.clearing.request_withdrawal(pair.long, cash_e6, sender=LONG)
    venue.world.travel(DUE_S)
    vector = venue.presented(venue.a_vector({1: price_e8, 2: ETHER_E8}))
    taken_e6 = venue.clearing.claim_withdrawal(pair.long, *vector, sender=LONG).value
    assert taken_e6 <= cash_e6
    assert health(thin, pair.long, price_e8) == profit_e6 - taken_e6
    venue.list_market(2, name="ETH-USD", interest_cap_e8=10**6 * LOT)
    profit_e6 = health(thin, pair.long, price_e8)
    held_e6 = pair.size_e8 * price_e8 // 10**10
    room_e6 = profit_e6 * 8 // 10 - held_e6 * IM_E6 // 10**6
    venue.fund(SELLER, 10**14)
    venue.clearing.deposit(thin.seller, 10**14, sender=SELLER)
    venue.back(10**14)
    for tenths, skipped in ((9, []), (11, [MARGIN])):
        size_e8 = room_e6 * 10**6 // IM_E6 * 10**10 // ETHER_E8 * tenths // 10
        plans = [
            thin.buy(pair.long, size_e8, market=2, place=1),
            thin.sell(thin.seller, size_e8, market=2),
        ]
        with venue.world.anchored():
            receipt = thin.settle(plans, oracle=ORACLE | {1: price_e8}, priced=(2,))
            assert [it["reason"] for it in receipt.all("Skipped")] == skipped
    with capsys.disabled():
        print(
            f"\nC15: of {profit_e6 / 1e6:,.0f} USD unrealised none could leave; "
            f"{room_e6 / 1e6:,.0f} USD carry initial margin elsewhere"
        )


# -- C16: half a second ahead --------

TRADES = 100_000
AHEAD_S, BATCH_S = 0.5, 1.0
YEAR_S = 365 * 86_400


@pytest.mark.parametrize("volatility", [0.5, 1.0, 2.0])
def test_C16_latency_arbitrage(
    stage: Stage, volatility: float, capsys: pytest.CaptureFixture[str]
) -> None:
    """Sees the price half a second before anybody and always trades that way. It is filled at the
    price of the next whole second after its acceptance, h_min and the fee from it: 100,000 trades
    at random moments lose on average, and what some of them cost on the contracts is the same.
    """
    rng = np.random.default_rng(16)
    per_root_s = volatility / YEAR_S**0.5
    until_batch_s = rng.uniform(0.0, BATCH_S, TRADES)
    seen = rng.normal(0.0, per_root_s * AHEAD_S**0.5, TRADES)
    # of what it saw, this much has happened when the batch's price is made, bridged
    share = np.minimum(until_batch_s / AHEAD_S, 1.0)
    bridge = rng.normal(0.0, 1.0, TRADES) * per_root_s * (AHEAD_S * share * (1 - share)) ** 0.5
    edge = np.abs(seen) * (1 - share) - np.sign(seen) * bridge
    cost = (H_MIN_E6 + FEE_E6) / 10**6
    gains = edge - cost
    chosen = gains[gains > 0]
    with capsys.disabled():
        print(
            f"\nC16, volatility {volatility:.0%}: {gains.mean() * 1e4:+.2f} bp a trade after fees, "
            f"before them {edge.mean() * 1e4:+.3f}; {len(chosen)} of {TRADES:,} would have paid"
        )
    assert edge.mean() > 0 > gains.mean()
    assert len(chosen) < TRADES // 100

    stage.fund_pool()
    attacker = stage.venue.open_account(LONG, 10**6 * DOLLAR)
    draw = random.Random(16)
    for at in draw.sample(range(TRADES), 20):
        side = 1 if seen[at] > 0 else -1
        oracle_e8 = int(PRICE_E8 * (1 + seen[at] * share[at]))
        lean_e8 = -(-oracle_e8 * H_MIN_E6 // 10**6) * side
        with stage.venue.world.anchored():
            stage.settle(
                [stage.fill(attacker, side > 0, LOT)],
                oracle=ORACLE | {1: oracle_e8},
                prices={1: oracle_e8 + lean_e8},
                priced=(1,),
            )
            marked_e6 = health(stage, attacker, oracle_e8) - 10**6 * DOLLAR
            assert marked_e6 / (oracle_e8 / 100) == pytest.approx(-cost, rel=1e-3)
