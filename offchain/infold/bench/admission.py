# SPDX-License-Identifier: Apache-2.0
"""How much of bare signature recovery's speed remains once an order is accepted and on disk.

The floor is coincurve's `PublicKey.from_signature_and_message` over digests that lie ready, the
fastest call a Python program would ordinarily make. The path is `Node.admit`, nothing left out:
bodies decoded, hashed and recovered by the group, every rule checked by the engine with the margin
the account's positions and open orders need, the decision in the venue's journal with one sync a
group, and then folded into the state. Accounts hold positions and their orders pile up unmatched.
Receipts are signed after that and reported as their own stage. The chain stands still.

Both run in this process in turns, group by group, timed in processor seconds of this process, so a
busy machine slows both alike; the ratio is the median of the groups' ratios. The stages are timed
the same way on a second state and journal that are given the same groups; `ratio_without_engine`
takes the engine's two stages from the path, and shows how much of the gap is theirs.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, cast

import msgspec
from coincurve import PublicKey

from infold import signing
from infold.core.digests import order_digests
from infold.core.engine import decide, evolve
from infold.core.events import (
    AccountOpened,
    AnyCommand,
    ChainFact,
    CloseBatch,
    CollateralMoved,
    ConfirmBatch,
    Deployed,
    MarketSet,
    ObserveChain,
    SubmitOrders,
    encode_entry,
    to_word,
)
from infold.core.reading import Context, read_orders
from infold.core.signatures import recover_signers
from infold.core.state import State
from infold.errors import InvariantBroken
from infold.messages import Order, SignedOrder, TimeInForce, TriggerKind, order_request
from infold.node import Node
from infold.shell.chain import AddressBook, Venue
from infold.shell.journal import Journal
from infold.shell.origin import identity_of
from infold.shell.poster import Poster
from infold.signing import Domain
from infold.units import FIRST_TRADER, PRICE_ONE_E8, QUOTE_DIVISOR
from infold.words import (
    INTEREST_SHARE_OPEN,
    AccountWord,
    CapsWord,
    ClockWord,
    HeadWord,
    ListingWord,
    RatesWord,
    pack_account,
    pack_caps,
    pack_clock,
    pack_head,
    pack_listing,
    pack_rates,
)

GROUP: Final = 500
DIGESTS: Final = 10_000
RATIO_MIN: Final = 0.75
ACCOUNTS: Final = 200
POSITIONS: Final = 2
"""Markets in which each account holds a position before the measurement."""
MARKETS: Final = tuple(
    f"{coin}-USD" for coin in ("BTC", "ETH", "SOL", "XRP", "ADA", "DOT", "LTC", "UNI")
)
PRICES_E8: Final = {
    market: price * PRICE_ONE_E8 // 100
    for market, price in enumerate((6_000_000, 300_000, 15_000, 250, 70, 600, 9_000, 800), start=1)
}
TICK_E8: Final = 10**4
NOW_MS: Final = 1_800_000_000_000
COLLATERAL_E6: Final = 10_000_000 * 10**6
RATES: Final = RatesWord(
    im_e6=50_000,
    mm_e6=25_000,
    haircut_e6=100_000,
    h_min_e6=100,
    h0_e6=1_000,
    band_e6=50_000,
    move_e6=100_000,
    move_per_s_e6=1_000,
    fee_e6=200,
    shift=24,
    tier=8,
    status=1,
    rate_max_e9=100_000_000,
    velocity_e9=50_000_000,
)
CLEARING: Final = bytes.fromhex("c1ea" * 10)
CHAIN_ID: Final = 31_337


class Opening:
    """The day before: markets listed, accounts funded, positions taken, prices known.

    Its commands pass the engine like any others; `entries` are what the journal holds of them.
    """

    def __init__(self, owners: Sequence[bytes]) -> None:
        self.state = State()
        self.entries: list[bytes] = []
        self._owners = owners
        facts: list[ChainFact] = [
            Deployed(
                pool=to_word(pack_account(AccountWord(owner=1))),
                backstop=to_word(pack_account(AccountWord(owner=2))),
                head=to_word(pack_head(HeadWord(epoch_end_ms=NOW_MS + 86_400_000))),
                epoch_ms=86_400_000,
            )
        ]
        facts += [self._market(market, price_e8) for market, price_e8 in PRICES_E8.items()]
        for account, owner in enumerate(owners, start=FIRST_TRADER):
            facts += self._account(account, int.from_bytes(owner, "big"))
        self._do(ObserveChain(facts=facts, block=1, block_ms=NOW_MS - 10_000))
        for turn in range(POSITIONS):
            self._trade(turn)

    def _do(self, command: AnyCommand) -> None:
        decided = decide(self.state, command)
        self.entries.append(encode_entry(command, decided))
        for event in decided:
            evolve(self.state, event)

    @staticmethod
    def _market(market: int, price_e8: int) -> MarketSet:
        caps = CapsWord(
            slope_e20=10**6,
            residual_cap_e8=10**8 * PRICE_ONE_E8**2 // price_e8,
            position_cap_e8=10**8 * PRICE_ONE_E8**2 // price_e8,
            interest_share=INTEREST_SHARE_OPEN,
            interest_cap_e8=10**9 * PRICE_ONE_E8**2 // price_e8,
        )
        return MarketSet(
            market=market,
            clock=to_word(pack_clock(ClockWord(version=1))),
            rates=to_word(pack_rates(RATES)),
            caps=to_word(pack_caps(caps)),
            listing=to_word(pack_listing(ListingWord(TICK_E8, MARKETS[market - 1]))),
        )

    @staticmethod
    def _account(account: int, owner: int) -> Iterator[ChainFact]:
        yield AccountOpened(account=account, owner=to_word(owner))
        word = AccountWord(owner=owner, collateral_e6=COLLATERAL_E6)
        yield CollateralMoved(
            account=account, amount_e6=COLLATERAL_E6, word=to_word(pack_account(word))
        )

    def _trade(self, turn: int) -> None:
        """Everybody trades once, half against half, in a market of their own turn."""
        time_ms = NOW_MS - 10_000 + 1_000 * turn
        orders = []
        for place, owner in enumerate(self._owners):
            market = (place // 2 + turn) % len(MARKETS) + 1
            order = Order(
                account=place + FIRST_TRADER,
                market=market,
                buy=place % 2 == 0,
                size_e8=10**4 * PRICE_ONE_E8**2 // PRICES_E8[market],
                limit_price_e8=PRICES_E8[market],
                max_fee_e6=500,
                time_in_force=TimeInForce.IOC,
                post_only=False,
                reduce_only=False,
                trigger_kind=TriggerKind.NONE,
                trigger_price_e8=0,
                good_after_ms=0,
                expiry_ms=NOW_MS,
                epoch=0,
                slot=255,
                seq=turn + 1,
            )
            digest = signing.order_hash(order, Domain(CHAIN_ID, CLEARING))
            orders.append(SignedOrder(order, bytes(64), False, digest, owner))
        number = self.state.head.number + 1
        self._do(SubmitOrders(orders=orders, received_ms=time_ms - 500))
        self._do(
            CloseBatch(
                time_ms=time_ms, prices_e8=dict(PRICES_E8), chunks=1, root=bytes(32), curves={}
            )
        )
        self._do(ConfirmBatch(number=number, skips=[], block=1, tx_hash=bytes(32)))


def a_node(opening: Opening, path: Path, matcher_key: bytes) -> Node:
    """The venue's node on a journal that holds the opening, with a chain on which nothing moves."""
    book = AddressBook(CHAIN_ID, 1, {"Clearing": CLEARING})
    with Journal(path, identity_of(book)) as journal:
        journal.append(opening.entries)
    head = SimpleNamespace(number=opening.state.block)
    return Node(
        venue=cast(Venue, SimpleNamespace(book=book)),
        journal_path=path,
        matcher_key=matcher_key,
        poster=cast(Poster, SimpleNamespace(final_block=lambda: head)),
        oracle=cast(Any, None),
        dealer=cast(Any, SimpleNamespace(signals=None, guard=None)),
        now_ms=lambda: NOW_MS,
    )


def run(seed: int, orders: int, digests: int = DIGESTS) -> dict[str, Any]:
    """Measure; `orders` is rounded up to whole groups of 500, at least three of them.

    `ok` asks for a ratio of at least 0.75 and for equal digests. Raises `InvariantBroken` if an
    order was refused: then something else was measured.
    """
    began = time.perf_counter()
    source = random.Random(seed)
    groups = max(3, -(-orders // GROUP))
    domain = Domain(CHAIN_ID, CLEARING)
    keys = [source.randbytes(32) for _ in range(ACCOUNTS)]
    owners = [signing.address_of(key) for key in keys]
    signed = list(_signed_orders(source, keys, groups * GROUP, domain))
    bodies = [
        msgspec.json.encode(order_request(one.order, MARKETS[one.order.market - 1], one.r, one.vs))
        for one in signed
    ]
    pairs = [(_recoverable(one), one.order_hash) for one in signed]
    floor_us: list[float] = []
    path_us: list[float] = []
    receipts_us: list[float] = []
    with tempfile.TemporaryDirectory(prefix="infold-bench-") as directory:
        node = a_node(Opening(owners), Path(directory) / "node", source.randbytes(32))
        try:
            stages = Stages(Opening(owners).state, node.context(), Path(directory) / "stages")
            for start in range(0, len(bodies), GROUP):
                group = bodies[start : start + GROUP]
                with _clock(floor_us):
                    for compact, digest in pairs[start : start + GROUP]:
                        PublicKey.from_signature_and_message(compact, digest, hasher=None)
                with _clock(path_us):
                    admitted = node.admit(group, NOW_MS)
                if admitted.outcomes != [one.order_hash for one in signed[start : start + GROUP]]:
                    raise InvariantBroken(f"admission lost an order of group {start // GROUP}")
                with _clock(receipts_us):
                    node.receipts(admitted)
                stages.take(group)
            stages.close()
        finally:
            node.close()
    ratio = statistics.median(floor / path for floor, path in zip(floor_us, path_us, strict=True))
    equal = digests_equal(seed, digests)
    medians = {name: round(statistics.median(us), 2) for name, us in stages.taken_us.items()}
    return {
        "seed": seed,
        "orders": len(bodies),
        "floor_per_s": round(1e6 / statistics.median(floor_us), 1),
        "path_per_s": round(1e6 / statistics.median(path_us), 1),
        "ratio": round(ratio, 4),
        "ratio_min": RATIO_MIN,
        "ratio_without_engine": round(_ratio_without_engine(floor_us, path_us, stages), 4),
        "stages_us": medians | {"receipts": round(statistics.median(receipts_us), 2)},
        "digests_equal": equal,
        "digests": digests,
        "seconds": round(time.perf_counter() - began, 3),
        "ok": equal and ratio >= RATIO_MIN,
    }


def _ratio_without_engine(
    floor_us: Sequence[float], path_us: Sequence[float], stages: Stages
) -> float:
    """What the ratio would be if deciding and folding cost nothing."""
    engine_us = map(sum, zip(stages.taken_us["checks"], stages.taken_us["fold"], strict=True))
    return statistics.median(
        floor / (path - engine)
        for floor, path, engine in zip(floor_us, path_us, engine_us, strict=True)
    )


class Stages:
    """The same path taken apart, each stage timed by the group."""

    def __init__(self, state: State, context: Context, path: Path) -> None:
        self.taken_us: dict[str, list[float]] = {
            name: [] for name in ("decode", "digest", "recover", "checks", "journal", "fold")
        }
        self._state = state
        self._context = context
        self._journal = Journal(path, b"stages")

    def take(self, bodies: Sequence[bytes]) -> None:
        """Admit one group, stage by stage."""
        taken_us, state = self.taken_us, self._state
        with _clock(taken_us["decode"]):
            read = read_orders(bodies, self._context)
        with _clock(taken_us["digest"]):
            hashes = order_digests(read.orders, self._context.domain)
        with _clock(taken_us["recover"]):
            signers = recover_signers(hashes, read.pairs)
        orders = [
            SignedOrder(order, pair, delegated, digest, signer or b"")
            for order, pair, delegated, digest, signer in zip(
                read.orders, read.pairs, read.delegations, hashes, signers, strict=True
            )
        ]
        command = SubmitOrders(orders=orders, received_ms=NOW_MS)
        with _clock(taken_us["checks"]):
            decided = decide(state, command)
        with _clock(taken_us["journal"]):
            self._journal.append([encode_entry(command, decided)])
        with _clock(taken_us["fold"]):
            for event in decided:
                evolve(state, event)

    def close(self) -> None:
        """Close the journal."""
        self._journal.close()


def digests_equal(seed: int, count: int) -> bool:
    """Whether `count` random orders hash as eth-account's generic encoder hashes them."""
    from eth_account.messages import encode_typed_data

    source = random.Random(f"digests {seed}")
    domain = Domain(source.randrange(1, 2**53), source.randbytes(20))
    orders = [random_order(source) for _ in range(count)]
    for order, digest in zip(orders, order_digests(orders, domain), strict=True):
        document = signing.typed_data("Order", signing.order_message(order), domain)
        message = encode_typed_data(full_message=document)
        generic = signing.keccak(b"\x19" + message.version + message.header + message.body)
        if not generic == digest == signing.order_hash(order, domain):
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
    """Ordinary orders of a day within a hundredth of the oracle, each in a slot of its own."""
    for number in range(count):
        account = number % len(keys)
        slot = number // len(keys)
        market = source.randrange(1, len(MARKETS) + 1)
        price_e8 = PRICES_E8[market]
        limit_price_e8 = int(price_e8 * source.uniform(0.99, 1.01))
        order = Order(
            account=account + FIRST_TRADER,
            market=market,
            buy=source.random() < 0.5,
            size_e8=source.randrange(10**7, 10**10) * QUOTE_DIVISOR // price_e8,
            limit_price_e8=limit_price_e8 // TICK_E8 * TICK_E8,
            max_fee_e6=500,
            time_in_force=source.choice(tuple(TimeInForce)),
            post_only=False,
            reduce_only=False,
            trigger_kind=TriggerKind.NONE,
            trigger_price_e8=0,
            good_after_ms=0,
            expiry_ms=NOW_MS + source.randrange(1_000, 86_400_000),
            epoch=0,
            slot=slot % 255,
            seq=slot // 255 + 1,
        )
        order_hash = signing.order_hash(order, domain)
        r, vs = signing.sign(order_hash, keys[account])
        yield SignedOrder(order, signing.signature_bytes(r, vs), False, order_hash, b"")


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
