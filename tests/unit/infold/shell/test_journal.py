# SPDX-License-Identifier: Apache-2.0
"""The journal keeps what it acknowledged, or says that it cannot."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.faulty_vfs import SQLITE_FULL, FaultyFiles, plan

from infold.errors import InfoldError, InvariantBroken, Misconfigured, Unavailable
from infold.shell.files import Files
from infold.shell.journal import COPIES_MAX, Journal, link

IDENTITY = b"31337:0xclearing"


@pytest.fixture(autouse=True)
def sound_disk() -> Iterator[None]:
    plan.reset()
    yield
    plan.reset()


def a_group(number: int) -> list[bytes]:
    return [
        b'{"group":%d,"entry":%d,"pad":"%s"}' % (number, entry, b"x" * 900) for entry in range(3)
    ]


def contents(path: Path) -> list[tuple[int, list[bytes]]]:
    with Journal(path, IDENTITY) as journal:
        return list(journal.groups())


def written(path: Path, groups: int) -> list[tuple[int, list[bytes]]]:
    with Journal(path, IDENTITY) as journal:
        for number in range(1, groups + 1):
            assert journal.append(a_group(number)) == number
    return [(number, a_group(number)) for number in range(1, groups + 1)]


def test_what_was_appended_is_read_back_in_order(tmp_path: Path) -> None:
    expected = written(tmp_path / "j", 5)
    assert contents(tmp_path / "j") == expected
    folded: list[tuple[int, bytes]] = []
    with Journal(tmp_path / "j", IDENTITY) as journal:
        assert journal.replay(lambda seq, entry: folded.append((seq, entry)), after_seq=2) == 5
    assert folded == [(seq, entry) for seq, entries in expected[2:] for entry in entries]


def test_each_append_is_synced_before_it_returns(tmp_path: Path) -> None:
    with Journal(tmp_path / "j", IDENTITY, FaultyFiles()) as journal:
        for number in range(1, 4):
            plan.reset()
            journal.append(a_group(number))
            assert "sync" in plan.kinds and plan.kinds.index("sync") > plan.kinds.index("write")


def test_a_hash_depends_on_all_that_came_before(tmp_path: Path) -> None:
    with Journal(tmp_path / "a", IDENTITY) as one, Journal(tmp_path / "b", b"another") as two:
        one.append([b"{}"])
        two.append([b"{}"])
        assert one.hash != two.hash
        assert link(one.hash, 2, b"{}") != link(two.hash, 2, b"{}")


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    with (
        Journal(tmp_path / "j", IDENTITY),
        pytest.raises(Unavailable, match="in use by another process"),
    ):
        Journal(tmp_path / "j", IDENTITY)


def test_another_deployment_is_refused(tmp_path: Path) -> None:
    written(tmp_path / "j", 1)
    with pytest.raises(Misconfigured, match="belongs to another deployment"):
        Journal(tmp_path / "j", b"1:0xother")


def test_a_newer_layout_is_refused(tmp_path: Path) -> None:
    written(tmp_path / "j", 1)
    database = sqlite3.connect(tmp_path / "j" / "journal.sqlite")
    database.execute("PRAGMA user_version=99")
    database.close()
    with pytest.raises(Misconfigured, match="use a newer program"):
        Journal(tmp_path / "j", IDENTITY)


def test_empty_groups_and_entries_with_newlines_are_refused(tmp_path: Path) -> None:
    with Journal(tmp_path / "j", IDENTITY) as journal:
        with pytest.raises(InvariantBroken, match="empty"):
            journal.append([])
        with pytest.raises(InvariantBroken, match="newline"):
            journal.append([b"{}\n{}"])
        assert journal.append([b"{}"]) == 1


@pytest.mark.parametrize("keep_bytes", [None, 1, 24, 700, 4000])
def test_a_crash_at_any_write_or_sync_loses_nothing_acknowledged(
    tmp_path: Path, keep_bytes: int | None
) -> None:
    """Fault points are found by counting: the run is repeated with the next operation failing until
    none fails.
    """
    fail_at = 0
    while True:
        fail_at += 1
        path = tmp_path / f"j{fail_at}"
        acknowledged = []
        plan.reset(fail_at, keep_bytes=keep_bytes)
        try:
            with Journal(path, IDENTITY, FaultyFiles()) as journal:
                for number in range(1, 5):
                    acknowledged.append((journal.append(a_group(number)), a_group(number)))
        except Unavailable:
            pass
        reached = plan.count >= fail_at
        plan.reset()
        found = contents(path)
        assert found[: len(acknowledged)] == acknowledged, (
            f"fail_at={fail_at} keep_bytes={keep_bytes}"
        )
        assert found[len(acknowledged) :] in (
            [],
            [(len(acknowledged) + 1, a_group(len(acknowledged) + 1))],
        )
        assert Journal.inspect(path).ok
        if not reached:
            break
    assert fail_at > 15


def test_after_a_failed_sync_the_journal_refuses_until_reopened(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with Journal(path, IDENTITY, FaultyFiles()) as journal:
        journal.append(a_group(1))
        journal.append(a_group(2))
        plan.reset(1, only="sync", crash=False)
        with pytest.raises(Unavailable, match="restart"):
            journal.append(a_group(3))
        with pytest.raises(Unavailable, match="restart"):
            journal.append(a_group(3))
    assert contents(path)[:2] == [(1, a_group(1)), (2, a_group(2))]


def test_a_full_disk_refuses_the_group_and_may_be_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with Journal(path, IDENTITY, FaultyFiles()) as journal:
        journal.append(a_group(1))
        plan.reset(1, code=SQLITE_FULL, crash=False)
        with pytest.raises(Unavailable, match="disk is full"):
            journal.append(a_group(2))
        assert journal.append(a_group(2)) == 2
    assert contents(path) == [(1, a_group(1)), (2, a_group(2))]


def test_a_changed_body_is_named(tmp_path: Path) -> None:
    path = tmp_path / "j"
    written(path, 4)
    database = sqlite3.connect(path / "journal.sqlite")
    database.execute(
        "UPDATE commit_groups SET body = CAST(replace(body, 'x', 'y') AS BLOB) WHERE seq = 3"
    )
    database.commit()
    database.close()
    assert Journal.inspect(path).faults == ("group 3 does not match its hash",)
    with pytest.raises(Misconfigured, match="group 3 does not match its hash"):
        contents(path)


def test_missing_rows_are_named(tmp_path: Path) -> None:
    for gone, fault in (
        ((2, 3), "groups 2 to 3 are missing"),
        ((4,), "groups 4 to 4 were acknowledged and are missing"),
    ):
        path = tmp_path / f"j{gone[0]}"
        written(path, 4)
        database = sqlite3.connect(path / "journal.sqlite")
        database.executemany("DELETE FROM commit_groups WHERE seq = ?", [(seq,) for seq in gone])
        database.commit()
        database.close()
        assert fault in Journal.inspect(path).faults
        with pytest.raises(Misconfigured, match="missing"):
            contents(path)


def test_a_missing_anchor_is_damage(tmp_path: Path) -> None:
    written(tmp_path / "j", 2)
    (tmp_path / "j" / "journal.anchor").unlink()
    assert "journal.anchor is missing" in Journal.inspect(tmp_path / "j").faults
    with pytest.raises(Misconfigured, match=r"journal\.anchor is missing"):
        contents(tmp_path / "j")


def test_a_journal_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    for door in (Journal.existing, Journal.inspect):
        with pytest.raises(Misconfigured, match="no journal at"):
            door(tmp_path / "nowhere")


def test_a_journal_in_use_is_read_on_a_copy(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with Journal(path, IDENTITY) as journal:
        journal.append(a_group(1))
        with Journal.copied(path) as copy:
            assert list(copy.groups()) == [(1, a_group(1))]
        journal.append(a_group(2))
        with Journal.copied(path) as copy:
            assert copy.seq == 2 and copy.hash == journal.hash


class Interrupted(Files):
    """Copies of a journal that takes so many more groups while they are made."""

    def __init__(self, journal: Journal, groups: int) -> None:
        super().__init__()
        self.journal, self.groups = journal, groups

    def copy_directory(self, source: Path, target: Path) -> None:
        super().copy_directory(source, target)
        if self.groups:
            self.groups -= 1
            self.journal.append(a_group(self.journal.seq + 1))


def test_a_copy_is_made_again_if_a_group_came_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with Journal(path, IDENTITY) as journal:
        journal.append(a_group(1))
        with Journal.copied(path, Interrupted(journal, 2)) as copy:
            assert copy.seq == journal.seq == 3
        with (
            pytest.raises(Unavailable, match="faster than it can be copied"),
            Journal.copied(path, Interrupted(journal, COPIES_MAX)),
        ):
            pass


def test_damage_in_a_copy_is_told_of_the_original(tmp_path: Path) -> None:
    path = tmp_path / "j"
    written(path, 2)
    (path / "journal.anchor").unlink()
    with pytest.raises(Misconfigured, match=f"journal {path} is damaged"), Journal.copied(path):
        pass


@pytest.mark.parametrize("seed", range(4))
def test_random_damage_is_found_or_harmless(tmp_path: Path, seed: int) -> None:
    """A flipped bit or a cut file either leaves every entry readable as it was, or is reported with
    a place.
    """
    dice = random.Random(seed)
    origin = tmp_path / "origin"
    with Journal(origin, IDENTITY) as journal:
        for number in range(1, 13):
            journal.append(a_group(number))
        # Copied while open: part of the groups still live in the write-ahead log, as after a crash.
        originals = {file.name: file.read_bytes() for file in origin.iterdir()}
    expected = [(number, a_group(number)) for number in range(1, 13)]
    found = 0
    for case in range(60):
        path = tmp_path / f"case{case}"
        path.mkdir()
        name = dice.choice(
            ["journal.sqlite", "journal.sqlite-wal", "journal.sqlite-wal", "journal.anchor"]
        )
        damaged = bytearray(originals[name])
        if dice.random() < 0.8:
            damaged[dice.randrange(len(damaged))] ^= 1 << dice.randrange(8)
        else:
            del damaged[dice.randrange(len(damaged)) :]
        for file, content in originals.items():
            (path / file).write_bytes(bytes(damaged) if file == name else content)
        report = Journal.inspect(path)
        found += not report.ok
        try:
            assert contents(path) == expected, f"seed={seed} case={case} {name}: silently different"
        except InfoldError:
            assert not report.ok, f"seed={seed} case={case} {name}: refused but verified"
    assert found > 10
