# SPDX-License-Identifier: Apache-2.0
"""Who may pay refunds: the one key whose deposits the venue counts as such."""

from __future__ import annotations

import pytest

from infold.cli.commands.refunds import must_pay
from infold.errors import Misconfigured

PAYER = bytes(range(20))


def test_only_the_key_that_the_venue_names_pays() -> None:
    must_pay("0x" + PAYER.hex(), PAYER)
    with pytest.raises(Misconfigured, match="counts deposits of"):
        must_pay("0x" + PAYER.hex(), bytes(20))


def test_a_venue_without_such_a_key_has_to_be_given_one() -> None:
    with pytest.raises(Misconfigured, match="names no key that pays refunds"):
        must_pay(None, PAYER)
