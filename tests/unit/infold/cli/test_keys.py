# SPDX-License-Identifier: Apache-2.0
"""How keys of what commands print are worded: their own in snake_case, the venue's as it answered,
and never both in one object.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.documents import CAMEL, document_of

import infold.cli

FOLDER = Path(infold.cli.__file__).parent
AS_THE_VENUE = {"commands/orders.py: orderHash"}
"""Beside the request of an order that was not sent, which is the HTTP surface's."""


def keys_written(file: Path) -> Iterator[str]:
    """Keys that a file writes into objects."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Dict):
            yield from (
                key.value
                for key in node.keys
                if isinstance(key, ast.Constant) and isinstance(key.value, str)
            )
        elif isinstance(node, ast.Assign):
            yield from (
                target.slice.value
                for target in node.targets
                if isinstance(target, ast.Subscript)
                and isinstance(target.slice, ast.Constant)
                and isinstance(target.slice.value, str)
            )


def test_commands_word_keys_of_their_own_in_snake_case() -> None:
    files = sorted(FOLDER.rglob("*.py"))
    written = {(file, key) for file in files for key in keys_written(file)}
    assert len(written) > 300, "the walk finds what commands print"
    found = {f"{file.relative_to(FOLDER)}: {key}" for file, key in written if CAMEL.fullmatch(key)}
    assert found == AS_THE_VENUE


@pytest.mark.parametrize(
    ("rest", "mixed"),
    [
        ({"order_hash": "0x", "orders": [{"amount_e6": "1"}]}, False),
        ({"orderHash": "0x", "receipt": {"batchTime": 0}}, False),
        ({"contracts": {"Clearing": "0x"}, "rejects": {"PRICE_TICK": 1}, "chain_id": 1}, False),
        ({"amount_e6": "1", "claims": [{"orderHash": "0x"}]}, True),
    ],
)
def test_an_object_that_mixes_both_is_seen(rest: dict[str, object], mixed: bool) -> None:
    printed = json.dumps({"command": "x", "version": "0", "seed": None, **rest})
    if mixed:
        with pytest.raises(AssertionError, match="orderHash"):
            document_of(printed)
    else:
        assert document_of(printed)["command"] == "x"
