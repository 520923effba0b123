# SPDX-License-Identifier: Apache-2.0
"""What the engine knows: the chain's words, the orders that wait, the batch under way.

Accounts, markets and head are the contract's words, field by field (`infold.words`), so that every
slot can be printed and compared with the chain. Only `engine.evolve` and what it calls change a
state.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from infold.core.admission import Limits, SlotView
from infold.core.events import BatchClosed
from infold.core.needs import KeptNeeds
from infold.errors import InvariantBroken
from infold.messages import Order, SignedOrder
from infold.units import BACKSTOP_ACCOUNT, FIRST_TRADER, POOL_ACCOUNT
from infold.words import (
    FLAG_INCOMING,
    AccountWord,
    CapsWord,
    ClockWord,
    DelegateWord,
    DeleveragedWord,
    ExitWord,
    FillWord,
    HeadWord,
    IncomingWord,
    LedgerWord,
    LimitsWord,
    ListingWord,
    MeterWord,
    PoolWord,
    PositionWord,
    RatesWord,
    ReadingsWord,
    RequestsWord,
    StrikeWord,
    TransitWord,
    WithdrawalWord,
    pack_account,
    pack_caps,
    pack_clock,
    pack_deleveraged,
    pack_fill,
    pack_head,
    pack_incoming,
    pack_ledger,
    pack_limits,
    pack_listing,
    pack_meter,
    pack_pool,
    pack_position,
    pack_rates,
    pack_readings,
    pack_strike,
    pack_transit,
    pack_withdrawal,
    parameter_place,
)

NO_FILL = FillWord()
NO_WITHDRAWAL = WithdrawalWord()
NO_POSITION = PositionWord()
NO_LIMITS = LimitsWord()


class OpenOrder(msgspec.Struct, gc=False):
    """An accepted order that has not reached its last state."""

    signed: SignedOrder
    sequence: int
    accepted_ms: int
    filled_e8: int = 0
    lapsed: bool = False
    """Whether a batch that held it lapsed, and nothing has happened to it since."""
    leaves: str | None = None
    """Why it left the book while a batch held it; it ends so when that batch has ended."""

    @property
    def order(self) -> Order:
        return self.signed.order

    @property
    def remaining_e8(self) -> int:
        return self.signed.order.size_e8 - self.filled_e8


@dataclass(slots=True)
class Account:
    """One account's words, and its open orders by slot."""

    word: AccountWord
    positions: dict[int, PositionWord] = field(default_factory=dict)
    fills: dict[int, FillWord] = field(default_factory=dict)
    withdrawal: WithdrawalWord = NO_WITHDRAWAL
    epoch_barrier_ms: int = 0
    exits: dict[int, ExitWord] = field(default_factory=dict)
    """What its owner asked to be let out of, by place."""
    delegates: dict[int, DelegateWord] = field(default_factory=dict)
    approvals: dict[bytes, int] = field(default_factory=dict)
    """The last T (ms) at which an order serves that was approved on chain, by order hash."""
    orders: dict[int, OpenOrder] = field(default_factory=dict)
    slots: dict[int, SlotView] = field(default_factory=dict)
    """What the venue itself saw in each slot, open or ended."""
    buys_e8: dict[int, int] = field(default_factory=dict)
    """What open buy orders may still fill, by market; markets without any are left out."""
    sells_e8: dict[int, int] = field(default_factory=dict)

    def index_of(self, market: int) -> int | None:
        """The place of the position in a market, if it is held."""
        for index, position in self.positions.items():
            if position.market == market:
                return index
        return None


class Parameters(NamedTuple):
    """A market's parameter words."""

    rates: RatesWord
    caps: CapsWord
    listing: ListingWord


UNSET = Parameters(RatesWord(), CapsWord(), ListingWord())


@dataclass(slots=True)
class Market:
    """One market's words. `parameters` has two places; the clock names the one that serves later
    times.
    """

    market: int
    parameters: list[Parameters] = field(default_factory=lambda: [UNSET, UNSET])
    clock: ClockWord = field(default_factory=ClockWord)
    pool: PoolWord = field(default_factory=PoolWord)
    meter: MeterWord = field(default_factory=MeterWord)
    ledger: LedgerWord = field(default_factory=LedgerWord)
    incoming: IncomingWord = field(default_factory=IncomingWord)
    transit: TransitWord = field(default_factory=TransitWord)
    deleveraged: DeleveragedWord = field(default_factory=DeleveragedWord)
    backstop: PositionWord = NO_POSITION
    """Account 1's position: a position word, outside the 16 places of an account."""

    def last_of(self, position: PositionWord) -> int:
        """The event of the last deleveraging of a position's side."""
        return self.deleveraged.longs if position.base_e8 > 0 else self.deleveraged.shorts

    def at(self, time_ms: int) -> Parameters:
        """The parameters that serve `time_ms`."""
        return self.parameters[self.clock.version_at(time_ms)]


@dataclass(slots=True)
class Tally:
    """How many accepted orders ended how; each is counted once, `filled` if it ever filled.

    `partly_filled` are those among `filled` that ended with lots left; `open` have not ended.
    """

    accepted: int = 0
    rejected: int = 0
    open: int = 0
    filled: int = 0
    partly_filled: int = 0
    expired: int = 0
    cancelled: int = 0
    skipped: int = 0
    lapsed: int = 0


@dataclass(frozen=True, slots=True)
class Settings:
    """What an operator may choose; the contract's rules are no settings."""

    limits: Limits = field(default_factory=Limits)
    records_max: int = 256
    """Records of one batch: the contract takes no more. `gas_max` binds first where much is new."""
    gas_max: int = 15_000_000
    """What a batch may cost by `netting.fitting`'s estimate: a transaction ends at 16,777,216."""
    rounds_max: int = 16
    """How often a batch is matched anew without the accounts whose margin did not suffice."""


@dataclass(slots=True)
class State:
    """Everything the engine decides from."""

    settings: Settings = field(default_factory=Settings)
    accounts: dict[int, Account] = field(
        default_factory=lambda: {
            POOL_ACCOUNT: Account(AccountWord()),
            BACKSTOP_ACCOUNT: Account(AccountWord()),
        }
    )
    markets: dict[int, Market] = field(default_factory=dict)
    head: HeadWord = field(default_factory=HeadWord)
    limits: LimitsWord = NO_LIMITS
    supply: int = 0
    """Pool shares outstanding by the last strike, claimed or not."""
    requests: dict[int, RequestsWord] = field(default_factory=dict)
    strikes: dict[int, StrikeWord] = field(default_factory=dict)
    epoch_ms: int = 0
    wound_until_ms: int = 0
    """Until when debts are told, once the venue is wound down for good; 0 before."""
    readings: dict[int, ReadingsWord] = field(default_factory=dict)
    """What second sources said, by market; without an entry there is none."""

    block: int = 0
    block_ms: int = 0
    sequence: int = 0
    orders: dict[bytes, OpenOrder] = field(default_factory=dict)
    """Every order that has not ended, by hash; those in the book stand in their account's `orders`
    too.
    """
    in_flight: BatchClosed | None = None
    in_flight_e8: dict[bytes, int] = field(default_factory=dict)
    """What the batch under way fills of each order it holds."""
    vector_ms: int = 0
    """Time of the latest vector that was matched at, whether or not a batch came of it."""
    prices_e8: dict[int, int] = field(default_factory=dict)
    """Latest known oracle prices."""
    tally: Tally = field(default_factory=Tally)
    needs: KeptNeeds = field(default_factory=KeptNeeds, repr=False, compare=False)
    """What admission need not sum again; no part of what the engine knows."""

    def held(self, account: int) -> Account:
        """An account the chain has named; `InvariantBroken` if the engine lacks it: it missed a
        log.
        """
        try:
            return self.accounts[account]
        except KeyError:
            raise InvariantBroken(
                f"account {account} is named by the chain but was never opened here; "
                "replay the chain's logs from the deployment block"
            ) from None


# -- the words, as the chain stores them ----------------------------------------------------------


def account_words(state: State, account: int) -> dict[str, int]:
    """Every non-zero word of an account, by the contract's name for its place."""
    held = state.accounts[account]
    words = {f"accounts[{account}]": pack_account(held.word)}
    for index, position in held.positions.items():
        words[f"positions[{account << 4 | index}]"] = pack_position(position)
    for slot, fill in held.fills.items():
        words[f"fills[{account << 8 | slot}]"] = pack_fill(fill)
    words[f"withdrawals[{account}]"] = pack_withdrawal(held.withdrawal)
    words[f"epoch_barriers[{account}]"] = held.epoch_barrier_ms
    return {place: word for place, word in words.items() if word}


def market_words(state: State, market: int) -> dict[str, int]:
    """Every non-zero word of a market, parameters included."""
    held = state.markets[market]
    words: dict[str, int] = {}
    book = (
        pack_clock(held.clock),
        pack_pool(held.pool),
        pack_meter(held.meter),
        pack_ledger(held.ledger),
        pack_incoming(held.incoming),
        pack_transit(held.transit),
        pack_deleveraged(held.deleveraged),
    )
    for place, word in enumerate(book):
        words[f"market_words[{market * 8 + place}]"] = word
    words[f"positions[{BACKSTOP_ACCOUNT * 16 + market}]"] = pack_position(held.backstop)
    for version, parameters in enumerate(held.parameters):
        place = parameter_place(market, version)
        words[f"parameter_words[{place}]"] = pack_rates(parameters.rates)
        words[f"parameter_words[{place + 1}]"] = pack_caps(parameters.caps)
        words[f"parameter_words[{place + 2}]"] = pack_listing(parameters.listing)
    return {place: word for place, word in words.items() if word}


def chain_words(state: State) -> dict[str, int]:
    """Every non-zero word of `Clearing`, and what `Oracle` keeps of second sources: what
    reconciliation compares, bit by bit.
    """
    words: dict[str, int] = {}
    for account in state.accounts:
        words |= account_words(state, account)
    pool_markets = backstop_markets = 0
    for market, held in state.markets.items():
        words |= market_words(state, market)
        pool_markets |= bool(held.pool.base_e8 or held.clock.flags & FLAG_INCOMING) << market
        backstop_markets |= bool(held.backstop.base_e8) << market
    for epoch, strike in state.strikes.items():
        words[f"strikes[{epoch}]"] = pack_strike(strike)
    for market, readings in state.readings.items():
        words[f"readings[{market}]"] = pack_readings(readings)
    words["head"] = pack_head(state.head)
    words["limits"] = pack_limits(state.limits)
    words["pool_markets"] = pool_markets
    words["backstop_markets"] = backstop_markets
    words["account_count"] = max(FIRST_TRADER, *(account + 1 for account in state.accounts))
    return {place: word for place, word in words.items() if word}
