# SPDX-License-Identifier: Apache-2.0
"""Lines for a batch: the ladder's inverse, the monopoly on the net, what lies between."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from infold.dealer.corners import corners
from infold.dealer.lines import (
    THICK_ORDERS,
    TUNED,
    Line,
    batch_line,
    bent_line,
    drift_bp,
    elasticity_m_per_bp,
    inverse_ladder,
    monopoly,
    orders_per_batch,
    relaxation_per_day,
    straight,
    thin_line,
)
from infold.dealer.params import PERPETUAL, SPOT_FX, DealerParameters
from infold.dealer.quoting import closed_forms, markups_bp


def corners_of(line: Line, centre_bp: float, offer_m: float) -> list[tuple[float, float]]:
    """(offset bp, sale M) of a curve's corners."""
    room = 2 * len(line.prices_bp) + 4
    offsets, sales = np.empty(room), np.empty(room)
    count = corners(*line.columns, line.slope_bp_per_m, centre_bp, offer_m, offsets, sales)
    return list(zip(offsets[:count].tolist(), sales[:count].tolist(), strict=True))


# -- the thin limit --------------------------------------------------------------------------------


def test_the_inverse_ladder_asks_the_best_markup() -> None:
    line = inverse_ladder(SPOT_FX)
    forms = closed_forms(SPOT_FX)
    assert line.half_spread_bp == pytest.approx(forms.markup_bp, abs=1e-12)
    shift, slope = SPOT_FX.demand_shift, SPOT_FX.demand_slope_per_bp
    for markup, price in zip(line.markups_bp, line.prices_bp, strict=True):
        # pi(d) = d - (1 + exp(-(a + b d))) / b, without Lambert's function.
        inverse = markup - (1.0 + math.exp(-(shift + slope * markup))) / slope
        assert inverse == pytest.approx(price, abs=1e-12)


def test_between_its_points_the_inverse_asks_no_less_and_at_most_a_hundredth_more() -> None:
    line, slope = inverse_ladder(SPOT_FX), SPOT_FX.demand_slope_per_bp

    def gain(markup: float, price: float) -> float:
        return (markup - price) / (1.0 + math.exp(SPOT_FX.demand_shift + slope * markup))

    for price in np.linspace(-0.5, 0.5, 41):
        asked = line.markup_bp(price)
        best = max(gain(asked + nudge, price) for nudge in np.linspace(-0.05, 0.05, 201))
        assert gain(asked, price) >= 0.995 * best


def test_the_thin_line_is_the_ladder_linearised() -> None:
    line = thin_line(SPOT_FX)
    for inventory_m, impact_bp in ((0.0, 0.0), (7.0, 0.05), (-12.0, -0.02)):
        share = closed_forms(SPOT_FX).impact_share
        centre = line.signal * -share * impact_bp - line.skew_bp_per_m * inventory_m
        for size, (bid, ask) in zip(
            SPOT_FX.sizes_m, markups_bp(SPOT_FX, inventory_m, impact_bp), strict=True
        ):
            sold = line.markup_bp(centre + line.slope_bp_per_m * size)
            bought = line.markup_bp(-centre + line.slope_bp_per_m * size)
            assert (bought, sold) == pytest.approx((bid, ask), abs=1e-12)


@pytest.mark.parametrize("count", [1, 2, 5, 9])
def test_same_side_fills_in_a_row_earn_exactly_what_one_fill_of_their_sum_does(count: int) -> None:
    """The linear curve is batching-invariant in revenue."""
    line, size, inventory = thin_line(SPOT_FX), 3.0, 4.0
    whole = count * size
    at_once = whole * line.markup_bp(-line.skew_bp_per_m * inventory + line.slope_bp_per_m * whole)
    parts = 0.0
    for _ in range(count):
        centre = -line.skew_bp_per_m * inventory
        parts += size * line.markup_bp(centre + line.slope_bp_per_m * size)
        inventory -= size
    assert parts == pytest.approx(at_once, rel=1e-12)


# -- the thick limit -------------------------------------------------------------------------------


def test_monopoly_of_a_thick_batch() -> None:
    """20 minutes: value 3.39, demand 41,564 M a bp and day on both sides."""
    line, value = monopoly(SPOT_FX, 1_200.0)
    assert value == pytest.approx(3.39, abs=0.005)
    kappa = 1.0 / (line.slope_bp_per_m - line.skew_bp_per_m)
    assert kappa * 72 == pytest.approx(41_564, abs=1)
    assert elasticity_m_per_bp(SPOT_FX, 1_200.0) == pytest.approx(kappa, rel=1e-12)
    thin = thin_line(SPOT_FX)
    line, _ = monopoly(SPOT_FX, 300.0)
    assert line.slope_bp_per_m / thin.slope_bp_per_m == pytest.approx(9.1, abs=0.05)
    assert line.skew_bp_per_m / thin.skew_bp_per_m == pytest.approx(4.0, abs=0.05)


def test_the_monopolys_aversion_keeps_its_value_function() -> None:
    """A = c + A / (1 + kappa A): what a batch of risk costs is what the value function loses."""
    for interval_s in (10.0, 300.0, 3_600.0):
        line, _ = monopoly(SPOT_FX, interval_s)
        aversion = line.skew_bp_per_m / 2.0
        kappa = elasticity_m_per_bp(SPOT_FX, interval_s)
        cost = SPOT_FX.risk_aversion * SPOT_FX.volatility_bp**2 * interval_s / 86_400.0 / 2.0
        assert aversion == pytest.approx(cost + aversion / (1.0 + kappa * aversion), rel=1e-9)


# -- between ---------------------------------------------------------------------------------------


def test_orders_a_batch_are_requests() -> None:
    assert orders_per_batch(SPOT_FX, 1.0) == pytest.approx(0.0914, abs=1e-4)
    assert orders_per_batch(SPOT_FX, 300.0) == pytest.approx(27.43, abs=0.01)


def test_batch_line_passes_through_the_tuned_rows() -> None:
    forms = closed_forms(SPOT_FX)
    for row in TUNED:
        line = batch_line(SPOT_FX, row.orders / orders_per_batch(SPOT_FX, 1.0))
        expected = bent_line(
            SPOT_FX,
            row.markup,
            row.slope * forms.risk_bp_per_m,
            row.skew * 2.0 * forms.risk_bp_per_m,
        )
        assert line.markups_bp == pytest.approx(expected.markups_bp, rel=1e-9)
        assert line.slope_bp_per_m == pytest.approx(expected.slope_bp_per_m, rel=1e-9)
        assert line.skew_bp_per_m == pytest.approx(expected.skew_bp_per_m, rel=1e-9)


@pytest.mark.parametrize("parameters", [SPOT_FX, PERPETUAL])
def test_batch_line_runs_from_ladder_to_monopoly_without_a_jump(
    parameters: DealerParameters,
) -> None:
    assert batch_line(parameters, 1e-9) == inverse_ladder(parameters)
    unit_s = 1.0 / orders_per_batch(parameters, 1.0)
    thick_s = THICK_ORDERS * 1.01 * unit_s
    assert batch_line(parameters, thick_s) == monopoly(parameters, thick_s)[0]
    for orders in (*(row.orders for row in TUNED), THICK_ORDERS):
        below = batch_line(parameters, orders * unit_s * (1 - 1e-9))
        above = batch_line(parameters, orders * unit_s * (1 + 1e-9))
        assert below.slope_bp_per_m == pytest.approx(above.slope_bp_per_m, rel=1e-4)
        assert below.half_spread_bp == pytest.approx(above.half_spread_bp, abs=1e-5)


def test_volatility_forecast_replaces_the_parameter() -> None:
    doubled = msgspec.structs.replace(SPOT_FX, volatility_bp=200.0)
    assert batch_line(SPOT_FX, 5.0, 200.0) == batch_line(doubled, 5.0)
    assert batch_line(SPOT_FX, 5.0, 200.0).slope_bp_per_m > batch_line(SPOT_FX, 5.0).slope_bp_per_m
    scaled = inverse_ladder(SPOT_FX).scaled(2.0)
    assert scaled.slope_bp_per_m == pytest.approx(inverse_ladder(doubled).slope_bp_per_m)
    assert scaled.markups_bp == inverse_ladder(doubled).markups_bp


# -- corners and signals ---------------------------------------------------------------------------


def test_corners_sell_above_buy_below_and_offer_the_most_at_the_ends() -> None:
    for line in (inverse_ladder(SPOT_FX), thin_line(SPOT_FX), straight(0.0, 0.1, 0.05)):
        for centre in (-3.0, -0.2, 0.0, 0.7):
            found = corners_of(line, centre, 40.0)
            offsets, sales = zip(*found, strict=True)
            assert list(offsets) == sorted(offsets) and list(sales) == sorted(sales)
            assert (sales[0], sales[-1]) == (-40.0, 40.0)
            kinks = [offset for offset, sale in found if sale == 0.0]
            assert kinks == [-line.markup_bp(-centre), line.markup_bp(centre)]
            for offset, sale in found:
                side = 1.0 if sale > 0 else -1.0
                if sale != 0.0:
                    price = side * centre + line.slope_bp_per_m * abs(sale)
                    assert side * offset == pytest.approx(line.markup_bp(price), abs=1e-9)


@pytest.mark.parametrize("centre", [-1.3, 0.0, 0.2])
def test_one_side_of_the_corners_is_that_side_of_all_of_them(centre: float) -> None:
    line = inverse_ladder(SPOT_FX)
    whole = corners_of(line, centre, 40.0)
    room = 2 * len(line.prices_bp) + 4
    kink = [sale for _, sale in whole].index(0.0)
    for side, wanted in ((-1, whole[: kink + 1]), (1, whole[kink + 1 :])):
        offsets, sales = np.empty(room), np.empty(room)
        slope = line.slope_bp_per_m
        count = corners(*line.columns, slope, centre, 40.0, offsets, sales, side)
        assert list(zip(offsets[:count], sales[:count], strict=True)) == wanted


def test_a_long_dealer_sells_more_and_buys_less_at_every_price() -> None:
    line = inverse_ladder(SPOT_FX)
    flat, long = (corners_of(line, -line.skew_bp_per_m * q, 40.0) for q in (0.0, 9.0))
    for offset in np.linspace(-0.6, 0.6, 31):
        sold = [np.interp(offset, *zip(*found, strict=True)) for found in (flat, long)]
        assert sold[1] >= sold[0]


def test_the_impact_state_moves_the_line_against_itself_and_a_prediction_with_it() -> None:
    line = batch_line(SPOT_FX, 1.0)
    share = drift_bp(SPOT_FX, line, 1.0, -1.0)
    assert 0.5 < share < 0.8
    assert drift_bp(SPOT_FX, line, 1.0, 0.3) == pytest.approx(-0.3 * share)
    assert drift_bp(SPOT_FX, line, 1.0, 0.3, predicted_bp=2.0) == pytest.approx(2.0 - 0.3 * share)
    lasting = msgspec.structs.replace(SPOT_FX, resilience_per_day=0.0)
    assert drift_bp(lasting, line, 1.0, 0.3) == 0.0


def test_relaxation_is_the_ladders_in_thin_batches_and_the_monopolys_in_thick_ones() -> None:
    thin = relaxation_per_day(SPOT_FX, inverse_ladder(SPOT_FX), 1e-3)
    # Elasticity at mid and not at d0: 2 A0 times 41,564.
    assert thin == pytest.approx(2.0 * closed_forms(SPOT_FX).risk_bp_per_m * 41_564, rel=1e-3)
    line, _ = monopoly(SPOT_FX, 600.0)
    kappa = elasticity_m_per_bp(SPOT_FX, 600.0)
    gone = kappa * line.skew_bp_per_m / 2.0
    assert math.exp(-relaxation_per_day(SPOT_FX, line, 600.0) * 600.0 / 86_400.0) == pytest.approx(
        1.0 / (1.0 + gone), rel=1e-9
    )


def test_a_fee_replaces_spread_until_there_is_none() -> None:
    line = inverse_ladder(SPOT_FX)
    charged = line.after_fee(0.1)
    assert charged.markup_bp(0.3) == pytest.approx(line.markup_bp(0.3) - 0.1, abs=1e-12)
    assert line.after_fee(5.0).half_spread_bp == pytest.approx(0.0, abs=1e-12)
    assert line.after_fee(0.0) == line
    with pytest.raises(ValueError, match=r"fee_bp must be a number \(bp\) not below zero"):
        line.after_fee(-0.1)


# -- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"markups_bp": ()}, "one of prices_bp"),
        ({"markups_bp": (0.1, 0.1), "prices_bp": (0.0, 1.0)}, "markups_bp must be finite and rise"),
        ({"markups_bp": (0.1, 0.2), "prices_bp": (1.0, 0.0)}, "prices_bp must be finite and rise"),
        ({"markups_bp": (math.nan,)}, "markups_bp must be finite"),
        ({"slope_bp_per_m": 0.0}, "slope_bp_per_m must be a positive"),
        ({"skew_bp_per_m": -1.0}, "skew_bp_per_m must be a number"),
        ({"signal": math.inf}, "signal must be a number"),
        ({"markups_bp": (-0.1,)}, "buys 0.2 bp dearer than it sells"),
        (
            {"markups_bp": (0.1, 2.0, 2.1), "prices_bp": (-1.0, 0.0, 1.0)},
            "dearer than it sells",
        ),
    ],
)
def test_impossible_lines_are_refused_by_name(change: dict[str, object], said: str) -> None:
    given = {
        "markups_bp": (0.1,), "prices_bp": (0.0,), "slope_bp_per_m": 0.01, "skew_bp_per_m": 0.02
    } | change  # fmt: skip
    with pytest.raises(ValueError, match=said):
        Line(**given)  # type: ignore[arg-type]


def test_impossible_intervals_and_markups_are_refused() -> None:
    for wrong in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="interval_s must be a positive number"):
            batch_line(SPOT_FX, wrong)
    with pytest.raises(ValueError, match=r"markup must lie in 0\.\.4"):
        bent_line(SPOT_FX, -0.1, 0.01, 0.01)


def test_a_line_at_least_so_wide_keeps_its_shape() -> None:
    line = inverse_ladder(SPOT_FX)
    wider = line.at_least(line.half_spread_bp + 0.5)
    assert wider.half_spread_bp == pytest.approx(line.half_spread_bp + 0.5, rel=1e-12)
    for price in (-1.0, 0.3, 2.0):
        assert wider.markup_bp(price) == pytest.approx(line.markup_bp(price) + 0.5, rel=1e-9)
    assert line.at_least(0.0) == line
    with pytest.raises(ValueError, match=r"half_spread_bp .* \(bp\)"):
        line.at_least(math.nan)
