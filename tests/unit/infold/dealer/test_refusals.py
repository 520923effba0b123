# SPDX-License-Identifier: Apache-2.0
"""Bad figures at the dealer's doors: refused by name, never a NaN, a warning or another error."""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from infold.dealer.assets import (
    Basket,
    Pair,
    Tier,
    basket_forms,
    covariance_bp2_per_day,
    gradient_bp,
)
from infold.dealer.exact.hjb import improved, indifference_bp, marginal_bp
from infold.dealer.exact.lattice import Lattice
from infold.dealer.hedging.almgren import hyperbolic
from infold.dealer.hedging.inflow import persistent_inflow_m
from infold.dealer.hedging.split import Place, cost_bp_m
from infold.dealer.holding import held
from infold.dealer.impact.fitting import fit_decays, predicted_bp
from infold.dealer.impact.kernels import bochner_floor
from infold.dealer.impact.schedule import rate_law
from infold.dealer.impact.state import ImpactState, block_cost_bp_m
from infold.dealer.impact.validation import conformal, purged
from infold.dealer.params import SPOT_FX
from infold.dealer.quoting import closed_forms, markups_bp
from infold.dealer.staleness import Staleness, income_bp_m_per_day, stale_loss_bp_m_per_day
from infold.dealer.treasury import Leg, required_m
from infold.dealer.volatility import MarginBounds
from infold.dealer.volatility.garch import backcast_bp2
from infold.dealer.volatility.har import fit_har, har_design, har_forecasts
from infold.dealer.volatility.returns import range_variances, realised_variances, returns_bp

NAN, INF = math.nan, math.inf
ROW: NDArray[np.float64] = np.linspace(1.0, 2.0, 60)
PAIR = (1.0, 2.0)
LEG = Leg("a", 1.0, 2.0, 0.1, 0.05, 60.0)
STALE = Staleness(1.0, 0.5, 100.0)
SMALL = Lattice(60.0)
TIER = Tier(requests_per_day=(100.0,), demand_shift=-1.0, demand_slope_per_bp=2.0)
BASKET = Basket(
    assets=("USD", "BTC"),
    reference="USD",
    covariance_bp2_per_day=((0.0, 0.0), (0.0, 1e4)),
    risk_aversion=1e-3,
    pairs=(
        Pair(
            base="BTC",
            quote="USD",
            sizes_m=(1.0,),
            tiers=(TIER,),
            hedge_spread_bp=0.2,
            hedge_impact_bp_day_per_m=1e-4,
        ),
    ),
    impact_bp_per_m=(0.0, 0.0),
    resilience_per_day=(0.0, 0.0),
)


def a_row(*values: float) -> NDArray[np.float64]:
    return np.array(values)


REFUSED: list[tuple[str, Callable[[], object]]] = [
    (r"inventory_m must be a number \(M\)", lambda: markups_bp(SPOT_FX, NAN)),
    (r"impact_bp must be a number \(bp\)", lambda: markups_bp(SPOT_FX, 0.0, INF)),
    (r"inventory_m must be 2 finite", lambda: gradient(a_row(NAN, 0.0), a_row(0.0, 0.0))),
    (r"impact_bp must be 2 finite", lambda: gradient(a_row(0.0, 0.0), a_row(0.0))),
    ("correlation must be 2 by 2", lambda: covariance_bp2_per_day(PAIR, ((1.0, 0.5), ()))),
    ("value_bp_m must be 121 by 1", lambda: improved(SPOT_FX, SMALL, np.zeros(121))),
    ("value_bp_m must be 121 by 1", lambda: indifference_bp(SPOT_FX, SMALL, ROW)),
    ("value_bp_m must be 121 by 1", lambda: marginal_bp(SPOT_FX, SMALL, np.full((121, 1), NAN))),
    ("inventory_step_m .* is too narrow", lambda: Lattice(10.0, 1e-320)),
    ("children must be a whole number", lambda: hyperbolic(1.0, 1.0, 1.5, 1.0, 1.0, 0.1, 0.1)),  # type: ignore[arg-type]
    ("children must be at most", lambda: hyperbolic(1.0, 1.0, 2**40, 1.0, 1.0, 0.1, 0.1)),
    ("volatility must be a number", lambda: hyperbolic(1.0, 1.0, 5, 1e308, 1.0, 0.1, 0.1)),
    ("batches must be a whole number", lambda: persistent_inflow_m(1.0, 0.5, NAN)),  # type: ignore[arg-type]
    (r"parts_m\[0\] must be a number \(M\)", lambda: cost_bp_m([NAN], [Place(1.0, 1.0, 1.0)])),
    (r"parts_m must be one part \(M\)", lambda: cost_bp_m([], [Place(1.0, 1.0, 1.0)])),
    (r"times_day must be one time \(days\)", lambda: held([1.0], [])),
    (r"times_day must be a number \(days\)", lambda: held([NAN], [1.0])),
    ("decays_s must be positive", lambda: predicted_bp(PAIR, (NAN, 2.0), ROW, ROW)),
    (r"gains_bp_per_m must be one gain", lambda: predicted_bp((1.0,), PAIR, ROW, ROW)),
    (r"gains_bp_per_m\[1\] must be", lambda: predicted_bp((1.0, INF), PAIR, ROW, ROW)),
    (
        r"signed_m\[1\] must be at most 1e\+60 \(M\), not -1e\+308",
        lambda: fit_decays(ROW[:2], a_row(1.0, -1e308), ROW[:2]),
    ),
    ("values_bp_per_m must be one row", lambda: bochner_floor(np.eye(2))),
    ("rates_m_per_day must be finite", lambda: rate_law(a_row(1.0, NAN), 0.5, 1.0)),
    ("size_m must be a number of M", lambda: block_cost_bp_m(ImpactState(), ImpactState(), NAN)),
    ("errors must be one row of finite", lambda: conformal(a_row(*[NAN] * 50))),
    ("time_s must be in order", lambda: purged(a_row(*[NAN] * 50), 2, 1.0)),
    ("folds must be at least 1", lambda: purged(ROW, 1.5, 0.0)),  # type: ignore[arg-type]
    (r"half_spread_bp must be a number \(bp\)", lambda: income_bp_m_per_day(SPOT_FX, NAN)),
    (r"offer_m_max must be .*\(M\)", lambda: stale_loss_bp_m_per_day(STALE, 0.5, 0.1, -INF)),
    (r"position_m must be a number \(M\)", lambda: required_m(LEG, NAN, 1.0)),
    (r"move_bp must be a number \(bp\)", lambda: required_m(LEG, 1.0, -1.0)),
    (r"initial_e6 .* must be two figures", lambda: MarginBounds(initial_e6=(1,))),  # type: ignore[arg-type]
    (r"position_cap_m \(M\) must run", lambda: MarginBounds(position_cap_m=(1.0, NAN))),
    (r"returns \(bp\) must be one column", lambda: backcast_bp2(a_row())),
    (r"lags \(periods\) must be whole", lambda: fit_har(ROW, (1, 1.5))),  # type: ignore[arg-type]
    (r"lags \(periods\) must be whole", lambda: har_design(ROW, ())),
    (r"logs \(.*\) must be finite", lambda: har_design(a_row(*[NAN] * 60), (1, 7))),
    (r"first \(periods\) must be a whole number", lambda: har_forecasts(ROW, NAN, (1, 7))),  # type: ignore[arg-type]
    (r"first \(periods\) must be at most 60", lambda: har_forecasts(ROW, 2**63, (1, 7))),
    (r"window \(periods\) must be a whole number", lambda: har_forecasts(ROW, 20, (1, 7), -1)),
    ("must be of one length", lambda: range_variances(ROW, ROW, ROW, ROW[:-1])),
    (r"per_period \(returns\) must be a whole number", lambda: realised_variances(ROW, 1.5)),  # type: ignore[arg-type]
    (r"prices \(.*\) must be finite, not 1e\+308", lambda: returns_bp([1.0, 1e308])),
    (r"prices \(.*\) must be numbers", lambda: returns_bp(["high", "low"])),
]


def gradient(inventory_m: NDArray[np.float64], impact_bp: NDArray[np.float64]) -> object:
    return gradient_bp(basket_forms(BASKET), inventory_m, impact_bp)


@pytest.mark.parametrize("place", range(len(REFUSED)))
@pytest.mark.filterwarnings("error")
def test_a_bad_figure_is_refused_by_name(place: int) -> None:
    said, call = REFUSED[place]
    with pytest.raises(ValueError, match=said):
        call()


@pytest.mark.parametrize("shift", [-1e9, -400.0, 400.0, 1e9])
@pytest.mark.filterwarnings("error")
def test_demand_nobody_has_is_refused_or_solved_never_a_traceback(shift: float) -> None:
    parameters = msgspec.structs.replace(SPOT_FX, demand_shift=shift)
    if shift == -400.0:
        assert math.isfinite(closed_forms(parameters).markup_bp)
        return
    if shift == 400.0:
        assert 0.0 < closed_forms(parameters).hit_share < 1e-100
        return
    if shift == -1e9:
        assert closed_forms(parameters).hit_share == pytest.approx(1.0)
        return
    with pytest.raises(ValueError, match=r"demand_shift .* nobody trades like that"):
        closed_forms(parameters)
