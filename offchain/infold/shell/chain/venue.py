# SPDX-License-Identifier: Apache-2.0
"""Where a venue's contracts are, and all of them at the end of one connection."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from infold.errors import Misconfigured
from infold.shell.chain.contracts import Contract, Log, load_abi, logs
from infold.shell.chain.rpc import Rpc
from infold.signing import checksum_address

BOOK_NAME = "addresses.json"
"""How a run that keeps its journal names the address book beside it."""


@dataclass(frozen=True, slots=True)
class AddressBook:
    """Where a venue's contracts are, as `deploy` wrote it."""

    chain_id: int
    first_block: int
    addresses: dict[str, bytes]

    def address(self, name: str) -> bytes:
        """A contract's address. Raises `Misconfigured` if the book does not name it."""
        try:
            return self.addresses[name]
        except KeyError:
            raise Misconfigured(
                f"the address book names no {name}; deploy anew or give the right book"
            ) from None

    def to_json(self) -> str:
        """The book as a JSON document."""
        contracts = {name: checksum_address(address) for name, address in self.addresses.items()}
        content = {
            "chain_id": self.chain_id,
            "first_block": self.first_block,
            "contracts": contracts,
        }
        return json.dumps(content, indent=2) + "\n"

    def write(self, path: Path) -> None:
        """Write the book; a reader never sees half of it."""
        draft = path.with_name(path.name + ".new")
        draft.write_text(self.to_json(), "utf-8")
        draft.replace(path)

    @classmethod
    def read(cls, path: Path) -> AddressBook:
        """Read a book. Raises `Misconfigured` if it is missing or damaged."""
        try:
            content = json.loads(path.read_text("utf-8"))
            addresses = {
                name: bytes.fromhex(text[2:]) for name, text in content["contracts"].items()
            }
            if any(len(address) != 20 for address in addresses.values()):
                raise ValueError("an address is not 20 bytes")
            return cls(int(content["chain_id"]), int(content["first_block"]), addresses)
        except FileNotFoundError as error:
            raise Misconfigured(
                f"no address book at {path}; run `infold deploy`, which writes one"
            ) from error
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise Misconfigured(
                f"address book {path} is damaged ({error}); run `infold deploy` again"
            ) from error


class Venue:
    """The contracts of one deployment, at the end of one connection.

    Raises `Misconfigured` if the node serves another chain than the book was written for: by its
    id, or because nothing stands where Clearing should.
    """

    def __init__(self, rpc: Rpc, book: AddressBook) -> None:
        self.rpc = rpc
        self.book = book
        found = int(rpc.call("eth_chainId"), 16)
        if found != book.chain_id:
            raise Misconfigured(
                f"node at {rpc.url} serves chain {found}, the address book is of chain "
                f"{book.chain_id}; name the node of that chain with --rpc-url, or another book with"
                " --book"
            )
        clearing = "0x" + book.address("Clearing").hex()
        if rpc.call("eth_getCode", clearing, "latest") == "0x":
            raise Misconfigured(
                f"the chain at {rpc.url} has no Clearing at {clearing}, where the address book has"
                " it; name the node of the book's chain with --rpc-url, or this chain's book with"
                " --book (a devnet is a new chain each time it starts)"
            )
        self.contracts = {
            name: Contract(rpc, load_abi(name), address) for name, address in book.addresses.items()
        }

    def __getitem__(self, name: str) -> Contract:
        return self.contracts[name]

    def logs(self, first_block: int, last_block: int, only: str | None = None) -> list[Log]:
        """All logs of the venue's contracts (not of its token), or of one, in a range of blocks, in
        chain order.
        """
        watched = [
            contract
            for name, contract in self.contracts.items()
            if name == only or (only is None and name != "Dollar")
        ]
        return logs(watched, first_block, last_block)
