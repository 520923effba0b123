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
     C12 whoever holds a position is let out of it at an appointed time: by the pool, or by the other side of its
         market; a venue without batches is wound down by anybody (`modules/winding.vy`)
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
MARKETS: constant(uint256) = 256
BACKSTOP: constant(uint256) = 1                         # its places are markets
FUNDING_SCALE: constant(int256) = 10**19 * 86_400_000   # e8 price, e9 rate a day, to e6 a lot a millisecond
MARGIN_SCALE: constant(uint256) = 10**16                # lots * e8 price * e6 share, to e6
DUST_E6: constant(uint256) = 10 * 10**6                 # a position worth less is closed whole: what is left pays no keeper
EXIT_DELAY_MS: constant(uint256) = 60_000               # D: far beyond what a price can be foreseen for
DOUBTED_TIMES: constant(uint256) = 3                    # appointed times from which doubt keeps nobody in
EXIT_LEAN_E6: constant(uint256) = 2_000                 # 20 bp: several times what hindsight over the window is worth
APPOINTED: constant(uint256) = 2**255                   # flags of an apply's terms
FOLD: constant(uint256) = 2**254
SPREAD: constant(uint256) = 2**253
SERIAL: constant(uint256) = 2**24 - 2                   # of an event field: its number, without the exit bit
BOUNTY_E6_MAX: constant(uint256) = 5 * 10**6            # beats the gas of two vectors and a margin loop

EXITING: constant(uint256) = 2**216                     # of a position word: whether it asked to be let out
FOLDS_MAX: constant(uint256) = 64                       # deleveragings one call looks through
EXIT: constant(uint256) = 18                            # reasons to skip an order
DELEVERAGED: constant(uint256) = 23

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
deleveragings: public(HashMap[uint256, uint256])        # market << 24 | number: closed 64 @192 | long 1 @191 | total 63 @128 | price 64 @64 | index i64 @0
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
    standing: Standing = self._below(head, openings, signatures_, account, index, keeper)
    room: int256 = self._room(standing.market, standing.caps, standing.base)
    assert room > 0, "recovery: pool is full"
    size: uint256 = min(self._size(standing), convert(room, uint256))
    log IRecovery.Liquidated(account=account, time_ms=self.liquidated_ms[account], index=index, size_e8=size)

    terms: uint256 = packing._terms(
        (standing.rates >> 176) & packing.M20,
        self._bounty(standing, size),
        self._charge(standing, size, self._lean_cost(standing, size)),
    )
    owed: uint256 = extcall CLEARING.apply(
        head, openings, signatures_, account, index, self._toward_zero(standing.base, size), terms | keeper
    )


@external
def deleverage(
    head: uint256,
    openings: DynArray[uint256, 64],
    signatures_: DynArray[signers.Signature, 16],
    account: uint256,
    index: uint256,
    keeper: uint256,
):
    """
    @notice Shrink one position of an account below maintenance against all who hold the other side of its market, in
            proportion, where the pool has no room or the debt would be more than insurance has. Anyone may.
    @dev While the account has equity the other side earns up to h_min, so far as that goes; what it owes beyond insurance
         the other side bears, up to the maintenance margin of what it gives up: a healthy account stays healthy.
    @param index The position's place; of the backstop, account 1, the market.
    """
    standing: Standing = self._below(head, openings, signatures_, account, index, keeper)
    size: uint256 = self._size(standing)
    log IRecovery.Liquidated(account=account, time_ms=self.liquidated_ms[account], index=index, size_e8=size)
    insured: int256 = max(0, packing._collateral_of(staticcall CLEARING.accounts(collateral.INSURANCE)))
    rest: int256 = standing.equity - convert(self._lean_cost(standing, convert(abs(standing.base), uint256)), int256)
    if self._room(standing.market, standing.caps, standing.base) > 0:
        assert standing.equity < 0 and rest + insured < 0, "recovery: pool has room"

    most: uint256 = standing.price * ((standing.rates >> 216) & packing.M20)     # what mm allows a lot, times 1e6
    offset: uint256 = 0
    better: bool = standing.equity < 0      # for the account
    if better:
        debt: uint256 = convert(max(0, -(standing.equity + insured)), uint256)
        offset = min(units._ceil_div(debt * units.LOTS, size), most // units.FRACTION)
    else:
        offset = min(standing.price * ((standing.rates >> 176) & packing.M20), most) // units.FRACTION
        offset = min(offset, convert(standing.equity, uint256) * units.LOTS // size)
    charge: uint256 = 0
    if not better:
        charge = self._charge(standing, size, units._ceil_div(size * offset, units.LOTS))
    price: uint256 = standing.price - offset
    if better == (standing.base > 0):
        price = standing.price + offset
    self._spread(
        head,
        openings,
        signatures_,
        account,
        index,
        self._toward_zero(standing.base, size),
        standing.market,
        SPREAD | packing._terms(price, self._bounty(standing, size), charge) | keeper,
    )


@external
def fold(account: uint256, index: uint256):
    """
    @notice Let a position take its part of the deleveragings of its side, oldest first. Anyone may.
    """
    assert account >= collateral.FIRST_TRADER and account < 2**32, "recovery: not a trader"
    assert index < PLACES, "recovery: index out of range"
    held: uint256 = staticcall CLEARING.positions(account * PLACES + index)
    market: uint256 = held >> 240
    events: uint256 = staticcall CLEARING.market_words(market * 8 + 6)
    assert packing._behind(held, events), "recovery: nothing to fold"
    long: bool = packing._signed(held, 152, 64) > 0
    last: uint256 = packing._last_of(long, events)
    number: uint256 = (held >> 216) & SERIAL
    for i: uint256 in range(FOLDS_MAX):
        number += 2
        deleveraging: uint256 = self.deleveragings[market * 2**24 + number]
        if ((deleveraging >> 191) & 1 != 0) == long:    # those of the other side are passed by
            self._amend(account, index, packing._int(deleveraging), number)
            if staticcall CLEARING.positions(account * PLACES + index) == 0:
                return
        if number == last:
            return
    self._amend(account, index, 0, number | (held >> 216) & 1)


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
    self._mark_exit(account, index, held, 1)


@external
def execute_exit(
    head: uint256,
    openings: DynArray[uint256, 64],
    signatures_: DynArray[signers.Signature, 16],
    account: uint256,
    index: uint256,
):
    """
    @notice Carry an exit out at the vector of its appointed time, against the pool as far as its room goes and then,
            where it is of half the position at least, against all who hold the other side. Anyone may.
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
    if held >> 240 != (asked >> 240) & packing.M8 or (base > 0) != (asked >> 248 != 0) or held & EXITING == 0:
        self._set_exit(account, index, 0)   # the position it was asked for is gone
        if held & EXITING != 0:
            self._mark_exit(account, index, held, 0)
        return
    assert not packing._behind(held, staticcall CLEARING.market_words((held >> 240) * 8 + 6)), "recovery: fold first"
    market: uint256 = held >> 240
    root: bytes32 = empty(bytes32)
    words: uint256[64] = empty(uint256[64])
    doubtful: uint256 = 0
    root, words, doubtful = staticcall ORACLE.verify(head, openings, signatures_)
    # a second source that is never content keeps nobody in for good
    if time_ms < since_ms + DOUBTED_TIMES * EXIT_DELAY_MS:
        assert (doubtful >> market) & 1 == 0, "recovery: price is doubtful"
    price: uint256 = (words[market >> 2] >> (64 * (3 - (market & 3)))) & packing.M64
    clock: uint256 = staticcall CLEARING.market_words(market * 8)
    place: uint256 = self._parameters_at(market, clock, time_ms)
    caps: uint256 = staticcall CLEARING.parameter_words(place + 1)
    size: uint256 = min(asked & packing.M64, convert(abs(base), uint256))
    pooled: uint256 = min(size, convert(max(0, self._room(market, caps, base)), uint256))
    self._set_exit(account, index, 0)
    self._mark_exit(account, index, held, 0)
    rates: uint256 = staticcall CLEARING.parameter_words(place)
    lean: uint256 = max(EXIT_LEAN_E6, (rates >> 176) & packing.M20)
    if pooled != 0:
        owed: uint256 = extcall CLEARING.apply(
            head,
            openings,
            signatures_,
            account,
            index,
            self._toward_zero(base, pooled),
            APPOINTED | packing._terms(lean, 0, 0),
        )
    # of a small part the pool alone: else one lot a minute would make everybody of the other side fold for ever
    spreads: bool = pooled < size and 2 * size >= convert(abs(base), uint256)
    if pooled == 0 and not spreads:
        # nothing asks Clearing, which judges how fresh a vector is
        now_ms: uint256 = units._now_ms()
        assert time_ms <= now_ms + units.LEAD_MS and time_ms + units.WINDOW_MS >= now_ms, "recovery: not the time of the exit"
    if spreads:
        offset: uint256 = price * min(lean, (rates >> 216) & packing.M20) // units.FRACTION
        price = price - offset if base > 0 else price + offset
        self._spread(
            head,
            openings,
            signatures_,
            account,
            index,
            self._toward_zero(base, size - pooled),
            market,
            APPOINTED | SPREAD | packing._terms(price, 0, 0),
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
    standing: Standing = self._standing(head, openings, signatures_, account, 2**16)
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


@external
@view
def resumed(before: uint256, mark: uint256, events: uint256, key: uint256, time_ms: uint256) -> uint256:
    """
    @notice What `Clearing` marks a position with whose word does not begin as its market's mark does: the mark, with the
            position's exit bit; or why an order on it is skipped. A position of the other side is not behind.
    @param before The position word, not empty.
    @param mark Its market's.
    @param events The market's, of both sides.
    @param key account * 16 + place.
    @return the mark, or a reason below 32: EXIT, DELEVERAGED
    """
    if packing._behind(before, events):
        return DELEVERAGED
    if before & EXITING != 0:
        ahead_ms: uint256 = time_ms + units.WINDOW_MS
        asked_ms: uint256 = (self.exits[key] >> 64) & packing.M48
        if ahead_ms >= asked_ms + EXIT_DELAY_MS and (ahead_ms - asked_ms) % EXIT_DELAY_MS <= 2 * units.WINDOW_MS:
            return EXIT
    return mark | (before & EXITING)


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
    @param account A trader, or the backstop.
    @param asked The place whose position and parameters to look at; 2**16 for none.
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
    if account == BACKSTOP:
        mask = staticcall CLEARING.backstop_markets()
    for index: uint256 in range(MARKETS):
        if mask >> index == 0:
            break
        if (mask >> index) & 1 == 0:
            continue
        held: uint256 = staticcall CLEARING.positions(account * PLACES + index)
        market: uint256 = held >> 240
        price: uint256 = (words[market >> 2] >> (64 * (3 - (market & 3)))) & packing.M64
        assert price != 0, "recovery: no price"
        standing.doubted = standing.doubted or (doubtful >> market) & 1 != 0
        clock: uint256 = staticcall CLEARING.market_words(market * 8)
        if clock & 2 != 0:
            assert not packing._behind(held, staticcall CLEARING.market_words(market * 8 + 6)), "recovery: fold first"
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
            dust would stay.
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
    return size


@internal
@view
def _room(market: uint256, caps: uint256, base: int256) -> int256:
    """
    @notice What the pool may take of a position, what waits to join it counted.
    """
    clock: uint256 = staticcall CLEARING.market_words(market * 8)
    pool: uint256 = staticcall CLEARING.market_words(market * 8 + 1)
    held: int256 = packing._int(pool) >> 192
    if clock & 1 != 0:
        incoming: uint256 = staticcall CLEARING.market_words(market * 8 + 4)
        held += packing._int(incoming) >> 192
    if base < 0:
        held = -held
    return convert((caps >> 64) & packing.M64, int256) - held


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
def _mark_exit(account: uint256, index: uint256, held: uint256, exiting: uint256):
    """
    @notice Write a position's exit bit, by which `Clearing` knows to ask for the appointed times.
    """
    self._amend(account, index, 0, (held >> 216) & SERIAL | exiting)


@internal
def _amend(account: uint256, index: uint256, deleveraging: int256, event_field: uint256):
    """
    @notice Fold a deleveraging into a position, and write its event field; 0 writes the field alone.
    """
    openings: DynArray[uint256, 64] = []
    signatures_: DynArray[signers.Signature, 16] = []
    owed: uint256 = extcall CLEARING.apply(
        0, openings, signatures_, account, index, deleveraging, FOLD | packing._terms(0, event_field, 0)
    )


@internal
def _spread(
    head: uint256,
    openings: DynArray[uint256, 64],
    signatures_: DynArray[signers.Signature, 16],
    account: uint256,
    index: uint256,
    change: int256,
    market: uint256,
    terms: uint256,
):
    """
    @notice Hand a position's change to the other side of its market, and keep what that side's positions have to fold;
            the backstop folds at once.
    """
    owed: uint256 = extcall CLEARING.apply(head, openings, signatures_, account, index, change, terms)
    number: uint256 = 0
    if owed != 0:
        number = (staticcall CLEARING.market_words(market * 8 + 6)) & packing.M24
        self.deleveragings[market * 2**24 + number] = owed
    log IRecovery.Deleveraged(
        account=account, index=index, market=market, number=number, deleveraging=owed
    )
    if owed != 0:
        held: uint256 = staticcall CLEARING.positions(BACKSTOP * PLACES + market)
        if held != 0 and (packing._signed(held, 152, 64) > 0) == (change > 0):
            self._amend(BACKSTOP, market, packing._int(owed), number)


@internal
def _below(
    head: uint256,
    openings: DynArray[uint256, 64],
    signatures_: DynArray[signers.Signature, 16],
    account: uint256,
    index: uint256,
    keeper: uint256,
) -> Standing:
    """
    @notice How an account stands that may be shrunk by anybody now; times per account never fall.
    """
    assert account >= collateral.FIRST_TRADER and account < 2**32 or account == BACKSTOP, "recovery: not a trader"
    assert keeper == 0 or (keeper >= collateral.FIRST_TRADER and keeper < 2**32), "recovery: keeper is no trader"
    assert index < PLACES or account == BACKSTOP and index < MARKETS, "recovery: index out of range"
    assert staticcall CLEARING.positions(account * PLACES + index) != 0, "recovery: no position"
    time_ms: uint256 = (head >> 16) & packing.M48
    assert time_ms >= self.liquidated_ms[account], "recovery: vector before the last liquidation"
    assert staticcall ORACLE.sequencer_up(), "recovery: sequencer is down"
    standing: Standing = self._standing(head, openings, signatures_, account, index)
    assert not standing.doubted, "recovery: price is doubtful"
    assert standing.equity < convert(standing.margin, int256), "recovery: account is healthy"
    self.liquidated_ms[account] = time_ms
    return standing


@internal
@pure
def _toward_zero(base: int256, size: uint256) -> int256:
    """
    @notice The change of a base that shrinks it by so many lots.
    """
    if base > 0:
        return -convert(size, int256)
    return convert(size, int256)


@internal
@pure
def _lean_cost(standing: Standing, size: uint256) -> uint256:
    """
    @notice What h_min takes of so many lots.
    """
    return units._ceil_div(size * standing.price * ((standing.rates >> 176) & packing.M20), MARGIN_SCALE)


@internal
@pure
def _charge(standing: Standing, size: uint256, cost: uint256) -> uint256:
    """
    @notice The penalty: a quarter of the maintenance margin of what is closed, as far as the owner's equity goes after
            what closing it costs.
    """
    left: int256 = standing.equity - convert(cost, int256)
    charge: uint256 = units._ceil_div(
        size * standing.price * ((standing.rates >> 216) & packing.M20), 4 * MARGIN_SCALE
    )
    return min(charge, convert(max(left, 0), uint256))


@internal
@pure
def _bounty(standing: Standing, size: uint256) -> uint256:
    """
    @notice What a keeper gets who finds nothing left: at most half of what the position's own fills paid in fees, so
            that nobody goes bankrupt for it.
    """
    fee: uint256 = (standing.rates >> 84) & packing.M16
    return min(BOUNTY_E6_MAX, size * standing.price * fee // (2 * MARGIN_SCALE))
