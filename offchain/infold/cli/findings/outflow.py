# SPDX-License-Identifier: Apache-2.0
"""How far the vault's queue would go on at this moment: the counter stands still until a call moves
it, and the twin's rule says how far a call would (docs/protocol.md section 8).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from infold.shell.chain import Venue


class Turn(NamedTuple):
    """Where a ticket stands, e6."""

    waits_for_e6: int
    """What has to be let go before its turn has come, itself included; as the counter stands."""
    let_go_e6: int
    """What the next call would let go, of all that waits."""
    hour_e6: int
    """What any whole hour without payments lets go, once a call asks for it."""
    is_due: bool
    """Whether it would be paid now: a pull lets the queue go on first."""
    has_ended: bool
    """Whether the venue is wound down: nothing can be paid in any more, not even nothing."""

    @property
    def hours(self) -> int:
        """How many calls more, an hour apart and after one now, have its turn come."""
        rest_e6 = max(0, self.waits_for_e6 - self.let_go_e6)
        return -(-rest_e6 // max(1, self.hour_e6))


def turn_of(there: Venue, end_e6: int, due_s: int) -> Turn:
    """A ticket's turn by its place in the queue and its last day, at the chain's last block."""
    from infold.reference.outflow import Limits, Outflow, Used
    from infold.shell.chain import block
    from infold.words import NEVER_MS, unpack_head

    vault = there["Vault"]
    queue = Outflow()
    queue.limits = Limits(*map(int, vault.call("outflow_limits")))
    queue.flow = Used(*map(int, vault.call("flow")))
    queue.queued_e6, queue.freed_e6 = int(vault.call("queued_e6")), int(vault.call("freed_e6"))
    accounted_e6, now_s = int(vault.call("accounted_e6")), block(there.rpc).timestamp_s
    before_e6 = queue.freed_e6
    queue.enter(0, accounted_e6, now_s)
    return Turn(
        max(0, end_e6 - before_e6),
        queue.freed_e6 - before_e6,
        queue.capacity_e6(accounted_e6),
        queue.freed_e6 >= end_e6 or now_s >= due_s,
        unpack_head(int(there["Clearing"].call("head"))).time_ms == NEVER_MS,
    )
