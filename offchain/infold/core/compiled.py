# SPDX-License-Identifier: Apache-2.0
"""One way to compile the core's loops: exact integers, kept on disk between runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

Int64s = NDArray[np.int64]
UInt64s = NDArray[np.uint64]
Bytes = NDArray[np.uint8]
Int32s = NDArray[np.int32]
Floats = NDArray[np.float64]
_F = TypeVar("_F", bound=Callable[..., Any])


def compiled(function: _F) -> _F:
    """Compile at first call; the result is kept in NUMBA_CACHE_DIR between runs.

    The interpreter's lock is given up while it runs, so that other threads can answer meanwhile.
    """
    return cast("_F", njit(cache=True, nogil=True)(function))
