# SPDX-License-Identifier: Apache-2.0
"""What the learner looks at when a trade is done: five numbers known at that moment."""

from __future__ import annotations

import math
from typing import Final

from infold.dealer.compiled import Floats, compiled
from infold.dealer.toxicity.learner import LearnerParameters

FEATURES: Final = 5
UNKNOWN_IMBALANCE: Final = 0.5

TRADES: Final = LearnerParameters(
    weights=(-0.2, 0.4, -0.4, 0.0, 0.0),
    variances=(0.25, 0.25, 0.25, 0.25, 0.04),
    effect_variance=0.0,
    weight_drift=1e-7,
    effect_drift=0.0,
)
"""Where a venue starts: a sure insider is toxic somewhat oftener, a dear quote less often. Clients
have no effects of their own here, since the filter's belief is one of the features."""


@compiled
def write_features(
    believed: float, markup_bp: float, imbalance: float, size_m: float, into: Floats
) -> None:
    """One, P(informed) by the filter, the markup in bp, VPIN about its middle, log of the size."""
    into[0] = 1.0
    into[1] = believed
    into[2] = markup_bp
    into[3] = imbalance - UNKNOWN_IMBALANCE
    into[4] = math.log(size_m)
