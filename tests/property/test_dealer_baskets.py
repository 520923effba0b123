# SPDX-License-Identifier: Apache-2.0
"""Whatever correlates with whatever, a basket's quotes are those of one risk-averse dealer."""

from __future__ import annotations

import msgspec
import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from infold.dealer.assets import gradient_bp, indifference_bp, markups_bp
from infold.dealer.neighbours import Neighbours, neighbours
from infold.dealer.params import PERPETUAL

COUNT = 4


@st.composite
def books(draw: st.DrawFn) -> Neighbours:
    """Four perpetuals of different size and volatility, correlated through two factors."""
    figure = st.floats(0.3, 3.0)
    loadings = np.array(draw(st.lists(st.floats(-1.0, 1.0), min_size=8, max_size=8)))
    factors = loadings.reshape(COUNT, 2)
    assume((np.abs(factors).sum(axis=1) > 0.05).all())
    covariance = factors @ factors.T + 0.1 * np.eye(COUNT)
    scale = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(scale, scale)
    np.fill_diagonal(correlation, 1.0)
    markets = {}
    for number in range(1, COUNT + 1):
        busier = draw(figure)
        markets[number] = msgspec.structs.replace(
            PERPETUAL,
            volatility_bp=260.0 * draw(figure),
            requests_per_day=tuple(busier * rate for rate in PERPETUAL.requests_per_day),
        )
    return neighbours(markets, tuple(map(tuple, np.clip(correlation, -1.0, 1.0).tolist())))


inventories = st.lists(st.floats(-5.0, 5.0), min_size=COUNT, max_size=COUNT)


@settings(max_examples=60, deadline=None)
@given(books(), inventories)
def test_risk_is_symmetric_and_never_a_gain(book: Neighbours, held: list[float]) -> None:
    risk = book.forms.risk_bp_per_m
    assert np.array_equal(risk, risk.T)
    inventory = np.array([0.0, *held])
    assert inventory @ risk @ inventory >= -1e-9
    assert all(0.0 < factor <= 1.0 + 1e-9 for factor in book.risk_factors), (
        "what can be hedged next door is less of a risk"
    )


@settings(max_examples=60, deadline=None)
@given(books(), inventories, st.integers(0, COUNT - 1), st.floats(0.01, 3.0))
def test_the_way_back_undoes_the_way_there(
    book: Neighbours, held: list[float], place: int, size_m: float
) -> None:
    """Buying and selling back at once gains and costs no value, before any markup."""
    direction = np.zeros(COUNT + 1)
    direction[place + 1] = 1.0
    still, inventory = np.zeros(COUNT + 1), np.array([0.0, *held])
    _, ask = indifference_bp(book.forms, direction, size_m, inventory, still)
    after = inventory - size_m * direction
    bid, _ = indifference_bp(book.forms, direction, size_m, after, still)
    assert abs(ask + bid) < 1e-9
    lean = book.leans({number: held[number - 1] for number in range(1, COUNT + 1)})[place + 1]
    own = -2.0 * book.forms.risk_bp_per_m[place + 1, place + 1] * held[place]
    whole = gradient_bp(book.forms, inventory, still)[place + 1]
    assert abs(own + lean.drift_bp - whole) < 1e-9


@settings(max_examples=60, deadline=None)
@given(books(), inventories)
def test_quotes_never_cross_whatever_the_others_hold(book: Neighbours, held: list[float]) -> None:
    inventory, still = np.array([0.0, *held]), np.zeros(COUNT + 1)
    for pair in book.basket.pairs:
        for tier in markups_bp(book.basket, book.forms, pair, inventory, still):
            assert all(bid + ask > 0.0 for bid, ask in tier)
