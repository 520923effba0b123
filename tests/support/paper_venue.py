# SPDX-License-Identifier: Apache-2.0
"""An engine with a chain to talk to, for tests of `core`: no keys, no disk, no clock.

The chain is a second state that only the contract's rules move; its words become the facts the
engine is told. So an engine that forgets or invents something is found out at the next fact or
batch. Signers are taken as recovered.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from infold.core import events, liquidation, margin, settlement
from infold.core.curve import Curve
from infold.core.engine import decide, evolve
from infold.core.events import AnyCommand, AnyEvent, ChainFact, to_word
from infold.core.facts import fold
from infold.core.netting import plan_of
from infold.core.state import Settings, State, chain_words
from infold.messages import Cancel, Order, SignedOrder, TimeInForce, TriggerKind
from infold.signing import signature_bytes
from infold.units import (
    FIRST_TRADER,
    GUARD_MS,
    INSURANCE_ACCOUNT,
    POOL_ACCOUNT,
    TREASURY_ACCOUNT,
    WINDOW_MS,
)
from infold.words import (
    AccountWord,
    CapsWord,
    ClockWord,
    DelegateWord,
    HeadWord,
    ListingWord,
    RatesWord,
    RequestsWord,
    WithdrawalWord,
    pack_account,
    pack_caps,
    pack_clock,
    pack_delegate,
    pack_delegate_markets,
    pack_fill,
    pack_head,
    pack_incoming,
    pack_ledger,
    pack_listing,
    pack_meter,
    pack_position,
    pack_rates,
    pack_requests,
    pack_withdrawal,
)

START_MS = 1_800_000_000_000
BTC, ETH = 1, 2
E8 = 10**8
BTC_E8, ETH_E8 = 60_000 * E8, 3_000 * E8

RATES = RatesWord(
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
    tier=15,
    status=1,
    rate_max_e9=100_000_000,
    velocity_e9=50_000_000,
)
CAPS = CapsWord(
    slope_e20=10**9,
    residual_cap_e8=1_000 * E8,
    position_cap_e8=5_000 * E8,
    interest_share=15,
    interest_cap_e8=100_000 * E8,
)


def owner_of(account: int) -> int:
    """The address that owns a test account."""
    return 0xA11CE << 100 | account


def straight_curve(oracle_e8: int, size_e8: int = 500 * E8) -> Curve:
    """A dealer that sells up to `size_e8` within 0.5% of the oracle, a straight line through it."""
    reach = oracle_e8 // 200
    return Curve((oracle_e8 - reach, oracle_e8, oracle_e8 + reach), (-size_e8, 0, size_e8))


def an_order(account: int = FIRST_TRADER, **changes: Any) -> Order:
    """A GTC buy of one BTC at 60,000 in slot 0, with `changes`."""
    fields: dict[str, Any] = {
        "account": account,
        "market": BTC,
        "buy": True,
        "size_e8": E8,
        "limit_price_e8": BTC_E8,
        "max_fee_e6": 500,
        "time_in_force": TimeInForce.GTC,
        "post_only": False,
        "reduce_only": False,
        "trigger_kind": TriggerKind.NONE,
        "trigger_price_e8": 0,
        "good_after_ms": 0,
        "expiry_ms": START_MS + 86_400_000,
        "epoch": 0,
        "slot": 0,
        "seq": 1,
    }
    return Order(**(fields | changes))


def signed(order: Order, signer: int | None = None) -> SignedOrder:
    """The order as recovery hands it over, signed by the account's owner unless a delegate is
    named.
    """
    digest = hashlib.sha256(msgspec.json.encode(order)).digest()
    key = owner_of(order.account) if signer is None else signer
    return SignedOrder(
        order=order,
        signature=signature_bytes(int.from_bytes(digest, "big"), 2**255 + order.seq),
        delegated=signer is not None,
        order_hash=digest,
        signer=key.to_bytes(20, "big"),
    )


@dataclass
class Venue:
    """The engine under test, the chain beside it, and everything the engine was told."""

    settings: Settings = field(default_factory=Settings)
    capital_e6: int = 0
    epoch_ms: int = 3_600_000

    def __post_init__(self) -> None:
        self.state = State(settings=self.settings)
        self.chain = State()
        self.journal: list[tuple[AnyCommand, list[AnyEvent]]] = []
        self.now_ms = START_MS
        self.block = 0
        self.facts: list[ChainFact] = []
        self.next_account = FIRST_TRADER
        self.next_seq = 1
        self.tell(
            events.Deployed(
                pool=to_word(pack_account(AccountWord(owner=0x9001))),
                backstop=to_word(pack_account(AccountWord(owner=0xBAC))),
                head=to_word(pack_head(HeadWord(epoch=1, epoch_end_ms=START_MS + self.epoch_ms))),
                epoch_ms=self.epoch_ms,
            )
        )

    # -- the engine --------------------------------------------------------------------------------

    def do(self, command: AnyCommand) -> list[AnyEvent]:
        """Decide and fold, through the journal's own bytes."""
        decided = decide(self.state, command)
        entry = events.decode_entry(events.encode_entry(command, decided))
        assert (entry.command, entry.events) == (command, decided)
        for event in entry.events:
            evolve(self.state, event)
        self.journal.append((command, decided))
        return decided

    def submit(self, *orders: Order | SignedOrder) -> list[AnyEvent]:
        group = [order if isinstance(order, SignedOrder) else signed(order) for order in orders]
        return self.do(events.SubmitOrders(orders=group, received_ms=self.now_ms))

    def cancel(self, account: int, slot: int, seq: int) -> list[AnyEvent]:
        cancels = [Cancel(account=account, slot=slot, seq=seq)]
        return self.do(events.CancelOrders(cancels=cancels, received_ms=self.now_ms))

    def seq(self) -> int:
        self.next_seq += 1
        return self.next_seq

    # -- the chain ---------------------------------------------------------------------------------

    def tell(self, *facts: ChainFact) -> None:
        """Let the chain do something; the engine hears of it at the next `observe`."""
        for fact in facts:
            fold(self.chain, fact)
            self.facts.append(fact)

    def observe(self, block_ms: int | None = None) -> list[AnyEvent]:
        """Mine a block and tell the engine what it holds."""
        if block_ms is not None:
            self.now_ms = block_ms
        self.block += 1
        facts, self.facts = self.facts, []
        return self.do(
            events.ObserveChain(facts=facts, block=self.block, block_ms=self.now_ms // 1000 * 1000)
        )

    def list_market(
        self,
        market: int = BTC,
        name: str = "BTC-USD",
        tick_e8: int = E8 // 10,
        rates: Mapping[str, int] | None = None,
        caps: Mapping[str, int] | None = None,
        activation_s: int = 0,
    ) -> None:
        held = self.chain.markets.get(market)
        clock = held.clock if held is not None else ClockWord()
        clock = clock._replace(version=1 - clock.version, activation_s=activation_s)
        self.tell(
            events.MarketSet(
                market=market,
                clock=to_word(pack_clock(clock)),
                rates=to_word(pack_rates(RATES._replace(**(rates or {})))),
                caps=to_word(pack_caps(CAPS._replace(**(caps or {})))),
                listing=to_word(pack_listing(ListingWord(tick_e8, name))),
            )
        )

    def open_account(self, amount_e6: int = 100_000 * 10**6) -> int:
        account = self.next_account
        self.next_account += 1
        self.tell(events.AccountOpened(account=account, owner=to_word(owner_of(account))))
        self.deposit(account, amount_e6)
        return account

    def _account_word(self, account: int, change_e6: int) -> str:
        held = self.chain.accounts.get(account)
        word = held.word if held is not None else AccountWord()  # insurance's, treasury's before
        return to_word(pack_account(word._replace(collateral_e6=word.collateral_e6 + change_e6)))

    def deposit(self, account: int, amount_e6: int) -> None:
        word = self._account_word(account, amount_e6)
        self.tell(events.CollateralMoved(account=account, amount_e6=amount_e6, word=word))

    def request_withdrawal(self, account: int, amount_e6: int) -> None:
        withdrawal = WithdrawalWord(amount_e6, self.now_ms + GUARD_MS)
        self.tell(
            events.WithdrawalSet(
                account=account,
                word=self._account_word(account, -amount_e6),
                withdrawal=to_word(pack_withdrawal(withdrawal)),
            )
        )

    def claim_withdrawal(self, account: int, prices_e8: Mapping[int, int]) -> int:
        held = self.chain.accounts[account]
        marks = margin.marks_for(held, self.chain.markets, prices_e8, self.now_ms)
        assert marks is not None
        paid_e6 = margin.payable_e6(held, marks)
        word = self._account_word(account, held.withdrawal.amount_e6 - paid_e6)
        self.tell(events.WithdrawalSet(account=account, word=word, withdrawal=to_word(0)))
        return paid_e6

    def cancel_on_chain(self, account: int, slot: int, seq: int) -> None:
        fill = self.chain.accounts[account].fills.get(slot, settlement.NO_FILL)
        if fill.seq <= fill.cancel_seq:
            fill = settlement.NO_FILL._replace(seq=fill.cancel_seq)
        fill = fill._replace(cancel_seq=seq, cancel_ms=self.now_ms + GUARD_MS)
        self.tell(events.Cancelled(account=account, slot=slot, fill=to_word(pack_fill(fill))))

    def cancel_all(self, account: int) -> None:
        word = self.chain.accounts[account].word
        after = to_word(pack_account(word._replace(epoch=word.epoch + 1)))
        self.tell(events.CancelledAll(account=account, word=after, barrier=self.now_ms + GUARD_MS))

    def grant(
        self, account: int, key: int, markets: Sequence[int], notional_e6: int, expiry_ms: int
    ) -> None:
        word = DelegateWord(pack_delegate_markets(markets), notional_e6, expiry_ms)
        self.tell(
            events.DelegateSet(
                account=account, key=to_word(key), delegate=to_word(pack_delegate(word))
            )
        )

    def request_liquidity(self, deposits_e6: int, redeems: int = 0) -> None:
        head = self.chain.head
        epoch = head.epoch + (self.now_ms >= head.epoch_end_ms)
        held = self.chain.requests.get(epoch, RequestsWord())
        word = RequestsWord(held.deposits_e6 + deposits_e6, held.redeems + redeems)
        self.tell(events.LiquidityRequested(epoch=epoch, requests=to_word(pack_requests(word))))

    def fund_pool(self, prices_e8: Mapping[int, int], amount_e6: int = 10**12) -> None:
        """Give the pool capital: a request, and the batch that strikes it."""
        self.request_liquidity(amount_e6)
        self.observe()
        self.close(prices_e8, {}, after_ms=self.epoch_ms + GUARD_MS + 1)
        self.confirm()

    def shrink(self, account: int, index: int, change_e8: int, oracle_price_e8: int) -> None:
        """What Recovery does to a position; the facts carry the words it leaves. Nobody here has a
        withdrawal pending, and insurance has nothing.
        """
        market = self.chain.accounts[account].positions[index].market
        held = self.chain.accounts[account]
        pool = self.chain.accounts[POOL_ACCOUNT]
        cash_e6, pooled_e6 = held.word.collateral_e6, pool.word.collateral_e6
        liquidation.apply_delta(self.chain, account, index, change_e8, oracle_price_e8, self.now_ms)
        debt_e6 = pooled_e6 - pool.word.collateral_e6
        if index not in held.positions:
            owes = held.word._replace(collateral_e6=held.word.collateral_e6 - debt_e6)
            self.facts.append(
                events.CollateralMoved(
                    account=account,
                    amount_e6=owes.collateral_e6 - cash_e6,
                    word=to_word(pack_account(owes)),
                )
            )
        position = held.positions.get(index)
        at = self.chain.markets[market]
        self.facts.append(
            events.Applied(
                account=account,
                index=index,
                position=to_word(pack_position(position) if position is not None else 0),
                clock=to_word(pack_clock(at.clock)),
                meter=to_word(pack_meter(at.meter)),
                ledger=to_word(pack_ledger(at.ledger)),
                incoming=to_word(pack_incoming(at.incoming)),
                transit=to_word(0),
                events=to_word(0),
            )
        )
        if debt_e6:
            word = to_word(pack_account(held.word))
            self.facts += [
                events.CollateralMoved(account=account, amount_e6=debt_e6, word=word),
                events.Covered(account=account, insurance_e6=0, pool_e6=debt_e6),
            ]

    def collect_fees(self, market: int) -> int:
        """Hand a market's fees to insurance and treasury, an odd unit to the treasury; what there
        was, e6.
        """
        ledger = self.chain.markets[market].ledger
        fees_e6 = ledger.fees_e6
        after = ledger._replace(realised_e6=ledger.realised_e6 + fees_e6, fees_e6=0)
        self.tell(events.FeesCollected(market=market, ledger=to_word(pack_ledger(after))))
        insured_e6 = fees_e6 // 2
        self.deposit(INSURANCE_ACCOUNT, insured_e6)
        self.deposit(TREASURY_ACCOUNT, fees_e6 - insured_e6)
        return fees_e6

    # -- batches -----------------------------------------------------------------------------------

    def close(
        self,
        prices_e8: Mapping[int, int],
        curves: Mapping[int, Curve] | None = None,
        after_ms: int = 1_000,
    ) -> list[AnyEvent]:
        """Close a batch `after_ms` from now at these prices, dealt with by a straight curve
        everywhere.
        """
        self.now_ms += after_ms
        self.observe()
        if curves is None:
            curves = {market: straight_curve(price) for market, price in prices_e8.items()}
        return self.do(
            events.CloseBatch(
                time_ms=self.now_ms,
                prices_e8=dict(prices_e8),
                chunks=1 + max(prices_e8) // 32,
                root=bytes(32),
                curves=dict(curves),
            )
        )

    def land(self) -> list[events.SkippedOnChain]:
        """The batch under way lands on the chain; returns its Skipped logs."""
        closed = self.state.in_flight
        assert closed is not None
        outcome = settlement.settle(self.chain, plan_of(self.state, closed))
        settlement.commit(self.chain, outcome)
        return [
            events.SkippedOnChain(
                skip.planned.signed.order.account, skip.planned.signed.order.slot, int(skip.reason)
            )
            for skip in outcome.skips
        ]

    def confirm(self, skips: list[events.SkippedOnChain] | None = None) -> events.BatchConfirmed:
        """Land the batch and tell the engine."""
        closed = self.state.in_flight
        assert closed is not None
        if skips is None:
            self.observe()
            skips = self.land()
        decided = self.do(
            events.ConfirmBatch(
                number=closed.number, skips=skips, block=self.block + 1, tx_hash=bytes(32)
            )
        )
        confirmed = decided[0]
        assert isinstance(confirmed, events.BatchConfirmed)
        return confirmed

    def trade(
        self, *orders: Order, prices_e8: Mapping[int, int], **close: Any
    ) -> events.BatchConfirmed | None:
        """Submit, close and, if anything was matched, confirm."""
        for event in self.submit(*orders):
            assert isinstance(event, events.OrderAccepted), event
        self.close(prices_e8, **close)
        return self.confirm() if self.state.in_flight is not None else None

    def lapse(self) -> list[AnyEvent]:
        closed = self.state.in_flight
        assert closed is not None
        self.observe(closed.time_ms + WINDOW_MS + 1_000)
        return self.do(events.LapseBatch(number=closed.number, reason="not included"))

    # -- what must hold ----------------------------------------------------------------------------

    def check(self, vault_e6: int | None = None) -> None:
        """The engine mirrors the chain bit by bit, and C2, C3 and C4 hold."""
        if not self.facts and self.state.in_flight is None:
            assert chain_words(self.state) == chain_words(self.chain)
        check_conservation(self.chain, vault_e6)


def check_conservation(state: State, vault_e6: int | None = None) -> None:
    """C2 and C3 per market; C4 against what was paid in, if it is given."""
    base = dict.fromkeys(state.markets, 0)
    quote = dict.fromkeys(state.markets, 0)
    interest = dict.fromkeys(state.markets, 0)
    cash_e6 = 0
    for account in state.accounts.values():
        cash_e6 += account.word.collateral_e6 + account.withdrawal.amount_e6
        for position in account.positions.values():
            base[position.market] += position.base_e8
            quote[position.market] += position.quote_e6
            interest[position.market] += max(position.base_e8, 0)
    money_e6 = cash_e6
    for market, held in state.markets.items():
        for word in (held.pool, held.incoming, held.backstop):
            base[market] += word.base_e8
            quote[market] += word.quote_e6
        interest[market] += max(held.backstop.base_e8, 0)
        ledger = held.ledger
        assert base[market] == 0, f"C2 in market {market}"
        assert quote[market] + ledger.realised_e6 + ledger.fees_e6 + ledger.pot_e6 == 0, (
            f"C3 in market {market}"
        )
        assert interest[market] == held.meter.open_interest_e8, f"open interest of {market}"
        money_e6 += quote[market] + ledger.fees_e6 + ledger.pot_e6
    if vault_e6 is not None:
        assert money_e6 == vault_e6, "C4"
