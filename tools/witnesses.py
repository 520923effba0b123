# SPDX-License-Identifier: Apache-2.0
"""Which tests are asked about the contracts, by the jury of faults and by coverage."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Final

TESTS: Final = (
    "tests/unit/contracts",
    "tests/attacks",
    "tests/property/test_books_balance.py",
    "tests/property/test_contract_packing.py",
    "tests/property/test_funding_ten_years.py",
    "tests/property/test_golden_margins.py",
    "tests/property/test_margin_three_ways.py",
    "tests/property/test_pool_standards.py",
    "tests/property/test_pricing_rule.py",
    "tests/property/test_winding_down.py",
)
DEAF: Final = ("/contracts/amm/", "/contracts/dollar/", "test_compiler_canaries", "_node.py")
"""Tests that no fault of ours can reach: contracts for devnets, and the compiler's own."""
FOLDERS: Final[Mapping[str, tuple[str, ...]]] = {
    "adapters/Aggregator.vy": ("adapters",),
    "adapters/Pull.vy": ("adapters",),
    "modules/collateral.vy": ("recovery", "clearing"),
    "modules/markets.vy": ("clearing",),
    "modules/messages.vy": ("bond",),
    "modules/orders.vy": ("clearing",),
    "modules/outflow.vy": ("vault",),
    "modules/parameters.vy": ("governance",),
    "modules/pricing.vy": ("recovery", "clearing"),
    "modules/reasons.vy": ("clearing",),
    "modules/signatures.vy": ("clearing", "seals", "oracle"),
    "modules/signers.vy": ("oracle", "seals"),
    "modules/sources.vy": ("oracle",),
    "modules/units.vy": ("rules",),
    "modules/uptime.vy": ("oracle",),
    "modules/winding.vy": ("recovery",),
}
"""Where a module's faults are looked for first: in its own tests or those of the contracts that use
it. A contract's are in the folder of its name.
"""
SLOW_S: Final = 0.3
"""A test that takes longer runs last, if it did not notice a neighbouring fault."""
MACHINE: Final = "tests/stateful/machine.py::Machine"
MACHINE_SEEDS: Final = (1, 2)
MACHINE_RUN: Final = (1_200, 500)
"""Transitions before the jury, and after how many everything is compared."""


def call_at_random(transitions: int, check_every: int) -> None:
    """Run the machine beside the twin from each of its seeds; whatever it raises where they part
    goes on to the caller. Everything is compared after every so many transitions.
    """
    machine = importlib.import_module("tests.stateful.machine")
    for seed in MACHINE_SEEDS:
        machine.Machine(seed).run(transitions, check_every)
