# SPDX-License-Identifier: Apache-2.0
"""The oracle's signer set and its judgement of a vector (docs/protocol.md §9)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .digests import separator, vector_digest
from .faults import require
from .state import Timed
from .vectors import SIGNATURES_MAX

Signature = tuple[int, int]
Recover = Callable[[bytes, int, int], int | None]
# The last moment a u48 of milliseconds can name: a signer that nobody retired.
NEVER_MS = 2**48 - 1


class Oracle:
    """Signers with the times they serve, and the threshold k with its old and new value."""

    def __init__(self, chain_id: int, address: int, recover: Recover) -> None:
        self.domain = separator(chain_id, address)
        self.recover = recover
        # address -> (activation, retirement): a signer serves activation < T <= retirement.
        self.signers: dict[int, tuple[int, int]] = {}
        self.threshold = Timed(0, 0, 0)

    def add(self, signer: int, activation_ms: int) -> None:
        """A new signer, or one that returns."""
        self.signers[signer] = (activation_ms, NEVER_MS)

    def retire(self, signer: int, retirement_ms: int) -> None:
        """The signer serves no T after `retirement_ms`."""
        self.signers[signer] = (self.signers[signer][0], retirement_ms)

    def serves(self, signer: int, time_ms: int) -> bool:
        """Whether the signer's word counts for a vector of time T."""
        activation_ms, retirement_ms = self.signers.get(signer, (NEVER_MS, 0))
        return activation_ms < time_ms <= retirement_ms

    def check(
        self, time_ms: int, chunks: int, root: bytes, signatures: Sequence[Signature]
    ) -> None:
        """Raise Fault("oracle: ...") unless k distinct signers, ascending, signed the vector."""
        require(
            self.threshold.at(time_ms) <= len(signatures) <= SIGNATURES_MAX and bool(signatures),
            "oracle: too few signers",
        )
        digest = vector_digest(time_ms, chunks, root, self.domain)
        last = 0
        for r, vs in signatures:
            signer = self.recover(digest, r, vs) or 0
            require(signer > last, "oracle: signers not ascending")
            require(self.serves(signer, time_ms), "oracle: not a signer")
            last = signer
