# SPDX-License-Identifier: Apache-2.0
"""A set of keys of which k must sign, and those who seal batches (docs/protocol.md §5, §9).

The oracle's signers and the attesters of batches follow the same rules: a key serves T after its
activation and up to its retirement, k has an old and a new value, and a second change of the same
thing waits for the window.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .arithmetic import GUARD_MS, WINDOW_MS
from .digests import HashMany, separator, vector_digest
from .faults import require
from .state import Event, Timed

Signature = tuple[int, int]
Recover = Callable[[bytes, int, int], int | None]


class SignerSet:
    """Keys with their times of service, and the threshold."""

    def __init__(self, recover: Recover, signers: Sequence[int] = (), threshold: int = 0) -> None:
        self.recover = recover
        # key -> (from, until): it serves from < T <= until; until 0 has no end.
        self.service: dict[int, tuple[int, int]] = dict.fromkeys(signers, (1, 0))
        self.threshold = Timed(threshold, threshold, 0)

    @property
    def live_count(self) -> int:
        """Keys whose last change was to be added."""
        return sum(not until for _, until in self.service.values())

    def serves(self, signer: int, time_ms: int) -> bool:
        """Whether the key's signature counts at T."""
        since, until = self.service.get(signer, (0, 0))
        return 0 < since < time_ms and (not until or time_ms <= until)

    def check(self, digest: bytes, signatures: Sequence[Signature], time_ms: int) -> None:
        """Raise Fault unless at least k keys in service signed, by strictly ascending address."""
        last = 0
        for r, vs in signatures:
            signer = self.recover(digest, r, vs) or 0
            require(signer > last, "signers: not ascending")
            require(self.serves(signer, time_ms), "signers: not a signer")
            last = signer
        require(len(signatures) >= self.threshold.at(time_ms), "signers: too few")

    def set(self, signer: int, live: bool, *, now_s: int) -> Event:
        """Add or retire a key."""
        require(signer != 0, "signers: address is zero")
        since, until = self.service.get(signer, (0, 0))
        now_ms = now_s * 1000
        require(now_ms > max(since, until) + WINDOW_MS, "signers: change pending")
        serving = since != 0 and not until
        activation_ms = now_ms + GUARD_MS
        if live:
            require(not serving, "signers: already a signer")
            self.service[signer] = (activation_ms, 0)
        else:
            require(serving, "signers: not a signer")
            enough = self.live_count > self.threshold.after
            require(enough, "signers: threshold out of range")
            self.service[signer] = (since, activation_ms)
        return "SignerSet", (signer, int(live), activation_ms)

    def set_threshold(self, threshold: int, *, now_s: int) -> Event:
        """Change k."""
        now_ms = now_s * 1000
        require(now_ms > self.threshold.activation_ms + WINDOW_MS, "signers: change pending")
        require(threshold <= self.live_count, "signers: threshold out of range")
        activation_ms = now_ms + GUARD_MS
        self.threshold = Timed(self.threshold.after, threshold, activation_ms)
        return "ThresholdSet", (threshold, activation_ms)


class Oracle:
    """Who signs prices, and under which domain."""

    def __init__(
        self, chain_id: int, address: int, signers: SignerSet, hash_many: HashMany
    ) -> None:
        self.hash_many = hash_many
        self.domain = separator(chain_id, address)
        self.signers = signers

    def who_signed(
        self, time_ms: int, chunks: int, root: bytes, signatures: Sequence[Signature]
    ) -> list[int | None]:
        """The key behind each signature of a vector, None where there is none."""
        digest = vector_digest(time_ms, chunks, root, self.domain, self.hash_many)
        return [self.signers.recover(digest, r, vs) for r, vs in signatures]

    def check(
        self, time_ms: int, chunks: int, root: bytes, signatures: Sequence[Signature]
    ) -> None:
        """Raise Fault unless k distinct signers, ascending, signed the vector."""
        digest = vector_digest(time_ms, chunks, root, self.domain, self.hash_many)
        self.signers.check(digest, signatures, time_ms)


class Seals:
    """Who seals batches: the matcher, then k attesters."""

    def __init__(self, matcher: int, attesters: SignerSet) -> None:
        self.matcher = Timed(matcher, matcher, 0)
        self.attesters = attesters

    def check(self, digest: bytes, seals: Sequence[Signature], time_ms: int) -> None:
        """Raise Fault unless the first seal is the matcher's and k attesters follow, ascending."""
        signer = self.attesters.recover(digest, *seals[0]) if seals else None
        require(bool(signer) and signer == self.matcher.at(time_ms), "seals: not the matcher")
        self.attesters.check(digest, seals[1:], time_ms)

    def set_matcher(self, matcher: int, *, now_s: int) -> Event:
        """Another matcher from the activation on."""
        require(matcher != 0, "seals: address is zero")
        now_ms = now_s * 1000
        require(now_ms > self.matcher.activation_ms + WINDOW_MS, "seals: change pending")
        activation_ms = now_ms + GUARD_MS
        self.matcher = Timed(self.matcher.after, matcher, activation_ms)
        return "MatcherSet", (matcher, activation_ms)
