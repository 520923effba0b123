# SPDX-License-Identifier: Apache-2.0
"""Almgren and Chriss's schedule against the quadratic programme; the worked example of 2005."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize

from infold.dealer.hedging.almgren import Hyperbola, hyperbolic, pre_trade
from infold.dealer.hedging.schedule import TradingCosts, schedule

# The paper's stock: a million shares in five days, sigma .95 $ a root day, aversion 1e-6 a dollar.
SHARES, DAYS, CHILDREN, SIGMA, ETA, GAMMA, AVERSION = 1e6, 5.0, 5, 0.95, 2.5e-6, 2.5e-7, 1e-6


def paper(children: int = CHILDREN, aversion: float = AVERSION) -> Hyperbola:
    return hyperbolic(SHARES, DAYS, children, SIGMA, ETA, GAMMA, aversion, spread=0.0625)


def test_kappa_of_the_papers_stock() -> None:
    assert paper().kappa == pytest.approx(0.607, abs=0.0005)
    assert math.cosh(paper().kappa) == pytest.approx(1.19, abs=0.0005)


def test_ac_sinh_vs_qp() -> None:
    """The same discrete cost minimised as a quadratic programme: equal to 1e-6 of the parent."""
    for children in (5, 40):
        step = DAYS / children
        # Our programme has no permanent part: it costs g X^2 / 2 whatever the schedule, less
        # g tau / 2 of the temporary cost.
        costs = TradingCosts(
            quadratic_bp_day_per_m=ETA - 0.5 * GAMMA * step,
            volatility_bp=SIGMA,
            risk_aversion=2.0 * AVERSION,
        )
        times = [step * j for j in range(1, children + 1)]
        found = schedule(SHARES, times, costs)
        sinh = paper(children)
        left = SHARES - np.cumsum(found.children_m)
        assert left == pytest.approx(np.array(sinh.left[1:]), abs=1e-6 * SHARES)
        fixed = 0.5 * GAMMA * SHARES**2 + 0.0625 * SHARES
        assert found.cost_bp_m + fixed == pytest.approx(sinh.cost, rel=1e-9)
        assert found.risk_bp_m == pytest.approx(AVERSION * sinh.variance, rel=1e-9)


def test_a_general_optimiser_finds_the_same_schedule() -> None:
    """An oracle that knows nothing of sinh or of our matrices."""

    def objective(inner: np.ndarray) -> float:
        left = np.concatenate([[1.0], inner, [0.0]])
        traded = -np.diff(left) * SHARES
        step = DAYS / CHILDREN
        net = ETA - 0.5 * GAMMA * step
        variance = SIGMA**2 * step * float(np.sum((left[1:] * SHARES) ** 2))
        return (net / step * float(np.sum(traded**2)) + AVERSION * variance) / 1e6

    found = minimize(objective, np.linspace(0.8, 0.2, 4), tol=1e-14)
    assert found.x * SHARES == pytest.approx(np.array(paper().left[1:-1]), rel=1e-4)


def test_without_aversion_the_line_is_straight_and_with_much_it_all_goes_first() -> None:
    assert paper(aversion=0.0).left == pytest.approx((1e6, 8e5, 6e5, 4e5, 2e5, 0.0))
    assert paper(aversion=1e6).left[1] < 1e-3 * SHARES
    assert paper(aversion=1e-18).left == pytest.approx(paper(aversion=0.0).left, rel=1e-6)


def test_almgren_chriss_is_the_limit_of_impact_that_fades_at_once() -> None:
    """k v^2 / 2 a child is eta v^2 / tau with eta = k tau / 2."""
    step, k = DAYS / CHILDREN, 3e-6
    times = [step * j for j in range(1, CHILDREN + 1)]
    for resilience in (1e9, math.inf):
        fading = TradingCosts(
            impact_bp_per_m=k,
            resilience_per_day=resilience,
            volatility_bp=SIGMA,
            risk_aversion=2.0 * AVERSION,
        )
        found = schedule(SHARES, times, fading)
        sinh = hyperbolic(SHARES, DAYS, CHILDREN, SIGMA, 0.5 * k * step, 0.0, AVERSION)
        left = SHARES - np.cumsum(found.children_m)
        assert left == pytest.approx(np.array(sinh.left[1:]), abs=1e-6 * SHARES)


def test_almgren2005_ibm() -> None:
    """A tenth of the day's volume at 1.57 %: 20 bp, of which 32, 25 and 18 bp are paid."""
    shares_per_volume = 1_728 / 6.561
    for duration_day, paid in ((0.1, 32.0), (0.2, 25.0), (0.5, 18.0)):
        found = pre_trade(0.1, 157.0, duration_day, shares_per_volume)
        assert found.permanent_bp == pytest.approx(20.0, abs=0.6)
        assert found.realised_bp == pytest.approx(paid, abs=0.6)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"horizon": 0.0}, "horizon"),
        ({"children": 0}, "children"),
        ({"volatility": -1.0}, "volatility"),
        ({"temporary": 0.0}, "temporary"),
        ({"permanent": 1.0}, "temporary must exceed"),
        ({"aversion": math.nan}, "aversion"),
        ({"spread": -1.0}, "spread"),
        ({"size": math.inf}, "size"),
    ],
)
def test_hyperbolic_names_what_makes_no_sense(change: dict[str, float], named: str) -> None:
    good: dict[str, Any] = {
        "size": 1.0,
        "horizon": 5.0,
        "children": 5,
        "volatility": 1.0,
        "temporary": 0.1,
        "permanent": 0.01,
        "aversion": 1.0,
    }
    with pytest.raises(ValueError, match=named):
        hyperbolic(**(good | change))


@pytest.mark.parametrize("place", range(4))
def test_pre_trade_names_what_makes_no_sense(place: int) -> None:
    names = ("volume_share", "volatility_bp", "duration_day", "shares_per_volume")
    arguments = [0.1, 100.0, 0.1, 200.0]
    arguments[place] = -1.0
    with pytest.raises(ValueError, match=names[place]):
        pre_trade(*arguments)
