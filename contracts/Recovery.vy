# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Recovery
@license AGPL-3.0-only
@notice Judges who is below maintenance margin and asks `Clearing` to shrink them. Owns nothing; remembers at which
        vector it last liquidated whom, and who asked to be let out.
@dev Units: money e6, size e8, price e8, time ms. Words and rules: docs/protocol.md sections 3, 5.4 and 7.
     C10 an account below maintenance can be shrunk by anybody: by what brings it a quarter above maintenance again,
         no more and no less, at the oracle's price less the pool's h_min; a debt that is left is insurance's, then
         the pool's
     C9  nobody is shrunk at a price that a second source contradicts, nor before the sequencer has been up for its grace
     C12 whoever holds a position is let out of it at an appointed time, as far as the pool has room; a venue without
         batches is wound down by anybody (`modules/winding.vy`)
     An account at or above maintenance cannot be touched but by its owner; `Clearing.apply` checks the rest by itself.
@custom:halt Nothing stops it: a venue that cannot liquidate is insolvent.
"""

from .interfaces import IClearing
from .interfaces import IOracle
from .interfaces import IRecovery
from .modules import collateral
from .modules import packing
from .modules import pricing
from .modules import signers
from .modules import units
from .modules import winding

implements: IRecovery
initializes: winding

exports: (
    winding.wind_down,
    winding.register,
    winding.claim,
    winding.final_equity,
    winding.wound_ms,
    winding.deficit_e6,
    winding.books_closed,
    winding.payable_e6,
    winding.claims_e6,
    winding.unpaid_e6,
)


PLACES: constant(uint256) = 16
FUNDING_SCALE: constant(int256) = 10**19 * 86_400_000   # e8 price, e9 rate a day, to e6 a lot a millisecond
MARGIN_SCALE: constant(uint256) = 10**16                # lots * e8 price * e6 share, to e6
DUST_E6: constant(uint256) = 10 * 10**6                 # a position worth less is closed whole: what is left pays no keeper
EXIT_DELAY_MS: constant(uint256) = 60_000               # D: far beyond what a price can be foreseen for
EXIT_LEAN_E6: constant(uint256) = 2_000                 # 20 bp: several times what hindsight over the window is worth
APPOINTED: constant(uint256) = 2**255                   # flag of an apply's terms
BOUNTY_E6_MAX: constant(uint256) = 5 * 10**6            # beats the gas of two vectors and a margin loop

# An account at a vector, and the position it is asked about.
#   equity    no haircut, pending withdrawal counted, e6
#   margin    maintenance margin of all positions, e6
#   doubted   whether a second source contradicts a price they were made of
#   required  maintenance margin of this one, e6
#   rates, caps   the parameters of its market that serve the vector's time
struct Standing:
    equity: int256
    margin: uint256
    doubted: bool
    market: uint256
    base: int256
    price: uint256
    required: uint256
    rates: uint256
    caps: uint256


CLEARING: immutable(IClearing)
ORACLE: immutable(IOracle)

liquidated_ms: public(HashMap[uint256, uint256])        # account: time of the vector of its last liquidation
exits: public(HashMap[uint256, uint256])                # account * 16 + place: long 1 @248 | market 8 @240 | done 48 @112 | asked 48 @64 | size 64 @0


@deploy
def __init__(clearing: address, oracle: address):
    """
    @notice Fix the parts for good.
    """
    assert clearing != empty(address), "recovery: clearing is zero"
    assert oracle != empty(address), "recovery: oracle is zero"
    winding.__init__(clearing)
    CLEARING = IClearing(clearing)
    ORACLE = IOracle(oracle)


# -- liquidation ---------------------------------------------------------------

@external
def liquidate(
    head: uint256,
    openings: DynArray[uint256, 64],
    signatures_: DynArray[signers.Signature, 16],
    account: uint256,
    index: uint256,
    keeper: uint256,
):
    """
    @notice Shrink one position of an account below maintenance, at a fresh vector's price. Anyone may; nobody chooses
            how much, and nobody goes back to an earlier vector.
    @param index The position's place, 0..15.
    @param keeper The account that earns half of the penalty; 0 leaves all of it to insurance.
    """
    assert account >= collateral.FIRST_TRADER and account < 2**32, "recovery: not a trader"
    assert keeper == 0 or (keeper >= collateral.FIRST_TRADER and keeper < 2**32), "recovery: keeper is no trader"
    assert index < PLACES, "recovery: index out of range"
    assert staticcall CLEARING.positions(account * PLACES + index) != 0, "recovery: no position"
    time_ms: uint256 = (head >> 16) & packing.M48
    assert time_ms >= self.liquidated_ms[account], "recovery: vector before the last liquidation"
    assert staticcall ORACLE.sequencer_up(), "recovery: sequencer is down"
    standing: Standing = self._standing(head, openings, signatures_, account, index)
    assert not standing.doubted, "recovery: price is doubtful"
    assert standing.equity < convert(standing.margin, int256), "recovery: account is healthy"
    size: uint256 = self._size(standing)
    self.liquidated_ms[account] = time_ms
    log IRecovery.Liquidated(account=account, time_ms=time_ms, index=index, size_e8=size)

    change: int256 = convert(size, int256)
    if standing.base > 0:
        change = -change
    extcall CLEARING.apply(head, openings, signatures_, account, index, change, self._terms(standing, size) | keeper)


# -- leaving without the matcher -------------------------------------------------

@external
def force_reduce(account: uint256, index: uint256, size_e8: uint256):
    """
    @notice Ask to be let out of a position, by so much: irrevocable, at the prices of q + D, q + 2D, ... and no others.
    @param size_e8 Lots, at most what the position holds.
    """
    assert account >= collateral.FIRST_TRADER and account < 2**32, "recovery: not a trader"
    assert index < PLACES, "recovery: index out of range"
    owner: uint256 = staticcall CLEARING.accounts(account)
    assert owner >> 96 == convert(msg.sender, uint256), "recovery: not the owner"
    key: uint256 = account * PLACES + index
    held: uint256 = staticcall CLEARING.positions(key)
    assert held != 0, "recovery: no position"
    base: int256 = packing._signed(held, 152, 64)
    assert size_e8 != 0 and size_e8 <= convert(abs(base), uint256), "recovery: size out of range"
    assert self.exits[key] == 0, "recovery: exit pending"
    self._set_exit(account, index, packing._exit(base > 0, held >> 240, 0, units._now_ms(), size_e8))


@external
def execute_exit(
    head: uint256,
    openings: DynArray[uint256, 64],
    signatures_: DynArray[signers.Signature, 16],
    account: uint256,
    index: uint256,
):
    """
    @notice Carry an exit out at the vector of its appointed time, against the pool inside its cap. Anyone may.
    """
    assert winding.wound_ms == 0, "recovery: wound down"
    assert index < PLACES, "recovery: index out of range"
    key: uint256 = account * PLACES + index
    asked: uint256 = self.exits[key]
    assert asked != 0, "recovery: no exit pending"
    time_ms: uint256 = (head >> 16) & packing.M48
    since_ms: uint256 = (asked >> 64) & packing.M48
    assert time_ms > max(since_ms, (asked >> 112) & packing.M48), "recovery: not the time of the exit"
    assert (time_ms - since_ms) % EXIT_DELAY_MS == 0, "recovery: not the time of the exit"

    held: uint256 = staticcall CLEARING.positions(key)
    base: int256 = packing._signed(held, 152, 64)
    if held >> 240 != (asked >> 240) & packing.M8 or (base > 0) != (asked >> 248 != 0):
        self._set_exit(account, index, 0)   # the position it was asked for is gone
        return
    market: uint256 = held >> 240
    root: bytes32 = empty(bytes32)
    words: uint256[64] = empty(uint256[64])
    doubtful: uint256 = 0
    root, words, doubtful = staticcall ORACLE.verify(head, openings, signatures_)
    assert (doubtful >> market) & 1 == 0, "recovery: price is doubtful"
    clock: uint256 = staticcall CLEARING.market_words(market * 8)
    place: uint256 = self._parameters_at(market, clock, time_ms)
    caps: uint256 = staticcall CLEARING.parameter_words(place + 1)
    size: uint256 = min(min(asked & packing.M64, convert(abs(base), uint256)), self._room(market, clock, caps, base))
    left: uint256 = min((asked & packing.M64), convert(abs(base), uint256)) - size
    if left == 0:
        self._set_exit(account, index, 0)
    else:
        self._set_exit(account, index, packing._exit(base > 0, market, time_ms, since_ms, left))
    change: int256 = convert(size, int256)
    if base > 0:
        change = -change
    rates: uint256 = staticcall CLEARING.parameter_words(place)
    lean: uint256 = max(EXIT_LEAN_E6, (rates >> 176) & packing.M20)
    extcall CLEARING.apply(
        head, openings, signatures_, account, index, change, APPOINTED | packing._terms(lean, 0, 0)
    )


# -- views ---------------------------------------------------------------------

@external
@view
def health(
    head: uint256, openings: DynArray[uint256, 64], signatures_: DynArray[signers.Signature, 16], account: uint256
) -> (int256, uint256):
    """
    @notice Equity without haircut and maintenance margin at a vector; below it, `liquidate` works.
    @return equity, maintenance margin (e6)
    """
    standing: Standing = self._standing(head, openings, signatures_, account, PLACES)
    return standing.equity, standing.margin


@external
@view
def clearing() -> address:
    """
    @notice Whose accounts are judged.
    """
    return CLEARING.address


@external
@view
def oracle() -> address:
    """
    @notice Whose prices they are judged at.
    """
    return ORACLE.address


# -- internals -----------------------------------------------------------------

@internal
@view
def _standing(
    head: uint256,
    openings: DynArray[uint256, 64],
    signatures_: DynArray[signers.Signature, 16],
    account: uint256,
    asked: uint256,
) -> Standing:
    """
    @notice Collateral, pending withdrawal and every position marked at the vector, funding to its T.
    @param asked The place whose position and parameters to look at; 16 for none.
    """
    root: bytes32 = empty(bytes32)
    words: uint256[64] = empty(uint256[64])
    doubtful: uint256 = 0
    root, words, doubtful = staticcall ORACLE.verify(head, openings, signatures_)
    time_ms: uint256 = (head >> 16) & packing.M48

    standing: Standing = empty(Standing)
    account_word: uint256 = staticcall CLEARING.accounts(account)
    withdrawal: uint256 = staticcall CLEARING.withdrawals(account)
    standing.equity = packing._collateral_of(account_word) + convert(withdrawal >> 48, int256)
    mask: uint256 = (account_word >> 16) & packing.M16
    for index: uint256 in range(PLACES):
        if (mask >> index) & 1 == 0:
            continue
        held: uint256 = staticcall CLEARING.positions(account * PLACES + index)
        market: uint256 = held >> 240
        price: uint256 = (words[market >> 2] >> (64 * (3 - (market & 3)))) & packing.M64
        assert price != 0, "recovery: no price"
        standing.doubted = standing.doubted or (doubtful >> market) & 1 != 0
        clock: uint256 = staticcall CLEARING.market_words(market * 8)
        place: uint256 = self._parameters_at(market, clock, time_ms)
        rates: uint256 = staticcall CLEARING.parameter_words(place)
        value: int256 = 0
        required: uint256 = 0
        value, required = self._weigh(held, clock, rates, price, time_ms)
        standing.equity += value
        standing.margin += required
        if index == asked:
            standing.market = market
            standing.base = packing._signed(held, 152, 64)
            standing.price = price
            standing.required = required
            standing.rates = rates
            standing.caps = staticcall CLEARING.parameter_words(place + 1)
    return standing


@internal
@pure
def _weigh(held: uint256, clock: uint256, rates: uint256, price: uint256, time_ms: uint256) -> (int256, uint256):
    """
    @notice What one position is worth at a price, and its maintenance margin.
    """
    base: int256 = 0
    quote: int256 = 0
    index: int256 = 0
    base, quote, index = packing._unpack_position(held)

    # funding: the stored index, and what has run up since, towards zero
    scale: uint256 = (rates >> 76) & packing.M8
    last_ms: uint256 = (clock >> 48) & packing.M48
    now_index: int256 = packing._signed(clock, 192, 64)
    if last_ms != 0 and time_ms > last_ms:
        rate_e9: int256 = packing._signed(clock, 160, 32)
        step: int256 = rate_e9 * convert(price * (time_ms - last_ms), int256)
        now_index += step * convert(2**scale, int256) // FUNDING_SCALE
        now_index = max(-(2**63), min(2**63 - 1, now_index))    # where Clearing's stands still
    value: int256 = quote + pricing._credit(base, now_index - index, scale)

    exposure: int256 = base * convert(price, int256)
    value += units._floor_lots(exposure)
    return value, pricing._margin(convert(abs(exposure), uint256), (rates >> 216) & packing.M20, (rates >> 72) & 15)


@internal
@view
def _size(standing: Standing) -> uint256:
    """
    @notice Lots to close: the fewest after which equity is 5/4 of maintenance margin, all where that cannot be or only
            dust would stay; never more than the pool has room for.
    """
    whole: uint256 = convert(abs(standing.base), uint256)
    exposure: uint256 = whole * standing.price
    # closing everything lets go of `required` and costs `price`; both in proportion to what is closed
    cost: uint256 = units._ceil_div(
        exposure * (((standing.rates >> 176) & packing.M20) * 4 + ((standing.rates >> 216) & packing.M20)), MARGIN_SCALE
    )
    size: uint256 = whole
    if 5 * standing.required > cost:
        lack: uint256 = convert(5 * convert(standing.margin, int256) - 4 * standing.equity, uint256)
        size = min(whole, units._ceil_div(lack * whole, 5 * standing.required - cost))
    if (whole - size) * standing.price < DUST_E6 * 10**10:
        size = whole

    clock: uint256 = staticcall CLEARING.market_words(standing.market * 8)
    return min(size, self._room(standing.market, clock, standing.caps, standing.base))


@internal
@view
def _room(market: uint256, clock: uint256, caps: uint256, base: int256) -> uint256:
    """
    @notice What the pool may take of a position, what waits to join it counted.
    """
    pool: uint256 = staticcall CLEARING.market_words(market * 8 + 1)
    held: int256 = packing._int(pool) >> 192
    if clock & 1 != 0:
        incoming: uint256 = staticcall CLEARING.market_words(market * 8 + 4)
        held += packing._int(incoming) >> 192
    if base < 0:
        held = -held
    room: int256 = convert((caps >> 64) & packing.M64, int256) - held
    assert room > 0, "recovery: pool is full"
    return convert(room, uint256)


@internal
@pure
def _parameters_at(market: uint256, clock: uint256, time_ms: uint256) -> uint256:
    """
    @notice The place of the parameters that serve a vector's time.
    """
    version: uint256 = (clock >> 8) & 1
    if time_ms <= ((clock >> 16) & packing.M32) * 1000:
        version = 1 - version
    return market * 8 + version * 4


@internal
def _set_exit(account: uint256, index: uint256, exit: uint256):
    self.exits[account * PLACES + index] = exit
    log IRecovery.ExitSet(account=account, index=index, exit=exit)


@internal
@pure
def _terms(standing: Standing, size: uint256) -> uint256:
    """
    @notice What the owner loses: h_min to the pool, as in any trade with it, and a quarter of the maintenance margin of
            what is closed as penalty, as far as its equity goes; and what a keeper gets who finds nothing left.
    """
    notional: uint256 = size * standing.price
    lean: uint256 = (standing.rates >> 176) & packing.M20
    left: int256 = standing.equity - convert(units._ceil_div(notional * lean, MARGIN_SCALE), int256)
    charge: uint256 = units._ceil_div(notional * ((standing.rates >> 216) & packing.M20), 4 * MARGIN_SCALE)
    charge = min(charge, convert(max(left, 0), uint256))
    # at most half of what the position's own fills paid in fees: nobody goes bankrupt for it
    bounty: uint256 = min(BOUNTY_E6_MAX, notional * ((standing.rates >> 84) & packing.M16) // (2 * MARGIN_SCALE))
    return packing._terms(lean, bounty, charge)
