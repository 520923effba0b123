# SPDX-License-Identifier: Apache-2.0
"""Governance over matcher, attesters and oracle signers: each change, its bounds, its barrier."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.evm import ZERO, a_key, refuses
from tests.support.venue import DEPLOYER, ORACLE_SIGNERS, PRICE_E8, Venue

from .conftest import DELAY_S, STRANGER

NEWCOMER = a_key("newcomer")
CHANGES: list[tuple[str, tuple[Any, ...]]] = [
    ("matcher", (NEWCOMER.address,)),
    ("attester", (NEWCOMER.address, True)),
    ("attester_threshold", (0,)),
    ("oracle_signer", (NEWCOMER.address, True)),
    ("oracle_threshold", (3,)),
]


@pytest.mark.parametrize(("name", "args"), CHANGES)
def test_a_sealed_change_waits_and_is_executed_once(
    sealed: Venue, name: str, args: tuple[Any, ...]
) -> None:
    propose = getattr(sealed.governance, f"propose_{name}")
    execute = getattr(sealed.governance, f"execute_{name}")
    with refuses(sealed.world, "governance: not the owner"):
        propose(*args, sender=STRANGER)
    announced = propose(*args, sender=DEPLOYER).only("Proposed")
    assert announced["call"] == sealed.governance.calldata(f"execute_{name}", *args)
    with refuses(sealed.world, "governance: too early"):
        execute(*args, sender=STRANGER)
    sealed.world.travel(DELAY_S)
    receipt = execute(*args, sender=STRANGER)
    assert receipt.only("Executed") == {"id": announced["id"]}
    with refuses(sealed.world, "governance: not proposed"):
        execute(*args, sender=STRANGER)


@pytest.mark.parametrize(("name", "args"), CHANGES)
def test_the_owner_acts_at_once_before_sealing_and_nobody_else(
    venue: Venue, name: str, args: tuple[Any, ...]
) -> None:
    execute = getattr(venue.governance, f"execute_{name}")
    with refuses(venue.world, "governance: not the owner"):
        execute(*args, sender=STRANGER)
    execute(*args, sender=DEPLOYER)


@pytest.mark.parametrize(
    ("name", "args", "reason"),
    [
        ("matcher", (ZERO,), "address is zero"),
        ("attester", (ZERO, True), "address is zero"),
        ("oracle_signer", (ZERO, False), "address is zero"),
        ("attester_threshold", (16,), "threshold out of range"),
        ("oracle_threshold", (0,), "threshold out of range"),
        ("oracle_threshold", (17,), "threshold out of range"),
    ],
)
def test_bounds_hold_when_proposed_and_when_executed(
    venue: Venue, name: str, args: tuple[Any, ...], reason: str
) -> None:
    with refuses(venue.world, f"governance: {reason}"):
        getattr(venue.governance, f"execute_{name}")(*args, sender=DEPLOYER)
    venue.governance.seal(DELAY_S, sender=DEPLOYER)
    with refuses(venue.world, f"governance: {reason}"):
        getattr(venue.governance, f"propose_{name}")(*args, sender=DEPLOYER)


@pytest.mark.parametrize(
    ("name", "value"),
    [("attester_threshold", 15), ("oracle_threshold", 1), ("oracle_threshold", 16)],
)
def test_thresholds_at_their_bounds_may_be_proposed(sealed: Venue, name: str, value: int) -> None:
    getattr(sealed.governance, f"propose_{name}")(value, sender=DEPLOYER)


def test_thresholds_stay_within_reach_of_those_who_serve(venue: Venue) -> None:
    governance, world = venue.governance, venue.world
    with refuses(world, "signers: threshold out of range"):
        governance.execute_oracle_threshold(len(ORACLE_SIGNERS) + 1, sender=DEPLOYER)
    with refuses(world, "signers: threshold out of range"):
        governance.execute_attester_threshold(1, sender=DEPLOYER)
    governance.execute_oracle_threshold(len(ORACLE_SIGNERS), sender=DEPLOYER)
    with refuses(world, "signers: threshold out of range"):
        governance.execute_oracle_signer(ORACLE_SIGNERS[0].address, False, sender=DEPLOYER)


def test_a_new_matcher_seals_batches_later_than_the_barrier_only(venue: Venue) -> None:
    venue.list_market(1)
    changed_ms = venue.world.now_ms
    venue.governance.execute_matcher(NEWCOMER.address, sender=DEPLOYER)
    venue.world.travel(4)
    old = venue.a_batch(oracle={1: PRICE_E8}, time_ms=changed_ms + 3_000)
    early = venue.a_batch(oracle={1: PRICE_E8}, time_ms=changed_ms + 3_000, sealers=[NEWCOMER])
    late = venue.a_batch(oracle={1: PRICE_E8}, time_ms=changed_ms + 3_001)
    new = venue.a_batch(oracle={1: PRICE_E8}, time_ms=changed_ms + 3_001, sealers=[NEWCOMER])
    for refused in (early, late):
        with refuses(venue.world, "seals: not the matcher"):
            venue.settle(refused)
    for good in (old, new):
        with venue.world.anchored():
            venue.settle(good)


def test_a_batch_needs_the_attesters_of_its_time(venue: Venue) -> None:
    venue.list_market(1)
    attesters = sorted((a_key(f"attester {n}") for n in range(2)), key=lambda key: key.number)
    for attester in attesters:
        venue.governance.execute_attester(attester.address, True, sender=DEPLOYER)
    venue.governance.execute_attester_threshold(2, sender=DEPLOYER)
    venue.world.travel(4)
    matcher = a_key("matcher")

    def sealed_by(*keys: Any) -> Any:
        return venue.a_batch(oracle={1: PRICE_E8}, sealers=[matcher, *keys])

    with refuses(venue.world, "signers: too few"):
        venue.settle(sealed_by(attesters[0]))
    with refuses(venue.world, "signers: not ascending"):
        venue.settle(sealed_by(*reversed(attesters)))
    with refuses(venue.world, "signers: not ascending"):
        venue.settle(sealed_by(attesters[0], attesters[0]))
    with refuses(venue.world, "signers: not a signer"):
        venue.settle(sealed_by(*sorted([attesters[0], NEWCOMER], key=lambda key: key.number)))
    venue.settle(sealed_by(*attesters))
