# SPDX-License-Identifier: Apache-2.0
"""Vault's root: Clearing and Recovery change by the timelock alone, two weeks after all have seen
it (C12).
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.compiler import CONTRACTS, compiled_at
from tests.support.evm import ZERO, Contract, Key, a_key, refuses
from tests.support.venue import DELAY_S, DOLLAR, OWNER, Venue, a_venue

from infold.reference.arithmetic import GUARD_MS, WINDOW_MS
from infold.reference.deleveraging import EXIT_DELAY_MS

from .conftest import CLEARING, PAYER, RECOVERY, STRANGER, TIMELOCK, TOKENS, Custody

REPLACE_S = 14 * 86_400
QUEUE_S = 7 * 86_400


def parts(vault: Contract) -> list[int]:
    return [int(part, 16) for part in (vault.clearing(), vault.recovery())]


def proposal(vault: Contract) -> tuple[int, int, int]:
    clearing, recovery = vault.proposed_clearing(), vault.proposed_recovery()
    return int(clearing, 16), int(recovery, 16), vault.replaced_from_s()


@pytest.fixture
def proposed(custody: Custody) -> Custody:
    """The token and the vault itself stand for contracts: what matters is that they have code."""
    custody.vault.propose_parts(custody.token.address, custody.vault.address, sender=TIMELOCK)
    return custody


def test_a_proposal_is_public_and_changes_nothing_yet(custody: Custody) -> None:
    vault, token = custody.vault, custody.token
    receipt = vault.propose_parts(token.address, vault.address, sender=TIMELOCK)
    from_s = custody.world.timestamp_s + REPLACE_S
    assert receipt.only("PartsProposed") == {
        "clearing": token.address.lower(),
        "recovery": vault.address.lower(),
        "from_s": from_s,
    }
    assert proposal(vault) == (int(token.address, 16), int(vault.address, 16), from_s)
    assert parts(vault) == [CLEARING.number, RECOVERY.number]


def test_a_proposal_comes_true_after_its_delay_and_not_a_second_before(proposed: Custody) -> None:
    world, vault, named = proposed.world, proposed.vault, (proposed.token, proposed.vault)
    addresses = [part.address for part in named]
    world.travel(REPLACE_S - 1)
    with refuses(world, "vault: too early"):
        vault.replace_parts(*addresses, sender=TIMELOCK)
    world.travel(1)
    receipt = vault.replace_parts(*addresses, sender=TIMELOCK)
    assert receipt.only("PartsSet") == {
        "clearing": addresses[0].lower(),
        "recovery": addresses[1].lower(),
    }
    assert parts(vault) == [int(address, 16) for address in addresses]
    assert proposal(vault) == (0, 0, 0)
    with refuses(world, "vault: nothing proposed"):
        vault.replace_parts(*addresses, sender=TIMELOCK)


def test_the_old_clearing_is_obeyed_until_then_and_the_new_one_from_then_on(odd: Custody) -> None:
    """The odd token stands for the new Clearing too: it calls whom it is told to."""
    world, vault, token = odd.world, odd.vault, odd.token
    call = (vault.address, vault.calldata("release", STRANGER.address, 10))
    vault.receive(PAYER.address, 100, sender=CLEARING)
    vault.propose_parts(token.address, token.address, sender=TIMELOCK)
    world.travel(REPLACE_S)
    with refuses(world, "vault: not clearing or pool"):
        token.call(*call, sender=STRANGER)
    vault.release(STRANGER.address, 10, sender=CLEARING)
    vault.replace_parts(token.address, token.address, sender=TIMELOCK)
    token.call(*call, sender=STRANGER)
    with refuses(world, "vault: not clearing or pool"):
        vault.release(STRANGER.address, 10, sender=CLEARING)


def test_another_proposal_begins_the_whole_delay_anew(proposed: Custody) -> None:
    world, vault, token = proposed.world, proposed.vault, proposed.token
    world.travel(REPLACE_S - 1)
    vault.propose_parts(vault.address, vault.address, sender=TIMELOCK)
    world.travel(REPLACE_S - 1)
    for clearing, reason in ((token, "vault: not what was proposed"), (vault, "vault: too early")):
        with refuses(world, reason):
            vault.replace_parts(clearing.address, vault.address, sender=TIMELOCK)
    world.travel(1)
    vault.replace_parts(vault.address, vault.address, sender=TIMELOCK)


def test_only_what_was_proposed_comes_true(proposed: Custody) -> None:
    world, vault, token = proposed.world, proposed.vault, proposed.token
    world.travel(REPLACE_S)
    for other in ((token, token), (vault, vault), (vault, token)):
        with refuses(world, "vault: not what was proposed"):
            vault.replace_parts(*(part.address for part in other), sender=TIMELOCK)


def test_a_proposal_that_was_taken_back_never_comes_true(proposed: Custody) -> None:
    world, vault, token = proposed.world, proposed.vault, proposed.token
    receipt = vault.withdraw_parts(sender=TIMELOCK)
    assert receipt.only("PartsProposed") == {"clearing": ZERO, "recovery": ZERO, "from_s": 0}
    world.travel(REPLACE_S)
    with refuses(world, "vault: nothing proposed"):
        vault.replace_parts(token.address, vault.address, sender=TIMELOCK)
    with refuses(world, "vault: nothing proposed"):
        vault.withdraw_parts(sender=TIMELOCK)
    assert parts(vault) == [CLEARING.number, RECOVERY.number]


@pytest.mark.parametrize("place", range(2))
@pytest.mark.parametrize("hollow", [ZERO, STRANGER.address])
def test_a_part_without_code_cannot_be_proposed(custody: Custody, place: int, hollow: str) -> None:
    addresses = [custody.token.address] * 2
    addresses[place] = hollow
    with refuses(custody.world, "vault: part has no code"):
        custody.vault.propose_parts(*addresses, sender=TIMELOCK)


@pytest.mark.parametrize("who", [CLEARING, RECOVERY, PAYER, STRANGER])
def test_nobody_but_the_timelock_touches_the_parts(proposed: Custody, who: Key) -> None:
    world, vault, token = proposed.world, proposed.vault, proposed.token
    world.travel(REPLACE_S)
    for name in ("propose_parts", "replace_parts"):
        with refuses(world, "vault: not the timelock"):
            getattr(vault, name)(token.address, vault.address, sender=who)
    with refuses(world, "vault: not the timelock"):
        vault.withdraw_parts(sender=who)


def test_the_delay_is_longer_than_an_exit_and_the_queue_after_it() -> None:
    """The constant stands in the contract; the others are what leaving takes at its slowest."""
    source = (CONTRACTS / "Vault.vy").read_text("utf-8")
    assert f"REPLACE_S: constant(uint256) = {REPLACE_S:_}" in source
    exit_s = (EXIT_DELAY_MS + GUARD_MS + WINDOW_MS) // 1000
    assert REPLACE_S > DELAY_S > exit_s + QUEUE_S


# -- the whole venue -------------------------------------------------------------


@pytest.fixture(scope="module")
def founded() -> Venue:
    venue = a_venue()
    venue.governance.seal(sender=a_key("deployer"))
    return venue


@pytest.fixture
def venue(founded: Venue) -> Iterator[Venue]:
    with founded.world.anchored():
        yield founded


def test_a_replacement_waits_twice_and_everyone_has_left_by_then(venue: Venue) -> None:
    """The timelock's delay, two weeks here while another operation waits, and then it is done. A
    trader who reads of it on the first day has long been paid.
    """
    world, vault, timelock = venue.world, venue.vault, venue.timelock
    trader = a_key("trader")
    account = venue.open_account(trader, 50 * DOLLAR)
    named = (venue.pool.address, venue.recovery.address)
    propose = venue.operation("propose_parts", *named, contract="vault")
    replace = venue.operation("replace_parts", *named, contract="vault")
    venue.schedule(propose)
    venue.schedule(replace, DELAY_S + REPLACE_S)
    world.travel(DELAY_S)
    timelock.execute(*propose, sender=STRANGER)

    venue.clearing.request_withdrawal(account, 50 * DOLLAR, sender=trader)
    world.travel(19)
    venue.clearing.claim_withdrawal(account, 0, [], [], sender=trader)
    assert venue.dollar.balanceOf(trader.address) == 50 * DOLLAR

    world.travel(REPLACE_S - 20)
    with refuses(world, "timelock_controller: operation is not ready"):
        timelock.execute(*replace, sender=STRANGER)
    world.travel(1)
    timelock.execute(*replace, sender=STRANGER)
    assert parts(vault) == [int(part, 16) for part in named]


def test_a_canceller_stops_a_replacement_until_its_last_moment(venue: Venue) -> None:
    world, timelock = venue.world, venue.timelock
    named = (venue.pool.address, venue.recovery.address)
    propose = venue.operation("propose_parts", *named, contract="vault")
    replace = venue.operation("replace_parts", *named, contract="vault")
    venue.schedule(propose)
    venue.schedule(replace, DELAY_S + REPLACE_S)
    world.travel(DELAY_S)
    timelock.execute(*propose, sender=STRANGER)
    world.travel(REPLACE_S)
    timelock.cancel(timelock.hash_operation(*replace), sender=OWNER)
    with refuses(world, "timelock_controller: operation is not ready"):
        timelock.execute(*replace, sender=STRANGER)


def test_clearing_asks_the_vault_who_may_shrink_positions() -> None:
    """A new Recovery is obeyed, and the old one no more; both are said to be keys or odd tokens."""
    venue = a_venue(
        token=compiled_at(TOKENS / "OddToken.vy"),
        stand_ins={"timelock": TIMELOCK, "recovery": RECOVERY},
    )
    world, clearing, caller = venue.world, venue.clearing, venue.dollar
    named = (clearing.address, caller.address)
    venue.vault.propose_parts(*named, sender=TIMELOCK)
    world.travel(REPLACE_S)
    arguments = (*venue.presented(venue.a_vector({1: 10**12})), 16, 0, 1, 0)
    call = (clearing.address, clearing.calldata("apply", *arguments))
    with refuses(world, "clearing: not recovery"):
        caller.call(*call, sender=STRANGER)
    with refuses(world, "clearing: unknown account"):
        clearing.apply(*arguments, sender=RECOVERY)
    venue.vault.replace_parts(*named, sender=TIMELOCK)
    with refuses(world, "clearing: unknown account"):
        caller.call(*call, sender=STRANGER)
    with refuses(world, "clearing: not recovery"):
        clearing.apply(*arguments, sender=RECOVERY)
