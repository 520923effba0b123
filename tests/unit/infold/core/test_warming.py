# SPDX-License-Identifier: Apache-2.0
"""What is compiled beforehand is what a batch runs."""

from __future__ import annotations

import inspect
import re

from infold.core import auction
from infold.core.crossing import binning, filling, pricing
from infold.core.warming import compile_auction


def test_an_invented_batch_compiles_every_loop_of_the_auction() -> None:
    assert compile_auction() > 0
    source = inspect.getsource(auction)
    loops = {
        name: getattr(file, name)
        for file in (binning, pricing, filling)
        for name in re.findall(rf"{file.__name__.rsplit('.')[-1]}\.([a-z_]+)\(", source)
    }
    assert len(loops) > 5
    assert {name for name, one in loops.items() if not one.signatures} == set()
