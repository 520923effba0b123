# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Markets
@license AGPL-3.0-only
@notice Market words and parameters, and what a market is worth at a vector: its mark.
@dev C2  per market, base over all accounts, pool and backstop sums to zero
     C3  per market, quote + realised + fees + funding pot sum to zero
     C6, C7  judged in `_close` through `pricing`
     C14 parameters have an old and a new value; the old one serves T <= activation
     A mark is one word, made once per vector and market and kept in transient storage:
     tag 48 @208 | price 64 @144 | index i64 @80 | im 20 @60 | mm 20 @40 | haircut 20 @20 | shift 8 @12
"""

from . import collateral
from . import packing
from . import pricing
from . import units
from ..interfaces import IClearing

uses: collateral

MARKET_COUNT: constant(uint256) = 256
INCOMING: constant(uint256) = 1             # clock flag
LIVE: constant(uint256) = 1
SHRINK_ONLY: constant(uint256) = 2

# places of a market's words: market * 8 + ...
POOL: constant(uint256) = 1
METER: constant(uint256) = 2
LEDGER: constant(uint256) = 3
INCOMING_WORD: constant(uint256) = 4
BACKSTOP: constant(uint256) = 5


# One priced market while a batch is settled.
#   terms    clearing price 64 @192 | fee_e6 16 @176 | gross 64 @112 | shrink only @1 | priced @0
#   volume   planned buys @128 | planned sells @0
#   quote    what the plan moves to traders
#   fees     charged so far
#   ledger   running sum: open interest | funding credits | realised
#   skipped  running sum of skipped fills: base @128 | quote @0
struct Deal:
    terms: uint256
    volume: uint256
    quote: int256
    fees: uint256
    ledger: int256
    skipped: int256


market_words: public(uint256[2048])
parameter_words: public(uint256[2048])
pool_markets: public(uint256)               # bit m: the pool holds base or incoming in market m
backstop_markets: public(uint256)           # bit m: the backstop holds a position in market m

opened: transient(uint256[64])              # the vector's price words
opened_chunks: transient(uint256)
tag: transient(uint256)                     # tells this vector's marks from an earlier one's in the same transaction
marks: transient(uint256[256])


# -- parameters -----------------------------------------------------------------

@internal
def _set(market: uint256, rates: uint256, caps: uint256, listing: uint256):
    """
    @notice Store a new parameter set beside the one in force; it serves T > activation.
    """
    assert market > 0 and market < MARKET_COUNT, "clearing: out of range"
    clock: uint256 = self.market_words[market << 3]
    assert units._now_ms() > ((clock >> 16) & packing.M32) * 1000 + units.WINDOW_MS, "clearing: change pending"

    version: uint256 = 1 - (clock >> 8) & 1
    activation_s: uint256 = block.timestamp + units.GUARD_MS // 1000
    place: uint256 = (market << 3) | (version << 2)
    self.parameter_words[place] = rates
    self.parameter_words[place + 1] = caps
    self.parameter_words[place + 2] = listing
    self.market_words[market << 3] = clock & ~(((1 << 40) - 1) << 8) | (activation_s << 16) | (version << 8)
    log IClearing.MarketSet(
        market=market, version=version, activation_s=activation_s, rates=rates, caps=caps, listing=listing
    )


@internal
@pure
def _parameters_at(market: uint256, clock: uint256, time: uint256) -> uint256:
    """
    @notice The place of the parameter set that serves this time.
    """
    version: uint256 = (clock >> 8) & 1
    if time <= ((clock >> 16) & packing.M32) * 1000:
        version = 1 - version
    return (market << 3) | (version << 2)


# -- marks --------------------------------------------------------------------------

@internal
def _lay(words: uint256[64], chunks: uint256):
    """
    @notice Lay a verified vector's prices out for this transaction.
    """
    for i: uint256 in range(64):
        if i == chunks << 3:
            break
        self.opened[i] = words[i]
    self.opened_chunks = chunks
    self.tag += 1


@internal
@view
def _price(market: uint256) -> uint256:
    if market >> 5 >= self.opened_chunks:
        return 0
    return (self.opened[market >> 2] >> ((3 - market & 3) << 6)) & packing.M64


@internal
def _mark(market: uint256, time: uint256) -> uint256:
    """
    @notice The market's mark at this vector; zero price if the vector has none. Funding is integrated virtually.
    """
    mark: uint256 = self.marks[market]
    if mark >> 208 == self.tag:
        return mark
    clock: uint256 = self.market_words[market << 3]
    return self._make_mark(
        market, clock, self.parameter_words[self._parameters_at(market, clock, time)], self._price(market), time
    )


@internal
def _make_mark(market: uint256, clock: uint256, rates: uint256, oracle: uint256, time: uint256) -> uint256:
    index: int256 = packing._int(clock) >> 192
    dt: uint256 = self._since(clock, time)
    scale: uint256 = (rates >> 76) & packing.M8
    index += pricing._index_step(packing._int(clock << 64) >> 224, oracle, dt, scale)
    mark: uint256 = (
        (self.tag << 208)
        | (oracle << 144)
        | (packing._field(index, 64) << 80)
        | ((rates >> 196) << 20)            # im, mm and haircut stand side by side in both words
        | (scale << 12)
    )
    self.marks[market] = mark
    return mark


@internal
@pure
def _since(clock: uint256, time: uint256) -> uint256:
    """
    @notice Milliseconds since the market was last settled; 0 before the first time, and for an earlier vector.
    """
    last: uint256 = (clock >> 48) & packing.M48
    if last == 0 or time <= last:
        return 0
    return time - last


@internal
@pure
def _appraise(base: int256, quote: int256, mark: uint256) -> (int256, uint256):
    """
    @notice What a position, funding settled, is worth after the haircut, and its initial margin.
    """
    exposure: int256 = unsafe_mul(base, convert((mark >> 144) & packing.M64, int256))
    value: int256 = unsafe_add(units._floor_lots(exposure), quote)
    if value > 0 and base != 0:
        haircut: uint256 = (mark >> 20) & packing.M20
        value = unsafe_sub(value, convert(units._ceil_div(convert(value, uint256) * haircut, units.FRACTION), int256))
    return value, units._ceil_div(unsafe_mul(convert(abs(exposure), uint256), (mark >> 60) & packing.M20), 10**16)


@internal
@pure
def _weigh(base: int256, quote: int256, mark: uint256) -> (int256, uint256):
    """
    @notice What a position, funding settled, is worth without a haircut, and its maintenance margin.
    """
    exposure: int256 = unsafe_mul(base, convert((mark >> 144) & packing.M64, int256))
    return (
        unsafe_add(units._floor_lots(exposure), quote),
        units._ceil_div(unsafe_mul(convert(abs(exposure), uint256), (mark >> 40) & packing.M20), 10**16),
    )


# -- a market in a batch ---------------------------------------------------------------

@internal
def _open(word: uint256, time: uint256) -> uint256:
    """
    @notice Load a priced market: its mark with funding to T, and whether it may only shrink.
    @param word A price word: market u16 @240 | price u64 @176 | gross u64 @112.
    @return the deal's terms
    """
    market: uint256 = word >> 240
    assert word & (2**112 - 1) == 0, "clearing: reserved bits set"
    assert market < MARKET_COUNT, "clearing: market not live"
    clock: uint256 = self.market_words[market << 3]
    place: uint256 = self._parameters_at(market, clock, time)
    rates: uint256 = self.parameter_words[place]
    status: uint256 = (rates >> 68) & packing.M8
    assert status != 0, "clearing: market not live"

    oracle: uint256 = self._price(market)
    gross: uint256 = (word >> 112) & packing.M64
    assert oracle != 0 and (word >> 176) & packing.M64 != 0, "clearing: no price"
    self._make_mark(market, clock, rates, oracle, time)

    shrink: uint256 = 0
    if (
        status == SHRINK_ONLY
        or self._jumped(clock, rates, oracle, time)
        or ((self.market_words[(market << 3) | METER] >> 64) & packing.M64) + gross
        > self.parameter_words[place | 1] & packing.M64
    ):
        shrink = 2
    return ((word << 16) & ~(2**192 - 1)) | (((rates >> 84) & packing.M16) << 176) | (gross << 112) | shrink | 1


@internal
@pure
def _jumped(clock: uint256, rates: uint256, oracle: uint256, time: uint256) -> bool:
    """
    @notice Whether the price moved beyond its bound, which widens with the time since the last one.
    """
    last: uint256 = (clock >> 96) & packing.M64
    if last == 0:
        return False
    gap: uint256 = unsafe_sub(max(oracle, last), min(oracle, last))
    bound: uint256 = (
        (rates >> 116) & packing.M20
    ) + ((rates >> 100) & packing.M16) * (self._since(clock, time) // 1000)
    return gap * units.FRACTION > last * bound


@internal
def _close(market: uint256, deal: Deal, time: uint256, capacity: uint256, level: uint256) -> uint256:
    """
    @notice Judge the plan's price and residual, let the pool take it, and write the market.
    @param capacity What the loss meter of all markets together holds, e6.
    @param level The global bucket before this market.
    @return the global bucket after it
    """
    at: uint256 = market << 3
    clock: uint256 = self.market_words[at]
    place: uint256 = self._parameters_at(market, clock, time)
    rates: uint256 = self.parameter_words[place]
    caps: uint256 = self.parameter_words[place | 1]
    mark: uint256 = self.marks[market]
    oracle: uint256 = (mark >> 144) & packing.M64
    price: uint256 = deal.terms >> 192
    dt: uint256 = self._since(clock, time)
    base: int256 = 0
    quote: int256 = 0
    base, quote = packing._unpack_book(self.market_words[at | POOL])

    bought: uint256 = deal.volume >> 128
    assert bought <= (deal.terms >> 112) & packing.M64, "clearing: gross exceeded"
    residual: int256 = convert(bought, int256) - convert(deal.volume & packing.M128, int256)
    pricing._check_price(oracle, price, residual, base, rates, caps >> 192)

    # the loss meter
    meter: uint256 = self.market_words[at | METER]
    recent: int256 = packing._int(meter << 64) >> 192
    loss: int256 = pricing._meter_loss(recent, (clock >> 96) & packing.M64, oracle, price, residual)
    bucket: uint256 = pricing._drain(meter >> 192, capacity * dt // (4 * units.DAY_MS), loss)
    total: uint256 = pricing._drain(level, 0, loss)
    pricing._check_caps(residual, base, caps, bucket > capacity // 4 or total > capacity)
    interest: int256 = 0
    credits: int256 = 0
    realised: int256 = 0
    interest, credits, realised = packing._unpack_sums(deal.ledger)
    interest += convert((meter >> 64) & packing.M64, int256)
    self.market_words[at | METER] = (
        (packing._count(bucket, 64) << 192)
        | (packing._field(pricing._decay(recent, dt) + residual, 64) << 128)
        | (packing._count(convert(interest, uint256), 64) << 64)
    )

    # the pool takes the residual, funding to T, then what recovery left for it
    index: int256 = packing._int(mark << 112) >> 192
    credit: int256 = pricing._credit(base, index - (packing._int(clock) >> 192), (rates >> 76) & packing.M8)
    credits += credit
    quote += credit - deal.quote
    held: bool = base != 0
    base -= residual
    rate: int256 = pricing._next_rate(packing._int(clock << 64) >> 224, -base, dt, caps, rates)
    if clock & INCOMING != 0:
        more_base: int256 = 0
        more_quote: int256 = 0
        more_base, more_quote = packing._unpack_book(self.market_words[at | INCOMING_WORD])
        self.market_words[at | INCOMING_WORD] = 0
        base += more_base
        quote += more_quote
        held = True
    if base == 0 and quote != 0:
        realised += quote
        self._realise_pool(quote)
        quote = 0
    if held != (base != 0):
        self.pool_markets ^= 1 << market
    self.market_words[at | POOL] = packing._book(base, quote)

    ledger: uint256 = self._entered(self.market_words[at | LEDGER], realised, deal.fees, -credits)
    self.market_words[at | LEDGER] = ledger
    clock = (
        (packing._raw(index) << 192)
        | (packing._field(rate, 32) << 160)
        | (oracle << 96)
        | (time << 48)
        | (clock & (((1 << 40) - 1) << 8))
    )
    self.market_words[at] = clock
    log IClearing.MarketSettled(
        market=market,
        price_e8=price,
        clock=clock,
        pool=self.market_words[at | POOL],
        meter=self.market_words[at | METER],
        ledger=ledger,
    )
    return total


@internal
def _realise_pool(quote: int256):
    word: uint256 = collateral.accounts[0]
    word = packing._with_collateral(word, packing._collateral_of(word) + quote)
    collateral.accounts[0] = word
    log IClearing.PoolRealised(word=word)


@internal
@pure
def _entered(ledger: uint256, realised: int256, fees: uint256, pot: int256) -> uint256:
    """
    @notice The ledger word with further entries: realised i88 @168 | fees u80 @88 | pot i88 @0.
    """
    return (
        (packing._field((packing._int(ledger) >> 168) + realised, 88) << 168)
        | (packing._count(((ledger >> 88) & packing.M80) + fees, 80) << 88)
        | packing._field((packing._int(ledger << 168) >> 168) + pot, 88)
    )


@internal
@view
def _pool_value(market: uint256) -> int256:
    """
    @notice What the pool's position of a settled market is worth at its mark.
    """
    base: int256 = 0
    quote: int256 = 0
    base, quote = packing._unpack_book(self.market_words[(market << 3) | POOL])
    return units._floor_lots(base * convert((self.marks[market] >> 144) & packing.M64, int256)) + quote
