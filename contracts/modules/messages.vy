# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Messages
@license AGPL-3.0-only
@notice Digests of what traders and the matcher sign, docs/protocol.md section 2, off the hot path. No state.
@dev `orders._judge` hashes an order in place, for gas; a test holds both equal.
"""

from . import orders
from . import packing
from . import signatures
from ..interfaces import IBond

BATCH_TYPEHASH: constant(bytes32) = keccak256("Batch(uint64 number,uint48 time,bytes32 contents)")
CANCEL_TYPEHASH: constant(bytes32) = keccak256("Cancel(uint32 account,uint8 slot,uint32 seq)")
RECEIPT_TYPEHASH: constant(bytes32) = keccak256(
    "Receipt(bytes32 orderHash,uint64 sequence,uint48 acceptedTime,uint48 batchTime)"
)


@internal
@view
def _domain_of(contract: address) -> bytes32:
    """
    @notice The separator of another contract's domain.
    """
    return keccak256(
        abi_encode(
            signatures.DOMAIN_TYPEHASH, signatures.NAME_HASH, signatures.VERSION_HASH, chain.id, contract
        )
    )


@internal
@pure
def _order(domain: bytes32, order: uint256, terms: uint256) -> bytes32:
    """
    @notice The order hash of a record's first two words.
    """
    return signatures._digest(
        domain,
        keccak256(
            abi_encode(
                orders.ORDER_TYPEHASH,
                order >> 224,                       # account
                (order >> 200) & packing.M16,       # market
                (order >> 184) & 1,                 # buy
                (order >> 8) & packing.M64,         # size
                terms >> 192,                       # limitPrice
                (order >> 120) & packing.M16,       # maxFee
                (order >> 187) & 3,                 # timeInForce
                (order >> 185) & 1,                 # postOnly
                (order >> 186) & 1,                 # reduceOnly
                (order >> 189) & 3,                 # triggerKind
                (terms >> 64) & packing.M64,        # triggerPrice
                (terms >> 16) & packing.M48,        # goodAfter
                (order >> 72) & packing.M48,        # expiry
                (order >> 168) & packing.M16,       # epoch
                (order >> 216) & packing.M8,        # slot
                (order >> 136) & packing.M32,       # seq
            )
        ),
    )


@internal
@pure
def _cancel(domain: bytes32, account: uint256, slot: uint256, seq: uint256) -> bytes32:
    return signatures._digest(domain, keccak256(abi_encode(CANCEL_TYPEHASH, account, slot, seq)))


@internal
@pure
def _receipt(domain: bytes32, order_hash: bytes32, receipt: IBond.Receipt) -> bytes32:
    return signatures._digest(
        domain,
        keccak256(
            abi_encode(
                RECEIPT_TYPEHASH, order_hash, receipt.sequence, receipt.accepted_ms, receipt.batch_ms
            )
        ),
    )


@internal
@pure
def _batch(domain: bytes32, number: uint256, time_ms: uint256, contents: bytes32) -> bytes32:
    return signatures._digest(domain, keccak256(abi_encode(BATCH_TYPEHASH, number, time_ms, contents)))
