# SPDX-License-Identifier: Apache-2.0
"""Compiled loops of other sources are never met again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from infold.caches import KEPT, VARIABLE, digest_of, keep_compiled


def a_package(path: Path) -> Path:
    for layer in ("core", "dealer", "research"):
        (path / layer).mkdir(parents=True)
        (path / layer / "loop.py").write_text("x = 1\n")
    (path / "cli").mkdir()
    (path / "cli" / "app.py").write_text("y = 1\n")
    return path


@pytest.mark.parametrize("layer", ["core", "dealer", "research"])
def test_an_edit_anywhere_among_compiled_sources_is_another_directory(
    tmp_path: Path, layer: str
) -> None:
    package = a_package(tmp_path)
    before = digest_of(package)
    (package / layer / "loop.py").write_text("x = 2\n")
    assert digest_of(package) != before


def test_an_edit_elsewhere_is_not(tmp_path: Path) -> None:
    package = a_package(tmp_path)
    before = digest_of(package)
    (package / "cli" / "app.py").write_text("y = 2\n")
    assert digest_of(package) == before


def test_the_directory_given_is_the_base_and_children_find_the_same(tmp_path: Path) -> None:
    package = a_package(tmp_path / "infold")
    environment = {VARIABLE: str(tmp_path / "cache")}
    place = keep_compiled(environment, package)
    assert place == tmp_path / "cache" / digest_of(package)
    assert keep_compiled(environment, package) == place
    assert environment == {VARIABLE: str(place)}


def test_without_one_it_lies_beside_the_package(tmp_path: Path) -> None:
    package = a_package(tmp_path / "infold")
    assert keep_compiled({}, package).parent == package / "__pycache__" / "compiled"


def test_the_oldest_directories_go(tmp_path: Path) -> None:
    package = a_package(tmp_path / "infold")
    base = tmp_path / "cache"
    for number in range(KEPT + 3):
        old = base / f"{number:016x}"
        old.mkdir(parents=True)
        os.utime(old, ns=(number, number))
    (base / "somebody's").mkdir()
    keep_compiled({VARIABLE: str(base)}, package)
    left = sorted(path.name for path in base.iterdir())
    assert left == sorted([*(f"{number:016x}" for number in range(3, KEPT + 3)), "somebody's"])
