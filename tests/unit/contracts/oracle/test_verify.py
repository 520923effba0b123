# SPDX-License-Identifier: Apache-2.0
"""Oracle.verify: k distinct signers in service at T, under the Oracle's own domain (C9)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest
from tests.support.curve import HALF_CURVE_ORDER, S_MASK, mirror
from tests.support.evm import Key, World, a_key, refuses
from tests.support.venue import ORACLE_SIGNERS, PRICE_E8, Venue

from infold.signing import Domain, sign, typed_data, vector_digest
from infold.vectors import chunk_words
from infold.words import SettleHead, pack_settle_head

PRICES = {1: PRICE_E8, 31: 7, 40: 2**64 - 1}


def test_verify_returns_the_root_and_the_opened_words(venue: Venue) -> None:
    vector = venue.a_vector(PRICES, opened=0b10)
    root, words, doubtful = venue.oracle.verify(*venue.presented(vector))
    assert root == vector.root and not doubtful
    assert words[40 // 4] == (2**64 - 1) << 192
    assert not any(words[:8])


def test_verify_lays_every_word_of_a_chunk_in_its_place(venue: Venue) -> None:
    prices = {market: 10 + market for market in range(1, 64)}
    words = venue.oracle.verify(*venue.presented(venue.a_vector(prices)))[1]
    assert list(words[:16]) == chunk_words(prices, 0) + chunk_words(prices, 1)


@pytest.mark.parametrize("who", [(0, 1), (0, 2), (1, 2), (0, 1, 2)])
def test_any_k_of_the_signers_will_do(venue: Venue, who: tuple[int, ...]) -> None:
    vector = venue.a_vector(PRICES, signers=[ORACLE_SIGNERS[n] for n in who])
    assert venue.oracle.verify(*venue.presented(vector))[0] == vector.root


@pytest.mark.parametrize(
    ("signers", "reason"),
    [
        ((), "signers: too few"),
        (ORACLE_SIGNERS[:1], "signers: too few"),
        ((ORACLE_SIGNERS[0], ORACLE_SIGNERS[0]), "signers: not ascending"),
        (ORACLE_SIGNERS[::-1], "signers: not ascending"),
        ((a_key("stranger"),), "signers: not a signer"),
        (
            sorted([*ORACLE_SIGNERS[:2], a_key("stranger")], key=lambda key: key.number),
            "signers: not a signer",
        ),
    ],
)
def test_verify_rejects_any_other_signatures(
    venue: Venue, signers: Sequence[Key], reason: str
) -> None:
    vector = venue.a_vector(PRICES, signers=signers)
    with refuses(venue.world, reason):
        venue.oracle.verify(*venue.presented(vector))


def test_verify_rejects_a_signature_of_anything_else(venue: Venue) -> None:
    vector = venue.a_vector(PRICES)
    head, openings, signatures = venue.presented(vector)
    later = pack_settle_head(SettleHead(0, vector.time_ms + 1, vector.chunks, vector.opened))
    other = venue.a_vector(PRICES | {2: 1}).openings
    for presented in ((later, openings), (head, other)):
        with pytest.raises(AssertionError, match="signers: not"):
            venue.oracle.verify(*presented, signatures)


def test_verify_rejects_the_clearings_domain_and_another_chains(venue: Venue) -> None:
    vector = venue.a_vector(PRICES)
    here = venue.oracle_domain
    for domain in (venue.domain, Domain(here.chain_id + 1, here.verifying_contract)):
        digest = vector_digest(vector.time_ms, vector.chunks, vector.root, domain)
        forged = msgspec.structs.replace(
            vector, signatures=[sign(digest, key.private) for key in ORACLE_SIGNERS[:2]]
        )
        with pytest.raises(AssertionError, match="signers: not"):
            venue.oracle.verify(*venue.presented(forged))


def test_verify_rejects_the_mirrored_signature(venue: Venue) -> None:
    vector = venue.a_vector(PRICES)
    assert all(vs & S_MASK <= HALF_CURVE_ORDER for _, vs in vector.signatures)
    signatures = [mirror(one) for one in vector.signatures]
    forged = msgspec.structs.replace(vector, signatures=signatures)
    with pytest.raises(AssertionError, match="signers: not"):
        venue.oracle.verify(*venue.presented(forged))


@pytest.mark.parametrize("signature", [(0, 0), (1, 0), (2**256 - 1, 2**256 - 1), (5, 2**255 | 7)])
def test_verify_never_takes_the_nobody_for_a_signer(
    venue: Venue, signature: tuple[int, int]
) -> None:
    vector = venue.a_vector(PRICES)
    forged = msgspec.structs.replace(vector, signatures=[signature, *vector.signatures])
    with pytest.raises(AssertionError, match="signers: not"):
        venue.oracle.verify(*venue.presented(forged))


def test_digests_are_what_any_eip712_library_computes(venue: Venue) -> None:
    from eth_account import Account
    from eth_account.messages import encode_typed_data

    vector = venue.a_vector(PRICES, signers=[])
    message = {"time": vector.time_ms, "chunks": vector.chunks, "root": vector.root}
    document = typed_data("PriceVector", message, venue.oracle_domain)
    signable = encode_typed_data(full_message=document)
    signatures = []
    for key in ORACLE_SIGNERS:
        signed = Account.sign_message(signable, key.private)
        signatures.append((signed.r, signed.s | (signed.v - 27) << 255))
    presented = msgspec.structs.replace(vector, signatures=signatures)
    assert venue.oracle.verify(*venue.presented(presented))[0] == vector.root


@pytest.mark.parametrize("place", [0, 3])
def test_init_needs_signers_and_a_threshold_within_reach(place: int) -> None:
    deployer, governance = a_key("deployer"), a_key("governance")
    signers = [key.address for key in ORACLE_SIGNERS]
    World().deploy("Oracle", governance.address, signers, 3, sender=deployer)
    with pytest.raises(AssertionError, match=r"reverted: (signers|oracle): threshold"):
        threshold = 0 if place == 0 else 4
        World().deploy("Oracle", governance.address, signers, threshold, sender=deployer)
    for bad in ([*signers, signers[0]], [*signers, "0x" + "00" * 20]):
        with pytest.raises(AssertionError, match=r"reverted: signers: (already|address)"):
            World().deploy("Oracle", governance.address, bad, 2, sender=deployer)
