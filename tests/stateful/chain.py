# SPDX-License-Identifier: Apache-2.0
"""The contracts of a random venue on pyrevm, called by raw calldata and read word by word."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

from tests.support.compiler import compiled
from tests.support.evm import World, a_key
from tests.support.twin import Key

from infold.reference.keccak import keccak_256

Words = list[int]
DEPLOYMENT = (
    "dev/Dollar",
    "Vault",
    "Oracle",
    "Seals",
    "Rules",
    "Delegates",
    "Clearing",
    "Pool",
    "Recovery",
    "dev/Source",
)
EPOCH_MS = 60_000
THRESHOLD = 2
GOVERNANCE, RECOVERY, MATCHER, TIMELOCK = (Key(94_001 + it) for it in range(4))
SIGNERS = sorted((Key(93_001 + it) for it in range(3)), key=lambda key: key.address)
STRANGER = Key(99_001)
PRICERS = sorted([*SIGNERS, STRANGER], key=lambda key: key.address)
"""Who signs prices at first, and a stranger who may come to."""
ATTESTERS = sorted((Key(98_001 + it) for it in range(2)), key=lambda key: key.address)
MARKETS = {1: 60_000 * 10**8, 2: 2_500 * 10**8, 37: 150 * 10**8, 70: 25 * 10**6, 255: 10**11}
# A market whose caps are as wide as their fields, so that sizes near the ends of the range can
# trade.
WIDE = 255
DOLLAR_SUPPLY = 2**120
CLOSED_BOOK = 2**60 - 1


class Ticket(NamedTuple):
    """What waits in the vault's queue: for whom, how much, its end among all that was ever queued,
    and its last second.
    """

    to: int
    amount_e6: int
    end_e6: int
    due_s: int


class Chain:
    """The contracts, called by raw calldata.

    Governance is a plain key, so that parameters beyond its bounds reach Clearing; Recovery is one
    too where `with_recovery` is false, so that `apply` is reached without its judgement.
    """

    def __init__(self, with_recovery: bool) -> None:
        self.world = World()
        self.evm: Any = self.world._evm
        names = [name for name in DEPLOYMENT if with_recovery or name != "Recovery"]
        deployer = a_key("deployer")
        keys = {"governance": GOVERNANCE, "recovery": RECOVERY, "timelock": TIMELOCK}
        self.addresses = {name: f"0x{key.address:040x}" for name, key in keys.items()}
        for at, name in enumerate(names):
            short = name.rsplit("/", 1)[-1].lower()
            self.addresses[short] = self.world.predict(deployer.address, at)
        known: dict[str, Any] = self.addresses | {
            "token": self.addresses["dollar"],
            "matcher": f"0x{MATCHER.address:040x}",
            "epoch_ms": EPOCH_MS,
            "oracle_signers": [f"0x{key.address:040x}" for key in SIGNERS],
            "threshold": THRESHOLD,
            "price_e8": MARKETS[1],
        }
        for name in names:
            wanted = [
                part["name"]
                for entry in compiled(name).abi
                if entry["type"] == "constructor"
                for part in entry["inputs"]
            ]
            self.world.deploy(name, *(known[part] for part in wanted), sender=deployer)
        self.of_number = {int(address, 16): name for name, address in self.addresses.items()}

    def number(self, name: str) -> int:
        return int(self.addresses[name], 16)

    def send(self, contract: str, sender: int, data: bytes) -> tuple[str | None, list[Any]]:
        """A transaction: the reason it reverted for ("" without words) or None, and its logs."""
        self.evm.reset_transient_storage()
        try:
            self.evm.message_call(f"0x{sender:040x}", self.addresses[contract], calldata=data)
        except RuntimeError as error:
            return _reason(str(error)), []
        return None, self.evm.result.logs

    def read(self, contract: str, data: bytes) -> int:
        """The first word a view returns."""
        return self.read_words(contract, data)[0]

    def read_words(self, contract: str, data: bytes) -> Words:
        """All words a view returns."""
        output = bytes(
            self.evm.message_call(
                f"0x{0:040x}", self.addresses[contract], calldata=data, is_static=True
            )
        )
        return [int.from_bytes(output[at : at + 32], "big") for at in range(0, len(output), 32)]

    def accounted_e6(self) -> int:
        """What the vault says it holds for others."""
        return self.read("vault", selector("accounted_e6()"))

    def waiting_e6(self) -> int:
        """What of it waits in the vault's queue, and is in no other book any more."""
        return self.read("vault", selector("waiting_e6()"))

    def ticket_count(self) -> int:
        """How many tickets the queue ever gave."""
        return self.read("vault", selector("ticket_count()"))

    def ticket(self, number: int) -> Ticket:
        """One of them; nothing but zeros once it is pulled."""
        data = selector("tickets(uint256)") + number.to_bytes(32, "big")
        return Ticket(*self.read_words("vault", data))


def _reason(text: str) -> str:
    if not text.startswith("Revert"):
        return ""
    data = bytes.fromhex(text.rsplit("0x", 1)[1].split(" ")[0].rstrip(" }"))
    if data[:4] != b"\x08\xc3\x79\xa0":
        return ""
    length = int.from_bytes(data[36:68], "big")
    return data[68 : 68 + length].decode()


@functools.cache
def selector(signature: str) -> bytes:
    return keccak_256(signature.encode())[:4]


POOL_GETTERS = {
    "holder_requests": ("requests(address,uint256)", 32),
    "claims": ("claims(address,uint256)", 33),
    "operators": ("isOperator(address,address)", 160),
}
GETTERS = {
    "accounts": ("clearing", "accounts(uint256)"),
    "positions": ("clearing", "positions(uint256)"),
    "fills": ("clearing", "fills(uint256)"),
    "withdrawals": ("clearing", "withdrawals(uint256)"),
    "epoch_barriers": ("clearing", "epoch_barriers(uint256)"),
    "market_words": ("clearing", "market_words(uint256)"),
    "parameter_words": ("clearing", "parameter_words(uint256)"),
    "strikes": ("clearing", "strikes(uint256)"),
    "lp_requests": ("pool", "lp_requests(uint256)"),
    "shares": ("pool", "balanceOf(address)"),
    "liquidated_ms": ("recovery", "liquidated_ms(uint256)"),
    "exits": ("recovery", "exits(uint256)"),
    "deleveragings": ("recovery", "deleveragings(uint256)"),
    "sources": ("oracle", "source_of(uint256)"),
    "readings": ("oracle", "readings(uint256)"),
}
SCALARS = {
    "head": "head()",
    "limits": "limits()",
    "pool_markets": "pool_markets()",
    "backstop_markets": "backstop_markets()",
    "account_count": "account_count()",
}


def as_bytes(topic: Any) -> bytes:
    if isinstance(topic, bytes):
        return topic
    return bytes.fromhex(str(topic).removeprefix("0x"))
