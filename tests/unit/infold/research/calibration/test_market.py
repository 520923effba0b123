# SPDX-License-Identifier: Apache-2.0
"""One market's calibration on an invented market whose figures are known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from tests.support.recorded_market import (
    LEVEL_M,
    Invented,
    invented,
    quotes_of,
    trades_of,
    write_recording,
)

from infold.core.curve import Curve
from infold.dealer.desk import Desk
from infold.dealer.params import PERPETUAL, DealerParameters
from infold.research.calibration.market import (
    Calibration,
    calibrate,
    dump_parameters,
    load_parameters,
)
from infold.research.calibration.notes import Sources
from infold.research.calibration.orders import orders_of
from infold.research.calibration.response import impact_columns, impact_step_ms
from infold.research.recorded import Bars, FileFacts, read_books

FOUND = invented(300, impact_bp_per_m=5.0)
TRADES, QUOTES = trades_of(FOUND), quotes_of(FOUND)


def estimates(found: Calibration) -> dict[str, float]:
    return {one.name: one.value for one in found.estimates}


def test_volatility_is_that_of_the_mids() -> None:
    found = calibrate(Sources("BTCUSDT", None, QUOTES))
    truth = 1e4 * math.sqrt(float((np.diff(np.log(FOUND.mid)) ** 2).sum()) / 300.0 * 86_400.0)
    (told,) = [one for one in found.estimates if one.name == "volatility_bp"]
    assert found.parameters.volatility_bp == told.value == pytest.approx(truth, rel=0.25)
    assert told.interval is not None and told.interval.low < told.value < told.interval.high


def test_trades_alone_give_volatility_ladder_and_a_spread() -> None:
    found = calibrate(Sources("BTCUSDT", TRADES))
    told = estimates(found)
    orders = orders_of(TRADES)
    assert told["taker_orders_per_day"] == pytest.approx(len(orders.side) / orders.days)
    # Half a tick of 0.5 at 50,000 is 0.05 bp.
    assert told["half_spread_bp"] == pytest.approx(0.05, abs=0.03)
    volume = sum(
        size * rate
        for size, rate in zip(
            found.parameters.sizes_m, found.parameters.requests_per_day, strict=True
        )
    )
    share = 1.0 / (1.0 + math.exp(PERPETUAL.demand_shift))
    assert 2.0 * volume * share == pytest.approx(told["taker_volume_m_per_day"])
    assert "quotes" in found.assumed["demand_slope_per_bp"]
    assert found.parameters.impact_bp_per_m == PERPETUAL.impact_bp_per_m
    assert "quotes" in found.assumed["impact_bp_per_m"] and found.impact is None


def test_impact_is_recovered_and_one_scale_keeps_what_three_give_back() -> None:
    found = calibrate(Sources("BTCUSDT", TRADES, QUOTES))
    told = estimates(found)
    gains = [told[f"impact_{decay}_s_bp_per_m"] for decay in (10, 180, 3600)]
    # The invented impact stays for good: the slowest scale must carry it.
    assert sum(gains) == pytest.approx(5.0, rel=0.2) and gains[2] > 0.6 * sum(gains)
    assert found.parameters.impact_bp_per_m == pytest.approx(sum(gains))
    assert found.impact is not None and found.impact.gains_bp_per_m == tuple(gains)
    assert 24.0 - 1e-6 <= found.parameters.resilience_per_day <= 8_640.0 + 1e-6
    assert told["impact_explained_later"] > 0.3


def test_flow_and_moves_are_matched_step_by_step() -> None:
    step_ms = impact_step_ms(QUOTES)
    assert step_ms == 500
    signed, moves = impact_columns(orders_of(TRADES), QUOTES, step_ms)
    assert len(signed) == len(moves)
    inside = (TRADES.time_ms >= TRADES.time_ms[0]) & (
        TRADES.time_ms < TRADES.time_ms[0] + step_ms * len(signed)
    )
    worth = (TRADES.side * TRADES.price * TRADES.size / 1e6)[inside]
    assert signed.sum() == pytest.approx(worth.sum(), abs=0.06)
    assert np.corrcoef(signed, moves)[0, 1] > 0.8


def test_books_give_depth_and_the_cost_of_size(tmp_path: object) -> None:
    from pathlib import Path

    path, _ = write_recording(Path(str(tmp_path)), FOUND)
    books = read_books(path, levels=5)
    found = calibrate(Sources("BTCUSDT", TRADES, QUOTES, books))
    told = estimates(found)
    assert told["depth_within_5_bp_m"] == pytest.approx(5 * LEVEL_M, rel=0.05)
    # A tick, 0.1 bp, a level of 0.2 M, and the middles of levels half of one further out.
    assert told["book_slope_bp_per_m"] == pytest.approx(0.5, rel=0.25)
    eta = found.parameters.hedge_impact_bp_day_per_m
    assert eta == pytest.approx(told["book_slope_bp_per_m"] / 2.0 * 10.0 / 86_400.0)


def test_the_fee_is_part_of_what_hedging_and_clients_pay() -> None:
    free = calibrate(Sources("BTCUSDT", TRADES, QUOTES))
    dear = calibrate(Sources("BTCUSDT", TRADES, QUOTES), fee_bp=2.0)
    assert dear.parameters.hedge_spread_bp == pytest.approx(free.parameters.hedge_spread_bp + 2.0)
    reach = estimates(dear)["taker_reach_bp"] - estimates(free)["taker_reach_bp"]
    assert reach == pytest.approx(2.0)


def hours(count: int) -> Bars:
    moves = np.random.default_rng(2).standard_normal((count, 50)) * 0.005 / math.sqrt(50.0)
    path = 100.0 * np.exp(np.cumsum(moves).reshape(count, 50))
    close = path[:, -1]
    opened = np.concatenate([[100.0], close[:-1]])
    high = np.maximum(path.max(axis=1), opened)
    low = np.minimum(path.min(axis=1), opened)
    times = 1_700_006_400_000 // 86_400_000 * 86_400_000 + 3_600_000 * np.arange(count)
    return Bars(FileFacts("bars", count, ""), "A", 3_600_000, times, opened, high, low, close)


def test_bars_forecast_the_next_period_and_say_their_long_run() -> None:
    found = calibrate(Sources("A", bars=hours(1_200)))
    told = estimates(found)
    assert told["volatility_bp"] == found.parameters.volatility_bp
    # Half a percent an hour is 245 bp a root day.
    assert told["volatility_long_run_bp"] == pytest.approx(245.0, rel=0.2)
    assert told["volatility_bp"] == pytest.approx(245.0, rel=0.3)
    # The second opinion sees the same walk: no persistence worth the name, and the same size.
    assert told["garch_volatility_bp"] == pytest.approx(245.0, rel=0.2)
    assert 0.0 <= told["garch_persistence"] < 1.0


def test_too_few_bars_for_har_are_averaged_and_say_so() -> None:
    found = calibrate(Sources("A", bars=hours(400)))
    (told,) = [one for one in found.estimates if one.name == "volatility_bp"]
    assert "too few for HAR" in told.source and told.value == pytest.approx(245.0, rel=0.3)
    assert "garch_volatility_bp" not in estimates(found)
    with pytest.raises(ValueError, match="nothing tells volatility_bp"):
        calibrate(Sources("A", bars=hours(60)))


def test_what_no_file_tells_keeps_the_standing_figure_and_says_why() -> None:
    standing = replace_parameters(risk_aversion=0.5, impact_bp_per_m=0.25)
    found = calibrate(Sources("BTCUSDT", None, QUOTES), standing=standing)
    assert found.parameters.risk_aversion == 0.5 and found.parameters.impact_bp_per_m == 0.25
    told = set(DealerParameters.__struct_fields__) - set(found.assumed)
    assert told == {"volatility_bp", "hedge_spread_bp"}
    assert all(found.assumed.values())


def replace_parameters(**changes: float) -> DealerParameters:
    import msgspec

    return msgspec.structs.replace(PERPETUAL, **changes)


@pytest.mark.parametrize(
    ("sources", "problem"),
    [
        (Sources("A"), "nothing tells volatility_bp"),
        (Sources("A", None, quotes_of(invented(20))), "too few for volatility_bp"),
        (
            Sources("A", None, quotes_of(replace(FOUND, mid=np.full(3_000, 50_000.0)))),
            "never moves",
        ),
    ],
)
def test_a_market_without_volatility_is_refused(sources: Sources, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        calibrate(sources)


def test_a_desk_takes_what_was_written() -> None:
    found = calibrate(Sources("BTCUSDT", TRADES, QUOTES), fee_bp=2.0)
    (parameters,) = load_parameters(dump_parameters([found])).values()
    assert parameters == found.parameters
    curve = Desk(Curve, 1.0, {1: parameters}).commit(1, 0, 50_000 * 10**8, 10**6)
    assert curve.sales_e8[0] < 0 < curve.sales_e8[-1]
    with pytest.raises(ValueError, match="no parameters by market"):
        load_parameters(b'{"A": {"sizes_m": "x"}}')


def test_the_invented_market_is_the_same_every_time() -> None:
    again: Invented = invented(300, impact_bp_per_m=5.0)
    assert (again.mid == FOUND.mid).all() and (again.price == FOUND.price).all()
