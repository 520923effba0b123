# SPDX-License-Identifier: Apache-2.0
"""The picture of a funding calibration: which recorded days the cap covers, which changes the
velocity keeps up with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from infold.reports.charts import bars, beyond
from infold.reports.page import figures, page, paragraph, table

MARKETS_SHOWN = 8
_TOLD = ("command", "version", "seed", "markets")


def funding_page(
    found: Mapping[str, Any],
    days: Mapping[str, Sequence[float]],
    changes: Mapping[str, Sequence[float]],
    changes_a_day: int,
) -> str:
    """`found` is the command's object; `days` and `changes` by market, as shares of notional a day,
    changes from one slice of a day to the next, of which a day has so many.
    """
    cap, velocity = found["rate_max_e9"] / 1e9, found["velocity_e9"] / 1e9
    markets = sorted(found["markets"], key=lambda one: -one["p99"])
    shown = [one["market"] for one in markets[:MARKETS_SHOWN]]
    hours = 24 // changes_a_day
    rows = [
        (one["market"], f"{one['median']:.4%}", f"{one['p99']:.3%}", f"{one['most']:.3%}")
        for one in markets
    ]
    margin = " It is bound by the maintenance margin." if found["bound_by_margin"] else ""
    sections = [
        (
            "What this is",
            paragraph(
                f"Recorded funding of {len(markets)} markets, {found['days']:,} days. A rate of at"
                f" most {cap:.3%} a day covers {found['covered']:.3%} of them; a full pool's rate"
                f" that moves by {velocity:.3%} a day each day keeps up with"
                f" {found['kept_up']:.3%} of the changes over {hours} hours.{margin} The dashed"
                " lines are the two choices; a line is a venue's market, of the"
                f" {len(shown)} with the highest rates."
            ),
        ),
        (
            "Days beyond a rate, and the cap",
            beyond(
                {name: [value * 100 for value in days[name]] for name in shown},
                cap * 100,
                "rate, % of notional a day",
                "days",
            ),
        ),
        (
            f"Changes over {hours} hours beyond a size, and what the velocity reaches",
            beyond(
                {name: [value * 100 for value in changes[name]] for name in shown},
                velocity / changes_a_day * 100,
                f"change of the daily rate in {hours} hours, %",
                "changes",
            ),
        ),
        (
            "The hundredth day of each market",
            bars(
                {
                    one["market"].replace(" ", "\n"): one["p99"] * 100
                    for one in markets[:MARKETS_SHOWN]
                },
                "% a day",
                "{:.2f}",
            ),
        ),
        ("By market", table(("market", "median", "99 of 100", "most"), rows)),
        (
            "Every figure",
            figures({name: value for name, value in found.items() if name not in _TOLD}),
        ),
    ]
    return page("Funding, chosen on recorded rates", sections)
