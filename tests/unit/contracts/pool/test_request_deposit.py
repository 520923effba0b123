# SPDX-License-Identifier: Apache-2.0
"""Pool.requestDeposit: money in now, shares at the price of the epoch's strike."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.compiler import ROOT, compiled_at
from tests.support.evm import ZERO, refuses, slot_of
from tests.support.venue import DOLLAR, Venue, a_venue

from infold.words import RequestsWord, pack_head, pack_requests, unpack_head

from .conftest import OPERATOR, ORACLE, PROVIDER, SECOND, STRANGER


def test_a_deposit_request_takes_the_money_and_mints_nothing_yet(pooled: Venue) -> None:
    own = (PROVIDER.address, PROVIDER.address)
    receipt = pooled.pool.requestDeposit(300 * DOLLAR, *own, sender=PROVIDER)
    assert receipt.value == 1
    assert pooled.dollar.balanceOf(PROVIDER.address) == 999_700 * DOLLAR
    assert pooled.vault.accounted_e6() == 300 * DOLLAR
    assert pooled.dollar.balanceOf(pooled.vault.address) == 300 * DOLLAR
    assert pooled.pool.balanceOf(PROVIDER.address) == pooled.pool.totalSupply() == 0
    assert pooled.pool.pendingDepositRequest(1, PROVIDER.address) == 300 * DOLLAR
    word = pack_requests(RequestsWord(300 * DOLLAR, 0))
    assert receipt.only("DepositRequest") == {
        "controller": PROVIDER.address.lower(),
        "owner": PROVIDER.address.lower(),
        "requestId": 1,
        "sender": PROVIDER.address.lower(),
        "assets": 300 * DOLLAR,
    }
    assert receipt.only("LiquidityRequested") == {"epoch": 1, "requests": word}


def test_a_deposit_request_serves_its_controller(pooled: Venue) -> None:
    pooled.pool.requestDeposit(5, SECOND.address, PROVIDER.address, sender=PROVIDER)
    assert pooled.pool.pendingDepositRequest(1, SECOND.address) == 5
    assert pooled.pool.pendingDepositRequest(1, PROVIDER.address) == 0
    with refuses(pooled.world, "pool: controller is zero"):
        pooled.pool.requestDeposit(5, ZERO, PROVIDER.address, sender=PROVIDER)


def test_a_deposit_request_takes_from_nobody_but_the_caller_or_who_trusts_it(
    pooled: Venue,
) -> None:
    request = (5, OPERATOR.address, PROVIDER.address)
    with refuses(pooled.world, "pool: not the owner or an operator"):
        pooled.pool.requestDeposit(*request, sender=OPERATOR)
    pooled.pool.setOperator(OPERATOR.address, True, sender=PROVIDER)
    receipt = pooled.pool.requestDeposit(*request, sender=OPERATOR)
    assert receipt.only("DepositRequest")["sender"] == OPERATOR.address.lower()
    assert pooled.dollar.balanceOf(PROVIDER.address) == 1_000_000 * DOLLAR - 5


def test_requests_of_one_holder_and_of_all_add_up(pooled: Venue) -> None:
    for amount in (1, 41):
        pooled.ask_in(PROVIDER, amount)
    pooled.ask_in(SECOND, 100)
    assert pooled.pool.pendingDepositRequest(1, PROVIDER.address) == 42
    assert pooled.pool.lp_requests(1) == pack_requests(RequestsWord(142, 0))


def test_a_request_after_the_epochs_end_joins_the_next_one(pooled: Venue) -> None:
    end_ms = unpack_head(pooled.clearing.head()).epoch_end_ms
    pooled.world.at(end_ms // 1000 - 1)
    assert pooled.ask_in(PROVIDER, 5) == 1
    pooled.world.at_ms(end_ms)
    assert pooled.ask_in(PROVIDER, 7) == 2
    assert pooled.pool.pendingDepositRequest(2, PROVIDER.address) == 7


def test_a_deposit_request_rejects_nothing(pooled: Venue) -> None:
    with refuses(pooled.world, "pool: amount is zero"):
        pooled.ask_in(PROVIDER, 0)


def test_a_deposit_request_rejects_more_than_an_epoch_has_room_for(pooled: Venue) -> None:
    with refuses(pooled.world, "pool: amount too large"):
        pooled.ask_in(PROVIDER, 2**62)
    pooled.fund(SECOND, 2**62)
    with pooled.world.anchored():
        pooled.ask_in(SECOND, 2**62 - 1)
    pooled.ask_in(SECOND, 2**62 - 2)
    with refuses(pooled.world, "pool: epoch is full"):
        pooled.ask_in(PROVIDER, 2)
    pooled.ask_in(PROVIDER, 1)


def test_a_deposit_request_rejects_who_cannot_pay(pooled: Venue) -> None:
    with refuses(pooled.world, "erc20: insufficient allowance"):
        pooled.ask_in(STRANGER, 1)
    assert pooled.pool.pendingDepositRequest(1, STRANGER.address) == 0


def test_nobody_may_pay_into_the_pools_account_directly(pooled: Venue) -> None:
    with refuses(pooled.world, "clearing: unknown account"):
        pooled.clearing.deposit(0, 5 * DOLLAR, sender=PROVIDER)


def test_a_donation_to_the_vault_changes_no_share(pooled: Venue) -> None:
    pooled.ask_in(PROVIDER, 300 * DOLLAR)
    pooled.dollar.transfer(pooled.vault.address, 500 * DOLLAR, sender=SECOND)
    pooled.dollar.transfer(pooled.pool.address, 500 * DOLLAR, sender=SECOND)
    pooled.strike(ORACLE)
    assert pooled.collect(PROVIDER, 1) == (300 * 10**12, 0)
    pooled.ask_in(SECOND, 300 * DOLLAR)
    pooled.strike(ORACLE)
    pooled.strike(ORACLE)
    assert pooled.pool.maxMint(SECOND.address) == 300 * 10**12


@pytest.mark.parametrize("name", ["burn", "burn_from", "set_minter", "transfer_ownership", "owner"])
def test_no_key_can_mint(pooled: Venue, name: str) -> None:
    assert not hasattr(pooled.pool, name)


def test_what_came_in_is_counted_until_it_is_paid_out(pooled: Venue) -> None:
    pooled.ask_in(PROVIDER, 5)
    assert pooled.pool.passed_e6() == 5
    pooled.ask_in(SECOND, 7)
    assert pooled.pool.passed_e6() == 12
    pooled.strike(ORACLE)
    assert pooled.collect(SECOND, 1)[0] == 7 * 10**6
    assert pooled.ask_out(SECOND, 5 * 10**6) == 2
    pooled.strike(ORACLE)
    assert pooled.collect(SECOND, 2)[1] == 5
    assert pooled.pool.passed_e6() == 7


def test_one_unit_twice_is_one_request(pooled: Venue) -> None:
    for _ in range(2):
        pooled.ask_in(PROVIDER, 1)
    pooled.strike(ORACLE)
    assert pooled.pool.maxDeposit(PROVIDER.address) == 2


@pytest.mark.parametrize("number", [4, 5])
def test_a_stopped_venue_takes_no_requests_whatever_its_last_batch_was(
    pooled: Venue, number: int
) -> None:
    """Past every rule: the word that a wind-down leaves."""
    pooled.ask_in(PROVIDER, 1)
    head = unpack_head(pooled.clearing.head())._replace(number=number, time_ms=2**48 - 1)
    where = (pooled.clearing.address, slot_of(pooled.clearing, "head"))
    pooled.world.store(*where, pack_head(head))
    with refuses(pooled.world, "pool: wound down"):
        pooled.ask_in(PROVIDER, 1)
    assert pooled.pool.claimableCancelDepositRequest(1, PROVIDER.address) == 1


@pytest.fixture(scope="module")
def kept_odd() -> Venue:
    odd = a_venue(token=compiled_at(ROOT / "tests" / "support" / "contracts" / "OddToken.vy"))
    odd.fund(PROVIDER, 10 * DOLLAR)
    return odd


@pytest.fixture
def odd(kept_odd: Venue) -> Iterator[Venue]:
    with kept_odd.world.anchored():
        yield kept_odd


@pytest.mark.parametrize("name", ["passed_e6", "totalSupply", "totalAssets"])
def test_the_pool_answers_nobody_while_it_takes_a_deposit(odd: Venue, name: str) -> None:
    own = (PROVIDER.address, PROVIDER.address)
    question = odd.pool.calldata(name)
    odd.dollar.call(odd.pool.address, question, sender=STRANGER)
    odd.dollar.misbehave(False, 0, odd.pool.address, question, sender=STRANGER)
    with refuses(odd.world, ""):
        odd.pool.requestDeposit(10 * DOLLAR, *own, sender=PROVIDER)
    odd.dollar.misbehave(False, 0, ZERO, b"", sender=STRANGER)
    odd.pool.requestDeposit(10 * DOLLAR, *own, sender=PROVIDER)


def test_a_token_that_answers_no_is_refused_at_either_step(odd: Venue) -> None:
    own = (PROVIDER.address, PROVIDER.address)
    odd.dollar.misbehave(True, 0, ZERO, b"", sender=STRANGER)
    with refuses(odd.world, "pool: token refused"):
        odd.pool.requestDeposit(10 * DOLLAR, *own, sender=PROVIDER)
    odd.dollar.misbehave(False, 0, ZERO, b"", sender=STRANGER)
    odd.dollar.shun(True, sender=STRANGER)
    with refuses(odd.world, "pool: token refused"):
        odd.pool.requestDeposit(10 * DOLLAR, *own, sender=PROVIDER)
    odd.dollar.shun(False, sender=STRANGER)
    odd.pool.requestDeposit(10 * DOLLAR, *own, sender=PROVIDER)
    assert odd.pool.pendingDepositRequest(1, PROVIDER.address) == 10 * DOLLAR
