# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Rules
@license AGPL-3.0-only
@notice What a market's words become when a batch closes it or Recovery shrinks a position: pure functions of their
        arguments, called by `Clearing` and by anyone who wants to know beforehand. Holds nothing.
@dev Words and rules: docs/protocol.md section 3, section 5.6, section 7.
     C6  one price per market and batch, inside the band and the curve bound
     C7  the pool trades at least h_min on its own side of the oracle, or gives back of what its spread has earned to
         shrink; residual, position and losses are capped
     Unchecked sums and products: a batch's numbers are fields of at most 88 bits, or sums of 256 of them, so no sum
     leaves 128 bits and no product of three 256. `check_price`, whose arguments are anyone's, narrows them first.
     D15 what a deleveraging takes from one it gives to others, to the unit, whoever folds first
     A contract of its own because a reason string costs 125 bytes where it stands, and Clearing has none to spare.
@custom:halt No state: nothing to stop.
"""

from .interfaces import IRules
from .modules import packing
from .modules import pricing
from .modules import reasons
from .modules import units

implements: IRules

STEP_MS: constant(uint256) = 3_600_000          # a rate moves by at most an hour's velocity, however long the gap
MEMORY_MS: constant(uint256) = 8 * units.WINDOW_MS  # how long the meter remembers what the pool sold
DELEVERAGED: constant(uint256) = 2              # clock flag
FOLD: constant(uint256) = 2**254                # flags of terms
SPREAD: constant(uint256) = 2**253
EXITING: constant(uint256) = 2**216             # of a position word
LEAN_E6_MAX: constant(uint256) = 50_000         # 5 %, the most that h_min may be: recovery gives the pool no more


@external
@pure
def close(market: IRules.Market, plan: IRules.Plan) -> (IRules.Market, uint256, int256):
    """
    @notice Judge a batch's price and residual in one market and write its words anew.
    @return the words after, the global loss bucket after, and the quote realised to the pool's collateral
    """
    clock: uint256 = market.clock
    last: uint256 = (clock << 96) >> 192
    stamp: uint256 = (clock << 160) >> 208
    dt: uint256 = 0
    if stamp != 0:
        dt = plan.time - stamp      # checked: Clearing's times rise, a stranger's question may not
    base: int256 = convert(convert(market.pool, bytes32), int256) >> 192
    quote: int256 = convert(convert(market.pool << 64, bytes32), int256) >> 168
    held: int256 = base

    assert plan.volume >> 128 <= plan.gross, "clearing: gross exceeded"
    residual: int256 = unsafe_sub(                      # of two u128
        convert(convert(plan.volume >> 128, bytes32), int256),
        convert(convert((plan.volume << 128) >> 128, bytes32), int256),
    )
    earned: uint256 = (market.meter << 192) >> 192
    self._check_price(plan.oracle, plan.price, residual, base, market.rates, market.caps >> 192, earned)

    # the loss meter: what trading against the pool took from it since the last batch
    recent: int256 = convert(convert(market.meter << 64, bytes32), int256) >> 192
    oracle: int256 = convert(convert(plan.oracle, bytes32), int256)
    taken: int256 = unsafe_mul(residual, unsafe_sub(oracle, convert(convert(plan.price, bytes32), int256)))
    # what it earned of its spread, or gave back: rounded down
    spread: int256 = unsafe_sub(unsafe_div(unsafe_sub(10**10 * 2**136, taken), 10**10), 2**136)
    spread = unsafe_add(convert(convert(earned, bytes32), int256), spread)
    earned = convert(convert(max(0, min(2**64 - 1, spread)), bytes32), uint256)
    if last != 0:
        taken = unsafe_add(taken, unsafe_mul(recent, unsafe_sub(oracle, convert(convert(last, bytes32), int256))))
    loss: int256 = unsafe_div(taken, 10**10)
    leak: uint256 = unsafe_div(unsafe_mul(plan.capacity, dt), 4 * units.DAY_MS)
    bucket: uint256 = self._drain(market.meter >> 192, leak, loss)
    level: uint256 = self._drain(plan.level, 0, loss)
    self._check_caps(residual, base, market.caps, bucket >= unsafe_div(plan.capacity, 4) or level >= plan.capacity)
    if dt >= MEMORY_MS:
        recent = residual
    else:
        fading: int256 = unsafe_mul(recent, convert(convert(unsafe_sub(MEMORY_MS, dt), bytes32), int256))
        recent = unsafe_add(unsafe_div(fading, convert(MEMORY_MS, int256)), residual)

    # the pool and what recovery left for it: funding to T, then the residual
    interest: int256 = 0
    credits: int256 = 0
    realised: int256 = 0
    interest, credits, realised = packing._unpack_sums(plan.ledger)
    interest = unsafe_add(interest, convert(convert((market.meter << 128) >> 192, bytes32), int256))
    index: int256 = convert(convert(clock, bytes32), int256) >> 192
    if clock & 1 != 0:
        # what waited is paid from the last batch on: its quote has given back what that is too much
        more_base: int256 = 0
        more_quote: int256 = 0
        more_base, more_quote = packing._unpack_book(market.incoming)
        base += more_base
        quote += more_quote
    credit: int256 = pricing._credit(base, unsafe_sub(plan.index, index), (market.rates >> 76) & packing.M8)
    credits = unsafe_add(credits, credit)
    quote = unsafe_add(quote, unsafe_sub(credit, plan.quote))
    base = unsafe_sub(base, residual)
    rate: int256 = convert(convert(clock << 64, bytes32), int256) >> 224
    rate = self._next_rate(rate, unsafe_sub(residual, held), dt, market.caps, market.rates)
    cashed: int256 = 0
    if base == 0 and (held != 0 or clock & 1 != 0):     # a pool that was flat keeps its dust until it next closes
        cashed = quote
        realised += quote
        quote = 0

    after: IRules.Market = market
    after.clock = (
        (packing._field(plan.index, 64) << 192)
        | (packing._field(rate, 32) << 160)
        | (plan.oracle << 96)
        | (plan.time << 48)
        | (clock & (((2**40 - 1) << 8) | DELEVERAGED))
    )
    after.pool = packing._book(base, quote)
    after.meter = (
        (packing._count(bucket, 64) << 192)
        | (packing._field(recent, 64) << 128)
        | (packing._count(convert(interest, uint256), 64) << 64)
        | earned
    )
    after.ledger = packing._entered(market.ledger, realised, plan.fees, unsafe_sub(0, credits))
    after.incoming = 0
    return after, level, cashed


@external
@pure
def shrink(
    market: IRules.Market, position: uint256, mark: uint256, change: int256, terms: uint256, transit: uint256, events: uint256
) -> (IRules.Market, uint256, int256, uint256, uint256, uint256):
    """
    @notice Move part of a position to the pool's incoming, or to the other side of its market, at the mark, funding to
            its time; or fold into it what its side gave up.
    @param position A position word of this market.
    @param mark Its market's, with the market at the top; of a fold: nothing.
    @param change What its base gains. Of a fold: the deleveraging's word, or 0 to write the event field alone.
    @param terms fold 1 @254 | spread 1 @253 | price 64 @160, of a spread, else lean_e6 20 @160 | bounty 64 @96 | charge
        64 @32 | keeper 32 @0: at which price the other side takes over, or what the owner loses to the pool as a share
        of the notional; what a keeper may get from insurance; what the owner pays outright. Of a fold: fold 1 @254 |
        event field 24 @96.
    @param transit The market's word of what was closed and is not yet folded.
    @param events The market's word of how often each side was deleveraged.
    @return the words after, the position word after (0: closed), the quote realised to its owner, transit and events
        after, and what a spread leaves the other side's positions to fold
    """
    if terms & FOLD != 0:
        words: IRules.Market = market
        field: uint256 = (terms >> 96) & packing.M24
        after: uint256 = (position & ~(packing.M24 << 216)) | (field << 216)
        realised: int256 = 0
        moving: uint256 = transit
        if change != 0:
            words, after, realised, moving = self._fold(market, position, packing._word(change), field, transit)
        return words, after, realised, moving, events, 0

    base: int256 = 0
    quote: int256 = 0
    index: int256 = 0
    base, quote, index = packing._unpack_position(position)
    assert change != 0 and pricing._shrinks(base, change), "clearing: apply must shrink"
    oracle: uint256 = (mark << 48) >> 192
    assert oracle != 0, "clearing: no price"

    # Recovery names the terms, and this is as far as it may go
    notional: uint256 = convert(abs(change), uint256) * oracle
    charge: uint256 = (terms >> 32) & packing.M64
    mm: uint256 = (market.rates >> 216) & packing.M20
    assert charge <= units._ceil_div(notional * mm, 10**16), "clearing: terms too harsh"
    assert ((terms >> 96) & packing.M64) * 10**16 <= notional * ((market.rates >> 84) & packing.M16), "clearing: terms too harsh"

    credit: int256 = pricing._credit(base, (packing._int(mark << 112) >> 192) - index, (mark >> 12) & packing.M8)
    price: uint256 = (terms >> 160) & packing.M64
    moved: int256 = 0
    if terms & SPREAD != 0:
        assert (max(price, oracle) - min(price, oracle)) * units.FRACTION <= oracle * mm, "clearing: terms too harsh"
        moved = units._floor_lots(-change * convert(price, int256))
    else:
        assert price <= LEAN_E6_MAX, "clearing: terms too harsh"
        moved = units._floor_lots(-change * convert(oracle, int256)) - convert(
            units._ceil_div(notional * price, 10**16), int256
        )
    quote += credit + moved - convert(charge, int256)
    interest: uint256 = convert(max(base, 0) - max(base + change, 0), uint256)
    base += change

    realised: int256 = quote
    after: uint256 = 0
    if base != 0:
        realised = 0
        after = packing._position(base, quote, mark) | (position & EXITING)
    words: IRules.Market = market
    moving: uint256 = transit
    number: uint256 = events
    owed: uint256 = 0
    early: int256 = 0
    if terms & SPREAD != 0:
        words, moving, number, owed, early = self._spread(market, mark, change, moved, price, transit, events)
    else:
        words, early = self._take_in(market, mark, change, moved)
    words.meter -= interest << 64
    words.ledger = packing._entered(market.ledger, realised + convert(charge, int256), 0, -credit - early)
    return words, after, realised, moving, number, owed


@external
@pure
def pool_value(market: IRules.Market, mark: uint256) -> (int256, uint256):
    """
    @notice What the pool's position and incoming are worth at a mark, funding to its time counted, and what the market's
            whole open interest, the pool's part in it, locks of its capital: that interest's initial margin.
    """
    base: int256 = 0
    quote: int256 = 0
    base, quote = packing._unpack_book(market.pool)
    if market.clock & 1 != 0:
        more_base: int256 = 0
        more_quote: int256 = 0
        more_base, more_quote = packing._unpack_book(market.incoming)
        base += more_base
        quote += more_quote
    quote += self._since_batch(market, mark, base)
    oracle: uint256 = (mark >> 144) & packing.M64
    interest: uint256 = ((market.meter >> 64) & packing.M64) + convert(max(base, 0), uint256)
    locked: uint256 = (interest * oracle * ((mark >> 60) & packing.M20) + 10**16 - 1) // 10**16
    return units._floor_lots(base * convert(oracle, int256)) + quote, locked


@external
@pure
def check_price(
    oracle: uint256,
    price: uint256,
    residual: int256,
    pool: int256,
    rates: uint256,
    caps: uint256,
    full: bool,
    earned: uint256,
):
    """
    @notice Revert with the rule a price and residual would break; what `close` asks, for dealers and tests.
    @param residual What traders buy net.
    @param full Whether the loss meter has reached its capacity; a pool without capital has none.
    @param earned What the pool's spread has brought in, e6; read where the market has a rebate.
    """
    moved: int256 = convert(convert(residual, int96), int256)
    held: int256 = convert(convert(pool, int96), int256)
    self._check_price(
        convert(convert(oracle, uint64), uint256),
        convert(convert(price, uint64), uint256),
        moved,
        held,
        rates,
        caps >> 192,
        convert(convert(earned, uint64), uint256),
    )
    self._check_caps(moved, held, caps, full)


@external
@pure
def refuse(reason: uint256) -> bool:
    """
    @notice Revert with the words of a reason `Clearing` has; see `modules/reasons.vy`.
    @return True for a number that is no reason
    """
    assert reason != reasons.WRONG_BATCH_NUMBER, "clearing: wrong batch number"
    assert reason != reasons.BATCH_TIME_MUST_RISE, "clearing: batch time must rise"
    assert reason != reasons.BATCH_TIME_OUTSIDE_WINDOW, "clearing: batch time outside window"
    assert reason != reasons.PRICES_NOT_ASCENDING, "clearing: prices not ascending"
    assert reason != reasons.RECORDS_NOT_ASCENDING, "clearing: records not ascending"
    assert reason != reasons.MARKET_NOT_PRICED, "clearing: market not priced"
    assert reason != reasons.TOO_MANY_FILLS_OF_ONE_ACCOUNT, "clearing: too many fills of one account"
    assert reason != reasons.BACKSTOP_MARGIN, "clearing: backstop margin"
    assert reason != reasons.STRIKE_MISSES_A_MARKET, "clearing: strike misses a market"
    assert reason != reasons.OWNER_IS_ZERO, "clearing: owner is zero"
    assert reason != reasons.DEPOSIT_TOO_SMALL, "clearing: deposit too small"
    assert reason != reasons.UNKNOWN_ACCOUNT, "clearing: unknown account"
    assert reason != reasons.WITHDRAWAL_PENDING, "clearing: withdrawal pending"
    assert reason != reasons.NOT_ENOUGH_COLLATERAL, "clearing: not enough collateral"
    assert reason != reasons.WITHDRAWAL_NOT_DUE, "clearing: withdrawal not due"
    assert reason != reasons.NO_PRICE, "clearing: no price"
    assert reason != reasons.NOT_RECOVERY, "clearing: not recovery"
    assert reason != reasons.NOT_GOVERNANCE, "clearing: not governance"
    assert reason != reasons.VECTOR_FROM_THE_FUTURE, "clearing: vector from the future"
    assert reason != reasons.VECTOR_TOO_OLD, "clearing: vector too old"
    assert reason != reasons.NOT_THE_OWNER, "clearing: not the owner"
    assert reason != reasons.AMOUNT_TOO_LARGE, "clearing: amount too large"
    assert reason != reasons.OUT_OF_RANGE, "clearing: out of range"
    assert reason != reasons.SEQ_MUST_RISE, "clearing: seq must rise"
    assert reason != reasons.EPOCHS_USED_UP, "clearing: epochs used up"
    assert reason != reasons.CANCEL_TOO_SOON, "clearing: cancel too soon"
    assert reason != reasons.CHANGE_PENDING, "clearing: change pending"
    assert reason != reasons.MARKET_NOT_LIVE, "clearing: market not live"
    assert reason != reasons.NOT_SILENT_FOR_A_WEEK, "clearing: not silent for a week"
    assert reason != reasons.WOUND_DOWN, "clearing: wound down"
    assert reason != reasons.NOT_WOUND_DOWN, "clearing: not wound down"
    assert reason != reasons.FOLD_FIRST, "clearing: fold first"
    return True


@internal
@pure
def _pooled(market: IRules.Market) -> (int256, int256, int256):
    """
    @return base and quote of what waits to join the pool, and the pool's base with it
    """
    taken: int256 = 0
    paid: int256 = 0
    if market.clock & 1 != 0:
        taken, paid = packing._unpack_book(market.incoming)
    return taken, paid, (packing._int(market.pool) >> 192) + taken


@internal
@pure
def _since_batch(market: IRules.Market, mark: uint256, base: int256) -> int256:
    """
    @notice Funding of a base from the market's last batch to a mark.
    """
    return pricing._credit(
        base, (packing._int(mark << 112) >> 192) - (packing._int(market.clock) >> 192), (mark >> 12) & packing.M8
    )


@internal
@pure
def _take_in(market: IRules.Market, mark: uint256, change: int256, moved: int256) -> (IRules.Market, int256):
    """
    @notice The pool takes the other side of a position's change, inside its cap.
    @return the words, and what the pool's quote gives back of the funding that the next batch pays it: what runs from
            the last batch to the mark, which the position's owner still earned or paid
    """
    taken: int256 = 0
    paid: int256 = 0
    held: int256 = 0
    taken, paid, held = self._pooled(market)
    if abs(held - change) > convert((market.caps << 128) >> 192, int256):
        assert abs(held - change) <= abs(held), "clearing: pool cap"
    words: IRules.Market = market
    early: int256 = self._since_batch(market, mark, change)
    words.clock |= 1
    words.incoming = packing._book(taken - change, paid - moved + early)
    return words, early


@internal
@pure
def _spread(
    market: IRules.Market,
    mark: uint256,
    change: int256,
    moved: int256,
    price: uint256,
    transit: uint256,
    events: uint256,
) -> (IRules.Market, uint256, uint256, uint256, int256):
    """
    @notice All who hold the other side of a position take its change over, in proportion to what they hold: the pool at
            once, everybody else when folded, and until then it is in transit.
    @return the words, transit and events after, what positions have to fold (0 where the pool was the whole side), and
            what the pool's quote gives back as in `_take_in`
    """
    taken: int256 = 0
    paid: int256 = 0
    held: int256 = 0
    taken, paid, held = self._pooled(market)
    long: bool = change > 0     # the side that gives up
    # one side is as large as the other: the longs' is their interest and the pool's part
    total: uint256 = ((market.meter >> 64) & packing.M64) + convert(max(held, 0), uint256)
    pool: uint256 = convert(max(held, 0), uint256)
    if not long:
        pool = convert(max(-held, 0), uint256)
    size: uint256 = convert(abs(change), uint256)
    part: uint256 = pool * size // total
    words: IRules.Market = market
    given: int256 = 0           # what the pool's base gains, and its quote
    got: int256 = 0
    early: int256 = 0
    if part != 0:
        given = convert(part, int256)
        if long:
            given = -given
        got = units._floor_lots(-given * convert(price, int256))
        words.clock |= 1
        early = self._since_batch(market, mark, -given)
        words.incoming = packing._book(taken + given, paid + got + early)
    closed: uint256 = size - part
    owed: uint256 = 0
    base: int256 = 0
    quote: int256 = 0
    base, quote = packing._unpack_book(transit)
    last: uint256 = events
    if closed != 0:
        owed = packing._deleveraging(closed, long, total - pool, price, mark)
        number: uint256 = packing._count((events & packing.M24) + 2, 24)
        words.clock |= DELEVERAGED
        if long:
            words.meter -= closed << 64
            last = ((events >> 48) << 48) | (number << 24) | number
        else:
            last = (number << 48) | (((events >> 24) & packing.M24) << 24) | number
    return words, packing._book(base - change - given, quote - moved - got), last, owed, early


@internal
@pure
def _fold(
    market: IRules.Market, position: uint256, owed: uint256, number: uint256, transit: uint256
) -> (IRules.Market, uint256, int256, uint256):
    """
    @notice A position gives up its part of what its side owes: up to the deleveraging's funding index as it was, then at
            the deleveraging's price and smaller. Lots round up, money against it; what that leaves stays in transit.
    """
    base: int256 = 0
    quote: int256 = 0
    index: int256 = 0
    base, quote, index = packing._unpack_position(position)
    assert base != 0 and (base > 0) == ((owed >> 191) & 1 != 0), "clearing: not of this side"
    price: int256 = convert((owed >> 64) & packing.M64, int256)
    total: uint256 = (owed >> 128) & (2**63 - 1)
    held: uint256 = convert(abs(base), uint256)
    part: int256 = convert(min(held, (held * (owed >> 192) + total - 1) // total), int256)
    if base > 0:
        part = -part
    credit: int256 = pricing._credit(base, (packing._int(owed << 192) >> 192) - index, (market.rates >> 76) & packing.M8)
    moved: int256 = units._floor_lots(-part * price)
    base += part
    quote += credit + moved

    realised: int256 = quote
    after: uint256 = 0
    if base != 0:
        realised = 0
        after = packing._position(
            base, quote, ((position >> 240) << 240) | (number << 216) | (((owed << 192) >> 192) << 80)
        ) | (position & EXITING)
    in_base: int256 = 0
    in_quote: int256 = 0
    in_base, in_quote = packing._unpack_book(transit)
    words: IRules.Market = market
    words.ledger = packing._entered(market.ledger, realised, 0, -credit)
    return words, after, realised, packing._book(in_base - part, in_quote - moved)


@internal
@pure
def _check_price(
    oracle: uint256, price: uint256, residual: int256, pool: int256, rates: uint256, slope: uint256, earned: uint256
):
    lean: int256 = convert(convert(unsafe_sub(price, oracle), bytes32), int256)
    width: uint256 = unsafe_mul(unsafe_sub(max(price, oracle), min(price, oracle)), units.FRACTION)
    h_min: uint256 = (rates >> 176) & packing.M20
    h0: uint256 = (rates >> 156) & packing.M20

    assert width <= unsafe_mul(oracle, (rates >> 136) & packing.M20), "clearing: price outside band"
    if residual == 0:
        assert width <= unsafe_mul(oracle, h0), "clearing: price beyond curve"
        return

    tilt: int256 = unsafe_sub(residual, unsafe_mul(pool, 2))
    if residual < 0:
        lean = unsafe_sub(0, lean)
        tilt = unsafe_sub(0, tilt)
    if lean < 0 or width < unsafe_mul(oracle, h_min):
        # only to shrink, not through zero; beyond the oracle by at most h_min, and out of what was earned
        assert (
            rates & 15 != 0 and pricing._shrinks(pool, unsafe_sub(0, residual))
        ), "clearing: price on the wrong side"
        if lean < 0:
            given: uint256 = unsafe_mul(
                convert(convert(max(residual, unsafe_sub(0, residual)), bytes32), uint256),
                unsafe_sub(max(price, oracle), min(price, oracle)),
            )
            assert width <= unsafe_mul(oracle, h_min), "clearing: price on the wrong side"
            assert given <= unsafe_mul(unsafe_mul(earned, rates & 15) >> 4, 10**10), "clearing: price on the wrong side"
        return
    reach: uint256 = unsafe_mul(unsafe_add(h_min, h0), 10**14)
    if tilt > 0:
        reach = unsafe_add(reach, unsafe_mul(slope, convert(convert(tilt, bytes32), uint256)) >> 1)
    assert unsafe_mul(width, 10**14) <= unsafe_mul(oracle, reach), "clearing: price beyond curve"


@internal
@pure
def _check_caps(residual: int256, pool: int256, caps: uint256, full: bool):
    after: int256 = unsafe_sub(pool, residual)
    size: int256 = max(after, unsafe_sub(0, after))
    assert max(residual, unsafe_sub(0, residual)) <= convert((caps << 64) >> 192, int256), "clearing: residual cap"
    if size > convert((caps << 128) >> 192, int256):
        assert size <= max(pool, unsafe_sub(0, pool)), "clearing: pool cap"
    if full and residual != 0:
        assert pricing._shrinks(pool, unsafe_sub(0, residual)), "clearing: loss meter"


@internal
@pure
def _drain(bucket: uint256, leak: uint256, loss: int256) -> uint256:
    """
    @return max(0, bucket - leak + loss)
    """
    left: int256 = unsafe_add(convert(convert(unsafe_sub(bucket, leak), bytes32), int256), loss)
    if left <= 0:
        return 0
    return convert(convert(left, bytes32), uint256)


@internal
@pure
def _next_rate(rate_e9: int256, skew: int256, dt: uint256, caps: uint256, rates: uint256) -> int256:
    """
    @notice The rate follows the traders' skew at a bounded velocity, inside its own bound.
    """
    cap: int256 = convert((caps << 128) >> 192, int256)
    bound: int256 = convert((rates >> 36) & packing.M32, int256)
    velocity: int256 = convert((rates >> 4) & packing.M32, int256)
    step: int256 = convert(min(dt, STEP_MS), int256)
    pull: int256 = unsafe_mul(unsafe_mul(max(unsafe_sub(0, cap), min(cap, skew)), velocity), step)    # i65 * u32 * u22
    drift: int256 = pull // unsafe_mul(cap, convert(units.DAY_MS, int256))
    return max(unsafe_sub(0, bound), min(bound, unsafe_add(rate_e9, drift)))    # i32, and what pull divides to
