# SPDX-License-Identifier: Apache-2.0
"""A journal is compared with its own chain alone; of another it is said which and what to do."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from infold.errors import Misconfigured
from infold.shell.chain import AddressBook, Venue
from infold.shell.origin import Origin, identity_of, require_origin

CLEARING = b"\x11" * 20
BOOK = AddressBook(31337, 1, {"Clearing": CLEARING})
START_S = 1_800_000_000


def a_venue(*, blocks: int = 8, start_s: int = START_S) -> Venue:
    """A chain of so many blocks, one a second."""

    def call(method: str, which: str, _whole: bool) -> dict[str, str]:
        assert method == "eth_getBlockByNumber"
        number = blocks if which == "latest" else int(which, 16)
        hashes = {"hash": "0x" + "01" * 32, "parentHash": "0x" + "00" * 32}
        return {"number": hex(number), "timestamp": hex(start_s + number), **hashes}

    rpc = SimpleNamespace(url="http://node", call=call)
    return cast(Venue, SimpleNamespace(rpc=rpc, book=BOOK))


def an_origin(*, identity: bytes = identity_of(BOOK), block: int = 5) -> Origin:
    return Origin(identity, block, (START_S + block) * 1000)


def test_the_chain_a_journal_saw_is_its_own() -> None:
    require_origin(a_venue(), an_origin())
    require_origin(a_venue(blocks=5), an_origin())


@pytest.mark.parametrize(
    ("venue", "origin", "why"),
    [
        (a_venue(blocks=4), an_origin(), "seen block 5, the chain ends at 4"),
        (
            a_venue(start_s=START_S + 60),
            an_origin(),
            "stamped 2027-01-15 08:00:05 UTC (1800000005 s), and here",
        ),
        (
            a_venue(),
            an_origin(identity=identity_of(AddressBook(1, 1, {"Clearing": b"\x22" * 20}))),
            "is of chain 1, Clearing 0x2222",
        ),
    ],
)
def test_another_chain_is_told_with_what_to_do(venue: Venue, origin: Origin, why: str) -> None:
    with pytest.raises(Misconfigured, match="at http://node is not the one") as caught:
        require_origin(venue, origin)
    said = str(caught.value)
    assert why in said and "--rpc-url" in said and "infold journal verify" in said
