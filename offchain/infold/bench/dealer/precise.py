# SPDX-License-Identifier: Apache-2.0
"""The dealer's closed forms again, to fifty digits, written from the formulas and not from ours."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, localcontext
from typing import Final

from infold.dealer.params import DealerParameters

DIGITS: Final = 50


def precise_forms(parameters: DealerParameters) -> Mapping[str, Decimal]:
    """Barzykin 2026 (arXiv:2601.13421), equations 4 to 19, by the names of `ClosedForms`.

    Also the zones "transient" and "permanent". Parameters are taken as the binary numbers they are.
    """
    with localcontext() as context:
        context.prec = DIGITS + 10
        one, two = Decimal(1), Decimal(2)
        slope = Decimal(parameters.demand_slope_per_bp)
        sigma, gamma = Decimal(parameters.volatility_bp), Decimal(parameters.risk_aversion)
        sizes = [Decimal(size) for size in parameters.sizes_m]
        rates = [Decimal(rate) for rate in parameters.requests_per_day]
        # W + log W = -1 - shift by Newton; at d0 the share that trades is W / (1 + W).
        exponent = -one - Decimal(parameters.demand_shift)
        w = exponent.exp() if exponent < 0 else one + exponent
        for _ in range(100):
            w -= (w + w.ln() - exponent) * w / (one + w)
        markup = (one + w) / slope
        odds = (Decimal(parameters.demand_shift) + slope * markup).exp()
        # l, l' and l'' of logistic demand over l0, at d0.
        hit = one / (one + odds)
        first = -slope * hit * (one - hit)
        second = slope**2 * hit * (one - hit) * (one - two * hit)
        concavity = two - hit * second / first**2
        curvature = -first / concavity  # H'' = -l'(d*) d*'(p), and d*' = 1 / c
        xi = curvature * sum((s * r for s, r in zip(sizes, rates, strict=True)), Decimal(0))
        risk = sigma * (gamma / (8 * xi)).sqrt()
        omega = sigma * (two * gamma * xi).sqrt()
        beta = Decimal(parameters.resilience_per_day)
        impact_share = beta / (beta + omega)
        k, psi = Decimal(parameters.impact_bp_per_m), Decimal(parameters.hedge_spread_bp)
        volume = sum((s * r for s, r in zip(sizes, rates, strict=True)), Decimal(0))
        return {
            "markup_bp": markup,
            "hit_share": hit,
            "curvature": curvature,
            "concavity": concavity,
            "demand_m_per_bp_day": xi,
            "risk_bp_per_m": risk,
            "relaxation_per_day": omega,
            "impact_share": impact_share,
            "top_spread_bp": two * (markup + risk / concavity * sizes[0]),
            "turnover_m_per_day": volume * hit,
            "transient": psi / (two * risk - k * (one - impact_share)),
            "permanent": psi / (two * risk - k),
        }
