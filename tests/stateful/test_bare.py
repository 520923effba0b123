# SPDX-License-Identifier: Apache-2.0
"""The driver without a twin: what it finds good is good, and what is wrong in storage it finds."""

from __future__ import annotations

import pytest

from infold.reference.words import Account, Position

from .bare import Bare, slots_of
from .chain import MARKETS, STRANGER
from .ending import WEEK_S

TRANSITIONS = 2_000
SEED = 3


@pytest.fixture(scope="module")
def machine() -> Bare:
    machine = Bare(SEED)
    machine.run(TRANSITIONS, TRANSITIONS)
    return machine


def test_a_venue_without_its_twin_lands_batches_and_keeps_the_invariants(machine: Bare) -> None:
    assert machine.transitions >= TRANSITIONS
    assert machine.landed > 20, machine.table()
    assert len(machine.reasons) > 5 and len(machine.faults) > 20, machine.table()
    assert machine.chain.ticket_count() > 0, machine.table()


def test_a_venue_without_its_twin_is_wound_down_and_pays_everyone() -> None:
    machine = Bare(SEED)
    machine.run_to_the_end(TRANSITIONS * 3 // 4, TRANSITIONS)
    assert machine.succeeded["wind_down"] == 1
    assert machine.succeeded["register"] > 0 and machine.succeeded["claim"] > 5, machine.table()
    assert machine.succeeded["leave"] > 0, machine.table()
    machine.chain.world.store(
        machine.chain.addresses["vault"], slots_of("Vault")["accounted_e6"], machine.promised_e6 + 1
    )
    with pytest.raises(AssertionError, match="C4"):
        machine.check_end()


def test_a_venue_that_fell_silent_by_itself_is_wound_down_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No batch for a week before anybody looks: the first call ends it."""
    machine = Bare(SEED)
    machine.run(200, 200)
    silence_s = machine.now_s + 2 * WEEK_S
    monkeypatch.setattr(machine, "_crash", lambda: machine.travel(2 * WEEK_S))
    machine.end(machine.step)
    assert machine.succeeded["wind_down"] == 1
    assert machine.now_s < silence_s + 5 * WEEK_S


def test_batches_land_where_a_stranger_has_come_to_sign_prices_and_is_needed() -> None:
    machine = Bare(SEED)
    machine.set_keys("signer", STRANGER.address, 1)
    machine.set_keys("threshold", 4)
    machine.travel(40)
    assert machine.protocol.oracle.signers.threshold.at(machine.now_ms) == 4
    before = machine.landed
    for _ in range(10):
        machine.rule_settle()
    assert machine.landed > before


def test_a_venue_whose_first_eight_accounts_are_refused_opens_a_ninth() -> None:
    machine = Bare(2_713)
    assert machine.owners and machine.rules["open_account"] > 8


def test_what_the_driver_reads_is_what_the_getters_say(machine: Bare) -> None:
    storage = machine.storage
    read = 0
    for table in ("accounts", "positions", "withdrawals", "market_words", "strikes", "lp_requests"):
        for key, word in getattr(storage, table).items():
            assert machine.word(table, key) == word, f"{table}[{key}]"
            read += 1
    for table in ("delegates", "approvals", "holder_requests", "shares", "exits", "liquidated_ms"):
        for key, word in getattr(storage, table).items():
            assert machine.word(table, key) == word, f"{table}[{key}]"
            read += 1
    assert read > 50


def test_a_word_that_does_not_fit_is_found(machine: Bare) -> None:
    """One word of storage wrong, each time another law: the check names it."""
    clearing, at = machine.chain.addresses["clearing"], slots_of("Clearing")
    storage = machine.storage
    key, word = next(
        (key, word) for key, word in storage.positions.items() if key >> 4 in machine.owners
    )
    held = Position.of(word)
    account = storage.accounts[key >> 4]
    richer = Account.of(account)._replace(collateral_e6=Account.of(account).collateral_e6 + 1)
    pool = next(
        market
        for market in MARKETS
        if storage.market_word(market, 1) and not storage.market_word(market, 6)
    )
    wrong = [
        ("C2", at["positions"] + key, held._replace(base_e8=held.base_e8 + 1).word),
        ("C3", at["positions"] + key, held._replace(quote_e6=held.quote_e6 + 1).word),
        ("C4", at["accounts"] + (key >> 4), richer.word),
        ("C7", at["market_words"] + 8 * pool + 2, storage.market_word(pool, 2) ^ 1 << 64),
    ]
    machine.check_everything()
    for law, slot, lie in wrong:
        truth = int(machine.chain.evm.storage(clearing, slot))
        machine.chain.world.store(clearing, slot, lie)
        with pytest.raises(AssertionError, match=law):
            machine.check_everything()
        machine.chain.world.store(clearing, slot, truth)
    machine.check_everything()
