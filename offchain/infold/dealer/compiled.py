# SPDX-License-Identifier: Apache-2.0
"""One way to compile the dealer's loops: cached on disk, without the interpreter's lock."""

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
    """Compile at first call and keep the result in NUMBA_CACHE_DIR; threads may run it at once.

    No fast-math: a path must have the same bits wherever and beside whatever it runs.
    """
    return cast("_F", njit(cache=True, nogil=True)(function))


def inlined(function: _F) -> _F:
    """Compile into each caller: for what runs once a cell, where a call would count arrays."""
    return cast("_F", njit(cache=True, nogil=True, inline="always")(function))
