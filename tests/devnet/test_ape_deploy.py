# SPDX-License-Identifier: Apache-2.0
"""The Ape script deploys a whole venue onto a real node, and leaves no process behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.support.ape import ape

from infold.shell.anvil import Anvil
from infold.shell.chain import AddressBook


@pytest.mark.devnet
def test_ape_deploys_the_same_venue(tmp_path: Path) -> None:
    book_path = tmp_path / "book.json"
    with Anvil(automine=True) as node:
        command = ["ape", "run", "deploy", "--network", "ethereum:local:foundry"]
        to = ["--account", "TEST::0", "--output", str(book_path)]
        done = ape(tmp_path, node.url, *command, *to)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        book = AddressBook.read(book_path)
        assert json.loads(done.stdout[done.stdout.index("{") :]) == json.loads(book.to_json())
        assert book.chain_id == node.chain_id
        for name in ("Clearing", "Vault", "Oracle", "Pool", "Recovery", "Governance", "Dollar"):
            assert len(book.address(name)) == 20
