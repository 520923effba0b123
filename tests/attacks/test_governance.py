# SPDX-License-Identifier: Apache-2.0
"""Those who govern, or who stole a key of theirs, against everybody else (F02, F03, F05-F07).

F01 is `test_roles.py`, F04 `test_halts.py`.
"""

from __future__ import annotations

import itertools
from typing import Any

import eth_abi
import pytest
from tests.support.evm import ZERO, Refused, a_key, refuses
from tests.support.stage import BUYER, ORACLE, Stage, set_up
from tests.support.venue import (
    DELAY_S,
    DEPLOYER,
    DOLLAR,
    GUARDIAN,
    LOT,
    OWNER,
    PARAMETERS,
    PRICE_E8,
    Venue,
    a_venue,
    parameters,
)

from infold.signing import keccak

STRANGER, FRIEND = a_key("stranger"), a_key("friend")
PROPOSER, EXECUTOR, CANCELLER, ADMIN = (
    keccak(b"PROPOSER_ROLE"),
    keccak(b"EXECUTOR_ROLE"),
    keccak(b"CANCELLER_ROLE"),
    bytes(32),
)
NOT_READY = "timelock_controller: operation is not ready"
BATCH = "(address[],uint256[],bytes[],bytes32,bytes32)"
Call = tuple[Any, ...]


@pytest.fixture
def sealed() -> Venue:
    venue = a_venue()
    venue.list_market(1)
    venue.governance.seal(sender=DEPLOYER)
    return venue


def naming(venue: Venue, **changes: Any) -> Call:
    return venue.operation("set_guardian", FRIEND.address, **changes)


def signing(venue: Venue, **changes: Any) -> Call:
    return venue.operation("set_matcher", FRIEND.address, **changes)


def together(*calls: Call) -> Call:
    columns = list(zip(*calls, strict=True))
    return (*map(list, columns[:3]), *calls[-1][3:])


# -- F02: the queue ----------------------------------------------------------------


def test_F02_what_was_executed_is_not_executed_again(sealed: Venue) -> None:
    call = naming(sealed)
    sealed.schedule(call)
    sealed.world.travel(DELAY_S)
    sealed.timelock.execute(*call, sender=STRANGER)
    for wait_s in (0, 1, DELAY_S):
        sealed.world.travel(wait_s)
        with refuses(sealed.world, NOT_READY):
            sealed.timelock.execute(*call, sender=OWNER)
    with refuses(sealed.world, "timelock_controller: operation already scheduled"):
        sealed.schedule(call)


def test_F02_what_was_cancelled_is_not_executed_and_waits_anew(sealed: Venue) -> None:
    call = naming(sealed)
    sealed.schedule(call)
    sealed.world.travel(DELAY_S)
    sealed.timelock.cancel(sealed.timelock.hash_operation(*call), sender=OWNER)
    with refuses(sealed.world, NOT_READY):
        sealed.timelock.execute(*call, sender=OWNER)
    sealed.schedule(call)
    sealed.world.travel(DELAY_S - 1)
    with refuses(sealed.world, NOT_READY):
        sealed.timelock.execute(*call, sender=OWNER)


def test_F02_nothing_is_executed_one_second_early(sealed: Venue) -> None:
    call, calls = naming(sealed), together(naming(sealed), signing(sealed))
    sealed.schedule(call)
    sealed.timelock.schedule_batch(*calls, DELAY_S, sender=OWNER)
    sealed.world.travel(DELAY_S - 1)
    for who in (OWNER, DEPLOYER, GUARDIAN, STRANGER):
        with refuses(sealed.world, NOT_READY):
            sealed.timelock.execute(*call, sender=who)
        with refuses(sealed.world, NOT_READY):
            sealed.timelock.execute_batch(*calls, sender=who)
    sealed.world.travel(1)
    sealed.timelock.execute(*call, sender=STRANGER)
    sealed.timelock.execute_batch(*calls, sender=STRANGER)


def test_F02_an_id_is_of_one_way_to_split_the_calls(sealed: Venue) -> None:
    """What waited together acts together; another split, order or half of it never waited."""
    first, second = naming(sealed), signing(sealed)
    scheduled = together(first, second)
    sealed.timelock.schedule_batch(*scheduled, DELAY_S, sender=OWNER)
    sealed.world.travel(DELAY_S)
    targets, amounts, payloads = scheduled[:3]
    joined = payloads[0] + payloads[1]
    tail = scheduled[3:]
    splits: list[Call] = [
        (targets[:1], amounts[:1], payloads[:1], *tail),
        (targets[:1], amounts[:1], [joined], *tail),
        (targets, amounts, payloads[::-1], *tail),
        (
            targets,
            amounts,
            [joined[: len(payloads[0]) - 32], joined[len(payloads[0]) - 32 :]],
            *tail,
        ),
        (targets, amounts, payloads, tail[0], b"salt".ljust(32, b"\0")),
        (targets, amounts, payloads, b"\1".rjust(32, b"\0"), tail[1]),
        ([], [], [], *tail),
    ]
    seen = {sealed.timelock.hash_operation_batch(*scheduled)}
    for split in splits:
        seen.add(sealed.timelock.hash_operation_batch(*split))
        with refuses(sealed.world, NOT_READY):
            sealed.timelock.execute_batch(*split, sender=OWNER)
    for single in (first, second, (*first[:2], joined, *tail)):
        seen.add(sealed.timelock.hash_operation(*single))
        with refuses(sealed.world, NOT_READY):
            sealed.timelock.execute(*single, sender=OWNER)
    assert len(seen) == len(splits) + 4
    sealed.timelock.execute_batch(*scheduled, sender=STRANGER)


def test_F02_ids_are_the_hash_of_everything_that_is_called(sealed: Venue) -> None:
    call, calls = naming(sealed), together(naming(sealed), signing(sealed))
    single = keccak(eth_abi.encode(["address", "uint256", "bytes", "bytes32", "bytes32"], call))
    several = keccak(eth_abi.encode(BATCH[1:-1].split(","), calls))
    assert sealed.timelock.hash_operation(*call) == single
    assert sealed.timelock.hash_operation_batch(*calls) == several


def test_F02_an_operation_waits_for_its_predecessor(sealed: Venue) -> None:
    first = naming(sealed)
    second = signing(sealed, predecessor=sealed.timelock.hash_operation(*first))
    behind = together(signing(sealed, predecessor=second[3]))
    sealed.schedule(first)
    sealed.schedule(second)
    sealed.timelock.schedule_batch(*behind, DELAY_S, sender=OWNER)
    sealed.world.travel(DELAY_S)
    with sealed.world.anchored():
        sealed.timelock.cancel(second[3], sender=OWNER)
        with refuses(sealed.world, "timelock_controller: missing dependency"):
            sealed.timelock.execute(*second, sender=STRANGER)
    with refuses(sealed.world, "timelock_controller: missing dependency"):
        sealed.timelock.execute(*second, sender=STRANGER)
    with refuses(sealed.world, "timelock_controller: missing dependency"):
        sealed.timelock.execute_batch(*behind, sender=STRANGER)
    sealed.timelock.execute(*first, sender=STRANGER)
    with sealed.world.anchored():
        sealed.timelock.execute_batch(*behind, sender=STRANGER)
    sealed.timelock.execute(*second, sender=STRANGER)


# -- F03: roles ----------------------------------------------------------------------


def test_F03_nobody_grants_himself_anything(sealed: Venue) -> None:
    for who, role in itertools.product(
        (OWNER, DEPLOYER, GUARDIAN, STRANGER), (ADMIN, PROPOSER, EXECUTOR, CANCELLER)
    ):
        for name in ("grantRole", "revokeRole"):
            with refuses(sealed.world, "timelock: not itself"):
                getattr(sealed.timelock, name)(role, who.address, sender=who)


def test_F03_a_proposers_way_to_more_power_is_public_for_the_whole_delay(sealed: Venue) -> None:
    call = sealed.operation("grantRole", ADMIN, OWNER.address, contract="timelock")
    sealed.schedule(call)
    sealed.world.travel(DELAY_S)
    with refuses(sealed.world, "timelock: role is fixed"):
        sealed.timelock.execute(*call, sender=OWNER)
    assert not sealed.timelock.hasRole(ADMIN, OWNER.address)


@pytest.mark.parametrize("role", [ADMIN, EXECUTOR])
def test_F03_the_timelock_can_neither_leave_nor_be_dismissed(sealed: Venue, role: bytes) -> None:
    holder = sealed.timelock.address if role == ADMIN else ZERO
    call = sealed.operation("revokeRole", role, holder, contract="timelock")
    sealed.schedule(call)
    sealed.world.travel(DELAY_S)
    with refuses(sealed.world, "timelock: role is fixed"):
        sealed.timelock.execute(*call, sender=OWNER)
    assert sealed.timelock.hasRole(role, holder)


def test_F03_the_last_proposer_stays(sealed: Venue) -> None:
    with refuses(sealed.world, "timelock: last proposer"):
        sealed.timelock.renounceRole(PROPOSER, OWNER.address, sender=OWNER)


def test_F03_a_stolen_guardian_is_replaced_before_it_can_halt_again(sealed: Venue) -> None:
    """14 days of rest against 8 of delay; in between nobody is kept from leaving (F04)."""
    call = naming(sealed)
    sealed.schedule(call)
    sealed.world.travel(DELAY_S)
    sealed.timelock.execute(*call, sender=STRANGER)
    with refuses(sealed.world, "governance: not the guardian"):
        sealed.governance.halt(60, sender=GUARDIAN)


# -- F05: parameters -----------------------------------------------------------------

# unlike the unit tests of each field: what two owners' keys and all patience cannot reach
FORBIDDEN: list[tuple[dict[str, Any], str]] = [
    ({"mm_e6": PARAMETERS["im_e6"]}, "mm out of range"),
    ({"im_e6": PARAMETERS["mm_e6"]}, "mm out of range"),
    ({"im_e6": 10**6 + 1}, "im out of range"),
    ({"fee_e6": 10_001}, "fee out of range"),
    ({"h_min_e6": 9}, "h_min out of range"),
    ({"h_min_e6": 30_000, "h0_e6": 20_001}, "band out of range"),
    ({"band_e6": 100_001}, "band out of range"),
    ({"status": 0}, "status out of range"),
    ({"slope_e20": 2**64 - 1}, "slope bends too far at the caps"),
    ({"rate_max_e9": 100_000_001}, "rate_max out of range"),
    ({"shift": PARAMETERS["shift"] + 1}, "shift is fixed"),
    ({"name": "ETH-USD"}, "name is fixed"),
]


@pytest.mark.parametrize(("change", "reason"), FORBIDDEN)
def test_F05_no_patience_gets_past_a_bound(
    sealed: Venue, change: dict[str, Any], reason: str
) -> None:
    call = sealed.operation("set_market", 1, parameters(**change))
    sealed.schedule(call)
    sealed.world.travel(DELAY_S)
    with refuses(sealed.world, f"governance: {reason}"):
        sealed.timelock.execute(*call, sender=OWNER)


def test_F05_a_change_that_would_liquidate_a_healthy_account_leaves_it_time_to_go() -> None:
    """2.5 % maintenance becomes 90 %: known for 8 days, and harmless until G after it acts."""
    stage: Stage = set_up(a_venue())
    venue, long = stage.venue, stage.buyer
    stage.settle([stage.buy(size_e8=100 * LOT), stage.sell(size_e8=100 * LOT)])
    venue.governance.seal(sender=DEPLOYER)
    call = venue.operation("set_market", 1, parameters(im_e6=10**6, mm_e6=900_000))
    venue.schedule(call)
    assert not liquidatable(stage, long)

    with venue.world.anchored():  # who leaves in those days has left
        stage.settle([stage.sell(long, 100 * LOT), stage.buy(stage.seller, 100 * LOT)])
        all_of_it = stage.account(long).collateral_e6
        venue.clearing.request_withdrawal(long, all_of_it, sender=BUYER)
        venue.world.travel(19)
        paid = venue.clearing.claim_withdrawal(long, 0, [], [], sender=STRANGER).value
        assert paid == all_of_it

    venue.world.travel(DELAY_S)
    venue.timelock.execute(*call, sender=STRANGER)
    for wait_s in (0, 3):  # the old parameters serve T <= activation
        with venue.world.anchored():
            venue.world.travel(wait_s)
            assert not liquidatable(stage, long)
    venue.world.travel(4)
    assert liquidatable(stage, long)


def liquidatable(stage: Stage, account: int) -> bool:
    """Whether equity is below maintenance at an unmoved price."""
    venue = stage.venue
    vector = venue.presented(venue.a_vector(ORACLE | {1: PRICE_E8}))
    equity, margin = venue.recovery.health(*vector, account)
    return bool(equity < margin)


# -- F06: deployment -----------------------------------------------------------------


def test_F06_nothing_is_initialised_twice(sealed: Venue) -> None:
    """Parts are named in constructors; no function sets one, and no proxy could be pointed away."""
    for contract in sealed.contracts.values():
        assert not [name for name in contract.names if "init" in name.lower()]
        assert not [name for name in contract.names if "upgrade" in name.lower()]


def test_F06_a_sealed_deployment_leaves_its_deployer_nothing(sealed: Venue) -> None:
    with refuses(sealed.world, "governance: already sealed"):
        sealed.governance.seal(sender=DEPLOYER)
    for role in (ADMIN, PROPOSER, CANCELLER, EXECUTOR):
        assert not sealed.timelock.hasRole(role, DEPLOYER.address)
    setters: list[tuple[str, Call]] = [
        ("set_guardian", (DEPLOYER.address,)),
        ("set_market", (1, parameters())),
        ("set_matcher", (DEPLOYER.address,)),
        ("set_attester", (DEPLOYER.address, True)),
        ("set_attester_threshold", (0,)),
        ("set_oracle_signer", (DEPLOYER.address, True)),
        ("set_oracle_threshold", (1,)),
        ("halt", (60,)),
        ("resume", ()),
    ]
    for name, args in setters:
        with pytest.raises(Refused, match="governance: not the "):
            getattr(sealed.governance, name)(*args, sender=DEPLOYER)


# -- F07: votes -----------------------------------------------------------------------


def test_F07_flash_governance_none(sealed: Venue) -> None:
    """No token votes: who holds every share of the pool and a borrowed fortune is a stranger."""
    sealed.provide(STRANGER, 10**9 * DOLLAR, {1: PRICE_E8})
    sealed.dollar.mint(STRANGER.address, 10**18, sender=STRANGER)
    assert sealed.pool.balanceOf(STRANGER.address) == sealed.pool.totalSupply()
    with refuses(sealed.world, "access_control: account is missing role"):
        sealed.timelock.schedule(*naming(sealed), DELAY_S, sender=STRANGER)
    with refuses(sealed.world, "governance: not the timelock"):
        sealed.governance.set_guardian(STRANGER.address, sender=STRANGER)
    for contract in sealed.contracts.values():
        assert not [name for name in contract.names if "vote" in name.lower()]
