# SPDX-License-Identifier: Apache-2.0
"""Scenarios D and E of the liquidity providers' side: rounding, the first share, donations, running
from a known loss, shares as collateral. C11 and C4 stand behind all of them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from tests.support.evm import Key, Refused, a_key, refuses
from tests.support.venue import DOLLAR, LOT, PRICE_E8, Venue, a_venue

from infold.units import GUARD_MS
from infold.words import unpack_account, unpack_head, unpack_strike

ATTACKER, VICTIM, LENDER, SELLER = (
    a_key(name) for name in ("attacker", "victim", "lender", "seller")
)
ORACLE = {1: PRICE_E8}
CYCLES = 250
FUNDING_E6 = 10 * DOLLAR
"""More than the pool's position earns by funding in those cycles."""


@pytest.fixture(scope="module")
def kept() -> Venue:
    venue = a_venue(epoch_ms=20_000)
    venue.list_market(1)
    for key in (ATTACKER, VICTIM, LENDER):
        venue.fund(key, 10**8 * DOLLAR)
    return venue


@pytest.fixture
def venue(kept: Venue) -> Iterator[Venue]:
    with kept.world.anchored():
        yield kept


def sell(venue: Venue, account: int, size_e8: int = LOT, gap_e6: int = 600) -> None:
    """A trader sells to the pool, at a loss of the gap."""
    venue.world.travel(1)
    order = venue.an_order(account, buy=False, size_e8=size_e8, limit_price_e8=1)
    deal = {1: PRICE_E8 - PRICE_E8 * gap_e6 // 10**6}
    venue.settle(venue.a_batch([venue.a_fill(order)], oracle=ORACLE, prices=deal))


def test_D01_cycles_of_dust_and_fortunes_never_cost_the_pool(venue: Venue) -> None:
    """What went in less what came out stays, and no act leaves more than a unit a claim."""
    draw = random.Random(1)
    venue.provide(LENDER, 999_983 * DOLLAR + 7, ORACLE)
    sell(venue, venue.open_account(SELLER, 10**6 * DOLLAR), LOT // 3 + 1)
    venue.strike({1: PRICE_E8 + 12_345})
    worth_e6, supply = venue.pool.totalAssets(), venue.pool.supply()
    dust_max = 0
    for _ in range(CYCLES // 5):
        for key in (ATTACKER, VICTIM):
            venue.ask_in(
                key, draw.choice((1, 2, draw.randrange(1, 10**6), draw.randrange(1, 10**13)))
            )
            shares = venue.pool.balanceOf(key.address)
            if shares:
                venue.ask_out(key, draw.randrange(1, min(shares, draw.choice((9, shares))) + 1))
        epoch = unpack_head(venue.clearing.head()).epoch
        venue.strike({1: PRICE_E8 + 12_345})
        for key in (ATTACKER, VICTIM):
            venue.collect(key, epoch)
        dust_max += 4
    for key in (ATTACKER, VICTIM):
        shares = venue.pool.balanceOf(key.address)
        if shares:
            venue.ask_out(key, shares)
    epoch = unpack_head(venue.clearing.head()).epoch
    venue.strike({1: PRICE_E8 + 12_345})
    after_e6, left = venue.pool.totalAssets(), venue.pool.supply()
    # A share is worth no less than before, and what the cycles left behind is rounding alone.
    assert after_e6 * supply >= worth_e6 * left
    assert after_e6 * supply - worth_e6 * left <= (dust_max + FUNDING_E6) * supply
    for key in (ATTACKER, VICTIM):
        venue.collect(key, epoch)
    assert venue.dollar.balanceOf(venue.vault.address) == venue.vault.accounted_e6()


@pytest.mark.parametrize("gift_to", ["vault", "pool"])
def test_D02_the_first_depositor_cannot_rob_the_second(venue: Venue, gift_to: str) -> None:
    """One unit, then a gift of 10^24, then a victim: it loses at most one part in 10,000."""
    venue.ask_in(ATTACKER, 1)
    venue.strike(ORACLE)
    venue.collect(ATTACKER, unpack_head(venue.clearing.head()).epoch - 1)
    venue.dollar.mint(venue.contracts[gift_to].address, 10**24, sender=ATTACKER)
    epoch = venue.ask_in(VICTIM, 1_000 * DOLLAR)
    while unpack_head(venue.clearing.head()).epoch <= epoch:
        venue.strike(ORACLE)
    shares, _ = venue.collect(VICTIM, epoch)
    epoch = venue.ask_out(VICTIM, shares)
    while unpack_head(venue.clearing.head()).epoch <= epoch:
        venue.strike(ORACLE)
    _, paid = venue.collect(VICTIM, epoch)
    assert paid >= 1_000 * DOLLAR * 9_999 // 10_000


def test_D02_one_unit_of_capital_takes_no_trade_that_would_raise_it(venue: Venue) -> None:
    """Nor can the gift come through a trade: a pool of one unit may only shrink."""
    venue.ask_in(ATTACKER, 1)
    venue.strike(ORACLE)
    account = venue.open_account(SELLER, 10**6 * DOLLAR)
    with refuses(venue.world, "clearing: loss meter"):
        sell(venue, account)
    with refuses(venue.world, "clearing: unknown account"):
        venue.clearing.deposit(0, 10**6, sender=ATTACKER)


def test_D02_exits_of_a_matched_pair_cannot_make_a_lone_share_dear(venue: Venue) -> None:
    """Nor through exits, which need no capital of the pool: few shares are never outstanding."""
    accounts = [venue.open_account(key, 10**6 * DOLLAR) for key in (ATTACKER, SELLER)]
    venue.trade(*accounts, size_e8=10 * LOT)
    venue.provide(ATTACKER, 1, ORACLE)
    epoch = venue.ask_out(ATTACKER, venue.pool.balanceOf(ATTACKER.address) - 1)
    venue.strike_past(epoch, ORACLE)
    venue.collect(ATTACKER, epoch)
    for account, key in zip(accounts, (ATTACKER, SELLER), strict=True):
        venue.recovery.force_reduce(account, 0, 10 * LOT, sender=key)
    appointed_ms = venue.world.now_ms + 60_000
    venue.world.at_ms(appointed_ms)
    for account in accounts:
        vector = venue.presented(venue.a_vector(ORACLE, time_ms=appointed_ms))
        venue.recovery.execute_exit(*vector, account, 0, sender=ATTACKER)
    venue.strike_past(unpack_head(venue.clearing.head()).epoch, ORACLE)
    assert venue.pool.totalAssets() > 2_000 * DOLLAR, "twenty basis points of each"
    epoch = venue.ask_in(VICTIM, 2_000 * DOLLAR)
    venue.strike_past(epoch, ORACLE)
    shares, _ = venue.collect(VICTIM, epoch)
    assert shares >= 800_000, "not one of few: all but one were asked back, and given back"
    epoch = venue.ask_out(VICTIM, shares)
    venue.strike_past(epoch, ORACLE)
    _, paid = venue.collect(VICTIM, epoch)
    assert paid >= 2_000 * DOLLAR * 9_999 // 10_000


@pytest.mark.parametrize("gift_to", ["vault", "pool", "clearing"])
def test_D03_a_donation_changes_no_claim_and_no_price(venue: Venue, gift_to: str) -> None:
    def seen() -> tuple[int, ...]:
        pool, who = venue.pool, LENDER.address
        return (
            pool.totalAssets(),
            pool.supply(),
            pool.convertToAssets(10**12),
            pool.maxWithdraw(who),
            pool.maxMint(who),
            venue.vault.accounted_e6(),
            unpack_account(venue.clearing.accounts(0)).collateral_e6,
        )

    venue.provide(LENDER, 10**6 * DOLLAR, ORACLE)
    venue.ask_out(LENDER, 10**15)
    venue.ask_in(LENDER, 10**9)
    venue.strike(ORACLE)
    before = seen()
    venue.dollar.mint(venue.contracts[gift_to].address, 10**24, sender=ATTACKER)
    assert seen() == before
    venue.strike(ORACLE)
    assert seen() == before


@pytest.mark.parametrize("fall", [1, 5, 20])
def test_D20_nobody_leaves_at_a_price_before_a_known_loss(venue: Venue, fall: int) -> None:
    """A lender sees the loss coming and asks at the last moment: it bears its part like all."""
    for key in (ATTACKER, LENDER):
        venue.provide(key, 500_000 * DOLLAR, ORACLE)
    sell(venue, venue.open_account(SELLER, 10**6 * DOLLAR))
    end_ms = unpack_head(venue.clearing.head()).epoch_end_ms
    venue.world.at_ms(max(end_ms - 1_000, venue.world.now_ms))
    before_e6 = venue.pool.convertToAssets(venue.pool.balanceOf(ATTACKER.address))
    epoch = venue.ask_out(ATTACKER, venue.pool.balanceOf(ATTACKER.address))
    low = {1: PRICE_E8 * (100 - fall) // 100}
    while unpack_head(venue.clearing.head()).epoch <= epoch:
        venue.strike(low)
    _, paid = venue.collect(ATTACKER, epoch)
    stayed = venue.pool.convertToAssets(venue.pool.balanceOf(LENDER.address))
    assert abs(paid - stayed) <= 2, "who ran has what who stayed has"
    lost_e6 = PRICE_E8 * fall // 100 // 100 - PRICE_E8 * 600 // 10**6 // 100
    assert abs(before_e6 - paid - lost_e6 // 2) < 10 * DOLLAR


def test_D20_a_request_binds_and_joins_no_epoch_whose_vector_may_be_known(venue: Venue) -> None:
    venue.provide(LENDER, 10**6 * DOLLAR, ORACLE)
    head = unpack_head(venue.clearing.head())
    venue.world.at_ms(head.epoch_end_ms)
    assert venue.ask_out(LENDER, 10**12) == head.epoch + 1, "from its end on, the next"
    with refuses(venue.world, "clearing: batch time outside window"):
        # The vector that strikes is later than any request by the guard, and nothing earlier can.
        venue.world.at_ms(head.epoch_end_ms - 2_000)
        venue.settle(venue.a_batch(oracle=ORACLE, time_ms=head.epoch_end_ms + GUARD_MS + 1))
    assert not venue.pool.names & {"cancelDepositRequest", "cancelRedeemRequest", "claim"}


def test_D20_what_open_interest_locks_stays_whoever_runs_first(venue: Venue) -> None:
    """All but one run: they are paid in one proportion, and who stays is no worse off."""
    runners = (ATTACKER, VICTIM)
    for key, dollars in ((ATTACKER, 4_000), (VICTIM, 4_000), (LENDER, 2_000)):
        venue.provide(key, dollars * DOLLAR, ORACLE)
    sell(venue, venue.open_account(SELLER, 10**6 * DOLLAR))
    worth = venue.pool.convertToAssets(10**12)
    epochs = {venue.ask_out(key, venue.pool.balanceOf(key.address)) for key in runners}
    (epoch,) = epochs
    while unpack_head(venue.clearing.head()).epoch <= epoch:
        venue.strike(ORACLE)
    strike = unpack_strike(venue.clearing.strikes(epoch))
    assert 0 < strike.paid_e6 < 8_000 * DOLLAR
    paid = [venue.collect(key, epoch) for key in runners]
    assert abs(paid[0][1] - paid[1][1]) <= 1 and abs(paid[0][0] - paid[1][0]) <= 1
    assert venue.pool.convertToAssets(10**12) >= worth


def test_E02_shares_are_collateral_of_nothing(venue: Venue) -> None:
    """The vault takes its own token alone, and no account's equity asks for shares."""
    venue.provide(ATTACKER, 10**6 * DOLLAR, ORACLE)
    account = venue.open_account(ATTACKER, 1_000 * DOLLAR)
    vector = venue.presented(venue.a_vector(ORACLE))
    equity, _ = venue.recovery.health(*vector, account)
    venue.pool.approve(venue.vault.address, 2**256 - 1, sender=ATTACKER)
    venue.pool.approve(venue.clearing.address, 2**256 - 1, sender=ATTACKER)
    venue.pool.transfer(venue.vault.address, 10**15, sender=ATTACKER)
    assert venue.recovery.health(*vector, account)[0] == equity == 1_000 * DOLLAR
    assert venue.vault.token().lower() == venue.pool.asset().lower() != venue.pool.address.lower()
    with refuses(venue.world, "clearing: not enough collateral"):
        venue.clearing.request_withdrawal(account, 1_000 * DOLLAR + 1, sender=ATTACKER)


def test_E02_the_pools_own_account_belongs_to_no_key(venue: Venue) -> None:
    owner = unpack_account(venue.clearing.accounts(0)).owner
    assert owner == int(venue.pool.address, 16)
    for key in (ATTACKER, SELLER):
        with pytest.raises(Refused, match="not the owner"):
            withdraw(venue, key)


def withdraw(venue: Venue, key: Key) -> None:
    venue.clearing.request_withdrawal(0, 1, sender=key)
