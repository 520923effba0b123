# SPDX-License-Identifier: Apache-2.0
"""A signed permit of the pool's shares (ERC-2612), as a wallet makes it."""

from __future__ import annotations

import eth_abi

from infold.signing import keccak, sign
from tests.support.evm import Key
from tests.support.venue import Venue

PERMIT = "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"


def a_permit(
    venue: Venue, owner: Key, spender: Key, shares: int, after_s: int = 60
) -> tuple[object, ...]:
    """The arguments of `Pool.permit`: an allowance that is good for `after_s` from now."""
    pool = venue.pool
    deadline = venue.world.now_ms // 1000 + after_s
    words = (owner.address, spender.address, shares, pool.nonces(owner.address), deadline)
    members = eth_abi.encode(
        ("bytes32", "address", "address", *["uint256"] * 3), (keccak(PERMIT.encode()), *words)
    )
    digest = keccak(b"\x19\x01" + pool.DOMAIN_SEPARATOR() + keccak(members))
    r, vs = sign(digest, owner.private)
    s, v = vs & 2**255 - 1, 27 + (vs >> 255)
    return (
        owner.address,
        spender.address,
        shares,
        deadline,
        v,
        r.to_bytes(32, "big"),
        s.to_bytes(32, "big"),
    )
