# SPDX-License-Identifier: Apache-2.0
"""Signed permits (ERC-2612) of the pool's shares and of dollars, as a wallet makes them."""

from __future__ import annotations

import eth_abi

from infold.signing import keccak, sign
from tests.support.evm import Contract, Key
from tests.support.venue import Venue

PERMIT = "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"


def a_permit(
    venue: Venue, owner: Key, spender: Key, shares: int, after_s: int = 60
) -> tuple[object, ...]:
    """The arguments of `Pool.permit`: an allowance that is good for `after_s` from now."""
    return permit_of(venue.pool, owner, spender.address, shares, venue.world.timestamp_s + after_s)


def permit_of(
    token: Contract, owner: Key, spender: str, amount: int, deadline: int
) -> tuple[object, ...]:
    """The arguments of any token's `permit`."""
    words = (owner.address, spender, amount, token.nonces(owner.address), deadline)
    members = eth_abi.encode(
        ("bytes32", "address", "address", *["uint256"] * 3), (keccak(PERMIT.encode()), *words)
    )
    digest = keccak(b"\x19\x01" + token.DOMAIN_SEPARATOR() + keccak(members))
    r, vs = sign(digest, owner.private)
    s, v = vs & 2**255 - 1, 27 + (vs >> 255)
    return (
        owner.address,
        spender,
        amount,
        deadline,
        v,
        r.to_bytes(32, "big"),
        s.to_bytes(32, "big"),
    )
