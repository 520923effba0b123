# SPDX-License-Identifier: Apache-2.0
"""The anchor remembers which group was acknowledged last, and says what does not fit it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from infold.errors import InvariantBroken
from infold.shell.anchor import Anchor, faults_of
from infold.shell.files import Files

HASHES = {seq: bytes([seq]) * 32 for seq in range(10)}
SLOT_BYTES = 64


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.anchor"


@pytest.fixture
def anchor(path: Path) -> Iterator[Anchor]:
    begun, content = Anchor.begin(Files(), path, HASHES[0])
    assert content == path.read_bytes() and len(content) == 2 * SLOT_BYTES
    yield begun
    begun.close()


def faults(content: bytes | None, last_seq: int, strict: bool = True) -> list[str]:
    return faults_of(content, last_seq, HASHES.get, strict=strict)


def test_groups_are_named_in_turn_and_fit(anchor: Anchor, path: Path) -> None:
    assert faults(path.read_bytes(), 0) == []
    for seq in (1, 2, 3):
        anchor.write(seq, HASHES[seq])
        assert faults(path.read_bytes(), seq) == []
    three, two = (path.read_bytes()[at : at + SLOT_BYTES] for at in (SLOT_BYTES, 0))
    assert HASHES[3] in three and HASHES[2] in two, "the group before stays while one is written"


def test_a_group_that_was_acknowledged_and_is_gone_is_named(anchor: Anchor, path: Path) -> None:
    for seq in (1, 2, 3):
        anchor.write(seq, HASHES[seq])
    assert faults(path.read_bytes(), 1) == [
        "groups 2 to 2 were acknowledged and are missing",
        "groups 2 to 3 were acknowledged and are missing",
    ]


def test_another_group_in_the_place_of_one_is_named(anchor: Anchor, path: Path) -> None:
    anchor.mend(2, b"?" * 32)
    assert set(faults(path.read_bytes(), 2)) == {"group 2 is not the one that was acknowledged"}


def test_one_torn_slot_is_told_on_request_and_mended(anchor: Anchor, path: Path) -> None:
    anchor.write(1, HASHES[1])
    whole = path.read_bytes()
    path.write_bytes(whole[:70] + b"?" + whole[71:])
    assert faults(path.read_bytes(), 1, strict=False) == []
    assert faults(path.read_bytes(), 1) == ["journal.anchor slot 1 is damaged"]
    anchor.mend(1, HASHES[1])
    assert faults(path.read_bytes(), 1) == []


def test_nothing_left_of_it_is_a_fault_always(path: Path) -> None:
    assert faults(None, 0) == ["journal.anchor is missing"]
    assert faults(bytes(2 * SLOT_BYTES), 0, strict=False) == [
        "journal.anchor slot 0 is damaged",
        "journal.anchor slot 1 is damaged",
    ]
    assert "journal.anchor has 7 bytes, not 128" in faults(b"INFOLDA", 0)


def test_an_anchor_that_is_missing_or_closed_is_not_written_to(anchor: Anchor) -> None:
    missing = Anchor(Files(), None)
    anchor.close()
    for one in (missing, anchor):
        assert not one.is_there
        with pytest.raises(InvariantBroken, match="written to before it was open"):
            one.write(1, HASHES[1])
