# SPDX-License-Identifier: Apache-2.0
"""What is compiled beforehand is what a batch runs."""

from __future__ import annotations

import inspect
import re

from infold.core import auction, crossing
from infold.core.warming import compile_auction


def test_an_invented_batch_compiles_every_loop_of_the_auction() -> None:
    assert compile_auction() > 0
    called = set(re.findall(r"crossing\.([a-z_]+)\(", inspect.getsource(auction)))
    loops = {name: getattr(crossing, name) for name in called}
    assert len(loops) > 5
    assert {name for name, one in loops.items() if not one.signatures} == set()
