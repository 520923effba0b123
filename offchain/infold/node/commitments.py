# SPDX-License-Identifier: Apache-2.0
"""The dealer's curves as they are committed to: hashed into the journal before the prices of their
batch are asked for.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from infold.core.curve import Curve
from infold.dealer.guarding import CapitalGuard
from infold.signing import keccak


class Commitment(msgspec.Struct, frozen=True):
    """The hash of a batch's curves, in hex, and the T it was given for; -1 before the first."""

    curves: str = ""
    time_ms: int = -1

    def withdraws(self, earlier: Commitment) -> bool:
        """Whether it takes an earlier one back: other curves for its T, or any for a T before it.
        Signers may have been asked for that T, so its prices may be known.
        """
        if self.time_ms == earlier.time_ms:
            return self.curves != earlier.curves
        return self.time_ms < earlier.time_ms


def curves_hash(curves: Mapping[int, Curve]) -> bytes:
    """Of all curves of a batch, whatever the order they came in."""
    return keccak(msgspec.json.encode(sorted(curves.items())))


def commitment_entry(committed: bytes, time_ms: int, guard: CapitalGuard | None) -> bytes:
    """The hash of a batch's curves as it is journalled, and which of them capital cut, why."""
    entry: dict[str, object] = {"curves": committed.hex(), "time_ms": time_ms}
    if guard is not None:
        cuts = {market: one.reason for market, one in sorted(guard.last.items()) if one.reason}
        if cuts:
            entry["cuts"] = cuts
    return msgspec.json.encode(entry)


def commitment_of(entry: Mapping[str, msgspec.Raw]) -> Commitment | None:
    """What a journalled entry commits to, by its parts; None if it is another's."""
    if "curves" not in entry:
        return None
    parts = {name: msgspec.json.decode(entry[name]) for name in ("curves", "time_ms")}
    return msgspec.convert(parts, type=Commitment)
