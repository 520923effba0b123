# SPDX-License-Identifier: Apache-2.0
"""No files import each other in a circle, not even through one another or for a type alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def modules_under(base: Path) -> dict[str, Path]:
    """Every file below a folder by the name it is imported by; a package's is its folder's."""
    return {
        ".".join(path.relative_to(base).with_suffix("").parts).removesuffix(".__init__"): path
        for path in sorted(base.rglob("*.py"))
    }


def imported(name: str, path: Path, known: Mapping[str, Path]) -> Iterator[str]:
    """The known modules that a file imports, itself and the packages it lies in left out.

    `from infold.shell import journal` is `infold.shell.journal` where that is a file, and else the
    package, whose `__init__` then hands it on.
    """
    own = [*name.split("."), *(["__init__"] if path.name == "__init__.py" else [])]
    above = {".".join(own[:count]) for count in range(1, len(own) + 1)}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = own[: len(own) - node.level] if node.level else []
            package = ".".join([*start, *([node.module] if node.module else [])])
            names = [
                full if (full := f"{package}.{alias.name}") in known else package
                for alias in node.names
            ]
        yield from (it for it in names if it in known and it not in above)


def circle(known: Mapping[str, Path]) -> list[str]:
    """Modules that import each other, one after the other; none is as it should be."""
    try:
        TopologicalSorter(
            {name: set(imported(name, path, known)) for name, path in known.items()}
        ).prepare()
    except CycleError as error:
        found: list[str] = error.args[1]
        return found
    return []


@pytest.mark.parametrize("base", ["offchain", "tools"])
def test_no_files_import_each_other_in_a_circle(base: str) -> None:
    known = modules_under(ROOT / base)
    assert len(known) > 10
    assert not circle(known)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("import second", "import first"),
        ("from second import it", "from first import other"),
        ("from . import second", "def later():\n    from .first import it"),
        ("import second", "if TYPE_CHECKING:\n    from first import it"),
    ],
)
def test_a_circle_is_found(tmp_path: Path, first: str, second: str) -> None:
    folder = tmp_path / "package" if "." in first else tmp_path
    folder.mkdir(exist_ok=True)
    (folder / "first.py").write_text(first)
    (folder / "second.py").write_text(second)
    assert len(circle(modules_under(tmp_path))) == 3
    (folder / "second.py").write_text("import json")
    assert not circle(modules_under(tmp_path))
