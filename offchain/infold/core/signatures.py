# SPDX-License-Identifier: Apache-2.0
"""Signers of a whole group: libsecp256k1 called from one compiled loop.

`signing.recover_group` says who signed; this asks the same library the same questions and a
property test holds the two equal. The binding takes the interpreter's lock back after each of two
calls an order, which costs more than a microsecond alone and starves it beside a busy thread; here
the lock is given up once a group. The loop has nothing of its own to decide but the form of s.

What must change together: `signing.recover_group`, coincurve's pin, and this.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from coincurve._libsecp256k1 import ffi, lib
from coincurve.context import GLOBAL_CONTEXT
from numpy.typing import NDArray

from infold.core.compiled import Bytes, compiled
from infold.core.digests import GROUP_MIN
from infold.signing import HALF_CURVE_ORDER, address_of_point, recover_group

_HIGHEST: Final = np.frombuffer(HALF_CURVE_ORDER.to_bytes(32, "big"), np.uint8)
_Pointer: Final = ctypes.c_uint64


def _library_function(name: str, *arguments: Any) -> Callable[..., int]:
    """A function of the library coincurve has loaded, in a form that compiled code can call."""
    address = int(ffi.cast("uintptr_t", ffi.addressof(lib, name)))
    return ctypes.CFUNCTYPE(ctypes.c_int32, *arguments)(address)


_PARSE: Final = _library_function(
    "secp256k1_ecdsa_recoverable_signature_parse_compact",
    *(_Pointer, _Pointer, _Pointer, ctypes.c_int32),
)
_RECOVER: Final = _library_function(
    "secp256k1_ecdsa_recover", *(_Pointer, _Pointer, _Pointer, _Pointer)
)
_CONTEXT: Final = np.uint64(int(ffi.cast("uintptr_t", GLOBAL_CONTEXT.ctx)))


def recover_signers(digests: Sequence[bytes], pairs: Sequence[bytes]) -> list[bytes | None]:
    """`signing.recover_group`: digests of 32 bytes, pairs of 64 (r, then vs)."""
    count = len(digests)
    lengths = set(map(len, digests)), set(map(len, pairs))
    if count < GROUP_MIN or len(pairs) != count or lengths != ({32}, {64}):
        return recover_group(digests, pairs)
    signatures = np.frombuffer(bytearray().join(pairs), np.uint8).reshape(count, 64)
    messages = np.frombuffer(b"".join(digests), np.uint8).reshape(count, 32)
    points = np.empty((count, 64), np.uint8)
    found = np.empty(count, np.bool_)
    _recover_all(_PARSE, _RECOVER, _CONTEXT, messages, signatures, _HIGHEST, points, found)
    joined = points.tobytes()
    return [
        address_of_point(joined[64 * place : 64 * place + 64]) if one else None
        for place, one in enumerate(found.tolist())
    ]


@compiled
def _recover_all(
    parse: Callable[..., int],
    recover: Callable[..., int],
    context: np.uint64,
    messages: Bytes,
    signatures: Bytes,
    highest: Bytes,
    points: Bytes,
    found: NDArray[np.bool_],
) -> None:
    """Public keys, as the library lays them out, into `points` (n, 64), and which there are into
    `found` (n,). The parity bits of `signatures` (n, 64) are taken out.
    """
    parsed = np.zeros(65, np.uint8)  # the library's recoverable signature
    to_parsed = np.uint64(parsed.ctypes.data)
    to_message = np.uint64(messages.ctypes.data)
    to_signature = np.uint64(signatures.ctypes.data)
    to_point = np.uint64(points.ctypes.data)
    for place in range(found.size):
        parity = np.int32(signatures[place, 32] >> 7)
        signatures[place, 32] &= np.uint8(127)
        low = True
        for at in range(32):
            if signatures[place, 32 + at] != highest[at]:
                low = signatures[place, 32 + at] < highest[at]
                break
        found[place] = (
            low
            and parse(context, to_parsed, to_signature, parity) != 0
            and recover(context, to_point, to_parsed, to_message) != 0
        )
        to_message += np.uint64(32)
        to_signature += np.uint64(64)
        to_point += np.uint64(64)
