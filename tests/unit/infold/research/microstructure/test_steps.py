# SPDX-License-Identifier: Apache-2.0
"""Order flow update by update, and a recording cut into steps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from infold.research.microstructure.steps import order_flow, steps_of
from infold.research.recorded import FileFacts, Quotes, Trades

T = 1_723_161_256_000
Update = tuple[int, float, float, float, float]  # ms after T, bid, its size, ask, its size


def quotes(*updates: Update) -> Quotes:
    time, bid, bid_size, ask, ask_size = (np.array(column) for column in zip(*updates, strict=True))
    return Quotes(FileFacts("x", len(time), ""), "BTCUSDT", T + time, bid, ask, bid_size, ask_size)


def trades(*rows: tuple[int, int, float]) -> Trades:
    time, side, size = (np.array(column) for column in zip(*rows, strict=True))
    count = len(time)
    facts = FileFacts("x", count, "")
    zeros = np.zeros(count, np.int64)
    return Trades(facts, ("BTCUSDT",), zeros, T + time, side, 100.0 + zeros, size, zeros)


START: Update = (0, 100.0, 5.0, 101.0, 7.0)


@pytest.mark.parametrize(
    ("update", "flow"),
    [
        ((1, 100.0, 8.0, 101.0, 7.0), 3.0),  # size comes to the bid
        ((1, 100.0, 1.0, 101.0, 7.0), -4.0),  # and leaves it
        ((1, 100.5, 2.0, 101.0, 7.0), 2.0),  # a better bid counts whole
        ((1, 99.0, 9.0, 101.0, 7.0), -5.0),  # the bid is gone, what lies below does not count
        ((1, 100.0, 5.0, 101.0, 4.0), 3.0),  # size leaves the ask
        ((1, 100.0, 5.0, 100.5, 2.0), -2.0),  # a better ask
        ((1, 100.0, 5.0, 102.0, 2.0), 7.0),  # the ask is gone
        ((1, 100.5, 2.0, 102.0, 1.0), 9.0),  # both move up
    ],
)
def test_an_update_adds_what_presses_up_and_takes_off_what_presses_down(
    update: Update, flow: float
) -> None:
    assert order_flow(quotes(START, update)).tolist() == [0.0, flow]


def test_steps_sum_flow_between_edges_and_take_the_last_quote_at_each() -> None:
    found = steps_of(
        quotes(
            START,
            (400, 100.0, 8.0, 101.0, 7.0),  # +3 in the first step
            (1_000, 100.5, 2.0, 101.0, 7.0),  # +2, and shown at its end
            (1_001, 100.5, 2.0, 101.5, 1.0),  # +7 in the second
            (2_500, 100.5, 2.0, 101.5, 9.0),  # in no whole step
        ),
        1_000,
    )
    assert found.flow.tolist() == [5.0, 7.0]
    assert found.move.tolist() == [0.25, 0.25]
    assert found.queue.tolist() == pytest.approx([-5 / 9, 1 / 3])
    assert found.depth.tolist() == [(7.5 + 4.5) / 2, 1.5]
    assert found.traded is None and found.whole.tolist() == [True, True]


def test_trade_imbalance_is_signed_volume_over_all_of_it() -> None:
    updates = [(1_000 * n, 100.0, 5.0 + n, 101.0, 7.0) for n in range(4)]
    found = steps_of(
        quotes(*updates), 1_000, trades((100, 1, 3.0), (200, -1, 1.0), (2_100, -1, 2.0))
    )
    assert found.traded is not None and found.traded.tolist() == [0.5, 0.0, -1.0]


def test_a_step_over_a_silence_is_not_whole() -> None:
    steady = [(100 * n, 100.0, 5.0, 101.0, 7.0) for n in range(30)]
    later = [(20_000 + 100 * n, 100.0, 5.0, 101.0, 7.0) for n in range(30)]
    found = steps_of(quotes(*steady, *later), 1_000)
    assert np.flatnonzero(found.whole).tolist() == [0, 1, 20, 21]


def test_what_cannot_be_cut_is_refused() -> None:
    one = quotes(START, (1_500, 100.0, 5.0, 101.0, 7.0))
    with pytest.raises(ValueError, match="fewer than two steps of 1000 ms"):
        steps_of(one, 1_000)
    with pytest.raises(ValueError, match=r"horizon_ms \(milliseconds\)"):
        steps_of(one, 0)
    with pytest.raises(ValueError, match="records no sizes"):
        order_flow(replace(one, bid_size=None))
