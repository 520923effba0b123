# SPDX-License-Identifier: Apache-2.0
"""A funded pool between two play tokens, and a trader with plenty of both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from tests.support.evm import Contract, World, a_key

FUNDER, TRADER = a_key("funder"), a_key("trader")
BASE_E8, QUOTE_E6, FEE_E6 = 1_000 * 10**8, 60_000_000 * 10**6, 300


@dataclass(frozen=True)
class Ground:
    """One pool and its tokens."""

    world: World
    base: Contract
    quote: Contract
    amm: Contract


@pytest.fixture(scope="session")
def pool_ground() -> Ground:
    world = World()
    base, quote = (world.deploy("dev/Dollar", sender=FUNDER) for _ in range(2))
    amm = world.deploy("dev/Amm", base.address, quote.address, FEE_E6, sender=FUNDER)
    for key in (FUNDER, TRADER):
        for token in (base, quote):
            token.mint(key.address, 10**17, sender=key)
            token.approve(amm.address, 2**256 - 1, sender=key)
    amm.fund(BASE_E8, QUOTE_E6, sender=FUNDER)
    return Ground(world, base, quote, amm)


@pytest.fixture
def ground(pool_ground: Ground) -> Iterator[Ground]:
    with pool_ground.world.anchored():
        yield pool_ground
