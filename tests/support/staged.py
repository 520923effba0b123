# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the stage of `stage.py`, the same at the start of every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.stage import Stage, set_up
from tests.support.venue import a_venue


@pytest.fixture(scope="session")
def kept_stage() -> Stage:
    return set_up(a_venue(epoch_ms=86_400_000))


@pytest.fixture
def stage(kept_stage: Stage) -> Iterator[Stage]:
    with kept_stage.venue.world.anchored():
        yield kept_stage
