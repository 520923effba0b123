# SPDX-License-Identifier: Apache-2.0
"""The loss meter, the funding rate, incoming positions and strikes, against figures worked by
hand.
"""

from __future__ import annotations

import pytest
from tests.support.twin import (
    BTC,
    CAPS,
    EPOCH_MS,
    ETH,
    FIRST,
    PRICES_E8,
    PROVIDER,
    RATES,
    RECOVERY,
    Venue,
    hash_many,
)
from tests.support.twin import (
    POOL as POOL_ADDRESS,
)

from infold.reference.faults import Fault, Reason
from infold.reference.invariants import LossRecord, daily_loss_bound
from infold.reference.settlement import shares_after
from infold.reference.state import CLOCK, INCOMING, LEDGER, METER, POOL
from infold.reference.vectors import Vector, open_vector
from infold.reference.words import (
    Account,
    Clock,
    Head,
    Holding,
    Ledger,
    Limits,
    Meter,
    Requests,
    SettleHead,
    Strike,
)

BUYER, SELLER = FIRST, FIRST + 1
LOT = 10**8
PRICE = PRICES_E8[BTC]
DAY_MS = 86_400_000


def meter(venue: Venue) -> Meter:
    return Meter.of(venue.protocol.state.market_word(BTC, METER))


def pool(venue: Venue) -> Holding:
    return Holding.of(venue.protocol.state.market_word(BTC, POOL))


def clock(venue: Venue) -> Clock:
    return Clock.of(venue.protocol.state.market_word(BTC, CLOCK))


def buy_from_pool(venue: Venue, size_e8: int = LOT, gap_e6: int = 200) -> list[Reason]:
    """One trader buys from the pool (sells to it if negative), at a gap from the oracle."""
    price = venue.prices_e8[BTC] * (10**6 + gap_e6) // 10**6
    order = venue.order(BUYER, buy=size_e8 > 0, size_e8=abs(size_e8))
    return venue.settle([order], {BTC: price, ETH: venue.prices_e8[ETH]})


def test_the_pool_takes_the_other_side_and_its_spread() -> None:
    venue = Venue()
    assert buy_from_pool(venue) == [Reason.NONE]
    # Sold one BTC at 60,012.
    assert pool(venue) == Holding(-LOT, 60_012 * 10**6)
    assert Ledger.of(venue.protocol.state.market_word(BTC, LEDGER)).fees_e6 == 18_003_600


def leak(capital_e6: int, elapsed_ms: int) -> int:
    """What a market's bucket loses: seven fortieths of a percent of the capital over four days."""
    return capital_e6 * 7 // 4_000 * elapsed_ms // (4 * DAY_MS)


def test_the_meter_counts_what_a_move_took() -> None:
    venue = Venue()
    buy_from_pool(venue)
    # The spread of 12 dollars is a gain: nothing in the bucket.
    assert meter(venue) == Meter(0, LOT, LOT, 12 * 10**6)
    venue.prices_e8[BTC] = 60_600 * 10**8
    venue.settle([])
    # One BTC sold, the price 600 up, a second later: 1/120 of it is forgotten.
    taken = 600 * 10**6 - leak(10_000_000 * 10**6, 1_000)
    assert meter(venue) == Meter(taken, LOT * 119_000 // 120_000, LOT, 12 * 10**6)
    assert Head.of(venue.protocol.state.scalar("head")).bucket_e6 == 600 * 10**6
    venue.prices_e8[BTC] = 60_000 * 10**8
    venue.settle([])
    # Coming back is a gain of 600 times 119/120; the capacity leaks besides.
    assert meter(venue).bucket_e6 < 600 * 10**6 - 595 * 10**6


def test_a_full_meter_lets_the_pool_only_shrink() -> None:
    # 1,000,000 of capital: capacity 1,750, a market's share 437.50.
    venue = Venue(capital_e6=1_000_000 * 10**6)
    buy_from_pool(venue, 2 * LOT)
    venue.prices_e8[BTC] += 400 * 10**8
    venue.settle([])
    assert meter(venue).bucket_e6 == 800 * 10**6 - leak(1_000_000 * 10**6, 1_000)
    with pytest.raises(Fault, match="clearing: loss meter"):
        buy_from_pool(venue, LOT)
    venue.now_s -= 1
    # Selling to the pool shrinks it; beyond zero it would grow again.
    with pytest.raises(Fault, match="clearing: loss meter"):
        buy_from_pool(venue, -2 * LOT - 1, gap_e6=-200)
    venue.now_s -= 1
    assert buy_from_pool(venue, -LOT, gap_e6=-200) == [Reason.NONE]


def test_a_full_meter_empties_within_a_day() -> None:
    venue = Venue(capital_e6=1_000_000 * 10**6)
    buy_from_pool(venue, LOT // 10)
    venue.prices_e8[BTC] += 1_000 * 10**8
    venue.settle([])
    assert meter(venue).bucket_e6 == 100 * 10**6 - leak(1_000_000 * 10**6, 1_000)
    venue.now_s += DAY_MS // 1000
    venue.settle([])
    assert meter(venue).bucket_e6 == 0


def test_the_rate_follows_the_traders_skew() -> None:
    venue = Venue()
    buy_from_pool(venue, 20 * LOT // 10)
    # Velocity 0.4 a day at a full pool (200 BTC), 2 BTC sold, one second after the last batch.
    assert clock(venue).rate_e9 == 400_000_000 * 2 // 200 * 1_000 // DAY_MS
    venue.now_s += 7_200
    venue.settle([])
    # A gap of two hours moves the rate by one hour's worth.
    drift = 400_000_000 * 2 * 3_600_000 // (200 * DAY_MS)
    assert clock(venue).rate_e9 == 400_000_000 * 2 // 200 * 1_000 // DAY_MS + drift


def test_longs_pay_what_the_pool_receives() -> None:
    venue = Venue()
    buy_from_pool(venue, 2 * LOT)
    venue.now_s += 3_600
    venue.settle([])
    before = pool(venue).quote_e6
    venue.now_s += 86_400
    venue.settle([])
    received = pool(venue).quote_e6 - before
    ledger = Ledger.of(venue.protocol.state.market_word(BTC, LEDGER))
    assert received > 0
    # Until the long's position is touched, the pot is owed.
    assert ledger.pot_e6 < 0
    venue.settle([venue.order(BUYER, slot=3, size_e8=LOT), venue.order(SELLER, buy=False)])
    after = Ledger.of(venue.protocol.state.market_word(BTC, LEDGER))
    assert 0 <= after.pot_e6 <= 3


# -- incoming -----------------------------------------------------------------------


def broke(venue: Venue) -> None:
    """BUYER is long 15 BTC on 100,000 and the price falls by 12 %."""
    venue.deposit(SELLER, 10_000_000 * 10**6)
    venue.cross(BUYER, SELLER, 15 * LOT)
    venue.prices_e8[BTC] = PRICE * 92 // 100
    venue.now_s += 1


def open_vector_of(venue: Venue) -> Vector:
    head, openings, _ = venue.vector(venue.now_ms)
    _, time_ms, chunks, opened, _ = SettleHead.of(head)
    return open_vector(time_ms, chunks, opened, openings, hash_many)


def liquidate(venue: Venue) -> None:
    vector = venue.vector(venue.now_ms)
    venue.protocol.liquidate(*vector, BUYER, 0, 0, sender=1, now_s=venue.now_s)


def test_an_unhealthy_account_is_shrunk_into_incoming_until_it_is_a_quarter_above() -> None:
    """Equity 100,000 - 270 - 72,000 = 27,730 against 41,400: 5/4 of maintenance after n units is
    27,730 - n * (11.04 + 690) = 5/4 * 2,760 * (15 - n).
    """
    venue = Venue()
    broke(venue)
    liquidate(venue)
    state = venue.protocol.state
    waiting = Holding.of(state.market_word(BTC, INCOMING))
    closed = -(-(51_750 - 27_730) * LOT * 10**6 // int((3_450 - 701.04) * 10**6))
    assert waiting.base_e8 == closed
    held = venue.protocol.standing(BUYER, open_vector_of(venue))
    assert 0 <= 4 * held.equity_e6 - 5 * held.mm_e6 < 100
    assert clock(venue).incoming
    assert meter(venue).open_interest_e8 == 15 * LOT - closed
    venue.settle([])
    assert pool(venue).base_e8 == closed
    assert state.market_word(BTC, INCOMING) == 0
    assert not clock(venue).incoming


def test_a_healthy_account_is_left_alone() -> None:
    venue = Venue()
    venue.cross(BUYER, SELLER)
    with pytest.raises(Fault, match="recovery: account is healthy"):
        liquidate(venue)


def test_what_cannot_be_saved_closes_into_collateral() -> None:
    """At 53,500 equity is 2,230: h_min takes 160.5, the penalty all that is left."""
    venue = Venue()
    broke(venue)
    venue.prices_e8[BTC] = 53_500 * 10**8
    liquidate(venue)
    state = venue.protocol.state
    assert BUYER << 4 not in state.positions
    assert Account.of(state.accounts[BUYER])[1:3] == (0, 0)
    assert Account.of(state.accounts[2]).collateral_e6 == 2_069_500_000


@pytest.mark.parametrize("change", [0, LOT, -15 * LOT - 1])
def test_apply_must_shrink(change: int) -> None:
    venue = Venue()
    broke(venue)
    vector = venue.vector(venue.now_ms)
    with pytest.raises(Fault, match="clearing: apply must shrink"):
        venue.protocol.apply(*vector, BUYER, 0, change, 0, sender=RECOVERY, now_s=venue.now_s)


def test_apply_is_recoverys() -> None:
    venue = Venue()
    broke(venue)
    vector = venue.vector(venue.now_ms)
    with pytest.raises(Fault, match="clearing: not recovery"):
        venue.protocol.apply(*vector, BUYER, 0, -1, 0, sender=RECOVERY + 1, now_s=venue.now_s)


@pytest.mark.parametrize(
    ("offset_ms", "reason"),
    [
        (1_000, None),
        (1_001, "clearing: vector from the future"),
        (-4_000, None),
        (-4_001, "clearing: vector too old"),
    ],
)
def test_vectors_outside_batches_are_fresh(offset_ms: int, reason: str | None) -> None:
    # The last batch is a second old, so G behind it is the bound.
    venue = Venue()
    broke(venue)
    vector = venue.vector(venue.now_ms + offset_ms)
    run = (*vector, BUYER, 0, -1, 0)
    if reason is None:
        venue.protocol.apply(*run, sender=RECOVERY, now_s=venue.now_s)
        return
    with pytest.raises(Fault, match=reason):
        venue.protocol.apply(*run, sender=RECOVERY, now_s=venue.now_s)


def test_a_window_bounds_a_vectors_age_when_batches_stop() -> None:
    venue = Venue()
    broke(venue)
    venue.now_s += 60
    for offset_ms, fits in ((-15_000, True), (-15_001, False)):
        vector = venue.vector(venue.now_ms + offset_ms)
        try:
            venue.protocol.apply(*vector, BUYER, 0, -1, 0, sender=RECOVERY, now_s=venue.now_s)
        except Fault as fault:
            assert not fits and fault.reason == "clearing: vector too old"
        else:
            assert fits


# -- strikes --------------------------------------------------------------------------


def strike(venue: Venue) -> Strike:
    """Let the epoch end and settle an empty batch."""
    epoch = Head.of(venue.protocol.state.scalar("head")).epoch
    venue.now_s += EPOCH_MS // 1000 + 4
    venue.settle([])
    return Strike.of(venue.protocol.state.strikes[epoch])


def claim(venue: Venue, holder: int, epoch: int) -> tuple[int, int]:
    """All that a strike made of a holder's requests: (shares, assets)."""
    protocol, who = venue.protocol, {"sender": holder, "now_s": venue.now_s}
    minted = paid = 0
    deposit = protocol.left(holder, epoch, redeems=False)
    redemption = protocol.left(holder, epoch, redeems=True)
    if deposit.assets_e6:
        minted += protocol.claim_own_deposit(deposit.assets_e6, holder, **who)
    if redemption.shares:
        paid += protocol.claim_redeem(redemption.shares, holder, holder, **who)
    if deposit.back:
        protocol.take_back_deposit(epoch, holder, holder, **who)
        paid += deposit.back
    if redemption.back:
        protocol.take_back_redeem(epoch, holder, holder, **who)
        minted += redemption.back
    return minted, paid


def redeem(venue: Venue, shares: int) -> None:
    who = {"sender": PROVIDER, "now_s": venue.now_s}
    venue.protocol.request_redeem(shares, PROVIDER, PROVIDER, **who)


def test_the_first_strike_sells_shares_at_one_for_a_millionth() -> None:
    venue = Venue(capital_e6=5 * 10**6)
    assert venue.protocol.state.strikes.get(1, 0) == 0
    assert claim(venue, PROVIDER, 1) == (5 * 10**12, 0)
    assert Limits.of(venue.protocol.state.scalar("limits")).capital_e6 == 5 * 10**6


def test_an_epoch_strikes_once_its_end_and_the_guard_are_over() -> None:
    venue = Venue()
    head = Head.of(venue.protocol.state.scalar("head"))
    venue.now_s = head.epoch_end_ms // 1000 + 3
    venue.submit(venue.batch([], time_ms=head.epoch_end_ms + 3_000))
    assert Head.of(venue.protocol.state.scalar("head")).epoch == head.epoch
    venue.submit(venue.batch([], time_ms=head.epoch_end_ms + 3_001))
    after = Head.of(venue.protocol.state.scalar("head"))
    assert after.epoch == head.epoch + 1
    assert after.epoch_end_ms == head.epoch_end_ms + 3_001 + EPOCH_MS


def test_later_shares_cost_the_pools_worth() -> None:
    venue = Venue(capital_e6=1_000_000 * 10**6)
    buy_from_pool(venue, 2 * LOT)
    venue.prices_e8[BTC] -= 300 * 10**8
    venue.provide(PROVIDER + 1, 500_000 * 10**6)
    struck = strike(venue)
    funding = pool(venue).quote_e6 - 2 * 60_012 * 10**6
    assert struck.nav_e6 == (1_000_000 + 2 * 312) * 10**6 + funding
    minted, _ = claim(venue, PROVIDER + 1, 2)
    assert minted == 500_000 * 10**6 * struck.supply // struck.nav_e6


def test_shares_given_back_are_paid_at_the_strike() -> None:
    venue = Venue(capital_e6=1_000_000 * 10**6)
    claim(venue, PROVIDER, 1)
    redeem(venue, 10**17)
    struck = strike(venue)
    _, paid = claim(venue, PROVIDER, 2)
    assert paid == 10**17 * struck.nav_e6 // struck.supply == 100_000 * 10**6
    assert Limits.of(venue.protocol.state.scalar("limits")).capital_e6 == 900_000 * 10**6


def test_requests_join_the_epoch_until_its_end() -> None:
    venue = Venue()
    head = Head.of(venue.protocol.state.scalar("head"))
    venue.now_s = -(-head.epoch_end_ms // 1000) - 1
    run = venue.protocol.request_deposit
    asked = (10**6, PROVIDER, PROVIDER)
    assert run(*asked, sender=PROVIDER, now_s=venue.now_s) == head.epoch
    assert run(*asked, sender=PROVIDER, now_s=venue.now_s + 1) == head.epoch + 1
    assert Requests.of(venue.protocol.state.lp_requests[head.epoch]).deposits_e6 == 10**6


def test_a_pool_worth_nothing_returns_its_requests() -> None:
    venue = Venue(capital_e6=10**6)
    claim(venue, PROVIDER, 1)
    redeem(venue, 10**11)
    venue.provide(PROVIDER + 1, 7 * 10**6)
    buy_from_pool(venue, 2 * LOT)
    venue.prices_e8[BTC] += 500 * 10**8
    struck = strike(venue)
    assert struck.returned and struck.nav_e6 == 0
    for holder, given_back in ((PROVIDER, (10**11, 0)), (PROVIDER + 1, (0, 7 * 10**6))):
        assert claim(venue, holder, 2) == given_back


def test_what_open_interest_locks_is_not_paid_out() -> None:
    venue = Venue(capital_e6=20_000 * 10**6)
    claim(venue, PROVIDER, 1)
    # The pool sells one BTC to a buyer; the initial margin of one BTC stays.
    buy_from_pool(venue)
    redeem(venue, 19_000 * 10**12)
    struck = strike(venue)
    locked = PRICE * LOT * RATES.im_e6 // 10**16
    assert Limits.of(venue.protocol.state.scalar("limits")).capital_e6 == locked
    assert struck.paid_e6 == struck.nav_e6 - locked < 19_000 * 10**6
    back, paid = claim(venue, PROVIDER, 2)
    assert paid == struck.paid_e6
    gone = -(-struck.paid_e6 * struck.supply // struck.nav_e6)
    assert back == 19_000 * 10**12 - gone
    shares = venue.protocol.state.shares[PROVIDER]
    assert shares_after(venue.protocol.state, 3) == shares == struck.supply - gone


def test_a_strike_needs_a_price_for_every_market_of_the_pool() -> None:
    venue = Venue()
    buy_from_pool(venue)
    venue.now_s += EPOCH_MS // 1000 + 4
    call = venue.batch([], {ETH: venue.prices_e8[ETH]})
    del venue.prices_e8[BTC]
    without = venue.batch([], {ETH: venue.prices_e8[ETH]})
    with pytest.raises(Fault, match="clearing: strike misses a market"):
        venue.submit(without)
    # Unlisted in the batch but priced by the vector is enough.
    assert venue.submit(call) == []


def test_a_flat_pool_keeps_its_dust_until_it_closes_again() -> None:
    venue = Venue()
    # A cross of one lot at a price that does not divide: the buyer pays up, the seller receives
    # down.
    venue.cross(BUYER, SELLER, 1)
    assert pool(venue) == Holding(0, 0)
    venue.prices_e8[BTC] = PRICE + 1
    venue.settle(
        [venue.order(BUYER, slot=1, size_e8=1), venue.order(SELLER, buy=False, slot=1, size_e8=1)],
        {BTC: PRICE + 1},
    )
    assert pool(venue) == Holding(0, 1)
    assert venue.protocol.state.scalar("pool_markets") == 0


def test_worst_loss_of_a_day_forgets_older_losses() -> None:
    losses = LossRecord()
    for time_ms, loss in ((0, 10), (1_000, -4), (2_000, 7), (DAY_MS + 1_500, 3)):
        losses.add(time_ms, loss)
    assert losses.worst_day_e6 == 13
    losses.add(2 * DAY_MS + 2_000, 2)
    assert losses.worst_day_e6 == 13


def test_the_bound_on_a_days_loss() -> None:
    # Thirty-five hundredths of a percent of a million over 0.88, and a slack.
    assert daily_loss_bound(1_000_000 * 10**6, 5) == 3_500 * 10**6 * 100 // 88 + 5


def test_the_pool_address_owns_account_zero() -> None:
    assert Account.of(Venue().protocol.state.accounts[0]).owner == POOL_ADDRESS


def test_caps_have_room_for_the_figures_above() -> None:
    assert CAPS.residual_cap_e8 >= 2 * LOT and RATES.band_e6 >= RATES.h_min_e6 + RATES.h0_e6
