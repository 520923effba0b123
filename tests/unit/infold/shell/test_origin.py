# SPDX-License-Identifier: Apache-2.0
"""A journal is compared with its own chain alone; of another it is said which and what to do."""

from __future__ import annotations

from collections.abc import Collection
from types import SimpleNamespace
from typing import Any, cast

import pytest

from infold.errors import Misconfigured, Unavailable
from infold.shell.chain import AddressBook, Venue
from infold.shell.origin import (
    BatchLost,
    Origin,
    Settled,
    Stamped,
    identity_of,
    require_deployment,
    require_origin,
)

BOOK = AddressBook(31337, 1, {"Clearing": b"\x11" * 20})
ELSEWHERE = AddressBook(1, 1, {"Clearing": b"\x22" * 20})
START_S = 1_800_000_000
BATCH = b"\xaa" * 32


def a_venue(
    *, blocks: int = 8, start_s: int = START_S, tip_s: int = 0, mined: Collection[bytes] = (BATCH,)
) -> Venue:
    """A chain of so many blocks, one a second; those from the fifth on so much later."""

    def call(method: str, which: str, *_: bool) -> dict[str, Any] | None:
        if method == "eth_getTransactionReceipt":
            found = {"transactionHash": which, "status": "0x1", "logs": []}
            numbers = dict.fromkeys(("gasUsed", "blockNumber"), "0x1")
            whole = found | numbers | {"blockHash": "0x" + "01" * 32}
            return whole if bytes.fromhex(which[2:]) in mined else None
        assert method == "eth_getBlockByNumber"
        number = blocks if which == "latest" else int(which, 16)
        stamp_s = start_s + number + (tip_s if number >= 5 else 0)
        hashes = {"hash": "0x" + "01" * 32, "parentHash": "0x" + "00" * 32}
        return {"number": hex(number), "timestamp": hex(stamp_s), **hashes}

    rpc = SimpleNamespace(url="http://node", call=call)
    return cast(Venue, SimpleNamespace(rpc=rpc, book=BOOK))


def an_origin(
    *, identity: bytes = identity_of(BOOK), batch: Settled = Settled(1, 4, BATCH)
) -> Origin:
    created, last = (Stamped(number, (START_S + number) * 1000) for number in (2, 5))
    return Origin(identity, created, batch, last)


def test_the_chain_a_journal_saw_is_its_own() -> None:
    for venue in (a_venue(), a_venue(blocks=5)):
        assert require_origin(venue, an_origin()) == ""
    assert require_origin(a_venue(mined=()), an_origin(batch=Settled())) == ""


def test_a_journal_that_has_seen_no_block_is_compared_by_its_deployment() -> None:
    assert require_origin(a_venue(), Origin(identity_of(BOOK))) == ""
    with pytest.raises(Misconfigured, match="is of chain 1, Clearing 0x2222"):
        require_origin(a_venue(), Origin(identity_of(ELSEWHERE)))


@pytest.mark.parametrize(
    ("venue", "origin", "why"),
    [
        (
            a_venue(start_s=START_S + 60),
            an_origin(),
            "stamped 2027-01-15 08:00:02 UTC, and here",
        ),
        (
            a_venue(start_s=START_S + 60, blocks=3),
            an_origin(),
            "stamped 2027-01-15 08:00:02 UTC, and here",
        ),
        (a_venue(), an_origin(identity=identity_of(ELSEWHERE)), "is of chain 1, Clearing 0x2222"),
    ],
)
def test_another_chain_is_told_with_what_to_do(venue: Venue, origin: Origin, why: str) -> None:
    with pytest.raises(Misconfigured, match="at http://node is not the one") as caught:
        require_origin(venue, origin)
    said = str(caught.value)
    assert why in said and "--rpc-url" in said and "infold journal verify" in said


def test_a_chain_that_lost_the_last_batch_is_told_from_another() -> None:
    with pytest.raises(BatchLost, match="it lost the batch since") as caught:
        require_origin(a_venue(mined=[b"\xbb" * 32], tip_s=3), an_origin())
    said = str(caught.value)
    assert "saw batch 1 land in block 4 by transaction 0x" + "aa" * 32 in said
    assert "infold reconcile names what else differs" in said


@pytest.mark.parametrize(("blocks", "seen"), [(1, 2), (3, 5), (4, 5)])
def test_a_node_that_is_behind_may_be_asked_again(blocks: int, seen: int) -> None:
    mined = [BATCH] if blocks >= 4 else []
    with pytest.raises(Unavailable, match=f"seen block {seen}, its chain ends at {blocks}; run"):
        require_origin(a_venue(blocks=blocks, mined=mined), an_origin())


def test_a_tip_that_was_replaced_is_told_and_no_other_chain() -> None:
    said = require_origin(a_venue(tip_s=3), an_origin())
    assert "has replaced block 5" in said
    assert "08:00:05 UTC then" in said and "08:00:08 UTC now" in said


def test_a_deployment_is_told_without_asking_the_chain() -> None:
    silent = cast(Venue, SimpleNamespace(rpc=SimpleNamespace(url="http://node"), book=BOOK))
    require_deployment(silent, an_origin())
    with pytest.raises(Misconfigured, match="is of chain 1, Clearing 0x2222"):
        require_deployment(silent, an_origin(identity=identity_of(ELSEWHERE)))
