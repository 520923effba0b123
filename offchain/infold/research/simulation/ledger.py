# SPDX-License-Identifier: Apache-2.0
"""What a path adds up to: the loop's running sums, by name, and what is reported of them.

Money in bp * M. Wealth at the end is `markup + impact + drift + martingale + funding - cost`; the
score leaves the martingale out (it has mean zero and most of the noise) and charges risk:
`score = markup + impact + drift + funding - cost - risk` (the J_rb of E0: exact where the inventory
does not depend on the Brownian motion).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from infold.research.simulation.compiled import Floats, Word, Words, compiled


class Sum(IntEnum):
    """Columns of a path's row. Signed as income to the dealer, but for COST and RISK."""

    MARKUP = 0  # half-spreads of fills, times size
    IMPACT = 1  # sum of q dx: what our own hedging moved
    DRIFT = 2  # sum of q times announced drift
    MARTINGALE = 3  # sum of q times the price's own moves
    FUNDING = 4
    COST = 5  # psi |v| + eta v^2
    RISK = 6  # gamma / 2 * integral of sigma^2 q^2
    SQUARE = 7  # integral of q^2, M^2 * day
    CLIENT_VOLUME = 8  # M
    EXTERNAL_VOLUME = 9  # M
    FILLS = 10
    EQUITY_MIN = 11  # least wealth so far, capital included
    INVENTORY = 12  # q at the end, M
    IMPACT_STATE = 13  # x at the end, bp
    PRICE = 14  # S at the end less S at the start, bp
    DAYS = 15  # how long the path ran: less than the horizon if it became insolvent


COLUMNS = len(Sum)
_PRIME = np.uint64(0x9E3779B97F4A7C15)
_FOLD = np.uint64(29)


@compiled
def mixed(hash_: Word, bits: Word) -> Word:
    """A hash carried on by 64 bits more."""
    hash_ = (hash_ ^ bits) * _PRIME
    folded: Word = hash_ ^ (hash_ >> _FOLD)
    return folded


@dataclass(frozen=True, slots=True)
class Paths:
    """What paths led to, a row each in order of their numbers.

    `sums` is (paths, len(Sum)); `hashes` name each path's whole course.
    """

    numbers: tuple[int, ...]
    sums: Floats
    hashes: Words

    def column(self, sum_: Sum) -> Floats:
        """One column, by path."""
        column: Floats = self.sums[:, sum_]
        return column

    @property
    def score(self) -> Floats:
        """J without its martingale part, bp * M, by path."""
        return (
            self.column(Sum.MARKUP)
            + self.column(Sum.IMPACT)
            + self.column(Sum.DRIFT)
            + self.column(Sum.FUNDING)
            - self.column(Sum.COST)
            - self.column(Sum.RISK)
        )

    @property
    def income(self) -> Floats:
        """Wealth gained, bp * M, by path."""
        return self.score + self.column(Sum.RISK) + self.column(Sum.MARTINGALE)

    @property
    def inventory_rms_m(self) -> Floats:
        """Root mean square of q over the time the path ran."""
        mean_square: Floats = self.column(Sum.SQUARE) / self.column(Sum.DAYS)
        return np.sqrt(mean_square)

    @property
    def digest(self) -> str:
        """SHA-256 of all sums and hashes in order: equal if and only if every bit is."""
        return hashlib.sha256(self.sums.tobytes() + self.hashes.tobytes()).hexdigest()


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean and its standard error."""

    mean: float
    error: float


def estimate(values: Sequence[float] | Floats) -> Estimate:
    """Mean and standard error of independent values; `ValueError` for fewer than two."""
    count = len(values)
    if count < 2:
        raise ValueError(f"a standard error takes at least two paths, not {count}")
    mean = math.fsum(values) / count
    variance = math.fsum((value - mean) ** 2 for value in values) / (count - 1)
    return Estimate(mean, math.sqrt(variance / count))


def paired(ours: Paths, theirs: Paths) -> Estimate:
    """The mean of the scores' differences path by path: both must have met the same tapes.
    `ValueError` if their numbers differ.
    """
    if ours.numbers != theirs.numbers:
        raise ValueError("paired differences need the same paths under both policies")
    return estimate(ours.score - theirs.score)
