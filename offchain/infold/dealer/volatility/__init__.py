# SPDX-License-Identifier: Apache-2.0
"""How much a price will move: exponential averages, HAR on realised variance, GARCH and GJR.

Returns are in bp and variances in bp^2, per period where a model counts periods and per day where
it knows the time. `online.py` follows one market's prices: its forecast becomes the desk's
`volatility_bp` (bp per square root of a day), and `margins.py` turns it into proposals for margins
and caps.
"""

from __future__ import annotations

from infold.dealer.volatility.ewma import HALF_LIVES_S, Ewma, ewma_forecasts
from infold.dealer.volatility.garch import (
    Garch,
    GarchFit,
    fit_garch,
    garch_log_likelihood,
    garch_variances,
)
from infold.dealer.volatility.har import LAGS_24_7, Har, fit_har, har_forecasts
from infold.dealer.volatility.margins import (
    MarginBounds,
    MarginProposal,
    MarginRule,
    propose_margins,
)
from infold.dealer.volatility.online import Forecaster
from infold.dealer.volatility.returns import range_variances, realised_variances, returns_bp
from infold.dealer.volatility.scores import DieboldMariano, diebold_mariano, qlike

__all__ = [
    "HALF_LIVES_S",
    "LAGS_24_7",
    "DieboldMariano",
    "Ewma",
    "Forecaster",
    "Garch",
    "GarchFit",
    "Har",
    "MarginBounds",
    "MarginProposal",
    "MarginRule",
    "diebold_mariano",
    "ewma_forecasts",
    "fit_garch",
    "fit_har",
    "garch_log_likelihood",
    "garch_variances",
    "har_forecasts",
    "propose_margins",
    "qlike",
    "range_variances",
    "realised_variances",
    "returns_bp",
]
