# SPDX-License-Identifier: Apache-2.0
"""Bond.deposit, announce_withdrawal, withdraw and set_terms: what is staked and how it leaves."""

from __future__ import annotations

import pytest
from tests.support.compiler import ROOT, compiled_at
from tests.support.evm import ZERO, Contract, Refused, World, a_key, refuses
from tests.support.omission import STAKE_E6, TIMELOCK, Omission
from tests.support.venue import CLAIM_S, DEPLOYER, DOLLAR, GUARDIAN, MATCHER, OWNER, REWARD_E6

STRANGER, TAKER = a_key("stranger"), a_key("taker")
DAY_S = 86_400
TOKENS = ROOT / "tests" / "support" / "contracts"


def test_anyone_adds_to_the_bond(scene: Omission) -> None:
    bond, dollar = scene.venue.bond, scene.venue.dollar
    dollar.mint(STRANGER.address, 7, sender=STRANGER)
    dollar.approve(bond.address, 7, sender=STRANGER)
    deposited = bond.deposit(7, sender=STRANGER).only("Deposited")
    assert deposited == {"payer": STRANGER.address.lower(), "bond_e6": STAKE_E6 + 7}
    assert bond.bond_e6() == dollar.balanceOf(bond.address) == STAKE_E6 + 7
    with refuses(scene.venue.world, "bond: amount is zero"):
        bond.deposit(0, sender=STRANGER)


def test_a_donation_is_not_staked(scene: Omission) -> None:
    scene.venue.dollar.mint(scene.venue.bond.address, 9, sender=STRANGER)
    assert scene.venue.bond.bond_e6() == STAKE_E6


def test_the_bond_leaves_by_the_timelock_later_than_the_window(scene: Omission) -> None:
    world, bond = scene.venue.world, scene.venue.bond
    with refuses(world, "bond: no withdrawal announced"):
        bond.withdraw(sender=STRANGER)
    due_s = world.timestamp_s + CLAIM_S + DAY_S
    announced = bond.announce_withdrawal(TAKER.address, 300 * DOLLAR, sender=TIMELOCK)
    assert announced.only("WithdrawalAnnounced") == {
        "to": TAKER.address.lower(),
        "amount_e6": 300 * DOLLAR,
        "due_s": due_s,
    }
    world.at(due_s)
    with refuses(world, "bond: withdrawal not due"):
        bond.withdraw(sender=STRANGER)
    world.at(due_s + 1)
    bond.withdraw(sender=STRANGER)
    assert scene.venue.dollar.balanceOf(TAKER.address) == 300 * DOLLAR
    assert bond.bond_e6() == STAKE_E6 - 300 * DOLLAR
    with refuses(world, "bond: no withdrawal announced"):
        bond.withdraw(sender=STRANGER)


def test_what_is_announced_still_stands_behind_claims(scene: Omission) -> None:
    """An omission of the second before the announcement is claimed in the window's last second."""
    world, bond = scene.venue.world, scene.venue.bond
    order = scene.order()
    proof = scene.proof(order)
    bond.announce_withdrawal(TAKER.address, 2**256 - 1, sender=TIMELOCK)
    start_s = world.timestamp_s
    world.at(start_s + CLAIM_S)
    scene.challenge(proof)
    world.at(start_s + CLAIM_S + DAY_S + 1)
    bond.withdraw(sender=STRANGER)
    assert scene.venue.dollar.balanceOf(TAKER.address) == STAKE_E6 - REWARD_E6
    world.travel(CLAIM_S)
    bond.pay(scene.hash(order), sender=STRANGER)
    assert bond.bond_e6() == bond.reserved_e6() == 0


def test_a_withdrawal_is_given_up_and_waits_for_the_longest_window(scene: Omission) -> None:
    world, bond = scene.venue.world, scene.venue.bond
    bond.announce_withdrawal(TAKER.address, 5, sender=TIMELOCK)
    bond.announce_withdrawal(TAKER.address, 0, sender=TIMELOCK)
    world.travel(CLAIM_S + DAY_S + 1)
    with refuses(world, "bond: no withdrawal announced"):
        bond.withdraw(sender=STRANGER)
    bond.announce_withdrawal(TAKER.address, 5, sender=TIMELOCK)
    bond.set_terms(REWARD_E6, CLAIM_S + DAY_S, sender=TIMELOCK)
    world.travel(CLAIM_S + DAY_S + 1)
    with refuses(world, "bond: withdrawal not due"):
        bond.withdraw(sender=STRANGER)
    with refuses(world, "bond: address is zero"):
        bond.announce_withdrawal(ZERO, 5, sender=TIMELOCK)


def test_a_shorter_window_does_not_free_an_announced_withdrawal_sooner(scene: Omission) -> None:
    """What was omitted under the longer window could else be claimed against nothing."""
    world, bond = scene.venue.world, scene.venue.bond
    bond.announce_withdrawal(TAKER.address, 5, sender=TIMELOCK)
    bond.set_terms(REWARD_E6, 9 * DAY_S, sender=TIMELOCK)
    world.travel(CLAIM_S + DAY_S)
    with refuses(world, "bond: withdrawal not due"):
        bond.withdraw(sender=STRANGER)
    world.travel(1)
    bond.withdraw(sender=STRANGER)


def test_only_the_timelock_withdraws_and_sets_terms(scene: Omission) -> None:
    bond = scene.venue.bond
    for who in (MATCHER, OWNER, GUARDIAN, DEPLOYER, STRANGER):
        with refuses(scene.venue.world, "bond: not the timelock"):
            bond.announce_withdrawal(who.address, 1, sender=who)
        with refuses(scene.venue.world, "bond: not the timelock"):
            bond.set_terms(REWARD_E6, CLAIM_S, sender=who)


@pytest.mark.parametrize(
    ("reward_e6", "window_s", "reason"),
    [
        (DOLLAR, 9 * DAY_S, None),
        (10_000 * DOLLAR, 40 * DAY_S, None),
        (DOLLAR - 1, 9 * DAY_S, "bond: reward out of range"),
        (10_000 * DOLLAR + 1, 9 * DAY_S, "bond: reward out of range"),
        (DOLLAR, 9 * DAY_S - 1, "bond: window out of range"),
        (DOLLAR, 40 * DAY_S + 1, "bond: window out of range"),
    ],
)
def test_terms_stay_in_bounds(
    scene: Omission, reward_e6: int, window_s: int, reason: str | None
) -> None:
    bond = scene.venue.bond
    if reason is not None:
        with refuses(scene.venue.world, reason):
            bond.set_terms(reward_e6, window_s, sender=TIMELOCK)
        return
    changed = bond.set_terms(reward_e6, window_s, sender=TIMELOCK).only("TermsSet")
    assert changed == {"reward_e6": reward_e6, "window_s": window_s}
    assert (bond.reward_e6(), bond.window_s()) == (reward_e6, window_s)


def test_a_claim_keeps_the_terms_it_was_made_under(scene: Omission) -> None:
    bond = scene.venue.bond
    order = scene.claimed()
    before = bond.claims(scene.hash(order))
    bond.set_terms(DOLLAR, 9 * DAY_S, sender=TIMELOCK)
    assert bond.claims(scene.hash(order)) == before


# -- odd tokens ------------------------------------------------------------------------------------


def bond_over(name: str) -> tuple[Contract, Contract]:
    """A bond of keys over a token that misbehaves; the stranger holds some."""
    world = World()
    token = world.deploy(compiled_at(TOKENS / f"{name}.vy"), sender=DEPLOYER)
    parts = [a_key(f"part {at}").address for at in range(4)]
    bond = world.deploy(
        "Bond",
        TIMELOCK.address,
        *parts,
        token.address,
        REWARD_E6,
        CLAIM_S,
        sender=DEPLOYER,
    )
    token.mint(STRANGER.address, 1_000, sender=STRANGER)
    return bond, token


def test_a_token_that_returns_nothing_will_do() -> None:
    bond, token = bond_over("MuteToken")
    bond.deposit(700, sender=STRANGER)
    bond.announce_withdrawal(TAKER.address, 700, sender=TIMELOCK)
    bond.world.travel(CLAIM_S + DAY_S + 1)
    bond.withdraw(sender=STRANGER)
    assert token.balanceOf(TAKER.address) == 700


@pytest.mark.parametrize(
    ("outer", "inner"),
    [("deposit", "bond_e6"), ("deposit", "withdraw"), ("withdraw", "bond_e6")],
)
def test_nothing_of_the_bond_begins_while_it_pays_or_is_paid(outer: str, inner: str) -> None:
    bond, token = bond_over("OddToken")
    bond.deposit(700, sender=STRANGER)
    bond.announce_withdrawal(TAKER.address, 300, sender=TIMELOCK)
    bond.world.travel(CLAIM_S + DAY_S + 1)
    message = bond.calldata(inner)
    with bond.world.anchored():
        token.call(bond.address, message, sender=STRANGER)
    token.misbehave(False, 0, bond.address, message, sender=STRANGER)
    with pytest.raises(Refused) as refused:
        getattr(bond, outer)(*([100] if outer == "deposit" else []), sender=STRANGER)
    assert refused.value.reason == "", "the lock refuses without words; something else spoke"


def test_a_token_that_refuses_or_takes_a_fee_is_not_believed() -> None:
    bond, token = bond_over("OddToken")
    bond.deposit(100, sender=STRANGER)
    bond.announce_withdrawal(TAKER.address, 50, sender=TIMELOCK)
    bond.world.travel(CLAIM_S + DAY_S + 1)
    token.misbehave(True, 0, ZERO, b"", sender=STRANGER)
    with refuses(bond.world, "bond: token refused"):
        bond.deposit(1, sender=STRANGER)
    with refuses(bond.world, "bond: token refused"):
        bond.withdraw(sender=STRANGER)
    token.misbehave(False, 1, ZERO, b"", sender=STRANGER)
    with refuses(bond.world, "bond: wrong amount received"):
        bond.deposit(1, sender=STRANGER)
    assert bond.bond_e6() == 100
