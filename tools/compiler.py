# SPDX-License-Identifier: Apache-2.0
"""How this repository compiles: in process, default optimisation, one set of import paths."""

from __future__ import annotations

from pathlib import Path

import vyper
from vyper.compiler import CompilerData
from vyper.compiler.input_bundle import FilesystemInputBundle
from vyper.compiler.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
CONTRACTS = ROOT / "contracts"


def deployable(contracts: Path) -> list[Path]:
    """Contracts that stand for themselves; modules and interfaces do not."""
    return sorted(
        [*contracts.glob("*.vy"), *contracts.glob("adapters/*.vy"), *contracts.glob("dev/*.vy")]
    )


def compiler_data(path: Path, contracts: Path) -> CompilerData:
    """A handle on one contract; its properties compile on first use and raise `VyperException`.

    Imports are looked for beside the file, in `contracts`, and among the installed packages
    (snekmate).
    """
    packages = Path(vyper.__file__).resolve().parent.parent
    bundle = FilesystemInputBundle([packages, contracts])
    with bundle.search_path(path.parent):
        file_input = bundle.load_file(path)
    return CompilerData(file_input, bundle, settings=Settings())
