# SPDX-License-Identifier: Apache-2.0
"""The figures of a journey, from hand-made facts."""

from __future__ import annotations

import pytest

from infold.reports.journey import End, Journey, MarketBatch, invariants_joined, joined, spread
from infold.reports.picture import picture

PRICE = 100 * 10**8
ONE = 10**8


def a_market(bought: int, pool: int, outside: int = 0, batch: int = 1) -> MarketBatch:
    return MarketBatch(
        batch, batch * 1_000, "BTC-USD", PRICE, PRICE, bought * ONE, pool * ONE, outside * ONE
    )


def a_journey() -> Journey:
    journey = Journey()
    for name in (b"filled", b"skipped", b"expired", b"lapsed", b"open", b"partly"):
        journey.accepted(name, 10 * ONE, recorded_e6=1_000_000)
    journey.rejected("EXPIRED")
    journey.rejected("EXPIRED")
    journey.rejected("PRICE_TICK")
    journey.filled(b"filled", True, 10 * ONE, PRICE, PRICE + PRICE // 1_000)
    journey.filled(b"partly", False, 4 * ONE, PRICE, PRICE)
    journey.ended(b"partly", End.EXPIRED)
    journey.ended(b"skipped", End.SKIPPED)
    journey.ended(b"expired", End.LAPSED)
    journey.ended(b"expired", End.EXPIRED)
    journey.ended(b"lapsed", End.LAPSED)
    journey.settled(300_001, 3, [a_market(10, 6)])
    journey.settled(100_000, 1, [a_market(10, 0, batch=2)])
    return journey


def test_every_signed_order_is_counted_once() -> None:
    orders = a_journey().document()["orders"]
    assert orders == {
        "signed": 9,
        "accepted": 6,
        "rejected": 3,
        "filled": 2,
        "expired": 1,
        "cancelled": 1,
        "skipped": 1,
        "lapsed": 1,
    }
    ends = ("filled", "expired", "cancelled", "skipped", "lapsed")
    assert sum(orders[name] for name in ends) == orders["accepted"]
    assert orders["signed"] == orders["accepted"] + orders["rejected"]


def test_rejections_are_counted_by_code() -> None:
    assert a_journey().document()["rejects"] == {"EXPIRED": 2, "PRICE_TICK": 1}


def test_shares_are_of_one_sided_notional_and_add_up() -> None:
    document = a_journey().document()
    assert document["notional_e6"] == "2000000000"
    assert document["pool_share"] == pytest.approx(0.3)
    assert document["crossed_share"] == pytest.approx(0.7)
    assert document["crossed_share"] + document["pool_share"] + document[
        "outside_share"
    ] == pytest.approx(1.0)


def test_gas_per_order_is_rounded_up() -> None:
    assert a_journey().document()["gas"] == {
        "total": 400_001,
        "per_order": 100_001,
        "largest_batch": 300_001,
    }


def test_improvement_is_positive_where_the_trader_gained() -> None:
    improvement = a_journey().document()["improvement_bps"]
    assert improvement is not None
    assert improvement["p90"] == pytest.approx(10, abs=0.02) and improvement["p10"] == 0.0
    selling = Journey()
    selling.accepted(b"s", ONE)
    selling.filled(b"s", False, ONE, PRICE, PRICE + PRICE // 1_000)
    assert selling.improvements_bps[0] < 0, "a seller who got less than the benchmark lost"


def test_what_settled_of_the_record_is_by_size() -> None:
    assert a_journey().recorded_e6() == {"admitted": 6_000_000, "settled": 1_400_000}


def test_a_journey_without_anything_has_figures_too() -> None:
    document = Journey().document()
    assert document["improvement_bps"] is None and document["gas"]["per_order"] == 0
    assert document["orders"]["signed"] == 0 and document["crossed_share"] == 0.0


def test_percentiles_are_nearest_ranks() -> None:
    assert spread([float(n) for n in range(101)]) == {
        "mean": 50.0,
        "p10": 10.0,
        "p50": 50.0,
        "p90": 90.0,
    }


def test_runs_join_without_losing_an_order() -> None:
    whole = joined([a_journey(), a_journey()]).document()
    assert whole["orders"]["signed"] == 18 and whole["orders"]["filled"] == 4
    assert whole["gas"]["total"] == 800_002 and whole["batches"] == 4


def test_an_invariant_holds_if_it_held_in_every_run() -> None:
    assert invariants_joined(
        [
            {"C1": {"held": True, "checked": 3}, "C2": {"held": True, "checked": 1}},
            {"C1": {"held": False, "checked": 2}},
        ]
    ) == {"C1": {"held": False, "checked": 5}, "C2": {"held": True, "checked": 1}}


def test_the_picture_is_one_page_without_scripts_or_links() -> None:
    journey = a_journey()
    text = picture("a <title>", journey.document(), journey)
    assert text.count("<svg") == 3 and "a &lt;title&gt;" in text
    assert "<script" not in text and "http" not in text
    assert "<svg" not in picture("empty", {}, Journey())
