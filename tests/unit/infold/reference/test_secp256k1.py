# SPDX-License-Identifier: Apache-2.0
"""The twin's key recovery against known addresses and libsecp256k1."""

from __future__ import annotations

import random

import pytest
from tests.support.twin import Key
from tests.support.twin import recover as native_recover

from infold.reference.secp256k1 import FIELD, GENERATOR, ORDER, address, public_key, recover


def test_addresses_of_known_keys() -> None:
    assert f"{address(public_key(1)):040x}" == "7e5f4552091a69125d5dfcb7b8c2659029395bdf"
    first_of_anvil = 0xAC0974BEC39A17E36BA4A6B4D238FF944BACB478CBED5EFCAE784D7BF4F2FF80
    known = "f39fd6e51aad88f6f4ce6ab8827279cfffb92266"
    assert f"{address(public_key(first_of_anvil)):040x}" == known


def test_multiples_at_the_edges_of_the_scalar_range() -> None:
    assert public_key(1) == GENERATOR
    x, y = GENERATOR
    assert public_key(ORDER - 1) == (x, FIELD - y)
    for private in (2, 255, 256, 257, 2**128, ORDER // 2, ORDER - 256):
        assert address(public_key(private)) == Key(private).address


@pytest.mark.parametrize("private", [0, ORDER])
def test_a_private_key_out_of_range_is_refused(private: int) -> None:
    with pytest.raises(ValueError, match="private key"):
        public_key(private)


def test_recovery_agrees_with_libsecp256k1() -> None:
    generator = random.Random(2)
    for _ in range(60):
        key = Key(generator.randrange(1, ORDER))
        digest = generator.randbytes(32)
        assert recover(digest, *key.sign(digest)) == key.address


def test_recovery_agrees_on_random_garbage() -> None:
    generator = random.Random(3)
    for _ in range(40):
        digest, r, vs = (
            generator.randbytes(32),
            generator.getrandbits(256),
            generator.getrandbits(256),
        )
        assert recover(digest, r, vs) == native_recover(digest, r, vs)


def test_recovery_of_edge_digests() -> None:
    key = Key(77)
    for digest in (bytes(32), b"\xff" * 32, ORDER.to_bytes(32, "big")):
        assert recover(digest, *key.sign(digest)) == key.address


def test_s_up_to_half_the_order_recovers_and_above_it_does_not() -> None:
    digest = b"\x07" * 32
    r, _ = Key(9).sign(digest)
    assert recover(digest, r, ORDER // 2) == native_recover(digest, r, ORDER // 2) is not None
    for s in (ORDER // 2 + 1, 2**255 - 1):
        assert recover(digest, r, s) is None


@pytest.mark.parametrize(
    ("r", "vs"), [(0, 1), (ORDER, 1), (1, 0), (5, 1), (2**256 - 1, 2**256 - 1)]
)
def test_impossible_signatures_recover_nobody(r: int, vs: int) -> None:
    # x = 5 is on no point of the curve.
    assert recover(b"\x01" * 32, r, vs) is None


def test_a_signature_that_recovers_infinity_recovers_nobody() -> None:
    # With R = G and s = z, Q = r^-1 (z G - z G).
    digest = b"\x00" * 31 + b"\x05"
    assert recover(digest, GENERATOR[0], 5 | (GENERATOR[1] & 1) << 255) is None
