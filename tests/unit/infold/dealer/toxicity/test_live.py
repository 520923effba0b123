# SPDX-License-Identifier: Apache-2.0
"""Who is informed in a running venue: found within sixty trades, and nobody else is accused."""

from __future__ import annotations

import math
import random

import msgspec
import numpy as np
import pytest

from infold.dealer.params import PERPETUAL
from infold.dealer.toxicity.kinds import alike_in_rate, grid_of_kinds
from infold.dealer.toxicity.live import LIVE_KINDS, ClientParameters, LiveClients

SEED = 20_261_129
DEVIATION_BP = PERPETUAL.volatility_bp / math.sqrt(86_400.0)
STRANGER = LIVE_KINDS.share_informed
INSIDER, HASTY, SLOW, TREND = 1, 2, 3, 4


def a_market(hours: float, edge_bp: float, decay_s: float) -> tuple[LiveClients, int]:
    """A price a second; an insider every two minutes, right half the time; a client that trades
    every second, one every minute, one that buys for ten minutes and sells for ten. The trades the
    insider needed to be four fifths certain.
    """
    dice, clients = random.Random(SEED), LiveClients(ClientParameters(), PERPETUAL, 0.0, 0.0)
    mid_bp = drift_bp = 0.0
    needed = 0
    for second in range(1, round(3_600 * hours)):
        step_bp = drift_bp * -math.expm1(-1.0 / decay_s)
        drift_bp -= step_bp
        mid_bp += dice.gauss(0.0, DEVIATION_BP) + step_bp
        now_s = float(second)
        clients.observe(now_s, mid_bp)
        side = 1 if dice.random() < 0.5 else -1
        clients.filled(HASTY, side, 0.01, 5.0, now_s)
        clients.filled(TREND, 1 if second // 600 % 2 else -1, 0.01, 5.0, now_s)
        if second % 60 == 0:
            clients.filled(SLOW, -side, 0.1, 5.0, now_s)
        if second % 120 == 7:
            side = 1 if dice.random() < 0.5 else -1
            drift_bp += side * edge_bp if dice.random() < 0.5 else 0.0
            needed += clients.informed(INSIDER, now_s) < 0.8
            clients.filled(INSIDER, side, 0.01, 5.0, now_s)
    return clients, needed


def test_an_insider_is_found_within_sixty_trades_and_nobody_else_is_accused() -> None:
    clients, needed = a_market(2.0, 10.0, 10.0)
    assert clients.informed(INSIDER, 7_200.0) > 0.9 and needed < 60
    for other in (HASTY, SLOW, TREND):
        assert clients.informed(other, 7_200.0) < 0.2
    assert clients.known == (INSIDER, HASTY, SLOW, TREND)


def test_without_an_insider_nobody_is_accused() -> None:
    clients, needed = a_market(1.0, 0.0, 10.0)
    assert needed == 30
    assert all(clients.informed(client, 3_600.0) < 0.3 for client in clients.known)


def test_how_often_a_client_trades_tells_nothing() -> None:
    clients = LiveClients(ClientParameters(), PERPETUAL, 0.0, 0.0)
    for second in range(1, 10):
        clients.observe(float(second), 0.0)
        clients.filled(HASTY, 1, 2.0**second, 5.0, float(second))
    assert clients.informed(HASTY, 9.0) == pytest.approx(STRANGER)
    clients.observe(86_400.0, 0.0)
    silent = LiveClients(ClientParameters(), PERPETUAL, 0.0, 0.0)
    silent.filled(HASTY, 1, 1.0, 5.0, 0.0)
    for second in (10.0, 60.0):
        silent.observe(second, 0.0)
    assert silent.informed(HASTY, 60.0) < STRANGER, "the price stood still: that tells"


def test_what_is_believed_fades_towards_a_stranger_and_reading_changes_nothing() -> None:
    clients, _ = a_market(0.5, 16.0, 3.0)
    now = clients.informed(INSIDER, 1_800.0)
    later = [clients.informed(INSIDER, 1_800.0 + 86_400.0 * days) for days in (1, 4, 40)]
    assert now > later[0] > later[1] > later[2] == pytest.approx(STRANGER, abs=1e-3)
    assert later[1] - STRANGER == pytest.approx((now - STRANGER) / math.e, rel=0.02)
    assert clients.informed(INSIDER, 1_800.0) == now
    assert clients.informed(99, 1_800.0) == pytest.approx(STRANGER)


def test_an_insiders_trade_is_a_signal_of_its_side() -> None:
    clients, _ = a_market(0.5, 16.0, 3.0)
    before = clients.signal_bp
    clients.filled(INSIDER, -1, 5.0, 5.0, 1_799.0)
    assert clients.signal_bp < before


def test_a_gap_is_not_marked_across() -> None:
    def after(gap: bool) -> float:
        clients = LiveClients(ClientParameters(), PERPETUAL, 0.0, 0.0)
        clients.filled(INSIDER, 1, 1.0, 5.0, 0.0)
        if gap:
            clients.forget_pending()
        clients.observe(61.0, 50.0)
        return clients.informed(INSIDER, 61.0)

    assert after(gap=False) != after(gap=True) == pytest.approx(STRANGER)


def test_kinds_that_trade_alike_differ_only_in_what_prices_do() -> None:
    kinds = alike_in_rate(grid_of_kinds(LIVE_KINDS, PERPETUAL, (10.0, 60.0)), 0.5)
    fills = kinds.own_rates * kinds.takes[0] + kinds.news_rates * kinds.hits[:, 0]
    assert fills == pytest.approx(np.full(len(fills), fills[0]))
    with pytest.raises(ValueError, match="news_share"):
        alike_in_rate(kinds, 1.5)
    small = msgspec.structs.replace(LIVE_KINDS, edges_bp=(0.1,))
    with pytest.raises(ValueError, match="edges_bp"):
        alike_in_rate(grid_of_kinds(small, PERPETUAL, (10.0, 60.0)), 0.5)


def test_impossible_parameters_are_refused() -> None:
    with pytest.raises(ValueError, match="least_m"):
        ClientParameters(least_m=0.0)
    for change, said in (({"news_share": 2.0}, "news_share"), ({"deviations_max": 0.0}, "deviat")):
        with pytest.raises(ValueError, match=said):
            msgspec.structs.replace(ClientParameters().model, **change)
