# SPDX-License-Identifier: Apache-2.0
"""Who may pay refunds: the one key whose deposits the venue counts as such."""

from __future__ import annotations

import pytest

from infold.cli.commands.refunds import must_pay, payments
from infold.errors import Misconfigured

PAYER = bytes(range(20))


def test_only_the_key_that_the_venue_names_pays() -> None:
    must_pay("0x" + PAYER.hex(), PAYER)
    with pytest.raises(Misconfigured, match="counts deposits of"):
        must_pay("0x" + PAYER.hex(), bytes(20))


def test_a_venue_without_such_a_key_has_to_be_given_one() -> None:
    with pytest.raises(Misconfigured, match="names no key that pays refunds"):
        must_pay(None, PAYER)


@pytest.mark.parametrize(
    ("owed_e6", "allowed_e6", "due_e6", "left_e6"),
    [
        ({}, 0, {}, []),
        ({17: 9, 18: 10, 19: 30}, 40, {18: 10, 19: 30}, [9]),
        ({18: 11, 19: 30}, 40, {18: 11}, [30]),
        ({17: -5, 18: 10}, 10, {18: 10}, [0]),
    ],
    ids=["nobody", "the least and more", "earned since the vault was allowed", "paid too much"],
)
def test_who_is_owed_enough_is_paid_and_the_others_are_left(
    owed_e6: dict[int, int], allowed_e6: int, due_e6: dict[int, int], left_e6: list[int]
) -> None:
    assert payments(owed_e6, 10, allowed_e6) == (due_e6, left_e6)
