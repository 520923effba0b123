# SPDX-License-Identifier: Apache-2.0
"""What people read of a check: the twin's audit, the journal against the chain, the chain against a
plan.
"""

from __future__ import annotations

from infold.cli.layout import cells, clock, count, dollars, pairs
from infold.cli.pages import Document, Line
from infold.cli.pages.verdicts import invariants, journal, outcome


def of_audit(found: Document) -> list[str]:
    """The twin's verdict."""
    first, last = found["blocks"]
    signatures, pool, head = found["signatures"], found["pool"], found["head"]
    faults = [
        *found["mismatches"],
        *(
            f"{name}: {detail}"
            for name, one in found["invariants"].items()
            for detail in one["detail"]
        ),
    ]
    lines: list[Line] = [
        ("chain", f"{found['chain_id']}, blocks {count(first)} to {count(last)}"),
        ("clearing", found["clearing"]),
        (
            "replayed",
            f"{count(found['batches'])} batches, {count(found['records'])} records,"
            f" {count(found['transactions'])} transactions",
        ),
        (
            "last batch",
            f"{count(head['number'])}, {clock(head['time_ms'])}" if head["number"] else "none yet",
        ),
        (
            "signatures",
            f"{count(signatures['orders_checked'])} of {count(signatures['orders'])} orders"
            f" ({signatures['mode']})",
        ),
        (
            "pool",
            f"worst day lost {dollars(pool['worst_day_loss_e6'])}, the rules allow"
            f" {dollars(pool['daily_loss_bound_e6'])}",
        ),
        ("invariants", invariants(found["invariants"])),
        ("state", found["state_hash"]),
        ("faults", faults or "none"),
        ("ok", outcome(found)),
    ]
    return pairs(lines)


def of_reconcile(found: Document) -> list[str]:
    """The journal against the chain."""
    return pairs(
        [
            (
                "compared",
                f"{count(found['words'])} words, {count(found['accounts'])} accounts,"
                f" at block {count(found['block'])}",
            ),
            ("accounted", dollars(found["accounted_e6"])),
            ("claims", dollars(found["claims_e6"])),
            ("vault holds", dollars(found["balance_e6"])),
            ("journal", journal(found["journal"])),
            ("differences", found["differences"] or "none"),
            ("ok", outcome(found)),
        ]
    )


def of_verify(found: Document) -> list[str]:
    """What was compared, and each difference by its name."""
    differences = [
        f"{one['where']}: planned {one['planned']}, found {one['found']}"
        for one in found["differences"]
    ]
    code = [f"{name} {count(size)}" for name, size in found["contracts"].items()]
    return pairs(
        [
            ("code, bytes", cells(code, 4)),
            ("compared", count(found["checked"])),
            ("differences", differences or "none"),
            ("ok", outcome(found)),
        ]
    )
