# SPDX-License-Identifier: Apache-2.0
"""Seals.set_matcher, set_attester and set_attester_threshold: what they store and refuse."""

from __future__ import annotations

import pytest
from tests.support.compiler import compiled
from tests.support.evm import ZERO, Contract, World, a_key, refuses

from infold.words import ServiceWord, ThresholdWord, unpack_service, unpack_threshold

GOVERNANCE, MATCHER, NEXT = a_key("governance"), a_key("matcher"), a_key("next matcher")
ATTESTERS = tuple(a_key(f"attester {n}") for n in range(3))
STRANGER = a_key("stranger")


@pytest.fixture
def seals() -> Contract:
    """Seals alone, governed by a key."""
    return World().deploy(
        compiled("Seals"), GOVERNANCE.address, MATCHER.address, sender=a_key("deployer")
    )


def test_set_matcher_keeps_the_old_one_until_the_activation(seals: Contract) -> None:
    activation_ms = seals.world.now_ms + 3_000
    receipt = seals.set_matcher(NEXT.address, sender=GOVERNANCE)
    assert receipt.only("MatcherSet") == {
        "matcher": NEXT.address.lower(),
        "activation": activation_ms,
    }
    assert seals.matcher_words(0) == activation_ms << 160 | MATCHER.number
    assert seals.matcher_words(1) == NEXT.number


def test_set_matcher_waits_for_the_change_before(seals: Contract) -> None:
    seals.set_matcher(NEXT.address, sender=GOVERNANCE)
    start_s = seals.world.timestamp_s
    for wait_s in (0, 4, 18):
        seals.world.at(start_s + wait_s)
        with refuses(seals.world, "seals: change pending"):
            seals.set_matcher(MATCHER.address, sender=GOVERNANCE)
    seals.world.at(start_s + 19)
    seals.set_matcher(MATCHER.address, sender=GOVERNANCE)
    assert seals.matcher_words(0) & (2**160 - 1) == NEXT.number


def test_the_zero_address_seals_nothing(seals: Contract) -> None:
    with refuses(seals.world, "seals: address is zero"):
        seals.set_matcher(ZERO, sender=GOVERNANCE)
    with refuses(seals.world, "signers: address is zero"):
        seals.set_attester(ZERO, True, sender=GOVERNANCE)
    for parts in ((ZERO, MATCHER.address), (GOVERNANCE.address, ZERO)):
        with refuses(seals.world, "seals: address is zero"):
            seals.world.deploy("Seals", *parts, sender=a_key("second deployer"))


def test_changes_are_governances(seals: Contract) -> None:
    for sender in (STRANGER, MATCHER):
        with refuses(seals.world, "seals: not governance"):
            seals.set_matcher(NEXT.address, sender=sender)
        with refuses(seals.world, "seals: not governance"):
            seals.set_attester(NEXT.address, True, sender=sender)
        with refuses(seals.world, "seals: not governance"):
            seals.set_attester_threshold(0, sender=sender)


def test_set_attester_serves_from_the_activation_and_until_its_retirement(seals: Contract) -> None:
    key = ATTESTERS[0]
    started_ms = seals.world.now_ms + 3_000
    receipt = seals.set_attester(key.address, True, sender=GOVERNANCE)
    assert receipt.only("SignerSet") == {
        "signer": key.address.lower(),
        "live": True,
        "activation": started_ms,
    }
    assert unpack_service(seals.service(key.address)) == ServiceWord(started_ms, 0)
    assert seals.live_count() == 1
    with refuses(seals.world, "signers: change pending"):
        seals.set_attester(key.address, False, sender=GOVERNANCE)
    seals.world.travel(19)
    with refuses(seals.world, "signers: already a signer"):
        seals.set_attester(key.address, True, sender=GOVERNANCE)
    ended_ms = seals.world.now_ms + 3_000
    seals.set_attester(key.address, False, sender=GOVERNANCE)
    assert unpack_service(seals.service(key.address)) == ServiceWord(started_ms, ended_ms)
    assert seals.live_count() == 0
    with refuses(seals.world, "signers: change pending"):
        seals.set_attester(key.address, True, sender=GOVERNANCE)
    seals.world.travel(19)
    with refuses(seals.world, "signers: not a signer"):
        seals.set_attester(key.address, False, sender=GOVERNANCE)
    seals.set_attester(key.address, True, sender=GOVERNANCE)
    assert unpack_service(seals.service(key.address)).until_ms == 0


def test_the_threshold_is_never_above_the_live_attesters(seals: Contract) -> None:
    with refuses(seals.world, "signers: threshold out of range"):
        seals.set_attester_threshold(1, sender=GOVERNANCE)
    for key in ATTESTERS[:2]:
        seals.set_attester(key.address, True, sender=GOVERNANCE)
    with refuses(seals.world, "signers: threshold out of range"):
        seals.set_attester_threshold(3, sender=GOVERNANCE)
    activation_ms = seals.world.now_ms + 3_000
    receipt = seals.set_attester_threshold(2, sender=GOVERNANCE)
    assert receipt.only("ThresholdSet") == {"threshold": 2, "activation": activation_ms}
    assert unpack_threshold(seals.threshold()) == ThresholdWord(2, 0, activation_ms)
    seals.world.travel(18)
    with refuses(seals.world, "signers: change pending"):
        seals.set_attester_threshold(1, sender=GOVERNANCE)
    seals.world.travel(1)
    with refuses(seals.world, "signers: threshold out of range"):
        seals.set_attester(ATTESTERS[0].address, False, sender=GOVERNANCE)
    seals.set_attester_threshold(1, sender=GOVERNANCE)
    seals.set_attester(ATTESTERS[0].address, False, sender=GOVERNANCE)
