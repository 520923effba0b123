# SPDX-License-Identifier: Apache-2.0
"""A small venue for tests of the twin: keys, signed orders, sealed batches, with defaults for all
that is not tested.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from coincurve import PrivateKey, PublicKey
from sha3 import keccak_256 as native_keccak

from infold.reference.digests import (
    Contents,
    Record,
    batch_contents,
    batch_digest,
    order_hashes,
    vector_digest,
)
from infold.reference.faults import Reason
from infold.reference.protocol import Protocol
from infold.reference.settlement import SettleCall
from infold.reference.state import Event
from infold.reference.vectors import open_vector
from infold.reference.words import Caps, PriceWord, Rates, SettleHead
from tests.support.curve import HALF_CURVE_ORDER, S_MASK
from tests.support.records import order_flags, record_words

DEPLOYED_S = 1_700_000_000
CHAIN_ID = 31337
CLEARING, ORACLE, RECOVERY, POOL, GOVERNANCE = (0xC1EA << 100, 0x04AC << 100, 3, 4, 5)
PROVIDER = 0xABC << 64
BTC, ETH = 1, 40  # two chunks
FIRST = 17  # the first trader
PRICES_E8 = {BTC: 60_000 * 10**8, ETH: 2_500 * 10**8}
EPOCH_MS = 60_000

RATES = Rates(
    im_e6=100_000,
    mm_e6=50_000,
    haircut_e6=100_000,
    h_min_e6=200,
    h0_e6=300,
    band_e6=20_000,
    move_e6=20_000,
    move_per_s_e6=500,
    fee_e6=300,
    shift=32,
    tier=15,
    status=1,
    rate_max_e9=50_000_000,
    velocity_e9=400_000_000,
    rebate=0,
)
CAPS = Caps(
    slope_e20=10**8,
    residual_cap_e8=50 * 10**8,
    position_cap_e8=200 * 10**8,
    interest_share=15,
    interest_cap_e8=500 * 10**8,
)


LISTING = 10**6 << 192 | int.from_bytes(b"BTC-USD".ljust(24, b"\0"), "big")


def hash_many(messages: Sequence[bytes]) -> list[bytes]:
    """Keccak of each message by a C library: the twin's own is tested apart."""
    return [native_keccak(message).digest() for message in messages]


def sealed_digest(call: SettleCall, root: bytes, number: int, time_ms: int, domain: bytes) -> bytes:
    """What matcher and attesters sign of a call under this number and time, whatever its own."""
    contents = Contents(call.head, root, call.accepted_root, call.prices, call.records)
    (hashed,) = batch_contents([contents], hash_many)
    return batch_digest(number, time_ms, hashed, domain, hash_many)


def encode(shape: Sequence[int], arguments: Sequence[Any]) -> bytes:
    """ABI encoding by the twin's shapes: a word, or a list of tuples of words."""
    heads: list[int] = []
    tail: list[int] = []
    for width, argument in zip(shape, arguments, strict=True):
        if not width:
            heads.append(argument)
            continue
        heads.append(32 * (len(shape) + len(tail)))
        tail.append(len(argument))
        for item in argument:
            tail += [item] if width == 1 else list(item)
    return b"".join([word.to_bytes(32, "big") for word in heads + tail])


def recover(digest: bytes, r: int, vs: int) -> int | None:
    """Recovery by libsecp256k1, under the protocol's low-s rule."""
    s = vs & S_MASK
    if not r or not 0 < s <= HALF_CURVE_ORDER:
        return None
    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([vs >> 255])
    try:
        public = PublicKey.from_signature_and_message(signature, digest, hasher=None)
    except ValueError:
        return None
    return address_of(public)


def address_of(public: PublicKey) -> int:
    return int.from_bytes(native_keccak(public.format(compressed=False)[1:]).digest()[12:], "big")


class Key:
    """A private key by number, its address and its signatures."""

    def __init__(self, number: int) -> None:
        self.number = number
        self._key = PrivateKey(number.to_bytes(32, "big"))
        self.address = address_of(self._key.public_key)

    def sign(self, digest: bytes) -> tuple[int, int]:
        signature = self._key.sign_recoverable(digest, hasher=None)
        s = int.from_bytes(signature[32:64], "big")
        return int.from_bytes(signature[:32], "big"), s | signature[64] << 255


MATCHER = Key(1_001)
SIGNERS = sorted((Key(2_001 + number) for number in range(3)), key=lambda key: key.address)


class Venue:
    """A protocol with two live markets, a struck pool and funded traders."""

    def __init__(self, *, capital_e6: int = 10_000_000 * 10**6, traders: int = 4) -> None:
        self.protocol = Protocol(
            chain_id=CHAIN_ID,
            clearing=CLEARING,
            oracle=ORACLE,
            recovery=RECOVERY,
            pool=POOL,
            governance=GOVERNANCE,
            oracle_signers=[signer.address for signer in SIGNERS],
            oracle_threshold=2,
            matcher=MATCHER.address,
            epoch_ms=EPOCH_MS,
            deployed_s=DEPLOYED_S,
            recover=recover,
            hash_many=hash_many,
        )
        self.now_s = DEPLOYED_S
        self.prices_e8 = dict(PRICES_E8)
        self.seq = 0
        self.keys: dict[int, Key] = {}
        for market in (BTC, ETH):
            self.set_market(market)
        for number in range(traders):
            self.open(Key(10_001 + number))
        self.deposit(1, 1_000_000 * 10**6)
        if capital_e6:
            self.provide(PROVIDER, capital_e6)
        self.now_s += EPOCH_MS // 1000 + 10
        self.settle([])

    # -- doors --------------------------------------------------------------

    def open(self, key: Key, amount_e6: int = 100_000 * 10**6) -> int:
        account = self.protocol.open_account(
            key.address, amount_e6, sender=key.address, now_s=self.now_s
        )
        self.keys[account] = key
        return account

    def deposit(self, account: int, amount_e6: int) -> None:
        self.protocol.deposit(account, amount_e6, sender=9, now_s=self.now_s)

    def provide(self, provider: int, amount_e6: int) -> None:
        """Ask for shares; the next strike prices them."""
        own = {"sender": provider, "now_s": self.now_s}
        self.protocol.request_deposit(amount_e6, provider, provider, **own)

    def set_market(self, market: int, rates: Rates = RATES, caps: Caps = CAPS) -> None:
        self.protocol.set_market(
            market, rates.word, caps.word, LISTING, sender=GOVERNANCE, now_s=self.now_s
        )

    def listing(self) -> dict[int, int]:
        """Clearing prices equal to the oracle's."""
        return dict(self.prices_e8)

    @property
    def now_ms(self) -> int:
        return self.now_s * 1000

    @property
    def events(self) -> list[Event]:
        return self.protocol.state.events

    # -- orders ---------------------------------------------------------------

    def order(
        self,
        account: int,
        *,
        buy: bool = True,
        market: int = BTC,
        size_e8: int = 10**8,
        fill_e8: int | None = None,
        limit_e8: int | None = None,
        place: int | None = None,
        slot: int = 0,
        seq: int | None = None,
        epoch: int = 0,
        max_fee_e6: int = 1_000,
        expiry_ms: int | None = None,
        good_after_ms: int = 0,
        time_in_force: int = 0,
        post_only: bool = False,
        reduce_only: bool = False,
        trigger_kind: int = 0,
        trigger_e8: int = 0,
        key: Key | None = None,
        delegated: bool = False,
        extra_flags: int = 0,
    ) -> tuple[int, int, int, int]:
        """A signed record; a price that always crosses and a fill of the whole size unless told
        otherwise.
        """
        if seq is None:
            self.seq += 1
            seq = self.seq
        if limit_e8 is None:
            limit_e8 = self.prices_e8[market] * (102 if buy else 98) // 100
        if expiry_ms is None:
            expiry_ms = self.now_ms + 3_600_000
        if place is None:
            place = 0 if market == BTC else 1
        record = Record(
            account=account,
            slot=slot,
            market=market,
            place=place,
            flags=order_flags(
                buy=buy,
                time_in_force=time_in_force,
                post_only=post_only,
                reduce_only=reduce_only,
                trigger_kind=trigger_kind,
                delegated=delegated,
                extra=extra_flags,
            ),
            epoch=epoch,
            seq=seq,
            max_fee_e6=max_fee_e6,
            expiry_ms=expiry_ms,
            size_e8=size_e8,
            limit_e8=limit_e8,
            fill_e8=size_e8 if fill_e8 is None else fill_e8,
            trigger_e8=trigger_e8,
            good_after_ms=good_after_ms,
            reserved=False,
            r=0,
            vs=0,
        )
        (digest,) = order_hashes([record], self.protocol.crypto.domain, hash_many)
        signer = key or self.keys.get(account) or Key(77)
        return (*record_words(record), *signer.sign(digest))

    def hash_of(self, record: tuple[int, int, int, int]) -> int:
        """An order's hash, as a number."""
        read = [Record.of(*record)]
        (digest,) = order_hashes(read, self.protocol.crypto.domain, hash_many)
        return int.from_bytes(digest, "big")

    # -- batches --------------------------------------------------------------

    def vector(self, time_ms: int) -> tuple[int, list[int], list[tuple[int, int]]]:
        """Head, openings and two signatures of a vector of all prices, every chunk opened."""
        chunks = max(self.prices_e8) // 32 + 1
        openings = [0] * (8 * chunks)
        for market, price in self.prices_e8.items():
            openings[market // 4] |= price << 64 * (3 - market % 4)
        opened = (1 << chunks) - 1
        root = open_vector(time_ms, chunks, opened, openings, hash_many).root
        digest = vector_digest(time_ms, chunks, root, self.protocol.oracle.domain, hash_many)
        head = SettleHead(0, time_ms, chunks, opened, 0).word
        return head, openings, [signer.sign(digest) for signer in SIGNERS[:2]]

    def batch(
        self,
        records: Sequence[tuple[int, int, int, int]],
        prices_e8: Mapping[int, int] | None = None,
        *,
        time_ms: int | None = None,
        gross_e8: int | None = None,
        matcher: Key = MATCHER,
        number: int | None = None,
        attesters: Sequence[Key] = (),
    ) -> SettleCall:
        """A sealed batch at the venue's time, at the oracle's prices unless `prices_e8` says
        otherwise.
        """
        time_ms = self.now_ms if time_ms is None else time_ms
        if number is None:
            number = (self.protocol.state.scalar("head") >> 192) + 1
        vector_head, openings, signatures = self.vector(time_ms)
        head = vector_head | number << 64
        records = sorted(records)
        bought: dict[int, int] = {}
        for order, terms, _, _ in records:
            if order >> 184 & 1:
                market = order >> 200 & 0xFFFF
                bought[market] = bought.get(market, 0) + (terms >> 128 & 2**64 - 1)
        words = [
            PriceWord(
                market, price, bought.get(market, 0) if gross_e8 is None else gross_e8, 0
            ).word
            for market, price in sorted((prices_e8 or self.listing()).items())
        ]
        call = SettleCall(head, openings, signatures, words, records, bytes(32), [])
        return self.seal(call, matcher, attesters)

    def seal(
        self, call: SettleCall, matcher: Key = MATCHER, attesters: Sequence[Key] = ()
    ) -> SettleCall:
        """The call with the matcher's and attesters' signatures over its contents."""
        _, time_ms, chunks, opened, _ = head = SettleHead.of(call.head)
        root = open_vector(time_ms, chunks, opened, call.openings, hash_many).root
        digest = sealed_digest(call, root, head.number, time_ms, self.protocol.crypto.domain)
        return call._replace(seals=[key.sign(digest) for key in (matcher, *attesters)])

    def submit(self, call: SettleCall) -> list[Reason]:
        return self.protocol.settle(call, sender=1, now_s=self.now_s)

    def settle(
        self,
        records: Sequence[tuple[int, int, int, int]],
        prices_e8: Mapping[int, int] | None = None,
        *,
        after_s: int = 1,
    ) -> list[Reason]:
        """Advance the clock, seal the records into a batch, settle it."""
        self.now_s += after_s
        return self.submit(self.batch(records, prices_e8))

    def cross(self, buyer: int, seller: int, size_e8: int = 10**8, market: int = BTC) -> None:
        """A trade between two accounts that leaves nothing to the pool."""
        orders = [
            self.order(buyer, buy=True, market=market, size_e8=size_e8),
            self.order(seller, buy=False, market=market, size_e8=size_e8),
        ]
        assert self.settle(orders) == [Reason.NONE, Reason.NONE]
