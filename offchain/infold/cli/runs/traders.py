# SPDX-License-Identifier: Apache-2.0
"""What the traders of a driven venue send: keys by seed, a free slot for every order, the right
bytes on the wire.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Container

from infold.messages import Cancel, Order, TimeInForce, TriggerKind
from infold.sdk.wallet import Wallet
from infold.sdk.wire import cancel_bytes, order_bytes
from infold.signing import CURVE_ORDER, Domain
from infold.units import SLOTS


def seeded_wallet(seed: int, role: str, number: int = 0) -> Wallet:
    """A key that follows from a seed: worth nothing outside a local chain."""
    digest = hashlib.sha256(f"infold local key {seed} {role} {number}".encode()).digest()
    return Wallet((int.from_bytes(digest, "big") % (CURVE_ORDER - 1) + 1).to_bytes(32, "big"))


class Slots:
    """Which slot and seq an account's next order takes.

    Slots are taken in turn, so that the ones longest free come first; an order whose account has
    none free gets the next one all the same and is refused by the venue, which is what would happen
    to it.
    """

    def __init__(self, occupied: Callable[[int], Container[int]]) -> None:
        self._occupied = occupied
        self._next: dict[int, int] = defaultdict(int)
        self._seq: dict[int, int] = defaultdict(int)
        self._sent: dict[int, set[int]] = defaultdict(set)

    def take(self, account: int) -> tuple[int, int]:
        """The slot and seq of the account's next order."""
        busy, sent = self._occupied(account), self._sent[account]
        first = self._next[account]
        slot = next(
            (
                place % SLOTS
                for place in range(first, first + SLOTS)
                if place % SLOTS not in busy and place % SLOTS not in sent
            ),
            first,
        )
        sent.add(slot)
        self._next[account] = (slot + 1) % SLOTS
        self._seq[account] += 1
        return slot, self._seq[account]

    def answered(self) -> None:
        """All orders sent so far were answered: the venue knows which slots are taken."""
        self._sent.clear()


def wire_order(
    order: Order, market: str, wallet: Wallet, domain: Domain, *, delegated: bool = False
) -> bytes:
    """A signed order as its owner's client sends it."""
    r, vs = wallet.sign_order(order, domain)
    return order_bytes(order, market, r, vs, delegated=delegated)


def wire_cancel(account: int, slot: int, seq: int, wallet: Wallet, domain: Domain) -> bytes:
    """A signed cancel as its owner's client sends it."""
    cancel = Cancel(account=account, slot=slot, seq=seq)
    r, vs = wallet.sign_cancel(cancel, domain)
    return cancel_bytes(cancel, r, vs)


def plain_order(
    *,
    account: int,
    market: int,
    buy: bool,
    size_e8: int,
    limit_price_e8: int,
    max_fee_e6: int,
    time_in_force: TimeInForce,
    expiry_ms: int,
    epoch: int,
    slot: int,
    seq: int,
) -> Order:
    """An order without flags."""
    return Order(
        account=account,
        market=market,
        buy=buy,
        size_e8=size_e8,
        limit_price_e8=limit_price_e8,
        max_fee_e6=max_fee_e6,
        time_in_force=time_in_force,
        post_only=False,
        reduce_only=False,
        trigger_kind=TriggerKind.NONE,
        trigger_price_e8=0,
        good_after_ms=0,
        expiry_ms=expiry_ms,
        epoch=epoch,
        slot=slot,
        seq=seq,
    )
