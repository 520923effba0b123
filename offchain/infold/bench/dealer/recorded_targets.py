# SPDX-License-Identifier: Apache-2.0
"""Values computed elsewhere from records we may hold too, by the record's name.

A recording is known by its day, kind and market, a file of account fills by its day. Where a record
has a value here ours must come within `TOLERANCE` of it; any other record is measured all the same
and only reported.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TOLERANCE: Final = 0.02

RECORDINGS: Final[Mapping[str, Mapping[str, float]]] = {
    "2024-08-08.usdm.BTCUSDT": {
        "r2_1s": 0.426, "r2_1s_out": 0.349, "r2_10s": 0.521, "r2_10s_out": 0.442,
        "predicted_1s_flow": 0.006, "predicted_1s_queue": 0.019,
        "crossable_250ms": 0.138, "crossable_1000ms": 0.354, "crossable_2000ms": 0.455,
        "crossable_5000ms": 0.568, "crossable_30000ms": 0.772,
    },
    "2024-08-08.usdm.ETHUSDT": {
        "r2_1s": 0.542, "r2_1s_out": 0.471, "r2_10s": 0.497, "r2_10s_out": 0.415,
        "predicted_1s_flow": -0.000, "predicted_1s_queue": 0.011,
        "crossable_250ms": 0.092, "crossable_1000ms": 0.219, "crossable_2000ms": 0.295,
        "crossable_5000ms": 0.402, "crossable_30000ms": 0.641,
    },
    "2024-08-08.spot.BTCUSDT": {
        "r2_1s": 0.513, "r2_1s_out": 0.724, "r2_10s": 0.589, "r2_10s_out": 0.695,
        "predicted_1s_flow": 0.059, "predicted_1s_queue": 0.132,
    },
    "2024-08-08.spot.ETHUSDT": {
        "r2_1s": 0.749, "r2_1s_out": 0.748, "r2_10s": 0.860, "r2_10s_out": 0.855,
        "predicted_1s_flow": 0.062, "predicted_1s_queue": 0.145,
    },
    "2024-08-08.coinm.BTCUSD_PERP": {
        "r2_1s": 0.589, "r2_1s_out": 0.640, "r2_10s": 0.710, "r2_10s_out": 0.750,
        "predicted_1s_flow": 0.018, "predicted_1s_queue": 0.106,
    },
    "2024-08-08.coinm.ETHUSD_PERP": {
        "r2_1s": 0.662, "r2_1s_out": 0.590, "r2_10s": 0.790, "r2_10s_out": 0.695,
        "predicted_1s_flow": 0.009, "predicted_1s_queue": 0.056,
    },
    "2026-02-16.usdm.BTCUSDT": {
        "r2_1s": 0.540, "r2_10s": 0.831,
        "carried_1s": 0.520, "carried_10s": 0.717, "carried_predicted_1s": 0.112,
    },
    "2026-02-16.spot.BTCUSDT": {
        "r2_1s": 0.434, "r2_10s": 0.728,
        "carried_1s": 0.423, "carried_10s": 0.678, "carried_predicted_1s": 0.153,
    },
    "2025-10-27.accounts": {
        "crossable_250ms": 0.005, "crossable_1000ms": 0.055, "crossable_5000ms": 0.247,
        "crossable_30000ms": 0.466,
        "between_accounts_250ms": 0.004, "between_accounts_1000ms": 0.028,
        "between_accounts_5000ms": 0.192, "between_accounts_30000ms": 0.276,
    },
    "2025-10-27.accounts.BTC": {
        "crossable_250ms": 0.002, "crossable_1000ms": 0.098, "crossable_5000ms": 0.425,
        "crossable_30000ms": 0.763,
    },
}  # fmt: skip


def target(record: str, measure: str) -> float | None:
    """The value this measure of this record should have; None where nobody computed it."""
    return RECORDINGS.get(record, {}).get(measure)
