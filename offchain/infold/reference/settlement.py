# SPDX-License-Identifier: Apache-2.0
"""One batch, from the words of its call to every word it leaves (docs/protocol.md §5).

`settle` follows the page's order: clock, vector, price list, records, seals, backstop, markets,
strike. The account groups are computed first and written after, so nothing that a group does can
reach another group.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple

from .arithmetic import DAY_MS, GUARD_MS, QUOTE_SCALE, WINDOW_MS, clamp, trunc_div
from .deleveraging import events_of
from .digests import Contents, HashMany, Record, batch_contents, batch_digest, order_hashes
from .faults import Fault, Overflow, Reason, require
from .groups import BatchMark, Outcome, SignerOf, outgrown, passes, planned_quote, settle_group
from .margin import Mark, credit, fee_of, funded_index, initial_margin
from .signers import Oracle, Recover, Seals, Signature
from .sources import doubtful
from .state import CLOCK, INCOMING, LEDGER, METER, POOL, State
from .strikes import NAV_E6_MAX, moved_e6, strike_of, supply_after
from .vectors import Vector, open_vector
from .words import (
    Account,
    Caps,
    Clock,
    Head,
    Holding,
    Ledger,
    Limits,
    Meter,
    Position,
    PriceWord,
    Rates,
    Requests,
    SettleHead,
    Strike,
    Withdrawal,
)

POOL_ACCOUNT = 0
BACKSTOP_ACCOUNT = 1
INSURANCE_ACCOUNT = 2
TREASURY_ACCOUNT = 3
TRADERS_FROM = 17
RECORDS_MAX = 256
MARKETS_MAX = 64
MARKET_MAX = 255
RECORDS_OF_ACCOUNT_MAX = 64
EARLY_MS = 1_000
_HOUR_MS = 3_600_000
_MEMORY_MS = 8 * WINDOW_MS
_CAPACITY_E6 = 1_750
SHARE_OPEN = 15


class SettleCall(NamedTuple):
    """The calldata of `settle`."""

    head: int
    openings: Sequence[int]
    signatures: Sequence[Signature]
    prices: Sequence[int]
    records: Sequence[tuple[int, int, int, int]]
    accepted_root: bytes
    seals: Sequence[Signature]


class Prepared(NamedTuple):
    """What depends on a call alone, so that an auditor computes it for all batches at once."""

    vector: Vector
    records: Sequence[Record]
    hashes: Sequence[bytes]
    contents: bytes


class Crypto(NamedTuple):
    """Hashing and recovery, and the domain separator of `Clearing`."""

    hash_many: HashMany
    recover: Recover
    domain: bytes


def prepare(call: SettleCall, crypto: Crypto) -> Prepared:
    """Open the vector, take the records apart and hash what is signed."""
    vector = vector_of(call, crypto.hash_many)
    records = [Record.of(*words) for words in call.records]
    hashes = order_hashes(records, crypto.domain, crypto.hash_many)
    (contents,) = batch_contents([contents_of(call, vector)], crypto.hash_many)
    return Prepared(vector, records, hashes, contents)


def vector_of(call: SettleCall, hash_many: HashMany) -> Vector:
    """The price vector of a call."""
    head = SettleHead.of(call.head)
    return open_vector(head.time_ms, head.chunks, head.opened, call.openings, hash_many)


def contents_of(call: SettleCall, vector: Vector) -> Contents:
    """What the seals of a call cover."""
    return Contents(call.head, vector.root, call.accepted_root, call.prices, call.records)


@dataclass(slots=True)
class Market:
    """A market of the price list while its batch is computed."""

    number: int
    oracle_price_e8: int
    price_e8: int
    gross_e8: int
    rates: Rates
    caps: Caps
    clock: Clock
    pool: Holding
    meter: Meter
    ledger: Ledger
    elapsed_ms: int
    funding_index: int
    event: int
    shrink_only: bool
    bought_e8: int = 0
    sold_e8: int = 0
    plan_quote_e6: int = 0
    skipped_base_e8: int = 0
    skipped_quote_e6: int = 0

    @property
    def mark(self) -> BatchMark:
        mark = Mark(self.number, self.oracle_price_e8, self.funding_index, self.rates, self.event)
        return BatchMark(mark, self.price_e8, self.shrink_only)

    def book(self, fees_e6: int, credit_e6: int, realised_e6: int, interest_e8: int) -> None:
        """Move the ledger and the open interest."""
        realised, fees, pot = self.ledger
        self.ledger = Ledger(realised + realised_e6, fees + fees_e6, pot - credit_e6)
        interest = self.meter.open_interest_e8
        self.meter = self.meter._replace(open_interest_e8=interest + interest_e8)


@dataclass(slots=True)
class _Batch:
    """The batch under way."""

    state: State
    head: Head
    number: int
    time_ms: int
    vector: Vector
    markets: dict[int, Market] = field(default_factory=dict)
    bucket_e6: int = 0


def load_market(
    state: State, vector: Vector, price_word: PriceWord, doubted: Collection[int]
) -> Market:
    """A market of the price list with funding to T (§5.2); raises Fault if it cannot trade.

    `doubted` are the markets whose price a second source contradicts.
    """
    number, price_e8, gross_e8, _ = price_word
    time_ms = vector.time_ms
    clock = Clock.of(state.market_word(number, CLOCK))
    rates, caps = state.parameters(clock, number, time_ms)
    if number > MARKET_MAX:
        raise Overflow("clearing: no such market")
    require(rates.status != 0, "clearing: market not live")
    oracle = vector.prices_e8.get(number, 0)
    require(oracle > 0 and price_e8 > 0, "clearing: no price")
    elapsed = time_ms - clock.time_ms if clock.time_ms else 0
    meter = Meter.of(state.market_word(number, METER))
    moved = clock.price_e8 and abs(oracle - clock.price_e8) * 10**6 > clock.price_e8 * (
        rates.move_e6 + rates.move_per_s_e6 * (elapsed // 1000)
    )
    limits = Limits.of(state.scalar("limits"))
    halted = limits.halted_from_ms < time_ms <= limits.halted_until_ms
    return Market(
        number,
        oracle,
        price_e8,
        gross_e8,
        rates,
        caps,
        clock,
        Holding.of(state.market_word(number, POOL)),
        meter,
        Ledger.of(state.market_word(number, LEDGER)),
        elapsed,
        funded_index(clock, rates, oracle, time_ms),
        events_of(state, number).last,
        bool(
            rates.status == 2
            or halted
            or number in doubted
            or moved
            or crowded(caps, limits, oracle, meter.open_interest_e8 + gross_e8)
        ),
    )


def crowded(caps: Caps, limits: Limits, oracle_price_e8: int, interest_e8: int) -> bool:
    """Whether so much open interest is above its cap, or worth more than its share of the pool's
    capital allows.
    """
    if interest_e8 > caps.interest_cap_e8:
        return True
    if caps.interest_share == SHARE_OPEN:
        return False
    worth = interest_e8 * oracle_price_e8
    return worth * 16 > (limits.capital_e6 * QUOTE_SCALE) << caps.interest_share


def virtual_mark(state: State, vector: Vector, market: int) -> BatchMark | None:
    """The mark of a market outside the price list: the vector's price, funding to T, no trading."""
    oracle = vector.prices_e8.get(market, 0)
    if not oracle:
        return None
    clock = Clock.of(state.market_word(market, CLOCK))
    rates, _ = state.parameters(clock, market, vector.time_ms)
    index = funded_index(clock, rates, oracle, vector.time_ms)
    event = events_of(state, market).last
    return BatchMark(Mark(market, oracle, index, rates, event), 0, True)


class MarkBook:
    """The marks of one vector, each computed once."""

    def __init__(self, state: State, vector: Vector, listed: Mapping[int, BatchMark]) -> None:
        self._state = state
        self._vector = vector
        self._known: dict[int, BatchMark | None] = dict(listed)

    def __call__(self, market: int) -> BatchMark | None:
        if market not in self._known:
            self._known[market] = virtual_mark(self._state, self._vector, market)
        return self._known[market]


# The signer of record i of the whole batch.
SignerOfRecord = Callable[[int], int | None]


def settle(
    state: State,
    oracle: Oracle,
    seals: Seals,
    crypto: Crypto,
    call: SettleCall,
    now_ms: int,
    prepared: Prepared | None = None,
    signer_of: SignerOfRecord | None = None,
) -> list[Reason]:
    """Settle one batch; returns the reason code of each record.

    `prepared` and `signer_of` may bring what an auditor computed beforehand; without them all is
    computed here. Raises Fault where the contract reverts; then `state` must be undone by the
    caller.
    """
    if len(call.records) > RECORDS_MAX or len(call.prices) > MARKETS_MAX:
        raise Overflow("clearing: more than the call can carry")
    head = SettleHead.of(call.head)
    last = Head.of(state.scalar("head"))
    require(call.head >> 64 == last.number + 1, "clearing: wrong batch number")
    require(head.time_ms > last.time_ms, "clearing: batch time must rise")
    require(
        now_ms - WINDOW_MS <= head.time_ms <= now_ms + EARLY_MS,
        "clearing: batch time outside window",
    )
    vector = prepared.vector if prepared else vector_of(call, crypto.hash_many)
    oracle.check(head.time_ms, vector.chunks, vector.root, call.signatures)
    batch = _Batch(state, last, head.number, head.time_ms, vector, bucket_e6=last.bucket_e6)
    batch.markets = _load_markets(state, vector, call.prices)
    prepared = prepared or prepare(call, crypto)
    records = prepared.records
    _check_records(records, batch.markets)
    signers = signer_of or RecordSigners(prepared, crypto.recover)
    reasons, outcomes = _settle_groups(batch, prepared, signers)
    digest = batch_digest(
        head.number, head.time_ms, prepared.contents, crypto.domain, crypto.hash_many
    )
    seals.check(digest, call.seals, head.time_ms)
    _write_groups(batch, outcomes)
    _settle_backstop(batch, any(reasons))
    _leak(batch)
    for market in batch.markets.values():
        _settle_market(batch, market)
    struck = _strike(batch)
    _close(batch, struck, prepared.contents, call.accepted_root)
    return reasons


# -- loading and records -------------------------------------------------------


def _load_markets(state: State, vector: Vector, prices: Sequence[int]) -> dict[int, Market]:
    markets: dict[int, Market] = {}
    doubted = doubtful(state, vector.prices_e8, vector.time_ms)
    last = 0
    for word in prices:
        price_word = PriceWord.of(word)
        require(price_word.market > last, "clearing: prices not ascending")
        last = price_word.market
        markets[last] = load_market(state, vector, price_word, doubted)
    return markets


def _check_records(records: Sequence[Record], markets: Mapping[int, Market]) -> None:
    """The structural faults of a list of records."""
    last = (TRADERS_FROM - 1, 255)
    count = 0
    for record in records:
        key = (record.account, record.slot)
        count = count + 1 if record.account == last[0] else 1
        require(count <= RECORDS_OF_ACCOUNT_MAX, "clearing: too many fills of one account")
        require(key > last, "clearing: records not ascending")
        require(record.market in markets, "clearing: market not priced")
        last = key


class RecordSigners:
    """Recovers the signer of a batch's record when it is first asked for, and remembers it."""

    def __init__(self, prepared: Prepared, recover: Recover) -> None:
        self._prepared = prepared
        self._recover = recover
        self._known: dict[int, int | None] = {}

    def __call__(self, place: int) -> int | None:
        if place not in self._known:
            record = self._prepared.records[place]
            digest = self._prepared.hashes[place]
            self._known[place] = self._recover(digest, record.r, record.vs)
        return self._known[place]


def group_bounds(records: Sequence[Record]) -> list[tuple[int, int]]:
    """First and one-past-last record of each account group."""
    bounds = []
    start = 0
    for _, group in groupby(records, key=lambda record: record.account):
        end = start + sum(1 for _ in group)
        bounds.append((start, end))
        start = end
    return bounds


def _shifted(signer_of: SignerOfRecord, start: int) -> SignerOf:
    return lambda place: signer_of(start + place)


def _settle_groups(
    batch: _Batch, prepared: Prepared, signer_of: SignerOfRecord
) -> tuple[list[Reason], list[Outcome]]:
    """Every group against storage before the batch; the plan and the skipped net by market."""
    marks = MarkBook(
        batch.state, batch.vector, {number: it.mark for number, it in batch.markets.items()}
    )
    records = prepared.records
    reasons: list[Reason] = []
    outcomes: list[Outcome] = []
    for start, end in group_bounds(records):
        outcome = settle_group(
            batch.state,
            batch.time_ms,
            records[start].account,
            records[start:end],
            prepared.hashes[start:end],
            _shifted(signer_of, start),
            marks,
        )
        outcomes.append(outcome)
        reasons += outcome.reasons
    for record, reason in zip(records, reasons, strict=True):
        market = batch.markets[record.market]
        quote = planned_quote(record, market.price_e8)
        market.plan_quote_e6 += quote
        if record.buy:
            market.bought_e8 += record.fill_e8
        else:
            market.sold_e8 += record.fill_e8
        if reason:
            market.skipped_base_e8 += record.fill_e8 if record.buy else -record.fill_e8
            market.skipped_quote_e6 += quote
    return reasons, outcomes


def settle_group_alone(
    state: State,
    call: SettleCall,
    prepared: Prepared,
    bounds: tuple[int, int],
    signer_of: SignerOfRecord,
) -> Outcome:
    """One account's records settled against storage before the batch as if no other account were
    in it (C13).
    """
    start, end = bounds
    records = prepared.records[start:end]
    wanted = {record.market for record in records}
    vector = prepared.vector
    doubted = doubtful(state, vector.prices_e8, vector.time_ms)
    listed = {
        word >> 240: load_market(state, vector, PriceWord.of(word), doubted).mark
        for word in call.prices
        if word >> 240 in wanted
    }
    return settle_group(
        state,
        vector.time_ms,
        records[0].account,
        records,
        prepared.hashes[start:end],
        _shifted(signer_of, start),
        MarkBook(state, vector, listed),
    )


def _write_groups(batch: _Batch, outcomes: Sequence[Outcome]) -> None:
    state = batch.state
    for outcome in outcomes:
        for event in outcome.events:
            state.log(event[0], *event[1])
        for key, word in outcome.fills:
            state.put(state.fills, key, word)
        for key, word in outcome.positions:
            state.put(state.positions, key, word)
        if outcome.fills:
            account = outcome.positions[0][0] >> 4
            state.put(state.accounts, account, outcome.account)
        for change in outcome.changes:
            batch.markets[change.market].book(
                change.fees_e6, change.credit_e6, change.realised_e6, change.open_interest_e8
            )


# -- the backstop --------------------------------------------------------------


def backstop_key(market: int) -> int:
    """Where the backstop's position of a market is kept: behind the sixteen places of account 1."""
    return 16 + market


def move_collateral(state: State, account: int, amount_e6: int) -> int:
    """Add to an account's collateral outside its own fills, log it, and return the word."""
    stored = Account.of(state.accounts.get(account, 0))
    collateral = stored.collateral_e6 + amount_e6
    require(-(2**63) <= collateral < 2**63, "clearing: amount too large")
    word = stored._replace(collateral_e6=collateral).word
    state.put(state.accounts, account, word)
    state.log("CollateralMoved", account, amount_e6 % 2**256, word)
    return word


def _settle_backstop(batch: _Batch, anything_skipped: bool) -> None:
    """Account 1 steps into the net of the skipped fills (§5.5)."""
    if not anything_skipped:
        return
    state = batch.state
    mask = state.scalar("backstop_markets")
    held = {
        market: Position.of(state.positions.get(backstop_key(market), 0))
        for market in range(1, MARKET_MAX + 1)
        if mask >> market & 1
    }
    marks = _backstop_marks(batch, held)
    touched = {
        number: _backstop_takes(market, held.get(number))
        for number, market in batch.markets.items()
        if market.skipped_base_e8 or market.skipped_quote_e6
    }
    marks |= _backstop_marks(batch, touched)
    account = Account.of(state.accounts.get(BACKSTOP_ACCOUNT, 0))
    withdrawal = Withdrawal.of(state.withdrawals.get(BACKSTOP_ACCOUNT, 0))
    stands = passes(account.collateral_e6, held, touched, marks, withdrawal, batch.time_ms)
    require(stands, "clearing: backstop margin")
    for number, position in touched.items():
        if position.base_e8:
            mask |= 1 << number
        else:
            mask &= ~(1 << number)
            batch.markets[number].book(0, 0, position.quote_e6, 0)
            move_collateral(state, BACKSTOP_ACCOUNT, position.quote_e6)
        word = position.word if position.base_e8 else 0
        state.put(state.positions, backstop_key(number), word)
        state.log("BackstopSettled", number, word)
    state.put_scalar("backstop_markets", mask)


def _backstop_takes(market: Market, held: Position | None) -> Position:
    """The backstop's position after it takes the skipped net of one market, which is booked."""
    position = held or Position(market.number, 0, 0, market.funding_index)
    net = market.skipped_base_e8
    funding = credit(
        position.base_e8, market.funding_index - position.funding_index, market.rates.shift
    )
    fee = fee_of(market.price_e8, abs(net), market.rates.fee_e6)
    base = position.base_e8 + net
    quote = position.quote_e6 + funding + market.skipped_quote_e6 - fee
    require(not outgrown(base, quote), "clearing: backstop margin")
    market.book(fee, funding, 0, max(base, 0) - max(position.base_e8, 0))
    return Position(market.number, base, quote, market.funding_index, market.event)


def _backstop_marks(batch: _Batch, positions: Mapping[int, Position]) -> dict[int, Mark]:
    marks: dict[int, Mark] = {}
    for number in positions:
        market = batch.markets.get(number)
        mark = market.mark if market else virtual_mark(batch.state, batch.vector, number)
        if mark is None:
            raise Fault("clearing: no price")
        marks[number] = mark.mark
    return marks


# -- the pool ------------------------------------------------------------------


def capacity_of(capital_e6: int) -> int:
    """The loss meter's capacity: a quarter of a percent of the pool's value at its last strike."""
    return capital_e6 * _CAPACITY_E6 // 10**6


def _leak(batch: _Batch) -> None:
    """The global bucket's drain since the last batch."""
    last_ms = batch.head.time_ms
    if last_ms:
        capital = Limits.of(batch.state.scalar("limits")).capital_e6
        leak = capacity_of(capital) * (batch.time_ms - last_ms) // DAY_MS
        batch.bucket_e6 = max(0, batch.bucket_e6 - leak)


def _settle_market(batch: _Batch, market: Market) -> None:
    """The pool takes the plan's residual within its bounds; rate, incoming and clock follow
    (§5.6).
    """
    state = batch.state
    require(market.bought_e8 <= market.gross_e8, "clearing: gross exceeded")
    residual = market.bought_e8 - market.sold_e8
    pool = market.pool
    check_price(market, residual)
    check_caps(market, residual)
    _turn_meter(batch, market, residual)
    incoming = Holding(0, 0)
    if market.clock.incoming:
        incoming = Holding.of(state.market_word(market.number, INCOMING))
        state.put_market_word(market.number, INCOMING, 0)
    # What waited is paid from the last batch on: `recovery` has taken off what was too much.
    funding = credit(
        pool.base_e8 + incoming.base_e8,
        market.funding_index - market.clock.funding_index,
        market.rates.shift,
    )
    market.book(0, funding, 0, 0)
    base = pool.base_e8 - residual
    quote = pool.quote_e6 + funding - market.plan_quote_e6
    rate = next_rate(market, base)
    base += incoming.base_e8
    quote += incoming.quote_e6
    if not base and (pool.base_e8 or market.clock.incoming):
        # A pool that was flat already keeps its dust until it next closes.
        market.book(0, 0, quote, 0)
        if quote:
            move_collateral(state, POOL_ACCOUNT, quote)
        quote = 0
    market.pool = Holding(base, quote)
    market.clock = market.clock._replace(
        funding_index=market.funding_index,
        rate_e9=rate,
        price_e8=market.oracle_price_e8,
        time_ms=batch.time_ms,
        incoming=False,
    )
    words = (market.clock.word, market.pool.word, market.meter.word, market.ledger.word)
    for place, word in zip((CLOCK, POOL, METER, LEDGER), words, strict=True):
        state.put_market_word(market.number, place, word)
    bit = 1 << market.number
    mask = state.scalar("pool_markets")
    state.put_scalar("pool_markets", mask | bit if base else mask & ~bit)
    state.log("MarketSettled", market.number, market.price_e8, *words)


def check_price(market: Market, residual_e8: int) -> None:
    """C6 and C7: the clearing price within the band, on the pool's side, and no further than the
    curve.
    """
    oracle = market.oracle_price_e8
    rates = market.rates
    gap = market.price_e8 - oracle
    require(abs(gap) * 10**6 <= oracle * rates.band_e6, "clearing: price outside band")
    if not residual_e8:
        require(abs(gap) * 10**6 <= oracle * rates.h0_e6, "clearing: price beyond curve")
        return
    side = 1 if residual_e8 > 0 else -1
    gap *= side
    if gap * 10**6 < oracle * rates.h_min_e6:
        require(rebated(market, gap, residual_e8), "clearing: price on the wrong side")
    lean = max(0, side * (residual_e8 - 2 * market.pool.base_e8))
    bound = (rates.h_min_e6 + rates.h0_e6) * 10**14 + market.caps.slope_e20 * lean // 2
    require(gap * 10**20 <= oracle * bound, "clearing: price beyond curve")


def rebated(market: Market, gap: int, residual_e8: int) -> bool:
    """Whether the pool may trade `gap` on its own side of the oracle although that is less than
    h_min: where it shrinks and does not cross zero, gives at most h_min away and no more of what
    its spread has earned than the market's rebate lets it.
    """
    base = market.pool.base_e8
    after = base - residual_e8
    if not market.rates.rebate or abs(after) > abs(base) or after * base < 0:
        return False
    if gap >= 0:
        return True
    given = -gap
    if given * 10**6 > market.oracle_price_e8 * market.rates.h_min_e6:
        return False
    allowance = market.meter.earned_e6 * market.rates.rebate // 16
    return given * abs(residual_e8) <= allowance * QUOTE_SCALE


def check_caps(market: Market, residual_e8: int) -> None:
    """The residual of a batch, and the pool's position after it."""
    base = market.pool.base_e8
    after = abs(base - residual_e8)
    require(abs(residual_e8) <= market.caps.residual_cap_e8, "clearing: residual cap")
    require(after <= market.caps.position_cap_e8 or after <= abs(base), "clearing: pool cap")


def _turn_meter(batch: _Batch, market: Market, residual_e8: int) -> None:
    """The loss meter of §5.6; a pool whose meter is full may only shrink."""
    bucket, recent, interest, earned = market.meter
    oracle = market.oracle_price_e8
    elapsed = market.elapsed_ms
    move = oracle - market.clock.price_e8 if market.clock.price_e8 else 0
    loss = trunc_div(recent * move + residual_e8 * (oracle - market.price_e8), QUOTE_SCALE)
    capital = Limits.of(batch.state.scalar("limits")).capital_e6
    capacity = capacity_of(capital)
    bucket = max(0, bucket - capacity * elapsed // (4 * DAY_MS) + loss)
    batch.bucket_e6 = max(0, batch.bucket_e6 + loss)
    recent = trunc_div(recent * max(0, _MEMORY_MS - elapsed), _MEMORY_MS) + residual_e8
    spread = residual_e8 * (market.price_e8 - oracle) // QUOTE_SCALE
    earned = min(max(0, earned + spread), 2**64 - 1)
    market.meter = Meter(bucket, recent, interest, earned)
    if residual_e8 and (bucket >= capacity // 4 or batch.bucket_e6 >= capacity):
        before = market.pool.base_e8
        after = before - residual_e8
        require(abs(after) <= abs(before) and after * before >= 0, "clearing: loss meter")


def next_rate(market: Market, pool_base_e8: int) -> int:
    """The funding rate after the plan: it drifts with the skew that the pool is left with. Raises
    Overflow for a market without a position cap.
    """
    cap = market.caps.position_cap_e8
    if not cap:
        raise Overflow("clearing: a market without a position cap has no funding rate")
    skew = clamp(-pool_base_e8, cap)
    drift = trunc_div(
        skew * market.rates.velocity_e9 * min(market.elapsed_ms, _HOUR_MS), cap * DAY_MS
    )
    return clamp(market.clock.rate_e9 + drift, market.rates.rate_max_e9)


# -- the strike and the end ----------------------------------------------------


def shares_after(state: State, epoch: int) -> int:
    """Shares outstanding once every epoch before `epoch` is struck."""
    requests = Requests.of(state.lp_requests.get(epoch - 1, 0))
    return supply_after(Strike.of(state.strikes.get(epoch - 1, 0)), requests)


def _strike(batch: _Batch) -> bool:
    """One price for all share requests of an epoch that ended (§5.7); returns whether it struck."""
    state = batch.state
    epoch = batch.head.epoch
    if batch.time_ms <= batch.head.epoch_end_ms + GUARD_MS:
        return False
    nav = Account.of(state.accounts.get(POOL_ACCOUNT, 0)).collateral_e6
    locked = 0
    mask = state.scalar("pool_markets")
    for number in range(1, MARKET_MAX + 1):
        if mask >> number & 1:
            mark = virtual_mark(state, batch.vector, number)
            if mark is None:
                raise Fault("clearing: strike misses a market")
            nav += pool_value(state, mark.mark)
            locked += locked_e6(state, mark.mark)
    requests = Requests.of(state.lp_requests.get(epoch, 0))
    strike = strike_of(nav, locked, shares_after(state, epoch), requests)
    gained = moved_e6(strike, requests)
    capital = min(strike.nav_e6 + gained, NAV_E6_MAX)
    limits = Limits.of(state.scalar("limits"))
    struck = limits.struck_e6 + gained
    state.put_scalar("limits", limits._replace(capital_e6=capital, struck_e6=struck).word)
    state.put(state.strikes, epoch, strike.word)
    move_collateral(state, POOL_ACCOUNT, gained)
    state.log("PoolStruck", epoch, strike.word, capital)
    return True


def pool_value(state: State, mark: Mark) -> int:
    """What the pool's position and what waits to join it are worth at a mark, in e6."""
    clock = Clock.of(state.market_word(mark.market, CLOCK))
    base, quote = Holding.of(state.market_word(mark.market, POOL))
    if clock.incoming:
        incoming = Holding.of(state.market_word(mark.market, INCOMING))
        base += incoming.base_e8
        quote += incoming.quote_e6
    quote += credit(base, mark.funding_index - clock.funding_index, mark.rates.shift)
    return base * mark.oracle_price_e8 // QUOTE_SCALE + quote


def locked_e6(state: State, mark: Mark) -> int:
    """What a market's open interest, the pool's part in it, locks of the pool's capital: its
    initial margin.
    """
    base = Holding.of(state.market_word(mark.market, POOL)).base_e8
    if Clock.of(state.market_word(mark.market, CLOCK)).incoming:
        base += Holding.of(state.market_word(mark.market, INCOMING)).base_e8
    interest = Meter.of(state.market_word(mark.market, METER)).open_interest_e8 + max(0, base)
    return initial_margin(interest, mark)


def _close(batch: _Batch, struck: bool, contents: bytes, accepted_root: bytes) -> None:
    """The head."""
    state = batch.state
    epoch, epoch_end_ms = batch.head.epoch, batch.head.epoch_end_ms
    if struck:
        epoch += 1
        epoch_end_ms = batch.time_ms + state.epoch_ms
    head = Head(batch.number, batch.time_ms, epoch, epoch_end_ms, batch.bucket_e6).word
    state.put_scalar("head", head)
    state.log(
        "BatchSettled",
        batch.number,
        head,
        int.from_bytes(contents, "big"),
        int.from_bytes(accepted_root, "big"),
    )
