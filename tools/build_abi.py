#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Generate `offchain/infold/abi/NAME.json` from `contracts/NAME.vy` (`make abi`).

    python tools/build_abi.py            write what differs, remove what has no contract any more
    python tools/build_abi.py --check    write nothing; exit 1 and name what is out of date

Only deployable contracts: those at the top of `contracts/` and in `contracts/dev/`. One entry a
line, sorted by kind and name, so that a change of the ABI reads as a change of the ABI in a diff.
An event that a contract logs through an interface counts as its own.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vyper.compiler.output import build_abi_output
from vyper.exceptions import VyperException

from compiler import CONTRACTS, ROOT, compiler_data, deployable

ABI = ROOT / "offchain" / "infold" / "abi"
KINDS = ("constructor", "function", "event")


@dataclass(frozen=True, slots=True)
class Compiled:
    """One deployable contract; `runtime_bytes` is what is stored on chain, immutables included."""

    name: str
    abi: list[dict[str, Any]]
    runtime_bytes: int


def compile_contracts(paths: list[Path], contracts: Path) -> Iterator[Compiled]:
    """Compile each with the default optimisation. Raises `VyperException`."""
    for path in paths:
        data = compiler_data(path, contracts)
        code = len(data.bytecode_runtime) + immutable_bytes(data.storage_layout)
        yield Compiled(path.stem, build_abi_output(data), code)


def immutable_bytes(layout: dict[str, Any]) -> int:
    """What deployment appends to the code; the layout nests it by module."""
    total = 0
    waiting = [layout.get("code_layout", {})]
    while waiting:
        for value in waiting.pop().values():
            if "length" in value and "offset" in value:
                total += int(value["length"])
            else:
                waiting.append(value)
    return total


def text_of(abi: list[dict[str, Any]]) -> str:
    """The file's contents: a JSON list, one entry a line."""

    def order(entry: dict[str, Any]) -> tuple[int, str, str]:
        return KINDS.index(entry["type"]), entry.get("name", ""), json.dumps(entry["inputs"])

    lines = [json.dumps(entry, sort_keys=True) for entry in sorted(abi, key=order)]
    return "[\n" + ",\n".join(lines) + "\n]\n"


def out_of_date(contracts: Path, folder: Path) -> dict[Path, str | None]:
    """Files of `folder` that differ from `contracts`, with their new text (None: remove)."""
    wanted = {
        folder / f"{contract.name}.json": text_of(contract.abi)
        for contract in compile_contracts(deployable(contracts), contracts)
    }
    changes: dict[Path, str | None] = {
        path: text
        for path, text in wanted.items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    }
    changes.update({path: None for path in folder.glob("*.json") if path not in wanted})
    return changes


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Generate ABIs from the contracts.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if out of date")
    options = parser.parse_args(arguments)
    try:
        changes = out_of_date(CONTRACTS, ABI)
    except VyperException as error:
        print(f"a contract does not compile:\n{error}", file=sys.stderr)
        return 1
    for path, text in sorted(changes.items()):
        shown = path.relative_to(ROOT)
        if options.check:
            print(f"{shown} is out of date: run `make abi` and commit the result", file=sys.stderr)
        elif text is None:
            path.unlink()
            print(f"removed {shown}", file=sys.stderr)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"wrote {shown}", file=sys.stderr)
    return 1 if options.check and changes else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
