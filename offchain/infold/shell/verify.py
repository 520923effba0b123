# SPDX-License-Identifier: Apache-2.0
"""Whether what stands on a chain is what this repository and a plan say.

Code is judged whole: the node is asked to create each contract once more, in a call that changes
nothing, from the deployer's address and at the nonce it was created with, so that immutables that
depend on the address or the chain come out as they must. What stands there must be those bytes.
Roles, keys and markets are read from logs (who was ever granted anything) and from storage (what
holds now); everything a plan does not name is a difference too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infold.shell.chain import AddressBook, Contract, Log, Reverted, Rpc, Venue, block
from infold.shell.compiling import compile_contracts
from infold.shell.deploy import (
    DeploymentPlan,
    MarketPlan,
    create_address,
    creations,
    planned_names,
    source_creation,
)
from infold.signing import checksum_address, keccak
from infold.words import (
    parameter_place,
    unpack_account,
    unpack_caps,
    unpack_clock,
    unpack_listing,
    unpack_rates,
    unpack_source,
)

NONCE_MAX = 10_000  # a deployer that did more before is not one of ours
NONCE_FREE = 2**48  # of nobody: where something is created that its deployer did not create
POOL, BACKSTOP = 0, 1
ANYONE = bytes(20)
ROLES = {keccak(f"{name}_ROLE".encode()): name for name in ("PROPOSER", "EXECUTOR", "CANCELLER")}
ROLES[bytes(32)] = "ADMIN"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as planned; `where` is a contract's name and what of it."""

    where: str
    planned: str
    found: str


@dataclass(slots=True)
class Verdict:
    """What was compared and what differed; `code_bytes` by contract."""

    checked: int = 0
    code_bytes: dict[str, int] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether all is as planned."""
        return not self.differences

    def report(self) -> dict[str, Any]:
        """The verdict as a document."""
        return {
            "contracts": self.code_bytes,
            "checked": self.checked,
            "differences": [
                {"where": one.where, "planned": one.planned, "found": one.found}
                for one in self.differences
            ],
            "ok": self.ok,
        }

    def expect(self, where: str, planned: object, found: object) -> None:
        """Compare one thing."""
        self.checked += 1
        if planned != found:
            self.differences.append(Difference(where, _shown(planned), _shown(found)))


def verify(
    rpc: Rpc,
    book: AddressBook,
    plan: DeploymentPlan,
    contracts: Path,
    progress: Callable[[str], None] = lambda _line: None,
) -> Verdict:
    """Compare a deployment with its plan and the sources in `contracts`.

    Raises `Misconfigured` if the book is of another chain or names too little, `Unavailable` if the
    node does not serve what is asked, such as calls with overridden accounts.
    """
    venue = Venue(rpc, book)
    verdict = Verdict()
    _verify_code(venue, plan, contracts.resolve(), verdict, progress)
    progress("reading roles, keys and markets")
    history = venue.logs(book.first_block, block(rpc).number)
    _verify_timelock(venue["Timelock"], plan, history, verdict)
    _verify_governance(venue, plan, verdict)
    _verify_vault(venue, verdict)
    _verify_seals(venue["Seals"], plan, history, verdict)
    _verify_oracle(venue["Oracle"], plan, history, verdict)
    _verify_sources(venue, plan, contracts.resolve(), history, verdict)
    _verify_bond(venue["Bond"], plan, verdict)
    _verify_markets(venue["Clearing"], plan, history, verdict)
    return verdict


# -- code ------------------------------------------------------------------------------------------


def _verify_code(
    venue: Venue,
    plan: DeploymentPlan,
    contracts: Path,
    verdict: Verdict,
    progress: Callable[[str], None],
) -> None:
    names = planned_names(plan, contracts)
    compiled = compile_contracts(contracts, names, progress)
    addresses = {name: venue.book.address(name) for name in {*names, "Dollar"}}
    if plan.token is not None:
        verdict.expect("Dollar.address", plan.token, addresses["Dollar"])
    deployer = _deployer(venue)
    nonce = _nonce_of(deployer, addresses[names[0]])
    for place, (name, init_code) in enumerate(creations(plan, compiled, addresses).items()):
        progress(f"comparing the code of {name}")
        verdict.expect(f"{name}.address", create_address(deployer, nonce + place), addresses[name])
        found = _code_at(venue.rpc, addresses[name])
        verdict.code_bytes[name] = len(found)
        wanted = _code_of(venue.rpc, deployer, nonce + place, addresses[name], init_code)
        _compare_code(name, wanted, found, verdict)


def _deployer(venue: Venue) -> bytes:
    return bytes.fromhex(venue["Governance"].call("deployer")[2:])


def _compare_code(name: str, wanted: bytes | str, found: bytes, verdict: Verdict) -> None:
    verdict.checked += 1
    if isinstance(wanted, str) or wanted != found:
        said = wanted if isinstance(wanted, str) else _apart(wanted, found)
        verdict.differences.append(
            Difference(f"{name}.code", "what this repository compiles, for this plan", said)
        )


def _nonce_of(deployer: bytes, address: bytes) -> int:
    """With which nonce the deployer made this address; a free one if it did not."""
    for nonce in range(NONCE_MAX):
        if create_address(deployer, nonce) == address:
            return nonce
    return NONCE_FREE


def _code_at(rpc: Rpc, address: bytes) -> bytes:
    return bytes.fromhex(rpc.call("eth_getCode", "0x" + address.hex(), "latest")[2:])


def _code_of(
    rpc: Rpc, deployer: bytes, nonce: int, address: bytes, init_code: bytes
) -> bytes | str:
    """The code a creation leaves, immutables and all; what its constructor says if it refuses."""
    request = {"from": "0x" + deployer.hex(), "data": "0x" + init_code.hex()}
    overrides = {
        "0x" + deployer.hex(): {"nonce": hex(nonce)},
        "0x" + address.hex(): {"nonce": "0x0", "code": "0x"},
    }
    try:
        return bytes.fromhex(rpc.call("eth_call", request, "latest", overrides)[2:])
    except Reverted as refusal:
        return f"the constructor refuses this plan: {refusal.reason}"


def _apart(wanted: bytes, found: bytes) -> str:
    if not found:
        return "no code"
    if len(found) != len(wanted):
        return f"{len(found)} bytes, not {len(wanted)}"
    places = [
        place for place, pair in enumerate(zip(wanted, found, strict=True)) if len({*pair}) > 1
    ]
    return f"{len(places)} of {len(found)} bytes differ, the first at {places[0]}"


# -- roles and keys --------------------------------------------------------------------------------


def _verify_timelock(
    timelock: Contract, plan: DeploymentPlan, history: list[Log], verdict: Verdict
) -> None:
    verdict.expect("Timelock.get_minimum_delay", plan.delay_s, timelock.call("get_minimum_delay"))
    planned = {
        "ADMIN": {timelock.address},
        "PROPOSER": {plan.owner},
        "CANCELLER": {plan.owner},
        "EXECUTOR": {ANYONE},
    }
    granted = {
        (log.arguments["role"], log.arguments["account"])
        for log in history
        if log.contract == "Timelock" and log.name == "RoleGranted"
    }
    held: dict[str, set[bytes]] = {name: set() for name in planned}
    for role, account in sorted(granted):
        if timelock.call("hasRole", role, account):
            held.setdefault(ROLES.get(role, "0x" + role.hex()), set()).add(account)
    for name, found in held.items():
        verdict.expect(f"Timelock.{name}", planned.get(name, set()), found)


def _verify_governance(venue: Venue, plan: DeploymentPlan, verdict: Verdict) -> None:
    governance, clearing = venue["Governance"], venue["Clearing"]
    verdict.expect("Governance.is_sealed", plan.sealed, governance.call("is_sealed"))
    guardian = bytes.fromhex(governance.call("guardian")[2:])
    verdict.expect("Governance.guardian", plan.guardian, guardian)
    for account, owner in ((POOL, venue["Pool"]), (BACKSTOP, governance)):
        word = unpack_account(clearing.call("accounts", account))
        verdict.expect(f"Clearing.accounts({account}).owner", owner.address, _bytes(word.owner))


def _verify_vault(venue: Venue, verdict: Verdict) -> None:
    """Whom the vault obeys, and that nothing else waits to be obeyed."""
    vault = venue["Vault"]
    for part in ("Clearing", "Recovery"):
        found = bytes.fromhex(vault.call(part.lower())[2:])
        verdict.expect(f"Vault.{part.lower()}", venue.book.address(part), found)
    verdict.expect("Vault.replaced_from_s", 0, vault.call("replaced_from_s"))


def _verify_seals(
    seals: Contract, plan: DeploymentPlan, history: list[Log], verdict: Verdict
) -> None:
    verdict.expect("Seals.matcher", plan.matcher, _bytes(seals.call("matcher_words", 1)))
    verdict.expect("Seals.attesters", set(), _serving(seals, history))
    verdict.expect("Seals.threshold", 0, seals.call("threshold") >> 56 & 255)


def _verify_oracle(
    oracle: Contract, plan: DeploymentPlan, history: list[Log], verdict: Verdict
) -> None:
    live = int(oracle.call("live_count"))
    _verify_signers(plan, _serving(oracle, history, plan.signers), live, verdict)
    verdict.expect("Oracle.live_count", len(plan.signers), live)
    verdict.expect("Oracle.threshold", plan.threshold, oracle.call("threshold") >> 56 & 255)
    uptime = 0
    if plan.uptime is not None:
        uptime = int.from_bytes(plan.uptime.feed, "big") << 32 | plan.uptime.grace_s
    verdict.expect("Oracle.uptime", uptime, oracle.call("uptime_word"))


def _verify_signers(plan: DeploymentPlan, serving: set[bytes], live: int, verdict: Verdict) -> None:
    """Who serves, of those planned and those some log names; the others of `live` came with the
    deployment, and their addresses cannot be read back.
    """
    verdict.checked += 1
    others = live - len(serving)
    if not others and serving == {*plan.signers}:
        return
    found = _shown(serving)
    if others:
        counted = "1 other serves" if others == 1 else f"{others} others serve"
        found = (
            f"{found if serving else 'none of these'}; {counted}, named by the deployment and by no"
            " log: give the plan that this venue was deployed by, or put its own signers into this"
            " one (its /v1/meta tells them)"
        )
    verdict.differences.append(Difference("Oracle.signers", _shown({*plan.signers}), found))


def _verify_sources(
    venue: Venue, plan: DeploymentPlan, contracts: Path, history: list[Log], verdict: Verdict
) -> None:
    """Which markets have a second source, on what terms, and what code answers for it."""
    oracle = venue["Oracle"]
    touched = {
        log.arguments["market"]
        for log in history
        if log.contract == "Oracle" and log.name == "SourceSet"
    }
    words = {market: int(oracle.call("source_of", market)) for market in sorted(touched)}
    planned = {source.market: source for source in plan.sources}
    verdict.expect("Oracle.sources", {*planned}, {at for at, word in words.items() if word})
    for market, source in planned.items():
        if not words.get(market):
            continue
        word = unpack_source(words[market])
        for name in ("bound_e4", "age_s", "strict"):
            verdict.expect(
                f"Oracle.source_of({market}).{name}", getattr(source, name), getattr(word, name)
            )
        address = _bytes(word.source)
        deployer, init_code = _deployer(venue), source_creation(source, contracts)
        nonce = _nonce_of(deployer, address)
        wanted = _code_of(venue.rpc, deployer, nonce, address, init_code)
        _compare_code(
            f"{source.contract} of market {market}", wanted, _code_at(venue.rpc, address), verdict
        )


def _verify_bond(bond: Contract, plan: DeploymentPlan, verdict: Verdict) -> None:
    """What an omission costs, how long it may be claimed, and that nobody takes the bond out."""
    for name in ("reward_e6", "window_s"):
        verdict.expect(f"Bond.{name}", getattr(plan, name), bond.call(name))
    _to, leaving_e6, _announced_s, _due_s = bond.call("withdrawal")
    verdict.expect("Bond.withdrawal", 0, leaving_e6)


def _serving(contract: Contract, history: list[Log], first: Iterable[bytes] = ()) -> set[bytes]:
    """Whose last change was to be added, among the first and all that ever changed."""
    known = {*first} | {
        log.arguments["signer"]
        for log in history
        if log.contract == contract.name and log.name == "SignerSet"
    }
    words = {key: int(contract.call("service", key)) for key in sorted(known)}
    return {key for key, word in words.items() if word and not word & (2**48 - 1)}


# -- markets ---------------------------------------------------------------------------------------


def _verify_markets(
    clearing: Contract, plan: DeploymentPlan, history: list[Log], verdict: Verdict
) -> None:
    listed = {log.arguments["market"] for log in history if log.name == "MarketSet"}
    verdict.expect("Clearing.markets", {market.market for market in plan.markets}, listed)
    for market in plan.markets:
        if market.market in listed:
            _verify_market(clearing, market, verdict)


def _verify_market(clearing: Contract, market: MarketPlan, verdict: Verdict) -> None:
    """The newest parameters, in force or about to be, field by field."""
    version = unpack_clock(clearing.call("market_words", market.market * 8)).version
    place = parameter_place(market.market, version)
    rates, caps, listing = clearing.calls("parameter_words", [[place + at] for at in range(3)])
    found = (
        unpack_rates(rates)._asdict()
        | unpack_caps(caps)._asdict()
        | unpack_listing(listing)._asdict()
    )
    planned = market.rates._asdict() | market.caps._asdict() | market.listing._asdict()
    for name, value in planned.items():
        verdict.expect(f"{market.listing.name}.{name}", value, found[name])


def _bytes(number: int) -> bytes:
    return (number & (2**160 - 1)).to_bytes(20, "big")


def _shown(value: Any) -> str:
    if isinstance(value, bytes):
        return checksum_address(value)
    if isinstance(value, set):
        return ", ".join(sorted(_shown(one) for one in value)) or "none"
    return str(value)
