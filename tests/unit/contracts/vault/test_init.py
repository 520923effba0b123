# SPDX-License-Identifier: Apache-2.0
"""Vault's constructor."""

from __future__ import annotations

import pytest
from tests.support.evm import ZERO, World, a_key, refuses

PARTS = ("token", "clearing", "recovery", "pool", "timelock")
ADDRESSES = [a_key(name).address for name in PARTS]


def test_init_fixes_the_token_and_the_callers() -> None:
    vault = World().deploy("Vault", *ADDRESSES, sender=a_key("deployer"))
    shown = [getattr(vault, part)() for part in PARTS]
    assert [int(address, 16) for address in shown] == [int(address, 16) for address in ADDRESSES]
    assert vault.accounted_e6() == 0
    assert vault.replaced_from_s() == 0


@pytest.mark.parametrize("place", range(len(PARTS)))
def test_init_rejects_the_zero_address(place: int) -> None:
    addresses = [ZERO if at == place else address for at, address in enumerate(ADDRESSES)]
    world = World()
    with refuses(world, f"vault: {PARTS[place]} is zero"):
        world.deploy("Vault", *addresses, sender=a_key("deployer"))
