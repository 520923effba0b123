# SPDX-License-Identifier: Apache-2.0
"""Compilation before it is waited for: the loops a batch runs, on an invented one."""

from __future__ import annotations

import numpy as np

from infold.core.auction import AuctionMarket, Orders, clear, hash_words, prepare
from infold.core.crossing.places import BUY
from infold.core.curve import Curve, CurveBounds, clip

_PRICE_E8 = 100 * 10**8
_SIZE_E8 = 10**8
_BOUNDS = CurveBounds(
    oracle_price_e8=_PRICE_E8,
    h_min_e6=500,
    h0_e6=1_000,
    band_e6=20_000,
    slope_e20=10**7,
    residual_cap_e8=10 * _SIZE_E8,
    position_cap_e8=100 * _SIZE_E8,
    pool_base_e8=0,
)


def compile_auction() -> int:
    """Run the auction once over three invented orders of one market; how many lots were filled.

    A venue that does so before it opens its door never keeps a client waiting for the compiler,
    which takes tens of seconds on a machine that has nothing in NUMBA_CACHE_DIR.
    """
    curve = clip(Curve((_PRICE_E8 * 99 // 100, _PRICE_E8), (-_SIZE_E8, 0)), _BOUNDS, 10**6)
    limits = [_PRICE_E8 * 101 // 100, _PRICE_E8 * 99 // 100, _PRICE_E8 * 985 // 1000]
    orders = Orders(
        markets=np.zeros(3, np.int32),
        accounts=np.zeros(3, np.int32),
        flags=np.array([BUY, 0, 0], np.uint8),
        open_e8=np.array([_SIZE_E8, _SIZE_E8, _SIZE_E8], np.int64),
        limit_e8=np.array(limits, np.int64),
        hashes=hash_words([bytes([tag]) * 32 for tag in range(3)]),
    )
    return int(clear(orders, prepare([AuctionMarket(_BOUNDS, 10**6, curve)]), 1).fill_e8.sum())
