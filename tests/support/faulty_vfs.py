# SPDX-License-Identifier: Apache-2.0
"""An SQLite virtual file system that fails on command: the Nth write or sync, or a write torn at a
byte.

It is the platform's own file system with `xWrite`, `xSync` and `xTruncate` intercepted, registered
in the SQLite library that Python's `sqlite3` module itself is linked with, so the code under test
runs unchanged on real files.
"""

from __future__ import annotations

import _sqlite3
import ctypes
import errno
import os
from pathlib import Path

from infold.shell.files import Files

SQLITE_OK = 0
SQLITE_FULL = 13
SQLITE_IOERR_WRITE = 10 | (3 << 8)
SQLITE_IOERR_FSYNC = 10 | (4 << 8)
NAME = b"infold-faulty"

_library = ctypes.CDLL(
    _sqlite3.__file__
)  # resolves SQLite's symbols in the library the module is linked with
_pointer = ctypes.c_void_p
_methods_names = (
    "xClose xRead xWrite xTruncate xSync xFileSize xLock xUnlock xCheckReservedLock xFileControl "
    "xSectorSize "
    "xDeviceCharacteristics xShmMap xShmLock xShmBarrier xShmUnmap xFetch xUnfetch"
).split()
_vfs_names = (
    "xOpen xDelete xAccess xFullPathname xDlOpen xDlError xDlSym xDlClose xRandomness xSleep "
    "xCurrentTime "
    "xGetLastError xCurrentTimeInt64 xSetSystemCall xGetSystemCall xNextSystemCall"
).split()


class _Methods(ctypes.Structure):
    _fields_ = [("iVersion", ctypes.c_int), *((name, _pointer) for name in _methods_names)]


class _File(ctypes.Structure):
    _fields_ = [("methods", ctypes.POINTER(_Methods))]


class _Vfs(ctypes.Structure):
    _fields_ = [
        ("iVersion", ctypes.c_int),
        ("szOsFile", ctypes.c_int),
        ("mxPathname", ctypes.c_int),
        ("pNext", _pointer),
        ("zName", ctypes.c_char_p),
        ("pAppData", _pointer),
        *((name, _pointer) for name in _vfs_names),
    ]


_Open = ctypes.CFUNCTYPE(
    ctypes.c_int,
    _pointer,
    _pointer,
    ctypes.POINTER(_File),
    ctypes.c_int,
    ctypes.POINTER(ctypes.c_int),
)
_Write = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(_File), _pointer, ctypes.c_int, ctypes.c_int64
)
_Sync = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_File), ctypes.c_int)
_Truncate = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_File), ctypes.c_int64)


class Plan:
    """Which operation fails, and how. Operations are counted from 1 over writes, syncs and
    truncations together.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(
        self,
        fail_at: int = 0,
        *,
        keep_bytes: int | None = None,
        code: int = 0,
        crash: bool = True,
        only: str | None = None,
    ) -> None:
        """Fail operation `fail_at`, of the kind `only` if given.

        A write first puts `keep_bytes` of it on disk; `crash` also fails all that follow.
        """
        self.only = only
        self.fail_at, self.keep_bytes, self.code, self.crash = fail_at, keep_bytes, code, crash
        self.count = 0
        self.kinds: list[str] = []

    def fails(self, kind: str) -> bool:
        """Count one operation and say whether it fails."""
        self.count += self.only in (None, kind)
        self.kinds.append(kind)
        return (
            bool(self.fail_at)
            and self.only in (None, kind)
            and (self.count == self.fail_at or (self.crash and self.count > self.fail_at))
        )


plan = Plan()
_kept: list[object] = []  # callbacks and structures that C code points to must never be collected
_wrapped: dict[int, _Methods] = {}


def _wrap(original: _Methods) -> _Methods:
    write, sync, truncate = (
        _Write(original.xWrite),
        _Sync(original.xSync),
        _Truncate(original.xTruncate),
    )

    def on_write(file: object, buffer: int, amount: int, offset: int) -> int:
        if plan.fails("write"):
            if plan.keep_bytes and plan.count == plan.fail_at:
                write(file, buffer, min(plan.keep_bytes, amount), offset)
            return plan.code or SQLITE_IOERR_WRITE
        return int(write(file, buffer, amount, offset))

    def on_sync(file: object, flags: int) -> int:
        return (plan.code or SQLITE_IOERR_FSYNC) if plan.fails("sync") else int(sync(file, flags))

    def on_truncate(file: object, size: int) -> int:
        return (
            (plan.code or SQLITE_IOERR_WRITE)
            if plan.fails("truncate")
            else int(truncate(file, size))
        )

    mine = _Methods.from_buffer_copy(original)
    callbacks = (_Write(on_write), _Sync(on_sync), _Truncate(on_truncate))
    for name, callback in zip(("xWrite", "xSync", "xTruncate"), callbacks, strict=True):
        setattr(mine, name, ctypes.cast(callback, _pointer).value)
    _kept.append(callbacks)
    return mine


def _register() -> None:
    _library.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
    base = _library.sqlite3_vfs_find(None)
    opening = _Open(base.contents.xOpen)

    def on_open(_vfs: object, name: int, file: object, flags: int, out: object) -> int:
        code = int(opening(ctypes.cast(base, _pointer), name, file, flags, out))
        methods = file.contents.methods  # type: ignore[attr-defined]
        if code == SQLITE_OK and methods:
            address = ctypes.addressof(methods.contents)
            if address not in _wrapped:
                _wrapped[address] = _wrap(methods.contents)
            file.contents.methods = ctypes.pointer(_wrapped[address])  # type: ignore[attr-defined]
        return code

    callback = _Open(on_open)
    mine = _Vfs.from_buffer_copy(base.contents)
    mine.zName = NAME
    mine.xOpen = ctypes.cast(callback, _pointer).value
    _kept.extend((callback, mine))
    if _library.sqlite3_vfs_register(ctypes.byref(mine), 0) != SQLITE_OK:
        raise RuntimeError("the faulty file system could not be registered")


_register()


class FaultyFiles(Files):
    """`Files` whose every write and sync is counted by `plan` and fails when it says so."""

    def __init__(self) -> None:
        super().__init__(NAME.decode())

    def write_at(self, descriptor: int, content: bytes, offset: int) -> None:
        if plan.fails("write"):
            if plan.keep_bytes and plan.count == plan.fail_at:
                os.pwrite(descriptor, content[: plan.keep_bytes], offset)
            raise OSError(errno.EIO, "injected write failure")
        super().write_at(descriptor, content, offset)

    def sync(self, descriptor: int) -> None:
        if plan.fails("sync"):
            raise OSError(errno.EIO, "injected sync failure")
        super().sync(descriptor)

    def sync_directory(self, path: Path) -> None:
        if plan.fails("sync"):
            raise OSError(errno.EIO, "injected sync failure")
        super().sync_directory(path)
