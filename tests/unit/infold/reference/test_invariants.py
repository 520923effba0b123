# SPDX-License-Identifier: Apache-2.0
"""Each invariant holds on an honest batch and is seen to break on a forged one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.support.recorded_twin import RecordedVenue
from tests.support.twin import BTC, ETH, FIRST

from infold.reference.audit import Auditor
from infold.reference.facts import BatchFacts
from infold.reference.history import Event
from infold.reference.invariants import (
    Finding,
    LossRecord,
    Roots,
    ShareValue,
    SignedFills,
    invariant_C1_batches_in_order,
    invariant_C2_bases_sum_to_zero,
    invariant_C3_quotes_sum_to_zero,
    invariant_C4_cash_is_in_the_vault,
    invariant_C5_fills_stay_within_orders,
    invariant_C6_one_price_near_the_oracle,
    invariant_C7_pool_trades_on_its_side,
    invariant_C8_margin_or_less_risk,
    invariant_C9_prices_are_signed,
    invariant_C10_debts_are_covered,
    invariant_C11_share_price_is_explained,
    invariant_C13_accounts_settle_alone,
)
from infold.reference.rebuild import Rebuilt
from infold.reference.replay import Sampling
from infold.reference.signers import Oracle
from infold.reference.sources import Reading, Readings
from infold.reference.state import State
from infold.reference.sums import Sums
from infold.reference.words import Account, Head

from .test_audit import copied


class Scene:
    """One landed batch with the storage before and after it, as an auditor sees them."""

    def __init__(self) -> None:
        venue = RecordedVenue()
        venue.cross(FIRST, FIRST + 1)
        venue.now_s += 70
        price = venue.prices_e8[BTC] * 10_003 // 10_000
        orders = [
            venue.order(FIRST, slot=1, size_e8=3 * 10**7),
            venue.order(FIRST, slot=2, market=ETH, size_e8=10**8),
            venue.order(FIRST + 1, slot=1, size_e8=10**7, buy=False),
            venue.order(FIRST + 2, market=ETH, buy=False),
            venue.order(FIRST + 3, expiry_ms=0, size_e8=10**6),
        ]
        venue.settle(orders, {BTC: price, ETH: venue.prices_e8[ETH]})
        auditor = Auditor(venue.history(), Sampling("all", 0))
        self.venue = venue
        for step in auditor.replay.steps():
            auditor.replay.take(step)
            facts = auditor._facts(step)
            self.before = copied(auditor.rebuilt.state)
            if facts is not None:
                self.facts: BatchFacts = facts
            auditor._fold(step.entry, facts)
        self.after: State = auditor.rebuilt.state
        self.oracle: Oracle = venue.protocol.oracle
        self.shares = auditor.shares


SCENE = Scene()


def broke(found: Finding, words: str) -> bool:
    assert not found.held and found.checked
    return any(words in line for line in found.detail)


def forged_fill(**changes: Any) -> BatchFacts:
    """The batch with the first fill's record changed after it was signed."""
    first, *rest = SCENE.facts.filled
    return SCENE.facts._replace(
        filled=[first._replace(record=first.record._replace(**changes)), *rest]
    )


def forged_market(**changes: Any) -> BatchFacts:
    """The batch with BTC's facts changed."""
    return SCENE.facts._replace(
        markets=[it._replace(**changes) if it.market == BTC else it for it in SCENE.facts.markets]
    )


def test_findings_add_up() -> None:
    total = Finding(True, 2) + Finding(False, 3, ("first",)) + Finding(True, 1)
    assert total == Finding(False, 6, ("first",))


def test_c1() -> None:
    one, two = Head(1, 10, 0, 0, 0), Head(2, 11, 0, 0, 0)
    assert invariant_C1_batches_in_order(one, two).held
    assert broke(invariant_C1_batches_in_order(one, two._replace(number=3)), "follows")
    assert broke(invariant_C1_batches_in_order(one, two._replace(time_ms=10)), "not above")


def test_c2_c3_and_c4() -> None:
    sums = Sums.of(SCENE.after)
    accounted = SCENE.venue.protocol.accounted_e6
    assert invariant_C2_bases_sum_to_zero(sums, [BTC, ETH]) == Finding(True, 2)
    assert invariant_C3_quotes_sum_to_zero(sums, [BTC, ETH]) == Finding(True, 2)
    assert invariant_C4_cash_is_in_the_vault(sums, 0, accounted, accounted).held
    assert invariant_C4_cash_is_in_the_vault(sums, 0, accounted, None).held
    assert broke(invariant_C4_cash_is_in_the_vault(sums, 1, accounted, None), "owed")
    assert broke(invariant_C4_cash_is_in_the_vault(sums, 0, accounted, accounted - 1), "balance")
    sums.base_e8[BTC] += 1
    sums.fees_e6[ETH] += 1
    assert broke(invariant_C2_bases_sum_to_zero(sums, [BTC, ETH]), f"market {BTC}")
    assert broke(invariant_C3_quotes_sum_to_zero(sums, [BTC, ETH]), f"market {ETH}")


def c5(facts: BatchFacts, before: State = SCENE.before) -> Finding:
    return invariant_C5_fills_stay_within_orders(facts, before, SignedFills())


def test_c5_holds() -> None:
    assert c5(SCENE.facts) == Finding(True, 4)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"limit_e8": 1}, "limit"),
        ({"max_fee_e6": 299}, "fee"),
        ({"expiry_ms": 1}, "expiry"),
        ({"good_after_ms": 2**47}, "good after"),
        ({"epoch": 1}, "epoch"),
        ({"size_e8": 1}, "filled"),
        ({"flags": 1 | 2}, "post-only"),
        ({"flags": 1 | 32, "trigger_e8": 2**63}, "trigger"),
        ({"flags": 1 | 16, "size_e8": 10**12}, "fill or kill"),
        ({"flags": 1 | 128}, "signature"),
        ({"seq": 0}, "older"),
    ],
)
def test_c5_breaks(changes: dict[str, int], what: str) -> None:
    before = copied(SCENE.before)
    before.fills[FIRST << 8 | 1] = 1
    if what != "older":
        before = SCENE.before
    assert broke(c5(forged_fill(**changes), before), what)


def test_c5_counts_over_batches_and_minds_cancels() -> None:
    fills = SignedFills()
    assert invariant_C5_fills_stay_within_orders(SCENE.facts, SCENE.before, fills).held
    again = invariant_C5_fills_stay_within_orders(SCENE.facts, SCENE.before, fills)
    assert broke(again, "filled")
    before = copied(SCENE.before)
    time_ms = SCENE.facts.head.time_ms
    before.fills[FIRST << 8 | 1] = (time_ms - 1) << 128 | 2**32 - 1 << 96
    assert broke(c5(SCENE.facts, before), "barrier")
    before.fills[FIRST << 8 | 1] = time_ms << 128 | 2**32 - 1 << 96
    assert c5(SCENE.facts, before).held
    late = SCENE.facts._replace(now_ms=time_ms + 15_001)
    assert broke(c5(late, before), "a window after")


def test_c5_sees_a_signature_of_somebody_else() -> None:
    other = SCENE.facts._replace(signer_of=lambda place: 5)
    assert broke(c5(other), "signature")


@pytest.mark.parametrize("price", [6_500_000_000_000, 5_900_000_000_000])
def test_c6(price: int) -> None:
    assert invariant_C6_one_price_near_the_oracle(SCENE.facts, SCENE.before).held
    found = invariant_C6_one_price_near_the_oracle(forged_market(price_e8=price), SCENE.before)
    assert broke(found, "beyond its bound")
    twice = SCENE.facts._replace(markets=SCENE.facts.markets * 2)
    assert broke(invariant_C6_one_price_near_the_oracle(twice, SCENE.before), "twice")


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"price_e8": 6_000_600_000_000}, "h_min"),
        ({"residual_e8": 10**9, "planned_residual_e8": 10**9 + 1}, "its records"),
        ({"residual_e8": 10**12, "planned_residual_e8": 10**12}, "residual above"),
        ({"residual_e8": -(10**11), "planned_residual_e8": -(10**11)}, "position above"),
    ],
)
def test_c7(changes: dict[str, int], what: str) -> None:
    honest = invariant_C7_pool_trades_on_its_side(SCENE.facts, SCENE.before, LossRecord())
    assert honest.held
    forged = forged_market(**changes)
    assert broke(invariant_C7_pool_trades_on_its_side(forged, SCENE.before, LossRecord()), what)


def test_c7_sees_a_full_meter_and_a_day_too_dear() -> None:
    (btc, _) = SCENE.facts.markets
    full = forged_market(meter=btc.meter._replace(bucket_e6=2**60))
    found = invariant_C7_pool_trades_on_its_side(full, SCENE.before, LossRecord())
    assert broke(found, "meter was full")
    dear = forged_market(
        meter_before=btc.meter._replace(recent_e8=10**15),
        clock_before=btc.clock_before._replace(price_e8=1),
    )
    found = invariant_C7_pool_trades_on_its_side(dear, SCENE.before, LossRecord())
    assert broke(found, "within a day")


def test_c8() -> None:
    assert invariant_C8_margin_or_less_risk(SCENE.facts, SCENE.before, SCENE.after) == Finding(
        True, 3
    )
    poorer = copied(SCENE.after)
    account = Account.of(poorer.accounts[FIRST])
    poorer.accounts[FIRST] = account._replace(collateral_e6=-(10**9)).word
    found = invariant_C8_margin_or_less_risk(SCENE.facts, SCENE.before, poorer)
    assert broke(found, f"account {FIRST}")
    torn = SCENE.facts._replace(skipped={(FIRST, 9): 22})
    assert broke(invariant_C8_margin_or_less_risk(torn, SCENE.before, SCENE.after), "stand")


def c9(facts: BatchFacts, roots: Roots | None = None) -> Finding:
    return invariant_C9_prices_are_signed(facts, SCENE.before, SCENE.oracle, roots or Roots())


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda call: call._replace(signatures=call.signatures[:1]), "1 signers"),
        (lambda call: call._replace(signatures=call.signatures[:1] * 2), "repeated"),
        (lambda call: call._replace(signatures=[(7, 7), *call.signatures]), "not in service"),
        (lambda call: call._replace(signatures=[(0, 0), *call.signatures]), "recovers nobody"),
    ],
)
def test_c9_judges_signers(change: Callable[[Any], Any], what: str) -> None:
    assert c9(SCENE.facts).held
    found = c9(SCENE.facts._replace(call=change(SCENE.facts.call)))
    # (7, 7) may recover nobody instead; either way it is not accepted.
    assert broke(found, what) or broke(found, "recovers nobody")


def test_c9_judges_age_roots_moves_and_zeros() -> None:
    facts = SCENE.facts
    assert broke(c9(facts._replace(now_ms=facts.head.time_ms + 15_001)), "vector time")
    assert broke(c9(facts._replace(now_ms=facts.head.time_ms - 1_001)), "vector time")
    other_root = Roots({facts.head.time_ms: bytes(32)})
    assert broke(c9(facts, other_root), "second root")
    assert broke(c9(forged_market(price_e8=0)), "price 0")
    (btc, _) = facts.markets
    jumped = forged_market(clock_before=btc.clock_before._replace(price_e8=btc.oracle_price_e8 * 2))
    assert broke(c9(jumped), "past the move bound")


def test_c9_judges_positions_that_grow_at_a_doubtful_price() -> None:
    reading = Reading(SCENE.facts.markets[0].oracle_price_e8 // 2, 2**32 - 1, 100, False)
    before = copied(SCENE.before)
    before.readings[SCENE.facts.markets[0].market] = Readings(reading, reading, 0).word
    found = invariant_C9_prices_are_signed(SCENE.facts, before, SCENE.oracle, Roots())
    assert broke(found, "at a doubtful price")


def test_c10_notices_a_debt_that_stays_and_a_payment_that_does_not_add_up() -> None:
    closed = Event(0, "Applied", (FIRST, 0, 0, 0, 0, 0, 0, 0, 0))
    covered = Event(0, "Covered", (FIRST, 30, 70))
    paid = Event(0, "CollateralMoved", (0, (-70) % 2**256, 0))
    state = State()
    state.accounts[FIRST] = Account(5, 0, 0, 0).word
    assert invariant_C10_debts_are_covered([closed, paid, covered], state) == Finding(True, 1)
    short = Event(0, "CollateralMoved", (0, (-69) % 2**256, 0))
    assert broke(invariant_C10_debts_are_covered([closed, short, covered], state), "paid 69 of")
    state.accounts[2] = Account(0, -1, 0, 0).word
    assert broke(invariant_C10_debts_are_covered([closed, paid, covered], state), "insurance")
    state.accounts[FIRST] = Account(5, -1, 0, 0).word
    assert broke(invariant_C10_debts_are_covered([closed], state), "owes 1")


def test_c11_counts_the_debts_the_pool_covered() -> None:
    shares = ShareValue(value_e6=1_000)
    shares.cover([Event(0, "Covered", (FIRST, 30, 70)), Event(0, "Applied", (FIRST,) * 9)])
    assert shares.explained_e6 == 930
    shares.begin(930)
    assert shares.explained_e6 == 930


def test_c11() -> None:
    def judged(facts: BatchFacts) -> Finding:
        shares = ShareValue(value_e6=10_000_000 * 10**6)
        return invariant_C11_share_price_is_explained(facts, SCENE.before, shares)

    assert judged(SCENE.facts) == Finding(True, 1)
    (btc, _) = SCENE.facts.markets
    assert broke(judged(forged_market(plan_quote_e6=btc.plan_quote_e6 + 1)), "explained")
    events = [
        event._replace(arguments=(event.arguments[0], event.arguments[1], 5))
        if event.name == "PoolStruck"
        else event
        for event in SCENE.facts.events
    ]
    assert broke(judged(SCENE.facts._replace(events=events)), "left 5")


def test_c13() -> None:
    assert invariant_C13_accounts_settle_alone(SCENE.facts, SCENE.before) == Finding(True, 4)
    fewer = [event for event in SCENE.facts.events if event.name != "Skipped"]
    found = invariant_C13_accounts_settle_alone(SCENE.facts._replace(events=fewer), SCENE.before)
    assert broke(found, f"account {FIRST + 3}")


def test_sums_kept_up_to_date_equal_sums_of_the_whole() -> None:
    rebuilt = Rebuilt(copied(SCENE.before))
    for event in SCENE.facts.events:
        rebuilt.fold(event.name, event.arguments)
    whole = Sums.of(SCENE.after)
    assert rebuilt.sums.cash_e6 == whole.cash_e6
    for part in ("base_e8", "quote_e6", "realised_e6", "fees_e6", "pot_e6"):
        assert getattr(rebuilt.sums, part) == getattr(whole, part)
