# SPDX-License-Identifier: Apache-2.0
"""The admission measurement: its shape and that it measures what it says; speed is not asserted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from infold import signing
from infold.bench import admission


class Pages:
    """A journal in memory, to see what the path commits."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.groups: list[list[bytes]] = []

    def append(self, entries: Sequence[bytes]) -> int:
        self.groups.append(list(entries))
        return len(self.groups)


def test_the_report_has_its_figures_and_every_group_is_journalled() -> None:
    journals: list[Pages] = []

    def open_journal(path: Path) -> Pages:
        journals.append(Pages(path))
        return journals[-1]

    report = admission.run(7, 1, open_journal, digests=50)
    assert report["seed"] == 7
    assert report["orders"] == 3 * admission.GROUP
    assert report["digests_equal"] is True
    assert set(report["stages_us"]) == {"decode", "digest", "recover", "checks", "journal"}
    assert all(value > 0 for value in report["stages_us"].values())
    assert report["floor_per_s"] > 0 and report["path_per_s"] > 0 and report["ratio"] > 0
    assert report["ok"] == (report["ratio"] >= admission.RATIO_MIN)
    whole = next(journal for journal in journals if journal.path.name == "journal")
    assert len(whole.groups) == 3
    assert all(entry.count(b'"order_hash"') == 500 for group in whole.groups for entry in group)


def test_digests_that_differ_are_noticed() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signing, "_ORDER_TYPE_HASH", bytes(32))
        assert admission.digests_equal(1, 3) is False
    assert admission.digests_equal(1, 3) is True
