# SPDX-License-Identifier: Apache-2.0
"""Keys, and what they sign. A key is read from a file or a keystore, never from an argument."""

from __future__ import annotations

import json
from pathlib import Path

from infold.errors import Misconfigured
from infold.messages import Cancel, Order
from infold.signing import (
    Domain,
    address_of,
    cancel_digest,
    checksum_address,
    order_hash,
    permit_digest,
    sign,
)


class Wallet:
    """One private key. Its text form never contains the key."""

    def __init__(self, private_key: bytes) -> None:
        self.private_key = private_key
        self.address: bytes = address_of(private_key)

    def __repr__(self) -> str:
        return f"Wallet({self})"

    def __str__(self) -> str:
        return checksum_address(self.address)

    # -- where keys come from ------------------------------------------------

    @classmethod
    def from_hex(cls, text: str, source: str = "the private key") -> Wallet:
        """64 hex digits with or without 0x; anything else is `Misconfigured`, which names
        ``source``.
        """
        try:
            key = bytes.fromhex(text.strip().removeprefix("0x"))
            return cls(key)
        except ValueError:
            raise Misconfigured(
                f"{source} is not 64 hex digits of a private key; check the file"
            ) from None

    @classmethod
    def from_key_file(cls, path: Path | str) -> Wallet:
        """A file that holds a private key in hex and nothing else."""
        return cls.from_hex(_read(Path(path)), str(path))

    @classmethod
    def from_keystore(cls, path: Path, password: str) -> Wallet:
        """An encrypted keyfile (version 3), as eth-account, Ape and geth write it. `Misconfigured`
        if it does not open.
        """
        from eth_account import Account

        text = _read(path)
        try:
            return cls(bytes(Account.decrypt(json.loads(text), password)))
        except json.JSONDecodeError:
            raise Misconfigured(f"{path} is not a keystore: it is not JSON") from None
        except (ValueError, KeyError, TypeError, NotImplementedError) as error:
            raise Misconfigured(
                f"{path} did not open ({error}); check the password (typed, or in the file that"
                " INFOLD_KEYSTORE_PASSWORD_FILE names) and the file"
            ) from None

    def to_keystore(self, path: Path, password: str) -> None:
        """Write the key encrypted; `Misconfigured` if the file exists."""
        from eth_account import Account

        document = Account.encrypt(self.private_key, password)
        try:
            with path.open("x", encoding="utf-8") as file:
                path.chmod(0o600)
                json.dump(document, file)
        except FileExistsError:
            raise Misconfigured(f"{path} exists already; choose another name") from None

    # -- what keys do --------------------------------------------------------

    def sign(self, digest: bytes) -> tuple[int, int]:
        """Sign 32 bytes; the pair (r, vs)."""
        return sign(digest, self.private_key)

    def sign_order(self, order: Order, domain: Domain) -> tuple[int, int]:
        """Sign an order under Clearing's domain."""
        return self.sign(order_hash(order, domain))

    def sign_cancel(self, cancel: Cancel, domain: Domain) -> tuple[int, int]:
        """Sign the wish that the matcher stop filling an order."""
        return self.sign(cancel_digest(cancel, domain))

    def sign_permit(
        self, separator: bytes, spender: bytes, amount: int, nonce: int, deadline_s: int
    ) -> tuple[int, bytes, bytes]:
        """Sign an allowance (ERC-2612) under a token's separator; v, r, s as tokens take them."""
        digest = permit_digest(
            separator,
            owner=self.address,
            spender=spender,
            amount=amount,
            nonce=nonce,
            deadline_s=deadline_s,
        )
        r, vs = self.sign(digest)
        s = vs & (1 << 255) - 1
        return 27 + (vs >> 255), r.to_bytes(32, "big"), s.to_bytes(32, "big")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise Misconfigured(
            f"{path} does not exist; give the path of a key file or keystore"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(
            f"{path} cannot be read ({error}); check the file and its permissions"
        ) from None
