# SPDX-License-Identifier: Apache-2.0
"""Tokens that misbehave (D04-D09), and values read from inside a callback (C18), each against the
whole venue.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.attacks.test_reentrancy import TRADER, Scene
from tests.support.compiler import ROOT, compiled_at
from tests.support.evm import ZERO, Key, Refused, a_key, refuses
from tests.support.venue import DOLLAR, PRICE_E8, Venue, a_venue

TOKENS = ROOT / "tests" / "support" / "contracts"
FIRST, SECOND, PROVIDER = a_key("first"), a_key("second"), a_key("provider")
NONE: tuple[int, list[int], list[tuple[int, int]]] = (0, [], [])
HELD_E6 = 1_000 * DOLLAR


@pytest.fixture(scope="module")
def kept() -> dict[str, Venue]:
    return {}


@pytest.fixture
def odd(kept: dict[str, Venue]) -> Iterator[Venue]:
    yield from over(kept, "OddToken")


@pytest.fixture
def mute(kept: dict[str, Venue]) -> Iterator[Venue]:
    yield from over(kept, "MuteToken")


def over(kept: dict[str, Venue], token: str) -> Iterator[Venue]:
    """A venue over a token, with two accounts of a thousand dollars."""
    if token not in kept:
        kept[token] = venue = a_venue(token=compiled_at(TOKENS / f"{token}.vy"))
        venue.list_market(1)
        for owner in (FIRST, SECOND):
            venue.open_account(owner, HELD_E6)
    with kept[token].world.anchored():
        yield kept[token]


def ask(venue: Venue, owner: Key, account: int, amount_e6: int = HELD_E6) -> None:
    venue.clearing.request_withdrawal(account, amount_e6, sender=owner)
    venue.world.travel(19)


def claim(venue: Venue, account: int) -> Any:
    return venue.clearing.claim_withdrawal(account, *NONE, sender=PROVIDER)


def share(venue: Venue, assets_e6: int) -> int:
    """Shares of the pool; returns the epoch in which half of them are asked back and priced."""
    venue.provide(PROVIDER, assets_e6, {1: PRICE_E8})
    epoch = venue.ask_out(PROVIDER, venue.pool.balanceOf(PROVIDER.address) // 2)
    venue.strike({1: PRICE_E8})
    return epoch


def redeem(venue: Venue, epoch: int) -> Any:
    who = PROVIDER.address
    return venue.pool.redeem(
        venue.pool.claimableRedeemRequest(epoch, who), who, who, sender=PROVIDER
    )


@pytest.mark.parametrize("fee", [1, 5 * DOLLAR])
def test_D04_a_fee_on_the_way_is_refused_whenever_it_begins(odd: Venue, fee: int) -> None:
    """From the start on or switched on later: what arrives must be what is credited."""
    odd.fund(PROVIDER, 500 * DOLLAR)
    odd.dollar.misbehave(False, fee, ZERO, b"", sender=PROVIDER)
    calls = (
        (odd.clearing.deposit, (17, 100 * DOLLAR), "vault: wrong amount received"),
        (
            odd.clearing.open_account,
            (PROVIDER.address, 100 * DOLLAR),
            "vault: wrong amount received",
        ),
    )
    for call, arguments, reason in calls:
        with refuses(odd.world, reason):
            call(*arguments, sender=PROVIDER)
    with pytest.raises(Refused):
        odd.ask_in(PROVIDER, 100 * DOLLAR)
    assert odd.vault.accounted_e6() == 2 * HELD_E6
    odd.dollar.misbehave(False, 0, ZERO, b"", sender=PROVIDER)
    odd.clearing.deposit(17, 100 * DOLLAR, sender=PROVIDER)


def test_D05_tokens_that_appear_belong_to_nobody(odd: Venue) -> None:
    accounts = odd.clearing.accounts(17), odd.clearing.accounts(18)
    odd.dollar.rebase(odd.vault.address, 3 * HELD_E6, sender=PROVIDER)
    assert odd.vault.accounted_e6() == 2 * HELD_E6
    assert (odd.clearing.accounts(17), odd.clearing.accounts(18)) == accounts
    for owner, account in ((FIRST, 17), (SECOND, 18)):
        ask(odd, owner, account)
        assert claim(odd, account).only("Released")["amount_e6"] == HELD_E6
        assert odd.dollar.balanceOf(owner.address) == HELD_E6
    assert odd.vault.accounted_e6() == 0


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_D05_a_loss_of_the_token_is_borne_alike_by_first_and_last(
    odd: Venue, order: tuple[int, int]
) -> None:
    """A third is gone: each gets two thirds, whoever comes first, and nothing comes in."""
    odd.dollar.rebase(odd.vault.address, 2 * HELD_E6 * 2 // 3, sender=PROVIDER)
    odd.fund(PROVIDER, 100 * DOLLAR)
    with refuses(odd.world, "vault: tokens are missing"):
        odd.clearing.deposit(17, 100 * DOLLAR, sender=PROVIDER)
    with refuses(odd.world, "vault: tokens are missing"):
        odd.ask_in(PROVIDER, 100 * DOLLAR)
    people = ((FIRST, 17), (SECOND, 18))
    for at in order:
        owner, account = people[at]
        ask(odd, owner, account)
        claim(odd, account)
        assert abs(3 * odd.dollar.balanceOf(owner.address) - 2 * HELD_E6) <= 3
    assert odd.vault.accounted_e6() == 0 <= odd.dollar.balanceOf(odd.vault.address)


def test_D06_a_token_that_returns_nothing_works_all_the_way(mute: Venue) -> None:
    epoch = share(mute, 500 * DOLLAR)
    redeem(mute, epoch)
    assert mute.dollar.balanceOf(PROVIDER.address) == 250 * DOLLAR
    ask(mute, FIRST, 17)
    claim(mute, 17)
    assert mute.dollar.balanceOf(FIRST.address) == HELD_E6
    assert mute.dollar.balanceOf(mute.vault.address) == mute.vault.accounted_e6()


def test_D07_a_token_that_returns_false_is_refused_in_and_out(odd: Venue) -> None:
    epoch = share(odd, 500 * DOLLAR)
    ask(odd, FIRST, 17)
    odd.fund(PROVIDER, 100 * DOLLAR)
    odd.dollar.misbehave(True, 0, ZERO, b"", sender=PROVIDER)
    with refuses(odd.world, "vault: token refused"):
        odd.clearing.deposit(17, 100 * DOLLAR, sender=PROVIDER)
    with refuses(odd.world, "vault: token refused"):
        claim(odd, 17)
    with refuses(odd.world, "vault: token refused"):
        redeem(odd, epoch)
    with refuses(odd.world, "pool: token refused"):
        odd.ask_in(PROVIDER, 100 * DOLLAR)
    odd.dollar.misbehave(False, 0, ZERO, b"", sender=PROVIDER)
    claim(odd, 17)
    redeem(odd, epoch)


def test_D08_a_token_without_code_moves_nothing(odd: Venue) -> None:
    """No call to it succeeds by saying nothing, not even of nothing."""
    keys = [a_key(f"part {number}").address for number in range(3)]
    hollow = odd.world.deploy(
        "Vault", a_key("no code").address, FIRST.address, *keys, sender=PROVIDER
    )
    for amount_e6 in (0, 1):
        with refuses(odd.world, ""):
            hollow.receive(FIRST.address, amount_e6, sender=FIRST)
    assert hollow.accounted_e6() == 0


# -- callbacks -------------------------------------------------------------------------

DOORS = {
    "deposit": "deposit",
    "withdraw": "claim_withdrawal",
    "settle": "settle",
    "liquidate": "liquidate",
    "redeem": "redeem",
}
MOVES_TOKENS = ("deposit", "withdraw", "redeem")
CLEARINGS = ("deposit", "withdraw")


@pytest.fixture(scope="module")
def kept_scene() -> Scene:
    return Scene()


@pytest.fixture
def scene(kept_scene: Scene) -> Iterator[Scene]:
    with kept_scene.venue.world.anchored():
        kept_scene.venue.world.travel(20)
        yield kept_scene


def run(scene: Scene, door: str) -> None:
    contract, function, arguments = scene.call(DOORS[door])
    getattr(contract, function)(*arguments, sender=TRADER)


def books(venue: Venue) -> tuple[int, ...]:
    """What a callback might have moved."""
    clearing = venue.clearing
    accounts = [clearing.accounts(it) for it in range(clearing.account_count())]
    shares = venue.pool.totalSupply(), venue.pool.totalAssets()
    return (*accounts, clearing.head(), venue.vault.accounted_e6(), *shares)


@pytest.mark.parametrize("inner", DOORS)
@pytest.mark.parametrize("outer", DOORS)
def test_D09_no_door_opens_inside_another(scene: Scene, outer: str, inner: str) -> None:
    """25 pairs. Three doors move tokens: from inside them whatever moves money, and whatever is
    Clearing's while Clearing is on its way, is refused. Two call no token, so that no hook is ever
    reached. While Pool pays, Clearing is at rest: a batch may come in there, and does what it does
    after it. A liquidation asks the vault whom to obey, which is on its way.
    """
    venue, token = scene.venue, scene.venue.dollar
    contract, name, arguments = scene.call(DOORS[inner])
    message = contract.calldata(name, *arguments)
    token.misbehave(False, 0, contract.address, message, sender=TRADER)
    before = books(venue)
    if outer not in MOVES_TOKENS:
        run(scene, outer)
        reached = books(venue)
        with pytest.raises(AssertionError):
            assert reached == before, "the door did what it is for"
        return
    if outer in CLEARINGS or inner != "settle":
        with pytest.raises(Refused) as refused:
            run(scene, outer)
        assert refused.value.reason == "", "the lock refuses without words; something else spoke"
        assert books(venue) == before
        return
    run(scene, outer)
    inside = books(venue)
    assert inside != before


def test_C18_inside_a_payment_of_the_pool_nothing_is_valued_otherwise_than_after_it(
    kept_scene: Scene,
) -> None:
    """A batch from inside the callback, and the same batch afterwards, leave equal books."""
    venue, token = kept_scene.venue, kept_scene.venue.dollar
    left = []
    for nested in (True, False):
        with venue.world.anchored():
            venue.world.travel(20)
            contract, name, arguments = kept_scene.call("settle")
            if nested:
                message = contract.calldata(name, *arguments)
                token.misbehave(False, 0, contract.address, message, sender=TRADER)
            run(kept_scene, "redeem")
            if not nested:
                getattr(contract, name)(*arguments, sender=TRADER)
            left.append(books(venue))
    assert left[0] == left[1]


@pytest.mark.parametrize("inner", ["settle", "redeem"])
def test_C18_inside_a_withdrawal_nobody_trades_and_nobody_redeems(scene: Scene, inner: str) -> None:
    venue, token = scene.venue, scene.venue.dollar
    contract, name, arguments = scene.call(inner)
    token.misbehave(False, 0, contract.address, contract.calldata(name, *arguments), sender=TRADER)
    before = books(venue)
    with pytest.raises(Refused) as refused:
        run(scene, "withdraw")
    assert refused.value.reason == "" and books(venue) == before
