# SPDX-License-Identifier: Apache-2.0
"""The twin imports the standard library and itself, nothing else."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

PACKAGE = Path(__file__).parents[4] / "offchain" / "infold" / "reference"


def imported(path: Path) -> list[str]:
    """Every module a file imports; its own package's start with a dot."""
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append("." * node.level + (node.module or ""))
    return names


def test_the_reference_imports_only_the_standard_library_and_itself() -> None:
    files = sorted(PACKAGE.glob("**/*.py"))
    assert len(files) > 15
    for path in files:
        for name in imported(path):
            own = name.startswith(".") and not name.startswith("..")
            assert own or name.split(".")[0] in sys.stdlib_module_names, f"{path.name}: {name}"


def test_the_reference_uses_no_floats_in_its_rules() -> None:
    for path in sorted(PACKAGE.glob("**/*.py")):
        if path.name == "audit.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            floating = isinstance(node, ast.Constant) and isinstance(node.value, float)
            dividing = isinstance(node, ast.Div)
            assert not floating and not dividing, (
                f"{path.name}: {ast.unparse(node) if floating else '/'}"
            )
