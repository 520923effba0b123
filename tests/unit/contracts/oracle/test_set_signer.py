# SPDX-License-Identifier: Apache-2.0
"""Oracle.set_signer and set_threshold: who serves by T, at each edge of the barrier (C14)."""

from __future__ import annotations

import pytest
from tests.support.evm import Key, Refused, World, a_key, refuses
from tests.support.venue import DEPLOYER, GUARD_MS, ORACLE_SIGNERS, THRESHOLD, WINDOW_MS, Venue

from infold.words import ThresholdWord, unpack_threshold

NEWCOMER = a_key("newcomer")
PRICES = {1: 5}


def serves(venue: Venue, key: Key, time_ms: int) -> bool:
    pair = sorted([key, ORACLE_SIGNERS[0]], key=lambda key: key.number)
    vector = venue.a_vector(PRICES, time_ms=time_ms, signers=pair)
    try:
        venue.oracle.verify(*venue.presented(vector))
    except Refused as refused:
        assert refused.reason == "signers: not a signer"
        return False
    return True


def test_set_signer_is_governances_alone(venue: Venue) -> None:
    with refuses(venue.world, "oracle: not governance"):
        venue.oracle.set_signer(NEWCOMER.address, True, sender=DEPLOYER)
    with refuses(venue.world, "oracle: not governance"):
        venue.oracle.set_threshold(1, sender=DEPLOYER)


def test_genesis_signers_serve_from_the_first_millisecond_a_vector_can_have(venue: Venue) -> None:
    assert serves(venue, ORACLE_SIGNERS[1], venue.world.now_ms)
    assert serves(venue, ORACLE_SIGNERS[1], 2)
    assert not serves(venue, ORACLE_SIGNERS[1], 1)


def test_a_new_signer_serves_strictly_after_its_activation(venue: Venue) -> None:
    activation = venue.world.now_ms + GUARD_MS
    receipt = venue.governance.set_oracle_signer(NEWCOMER.address, True, sender=DEPLOYER)
    assert receipt.only("SignerSet") == {
        "signer": NEWCOMER.address.lower(),
        "live": True,
        "activation": activation,
    }
    assert not serves(venue, NEWCOMER, activation)
    assert serves(venue, NEWCOMER, activation + 1)


def test_a_retired_signer_serves_up_to_its_activation(venue: Venue) -> None:
    activation = venue.world.now_ms + GUARD_MS
    venue.governance.set_oracle_signer(ORACLE_SIGNERS[2].address, False, sender=DEPLOYER)
    assert serves(venue, ORACLE_SIGNERS[2], activation)
    assert not serves(venue, ORACLE_SIGNERS[2], activation + 1)


def test_a_second_change_of_one_signer_waits_the_window_out(venue: Venue) -> None:
    venue.governance.set_oracle_signer(NEWCOMER.address, True, sender=DEPLOYER)
    wait_s = (GUARD_MS + WINDOW_MS) // 1000
    venue.world.travel(wait_s)
    with refuses(venue.world, "signers: change pending"):
        venue.governance.set_oracle_signer(NEWCOMER.address, False, sender=DEPLOYER)
    venue.world.travel(1)
    venue.governance.set_oracle_signer(NEWCOMER.address, False, sender=DEPLOYER)
    venue.world.travel(wait_s + 1)
    venue.governance.set_oracle_signer(NEWCOMER.address, True, sender=DEPLOYER)
    assert serves(venue, NEWCOMER, venue.world.now_ms + GUARD_MS + 1)


@pytest.mark.parametrize(
    ("key", "live", "reason"),
    [
        (ORACLE_SIGNERS[0], True, "signers: already a signer"),
        (NEWCOMER, False, "signers: not a signer"),
    ],
)
def test_set_signer_rejects_what_is_so_already(
    venue: Venue, key: Key, live: bool, reason: str
) -> None:
    with refuses(venue.world, reason):
        venue.governance.set_oracle_signer(key.address, live, sender=DEPLOYER)


def test_the_threshold_changes_strictly_after_its_activation(venue: Venue) -> None:
    activation = venue.world.now_ms + GUARD_MS
    venue.governance.set_oracle_threshold(3, sender=DEPLOYER)
    old = venue.a_vector(PRICES, time_ms=activation)
    new = venue.a_vector(PRICES, time_ms=activation + 1)
    venue.oracle.verify(*venue.presented(old))
    with refuses(venue.world, "signers: too few"):
        venue.oracle.verify(*venue.presented(new))
    whole = venue.a_vector(PRICES, time_ms=activation + 1, signers=ORACLE_SIGNERS)
    venue.oracle.verify(*venue.presented(whole))


def test_a_second_threshold_waits_the_window_out(venue: Venue) -> None:
    venue.governance.set_oracle_threshold(3, sender=DEPLOYER)
    venue.world.travel((GUARD_MS + WINDOW_MS) // 1000)
    with refuses(venue.world, "signers: change pending"):
        venue.governance.set_oracle_threshold(2, sender=DEPLOYER)
    venue.world.travel(1)
    venue.governance.set_oracle_threshold(2, sender=DEPLOYER)


def test_a_threshold_of_none_is_refused() -> None:
    """Governance has a bound of its own; the oracle does not rely on it."""
    world, keys = World(), [key.address for key in ORACLE_SIGNERS]
    oracle = world.deploy("Oracle", NEWCOMER.address, keys, 2, sender=DEPLOYER)
    with refuses(world, "oracle: threshold is zero"):
        oracle.set_threshold(0, sender=NEWCOMER)


def test_the_first_threshold_is_the_old_one_too(venue: Venue) -> None:
    assert unpack_threshold(venue.oracle.threshold()) == ThresholdWord(THRESHOLD, THRESHOLD, 0)
