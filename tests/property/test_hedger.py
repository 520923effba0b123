# SPDX-License-Identifier: Apache-2.0
"""The hedger at venues that lose requests and answers, go out, withhold, forget and deleverage."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from infold.dealer.hedging.exposure import Book, Cause, Rules, fold, room_e8
from infold.dealer.hedging.facts import HedgeFact, decode_fact, encode_fact
from infold.dealer.hedging.orders import ENDED
from infold.node.hedger import Hedger
from infold.shell.venues.simulated import NO_FAULTS, Faults, SimulatedMarket, SimulatedVenue

MARKET, MID_E8, TICK_MS = 1, 60_000 * 10**8, 500
RULES = Rules(strikes_max=10**6)
"""Venues are never left alone, so that everything that can go wrong goes on going wrong."""
NAMES = ("one", "two")

WINDOWS = st.lists(
    st.tuples(st.integers(0, 30_000), st.integers(1, 9_000)).map(lambda w: (w[0], w[0] + w[1])),
    max_size=2,
).map(tuple)
CHANCES = st.sampled_from([0.0, 0.1, 0.5, 0.9])
FAULTS = st.builds(
    Faults,
    outages=WINDOWS,
    withheld=WINDOWS,
    lost_requests=CHANCES,
    lost_answers=CHANCES,
    takes_copies=st.booleans(),
    deleveraged=st.lists(
        st.tuples(st.integers(1, 30_000), st.sampled_from([0.3, 1.0])), max_size=2
    ).map(tuple),
)
LEGS = st.lists(st.integers(-5, 5).map(lambda lots: lots * 10**7), min_size=1, max_size=6)


@dataclass
class World:
    """Two venues, a hedger, its record, and a clock."""

    faults: tuple[Faults, Faults]
    seed: int
    latency_ms: int
    depth_e8: int = 10**12
    time_ms: int = 1_000_000
    facts: list[HedgeFact] = field(default_factory=list)

    def __post_init__(self) -> None:
        start = self.time_ms
        self.venues = []
        for number, (name, kind) in enumerate(zip(NAMES, self.faults, strict=True)):
            shifted = Faults(
                outages=tuple((a + start, b + start) for a, b in kind.outages),
                withheld=tuple((a + start, b + start) for a, b in kind.withheld),
                deleveraged=tuple((at + start, part) for at, part in kind.deleveraged),
                lost_requests=kind.lost_requests,
                lost_answers=kind.lost_answers,
                takes_copies=kind.takes_copies,
            )
            venue = SimulatedVenue(
                name,
                {MARKET: SimulatedMarket(depth_e8=self.depth_e8)},
                seed=self.seed + number,
                latency_ms=self.latency_ms,
                faults=shifted,
                time_ms=start,
            )
            venue.advance(start, {MARKET: MID_E8})
            self.venues.append(venue)
        self.hedger = Hedger(MARKET, self.venues, self.facts.append, rules=RULES)

    @property
    def held_e8(self) -> int:
        """What the venues truly hold for us, whatever we believe."""
        return sum(venue._books[MARKET].position_e8 for venue in self.venues)

    def tick(self, client_e8: int, *, trade: bool = True) -> None:
        self.time_ms += TICK_MS
        for venue in self.venues:
            venue.advance(self.time_ms, {MARKET: MID_E8})
        if trade:
            half = -(client_e8 + self.hedger.book.hedged_e8) // 2 or -client_e8
            self.hedger.hedge(client_e8, dict.fromkeys(NAMES, half), self.time_ms)
        else:
            self.hedger.carry_on(client_e8, self.time_ms)
        self.hedger.reconcile(self.time_ms)


@settings(deadline=None, max_examples=60)
@given(FAULTS, FAULTS, LEGS, st.integers(0, 99), st.sampled_from([0, 700, 1_900]))
def test_no_intent_is_ever_executed_twice_and_books_end_up_true(
    one: Faults, two: Faults, legs: list[int], seed: int, latency_ms: int
) -> None:
    world = World((one, two), seed, latency_ms)
    for client in legs:
        for _ in range(8):
            world.tick(client)
    for venue in world.venues:
        for tracked in world.hedger.book.orders.values():
            executed = venue.executed_e8(MARKET, tracked.order.client_id)
            assert abs(executed) <= abs(tracked.order.size_e8)
            assert executed * tracked.order.size_e8 >= 0
    # Once the world answers again every order ends and our figure is the venue's.
    for venue in world.venues:
        venue.faults = NO_FAULTS
    for _ in range(120):
        world.tick(0, trade=False)
    book = world.hedger.book
    assert all(order.phase in ENDED and not order.remaining_e8 for order in book.orders.values())
    assert {name: book.held_e8.get(name, 0) for name in NAMES} == {
        venue.name: venue._books[MARKET].position_e8 for venue in world.venues
    }


@settings(deadline=None, max_examples=40)
@given(FAULTS, FAULTS, st.sampled_from([-3, 2]), st.integers(0, 99))
def test_hedges_never_trade_past_flat_whatever_is_lost(
    one: Faults, two: Faults, lots: int, seed: int
) -> None:
    """A client leg that stands still: nothing that was lost and found makes the other side."""
    client = lots * 10**7
    world = World((one, two), seed, 0)
    side = 1 if client > 0 else -1
    for _ in range(60):
        world.tick(client)
        assert side * (client + world.held_e8) >= 0


@settings(deadline=None, max_examples=25)
@given(FAULTS, LEGS, st.integers(0, 99))
def test_a_restart_folds_the_recorded_facts_to_the_same_book(
    faults: Faults, legs: list[int], seed: int
) -> None:
    world = World((faults, NO_FAULTS), seed, 0)
    for client in legs:
        for _ in range(4):
            world.tick(client)
    recorded = [decode_fact(encode_fact(fact)) for fact in world.facts]
    again = Hedger(MARKET, world.venues, world.facts.append, rules=RULES, facts=recorded)
    assert again.book == world.hedger.book
    assert room_e8(again.book, 10**7) == room_e8(world.hedger.book, 10**7)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 40), st.integers(0, 99))
def test_a_crash_between_record_and_request_neither_loses_nor_doubles(
    crash_at: int, seed: int
) -> None:
    """The record stops the process at any fact; a new one goes on from what was recorded."""

    class Crash(Exception):
        pass

    world = World((Faults(lost_answers=0.3), NO_FAULTS), seed, 0)
    written = 0

    def record(fact: HedgeFact) -> None:
        nonlocal written
        written += 1
        world.facts.append(fact)
        if written == crash_at:
            raise Crash

    world.hedger = Hedger(MARKET, world.venues, record, rules=RULES)
    client = 4 * 10**7
    for _ in range(40):
        try:
            world.tick(client)
        except Crash:
            world.hedger = Hedger(MARKET, world.venues, record, rules=RULES, facts=world.facts)
    assert client + world.held_e8 >= 0
    assert client + world.hedger.book.hedged_e8 == client + world.held_e8 == 0


def test_venue_default_and_adl_of_hedge() -> None:
    """The hedge disappears while the client leg stays: found, named, replaced elsewhere."""
    world = World((Faults(deleveraged=((10_000, 1.0),)), NO_FAULTS), 1, 0)
    world.hedger = Hedger(MARKET, world.venues, world.facts.append)
    client = 4 * 10**7

    def step() -> None:
        book = world.hedger.book
        bare = -(client + book.hedged_e8)
        at = "one" if book.usable("one", world.time_ms + TICK_MS) else "two"
        world.time_ms += TICK_MS
        for venue in world.venues:
            venue.advance(world.time_ms, {MARKET: MID_E8})
        world.hedger.hedge(client, {at: bare}, world.time_ms)
        world.hedger.reconcile(world.time_ms)

    for _ in range(19):
        step()
    assert world.hedger.book.held_e8["one"] == world.held_e8 == -client
    for _ in range(12):
        step()
    book: Book = world.hedger.book
    (surprise,) = book.surprises
    assert (surprise.venue, surprise.size_e8, surprise.cause) == ("one", client, Cause.DELEVERAGED)
    assert not book.usable("one", world.time_ms)
    assert book.held_e8 == {"one": 0, "two": -client}
    assert world.held_e8 == -client
    # A venue in default does not even answer: nothing new goes there, the rest is hedged on.
    world.venues[0].faults = Faults(outages=((0, 10**12),))
    for _ in range(20):
        step()
    assert world.hedger.book.hedged_e8 == -client


def test_a_fact_about_an_unknown_order_changes_nothing() -> None:
    world = World((NO_FAULTS, NO_FAULTS), 0, 0)
    world.tick(10**7)
    book = world.hedger.book
    stranger = next(fact for fact in world.facts if type(fact).__name__ == "Sending")
    assert fold(Book(MARKET), stranger, RULES) == Book(MARKET)
    assert book.count == 2
