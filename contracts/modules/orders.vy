# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Orders
@license AGPL-3.0-only
@notice The signed order: its hash, its signer, its fill slot, and how an owner takes it back.
@dev C5  no fill beyond signed size, limit, fee, expiry, epoch and slot, over all batches together; none in a batch
         later than a cancel's barrier
     The record is two words of terms and a signature, docs/protocol.md section 4.
"""

from . import collateral
from . import packing
from . import reasons
from . import signatures
from . import units
from ..interfaces import IClearing
from ..interfaces import IDelegates

uses: collateral
uses: reasons

ORDER_TYPEHASH: constant(bytes32) = keccak256(
    "Order(uint32 account,uint16 market,bool buy,uint64 size,uint64 limitPrice,uint16 maxFee,uint8 timeInForce,bool postOnly,bool reduceOnly,uint8 triggerKind,uint64 triggerPrice,uint48 goodAfter,uint48 expiry,uint16 epoch,uint8 slot,uint32 seq)"
)

# an order word's flags start at bit 184
BUY: constant(uint256) = 1
POST_ONLY: constant(uint256) = 2
REDUCE_ONLY: constant(uint256) = 4
SPOKEN_FOR: constant(uint256) = 128 + 256   # signed by a delegate's key; approved on chain: `Delegates` says whether it serves
RESERVED: constant(uint256) = 14 * 256      # free flags
FILL_OR_KILL: constant(uint256) = 2            # time in force: 0 good till cancelled, 1 immediate or cancel


DELEGATES: public(immutable(IDelegates))

epoch_barriers: public(uint256[2**32])      # when the last cancel-all takes effect
fills: public(uint256[2**40])               # prefix 80 @176 | cancel time 48 @128 | cancel seq 32 @96 | filled 64 @32 | seq 32 @0


@deploy
def __init__(delegates: address):
    DELEGATES = IDelegates(delegates)


# -- doors -------------------------------------------------------------------

@external
def cancel(account: uint256, slot: uint256, seq: uint256):
    """
    @notice Kill the slot's orders with seq at or below this one, in batches later than the barrier.
    @param seq Must rise from one cancel of the slot to the next; the order itself is not needed.
    """
    collateral._owned(account)
    if (slot >> 8) | (seq >> 32) != 0:
        reasons._refuse(reasons.OUT_OF_RANGE)

    fill: uint256 = self.fills[(account << 8) | slot]
    dead: uint256 = (fill << 128) >> 224
    if seq <= dead:
        reasons._refuse(reasons.SEQ_MUST_RISE)
    self._check_wait((fill << 80) >> 208)

    # the cancel before is absolute by now: what it killed stays dead by the slot's own seq, which no order matches
    if (fill << 224) >> 224 <= dead:
        fill = dead
    barrier: uint256 = unsafe_add(units._now_ms(), units.GUARD_MS)
    fill = ((fill >> 176) << 176) | (barrier << 128) | (seq << 96) | ((fill << 160) >> 160)
    self.fills[(account << 8) | slot] = fill
    log IClearing.Cancelled(account=account, slot=slot, fill=fill)


@external
def cancel_all(account: uint256):
    """
    @notice Raise the account's epoch: every order signed under an older one dies, in batches later than the barrier.
    """
    word: uint256 = collateral._owned(account)
    if word & packing.M16 == packing.M16:
        reasons._refuse(reasons.EPOCHS_USED_UP)
    self._check_wait(self.epoch_barriers[account])

    barrier: uint256 = unsafe_add(units._now_ms(), units.GUARD_MS)
    word = unsafe_add(word, 1)
    collateral.accounts[account] = word
    self.epoch_barriers[account] = barrier
    log IClearing.CancelledAll(account=account, word=word, barrier=barrier)


# -- internals ----------------------------------------------------------------

@internal
@view
def _check_wait(barrier: uint256):
    """
    @notice A second act of the same kind waits until the first is absolute: one barrier is stored at a time.
    """
    if units._now_ms() <= unsafe_add(barrier, units.WINDOW_MS):
        reasons._refuse(reasons.CANCEL_TOO_SOON)


@internal
@view
def _judge(
    record: IClearing.Record, account_word: uint256, deal_terms: uint256, mark: uint256, time: uint256, domain: bytes32
) -> uint256:
    """
    @notice Every check of one order that needs neither its slot nor a position, in the order of docs/protocol.md 5.3.
    @return the order's hash; or, below 32 (a hash is not), the first failing check's code
    """
    size: uint256 = (record.order << 184) >> 192
    limit: uint256 = record.terms >> 192
    price: uint256 = deal_terms >> 192
    seq: uint256 = (record.order << 88) >> 224
    flags: uint256 = record.order >> 184
    kind: uint256 = (flags >> 3) & 15       # time in force in the low two bits, trigger above

    if account_word >> 96 == 0:
        return 1
    if unsafe_sub(size, 1) >= units.BASE_MAX - 1:       # 0 wraps around
        return 2
    if unsafe_mul(limit, seq) == 0:                     # u64 * u32
        return 2
    if (flags & RESERVED) | (record.order & packing.M8) | (record.terms & packing.M16) | (kind & (kind >> 1) & 5) != 0:
        return 2
    if time > (record.order << 136) >> 208:
        return 3
    if time < (record.terms << 192) >> 208:
        return 4
    if kind > 3:
        trigger: uint256 = (record.terms << 128) >> 192
        if kind < 8:
            if (mark << 48) >> 192 < trigger:
                return 5
        elif (mark << 48) >> 192 > trigger:
            return 5
    if flags & BUY != 0:
        if price > limit:
            return 6
        if flags & POST_ONLY != 0:
            if price > (mark << 48) >> 192:
                return 7
    else:
        if price < limit:
            return 6
        if flags & POST_ONLY != 0:
            if price < (mark << 48) >> 192:
                return 7
    if (deal_terms >> 176) & packing.M16 > (record.order >> 120) & packing.M16:
        return 8
    if ((record.order >> 168) ^ account_word) & packing.M16 != 0:
        epoch: uint256 = (record.order >> 168) & packing.M16
        if unsafe_add(epoch, 1) != account_word & packing.M16 or time > self.epoch_barriers[record.order >> 224]:
            return 9

    digest: bytes32 = keccak256(
        concat(
            signatures.PREFIX,
            domain,
            keccak256(
                abi_encode(
                    ORDER_TYPEHASH,
                    record.order >> 224,                # account
                    (record.order << 40) >> 240,           # market
                    (record.order >> 184) & 1,             # buy
                    size,
                    limit,                              # limitPrice
                    (record.order << 120) >> 240,          # maxFee
                    (record.order >> 187) & 3,             # timeInForce
                    (record.order >> 185) & 1,             # postOnly
                    (record.order >> 186) & 1,             # reduceOnly
                    (record.order >> 189) & 3,             # triggerKind
                    (record.terms << 128) >> 192,          # triggerPrice
                    (record.terms << 192) >> 208,          # goodAfter
                    (record.order << 136) >> 208,          # expiry
                    (record.order << 72) >> 240,           # epoch
                    (record.order >> 216) & packing.M8,    # slot
                    seq,
                )
            ),
        )
    )
    # signatures._recover, in place
    s: uint256 = (record.vs << 1) >> 1
    signer: uint256 = 0
    if s <= signatures.HALF_CURVE:
        signer = convert(ecrecover(digest, unsafe_add(record.vs >> 255, 27), record.r, s), uint256)
    if flags & SPOKEN_FOR == 0:
        if signer != account_word >> 96:
            return 10
    elif not staticcall DELEGATES.covers(
        record.order >> 224, convert(signer, address), record.order, limit, time, digest
    ):
        return 10

    return convert(digest, uint256)
