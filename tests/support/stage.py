# SPDX-License-Identifier: Apache-2.0
"""A venue with two markets, three rich traders and a backstop, and short ways to make batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infold.messages import Batch, PriceVector
from infold.words import (
    AccountWord,
    FillWord,
    LedgerWord,
    PoolWord,
    PositionWord,
    unpack_account,
    unpack_fill,
    unpack_ledger,
    unpack_pool,
    unpack_position,
)
from tests.support.books import Books
from tests.support.evm import Key, Receipt, a_key
from tests.support.venue import DOLLAR, LOT, PRICE_E8, FillPlan, Venue

BUYER, SELLER, THIRD = a_key("buyer"), a_key("seller"), a_key("third")
PROVIDER = a_key("provider")
ETHER_E8 = 3_000 * 10**8
ORACLE = {1: PRICE_E8, 2: ETHER_E8}
RICH_E6 = 1_000_000 * DOLLAR


@dataclass
class Stage:
    """One venue set up for batches; `oracle` is what its vectors say unless told otherwise."""

    venue: Venue
    buyer: int
    seller: int
    third: int

    def __post_init__(self) -> None:
        self.books = Books(self.venue)

    # -- batches

    def buy(self, account: int | None = None, size_e8: int = LOT, **changes: Any) -> FillPlan:
        """A whole fill of a buy at any price."""
        return self.fill(account or self.buyer, True, size_e8, **changes)

    def sell(self, account: int | None = None, size_e8: int = LOT, **changes: Any) -> FillPlan:
        """A whole fill of a sell at any price."""
        return self.fill(account or self.seller, False, size_e8, **changes)

    def fill(
        self,
        account: int,
        buy: bool,
        size_e8: int,
        *,
        fill_e8: int | None = None,
        key: Key | None = None,
        place: int | None = None,
        delegated: bool = False,
        approved: bool = False,
        **changes: Any,
    ) -> FillPlan:
        changes = {"limit_price_e8": 10**15 if buy else 1, **changes}
        order = self.venue.an_order(account, buy=buy, size_e8=size_e8, **changes)
        return self.venue.a_fill(
            order, fill_e8, key=key, place=place, delegated=delegated, approved=approved
        )

    def batch(
        self,
        fills: Sequence[FillPlan] = (),
        *,
        oracle: Mapping[int, int] = ORACLE,
        prices: Mapping[int, int] | None = None,
        priced: Sequence[int] = (1, 2),
        vector: PriceVector | None = None,
        time_ms: int | None = None,
        **rest: Any,
    ) -> Batch:
        """A sealed batch of the present block. The vector says `oracle`, `priced` is settled."""
        vector = vector or self.venue.a_vector(oracle, time_ms=time_ms)
        return self.venue.a_batch(
            fills,
            oracle={market: oracle[market] for market in priced if market in oracle},
            prices=prices,
            vector=vector,
            **rest,
        )

    def settle(self, fills: Sequence[FillPlan] = (), **rest: Any) -> Receipt:
        """Settle at once, in a block a second later, and see that everything adds up."""
        self.venue.world.travel(1)
        receipt = self.venue.settle(self.batch(fills, **rest))
        self.books.check()
        return receipt

    def cross(self, size_e8: int = LOT, price_e8: int = PRICE_E8, market: int = 1) -> Receipt:
        """Buyer and seller meet at the oracle's price; the other market stays where it was."""
        return self.settle(
            [self.buy(size_e8=size_e8, market=market), self.sell(size_e8=size_e8, market=market)],
            oracle=ORACLE | {market: price_e8},
            priced=(market,),
        )

    def fund_pool(self, amount_e6: int = 10_000_000 * DOLLAR) -> None:
        """Give the pool capital; its holder claims at once."""
        self.venue.provide(PROVIDER, amount_e6, ORACLE)
        self.books.check()

    # -- words

    def position(self, account: int, place: int = 0) -> PositionWord:
        return unpack_position(self.venue.clearing.positions(account << 4 | place))

    def backstop(self, market: int = 1) -> PositionWord:
        return unpack_position(self.venue.clearing.positions(16 + market))

    def account(self, account: int) -> AccountWord:
        return unpack_account(self.venue.clearing.accounts(account))

    def filled(self, account: int, slot: int = 0) -> FillWord:
        return unpack_fill(self.venue.clearing.fills(account << 8 | slot))

    def pool(self, market: int = 1) -> PoolWord:
        return unpack_pool(self.venue.clearing.market_words(market * 8 + 1))

    def ledger(self, market: int = 1) -> LedgerWord:
        return unpack_ledger(self.venue.clearing.market_words(market * 8 + 3))


def set_up(venue: Venue) -> Stage:
    """List both markets and open the accounts."""
    venue.list_market(1)
    venue.list_market(2, name="ETH-USD")
    accounts = [venue.open_account(key, RICH_E6) for key in (BUYER, SELLER, THIRD)]
    venue.back(RICH_E6)
    venue.world.travel(20)
    return Stage(venue, *accounts)
