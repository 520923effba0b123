# SPDX-License-Identifier: Apache-2.0
"""Governance.words: each hard bound at min - 1, min, max, max + 1, and the packing (C14)."""

from __future__ import annotations

import random
from typing import Any

import pytest
from tests.support.evm import refuses
from tests.support.venue import PARAMETERS, Venue, parameters

from infold.words import CapsWord, ListingWord, RatesWord, unpack_caps, unpack_listing, unpack_rates

CAP_MAX = 2**60 - 1
NO_SLOPE: dict[str, Any] = {"slope_e20": 0}

# field, min, max, the reason, and what must hold beside it for the extremes to be admitted
BOUNDS: list[tuple[str, int, int, str, dict[str, Any]]] = [
    ("status", 1, 2, "status out of range", {}),
    ("tick_e8", 1, 10**14, "tick out of range", {}),
    ("mm_e6", 2_500, PARAMETERS["im_e6"] - 1, "mm out of range", {}),
    ("haircut_e6", 0, 10**6, "haircut out of range", {}),
    ("h_min_e6", 10, 50_000, "h_min out of range", {"band_e6": 100_000}),
    ("h0_e6", 0, 50_000, "h0 out of range", {"band_e6": 100_000}),
    ("band_e6", PARAMETERS["h_min_e6"] + PARAMETERS["h0_e6"], 100_000, "band out of range", {}),
    ("move_e6", 1_000, 500_000, "move out of range", {}),
    ("move_per_s_e6", 0, 10_000, "move_per_s out of range", {}),
    ("fee_e6", 0, 10_000, "fee out of range", {}),
    ("shift", 20, 90, "shift out of range", {}),
    ("rate_max_e9", 0, 100_000_000, "rate_max out of range", {}),
    ("velocity_e9", 0, 1_000_000_000, "velocity out of range", {}),
    ("residual_cap_e8", 0, CAP_MAX, "residual_cap out of range", NO_SLOPE),
    ("position_cap_e8", 1, CAP_MAX, "position_cap out of range", NO_SLOPE),
    ("interest_cap_e8", 0, CAP_MAX, "interest_cap out of range", {}),
    ("tier", 0, 15, "tier out of range", {}),
    ("interest_share", 0, 15, "interest_share out of range", {}),
    ("rebate", 0, 15, "rebate out of range", {}),
    ("insurance_share", 0, 15, "insurance_share out of range", {}),
]


@pytest.mark.parametrize(("field", "low", "high", "reason", "beside"), BOUNDS)
def test_words_holds_each_field_to_its_bounds(
    venue: Venue, field: str, low: int, high: int, reason: str, beside: dict[str, Any]
) -> None:
    words = venue.governance.words
    for inside in (low, high):
        words(parameters(**(beside | {field: inside})))
    outside = [high + 1] + ([low - 1] if low else [])
    for value in outside:
        with refuses(venue.world, f"governance: {reason}"):
            words(parameters(**(beside | {field: value})))


def test_words_holds_initial_margin_between_maintenance_and_one(venue: Venue) -> None:
    mm_e6 = PARAMETERS["mm_e6"]
    venue.governance.words(parameters(im_e6=mm_e6 + 1))
    venue.governance.words(parameters(im_e6=10**6))
    with refuses(venue.world, "governance: mm out of range"):
        venue.governance.words(parameters(im_e6=mm_e6))
    with refuses(venue.world, "governance: im out of range"):
        venue.governance.words(parameters(im_e6=10**6 + 1))


def test_words_holds_the_curve_inside_the_band(venue: Venue) -> None:
    venue.governance.words(parameters(h_min_e6=400, h0_e6=600, band_e6=1_000))
    with refuses(venue.world, "governance: band out of range"):
        venue.governance.words(parameters(h_min_e6=401, h0_e6=600, band_e6=1_000))
    with refuses(venue.world, "governance: band out of range"):
        venue.governance.words(parameters(h_min_e6=400, h0_e6=601, band_e6=1_000))


@pytest.mark.parametrize(
    ("slope_e20", "residual_cap_e8", "position_cap_e8"),
    [(2**64 - 1, 0, 1), (10**10, 10**10, 5 * 10**9), (173, CAP_MAX, 0 + 10**3)],
)
def test_words_bounds_what_size_alone_bends(
    venue: Venue, slope_e20: int, residual_cap_e8: int, position_cap_e8: int
) -> None:
    caps = {"residual_cap_e8": residual_cap_e8, "position_cap_e8": position_cap_e8}
    reach = residual_cap_e8 + 2 * position_cap_e8
    highest = min(2**64 - 1, (2 * 10**20 + 1) // reach)
    assert slope_e20 <= highest
    venue.governance.words(parameters(slope_e20=highest, **caps))
    reason = "slope out of range" if highest == 2**64 - 1 else "slope bends too far at the caps"
    with refuses(venue.world, f"governance: {reason}"):
        venue.governance.words(parameters(slope_e20=highest + 1, **caps))


@pytest.mark.parametrize("name", ["B", "k-PEPE-USD", "x" * 24, "!~"])
def test_words_takes_a_plain_name(venue: Venue, name: str) -> None:
    _, _, listing = venue.governance.words(parameters(name=name))
    assert unpack_listing(listing) == ListingWord(PARAMETERS["tick_e8"], name, 8)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "name is empty"),
        ("BTC USD", "name is not plain ASCII"),
        ("BTC\x7f", "name is not plain ASCII"),
        ("BTC\0", "name is not plain ASCII"),
        ("\N{CYRILLIC CAPITAL LETTER VE}TC", "name is not plain ASCII"),
    ],
)
def test_words_rejects_any_other_name(venue: Venue, name: str, reason: str) -> None:
    with refuses(venue.world, f"governance: {reason}"):
        venue.governance.words(parameters(name=name))


def test_words_rejects_a_name_of_25_letters(venue: Venue) -> None:
    with refuses(venue.world, ""):
        venue.governance.words(parameters(name="x" * 25))


def test_words_packs_what_the_base_layer_unpacks(venue: Venue) -> None:
    for seed in range(40):
        draw = random.Random(seed)
        chosen: dict[str, Any] = {
            field: draw.choice((low, high, draw.randint(low, high)))
            for field, low, high, _, _ in BOUNDS
        }
        chosen |= {"slope_e20": draw.randint(0, 40), "band_e6": 100_000}
        chosen |= {
            "name": "M" * draw.randint(1, 24),
            "im_e6": draw.randint(chosen["mm_e6"] + 1, 10**6),
        }
        whole = dict(zip(PARAMETERS, parameters(**chosen), strict=True))
        rates, caps, listing = venue.governance.words(tuple(whole.values()))
        assert unpack_rates(rates) == RatesWord(**{n: whole[n] for n in RatesWord._fields}), seed
        assert unpack_caps(caps) == CapsWord(**{name: whole[name] for name in CapsWord._fields})
        named = ListingWord(whole["tick_e8"], whole["name"], whole["insurance_share"])
        assert unpack_listing(listing) == named, seed
