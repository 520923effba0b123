# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title vectors
@license AGPL-3.0-only
@notice Opens a signed price vector: finds its root and lays out the prices a caller chose to open.
@dev Units: price e8 in 64 bits, time in ms. Nothing here knows who signed: Oracle does.
     A vector is 1..8 chunks of 32 prices; a chunk is 8 words of 4 prices, the first price on top.
     openings  for each chunk in order: its 8 words if its bit of `opened` is set, else its hash
     head      ... | time u48 @16 | chunks u8 @8 | opened u8 @0
     The root commits to every chunk, so a price cannot be opened as anything but what was signed (C9).
@custom:halt Stateless: nothing to stop.
"""


CHUNKS_MAX: constant(uint256) = 8       # 256 markets, the whole range of a market id
WORDS_PER_CHUNK: constant(uint256) = 8
WORDS_MAX: constant(uint256) = 64


@internal
@pure
def _open(head: uint256, openings: DynArray[uint256, WORDS_MAX]) -> (bytes32, uint256[WORDS_MAX]):
    """
    @notice Compute a vector's root and lay its opened words at `chunk * 8 + i`; unopened words are zero.
    @param head Only its low 16 bits are read: `chunks` and `opened`.
    @param openings Exactly 8 words for an opened chunk and 1 for any other.
    """
    chunks: uint256 = (head >> 8) & 255
    opened: uint256 = head & 255
    assert chunks != 0 and chunks <= CHUNKS_MAX, "vector: bad chunk count"
    assert opened >> chunks == 0, "vector: opened beyond chunks"

    words: uint256[WORDS_MAX] = empty(uint256[WORDS_MAX])
    hashes: bytes32[CHUNKS_MAX] = empty(bytes32[CHUNKS_MAX])
    size: uint256 = len(openings)
    cursor: uint256 = 0
    for chunk: uint256 in range(chunks, bound=CHUNKS_MAX):
        if (opened >> chunk) & 1 == 0:
            assert cursor < size, "vector: wrong length"
            hashes[chunk] = convert(openings[cursor], bytes32)
            cursor = unsafe_add(cursor, 1)
        else:
            assert unsafe_add(cursor, WORDS_PER_CHUNK) <= size, "vector: wrong length"
            part: uint256[WORDS_PER_CHUNK] = [
                openings[cursor],
                openings[unsafe_add(cursor, 1)],
                openings[unsafe_add(cursor, 2)],
                openings[unsafe_add(cursor, 3)],
                openings[unsafe_add(cursor, 4)],
                openings[unsafe_add(cursor, 5)],
                openings[unsafe_add(cursor, 6)],
                openings[unsafe_add(cursor, 7)],
            ]
            hashes[chunk] = keccak256(abi_encode(part))
            place: uint256 = unsafe_mul(chunk, WORDS_PER_CHUNK)
            words[place] = part[0]
            words[unsafe_add(place, 1)] = part[1]
            words[unsafe_add(place, 2)] = part[2]
            words[unsafe_add(place, 3)] = part[3]
            words[unsafe_add(place, 4)] = part[4]
            words[unsafe_add(place, 5)] = part[5]
            words[unsafe_add(place, 6)] = part[6]
            words[unsafe_add(place, 7)] = part[7]
            cursor = unsafe_add(cursor, WORDS_PER_CHUNK)
    assert cursor == size, "vector: wrong length"
    if chunks == 1:     # 32 markets and fewer: the general way costs 600 gas more
        return keccak256(hashes[0]), words
    return keccak256(slice(abi_encode(hashes), 0, unsafe_mul(chunks, 32))), words
