# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title VectorsProbe
@license AGPL-3.0-only
@notice Shows the `vectors` module to tests; nothing else uses it.
"""

from modules import vectors


@external
@pure
def open(head: uint256, openings: DynArray[uint256, 64]) -> (bytes32, uint256[64]):
    """
    @notice See the module.
    """
    root: bytes32 = empty(bytes32)
    words: uint256[64] = empty(uint256[64])
    root, words = vectors._open(head, openings)
    return root, words
