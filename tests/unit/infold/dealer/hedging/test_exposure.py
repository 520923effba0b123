# SPDX-License-Identifier: Apache-2.0
"""The book of hedges: what is held, what may come, whose figure counts, who is left alone."""

from __future__ import annotations

import pytest

from infold.dealer.hedging.exposure import Book, Cause, Rules, fold, intents, room_e8, steps
from infold.dealer.hedging.facts import (
    CancelAsked,
    Dropped,
    Forgotten,
    GivenUp,
    HedgeFact,
    Intended,
    Missing,
    PositionSeen,
    Reported,
    Sending,
    Silent,
    WrittenOff,
)
from infold.dealer.hedging.orders import Phase, Step
from infold.outside import OutsideOrder, OutsidePosition, OutsideReport, Standing

RULES = Rules()


def order(size_e8: int, name: str = "infold-1-1", venue: str = "v") -> OutsideOrder:
    return OutsideOrder(client_id=name, venue=venue, market=1, size_e8=size_e8)


def report(
    filled_e8: int, standing: Standing = Standing.OPEN, name: str = "infold-1-1"
) -> OutsideReport:
    return OutsideReport(client_id=name, standing=standing, filled_e8=filled_e8)


def seen(size_e8: int, time_ms: int, venue: str = "v") -> PositionSeen:
    position = OutsidePosition(venue=venue, market=1, size_e8=size_e8, time_ms=time_ms)
    return PositionSeen(position=position, time_ms=time_ms)


def a_book(*facts: HedgeFact) -> Book:
    book = Book(1)
    for fact in facts:
        book = fold(book, fact, RULES)
    return book


SENT = (Intended(order=order(-100), time_ms=0), Sending(client_id="infold-1-1", time_ms=0))
FILLED = (*SENT, Reported(report=report(-100, Standing.FILLED), time_ms=10))
LOST = (*SENT, GivenUp(client_id="infold-1-1", time_ms=30_000))


def test_holdings_are_the_sum_of_fills_and_a_report_read_twice_counts_once() -> None:
    book = a_book(*SENT, *[Reported(report=report(-60), time_ms=5)] * 2)
    assert book.held_e8 == {"v": -60} and book.pending_e8(-1) == -40
    assert a_book(*FILLED).hedged_e8 == -100 and a_book(*FILLED).pending_e8(-1) == 0


def test_room_counts_what_is_under_way_or_lost_as_filled() -> None:
    assert room_e8(a_book(), 150) == -150
    assert room_e8(a_book(*SENT), 150) == room_e8(a_book(*LOST), 150) == -50
    assert room_e8(a_book(*SENT), 80) == 0
    assert room_e8(a_book(*SENT), -80) == 0  # what is under way points the other way
    assert room_e8(a_book(*FILLED), 100) == 0
    settled = a_book(*LOST, seen(0, 32_000), seen(0, 34_000))
    assert room_e8(settled, 150) == -150


def test_intents_are_cut_to_the_room_in_turn_and_named_by_their_count() -> None:
    book = a_book(*SENT)
    found = intents(book, 250, {"v": -100, "w": -100}, 20, limits_e8={"w": 7})
    assert [(one.client_id, one.venue, one.size_e8) for one in found] == [
        ("infold-1-2", "v", -100),
        ("infold-1-3", "w", -50),
    ]
    assert [one.limit_price_e8 for one in found] == [0, 7]
    assert intents(book, 250, {"v": 100}, 20) == []
    assert intents(Book(1, "night"), -5, {"v": 9}, 0)[0] == order(5, "night-1-1")


def test_orders_past_flat_or_the_wrong_way_are_taken_back_newest_first() -> None:
    two = a_book(
        *SENT,
        Intended(order=order(-50, "infold-1-2"), time_ms=0),
        Sending(client_id="infold-1-2", time_ms=0),
        Reported(report=report(0), time_ms=1),
        Reported(report=report(0, name="infold-1-2"), time_ms=1),
    )

    def taken_back(client_e8: int) -> list[str]:
        found = steps(two, client_e8, 2, RULES)
        return [one.order.client_id for one, step in found if step is Step.CANCEL]

    assert taken_back(150) == []
    assert taken_back(149) == ["infold-1-2"]
    assert taken_back(-1) == ["infold-1-1", "infold-1-2"]


def test_a_venues_figure_counts_after_it_was_said_twice() -> None:
    once = a_book(*FILLED, seen(-30, 3_000))
    assert once.hedged_e8 == -100 and once.surprises == ()
    assert fold(once, seen(-30, 4_999), RULES).hedged_e8 == -100
    book = fold(once, seen(-30, 5_000), RULES)
    (surprise,) = book.surprises
    assert (surprise.size_e8, surprise.cause, book.hedged_e8) == (70, Cause.DELEVERAGED, -30)
    assert not book.usable("v", 5_001) and book.usable("v", 65_000) and book.usable("w", 5_001)
    wavering = fold(fold(once, seen(-40, 5_000), RULES), seen(-30, 7_000), RULES)
    assert wavering.hedged_e8 == -100


def test_a_figure_from_before_our_last_fill_says_nothing() -> None:
    assert a_book(*FILLED, seen(0, 2_009), seen(0, 2_009)).doubts == {}


def test_orders_under_way_explain_a_difference() -> None:
    book = a_book(*SENT, seen(-70, 3_000), seen(-70, 9_000))
    assert book.hedged_e8 == 0 and book.surprises == ()
    beyond = a_book(*SENT, seen(-101, 3_000), seen(-101, 9_000))
    assert beyond.surprises[0].cause is Cause.UNEXPLAINED and beyond.hedged_e8 == -101


def test_a_lost_order_that_was_filled_is_found_by_its_position() -> None:
    book = a_book(*LOST, seen(-100, 31_999), seen(-100, 32_000), seen(-100, 34_000))
    (surprise,) = book.surprises
    assert surprise.cause is Cause.LATE_FILL and book.hedged_e8 == -100
    assert book.orders["infold-1-1"].settled and book.pending_e8(-1) == 0
    late = fold(book, Reported(report=report(-100, Standing.FILLED), time_ms=40_000), RULES)
    assert late.hedged_e8 == -100  # the position held it already
    nothing = a_book(*LOST, seen(0, 32_000), seen(0, 34_000))
    assert nothing.surprises == () and nothing.orders["infold-1-1"].settled


def test_a_lost_order_that_was_forgotten_and_filled_after_all_is_found() -> None:
    book = a_book(*LOST, Forgotten(client_id="infold-1-1", time_ms=700_000))
    assert book.pending_e8(-1) == 0
    for time_ms in (800_000, 802_000):
        book = fold(book, seen(-100, time_ms), RULES)
    assert book.hedged_e8 == -100 and book.surprises[0].cause is Cause.UNEXPLAINED


def test_a_venue_written_off_holds_nothing_and_is_never_used_or_believed_again() -> None:
    facts = (*FILLED, Intended(order=order(-50, "infold-1-2"), time_ms=20))
    book = a_book(*facts, WrittenOff(venue="v", time_ms=30), seen(-100, 5_000), seen(-100, 9_000))
    assert (book.hedged_e8, book.pending_e8(-1)) == (0, 0)
    assert [one.cause for one in book.surprises] == [Cause.WRITTEN_OFF]
    late = OutsideReport(client_id="infold-1-2", standing=Standing.FILLED, filled_e8=-50)
    book = fold(book, Reported(report=late, time_ms=10_000), RULES)
    book = fold(book, Silent(venue="v", time_ms=10_001), RULES)
    assert book.hedged_e8 == 0 and not book.usable("v", 10**15)


def test_strikes_lead_to_longer_suspensions_and_a_fill_wipes_them_out() -> None:
    silence = [Silent(venue="v", time_ms=time) for time in (1, 2, 3)]
    book = a_book(*silence)
    assert not book.usable("v", 60_002) and book.usable("v", 60_003)
    twice = a_book(*silence, *[Silent(venue="v", time_ms=60_003)] * 3)
    assert not twice.usable("v", 180_002) and twice.usable("v", 180_003)
    for _ in range(40):
        twice = fold(twice, Silent(venue="v", time_ms=200_000), RULES)
    assert twice.usable("v", 200_000 + 60_000 * 64)
    mended = a_book(silence[0], silence[1], *FILLED, silence[2])
    assert mended.usable("v", 4)
    still = a_book(*SENT, *silence, Reported(report=report(-100, Standing.FILLED), time_ms=10))
    assert not still.usable("v", 60_002) and still.hedged_e8 == -100


def test_withheld_refused_and_lost_orders_are_strikes() -> None:
    withheld = a_book(
        *SENT,
        Reported(report=report(0), time_ms=5),
        CancelAsked(client_id="infold-1-1", time_ms=4_000),
        Reported(report=report(0, Standing.CANCELLED), time_ms=4_001),
    )
    refused = a_book(*SENT, Reported(report=report(0, Standing.REFUSED), time_ms=5))
    for book in (withheld, refused, a_book(*LOST)):
        assert book.conduct["v"].strikes == 1
    dropped = a_book(SENT[0], Dropped(client_id="infold-1-1", time_ms=5))
    assert dropped.conduct == {} and dropped.orders["infold-1-1"].phase is Phase.CANCELLED


def test_intents_at_a_venue_left_alone_are_abandoned_and_none_are_made() -> None:
    book = a_book(*[Silent(venue="v", time_ms=1)] * 3, SENT[0])
    ((_, step),) = steps(book, 100, 10, RULES)
    assert step is Step.ABANDON
    assert intents(book, 100, {"v": -50}, 10) == []


def test_not_found_in_time_means_free_to_send_again() -> None:
    book = a_book(*SENT, Missing(client_id="infold-1-1", time_ms=2_000))
    ((tracked, step),) = steps(book, 100, 2_000, RULES)
    assert (tracked.attempts, step) == (1, Step.SEND)


def test_the_book_forgets_the_oldest_of_many_ended_orders() -> None:
    facts: list[HedgeFact] = []
    for number in range(300):
        name = f"infold-1-{number + 1}"
        facts += [
            Intended(order=order(-1, name), time_ms=number),
            Dropped(client_id=name, time_ms=number),
        ]
    book = a_book(*facts)
    assert len(book.orders) <= 258 and book.count == 300 and "infold-1-300" in book.orders


@pytest.mark.parametrize(
    ("facts", "named"),
    [
        ((SENT[0], SENT[0]), "used already"),
        ((Intended(order=OutsideOrder(client_id="a", venue="v", market=2, size_e8=1), time_ms=0),),
         "market 2"),
        ((PositionSeen(position=OutsidePosition(venue="v", market=2, size_e8=1, time_ms=0),
                       time_ms=0),), "market 2"),
        ((*SENT, SENT[1]), "only an intent"),
        ((*SENT, Reported(report=report(5), time_ms=1)), "filled_e8"),
    ],
)  # fmt: skip
def test_facts_that_cannot_be_are_refused(facts: tuple[HedgeFact, ...], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        a_book(*facts)


def test_rules_name_what_makes_no_sense() -> None:
    with pytest.raises(ValueError, match="strikes_max"):
        Rules(strikes_max=0)
    with pytest.raises(ValueError, match="suspended_ms"):
        Rules(suspended_ms=0)
