# SPDX-License-Identifier: Apache-2.0
"""The exact solver against references, a known exact solution and its own principles."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from infold.dealer.exact import hjb
from infold.dealer.exact.evaluation import evaluate
from infold.dealer.exact.hjb import (
    Solution,
    centred_bp,
    centred_zone_m,
    improved,
    solve,
)
from infold.dealer.exact.lattice import PERMANENT, TRANSIENT, Lattice
from infold.dealer.params import SPOT_FX, DealerParameters
from infold.errors import InvariantBroken

changed = msgspec.structs.replace
NO_IMPACT = changed(SPOT_FX, impact_bp_per_m=0.0)
DAY_S = 86_400.0


@pytest.fixture(scope="module")
def permanent() -> Solution:
    return solve(SPOT_FX, PERMANENT)


@pytest.fixture(scope="module")
def transient() -> Solution:
    return solve(SPOT_FX, TRANSIENT)


def at_rest(solution: Solution, inventory_m: float) -> float:
    lattice = solution.conduct.lattice
    row = lattice.centre[0] + round(inventory_m / lattice.inventory_step_m)
    return float(solution.worth.value_bp_m[row, lattice.centre[1]])


def hedged_m_per_s(parameters: DealerParameters, solution: Solution, inventory_m: int) -> float:
    """Rate at rest from the centred price."""
    lattice = solution.conduct.lattice
    price = centred_bp(parameters, solution.worth)[lattice.centre[0] + inventory_m, 0]
    excess = abs(price) - parameters.hedge_spread_bp
    return float(math.copysign(excess / (2 * SPOT_FX.hedge_impact_bp_day_per_m), price)) / DAY_S


@pytest.mark.parametrize(
    ("parameters", "hedging", "theta", "ten", "fifty"),
    [
        (SPOT_FX, True, 1463.990, -1.0064, -25.0993),
        (NO_IMPACT, True, 1488.033, -0.9928, -21.9147),
        (SPOT_FX, False, 1446.187, -1.0132, -31.3105),
    ],
    ids=["permanent", "no impact", "no hedging"],
)
def test_hjb_exact(
    parameters: DealerParameters, hedging: bool, theta: float, ten: float, fifty: float
) -> None:
    """Test 4, to every printed digit."""
    solution = solve(parameters, PERMANENT, hedging)
    assert solution.theta_bp_m_per_day == pytest.approx(theta, abs=6e-4)
    assert at_rest(solution, 10) == pytest.approx(ten, abs=6e-5)
    assert at_rest(solution, 50) == pytest.approx(fifty, abs=6e-5)
    assert at_rest(solution, -50) == pytest.approx(at_rest(solution, 50), rel=1e-9)
    assert solution.rounds <= 6


def test_zones_and_rates_of_one_dimension(permanent: Solution) -> None:
    without = solve(NO_IMPACT, PERMANENT)
    assert centred_zone_m(SPOT_FX, permanent.worth) == 12.0
    assert centred_zone_m(NO_IMPACT, without.worth) == 9.0
    assert abs(permanent.zone_m - 12.0) <= 1.0 and abs(without.zone_m - 9.0) <= 1.0
    assert hedged_m_per_s(SPOT_FX, permanent, 50) == pytest.approx(-0.1849, abs=6e-5)
    assert hedged_m_per_s(NO_IMPACT, without, 50) == pytest.approx(-0.2154, abs=6e-5)
    idle = solve(SPOT_FX, PERMANENT, hedging=False)
    assert idle.zone_m == PERMANENT.inventory_m_max
    half_spreads = permanent.conduct.markups_bp[1, :, PERMANENT.centre[0], 0]
    wanted = (0.2303, 0.2368, 0.2570, 0.2933, 0.3751, 0.6490)
    assert half_spreads == pytest.approx(wanted, abs=6e-5)


def test_two_dimensions(transient: Solution) -> None:
    assert transient.theta_bp_m_per_day == pytest.approx(1477.62, abs=0.05)
    assert transient.zone_m == 11.0
    rows, columns = TRANSIENT.centre
    assert transient.conduct.rates_m_per_day[rows + 50, columns] / DAY_S == pytest.approx(
        -0.2016, abs=1e-4
    )
    # Turning the market over turns everything over.
    value = transient.worth.value_bp_m
    assert np.max(np.abs(value - value[::-1, ::-1])) < 1e-7
    markups = transient.conduct.markups_bp
    assert np.allclose(markups[0], markups[1, :, ::-1, ::-1], rtol=0.0, atol=1e-8)


def test_the_grid_is_of_first_order(permanent: Solution) -> None:
    thetas = [
        permanent.theta_bp_m_per_day,
        *(solve(SPOT_FX, Lattice(120.0, step)).theta_bp_m_per_day for step in (0.5, 0.25)),
    ]
    assert thetas[1:] == pytest.approx([1464.660, 1465.007], abs=6e-4)
    order = math.log2((thetas[1] - thetas[0]) / (thetas[2] - thetas[1]))
    assert order == pytest.approx(1.0, abs=0.15)


def test_hedging_and_a_cheaper_spread_only_help(permanent: Solution) -> None:
    """The comparison principle, at every point and not only in theta."""
    idle = solve(SPOT_FX, PERMANENT, hedging=False)
    cheap = solve(changed(SPOT_FX, hedge_spread_bp=0.1), PERMANENT)
    thetas = [found.theta_bp_m_per_day for found in (idle, permanent, cheap)]
    assert thetas == sorted(thetas) and thetas[0] < thetas[1] < thetas[2]
    dear = solve(changed(SPOT_FX, hedge_spread_bp=1e3), PERMANENT)
    assert dear.theta_bp_m_per_day == pytest.approx(thetas[0], rel=1e-12)


def test_no_conduct_beats_the_solution(permanent: Solution) -> None:
    conduct, best = permanent.conduct, permanent.theta_bp_m_per_day
    for markup, rate in ((0.01, 1.0), (-0.01, 1.0), (0.0, 1.2), (0.0, 0.8)):
        other = type(conduct)(
            conduct.lattice, conduct.markups_bp + markup, conduct.rates_m_per_day * rate
        )
        assert evaluate(SPOT_FX, other).theta_bp_m_per_day < best
    again = improved(SPOT_FX, PERMANENT, permanent.worth.value_bp_m)
    assert np.allclose(again.rates_m_per_day, conduct.rates_m_per_day, atol=1e-4)


def test_an_impact_that_fades_at_once_is_no_impact() -> None:
    """beta to infinity: the state is pure signal and the price comes back before it matters."""
    quick = changed(SPOT_FX, resilience_per_day=1e7)
    small = Lattice(80.0, impact_bp_max=0.02, impact_points=9)
    found = solve(quick, small).theta_bp_m_per_day
    free = solve(NO_IMPACT, Lattice(80.0)).theta_bp_m_per_day
    stuck = solve(SPOT_FX, Lattice(80.0)).theta_bp_m_per_day
    assert abs(found - free) < 0.05 * (free - stuck)


def test_one_size_of_exponential_demand_is_the_eigenvector_of_a_matrix() -> None:
    """Test 22: Gueant, Lehalle and Fernandez-Tapia 2013, with risk charged as it is here.

    Demand exp(-slope d) is logistic demand far from saturation. With w = exp(slope V) the equation
    is linear: slope theta w = (rate / e) (w up + w down) - slope risk q^2 w.
    """
    far, slope, rate, risk, reach = 40.0, 1.5, 140.0, 0.1, 30
    exponential = changed(
        SPOT_FX,
        sizes_m=(1.0,),
        requests_per_day=(rate * math.exp(far),),
        demand_shift=far,
        demand_slope_per_bp=slope,
        volatility_bp=1.0,
        risk_aversion=2.0 * risk,
    )
    lattice = Lattice(float(reach))
    found = solve(exponential, lattice, hedging=False)
    squares = lattice.inventory_m**2
    beside = np.full(2 * reach, rate / math.e)
    matrix = np.diag(-slope * risk * squares) + np.diag(beside, 1) + np.diag(beside, -1)
    values, vectors = np.linalg.eigh(matrix)
    vector = np.abs(vectors[:, -1])
    value = np.log(vector / vector[reach]) / slope
    assert found.theta_bp_m_per_day == pytest.approx(values[-1] / slope, rel=1e-9)
    inner = slice(reach - 5, reach + 6)
    assert found.worth.value_bp_m[inner, 0] == pytest.approx(value[inner], abs=1e-9)
    # Their asymptotic quotes, in the limit gamma / k of zero: (1 + gamma/k)^(1 + k/gamma) is e.
    bend = math.sqrt(2.0 * risk * math.e / (2.0 * slope * rate))
    for held in range(-5, 6):
        bid = float(found.conduct.markups_bp[0, 0, reach + held, 0])
        assert bid == pytest.approx(1.0 / slope + (2 * held + 1) / 2.0 * bend, rel=0.02)


def test_infinitely_fast_hedging_is_refused_by_name_and_unit() -> None:
    free = changed(SPOT_FX, hedge_impact_bp_day_per_m=0.0)
    with pytest.raises(ValueError, match=r"hedge_impact_bp_day_per_m .* \(bp day per M\)"):
        solve(free, PERMANENT)
    assert solve(free, PERMANENT, hedging=False).theta_bp_m_per_day > 0.0


def test_iteration_that_does_not_settle_is_no_solution(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hjb, "ROUNDS_MAX", 3)
    with pytest.raises(InvariantBroken, match="did not settle in 3 rounds"):
        solve(SPOT_FX, PERMANENT)
