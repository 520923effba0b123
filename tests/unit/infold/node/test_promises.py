# SPDX-License-Identifier: Apache-2.0
"""Whether the batches of a journal were closed as the dealer had committed to, and as commanded."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from infold.core.curve import Curve
from infold.core.events import (
    AnyEvent,
    BatchClosed,
    CloseBatch,
    NothingMatched,
    decode_events,
    encode_entry,
)
from infold.node.commitments import commitment_entry, curves_hash
from infold.node.memory import read_entry, replay_state
from infold.node.promises import Commitments
from infold.shell.journal import Journal

T_MS = 1_700_000_000_000
CURVES = {2: Curve((90, 110), (-5, 5)), 1: Curve((1_000, 2_000), (-7, 0), sale_e8_max=3)}
OTHERS = CURVES | {1: Curve((1_000, 2_000), (-7, 0), sale_e8_max=4)}
NOTHING = NothingMatched(time_ms=T_MS, prices_e8={})
MATCHED = BatchClosed(
    number=1,
    time_ms=T_MS,
    chunks=1,
    opened=0,
    root=bytes(32),
    accepted_root=bytes(32),
    prices_e8={},
    clearing=[],
    records=[],
)


def committed(curves: dict[int, Curve], time_ms: int = T_MS) -> bytes:
    return commitment_entry(curves_hash(curves), time_ms, None)


def closed(curves: dict[int, Curve], time_ms: int = T_MS, *events: AnyEvent) -> bytes:
    """A batch as the engine would close it, or with other events."""
    command = CloseBatch(time_ms=time_ms, prices_e8={}, chunks=1, root=bytes(32), curves=curves)
    return encode_entry(command, list(events or [NothingMatched(time_ms=time_ms, prices_e8={})]))


def watched(entries: list[bytes]) -> Commitments:
    found = Commitments()
    for line in entries:
        entry = read_entry(line)
        found.watch(entry, decode_events(bytes(entry.get("events", b"[]"))))
    return found


def test_a_batch_closed_on_what_was_committed_keeps_its_word() -> None:
    turned = dict(sorted(CURVES.items()))
    later_ms = T_MS + 1_000
    found = watched(
        [
            committed(CURVES),
            closed(turned, T_MS, MATCHED),
            committed({}, later_ms),
            b'{"tiers":{}}',
            closed({}, later_ms),
        ]
    )
    assert (found.batches, found.kept, found.faults) == (2, 2, [])


@pytest.mark.parametrize(
    "before", [[committed(OTHERS, T_MS - 1_000), committed(CURVES)], [committed(CURVES)] * 2]
)
def test_a_batch_that_could_not_be_priced_is_committed_to_again(before: list[bytes]) -> None:
    """Anew for a later T, or the same for the same."""
    found = watched([*before, closed(CURVES)])
    assert (found.batches, found.kept, found.faults) == (1, 1, [])


def test_a_batch_closed_on_other_curves_is_named_with_both_hashes() -> None:
    found = watched([committed(CURVES), closed(OTHERS)])
    (fault,) = found.faults
    assert (found.batches, found.kept) == (1, 0)
    assert str(T_MS) in fault
    assert curves_hash(CURVES).hex() in fault and curves_hash(OTHERS).hex() in fault


@pytest.mark.parametrize("before", [[], [committed(CURVES, T_MS - 1_000)]])
def test_a_batch_that_nothing_was_committed_for_is_named(before: list[bytes]) -> None:
    found = watched([*before, closed(CURVES)])
    assert found.faults == [f"the batch at {T_MS} ms closed on curves not committed to before it"]


@pytest.mark.parametrize(
    "between",
    [
        [],
        [committed(CURVES, T_MS + 1_000)],
        [committed(CURVES, T_MS + 1_000), committed(OTHERS)],
    ],
)
def test_a_commitment_taken_back_once_prices_may_be_known_is_named(between: list[bytes]) -> None:
    """Other curves for one T, at once or by way of a later T, and closed on those."""
    found = watched([committed(CURVES), *between, committed(OTHERS), closed(OTHERS)])
    assert (found.batches, found.kept) == (1, 0)
    (fault,) = found.faults
    assert f"of hash {curves_hash(OTHERS).hex()} were committed to for {T_MS} ms after" in fault
    found.watch(read_entry(committed(CURVES, T_MS + 2_000)), [])
    later = NothingMatched(time_ms=T_MS + 2_000, prices_e8={})
    found.watch(read_entry(closed(CURVES, T_MS + 2_000)), [later])
    assert (found.batches, found.kept, len(found.faults)) == (2, 1, 1)


@pytest.mark.parametrize("closing", [NOTHING, MATCHED])
def test_a_batch_closed_by_no_command_is_named(closing: NothingMatched | BatchClosed) -> None:
    """Its events are folded like any others, and show no curves."""
    found = watched([committed(CURVES), msgspec.json.encode({"events": [closing]})])
    assert (found.batches, found.kept) == (1, 0)
    assert found.faults == [f"the batch at {T_MS} ms closed without a command"]


@pytest.mark.parametrize(
    "closing",
    [
        msgspec.structs.replace(NOTHING, time_ms=T_MS + 7),
        msgspec.structs.replace(NOTHING, prices_e8={1: 9}),
        msgspec.structs.replace(MATCHED, root=b"\x01" * 32),
        msgspec.structs.replace(MATCHED, chunks=2),
    ],
)
def test_a_batch_at_another_vector_than_its_command_s_is_named(
    closing: NothingMatched | BatchClosed,
) -> None:
    found = watched([committed(CURVES), closed(CURVES, T_MS, closing)])
    assert (found.batches, found.kept) == (1, 0)
    (fault,) = found.faults
    assert f"the batch at {closing.time_ms} ms has another vector than the command" in fault


def test_a_command_closes_one_batch() -> None:
    found = watched([committed(CURVES), closed(CURVES, T_MS, NOTHING, MATCHED)])
    assert (found.batches, found.kept) == (1, 0)
    assert found.faults == [
        f"the command that closed the batch at {T_MS} ms has 2 closing events, not one"
    ]


def test_a_journal_is_watched_while_it_is_folded(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal", b"a venue") as journal:
        journal.append([committed(CURVES)])
        journal.append([closed(CURVES)])
        journal.append([closed(OTHERS, T_MS + 1_000)])
    found = Commitments()
    _, seq, *_ = replay_state(tmp_path / "journal", found.watch)
    assert (seq, found.batches, found.kept, len(found.faults)) == (3, 2, 1, 1)
