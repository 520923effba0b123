# SPDX-License-Identifier: Apache-2.0
"""`infold keeper`: liquidates whom the published prices broke, or deleverages the other side where
the pool cannot, folds what sides owe, lets out who asked to leave (`letting_out.py`), and collects
fees (`collecting.py`).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import typer

from infold.cli.caller import Caller, on_chain
from infold.cli.commands.collecting import FEES_E6_LEAST, FEES_LEAST, Collecting, collect_fees
from infold.cli.commands.letting_out import LettingOut, MarketNames, Row, why_refused
from infold.cli.news import News
from infold.cli.numbers import canonical
from infold.cli.options import CONNECTIONS
from infold.cli.pages.keeper import of_look
from infold.cli.signers import signers_of_texts
from infold.cli.terminal import Json, Quiet, Steps, complain, progress, show_command
from infold.errors import InfoldError, Unavailable
from infold.units import AMOUNT_DECIMALS, PLACES, parse_decimal
from infold.words import SettleHead, pack_settle_head

if TYPE_CHECKING:
    from infold.cli.commands.letting_out import Collect
    from infold.cli.onchain import Party
    from infold.shell.chain import Log, Venue
    from infold.shell.exits import Vector
    from infold.shell.keeper import Broken, Watch

NOTHING_TO_FOLD: Final = "recovery: nothing to fold"
"""Somebody else folded first."""


@on_chain
def keeper(
    caller: Caller,
    account: Annotated[
        int,
        typer.Option(
            "--account",
            min=0,
            max=2**32 - 1,
            help="The account that earns half of each penalty; 0 leaves all of it to insurance.",
        ),
    ] = 0,
    once: Annotated[bool, typer.Option("--once", help="One look, then leave.")] = False,
    signer: Annotated[
        list[str] | None,
        typer.Option(
            "--signer",
            envvar="INFOLD_SIGNERS",
            help="An oracle signer as ADDRESS=URL, all that are known, in the variable parted by"
            " blanks or commas: those who serve sign the prices of a forced exit's appointed time."
            " Without them an exit waits for a batch of that time.",
        ),
    ] = None,
    fees_least: Annotated[
        str,
        typer.Option(
            "--fees-least",
            callback=canonical,
            help="Leave a market's fees where they are that are less: dollars.",
        ),
    ] = FEES_LEAST,
    interval_s: Annotated[
        float, typer.Option("--interval-s", min=0.1, max=60.0, help="Between two looks.")
    ] = 1.0,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Liquidate every account that the last published prices put below maintenance margin, or
    deleverage where the pool cannot take it; fold what sides owe; carry out forced exits whose time
    has come, and end those whose position was closed since; hand markets' fees to insurance and
    treasury, one market a look and none while an account is broken, which pays the keeper nothing.

    Needs a node, a key that pays gas, and nothing of the venue's: prices come from its last batch.
    With --json one document a look that did something or found something new that it cannot do,
    with --once always one. With --once it leaves with 7 where a contract refused, with 3 where an
    exit waits for want of --signer, with 6 where it waits for its next time or for its signers, or
    where a transaction is not mined: nothing is sent behind one that waits.
    """
    from infold.shell.chain import Reverted
    from infold.shell.keeper import Watch

    fees_e6_least = max(1, parse_decimal(fees_least, AMOUNT_DECIMALS, "fees-least"))
    party = caller.party()
    there, watch, news = party.venue, Watch(party.venue), News()
    collect, names = _collector(signer or [], there), MarketNames(there["Clearing"])
    with progress(quiet) as steps:
        steps.say(f"looking from block {watch.block + 1}")
        while not once:
            try:
                found, _ = look(watch, party, names, account, collect, steps, fees_e6_least)
                is_new, line = news.of(found)
                if line:
                    steps.say(line)
                if is_new:
                    show_command("keeper", found, as_json, "infold keeper", of_look)
            except Unavailable as error:
                if line := news.of_trouble(str(error)):
                    complain(line)
            time.sleep(interval_s)
        found, overdue = look(watch, party, names, account, collect, steps, fees_e6_least)
    show_command("keeper", found, as_json, "infold keeper", of_look)
    for one in found["refused"]:
        whom = f"the keeper's call for account {one['account']} in {one['market']}"
        raise Reverted(one["reason"], whom, one["next"])
    for why in overdue:
        raise why


def _collector(signers: list[str], there: Venue) -> Collect | None:
    """How to get the vector of a moment from the oracle's signers; None if none are named."""
    urls = signers_of_texts(signers)
    if not urls:
        return None
    from infold.shell.chain import block
    from infold.shell.oracle import ChainRoster, Collector
    from infold.signing import Domain

    oracle = there["Oracle"]
    domain = Domain(there.book.chain_id, oracle.address)
    collector = Collector(urls, ChainRoster(oracle), domain)
    CONNECTIONS.callback(collector.close)
    try:
        collector.require(block(there.rpc).timestamp_s * 1_000)
    except Unavailable as few:
        complain(str(few))  # exits will wait; what needs no new prices goes on

    def collect(time_ms: int) -> Vector:
        vector = collector.collect(time_ms)
        head = pack_settle_head(SettleHead(0, time_ms, vector.chunks, vector.opened))
        return head, vector.openings, vector.signatures

    return collect


class Look(NamedTuple):
    """What a look found and did, and why it left exits whose time had come, or fees."""

    found: Row
    overdue: list[InfoldError]


def look(
    watch: Watch,
    party: Party,
    names: MarketNames,
    keeper_account: int,
    collect: Collect | None,
    steps: Steps,
    fees_e6_least: int = FEES_E6_LEAST,
) -> Look:
    """Follow the chain, liquidate whom it allows, let out whose time has come, and last, since it
    does not hurry and only while nobody is broken, collect fees; what came of it. Raises
    `Unavailable` while what the key sent before waits to be mined.
    """
    done: list[Row] = []
    refused: list[Row] = []
    party.require_nothing_waiting()
    watch.follow()
    folds = _fold(watch, party, names, refused)
    broken = watch.broken()
    for number, case in enumerate(broken):
        steps.at(number, len(broken), f"account {case.account}")
        _liquidate(watch, party, names, case, keeper_account, done, refused)
    if any(it["deleveraged"] for it in done):
        watch.follow()
        folds += _fold(watch, party, names, refused)
    leaving = LettingOut(watch, party, names, collect)
    leaving.run()
    refused += leaving.refused
    fees = Collecting([], [], [])
    if not broken:
        fees = collect_fees(watch, party, names, fees_e6_least)
    overdue = [*leaving.overdue, *fees.why]
    found = {
        "block": watch.block,
        "block_ms": watch.block_ms,
        "vector_ms": watch.vector_ms,
        "fresh": watch.fresh,
        "holders": len(watch.holders),
        "broken": len(broken),
        "liquidations": done,
        "folds": folds,
        "exits": leaving.done,
        "exits_ended": leaving.ended,
        "exits_waiting": leaving.waiting,
        "fees_collected": fees.done,
        "fees_left": fees.left,
        "refused": refused,
        "unjudged": [
            {"account": account, "reason": reason}
            for account, reason in sorted(watch.unjudged.items())
        ],
        "ok": not refused and not overdue,
    }
    return Look(found, overdue)


def _fold(watch: Watch, party: Party, names: MarketNames, refused: list[Row]) -> list[Row]:
    """Let positions give up what their side owes, so that they can trade again."""
    from infold.shell.chain import Reverted

    folded = []
    for account, place, market in watch.late():
        row: Row = {"account": account, "market": names.of(market), "index": place}
        try:
            party.send("Recovery", "fold", account, place)
        except Reverted as reverted:
            if reverted.reason != NOTHING_TO_FOLD:
                refused.append(row | why_refused(reverted))
            continue
        folded.append(row)
    return folded


def _shrink(watch: Watch, party: Party, case: Broken, keeper_account: int) -> tuple[str, list[Log]]:
    """One position against the pool, or against the other side where the pool cannot: of who owes
    money the other side is asked first.
    """
    from infold.shell.chain import Reverted

    assert watch.vector is not None
    arguments = (*watch.vector, case.account, case.place, keeper_account)
    doors = ("deleverage", "liquidate") if case.equity_e6 < 0 else ("liquidate", "deleverage")
    try:
        return doors[0], party.send("Recovery", doors[0], *arguments)
    except Reverted as reverted:
        if reverted.reason not in ("recovery: pool is full", "recovery: pool has room"):
            raise
    return doors[1], party.send("Recovery", doors[1], *arguments)


def _liquidate(
    watch: Watch,
    party: Party,
    names: MarketNames,
    case: Broken,
    keeper_account: int,
    done: list[Row],
    refused: list[Row],
) -> None:
    """One account, its largest position first, until it is healthy again or nobody may."""
    from infold.cli.onchain import named
    from infold.shell.chain import Reverted

    for _ in range(PLACES):  # each position once at one vector
        row = {"account": case.account, "market": names.of(case.market), "index": case.place}
        try:
            door, logs = _shrink(watch, party, case, keeper_account)
        except Reverted as reverted:
            # Somebody else was faster, or has to fold first: the next look asks again.
            refused.append(row | why_refused(reverted))
            return
        earned = sum(
            int(log.arguments["amount_e6"])
            for log in logs
            if log.name == "CollateralMoved"
            and keeper_account == log.arguments["account"] != case.account
        )
        covered = [log.arguments for log in logs if log.name == "Covered"]
        done.append(
            row
            | {
                "size_e8": str(named(logs, "Liquidated")["size_e8"]),
                "deleveraged": door == "deleverage",
                "earned_e6": str(earned),
                "debt_e6": str(sum(it["insurance_e6"] + it["pool_e6"] for it in covered)),
            }
        )
        again = watch.judge(case.account)
        if again is None:
            return
        case = again
