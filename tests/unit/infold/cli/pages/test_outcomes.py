# SPDX-License-Identifier: Apache-2.0
"""What became of an order, in words: why it ended, what it filled and where that settled."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.pages import HASH, an_outcome, text_of

from infold.cli.pages.outcomes import ENDINGS, of_fills, of_outcome, state
from infold.core.plan import Reason

TRANSACTION = "0x" + "4844b4a7" * 8
FILL = {
    "orderHash": HASH,
    "market": "BTC-USD",
    "side": "sell",
    "size": "4.16666666",
    "price": "59986.3",
    "fee": "49.988584",
    "batch": 2,
    "txHash": TRANSACTION,
    "ts": 1_800_000_001_000,
}
PARTLY = {
    "status": "filled",
    "reason": None,
    "filled": "4.16666666",
    "averagePrice": "59986.3",
    "fee": "49.988584",
    "fills": [FILL],
}


def test_every_reason_of_the_chain_has_words() -> None:
    assert {reason.name for reason in Reason} <= ENDINGS.keys()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "expired: its batch had nothing for it within its limit"),
        ({"timeInForce": "FOK"}, "expired: its batch could not fill the whole of it"),
        (PARTLY, "filled in part; the rest has ended: its batch had no more, and IOC does"),
        (PARTLY | {"timeInForce": "GTC", "reason": "OWNER"}, "the rest has ended: a signed cancel"),
        (PARTLY | {"filled": "30"}, "filled"),
        ({"status": "matched", "open": True}, "on its way to the chain"),
        ({"status": "open", "open": True, "reason": None}, "open: waits for a batch that it fits"),
        ({"status": "skipped", "reason": "MARGIN"}, "skipped: the account has too little margin"),
        ({"status": "open", "open": True, "reason": "seal lapsed"}, "last time: seal lapsed"),
    ],
)
def test_a_state_says_why(changes: dict[str, Any], said: str) -> None:
    assert said in state(an_outcome(**changes))


def test_a_filled_order_shows_price_fee_batch_and_transaction() -> None:
    text = text_of(of_outcome(an_outcome(**PARTLY)))
    for shown in ("4.16666666 of 30", "59,986.3", "$49.99", TRANSACTION, HASH):
        assert shown in text


def test_an_unfilled_order_shows_no_price() -> None:
    assert "average" not in text_of(of_outcome(an_outcome()))


def test_an_open_order_says_why_batches_wait() -> None:
    waits = {"matched": 1_800_000_000_000, "settled": None, "postponed": 1_024, "reason": "why not"}
    still = an_outcome(open=True, status="open", reason=None)
    text = text_of(of_outcome(still | {"batches": waits}))
    assert (
        "1,024 postponed in a row, the last was at 2027-01-15 08:00:00" in text
        and "why not" in text
    )
    assert "none made so far" in text_of(of_outcome(still | {"batches": waits | {"matched": None}}))
    for quiet in (None, waits | {"postponed": 0, "reason": None}):
        assert "postponed" not in text_of(of_outcome(still | {"batches": quiet}))


def test_fills_show_whole_hashes() -> None:
    text = text_of(of_fills([FILL, FILL | {"batch": 7}]))
    assert text.count(TRANSACTION) == 2 and text.count(HASH) == 2 and "2027-01-15" in text
