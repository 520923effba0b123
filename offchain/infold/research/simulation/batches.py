# SPDX-License-Identifier: Apache-2.0
"""The batch world: the same tapes and scenes through a call auction every interval.

`paper_batches(10.0)` is E0 in batches of ten seconds. A policy is a `BatchPolicy`: one line of
`dealer/lines.py` and hedging as in the quotes world; `batch_policy(parameters, interval_s)` is what
the desk commits live.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from infold.core.auction import AuctionMarket, prepare
from infold.core.crossing.places import FIRST, LAST
from infold.core.curve import Curve, CurveBounds, clip
from infold.dealer.lines import Line, batch_line, relaxation_per_day
from infold.dealer.params import DealerParameters
from infold.dealer.quoting import DAY_S
from infold.errors import InvariantBroken
from infold.research.simulation import batches_loop
from infold.research.simulation.batches_auction import BALANCED, FREE, RULED, room_for
from infold.research.simulation.batches_loop import (
    BATCH_COLUMNS,
    COURSE_COLUMNS,
    BatchPolicy,
    Course,
    Guidance,
    LineRules,
    Terms,
    run_batches,
)
from infold.research.simulation.compiled import Floats
from infold.research.simulation.ledger import Paths, Sum
from infold.research.simulation.policy import skew_only
from infold.research.simulation.quotes import QuotesWorld, paper_world
from infold.research.simulation.quotes_loop import finite
from infold.research.simulation.scene import Scene
from infold.research.simulation.tape import Tape, checked_tape

BAND_BP_MAX: Final = 9_000.0
RUNGS_MAX: Final = 127
CALM: Final = Guidance(risk=np.ones(1), half_spread_bp=np.zeros(1))
"""The line as it is, and no least spread."""
NO_COURSE: Final = Course(batches=np.zeros((0, COURSE_COLUMNS)), fills=np.zeros((0, 2)))
LOTS_PER_M: Final = 1e6
"""A simulated lot is one unit of quote; an E0 path's sums stay far below 63 bits."""


class BatchSum(IntEnum):
    """The columns a batch path has after those of `ledger.Sum`."""

    FEES = batches_loop.FEES
    CROSSED_VOLUME = batches_loop.CROSSED_VOLUME
    RESIDUAL_VOLUME = batches_loop.RESIDUAL_VOLUME
    BATCHES = batches_loop.BATCHES
    CLEARED = batches_loop.CLEARED


# -- the world -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolTerms:
    """What the contract's rule holds the pool to (docs/protocol.md 5.6), in model units.

    C7: it trades at least `h_min_bp` on its own side of the oracle price and, for a residual R out
    of a pool of q, at most `h_min_bp + h0_bp + slope_bp_per_m (R - 2 q) / 2` away.
    """

    h_min_bp: float
    h0_bp: float
    band_bp: float
    slope_bp_per_m: float
    residual_m_max: float
    position_m_max: float

    def __post_init__(self) -> None:
        for name in ("h_min_bp", "h0_bp", "slope_bp_per_m"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0.0):
                raise ValueError(f"{name} must be a number not below zero, not {value!r}")
        for name in ("band_bp", "residual_m_max", "position_m_max"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0.0):
                raise ValueError(f"{name} must be a positive number, not {value!r}")
        if self.band_bp > BAND_BP_MAX:
            raise ValueError(f"band_bp must be at most {BAND_BP_MAX}, not {self.band_bp!r}")


UNBOUND: Final = PoolTerms(
    h_min_bp=0.0,
    h0_bp=BAND_BP_MAX,
    band_bp=BAND_BP_MAX,
    slope_bp_per_m=0.0,
    residual_m_max=1e9,
    position_m_max=1e9,
)
"""The least a rule can ask: the dealer's own side of the oracle price."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchWorld:
    """`base` says what the market is; a batch closes every `batch_cells` of its cells.

    `fee_bp` is charged on all a client buys or sells, and its limit leaves room for it. `whole`
    orders are fill or kill, as a client of the quotes world takes its size or nothing. `balanced`
    replaces the venue's rule of price by the textbook's, for which the closed forms hold. `pool`
    is the contract's rule; without, the curve stands as committed, on either side of O. With
    `own_limits` a limit stands as it was at the order's moment; without, it follows the oracle
    price to the close, as a client's who re-quotes. `tick_bp` is a tick at the first price.
    """

    base: QuotesWorld
    batch_cells: int
    fee_bp: float = 0.0
    whole: bool = True
    balanced: bool = False
    own_limits: bool = False
    pool: PoolTerms | None = None
    tick_bp: float = 0.001

    def __post_init__(self) -> None:
        if self.batch_cells < 1 or self.base.cells % self.batch_cells:
            raise ValueError(
                f"batch_cells must divide the horizon's {self.base.cells} cells, not"
                f" {self.batch_cells!r}"
            )
        if self.balanced and self.pool is not None:
            raise ValueError("balanced pricing asks no rule of the pool: leave pool out")
        if not math.isfinite(self.fee_bp):
            raise ValueError(f"fee_bp must be a number, not {self.fee_bp!r}")
        if not 1e-6 <= self.tick_bp <= 100.0:
            raise ValueError(f"tick_bp must lie in 0.000001..100 bp, not {self.tick_bp!r}")

    @property
    def interval_s(self) -> float:
        """Seconds between batches."""
        return self.batch_cells * self.base.cell_day * DAY_S

    @property
    def batches(self) -> int:
        """Batches of a path."""
        return self.base.cells // self.batch_cells

    def tape(self, seed: int, path: int) -> Tape:
        """The clients of one path."""
        return self.base.tape(seed, path)

    def scene(self, seed: int, path: int) -> Scene:
        """What the market does in one path."""
        return self.base.scene(seed, path)

    def run(self, policy: BatchPolicy, seed: int, path: int) -> tuple[Floats, int]:
        """One path: its row of sums (`Sum`, then `BatchSum`) and its hash."""
        return self.run_on(policy, self.tape(seed, path), self.scene(seed, path))

    def run_on(
        self,
        policy: BatchPolicy,
        tape: Tape,
        scene: Scene,
        guidance: Guidance = CALM,
        course: Course | None = None,
    ) -> tuple[Floats, int]:
        """The same on a given tape and scene; `course` (of `blank_course`) is overwritten.
        `ValueError` if they do not fit the world, `InvariantBroken` if the path leaves the numbers.
        """
        checked_tape(tape, RUNGS_MAX)
        if len(scene.moves_bp) != self.base.cells:
            raise ValueError(
                f"the scene has {len(scene.moves_bp)} cells, the world {self.base.cells}"
            )
        for name, column in zip(guidance._fields, guidance, strict=True):
            if len(column) not in (1, self.batches):
                raise ValueError(f"{name} must be {self.batches} numbers, a batch each, or one")
        if course is not None:
            course.batches[:] = 0.0
            course.fills[:] = 0.0
        terms, rule, width = self._terms()
        sums = np.zeros(BATCH_COLUMNS)
        sums[Sum.INVENTORY] = self.base.inventory_m
        sums[Sum.IMPACT_STATE] = self.base.impact_bp
        sums[Sum.EQUITY_MIN] = self.base.capital_bp_m
        hash_ = run_batches(
            self.base.market,
            terms,
            policy,
            guidance,
            tape,
            scene,
            rule,
            width,
            room_for(self._fullest(tape)),
            sums,
            NO_COURSE if course is None else course,
        )
        if not finite(sums):
            raise InvariantBroken(f"a simulated path left the numbers: {sums.tolist()}")
        return sums, int(hash_)

    def blank_course(self, tape: Tape) -> Course:
        """Room for what happens to this tape, batch by batch and mark by mark."""
        return Course(
            batches=np.zeros((self.batches, COURSE_COLUMNS)),
            fills=np.zeros((len(tape.time_day), 2)),
        )

    def _fullest(self, tape: Tape) -> int:
        """Most orders in one batch."""
        if not len(tape.time_day):
            return 1
        batch = (tape.time_day / self.base.cell_day).astype(np.int64) // self.batch_cells
        return int(np.bincount(batch[batch < self.batches], minlength=1).max()) + 1

    def _terms(self) -> tuple[Terms, NDArray[np.int64], NDArray[np.uint64]]:
        """The auction's numbers in ticks and lots, and the engine's row for the market."""
        oracle = round(1e4 / self.tick_bp)
        pool = UNBOUND if self.pool is None else self.pool
        bounds = CurveBounds(
            oracle_price_e8=oracle,
            h_min_e6=round(pool.h_min_bp * 100.0),
            h0_e6=round(pool.h0_bp * 100.0),
            band_e6=round(pool.band_bp * 100.0),
            slope_e20=round(pool.slope_bp_per_m * 1e16 / LOTS_PER_M),
            residual_cap_e8=round(pool.residual_m_max * LOTS_PER_M),
            position_cap_e8=round(pool.position_m_max * LOTS_PER_M),
            pool_base_e8=0,
        )
        curve = clip(Curve((oracle - 1, oracle + 1), (-1, 1)), bounds, 1)
        markets = prepare([AuctionMarket(bounds, 1, curve)])
        band = oracle * bounds.band_e6 // 10**6
        rule = markets.rules[0]
        rule[FIRST], rule[LAST] = max(1, oracle - band), oracle + band
        terms = Terms(
            batch_cells=self.batch_cells,
            fee_bp=self.fee_bp,
            whole=self.whole,
            pricing=BALANCED if self.balanced else FREE if self.pool is None else RULED,
            own_limits=self.own_limits,
            oracle_ticks=oracle,
            lots_per_m=LOTS_PER_M,
            band_ticks=band,
            residual_cap=bounds.residual_cap_e8,
            position_cap=bounds.position_cap_e8,
            sell_from=1 if self.pool is None else curve.sell_from_e8,
            buy_to=2 * oracle if self.pool is None else curve.buy_to_e8,
        )
        return terms, rule, markets.widths[0]


def paper_batches(interval_s: float, cell_s: float | None = None, **terms: Any) -> BatchWorld:
    """E0 in batches: one day in cells of a second, or of the interval if that is shorter."""
    cell = min(1.0, interval_s) if cell_s is None else cell_s
    return BatchWorld(
        base=paper_world(1.0, cell / DAY_S), batch_cells=round(interval_s / cell), **terms
    )


# -- policies --------------------------------------------------------------------------------------


def batch_policy(
    belief: DealerParameters,
    interval_s: float,
    *,
    line: Line | None = None,
    hedged: bool = True,
) -> BatchPolicy:
    """What the desk commits at this interval, or a given line, and the hedging that goes with it.

    The line's skew is the marginal cost of inventory, so outside it is traded at
    p = -(skew - k (1 - B0)) q - B0 x, B0 = beta / (beta + the line's own relaxation).
    """
    line = batch_line(belief, interval_s) if line is None else line
    beta = belief.resilience_per_day
    share = beta / (beta + relaxation_per_day(belief, line, interval_s)) if hedged else 0.0
    quoted = skew_only(belief)
    rules = quoted.rules
    if hedged:
        kept = belief.impact_bp_per_m * (1.0 - share)
        rules = rules._replace(
            price_slope_bp_per_m=-(line.skew_bp_per_m - kept),
            price_signal=-share,
            zone_bp=belief.hedge_spread_bp,
            steepness_m_per_bp_day=0.5 / belief.hedge_impact_bp_day_per_m,
        )
    markups_bp, prices_bp = line.columns
    return BatchPolicy(
        markups_bp=markups_bp,
        prices_bp=prices_bp,
        line=LineRules(
            slope_bp_per_m=line.slope_bp_per_m,
            skew_bp_per_m=line.skew_bp_per_m,
            signal=line.signal,
            impact_share=share,
            offer_m=belief.offer_m_max,
            limit_m=math.inf,
        ),
        hedges=quoted.hedges,
        rules=rules,
    )


def fees(paths: Paths) -> Floats:
    """Fees by path, bp * M: what the score leaves out, since the venue earns them."""
    column: Floats = paths.sums[:, BatchSum.FEES]
    return column
