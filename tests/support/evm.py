# SPDX-License-Identifier: Apache-2.0
"""A chain in process: pyrevm, called by ABI. Fast enough for thousands of calls a second.

Every call is a transaction of its own: transient storage is cleared between calls. A read is a
static call. Storage stays warm between calls, so gas figures here are lower bounds; the ones that
count come from a node (`infold bench gas`).
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import eth_abi
import pyrevm

from infold.signing import address_of, checksum_address, keccak
from tests.support.compiler import Artifact, compiled

GENESIS_S = 1_700_000_000
CHAIN_ID = 31_337
ZERO = "0x" + "00" * 20
_ERROR = keccak(b"Error(string)")[:4]


tripped: list[str] = []
"""Reasons of refused calls, for `tools/reasons.py`, which empties it before each test."""


class Refused(AssertionError):
    """A call reverted. `reason` is its string; empty if there was none, as in failed ABI checks."""

    def __init__(self, what: str, reason: str, data: bytes) -> None:
        super().__init__(f"{what} reverted: {reason or data.hex() or 'no reason'}")
        self.reason = reason
        tripped.append(reason)
        self.data = data


@dataclass(frozen=True)
class Event:
    """One decoded log."""

    address: str
    name: str
    args: dict[str, Any]


@dataclass(frozen=True)
class Receipt:
    """What a transaction did: its return value, logs in order, and gas used."""

    value: Any
    events: list[Event]
    gas: int

    def only(self, name: str) -> dict[str, Any]:
        """The arguments of the one event of this name."""
        found = [event.args for event in self.events if event.name == name]
        assert len(found) == 1, f"{len(found)} events {name} among {[e.name for e in self.events]}"
        return found[0]

    def all(self, name: str) -> list[dict[str, Any]]:
        """The arguments of each event of this name."""
        return [event.args for event in self.events if event.name == name]


@dataclass(frozen=True)
class Key:
    """A private key and its address, made from a word so that runs repeat."""

    name: str
    private: bytes = field(repr=False)
    address: str

    @property
    def number(self) -> int:
        return int(self.address, 16)


@functools.cache
def a_key(name: str) -> Key:
    """The key of an actor: `a_key("depositor")` is the same in every run."""
    private = keccak(b"infold test key " + name.encode())
    return Key(name, private, checksum_address(address_of(private)))


@dataclass(frozen=True)
class _Function:
    name: str
    selector: bytes
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    reads: bool


@dataclass(frozen=True)
class Step:
    """One thing that was done to a world: "call", "deploy", "mark" or "back" to the last mark."""

    kind: str
    stamp_s: int
    sender: str = ""
    to: str = ""
    data: bytes = field(default=b"", repr=False)
    reason: str | None = None
    """What it was refused with, if it was."""
    logs: str = ""
    """A hash of everything it logged."""


class World:
    """One chain."""

    tape: ClassVar[list[Step] | None] = None
    """Where every world notes what is done to it, for `tests/devnet` to do again on a node."""

    def __init__(self, timestamp_s: int = GENESIS_S, chain_id: int = CHAIN_ID) -> None:
        self.chain_id = chain_id
        self._evm = pyrevm.EVM(
            env=pyrevm.Env(
                cfg=pyrevm.CfgEnv(chain_id=chain_id, limit_contract_code_size=1 << 20),
                block=pyrevm.BlockEnv(number=1, timestamp=timestamp_s, gas_limit=1 << 40),
            ),
            spec_id="PRAGUE",
        )
        self._number = 1
        self.timestamp_s = timestamp_s
        self._events: dict[tuple[str, str], dict[str, Any]] = {}
        self._nonces: dict[str, int] = {}
        self._stored: dict[str, dict[int, int]] = {}

    # -- time

    @property
    def now_ms(self) -> int:
        """The block's stamp in milliseconds, as contracts see it."""
        return self.timestamp_s * 1000

    def at(self, timestamp_s: int) -> None:
        """Put what follows into a block of this stamp."""
        self._number += 1
        self.timestamp_s = timestamp_s
        self._evm.set_block_env(
            pyrevm.BlockEnv(number=self._number, timestamp=timestamp_s, gas_limit=1 << 40)
        )

    def at_ms(self, time_ms: int) -> None:
        """The first whole second at or after a time."""
        self.at(-(-time_ms // 1000))

    def travel(self, seconds: int) -> None:
        """Move on."""
        self.at(self.timestamp_s + seconds)

    def _note(self, kind: str, **what: Any) -> None:
        if World.tape is not None:
            World.tape.append(Step(kind, self.timestamp_s, **what))

    @contextmanager
    def anchored(self) -> Iterator[None]:
        """Undo everything done inside, time included."""
        self._note("mark")
        mark = self._evm.snapshot()
        kept = self.timestamp_s, dict(self._nonces)
        try:
            yield
        finally:
            self._evm.revert(mark)
            self._nonces = kept[1]
            self.at(kept[0])
            self._note("back")

    # -- contracts

    def predict(self, deployer: str, ahead: int = 0) -> str:
        """The address of the next contract of a deployer, or of the one `ahead` after it."""
        nonce = self._nonces.get(deployer, 0) + ahead
        tail = b"\x80" if nonce == 0 else bytes([nonce])
        assert nonce < 0x80, "a longer nonce needs a longer encoding"
        body = b"\x94" + bytes.fromhex(deployer[2:]) + tail
        return checksum_address(keccak(bytes([0xC0 + len(body)]) + body)[12:])

    def deploy(self, what: str | Artifact, *args: Any, sender: Key) -> Contract:
        """Deploy `contracts/<what>.vy`, or something compiled already."""
        artifact = compiled(what) if isinstance(what, str) else what
        types = next(
            (_types(entry["inputs"]) for entry in artifact.abi if entry["type"] == "constructor"),
            (),
        )
        expected = self.predict(sender.address)
        self._evm.reset_transient_storage()
        init_code = artifact.bytecode + eth_abi.encode(types, args)
        self._note("deploy", sender=sender.address, data=init_code)
        try:
            address = self._evm.deploy(sender.address, init_code)
        except RuntimeError as error:
            raise _refused(f"{artifact.name}()", error) from None
        assert int(address, 16) == int(expected, 16), "the deployer's nonce moved elsewhere"
        self._nonces[sender.address] = self._nonces.get(sender.address, 0) + 1
        contract = Contract(self, artifact, expected)
        for entry in artifact.abi:
            if entry["type"] == "event":
                signature = f"{entry['name']}({','.join(_types(entry['inputs']))})"
                self._events[expected.lower(), "0x" + keccak(signature.encode()).hex()] = entry
        return contract

    @property
    def gas_used(self) -> int:
        """What the last call cost, whether it succeeded or not."""
        result = self._evm.result
        assert result is not None, "nothing was called yet"
        return int(result.gas_used)

    def storage(self, address: str, slot: int) -> int:
        """A raw storage word."""
        return int(self._evm.storage(address, slot))

    def store(self, address: str, slot: int, word: int) -> None:
        """Put a raw word into storage, past every rule."""
        self._evm.insert_account_storage(address, slot, word)
        self._stored.setdefault(address.lower(), {})[slot] = word

    def dump(self) -> dict[str, dict[int, int]]:
        """Every storage word that is not zero, of every contract, by address and slot."""
        state, _, _ = self._evm.journal_str.partition(", transient_storage: ")
        before, *slots = state.split(": StorageSlot { ")
        words = {place: dict(kept) for place, kept in self._stored.items()}
        where = ""
        for text in slots:
            at = before.rfind(": Account {")
            if at >= 0:
                where = before[at - 42 : at]
            key = before[max(before.rfind(" "), before.rfind("{")) + 1 :]
            word = int(text[text.index("present_value: ") + 15 : text.index(" }")])
            words.setdefault(where, {})[int(key)] = word
            before = text
        return {
            place: {slot: word for slot, word in found.items() if word}
            for place, found in words.items()
        }

    def raw(
        self, sender: str, to: str, data: bytes, *, static: bool = False
    ) -> tuple[bytes, int, list[Event]]:
        """One transaction, or one read, of raw calldata."""
        self._evm.reset_transient_storage()
        try:
            output = bytes(self._evm.message_call(sender, to, calldata=data, is_static=static))
        except RuntimeError as error:
            if not static:
                self._note("call", sender=sender, to=to, data=data, reason=_words(error)[0])
            raise
        result = self._evm.result
        assert result is not None, "a call that returned has a result"
        if not static and World.tape is not None:
            found = [
                (log.address, [*map(_hex, log.topics)], _hex(log.data[1])) for log in result.logs
            ]
            self._note("call", sender=sender, to=to, data=data, logs=hash_of_logs(found))
        return (
            output,
            int(result.gas_used),
            [] if static else [self._decode(log) for log in result.logs],
        )

    def _decode(self, log: Any) -> Event:
        _, data = log.data
        names = [_hex(topic) for topic in log.topics]
        first = names[0]
        entry = self._events.get((log.address.lower(), first))
        if entry is None:
            return Event(log.address, first, {"data": data})
        indexed = [part for part in entry["inputs"] if part["indexed"]]
        plain = [part for part in entry["inputs"] if not part["indexed"]]
        args: dict[str, Any] = {}
        for part, topic in zip(indexed, names[1:], strict=True):
            word = bytes.fromhex(topic.removeprefix("0x"))
            args[part["name"]] = eth_abi.decode([_type(part)], word)[0]
        values = eth_abi.decode(_types(plain), bytes(data))
        args.update((part["name"], value) for part, value in zip(plain, values, strict=True))
        return Event(log.address, entry["name"], args)


class Contract:
    """A deployed contract. Views are read by calling them, the rest with `sender=`:

    `vault.accounted_e6()`, `clearing.deposit(17, 5, sender=depositor)`.
    """

    def __init__(self, world: World, artifact: Artifact, address: str) -> None:
        self.world = world
        self.artifact = artifact
        self.address = address
        self._functions = _functions(artifact)

    def __getattr__(self, name: str) -> Any:
        try:
            function = self.__dict__["_functions"][name]
        except KeyError:
            raise AttributeError(f"{self.artifact.name} has no function {name}") from None
        return functools.partial(self._call, function)

    def shorter(self, name: str) -> Any:
        """The form of a function that leaves its last argument to its default."""
        longest = self._functions[name]
        return functools.partial(self._call, _form(longest, longest.inputs[:-1]))

    @property
    def names(self) -> frozenset[str]:
        """Of its functions."""
        return frozenset(self._functions)

    def calldata(self, name: str, *args: Any) -> bytes:
        """What a transaction to this function carries."""
        function = self._functions[name]
        return function.selector + eth_abi.encode(function.inputs, args)

    def plain_reads(self) -> dict[bytes, str]:
        """Calldata of each view, all its arguments zero or empty, and its name."""
        return {
            function.selector + bytes(32 * 8): function.name
            for function in self._functions.values()
            if function.reads
        }

    def send(self, data: bytes, *, sender: Key) -> Receipt:
        """A transaction of any calldata."""
        try:
            output, gas, events = self.world.raw(sender.address, self.address, data)
        except RuntimeError as error:
            raise _refused(self.artifact.name, error) from None
        return Receipt(output, events, gas)

    def _call(self, function: _Function, *args: Any, sender: Key | str | None = None) -> Any:
        if sender is None:
            assert function.reads, f"{function.name} changes state: name its sender"
        who = ZERO if sender is None else sender if isinstance(sender, str) else sender.address
        data = function.selector + eth_abi.encode(function.inputs, args)
        static = function.reads and sender is None
        try:
            output, gas, events = self.world.raw(who, self.address, data, static=static)
        except RuntimeError as error:
            raise _refused(f"{self.artifact.name}.{function.name}", error) from None
        values = eth_abi.decode(function.outputs, output)
        value = values[0] if len(values) == 1 else values or None
        return value if static else Receipt(value, events, gas)


def ecrecover(world: World, digest: bytes, r: int, s: int) -> str:
    """Whose signature a pair of even parity is, by the chain's own precompile: for any s."""
    words = (27, r, s)
    data = digest + b"".join(word.to_bytes(32, "big") for word in words)
    return checksum_address(world.raw(ZERO, f"0x{1:040x}", data, static=True)[0][12:])


def slot_of(contract: Contract, name: str, *keys: bytes) -> int:
    """Where a variable (`module.name` if it is a module's), or an entry of a mapping, is stored."""
    found: Any = contract.artifact.layout["storage_layout"]
    for part in name.split("."):
        found = found[part]
    slot: int = found["slot"]
    for key in keys:
        slot = int.from_bytes(keccak(slot.to_bytes(32, "big") + key), "big")
    return slot


@contextmanager
def refuses(world: World, reason: str) -> Iterator[None]:
    """The call inside must revert with exactly this string, and leave every slot as it was."""
    kept = world.dump()
    try:
        yield
    except Refused as refused:
        assert refused.reason == reason, f"refused with {refused.reason!r}, expected {reason!r}"
        assert world.dump() == kept, "a refused call changed state"
    else:
        raise AssertionError(f"nothing was refused; expected {reason!r}")


def _refused(what: str, error: RuntimeError) -> Refused:
    return Refused(what, *_words(error))


def _words(error: RuntimeError) -> tuple[str, bytes]:
    """What a call reverted with: its string, if it is one, and its bytes."""
    text = str(error)
    if not text.startswith("Revert"):
        return "", text.encode()
    data = bytes.fromhex(text.rsplit("0x", 1)[1].split(" ")[0].rstrip(" }"))
    if data[:4] == _ERROR:
        return eth_abi.decode(["string"], data[4:])[0], data
    return "", data


def _hex(part: Any) -> str:
    text = part.hex() if isinstance(part, bytes) else str(part)
    return text if text.startswith("0x") else "0x" + text


def hash_of_logs(logs: Sequence[tuple[str, Sequence[str], str]]) -> str:
    """One hash of addresses, topics and data in hexadecimal, whoever reports them."""
    lines = [" ".join([address, *topics, data]).lower() for address, topics, data in logs]
    return keccak("\n".join(lines).encode()).hex()


def _functions(artifact: Artifact) -> dict[str, _Function]:
    found: dict[str, _Function] = {}
    for entry in artifact.abi:
        if entry["type"] == "function":
            name, inputs = entry["name"], _types(entry["inputs"])
            if name in found and len(found[name].inputs) > len(inputs):
                continue
            outputs = _types(entry["outputs"])
            reads = entry["stateMutability"] in ("view", "pure")
            found[name] = _form(_Function(name, b"", inputs, outputs, reads), inputs)
    return found


def _form(function: _Function, inputs: tuple[str, ...]) -> _Function:
    signature = f"{function.name}({','.join(inputs)})"
    return replace(function, selector=keccak(signature.encode())[:4], inputs=inputs)


def _types(parts: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    return tuple(_type(part) for part in parts)


def _type(part: dict[str, Any]) -> str:
    kind: str = part["type"]
    if kind.startswith("tuple"):
        return f"({','.join(_types(part['components']))}){kind[5:]}"
    return kind
