# SPDX-License-Identifier: Apache-2.0
"""Digests and signatures: the forms that count, and those that recover nobody."""

from __future__ import annotations

import threading

import msgspec
import pytest

from infold import signing
from infold.messages import Order, TimeInForce, TriggerKind
from infold.signing import CURVE_ORDER, HALF_CURVE_ORDER, Domain, recover, recover_group, sign

KEY = bytes([7]) * 32
DOMAIN = Domain(31_337, b"\x11" * 20)
DIGEST = signing.keccak(b"digest")


def an_order(**changes: object) -> Order:
    plain = Order(
        account=21,
        market=1,
        buy=True,
        size_e8=2,
        limit_price_e8=3,
        max_fee_e6=4,
        time_in_force=TimeInForce.GTC,
        post_only=False,
        reduce_only=False,
        trigger_kind=TriggerKind.NONE,
        trigger_price_e8=5,
        good_after_ms=6,
        expiry_ms=7,
        epoch=8,
        slot=9,
        seq=10,
    )
    return msgspec.structs.replace(plain, **changes)


def test_fields_stand_in_the_order_of_their_signed_members() -> None:
    by_name = signing.order_message(an_order())
    assert [member for member, _ in signing.TYPES["Order"]] == list(by_name)
    assert [int(value) for value in by_name.values()] == [
        int(value) for value in msgspec.structs.astuple(an_order())
    ]


@pytest.mark.parametrize("name", msgspec.structs.fields(Order), ids=lambda field: field.name)
def test_changing_any_field_changes_the_order_hash(name: msgspec.structs.FieldInfo) -> None:
    value = getattr(an_order(), name.name)
    changed = not value if isinstance(value, bool) else type(value)(value + 1)
    assert signing.order_hash(an_order(**{name.name: changed}), DOMAIN) != signing.order_hash(
        an_order(), DOMAIN
    )


@pytest.mark.parametrize("other", [Domain(1, b"\x11" * 20), Domain(31_337, b"\x12" * 20)])
def test_another_chain_or_contract_changes_the_order_hash(other: Domain) -> None:
    assert signing.order_hash(an_order(), other) != signing.order_hash(an_order(), DOMAIN)


def test_a_domain_names_a_contract_of_twenty_bytes() -> None:
    with pytest.raises(ValueError, match="20 bytes"):
        Domain(1, b"\x11" * 19)


def test_a_signature_recovers_its_signer_and_no_other_digest_does() -> None:
    r, vs = sign(DIGEST, KEY)
    assert recover(DIGEST, r, vs) == signing.address_of(KEY)
    assert recover(signing.keccak(b"other"), r, vs) != signing.address_of(KEY)


def test_the_other_parity_recovers_another_key() -> None:
    r, vs = sign(DIGEST, KEY)
    assert recover(DIGEST, r, vs ^ 1 << 255) not in (None, signing.address_of(KEY))


def test_the_mirrored_signature_is_not_the_signer_s() -> None:
    # n - s does not fit 255 bits but for a sliver, which the next test covers: what is left of it
    # in the word is another number, and so another key.
    r, vs = sign(DIGEST, KEY)
    mirrored = CURVE_ORDER - (vs & signing.S_MASK)
    for parity in (0, 1):
        word = (mirrored & signing.S_MASK) | parity << 255
        assert recover(DIGEST, r, word) != signing.address_of(KEY)


def test_s_at_half_the_order_is_judged_as_a_signature() -> None:
    r, _ = sign(DIGEST, KEY)
    for parity in (0, 1):
        assert recover(DIGEST, r, parity << 255 | HALF_CURVE_ORDER) is not None
        assert recover(DIGEST, r, parity << 255 | HALF_CURVE_ORDER + 1) is None


@pytest.mark.parametrize(
    ("r", "vs"),
    [(0, 1), (1, 0), (0, 0), (CURVE_ORDER, 1), (2**256 - 1, 1), (1, 2**256 - 1), (5, 1)],
)
def test_a_pair_that_is_no_signature_recovers_nobody(r: int, vs: int) -> None:
    # 5 is the x of no point of the curve.
    assert recover(DIGEST, r, vs) is None


def test_a_digest_of_another_length_recovers_nobody() -> None:
    r, vs = sign(DIGEST, KEY)
    assert recover(DIGEST[:31], r, vs) is None
    assert recover_group([DIGEST], [r.to_bytes(32, "big") + vs.to_bytes(33, "big")]) == [None]


def test_a_group_recovers_each_by_itself() -> None:
    keys = [bytes([number]) * 32 for number in range(1, 6)]
    digests = [signing.keccak(key) for key in keys] * 2
    pairs = []
    for digest, key in zip(digests, keys * 2, strict=True):
        r, vs = sign(digest, key)
        pairs.append((r << 256 | vs).to_bytes(64, "big"))
    pairs[3] = bytes(64)
    expected = [signing.address_of(key) for key in keys * 2]
    assert recover_group(digests, pairs) == [*expected[:3], None, *expected[4:]]


def test_the_address_memory_is_bounded_and_right_after_it_was_emptied(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(signing, "_ADDRESSES_MAX", 2)
    for number in range(1, 6):
        key = bytes([number]) * 32
        for _ in range(2):
            assert recover(DIGEST, *sign(DIGEST, key)) == signing.address_of(key)


def test_threads_do_not_share_buffers() -> None:
    wrong: list[int] = []

    def work(number: int) -> None:
        key = bytes([number]) * 32
        for step in range(50):
            digest = signing.keccak(bytes([number, step]))
            if recover(digest, *sign(digest, key)) != signing.address_of(key):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize("key", [bytes(32), CURVE_ORDER.to_bytes(32, "big"), b"\x01" * 31])
def test_what_is_no_private_key_signs_nothing(key: bytes) -> None:
    with pytest.raises(ValueError):
        sign(DIGEST, key)
    with pytest.raises(ValueError):
        signing.address_of(key)


def test_addresses_are_written_with_their_checksum() -> None:
    # The first example of EIP-55.
    text = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
    assert signing.checksum_address(bytes.fromhex(text[2:])) == text
