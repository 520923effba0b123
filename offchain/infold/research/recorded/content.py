# SPDX-License-Identifier: Apache-2.0
"""A file's bytes as a table: plain, gzip or zip, Parquet or CSV, and its hash as stored; what is
wrong with a file, and what to do, is a `DataFault`.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import zipfile
import zlib
from pathlib import Path

import polars as pl

from infold.research.faults import DataFault


def table(path: Path) -> tuple[pl.DataFrame, int, str]:
    """A file's table, the number of its first data row, and the SHA-256 of the file as stored."""
    content, sha256 = content_of(path)
    if path.name.lower().endswith(".parquet"):
        return parquet(path, content), 1, sha256
    frame, first_row = csv(path, content)
    return frame, first_row, sha256


def schema(path: Path) -> tuple[str, ...]:
    """A Parquet file's columns, without reading its rows."""
    try:
        return tuple(pl.read_parquet_schema(path))
    except FileNotFoundError:
        raise DataFault(path, "no such file", "check the path or set INFOLD_DATA") from None
    except (pl.exceptions.PolarsError, OSError) as error:
        first_line = str(error).splitlines()[0][:120]
        raise DataFault(
            path, f"not a whole Parquet file ({first_line})", "fetch it again"
        ) from None


def content_of(path: Path) -> tuple[bytes, str]:
    """The file's bytes, unpacked, and the SHA-256 of the file as it lies on disk."""
    try:
        stored = path.read_bytes()
    except FileNotFoundError:
        raise DataFault(path, "no such file", "check the path or set INFOLD_DATA") from None
    except OSError as error:
        raise DataFault(
            path, f"cannot be read ({error.strerror})", "check its permissions"
        ) from None
    sha256 = hashlib.sha256(stored).hexdigest()
    try:
        if stored[:2] == b"\x1f\x8b":
            return gzip.decompress(stored), sha256
        if stored[:4] == b"PK\x03\x04":
            with zipfile.ZipFile(io.BytesIO(stored)) as archive:
                members = [name for name in archive.namelist() if not name.endswith("/")]
                if len(members) != 1:
                    raise DataFault(
                        path, f"the archive holds {len(members)} files", "pack one file an archive"
                    )
                return archive.read(members[0]), sha256
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise DataFault(path, f"the archive is damaged ({error})", "fetch it again") from None
    return stored, sha256


def parquet(path: Path, content: bytes) -> pl.DataFrame:
    try:
        return pl.read_parquet(io.BytesIO(content))
    except (pl.exceptions.PolarsError, OSError) as error:
        first_line = str(error).splitlines()[0][:120]
        raise DataFault(
            path, f"not a whole Parquet file ({first_line})", "fetch it again"
        ) from None


def csv(path: Path, content: bytes) -> tuple[pl.DataFrame, int]:
    """All cells as text, and the line number of the first data row."""
    first, _, _ = content.partition(b"\n")
    if not first.strip():
        raise DataFault(path, "it is empty", "fetch it again or leave it out")
    if b"\x00" in content[:65_536]:
        raise DataFault(path, "it is neither text, gzip, zip nor Parquet", "fetch it again")
    cells = first.decode("utf-8", "replace").strip().split(",")
    has_header = not _is_number(cells[0])
    names = [cell.strip().lower() for cell in cells] if has_header else []
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise DataFault(path, "two columns have this name", "name each column once", column=twice)
    try:
        frame = pl.read_csv(io.BytesIO(content), has_header=has_header, infer_schema=False)
    except pl.exceptions.NoDataError:
        raise DataFault(path, "it holds no rows", "fetch it again or leave it out") from None
    except pl.exceptions.PolarsError as error:
        for number, line in enumerate(content.splitlines(), start=1):
            if line.count(b",") + 1 != len(cells):
                raise DataFault(
                    path,
                    f"{line.count(b',') + 1} cells where the first line has {len(cells)}",
                    "the file is damaged there; fetch it again",
                    row=number,
                ) from None
        first_line = str(error).splitlines()[0][:120]
        raise DataFault(path, f"not readable as CSV ({first_line})", "fetch it again") from None
    return frame.rename(
        {name: name.strip().lower() for name in frame.columns}
    ), 2 if has_header else 1


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
