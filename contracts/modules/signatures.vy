# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Signatures
@license AGPL-3.0-only
@notice EIP-712 digests under Infold's domain, and who signed one (EIP-2098). No state.
"""

DOMAIN_TYPEHASH: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
NAME_HASH: constant(bytes32) = keccak256("Infold")
VERSION_HASH: constant(bytes32) = keccak256("1")
PREFIX: constant(bytes2) = 0x1901
HALF_CURVE: constant(uint256) = 57896044618658097711785492504343953926418782139537452191302581570759080747168


@internal
@view
def _recover(digest: bytes32, r: uint256, vs: uint256) -> uint256:
    """
    @notice The signer's address as a number; 0 if it is nobody's. High s, the mirrored signature, is nobody's.
    """
    s: uint256 = (vs << 1) >> 1
    if s > HALF_CURVE:
        return 0
    return convert(ecrecover(digest, unsafe_add(vs >> 255, 27), r, s), uint256)


@internal
@view
def _domain() -> bytes32:
    """
    @notice The EIP-712 domain separator, computed anew each time: right after a fork, and smaller than a cache.
    """
    return keccak256(abi_encode(DOMAIN_TYPEHASH, NAME_HASH, VERSION_HASH, chain.id, self))


@internal
@pure
def _digest(domain: bytes32, struct_hash: bytes32) -> bytes32:
    """
    @notice What is signed for an EIP-712 struct.
    """
    return keccak256(concat(PREFIX, domain, struct_hash))
