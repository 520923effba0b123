# SPDX-License-Identifier: Apache-2.0
"""Refunds on chain: which deposits a paying key made, and paying without ever paying twice.

The chain itself is the record. A deposit is `CollateralMoved` followed, in the same transaction, by
`Received`, which names who paid. Whoever pays reads, at one block, what its key has deposited by
then and the key's next nonce, and signs with that nonce: whatever else of the key lands after that
block takes the nonce away, and the payment is refused. So a crash at any moment, two operators at a
time, or a transaction that is found again after days cannot pay the same debt twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from infold.errors import Unavailable
from infold.shell.chain import Log, Venue, block


class Deposit(NamedTuple):
    """Collateral that somebody paid into an account."""

    account: int
    amount_e6: int
    block: int
    transaction: bytes


class Standing(NamedTuple):
    """What a paying key has done by a block: its next nonce, and what it deposited since."""

    block: int
    nonce: int
    deposits: tuple[Deposit, ...]


def deposits_of(payer: bytes, logs: Sequence[Log]) -> list[Deposit]:
    """The deposits of one address among the venue's logs, in chain order."""
    return [
        Deposit(int(log.arguments["account"]), amount_e6, log.block, log.transaction)
        for log, following in pairwise(logs)
        if log.name == "CollateralMoved"
        and following.name == "Received"
        and following.transaction == log.transaction
        and following.arguments["sender"] == payer
        and (amount_e6 := int(log.arguments["amount_e6"])) == int(following.arguments["amount_e6"])
    ]


def standing_of(venue: Venue, payer: bytes, after_block: int) -> Standing:
    """What a key deposited after a block, and its nonce, both at the latest block.

    Raises `Unavailable` while a transaction of the key is under way.
    """
    last = block(venue.rpc).number
    name = "0x" + payer.hex()
    nonce = int(venue.rpc.call("eth_getTransactionCount", name, hex(last)), 16)
    pending = int(venue.rpc.call("eth_getTransactionCount", name, "pending"), 16)
    if pending != nonce:
        raise Unavailable(
            f"a transaction of {name} is under way: nonce {nonce} is not mined yet; wait for it"
        )
    return Standing(last, nonce, tuple(deposits_of(payer, venue.logs(after_block + 1, last))))
