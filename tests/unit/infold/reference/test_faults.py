# SPDX-License-Identifier: Apache-2.0
"""Structural faults revert the whole batch without a trace (docs/protocol.md §5.1, §5.5, §5.6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.support.twin import (
    BTC,
    CAPS,
    ETH,
    FIRST,
    GOVERNANCE,
    MATCHER,
    PRICES_E8,
    RATES,
    SIGNERS,
    Key,
    Venue,
)

from infold.reference.faults import Fault, Overflow
from infold.reference.settlement import SettleCall
from infold.reference.words import PriceWord

BUYER, SELLER = FIRST, FIRST + 1
LOT = 10**8
PRICE = PRICES_E8[BTC]


@pytest.fixture
def venue() -> Venue:
    venue = Venue()
    venue.now_s += 1
    return venue


def refused(venue: Venue, call: SettleCall, reason: str) -> None:
    """The batch reverts for this reason and changes no word."""
    before = list(venue.protocol.state.words())
    with pytest.raises(Fault) as fault:
        venue.submit(call)
    assert fault.value.reason == reason
    assert list(venue.protocol.state.words()) == before
    assert venue.events == []


def crossing(venue: Venue, size_e8: int = LOT) -> list[tuple[int, int, int, int]]:
    return [
        venue.order(BUYER, size_e8=size_e8),
        venue.order(SELLER, buy=False, size_e8=size_e8),
    ]


@pytest.mark.parametrize("number", [0, 1, 3, 2**64 - 1])
def test_numbers_rise_by_one(venue: Venue, number: int) -> None:
    refused(venue, venue.batch([], number=number), "clearing: wrong batch number")


def test_bits_above_the_number_are_part_of_it(venue: Venue) -> None:
    call = venue.batch([])
    refused(venue, call._replace(head=call.head | 1 << 128), "clearing: wrong batch number")


@pytest.mark.parametrize("offset_ms", [-15_001, 1_001])
def test_a_batch_outside_the_window(venue: Venue, offset_ms: int) -> None:
    venue.now_s += 20
    call = venue.batch([], time_ms=venue.now_ms + offset_ms)
    refused(venue, call, "clearing: batch time outside window")


@pytest.mark.parametrize("offset_ms", [-15_000, 1_000])
def test_a_batch_at_the_windows_edge_settles(venue: Venue, offset_ms: int) -> None:
    venue.now_s += 20
    assert venue.submit(venue.batch([], time_ms=venue.now_ms + offset_ms)) == []


def test_times_rise(venue: Venue) -> None:
    last_ms = venue.now_ms - 1_000
    refused(venue, venue.batch([], time_ms=last_ms), "clearing: batch time must rise")
    assert venue.submit(venue.batch([], time_ms=last_ms + 1)) == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda signatures: signatures[:1], "signers: too few"),
        (lambda signatures: [], "signers: too few"),
        (lambda signatures: signatures[::-1], "signers: not ascending"),
        (lambda signatures: signatures[:1] * 2, "signers: not ascending"),
        (lambda signatures: [(1, 1), *signatures], "signers: not a signer"),
        (lambda signatures: [(0, 0), *signatures], "signers: not ascending"),
    ],
)
def test_signatures_of_the_vector(venue: Venue, change: Callable[[Any], Any], reason: str) -> None:
    call = venue.batch([])
    bad = call._replace(signatures=change(call.signatures))
    before = list(venue.protocol.state.words())
    with pytest.raises(Fault) as fault:
        venue.submit(bad)
    # A stray pair may recover some unknown key of any address.
    assert fault.value.reason in {reason, "signers: not ascending"}
    assert list(venue.protocol.state.words()) == before


@pytest.mark.parametrize(
    ("openings", "chunks", "opened", "reason"),
    [
        (0, 2, 3, "vector: wrong length"),
        (15, 2, 3, "vector: wrong length"),
        (17, 2, 3, "vector: wrong length"),
        (16, 0, 0, "vector: bad chunk count"),
        (16, 9, 3, "vector: bad chunk count"),
        (16, 1, 3, "vector: opened beyond chunks"),
    ],
)
def test_shape_of_the_vector(
    venue: Venue, openings: int, chunks: int, opened: int, reason: str
) -> None:
    call = venue.batch([])
    head = call.head & ~0xFFFF | chunks << 8 | opened
    words = (list(call.openings) * 2)[:openings]
    refused(venue, call._replace(head=head, openings=words), reason)


def test_an_unopened_chunk_is_given_by_its_hash_and_prices_nothing(venue: Venue) -> None:
    from tests.support.twin import hash_many

    call = venue.batch([], {BTC: PRICE})
    second = b"".join(word.to_bytes(32, "big") for word in call.openings[8:])
    hashed = int.from_bytes(hash_many([second])[0], "big")
    part = call._replace(head=call.head & ~0xFF | 1, openings=[*call.openings[:8], hashed])
    assert venue.submit(venue.seal(part)) == []
    venue.now_s += 1
    call = venue.batch([])
    part = call._replace(head=call.head & ~0xFF | 1, openings=[*call.openings[:8], hashed])
    refused(venue, venue.seal(part), "clearing: no price")


def test_prices_ascend(venue: Venue) -> None:
    call = venue.batch([])
    for words in (
        call.prices[::-1],
        [call.prices[0], call.prices[0]],
        [PriceWord(0, 1, 0, 0).word],
    ):
        refused(
            venue, venue.seal(call._replace(prices=list(words))), "clearing: prices not ascending"
        )


def test_an_unlisted_market(venue: Venue) -> None:
    refused(venue, venue.batch([], {2: 1}), "clearing: market not live")


def test_a_market_is_not_live_before_its_activation() -> None:
    venue = Venue()
    venue.prices_e8[7] = 10**8
    venue.now_s += 1
    venue.set_market(7)
    refused(venue, venue.batch([], time_ms=venue.now_ms + 1_000), "clearing: market not live")
    venue.now_s += 3
    refused(venue, venue.batch([]), "clearing: market not live")
    assert venue.submit(venue.batch([], time_ms=venue.now_ms + 1)) == []


@pytest.mark.parametrize("market", [256, 65_535])
def test_a_market_beyond_the_last(venue: Venue, market: int) -> None:
    with pytest.raises(Overflow):
        venue.submit(venue.batch([], {market: 1}))


def test_a_price_of_zero_is_no_price(venue: Venue) -> None:
    refused(venue, venue.batch([], {BTC: 0}), "clearing: no price")
    del venue.prices_e8[ETH]
    refused(venue, venue.batch([], {ETH: 5}), "clearing: no price")


def test_records_ascend_and_start_with_traders(venue: Venue) -> None:
    call = venue.batch(crossing(venue))
    for records in (call.records[::-1], [call.records[0], call.records[0]]):
        refused(
            venue,
            venue.seal(call._replace(records=list(records))),
            "clearing: records not ascending",
        )
    for account in (0, 1, 16):
        refused(
            venue,
            venue.batch([venue.order(account, key=MATCHER)]),
            "clearing: records not ascending",
        )


def test_an_account_has_at_most_64_records(venue: Venue) -> None:
    orders = [venue.order(BUYER, slot=slot, size_e8=10**6) for slot in range(65)]
    sale = venue.order(SELLER, buy=False, size_e8=64 * 10**6)
    refused(venue, venue.batch([*orders, sale]), "clearing: too many fills of one account")
    assert not any(venue.submit(venue.batch([*orders[:64], sale])))


def test_a_record_of_a_market_without_a_price(venue: Venue) -> None:
    call = venue.batch(crossing(venue), {ETH: PRICES_E8[ETH]})
    refused(venue, call, "clearing: market not priced")


def test_buys_stay_within_gross(venue: Venue) -> None:
    refused(venue, venue.batch(crossing(venue), gross_e8=LOT - 1), "clearing: gross exceeded")
    assert not any(venue.submit(venue.batch(crossing(venue), gross_e8=LOT)))


def test_seals(venue: Venue) -> None:
    call = venue.batch(crossing(venue))
    for seals in ([], [(1, 1)], venue.seal(call, Key(5)).seals, venue.batch([]).seals):
        refused(venue, call._replace(seals=seals), "seals: not the matcher")
    refused(venue, venue.seal(call, MATCHER, [Key(5)]), "signers: not a signer")


def test_every_word_of_the_call_is_under_the_seal(venue: Venue) -> None:
    call = venue.batch(crossing(venue))
    order, terms, r, vs = call.records[0]
    changed = [
        call._replace(accepted_root=b"\x01" * 32),
        call._replace(prices=[call.prices[0] | 1, *call.prices[1:]]),
        call._replace(prices=[call.prices[0] + (1 << 112), *call.prices[1:]]),
        call._replace(records=[(order, terms - (1 << 128), r, vs), call.records[1]]),
        call._replace(records=[(order ^ 1 << 196, terms, r, vs), call.records[1]]),
        call._replace(records=[(order, terms, r, vs ^ 1), call.records[1]]),
    ]
    for bad in changed:
        refused(venue, bad, "seals: not the matcher")
    assert not any(venue.submit(call))


def test_attesters_ascend_and_reach_their_threshold(venue: Venue) -> None:
    keys = sorted((Key(51), Key(52)), key=lambda key: key.address)
    attesters = venue.protocol.seals.attesters
    for key in keys:
        attesters.set(key.address, True, now_s=venue.now_s)
    attesters.set_threshold(2, now_s=venue.now_s)
    venue.now_s += 4
    call = venue.batch([])
    refused(venue, call, "signers: too few")
    refused(venue, venue.seal(call, MATCHER, keys[:1]), "signers: too few")
    refused(venue, venue.seal(call, MATCHER, keys[::-1]), "signers: not ascending")
    assert venue.submit(venue.seal(call, MATCHER, keys)) == []


def test_an_old_matcher_seals_up_to_the_activation(venue: Venue) -> None:
    other = Key(60)
    venue.protocol.seals.set_matcher(other.address, now_s=venue.now_s)
    activation_ms = venue.now_ms + 3_000
    venue.now_s += 3
    refused(venue, venue.batch([], matcher=other), "seals: not the matcher")
    assert venue.submit(venue.batch([])) == []
    call = venue.batch([], time_ms=activation_ms + 1)
    refused(venue, call, "seals: not the matcher")
    assert venue.submit(venue.seal(call, other)) == []


def test_a_retired_signer_serves_up_to_its_retirement(venue: Venue) -> None:
    signers = venue.protocol.oracle.signers
    signers.set(SIGNERS[0].address, False, now_s=venue.now_s)
    venue.now_s += 3
    assert venue.submit(venue.batch([])) == []
    refused(venue, venue.batch([], time_ms=venue.now_ms + 1), "signers: not a signer")


# -- backstop -----------------------------------------------------------------------


def expired(venue: Venue, account: int, **order: Any) -> tuple[int, int, int, int]:
    return venue.order(account, expiry_ms=venue.now_ms - 1, **order)


def test_the_backstop_takes_what_was_skipped() -> None:
    venue = Venue()
    venue.now_s += 1
    orders = [venue.order(BUYER), expired(venue, SELLER, buy=False)]
    venue.submit(venue.batch(orders))
    (event,) = [event for event in venue.events if event[0] == "BackstopSettled"]
    assert event[1][0] == BTC
    state = venue.protocol.state
    assert state.scalar("backstop_markets") == 1 << BTC
    from infold.reference.words import Position

    held = Position.of(state.positions[16 + BTC])
    assert held.base_e8 == -LOT
    assert held.quote_e6 == 60_000 * 10**6 - 18 * 10**6


def test_the_backstop_needs_margin(venue: Venue) -> None:
    # 1,000,000 of collateral carries 10,000,000 at 10 %: 166 BTC at 60,000.
    for account in range(FIRST, FIRST + 4):
        venue.deposit(account, 3_000_000 * 10**6)
    call = venue.batch(
        [venue.order(BUYER, size_e8=40 * LOT), expired(venue, SELLER, buy=False, size_e8=40 * LOT)]
    )
    assert venue.submit(call) == [0, 3]
    venue.now_s += 1
    third, fourth = FIRST + 2, FIRST + 3
    call = venue.batch(
        [
            venue.order(third, size_e8=130 * LOT),
            expired(venue, fourth, buy=False, size_e8=130 * LOT),
        ]
    )
    refused(venue, call, "clearing: backstop margin")


def test_the_backstops_markets_need_a_price_once_something_is_skipped(venue: Venue) -> None:
    orders = [
        venue.order(BUYER, market=ETH),
        expired(venue, SELLER, market=ETH, buy=False),
    ]
    venue.submit(venue.batch(orders))
    del venue.prices_e8[ETH]
    third, fourth = FIRST + 2, FIRST + 3
    venue.now_s += 1
    honest = [venue.order(third), venue.order(fourth, buy=False)]
    assert not any(venue.submit(venue.batch(honest)))
    venue.now_s += 1
    skipped = [venue.order(third, slot=1), expired(venue, fourth, buy=False, slot=1)]
    refused(venue, venue.batch(skipped), "clearing: no price")


# -- the pool's rule ----------------------------------------------------------------


def residual_batch(venue: Venue, gap_e6: int, residual_e8: int, extra: int = 0) -> SettleCall:
    """A batch whose traders buy `residual_e8` more than they sell, priced `gap_e6` from the
    oracle.
    """
    price = PRICE + PRICE * gap_e6 // 10**6 + extra
    size = abs(residual_e8)
    orders = [venue.order(BUYER, buy=residual_e8 > 0, size_e8=size)] if size else []
    return venue.batch(orders, {BTC: price})


@pytest.mark.parametrize(
    ("gap_e6", "residual_e8", "extra", "reason"),
    [
        (200, LOT, 0, None),
        (200, LOT, -1, "clearing: price on the wrong side"),
        (-200, LOT, 0, "clearing: price on the wrong side"),
        (-200, -LOT, 0, None),
        (-200, -LOT, 1, "clearing: price on the wrong side"),
        (300, 0, 0, None),
        (-300, 0, 0, None),
        (300, 0, 1, "clearing: price beyond curve"),
        (-300, 0, -1, "clearing: price beyond curve"),
        # slope 1e8 per lot in e20, half of one BTC: 50 parts in a million beyond h_min + h0.
        (550, LOT, 0, None),
        (550, LOT, 1, "clearing: price beyond curve"),
        (20_001, LOT, 0, "clearing: price outside band"),
    ],
)
def test_the_price_against_the_residual(
    venue: Venue, gap_e6: int, residual_e8: int, extra: int, reason: str | None
) -> None:
    call = residual_batch(venue, gap_e6, residual_e8, extra)
    if reason:
        refused(venue, call, reason)
    else:
        assert not any(venue.submit(call))


def wide_slope(venue: Venue, **caps: int) -> None:
    """Small caps, and accounts rich enough to fill them."""
    venue.now_s += 20
    venue.set_market(BTC, RATES, CAPS._replace(**caps))
    for account in (BUYER, SELLER):
        venue.deposit(account, 10_000_000 * 10**6)
    venue.now_s += 4


def test_the_residual_of_a_batch_is_capped(venue: Venue) -> None:
    wide_slope(venue, residual_cap_e8=2 * LOT)
    refused(venue, residual_batch(venue, 200, 2 * LOT + 1), "clearing: residual cap")
    assert not any(venue.submit(residual_batch(venue, 200, 2 * LOT)))


def test_the_pools_position_is_capped_but_may_always_shrink(venue: Venue) -> None:
    wide_slope(venue, position_cap_e8=2 * LOT)
    assert not any(venue.submit(residual_batch(venue, 200, 2 * LOT)))
    venue.now_s += 1
    refused(venue, residual_batch(venue, 200, 1), "clearing: pool cap")
    assert not any(venue.submit(residual_batch(venue, -200, -LOT)))


def test_governance_alone_sets_markets(venue: Venue) -> None:
    venue.now_s += 20
    with pytest.raises(Fault, match="not governance"):
        venue.protocol.set_market(
            BTC, RATES.word, CAPS.word, 0, sender=GOVERNANCE + 1, now_s=venue.now_s
        )
