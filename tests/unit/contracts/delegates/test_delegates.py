# SPDX-License-Identifier: Apache-2.0
"""Delegates.grant, revoke and covers, and what a delegate's order does in the real settle (C5)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.evm import ZERO, Receipt, a_key, refuses
from tests.support.venue import DOLLAR, LOT, PRICE_E8, Venue
from tests.support.wallets import MAGIC, MAGIC_IF, asks_first, open_for, raw_contract, says

from infold.words import BatchRecord, pack_delegate_markets, pack_record

OWNER, KEY, STRANGER = a_key("owner"), a_key("delegate"), a_key("stranger")
HOUR_MS = 3_600_000
ORACLE = {1: PRICE_E8}


@pytest.fixture
def account(venue: Venue) -> int:
    venue.list_market(1)
    venue.back()
    return venue.open_account(OWNER)


def grant(venue: Venue, account: int, **changes: Any) -> Receipt:
    terms: dict[str, Any] = {
        "key": KEY.address,
        "markets": pack_delegate_markets([1]),
        "notional_e6": 1_000_000 * DOLLAR,
        "expiry": venue.world.now_ms + HOUR_MS,
    }
    receipt: Receipt = venue.delegates.grant(
        account, *(terms | changes).values(), sender=changes.pop("sender", OWNER)
    )
    return receipt


def cover(venue: Venue, account: int, time_ms: int, **changes: Any) -> bool:
    order = venue.an_order(account, **changes)
    record: BatchRecord = pack_record(order, 0, order.size_e8, True, 0, 0)
    answer: bool = venue.delegates.covers(
        account, KEY.address, record.order, order.limit_price_e8, time_ms, bytes(32)
    )
    return answer


def test_grant_serves_at_once_and_until_its_expiry(venue: Venue, account: int) -> None:
    now_ms = venue.world.now_ms
    receipt = grant(venue, account)
    word = venue.delegates.delegates(account, KEY.address)
    assert receipt.only("DelegateSet") == {
        "account": account,
        "key": KEY.address.lower(),
        "delegate": word,
    }
    assert cover(venue, account, now_ms)
    assert cover(venue, account, now_ms + HOUR_MS)
    assert not cover(venue, account, now_ms + HOUR_MS + 1)


def test_covers_holds_the_key_to_its_markets_and_notional(venue: Venue, account: int) -> None:
    markets = pack_delegate_markets([3, 1, 255])
    limit = PRICE_E8
    grant(venue, account, markets=markets, notional_e6=60_000 * DOLLAR)
    now_ms = venue.world.now_ms
    for market in (1, 3, 255):
        assert cover(venue, account, now_ms, market=market, limit_price_e8=limit)
    assert not cover(venue, account, now_ms, market=2, limit_price_e8=limit)
    assert not cover(venue, account, now_ms, limit_price_e8=limit, size_e8=LOT + LOT // 1000)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"key": "0x" + "00" * 20}, "delegates: key is zero"),
        ({"markets": 2**128}, "delegates: out of range"),
        ({"notional_e6": 2**64}, "delegates: out of range"),
        ({"expiry": 2**48}, "delegates: out of range"),
        ({"expiry": 0}, "delegates: expiry has passed"),
    ],
)
def test_grant_rejects_terms_out_of_range(
    venue: Venue, account: int, changes: dict[str, Any], reason: str
) -> None:
    grant(venue, account, markets=2**128 - 1, notional_e6=2**64 - 1, expiry=2**48 - 1)
    fresh = {"key": STRANGER.address} | changes
    with refuses(venue.world, reason):
        grant(venue, account, **fresh)


def test_grant_rejects_an_expiry_of_now(venue: Venue, account: int) -> None:
    with refuses(venue.world, "delegates: expiry has passed"):
        grant(venue, account, expiry=venue.world.now_ms)
    grant(venue, account, expiry=venue.world.now_ms + 1)


def test_grant_never_edits_a_live_key(venue: Venue, account: int) -> None:
    grant(venue, account, expiry=venue.world.now_ms + 5_000)
    venue.world.travel(5 + 15)
    with refuses(venue.world, "delegates: still live"):
        grant(venue, account)
    venue.world.travel(1)
    grant(venue, account)


def test_revoke_ends_the_key_at_the_barrier(venue: Venue, account: int) -> None:
    grant(venue, account)
    barrier = venue.world.now_ms + 3_000
    venue.delegates.revoke(account, KEY.address, sender=OWNER)
    assert cover(venue, account, barrier)
    assert not cover(venue, account, barrier + 1)
    with refuses(venue.world, "delegates: not live"):
        venue.delegates.revoke(account, KEY.address, sender=OWNER)
    with refuses(venue.world, "delegates: not live"):
        venue.delegates.revoke(account, STRANGER.address, sender=OWNER)


def test_only_the_owner_grants_and_revokes(venue: Venue, account: int) -> None:
    with refuses(venue.world, "delegates: not the owner"):
        venue.delegates.grant(account, KEY.address, 1, 1, 2**48 - 1, sender=KEY)
    grant(venue, account)
    for somebody in (KEY, STRANGER):
        with refuses(venue.world, "delegates: not the owner"):
            venue.delegates.revoke(account, KEY.address, sender=somebody)


def settled(venue: Venue, account: int, *, delegated: bool, key: Any) -> Receipt:
    """One small sale by an account to the pool, signed by a key."""
    venue.world.travel(1)
    order = venue.an_order(account, buy=False, size_e8=LOT // 10, limit_price_e8=1)
    plan = venue.a_fill(order, key=key, delegated=delegated)
    deal = PRICE_E8 - PRICE_E8 * 600 // 10**6
    return venue.settle(venue.a_batch([plan], oracle=ORACLE, prices={1: deal}))


def test_a_delegates_order_fills_while_the_grant_lasts(venue: Venue, account: int) -> None:
    venue.provide(a_key("provider"), 1_000_000 * DOLLAR, ORACLE)
    for early in (settled(venue, account, delegated=True, key=KEY),):
        assert [skip["reason"] for skip in early.all("Skipped")] == [10]
    grant(venue, account)
    assert not settled(venue, account, delegated=True, key=KEY).all("Skipped")
    wrong = settled(venue, account, delegated=False, key=KEY)
    assert [skip["reason"] for skip in wrong.all("Skipped")] == [10]
    stranger = settled(venue, account, delegated=True, key=STRANGER)
    assert [skip["reason"] for skip in stranger.all("Skipped")] == [10]
    venue.delegates.revoke(account, KEY.address, sender=OWNER)
    venue.world.travel(3)
    late = settled(venue, account, delegated=True, key=KEY)
    assert [skip["reason"] for skip in late.all("Skipped")] == [10]


def test_an_approval_is_given_once_and_taken_back_once(venue: Venue, account: int) -> None:
    delegates, digest = venue.delegates, b"\7" * 32
    for name in ("approve", "disapprove"):
        with refuses(venue.world, "delegates: not the owner"):
            getattr(delegates, name)(account, digest, sender=STRANGER)
    delegates.approve(account, digest, sender=OWNER)
    with refuses(venue.world, "delegates: already decided"):
        delegates.approve(account, digest, sender=OWNER)
    delegates.disapprove(account, digest, sender=OWNER)
    assert delegates.approvals(account, digest) == venue.world.now_ms + 3_000
    forbidden = b"\x08" * 32
    delegates.disapprove(account, forbidden, sender=OWNER)
    assert delegates.approvals(account, forbidden) == 1
    for decided in (digest, forbidden):
        for name in ("approve", "disapprove"):
            with refuses(venue.world, "delegates: already decided"):
                getattr(delegates, name)(account, decided, sender=OWNER)


@pytest.mark.parametrize(("gas", "vouched"), [(99_997, False), (99_998, True), (99_999, False)])
def test_a_wallet_has_100000_gas_to_vouch_with(venue: Venue, gas: int, vouched: bool) -> None:
    """Its first instruction costs 2 and says what is left then."""
    code = bytes.fromhex(f"5a62{gas:06x}14") + MAGIC_IF
    wallet = raw_contract(venue.world, code, STRANGER)
    account = open_for(venue, wallet.address, STRANGER)
    if vouched:
        venue.delegates.prove(account, bytes(32), b"", sender=STRANGER)
    else:
        with refuses(venue.world, "delegates: wallet did not vouch"):
            venue.delegates.prove(account, bytes(32), b"", sender=STRANGER)


def test_delegates_answers_nobody_while_a_wallet_is_asked(venue: Venue) -> None:
    questions = (
        (venue.clearing, venue.clearing.calldata("accounts", 17)),
        (venue.delegates, venue.delegates.calldata("approvals", 17, bytes(32))),
        (venue.delegates, venue.delegates.calldata("delegates", 17, KEY.address)),
    )
    for asked, question in questions:
        code = asks_first(asked.address, question, MAGIC_IF)
        wallet = raw_contract(venue.world, code, STRANGER)
        account = open_for(venue, wallet.address, STRANGER)
        if asked is venue.clearing:
            venue.delegates.prove(account, bytes(32), b"", sender=STRANGER)
        else:
            with refuses(venue.world, "delegates: wallet did not vouch"):
                venue.delegates.prove(account, bytes(32), b"", sender=STRANGER)


def test_covers_takes_an_approval_to_its_last_time_and_from_nobodys_key(
    venue: Venue, account: int
) -> None:
    digest, approved, delegated = b"\7" * 32, 1 << 192, 1 << 191
    venue.delegates.approve(account, digest, sender=OWNER)
    venue.delegates.disapprove(account, digest, sender=OWNER)
    until = venue.delegates.approvals(account, digest)

    def covers(order: int, time_ms: int) -> bool:
        found: bool = venue.delegates.covers(account, ZERO, order, PRICE_E8, time_ms, digest)
        return found

    assert covers(approved, until) and not covers(approved, until + 1)
    assert not covers(approved | delegated, until)


def test_a_proof_is_of_2048_bytes_at_most(venue: Venue) -> None:
    wallet = raw_contract(venue.world, says(MAGIC), STRANGER)
    account = open_for(venue, wallet.address, STRANGER)
    with refuses(venue.world, ""):
        venue.delegates.prove(account, bytes(32), bytes(2_049), sender=STRANGER)
    venue.delegates.prove(account, bytes(32), bytes(2_048), sender=STRANGER)
