# SPDX-License-Identifier: Apache-2.0
"""Every call made to both sides: the contracts, and the twin beside them. What differs
fails with its seed and transition.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from tests.support.twin import Key, encode, hash_many, recover

from infold.reference.abi import DOORS, decode_log
from infold.reference.digests import vector_digest
from infold.reference.faults import Fault, Overflow, Reason
from infold.reference.protocol import Protocol
from infold.reference.settlement import SettleCall
from infold.reference.state import State
from infold.reference.sums import Sums
from infold.reference.vectors import open_vector
from infold.reference.words import Clock, Head, Requests, SettleHead, Strike

from .chain import (
    DOLLAR_SUPPLY,
    EPOCH_MS,
    GETTERS,
    MARKETS,
    MATCHER,
    POOL_GETTERS,
    PRICERS,
    SCALARS,
    SIGNERS,
    STRANGER,
    THRESHOLD,
    Chain,
    Words,
    as_bytes,
    selector,
)


class Driver:
    """A venue on chain and its twin, keys to sign with, and tables of what was reached."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = random.Random(seed)
        self.chain = Chain(with_recovery=seed % 2 == 1)
        chain = self.chain
        self.governance = chain.number("governance")
        self.protocol = Protocol(
            chain_id=chain.world.chain_id,
            clearing=chain.number("clearing"),
            oracle=chain.number("oracle"),
            recovery=chain.number("recovery"),
            pool=chain.number("pool"),
            governance=self.governance,
            oracle_signers=[key.address for key in SIGNERS],
            oracle_threshold=THRESHOLD,
            matcher=MATCHER.address,
            epoch_ms=EPOCH_MS,
            deployed_s=chain.world.timestamp_s,
            recover=recover,
            hash_many=hash_many,
        )
        self.state: State = self.watched()
        self.now_s: int = chain.world.timestamp_s
        self.prices = dict(MARKETS)
        self.owners: dict[int, Key] = {}
        self.delegate_keys = [Key(97_001 + it) for it in range(3)]
        self.providers = [Key(96_001 + it) for it in range(3)]
        self.matcher = MATCHER
        self.matchers = [MATCHER, Key(95_001)]
        self.seq = Counter[tuple[int, int]]()
        self.live: dict[tuple[int, int], tuple[int, ...]] = {}
        self.claimed_e6 = 0
        self.left_e6 = 0
        self.short_e6 = 0
        self.stopped_s = 0
        self.pulled = 0
        self.transitions = 0
        self.rules = Counter[str]()
        self.succeeded = Counter[str]()
        self.faults = Counter[str]()
        self.reasons = Counter[Reason]()
        self.landed = 0

    def watched(self) -> State:
        """What the driver looks at to build its calls: the twin's words."""
        return self.protocol.state

    # -- both sides --------------------------------------------------------------

    def travel(self, seconds: int) -> None:
        self.now_s += seconds
        self.chain.world.at(self.now_s)

    @property
    def now_ms(self) -> int:
        return self.now_s * 1000

    def fund(self, address: int) -> None:
        """Endless dollars that the vault and the pool may take."""
        mint = selector("mint(address,uint256)") + encode((0, 0), (address, DOLLAR_SUPPLY))
        approve = selector("approve(address,uint256)")
        takers = [self.chain.number(name) for name in ("vault", "pool")]
        allow = [approve + encode((0, 0), (taker, 2**256 - 1)) for taker in takers]
        for data in (mint, *allow):
            refused, _ = self.chain.send("dollar", address, data)
            assert refused is None

    def both(
        self,
        rule: str,
        contract: str,
        sender: int,
        data: bytes,
        run: Callable[[], object],
    ) -> object:
        """Make the call on the chain and in the twin, and compare. Returns the twin's result, or
        the Fault.
        """
        self.transitions += 1
        self.rules[rule] += 1
        refused, logs = self.chain.send(contract, sender, data)
        try:
            result = run()
        except Overflow as fault:
            self.faults["(overflow)"] += 1
            assert refused is not None, self.say(rule, f"chain accepts, twin: {fault}")
            return fault
        except Fault as fault:
            self.faults[fault.reason] += 1
            assert refused == fault.reason, self.say(
                rule, f"chain {refused!r}, twin {fault.reason!r}"
            )
            return fault
        assert refused is None, self.say(rule, f"chain refuses with {refused!r}, twin accepts")
        self._compare_logs(rule, logs)
        self._compare_words(rule)
        self._compare_vault(rule)
        self.succeeded[rule] += 1
        return result

    def door(
        self, contract: str, name: str, arguments: Sequence[Any], sender: int, run_name: str = ""
    ) -> object:
        """A door by its name, with arguments as in calldata."""
        door = DOORS[contract.capitalize(), name]
        run = getattr(self.protocol, run_name or name)
        given = [SettleCall(*arguments)] if name == "settle" else arguments
        words = list(arguments)
        if name == "settle":
            words[5] = int.from_bytes(words[5], "big")
        return self.both(
            name,
            contract,
            sender,
            door.selector + encode(door.shape, words),
            lambda: run(*given, sender=sender, now_s=self.now_s),
        )

    def _compare_vault(self, rule: str) -> None:
        """What has left, what waits, and the last ticket. The flow's second word is its time."""
        ours, vault = self.protocol.outflow, "vault"
        last = ours.ticket_count - 1
        ticket = ours.tickets.get(last)
        for getter, expected in (
            ("accounted_e6()", self.protocol.accounted_e6),
            ("flow()", ours.flow.amount_e6),
            ("queued_e6()", ours.queued_e6),
            ("freed_e6()", ours.freed_e6),
            ("waiting_e6()", ours.waiting_e6),
            ("ticket_count()", ours.ticket_count),
            ("tickets(uint256)", ticket.to if ticket else 0),
        ):
            data = selector(getter)
            if getter.startswith("tickets"):
                data += max(0, last).to_bytes(32, "big")
            found = self.chain.read(vault, data)
            found -= 1 << 256 if found >> 255 else 0
            assert found == expected, self.say(rule, f"{getter}: twin {expected}, chain {found}")

    def say(self, rule: str, what: str) -> str:
        return f"seed {self.seed}, transition {self.transitions} ({rule}): {what}"

    def _compare_logs(self, rule: str, logs: Sequence[Any]) -> None:
        expected = self.state.events
        made = []
        for log in logs:
            name = self.chain.of_number.get(int(log.address, 16))
            if name not in ("clearing", "delegates", "pool", "oracle", "seals", "recovery"):
                continue
            topics = [as_bytes(topic) for topic in log.topics]
            decoded = decode_log(topics, bytes(log.data[1]))
            if decoded is not None and decoded[0] != "Transfer":
                made.append(decoded)
        if made != expected:
            for at in range(max(len(made), len(expected))):
                ours = expected[at] if at < len(expected) else None
                theirs = made[at] if at < len(made) else None
                assert ours == theirs, self.say(rule, f"event {at}: twin {ours}, chain {theirs}")

    def _compare_words(self, rule: str) -> None:
        for table, key in self.state.touched():
            ours = getattr(self.state, table).get(key, 0)
            theirs = self.word(table, key)
            assert ours == theirs, self.say(
                rule, f"{table}[{key}]: twin {ours:#x}, chain {theirs:#x}"
            )

    def word(self, table: str, key: Any) -> int:
        """A word of storage on the chain."""
        if table == "scalars":
            return self.chain.read("clearing", selector(SCALARS[key]))
        if table == "delegates":
            data = encode((0, 0), (key >> 160, key & 2**160 - 1))
            return self.chain.read("delegates", selector("delegates(uint256,address)") + data)
        if table == "approvals":
            data = encode((0, 0), (key >> 256, key & 2**256 - 1))
            return self.chain.read("delegates", selector("approvals(uint256,bytes32)") + data)
        if table in POOL_GETTERS:
            signature, bits = POOL_GETTERS[table]
            data = encode((0, 0), (key >> bits, key & (1 << bits) - 1))
            return self.chain.read("pool", selector(signature) + data)
        contract, signature = GETTERS[table]
        return self.chain.read(contract, selector(signature) + key.to_bytes(32, "big"))

    def check_words(self) -> None:
        """Every word the twin knows, and the vault."""
        for table, key, word in self.state.words():
            theirs = self.word(table, key)
            assert word == theirs, self.say(
                "all words", f"{table}[{key}]: twin {word:#x}, chain {theirs:#x}"
            )
        accounted = self.chain.accounted_e6()
        assert accounted == self.protocol.accounted_e6, self.say("vault", str(accounted))

    def check_everything(self) -> None:
        """Every word, and the sums of C2, C3 and C4."""
        self.check_words()
        accounted = self.chain.accounted_e6()
        sums = Sums.of(self.state)
        for market in MARKETS:
            assert sums.base_e8[market] == 0, self.say("C2", f"market {market}")
            assert sums.market_total_e6(market) == 0, self.say("C3", f"market {market}")
        waiting = self.chain.waiting_e6()
        assert waiting == self._queued(), self.say("C4", f"{waiting} waiting")
        owed = sums.owed_e6() + self._lp_held() + waiting
        assert owed == accounted, self.say("C4", str(accounted))

    @property
    def promised_e6(self) -> int:
        """What the vault accounts for, tickets left out: those have left their books."""
        return self.chain.accounted_e6() - self.chain.waiting_e6()

    def first_ticket(self) -> int:
        """The oldest ticket that waits, or the number of the next one."""
        count = self.chain.ticket_count()
        while self.pulled < count and not self.chain.ticket(self.pulled).to:
            self.pulled += 1
        return self.pulled

    def _queued(self) -> int:
        """The sum of all tickets that wait."""
        numbers = range(self.first_ticket(), self.chain.ticket_count())
        return sum(self.chain.ticket(number).amount_e6 for number in numbers)

    def _lp_held(self) -> int:
        """Tokens of share requests: what came in, less what strikes took and holders claimed."""
        struck = Head.of(self.state.scalar("head")).epoch
        held = 0
        for epoch, word in self.state.lp_requests.items():
            deposits = Requests.of(word).deposits_e6
            if epoch >= struck:
                held += deposits
                continue
            strike = Strike.of(self.state.strikes.get(epoch, 0))
            held += deposits if strike.returned else strike.paid_e6
        return held - self.claimed_e6

    # -- what is known -----------------------------------------------------------

    def someone(self) -> int:
        return self.random.choice(list(self.owners))

    def owner_or_not(self, account: int) -> int:
        key = self.owners[account] if self.random.random() < 0.93 else STRANGER
        return key.address

    def unit(self, market: int) -> int:
        """Lots worth about a thousand dollars."""
        return max(1, 1_000 * 10**16 // MARKETS[market])

    def _clock(self, market: int) -> Clock:
        return Clock.of(self.state.market_word(market, 0))

    # -- prices -----------------------------------------------------------------------

    def some_time(self) -> int:
        """A vector's time, mostly fresh."""
        pick = self.random
        if pick.random() < 0.85:
            return self.now_ms + pick.choice([0, 0, 0, -500, 1_000, -2_999])
        return self.now_ms + pick.choice([1_001, -15_000, -15_001, 5_000])

    def vector(
        self, time_ms: int, prices: dict[int, int] | None = None, bad: str = ""
    ) -> tuple[int, Words, list[tuple[int, int]]]:
        """Head, openings and signatures; `bad` names what is wrong with it."""
        prices = self.prices if prices is None else prices
        chunks = 8
        pages = [[0] * 8 for _ in range(chunks)]
        for market, price in prices.items():
            pages[market // 32][market % 32 // 4] |= price << 64 * (3 - market % 4)
        opened = sum(1 << chunk for chunk, page in enumerate(pages) if any(page))
        openings: Words = []
        for chunk, page in enumerate(pages):
            if opened >> chunk & 1:
                openings += page
            else:
                encoded = b"".join(word.to_bytes(32, "big") for word in page)
                openings.append(int.from_bytes(hash_many([encoded])[0], "big"))
        root = open_vector(time_ms, chunks, opened, openings, hash_many).root
        digest = vector_digest(time_ms, chunks, root, self.protocol.oracle.domain, hash_many)
        known = self.protocol.oracle.signers
        keys = [key for key in PRICERS if known.serves(key.address, time_ms)]
        keys = keys[: max(known.threshold.at(time_ms), self.random.choice([2, 3]))] or SIGNERS
        if bad == "few":
            keys = keys[:1]
        elif bad == "order":
            keys = keys[::-1]
        elif bad == "repeated":
            keys = [keys[0], keys[0]]
        elif bad == "stranger":
            keys = sorted([STRANGER, keys[0]], key=lambda key: key.address)
        elif bad == "length":
            openings = openings[:-1]
        elif bad == "chunks":
            chunks = 9
        elif bad == "opened":
            chunks = 1
        elif bad == "price":
            openings[0] ^= 1
        head = SettleHead(0, time_ms, chunks, opened, 0).word
        return head, openings, [key.sign(digest) for key in keys]

    def walk(self) -> None:
        """Move every price a little, sometimes one a lot."""
        for market, price in self.prices.items():
            self.prices[market] = max(
                1, price * (10**6 + self.random.randrange(-600, 601)) // 10**6
            )
        if self.random.random() < 0.02:
            market = self.random.choice(list(MARKETS))
            far = self.random.choice([80, 90, 95, 105, 112, 130])
            self.prices[market] = max(1, self.prices[market] * far // 100)
        for market, start in MARKETS.items():
            if not start // 5 < self.prices[market] < start * 5:
                self.prices[market] = start
