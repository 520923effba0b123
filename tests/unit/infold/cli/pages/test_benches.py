# SPDX-License-Identifier: Apache-2.0
"""What people read of a bench: each figure beside its limit, and which of them misses it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest
from tests.support.pages import finished

from infold.bench.dealer.figures import Figure
from infold.bench.gas.budget import judge, weigh
from infold.bench.gas.ground import Figure as Gas
from infold.cli.pages.benches import of_admission, of_auction, of_dealer, of_gas, of_self_dealing
from infold.cli.terminal import Exit

BUDGET: dict[str, Any] = {
    "per_order_max": {"steady_100": 26_500},
    "measured": {},
    "bytes_max": {"Clearing": 23_000},
}


@pytest.mark.parametrize(
    ("spent", "size", "case", "contract", "code"),
    [
        (2_650_000, 23_000, "yes", "yes", Exit.OK),
        (2_650_001, 23_000, "NO", "yes", Exit.CHECK_FAILED),
        (2_650_000, 23_001, "yes", "NO", Exit.CHECK_FAILED),
    ],
)
def test_gas_and_code_are_told_beside_their_limits(
    spent: int, size: int, case: str, contract: str, code: Exit
) -> None:
    cases = judge({"steady_100": Gas(100, spent)}, BUDGET)
    contracts = weigh({"Clearing": size, "Vault": 4_000}, BUDGET)
    ok = all(one["ok"] for one in (*cases.values(), *contracts.values()))
    found = {"cases": cases, "contracts": contracts, "seconds": 9.0, "ok": ok}
    text, left_with = finished(found, of_gas)
    assert left_with == code
    rows = [line.split() for line in text.splitlines()]
    per_order = "26,500" if case == "yes" else "26,501"
    assert ["steady_100", "100", f"{spent:,}", per_order, "26,500", case] in rows
    assert ["Clearing", f"{size:,}", "23,000", contract] in rows
    assert ["Vault", "4,000", "24,576", "yes"] in rows
    assert text.endswith(f"ok {'yes' if code == Exit.OK else 'NO'}, in 9.0 s")


def an_admission(**changes: Any) -> dict[str, Any]:
    return {
        "path_per_s": 15_432.1,
        "floor_per_s": 17_000.0,
        "ratio": 0.9076,
        "ratio_min": 0.75,
        "stages_us": {"decode": 3.1, "digest": 12.25, "recover": 41.0},
        "digests": 500,
        "digests_equal": True,
        "seconds": 12.0,
        "ok": True,
    } | changes


def test_admission_is_told_beside_what_recovery_alone_takes() -> None:
    text, code = finished(an_admission(), of_admission)
    assert code == Exit.OK
    for part in ("15,432 orders a second", "0.908, at least 0.750", "500 compared, equal: yes"):
        assert part in text, part
    slow = an_admission(ratio=0.7, digests_equal=False, ok=False)
    text, code = finished(slow, of_admission)
    assert code == Exit.CHECK_FAILED
    assert "0.700, at least 0.750" in text and "equal: NO" in text


def an_auction(**changes: Any) -> dict[str, Any]:
    return {
        "orders": 100_000,
        "markets": 20,
        "auction_ms": 6.1,
        "floor_ms": 1.0,
        "ratio": 6.1,
        "ratio_max": 8.0,
        "exact": True,
        "brute_force_cases": 300,
        "differences": [],
        "seconds": 3.0,
        "ok": True,
    } | changes


def test_the_auction_is_told_beside_a_scatter_and_says_where_it_differs() -> None:
    text, code = finished(an_auction(), of_auction)
    assert code == Exit.OK
    assert "6.10, at most 8.00" in text and "yes, 300 cases by brute force" in text
    assert "differing" not in text
    wrong = an_auction(exact=False, differences=["case 3: price 5, not 6"], ok=False)
    text, code = finished(wrong, of_auction)
    assert code == Exit.CHECK_FAILED
    assert "NO, 300 cases" in text and "differing  case 3: price 5, not 6" in text


def a_figure(name: str, ok: bool = True, **changes: Any) -> dict[str, Any]:
    figure = Figure(
        id=f"e0.{name}", value=0.5, low=0.4, high=0.6, limit=0.55, ok=ok, paths=1_000, seconds=1.0
    )
    return asdict(figure) | changes


def test_a_figure_that_misses_its_limit_is_named_where_the_eye_ends() -> None:
    figures = [a_figure("fine", limit=None), a_figure("exact", paths=0)]
    text, code = finished({"figures": figures, "ok": True, "seconds": 2.0}, of_dealer)
    assert code == Exit.OK
    assert "missed" not in text and text.endswith("ok yes, in 2.0 s")
    assert "0.4 .. 0.6" in text and "exact" in text
    figures += [a_figure("short", ok=False), a_figure("late", ok=False)]
    text, code = finished({"figures": figures, "ok": False, "seconds": 2.0}, of_dealer)
    assert code == Exit.CHECK_FAILED
    assert text.count("MISSED") == 2
    assert text.endswith("missed  e0.short, e0.late\nok NO, in 2.0 s")


def a_day(**changes: Any) -> dict[str, Any]:
    return {
        "weather": "storm",
        "rebate": 15,
        "residual_share": 0.002,
        "position_share": 0.0075,
        "taken_share": 0.0042,
        "lost_share": 0.0043,
        "batches": 43_000,
        "policy": {"marks": 3},
    } | changes


def test_what_a_matcher_takes_is_told_beside_what_it_may() -> None:
    found = {
        "most_taken_share": 0.0042,
        "limit_share": 0.005,
        "bound_share": 0.0101,
        "eight_markets": a_day(),
        "eight_markets_bound_share": 0.02,
        "days": 40,
        "batches": 1_700_000,
        "batches_min": 10_000,
        "closings": 12,
        "worst": a_day(),
        "by_weather": [a_day(), a_day(weather="calm", policy={})],
        "wider_caps": [a_day(taken_share=0.031)],
        "seconds": 60.0,
        "ok": True,
    }
    text, code = finished(found, of_self_dealing)
    assert code == Exit.OK
    for part in (
        "0.420% of the pool's capital",
        "limit of either       0.5%",
        "40 days, 1,700,000 batches of at least 10,000",
        "every second",
        "3.100%",
    ):
        assert part in text, part
    text, code = finished(found | {"most_taken_share": 0.0051, "ok": False}, of_self_dealing)
    assert code == Exit.CHECK_FAILED
    assert "0.510% of the pool's capital" in text and text.endswith("ok NO, in 60.0 s")
