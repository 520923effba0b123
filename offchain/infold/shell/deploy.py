# SPDX-License-Identifier: Apache-2.0
"""A venue onto a chain: compile a checkout's contracts, create them, check them, list the markets,
seal.

The contracts name each other at construction and never change it, so every address must be known
before the first creation: they follow from the deployer's address and its next nonces. Constructor
arguments are found by the names the ABI gives them. Nothing here is specific to one provider:
`Deployer` is all that is asked of it, so the same plan runs over plain JSON-RPC (`RpcDeployer`) and
from an Ape script.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from eth_abi.abi import encode

from infold.errors import InvariantBroken, Misconfigured, Unavailable
from infold.shell.chain import (
    Abi,
    AddressBook,
    Json,
    Reverted,
    Rpc,
    Sender,
    block,
    receipts,
    rlp,
    why_it_failed,
)
from infold.shell.chain import mine as mine_block
from infold.shell.compiling import Compiled, Progress, compile_contracts
from infold.signing import checksum_address, keccak
from infold.words import CapsWord, ListingWord, RatesWord

ORDER = (
    "Dollar",
    "Timelock",
    "Governance",
    "Vault",
    "Oracle",
    "Seals",
    "Rules",
    "Delegates",
    "Clearing",
    "Pool",
    "Recovery",
    "Bond",
    "Teller",
)
REWARD_E6 = 100 * 10**6  # what the matcher's bond pays for an order left out
CLAIM_S = 14 * 86_400  # to claim it and to answer: the timelock's word takes 8 days of it
DELAY_S = 8 * 86_400  # the least: longer than the time in which everyone can leave
MINES_MAX = 1_000


@dataclass(frozen=True, slots=True)
class MarketPlan:
    """One market's listing."""

    market: int
    rates: RatesWord
    caps: CapsWord
    listing: ListingWord


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePlan:
    """A market's second source: an adapter (`Aggregator`, `Pull`), or on devnets the mock
    `Source`, with its constructor's arguments by name.
    """

    market: int
    contract: str
    arguments: dict[str, Any]
    bound_e4: int
    age_s: int
    strict: bool = False


@dataclass(frozen=True, slots=True)
class UptimePlan:
    """The feed that tells whether the chain's sequencer runs, and the grace after it came back."""

    feed: bytes
    grace_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentPlan:
    """What a venue is to be. `owner` proposes what governance changes, and the timelock waits
    `delay_s`; a venue that is not `sealed` obeys its deployer at once. `token` None deploys the
    test dollar, which anyone may mint. Both are for devnets only.
    """

    owner: bytes
    guardian: bytes
    matcher: bytes
    signers: tuple[bytes, ...]
    threshold: int
    markets: tuple[MarketPlan, ...]
    epoch_ms: int
    token: bytes | None = None
    delay_s: int = DELAY_S
    reward_e6: int = REWARD_E6
    window_s: int = CLAIM_S
    sealed: bool = True
    sources: tuple[SourcePlan, ...] = ()
    uptime: UptimePlan | None = None


class Deployer(Protocol):
    """What deployment asks of a provider."""

    address: bytes

    def next_nonce(self) -> int:
        """The nonce of the deployer's next transaction."""

    def create(self, name: str, init_code: bytes) -> bytes:
        """Create a contract and wait for it; its address."""

    def send(self, what: str, to: bytes, data: bytes) -> None:
        """Call a contract and wait until it succeeded."""

    def code(self, address: bytes) -> bytes:
        """The code at an address."""

    def read(self, to: bytes, data: bytes) -> bytes:
        """A read-only call."""

    def block_number(self) -> int:
        """The latest block."""

    def chain_id(self) -> int:
        """The chain's id."""


# -- deploying -------------------------------------------------------------------------------------


def create_address(deployer: bytes, nonce: int) -> bytes:
    """Where a plain creation with this nonce puts its contract."""
    return keccak(rlp([deployer, nonce.to_bytes((nonce.bit_length() + 7) // 8, "big")]))[12:]


def deploy(
    deployer: Deployer,
    plan: DeploymentPlan,
    contracts: Path,
    progress: Progress = lambda _line: None,
) -> AddressBook:
    """Carry a plan out and check what stands there. Raises `Unavailable` or `Reverted` where the
    chain says no, `InvariantBroken` if another transaction of the deployer's came between.
    """
    _check_plan(plan)
    contracts = contracts.resolve()
    names = planned_names(plan, contracts)
    compiled = compile_contracts(contracts, names, progress)
    first_nonce = deployer.next_nonce()
    addresses = {
        name: create_address(deployer.address, first_nonce + place)
        for place, name in enumerate(names)
    }
    if plan.token is not None:
        addresses = {"Dollar": plan.token} | addresses
    first_block = deployer.block_number() + 1
    for name, init_code in creations(plan, compiled, addresses).items():
        progress(f"deploying {name}")
        found = deployer.create(name, init_code)
        if found != addresses[name]:
            raise InvariantBroken(
                f"{name} went to {checksum_address(found)}, not to "
                f"{checksum_address(addresses[name])}: "
                "another transaction of the deployer's came between; deploy anew"
            )
    _check_deployment(deployer, names, addresses, compiled)
    governance = Abi("Governance", compiled["Governance"].abi)
    for market in plan.markets:
        progress(f"listing {market.listing.name}")
        data = governance.calldata(
            "set_market", market.market, market_parameters(governance, market)
        )
        deployer.send(f"listing {market.listing.name}", addresses["Governance"], data)
    for source in plan.sources:
        add_source(deployer, governance, addresses["Governance"], source, contracts, progress)
    if plan.uptime is not None:
        data = governance.calldata("set_uptime", plan.uptime.feed, plan.uptime.grace_s)
        deployer.send("naming the uptime feed", addresses["Governance"], data)
    if plan.sealed:
        progress(f"sealing governance behind {plan.delay_s} s")
        deployer.send("sealing", addresses["Governance"], governance.calldata("seal"))
    return AddressBook(deployer.chain_id(), first_block, addresses)


def planned_names(plan: DeploymentPlan, contracts: Path) -> list[str]:
    """What a plan creates, in order. Raises `InvariantBroken` for a contract nobody planned."""
    names = [
        name
        for name in ORDER
        if (contracts / f"{name}.vy").exists() or (name == "Dollar" and plan.token is None)
    ]
    unknown = {path.stem for path in contracts.glob("*.vy")} - set(names)
    if unknown:
        raise InvariantBroken(
            f"deployment does not know what {', '.join(sorted(unknown))} is for; add it to ORDER"
        )
    return names


def creations(
    plan: DeploymentPlan, compiled: dict[str, Compiled], addresses: dict[str, bytes]
) -> dict[str, bytes]:
    """What creates each contract: its code, then its constructor's arguments."""
    known: dict[str, Any] = {name.lower(): address for name, address in addresses.items()} | {
        "token": addresses["Dollar"],
        "collateral": addresses["Dollar"],
        "owner": plan.owner,
        "guardian": plan.guardian,
        "delay_s": plan.delay_s,
        "matcher": plan.matcher,
        "signers": list(plan.signers),
        "oracle_signers": list(plan.signers),
        "threshold": plan.threshold,
        "k": plan.threshold,
        "epoch_ms": plan.epoch_ms,
        "reward_e6": plan.reward_e6,
        "window_s": plan.window_s,
    }
    return {
        name: one.init_code + _constructor_arguments(name, one.abi, known)
        for name, one in compiled.items()
    }


def market_parameters(governance: Abi, market: MarketPlan) -> list[Any]:
    """A listing in the order of Governance's struct; its members are named as the words' fields
    are. `InvariantBroken` if one is not.
    """
    values = market.rates._asdict() | market.caps._asdict() | market.listing._asdict()
    function = next(entry for entry in governance.entries if entry.get("name") == "set_market")
    members = [member["name"] for member in function["inputs"][1]["components"]]
    missing = [member for member in members if member not in values]
    if missing:
        raise InvariantBroken(
            f"Governance asks for {', '.join(missing)} of a market, which no word holds"
        )
    return [values[member] for member in members]


def _check_plan(plan: DeploymentPlan) -> None:
    if not 1 <= plan.threshold <= len(plan.signers):
        raise Misconfigured(
            f"{plan.threshold} of {len(plan.signers)} oracle signers cannot be asked for"
        )
    if len(set(plan.signers)) != len(plan.signers):
        raise Misconfigured("an oracle signer is named twice")
    ids = [market.market for market in plan.markets]
    names = [market.listing.name for market in plan.markets]
    if len(set(ids)) != len(ids) or len(set(names)) != len(names):
        raise Misconfigured("two markets have the same id or name")


def source_creation(
    plan: SourcePlan, contracts: Path, progress: Progress = lambda _line: None
) -> bytes:
    """What creates a second source: its code, then its constructor's arguments."""
    compiled = compile_contracts(contracts.resolve(), (plan.contract,), progress)[plan.contract]
    return compiled.init_code + _constructor_arguments(plan.contract, compiled.abi, plan.arguments)


def add_source(
    deployer: Deployer,
    governance: Abi,
    governance_address: bytes,
    plan: SourcePlan,
    contracts: Path,
    progress: Progress = lambda _line: None,
) -> bytes:
    """Create a second source and name it, while governance still obeys its deployer; its address.

    Raises `Reverted` where the source does not answer, or Oracle's bounds refuse it.
    """
    progress(f"adding a second source to market {plan.market}")
    address = deployer.create(plan.contract, source_creation(plan, contracts, progress))
    terms = (plan.market, address, plan.bound_e4, plan.age_s, plan.strict)
    data = governance.calldata("set_price_source", *terms)
    deployer.send("naming a second source", governance_address, data)
    return address


def _constructor_arguments(name: str, abi: Json, known: dict[str, Any]) -> bytes:
    inputs: Json = next((entry["inputs"] for entry in abi if entry["type"] == "constructor"), [])
    values = []
    for parameter in inputs:
        label = parameter["name"].strip("_")
        if label not in known:
            raise InvariantBroken(
                f"{name}'s constructor asks for {label}, which deployment does not know; add it "
                "to `known`"
            )
        values.append(known[label])
    return encode([parameter["type"] for parameter in inputs], values)


def _check_deployment(
    deployer: Deployer,
    names: Sequence[str],
    addresses: dict[str, bytes],
    compiled: dict[str, Compiled],
) -> None:
    """Code stands at every address, and every part names the others as planned."""
    for name in names:
        if not deployer.code(addresses[name]):
            raise Unavailable(
                f"{name} has no code at {checksum_address(addresses[name])}; deploy anew"
            )
        abi = Abi(name, compiled[name].abi)
        for function, signature in abi.functions.items():
            label = function.lower()
            contract = next((other for other in addresses if other.lower() == label), None)
            if signature.inputs or signature.outputs != ["address"] or contract is None:
                continue
            found = abi.result(function, deployer.read(addresses[name], abi.calldata(function)))
            if bytes.fromhex(found[2:]) != addresses[contract]:
                planned = checksum_address(addresses[contract])
                raise InvariantBroken(
                    f"{name}.{function}() is {found}, planned was {planned}; do not use it"
                )


class RpcDeployer:
    """A deployer over JSON-RPC. `mine` asks a development node for a block; without it the chain is
    waited for.
    """

    def __init__(self, rpc: Rpc, sender: Sender, mine: Callable[[], None] | None = None) -> None:
        self.rpc = rpc
        self.sender = sender
        self.address = sender.address
        self._mine = mine or (lambda: mine_block(rpc) and None)

    def next_nonce(self) -> int:
        """The nonce of the deployer's next transaction."""
        return self.sender.nonce

    def chain_id(self) -> int:
        """The chain's id."""
        return self.sender.chain_id

    def block_number(self) -> int:
        """The latest block."""
        return block(self.rpc).number

    def code(self, address: bytes) -> bytes:
        """The code at an address."""
        return bytes.fromhex(self.rpc.call("eth_getCode", "0x" + address.hex(), "latest")[2:])

    def read(self, to: bytes, data: bytes) -> bytes:
        """A read-only call."""
        return bytes.fromhex(
            self.rpc.call("eth_call", {"to": "0x" + to.hex(), "data": "0x" + data.hex()}, "latest")[
                2:
            ]
        )

    def create(self, name: str, init_code: bytes) -> bytes:
        """Create a contract and wait for it; its address."""
        self.send(f"creating {name}", b"", init_code)
        return create_address(self.address, self.sender.nonce - 1)

    def send(self, what: str, to: bytes, data: bytes) -> None:
        """Call a contract and wait until it succeeded. Raises `Reverted` with its reason."""
        self.send_all(what, [(to, data)], self.sender.estimate(to, data))

    def send_all(self, what: str, calls: Sequence[tuple[bytes, bytes]], gas: int) -> None:
        """Call many times and mine until all are in; `Reverted` if one failed."""
        hashes = self.sender.send_many(calls, gas)
        for _ in range(MINES_MAX):
            self._mine()
            if self.sender.chain_nonce("latest") >= self.sender.nonce:
                break
        for found in receipts(self.rpc, hashes):
            if not found.ok:
                raise Reverted(why_it_failed(self.rpc, found.hash), what)
