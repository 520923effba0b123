# SPDX-License-Identifier: Apache-2.0
"""A vault on its own, with keys in the places of Clearing and Pool, over tokens good and odd."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from tests.support.compiler import ROOT, compiled, compiled_at
from tests.support.evm import Contract, World, a_key

CLEARING = a_key("clearing")
POOL = a_key("pool")
RECOVERY = a_key("recovery")
TIMELOCK = a_key("timelock")
PAYER = a_key("payer")
STRANGER = a_key("stranger")
TOKENS = ROOT / "tests" / "support" / "contracts"


@dataclass(frozen=True)
class Custody:
    """A vault and its token; the payer holds 1,000 and has approved the vault."""

    world: World
    token: Contract
    vault: Contract


def a_vault(world: World, token: str, clearing: str = CLEARING.address) -> Contract:
    """A vault that obeys keys."""
    parts = (clearing, RECOVERY.address, POOL.address, TIMELOCK.address)
    return world.deploy("Vault", token, *parts, sender=PAYER)


def custody_of(token: str) -> Custody:
    world = World()
    source = compiled("dev/Dollar") if token == "Dollar" else compiled_at(TOKENS / f"{token}.vy")
    coin = world.deploy(source, sender=PAYER)
    vault = a_vault(world, coin.address)
    coin.mint(PAYER.address, 1_000, sender=PAYER)
    if token == "Dollar":
        coin.approve(vault.address, 2**256 - 1, sender=PAYER)
    return Custody(world, coin, vault)


@pytest.fixture(scope="session")
def kept() -> dict[str, Custody]:
    return {name: custody_of(name) for name in ("Dollar", "MuteToken", "OddToken")}


@pytest.fixture
def custody(kept: dict[str, Custody]) -> Iterator[Custody]:
    with kept["Dollar"].world.anchored():
        yield kept["Dollar"]


@pytest.fixture
def mute(kept: dict[str, Custody]) -> Iterator[Custody]:
    with kept["MuteToken"].world.anchored():
        yield kept["MuteToken"]


@pytest.fixture
def odd(kept: dict[str, Custody]) -> Iterator[Custody]:
    with kept["OddToken"].world.anchored():
        yield kept["OddToken"]
