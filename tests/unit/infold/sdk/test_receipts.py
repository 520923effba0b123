# SPDX-License-Identifier: Apache-2.0
"""A receipt is checked when it comes and kept: what does not bind the matcher is not one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.orders import an_order

from infold.errors import Misconfigured, Unavailable
from infold.messages import Receipt
from infold.sdk import Client, Wallet
from infold.sdk.receipts import AHEAD_MS, ReceiptFile, check_receipt, read_receipt
from infold.signing import (
    Domain,
    checksum_address,
    order_hash,
    receipt_digest,
    sign,
    signature_hex,
)

MATCHER, OTHER = Wallet(bytes(31) + b"\x09"), Wallet(bytes(31) + b"\x0a")
TRADER = Wallet(bytes(31) + b"\x07")
DOMAIN = Domain(31_337, bytes(range(20)))
NOW_MS = 1_800_000_000_000


def a_receipt(
    digest: bytes, *, key: Wallet = MATCHER, domain: Domain = DOMAIN, **changes: int
) -> Receipt:
    words = {"sequence": 7, "accepted_ms": NOW_MS, "batch_ms": NOW_MS - 900} | changes
    r, vs = sign(receipt_digest(digest, *words.values(), domain), key.private_key)
    return Receipt(order_hash=digest, r=r, vs=vs, **words)


def test_a_sound_receipt_passes() -> None:
    digest = order_hash(an_order(), DOMAIN)
    for changes in ({}, {"accepted_ms": NOW_MS + AHEAD_MS}, {"batch_ms": NOW_MS + AHEAD_MS}):
        check_receipt(a_receipt(digest, **changes), digest, MATCHER.address, DOMAIN, NOW_MS)


FAULTS: dict[str, dict[str, Any]] = {
    "the matcher's key did not sign it": {"key": OTHER},
    "did not sign it": {"domain": Domain(1, DOMAIN.verifying_contract)},
    "it is dated ahead": {"accepted_ms": NOW_MS + AHEAD_MS + 1},
    "it names a batch that is not closed yet": {"batch_ms": NOW_MS + AHEAD_MS + 1},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_receipt_that_proves_nothing_is_refused(fault: str) -> None:
    digest = order_hash(an_order(), DOMAIN)
    with pytest.raises(Unavailable, match=fault):
        check_receipt(a_receipt(digest, **FAULTS[fault]), digest, MATCHER.address, DOMAIN, NOW_MS)


def test_a_receipt_for_another_order_is_refused() -> None:
    digest = order_hash(an_order(), DOMAIN)
    other = order_hash(an_order(seq=18), DOMAIN)
    with pytest.raises(Unavailable, match="for another order"):
        check_receipt(a_receipt(other), digest, MATCHER.address, DOMAIN, NOW_MS)


@pytest.mark.parametrize(
    "answer", [{}, {"orderHash": "0x00"}, {"orderHash": "0x00", "receipt": {"signature": "0x12"}}]
)
def test_an_answer_without_a_receipt_is_said_to_have_none(answer: dict[str, Any]) -> None:
    with pytest.raises(Unavailable, match="without a receipt"):
        read_receipt(answer)


# -- the client ------------------------------------------------------------------------------------


class Venue:
    """Takes every order, and signs for it with a key."""

    def __init__(self, key: Wallet) -> None:
        self.key = key
        self.hashes: dict[int, str] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        meta = {
            "chainId": DOMAIN.chain_id,
            "contracts": {"Clearing": checksum_address(DOMAIN.verifying_contract)},
            "matcher": str(MATCHER),
        }
        documents: dict[str, Any] = {
            "/v1/meta": meta,
            "/v1/markets": {"data": [{"id": 3, "name": "BTC-USD"}]},
            "/v1/account": {"account": 17, "epoch": 2},
        }
        if request.url.path in documents:
            return httpx.Response(200, json=documents[request.url.path])
        results = []
        for body in json.loads(request.content):
            if body["size"] == "9":
                results.append({"error": {"code": "MARGIN", "detail": "too large"}})
                continue
            receipt = a_receipt(bytes.fromhex(self.hashes[body["slot"]]), key=self.key)
            results.append(answer_of(receipt))
        return httpx.Response(200, json={"results": results})


def answer_of(receipt: Receipt) -> dict[str, Any]:
    """As the venue words it."""
    return {
        "orderHash": "0x" + receipt.order_hash.hex(),
        "receipt": {
            "sequence": receipt.sequence,
            "acceptedTime": receipt.accepted_ms,
            "batchTime": receipt.batch_ms,
            "signature": signature_hex(receipt.r, receipt.vs),
        },
    }


def placed(path: Path, key: Wallet, monkeypatch: pytest.MonkeyPatch, *sizes: str) -> list[bytes]:
    """Place orders, keeping receipts in a file; their hashes."""
    monkeypatch.setattr("infold.sdk.client.time.time_ns", lambda: NOW_MS * 1_000_000)
    venue = Venue(key)
    with Client("http://venue", transport=httpx.MockTransport(venue), receipts=path) as client:
        orders = [
            client.prepare(
                TRADER,
                account=17,
                market="BTC-USD",
                side="buy",
                size=size,
                price="60000",
                slot=slot,
            )
            for slot, size in enumerate(sizes)
        ]
        venue.hashes = {order.order.slot: order.order_hash.hex() for order in orders}
        client.place(*orders)
    return [order.order_hash for order in orders]


def test_the_client_keeps_what_was_accepted_and_only_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "receipts"
    first, _refused, third = placed(path, MATCHER, monkeypatch, "1", "9", "2")
    again = placed(path, MATCHER, monkeypatch, "3")
    kept = list(ReceiptFile(path))
    assert [one.receipt.order_hash for one in kept] == [first, third, *again]
    assert path.stat().st_mode & 0o077 == 0, "nobody else may read it"
    for one in kept:
        digest = order_hash(one.order, DOMAIN)
        assert digest == one.receipt.order_hash
        assert (one.r, one.vs) == sign(digest, TRADER.private_key)


def test_the_client_says_when_a_receipt_binds_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "receipts"
    with pytest.raises(Unavailable, match="cancel the order on chain"):
        placed(path, OTHER, monkeypatch, "1")
    assert not path.exists()


def test_a_damaged_file_names_its_line(tmp_path: Path) -> None:
    path = tmp_path / "receipts"
    with pytest.raises(
        Misconfigured, match=r"cannot read receipts in \S+ \(No such file or directory\);"
    ):
        list(ReceiptFile(path))
    path.write_text("{}\n")
    with pytest.raises(Misconfigured, match="line 1 of"):
        list(ReceiptFile(path))
    with pytest.raises(Misconfigured, match="cannot keep receipts"):
        ReceiptFile(tmp_path).keep(an_order(), bytes(64), a_receipt(bytes(32)))
