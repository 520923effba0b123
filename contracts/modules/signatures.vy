# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Signatures
@license AGPL-3.0-only
@notice EIP-2098 pairs: who signed a digest. No state.
"""

HALF_CURVE: constant(uint256) = 57896044618658097711785492504343953926418782139537452191302581570759080747168
S_MASK: constant(uint256) = 2**255 - 1


@internal
@view
def _recover(digest: bytes32, r: uint256, vs: uint256) -> uint256:
    """
    @notice The signer's address as a number; 0 if it is nobody's. High s, the mirrored signature, is nobody's.
    """
    s: uint256 = vs & S_MASK
    if s > HALF_CURVE:
        return 0
    return convert(ecrecover(digest, unsafe_add(vs >> 255, 27), r, s), uint256)


@internal
@pure
def _digest(domain: bytes32, struct_hash: bytes32) -> bytes32:
    """
    @notice What is signed for an EIP-712 struct.
    """
    return keccak256(concat(b"\x19\x01", domain, struct_hash))
