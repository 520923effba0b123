# SPDX-License-Identifier: Apache-2.0
"""The same random venue without the twin: the driver reads the contracts' own storage, and the
invariants are judged from that alone.

Faster than `Machine`, and blind to what only the twin knows (the order of refusals, each word of an
outcome); what it judges is what must hold of any storage: C1 to C5 and how the words fit together.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from tests.support.books import slots
from tests.support.compiler import compiled
from tests.support.twin import encode, hash_many

from infold.reference.digests import Record
from infold.reference.faults import Fault, Reason
from infold.reference.state import EVENTS, METER, POOL, State
from infold.reference.words import Account, Fill, Head, Holding, Meter, Position

from .chain import MARKETS, RECOVERY, STRANGER, as_bytes, selector
from .machine import Machine

KEYS_OF_SIGNERS = (
    "set_signer",
    "set_threshold",
    "set_matcher",
    "set_attester",
    "set_attester_threshold",
)
SKIPPED = hash_many([b"Skipped(uint256,uint256,uint256,uint256,uint256)"])[0]
NOTED_MAX = 48
"""Keys of a map that are looked through, a driver's memory: more would only cost time."""
SOURCED = (1, 2, 37, 191)
"""Markets that may have a second source here."""


class Words(Mapping[int, int]):
    """A table of storage as a mapping that holds no zero: reads by key, iterates over the keys that
    may hold anything.
    """

    def __init__(self, read: Callable[[int], int], keys: Callable[[], Iterable[int]]) -> None:
        self._read, self._keys = read, keys

    def __getitem__(self, key: int) -> int:
        word = self._read(key)
        if not word:
            raise KeyError(key)
        return word

    def get(self, key: int, default: Any = None) -> Any:
        return self._read(key) or default

    def __contains__(self, key: object) -> bool:
        return isinstance(key, int) and self._read(key) != 0

    def __iter__(self) -> Iterator[int]:
        return (key for key in self._keys() if self._read(key))

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Storage(State):
    """The contracts' storage in the shape of the twin's."""

    def __init__(self, machine: Bare) -> None:
        super().__init__()
        self.noted: dict[str, dict[int, None]] = {}
        self._evm = machine.chain.evm
        chain = machine.chain
        storage = self._evm.storage
        found = {name: slots_of(name) for name in ("Clearing", "Delegates", "Pool", "Oracle")}
        self._clearing, at = chain.addresses["clearing"], found["Clearing"]
        self._at = at

        def plain(contract: str, slot: int) -> Callable[[int], int]:
            address = chain.addresses[contract]
            return lambda key: int(storage(address, slot + key))

        def mapped(contract: str, slot: int, bits: int = 0) -> Callable[[int], int]:
            """Of a map, or of one in another whose keys stand side by side."""
            address = chain.addresses[contract]

            def read(key: int) -> int:
                place = _hashed(slot, key >> bits)
                if bits:
                    place = _hashed(place, key & (1 << bits) - 1)
                return int(storage(address, place))

            return read

        def accounts() -> Iterable[int]:
            return range(self.scalar("account_count"))

        def places() -> Iterator[int]:
            backed = self.scalar("backstop_markets")
            yield from ((1 << 4) + market for market in range(256) if backed >> market & 1)
            for account in range(16, self.scalar("account_count")):
                mask = self.accounts.get(account, 0) >> 16 & 0xFFFF
                yield from (account << 4 | place for place in range(16) if mask >> place & 1)

        def epochs() -> Iterable[int]:
            return range(1, Head.of(self.scalar("head")).epoch + 2)

        def noted(table: str) -> Callable[[], Iterable[int]]:
            return lambda: list(self.noted.setdefault(table, {}))

        tables: dict[str, Words] = {
            "accounts": Words(plain("clearing", at["accounts"]), accounts),
            "positions": Words(plain("clearing", at["positions"]), places),
            "fills": Words(plain("clearing", at["fills"]), list),
            "withdrawals": Words(plain("clearing", at["withdrawals"]), accounts),
            "market_words": Words(
                plain("clearing", at["market_words"]),
                lambda: [market * 8 + place for market in MARKETS for place in range(7)],
            ),
            "parameter_words": Words(plain("clearing", at["parameter_words"]), list),
            "strikes": Words(mapped("clearing", at["strikes"]), epochs),
            "delegates": Words(
                mapped("delegates", found["Delegates"]["delegates"], 160), noted("delegates")
            ),
            "approvals": Words(
                mapped("delegates", found["Delegates"]["approvals"], 256), noted("approvals")
            ),
            "shares": Words(
                mapped("pool", found["Pool"]["balanceOf"]),
                lambda: [key.address for key in (*machine.providers, STRANGER)],
            ),
            "holder_requests": Words(
                mapped("pool", found["Pool"]["requests"], 32), noted("holder_requests")
            ),
            "claims": Words(mapped("pool", found["Pool"]["claims"], 33), list),
            "lp_requests": Words(mapped("pool", found["Pool"]["lp_requests"]), epochs),
            "readings": Words(plain("oracle", found["Oracle"]["readings"]), lambda: SOURCED),
        }
        if machine.chain.number("recovery") != RECOVERY.address:
            recovery = slots_of("Recovery")
            tables["liquidated_ms"] = Words(
                mapped("recovery", recovery["liquidated_ms"]), noted("liquidated_ms")
            )
            tables["exits"] = Words(mapped("recovery", recovery["exits"]), noted("exits"))
        for name, table in tables.items():
            setattr(self, name, table)

    def scalar(self, name: str) -> int:
        return int(self._evm.storage(self._clearing, self._at[name]))

    def note(self, table: str, key: int) -> None:
        """Remember a key that may hold something; the oldest make room."""
        keys = self.noted.setdefault(table, {})
        keys[key] = None
        if len(keys) > NOTED_MAX:
            del keys[next(iter(keys))]


@functools.cache
def slots_of(name: str) -> dict[str, int]:
    """Where a contract's variables begin, its modules' among them."""
    return slots(compiled(name).layout["storage_layout"])


@functools.lru_cache(maxsize=1 << 16)
def _hashed(slot: int, key: int) -> int:
    data = slot.to_bytes(32, "big") + key.to_bytes(32, "big")
    return int.from_bytes(hash_many([data])[0], "big")


class Bare(Machine):
    """`Machine` without its twin: calls are built from storage, and none is foretold."""

    def watched(self) -> State:
        self.signed_e8: dict[tuple[int, int], int] = {}
        self.last_ms = 0
        self.storage = Storage(self)
        self.protocol.state = self.storage
        return self.storage

    def both(
        self,
        rule: str,
        contract: str,
        sender: int,
        data: bytes,
        run: Callable[[], object],
    ) -> object:
        """Make the call on the chain. Whose keys serve when is kept beside it, as any matcher
        keeps it; nothing else is.
        """
        self.transitions += 1
        self.rules[rule] += 1
        refused, logs = self.chain.send(contract, sender, data)
        if refused is not None:
            self.faults[refused or "(no words)"] += 1
            return Fault(refused)
        self.succeeded[rule] += 1
        self.protocol.accounted_e6 = self.chain.accounted_e6()
        if rule in KEYS_OF_SIGNERS:
            run()
        elif rule == "open_account":
            return self.state.scalar("account_count") - 1
        elif rule == "settle":
            return {
                (_number(log.topics[1]), *_skipped(bytes(log.data[1])))
                for log in logs
                if as_bytes(log.topics[0]) == SKIPPED
            }
        return None

    def door(
        self, contract: str, name: str, arguments: Sequence[Any], sender: int, run_name: str = ""
    ) -> object:
        result = super().door(contract, name, arguments, sender, run_name)
        if isinstance(result, Fault):
            return result
        match name:
            case "grant" | "revoke":
                self.storage.note("delegates", arguments[0] << 160 | arguments[1])
            case "approve" | "disapprove":
                self.storage.note("approvals", arguments[0] << 256 | arguments[1])
            case "request_deposit" | "request_redeem":
                epoch = Head.of(self.storage.scalar("head")).epoch
                for joined in (epoch, epoch + 1):
                    self.storage.note("holder_requests", arguments[1] << 32 | joined)
            case "liquidate" | "deleverage":
                self.storage.note("liquidated_ms", arguments[3])
            case "force_reduce":
                self.storage.note("exits", arguments[0] << 4 | arguments[1])
            case "settle":
                assert isinstance(result, set)
                return self._settled(arguments, result)
        return result

    def _settled(
        self, arguments: Sequence[Any], skipped: set[tuple[int, int, int]]
    ) -> list[Reason]:
        """Why each record was skipped, if it was; C1 and C5 of what was not."""
        head = Head.of(self.storage.scalar("head"))
        assert head.number == self.landed + 1, self.say("C1", f"number {head.number}")
        assert head.time_ms > self.last_ms, self.say("C1", f"time {head.time_ms}")
        self.last_ms = head.time_ms
        why = {(account, slot): Reason(reason) for account, slot, reason in skipped}
        reasons = []
        for words in arguments[4]:
            record = Record.of(*words)
            reason = why.get((record.account, record.slot), Reason.NONE)
            reasons.append(reason)
            if reason is Reason.NONE:
                fill = Fill.of(self.storage.fills.get(record.account << 8 | record.slot, 0))
                assert fill.seq == record.seq, self.say("C5", f"{record}: {fill}")
                assert fill.filled_e8 <= record.size_e8, self.say("C5", f"{record}: {fill}")
        return reasons

    def check_words(self) -> None:
        """No twin, no words to compare."""

    def check_everything(self) -> None:
        """C2, C3 and C4 from storage, and words that must fit each other."""
        super().check_everything()
        accounted = self.chain.accounted_e6()
        vault = self.chain.number("vault")
        balance = self.chain.read("dollar", selector("balanceOf(address)") + encode((0,), (vault,)))
        assert balance >= accounted, self.say("C4", f"{balance} tokens")
        longs, shorts = Counter[int](), Counter[int]()
        for key, word in self.state.positions.items():
            position = Position.of(word)
            assert position.base_e8 != 0, self.say("places", f"{key:#x} holds nothing")
            side = longs if position.base_e8 > 0 else shorts
            side[position.market] += abs(position.base_e8)
        for account in range(16, self.state.scalar("account_count")):
            held = [
                Position.of(self.state.positions.get(account << 4 | place, 0)).market
                for place in range(16)
                if Account.of(self.state.accounts.get(account, 0)).mask >> place & 1
            ]
            assert len(set(held)) == len(held), self.say("places", f"account {account}: {held}")
        pool_markets = self.state.scalar("pool_markets")
        for market in MARKETS:
            interest = Meter.of(self.state.market_word(market, METER)).open_interest_e8
            said = self.say("C7", f"open interest of {market}")
            if self.state.market_word(market, EVENTS):
                # what longs have not folded is no interest any more; what folds round up still is
                assert interest <= longs[market] + 2**10, said
            else:
                assert interest == longs[market], said
            pool = Holding.of(self.state.market_word(market, POOL))
            assert bool(pool.base_e8) <= pool_markets >> market & 1, self.say("C11", f"{market}")


def _number(topic: Any) -> int:
    return int.from_bytes(as_bytes(topic), "big")


def _skipped(data: bytes) -> tuple[int, int]:
    """Slot and reason of a `Skipped` log."""
    return int.from_bytes(data[:32], "big"), int.from_bytes(data[96:128], "big")
