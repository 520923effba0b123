# SPDX-License-Identifier: Apache-2.0
"""The impact estimator on a recorded perpetual, where INFOLD_DATA names the data."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from infold.dealer.impact.fitting import fit_decays
from infold.dealer.impact.observations import observed
from infold.dealer.impact.validation import walk_forward
from infold.research.recorded import read_quotes, read_trades

DATA = os.environ.get("INFOLD_DATA")
pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not DATA, reason="INFOLD_DATA is unset"),
]


def test_a_liquid_perpetual_s_trades_explain_its_mid_out_of_sample() -> None:
    folder = Path(DATA or ".") / "l2_trades"
    trades = read_trades(folder / "binance_20240808_usdm_btcusdt_trades.parquet")
    quotes = read_quotes(folder / "binance_20240808_usdm_btcusdt_bbo.parquet")
    events = observed(
        trades.time_ms / 1e3,
        trades.side * trades.price * trades.size / 1e6,
        quotes.time_ms / 1e3,
        0.5 * (quotes.bid + quotes.ask),
    )
    fit = fit_decays(events.gap_day, events.signed_m, events.move_bp)
    # About 1 bp a M: a few dollars of bitcoin for a million.
    assert 0.3 < sum(fit.gains_bp_per_m) < 3.0
    found = walk_forward(events, folds=4, horizon_s=10.0)
    assert min(found.explained) > 0.15
    # Five minutes are no calm sample: intervals cover what they promise over all folds only.
    assert 0.85 < float(np.mean(found.covered)) < 0.95
