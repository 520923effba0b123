# SPDX-License-Identifier: Apache-2.0
"""The Ape script deploys a whole venue onto a real node, and leaves no process behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from infold.shell.anvil import Anvil
from infold.shell.chain import AddressBook

ROOT = Path(__file__).resolve().parents[2]
APE_S_MAX = 300  # Ape alone takes 15 s to start on an idle machine


@pytest.mark.devnet
def test_ape_deploys_the_same_venue(tmp_path: Path) -> None:
    book_path = tmp_path / "book.json"
    with Anvil(automine=True) as node:
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT / "offchain"),
            "APE_DATA_FOLDER": str(tmp_path / "ape"),
            "APE_FOUNDRY_HOST": node.url,
        }
        command = ["ape", "run", "deploy", "--network", "ethereum:local:foundry"]
        done = subprocess.run(
            [*command, "--account", "TEST::0", "--output", str(book_path)],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=APE_S_MAX,
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        book = AddressBook.read(book_path)
        assert json.loads(done.stdout[done.stdout.index("{") :]) == json.loads(book.to_json())
        assert book.chain_id == node.chain_id
        for name in ("Clearing", "Vault", "Oracle", "Pool", "Recovery", "Governance", "Dollar"):
            assert len(book.address(name)) == 20
