#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Which test tries which attack: tests/attacks/catalogue.toml beside the names of the tests.

    python tools/attacks.py            id, attack, where it is tried
    python tools/attacks.py --json     {"A01": {"attack": ..., "tests": [...], "node": [...]}, ...}

Ids are read from the names of test functions, test_B01_B03_... carries two. An attack without a
test fails unless the catalogue says that it waits, and so does a test of one that is not listed.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
CATALOGUE: Final = Path("tests") / "attacks" / "catalogue.toml"
NODE: Final = "tests/devnet/"
"""Tests against a real node."""
INVARIANTS: Final = "stateful"
"""The folder of tests in which ids are invariants'."""
_IDS: Final = re.compile(r"test_((?:[A-G]\d\d_)+)")


def catalogue(root: Path = ROOT) -> dict[str, dict[str, Any]]:
    """The attacks, by id."""
    return tomllib.loads((root / CATALOGUE).read_text("utf-8"))


def tried_by(root: Path = ROOT) -> dict[str, list[str]]:
    """Every id that a test's name carries, and those tests, as `file::function`."""
    found: dict[str, list[str]] = {}
    for path in sorted((root / "tests").rglob("test_*.py")):
        if INVARIANTS in path.relative_to(root).parts:
            continue
        for name in functions(path):
            match = _IDS.match(name)
            for attack in match[1].split("_")[:-1] if match else ():
                found.setdefault(attack, []).append(f"{path.relative_to(root)}::{name}")
    return found


def functions(path: Path) -> list[str]:
    """The names of a module's functions, in order."""
    tree = ast.parse(path.read_text("utf-8"))
    return [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]


def faults(root: Path = ROOT) -> list[str]:
    """What catalogue and tests do not agree on, one line each."""
    listed, tests = catalogue(root), tried_by(root)
    wrong = [
        f"{attack}: no test"
        for attack, it in listed.items()
        if attack not in tests and not it.get("waits")
    ]
    wrong += [
        f"{name}: {attack} is not listed"
        for attack in tests.keys() - listed.keys()
        for name in tests[attack]
    ]
    for attack, entry in listed.items():
        for place in entry.get("also", ()):
            file, _, name = place.partition("::")
            if not (root / file).exists() or name not in functions(root / file):
                wrong.append(f"{attack}: there is no {place}")
    return sorted(wrong)


def main(arguments: list[str]) -> int:
    """Print the table; 1 if an attack has no test or a test no attack."""
    parser = argparse.ArgumentParser(description="Which test tries which attack.")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args(arguments)
    tests = tried_by()
    table = {
        attack: entry
        | {
            "tests": [name for name in tests.get(attack, ()) if not name.startswith(NODE)],
            "node": [name for name in tests.get(attack, ()) if name.startswith(NODE)],
        }
        for attack, entry in catalogue().items()
    }
    wrong = faults()
    if options.json:
        print(json.dumps(table))
    else:
        for attack, row in table.items():
            here, node, also = len(row["tests"]), len(row["node"]), len(row.get("also", ()))
            status = (
                f"{here} test{'s' * (here != 1)}"
                if here or node
                else f"waits, {also} under other names"
            )
            print(f"{attack}  {status + (', on a node' if node else ''):28} {row['attack']}")
            for name in [*row["tests"], *row["node"]]:
                print(f"     {name}")
        tried = sum(1 for row in table.values() if row["tests"] or row["node"])
        count = len({name for names in tests.values() for name in names})
        print(f"{len(table)} attacks, {tried} tried by {count} tests, {len(table) - tried} wait")
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
