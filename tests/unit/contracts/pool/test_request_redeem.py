# SPDX-License-Identifier: Apache-2.0
"""Pool.request_redeem: shares leave at once, assets follow at the price of the epoch's strike."""

from __future__ import annotations

from tests.support.evm import refuses
from tests.support.venue import DOLLAR, Venue

from infold.words import RequestsWord, pack_requests, unpack_head

from .conftest import ORACLE, PROVIDER, SECOND, SHARE


def test_request_redeem_takes_the_shares_at_once(pooled: Venue) -> None:
    assert pooled.provide(PROVIDER, 1_000 * DOLLAR, ORACLE) == 1_000 * SHARE
    epoch = unpack_head(pooled.clearing.head()).epoch
    receipt = pooled.pool.request_redeem(400 * SHARE, sender=PROVIDER)
    assert receipt.value == epoch
    assert pooled.pool.balanceOf(PROVIDER.address) == 600 * SHARE
    assert pooled.pool.pending(epoch, PROVIDER.address) == (0, 400 * SHARE)
    assert receipt.only("RedeemRequested")["request"] == 400 * SHARE
    word = pack_requests(RequestsWord(0, 400 * SHARE))
    assert receipt.only("LiquidityRequested") == {"epoch": epoch, "requests": word}
    assert pooled.pool.supply() == 1_000 * SHARE


def test_request_redeem_rejects_nothing(pooled: Venue) -> None:
    with refuses(pooled.world, "pool: amount is zero"):
        pooled.pool.request_redeem(0, sender=PROVIDER)


def test_request_redeem_rejects_more_than_the_holder_has_in_hand(pooled: Venue) -> None:
    pooled.provide(PROVIDER, 1_000 * DOLLAR, ORACLE)
    with refuses(pooled.world, "pool: not enough shares"):
        pooled.pool.request_redeem(1_000 * SHARE + 1, sender=PROVIDER)
    with refuses(pooled.world, "pool: not enough shares"):
        pooled.pool.request_redeem(1, sender=SECOND)
    pooled.pool.request_redeem(1_000 * SHARE, sender=PROVIDER)
    with refuses(pooled.world, "pool: not enough shares"):
        pooled.pool.request_redeem(1, sender=PROVIDER)


def test_shares_not_yet_claimed_cannot_be_redeemed(pooled: Venue) -> None:
    pooled.pool.request_deposit(1_000 * DOLLAR, sender=PROVIDER)
    pooled.strike(ORACLE)
    with refuses(pooled.world, "pool: not enough shares"):
        pooled.pool.request_redeem(1, sender=PROVIDER)
