# SPDX-License-Identifier: Apache-2.0
"""Pool's claims against the strikes of the real Clearing: docs/protocol.md sections 5.7 and 8."""

from __future__ import annotations

import random

from tests.support.evm import a_key, refuses, slot_of
from tests.support.venue import DOLLAR, LOT, PRICE_E8, Venue

from infold.words import (
    StrikeWord,
    pack_head,
    pack_strike,
    unpack_account,
    unpack_head,
    unpack_limits,
    unpack_strike,
)

from .conftest import OPERATOR, ORACLE, PROVIDER, SECOND, SHARE, STRANGER, sell_to_pool


def test_the_first_shares_cost_a_dollar_each(pooled: Venue) -> None:
    pooled.ask_in(PROVIDER, 1_234_567)
    own = (PROVIDER.address, PROVIDER.address)
    with refuses(pooled.world, "pool: more than claimable"):
        pooled.pool.deposit(1, *own, sender=PROVIDER)
    struck = pooled.strike(ORACLE)
    assert struck.only("PoolStruck")["epoch"] == 1
    receipt = pooled.pool.deposit(1_234_567, *own, sender=PROVIDER)
    assert receipt.value == 1_234_567 * 10**6
    assert receipt.only("Claimed") == {
        "controller": PROVIDER.address.lower(),
        "place": 2,
        "claimed": 1_234_567 << 128 | 1_234_567 * 10**6,
    }
    assert receipt.only("Deposit") == {
        "sender": PROVIDER.address.lower(),
        "owner": PROVIDER.address.lower(),
        "assets": 1_234_567,
        "shares": 1_234_567 * 10**6,
    }
    assert pooled.pool.balanceOf(PROVIDER.address) == pooled.pool.supply() == 1_234_567 * 10**6
    assert unpack_account(pooled.clearing.accounts(0)).collateral_e6 == 1_234_567


def test_only_the_controller_and_its_operators_claim_and_only_once(pooled: Venue) -> None:
    pooled.ask_in(PROVIDER, 7)
    pooled.strike(ORACLE)
    claim = (7, STRANGER.address, PROVIDER.address)
    with refuses(pooled.world, "pool: not the owner or an operator"):
        pooled.pool.deposit(*claim, sender=OPERATOR)
    pooled.pool.setOperator(OPERATOR.address, True, sender=PROVIDER)
    pooled.pool.deposit(*claim, sender=OPERATOR)
    assert pooled.pool.balanceOf(STRANGER.address) == 7 * 10**6
    pooled.pool.setOperator(OPERATOR.address, False, sender=PROVIDER)
    with refuses(pooled.world, "pool: not the owner or an operator"):
        pooled.pool.deposit(*claim, sender=OPERATOR)
    with refuses(pooled.world, "pool: more than claimable"):
        pooled.pool.deposit(*claim, sender=PROVIDER)


def test_a_claim_of_nothing_is_refused(pooled: Venue) -> None:
    own = (PROVIDER.address, PROVIDER.address)
    for name in ("deposit", "mint", "withdraw", "redeem"):
        with refuses(pooled.world, "pool: amount is zero"):
            getattr(pooled.pool, name)(0, *own, sender=PROVIDER)


def test_the_shorter_forms_claim_for_the_caller(pooled: Venue) -> None:
    pooled.ask_in(PROVIDER, 9)
    pooled.strike(ORACLE)
    for name, amount, word in (("deposit", 4, 4), ("mint", 5 * 10**6, 5 * 10**6)):
        receipt = pooled.pool.shorter(name)(amount, SECOND.address, sender=PROVIDER)
        assert receipt.only("Deposit")["sender"] == PROVIDER.address.lower(), word
    assert pooled.pool.balanceOf(SECOND.address) == 9 * 10**6


def test_claims_take_the_oldest_request_first(pooled: Venue) -> None:
    pooled.ask_in(PROVIDER, 100 * DOLLAR)
    pooled.strike(ORACLE)
    pooled.ask_in(PROVIDER, 50 * DOLLAR)
    pooled.strike(ORACLE)
    pool, who = pooled.pool, PROVIDER.address
    assert pool.maxDeposit(who) == 150 * DOLLAR and pool.maxMint(who) == 150 * SHARE
    receipt = pool.deposit(120 * DOLLAR, who, who, sender=PROVIDER)
    assert [event["place"] for event in receipt.all("Claimed")] == [2, 4]
    assert pool.claimableDepositRequest(1, who) == 0
    assert pool.claimableDepositRequest(2, who) == 30 * DOLLAR == pool.maxDeposit(who)


def test_a_claim_leaves_the_younger_requests_to_later_ones(pooled: Venue) -> None:
    for _ in range(8):
        pooled.ask_in(PROVIDER, DOLLAR)
        pooled.strike(ORACLE)
    pool, who = pooled.pool, PROVIDER.address
    pool.deposit(DOLLAR, who, who, sender=PROVIDER)
    assert pool.maxDeposit(who) == 7 * DOLLAR
    receipt = pool.deposit(7 * DOLLAR, who, who, sender=PROVIDER)
    assert [event["place"] for event in receipt.all("Claimed")] == [4, 6, 8, 10, 12, 14, 16]
    assert pool.maxDeposit(who) == 0


def test_a_claim_leaves_a_request_that_waits_open(pooled: Venue) -> None:
    first = pooled.ask_in(PROVIDER, 100 * DOLLAR)
    pooled.strike(ORACLE)
    second = pooled.ask_in(PROVIDER, 50 * DOLLAR)
    assert second == first + 1
    assert pooled.pool.claimableDepositRequest(second, PROVIDER.address) == 0
    with refuses(pooled.world, "pool: nothing to take back"):
        own = (PROVIDER.address, PROVIDER.address)
        pooled.pool.claimCancelDepositRequest(second, *own, sender=PROVIDER)
    pooled.collect(PROVIDER, first)
    pooled.strike(ORACLE)
    assert pooled.collect(PROVIDER, second)[0] == 50 * SHARE


def test_a_ninth_open_request_waits_for_a_claim(pooled: Venue) -> None:
    for _ in range(8):
        pooled.ask_in(PROVIDER, DOLLAR)
        pooled.strike(ORACLE)
    with refuses(pooled.world, "pool: claim older requests first"):
        pooled.ask_in(PROVIDER, DOLLAR)
    pooled.pool.deposit(DOLLAR, PROVIDER.address, PROVIDER.address, sender=PROVIDER)
    epoch = pooled.ask_in(PROVIDER, DOLLAR)
    pooled.ask_in(PROVIDER, DOLLAR)  # the same request, no further one
    assert pooled.pool.pendingDepositRequest(epoch, PROVIDER.address) == 2 * DOLLAR


def test_what_was_given_back_makes_room_by_itself(pooled: Venue) -> None:
    """Eight redemptions of which nothing was paid are not in the way of a ninth."""
    pooled.provide(PROVIDER, 1_500 * DOLLAR, ORACLE)
    sell_to_pool(pooled, pooled.open_account(a_key("seller")), PRICE_E8)
    for _ in range(8):
        pooled.ask_out(PROVIDER, SHARE)
        pooled.strike({1: PRICE_E8 * 99 // 100})
    epoch = pooled.ask_out(PROVIDER, SHARE)
    assert pooled.pool.pendingRedeemRequest(epoch, PROVIDER.address) == SHARE
    assert pooled.pool.claimableCancelRedeemRequest(epoch - 1, PROVIDER.address) == SHARE


def test_room_is_found_among_the_latest_of_epochs_too(pooled: Venue) -> None:
    """Past every rule: the head names epochs of 32 bits, and the first of eight was returned."""
    clearing, first = pooled.clearing, 2**32 - 9
    head = unpack_head(clearing.head())
    for epoch in range(first, first + 9):
        word = pack_head(head._replace(epoch=epoch, epoch_end_ms=2**48 - 1))
        pooled.world.store(clearing.address, slot_of(clearing, "head"), word)
        if epoch == first + 8:
            returned = slot_of(clearing, "strikes", first.to_bytes(32, "big"))
            pooled.world.store(clearing.address, returned, pack_strike(StrikeWord(1, 0, 0)))
        assert pooled.ask_in(PROVIDER, 1) == epoch
    assert pooled.pool.maxDeposit(PROVIDER.address) == 7


def test_shares_follow_what_the_pool_earns(pooled: Venue) -> None:
    pooled.provide(PROVIDER, 1_000_000 * DOLLAR, ORACLE)
    seller = pooled.open_account(a_key("seller"))
    sell_to_pool(pooled, seller, PRICE_E8)
    epoch = unpack_head(pooled.clearing.head()).epoch
    pooled.ask_in(SECOND, 500_000 * DOLLAR)
    pooled.ask_out(PROVIDER, 250_000 * SHARE)
    rise = PRICE_E8 * 101 // 100
    pooled.strike({1: rise})
    strike = unpack_strike(pooled.clearing.strikes(epoch))
    assert strike.returned == 0 and strike.supply == 1_000_000 * SHARE
    earned = (rise - PRICE_E8) // 100 + PRICE_E8 * 600 // 10**6 // 100
    assert abs(strike.nav_e6 - 1_000_000 * DOLLAR - earned) < earned // 100

    minted, _ = pooled.collect(SECOND, epoch)
    assert minted == 500_000 * DOLLAR * strike.supply // strike.nav_e6
    before = pooled.dollar.balanceOf(PROVIDER.address)
    _, paid = pooled.collect(PROVIDER, epoch)
    assert (
        paid
        == strike.paid_e6
        == 250_000 * SHARE * strike.nav_e6 // strike.supply
        > 250_000 * DOLLAR
    )
    assert pooled.dollar.balanceOf(PROVIDER.address) == before + paid
    assert pooled.pool.supply() == 750_000 * SHARE + minted == pooled.pool.totalSupply()


def test_a_pool_worth_nothing_gives_requests_back(pooled: Venue) -> None:
    pooled.provide(PROVIDER, 3_000 * DOLLAR, ORACLE)
    seller = pooled.open_account(a_key("seller"))
    sell_to_pool(pooled, seller, PRICE_E8)
    epoch = unpack_head(pooled.clearing.head()).epoch
    pooled.ask_in(SECOND, 500 * DOLLAR)
    pooled.ask_out(PROVIDER, 1_000 * SHARE)
    collateral = unpack_account(pooled.clearing.accounts(0)).collateral_e6
    pooled.strike({1: PRICE_E8 * 90 // 100})
    strike = unpack_strike(pooled.clearing.strikes(epoch))
    assert strike == StrikeWord(1, 0, 3_000 * SHARE)
    assert unpack_account(pooled.clearing.accounts(0)).collateral_e6 == collateral
    assert unpack_limits(pooled.clearing.limits()).capital_e6 == 0

    assert pooled.pool.maxDeposit(SECOND.address) == pooled.pool.maxMint(SECOND.address) == 0
    assert pooled.pool.maxRedeem(PROVIDER.address) == pooled.pool.maxWithdraw(PROVIDER.address) == 0
    back = (epoch, SECOND.address, SECOND.address)
    receipt = pooled.pool.claimCancelDepositRequest(*back, sender=SECOND)
    assert receipt.only("CancelDepositClaim")["assets"] == 500 * DOLLAR
    with refuses(pooled.world, "pool: nothing to take back"):
        pooled.pool.claimCancelDepositRequest(*back, sender=SECOND)
    back = (epoch, PROVIDER.address, PROVIDER.address)
    with refuses(pooled.world, "pool: not the owner or an operator"):
        pooled.pool.claimCancelRedeemRequest(*back, sender=SECOND)
    receipt = pooled.pool.claimCancelRedeemRequest(*back, sender=PROVIDER)
    assert receipt.only("CancelRedeemClaim")["shares"] == 1_000 * SHARE
    assert pooled.pool.balanceOf(PROVIDER.address) == 3_000 * SHARE == pooled.pool.supply()
    assert pooled.dollar.balanceOf(SECOND.address) == 1_000_000 * DOLLAR
    assert pooled.pool.totalAssets() == pooled.pool.convertToShares(5) == 0


def test_an_epoch_nobody_asked_anything_of_keeps_the_supply(pooled: Venue) -> None:
    pooled.provide(PROVIDER, 1_000 * DOLLAR, ORACLE)
    for _ in range(3):
        pooled.strike(ORACLE)
        assert pooled.pool.supply() == 1_000 * SHARE
    pooled.ask_out(PROVIDER, 1_000 * SHARE)
    epoch = unpack_head(pooled.clearing.head()).epoch
    pooled.strike(ORACLE)
    assert pooled.pool.supply() == 0
    assert pooled.collect(PROVIDER, epoch) == (0, 1_000 * DOLLAR)
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
                pooled.ask_in(holder, draw.randrange(1, 50))
                shares = pooled.pool.balanceOf(holder.address)
                pooled.ask_out(holder, draw.randrange(1, shares + 1))
            cash = unpack_account(pooled.clearing.accounts(0)).collateral_e6
            before = pooled.pool.supply()
            vault = pooled.vault.accounted_e6()
            pooled.strike({1: PRICE_E8 + draw.randrange(10**9)})
            moved = unpack_account(pooled.clearing.accounts(0)).collateral_e6 - cash
            requests = pooled.pool.lp_requests(epoch)
            deposits, redeems = requests >> 128, requests & (2**128 - 1)
            draw.shuffle(holders)
            claims = [pooled.collect(holder, epoch) for holder in holders]
            minted = sum(claim[0] for claim in claims)
            paid = sum(claim[1] for claim in claims)
            assert deposits - moved - len(holders) <= paid <= deposits - moved, f"seed {seed}"
            assert minted <= pooled.pool.supply() - before + redeems, f"seed {seed}"
            assert pooled.vault.accounted_e6() == vault - paid


def test_a_piece_is_rounded_against_who_claims_it(pooled: Venue) -> None:
    """What is named comes exactly; what goes out is rounded down, what it uses up, up."""
    pooled.provide(PROVIDER, 1_000_000 * DOLLAR, ORACLE)
    sell_to_pool(pooled, pooled.open_account(a_key("seller")), PRICE_E8)
    pooled.ask_in(SECOND, 1_000_003)
    epoch = pooled.ask_out(PROVIDER, 777_777_777_777)
    pooled.strike({1: PRICE_E8 * 101 // 100 + 1})
    pool, strike = pooled.pool, unpack_strike(pooled.clearing.strikes(epoch))
    minted = 1_000_003 * strike.supply // strike.nav_e6
    assert pool.maxMint(SECOND.address) == minted
    own = (SECOND.address, SECOND.address)
    assert pool.deposit(7, *own, sender=SECOND).value == 7 * minted // 1_000_003
    assets, shares = pool.maxDeposit(SECOND.address), pool.maxMint(SECOND.address)
    assert pool.mint(12_345, *own, sender=SECOND).value == -(-12_345 * assets // shares) == 1

    own = (PROVIDER.address, PROVIDER.address)
    paid = strike.paid_e6
    assert pool.maxWithdraw(PROVIDER.address) == paid
    assert pool.redeem(12_345, *own, sender=PROVIDER).value == 0
    shares = pool.maxRedeem(PROVIDER.address)
    used_up = pool.withdraw(7, *own, sender=PROVIDER).value
    assert used_up == -(-7 * shares // paid) > 7 * shares // paid


def leave(pooled: Venue, account: int, name: str) -> None:
    """A forced exit of the whole position, which the pool takes over."""
    pooled.recovery.force_reduce(account, 0, LOT, sender=a_key(name))
    pooled.world.travel(60)
    vector = pooled.presented(pooled.a_vector(ORACLE))
    pooled.recovery.execute_exit(*vector, account, 0, sender=STRANGER)


def test_a_piece_too_small_for_a_share_gives_none_and_the_rest_gives_all(pooled: Venue) -> None:
    """A pool of one unit earns an exit's 20 bp: a share then costs 120 units and a little.

    Who takes one of a share's units has used the share up, and the other units wait.
    """
    long, short = (pooled.open_account(a_key(name)) for name in ("long", "short"))
    pooled.trade(long, short)
    pooled.provide(PROVIDER, 1, ORACLE)
    epoch = pooled.ask_in(SECOND, 1_000)
    leave(pooled, long, "long")
    pooled.strike(ORACLE)
    strike = unpack_strike(pooled.clearing.strikes(epoch))
    assert (strike.nav_e6, strike.supply) == (120 * DOLLAR + 1, 10**6)

    own = (SECOND.address, SECOND.address)
    receipt = pooled.pool.deposit(7, *own, sender=SECOND)
    assert receipt.value == 0 and receipt.all("Transfer") == []
    assert receipt.only("Deposit")["assets"] == 7
    assert pooled.pool.deposit(993, *own, sender=SECOND).value == 1_000 // 120
    assert pooled.pool.balanceOf(SECOND.address) == 1_000 // 120

    epoch = pooled.ask_out(SECOND, 1)
    leave(pooled, short, "short")  # else open interest would lock what the pool has
    pooled.strike(ORACLE)
    paid = unpack_strike(pooled.clearing.strikes(epoch)).paid_e6
    assert paid == pooled.pool.maxWithdraw(SECOND.address) > 200
    assert pooled.pool.withdraw(1, *own, sender=SECOND).value == 1
    assert pooled.pool.maxRedeem(SECOND.address) == 0
    assert pooled.pool.withdraw(paid - 1, *own, sender=SECOND).value == 0


def test_what_is_left_of_one_unit_alone_stays_claimable(pooled: Venue) -> None:
    """Withdrawing may use up every share while a unit is left, and minting every unit."""
    pooled.ask_in(PROVIDER, 1)
    pooled.strike(ORACLE)
    pool, own = pooled.pool, (PROVIDER.address, PROVIDER.address)
    assert pool.mint(10, *own, sender=PROVIDER).value == 1
    assert (pool.maxDeposit(own[0]), pool.maxMint(own[0])) == (0, 10**6 - 10)
    assert pool.mint(10**6 - 10, *own, sender=PROVIDER).value == 0
    assert pool.balanceOf(own[0]) == 10**6


def test_a_strike_that_pays_in_part_pays_all_in_one_proportion(pooled: Venue) -> None:
    pooled.provide(PROVIDER, 3_000 * DOLLAR, ORACLE)
    pooled.provide(SECOND, 1_001 * DOLLAR + 7, ORACLE)
    sell_to_pool(pooled, pooled.open_account(a_key("seller")), PRICE_E8)
    asked = {PROVIDER: 3_000 * SHARE, SECOND: 1_000 * SHARE + 3}
    epoch = unpack_head(pooled.clearing.head()).epoch
    assert {pooled.ask_out(key, shares) for key, shares in asked.items()} == {epoch}
    pooled.strike(ORACLE)
    strike, total = unpack_strike(pooled.clearing.strikes(epoch)), sum(asked.values())
    assert 0 < strike.paid_e6 < total * strike.nav_e6 // strike.supply
    assert pooled.pool.totalAssets() == strike.nav_e6 - strike.paid_e6
    burnt = -(-strike.paid_e6 * strike.supply // strike.nav_e6)
    assert pooled.pool.supply() == strike.supply - burnt
    for key, shares in asked.items():
        gone = -(-shares * burnt // total)
        assert pooled.pool.maxRedeem(key.address) == gone
        assert pooled.collect(key, epoch) == (shares - gone, shares * strike.paid_e6 // total)
