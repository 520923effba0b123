# SPDX-License-Identifier: Apache-2.0
"""A residual on the transient closed form: five parts of a quote, each within its share.

The closed form's quotes and hedges are

    markup = d0 + l,  l = (A0/c) size -+ skew q -+ signal x       hedge price = slope q + B0 x

An action in [-1, 1]^5 multiplies d0, (A0/c), skew and slope by 1 + reach * action, and adds
reach * action * (H''/2 l0) (c l)^2, the next term of the exact markup's series, taken at the
inventory an interval begins with. Zero is the closed form itself. So whatever a learner says, each
part stays within its reach and hedging sells what is long: the guard band is the shape of the
action and not a check that could be forgotten.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from infold.dealer.params import DealerParameters
from infold.dealer.quoting import closed_forms
from infold.research.simulation.policy import Policy, transient_closed_form

PARTS: Final = ("markup", "size", "skew", "hedge", "curve")


@dataclass(frozen=True, slots=True)
class Band:
    """How far each part may be moved, as a share of it; at most all, so that no sign can change."""

    markup: float = 0.2
    size: float = 0.3
    skew: float = 0.3
    hedge: float = 0.3
    curve: float = 1.0

    def __post_init__(self) -> None:
        for part in PARTS:
            reach = getattr(self, part)
            if not (math.isfinite(reach) and 0.0 <= reach <= 1.0):
                raise ValueError(f"the band's {part} must be a share in [0, 1], not {reach!r}")

    @property
    def reaches(self) -> tuple[float, ...]:
        """In the order of `PARTS`."""
        return tuple(getattr(self, part) for part in PARTS)


class Steering:
    """The closed form of a belief, and how an action moves it."""

    def __init__(self, belief: DealerParameters, band: Band) -> None:
        forms = closed_forms(belief)
        self._base = transient_closed_form(belief)
        self._reaches = band.reaches
        self._flat_bp = forms.markup_bp
        self._concavity = forms.concavity
        self._bend_per_bp = 0.5 * forms.curvature
        self._sized_bp = self._base.lines_bp - self._flat_bp
        self._sides = np.array([-1.0, 1.0])[:, None, None, None]

    def steered(
        self,
        action: Sequence[float] | NDArray[np.floating[Any]],
        inventory_m: float = 0.0,
        impact_bp: float = 0.0,
    ) -> Policy:
        """The closed form moved by an action; what lies beyond [-1, 1] is cut to it. `ValueError`
        if the action is not five numbers.
        """
        moved = np.asarray(action, dtype=np.float64)
        if moved.shape != (len(PARTS),) or not np.isfinite(moved).all():
            parts = ", ".join(PARTS)
            raise ValueError(f"an action is {len(PARTS)} numbers ({parts}), not {action!r}")
        reached = np.clip(moved, -1.0, 1.0) * self._reaches
        markup, size, skew, hedge = (1.0 + reached[:4]).tolist()
        slopes = self._base.slopes
        shift = slopes[:, :, 0] * inventory_m + slopes[:, :, 1] * impact_bp
        price = self._concavity * (self._sized_bp - self._sides * shift[:, :, None, None])
        rules = self._base.rules
        return self._base._replace(
            lines_bp=markup * self._flat_bp
            + size * self._sized_bp
            + reached[4] * self._bend_per_bp * price**2,
            slopes=slopes * np.array([skew, 1.0]),
            rules=rules._replace(price_slope_bp_per_m=hedge * rules.price_slope_bp_per_m),
        )
