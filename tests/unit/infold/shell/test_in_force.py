# SPDX-License-Identifier: Apache-2.0
"""What governance set stands or does not, by the contracts' own words."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from infold.shell.chain import Venue
from infold.shell.in_force import setting_of

NOBODY, OLD, NEW = ("0x" + byte * 20 for byte in ("00", "11", "22"))


@pytest.mark.parametrize(
    ("obeyed", "proposed", "wanted", "stands"),
    [
        (OLD, NOBODY, OLD, True),
        (OLD, NOBODY, NEW, False),
        (OLD, NEW, NEW, True),
        (OLD, NEW, OLD, False),
    ],
)
def test_parts_in_force_are_not_told_proposed_while_others_are(
    obeyed: str, proposed: str, wanted: str, stands: bool
) -> None:
    """To propose them anew forgets what is proposed: that is not made yet."""

    def call(name: str) -> str:
        return proposed if name.startswith("proposed_") else obeyed

    venue = cast(Venue, {"Vault": SimpleNamespace(call=call)})
    setting = setting_of(venue, "propose_parts", (wanted, wanted))
    assert setting is not None and setting.stands is stands
