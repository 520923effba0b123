# SPDX-License-Identifier: Apache-2.0
"""Batches: mostly ones that land, with orders that mostly fill; one in seven is wrong somewhere."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.support.records import order_flags, record_words
from tests.support.twin import hash_many, sealed_digest

from infold.reference.digests import Record, order_hashes
from infold.reference.faults import Fault
from infold.reference.settlement import SettleCall
from infold.reference.vectors import open_vector
from infold.reference.words import Fill, Head, PriceWord, SettleHead

from .chain import ATTESTERS, MARKETS, STRANGER, WIDE, Words
from .driver import Driver

BAD_VECTORS = (
    "few",
    "order",
    "repeated",
    "stranger",
    "length",
    "chunks",
    "opened",
    "price",
)
BAD_BATCHES = (
    *BAD_VECTORS,
    "number",
    "early",
    "late",
    "not rising",
    "price order",
    "dead market",
    "far market",
    "no clearing price",
    "unpriced",
    "gross",
    "record order",
    "repeat",
    "pool record",
    "unlisted record",
    "many",
    "seal",
    "no seal",
    "seal bytes",
    "attester",
    "attester order",
    "few attesters",
)
WRONG_ORDERS = (
    "range",
    "expiry",
    "good after",
    "trigger",
    "limit",
    "post",
    "fee",
    "epoch",
    "signer",
    "slot",
    "cancelled",
    "size",
    "fill or kill",
    "again",
    "place",
    "reduce",
    "zeros",
)


class Batches(Driver):
    """What a matcher makes of signed orders, honest or not."""

    def rule_settle(self) -> None:
        """A batch: mostly one that lands, with orders that mostly fill."""
        if self.random.random() < 0.8:
            self.travel(self.random.choice([0, 1, 1, 2, 5]))
        self.walk()
        pick = self.random
        last_ms = Head.of(self.state.scalar("head")).time_ms
        time_ms = max(self.now_ms + pick.choice([0, 0, -250, 999, -2_000]), last_ms + 1)
        if time_ms > self.now_ms + 1_000:
            self.travel(1)
            time_ms = self.now_ms
        bad = "" if pick.random() < 0.86 else pick.choice(BAD_BATCHES)
        if not bad and self.unbacked() and pick.random() < 0.4:
            bad = "unpriced"
        due = time_ms > Head.of(self.state.scalar("head")).epoch_end_ms + 3_000
        if due and self.state.scalar("pool_markets") and pick.random() < 0.15:
            bad = "strike"
        call = self.batch(time_ms, bad)
        result = self.door("clearing", "settle", call, pick.choice(self.providers).address)
        if isinstance(result, list):
            self.landed += 1
            self.reasons.update(result)
            for words, reason in zip(call[4], result, strict=True):
                record = Record.of(*words)
                if not reason:
                    self.live[record.account, record.slot] = words

    def unbacked(self) -> list[int]:
        """Markets that traders hold and the backstop does not: only there can a missing price skip
        a trader.
        """
        backed = self.state.scalar("backstop_markets")
        held = {
            word >> 240 for key, word in self.state.positions.items() if key >> 4 in self.owners
        }
        return [market for market in MARKETS if market in held and not backed >> market & 1]

    def batch(self, time_ms: int, bad: str) -> tuple[Any, ...]:
        """The arguments of `settle`."""
        pick = self.random
        prices = dict(self.prices)
        listed = [market for market in MARKETS if pick.random() < 0.6] or [1]
        if bad == "unpriced":
            gone = pick.choice(self.unbacked() or list(prices))
            prices.pop(gone)
            if pick.random() < 0.8:
                listed = [market for market in listed if market != gone] or [next(iter(prices))]
        if bad == "strike":
            held = self.state.scalar("pool_markets")
            gone = pick.choice([market for market in MARKETS if held >> market & 1])
            prices.pop(gone)
            listed = [market for market in listed if market != gone]
        plans = {market: self.plan(market, prices.get(market, 1)) for market in listed}
        records = [] if bad == "strike" else self.records(time_ms, plans)
        bought, sold = Counter[int](), Counter[int]()
        for order, terms, _, _ in records:
            (bought if order >> 184 & 1 else sold)[order >> 200 & 0xFFFF] += (
                terms >> 128 & 2**64 - 1
            )
        words = []
        for market, (price, residual, slack) in sorted(plans.items()):
            left = bought[market] - sold[market]
            if left != residual:
                price = self.price(market, prices.get(market, 1), left)
            gross = min(bought[market] + slack, 2**64 - 1)
            words.append(PriceWord(market, price, gross, 0).word)
        return self.spoil(time_ms, bad, prices, words, records)

    def plan(self, market: int, oracle: int) -> tuple[int, int, int]:
        """Clearing price, residual that the orders should leave, and slack in gross."""
        pick = self.random
        clock = self._clock(market)
        rates, caps = self.state.parameters(clock, market, self.now_ms)
        if pick.random() < 0.5 or market == WIDE:
            gap = pick.randrange(-rates.h0_e6, rates.h0_e6 + 1) if pick.random() < 0.8 else 0
            return max(1, oracle + oracle * gap // 10**6), 0, pick.choice([0, 0, 1, 10**6])
        residual = pick.choice([1, -1]) * pick.randrange(
            1, max(2, caps.residual_cap_e8 * 101 // 100)
        )
        if pick.random() < 0.7:
            residual = residual // 20 or 1
        return self.price(market, oracle, residual), residual, 0

    def price(self, market: int, oracle: int, residual: int) -> int:
        """A clearing price that the pool's rule mostly allows for this residual."""
        pick = self.random
        rates, _ = self.state.parameters(self._clock(market), market, self.now_ms)
        if not residual:
            return max(1, oracle + oracle * pick.randrange(-rates.h0_e6, rates.h0_e6 + 1) // 10**6)
        low = rates.h_min_e6
        if rates.rebate and pick.random() < 0.4:
            return max(
                1,
                oracle
                + (1 if residual > 0 else -1)
                * (oracle * pick.randrange(-low - 1, low + 1) // 10**6),
            )
        high = low + rates.h0_e6 + (50 if pick.random() < 0.05 else 0)
        gap = min(pick.randrange(low, high + 1), rates.band_e6 + (1 if pick.random() < 0.03 else 0))
        if pick.random() < 0.02:
            gap = -gap
        side = 1 if residual > 0 else -1
        # Rounded away from the oracle, so that h_min is met.
        return max(1, oracle + side * -(-oracle * gap // 10**6))

    def records(
        self, time_ms: int, plans: dict[int, tuple[int, int, int]]
    ) -> list[tuple[int, int, int, int]]:
        """Orders of some accounts; each market's fills add up to its plan."""
        pick = self.random
        drafts: dict[tuple[int, int], tuple[int, int, int, int]] = {}
        for market, (price, residual, _) in plans.items():
            net = 0
            for _ in range(pick.choice([0, 0, 1, 1, 2, 3])):
                size = self.size(market)
                buy = pick.random() < 0.5
                if self.draft(drafts, time_ms, market, price, buy, size):
                    net += size if buy else -size
            if net != residual and (net or pick.random() < 0.7):
                self.draft(
                    drafts,
                    time_ms,
                    market,
                    price,
                    residual > net,
                    abs(residual - net),
                    balance=True,
                )
        return [drafts[key] for key in sorted(drafts)]

    def size(self, market: int) -> int:
        pick = self.random
        if market == WIDE and pick.random() < 0.3:
            return pick.choice([2**57, 2**57, 2**58, 2**60, 2**62 - 1, 2**62, 2**63])
        return self.unit(market) * pick.choice([1, 2, 5, 20, 60]) + pick.randrange(1000)

    def draft(
        self,
        drafts: dict[tuple[int, int], tuple[int, int, int, int]],
        time_ms: int,
        market: int,
        price: int,
        buy: bool,
        fill: int,
        balance: bool = False,
    ) -> bool:
        """Add one order that fills `fill`, or an earlier one's next part; False if its slot is
        taken.
        """
        pick = self.random
        account = self.someone() if pick.random() < 0.99 else 4_000
        slot = pick.choice([0, 1, 2, 3, 255])
        if (account, slot) in drafts or fill >= 2**64:
            return False
        earlier = self.live.get((account, slot))
        if earlier and pick.random() < 0.25 and not balance:
            record = Record.of(*earlier)
            if record.market == market and record.buy == buy:
                terms = earlier[1] & ~((2**64 - 1) << 128) | fill << 128
                drafts[account, slot] = (earlier[0], terms, earlier[2], earlier[3])
                return True
        drafts[account, slot] = self.order(time_ms, account, slot, market, price, buy, fill)
        return True

    def order(
        self, time_ms: int, account: int, slot: int, market: int, price: int, buy: bool, fill: int
    ) -> tuple[int, int, int, int]:
        """A signed order, with one thing wrong in one of five."""
        pick = self.random
        oracle = self.prices[market]
        wrong = pick.choice(WRONG_ORDERS) if pick.random() < 0.2 else ""
        stored = Fill.of(self.state.fills.get(account << 8 | slot, 0))
        seq = max(stored.seq, stored.cancel_seq) + 1
        word = self.state.accounts.get(account, 0)
        epoch = word & 0xFFFF
        limit = price * 11 // 10 + 1 if buy else price * 9 // 10
        size = min(2**64 - 1, fill if pick.random() < 0.5 else fill * 3)
        time_in_force = pick.choice([0, 0, 1])
        expiry, good_after, max_fee = time_ms + pick.choice([0, 60_000, 10**7]), 0, 10_000
        post_only = reduce_only = False
        trigger_kind, trigger = 0, 0
        place = self.place(account, market)
        key = self.owners.get(account, STRANGER)
        delegated = pick.random() < 0.1
        approved = not delegated and pick.random() < 0.08
        extra = int(approved)
        if delegated:
            granted = [it & 2**160 - 1 for it in self.state.delegates if it >> 160 == account]
            known = [it for it in self.delegate_keys if it.address in granted]
            key = pick.choice(known or self.delegate_keys)
        match wrong:
            case "range":
                size, limit, seq, time_in_force, trigger_kind, extra = pick.choice(
                    [
                        (0, limit, seq, 0, 0, 0),
                        (2**62, limit, seq, 0, 0, 0),
                        (size, 0, seq, 0, 0, 0),
                        (size, limit, 0, 0, 0, 0),
                        (size, limit, seq, 3, 0, 0),
                        (size, limit, seq, 0, 3, 0),
                        (size, limit, seq, 0, 0, 2 << pick.randrange(3)),
                    ]
                )
            case "expiry":
                expiry = time_ms - 1
            case "good after":
                good_after = time_ms + pick.choice([0, 1])
            case "trigger":
                trigger_kind = pick.choice([1, 2])
                trigger = oracle + pick.choice([-1, 0, 1])
            case "limit":
                limit = price + pick.choice([-1, 0, 1])
            case "post":
                post_only = True
            case "fee":
                max_fee = pick.choice([0, 299, 300])
            case "epoch":
                epoch = max(0, epoch - pick.choice([1, 1, 1, 2])) if epoch else 1
            case "signer":
                key = STRANGER
            case "slot":
                seq = max(1, seq - pick.choice([1, 1, 2]))
            case "cancelled":
                seq = max(1, stored.cancel_seq)
            case "size":
                size = max(1, fill - 1)
            case "fill or kill":
                time_in_force = 2
            case "again":
                time_in_force = 1
            case "place":
                place = pick.randrange(16)
            case "reduce":
                reduce_only = True
        record = Record(
            account=account,
            slot=slot,
            market=market,
            place=place,
            flags=order_flags(
                buy=buy,
                time_in_force=time_in_force,
                post_only=post_only,
                reduce_only=reduce_only,
                trigger_kind=trigger_kind,
                delegated=delegated,
                extra=extra << 8,
            ),
            epoch=epoch,
            seq=seq,
            max_fee_e6=max_fee,
            expiry_ms=expiry,
            size_e8=size,
            limit_e8=limit,
            fill_e8=fill,
            trigger_e8=trigger,
            good_after_ms=good_after,
            reserved=False,
            r=0,
            vs=0,
        )
        first, terms = record_words(record)
        if wrong == "zeros":
            first |= 1
        (digest,) = order_hashes([record], self.protocol.crypto.domain, hash_many)
        if approved:
            if wrong != "signer":
                given = (account, int.from_bytes(digest, "big"))
                self.door("delegates", "approve", given, self.owners.get(account, STRANGER).address)
            return (first, terms, 0, 0)
        return (first, terms, *key.sign(digest))

    def place(self, account: int, market: int) -> int:
        """Where the account holds the market, or a free place, the same for all its orders of a
        batch.
        """
        mask = self.state.accounts.get(account, 0) >> 16 & 0xFFFF
        for place in range(16):
            position = self.state.positions.get(account << 4 | place, 0)
            if mask >> place & 1 and position >> 240 == market:
                return place
        free = [place for place in range(16) if not mask >> place & 1]
        return free[list(MARKETS).index(market) % len(free)]

    def spoil(
        self,
        time_ms: int,
        bad: str,
        prices: dict[int, int],
        words: Words,
        records: list[tuple[int, int, int, int]],
    ) -> tuple[Any, ...]:
        """Sign the batch; `bad` names a structural fault."""
        pick = self.random
        number = Head.of(self.state.scalar("head")).number + 1
        if bad == "number":
            number += pick.choice([-1, 1, 2**63])
        elif bad == "early":
            time_ms = self.now_ms + 1_001
        elif bad == "late":
            time_ms = self.now_ms - 15_001
        elif bad == "not rising":
            time_ms = max(0, Head.of(self.state.scalar("head")).time_ms - pick.choice([0, 1]))
        elif bad == "price order":
            words = words[::-1] if len(words) > 1 else words * 2
        elif bad == "dead market":
            words = sorted([*words, PriceWord(200, 5, 0, 0).word])
        elif bad == "far market":
            words = [*words, PriceWord(256, 5, 0, 0).word]
        elif bad == "no clearing price":
            words = [words[0] & ~((2**64 - 1) << 176), *words[1:]]
        elif bad == "gross":
            words = [word & ~((2**64 - 1) << 112) for word in words]
        elif bad == "record order" and len(records) > 1:
            records = [records[1], records[0], *records[2:]]
        elif bad == "repeat" and records:
            records = [records[0], *records]
        elif bad == "pool record":
            records = [(1 << 224 | 1 << 8, 0, 0, 0), *records]
        elif bad == "unlisted record" and records:
            order = records[-1][0] & ~(0xFFFF << 200) | 201 << 200
            records = [*records[:-1], (order, *records[-1][1:])]
        elif bad == "many" and self.owners:
            account = self.someone()
            first = account << 224 | next(iter(words)) >> 240 << 200
            records = [(first | slot << 216, 0, 0, 0) for slot in range(65)]
        signing = bad if bad in BAD_VECTORS else ""
        head, openings, signatures = self.vector(time_ms, prices, signing)
        head |= number << 64
        accepted = pick.randbytes(32) if pick.random() < 0.3 else bytes(32)
        call = SettleCall(head, openings, signatures, words, records, accepted, [])
        return (*call[:6], self.seals(call, time_ms, number, bad))

    def seals(self, call: SettleCall, time_ms: int, number: int, bad: str) -> list[tuple[int, int]]:
        try:
            fields = SettleHead.of(call.head)
            root = open_vector(time_ms, fields.chunks, fields.opened, call.openings, hash_many).root
        except Fault:
            root = bytes(32)
        digest = sealed_digest(call, root, number, time_ms, self.protocol.crypto.domain)
        serving = self.protocol.seals.matcher.at(time_ms)
        keys = [next((key for key in self.matchers if key.address == serving), self.matcher)]
        attesters = self.protocol.seals.attesters
        keys += [key for key in ATTESTERS if attesters.serves(key.address, time_ms)]
        if bad == "seal":
            keys[0] = STRANGER
        elif bad == "no seal":
            keys = []
        elif bad == "seal bytes":
            digest = digest[:-1] + bytes([digest[-1] ^ 1])
        elif bad == "attester":
            keys.append(STRANGER)
        elif bad == "attester order":
            keys = [*keys, *reversed(ATTESTERS)]
        elif bad == "few attesters":
            keys = keys[:1]
        return [key.sign(digest) for key in keys]
