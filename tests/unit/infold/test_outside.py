# SPDX-License-Identifier: Apache-2.0
"""Records said to outside venues: what they refuse to be."""

from __future__ import annotations

import msgspec
import pytest

from infold.outside import OutsideOrder, OutsideReport, Standing


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"client_id": ""}, "client_id"),
        ({"venue": ""}, "venue"),
        ({"size_e8": 0}, "size_e8"),
        ({"limit_price_e8": -1}, "limit_price_e8"),
        ({"resting": True}, "limit_price_e8 must be given"),
    ],
)
def test_an_order_names_what_makes_no_sense(change: dict[str, object], named: str) -> None:
    good: dict[str, object] = {"client_id": "a-1", "venue": "v", "market": 1, "size_e8": -5}
    with pytest.raises(ValueError, match=named):
        OutsideOrder(**(good | change))


def test_reports_survive_the_wire() -> None:
    report = OutsideReport(client_id="a-1", standing=Standing.OPEN, filled_e8=-3, fee_e6=-2)
    assert msgspec.json.decode(msgspec.json.encode(report), type=OutsideReport) == report
