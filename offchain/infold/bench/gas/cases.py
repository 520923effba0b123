# SPDX-License-Identifier: Apache-2.0
"""The cases: batches that are measured, each left as the next one needs it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from infold.bench.gas.ground import MARKETS, STEP_MS, Figure, Ground, Plan
from infold.core.settlement import RECORDS_MAX
from infold.errors import InvariantBroken
from infold.shell.chain import Reverted
from infold.units import DAY_MS, GUARD_MS
from infold.words import pack_delegate_markets, unpack_clock

SKIPPED: Final = 10


def measure(ground: Ground, say: Callable[[str], None] = lambda _line: None) -> dict[str, Figure]:
    """Every case on one ground, each left as the next one needs it. `InvariantBroken` if a market
    has no funding to pay.
    """
    hundred = range(100)
    cases: dict[str, Figure] = {}

    def done(name: str, figure: Figure) -> None:
        cases[name] = figure
        say(f"{name}: {figure.per_order:,.0f} gas an order")

    # the pool's shares are struck, then somebody leans on it in every market, so that funding runs
    ground.settle([])
    ground.settle(
        [
            ground.order(RECORDS_MAX, market, True, slot=market, place=place, dollars=200_000)
            for place, market in enumerate(MARKETS)
        ]
    )
    ground.settle([], after_ms=10 * STEP_MS)
    for market in MARKETS:
        if unpack_clock(int(ground.clearing.call("market_words", market * 8))).rate_e9 == 0:
            raise InvariantBroken(
                f"no funding runs in market {market}: the cases would be too cheap"
            )

    done("first_touch_100", ground.settle(ground.one_each(hundred)))
    done("steady_100", ground.settle(ground.one_each(hundred)))
    done("reducing_100", ground.settle(_reducing(ground, hundred)))
    done("delegated_100", _delegated(ground, hundred))
    done("skip_10", _skipping(ground, hundred))
    done("single", ground.settle(ground.one_each([0])))
    done("ten", ground.settle(ground.one_each(range(10))))

    ten_slots = [(trader, slot) for trader in range(10) for slot in range(10)]
    for name in ("", "clustered_100"):  # the first one fills the slots
        plans = [ground.one_each([trader], slot=slot)[0] for trader, slot in ten_slots]
        figure = ground.settle(plans)
        if name:
            done(name, figure)

    for part in (range(100, 178), range(178, RECORDS_MAX)):
        ground.settle(ground.one_each(part))
    done("largest", _largest(ground))

    for place in (1, 2, 3):  # three more positions each, then one order each in turn
        ground.settle(_others(ground, hundred, place))
    done("held_4", ground.settle(ground.one_each(hundred)))

    ground.devnet.add_sources(ground.prices_e8)  # and a second source in each market
    done("sourced_4", ground.settle(ground.one_each(hundred), after_ms=2 * GUARD_MS))
    return cases


def _reducing(ground: Ground, traders: Sequence[int]) -> list[Plan]:
    return [
        ground.order(trader, MARKETS[trader % 4], trader // 4 % 2 == 1, dollars=90)
        for trader in traders
    ]


def _others(ground: Ground, traders: Sequence[int], place: int) -> list[Plan]:
    return [
        ground.order(
            trader, MARKETS[(trader + place) % 4], trader // 4 % 2 == 0, slot=place, place=place
        )
        for trader in traders
    ]


def _delegated(ground: Ground, traders: Sequence[int]) -> Figure:
    """Every owner grants an own key, which signs."""
    devnet = ground.devnet
    keys = [devnet.wallet(f"delegate {trader}") for trader in traders]
    ground.time_ms += STEP_MS
    markets = pack_delegate_markets(MARKETS)
    devnet.calls(
        [
            (
                devnet.accounts[trader].wallet,
                "Delegates",
                "grant",
                (
                    devnet.accounts[trader].account,
                    key.address,
                    markets,
                    10**12,
                    ground.time_ms + DAY_MS,
                ),
            )
            for trader, key in zip(traders, keys, strict=True)
        ],
        time_ms=ground.time_ms,
    )
    return ground.settle(
        [
            plan
            for trader, key in zip(traders, keys, strict=True)
            for plan in ground.one_each([trader], signer=key)
        ]
    )


def _skipping(ground: Ground, traders: Sequence[int]) -> Figure:
    """Some owners cancel on chain after the match took their orders; the backstop fills."""
    devnet = ground.devnet
    plans = ground.one_each(traders)
    ground.time_ms += STEP_MS
    cancelled = plans[:: len(plans) // SKIPPED]
    devnet.calls(
        [
            (
                devnet.accounts[traders[plans.index(plan)]].wallet,
                "Clearing",
                "cancel",
                (plan.order.account, plan.order.slot, plan.order.seq),
            )
            for plan in cancelled
        ],
        time_ms=ground.time_ms,
    )
    return ground.settle(plans, after_ms=2 * GUARD_MS, skips=SKIPPED)


def _largest(ground: Ground) -> Figure:
    """As many orders as one transaction takes: the contract's bound, or fewer if gas ends first."""
    orders = RECORDS_MAX
    while True:
        plans = ground.one_each(range(orders))
        try:
            return ground.settle(plans)
        except Reverted:
            orders -= 8
            if orders <= 100:
                raise
