# SPDX-License-Identifier: Apache-2.0
"""What people read who trade: tables of their own, whole hashes."""

from __future__ import annotations

import pytest
from tests.support.pages import HASH, RECEIPT, an_outcome, text_of

from infold.cli.pages.trading import of_cancelled, of_markets, of_orders, of_placed

MARKET = {
    "name": "DOGE-USD",
    "status": "live",
    "oraclePrice": "60022.65507574",
    "tick": "0.000001",
    "fee": "0.0002",
    "initialMargin": "0.05",
    "maintenanceMargin": "0.03",
    "openInterest": "8333.33333333",
    "poolSize": "-8333.33333333",
}


def test_markets_are_a_table_of_their_own() -> None:
    lines = of_markets([MARKET, MARKET | {"oraclePrice": None}])
    text_of(lines)
    assert len(lines) == 3 and "60,022.65507574" in lines[1] and "5%/3%" in lines[1]


@pytest.mark.parametrize(
    ("fee", "initial", "maintenance", "told"),
    [
        ("0.0002", "0.05", "0.025", ["0.02%", "5%/2.5%"]),
        ("0.000125", "0.1", "0.033333", ["0.0125%", "10%/3.3333%"]),
        ("0", "1", "0.5", ["0%", "100%/50%"]),
    ],
)
def test_no_fee_and_no_margin_is_rounded(
    fee: str, initial: str, maintenance: str, told: list[str]
) -> None:
    terms = {"fee": fee, "initialMargin": initial, "maintenanceMargin": maintenance}
    assert of_markets([MARKET | terms])[1].split()[4:6] == told


def test_orders_show_whole_hashes() -> None:
    text = text_of(of_orders([an_outcome(size="83333.33333333", price="70000")]))
    assert HASH in text and "70,000" in text and "2027-01-15 08:00:10" in text


def test_what_was_cancelled_says_when() -> None:
    text = text_of(of_cancelled({"cancelled": [HASH, HASH], "ts": 1_800_000_000_000}))
    assert text.count(HASH) == 2 and text.endswith("at      2027-01-15 08:00:00.000 UTC")


def test_a_sleeping_order_shows_what_it_sleeps_until() -> None:
    order = an_outcome(timeInForce="GTC")
    assert "oracle" not in text_of(of_orders([order]))
    sleeping = order | {"triggerKind": "atOrAbove", "triggerPrice": "62000.12345678"}
    text = text_of(of_orders([order, sleeping]))
    assert "62,000.12345678 or above" in text and text.count(HASH) == 2
    text = text_of(of_orders([sleeping | {"reduceOnly": True}, order | {"postOnly": True}]))
    assert "reduce-only, oracle at 62,000.12345678 or above" in text and "post-only" in text


PLACED = RECEIPT | {"account": 17, "slot": 3, "seq": 9, "outcome": None}


def test_what_was_placed_says_what_shows_it_and_what_cancels_it() -> None:
    text = text_of(of_placed(PLACED))
    assert "infold order cancel 17 --slot 3 --seq 9" in text
    assert f"infold order show {HASH}" in text


def test_an_order_that_was_waited_for_tells_its_end_and_no_cancel() -> None:
    text = text_of(of_placed(PLACED | {"outcome": an_outcome()}))
    assert "order cancel" not in text and "its batch had nothing for it" in text
    still = an_outcome(open=True, status="open", reason=None)
    assert "order cancel" in text_of(of_placed(PLACED | {"outcome": still}))
