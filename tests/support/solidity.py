# SPDX-License-Identifier: Apache-2.0
"""Mock feeds in Solidity, as their makers publish them (tools/mocks.py)."""

from __future__ import annotations

import functools

from mocks import mocks
from tests.support.compiler import Artifact


@functools.cache
def mock(name: str) -> Artifact:
    """`MockV3Aggregator` or `MockPyth`, compiled when it is first asked for on this machine."""
    made = mocks()[name]
    return Artifact(
        name=name,
        bytecode=bytes.fromhex(made["bytecode"][2:]),
        runtime_size=0,
        abi=tuple(made["abi"]),
        layout={},
    )
