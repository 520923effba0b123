# SPDX-License-Identifier: Apache-2.0
"""Refusals of contracts say what to do next, and are quoted right."""

from __future__ import annotations

from pathlib import Path

import snekmate

from infold.cli.advice import ADVICE, advice

CONTRACTS = Path(__file__).resolve().parents[4] / "contracts"


def test_every_reason_is_one_a_contract_gives() -> None:
    (timelocks,) = snekmate.__path__  # the timelock's reasons are its module's
    folders = (CONTRACTS, Path(timelocks))
    sources = "".join(
        path.read_text(encoding="utf-8") for folder in folders for path in folder.rglob("*.vy")
    )
    assert {reason for reason in ADVICE if f'"{reason}"' not in sources} == set()


def test_a_reason_without_advice_stands_alone() -> None:
    assert advice("vault: token refused") == ""
    assert advice("clearing: vector too old").startswith("; with open positions")
