# SPDX-License-Identifier: Apache-2.0
"""``infold demo``: two hundred seeded people on a venue of their own, from first deposit to last
withdrawal.

Every step is one batch interval: people look at prices and at what they hold, send orders and act
on chain; prices move on; a keeper liquidates whom the new prices broke, in the same block in which
the batch lands; the batch closes. Nothing is scripted: what happens follows from the seed through
the venue's own answers.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from infold.cli.header import header
from infold.cli.outputs import must_be_new_directory, must_be_writable, write_output
from infold.cli.runs.dealing import WatchingDesk, demo_dealer
from infold.cli.runs.keeper import Keeper
from infold.cli.runs.parameters import DEMO_MARKETS, demo_market
from infold.cli.runs.provider import APPROVED, MINTED, Provider
from infold.cli.runs.stage import Stage
from infold.cli.runs.traders import seeded_wallet, wire_cancel, wire_order
from infold.cli.runs.voyage import Sent, Voyage
from infold.cli.terminal import Steps
from infold.core import margin
from infold.core.state import Account
from infold.errors import Rejected
from infold.messages import Fill, Order
from infold.reports.picture import picture
from infold.research.careless import (
    OTHER_CHAIN_ID,
    signs_as_stranger,
    signs_elsewhere,
    spoiled_bytes,
    spoiled_order,
)
from infold.research.listings import Listing, listing_for
from infold.research.population import Act, ActKind, Population, Resting, Wish
from infold.research.prices import SeededPrices, WalkParameters
from infold.sdk.wallet import Wallet
from infold.shell.devnet import Wallet as Key
from infold.shell.devnet_config import DevnetConfig
from infold.signing import Domain
from infold.units import GUARD_MS, WINDOW_MS
from infold.words import pack_delegate_markets

START_MS = (
    1_800_000_000_000  # January 2027: any time will do, and a fixed one keeps a seed's figures
)
BATCH_MS = 2_000
TRADERS = 200
TRADING_STEPS = 66
CLOSING_STEPS = (
    14  # the last requests come a window and a guard before the end, so that they can be claimed
)
STEPS = TRADING_STEPS + CLOSING_STEPS
EPOCH_MS = 40_000
POOL_E6 = 80_000_000 * 10**6  # what the caps of eight demo markets suit (core/daybound.py)
BACKSTOP_E6 = 2_000_000 * 10**6
GRANT_NOTIONAL_E6 = 50_000 * 10**6
PREPARATIONS = (MINTED, APPROVED)  # not worth a mention


def run_demo(seed: int, *, html: Path | None, keep: Path | None, steps: Steps) -> dict[str, Any]:
    """The demo; the object the command prints."""
    began = time.monotonic()
    must_be_writable(html, "--html")
    must_be_new_directory(keep, "--keep")
    demo = _Demo(seed)
    config = DevnetConfig(
        start_ms=START_MS,
        seed=seed,
        markets=demo.plans,
        accounts=TRADERS,
        collaterals_e6=tuple(demo.people.deposit_e6(trader) for trader in range(TRADERS)),
        backstop_e6=BACKSTOP_E6,
        liquidity_e6=POOL_E6,
        epoch_ms=EPOCH_MS,
    )
    with Stage(
        config, WatchingDesk(BATCH_MS / 1_000, demo.dealers), say=steps.say, keep=keep
    ) as stage:
        end, voyage = demo.play(stage, steps)
    figures = voyage.journey.document()
    invariants = end["invariants"]
    held = all(one["held"] and one["checked"] for one in invariants.values())
    document = {
        **header("demo", seed),
        **figures,
        "accounts": TRADERS,
        "markets": len(demo.plans),
        "reconciled": end["reconciled"],
        "invariants": invariants,
        "chain": end["chain"],
        "journal": end["journal"],
        "seconds": round(time.monotonic() - began, 3),
        "ok": end["reconciled"] and end["audited"] and held,
    }
    for line in (*end["differences"], *end["faults"]):
        steps.say(line)
    steps.say(f"besides orders: {demo.besides()}")
    if html is not None:
        page = picture(f"infold demo, seed {seed}", document, voyage.journey)
        write_output(html, page, "--html")
        steps.say(f"picture written to {html}")
    return document


class _Sight:
    """What people see of themselves: asked of the engine."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def _account(self, trader: int) -> Account:
        return self._stage.node.state.accounts[self._stage.accounts[trader]]

    def base_e8(self, trader: int, market: int) -> int:
        account = self._account(trader)
        index = account.index_of(market + 1)
        return 0 if index is None else account.positions[index].base_e8

    def resting(self, trader: int) -> Sequence[Resting]:
        return [
            Resting(found.order.market - 1, found.order.slot, found.order.seq, found.accepted_ms)
            for found in self._account(trader).orders.values()
        ]

    def free_e6(self, trader: int) -> int:
        account = self._account(trader)
        state = self._stage.node.state
        marks = margin.marks_for(account, state.markets, state.prices_e8, self._stage.time_ms)
        if marks is None:
            return 0
        standing = margin.standing(account.positions.values(), marks)
        free_e6 = account.word.collateral_e6 + min(0, standing.haircut_value_e6) - standing.im_e6
        return max(0, min(free_e6, account.word.collateral_e6))


class _Demo:
    """One seed's demo."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        rng = random.Random(f"infold demo {seed}")
        self.listings: list[Listing] = []
        start_e8: dict[int, int] = {}
        for number, market in enumerate(DEMO_MARKETS):
            price = market.price * rng.uniform(0.7, 1.4)
            listing = listing_for(market.name, price * 0.5, price * 2, 1.0, Path("demo"))
            self.listings.append(listing)
            start_e8[number] = listing.price_e8(price)
        self.plans = tuple(
            demo_market(number + 1, listing, start_e8[number])
            for number, listing in enumerate(self.listings)
        )
        self.dealers = {number + 1: demo_dealer(price_e8) for number, price_e8 in start_e8.items()}
        self.walk = SeededPrices(seed, start_e8, STEPS + 1, WalkParameters())
        self.people = Population(seed, TRADERS, self.listings, BATCH_MS)
        self.done: Counter[str] = Counter()
        self._rng = rng

    # -- the play ------------------------------------------------------------

    def play(self, stage: Stage, steps: Steps) -> tuple[dict[str, Any], Voyage]:
        """From the first batch to the audit."""
        self.stage = stage
        self.h_min_e6 = {plan.market: plan.rates.h_min_e6 for plan in self.plans}
        voyage = self.voyage = Voyage(stage, self._pool_alone)
        sight = _Sight(stage)
        steps.say("the pool strikes its first shares; delegates are granted")
        self._provider, self._keeper = Provider(stage), Keeper(stage)
        self._grant_delegates()
        self._advance(0, START_MS + 1)
        steps.say(f"{STEPS} batch intervals of {BATCH_MS} ms")
        for step in range(1, STEPS + 1):
            time_ms = START_MS + step * BATCH_MS
            now_ms = time_ms - BATCH_MS // 2
            prices = self.walk.at(step - 1)
            closing = step > TRADING_STEPS
            wishes, acts = self.people.step(now_ms, prices, sight, closing=closing)
            self._act(acts, now_ms)
            self._provider.act(step)
            if step < STEPS - 2:
                voyage.submit([self._sent(wish, now_ms) for wish in wishes], now_ms)
            self._advance(step, time_ms)
            steps.at(step, STEPS, f"intervals, {len(voyage.journey.orders)} orders accepted")
        self._strike_again()
        for what in stage.acts_done():
            self.done[what] += 1
        for refusal, count in stage.refused_acts.items():
            self.done[f"refused on chain ({refusal})"] += count
        steps.say("reconciling and auditing")
        return voyage.finish(), voyage

    def _advance(self, step: int, time_ms: int) -> None:
        """Prices move, the keeper and the claims act on them, the batch closes."""
        prices = {market + 1: price for market, price in self.walk.at(step).items()}
        self.stage.feed(time_ms, prices, noisy=True)
        self._keeper.act(time_ms, prices)
        self.voyage.close(time_ms)
        for what in self.stage.acts_done():
            self.done[what] += 1

    def _strike_again(self) -> None:
        """Quiet intervals until the pool's epoch is struck once more, so that the last redemption
        is paid.
        """
        time_ms = START_MS + STEPS * BATCH_MS
        epoch = self.stage.node.state.head.epoch
        for _ in range(2 * EPOCH_MS // BATCH_MS):
            time_ms += BATCH_MS
            self._advance(STEPS, time_ms)
            if self.stage.node.state.head.epoch > epoch:
                break
        self._provider.act(STEPS + 1)
        self._advance(STEPS, time_ms + BATCH_MS)

    def _pool_alone(self, fill: Fill) -> int:
        """The benchmark of a fill: what the pool alone would have asked at least, h_min from the
        oracle.
        """
        away = fill.oracle_price_e8 * self.h_min_e6[fill.market] // 10**6
        return fill.oracle_price_e8 + away if fill.buy else fill.oracle_price_e8 - away

    def besides(self) -> str:
        """What people did other than send orders, how often, on one line."""
        told = (f"{what} {n}" for what, n in sorted(self.done.items()) if what not in PREPARATIONS)
        return ", ".join(told) or "nothing"

    # -- orders --------------------------------------------------------------

    def _sent(self, wish: Wish, now_ms: int) -> Sent:
        """Fill in, sign and spell a wish, with its fault if its owner is careless."""
        stage, trader = self.stage, wish.trader
        account = stage.accounts[trader]
        slot, seq = self.voyage.slots.take(account)
        order = Order(
            account=account,
            market=wish.market + 1,
            buy=wish.buy,
            size_e8=wish.size_e8,
            limit_price_e8=wish.limit_price_e8,
            max_fee_e6=500,
            time_in_force=wish.time_in_force,
            post_only=wish.post_only,
            reduce_only=wish.reduce_only,
            trigger_kind=wish.trigger_kind,
            trigger_price_e8=wish.trigger_price_e8,
            good_after_ms=wish.good_after_ms,
            expiry_ms=wish.expiry_ms,
            epoch=stage.node.state.accounts[account].word.epoch,
            slot=slot,
            seq=seq,
        )
        order = spoiled_order(order, wish.fault, self.listings[wish.market].tick_e8, now_ms)
        domain = stage.domain
        if signs_elsewhere(wish.fault):
            domain = Domain(OTHER_CHAIN_ID, domain.verifying_contract)
        wallet = stage.wallets[trader]
        if wish.delegated:
            wallet = self._delegate_of(trader)
        if signs_as_stranger(wish.fault):
            wallet = stage.wallets[(trader + 1) % TRADERS]
        name = self.listings[wish.market].name
        raw = wire_order(order, name, wallet, domain, delegated=wish.delegated)
        return Sent(order, spoiled_bytes(raw, wish.fault))

    # -- what people do besides ----------------------------------------------

    def _key(self, trader: int) -> Key:
        wallet = self.stage.wallets[trader]
        return Key(wallet.address, wallet.private_key)

    def _delegate_of(self, trader: int) -> Wallet:
        return seeded_wallet(self.seed, "delegate", trader)

    def _grant_delegates(self) -> None:
        """Delegating traders let a second key trade in some of the markets."""
        for trader in self.people.delegating():
            markets = [place + 1 for place in self._rng.sample(range(len(self.listings)), 6)]
            self.stage.act(
                self._key(trader),
                "delegates granted",
                "Delegates",
                "grant",
                self.stage.accounts[trader],
                self._delegate_of(trader).address,
                pack_delegate_markets(markets),
                GRANT_NOTIONAL_E6,
                START_MS + 10**9,
            )

    def _act(self, acts: Sequence[Act], now_ms: int) -> None:
        stage = self.stage
        for act in acts:
            account, key = stage.accounts[act.trader], self._key(act.trader)
            held = stage.node.state.accounts[account]
            match act.kind:
                case ActKind.CANCEL:
                    raw = wire_cancel(
                        account, act.slot, act.seq, stage.wallets[act.trader], stage.domain
                    )
                    try:
                        stage.node.cancel(raw, now_ms)
                        self.done["cancels"] += 1
                    except Rejected as rejected:
                        self.done[f"cancels refused ({rejected.code})"] += 1
                case ActKind.CANCEL_ON_CHAIN:
                    stage.act(
                        key,
                        "cancels on chain",
                        "Clearing",
                        "cancel",
                        account,
                        act.slot,
                        act.seq,
                    )
                case ActKind.CANCEL_ALL:
                    stage.act(key, "cancel-alls", "Clearing", "cancel_all", account)
                case ActKind.REQUEST_WITHDRAWAL:
                    if self._keeper.waits_for(account) or held.withdrawal.amount_e6:
                        continue
                    self._keeper.claim_after(account, now_ms + BATCH_MS + GUARD_MS + WINDOW_MS)
                    stage.act(
                        key,
                        "withdrawals requested",
                        "Clearing",
                        "request_withdrawal",
                        account,
                        act.amount_e6,
                    )
                case ActKind.DEPOSIT:
                    stage.act(key, "deposits", "Clearing", "deposit", account, act.amount_e6)
