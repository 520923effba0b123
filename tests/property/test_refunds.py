# SPDX-License-Identifier: Apache-2.0
"""Whatever tiers, fills and payments come: nobody is owed more than its fees less what it got."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import msgspec
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from infold.core.refunds import RefundPaid, Refunds, TiersFixed, refund_e6

SEED = 20_261_129
accounts = st.integers(17, 20)
fees = st.integers(0, 10**12)


@st.composite
def tiers(draw: st.DrawFn) -> tuple[int, int, dict[int, int]]:
    top = draw(st.integers(0, 65_535))
    lowest = draw(st.integers(0, top))
    return top, lowest, draw(st.dictionaries(accounts, st.integers(lowest, top), max_size=4))


steps = st.lists(
    st.one_of(
        st.tuples(st.just("fix"), tiers()),
        st.tuples(st.just("fill"), st.tuples(accounts, fees)),
        st.tuples(st.just("pay"), accounts),
    ),
    max_size=40,
)


def a_fill(account: int, fee_e6: int) -> Any:
    return SimpleNamespace(account=account, fee_e6=fee_e6)


@seed(SEED)
@settings(max_examples=200, deadline=None)
@given(steps)
def test_owed_is_earned_less_paid_and_never_more_than_the_fees(steps: list[Any]) -> None:
    refunds, paid_fees_e6, time_ms = Refunds(), dict.fromkeys(range(17, 21), 0), 0
    for kind, what in steps:
        time_ms += 1
        if kind == "fix":
            top, lowest, raised = what
            fixed = TiersFixed(time_ms=time_ms, top_e6=top, lowest_e6=lowest, raised_e6=raised)
            refunds.fix(msgspec.json.decode(msgspec.json.encode(fixed), type=TiersFixed))
            assert refunds.tiers == fixed
        elif kind == "fill":
            account, fee_e6 = what
            paid_fees_e6[account] += fee_e6
            refunds.settled(a_fill(account, fee_e6))
        else:
            owed_e6 = refunds.owed_e6(what)
            refunds.pay(RefundPaid(account=what, amount_e6=owed_e6, block=1, tx_hash=bytes(32)))
            assert refunds.owed_e6(what) == 0
        for account, fees_e6 in paid_fees_e6.items():
            earned_e6 = refunds.earned_e6.get(account, 0)
            assert 0 <= refunds.paid_e6.get(account, 0) <= earned_e6 <= fees_e6
            assert refunds.owed_e6(account) == earned_e6 - refunds.paid_e6.get(account, 0)


@seed(SEED)
@settings(max_examples=200, deadline=None)
@given(tiers(), st.lists(fees, min_size=1, max_size=20))
def test_cutting_a_fill_into_slices_never_earns_more(
    of: tuple[int, int, dict[int, int]], slices: list[int]
) -> None:
    top, lowest, raised = of
    fixed = TiersFixed(time_ms=1, top_e6=top, lowest_e6=lowest, raised_e6=raised)
    whole = refund_e6(fixed, a_fill(17, sum(slices)))
    assert sum(refund_e6(fixed, a_fill(17, fee_e6)) for fee_e6 in slices) <= whole
