# SPDX-License-Identifier: Apache-2.0
"""The journal: what the venue has acknowledged, in order, on disk.

Theory of operation
-------------------
A journal is a directory of three files.

- `journal.sqlite` (with SQLite's `-wal`): one row per commit group. A group's body is JSON lines,
  one entry a line; its hash is `sha256(previous hash | seq | body)`, so a change anywhere breaks
  every later link. The first link is over the journal's identity (which chain, which contracts), so
  a journal cannot be continued under another deployment.
- `journal.anchor` (`anchor.py`): sequence and hash of the last acknowledged group, in two
  checksummed slots written in turn. SQLite drops a damaged tail of its write-ahead log without a
  word: to it such a tail is a transaction that never finished. The anchor is what remembers that it
  had. It is written after the commit and not synced: it may lag behind the rows, never run ahead of
  them.
- `journal.lock`: held by flock for as long as the journal is open. One writer.

`append` returns after SQLite synced the write-ahead log (`synchronous=FULL`). What it has returned
for is acknowledged and survives any crash; a group whose append failed may or may not be there
after a restart, and was promised to nobody.

A failed sync is final for the process (the page cache no longer tells what the disk holds): the
journal refuses further work and must be reopened, which reads back what is really there. A full
disk refuses the group and may be tried again.

What must change together: the table layout and a new numbered file in `migrations/`; `link` and
every journal ever written.
"""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from infold.closable import Closable
from infold.errors import InvariantBroken, Misconfigured, Unavailable
from infold.shell.anchor import Anchor, faults_of
from infold.shell.files import Files

# SQLite refuses a blob near 1 GB; a group of 50,000 orders is about 30 MB
BODY_BYTES_MAX = 256 * 1024 * 1024
COPIES_MAX = 50  # a devnet rests between batches; one that never does can be stopped


@dataclass(frozen=True, slots=True)
class JournalReport:
    """What `verify` saw. `faults` name the place, the nearest to the beginning first; empty means
    sound.
    """

    groups: int
    entries: int
    seq: int
    hash: str
    faults: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """No fault found."""
        return not self.faults


@dataclass(slots=True)
class _Walk:
    """Where a walk along the chain of groups stands."""

    seq: int
    hash: bytes
    entries: int = 0
    faults: list[str] = field(default_factory=list)


def link(previous: bytes, seq: int, body: bytes) -> bytes:
    """The hash of a group, from the hash before it."""
    return hashlib.sha256(previous + seq.to_bytes(8, "big") + body).digest()


def first_link(identity: bytes) -> bytes:
    """The hash that stands before group 1."""
    return hashlib.sha256(b"infold journal" + identity).digest()


def _copy_at_rest(path: Path, copy: Path, files: Files) -> None:
    """Copy a journal's directory such that no group was acknowledged meanwhile.

    SQLite begins its write-ahead log anew only in a commit, and after each commit the anchor
    changes: if the anchor is the same before and after, the files that were copied belong together.
    """
    try:
        for _ in range(COPIES_MAX):
            before = files.read(path / "journal.anchor")
            files.copy_directory(path, copy)
            if files.read(path / "journal.anchor") == before:
                return
            shutil.rmtree(copy)
    except OSError as error:
        raise Unavailable(f"journal {path} could not be copied for reading: {error}") from error
    raise Unavailable(
        f"journal {path} is written to faster than it can be copied; try again when it is calmer"
    )


def _require(path: Path) -> None:
    if not (path / "journal.sqlite").exists():
        raise Misconfigured(f"no journal at {path}; name the directory that holds journal.sqlite")


class Journal(Closable):
    """One open journal. Not to be shared between threads without a lock of the caller's.

    Raises `Misconfigured` when the files are missing, damaged, of another deployment or of a newer
    version, and `Unavailable` when another process holds the journal or the disk does not take the
    bytes.
    """

    def __init__(
        self, path: Path, identity: bytes, files: Files | None = None, *, lenient: bool = False
    ) -> None:
        self.path = path
        self._lenient = lenient
        self.identity = identity
        self._files = files or Files()
        self._failed: str | None = None
        self._anchor = Anchor(self._files, None)
        self._database: sqlite3.Connection | None = None
        try:
            self._files.make_directory(path)
            self._lock = self._files.lock(path / "journal.lock")
        except OSError as error:
            raise Misconfigured(
                f"journal directory {path} cannot be used: {error}; choose another with --data-dir"
            ) from error
        if self._lock is None:
            raise Unavailable(f"journal {path} is in use by another process; stop that one first")
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    # -- opening -----------------------------------------------------------------------------------

    @classmethod
    def existing(cls, path: Path, files: Files | None = None) -> Journal:
        """Open a journal that must exist already, under whatever identity it was made."""
        _require(path)
        return cls(path, b"", files)

    @classmethod
    def inspect(cls, path: Path, files: Files | None = None) -> JournalReport:
        """Verify the journal at a path, in use or not, on a copy: opening a database may already
        change a damaged one.
        """
        _require(path)
        try:
            with cls.copied(path, files, lenient=True) as journal:
                return journal.verify()
        except Misconfigured as error:
            return JournalReport(groups=0, entries=0, seq=0, hash="", faults=(str(error),))

    @classmethod
    @contextmanager
    def copied(
        cls, path: Path, files: Files | None = None, *, lenient: bool = False
    ) -> Iterator[Journal]:
        """A copy of the journal at a path, which may be in use, to be read while the context lasts.

        Everything acknowledged when the copy began is in it. Raises what opening it would.
        """
        _require(path)
        files = files or Files()
        with tempfile.TemporaryDirectory(prefix="infold-journal-") as directory:
            copy = Path(directory) / "journal"
            _copy_at_rest(path, copy, files)
            try:
                with cls(copy, b"", files, lenient=lenient) as journal:
                    yield journal
            except Misconfigured as error:  # told of the original
                raise Misconfigured(str(error).replace(str(copy), str(path))) from error

    def _open(self) -> None:
        anchor_path = self.path / "journal.anchor"
        database_path = self.path / "journal.sqlite"
        try:
            anchor = self._files.read(anchor_path)
            # A database that never received its tables was promised to nobody; one with tables has
            # had an anchor since before.
            fresh = anchor is None and (
                not database_path.exists() or database_path.stat().st_size == 0
            )
            self._database = self._files.connect(database_path)
            self._prepare()
            self._identify()
            if fresh or (anchor is None and self._last() is None):
                first = first_link(self.identity)
                self._anchor, anchor = Anchor.begin(self._files, anchor_path, first)
            elif anchor is not None:
                self._anchor = Anchor(self._files, self._files.reopen(anchor_path))
            self._settle_on(anchor)
        except FileNotFoundError as error:
            raise Misconfigured(f"journal {self.path} is incomplete: {error}") from error
        except OSError as error:
            raise Unavailable(f"journal {self.path} cannot be opened: {error}") from error
        except sqlite3.Error as error:
            raise self._meaning(error, "be opened") from error

    def _prepare(self) -> None:
        database = self._db()
        database.execute(
            "PRAGMA locking_mode=EXCLUSIVE"
        )  # with the flock: one writer, and no shared-memory file
        database.execute("PRAGMA page_size=16384")  # a group of 500 orders is 170 kB
        if database.execute("PRAGMA journal_mode=WAL").fetchone()[0] != "wal":
            raise Misconfigured(
                f"journal {self.path}: the disk does not allow a write-ahead log; use a local disk"
            )
        database.execute("PRAGMA synchronous=FULL")
        database.execute("PRAGMA trusted_schema=OFF")
        version = database.execute("PRAGMA user_version").fetchone()[0]
        migrations = sorted(
            entry.name
            for entry in (resources.files("infold.shell") / "migrations").iterdir()
            if entry.name.endswith(".sql")
        )
        if version > len(migrations):
            raise Misconfigured(
                f"journal {self.path} has layout {version}, this program knows "
                f"{len(migrations)}; use a newer program"
            )
        for number, name in enumerate(migrations[version:], version + 1):
            if not name.startswith(f"{number:04d}_"):
                raise InvariantBroken(f"migration {name} is out of order: expected number {number}")
            statements = (resources.files("infold.shell") / "migrations" / name).read_text("utf-8")
            database.executescript(
                f"BEGIN IMMEDIATE;\n{statements}\nPRAGMA user_version={number};\nCOMMIT;"
            )

    def _identify(self) -> None:
        row = self._db().execute("SELECT content FROM identity").fetchone()
        if row is None and self.identity:
            self._db().execute("INSERT INTO identity VALUES (1, ?)", (self.identity,))
        elif row is None:
            raise Misconfigured(f"journal {self.path} was never begun; start the venue once on it")
        elif self.identity in (b"", row[0]):
            self.identity = bytes(row[0])
        else:
            raise Misconfigured(
                f"journal {self.path} belongs to another deployment ({row[0]!r}, not "
                f"{self.identity!r}); "
                "name its own data directory"
            )

    def _last(self) -> tuple[int, bytes] | None:
        row = (
            self._db()
            .execute("SELECT seq, hash FROM commit_groups ORDER BY seq DESC LIMIT 1")
            .fetchone()
        )
        return None if row is None else (row[0], bytes(row[1]))

    def _settle_on(self, anchor: bytes | None) -> None:
        """Compare rows with the anchor and stand on the last row."""
        self.seq, self.hash = self._last() or (0, first_link(self.identity))
        faults = self._anchor_faults(anchor)
        if faults and not self._lenient:
            raise Misconfigured(
                f"journal {self.path} is damaged: {'; '.join(faults)}. Run `infold journal "
                "verify` and restore a copy"
            )
        if self._anchor.is_there and not self._lenient:
            self._anchor.mend(self.seq, self.hash)

    def _anchor_faults(self, anchor: bytes | None, *, strict: bool = False) -> list[str]:
        return faults_of(anchor, self.seq, self._known_hash, strict=strict)

    # -- writing -----------------------------------------------------------------------------------

    def append(self, entries: Sequence[bytes]) -> int:
        """Write one commit group and return its sequence number once it is on disk.

        Each entry is one JSON document without a newline. An empty group is refused. Raises
        `Unavailable` if the disk did not take it: then nothing of it is acknowledged.
        """
        if self._failed is not None:
            raise Unavailable(self._failed)
        if not entries:
            raise InvariantBroken("journal: an empty commit group")
        body = b"\n".join(entries)
        if len(body) > BODY_BYTES_MAX:
            raise InvariantBroken(
                f"journal: a commit group of {len(body)} bytes; commit in smaller groups"
            )
        if any(b"\n" in entry for entry in entries):
            raise InvariantBroken("journal: an entry contains a newline")
        seq = self.seq + 1
        digest = link(self.hash, seq, body)
        try:
            self._db().execute("INSERT INTO commit_groups VALUES (?, ?, ?)", (seq, digest, body))
        except sqlite3.Error as error:
            raise self._meaning(error, f"take group {seq}") from error
        try:
            self._anchor.write(seq, digest)
        except OSError as error:
            self._failed = (
                f"journal {self.path}: the anchor could not be written ({error}); "
                "mend the disk and restart"
            )
            raise Unavailable(self._failed) from error
        self.seq, self.hash = seq, digest
        return seq

    def _meaning(self, error: sqlite3.Error, doing: str) -> Unavailable | Misconfigured:
        """The typed error for what SQLite reports, and whether the journal may still be used."""
        name = getattr(error, "sqlite_errorname", "") or ""
        if name == "SQLITE_FULL":
            return Unavailable(
                f"journal {self.path} could not {doing}: the disk is full; free space and try again"
            )
        if name.startswith(("SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY")):
            self._failed = (
                f"journal {self.path} could not {doing} ({name}: {error}); "
                "nothing after the last receipt is acknowledged: mend the disk and restart"
            )
            return Unavailable(self._failed)
        self._failed = (
            f"journal {self.path} is damaged ({name or 'SQLite'}: {error}); "
            "restore a copy of the directory"
        )
        return Misconfigured(self._failed)

    # -- reading -----------------------------------------------------------------------------------

    def groups(self, after_seq: int = 0) -> Iterator[tuple[int, list[bytes]]]:
        """Sequence and entries of every group after one, checked link by link from there.

        Raises `Misconfigured` at the first broken link.
        """
        walk = _Walk(seq=after_seq, hash=self._hash_of(after_seq))
        for seq, body in self._rows(walk):
            if walk.faults:
                raise Misconfigured(
                    f"journal {self.path} is damaged: {walk.faults[0]}. Run `infold journal "
                    "verify` and restore a copy"
                )
            yield seq, body.split(b"\n")
        if walk.faults:
            raise Misconfigured(
                f"journal {self.path} is damaged: {walk.faults[0]}. Restore a copy of the directory"
            )

    def replay(self, fold: Callable[[int, bytes], None], after_seq: int = 0) -> int:
        """Call `fold(seq, entry)` for every entry in order; the last sequence number."""
        for seq, entries in self.groups(after_seq):
            for entry in entries:
                fold(seq, entry)
        return self.seq

    def verify(self) -> JournalReport:
        """Read everything back and name every place that is not as it was written."""
        walk = _Walk(seq=0, hash=first_link(self.identity))
        groups = 0
        try:
            for (problem,) in self._db().execute("PRAGMA integrity_check(20)"):
                if problem != "ok":
                    walk.faults.append(f"journal.sqlite: {problem}")
            for _seq, body in self._rows(walk):
                groups += 1
                walk.entries += body.count(b"\n") + 1
        except sqlite3.Error as error:
            walk.faults.append(f"journal.sqlite after group {walk.seq}: {error}")
        try:
            walk.faults += self._anchor_faults(
                self._files.read(self.path / "journal.anchor"), strict=True
            )
        except sqlite3.Error as error:
            walk.faults.append(f"journal.sqlite: {error}")
        return JournalReport(
            groups=groups,
            entries=walk.entries,
            seq=walk.seq,
            hash=walk.hash.hex(),
            faults=tuple(walk.faults),
        )

    def _hash_of(self, seq: int) -> bytes:
        if seq == 0:
            return first_link(self.identity)
        known = self._known_hash(seq)
        if known is None:
            raise Misconfigured(f"journal {self.path} has no group {seq}")
        return known

    def _known_hash(self, seq: int) -> bytes | None:
        row = self._db().execute("SELECT hash FROM commit_groups WHERE seq = ?", (seq,)).fetchone()
        return None if row is None else bytes(row[0])

    def _rows(self, walk: _Walk) -> Iterator[tuple[int, bytes]]:
        try:
            rows = self._db().execute(
                "SELECT seq, hash, body FROM commit_groups WHERE seq > ? ORDER BY seq", (walk.seq,)
            )
            for seq, digest, body in rows:
                if seq != walk.seq + 1:
                    walk.faults.append(f"groups {walk.seq + 1} to {seq - 1} are missing")
                elif link(walk.hash, seq, body) != digest:
                    walk.faults.append(f"group {seq} does not match its hash")
                walk.seq, walk.hash = seq, bytes(digest)
                yield seq, bytes(body)
        except sqlite3.Error as error:
            walk.faults.append(f"journal.sqlite after group {walk.seq}: {error}")

    # -- closing -----------------------------------------------------------------------------------

    def _db(self) -> sqlite3.Connection:
        if self._database is None:
            raise InvariantBroken("journal: used after it was closed")
        return self._database

    def close(self) -> None:
        """Close the files and give the lock back. Safe to call twice."""
        if self._database is not None:
            self._database.close()
            self._database = None
        self._anchor.close()
        if self._lock is not None:
            self._files.unlock(self._lock)
            self._lock = None
