# SPDX-License-Identifier: Apache-2.0
"""Seals alone: the matcher's key behind its barrier (attesters: `governance/test_setters`)."""

from __future__ import annotations

import pytest
from tests.support.evm import ZERO, Contract, Key, World, a_key, refuses

from infold.signing import sign

GOVERNANCE, FIRST, SECOND, THIRD = (
    a_key(name) for name in ("governance", "first matcher", "second matcher", "third matcher")
)
DIGEST = bytes(range(32))


@pytest.fixture
def seals() -> Contract:
    return World().deploy("Seals", GOVERNANCE.address, FIRST.address, sender=GOVERNANCE)


def takes(seals: Contract, key: Key, time_ms: int) -> bool:
    try:
        answer: bool = seals.check(time_ms, DIGEST, [sign(DIGEST, key.private)])
    except AssertionError as error:
        assert "seals: not the matcher" in str(error)
        return False
    return answer


def test_the_first_matcher_seals_from_the_start(seals: Contract) -> None:
    assert takes(seals, FIRST, 0)
    assert takes(seals, FIRST, 2**48 - 1)
    assert not takes(seals, SECOND, 5)


def test_check_rejects_a_batch_without_seals(seals: Contract) -> None:
    with refuses(seals.world, "seals: not the matcher"):
        seals.check(5, DIGEST, [])


def test_check_rejects_a_seal_of_nobody(seals: Contract) -> None:
    for pair in ((0, 0), (1, 2**255 - 1), (2**256 - 1, 2**256 - 1)):
        for time_ms in (0, 5):
            with refuses(seals.world, "seals: not the matcher"):
                seals.check(time_ms, DIGEST, [pair])


def test_a_new_matcher_takes_over_strictly_after_the_barrier(seals: Contract) -> None:
    barrier = seals.world.now_ms + 3_000
    receipt = seals.set_matcher(SECOND.address, sender=GOVERNANCE)
    assert receipt.only("MatcherSet") == {
        "matcher": SECOND.address.lower(),
        "activation": barrier,
    }
    assert takes(seals, FIRST, barrier) and not takes(seals, SECOND, barrier)
    assert takes(seals, SECOND, barrier + 1) and not takes(seals, FIRST, barrier + 1)


def test_a_second_change_waits_the_window_out(seals: Contract) -> None:
    seals.set_matcher(SECOND.address, sender=GOVERNANCE)
    seals.world.travel(3 + 15)
    with refuses(seals.world, "seals: change pending"):
        seals.set_matcher(THIRD.address, sender=GOVERNANCE)
    seals.world.travel(1)
    barrier = seals.world.now_ms + 3_000
    seals.set_matcher(THIRD.address, sender=GOVERNANCE)
    assert takes(seals, SECOND, barrier) and takes(seals, THIRD, barrier + 1)


def test_set_matcher_rejects_strangers_and_the_zero_address(seals: Contract) -> None:
    with refuses(seals.world, "seals: not governance"):
        seals.set_matcher(SECOND.address, sender=SECOND)
    with refuses(seals.world, "seals: address is zero"):
        seals.set_matcher(ZERO, sender=GOVERNANCE)


@pytest.mark.parametrize("place", range(2))
def test_init_rejects_the_zero_address(place: int) -> None:
    world = World()
    parts = [ZERO if at == place else FIRST.address for at in range(2)]
    with refuses(world, "seals: address is zero"):
        world.deploy("Seals", *parts, sender=GOVERNANCE)
