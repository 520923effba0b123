# SPDX-License-Identifier: Apache-2.0
"""A devnet on which batches are settled one by one, and what each of them costs."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from infold.errors import InvariantBroken
from infold.messages import Batch, BatchRecord, Order, PriceVector, TimeInForce, TriggerKind
from infold.shell.chain import (
    TRANSACTION_GAS_MAX,
    Reverted,
    receipts,
    settle_calldata,
    why_it_failed,
)
from infold.shell.devnet import Devnet, Wallet
from infold.signing import (
    Domain,
    batch_contents,
    batch_digest,
    keccak,
    order_hash,
    sign,
    vector_digest,
)
from infold.units import DAY_MS
from infold.vectors import vector_openings, vector_root
from infold.words import (
    PriceWord,
    SettleHead,
    pack_price,
    pack_record,
    pack_settle_head,
    unpack_head,
)

MARKETS: Final = (1, 2, 3, 4)
STEP_MS: Final = 2_000


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured batch."""

    orders: int
    gas: int

    @property
    def per_order(self) -> int:
        """Gas an order, everything counted, rounded up."""
        return -(-self.gas // self.orders)


@dataclass(frozen=True, slots=True)
class Plan:
    """An order of a batch to be: who signs it, and the place of its account's position."""

    order: Order
    key: bytes
    place: int
    delegated: bool


class Ground:
    """A devnet and the batches settled on it, one each `STEP_MS`."""

    def __init__(self, devnet: Devnet, seed: int) -> None:
        self.devnet = devnet
        self.draw = random.Random(seed)
        self.clearing = devnet.venue["Clearing"]
        self.domain = Domain(devnet.config.chain_id, self.clearing.address)
        self.oracle_domain = Domain(devnet.config.chain_id, devnet.book.address("Oracle"))
        self.prices_e8 = dict(devnet.config.prices_e8)
        self.time_ms = devnet.config.start_ms
        self.seq = 0
        self.signers = sorted(devnet.oracle_wallets)

    # -- orders ------------------------------------------------------------------------------------

    def order(
        self,
        trader: int,
        market: int,
        buy: bool,
        *,
        slot: int = 0,
        place: int = 0,
        dollars: int | None = None,
        signer: Wallet | None = None,
    ) -> Plan:
        """A limit order of a trader, by number, filled whole; buyers take a little more than
        sellers, so that the pool always trades.
        """
        self.seq += 1
        price_e8 = self.prices_e8[market]
        worth = self.draw.randrange(200, 900) if dollars is None else dollars
        size_e8 = worth * 10**16 // price_e8 * (11 if buy else 10) // 10 + self.draw.randrange(999)
        limit_e8 = price_e8 * (11 if buy else 9) // 10 // 10**4 * 10**4
        account, owner = self.devnet.accounts[trader]
        order = Order(
            account=account,
            market=market,
            buy=buy,
            size_e8=size_e8,
            limit_price_e8=limit_e8,
            max_fee_e6=500,
            time_in_force=TimeInForce.GTC,
            post_only=False,
            reduce_only=False,
            trigger_kind=TriggerKind.NONE,
            trigger_price_e8=0,
            good_after_ms=self.time_ms,
            expiry_ms=self.time_ms + DAY_MS,
            epoch=0,
            slot=slot,
            seq=self.seq,
        )
        return Plan(order, (signer or owner).private_key, place, signer is not None)

    def one_each(self, traders: Sequence[int], **changes: Any) -> list[Plan]:
        """An order of every trader, in the trader's own market and on the trader's own side."""
        return [
            self.order(trader, MARKETS[trader % 4], trader // 4 % 2 == 0, **changes)
            for trader in traders
        ]

    # -- batches -----------------------------------------------------------------------------------

    def settle(self, plans: Sequence[Plan], *, after_ms: int = STEP_MS, skips: int = 0) -> Figure:
        """Settle a batch; its cost. Raises `Reverted` with the contract's reason, `InvariantBroken`
        if not exactly `skips` of its orders were skipped.
        """
        self.time_ms += after_ms
        for market in MARKETS:
            self.prices_e8[market] = (
                self.prices_e8[market] * self.draw.randrange(9999, 10002) // 10**4
            )
        batch = self._batch(plans)
        sender = self.devnet.sender(self.devnet.matcher)
        sent = sender.send(self.clearing.address, settle_calldata(batch), gas=TRANSACTION_GAS_MAX)
        self.devnet.mine(self.time_ms)
        receipt = receipts(self.devnet.rpc, [sent])[0]
        if not receipt.ok:
            raise Reverted(why_it_failed(self.devnet.rpc, sent), "Clearing.settle")
        logs = [self.clearing.decode_log(log) for log in receipt.logs]
        found = sum(1 for log in logs if log is not None and log.name == "Skipped")
        if found != skips:
            raise InvariantBroken(f"{found} of {len(plans)} orders were skipped, not {skips}")
        return Figure(max(1, len(plans)), receipt.gas_used)

    def _batch(self, plans: Sequence[Plan]) -> Batch:
        vector = self._vector()
        number = unpack_head(int(self.clearing.call("head"))).number + 1
        head = pack_settle_head(SettleHead(number, self.time_ms, vector.chunks, vector.opened))
        gross = dict.fromkeys(MARKETS, 0)
        net = dict.fromkeys(MARKETS, 0)
        for plan in plans:
            order = plan.order
            gross[order.market] += order.size_e8 if order.buy else 0
            net[order.market] += order.size_e8 if order.buy else -order.size_e8
        price_words = [
            pack_price(PriceWord(market, self._price(market, net[market]), gross[market]))
            for market in MARKETS
        ]
        records = [
            self._record(plan)
            for plan in sorted(plans, key=lambda plan: (plan.order.account, plan.order.slot))
        ]
        accepted_root = keccak(b"accepted orders of batch %d" % number)
        contents = batch_contents(head, vector.root, accepted_root, price_words, records)
        digest = batch_digest(number, self.time_ms, contents, self.domain)
        return Batch(
            number=number,
            time_ms=self.time_ms,
            head=head,
            vector=vector,
            price_words=price_words,
            records=records,
            accepted_root=accepted_root,
            contents=contents,
            seals=[sign(digest, self.devnet.matcher.private_key)],
        )

    def _price(self, market: int, net_e8: int) -> int:
        """6 bp on the pool's side of the oracle: past its h_min of 5, before its curve's 10."""
        lean = 6 if net_e8 > 0 else -6 if net_e8 < 0 else 0
        return self.prices_e8[market] * (10_000 + lean) // 10_000

    def _vector(self) -> PriceVector:
        root = vector_root(self.prices_e8, 1)
        digest = vector_digest(self.time_ms, 1, root, self.oracle_domain)
        return PriceVector(
            time_ms=self.time_ms,
            chunks=1,
            opened=1,
            prices=self.prices_e8,
            openings=vector_openings(self.prices_e8, 1, 1),
            signatures=[sign(digest, wallet.private_key) for wallet in self.signers],
            root=root,
        )

    def _record(self, plan: Plan) -> BatchRecord:
        signature = sign(order_hash(plan.order, self.domain), plan.key)
        return pack_record(plan.order, plan.place, plan.order.size_e8, plan.delegated, *signature)
