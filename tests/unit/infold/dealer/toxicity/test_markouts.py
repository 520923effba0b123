# SPDX-License-Identifier: Apache-2.0
"""Markouts: their sign, the mid they are taken at, and that none comes before its time."""

from __future__ import annotations

import math

import pytest

from infold.dealer.toxicity.markouts import HORIZONS_S, PendingLabels, markout_bp


def test_a_markout_is_what_the_client_gained() -> None:
    assert markout_bp(1, 100.0, 103.0) == 3.0
    assert markout_bp(-1, 100.0, 103.0) == -3.0


def test_markout_no_lookahead() -> None:
    """One moment before its horizon a label is not there, whatever comes."""
    pending = PendingLabels()
    pending.observe(5.0, 100.0)
    pending.push(7, 3, 1, 0.25)
    seen = []
    for time_s in (5.0, 5.999, 6.0, 14.9, 15.5, 64.0, 65.0, 304.999, 305.0):
        seen += [(time_s, label.horizon_s) for label in pending.observe(time_s, time_s)]
    assert seen == [(6.0, 1.0), (15.5, 10.0), (65.0, 60.0), (305.0, 300.0)]
    assert len(pending) == 0


def test_a_horizon_between_two_mids_is_marked_at_the_one_that_stood() -> None:
    pending = PendingLabels((10.0,))
    pending.observe(0.0, 100.0)
    pending.push(0, 0, -1, 0.5)
    assert pending.observe(9.0, 98.0) == []
    (label,) = pending.observe(11.0, 200.0)
    assert label.move_bp == 2.0 and label.markout_bp == 1.5
    assert label.traded.markup_bp == 0.5


def test_a_different_future_changes_no_label_that_is_out() -> None:
    def labels(tail: float) -> list[float]:
        pending = PendingLabels((1.0, 10.0))
        out = []
        for second in range(40):
            mid = float(second % 7) if second < 20 else tail * second
            out += [(second, label.move_bp) for label in pending.observe(float(second), mid)]
            pending.push(second, 0, 1, 0.0)
        return [move for second, move in out if second < 20]

    assert labels(0.0) == labels(1e6) and len(labels(0.0)) == 19 + 10


def test_labels_come_in_order_of_their_due_time() -> None:
    pending = PendingLabels()
    for number, time_s in enumerate((0.0, 55.0, 58.5)):
        pending.observe(time_s, 0.0)
        pending.push(number, number, 1, 0.0)
    due = [label.traded.time_s + label.horizon_s for label in pending.observe(1e4, 1.0)]
    # Three labels came out on the way: the first two at 1 s, the first at 10 s.
    assert due == sorted(due) and len(due) == len(HORIZONS_S) * 3 - 3


@pytest.mark.parametrize("horizons_s", [(), (0.0,), (1.0, 1.0), (2.0, 1.0), (math.nan,)])
def test_impossible_horizons_are_refused(horizons_s: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="horizons_s must be rising positive numbers of seconds"):
        PendingLabels(horizons_s)


def test_bad_observations_are_refused_by_name() -> None:
    pending = PendingLabels(HORIZONS_S)
    with pytest.raises(ValueError, match="mid_bp of the trade's moment"):
        pending.push(0, 0, 1, 0.0)
    pending.observe(3.0, 1.0)
    for call, said in (
        (lambda: pending.observe(2.0, 1.0), "time_s"),
        (lambda: pending.observe(math.nan, 1.0), "time_s"),
        (lambda: pending.observe(4.0, math.nan), "mid_bp"),
        (lambda: pending.push(0, 0, 0, 0.0), "side"),
        (lambda: pending.push(0, 0, 1, math.inf), "markup_bp"),
        (lambda: markout_bp(1, math.nan, 0.0), "price_bp"),
    ):
        with pytest.raises(ValueError, match=said):
            call()
    assert len(pending) == 0
