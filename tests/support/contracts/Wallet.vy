# pragma version 0.4.3
"""
@title Wallet
@license AGPL-3.0-only
@notice A contract wallet for tests: its owner's key speaks for it, by transactions and by signatures (EIP-1271).
"""

VALID: constant(bytes4) = 0x1626ba7e
INVALID: constant(bytes4) = 0xffffffff

owner: public(address)


@deploy
def __init__(owner: address):
    self.owner = owner


@external
def execute(target: address, message: Bytes[4096]):
    """
    @notice Call somebody.
    """
    assert msg.sender == self.owner, "wallet: not the owner"
    raw_call(target, message)


@external
def pass_on(owner: address):
    """
    @notice Change the key that speaks for it.
    """
    assert msg.sender == self.owner, "wallet: not the owner"
    self.owner = owner


@external
@view
def isValidSignature(digest: bytes32, signature: Bytes[65]) -> bytes4:
    """
    @notice EIP-1271.
    """
    if len(signature) != 65:
        return INVALID
    r: bytes32 = convert(slice(signature, 0, 32), bytes32)
    s: bytes32 = convert(slice(signature, 32, 32), bytes32)
    v: uint256 = convert(slice(signature, 64, 1), uint256)
    if ecrecover(digest, v, r, s) != self.owner:
        return INVALID
    return VALID
