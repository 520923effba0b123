# SPDX-License-Identifier: Apache-2.0
"""Each report as a page people can read: what it says in words, pictures, then the tables."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from infold.reports.charts import COLOURS, bars, histogram, lines, stacked
from infold.reports.execution import TERMS, Cost
from infold.reports.facts import Record
from infold.reports.oracle import moves_bp
from infold.reports.page import figures, page, paragraph, table
from infold.reports.prices import Prices
from infold.reports.profit import SOURCES, Book, cumulative
from infold.reports.risk import inventory_path

_SHARES: Final = ("crossed_share", "warehoused_share", "hedged_share")
NOT_COMPARED: Final[Mapping[str, Any]] = {
    "distance_bps": None,
    "inside_share": None,
    "executable": {"cost_bps": None, "notional": None},
}
Report = Mapping[str, Any]


def best_execution_page(found: Report, costs: list[Cost]) -> str:
    """How orders fared, with the reference named where it is used."""
    whole = found["whole"]
    terms = whole["costs"]["terms_bps"]
    sections = [
        (
            "What this is",
            paragraph(
                f"{whole['orders']:,} orders, {dollars(whole['notional_e6'])} one-sided. Shares"
                " are kept apart: crossed is traders with traders, warehoused what the pool took"
                " and kept, hedged what was traded outside for it. Costs are against the oracle's"
                " price at acceptance; improvement is against the reference: "
                f"{found['reference']}."
            ),
        ),
        (
            "How the flow was served, by period",
            stacked(
                [
                    (
                        stamp(period["from_s"] * 1_000),
                        {name.removesuffix("_share"): period[name] for name in _SHARES},
                    )
                    for period in found["periods"]
                ],
                "share of notional",
            ),
        ),
    ]
    if terms is not None:
        named = {name: -terms[name] if name == "improvement" else terms[name] for name in TERMS}
        shortfall = {**named, "shortfall": whole["costs"]["shortfall_bps"]}
        sections += [
            ("What a fill cost, by cause (above zero: the client paid)", bars(shortfall, "bp")),
            (
                "Improvement of each fill over the reference, fees counted",
                histogram(
                    [cost.bp(cost.improvement - cost.fees) for cost in costs],
                    "bp (right of the line: better than outside)",
                    "fills",
                ),
            ),
        ]
    sections += [
        ("By size of order", _classes(found["sizes"])),
        ("By time in force", _classes(found["kinds"])),
        ("Every figure", figures({"whole": whole})),
    ]
    return page("Best execution", sections)


def _classes(classes: Mapping[str, Report]) -> str:
    rows = []
    for name, one in classes.items():
        improvement = one["improvement"]
        rows.append(
            (
                name,
                f"{one['orders']:,}",
                percent(one["fill_rate"]),
                number(one["effective_spread_bps"]),
                number(None if improvement is None else improvement["weighted_bps"]),
                percent(None if improvement is None else improvement["better_share"]),
                number(one["costs"]["shortfall_bps"]),
            )
        )
    heads = (
        "class",
        "orders",
        "filled",
        "effective spread, bp",
        "improvement, bp",
        "better than outside",
        "shortfall, bp",
    )
    return table(heads, rows)


def profit_page(found: Report, record: Record) -> str:
    """Where the money came from, and what is not explained."""
    whole = found["whole"]
    sources = {name: int(whole["sources_e6"][name]) / 1e6 for name in SOURCES}
    told = cumulative(record)
    ranked = sorted(SOURCES, key=lambda name: -abs(told[-1][1][name]))[: len(COLOURS)]
    series = {name: [(time_ms, values[name] / 1e6) for time_ms, values in told] for name in ranked}
    rows = [
        (
            stamp(day["to_ms"], day=True),
            *(dollars(day["sources_e6"][name]) for name in SOURCES),
            dollars(day["profit_e6"]),
            f"{day['unexplained_share']:.2%}",
        )
        for day in found["days"]
    ]
    return page(
        "Profit and its sources",
        [
            (
                "What this is",
                paragraph(
                    f"The venue's own book gained {dollars(whole['profit_e6'])}, of which"
                    f" {dollars(whole['unexplained_e6'])} is unexplained"
                    f" ({whole['unexplained_share']:.3%} of the gross of its sources). Value comes"
                    " from the state, the sources from what happened, by other arithmetic."
                    " Adverse is where the price went within"
                    f" {found['adverse_horizon_s']} s of taking a residual on."
                ),
            ),
            ("By source", bars(sources, "dollars", "{:,.0f}")),
            ("Over time", lines(series, "dollars, summed")),
            ("By day", table(("day", *SOURCES, "profit", "unexplained"), rows)),
            (
                "By market",
                table(
                    ("market", *SOURCES),
                    [
                        (name, *(dollars(one[source]) for source in SOURCES))
                        for name, one in found["markets"].items()
                    ],
                ),
            ),
        ],
    )


def oracle_page(found: Report, record: Record) -> str:
    """The oracle's prices against what could be traded."""
    prices = Prices(record.prices)
    busiest = sorted(record.prices, key=lambda market: -len(record.prices[market]))[:8]
    series = {}
    for market in busiest:
        path = prices.path(market)
        start = path[0][1]
        series[record.name(market)] = [(t, (price / start - 1.0) * 1e4) for t, price in path]
    moves = [move for market in busiest for move in moves_bp(prices.path(market))]
    rows = []
    for name, one in found["markets"].items():
        outside = one["outside"] or NOT_COMPARED
        executable = outside["executable"]
        size = at(executable["notional"], "p50")
        rows.append(
            (
                name,
                f"{one['prices']:,}",
                number(at(one["move_bps"], "p90")),
                number(one["largest_move_bps"]),
                number(one["lag_1_autocorrelation"]),
                number(at(one["batch_bent_bps"], "p90")),
                number(at(outside["distance_bps"], "mean")),
                percent(outside["inside_share"]),
                number(at(executable["cost_bps"], "p50")),
                dollars(None if size is None else size * 1e6),
            )
        )
    heads = (
        "market",
        "prices",
        "move p90, bp",
        "largest",
        "lag-1 corr.",
        "batch bent p90, bp",
        "from mid, bp",
        "inside touch",
        "cost at touch, bp",
        "size at touch",
    )
    return page(
        "Oracle against executable liquidity",
        [
            (
                "What this is",
                paragraph(
                    "Every price the signers signed, how far it moved, and how far batches bent"
                    " from it. The last four columns need recorded quotes of an outside market:"
                    " where they are empty, none were given. A lag-1 correlation well above zero"
                    " means that the oracle follows rather than leads."
                ),
            ),
            ("Prices, bp from their start", lines(series, "bp")),
            ("Moves from one price to the next", histogram(moves, "bp", "prices")),
            ("By market", table(heads, rows)),
        ],
    )


def risk_page(found: Report, record: Record) -> str:
    """What the pool carries and how it gets rid of it."""
    book = Book(record)
    paths = {}
    for market in book.events:
        path = inventory_path(book, market)
        last_e8 = book.prices.known_e8(market, path[-1][0]) or 0
        paths[record.name(market)] = [(t, base * last_e8 / 1e16) for t, base in path]
    ranked = sorted(paths, key=lambda name: -max(abs(value) for _, value in paths[name]))[:8]
    rows = [
        (
            name,
            dollars(one["position_e6"]),
            dollars(one["largest_position_e6"]),
            percent(one["cap_share"]),
            number(one["spread_risk_bps"]["deviation"]),
            number(one["basis_risk_bps"]["deviation"]),
            number(one["reallocation"]["holding_estimate_s"]),
            number(one["reallocation"]["half_life_s"]),
            number(one["reallocation"]["cost_now_bps"]),
            f"{sum(one['curves_cut'].values()):,}",
        )
        for name, one in found["markets"].items()
    ]
    heads = (
        "market",
        "position",
        "largest",
        "of cap",
        "spread risk, bp",
        "basis risk, bp",
        "held, s (estimate)",
        "half-life, s",
        "cost to flatten, bp",
        "curves cut by capital",
    )
    whole = found["portfolio"]
    return page(
        "Risk of the pool",
        [
            (
                "What this is",
                paragraph(
                    f"The pool is {dollars(whole['net_e6'])} net and {dollars(whole['gross_e6'])}"
                    f" gross. {_tail(whole)} Flattening is priced at the"
                    f" reference: {found['reference']}. How long a position is held is estimated:"
                    " its mean over the rate at which it comes in. A curve is cut where the pool's"
                    " capital lets the dealer offer less than its parameters would."
                ),
            ),
            (
                "Positions over time, at each market's last price",
                lines({name: paths[name] for name in ranked}, "dollars", held=True),
            ),
            ("By market", table(heads, rows)),
        ],
    )


def _tail(whole: Report) -> str:
    if whole["value_at_risk_e6"] is None:
        return f"The record's {whole['scenarios']:,} moves are too few to say what it may lose."
    return (
        f"Over an hour it loses more than {dollars(whole['value_at_risk_e6'])} one time in a"
        f" hundred, and then {dollars(whole['expected_shortfall_e6'])} on average, by the record's"
        f" own moves ({whole['scenarios']:,} of them)."
    )


# -- values ----------------------------------------------------------------------------------------


def dollars(value_e6: float | str | None) -> str:
    """Money of scale 1e6 to the cent; a dash for none."""
    if value_e6 is None:
        return "–"
    value = float(value_e6) / 1e6
    return f"-${-value:,.2f}" if value < -0.005 else f"${abs(value):,.2f}"


def at(distribution: Mapping[str, float] | None, name: str) -> float | None:
    """One figure of a distribution; None of none."""
    return None if distribution is None else distribution[name]


def percent(share: float | None) -> str:
    """A share as percent; a dash for none."""
    return "–" if share is None else f"{share:.1%}"


def number(value: float | None) -> str:
    """A plain number; a dash for none."""
    return "–" if value is None else f"{value or 0.0:,.4g}"


def stamp(time_ms: int, day: bool = False) -> str:
    """A time as UTC, to the minute or to the day."""
    moment = datetime.fromtimestamp(time_ms / 1_000, UTC)
    return f"{moment:%Y-%m-%d}" if day else f"{moment:%m-%d %H:%M}"
