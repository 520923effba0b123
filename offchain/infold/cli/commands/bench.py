# SPDX-License-Identifier: Apache-2.0
"""`infold bench`: what is measured, beside the limit it is held to."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from infold.cli.header import completed
from infold.cli.pages.benches import of_admission, of_auction, of_dealer, of_gas, of_self_dealing
from infold.cli.terminal import Json, Quiet, Seed, finish, progress

commands = typer.Typer(
    no_args_is_help=True,
    help="Gas, admission, auction, dealer and self-dealing against their limits.",
)


def register(app: typer.Typer) -> None:
    """Add these commands to the root."""
    app.add_typer(commands, name="bench")


@commands.command("gas")
def bench_gas(seed: Seed = 1, quiet: Quiet = False, as_json: Json = False) -> None:
    """Gas of settle by case, from receipts on anvil, against the committed budgets."""
    from infold.bench.gas.run import run

    began = time.monotonic()
    with progress(quiet) as steps:
        figures = run(seed, steps.say)
    document = completed("bench gas", seed, began, figures)
    finish(document, as_json, "infold bench gas", of_gas)


@commands.command("admission")
def bench_admission(
    orders: Annotated[int, typer.Option("--orders", min=500, help="Orders of one run.")] = 10_000,
    seed: Seed = 1,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """From JSON bytes to accepted and journalled, beside bare signature recovery."""
    from infold.bench import admission

    began = time.monotonic()
    with progress(quiet) as steps:
        steps.say(f"{orders} orders, interleaved with bare recovery")
        figures = admission.run(seed, orders)
    document = completed("bench admission", seed, began, figures)
    finish(document, as_json, "infold bench admission", of_admission)


@commands.command("auction")
def bench_auction(seed: Seed = 1, quiet: Quiet = False, as_json: Json = False) -> None:
    """100,000 orders over 20 markets, beside numpy's scatter; and against brute force."""
    from infold.bench import auction

    began = time.monotonic()
    with progress(quiet) as steps:
        steps.say("100,000 orders over 20 markets")
        figures = auction.run(seed)
    document = completed("bench auction", seed, began, figures)
    finish(document, as_json, "infold bench auction", of_auction)


@commands.command("dealer")
def bench_dealer(
    group: Annotated[
        list[str] | None,
        typer.Option("--group", help="Only this group of figures; repeatable. Default: all eight."),
    ] = None,
    workers: Annotated[
        int, typer.Option("--workers", min=1, max=256, help="Processes that simulate paths.")
    ] = 2,
    seed: Seed = 1,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """What the dealer earns, beside exact bounds, in simulation and on recorded markets.

    Groups: golden (closed forms and exact solutions), e0 (the paper's market), e0_auction (the same
    flow in batches), e1b (informed clients), e4 (impact misjudged), crash, recorded, speed.
    crash and recorded read INFOLD_DATA.
    """
    from infold.bench.dealer.run import GROUPS, run
    from infold.config import data_directory, load

    for name in group or ():
        if name not in GROUPS:
            raise typer.BadParameter(
                f"{name!r} is none of {', '.join(GROUPS)}", param_hint="--group"
            )
    began = time.monotonic()
    with progress(quiet) as steps:
        figures = run(group or GROUPS, seed, workers, data_directory(load()), steps.say)
    document = completed("bench dealer", seed, began, figures)
    finish(document, as_json, "infold bench dealer", of_dealer)


@commands.command("self-dealing")
def bench_self_dealing(seed: Seed = 1, quiet: Quiet = False, as_json: Json = False) -> None:
    """The most a matcher and its friend, who know the next window, take from the pool in a day."""
    from infold.bench.hindsight.run import run

    began = time.monotonic()
    with progress(quiet) as steps:
        figures = run(seed, steps.say, steps.at)
    document = completed("bench self-dealing", seed, began, figures)
    finish(document, as_json, "infold bench self-dealing", of_self_dealing)
