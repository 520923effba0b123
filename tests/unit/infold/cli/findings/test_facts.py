# SPDX-License-Identifier: Apache-2.0
"""A journal told as facts: the profit report must explain what the engine's own words say."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.support.paper_venue import BTC, BTC_E8, E8, ETH, ETH_E8, Venue, an_order

from infold.cli.app import run
from infold.cli.findings.facts import Teller, facts_of
from infold.cli.terminal import Exit
from infold.core.events import encode_entry
from infold.core.refunds import TiersFixed
from infold.dealer.hedging.facts import Intended, Reported
from infold.errors import Misconfigured
from infold.messages import TimeInForce
from infold.outside import OutsideOrder, OutsideReport, Standing
from infold.reports.execution import costs, largest_gap
from infold.reports.facts import Record, ReportFact, recorded
from infold.reports.outside_reference import believed
from infold.reports.profit import profit
from infold.shell.journal import Journal


def traded(seed: int, batches: int = 40, collected: Sequence[int] = ()) -> Venue:
    """Two markets that move, traders on one side, then the other, a liquidation, a redemption.

    Fees of both markets are collected after the batches named.
    """
    draw = random.Random(seed)
    venue = Venue(epoch_ms=20_000)
    venue.list_market(BTC)
    venue.list_market(ETH, name="ETH-USD")
    accounts = [venue.open_account(10**13) for _ in range(4)]
    prices = {BTC: BTC_E8, ETH: ETH_E8}
    venue.observe()
    venue.fund_pool(prices, 10**14)
    for number in range(batches):
        for market in prices:
            prices[market] = prices[market] * draw.randrange(9_990, 10_011) // 10_000 // E8 * E8
        market = draw.choice((BTC, ETH))
        buy = draw.random() < (0.7 if number < batches // 2 else 0.3)
        order = an_order(
            draw.choice(accounts),
            market=market,
            buy=buy,
            size_e8=draw.randrange(1, 10**9),
            limit_price_e8=prices[market] * (101 if buy else 99) // 100 // E8 * E8,
            time_in_force=TimeInForce.IOC,
            slot=number % 200,
            seq=venue.seq(),
            expiry_ms=venue.now_ms + 86_400_000,
        )
        venue.trade(order, prices_e8=prices)
        if number == batches // 2:
            venue.request_liquidity(10**9, redeems=10**10)
            account = next(a for a in accounts if venue.chain.accounts[a].positions)
            index, position = next(iter(venue.chain.accounts[account].positions.items()))
            venue.shrink(account, index, -position.base_e8, prices[position.market])
            venue.observe()
        if number in collected:
            assert sum(venue.collect_fees(market) for market in prices) > 0
            venue.observe()
    return venue


def record_of(venue: Venue, tiers: TiersFixed | None = None) -> Record:
    teller = Teller()
    if tiers is not None:
        teller.refunds.fix(tiers)
    return recorded(
        fact for _, events in venue.journal for event in events for fact in teller.tell(event)
    )


@pytest.mark.parametrize("seed", range(5))
def test_profit_is_explained_to_the_unit(seed: int) -> None:
    record = record_of(traded(seed))
    assert len(record.taken_over) == 1, "the liquidation belongs to the story"
    assert record.books[-1].paid_in_e6 > 10**13, "so do the providers"
    found = profit(record)
    assert abs(int(found["whole"]["unexplained_e6"])) <= len(record.deals)
    assert found["ok"]


@pytest.mark.parametrize("collected", [(4,), (2, 11), range(12)])
def test_fees_that_were_collected_are_profit_all_the_same(collected: Sequence[int]) -> None:
    """They moved from the ledgers to insurance and treasury: the venue's still."""
    plain, moved = (record_of(traded(4, 12, when)) for when in ((), collected))
    found = [profit(record)["whole"] for record in (plain, moved)]
    assert found[0] == found[1], "whoever moves fees between the venue's pockets earns nothing"
    assert int(found[0]["sources_e6"]["fees"]) > 1_000_000 and found[1]["ok"]
    assert [book.fees_e6 for book in moved.books] == [book.fees_e6 for book in plain.books]


def test_what_lower_tiers_are_owed_is_none_of_the_profit() -> None:
    venue = traded(3)
    account = max(fill.account for fill in record_of(venue).fills)
    tiers = TiersFixed(time_ms=1, top_e6=200, lowest_e6=150, raised_e6={account: 200})
    plain, lowered = record_of(venue), record_of(venue, tiers)
    owed_e6 = sum(fill.fee_e6 // 4 for fill in plain.fills if fill.account != account)
    assert owed_e6 > 0 and any(fill.account == account for fill in plain.fills)
    found = [profit(record) for record in (plain, lowered)]
    fees_e6 = [int(one["whole"]["sources_e6"]["fees"]) for one in found]
    assert fees_e6[0] - fees_e6[1] == owed_e6
    assert plain.books[-1].fees_e6 - lowered.books[-1].fees_e6 == owed_e6
    assert found[1]["ok"]
    assert found[0]["whole"]["unexplained_e6"] == found[1]["whole"]["unexplained_e6"]


def test_a_debt_the_pool_covers_is_what_taking_the_position_over_cost() -> None:
    """1 BTC on 10,000 dollars taken over at 30,000: 20,000 owed and a little more."""
    venue = Venue(epoch_ms=20_000)
    venue.list_market(BTC)
    poor, rich = venue.open_account(10**10), venue.open_account(10**13)
    prices = {BTC: BTC_E8}
    venue.observe()
    venue.fund_pool(prices, 10**14)
    limits = {"market": BTC, "expiry_ms": venue.now_ms + 86_400_000}
    venue.submit(
        an_order(poor, buy=True, limit_price_e8=BTC_E8 * 2, seq=venue.seq(), **limits),
        an_order(rich, buy=False, limit_price_e8=BTC_E8 // 2, seq=venue.seq(), **limits),
    )
    venue.close(prices, {})
    venue.confirm()
    (position,) = venue.chain.accounts[poor].positions.values()
    before_e6 = venue.chain.accounts[0].word.collateral_e6
    venue.shrink(poor, 0, -position.base_e8, BTC_E8 // 2)
    venue.observe()
    debt_e6 = before_e6 - venue.chain.accounts[0].word.collateral_e6
    assert debt_e6 > 0 == venue.chain.accounts[poor].word.collateral_e6
    assert venue.state.accounts[0].word.collateral_e6 == before_e6 - debt_e6
    order = an_order(
        rich, buy=False, size_e8=1, limit_price_e8=BTC_E8 // 2, seq=venue.seq(), **limits
    )
    venue.trade(order, prices_e8=prices)
    record = record_of(venue)
    (taken,) = record.taken_over
    assert taken.quote_e6 == -(position.base_e8 * BTC_E8 // 2 // 10**10) - debt_e6
    found = profit(record)
    assert abs(int(found["whole"]["unexplained_e6"])) <= len(record.deals)


def test_hedges_of_the_journal_are_told_once_and_explained() -> None:
    """Two reports of one order, the second of them twice: what it paid counts once."""
    venue = traded(3)
    facts: list[ReportFact] = []
    teller = Teller()
    halfway = len(venue.journal) // 2
    for number, (_, events) in enumerate(venue.journal):
        for event in events:
            facts += teller.tell(event)
        if number == halfway:
            time_ms = venue.state.head.time_ms - 20_000
            order = OutsideOrder(client_id="h1", venue="near", market=BTC, size_e8=-(10**8))
            facts += teller.hedged(Intended(order=order, time_ms=time_ms))
            for filled_e8, paid_e6, fee_e6 in (
                (-4 * 10**7, 24_000 * 10**6, 7 * 10**6),
                (-(10**8), 59_990 * 10**6, 12 * 10**6),
                (-(10**8), 59_990 * 10**6, 12 * 10**6),
            ):
                report = OutsideReport(
                    client_id="h1",
                    standing=Standing.OPEN,
                    filled_e8=filled_e8,
                    paid_e6=paid_e6,
                    fee_e6=fee_e6,
                )
                facts += teller.hedged(Reported(report=report, time_ms=time_ms))
    record = recorded(facts)
    assert [(h.size_e8, h.cost_e6) for h in record.hedges] == [
        (4 * 10**7, 7 * 10**6),
        (6 * 10**7, 5 * 10**6),
    ]
    assert not any(hedge.buy for hedge in record.hedges)
    found = profit(record)
    assert int(found["whole"]["sources_e6"]["hedging"]) < 0
    assert found["ok"]


def test_every_fill_finds_its_order_and_its_costs_add_up() -> None:
    record = record_of(traded(1))
    found = costs(record, believed())
    assert len(found) == len(record.fills) > 10
    assert largest_gap(found) <= 1e-9


def test_a_kept_journal_is_reported_by_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Journal(tmp_path / "journal", b"test") as journal:
        for command, decided in traded(2, batches=12).journal:
            journal.append([encode_entry(command, decided)])
        assert run(["report", "risk", str(tmp_path)]) == 0, "also of a venue that runs"
        assert "infold report risk" in capsys.readouterr().out
    assert recorded(facts_of(tmp_path)).fills
    for kind in ("best-execution", "pnl", "oracle", "risk"):
        page = tmp_path / f"{kind}.html"
        assert run(["report", kind, str(tmp_path), "--html", str(page)]) == 0
        assert page.read_text().startswith("<!doctype html>")
        written = capsys.readouterr()
        assert f"infold report {kind}" in written.out
        assert written.err == f"infold: page written to {page}\n"


def test_a_journal_without_a_batch_has_nothing_to_report(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal", b"test") as journal:
        for command, decided in Venue().journal:
            journal.append([encode_entry(command, decided)])
        journal.append([b"{}"])
    with pytest.raises(Misconfigured, match="holds no settled batch"):
        list(facts_of(tmp_path))


def test_a_run_of_one_valuation_is_told_to_run_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Journal(tmp_path / "journal", b"test") as journal:
        for command, decided in traded(2, batches=0).journal:
            journal.append([encode_entry(command, decided)])
    assert len(recorded(facts_of(tmp_path)).books) == 1
    assert run(["report", "pnl", str(tmp_path)]) == Exit.SETUP
    assert "takes two valuations" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("entry", "said", "code"),
    [
        (b"hello", "is not one of a venue", Exit.SETUP),
        (b"[1]", "is not one of a venue", Exit.SETUP),
        (b'{"events":[{"type":"Nope"}]}', "does not decode", Exit.CHECK_FAILED),
        (b'{"hedge":{"type":"Nope"}}', "does not decode", Exit.CHECK_FAILED),
        (b'{"other":1}', "no settled batch", Exit.SETUP),
    ],
)
def test_a_sound_journal_of_another_program_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], entry: bytes, said: str, code: Exit
) -> None:
    with Journal(tmp_path / "journal", b"another program") as journal:
        journal.append([entry])
    assert run(["report", "pnl", str(tmp_path)]) == code
    assert said in capsys.readouterr().err
