# SPDX-License-Identifier: Apache-2.0
"""A timelock over a sealed venue, and what its tests call."""

from __future__ import annotations

from typing import Any

from tests.support.evm import a_key
from tests.support.venue import DELAY_S, Venue

from infold.signing import keccak

STRANGER, NEWCOMER = a_key("stranger"), a_key("newcomer")
LIFE_S = 7 * 86_400
PROPOSER, EXECUTOR, CANCELLER = (
    keccak(f"{role}_ROLE".encode()) for role in ("PROPOSER", "EXECUTOR", "CANCELLER")
)
ADMIN = bytes(32)


def named(venue: Venue, **changes: Any) -> tuple[Any, ...]:
    """Naming a new guardian: a call that can be told to have happened."""
    return venue.operation("set_guardian", NEWCOMER.address, **changes)


def done(venue: Venue) -> bool:
    """Whether `named` has happened."""
    return int(venue.governance.guardian(), 16) == NEWCOMER.number


def itself(venue: Venue, function: str, *args: Any) -> tuple[Any, ...]:
    """A call of the timelock to itself, due."""
    operation = venue.operation(function, *args, contract="timelock")
    venue.schedule(operation)
    venue.world.travel(DELAY_S)
    return operation


def together(*operations: tuple[Any, ...]) -> tuple[Any, ...]:
    """Calls as `execute_batch` takes them; predecessor and salt are the last one's."""
    columns = list(zip(*operations, strict=True))
    return (*map(list, columns[:3]), *operations[-1][3:])
