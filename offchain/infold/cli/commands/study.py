# SPDX-License-Identifier: Apache-2.0
"""Commands of people who measure a venue: the demo, replays of recorded markets, calibration,
the doctor.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from infold.cli.pages.calibration import of_calibration, of_funding
from infold.cli.pages.runs import of_run
from infold.cli.terminal import Exit, Json, Quiet, Seed, finish, progress, show


def register(app: typer.Typer) -> None:
    """Add these commands to the root."""
    app.command()(demo)
    app.command()(replay)
    app.command()(calibrate)
    app.command()(doctor)


Html = Annotated[
    Path | None,
    typer.Option("--html", help="Also write a picture of the run: one self-contained page."),
]
Keep = Annotated[
    Path | None,
    typer.Option(
        "--keep", help="Keep the journal in this new directory; else it goes with the run."
    ),
]

Market = Annotated[
    list[str] | None,
    typer.Option(
        "--market",
        metavar="NAME=FILE",
        help="A file's market, where its name does not say; repeatable.",
    ),
]


def demo(
    seed: Seed = 1,
    html: Html = None,
    keep: Keep = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """The whole venue on a local chain: 200 seeded traders, 8 markets, to a reconciled and audited
    end.
    """
    from infold.cli.runs.demo import run_demo

    with progress(quiet) as steps:
        document = run_demo(seed, html=html, keep=keep, steps=steps)
    finish(document, as_json, f"infold demo, seed {seed}", of_run)


def replay(
    files: Annotated[list[Path], typer.Argument(help="Trade files, .csv .zip .gz or .parquet.")],
    quotes: Annotated[
        list[Path] | None,
        typer.Option("--quotes", help="Best bid and ask of one market; repeatable."),
    ] = None,
    market: Market = None,
    slippage_bps: Annotated[
        float,
        typer.Option(
            "--slippage-bps", min=0, max=5_000, help="How far limits lie beyond recorded prices."
        ),
    ] = 10.0,
    accounts: Annotated[
        int,
        typer.Option(
            "--accounts",
            min=1,
            max=5_000,
            help="Traders that send the trades of files without accounts.",
        ),
    ] = 100,
    interval_ms: Annotated[
        int,
        typer.Option(
            "--interval-ms", min=100, max=10_000, help="Time between batches, in the data's time."
        ),
    ] = 1_000,
    seed: Seed = 1,
    html: Html = None,
    keep: Keep = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Send a recorded market's orders through the whole venue, in the data's own time.

    Each trade of an anonymous file becomes an immediate order of one of --accounts traders; each
    fill of a file with accounts becomes part of its own account's order. Prices are the recorded
    mid (--quotes), else the last trade before the batch. Files that do not overlap in time are
    separate runs.

    Layouts, told by their columns: trades, aggTrades and bookTicker dumps (spot and futures, with
    or without header, ms or us), Parquet trades with trade_ts_ms or exch_ts_ms, quotes with bid_px
    and ask_px or best_bid and best_ask, account fills with account, coin, px, sz, side, time_ms,
    oid and crossed. A recorded trader does not react to the prices it gets here: read the shares
    with that in mind.
    """
    from infold.cli.runs.replay import run_replay

    refuse_twice(files)
    with progress(quiet) as steps:
        document = run_replay(
            files,
            quotes or [],
            overrides(market or [], [*files, *(quotes or [])]),
            slippage_bps=slippage_bps,
            traders=accounts,
            interval_ms=interval_ms,
            seed=seed,
            html=html,
            keep=keep,
            steps=steps,
        )
    finish(document, as_json, "infold replay", of_run)


def calibrate(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Trade files, .csv .zip .gz or .parquet.")
    ] = None,
    quotes: Annotated[
        list[Path] | None,
        typer.Option("--quotes", help="Best bid and ask of one market; repeatable."),
    ] = None,
    books: Annotated[
        list[Path] | None,
        typer.Option("--books", help="Book updates or snapshots of one market; repeatable."),
    ] = None,
    bars: Annotated[
        list[Path] | None,
        typer.Option("--bars", help="Klines or other bars, one market or several; repeatable."),
    ] = None,
    funding: Annotated[
        Path | None,
        typer.Option(
            "--funding",
            exists=True,
            dir_okay=False,
            help="Recorded funding rates, alone: cap and velocity of them.",
        ),
    ] = None,
    mm_e6: Annotated[
        int,
        typer.Option("--mm-e6", min=2_500, max=10**6, help="Maintenance margin, for --funding."),
    ] = 30_000,
    html: Annotated[
        Path | None,
        typer.Option("--html", help="Also write what --funding chose as a page with pictures."),
    ] = None,
    market: Market = None,
    fee_bp: Annotated[
        float,
        typer.Option("--fee-bp", min=0, max=100, help="What a taker pays outside, in bp."),
    ] = 0.0,
    interval_ms: Annotated[
        int, typer.Option("--interval-ms", min=100, max=600_000, help="Time between batches.")
    ] = 1_000,
    capital_m: Annotated[
        float,
        typer.Option(
            "--capital-m",
            min=1e-6,
            max=1e6,
            help="What a market may lose in a day, in millions, for the proposed position cap.",
        ),
    ] = 0.25,
    out: Annotated[
        Path | None, typer.Option("--out", help="Also write the parameters, by market, as JSON.")
    ] = None,
    seed: Seed = 1,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Calibrate a dealer on your own market files: what it should believe of each market in them.

    Start with what Binance publishes a day, as downloaded (zip, gz or csv;
    futures or spot):

      infold calibrate BTCUSDT-trades-2024-08-08.zip \\
        --quotes BTCUSDT-bookTicker-2024-08-08.zip \\
        --bars BTCUSDT-1m-2024-08.zip --fee-bp 2 --out parameters.json

    Trades or aggTrades give the ladder of sizes and rates, and the largest
    offer a batch needs; with quotes of the same time (bookTicker) also the
    slope of demand, the spread, and impact with its decay. Books (updates with
    their snapshot in Parquet, depth rows with the ..._depth_snap file beside
    them, or whole snapshots) give depth and the cost of size. Bars (klines)
    give a forecast of volatility in place of the record's own: a month of
    minutes or some months of hours will do.

    More is better: an hour of trades and quotes at least, a day if you can.
    What no file tells keeps a standing figure and is listed as assumed, with
    the reason. Three figures not to take on trust: risk aversion is yours to
    choose; the slope of demand is an upper bound; decays of impact slower than
    the record is long cannot be told apart.

    Layouts are told by columns; infold replay --help lists those of trades and
    quotes. Damage is refused with its row and time: NaN, crossed or disordered
    rows, a lost book update. Gaps and other oddities are flagged, with the
    first row and time of each, and never filled.

    Several markets recorded at one time also give their correlation: shrunk, of returns
    over bars, minutes or ten seconds that all of them share. A desk that is told it leans
    one market's curve on the others' inventory.

    --funding takes recorded rates (Parquet: ts_utc, venue, symbol, funding_rate) and gives the cap
    of a market's rate and how fast it may move, for its parameters on chain; --html draws it.

    --out writes one object by market, which `infold devnet --dealer` takes; --json has
    every estimate with its interval, its rows and its source.
    """
    from infold.cli.findings.calibrate import run_calibrate, run_funding

    named = [*(files or []), *(quotes or []), *(books or []), *(bars or [])]
    if funding is not None:
        if named:
            raise typer.BadParameter("takes no other file beside it", param_hint="--funding")
        finish(run_funding(funding, mm_e6, html), as_json, "infold calibrate", of_funding)
        return
    if html is not None:
        raise typer.BadParameter("is the picture of --funding", param_hint="--html")
    with progress(quiet) as steps:
        document = run_calibrate(
            files or [],
            quotes or [],
            books or [],
            bars or [],
            overrides(market or [], named),
            fee_bp=fee_bp,
            interval_ms=interval_ms,
            capital_m=capital_m,
            out=out,
            seed=seed,
            steps=steps,
        )
    finish(document, as_json, "infold calibrate", of_calibration)


def refuse_twice(files: list[Path]) -> None:
    """A file named twice would be traded twice."""
    seen: set[Path] = set()
    for file in files:
        if file.resolve() in seen:
            raise typer.BadParameter(f"{file} is named twice; name each file once")
        seen.add(file.resolve())


def overrides(pairs: list[str], files: list[Path]) -> dict[Path, str]:
    """``NAME=FILE`` pairs by file; a file may be named by its path or its last part."""
    found: dict[Path, str] = {}
    for pair in pairs:
        name, equals, place = pair.partition("=")
        if not equals or not name or not place:
            raise typer.BadParameter(f"{pair!r} is not NAME=FILE", param_hint="--market")
        if not name.isascii() or not name.isprintable() or " " in name or len(name) > 20:
            raise typer.BadParameter(
                f"{name!r} is no market name: up to 20 printable ASCII characters",
                param_hint="--market",
            )
        named = [file for file in files if file == Path(place) or file.name == place]
        if len(set(named)) != 1:
            raise typer.BadParameter(
                f"{place!r} names {len(set(named))} of the files given", param_hint="--market"
            )
        found[named[0]] = name
    return found


# -- the environment ---------------------------------------------------------


def doctor(as_json: Json = False) -> None:
    """Look the environment over; each failing line says how to mend it."""
    from infold.cli.findings.doctor import examine, told

    document = examine()
    show(document, as_json, "", told)
    if not document["ok"]:
        raise typer.Exit(Exit.SETUP)
