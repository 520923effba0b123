# SPDX-License-Identifier: Apache-2.0
"""How the simulation's loops are compiled (as the dealer's own are) and the arrays they read."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from infold.dealer.compiled import Floats, Integers, compiled, inlined

__all__ = ["Floats", "Ids", "Integers", "Small", "Word", "Words", "compiled", "inlined"]

Small = NDArray[np.int8]
Ids = NDArray[np.int32]
Words = NDArray[np.uint64]
Word = np.uint64
