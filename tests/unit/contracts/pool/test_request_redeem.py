# SPDX-License-Identifier: Apache-2.0
"""Pool.requestRedeem: shares leave at once, assets follow at the price of the epoch's strike."""

from __future__ import annotations

from tests.support.evm import refuses
from tests.support.venue import DOLLAR, Venue

from infold.words import RequestsWord, pack_requests, unpack_head

from .conftest import OPERATOR, ORACLE, PROVIDER, SECOND, SHARE


def test_a_redeem_request_takes_the_shares_at_once(pooled: Venue) -> None:
    assert pooled.provide(PROVIDER, 1_000 * DOLLAR, ORACLE) == 1_000 * SHARE
    epoch = unpack_head(pooled.clearing.head()).epoch
    own = (PROVIDER.address, PROVIDER.address)
    receipt = pooled.pool.requestRedeem(400 * SHARE, *own, sender=PROVIDER)
    assert receipt.value == epoch
    assert pooled.pool.balanceOf(PROVIDER.address) == 600 * SHARE
    assert pooled.pool.pendingRedeemRequest(epoch, PROVIDER.address) == 400 * SHARE
    assert receipt.only("RedeemRequest") == {
        "controller": PROVIDER.address.lower(),
        "owner": PROVIDER.address.lower(),
        "requestId": epoch,
        "sender": PROVIDER.address.lower(),
        "shares": 400 * SHARE,
    }
    word = pack_requests(RequestsWord(0, 400 * SHARE))
    assert receipt.only("LiquidityRequested") == {"epoch": epoch, "requests": word}
    assert pooled.pool.supply() == 1_000 * SHARE


def test_a_redeem_request_rejects_nothing(pooled: Venue) -> None:
    with refuses(pooled.world, "pool: amount is zero"):
        pooled.ask_out(PROVIDER, 0)


def test_a_redeem_request_rejects_more_than_the_holder_has_in_hand(pooled: Venue) -> None:
    pooled.provide(PROVIDER, 1_000 * DOLLAR, ORACLE)
    with refuses(pooled.world, "pool: not enough shares"):
        pooled.ask_out(PROVIDER, 1_000 * SHARE + 1)
    with refuses(pooled.world, "pool: not enough shares"):
        pooled.ask_out(SECOND, 1)
    pooled.ask_out(PROVIDER, 1_000 * SHARE)
    with refuses(pooled.world, "pool: not enough shares"):
        pooled.ask_out(PROVIDER, 1)


def test_shares_not_yet_claimed_cannot_be_redeemed(pooled: Venue) -> None:
    pooled.ask_in(PROVIDER, 1_000 * DOLLAR)
    pooled.strike(ORACLE)
    with refuses(pooled.world, "pool: not enough shares"):
        pooled.ask_out(PROVIDER, 1)


def test_an_allowance_or_an_operator_gives_shares_back_for_their_owner(pooled: Venue) -> None:
    pooled.provide(PROVIDER, 1_000 * DOLLAR, ORACLE)
    request = (400 * SHARE, SECOND.address, PROVIDER.address)
    with refuses(pooled.world, "erc20: insufficient allowance"):
        pooled.pool.requestRedeem(*request, sender=OPERATOR)
    pooled.pool.approve(OPERATOR.address, 500 * SHARE, sender=PROVIDER)
    pooled.pool.requestRedeem(*request, sender=OPERATOR)
    assert pooled.pool.allowance(PROVIDER.address, OPERATOR.address) == 100 * SHARE
    pooled.pool.setOperator(OPERATOR.address, True, sender=PROVIDER)
    epoch = pooled.pool.requestRedeem(*request, sender=OPERATOR).value
    assert pooled.pool.allowance(PROVIDER.address, OPERATOR.address) == 100 * SHARE
    assert pooled.pool.pendingRedeemRequest(epoch, SECOND.address) == 800 * SHARE
    assert pooled.pool.balanceOf(PROVIDER.address) == 200 * SHARE
