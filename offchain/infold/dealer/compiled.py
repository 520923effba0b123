# SPDX-License-Identifier: Apache-2.0
"""One way to compile the dealer's loops: cached on disk, without the interpreter's lock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit
from numba.extending import register_jitable
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


def shared(function: _F) -> _F:
    """Plain Python to who calls it so, compiled into the loops that call it: for what a desk does
    once a batch and a simulation a million times, where boxing arguments would cost the desk more
    than the arithmetic.
    """
    return register_jitable(function)
