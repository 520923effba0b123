# SPDX-License-Identifier: Apache-2.0
"""What a journal has seen of its chain is folded from its events."""

from __future__ import annotations

from infold.core.events import (
    BatchConfirmed,
    ChainObserved,
    Deployed,
    NothingMatched,
    to_word,
)
from infold.node.provenance import after
from infold.shell.origin import Origin, Settled, Stamped

T_MS = 1_800_000_000_000
DEPLOYED = Deployed(pool=to_word(1), backstop=to_word(2), head=to_word(3), epoch_ms=20_000)


def test_an_origin_follows_the_journal_event_by_event() -> None:
    origin = Origin(b"a venue")
    # What a follower begins with: the block before Clearing's, with the stamp of Clearing's own.
    origin = after(origin, ChainObserved(facts=[DEPLOYED], block=6, block_ms=T_MS))
    created = Stamped(7, T_MS)
    assert origin == Origin(b"a venue", created=created, last=created)
    for number, transaction in ((1, b"\x01" * 32), (2, b"\x02" * 32)):
        origin = after(
            origin,
            BatchConfirmed(
                number=number, time_ms=T_MS, fills=[], skips=[], block=8, tx_hash=transaction
            ),
        )
    origin = after(origin, ChainObserved(facts=[], block=9, block_ms=T_MS + 1_000))
    origin = after(origin, NothingMatched(time_ms=T_MS, prices_e8={}))
    last = Stamped(9, T_MS + 1_000)
    assert origin == Origin(b"a venue", created, Settled(2, 8, b"\x02" * 32), last)
