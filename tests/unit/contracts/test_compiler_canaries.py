# SPDX-License-Identifier: Apache-2.0
"""Two defects that Vyper 0.4.3 still has, and a limit of its experimental pipeline, on a real EVM.

The contract lint keeps our code clear of the defects. These tests say when a compiler no longer has
them: then a canary fails, and the rules it stands for may be looked at again. The limit is why
`make compilers` has no experimental form of Clearing (`settle`), Recovery, Rules and Governance.
"""

from __future__ import annotations

import pytest
import vyper
from pyrevm import EVM
from vyper.compiler.settings import OptimizationLevel, Settings
from vyper.exceptions import StackTooDeep

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


def alive_together(count: int) -> str:
    """`pick(c)`: so many values that are all read once more after the last was computed."""
    begun = "\n".join(f"    x{it}: uint256 = a * {it + 3}" for it in range(count))
    read = " + ".join(f"x{it} // (x{(it + 3) % count} + 1)" for it in range(count))
    return f"""
# pragma version 0.4.3
@external
def pick(c: bool) -> uint256:
    a: uint256 = convert(c, uint256) + len(msg.data)
{begun}
    return {read}
"""


def pick(
    source: str, choice: bool, optimize: OptimizationLevel, *, experimental: bool = False
) -> int:
    """Compile, deploy and call `pick(choice)`."""
    settings = Settings(optimize=optimize, experimental_codegen=experimental)
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


def test_the_experimental_pipeline_cannot_reach_below_the_sixteenth_place_of_the_stack() -> None:
    values = [(36 + 1) * (it + 3) for it in range(20)]
    few, many = alive_together(8), alive_together(20)
    wanted = sum(value // (values[(it + 3) % 20] + 1) for it, value in enumerate(values))
    assert pick(many, True, OptimizationLevel.GAS) == wanted
    assert pick(few, True, OptimizationLevel.GAS, experimental=True) == pick(
        few, True, OptimizationLevel.NONE
    )
    with pytest.raises(StackTooDeep):
        pick(many, True, OptimizationLevel.GAS, experimental=True)


def test_the_compiler_is_the_one_the_canaries_watch() -> None:
    assert vyper.__version__.startswith("0.4.3")
