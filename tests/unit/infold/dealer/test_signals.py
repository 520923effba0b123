# SPDX-License-Identifier: Apache-2.0
"""What the venue has seen, in its next curves: never early, never nonsense, always bounded."""

from __future__ import annotations

import math
import random
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from tests.support.telling import Told

from infold.core.curve import Curve
from infold.dealer.desk import UPRIGHT, Desk, FillLike, Signal, Tiers, ladder_knots
from infold.dealer.lines import batch_line
from infold.dealer.neighbours import neighbours
from infold.dealer.params import PERPETUAL, SPOT_FX, DealerParameters
from infold.dealer.quoting import closed_forms
from infold.dealer.signals import SignalParameters, Signals
from infold.dealer.toxicity.live import LIVE_ACTS
from infold.dealer.volatility.online import WARM_S

START_MS = 1_700_000_000_000
ORACLE = 60_000 * 10**8
SEED = 20_261_129
UNKNOWING = SignalParameters(informed_share=0.0)
"""Nobody knows the next price: what widens a market is its flow."""


def a_state(base_e8: int = 0, **prices_e8: int) -> Any:
    """Markets m1, m2 ... at these latest prices, one lot a tick."""
    terms = SimpleNamespace(listing=SimpleNamespace(tick_e8=1))
    prices = {int(name[1:]): price for name, price in (prices_e8 or {"m1": ORACLE}).items()}
    markets = {
        number: SimpleNamespace(
            clock=SimpleNamespace(price_e8=0),
            pool=SimpleNamespace(base_e8=base_e8),
            at=lambda time_ms: terms,
        )
        for number in prices
    }
    return SimpleNamespace(markets=markets, prices_e8=prices)


def a_fill(
    buy: bool, size_e8: int = 10**8, price_e8: int = ORACLE, market: int = 1, account: int = 17
) -> FillLike:
    found: Any = SimpleNamespace(
        account=account, market=market, buy=buy, size_e8=size_e8, price_e8=price_e8
    )
    return found


def half_spread_bp(curve: Curve) -> float:
    """Half of what lies between the best purchase and the best sale."""
    bid, ask = (p for p, sale in zip(curve.prices_e8, curve.sales_e8, strict=True) if sale == 0)
    return (ask - bid) / (ask + bid) * 1e4


def walked(
    signals: Signals, began_s: int, seconds: int, volatility_bp: float, dice: random.Random
) -> None:
    """A price a second, from one of 60,000."""
    price = float(ORACLE)
    for second in range(began_s, began_s + seconds):
        signals.priced(START_MS + 1_000 * second, {1: round(price)})
        price *= math.exp(dice.gauss(0.0, volatility_bp * 1e-4 / math.sqrt(86_400.0)))


def quoted(signals: Signals, second: int, parameters: DealerParameters = PERPETUAL) -> Signal:
    return signals.signal(1, parameters, 1.0, START_MS + 1_000 * second)


def test_without_signals_every_curve_is_what_it_was_to_the_last_bit() -> None:
    state = a_state(m1=ORACLE, m2=10**8, m3=ORACLE - 1)
    for number, base_e8 in ((1, 5 * 10**8), (2, -3 * 10**12), (3, 0)):
        state.markets[number].pool.base_e8 = base_e8
    pair = neighbours({1: PERPETUAL, 2: PERPETUAL}, ((1.0, 0.8), (0.8, 1.0)))
    held = {n: m.pool.base_e8 * state.prices_e8[n] / 1e22 for n, m in state.markets.items()}
    usual = {2: SPOT_FX}
    for desk, interval_s, parameters, leans, least_bp in (
        (Desk(Curve, 1.0, usual), 1.0, usual, {}, {}),
        (Desk(Curve, 60.0, usual), 60.0, usual, {}, {}),
        (Desk(Curve, 1.0, half_spreads_bp_min={3: 9.0}), 1.0, {}, {}, {3: 9.0}),
        (Desk(Curve, 1.0, neighbours=pair), 1.0, {}, pair.leans(held), {}),
    ):
        for number, curve in desk.curves(state, START_MS).items():
            lean = leans.get(number, UPRIGHT)
            believed = parameters.get(number, PERPETUAL)
            line = batch_line(believed, interval_s, lean.volatility_bp)
            line = line.at_least(least_bp.get(number, 0.0))
            knots = ladder_knots(
                line,
                believed.offer_m_max,
                state.markets[number].pool.base_e8,
                state.prices_e8[number],
                1,
                lean.drift_bp,
            )
            assert curve == Curve(*knots)


def test_until_a_minute_of_prices_the_parameter_is_the_forecast() -> None:
    signals = Signals()
    assert quoted(signals, 0).volatility_bp is None
    warm = int(WARM_S)
    walked(signals, 0, warm, 20 * PERPETUAL.volatility_bp, random.Random(SEED))
    assert quoted(signals, warm).volatility_bp == PERPETUAL.volatility_bp
    desks = (Desk(Curve, 1.0, signals=signals), Desk(Curve, 1.0))
    early = START_MS + 1_000 * warm
    assert desks[0].curves(a_state(), early) == desks[1].curves(a_state(), early)
    signals.priced(early, {1: ORACLE})
    assert quoted(signals, warm + 1).volatility_bp != PERPETUAL.volatility_bp


def test_a_volatile_spell_widens_a_market_and_calm_narrows_it_again() -> None:
    signals, dice, found = Signals(), random.Random(SEED), []
    desk = Desk(Curve, 1.0, signals=signals)
    began_s = 0
    for seconds, times in ((600, 1.0), (300, 12.0), (7_200, 1.0)):
        walked(signals, began_s, seconds, times * PERPETUAL.volatility_bp, dice)
        began_s += seconds
        curve = desk.curves(a_state(), START_MS + 1_000 * began_s)[1]
        reach = curve.prices_e8[-1] - curve.prices_e8[0]
        found.append((half_spread_bp(curve), reach, quoted(signals, began_s).volatility_bp))
    calm, wild, after = found
    assert calm[2] == pytest.approx(PERPETUAL.volatility_bp, rel=0.2)
    assert wild[2] == pytest.approx(12.0 * PERPETUAL.volatility_bp, rel=0.4)
    assert calm[0] <= after[0] < wild[0] == pytest.approx(SignalParameters().half_spread_bp_max)
    assert calm[1] < after[1] < wild[1], "the slope goes with volatility too"


def test_the_future_changes_no_curve_of_the_past() -> None:
    def curves(later: float) -> list[Curve]:
        signals, dice = Signals(), random.Random(SEED)
        desk, price, found = Desk(Curve, 1.0, signals=signals), float(ORACLE), []
        for second in range(400):
            time_ms = START_MS + 1_000 * second
            found.append(desk.curves(a_state(m1=round(price)), time_ms)[1])
            step = dice.gauss(0.0, 10.0 * (later if second >= 200 else 1.0))
            price *= math.exp(step * 1e-4)
            signals.priced(time_ms, {1: round(price)})
            if second % 7 == 0:
                buy = dice.random() < 0.5 or (later > 1.0 and second >= 200)
                signals.traded(time_ms, [a_fill(buy, price_e8=round(price))])
        return found

    one, other = curves(1.0), curves(3.0)
    # The curve of second 200 is committed before that second's price is known.
    assert one[:201] == other[:201]
    assert all(here != there for here, there in zip(one[201:], other[201:], strict=True))
    assert curves(1.0) == one


def informed_flow(signals: Signals, trades: int, move: float) -> int:
    """Buys, each a minute before the price moves so many parts; the second after the last."""
    price, second = float(ORACLE), 0
    for _ in range(trades):
        for _ in range(60):
            signals.priced(START_MS + 1_000 * second, {1: round(price)})
            if second % 60 == 0:
                signals.traded(
                    START_MS + 1_000 * second, [a_fill(True, price_e8=round(price * 1.0005))]
                )
            second += 1
        price *= 1.0 + move
    return second


def test_flow_that_was_right_widens_once_its_horizon_has_passed_and_no_sooner() -> None:
    signals = Signals(UNKNOWING)
    signals.priced(START_MS, {1: ORACLE})
    signals.traded(START_MS, [a_fill(True)])
    for second in range(1, 60):
        signals.priced(START_MS + 1_000 * second, {1: ORACLE + 10**9 * second})
        assert quoted(signals, second).half_spread_bp_min == 0.0, second
    signals.priced(START_MS + 60_000, {1: ORACLE + 60 * 10**9})
    assert quoted(signals, 61).half_spread_bp_min > 0.0
    short = Signals(msgspec.structs.replace(UNKNOWING, horizon_s=20.0))
    short.priced(START_MS, {1: ORACLE})
    short.traded(START_MS, [a_fill(True)])
    short.priced(START_MS + 20_000, {1: ORACLE + 10**10})
    assert quoted(short, 21).half_spread_bp_min > 0.0


def test_more_such_flow_widens_more_up_to_the_bound_and_flow_that_was_wrong_not_at_all() -> None:
    widths = []
    for trades in (3, 12, 48):
        signals = Signals(UNKNOWING)
        second = informed_flow(signals, trades, 0.0006)
        widths.append(quoted(signals, second).half_spread_bp_min)
    assert 0.0 < widths[0] < widths[1] < widths[2] < 6.0
    tight = msgspec.structs.replace(LIVE_ACTS, widening_bp_max=0.5)
    bounded = Signals(msgspec.structs.replace(UNKNOWING, acts=tight))
    assert quoted(bounded, informed_flow(bounded, 48, 0.0006)).half_spread_bp_min == 0.5
    wrong = Signals(UNKNOWING)
    assert quoted(wrong, informed_flow(wrong, 48, -0.0006)).half_spread_bp_min == 0.0
    # What crosses leaves the dealer nothing, and dust says next to nothing.
    for fills, most_bp in (
        ([a_fill(True), a_fill(False)], 0.0),
        ([a_fill(True, 10)], 1e-4),
    ):
        quiet = Signals(UNKNOWING)
        quiet.priced(START_MS, {1: ORACLE})
        quiet.traded(START_MS, fills)
        quiet.priced(START_MS + 60_000, {1: ORACLE + 10**10})
        assert 0.0 <= quoted(quiet, 61).half_spread_bp_min <= most_bp


def test_flow_is_forgotten_and_not_marked_across_a_gap() -> None:
    signals = Signals(UNKNOWING)
    signals.priced(START_MS, {1: ORACLE})
    signals.traded(START_MS, [a_fill(True)])
    signals.priced(START_MS + 61_000, {1: ORACLE + 10**10})
    assert quoted(signals, 62).half_spread_bp_min == 0.0, "no price stood at the horizon"
    signals.traded(START_MS + 61_000, [a_fill(True)])
    signals.priced(START_MS + 121_000, {1: ORACLE + 2 * 10**10})
    fresh = quoted(signals, 122).half_spread_bp_min
    assert fresh > 0.0
    for days, share in ((0.25, 0.6), (4.0, 1e-4)):
        second = 121 + int(days * 86_400)
        assert 0.0 < quoted(signals, second).half_spread_bp_min < share * fresh


def test_a_price_that_is_late_asks_more_and_the_bound_holds() -> None:
    signals = Signals()
    signals.priced(START_MS, {1: ORACLE})
    widths = [quoted(signals, second).half_spread_bp_min for second in (1, 2, 4, 8, 3_600)]
    assert widths == sorted(widths) and len(set(widths)) == len(widths)
    assert widths[-1] == SignalParameters().half_spread_bp_max
    desk = Desk(Curve, 1.0, signals=signals)
    waits = [desk.curves(a_state(), START_MS + 1_000 * second)[1] for second in (1, 30, 1)]
    calm, late, again = map(half_spread_bp, waits)
    assert calm == again < late == pytest.approx(widths[-1]), "at one and the same volatility"
    slow = Signals(SignalParameters(oracle_lag_s=3.0))
    slow.priced(START_MS, {1: ORACLE})
    assert quoted(slow, 1).half_spread_bp_min > widths[0]


def test_our_own_impact_moves_the_curve_against_it_and_fades() -> None:
    signals = Signals()
    signals.priced(START_MS, {1: ORACLE})
    desk = Desk(Curve, 1.0, signals=signals)
    before = desk.curves(a_state(), START_MS + 1_000)[1]
    signals.hedged(1, START_MS, 3.0)  # we bought: the price stands too high
    after = desk.curves(a_state(), START_MS + 1_000)[1]
    asks = [curve.prices_e8[curve.sales_e8.index(0) + 1] for curve in (before, after)]
    bids = [curve.prices_e8[curve.sales_e8.index(0)] for curve in (before, after)]
    assert asks[1] < asks[0] and bids[1] < bids[0]
    drifts = [quoted(signals, second).drift_bp for second in (0, 60, 3_600)]
    assert drifts[0] == -3.0 * closed_forms(PERPETUAL).impact_share
    faded = math.exp(-PERPETUAL.resilience_per_day * 60.0 / 86_400.0)
    assert drifts[1] == pytest.approx(drifts[0] * faded) and abs(drifts[2]) < 1e-12
    for impact_bp, drift_bp in ((1e9, -5.0), (-1e9, 5.0)):
        signals.hedged(1, START_MS, impact_bp)
        assert quoted(signals, 0).drift_bp == drift_bp


@pytest.mark.parametrize(
    ("found", "name"),
    [
        (Signal(math.nan, 0.0, 0.0), "volatility_bp"),
        (Signal(math.inf, 0.0, 0.0), "volatility_bp"),
        (Signal(-1.0, 0.0, 0.0), "volatility_bp"),
        (Signal(0.0, 0.0, 0.0), "volatility_bp"),
        (Signal(None, math.nan, 0.0), "half_spread_bp_min"),
        (Signal(None, -0.1, 0.0), "half_spread_bp_min"),
        (Signal(None, 0.0, math.nan), "drift_bp"),
        (Signal(None, 0.0, -math.inf), "drift_bp"),
        (Signal(1e300, 0.0, 0.0), "signal"),
        (ValueError("no figure"), "signal"),
        (ZeroDivisionError(), "signal"),
    ],
)
def test_nonsense_falls_back_to_the_parameter_and_is_counted(
    found: Signal | Exception, name: str
) -> None:
    astray = Told(found)
    desk = Desk(Curve, 1.0, signals=astray)
    for times in (1, 2):
        assert desk.curves(a_state(), START_MS) == Desk(Curve, 1.0).curves(a_state(), START_MS)
        assert astray.faults == {(1, name): times}


def test_what_is_sound_beside_nonsense_still_counts() -> None:
    desk = Desk(Curve, 1.0, signals=Told(Signal(math.nan, 7.0, math.nan)))
    assert half_spread_bp(desk.curves(a_state(), START_MS)[1]) == pytest.approx(7.0)
    none = Desk(Curve, 1.0, signals=Told(Signal(None, math.inf, 0.0)))
    assert none.curves(a_state(), START_MS)[1] == Curve((), ())


def test_a_forecast_and_neighbours_multiply() -> None:
    state = a_state(10**9, m1=ORACLE, m2=ORACLE)
    pair = neighbours({1: PERPETUAL, 2: PERPETUAL}, ((1.0, 0.8), (0.8, 1.0)))
    leans = pair.leans({1: 0.6, 2: 0.6})
    desk = Desk(Curve, 1.0, neighbours=pair, signals=Told(Signal(520.0, 0.0, 0.5)))
    alone = Desk(Curve, 1.0)
    lean = leans[1]
    assert lean.volatility_bp is not None
    wanted = alone.commit(1, 10**9, ORACLE, 1, 2.0 * lean.volatility_bp, None, lean.drift_bp + 0.5)
    assert desk.curves(state, START_MS)[1] == wanted


def test_signals_leave_out_what_cannot_be_and_count_it() -> None:
    signals = Signals()
    signals.traded(START_MS, [a_fill(True)])
    signals.hedged(1, START_MS, 1.0)
    signals.priced(START_MS, {1: 0})
    signals.priced(START_MS, {1: ORACLE})
    before = quoted(signals, 1)
    signals.priced(START_MS, {1: 2 * ORACLE})
    signals.priced(START_MS - 1, {1: 2 * ORACLE})
    signals.priced(START_MS + 1, {1: -5})
    signals.traded(START_MS + 1, [a_fill(True)])
    signals.traded(START_MS, [a_fill(True, price_e8=0)])
    signals.hedged(1, START_MS, math.nan)
    assert quoted(signals, 1) == before
    assert signals.faults == {
        (1, "fills"): 3,
        (1, "impact_bp"): 2,
        (1, "price_e8"): 2,
        (1, "time_ms"): 2,
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("oracle_lag_s", -1.0),
        ("informed_share", 1.5),
        ("half_spread_bp_max", math.nan),
        ("drift_bp_max", -1.0),
        ("sample_s", 0.5),
        ("horizon_s", 0.0),
        ("flow_deviation_bp", math.inf),
        ("flow_half_life_s", -1.0),
        ("full_size_m", 0.0),
    ],
)
def test_parameters_that_make_no_sense_are_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        SignalParameters(**{name: value})


# -- accounts --------------------------------------------------------------------------------------

INSIDER, BENIGN = 18, 19


def with_an_insider(signals: Signals, trades: int, began_s: int = 0) -> int:
    """Trades a minute apart, each before a move of the insider's side; another trades with it and
    is right half of the time. The second after the last.
    """
    price = ORACLE
    for number in range(trades):
        at_ms = START_MS + 1_000 * (began_s + 61 * number)
        right = 1 if number % 3 else -1
        signals.priced(at_ms, {1: price})
        fills = [
            a_fill(right > 0, account=INSIDER, price_e8=price),
            a_fill(number % 2 == 0, account=BENIGN, price_e8=price),
        ]
        signals.traded(at_ms, fills)
        for later_ms in (5_000, 60_000):
            signals.priced(at_ms + later_ms, {1: price + right * 10**10})
        price += right * 10**9
    return began_s + 61 * trades


def test_an_insiders_tier_rises_to_the_markets_fee_and_others_stay_lowest() -> None:
    signals = Signals()
    assert signals.tiers(START_MS) == Tiers(200, 150, {})
    second = with_an_insider(signals, 1)
    assert signals.tiers(START_MS + 1_000 * second).raised_e6 == {}
    second = with_an_insider(signals, 40, second)
    found = signals.tiers(START_MS + 1_000 * second)
    assert found == Tiers(200, 150, {INSIDER: 200})
    assert signals.tiers(START_MS + 1_000 * (second + 30 * 86_400)).raised_e6 == {}, "forgotten"
    assert signals.faults == {}


def test_only_a_known_insiders_flow_is_marked_and_only_in_its_own_batch() -> None:
    signals = Signals()
    second = with_an_insider(signals, 40)
    time_ms = START_MS + 1_000 * second
    signals.priced(time_ms, {1: ORACLE})
    assert signals.marked_e8(1, time_ms) == 0
    signals.traded(
        time_ms,
        [a_fill(False, 3 * 10**8, account=INSIDER), a_fill(True, account=BENIGN), a_fill(True)],
    )
    assert signals.marked_e8(1, time_ms) == -3 * 10**8
    assert signals.marked_e8(1, time_ms + 1) == signals.marked_e8(2, time_ms) == 0
    signals.priced(time_ms + 1_000, {1: ORACLE})
    assert signals.marked_e8(1, time_ms + 1_000) == 0


def test_what_insiders_foresee_moves_the_curve_only_towards_less_inventory() -> None:
    signals = Signals()
    second = with_an_insider(signals, 40)
    time_ms = START_MS + 1_000 * second
    signals.priced(time_ms, {1: ORACLE})
    signals.traded(time_ms, [a_fill(True, account=INSIDER)])  # the price will rise
    short, flat, long = (
        signals.signal(1, PERPETUAL, 1.0, time_ms + 1_000, held_m).drift_bp
        for held_m in (-1.0, 0.0, 1.0)
    )
    assert 0.0 < short <= LIVE_ACTS.shift_bp_max and flat == long == 0.0
    desk = Desk(Curve, 1.0, signals=signals)
    shorted = desk.curves(a_state(-(10**9)), time_ms + 1_000)[1]
    found = signals.signal(1, PERPETUAL, 1.0, time_ms + 1_000, -1.0)
    still = Desk(Curve, 1.0, signals=Told(found._replace(drift_bp=0.0)))
    unmoved = still.curves(a_state(-(10**9)), time_ms + 1_000)[1]
    asks = [curve.prices_e8[curve.sales_e8.index(0) + 1] for curve in (shorted, unmoved)]
    assert asks[0] > asks[1]


def test_asking_changes_no_bit_and_what_is_told_again_is_answered_alike() -> None:
    dice, told = random.Random(SEED), []
    price = float(ORACLE)
    for second in range(0, 1_200, 3):
        time_ms = START_MS + 1_000 * second
        price *= math.exp(dice.gauss(0.0, 3.0) * 1e-4)
        fills = [
            a_fill(dice.random() < 0.5, dice.randint(10**5, 10**8), round(price), 1, account)
            for account in range(17, 21)
            if dice.random() < 0.3
        ]
        told.append((time_ms, round(price), fills))
    quiet, asked = Signals(), Signals()
    for time_ms, price_e8, fills in told:
        for signals in (quiet, asked):
            signals.priced(time_ms, {1: price_e8})
            signals.traded(time_ms, fills)
        asked.tiers(time_ms + 1)
        asked.marked_e8(1, time_ms)
        asked.signal(1, PERPETUAL, 1.0, time_ms + 1_000, -0.5)
    end_ms = told[-1][0] + 1_000
    for held_m in (-0.5, 0.5):
        answers = {each.signal(1, PERPETUAL, 1.0, end_ms, held_m) for each in (quiet, asked)}
        assert len(answers) == 1
    probabilities = []
    for signals in (quiet, asked):
        clients = signals._seen[1].clients
        assert clients is not None
        probabilities.append([clients.informed(account, end_ms / 1e3) for account in clients.known])
    assert probabilities[0] == probabilities[1] and len(probabilities[0]) == 4


def test_a_fill_no_model_can_take_is_counted_and_the_others_count() -> None:
    signals = Signals()
    signals.priced(START_MS, {1: ORACLE})
    signals.traded(START_MS, [a_fill(True, 10**8), a_fill(True, 0)])
    assert signals.faults == {(1, "clients"): 1}
    signals.priced(START_MS + 60_000, {1: ORACLE + 60 * 10**9})
    assert signals.signal(1, PERPETUAL, 1.0, START_MS + 61_000).half_spread_bp_min > 0.0


def test_a_wild_spell_accuses_nobody() -> None:
    """Moves of ten times the usual size, right as often as wrong, are no news of anybody's."""
    signals, dice, price = Signals(), random.Random(SEED), float(ORACLE)
    for second in range(3_600):
        time_ms = START_MS + 1_000 * second
        signals.priced(time_ms, {1: round(price)})
        price *= math.exp(dice.gauss(0.0, 10.0) * 1e-4)
        if second % 30 == 0:
            fills = [
                a_fill(dice.random() < 0.5, account=account, price_e8=round(price))
                for account in range(17, 37)
            ]
            signals.traded(time_ms, fills)
    assert len(signals.tiers(START_MS + 3_600_000).raised_e6) <= 1
    assert signals.faults == {}
