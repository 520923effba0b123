# SPDX-License-Identifier: Apache-2.0
"""Hedging at the devnet's constant-product pool (contracts/dev/Amm.vy).

An order is one transaction, whole or not at all; its id on chain is the hash of our client id, and
the pool executes an id once, so sending twice is harmless. The pool trades tokens: selling what we
do not have needs a stock of the base token, and the position is what is above or below that stock.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from infold.errors import Misconfigured, Unavailable
from infold.outside import (
    OutsideBalance,
    OutsideOrder,
    OutsidePosition,
    OutsideQuote,
    OutsideReport,
    Standing,
)
from infold.shell.chain import Rpc, Sender, block, receipt, why_it_failed
from infold.shell.chain.contracts import Contract, load_abi
from infold.signing import keccak
from infold.units import FRACTION_ONE_E6, QUOTE_DIVISOR, quote_down, quote_up

SWAP_GAS = 400_000  # a swap cost 137,000; unused gas is not paid
NO_LIMIT = 2**256 - 1
DEPTH_SHARE = 1.0 - 1.0 / math.sqrt(1.01)
"""A trade of this share of the base reserve moves a constant product's price by one percent."""


class AmmVenue:
    """One key at one pool. `mine`, on a chain of our own, makes a block; without it an order that
    is not mined yet is unknown, and `Unavailable` is raised.

    `stock_e8` is the base we are given to sell from. `Misconfigured` if no pool stands there.
    """

    def __init__(
        self,
        name: str,
        market: int,
        rpc: Rpc,
        sender: Sender,
        address: bytes,
        *,
        stock_e8: int = 0,
        mine: Callable[[], None] | None = None,
    ) -> None:
        self.name = name
        self._market = market
        self._rpc = rpc
        self._sender = sender
        self._stock_e8 = stock_e8
        self._mine = mine
        self._pool = Contract(rpc, load_abi("Amm"), address)
        self._fee_e6 = int(self._pool.call("FEE_E6"))
        self._base = self._token("BASE")

    def _token(self, which: str) -> Contract:
        address = bytes.fromhex(str(self._pool.call(which))[2:])
        return Contract(self._rpc, load_abi("Dollar"), address)

    def allow(self) -> None:
        """Let the pool take our tokens, once a key; sent and, where we mine, mined."""
        for token in (self._base, self._token("QUOTE")):
            data = token.abi.calldata("approve", self._pool.address, NO_LIMIT)
            self._sender.send(token.address, data, gas=SWAP_GAS)
        if self._mine is not None:
            self._mine()

    def place(self, order: OutsideOrder) -> OutsideReport:
        """Swap, and look what became of it."""
        self._known(order.market)
        if order.resting:
            return _refused(order, "a pool has no resting orders")
        data = self._pool.abi.calldata(
            "swap", _id(order.client_id), order.size_e8, _limit_e6(order)
        )
        sent = self._sender.send(self._pool.address, data, gas=SWAP_GAS)
        if self._mine is not None:
            self._mine()
        found = receipt(self._rpc, sent)
        if found is None:
            raise Unavailable(f"{self.name}: {order.client_id} is sent and not mined yet")
        executed = self.order(order.market, order.client_id)
        if executed is not None:
            return executed
        return _refused(order, why_it_failed(self._rpc, sent))

    def order(self, market: int, client_id: str) -> OutsideReport | None:
        """What the pool executed under a client id, if anything."""
        self._known(market)
        owner = self._sender.address
        base, quote, fee = self._pool.call("execution_of", owner, _id(client_id))
        if base == 0:
            return None
        return OutsideReport(
            client_id=client_id,
            standing=Standing.FILLED,
            filled_e8=base,
            paid_e6=quote,
            fee_e6=fee,
        )

    def cancel(self, market: int, client_id: str) -> OutsideReport | None:
        """Nothing rests here: the order as it is."""
        return self.order(market, client_id)

    def position(self, market: int) -> OutsidePosition:
        """The base token above our stock."""
        self._known(market)
        now = block(self._rpc)
        held = int(self._base.call("balanceOf", self._sender.address, at=now.number))
        return OutsidePosition(
            venue=self.name,
            market=market,
            size_e8=held - self._stock_e8,
            time_ms=now.timestamp_s * 1_000,
        )

    def balance(self, market: int) -> OutsideBalance:
        """The quote token, and the base above our stock at the pool's price."""
        self._known(market)
        now = block(self._rpc)
        cash = int(self._token("QUOTE").call("balanceOf", self._sender.address, at=now.number))
        base = int(self._pool.call("base_reserve_e8", at=now.number))
        quote = int(self._pool.call("quote_reserve_e6", at=now.number))
        held = self.position(market).size_e8
        worth = quote * held // base if base else 0
        return OutsideBalance(
            venue=self.name, equity_e6=cash + worth, time_ms=now.timestamp_s * 1_000
        )

    def quote(self, market: int) -> OutsideQuote:
        """The pool's price with the fee either way; the size that moves it a percent."""
        self._known(market)
        now = block(self._rpc)
        base = int(self._pool.call("base_reserve_e8", at=now.number))
        quote = int(self._pool.call("quote_reserve_e6", at=now.number))
        if not base:
            raise Unavailable(f"{self.name} is not funded yet")
        size = int(base * DEPTH_SHARE)
        down, up = FRACTION_ONE_E6 - self._fee_e6, FRACTION_ONE_E6 + self._fee_e6
        return OutsideQuote(
            venue=self.name,
            market=market,
            bid_price_e8=quote * QUOTE_DIVISOR * down // (base * FRACTION_ONE_E6),
            ask_price_e8=-(-quote * QUOTE_DIVISOR * up // (base * FRACTION_ONE_E6)),
            bid_size_e8=size,
            ask_size_e8=size,
            time_ms=now.timestamp_s * 1_000,
        )

    def _known(self, market: int) -> None:
        if market != self._market:
            raise Misconfigured(f"{self.name} trades market {self._market}, not {market}")


def _id(client_id: str) -> bytes:
    return keccak(client_id.encode())


def _limit_e6(order: OutsideOrder) -> int:
    """Most to pay or least to receive for the whole order at its limit price, fee included."""
    if not order.limit_price_e8:
        return NO_LIMIT if order.size_e8 > 0 else 0
    if order.size_e8 > 0:
        return quote_down(order.limit_price_e8, order.size_e8)
    return quote_up(order.limit_price_e8, -order.size_e8)


def _refused(order: OutsideOrder, reason: str) -> OutsideReport:
    return OutsideReport(client_id=order.client_id, standing=Standing.REFUSED, reason=reason)
