# SPDX-License-Identifier: Apache-2.0
"""What a signer remembers of what it signed, also after a crash."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import NamedTuple

from infold.errors import Misconfigured
from infold.shell.oracle.views import Abstains


class Entry(NamedTuple):
    """What was signed for a T: a root in so many chunks, over the views of these signers. `final`
    says that these are all who serve: it is never left for another.
    """

    root: bytes
    chunks: int
    over: list[bytes]
    final: bool


class Record:
    """What was signed for which T, on disk before any signature leaves: `entries`. One process at a
    time. `Misconfigured` if another has it or it is damaged.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._file)
            raise Misconfigured(
                f"record {path} is in use: one signer process a key and record"
            ) from error
        self.entries: dict[int, Entry] = {}
        content = path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole != len(content):
            os.ftruncate(self._file, whole)  # a line torn by a crash: its signature never left
        for number, text in enumerate(content[:whole].splitlines(), 1):
            try:
                line = json.loads(text)
                self.entries[int(line["time_ms"])] = Entry(
                    bytes.fromhex(line["root"]),
                    int(line["chunks"]),
                    [bytes.fromhex(who) for who in line["over"]],
                    bool(line["final"]),
                )
            except (ValueError, KeyError, TypeError) as error:
                raise Misconfigured(
                    f"record {path} is damaged at line {number}; retire this key, it may have "
                    "signed what the record lost"
                ) from error

    def close(self) -> None:
        """Close the file and give its lock back."""
        os.close(self._file)

    def write(self, time_ms: int, entry: Entry) -> None:
        """Write down that this is signed for T. Raises `Abstains` if it cannot."""
        line = {
            "time_ms": time_ms,
            "root": entry.root.hex(),
            "chunks": entry.chunks,
            "over": [who.hex() for who in entry.over],
            "final": entry.final,
        }
        try:
            os.write(self._file, json.dumps(line).encode() + b"\n")
            os.fdatasync(self._file)
        except OSError as error:
            raise Abstains(f"cannot write its record ({error.strerror})") from error
        self.entries[time_ms] = entry
