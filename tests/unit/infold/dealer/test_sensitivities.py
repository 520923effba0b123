# SPDX-License-Identifier: Apache-2.0
"""Closed forms to arbitrary precision, and how they answer to their parameters."""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec
import pytest
from mpmath import mp, mpf

from infold.dealer.params import PERPETUAL, SPOT_FX, DealerParameters
from infold.dealer.quoting import closed_forms
from infold.dealer.zone import zone_m

changed = msgspec.structs.replace
NO_IMPACT = changed(SPOT_FX, impact_bp_per_m=0.0)


@pytest.mark.parametrize("parameters", [SPOT_FX, PERPETUAL], ids=["fx", "perpetual"])
def test_closed_forms_agree_with_mpmath(parameters: DealerParameters) -> None:
    """To 1e-9, from definitions: d0 maximises l(d) d, H'' is a derivative, c = 2 - l l'' / l'^2."""
    with mp.workdps(40):
        a, b = mpf(parameters.demand_shift), mpf(parameters.demand_slope_per_bp)

        def demand(d: mpf) -> mpf:
            return 1 / (1 + mp.exp(a + b * d))

        def gain(p: mpf) -> mpf:
            d = mp.findroot(
                lambda d: mp.diff(demand, d) * (d - p) + demand(d), p + mpf(3) / (2 * b)
            )
            return demand(d) * (d - p)

        d0 = mp.findroot(lambda d: mp.diff(demand, d) * d + demand(d), mpf(3) / (2 * b))
        first, second = mp.diff(demand, d0), mp.diff(demand, d0, 2)
        c = 2 - demand(d0) * second / first**2
        bend = mp.diff(gain, 0, 2, h=mpf(10) ** -8)
        volume = mp.fsum(
            mpf(s) * mpf(r)
            for s, r in zip(parameters.sizes_m, parameters.requests_per_day, strict=True)
        )
        sigma, gamma = mpf(parameters.volatility_bp), mpf(parameters.risk_aversion)
        xi = volume * bend
        risk, omega = sigma * mp.sqrt(gamma / (8 * xi)), sigma * mp.sqrt(2 * gamma * xi)
        beta = mpf(parameters.resilience_per_day)
        wanted = {
            "markup_bp": d0,
            "hit_share": demand(d0),
            "curvature": bend,
            "concavity": c,
            "demand_m_per_bp_day": xi,
            "risk_bp_per_m": risk,
            "relaxation_per_day": omega,
            "impact_share": beta / (beta + omega),
            "top_spread_bp": 2 * (d0 + risk / c * mpf(parameters.sizes_m[0])),
            "turnover_m_per_day": volume * demand(d0),
        }
        forms = closed_forms(parameters)
        for name in forms.__dataclass_fields__:
            assert getattr(forms, name) == pytest.approx(float(wanted[name]), rel=1e-9), name


def _busier(parameters: DealerParameters, factor: float) -> DealerParameters:
    rates = tuple(factor * rate for rate in parameters.requests_per_day)
    return changed(parameters, requests_per_day=rates)


SCALED: dict[str, Callable[[DealerParameters, float], DealerParameters]] = {
    "sigma": lambda p, by: changed(p, volatility_bp=by * p.volatility_bp),
    "gamma": lambda p, by: changed(p, risk_aversion=by * p.risk_aversion),
    "psi": lambda p, by: changed(p, hedge_spread_bp=by * p.hedge_spread_bp),
    "flow": _busier,
}


def _rms_m(parameters: DealerParameters) -> float:
    """(flow / omega)^.5 with every quote at d0."""
    forms = closed_forms(parameters)
    ladder = zip(parameters.sizes_m, parameters.requests_per_day, strict=True)
    squares = sum(size**2 * rate for size, rate in ladder) * forms.hit_share
    return math.sqrt(squares / forms.relaxation_per_day)


@pytest.mark.parametrize(
    ("figure", "elasticities"),
    [
        (lambda p: closed_forms(p).risk_bp_per_m, (1.0, 0.5, 0.0, -0.5)),
        (lambda p: closed_forms(p).relaxation_per_day, (1.0, 0.5, 0.0, 0.5)),
        (zone_m, (-1.0, -0.5, 1.0, 0.5)),
        (_rms_m, (-0.5, -0.25, 0.0, 0.25)),
    ],
    ids=["A0", "omega", "zone", "rms"],
)
def test_elasticities_are_exact(
    figure: Callable[[DealerParameters], float], elasticities: tuple[float, ...]
) -> None:
    """By finite difference, to 1e-6."""
    step = 1e-5
    for name, wanted in zip(("sigma", "gamma", "psi", "flow"), elasticities, strict=True):
        up, down = (figure(SCALED[name](NO_IMPACT, math.exp(side * step))) for side in (1.0, -1.0))
        assert math.log(up / down) / (2.0 * step) == pytest.approx(wanted, abs=1e-6), name


def test_golden_2601_13421() -> None:
    """Test 2: twelve numbers to 1e-6 relative, and what the paper rounds to 10 %."""
    forms = closed_forms(SPOT_FX)
    for found, wanted in (
        (forms.markup_bp, 0.2238776),
        (forms.hit_share, 0.3618963),
        (forms.curvature, 1.0314893),
        (forms.concavity, 1.5671430),
        (forms.demand_m_per_bp_day, 15575.488),
        (forms.risk_bp_per_m, 0.008958477),
        (forms.relaxation_per_day, 558.1306),
        (forms.impact_share, 0.6417947),
        (forms.top_spread_bp, 0.4591881),
        (zone_m(SPOT_FX), 12.40239),
        (zone_m(SPOT_FX, permanent=True), 15.48353),
        (zone_m(NO_IMPACT), 11.16261),
    ):
        assert found == pytest.approx(wanted, rel=1e-6)
    assert forms.relaxation_per_day == pytest.approx(560.0, rel=0.10)
    assert forms.top_spread_bp == pytest.approx(0.5, rel=0.10)
    assert forms.turnover_m_per_day == pytest.approx(5_000.0, rel=0.10)


def test_limits_of_the_closed_forms() -> None:
    """Impact that fades at once is pure signal; one that stays is none; without risk no hedging."""
    assert closed_forms(changed(SPOT_FX, resilience_per_day=1e12)).impact_share > 1.0 - 1e-8
    lasting = changed(SPOT_FX, resilience_per_day=0.0)
    assert closed_forms(lasting).impact_share == 0.0
    assert zone_m(lasting) == zone_m(SPOT_FX, permanent=True)
    assert zone_m(changed(NO_IMPACT, risk_aversion=1e-12)) > 1e5
