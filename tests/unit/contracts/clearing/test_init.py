# SPDX-License-Identifier: Apache-2.0
"""Clearing's constructor."""

from __future__ import annotations

import pytest
from tests.support.evm import ZERO, World, a_key, refuses

from infold.words import HeadWord, unpack_head

PARTS = ("vault", "oracle", "seals", "rules", "delegates", "pool", "governance")
ADDRESSES = [a_key(name).address for name in PARTS]
EPOCH_MS = 86_400_000


def test_init_fixes_the_parts_and_begins_the_first_epoch() -> None:
    world = World()
    clearing = world.deploy("Clearing", *ADDRESSES, EPOCH_MS, sender=a_key("deployer"))
    shown = [getattr(clearing, part.upper())() for part in PARTS]
    assert [int(address, 16) for address in shown] == [int(address, 16) for address in ADDRESSES]
    head = unpack_head(clearing.head())
    assert head == HeadWord(epoch=1, epoch_end_ms=world.now_ms + EPOCH_MS)


@pytest.mark.parametrize("place", range(len(PARTS)))
def test_init_rejects_the_zero_address(place: int) -> None:
    addresses = [ZERO if at == place else address for at, address in enumerate(ADDRESSES)]
    world = World()
    with refuses(world, "clearing: address is zero"):
        world.deploy("Clearing", *addresses, EPOCH_MS, sender=a_key("deployer"))
