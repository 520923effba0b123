# SPDX-License-Identifier: Apache-2.0
"""Where the dealer's problem is solved: points of inventory q (M) by impact state x (bp)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from infold.dealer import checks
from infold.dealer.params import DealerParameters

POINTS_MAX: Final = 40_000
"""A solve keeps the square of the inventory points for each impact point: more is gigabytes."""
COARSEST: Final = 1e-9
"""A ladder size may miss a whole number of steps by this part."""


@dataclass(frozen=True, slots=True)
class Lattice:
    """|q| <= inventory_m_max in steps of inventory_step_m; |x| <= impact_bp_max at impact_points.

    One impact point means that our impact stays: hedging moves the price by k and nothing fades.
    `ValueError` names what makes no lattice.
    """

    inventory_m_max: float
    inventory_step_m: float = 1.0
    impact_bp_max: float = 0.0
    impact_points: int = 1

    def __post_init__(self) -> None:
        checks.positive("inventory_m_max", self.inventory_m_max, "M")
        checks.positive("inventory_step_m", self.inventory_step_m, "M")
        checks.count("impact_points", self.impact_points, 1)
        if self.impact_points > 1:
            checks.positive("impact_bp_max", self.impact_bp_max, "bp")
        if self.impact_points % 2 == 0:
            raise ValueError(
                f"impact_points must be odd, so that one is at rest, not {self.impact_points}"
            )
        steps = self.inventory_m_max / self.inventory_step_m
        if not steps <= POINTS_MAX:
            raise ValueError(
                f"inventory_step_m {self.inventory_step_m!r} (M) is too narrow for inventory_m_max"
                f" {self.inventory_m_max!r} (M): at most {POINTS_MAX} points are solved"
            )
        if steps < 1.0 or abs(steps - round(steps)) > COARSEST * steps:
            raise ValueError(
                "inventory_m_max must be a whole number of inventory_step_m (M), not"
                f" {self.inventory_m_max!r} of {self.inventory_step_m!r}"
            )
        if self.inventory_points * self.impact_points > POINTS_MAX:
            raise ValueError(
                f"inventory_step_m and impact_points make {self.inventory_points} x"
                f" {self.impact_points} points; at most {POINTS_MAX} are solved"
            )

    @property
    def inventory_points(self) -> int:
        """Points of q."""
        return 2 * round(self.inventory_m_max / self.inventory_step_m) + 1

    @property
    def centre(self) -> tuple[int, int]:
        """Where q and x are zero."""
        return self.inventory_points // 2, self.impact_points // 2

    @property
    def impact_step_bp(self) -> float:
        """Between two points of x; 1 where there is one point and the step means nothing."""
        if self.impact_points == 1:
            return 1.0
        return 2.0 * self.impact_bp_max / (self.impact_points - 1)

    @property
    def inventory_m(self) -> NDArray[np.float64]:
        """q of each row."""
        middle = self.centre[0]
        return self.inventory_step_m * np.arange(-middle, middle + 1, dtype=np.float64)

    @property
    def impact_bp(self) -> NDArray[np.float64]:
        """x of each column."""
        middle = self.centre[1]
        return self.impact_step_bp * np.arange(-middle, middle + 1, dtype=np.float64)

    def strides(self, parameters: DealerParameters) -> list[int]:
        """How many steps each ladder size takes: `ValueError` unless a whole number that fits."""
        found = []
        for size_m in parameters.sizes_m:
            steps = size_m / self.inventory_step_m
            if round(steps) < 1 or abs(steps - round(steps)) > COARSEST * steps:
                raise ValueError(
                    f"inventory_step_m {self.inventory_step_m!r} (M) does not divide the ladder"
                    f" size {size_m!r} (M)"
                )
            if round(steps) >= self.inventory_points:
                raise ValueError(
                    f"inventory_m_max {self.inventory_m_max!r} (M) cannot hold the ladder size"
                    f" {size_m!r} (M)"
                )
            found.append(round(steps))
        return found


PERMANENT: Final = Lattice(inventory_m_max=120.0)
"""One dimension: 1 M, |q| <= 120."""
TRANSIENT: Final = Lattice(inventory_m_max=80.0, impact_bp_max=0.12, impact_points=49)
"""Two dimensions: 1 M by 49 points of x, |q| <= 80. 25 and 97 points differ by 2e-5 of theta."""
