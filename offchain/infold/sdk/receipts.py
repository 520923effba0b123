# SPDX-License-Identifier: Apache-2.0
"""A trader's receipts: checked when they come, kept in a file, one a line.

A receipt binds the matcher: an order it names may not be passed over (docs/protocol.md section 12).
Claim first and cancel then, for a cancel carries no time and answers the claim.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from infold.errors import Misconfigured, Unavailable, system_words
from infold.messages import Order, Receipt
from infold.omissions import Receipted, is_signed
from infold.signing import Domain

AHEAD_MS: Final = 5_000
"""How far the venue's clock may run ahead of ours: a receipt dated later would prove nothing."""


def read_receipt(answer: Mapping[str, Any]) -> Receipt:
    """The receipt in a venue's answer to an order. Raises `Unavailable` if there is none."""
    try:
        body = answer["receipt"]
        pair = bytes.fromhex(body["signature"][2:])
        if len(pair) != 64:
            raise ValueError("a signature is 64 bytes")
        return Receipt(
            order_hash=bytes.fromhex(answer["orderHash"][2:]),
            sequence=int(body["sequence"]),
            accepted_ms=int(body["acceptedTime"]),
            batch_ms=int(body["batchTime"]),
            r=int.from_bytes(pair[:32], "big"),
            vs=int.from_bytes(pair[32:], "big"),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Unavailable(f"the venue answered an order without a receipt ({error!r})") from None


def check_receipt(
    receipt: Receipt, order_hash: bytes, matcher: bytes, domain: Domain, now_ms: int
) -> None:
    """Raise `Unavailable` unless a receipt binds this matcher to this order from now on."""
    if receipt.order_hash != order_hash:
        fault = "it is for another order"
    elif not is_signed(receipt, matcher, domain):
        fault = "the matcher's key did not sign it"
    elif receipt.accepted_ms > now_ms + AHEAD_MS:
        fault = "it is dated ahead"
    elif receipt.batch_ms > receipt.accepted_ms + AHEAD_MS:
        fault = "it names a batch that is not closed yet"
    else:
        return
    raise Unavailable(
        f"the receipt of 0x{order_hash.hex()} does not bind the matcher: {fault}; cancel the order "
        "on chain if it must not fill"
    )


class ReceiptFile:
    """Receipts in a file, appended to. Private like a key file: it shows every order."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def keep(self, order: Order, signature: bytes, receipt: Receipt) -> None:
        """Add one; `signature` is the order's, 64 bytes. Raises `Misconfigured` if it cannot."""
        pair = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        line = msgspec.json.encode(Receipted(order=order, r=pair[0], vs=pair[1], receipt=receipt))
        try:
            with self.path.open("ab") as file:
                self.path.chmod(0o600)
                file.write(line + b"\n")
        except OSError as error:
            raise Misconfigured(
                f"cannot keep receipts in {self.path} ({system_words(error)}); name a file that can"
                " be written"
            ) from error

    def __iter__(self) -> Iterator[Receipted]:
        try:
            lines = self.path.read_bytes().splitlines()
        except OSError as error:
            raise Misconfigured(
                f"cannot read receipts in {self.path} ({system_words(error)}); name the file that"
                " `infold order place --receipts` wrote"
            ) from error
        for number, line in enumerate(lines, 1):
            try:
                yield msgspec.json.decode(line, type=Receipted)
            except msgspec.DecodeError as error:
                raise Misconfigured(
                    f"line {number} of {self.path} is no receipt ({error}); take it out"
                ) from error
