# SPDX-License-Identifier: Apache-2.0
"""Contract wallets and accounts with code: who speaks for them, and what their code can do.

A wallet's code runs once, in `prove`, as a bounded static call before any batch. In `settle` an
order it approved is looked up; nothing of the wallet's runs there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.support.evm import ZERO, Receipt, a_key, refuses
from tests.support.stage import BUYER, RICH_E6, Stage, set_up
from tests.support.venue import DEPLOYER, LOT, FillPlan, a_venue
from tests.support.wallets import (
    BOMB,
    BURNS,
    MAGIC,
    REVERTS,
    a_wallet,
    calls_first,
    delegate_code,
    open_for,
    proof_of,
    raw_contract,
    says,
    set_code,
    through,
)

OWNER, PAYER, STRANGER = a_key("wallet's owner"), a_key("payer"), a_key("stranger")
SIGNER_REASON = 10
SETTLE_GAS_MAX = 1_000_000


@pytest.fixture(scope="module")
def kept() -> Stage:
    return set_up(a_venue())


@pytest.fixture
def stage(kept: Stage) -> Iterator[Stage]:
    with kept.venue.world.anchored():
        yield Stage(kept.venue, kept.buyer, kept.seller, kept.third)


@pytest.fixture
def alone() -> Stage:
    """For tests that put code at an address, which no snapshot takes back."""
    return set_up(a_venue())


def approved_buy(stage: Stage, account: int, **changes: object) -> FillPlan:
    """A buy that says its owner approved it on chain."""
    return stage.buy(account, key=OWNER, approved=True, place=0, **changes)


def prove(stage: Stage, account: int, plan: FillPlan, proof: bytes | None = None) -> Receipt:
    digest, signature = proof_of(stage.venue, plan.order, OWNER)
    given = signature if proof is None else proof
    receipt: Receipt = stage.venue.delegates.prove(account, digest, given, sender=STRANGER)
    return receipt


def assert_only_skipped(stage: Stage, account: int, plan: FillPlan) -> None:
    """The order is skipped for its signer; its neighbours settle, and nobody's code is waited
    for.
    """
    neighbour = stage.buy(stage.third)
    receipt = stage.settle([plan, neighbour, stage.sell(size_e8=2 * LOT)])
    assert [(it["account"], it["reason"]) for it in receipt.all("Skipped")] == [
        (account, SIGNER_REASON)
    ]
    assert stage.position(account).base_e8 == 0
    assert stage.filled(stage.third).filled_e8 == LOT
    assert receipt.gas < SETTLE_GAS_MAX


def test_A05_a_wallet_that_vouches_fills_and_is_asked_but_once(alone: Stage) -> None:
    stage, venue = alone, alone.venue
    wallet = a_wallet(venue.world, OWNER)
    account = open_for(venue, wallet.address, PAYER)
    plan = approved_buy(stage, account)
    receipt = prove(stage, account, plan)
    digest = proof_of(venue, plan.order, OWNER)[0]
    assert receipt.only("ApprovalSet") == {
        "account": account,
        "digest": digest,
        "approval": 2**48 - 1,
    }
    set_code(venue.world, wallet.address, BURNS)
    filled = stage.settle([plan, stage.sell()])
    assert not filled.all("Skipped") and filled.gas < SETTLE_GAS_MAX
    assert stage.position(account).base_e8 == LOT
    with refuses(venue.world, "delegates: wallet did not vouch"):
        prove(stage, account, approved_buy(stage, account))


def test_A05_a_wallet_approves_by_a_transaction_of_its_own(stage: Stage) -> None:
    venue = stage.venue
    wallet = a_wallet(venue.world, OWNER)
    account = open_for(venue, wallet.address, PAYER)
    plan = approved_buy(stage, account)
    digest = proof_of(venue, plan.order, OWNER)[0]
    with refuses(venue.world, "delegates: not the owner"):
        venue.delegates.approve(account, digest, sender=OWNER)
    through(wallet, OWNER, venue.delegates, "approve", account, digest)
    assert not stage.settle([plan, stage.sell()]).all("Skipped")


def test_A05_an_approval_is_of_one_order_of_one_account(stage: Stage) -> None:
    venue = stage.venue
    wallet = a_wallet(venue.world, OWNER)
    account, other = (open_for(venue, wallet.address, PAYER, RICH_E6) for _ in range(2))
    plan = approved_buy(stage, account)
    prove(stage, account, plan)
    larger = replace(plan, order=approved_buy(stage, account, seq=plan.order.seq + 1).order)
    assert_only_skipped(stage, account, larger)
    digest = proof_of(venue, plan.order, OWNER)[0]
    elsewhere = approved_buy(stage, other)
    through(wallet, OWNER, venue.delegates, "approve", other, digest)
    assert_only_skipped(stage, other, elsewhere)


def test_A05_the_value_and_nothing_else_vouches(stage: Stage) -> None:
    wallet = raw_contract(stage.venue.world, says(MAGIC), DEPLOYER)
    account = open_for(stage.venue, wallet.address, PAYER)
    plan = approved_buy(stage, account)
    prove(stage, account, plan)
    assert not stage.settle([plan, stage.sell()]).all("Skipped")


@pytest.mark.parametrize(
    "code",
    [
        says(bytes.fromhex("ffffffff").ljust(32, b"\0")),
        says(MAGIC[:4].rjust(32, b"\0")),
        says(MAGIC[:31] + b"\1"),
        says(MAGIC + bytes(32)),
        says(MAGIC + b"\0"),
        says(MAGIC[:4]),
        says(MAGIC[:31]),
        says(b""),
        REVERTS,
        BURNS,
        BOMB,
    ],
    ids=[
        "b another value",
        "b the value on the right",
        "b the value and a bit",
        "c 64 bytes",
        "c 33 bytes",
        "c 4 bytes",
        "c 31 bytes",
        "c nothing",
        "c a revert",
        "c all gas burnt",
        "c a mebibyte",
    ],
)
def test_A05_a_wallet_that_answers_anything_else_does_not_fill(stage: Stage, code: bytes) -> None:
    venue = stage.venue
    wallet = raw_contract(venue.world, code, DEPLOYER)
    account = open_for(venue, wallet.address, PAYER)
    plan = approved_buy(stage, account)
    with refuses(venue.world, "delegates: wallet did not vouch"):
        prove(stage, account, plan)
    assert_only_skipped(stage, account, plan)


def test_A05_asking_a_wallet_costs_no_more_than_its_bound(stage: Stage) -> None:
    """It can burn 100,000 gas of whoever carries the proof, and make nobody copy what it says."""
    venue = stage.venue
    for code, gas_max in ((BURNS + MAGIC, 160_000), (BOMB, 160_000)):
        wallet = raw_contract(venue.world, code, DEPLOYER)
        account = open_for(venue, wallet.address, PAYER)
        digest, proof = proof_of(venue, approved_buy(stage, account).order, OWNER)
        data = venue.delegates.calldata("prove", account, digest, proof)
        with pytest.raises(RuntimeError):
            venue.world.raw(STRANGER.address, venue.delegates.address, data)
        assert venue.world.gas_used < gas_max


@pytest.mark.parametrize("number", range(1, 10))
def test_A05_a_precompile_vouches_for_nothing(stage: Stage, number: int) -> None:
    """The fourth repeats its calldata, which begins with the very bytes that are asked for."""
    venue = stage.venue
    account = open_for(venue, f"0x{number:040x}", PAYER)
    with refuses(venue.world, "delegates: wallet did not vouch"):
        prove(stage, account, approved_buy(stage, account))


def test_A05_d_an_address_without_code_vouches_for_nothing(stage: Stage) -> None:
    venue = stage.venue
    account = open_for(venue, OWNER.address, PAYER)
    plan = approved_buy(stage, account)
    with refuses(venue.world, "delegates: wallet did not vouch"):
        prove(stage, account, plan)
    assert_only_skipped(stage, account, plan)
    with refuses(venue.world, "delegates: wallet did not vouch"):
        prove(stage, account + 1, plan)  # nobody's account: the zero address is asked


def test_A05_e_a_wallet_cannot_reenter(stage: Stage) -> None:
    """It is asked by a static call, and by a contract that moves nothing; the same call from
    outside works.
    """
    venue = stage.venue
    batch = stage.batch([stage.buy(), stage.sell()])
    message = venue.clearing.calldata("settle", *venue.arguments(batch))
    wallet = raw_contract(venue.world, calls_first(venue.clearing.address, message), DEPLOYER)
    account = open_for(venue, wallet.address, PAYER)
    plan = approved_buy(stage, account)
    head = venue.clearing.head()
    prove(stage, account, plan)
    assert venue.clearing.head() == head, "it vouched, and that is all it could do"
    assert not venue.clearing.positions(stage.buyer << 4)
    venue.world.raw(STRANGER.address, wallet.address, b"")
    assert venue.clearing.head() != head
    filled = stage.settle([plan, stage.sell()])
    assert not filled.all("Skipped")


def test_A05_e_a_wallet_cannot_approve_another_order_while_asked(stage: Stage) -> None:
    venue = stage.venue
    sought = b"\7" * 32
    here = venue.clearing.account_count()
    message = venue.delegates.calldata("approve", here, sought)
    wallet = raw_contract(venue.world, calls_first(venue.delegates.address, message), DEPLOYER)
    account = open_for(venue, wallet.address, PAYER)
    assert account == here
    prove(stage, account, approved_buy(stage, account))
    assert venue.delegates.approvals(account, sought) == 0
    venue.world.raw(STRANGER.address, wallet.address, b"")
    assert venue.delegates.approvals(account, sought) != 0, "by its own transaction it can"


def test_A05_what_was_taken_back_is_never_proven_again(stage: Stage) -> None:
    """The proof is public, so a revocation is for good; a batch in flight is not surprised."""
    venue = stage.venue
    wallet = a_wallet(venue.world, OWNER)
    account = open_for(venue, wallet.address, PAYER)
    plan = approved_buy(stage, account)
    digest = proof_of(venue, plan.order, OWNER)[0]
    prove(stage, account, plan)
    in_flight = stage.batch([plan, stage.sell()])
    through(wallet, OWNER, venue.delegates, "disapprove", account, digest)
    assert venue.delegates.approvals(account, digest) == venue.world.now_ms + 3_000
    for _ in range(2):
        with refuses(venue.world, "delegates: already decided"):
            prove(stage, account, plan)
        with refuses(venue.world, "delegates: already decided"):
            through(wallet, OWNER, venue.delegates, "approve", account, digest)
        venue.world.travel(5)
    assert not venue.settle(in_flight).all("Skipped")


def test_A05_a_revocation_binds_after_its_barrier(stage: Stage) -> None:
    venue = stage.venue
    wallet = a_wallet(venue.world, OWNER)
    account = open_for(venue, wallet.address, PAYER)
    plan = approved_buy(stage, account)
    prove(stage, account, plan)
    digest = proof_of(venue, plan.order, OWNER)[0]
    through(wallet, OWNER, venue.delegates, "disapprove", account, digest)
    venue.world.travel(3)
    assert_only_skipped(stage, account, plan)


def test_A05_what_was_never_approved_can_be_forbidden(stage: Stage) -> None:
    venue = stage.venue
    wallet = a_wallet(venue.world, OWNER)
    account = open_for(venue, wallet.address, PAYER)
    plan = approved_buy(stage, account)
    digest = proof_of(venue, plan.order, OWNER)[0]
    through(wallet, OWNER, venue.delegates, "disapprove", account, digest)
    assert venue.delegates.approvals(account, digest) == 1
    with refuses(venue.world, "delegates: already decided"):
        prove(stage, account, plan)
    assert_only_skipped(stage, account, plan)


def test_A05_a_wallet_whose_key_changed_keeps_what_it_approved(stage: Stage) -> None:
    """The approval is the wallet's word, not its key's; it takes it back if it wishes."""
    venue = stage.venue
    wallet = a_wallet(venue.world, OWNER)
    account = open_for(venue, wallet.address, PAYER)
    plan, later = approved_buy(stage, account), approved_buy(stage, account, slot=1)
    prove(stage, account, plan)
    wallet.pass_on(STRANGER.address, sender=OWNER)
    with refuses(venue.world, "delegates: wallet did not vouch"):
        prove(stage, account, later)
    assert not stage.settle([plan, stage.sell()]).all("Skipped")


def test_A05_an_order_is_a_delegates_or_approved_not_both(stage: Stage) -> None:
    venue = stage.venue
    wallet = a_wallet(venue.world, OWNER)
    account = open_for(venue, wallet.address, PAYER)
    plan = approved_buy(stage, account)
    prove(stage, account, plan)
    assert_only_skipped(stage, account, replace(plan, delegated=True))
    assert_only_skipped(stage, account, replace(plan, delegated=True, approved=False))


def test_A07_an_account_with_code_signs_as_before(alone: Stage) -> None:
    """EIP-7702: code appears at an address that trades. Its key signs, and nothing asks the
    code.
    """
    stage, venue = alone, alone.venue
    plan = stage.buy()
    set_code(venue.world, BUYER.address, BURNS)
    assert not stage.settle([plan, stage.sell()]).all("Skipped")
    foreign = stage.buy(key=STRANGER)
    delegate_code(venue.world, BUYER, a_wallet(venue.world, STRANGER))
    receipt = stage.settle([foreign, stage.sell()])
    assert [it["reason"] for it in receipt.all("Skipped")] == [SIGNER_REASON]


def test_A07_no_order_fills_twice_by_its_two_paths(stage: Stage) -> None:
    """Signed and approved it is one order with one slot: what one path filled, the other counts."""
    venue = stage.venue
    signed = stage.buy(fill_e8=LOT * 6 // 10)
    digest = proof_of(venue, signed.order, BUYER)[0]
    venue.delegates.approve(stage.buyer, digest, sender=BUYER)
    approved = replace(signed, signature=(0, 0), approved=True)
    assert not stage.settle([signed, stage.sell(size_e8=signed.fill_e8)]).all("Skipped")
    over = stage.settle([approved, stage.sell(size_e8=approved.fill_e8)])
    assert [it["reason"] for it in over.all("Skipped")] == [13]
    rest = replace(approved, fill_e8=LOT * 4 // 10)
    assert not stage.settle([rest, stage.sell(size_e8=rest.fill_e8)]).all("Skipped")
    assert stage.filled(stage.buyer).filled_e8 == LOT


def test_A07_code_at_an_account_neither_voids_nor_makes_approvals(alone: Stage) -> None:
    stage, venue = alone, alone.venue
    plan = stage.buy()
    digest, proof = proof_of(venue, plan.order, BUYER)
    with refuses(venue.world, "delegates: wallet did not vouch"):
        venue.delegates.prove(stage.buyer, digest, proof, sender=STRANGER)
    approved = replace(plan, signature=(0, 0), approved=True)
    receipt = stage.settle([approved, stage.sell()])
    assert [it["reason"] for it in receipt.all("Skipped")] == [SIGNER_REASON]
    venue.delegates.approve(stage.buyer, digest, sender=BUYER)
    set_code(venue.world, BUYER.address, REVERTS)
    assert not stage.settle([approved, stage.sell()]).all("Skipped")


def test_A04_nobodys_signature_is_no_approval(stage: Stage) -> None:
    """A zero signature recovers nobody; without the flag it is nobody's order."""
    plan = replace(stage.buy(), signature=(0, 0))
    receipt = stage.settle([plan, stage.sell()])
    assert [it["reason"] for it in receipt.all("Skipped")] == [SIGNER_REASON]
    with refuses(stage.venue.world, "delegates: not the owner"):
        stage.venue.delegates.approve(stage.buyer, bytes(32), sender=ZERO)
