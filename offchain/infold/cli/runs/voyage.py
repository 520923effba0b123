# SPDX-License-Identifier: Apache-2.0
"""One driven run: orders in, batches closed, figures out; then the checks that end it.

Both the demo and a replay are voyages. What they differ in is who sends the orders and where prices
come from; what they share is here: each order is counted when it is answered, each fill when its
batch landed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from infold.cli.runs.stage import Stage
from infold.cli.runs.traders import Slots
from infold.errors import InvariantBroken, Rejected
from infold.messages import Fill, Order
from infold.node import BatchOutcome, DuplicateReceipt
from infold.reports.journey import End, Journey, MarketBatch
from infold.shell.chain import block

Benchmark = Callable[[Fill], int | None]


@dataclass(frozen=True, slots=True)
class Sent:
    """An order on its way: its bytes, and its worth on the tape if it came from one."""

    order: Order
    raw: bytes
    recorded_e6: int = 0
    recorded_price_e8: int = 0


class Voyage:
    """Drives one stage and keeps its journey."""

    def __init__(self, stage: Stage, benchmark: Benchmark | None = None) -> None:
        self.stage = stage
        self.journey = Journey()
        self.sent: dict[bytes, Sent] = {}
        accounts = stage.node.state.accounts
        self.slots = Slots(lambda account: accounts[account].orders)
        self.refused_batches: dict[str, int] = {}
        self._benchmark = benchmark or self._recorded_price

    def _recorded_price(self, fill: Fill) -> int | None:
        return self.sent[fill.order_hash].recorded_price_e8

    def submit(self, orders: Sequence[Sent], received_ms: int) -> None:
        """Send orders in groups and count every answer."""
        if not orders:
            return
        answers = self.stage.node.submit([sent.raw for sent in orders], received_ms)
        for sent, answer in zip(orders, answers, strict=True):
            if isinstance(answer, Rejected):
                self.journey.rejected(answer.code)
            elif isinstance(answer, DuplicateReceipt):
                # The venue answers the same order with the same receipt; it is one order, signed
                # once more.
                self.journey.rejected("DUPLICATE")
            else:
                self.sent[answer.order_hash] = sent
                self.journey.accepted(answer.order_hash, sent.order.size_e8, sent.recorded_e6)
        self.slots.answered()

    def close(self, time_ms: int) -> BatchOutcome:
        """Close a batch at a time that was fed, and count what settled."""
        outcome = self.stage.batch(time_ms)
        if outcome.refused:
            self.refused_batches[outcome.refused] = self.refused_batches.get(outcome.refused, 0) + 1
        if outcome.number is None:
            return outcome
        for fill in outcome.fills:
            self.journey.filled(
                fill.order_hash, fill.buy, fill.size_e8, fill.price_e8, self._benchmark(fill)
            )
        closed = self.stage.node.batch_rows[-1].closed
        bought: dict[int, int] = {}
        sold: dict[int, int] = {}
        for record in closed.records:
            order = self.sent[record.order_hash].order
            side = bought if order.buy else sold
            side[order.market] = side.get(order.market, 0) + record.fill_e8
        self.journey.settled(
            outcome.gas_used,
            len(closed.records),
            [
                MarketBatch(
                    batch=closed.number,
                    time_ms=closed.time_ms,
                    market=self.stage.names[one.market],
                    price_e8=one.price_e8,
                    oracle_price_e8=closed.prices_e8[one.market],
                    bought_e8=max(bought.get(one.market, 0), sold.get(one.market, 0)),
                    pool_e8=abs(bought.get(one.market, 0) - sold.get(one.market, 0)),
                )
                for one in closed.clearing
            ],
        )
        return outcome

    # -- the end -------------------------------------------------------------

    def finish(self) -> dict[str, Any]:
        """Count every order's last state, then reconcile and audit: the checks' part of the
        figures.
        """
        from infold.cli.findings.audits import audit_of

        node = self.stage.node
        node.observe()
        for row in node.order_rows:
            digest = row.signed.order_hash
            if digest in node.state.orders:
                self.journey.ended(digest, End.CANCELLED)
            elif row.ended:
                self.journey.ended(digest, End(row.ended))
        self._agree_with_engine()
        reconciliation = node.reconcile()
        audit = audit_of(self.stage.venue.rpc.url, self.stage.venue.book.address("Clearing"))
        return {
            "accounts": len(self.stage.accounts),
            "markets": len(self.stage.names),
            "reconciled": reconciliation.ok,
            "differences": reconciliation.report(),
            "invariants": {
                name: {"held": found["held"], "checked": found["checked"]}
                for name, found in audit["invariants"].items()
            },
            "audited": bool(audit["ok"]),
            "faults": [
                *audit["mismatches"],
                *(d for f in audit["invariants"].values() for d in f["detail"]),
            ],
            "chain": {
                "chain_id": self.stage.venue.book.chain_id,
                "blocks": block(self.stage.venue.rpc).number,
                "state_hash": audit["state_hash"],
            },
            "journal": {"seq": node.journal.seq, "hash": node.journal.hash.hex()},
        }

    def _agree_with_engine(self) -> None:
        """The engine counts orders too; two counts of one thing must be one."""
        state = self.stage.node.state
        ours, tally = self.journey.order_counts(), state.tally
        open_filled = sum(order.filled_e8 > 0 for order in state.orders.values())
        theirs = {
            "accepted": tally.accepted,
            "filled": tally.filled + open_filled,
            "expired": tally.expired,
            "cancelled": tally.cancelled + tally.open - open_filled,
            "skipped": tally.skipped,
            "lapsed": tally.lapsed,
        }
        apart = {name: (ours[name], count) for name, count in theirs.items() if ours[name] != count}
        if apart:
            raise InvariantBroken(f"orders counted apart by report and engine: {apart}")
