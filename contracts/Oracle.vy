# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Oracle
@license AGPL-3.0-only
@notice Says whether k distinct signers stand behind a price vector. Holds no price and calls nobody.
@dev Units: time ms. A signer or threshold serves by the vector's T, so no change reaches a batch that is signed
     already: the old value serves T <= activation = now + G, and the next change of the same thing waits F more.
     C9  k distinct signers in service at T, in strictly ascending order; 1 <= k <= signers in service
     C14 only Governance changes who signs
     A second source (Chainlink-style, Pyth-style) belongs behind `check`, after the signatures: an adapter fixed at
     construction that is asked for its own price of an opened market and may only refuse, never replace a price.
     Until one stands there, k colluding signers can misprice within Clearing's bound on a move.
@custom:halt Governance retires signers; below k nothing can be priced. Withdrawals without positions need no price.
"""

from snekmate.utils import eip712_domain_separator as domain
from .interfaces import IOracle

implements: IOracle
initializes: domain


SIGNATURES_MAX: constant(uint256) = 16      # 16 recoveries cost 80,000 gas; more signers would price out small batches
NO_END: constant(uint256) = 2**48 - 1       # a signer's `until` while it is in service
MASK_48: constant(uint256) = 2**48 - 1
MASK_8: constant(uint256) = 2**8 - 1
WINDOW_MS: constant(uint256) = 15_000       # F
GUARD_MS: constant(uint256) = 3_000         # G
S_MASK: constant(uint256) = 2**255 - 1
S_MAX: constant(uint256) = 57_896_044_618_658_097_711_785_492_504_343_953_926_418_782_139_537_452_191_302_581_570_759_080_747_168
VECTOR_TYPEHASH: constant(bytes32) = keccak256("PriceVector(uint48 time,uint16 chunks,bytes32 root)")

GOVERNANCE: immutable(address)


signer_words: public(HashMap[address, uint256])     # from u48 @48 | until u48 @0; 0 = never a signer
signer_count: public(uint256)                       # those whose service has no end yet
threshold_word: public(uint256)                     # new u8 @56 | old u8 @48 | activation u48 @0


@deploy
def __init__(governance: address, signers: DynArray[address, SIGNATURES_MAX], threshold: uint256):
    """
    @notice Genesis signers serve every T; later ones come through Governance.
    """
    assert governance != empty(address), "oracle: governance is zero"
    assert threshold >= 1 and threshold <= len(signers), "oracle: threshold out of range"
    domain.__init__("Infold", "1")
    GOVERNANCE = governance
    for signer: address in signers:
        assert signer != empty(address), "oracle: signer is zero"
        assert self.signer_words[signer] == 0, "oracle: already a signer"
        self.signer_words[signer] = NO_END
        log IOracle.SignerSet(signer=signer, word=NO_END)
    self.signer_count = len(signers)
    word: uint256 = (threshold << 56) | (threshold << 48)
    self.threshold_word = word
    log IOracle.ThresholdSet(word=word)


# -- verdict -------------------------------------------------------------------

@external
@view
def check(
    time_ms: uint256, chunks: uint256, root: bytes32, signatures: DynArray[IOracle.Signature, SIGNATURES_MAX]
) -> bool:
    """
    @notice True, or a revert: every signature given must be a signer's, and there must be k of them.
    @param time_ms T of the vector: decides which signers and which k serve.
    @param signatures By strictly ascending signer address.
    """
    assert len(signatures) >= self._threshold_at(time_ms), "oracle: too few signers"
    digest: bytes32 = domain._hash_typed_data_v4(keccak256(abi_encode(VECTOR_TYPEHASH, time_ms, chunks, root)))
    previous: uint256 = 0
    for signature: IOracle.Signature in signatures:
        signer: address = self._recover(digest, signature.r, signature.vs)
        assert self._serves(signer, time_ms), "oracle: not a signer"
        assert convert(signer, uint256) > previous, "oracle: signers not ascending"
        previous = convert(signer, uint256)
    return True


# -- governance ----------------------------------------------------------------

@external
def add_signer(signer: address):
    """
    @notice Let a signer serve from activation on; one that retired may come back.
    """
    self._only_governance()
    assert signer != empty(address), "oracle: signer is zero"
    word: uint256 = self.signer_words[signer]
    assert word & MASK_48 != NO_END, "oracle: already a signer"
    activation: uint256 = self._activation(word & MASK_48)

    word = (activation << 48) | NO_END
    self.signer_words[signer] = word
    self.signer_count += 1
    log IOracle.SignerSet(signer=signer, word=word)


@external
def retire_signer(signer: address):
    """
    @notice Let a signer serve up to activation and no longer; k must stay within reach of the others.
    """
    self._only_governance()
    word: uint256 = self.signer_words[signer]
    assert word & MASK_48 == NO_END, "oracle: not a signer"
    left: uint256 = self.signer_count - 1
    assert left >= self.threshold_word >> 56, "oracle: threshold out of range"
    activation: uint256 = self._activation(word >> 48)

    word = ((word >> 48) << 48) | activation
    self.signer_words[signer] = word
    self.signer_count = left
    log IOracle.SignerSet(signer=signer, word=word)


@external
def set_threshold(threshold: uint256):
    """
    @notice Set k from activation on.
    """
    self._only_governance()
    assert (
        threshold >= 1 and threshold <= min(self.signer_count, SIGNATURES_MAX)
    ), "oracle: threshold out of range"
    word: uint256 = self.threshold_word
    activation: uint256 = self._activation(word & MASK_48)

    word = (threshold << 56) | ((word >> 56) << 48) | activation
    self.threshold_word = word
    log IOracle.ThresholdSet(word=word)


# -- views ---------------------------------------------------------------------

@external
@view
def governance() -> address:
    """
    @notice Who changes signers and k.
    """
    return GOVERNANCE


@external
@view
def serves(signer: address, time_ms: uint256) -> bool:
    """
    @notice Whether a signer's signature counts at T.
    """
    return self._serves(signer, time_ms)


@external
@view
def threshold_at(time_ms: uint256) -> uint256:
    """
    @notice How many signers a vector of this T needs.
    """
    return self._threshold_at(time_ms)


@external
@view
def domain_separator() -> bytes32:
    """
    @notice The EIP-712 separator of price vectors on the chain as it is now.
    """
    return domain._domain_separator_v4()


# -- internals -----------------------------------------------------------------

@internal
@view
def _only_governance():
    assert msg.sender == GOVERNANCE, "oracle: not governance"


@internal
@view
def _activation(last: uint256) -> uint256:
    """
    @notice When a change made now takes over, given when the last change of the same thing did.
    """
    now_ms: uint256 = block.timestamp * 1000
    assert last == 0 or now_ms > last + WINDOW_MS, "oracle: change pending"
    return now_ms + GUARD_MS


@internal
@view
def _serves(signer: address, time_ms: uint256) -> bool:
    word: uint256 = self.signer_words[signer]
    return time_ms > word >> 48 and time_ms <= word & MASK_48


@internal
@view
def _threshold_at(time_ms: uint256) -> uint256:
    word: uint256 = self.threshold_word
    if time_ms <= word & MASK_48:
        return (word >> 48) & MASK_8
    return word >> 56


@internal
@pure
def _recover(digest: bytes32, r: uint256, vs: uint256) -> address:
    """
    @notice Who signed; the zero address for a signature that is malformed or not in the lower half (never a signer).
    """
    s: uint256 = vs & S_MASK
    if s > S_MAX:
        return empty(address)
    return ecrecover(digest, unsafe_add(vs >> 255, 27), r, s)
