# SPDX-License-Identifier: Apache-2.0
"""Imports point downward: the layer table of the house style, walked over every file."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "offchain" / "infold"

#: Everything may import these; they import only each other and no numpy.
BASE = set(
    "errors units messages outside signing vectors words omissions utc config closable caches"
    " abi".split()
)

#: Layer -> the layers it may import, beside itself and the base. `None`: all of them.
MAY_IMPORT: dict[str, set[str] | None] = {
    "cli": None,
    "bench": {"core", "dealer", "shell", "gateway", "web", "sdk", "node", "research", "reports"},
    "node": {"core", "dealer", "shell", "gateway", "web"},
    "research": {"core", "dealer"},
    "reports": {"dealer"},
    "web": {"gateway"},
    "core": set(),
    "dealer": set(),
    "shell": set(),
    "gateway": set(),
    "sdk": set(),
    "reference": set(),
}
ALONE = {"reference"}  # not even the base
NUMPY_FREE = {"sdk", "cli"}  # `pip install infold` works without the venue's extras
VENUE_PACKAGES = {
    *("numpy", "numba", "polars", "web3", "starlette", "uvicorn"),
    *("scipy", "joblib", "matplotlib", "gymnasium", "ccxt"),
}
PURE = {"core", "dealer"}
IMPURE = {"time", "random", "os", "asyncio", "socket", "logging", "secrets", "subprocess"}


def layer_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imports(tree: ast.AST, path: Path) -> Iterator[tuple[str, int, bool]]:
    """Every imported module by its full name, its line, and whether it is imported on import.

    `from infold import errors` counts as `infold.errors`; a `TYPE_CHECKING` block counts as well: a
    type is a dependency too.
    """
    package = ["infold", *path.relative_to(PACKAGE).parts[:-1]]
    inner = {
        node
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        at_import = node not in inner
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno, at_import
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*start, *([node.module] if node.module else [])])
            if module == "infold":
                for alias in node.names:
                    yield f"infold.{alias.name}", node.lineno, at_import
            else:
                yield module, node.lineno, at_import


def files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def breaches(path: Path, tree: ast.AST) -> Iterator[str]:
    layer = layer_of(path)
    if layer == "__init__":
        return
    for name, line, at_import in imports(tree, path):
        top, _, rest = name.partition(".")
        where = f"{path.relative_to(PACKAGE.parent)}:{line}"
        if top == "infold":
            target = rest.partition(".")[0]
            if target in {layer, ""}:
                continue
            if layer in ALONE:
                yield f"{where}: {layer} shares nothing with infold, but imports {name}"
            elif layer in BASE:
                if target not in BASE:
                    yield f"{where}: the base imports only the base, not {name}"
            elif target not in BASE:
                allowed = MAY_IMPORT[layer]
                if allowed is not None and target not in allowed:
                    yield f"{where}: {layer} may not import {name}"
        else:
            if layer in ALONE and top not in sys.stdlib_module_names:
                yield f"{where}: {layer} uses the standard library only, not {name}"
            if layer in PURE and top in IMPURE:
                yield f"{where}: {layer} has no clock, network, disk, randomness or log, not {name}"
            if layer in BASE and top in VENUE_PACKAGES:
                yield f"{where}: the base works without {name}"
            if layer in NUMPY_FREE and at_import and top in VENUE_PACKAGES:
                yield f"{where}: {layer} must import without {name}; import it where it is used"


def test_every_import_points_downward() -> None:
    found = [
        breach
        for path in files()
        for breach in breaches(path, ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not found, "\n".join(found)


def test_every_file_belongs_to_a_known_layer() -> None:
    unknown = {layer_of(path) for path in files()} - BASE - MAY_IMPORT.keys() - {"__init__"}
    assert not unknown, f"add {sorted(unknown)} to MAY_IMPORT or BASE, and to the house style"


@pytest.mark.parametrize(
    ("file", "source", "said"),
    [
        ("core/engine.py", "import time", "core has no clock"),
        ("core/engine.py", "from os import path", "core has no clock"),
        ("dealer/desk.py", "import random", "dealer has no clock"),
        ("core/engine.py", "from infold.shell import journal", "core may not import"),
        ("core/engine.py", "from ..shell.journal import Journal", "core may not import"),
        ("core/engine.py", "from infold import gateway", "core may not import"),
        ("core/engine.py", "def f():\n    import infold.dealer.desk", "core may not import"),
        ("shell/chain/rpc.py", "import infold.core.engine", "shell may not import"),
        ("gateway/rest.py", "from infold.node import Node", "gateway may not import"),
        ("reference/audit.py", "from infold.units import WAD", "shares nothing"),
        ("reference/audit.py", "from ..words import pack", "shares nothing"),
        ("reference/audit.py", "import numpy", "standard library only"),
        ("signing.py", "import numpy as np", "works without numpy"),
        ("signing.py", "from infold.core import engine", "only the base"),
        ("bench/gas/run.py", "from infold.cli import app", "bench may not import"),
        ("cli/commands/orders.py", "import web3", "must import without web3"),
    ],
)
def test_a_forbidden_import_is_found(file: str, source: str, said: str) -> None:
    (breach,) = breaches(PACKAGE / file, ast.parse(source))
    assert said in breach


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("core/engine.py", "import numpy\nfrom infold.messages import Order\nfrom .state import S"),
        (
            "node/node.py",
            "from infold.core import engine\nfrom infold.shell import journal\nimport time",
        ),
        ("cli/app.py", "def demo():\n    from infold.node import Node\n    import numpy"),
        ("reference/audit.py", "import json\nfrom .protocol import settle"),
        ("research/flow.py", "from infold.dealer.desk import Desk"),
    ],
)
def test_a_permitted_import_passes(file: str, source: str) -> None:
    assert list(breaches(PACKAGE / file, ast.parse(source))) == []
