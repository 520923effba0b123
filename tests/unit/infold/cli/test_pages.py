# SPDX-License-Identifier: Apache-2.0
"""What people read: whole hashes, money in dollars, never wider than a hundred columns."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from infold.cli import layout, pages
from infold.cli.layout import (
    WIDTH,
    decimal_dollars,
    dollars,
    folded,
    grouped,
    pairs,
    scaled,
    span,
    table,
)
from infold.cli.terminal import show, show_all

HASH = "0x" + "6eba3603" * 8


def run_of(**changes: Any) -> dict[str, Any]:
    """A run's object with large figures and every code that takes room."""
    names = ("POST_ONLY_NOT_RESTING", "GOOD_AFTER_PAST_EXPIRY", "NUMBER_NOT_CANONICAL")
    invariants = {f"C{n}": {"held": True, "checked": 123_456 * n} for n in (1, 2, 3, 4, 5, 11, 13)}
    return {
        "command": "demo",
        "orders": dict.fromkeys(
            "signed accepted rejected filled expired cancelled skipped lapsed".split(), 1_234_567
        ),
        "rejects": {f"{name}{n}": 1_000 * n for name in names for n in range(7)},
        "batches": 79,
        "fills": 5_049,
        "accounts": 200,
        "markets": 8,
        "notional_e6": "11769142749072",
        "crossed_share": 0.6,
        "pool_share": 0.4,
        "outside_share": 0.0,
        "gas": {"total": 304_517_200, "per_order": 60_253, "largest_batch": 10_602_567},
        "improvement_bps": {"mean": 2.9748, "p10": -0.4096, "p50": 2.9992, "p90": 6.5185},
        "reconciled": True,
        "invariants": invariants,
        "chain": {"chain_id": 31_337, "blocks": 113, "state_hash": HASH},
        "journal": {"seq": 1_324, "hash": HASH[2:]},
        "seconds": 72.836,
        "ok": True,
    } | changes


def text_of(lines: list[str]) -> str:
    """Lines as one text, after looking at their widths."""
    assert max(map(len, lines)) <= WIDTH, [line for line in lines if len(line) > WIDTH]
    return "\n".join(lines)


# -- values ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value_e6", "text"),
    [
        (0, "$0.00"),
        ("11769142749072", "$11,769,142.75"),
        (-1_234_500_000, "-$1,234.50"),
        (4_999, "$0.00"),
        (-4_999, "$0.00"),
        (5_000, "$0.01"),
        (999_995_000, "$1,000.00"),
    ],
)
def test_money_is_dollars_to_the_cent(value_e6: int | str, text: str) -> None:
    assert dollars(value_e6) == text


def test_decimals_keep_every_place() -> None:
    assert decimal_dollars("-30029.65473") == "-$30,029.65"
    assert decimal_dollars("1000000") == "$1,000,000.00"
    assert grouped("-60022.65507574") == "-60,022.65507574"
    assert grouped(None) == "-"
    assert scaled("1234500000000", 12) == "1.2345"
    assert scaled(-(10**15), 12) == "-1,000"


def test_times_are_utc_to_the_millisecond() -> None:
    assert layout.clock(1_800_000_000_007) == "2027-01-15 08:00:00.007 UTC"


# -- lines -------------------------------------------------------------------------


def test_lengths_of_time_have_two_units() -> None:
    spans = [span(ms) for ms in (999, 59_000, 61_500, 3_600_000, 7 * 86_400_000 - 1)]
    assert spans == ["0 s", "59 s", "1 min 1 s", "1 h 0 min", "6 d 23 h"]


def test_long_texts_go_on_and_lose_nothing() -> None:
    assert list(folded("one two three", 7)) == ["one two", "three"]
    assert "".join(folded("x" * 250, 100)) == "x" * 250
    lines = pairs([("name", "y" * 300), ("none", [])])
    assert "".join(line[6:] for line in lines[:-1]) == "y" * 300 and lines[-1] == "none  -"
    assert max(map(len, lines)) <= WIDTH


def test_a_table_too_wide_is_told_row_by_row() -> None:
    assert table(["a", "b"], [["x", "1,000"]]) == ["a      b", "x  1,000"]
    lines = table(["a", "b"], [[HASH, HASH], [HASH, "2"]])
    assert lines == [f"a  {HASH}", f"b  {HASH}", "", f"a  {HASH}", "b  2"]


# -- pages -------------------------------------------------------------------------


def test_a_run_fits_a_screen_and_shows_whole_hashes() -> None:
    lines = pages.of_run(run_of())
    text = text_of(lines)
    assert len(lines) <= 34
    for part in (
        HASH,
        "$11,769,142.75",
        "60.0%  $7,061,485.65",
        "40.0%  $4,707,657.10",
        "7 of 7 held",
        "p10 -0.41",
        "6,000 GOOD_AFTER_PAST_EXPIRY6",
        "yes, in 72.8 s",
    ):
        assert part in text, part


def test_what_is_wrong_stands_out() -> None:
    broken = run_of(
        ok=False,
        reconciled=False,
        improvement_bps=None,
        rejects={},
        invariants={
            "C1": {"held": False, "checked": 9},
            "C2": {"held": True, "checked": 0},
            "C3": {"held": True, "checked": 1},
        },
    )
    text = text_of(pages.of_run(broken))
    assert "1 of 3 held" in text and "C1 9 BROKEN" in text and "C2 UNCHECKED" in text
    assert "NO, in" in text and "nothing to compare with" in text


def test_a_replay_names_its_files_whole() -> None:
    path = "/data/" + "long/" * 30 + "btcusdt.csv"
    found = run_of(
        recorded={
            "admitted_e6": "2000000",
            "settled_e6": "1960000",
            "share": 0.98,
            "share_min": 0.9,
        },
        files=[{"path": path, "rows": 35_389, "sha256": HASH[2:]}],
        pool_capital_e6="123000000",
    )
    text = text_of(pages.of_run(found))
    assert "$1.96 settled of $2.00 admitted, 98.00%" in text and HASH[2:] in text
    assert path in "".join(line.strip() for line in text.splitlines())
    found["recorded"] |= {"share": 0.39}
    assert "admitted, 39.00%, less than 90.0%" in text_of(pages.of_run(found))


def test_markets_are_a_table_of_their_own() -> None:
    market = {
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
    lines = pages.of_markets([market, market | {"oraclePrice": None}])
    text_of(lines)
    assert len(lines) == 3 and "60,022.65507574" in lines[1] and "5%/3%" in lines[1]


def test_a_devnet_says_how_to_trade_with_it() -> None:
    address, key = HASH[:42], HASH
    found = {
        "rpc_url": "http://127.0.0.1:53783",
        "api_url": "http://127.0.0.1:40879",
        "chain_id": 31_337,
        "contracts": {"Clearing": address},
        "markets": [{"id": 1, "name": "BTC-USD", "tick_e8": 10**7}],
        "accounts": [{"id": 17, "address": address, "private_key": key}],
        "matcher": {"address": address, "private_key": key},
        "refund_payer": {"address": address, "private_key": key},
        "owner": {"address": address, "private_key": key},
        "guardian": {"address": address, "private_key": key},
        "oracle_signers": [{"address": address, "private_key": key}],
        "key_files": "/var/devnet/keys",
        "k": 1,
    }
    text = text_of(pages.of_devnet(found))
    assert f"export INFOLD_API_URL={found['api_url']}\n" in text
    assert f"export INFOLD_RPC_URL={found['rpc_url']}\n" in text
    assert f"export INFOLD_PRIVATE_KEY={key}\n" in text
    assert "infold order place 17 -m BTC-USD --side buy" in text
    assert "/var/devnet/keys/ has owner, guardian, matcher and refund_payer" in text


REFUNDS = {
    "feeTier": "0.875",
    "feeTierUntil": 1_800_000_000_000,
    "refundEarned": "12.5",
    "refundPaid": "2.25",
    "refundOwed": "10.25",
}


def test_an_account_shows_its_fee_tier_and_what_it_is_owed() -> None:
    account = REFUNDS | {
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
    }
    text = text_of(pages.of_account(account))
    assert "pays 87.5% of a market's fee until 2027-01-15 08:00:00" in text
    assert "$10.25 owed, $2.25 paid" in text
    assert "$7,000.00 initial, $3,500.25 maintenance" in text
    unfixed = text_of(pages.of_account(account | {"feeTier": "1", "feeTierUntil": None}))
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
    lines = pages.of_positions([free, free | held])
    text_of(lines)
    assert lines[3] == "ETH-USD was deleveraged: `infold keeper --once` folds it"
    assert lines[4].startswith("ETH-USD: exit of 0.25 asked for, first due 2027-01-15 08:00:00")
    assert len(pages.of_positions([free])) == 2


def test_refunds_are_a_table_and_what_was_paid_another() -> None:
    lines = pages.of_refunds([REFUNDS | {"account": 17}])
    text_of(lines)
    assert len(lines) == 2
    for part in ("17", "87.5%", "$12.50", "$2.25", "$10.25"):
        assert part in lines[1]
    paid = {"payer": HASH[:42], "paid": [{"account": 17, "amount_e6": "10250000"}]}
    assert "$10.25" in text_of(pages.of_paid(paid))
    assert "nothing was owed" in text_of(pages.of_paid(paid | {"paid": []}))


def test_orders_show_whole_hashes() -> None:
    order = {
        "slot": 203,
        "orderSeq": 2_176_526_893,
        "market": "BTC-USD",
        "side": "sell",
        "size": "83333.33333333",
        "filled": "0.2",
        "price": "70000",
        "timeInForce": "GTC",
        "expiry": 1_800_000_000_000,
        "orderHash": HASH,
    }
    text = text_of(pages.of_orders([order]))
    assert HASH in text and "70,000" in text and "2027-01-15 08:00:00" in text


def test_any_other_object_is_told_with_its_scales() -> None:
    found = {
        "amount_e6": "250500000",
        "shares_e12": "1500000000000",
        "claimable_after_ms": 1_800_000_000_000,
        "epoch_ms": 40_000,
        "pool_share": 0.25,
        "on_chain": True,
        "seq": 2_181_135_153,
        "expiry": 1_800_000_000_000,
        "goodAfter": 0,
        "nested": {"hash": HASH, "list": [{"a": 1}], "none": None, "empty": []},
    }
    assert layout.plain(found) == [
        "amount           $250.50",
        "shares           1.5",
        "claimable after  2027-01-15 08:00:00.000 UTC",
        "epoch ms         40,000",
        "pool share       25.0%",
        "on chain         yes",
        "seq              2181135153",
        "expiry           2027-01-15 08:00:00.000 UTC",
        "goodAfter        -",
        f"nested hash      {HASH}",
        "nested list 1 a  1",
        "nested none      -",
        "nested empty     none",
    ]


# -- the terminal -------------------------------------------------------------------


class Terminal:
    """A stdout that says it is a terminal."""

    def __init__(self) -> None:
        self.text = ""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None: ...


@pytest.mark.parametrize(("no_color", "styled"), [("", True), ("1", False)])
def test_only_a_terminal_without_no_color_sees_styles(
    no_color: str, styled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setenv("TERM", "xterm")
    show({"a": 1}, False, "title")
    assert ("\x1b[1mtitle\x1b[0m\n" in terminal.text) is styled
    assert terminal.text.endswith("a  1\n")


def test_elsewhere_it_is_plain(capsys: pytest.CaptureFixture[str]) -> None:
    show({"a": 1}, False, "title")
    show_all("order list", "orders", [], False, "orders", pages.of_orders)
    assert capsys.readouterr().out == "title\na  1\norders\nnone\n"
