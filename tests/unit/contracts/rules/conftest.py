# SPDX-License-Identifier: Apache-2.0
"""The rules alone: they keep nothing, so one deployment serves a file."""

from __future__ import annotations

import pytest
from tests.support.evm import Contract, World, a_key


@pytest.fixture(scope="module")
def rules() -> Contract:
    return World().deploy("Rules", sender=a_key("deployer"))
