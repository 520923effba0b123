# SPDX-License-Identifier: Apache-2.0
"""Recovery of the signer from an ECDSA signature over secp256k1, in plain Python.

Sources: SEC 2 (the curve), SEC 1 §4.1.6 (recovery), Gallant, Lambert, Vanstone 2001 (the
endomorphism that halves the doublings), Hankerson, Menezes, Vanstone, "Guide to Elliptic Curve
Cryptography", algorithms 3.22, 3.36 and 3.74.

With Q = r^-1 (s R - z G), the fixed point G is served from a table of all its byte multiples (no
doublings), R by two half-length signed digits expansions that share 128 doublings. Nothing here is
constant time: it only reads public data.
"""

from __future__ import annotations

from functools import lru_cache

from .keccak import keccak_256

FIELD = 2**256 - 2**32 - 977
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
GENERATOR = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)
# The endomorphism (x, y) -> (BETA x, y) multiplies by LAMBDA; the lattice of short pairs below has
# (a + b LAMBDA) = 0.
_BETA = 0x7AE96A2B657C07106E64479EAC3434E99CF0497512F58995C1396C28719501EE
_A1 = 0x3086D221A7D46BCDE86C90E49284EB15
_B1 = -0xE4437ED6010E88286F547FA90ABFE4C3
_A2 = 0x114CA50F7A8E2F3F657C1108D9D44CFD8
_B2 = _A1

# Jacobian points are (X, Y, Z) with x = X / Z^2, y = Y / Z^3; Z = 0 is the point at infinity.
Affine = tuple[int, int]
Jacobian = tuple[int, int, int]
_INFINITY: Jacobian = (0, 1, 0)


def recover(digest: bytes, r: int, vs: int) -> int | None:
    """The address, as an integer, whose key made the EIP-2098 signature `(r, vs)` of `digest`; None
    if there is none.

    A signature whose s is above half the order recovers nobody, so each signature has one form.
    """
    s = vs & (2**255 - 1)
    if not 0 < r < ORDER or not 0 < s <= ORDER // 2:
        return None
    y = _lift(r, vs >> 255)
    if y is None:
        return None
    inverse = pow(r, -1, ORDER)
    point = _multiply_both(
        -int.from_bytes(digest, "big") * inverse % ORDER, (r, y), s * inverse % ORDER
    )
    if point is None:
        return None
    return address(point)


def address(public: Affine) -> int:
    """The Ethereum address of a public key, as an integer."""
    encoded = public[0].to_bytes(32, "big") + public[1].to_bytes(32, "big")
    return int.from_bytes(keccak_256(encoded)[12:], "big")


def public_key(private: int) -> Affine:
    """The public key of a private key between 1 and ORDER - 1. `ValueError` for another."""
    if not 0 < private < ORDER:
        raise ValueError("a private key lies between 1 and the curve's order minus 1")
    point = _multiply_both(private, GENERATOR, 0)
    assert point is not None
    return point


def _lift(x: int, odd: int) -> int | None:
    """The y of the curve point at x with the given parity, or None if x is on no point."""
    square = (x * x * x + 7) % FIELD
    y = pow(square, (FIELD + 1) // 4, FIELD)
    if y * y % FIELD != square:
        return None
    return y if y & 1 == odd else FIELD - y


def _double(point: Jacobian) -> Jacobian:
    x, y, z = point
    yy = y * y % FIELD
    s = 4 * x * yy % FIELD
    m = 3 * x * x
    x3 = (m * m - 2 * s) % FIELD
    return x3, (m * (s - x3) - 8 * yy * yy) % FIELD, 2 * y * z % FIELD


def _add_affine(point: Jacobian, other: Affine) -> Jacobian:
    x1, y1, z1 = point
    x2, y2 = other
    if not z1:
        return x2, y2, 1
    zz = z1 * z1 % FIELD
    h = (x2 * zz - x1) % FIELD
    slope = (y2 * zz * z1 - y1) % FIELD
    if not h:
        return _INFINITY if slope else _double(point)
    hh = h * h % FIELD
    hhh = h * hh % FIELD
    v = x1 * hh % FIELD
    x3 = (slope * slope - hhh - 2 * v) % FIELD
    return x3, (slope * (v - x3) - y1 * hhh) % FIELD, z1 * h % FIELD


def _to_affine(points: list[Jacobian]) -> list[Affine]:
    """All finite points made affine at the price of one inversion (Montgomery's trick)."""
    products = [1]
    for _, _, z in points:
        products.append(products[-1] * z % FIELD)
    inverse = pow(products[-1], -1, FIELD)
    affine: list[Affine] = []
    for (x, y, z), product in zip(reversed(points), reversed(products[:-1]), strict=True):
        z_inverse = inverse * product % FIELD
        inverse = inverse * z % FIELD
        zz = z_inverse * z_inverse % FIELD
        affine.append((x * zz % FIELD, y * zz * z_inverse % FIELD))
    affine.reverse()
    return affine


@lru_cache(maxsize=1)
def _generator_table() -> list[list[Affine]]:
    """table[i][d - 1] = d * 256^i * G for every byte d of a scalar."""
    rows: list[Jacobian] = []
    base: Affine = GENERATOR
    for _ in range(32):
        row: list[Jacobian] = [(*base, 1)]
        for _ in range(254):
            row.append(_add_affine(row[-1], base))
        (base,) = _to_affine([_add_affine(row[-1], base)])
        rows += row
    affine = _to_affine(rows)
    return [affine[start : start + 255] for start in range(0, len(affine), 255)]


def _halves(scalar: int) -> tuple[int, int]:
    """Signed (a, b) of about 128 bits with a + b LAMBDA = scalar modulo the order."""
    c1 = (2 * _B2 * scalar + ORDER) // (2 * ORDER)
    c2 = (-2 * _B1 * scalar + ORDER) // (2 * ORDER)
    return scalar - c1 * _A1 - c2 * _A2, -c1 * _B1 - c2 * _B2


def _signed_digits(scalar: int) -> list[int]:
    """Width-5 non-adjacent form of a non-negative scalar, lowest digit first: odd digits within
    15, or zero.
    """
    digits = []
    while scalar:
        digit = 0
        if scalar & 1:
            digit = scalar & 31
            if digit > 15:
                digit -= 32
            scalar -= digit
        digits.append(digit)
        scalar >>= 1
    return digits


def _odd_multiples(point: Affine) -> list[Affine]:
    """P, 3P, 5P, ... 15P."""
    (double,) = _to_affine([_double((*point, 1))])
    multiples: list[Jacobian] = [(*point, 1)]
    for _ in range(7):
        multiples.append(_add_affine(multiples[-1], double))
    return _to_affine(multiples)


def _multiply_both(fixed: int, point: Affine, scalar: int) -> Affine | None:
    """fixed * G + scalar * point, None if it is the point at infinity."""
    total = _INFINITY
    if scalar:
        first, second = _halves(scalar)
        odd = _odd_multiples(point)
        mapped = [(x * _BETA % FIELD, y) for x, y in odd]
        negative_odd = [(x, FIELD - y) for x, y in odd]
        negative_mapped = [(x, FIELD - y) for x, y in mapped]
        if first < 0:
            odd, negative_odd = negative_odd, odd
        if second < 0:
            mapped, negative_mapped = negative_mapped, mapped
        digits = _signed_digits(abs(first))
        mapped_digits = _signed_digits(abs(second))
        length = max(len(digits), len(mapped_digits))
        digits += [0] * (length - len(digits))
        mapped_digits += [0] * (length - len(mapped_digits))
        for digit, mapped_digit in zip(reversed(digits), reversed(mapped_digits), strict=True):
            if total[2]:
                total = _double(total)
            if digit:
                total = _add_affine(total, (odd if digit > 0 else negative_odd)[abs(digit) >> 1])
            if mapped_digit:
                total = _add_affine(
                    total, (mapped if mapped_digit > 0 else negative_mapped)[abs(mapped_digit) >> 1]
                )
    table = _generator_table()
    place = 0
    while fixed:
        digit = fixed & 255
        if digit:
            total = _add_affine(total, table[place][digit - 1])
        fixed >>= 8
        place += 1
    if not total[2]:
        return None
    (affine,) = _to_affine([total])
    return affine
