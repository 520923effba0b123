# SPDX-License-Identifier: Apache-2.0
"""What people read of a keeper's look: deeds in tables, and what is left undone by its reason."""

from __future__ import annotations

from typing import Any

from tests.support.pages import text_of

from infold.cli.pages.keeper import of_look

NOW_MS = 1_800_000_000_000
EXIT = {
    "account": 18,
    "market": "BTC-USD",
    "side": "short",
    "index": 0,
    "size_asked_e8": "100000000",
}


def a_look(**changes: Any) -> dict[str, Any]:
    lists = (
        "liquidations folds exits exits_ended exits_waiting fees_collected fees_left refused"
        " unjudged"
    ).split()
    return {
        "block": 1_234,
        "block_ms": NOW_MS + 1_000,
        "vector_ms": NOW_MS,
        "fresh": True,
        "holders": 2,
        "broken": 0,
        "ok": True,
        **{name: [] for name in lists},
    } | changes


def told(**changes: Any) -> str:
    return text_of(of_look(a_look(**changes)))


def test_a_look_says_which_prices_it_went_by() -> None:
    assert "prices        of 2027-01-15 08:00:00.000 UTC\n" in told()
    assert "prices        none: no batch has landed yet" in told(vector_ms=0, fresh=False)
    assert "08:00:00.000 UTC, too old to liquidate by" in told(fresh=False)
    assert told().endswith("ok            yes")


def test_an_exit_is_told_by_what_was_done_at_which_price_and_who_was_paid() -> None:
    pool = {"by": "pool", "size_e8": "30000000", "price_e8": "6012000000000", "paid_e6": "36000000"}
    rest = {"by": "other side", "size_e8": "45000000", "price_e8": "6010000000000", "paid_e6": "1"}
    found = EXIT | {"size_done_e8": "75000000", "taken": [pool, rest]}
    lines = told(exits=[found]).splitlines()[-3:]
    assert lines[0].split() == "let out market side asked done price paid".split()
    assert lines[1].split() == "18 BTC-USD short 1 0.75 60,120 $36.00 to the pool".split()
    assert lines[2].split() == "60,100 $0.00 to the other side".split()
    nobody = told(exits=[EXIT | {"size_done_e8": "0", "taken": []}])
    assert "short      1     0      -  nobody: the pool is full" in nobody


def test_an_exit_that_waits_says_since_when_and_why() -> None:
    times = {"asked_ms": NOW_MS - 60_000, "due_ms": NOW_MS, "appointed_ms": NOW_MS}
    late = EXIT | times | {"overdue": True, "reason": "nobody was asked; pass --signer"}
    text = told(exits_waiting=[late], ok=False)
    assert "ok            NO" in text
    assert "exit overdue  account 18, 1 of its BTC-USD short\n" in text
    assert "asked 2027-01-15 07:59:00" in text and "due since 2027-01-15 08:00:00" in text
    assert "nobody was asked; pass --signer" in text
    early = late | {"overdue": False, "reason": "its time has not come"}
    assert "exit waits  account 18" in told(exits_waiting=[early])


def test_every_deed_and_every_refusal_names_its_market() -> None:
    done = {
        "account": 17,
        "market": "ETH-USD",
        "index": 3,
        "size_e8": "250000000",
        "deleveraged": True,
        "earned_e6": "1500000",
        "debt_e6": "0",
    }
    text = told(
        liquidations=[done],
        folds=[{"account": 19, "market": "SOL-USD", "index": 1}],
        exits_ended=[EXIT | {"reason": "its position was closed since"}],
        refused=[
            {
                "account": 20,
                "market": "XRP-USD",
                "index": 0,
                "reason": "recovery: no price",
                "next": "wait",
            }
        ],
        unjudged=[{"account": 21, "reason": "recovery: fold first"}],
    )
    words = " ".join(text.split())
    for part in (
        "17 ETH-USD other side 2.5 $1.50 $0.00",
        "19 SOL-USD",
        "18 BTC-USD short 1 its position was closed since",
        "account 20, XRP-USD: recovery: no price wait",
        "account 21: recovery: fold first",
    ):
        assert part in words, part


def test_fees_are_told_by_market_and_by_who_has_them_now() -> None:
    btc = {"market": "BTC-USD", "fees_e6": "2400000"}
    found = btc | {"insurance_e6": "240000", "treasury_e6": "2160000"}
    heads, row = told(fees_collected=[found]).splitlines()[-2:]
    assert heads.split("  ")[0] == "fees collected"
    assert row.split() == ["BTC-USD", "$2.40", "$0.24", "$2.16"]
    left = told(fees_left=[{"market": "BTC-USD", "reason": "not mined within 60 s"}])
    assert left.splitlines()[-2].split() == ["fees", "left", "BTC-USD"]
    assert left.splitlines()[-1].strip() == "not mined within 60 s"
