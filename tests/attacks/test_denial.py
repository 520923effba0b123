# SPDX-License-Identifier: Apache-2.0
"""Group G, on chain: what is too large does not decode, what is full says so, and one poisoned
order stops nobody else's. Floods and malformed bodies are the gateway's to refuse.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import eth_abi
import msgspec
import pytest
from tests.support.compiler import compiled
from tests.support.curve import mirror
from tests.support.evm import Key, a_key, refuses
from tests.support.stage import ORACLE, Stage, set_up
from tests.support.venue import (
    DEPLOYMENT,
    DOLLAR,
    LOT,
    MATCHER,
    PRICE_E8,
    FillPlan,
    Venue,
    a_venue,
)

from infold.core.netting import (
    GAS_ACCOUNT,
    GAS_FIXED,
    GAS_MARKET,
    GAS_NEW_WORD,
    GAS_POSITION,
    GAS_RECORD,
)
from infold.core.state import Settings
from infold.messages import TimeInForce, TriggerKind
from infold.signing import Domain, order_hash, sign

CODE_BYTES_MAX = 24_576  # EIP-170
INIT_BYTES_MAX = 49_152  # EIP-3860
TRANSACTION_GAS_MAX = 16_777_216  # EIP-7825
RECORDS_MAX, PRICES_MAX, SEALS_MAX, PLACES = 256, 64, 16, 16
SIZE_E8 = LOT // 100
POISONED = 50


# -- G01: size --------


@pytest.mark.parametrize("name", [name for name in DEPLOYMENT if "/" not in name])
def test_G01_every_contract_can_be_deployed(name: str) -> None:
    artifact = compiled(name)
    types = next(
        (
            [part["type"] for part in it["inputs"]]
            for it in artifact.abi
            if it["type"] == "constructor"
        ),
        [],
    )
    arguments = sum(
        32 * 20 if kind.endswith("]") else len(eth_abi.encode([kind], [_zero(kind)]))
        for kind in types
    )
    assert artifact.runtime_size <= CODE_BYTES_MAX
    assert len(artifact.bytecode) + arguments <= INIT_BYTES_MAX


def _zero(kind: str) -> object:
    return "0x" + "00" * 20 if kind == "address" else 0


def strangers(venue: Venue, count: int) -> list[tuple[int, Key]]:
    """Accounts that have never traded, each with its key."""
    keys = [a_key(f"newcomer {n}") for n in range(count)]
    return [(venue.open_account(key, 1_000 * DOLLAR), key) for key in keys]


def crossed(stage: Stage, accounts: list[tuple[int, Key]]) -> list[FillPlan]:
    """Half of them buy from the other half."""
    half = len(accounts) // 2
    return [
        stage.fill(account, at < half, SIZE_E8, key=key, place=0)
        for at, (account, key) in enumerate(accounts[: 2 * half])
    ]


def test_G01_batch_gas_bomb(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    """As many newcomers as the matcher puts into one batch, every word of theirs new: below the 15
    million it reckons with. With cold storage, on a node: tests/devnet/test_ape_attacks.py.
    """
    first_touch = GAS_ACCOUNT + GAS_POSITION + GAS_RECORD + 2 * GAS_NEW_WORD
    gas_max = Settings().gas_max
    count = (gas_max - GAS_FIXED - GAS_MARKET) // first_touch
    plans = crossed(stage, strangers(stage.venue, count))
    stage.venue.world.travel(1)
    receipt = stage.venue.settle(stage.batch(plans, priced=(1,)))
    assert receipt.all("Skipped") == []
    with capsys.disabled():
        print(f"\nG01: {len(plans)} newcomers in one batch, {receipt.gas:,} gas")
    assert count > 200 and receipt.gas <= gas_max < TRANSACTION_GAS_MAX


# -- G04: bounds of loops --------


def test_G04_a_seventeenth_market_finds_no_place() -> None:
    """Sixteen places, whichever the record names; what is held can still be traded."""
    venue = a_venue(epoch_ms=86_400_000)
    full, rich = (venue.open_account(a_key(name), 10**6 * DOLLAR) for name in ("full", "rich"))
    prices = dict.fromkeys(range(1, PLACES + 2), PRICE_E8)
    for market in prices:
        venue.list_market(market, name=f"M{market}")
    venue.back()
    for market in range(1, PLACES + 1):
        venue.trade(full, rich, market=market, size_e8=SIZE_E8, oracle=prices)
    last = PLACES + 1
    venue.world.travel(1)
    for place in range(PLACES):
        terms = {"market": last, "size_e8": SIZE_E8}
        buy, sell = venue.an_order(full, **terms), venue.an_order(rich, buy=False, **terms)
        plans = [venue.a_fill(buy, place=place), venue.a_fill(sell, place=place)]
        batch = venue.a_batch(plans, oracle=prices)
        with venue.world.anchored():
            skipped = venue.settle(batch).all("Skipped")
            assert [it["reason"] for it in skipped] == [16, 16]
    assert not venue.trade(full, rich, market=3, size_e8=SIZE_E8, oracle=prices).all("Skipped")


def test_G04_lists_that_are_too_long_do_not_decode(stage: Stage) -> None:
    """Every loop of `settle` runs over a list with a bound, and one more does not get in."""
    venue = stage.venue
    venue.world.travel(1)
    head, openings, given, prices, records, root, seals = venue.arguments(
        stage.batch([stage.buy(), stage.sell()])
    )
    longer: dict[str, tuple[Any, ...]] = {
        "openings": (head, openings * 9, given, prices, records, root, seals),
        "signatures": (head, openings, given * 9, prices, records, root, seals),
        "prices": (head, openings, given, prices * 33, records, root, seals),
        "records": (head, openings, given, prices, records * 129, root, seals),
        "seals": (head, openings, given, prices, records, root, seals * 17),
    }
    assert len(openings) * 9 > 64 and len(given) * 9 > SEALS_MAX
    assert len(prices) * 33 > PRICES_MAX and len(records) * 129 > RECORDS_MAX
    for arguments in longer.values():
        with refuses(venue.world, ""):
            venue.clearing.settle(*arguments, sender=MATCHER)


def test_G04_an_account_has_64_fills_in_a_batch(stage: Stage) -> None:
    stage.venue.world.travel(1)
    fills = [stage.buy(size_e8=10, slot=slot) for slot in range(65)]
    with refuses(stage.venue.world, "clearing: too many fills of one account"):
        stage.venue.settle(stage.batch([*fills, stage.sell(size_e8=650)]))
    with stage.venue.world.anchored():
        kept = stage.venue.settle(stage.batch([*fills[:64], stage.sell(size_e8=640)]))
        assert kept.all("Skipped") == []


# -- G02: one poisoned order --------


@dataclass(frozen=True)
class Crowd:
    """Fifty who have traded once; in each test one of them is poison."""

    stage: Stage
    accounts: list[tuple[int, Key]]

    @property
    def venue(self) -> Venue:
        return self.stage.venue


@pytest.fixture(scope="module")
def kept_crowd() -> Crowd:
    stage = set_up(a_venue(epoch_ms=86_400_000))
    crowd = Crowd(stage, strangers(stage.venue, POISONED))
    stage.settle(crossed(stage, crowd.accounts), priced=(1,))
    return crowd


@pytest.fixture
def crowd(kept_crowd: Crowd) -> Iterator[Crowd]:
    with kept_crowd.venue.world.anchored():
        yield kept_crowd


Poison = Callable[[Crowd, FillPlan], FillPlan]


def changed(**changes: Any) -> Poison:
    """The order with other fields, signed by its owner."""
    return lambda crowd, plan: replace(plan, order=msgspec.structs.replace(plan.order, **changes))


def beyond_limit(crowd: Crowd, plan: FillPlan) -> FillPlan:
    price_e8 = PRICE_E8 + (-1 if plan.order.buy else 1)
    return changed(limit_price_e8=price_e8)(crowd, plan)


def untriggered(crowd: Crowd, plan: FillPlan) -> FillPlan:
    far = {"trigger_kind": TriggerKind.AT_OR_ABOVE, "trigger_price_e8": PRICE_E8 + 1}
    return changed(**far)(crowd, plan)


def mirrored(crowd: Crowd, plan: FillPlan) -> FillPlan:
    digest = order_hash(plan.order, crowd.venue.domain)
    return replace(plan, signature=mirror(sign(digest, plan.key.private)))


def of_another_chain(crowd: Crowd, plan: FillPlan) -> FillPlan:
    here = crowd.venue.domain
    there = Domain(here.chain_id + 1, here.verifying_contract)
    return replace(plan, signature=sign(order_hash(plan.order, there), plan.key.private))


def cancelled(crowd: Crowd, plan: FillPlan) -> FillPlan:
    order = plan.order
    crowd.venue.clearing.cancel(order.account, order.slot, order.seq, sender=plan.key)
    crowd.venue.world.travel(4)
    return plan


def cancelled_all(crowd: Crowd, plan: FillPlan) -> FillPlan:
    crowd.venue.clearing.cancel_all(plan.order.account, sender=plan.key)
    crowd.venue.world.travel(4)
    return plan


def overgrown(crowd: Crowd, plan: FillPlan) -> FillPlan:
    """More than its account has margin for; the backstop has."""
    larger = changed(size_e8=100 * SIZE_E8)(crowd, plan)
    return replace(larger, fill_e8=100 * SIZE_E8)


POISONS: dict[str, tuple[int, Poison]] = {
    "size zero": (2, changed(size_e8=0)),
    "seq zero": (2, changed(seq=0)),
    "expired": (3, changed(expiry_ms=1)),
    "not yet": (4, changed(good_after_ms=2**48 - 1)),
    "untriggered": (5, untriggered),
    "beyond its limit": (6, beyond_limit),
    "fee beyond its most": (8, changed(max_fee_e6=499)),
    "another epoch": (9, changed(epoch=1)),
    "cancelled all": (9, cancelled_all),
    "another's key": (10, lambda crowd, plan: replace(plan, key=MATCHER)),
    "no signature": (10, lambda crowd, plan: replace(plan, signature=(0, 0))),
    "mirrored": (10, mirrored),
    "of another chain": (10, of_another_chain),
    "a key nobody granted": (10, lambda crowd, plan: replace(plan, delegated=True)),
    "nobody approved": (10, lambda crowd, plan: replace(plan, approved=True)),
    "older seq": (11, lambda crowd, plan: changed(seq=1, slot=0)(crowd, plan)),
    "cancelled": (12, cancelled),
    "overfilled": (13, changed(size_e8=SIZE_E8 - 1)),
    "not killed": (14, changed(size_e8=2 * SIZE_E8, time_in_force=TimeInForce.FOK)),
    "another place": (16, lambda crowd, plan: replace(plan, place=7)),
    "reduces nothing": (17, changed(reduce_only=True)),
    "no margin": (22, overgrown),
}
SPOTS = sorted({0, POISONED - 1, *random.Random(50).sample(range(POISONED), 3)})


@pytest.mark.parametrize("kind", POISONS)
def test_G02_one_poisoned_order(crowd: Crowd, kind: str) -> None:
    """First, last and between: 49 fill, one is skipped with its code, and the 49 hold what they
    would hold without any poison.
    """
    reason, poison = POISONS[kind]
    stage, venue = crowd.stage, crowd.venue
    for spot in SPOTS:
        with venue.world.anchored():
            plans = crossed(stage, crowd.accounts)
            bad = plans[spot] = poison(crowd, plans[spot])
            more_e8 = bad.fill_e8 - SIZE_E8
            if more_e8:
                plans.append(stage.fill(stage.third, not bad.order.buy, more_e8))
            venue.world.travel(1)
            before = venue.clearing.positions(bad.order.account << 4)
            receipt = venue.settle(stage.batch(plans, priced=(1,)))
            skipped = receipt.only("Skipped")
            assert (skipped["account"], skipped["reason"]) == (bad.order.account, reason)
            assert venue.clearing.positions(bad.order.account << 4) == before
            for plan in plans:
                if plan is not bad and plan.order.account != stage.third:
                    held = stage.position(plan.order.account).base_e8
                    assert held == (2 if plan.order.buy else -2) * SIZE_E8
            stage.books.check()


def test_G02_the_matcher_leaves_the_poison_out(crowd: Crowd) -> None:
    """What the simulation named is left out, and the rest lands without the backstop."""
    stage, venue = crowd.stage, crowd.venue
    plans = crossed(stage, crowd.accounts)
    plans[7] = replace(plans[7], key=MATCHER)
    venue.world.travel(1)
    with venue.world.anchored():
        named = venue.settle(stage.batch(plans, priced=(1,))).only("Skipped")["account"]
    rest = [plan for plan in plans if plan.order.account != named][:-1]
    receipt = venue.settle(stage.batch(rest, oracle=ORACLE, priced=(1,)))
    assert receipt.all("Skipped") == [] and stage.backstop().base_e8 == 0
    stage.books.check()
