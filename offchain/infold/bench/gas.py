# SPDX-License-Identifier: Apache-2.0
"""`infold bench gas`: what `settle` costs, by receipts from a node that keeps mainnet's cap on a
transaction.

Every case is a real batch on an own anvil: three oracle signers of three, the matcher's seal,
owners' signatures, margin, funding that is not zero, logs. The set-up batches before it leave the
accounts as its name says. Figures are per order and hold everything, the transaction's own 21,000
and its calldata too. They follow from the seed alone.
"""

from __future__ import annotations

import importlib.metadata
import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from infold.core.settlement import RECORDS_MAX
from infold.errors import InvariantBroken, Misconfigured
from infold.messages import Batch, BatchRecord, Order, PriceVector, TimeInForce, TriggerKind
from infold.shell.chain import (
    TRANSACTION_GAS_MAX,
    Reverted,
    receipts,
    settle_calldata,
    why_it_failed,
)
from infold.shell.deploy import MarketPlan, find_contracts
from infold.shell.devnet import Devnet, Wallet
from infold.shell.devnet_config import DevnetConfig
from infold.signing import (
    Domain,
    batch_contents,
    batch_digest,
    checksum_address,
    keccak,
    order_hash,
    sign,
    vector_digest,
    vector_openings,
    vector_root,
)
from infold.units import DAY_MS, GUARD_MS
from infold.words import (
    PriceWord,
    SettleHead,
    pack_delegate_markets,
    pack_price,
    pack_record,
    pack_settle_head,
    unpack_clock,
    unpack_head,
)

CODE_BYTES_MAX: Final = 24_576
"""EIP-170."""
MARKETS: Final = (1, 2, 3, 4)
START_MS: Final = 1_750_000_000_000
STEP_MS: Final = 2_000
WORSE: Final = 1.02
"""A case without a budget of its own may cost this much more than what is committed."""
SKIPPED: Final = 10
ROOM: Final = 20

BUDGET_FILE: Final = Path("tests") / "bench" / "gas.json"


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured batch."""

    orders: int
    gas: int

    @property
    def per_order(self) -> int:
        """Gas an order, everything counted, rounded up."""
        return -(-self.gas // self.orders)


@dataclass(frozen=True, slots=True)
class Plan:
    """An order of a batch to be: who signs it, and the place of its account's position."""

    order: Order
    key: bytes
    place: int
    delegated: bool


class Ground:
    """A devnet and the batches settled on it, one each `STEP_MS`."""

    def __init__(self, devnet: Devnet, seed: int) -> None:
        self.devnet = devnet
        self.draw = random.Random(seed)
        self.clearing = devnet.venue["Clearing"]
        self.domain = Domain(devnet.config.chain_id, self.clearing.address)
        self.oracle_domain = Domain(devnet.config.chain_id, devnet.book.address("Oracle"))
        self.prices_e8 = dict(devnet.config.prices_e8)
        self.time_ms = devnet.config.start_ms
        self.seq = 0
        self.signers = sorted(devnet.oracle_wallets)

    # -- orders ------------------------------------------------------------------------------------

    def order(
        self,
        trader: int,
        market: int,
        buy: bool,
        *,
        slot: int = 0,
        place: int = 0,
        dollars: int | None = None,
        signer: Wallet | None = None,
    ) -> Plan:
        """A limit order of a trader, by number, filled whole; buyers take a little more than
        sellers, so that the pool always trades.
        """
        self.seq += 1
        price_e8 = self.prices_e8[market]
        worth = self.draw.randrange(200, 900) if dollars is None else dollars
        size_e8 = worth * 10**16 // price_e8 * (11 if buy else 10) // 10 + self.draw.randrange(999)
        limit_e8 = price_e8 * (11 if buy else 9) // 10 // 10**4 * 10**4
        account, owner = self.devnet.accounts[trader]
        order = Order(
            account=account,
            market=market,
            buy=buy,
            size_e8=size_e8,
            limit_price_e8=limit_e8,
            max_fee_e6=500,
            time_in_force=TimeInForce.GTC,
            post_only=False,
            reduce_only=False,
            trigger_kind=TriggerKind.NONE,
            trigger_price_e8=0,
            good_after_ms=self.time_ms,
            expiry_ms=self.time_ms + DAY_MS,
            epoch=0,
            slot=slot,
            seq=self.seq,
        )
        return Plan(order, (signer or owner).private_key, place, signer is not None)

    def one_each(self, traders: Sequence[int], **changes: Any) -> list[Plan]:
        """An order of every trader, in the trader's own market and on the trader's own side."""
        return [
            self.order(trader, MARKETS[trader % 4], trader // 4 % 2 == 0, **changes)
            for trader in traders
        ]

    # -- batches -----------------------------------------------------------------------------------

    def settle(self, plans: Sequence[Plan], *, after_ms: int = STEP_MS, skips: int = 0) -> Figure:
        """Settle a batch; its cost. Raises `Reverted` with the contract's reason, `InvariantBroken`
        if not exactly `skips` of its orders were skipped.
        """
        self.time_ms += after_ms
        for market in MARKETS:
            self.prices_e8[market] = (
                self.prices_e8[market] * self.draw.randrange(9999, 10002) // 10**4
            )
        batch = self._batch(plans)
        sender = self.devnet.sender(self.devnet.matcher)
        sent = sender.send(self.clearing.address, settle_calldata(batch), gas=TRANSACTION_GAS_MAX)
        self.devnet.mine(self.time_ms)
        receipt = receipts(self.devnet.rpc, [sent])[0]
        if not receipt.ok:
            raise Reverted(why_it_failed(self.devnet.rpc, sent), "Clearing.settle")
        logs = [self.clearing.decode_log(log) for log in receipt.logs]
        found = sum(1 for log in logs if log is not None and log.name == "Skipped")
        if found != skips:
            raise InvariantBroken(f"{found} of {len(plans)} orders were skipped, not {skips}")
        return Figure(max(1, len(plans)), receipt.gas_used)

    def _batch(self, plans: Sequence[Plan]) -> Batch:
        vector = self._vector()
        number = unpack_head(int(self.clearing.call("head"))).number + 1
        head = pack_settle_head(SettleHead(number, self.time_ms, vector.chunks, vector.opened))
        gross = dict.fromkeys(MARKETS, 0)
        net = dict.fromkeys(MARKETS, 0)
        for plan in plans:
            order = plan.order
            gross[order.market] += order.size_e8 if order.buy else 0
            net[order.market] += order.size_e8 if order.buy else -order.size_e8
        price_words = [
            pack_price(PriceWord(market, self._price(market, net[market]), gross[market]))
            for market in MARKETS
        ]
        records = [
            self._record(plan)
            for plan in sorted(plans, key=lambda plan: (plan.order.account, plan.order.slot))
        ]
        accepted_root = keccak(b"accepted orders of batch %d" % number)
        contents = batch_contents(head, vector.root, accepted_root, price_words, records)
        digest = batch_digest(number, self.time_ms, contents, self.domain)
        return Batch(
            number=number,
            time_ms=self.time_ms,
            head=head,
            vector=vector,
            price_words=price_words,
            records=records,
            accepted_root=accepted_root,
            contents=contents,
            seals=[sign(digest, self.devnet.matcher.private_key)],
        )

    def _price(self, market: int, net_e8: int) -> int:
        """6 bp on the pool's side of the oracle: past its h_min of 5, before its curve's 10."""
        lean = 6 if net_e8 > 0 else -6 if net_e8 < 0 else 0
        return self.prices_e8[market] * (10_000 + lean) // 10_000

    def _vector(self) -> PriceVector:
        root = vector_root(self.prices_e8, 1)
        digest = vector_digest(self.time_ms, 1, root, self.oracle_domain)
        return PriceVector(
            time_ms=self.time_ms,
            chunks=1,
            opened=1,
            prices=self.prices_e8,
            openings=vector_openings(self.prices_e8, 1, 1),
            signatures=[sign(digest, wallet.private_key) for wallet in self.signers],
            root=root,
        )

    def _record(self, plan: Plan) -> BatchRecord:
        signature = sign(order_hash(plan.order, self.domain), plan.key)
        return pack_record(plan.order, plan.place, plan.order.size_e8, plan.delegated, *signature)


def _roomy(market: MarketPlan) -> MarketPlan:
    """A devnet's market with twenty times its caps: what a case costs shall not move with a preset
    (at a devnet's own caps `single` costs 16,800 more, about the price of a word written anew).
    """
    caps = market.caps
    return replace(
        market,
        caps=caps._replace(
            slope_e20=max(1, caps.slope_e20 // ROOM),
            residual_cap_e8=caps.residual_cap_e8 * ROOM,
            position_cap_e8=caps.position_cap_e8 * ROOM,
        ),
    )


# -- cases -----------------------------------------------------------------------------------------


def measure(ground: Ground, say: Callable[[str], None] = lambda _line: None) -> dict[str, Figure]:
    """Every case on one ground, each left as the next one needs it. `InvariantBroken` if a market
    has no funding to pay.
    """
    hundred = range(100)
    cases: dict[str, Figure] = {}

    def done(name: str, figure: Figure) -> None:
        cases[name] = figure
        say(f"{name}: {figure.per_order:,.0f} gas an order")

    # the pool's shares are struck, then somebody leans on it in every market, so that funding runs
    ground.settle([])
    ground.settle(
        [
            ground.order(RECORDS_MAX, market, True, slot=market, place=place, dollars=200_000)
            for place, market in enumerate(MARKETS)
        ]
    )
    ground.settle([], after_ms=10 * STEP_MS)
    for market in MARKETS:
        if unpack_clock(int(ground.clearing.call("market_words", market * 8))).rate_e9 == 0:
            raise InvariantBroken(
                f"no funding runs in market {market}: the cases would be too cheap"
            )

    done("first_touch_100", ground.settle(ground.one_each(hundred)))
    done("steady_100", ground.settle(ground.one_each(hundred)))
    done("reducing_100", ground.settle(_reducing(ground, hundred)))
    done("delegated_100", _delegated(ground, hundred))
    done("skip_10", _skipping(ground, hundred))
    done("single", ground.settle(ground.one_each([0])))
    done("ten", ground.settle(ground.one_each(range(10))))

    ten_slots = [(trader, slot) for trader in range(10) for slot in range(10)]
    for name in ("", "clustered_100"):  # the first one fills the slots
        plans = [ground.one_each([trader], slot=slot)[0] for trader, slot in ten_slots]
        figure = ground.settle(plans)
        if name:
            done(name, figure)

    for part in (range(100, 178), range(178, RECORDS_MAX)):
        ground.settle(ground.one_each(part))
    done("largest", _largest(ground))

    for place in (1, 2, 3):  # three more positions each, then one order each in turn
        ground.settle(_others(ground, hundred, place))
    done("held_4", ground.settle(ground.one_each(hundred)))

    ground.devnet.add_sources(ground.prices_e8)  # and a second source in each market
    done("sourced_4", ground.settle(ground.one_each(hundred), after_ms=2 * GUARD_MS))
    return cases


def _reducing(ground: Ground, traders: Sequence[int]) -> list[Plan]:
    return [
        ground.order(trader, MARKETS[trader % 4], trader // 4 % 2 == 1, dollars=90)
        for trader in traders
    ]


def _others(ground: Ground, traders: Sequence[int], place: int) -> list[Plan]:
    return [
        ground.order(
            trader, MARKETS[(trader + place) % 4], trader // 4 % 2 == 0, slot=place, place=place
        )
        for trader in traders
    ]


def _delegated(ground: Ground, traders: Sequence[int]) -> Figure:
    """Every owner grants an own key, which signs."""
    devnet = ground.devnet
    keys = [devnet.wallet(f"delegate {trader}") for trader in traders]
    ground.time_ms += STEP_MS
    markets = pack_delegate_markets(MARKETS)
    devnet.calls(
        [
            (
                devnet.accounts[trader].wallet,
                "Delegates",
                "grant",
                (
                    devnet.accounts[trader].account,
                    key.address,
                    markets,
                    10**12,
                    ground.time_ms + DAY_MS,
                ),
            )
            for trader, key in zip(traders, keys, strict=True)
        ],
        time_ms=ground.time_ms,
    )
    return ground.settle(
        [
            plan
            for trader, key in zip(traders, keys, strict=True)
            for plan in ground.one_each([trader], signer=key)
        ]
    )


def _skipping(ground: Ground, traders: Sequence[int]) -> Figure:
    """Some owners cancel on chain after the match took their orders; the backstop fills."""
    devnet = ground.devnet
    plans = ground.one_each(traders)
    ground.time_ms += STEP_MS
    cancelled = plans[:: len(plans) // SKIPPED]
    devnet.calls(
        [
            (
                devnet.accounts[traders[plans.index(plan)]].wallet,
                "Clearing",
                "cancel",
                (plan.order.account, plan.order.slot, plan.order.seq),
            )
            for plan in cancelled
        ],
        time_ms=ground.time_ms,
    )
    return ground.settle(plans, after_ms=2 * GUARD_MS, skips=SKIPPED)


def _largest(ground: Ground) -> Figure:
    """As many orders as one transaction takes: the contract's bound, or fewer if gas ends first."""
    orders = RECORDS_MAX
    while True:
        plans = ground.one_each(range(orders))
        try:
            return ground.settle(plans)
        except Reverted:
            orders -= 8
            if orders <= 100:
                raise


# -- against the budget ----------------------------------------------------------------------------


def read_budget(path: Path | None = None) -> dict[str, Any]:
    """The committed figures. Raises `Misconfigured` if they are missing or damaged."""
    path = path or find_contracts().parent / BUDGET_FILE
    try:
        budget: dict[str, Any] = json.loads(path.read_text("utf-8"))
        for part in ("per_order_max", "measured", "bytes_max"):
            if not all(value > 0 for value in budget[part].values()):
                raise ValueError(f"{part} must be above 0")
    except FileNotFoundError as error:
        raise Misconfigured(f"no gas budget at {path}; run in a checkout") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Misconfigured(
            f"gas budget {path} is damaged ({error}); take it from git again"
        ) from error
    return budget


def judge(cases: dict[str, Figure], budget: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Each case beside its limit: a budget of its own, or 2% above what is committed.

    Raises `Misconfigured` for a case without either.
    """
    judged = {}
    for name, figure in cases.items():
        if name in budget["per_order_max"]:
            limit = int(budget["per_order_max"][name])
        elif name in budget["measured"]:
            limit = int(budget["measured"][name] * WORSE)
        else:
            raise Misconfigured(f"no figure for {name} in {BUDGET_FILE}; commit the measured one")
        judged[name] = {
            "orders": figure.orders,
            "gas": figure.gas,
            "per_order": figure.per_order,
            "limit": limit,
            "ok": figure.per_order <= limit,
        }
    return judged


def weigh(sizes: Mapping[str, int], budget: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Each contract's bytes beside its limit: its own, or what a chain stores at most."""
    limits = {name: budget["bytes_max"].get(name, CODE_BYTES_MAX) for name in sizes}
    return {
        name: {"bytes": size, "limit": limits[name], "ok": size <= limits[name]}
        for name, size in sizes.items()
    }


def sizes(devnet: Devnet) -> dict[str, int]:
    """Bytes of every deployed contract, immutables counted."""
    found = {}
    for name, address in devnet.book.addresses.items():
        code: str = devnet.rpc.call("eth_getCode", checksum_address(address), "latest")
        found[name] = len(code) // 2 - 1
    return found


def _version() -> str:
    try:
        return importlib.metadata.version("infold")
    except importlib.metadata.PackageNotFoundError:  # a checkout that was not installed
        return "0.1.0"


def run(seed: int = 1, say: Callable[[str], None] = lambda _line: None) -> dict[str, Any]:
    """Measure every case against the budget; `ok` judges them all and the contracts' sizes."""
    budget = read_budget()
    began = time.monotonic()
    config = DevnetConfig(
        start_ms=START_MS,
        seed=seed,
        accounts=RECORDS_MAX + 1,
        collateral_e6=5_000_000 * 10**6,
        signers=3,
        threshold=3,
        gas_limit=2 * TRANSACTION_GAS_MAX,
        prices_e8={1: 60_000 * 10**8, 2: 2_500 * 10**8, 3: 150 * 10**8, 4: 550 * 10**8},
        liquidity_e6=50_000_000 * 10**6,
    )
    config = replace(config, markets=tuple(map(_roomy, config.markets)))
    with Devnet(config, say) as devnet:
        cases = judge(measure(Ground(devnet, seed), say), budget)
        contracts = weigh(sizes(devnet), budget)
    return {
        "command": "bench gas",
        "version": _version(),
        "seed": seed,
        "seconds": round(time.monotonic() - began, 1),
        "ok": all(one["ok"] for one in (*cases.values(), *contracts.values())),
        "cases": cases,
        "contracts": contracts,
    }
