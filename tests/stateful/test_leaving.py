# SPDX-License-Identifier: Apache-2.0
"""C12: from states a random venue reached, every trader is out with all that is theirs, and nobody
settles a batch for it.

Positions leave by forced exits, money by a withdrawal and, beyond the vault's
limit, by tickets that are all paid seven days after the last claim. Where the pool has no room the
other side takes over, and folds (docs/decisions/0085).
"""

from __future__ import annotations

import pytest

from infold.reference.deleveraging import EXIT_DELAY_MS, behind
from infold.reference.faults import Fault
from infold.reference.outflow import QUEUE_S
from infold.reference.words import Account, Exit, Head, Position, Withdrawal

from .chain import MARKETS, STRANGER
from .machine import Machine

TRANSITIONS = 160
WIDE_E8 = 2**60 - 1


def made_room(machine: Machine, room_e8: int) -> None:
    """Caps of so much, in force, and no second source that doubts a price: while one does an exit
    waits.
    """
    for market in list(machine.state.readings):
        machine.travel(40)
        machine.set_source((market, 0, 100, 60, False), machine.governance)
        machine.travel(40)
        machine.refresh(market)
    machine.travel(40)
    for market in MARKETS:
        caps = machine._caps(market)._replace(position_cap_e8=room_e8)
        machine.set_market(market, machine._rates(market), caps)
    machine.travel(40)


def held(machine: Machine, account: int) -> list[int]:
    mask = Account.of(machine.state.accounts[account]).mask
    return [place for place in range(16) if mask >> place & 1]


def fold(machine: Machine, key: int) -> None:
    """Give up what a position's side owes, if it does."""
    while behind(machine.state, Position.of(machine.state.positions.get(key, 0))):
        out = machine.door("recovery", "fold", (key >> 4, key & 15), STRANGER.address)
        assert not isinstance(out, Fault), f"{key:#x}: {out}"


def leave_positions(machine: Machine, account: int) -> None:
    """One appointed time for each position; requests of before are carried out as they are."""
    owner = machine.owners[account].address
    for _ in range(2):
        for place in held(machine, account):
            key = account << 4 | place
            fold(machine, key)
            if key not in machine.state.positions:
                continue
            if key not in machine.state.exits:
                base = Position.of(machine.state.positions[key]).base_e8
                machine.door("recovery", "force_reduce", (account, place, abs(base)), owner)
            asked = Exit.of(machine.state.exits[key])
            last_ms = max(asked.done_ms, machine.now_ms - 1_000)
            rounds = max(1, (last_ms - asked.asked_ms) // EXIT_DELAY_MS + 1)
            due_ms = asked.asked_ms + rounds * EXIT_DELAY_MS
            machine.travel((due_ms - machine.now_ms) // 1000)
            vector = machine.vector(due_ms)
            out = machine.door(
                "recovery", "execute_exit", (*vector, account, place), STRANGER.address
            )
            assert not isinstance(out, Fault), f"account {account} place {place}: {out}"


def leave_with_money(machine: Machine, account: int) -> int:
    """Request, wait, claim, until nothing is left; what was paid, e6."""
    owner = machine.owners[account].address
    paid = 0
    for _ in range(2):
        cash = Account.of(machine.state.accounts[account]).collateral_e6
        if not machine.state.withdrawals.get(account) and cash > 0:
            machine.door("clearing", "request_withdrawal", (account, cash), owner)
        due_ms = Withdrawal.of(machine.state.withdrawals.get(account, 0)).barrier_ms + 15_001
        machine.travel(max(0, -(-(due_ms - machine.now_ms) // 1000)))
        vector = machine.vector(machine.now_ms)
        got = machine.door("clearing", "claim_withdrawal", (account, *vector), STRANGER.address)
        assert isinstance(got, int), f"account {account}: {got}"
        paid += got
    return paid


def pull_all(machine: Machine) -> None:
    """Seven days after the last claim nothing waits any more, whatever else happened."""
    machine.travel(QUEUE_S)
    for ticket in sorted(machine.protocol.outflow.tickets):
        paid = machine.door("vault", "pull", (ticket,), STRANGER.address)
        assert isinstance(paid, int), f"ticket {ticket}: {paid}"


@pytest.mark.parametrize(("seed", "room_e8"), [(1, WIDE_E8), (3, 1), (5, 1)])
def test_C12_everybody_leaves_without_the_matcher(seed: int, room_e8: int) -> None:
    machine = Machine(seed)
    machine.run(TRANSITIONS, TRANSITIONS)
    made_room(machine, room_e8)
    batches = Head.of(machine.state.scalar("head")).number
    before = machine.promised_e6
    positions = paid = 0
    for account in machine.owners:
        positions += len(held(machine, account))
        leave_positions(machine, account)
        paid += leave_with_money(machine, account)
        word = Account.of(machine.state.accounts[account])
        assert (word.mask, word.collateral_e6) == (0, 0), f"seed {seed}: account {account} {word}"
        assert account not in machine.state.withdrawals
    pull_all(machine)
    assert machine.protocol.outflow.waiting_e6 == 0
    assert positions > 3 and paid == before - machine.protocol.accounted_e6 > 0
    assert Head.of(machine.state.scalar("head")).number == batches
    assert room_e8 == WIDE_E8 or machine.state.deleveragings
    machine.check_everything()
