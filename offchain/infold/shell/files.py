# SPDX-License-Identifier: Apache-2.0
"""The one door to the journal's files.

Every byte the journal reads or writes passes through `Files`: SQLite's own input and output through
the virtual file system named here, the anchor and the lock through the methods below. A test that
wants the Nth write or sync to fail, or a write to tear, hands the journal a `Files` with another
virtual file system and overrides these methods; nothing else opens a file.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import urllib.parse
from pathlib import Path


class Files:
    """Files of one journal.

    `vfs` names an SQLite virtual file system registered in this process, or None for SQLite's
    default one. Methods raise `OSError` and `sqlite3.Error` as they come; the journal gives them
    their meaning.
    """

    def __init__(self, vfs: str | None = None) -> None:
        self.vfs = vfs

    def connect(self, path: Path) -> sqlite3.Connection:
        """Open or create the database, in autocommit mode: transactions are begun by name."""
        query = {"mode": "rwc"} | ({"vfs": self.vfs} if self.vfs else {})
        address = f"file:{urllib.parse.quote(str(path))}?{urllib.parse.urlencode(query)}"
        return sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False)

    def make_directory(self, path: Path) -> None:
        """Make the directory and its parents, readable by their owner only."""
        path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def lock(self, path: Path) -> int | None:
        """Take the writer's lock; the descriptor that holds it, None if another holder has it."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor

    def unlock(self, descriptor: int) -> None:
        """Give the lock back by closing its descriptor."""
        os.close(descriptor)

    def read(self, path: Path) -> bytes | None:
        """All bytes of a small file, or None if there is no such file."""
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None

    def create(self, path: Path, content: bytes) -> int:
        """Create a file that has this content or does not exist, whatever happens, and keep it open
        for `write_at`.
        """
        draft = path.with_name(path.name + ".new")
        descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            self.write_at(descriptor, content, 0)
            self.sync(descriptor)
            os.rename(draft, path)
            self.sync_directory(path.parent)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor

    def reopen(self, path: Path) -> int:
        """Open an existing file for `write_at`."""
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)

    def write_at(self, descriptor: int, content: bytes, offset: int) -> None:
        """Write every byte at the offset."""
        written = 0
        while written < len(content):
            written += os.pwrite(descriptor, content[written:], offset + written)

    def copy_directory(self, source: Path, target: Path) -> None:
        """Copy a directory of files."""
        shutil.copytree(source, target)

    def sync(self, descriptor: int) -> None:
        """Force a file's bytes to the disk."""
        os.fsync(descriptor)

    def sync_directory(self, path: Path) -> None:
        """Force the names in a directory to the disk."""
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
