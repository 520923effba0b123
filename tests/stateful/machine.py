# SPDX-License-Identifier: Apache-2.0
"""A seeded random venue: the contracts on pyrevm, the twin beside them, every call made to both.

Each step picks a rule, builds a call (often a bad one), and compares revert string, logs in order
and every word the twin wrote. The driver knows nothing of the expected outcome; the tables at the
end say what was reached.
"""

from __future__ import annotations

import functools
import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from tests.support.compiler import compiled
from tests.support.evm import World, a_key
from tests.unit.infold.reference.venue import Key, hash_many, recover

from infold.reference.abi import DOORS, decode_log
from infold.reference.deleveraging import EXIT_DELAY_MS, behind
from infold.reference.digests import (
    Contents,
    Record,
    batch_contents,
    batch_digest,
    order_hashes,
    vector_digest,
)
from infold.reference.faults import Fault, Overflow, Reason
from infold.reference.keccak import keccak_256
from infold.reference.outflow import BOUNDS
from infold.reference.protocol import Protocol
from infold.reference.settlement import SettleCall
from infold.reference.state import State
from infold.reference.sums import Sums
from infold.reference.vectors import open_vector
from infold.reference.words import (
    Account,
    Caps,
    Clock,
    Exit,
    Fill,
    Head,
    Limits,
    Position,
    PriceWord,
    Rates,
    Requests,
    SettleHead,
    Strike,
    Withdrawal,
)

Words = list[int]
DEPLOYMENT = (
    "dev/Dollar",
    "Vault",
    "Oracle",
    "Seals",
    "Rules",
    "Delegates",
    "Clearing",
    "Pool",
    "Recovery",
    "dev/Source",
)
EPOCH_MS = 60_000
THRESHOLD = 2
GOVERNANCE, RECOVERY, MATCHER, TIMELOCK = (Key(94_001 + it) for it in range(4))
SIGNERS = sorted((Key(93_001 + it) for it in range(3)), key=lambda key: key.address)
STRANGER = Key(99_001)
ATTESTERS = sorted((Key(98_001 + it) for it in range(2)), key=lambda key: key.address)
MARKETS = {1: 60_000 * 10**8, 2: 2_500 * 10**8, 37: 150 * 10**8, 70: 25 * 10**6, 255: 10**11}
# A market whose caps are as wide as their fields, so that sizes near the ends of the range can
# trade.
WIDE = 255
DOLLAR_SUPPLY = 2**120
CLOSED_BOOK = 2**60 - 1


def encode(shape: Sequence[int], arguments: Sequence[Any]) -> bytes:
    """ABI encoding by the twin's shapes: a word, or a list of tuples of words."""
    heads: list[int] = []
    tail: list[int] = []
    for width, argument in zip(shape, arguments, strict=True):
        if not width:
            heads.append(argument)
            continue
        heads.append(32 * (len(shape) + len(tail)))
        tail.append(len(argument))
        for item in argument:
            tail += [item] if width == 1 else list(item)
    return b"".join([word.to_bytes(32, "big") for word in heads + tail])


class Chain:
    """The contracts, called by raw calldata.

    Governance is a plain key, so that parameters beyond its bounds reach Clearing; Recovery is one
    too where `with_recovery` is false, so that `apply` is reached without its judgement.
    """

    def __init__(self, with_recovery: bool) -> None:
        self.world = World()
        self.evm: Any = self.world._evm
        names = [name for name in DEPLOYMENT if with_recovery or name != "Recovery"]
        deployer = a_key("deployer")
        keys = {"governance": GOVERNANCE, "recovery": RECOVERY, "timelock": TIMELOCK}
        self.addresses = {name: f"0x{key.address:040x}" for name, key in keys.items()}
        for at, name in enumerate(names):
            short = name.rsplit("/", 1)[-1].lower()
            self.addresses[short] = self.world.predict(deployer.address, at)
        known: dict[str, Any] = self.addresses | {
            "token": self.addresses["dollar"],
            "matcher": f"0x{MATCHER.address:040x}",
            "epoch_ms": EPOCH_MS,
            "oracle_signers": [f"0x{key.address:040x}" for key in SIGNERS],
            "threshold": THRESHOLD,
            "price_e8": MARKETS[1],
        }
        for name in names:
            wanted = [
                part["name"]
                for entry in compiled(name).abi
                if entry["type"] == "constructor"
                for part in entry["inputs"]
            ]
            self.world.deploy(name, *(known[part] for part in wanted), sender=deployer)
        self.of_number = {int(address, 16): name for name, address in self.addresses.items()}

    def number(self, name: str) -> int:
        return int(self.addresses[name], 16)

    def send(self, contract: str, sender: int, data: bytes) -> tuple[str | None, list[Any]]:
        """A transaction: the reason it reverted for ("" without words) or None, and its logs."""
        self.evm.reset_transient_storage()
        try:
            self.evm.message_call(f"0x{sender:040x}", self.addresses[contract], calldata=data)
        except RuntimeError as error:
            return _reason(str(error)), []
        return None, self.evm.result.logs

    def read(self, contract: str, data: bytes) -> int:
        """The first word a view returns."""
        output = self.evm.message_call(
            f"0x{0:040x}", self.addresses[contract], calldata=data, is_static=True
        )
        return int.from_bytes(bytes(output)[:32], "big")

    def accounted_e6(self) -> int:
        """What the vault says it holds for others."""
        return self.read("vault", selector("accounted_e6()"))


def _reason(text: str) -> str:
    if not text.startswith("Revert"):
        return ""
    data = bytes.fromhex(text.rsplit("0x", 1)[1].split(" ")[0].rstrip(" }"))
    if data[:4] != b"\x08\xc3\x79\xa0":
        return ""
    length = int.from_bytes(data[36:68], "big")
    return data[68 : 68 + length].decode()


@functools.cache
def selector(signature: str) -> bytes:
    return keccak_256(signature.encode())[:4]


POOL_GETTERS = {
    "holder_requests": ("requests(address,uint256)", 32),
    "claims": ("claims(address,uint256)", 33),
    "operators": ("isOperator(address,address)", 160),
}
GETTERS = {
    "accounts": ("clearing", "accounts(uint256)"),
    "positions": ("clearing", "positions(uint256)"),
    "fills": ("clearing", "fills(uint256)"),
    "withdrawals": ("clearing", "withdrawals(uint256)"),
    "epoch_barriers": ("clearing", "epoch_barriers(uint256)"),
    "market_words": ("clearing", "market_words(uint256)"),
    "parameter_words": ("clearing", "parameter_words(uint256)"),
    "strikes": ("clearing", "strikes(uint256)"),
    "lp_requests": ("pool", "lp_requests(uint256)"),
    "shares": ("pool", "balanceOf(address)"),
    "liquidated_ms": ("recovery", "liquidated_ms(uint256)"),
    "exits": ("recovery", "exits(uint256)"),
    "deleveragings": ("recovery", "deleveragings(uint256)"),
    "sources": ("oracle", "source_of(uint256)"),
    "readings": ("oracle", "readings(uint256)"),
}
SCALARS = {
    "head": "head()",
    "limits": "limits()",
    "pool_markets": "pool_markets()",
    "backstop_markets": "backstop_markets()",
    "account_count": "account_count()",
}


class Machine:
    """The random driver. `steps(n)` makes n transitions; `counts` says which."""

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
        self.transitions = 0
        self.rules = Counter[str]()
        self.succeeded = Counter[str]()
        self.faults = Counter[str]()
        self.reasons = Counter[Reason]()
        self.landed = 0
        self._begin()

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
            topics = [_bytes(topic) for topic in log.topics]
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

    def check_everything(self) -> None:
        """Every word the twin knows, the vault, and the sums of C2, C3 and C4."""
        for table, key, word in self.state.words():
            theirs = self.word(table, key)
            assert word == theirs, self.say(
                "all words", f"{table}[{key}]: twin {word:#x}, chain {theirs:#x}"
            )
        accounted = self.chain.accounted_e6()
        assert accounted == self.protocol.accounted_e6, self.say("vault", str(accounted))
        sums = Sums.of(self.state)
        for market in MARKETS:
            assert sums.base_e8[market] == 0, self.say("C2", f"market {market}")
            assert sums.market_total_e6(market) == 0, self.say("C3", f"market {market}")
        waiting = self.chain.read("vault", selector("waiting_e6()"))
        assert waiting == sum(it.amount_e6 for it in self.protocol.outflow.tickets.values())
        owed = sums.owed_e6() + self._lp_held() + waiting
        assert owed == accounted, self.say("C4", str(accounted))

    @property
    def promised_e6(self) -> int:
        """What the vault accounts for, tickets left out: those have left their books."""
        return self.protocol.accounted_e6 - self.protocol.outflow.waiting_e6

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

    # -- beginning ----------------------------------------------------------------

    def _begin(self) -> None:
        self.claimed_e6 = 0
        for key in (*self.providers, STRANGER, self.matcher):
            self.fund(key.address)
        for market in MARKETS:
            self.set_market(market, self._rates(market), self._caps(market))
        for _ in range(8):
            self.open_account()
        self.door("clearing", "deposit", (1, 40_000_000 * 10**6), STRANGER.address)
        first = self.providers[0].address
        self.door("pool", "request_deposit", (3 * 10**7 * 10**6, first, first), first)
        self.travel(EPOCH_MS // 1000 + 20)
        self.rule_settle()

    def _rates(self, market: int) -> Rates:
        pick = self.random
        im = pick.randrange(20_000, 200_000)
        h_min, h0 = pick.randrange(10, 800), pick.randrange(0, 800)
        return Rates(
            im_e6=im,
            mm_e6=pick.randrange(10_000, im),
            haircut_e6=pick.choice([0, 50_000, 300_000, 10**6]),
            h_min_e6=h_min,
            h0_e6=h0,
            band_e6=pick.choice([h_min + h0, 5_000, 100_000]),
            move_e6=pick.choice([1_000, 20_000, 100_000]),
            move_per_s_e6=pick.randrange(0, 3_000),
            fee_e6=pick.choice([0, 1, 300, 2_500]),
            shift=20 if market == WIDE else pick.choice([25, 32, 33]),
            tier=pick.choice([0, 3, 8, 15]),
            status=1 if pick.random() < 0.9 else 2,
            rate_max_e9=pick.choice([0, 10_000_000, 100_000_000]),
            velocity_e9=pick.choice([0, 10**8, 10**9]),
            rebate=pick.choice([0, 4, 15]),
        )

    def _caps(self, market: int) -> Caps:
        if market == WIDE:
            return Caps(0, 2**62, 2**62, 15, CLOSED_BOOK)
        pick = self.random
        position = self.unit(market) * pick.choice([5, 200, 2_000])
        residual = max(1, position // pick.choice([2, 8]))
        slope = 10**20 // (residual + 2 * position) // pick.choice([1, 10, 100])
        share = pick.choice([0, 4, 15])
        return Caps(slope, residual, position, share, position * pick.choice([2, 50]))

    def unit(self, market: int) -> int:
        """Lots worth about a thousand dollars."""
        return max(1, 1_000 * 10**16 // MARKETS[market])

    # -- rules: time, accounts, keys -----------------------------------------------

    def rule_travel(self) -> None:
        self.transitions += 1
        self.rules["travel"] += 1
        pick = self.random
        self.travel(pick.choice([1, 1, 2, 3, 4, 15, 18, 19, pick.randrange(1, 400)]))

    def open_account(self, amount_e6: int | None = None) -> None:
        key = Key(10_000 + len(self.owners) % 12)
        amount = amount_e6 or self.random.choice(
            [10_000_000, 9_999_999, 2_000 * 10**6, 20_000 * 10**6, 100_000 * 10**6, 2**63]
        )
        self.fund(key.address)
        owner = 0 if self.random.random() < 0.02 else key.address
        account = self.door("clearing", "open_account", (owner, amount), key.address)
        if isinstance(account, int):
            self.owners[account] = key

    def rule_open_account(self) -> None:
        if len(self.owners) < 40:
            self.open_account()

    def rule_deposit(self) -> None:
        account = self.random.choice([0, 1, 2, 5_000, *self.owners])
        amount = self.random.choice([0, 1, 1_000 * 10**6, 20_000 * 10**6])
        self.door("clearing", "deposit", (account, amount), STRANGER.address)

    def someone(self) -> int:
        return self.random.choice(list(self.owners))

    def owner_or_not(self, account: int) -> int:
        key = self.owners[account] if self.random.random() < 0.93 else STRANGER
        return key.address

    def rule_request_withdrawal(self) -> None:
        """Of a trader by its owner, now and then of the backstop by Governance."""
        account = self.someone() if self.random.random() < 0.85 else 1
        collateral = Account.of(self.state.accounts[account]).collateral_e6
        amount = self.random.choice(
            [0, 1, max(0, collateral), max(0, collateral) + 1, max(0, collateral) // 3]
        )
        sender = self.governance if account == 1 else self.owner_or_not(account)
        self.door("clearing", "request_withdrawal", (account, amount), sender)

    def rule_claim_withdrawal(self) -> None:
        pending = list(self.state.withdrawals)
        account = self.random.choice(pending) if pending else self.someone()
        due_s = Withdrawal.of(self.state.withdrawals.get(account, 0)).barrier_ms // 1000 + 15
        if self.random.random() < 0.5 and 0 <= due_s - self.now_s < 30:
            self.travel(max(0, due_s - self.now_s + self.random.choice([0, 1])))
        vector = self.vector(self.some_time())
        self.door("clearing", "claim_withdrawal", (account, *vector), STRANGER.address)

    def rule_leave_at_once(self) -> None:
        """Pay in much and take it out when its hour is over: more than may leave in one."""
        account = self.someone()
        owner = self.owners[account].address
        self.door("clearing", "deposit", (account, 2_000_000 * 10**6), STRANGER.address)
        self.travel(3_600)
        collateral = max(1, Account.of(self.state.accounts[account]).collateral_e6)
        self.door("clearing", "request_withdrawal", (account, collateral), owner)
        self.travel(20)
        vector = self.vector(self.now_ms)
        self.door("clearing", "claim_withdrawal", (account, *vector), STRANGER.address)

    def rule_pull(self) -> None:
        """Mostly the first ticket that waits; sometimes at its last day, or one that is gone."""
        pick, outflow = self.random, self.protocol.outflow
        number = pick.choice([0, outflow.ticket_count, min(outflow.tickets, default=0)])
        ticket = outflow.tickets.get(number)
        if ticket is not None and pick.random() < 0.1 and ticket.due_s > self.now_s:
            self.travel(ticket.due_s - self.now_s - pick.choice([0, 1]))
        self.door("vault", "pull", (number,), STRANGER.address)

    def rule_set_outflow(self) -> None:
        pick = self.random
        values = [pick.choice([least, most]) for least, most in BOUNDS.values()]
        if pick.random() < 0.1:
            at = pick.randrange(3)
            values[at] += pick.choice([-1, 1])
        self.door("vault", "set_outflow", values, TIMELOCK.address)

    def rule_cancel(self) -> None:
        account = self.someone()
        slot = self.random.choice([0, 1, 2, 3, 255, 256])
        fill = Fill.of(self.state.fills.get(account << 8 | slot, 0))
        seq = self.random.choice([fill.cancel_seq, fill.seq, fill.seq + 1, 2**32])
        self.door("clearing", "cancel", (account, slot, seq), self.owner_or_not(account))

    def rule_cancel_all(self) -> None:
        account = self.someone()
        self.door("clearing", "cancel_all", (account,), self.owner_or_not(account))

    def rule_grant(self) -> None:
        account = self.someone()
        pick = self.random
        key = 0 if pick.random() < 0.05 else pick.choice(self.delegate_keys).address
        markets = sum(market << 16 * at for at, market in enumerate(MARKETS) if pick.random() < 0.7)
        arguments = (
            account,
            key,
            markets if pick.random() < 0.97 else 1 << 128,
            pick.choice([10**6, 10**9, 10**12, 2**64 - 1]),
            self.now_ms + pick.choice([0, 1, 20_000, 3_600_000]),
        )
        self.door("delegates", "grant", arguments, self.owner_or_not(account))

    def rule_revoke(self) -> None:
        account = self.someone()
        key = self.random.choice(self.delegate_keys).address
        if self.state.delegates and self.random.random() < 0.8:
            granted = self.random.choice(list(self.state.delegates))
            account, key = granted >> 160, granted & 2**160 - 1
        self.door("delegates", "revoke", (account, key), self.owner_or_not(account))

    def rule_approve(self) -> None:
        account = self.someone()
        digest = self.random.getrandbits(256)
        if self.state.approvals and self.random.random() < 0.5:
            decided = self.random.choice(list(self.state.approvals))
            account, digest = decided >> 256, decided & 2**256 - 1
        self.door("delegates", "approve", (account, digest), self.owner_or_not(account))

    def rule_disapprove(self) -> None:
        account = self.someone()
        digest = self.random.getrandbits(256)
        if self.state.approvals and self.random.random() < 0.8:
            decided = self.random.choice(list(self.state.approvals))
            account, digest = decided >> 256, decided & 2**256 - 1
        self.door("delegates", "disapprove", (account, digest), self.owner_or_not(account))

    # -- rules: shares ---------------------------------------------------------------

    def rule_request_deposit(self) -> None:
        amount = self.random.choice([0, 1, 1_000 * 10**6, 200_000 * 10**6, 2**62])
        controller, owner, sender = self._parties()
        if self.random.random() < 0.5:  # one who asks every epoch and hardly ever claims
            owner = sender = self.providers[0].address
            amount, controller = 1_000 * 10**6, STRANGER.address
        self.door("pool", "request_deposit", (amount, controller, owner), sender)

    def rule_request_redeem(self) -> None:
        controller, owner, sender = self._parties()
        balance = self.state.shares.get(owner, 0)
        amounts = [0, 1, balance // 7, balance // 2, *[balance] * 4, balance + 1]
        shares = self.random.choice(amounts)
        if self.state.shares and self.random.random() < 0.3:
            # more than a strike may pay while open interest locks capital
            owner = max(self.state.shares, key=lambda it: self.state.shares[it])
            controller, sender, shares = owner, owner, self.state.shares[owner]
        self.door("pool", "request_redeem", (shares, controller, owner), sender)

    def rule_set_operator(self) -> None:
        operator = self.random.choice([*self.providers, STRANGER]).address
        approved = int(self.random.random() < 0.5)
        sender = self.random.choice(self.providers).address
        self.door("pool", "set_operator", (operator, approved), sender)

    def rule_claim(self) -> None:
        """Any way of claiming, whole or in pieces, by its owner, an operator, a stranger."""
        pick = self.random
        controller, _, sender = self._parties(0.9)
        door = pick.choice(CLAIMS)
        epochs_back = [
            (key >> 32, key & 2**32 - 1)
            for key in self.state.holder_requests
            if self.protocol.left(key >> 32, key & 2**32 - 1, redeems=True).back
        ]
        if epochs_back and pick.random() < 0.5:
            # a strike that could not pay for all is rare: what it gave back is asked for
            controller, epoch = pick.choice(epochs_back)
            arguments = (epoch, controller, controller)
            self.door("pool", "take_back_redeem", arguments, controller)
            return
        redeems = door in ("claim_withdraw", "claim_redeem", "take_back_redeem")
        epochs = [key & 2**32 - 1 for key in self.state.holder_requests if key >> 32 == controller]
        if door.startswith("take_back"):
            waiting = [
                (it >> 32, it & 2**32 - 1)
                for it in self.state.holder_requests
                if self.protocol.left(it >> 32, it & 2**32 - 1, redeems=redeems).back
            ]
            first = pick.choice([*epochs, Head.of(self.state.scalar("head")).epoch])
            if waiting and pick.random() < 0.8:  # a strike rarely leaves any
                controller, first = pick.choice(waiting)
                sender = controller
        else:
            by_shares = door in ("claim_mint", "claim_own_mint", "claim_redeem")
            left = [self.protocol.left(controller, epoch, redeems=redeems) for epoch in epochs]
            most = sum(it[by_shares] for it in left)
            first = pick.choice([0, 1, most // 3, most // 2, most, most, most + 1])
        receiver = pick.choice([controller, STRANGER.address])
        given: tuple[int, ...] = (first, receiver, controller)
        if "own" in door:
            given, sender = (first, receiver), controller
        before_e6 = self.promised_e6
        self.door("pool", door, given, sender)
        self.claimed_e6 += before_e6 - self.promised_e6

    def _parties(self, own: float = 0.8) -> tuple[int, int, int]:
        """A controller, an owner and a sender: mostly one provider, sometimes three people."""
        everybody = [it.address for it in (*self.providers, STRANGER)]
        one = self.random.choice(self.providers).address
        if self.random.random() < own:
            return one, one, one
        choose = self.random.choice
        return choose([one, choose(everybody), 0]), choose([one, choose(everybody)]), one

    # -- rules: governance and recovery -------------------------------------------------

    def set_market(self, market: int, rates: Rates, caps: Caps) -> None:
        """As Governance; its bounds are not asked, so that Clearing meets what they would keep
        out.
        """
        insured = self.random.choice([0, 3, 15])
        words = (market, rates.word, caps.word, insured << 252 | market)
        sender = self.governance if self.random.random() < 0.97 else STRANGER.address
        if self.transitions < 20:
            sender = self.governance
        self.both(
            "set_market",
            "clearing",
            sender,
            selector("set_market(uint256,uint256,uint256,uint256)") + encode((0, 0, 0, 0), words),
            lambda: self.protocol.set_market(*words, sender=sender, now_s=self.now_s),
        )

    def rule_set_market(self) -> None:
        market = self.random.choice(list(MARKETS))
        clock = self.state.parameters(self._clock(market), market, self.now_ms)
        rates = self._rates(market)._replace(shift=clock[0].shift)
        self.set_market(market, rates, self._caps(market))

    def rule_collect_fees(self) -> None:
        market = self.random.choice([*MARKETS, 3, 256])
        self.door("clearing", "collect_fees", (market,), STRANGER.address)

    def rule_spend(self) -> None:
        """As Governance, out of the treasury: into accounts of all kinds, sometimes too much."""
        pick = self.random
        held = Account.of(self.state.accounts.get(3, 0)).collateral_e6
        account = pick.choice([0, 1, 2, 3, 4, 5_000, *self.owners])
        amount = pick.choice([0, 1, held // 2, held, held + 1, 2**255])
        sender = self.governance if pick.random() < 0.9 else STRANGER.address
        self.both(
            "spend",
            "clearing",
            sender,
            selector("spend(uint256,uint256)") + encode((0, 0), (account, amount)),
            lambda: self.protocol.spend(account, amount, sender=sender, now_s=self.now_s),
        )

    def rule_set_halt(self) -> None:
        """As Governance: from the barrier on, now and then a little before it or beyond the field;
        half of the time the halt in force gets another end.
        """
        pick = self.random
        barrier = self.now_ms + 3_000
        start = barrier + pick.choice([-1, 0, 0, 2_000])
        if pick.random() < 0.5:
            start = Limits.of(self.state.scalar("limits")).halted_from_ms
        end = pick.choice([2**48, *[barrier + it for it in (-1, 0, 4_000, 20_000)]])
        sender = self.governance if pick.random() < 0.9 else STRANGER.address
        self.both(
            "set_halt",
            "clearing",
            sender,
            selector("set_halt(uint256,uint256)") + encode((0, 0), (start, end)),
            lambda: self.protocol.set_halt(start, end, sender=sender, now_s=self.now_s),
        )

    def _clock(self, market: int) -> Clock:
        return Clock.of(self.state.market_word(market, 0))

    def rule_keys(self) -> None:
        pick = self.random
        which = pick.choice(["signer", "threshold", "matcher", "attester", "attester_threshold"])
        oracle, seals = self.protocol.oracle.signers, self.protocol.seals
        now_s = self.now_s
        contract = "oracle" if which in ("signer", "threshold") else "seals"
        keys = oracle if contract == "oracle" else seals.attesters
        if which in ("signer", "attester"):
            known = [*SIGNERS, STRANGER] if which == "signer" else ATTESTERS
            key, live = pick.choice(known).address, pick.random() < 0.7
            data = selector(f"set_{which}(address,bool)") + encode((0, 0), (key, int(live)))
            run = functools.partial(keys.set, key, live, now_s=now_s)
        elif which == "matcher":
            key = pick.choice(self.matchers).address
            data = selector("set_matcher(address)") + encode((0,), (key,))
            run = functools.partial(seals.set_matcher, key, now_s=now_s)
        else:
            threshold = pick.choice([1, 2, 2, 3, 4] if which == "threshold" else [0, 0, 1, 2])
            data = selector(f"set_{which}(uint256)") + encode((0,), (threshold,))
            run = functools.partial(keys.set_threshold, threshold, now_s=now_s)

        def logged() -> None:
            self.state.begin()
            name, arguments = run()
            self.state.log(name, *arguments)

        self.both(f"set_{which}", contract, self.governance, data, logged)

    def rule_source(self) -> None:
        """Another second source, which is the same contract in every market, or none."""
        pick = self.random
        market = pick.choice([1, 1, 2, 37, 191, 192, 0])
        given = (
            market,
            0 if pick.random() < 0.2 else self.chain.number("source"),
            pick.choice([9, 10, 100, 500, 2_000, 2_001]),
            pick.choice([29, 30, 60, 172_800, 172_801]),
            pick.random() < 0.5,
        )
        self.set_source(given, self.governance if pick.random() < 0.9 else STRANGER.address)

    def set_source(self, given: tuple[int, int, int, int, bool], sender: int) -> None:
        """Market, source, bound, age and whether it is strict, as Governance would say them."""
        answer = self.ask(given[0])
        self.both(
            "set_source",
            "oracle",
            sender,
            selector("set_source(uint256,address,uint256,uint256,bool)") + encode((0,) * 5, given),
            lambda: self.protocol.set_source(*given, answer, sender=sender, now_s=self.now_s),
        )

    def rule_refresh(self) -> None:
        self.refresh(self.random.choice([*self.state.readings, *self.state.readings, 1, 200]))

    def refresh(self, market: int) -> None:
        answer = self.ask(market)
        self.both(
            "refresh",
            "oracle",
            STRANGER.address,
            selector("refresh(uint256)") + encode((0,), (market,)),
            lambda: self.protocol.refresh(market, answer, sender=0, now_s=self.now_s),
        )

    def ask(self, market: int) -> tuple[int, int]:
        """Let the second source say a price near the market's, now or before."""
        pick = self.random
        price = self.prices.get(market, 10**8) * pick.choice([9_000, 9_990, 9_999, 10_000, 10_100])
        answer = (
            pick.choice([price // 10_000] * 20 + [0, 2**64]),
            self.now_s - pick.choice([0, 0, 0, 5, 29, 31, -1]),
        )
        refused, _ = self.chain.send(
            "source", STRANGER.address, selector("say(uint256,uint256)") + encode((0, 0), answer)
        )
        assert refused is None
        return answer

    def rule_liquidate(self) -> None:
        before = list(self.state.liquidated_ms)
        again = bool(before) and self.random.random() < 0.3
        account = self.random.choice(before) if again else self.someone()
        mask = Account.of(self.state.accounts[account]).mask
        places = [place for place in range(16) if mask >> place & 1]
        place = self.random.choice(places) if places else self.random.choice([0, 16])
        keeper = self.random.choice([0, 0, account, self.someone(), 2, 10**6])
        if self.protocol.recovery == RECOVERY.address:
            return
        time_ms = self.some_time()
        if again and self.random.random() < 0.5:
            time_ms = self.state.liquidated_ms[account] - self.random.choice([0, 1])
        vector = self.vector(time_ms)
        self.door("recovery", "liquidate", (*vector, account, place, keeper), STRANGER.address)

    def rule_deleverage(self) -> None:
        """Mostly of who is below maintenance, and often where the pool was left no room."""
        if self.protocol.recovery == RECOVERY.address:
            return
        pick = self.random
        vector = self.vector(self.now_ms)
        broken = self._broken(vector)
        account = pick.choice(broken) if broken and pick.random() < 0.9 else self.someone()
        place = pick.choice(self._places(account) or [0, 16])
        market = Position.of(self.state.positions.get((account << 4) + place, 0)).market
        if broken and market in MARKETS and pick.random() < 0.8:
            caps = self._caps(market)._replace(position_cap_e8=1)
            self.set_market(market, self._rates(market), caps)
            self.travel(20)
            vector = self.vector(self.now_ms)
        keeper = pick.choice([0, 0, self.someone(), 2, 10**6])
        self.door("recovery", "deleverage", (*vector, account, place, keeper), STRANGER.address)

    def _broken(self, vector: tuple[Any, ...]) -> list[int]:
        """The traders below maintenance at a vector, and the backstop."""
        found = []
        for account in (1, *self.owners):
            try:
                opened = self.protocol._signed_vector(*vector)
                held = self.protocol.standing(account, opened)
            except Fault:
                continue
            pending = Withdrawal.of(self.state.withdrawals.get(account, 0)).amount_e6
            if held.equity_e6 + pending < held.mm_e6:
                found.append(account)
        return found

    def _places(self, account: int) -> list[int]:
        """Where an account holds positions; the backstop's places are markets."""
        if account == 1:
            mask = self.state.scalar("backstop_markets")
        else:
            mask = Account.of(self.state.accounts[account]).mask
        return [place for place in range(256) if mask >> place & 1]

    def rule_fold(self) -> None:
        """Mostly of a position that is behind."""
        if self.protocol.recovery == RECOVERY.address:
            return
        late = [
            key
            for key, word in self.state.positions.items()
            if key >> 4 in self.owners and behind(self.state, Position.of(word))
        ]
        key = self.random.choice(late) if late else self.someone() << 4
        self.door("recovery", "fold", (key >> 4, key & 15), STRANGER.address)

    def rule_force_reduce(self) -> None:
        if self.protocol.recovery == RECOVERY.address:
            return
        account = self.someone()
        mask = Account.of(self.state.accounts[account]).mask
        places = [place for place in range(16) if mask >> place & 1]
        place = self.random.choice(places) if places else self.random.choice([0, 16])
        base = Position.of(self.state.positions.get(account << 4 | place, 0)).base_e8
        size = self.random.choice([0, 1, abs(base) // 2, abs(base), abs(base), abs(base) + 1])
        who = self.owner_or_not(account)
        self.door("recovery", "force_reduce", (account, place, size), who)

    def rule_execute_exit(self) -> None:
        """Mostly at an appointed time, waited for where it is near."""
        if self.protocol.recovery == RECOVERY.address:
            return
        pick = self.random
        pending = list(self.state.exits)
        key = pick.choice(pending) if pending else self.someone() << 4
        asked = Exit.of(self.state.exits.get(key, 0))
        rounds = max(1, -(-(self.now_ms - 10_000 - asked.asked_ms) // EXIT_DELAY_MS))
        time_ms = asked.asked_ms + rounds * EXIT_DELAY_MS
        if pick.random() < 0.7 and 0 <= time_ms - self.now_ms <= EXIT_DELAY_MS:
            self.travel((time_ms - self.now_ms) // 1000 + pick.choice([0, 0, 2, 14, 15, 16]))
        if pick.random() < 0.2:
            time_ms = self.some_time()
        vector = self.vector(time_ms)
        self.door("recovery", "execute_exit", (*vector, key >> 4, key & 15), STRANGER.address)

    def rule_apply(self) -> None:
        """As Recovery, without its judgement: Clearing's own checks."""
        account, place = (
            self.random.choice([1, 16, *self.owners]),
            self.random.choice([0, 1, 2, 16]),
        )
        open_places = [key for key in self.state.positions if key >> 4 in self.owners]
        if open_places and self.random.random() < 0.7:
            account, place = divmod(self.random.choice(open_places), 16)
        position = Position.of(self.state.positions.get(account << 4 | place & 15, 0))
        base = position.base_e8
        change = self.random.choice([0, 1, -base, -base // 2, -base - 1, -2 * base])
        plain = self.protocol.recovery == RECOVERY.address
        sender = RECOVERY.address if plain and self.random.random() < 0.9 else STRANGER.address
        head, openings, signatures = self.vector(self.some_time())
        worth_e6 = abs(change) * self.prices.get(position.market, 0) // 10**10
        charge = self.random.choice([0, 0, worth_e6 // 200, worth_e6 // 200, worth_e6])
        lean = self.random.choice([0, 10, 500, 50_000, 50_001])
        bounty = self.random.choice([0, 0, 0, worth_e6 // 10**5, worth_e6])
        keeper = self.random.choice([0, 0, self.someone(), self.someone(), 10**6])
        appointed = self.random.randrange(2)
        terms = (
            appointed << 255
            | lean << 160
            | min(bounty, 2**64 - 1) << 96
            | min(charge, 2**64 - 1) << 32
            | keeper
        )
        shape = (0, 1, 2, 0, 0, 0, 0)
        arguments = (head, openings, signatures, account, place, change, terms)
        data = selector(
            "apply(uint256,uint256[],(uint256,uint256)[],uint256,uint256,int256,uint256)"
        ) + encode(shape, (*arguments[:5], change % 2**256, terms))
        self.both(
            "apply",
            "clearing",
            sender,
            data,
            lambda: self.protocol.apply(*arguments, sender=sender, now_s=self.now_s),
        )

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
        keys = [key for key in SIGNERS if known.serves(key.address, time_ms)]
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

    # -- batches -------------------------------------------------------------------------

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
        flags = (
            int(buy)
            | int(post_only) << 1
            | int(reduce_only) << 2
            | time_in_force << 3
            | trigger_kind << 5
            | int(delegated) << 7
            | extra << 8
        )
        first = (
            account << 224
            | slot << 216
            | market << 200
            | place << 196
            | flags << 184
            | epoch << 168
            | seq << 136
            | max_fee << 120
            | expiry << 72
            | size << 8
        )
        terms = limit << 192 | fill << 128 | trigger << 64 | good_after << 16
        if wrong == "zeros":
            first |= 1
        record = Record.of(first, terms, 0, 0)
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
        contents = Contents(call.head, root, call.accepted_root, call.prices, call.records)
        (hashed,) = batch_contents([contents], hash_many)
        digest = batch_digest(number, time_ms, hashed, self.protocol.crypto.domain, hash_many)
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

    # -- the run -------------------------------------------------------------------------

    def step(self) -> None:
        """One transition by weight."""
        (rule,) = self.random.choices(list(WEIGHTS), list(WEIGHTS.values()))
        getattr(self, f"rule_{rule}")()

    def run(self, transitions: int, check_every: int) -> None:
        """So many transitions; everything is compared now and then, and at the end."""
        due = check_every
        while self.transitions < transitions:
            self.step()
            if self.transitions >= due:
                self.check_everything()
                due += check_every
        self.check_everything()

    def table(self) -> str:
        """What was reached."""
        lines = [f"seed {self.seed}: {self.transitions} transitions, {self.landed} batches landed"]
        for title, counts in (
            ("rules", self.rules),
            ("reasons", Counter({it.name: n for it, n in self.reasons.items()})),
            ("faults", self.faults),
        ):
            lines.append(title)
            done = self.succeeded if title == "rules" else counts
            lines += [f"  {count:7} {done[it]:7} {it}" for it, count in sorted(counts.items())]
        return "\n".join(lines)


def _bytes(topic: Any) -> bytes:
    if isinstance(topic, bytes):
        return topic
    return bytes.fromhex(str(topic).removeprefix("0x"))


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
CLAIMS = (
    "claim_deposit",
    "claim_mint",
    "claim_own_deposit",
    "claim_own_mint",
    "claim_withdraw",
    "claim_redeem",
    "take_back_deposit",
    "take_back_redeem",
)
WEIGHTS = {
    "settle": 55,
    "travel": 6,
    "open_account": 1,
    "deposit": 3,
    "request_withdrawal": 4,
    "claim_withdrawal": 4,
    "leave_at_once": 1,
    "pull": 2,
    "set_outflow": 1,
    "cancel": 4,
    "cancel_all": 2,
    "grant": 5,
    "revoke": 2,
    "approve": 1,
    "disapprove": 1,
    "request_deposit": 2,
    "request_redeem": 5,
    "set_operator": 1,
    "claim": 7,
    "set_market": 2,
    "set_halt": 1,
    "collect_fees": 2,
    "spend": 1,
    "keys": 4,
    "source": 2,
    "refresh": 5,
    "liquidate": 6,
    "apply": 3,
    "force_reduce": 4,
    "execute_exit": 4,
    "deleverage": 4,
    "fold": 8,
}
