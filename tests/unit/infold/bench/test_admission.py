# SPDX-License-Identifier: Apache-2.0
"""The admission measurement: its shape and that it measures what it says; speed is not asserted."""

from __future__ import annotations

import random
from pathlib import Path

import msgspec
import pytest

from infold import signing
from infold.bench import admission
from infold.core.engine import decide
from infold.core.events import SubmitOrders, decode_entry
from infold.errors import InvariantBroken, Rejected
from infold.messages import order_request
from infold.node import replay_state
from infold.shell.journal import Journal
from infold.units import FIRST_TRADER

STAGES = {"decode", "digest", "recover", "checks", "journal", "fold", "receipts"}


def test_the_report_has_its_figures() -> None:
    report = admission.run(7, 1, digests=50)
    assert report["seed"] == 7
    assert report["orders"] == 3 * admission.GROUP
    assert report["digests_equal"] is True
    assert set(report["stages_us"]) == STAGES
    assert all(value > 0 for value in report["stages_us"].values())
    assert report["floor_per_s"] > 0 and report["path_per_s"] > 0 and report["ratio"] > 0
    assert report["ratio_without_engine"] > report["ratio"]
    assert report["ok"] == (report["ratio"] >= admission.RATIO_MIN)


def test_the_measured_path_ends_in_the_journal_and_decides_the_same_again(tmp_path: Path) -> None:
    source = random.Random(3)
    keys = [source.randbytes(32) for _ in range(admission.ACCOUNTS)]
    opening = admission.Opening([signing.address_of(key) for key in keys])
    held = opening.state.accounts[FIRST_TRADER]
    assert len(held.positions) == admission.POSITIONS
    node = admission.a_node(opening, tmp_path / "journal", source.randbytes(32))
    signed = list(admission._signed_orders(source, keys, 400, node.domain))
    bodies = [
        msgspec.json.encode(
            order_request(one.order, admission.MARKETS[one.order.market - 1], one.r, one.vs)
        )
        for one in signed
    ]
    bodies[7:7] = [b"[]", bodies[5]]
    admitted = node.admit(bodies, admission.NOW_MS)
    again = node.admit(bodies[9:], admission.NOW_MS + 1)
    receipts = node.receipts(admitted)
    accepted = node.state.tally.accepted
    node.close()

    assert isinstance(admitted.outcomes[7], Rejected)
    assert [one for one in admitted.outcomes if isinstance(one, bytes)] == [
        one.order_hash for one in signed[:7] + signed[5:6] + signed[7:]
    ]
    assert not again.fresh
    kinds = [type(receipt).__name__ for receipt in receipts]
    assert kinds[7:9] == ["Rejected", "DuplicateReceipt"] and kinds.count("Receipt") == 400
    assert replay_state(tmp_path / "journal")[0].tally.accepted == accepted
    with Journal.existing(tmp_path / "journal") as journal:
        (line,) = list(journal.groups())[-1][1]
    entry = decode_entry(line)
    assert isinstance(entry.command, SubmitOrders) and len(entry.command.orders) == 400
    assert line.count(b"OrderAccepted") == 400
    assert decide(opening.state, entry.command) == entry.events


def test_a_refused_order_stops_the_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "COLLATERAL_E6", 1_500 * 10**6)
    with pytest.raises(InvariantBroken, match="lost an order"):
        admission.run(7, 1, digests=1)


def test_digests_that_differ_are_noticed() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signing, "_ORDER_TYPE_HASH", bytes(32))
        assert admission.digests_equal(1, 3) is False
    assert admission.digests_equal(1, 3) is True
