# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Oracle
@license AGPL-3.0-only
@notice Accepts a price vector signed by k of n signers, and opens the prices a caller asks for.
@dev C9  one root a time, k distinct signers; freshness is the caller's to judge, who knows its own clock
     A second source (a Chainlink-style or Pyth-style reading a vector must agree with) belongs in `verify`, after
     the signatures.
@custom:halt Retire signers through Governance; nobody can stop prices from being signed.
"""

from .interfaces import IOracle
from .modules import packing
from .modules import signatures
from .modules import signers
from .modules import vectors

implements: IOracle
initializes: signers
exports: (signers.service, signers.threshold, signers.live_count)

VECTOR_TYPEHASH: constant(bytes32) = keccak256("PriceVector(uint48 time,uint16 chunks,bytes32 root)")

GOVERNANCE: public(immutable(address))


@deploy
def __init__(governance: address, oracle_signers: DynArray[address, 16], threshold: uint256):
    """
    @notice Fix who may change signers, and the first ones, who serve from the start.
    """
    assert governance != empty(address), "oracle: address is zero"
    assert threshold != 0, "oracle: threshold is zero"
    GOVERNANCE = governance
    signers.__init__(oracle_signers, threshold)


@external
@view
def verify(
    head: uint256, openings: DynArray[uint256, 64], signatures_: DynArray[signers.Signature, 16]
) -> (bytes32, uint256[64]):
    """
    @notice Check a vector's signatures and open it.
    @param head time u48 @16 | chunks u8 @8 | opened u8 @0; higher bits are the caller's.
    @param openings For each chunk in order: its 8 words if its bit of `opened` is set, else its hash.
    @return the root, and the price words at `chunk * 8 + i`, zero where not opened
    """
    root: bytes32 = empty(bytes32)
    words: uint256[64] = empty(uint256[64])
    root, words = vectors._open(head, openings)
    time: uint256 = (head >> 16) & packing.M48
    digest: bytes32 = signatures._digest(
        signatures._domain(),
        keccak256(abi_encode(VECTOR_TYPEHASH, time, (head >> 8) & packing.M8, root)),
    )
    signers._check(digest, signatures_, 0, time)
    return root, words


@external
def set_signer(signer: address, live: bool):
    """
    @notice Add or retire an oracle signer.
    """
    self._only_governance()
    signers._set(signer, live)


@external
def set_threshold(threshold: uint256):
    """
    @notice How many signers a vector needs; never none.
    """
    self._only_governance()
    assert threshold != 0, "oracle: threshold is zero"
    signers._set_threshold(threshold)


@internal
@view
def _only_governance():
    assert msg.sender == GOVERNANCE, "oracle: not governance"
