# SPDX-License-Identifier: Apache-2.0
"""Second fragile rule: an act in a block stamped b touches only batches with T > c = b + G, and is
absolute strictly after c + F.

Each kind of act is tried against batches at c - 1, c, c + 1, c + F and c + F + 1, each landing in
the first and in the last block that may carry it; in one block with the act, before and after it;
and against a second act of its kind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from tests.support.evm import Key, Refused, a_key, refuses
from tests.support.stage import BUYER, ORACLE, Stage
from tests.support.venue import (
    DEPLOYER,
    DOLLAR,
    GUARD_MS,
    MATCHER,
    ORACLE_SIGNERS,
    WINDOW_MS,
    FillPlan,
    parameters,
)

SESSION, POOR, ATTESTER, SPARE = (
    a_key(name) for name in ("session key", "poor", "attester", "spare")
)
AFTER = tuple(sorted((*ORACLE_SIGNERS[1:], SPARE), key=lambda key: key.number))


@dataclass(frozen=True)
class Act:
    """One kind of act: what does it, what it does to a batch, and its second time."""

    do: Callable[[Stage], object]
    plans: Callable[[Stage], list[FillPlan]]
    old: str | int
    """What becomes of the batch made for the state before, once the act bites."""
    again: str
    """The refusal of a second act of this kind before the first is absolute."""
    prepare: Callable[[Stage], object] = lambda stage: None
    second: Callable[[Stage], object] | None = None
    sealers: Sequence[Key] = (MATCHER,)
    signers: Sequence[Key] = ORACLE_SIGNERS[:2]
    new_terms: dict[str, Any] | None = None
    """Terms of a batch that is right only once the act bites, and what becomes of it before."""
    early: str = ""


def pair(stage: Stage) -> list[FillPlan]:
    return [stage.buy(seq=7, max_fee_e6=500), stage.sell()]


def governed(name: str, *args: Any) -> Callable[[Stage], object]:
    return lambda stage: getattr(stage.venue.governance, name)(*args, sender=DEPLOYER)


def open_poor(stage: Stage) -> None:
    stage.venue.open_account(POOR, 3_100 * DOLLAR)


def poor(stage: Stage) -> int:
    return next(n for n, key in stage.venue.owners.items() if key == POOR)


def ask(stage: Stage) -> object:
    return stage.venue.clearing.request_withdrawal(poor(stage), 3_000 * DOLLAR, sender=POOR)


def grant(stage: Stage) -> object:
    return stage.venue.delegates.grant(
        stage.buyer, SESSION.address, 1, 10**13, stage.venue.world.now_ms + 10**6, sender=BUYER
    )


def revoke(stage: Stage) -> object:
    return stage.venue.delegates.revoke(stage.buyer, SESSION.address, sender=BUYER)


def delegated(stage: Stage) -> list[FillPlan]:
    plan = stage.buy(key=SESSION, delegated=True, limit_price_e8=ORACLE[1])
    return [plan, stage.sell()]


def deploy_source(stage: Stage) -> None:
    """A second source of the first market, that says half its price."""
    world = stage.venue.world
    half_e8 = ORACLE[1] // 2
    stage.venue.contracts["source"] = world.deploy("dev/Source", half_e8, sender=DEPLOYER)


def name_source(stage: Stage) -> object:
    return stage.venue.governance.set_price_source(
        1, stage.venue.source.address, 100, 172_800, False, sender=DEPLOYER
    )


def agree(stage: Stage) -> None:
    deploy_source(stage)
    say(stage, ORACLE[1])
    name_source(stage)


def say(stage: Stage, price_e8: int) -> None:
    stage.venue.source.say(price_e8, stage.venue.world.timestamp_s, sender=DEPLOYER)


def refresh(stage: Stage) -> object:
    say(stage, ORACLE[1] // 2)
    return stage.venue.oracle.refresh(1, sender=POOR)


ACTS: dict[str, Act] = {
    "second source named": Act(
        name_source, pair, 19, "oracle: change pending", prepare=deploy_source
    ),
    "second source refreshed": Act(
        refresh, pair, 19, "oracle: change pending", prepare=agree, second=name_source
    ),
    "cancel": Act(
        lambda stage: stage.venue.clearing.cancel(stage.buyer, 0, 7, sender=BUYER),
        pair,
        12,
        "clearing: cancel too soon",
        second=lambda stage: stage.venue.clearing.cancel(stage.buyer, 0, 8, sender=BUYER),
    ),
    "cancel all": Act(
        lambda stage: stage.venue.clearing.cancel_all(stage.buyer, sender=BUYER),
        pair,
        9,
        "clearing: cancel too soon",
    ),
    "withdraw": Act(
        ask,
        lambda stage: [stage.buy(poor(stage)), stage.sell()],
        22,
        "clearing: withdrawal not due",
        prepare=open_poor,
        second=lambda stage: stage.venue.clearing.claim_withdrawal(
            poor(stage), 0, [], [], sender=POOR
        ),
    ),
    "revoke": Act(revoke, delegated, 10, "delegates: still live", prepare=grant, second=grant),
    "parameters": Act(
        governed("set_market", 1, parameters(fee_e6=501)), pair, 8, "clearing: change pending"
    ),
    "matcher": Act(
        governed("set_matcher", SPARE.address),
        pair,
        "seals: not the matcher",
        "seals: change pending",
        new_terms={"sealers": (SPARE,)},
        early="seals: not the matcher",
    ),
    "attester added": Act(
        governed("set_attester", ATTESTER.address, True),
        pair,
        "",
        "signers: change pending",
        second=governed("set_attester", ATTESTER.address, False),
        new_terms={"sealers": (MATCHER, ATTESTER)},
        early="signers: not a signer",
    ),
    "attester retired": Act(
        governed("set_attester", ATTESTER.address, False),
        pair,
        "signers: not a signer",
        "signers: change pending",
        prepare=governed("set_attester", ATTESTER.address, True),
        second=governed("set_attester", ATTESTER.address, True),
        sealers=(MATCHER, ATTESTER),
    ),
    "attesters needed": Act(
        governed("set_attester_threshold", 1),
        pair,
        "signers: too few",
        "signers: change pending",
        prepare=governed("set_attester", ATTESTER.address, True),
    ),
    "attesters no longer needed": Act(
        governed("set_attester_threshold", 0),
        pair,
        "",
        "signers: change pending",
        prepare=lambda stage: (
            governed("set_attester", ATTESTER.address, True)(stage),
            governed("set_attester_threshold", 1)(stage),
        ),
        sealers=(MATCHER, ATTESTER),
        new_terms={"sealers": (MATCHER,)},
        early="signers: too few",
    ),
    "oracle signer added": Act(
        governed("set_oracle_signer", SPARE.address, True),
        pair,
        "",
        "signers: change pending",
        second=governed("set_oracle_signer", SPARE.address, False),
        new_terms={"signers": AFTER},
        early="signers: not a signer",
    ),
    "oracle signer retired": Act(
        governed("set_oracle_signer", ORACLE_SIGNERS[0].address, False),
        pair,
        "signers: not a signer",
        "signers: change pending",
        second=governed("set_oracle_signer", ORACLE_SIGNERS[0].address, True),
    ),
    "oracle threshold": Act(
        governed("set_oracle_threshold", 3),
        pair,
        "signers: too few",
        "signers: change pending",
    ),
}


def ready(stage: Stage, act: Act) -> None:
    """Prepare, wait until that is absolute, and let a batch of its own open the market."""
    act.prepare(stage)
    stage.venue.world.travel(30)


def land(stage: Stage, act: Act, time_ms: int, **terms: Any) -> str | int:
    """Settle the act's batch at T in the present block: "" or the fault or the skip code."""
    sealers = terms.get("sealers", act.sealers)
    signers = terms.get("signers", act.signers)
    vector = stage.venue.a_vector(ORACLE, time_ms=time_ms, signers=signers)
    batch = stage.batch(act.plans(stage), vector=vector, sealers=sealers)
    try:
        receipt = stage.venue.settle(batch)
    except Refused as refused:
        return refused.reason
    stage.books.check()
    skipped = receipt.all("Skipped")
    return skipped[0]["reason"] if skipped else ""


def blocks(time_ms: int) -> tuple[int, int]:
    """First and last second whose block may carry a batch of T."""
    return -(-(time_ms - 1_000) // 1_000), (time_ms + WINDOW_MS) // 1_000


@pytest.mark.parametrize("name", ACTS)
@pytest.mark.parametrize("after_ms", [-1, 0, 1, WINDOW_MS, WINDOW_MS + 1])
def test_an_act_touches_only_batches_after_its_barrier(
    stage: Stage, name: str, after_ms: int
) -> None:
    act = ACTS[name]
    world = stage.venue.world
    ready(stage, act)
    barrier_ms = world.now_ms + GUARD_MS
    act.do(stage)
    time_ms = barrier_ms + after_ms
    bites = after_ms > 0
    for second in blocks(time_ms):
        with world.anchored():
            world.at(second)
            assert land(stage, act, time_ms) == (act.old if bites else "")
        if act.new_terms is not None:
            with world.anchored():
                world.at(second)
                found = land(stage, act, time_ms, **act.new_terms)
                assert found == ("" if bites else act.early)


@pytest.mark.parametrize("name", ACTS)
def test_in_one_block_an_act_and_a_batch_do_not_meet(stage: Stage, name: str) -> None:
    """Every T a block may carry is at or before the barrier of an act in it: order is nothing."""
    act = ACTS[name]
    world = stage.venue.world
    ready(stage, act)
    for time_ms in (world.now_ms - WINDOW_MS, world.now_ms, world.now_ms + 1_000):
        with world.anchored():
            assert land(stage, act, time_ms) == ""
            act.do(stage)
        with world.anchored():
            act.do(stage)
            assert land(stage, act, time_ms) == ""


@pytest.mark.parametrize("name", ACTS)
def test_an_act_is_absolute_strictly_after_the_window(stage: Stage, name: str) -> None:
    """At c + F a batch of T = c still lands and a second act must wait; a second later the batch
    is too old and the second act may be done, and no batch finds a third state."""
    act = ACTS[name]
    world = stage.venue.world
    ready(stage, act)
    start_s = world.timestamp_s
    barrier_ms = world.now_ms + GUARD_MS
    act.do(stage)
    again = act.second or act.do
    edge_s = start_s + (GUARD_MS + WINDOW_MS) // 1_000
    for second in (start_s, start_s + 3, start_s + 4, edge_s):
        world.at(second)
        with refuses(world, act.again):
            again(stage)
    with world.anchored():
        assert land(stage, act, barrier_ms) == ""
        with refuses(world, act.again):
            again(stage)
    world.at(edge_s + 1)
    with world.anchored():
        assert land(stage, act, barrier_ms) == "clearing: batch time outside window"
    again(stage)
    with world.anchored():
        # what the second act bites on begins at its own barrier; the first one's effect stands:
        # what a cancel killed is CANCELLED (12) or, once the slot remembers it, SLOT (11)
        allowed = (12, 11) if name == "cancel" else (act.old, "")
        assert land(stage, act, barrier_ms + 1_000) in allowed


@pytest.mark.parametrize("name", ["cancel", "cancel all", "withdraw", "revoke", "parameters"])
def test_a_batch_held_for_the_whole_window_meets_the_state_it_was_signed_under(
    stage: Stage, name: str
) -> None:
    """Signed at T = b, the act comes at b, at b + 1 and at b + 15; it lands at b + 15 untouched."""
    act = ACTS[name]
    world = stage.venue.world
    ready(stage, act)
    start_s, time_ms = world.timestamp_s, world.now_ms
    for wait_s in (0, 1, 14, 15):
        with world.anchored():
            world.at(start_s + wait_s)
            act.do(stage)
            world.at(start_s + 15)
            assert land(stage, act, time_ms) == ""
