# SPDX-License-Identifier: Apache-2.0
"""Random days at a whole venue: after every act the books balance to the last unit (C2, C3, C4).

Trades, residuals for the pool, skipped orders, liquidations, funding, withdrawals, shares in and
out, all through the real contracts. The sums are taken from raw storage words. Funding that one
pays another gets: what a pot holds beyond what is owed is rounding's, whoever was shrunk when.
"""

from __future__ import annotations

import random
from collections import Counter

import pytest
from tests.support.books import Books
from tests.support.evm import Key, Refused, a_key
from tests.support.venue import DOLLAR, LOT, MATCHER, PRICE_E8, Venue, a_venue

from infold.words import (
    unpack_account,
    unpack_head,
    unpack_ledger,
    unpack_meter,
    unpack_pool,
    unpack_position,
    unpack_strike,
)

MARKETS = (1, 2)
STEPS = 250


class Day:
    """One random sequence; `done` counts what succeeded and what was refused."""

    def __init__(self, venue: Venue, seed: int) -> None:
        self.venue = venue
        self.books = Books(venue)
        self.steps = 0
        self.draw = random.Random(seed)
        self.done: Counter[str] = Counter()
        self.prices = {market: PRICE_E8 // market for market in MARKETS}
        self.traders: list[int] = []
        self.providers = [a_key(f"provider {n}") for n in range(2)]
        self.claims: set[tuple[int, Key]] = set()
        self.claimed_e6 = 0
        for market in MARKETS:
            venue.list_market(market, name=f"M{market}", velocity_e9=1_000_000_000)
        venue.back(20_000_000 * DOLLAR)
        for n in range(4):
            amount = self.draw.randrange(5_000, 60_000) * DOLLAR
            self.traders.append(venue.open_account(a_key(f"trader {n}"), amount))
        for provider in self.providers:
            venue.fund(provider, 4_000_000_000 * DOLLAR)
        venue.provide(self.providers[0], 3_000_000_000 * DOLLAR, self.prices)

    def step(self) -> None:
        venue, draw = self.venue, self.draw
        self.steps += 1
        for market, price in self.prices.items():
            self.prices[market] = max(1, price + draw.randrange(-price // 60, price // 60))
        venue.world.travel(draw.choice((1, 1, 5, 40, 3_000)))
        act = draw.choice(("settle",) * 5 + ("liquidate", "deposit", "withdraw", "claim", "shares"))
        try:
            getattr(self, act)()
            self.done[act] += 1
        except Refused as refused:
            self.done[f"{act}: {refused.reason}"] += 1

    def settle(self) -> None:
        venue, draw = self.venue, self.draw
        deals, fills = dict(self.prices), []
        for market, oracle in self.prices.items():
            residual = 0
            for account in draw.sample(self.traders, draw.randrange(len(self.traders) + 1)):
                buy = draw.random() < 0.5
                size_e8 = draw.randrange(1, 3 * LOT)
                residual += size_e8 if buy else -size_e8
                order = venue.an_order(
                    account,
                    market=market,
                    slot=market,
                    buy=buy,
                    size_e8=size_e8,
                    limit_price_e8=draw.choice((1, oracle, 2**64 - 1)),
                    reduce_only=draw.random() < 0.2,
                )
                fills.append(venue.a_fill(order, place=market - 1))
            lean = (residual > 0) - (residual < 0)
            deals[market] += lean * (oracle * draw.randrange(501, 900) // 10**6)
        receipt = venue.settle(venue.a_batch(fills, oracle=self.prices, prices=deals))
        for skip in receipt.all("Skipped"):
            self.done[f"skipped {skip['reason']}"] += 1

    def liquidate(self) -> None:
        venue = self.venue
        vector = venue.presented(venue.a_vector(self.prices))
        for account in self.traders:
            equity, margin = venue.recovery.health(*vector, account)
            for place in range(len(MARKETS)):
                held = venue.clearing.positions(account * 16 + place)
                if equity < margin and held:
                    keeper = self.draw.choice([0, *self.traders])
                    venue.recovery.liquidate(*vector, account, place, keeper, sender=MATCHER)
                    self.done["liquidated"] += 1
                    return

    def deposit(self) -> None:
        account = self.draw.choice([1, *self.traders])
        self.venue.fund(MATCHER, 9_000_000)
        self.venue.clearing.deposit(account, self.draw.randrange(1, 9_000_000), sender=MATCHER)

    def withdraw(self) -> None:
        account = self.draw.choice(self.traders)
        cash = unpack_account(self.venue.clearing.accounts(account)).collateral_e6
        self.venue.clearing.request_withdrawal(
            account, max(1, cash // self.draw.randrange(1, 30)), sender=self.venue.owners[account]
        )

    def claim(self) -> None:
        vector = self.venue.presented(self.venue.a_vector(self.prices))
        for account in self.traders:
            if self.venue.clearing.withdrawals(account):
                self.venue.clearing.claim_withdrawal(account, *vector, sender=MATCHER)

    def shares(self) -> None:
        venue, draw = self.venue, self.draw
        provider = draw.choice(self.providers)
        held = venue.pool.balanceOf(provider.address)
        if draw.random() < 0.4 and held:
            shares = draw.randrange(1, held // 4 + 2)
            epoch = venue.ask_out(provider, shares)
        else:
            amount = draw.randrange(1, 50_000 * DOLLAR)
            epoch = venue.ask_in(provider, amount)
        self.claims.add((epoch, provider))
        for key in sorted(self.claims, key=lambda key: (key[0], key[1].name)):
            if key[0] < unpack_head(venue.clearing.head()).epoch and draw.random() < 0.7:
                self.claimed_e6 += venue.collect(key[1], key[0])[1]
                self.claims.remove(key)

    # -- the books

    def check(self) -> None:
        realised = sum(self.check_market(market) for market in MARKETS)
        clearing = self.venue.clearing
        cash = sum(
            unpack_account(clearing.accounts(account)).collateral_e6
            + (clearing.withdrawals(account) >> 48)
            for account in (0, 1, 2, *self.traders)
        )
        accounted = self.venue.vault.accounted_e6()
        assert cash - realised + self.parked() == accounted, "C4"
        assert self.venue.dollar.balanceOf(self.venue.vault.address) == accounted, "C4"

    def check_market(self, market: int) -> int:
        clearing = self.venue.clearing
        pool, incoming = (
            unpack_pool(clearing.market_words(market * 8 + place)) for place in (1, 4)
        )
        ledger = unpack_ledger(clearing.market_words(market * 8 + 3))
        held = [unpack_position(clearing.positions(16 + market))]
        held += [unpack_position(clearing.positions(a * 16 + market - 1)) for a in self.traders]
        assert pool.base_e8 + incoming.base_e8 + sum(word.base_e8 for word in held) == 0, "C2"
        quote = pool.quote_e6 + incoming.quote_e6 + sum(word.quote_e6 for word in held)
        assert quote + ledger.realised_e6 + ledger.fees_e6 + ledger.pot_e6 == 0, "C3"
        interest = unpack_meter(clearing.market_words(market * 8 + 2)).open_interest_e8
        assert interest == sum(max(word.base_e8, 0) for word in held), "open interest"
        paid_most = self.steps * (len(self.traders) + 2)
        assert 0 <= self.books.pot_dust_e6(market) <= paid_most, "funding pot"
        return ledger.realised_e6

    def parked(self) -> int:
        """Money of requests: paid in and not struck, or struck (or returned) and not claimed."""
        venue = self.venue
        current = unpack_head(venue.clearing.head()).epoch
        parked = -self.claimed_e6
        for epoch in range(current + 2):
            word = venue.pool.lp_requests(epoch)
            owed = word >> 128
            strike = unpack_strike(venue.clearing.strikes(epoch))
            if epoch < current and not strike.returned:
                owed = strike.paid_e6
            parked += owed
        return parked


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_books_balance_after_every_act(seed: int) -> None:
    day = Day(a_venue(epoch_ms=20_000), seed)
    for number in range(STEPS):
        try:
            day.step()
            day.check()
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, step {number}: {error}") from error
    missing = {"settle", "liquidated", "withdraw", "claim", "shares"} - day.done.keys()
    assert not missing, f"seed {seed} never reached {missing}: {day.done}"
    assert any(name.startswith("skipped") for name in day.done), day.done
