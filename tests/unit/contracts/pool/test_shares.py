# SPDX-License-Identifier: Apache-2.0
"""Pool as an ERC-20, and its constructor."""

from __future__ import annotations

import pytest
from tests.support.evm import ZERO, World, a_key, refuses
from tests.support.permits import a_permit
from tests.support.venue import DOLLAR, Venue

from .conftest import ORACLE, PROVIDER, SECOND, SHARE, STRANGER


def test_shares_have_twelve_decimals_and_names(pooled: Venue) -> None:
    assert pooled.pool.decimals() == 12
    assert (pooled.pool.name(), pooled.pool.symbol()) == ("Infold Pool Share", "IFLD")
    assert int(pooled.pool.asset(), 16) == int(pooled.dollar.address, 16)


def test_shares_move_by_transfer_and_by_allowance(pooled: Venue) -> None:
    pooled.provide(PROVIDER, 10 * DOLLAR, ORACLE)
    pooled.pool.transfer(SECOND.address, 3 * SHARE, sender=PROVIDER)
    pooled.pool.approve(STRANGER.address, 2 * SHARE, sender=SECOND)
    assert pooled.pool.allowance(SECOND.address, STRANGER.address) == 2 * SHARE
    pooled.pool.transferFrom(SECOND.address, STRANGER.address, 2 * SHARE, sender=STRANGER)
    holders = (PROVIDER, SECOND, STRANGER)
    assert [pooled.pool.balanceOf(key.address) for key in holders] == [7 * SHARE, SHARE, 2 * SHARE]
    assert pooled.pool.totalSupply() == 10 * SHARE
    with refuses(pooled.world, "erc20: insufficient allowance"):
        pooled.pool.transferFrom(SECOND.address, STRANGER.address, 1, sender=STRANGER)
    with refuses(pooled.world, "erc20: transfer amount exceeds balance"):
        pooled.pool.transfer(SECOND.address, 7 * SHARE + 1, sender=PROVIDER)


def test_a_signature_is_an_allowance_once(pooled: Venue) -> None:
    pooled.provide(PROVIDER, 10 * DOLLAR, ORACLE)
    permit = a_permit(pooled, PROVIDER, STRANGER, 2 * SHARE)
    pooled.pool.permit(*permit, sender=SECOND)
    assert pooled.pool.allowance(PROVIDER.address, STRANGER.address) == 2 * SHARE
    assert pooled.pool.nonces(PROVIDER.address) == 1
    with refuses(pooled.world, "erc20: invalid signature"):
        pooled.pool.permit(*permit, sender=SECOND)
    late = a_permit(pooled, PROVIDER, STRANGER, SHARE, after_s=5)
    pooled.world.travel(6)
    with refuses(pooled.world, "erc20: expired deadline"):
        pooled.pool.permit(*late, sender=SECOND)
    assert pooled.pool.eip712Domain()[1:3] == ("Infold Pool Share", "1")


@pytest.mark.parametrize("place", range(3))
def test_init_rejects_the_zero_address(place: int) -> None:
    world = World()
    parts = [ZERO if at == place else STRANGER.address for at in range(3)]
    with refuses(world, f"pool: {('clearing', 'vault', 'token')[place]} is zero"):
        world.deploy("Pool", *parts, sender=a_key("deployer"))


def test_a_pool_says_whom_it_obeys_and_who_keeps_its_money(pooled: Venue) -> None:
    assert int(pooled.pool.clearing(), 16) == int(pooled.clearing.address, 16)
    assert int(pooled.pool.vault(), 16) == int(pooled.vault.address, 16)
