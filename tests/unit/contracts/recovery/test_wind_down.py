# SPDX-License-Identifier: Apache-2.0
"""Recovery.wind_down, register and claim: the end of a venue that nobody runs (C12)."""

from __future__ import annotations

from tests.support.compiler import ROOT, compiled_at
from tests.support.evm import ZERO, Contract, Key, Receipt, a_key, refuses
from tests.support.venue import (
    DELAY_S,
    DEPLOYER,
    DOLLAR,
    LOT,
    MATCHER,
    OWNER,
    PRICE_E8,
    Venue,
    a_venue,
)

from infold.words import (
    unpack_account,
    unpack_clock,
    unpack_head,
    unpack_position,
    unpack_withdrawal,
)

from .conftest import KEEPER, LONG, SHORT, Crowd
from .test_funding import let_out

WEEK_S = 7 * 86_400
EVER = 2**48 - 1
CRASH_E8 = PRICE_E8 * 90 // 100
"""The long owes 2,030 dollars there: 4,000 less the fee of 30 less 6,000."""


def stop(venue: Venue) -> Receipt:
    """A silent week, then the stop."""
    venue.world.travel(WEEK_S + 1)
    receipt: Receipt = venue.recovery.wind_down(sender=KEEPER)
    return receipt


def register(venue: Venue, account: int) -> Receipt:
    receipt: Receipt = venue.recovery.register(account, sender=KEEPER)
    return receipt


def claim(venue: Venue, account: int) -> int:
    value: int = venue.recovery.claim(account, sender=KEEPER).value
    return value


def crash(crowd: Crowd) -> None:
    """The last batch there ever is leaves the long in debt."""
    venue = crowd.venue
    venue.world.travel(60)
    venue.settle(venue.a_batch(oracle={1: CRASH_E8}))


def purse(venue: Venue, key: Key | Contract) -> int:
    balance: int = venue.dollar.balanceOf(key.address)
    return balance


# -- the stop ----------------------------------------------------------------------------


def test_a_week_after_the_last_batch_anybody_stops_the_venue(crowd: Crowd) -> None:
    venue = crowd.venue
    last_ms = unpack_head(venue.clearing.head()).time_ms
    before = unpack_head(venue.clearing.head())
    venue.world.at_ms(last_ms + WEEK_S * 1000)
    with refuses(venue.world, "clearing: not silent for a week"):
        venue.recovery.wind_down(sender=KEEPER)
    venue.world.travel(1)
    receipt = venue.recovery.wind_down(sender=KEEPER)
    now_ms = venue.world.now_ms
    assert receipt.only("WoundDown")["until_ms"] == now_ms + WEEK_S * 1000
    assert venue.recovery.wound_ms() == now_ms
    assert unpack_head(venue.clearing.head()) == before._replace(time_ms=EVER)
    with refuses(venue.world, "recovery: wound down"):
        venue.recovery.wind_down(sender=KEEPER)


def test_the_week_is_over_to_the_millisecond(crowd: Crowd) -> None:
    venue = crowd.venue
    now_ms = venue.world.now_ms
    venue.settle(venue.a_batch(oracle={1: PRICE_E8}, time_ms=now_ms - 1))
    venue.world.at_ms(now_ms + WEEK_S * 1000)
    venue.recovery.wind_down(sender=KEEPER)


def test_the_last_price_is_rounded_against_either_side(crowd: Crowd) -> None:
    """A hundredth of a unit more than a whole: the long does not get it, the short owes all."""
    venue = crowd.venue
    price = PRICE_E8 + 1
    venue.settle(venue.a_batch(oracle={1: price}))
    assert price * LOT % 10**10 != 0
    for account, base in ((crowd.long, LOT), (crowd.short, -LOT)):
        held = unpack_position(venue.clearing.positions(account * 16))
        assert held.base_e8 == base
        worth = crowd.cash(account) + held.quote_e6 + base * price // 10**10
        assert venue.recovery.final_equity(account) == worth


def test_any_batch_even_an_empty_one_begins_the_week_anew(crowd: Crowd) -> None:
    venue = crowd.venue
    venue.world.travel(WEEK_S - 10)
    venue.settle(venue.a_batch(oracle={1: PRICE_E8}))
    venue.world.travel(WEEK_S - 10)
    with refuses(venue.world, "clearing: not silent for a week"):
        venue.recovery.wind_down(sender=KEEPER)


def test_a_venue_that_never_settled_has_a_week_from_its_first_epochs_end(venue: Venue) -> None:
    end_ms = unpack_head(venue.clearing.head()).epoch_end_ms
    account = venue.open_account(LONG, 10 * DOLLAR)
    venue.world.at_ms(end_ms + WEEK_S * 1000)
    with refuses(venue.world, "clearing: not silent for a week"):
        venue.recovery.wind_down(sender=KEEPER)
    venue.world.travel(1)
    venue.recovery.wind_down(sender=KEEPER)
    venue.world.travel(WEEK_S + 1)
    assert claim(venue, account) == 10 * DOLLAR


def test_a_stopped_venue_settles_takes_and_pays_nothing(crowd: Crowd) -> None:
    venue = crowd.venue
    recovery, clearing, world = venue.recovery, venue.clearing, venue.world
    clearing.request_withdrawal(crowd.short, 5 * DOLLAR, sender=SHORT)
    recovery.force_reduce(crowd.long, 0, LOT, sender=LONG)
    asked_ms = world.now_ms
    venue.fund(LONG, 100 * DOLLAR)
    stop(venue)
    batch = venue.a_batch(oracle={1: PRICE_E8})
    with refuses(world, "clearing: batch time must rise"):
        venue.settle(batch)
    with refuses(world, "clearing: wound down"):
        clearing.deposit(crowd.long, 10 * DOLLAR, sender=LONG)
    with refuses(world, "clearing: wound down"):
        clearing.open_account(LONG.address, 10 * DOLLAR, sender=LONG)
    vector = venue.presented(venue.a_vector({1: PRICE_E8}))
    with refuses(world, "clearing: wound down"):
        clearing.claim_withdrawal(crowd.short, *vector, sender=SHORT)
    with refuses(world, "clearing: wound down"):
        clearing.claim_withdrawal(crowd.keeper, 0, [], [], sender=SHORT)
    low = venue.presented(venue.a_vector({1: PRICE_E8 // 2}))
    with refuses(world, "clearing: vector too old"):
        recovery.liquidate(*low, crowd.long, 0, 0, sender=KEEPER)
    world.at_ms(world.now_ms + 60_000 - (world.now_ms - asked_ms) % 60_000)
    appointed = venue.presented(venue.a_vector({1: PRICE_E8}))
    with refuses(world, "recovery: wound down"):
        recovery.execute_exit(*appointed, crowd.long, 0, sender=KEEPER)


def test_governance_moves_no_money_of_a_stopped_venue(crowd: Crowd) -> None:
    venue = crowd.venue
    venue.fund(MATCHER, 5 * DOLLAR)
    venue.clearing.deposit(3, 5 * DOLLAR, sender=MATCHER)
    stop(venue)
    with refuses(venue.world, "clearing: wound down"):
        venue.governance.spend(crowd.long, DOLLAR, sender=DEPLOYER)


def test_only_recovery_stops_and_discharges(crowd: Crowd) -> None:
    for call in (("stop",), ("discharge", crowd.long, 1)):
        with refuses(crowd.venue.world, "clearing: not recovery"):
            getattr(crowd.venue.clearing, call[0])(*call[1:], sender=MATCHER)


def test_clearing_itself_sees_to_it_that_only_a_silent_venue_is_stopped_and_discharged() -> None:
    """Whatever Recovery thinks: a key stands in for it."""
    recovery = a_key("stand-in recovery")
    venue = a_venue(stand_ins={"recovery": recovery})
    account = venue.open_account(LONG, 10 * DOLLAR)
    with refuses(venue.world, "clearing: not wound down"):
        venue.clearing.discharge(account, 1, sender=recovery)
    with refuses(venue.world, "clearing: not silent for a week"):
        venue.clearing.stop(sender=recovery)
    venue.world.travel(WEEK_S + venue.epoch_ms // 1000 + 1)
    venue.clearing.stop(sender=recovery)
    with refuses(venue.world, "clearing: not silent for a week"):
        venue.clearing.stop(sender=recovery)


# -- debts -------------------------------------------------------------------------------


def test_a_debt_is_registered_by_anybody_once(crowd: Crowd) -> None:
    venue = crowd.venue
    crash(crowd)
    stop(venue)
    assert venue.recovery.final_equity(crowd.long) == -2_030 * DOLLAR
    receipt = register(venue, crowd.long)
    assert receipt.only("DebtRegistered") == {
        "account": crowd.long,
        "debt_e6": 2_030 * DOLLAR,
        "deficit_e6": 2_030 * DOLLAR,
    }
    account = unpack_account(venue.clearing.accounts(crowd.long))
    assert (account.collateral_e6, account.mask) == (0, 0)
    assert venue.clearing.withdrawals(crowd.long) == 0
    with refuses(venue.world, "recovery: owes nothing"):
        register(venue, crowd.long)


def test_nobody_with_equity_is_registered_and_nobody_that_is_not_an_account(crowd: Crowd) -> None:
    venue = crowd.venue
    stop(venue)
    for account in (0, 1, crowd.long, crowd.short, 4, 2**32 - 1):
        with refuses(venue.world, "recovery: owes nothing"):
            register(venue, account)
    with refuses(venue.world, "recovery: unknown account"):
        register(venue, 2**32)
    for account in (2, 3):
        with refuses(venue.world, "recovery: venue's own money"):
            register(venue, account)


def test_debts_are_told_within_the_week_and_claims_paid_after_it(crowd: Crowd) -> None:
    venue = crowd.venue
    crash(crowd)
    for call in (register, claim):
        with refuses(venue.world, "recovery: not wound down"):
            call(venue, crowd.long)
    stop(venue)
    venue.world.travel(WEEK_S)
    with refuses(venue.world, "recovery: registration is not over"):
        claim(venue, crowd.short)
    with venue.world.anchored():
        register(venue, crowd.long)
    venue.world.travel(1)
    with refuses(venue.world, "recovery: registration is over"):
        register(venue, crowd.long)


# -- claims ------------------------------------------------------------------------------


def test_without_debts_everybody_is_paid_whole_and_the_fees_stay(crowd: Crowd) -> None:
    venue = crowd.venue
    venue.clearing.request_withdrawal(crowd.short, 7 * DOLLAR, sender=SHORT)
    stop(venue)
    venue.world.travel(WEEK_S + 1)
    assert claim(venue, crowd.long) == 3_970 * DOLLAR
    assert claim(venue, crowd.short) == 999_970 * DOLLAR
    assert claim(venue, crowd.keeper) == 10 * DOLLAR
    assert purse(venue, SHORT) == 999_970 * DOLLAR
    assert venue.vault.accounted_e6() == 60 * DOLLAR
    assert venue.recovery.unpaid_e6() == 60 * DOLLAR
    assert unpack_withdrawal(venue.clearing.withdrawals(crowd.short)).amount_e6 == 0


def test_claims_share_what_debts_leave_when_the_venues_money_is_used_up(crowd: Crowd) -> None:
    """2,030 dollars of debt, of which 60 of fees bear a part: 1,970 are lost by 1,005,980."""
    venue = crowd.venue
    crash(crowd)
    stop(venue)
    register(venue, crowd.long)
    venue.world.travel(WEEK_S + 1)
    equity = venue.recovery.final_equity(crowd.short)
    assert equity == (1_000_000 - 30 + 6_000) * DOLLAR
    held, owed = 1_004_010 * DOLLAR, 1_004_010 * DOLLAR - 60 * DOLLAR + 2_030 * DOLLAR
    receipt = venue.recovery.claim(crowd.short, sender=KEEPER)
    assert receipt.only("RatioFixed") == {"payable_e6": held, "claims_e6": owed}
    assert receipt.value == equity * held // owed == purse(venue, SHORT)
    assert receipt.only("ClaimPaid") == {
        "account": crowd.short,
        "equity_e6": equity,
        "paid_e6": receipt.value,
    }
    assert claim(venue, crowd.keeper) == 10 * DOLLAR * held // owed
    assert 0 <= venue.vault.accounted_e6() <= 2


def test_insurance_bears_a_debt_before_anybody(crowd: Crowd) -> None:
    venue = crowd.venue
    crowd.insure(3_000 * DOLLAR)
    crash(crowd)
    stop(venue)
    register(venue, crowd.long)
    venue.world.travel(WEEK_S + 1)
    assert claim(venue, crowd.short) == 1_005_970 * DOLLAR
    assert claim(venue, crowd.keeper) == 10 * DOLLAR
    assert venue.vault.accounted_e6() == (3_000 + 60 - 2_030) * DOLLAR


def test_a_debt_nobody_told_is_borne_by_whoever_claims_last(crowd: Crowd) -> None:
    venue = crowd.venue
    crash(crowd)
    stop(venue)
    venue.world.travel(WEEK_S + 1)
    assert claim(venue, crowd.keeper) == 10 * DOLLAR
    assert claim(venue, crowd.short) == 1_005_970 * DOLLAR - (2_030 - 60) * DOLLAR
    assert venue.vault.accounted_e6() == 0
    with refuses(venue.world, "recovery: nothing to claim"):
        claim(venue, crowd.long)


def test_a_claim_is_paid_once_and_only_to_the_owner(crowd: Crowd) -> None:
    venue = crowd.venue
    stop(venue)
    venue.world.travel(WEEK_S + 1)
    before = purse(venue, KEEPER)
    claim(venue, crowd.long)
    assert purse(venue, LONG) == 3_970 * DOLLAR and purse(venue, KEEPER) == before
    with refuses(venue.world, "recovery: nothing to claim"):
        claim(venue, crowd.long)
    with refuses(venue.world, "clearing: wound down"):
        venue.clearing.claim_withdrawal(crowd.long, 0, [], [], sender=LONG)
    for account in (2, 3):
        with refuses(venue.world, "recovery: venue's own money"):
            claim(venue, account)


def test_the_backstops_part_goes_to_governance_which_passes_it_on(crowd: Crowd) -> None:
    venue = crowd.venue
    venue.back(500 * DOLLAR)
    stop(venue)
    venue.world.travel(WEEK_S + 1)
    assert claim(venue, 1) == 500 * DOLLAR
    with refuses(venue.world, "recovery: nothing to claim"):
        claim(venue, 1)
    assert purse(venue, venue.governance) == 500 * DOLLAR
    venue.governance.seal(sender=DEPLOYER)
    token = venue.dollar.address
    with refuses(venue.world, "governance: not the timelock"):
        venue.governance.pass_on(token, MATCHER.address, 500 * DOLLAR, sender=MATCHER)
    operation = venue.operation("pass_on", token, MATCHER.address, 500 * DOLLAR)
    venue.schedule(operation)
    venue.world.travel(DELAY_S)
    before = purse(venue, MATCHER)
    venue.timelock.execute(*operation, sender=OWNER)
    assert purse(venue, MATCHER) == before + 500 * DOLLAR


def test_a_backstop_that_holds_a_position_is_paid_once(crowd: Crowd) -> None:
    venue = crowd.venue
    venue.back(60_000 * DOLLAR)
    plans = [
        venue.a_fill(venue.an_order(crowd.short, buy=True, size_e8=LOT)),
        venue.a_fill(venue.an_order(crowd.long, buy=False, size_e8=LOT, epoch=9)),
    ]
    assert len(venue.settle(venue.a_batch(plans, oracle={1: PRICE_E8})).all("Skipped")) == 1
    venue.world.travel(60)
    venue.settle(venue.a_batch(oracle={1: PRICE_E8 * 99 // 100}))
    stop(venue)
    worth = venue.recovery.final_equity(1)
    assert worth > 60_000 * DOLLAR
    venue.world.travel(WEEK_S + 1)
    assert claim(venue, 1) == worth
    with refuses(venue.world, "recovery: nothing to claim"):
        claim(venue, 1)


def test_claims_count_funding_to_the_last_batch_at_the_scale_of_then(crowd: Crowd) -> None:
    """After a change of parameters; what everybody is worth is what it was in that batch."""
    venue = crowd.venue
    for _ in range(2):
        venue.list_market(
            1, position_cap_e8=2 * LOT, rate_max_e9=10**8, velocity_e9=10**9, interest_share=15
        )
        venue.settle(venue.a_batch(oracle={1: PRICE_E8}))
    let_out(crowd, crowd.short, SHORT, LOT // 4)
    for hour in range(30):
        venue.world.travel(3_600)
        venue.settle(venue.a_batch(oracle={1: PRICE_E8}))
        if hour == 15:
            let_out(crowd, crowd.short, SHORT, 1)
    accounts = (crowd.long, crowd.short)
    assert unpack_position(venue.clearing.positions(crowd.short * 16)).funding_index != 0
    worth = [crowd.health(account, PRICE_E8)[0] for account in accounts]
    clock = unpack_clock(venue.clearing.market_words(8))
    assert clock.version == 1 and abs(clock.funding_index) > 10**6
    stop(venue)
    assert [venue.recovery.final_equity(account) for account in accounts] == worth


def test_a_place_that_was_left_free_is_passed_over(crowd: Crowd) -> None:
    """The last batch closes place 0 of an account that holds another market in place 1."""
    venue = crowd.venue
    venue.list_market(2, name="ETH-USD")
    prices = {1: PRICE_E8, 2: PRICE_E8}
    venue.trade(crowd.short, crowd.long, market=2, size_e8=LOT // 10, oracle=prices)
    venue.trade(crowd.short, crowd.long, oracle=prices)
    assert unpack_account(venue.clearing.accounts(crowd.long)).mask == 2
    fees_e6 = 2 * 30 * DOLLAR + 3 * DOLLAR
    stop(venue)
    assert venue.recovery.final_equity(crowd.long) == 4_000 * DOLLAR - fees_e6
    venue.world.travel(WEEK_S + 1)
    assert claim(venue, crowd.long) == 4_000 * DOLLAR - fees_e6
    assert claim(venue, crowd.short) == 1_000_000 * DOLLAR - fees_e6


def test_recovery_answers_nobody_while_it_pays_a_claim() -> None:
    venue = a_venue(token=compiled_at(ROOT / "tests" / "support" / "contracts" / "OddToken.vy"))
    account = venue.open_account(LONG, 100 * DOLLAR)
    venue.world.travel(2 * 86_400)
    stop(venue)
    venue.world.travel(WEEK_S + 1)
    for name, args in (("exits", (17 * 16,)), ("liquidated_ms", (17,)), ("unpaid_e6", ())):
        question = venue.recovery.calldata(name, *args)
        venue.dollar.call(venue.recovery.address, question, sender=KEEPER)
        venue.dollar.misbehave(False, 0, venue.recovery.address, question, sender=KEEPER)
        with refuses(venue.world, ""):
            claim(venue, account)
    venue.dollar.misbehave(False, 0, ZERO, b"", sender=KEEPER)
    assert claim(venue, account) == 100 * DOLLAR
