# SPDX-License-Identifier: Apache-2.0
"""The offline loop: every M accounted for, nothing seen too early, nothing sent without need."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
import pytest
from tests.support.recorded_market import invented, write_recording

from infold.dealer.params import PERPETUAL
from infold.dealer.routing import VenueCost
from infold.messages import TimeInForce
from infold.research.flow import Intent
from infold.research.microstructure.recordings import discover
from infold.research.offline.outside_markets import BookMarket
from infold.research.offline.records import serve_accounts, serve_recording
from infold.research.offline.serving import Rule, Served, serve
from infold.research.offline.shares import shares_of
from infold.research.recorded import FileFacts, Trades, read_books

T = 1_700_000_000_000
PRICE_E8 = 50_000 * 10**8
TICK = 10**6
RULE = Rule()
DEALER = msgspec.structs.replace(PERPETUAL, offer_m_max=1.0)


@dataclass
class Market:
    """An outside at one price; keeps what was sent."""

    base_bp: float = 2.0
    estimated: bool = False
    asked_ms: list[int] = field(default_factory=list)

    def terms(self, time_ms: int) -> VenueCost:
        return VenueCost("outside", self.base_bp, 1.0, 10.0)

    def cost_bp(self, time_ms: int, side: int, size_m: float) -> float:
        self.asked_ms.append(time_ms)
        return self.base_bp + 0.5 * size_m


def an_order(
    at_ms: int, buy: bool = True, size_m: float = 0.01, reach_bp: float = 10.0, gtc: bool = False
) -> Intent:
    side = 1 if buy else -1
    limit = round(PRICE_E8 * (1.0 + side * reach_bp * 1e-4)) // TICK * TICK
    return Intent(
        time_ms=T + at_ms,
        trader=0,
        market=0,
        buy=buy,
        size_e8=round(size_m * 1e22 / PRICE_E8),
        limit_price_e8=limit,
        time_in_force=TimeInForce.GTC if gtc else TimeInForce.IOC,
        expiry_ms=T + at_ms + 5_000,
        recorded_price_e8=PRICE_E8 + side * TICK,
        recorded_e6=round(size_m * 1e12),
    )


def flat(time_ms: int) -> int:
    return PRICE_E8


def run(
    orders: list[Intent],
    oracle: Callable[[int], int] = flat,
    market: Market | None = None,
    rule: Rule = RULE,
) -> Served:
    return serve(orders, TICK, oracle, market or Market(), DEALER, rule)


def test_opposite_orders_of_a_batch_cross_and_leave_the_dealer_nothing() -> None:
    found = run([an_order(100), an_order(200, buy=False)])
    assert found.crossed_m.sum() == pytest.approx(0.01)
    assert found.residual_m.sum() == 0.0 and found.inventory_m.tolist() == [0.0]
    assert found.filled_m.sum() == pytest.approx(0.02) == pytest.approx(found.asked_m.sum())


def test_orders_of_different_batches_do_not_cross_but_are_warehoused() -> None:
    found = run([an_order(100), an_order(1_200, buy=False)])
    assert found.crossed_m.sum() == 0.0
    assert found.residual_m.tolist() == pytest.approx([0.01, 0.01], rel=1e-6)
    assert found.inventory_m.tolist() == pytest.approx([-0.01, 0.0], abs=1e-9)
    assert found.hedged_m.sum() == 0.0
    assert (found.markup > 0.0).all(), "both paid the dealer's price"


def test_what_the_dealer_took_is_crossed_kept_or_sent_and_nothing_else() -> None:
    rng = np.random.default_rng(1)
    orders = [
        an_order(int(at), bool(buy), float(size))
        for at, buy, size in zip(
            np.sort(rng.integers(0, 60_000, 300)),
            rng.random(300) < 0.7,
            rng.uniform(0.001, 0.05, 300),
            strict=True,
        )
    ]
    tight = Rule(capital_m=0.02)
    found = run(orders, market=Market(0.5), rule=tight)
    taken = 2.0 * found.crossed_m.sum() + found.residual_m.sum()
    assert found.filled_m.sum() == pytest.approx(taken)
    assert 0.0 < found.hedged_m.sum() <= found.residual_m.sum()
    # Each batch moves inventory by what was taken and what was sent, whichever way each went.
    moved = np.diff(found.inventory_m, prepend=0.0)
    ways = [
        np.abs(moved - take * found.residual_m - send * found.hedged_m)
        for take in (-1.0, 1.0)
        for send in (-1.0, 1.0)
    ]
    assert np.min(ways, axis=0).max() < 1e-6
    limit = tight.charge(DEALER.volatility_bp).inventory_m
    assert np.abs(found.inventory_m).max() <= limit + 1e-6
    shares = shares_of([found], 1)
    total = shares.crossed.value + shares.warehoused.value + shares.hedged.value
    assert total == pytest.approx(1.0) and shares.hedge_bp is not None
    assert shares.hedge_bp.value >= 0.5


def test_the_curve_is_committed_before_the_close_and_never_sees_orders() -> None:
    """A price that jumps after the commitment is met by the rule, not by the curve."""
    jump = T // 1_000 * 1_000 + 1_000 - 50

    def oracle(time_ms: int) -> int:
        return PRICE_E8 if time_ms < jump else PRICE_E8 * 1_001 // 1_000

    asked: list[int] = []

    def watched(time_ms: int) -> int:
        asked.append(time_ms)
        return oracle(time_ms)

    found = run([an_order(100, reach_bp=5.0)], watched)
    close = int(found.time_ms[0])
    assert close - RULE.lag_ms in asked
    assert found.residual_m.sum() == 0.0, "5 bp do not reach a market that moved by 10"


def test_immediate_orders_leave_and_resting_ones_wait_for_their_price() -> None:
    def later(time_ms: int) -> int:
        return PRICE_E8 if time_ms < T + 2_000 else PRICE_E8 * 999 // 1_000

    gone = run([an_order(100, reach_bp=-5.0), an_order(2_900, buy=False)], later)
    stays = run([an_order(100, reach_bp=-5.0, gtc=True), an_order(2_900, buy=False)], later)
    assert stays.filled_m.sum() > gone.filled_m.sum()


def test_what_takers_paid_is_against_the_mid_when_they_sent() -> None:
    found = run([an_order(100)])
    paid = found.paid_here.sum() / found.filled_m.sum()
    assert paid == pytest.approx(found.markup.sum() / found.residual_m.sum(), rel=1e-6)
    there = 1e4 * TICK / PRICE_E8
    assert found.paid_there.sum() / found.filled_m.sum() == pytest.approx(there)


def test_inventory_is_marked_at_the_next_close() -> None:
    def rising(time_ms: int) -> int:
        return PRICE_E8 + (time_ms - T) // 1_000 * PRICE_E8 // 10_000  # a bp a second

    found = run([an_order(100, buy=False), an_order(3_100)], rising)
    held = found.inventory_m[:-1]
    assert (held > 0.0).all() and found.carried[0] == pytest.approx(held[0], rel=1e-2)


def test_serving_nobody_is_refused_and_so_are_rules_without_sense() -> None:
    with pytest.raises(ValueError, match="at least one order"):
        run([])
    for changes, problem in (
        ({"interval_ms": 0}, r"interval_ms \(ms\)"),
        ({"lag_ms": -1}, r"lag_ms \(ms\)"),
        ({"cap_multiple": 0.5}, "cap_multiple"),
        ({"capital_m": 0.0}, "capital_m"),
    ):
        with pytest.raises(ValueError, match=problem):
            Rule(**changes)  # type: ignore[arg-type]


def test_shares_of_nothing_are_refused() -> None:
    nothing = run([an_order(100, reach_bp=-50.0)])
    with pytest.raises(ValueError, match="nothing traded"):
        shares_of([nothing], 1)


# -- records ---------------------------------------------------------------------------------------


def test_a_recording_is_served_on_its_second_half_by_what_its_first_half_said(
    tmp_path: Path,
) -> None:
    write_recording(tmp_path, invented(240))
    (recording,) = discover(tmp_path).recordings
    (record,) = serve_recording(recording, RULE, 2.0, 1)
    assert record.calibration is not None and not record.estimated
    assert 110 <= record.shares.batches <= 122
    assert record.shares.crossed.value > 0.0 and record.shares.filled.value > 0.5
    assert record.shares.outside_residual_bp.value > 2.0, "the fee and half a spread at least"


def test_a_book_tells_the_cost_of_its_own_moment(tmp_path: Path) -> None:
    found = invented(20)
    path, _ = write_recording(tmp_path, found)
    market = BookMarket(read_books(path, levels=5), fee_bp=2.0)
    terms = market.terms(int(found.time_ms[7]) + 5)
    assert terms.base_bp == pytest.approx(2.0 + 1e4 * 0.25 / found.mid[7], rel=1e-6)
    assert terms.capacity_m == pytest.approx(1.0, rel=0.15)
    first = market.cost_bp(int(found.time_ms[7]), 1, 0.05)
    assert first == pytest.approx(terms.base_bp)
    assert market.cost_bp(int(found.time_ms[7]), 1, 0.9) > first


def test_account_fills_are_served_by_the_standing_parameters() -> None:
    rng = np.random.default_rng(3)
    count = 200
    zeros = np.zeros(count, np.int64)
    fills = Trades(
        facts=FileFacts("x", count, ""),
        markets=("A", "B"),
        market=(np.arange(count) % 2).astype(np.int64),
        time_ms=T + 100 * np.arange(count),
        side=rng.choice([-1, 1], count).astype(np.int64),
        price=np.full(count, 100.0),
        size=np.full(count, 50.0),
        record=np.arange(count),
        accounts=("x",),
        account=zeros,
        order=np.arange(count),
        crossed=np.ones(count, np.bool_),
    )
    record, choosy = serve_accounts(fills, RULE, 2.0, 1, (10.0, 0.5))
    assert choosy.shares.filled.value < record.shares.filled.value
    assert record.estimated and record.calibration is None and record.markets == 2
    assert 0.0 < record.shares.crossed.value < 1.0
    assert record.shares.outside_residual_bp.value > 2.0
