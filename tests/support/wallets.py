# SPDX-License-Identifier: Apache-2.0
"""Contract wallets: an honest one, and code that answers EIP-1271 in whatever way is told."""

from __future__ import annotations

from typing import Final

import pyrevm

from infold.messages import Order
from infold.signing import order_hash, sign
from tests.support.compiler import ROOT, Artifact, compiled_at
from tests.support.evm import Contract, Key, Receipt, World
from tests.support.venue import DOLLAR, Venue

MAGIC: Final = bytes.fromhex("1626ba7e").ljust(32, b"\0")
"""What a wallet answers that takes a signature for its own."""
_RETURN_MAGIC: Final = bytes.fromhex("631626ba7e60e01b5f5260205ff3")
MAGIC_IF: Final = bytes.fromhex("631626ba7e0260e01b5f5260205ff3")
"""Returns the magic value if the stack holds 1."""
ROUND_IF: Final = bytes.fromhex("60a002611000f3")
"""Returns a feed's round, all zeros, if the stack holds 1; else nothing."""
REVERTS: Final = bytes.fromhex("5f5ffd")
BURNS: Final = bytes.fromhex("5b5f56")
"""Jumps back for ever."""
BOMB: Final = bytes.fromhex("62100000 5f f3")
"""Returns a mebibyte."""


def says(answer: bytes) -> bytes:
    """Runtime code that returns these bytes to whoever asks anything."""
    size = len(answer).to_bytes(1, "big").hex()
    return bytes.fromhex(f"60{size}600b5f3960{size}5ff300") + answer


def calls_first(target: str, message: bytes) -> bytes:
    """Runtime code that calls somebody, whatever comes of it, and returns the magic value."""
    size = len(message).to_bytes(2, "big").hex()
    call = f"5f5f61{size}5f5f73{target[2:]}5af150"
    rest = bytes.fromhex(call) + _RETURN_MAGIC
    start = (8 + len(rest)).to_bytes(2, "big").hex()
    return bytes.fromhex(f"61{size}61{start}5f39") + rest + message


def asks_first(target: str, message: bytes, then: bytes) -> bytes:
    """Runtime code that calls somebody and goes on with 1 where it was answered, else with 0."""
    size = len(message).to_bytes(2, "big").hex()
    rest = bytes.fromhex(f"5f5f61{size}5f5f73{target[2:]}5af1") + then
    start = (8 + len(rest)).to_bytes(2, "big").hex()
    return bytes.fromhex(f"61{size}61{start}5f39") + rest + message


def set_code(world: World, address: str, code: bytes) -> None:
    """Put code at an address, whatever stood there."""
    held = world._evm.basic(address)
    world._evm.insert_account_info(
        address, pyrevm.AccountInfo(balance=held.balance, nonce=held.nonce, code=code)
    )


def delegate_code(world: World, key: Key, wallet: Contract) -> None:
    """What an EIP-7702 authorisation leaves at an externally owned account."""
    set_code(world, key.address, bytes.fromhex("ef0100" + wallet.address[2:]))


def a_wallet(world: World, owner: Key) -> Contract:
    """An honest contract wallet."""
    return world.deploy(
        compiled_at(ROOT / "tests" / "support" / "contracts" / "Wallet.vy"),
        owner.address,
        sender=owner,
    )


def raw_contract(world: World, code: bytes, sender: Key) -> Contract:
    """A contract of this runtime code."""
    size = len(code).to_bytes(2, "big").hex()
    init = bytes.fromhex(f"61{size}600c5f3961{size}5ff3") + code
    return world.deploy(Artifact("raw", init, len(code), (), {}), sender=sender)


def open_for(venue: Venue, owner: str, payer: Key, amount_e6: int = 1_000_000 * DOLLAR) -> int:
    """An account that somebody opens for a wallet."""
    venue.fund(payer, amount_e6)
    account: int = venue.clearing.open_account(owner, amount_e6, sender=payer).value
    return account


def through(wallet: Contract, key: Key, target: Contract, name: str, *args: object) -> Receipt:
    """A call that the wallet makes when its owner tells it to."""
    receipt: Receipt = wallet.execute(target.address, target.calldata(name, *args), sender=key)
    return receipt


def proof_of(venue: Venue, order: Order, key: Key) -> tuple[bytes, bytes]:
    """An order's hash, and what `Wallet` takes for its owner's signature of it: r, s, v."""
    digest = order_hash(order, venue.domain)
    r, vs = sign(digest, key.private)
    s, v = vs & 2**255 - 1, 27 + (vs >> 255)
    return digest, r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([v])
