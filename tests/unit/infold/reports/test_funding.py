# SPDX-License-Identifier: Apache-2.0
"""The picture of a funding calibration, by command: what it says and what is drawn."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from infold.cli import app
from infold.reports.charts import beyond

START = datetime(2021, 1, 1, tzinfo=UTC)
SLICES = 300


def recorded(path: Path, venues: int) -> Path:
    """Rates of some venues, each of which pays more than the one before, every second time."""
    rows = [(venue, at) for venue in range(1, venues + 1) for at in range(SLICES)]
    pl.DataFrame(
        {
            "ts_utc": [START + timedelta(hours=8 * at) for _, at in rows],
            "venue": [f"venue{venue}" for venue, _ in rows],
            "symbol": ["BTC"] * len(rows),
            "funding_rate": [1e-4 * venue * (at % 2) for venue, at in rows],
        }
    ).write_parquet(path)
    return path


def test_the_page_draws_the_highest_markets_and_both_choices(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, page = recorded(tmp_path / "rates.parquet", 9), tmp_path / "page.html"
    whole = ["calibrate", "--funding", str(file), "--html", str(page), "--json"]
    assert app.run(whole) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["html"] == str(page) and found["ok"]
    text = page.read_text("utf-8")
    assert text.count("<svg") == 3
    assert text.count("stroke-dasharray") >= 2, "the cap and the velocity"
    drawn = text[: text.index("By market")]
    assert "venue9 BTC" in drawn and "venue1 BTC" not in drawn
    assert text.count("venue1 BTC") == 1, "in the table"
    assert f"covers {found['covered']:.3%}" in text
    assert app.run(whole) == 0 and page.read_text("utf-8") == text, "the same bytes again"


def test_a_picture_belongs_to_funding_and_needs_a_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.run(["calibrate", "trades.csv", "--html", str(tmp_path / "page.html")]) == 2
    assert "picture of --funding" in capsys.readouterr().err
    file = recorded(tmp_path / "rates.parquet", 1)
    assert app.run(["calibrate", "--funding", str(file), "--html", str(tmp_path)]) == 3
    assert "it is a directory" in capsys.readouterr().err


def test_values_far_below_the_limit_count_and_are_not_drawn() -> None:
    zeros, values = [0.0] * 50, [0.5] * 50
    counted = beyond({"one": zeros + values}, 1.0, "size", "days")
    assert counted == beyond({"one": values + zeros}, 1.0, "size", "days"), "order says nothing"
    assert counted == beyond({"one": values + [1e-4] * 50}, 1.0, "size", "days")
    assert counted != beyond({"one": values}, 1.0, "size", "days"), "half of them, not all"
