# SPDX-License-Identifier: Apache-2.0
"""What people read of benches: each figure beside its limit."""

from __future__ import annotations

from infold.cli.layout import cells, count, pairs, percent, table, yes
from infold.cli.pages import Document
from infold.cli.pages.verdicts import verdict


def of_gas(found: Document) -> list[str]:
    """Gas by case and code by contract, each beside its limit."""
    cases = [
        [
            name,
            count(one["orders"]),
            count(one["gas"]),
            count(one["per_order"]),
            count(one["limit"]),
            yes(one["ok"]),
        ]
        for name, one in found["cases"].items()
    ]
    contracts = [
        [name, count(one["bytes"]), count(one["limit"]), yes(one["ok"])]
        for name, one in found["contracts"].items()
    ]
    return [
        *table(["case", "orders", "gas", "an order", "limit", "ok"], cases),
        "",
        *table(["contract", "bytes", "limit", "ok"], contracts),
        "",
        *verdict(found),
    ]


def of_admission(found: Document) -> list[str]:
    """Admission beside bare recovery."""
    stages = [f"{name} {us:.2f}" for name, us in found["stages_us"].items()]
    return pairs(
        [
            ("admitted", f"{found['path_per_s']:,.0f} orders a second, JSON to journal"),
            ("bare recovery", f"{found['floor_per_s']:,.0f} signatures a second"),
            ("ratio", f"{found['ratio']:.3f}, at least {found['ratio_min']:.3f}"),
            ("stages", [*cells(stages, 4), "us an order"]),
            (
                "digests",
                f"{count(found['digests'])} compared, equal: {yes(found['digests_equal'])}",
            ),
        ]
    ) + verdict(found)


def of_auction(found: Document) -> list[str]:
    """The auction beside numpy's scatter."""
    return pairs(
        [
            (
                "auction",
                f"{found['auction_ms']:.2f} ms for {count(found['orders'])} orders,"
                f" {count(found['markets'])} markets",
            ),
            ("scatter", f"{found['floor_ms']:.2f} ms"),
            ("ratio", f"{found['ratio']:.2f}, at most {found['ratio_max']:.2f}"),
            (
                "exact",
                f"{yes(found['exact'])}, {count(found['brute_force_cases'])} cases by brute force",
            ),
            *([("differing", found["differences"])] if found["differences"] else []),
        ]
    ) + verdict(found)


def of_dealer(found: Document) -> list[str]:
    """A line a figure: its value, its interval, its limit."""
    headers = ["", "figure", "value", "95 % interval", "limit", "paths", "seconds"]
    rows = [
        [
            "ok" if figure["ok"] else "MISSED",
            figure["id"],
            f"{figure['value']:.6g}",
            f"{figure['low']:.6g} .. {figure['high']:.6g}" if figure["paths"] else "exact",
            "" if figure["limit"] is None else f"{figure['limit']:.6g}",
            count(figure["paths"]) if figure["paths"] else "",
            f"{figure['seconds']:.2f}",
        ]
        for figure in found["figures"]
    ]
    missed = [figure["id"] for figure in found["figures"] if not figure["ok"]]
    return [
        *table(headers, rows, left=2),
        *(pairs([("missed", ", ".join(missed))]) if missed else []),
        *verdict(found),
    ]


def of_self_dealing(found: Document) -> list[str]:
    """The worst day, each weather's, and what wider caps would let through."""

    def day(one: Document) -> list[str]:
        choice = ", ".join(f"{name} {value}" for name, value in one["policy"].items())
        return [
            one["weather"],
            f"{one['rebate']}/16",
            f"{percent(one['residual_share'], 1)}, {percent(one['position_share'], 1)}",
            percent(one["taken_share"], 3),
            count(one["batches"]),
            choice or "every second",
        ]

    heads = ["weather", "rebate", "caps of capital", "taken", "batches", "chosen"]
    worst = found["worst"]
    return [
        *pairs(
            [
                (
                    "most taken in a day",
                    f"{percent(found['most_taken_share'], 3)} of the pool's capital",
                ),
                ("without luck at most", percent(found["bound_share"], 3)),
                (
                    "of eight markets",
                    f"{percent(found['eight_markets']['taken_share'], 3)}, without luck at most"
                    f" {percent(found['eight_markets_bound_share'], 3)}",
                ),
                ("limit of either", percent(found["limit_share"], 1)),
                (
                    "searched",
                    f"{count(found['days'])} days, {count(found['batches'])} batches of at least"
                    f" {count(found['batches_min'])}, {count(found['closings'])} markets closed",
                ),
                ("worst", f"{worst['weather']}, pool lost {percent(worst['lost_share'], 3)}"),
            ]
        ),
        "",
        *table(heads, [day(one) for one in found["by_weather"]], left=2),
        "",
        "wider caps, not promised:",
        *table(heads, [day(one) for one in found["wider_caps"]], left=2),
        "",
        *verdict(found),
    ]
