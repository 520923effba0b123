# SPDX-License-Identifier: Apache-2.0
"""dev/Dollar: play money with six decimals."""

from __future__ import annotations

from tests.support.evm import World, a_key, refuses

HOLDER = a_key("holder")
SPENDER = a_key("spender")


def test_anybody_mints_and_money_moves_by_allowance() -> None:
    world = World()
    dollar = world.deploy("dev/Dollar", sender=HOLDER)
    assert (dollar.name(), dollar.symbol(), dollar.decimals()) == ("Devnet Dollar", "dUSD", 6)
    dollar.mint(HOLDER.address, 10, sender=SPENDER)
    assert dollar.totalSupply() == dollar.balanceOf(HOLDER.address) == 10
    dollar.transfer(SPENDER.address, 4, sender=HOLDER)
    with refuses(world, "erc20: insufficient allowance"):
        dollar.transferFrom(HOLDER.address, SPENDER.address, 1, sender=SPENDER)
    dollar.approve(SPENDER.address, 5, sender=HOLDER)
    dollar.transferFrom(HOLDER.address, SPENDER.address, 5, sender=SPENDER)
    assert dollar.allowance(HOLDER.address, SPENDER.address) == 0
    assert [dollar.balanceOf(key.address) for key in (HOLDER, SPENDER)] == [1, 9]
    with refuses(world, "erc20: transfer amount exceeds balance"):
        dollar.transfer(SPENDER.address, 2, sender=HOLDER)
