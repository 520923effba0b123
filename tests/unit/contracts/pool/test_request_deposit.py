# SPDX-License-Identifier: Apache-2.0
"""Pool.request_deposit: money in now, shares at the price of the epoch's strike."""

from __future__ import annotations

import pytest
from tests.support.evm import refuses
from tests.support.venue import DOLLAR, Venue

from infold.words import RequestsWord, pack_requests, unpack_head

from .conftest import ORACLE, PROVIDER, SECOND, STRANGER


def test_request_deposit_takes_the_money_and_mints_nothing_yet(pooled: Venue) -> None:
    receipt = pooled.pool.request_deposit(300 * DOLLAR, sender=PROVIDER)
    assert receipt.value == 0
    assert pooled.dollar.balanceOf(PROVIDER.address) == 999_700 * DOLLAR
    assert pooled.vault.accounted_e6() == 300 * DOLLAR
    assert pooled.pool.balanceOf(PROVIDER.address) == pooled.pool.totalSupply() == 0
    assert pooled.pool.pending(0, PROVIDER.address) == (300 * DOLLAR, 0)
    word = pack_requests(RequestsWord(300 * DOLLAR, 0))
    assert receipt.only("DepositRequested") == {
        "holder": PROVIDER.address.lower(),
        "epoch": 0,
        "assets_e6": 300 * DOLLAR,
        "request": word,
    }
    assert receipt.only("LiquidityRequested") == {"epoch": 0, "requests": word}


def test_requests_of_one_holder_and_of_all_add_up(pooled: Venue) -> None:
    for amount in (1, 41):
        pooled.pool.request_deposit(amount, sender=PROVIDER)
    pooled.pool.request_deposit(100, sender=SECOND)
    assert pooled.pool.pending(0, PROVIDER.address) == (42, 0)
    assert pooled.pool.lp_requests(0) == pack_requests(RequestsWord(142, 0))


def test_a_request_after_the_epochs_end_joins_the_next_one(pooled: Venue) -> None:
    end_ms = unpack_head(pooled.clearing.head()).epoch_end_ms
    pooled.world.at(end_ms // 1000 - 1)
    assert pooled.pool.request_deposit(5, sender=PROVIDER).value == 0
    pooled.world.at_ms(end_ms)
    assert pooled.pool.request_deposit(7, sender=PROVIDER).value == 1
    assert pooled.pool.pending(1, PROVIDER.address) == (7, 0)


def test_request_deposit_rejects_nothing(pooled: Venue) -> None:
    with refuses(pooled.world, "pool: amount is zero"):
        pooled.pool.request_deposit(0, sender=PROVIDER)


def test_request_deposit_rejects_more_than_an_epoch_has_room_for(pooled: Venue) -> None:
    with refuses(pooled.world, "pool: amount too large"):
        pooled.pool.request_deposit(2**62, sender=PROVIDER)
    pooled.fund(SECOND, 2**62)
    pooled.pool.request_deposit(2**62 - 2, sender=SECOND)
    with refuses(pooled.world, "pool: epoch is full"):
        pooled.pool.request_deposit(2, sender=PROVIDER)
    pooled.pool.request_deposit(1, sender=PROVIDER)


def test_request_deposit_rejects_who_cannot_pay(pooled: Venue) -> None:
    with refuses(pooled.world, "erc20: insufficient allowance"):
        pooled.pool.request_deposit(1, sender=STRANGER)
    assert pooled.pool.pending(0, STRANGER.address) == (0, 0)


def test_nobody_may_pay_into_the_pools_account_directly(pooled: Venue) -> None:
    with refuses(pooled.world, "clearing: unknown account"):
        pooled.clearing.deposit(0, 5 * DOLLAR, sender=PROVIDER)


def test_a_donation_to_the_vault_changes_no_share(pooled: Venue) -> None:
    pooled.pool.request_deposit(300 * DOLLAR, sender=PROVIDER)
    pooled.dollar.transfer(pooled.vault.address, 500 * DOLLAR, sender=SECOND)
    pooled.strike(ORACLE)
    assert pooled.pool.claim(0, PROVIDER.address, sender=PROVIDER).value[0] == 300 * 10**12
    pooled.pool.request_deposit(300 * DOLLAR, sender=SECOND)
    pooled.strike(ORACLE)
    pooled.strike(ORACLE)
    assert pooled.pool.claimable(1, SECOND.address) == (300 * 10**12, 0)


@pytest.mark.parametrize("name", ["mint", "burn", "set_minter", "transfer_ownership", "owner"])
def test_no_key_can_mint(pooled: Venue, name: str) -> None:
    assert not hasattr(pooled.pool, name)
