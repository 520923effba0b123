# SPDX-License-Identifier: Apache-2.0
"""A whole venue on a real chain: orders in, positions out, and every kind of interruption between.

One venue serves the file; tests run in order and each leaves no batch under way.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.local_orders import an_order

from infold.dealer.params import PERPETUAL
from infold.errors import InvariantBroken, Rejected, Unavailable
from infold.messages import Receipt
from infold.node import (
    BatchOutcome,
    DuplicateReceipt,
    LocalVenue,
    live_desk,
    live_prices,
    replay_state,
)
from infold.sdk.wallet import Wallet
from infold.shell.chain import Reverted
from infold.shell.devnet_config import DevnetConfig
from infold.shell.journal import Journal
from infold.shell.poster import Intent, Landed
from infold.signing import receipt_digest, recover

pytestmark = pytest.mark.devnet

START_MS = 1_700_000_000_000
TRADERS = 24


class Crash(BaseException):
    """Stands for the process's end: nothing may catch it."""


class Clock:
    """Batch times of the file, a second apart."""

    def __init__(self, venue: LocalVenue) -> None:
        self.venue = venue
        self.time_ms = START_MS
        self.traders = iter(range(TRADERS))

    def batch(self, after_ms: int = 1_000) -> BatchOutcome:
        self.time_ms += after_ms
        return self.venue.step(self.time_ms, live_prices(self.venue.config))

    def submit(self, *orders: bytes) -> list[Receipt | Rejected]:
        return self.venue.node.submit(orders, self.time_ms + 10)

    def cross(self) -> None:
        """Two fresh traders whose orders meet."""
        buyer, seller = next(self.traders), next(self.traders)
        answers = self.submit(
            an_order(self.venue, buyer),
            an_order(self.venue, seller, side="sell", price="59700"),
        )
        assert all(isinstance(answer, Receipt) for answer in answers), answers


@pytest.fixture(scope="module")
def clock() -> Iterator[Clock]:
    config = DevnetConfig(start_ms=START_MS, accounts=TRADERS)
    with LocalVenue(config) as venue:
        clock = Clock(venue)
        clock.batch()  # strikes the pool's first epoch
        yield clock


def restart(clock: Clock) -> None:
    clock.venue.restart_node(live_desk(1.0))


def test_set_up_is_whole(clock: Clock) -> None:
    venue = clock.venue
    shown = venue.view()
    names = "rpc_url api_url chain_id contracts book markets accounts k"
    signers = {"oracle_signers", "spare_signers"}
    roles = {"matcher", "refund_payer", "owner", "guardian"}
    assert set(shown) == {*names.split(), *signers, *roles, "key_files"}
    for role in roles:
        held = Wallet.from_key_file(Path(shown["key_files"]) / role)
        assert str(held) == shown[role]["address"]
    assert len(shown["accounts"]) == TRADERS and shown["accounts"][0]["id"] == 17
    assert json.loads(json.dumps(shown)) == shown
    assert venue.node.reconcile().report() == []


def test_an_order_becomes_a_position(clock: Clock) -> None:
    before = clock.venue.node.state.head.number
    clock.cross()
    outcome = clock.batch()
    assert outcome.number == before + 1
    assert [fill.size_e8 for fill in outcome.fills] == [50_000_000, 50_000_000]
    assert outcome.gas_used > 100_000
    buyer = next(fill.account for fill in outcome.fills if fill.buy)
    positions = clock.venue.node.account(buyer)["positions"]
    assert [position["size"] for position in positions] == ["0.5"]
    found = clock.venue.node.reconcile()
    assert found.report() == [] and found.words > 100


def test_receipts_are_signed_and_duplicates_answered_alike(clock: Clock) -> None:
    venue = clock.venue
    trader = next(clock.traders)
    raw = an_order(venue, trader, price="50000")
    first, again = clock.submit(raw, raw)
    assert isinstance(first, Receipt) and isinstance(again, DuplicateReceipt)
    digest = receipt_digest(
        first.order_hash, first.sequence, first.accepted_ms, first.batch_ms, venue.node.domain
    )
    assert recover(digest, first.r, first.vs) == venue.devnet.matcher.address
    assert (again.sequence, again.r, again.vs) == (first.sequence, first.r, first.vs)
    assert venue.node.receipt_view(again)["duplicate"] is True


def test_rejections_leave_the_others_alone(clock: Clock) -> None:
    trader = next(clock.traders)
    venue = clock.venue
    answers = clock.submit(
        an_order(venue, trader, price="60000.05"),
        b"{}",
        an_order(venue, trader, price="50000", slot=1),
        an_order(venue, trader, price="50000", slot=2, expiry=5),
    )
    codes = [answer.code if isinstance(answer, Rejected) else None for answer in answers]
    assert codes == ["PRICE_TICK", "MALFORMED", None, "EXPIRED"]


def test_http_serves_what_the_node_knows(clock: Clock) -> None:
    from infold.gateway.server import Server

    venue = clock.venue
    clock.cross()
    account = clock.batch().fills[0].account
    with (
        Server(venue.gateway) as server,
        httpx.Client(base_url=server.url, trust_env=False) as client,
    ):
        meta = client.get("/v1/meta").json()
        assert meta["chainId"] == 31337 and meta["domain"]["name"] == "Infold"
        assert len(client.get("/v1/markets").json()["data"]) == 8
        trader = next(clock.traders)
        preview = client.post("/v1/orders/preview", content=an_order(venue, trader)).json()
        accepted = client.post("/v1/orders", content=an_order(venue, trader, price="50000")).json()
        assert preview["accepted"] is True and accepted["status"] == "open"
        order = client.get("/v1/orders/" + accepted["orderHash"]).json()
        assert (order["status"], order["size"], order["price"]) == ("open", "0.5", "50000")
        fills = client.get(f"/v1/fills?account={account}").json()["data"]
        assert [fill["size"] for fill in fills] == ["0.5"]
        batch = client.get(f"/v1/batches/{fills[0]['batch']}").json()
        assert batch["status"] == "confirmed" and batch["fills"] == 2
        assert client.get("/v1/account?account=9999").status_code == 404


def post_then(clock: Clock, monkeypatch: pytest.MonkeyPatch, *, send: bool) -> None:
    """Cross two orders and crash around the post."""
    clock.cross()
    poster = clock.venue.node.poster
    real = poster.post

    def crash(intent: Intent, deadline_s: float = 60.0) -> Landed:
        if send:
            real(intent)
        raise Crash

    monkeypatch.setattr(poster, "post", crash)
    with pytest.raises(Crash):
        clock.batch()


@pytest.mark.parametrize("send", [False, True])
def test_a_crash_around_the_post_settles_the_same_batch_once(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, send: bool
) -> None:
    before = clock.venue.node.state.head.number
    post_then(clock, monkeypatch, send=send)
    under_way = clock.venue.node.state.in_flight
    assert under_way is not None and under_way.number == before + 1
    restart(clock)
    node = clock.venue.node
    assert node.state.in_flight is None
    assert node.state.head.number == before + 1
    assert len(node.batch(before + 1)["records"]) == 2
    assert node.reconcile().report() == []


def test_a_crash_before_the_intent_was_journalled_makes_no_batch(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.cross()
    before = clock.venue.node.state.head.number
    real = Journal.append

    def crash(journal: Journal, entries: list[bytes]) -> int:
        if any(b'"intent"' in entry[:20] for entry in entries):
            raise Crash
        return real(journal, entries)

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "append", crash)
        with pytest.raises(Crash):
            clock.batch()
    restart(clock)
    assert clock.venue.node.state.head.number == before
    assert len(clock.batch().fills) == 2


def test_a_batch_that_misses_its_window_lapses_and_its_orders_return(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    post_then(clock, monkeypatch, send=False)
    number = clock.venue.node.state.head.number + 1
    clock.time_ms += 17_000
    clock.venue.devnet.mine(clock.time_ms)
    restart(clock)
    node = clock.venue.node
    assert node.state.in_flight is None and node.state.head.number == number - 1
    assert node.batch(number)["status"] == "lapsed"
    outcome = clock.batch()
    assert outcome.number == number and len(outcome.fills) == 2
    assert node.batch(number)["status"] == "confirmed"


def test_owners_acts_on_chain_are_seen(clock: Clock) -> None:
    venue = clock.venue
    trader = next(clock.traders)
    account = venue.devnet.accounts[trader]
    (receipt,) = clock.submit(an_order(venue, trader, price="50000", slot=9, seq=4))
    assert isinstance(receipt, Receipt)
    clock.time_ms += 1_000
    venue.devnet.call(
        account.wallet, "Clearing", "cancel", account.account, 9, 4, time_ms=clock.time_ms
    )
    venue.node.observe()
    assert venue.node.order(receipt.order_hash)["status"] == "cancelled"
    with pytest.raises(Reverted, match="clearing: not the owner"):
        venue.devnet.call(
            venue.devnet.funder, "Clearing", "cancel", account.account, 9, 5, time_ms=clock.time_ms
        )
    venue.node.observe()


def test_a_silent_oracle_postpones_the_batch(clock: Clock) -> None:
    clock.cross()
    clock.time_ms += 60_000  # every source is stale by then
    with pytest.raises(Unavailable, match="ms old"):
        clock.venue.node.close_batch(clock.time_ms)
    assert len(clock.batch().fills) == 2


def test_replaying_the_journal_gives_the_same_state(clock: Clock) -> None:
    node = clock.venue.node
    for _ in range(3):
        clock.cross()
        clock.batch()
    expected = node.state
    path = node.journal.path
    lived = clock.venue.dealer.signals
    restart(clock)
    folded = clock.venue.dealer.signals
    assert clock.venue.node.state == expected
    assert lived is not None and folded is not None and lived is not folded
    for number in sorted(expected.markets):
        asked = (number, PERPETUAL, 1.0, clock.time_ms + 1_000)
        assert folded.signal(*asked) == lived.signal(*asked)
        assert folded.signal(*asked).volatility_bp is not None
    assert folded.faults == lived.faults == {}
    assert clock.venue.node.order_rows == node.order_rows
    assert Journal.inspect(path).ok
    clock.venue.node.journal.close()
    state, seq, *_ = replay_state(path)
    assert state == expected and seq > 10
    restart(clock)


def test_a_journal_that_lacks_a_batch_of_the_chain_halts_the_node(clock: Clock) -> None:
    """A lost journal, or another matcher with our key: going on as if nothing were is not an
    option.
    """
    node = clock.venue.node
    node.close()
    path = node.journal.path
    kept = path.rename(path.with_name("kept"))
    with pytest.raises(InvariantBroken, match="batch 1 landed and this journal did not send it"):
        restart(clock)
    path.rename(path.with_name("begun-anew"))
    kept.rename(path)
    restart(clock)
    assert clock.venue.node.state == node.state


def test_the_chain_dying_in_the_middle_is_a_typed_error(clock: Clock) -> None:
    pid = clock.venue.devnet.anvil.pid
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # its last moment may still serve a call
    with pytest.raises(Unavailable, match="ended by itself"):
        restart(clock)


def test_a_live_venue_follows_the_wall_clock_and_leaves_nothing_behind() -> None:
    import time

    start_ms = time.time_ns() // 1_000_000
    config = DevnetConfig(start_ms=start_ms, accounts=4, skew_ms=5_000, seed=3)
    stopped = threading.Event()
    pids: list[int] = []
    with LocalVenue(config, api_port=0, batch_interval_ms=250) as venue:
        pids = [venue.devnet.anvil.pid, *(signer.pid for signer in venue.devnet.signers)]
        assert venue.server is not None
        faults: list[Any] = []

        def serve() -> None:
            try:
                venue.run_live(stopped)
            except (InvariantBroken, Unavailable) as error:
                faults.append(error)

        thread = threading.Thread(target=serve)
        thread.start()
        with httpx.Client(base_url=venue.server.url, trust_env=False) as client:
            for trader, side in ((0, "buy"), (1, "sell")):
                raw = venue.gateway.run(
                    lambda trader=trader, side=side: an_order(
                        venue, trader, side=side, price="66000" if side == "buy" else "54000"
                    )
                )
                assert client.post("/v1/orders", content=raw).status_code == 200
            deadline = time.monotonic() + 20
            while not client.get("/v1/fills").json()["data"] and time.monotonic() < deadline:
                assert not faults, faults
                stopped.wait(0.05)
            assert client.get("/v1/fills").json()["data"]
        stopped.set()
        thread.join(20)
        assert not thread.is_alive() and not faults
        assert venue.gateway.run(venue.node.reconcile).report() == []
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
