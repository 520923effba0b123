# SPDX-License-Identifier: Apache-2.0
"""Who may call what (F01, A16, C14): `contracts/roles.toml` is all of the ABIs, and every guarded
function refuses every wrong role.

A contract sends no transactions of its own, so keys stand in for those that call other contracts.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.compiler import CONTRACTS
from tests.support.evm import Key, Refused, a_key, refuses
from tests.support.venue import (
    CLAIM_S,
    DELAY_S,
    DEPLOYER,
    DEPLOYMENT,
    DOLLAR,
    GUARDIAN,
    LOT,
    MATCHER,
    ORACLE_SIGNERS,
    OWNER,
    PRICE_E8,
    REWARD_E6,
    Venue,
    a_venue,
    parameters,
)

from infold.signing import keccak

MANIFEST: dict[str, dict[str, Any]] = tomllib.loads((CONTRACTS / "roles.toml").read_text("utf-8"))
NAMES = [name.rsplit("/", 1)[-1] for name in DEPLOYMENT]
ANYONE = "anyone"
STAND_INS = {part: a_key(f"stand-in {part}") for part in ("timelock", "governance", "recovery")}
ACTORS: dict[str, Key] = {
    "stranger": a_key("stranger"),
    "deployer": DEPLOYER,
    "timelock": STAND_INS["timelock"],
    "guardian": GUARDIAN,
    "proposer": OWNER,
    "canceller": OWNER,
    "the account": OWNER,
    "account owner": a_key("owner"),
    "controller": a_key("controller"),
    "matcher": MATCHER,
    "oracle signer": ORACLE_SIGNERS[0],
    "Governance": STAND_INS["governance"],
    "Recovery": STAND_INS["recovery"],
    "Clearing": a_key("stand-in clearing"),
    "Pool": a_key("stand-in pool"),
}
SOMEBODY = a_key("somebody").address
GUARDED = [
    (contract, name)
    for contract, entry in MANIFEST.items()
    for name, act in entry["acts"].items()
    if act["who"] != [ANYONE]
]


@pytest.fixture(scope="module")
def kept() -> Venue:
    """A sealed venue with something scheduled; its vault obeys keys."""
    venue = a_venue(stand_ins=STAND_INS)
    callers = (ACTORS[name].address for name in ("Clearing", "Recovery", "Pool", "timelock"))
    venue.contracts["vault"] = venue.world.deploy(
        "Vault", venue.dollar.address, *callers, sender=DEPLOYER
    )
    venue.governance.seal(sender=DEPLOYER)
    venue.schedule(scheduled(venue))
    return venue


@pytest.fixture
def venue(kept: Venue) -> Iterator[Venue]:
    with kept.world.anchored():
        yield kept


def scheduled(venue: Venue) -> tuple[Any, ...]:
    return venue.operation("set_guardian", SOMEBODY)


def arguments(venue: Venue, contract: str, name: str) -> tuple[Any, ...]:
    """Something that would be in order if the right one said it."""
    account = 17
    vector = venue.presented(venue.a_vector({1: PRICE_E8}))
    proposer = keccak(b"PROPOSER_ROLE")
    again = (*scheduled(venue)[:4], b"again".ljust(32), DELAY_S)
    special: dict[str, tuple[Any, ...]] = {
        "schedule": again,
        "schedule_batch": (*([one] for one in again[:3]), *again[3:]),
        "cancel": (account, 0, 1)
        if contract == "Clearing"
        else (venue.timelock.hash_operation(*scheduled(venue)),),
        "update_delay": (DELAY_S,),
        "grantRole": (proposer, SOMEBODY),
        "revokeRole": (proposer, OWNER.address),
        "renounceRole": (keccak(b"CANCELLER_ROLE"), OWNER.address),
        "seal": (),
        "halt": (60,),
        "resume": (),
        "set_guardian": (SOMEBODY,),
        "set_market": (1, parameters())
        if contract == "Governance"
        else (1, *venue.governance.words(parameters())),
        "set_halt": (venue.world.now_ms + 60_000, venue.world.now_ms + 120_000),
        "set_matcher": (SOMEBODY,),
        "set_attester": (SOMEBODY, True),
        "set_attester_threshold": (0,),
        "set_oracle_signer": (SOMEBODY, True),
        "set_oracle_threshold": (1,),
        "set_price_source": (1, SOMEBODY, 100, 60, True),
        "set_source": (1, SOMEBODY, 100, 60, True),
        "set_uptime": (SOMEBODY, 3_600),
        "set_signer": (SOMEBODY, True),
        "set_threshold": (1,),
        "receive": (ACTORS["account owner"].address, 1),
        "release": (SOMEBODY, 0),
        "set_outflow": (100_000, 10**12, 10**10),
        "propose_parts": (venue.clearing.address, venue.recovery.address),
        "replace_parts": (venue.clearing.address, venue.recovery.address),
        "withdraw_parts": (),
        "grant": (account, SOMEBODY, 1, 5, venue.world.now_ms + 60_000),
        "revoke": (account, SOMEBODY),
        "approve": (account, bytes(32)),
        "disapprove": (account, bytes(32)),
        "request_withdrawal": (account, 1),
        "cancel_all": (account,),
        "force_reduce": (account, 0, 1),
        "apply": (*vector, account, 0, LOT, 0),
        "spend": (account, 0),
        "stop": (),
        "discharge": (account, 0),
        "withdraw_backstop": (1,),
        "pass_on": (venue.dollar.address, SOMEBODY, 0),
        "challenge": (
            (account << 224, 0, 0, 0),
            (0, 0, 0, 0, 0),
            0,
            bytes(32),
            bytes(32),
            [],
            [],
            (0, 0),
            0,
        ),
        "dismiss": (bytes(32),),
        "announce_withdrawal": (SOMEBODY, 1),
        "set_terms": (REWARD_E6, CLAIM_S),
    }
    if contract == "Pool":
        return 5, *[ACTORS["controller"].address] * 2
    return special[name]


def wrong_roles(contract: str, name: str) -> list[str]:
    """Everybody of another key than those who may."""
    right = {
        ACTORS[role].number for role in MANIFEST[contract]["acts"][name]["who"] if role in ACTORS
    }
    return [role for role, key in ACTORS.items() if key.number not in right]


@pytest.mark.parametrize("contract", NAMES)
def test_F01_every_function_is_listed(kept: Venue, contract: str) -> None:
    abi = kept.contracts[contract.lower()].artifact.abi
    functions = {
        entry["name"]: entry["stateMutability"] for entry in abi if entry["type"] == "function"
    }
    reads = [name for name, kind in functions.items() if kind in ("view", "pure")]
    assert sorted(reads) == sorted(MANIFEST[contract]["reads"])
    assert sorted(functions.keys() - set(reads)) == sorted(MANIFEST[contract]["acts"])
    assert not [entry for entry in abi if entry.get("stateMutability") == "payable"]
    assert not [entry for entry in abi if entry["type"] in ("fallback", "receive")]


def test_F01_every_contract_is_listed_and_every_role_is_known() -> None:
    assert sorted(MANIFEST) == sorted(NAMES)
    named = {
        role for entry in MANIFEST.values() for act in entry["acts"].values() for role in act["who"]
    }
    assert named <= {ANYONE, "itself", *ACTORS}


def test_F01_what_is_not_anyones_says_what_others_are_told() -> None:
    for entry in MANIFEST.values():
        for act in entry["acts"].values():
            assert ("others" in act) == (act["who"] != [ANYONE])


@pytest.mark.parametrize(("contract", "name"), GUARDED)
def test_F01_every_wrong_role_is_refused(venue: Venue, contract: str, name: str) -> None:
    open_an_account(venue)
    function = getattr(venue.contracts[contract.lower()], name)
    told = MANIFEST[contract]["acts"][name]["others"]
    wrong = wrong_roles(contract, name)
    assert len(wrong) >= len(ACTORS) - 4
    for role in wrong:
        with refuses(venue.world, told):
            function(*arguments(venue, contract, name), sender=ACTORS[role])


@pytest.mark.parametrize(("contract", "name"), GUARDED)
def test_F01_the_right_role_passes_the_guard(venue: Venue, contract: str, name: str) -> None:
    open_an_account(venue)
    function = getattr(venue.contracts[contract.lower()], name)
    act = MANIFEST[contract]["acts"][name]
    for role in act["who"]:
        if role == "itself":
            continue  # tests/unit/contracts/timelock has it call itself
        with venue.world.anchored():
            try:
                function(*arguments(venue, contract, name), sender=ACTORS[role])
            except Refused as refused:
                assert refused.reason != act["others"], (role, refused.reason)


@pytest.mark.parametrize(("contract", "name"), GUARDED)
def test_A16_forwarder_bypass(venue: Venue, contract: str, name: str) -> None:
    """Nobody's word is taken for who calls: a name behind the calldata, as trusted forwarders
    append it, is not read (KiloEx 2025).
    """
    open_an_account(venue)
    target = venue.contracts[contract.lower()]
    data = target.calldata(name, *arguments(venue, contract, name))
    told = MANIFEST[contract]["acts"][name]["others"]
    for role in MANIFEST[contract]["acts"][name]["who"]:
        claimed = ACTORS[role].address if role in ACTORS else target.address
        for tail in (bytes.fromhex(claimed[2:]), bytes.fromhex(claimed[2:]).rjust(32, b"\0")):
            with refuses(venue.world, told):
                target.send(data + tail, sender=ACTORS["stranger"])


def open_an_account(venue: Venue) -> None:
    """Account 17: Clearing's own vault takes its money, and both vaults may."""
    owner = ACTORS["account owner"]
    real = venue.clearing.VAULT()
    venue.dollar.mint(owner.address, 100 * DOLLAR, sender=owner)
    for vault in (real, venue.vault.address):
        venue.dollar.approve(vault, 2**256 - 1, sender=owner)
    assert venue.clearing.open_account(owner.address, 50 * DOLLAR, sender=owner).value == 17
