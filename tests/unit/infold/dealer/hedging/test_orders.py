# SPDX-License-Identifier: Apache-2.0
"""One outside order's life, step by step."""

from __future__ import annotations

from dataclasses import replace

import pytest

from infold.dealer.hedging import orders
from infold.dealer.hedging.orders import Patience, Phase, Step, Tracked, next_step
from infold.outside import OutsideOrder, OutsideReport, Standing

PATIENCE = Patience()
ORDER = OutsideOrder(client_id="a-1", venue="v", market=1, size_e8=-100)
RESTING = OutsideOrder(
    client_id="a-2", venue="v", market=1, size_e8=-100, limit_price_e8=5, resting=True
)


def report(standing: Standing, filled_e8: int = 0, paid_e6: int = 0) -> OutsideReport:
    return OutsideReport(client_id="a-1", standing=standing, filled_e8=filled_e8, paid_e6=paid_e6)


def sent(order: OutsideOrder = ORDER) -> Tracked:
    return orders.sending(orders.intended(order, 0), 100)


def acknowledged(order: OutsideOrder = ORDER) -> Tracked:
    return orders.reported(sent(order), report(Standing.OPEN), 200)


def test_an_intent_is_sent_once_and_then_only_asked_for() -> None:
    intent = orders.intended(ORDER, 0)
    assert next_step(intent, 10, PATIENCE) is Step.SEND
    under_way = sent()
    assert under_way.attempts == 1
    assert next_step(under_way, 599, PATIENCE) is Step.WAIT
    assert next_step(under_way, 600, PATIENCE) is Step.QUERY
    with pytest.raises(ValueError, match="only an intent is sent"):
        orders.sending(under_way, 700)


def test_an_order_not_found_is_sent_again_only_after_the_venue_had_time_to_see_it() -> None:
    early = orders.missing(sent(), 2_099, PATIENCE)
    assert early.phase is Phase.SENT
    late = orders.missing(early, 2_100, PATIENCE)
    assert late.phase is Phase.INTENT and late.order == ORDER
    assert next_step(late, 2_600, PATIENCE) is Step.SEND


def test_a_stale_unwanted_or_often_tried_intent_is_abandoned() -> None:
    intent = orders.intended(ORDER, 0)
    assert next_step(intent, 5_001, PATIENCE) is Step.ABANDON
    assert next_step(intent, 10, PATIENCE, wanted=False) is Step.ABANDON
    tried = replace(intent, attempts=3)
    assert next_step(tried, 10, PATIENCE) is Step.ABANDON
    gone = orders.abandoned(intent, 10)
    assert (gone.phase, gone.remaining_e8) == (Phase.CANCELLED, 0)
    with pytest.raises(ValueError, match="may be there"):
        orders.abandoned(sent(), 10)


def test_without_any_answer_an_order_is_lost_and_may_still_have_been_filled() -> None:
    assert next_step(sent(), 30_100, PATIENCE) is Step.GIVE_UP
    lost = orders.given_up(sent(), 30_100)
    assert lost.phase is Phase.LOST and lost.remaining_e8 == -100
    assert replace(lost, settled=True).remaining_e8 == 0
    assert orders.given_up(orders.abandoned(orders.intended(ORDER, 0), 1), 2).reason == "abandoned"


def test_what_was_lost_long_ago_is_forgotten() -> None:
    lost = orders.given_up(sent(), 30_100)
    assert next_step(lost, 630_099, PATIENCE) is Step.WAIT
    assert next_step(lost, 630_100, PATIENCE) is Step.FORGET
    gone = orders.forgotten(lost)
    assert gone.remaining_e8 == 0 and next_step(gone, 10**9, PATIENCE) is Step.WAIT
    assert orders.forgotten(acknowledged()) == acknowledged()


def test_figures_only_grow_whatever_order_reports_come_in() -> None:
    half = orders.reported(acknowledged(), report(Standing.OPEN, -50, 30), 300)
    again = orders.reported(half, report(Standing.OPEN, -20, 12), 310)
    assert (again.filled_e8, again.paid_e6) == (-50, 30)
    full = orders.reported(half, report(Standing.OPEN, -100, 61), 320)
    assert (full.phase, full.paid_e6, full.remaining_e8) == (Phase.FILLED, 61, 0)
    assert orders.reported(full, report(Standing.OPEN), 400) == replace(full, asked_ms=400)


@pytest.mark.parametrize("filled", [1, -101])
def test_a_report_of_what_cannot_be_is_refused(filled: int) -> None:
    with pytest.raises(ValueError, match="filled_e8"):
        orders.reported(acknowledged(), report(Standing.OPEN, filled), 300)


def test_a_fill_counts_even_for_an_order_given_up() -> None:
    lost = orders.given_up(sent(), 30_100)
    found = orders.reported(lost, report(Standing.FILLED, -100), 40_000)
    assert (found.phase, found.filled_e8) == (Phase.FILLED, -100)
    still_open = orders.reported(lost, report(Standing.OPEN), 40_000)
    assert still_open.phase is Phase.ACKNOWLEDGED
    settled = orders.reported(replace(lost, settled=True), report(Standing.OPEN), 40_000)
    assert settled.phase is Phase.LOST


def test_an_order_that_should_cross_is_taken_back_after_its_patience() -> None:
    known = acknowledged()
    assert next_step(known, 3_199, PATIENCE) is Step.QUERY
    assert next_step(known, 3_200, PATIENCE) is Step.CANCEL
    assert next_step(known, 201, PATIENCE, wanted=False) is Step.CANCEL
    resting = acknowledged(RESTING)
    assert next_step(resting, 60_199, PATIENCE) is Step.QUERY
    assert next_step(resting, 60_200, PATIENCE) is Step.CANCEL


def test_a_cancellation_is_repeated_until_the_venue_says_what_came_of_it() -> None:
    asked = orders.cancel_asked(acknowledged(), 3_200)
    assert next_step(asked, 3_699, PATIENCE) is Step.WAIT
    assert next_step(asked, 3_700, PATIENCE) is Step.CANCEL
    again = orders.cancel_asked(asked, 3_700)
    assert again.cancel_ms == 3_200
    assert next_step(again, 33_200, PATIENCE) is Step.GIVE_UP
    ended = orders.reported(again, report(Standing.CANCELLED, -40), 3_800)
    assert (ended.phase, ended.remaining_e8) == (Phase.CANCELLED, 0)


def test_withholding_is_told_from_a_limit_that_was_not_reached() -> None:
    taken_back = orders.reported(
        orders.cancel_asked(acknowledged(), 3_200), report(Standing.CANCELLED), 3_300
    )
    assert orders.withheld(taken_back)
    assert not orders.withheld(orders.reported(sent(), report(Standing.CANCELLED), 150))
    assert not orders.withheld(replace(taken_back, filled_e8=-1))
    assert not orders.withheld(replace(taken_back, order=RESTING))


def test_a_venue_that_forgets_what_it_acknowledged_has_lost_it() -> None:
    assert orders.missing(acknowledged(), 2_199, PATIENCE).phase is Phase.ACKNOWLEDGED
    assert orders.missing(acknowledged(), 2_200, PATIENCE).phase is Phase.LOST


def test_a_refusal_ends_an_order_with_the_venues_words() -> None:
    refused = orders.reported(
        sent(), OutsideReport(client_id="a-1", standing=Standing.REFUSED, reason="no margin"), 150
    )
    assert (refused.phase, refused.reason) == (Phase.REFUSED, "no margin")
    assert next_step(refused, 10**9, PATIENCE) is Step.WAIT


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"query_ms": 0}, "query_ms"),
        ({"visible_ms": -1}, "visible_ms"),
        ({"attempts_max": 0}, "attempts_max"),
        ({"give_up_ms": 2_000}, "must exceed visible_ms"),
    ],
)
def test_patience_names_what_makes_no_sense(change: dict[str, int], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Patience(**change)
