# SPDX-License-Identifier: Apache-2.0
"""Delegates.grant and revoke: what they store, and whom and when they refuse."""

from __future__ import annotations

import pytest
from tests.support.evm import ZERO, World, a_key, refuses
from tests.support.venue import Venue

from infold.words import DelegateWord, pack_delegate_markets, unpack_delegate

OWNER, KEY, STRANGER = a_key("owner"), a_key("session key"), a_key("stranger")
NONE = bytes(32)
MARKETS = pack_delegate_markets((1, 2, 65_535))


@pytest.fixture
def account(venue: Venue) -> int:
    return venue.open_account(OWNER)


def test_grant_stores_markets_notional_and_expiry(venue: Venue, account: int) -> None:
    expiry_ms = venue.world.now_ms + 60_000
    receipt = venue.delegates.grant(
        account, KEY.address, MARKETS, 2**64 - 1, expiry_ms, sender=OWNER
    )
    word = venue.delegates.delegates(account, KEY.address)
    assert unpack_delegate(word) == DelegateWord(MARKETS, 2**64 - 1, expiry_ms)
    assert receipt.only("DelegateSet") == {
        "account": account,
        "key": KEY.address.lower(),
        "delegate": word,
    }


def test_grant_and_revoke_are_the_owners(venue: Venue, account: int) -> None:
    expiry_ms = venue.world.now_ms + 60_000
    for who, of in ((STRANGER, account), (KEY, account), (OWNER, account + 1), (OWNER, 0)):
        with refuses(venue.world, "delegates: not the owner"):
            venue.delegates.grant(of, KEY.address, MARKETS, 1, expiry_ms, sender=who)
        with refuses(venue.world, "delegates: not the owner"):
            venue.delegates.revoke(of, KEY.address, sender=who)


def test_grant_rejects_the_zero_key(venue: Venue, account: int) -> None:
    """Signatures that recover nobody would be its own."""
    with refuses(venue.world, "delegates: key is zero"):
        venue.delegates.grant(account, ZERO, MARKETS, 1, venue.world.now_ms + 1, sender=OWNER)


@pytest.mark.parametrize(
    ("markets", "notional_e6", "expiry_ms"),
    [(2**128, 1, 2**48 - 1), (1, 2**64, 2**48 - 1), (1, 1, 2**48), (2**256 - 1, 0, 2**47)],
)
def test_grant_rejects_what_its_word_has_no_room_for(
    venue: Venue, account: int, markets: int, notional_e6: int, expiry_ms: int
) -> None:
    with refuses(venue.world, "delegates: out of range"):
        venue.delegates.grant(account, KEY.address, markets, notional_e6, expiry_ms, sender=OWNER)
    most = (2**128 - 1, 2**64 - 1, 2**48 - 1)
    venue.delegates.grant(account, KEY.address, *most, sender=OWNER)


def test_grant_rejects_an_expiry_that_has_passed(venue: Venue, account: int) -> None:
    now_ms = venue.world.now_ms
    for expiry_ms in (0, now_ms - 1, now_ms):
        with refuses(venue.world, "delegates: expiry has passed"):
            venue.delegates.grant(account, KEY.address, MARKETS, 1, expiry_ms, sender=OWNER)
    venue.delegates.grant(account, KEY.address, MARKETS, 1, now_ms + 1, sender=OWNER)


def test_a_grant_is_never_edited(venue: Venue, account: int) -> None:
    """A new one waits until no batch under the old one can land: expiry + F."""
    start_s = venue.world.timestamp_s
    expiry_ms = venue.world.now_ms + 5_000
    venue.delegates.grant(account, KEY.address, MARKETS, 1, expiry_ms, sender=OWNER)
    for wait_s in (0, 5, 6, 20):
        venue.world.at(start_s + wait_s)
        with refuses(venue.world, "delegates: still live"):
            venue.delegates.grant(account, KEY.address, 1, 1, 2**47, sender=OWNER)
    other = a_key("another session key")
    venue.delegates.grant(account, other.address, 1, 1, 2**47, sender=OWNER)
    venue.world.at(start_s + 21)
    venue.delegates.grant(account, KEY.address, 1, 1, 2**47, sender=OWNER)


def test_revoke_ends_a_grant_at_the_barrier_and_keeps_its_terms(venue: Venue, account: int) -> None:
    venue.delegates.grant(account, KEY.address, MARKETS, 7, 2**47, sender=OWNER)
    receipt = venue.delegates.revoke(account, KEY.address, sender=OWNER)
    word = venue.delegates.delegates(account, KEY.address)
    assert unpack_delegate(word) == DelegateWord(MARKETS, 7, venue.world.now_ms + 3_000)
    assert receipt.only("DelegateSet")["delegate"] == word


def test_revoke_rejects_what_ends_no_later_by_itself(venue: Venue, account: int) -> None:
    with refuses(venue.world, "delegates: not live"):
        venue.delegates.revoke(account, KEY.address, sender=OWNER)
    barrier_ms = venue.world.now_ms + 3_000
    venue.delegates.grant(account, KEY.address, MARKETS, 7, barrier_ms, sender=OWNER)
    with refuses(venue.world, "delegates: not live"):
        venue.delegates.revoke(account, KEY.address, sender=OWNER)
    other = a_key("another session key")
    venue.delegates.grant(account, other.address, MARKETS, 7, barrier_ms + 1, sender=OWNER)
    venue.delegates.revoke(account, other.address, sender=OWNER)
    with refuses(venue.world, "delegates: not live"):
        venue.delegates.revoke(account, other.address, sender=OWNER)


def test_covers_answers_as_the_grant_says(venue: Venue, account: int) -> None:
    """The first word of a record and its limit: market @200, size @8."""
    expiry_ms = venue.world.now_ms + 60_000
    venue.delegates.grant(account, KEY.address, MARKETS, 600, expiry_ms, sender=OWNER)

    def covers(market: int, size_e8: int, limit_e8: int, time_ms: int = expiry_ms) -> bool:
        order = market << 200 | size_e8 << 8
        found: bool = venue.delegates.covers(account, KEY.address, order, limit_e8, time_ms, NONE)
        return found

    assert covers(1, 10**6, 6 * 10**6) and covers(65_535, 1, 1)
    assert not covers(3, 1, 1) and not covers(1, 1, 1, expiry_ms + 1)
    assert covers(1, 10**6, 6_009_999) and not covers(1, 10**6, 6_010_000)
    assert not covers(1, 2**64 - 1, 2**64 - 1)
    assert not venue.delegates.covers(account, STRANGER.address, 1 << 200, 1, 0, NONE)


def test_a_free_place_in_the_list_is_no_market(venue: Venue, account: int) -> None:
    """Market 0 does not exist, so a zero in the list lets nobody trade: Clearing prices no such."""
    venue.delegates.grant(account, KEY.address, 0, 2**64 - 1, 2**47, sender=OWNER)
    for market in (1, 2, 65_535):
        assert not venue.delegates.covers(account, KEY.address, market << 200, 1, 1, NONE)


def test_init_rejects_the_zero_address() -> None:
    world = World()
    with refuses(world, "delegates: address is zero"):
        world.deploy("Delegates", ZERO, sender=a_key("deployer"))
