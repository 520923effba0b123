# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Oracle
@license AGPL-3.0-only
@notice Accepts a price vector signed by k of n signers, and opens the prices a caller asks for.
@dev C9  one root a time, k distinct signers; freshness is the caller's to judge, who knows its own clock
     A second source (`adapters/`) never makes a vector fail: it names the markets whose price it contradicts.
@custom:halt Retire signers through Governance; nobody can stop prices from being signed.
"""

from .interfaces import IOracle
from .modules import packing
from .modules import signatures
from .modules import signers
from .modules import sources
from .modules import uptime
from .modules import vectors

implements: IOracle
initializes: signers
initializes: sources[signers := signers]
initializes: uptime
exports: (
    signers.service,
    signers.threshold,
    signers.live_count,
    sources.source_of,
    sources.readings,
    uptime.uptime_word,
)

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
) -> (bytes32, uint256[64], uint256):
    """
    @notice Check a vector's signatures, open it, and hold its prices against what second sources say.
    @param head time u48 @16 | chunks u8 @8 | opened u8 @0; higher bits are the caller's.
    @param openings For each chunk in order: its 8 words if its bit of `opened` is set, else its hash.
    @return the root; the price words at `chunk * 8 + i`, zero where not opened; the markets in doubt, as bits
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

    doubtful: uint256 = 0
    sourced: uint256 = signers.threshold >> 64      # bit m: market m has a second source
    for i: uint256 in range(48):
        four: uint256 = sourced >> (i * 4)
        if four == 0:
            break
        if four & 15 == 0 or words[i] == 0:
            continue
        for place: uint256 in range(4):
            price: uint256 = (words[i] >> (64 * (3 - place))) & packing.M64
            if (four >> place) & 1 != 0 and price != 0:
                if sources._doubts(i * 4 + place, price, time):
                    doubtful |= 1 << (i * 4 + place)
    return root, words, doubtful


@external
def refresh(market: uint256):
    """
    @notice Store what a market's second source says now. Anyone may, once in G + F; it serves from G after its block.
    """
    sources._refresh(market)


@external
@view
def sequencer_up() -> bool:
    """
    @notice Whether the sequencer has been up for longer than the grace; liquidations wait for it.
    """
    return uptime._up()


@external
def set_source(market: uint256, source: address, bound_e4: uint256, age_s: uint256, strict: bool):
    """
    @notice Name a market's second source, how far a vector may differ from it and how old it may be; zero for none.
    """
    self._only_governance()
    sources._set(market, source, bound_e4, age_s, strict)


@external
def set_uptime(feed: address, grace_s: uint256):
    """
    @notice Name the feed that tells whether the sequencer runs, and the grace after it came back; zero for none.
    """
    self._only_governance()
    uptime._set(feed, grace_s)


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
