# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Units
@license AGPL-3.0-only
@notice Scales, clocks and the two divisions that round against the trader.
@dev Money e6, size e8, price e8, time in ms; docs/protocol.md section 1.
"""

WINDOW_MS: constant(uint256) = 15_000   # F: how long a signed vector may wait for inclusion
GUARD_MS: constant(uint256) = 3_000     # G: at least 1 s plus the longest publication lag
WINDOW_S: constant(uint256) = 15
GUARD_S: constant(uint256) = 3
LEAD_MS: constant(uint256) = 1_000      # a vector may be this much ahead of its block: stamps are whole seconds
DAY_MS: constant(uint256) = 86_400_000

LOTS: constant(uint256) = 10 ** 10      # price e8 * size e8 / 1e10 = money e6
FRACTION: constant(uint256) = 10 ** 6
BASE_MAX: constant(uint256) = 2 ** 62   # |base| stays below it: i64 with room to add
QUOTE_MAX: constant(uint256) = 2 ** 60  # |quote| of a position stays below it: 1e12 USD, so that collateral fits i64


@internal
@view
def _now_ms() -> uint256:
    return unsafe_mul(block.timestamp, 1000)


@internal
@pure
def _ceil_div(a: uint256, b: uint256) -> uint256:
    """
    @notice a / b rounded up; callers pass a non-zero constant b and a below 2**255.
    """
    return unsafe_div(unsafe_add(a, unsafe_sub(b, 1)), b)


@internal
@pure
def _floor_lots(product: int256) -> int256:
    """
    @notice base * price in money e6, rounded toward minus infinity, as every mark value is.
    """
    # no product of a base and a price is below -2**128: lifted by 2**136 it is positive, and division rounds down
    return unsafe_sub(unsafe_div(unsafe_add(product, 10 ** 10 * 2 ** 136), 10 ** 10), 2 ** 136)
