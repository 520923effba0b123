#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compile the mock feeds that Chainlink and Pyth publish, for tests of our adapters (`make mocks`).

    python tools/mocks.py            make `.cache/mocks/DIGEST.json` unless it is there

`tools/mocks.json` is the lock: three npm packages by version and hash, one of them solc, and the
mocks to compile. npm fetches the packages' archives and nothing they depend on; each must have the
hash of the lock before anything in it is read. No script of theirs runs, and none of their source
is kept: what stays is ABI and bytecode, under a digest of the lock. Standard library only; Node
comes from where `tools/bootstrap.py` takes it.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import io
import json
import os
import re
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bootstrap import ROOT, SetupError, install_node, installed_npm, run, say

LOCK = ROOT / "tools" / "mocks.json"
CACHE = ROOT / ".cache" / "mocks"
MEND = (
    "Check that npm reaches its registry (`npm ping`), then run `make mocks` again. A wrong hash\n"
    "means that the registry serves another file than the lock names."
)
#: solc as npm ships it is one module; its wrapper, which wants more packages, is not needed.
COMPILE_JS = """
const fs = require("fs");
const compile = require(process.argv[2]).cwrap("solidity_compile", "string", ["string", "number"]);
process.stdout.write(compile(fs.readFileSync(process.argv[3], "utf8"), 0));
"""

Json = dict[str, Any]


def mocks() -> Json:
    """Name to `{"abi": [...], "bytecode": "0x..."}`, made if it is not there.

    Raises `SetupError` if npm brings no archive of the locked hash, or solc refuses the sources.
    """
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:16]
    kept = CACHE / f"{digest}.json"
    with _only_one():
        if not kept.exists():
            made = _make(json.loads(LOCK.read_text("utf-8")))
            draft = kept.with_suffix(".new")
            draft.write_text(json.dumps(made), "utf-8")
            os.replace(draft, kept)
    found: Json = json.loads(kept.read_text("utf-8"))
    return found


@contextmanager
def _only_one() -> Iterator[None]:
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make(lock: Json) -> Json:
    with tempfile.TemporaryDirectory(prefix="mocks-", dir=CACHE) as name:
        folder = Path(name)
        npm, node = _tools(folder)
        sources: dict[str, Json] = {}
        for package, locked in lock["packages"].items():
            archive = _fetch(npm, folder, package, locked)
            if locked["sources"] is None:
                (folder / "soljson.js").write_bytes(archive["soljson.js"])
                continue
            for path, content in archive.items():
                if path.startswith(locked["sources"]) and path.endswith(".sol"):
                    sources[f"{package}/{path}"] = {"content": content.decode()}
        return _compile(node, folder, lock["mocks"], sources)


def _tools(folder: Path) -> tuple[list[str], str]:
    """The commands of npm and of the Node beneath it."""
    npm = installed_npm()
    if npm is not None:
        return npm, shutil.which("node") or "node"
    npm = install_node(ROOT / ".venv", ROOT, folder / "node")
    return npm, npm[0]


def _fetch(npm: list[str], folder: Path, package: str, locked: Json) -> dict[str, bytes]:
    """The files of a package's archive by path, after its hash was found to be the lock's."""
    target = folder / re.sub(r"\W", "-", package)
    target.mkdir()
    wanted = f"{package}@{locked['version']}"
    run([*npm, "pack", "--ignore-scripts", "--silent", wanted], MEND, folder=target)
    (file,) = target.glob("*.tgz")
    content = file.read_bytes()
    found = "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()
    if found != locked["integrity"]:
        raise SetupError(f"{wanted} has the hash {found}, not the lock's.\n{MEND}")
    files = {}
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
        for member in archive:
            part = archive.extractfile(member) if member.isfile() else None
            if part is not None:
                files[member.name.partition("/")[2]] = part.read()
    return files


def _compile(node: str, folder: Path, wanted: Json, sources: dict[str, Json]) -> Json:
    question = {
        "language": "Solidity",
        "sources": {path: sources[path] for path in sorted(_closure(wanted.values(), sources))},
        "settings": {
            "optimizer": {"enabled": True},
            "evmVersion": "cancun",
            "outputSelection": {"*": {"*": ["abi", "evm.bytecode.object"]}},
        },
    }
    (folder / "question.json").write_text(json.dumps(question), "utf-8")
    (folder / "compile.js").write_text(COMPILE_JS, "utf-8")
    said = run(
        [node, "compile.js", str(folder / "soljson.js"), "question.json"], MEND, folder=folder
    )
    answer = json.loads(said)
    faults = [
        it["formattedMessage"] for it in answer.get("errors", ()) if it["severity"] == "error"
    ]
    if faults:
        raise SetupError("solc refuses the mocks:\n" + "\n".join(faults))
    made = {}
    for name, path in wanted.items():
        contract = answer["contracts"][path][name]
        made[name] = {
            "abi": contract["abi"],
            "bytecode": "0x" + contract["evm"]["bytecode"]["object"],
        }
    return made


def _closure(paths: Any, sources: dict[str, Json]) -> set[str]:
    """The sources that some import, themselves included; all imports here are relative."""
    waiting, seen = list(paths), set()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        for name in re.findall(
            r'^import [^;]*?"(\.[^"]+)"', sources[path]["content"], re.MULTILINE
        ):
            waiting.append(os.path.normpath(os.path.join(os.path.dirname(path), name)))
    return seen


def main() -> int:
    try:
        made = mocks()
    except SetupError as error:
        say(f"mocks stopped. {error}")
        return 3
    say(f"mocks: {', '.join(sorted(made))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
