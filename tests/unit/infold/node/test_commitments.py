# SPDX-License-Identifier: Apache-2.0
"""What the dealer commits to before a batch's prices are known, and whether the batch kept it."""

from __future__ import annotations

from pathlib import Path

import pytest

from infold.cli.findings.facts import decode_cuts
from infold.core.curve import Curve
from infold.core.events import CloseBatch, NothingMatched, encode_entry
from infold.dealer.guarding import CapitalGuard, Holding
from infold.node.commitments import Commitments, commitment_entry, curves_hash
from infold.node.memory import read_entry, replay_state
from infold.shell.journal import Journal

T_MS = 1_700_000_000_000
CURVES = {2: Curve((90, 110), (-5, 5)), 1: Curve((1_000, 2_000), (-7, 0), sale_e8_max=3)}
OTHERS = CURVES | {1: Curve((1_000, 2_000), (-7, 0), sale_e8_max=4)}


def committed(curves: dict[int, Curve], time_ms: int = T_MS) -> bytes:
    return commitment_entry(curves_hash(curves), time_ms, None)


def closed(curves: dict[int, Curve], time_ms: int = T_MS) -> bytes:
    command = CloseBatch(time_ms=time_ms, prices_e8={}, chunks=1, root=bytes(32), curves=curves)
    return encode_entry(command, [NothingMatched(time_ms=time_ms, prices_e8={})])


def watched(entries: list[bytes]) -> Commitments:
    found = Commitments()
    for line in entries:
        found.watch(read_entry(line))
    return found


def test_a_commitment_names_the_curves_that_capital_cut() -> None:
    guard = CapitalGuard()
    rich = Holding(0.0, 0.0, 1.0, 260.0, 260.0, 10.0, 2.2)
    plain = commitment_entry(b"\x01", 5, None)
    guard.allow(1e9, {3: rich}, 2.0)
    assert commitment_entry(b"\x01", 5, guard) == plain == b'{"curves":"01","time_ms":5}'
    guard.allow(1e4, {3: rich, 1: rich._replace(held_m=9.0, client_m=9.0)}, 2.0)
    entry = read_entry(commitment_entry(b"\x01", 5, guard))
    assert decode_cuts(bytes(entry["cuts"])) == {1: "ROOM", 3: "ROOM"}


def test_a_batch_closed_on_what_was_committed_keeps_its_word() -> None:
    turned = dict(sorted(CURVES.items()))
    later_ms = T_MS + 1_000
    found = watched(
        [
            committed(CURVES),
            closed(turned),
            committed({}, later_ms),
            b'{"tiers":{}}',
            closed({}, later_ms),
        ]
    )
    assert (found.batches, found.faults) == (2, [])


def test_a_batch_that_could_not_be_priced_is_committed_to_again() -> None:
    found = watched([committed(OTHERS, T_MS - 1_000), committed(CURVES), closed(CURVES)])
    assert (found.batches, found.faults) == (1, [])


def test_a_batch_closed_on_other_curves_is_named_with_both_hashes() -> None:
    found = watched([committed(CURVES), closed(OTHERS)])
    (fault,) = found.faults
    assert found.batches == 1
    assert str(T_MS) in fault
    assert curves_hash(CURVES).hex() in fault and curves_hash(OTHERS).hex() in fault


@pytest.mark.parametrize("before", [[], [committed(CURVES, T_MS - 1_000)]])
def test_a_batch_that_nothing_was_committed_for_is_named(before: list[bytes]) -> None:
    found = watched([*before, closed(CURVES)])
    assert found.faults == [f"the batch at {T_MS} ms closed on curves not committed to before it"]


def test_a_journal_is_watched_while_it_is_folded(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal", b"a venue") as journal:
        journal.append([committed(CURVES)])
        journal.append([closed(CURVES)])
        journal.append([closed(OTHERS, T_MS + 1_000)])
    found = Commitments()
    _, seq, *_ = replay_state(tmp_path / "journal", found.watch)
    assert (seq, found.batches, len(found.faults)) == (3, 2, 1)
