# SPDX-License-Identifier: Apache-2.0
"""First fragile rule, second half: whatever anybody does between signing and landing, the signed
batch lands, and no order of it is skipped, except those of an account that was liquidated.

The functions are those of the ABIs: a new one fails here until somebody has thought about it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from tests.support.evm import ZERO, Key, Refused, a_key
from tests.support.permits import a_permit, permit_of
from tests.support.stage import BUYER, ORACLE, PROVIDER, SELLER, THIRD, Stage, set_up
from tests.support.venue import (
    DELAY_S,
    DEPLOYER,
    DEPLOYMENT,
    DOLLAR,
    GUARD_MS,
    GUARDIAN,
    LOT,
    MATCHER,
    ORACLE_SIGNERS,
    OWNER,
    PRICE_E8,
    Venue,
    a_venue,
    parameters,
)
from tests.support.wallets import a_wallet, open_for, proof_of

from infold.messages import Batch
from infold.signing import keccak

STRANGER, POOR, SESSION = a_key("stranger"), a_key("poor"), a_key("session key")
ATTESTER, SPARE, LEAVER = a_key("attester"), a_key("spare signer"), a_key("leaver")
LOW = ORACLE | {1: PRICE_E8 * 945 // 1000}


@dataclass
class Scene:
    """A batch is signed; everybody named may act before it lands."""

    stage: Stage
    poor: int
    leaver: int
    claimable: int
    exit_ms: int
    batch: Batch

    @property
    def everybody(self) -> tuple[Key, ...]:
        return (
            BUYER,
            SELLER,
            THIRD,
            POOR,
            SESSION,
            PROVIDER,
            MATCHER,
            DEPLOYER,
            OWNER,
            GUARDIAN,
            ATTESTER,
            STRANGER,
            *ORACLE_SIGNERS,
        )


@pytest.fixture(scope="module")
def kept_scene() -> Scene:
    """Positions, a due withdrawal, a delegate, claims, shares; the batch ends an epoch."""
    venue = a_venue(epoch_ms=60_000, signers=(*ORACLE_SIGNERS, SPARE))
    for operation in due(venue):
        venue.schedule(operation)
    venue.timelock.schedule_batch(*due_together(venue), DELAY_S, sender=OWNER)
    venue.world.travel(DELAY_S)  # from now on anybody may execute it, at the worst time
    stage = set_up(venue)
    venue.governance.set_attester(ATTESTER.address, True, sender=DEPLOYER)
    stage.fund_pool()
    poor = venue.open_account(POOR, 4_000 * DOLLAR)
    leaver = venue.open_account(LEAVER, 100_000 * DOLLAR)
    plans = [stage.buy(poor), stage.sell(), stage.buy(stage.third), stage.buy(leaver)]
    stage.settle(plans, prices=_up())
    stage.settle([stage.buy(market=2), stage.sell(market=2)])
    venue.fund(PROVIDER, 500 * DOLLAR)
    venue.provide(PROVIDER, 100 * DOLLAR, ORACLE)
    claimable = venue.ask_in(PROVIDER, 500 * DOLLAR)
    venue.ask_out(PROVIDER, 50 * 10**12)
    venue.strike(ORACLE)
    venue.ask_out(PROVIDER, 10**12)
    venue.delegates.grant(
        stage.buyer, SESSION.address, 1, 10**13, venue.world.now_ms + 10**6, sender=BUYER
    )
    venue.clearing.request_withdrawal(stage.buyer, 900_000 * DOLLAR, sender=BUYER)
    for key in (STRANGER, PROVIDER, BUYER, DEPLOYER):
        venue.fund(key, 10_000 * DOLLAR)
        venue.dollar.approve(STRANGER.address, 10**12, sender=key)
    venue.pool.approve(STRANGER.address, 10**12, sender=PROVIDER)
    source = venue.world.deploy("dev/Source", PRICE_E8, sender=DEPLOYER)
    venue.contracts["source"] = source
    venue.governance.set_price_source(1, source.address, *SOURCE_TERMS, sender=DEPLOYER)
    venue.world.travel(19)
    venue.recovery.force_reduce(leaver, 0, LOT, sender=LEAVER)
    exit_ms = venue.world.now_ms + 60_000
    venue.world.travel(61)
    plans = [
        stage.buy(slot=0, key=SESSION, delegated=True, place=1, limit_price_e8=_up()[1]),
        stage.buy(slot=1, market=2, place=0),
        stage.sell(slot=0, max_fee_e6=500),
        stage.sell(slot=1, market=2),
        stage.buy(stage.third, slot=2),
        stage.sell(poor, LOT // 2, slot=3, reduce_only=True),
    ]
    batch = stage.batch(plans, prices=_up())
    return Scene(stage, poor, leaver, claimable, exit_ms, batch)


@pytest.fixture
def scene(kept_scene: Scene) -> object:
    with kept_scene.stage.venue.world.anchored():
        yield kept_scene


def _up() -> dict[int, int]:
    return {1: PRICE_E8 + PRICE_E8 * 500 // 10**6}


Act = Callable[[Scene, Key], object]


def vector(
    scene: Scene, prices_e8: dict[int, int] = ORACLE, time_ms: int | None = None
) -> tuple[object, ...]:
    return scene.stage.venue.presented(scene.stage.venue.a_vector(prices_e8, time_ms=time_ms))


def governed(name: str, *args: object) -> Act:
    def act(scene: Scene, who: Key) -> object:
        return getattr(scene.stage.venue.governance, name)(*args, sender=who)

    return act


SOURCE_TERMS = (1_000, 172_800, True)
"""A second source that doubts what lies a tenth away: not the price at which somebody is
liquidated here."""


def doubted(name: str) -> Act:
    """Let the second source say half the price, and bring that on chain."""

    def act(scene: Scene, who: Key) -> object:
        venue = scene.stage.venue
        venue.source.say(PRICE_E8 // 2, venue.world.timestamp_s, sender=who)
        if name == "refresh":
            return venue.oracle.refresh(1, sender=who)
        terms = (1, venue.source.address, *SOURCE_TERMS)
        if name == "set_source":
            return venue.oracle.set_source(*terms, sender=who)
        return venue.governance.set_price_source(*terms, sender=who)

    return act


def halted_then_resumed(scene: Scene, who: Key) -> object:
    scene.stage.venue.governance.halt(259_200, sender=who)
    return scene.stage.venue.governance.resume(sender=who)


def reparted(name: str) -> Act:
    def act(scene: Scene, who: Key) -> object:
        venue = scene.stage.venue
        parts = (venue.clearing.address, venue.pool.address)
        return getattr(venue.vault, name)(*parts, sender=who)

    return act


def timelocked(name: str, *args: object) -> Act:
    def act(scene: Scene, who: Key) -> object:
        return getattr(scene.stage.venue.timelock, name)(*args, sender=who)

    return act


def due(venue: Venue) -> list[tuple[Any, ...]]:
    """Calls that have waited: as harmful to a batch as they get."""
    return [
        venue.operation("set_market", *MARKETS["market"]),
        venue.operation("set_matcher", SPARE.address),
        venue.operation("set_oracle_signer", ORACLE_SIGNERS[0].address, False),
    ]


def due_together(venue: Venue) -> tuple[Any, ...]:
    """The same calls as one."""
    return (*map(list, list(zip(*due(venue), strict=True))[:3]), bytes(32), bytes(32))


def scheduling(scene: Scene) -> tuple[Any, ...]:
    return (*due(scene.stage.venue)[0][:4], b"once more".ljust(32), DELAY_S)


PROPOSER, CANCELLER = keccak(b"PROPOSER_ROLE"), keccak(b"CANCELLER_ROLE")


HARSH = parameters(
    status=2, fee_e6=10_000, im_e6=10**6, mm_e6=900_000, haircut_e6=10**6, residual_cap_e8=0,
    position_cap_e8=1, interest_cap_e8=0, h_min_e6=50_000, h0_e6=0, move_e6=1_000,
)  # fmt: skip
MARKETS = {"market": (1, HARSH)}
KEYS = {
    "matcher": (SPARE.address,),
    "attester": (ATTESTER.address, False),
    "attester_threshold": (1,),
    "oracle_signer": (ORACLE_SIGNERS[0].address, False),
    "oracle_threshold": (4,),
}


def permitted(scene: Scene, who: Key) -> object:
    venue = scene.stage.venue
    return venue.pool.permit(*a_permit(venue, who, STRANGER, 9), sender=STRANGER)


def prove_for_a_wallet(scene: Scene, who: Key) -> object:
    """Somebody opens an account for a wallet and carries its proof."""
    venue = scene.stage.venue
    wallet = a_wallet(venue.world, who)
    account = open_for(venue, wallet.address, who, 10 * DOLLAR)
    proof = proof_of(venue, venue.an_order(account), who)
    return venue.delegates.prove(account, *proof, sender=who)


def asked(name: str, amount: int) -> Act:
    """A request, at most all of one's shares."""

    def act(scene: Scene, who: Key) -> object:
        pool = scene.stage.venue.pool
        most = pool.balanceOf(who.address) if name == "requestRedeem" else amount
        return getattr(pool, name)(min(amount, most), who.address, who.address, sender=who)

    return act


def claimed(name: str) -> Act:
    """Everything that a claim gives now."""

    def act(scene: Scene, who: Key) -> object:
        pool = scene.stage.venue.pool
        most = getattr(pool, f"max{name.capitalize()}")(who.address)
        return getattr(pool, name)(most, who.address, who.address, sender=who)

    return act


def taken_back(name: str) -> Act:
    def act(scene: Scene, who: Key) -> object:
        function = getattr(scene.stage.venue.pool, name)
        return function(scene.claimable, who.address, who.address, sender=who)

    return act


def share_acts() -> dict[tuple[str, str], list[Act]]:
    """What a liquidity provider can do."""
    return {
        ("Pool", "requestDeposit"): [asked("requestDeposit", 7 * DOLLAR)],
        ("Pool", "requestRedeem"): [asked("requestRedeem", 10**12)],
        ("Pool", "setOperator"): [
            lambda s, who: s.stage.venue.pool.setOperator(STRANGER.address, True, sender=who)
        ],
        ("Pool", "permit"): [permitted],
        **{("Pool", name): [claimed(name)] for name in ("deposit", "mint", "withdraw", "redeem")},
        **{("Pool", name): [taken_back(name)] for name in GIVEN_BACK},
        ("Pool", "leave"): [
            lambda s, who: s.stage.venue.pool.leave(1, who.address, who.address, sender=who)
        ],
    }


GIVEN_BACK = ("claimCancelDepositRequest", "claimCancelRedeemRequest")
"""No strike of this venue has given anything back."""
IDLE = {
    *(("Pool", name) for name in GIVEN_BACK),
    ("Pool", "leave"),
    ("Recovery", "wind_down"),
    ("Recovery", "register"),
    ("Recovery", "claim"),
    ("Recovery", "deleverage"),
    ("Recovery", "fold"),
}
"""Nor has it been silent for a week, and its pool has room: nobody is deleveraged. What that does
to signed orders is in recovery/test_deleverage.py."""


EMPTY = {("Vault", "pull")}
"""Nothing waits in the vault of this venue."""


def acts() -> dict[tuple[str, str], list[Act]]:
    """What can be done, best shot of each actor: as harmful to the batch as it gets."""
    known: dict[tuple[str, str], list[Act]] = {
        ("Dollar", "mint"): [
            lambda s, who: s.stage.venue.dollar.mint(s.stage.venue.vault.address, 9, sender=who)
        ],
        ("Dollar", "transfer"): [
            lambda s, who: s.stage.venue.dollar.transfer(s.stage.venue.vault.address, 9, sender=who)
        ],
        ("Dollar", "approve"): [
            lambda s, who: s.stage.venue.dollar.approve(s.stage.venue.vault.address, 0, sender=who)
        ],
        ("Dollar", "permit"): [
            lambda s, who: s.stage.venue.dollar.permit(
                *permit_of(
                    s.stage.venue.dollar,
                    BUYER,
                    s.stage.venue.vault.address,
                    0,
                    s.stage.venue.world.timestamp_s,
                ),
                sender=who,
            )
        ],
        ("Dollar", "transferFrom"): [
            lambda s, who: s.stage.venue.dollar.transferFrom(
                BUYER.address, s.stage.venue.vault.address, 9, sender=who
            )
        ],
        ("Timelock", "schedule"): [
            lambda s, who: s.stage.venue.timelock.schedule(*scheduling(s), sender=who)
        ],
        ("Timelock", "execute"): [
            lambda s, who, at=at: s.stage.venue.timelock.execute(
                *due(s.stage.venue)[at], sender=who
            )
            for at in range(3)
        ],
        ("Timelock", "schedule_batch"): [
            lambda s, who: s.stage.venue.timelock.schedule_batch(
                *due_together(s.stage.venue)[:4], b"once more".ljust(32), DELAY_S, sender=who
            )
        ],
        ("Timelock", "execute_batch"): [
            lambda s, who: s.stage.venue.timelock.execute_batch(
                *due_together(s.stage.venue), sender=who
            )
        ],
        ("Timelock", "cancel"): [
            lambda s, who: s.stage.venue.timelock.cancel(
                s.stage.venue.timelock.hash_operation(*due(s.stage.venue)[0]), sender=who
            )
        ],
        ("Timelock", "update_delay"): [timelocked("update_delay", DELAY_S)],
        ("Timelock", "grantRole"): [timelocked("grantRole", PROPOSER, STRANGER.address)],
        ("Timelock", "revokeRole"): [timelocked("revokeRole", CANCELLER, OWNER.address)],
        ("Timelock", "renounceRole"): [timelocked("renounceRole", CANCELLER, OWNER.address)],
        ("Governance", "seal"): [governed("seal")],
        ("Governance", "halt"): [governed("halt", 259_200)],
        ("Governance", "resume"): [halted_then_resumed],
        ("Governance", "set_guardian"): [governed("set_guardian", STRANGER.address)],
        ("Vault", "receive"): [
            lambda s, who: s.stage.venue.vault.receive(BUYER.address, 1, sender=who)
        ],
        ("Vault", "release"): [
            lambda s, who: s.stage.venue.vault.release(who.address, 1, sender=who)
        ],
        **{("Vault", name): [reparted(name)] for name in ("propose_parts", "replace_parts")},
        ("Vault", "pull"): [lambda s, who: s.stage.venue.vault.pull(0, sender=who)],
        ("Vault", "set_outflow"): [
            lambda s, who: s.stage.venue.vault.set_outflow(20_000, 10**11, 10**9, sender=who)
        ],
        ("Vault", "withdraw_parts"): [
            lambda s, who: s.stage.venue.vault.withdraw_parts(sender=who)
        ],
        ("Governance", "set_price_source"): [doubted("set_price_source")],
        ("Governance", "set_uptime"): [governed("set_uptime", ZERO, 0)],
        ("Oracle", "refresh"): [doubted("refresh")],
        ("Oracle", "set_source"): [doubted("set_source")],
        ("Oracle", "set_uptime"): [
            lambda s, who: s.stage.venue.oracle.set_uptime(ZERO, 0, sender=who)
        ],
        ("Oracle", "set_signer"): [
            lambda s, who: s.stage.venue.oracle.set_signer(
                ORACLE_SIGNERS[0].address, False, sender=who
            )
        ],
        ("Oracle", "set_threshold"): [
            lambda s, who: s.stage.venue.oracle.set_threshold(4, sender=who)
        ],
        ("Seals", "set_matcher"): [
            lambda s, who: s.stage.venue.seals.set_matcher(SPARE.address, sender=who)
        ],
        ("Seals", "set_attester"): [
            lambda s, who: s.stage.venue.seals.set_attester(ATTESTER.address, False, sender=who)
        ],
        ("Seals", "set_attester_threshold"): [
            lambda s, who: s.stage.venue.seals.set_attester_threshold(1, sender=who)
        ],
        ("Delegates", "grant"): [
            lambda s, who, account=account: s.stage.venue.delegates.grant(
                account, SPARE.address, 1, 1, s.stage.venue.world.now_ms + 10**6, sender=who
            )
            for account in (17, 18, 19)
        ],
        ("Delegates", "revoke"): [
            lambda s, who: s.stage.venue.delegates.revoke(17, SESSION.address, sender=who)
        ],
        ("Delegates", "approve"): [
            lambda s, who: s.stage.venue.delegates.approve(17, bytes(32), sender=who)
        ],
        ("Delegates", "disapprove"): [
            lambda s, who: s.stage.venue.delegates.disapprove(17, bytes(32), sender=who)
        ],
        ("Delegates", "prove"): [prove_for_a_wallet],
        ("Clearing", "settle"): [
            lambda s, who: s.stage.venue.settle(
                s.stage.batch(sealers=(who,), number=s.batch.number), sender=who
            ),
        ],
        ("Clearing", "open_account"): [
            lambda s, who: s.stage.venue.clearing.open_account(
                BUYER.address, 10 * DOLLAR, sender=who
            )
        ],
        ("Clearing", "deposit"): [
            lambda s, who, account=account: s.stage.venue.clearing.deposit(account, 5, sender=who)
            for account in (1, 17, 18, 20)
        ],
        ("Clearing", "request_withdrawal"): [
            lambda s, who, account=account: s.stage.venue.clearing.request_withdrawal(
                account, s.stage.account(account).collateral_e6, sender=who
            )
            for account in (18, 19, 20)
        ],
        ("Clearing", "claim_withdrawal"): [
            lambda s, who, account=account: s.stage.venue.clearing.claim_withdrawal(
                account, *vector(s), sender=who
            )
            for account in (17, 18, 20)
        ],
        ("Clearing", "cancel"): [
            lambda s, who, account=account, slot=slot: s.stage.venue.clearing.cancel(
                account, slot, 2**32 - 1, sender=who
            )
            for account, slot in ((17, 0), (17, 1), (18, 0), (19, 2), (20, 3))
        ],
        ("Clearing", "cancel_all"): [
            lambda s, who, account=account: s.stage.venue.clearing.cancel_all(account, sender=who)
            for account in (17, 18, 19, 20)
        ],
        ("Clearing", "apply"): [
            lambda s, who: s.stage.venue.clearing.apply(*vector(s), 17, 0, -1, 0, sender=who)
        ],
        ("Clearing", "set_market"): [
            lambda s, who: s.stage.venue.clearing.set_market(
                1, *s.stage.venue.governance.words(HARSH), sender=who
            )
        ],
        ("Clearing", "collect_fees"): [
            lambda s, who, market=market: s.stage.venue.clearing.collect_fees(market, sender=who)
            for market in (1, 2)
        ],
        ("Clearing", "spend"): [lambda s, who: s.stage.venue.clearing.spend(17, 0, sender=who)],
        ("Governance", "spend"): [governed("spend", 17, 0)],
        ("Governance", "withdraw_backstop"): [governed("withdraw_backstop", 1)],
        ("Governance", "pass_on"): [
            lambda s, who: governed("pass_on", s.stage.venue.dollar.address, who.address, 0)(s, who)
        ],
        ("Clearing", "stop"): [lambda s, who: s.stage.venue.clearing.stop(sender=who)],
        ("Clearing", "discharge"): [
            lambda s, who: s.stage.venue.clearing.discharge(17, 0, sender=who)
        ],
        ("Recovery", "wind_down"): [lambda s, who: s.stage.venue.recovery.wind_down(sender=who)],
        ("Recovery", "register"): [lambda s, who: s.stage.venue.recovery.register(17, sender=who)],
        ("Recovery", "claim"): [lambda s, who: s.stage.venue.recovery.claim(17, sender=who)],
        ("Clearing", "set_halt"): [
            lambda s, who: s.stage.venue.clearing.set_halt(
                s.stage.venue.world.now_ms + GUARD_MS, 2**48 - 1, sender=who
            )
        ],
        ("Pool", "transfer"): [
            lambda s, who: s.stage.venue.pool.transfer(STRANGER.address, 9, sender=who)
        ],
        ("Pool", "approve"): [
            lambda s, who: s.stage.venue.pool.approve(STRANGER.address, 9, sender=who)
        ],
        ("Pool", "transferFrom"): [
            lambda s, who: s.stage.venue.pool.transferFrom(
                PROVIDER.address, who.address, 9, sender=who
            )
        ],
        ("Recovery", "force_reduce"): [
            lambda s, who, account=account: s.stage.venue.recovery.force_reduce(
                account, 0, 1, sender=who
            )
            for account in (17, 18, 19, 20)
        ],
        ("Recovery", "execute_exit"): [
            lambda s, who: s.stage.venue.recovery.execute_exit(
                *vector(s, time_ms=s.exit_ms), s.leaver, 0, sender=who
            )
        ],
        ("Recovery", "deleverage"): [
            lambda s, who: s.stage.venue.recovery.deleverage(
                *vector(s, LOW), s.poor, 0, 0, sender=who
            )
        ],
        ("Recovery", "fold"): [
            lambda s, who, account=account: s.stage.venue.recovery.fold(account, 0, sender=who)
            for account in (17, 18, 19, 20)
        ],
        ("Recovery", "liquidate"): [
            lambda s, who, keeper=keeper: s.stage.venue.recovery.liquidate(
                *vector(s, LOW), s.poor, 0, keeper, sender=who
            )
            for keeper in (0, 17)
        ],
    }
    for what, args in (MARKETS | KEYS).items():
        known["Governance", f"set_{what}"] = [governed(f"set_{what}", *args)]
    return known | share_acts()


GUARDED = {
    ("Timelock", "update_delay"),
    ("Timelock", "grantRole"),
    ("Timelock", "revokeRole"),
    ("Vault", "receive"),
    ("Vault", "release"),
    ("Vault", "propose_parts"),
    ("Vault", "replace_parts"),
    ("Vault", "withdraw_parts"),
    ("Vault", "set_outflow"),
    ("Oracle", "set_signer"),
    ("Oracle", "set_threshold"),
    ("Oracle", "set_source"),
    ("Oracle", "set_uptime"),
    ("Seals", "set_matcher"),
    ("Seals", "set_attester"),
    ("Seals", "set_attester_threshold"),
    ("Clearing", "apply"),
    ("Clearing", "stop"),
    ("Clearing", "discharge"),
    ("Clearing", "set_market"),
    ("Clearing", "set_halt"),
    ("Clearing", "spend"),
}
"""Contracts call these, no key can: what leads to them stands for them."""

APART = {"Bond", "Teller"}
"""Clearing calls nothing there, and they call nothing of Clearing's but deposits."""

ACTS = acts()
MOMENTS_S = ((0, 0), (0, 1), (1, 1), (1, 15), (14, 15), (15, 15))
"""Seconds after T at which somebody acts and at which the batch lands: up to the whole window."""


def test_every_function_that_changes_state_is_considered(kept_scene: Scene) -> None:
    functions = {
        (name.rsplit("/", 1)[-1], entry["name"])
        for name in DEPLOYMENT
        if name not in APART
        for entry in kept_scene.stage.venue.contracts[name.rsplit("/", 1)[-1].lower()].artifact.abi
        if entry["type"] == "function" and entry["stateMutability"] not in ("view", "pure")
    }
    assert functions == set(ACTS)


def test_the_batch_lands_whole_if_nobody_acts(scene: Scene) -> None:
    receipt = scene.stage.venue.settle(scene.batch)
    assert receipt.all("Skipped") == []
    assert receipt.only("PoolStruck")


@pytest.mark.parametrize("function", ACTS, ids=".".join)
def test_nothing_anybody_does_spoils_a_signed_batch(
    kept_scene: Scene, function: tuple[str, str]
) -> None:
    world = kept_scene.stage.venue.world
    done = 0
    for act in ACTS[function]:
        for who in (*kept_scene.everybody, SPARE):
            for act_s, land_s in MOMENTS_S:
                with world.anchored():
                    world.at(kept_scene.batch.time_ms // 1000 + act_s)
                    if function == ("Clearing", "settle") and who is MATCHER:
                        continue  # two batches of one number: the matcher's own, provable fault
                    try:
                        act(kept_scene, who)
                    except Refused:
                        continue
                    done += 1
                    world.at(kept_scene.batch.time_ms // 1000 + land_s)
                    receipt = kept_scene.stage.venue.settle(kept_scene.batch, sender=STRANGER)
                    kept_scene.stage.books.check(None)
                    skipped = {event["account"] for event in receipt.all("Skipped")}
                    allowed = {kept_scene.poor} if function[0] == "Recovery" else set()
                    assert skipped <= allowed, (who.name, act_s, land_s, receipt.all("Skipped"))
    possible = function not in GUARDED | IDLE | EMPTY and function != ("Clearing", "settle")
    assert (done > 0) == possible, f"{done} times done"


def test_a_liquidation_takes_down_the_orders_of_its_account_alone(scene: Scene) -> None:
    """Wholly liquidated, the poor one's reduce-only order has nothing left to reduce."""
    stage = scene.stage
    stage.venue.world.travel(1)
    stage.venue.recovery.liquidate(*vector(scene, LOW), scene.poor, 0, 0, sender=STRANGER)
    receipt = stage.venue.settle(scene.batch)
    assert [(e["account"], e["reason"]) for e in receipt.all("Skipped")] == [(scene.poor, 17)]
    stage.books.check(None)


@pytest.mark.parametrize(("fall_e6", "code"), [(48_000, None), (70_000, 22)])
def test_a_claim_at_an_older_price_spoils_only_what_fell_by_more_than_initial_margin(
    stage: Stage, fall_e6: int, code: int | None
) -> None:
    """An owner may claim at a vector F old while a batch at a lower price is on its way. What is
    left carries initial margin at the older price, so the account's shrinking fill stands unless
    the price fell by more than that inside one window; then the matcher's backstop pays."""
    venue = stage.venue
    account = venue.open_account(POOR, 6_000 * DOLLAR)
    stage.settle([stage.buy(account), stage.sell()])
    venue.clearing.request_withdrawal(account, 2_970 * DOLLAR, sender=POOR)
    venue.world.travel(60)
    before = venue.a_vector(ORACLE)
    venue.world.travel(14)
    low = ORACLE | {1: PRICE_E8 - PRICE_E8 * fall_e6 // 10**6}
    plans = [stage.sell(account, slot=1), stage.buy(stage.seller, slot=1)]
    batch = stage.batch(plans, oracle=low)
    with venue.world.anchored():
        assert venue.settle(batch).all("Skipped") == []
    venue.world.travel(1)
    paid = venue.clearing.claim_withdrawal(account, *venue.presented(before), sender=POOR).value
    assert paid == 2_970 * DOLLAR
    receipt = venue.settle(batch)
    stage.books.check()
    assert [event["reason"] for event in receipt.all("Skipped")] == ([code] if code else [])
