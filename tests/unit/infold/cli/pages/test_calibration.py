# SPDX-License-Identifier: Apache-2.0
"""What people read of a calibration: what was chosen, on what it rests, and what was left out."""

from __future__ import annotations

from typing import Any

import msgspec
from tests.support.pages import HASH, finished

from infold.cli.pages.calibration import of_calibration, of_funding
from infold.cli.terminal import Exit
from infold.dealer.params import PERPETUAL


def a_market(**changes: Any) -> dict[str, Any]:
    return {
        "market": "BTCUSDT",
        "parameters": msgspec.to_builtins(PERPETUAL),
        "margins": {"initial_e6": 40_000, "maintenance_e6": 20_000, "position_cap_m": 12.5},
        "estimates": [
            {"name": "volatility_bp", "value": 312.5, "low": 300, "high": 325, "rows": 86_400},
            {"name": "resilience_per_day", "value": 9.0, "low": None, "high": None, "rows": 12},
        ],
        "assumed": {"risk_aversion": "the default: no record tells it"},
    } | changes


def a_calibration(**changes: Any) -> dict[str, Any]:
    return {
        "markets": [a_market()],
        "correlation": None,
        "left_out": {},
        "files": [{"path": "trades.csv", "rows": 1_234_567, "sha256": HASH[2:], "flags": []}],
        "seconds": 4.0,
        "ok": True,
    } | changes


def test_a_market_is_told_with_what_its_parameters_rest_on() -> None:
    text, code = finished(a_calibration(), of_calibration)
    assert code == Exit.OK
    for part in (
        "initial 4.00%, maintenance 2.00%, position cap 12.5 M",
        "volatility_bp       312.5     300 .. 325  86,400",
        "risk_aversion  the default: no record tells it",
        "trades.csv, 1,234,567 rows, sha256",
        HASH[2:],
    ):
        assert part in text, part
    assert "left out" not in text and "correlation" not in text
    assert text.endswith("ok yes, in 4.0 s")


def test_what_a_record_lacks_is_told_and_so_is_what_is_odd_about_it() -> None:
    odd = {"kind": "gap", "count": 2, "row": 17, "time_ms": 1_800_000_000_000}
    cut = {"kind": "cut off", "count": 1, "row": 99, "time_ms": None}
    file = {"path": "t.csv", "rows": 99, "sha256": HASH[2:], "flags": [odd, cut]}
    found = a_calibration(left_out={"ETHUSDT": "fewer than 500 taker trades"}, files=[file])
    text, _ = finished(found, of_calibration)
    assert "left out:\nETHUSDT  fewer than 500 taker trades" in text
    assert "2 × gap, first at row 17, 2027-01-15 08:00:00.000 UTC" in text
    assert "1 × cut off, first at row 99\n" in text


def test_markets_that_move_together_are_told_in_a_square() -> None:
    together = {"markets": ["BTC", "ETH"], "matrix": [[1.0, 0.81], [0.81, 1.0]], "moves": 8_640}
    text, _ = finished(a_calibration(correlation=together), of_calibration)
    assert "correlation    BTC    ETH\nBTC          1.000  0.810" in text
    assert "common moves  8,640" in text


def test_a_calibration_that_is_not_well_leaves_with_8() -> None:
    text, code = finished(a_calibration(ok=False), of_calibration)
    assert code == Exit.CHECK_FAILED and text.endswith("ok NO, in 4.0 s")


def test_a_funding_cap_is_told_with_what_binds_it() -> None:
    found = {
        "rate_max_e9": 3_000_000,
        "velocity_e9": 24_000_000,
        "bound_by_margin": False,
        "covered": 0.9991,
        "kept_up": 0.987,
        "day_quantile": 0.0029,
        "change_quantile": 0.0011,
        "days": 1_200,
        "markets": [{"market": "BTCUSDT", "median": 0.0003, "p99": 0.0021, "most": 0.0044}],
        "seconds": 0.2,
        "ok": True,
    }
    text, code = finished(found, of_funding)
    assert code == Exit.OK
    for part in (
        "3,000,000 a day",
        "99.910% of 1,200 within the cap",
        "bound by     the record",
        "BTCUSDT     0.0300%  0.2100%  0.4400%",
    ):
        assert part in text, part
    assert text.endswith("ok yes, in 0.2 s")
    assert "the maintenance margin" in finished(found | {"bound_by_margin": True}, of_funding)[0]
