# SPDX-License-Identifier: Apache-2.0
"""One number, one seal (docs/decisions/0144): what leaves the process was journalled, and what was
journalled is the only seal of its number that counts.

One venue serves the file; each test leaves no batch under way.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import pytest
from tests.support.local_orders import an_order

from infold.errors import Misconfigured, Unavailable
from infold.messages import Receipt
from infold.node import BatchOutcome, LocalVenue, batches, live_desk, live_prices
from infold.shell.chain import Reverted, Rpc, batch_of_settle
from infold.shell.devnet_config import DevnetConfig
from infold.shell.journal import Journal
from infold.shell.poster import Intent, Landed
from infold.units import WINDOW_MS

pytestmark = pytest.mark.devnet

START_MS = 1_700_000_000_000
TRADERS = 12


class Crash(BaseException):
    """Stands for the process's end: nothing may catch it."""


class Watch:
    """The seals that were made, and when each was first seen in the journal and on the wire."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.digests: list[bytes] = []
        self.seen: list[tuple[str, int]] = []
        self._words: list[str] = []
        seal, append, call = batches.sign, Journal.append, Rpc.call

        def sealing(digest: bytes, key: Any) -> tuple[int, int]:
            r, vs = seal(digest, key)
            self.digests.append(digest)
            self._words.append(f"{r:064x}")
            return r, vs

        def appending(journal: Journal, entries: Sequence[bytes]) -> int:
            seq = append(journal, entries)
            for entry in entries:
                found = msgspec.json.decode(entry)
                if "intent" in found:
                    intent = msgspec.convert(found["intent"], Intent, strict=False)
                    self._note("journal", intent.calldata.hex())
            return seq

        def calling(rpc: Rpc, method: str, *params: Any) -> Any:
            self._note("wire", json.dumps(params))
            return call(rpc, method, *params)

        monkeypatch.setattr(batches, "sign", sealing)
        monkeypatch.setattr(Journal, "append", appending)
        monkeypatch.setattr(Rpc, "call", calling)

    def _note(self, where: str, text: str) -> None:
        for at, word in enumerate(self._words):
            if word in text and (where, at) not in self.seen:
                self.seen.append((where, at))


class Scene:
    """Batch times of the file, and traders whose orders meet."""

    def __init__(self, venue: LocalVenue) -> None:
        self.venue = venue
        self.time_ms = START_MS
        self.traders = iter(range(TRADERS))

    def cross(self) -> None:
        sides = (("buy", "60300"), ("sell", "59700"))
        orders = [
            an_order(self.venue, next(self.traders), side=side, price=price)
            for side, price in sides
        ]
        answers = self.venue.node.submit(orders, self.time_ms + 10)
        assert all(isinstance(answer, Receipt) for answer in answers), answers

    def batch(self, after_ms: int = 1_000) -> BatchOutcome:
        self.time_ms += after_ms
        return self.venue.step(self.time_ms, live_prices(self.venue.config))

    def restart(self) -> None:
        self.venue.restart_node(live_desk(1.0))


@pytest.fixture(scope="module")
def venue() -> Iterator[Scene]:
    config = DevnetConfig(start_ms=START_MS, accounts=TRADERS, signers=2)
    with LocalVenue(config) as venue:
        scene = Scene(venue)
        scene.batch()  # strikes the pool's first epoch
        yield scene


def crash_before_the_post(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Intent:
    """A batch that was sealed and journalled when the process ended."""
    caught: list[Intent] = []

    def crash(intent: Intent, deadline_s: float = 60.0) -> Landed:
        caught.append(intent)
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(scene.venue.node.poster, "post", crash)
        with pytest.raises(Crash):
            scene.batch()
    return caught[0]


def test_a_seal_is_journalled_before_it_leaves(
    venue: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch(monkeypatch)
    venue.cross()
    assert len(venue.batch().fills) == 2
    assert watch.seen == [("journal", 0), ("wire", 0)]


def test_a_batch_the_contract_refuses_is_never_sealed(
    venue: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its number is free for the next one at once, however close."""
    watch, number = Watch(monkeypatch), venue.venue.node.state.head.number + 1
    venue.cross()
    honest = batches.material_of
    with monkeypatch.context() as patch:
        patch.setattr(
            batches,
            "material_of",
            lambda state, closed: honest(state, closed)._replace(price_words=[]),
        )
        refused = venue.batch()
        assert refused.number is None and refused.refused.startswith("clearing: ")
    with monkeypatch.context() as patch:
        patch.setattr(
            batches,
            "material_of",
            lambda state, closed: honest(state, closed)._replace(contents=bytes(32)),
        )
        refused = venue.batch()
        assert refused.refused == "the contract hashes the batch to another digest"
    assert watch.digests == [] and watch.seen == []
    outcome = venue.batch()
    assert outcome.number == number and len(outcome.fills) == 2 and len(watch.digests) == 1


def test_a_node_without_account_overrides_is_told_apart_from_a_refusal(
    venue: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    venue.cross()
    call, watch = Rpc.call, Watch(monkeypatch)

    def deaf(rpc: Rpc, method: str, *params: Any) -> Any:
        return call(rpc, method, *(params[:2] if method == "eth_call" else params))

    with monkeypatch.context() as patch:
        patch.setattr(Rpc, "call", deaf)
        with pytest.raises(Misconfigured, match="account overrides"):
            venue.batch()
    assert watch.digests == []
    assert len(venue.batch().fills) == 2


def test_a_seal_that_was_not_journalled_at_the_crash_never_left(
    venue: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch(monkeypatch)
    venue.cross()

    def crash(journal: Journal, entries: Sequence[bytes]) -> int:
        if len(watch.digests) == 1:
            raise Crash
        return watched(journal, entries)

    watched = Journal.append
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "append", crash)
        with pytest.raises(Crash):
            venue.batch()
    venue.restart()
    assert len(venue.batch().fills) == 2
    assert len(set(watch.digests)) == 2, "the number was sealed anew, for another time"
    assert watch.seen == [("journal", 1), ("wire", 1)]


def test_a_journalled_seal_is_the_one_that_is_sent_after_the_crash(
    venue: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch(monkeypatch)
    venue.cross()
    intent = crash_before_the_post(venue, monkeypatch)
    venue.restart()
    assert venue.venue.node.state.head.number == intent.number
    assert len(watch.digests) == 1 and watch.seen == [("journal", 0), ("wire", 0)]


def test_a_lapsed_number_is_sealed_anew_only_where_two_seals_prove_nothing(
    venue: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch(monkeypatch)
    venue.cross()
    first = crash_before_the_post(venue, monkeypatch)
    venue.venue.devnet.mine(first.time_ms + WINDOW_MS + 2_000)
    venue.restart()
    node = venue.venue.node
    assert node.batch(first.number)["status"] == "lapsed"
    for close_ms in (first.time_ms + 1_000, first.time_ms + WINDOW_MS):
        with pytest.raises(Unavailable, match="sealed anew only for a time after"):
            node.close_batch(close_ms)
    assert len(watch.digests) == 1

    venue.time_ms = first.time_ms + WINDOW_MS
    outcome = venue.batch(1)
    assert outcome.number == first.number and len(outcome.fills) == 2
    again = node._memory.intent
    assert again is not None and again.number == first.number
    shown = []
    for intent in (first, again):
        batch = batch_of_settle(intent.calldata)
        assert batch is not None
        shown.append((intent.time_ms, intent.contents, *batch.seal))
    with pytest.raises(Reverted, match="bond: the first had lapsed"):
        venue.venue.devnet.venue["Bond"].call("prove_two_seals", first.number, *shown)
