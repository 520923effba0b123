# SPDX-License-Identifier: Apache-2.0
"""How much of bare signature recovery's speed remains once an order is admitted and on disk.

The floor is coincurve's `PublicKey.from_signature_and_message` over digests that lie ready, the
fastest call a Python program would ordinarily make. The path is admission as the node calls it:
bodies decoded, hashed and recovered by the group, every rule of `check` against a state that each
accepted order changes, one durable commit a group in the venue's own journal. That state is `Book`
below: slots, markets and margin reserved at the limit. What the engine adds when it decides and
folds, which is matching's business and grows with the positions held, is not part of the figure.

Both run in this process in turns, group by group, timed in processor seconds of this process, so a
busy machine slows both alike; the ratio is the median of the groups' ratios.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec
from coincurve import PublicKey

from infold import signing
from infold.core.admission import (
    Context,
    MarketTerms,
    SlotView,
    check,
    decode_order,
    decode_orders,
    read_order,
)
from infold.errors import Rejected
from infold.messages import Order, SignedOrder, TimeInForce, TriggerKind, order_request
from infold.signing import Domain
from infold.units import FIRST_TRADER, mul_div_up
from infold.words import DelegateWord, FillWord

GROUP: Final = 500
DIGESTS: Final = 10_000
RATIO_MIN: Final = 0.75
ACCOUNTS: Final = 200
MARKETS: Final = tuple(
    f"{coin}-USD" for coin in ("BTC", "ETH", "SOL", "XRP", "ADA", "DOT", "LTC", "UNI")
)
NOW_MS: Final = 1_800_000_000_000


class Journal(Protocol):
    """What the path commits to: returns once the group is on disk."""

    def append(self, entries: Sequence[bytes]) -> object: ...


class Book:
    """Accounts, slots and reserved margin, changed by every accepted order as an engine's state is.

    Margin is reserved per order at the limit price, without netting, which is the simplest sound
    estimate.
    """

    def __init__(self, owners: Sequence[bytes], terms: MarketTerms, margin_e6: int) -> None:
        self._owners = dict(enumerate(owners, start=FIRST_TRADER))
        self._terms = terms
        self._margin_e6 = margin_e6
        self._slots: dict[int, SlotView] = {}
        self._free_e6 = dict.fromkeys(self._owners, 10**15)
        self._held: dict[int, set[int]] = {account: set() for account in self._owners}
        self._no_fill = FillWord()
        self._no_slot = SlotView()

    def owner(self, account: int) -> bytes | None:
        return self._owners.get(account)

    def epoch(self, account: int) -> int:
        return 0

    def delegate(self, account: int, key: bytes) -> DelegateWord | None:
        return None

    def slot(self, account: int, slot: int) -> SlotView:
        return self._slots.get(account << 8 | slot, self._no_slot)

    def fill_word(self, account: int, slot: int) -> FillWord:
        return self._no_fill

    def market_terms(self, market: int) -> MarketTerms | None:
        return self._terms if 1 <= market <= len(MARKETS) else None

    def base_e8(self, account: int, market: int) -> int:
        return 0

    def markets_held(self, account: int) -> Collection[int]:
        return self._held[account]

    def margin_shortfall_e6(self, order: Order) -> int:
        return self._need_e6(order) - self._free_e6[order.account]

    def accept(self, signed: SignedOrder) -> None:
        """Open the order in its slot and reserve its margin."""
        order = signed.order
        self._slots[order.account << 8 | order.slot] = SlotView(order.seq, signed.order_hash, True)
        self._held[order.account].add(order.market)
        self._free_e6[order.account] -= self._need_e6(order)

    def _need_e6(self, order: Order) -> int:
        return mul_div_up(order.limit_price_e8 * order.size_e8, self._margin_e6, 10**16)


def run(
    seed: int,
    orders: int,
    open_journal: Callable[[Path], Journal],
    digests: int = DIGESTS,
) -> dict[str, Any]:
    """Measure; `orders` is rounded up to whole groups of 500, at least three of them.

    `open_journal` opens the venue's own journal in a fresh directory. `ok` asks for a ratio of at
    least 0.75 and for equal digests.
    """
    began = time.perf_counter()
    source = random.Random(seed)
    groups = max(3, -(-orders // GROUP))
    domain = Domain(31_337, source.randbytes(20))
    context = Context(domain, {name: market for market, name in enumerate(MARKETS, start=1)})
    keys = [source.randbytes(32) for _ in range(ACCOUNTS)]
    owners = [signing.address_of(key) for key in keys]
    signed = list(_signed_orders(source, keys, groups * GROUP, domain))
    bodies = [
        msgspec.json.encode(order_request(one.order, MARKETS[one.order.market - 1], one.r, one.vs))
        for one in signed
    ]
    pairs = [(_recoverable(one), one.order_hash) for one in signed]
    book = Book(owners, MarketTerms(1, 500, 1, 0), 100_000)

    floor_us: list[float] = []
    path_us: list[float] = []
    with tempfile.TemporaryDirectory(prefix="infold-bench-") as directory:
        journal = open_journal(Path(directory) / "journal")
        stages = _stages(bodies[:GROUP], context, owners, open_journal(Path(directory) / "stages"))
        for start in range(0, len(bodies), GROUP):
            with _clock(floor_us):
                for compact, digest in pairs[start : start + GROUP]:
                    PublicKey.from_signature_and_message(compact, digest, hasher=None)
            with _clock(path_us):
                accepted = _admit(bodies[start : start + GROUP], context, book, journal)
            if [one.order_hash for one in accepted] != [
                one.order_hash for one in signed[start : start + GROUP]
            ]:
                raise AssertionError(f"the path changed an order of group {start // GROUP}")
    floor_per_s = 1e6 / statistics.median(floor_us)
    path_per_s = 1e6 / statistics.median(path_us)
    ratio = statistics.median(floor / path for floor, path in zip(floor_us, path_us, strict=True))
    equal = digests_equal(seed, digests)
    return {
        "seed": seed,
        "orders": len(bodies),
        "floor_per_s": round(floor_per_s, 1),
        "path_per_s": round(path_per_s, 1),
        "ratio": round(ratio, 4),
        "stages_us": stages,
        "digests_equal": equal,
        "digests": digests,
        "seconds": round(time.perf_counter() - began, 3),
        "ok": equal and ratio >= RATIO_MIN,
    }


def _admit(
    bodies: Sequence[bytes], context: Context, book: Book, journal: Journal
) -> list[SignedOrder]:
    """One group, from bytes to disk."""
    accepted = []
    limits = context.limits
    for signed in decode_orders(bodies, context):
        if isinstance(signed, Rejected):
            raise signed
        check(signed, book, NOW_MS, limits)
        book.accept(signed)
        accepted.append(signed)
    journal.append([msgspec.json.encode(accepted)])
    return accepted


def _stages(
    bodies: Sequence[bytes], context: Context, owners: Sequence[bytes], journal: Journal
) -> dict[str, float]:
    """Median microseconds an order, stage by stage, over five repetitions of one group."""
    taken: dict[str, list[float]] = {
        name: [] for name in ("decode", "digest", "recover", "checks", "journal")
    }
    for _ in range(5):
        book = Book(owners, MarketTerms(1, 500, 1, 0), 100_000)
        with _clock(taken["decode"]):
            read = [read_order(body, context) for body in bodies]
        with _clock(taken["digest"]):
            hashes = [signing.order_hash(order, context.domain) for _, order in read]
        whole = [decode_order(body, context) for body in bodies]
        pairs = [one.signature for one in whole]
        with _clock(taken["recover"]):
            signers = signing.recover_group(hashes, pairs)
        if signers != [one.signer for one in whole]:
            raise AssertionError("a stage recovered another signer than the path")
        with _clock(taken["checks"]):
            for one in whole:
                check(one, book, NOW_MS, context.limits)
                book.accept(one)
        with _clock(taken["journal"]):
            journal.append([msgspec.json.encode(whole)])
    return {name: round(statistics.median(values), 2) for name, values in taken.items()}


def digests_equal(seed: int, count: int) -> bool:
    """Whether `count` random orders hash as eth-account's generic encoder hashes them."""
    from eth_account.messages import encode_typed_data

    source = random.Random(f"digests {seed}")
    domain = Domain(source.randrange(1, 2**53), source.randbytes(20))
    for _ in range(count):
        order = random_order(source)
        document = signing.typed_data("Order", signing.order_message(order), domain)
        message = encode_typed_data(full_message=document)
        generic = signing.keccak(b"\x19" + message.version + message.header + message.body)
        if generic != signing.order_hash(order, domain):
            return False
    return True


def random_order(source: random.Random) -> Order:
    """Any order its struct can hold, extremes included."""

    def unsigned(bits: int) -> int:
        return source.choice(
            (0, 1, (1 << bits) - 1, source.getrandbits(bits), source.getrandbits(bits))
        )

    return Order(
        account=unsigned(32),
        market=unsigned(16),
        buy=source.random() < 0.5,
        size_e8=unsigned(64),
        limit_price_e8=unsigned(64),
        max_fee_e6=unsigned(16),
        time_in_force=source.choice(tuple(TimeInForce)),
        post_only=source.random() < 0.5,
        reduce_only=source.random() < 0.5,
        trigger_kind=source.choice(tuple(TriggerKind)),
        trigger_price_e8=unsigned(64),
        good_after_ms=unsigned(48),
        expiry_ms=unsigned(48),
        epoch=unsigned(16),
        slot=unsigned(8),
        seq=unsigned(32),
    )


def _signed_orders(
    source: random.Random, keys: Sequence[bytes], count: int, domain: Domain
) -> Iterator[SignedOrder]:
    """Ordinary orders of a day, each in a slot of its own."""
    for number in range(count):
        account = number % len(keys)
        slot = number // len(keys)
        order = Order(
            account=account + FIRST_TRADER,
            market=source.randrange(1, len(MARKETS) + 1),
            buy=source.random() < 0.5,
            size_e8=source.randrange(1, 10**9),
            limit_price_e8=source.randrange(10**8, 10**13),
            max_fee_e6=500,
            time_in_force=source.choice(tuple(TimeInForce)),
            post_only=False,
            reduce_only=False,
            trigger_kind=TriggerKind.NONE,
            trigger_price_e8=0,
            good_after_ms=0,
            expiry_ms=NOW_MS + source.randrange(1_000, 86_400_000),
            epoch=0,
            slot=slot % 256,
            seq=slot // 256 + 1,
        )
        order_hash = signing.order_hash(order, domain)
        r, vs = signing.sign(order_hash, keys[account])
        yield SignedOrder(
            order=order,
            signature=signing.signature_bytes(r, vs),
            delegated=False,
            order_hash=order_hash,
            signer=b"",
        )


def _recoverable(signed: SignedOrder) -> bytes:
    """The 65 bytes coincurve's own call takes: r, s, parity."""
    s = signed.vs & signing.S_MASK
    return (signed.r << 264 | s << 8 | signed.vs >> 255).to_bytes(65, "big")


@contextmanager
def _clock(into: list[float]) -> Iterator[None]:
    """Add the processor microseconds an order of the enclosed group took."""
    began = time.process_time()
    yield
    into.append((time.process_time() - began) * 1e6 / GROUP)
