# SPDX-License-Identifier: Apache-2.0
"""Runs groups of figures in their order and lays out the document."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from infold.bench.dealer.figures import Bench, Figure, stopwatch
from infold.errors import Misconfigured

GROUPS: Final = ("golden", "e0", "e0_auction", "e1b", "e4", "crash", "recorded", "speed")
"""Each is a file of this package; a figure's id begins with its group's name and a full stop."""
NEED_DATA: Final = ("crash", "recorded")


def run(
    groups: Sequence[str],
    seed: int,
    workers: int,
    data: Path | None,
    say: Callable[[str], None],
) -> Mapping[str, Any]:
    """Figures of the groups, and whether all kept their limits.

    `Misconfigured` before anything runs if a group needs recorded data and there is none.
    """
    for group in groups:
        if group in NEED_DATA and data is None:
            raise Misconfigured(
                f"{group} reads recorded markets: set INFOLD_DATA to their folder, or name other"
                " groups with --group"
            )
    figures: list[Figure] = []
    seconds: dict[str, float] = {}
    for group in groups:
        say(f"{group} …")
        with stopwatch() as watch:
            found = import_module(f"infold.bench.dealer.{group}").run(
                Bench(seed=seed, workers=workers, data=data, say=say)
            )
        stray = [figure.id for figure in found if not figure.id.startswith(f"{group}.")]
        if stray or not found:
            raise ValueError(f"group {group} gave figures {stray} of another name, or none")
        figures += found
        seconds[group] = round(watch.seconds, 3)
    return {
        "figures": [asdict(figure) for figure in figures],
        "groups": {
            group: {
                "ok": all(f.ok for f in figures if f.id.startswith(f"{group}.")),
                "seconds": seconds[group],
            }
            for group in groups
        },
        "workers": workers,
        "ok": all(figure.ok for figure in figures),
    }
