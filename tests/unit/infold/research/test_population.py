# SPDX-License-Identifier: Apache-2.0
"""The demo's people: seeded, of every kind, reacting to what they see."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from tests.support.orders import an_order

from infold.messages import TimeInForce, TriggerKind
from infold.research.careless import (
    Fault,
    signs_as_stranger,
    signs_elsewhere,
    spoiled_bytes,
    spoiled_order,
)
from infold.research.listings import Listing
from infold.research.population import Act, ActKind, Kind, Population, Resting, Wish

LISTINGS = [Listing("BTC-USD", 0, 10**7), Listing("ETH-USD", 0, 10**5), Listing("XRP-USD", 0, 100)]
PRICES = {0: 60_000 * 10**8, 1: 3_000 * 10**8, 2: 5 * 10**7}
STEP_MS = 2_000
START_MS = 1_800_000_000_000


@dataclass
class Nothing:
    """A venue where nobody holds or has anything."""

    held: dict[tuple[int, int], int] = field(default_factory=dict)
    open_orders: dict[int, list[Resting]] = field(default_factory=dict)

    def base_e8(self, trader: int, market: int) -> int:
        return self.held.get((trader, market), 0)

    def resting(self, trader: int) -> Sequence[Resting]:
        return self.open_orders.get(trader, [])

    def free_e6(self, trader: int) -> int:
        return 5_000_000_000


def play(seed: int, steps: int = 40) -> tuple[Population, list[Wish], list[Act]]:
    people = Population(seed, 100, LISTINGS, STEP_MS)
    wishes: list[Wish] = []
    acts: list[Act] = []
    for step in range(steps):
        prices = {market: price * (1000 + step % 3) // 1000 for market, price in PRICES.items()}
        more, done = people.step(START_MS + step * STEP_MS, prices, Nothing(), closing=False)
        wishes += more
        acts += done
    return people, wishes, acts


def test_a_seed_repeats_itself_and_another_differs() -> None:
    assert play(3)[1:] == play(3)[1:]
    assert play(3)[1] != play(4)[1]


def test_every_kind_of_trader_sends_orders_on_its_own_tick() -> None:
    people, wishes, _ = play(11)
    assert {people.kind(wish.trader) for wish in wishes} == set(Kind)
    assert all(wish.limit_price_e8 % LISTINGS[wish.market].tick_e8 == 0 for wish in wishes)
    assert all(wish.size_e8 > 0 for wish in wishes)
    assert {wish.time_in_force for wish in wishes} == set(TimeInForce)
    assert {wish.trigger_kind for wish in wishes} == set(TriggerKind)


def test_careless_people_find_every_fault() -> None:
    faults = Counter(wish.fault for wish in play(5, steps=120)[1] if wish.fault)
    assert set(faults) == set(Fault)


def test_holders_reduce_and_turn_around() -> None:
    people = Population(8, 100, LISTINGS, STEP_MS)
    held = Nothing({(trader, market): 10**8 for trader in range(100) for market in range(3)})
    wishes = [
        w
        for step in range(20)
        for w in people.step(START_MS + step * STEP_MS, PRICES, held, closing=False)[0]
    ]
    mine = [wish for wish in wishes if people.kind(wish.trader) is Kind.REDUCER]
    assert any(wish.reduce_only for wish in mine) and all(not wish.buy for wish in mine)
    assert any(not wish.reduce_only and wish.size_e8 > 10**8 for wish in mine), (
        "a reversal is larger than the position"
    )


def test_makers_cancel_what_has_rested_too_long() -> None:
    people = Population(8, 100, LISTINGS, STEP_MS)
    makers = [trader for trader in range(100) if people.kind(trader) is Kind.MAKER]
    sight = Nothing(
        open_orders={trader: [Resting(0, 4, 9, START_MS - 60_000)] for trader in makers}
    )
    _, acts = people.step(START_MS, PRICES, sight, closing=False)
    assert {
        act.trader for act in acts if act.kind is ActKind.CANCEL and (act.slot, act.seq) == (4, 9)
    } >= set(makers)


def test_people_take_money_home_at_the_end() -> None:
    people = Population(2, 100, LISTINGS, STEP_MS)
    _, acts = people.step(START_MS, PRICES, Nothing(), closing=True)
    assert acts and {act.kind for act in acts} == {ActKind.REQUEST_WITHDRAWAL}


# -- faults ------------------------------------------------------------------


WIRE = json.dumps(
    {"size": "0.5", "price": "60000", "market": "BTC-USD", "delegated": False, "signature": "0x"}
).encode()


@pytest.mark.parametrize("fault", list(Fault))
def test_every_fault_changes_the_order_the_signature_or_the_bytes(fault: Fault) -> None:
    changed = spoiled_order(an_order(), fault, 10**7, START_MS) != an_order()
    assert (
        changed
        or spoiled_bytes(WIRE, fault) != WIRE
        or signs_elsewhere(fault)
        or signs_as_stranger(fault)
    )


def test_no_fault_changes_nothing() -> None:
    assert spoiled_order(an_order(), None, 10**7, START_MS) == an_order()
    assert spoiled_bytes(WIRE, None) is WIRE
