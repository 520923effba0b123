# SPDX-License-Identifier: Apache-2.0
"""Order-flow imbalance: what any sequence of quotes must satisfy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infold.research.microstructure.steps import order_flow, steps_of
from infold.research.recorded import FileFacts, Quotes

T = 1_723_161_256_000
#: Bid in ticks, spread in ticks, sizes in lots.
UPDATE = st.tuples(
    st.integers(900, 1_100), st.integers(1, 5), st.integers(1, 1_000), st.integers(1, 1_000)
)
UPDATES = st.lists(UPDATE, min_size=2, max_size=60)


def quotes(rows: list[tuple[int, int, int, int]], step_ms: int = 100) -> Quotes:
    bid, spread, bid_size, ask_size = np.array(rows, dtype=np.float64).T
    times = T + step_ms * np.arange(len(rows))
    return Quotes(FileFacts("x", len(rows), ""), "A", times, bid, bid + spread, bid_size, ask_size)


@given(UPDATES)
def test_a_market_turned_over_has_the_opposite_flow(rows: list[tuple[int, int, int, int]]) -> None:
    turned = [(2_000 - bid - spread, spread, ask, own) for bid, spread, own, ask in rows]
    assert order_flow(quotes(turned)).tolist() == (-order_flow(quotes(rows))).tolist()


@given(UPDATES, st.integers(0, 58))
def test_an_update_that_changes_nothing_adds_nothing(
    rows: list[tuple[int, int, int, int]], place: int
) -> None:
    at = min(place, len(rows) - 1)
    told_twice = [*rows[: at + 1], rows[at], *rows[at + 1 :]]
    flow = order_flow(quotes(told_twice))
    assert flow[at + 1] == 0.0 and flow.sum() == pytest.approx(order_flow(quotes(rows)).sum())


@given(UPDATES)
def test_at_one_price_flow_is_the_change_of_sizes(rows: list[tuple[int, int, int, int]]) -> None:
    flat = [(1_000, 1, own, ask) for _, _, own, ask in rows]
    (_, _, first_bid, first_ask), (_, _, last_bid, last_ask) = flat[0], flat[-1]
    change = (last_bid - first_bid) - (last_ask - first_ask)
    assert order_flow(quotes(flat)).sum() == pytest.approx(change)


@settings(max_examples=50)
@given(st.lists(UPDATE, min_size=10, max_size=20))
def test_steps_lose_no_flow_and_no_move_between_their_edges(
    rows: list[tuple[int, int, int, int]],
) -> None:
    """Half the horizon gives twice the steps, which add up to the whole ones."""
    found = quotes(rows, step_ms=500)
    whole, half = steps_of(found, 2_000), steps_of(found, 1_000)
    pairs = 2 * len(whole.flow)
    assert half.flow[:pairs].reshape(-1, 2).sum(axis=1) == pytest.approx(whole.flow)
    assert half.move[:pairs].reshape(-1, 2).sum(axis=1) == pytest.approx(whole.move)
