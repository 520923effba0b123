# SPDX-License-Identifier: Apache-2.0
"""Recorded markets: what order flow explains and predicts, what of it crosses, how it is served.

Every record under INFOLD_DATA is found by its layout and measured; `recorded_targets.py` holds what
others computed for some. Ids are `recorded.<measure>.<record>`. A replay is inelastic: recorded
takers do not react to our prices, the book outside does not react to our hedges.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

import numpy as np

from infold.bench.dealer.figures import (
    Bench,
    Figure,
    Sample,
    at_least,
    at_most,
    exact,
    reported,
    stopwatch,
    within,
)
from infold.bench.dealer.recorded_targets import TOLERANCE, target
from infold.errors import Misconfigured
from infold.research.faults import TooLittle
from infold.research.microstructure.chance import Interval, saved_share
from infold.research.microstructure.crossable import clock_ms, crossable
from infold.research.microstructure.evidence import (
    ROWS_MIN,
    Predicted,
    carry,
    enough,
    explain,
    predict,
)
from infold.research.microstructure.recordings import Found, Recording, discover
from infold.research.microstructure.steps import Steps, steps_of
from infold.research.offline.records import Record, serve_accounts, serve_recording
from infold.research.offline.serving import Rule
from infold.research.offline.shares import Share
from infold.research.recorded import Trades
from infold.research.recorded.flags import iso_time
from infold.research.volatility import contest, realised

HORIZONS_MS: Final = (1_000, 10_000)
WINDOWS_MS: Final = (250, 1_000, 2_000, 5_000, 30_000)
FEE_BP: Final = 2.0
"""What a large taker pays outside beside the spread; a small one pays more."""
SLIPPAGES_BPS: Final = (10.0, FEE_BP)
"""Limits beyond recorded prices: as in `infold replay`, and at what was paid out there."""
HAR_GAIN_MIN: Final = 0.05
P_MAX: Final = 0.05


def run(bench: Bench) -> list[Figure]:
    """All figures of all records. `Misconfigured` where the folder holds no record we know."""
    if bench.data is None:
        raise Misconfigured("recorded reads recorded markets: set INFOLD_DATA to their folder")
    found = discover(bench.data)
    for name in found.passed_over:
        bench.say(f"passed over, of no layout we know: {name}")
    figures = [
        *_flows(bench, found),
        *_evidence(bench, found),
        *_replays(bench, found),
        *_volatility(bench, found),
    ]
    if not figures:
        raise Misconfigured(f"{bench.data} holds no quotes, trades, fills or bars of known layout")
    return figures


def _figure(measure: str, record: str, sample: Sample, seconds: float) -> Figure:
    """Held to its target if it has one."""
    name, wanted = f"recorded.{measure}.{record}", target(record, measure)
    if wanted is None:
        return reported(name, sample, seconds)
    return within(name, sample, wanted, TOLERANCE, seconds)


def _sample(value: float, interval: Interval, rows: int) -> Sample:
    return Sample(value, interval.low, interval.high, rows)


# -- order flow ------------------------------------------------------------------------------------


def _evidence(bench: Bench, found: Found) -> Iterator[Figure]:
    """Regressions of each recording, and of each on the first recording of its market and kind."""
    known: dict[tuple[str, str, int], tuple[str, Steps]] = {}
    claims = dict.fromkeys(HORIZONS_MS, 0)
    asked = dict.fromkeys(HORIZONS_MS, 0)
    for recording in found.recordings:
        for horizon_ms in HORIZONS_MS:
            steps = _steps(bench, recording, horizon_ms)
            if steps is None:
                continue
            bench.say(f"{recording.name}: order flow at {horizon_ms // 1000} s")
            ahead, figures = _recording_figures(bench, recording, steps)
            claims[horizon_ms] += ahead.claimed
            asked[horizon_ms] += 1
            yield from figures
            place = (recording.kind, recording.market, horizon_ms)
            date, earlier = known.setdefault(place, (recording.date, steps))
            if date < recording.date:
                yield from _carried(bench, recording, earlier, steps)
    if asked[10_000]:
        yield at_most("recorded.claims_10s", exact(claims[10_000]), 0.0, 0.0)
    if asked[1_000]:
        yield reported("recorded.claims_1s", exact(claims[1_000]), 0.0)


def _steps(bench: Bench, recording: Recording, horizon_ms: int) -> Steps | None:
    """The recording in steps; None, and said why, where it is too coarse or too short."""
    lasted_ms = recording.quotes.span_ms[1] - recording.quotes.span_ms[0]
    if recording.fine_enough(horizon_ms) and lasted_ms >= ROWS_MIN * horizon_ms:
        steps = steps_of(recording.quotes, horizon_ms, recording.trades)
        if enough(steps):
            return steps
    bench.say(f"{recording.name}: too coarse, short or still for steps of {horizon_ms} ms")
    return None


def _recording_figures(
    bench: Bench, recording: Recording, steps: Steps
) -> tuple[Predicted, list[Figure]]:
    tail = f"{steps.horizon_ms // 1000}s"
    with stopwatch() as watch:
        now = explain(steps, bench.seed)
    with stopwatch() as later:
        ahead = predict(steps, bench.seed)

    def row(measure: str, sample: Sample, seconds: float) -> Figure:
        return _figure(measure, recording.name, sample, seconds)

    r2 = _sample(now.r_squared, now.interval, now.rows)
    out = _sample(now.out_of_sample, now.out_interval, now.rows - now.rows // 2)
    both = _sample(ahead.both, ahead.interval, ahead.rows)
    figures = [
        row(f"r2_{tail}", r2, watch.seconds),
        row(f"r2_{tail}_out", out, watch.seconds),
        row(f"predicted_{tail}", both, later.seconds),
        row(f"shifted_{tail}", exact(ahead.shifted.high), later.seconds),
    ]
    if steps.horizon_ms == HORIZONS_MS[0]:
        figures += [
            row(f"predicted_{tail}_flow", exact(ahead.flow), later.seconds),
            row(f"predicted_{tail}_queue", exact(ahead.queue), later.seconds),
            row(f"predicted_{tail}_walked", exact(ahead.walked), later.seconds),
        ]
    if now.trade_imbalance is not None:
        figures.append(row(f"trade_imbalance_{tail}", exact(now.trade_imbalance), watch.seconds))
    return ahead, figures


def _carried(bench: Bench, recording: Recording, earlier: Steps, steps: Steps) -> Iterator[Figure]:
    tail = f"{steps.horizon_ms // 1000}s"
    with stopwatch() as watch:
        found = carry(earlier, steps, bench.seed)
    explained = _sample(found.explained, found.interval, found.rows)
    ahead = _sample(found.predicted, found.predicted_interval, found.rows - 1)
    yield _figure(f"carried_{tail}", recording.name, explained, watch.seconds)
    yield _figure(f"carried_predicted_{tail}", recording.name, ahead, watch.seconds)
    chance = exact(found.shifted.high)
    yield _figure(f"carried_shifted_{tail}", recording.name, chance, watch.seconds)


# -- what crosses ----------------------------------------------------------------------------------


def _flows(bench: Bench, found: Found) -> Iterator[Figure]:
    flows = [
        (recording.name, recording.trades) for recording in found.recordings if recording.trades
    ]
    flows += [(f"{_date(tape)}.{'.'.join(tape.markets)}", tape) for tape in found.tapes]
    flows += [(f"{_date(fills)}.accounts", fills) for fills in found.flows]
    for name, trades in flows:
        bench.say(f"{name}: what of its flow nets")
        largest = _largest(trades)
        try:
            yield from _crossable(name, trades)
            if largest is not None:
                yield from _crossable(f"{name}.{largest}", trades, largest)
        except TooLittle as reason:
            bench.say(str(reason))


def _crossable(record: str, trades: Trades, market: str | None = None) -> Iterator[Figure]:
    """Windows no shorter than the file's clock; low and high are the range over offsets."""
    clock = clock_ms(trades)
    for window_ms in WINDOWS_MS:
        if clock >= window_ms:
            continue
        with stopwatch() as watch:
            found = crossable(trades, window_ms, market)
        rows = len(trades.side)
        sample = Sample(found.share, found.low, found.high, rows)
        yield _figure(f"crossable_{window_ms}ms", record, sample, watch.seconds)
        if found.between_accounts is not None and market is None:
            between = exact(found.between_accounts)
            yield _figure(f"between_accounts_{window_ms}ms", record, between, watch.seconds)


def _largest(trades: Trades) -> str | None:
    """The market most was taken in; None where there is only one."""
    if len(trades.markets) < 2 or trades.crossed is None:
        return None
    taken = trades.price * trades.size * trades.crossed
    volume = np.bincount(trades.market, weights=taken, minlength=len(trades.markets))
    return trades.markets[int(volume.argmax())]


def _date(trades: Trades) -> str:
    return iso_time(trades.span_ms[0])[:10]


# -- replays ---------------------------------------------------------------------------------------


def _replays(bench: Bench, found: Found) -> Iterator[Figure]:
    """Each record twice: with limits 10 bp beyond its prices, so that nearly all of it is served,
    and with limits at what it paid out there, fee included, to see how much would come at all.
    """
    rule = Rule()
    for recording in found.recordings:
        if recording.trades is not None and recording.fine_enough(rule.interval_ms):
            yield from _replay(
                bench,
                recording.name,
                partial(serve_recording, recording, rule, FEE_BP, bench.seed, SLIPPAGES_BPS),
            )
    for fills in found.flows:
        if clock_ms(fills) >= rule.interval_ms:
            bench.say(f"{fills.facts.path}: its clock is too coarse to be served")
            continue
        yield from _replay(
            bench,
            f"{_date(fills)}.accounts",
            partial(serve_accounts, fills, rule, FEE_BP, bench.seed, SLIPPAGES_BPS),
        )


def _replay(bench: Bench, name: str, serve: Callable[[], tuple[Record, ...]]) -> Iterator[Figure]:
    bench.say(f"{name}: its takers served by the desk")
    try:
        with stopwatch() as watch:
            served, choosing = serve()
    except TooLittle as reason:
        bench.say(str(reason))
        return
    yield from _served(name, served, watch.seconds)
    yield from _won(name, choosing, watch.seconds)


def _won(name: str, record: Record, seconds: float) -> Iterator[Figure]:
    """What takers give us who pay here no more than they paid out there."""
    shares = record.shares
    for measure, share in (
        ("won", shares.filled),
        ("won_takers_paid_bp", shares.paid_here_bp),
        ("won_dealer_earned_bp", shares.earned_bp),
    ):
        sample = _sample(share.value, share.interval, shares.batches)
        yield reported(f"recorded.{measure}.{name}", sample, seconds)


def _served(name: str, record: Record, seconds: float) -> Iterator[Figure]:
    """Shares of one-sided notional, then costs in bp; `outside` costs include the fee."""
    shares = record.shares
    kind = "estimated" if record.estimated else "book"
    rows: list[tuple[str, Share | None]] = [
        ("crossed", shares.crossed),
        ("warehoused", shares.warehoused),
        ("hedged", shares.hedged),
        ("filled", shares.filled),
        (f"outside_residual_bp_{kind}", shares.outside_residual_bp),
        (f"hedge_bp_{kind}", shares.hedge_bp),
        ("dealer_earned_bp", shares.earned_bp),
        ("takers_paid_bp", shares.paid_here_bp),
        ("takers_paid_outside_bp", shares.paid_there_bp),
    ]
    for measure, share in rows:
        if share is None:
            continue
        added = FEE_BP if measure == "takers_paid_outside_bp" else 0.0
        interval = Interval(share.interval.low + added, share.interval.high + added)
        sample = _sample(share.value + added, interval, shares.batches)
        yield reported(f"recorded.{measure}.{name}", sample, seconds)


# -- volatility ------------------------------------------------------------------------------------


def _volatility(bench: Bench, found: Found) -> Iterator[Figure]:
    """HAR against RiskMetrics' average on every file of bars long enough to decide anything."""
    seen: dict[str, int] = {}
    for bars in found.bars:
        periods = realised(bars)
        with stopwatch() as watch:
            outcome = None if periods is None else contest(periods)
        if outcome is None:
            bench.say(f"{bars.facts.path}: too few bars of {bars.market} to compare forecasts")
            continue
        name = f"{bars.market}.{iso_time(bars.span_ms[0])[:10]}.{bars.step_ms // 60_000}m"
        seen[name] = seen.get(name, 0) + 1
        if seen[name] > 1:
            name = f"{name}.{seen[name]}"
        rows = len(outcome.har_losses)
        saved = saved_share(outcome.har_losses, outcome.average_losses, bench.seed)
        gain = _sample(outcome.gain, saved, rows)
        chance = exact(outcome.p_value)
        r2 = exact(outcome.r_squared)
        yield at_least(f"recorded.har_gain.{name}", gain, HAR_GAIN_MIN, watch.seconds)
        yield at_most(f"recorded.har_p_value.{name}", chance, P_MAX, watch.seconds)
        yield reported(f"recorded.har_r2.{name}", r2, watch.seconds)
