# SPDX-License-Identifier: Apache-2.0
"""Pool.claim against the strikes of the real Clearing: docs/protocol.md section 5.7."""

from __future__ import annotations

import random

from tests.support.evm import a_key, refuses
from tests.support.venue import DOLLAR, LOT, PRICE_E8, Venue

from infold.words import StrikeWord, unpack_account, unpack_head, unpack_strike

from .conftest import ORACLE, PROVIDER, SECOND, SHARE, STRANGER


def sell_to_pool(venue: Venue, seller: int, price_e8: int, size_e8: int = LOT) -> None:
    """A trader sells to the pool at the best price the curve allows."""
    venue.world.travel(1)
    order = venue.an_order(seller, buy=False, size_e8=size_e8, limit_price_e8=1)
    deal = price_e8 - price_e8 * 600 // 10**6
    batch = venue.a_batch([venue.a_fill(order)], oracle={1: price_e8}, prices={1: deal})
    venue.settle(batch)


def test_the_first_shares_cost_a_dollar_each(pooled: Venue) -> None:
    pooled.pool.request_deposit(1_234_567, sender=PROVIDER)
    with refuses(pooled.world, "pool: epoch not struck"):
        pooled.pool.claim(0, PROVIDER.address, sender=PROVIDER)
    struck = pooled.strike(ORACLE)
    assert struck.only("PoolStruck")["strike"] == 0
    receipt = pooled.pool.claim(0, PROVIDER.address, sender=PROVIDER)
    assert receipt.value == (1_234_567 * 10**6, 0)
    assert receipt.only("Claimed") == {
        "holder": PROVIDER.address.lower(),
        "epoch": 0,
        "minted": 1_234_567 * 10**6,
        "paid_e6": 0,
    }
    assert pooled.pool.balanceOf(PROVIDER.address) == pooled.pool.supply() == 1_234_567 * 10**6
    assert unpack_account(pooled.clearing.accounts(0)).collateral_e6 == 1_234_567


def test_anyone_may_claim_for_a_holder_and_only_once(pooled: Venue) -> None:
    pooled.pool.request_deposit(7, sender=PROVIDER)
    pooled.strike(ORACLE)
    pooled.pool.claim(0, PROVIDER.address, sender=STRANGER)
    assert pooled.pool.balanceOf(PROVIDER.address) == 7 * 10**6
    with refuses(pooled.world, "pool: nothing to claim"):
        pooled.pool.claim(0, PROVIDER.address, sender=PROVIDER)
    with refuses(pooled.world, "pool: nothing to claim"):
        pooled.pool.claim(0, STRANGER.address, sender=STRANGER)


def test_shares_follow_what_the_pool_earns(pooled: Venue) -> None:
    pooled.provide(PROVIDER, 1_000_000 * DOLLAR, ORACLE)
    seller = pooled.open_account(a_key("seller"))
    sell_to_pool(pooled, seller, PRICE_E8)
    epoch = unpack_head(pooled.clearing.head()).epoch
    pooled.pool.request_deposit(500_000 * DOLLAR, sender=SECOND)
    pooled.pool.request_redeem(250_000 * SHARE, sender=PROVIDER)
    rise = PRICE_E8 * 101 // 100
    pooled.strike({1: rise})
    strike = unpack_strike(pooled.clearing.strikes(epoch))
    assert strike.returned == 0 and strike.supply == 1_000_000 * SHARE
    earned = (rise - PRICE_E8) // 100 + PRICE_E8 * 600 // 10**6 // 100
    assert abs(strike.nav_e6 - 1_000_000 * DOLLAR - earned) < earned // 100

    minted, _ = pooled.pool.claim(epoch, SECOND.address, sender=SECOND).value
    assert minted == 500_000 * DOLLAR * strike.supply // strike.nav_e6
    before = pooled.dollar.balanceOf(PROVIDER.address)
    _, paid = pooled.pool.claim(epoch, PROVIDER.address, sender=PROVIDER).value
    assert paid == 250_000 * SHARE * strike.nav_e6 // strike.supply > 250_000 * DOLLAR
    assert pooled.dollar.balanceOf(PROVIDER.address) == before + paid
    assert pooled.pool.supply() == 750_000 * SHARE + minted == pooled.pool.totalSupply()


def test_a_pool_worth_nothing_gives_requests_back(pooled: Venue) -> None:
    pooled.provide(PROVIDER, 3_000 * DOLLAR, ORACLE)
    seller = pooled.open_account(a_key("seller"))
    sell_to_pool(pooled, seller, PRICE_E8)
    epoch = unpack_head(pooled.clearing.head()).epoch
    pooled.pool.request_deposit(500 * DOLLAR, sender=SECOND)
    pooled.pool.request_redeem(1_000 * SHARE, sender=PROVIDER)
    collateral = unpack_account(pooled.clearing.accounts(0)).collateral_e6
    pooled.strike({1: PRICE_E8 * 90 // 100})
    strike = unpack_strike(pooled.clearing.strikes(epoch))
    assert strike == StrikeWord(1, 0, 3_000 * SHARE)
    assert unpack_account(pooled.clearing.accounts(0)).collateral_e6 == collateral
    assert pooled.clearing.limits() == 0

    before = pooled.dollar.balanceOf(SECOND.address)
    assert pooled.pool.claim(epoch, SECOND.address, sender=SECOND).value == (0, 500 * DOLLAR)
    assert pooled.dollar.balanceOf(SECOND.address) == before + 500 * DOLLAR
    assert pooled.pool.claim(epoch, PROVIDER.address, sender=SECOND).value == (1_000 * SHARE, 0)
    assert pooled.pool.balanceOf(PROVIDER.address) == 3_000 * SHARE == pooled.pool.supply()


def test_an_epoch_nobody_asked_anything_of_keeps_the_supply(pooled: Venue) -> None:
    pooled.provide(PROVIDER, 1_000 * DOLLAR, ORACLE)
    for _ in range(3):
        pooled.strike(ORACLE)
        assert pooled.pool.supply() == 1_000 * SHARE
    pooled.pool.request_redeem(1_000 * SHARE, sender=PROVIDER)
    epoch = unpack_head(pooled.clearing.head()).epoch
    pooled.strike(ORACLE)
    assert pooled.pool.supply() == 0
    assert pooled.pool.claim(epoch, PROVIDER.address, sender=PROVIDER).value == (0, 1_000 * DOLLAR)
    assert pooled.vault.accounted_e6() == 0


def test_claims_never_add_up_to_more_than_a_strike_moved(pooled: Venue) -> None:
    """Rounding: many small holders, odd prices, random order of claims (C4, C11)."""
    for seed in range(4):
        draw = random.Random(seed)
        with pooled.world.anchored():
            pooled.provide(PROVIDER, 999_983 * DOLLAR + draw.randrange(DOLLAR), ORACLE)
            seller = pooled.open_account(a_key(f"seller {seed}"))
            sell_to_pool(pooled, seller, PRICE_E8 + draw.randrange(10**6))
            holders = [a_key(f"holder {n}") for n in range(6)]
            for holder in holders:
                pooled.fund(holder, DOLLAR)
                pooled.pool.transfer(holder.address, draw.randrange(1, 10**9), sender=PROVIDER)
            epoch = unpack_head(pooled.clearing.head()).epoch
            for holder in holders:
                pooled.pool.request_deposit(draw.randrange(1, 50), sender=holder)
                shares = pooled.pool.balanceOf(holder.address)
                pooled.pool.request_redeem(draw.randrange(1, shares + 1), sender=holder)
            cash = unpack_account(pooled.clearing.accounts(0)).collateral_e6
            before = pooled.pool.supply()
            vault = pooled.vault.accounted_e6()
            pooled.strike({1: PRICE_E8 + draw.randrange(10**9)})
            moved = unpack_account(pooled.clearing.accounts(0)).collateral_e6 - cash
            requests = pooled.pool.lp_requests(epoch)
            deposits, redeems = requests >> 128, requests & (2**128 - 1)
            draw.shuffle(holders)
            claims = [
                pooled.pool.claim(epoch, holder.address, sender=STRANGER).value
                for holder in holders
            ]
            minted = sum(claim[0] for claim in claims)
            paid = sum(claim[1] for claim in claims)
            assert deposits - moved - len(holders) <= paid <= deposits - moved, f"seed {seed}"
            assert minted <= pooled.pool.supply() - before + redeems, f"seed {seed}"
            assert pooled.vault.accounted_e6() == vault - paid
