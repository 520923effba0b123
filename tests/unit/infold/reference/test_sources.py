# SPDX-License-Identifier: Apache-2.0
"""The twin's second sources: doors, doubt, and what a batch makes of it. The stateful test holds
them equal to the contracts'.
"""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.twin import BTC, ETH, GOVERNANCE, PRICES_E8, Venue

from infold.reference.faults import Fault, Reason
from infold.reference.rebuild import Rebuilt
from infold.reference.sources import Reading, Readings, Source, doubtful
from infold.reference.state import State

SOURCE = 0x50 << 64


def name_source(venue: Venue, market: int = BTC, **changes: Any) -> None:
    given: dict[str, Any] = {
        "source": SOURCE,
        "bound_e4": 100,
        "age_s": 60,
        "strict": False,
        "answer": (PRICES_E8[BTC], venue.now_s),
    } | changes
    venue.protocol.set_source(market, *given.values(), sender=GOVERNANCE, now_s=venue.now_s)


def test_words_come_back() -> None:
    reading = Reading(2**64 - 1, 2**32 - 1, 2**15 - 1, True)
    readings = Readings(reading, Reading(1, 2, 3, False), 4)
    assert Reading.of(reading.bits) == reading
    assert Readings.of(readings.word) == readings
    source = Source(2**160 - 1, 2**32 - 1, 2_000, True)
    assert Source.of(source.word) == source


def test_a_doubtful_market_only_shrinks_and_its_logs_rebuild_it() -> None:
    venue = Venue()
    name_source(venue, answer=(PRICES_E8[BTC] // 2, venue.now_s))
    events = list(venue.events)
    assert [name for name, _ in events] == ["SourceSet", "SourceRead"]
    venue.now_s += 4
    assert doubtful(venue.protocol.state, PRICES_E8, venue.now_ms) == {BTC}
    first, second = 17, 18
    orders = [
        venue.order(first, buy=True, market=BTC, size_e8=10**8),
        venue.order(second, buy=False, market=BTC, size_e8=10**8),
        venue.order(first, buy=True, market=ETH, size_e8=10**8, slot=1),
        venue.order(second, buy=False, market=ETH, size_e8=10**8, slot=1),
    ]
    assert sorted(venue.settle(sorted(orders))) == [0, 0, Reason.MARKET_LIMIT, Reason.MARKET_LIMIT]
    rebuilt = Rebuilt(State())
    for name, arguments in events:
        rebuilt.fold(name, arguments)  # type: ignore[arg-type]
    assert rebuilt.state.readings == venue.protocol.state.readings
    assert rebuilt.state.sources == venue.protocol.state.sources


def test_doors_refuse_and_leave_no_trace() -> None:
    venue = Venue()
    name_source(venue)
    before = dict(venue.protocol.state.readings)
    with pytest.raises(Fault, match="oracle: change pending"):
        name_source(venue)
    with pytest.raises(Fault, match="oracle: not governance"):
        venue.protocol.set_source(
            BTC, 1, 100, 60, False, (1, venue.now_s), sender=1, now_s=venue.now_s
        )
    said_s = venue.now_s
    venue.now_s += 19
    with pytest.raises(Fault, match="oracle: nothing newer"):
        venue.protocol.refresh(BTC, (1, said_s), sender=1, now_s=venue.now_s)
    with pytest.raises(Fault, match="oracle: no source"):
        venue.protocol.refresh(ETH, (1, venue.now_s), sender=1, now_s=venue.now_s)
    assert venue.protocol.state.readings == before
