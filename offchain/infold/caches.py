# SPDX-License-Identifier: Apache-2.0
"""Where compiled loops are kept between runs: a directory a state of the sources.

numba looks at the file a function stands in and not at those of the functions it calls, so after an
edit a caller from yesterday may go on with a callee from yesterday, and give yesterday's numbers.
A directory named after all sources that are compiled cannot.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import MutableMapping
from pathlib import Path
from typing import Final

VARIABLE: Final = "NUMBA_CACHE_DIR"
COMPILED: Final = ("core", "dealer", "research")
"""The layers with compiled loops."""
KEPT: Final = 6
"""Directories of earlier sources that stay: a branch or two and their bases, 15 MB each."""
_PACKAGE: Final = Path(__file__).resolve().parent


def keep_compiled(
    environment: MutableMapping[str, str] = os.environ, package: Path = _PACKAGE
) -> Path:
    """Point numba to this source's own directory, under the one it was given or beside the package.

    Call it before numba is imported; child processes inherit it. Directories of other sources go,
    but for the newest few.
    """
    digest = digest_of(package)
    given = environment.get(VARIABLE)
    base = Path(given) if given else package / "__pycache__" / "compiled"
    place = base if base.name == digest else base / digest
    environment[VARIABLE] = str(place)
    _forget(place)
    return place


def digest_of(package: Path) -> str:
    """Sixteen hex digits over names and contents of every source that is compiled."""
    total = hashlib.sha256()
    for layer in COMPILED:
        for path in sorted((package / layer).rglob("*.py")):
            content = path.read_bytes()
            total.update(f"{path.relative_to(package)}:{len(content)}:".encode() + content)
    return total.hexdigest()[:16]


def _forget(place: Path) -> None:
    """Remove the oldest of the other sources' directories; one in use elsewhere is made again."""
    try:
        others = [
            path
            for path in place.parent.iterdir()
            if path != place and len(path.name) == len(place.name) and path.is_dir()
        ]
    except OSError:
        return
    others.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for path in others[KEPT:]:
        shutil.rmtree(path, ignore_errors=True)
