# SPDX-License-Identifier: Apache-2.0
"""The committed vectors are what the code says today, and what eth-account says of them."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from eth_account.messages import encode_typed_data

from infold import signing
from infold.core import reading
from infold.signing import Domain
from infold.units import parse_decimal

ROOT = Path(__file__).parents[2]
VECTORS = ROOT / "tests" / "vectors"


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_vectors", ROOT / "tools/make_vectors.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cases(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((VECTORS / name).read_text("utf-8"))["cases"]
    assert found
    return found


def whole(message: dict[str, Any]) -> dict[str, Any]:
    """A vector's message with its numbers back from text."""
    return {
        name: value
        if not isinstance(value, str)
        else (bytes.fromhex(value[2:]) if value.startswith("0x") else int(value))
        for name, value in message.items()
    }


def domain_of(case: dict[str, Any]) -> Domain:
    fields = case["domain"]
    return Domain(fields["chainId"], bytes.fromhex(fields["verifyingContract"][2:]))


@pytest.mark.parametrize(
    ("name", "text"), list(generator().rendered()), ids=lambda value: value[:24]
)
def test_the_committed_file_is_the_regenerated_one(name: str, text: str) -> None:
    assert (VECTORS / name).read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    ("name", "primary", "key"),
    [("orders.json", "Order", "orderHash"), ("messages.json", None, "digest")],
)
def test_digests_are_the_generic_library_s(name: str, primary: str | None, key: str) -> None:
    for case in cases(name):
        document = signing.typed_data(
            primary or case["name"], whole(case["message"]), domain_of(case)
        )
        message = encode_typed_data(full_message=document)
        digest = signing.keccak(b"\x19" + message.version + message.header + message.body)
        assert "0x" + digest.hex() == case[key]
        signer = signing.recover(digest, int(case["r"], 16), int(case["vs"], 16))
        assert signer is not None and signing.checksum_address(signer) == case["signer"]


def test_requests_decode_to_the_order_they_carry() -> None:
    text = json.loads((VECTORS / "requests.json").read_text("utf-8"))
    context = reading.Context(domain_of(text), text["markets"])
    for case in text["cases"]:
        signed = reading.decode_order(case["body"].encode(), context)
        assert signing.order_message(signed.order) == whole(case["message"])
        assert "0x" + signed.order_hash.hex() == case["orderHash"]
        assert signing.checksum_address(signed.signer) == case["signer"]


def test_numbers_are_read_or_refused_as_listed() -> None:
    listed = cases("numbers.json")
    assert any(case["value"] is None for case in listed)
    for case in listed:
        if case["value"] is not None:
            assert parse_decimal(case["text"], case["decimals"]) == int(case["value"])
