# SPDX-License-Identifier: Apache-2.0
"""The highest price of a day: never below any price of the last 24 hours, forgotten within 25."""

from __future__ import annotations

import random

from infold.dealer.highest import HOUR_MS, DaysHighest


def test_before_any_price_there_is_none() -> None:
    assert DaysHighest().price_e8 == 0


def test_a_peak_counts_for_a_day_and_for_less_than_an_hour_more() -> None:
    found = DaysHighest()
    found.priced(30 * 60_000, 100)
    found.priced(24 * HOUR_MS + 30 * 60_000, 40)
    assert found.price_e8 == 100
    found.priced(25 * HOUR_MS, 30)
    assert found.price_e8 == 40


def test_it_is_the_highest_of_the_hours_that_count_however_prices_come() -> None:
    dice = random.Random(7)
    found, told, time_ms = DaysHighest(), [], 0
    for _ in range(5_000):
        time_ms += dice.randrange(1, 2 * HOUR_MS if dice.random() < 0.02 else 60_000)
        price_e8 = dice.randrange(1, 1_000)
        told.append((time_ms // HOUR_MS, price_e8))
        found.priced(time_ms, price_e8)
        hour = time_ms // HOUR_MS
        assert found.price_e8 == max(price for at, price in told if at >= hour - 24)
