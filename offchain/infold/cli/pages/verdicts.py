# SPDX-License-Identifier: Apache-2.0
"""What a run or a check came to."""

from __future__ import annotations

from collections.abc import Mapping

from infold.cli.layout import cells, count, yes
from infold.cli.pages import Document

INVARIANTS_A_LINE = 6


def invariants(invariants: Mapping[str, Document]) -> list[str]:
    """Each by how often it was checked; what is broken or never came to be checked stands out."""
    texts = (
        f"{name} {count(one['checked']) if one['checked'] else 'UNCHECKED'}"
        f"{'' if one['held'] else ' BROKEN'}"
        for name, one in invariants.items()
    )
    held = sum(bool(one["held"] and one["checked"]) for one in invariants.values())
    first = f"{held} of {len(invariants)} held; times checked:"
    return [first, *cells(texts, INVARIANTS_A_LINE)]


def journal(end: Document) -> list[str]:
    """Where a journal ends: how many groups of entries it holds, and the hash over all of them."""
    return [f"{count(end['seq'])} groups, hash", end["hash"]]


def outcome(found: Document) -> str:
    """Whether all is well, and how long it took to tell."""
    return f"{yes(found['ok'])}, in {found['seconds']:.1f} s"


def verdict(found: Document) -> list[str]:
    """The same as a line of its own."""
    return [f"ok {outcome(found)}"]
