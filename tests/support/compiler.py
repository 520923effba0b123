# SPDX-License-Identifier: Apache-2.0
"""Compiled contracts for tests: in process, kept on disk by the content of all they import."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import snekmate
import vyper
from vyper.compiler import compile_from_file_input
from vyper.compiler.input_bundle import FilesystemInputBundle

ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = ROOT / "contracts"
PACKAGES = Path(vyper.__file__).resolve().parent.parent
CACHE = ROOT / ".cache" / "contracts"

_IMPORT = re.compile(r"^from (\.*)([\w.]*) import (\w+)", re.MULTILINE)


@dataclass(frozen=True)
class Artifact:
    """One compiled contract: init code, runtime size in bytes, ABI and storage layout."""

    name: str
    bytecode: bytes
    runtime_size: int
    abi: tuple[dict[str, Any], ...]
    layout: dict[str, Any]


@functools.cache
def compiled(name: str) -> Artifact:
    """Compile `contracts/<name>.vy` or read it from the cache; `name` may hold a folder.

    Raises what the compiler raises. Contracts for tests alone: see `compiled_at`.
    """
    return compiled_at(CONTRACTS / f"{name}.vy")


@functools.cache
def compiled_at(path: Path) -> Artifact:
    """Compile any source; imports are looked for beside it, in contracts/, in packages."""
    kept = CACHE / f"{path.stem}-{_fingerprint(path)}.json"
    if not kept.exists():
        bundle = FilesystemInputBundle([PACKAGES, CONTRACTS])
        with bundle.search_path(path.parent):
            source = bundle.load_file(path)
            output = compile_from_file_input(
                source,
                input_bundle=bundle,
                output_formats=["bytecode", "bytecode_runtime", "abi", "layout"],
            )
        CACHE.mkdir(parents=True, exist_ok=True)
        draft = kept.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps(output))
        draft.replace(kept)
    output = json.loads(kept.read_text())
    return Artifact(
        name=path.stem,
        bytecode=bytes.fromhex(output["bytecode"][2:]),
        runtime_size=len(output["bytecode_runtime"]) // 2 - 1,
        abi=tuple(output["abi"]),
        layout=output["layout"],
    )


def _fingerprint(path: Path) -> str:
    """A hash over the source, all of ours that it imports, and the versions of what is not ours."""
    digest = hashlib.sha256(f"vyper {vyper.__version__}".encode())
    for package in sorted(Path(part) for part in snekmate.__path__):
        for file in sorted(package.rglob("*.vy*")):
            digest.update(file.read_bytes())
    for file in sorted(set(_closure(path.resolve()))):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:32]


def _closure(path: Path) -> Iterator[Path]:
    waiting, seen = [path], set()
    while waiting:
        file = waiting.pop()
        if file in seen:
            continue
        seen.add(file)
        yield file
        for dots, folder, name in _IMPORT.findall(file.read_text()):
            base = file.parent if dots else CONTRACTS
            for _ in dots[1:]:
                base = base.parent
            for part in filter(None, folder.split(".")):
                base /= part
            waiting += [
                found for suffix in ("vy", "vyi") if (found := base / f"{name}.{suffix}").exists()
            ]
