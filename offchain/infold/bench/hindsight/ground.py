# SPDX-License-Identifier: Apache-2.0
"""A pool that is traded against: the engine's own closing of markets, and nothing else of a venue.

Accounts, margins and signatures are left out because the adversary has them all: the matcher's key,
a friend's account without limits. What is left is what stands between them and the pool: price
rule, caps, loss meter (docs/protocol.md section 5.6), by the very functions that judge a batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from infold.core import funding, pool
from infold.core.funding import Mark
from infold.core.plan import Deal, Outcome, Plan, StructuralFault
from infold.core.state import Market, Parameters, State
from infold.units import POOL_ACCOUNT, QUOTE_DIVISOR, quote_down, quote_up
from infold.words import (
    CapsWord,
    HeadWord,
    LimitsWord,
    ListingWord,
    PoolWord,
    RatesWord,
    pack_caps,
    pack_clock,
    pack_ledger,
    pack_meter,
    pack_pool,
    pack_rates,
)


class Trade(NamedTuple):
    """What the friend buys of the pool in one market (below zero: sells), and at which price."""

    size_e8: int
    price_e8: int


class Closed(NamedTuple):
    """One market of one batch as `Rules.close` takes it and answers, in words: for comparison.

    `after` is None where the batch was refused with `reason`.
    """

    market: tuple[int, ...]
    plan: tuple[int, ...]
    after: tuple[int, ...] | None
    level_e6: int
    reason: str | None


@dataclass(frozen=True, slots=True)
class Terms:
    """A market's parameters, in shares of the pool's capital where sizes are meant."""

    h_min_e6: int = 500
    h0_e6: int = 500
    rebate: int = 0
    residual_share: float = 0.0
    position_share: float = 0.0
    steep: bool = False
    """Whether size alone bends the curve as far as Governance allows."""

    def words(self, price_e8: int, capital_e6: int) -> Parameters:
        """What would stand on chain for a market near this price."""

        def lots(share: float) -> int:
            return int(share * capital_e6) * QUOTE_DIVISOR // price_e8

        residual_e8, position_e8 = lots(self.residual_share), lots(self.position_share)
        slope = 2 * 10**20 // (residual_e8 + 2 * position_e8) if self.steep else 0
        return Parameters(
            RatesWord(
                im_e6=50_000,
                mm_e6=30_000,
                h_min_e6=self.h_min_e6,
                h0_e6=self.h0_e6,
                band_e6=100_000,
                move_e6=500_000,
                move_per_s_e6=10_000,
                shift=40,
                tier=8,
                status=1,
                rebate=self.rebate,
            ),
            CapsWord(slope, residual_e8, position_e8, 15, 2**60 - 1),
            ListingWord(tick_e8=1, name="BTC-USD"),
        )


@dataclass(slots=True)
class Ground:
    """Markets of one pool. `batch` closes them as `settle` would, or raises and changes nothing."""

    state: State
    kept: list[Closed] | None = None
    """Where every closing is kept that is judged, if anywhere."""
    batches: int = 0
    closings: int = 0
    refused: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(
        cls, prices_e8: Mapping[int, int], terms: Terms, capital_e6: int, keep: bool = False
    ) -> Ground:
        """A pool of this capital that holds nothing."""
        state = State()
        state.limits = LimitsWord(capital_e6=capital_e6)
        state.head = HeadWord(0, 0, 1, 2**47, 0)
        for market, price_e8 in prices_e8.items():
            words = terms.words(price_e8, capital_e6)
            state.markets[market] = Market(market, [words, words])
        return cls(state, [] if keep else None)

    def hold(self, market: int, share: float) -> None:
        """Let the pool hold this share of its position cap, as an earlier day may have left it."""
        held = self.state.markets[market]
        cap_e8 = held.parameters[0].caps.position_cap_e8
        held.pool = PoolWord(int(share * cap_e8), 0)

    def batch(
        self, time_ms: int, oracle_e8: Mapping[int, int], trades: Mapping[int, Trade]
    ) -> None:
        """Close every market of `oracle_e8` with what the friend trades there.

        Raises `StructuralFault` where the chain would revert; nothing is changed then.
        """
        state = self.state
        plan = Plan(state.head.number + 1, time_ms, 8, 255, oracle_e8, (), ())
        deals = {
            market: self._deal(market, price_e8, time_ms, trades.get(market))
            for market, price_e8 in oracle_e8.items()
        }
        outcome = Outcome([], [], {}, {}, state.head, {})
        level_e6 = pool.global_bucket_e6(state, time_ms)
        try:
            pool.close_markets(state, plan, deals, outcome)
        except StructuralFault as fault:
            self.refused[fault.reason] = self.refused.get(fault.reason, 0) + 1
            self._keep(deals, time_ms, level_e6, outcome, fault)
            raise
        self.batches += 1
        self.closings += len(deals)
        self._keep(deals, time_ms, level_e6, outcome, None)
        state.markets.update(outcome.markets)
        state.head = outcome.head
        for account, cash_e6 in outcome.collateral_e6.items():
            word = state.accounts[account].word
            state.accounts[account].word = word._replace(collateral_e6=cash_e6)

    def worth_e6(self, oracle_e8: Mapping[int, int]) -> int:
        """What the pool has: its cash and its positions at these prices."""
        worth = self.state.accounts[POOL_ACCOUNT].word.collateral_e6
        for market, price_e8 in oracle_e8.items():
            held = self.state.markets[market].pool
            worth += quote_down(price_e8, held.base_e8) + held.quote_e6
        return worth

    def allowance_e6(self, market: int) -> int:
        """What the pool may give back there in its next batch."""
        held = self.state.markets[market]
        return held.meter.earned_e6 * held.parameters[0].rates.rebate // pool.REBATE_PARTS

    def _deal(self, market: int, oracle_e8: int, time_ms: int, trade: Trade | None) -> Deal:
        held = self.state.markets[market]
        parameters = held.at(time_ms)
        shift = parameters.rates.shift
        index = funding.index_at(held.clock, oracle_e8, time_ms, shift)
        size_e8, price_e8 = trade or Trade(0, oracle_e8)
        return Deal(
            held,
            parameters,
            Mark(oracle_e8, index, shift, 0, 0, 0, 0),
            price_e8,
            abs(size_e8),
            False,
            bought_e8=max(size_e8, 0),
            sold_e8=max(-size_e8, 0),
            # what traders' quotes gain: a buyer pays up, a seller receives down
            quote_e6=-quote_up(price_e8, size_e8),
        )

    def _keep(
        self,
        deals: Mapping[int, Deal],
        time_ms: int,
        level_e6: int,
        outcome: Outcome,
        fault: StructuralFault | None,
    ) -> None:
        if self.kept is None:
            return
        capacity_e6 = pool.meter_capacity_e6(self.state.limits.capital_e6)
        for market, deal in deals.items():
            price_e8, size_e8 = deal.price_e8, deal.bought_e8 - deal.sold_e8
            plan = (
                time_ms,
                deal.mark.price_e8,
                price_e8,
                deal.mark.funding_index,
                deal.gross_e8,
                deal.bought_e8 << 128 | deal.sold_e8,
                deal.quote_e6,
                0,
                0,
                capacity_e6,
                level_e6,
            )
            if fault is not None and fault.market == market:
                self.kept.append(Closed(_words(deal.market), plan, None, 0, fault.reason))
                return
            loss_e6 = pool.meter_loss_e6(deal.market, deal.mark.price_e8, price_e8, size_e8)
            level_e6 = max(0, level_e6 + loss_e6)
            after = _words(outcome.markets[market])
            self.kept.append(Closed(_words(deal.market), plan, after, level_e6, None))


def _words(market: Market) -> tuple[int, ...]:
    """`IRules.Market`."""
    rates, caps, _ = market.parameters[0]
    return (
        pack_clock(market.clock),
        pack_pool(market.pool),
        pack_meter(market.meter),
        pack_ledger(market.ledger),
        0,
        pack_rates(rates),
        pack_caps(caps),
    )
