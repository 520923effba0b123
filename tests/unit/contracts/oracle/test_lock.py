# SPDX-License-Identifier: Apache-2.0
"""The lock of the signers' module, which Seals has too: Oracle has somebody to call meanwhile."""

from __future__ import annotations

import pytest
from tests.support.compiler import ROOT, compiled_at
from tests.support.evm import Refused, World, a_key

GOVERNANCE, STRANGER = a_key("governance"), a_key("stranger")


def test_who_signs_is_told_to_nobody_while_a_source_is_asked() -> None:
    world = World()
    keys = [a_key(f"oracle signer {n}").address for n in range(3)]
    oracle = world.deploy("Oracle", GOVERNANCE.address, keys, 2, sender=STRANGER)
    path = ROOT / "tests" / "support" / "contracts" / "NosySource.vy"
    nosy = world.deploy(compiled_at(path), sender=STRANGER)
    oracle.set_source(1, nosy.address, 100, 60, False, sender=GOVERNANCE)
    nosy.look(oracle.address, 3, sender=STRANGER)
    assert nosy.latest()[0] == 10**8
    world.travel(60)
    with pytest.raises(Refused) as refused:
        oracle.refresh(1, sender=STRANGER)
    assert refused.value.reason == "", "the lock refuses without words; something else spoke"
    nosy.look(oracle.address, 0, sender=STRANGER)
    oracle.refresh(1, sender=STRANGER)
