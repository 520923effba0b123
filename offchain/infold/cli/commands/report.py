# SPDX-License-Identifier: Apache-2.0
"""``infold report``: what a run's journal says of execution, profit, oracle and risk."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infold.cli.header import completed
from infold.cli.outputs import must_be_writable, write_output
from infold.cli.pages.reports import of_best_execution, of_oracle, of_profit, of_risk
from infold.cli.terminal import Json, complain, finish
from infold.errors import Misconfigured

if TYPE_CHECKING:
    from infold.reports.facts import Record
    from infold.reports.oracle import Quoted
    from infold.reports.outside_reference import OutsideReference

report_group = typer.Typer(
    no_args_is_help=True,
    help="Best execution, profit, oracle and risk from the journal of a run (--keep).",
)

Directory = Annotated[
    Path,
    typer.Argument(
        help="Where a run kept its journal: what demo, replay or devnet got as --keep.",
        exists=True,
        file_okay=False,
    ),
]
Html = Annotated[
    Path | None, typer.Option("--html", help="Also write one self-contained page with pictures.")
]
SpreadBp = Annotated[
    float | None,
    typer.Option(
        "--outside-spread-bp",
        min=0,
        max=1_000,
        help="Half-spread of the outside reference, bp; the dealer's own belief if left out.",
    ),
]
FeeBp = Annotated[
    float,
    typer.Option("--outside-fee-bp", min=0, max=1_000, help="Taker fee of the reference, bp."),
]
ImpactBp = Annotated[
    float | None,
    typer.Option(
        "--outside-impact-bp",
        min=0,
        max=1_000,
        help="What a million costs at the reference on top, bp; the dealer's belief if left out.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add these commands to the root."""
    app.add_typer(report_group, name="report")


@report_group.command("best-execution")
def best_execution_command(
    journal: Directory,
    period_s: Annotated[
        int | None,
        typer.Option(
            "--period-s",
            min=1,
            help="Length of a period; a minute, an hour or a day by the run's length if left out.",
        ),
    ] = None,
    clients: Annotated[
        bool, typer.Option("--clients", help="Also each account's costs (with --json).")
    ] = False,
    outside_spread_bp: SpreadBp = None,
    outside_fee_bp: FeeBp = 0.0,
    outside_impact_bp: ImpactBp = None,
    html: Html = None,
    as_json: Json = False,
) -> None:
    """How orders fared: shares crossed, warehoused and hedged, spreads, improvement against a named
    outside reference of the same size, fill rates and rejects by size and kind.
    """
    from infold.reports.best_execution import best_execution
    from infold.reports.execution import by_client, costs, largest_gap
    from infold.reports.html import best_execution_page

    reference = _reference(outside_spread_bp, outside_fee_bp, outside_impact_bp)

    def made(record: Record) -> tuple[dict[str, Any], Callable[[], str]]:
        found = best_execution(record, reference, period_s)
        fills = costs(record, reference)
        gap = largest_gap(fills)
        document = {**found, "largest_gap": gap, "ok": gap <= 1e-9}
        if clients:
            document["clients"] = by_client(fills)
        return document, lambda: best_execution_page(found, fills)

    _report("best-execution", journal, made, html, as_json, of_best_execution)


@report_group.command("pnl")
def pnl_command(journal: Directory, html: Html = None, as_json: Json = False) -> None:
    """Where the venue's own profit came from, day by day and market by market: at most 1 % of the
    gross may stay unexplained.
    """
    from infold.reports.html import profit_page
    from infold.reports.profit import profit

    def made(record: Record) -> tuple[dict[str, Any], Callable[[], str]]:
        found = profit(record)
        return found, lambda: profit_page(found, record)

    _report("pnl", journal, made, html, as_json, of_profit)


@report_group.command("oracle")
def oracle_command(
    journal: Directory,
    quotes: Annotated[
        list[Path] | None,
        typer.Option(
            "--quotes",
            help="Recorded best bid and ask of one of the run's markets; repeatable.",
        ),
    ] = None,
    market: Annotated[
        list[str] | None,
        typer.Option(
            "--market",
            metavar="NAME=FILE",
            help="A quotes file's market, where its name does not say; repeatable.",
        ),
    ] = None,
    html: Html = None,
    as_json: Json = False,
) -> None:
    """The oracle's prices: gaps, moves, how far batches bent from them, and, with recorded quotes,
    how far they stood from what could be traded.
    """
    from infold.reports.html import oracle_page
    from infold.reports.oracle import oracle

    def made(record: Record) -> tuple[dict[str, Any], Callable[[], str]]:
        found = oracle(record, _quoted(record, quotes or [], market or []))
        return found, lambda: oracle_page(found, record)

    _report("oracle", journal, made, html, as_json, of_oracle)


@report_group.command("risk")
def risk_command(
    journal: Directory,
    outside_spread_bp: SpreadBp = None,
    outside_fee_bp: FeeBp = 0.0,
    outside_impact_bp: ImpactBp = None,
    html: Html = None,
    as_json: Json = False,
) -> None:
    """What the pool carries, how fast it works it off and at what cost: spread and basis risk,
    holding times, value at risk.
    """
    from infold.reports.html import risk_page
    from infold.reports.risk import risk

    reference = _reference(outside_spread_bp, outside_fee_bp, outside_impact_bp)

    def made(record: Record) -> tuple[dict[str, Any], Callable[[], str]]:
        found = risk(record, reference)
        return found, lambda: risk_page(found, record)

    _report("risk", journal, made, html, as_json, of_risk)


# -- shared --------------------------------------------------------------------


def _report(
    name: str,
    journal: Path,
    made: Callable[[Record], tuple[dict[str, Any], Callable[[], str]]],
    html: Path | None,
    as_json: bool,
    page: Callable[[Mapping[str, Any]], list[str]],
) -> None:
    """Read the journal, make the report, write and print it."""
    from infold.cli.findings.facts import facts_of
    from infold.reports.facts import TooFewFacts, recorded

    began = time.monotonic()
    must_be_writable(html, "--html")
    record = recorded(facts_of(journal))
    try:
        document, pictured = made(record)
    except TooFewFacts as error:
        raise Misconfigured(
            f"{journal} holds too little for this report: {error}; let the venue run on"
        ) from error
    if html is not None:
        write_output(html, pictured(), "--html")
        complain(f"page written to {html}")
    finish(
        completed(f"report {name}", None, began, document), as_json, f"infold report {name}", page
    )


def _reference(spread_bp: float | None, fee_bp: float, impact_bp: float | None) -> OutsideReference:
    """The reference the options name; what they leave out is the dealer's belief."""
    from infold.reports.outside_reference import OutsideReference, believed

    believe = believed(fee_bp=fee_bp)
    if spread_bp is None and impact_bp is None and not fee_bp:
        return believe
    half_spread_bp = believe.half_spread_bp if spread_bp is None else spread_bp
    size_bp = believe.impact_bp_per_m if impact_bp is None else impact_bp
    return OutsideReference(
        name=f"taker outside at {half_spread_bp:g} bp, fee {fee_bp:g} bp, {size_bp:g} bp a million",
        half_spread_bp=half_spread_bp,
        fee_bp=fee_bp,
        impact_bp_per_m=size_bp,
    )


def _quoted(record: Record, files: list[Path], pairs: list[str]) -> dict[int, list[Quoted]]:
    """Recorded quotes by the run's market ids, in its units. `Misconfigured` if a file is of none
    of its markets.
    """
    from infold.cli.commands.study import overrides
    from infold.reports.oracle import Quoted
    from infold.research.listings import names_of
    from infold.research.recorded import read_quotes

    numbers = {listed.name: number for number, listed in record.listed.items()}
    named = overrides(pairs, files)
    found: dict[int, list[Quoted]] = {}
    for file in files:
        quotes = read_quotes(file, named.get(file))
        powers = names_of(quotes.market)
        name = next((name for name in powers if name in numbers), None)
        if name is None:
            raise Misconfigured(
                f"{file} quotes {quotes.market}, which the run did not list"
                f" ({', '.join(sorted(numbers)[:8])}); name its market with --market NAME=FILE"
            )
        unit = 10.0 ** powers[name]
        price, size = 1e8 * unit, 1e8 / unit
        rows = [
            Quoted(*row)
            for row in zip(
                quotes.time_ms.tolist(),
                (quotes.bid * price).tolist(),
                (quotes.ask * price).tolist(),
                strict=True,
            )
        ]
        if quotes.bid_size is not None and quotes.ask_size is not None:
            sizes = zip(
                (quotes.bid_size * size).tolist(), (quotes.ask_size * size).tolist(), strict=True
            )
            rows = [
                replace(row, bid_size_e8=bid, ask_size_e8=ask)
                for row, (bid, ask) in zip(rows, sizes, strict=True)
            ]
        found[numbers[name]] = rows
    return found
