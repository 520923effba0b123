# SPDX-License-Identifier: Apache-2.0
"""What `pip install infold` brings: little, and nothing under another licence. No network used."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXTRAS = ("numpy", "numba", "polars", "web3", "starlette", "uvicorn", "ape", "vyper", "pyrevm")
#: What `calibrate`, `demo`, `replay` and `report` import when they run: what the extras bring.
DRIVERS = {"calibrate", "demo", "facts", "replay", "stage", "voyage"}

#: Runs before the import of every base module: whoever asks for an extra is told off.
WITHOUT_EXTRAS = f"""
import importlib, pkgutil, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {EXTRAS!r}:
            raise ModuleNotFoundError(f"{{name}} is an extra")

sys.meta_path.insert(0, Refuse())
import infold
names = "errors units messages outside signing words config closable caches utc vectors".split()
for package in ("sdk", "cli"):
    module = importlib.import_module(f"infold.{{package}}")
    found = {{one.name for one in pkgutil.iter_modules(module.__path__)}}
    names += [f"{{package}}.{{name}}" for name in sorted(found - {DRIVERS!r})]
for name in names:
    importlib.import_module(f"infold.{{name}}")
print(len(names))
"""


def python(code: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "offchain")}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )


def test_base_sdk_and_cli_import_without_the_extras() -> None:
    done = python(WITHOUT_EXTRAS)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 8


def test_the_blocker_blocks() -> None:
    done = python(WITHOUT_EXTRAS.replace("names = ", "import numpy\nnames = "))
    assert "numpy is an extra" in done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built from a copy so that the checkout stays clean, with the locked backend."""
    copy = tmp_path_factory.mktemp("checkout")
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "offchain", copy / "offchain", ignore=ignore)
    shutil.copytree(ROOT / "contracts", copy / "contracts")
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copyfile(ROOT / name, copy / name)
    command = [sys.executable, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps"]
    done = subprocess.run(
        [*command, "--no-index", "-w", str(copy / "out"), str(copy)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = (copy / "out").glob("*.whl")
    return zipfile.ZipFile(built)


def test_the_wheel_carries_every_module_and_abi(wheel: zipfile.ZipFile) -> None:
    package = ROOT / "offchain" / "infold"
    wanted = {
        path.relative_to(package.parent).as_posix()
        for pattern in ("*.py", "abi/*.json", "**/*.sql", "py.typed")
        for path in package.rglob(pattern)
        if "__pycache__" not in path.parts
    }
    assert "infold/py.typed" in wanted
    assert wanted <= set(wheel.namelist())


def test_the_wheel_carries_no_contract_code(wheel: zipfile.ZipFile) -> None:
    for name in wheel.namelist():
        assert not name.endswith((".vy", ".vyi")), name
        assert "AFFERO" not in wheel.read(name).decode("utf-8", "replace").upper(), name


def test_the_wheel_says_apache_and_brings_its_text(wheel: zipfile.ZipFile) -> None:
    (metadata,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    assert "License: Apache-2.0" in wheel.read(metadata).decode()
    licence = next(name for name in wheel.namelist() if name.endswith("/LICENSE"))
    assert "Apache License" in wheel.read(licence).decode()


def test_every_lock_entry_has_a_hash_and_no_address() -> None:
    locks = [
        ROOT / "requirements" / name for name in ("3.11.txt", "3.12.txt", "build.txt", "node.txt")
    ]
    for lock in [*locks, ROOT / "tools" / "package-lock.json"]:
        assert "://" not in lock.read_text(encoding="utf-8"), lock
    for lock in locks:
        text = lock.read_text(encoding="utf-8").replace("\\\n", "")
        for line in text.splitlines():
            if line and not line.startswith("#"):
                assert "==" in line and "--hash=sha256:" in line, f"{lock.name}: {line}"


@pytest.mark.parametrize("version", ["3.11", "3.12"])
def test_the_lock_holds_every_dependency_of_the_package(version: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"]]
    for name, extra in project["optional-dependencies"].items():
        if name != "parallel":  # ray is large and only ever a cluster's business
            asked += extra
    lock = (ROOT / "requirements" / f"{version}.txt").read_text(encoding="utf-8")
    locked = {line.partition("==")[0] for line in lock.splitlines() if "==" in line}
    for requirement in asked:
        name = requirement.partition(">")[0].partition("=")[0]
        assert name in locked, f"{name} is asked for in pyproject.toml and not locked"
