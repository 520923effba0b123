# SPDX-License-Identifier: Apache-2.0
"""What people read of an account: what it owes and is owed, and what holds a position back."""

from __future__ import annotations

import pytest
from tests.support.pages import HASH, text_of

from infold.cli.pages.accounts import (
    of_account,
    of_holdings,
    of_paid,
    of_positions,
    of_refund,
    of_refunds,
)

REFUNDS = {
    "feeTier": "0.875",
    "feeTierUntil": 1_800_000_000_000,
    "refundEarned": "12.5",
    "refundPaid": "2.25",
    "refundOwed": "10.25",
}


def test_an_account_shows_its_fee_tier_and_what_it_is_owed() -> None:
    account = REFUNDS | {
        "account": 17,
        "owner": HASH[:42],
        "collateral": "1000",
        "equity": "-3.5",
        "initialMargin": "7000",
        "maintenanceMargin": "3500.25",
        "pendingWithdrawal": "0",
        "withdrawalBarrier": 0,
        "openOrders": 2,
        "epoch": 1,
        "positions": [],
        "exits": [],
    }
    text = text_of(of_account(account))
    assert "pays 87.5% of a market's fee until 2027-01-15 08:00:00" in text
    assert "$10.25 owed, $2.25 paid" in text
    assert "$7,000.00 initial, $3,500.25 maintenance" in text
    assert "withdrawing  $0.00\n" in text and text.endswith("no open positions")
    for number, said in ((0, "`infold market list` shows them"), (1, "are not shown")):
        text = text_of(of_account(account | {"account": number}))
        assert said in text and "no open positions" not in text, "they lie with their markets"
        assert "fee tier" not in text and "refund" not in text
    asked = {"pendingWithdrawal": "100", "withdrawalBarrier": 1_800_000_000_000}
    assert "$100.00, by --claim after 2027-01-15 08:00:15.000 UTC" in text_of(
        of_account(account | asked)
    )
    unfixed = text_of(of_account(account | {"feeTier": "1", "feeTierUntil": None}))
    assert "pays 100.0% of a market's fee\n" in unfixed


def test_what_holds_a_position_back_is_told_below_it() -> None:
    free = {
        "market": "BTC-USD",
        "size": "-2.5",
        "oraclePrice": "60000",
        "quote": "150000",
        "unrealizedPnl": "0",
        "behind": False,
        "exit": None,
    }
    held = {
        "market": "ETH-USD",
        "behind": True,
        "exit": {"size": "0.25", "due": 1_800_000_000_000},
    }
    lines = of_positions([free, free | held])
    text_of(lines)
    assert lines[3] == "ETH-USD was deleveraged: `infold keeper --once` folds it"
    assert lines[4].startswith("ETH-USD: exit of 0.25 asked for, first due 2027-01-15 08:00:00")
    assert len(of_positions([free])) == 2


def test_an_exit_of_a_position_closed_since_is_told_with_who_ends_it_and_whom_it_holds_up() -> None:
    exit_ = {"market": "BTC-USD", "side": "long", "index": 0, "size": "0.25", "due": 1}
    alone = text_of(
        of_holdings({"account": 17, "positions": [], "exits": [exit_ | {"closed": True}]})
    )
    assert alone.startswith(
        "no open positions\nBTC-USD: exit of 0.25 still stands, its long was closed"
    )
    assert "`infold keeper --once` ends it" in alone and alone.endswith("its place is free")
    held = {
        "market": "ETH-USD",
        "index": 0,
        "size": "1",
        "oraclePrice": "3000",
        "quote": "0",
        "unrealizedPnl": "0",
        "behind": False,
        "exit": None,
    }
    both = {"account": 17, "positions": [held], "exits": [exit_ | {"closed": True}]}
    assert text_of(of_holdings(both)).endswith("no exit from ETH-USD before that")
    open_ = {"account": 17, "positions": [held], "exits": [exit_ | {"closed": False}]}
    assert of_holdings(open_) == of_positions([held])


def test_refunds_are_a_table_and_what_was_paid_another() -> None:
    lines = of_refunds([REFUNDS | {"account": 17}])
    text_of(lines)
    assert len(lines) == 2
    for part in ("17", "87.5%", "$12.50", "$2.25", "$10.25"):
        assert part in lines[1]
    paid = {
        "payer": HASH[:42],
        "least_e6": "1000000",
        "paid": [{"account": 17, "amount_e6": "10250000"}],
        "left_e6": "0",
        "left_e6_max": "0",
    }
    assert "$10.25" in text_of(of_paid(paid))


@pytest.mark.parametrize(
    ("left_e6", "said"),
    [
        (0, "nothing more is owed to anybody"),
        (
            149_823,
            "nobody is owed 1 or more, the most is 0.149823; `infold refunds pay --least 0.149823`",
        ),
        (2_000_000, "earned meanwhile, and paid by the next run: $2.00"),
    ],
)
def test_a_payment_says_what_is_left_and_what_pays_it(left_e6: int, said: str) -> None:
    left = {"left_e6": str(left_e6), "left_e6_max": str(left_e6)}
    found = {"payer": HASH[:42], "least_e6": "1000000", "paid": []}
    assert said in " ".join(text_of(of_paid(found | left)).split())


def test_one_accounts_refund_is_told_as_the_account_tells_it() -> None:
    text = text_of(of_refund(REFUNDS))
    for part in ("pays 87.5% of a market's fee", "$12.50", "$2.25", "$10.25"):
        assert part in text
