# SPDX-License-Identifier: Apache-2.0
"""Where a journal comes from, out of its own events: what it has seen of its chain."""

from __future__ import annotations

from infold.core.events import AnyEvent, BatchConfirmed, ChainObserved, Deployed
from infold.shell.origin import Origin, Settled, Stamped


def after(origin: Origin, event: AnyEvent) -> Origin:
    """A journal's origin once it holds one event more."""
    match event:
        case BatchConfirmed():
            return origin._replace(batch=Settled(event.number, event.block, event.tx_hash))
        case ChainObserved():
            if any(isinstance(fact, Deployed) for fact in event.facts):
                # The first entry ends before Clearing's block and carries that block's stamp.
                created = Stamped(event.block + 1, event.block_ms)
                return origin._replace(created=created, last=created)
            return origin._replace(last=Stamped(event.block, event.block_ms))
    return origin
