# SPDX-License-Identifier: Apache-2.0
"""What the dealer commits to before a batch's prices are known, and that it is not taken back."""

from __future__ import annotations

from pathlib import Path

import pytest

from infold.cli.findings.facts import decode_cuts
from infold.core.curve import Curve
from infold.dealer.guarding import CapitalGuard, Holding
from infold.errors import Unavailable
from infold.node.commitments import Commitment, commitment_entry, commitment_of
from infold.node.memory import Memory, read_entry

T_MS = 1_700_000_000_000
CURVES = {1: Curve((1_000, 2_000), (-7, 0))}
OTHERS = {1: Curve((1_000, 2_000), (-8, 0))}


def test_a_commitment_names_the_curves_that_capital_cut() -> None:
    guard = CapitalGuard()
    rich = Holding(0.0, 0.0, 1.0, 260.0, 260.0, 10.0, 2.2)
    plain = commitment_entry(b"\x01", 5, None)
    guard.allow(1e9, {3: rich}, 2.0)
    assert commitment_entry(b"\x01", 5, guard) == plain == b'{"curves":"01","time_ms":5}'
    guard.allow(1e4, {3: rich, 1: rich._replace(held_m=9.0, client_m=9.0)}, 2.0)
    entry = read_entry(commitment_entry(b"\x01", 5, guard))
    assert decode_cuts(bytes(entry["cuts"])) == {1: "ROOM", 3: "ROOM"}
    assert commitment_of(entry) == Commitment("01", 5)
    assert commitment_of(read_entry(b'{"tiers":{}}')) is None


def test_curves_whose_prices_may_be_known_are_not_exchanged(tmp_path: Path) -> None:
    """Not after a failure, and not after a restart either."""
    memory = Memory(tmp_path / "journal", b"a venue", None)
    memory.commit(CURVES, T_MS, None)
    memory.commit(CURVES, T_MS, None)  # the same again: nothing is learnt by it
    for _ in range(2):
        seq = memory.journal.seq
        for curves, time_ms in ((OTHERS, T_MS), (CURVES, T_MS - 1)):
            with pytest.raises(Unavailable, match=f"only for a time after it, not {time_ms}"):
                memory.commit(curves, time_ms, None)
        assert memory.journal.seq == seq, "what is refused is not journalled"
        memory.journal.close()
        memory = Memory(tmp_path / "journal", b"a venue", None)
        memory.replay()
    memory.commit(OTHERS, T_MS + 1, None)
    memory.journal.close()
