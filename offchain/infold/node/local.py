# SPDX-License-Identifier: Apache-2.0
"""A whole venue on this machine: devnet, node and HTTP door put together (docs/decisions/0043)."""

from __future__ import annotations

import contextlib
import functools
import logging
import math
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from infold.closable import Closable
from infold.core.curve import Curve
from infold.core.warming import compile_auction
from infold.dealer.desk import Desk, NeighboursLike
from infold.dealer.guarding import CapitalGuard
from infold.dealer.params import DealerParameters
from infold.dealer.signals import Signals
from infold.errors import InvariantBroken, Unavailable, without_numbers
from infold.gateway.rest import Gateway
from infold.gateway.server import Server
from infold.node.batches import TIERS_MS, BatchOutcome, Dealer
from infold.node.hedge_desk import HedgeDesk
from infold.node.node import Node
from infold.node.postponement import Postponement, postponement_of
from infold.shell.devnet import Devnet
from infold.shell.devnet_config import DevnetConfig, live_prices
from infold.shell.poster import Poster
from infold.shell.refresher import Refresher
from infold.signing import checksum_address

_log = logging.getLogger("infold.node")

POSTPONED_EVERY = 1_024  # 17 minutes of a batch a second: nobody waits longer for a word


class LocalVenue(Closable):
    """A devnet with its node and its HTTP door, from construction to `close`; without a dealer
    given, the venue's own desk, which follows what the venue sees (docs/decisions/0078).

    Time is stepped by the caller (`step`), or follows the wall clock while `run_live` runs.
    `api_port` None serves no HTTP; `tiers_ms` is how long fee tiers hold.
    """

    def __init__(
        self,
        config: DevnetConfig,
        dealer: Dealer | None = None,
        *,
        api_port: int | None = None,
        batch_interval_ms: int = 1_000,
        tiers_ms: int = TIERS_MS,
        progress: Callable[[str], None] = lambda _line: None,
    ) -> None:
        self.config = config
        self.batch_interval_ms = batch_interval_ms
        self.tiers_ms = tiers_ms
        self.clock_ms = config.start_ms
        self.server: Server | None = None
        self._postponed: Counter[str] = Counter()  # in a row, by reason
        self._waits_for: Postponement | None = None  # why the last of them was; None while none is
        self.hedge_desks: list[HedgeDesk] = []  # none unless somebody adds them
        self._ends = contextlib.ExitStack()
        try:
            self.devnet = self._ends.enter_context(Devnet(config, progress))
            self.refresher = Refresher(self.devnet.venue, self.devnet.sender(self.devnet.keeper))
            progress("compiling the auction")
            compile_auction()
            progress("starting the node")
            self.node = self._open_node(dealer or live_desk(batch_interval_ms / 1000))
            self._ends.callback(lambda: self.node.close())
            self.gateway = Gateway(self.node)
            self._ends.callback(self.gateway.close)
            if api_port is not None:
                self.server = self._ends.enter_context(Server(self.gateway, api_port))
        except BaseException:
            self.close()
            raise

    def _open_node(self, dealer: Dealer) -> Node:
        self.dealer = dealer
        devnet = self.devnet
        poster = Poster(devnet.venue, devnet.sender(devnet.matcher), mine=devnet.mine)
        return Node(
            venue=devnet.venue,
            journal_path=devnet.directory / "journal",
            matcher_key=devnet.matcher.private_key,
            poster=poster,
            oracle=devnet.collector,
            dealer=dealer,
            now_ms=lambda: self.clock_ms,
            mine=devnet.mine,
            refund_payer=devnet.refunder.address,
            tiers_ms=self.tiers_ms,
            meta=self._meta,
        )

    def _meta(self) -> dict[str, Any]:
        """What clients are told beside the contracts: when orders were matched last and why the
        next batch waits, if it does; who signed the prices of late, of those whose URL is known,
        and how many must.
        """
        quorum, state = self.devnet.collector.quorum, self.node.state
        return {
            "batchIntervalMs": self.batch_interval_ms,
            "batches": {
                "matched": state.vector_ms or None,
                "settled": state.head.time_ms or None,
                "postponed": self._postponed.total(),
                "kind": self._waits_for and self._waits_for.kind,
                "reason": self._waits_for and self._waits_for.reason,
            },
            "oracle": {
                "signers": [checksum_address(who) for who in sorted(quorum.serving)],
                "k": quorum.k,
            },
        }

    def restart_node(self, dealer: Dealer) -> None:
        """Close the node and recover another from its journal, as after a crash. The HTTP door
        keeps the old one: use without.
        """
        self.node.close()
        self.node = self._open_node(dealer)

    def step(
        self, time_ms: int, prices_e8: dict[int, int], noise: random.Random | None = None
    ) -> BatchOutcome:
        """Publish prices for a time and close a batch at it. Times must rise."""
        self.clock_ms = max(self.clock_ms, time_ms)
        self.devnet.write_prices(time_ms, prices_e8, noise)
        guard = self.dealer.guard
        if guard is not None:
            for desk in self.hedge_desks:
                guard.hedged(desk.hedger.book.market, desk.hedger.book.hedged_e8)
        outcome = self.node.close_batch(time_ms)
        if self.devnet.sources:
            self.renew_sources(time_ms, prices_e8)
        for desk in self.hedge_desks:
            zone_m = math.inf if guard is None else guard.zone_m(desk.hedger.book.market)
            signals, marked_e8 = self.dealer.signals, 0
            if signals is not None:
                marked_e8 = signals.marked_e8(desk.hedger.book.market, time_ms)
            route = desk.after_batch(self.node.state, time_ms, zone_m=zone_m, marked_e8=marked_e8)
            if route is not None and signals is not None:
                signals.hedged(route.market, time_ms, route.impact_bp)
        return outcome

    def renew_sources(self, time_ms: int, prices_e8: Mapping[int, int]) -> None:
        """Tell the mock second sources prices, and refresh the readings that are worth it."""
        self.devnet.say(time_ms, prices_e8)
        if self.refresher.refresh(self.devnet.sources, -(-time_ms // 1000)):
            self.devnet.mine(time_ms)

    def view(self) -> dict[str, Any]:
        """What `infold devnet --json` prints."""
        return self.devnet.view(self.server.url if self.server else "")

    def run_live(
        self,
        stopped: threading.Event,
        on_halt: Callable[[InvariantBroken], None] = lambda _halt: None,
    ) -> None:
        """Serve with the wall clock until told to stop: a synthetic price walk, a batch every
        interval, blocks for everybody.

        Where the node halts, `on_halt` is called once with the reason, and the chain goes on
        without it, as a real one would; the reason is raised when told to stop, or with the news
        that the chain is gone. Raises `Unavailable` when it is gone and the node had not halted;
        while anvil lives, a block that could not be had is missed and no more.
        """
        halt: InvariantBroken | None = None
        live = self._live_batch
        walk = PriceWalk(self.config.seed, live_prices(self.config))
        noise = random.Random(self.config.seed + 1)
        step_s = self.batch_interval_ms / 1000
        upcoming = time.monotonic()
        while not stopped.is_set():
            try:
                self.gateway.run(functools.partial(live, walk, noise))
            except InvariantBroken as broken:
                halt, live = broken, self._live_block
                on_halt(halt)
            except Unavailable as missed:
                self._require_chain(halt)
                _log.warning("BLOCK_MISSED seq=%d reason=%r", self.node.journal.seq, str(missed))
            upcoming = max(upcoming + step_s, time.monotonic())
            stopped.wait(upcoming - time.monotonic())
        if halt is not None:
            raise halt

    def _require_chain(self, halt: InvariantBroken | None) -> None:
        """Raise `Unavailable` if the chain is gone; of a node that had halted, the halt, which is
        what happened first.
        """
        try:
            self.devnet.anvil.require_alive()
        except Unavailable as gone:
            if halt is None:
                raise
            raise InvariantBroken(f"{halt}. Since then: {gone}") from gone

    def _live_batch(self, walk: PriceWalk, noise: random.Random) -> None:
        time_ms = self._live_ms()
        try:
            outcome = self.step(time_ms, walk.next(self.batch_interval_ms), noise)
        except Unavailable as error:
            self.devnet.anvil.require_alive()
            self._waits_for = postponement_of(error, self.node.state)
            self._say_postponed(str(error))
            outcome = BatchOutcome(time_ms)
        else:
            self._waits_for = None
            self._say_postponed("")
        if outcome.number is None:
            self.devnet.mine(time_ms)  # whoever else sends transactions waits for a block
            self.node.observe()

    def _say_postponed(self, reason: str) -> None:
        """Say why a batch was postponed: each reason the first time, the second, fourth, eighth ...
        and every so often; and that batches go on once there is none any more.
        """
        seq = self.node.journal.seq
        if not reason:
            if self._postponed:
                _log.warning("BATCHES_GO_ON seq=%d count=%d", seq, self._postponed.total())
            self._postponed.clear()
            return
        kind = without_numbers(reason)
        self._postponed[kind] += 1
        count = self._postponed[kind]
        if count.bit_count() == 1 or count % POSTPONED_EVERY == 0:
            _log.warning("BATCH_POSTPONED seq=%d count=%d reason=%r", seq, count, reason)

    def _live_block(self, walk: PriceWalk, noise: random.Random) -> None:
        """What goes on beside a node that has halted: prices for the signers, and a block."""
        time_ms = self._live_ms()
        self.devnet.write_prices(time_ms, walk.next(self.batch_interval_ms), noise)
        self.devnet.mine(time_ms)

    def _live_ms(self) -> int:
        self.clock_ms = max(time.time_ns() // 1_000_000, self.clock_ms + 1)
        return self.clock_ms

    def close(self) -> None:
        """End everything, last started first. Safe to call twice."""
        self._ends.close()


def live_desk(
    interval_s: float,
    parameters: Mapping[int, DealerParameters] | None = None,
    neighbours: NeighboursLike | None = None,
) -> Desk[Curve]:
    """The desk of a running venue: parameters by market id, the usual ones for the others, led by
    what the venue has seen, held to what the pool's capital allows (docs/decisions/0080).
    """
    return Desk(
        Curve,
        interval_s,
        parameters,
        neighbours=neighbours,
        signals=Signals(beliefs=parameters),
        guard=CapitalGuard(),
    )


class PriceWalk:
    """Seeded geometric random walks, 60% volatility a year, for a devnet's live feed. price_e8 by
    market.
    """

    def __init__(self, seed: int, prices_e8: dict[int, int]) -> None:
        self._dice = random.Random(seed)
        self._prices = {market: float(price) for market, price in prices_e8.items()}

    def next(self, elapsed_ms: int) -> dict[int, int]:
        """The prices one step later."""
        deviation = 0.6 * math.sqrt(elapsed_ms / (365 * 86_400_000))
        for market in self._prices:
            self._prices[market] *= math.exp(self._dice.gauss(0.0, deviation))
        return {market: max(1, round(price)) for market, price in self._prices.items()}
