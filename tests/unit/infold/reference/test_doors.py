# SPDX-License-Identifier: Apache-2.0
"""The doors beside `settle`: what they write, and the barriers at c - 1, c, c + F and c + F + 1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.support.twin import BTC, CAPS, EPOCH_MS, FIRST, GOVERNANCE, RATES, Key, Venue

from infold.reference.faults import Fault
from infold.reference.words import Account, Delegate, Fill, Withdrawal

ACCOUNT = FIRST
CENT = 10**4


@pytest.fixture
def venue() -> Venue:
    return Venue()


def owner(venue: Venue) -> int:
    return venue.keys[ACCOUNT].address


def fails(reason: str, run: Callable[..., object], *arguments: Any, **who: int) -> None:
    with pytest.raises(Fault) as fault:
        run(*arguments, **who)
    assert fault.value.reason == reason


def collateral(venue: Venue, account: int = ACCOUNT) -> int:
    return Account.of(venue.protocol.state.accounts[account]).collateral_e6


def test_open_account(venue: Venue) -> None:
    run = venue.protocol.open_account
    fails("clearing: owner is zero", run, 0, 10**7, sender=1, now_s=0)
    fails("clearing: deposit too small", run, 5, 10**7 - 1, sender=1, now_s=0)
    assert run(5, 10**7, sender=1, now_s=0) == FIRST + 4
    assert Account.of(venue.protocol.state.accounts[FIRST + 4]) == Account(5, 10**7, 0, 0)
    assert [name for name, _ in venue.events] == ["AccountOpened", "CollateralMoved"]


def test_deposit(venue: Venue) -> None:
    run = venue.protocol.deposit
    for unknown in (0, FIRST + 4):
        fails("clearing: unknown account", run, unknown, 1, sender=1, now_s=0)
    fails("clearing: amount too large", run, ACCOUNT, 2**63, sender=1, now_s=0)
    before = collateral(venue)
    run(ACCOUNT, CENT, sender=1, now_s=0)
    run(1, CENT, sender=1, now_s=0)
    assert collateral(venue) == before + CENT


def test_request_withdrawal(venue: Venue) -> None:
    run = venue.protocol.request_withdrawal
    free = collateral(venue)
    who = {"sender": owner(venue), "now_s": venue.now_s}
    fails("clearing: not the owner", run, ACCOUNT, 1, sender=1, now_s=venue.now_s)
    for amount in (0, free + 1):
        fails("clearing: not enough collateral", run, ACCOUNT, amount, **who)
    run(ACCOUNT, free, **who)
    assert collateral(venue) == 0
    stored = Withdrawal.of(venue.protocol.state.withdrawals[ACCOUNT])
    assert stored == Withdrawal(free, venue.now_ms + 3_000)
    fails("clearing: withdrawal pending", run, ACCOUNT, 1, **who)


def test_claim_withdrawal_waits_for_barrier_and_window(venue: Venue) -> None:
    asked_s = venue.now_s
    run = venue.protocol.request_withdrawal
    run(ACCOUNT, CENT, sender=owner(venue), now_s=asked_s)
    claim = venue.protocol.claim_withdrawal
    # c = asked + 3 s; c + 15 s is still too early.
    fails("clearing: withdrawal not due", claim, ACCOUNT, 0, [], [], sender=1, now_s=asked_s + 18)
    accounted = venue.protocol.accounted_e6
    assert claim(ACCOUNT, 0, [], [], sender=1, now_s=asked_s + 19) == CENT
    assert venue.protocol.accounted_e6 == accounted - CENT
    assert claim(ACCOUNT, 0, [], [], sender=1, now_s=asked_s + 19) == 0


def test_claim_pays_what_margin_leaves_free(venue: Venue) -> None:
    venue.cross(ACCOUNT, FIRST + 1, 10**8)
    venue.protocol.request_withdrawal(
        ACCOUNT, collateral(venue), sender=owner(venue), now_s=venue.now_s
    )
    venue.now_s += 19
    # 6,000 of initial margin stay, and the fee of 18 is gone.
    vector = venue.vector(venue.now_ms)
    claim = venue.protocol.claim_withdrawal
    paid = claim(ACCOUNT, *vector, sender=1, now_s=venue.now_s)
    assert paid == (100_000 - 6_000 - 18) * 10**6
    assert collateral(venue) == 6_018 * 10**6


def test_claim_needs_a_price_for_what_is_held(venue: Venue) -> None:
    venue.cross(ACCOUNT, FIRST + 1)
    venue.protocol.request_withdrawal(ACCOUNT, 1, sender=owner(venue), now_s=venue.now_s)
    venue.now_s += 19
    del venue.prices_e8[BTC]
    vector = venue.vector(venue.now_ms)
    claim = venue.protocol.claim_withdrawal
    fails("clearing: no price", claim, ACCOUNT, *vector, sender=1, now_s=venue.now_s)


def test_cancel(venue: Venue) -> None:
    run = venue.protocol.cancel
    who = {"sender": owner(venue), "now_s": venue.now_s}
    fails("clearing: not the owner", run, ACCOUNT, 0, 5, sender=1, now_s=venue.now_s)
    fails("clearing: out of range", run, ACCOUNT, 256, 5, **who)
    fails("clearing: out of range", run, ACCOUNT, 0, 2**32, **who)
    fails("clearing: seq must rise", run, ACCOUNT, 0, 0, **who)
    run(ACCOUNT, 0, 5, **who)
    stored = Fill.of(venue.protocol.state.fills[ACCOUNT << 8])
    assert stored == Fill(0, venue.now_ms + 3_000, 5, 0, 0)
    fails("clearing: seq must rise", run, ACCOUNT, 0, 5, **who)
    who["now_s"] += 18
    fails("clearing: cancel too soon", run, ACCOUNT, 0, 6, **who)
    run(ACCOUNT, 1, 6, **who)
    who["now_s"] += 1
    run(ACCOUNT, 0, 6, **who)


def test_cancel_all(venue: Venue) -> None:
    run = venue.protocol.cancel_all
    who = {"sender": owner(venue), "now_s": venue.now_s}
    fails("clearing: not the owner", run, ACCOUNT, sender=1, now_s=venue.now_s)
    run(ACCOUNT, **who)
    assert venue.protocol.state.epoch_barriers[ACCOUNT] == venue.now_ms + 3_000
    who["now_s"] += 18
    fails("clearing: cancel too soon", run, ACCOUNT, **who)
    who["now_s"] += 1
    run(ACCOUNT, **who)
    stored = Account.of(venue.protocol.state.accounts[ACCOUNT])
    assert stored.epoch == 2
    venue.protocol.state.accounts[ACCOUNT] = stored._replace(epoch=65_535).word
    who["now_s"] += 19
    fails("clearing: epochs used up", run, ACCOUNT, **who)


def test_grant_and_revoke(venue: Venue) -> None:
    grant, revoke = venue.protocol.grant, venue.protocol.revoke
    key = Key(5).address
    now_ms = venue.now_ms
    who = {"sender": owner(venue), "now_s": venue.now_s}
    fails("delegates: not the owner", grant, ACCOUNT, key, 1, 1, now_ms + 1, sender=1, now_s=0)
    fails("delegates: key is zero", grant, ACCOUNT, 0, 1, 1, now_ms + 1, **who)
    for wide in ((1 << 128, 1, now_ms + 1), (1, 1 << 64, now_ms + 1), (1, 1, 1 << 48)):
        fails("delegates: out of range", grant, ACCOUNT, key, *wide, **who)
    fails("delegates: expiry has passed", grant, ACCOUNT, key, 1, 1, now_ms, **who)
    fails("delegates: not live", revoke, ACCOUNT, key, **who)
    grant(ACCOUNT, key, 1, 2, now_ms + 3_001, **who)
    place = ACCOUNT << 160 | key
    assert Delegate.of(venue.protocol.state.delegates[place]) == Delegate(1, 2, now_ms + 3_001)
    fails("delegates: still live", grant, ACCOUNT, key, 1, 2, now_ms + 9_000, **who)
    revoke(ACCOUNT, key, **who)
    assert Delegate.of(venue.protocol.state.delegates[place]).expiry_ms == now_ms + 3_000
    fails("delegates: not live", revoke, ACCOUNT, key, **who)
    who["now_s"] += 18
    fails("delegates: still live", grant, ACCOUNT, key, 1, 2, now_ms + 90_000, **who)
    who["now_s"] += 1
    grant(ACCOUNT, key, 1, 2, now_ms + 90_000, **who)


def test_an_order_is_approved_once_and_taken_back_for_good(venue: Venue) -> None:
    twin = venue.protocol
    who = {"sender": owner(venue), "now_s": venue.now_s}
    stranger = {"sender": 1, "now_s": venue.now_s}
    for door in (twin.approve, twin.disapprove):
        fails("delegates: not the owner", door, ACCOUNT, 7, **stranger)
    fails("delegates: wallet did not vouch", twin.prove, ACCOUNT, 7, False, **stranger)
    twin.prove(ACCOUNT, 7, True, **stranger)
    twin.approve(ACCOUNT, 8, **who)
    assert twin.state.approvals[ACCOUNT << 256 | 7] == 2**48 - 1
    for digest in (7, 8):
        fails("delegates: already decided", twin.approve, ACCOUNT, digest, **who)
        twin.disapprove(ACCOUNT, digest, **who)
        assert twin.state.approvals[ACCOUNT << 256 | digest] == venue.now_ms + 3_000
    twin.disapprove(ACCOUNT, 9, **who)
    assert twin.state.approvals[ACCOUNT << 256 | 9] == 1
    for digest in (7, 8, 9):
        fails("delegates: already decided", twin.disapprove, ACCOUNT, digest, **who)
        fails("delegates: already decided", twin.prove, ACCOUNT, digest, True, **stranger)


def test_set_market_waits_for_the_change_before(venue: Venue) -> None:
    run = venue.protocol.set_market
    words = (9, RATES.word, CAPS.word, 7)
    run(*words, sender=GOVERNANCE, now_s=1_000)
    fails("clearing: change pending", run, *words, sender=GOVERNANCE, now_s=1_018)
    run(*words, sender=GOVERNANCE, now_s=1_019)


def test_a_change_of_keys_waits_for_the_one_before(venue: Venue) -> None:
    signers = venue.protocol.oracle.signers
    newcomer = Key(70).address
    fails("signers: address is zero", signers.set, 0, True, now_s=1_000)
    fails("signers: not a signer", signers.set, newcomer, False, now_s=1_000)
    signers.set(newcomer, True, now_s=1_000)
    assert not signers.serves(newcomer, 1_003_000) and signers.serves(newcomer, 1_003_001)
    fails("signers: change pending", signers.set, newcomer, False, now_s=1_018)
    fails("signers: already a signer", signers.set, newcomer, True, now_s=1_019)
    signers.set(newcomer, False, now_s=1_019)
    assert signers.serves(newcomer, 1_022_000) and not signers.serves(newcomer, 1_022_001)


def test_a_threshold_is_never_above_the_live_keys(venue: Venue) -> None:
    signers = venue.protocol.oracle.signers
    fails("signers: threshold out of range", signers.set_threshold, 4, now_s=1_000)
    signers.set_threshold(3, now_s=1_000)
    assert signers.threshold.at(1_003_000) == 2 and signers.threshold.at(1_003_001) == 3
    fails("signers: change pending", signers.set_threshold, 2, now_s=1_018)
    some = next(iter(signers.service))
    fails("signers: threshold out of range", signers.set, some, False, now_s=1_100)


def test_the_matcher_changes_behind_a_barrier(venue: Venue) -> None:
    seals = venue.protocol.seals
    fails("seals: address is zero", seals.set_matcher, 0, now_s=1_000)
    seals.set_matcher(5, now_s=1_000)
    fails("seals: change pending", seals.set_matcher, 6, now_s=1_018)
    seals.set_matcher(6, now_s=1_019)
    assert (seals.matcher.at(1_022_000), seals.matcher.at(1_022_001)) == (5, 6)


def test_shares(venue: Venue) -> None:
    protocol = venue.protocol
    who = {"sender": 77, "now_s": venue.now_s}
    for run in (protocol.request_deposit, protocol.request_redeem):
        fails("pool: amount is zero", run, 0, 77, 77, **who)
    fails("pool: amount too large", protocol.request_deposit, 2**62, 77, 77, **who)
    fails("pool: controller is zero", protocol.request_deposit, 1, 0, 77, **who)
    fails("pool: not the owner or an operator", protocol.request_deposit, 1, 77, 78, **who)
    protocol.request_deposit(2**62 - 1, 77, 77, **who)
    fails("pool: epoch is full", protocol.request_deposit, 1, 77, 77, **who)
    fails("erc20: insufficient allowance", protocol.request_redeem, 1, 77, 78, **who)
    fails("pool: not enough shares", protocol.request_redeem, 1, 77, 77, **who)
    claims = (
        protocol.claim_deposit,
        protocol.claim_mint,
        protocol.claim_withdraw,
        protocol.claim_redeem,
    )
    for run in claims:
        fails("pool: not the owner or an operator", run, 1, 77, 78, **who)
        fails("pool: amount is zero", run, 0, 77, 77, **who)
        fails("pool: more than claimable", run, 1, 77, 77, **who)
    for run in (protocol.take_back_deposit, protocol.take_back_redeem):
        fails("pool: not the owner or an operator", run, 2, 77, 78, **who)
        fails("pool: nothing to take back", run, 2, 77, 77, **who)


def test_a_controller_has_eight_open_requests_a_side(venue: Venue) -> None:
    protocol = venue.protocol
    who = {"sender": 77}
    for _ in range(8):
        protocol.request_deposit(1, 77, 77, now_s=venue.now_s, **who)
        venue.now_s += EPOCH_MS // 1000 + 4
        venue.settle([])
    run = protocol.request_deposit
    fails("pool: claim older requests first", run, 1, 77, 77, now_s=venue.now_s, **who)
    protocol.claim_own_deposit(1, 77, now_s=venue.now_s, **who)
    protocol.request_deposit(1, 77, 77, now_s=venue.now_s, **who)
