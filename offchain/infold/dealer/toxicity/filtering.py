# SPDX-License-Identifier: Apache-2.0
"""Who is informed: a filter over kinds of clients, and the kinds' own figures learned by the way.

Kind 0 trades for its own reasons. A client of kind k > 0 does so too, and besides trades on news:
after such a trade the mid moves its way by `edge` bp, at a rate falling by e in `decay`. What the
venue sees of a client are its fills and, when their windows have passed, how far the mid moved.
Both are evidence (Bayes' rule; log posteriors up to a constant):

    silence for dt at level d    log p_k -= (own_k takes(d) + news_k hits_k(d)) dt
    a fill at level d            log p_k += log(own_k takes(d) + news_k hits_k(d))
    a change, at a rate          p_k = (1 - c) p_k + c share_k
    a move y in a window         log p_k += log(1 - w + w exp((y mu - mu^2 / 2) / noise^2))

with w the chance that the fill was news, itself carried on from window to window. Windows end at
the horizons of `markouts`; overlapping windows of different clients are treated as independent.

`refit` learns shares and rates from the venue's own clients by expectation-maximisation on that
grid of kinds: the non-parametric empirical Bayes of Kiefer and Wolfowitz (1956) and Laird (1978).
It needs no client's true kind. With true figures and no refit this is the Bayes filter itself.

Units: rates a day, times in days, moves in bp. `levels` are the premiums the act may choose from.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from infold.dealer import checks
from infold.dealer.compiled import Floats, Integers, compiled

SILENT = -1.0
"""The time at which a client that never traded was last seen."""


class Kinds(NamedTuple):
    """Columns by kind, kind 0 uninformed; tables by kind and window or level. Build: `kinds`."""

    shares: Floats  # (K,): of clients, when nothing is known of one
    own_rates: Floats  # (K,): requests a day for a client's own reasons
    news_rates: Floats  # (K,): requests a day on news; zero for kind 0
    edges_bp: Floats  # (K,): how far the mid moves after news, in the end
    moves_bp: Floats  # (K, windows): how far in each window
    noises_bp: Floats  # (windows,): how far it moves anyway
    takes: Floats  # (levels,): share of own requests that trade
    hits: Floats  # (K, levels): share of news that trades
    own_values: Floats  # (levels,): earned on a request of its own, bp * M
    news_values: Floats  # (K, levels): earned on news, bp * M
    buckets: Integers  # (K,): which of the signal's decays is the kind's
    changes_per_day: float  # how often a client becomes another under its name


def copied(kinds: Kinds) -> Kinds:
    """The same with shares and rates of its own, which `refit` may change."""
    return kinds._replace(
        shares=kinds.shares.copy(),
        own_rates=kinds.own_rates.copy(),
        news_rates=kinds.news_rates.copy(),
    )


class Clients(NamedTuple):
    """What is known of each client, by its place; `clients` makes it, functions below change it."""

    logs: Floats  # (n, K): log posterior up to a constant
    seen_day: Floats  # (n,): when evidence was last taken in
    levels: Integers  # (n,): what it has been quoted since
    fills: Floats  # (n,)
    exposures: Floats  # (n,): days, times takes
    hit_exposures: Floats  # (n, K): days, times hits
    news: Floats  # (n, K): expected number of its fills that were news


def empty_clients(count: int, kinds: int) -> Clients:
    """Nobody known yet. `ValueError` unless there is room for at least one, of at least a kind."""
    count, kinds = checks.count("count", count, 1), checks.count("kinds", kinds, 1)
    return Clients(
        logs=np.zeros((count, kinds)),
        seen_day=np.full(count, SILENT),
        levels=np.zeros(count, dtype=np.int64),
        fills=np.zeros(count),
        exposures=np.zeros(count),
        hit_exposures=np.zeros((count, kinds)),
        news=np.zeros((count, kinds)),
    )


@compiled
def elapse(kinds: Kinds, clients: Clients, client: int, time_day: float) -> None:
    """Take in that a client has been silent until now, and that it may have changed."""
    since = clients.seen_day[client]
    if since < 0.0:
        return
    gap = time_day - since
    level = clients.levels[client]
    clients.seen_day[client] = time_day
    clients.exposures[client] += gap * kinds.takes[level]
    for kind in range(len(kinds.shares)):
        met = gap * kinds.hits[kind, level]
        clients.hit_exposures[client, kind] += met
        clients.logs[client, kind] -= (
            kinds.own_rates[kind] * gap * kinds.takes[level] + kinds.news_rates[kind] * met
        )
    if kinds.changes_per_day > 0.0:
        _change(kinds, clients, client, -math.expm1(-kinds.changes_per_day * gap))


@compiled
def _change(kinds: Kinds, clients: Clients, client: int, chance: float) -> None:
    """Mix a client's posterior with the population's, as if it had changed with this chance."""
    top = clients.logs[client].max()
    total = 0.0
    for kind in range(len(kinds.shares)):
        total += math.exp(clients.logs[client, kind] - top)
    for kind in range(len(kinds.shares)):
        kept = (1.0 - chance) * math.exp(clients.logs[client, kind] - top) / total
        clients.logs[client, kind] = math.log(kept + chance * kinds.shares[kind])


@compiled
def posterior(kinds: Kinds, clients: Clients, client: int, into: Floats) -> float:
    """Write each kind's probability; the probability that the client is informed."""
    count = len(kinds.shares)
    if clients.seen_day[client] < 0.0:
        for kind in range(count):
            into[kind] = kinds.shares[kind]
        unseen: float = 1.0 - into[0]
        return unseen
    top = clients.logs[client, 0]
    for kind in range(1, count):
        top = max(top, clients.logs[client, kind])
    total = 0.0
    for kind in range(count):
        into[kind] = math.exp(clients.logs[client, kind] - top)
        total += into[kind]
    for kind in range(count):
        into[kind] /= total
    informed: float = 1.0 - into[0]
    return informed


@compiled
def note_fill(
    kinds: Kinds, clients: Clients, client: int, time_day: float, level: int, chances: Floats
) -> None:
    """Take in a fill at a level; `chances` receives, by kind, how probably it was news."""
    elapse(kinds, clients, client, time_day)
    fresh = clients.seen_day[client] < 0.0
    clients.seen_day[client] = time_day
    clients.fills[client] += 1.0
    for kind in range(len(kinds.shares)):
        own = kinds.own_rates[kind] * kinds.takes[level]
        on_news = kinds.news_rates[kind] * kinds.hits[kind, level]
        chances[kind] = on_news / (own + on_news) if on_news > 0.0 else 0.0
        clients.news[client, kind] += chances[kind]
        if fresh:
            # Every client has one first trade: that it came says nothing of how often it trades.
            clients.logs[client, kind] = math.log(kinds.shares[kind])
        else:
            clients.logs[client, kind] += math.log(own + on_news)


@compiled
def note_window(
    kinds: Kinds, clients: Clients, client: int, window: int, move_bp: float, chances: Floats
) -> None:
    """Take in how far the mid moved the client's way in a window that has passed."""
    precision = 1.0 / (kinds.noises_bp[window] * kinds.noises_bp[window])
    for kind in range(1, len(kinds.shares)):
        chance = chances[kind]
        if chance <= 0.0:
            continue
        mean = kinds.moves_bp[kind, window]
        ratio = math.exp(min((move_bp * mean - 0.5 * mean * mean) * precision, 600.0))
        mixed = 1.0 - chance + chance * ratio
        chances[kind] = chance * ratio / mixed
        clients.logs[client, kind] += math.log(mixed)
        clients.news[client, kind] += chances[kind] - chance


@compiled
def refit(kinds: Kinds, clients: Clients, known: int, prior: Kinds, weight: float) -> None:
    """One step of expectation-maximisation over the first `known` clients, in place.

    `prior` counts as `weight` clients, each seen for one day.
    """
    count = len(kinds.shares)
    row = np.empty(count)
    shares = prior.shares * weight
    fills = np.zeros(2)
    exposures = np.zeros(2)
    news = hit_exposure = 0.0
    seen = weight
    for client in range(known):
        if clients.seen_day[client] < 0.0:
            continue
        posterior(kinds, clients, client, row)
        seen += 1.0
        for kind in range(count):
            shares[kind] += row[kind]
            place = min(kind, 1)
            fills[place] += row[kind] * (clients.fills[client] - 1.0 - clients.news[client, kind])
            exposures[place] += row[kind] * clients.exposures[client]
            if kind > 0:
                news += row[kind] * clients.news[client, kind]
                hit_exposure += row[kind] * clients.hit_exposures[client, kind]
    informed = weight * (1.0 - prior.shares[0])
    for kind in range(count):
        kinds.shares[kind] = shares[kind] / seen
        place = min(kind, 1)
        held = informed if kind > 0 else weight * prior.shares[0]
        kinds.own_rates[kind] = (held * prior.own_rates[kind] + max(fills[place], 0.0)) / (
            held + exposures[place]
        )
        if kind > 0:
            kinds.news_rates[kind] = (informed * prior.news_rates[kind] + news) / (
                informed + hit_exposure
            )
