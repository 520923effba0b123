# SPDX-License-Identifier: Apache-2.0
"""A journey as one self-contained page: prices, who traded with whom, and who gained. No scripts,
no links out.
"""

from __future__ import annotations

import html
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from infold.reports.journey import Journey, MarketBatch
from infold.reports.page import figures as figures_table
from infold.reports.page import page
from infold.units import quote_down

_WIDTH, _HEIGHT, _MARGIN = 960, 260, 44
_COLOURS = ("#2b6cb0", "#c05621", "#2f855a", "#6b46c1", "#b83280", "#975a16", "#285e61", "#9b2c2c")
_BINS = 41


def picture(title: str, figures: Mapping[str, Any], journey: Journey) -> str:
    """The whole page as text."""
    charts = [
        ("Prices, basis points from their start", _prices(journey.market_batches)),
        (
            "Each batch: traders crossed (dark) and the pool's part (light), one-sided notional",
            _shares(journey.market_batches),
        ),
        (
            "Price improvement of fills, basis points (right of the line: the trader gained)",
            _histogram(journey.improvements_bps),
        ),
    ]
    return page(title, [*charts, ("Figures", figures_table(figures))])


def _frame(inside: str, labels: Sequence[tuple[float, str]] = ()) -> str:
    marks = "".join(
        f'<line x1="{_MARGIN}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
        f'<text x="{_MARGIN - 6}" y="{y + 4:.1f}" text-anchor="end">{html.escape(label)}</text>'
        for y, label in labels
    )
    return f'<svg class="drawn" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">{marks}{inside}</svg>'


def _prices(batches: Sequence[MarketBatch]) -> str:
    paths: dict[str, list[tuple[int, float]]] = defaultdict(list)
    first: dict[str, int] = {}
    for one in batches:
        start = first.setdefault(one.market, one.oracle_price_e8)
        paths[one.market].append((one.time_ms, (one.oracle_price_e8 / start - 1) * 1e4))
    # The busiest markets only: a hundred lines are none.
    busiest = sorted(paths, key=lambda market: -len(paths[market]))[: len(_COLOURS)]
    values = [value for market in busiest for _, value in paths[market]]
    if not values:
        return "<p>no batch settled</p>"
    low, high = min([*values, -1.0]), max([*values, 1.0])
    begin, end = min(one.time_ms for one in batches), max(one.time_ms for one in batches)
    x = _scale(begin, max(end, begin + 1), _MARGIN, _WIDTH - 4)
    y = _scale(low, high, _HEIGHT - 20, 10)
    lines = ""
    for number, market in enumerate(busiest):
        points = " ".join(f"{x(time):.1f},{y(value):.1f}" for time, value in paths[market])
        colour = _COLOURS[number]
        lines += f'<polyline fill="none" stroke="{colour}" stroke-width="1.4" points="{points}"/>'
        lines += (
            f'<text x="{_MARGIN + 4 + number * 112}" y="{_HEIGHT - 4}" style="fill:{colour}">'
            f"{html.escape(market)}</text>"
        )
    return _frame(lines, [(y(value), f"{value:.0f}") for value in (low, 0.0, high)])


def _shares(batches: Sequence[MarketBatch]) -> str:
    totals: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for one in batches:
        pool = quote_down(one.price_e8, one.pool_e8)
        totals[one.batch][0] += quote_down(one.price_e8, one.bought_e8) - pool
        totals[one.batch][1] += pool
    if not totals:
        return "<p>no batch settled</p>"
    highest = max(sum(parts) for parts in totals.values()) or 1
    y = _scale(0, highest, _HEIGHT - 10, 10)
    width = (_WIDTH - _MARGIN) / len(totals)
    bars = ""
    for place, number in enumerate(sorted(totals)):
        crossed, pool = totals[number]
        x = _MARGIN + place * width
        for bottom, top, colour in ((0, crossed, "#2b6cb0"), (crossed, crossed + pool, "#bee3f8")):
            bars += (
                f'<rect x="{x:.1f}" y="{y(top):.1f}" width="{max(width * 0.85, 0.5):.1f}" '
                f'height="{y(bottom) - y(top):.1f}" fill="{colour}"/>'
            )
    return _frame(bars, [(y(highest), f"{highest / 1e6:,.0f}"), (y(0), "0")])


def _histogram(values: Sequence[float]) -> str:
    if not values:
        return "<p>no fill to compare</p>"
    ranked = sorted(values)
    reach = max(1.0, abs(ranked[len(ranked) // 50]), abs(ranked[-1 - len(ranked) // 50]))
    counts = [0] * _BINS
    for value in values:
        counts[min(_BINS - 1, max(0, int((value + reach) / (2 * reach) * _BINS)))] += 1
    y = _scale(0, max(counts), _HEIGHT - 24, 10)
    width = (_WIDTH - _MARGIN) / _BINS
    bars = "".join(
        f'<rect x="{_MARGIN + place * width:.1f}" y="{y(count):.1f}" width="{width * 0.9:.1f}" '
        f'height="{y(0) - y(count):.1f}" fill="#2f855a"/>'
        for place, count in enumerate(counts)
    )
    middle = _MARGIN + _BINS / 2 * width
    bars += (
        f'<line x1="{middle:.1f}" x2="{middle:.1f}" y1="10" y2="{_HEIGHT - 24}"'
        ' stroke="#333" stroke-dasharray="3"/>'
    )
    for share in (0.0, 0.5, 1.0):
        place = _MARGIN + share * _BINS * width
        bars += (
            f'<text x="{place:.1f}" y="{_HEIGHT - 8}" text-anchor="middle">'
            f"{(share * 2 - 1) * reach:+.1f}</text>"
        )
    return _frame(bars)


class _Scale:
    """A line from data to pixels."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        self._low, self._start = low, start
        self._slope = (end - start) / (high - low)

    def __call__(self, value: float) -> float:
        return self._start + (value - self._low) * self._slope


def _scale(low: float, high: float, start: float, end: float) -> _Scale:
    return _Scale(low, high if high > low else low + 1, start, end)
