# SPDX-License-Identifier: Apache-2.0
"""How much of a window's taker flow nets, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from infold.research.microstructure.crossable import clock_ms, crossable
from infold.research.recorded import FileFacts, Trades

T = 1_700_000_000_000
Row = tuple[int, str, int, float, str, bool]  # ms after T, market, side, worth, account, taker


def tape(*rows: Row, accounts: bool = True) -> Trades:
    time, market, side, worth, account, crossed = zip(*rows, strict=True)
    markets, people = sorted(set(market)), sorted(set(account))
    count = len(rows)
    return Trades(
        facts=FileFacts("x", count, ""),
        markets=tuple(markets),
        market=np.array([markets.index(name) for name in market]),
        time_ms=T + np.array(time),
        side=np.array(side),
        price=np.full(count, 2.0),
        size=np.array(worth) / 2.0,
        record=np.arange(count),
        accounts=tuple(people) if accounts else None,
        account=np.array([people.index(name) for name in account]) if accounts else None,
        crossed=np.array(crossed) if accounts else None,
    )


def test_opposite_flow_of_a_window_nets_and_one_sided_flow_does_not() -> None:
    rows = [(0, "A", 1, 6.0, "x", True), (10, "A", -1, 4.0, "y", True)]
    assert crossable(tape(*rows), 1_000).high == pytest.approx(1.0 - 2.0 / 10.0)
    assert crossable(tape(*rows), 5).share == 0.0
    assert crossable(tape(rows[0], (10, "A", 1, 4.0, "y", True)), 1_000).share == 0.0


def test_markets_do_not_net_against_each_other() -> None:
    rows = [(0, "A", 1, 6.0, "x", True), (10, "B", -1, 4.0, "y", True)]
    assert crossable(tape(*rows), 1_000).share == 0.0
    both = [*rows, (20, "B", 1, 4.0, "x", True)]
    assert crossable(tape(*both), 1_000, "B").high == 1.0
    assert crossable(tape(*both), 1_000).high == pytest.approx(8.0 / 14.0)


def test_makers_of_a_fill_are_not_flow() -> None:
    rows = [(0, "A", 1, 6.0, "x", True), (0, "A", -1, 6.0, "maker", False)]
    assert crossable(tape(*rows), 1_000).share == 0.0


def test_what_one_account_nets_with_itself_is_not_between_accounts() -> None:
    own = [(0, "A", 1, 6.0, "x", True), (10, "A", -1, 6.0, "x", True)]
    found = crossable(tape(*own), 1_000)
    assert found.high == 1.0 and found.between_accounts == 0.0
    met = [*own, (20, "A", 1, 3.0, "y", True), (30, "A", -1, 2.0, "z", True)]
    assert crossable(tape(*met), 1_000).between_accounts == pytest.approx((5.0 - 1.0) / 17.0)


def test_the_range_over_beginnings_encloses_the_share() -> None:
    rng = np.random.default_rng(1)
    rows: list[Row] = [
        (int(at), "A", int(side), 1.0, "x", True)
        for at, side in zip(
            np.sort(rng.integers(0, 9_000, 80)), rng.choice([-1, 1], 80), strict=True
        )
    ]
    found = crossable(tape(*rows, accounts=False), 400)
    assert found.low < found.share < found.high and found.between_accounts is None
    longer = crossable(tape(*rows, accounts=False), 3_000)
    assert longer.share > found.share


def test_a_clock_is_as_fine_as_the_steps_its_times_share() -> None:
    def stamped(*times: int) -> Trades:
        return tape(*[(time, "A", 1, 1.0, "x", True) for time in times])

    assert clock_ms(stamped(0, 60_000, 180_000)) == 60_000
    assert clock_ms(stamped(0, 60_000, 180_001)) == 1
    assert clock_ms(stamped(5, 5)) == 1


def test_nothing_to_net_is_refused() -> None:
    rows = tape((0, "A", 1, 6.0, "x", False))
    with pytest.raises(ValueError, match="no taker trade"):
        crossable(rows, 1_000)
    with pytest.raises(ValueError, match=r"window_ms \(milliseconds\)"):
        crossable(rows, 0)
