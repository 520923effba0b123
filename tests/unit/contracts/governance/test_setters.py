# SPDX-License-Identifier: Apache-2.0
"""Governance over matcher, attesters, oracle signers and guardian: who, bounds, barriers."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.compiler import ROOT, compiled_at
from tests.support.evm import ZERO, a_key, refuses
from tests.support.venue import DELAY_S, DEPLOYER, GUARDIAN, ORACLE_SIGNERS, OWNER, PRICE_E8, Venue

from .conftest import STRANGER

NEWCOMER = a_key("newcomer")
CHANGES: list[tuple[str, tuple[Any, ...]]] = [
    ("set_matcher", (NEWCOMER.address,)),
    ("set_attester", (NEWCOMER.address, True)),
    ("set_attester_threshold", (0,)),
    ("set_oracle_signer", (NEWCOMER.address, True)),
    ("set_oracle_threshold", (3,)),
    ("set_guardian", (NEWCOMER.address,)),
    ("set_uptime", (ZERO, 0)),
]


@pytest.mark.parametrize(("name", "args"), CHANGES)
def test_a_sealed_change_goes_through_the_timelock_and_no_other_way(
    sealed: Venue, name: str, args: tuple[Any, ...]
) -> None:
    for who in (STRANGER, DEPLOYER, OWNER, GUARDIAN):
        with refuses(sealed.world, "governance: not the timelock"):
            getattr(sealed.governance, name)(*args, sender=who)
    operation = sealed.operation(name, *args)
    sealed.schedule(operation)
    sealed.world.travel(DELAY_S)
    sealed.timelock.execute(*operation, sender=STRANGER)


@pytest.mark.parametrize(("name", "args"), CHANGES)
def test_the_deployer_acts_at_once_before_sealing_and_nobody_else(
    venue: Venue, name: str, args: tuple[Any, ...]
) -> None:
    for who in (STRANGER, OWNER, GUARDIAN):
        with refuses(venue.world, "governance: not the timelock"):
            getattr(venue.governance, name)(*args, sender=who)
    getattr(venue.governance, name)(*args, sender=DEPLOYER)


@pytest.mark.parametrize(
    ("name", "args", "reason"),
    [
        ("matcher", (ZERO,), "seals: address is zero"),
        ("attester", (ZERO, True), "signers: address is zero"),
        ("oracle_signer", (ZERO, False), "signers: address is zero"),
        ("attester_threshold", (16,), "governance: threshold out of range"),
        ("oracle_threshold", (0,), "governance: threshold out of range"),
        ("oracle_threshold", (17,), "governance: threshold out of range"),
    ],
)
def test_bounds_hold_for_whoever_sets(
    venue: Venue, name: str, args: tuple[Any, ...], reason: str
) -> None:
    with refuses(venue.world, reason):
        getattr(venue.governance, f"set_{name}")(*args, sender=DEPLOYER)
    operation = venue.operation(f"set_{name}", *args)
    venue.schedule(operation)
    venue.world.travel(DELAY_S)
    with refuses(venue.world, reason):
        venue.timelock.execute(*operation, sender=STRANGER)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("attester_threshold", 15, "signers: threshold out of range"),
        ("oracle_threshold", 16, "signers: threshold out of range"),
        ("oracle_threshold", 1, None),
    ],
)
def test_thresholds_at_governances_bounds_are_left_to_those_who_count(
    venue: Venue, name: str, value: int, reason: str | None
) -> None:
    setter = getattr(venue.governance, f"set_{name}")
    if reason is None:
        setter(value, sender=DEPLOYER)
        return
    with refuses(venue.world, reason):
        setter(value, sender=DEPLOYER)


def test_thresholds_stay_within_reach_of_those_who_serve(venue: Venue) -> None:
    governance, world = venue.governance, venue.world
    with refuses(world, "signers: threshold out of range"):
        governance.set_oracle_threshold(len(ORACLE_SIGNERS) + 1, sender=DEPLOYER)
    with refuses(world, "signers: threshold out of range"):
        governance.set_attester_threshold(1, sender=DEPLOYER)
    governance.set_oracle_threshold(len(ORACLE_SIGNERS), sender=DEPLOYER)
    with refuses(world, "signers: threshold out of range"):
        governance.set_oracle_signer(ORACLE_SIGNERS[0].address, False, sender=DEPLOYER)


def test_a_new_matcher_seals_batches_later_than_the_barrier_only(venue: Venue) -> None:
    venue.list_market(1)
    changed_ms = venue.world.now_ms
    venue.governance.set_matcher(NEWCOMER.address, sender=DEPLOYER)
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
        venue.governance.set_attester(attester.address, True, sender=DEPLOYER)
    venue.governance.set_attester_threshold(2, sender=DEPLOYER)
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


def test_what_is_passed_on_is_passed_on_whole_or_refused(venue: Venue) -> None:
    token = venue.world.deploy(
        compiled_at(ROOT / "tests" / "support" / "contracts" / "OddToken.vy"), sender=DEPLOYER
    )
    token.mint(venue.governance.address, 7, sender=STRANGER)
    given = (token.address, NEWCOMER.address, 7)
    token.misbehave(True, 0, ZERO, b"", sender=STRANGER)
    with refuses(venue.world, "governance: token refused"):
        venue.governance.pass_on(*given, sender=DEPLOYER)
    token.misbehave(False, 0, ZERO, b"", sender=STRANGER)
    venue.governance.pass_on(*given, sender=DEPLOYER)
    assert token.balanceOf(NEWCOMER.address) == 7


def test_governance_is_read_by_nobody_while_it_passes_tokens_on(venue: Venue) -> None:
    governance, world = venue.governance, venue.world
    path = ROOT / "tests" / "support" / "contracts" / "OddToken.vy"
    token = world.deploy(compiled_at(path), sender=STRANGER)
    token.mint(governance.address, 5, sender=STRANGER)
    message = governance.calldata("guardian")
    token.call(governance.address, message, sender=STRANGER)
    token.misbehave(False, 0, governance.address, message, sender=STRANGER)
    given = (token.address, STRANGER.address, 5)
    with refuses(world, ""):
        governance.pass_on(*given, sender=DEPLOYER)
    token.misbehave(False, 0, ZERO, b"", sender=STRANGER)
    governance.pass_on(*given, sender=DEPLOYER)
    assert token.balanceOf(STRANGER.address) == 5
