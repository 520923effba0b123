# SPDX-License-Identifier: Apache-2.0
"""Which chain a journal was written beside, and whether another chain is that one.

Chain id and address are not enough: each devnet is a chain of its own, begun anew, and those of one
seed have the same id and addresses. What is compared beside them lies deep, where hardly any
reorganisation reaches: the stamp of the block that created Clearing, and whether the transaction of
the last batch that the journal saw land is there. Without that batch it may still be this chain, if
a deep reorganisation took it: what was lost is then to be compared. The last block seen is the
chain's tip: another one in its place is no other chain. Not told apart are devnets of one seed
begun in one second before a batch landed.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from infold.errors import Misconfigured, Unavailable
from infold.shell.chain import AddressBook, Venue, block, receipt
from infold.signing import checksum_address
from infold.utc import moment

ENDED: Final = (
    "a devnet's chain ends with the devnet: what its journal holds, infold journal verify and"
    " infold journal replay read without a chain"
)


class BatchLost(Misconfigured):
    """The last batch that a journal saw land is not on the chain, though the rest is as it was."""


class Stamped(NamedTuple):
    """A block as a journal has seen it; its stamp times 1000. Number 0 is none."""

    number: int = 0
    time_ms: int = 0


class Settled(NamedTuple):
    """A batch as a journal has seen it land. Number 0 is none."""

    number: int = 0
    block: int = 0
    transaction: bytes = b""


class Origin(NamedTuple):
    """Which deployment a journal is of, and what it has seen of the chain: the block that created
    Clearing, the last batch, the last block.
    """

    identity: bytes
    created: Stamped = Stamped()
    batch: Settled = Settled()
    last: Stamped = Stamped()


def identity_of(book: AddressBook) -> bytes:
    """What a journal of this deployment is begun with."""
    return f"{book.chain_id}:{checksum_address(book.address('Clearing'))}".encode()


def require_deployment(venue: Venue, origin: Origin) -> None:
    """Raise `Misconfigured` unless the journal is of the venue's deployment."""
    wanted = identity_of(venue.book)
    if origin.identity != wanted:
        raise _another(venue, f"the journal is of {_told(origin.identity)}, not {_told(wanted)}")


def require_origin(venue: Venue, origin: Origin) -> str:
    """Raise `Misconfigured` unless the venue's chain is the one that a journal saw, `Unavailable`
    while its node has not come as far, `BatchLost` if only the last batch is missing. Returns what
    to say where the last block seen was replaced since; "" elsewhere.
    """
    require_deployment(venue, origin)
    reached = block(venue.rpc).number
    created, batch, last = origin.created, origin.batch, origin.last
    if reached < created.number:
        raise _behind(venue, created.number, reached)
    if created.number and (stamp_ms := _stamp_ms(venue, created.number)) != created.time_ms:
        raise _another(
            venue,
            f"the journal saw Clearing created in block {created.number} stamped"
            f" {moment(created.time_ms)}, and here it is stamped {moment(stamp_ms)}",
        )
    seen = max(batch.block, last.number)
    if reached < seen:
        raise _behind(venue, seen, reached)
    if batch.number and receipt(venue.rpc, batch.transaction) is None:
        raise BatchLost(
            f"the journal saw batch {batch.number} land in block {batch.block} by transaction"
            f" 0x{batch.transaction.hex()}, which is not on the chain at {venue.rpc.url}: it lost"
            " the batch since, or is another devnet begun in the same second; infold reconcile"
            " names what else differs"
        )
    if last.number and (stamp_ms := _stamp_ms(venue, last.number)) != last.time_ms:
        return (
            f"the chain at {venue.rpc.url} has replaced block {last.number}, the last that the"
            f" journal saw: stamped {moment(last.time_ms)} then, {moment(stamp_ms)} now; where they"
            " differ in more, infold reconcile names it"
        )
    return ""


def _stamp_ms(venue: Venue, number: int) -> int:
    return block(venue.rpc, number).timestamp_s * 1000


def _behind(venue: Venue, seen: int, reached: int) -> Unavailable:
    return Unavailable(
        f"the node at {venue.rpc.url} is behind: the journal has seen block {seen}, its chain ends"
        f" at {reached}; run this again when it has caught up, or name another node of the chain"
        f" with --rpc-url; {ENDED}"
    )


def _another(venue: Venue, why: str) -> Misconfigured:
    return Misconfigured(
        f"the chain at {venue.rpc.url} is not the one of this journal ({why}); name the node of the"
        f" chain it was written beside with --rpc-url; {ENDED}"
    )


def _told(identity: bytes) -> str:
    chain, _, clearing = identity.decode().partition(":")
    return f"chain {chain}, Clearing {clearing}"
