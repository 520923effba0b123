# SPDX-License-Identifier: Apache-2.0
"""The gas bench's shape: its cases, its judgement, its committed budget. It measures on a node:
`infold bench gas`.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from infold.bench.gas import budget as budgets
from infold.bench.gas.ground import Figure
from infold.errors import Misconfigured

ROOT = Path(__file__).resolve().parents[4]
CASES = {
    "steady_100",
    "clustered_100",
    "first_touch_100",
    "held_4",
    "sourced_4",
    "delegated_100",
    "skip_10",
    "reducing_100",
    "single",
    "ten",
    "largest",
}


def a_budget() -> dict[str, dict[str, float]]:
    return {"per_order_max": {"budgeted": 100.0}, "measured": {"measured": 50.0}, "bytes_max": {}}


def test_the_committed_budget_names_every_case_once() -> None:
    budget = budgets.read_budget(ROOT / budgets.BUDGET_FILE)
    assert set(budget["per_order_max"]) == {"steady_100", "clustered_100", "first_touch_100"}
    assert set(budget["per_order_max"]) | set(budget["measured"]) == CASES
    assert not set(budget["per_order_max"]) & set(budget["measured"])
    assert budget["bytes_max"] == {"Clearing": 23_000}


def test_a_case_is_judged_by_its_own_limit_or_by_what_is_committed() -> None:
    judged = budgets.judge({"budgeted": Figure(10, 1_000), "measured": Figure(10, 510)}, a_budget())
    assert judged["budgeted"] == {
        "orders": 10,
        "gas": 1_000,
        "per_order": 100.0,
        "limit": 100.0,
        "ok": True,
    }
    assert judged["measured"]["limit"] == 51.0 and judged["measured"]["ok"]


def test_a_case_over_its_limit_fails() -> None:
    judged = budgets.judge({"budgeted": Figure(10, 1_001), "measured": Figure(10, 511)}, a_budget())
    assert [case["ok"] for case in judged.values()] == [False, False]


def test_a_case_without_a_figure_says_what_to_commit() -> None:
    with pytest.raises(Misconfigured, match="no figure for novel"):
        budgets.judge({"novel": Figure(1, 1)}, a_budget())


NOTHING_ALLOWED = '{"per_order_max":{"a":0},"measured":{},"bytes_max":{}}'


@pytest.mark.parametrize("content", ["", "{}", NOTHING_ALLOWED])
def test_a_damaged_budget_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "gas.json"
    path.write_text(content)
    with pytest.raises(Misconfigured, match="damaged"):
        budgets.read_budget(path)


def test_a_missing_budget_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="no gas budget"):
        budgets.read_budget(tmp_path / "gas.json")


def test_the_budget_is_written_as_it_is_read() -> None:
    text = (ROOT / budgets.BUDGET_FILE).read_text()
    assert json.dumps(json.loads(text), indent=2) + "\n" == text
