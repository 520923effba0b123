# SPDX-License-Identifier: Apache-2.0
"""Second sources in the engine: which prices they doubt, and what follows of it."""

from __future__ import annotations

import pytest
from tests.support.paper_venue import BTC, BTC_E8, E8, Venue, an_order

from infold.core.doubts import doubts
from infold.core.events import (
    BatchClosed,
    OrderAccepted,
    OrderRejected,
    SourceRead,
    fact_from_log,
    to_word,
)
from infold.core.facts import fold
from infold.core.state import State, chain_words
from infold.errors import InvariantBroken
from infold.words import ReadingsWord, pack_readings

T_S = 1_800_000_000
READINGS = ReadingsWord(
    price_e8=BTC_E8,
    until_s=T_S + 60,
    bound_e4=100,
    strict=0,
    before_price_e8=2 * BTC_E8,
    before_until_s=T_S + 30,
    before_bound_e4=50,
    before_strict=1,
    activation_s=T_S,
)


def a_fact(market: int, readings: ReadingsWord) -> SourceRead:
    return SourceRead(market=market, readings=to_word(pack_readings(readings)))


@pytest.mark.parametrize(
    ("price_e8", "time_ms", "doubtful"),
    [
        (BTC_E8 * 101 // 100, T_S * 1000 + 1, False),
        (BTC_E8 * 101 // 100 + 1, T_S * 1000 + 1, True),
        (BTC_E8 * 99 // 100, T_S * 1000 + 1, False),
        (BTC_E8 * 99 // 100 - 1, T_S * 1000 + 1, True),
        (BTC_E8, T_S * 1000, True),  # the reading before serves
        (2 * BTC_E8, T_S * 1000, False),
        (2 * BTC_E8, (T_S + 60) * 1000, True),
        (2 * BTC_E8, (T_S + 60) * 1000 + 1, False),  # too old to doubt
    ],
)
def test_the_reading_that_serves_the_time_doubts(
    price_e8: int, time_ms: int, doubtful: bool
) -> None:
    state = State(readings={BTC: READINGS})
    assert doubts(state, BTC, price_e8, time_ms) is doubtful
    assert not doubts(state, BTC + 1, price_e8, time_ms)


def test_a_strict_reading_doubts_all_once_it_is_too_old() -> None:
    state = State(readings={BTC: READINGS._replace(strict=1)})
    assert not doubts(state, BTC, BTC_E8, (T_S + 60) * 1000)
    assert doubts(state, BTC, BTC_E8, (T_S + 60) * 1000 + 1)


def test_a_reading_must_follow_the_one_before() -> None:
    state = State()
    first = READINGS._replace(
        before_price_e8=0, before_until_s=0, before_bound_e4=0, before_strict=0
    )
    fold(state, a_fact(BTC, first))
    assert chain_words(state)[f"readings[{BTC}]"] == pack_readings(first)
    with pytest.raises(InvariantBroken, match="a log is missing"):
        fold(state, a_fact(BTC, first))
    fold(
        state,
        a_fact(
            BTC,
            READINGS._replace(
                before_price_e8=BTC_E8,
                before_until_s=T_S + 60,
                before_bound_e4=100,
                before_strict=0,
            ),
        ),
    )
    fold(state, SourceRead(market=BTC, readings=to_word(0)))
    assert not state.readings


def test_a_log_of_the_oracle_is_a_fact() -> None:
    fact = fact_from_log("SourceRead", {"market": 1, "readings": 7})
    assert fact == SourceRead(market=1, readings=to_word(7))
    for name in ("SourceSet", "UptimeSet", "SignerSet", "ThresholdSet"):
        assert fact_from_log(name, {}) is None


PRICES = {BTC: BTC_E8}


def a_doubted_venue() -> Venue:
    """Two accounts that hold the market; its second source says half its price."""
    venue = Venue()
    venue.list_market(BTC)
    for _ in range(2):
        venue.open_account()
    venue.observe()
    venue.now_ms += 1_000
    buy = an_order(17, buy=True, size_e8=E8, seq=venue.seq())
    sell = an_order(18, buy=False, size_e8=E8, seq=venue.seq(), limit_price_e8=1_000 * E8)
    assert venue.trade(buy, sell, prices_e8=PRICES, curves={}) is not None
    stamp_s = venue.now_ms // 1000
    venue.tell(a_fact(BTC, ReadingsWord(BTC_E8 // 2, stamp_s + 3_600, 100, activation_s=stamp_s)))
    venue.observe(venue.now_ms + 1_000)
    return venue


def test_a_doubtful_market_admits_only_what_shrinks() -> None:
    venue = a_doubted_venue()
    opening, closing = venue.submit(
        an_order(17, buy=True, slot=1, seq=9),
        an_order(17, buy=False, slot=2, seq=9, limit_price_e8=59_000 * E8),
    )
    assert isinstance(opening, OrderRejected) and opening.code == "MARKET_SHRINK_ONLY"
    assert opening.message.startswith("a second source contradicts the market's price")
    assert isinstance(closing, OrderAccepted)


def test_a_batch_fills_only_what_shrinks_in_a_doubtful_market() -> None:
    venue = a_doubted_venue()
    sizes = {17: 3 * E8, 18: E8}  # the seller would turn around: what shrinks is one of three
    venue.submit(
        an_order(17, buy=False, size_e8=sizes[17], slot=2, seq=9, limit_price_e8=59_000 * E8),
        an_order(18, buy=True, size_e8=sizes[18], slot=2, seq=9),
    )
    closed = venue.close(PRICES, curves={})
    (batch,) = [event for event in closed if isinstance(event, BatchClosed)]
    assert [record.fill_e8 for record in batch.records] == [E8, E8]
    confirmed = venue.confirm()
    assert not confirmed.skips
    venue.check()
    assert not venue.state.accounts[17].positions
