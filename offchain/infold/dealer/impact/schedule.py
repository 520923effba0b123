# SPDX-License-Identifier: Apache-2.0
"""What a schedule of trading costs against a kernel: exact for rates constant in each cell.

The cost is `integral of v_t x_t dt` with `x_t = integral of f(v_s) G(t - s) ds` (Gatheral 2010,
equation 2): what is paid beyond the price had we not traded. Negative for a round trip means that
the model can be pumped.
"""

from __future__ import annotations

import math

import numpy as np

from infold.dealer import checks
from infold.dealer.compiled import Floats
from infold.dealer.impact.kernels import Kernel


def rate_law(rates_m_per_day: Floats, rate_exponent: float, reference_m_per_day: float) -> Floats:
    """f(v) = sign(v) |v|^d ref^(1 - d), in M a day: equal to v at the reference rate. `ValueError`
    for a rate that is no number or a parameter not above zero.
    """
    checks.positive("rate_exponent", rate_exponent, "")
    checks.positive("reference_m_per_day", reference_m_per_day, "M a day")
    if not np.isfinite(rates_m_per_day).all():
        raise ValueError("rates_m_per_day must be finite numbers of M a day")
    scaled: Floats = np.abs(rates_m_per_day / reference_m_per_day) ** rate_exponent
    return np.sign(rates_m_per_day) * scaled * reference_m_per_day


def cost_bp_m(
    kernel: Kernel,
    rates_m_per_day: Floats,
    cell_day: float,
    rate_exponent: float = 1.0,
    reference_m_per_day: float = 1.0,
) -> float:
    """The cost in bp * M of trading at one rate in each cell, on end, from a price at rest.

    Takes any kernel, also one that `require_admissible` refuses: research must be able to show the
    profit. `ValueError` on rates that are not finite or a cell that is not positive.
    """
    if rates_m_per_day.ndim != 1 or not np.isfinite(rates_m_per_day).all():
        raise ValueError("rates_m_per_day must be one row of finite numbers of M a day")
    checks.positive("cell_day", cell_day, "days")
    count = len(rates_m_per_day)
    if count == 0:
        return 0.0
    pushed = rate_law(rates_m_per_day, rate_exponent, reference_m_per_day)
    felt = np.convolve(pushed, kernel.cell_weights(count, cell_day))[:count]
    return math.fsum(rates_m_per_day * felt)
