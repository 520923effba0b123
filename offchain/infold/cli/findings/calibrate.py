# SPDX-License-Identifier: Apache-2.0
"""``infold calibrate``: from one's own files to the parameters a desk takes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import typer

from infold.cli.header import header
from infold.cli.outputs import must_be_writable, write_output
from infold.cli.terminal import Steps
from infold.dealer.volatility import MarginBounds, MarginRule, propose_margins
from infold.errors import Misconfigured
from infold.research.calibration.correlation import CorrelationFound, correlation_of
from infold.research.calibration.funding import (
    DAY_S,
    SLICE_S,
    by_market,
    choose_funding,
    read_funding,
)
from infold.research.calibration.market import (
    CORRELATION,
    Calibration,
    calibrate,
    dump_parameters,
)
from infold.research.calibration.notes import Estimate, Sources
from infold.research.calibration.orders import ORDERS_MIN, takers
from infold.research.faults import TooLittle
from infold.research.recorded import (
    Bars,
    Books,
    Quotes,
    Trades,
    read_bars,
    read_books,
    read_quotes,
    read_trades,
)

LEVELS = 50  # as deep as the costs of a desk's own hedges reach

Stream = Trades | Quotes | Books | Bars
StreamT = TypeVar("StreamT", Trades, Quotes, Books, Bars)


def run_calibrate(
    files: Sequence[Path],
    quotes: Sequence[Path],
    books: Sequence[Path],
    bars: Sequence[Path],
    overrides: Mapping[Path, str],
    *,
    fee_bp: float,
    interval_ms: int,
    capital_m: float,
    out: Path | None,
    seed: int,
    steps: Steps,
) -> dict[str, Any]:
    """Calibrate every market the files speak of; the object the command prints."""
    began = time.monotonic()
    if not (files or quotes or bars):
        raise typer.BadParameter("give trades, --quotes or --bars", param_hint="FILES")
    must_be_writable(out, "--out")
    steps.say(f"reading {len(files) + len(quotes) + len(books) + len(bars)} files")
    tapes = [read_trades(path, overrides.get(path)) for path in files]
    tops = [read_quotes(path, overrides.get(path)) for path in quotes]
    deep = [read_books(path, overrides.get(path), LEVELS) for path in books]
    drawn = [one for path in bars for one in read_bars(path, overrides.get(path))]
    sources, left_out = _sources(tapes, tops, deep, drawn)
    found: list[Calibration] = []
    for one in sources:
        steps.say(f"calibrating {one.market}")
        try:
            found.append(calibrate(one, interval_s=interval_ms / 1_000.0, fee_bp=fee_bp, seed=seed))
        except TooLittle as error:
            left_out[one.market] = str(error)
    if not found:
        reasons = "; ".join(f"{market}: {reason}" for market, reason in left_out.items())
        raise Misconfigured(f"nothing could be calibrated: {reasons}")
    together, apart = _correlation(sources, found)
    if out is not None:
        written = dump_parameters(found, None if together is None else together.correlation)
        write_output(out, written, "--out")
        steps.say(f"parameters written to {out}")
    return {
        **header("calibrate", seed),
        "fee_bp": fee_bp,
        "interval_ms": interval_ms,
        "markets": [_market(one, capital_m) for one in found],
        "correlation": _together(together),
        "left_out": left_out | apart,
        "files": [_file(one) for one in _apart([*tapes, *tops, *deep, *drawn])],
        "seconds": round(time.monotonic() - began, 3),
        "ok": True,
    }


def run_funding(path: Path, mm_e6: int, html: Path | None = None) -> dict[str, Any]:
    """Choose a funding cap and velocity on recorded rates; the object the command prints. `html`
    names a page with its picture.
    """
    began = time.monotonic()
    must_be_writable(html, "--html")
    try:
        series = read_funding(path)
    except TooLittle as error:
        raise Misconfigured(f"nothing could be calibrated: {error}") from error
    found = choose_funding(series, mm_e6)
    document = {
        **header("calibrate"),
        "rate_max_e9": found.rate_max_e9,
        "velocity_e9": found.velocity_e9,
        "mm_e6": mm_e6,
        "bound_by_margin": found.bound_by_margin,
        "covered": round(found.covered, 6),
        "kept_up": round(found.kept_up, 6),
        "day_quantile": round(found.day_quantile, 9),
        "change_quantile": round(found.change_quantile, 9),
        "days": found.days,
        "markets": [
            {"market": name, "median": low, "p99": high, "most": most}
            for name, (low, high, most) in by_market(series).items()
        ],
    }
    if html is not None:
        from infold.reports.funding import funding_page

        days = {one.name: [abs(day) for day in one.days().tolist()] for one in series}
        changes = {one.name: one.changes().tolist() for one in series}
        page = funding_page(document, days, changes, DAY_S // SLICE_S)
        write_output(html, page, "--html")
        document["html"] = str(html)
    return {**document, "seconds": round(time.monotonic() - began, 3), "ok": True}


def _sources(
    tapes: Sequence[Trades],
    tops: Sequence[Quotes],
    deep: Sequence[Books],
    drawn: Sequence[Bars],
) -> tuple[list[Sources], dict[str, str]]:
    """One market's streams together; two files of one kind for one market are refused."""
    left_out: dict[str, str] = {}
    trades: dict[str, Trades] = {}
    for tape in tapes:
        for name in tape.markets:
            taken = takers(tape, name)
            if taken is None or len(taken.side) < ORDERS_MIN:
                left_out[name] = f"fewer than {ORDERS_MIN} taker trades"
                continue
            _place(trades, name, taken)
    quotes: dict[str, Quotes] = {}
    for top in tops:
        _place(quotes, top.market, top)
    books: dict[str, Books] = {}
    for book in deep:
        _place(books, book.market, book)
        quotes.setdefault(book.market, book.quotes())
    bars: dict[str, Bars] = {}
    for one in drawn:
        _place(bars, one.market, one)
    names = sorted({*trades, *quotes, *bars})
    sources = [
        Sources(name, trades.get(name), quotes.get(name), books.get(name), bars.get(name))
        for name in names
    ]
    return sources, {name: why for name, why in left_out.items() if name not in names}


def _correlation(
    sources: Sequence[Sources], found: Sequence[Calibration]
) -> tuple[CorrelationFound | None, dict[str, str]]:
    """How the calibrated markets move together, or why that is not known; nothing of one alone."""
    names = {one.market for one in found}
    if len(names) < 2:
        return None, {}
    try:
        return correlation_of([one for one in sources if one.market in names]), {}
    except TooLittle as error:
        return None, {CORRELATION: str(error)}


def _together(found: CorrelationFound | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "markets": list(found.correlation.markets),
        "matrix": [list(row) for row in found.correlation.matrix],
        "shrinkage": found.shrinkage,
        "moves": found.moves,
        "step_ms": found.step_ms,
        "source": "log returns over common steps, shrunk towards none (Schäfer and Strimmer 2005)",
    }


def _place(places: dict[str, StreamT], market: str, stream: StreamT) -> None:
    if market in places:
        raise typer.BadParameter(
            f"{places[market].facts.path} and {stream.facts.path} both hold {market}; calibrate"
            " them apart, or name one of them with --market",
            param_hint="FILES",
        )
    places[market] = stream


def _apart(streams: Sequence[Stream]) -> list[Stream]:
    """One stream a file: a file of bars may hold several markets."""
    return list({stream.facts.path: stream for stream in streams}.values())


def _file(stream: Stream) -> dict[str, Any]:
    facts = stream.facts
    return {
        "path": facts.path,
        "rows": facts.rows,
        "sha256": facts.sha256,
        "flags": [
            {"kind": flag.kind, "count": flag.count, "row": flag.row, "time_ms": flag.time_ms}
            for flag in stream.flags
        ],
    }


def _market(found: Calibration, capital_m: float) -> dict[str, Any]:
    volatility_bp = found.parameters.volatility_bp
    margins = propose_margins(volatility_bp, MarginBounds(), MarginRule(capital_m=capital_m))
    return {
        "market": found.market,
        "parameters": msgspec.to_builtins(found.parameters),
        "impact": None if found.impact is None else msgspec.to_builtins(found.impact),
        "margins": {
            "initial_e6": margins.initial_e6,
            "maintenance_e6": margins.maintenance_e6,
            "position_cap_m": margins.position_cap_m,
            "bound_by": list(margins.bound_by),
        },
        "estimates": [_estimate(one) for one in found.estimates],
        "assumed": dict(found.assumed),
    }


def _estimate(one: Estimate) -> dict[str, Any]:
    low, high = (None, None) if one.interval is None else one.interval
    return {
        "name": one.name,
        "value": one.value,
        "low": low,
        "high": high,
        "rows": one.rows,
        "source": one.source,
    }
