# SPDX-License-Identifier: Apache-2.0
"""What people read of a driven venue: the demo, or a replay."""

from __future__ import annotations

from infold.cli.layout import cells, count, dollars, pairs, percent, yes
from infold.cli.pages import Document, Line
from infold.cli.pages.verdicts import invariants, journal, outcome


def of_run(found: Document) -> list[str]:
    """The demo or a replay on about thirty lines."""
    orders = found["orders"]
    traded_e6 = int(found["notional_e6"])
    gas = found["gas"]
    lines: list[Line] = [
        (
            "orders",
            [
                f"{count(orders['signed'])} signed: {count(orders['accepted'])} accepted,"
                f" {count(orders['rejected'])} rejected",
                ", ".join(
                    f"{count(orders[name])} {name}"
                    for name in ("filled", "expired", "cancelled", "skipped", "lapsed")
                ),
            ],
        ),
        (
            "rejects",
            cells((f"{n:>4,} {code}" for code, n in found["rejects"].items()), 3) or "none",
        ),
        (
            "traded",
            f"{dollars(traded_e6)} in {count(found['fills'])} fills, {count(found['batches'])}"
            f" batches, {count(found['markets'])} markets, {count(found['accounts'])} accounts",
        ),
        *(
            (f"  {name}", f"{percent(found[key]):>6}  {dollars(round(traded_e6 * found[key]))}")
            for name, key in (
                ("crossed", "crossed_share"),
                ("pool", "pool_share"),
                ("outside", "outside_share"),
            )
        ),
        ("improvement", _improvement(found)),
        (
            "gas",
            f"{count(gas['total'])}: {count(gas['per_order'])} an order, the largest batch"
            f" {count(gas['largest_batch'])}",
        ),
        *_recorded(found),
        ("invariants", invariants(found["invariants"])),
        ("reconciled", yes(found["reconciled"])),
        (
            "chain",
            [
                f"{found['chain']['chain_id']}, {count(found['chain']['blocks'])} blocks, state",
                found["chain"]["state_hash"],
            ],
        ),
        ("journal", journal(found["journal"])),
        ("ok", outcome(found)),
    ]
    return pairs(lines)


def _improvement(found: Document) -> str:
    improvement = found["improvement_bps"]
    if improvement is None:
        return "nothing to compare with"
    against = "the recorded price" if "recorded" in found else "the least the pool may ask"
    tenths = ", ".join(f"{name} {improvement[name]:.2f}" for name in ("p10", "p50", "p90"))
    return f"{improvement['mean']:.2f} bp on average against {against} ({tenths})"


def _too_little(recorded: Document) -> str:
    short = recorded["share"] < recorded["share_min"]
    return f", less than {percent(recorded['share_min'])}" if short else ""


def _recorded(found: Document) -> list[Line]:
    if "recorded" not in found:
        return []
    recorded = found["recorded"]
    files = [
        line
        for file in found["files"]
        for line in (f"{file['path']}, {count(file['rows'])} rows, sha256", file["sha256"])
    ]
    return [
        (
            "recorded",
            f"{dollars(recorded['settled_e6'])} settled of {dollars(recorded['admitted_e6'])}"
            f" admitted, {percent(recorded['share'], 2)}{_too_little(recorded)}",
        ),
        ("pool capital", f"{dollars(found['pool_capital_e6'])}, so that no cap of it binds"),
        ("files", files),
    ]
