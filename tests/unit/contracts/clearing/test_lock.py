# SPDX-License-Identifier: Apache-2.0
"""The locks of Clearing's modules: nothing of an order, a market or an account is read or taken
back while Clearing is paid, by the token itself, to whose hooks an account belongs here.
"""

from __future__ import annotations

import pytest
from tests.support.compiler import ROOT, compiled_at
from tests.support.evm import Refused, a_key
from tests.support.venue import DOLLAR, Venue, a_venue

PAYER = a_key("payer")


@pytest.fixture(scope="module")
def odd() -> Venue:
    """The first account that is opened is the token's."""
    venue = a_venue(token=compiled_at(ROOT / "tests" / "support" / "contracts" / "OddToken.vy"))
    venue.fund(PAYER, 20 * DOLLAR)
    token = venue.dollar
    account = venue.clearing.open_account(token.address, 10 * DOLLAR, sender=PAYER).value
    assert account == 17
    return venue


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("fills", (0,)),
        ("epoch_barriers", (17,)),
        ("cancel", (17, 0, 1)),
        ("cancel_all", (17,)),
        ("market_words", (8,)),
        ("parameter_words", (8,)),
        ("pool_markets", ()),
        ("backstop_markets", ()),
        ("accounts", (17,)),
        ("withdrawals", (17,)),
        ("account_count", ()),
    ],
)
def test_nothing_of_clearings_modules_is_touched_while_clearing_is_paid(
    odd: Venue, name: str, args: tuple[int, ...]
) -> None:
    clearing, token = odd.clearing, odd.dollar
    message = clearing.calldata(name, *args)
    with odd.world.anchored():
        token.call(clearing.address, message, sender=PAYER)
        token.misbehave(False, 0, clearing.address, message, sender=PAYER)
        with pytest.raises(Refused) as refused:
            clearing.deposit(17, DOLLAR, sender=PAYER)
        assert refused.value.reason == "", "the lock refuses without words; something else spoke"
