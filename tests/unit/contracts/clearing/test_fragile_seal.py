# SPDX-License-Identifier: Apache-2.0
"""First fragile rule: a carrier can land the sealed batch or fail, and nothing else.

Every byte of a batch's calldata is changed in two ways before it lands: the result is a revert, or
the very outcome of the sealed batch, in every word and every log.
"""

from __future__ import annotations

import random

import pytest
from tests.support.evm import Event, a_key
from tests.support.stage import ORACLE, Stage
from tests.support.venue import DEPLOYER, LOT, MATCHER, PRICE_E8

CARRIER = a_key("carrier")
ATTESTER = a_key("attester")
SEED = 20_261_124

Outcome = tuple[dict[str, int], list[Event]]


def rich_batch(stage: Stage) -> bytes:
    """A landed batch has everything: two chunks, a skip, a strike, a residual, an attester."""
    venue = stage.venue
    stage.fund_pool()
    venue.list_market(40, name="SOL-USD")
    venue.governance.set_attester(ATTESTER.address, True, sender=DEPLOYER)
    venue.governance.set_attester_threshold(1, sender=DEPLOYER)
    venue.world.travel(86_420)
    lean = PRICE_E8 * 500 // 10**6
    plans = [
        stage.buy(slot=0, size_e8=3 * LOT),
        stage.buy(slot=1, market=2, place=1),
        stage.sell(slot=0),
        stage.sell(slot=2, market=2, place=1, limit_price_e8=10**15),
        stage.sell(stage.third, slot=3, market=40),
        stage.buy(stage.third, slot=1, fill_e8=7, place=1),
        stage.buy(stage.buyer, slot=3, market=40, place=2),
    ]
    oracle = ORACLE | {40: 150 * 10**8}
    batch = stage.batch(
        plans,
        oracle=oracle,
        priced=(1, 2, 40),
        prices={1: PRICE_E8 + lean},
        sealers=(MATCHER, ATTESTER),
        accepted_root=bytes(range(32)),
    )
    return venue.clearing.calldata("settle", *venue.arguments(batch))


def outcome(stage: Stage, data: bytes) -> Outcome | None:
    """What carrying this calldata does; None if it reverts. Nothing stays."""
    world = stage.venue.world
    mark = world._evm.snapshot()
    try:
        _, _, events = world.raw(CARRIER.address, stage.venue.clearing.address, data)
    except RuntimeError:
        return None
    finally:
        after = stage.books.state()
        world._evm.revert(mark)
    return after, events


def test_no_byte_of_a_sealed_batch_changes_its_outcome(stage: Stage) -> None:
    data = rich_batch(stage)
    sealed = outcome(stage, data)
    assert sealed is not None
    names = {event.name for event in sealed[1]}
    assert {"Skipped", "PoolStruck", "BackstopSettled", "AccountSettled"} <= names
    rng = random.Random(SEED)
    same = 0
    for at in range(len(data)):
        for bits in (1 << rng.randrange(8), rng.randrange(1, 256)):
            changed = bytearray(data)
            changed[at] ^= bits
            result = outcome(stage, bytes(changed))
            assert result in (None, sealed), f"byte {at} xor {bits} (seed {SEED})"
            same += result is not None
    # nothing in this encoding is free: every word is read, or checked to be what it must be
    print(f"{2 * len(data)} changes: {same} identical outcomes, the rest revert")


@pytest.mark.parametrize("tail", [b"\0", b"\xff" * 32, bytes(1_000)])
def test_what_is_appended_to_a_batch_changes_nothing(stage: Stage, tail: bytes) -> None:
    data = rich_batch(stage)
    assert outcome(stage, data + tail) == outcome(stage, data) is not None


def test_no_prefix_of_a_sealed_batch_lands(stage: Stage) -> None:
    data = rich_batch(stage)
    for length in [*range(0, len(data), 31), len(data) - 1]:
        assert outcome(stage, data[:length]) is None, f"the first {length} bytes landed"


def test_records_and_price_words_can_be_neither_dropped_nor_repeated_nor_swapped(
    stage: Stage,
) -> None:
    """Words moved about whole, as ABI decoding would let them."""
    data = rich_batch(stage)
    sealed = outcome(stage, data)
    rng = random.Random(SEED)
    body = [data[at : at + 32] for at in range(4, len(data), 32)]
    for _ in range(600):
        words = list(body)
        first, second = rng.randrange(len(words)), rng.randrange(len(words))
        kind = rng.randrange(4)
        if kind == 0:
            words[first], words[second] = words[second], words[first]
        elif kind == 1:
            words[first] = words[second]
        elif kind == 2:
            del words[first]
        else:
            words.insert(first, words[second])
        result = outcome(stage, data[:4] + b"".join(words))
        assert result in (None, sealed), f"words {first} and {second}, kind {kind} (seed {SEED})"


def test_more_signatures_than_needed_change_nothing(stage: Stage) -> None:
    """Which oracle signers sign is nobody's choice that matters."""
    from tests.support.venue import ORACLE_SIGNERS

    stage.venue.world.travel(1)
    plans = [stage.buy(), stage.sell()]
    results = []
    for signers in (ORACLE_SIGNERS[:2], ORACLE_SIGNERS[1:], ORACLE_SIGNERS):
        vector = stage.venue.a_vector(ORACLE, signers=signers)
        arguments = stage.venue.arguments(stage.batch(plans, vector=vector))
        results.append(outcome(stage, stage.venue.clearing.calldata("settle", *arguments)))
    assert results[0] is not None
    assert results[0] == results[1] == results[2]
