# SPDX-License-Identifier: Apache-2.0
"""Timelock.schedule, execute and cancel, one call and several together."""

from __future__ import annotations

import pytest
from tests.support.evm import ZERO, World, refuses
from tests.support.venue import DELAY_S, DEPLOYER, OWNER, Venue

from .conftest import LIFE_S, STRANGER, done, named, together

DELAY_S_MAX = 30 * 86_400
NOT_READY = "timelock_controller: operation is not ready"
NO_ROLE = "access_control: account is missing role"


def test_a_call_waits_and_then_anyone_makes_it_once(sealed: Venue) -> None:
    operation, world = named(sealed), sealed.world
    announced = sealed.schedule(operation).only("CallScheduled")
    assert (announced["index"], announced["payload"]) == (0, operation[2])
    assert announced["delay"] == DELAY_S
    assert announced["id"] == sealed.timelock.hash_operation(*operation)
    assert sealed.timelock.get_timestamp(announced["id"]) == world.timestamp_s + DELAY_S
    world.travel(DELAY_S - 1)
    assert sealed.timelock.is_operation_pending(announced["id"])
    with refuses(world, NOT_READY):
        sealed.timelock.execute(*operation, sender=STRANGER)
    world.travel(1)
    assert sealed.timelock.is_operation_ready(announced["id"])
    receipt = sealed.timelock.execute(*operation, sender=STRANGER)
    executed = receipt.only("CallExecuted")
    assert (executed["id"], executed["index"]) == (announced["id"], 0)
    assert done(sealed) and sealed.timelock.is_operation_done(announced["id"])
    with refuses(world, NOT_READY):
        sealed.timelock.execute(*operation, sender=STRANGER)


def test_a_call_lives_seven_days_and_may_then_be_cancelled_and_made_again(sealed: Venue) -> None:
    operation, world, timelock = named(sealed), sealed.world, sealed.timelock
    sealed.schedule(operation)
    world.travel(DELAY_S + LIFE_S)
    with world.anchored():
        timelock.execute(*operation, sender=STRANGER)
    world.travel(1)
    with refuses(world, "timelock: too late"):
        timelock.execute(*operation, sender=STRANGER)
    with refuses(world, "timelock_controller: operation already scheduled"):
        sealed.schedule(operation)
    timelock.cancel(timelock.hash_operation(*operation), sender=OWNER)
    sealed.schedule(operation)
    world.travel(DELAY_S)
    timelock.execute(*operation, sender=STRANGER)


@pytest.mark.parametrize("delay_s", [DELAY_S, DELAY_S_MAX])
def test_schedule_takes_any_delay_from_the_least_to_thirty_days(
    sealed: Venue, delay_s: int
) -> None:
    operation = named(sealed)
    sealed.schedule(operation, delay_s)
    calls = together(operation, operation)
    sealed.timelock.schedule_batch(*calls, delay_s, sender=OWNER)
    sealed.world.travel(delay_s)
    sealed.timelock.execute(*operation, sender=STRANGER)
    sealed.timelock.execute_batch(*calls, sender=STRANGER)


@pytest.mark.parametrize(
    ("delay_s", "reason"),
    [
        (0, "timelock_controller: insufficient delay"),
        (DELAY_S - 1, "timelock_controller: insufficient delay"),
        (DELAY_S_MAX + 1, "timelock: delay out of range"),
        (2**256 - 1, "timelock: delay out of range"),
    ],
)
def test_schedule_rejects_any_other_delay(sealed: Venue, delay_s: int, reason: str) -> None:
    operation = named(sealed)
    with refuses(sealed.world, reason):
        sealed.schedule(operation, delay_s)
    with refuses(sealed.world, reason):
        sealed.timelock.schedule_batch(*together(operation), delay_s, sender=OWNER)


def test_only_a_proposer_schedules_and_only_a_canceller_cancels(sealed: Venue) -> None:
    operation, timelock = named(sealed), sealed.timelock
    for who in (STRANGER, DEPLOYER):
        with refuses(sealed.world, NO_ROLE):
            timelock.schedule(*operation, DELAY_S, sender=who)
        with refuses(sealed.world, NO_ROLE):
            timelock.schedule_batch(*together(operation), DELAY_S, sender=who)
    sealed.schedule(operation)
    for who in (STRANGER, DEPLOYER):
        with refuses(sealed.world, NO_ROLE):
            timelock.cancel(timelock.hash_operation(*operation), sender=who)


def test_cancel_takes_back_what_waits(sealed: Venue) -> None:
    operation, timelock = named(sealed), sealed.timelock
    sealed.schedule(operation)
    identity = timelock.hash_operation(*operation)
    assert timelock.cancel(identity, sender=OWNER).only("Cancelled") == {"id": identity}
    sealed.world.travel(DELAY_S)
    with refuses(sealed.world, NOT_READY):
        timelock.execute(*operation, sender=STRANGER)
    assert not timelock.is_operation(identity)


def test_cancel_rejects_what_does_not_wait(sealed: Venue) -> None:
    operation, timelock = named(sealed), sealed.timelock
    with refuses(sealed.world, "timelock: nothing to cancel"):
        timelock.cancel(bytes(32), sender=OWNER)
    sealed.schedule(operation)
    sealed.world.travel(DELAY_S)
    timelock.execute(*operation, sender=STRANGER)
    with refuses(sealed.world, "timelock: nothing to cancel"):
        timelock.cancel(timelock.hash_operation(*operation), sender=OWNER)


def test_a_salt_tells_equal_calls_apart_and_is_announced(sealed: Venue) -> None:
    plain, salted = named(sealed), named(sealed, salt=b"again".ljust(32, b"\0"))
    sealed.schedule(plain)
    receipt = sealed.schedule(salted)
    assert receipt.only("CallSalt")["salt"] == salted[4]
    batch = sealed.timelock.schedule_batch(*together(salted), DELAY_S, sender=OWNER)
    assert batch.only("CallSalt")["salt"] == salted[4]


def test_a_call_without_ether_to_a_contract_is_all_that_may_be_scheduled(sealed: Venue) -> None:
    target, _, *rest = named(sealed)
    for call, reason in (
        ((target, 1, *rest), "timelock: holds no ether"),
        ((STRANGER.address, 0, *rest), "timelock: target has no code"),
        ((ZERO, 0, *rest), "timelock: target has no code"),
    ):
        with refuses(sealed.world, reason):
            sealed.timelock.schedule(*call, DELAY_S, sender=OWNER)
        with refuses(sealed.world, reason):
            sealed.timelock.schedule_batch(*together(named(sealed), call), DELAY_S, sender=OWNER)


def test_what_the_call_reverts_with_is_passed_on_and_it_may_be_tried_again(sealed: Venue) -> None:
    operation = sealed.operation("set_oracle_threshold", 0)
    sealed.schedule(operation)
    sealed.world.travel(DELAY_S)
    for _ in range(2):
        with refuses(sealed.world, "governance: threshold out of range"):
            sealed.timelock.execute(*operation, sender=STRANGER)


# -- several together ------------------------------------------------------------


def test_calls_together_act_in_order_and_all_or_none(sealed: Venue) -> None:
    timelock, world = sealed.timelock, sealed.world
    good = together(named(sealed), sealed.operation("set_oracle_threshold", 3))
    bad = together(named(sealed), sealed.operation("set_oracle_threshold", 4))
    for calls in (good, bad):
        receipt = timelock.schedule_batch(*calls, DELAY_S, sender=OWNER)
        assert [event["index"] for event in receipt.all("CallScheduled")] == [0, 1]
    world.travel(DELAY_S - 1)
    with refuses(world, NOT_READY):
        timelock.execute_batch(*good, sender=STRANGER)
    world.travel(1)
    with refuses(world, "signers: threshold out of range"):
        timelock.execute_batch(*bad, sender=STRANGER)
    assert not done(sealed)
    receipt = timelock.execute_batch(*good, sender=STRANGER)
    assert [event["index"] for event in receipt.all("CallExecuted")] == [0, 1]
    assert done(sealed)
    with refuses(world, NOT_READY):
        timelock.execute_batch(*good, sender=STRANGER)


def test_calls_together_pass_their_time_too(sealed: Venue) -> None:
    calls = together(named(sealed))
    sealed.timelock.schedule_batch(*calls, DELAY_S, sender=OWNER)
    sealed.world.travel(DELAY_S + LIFE_S + 1)
    with refuses(sealed.world, "timelock: too late"):
        sealed.timelock.execute_batch(*calls, sender=STRANGER)


@pytest.mark.parametrize("missing", [1, 2])
def test_calls_together_need_as_many_of_each(sealed: Venue, missing: int) -> None:
    calls = list(together(named(sealed), named(sealed)))
    calls[missing] = calls[missing][:1]
    with refuses(sealed.world, "timelock: lengths differ"):
        sealed.timelock.schedule_batch(*calls, DELAY_S, sender=OWNER)
    with refuses(sealed.world, "timelock: lengths differ"):
        sealed.timelock.execute_batch(*calls, sender=OWNER)


def test_nothing_together_is_refused(sealed: Venue) -> None:
    with refuses(sealed.world, "timelock: nothing to do"):
        sealed.timelock.schedule_batch([], [], [], bytes(32), bytes(32), DELAY_S, sender=OWNER)


def test_eight_calls_fit_and_nine_do_not_decode(sealed: Venue) -> None:
    calls = together(*[named(sealed)] * 8)
    sealed.timelock.schedule_batch(*calls, DELAY_S, sender=OWNER)
    with refuses(sealed.world, ""):
        sealed.timelock.schedule_batch(*together(*[named(sealed)] * 9), DELAY_S, sender=OWNER)


# -- construction ----------------------------------------------------------------


@pytest.mark.parametrize("delay_s", [0, DELAY_S - 1, DELAY_S_MAX + 1])
def test_the_constructor_bounds_the_delay(delay_s: int) -> None:
    world = World()
    with refuses(world, "timelock: delay out of range"):
        world.deploy("Timelock", OWNER.address, delay_s, sender=DEPLOYER)


def test_the_constructor_rejects_an_owner_of_zero() -> None:
    world = World()
    with refuses(world, "timelock: owner is zero"):
        world.deploy("Timelock", ZERO, DELAY_S, sender=DEPLOYER)
