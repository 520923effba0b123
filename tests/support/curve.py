# SPDX-License-Identifier: Apache-2.0
"""secp256k1's order as its standard has it (SEC 2, section 2.4.1): what contracts and twin are held
to, taken from neither.
"""

from __future__ import annotations

from typing import Final

CURVE_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
HALF_CURVE_ORDER: Final = CURVE_ORDER // 2
"""The largest s that counts: each one above it mirrors one below."""
S_MASK: Final = 2**255 - 1
"""Of the word `vs`, whose top bit is the parity."""


def mirror(signature: tuple[int, int]) -> tuple[int, int]:
    """The same r with the other s and the other parity, by which the same key is recovered.

    That s may need 256 bits; cut to the 255 of its word, it reads as another.
    """
    r, vs = signature
    return r, (vs >> 255 ^ 1) << 255 | (CURVE_ORDER - (vs & S_MASK)) & S_MASK
