# SPDX-License-Identifier: Apache-2.0
"""Random days at a venue: the engine mirrors the chain, sums hold, and history replays.

Each seed is one run of a few hundred commands over accounts rich and poor. The chain is moved by
its own rules and by liquidations that fall between a batch's signature and its landing.
"""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from tests.support.paper_venue import E8, Venue, an_order, signed, straight_curve

from infold.core import events, settlement
from infold.core.engine import decide, evolve
from infold.core.needs import KeptNeeds, Needs
from infold.core.state import NO_WITHDRAWAL, Settings, State
from infold.messages import Fill, Order, TimeInForce, TriggerKind
from infold.units import FIRST_TRADER, GUARD_MS, WINDOW_MS, fee_up

FAR = 33  # a market in the second chunk
MARKETS = {1: 60_000 * E8, 2: 3_000 * E8, FAR: E8 // 2}
TICKS = {1: E8 // 10, 2: E8 // 100, FAR: E8 // 10_000}
ACCOUNTS = range(FIRST_TRADER, FIRST_TRADER + 12)
STEPS = 220


class Day:
    """One seeded run."""

    def __init__(self, seed: int, settings: Settings) -> None:
        self.dice = random.Random(seed)
        self.venue = Venue(settings=settings, epoch_ms=25_000)
        self.prices = dict(MARKETS)
        self.vault_e6 = 0
        self.fills: list[Fill] = []
        self.seen: Counter[str] = Counter()
        venue = self.venue
        for number, market in enumerate(MARKETS):
            caps = {"interest_cap_e8": 40 * E8} if market == 2 else {}
            if market == FAR:
                caps = {"residual_cap_e8": 10**7 * E8, "position_cap_e8": 2 * 10**7 * E8}
                caps |= {"interest_cap_e8": 10**8 * E8, "slope_e20": 10**4}
            venue.list_market(market, f"M{number}-USD", TICKS[market], caps=caps)
        for account in ACCOUNTS:
            amount_e6 = self.dice.choice((400, 5_000, 200_000)) * 10**6
            assert venue.open_account(amount_e6) == account
            self.vault_e6 += amount_e6
        venue.deposit(1, 50_000 * 10**6)
        self.vault_e6 += 50_000 * 10**6
        venue.fund_pool(self.prices, 10**6 * 10**6)
        self.vault_e6 += 10**6 * 10**6

    # -- acts --------------------------------------------------------------------------------------

    def an_order(self) -> Order:
        dice = self.dice
        market = dice.choice(list(MARKETS))
        price = self.prices[market]
        tick = TICKS[market]
        account = dice.choice(ACCOUNTS)
        value = dice.choice((50, 500, 5_000, 60_000))
        buy = dice.random() < 0.5
        eager = dice.gauss(0.004, 0.005)
        limit = int(price * (1 + eager if buy else 1 - eager)) // tick * tick
        now = self.venue.now_ms
        trigger = dice.random() < 0.1
        kind = dice.choice((TriggerKind.AT_OR_ABOVE, TriggerKind.AT_OR_BELOW))
        held = self.venue.state.accounts[account]
        return an_order(
            account,
            market=market,
            buy=buy,
            size_e8=max(1, value * 10**16 // price + dice.randrange(1000)),
            limit_price_e8=max(tick, limit),
            max_fee_e6=dice.choice((200, 500, 100)) if dice.random() < 0.2 else 500,
            time_in_force=dice.choice((TimeInForce.GTC, *TimeInForce)),
            post_only=dice.random() < 0.1,
            reduce_only=dice.random() < 0.15,
            trigger_kind=kind if trigger else TriggerKind.NONE,
            trigger_price_e8=price if trigger else 0,
            good_after_ms=now + 2_000 if dice.random() < 0.1 else 0,
            expiry_ms=now + dice.choice((500, 3_000, 60_000)),
            epoch=held.word.epoch,
            slot=dice.randrange(6),
            seq=self.venue.seq() if dice.random() < 0.97 else 1,
        )

    def submit(self) -> None:
        group = []
        for _ in range(self.dice.randrange(1, 12)):
            order = self.an_order()
            delegate = self.dice.random() < 0.15
            group.append(signed(order, 0xDE1E + order.account if delegate else None))
        for event in self.venue.submit(*group):
            if isinstance(event, events.OrderRejected):
                self.seen[event.code] += 1

    def cancel(self) -> None:
        account = self.dice.choice(ACCOUNTS)
        held = self.venue.state.accounts[account]
        if held.orders:
            slot = self.dice.choice(list(held.orders))
            self.venue.cancel(account, slot, held.orders[slot].order.seq)

    def chain_act(self) -> None:
        venue, dice = self.venue, self.dice
        account = dice.choice(ACCOUNTS)
        held = venue.chain.accounts[account]
        act = dice.randrange(7)
        if act == 0:
            slot = dice.randrange(6)
            word = held.fills.get(slot, settlement.NO_FILL)
            if venue.now_ms > word.cancel_ms + WINDOW_MS:
                venue.cancel_on_chain(account, slot, max(word.seq, word.cancel_seq + 1))
        elif act == 1 and venue.now_ms > held.epoch_barrier_ms + WINDOW_MS:
            venue.cancel_all(account)
        elif act == 2:
            amount_e6 = dice.randrange(1, 1_000 * 10**6)
            venue.deposit(account, amount_e6)
            self.vault_e6 += amount_e6
        elif act == 3 and not held.withdrawal.amount_e6 and held.word.collateral_e6 > 1:
            venue.request_withdrawal(account, dice.randrange(1, held.word.collateral_e6))
        elif act == 4 and held.withdrawal != NO_WITHDRAWAL:
            if venue.now_ms > held.withdrawal.barrier_ms + WINDOW_MS:
                self.vault_e6 -= venue.claim_withdrawal(account, self.prices)
        elif act == 5:
            key = 0xDE1E + account
            grant = held.delegates.get(key)
            if grant is not None and venue.now_ms + GUARD_MS < grant.expiry_ms:
                expiry_ms = venue.now_ms + GUARD_MS
                venue.grant(account, key, [1, FAR], grant.notional_e6, expiry_ms)
            elif grant is None or venue.now_ms > grant.expiry_ms + WINDOW_MS:
                venue.grant(account, key, [1, FAR], 10_000 * 10**6, venue.now_ms + 30_000)
        elif act == 6:
            shares = venue.chain.supply
            redeems = dice.randrange(shares // 50) if shares > 50 and dice.random() < 0.5 else 0
            venue.request_liquidity(dice.randrange(10**9), redeems)

    def liquidate(self) -> None:
        """Recovery shrinks somebody at the present price, whatever the reason."""
        venue, dice = self.venue, self.dice
        held = [a for a, account in venue.chain.accounts.items() if account.positions]
        closed = venue.state.in_flight
        if closed is not None and dice.random() < 0.8:
            filled = {venue.state.orders[r.order_hash].order.account for r in closed.records}
            held = [account for account in held if account in filled] or held
        if held:
            account = dice.choice(held)
            index = dice.choice(list(venue.chain.accounts[account].positions))
            position = venue.chain.accounts[account].positions[index]
            change = -position.base_e8 // dice.choice((1, 2, 3))
            if change and abs(change) <= abs(position.base_e8):
                venue.shrink(account, index, change, self.prices[position.market])
                self.seen["liquidated"] += 1

    def batch(self) -> None:
        venue, dice = self.venue, self.dice
        for market, price in self.prices.items():
            move = dice.gauss(0, 0.002) if dice.random() < 0.97 else dice.gauss(0, 0.08)
            self.prices[market] = max(TICKS[market], int(price * (1 + move)))
        curves = {
            market: straight_curve(price, 2 * 10**15 * E8 // price)
            for market, price in self.prices.items()
        }
        after_ms = dice.choice((400, 1_000, 1_000, 4_000))
        for event in venue.close(self.prices, curves, after_ms=after_ms):
            if isinstance(event, events.OrderCancelled):
                self.seen[f"cancelled {event.reason}"] += 1
        if venue.state.in_flight is None:
            return
        self.seen["batches"] += 1
        if dice.random() < 0.3:
            self.liquidate()
        if dice.random() < 0.3:
            self.chain_act()
        if dice.random() < 0.3:
            self.submit()
        if dice.random() < 0.08:
            venue.lapse()
            self.seen["lapsed"] += 1
            return
        epoch = venue.chain.head.epoch
        requests = venue.chain.requests.get(epoch)
        supply = venue.chain.supply
        venue.observe()
        try:
            skips = venue.land()
        except settlement.StructuralFault as fault:
            # Only the backstop's margin depends on what fell between signing and landing.
            assert fault.reason == "clearing: backstop margin", fault
            venue.lapse()
            self.seen["backstop refused"] += 1
            return
        if venue.chain.head.epoch > epoch:
            self.seen["strikes"] += 1
            strike = venue.chain.strikes[epoch]
            if requests is not None and not strike.returned:
                paid = requests.redeems * strike.nav_e6 // supply if supply else 0
                self.vault_e6 += requests.deposits_e6 - paid
        self.seen["skips"] += len(skips)
        self.fills += venue.confirm(skips).fills

    def run(self) -> None:
        for _ in range(STEPS):
            act = self.dice.random()
            if act < 0.45:
                self.submit()
            elif act < 0.55:
                self.cancel()
            elif act < 0.7:
                self.chain_act()
            else:
                self.batch()
            self.venue.check(self.vault_e6)
            self.check_orders()

    # -- what must hold ----------------------------------------------------------------------------

    def check_orders(self) -> None:
        """Every accepted order is in exactly one state, and bound lots are what is open."""
        state = self.venue.state
        tally = state.tally
        ended = tally.filled + tally.expired + tally.cancelled + tally.skipped + tally.lapsed
        assert tally.accepted == tally.open + ended
        assert tally.open == len(state.orders)
        for account in state.accounts.values():
            buys: Counter[int] = Counter()
            sells: Counter[int] = Counter()
            for open_order in account.orders.values():
                assert state.orders[open_order.signed.order_hash] is open_order
                side = buys if open_order.order.buy else sells
                side[open_order.order.market] += open_order.remaining_e8
            assert account.buys_e8 == dict(buys)
            assert account.sells_e8 == dict(sells)

    def check_fills(self) -> None:
        """C5: no fill beyond what was signed, over all batches together."""
        orders = {
            event.order_hash: event.order
            for _, decided in self.venue.journal
            for event in decided
            if isinstance(event, events.OrderAccepted)
        }
        filled: Counter[bytes] = Counter()
        for fill in self.fills:
            order = orders[fill.order_hash]
            filled[fill.order_hash] += fill.size_e8
            assert filled[fill.order_hash] <= order.size_e8
            assert order.good_after_ms <= fill.time_ms <= order.expiry_ms
            better = order.limit_price_e8 - fill.price_e8
            assert better >= 0 if order.buy else better <= 0
            assert fill.fee_e6 <= fee_up(fill.price_e8, fill.size_e8, order.max_fee_e6)
            if order.time_in_force == TimeInForce.FOK:
                assert fill.size_e8 == order.size_e8


@pytest.mark.parametrize("seed", range(8))
def test_a_random_day_mirrors_the_chain_and_replays(seed: int) -> None:
    settings = Settings(records_max=12) if seed % 2 else Settings()
    day = Day(seed, settings)
    day.run()
    day.check_fills()
    journal = day.venue.journal
    print(f"seed {seed}: {dict(day.seen)}, {day.venue.state.tally}, {len(day.fills)} fills")

    folded = State(settings=settings)
    for _, decided in journal:
        for event in decided:
            evolve(folded, event)
    assert folded == day.venue.state

    decided_again = State(settings=settings)
    for command, decided in journal:
        assert decide(decided_again, command) == decided
        for event in decided:
            evolve(decided_again, event)


@pytest.mark.parametrize("seed", (200, 201))
def test_needs_kept_from_group_to_group_are_those_summed_anew(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = Day(seed, Settings())
    day.run()
    kept: Counter[bool] = Counter()
    serves = Needs.serves

    def compared(needs: Needs, *made_of: Any) -> bool:
        served = serves(needs, *made_of)
        kept[served] += 1
        if served:
            anew = Needs(*made_of)
            for name in Needs.__slots__:
                assert getattr(needs, name) == getattr(anew, name), (seed, name)
        return served

    monkeypatch.setattr(Needs, "serves", compared)
    remembering, forgetful = State(), State()
    for command, decided in day.venue.journal:
        forgetful.needs = KeptNeeds()
        assert decide(remembering, command) == decide(forgetful, command) == decided
        for event in decided:
            evolve(remembering, event)
            evolve(forgetful, event)
    assert kept[True] > 100 and kept[False] > 0, (seed, kept)


def test_random_days_reach_what_they_are_meant_to_test() -> None:
    seen: Counter[str] = Counter()
    for seed in range(100, 104):
        day = Day(seed, Settings())
        day.run()
        seen += day.seen
    for name in ("batches", "lapsed", "strikes", "liquidated", "skips", "cancelled MARGIN"):
        assert seen[name] > 0, (name, seen)
