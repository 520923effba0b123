# SPDX-License-Identifier: Apache-2.0
"""Two defects that Vyper 0.4.3 still has, run on a real EVM.

The contract lint keeps our code clear of both. These tests say when a compiler no longer has them:
then a canary fails, and the rules it stands for may be looked at again.
"""

from __future__ import annotations

import pytest
import vyper
from pyrevm import EVM
from vyper.compiler.settings import OptimizationLevel, Settings

CALLER = "0x" + "11" * 20
SELECTOR = bytes.fromhex("85ffb95f")  # pick(bool)

#: CVE-2026-114117: inside a ternary `len(msg.data) | K` is taken for a truth value and becomes 1.
OR_WITH_CALLDATA_LENGTH = """
# pragma version 0.4.3
@external
def pick(c: bool) -> uint256:
    return (len(msg.data) | 128) if c else 0
"""

#: CVE-2026-114115: the branches differ in their inner bound, and one is read at the other's stride.
NESTED_ARRAYS = """
# pragma version 0.4.3
@external
def pick(c: bool) -> uint256:
    narrow: DynArray[DynArray[uint256, 2], 2] = [[1, 2], [3, 4]]
    wide: DynArray[DynArray[uint256, 3], 2] = [[5, 6, 7], [8, 9, 10]]
    return (wide if c else narrow)[1][0]
"""

#: The same two, written as the lint asks.
OR_WITHOUT_TERNARY = OR_WITH_CALLDATA_LENGTH.replace(
    "    return (len(msg.data) | 128) if c else 0",
    "    length: uint256 = 36\n    if c:\n        return length | 128\n    return 0",
)
NESTED_WITHOUT_TERNARY = NESTED_ARRAYS.replace(
    "    return (wide if c else narrow)[1][0]",
    "    if c:\n        return wide[1][0]\n    return narrow[1][0]",
)


def pick(source: str, choice: bool, optimize: OptimizationLevel) -> int:
    """Compile, deploy and call `pick(choice)`."""
    settings = Settings(optimize=optimize)
    compiled = vyper.compile_code(source, output_formats=["bytecode"], settings=settings)
    evm = EVM()
    where = evm.deploy(CALLER, bytes.fromhex(compiled["bytecode"].removeprefix("0x")))
    calldata = SELECTOR + int(choice).to_bytes(32, "big")
    return int.from_bytes(evm.message_call(CALLER, where, calldata=calldata), "big")


@pytest.mark.parametrize("optimize", list(OptimizationLevel))
def test_or_with_calldata_length_in_a_ternary_is_miscompiled(optimize: OptimizationLevel) -> None:
    right = 36 | 128
    wrong = right if optimize is OptimizationLevel.NONE else 1
    assert pick(OR_WITH_CALLDATA_LENGTH, True, optimize) == wrong
    assert pick(OR_WITHOUT_TERNARY, True, optimize) == right


@pytest.mark.parametrize("optimize", list(OptimizationLevel))
def test_a_ternary_between_nested_arrays_is_miscompiled(optimize: OptimizationLevel) -> None:
    assert pick(NESTED_ARRAYS, False, optimize) == 4  # the element is 3
    assert pick(NESTED_WITHOUT_TERNARY, False, optimize) == 3


def test_the_compiler_is_the_one_the_canaries_watch() -> None:
    assert vyper.__version__.startswith("0.4.3")
