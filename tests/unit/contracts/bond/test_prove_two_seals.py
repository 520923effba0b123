# SPDX-License-Identifier: Apache-2.0
"""Bond.prove_two_seals: two contents under one number cost the matcher, once."""

from __future__ import annotations

from tests.support.compiler import ROOT, compiled_at
from tests.support.evm import Key, Receipt, a_key, refuses
from tests.support.omission import STAKE_E6, Omission, set_up
from tests.support.venue import DOLLAR, MATCHER, REWARD_E6, WINDOW_MS

from infold.signing import Domain, batch_digest, keccak, sign
from infold.words import unpack_account

STRANGER = a_key("stranger")
INSURANCE = 2
NUMBER = 9
ONE, OTHER = keccak(b"one"), keccak(b"other")
Sealed = tuple[int, bytes, int, int]


def sealed(
    scene: Omission,
    contents: bytes,
    later_ms: int = 0,
    *,
    key: Key = MATCHER,
    number: int = NUMBER,
    domain: Domain | None = None,
) -> Sealed:
    time_ms = scene.venue.world.now_ms + later_ms
    digest = batch_digest(number, time_ms, contents, domain or scene.venue.domain)
    return time_ms, contents, *sign(digest, key.private)


def prove(scene: Omission, first: Sealed, second: Sealed, number: int = NUMBER) -> Receipt:
    receipt: Receipt = scene.venue.bond.prove_two_seals(number, first, second, sender=STRANGER)
    return receipt


def test_two_seals_of_one_number_cost_the_reward_to_insurance_once(scene: Omission) -> None:
    venue = scene.venue
    before_e6 = unpack_account(venue.clearing.accounts(INSURANCE)).collateral_e6
    receipt = prove(scene, sealed(scene, ONE), sealed(scene, OTHER))
    assert receipt.only("SealedTwice") == {"number": NUMBER, "amount_e6": REWARD_E6}
    after_e6 = unpack_account(venue.clearing.accounts(INSURANCE)).collateral_e6
    assert after_e6 == before_e6 + REWARD_E6
    assert venue.bond.bond_e6() == STAKE_E6 - REWARD_E6
    assert venue.dollar.balanceOf(venue.bond.address) == venue.bond.bond_e6()
    assert venue.dollar.allowance(venue.bond.address, venue.vault.address) == 0
    with refuses(venue.world, "bond: already paid"):
        prove(scene, sealed(scene, ONE), sealed(scene, keccak(b"third")))


def test_a_token_that_will_not_be_spent_keeps_the_fault_open() -> None:
    odd = set_up(compiled_at(ROOT / "tests" / "support" / "contracts" / "OddToken.vy"))
    first, second = sealed(odd, ONE), sealed(odd, OTHER)
    odd.venue.dollar.shun(True, sender=STRANGER)
    with refuses(odd.venue.world, "bond: token refused"):
        prove(odd, first, second)
    odd.venue.dollar.shun(False, sender=STRANGER)
    assert prove(odd, first, second).only("SealedTwice")["amount_e6"] == REWARD_E6


def test_one_seal_shown_twice_is_no_fault(scene: Omission) -> None:
    with refuses(scene.venue.world, "bond: one and the same"):
        prove(scene, sealed(scene, ONE), sealed(scene, ONE))


def test_a_batch_that_had_lapsed_may_be_followed_by_another(scene: Omission) -> None:
    first = sealed(scene, ONE)
    for later_ms in (WINDOW_MS + 1, -WINDOW_MS - 1):
        with refuses(scene.venue.world, "bond: the first had lapsed"):
            prove(scene, first, sealed(scene, OTHER, later_ms))
    prove(scene, first, sealed(scene, ONE, WINDOW_MS))


def test_both_seals_are_the_matchers_of_this_number_chain_and_contract(scene: Omission) -> None:
    good, here = sealed(scene, ONE), scene.venue.domain
    bond = bytes.fromhex(scene.venue.bond.address[2:])
    forged = [
        sealed(scene, OTHER, key=STRANGER),
        sealed(scene, OTHER, number=NUMBER + 1),
        sealed(scene, OTHER, domain=Domain(1, here.verifying_contract)),
        sealed(scene, OTHER, domain=Domain(here.chain_id, bond)),
        (good[0], OTHER, 0, 0),
    ]
    for other in forged:
        for pair in ((good, other), (other, good)):
            with refuses(scene.venue.world, "bond: not the matcher's seal"):
                prove(scene, *pair)


def test_what_is_reserved_for_claims_is_not_spent_on_seals(scene: Omission) -> None:
    batch = scene.batch()
    for seq in range(10, 20):
        scene.challenge(scene.proof(scene.order(seq=seq), batch))
    with refuses(scene.venue.world, "bond: nothing left"):
        prove(scene, sealed(scene, ONE), sealed(scene, OTHER))
    assert scene.venue.bond.reserved_e6() == STAKE_E6 == 1_000 * DOLLAR
