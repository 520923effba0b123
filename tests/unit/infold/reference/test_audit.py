# SPDX-License-Identifier: Apache-2.0
"""An audit of an honest history finds nothing; one of a forged history finds the forgery."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from tests.support.recorded_twin import CLEARING, RecordedVenue
from tests.support.recorded_twin import audited as of_recorded
from tests.support.twin import BTC, EPOCH_MS, ETH, PROVIDER, Key

from infold.reference.audit import IDS
from infold.reference.chain_words import state_hash
from infold.reference.history import Entry, Event, History
from infold.reference.replay import Sampling
from infold.reference.state import State


def a_venue() -> RecordedVenue:
    """Crossed and pooled trades, skips, a cancel, a delegate, a withdrawal, shares in and out."""
    venue = RecordedVenue()
    venue.cross(17, 18)
    venue.cross(18, 17, size_e8=3 * 10**7)
    bad = venue.order(19, buy=False, size_e8=5 * 10**7, expiry_ms=venue.now_ms)
    price = venue.prices_e8[BTC] * 10_004 // 10_000
    venue.settle(
        [venue.order(17), bad, venue.order(20, buy=False, size_e8=4 * 10**7)],
        {BTC: price, ETH: venue.prices_e8[ETH]},
    )
    venue.door("Clearing", "cancel", 17, 0, 99, sender=venue.keys[17].address)
    key = Key(555)
    grant = (18, key.address, BTC, 10**12, venue.now_ms + 10**6)
    venue.door("Delegates", "grant", *grant, sender=venue.keys[18].address)
    for door in ("approve", "disapprove"):
        venue.door("Delegates", door, 18, 2**256 - 1, sender=venue.keys[18].address)
    venue.prices_e8[BTC] += 10**10
    venue.settle(
        [venue.order(18, size_e8=10**7, key=key, delegated=True, slot=7)],
        {BTC: venue.prices_e8[BTC] * 10_004 // 10_000},
    )
    venue.door("Clearing", "request_withdrawal", 20, 10**6, sender=venue.keys[20].address)
    venue.now_s += 20
    vector = venue.vector(venue.now_ms)
    venue.door("Clearing", "claim_withdrawal", 20, *vector)
    deposited = venue.protocol.left(PROVIDER, 1, redeems=False)
    third = (deposited.assets_e6 // 3, PROVIDER)
    venue.door("Pool", "claim_own_deposit", *third, sender=PROVIDER)
    operator = 0x0B0B
    venue.door("Pool", "set_operator", operator, 1, sender=PROVIDER)
    rest = deposited.shares - venue.protocol.state.shares[PROVIDER]
    venue.door("Pool", "claim_mint", rest, PROVIDER, PROVIDER, sender=operator)
    # A spender with an allowance, which the twin takes for granted where a call landed.
    venue.protocol.spenders_allowed = True
    given = (rest // 2, PROVIDER, PROVIDER)
    venue.door("Pool", "request_redeem", *given, sender=0xA110)
    venue.now_s += EPOCH_MS // 1000
    venue.settle([])
    paid = venue.protocol.left(PROVIDER, 2, redeems=True).assets_e6
    venue.door("Pool", "claim_withdraw", paid // 2, 0xCAFE, PROVIDER, sender=operator)
    shares = venue.protocol.left(PROVIDER, 2, redeems=True).shares
    venue.door("Pool", "claim_redeem", shares, PROVIDER, PROVIDER, sender=PROVIDER)
    bankrupt(venue)
    venue.set_source(BTC, 0x50, (venue.prices_e8[BTC], venue.now_s))
    venue.now_s += 19
    venue.refresh(BTC, (venue.prices_e8[BTC] // 2, venue.now_s))
    venue.set_source(ETH, 0x50, (venue.prices_e8[ETH], venue.now_s - 5))
    venue.now_s += 4
    venue.settle([venue.order(17, slot=9), venue.order(18, buy=False, slot=9)])
    venue.now_s += 15
    venue.set_source(ETH, 0, (0, 0))
    venue.now_s += 19
    venue.refresh(ETH, (0, 0))
    venue.withdraw_backstop(10**6)
    venue.now_s += 19
    paid = venue.door("Clearing", "claim_withdrawal", 1, *venue.vector(venue.now_ms))
    assert paid == 10**6
    return venue


def bankrupt(venue: RecordedVenue) -> None:
    """One who borrowed nine times what it had loses all of it and more; the pool pays the rest and
    is struck after.
    """
    venue.deposit(2, 10**6)
    venue.cross(19, 20, 14 * 10**8)
    venue.door("Recovery", "force_reduce", 20, 0, 10**8, sender=venue.keys[20].address)
    venue.now_s += 60
    venue.door("Recovery", "execute_exit", *venue.vector(venue.now_ms), 20, 0)
    venue.prices_e8[BTC] = venue.prices_e8[BTC] * 86 // 100
    venue.door("Recovery", "liquidate", *venue.vector(venue.now_ms), 19, 0, 17)
    venue.now_s += EPOCH_MS // 1000
    venue.settle([])


VENUE = a_venue()


audited = partial(of_recorded, VENUE)
"""The audit of that history, unless another is given."""


def test_an_honest_history_is_found_honest() -> None:
    result = audited()
    assert result["mismatches"] == []
    for name in IDS:
        found = result["invariants"][name]
        assert found["held"] and found["checked"] >= 1, (name, found)
    assert result["ok"]
    assert result["batches"] == 9
    assert result["signatures"] == {"mode": "all", "orders": 12, "orders_checked": 11}


def test_the_state_hash_depends_on_every_word() -> None:
    state = copied(VENUE.protocol.state)
    key = next(iter(state.fills))
    state.fills[key] ^= 1 << 200
    assert audited(state=state)["state_hash"] != audited()["state_hash"]


@pytest.mark.parametrize(
    ("table", "key"),
    [("approvals", 17 << 256 | 2**256 - 1), ("operators", 2**320 - 1), ("delegates", 2**192 - 1)],
)
def test_the_state_hash_depends_on_words_whose_key_is_wider_than_a_word(
    table: str, key: int
) -> None:
    hashes = set()
    for place, word in ((key, 1), (key, 2), (key - 1, 1)):
        state = copied(VENUE.protocol.state)
        getattr(state, table)[place] = word
        hashes.add(state_hash(state))
    assert len(hashes) == 3


@pytest.mark.parametrize(("mode", "checked"), [("all", 11), ("none", 1)])
def test_signatures_are_recovered_as_asked(mode: str, checked: int) -> None:
    # One order is delegated: only its key tells which delegate signed.
    assert audited(mode=mode)["signatures"]["orders_checked"] == checked


def test_a_sample_is_evenly_spread() -> None:
    sampling = Sampling("sample", 10, records=95)
    assert [it for it in range(95) if sampling.wants(it)] == list(range(0, 95, 10))


# -- forgeries --------------------------------------------------------------------


def copied(state: State) -> State:
    other = State()
    for table in State.tables:
        setattr(other, table, dict(getattr(state, table)))
    return other


def forged(change: Callable[[int, Entry], Entry | None]) -> History:
    """The history with entries changed, or left out where the change gives None."""
    history = VENUE.history()
    entries = [change(at, entry) for at, entry in enumerate(history.entries)]
    return history._replace(entries=[entry for entry in entries if entry is not None])


def position_of(name: str, nth: int = 0) -> int:
    """The place of the nth transaction that logged an event."""
    return [
        at
        for at, entry in enumerate(VENUE.entries)
        if any(event.name == name for event in entry.events)
    ][nth]


def with_events(name: str, change: Callable[[Event], Event | None], nth: int = 0) -> History:
    """The history with one transaction's events of a name changed or dropped."""
    target = position_of(name, nth)

    def change_entry(at: int, entry: Entry) -> Entry:
        if at != target:
            return entry
        events = [change(event) if event.name == name else event for event in entry.events]
        return entry._replace(events=[event for event in events if event is not None])

    return forged(change_entry)


@pytest.mark.parametrize(
    "name",
    [
        "AccountOpened",
        "CollateralMoved",
        "WithdrawalSet",
        "Cancelled",
        "AccountSettled",
        "Filled",
        "Skipped",
        "MarketSettled",
        "BackstopSettled",
        "PoolStruck",
        "MarketSet",
        "DelegateSet",
        "LiquidityRequested",
        "DepositRequest",
        "RedeemRequest",
        "OperatorSet",
        "Deposit",
        "Withdraw",
        "Claimed",
        "Liquidated",
        "ExitSet",
        "Applied",
        "Covered",
    ],
)
def test_a_log_that_is_missing_is_noticed(name: str) -> None:
    result = audited(with_events(name, lambda event: None))
    assert result["mismatches"]
    assert not result["ok"]


@pytest.mark.parametrize(
    ("name", "argument"),
    [("MarketSettled", 3), ("Filled", 0), ("Filled", 1), ("BatchSettled", 1), ("PoolStruck", 1)],
)
def test_a_log_with_another_word_is_noticed(name: str, argument: int) -> None:
    def change(event: Event) -> Event:
        words = list(event.arguments)
        word = words[argument]
        assert isinstance(word, int)
        words[argument] = word ^ 1 << 112
        return event._replace(arguments=tuple(words))

    assert audited(with_events(name, change))["mismatches"]


def test_a_stored_word_that_differs_is_noticed_and_breaks_the_sums() -> None:
    state = copied(VENUE.protocol.state)
    key = next(iter(state.positions))
    state.positions[key] += 1 << 152
    result = audited(state=state)
    assert len([line for line in result["mismatches"] if f"positions[{key}]" in line]) == 2
    assert not result["invariants"]["C2"]["held"]


def test_missing_tokens_break_c4() -> None:
    result = audited(balance_e6=VENUE.protocol.accounted_e6 - 1)
    assert not result["invariants"]["C4"]["held"]
    assert not result["ok"]


def test_a_donation_breaks_nothing() -> None:
    assert audited(balance_e6=VENUE.protocol.accounted_e6 + 10**9)["ok"]


def test_changed_calldata_is_noticed() -> None:
    target = position_of("Filled")

    def change(at: int, entry: Entry) -> Entry:
        if at != target:
            return entry
        data = bytearray(entry.transaction.data)
        data[-1] ^= 1
        return entry._replace(transaction=entry.transaction._replace(data=bytes(data)))

    result = audited(forged(change))
    assert any("seals: not the matcher" in line for line in result["mismatches"])


def test_a_batch_that_landed_too_late_is_noticed() -> None:
    target = position_of("Filled")

    def change(at: int, entry: Entry) -> Entry:
        if at != target:
            return entry
        late = entry.transaction._replace(time_s=entry.transaction.time_s + 16)
        return entry._replace(transaction=late)

    result = audited(forged(change))
    assert any("outside window" in line for line in result["mismatches"])
    assert not result["invariants"]["C9"]["held"]


def test_a_batch_that_failed_without_cause_is_noticed() -> None:
    target = position_of("BatchSettled", 1)

    def change(at: int, entry: Entry) -> Entry:
        return entry._replace(events=[]) if at == target else entry

    result = audited(forged(change))
    assert any("would have settled it" in line for line in result["mismatches"])


def test_an_unknown_contract_that_moves_state_is_noticed() -> None:
    target = position_of("Cancelled")

    def change(at: int, entry: Entry) -> Entry:
        if at != target:
            return entry
        hidden = entry.transaction._replace(to=CLEARING + 1, data=b"\x01\x02\x03\x04")
        return entry._replace(transaction=hidden)

    result = audited(forged(change))
    assert any("not in the transaction's calldata" in line for line in result["mismatches"])


def test_a_door_called_through_a_forwarder_is_still_replayed() -> None:
    target = position_of("Cancelled")

    def change(at: int, entry: Entry) -> Entry:
        if at != target:
            return entry
        carried = entry.transaction._replace(
            to=CLEARING + 1, data=b"\x01\x02\x03\x04" * 9 + entry.transaction.data
        )
        return entry._replace(transaction=carried)

    assert audited(forged(change))["ok"]


def a_deposit_by_another(more_e6: int) -> History:
    """The history with a deposit made by a contract of which nothing is known, as with a permit."""
    target = next(
        at for at, it in enumerate(VENUE.entries) if it.events[0].name == "CollateralMoved"
    )

    def change(at: int, entry: Entry) -> Entry:
        if at != target:
            return entry
        moved, *rest = entry.events
        account, amount_e6, word = moved.arguments
        assert isinstance(amount_e6, int)
        events = [moved._replace(arguments=(account, amount_e6 + more_e6, word)), *rest]
        called = entry.transaction._replace(to=CLEARING + 1, data=b"\x01\x02\x03\x04")
        return Entry(called, events)

    return forged(change)


def test_a_deposit_through_another_contract_is_told_by_its_log() -> None:
    assert audited(a_deposit_by_another(0))["ok"]
    for more_e6 in (-1, 1, -(10**18)):
        assert audited(a_deposit_by_another(more_e6))["mismatches"]
