# SPDX-License-Identifier: Apache-2.0
"""Our digests and signatures against eth-account's, which shares no code with them."""

from __future__ import annotations

import random

from eth_account import Account
from eth_account.messages import SignableMessage, encode_typed_data
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from infold import signing
from infold.bench.admission import digests_equal, random_order
from infold.messages import Cancel
from infold.signing import CURVE_ORDER, Domain

SEED = 20_260_801
domains = st.builds(Domain, st.integers(1, 2**256 - 1), st.binary(min_size=20, max_size=20))
hashes = st.binary(min_size=32, max_size=32)
keys = st.integers(1, CURVE_ORDER - 1).map(lambda key: key.to_bytes(32, "big"))


def unsigned(bits: int) -> st.SearchStrategy[int]:
    return st.integers(0, (1 << bits) - 1)


def generic(name: str, message: dict[str, object], domain: Domain) -> SignableMessage:
    return encode_typed_data(full_message=signing.typed_data(name, message, domain))


def digest_of(message: SignableMessage) -> bytes:
    return signing.keccak(b"\x19" + message.version + message.header + message.body)


def test_ten_thousand_random_orders_hash_as_eth_account_hashes_them() -> None:
    assert digests_equal(SEED, 10_000), f"seed {SEED}"


@seed(SEED)
@settings(max_examples=200, deadline=None)
@given(domains, unsigned(32), unsigned(8), unsigned(32))
def test_cancels_hash_as_eth_account_hashes_them(
    domain: Domain, account: int, slot: int, seq: int
) -> None:
    message = {"account": account, "slot": slot, "seq": seq}
    cancel = Cancel(account=account, slot=slot, seq=seq)
    assert signing.cancel_digest(cancel, domain) == digest_of(generic("Cancel", message, domain))


@seed(SEED)
@settings(max_examples=200, deadline=None)
@given(domains, unsigned(64), unsigned(48), hashes)
def test_batches_hash_as_eth_account_hashes_them(
    domain: Domain, number: int, time_ms: int, contents: bytes
) -> None:
    message = {"number": number, "time": time_ms, "contents": contents}
    expected = digest_of(generic("Batch", message, domain))
    assert signing.batch_digest(number, time_ms, contents, domain) == expected


@seed(SEED)
@settings(max_examples=200, deadline=None)
@given(domains, hashes, unsigned(64), unsigned(48), unsigned(48))
def test_receipts_hash_as_eth_account_hashes_them(
    domain: Domain, order_hash: bytes, sequence: int, accepted_ms: int, batch_ms: int
) -> None:
    message = {
        "orderHash": order_hash,
        "sequence": sequence,
        "acceptedTime": accepted_ms,
        "batchTime": batch_ms,
    }
    expected = digest_of(generic("Receipt", message, domain))
    assert signing.receipt_digest(order_hash, sequence, accepted_ms, batch_ms, domain) == expected


@seed(SEED)
@settings(max_examples=200, deadline=None)
@given(domains, unsigned(48), unsigned(16), hashes)
def test_vectors_hash_as_eth_account_hashes_them(
    domain: Domain, time_ms: int, chunks: int, root: bytes
) -> None:
    message = {"time": time_ms, "chunks": chunks, "root": root}
    expected = digest_of(generic("PriceVector", message, domain))
    assert signing.vector_digest(time_ms, chunks, root, domain) == expected


@seed(SEED)
@settings(max_examples=100, deadline=None)
@given(keys, domains, st.integers(0, 2**32))
def test_signatures_are_eth_account_s(key: bytes, domain: Domain, number: int) -> None:
    order = random_order(random.Random(number))
    message = generic("Order", signing.order_message(order), domain)
    theirs = Account.sign_message(message, key)
    r, vs = signing.sign(signing.order_hash(order, domain), key)
    assert (r, vs) == (theirs.r, (theirs.v - 27) << 255 | theirs.s)
    address = Account.from_key(key).address
    assert signing.checksum_address(signing.address_of(key)) == address
    recovered = signing.recover(signing.order_hash(order, domain), r, vs)
    assert recovered is not None and signing.checksum_address(recovered) == address


@seed(SEED)
@settings(max_examples=300, deadline=None)
@given(hashes, unsigned(256), unsigned(256))
def test_any_pair_recovers_what_eth_account_recovers_or_nobody(
    digest: bytes, r: int, vs: int
) -> None:
    from eth_keys import keys as eth_keys
    from eth_keys.exceptions import BadSignature
    from eth_utils import ValidationError

    ours = signing.recover(digest, r, vs)
    s = vs & signing.S_MASK
    theirs = None
    if 0 < s <= signing.HALF_CURVE_ORDER and 0 < r < CURVE_ORDER:
        try:
            signature = eth_keys.Signature(vrs=(vs >> 255, r, s))
            theirs = signature.recover_public_key_from_msg_hash(digest).to_canonical_address()
        except (BadSignature, ValidationError):
            theirs = None
    assert ours == theirs
