# SPDX-License-Identifier: Apache-2.0
"""Whatever a pool holds and is worth, its curves together keep the capital rule and let it out."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from hypothesis import given, seed, settings
from hypothesis import strategies as st
from tests.support.telling import Told

from infold.core.curve import Curve
from infold.dealer.capital import CapitalRule
from infold.dealer.desk import Desk, Signal
from infold.dealer.guarding import CapitalGuard

SEED = 20_260_804
RULE = CapitalRule()


class Sound(Told):
    """Signals by market that were drawn, none of which may be refused."""

    def refuse(self, market: int, name: str, /) -> None:
        raise AssertionError((market, name))


@st.composite
def venues(draw: st.DrawFn) -> tuple[Any, dict[int, Signal]]:
    """A state of up to four markets, and what is signalled of them."""
    markets, signals = {}, {}
    for number in range(1, draw(st.integers(1, 4)) + 1):
        price_e8 = draw(st.integers(10**6, 10**13))
        most = min(10**22 * 60 // price_e8, 2**59)  # 60 M
        base_e8 = draw(st.integers(-most, most))
        terms = SimpleNamespace(listing=SimpleNamespace(tick_e8=max(price_e8 // 10**5, 1)))
        markets[number] = SimpleNamespace(
            clock=SimpleNamespace(price_e8=price_e8),
            pool=SimpleNamespace(base_e8=base_e8, quote_e6=-base_e8 * price_e8 // 10**10),
            at=lambda time_ms, terms=terms: terms,
        )
        signals[number] = Signal(
            draw(st.none() | st.floats(1.0, 2e4)),
            draw(st.floats(0.0, 30.0)),
            draw(st.floats(-20.0, 20.0)),
            round(price_e8 * draw(st.floats(0.5, 3.0))),
        )
    cash_e6 = draw(st.integers(-(10**12), 10**14))
    state = SimpleNamespace(
        markets=markets,
        prices_e8={},
        limits=SimpleNamespace(capital_e6=draw(st.integers(0, 10**14))),
        accounts={0: SimpleNamespace(word=SimpleNamespace(collateral_e6=cash_e6))},
    )
    return state, signals


def stressed_e6(state: Any, signals: dict[int, Signal], bases_e8: dict[int, int]) -> float:
    """What a stress of every market takes, each at its day's highest price."""
    return RULE.stress * sum(
        abs(base_e8)
        * max(signals[number].highest_e8, state.markets[number].clock.price_e8)
        / 10**10
        for number, base_e8 in bases_e8.items()
    )


@seed(SEED)
@settings(max_examples=150, deadline=None)
@given(venues(), st.data())
def test_no_batch_takes_the_pool_beyond_its_room_and_every_reducing_lot_is_offered(
    venue: tuple[Any, dict[int, Signal]], data: st.DataObject
) -> None:
    state, signals = venue
    curves = Desk(Curve, 1.0, signals=Sound(signals), guard=CapitalGuard()).curves(state, 0)
    before = {number: market.pool.base_e8 for number, market in state.markets.items()}
    after = {}
    for number, base_e8 in before.items():
        sales = curves[number].sales_e8 or (0,)
        assert sales[0] <= min(base_e8, 0) and sales[-1] >= max(base_e8, 0)
        assert 0 in sales, "there is a price at which it does nothing"
        after[number] = base_e8 - data.draw(st.sampled_from((sales[0], 0, sales[-1])))
    worth_e6 = state.accounts[0].word.collateral_e6
    equity_e6 = max(min(state.limits.capital_e6, worth_e6), 0)
    allowed_e6 = RULE.capital_share * equity_e6 * (1.0 + 1e-9) + 10.0 * len(before)
    now_e6 = stressed_e6(state, signals, before)
    assert stressed_e6(state, signals, after) <= max(allowed_e6, now_e6 * (1.0 + 1e-9))


@seed(SEED)
@settings(max_examples=50, deadline=None)
@given(venues())
def test_two_desks_that_are_told_alike_commit_alike(venue: tuple[Any, dict[int, Signal]]) -> None:
    state, signals = venue
    first, second = (Desk(Curve, 1.0, signals=Sound(signals), guard=CapitalGuard()) for _ in "12")
    first.curves(state, 0)  # and nothing is remembered from one batch to the next
    assert first.curves(state, 1) == second.curves(state, 1)
