# SPDX-License-Identifier: Apache-2.0
"""The whole venue in one process, and builders with defaults for what goes into it.

venue = a_venue()
venue.list_market(1)
buyer = venue.open_account(a_key("buyer"))
order = venue.an_order(buyer, size_e8=10**8)
venue.settle(venue.a_batch([venue.a_fill(order)], oracle={1: PRICE_E8}))
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from infold.messages import Batch, BatchRecord, Order, PriceVector, TimeInForce, TriggerKind
from infold.signing import (
    Domain,
    batch_contents,
    batch_digest,
    order_hash,
    sign,
    vector_digest,
)
from infold.vectors import vector_openings, vector_root
from infold.words import (
    PriceWord,
    SettleHead,
    pack_price,
    pack_record,
    pack_settle_head,
    unpack_account,
    unpack_head,
    unpack_position,
)
from tests.support.compiler import Artifact, compiled
from tests.support.evm import Contract, Key, Receipt, World, a_key

WINDOW_MS = 15_000
GUARD_MS = 3_000
EPOCH_MS = 60_000
PRICE_E8 = 60_000 * 10**8
LOT = 10**8
"""One whole unit of base."""
DOLLAR = 10**6

DEPLOYER = a_key("deployer")
OWNER = a_key("governance's owner")
GUARDIAN = a_key("guardian")
MATCHER = a_key("matcher")
ORACLE_SIGNERS = tuple(
    sorted((a_key(f"oracle signer {n}") for n in range(3)), key=lambda key: key.number)
)
THRESHOLD = 2
DELAY_S = 8 * 86_400
"""Of the timelock."""
REWARD_E6 = 100 * DOLLAR
"""What the matcher's bond pays for an order left out."""
CLAIM_S = 14 * 86_400
"""To claim it, and to answer a claim."""

DEPLOYMENT = (
    "dev/Dollar",
    "Timelock",
    "Governance",
    "Vault",
    "Oracle",
    "Seals",
    "Rules",
    "Delegates",
    "Clearing",
    "Pool",
    "Recovery",
    "Bond",
    "Teller",
)
"""Contracts in the order they are deployed; each is told the addresses of all, predicted."""

PARAMETERS: dict[str, Any] = {
    "name": "BTC-USD",
    "status": 1,
    "tick_e8": 10**7,
    "im_e6": 50_000,
    "mm_e6": 25_000,
    "haircut_e6": 200_000,
    "tier": 15,
    "h_min_e6": 500,
    "h0_e6": 500,
    "band_e6": 50_000,
    "move_e6": 100_000,
    "move_per_s_e6": 1_000,
    "fee_e6": 500,
    "shift": 40,
    "rate_max_e9": 10_000_000,
    "velocity_e9": 100_000_000,
    "rebate": 0,
    "slope_e20": 10**8,
    "residual_cap_e8": 1_000 * LOT,
    "position_cap_e8": 4_000 * LOT,
    "interest_cap_e8": 20_000 * LOT,
    "interest_share": 15,
    "insurance_share": 8,
}
"""A market that the bounds of Governance admit, in the order of `IGovernance.Parameters`."""


def parameters(**changes: Any) -> tuple[Any, ...]:
    """`PARAMETERS` with some fields changed, as Governance takes them."""
    unknown = changes.keys() - PARAMETERS.keys()
    assert not unknown, f"no such parameter: {sorted(unknown)}"
    return tuple((PARAMETERS | changes).values())


@dataclass(frozen=True)
class FillPlan:
    """One record of a batch before it is packed: a signed order and what the matcher gives it."""

    order: Order
    key: Key
    fill_e8: int
    place: int
    delegated: bool = False
    signature: tuple[int, int] | None = None
    approved: bool = False


@dataclass
class Venue:
    """Every contract of a deployment, and the keys that run it."""

    world: World
    contracts: dict[str, Contract]
    epoch_ms: int
    owners: dict[int, Key] = field(default_factory=dict)
    _seq: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def __getattr__(self, name: str) -> Contract:
        try:
            found: Contract = self.__dict__["contracts"][name]
            return found
        except KeyError:
            raise AttributeError(f"no contract {name}") from None

    @property
    def domain(self) -> Domain:
        """Where orders and batches are signed."""
        return Domain(self.world.chain_id, bytes.fromhex(self.clearing.address[2:]))

    @property
    def oracle_domain(self) -> Domain:
        """Where price vectors are signed."""
        return Domain(self.world.chain_id, bytes.fromhex(self.oracle.address[2:]))

    # -- money and accounts

    def fund(self, owner: Key, amount_e6: int) -> None:
        """Give somebody dollars that the vault and the pool may take."""
        self.dollar.mint(owner.address, amount_e6, sender=owner)
        for taker in (self.vault, self.pool):
            self.dollar.approve(taker.address, 2**256 - 1, sender=owner)

    def open_account(self, owner: Key, amount_e6: int = 100_000 * DOLLAR) -> int:
        """A new account with collateral."""
        self.fund(owner, amount_e6)
        account: int = self.clearing.open_account(owner.address, amount_e6, sender=owner).value
        self.owners[account] = owner
        return account

    def back(self, amount_e6: int = 1_000_000 * DOLLAR) -> None:
        """Put collateral behind the matcher's own account, the backstop."""
        self.fund(MATCHER, amount_e6)
        self.clearing.deposit(1, amount_e6, sender=MATCHER)

    # -- markets and prices

    def list_market(self, market: int = 1, **changes: Any) -> None:
        """List or change a market before Governance is sealed, and wait until it serves."""
        self.governance.set_market(market, parameters(**changes), sender=DEPLOYER)
        self.world.travel(GUARD_MS // 1000 + WINDOW_MS // 1000 + 1)

    def operation(
        self,
        function: str,
        *args: Any,
        contract: str = "governance",
        predecessor: bytes = bytes(32),
        salt: bytes = bytes(32),
    ) -> tuple[str, int, bytes, bytes, bytes]:
        """A call as the timelock's `execute` takes it."""
        target = self.contracts[contract]
        return target.address, 0, target.calldata(function, *args), predecessor, salt

    def schedule(self, operation: tuple[Any, ...], delay_s: int = DELAY_S) -> Receipt:
        """Let the owner announce a call."""
        receipt: Receipt = self.timelock.schedule(*operation, delay_s, sender=OWNER)
        return receipt

    def a_vector(
        self,
        prices_e8: Mapping[int, int],
        *,
        time_ms: int | None = None,
        chunks: int | None = None,
        opened: int | None = None,
        signers: Sequence[Key] = ORACLE_SIGNERS[:THRESHOLD],
    ) -> PriceVector:
        """A signed vector of the present block; all chunks that hold a price are opened."""
        prices = dict(prices_e8)
        at = self.world.now_ms if time_ms is None else time_ms
        count = (
            max([market // 32 for market in prices], default=0) + 1 if chunks is None else chunks
        )
        if opened is None:
            opened = sum({1 << market // 32 for market in prices})
        root = vector_root(prices, count)
        digest = vector_digest(at, count, root, self.oracle_domain)
        return PriceVector(
            time_ms=at,
            chunks=count,
            opened=opened,
            prices=prices,
            openings=vector_openings(prices, count, opened),
            signatures=[sign(digest, key.private) for key in signers],
            root=root,
        )

    def presented(self, vector: PriceVector) -> tuple[int, list[int], list[tuple[int, int]]]:
        """A vector as `claim_withdrawal`, `apply` and `liquidate` take it."""
        head = SettleHead(0, vector.time_ms, vector.chunks, vector.opened)
        return pack_settle_head(head), vector.openings, vector.signatures

    # -- orders and batches

    def an_order(self, account: int, **changes: Any) -> Order:
        """A limit buy of one whole unit at a generous price, in slot 0 with a fresh seq."""
        buy = changes.get("buy", True)
        order = Order(
            account=account,
            market=1,
            buy=True,
            size_e8=LOT,
            limit_price_e8=PRICE_E8 * 11 // 10 if buy else PRICE_E8 * 9 // 10,
            max_fee_e6=10_000,
            time_in_force=TimeInForce.GTC,
            post_only=False,
            reduce_only=False,
            trigger_kind=TriggerKind.NONE,
            trigger_price_e8=0,
            good_after_ms=0,
            expiry_ms=self.world.now_ms + 86_400_000,
            epoch=0,
            slot=0,
            seq=next(self._seq),
        )
        return msgspec.structs.replace(order, **changes)

    def a_fill(
        self,
        order: Order,
        fill_e8: int | None = None,
        *,
        key: Key | None = None,
        place: int | None = None,
        delegated: bool = False,
        approved: bool = False,
    ) -> FillPlan:
        """A record: all of the order unless told otherwise, at the place the account has for it."""
        return FillPlan(
            order=order,
            key=self.owners[order.account] if key is None else key,
            fill_e8=order.size_e8 if fill_e8 is None else fill_e8,
            place=self.place_of(order.account, order.market) if place is None else place,
            delegated=delegated,
            signature=(0, 0) if approved else None,
            approved=approved,
        )

    def place_of(self, account: int, market: int) -> int:
        """The index where the account holds this market, or its first free one."""
        mask = unpack_account(self.clearing.accounts(account)).mask
        free = 15
        for place in reversed(range(16)):
            if mask >> place & 1 == 0:
                free = place
            elif unpack_position(self.clearing.positions(account << 4 | place)).market == market:
                return place
        return free

    def a_batch(
        self,
        fills: Sequence[FillPlan] = (),
        *,
        oracle: Mapping[int, int],
        prices: Mapping[int, int] | None = None,
        vector: PriceVector | None = None,
        time_ms: int | None = None,
        number: int | None = None,
        accepted_root: bytes = bytes(32),
        sealers: Sequence[Key] = (MATCHER,),
        gross: Mapping[int, int] | None = None,
    ) -> Batch:
        """A sealed batch at the present block's time: every market of `oracle` is priced.

        `prices` are clearing prices where they differ from the oracle's; `gross` defaults to what
        the buys add up to.
        """
        vector = vector or self.a_vector(oracle, time_ms=time_ms)
        head_word = unpack_head(self.clearing.head())
        number = head_word.number + 1 if number is None else number
        head = pack_settle_head(SettleHead(number, vector.time_ms, vector.chunks, vector.opened))
        clearing_prices = {**oracle, **(prices or {})}
        bought = dict.fromkeys(clearing_prices, 0)
        for plan in fills:
            if plan.order.buy:
                bought[plan.order.market] = bought.get(plan.order.market, 0) + plan.fill_e8
        bought |= gross or {}
        price_words = [
            pack_price(PriceWord(market, price, bought[market]))
            for market, price in sorted(clearing_prices.items())
        ]
        records = [
            self._record(plan)
            for plan in sorted(fills, key=lambda plan: (plan.order.account, plan.order.slot))
        ]
        contents = batch_contents(head, vector.root, accepted_root, price_words, records)
        digest = batch_digest(number, vector.time_ms, contents, self.domain)
        return Batch(
            number=number,
            time_ms=vector.time_ms,
            head=head,
            vector=vector,
            price_words=price_words,
            records=records,
            accepted_root=accepted_root,
            contents=contents,
            seals=[sign(digest, key.private) for key in sealers],
        )

    def _record(self, plan: FillPlan) -> BatchRecord:
        signature = plan.signature or sign(order_hash(plan.order, self.domain), plan.key.private)
        return pack_record(
            plan.order, plan.place, plan.fill_e8, plan.delegated, *signature, plan.approved
        )

    def arguments(self, batch: Batch) -> tuple[Any, ...]:
        """A batch as `settle` takes it."""
        return (
            batch.head,
            batch.vector.openings,
            batch.vector.signatures,
            batch.price_words,
            [record.words for record in batch.records],
            batch.accepted_root,
            batch.seals,
        )

    def settle(self, batch: Batch, sender: Key = MATCHER) -> Receipt:
        """Carry a batch to the chain."""
        receipt: Receipt = self.clearing.settle(*self.arguments(batch), sender=sender)
        return receipt

    def trade(
        self,
        buyer: int,
        seller: int,
        *,
        size_e8: int = LOT,
        market: int = 1,
        price_e8: int = PRICE_E8,
        oracle: Mapping[int, int] | None = None,
        after_s: int = 1,
    ) -> Receipt:
        """Cross two accounts at one price in a block of its own.

        The oracle says the same price unless `oracle` says otherwise; it must price every market
        the two hold already.
        """
        self.world.travel(after_s)
        limits = {"market": market, "size_e8": size_e8, "slot": market % 256}
        buy = self.an_order(buyer, limit_price_e8=price_e8 * 2, **limits)
        sell = self.an_order(seller, buy=False, limit_price_e8=1, **limits)
        batch = self.a_batch(
            [self.a_fill(buy), self.a_fill(sell)],
            oracle={market: price_e8, **(oracle or {})},
            prices={market: price_e8},
        )
        return self.settle(batch)

    # -- the pool

    def strike(self, oracle: Mapping[int, int], after_s: int | None = None) -> Receipt:
        """Let the pool's epoch end, and settle an empty batch that strikes it."""
        end_ms = unpack_head(self.clearing.head()).epoch_end_ms
        if after_s is None:
            self.world.at_ms(max(end_ms + GUARD_MS + 1, self.world.now_ms + 1))
        else:
            self.world.travel(after_s)
        return self.settle(self.a_batch(oracle=oracle))

    def strike_past(self, epoch: int, oracle: Mapping[int, int]) -> None:
        """Let epochs end until this one has."""
        while unpack_head(self.clearing.head()).epoch <= epoch:
            self.strike(oracle)

    def provide(self, provider: Key, assets_e6: int, oracle: Mapping[int, int]) -> int:
        """Deposit into the pool, strike, claim. Returns the shares."""
        self.fund(provider, assets_e6)
        epoch = self.ask_in(provider, assets_e6)
        self.strike_past(epoch, oracle)
        own = (provider.address, provider.address)
        ready = self.pool.claimableDepositRequest(epoch, provider.address)
        shares: int = self.pool.deposit(ready, *own, sender=provider).value
        return shares

    def ask_in(self, provider: Key, assets_e6: int) -> int:
        """Request a deposit for oneself. Returns the epoch."""
        own = (provider.address, provider.address)
        epoch: int = self.pool.requestDeposit(assets_e6, *own, sender=provider).value
        return epoch

    def ask_out(self, provider: Key, shares: int) -> int:
        """Request a redemption for oneself. Returns the epoch."""
        own = (provider.address, provider.address)
        epoch: int = self.pool.requestRedeem(shares, *own, sender=provider).value
        return epoch

    def collect(self, provider: Key, epoch: int) -> tuple[int, int]:
        """Claim all that a struck epoch left of one's requests: shares gained, assets paid (e6)."""
        who, pool = provider.address, self.pool
        shares_before, paid = pool.balanceOf(who), self.dollar.balanceOf(who)
        claims = (
            (pool.deposit, pool.claimableDepositRequest(epoch, who), (who, who)),
            (pool.redeem, pool.claimableRedeemRequest(epoch, who), (who, who)),
        )
        for claim, amount, own in claims:
            if amount:
                claim(amount, *own, sender=provider)
        for side in ("Deposit", "Redeem"):
            if getattr(pool, f"claimableCancel{side}Request")(epoch, who):
                getattr(pool, f"claimCancel{side}Request")(epoch, who, who, sender=provider)
        return pool.balanceOf(who) - shares_before, self.dollar.balanceOf(who) - paid


def a_venue(
    *,
    epoch_ms: int = EPOCH_MS,
    signers: Sequence[Key] = ORACLE_SIGNERS,
    threshold: int = THRESHOLD,
    token: Artifact | None = None,
    stand_ins: Mapping[str, Key] | None = None,
) -> Venue:
    """Deploy the whole set; no market is listed yet, and the deployer sets: nothing is sealed.

    `token` stands in the place of the dollar, for tests of tokens that misbehave; `stand_ins` are
    keys that all are told in the place of contracts, since a contract sends no transactions.
    """
    world = World()
    addresses: dict[str, Any] = {
        _short(name): world.predict(DEPLOYER.address, at) for at, name in enumerate(DEPLOYMENT)
    }
    known = addresses | {
        "owner": OWNER.address,
        "guardian": GUARDIAN.address,
        "delay_s": DELAY_S,
        "reward_e6": REWARD_E6,
        "window_s": CLAIM_S,
        "token": addresses["dollar"],
        "matcher": MATCHER.address,
        "epoch_ms": epoch_ms,
        "signers": [key.address for key in signers],
        "oracle_signers": [key.address for key in signers],
        "threshold": threshold,
    }
    known |= {part: key.address for part, key in (stand_ins or {}).items()}
    contracts = {}
    for name in DEPLOYMENT:
        artifact = token if token and name == "dev/Dollar" else compiled(name)
        wanted = [
            part["name"]
            for entry in artifact.abi
            if entry["type"] == "constructor"
            for part in entry["inputs"]
        ]
        contract = world.deploy(artifact, *(known[part] for part in wanted), sender=DEPLOYER)
        assert contract.address == addresses[_short(name)]
        contracts[_short(name)] = contract
    return Venue(world, contracts, epoch_ms)


def _short(name: str) -> str:
    return name.rsplit("/", 1)[-1].lower()


__all__ = [
    "CLAIM_S",
    "DELAY_S",
    "DEPLOYER",
    "DOLLAR",
    "GUARDIAN",
    "GUARD_MS",
    "LOT",
    "MATCHER",
    "ORACLE_SIGNERS",
    "OWNER",
    "PARAMETERS",
    "PRICE_E8",
    "REWARD_E6",
    "WINDOW_MS",
    "FillPlan",
    "Venue",
    "a_venue",
    "parameters",
    "replace",
]
