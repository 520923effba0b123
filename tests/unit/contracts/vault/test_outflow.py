# SPDX-License-Identifier: Apache-2.0
"""How much leaves the vault at once, and the queue of what may not (C12)."""

from __future__ import annotations

import random
from collections.abc import Iterator
from fractions import Fraction

import pytest
from tests.support.evm import Key, Receipt, a_key, refuses
from tests.support.venue import DOLLAR

from .conftest import CLEARING, PAYER, POOL, STRANGER, TIMELOCK, Custody

HOUR_S, QUEUE_S = 3_600, 7 * 86_400
WHOLE_E6 = 20_000_000 * DOLLAR
HOURLY_E6 = 2_000_000 * DOLLAR
FLOOR_E6 = 1_000_000 * DOLLAR
QUOTA_E6 = 10_000 * DOLLAR


@pytest.fixture
def full(custody: Custody) -> Iterator[Custody]:
    """Twenty million that came in long ago."""
    custody.token.mint(PAYER.address, 10 * WHOLE_E6, sender=PAYER)
    custody.vault.receive(PAYER.address, WHOLE_E6, sender=CLEARING)
    custody.world.travel(HOUR_S)
    yield custody


def leave(custody: Custody, amount_e6: int, who: Key = STRANGER) -> Receipt:
    receipt: Receipt = custody.vault.release(who.address, amount_e6, sender=CLEARING)
    check(custody)
    return receipt


def come(custody: Custody, amount_e6: int) -> None:
    custody.vault.receive(PAYER.address, amount_e6, sender=CLEARING)
    check(custody)


def pull(custody: Custody, ticket: int) -> None:
    custody.vault.pull(ticket, sender=PAYER)
    check(custody)


def check(custody: Custody) -> None:
    """C4: tokens are what is accounted for, and the tickets add up."""
    vault, token = custody.vault, custody.token
    accounted_e6 = vault.accounted_e6()
    assert token.balanceOf(vault.address) == accounted_e6 >= vault.waiting_e6()
    tickets = [vault.tickets(number)[1] for number in range(vault.ticket_count())]
    assert sum(tickets) == vault.waiting_e6()
    assert vault.freed_e6() <= vault.queued_e6()


def held(custody: Custody, who: Key = STRANGER) -> int:
    amount_e6: int = custody.token.balanceOf(who.address)
    return amount_e6


def test_a_tenth_leaves_in_an_hour_and_the_rest_of_it_waits(full: Custody) -> None:
    receipt = leave(full, HOURLY_E6 + QUOTA_E6 + 7)
    assert held(full) == HOURLY_E6 + QUOTA_E6
    due_s = full.world.timestamp_s + QUEUE_S
    assert receipt.only("Queued") == {
        "ticket": 0,
        "to": STRANGER.address.lower(),
        "amount_e6": 7,
        "end_e6": 7,
        "due_s": due_s,
    }
    assert full.vault.accounted_e6() == WHOLE_E6 - HOURLY_E6 - QUOTA_E6
    assert full.vault.tickets(0) == (STRANGER.address.lower(), 7, 7, due_s)


def test_a_drain_of_the_whole_vault_in_an_hour_leaves_most_of_it_there(full: Custody) -> None:
    """Whoever commands Clearing, through as many recipients as there are: twice the share, and what
    runs off meanwhile.
    """
    for number in range(100):
        leave(full, WHOLE_E6 // 100, a_key(f"drain {number}"))
        full.world.travel(36)
    left_e6 = full.vault.accounted_e6()
    assert left_e6 >= WHOLE_E6 * 55 // 100
    assert full.vault.waiting_e6() == left_e6, "all of it is promised, none of it is gone"


def test_what_a_small_vault_pays_does_not_wait(custody: Custody) -> None:
    """A devnet, or a venue's first days: the floor is free however small the share."""
    custody.token.mint(PAYER.address, FLOOR_E6, sender=PAYER)
    come(custody, FLOOR_E6)
    custody.world.travel(HOUR_S)
    receipt = leave(custody, FLOOR_E6)
    assert receipt.all("Queued") == [] and held(custody) == FLOOR_E6


def test_what_came_in_within_the_hour_may_leave_again(full: Custody) -> None:
    come(full, 3 * WHOLE_E6)
    receipt = leave(full, 3 * WHOLE_E6)
    assert receipt.all("Queued") == []
    assert full.vault.flow()[0] == 0


def test_paying_in_and_taking_out_again_uses_up_nobodys_room(full: Custody) -> None:
    """Twenty times twice the limit uses up no more than that money staying there as long would."""
    looper, other = a_key("looper"), a_key("other")
    for _ in range(20):
        come(full, 2 * HOURLY_E6)
        full.world.travel(19)
        leave(full, 2 * HOURLY_E6, looper)
    full.world.travel(1)
    receipt = leave(full, HOURLY_E6 * 3 // 4, other)
    assert receipt.all("Queued") == [] and held(full, other) == HOURLY_E6 * 3 // 4


def test_everybody_has_a_quota_when_the_hour_is_used_up(full: Custody) -> None:
    leave(full, HOURLY_E6 - 5, a_key("whale"))
    first, second = a_key("first"), a_key("second")
    for who in (first, second):
        receipt = leave(full, QUOTA_E6, who)
        assert receipt.all("Queued") == [] and held(full, who) == QUOTA_E6
    receipt = leave(full, 10, second)
    assert receipt.only("Queued")["amount_e6"] == 10


def test_a_quota_grows_back_over_the_hour(full: Custody) -> None:
    leave(full, 3 * HOURLY_E6, a_key("whale"))
    leave(full, QUOTA_E6)
    full.world.travel(HOUR_S // 2)
    receipt = leave(full, QUOTA_E6)
    assert held(full) == QUOTA_E6 * 3 // 2
    assert receipt.only("Queued")["amount_e6"] == QUOTA_E6 // 2
    full.world.travel(HOUR_S)
    leave(full, QUOTA_E6)
    assert held(full) == QUOTA_E6 * 5 // 2


def test_many_small_accounts_take_no_more_than_the_share_once_more(full: Custody) -> None:
    leave(full, HOURLY_E6, a_key("whale"))
    for number in range(300):
        leave(full, QUOTA_E6, a_key(f"small {number}"))
    paid = sum(held(full, a_key(f"small {number}")) for number in range(300))
    assert 0 < paid <= HOURLY_E6, "the share shrinks with what is left"
    assert full.vault.flow()[0] <= 2 * HOURLY_E6


def test_quotas_fill_the_window_once_more_to_the_unit(custody: Custody) -> None:
    """A floor of 100,000 dollars beside the first recipients' quotas of as much each."""
    custody.token.mint(PAYER.address, WHOLE_E6, sender=PAYER)
    window_e6 = 100_000 * DOLLAR
    custody.vault.set_outflow(20_000, window_e6, window_e6, sender=TIMELOCK)
    come(custody, 4 * window_e6)
    custody.world.travel(HOUR_S)
    leave(custody, window_e6 + 5, a_key("whale"))
    receipt = leave(custody, window_e6)
    assert held(custody) == window_e6 - 5
    assert receipt.only("Queued")["amount_e6"] == 5


def test_a_single_unit_that_waits_has_its_turn(full: Custody) -> None:
    leave(full, HOURLY_E6 + QUOTA_E6 + 1)
    with refuses(full.world, "vault: ticket waits"):
        full.vault.pull(0, sender=STRANGER)
    full.world.travel(HOUR_S // 8)
    pull(full, 0)
    assert full.vault.freed_e6() == full.vault.queued_e6() == 1


def test_a_ticket_is_paid_when_the_counter_has_passed_it_and_to_its_owner_alone(
    full: Custody,
) -> None:
    leave(full, HOURLY_E6 + QUOTA_E6 + 1_000 * DOLLAR)
    before = held(full)
    with refuses(full.world, "vault: ticket waits"):
        full.vault.pull(0, sender=STRANGER)
    full.world.travel(HOUR_S // 8)
    receipt = full.vault.pull(0, sender=PAYER)
    check(full)
    assert receipt.only("Pulled") == {"ticket": 0}
    assert receipt.only("Released")["amount_e6"] == held(full) - before == 1_000 * DOLLAR
    assert full.vault.waiting_e6() == 0
    with refuses(full.world, "vault: no such ticket"):
        full.vault.pull(0, sender=STRANGER)


def test_a_deposit_frees_what_waits_at_once(full: Custody) -> None:
    """As soon as net outflow and what waits fit into a tenth of what is then accounted for."""
    leave(full, HOURLY_E6 + QUOTA_E6 + 1_000 * DOLLAR)
    gone_e6 = full.vault.flow()[0] + full.vault.waiting_e6()
    enough_e6 = -((full.vault.accounted_e6() - 10 * gone_e6) // 11)
    come(full, enough_e6 - 1)
    with refuses(full.world, "vault: ticket waits"):
        full.vault.pull(0, sender=STRANGER)
    come(full, 1)
    pull(full, 0)


def test_who_waits_is_served_before_who_comes_later(full: Custody) -> None:
    early, late = a_key("early"), a_key("late")
    leave(full, HOURLY_E6, a_key("whale"))
    leave(full, QUOTA_E6 + HOURLY_E6, early)
    full.world.travel(HOUR_S // 2)
    receipt = leave(full, QUOTA_E6 + 100, late)
    assert held(full, late) == QUOTA_E6
    assert receipt.only("Queued")["amount_e6"] == 100, "the room of this half hour was early's"
    full.world.travel(HOUR_S // 4)
    for ticket in range(2):
        with refuses(full.world, "vault: ticket waits"):
            full.vault.pull(ticket, sender=STRANGER)
    full.world.travel(3 * HOUR_S)
    pull(full, 1)
    pull(full, 0)
    assert held(full, late) == QUOTA_E6 + 100 and held(full, early) == QUOTA_E6 + HOURLY_E6


def test_a_ticket_is_paid_on_its_last_day_whatever_the_limit_says(full: Custody) -> None:
    """At the least share the vault may have, nearly everything waits, and all of it is paid."""
    full.vault.set_outflow(20_000, 10**11, 10**9, sender=TIMELOCK)
    leave(full, WHOLE_E6 - 50 * DOLLAR)
    full.world.travel(60)
    leave(full, 50 * DOLLAR)
    with refuses(full.world, "vault: ticket waits"):
        full.vault.pull(1, sender=STRANGER)
    # nobody calls for a week, so that no room was ever given to the queue
    full.world.travel(QUEUE_S - 61)
    for ticket in range(2):
        with refuses(full.world, "vault: ticket waits"):
            full.vault.pull(ticket, sender=STRANGER)
    full.world.travel(1)
    with refuses(full.world, "vault: ticket waits"):
        full.vault.pull(1, sender=STRANGER)
    pull(full, 0)
    full.world.travel(60)
    pull(full, 1)
    assert held(full) == WHOLE_E6 and full.vault.accounted_e6() == 0


def test_pulling_late_tickets_first_takes_nothing_from_the_early_ones(full: Custody) -> None:
    leave(full, 2 * HOURLY_E6 + QUOTA_E6)
    leave(full, HOURLY_E6, a_key("late"))
    full.world.travel(QUEUE_S)
    pull(full, 1)
    pull(full, 0)
    assert held(full, a_key("late")) == HOURLY_E6
    assert full.vault.waiting_e6() == 0


def test_dust_tickets_harm_nobody(full: Custody) -> None:
    """They cost who makes them, and no loop ever walks them."""
    leave(full, HOURLY_E6 + QUOTA_E6)
    for _ in range(40):
        leave(full, 1)
    gas = leave(full, 1).gas
    assert full.vault.ticket_count() == 41
    victim = a_key("victim")
    receipt = leave(full, QUOTA_E6 + 5, victim)
    assert receipt.gas < 2 * gas and receipt.only("Queued")["amount_e6"] == 5
    full.world.travel(HOUR_S)
    pull(full, 41)
    assert held(full, victim) == QUOTA_E6 + 5


def test_what_is_promised_to_tickets_is_not_paid_to_others(full: Custody) -> None:
    leave(full, WHOLE_E6)
    waiting_e6 = full.vault.waiting_e6()
    assert full.vault.accounted_e6() == waiting_e6
    for caller in (CLEARING, POOL):
        with refuses(full.world, "vault: more than accounted"):
            full.vault.release(STRANGER.address, 1, sender=caller)


def test_pool_and_clearing_share_one_limit(full: Custody) -> None:
    leave(full, HOURLY_E6)
    receipt = full.vault.release(a_key("provider").address, QUOTA_E6 + 3, sender=POOL)
    assert receipt.only("Queued")["amount_e6"] == 3


def test_other_limits_leave_tickets_their_place_and_their_last_day(full: Custody) -> None:
    leave(full, HOURLY_E6 + QUOTA_E6 + 9)
    ticket = full.vault.tickets(0)
    receipt = full.vault.set_outflow(500_000, 10**13, 10**11, sender=TIMELOCK)
    assert receipt.only("OutflowSet") == {
        "share_e6": 500_000,
        "floor_e6": 10**13,
        "quota_e6": 10**11,
    }
    assert full.vault.outflow_limits() == (500_000, 10**13, 10**11)
    assert full.vault.tickets(0) == ticket
    pull(full, 0)


BOUNDS = (("share", 20_000, 500_000), ("floor", 10**11, 10**13), ("quota", 10**9, 10**11))


@pytest.mark.parametrize("place", range(3))
def test_the_limits_have_bounds_on_both_sides(custody: Custody, place: int) -> None:
    for limits in zip(*(bounds[1:] for bounds in BOUNDS), strict=True):
        custody.vault.set_outflow(*limits, sender=TIMELOCK)
    name, least, most = BOUNDS[place]
    for value in (0, least - 1, most + 1, 2**256 - 1):
        wrong = [bounds[1] for bounds in BOUNDS]
        wrong[place] = value
        with refuses(custody.world, f"vault: {name} out of range"):
            custody.vault.set_outflow(*wrong, sender=TIMELOCK)


def test_only_the_timelock_sets_the_limits(custody: Custody) -> None:
    for who in (CLEARING, POOL, STRANGER):
        with refuses(custody.world, "vault: not the timelock"):
            custody.vault.set_outflow(100_000, 10**12, 10**10, sender=who)


@pytest.mark.parametrize("seed", range(4))
def test_the_net_outflow_of_any_hour_stays_within_the_stated_bound(
    full: Custody, seed: int
) -> None:
    """Random deposits, payments and pulls; within any hour no more leaves than twice what quotas
    let the window fill to, and what came in. Everything is paid in the end, to the unit.
    """
    pick = random.Random(seed)
    flows: list[tuple[int, int]] = []
    paid = promised = 0
    for _ in range(120):
        full.world.travel(pick.choice([0, 1, 60, 600, 3_000]))
        before = full.vault.accounted_e6()
        move = pick.random()
        free_e6 = before - full.vault.waiting_e6()
        if move < 0.3:
            come(full, pick.choice([1, HOURLY_E6 // 3, HOURLY_E6]))
        elif move < 0.8 and free_e6:
            amount_e6 = min(free_e6, pick.choice([1, QUOTA_E6, HOURLY_E6 // 2, HOURLY_E6]))
            promised += amount_e6
            leave(full, amount_e6, a_key(f"recipient {pick.randrange(6)}"))
        else:
            for ticket in range(full.vault.ticket_count()):
                found = full.vault.tickets(ticket)
                if found[1] and found[2] <= full.vault.freed_e6():
                    pull(full, ticket)
                    break
        flows.append((full.world.timestamp_s, before - full.vault.accounted_e6()))
        paid += max(0, flows[-1][1])
    bound = Fraction(4 * HOURLY_E6 * 2)
    for at, (until_s, _) in enumerate(flows):
        hour = [flow for now_s, flow in flows[: at + 1] if now_s > until_s - HOUR_S]
        came = -sum(flow for flow in hour if flow < 0)
        assert sum(flow for flow in hour if flow > 0) <= bound + came
    full.world.travel(QUEUE_S)
    for ticket in range(full.vault.ticket_count()):
        if full.vault.tickets(ticket)[1]:
            paid += full.vault.tickets(ticket)[1]
            pull(full, ticket)
    assert paid == promised and full.vault.waiting_e6() == 0
