# SPDX-License-Identifier: Apache-2.0
"""Bad figures at the doors of limits, lines, desk and toxicity: refused by name."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import astuple

import msgspec
import numpy as np
import pytest

from infold.core.curve import Curve
from infold.dealer.desk import Desk, Lean, inventory_m, ladder_knots
from infold.dealer.limits import Sight, closed_form, commitment, guarded, guarded_by
from infold.dealer.lines import (
    batch_line,
    drift_bp,
    elasticity_m_per_bp,
    monopoly,
    orders_per_batch,
    relaxation_per_day,
    thin_line,
)
from infold.dealer.neighbours import neighbours
from infold.dealer.params import PERPETUAL, SPOT_FX
from infold.dealer.toxicity.acts import ActParameters, FeeTier, fee_e6
from infold.dealer.toxicity.calibration import (
    Isotonic,
    calibration_error,
    isotonic,
    ranking_power,
)
from infold.dealer.toxicity.features import TRADES
from infold.dealer.toxicity.filtering import empty_clients
from infold.dealer.toxicity.learner import prior_belief
from infold.dealer.toxicity.markouts import PendingLabels, Traded, markout_bp
from infold.dealer.toxicity.shrinkage import Population, Tally, fitted, shrunk
from infold.dealer.toxicity.vpin import empty_vpin, null_vpin

NAN, INF = math.nan, math.inf
GUARD = guarded(PERPETUAL, 30.0, 10.0)
FORM = closed_form(SPOT_FX, 50.0, 20.0)
SIGHT = Sight(
    inventory_m=1.0,
    client_m=1.0,
    impact_bp=0.0,
    equity_bp_m=1e5,
    level=1.0,
    peak=1.0,
    volatility_bp=PERPETUAL.volatility_bp,
    outside=1.0,
    depth=1.0,
    age_s=1.0,
    interval_s=1.0,
)
LINE = thin_line(SPOT_FX)
ORACLE, TICK = 60_000 * 10**8, 10**6
TRADERS = [Tally(3.0, 1.0), Tally(2.0, -1.0)]
UNHEARD = msgspec.structs.replace(SPOT_FX, demand_shift=1e9)
LASTING = msgspec.structs.replace(SPOT_FX, resilience_per_day=0.0)
ACTS = ActParameters(
    shift_bp_max=1.0, widening_bp_max=1.0, tiers=(FeeTier(0.0, 5),), route_probability=0.5
)
ROW = np.array([0.1, 0.9])


def knots(
    offer_m: float = 1.0,
    inventory_e8: float = 0,
    oracle_price_e8: float = ORACLE,
    tick_e8: float = TICK,
    drift: float = 0.0,
) -> object:
    return ladder_knots(LINE, offer_m, inventory_e8, oracle_price_e8, tick_e8, drift)  # type: ignore[arg-type]


def a_commitment(**given: float | None) -> object:
    return Desk(Curve, 1.0).commit(1, 0, ORACLE, TICK, **given)  # type: ignore[arg-type]


REFUSED: list[tuple[str, Callable[[], object]]] = [
    (r"demand_slope_per_bp \(per bp\) .* half-spread", lambda: guarded(SPOT_FX, 50.0, 20.0)),
    (r"half_spread_bp must be at least own_side_bp", lambda: guarded_by(GUARD, half_spread_bp=0.1)),
    (r"impact_bp must be a number \(bp\)", lambda: drift_bp(SPOT_FX, LINE, 1.0, NAN)),
    (r"predicted_bp must be a number \(bp\)", lambda: drift_bp(SPOT_FX, LINE, 1.0, 0.0, INF)),
    (r"interval_s must be .*seconds", lambda: drift_bp(LASTING, LINE, NAN, 0.0)),
    (r"interval_s must be .*seconds", lambda: batch_line(SPOT_FX, 1e-320)),
    (r"interval_s must be .*seconds", lambda: monopoly(SPOT_FX, 1e-300)),
    (r"demand_shift .* nobody trades like that", lambda: elasticity_m_per_bp(UNHEARD, 1.0)),
    (r"risk must be a positive number", lambda: LINE.scaled(NAN)),
    (r"oracle_price_e8 must be a positive number \(1e-8", lambda: knots(oracle_price_e8=0)),
    (r"oracle_price_e8 must be a number \(1e-8", lambda: knots(oracle_price_e8=-(10**9))),
    (r"oracle_price_e8 must be a number \(1e-8", lambda: knots(oracle_price_e8=10**400)),
    (r"tick_e8 must be a positive number \(1e-8", lambda: knots(tick_e8=0)),
    (r"tick_e8 must be a positive number \(1e-8", lambda: knots(tick_e8=-1)),
    (r"tick_e8 must be a positive number \(1e-8", lambda: knots(tick_e8=10**400)),
    (r"offer_m_max must be a number \(M\) not below", lambda: knots(offer_m=NAN)),
    (r"offer_m_max must be a number \(M\) not below", lambda: knots(offer_m=-1.0)),
    (r"offer_m_max must be a number \(M\) not below", lambda: knots(offer_m=INF)),
    (r"drift_bp must be a number \(bp\)", lambda: knots(drift=NAN)),
    (r"drift_bp must be a number \(bp\)", lambda: knots(drift=-INF)),
    (r"inventory_e8 must be a number \(1e-8", lambda: knots(inventory_e8=NAN)),
    (r"inventory_e8 and drift_bp", lambda: knots(inventory_e8=10**59, oracle_price_e8=10**50)),
    (r"inventory_e8 must be a number \(1e-8", lambda: inventory_m(NAN, ORACLE)),  # type: ignore[arg-type]
    (r"inventory_e8 must be a number \(1e-8", lambda: inventory_m(10**400, ORACLE)),
    (r"oracle_price_e8 must be a number \(1e-8", lambda: inventory_m(1, NAN)),  # type: ignore[arg-type]
    (r"volatility_bp must be a positive number \(bp per", lambda: Lean(0.0, 0.0)),
    (r"volatility_bp must be a positive number \(bp per", lambda: Lean(NAN, 0.0)),
    (r"drift_bp must be a number \(bp\)", lambda: Lean(None, INF)),
    (r"inventories_m\[1\] must be a number \(M\)", lambda: leaning(NAN)),
    (r"interval_s must be a positive number \(seconds\)", lambda: Desk(Curve, INF)),
    (r"interval_s must be a positive number \(seconds\)", lambda: a_commitment(interval_s=NAN)),
    (r"half_spread_bp_min must be .*\(bp\)", lambda: a_commitment(half_spread_bp_min=NAN)),
    (r"volatility_bp must be a positive", lambda: a_commitment(volatility_bp=INF)),
    (r"count must be a number \(markouts\)", lambda: Tally(NAN, 0.0)),
    (r"count must be a number \(markouts\) not below", lambda: Tally(-1.0, 0.0)),
    (r"sum_bp must be a number \(bp\)", lambda: Tally(1.0, INF)),
    (r"markout_bp must be a number \(bp\)", lambda: Tally().after(NAN)),
    (r"noise_bp must be a positive number \(bp\)", lambda: fitted(TRADERS, INF)),
    (r"noise_bp must be a positive number \(bp\)", lambda: fitted(TRADERS, 1e308)),
    (r"noise_bp must be a positive number \(bp\)", lambda: fitted(TRADERS, 0.0)),
    (r"noise_bp must be at least 1e-60 bp", lambda: fitted(TRADERS, 1e-200)),
    (r"noise_bp must be at least 1e-60 bp", lambda: Population(0.0, 1.0, 1e-200)),
    (r"side must be \+1", lambda: Traded(0, 0, 0, 1.0, 0.0, 0.0)),
    (r"time_s must be a number \(seconds\)", lambda: Traded(0, 0, 1, NAN, 0.0, 0.0)),
    (r"mid_bp must be a number \(bp\)", lambda: Traded(0, 0, 1, 1.0, INF, 0.0)),
    (r"markup_bp must be a number \(bp\)", lambda: Traded(0, 0, 1, 1.0, 0.0, NAN)),
    (r"mid_later_bp must be a number \(bp\)", lambda: markout_bp(1, 0.0, NAN)),
    (r"mid_bp must be a number \(bp\)", lambda: PendingLabels().observe(0.0, NAN)),
    (r"one of values for each of knots", lambda: Isotonic((), ())),
    (r"one of values for each of knots", lambda: Isotonic((0.0, 1.0), (0.5,))),
    (r"knots\[0\] must be a number", lambda: Isotonic((NAN,), (0.5,))),
    (r"values\[0\] must be a share", lambda: Isotonic((0.0,), (NAN,))),
    (r"knots \(no unit\) must rise", lambda: Isotonic((1.0, 0.0), (0.1, 0.2))),
    (r"values \(shares\) must not fall", lambda: Isotonic((0.0, 1.0), (0.2, 0.1))),
    (r"probability must be a number", lambda: Isotonic((0.0,), (0.5,))(NAN)),
    (r"scores \(no unit\) must be numbers", lambda: ranking_power(ROW * NAN, np.ones(2))),
    (r"scores and outcomes must be columns", lambda: ranking_power(ROW, np.ones(3))),
    (r"probabilities \(no unit\) must be", lambda: isotonic(ROW * INF, np.ones(2))),
    (r"bins must be a whole number", lambda: calibration_error(ROW, np.ones(2), 1.5)),  # type: ignore[arg-type]
    (r"count must be a whole number", lambda: empty_clients(0, 5)),
    (r"kinds must be a whole number", lambda: empty_clients(1, -1)),
    (r"clients must be a whole number", lambda: prior_belief(TRADES, 1.5)),  # type: ignore[arg-type]
    (r"buckets must be a whole number", lambda: empty_vpin(1.0, 1.5)),  # type: ignore[arg-type]
    (r"bucket_m must be a positive number \(M\)", lambda: empty_vpin(INF, 1)),
    (r"trades_a_bucket must be .*\(trades\)", lambda: null_vpin(NAN)),
    (r"max_fee_e6 must be a number \(1e-6", lambda: fee_e6(ACTS, 0.5, NAN)),  # type: ignore[arg-type]
]


def leaning(inventory: float) -> object:
    return neighbours({1: PERPETUAL}, ((1.0,),)).leans({1: inventory})


@pytest.mark.parametrize("place", range(len(REFUSED)))
@pytest.mark.filterwarnings("error")
def test_a_bad_figure_is_refused_by_name(place: int) -> None:
    said, call = REFUSED[place]
    with pytest.raises(ValueError, match=said):
        call()


@pytest.mark.parametrize("wrong", [NAN, INF, -1.0, 0.0])
def test_an_interval_that_is_none_is_refused_wherever_one_is_asked(wrong: float) -> None:
    for call in (
        lambda: elasticity_m_per_bp(SPOT_FX, wrong),
        lambda: orders_per_batch(SPOT_FX, wrong),
        lambda: relaxation_per_day(SPOT_FX, LINE, wrong),
        lambda: drift_bp(SPOT_FX, LINE, wrong, 0.0),
        lambda: monopoly(SPOT_FX, wrong),
    ):
        with pytest.raises(ValueError, match=r"interval_s must be a positive number \(seconds\)"):
            call()


@pytest.mark.parametrize("name", GUARD._fields)
def test_no_number_of_a_guard_may_be_nan(name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be .*\\("):
        guarded_by(GUARD, **{name: NAN})
    with pytest.raises(ValueError, match=f"^{name} must be .*\\("):
        commitment(GUARD._replace(**{name: NAN}), SIGHT)


@pytest.mark.parametrize("name", GUARD._fields)
def test_only_limits_may_be_infinite(name: str) -> None:
    if name in ("spread_times_max", "risk_share", "excess_s", "venue_share"):
        assert getattr(guarded_by(GUARD, **{name: INF}), name) == INF
        return
    with pytest.raises(ValueError, match=f"^{name} must be .*\\("):
        guarded_by(GUARD, **{name: INF})


@pytest.mark.parametrize("name", SIGHT._fields)
@pytest.mark.parametrize("wrong", [NAN, INF])
def test_what_a_dealer_sees_is_figures(name: str, wrong: float) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be a .*\\("):
        commitment(GUARD, SIGHT._replace(**{name: wrong}))


def test_what_is_valid_still_is() -> None:
    assert guarded_by(FORM) == FORM
    assert astuple(Lean(None, 0.5)) == (None, 0.5)
    assert inventory_m(10**8, 0) == 0.0
    assert shrunk(Population(0.4, 1e-200, 1.0), Tally(3.0, 9.0)) == (0.4, 0.0)
    assert Isotonic((0.0, 0.5), (0.1, 0.1))(0.7) == 0.1
