# SPDX-License-Identifier: Apache-2.0
"""A batch's outcome for an account does not depend on the other accounts, on their order, or on
how it was computed.
"""

from __future__ import annotations

import random

import pytest
from tests.support.twin import BTC, ETH, FIRST, Key, Venue

from infold.reference.faults import Reason
from infold.reference.settlement import (
    RecordSigners,
    group_bounds,
    prepare,
    settle_group_alone,
)

TRADERS = 9


def a_mixed_batch(seed: int) -> tuple[Venue, list[tuple[int, int, int, int]]]:
    """Good, bad and partly bad accounts in both markets, every fill crossed."""
    generator = random.Random(seed)
    venue = Venue(traders=TRADERS)
    venue.cross(FIRST, FIRST + 1, 5 * 10**8)
    venue.cross(FIRST + 2, FIRST, 10**8, ETH)
    venue.now_s += 1
    records = []
    for account in range(FIRST, FIRST + TRADERS - 1):
        for slot in range(generator.randrange(1, 4)):
            market = generator.choice([BTC, ETH])
            records.append(
                venue.order(
                    account,
                    buy=generator.random() < 0.5,
                    market=market,
                    slot=slot,
                    size_e8=generator.choice([10**6, 10**8, 20 * 10**8]),
                    expiry_ms=venue.now_ms + generator.choice([-1, 10**6, 10**6]),
                    reduce_only=generator.random() < 0.2,
                    key=Key(4) if generator.random() < 0.1 else None,
                )
            )
    for market in (BTC, ETH):
        bought = 0
        for order, terms, _, _ in records:
            if order >> 200 & 0xFFFF == market:
                bought += (1 if order >> 184 & 1 else -1) * (terms >> 128 & 2**64 - 1)
        if bought:
            records.append(
                venue.order(
                    FIRST + TRADERS - 1,
                    buy=bought < 0,
                    market=market,
                    slot=market,
                    size_e8=abs(bought),
                )
            )
    return venue, records


@pytest.mark.parametrize("seed", range(12))
def test_each_account_alone_gives_what_the_batch_gives(seed: int) -> None:
    venue, records = a_mixed_batch(seed)
    call = venue.batch(records)
    prepared = prepare(call, venue.protocol.crypto)
    signers = RecordSigners(prepared, venue.protocol.crypto.recover)
    bounds = group_bounds(prepared.records)
    random.Random(seed).shuffle(bounds)
    alone = {
        start: settle_group_alone(venue.protocol.state, call, prepared, (start, end), signers)
        for start, end in bounds
    }
    venue.deposit(1, 10**9 * 10**6)
    reasons = venue.submit(call)
    expected = [reason for start in sorted(alone) for reason in alone[start].reasons]
    assert reasons == expected
    assert {Reason.NONE} < set(reasons), "the batch should hold good and bad orders"
    state = venue.protocol.state
    for outcome in alone.values():
        for key, word in outcome.positions:
            assert state.positions.get(key, 0) == word
        for key, word in outcome.fills:
            assert state.fills[key] == word


@pytest.mark.parametrize("seed", range(4))
def test_what_an_auditor_prepares_changes_nothing(seed: int) -> None:
    venue, records = a_mixed_batch(seed)
    other, _ = a_mixed_batch(seed)
    for each in (venue, other):
        each.deposit(1, 10**9 * 10**6)
    call = venue.batch(records)
    prepared = prepare(call, venue.protocol.crypto)
    first = venue.submit(call)
    second = other.protocol.settle(call, sender=1, now_s=other.now_s, prepared=prepared)
    assert first == second
    assert list(venue.protocol.state.words()) == list(other.protocol.state.words())
    assert venue.events == other.events
