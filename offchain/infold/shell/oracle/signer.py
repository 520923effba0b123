# SPDX-License-Identifier: Apache-2.0
"""One oracle signer: what it sees at T, and what it puts its name to.

It abstains from a market when fewer than two of its sources have a fresh price or two of them
disagree, and from the vector when nothing is left, when the median is far from its own, or when it
has signed another vector for this T: it writes T and root to its record, on disk, before the
signature leaves.

Anyone may ask. So the view it gave of a T stands for every asker, and over fewer views than there
are signers it signs only after a grace: a stranger who shows each signer others would have them
sign roots of which none gets k signatures (docs/decisions/0040).
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import msgspec

from infold.errors import InfoldError, Misconfigured
from infold.shell.oracle.roster import Quorum, Roster
from infold.shell.oracle.sources import Source, parse_prices
from infold.signing import Domain, address_of, keccak, recover, sign, vector_digest
from infold.units import GUARD_MS
from infold.vectors import chunks_for, vector_root

# 0.5 %: sources of liquid markets differ by a few basis points; more means one of them is wrong
TOLERANCE_E6 = 5_000
STALE_MS = 10_000  # less than the window F, so that a vector that is signed can still be used
SOURCES_MIN = 2
VIEWS_MAX = 16  # no vector carries more signatures, and each view costs a recovery and a question
GRACE_MS = (
    1_000  # who asks as soon as T is over has shown all views long before; a batch can wait it
)
BLOCK_MS = 2_000  # between two blocks of a chain that keeps pace with batches
VIEWS_KEPT = 1_024  # times whose views are remembered: a quarter of an hour of batches, 1 MB or so


class View(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one signer sees at T: price_e8 by market, signed; and why it abstains from the markets
    it leaves out.
    """

    time_ms: int
    prices: dict[str, str]
    abstained: dict[str, str]
    r: str
    vs: str


class SignRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The views a signer is asked to agree on."""

    time_ms: int
    views: list[View]


class Abstains(InfoldError):
    """A signer's refusal, with its reason."""


class TooEarly(Abstains):
    """It will answer in `wait_ms`."""

    def __init__(self, reason: str, wait_ms: int) -> None:
        super().__init__(f"{reason}; ask again in {wait_ms} ms")
        self.wait_ms = wait_ms


class Given(NamedTuple):
    """A view that left, and when by the signer's clock."""

    view: View
    at_ms: int


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


class Record:
    """Which root was signed for which T, on disk before any signature leaves. One process at a
    time. `Misconfigured` if another has it or it is damaged.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._file)
            raise Misconfigured(
                f"record {path} is in use: one signer process a key and record"
            ) from error
        self.roots: dict[int, str] = {}
        content = path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole != len(content):
            os.ftruncate(self._file, whole)  # a line torn by a crash: its signature never left
        for number, text in enumerate(content[:whole].splitlines(), 1):
            try:
                line = json.loads(text)
                self.roots[int(line["time_ms"])] = str(line["root"])
            except (ValueError, KeyError, TypeError) as error:
                raise Misconfigured(
                    f"record {path} is damaged at line {number}; retire this key, it may have "
                    "signed what the record lost"
                ) from error

    def close(self) -> None:
        """Close the file and give its lock back."""
        os.close(self._file)

    def claim(self, time_ms: int, root: bytes) -> None:
        """Write down that this root is signed for T. Raises `Abstains` if another one was."""
        earlier = self.roots.get(time_ms)
        if earlier is not None:
            if earlier != root.hex():
                raise Abstains(f"signed another vector for {time_ms} before")
            return
        line = json.dumps({"time_ms": time_ms, "root": root.hex()}) + "\n"
        try:
            os.write(self._file, line.encode())
            os.fdatasync(self._file)
        except OSError as error:
            raise Abstains(f"cannot write its record ({error.strerror})") from error
        self.roots[time_ms] = root.hex()


@dataclass(slots=True)
class Signer:
    """One oracle signer: a key, sources of its own, and a memory of what it signed."""

    private_key: bytes
    sources: list[Source]
    record: Record
    domain: Domain
    roster: Roster
    tolerance_e6: int = TOLERANCE_E6
    stale_ms: int = STALE_MS
    skew_ms: int | None = None
    """How far T may lie from this machine's clock; None where time is the data's."""
    k_min: int = 1
    """What its operator knows k to be at least, whatever a node says."""
    block_ms: int = BLOCK_MS
    clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    _given: dict[int, Given] = field(default_factory=dict)
    _known: frozenset[bytes] = frozenset()

    @property
    def address(self) -> bytes:
        """The signer's address."""
        return address_of(self.private_key)

    def look(self, time_ms: int) -> tuple[dict[int, int], dict[int, str]]:
        """Own price_e8 by market at T, and why the other markets have none."""
        for source in self.sources:
            source.refresh()
        prices: dict[int, int] = {}
        reasons: dict[int, str] = {}
        for market in sorted({market for source in self.sources for market in source.times}):
            fresh, why = [], []
            for source in self.sources:
                point = source.at(market, time_ms)
                if source.fault:
                    why.append(f"{source.path.name} {source.fault}")
                elif point is None:
                    why.append(f"{source.path.name} has no price")
                elif time_ms - point[0] > self.stale_ms:
                    why.append(f"{source.path.name} is {time_ms - point[0]} ms old")
                else:
                    fresh.append(point[1])
            if len(fresh) < SOURCES_MIN:
                reasons[market] = (
                    f"sees {len(fresh)} of at least {SOURCES_MIN} sources: "
                    f"{', '.join(why) or 'no other is given'}"
                )
            elif (max(fresh) - min(fresh)) * 1_000_000 > min(fresh) * self.tolerance_e6:
                reasons[market] = f"sources disagree: {min(fresh)} and {max(fresh)}"
            else:
                prices[market] = median(fresh)
        return prices, reasons

    def view(self, time_ms: int) -> View:
        """What it sees at T, signed: its first answer stands. Raises `Abstains` when it sees
        nothing it can vouch for.
        """
        self._check_clock(time_ms)
        if time_ms in self._given:
            return self._given[time_ms].view
        prices, reasons = self.look(time_ms)
        if not prices:
            raise Abstains(
                "; ".join(f"market {market} {why}" for market, why in reasons.items())
                or "no source has a price"
            )
        r, vs = sign(view_digest(time_ms, prices, self.domain), self.private_key)
        view = View(
            time_ms=time_ms,
            prices={str(market): str(price) for market, price in prices.items()},
            abstained={str(market): why for market, why in reasons.items()},
            r=hex(r),
            vs=hex(vs),
        )
        return self._remembered(view).view

    def _remembered(self, view: View) -> Given:
        """When this view of its own was given, and what was: the first of its T."""
        given = self._given.setdefault(view.time_ms, Given(view, self.clock_ms()))
        while len(self._given) > VIEWS_KEPT:
            del self._given[next(iter(self._given))]
        return given

    def sign(self, request: SignRequest) -> tuple[bytes, int, int]:
        """Root and signature of the vector that follows from the views. Raises `Abstains`."""
        time_ms = request.time_ms
        self._check_clock(time_ms)
        views = self._read_views(request)
        quorum = self._quorum(time_ms, views)
        if len(views) < quorum.k:
            raise Abstains(f"was shown {len(views)} views, at least {quorum.k} are needed")
        if self.address not in views:
            raise Abstains("was not shown its own view")
        own_view = next(
            view for view, who in zip(request.views, views, strict=True) if who == self.address
        )
        given = self._remembered(own_view)
        if given.view.prices != own_view.prices:
            raise Abstains("was shown another view of its own than it gave first")
        agreed = agreed_prices(list(views.values()), quorum.k)
        self._check_prices(time_ms, agreed)
        chunks = chunks_for(agreed)
        root = vector_root(agreed, chunks)
        wait_ms = given.at_ms + GRACE_MS - self.clock_ms()
        settled = self._are_all(quorum, views) or self.record.roots.get(time_ms) == root.hex()
        if not settled and wait_ms > 0:
            raise TooEarly(f"was shown {len(views)} views, and more signers serve", wait_ms)
        self.record.claim(time_ms, root)
        r, vs = sign(vector_digest(time_ms, chunks, root, self.domain), self.private_key)
        return root, r, vs

    def _read_views(self, request: SignRequest) -> dict[bytes, dict[int, int]]:
        """Prices by whose view they are, in the order shown."""
        if len(request.views) > VIEWS_MAX:
            raise Abstains(f"was shown {len(request.views)} views, at most {VIEWS_MAX} are taken")
        views: dict[bytes, dict[int, int]] = {}
        for view in request.views:
            who, prices = read_view(view, request.time_ms, self.domain)
            if who in views:
                raise Abstains("was shown two views of one signer")
            views[who] = prices
        return views

    def _check_prices(self, time_ms: int, agreed: dict[int, int]) -> None:
        own, reasons = self.look(time_ms)
        if not agreed:
            raise Abstains("no market is priced by enough views")
        for market, price in agreed.items():
            if market not in own:
                raise Abstains(f"market {market} {reasons.get(market, 'is unknown to it')}")
            if abs(price - own[market]) * 1_000_000 > own[market] * self.tolerance_e6:
                raise Abstains(f"market {market} is agreed at {price}, it sees {own[market]}")

    def _quorum(self, time_ms: int, whom: Collection[bytes]) -> Quorum:
        """Who serves at T of these and of all it has met. Raises `Abstains` unless all of these do:
        a retired key may be a thief's, and its view would move the median.
        """
        try:
            quorum = self.roster.at(time_ms, self._known.union(whom))
        except InfoldError as error:
            raise Abstains(f"cannot ask the chain who serves ({error})") from error
        behind_ms = time_ms - quorum.block_ms
        if behind_ms > GUARD_MS + self.block_ms:
            raise Abstains(
                f"cannot know who serves: its node's latest block is {behind_ms} ms older than T;"
                " let the node catch up, or give it another --rpc-url"
            )
        if not quorum.serving.issuperset(whom):
            raise Abstains("was shown a view of somebody who is no signer then")
        if quorum.k < self.k_min:
            raise Abstains(
                f"its node says that {quorum.k} must sign, its operator {self.k_min} at least;"
                " look at the chain, then start it with another --rpc-url or --k-min"
            )
        self._known = quorum.serving
        return quorum

    def _are_all(self, quorum: Quorum, whom: Collection[bytes]) -> bool:
        """Whether nobody who serves at T is left out. The chain counts as if what was changed last
        counted already: one who is about to retire is missed only if it was met before.
        """
        return len(whom) >= max(quorum.live, len(quorum.serving))

    def _check_clock(self, time_ms: int) -> None:
        if not 0 < time_ms < 1 << 48:
            raise Abstains("T is out of range")
        if self.skew_ms is None:
            return
        ahead_ms = time_ms - self.clock_ms()
        if abs(ahead_ms) > self.skew_ms:
            raise Abstains(
                f"T lies {ahead_ms} ms from its clock; at most {self.skew_ms} are allowed"
            )
        if ahead_ms > 0:
            raise TooEarly("T is not over, and what is seen may change", ahead_ms)


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
