# SPDX-License-Identifier: Apache-2.0
"""What signers say to each other through whoever asks them: what each sees at T, and what it
signed. All of it is signed, and follows from the views alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from infold.errors import InfoldError
from infold.shell.oracle.sources import parse_prices
from infold.signing import Domain, keccak, recover, vector_digest
from infold.vectors import chunks_for, vector_root


class View(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one signer sees at T: price_e8 by market, signed; and why it abstains from the markets
    it leaves out.
    """

    time_ms: int
    prices: dict[str, str]
    abstained: dict[str, str]
    r: str
    vs: str


class Signed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A signature of the vector that follows from the views of these signers, for the Oracle."""

    over: list[str]
    r: str
    vs: str


class Abstains(InfoldError):
    """A signer's refusal, with its reason."""


class TooEarly(Abstains):
    """It will answer in `wait_ms`."""

    def __init__(self, reason: str, wait_ms: int) -> None:
        super().__init__(f"{reason}; ask again in {wait_ms} ms")
        self.wait_ms = wait_ms


class SignedOther(Abstains):
    """It signed another vector of this T: `signed`, over these views as far as it remembers."""

    def __init__(self, reason: str, signed: Signed, views: Sequence[View] = ()) -> None:
        super().__init__(reason)
        self.signed = signed
        self.views = list(views)


def view_digest(time_ms: int, prices_e8: dict[int, int], domain: Domain) -> bytes:
    """What a signer signs under its view. Not an EIP-712 struct: no contract ever accepts it."""
    root = vector_root(prices_e8, 8)
    return keccak(b"infold view" + domain.separator + time_ms.to_bytes(8, "big") + root)


def median(values: Sequence[int]) -> int:
    """The middle value; of two middle ones the mean, rounded down."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) // 2


def agreed_prices(views: Sequence[dict[int, int]], k: int) -> dict[int, int]:
    """The vector that follows from some views: the median of each market that at least k of them
    price.
    """
    markets = sorted({market for view in views for market in view})
    seen = {market: [view[market] for view in views if market in view] for market in markets}
    return {market: median(prices) for market, prices in seen.items() if len(prices) >= k}


def read_view(view: View, time_ms: int, domain: Domain) -> tuple[bytes, dict[int, int]]:
    """Who signed a view, and its prices. Raises `Abstains` if it is not a view of this T."""
    try:
        prices = parse_prices(view.prices)
        who = recover(view_digest(view.time_ms, prices, domain), int(view.r, 16), int(view.vs, 16))
    except (ValueError, OverflowError) as error:
        raise Abstains(f"a view is malformed ({error})") from error
    if view.time_ms != time_ms or who is None:
        raise Abstains("a view is of another time or not signed")
    return who, prices


class Reading(NamedTuple):
    """Who signed, which root, and the views (by whose they are) and prices that it follows from."""

    who: bytes
    root: bytes
    over: list[bytes]
    prices: dict[int, int]


def read_signed(
    signed: Signed, time_ms: int, views: Mapping[bytes, dict[int, int]], k: int, domain: Domain
) -> Reading:
    """Who signed what follows from at least k of these views. Raises `Abstains` if nobody did."""
    try:
        over = [bytes.fromhex(who.removeprefix("0x")) for who in signed.over]
        if len(set(over)) != len(over) or len(over) < k:
            raise Abstains(f"a signature is over fewer than {k} views or one of them twice")
        agreed = agreed_prices([views[one] for one in over], k)
        chunks = chunks_for(agreed)
        root = vector_root(agreed, chunks)
        digest = vector_digest(time_ms, chunks, root, domain)
        who = recover(digest, int(signed.r, 16), int(signed.vs, 16))
    except (KeyError, ValueError, OverflowError) as error:
        raise Abstains(f"a signature is malformed or over other views ({error})") from error
    if who is None or not agreed:
        raise Abstains("a signature is nobody's")
    return Reading(who, root, over, agreed)
