# SPDX-License-Identifier: Apache-2.0
"""What a replay calls ok: a venue that adds up, and a dealer that was there."""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import Any, cast

import pytest

from infold.cli.commands.study import replay
from infold.cli.runs.dealing import REPLAY_REACH_BP
from infold.cli.runs.replay import (
    FILLED_SHARE_MIN,
    FILLED_SLIPPAGE_BPS_MIN,
    filled_share_min,
    outcome,
)
from infold.dealer.lines import batch_line
from infold.dealer.params import PERPETUAL
from infold.reports.journey import Journey

SOUND: dict[str, Any] = {
    "reconciled": True,
    "audited": True,
    "invariants": {"C1": {"held": True, "checked": 3}},
    "accounts": 2,
    "markets": 1,
    "chain": {"chain_id": 1, "blocks": 9, "state_hash": "0x00"},
    "journal": {"seq": 7, "hash": "00"},
}


def a_document(
    settled: int, slippage_bps: float = 10.0, admitted: int = 100, **end: Any
) -> dict[str, Any]:
    journey = SimpleNamespace(
        recorded_e6=lambda: {"admitted": admitted, "settled": settled}, document=dict
    )
    return outcome(1, slippage_bps, [cast(Journey, journey)], [SOUND | end], [10**12], [], 0.0)


def test_a_replay_that_fills_what_it_admitted_is_ok() -> None:
    found = a_document(90)
    assert found["ok"] is True
    assert found["recorded"]["share"] == found["recorded"]["share_min"] == FILLED_SHARE_MIN


@pytest.mark.parametrize(("settled", "admitted"), [(89, 100), (39, 100), (0, 0)])
def test_a_replay_that_fills_less_is_not_ok_however_well_it_adds_up(
    settled: int, admitted: int
) -> None:
    assert a_document(settled, admitted=admitted)["ok"] is False


@pytest.mark.parametrize(("held", "checked", "ok"), [(True, 0, True), (False, 1, False)])
def test_what_recorded_flow_never_led_to_is_no_fault_and_what_broke_is(
    held: bool, checked: int, ok: bool
) -> None:
    invariants = {"C10": {"held": held, "checked": checked}}
    assert a_document(90, invariants=invariants)["ok"] is ok


def test_limits_tighter_than_usual_ask_for_no_share() -> None:
    assert a_document(0, slippage_bps=1.0)["ok"] is True
    assert filled_share_min(FILLED_SLIPPAGE_BPS_MIN) == FILLED_SHARE_MIN
    usual = inspect.signature(replay).parameters["slippage_bps"].default
    assert usual == FILLED_SLIPPAGE_BPS_MIN


def test_the_usual_limits_leave_room_beyond_the_dealer_s_last_lot() -> None:
    for interval_s in (0.1, 1.0, 10.0):
        dearest_bp = batch_line(PERPETUAL, interval_s).half_spread_bp + REPLAY_REACH_BP
        assert dearest_bp < FILLED_SLIPPAGE_BPS_MIN / 2
