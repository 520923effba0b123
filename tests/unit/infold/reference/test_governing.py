# SPDX-License-Identifier: Apache-2.0
"""C14 from logs: every bound from both sides, every barrier, every halt."""

from __future__ import annotations

import random

import pytest
from tests.support.evm import Refused
from tests.support.twin import CAPS, CLEARING, LISTING, RATES
from tests.support.venue import PARAMETERS, a_venue, parameters

from infold.reference.faults import Overflow
from infold.reference.governing import (
    BOUNDS,
    Governed,
    invariant_C14_governance_keeps_its_bounds,
)
from infold.reference.history import Event
from infold.reference.invariants import Finding
from infold.reference.words import Caps, Clock, Limits, Rates

NOW_S = 1_700_000_000
NOW_MS = NOW_S * 1000
DAY_S = 86_400
FLAT = CAPS._replace(slope_e20=0)


def market_set(
    governed: Governed | None = None,
    *,
    market: int = 1,
    rates: Rates = RATES,
    caps: Caps = FLAT,
    listing: int = LISTING,
    now_s: int = NOW_S,
    activation_s: int | None = None,
) -> Finding:
    clock = Clock(0, 0, 0, 0, now_s + 3 if activation_s is None else activation_s, 1, False)
    event = Event(CLEARING, "MarketSet", (market, clock.word, rates.word, caps.word, listing))
    return invariant_C14_governance_keeps_its_bounds(event, now_s, governed or Governed())


def halt_set(governed: Governed, from_ms: int, until_ms: int, now_s: int) -> Finding:
    event = Event(CLEARING, "HaltSet", (Limits(0, until_ms, from_ms, 7).word,))
    return invariant_C14_governance_keeps_its_bounds(event, now_s, governed)


def test_a_market_within_its_bounds_is_found_so() -> None:
    assert market_set() == Finding(True, 1)


def test_other_logs_are_not_governance() -> None:
    event = Event(CLEARING, "Filled", (1, 2))
    assert invariant_C14_governance_keeps_its_bounds(event, NOW_S, Governed()) == Finding(True, 0)


@pytest.mark.parametrize("field", BOUNDS)
def test_each_field_is_held_to_its_bounds(field: str) -> None:
    rates = RATES._replace(mm_e6=2_500, h_min_e6=10, h0_e6=0, im_e6=10**6, band_e6=100_000)
    least, most = BOUNDS[field]
    for value, inside in ((least, True), (most, True), (least - 1, False), (most + 1, False)):
        change = {field: value}
        try:
            if field in Rates._fields:
                found = market_set(rates=rates._replace(**change))
            else:
                found = market_set(caps=FLAT._replace(**change))
        except Overflow:
            assert not inside, "no word holds it"
            continue
        named = [line for line in found.detail if f"{field} " in line]
        assert bool(named) != inside, (value, found.detail)


def test_fields_are_held_to_each_other() -> None:
    for rates, caps in (
        (RATES._replace(mm_e6=RATES.im_e6), FLAT),
        (RATES._replace(band_e6=RATES.h_min_e6 + RATES.h0_e6 - 1), FLAT),
        (RATES, CAPS._replace(slope_e20=2**63)),
    ):
        assert not market_set(rates=rates, caps=caps).held
    assert market_set(rates=RATES._replace(band_e6=RATES.h_min_e6 + RATES.h0_e6)).held


@pytest.mark.parametrize(
    "listing", [0, LISTING & (1 << 192) - 1, 1 << 192, LISTING | 5, 10**15 << 192]
)
def test_a_listing_has_a_tick_and_a_plain_name(listing: int) -> None:
    assert not market_set(listing=listing).held


@pytest.mark.parametrize("market", [0, 256])
def test_markets_are_1_to_255(market: int) -> None:
    assert not market_set(market=market).held


def test_a_listed_market_keeps_name_and_scale() -> None:
    for change in ({"rates": RATES._replace(shift=33)}, {"listing": LISTING + (1 << 8 * 17)}):
        governed = Governed()
        market_set(governed)
        assert not market_set(governed, now_s=NOW_S + DAY_S, **change).held  # type: ignore[arg-type]
        assert market_set(governed, market=2, **change).held  # type: ignore[arg-type]


@pytest.mark.parametrize(("wait_s", "held"), [(0, False), (18, False), (19, True)])
def test_a_second_change_waits_for_batches_in_flight(wait_s: int, held: bool) -> None:
    governed = Governed()
    market_set(governed)
    assert market_set(governed, now_s=NOW_S + wait_s).held == held


@pytest.mark.parametrize("activation_s", [NOW_S, NOW_S + 2, NOW_S + 4])
def test_a_change_acts_a_guard_later(activation_s: int) -> None:
    assert not market_set(activation_s=activation_s).held


# -- halts -------------------------------------------------------------------


def test_a_halt_its_end_and_the_next_one() -> None:
    governed = Governed()
    assert halt_set(governed, NOW_MS + 3_000, NOW_MS + 72 * 3_600_000, NOW_S).held
    assert halt_set(governed, NOW_MS + 3_000, NOW_MS + 103_000, NOW_S + 100).held
    again_s = NOW_S + 103 + 14 * DAY_S + 1
    assert halt_set(governed, again_s * 1000 + 3_000, again_s * 1000 + 60_000, again_s).held


@pytest.mark.parametrize(
    ("from_ms", "until_ms", "now_s"),
    [
        (NOW_MS + 2_000, NOW_MS + 60_000, NOW_S),
        (NOW_MS + 3_000, NOW_MS + 72 * 3_600_000 + 1, NOW_S),
        (NOW_MS + 3_000, NOW_MS + 2_999, NOW_S),
    ],
)
def test_a_halt_without_warning_or_end_is_named(from_ms: int, until_ms: int, now_s: int) -> None:
    assert not halt_set(Governed(), from_ms, until_ms, now_s).held


@pytest.mark.parametrize(
    ("from_ms", "until_ms", "now_s"),
    [
        (NOW_MS + 3_000, NOW_MS + 3_600_001, NOW_S + 100),  # drawn out
        (NOW_MS + 3_000, NOW_MS + 102_999, NOW_S + 100),  # ended for what is in flight
        (NOW_MS + 4_000_000, NOW_MS + 5_000_000, NOW_S + 3_990),  # again at once
        (
            NOW_MS + 14 * DAY_S * 1000 + 3_603_000,
            NOW_MS + 15 * DAY_S * 1000,
            NOW_S + 14 * DAY_S + 3_600,
        ),
    ],
)
def test_a_halt_that_does_not_end_as_told_is_named(from_ms: int, until_ms: int, now_s: int) -> None:
    governed = Governed()
    assert halt_set(governed, NOW_MS + 3_000, NOW_MS + 3_600_000, NOW_S).held
    assert not halt_set(governed, from_ms, until_ms, now_s).held


# -- the contract's bounds are the twin's ------------------------------------------


def test_governance_and_the_twin_draw_the_same_bounds() -> None:
    """Fields moved to, and just beyond, random ones of their bounds: both say yes or both no."""
    venue, random_ = a_venue(), random.Random(14)
    verdicts = []
    for _ in range(300):
        changes = {"slope_e20": random_.choice([0, PARAMETERS["slope_e20"], 2**40])}
        for field in random_.sample(sorted(BOUNDS.keys() - {"slope_e20"}), random_.choice([1, 2])):
            low, high = BOUNDS[field]
            changes[field] = max(0, random_.choice([low - 1, low, high, high + 1]))
        try:
            words = venue.governance.words(parameters(**changes))
        except Refused:
            verdicts.append(False)
            words = packed(changes)
            if words is None:
                continue
        else:
            verdicts.append(True)
        rates, caps, listing = words
        found = market_set(rates=Rates.of(rates), caps=Caps.of(caps), listing=listing)
        assert found.held == verdicts[-1], (changes, found.detail)
    assert 60 < sum(verdicts) < 240


def packed(changes: dict[str, int]) -> tuple[int, int, int] | None:
    """The words of parameters that Governance refused, if they fit any."""
    values = PARAMETERS | changes
    try:
        rates = Rates(**{name: values[name] for name in Rates._fields})
        caps = Caps(**{name: values[name] for name in Caps._fields})
        words = rates.word, caps.word, LISTING
    except Overflow:
        return None
    return words if (Rates.of(words[0]), Caps.of(words[1])) == (rates, caps) else None
