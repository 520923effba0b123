# SPDX-License-Identifier: Apache-2.0
"""The model a venue runs: room for all, bounds on what it asks, refusals by name."""

from __future__ import annotations

import math

import msgspec
import pytest
from tests.support.kinds import FOUR_KINDS

from infold.dealer.params import SPOT_FX
from infold.dealer.toxicity.model import ModelParameters, ToxicityModel

GAP_S = 3_200.0  # 27 a day: a little much for an uninformed client, little for an informed one
PARAMETERS = ModelParameters(kinds=FOUR_KINDS, bucket_m=2.0, buckets=4)


def after_trades(follows: float) -> ToxicityModel:
    """A client buys forty times, and the mid follows by so much within a minute."""
    model, mid = ToxicityModel(PARAMETERS, SPOT_FX), 0.0
    for number in range(40):
        time_s = GAP_S * number
        model.observe(time_s, mid)
        model.opinion(1)
        model.trade(1, 1, 1.0, 0.2)
        mid += follows
        model.observe(time_s + 50.0, mid)
    return model


def test_a_client_the_mid_follows_is_charged_and_one_it_does_not_is_not() -> None:
    followed, plain = after_trades(3.0), after_trades(-2.0)
    assert followed.opinion(1).informed > 0.9 > 0.1 > plain.opinion(1).informed
    assert followed.opinion(1).premium_bp >= 0.5 and plain.opinion(1).premium_bp == -0.02


def test_a_client_never_seen_pays_no_premium_beside_a_known_insider() -> None:
    model = after_trades(3.0)
    assert model.opinion(2).premium_bp == -0.02
    assert model.opinion(2).informed == pytest.approx(model.share_informed)


def test_a_suspects_trade_is_a_signal_that_fades() -> None:
    model = after_trades(3.0)
    model.observe(41 * GAP_S, 120.0)
    verdict = model.trade(1, -1, 1.0, 0.7)
    assert verdict.news > 0.3 and model.signal_bp < -0.2
    model.observe(42 * GAP_S, 120.0)
    assert abs(model.signal_bp) < 1e-4


def test_one_sided_volume_shows() -> None:
    model = after_trades(0.0)
    assert model.imbalance == 1.0
    assert ToxicityModel(PARAMETERS, SPOT_FX).imbalance == 0.5


def test_expected_moves_shrink_towards_all_clients() -> None:
    model, mid = ToxicityModel(msgspec.structs.replace(PARAMETERS, refit_fills=40), SPOT_FX), 0.0
    assert model.expected_move_bp(1, 60.0) == (0.0, pytest.approx(1.0))
    for number in range(160):
        client = number % 4
        model.observe(400.0 * number, mid)
        model.trade(client, 1, 1.0, 0.2)
        mid += 4.0 if client == 0 else 0.0
        model.observe(400.0 * number + 50.0, mid)
    model.observe(400.0 * 160, mid)
    followed, plain = model.expected_move_bp(0, 60.0), model.expected_move_bp(1, 60.0)
    assert 3.0 < followed[0] < 4.0 and -0.2 < plain[0] < 0.6
    assert model.expected_move_bp(99, 60.0)[0] == pytest.approx(1.0, abs=0.1)
    assert abs(model.expected_move_bp(0, 1.0)[0]) < 0.01  # nothing happens within a second
    with pytest.raises(ValueError, match="horizon_s must be one of"):
        model.expected_move_bp(0, 5.0)


def test_there_is_room_for_every_client() -> None:
    model = ToxicityModel(PARAMETERS, SPOT_FX)
    for client in range(300):
        model.observe(float(client), 0.0)
        model.trade(10_000 + client, 1, 1.0, 0.2)
        model.trade(10_000, -1, 1.0, 0.2)
    # Opening and reversing three hundred times in five minutes is not what 70 requests a day do.
    assert model.opinion(10_000).informed > model.opinion(10_001).informed


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"label_horizon_s": 61.0}, "label_horizon_s"),
        ({"evidence": -1.0}, "evidence"),
        ({"gain": math.nan}, "gain"),
        ({"refit_weight": -1.0}, "refit_weight"),
        ({"refit_fills": -1}, "refit_fills"),
        (
            {
                "learner": msgspec.structs.replace(
                    PARAMETERS.learner, weights=(0.0,), variances=(1.0,)
                )
            },
            "learner must have 5 weights",
        ),
    ],
)
def test_impossible_parameters_are_refused(change: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        msgspec.structs.replace(PARAMETERS, **change)


def test_impossible_trades_are_refused_and_leave_nothing() -> None:
    model = ToxicityModel(PARAMETERS, SPOT_FX)
    with pytest.raises(ValueError, match="observe it first"):
        model.trade(1, 1, 1.0, 0.2)
    model.observe(0.0, 0.0)
    for side, size, markup, said in (
        (2, 1.0, 0.2, "side"),
        (1, 0.0, 0.2, "size_m"),
        (1, 1.0, math.nan, "markup_bp"),
    ):
        with pytest.raises(ValueError, match=said):
            model.trade(1, side, size, markup)
    with pytest.raises(ValueError, match="time_s"):
        model.observe(-1.0, 0.0)
    assert model.observe(1_000.0, 5.0) == [] and model.signal_bp == 0.0
