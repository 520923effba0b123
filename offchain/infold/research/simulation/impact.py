# SPDX-License-Identifier: Apache-2.0
"""The impact world (E4): the market answers our hedge in a way the dealer does not believe in.

E0 otherwise: its clients, price, hedging cost and risk. A path runs several days on end; its row
holds each day's sums, and what a fit of the dealer's decays would have seen without the price's own
noise, which is how `fitted_on_truth` finds the belief that is right.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from infold.dealer.impact.kernels import ExponentialKernel, PowerKernel
from infold.dealer.impact.nonnegative import nonnegative
from infold.dealer.impact.propagator import exponentials
from infold.dealer.params import DAY_S, SPOT_FX, DealerParameters
from infold.dealer.quoting import closed_forms
from infold.errors import InvariantBroken
from infold.research.simulation.compiled import Floats
from infold.research.simulation.draws import Stream, generator
from infold.research.simulation.impact_loop import (
    Belief,
    Carried,
    ImpactPolicy,
    Response,
    act_on,
    run_impact,
)
from infold.research.simulation.ledger import COLUMNS, Paths, Sum
from infold.research.simulation.policy import exact_markup
from infold.research.simulation.quotes_loop import TrueMarket, finite
from infold.research.simulation.runner import simulate
from infold.research.simulation.tape import Tape, demand_of, poisson_tape

DECAYS_S: Final = (10.0, 86.4, 3_600.0)
"""The middle one is the paper's own: resilience 1,000 a day."""
DAYS_MAX: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class ImpactWorld:
    """`truth` but for its impact, which is `kernel` on f(v) = v^d: equal to v at the reference.

    Any kernel and exponent are taken, also such as leave round trips a profit: the market is what
    it is. `ValueError` names what makes no sense.
    """

    kernel: ExponentialKernel
    rate_exponent: float = 1.0
    reference_m_per_day: float = 3_456.0
    truth: DealerParameters = SPOT_FX
    days: int = 2
    cell_day: float = 1e-5

    def __post_init__(self) -> None:
        if not 0.0 < self.rate_exponent <= 2.0:
            raise ValueError(f"rate_exponent must lie in 0..2, not {self.rate_exponent!r}")
        if not (math.isfinite(self.reference_m_per_day) and self.reference_m_per_day > 0.0):
            raise ValueError(
                "reference_m_per_day must be a positive number of M a day, not"
                f" {self.reference_m_per_day!r}"
            )
        if not 1 <= self.days <= DAYS_MAX:
            raise ValueError(f"days must lie in 1..{DAYS_MAX}, not {self.days!r}")
        if not 1e-7 <= self.cell_day <= 1e-2:
            raise ValueError(f"cell_day must lie in 1e-7..1e-2 days, not {self.cell_day!r}")

    @property
    def cells(self) -> int:
        """Cells of one day."""
        return round(1.0 / self.cell_day)

    def run(self, policy: ImpactPolicy, seed: int, path: int) -> tuple[Floats, int]:
        """One path: its row and its hash."""
        tape = poisson_tape(demand_of(self.truth), float(self.days), seed, path)
        moves_bp = generator(seed, path, Stream.PRICE).standard_normal(self.days * self.cells)
        moves_bp *= self.truth.volatility_bp * math.sqrt(self.cell_day)
        return self.run_on(policy, tape, moves_bp)

    def run_on(self, policy: ImpactPolicy, tape: Tape, moves_bp: Floats) -> tuple[Floats, int]:
        """The same on a given tape and given moves of the price, one a cell of all days.
        `ValueError` if they are more or fewer, `InvariantBroken` if the path leaves the numbers.
        """
        if len(moves_bp) != self.days * self.cells:
            raise ValueError(
                f"moves_bp has {len(moves_bp)} cells, the world {self.days * self.cells}"
            )
        decays = len(policy.belief.gains_bp_per_m)
        carried = Carried(
            np.zeros(len(self.kernel.gains_bp_per_m)),
            np.zeros(decays),
            np.zeros(decays),
            np.zeros((decays, decays)),
            np.zeros(decays),
            np.zeros(decays),
        )
        act_on(policy.belief, carried, self.cell_day)
        response = self._response(policy.belief)
        rows, hash_ = [], 0
        inventory = 0.0
        for day in range(self.days):
            first, last = np.searchsorted(tape.time_day, (day, day + 1))
            today = Tape._make(column[first:last] for column in tape)
            sums = np.zeros(COLUMNS)
            sums[Sum.INVENTORY] = inventory
            found = run_impact(
                self._market(),
                response,
                policy,
                carried,
                today._replace(time_day=today.time_day - day),
                moves_bp[day * self.cells : (day + 1) * self.cells],
                sums,
            )
            if not finite(sums):
                raise InvariantBroken(f"a simulated path left the numbers: {sums.tolist()}")
            hash_ ^= int(found)
            inventory = sums[Sum.INVENTORY]
            rows.append(sums)
        return np.concatenate([*rows, carried.normal.ravel(), carried.noiseless]), hash_

    def _market(self) -> TrueMarket:
        return TrueMarket(
            cell_day=self.cell_day,
            spread_bp=self.truth.hedge_spread_bp,
            quadratic_bp_day_per_m=self.truth.hedge_impact_bp_day_per_m,
            impact_bp_per_m=0.0,
            resilience_per_day=0.0,
            risk_aversion=self.truth.risk_aversion,
        )

    def _response(self, belief: Belief) -> Response:
        rates = np.array(self.kernel.rates_per_day)
        gone = -np.expm1(-rates * self.cell_day)
        unit_gone = -np.expm1(-belief.rates_per_day * self.cell_day)
        return Response(
            fades=1.0 - gone,
            pushes_bp_per_rate=np.array(self.kernel.gains_bp_per_m) * gone / rates,
            rate_exponent=self.rate_exponent,
            reference_m_per_day=self.reference_m_per_day,
            unit_fades=1.0 - unit_gone,
            unit_pushes_day=unit_gone / belief.rates_per_day,
            shares=belief.rates_per_day / (belief.rates_per_day + belief.relaxation_per_day),
        )


def power_world(
    exponent: float,
    rate_exponent: float = 1.0,
    market: DealerParameters = SPOT_FX,
    days: int = 2,
    cell_day: float = 2e-5,
) -> ImpactWorld:
    """A market whose impact fades as t^-exponent, as eleven exponentials from a second to the end.

    Its mean over one over the market's resilience is that of the market's own exponential, so that
    the two differ in shape and memory and not in early size.
    """
    span_day = 1.0 / market.resilience_per_day
    early = market.impact_bp_per_m * -math.expm1(-1.0)
    power = PowerKernel(early * (1.0 - exponent), exponent, span_day)
    return ImpactWorld(
        kernel=exponentials(power, min(cell_day, 1e-5), float(days)),
        rate_exponent=rate_exponent,
        truth=market,
        days=days,
        cell_day=cell_day,
    )


def day_of(paths: Paths, day: int) -> Paths:
    """One day's sums of all paths, 0 the first."""
    return Paths(paths.numbers, paths.sums[:, day * COLUMNS : (day + 1) * COLUMNS], paths.hashes)


def believing(
    parameters: DealerParameters,
    gains_bp_per_m: tuple[float, ...],
    decays_s: tuple[float, ...] = DECAYS_S,
    *,
    spread_bp_per_m: float = 1.0,
    refit_s: float = 0.0,
    caution: float = 0.0,
    cell_day: float = 1e-5,
) -> ImpactPolicy:
    """The exact-markup closed form with several decays in place of one.

    It fits its gains anew every `refit_s` if that is not zero, the prior being normal of that
    spread, and acts `caution` standard errors below the fit.
    """
    forms = closed_forms(parameters)
    quotes = exact_markup(parameters)
    slopes = quotes.slopes.copy()
    slopes[:, :, 1] = 1.0
    return ImpactPolicy(
        quotes._replace(slopes=slopes).ruled(
            price_slope_bp_per_m=-forms.indifference.skew_bp_per_m, price_signal=-1.0
        ),
        Belief(
            np.array(gains_bp_per_m, dtype=np.float64),
            np.full(len(decays_s), float(spread_bp_per_m)),
            DAY_S / np.array(decays_s),
            forms.relaxation_per_day,
            parameters.volatility_bp**2,
            round(refit_s / DAY_S / cell_day),
            caution,
        ),
    )


def fitted_on_truth(
    world: ImpactWorld,
    start: ImpactPolicy,
    seed: int,
    paths: int,
    workers: int = 1,
    rounds: int = 3,
) -> tuple[float, ...]:
    """The gains that fit what the dealer's own hedging did, without the price's noise: what it
    would learn in unlimited time. The hedging depends on the belief, hence the rounds.
    """
    policy = start
    decays = len(start.belief.gains_bp_per_m)
    for _ in range(rounds):
        found = simulate(world, policy, paths, seed, workers)
        seen = found.sums[:, world.days * COLUMNS :].sum(axis=0)
        lower = seen[: decays * decays].reshape(decays, decays)
        normal = lower + np.tril(lower, -1).T
        gains = nonnegative(normal, seen[decays * decays :].copy())
        policy = policy._replace(belief=policy.belief._replace(gains_bp_per_m=gains))
    return tuple(policy.belief.gains_bp_per_m.tolist())


def told_per_day(
    world: ImpactWorld, policy: ImpactPolicy, seed: int, paths: int, workers: int = 1
) -> float:
    """How many standard errors from zero a day of own hedging puts the market's k, if it faded as
    the middle decay does: what there is to learn from own fills beside the price's noise.
    """
    found = simulate(world, policy, paths, seed, workers)
    decays = len(policy.belief.gains_bp_per_m)
    middle = world.days * COLUMNS + (decays // 2) * (decays + 1)
    squares_m2 = float(found.sums[:, middle].mean()) / world.days
    noise = world.truth.volatility_bp * math.sqrt(world.cell_day)
    return world.truth.impact_bp_per_m * math.sqrt(squares_m2) / noise
