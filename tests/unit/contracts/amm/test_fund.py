# SPDX-License-Identifier: Apache-2.0
"""dev/Amm: construction and `fund`."""

from __future__ import annotations

import pytest
from tests.support.evm import Refused, World, a_key, refuses

from .conftest import BASE_E8, FUNDER, QUOTE_E6, Ground

ZERO = "0x" + "00" * 20
ONE, TWO = "0x" + "11" * 20, "0x" + "22" * 20


def test_funding_is_counted_and_taken(ground: Ground) -> None:
    receipt = ground.amm.fund(3, 5, sender=FUNDER)
    assert receipt.only("Funded") == {"base_e8": 3, "quote_e6": 5}
    assert ground.amm.base_reserve_e8() == BASE_E8 + 3 == ground.base.balanceOf(ground.amm.address)
    assert ground.amm.quote_reserve_e6() == QUOTE_E6 + 5


def test_nothing_and_too_much_are_refused(ground: Ground) -> None:
    for base_e8, quote_e6 in ((0, 5), (5, 0)):
        with refuses(ground.world, "amm: nothing given"):
            ground.amm.fund(base_e8, quote_e6, sender=FUNDER)
    with refuses(ground.world, "amm: pool too large"):
        ground.amm.fund(2**96, 1, sender=FUNDER)


def test_a_donation_moves_no_price(ground: Ground) -> None:
    before = ground.amm.preview(10**8)
    ground.quote.transfer(ground.amm.address, 10**12, sender=FUNDER)
    assert ground.amm.preview(10**8) == before


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((ZERO, TWO, 0), "amm: bad tokens"),
        ((ONE, ZERO, 0), "amm: bad tokens"),
        ((ONE, ONE, 0), "amm: bad tokens"),
        ((ONE, TWO, 10**5 + 1), "amm: fee too high"),
    ],
)
def test_construction_refuses(arguments: tuple[object, ...], reason: str) -> None:
    with pytest.raises(Refused) as refused:
        World().deploy("dev/Amm", *arguments, sender=a_key("deployer"))
    assert refused.value.reason == reason
