# SPDX-License-Identifier: Apache-2.0
"""What people read of a report in a terminal: its main figures; `--html` has the pictures."""

from __future__ import annotations

from collections import Counter
from typing import Final

from infold.cli.layout import clock, count, dollars, pairs, percent, table, yes
from infold.cli.pages import Document, Line

UNEXPLAINED_NEXT: Final = (
    "`infold journal verify DIR` says whether the journal is whole; if it is, money moved in a way"
    " that this report does not know: keep the journal, that is a defect to report"
)


def of_best_execution(found: Document) -> list[str]:
    """The whole, its costs, and the classes."""
    whole = found["whole"]
    costs, improvement = whole["costs"], whole["improvement"]
    lines: list[Line] = [
        ("orders", f"{count(whole['orders'])}, filled {_share(whole['fill_rate'])} of their size"),
        ("traded", dollars(whole["notional_e6"])),
        *(
            (f"  {name}", f"{percent(whole[f'{name}_share']):>6}")
            for name in ("crossed", "warehoused", "hedged")
        ),
        ("reference", found["reference"]),
    ]
    if costs["terms_bps"] is not None:
        terms = ", ".join(
            f"{'less ' if name == 'improvement' else ''}{name} {value:.2f}"
            for name, value in costs["terms_bps"].items()
        )
        realised = ", ".join(
            f"{'unknown' if value is None else _number(value)} after {horizon}"
            for horizon, value in whole["realised_spread_bps"].items()
        )
        lines += [
            ("shortfall", [f"{costs['shortfall_bps']:.2f} bp", terms]),
            ("spread", f"effective {whole['effective_spread_bps']:.2f} bp, realised {realised}"),
            (
                "improvement",
                f"{improvement['weighted_bps']:.2f} bp after fees, better for"
                f" {percent(improvement['better_share'])} of the notional",
            ),
        ]
    lines.append(("terms add up", _adding_up(found)))
    heads = ("size of order", "orders", "filled", "spread bp", "improved bp", "shortfall bp")
    return [*pairs(lines), "", *table(heads, [_class(*item) for item in found["sizes"].items()])]


def _adding_up(found: Document) -> str:
    """Whether every fill's terms are its shortfall, and how far the worst are from it if not."""
    if found["ok"]:
        return yes(True)
    return f"NO, they miss a fill's shortfall by {found['largest_gap']:.2g} of its notional"


def _class(name: str, one: Document) -> list[str]:
    improvement = one["improvement"]
    return [
        name,
        count(one["orders"]),
        _share(one["fill_rate"]),
        _number(one["effective_spread_bps"]),
        _number(None if improvement is None else improvement["weighted_bps"]),
        _number(one["costs"]["shortfall_bps"]),
    ]


def of_profit(found: Document) -> list[str]:
    """The sources of the whole, and each day's sum."""
    whole = found["whole"]
    lines: list[Line] = [
        (name, f"{dollars(value):>18}") for name, value in whole["sources_e6"].items()
    ]
    lines += [
        ("profit", f"{dollars(whole['profit_e6']):>18}"),
        (
            "unexplained",
            f"{dollars(whole['unexplained_e6']):>18}"
            f"  ({percent(whole['unexplained_share'], 4)} of the gross,"
            f" {percent(found['unexplained_share_max'], 0)} allowed)",
        ),
        ("explained", yes(found["ok"])),
    ]
    if not found["ok"]:
        lines.append(("next", UNEXPLAINED_NEXT))
    days = [
        [
            clock(day["to_ms"])[:10],
            dollars(day["profit_e6"]),
            dollars(day["unexplained_e6"]),
            percent(day["unexplained_share"], 4),
            yes(day["ok"]),
        ]
        for day in found["days"]
    ]
    heads = ("day", "profit", "unexplained", "of gross", "explained")
    return [*pairs(lines), "", *table(heads, days)]


def of_oracle(found: Document) -> list[str]:
    """Whether every batch stayed within its band, then a line a market."""
    rows = []
    for name, one in found["markets"].items():
        outside = one["outside"]
        rows.append(
            [
                name,
                count(one["prices"]),
                _spread(one["move_bps"], "p90"),
                _number(one["largest_move_bps"]),
                _number(one["lag_1_autocorrelation"]),
                _spread(one["batch_bent_bps"], "p90"),
                _share(one["band_share"]),
                "-" if outside is None else _spread(outside["distance_bps"], "mean"),
                "-" if outside is None else percent(outside["inside_share"]),
            ]
        )
    heads = (
        "market",
        "prices",
        "move p90",
        "largest",
        "lag-1",
        "bent p90",
        "of band",
        "from mid",
        "in touch",
    )
    return [
        *pairs([("inside bands", yes(found["ok"]))]),
        "",
        *table(heads, rows),
        "",
        "moves and distances in bp; the last two need --quotes",
    ]


def of_risk(found: Document) -> list[str]:
    """The portfolio, then a line a market."""
    whole = found["portfolio"]
    lines: list[Line] = [
        ("position", f"{dollars(whole['net_e6'])} net, {dollars(whole['gross_e6'])} gross"),
        (
            "in an hour",
            "too few moves to say"
            if whole["value_at_risk_e6"] is None
            else f"loses more than {dollars(whole['value_at_risk_e6'])} one time in a hundred, then"
            f" {dollars(whole['expected_shortfall_e6'])} on average",
        ),
        ("reference", found["reference"]),
        ("inside caps", yes(found["ok"])),
    ]
    rows = [
        [
            name,
            dollars(one["position_e6"]),
            dollars(one["largest_position_e6"]),
            _share(one["cap_share"]),
            _number(one["spread_risk_bps"]["deviation"]),
            _number(one["reallocation"]["holding_estimate_s"]),
            _number(one["reallocation"]["cost_now_bps"]),
            f"{sum(one['curves_cut'].values()):,}",
        ]
        for name, one in found["markets"].items()
    ]
    heads = (
        "market",
        "position",
        "largest",
        "of cap",
        "spread sd",
        "held est., s",
        "flatten bp",
        "curves cut",
    )
    return [*pairs(lines), "", *table(heads, rows), "", *pairs(_risk_words(found))]


def _risk_words(found: Document) -> list[Line]:
    """What the columns count, and why curves were cut where any were."""
    from infold.dealer.guarding import REASONS  # numpy's, which a base install lacks

    cut: Counter[str] = Counter()
    for one in found["markets"].values():
        cut.update(one["curves_cut"])
    return [
        ("spread sd", "deviation of what the pool was paid for carrying, bp"),
        (
            "held est.",
            "how long the pool holds what comes in, estimated: its mean position over the rate"
            " at which it comes in",
        ),
        ("flatten", "what selling all of it outside would cost now, at the reference"),
        (
            "curves cut",
            "how often the dealer offered less than its parameters would"
            + (", by reason:" if cut else ": never"),
        ),
        *(
            (f"  {reason}", f"{count(times)}: {REASONS[reason]}")
            for reason, times in sorted(cut.items())
        ),
    ]


def _share(value: float | None) -> str:
    return "-" if value is None else percent(value)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.2f}"


def _spread(found: Document | None, name: str) -> str:
    return "-" if found is None else _number(found[name])
