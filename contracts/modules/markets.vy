# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Markets
@license AGPL-3.0-only
@notice Market words and parameters, and what a market is worth at a vector: its mark.
@dev C2  per market, base over all accounts, pool and backstop sums to zero
     C3  per market, quote + realised + fees + funding pot sum to zero
     C14 parameters have an old and a new value; the old one serves T <= activation
     A mark is one word, made once per vector and market and kept in transient storage:
     tag 16 @240 | event 24 @216 | price 64 @144 | index i64 @80 | im 20 @60 | mm 20 @40 | haircut 20 @20 | scale 8 @12 | tier 4 @8
"""

from . import packing
from . import pricing
from . import reasons
from . import units
from ..interfaces import IClearing

uses: reasons

MARKET_COUNT: constant(uint256) = 256
LOTS: constant(int256) = 10**10             # units.LOTS, signed
INCOMING: constant(uint256) = 1             # clock flag
DELEVERAGED: constant(uint256) = 2          # clock flag, never taken down
SHRINK_ONLY: constant(uint256) = 2          # status, and flag of a deal's terms
SHARE_OPEN: constant(uint256) = 15          # the interest share that leaves open interest to its cap

# places of a market's words: market * 8 + ...
POOL: constant(uint256) = 1
METER: constant(uint256) = 2
LEDGER: constant(uint256) = 3
INCOMING_WORD: constant(uint256) = 4
TRANSIT: constant(uint256) = 5              # what deleveragings closed and nobody has folded yet
EVENTS: constant(uint256) = 6               # last of the shorts 24 @48 | last of the longs 24 @24 | last 24 @0


# One priced market while a batch is settled.
#   terms    clearing price 64 @192 | fee_e6 16 @176 | gross 64 @112 | shrink only @1
#   mark     the market's, with market 16 @240 for the tag as in a position, and the place in the price list 8 @0, from 1
#   volume   planned buys @128 | planned sells @0
#   quote    what the plan moves to traders
#   fees     charged so far
#   ledger   running sum: open interest | funding credits | realised
#   skipped  running sum of skipped fills: base @128 | quote @0
struct Deal:
    terms: uint256
    mark: uint256
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
laid: transient(uint256)                    # tag 16 @8, tells this vector's marks from an earlier one's in the transaction | chunks 8 @0
marks: transient(uint256[256])


# -- parameters -----------------------------------------------------------------

@internal
def _set(market: uint256, rates: uint256, caps: uint256, listing: uint256):
    """
    @notice Store a new parameter set beside the one in force; it serves T > activation.
    """
    clock: uint256 = self.market_words[market << 3]
    if block.timestamp <= unsafe_add( (clock << 208) >> 224, units.WINDOW_S ):
        reasons._refuse(reasons.CHANGE_PENDING)

    # activation and version sit side by side in the clock word
    version: uint256 = ((clock >> 8) & 1) ^ 1
    place: uint256 = (market << 3) | (version << 2)
    activation_s: uint256 = unsafe_add(block.timestamp, units.GUARD_S)
    clock = ((clock >> 48) << 48) | (activation_s << 16) | (version << 8) | (clock & packing.M8)
    self.parameter_words[place] = rates
    self.parameter_words[place | 1] = caps
    self.parameter_words[place | 2] = listing
    self.market_words[market << 3] = clock
    log IClearing.MarketSet(market=market, clock=clock, rates=rates, caps=caps, listing=listing)


@internal
@pure
def _parameters_at(market: uint256, clock: uint256, time: uint256) -> uint256:
    """
    @notice The place of the parameter set that serves this time.
    """
    version: uint256 = (clock >> 8) & 1
    if time <= unsafe_mul((clock << 208) >> 224, 1000):
        version ^= 1
    return (market << 3) | (version << 2)


# -- marks --------------------------------------------------------------------------

@internal
def _lay(words: uint256[64], chunks: uint256):
    """
    @notice Lay a verified vector's prices out for this transaction.
    """
    laid: uint256 = self.laid
    for i: uint256 in range(chunks << 3, bound=64):
        word: uint256 = words[i]
        if word | laid != 0:        # the first vector of a transaction finds zeros
            self.opened[i] = word
    self.laid = (unsafe_add(laid >> 8, 1) << 8) | chunks


@internal
def _mark(market: uint256, time: uint256) -> uint256:
    """
    @notice The market's mark at this vector, with the market for its tag; zero price if the vector has none. Funding is
            integrated virtually.
    """
    mark: uint256 = self.marks[market]
    if mark >> 240 != self.laid >> 8:
        clock: uint256 = self.market_words[market << 3]
        mark = self._make_mark(market, clock, self.parameter_words[self._parameters_at(market, clock, time)], time)
        self.marks[market] = mark
    return (market << 240) | ((mark << 16) >> 16)


@internal
@view
def _make_mark(market: uint256, clock: uint256, rates: uint256, time: uint256) -> uint256:
    laid: uint256 = self.laid
    oracle: uint256 = 0
    if market >> 5 < laid & packing.M8:
        oracle = (self.opened[market >> 2] >> (((market & 3) ^ 3) << 6)) & packing.M64

    # index step: quote e6 per lot at a rate per day, times 2**scale, toward zero
    step: int256 = (convert(convert(clock << 64, bytes32), int256) >> 224) * convert(
        unsafe_mul(oracle, self._since(clock, time)), int256
    )
    # at the end of its field the index stands still: funding stops, conserved, and nothing else does
    index: int256 = (convert(convert(clock, bytes32), int256) >> 192) + unsafe_div(
        step << ((rates >> 76) & packing.M8), 10**19 * 86_400_000
    )
    if index >> 63 != index >> 255:
        index = (index >> 255) ^ (2**63 - 1)
    count: uint256 = 0
    if clock & DELEVERAGED != 0:
        count = self.market_words[(market << 3) | EVENTS] & packing.M24
    return (
        ((laid >> 8) << 240)        # no transaction has gas for 2^16 vectors
        | (count << 216)
        | (oracle << 144)
        | ((convert(convert(index, bytes32), uint256) << 192) >> 112)
        | ((rates >> 196) << 20)            # im, mm and haircut stand side by side in both words
        | (((rates >> 72) & (2**12 - 1)) << 8)  # so do scale and tier
    )


@internal
@pure
def _since(clock: uint256, time: uint256) -> uint256:
    """
    @notice Milliseconds since the market was last settled; 0 before the first time, and for an earlier vector.
    """
    last: uint256 = (clock << 160) >> 208
    if last == 0 or time <= last:
        return 0
    return unsafe_sub(time, last)


@internal
@pure
def _appraise(base: int256, quote: int256, mark: uint256) -> int256:
    """
    @notice What a position, funding settled, is worth after the haircut, less its initial margin.
    """
    exposure: int256 = unsafe_mul(base, convert(convert((mark << 48) >> 192, bytes32), int256))
    # units._floor_lots, in place: this runs for every order
    value: int256 = unsafe_add(
        unsafe_sub(unsafe_div(unsafe_add(exposure, LOTS * 2**136), LOTS), 2**136), quote
    )
    sign: int256 = exposure >> 255
    size: uint256 = convert(convert(unsafe_sub(exposure ^ sign, sign), bytes32), uint256)
    # pricing._margin, in place
    weight: uint256 = unsafe_mul(size, (mark << 176) >> 236)
    if size >> pricing.TIER_BITS != 0:
        weight = pricing._steepened(weight, size, (mark >> 8) & 15)
    margin: uint256 = unsafe_div(unsafe_add(weight, 10**16 - 1), 10**16)
    if base != 0:
        if value > 0:
            haircut: int256 = convert(convert((mark >> 20) & packing.M20, bytes32), int256)
            value = unsafe_sub(value, unsafe_div(unsafe_add(unsafe_mul(value, haircut), 10**6 - 1), 10**6))
    return unsafe_sub(value, convert(convert(margin, bytes32), int256))


@internal
@pure
def _weigh(base: int256, quote: int256, mark: uint256) -> (int256, int256):
    """
    @notice What a position, funding settled, is worth without a haircut, and its maintenance margin.
    """
    exposure: int256 = unsafe_mul(base, convert(convert((mark << 48) >> 192, bytes32), int256))
    value: int256 = unsafe_add(units._floor_lots(exposure), quote)
    size: uint256 = convert(convert(max(exposure, unsafe_sub(0, exposure)), bytes32), uint256)
    margin: uint256 = pricing._margin(size, (mark >> 40) & packing.M20, (mark >> 8) & 15)
    return value, convert(convert(margin, bytes32), int256)


# -- a market enters a batch ----------------------------------------------------------------

@internal
def _open(word: uint256, place: uint256, time: uint256, capital: uint256, shrinking: uint256) -> (uint256, uint256):
    """
    @notice Load a priced market: its mark with funding to T, and whether it may only shrink.
    @param word A price word: market u16 @240 | price u64 @176 | gross u64 @112.
    @param place Its place in the price list, from 1.
    @param capital The pool's, at its last strike.
    @param shrinking Bit m: market m only shrinks; a second source doubts its price, or all are halted.
    @return the deal's terms and mark
    """
    market: uint256 = word >> 240
    clock: uint256 = self.market_words[market << 3]
    chosen: uint256 = self._parameters_at(market, clock, time)
    rates: uint256 = self.parameter_words[chosen]
    status: uint256 = (rates >> 68) & 15
    if status == 0:
        reasons._refuse(reasons.MARKET_NOT_LIVE)
    mark: uint256 = self._make_mark(market, clock, rates, time)
    self.marks[market] = mark
    oracle: uint256 = (mark << 48) >> 192
    if not (oracle != 0 and (word << 16) >> 192 != 0):
        reasons._refuse(reasons.NO_PRICE)

    # shrink only by status, by doubt or halt, after a jump beyond the bound that widens with time, or with no room for
    # more interest: by its own cap, or by what it is worth against the pool's capital
    last: uint256 = (clock << 96) >> 192
    bound: uint256 = unsafe_add(
        (rates >> 116) & packing.M20,
        unsafe_mul((rates >> 100) & packing.M16, unsafe_div(self._since(clock, time), 1000)),
    )
    caps: uint256 = self.parameter_words[chosen | 1]
    share: uint256 = (caps >> 60) & 15
    interest: uint256 = unsafe_add(
        (self.market_words[(market << 3) | METER] >> 64) & packing.M64, (word << 80) >> 192
    )
    terms: uint256 = (((word << 16) >> 192) << 192) | (((word << 80) >> 192) << 112)
    if (
        status == SHRINK_ONLY
        or (shrinking >> market) & 1 != 0
        or last != 0 and unsafe_mul(unsafe_sub(max(oracle, last), min(oracle, last)), 10**6) > unsafe_mul(last, bound)
        or interest > caps & (2**60 - 1)
        or share != SHARE_OPEN and unsafe_mul(interest, oracle) << 4 > unsafe_mul(capital, 10**10) << share
    ):
        terms |= SHRINK_ONLY
    return terms | (((rates >> 84) & packing.M16) << 176), (market << 240) | ((mark << 16) >> 16) | place
