# SPDX-License-Identifier: Apache-2.0
"""Who adds an oracle signer is told where a vector has no room for its signature."""

from __future__ import annotations

import pytest
from tests.support.signer_sets import OracleNode, SignerSet

from infold.shell.chain import Contract, Rpc, load_abi
from infold.shell.governing import crowd_warning
from infold.signing import checksum_address
from infold.words import ServiceWord

SERVING = [bytes([number]) * 20 for number in range(1, 17)]
NEW = b"\xab" * 20


@pytest.mark.parametrize(
    ("serving", "key", "warned"),
    [(15, NEW, False), (16, NEW, True), (16, SERVING[0], False)],
)
def test_a_seventeenth_signer_is_warned_of(serving: int, key: bytes, warned: bool) -> None:
    with OracleNode(SignerSet(SERVING[:serving], 9)) as node:
        rpc = Rpc(node.url)
        oracle = Contract(rpc, load_abi("Oracle"), bytes(20))
        said = crowd_warning(oracle, checksum_address(key))
        rpc.close()
    assert bool(said) == warned
    assert not warned or "16 oracle signers serve" in said


@pytest.mark.parametrize(("serving", "warned"), [(2, False), (3, True)])
def test_who_adds_one_is_told_where_k_is_then_half(serving: int, warned: bool) -> None:
    with OracleNode(SignerSet(SERVING[:serving], 2)) as node:
        rpc = Rpc(node.url)
        said = crowd_warning(Contract(rpc, load_abi("Oracle"), bytes(20)), checksum_address(NEW))
        rpc.close()
    assert bool(said) == warned
    assert not warned or "infold govern oracle_threshold 3" in said


def test_one_who_served_before_is_new_again() -> None:
    signers = SignerSet([*SERVING, NEW], 9)
    signers.service[NEW] = ServiceWord(from_ms=1, until_ms=2)
    with OracleNode(signers) as node:
        rpc = Rpc(node.url)
        said = crowd_warning(Contract(rpc, load_abi("Oracle"), bytes(20)), checksum_address(NEW))
        rpc.close()
    assert "retire one first" in said
