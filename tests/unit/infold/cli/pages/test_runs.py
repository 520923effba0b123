# SPDX-License-Identifier: Apache-2.0
"""What people read of a driven venue: it fits a screen, and what is wrong stands out."""

from __future__ import annotations

from typing import Any

from tests.support.pages import HASH, text_of

from infold.cli.pages.runs import of_run


def run_of(**changes: Any) -> dict[str, Any]:
    """A run's object with large figures and every code that takes room."""
    names = ("POST_ONLY_NOT_RESTING", "GOOD_AFTER_PAST_EXPIRY", "NUMBER_NOT_CANONICAL")
    invariants = {f"C{n}": {"held": True, "checked": 123_456 * n} for n in (1, 2, 3, 4, 5, 11, 13)}
    return {
        "command": "demo",
        "orders": dict.fromkeys(
            "signed accepted rejected filled expired cancelled skipped lapsed".split(), 1_234_567
        ),
        "rejects": {f"{name}{n}": 1_000 * n for name in names for n in range(7)},
        "batches": 79,
        "fills": 5_049,
        "accounts": 200,
        "markets": 8,
        "notional_e6": "11769142749072",
        "crossed_share": 0.6,
        "pool_share": 0.4,
        "outside_share": 0.0,
        "gas": {"total": 304_517_200, "per_order": 60_253, "largest_batch": 10_602_567},
        "improvement_bps": {"mean": 2.9748, "p10": -0.4096, "p50": 2.9992, "p90": 6.5185},
        "reconciled": True,
        "invariants": invariants,
        "chain": {"chain_id": 31_337, "blocks": 113, "state_hash": HASH},
        "journal": {"seq": 1_324, "hash": HASH[2:]},
        "seconds": 72.836,
        "ok": True,
    } | changes


def test_a_run_fits_a_screen_and_shows_whole_hashes() -> None:
    lines = of_run(run_of())
    text = text_of(lines)
    assert len(lines) <= 34
    for part in (
        HASH,
        "$11,769,142.75",
        "60.0%  $7,061,485.65",
        "40.0%  $4,707,657.10",
        "7 of 7 held",
        "p10 -0.41",
        "6,000 GOOD_AFTER_PAST_EXPIRY6",
        "1,324 groups, hash",
        "yes, in 72.8 s",
    ):
        assert part in text, part


def test_what_is_wrong_stands_out() -> None:
    broken = run_of(
        ok=False,
        reconciled=False,
        improvement_bps=None,
        rejects={},
        invariants={
            "C1": {"held": False, "checked": 9},
            "C2": {"held": True, "checked": 0},
            "C3": {"held": True, "checked": 1},
        },
    )
    text = text_of(of_run(broken))
    assert "1 of 3 held" in text and "C1 9 BROKEN" in text and "C2 UNCHECKED" in text
    assert "NO, in" in text and "nothing to compare with" in text


def test_a_replay_names_its_files_whole() -> None:
    path = "/data/" + "long/" * 30 + "btcusdt.csv"
    found = run_of(
        recorded={
            "admitted_e6": "2000000",
            "settled_e6": "1960000",
            "share": 0.98,
            "share_min": 0.9,
        },
        files=[{"path": path, "rows": 35_389, "sha256": HASH[2:]}],
        pool_capital_e6="123000000",
    )
    text = text_of(of_run(found))
    assert "$1.96 settled of $2.00 admitted, 98.00%" in text and HASH[2:] in text
    assert path in "".join(line.strip() for line in text.splitlines())
    found["recorded"] |= {"share": 0.39}
    assert "admitted, 39.00%, less than 90.0%" in text_of(of_run(found))
