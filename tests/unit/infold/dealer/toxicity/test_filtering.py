# SPDX-License-Identifier: Apache-2.0
"""The filter is Bayes' rule, and learns shares and rates from clients whose kind it never sees."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from tests.support.kinds import FOUR_KINDS

from infold.dealer.params import SPOT_FX
from infold.dealer.toxicity.filtering import (
    Kinds,
    copied,
    elapse,
    empty_clients,
    note_fill,
    note_window,
    posterior,
    refit,
)
from infold.dealer.toxicity.kinds import grid_of_kinds

HORIZONS_S = (1.0, 10.0, 60.0, 300.0)
PARAMETERS = msgspec.structs.replace(
    FOUR_KINDS, willing=(0.25, 1.0), background_bp=30.0, premiums_bp=(0.0, 0.5, 1.5)
)
KINDS = grid_of_kinds(PARAMETERS, SPOT_FX, HORIZONS_S)


def by_enumeration(
    kinds: Kinds, times_day: list[float], levels: list[int], moves: np.ndarray
) -> np.ndarray:
    """Each kind's probability from the whole likelihood, written out with nothing carried on."""
    logs = np.log(kinds.shares)
    for kind in range(len(kinds.shares)):
        for number, level in enumerate(levels):
            own = kinds.own_rates[kind] * kinds.takes[level]
            news = kinds.news_rates[kind] * kinds.hits[kind, level]
            if number > 0:
                before = levels[number - 1]
                rate = (
                    kinds.own_rates[kind] * kinds.takes[before]
                    + kinds.news_rates[kind] * kinds.hits[kind, before]
                )
                logs[kind] += math.log(own + news)
                logs[kind] -= rate * (times_day[number] - times_day[number - 1])
            plain = np.prod(np.exp(-(moves[number] ** 2) / (2 * kinds.noises_bp**2)))
            shifted = moves[number] - kinds.moves_bp[kind]
            told = np.prod(np.exp(-(shifted**2) / (2 * kinds.noises_bp**2)))
            logs[kind] += math.log((own * plain + news * told) / (own + news))
    weights = np.exp(logs - logs.max())
    return weights / weights.sum()


def test_the_posterior_is_the_whole_likelihoods() -> None:
    times = [0.0, 0.01, 0.013, 0.07, 0.2]
    levels = [0, 0, 1, 2, 0]
    moves = np.array([[0.5, 1.0, 2.0, -1.0]] * 5) * np.array([[1.0], [-0.5], [2.0], [1.5], [0.2]])
    clients, chances = empty_clients(1, 5), np.zeros((5, 5))
    row = np.zeros(5)
    for number, (time_day, level) in enumerate(zip(times, levels, strict=True)):
        note_fill(KINDS, clients, 0, time_day, level, chances[number])
        clients.levels[0] = level
    # Labels may come late and between each other's: the order of evidence does not matter.
    for window in range(4):
        for number in (3, 0, 4, 1, 2):
            note_window(KINDS, clients, 0, window, moves[number, window], chances[number])
    informed = posterior(KINDS, clients, 0, row)
    expected = by_enumeration(KINDS, times, levels, moves)
    assert row == pytest.approx(expected, rel=1e-9)
    assert informed == pytest.approx(1.0 - expected[0], rel=1e-9)


def test_silence_where_others_trade_speaks_against_being_busy() -> None:
    clients, chances, row = empty_clients(1, 5), np.zeros(5), np.zeros(5)
    note_fill(KINDS, clients, 0, 0.0, 0, chances)
    first = posterior(KINDS, clients, 0, row)
    elapse(KINDS, clients, 0, 0.1)
    assert posterior(KINDS, clients, 0, row) < first
    assert clients.exposures[0] == pytest.approx(0.1 * KINDS.takes[0])


def test_a_client_never_seen_is_the_population() -> None:
    clients, row = empty_clients(2, 5), np.zeros(5)
    elapse(KINDS, clients, 1, 3.0)
    assert posterior(KINDS, clients, 1, row) == pytest.approx(0.1)
    assert row == pytest.approx(KINDS.shares)


def test_moves_the_clients_way_raise_suspicion_and_moves_against_it_lower_it() -> None:
    found = []
    for move in (-8.0, 0.0, 8.0):
        clients, chances, row = empty_clients(1, 5), np.zeros(5), np.zeros(5)
        note_fill(KINDS, clients, 0, 0.0, 0, chances)
        note_window(KINDS, clients, 0, 3, move, chances)
        found.append(posterior(KINDS, clients, 0, row))
    assert found == sorted(found) and found[2] > 0.1 > found[0]


def test_a_client_that_may_change_is_forgiven_within_days() -> None:
    found = []
    for changes_per_day in (0.0, 1.0):
        kinds = KINDS._replace(changes_per_day=changes_per_day)
        clients, chances, row = empty_clients(1, 5), np.zeros(5), np.zeros(5)
        for number in range(180):  # four days of an insider, then one of the plainest client
            insider = number < 160
            now_day = number / 40 if insider else 4.0 + (number - 160) / 20
            note_fill(kinds, clients, 0, now_day, 0, chances)
            note_window(kinds, clients, 0, 3, 6.0 if insider else -1.0, chances)
            if number == 159:
                assert posterior(kinds, clients, 0, row) > 0.95
        found.append(posterior(kinds, clients, 0, row))
    assert found[0] > 0.9 > 0.2 > found[1], found


def test_a_change_mixes_in_the_population() -> None:
    kinds = KINDS._replace(changes_per_day=math.log(2.0), news_rates=np.zeros(5))
    kinds = kinds._replace(own_rates=np.full(5, 1.0))
    clients, row = empty_clients(1, 5), np.zeros(5)
    clients.logs[0] = np.log([0.2, 0.2, 0.2, 0.2, 0.2])
    clients.seen_day[0] = 0.0
    elapse(kinds, clients, 0, 1.0)
    posterior(kinds, clients, 0, row)
    assert row == pytest.approx(0.5 * 0.2 + 0.5 * KINDS.shares)


def test_a_move_beyond_all_measure_leaves_numbers() -> None:
    clients, chances, row = empty_clients(1, 5), np.zeros(5), np.zeros(5)
    note_fill(KINDS, clients, 0, 0.0, 0, chances)
    note_window(KINDS, clients, 0, 0, 1e6, chances)
    assert posterior(KINDS, clients, 0, row) == pytest.approx(1.0)
    assert np.isfinite(clients.logs).all() and np.isfinite(chances).all()


def test_refit_finds_shares_and_rates_that_nobody_told_it() -> None:
    """Clients drawn from the true kinds, two days at the base level; from a wrong start."""
    draws = np.random.Generator(np.random.Philox(41))
    wrong = msgspec.structs.replace(
        PARAMETERS, share_informed=0.04, informed_requests_per_day=44.0, news_per_day=8.0
    )
    prior = grid_of_kinds(wrong, SPOT_FX, HORIZONS_S)
    kinds, clients, row = copied(prior), empty_clients(400, 5), np.zeros(5)
    truth = draws.choice(5, 400, p=KINDS.shares)
    for _ in range(2):
        clients = empty_clients(400, 5)
        for client, kind in enumerate(truth.tolist()):
            own = KINDS.own_rates[kind] * KINDS.takes[0]
            news = KINDS.news_rates[kind] * KINDS.hits[kind, 0]
            times = np.sort(draws.random(draws.poisson((own + news) * 2.0)) * 2.0)
            for time_day in times.tolist():
                chances = np.zeros(5)
                note_fill(kinds, clients, client, time_day, 0, chances)
                on_news = draws.random() < news / (own + news)
                for window in range(4):
                    mean = KINDS.moves_bp[kind, window] if on_news else 0.0
                    move = draws.normal(mean, KINDS.noises_bp[window])
                    note_window(kinds, clients, client, window, move, chances)
        refit(kinds, clients, 400, prior, 5.0)
    assert kinds.shares.sum() == pytest.approx(1.0)
    assert 1.0 - kinds.shares[0] == pytest.approx(np.mean(truth > 0), abs=0.02)
    assert kinds.own_rates[0] == pytest.approx(44.0, rel=0.08)
    busy = kinds.own_rates[1] * KINDS.takes[0] + kinds.news_rates[1] * KINDS.hits[1, 0]
    assert busy == pytest.approx(70.0 * KINDS.takes[0] + 20.0 * KINDS.hits[1, 0], rel=0.15)
    assert prior.shares[0] == pytest.approx(0.96)
    informed = [1.0 - posterior(kinds, clients, client, row) for client in range(400)]
    assert np.mean((np.array(informed) < 0.5) == (truth > 0)) > 0.97


def test_refit_without_clients_keeps_the_prior() -> None:
    kinds = copied(KINDS)
    refit(kinds, empty_clients(3, 5), 3, KINDS, 10.0)
    for name in ("shares", "own_rates", "news_rates"):
        assert getattr(kinds, name) == pytest.approx(getattr(KINDS, name))


def test_no_room_is_refused() -> None:
    with pytest.raises(ValueError, match="count must be a whole number of at least 1"):
        empty_clients(0, 5)


def test_the_grid_states_what_each_kind_does() -> None:
    assert KINDS.edges_bp.tolist() == [0.0, 1.0, 1.0, 3.0, 3.0]
    assert KINDS.moves_bp[0].tolist() == [0.0] * 4
    gone = 3.0 * (1.0 - math.exp(-300.0 / 20.0))
    assert KINDS.moves_bp[3].sum() == pytest.approx(gone)
    assert np.all(np.diff(KINDS.takes) < 0.0) and np.all(np.diff(KINDS.hits[1:], axis=1) <= 0.0)
    assert KINDS.hits[1, 2] == 0.0  # an edge of 1 bp pays no premium of 1.5
    assert KINDS.own_values[0] == KINDS.own_values.max()  # d0 is the best markup for the rest
    assert np.all(KINDS.news_values[1:, 0] < 0.0) and KINDS.news_values[4, 2] > 0.0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"edges_bp": ()}, "edges_bp"),
        ({"decays_s": (0.0,)}, "decays_s"),
        ({"share_informed": 1.0}, "share_informed"),
        ({"own_requests_per_day": math.nan}, "own_requests_per_day"),
        ({"informed_requests_per_day": 0.0}, "informed_requests_per_day"),
        ({"news_per_day": -1.0}, "news_per_day"),
        ({"willing": (0.5, 0.5)}, "willing"),
        ({"background_bp": -1.0}, "background_bp"),
        ({"hedge_cost_bp": math.inf}, "hedge_cost_bp"),
        ({"hedge_s": math.nan}, "hedge_s"),
        ({"changes_per_day": -1.0}, "changes_per_day"),
        ({"premiums_bp": (0.5, 0.0)}, "premiums_bp"),
    ],
)
def test_impossible_kinds_are_refused_by_name(change: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        msgspec.structs.replace(PARAMETERS, **change)
