# SPDX-License-Identifier: Apache-2.0
"""No contract can be deployed with a part left out: constructors check every address they take."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.compiler import CONTRACTS, compiled
from tests.support.evm import ZERO, Refused, World, a_key
from tests.support.venue import CLAIM_S, DELAY_S, REWARD_E6

NAMES = sorted(path.stem for path in CONTRACTS.glob("*.vy"))


def taken(name: str) -> list[dict[str, Any]]:
    """What the constructor takes, in order."""
    return next(
        (entry["inputs"] for entry in compiled(name).abi if entry["type"] == "constructor"), []
    )


def sound(inputs: list[dict[str, Any]]) -> list[Any]:
    """Arguments a constructor accepts: addresses that differ, three keys where it lists some."""
    made: list[Any] = []
    for number, given in enumerate(inputs):
        keys = [a_key(f"{given['name']} {place}").address for place in range(3)]
        numbers = {"delay_s": DELAY_S, "reward_e6": REWARD_E6, "window_s": CLAIM_S}
        number_of = numbers.get(given["name"], 2)
        made.append({"address": keys[0], "address[]": keys}.get(given["type"], number_of))
        assert given["type"] in ("address", "address[]", "uint256"), (number, given)
    return made


@pytest.mark.parametrize("name", NAMES)
def test_a_contract_deploys_with_all_its_parts(name: str) -> None:
    World().deploy(name, *sound(taken(name)), sender=a_key("deployer"))


@pytest.mark.parametrize(
    ("name", "place"),
    [
        (name, place)
        for name in NAMES
        for place, given in enumerate(taken(name))
        if given["type"].startswith("address")
    ],
)
def test_a_contract_refuses_the_zero_address_as_a_part(name: str, place: int) -> None:
    arguments = sound(taken(name))
    several = isinstance(arguments[place], list)
    arguments[place] = [*arguments[place][:2], ZERO] if several else ZERO
    with pytest.raises(Refused) as refused:
        World().deploy(name, *arguments, sender=a_key("deployer"))
    assert refused.value.reason.endswith("is zero")
