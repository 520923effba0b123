# SPDX-License-Identifier: Apache-2.0
"""A batch that leaves an order out and fills a worse one, and what proves it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from infold.messages import Batch, BatchRecord, Order
from infold.signing import order_hash, receipt_digest, sign
from infold.words import pack_record
from tests.support.compiler import Artifact
from tests.support.evm import Key, Receipt, a_key
from tests.support.venue import DOLLAR, MATCHER, PRICE_E8, REWARD_E6, FillPlan, Venue, a_venue

TIMELOCK = a_key("bond's timelock")
LEFT_OUT, RIVAL, SELLER = a_key("left out"), a_key("rival"), a_key("seller")
STAKE_E6 = 1_000 * DOLLAR
GOOD_E8, WORSE_E8 = PRICE_E8 * 11 // 10, PRICE_E8 * 105 // 100
"""Limits of the buyer who is left out and of the one who is filled."""


@dataclass(frozen=True)
class Proof:
    """What `challenge` takes, in its order."""

    order: tuple[int, int, int, int]
    receipt: tuple[int, int, int, int, int]
    head: int
    root: bytes
    accepted_root: bytes
    prices: list[int]
    records: list[tuple[int, int, int, int]]
    seal: tuple[int, int]
    worse: int

    @property
    def arguments(self) -> tuple[Any, ...]:
        """As the contract takes them."""
        return tuple(vars(self).values())


@dataclass(frozen=True)
class Omission:
    """A venue with a bond, three traders, and the two sides of a batch at one price."""

    venue: Venue
    left_out: int
    rival: int
    seller: int

    def order(self, **changes: Any) -> Order:
        """The order that is left out: the better buyer's."""
        return self.venue.an_order(
            self.left_out, **{"limit_price_e8": GOOD_E8, "slot": 3, "seq": 10} | changes
        )

    def fills(self, rival: Order | None = None) -> list[FillPlan]:
        """The worse buyer and a seller."""
        venue = self.venue
        rival = rival or venue.an_order(self.rival, limit_price_e8=WORSE_E8)
        sale = venue.an_order(self.seller, buy=False, limit_price_e8=PRICE_E8 * 9 // 10)
        return [venue.a_fill(rival), venue.a_fill(sale)]

    def batch(self, fills: Sequence[FillPlan] | None = None, **changes: Any) -> Batch:
        """The batch that leaves it out, sealed at this block's time."""
        plans = self.fills() if fills is None else fills
        return self.venue.a_batch(plans, **{"oracle": {1: PRICE_E8}} | changes)

    def receipt(
        self,
        order: Order,
        *,
        accepted_ms: int | None = None,
        batch_ms: int = 0,
        key: Key = MATCHER,
        domain: Any = None,
        sequence: int = 7,
    ) -> tuple[int, int, int, int, int]:
        """The matcher's word for an order, of a second before this block."""
        at = self.venue.world.now_ms - 1_000 if accepted_ms is None else accepted_ms
        digest = receipt_digest(
            order_hash(order, self.venue.domain),
            sequence,
            at,
            batch_ms,
            domain or self.venue.domain,
        )
        return sequence, at, batch_ms, *sign(digest, key.private)

    def proof(self, of: Order | None = None, batch: Batch | None = None, **changes: Any) -> Proof:
        """All of it in order; `changes` replace parts."""
        order = of or self.order()
        batch = batch or self.batch()
        receipt = changes.pop("receipt", None) or self.receipt(order)
        return replace(
            Proof(
                order=self.record(order).words,
                receipt=receipt,
                head=batch.head,
                root=batch.vector.root,
                accepted_root=batch.accepted_root,
                prices=batch.price_words,
                records=[record.words for record in batch.records],
                seal=batch.seals[0],
                worse=next(
                    (
                        at
                        for at, record in enumerate(batch.records)
                        if record.order >> 224 == self.rival
                    ),
                    0,
                ),
            ),
            **changes,
        )

    def record(self, order: Order, key: Key = LEFT_OUT) -> BatchRecord:
        """A signed order as a record that fills nothing."""
        pair = sign(order_hash(order, self.venue.domain), key.private)
        return pack_record(order, 0, 0, False, *pair)

    def challenge(self, proof: Proof, sender: Key = LEFT_OUT) -> Receipt:
        """Claim."""
        receipt: Receipt = self.venue.bond.challenge(*proof.arguments, sender=sender)
        return receipt

    def claimed(self, order: Order | None = None) -> Order:
        """Claim for an order; the order."""
        order = order or self.order()
        self.challenge(self.proof(order))
        return order

    def hash(self, order: Order) -> bytes:
        """An order's id."""
        return order_hash(order, self.venue.domain)


def set_up(token: Artifact | None = None) -> Omission:
    """A venue whose timelock is a key, with a staked bond; `token` in the place of the dollar."""
    venue = a_venue(stand_ins={"timelock": TIMELOCK}, token=token)
    venue.list_market(1)
    accounts = [venue.open_account(key) for key in (LEFT_OUT, RIVAL, SELLER)]
    venue.back()
    stake(venue, STAKE_E6)
    venue.world.travel(5)
    return Omission(venue, *accounts)


def stake(venue: Venue, amount_e6: int) -> None:
    """Add to the bond."""
    venue.dollar.mint(MATCHER.address, amount_e6, sender=MATCHER)
    venue.dollar.approve(venue.bond.address, 2**256 - 1, sender=MATCHER)
    venue.bond.deposit(amount_e6, sender=MATCHER)


__all__ = ["REWARD_E6", "Omission", "Proof", "set_up", "stake"]
