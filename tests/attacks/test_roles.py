# SPDX-License-Identifier: Apache-2.0
"""Every function that changes state, and who may call it (C14): a closed world.

A function that appears in an ABI and not here fails the test, and so does one that lets a stranger
further than its guard.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.evm import a_key, refuses
from tests.support.venue import DEPLOYMENT, DOLLAR, LOT, PRICE_E8, Venue, a_venue, parameters

STRANGER, OWNER = a_key("stranger"), a_key("owner")
SOMEBODY = STRANGER.address
ANYONE = ""
"""No guard by caller: what such a function checks instead is tested where it is tested."""

GUARDS: dict[str, dict[str, str]] = {
    "Dollar": dict.fromkeys(("mint", "transfer", "approve", "transferFrom"), ANYONE),
    "Governance": {
        "seal": "governance: not the owner",
        "cancel": "governance: not the owner",
        "transfer_ownership": "governance: not the owner",
        "accept_ownership": "governance: not the pending owner",
    }
    | {
        f"{step}_{what}": "governance: not the owner"
        for step in ("propose", "execute")
        for what in (
            "market",
            "matcher",
            "attester",
            "attester_threshold",
            "oracle_signer",
            "oracle_threshold",
        )
    },
    "Vault": dict.fromkeys(("receive", "release"), "vault: not clearing or pool"),
    "Oracle": dict.fromkeys(("set_signer", "set_threshold"), "oracle: not governance"),
    "Seals": dict.fromkeys(
        ("set_matcher", "set_attester", "set_attester_threshold"), "seals: not governance"
    ),
    "Rules": {},
    "Delegates": dict.fromkeys(("grant", "revoke"), "delegates: not the owner"),
    "Clearing": dict.fromkeys(("settle", "open_account", "deposit", "claim_withdrawal"), ANYONE)
    | dict.fromkeys(("request_withdrawal", "cancel", "cancel_all"), "clearing: not the owner")
    | {"apply": "clearing: not recovery", "set_market": "clearing: not governance"},
    "Pool": dict.fromkeys(
        ("request_deposit", "request_redeem", "claim", "transfer", "approve", "transferFrom"),
        ANYONE,
    ),
    "Recovery": {"liquidate": ANYONE},
}


@pytest.fixture(scope="module")
def kept() -> Venue:
    return a_venue()


@pytest.fixture
def venue(kept: Venue) -> Iterator[Venue]:
    with kept.world.anchored():
        kept.list_market(1)
        kept.open_account(OWNER, 100 * DOLLAR)
        yield kept


def arguments(venue: Venue, contract: str, name: str) -> tuple[Any, ...]:
    """Something that would be in order if the right one said it."""
    account = max(venue.owners)
    vector = venue.presented(venue.a_vector({1: PRICE_E8}))
    special: dict[str, tuple[Any, ...]] = {
        "seal": (86_400,),
        "cancel": (account, 0, 1) if contract == "Clearing" else (bytes(32),),
        "transfer_ownership": (SOMEBODY,),
        "accept_ownership": (),
        "market": (1, parameters()),
        "matcher": (SOMEBODY,),
        "attester": (SOMEBODY, True),
        "attester_threshold": (0,),
        "oracle_signer": (SOMEBODY, True),
        "oracle_threshold": (1,),
        "receive": (OWNER.address, 1),
        "release": (SOMEBODY, 1),
        "set_signer": (SOMEBODY, True),
        "set_threshold": (1,),
        "set_matcher": (SOMEBODY,),
        "set_attester": (SOMEBODY, True),
        "set_attester_threshold": (0,),
        "grant": (account, SOMEBODY, 1, 5, venue.world.now_ms + 60_000),
        "revoke": (account, SOMEBODY),
        "request_withdrawal": (account, 1),
        "cancel_all": (account,),
        "apply": (*vector, account, 0, LOT, 0),
        "set_market": (1, *venue.governance.words(parameters())),
    }
    return special[name.removeprefix("propose_").removeprefix("execute_")]


@pytest.mark.parametrize("contract", [name.rsplit("/", 1)[-1] for name in DEPLOYMENT])
def test_every_function_is_listed(kept: Venue, contract: str) -> None:
    abi = kept.contracts[contract.lower()].artifact.abi
    acting = [
        entry["name"]
        for entry in abi
        if entry["type"] == "function" and entry["stateMutability"] not in ("view", "pure")
    ]
    assert sorted(acting) == sorted(GUARDS[contract])
    assert not [entry for entry in abi if entry.get("stateMutability") == "payable"]
    assert not [entry for entry in abi if entry["type"] in ("fallback", "receive")]


@pytest.mark.parametrize(
    ("contract", "name", "reason"),
    [
        (contract, name, reason)
        for contract, guards in GUARDS.items()
        for name, reason in guards.items()
        if reason != ANYONE
    ],
)
def test_a_stranger_gets_no_further_than_the_guard(
    venue: Venue, contract: str, name: str, reason: str
) -> None:
    function = getattr(venue.contracts[contract.lower()], name)
    with refuses(venue.world, reason):
        function(*arguments(venue, contract, name), sender=STRANGER)
