# SPDX-License-Identifier: Apache-2.0
"""Vyper, the engine's Python and the twin agree on settlement and margin to the last unit.

Random batches go to the real contracts in process. Before each, the engine's rules and the twin say
what will become of it; after it, reason codes, revert strings and every stored word must be theirs.
"""

from __future__ import annotations

import copy
import random
import re
from collections import Counter

import pytest
from tests.support.evm import Key, Receipt, Refused, a_key
from tests.support.venue import (
    DEPLOYER,
    DOLLAR,
    LOT,
    MATCHER,
    ORACLE_SIGNERS,
    FillPlan,
    a_venue,
    parameters,
)

from infold.core import events, margin
from infold.core.events import fact_from_log, to_word
from infold.core.facts import fold
from infold.core.liquidation import apply_delta, liquidation
from infold.core.plan import Plan, PlannedFill, StructuralFault
from infold.core.settlement import commit, settle
from infold.core.state import State, chain_words
from infold.messages import Batch, SignedOrder
from infold.reference.faults import Fault
from infold.reference.protocol import Protocol
from infold.reference.settlement import SettleCall
from infold.signing import order_hash, recover
from infold.units import GUARD_MS, WINDOW_MS
from infold.words import pack_delegate, pack_requests, unpack_price

FAR = 40  # in the second chunk
MARKETS = {1: 60_000 * LOT, 2: 3_000 * LOT, FAR: LOT // 2}
TIERS = {1: 0, 2: 1, FAR: 15}  # trades of 40,000 dollars reach beyond the first two
SHARES = {1: 15, 2: 4, FAR: 1}  # the last binds: an eighth of the capital, 125,000 dollars
ROUNDS = 24
PLACE = re.compile(r"^(\w+)(?:\[(\d+)\])?$")


class Three:
    """The chain, the engine's mirror of it, and dice."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.venue = a_venue(epoch_ms=20_000)
        self.state = State()
        self.prices = dict(MARKETS)
        self.seen: Counter[str] = Counter()
        venue = self.venue
        clearing = venue.clearing
        fold(
            self.state,
            events.Deployed(
                pool=to_word(clearing.accounts(0)),
                backstop=to_word(clearing.accounts(1)),
                head=to_word(clearing.head()),
                epoch_ms=venue.epoch_ms,
            ),
        )
        for number, market in enumerate(MARKETS):
            sizes = {"interest_cap_e8": 30 * LOT} if market == 2 else {}
            sizes |= {"tier": TIERS[market], "interest_share": SHARES[market]}
            listed = parameters(name=f"M{number}-USD", tick_e8=1, **sizes)
            self.hear(venue.governance.set_market(market, listed, sender=DEPLOYER))
        venue.world.travel(60)
        self.keys: dict[int, Key] = {}
        for number in range(6):
            self.open(a_key(f"trader {number}"), (200 * DOLLAR, 5_000 * DOLLAR)[number % 2])
        venue.fund(MATCHER, 4_000 * DOLLAR)
        self.hear(clearing.deposit(1, 4_000 * DOLLAR, sender=MATCHER))
        provider = a_key("provider")
        venue.fund(provider, 10**6 * DOLLAR)
        own = (provider.address, provider.address)
        self.hear(venue.pool.requestDeposit(10**6 * DOLLAR, *own, sender=provider))
        self.compare()

    def open(self, key: Key, amount_e6: int) -> None:
        self.venue.fund(key, amount_e6)
        receipt = self.venue.clearing.open_account(key.address, amount_e6, sender=key)
        self.keys[receipt.value] = self.venue.owners[receipt.value] = key
        self.hear(receipt)

    def hear(self, receipt: Receipt) -> int:
        """Fold what the logs say; returns how many said something new."""
        venue = self.venue
        heard = {c.address for c in (venue.clearing, venue.delegates, venue.pool)}
        logs = [event for event in receipt.events if event.address in heard]
        new = 0
        for event, following in zip(logs, [*logs[1:], None], strict=True):
            fact = fact_from_log(
                event.name, event.args, following.name if following is not None else None
            )
            if fact is not None:
                fold(self.state, fact)
                new += 1
        return new

    def compare(self) -> None:
        """Every word of the mirror is the chain's."""
        for place, word in chain_words(self.state).items():
            found = PLACE.match(place)
            assert found is not None
            keys = [int(found[2])] if found[2] else []
            assert getattr(self.venue.clearing, found[1])(*keys) == word, place

    # -- predictions -------------------------------------------------------------------------------

    def twin(self) -> Protocol:
        """The twin, holding the words the mirror holds."""
        clearing = self.venue.clearing
        twin = Protocol(
            chain_id=self.venue.world.chain_id,
            clearing=int(clearing.address, 16),
            oracle=int(self.venue.oracle.address, 16),
            recovery=int(self.venue.recovery.address, 16),
            pool=int(self.venue.pool.address, 16),
            governance=int(self.venue.governance.address, 16),
            oracle_signers=[key.number for key in ORACLE_SIGNERS],
            oracle_threshold=2,
            matcher=MATCHER.number,
            epoch_ms=self.venue.epoch_ms,
            deployed_s=0,
            recover=lambda digest, r, vs: int.from_bytes(recover(digest, r, vs) or b"", "big"),
        )
        state = twin.state
        for place, word in chain_words(self.state).items():
            found = PLACE.match(place)
            assert found is not None
            if found[2]:
                getattr(state, found[1])[int(found[2])] = word
            else:
                state.scalars[found[1]] = word
        for account, held in self.state.accounts.items():
            for key, delegate in held.delegates.items():
                state.delegates[account << 160 | key] = pack_delegate(delegate)
        for epoch, requests in self.state.requests.items():
            state.lp_requests[epoch] = pack_requests(requests)
        return twin

    def plan(self, batch: Batch, plans: list[FillPlan]) -> Plan:
        fills = []
        for plan in sorted(plans, key=lambda plan: (plan.order.account, plan.order.slot)):
            digest = order_hash(plan.order, self.venue.domain)
            signed = SignedOrder(
                order=plan.order,
                signature=bytes(64),
                delegated=plan.delegated,
                order_hash=digest,
                signer=plan.key.number.to_bytes(20, "big"),
            )
            fills.append(PlannedFill(signed, plan.place, plan.fill_e8))
        return Plan(
            batch.number,
            batch.time_ms,
            batch.vector.chunks,
            batch.vector.opened,
            batch.vector.prices,
            [unpack_price(word) for word in batch.price_words],
            fills,
        )

    # -- a round -----------------------------------------------------------------------------------

    def fills(self) -> list[FillPlan]:
        """Crossing pairs, some of them more than their accounts can carry, some flawed."""
        dice, venue = self.dice, self.venue
        plans: dict[tuple[int, int], FillPlan] = {}
        places: dict[tuple[int, int], int] = {}
        for slot in range(dice.randrange(1, 7)):
            market = dice.choice(list(MARKETS))
            value = dice.choice((20, 200, 2_000, 20_000)) * dice.randrange(1, 5)
            size_e8 = value * 10**16 // self.prices[market] + dice.randrange(100)
            pair = list(zip(dice.sample(list(self.keys), 2), (True, False), strict=True))
            if dice.random() < 0.15:
                pair = pair[dice.randrange(2) :][:1]
            for account, buy in pair:
                flaws = {}
                if dice.random() < 0.15:
                    flaws = dice.choice(
                        (
                            {"reduce_only": True},
                            {"expiry_ms": 1},
                            {"max_fee_e6": 1},
                            {"epoch": 3},
                            {"post_only": True},
                        )
                    )
                    self.seen["flawed"] += 1
                order = venue.an_order(
                    account,
                    market=market,
                    buy=buy,
                    size_e8=size_e8,
                    slot=slot,
                    limit_price_e8=2**53 if buy else 1,
                    **flaws,
                )
                place = places.setdefault((account, market), self.place(account, market, places))
                plans[account, slot] = venue.a_fill(order, place=place)
        return list(plans.values())

    def place(self, account: int, market: int, places: dict[tuple[int, int], int]) -> int:
        held = self.state.accounts[account]
        index = held.index_of(market)
        if index is not None:
            return index
        taken = set(held.positions) | {p for (a, _), p in places.items() if a == account}
        return min(set(range(16)) - taken)

    def batch(self, plans: list[FillPlan]) -> Batch:
        """Traded markets at the oracle price, or beyond h_min where the pool takes a residual."""
        listed = {plan.order.market for plan in plans}
        if self.state.head.epoch_end_ms + GUARD_MS < self.venue.world.now_ms:
            self.seen["strike"] += 1
        prices = {}
        for market in listed:
            residual = sum(
                plan.fill_e8 if plan.order.buy else -plan.fill_e8
                for plan in plans
                if plan.order.market == market
            )
            price = self.prices[market]
            away = -(-price * 500 // 10**6) if residual else 0
            self.seen["residual"] += bool(residual)
            prices[market] = price + (away if residual > 0 else -away)
        vector = self.venue.a_vector(self.prices)
        return self.venue.a_batch(
            plans, oracle={m: self.prices[m] for m in listed}, prices=prices, vector=vector
        )

    def round(self) -> None:
        dice, venue = self.dice, self.venue
        venue.world.travel(dice.choice((1, 2, 7)))
        for market, price in self.prices.items():
            move = dice.gauss(0, 0.02 if dice.random() < 0.9 else 0.12)
            self.prices[market] = max(1_000, int(price * (1 + move)))
        plans = self.fills()
        batch = self.batch(plans)
        twin = self.twin()
        call = SettleCall(*venue.arguments(batch))
        ours: str | dict[tuple[int, int], int]
        twins: str | dict[tuple[int, int], int]
        outcome = None
        try:
            outcome = settle(self.state, self.plan(batch, plans), venue.world.now_ms)
            ours = {
                (skip.planned.signed.order.account, skip.planned.signed.order.slot): skip.reason
                for skip in outcome.skips
            }
        except StructuralFault as fault:
            ours = fault.reason
        ordered = sorted((plan.order.account, plan.order.slot) for plan in plans)
        try:
            codes = twin.settle(call, sender=0, now_s=venue.world.now_ms // 1000)
            twins = {at: int(code) for at, code in zip(ordered, codes, strict=True) if code}
        except Fault as fault_of_twin:
            twins = str(fault_of_twin)
        assert ours == twins
        try:
            receipt = venue.settle(batch)
        except Refused as refused:
            assert refused.reason == ours
            self.seen["refused"] += 1
            return
        logged = {
            (skip["account"], skip["slot"]): skip["reason"] for skip in receipt.all("Skipped")
        }
        assert logged == ours
        self.seen["skip"] += len(logged)
        self.seen["margin"] += list(logged.values()).count(22)
        assert outcome is not None
        commit(self.state, outcome)
        assert self.hear(receipt) == 0, "a batch's echo was taken for news"
        self.compare()
        stored = {
            str(key) if table == "scalars" else f"{table}[{key}]": word
            for table, key, word in twin.state.words()
            if table not in ("delegates", "lp_requests")
        }
        assert stored == chain_words(self.state)

    def claim(self) -> None:
        """A claim pays what is free of margin: the unit where Vyper's and Python's would part."""
        venue = self.venue
        account = self.dice.choice(list(self.keys))
        held = self.state.accounts[account]
        key = self.keys[account]
        if held.word.collateral_e6 <= 0:
            return
        self.hear(venue.clearing.request_withdrawal(account, held.word.collateral_e6, sender=key))
        venue.world.travel((GUARD_MS + WINDOW_MS) // 1000 + 1)
        vector = venue.a_vector(self.prices)
        head, openings, signatures = venue.presented(vector)
        marks = margin.marks_for(held, self.state.markets, self.prices, vector.time_ms)
        assert marks is not None
        due = margin.payable_e6(held, marks)
        twin = self.twin()
        twin.accounted_e6 = 10**18
        now_s = venue.world.now_ms // 1000
        claimed = twin.claim_withdrawal(account, head, openings, signatures, sender=0, now_s=now_s)
        receipt = venue.clearing.claim_withdrawal(account, head, openings, signatures, sender=key)
        assert receipt.value == due == claimed
        self.hear(receipt)
        self.compare()
        self.seen["claim"] += due > 0

    def liquidate(self) -> None:
        """Recovery acts exactly on those whose equity is below maintenance."""
        venue, dice = self.venue, self.dice
        venue.world.travel(1)
        vector = venue.a_vector(self.prices)
        head, openings, signatures = venue.presented(vector)
        for account, held in list(self.state.accounts.items()):
            if account not in self.keys or not held.positions:
                continue
            index = dice.choice(list(held.positions))
            price_e8 = self.prices[held.positions[index].market]
            keeper = dice.choice((0, account, *self.keys))
            reason, due = "recovery: account is healthy", None
            try:
                due = liquidation(self.state, account, index, self.prices, vector.time_ms, keeper)
            except StructuralFault as fault:
                reason = str(fault)
            try:
                receipt = venue.recovery.liquidate(
                    head, openings, signatures, account, index, keeper, sender=DEPLOYER
                )
            except Refused as refused:
                assert due is None and refused.reason in reason
                continue
            assert due is not None
            expected = copy.deepcopy(self.state)
            change_e8, terms = due
            apply_delta(expected, account, index, change_e8, price_e8, vector.time_ms, terms)
            self.hear(receipt)
            assert chain_words(self.state) == chain_words(expected)
            self.compare()
            self.seen["liquidated"] += 1


@pytest.mark.parametrize("seed", range(3))
def test_contract_engine_and_twin_agree_to_the_last_unit(seed: int) -> None:
    three = Three(seed)
    for number in range(ROUNDS):
        three.round()
        if number % 4 == 3:
            three.claim()
        three.liquidate()
    print(f"seed {seed}: {dict(three.seen)}")
    for name in ("margin", "skip", "strike", "claim", "residual", "liquidated"):
        assert three.seen[name] > 0, (seed, name, three.seen)
