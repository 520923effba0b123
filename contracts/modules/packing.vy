# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Packing
@license AGPL-3.0-only
@notice The words of docs/protocol.md section 3: how fields share a storage slot. No state.
@dev Signed fields are two's complement within their width. Shifts drop bits without a word, so whoever
     packs checks the range first: `_fits` here, or a bound proven where the value was made.
"""

M8: constant(uint256) = 2 ** 8 - 1
M16: constant(uint256) = 2 ** 16 - 1
M20: constant(uint256) = 2 ** 20 - 1
M24: constant(uint256) = 2 ** 24 - 1
M32: constant(uint256) = 2 ** 32 - 1
M48: constant(uint256) = 2 ** 48 - 1
M64: constant(uint256) = 2 ** 64 - 1
M128: constant(uint256) = 2 ** 128 - 1


# -- signed fields -----------------------------------------------------------

@internal
@pure
def _int(x: uint256) -> int256:
    return convert(convert(x, bytes32), int256)


@internal
@pure
def _word(x: int256) -> uint256:
    return convert(convert(x, bytes32), uint256)


@internal
@pure
def _signed(word: uint256, low: uint256, bits: uint256) -> int256:
    """
    @notice The signed field of `bits` bits whose lowest bit is `low`.
    """
    return self._int(word << unsafe_sub(unsafe_sub(256, low), bits)) >> unsafe_sub(256, bits)


@internal
@pure
def _field(x: int256, bits: uint256) -> uint256:
    """
    @notice x as a signed field of `bits` bits, not yet shifted to its place.
    """
    assert x >> unsafe_sub(bits, 1) == x >> 255, "packing: field overflow"
    return convert(convert(x, bytes32), uint256) & (max_value(uint256) >> unsafe_sub(256, bits))


@internal
@pure
def _count(x: uint256, bits: uint256) -> uint256:
    """
    @notice x as an unsigned field of `bits` bits.
    """
    assert x >> bits == 0, "packing: field overflow"
    return x


# -- account: owner 160 @96 | collateral i64 @32 | mask u16 @16 | epoch u16 @0 --------------

@internal
@pure
def _collateral_of(account_word: uint256) -> int256:
    return convert(convert(account_word << 160, bytes32), int256) >> 192


# -- withdrawal: amount u64 @48 | barrier u48 @0 --------------------------------------------

@internal
@pure
def _withdrawal(amount: uint256, barrier_ms: uint256) -> uint256:
    return (self._count(amount, 64) << 48) | self._count(barrier_ms, 48)


# -- position: market u16 @240 | event u24 @216 | base i64 @152 | quote i88 @64 | index i64 @0 --

@internal
@pure
def _position(base: int256, quote: int256, mark: uint256) -> uint256:
    """
    @notice A position word; the caller has bounded base and quote.
    @param mark A word with market and event at the top and the funding index in 64 bits from 80 on, as a mark is.
    """
    return (
        ((mark >> 216) << 216)
        | ((convert(convert(base, bytes32), uint256) << 192) >> 40)
        | ((convert(convert(quote, bytes32), uint256) << 168) >> 104)
        | ((mark << 112) >> 192)
    )


@internal
@pure
def _unpack_position(word: uint256) -> (int256, int256, int256):
    """
    @return base, quote, funding index
    """
    return (
        convert(convert(word << 40, bytes32), int256) >> 192,
        convert(convert(word << 104, bytes32), int256) >> 168,
        convert(convert(word << 192, bytes32), int256) >> 192,
    )


# -- events: last of the shorts 24 @48 | last of the longs 24 @24 | last 24 @0 ------------------

@internal
@pure
def _last_of(long: bool, events: uint256) -> uint256:
    """
    @notice The last deleveraging of a side.
    """
    if long:
        return (events >> 24) & M24
    return (events >> 48) & M24


@internal
@pure
def _behind(held: uint256, events: uint256) -> bool:
    """
    @notice Whether a deleveraging took from the position's side what the position has not given up yet.
    """
    return self._last_of(self._signed(held, 152, 64) > 0, events) > (held >> 216) & M24


# -- deleveraging: closed 64 @192 | long 1 @191 | total 63 @128 | price 64 @64 | index i64 @0 --------

@internal
@pure
def _deleveraging(closed: uint256, long: bool, total: uint256, price: uint256, mark: uint256) -> uint256:
    """
    @notice What a side of a market gives up: `closed` of its `total` lots, at a price and a funding index.
    @param mark A word with the funding index in 64 bits from 80 on.
    """
    return (
        (self._count(closed, 64) << 192)
        | (convert(long, uint256) << 191)
        | (self._count(total, 63) << 128)
        | (price << 64)
        | ((mark << 112) >> 192)
    )


# -- pool, incoming, transit: base i64 @192 | quote i88 @104 --------------------------------------

@internal
@pure
def _book(base: int256, quote: int256) -> uint256:
    """
    @notice A pool, incoming or transit word.
    """
    return (self._field(base, 64) << 192) | (self._field(quote, 88) << 104)


@internal
@pure
def _unpack_book(word: uint256) -> (int256, int256):
    """
    @return base, quote
    """
    return convert(convert(word, bytes32), int256) >> 192, convert(convert(word << 64, bytes32), int256) >> 168


# -- terms of an apply: lean_e6 or price 64 @160 | bounty 64 @96 | charge 64 @32 | keeper 32 @0 -

@internal
@pure
def _terms(price: uint256, bounty: uint256, charge: uint256) -> uint256:
    """
    @notice What a position's owner loses when Recovery shrinks it; the keeper is added by the caller.
    @param price Lean of the oracle's price (e6), or a price; of a fold, `bounty` is an event field.
    """
    return (self._count(price, 64) << 160) | (self._count(bounty, 64) << 96) | (self._count(charge, 64) << 32)


# -- exit: long 1 @248 | market 8 @240 | done 48 @112 | asked 48 @64 | size 64 @0 ----------------

@internal
@pure
def _exit(long: bool, market: uint256, done_ms: uint256, asked_ms: uint256, size: uint256) -> uint256:
    """
    @notice A pending forced exit: of which position, the last appointed time that was kept, and what is left of it.
    """
    return (
        (convert(long, uint256) << 248)
        | (self._count(market, 8) << 240)
        | (self._count(done_ms, 48) << 112)
        | (self._count(asked_ms, 48) << 64)
        | self._count(size, 64)
    )


# -- ledger: realised i88 @168 | fees u80 @88 | pot i88 @0 -------------------------------------

@internal
@pure
def _entered(ledger: uint256, realised: int256, fees: uint256, pot: int256) -> uint256:
    """
    @notice The ledger word with further entries.
    """
    return (
        (self._field((convert(convert(ledger, bytes32), int256) >> 168) + realised, 88) << 168)
        | (self._count(((ledger << 88) >> 176) + fees, 80) << 88)
        | self._field((convert(convert(ledger << 168, bytes32), int256) >> 168) + pot, 88)
    )


# -- running sums: several signed numbers added in one word ------------------------------------
#
# sum = high * 2**192 + middle * 2**96 + low with signed parts: adding two such sums adds each part,
# borrows included, as long as every part stays within its width.

@internal
@pure
def _sums(high: int256, middle: int256, low: int256) -> int256:
    return unsafe_add(unsafe_add(high << 192, middle << 96), low)


@internal
@pure
def _unpack_sums(sums: int256) -> (int256, int256, int256):
    """
    @return high, middle, low
    """
    low: int256 = (sums << 160) >> 160
    rest: int256 = unsafe_sub(sums, low) >> 96
    middle: int256 = (rest << 160) >> 160
    return unsafe_sub(rest, middle) >> 96, middle, low
