# SPDX-License-Identifier: Apache-2.0
"""Storage read from the chain through the public getters, and its hash."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from .abi import encode_call
from .history import Contracts
from .keccak import keccak_256, keccak_256_many
from .rpc import Node
from .state import State

_BY_NUMBER = (
    "accounts",
    "positions",
    "fills",
    "withdrawals",
    "epoch_barriers",
    "market_words",
    "parameter_words",
    "strikes",
)
_SCALARS = {
    "head": "head",
    "limits": "limits",
    "pool_markets": "pool_markets",
    "backstop_markets": "backstop_markets",
    "account_count": "account_count",
}
_PIECE_BYTES = 4096
_KEY_BYTES = {"approvals": 64, "operators": 64}
"""Of tables whose keys join two words: an account and a hash, two addresses. Elsewhere 32."""


def read_state(node: Node, contracts: Contracts, known: State, block: int) -> State:
    """The words on chain under every key that `known` holds, and under every key beside them.

    Beside them: all words of every listed market, and the words of every account.
    """
    read = State()
    clearing = contracts.clearing

    def fill(
        table: str, keys: list[int], encode: Callable[[int], bytes], contract: int = clearing
    ) -> None:
        words = node.read_words(contract, [encode(key) for key in keys], block)
        for key, word in zip(keys, words, strict=True):
            read.put(getattr(read, table), key, word)

    for table in _BY_NUMBER:
        keys = set(getattr(known, table))
        if table in ("market_words", "parameter_words"):
            keys = {key & ~7 | place for key in keys for place in range(8)}
        if table == "accounts":
            keys |= set(range(known.scalar("account_count") + 1))
        fill(table, sorted(keys), partial(encode_call, f"{table}(uint256)"))
    fill(
        "delegates",
        sorted(known.delegates),
        lambda key: encode_call("delegates(uint256,address)", key >> 160, key & 2**160 - 1),
        contracts.delegates,
    )
    fill(
        "approvals",
        sorted(known.approvals),
        lambda key: encode_call("approvals(uint256,bytes32)", key >> 256, key & 2**256 - 1),
        contracts.delegates,
    )
    pool = contracts.pool
    epochs = sorted(known.lp_requests)
    fill("lp_requests", epochs, partial(encode_call, "lp_requests(uint256)"), pool)
    fill(
        "holder_requests",
        sorted(known.holder_requests),
        lambda key: encode_call("requests(address,uint256)", key >> 32, key & 2**32 - 1),
        pool,
    )
    fill(
        "claims",
        sorted(known.claims),
        lambda key: encode_call("claims(address,uint256)", key >> 33, key & 2**33 - 1),
        pool,
    )
    fill(
        "operators",
        sorted(known.operators),
        lambda key: encode_call("isOperator(address,address)", key >> 160, key & 2**160 - 1),
        pool,
    )
    fill("shares", sorted(known.shares), partial(encode_call, "balanceOf(address)"), pool)
    for table in ("liquidated_ms", "exits"):
        known_keys = sorted(getattr(known, table))
        fill(table, known_keys, partial(encode_call, f"{table}(uint256)"), contracts.recovery)
    for table, getter in (("sources", "source_of"), ("readings", "readings")):
        keys_known: list[int] = sorted(known.sources.keys() | known.readings.keys())
        fill(table, keys_known, partial(encode_call, f"{getter}(uint256)"), contracts.oracle)
    scalars = node.read_words(clearing, [encode_call(f"{it}()") for it in _SCALARS.values()], block)
    for name, word in zip(_SCALARS, scalars, strict=True):
        read.put_scalar(name, word)
    read.begin()
    return read


def differences(left: State, right: State, left_name: str, right_name: str) -> list[str]:
    """Every word in which two states differ."""
    found = []
    ours = {(table, key): word for table, key, word in left.words()}
    theirs = {(table, key): word for table, key, word in right.words()}
    for table, key in sorted(ours.keys() | theirs.keys(), key=str):
        one, other = ours.get((table, key), 0), theirs.get((table, key), 0)
        if one != other:
            found.append(f"{table}[{key}]: {left_name} {one:#x}, {right_name} {other:#x}")
    return found


def state_hash(state: State) -> bytes:
    """One hash of all words: rows of (table, key, word) in order, hashed in pieces of 4096 bytes
    until one is left.

    A piece's digest takes its place in the next round, so that pieces can be hashed side by side.
    """
    rows = []
    for table, key, word in state.words():
        wide = _KEY_BYTES.get(table, 32)
        place = (
            key.encode().rjust(wide, b"\0") if isinstance(key, str) else key.to_bytes(wide, "big")
        )
        rows.append(table.encode().rjust(32, b"\0") + place + word.to_bytes(32, "big"))
    data = b"".join(rows)
    while True:
        whole = len(data) // _PIECE_BYTES * _PIECE_BYTES
        pieces = [data[at : at + _PIECE_BYTES] for at in range(0, whole, _PIECE_BYTES)]
        digests = keccak_256_many(pieces)
        if whole < len(data) or not digests:
            digests.append(keccak_256(data[whole:]))
        if len(digests) == 1:
            return digests[0]
        data = b"".join(digests)
