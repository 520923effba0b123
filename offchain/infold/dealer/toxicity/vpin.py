# SPDX-License-Identifier: Apache-2.0
"""VPIN from the true side of the aggressor: how one-sided the last buckets of volume were.

Volume is cut into buckets of equal size; VPIN is the mean over the last n of |bought - sold| over
the bucket (Easley, Lopez de Prado and O'Hara 2012, with the venue's own record of who bought in
place of their bulk classification). With N equal trades of random side a bucket its mean is
sqrt(2 / (pi N)). Evidence for it as a predictor is mixed (Andersen and Bondarenko 2014), so it is a
feature of the learner and nothing acts on it alone. Volume in M.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from infold.dealer import checks
from infold.dealer.compiled import Floats, compiled


class Vpin(NamedTuple):
    """`open`: bought and sold of the open bucket, bucket size, buckets filled so far, their sum.

    `imbalances` is a ring of the last full buckets' |bought - sold| over their size.
    """

    open: Floats
    imbalances: Floats


def empty_vpin(bucket_m: float, buckets: int) -> Vpin:
    """Nothing traded yet. `ValueError` unless the bucket is a positive size in M, buckets > 0."""
    checks.positive("bucket_m", bucket_m, "M")
    buckets = checks.count("buckets", buckets, 1)
    return Vpin(np.array([0.0, 0.0, bucket_m, 0.0]), np.zeros(buckets))


@compiled
def add_trade(vpin: Vpin, side: int, size_m: float) -> None:
    """Fill buckets with a trade; what overflows one goes on into the next."""
    row = 0 if side > 0 else 1
    bucket_m = vpin.open[2]
    left = size_m
    while left > 0.0:
        room = bucket_m - vpin.open[0] - vpin.open[1]
        if left < room:
            vpin.open[row] += left
            return
        vpin.open[row] += room
        left -= room
        place = int(vpin.open[3]) % len(vpin.imbalances)
        vpin.imbalances[place] = abs(vpin.open[0] - vpin.open[1]) / bucket_m
        vpin.open[3] += 1.0
        vpin.open[0] = 0.0
        vpin.open[1] = 0.0


@compiled
def value(vpin: Vpin, unknown: float) -> float:
    """VPIN in 0..1 over the full buckets of the ring, or `unknown` while there is none."""
    full = min(int(vpin.open[3]), len(vpin.imbalances))
    if full == 0:
        return unknown
    total = 0.0
    for place in range(full):
        total += vpin.imbalances[place]
    return total / full


def null_vpin(trades_a_bucket: float) -> float:
    """What VPIN averages when so many equal trades of random side fill a bucket."""
    checks.positive("trades_a_bucket", trades_a_bucket, "trades")
    return math.sqrt(2.0 / (math.pi * trades_a_bucket))
