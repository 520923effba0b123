# SPDX-License-Identifier: Apache-2.0
"""The journal's anchor: sequence and hash of the last acknowledged group, in two checksummed slots
written in turn. `journal.py` has the theory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

from infold.errors import InvariantBroken
from infold.shell.files import Files

_MAGIC: Final = b"INFOLDA1"
_SLOT_BYTES: Final = 64
"""Magic 8, seq 8, hash 32, checksum 16: inside a disk sector, so a slot is written whole or not."""


class Anchor:
    """The anchor of an open journal; one that is missing is not written to."""

    def __init__(self, files: Files, descriptor: int | None) -> None:
        self._files = files
        self._descriptor = descriptor

    @classmethod
    def begin(cls, files: Files, path: Path, digest: bytes) -> tuple[Anchor, bytes]:
        """Create the anchor of a journal without groups; it and its content."""
        content = 2 * _slot(0, digest)
        return cls(files, files.create(path, content)), content

    @property
    def is_there(self) -> bool:
        """Whether there is one to write to."""
        return self._descriptor is not None

    def write(self, seq: int, digest: bytes) -> None:
        """Name a group as the last one, in the slot whose turn it is."""
        self._write(seq, seq, digest)

    def mend(self, seq: int, digest: bytes) -> None:
        """Name a group in both slots: one torn by a crash is whole again."""
        self._write(seq, seq, digest)
        self._write(seq + 1, seq, digest)

    def _write(self, turn: int, seq: int, digest: bytes) -> None:
        if self._descriptor is None:
            raise InvariantBroken("journal: written to before it was open")
        self._files.write_at(self._descriptor, _slot(seq, digest), turn % 2 * _SLOT_BYTES)

    def close(self) -> None:
        """Give the file back. Safe to call twice."""
        if self._descriptor is not None:
            self._files.unlock(self._descriptor)
            self._descriptor = None


def faults_of(
    content: bytes | None,
    last_seq: int,
    hash_of: Callable[[int], bytes | None],
    *,
    strict: bool = False,
) -> list[str]:
    """What an anchor says against the groups up to `last_seq`, whose hashes `hash_of` tells;
    `strict` reports one damaged slot of two as well.
    """
    if content is None:
        return ["journal.anchor is missing"]
    slots = [_read(content[at : at + _SLOT_BYTES]) for at in (0, _SLOT_BYTES)]
    faults = [
        f"journal.anchor slot {at} is damaged" for at, slot in enumerate(slots) if slot is None
    ]
    if len(content) != 2 * _SLOT_BYTES:
        faults.append(f"journal.anchor has {len(content)} bytes, not {2 * _SLOT_BYTES}")
    sound = [slot for slot in slots if slot is not None]
    if sound and not strict:
        faults = []
    for seq, digest in sorted(sound):
        if seq > last_seq:
            faults.append(f"groups {last_seq + 1} to {seq} were acknowledged and are missing")
        elif seq > 0 and hash_of(seq) != digest:
            faults.append(f"group {seq} is not the one that was acknowledged")
    return faults


def _slot(seq: int, digest: bytes) -> bytes:
    content = _MAGIC + seq.to_bytes(8, "big") + digest
    return content + hashlib.sha256(content).digest()[:16]


def _read(slot: bytes) -> tuple[int, bytes] | None:
    """Sequence and hash of a slot, or None if it is damaged."""
    seq, digest = int.from_bytes(slot[8:16], "big"), slot[16:48]
    return (seq, digest) if _slot(seq, digest) == slot else None
