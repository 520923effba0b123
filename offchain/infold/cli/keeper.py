# SPDX-License-Identifier: Apache-2.0
"""`infold keeper`: liquidates whom the published prices broke."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infold.cli.header import header
from infold.cli.options import (
    API_URL,
    RPC_URL,
    ApiUrl,
    Book,
    KeyFile,
    Keystore,
    PasswordFile,
    RpcUrl,
)
from infold.cli.terminal import Exit, Json, Quiet, Steps, progress, show

if TYPE_CHECKING:
    from infold.cli.onchain import Desk
    from infold.shell.keeper import Broken, Watch

PLACES = 16
"""Positions an account can hold: so often one may be liquidated at one vector."""


def keeper(
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
    interval_s: Annotated[
        float, typer.Option("--interval-s", min=0.1, max=60.0, help="Between two looks.")
    ] = 1.0,
    rpc_url: RpcUrl = RPC_URL,
    api_url: ApiUrl = API_URL,
    book: Book = None,
    key_file: KeyFile = None,
    keystore: Keystore = None,
    password_file: PasswordFile = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Liquidate every account that the last published prices put below maintenance margin.

    Needs a node, a key that pays gas, and nothing of the venue's: prices come from its last batch.
    With --json one document a look that did something, with --once always one.
    """
    from infold.cli.onchain import Desk
    from infold.cli.options import venue, wallet
    from infold.shell.keeper import Watch

    there = venue(rpc_url, api_url, book)
    key = wallet(key_file, keystore, password_file, there.book.chain_id)
    desk, watch = Desk(there, key), Watch(there)
    with progress(quiet) as steps:
        while True:
            steps.say(f"looking from block {watch.block + 1}")
            found = look(watch, desk, account, steps)
            if once or found["liquidations"] or found["refused"]:
                show({**header("keeper"), **found}, as_json, "infold keeper")
            if once:
                break
            time.sleep(interval_s)
    if found["refused"]:
        raise typer.Exit(Exit.REVERTED)


def look(watch: Watch, desk: Desk, keeper_account: int, steps: Steps) -> dict[str, Any]:
    """Follow the chain and liquidate whom it allows; what came of it."""
    watch.follow()
    broken = watch.broken()
    done: list[dict[str, Any]] = []
    refused: list[dict[str, Any]] = []
    for number, case in enumerate(broken):
        steps.at(number, len(broken), f"account {case.account}")
        _liquidate(watch, desk, case, keeper_account, done, refused)
    return {
        "block": watch.block,
        "vector_ms": watch.vector_ms,
        "fresh": watch.fresh,
        "holders": len(watch.holders),
        "broken": len(broken),
        "liquidations": done,
        "refused": refused,
        "unjudged": [
            {"account": account, "reason": reason}
            for account, reason in sorted(watch.unjudged.items())
        ],
        "ok": not refused,
    }


def _liquidate(
    watch: Watch,
    desk: Desk,
    case: Broken,
    keeper_account: int,
    done: list[dict[str, Any]],
    refused: list[dict[str, Any]],
) -> None:
    """One account, its largest position first, until it is healthy again or nobody may."""
    from infold.cli.onchain import named
    from infold.shell.chain import Reverted

    assert watch.vector is not None
    for _ in range(PLACES):
        try:
            logs = desk.send(
                "Recovery", "liquidate", *watch.vector, case.account, case.place, keeper_account
            )
        except Reverted as reverted:
            # Somebody else was faster, or the pool has no room: the next look asks again.
            refused.append(
                {"account": case.account, "index": case.place, "reason": reverted.reason}
            )
            return
        earned = sum(
            int(log.arguments["amount_e6"])
            for log in logs
            if log.name == "CollateralMoved"
            and keeper_account == log.arguments["account"] != case.account
        )
        covered = [log.arguments for log in logs if log.name == "Covered"]
        done.append(
            {
                "account": case.account,
                "index": case.place,
                "size_e8": str(named(logs, "Liquidated")["size_e8"]),
                "earned_e6": str(earned),
                "debt_e6": str(sum(it["insurance_e6"] + it["pool_e6"] for it in covered)),
            }
        )
        again = watch.judge(case.account)
        if again is None:
            return
        case = again
