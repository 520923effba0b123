# SPDX-License-Identifier: Apache-2.0
"""Which chain a journal was written beside, and whether another chain is that one.

Chain id and address are not enough: each devnet is a chain of its own, begun anew, and those of one
seed have the same id and addresses. So the stamp of the last block that the journal has seen is
compared too.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from infold.errors import Misconfigured
from infold.shell.chain import AddressBook, Venue, block
from infold.signing import checksum_address
from infold.utc import moment

ENDED: Final = (
    "a devnet's chain ends with the devnet: what its journal holds, infold journal verify and"
    " infold journal replay read without a chain"
)


class Origin(NamedTuple):
    """Which deployment a journal is of, and the last block it has seen with its stamp."""

    identity: bytes
    block: int
    block_ms: int


def identity_of(book: AddressBook) -> bytes:
    """What a journal of this deployment is begun with."""
    return f"{book.chain_id}:{checksum_address(book.address('Clearing'))}".encode()


def require_origin(venue: Venue, origin: Origin) -> None:
    """Raise `Misconfigured` unless the venue's chain is the one that a journal saw."""
    wanted = identity_of(venue.book)
    if origin.identity != wanted:
        raise _another(venue, f"the journal is of {_told(origin.identity)}, not {_told(wanted)}")
    last = block(venue.rpc)
    if last.number < origin.block:
        raise _another(
            venue, f"the journal has seen block {origin.block}, the chain ends at {last.number}"
        )
    stamp_ms = block(venue.rpc, origin.block).timestamp_s * 1000
    if stamp_ms != origin.block_ms:
        raise _another(
            venue,
            f"the journal saw block {origin.block} stamped {moment(origin.block_ms)}, and here it"
            f" is stamped {moment(stamp_ms)}: another chain, or this one went back since",
        )


def _another(venue: Venue, why: str) -> Misconfigured:
    return Misconfigured(
        f"the chain at {venue.rpc.url} is not the one of this journal ({why}); name the node of the"
        f" chain it was written beside with --rpc-url; {ENDED}"
    )


def _told(identity: bytes) -> str:
    chain, _, clearing = identity.decode().partition(":")
    return f"chain {chain}, Clearing {clearing}"
