# SPDX-License-Identifier: Apache-2.0
"""A wind-down of random venues beside a computation in fractions that knows no contract: who is
owed what, in which order anybody comes, and what is left in the vault.
"""

from __future__ import annotations

import random
from fractions import Fraction

import pytest
from tests.support.evm import Key, Receipt, a_key
from tests.support.venue import DOLLAR, LOT, MATCHER, PRICE_E8, Venue, a_venue

from infold.reference.protocol import Protocol
from infold.words import (
    unpack_account,
    unpack_clock,
    unpack_head,
    unpack_incoming,
    unpack_ledger,
    unpack_pool,
    unpack_position,
    unpack_rates,
    unpack_withdrawal,
)

SEEDS = range(12)
WEEK_S = 7 * 86_400
ETHER_E8 = 3_000 * 10**8
TRADERS = 6
PROVIDERS = (a_key("first provider"), a_key("second provider"))
STRANGER = a_key("stranger")
LOGGED = ("WoundDown", "DebtRegistered", "RatioFixed", "ClaimPaid", "WithdrawalSet")


def a_random_venue(draw: random.Random) -> Venue:
    """Six traders, two markets, a pool that took a side, a move of up to three tenths: some owe."""
    venue = a_venue()
    venue.list_market(1)
    venue.list_market(2, name="ETH-USD")
    accounts = [
        venue.open_account(a_key(f"trader {n}"), draw.randrange(3_000, 12_000) * DOLLAR)
        for n in range(TRADERS)
    ]
    venue.back(draw.randrange(30, 60) * 1_000 * DOLLAR)
    if draw.random() < 0.5:
        venue.fund(MATCHER, 700 * DOLLAR)
        venue.clearing.deposit(2, 700 * DOLLAR, sender=MATCHER)
    prices = {1: PRICE_E8, 2: ETHER_E8}
    for provider in PROVIDERS:
        venue.provide(provider, draw.randrange(5_000, 50_000) * DOLLAR, prices)
    for _ in range(draw.randrange(2, 7)):
        buyer, seller = draw.sample(accounts, 2)
        market = draw.choice((1, 2))
        size = draw.randrange(LOT // 3, LOT) * (1 if market == 1 else 15)
        venue.trade(
            buyer, seller, market=market, size_e8=size, price_e8=prices[market], oracle=prices
        )
        venue.world.travel(draw.randrange(1, 4_000))
    lone = venue.an_order(draw.choice(accounts), size_e8=draw.randrange(1, LOT // 4))
    above = PRICE_E8 * 10006 // 10000
    venue.settle(venue.a_batch([venue.a_fill(lone)], oracle=prices, prices={1: above}))
    if draw.random() < 0.5:
        venue.ask_out(PROVIDERS[0], draw.randrange(1, venue.pool.balanceOf(PROVIDERS[0].address)))
        venue.strike(prices)
    if draw.random() < 0.5:
        venue.clearing.request_withdrawal(accounts[0], DOLLAR, sender=venue.owners[accounts[0]])
    venue.fund(PROVIDERS[1], 77 * DOLLAR)
    venue.ask_in(PROVIDERS[1], 77 * DOLLAR)
    venue.world.travel(draw.randrange(2, 40_000))
    crash = {
        it: price * draw.choice((620, 720, 850, 980, 1_200, 1_350)) // 1_000
        for it, price in prices.items()
    }
    venue.settle(venue.a_batch(oracle=crash))
    return venue


def worth(venue: Venue, account: int) -> Fraction:
    """What an account is worth at the last prices, without any rounding."""
    clearing = venue.clearing

    def market(number: int) -> tuple[Fraction, Fraction, int]:
        clock = unpack_clock(clearing.market_words(number * 8))
        rates = unpack_rates(clearing.parameter_words(number * 8 + clock.version * 4))
        return Fraction(clock.price_e8, 10**10), Fraction(clock.funding_index), 2**rates.shift

    word = unpack_account(clearing.accounts(account))
    total = Fraction(word.collateral_e6)
    total += unpack_withdrawal(clearing.withdrawals(account)).amount_e6
    if not account:
        for number in (1, 2):
            price = market(number)[0]
            pool = unpack_pool(clearing.market_words(number * 8 + 1))
            incoming = unpack_incoming(clearing.market_words(number * 8 + 4))
            total += (pool.base_e8 + incoming.base_e8) * price + pool.quote_e6 + incoming.quote_e6
        return total
    for key in (17, 18) if account == 1 else range(account * 16, account * 16 + 16):
        held = clearing.positions(key)
        if held:
            position = unpack_position(held)
            price, index, scale = market(position.market)
            owed = position.base_e8 * (index - position.funding_index) / scale
            total += position.base_e8 * price + position.quote_e6 - owed
    return total


def purse(venue: Venue, key: Key | str) -> int:
    balance: int = venue.dollar.balanceOf(key if isinstance(key, str) else key.address)
    return balance


def a_twin(venue: Venue) -> Protocol:
    """The reference over the words of this venue's storage."""
    clearing, pool = venue.clearing, venue.pool
    twin = Protocol(
        chain_id=1,
        clearing=2,
        oracle=3,
        recovery=4,
        pool=int(pool.address, 16),
        governance=5,
        oracle_signers=[6],
        oracle_threshold=1,
        matcher=7,
        epoch_ms=venue.epoch_ms,
        deployed_s=1,
    )
    state = twin.state
    count = clearing.account_count()
    for account in range(count):
        state.put(state.accounts, account, clearing.accounts(account))
        state.put(state.withdrawals, account, clearing.withdrawals(account))
    for key in range(count << 4):
        state.put(state.positions, key, clearing.positions(key))
    for key in range(24):
        state.put(state.market_words, key, clearing.market_words(key))
        state.put(state.parameter_words, key, clearing.parameter_words(key))
    for name in ("head", "limits", "account_count", "pool_markets", "backstop_markets"):
        state.put_scalar(name, getattr(clearing, name)())
    for epoch in range(1, unpack_head(clearing.head()).epoch + 2):
        state.put(state.strikes, epoch, clearing.strikes(epoch))
        state.put(state.lp_requests, epoch, pool.lp_requests(epoch))
        for holder in (provider.address for provider in PROVIDERS):
            of = int(holder, 16)
            state.put(state.holder_requests, of << 32 | epoch, pool.requests(holder, epoch))
            for place in (2 * epoch, 2 * epoch + 1):
                state.put(state.claims, of << 33 | place, pool.claims(holder, place))
    twin.accounted_e6 = venue.vault.accounted_e6()
    return twin


def agree(twin: Protocol, receipt: Receipt) -> None:
    """The twin logged what the contracts logged."""
    logged = [(it.name, tuple(it.args.values())) for it in receipt.events if it.name in LOGGED]
    assert logged == twin.state.events


@pytest.mark.parametrize("seed", SEEDS)
def test_everybody_gets_the_same_part_and_only_rounding_stays(seed: int) -> None:
    draw = random.Random(seed)
    venue = a_random_venue(draw)
    clearing, recovery, pool = venue.clearing, venue.recovery, venue.pool
    accounts = [0, 1, *range(17, clearing.account_count())]
    worths = {account: worth(venue, account) for account in accounts}
    for account, exact in worths.items():
        assert 0 <= exact - recovery.final_equity(account) <= 4, account
    own = sum(unpack_account(clearing.accounts(it)).collateral_e6 for it in (2, 3))
    own += sum(unpack_ledger(clearing.market_words(it * 8 + 3)).fees_e6 for it in (1, 2))
    claims = sum(max(value, 0) for value in worths.values())
    debts = -sum(min(value, 0) for value in worths.values())
    part = min(Fraction(1), Fraction(claims - debts + own, claims))

    venue.world.travel(WEEK_S + 1)
    twin = a_twin(venue)

    def both(name: str, *arguments: int) -> Receipt:
        receipt: Receipt = getattr(recovery, name)(*arguments, sender=STRANGER)
        getattr(twin, name)(*arguments, sender=1, now_s=venue.world.now_ms // 1000)
        agree(twin, receipt)
        return receipt

    both("wind_down")
    draw.shuffle(accounts)
    for account in accounts:
        if recovery.final_equity(account) < 0:
            both("register", account)
    venue.world.travel(WEEK_S + 1)

    epochs = range(1, unpack_head(clearing.head()).epoch + 2)
    draw.shuffle(accounts)
    for account in accounts:
        exact = worths[account]
        if exact < 1:
            continue
        owner = pool.address if not account else f"0x{clearing.accounts(account) >> 96:040x}"
        before = purse(venue, owner)
        paid = both("claim", account).value
        assert abs(paid - exact * part) <= 12, (account, paid, float(exact * part))
        assert purse(venue, owner) - before == (paid if account else 0)
        if not account:
            left = paid
    shares = {}
    for provider in PROVIDERS:
        for epoch in epochs:
            venue.collect(provider, epoch)
        shares[provider] = pool.balanceOf(provider.address)
    supply = sum(shares.values())
    for provider in draw.sample(PROVIDERS, 2):
        if shares[provider] and worths[0] >= 1:
            to = (provider.address, provider.address)
            got = pool.leave(shares[provider], *to, sender=provider).value
            who = int(provider.address, 16)
            twin.state.put(twin.state.shares, who, shares[provider])
            args = (shares[provider], who, who)
            assert got == twin.leave(*args, sender=who, now_s=venue.world.now_ms // 1000)
            assert abs(got - Fraction(left * shares[provider], supply)) <= 1
    stays = max(Fraction(0), own - debts)
    assert 0 <= venue.vault.accounted_e6() - stays <= 120, (seed, float(stays))
    assert purse(venue, venue.vault.address) == venue.vault.accounted_e6()
