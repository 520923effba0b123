# SPDX-License-Identifier: Apache-2.0
"""ABI generation and size measuring, on a small tree of contracts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from vyper.exceptions import VyperException

from build_abi import compile_contracts, out_of_date, text_of
from compiler import deployable
from sizes import sizes

CONTRACT = """# pragma version 0.4.3
event Moved:
    amount_e6: uint256

KEPT: immutable(uint256)

@deploy
def __init__(kept: uint256):
    KEPT = kept

@external
def zebra() -> uint256:
    return KEPT

@external
def apple():
    log Moved(amount_e6=KEPT)
"""


@pytest.fixture
def contracts(tmp_path: Path) -> Path:
    folder = tmp_path / "contracts"
    for name in ("Store.vy", "dev/Token.vy", "modules/helper.vy", "interfaces/IStore.vyi"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(CONTRACT if name.endswith(".vy") else "", encoding="utf-8")
    return folder


def test_only_contracts_that_stand_for_themselves_are_deployable(contracts: Path) -> None:
    assert [path.name for path in deployable(contracts)] == ["Store.vy", "Token.vy"]


def test_abi_text_is_sorted_one_entry_a_line_and_holds_events(contracts: Path) -> None:
    (store,) = compile_contracts([contracts / "Store.vy"], contracts)
    text = text_of(store.abi)
    assert text == text_of(list(reversed(store.abi)))
    entries = json.loads(text)
    assert [(e["type"], e.get("name")) for e in entries] == [
        ("constructor", None),
        ("function", "apple"),
        ("function", "zebra"),
        ("event", "Moved"),
    ]
    assert len(text.splitlines()) == len(entries) + 2


def test_out_of_date_names_missing_changed_and_orphaned_files(
    contracts: Path, tmp_path: Path
) -> None:
    abi = tmp_path / "abi"
    abi.mkdir()
    first = out_of_date(contracts, abi)
    assert {path.name for path in first} == {"Store.json", "Token.json"}
    for path, text in first.items():
        assert text is not None
        path.write_text(text, encoding="utf-8")
    assert out_of_date(contracts, abi) == {}

    (abi / "Token.json").write_text("[]\n", encoding="utf-8")
    (abi / "Gone.json").write_text("[]\n", encoding="utf-8")
    changes = out_of_date(contracts, abi)
    assert changes[abi / "Gone.json"] is None
    assert changes[abi / "Token.json"] == first[abi / "Token.json"]
    assert len(changes) == 2


def test_a_contract_that_does_not_compile_is_an_error(contracts: Path, tmp_path: Path) -> None:
    (contracts / "Store.vy").write_text("x: nothing", encoding="utf-8")
    with pytest.raises(VyperException):
        out_of_date(contracts, tmp_path)


def test_sizes_count_immutables_and_leave_test_contracts_out(contracts: Path) -> None:
    table = sizes(contracts)
    assert table.keys() == {"Store"}
    assert table["Store"]["limit"] == 24_576
    without = CONTRACT.replace("KEPT: immutable(uint256)", "KEPT: constant(uint256) = 3").replace(
        "    KEPT = kept", "    pass"
    )
    (contracts / "Store.vy").write_text(without, encoding="utf-8")
    assert 0 < sizes(contracts)["Store"]["bytes"] <= table["Store"]["bytes"] - 32
