# SPDX-License-Identifier: Apache-2.0
"""Pictures as SVG text, the same bytes for the same figures.

matplotlib draws; nothing here touches its global state, and ids and metadata are fixed so that a
page can be compared byte by byte.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.dates import ConciseDateFormatter
from matplotlib.figure import Figure

from infold.units import DAY_MS

COLOURS: Final = (
    "#2b6cb0",
    "#c05621",
    "#2f855a",
    "#6b46c1",
    "#b83280",
    "#975a16",
    "#285e61",
    "#9b2c2c",
)
_INCHES: Final = (9.6, 2.8)
POINTS: Final = 200  # of a line over ranks: more than a screen shows
_STYLE: Final[Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "infold",
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#999999",
    "axes.grid": True,
    "grid.color": "#e5e5e5",
    "axes.axisbelow": True,
}
"""matplotlib counts days from 1970."""


def lines(series: Mapping[str, Sequence[tuple[int, float]]], label: str, held: bool = False) -> str:
    """Values over time (ms since 1970), a line a name, at most eight of them; `held` ones keep
    their value until the next.
    """
    with mpl.rc_context(_STYLE):
        figure, axes = _canvas(label)
        for (name, points), colour in zip(series.items(), COLOURS, strict=False):
            axes.plot(
                [time_ms / DAY_MS for time_ms, _ in points],
                [value for _, value in points],
                color=colour,
                lw=1.3,
                label=name,
                drawstyle="steps-post" if held else "default",
            )
        axes.axhline(0.0, color="#999999", lw=0.8)
        _legend(axes, len(series))
        axes.xaxis_date(tz=UTC)
        locator = axes.xaxis.get_major_locator()
        concise: Any = ConciseDateFormatter
        axes.xaxis.set_major_formatter(concise(locator, tz=UTC))
        return _svg(figure)


def bars(values: Mapping[str, float], label: str, form: str = "{:,.2f}") -> str:
    """One bar a name, its value written at its end; below zero in another colour."""
    with mpl.rc_context(_STYLE):
        figure, axes = _canvas(label)
        colours = [COLOURS[0] if value >= 0 else COLOURS[1] for value in values.values()]
        drawn = axes.bar(list(values), list(values.values()), color=colours, width=0.6)
        axes.bar_label(drawn, fmt=form, padding=2)
        axes.axhline(0.0, color="#999999", lw=0.8)
        axes.margins(y=0.18)
        return _svg(figure)


def stacked(rows: Sequence[tuple[str, Mapping[str, float]]], label: str) -> str:
    """Parts of a whole, one bar a row, the same parts in each."""
    with mpl.rc_context(_STYLE):
        figure, axes = _canvas(label)
        names = [name for name, _ in rows]
        bottom = [0.0] * len(rows)
        parts = list(rows[0][1]) if rows else []
        for part, colour in zip(parts, COLOURS, strict=False):
            heights = [values[part] for _, values in rows]
            axes.bar(names, heights, bottom=bottom, color=colour, width=0.6, label=part)
            bottom = [low + height for low, height in zip(bottom, heights, strict=True)]
        _legend(axes, len(parts))
        return _svg(figure)


def histogram(values: Sequence[float], label: str, counted: str, bins: int = 41) -> str:
    """How many `counted` fall where; the outer hundredth on each side is gathered at the edges."""
    if not values:
        return "<p>nothing to count</p>"
    ranked = sorted(values)
    cut = len(ranked) // 100
    low, high = ranked[cut], ranked[-1 - cut]
    if low == high:
        low, high = low - 1.0, high + 1.0
    with mpl.rc_context(_STYLE):
        figure, axes = _canvas(counted)
        clipped = [min(max(value, low), high) for value in values]
        axes.hist(clipped, bins=bins, range=(low, high), color=COLOURS[2])
        axes.axvline(0.0, color="#333333", lw=0.9, ls="--")
        axes.set_xlabel(label)
        return _svg(figure)


def beyond(series: Mapping[str, Sequence[float]], limit: float, label: str, counted: str) -> str:
    """Which share of `counted` lies at or beyond a size, both on logarithmic scales, a line a name,
    at most eight; the limit chosen is the dashed line. Values at or above zero; those below a
    thousandth of the limit count and are not drawn.
    """
    with mpl.rc_context(_STYLE):
        figure, axes = _canvas(f"share of {counted} beyond")
        for (name, values), colour in zip(series.items(), COLOURS, strict=False):
            ranked = sorted(values, reverse=True)
            places = sorted({round(len(ranked) ** (step / POINTS)) for step in range(POINTS + 1)})
            shown = [(ranked[place - 1], place / len(ranked)) for place in places]
            shown = [(value, share) for value, share in shown if value > limit / 1_000]
            axes.plot(*zip(*shown, strict=True), color=colour, lw=1.3, label=name)
        axes.axvline(limit, color="#333333", lw=0.9, ls="--")
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel(label)
        _legend(axes, len(series))
        return _svg(figure)


def _canvas(label: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=_INCHES, layout="constrained")
    axes = figure.subplots()
    axes.set_ylabel(label)
    axes.grid(visible=False, axis="x")
    return figure, axes


def _legend(axes: Axes, count: int) -> None:
    if count > 1:
        axes.legend(
            frameon=False,
            ncols=min(count, 4),
            fontsize=8,
            loc="lower left",
            bbox_to_anchor=(0.0, 1.0),
        )


def _svg(figure: Figure) -> str:
    """The drawing without what belongs to a file of its own."""
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    found = text.getvalue()
    found = found[found.index("<svg") :]
    found = re.sub(r"<metadata>.*?</metadata>", "", found, flags=re.DOTALL)
    return re.sub(r' (width|height)="[\d.]+pt"', "", found, count=2)
