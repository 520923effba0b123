# SPDX-License-Identifier: Apache-2.0
"""What people read of a calibration: what was chosen, and what it rests on."""

from __future__ import annotations

from collections.abc import Sequence

from infold.cli.layout import clock, count, pairs, percent, table
from infold.cli.pages import Document
from infold.cli.pages.verdicts import verdict


def of_calibration(found: Document) -> list[str]:
    """A market after the other: parameters, what they rest on, what was assumed; then the files."""
    lines: list[str] = []
    for market in found["markets"]:
        margins = market["margins"]
        lines += [market["market"], ""]
        lines += pairs(
            [
                *((name, _numbers(value)) for name, value in market["parameters"].items()),
                (
                    "margins proposed",
                    f"initial {percent(margins['initial_e6'] / 1e6, 2)}, maintenance"
                    f" {percent(margins['maintenance_e6'] / 1e6, 2)}, position cap"
                    f" {margins['position_cap_m']:.4g} M",
                ),
            ]
        )
        rows = [
            [
                one["name"],
                f"{one['value']:.5g}",
                "" if one["low"] is None else f"{one['low']:.4g} .. {one['high']:.4g}",
                count(one["rows"]),
            ]
            for one in market["estimates"]
        ]
        lines += ["", *table(["estimate", "value", "95 % interval", "rows"], rows), ""]
        if market["assumed"]:
            lines += ["assumed:", *pairs(list(market["assumed"].items())), ""]
    together = found["correlation"]
    if together is not None:
        rows = [
            [name, *(f"{share:.3f}" for share in row)]
            for name, row in zip(together["markets"], together["matrix"], strict=True)
        ]
        lines += table(["correlation", *together["markets"]], rows)
        lines += ["", *pairs([("common moves", count(together["moves"]))]), ""]
    if found["left_out"]:
        lines += ["left out:", *pairs(list(found["left_out"].items())), ""]
    files: list[str] = []
    for file in found["files"]:
        files += [f"{file['path']}, {count(file['rows'])} rows, sha256", file["sha256"]]
        files += [
            f"  {count(flag['count'])} × {flag['kind']}, first at row {flag['row']}"
            + ("" if flag["time_ms"] is None else f", {clock(flag['time_ms'])}")
            for flag in file["flags"]
        ]
    lines += pairs([("files", files)])
    return [*lines, "", *verdict(found)]


def _numbers(value: float | Sequence[float]) -> str:
    return " ".join(f"{one:.5g}" for one in ([value] if isinstance(value, float) else value))


def of_funding(found: Document) -> list[str]:
    """The choice, what it rests on, and each market's own rates."""
    shares = [
        [one["market"], *(percent(one[name], 4) for name in ("median", "p99", "most"))]
        for one in found["markets"]
    ]
    return [
        *pairs(
            [
                ("rate_max_e9", f"{count(found['rate_max_e9'])} a day"),
                ("velocity_e9", f"{count(found['velocity_e9'])} a day, each day, at a full pool"),
                (
                    "days",
                    f"{percent(found['covered'], 3)} of {count(found['days'])} within the cap;"
                    f" all but one in a thousand within {percent(found['day_quantile'], 4)}",
                ),
                (
                    "changes",
                    f"{percent(found['kept_up'], 3)} kept up with; all but one in a hundred within"
                    f" {percent(found['change_quantile'], 4)} in eight hours",
                ),
                (
                    "bound by",
                    "the maintenance margin" if found["bound_by_margin"] else "the record",
                ),
            ]
        ),
        "",
        *table(["market", "median day", "99 %", "most"], shares),
        "",
        *verdict(found),
    ]
