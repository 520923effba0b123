# SPDX-License-Identifier: Apache-2.0
"""One oracle signer: what it sees at T, and what it puts its name to.

It abstains from a market when fewer than two of its sources have a fresh price or two of them
disagree, and from the vector when nothing is left, when the median is far from its own, or when it
has signed another vector for this T: it writes T and root to its record, on disk, before the
signature leaves. One of which nothing can come, by what the others signed, it leaves for the one
that follows from all views, once: so there is one vector of a T at most where all keep to this.

Anyone may ask. So the view it gave of a T stands for every asker, and over fewer views than there
are signers it signs only after a grace: a stranger who shows each signer others would have them
sign roots of which none gets k signatures. And only where k is a majority: else two get them
(docs/decisions/0040).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from infold.errors import InfoldError
from infold.shell.oracle.record import Entry, Record
from infold.shell.oracle.roster import Quorum, Roster
from infold.shell.oracle.sources import Source
from infold.shell.oracle.views import (
    Abstains,
    Signed,
    SignedOther,
    TooEarly,
    View,
    agreed_prices,
    median,
    read_signed,
    read_view,
    view_digest,
)
from infold.signing import Domain, address_of, sign, vector_digest
from infold.units import GUARD_MS
from infold.vectors import chunks_for, vector_root

# 0.5 %: sources of liquid markets differ by a few basis points; more means one of them is wrong
TOLERANCE_E6 = 5_000
STALE_MS = 10_000  # less than the window F, so that a vector that is signed can still be used
SOURCES_MIN = 2
VIEWS_MAX = 16  # no vector carries more signatures, and each view costs a recovery and a question
GRACE_MS = 500  # two questions across the world; whatever the node is asked can wait it
BLOCK_MS = 2_000  # between two blocks of a chain that keeps pace with batches
AGE_MS = 30_000  # twice as long as an exit may still take its T; no view of it is forgotten before
VIEWS_KEPT = 1_024  # views, 1 MB or so, before any is forgotten


_log = logging.getLogger("infold.oracle")


class SignRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The views a signer is asked to agree on, and what others signed of this T where that may be
    why they do not.
    """

    time_ms: int
    views: list[View]
    others: list[Signed] = []


class Given(NamedTuple):
    """A view that left, when by the signer's clock, and the views it then signed over."""

    view: View
    at_ms: int
    over: Sequence[View] = ()


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
    _room: int = VIEWS_KEPT
    _oldest_ms: int = 0
    _known: frozenset[bytes] = frozenset()
    _is_cut_off: bool = False

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
        if len(self._given) >= self._room:
            self._given = {
                time_ms: given
                for time_ms, given in self._given.items()
                if time_ms >= self._oldest_ms
            }
            self._room = VIEWS_KEPT + 2 * len(self._given)
        return self._given.setdefault(view.time_ms, Given(view, self.clock_ms()))

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
        are_all, earlier = self._are_all(quorum, views), self.record.entries.get(time_ms)
        entry = Entry(root, chunks, sorted(views), final=are_all)
        if earlier is None:
            if not are_all and 2 * quorum.k <= quorum.live:
                raise Abstains(
                    f"was shown {len(views)} views of {quorum.live}, and k is {quorum.k}, no more"
                    " than half: the others could sign another vector; have all answer, raise k,"
                    " or retire who is down"
                )
            if not are_all and wait_ms > 0:
                raise TooEarly(f"was shown {len(views)} views, and more signers serve", wait_ms)
        elif earlier.root != root and (
            earlier.final or not are_all or not self._is_void(earlier, request, views, quorum.k)
        ):
            raise SignedOther(
                f"signed another vector for {time_ms} before",
                self._signed(time_ms, earlier),
                given.over,
            )
        if earlier is None or (are_all and not earlier.final):
            self.record.write(time_ms, entry)
            self._given[time_ms] = given._replace(over=request.views)
        signed = self._signed(time_ms, entry)
        return root, int(signed.r, 16), int(signed.vs, 16)

    def _signed(self, time_ms: int, entry: Entry) -> Signed:
        digest = vector_digest(time_ms, entry.chunks, entry.root, self.domain)
        r, vs = sign(digest, self.private_key)
        return Signed(over=["0x" + who.hex() for who in entry.over], r=hex(r), vs=hex(vs))

    def _is_void(
        self, entry: Entry, request: SignRequest, views: Mapping[bytes, dict[int, int]], k: int
    ) -> bool:
        """Whether no vector can come of what it signed: so many signed something else that those
        who are left are fewer than k. Nobody comes back to it: it follows from fewer views than
        all, and whoever leaves what it signed leaves for what follows from all, for good.
        """
        if len(request.others) > VIEWS_MAX:
            raise Abstains(f"was shown {len(request.others)} signatures, at most {VIEWS_MAX} count")
        elsewhere = set()
        for signed in request.others:
            who, root, *_ = read_signed(signed, request.time_ms, views, k, self.domain)
            if root != entry.root and who in views and who != self.address:
                elsewhere.add(who)
        return len(views) - len(elsewhere) < k

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
            # whoever asks is a stranger, and the cause may name the node's URL, with a key in it
            if not self._is_cut_off:
                _log.warning("ROSTER_UNREAD reason=%r", str(error))
            self._is_cut_off = True
            raise Abstains(
                "cannot ask the chain who serves; its own log says why, once an outage"
            ) from error
        self._is_cut_off = False
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
        """Whether nobody who serves at T is left out, as far as is known: one who is about to
        retire is missed only if it was met before.
        """
        return len(whom) >= quorum.live

    def _check_clock(self, time_ms: int) -> None:
        if not 0 < time_ms < 1 << 48:
            raise Abstains("T is out of range")
        self._check_age(time_ms)
        if self.skew_ms is None:
            return
        ahead_ms = time_ms - self.clock_ms()
        if abs(ahead_ms) > self.skew_ms:
            raise Abstains(
                f"T lies {ahead_ms} ms from its clock; at most {self.skew_ms} are allowed"
            )
        if ahead_ms > 0:
            raise TooEarly("T is not over, and what is seen may change", ahead_ms)

    def _check_age(self, time_ms: int) -> None:
        """Raises `Abstains` for a T whose view may be forgotten: the next would be another. Time is
        the second latest source's, so that one whose clock is ahead outdates nothing.
        """
        for source in self.sources:
            source.refresh()
        latest = sorted(source.last_ms for source in self.sources)[-SOURCES_MIN:]
        if len(latest) == SOURCES_MIN:
            self._oldest_ms = max(self._oldest_ms, latest[0] - AGE_MS)
        if time_ms < self._oldest_ms:
            raise Abstains(f"T lies more than {AGE_MS} ms before what its sources tell")
