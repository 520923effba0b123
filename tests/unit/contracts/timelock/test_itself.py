# SPDX-License-Identifier: Apache-2.0
"""Timelock.update_delay, grantRole, revokeRole and renounceRole: it administers itself, slowly."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.evm import ZERO, refuses
from tests.support.venue import DELAY_S, DEPLOYER, OWNER, Venue

from .conftest import ADMIN, CANCELLER, EXECUTOR, NEWCOMER, PROPOSER, STRANGER, itself, named

DELAY_S_MAX = 30 * 86_400
ADMINISTRATION: list[tuple[str, tuple[Any, ...]]] = [
    ("update_delay", (DELAY_S_MAX,)),
    ("grantRole", (PROPOSER, NEWCOMER.address)),
    ("revokeRole", (CANCELLER, OWNER.address)),
]


def test_roles_at_birth(venue: Venue) -> None:
    holds = venue.timelock.hasRole
    for role in (PROPOSER, CANCELLER):
        assert holds(role, OWNER.address)
        assert not holds(role, DEPLOYER.address)
    assert holds(EXECUTOR, ZERO), "anyone executes"
    assert holds(ADMIN, venue.timelock.address)
    for who in (OWNER, DEPLOYER):
        assert not holds(ADMIN, who.address)
    assert venue.timelock.proposer_count() == 1
    assert venue.timelock.get_minimum_delay() == DELAY_S
    assert venue.timelock.DEFAULT_ADMIN_ROLE() == ADMIN
    assert venue.timelock.PROPOSER_ROLE() == PROPOSER
    assert venue.timelock.EXECUTOR_ROLE() == EXECUTOR
    assert venue.timelock.CANCELLER_ROLE() == CANCELLER


@pytest.mark.parametrize(("name", "args"), ADMINISTRATION)
def test_nobody_administers_it_directly(venue: Venue, name: str, args: tuple[Any, ...]) -> None:
    for who in (OWNER, DEPLOYER, STRANGER):
        with refuses(venue.world, "timelock: not itself"):
            getattr(venue.timelock, name)(*args, sender=who)


@pytest.mark.parametrize("delay_s", [DELAY_S, DELAY_S_MAX])
def test_update_delay_serves_what_is_scheduled_after_it(venue: Venue, delay_s: int) -> None:
    before = named(venue)
    venue.schedule(before)
    receipt = venue.timelock.execute(*itself(venue, "update_delay", delay_s), sender=STRANGER)
    assert receipt.only("MinimumDelayChange") == {
        "old_duration": DELAY_S,
        "new_duration": delay_s,
    }
    venue.timelock.execute(*before, sender=STRANGER)
    later = named(venue, salt=b"later".ljust(32))
    if delay_s > DELAY_S:
        with refuses(venue.world, "timelock_controller: insufficient delay"):
            venue.schedule(later, delay_s - 1)
    venue.schedule(later, delay_s)


@pytest.mark.parametrize("delay_s", [0, DELAY_S - 1, DELAY_S_MAX + 1])
def test_update_delay_rejects_what_the_constructor_would(venue: Venue, delay_s: int) -> None:
    operation = itself(venue, "update_delay", delay_s)
    with refuses(venue.world, "timelock: delay out of range"):
        venue.timelock.execute(*operation, sender=STRANGER)


def test_a_proposer_is_added_and_the_first_one_may_then_go(venue: Venue) -> None:
    timelock, world = venue.timelock, venue.world
    with refuses(world, "timelock: last proposer"):
        timelock.renounceRole(PROPOSER, OWNER.address, sender=OWNER)
    receipt = timelock.execute(
        *itself(venue, "grantRole", PROPOSER, NEWCOMER.address), sender=STRANGER
    )
    assert receipt.only("RoleGranted")["role"] == PROPOSER
    assert timelock.proposer_count() == 2
    timelock.renounceRole(PROPOSER, OWNER.address, sender=OWNER)
    assert timelock.proposer_count() == 1
    timelock.renounceRole(PROPOSER, OWNER.address, sender=OWNER)
    assert timelock.proposer_count() == 1, "leaving twice is leaving once"
    with refuses(world, "access_control: account is missing role"):
        venue.schedule(named(venue))
    timelock.schedule(*named(venue), DELAY_S, sender=NEWCOMER)


def test_granting_twice_counts_once(venue: Venue) -> None:
    venue.timelock.execute(*itself(venue, "grantRole", PROPOSER, OWNER.address), sender=STRANGER)
    assert venue.timelock.proposer_count() == 1
    venue.timelock.execute(
        *itself(venue, "grantRole", CANCELLER, NEWCOMER.address), sender=STRANGER
    )
    assert venue.timelock.proposer_count() == 1, "a canceller proposes nothing"


def test_the_last_proposer_cannot_be_dismissed(venue: Venue) -> None:
    operation = itself(venue, "revokeRole", PROPOSER, OWNER.address)
    with refuses(venue.world, "timelock: last proposer"):
        venue.timelock.execute(*operation, sender=STRANGER)
    calls = [
        venue.operation("grantRole", PROPOSER, NEWCOMER.address, contract="timelock"),
        venue.operation("revokeRole", PROPOSER, OWNER.address, contract="timelock"),
    ]
    columns = [list(column) for column in zip(*calls, strict=True)][:3]
    venue.timelock.schedule_batch(*columns, bytes(32), bytes(32), DELAY_S, sender=OWNER)
    venue.world.travel(DELAY_S)
    venue.timelock.execute_batch(*columns, bytes(32), bytes(32), sender=STRANGER)
    assert not venue.timelock.hasRole(PROPOSER, OWNER.address)
    assert venue.timelock.proposer_count() == 1


def test_a_canceller_may_be_dismissed_or_leave(venue: Venue) -> None:
    venue.timelock.execute(*itself(venue, "revokeRole", CANCELLER, OWNER.address), sender=STRANGER)
    assert not venue.timelock.hasRole(CANCELLER, OWNER.address)
    assert venue.timelock.proposer_count() == 1


@pytest.mark.parametrize("role", [ADMIN, EXECUTOR, b"another".ljust(32)])
@pytest.mark.parametrize("name", ["grantRole", "revokeRole"])
def test_who_administers_and_who_executes_is_fixed(venue: Venue, name: str, role: bytes) -> None:
    operation = itself(venue, name, role, OWNER.address)
    with refuses(venue.world, "timelock: role is fixed"):
        venue.timelock.execute(*operation, sender=STRANGER)
    with refuses(venue.world, "timelock: role is fixed"):
        venue.timelock.renounceRole(role, OWNER.address, sender=OWNER)


def test_a_role_is_given_up_by_its_holder_alone(venue: Venue) -> None:
    with refuses(venue.world, "timelock: not the account"):
        venue.timelock.renounceRole(CANCELLER, OWNER.address, sender=STRANGER)


def test_nobody_is_no_proposer(venue: Venue) -> None:
    operation = itself(venue, "grantRole", PROPOSER, ZERO)
    with refuses(venue.world, "timelock: account is zero"):
        venue.timelock.execute(*operation, sender=STRANGER)


def test_a_call_cannot_execute_another_or_renounce_for_the_timelock(venue: Venue) -> None:
    """The lock: what runs inside `execute` reaches only the timelock's own administration."""
    inner = named(venue)
    venue.schedule(inner)
    for name, args in (
        ("execute", inner),
        ("schedule", (*named(venue, salt=b"x".ljust(32)), DELAY_S)),
        ("cancel", (venue.timelock.hash_operation(*inner),)),
        ("renounceRole", (CANCELLER, venue.timelock.address)),
    ):
        operation = itself(venue, name, *args)
        with refuses(venue.world, "timelock_controller: underlying transaction reverted"):
            venue.timelock.execute(*operation, sender=STRANGER)
