# SPDX-License-Identifier: Apache-2.0
"""Governance.halt, resume and set_guardian: new risk stops for a time, and never for long."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.evm import ZERO, Receipt, a_key, refuses
from tests.support.venue import DELAY_S, DEPLOYER, GUARD_MS, GUARDIAN, OWNER, Venue

from infold.words import unpack_limits

from .conftest import STRANGER

HALT_S_MAX = 72 * 3_600
REST_S = 14 * 86_400
GUARD_S = GUARD_MS // 1000


def told_ms(venue: Venue) -> tuple[int, int]:
    """What Clearing was told: from and until."""
    limits = unpack_limits(venue.clearing.limits())
    return limits.halted_from_ms, limits.halted_until_ms


def the_halt(receipt: Receipt) -> dict[str, Any]:
    """Governance's own event: Clearing logs its word under the same name."""
    (found,) = [event for event in receipt.all("HaltSet") if "by" in event]
    return found


@pytest.mark.parametrize("duration_s", [60, HALT_S_MAX])
def test_halt_begins_a_guard_from_now_and_ends_by_itself(venue: Venue, duration_s: int) -> None:
    now_ms = venue.world.now_ms
    receipt = venue.governance.halt(duration_s, sender=GUARDIAN)
    told = (now_ms + GUARD_MS, now_ms + duration_s * 1000)
    assert told_ms(venue) == told
    logged = the_halt(receipt)
    assert (logged["from_ms"], logged["until_ms"]) == told
    assert int(logged["by"], 16) == GUARDIAN.number
    assert venue.governance.halted_from_s() == now_ms // 1000
    assert venue.governance.halted_until_s() == now_ms // 1000 + duration_s


@pytest.mark.parametrize("duration_s", [0, 59, HALT_S_MAX + 1, 2**256 - 1])
def test_halt_rejects_any_other_duration(venue: Venue, duration_s: int) -> None:
    with refuses(venue.world, "governance: halt out of range"):
        venue.governance.halt(duration_s, sender=GUARDIAN)


def test_halt_is_the_guardians_alone(venue: Venue) -> None:
    for who in (STRANGER, DEPLOYER, OWNER):
        with refuses(venue.world, "governance: not the guardian"):
            venue.governance.halt(60, sender=who)


def test_halt_may_not_be_called_again_for_fourteen_days_after_its_end(venue: Venue) -> None:
    governance, world = venue.governance, venue.world
    governance.halt(3_600, sender=GUARDIAN)
    for wait_s in (0, 3_600, REST_S):
        world.travel(wait_s)
        with refuses(world, "governance: halted lately"):
            governance.halt(60, sender=GUARDIAN)
    world.travel(1)
    governance.halt(60, sender=GUARDIAN)


def test_a_new_guardian_inherits_the_rest_of_the_old_one(venue: Venue) -> None:
    governance, world = venue.governance, venue.world
    governance.halt(60, sender=GUARDIAN)
    governance.set_guardian(STRANGER.address, sender=DEPLOYER)
    world.travel(60 + REST_S)
    with refuses(world, "governance: halted lately"):
        governance.halt(60, sender=STRANGER)


@pytest.mark.parametrize("who", [GUARDIAN, DEPLOYER])
def test_resume_ends_a_halt_a_guard_from_now_and_the_rest_runs_from_there(
    venue: Venue, who: object
) -> None:
    governance, world = venue.governance, venue.world
    began_ms = world.now_ms
    governance.halt(HALT_S_MAX, sender=GUARDIAN)
    world.travel(100)
    now_ms = world.now_ms
    receipt = governance.resume(sender=who)
    assert told_ms(venue) == (began_ms + GUARD_MS, now_ms + GUARD_MS)
    assert the_halt(receipt)["until_ms"] == now_ms + GUARD_MS
    world.travel(GUARD_S + REST_S)
    with refuses(world, "governance: halted lately"):
        governance.halt(60, sender=GUARDIAN)
    world.travel(1)
    governance.halt(60, sender=GUARDIAN)


def test_resume_never_makes_a_halt_longer(venue: Venue) -> None:
    governance, world = venue.governance, venue.world
    began_ms = world.now_ms
    governance.halt(60, sender=GUARDIAN)
    world.travel(60 - GUARD_S)
    with world.anchored():
        governance.resume(sender=GUARDIAN)
        assert told_ms(venue) == (began_ms + GUARD_MS, began_ms + 60_000)
    world.travel(1)
    with refuses(world, "governance: not halted"):
        governance.resume(sender=GUARDIAN)


def test_a_halt_is_resumed_once(venue: Venue) -> None:
    venue.governance.halt(HALT_S_MAX, sender=GUARDIAN)
    venue.governance.resume(sender=GUARDIAN)
    venue.world.travel(1)
    with refuses(venue.world, "governance: not halted"):
        venue.governance.resume(sender=GUARDIAN)


def test_resume_rejects_where_nothing_is_halted(venue: Venue) -> None:
    governance, world = venue.governance, venue.world
    with refuses(world, "governance: not halted"):
        governance.resume(sender=GUARDIAN)
    governance.halt(60, sender=GUARDIAN)
    world.travel(60)
    with refuses(world, "governance: not halted"):
        governance.resume(sender=GUARDIAN)


def test_resume_is_the_guardians_and_the_timelocks(venue: Venue) -> None:
    governance, world = venue.governance, venue.world
    governance.halt(HALT_S_MAX, sender=GUARDIAN)
    governance.seal(sender=DEPLOYER)
    for who in (STRANGER, OWNER, DEPLOYER):
        with refuses(world, "governance: not the timelock"):
            governance.resume(sender=who)
    governance.resume(sender=GUARDIAN)


def test_a_guardian_is_named_by_the_timelock_and_may_be_nobody(venue: Venue) -> None:
    governance, world = venue.governance, venue.world
    newcomer = a_key("new guardian")
    receipt = governance.set_guardian(newcomer.address, sender=DEPLOYER)
    assert int(receipt.only("GuardianSet")["guardian"], 16) == newcomer.number
    with refuses(world, "governance: not the guardian"):
        governance.halt(60, sender=GUARDIAN)
    governance.halt(60, sender=newcomer)
    governance.set_guardian(ZERO, sender=DEPLOYER)
    world.travel(60 + REST_S + 1)
    with refuses(world, "governance: not the guardian"):
        governance.halt(60, sender=newcomer)


def test_the_rest_is_longer_than_the_timelock_needs_for_a_new_guardian() -> None:
    assert REST_S > DELAY_S
