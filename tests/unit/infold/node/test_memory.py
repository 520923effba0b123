# SPDX-License-Identifier: Apache-2.0
"""What a node tells its dealer's signals: as it happens, and the same again from the journal."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from infold.core.events import (
    BatchClosed,
    BatchConfirmed,
    BatchLapsed,
    CloseBatch,
    NothingMatched,
    encode_entry,
)
from infold.core.refunds import RefundPaid, TiersFixed
from infold.dealer.desk import Tiers
from infold.dealer.guarding import CapitalGuard, Holding
from infold.dealer.params import PERPETUAL
from infold.dealer.signals import Signals
from infold.messages import Fill
from infold.node.batches import Batches
from infold.node.memory import Memory, tell

START_MS = 1_700_000_000_000
PRICE_E8 = 60_000 * 10**8


def a_fill(time_ms: int) -> Fill:
    return Fill(
        order_hash=bytes(32),
        account=17,
        market=1,
        buy=True,
        size_e8=10**8,
        price_e8=PRICE_E8,
        fee_e6=0,
        oracle_price_e8=PRICE_E8,
        batch=1,
        time_ms=time_ms,
    )


def batches_of(memory: Any, dealer: Any, **changes: int) -> Batches:
    """Batches of a node that has nothing else."""
    nothing: Any = None
    return Batches(
        memory=memory,
        follower=nothing,
        poster=nothing,
        oracle=nothing,
        dealer=dealer,
        domain=nothing,
        matcher_key=b"",
        mine=None,
        **changes,
    )


def a_batch(time_ms: int) -> BatchClosed:
    return BatchClosed(
        number=1,
        time_ms=time_ms,
        chunks=1,
        opened=1,
        root=bytes(32),
        accepted_root=bytes(32),
        prices_e8={1: PRICE_E8},
        clearing=[],
        records=[],
    )


class Told:
    """Signals that write down what they are told."""

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.faults: dict[tuple[int, str], int] = {}

    def priced(self, time_ms: int, prices_e8: Any, /) -> None:
        self.heard.append((time_ms, dict(prices_e8)))

    def traded(self, time_ms: int, fills: Any, /) -> None:
        self.heard.append((time_ms, [fill.size_e8 for fill in fills]))

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} is not the memory's to ask")


def test_vectors_and_settled_batches_are_told_and_lapsed_ones_traded_nothing() -> None:
    told: Any = Told()
    tell(told, a_batch(START_MS))
    tell(told, BatchLapsed(number=1, reason="late"))
    tell(told, NothingMatched(time_ms=START_MS + 1_000, prices_e8={1: 5}))
    tell(told, a_batch(START_MS + 2_000))
    confirmed = BatchConfirmed(
        number=1,
        time_ms=START_MS + 2_000,
        fills=[a_fill(START_MS + 2_000)],
        skips=[],
        block=1,
        tx_hash=bytes(32),
    )
    tell(told, confirmed)
    prices = {1: PRICE_E8}
    assert told.heard == [
        (START_MS, prices),
        (START_MS + 1_000, {1: 5}),
        (START_MS + 2_000, prices),
        (START_MS + 2_000, [10**8]),
    ]


def test_a_restart_folds_the_journal_into_signals_that_answer_alike(tmp_path: Path) -> None:
    lived = Signals()
    memory = Memory(tmp_path / "journal", b"a venue", None, lived)
    for second in range(300):
        time_ms = START_MS + 1_000 * second
        event = NothingMatched(time_ms=time_ms, prices_e8={1: PRICE_E8 + second**2 * 10**7})
        command = CloseBatch(
            time_ms=time_ms, prices_e8=event.prices_e8, chunks=1, root=bytes(32), curves={}
        )
        memory.journal.append([encode_entry(command, [event])])
        memory.take([event])
    memory.journal.close()
    recovered = Signals()
    again = Memory(tmp_path / "journal", b"a venue", None, recovered)
    again.replay()
    again.journal.close()
    late_ms = START_MS + 300_000
    answers = [each.signal(1, PERPETUAL, 1.0, late_ms) for each in (lived, recovered)]
    assert answers[0] == answers[1]
    assert answers[0].volatility_bp != PERPETUAL.volatility_bp
    assert again.state.prices_e8 == memory.state.prices_e8


def confirmed_by(memory: Memory, time_ms: int, fee_e6: int) -> None:
    """A fill of account 17 that paid this fee, without its orders."""
    memory.refunds.settled(msgspec.structs.replace(a_fill(time_ms), fee_e6=fee_e6))


def test_tiers_and_payments_come_back_from_the_journal(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "journal", b"a venue", None)
    memory.fix_tiers(TiersFixed(time_ms=1, top_e6=200, lowest_e6=150, raised_e6={18: 200}))
    payment = RefundPaid(account=17, amount_e6=60, block=3, tx_hash=bytes(32))
    memory.journal.append([memory.fold_paid([payment])])
    memory.journal.close()
    again = Memory(tmp_path / "journal", b"a venue", None)
    again.replay()
    again.journal.close()
    assert again.refunds == memory.refunds and again.refunds.paid_e6 == {17: 60}
    confirmed_by(again, START_MS, 400)
    assert again.refunds.owed_e6(17) == 40


class Judging(Told):
    """Signals that judge every account alike, or fail."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[int] = []
        self.refused: list[tuple[int, str]] = []
        self.found: Tiers | Exception = Tiers(200, 150, {18: 175})

    def tiers(self, time_ms: int, /) -> Tiers:
        self.asked.append(time_ms)
        if isinstance(self.found, Exception):
            raise self.found
        return self.found

    def refuse(self, market: int, name: str, /) -> None:
        self.refused.append((market, name))


def test_tiers_are_fixed_once_a_period_and_a_failing_model_leaves_them(tmp_path: Path) -> None:
    judging: Any = Judging()
    memory = Memory(tmp_path / "journal", b"a venue", None)
    dealer: Any = SimpleNamespace(signals=judging)
    batches = batches_of(memory, dealer, tiers_ms=10_000)
    for time_ms in (START_MS, START_MS + 1, START_MS + 9_999, START_MS + 10_000):
        batches.fix_tiers(time_ms)
    assert judging.asked == [START_MS, START_MS + 10_000]
    assert memory.refunds.tiers.raised_e6 == {18: 175} and memory.journal.seq == 2
    judging.found = ValueError("no figure")
    batches.fix_tiers(START_MS + 20_000)
    assert judging.refused == [(0, "tiers")] and memory.journal.seq == 2
    dealer.signals = None
    batches.fix_tiers(START_MS + 30_000)
    assert memory.refunds.tiers.time_ms == START_MS + 10_000
    memory.journal.close()


def test_what_signals_refused_is_said_at_every_doubling(caplog: pytest.LogCaptureFixture) -> None:
    signals = Signals()
    memory: Any = SimpleNamespace(journal=SimpleNamespace(seq=7), state=None)
    dealer: Any = SimpleNamespace(signals=signals, guard=None)
    batches = batches_of(memory, dealer)
    for _ in range(9):
        signals.priced(START_MS, {3: 0})
        batches.say_faults()
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        f"SIGNAL_REFUSED seq=7 market=3 signal=price_e8 count={count}" for count in (1, 2, 4, 8)
    ]
    dealer.signals = None
    batches.say_faults()


def test_curves_that_capital_cut_are_said_at_every_doubling(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "infold.node")
    guard = CapitalGuard()
    memory: Any = SimpleNamespace(journal=SimpleNamespace(seq=7), state=None)
    dealer: Any = SimpleNamespace(signals=None, guard=guard)
    batches = batches_of(memory, dealer)
    poor = Holding(0.0, 0.0, 1.0, 260.0, 260.0, 10.0, 2.2)
    for _ in range(5):
        guard.allow(0.0, {3: poor}, 2.0)
        batches.say_faults()
    assert [record.getMessage() for record in caplog.records] == [
        f"CURVE_CUT seq=7 market=3 reason=ROOM cut_m=20.000000 count={count}" for count in (1, 2, 4)
    ]
