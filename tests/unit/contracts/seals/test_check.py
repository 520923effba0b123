# SPDX-License-Identifier: Apache-2.0
"""Seals.check: the matcher's seal, and as many attesters' as it takes."""

from __future__ import annotations

import pytest
from tests.support.curve import HALF_CURVE_ORDER, mirror
from tests.support.evm import Key, a_key, ecrecover, refuses
from tests.support.venue import DEPLOYER, MATCHER, Venue

from infold.signing import keccak, sign

ATTESTERS = tuple(sorted((a_key(f"attester {n}") for n in range(4)), key=lambda key: key.number))
DIGEST = keccak(b"what is sealed")
OTHER = a_key("somebody else")
ONE = "0x" + "00" * 19 + "01"


def sealed(*keys: Key, digest: bytes = DIGEST) -> list[tuple[int, int]]:
    return [sign(digest, key.private) for key in keys]


@pytest.fixture
def attested(venue: Venue) -> Venue:
    """Three of four attesters must sign."""
    for key in ATTESTERS:
        venue.governance.set_attester(key.address, True, sender=DEPLOYER)
    venue.governance.set_attester_threshold(3, sender=DEPLOYER)
    venue.world.travel(19)
    return venue


def test_check_takes_the_matchers_seal_alone_while_no_attesters_are_needed(venue: Venue) -> None:
    now_ms = venue.world.now_ms
    assert venue.seals.check(now_ms, DIGEST, sealed(MATCHER)) is True
    for seals in ([], sealed(OTHER), sealed(MATCHER, digest=keccak(b"else")), [(0, 0)]):
        with refuses(venue.world, "seals: not the matcher"):
            venue.seals.check(now_ms, DIGEST, seals)


def test_check_rejects_the_mirrored_seal(venue: Venue) -> None:
    seals = [mirror(seal) for seal in sealed(MATCHER)]
    with refuses(venue.world, "seals: not the matcher"):
        venue.seals.check(venue.world.now_ms, DIGEST, seals)


def test_check_counts_attesters_after_the_matcher(attested: Venue) -> None:
    now_ms = attested.world.now_ms
    first, second, third, fourth = ATTESTERS
    for keys in ((first, second, third), (first, third, fourth), ATTESTERS):
        assert attested.seals.check(now_ms, DIGEST, sealed(MATCHER, *keys)) is True
    with refuses(attested.world, "signers: too few"):
        attested.seals.check(now_ms, DIGEST, sealed(MATCHER, first, second))
    with refuses(attested.world, "signers: not ascending"):
        attested.seals.check(now_ms, DIGEST, sealed(MATCHER, first, second, second))
    with refuses(attested.world, "signers: not ascending"):
        attested.seals.check(now_ms, DIGEST, sealed(MATCHER, third, second, fourth))
    strangers = sorted((first, second, OTHER), key=lambda key: key.number)
    with refuses(attested.world, "signers: not a signer"):
        attested.seals.check(now_ms, DIGEST, sealed(MATCHER, *strangers))


def test_check_takes_no_signature_that_recovers_nobody_for_an_attesters(attested: Venue) -> None:
    seals = [*sealed(MATCHER), (0, 0), *sealed(*ATTESTERS[:2])]
    with refuses(attested.world, "signers: not ascending"):
        attested.seals.check(attested.world.now_ms, DIGEST, seals)


def test_a_signature_whose_s_is_above_half_the_curve_is_not_even_address_ones(
    attested: Venue,
) -> None:
    """Nobody has that address's key: if it served, nothing could be signed in its name."""
    attested.governance.set_attester(ONE, True, sender=DEPLOYER)
    attested.world.travel(19)
    for s in (HALF_CURVE_ORDER + 1, 2**255 - 1):
        seals = [*sealed(MATCHER), (1, s), *sealed(*ATTESTERS[:2])]
        with refuses(attested.world, "signers: not ascending"):
            attested.seals.check(attested.world.now_ms, DIGEST, seals)


@pytest.mark.parametrize("s", [HALF_CURVE_ORDER, HALF_CURVE_ORDER + 1])
def test_a_signature_counts_up_to_half_the_curve(attested: Venue, s: int) -> None:
    """Of a key that nobody has: the one that these numbers would be a signature of."""
    signer = ecrecover(attested.world, DIGEST, 1, s)
    attested.governance.set_attester(signer, True, sender=DEPLOYER)
    attested.world.travel(19)
    pairs = {key.number: sign(DIGEST, key.private) for key in ATTESTERS[:2]}
    pairs[int(signer, 16)] = (1, s)
    seals = [*sealed(MATCHER), *(pairs[number] for number in sorted(pairs))]
    if s == HALF_CURVE_ORDER:
        assert attested.seals.check(attested.world.now_ms, DIGEST, seals) is True
    else:
        with refuses(attested.world, "signers: not ascending"):
            attested.seals.check(attested.world.now_ms, DIGEST, seals)


def test_the_matcher_is_no_attester(attested: Venue) -> None:
    keys = sorted((*ATTESTERS[:2], MATCHER), key=lambda key: key.number)
    with refuses(attested.world, "signers: not a signer"):
        attested.seals.check(attested.world.now_ms, DIGEST, sealed(MATCHER, *keys))


def test_an_attester_in_the_matchers_place_is_not_the_matcher(attested: Venue) -> None:
    with refuses(attested.world, "seals: not the matcher"):
        attested.seals.check(attested.world.now_ms, DIGEST, sealed(*ATTESTERS))


def test_check_takes_at_most_sixteen_seals(venue: Venue) -> None:
    keys = sorted((a_key(f"crowd {n}") for n in range(16)), key=lambda key: key.number)
    for key in keys:
        venue.governance.set_attester(key.address, True, sender=DEPLOYER)
    venue.world.travel(19)
    assert venue.seals.check(venue.world.now_ms, DIGEST, sealed(MATCHER, *keys[:15])) is True
    with refuses(venue.world, ""):
        venue.seals.check(venue.world.now_ms, DIGEST, sealed(MATCHER, *keys))
