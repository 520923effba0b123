# SPDX-License-Identifier: Apache-2.0
"""What an owner took back stays taken back, whatever else the owner takes back later (A09, C5)."""

from __future__ import annotations

import pytest
from tests.support.stage import BUYER, Stage, set_up
from tests.support.venue import MATCHER, a_venue


@pytest.fixture
def stage() -> Stage:
    return set_up(a_venue())


def test_A09_a_second_cancel_does_not_revive_what_the_first_killed(stage: Stage) -> None:
    venue = stage.venue
    dead = stage.buy(seq=5)
    venue.clearing.cancel(stage.buyer, 0, 5, sender=BUYER)
    venue.world.travel(60)
    skipped = venue.settle(stage.batch([dead, stage.sell()]))
    assert [one["reason"] for one in skipped.all("Skipped")] == [12], "absolute by now"

    venue.clearing.cancel(stage.buyer, 0, 6, sender=BUYER)
    venue.world.travel(2)  # within the second cancel's guard
    again = venue.settle(stage.batch([dead, stage.sell()]), sender=MATCHER)
    assert stage.filled(stage.buyer).filled_e8 == 0
    assert len(again.all("Skipped")) == 1


def test_A09_a_second_cancel_all_does_not_revive_an_older_epoch(stage: Stage) -> None:
    venue = stage.venue
    dead = stage.buy(seq=5, epoch=0)
    venue.clearing.cancel_all(stage.buyer, sender=BUYER)
    venue.world.travel(60)
    venue.clearing.cancel_all(stage.buyer, sender=BUYER)
    venue.world.travel(2)
    receipt = venue.settle(stage.batch([dead, stage.sell()]))
    assert [one["reason"] for one in receipt.all("Skipped")] == [9]
