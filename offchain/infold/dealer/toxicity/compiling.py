# SPDX-License-Identifier: Apache-2.0
"""How the toxicity model's inner functions are compiled: the venue and the simulation run the same.

No fast-math: a belief must have the same bits wherever it is formed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
_F = TypeVar("_F", bound=Callable[..., Any])


def compiled(function: _F) -> _F:
    """Compile at first call and keep the result in NUMBA_CACHE_DIR."""
    return cast("_F", njit(cache=True, nogil=True)(function))
