# SPDX-License-Identifier: Apache-2.0
"""Why a batch waits is told to strangers without a word of what was raised."""

from __future__ import annotations

import pytest

from infold.core.state import State
from infold.errors import Unavailable, Unpriced
from infold.node.postponement import Unsigned, postponement_of
from infold.words import NEVER_MS

SAID = "node at http://10.0.0.1/v3/KEY did not answer"


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (Unpriced(SAID, [5, 2]), "UNPRICED", "price market 2, 5"),
        (Unsigned(SAID), "UNSIGNED", "oracle's signers sign"),
        (Unavailable(SAID), "UNSERVED", "its log"),
    ],
)
def test_an_obstacle_has_a_kind_and_fixed_words(error: Unavailable, kind: str, words: str) -> None:
    told = postponement_of(error, State())
    assert told.kind == kind and words in told.reason and "KEY" not in told.reason


def test_a_venue_that_has_ended_says_so_whatever_was_raised() -> None:
    state = State()
    state.head = state.head._replace(time_ms=NEVER_MS)
    assert postponement_of(Unsigned(SAID), state).kind == "WOUND_DOWN"
