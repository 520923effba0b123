# SPDX-License-Identifier: Apache-2.0
"""A bond whose matcher leaves somebody out, the same at the start of every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.omission import Omission, set_up


@pytest.fixture(scope="session")
def kept_scene() -> Omission:
    return set_up()


@pytest.fixture
def scene(kept_scene: Omission) -> Iterator[Omission]:
    with kept_scene.venue.world.anchored():
        yield kept_scene
