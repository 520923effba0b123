# SPDX-License-Identifier: Apache-2.0
"""A checkout's contracts as what creates them: found, compiled once, and kept by their sources."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infold.errors import Misconfigured
from infold.shell.chain import Json

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Compiled:
    """One compiled contract."""

    abi: Json
    init_code: bytes


def find_contracts(start: Path | None = None) -> Path:
    """The `contracts/` of the checkout we are in. Raises `Misconfigured` outside one."""
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents, *Path(__file__).resolve().parents):
        if (folder / "contracts" / "Clearing.vy").is_file():
            return folder / "contracts"
    raise Misconfigured(
        "no contracts/Clearing.vy here or above; run in a checkout or name one with --contracts"
    )


def compile_contracts(
    contracts: Path, names: Sequence[str], progress: Progress
) -> dict[str, Compiled]:
    """Compile with the pinned Vyper, in process. Results are kept in the checkout's `.cache` by the
    hash of all sources. `Misconfigured` if there are no contracts or no Vyper.
    """
    sources = sorted([*contracts.rglob("*.vy"), *contracts.rglob("*.vyi")])
    if not any(source.name == "Clearing.vy" for source in sources):
        raise Misconfigured(
            f"{contracts} holds no contracts; name a checkout's contracts/ with --contracts"
        )
    try:
        version = importlib.metadata.version("vyper")
    except importlib.metadata.PackageNotFoundError as error:
        raise Misconfigured(
            "vyper is not installed; run `make setup`, or install infold[contracts]"
        ) from error
    cache = contracts.parent / ".cache" / "contracts" / _digest(contracts, sources, version)
    compiled = {}
    for name in names:
        kept = cache / f"{name}.json"
        try:
            content = json.loads(kept.read_text("utf-8"))
        except (OSError, ValueError):
            progress(f"compiling {name}")
            content = _compile(_source(contracts, name), contracts)
            cache.mkdir(parents=True, exist_ok=True)
            draft = kept.with_suffix(f".{id(content)}.new")
            draft.write_text(json.dumps(content), "utf-8")
            draft.replace(kept)
        compiled[name] = Compiled(content["abi"], bytes.fromhex(content["init_code"]))
    return compiled


def _digest(contracts: Path, sources: Sequence[Path], version: str) -> str:
    """Of the compiler and of every source, by its place."""
    digest = hashlib.sha256(version.encode())
    for source in sources:
        place = str(source.relative_to(contracts)).encode()
        digest.update(place + b"\0" + source.read_bytes() + b"\0")
    return digest.hexdigest()[:32]


def _source(contracts: Path, name: str) -> Path:
    """Where a contract of this name stands, or would."""
    folders = (contracts, contracts / "adapters", contracts / "dev")
    places = [folder / f"{name}.vy" for folder in folders]
    return next((place for place in places if place.exists()), places[0])


def _compile(path: Path, contracts: Path) -> dict[str, Any]:
    import vyper  # a second of start-up that only a deployment pays
    from vyper.compiler import CompilerData
    from vyper.compiler.input_bundle import FilesystemInputBundle
    from vyper.compiler.output import build_abi_output
    from vyper.compiler.settings import Settings
    from vyper.exceptions import VyperException

    bundle = FilesystemInputBundle([Path(vyper.__file__).resolve().parent.parent, contracts])
    try:
        with bundle.search_path(path.parent):
            source = bundle.load_file(path)
        data = CompilerData(source, bundle, settings=Settings())
        return {"abi": build_abi_output(data), "init_code": data.bytecode.hex()}
    except (VyperException, OSError) as error:
        raise Misconfigured(f"{path} does not compile: {error}") from error
