# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Pricing
@license AGPL-3.0-only
@notice The price rule, the caps and the loss meter that guard the pool; pure, docs/protocol.md §5.6.
@dev C6  one price per market and batch, inside the band and the curve bound
     C7  the pool trades at least h_min on its own side of the oracle; residual, position and losses are capped
     `residual` is what the traders bought net, so what the pool sold; `pool` is its base before the batch.
"""

from . import packing
from . import units

STEP_MS: constant(uint256) = 3_600_000  # a rate moves by at most an hour's velocity, however long the gap


@internal
@pure
def _shrinks(base: int256, change: int256) -> bool:
    """
    @notice Whether base + change is nearer to zero than base and not beyond it.
    """
    if base > 0:
        return change <= 0 and change >= -base
    return change >= 0 and change <= -base


@internal
@pure
def _check_price(oracle: uint256, price: uint256, residual: int256, pool: int256, rates: uint256, slope: uint256):
    lean: int256 = convert(price, int256) - convert(oracle, int256)
    width: uint256 = convert(abs(lean), uint256)
    band: uint256 = (rates >> 136) & packing.M20
    h0: uint256 = (rates >> 156) & packing.M20
    h_min: uint256 = (rates >> 176) & packing.M20

    assert width * units.FRACTION <= oracle * band, "clearing: price outside band"
    if residual == 0:
        assert width * units.FRACTION <= oracle * h0, "clearing: price beyond curve"
        return

    tilt: int256 = residual - 2 * pool
    if residual < 0:
        lean = -lean
        tilt = -tilt
    assert lean >= 0, "clearing: price on the wrong side"
    assert width * units.FRACTION >= oracle * h_min, "clearing: price on the wrong side"
    reach: uint256 = 0
    if tilt > 0:
        reach = slope * convert(tilt, uint256) // 2
    assert width * 10**20 <= oracle * ((h_min + h0) * 10**14 + reach), "clearing: price beyond curve"


@internal
@pure
def _check_caps(residual: int256, pool: int256, caps: uint256, full: bool):
    """
    @param full Whether the loss meter is over its capacity, in this market or in all together.
    """
    assert abs(residual) <= convert((caps >> 128) & packing.M64, int256), "clearing: residual cap"
    after: int256 = pool - residual
    if abs(after) > convert((caps >> 64) & packing.M64, int256):
        assert abs(after) <= abs(pool), "clearing: pool cap"
    if full and residual != 0:
        assert self._shrinks(pool, -residual), "clearing: loss meter"


@internal
@pure
def _meter_loss(recent: int256, last: uint256, oracle: uint256, price: uint256, residual: int256) -> int256:
    """
    @notice What trading against the pool took from it since the last batch, e6; gains are negative.
    @param recent What the pool sold lately, decayed over 8F.
    """
    now: int256 = convert(oracle, int256)
    taken: int256 = residual * (now - convert(price, int256))
    if last != 0:
        taken += recent * (now - convert(last, int256))
    return taken // 10**10


@internal
@pure
def _drain(bucket: uint256, leak: uint256, loss: int256) -> uint256:
    """
    @return max(0, bucket - leak + loss)
    """
    level: int256 = convert(bucket, int256) - convert(leak, int256) + loss
    if level < 0:
        return 0
    return convert(level, uint256)


@internal
@pure
def _decay(recent: int256, dt: uint256) -> int256:
    if dt >= 8 * units.WINDOW_MS:
        return 0
    return recent * convert(8 * units.WINDOW_MS - dt, int256) // convert(8 * units.WINDOW_MS, int256)


# -- funding -------------------------------------------------------------------

@internal
@pure
def _index_step(rate_e9: int256, oracle: uint256, dt: uint256, scale: uint256) -> int256:
    """
    @notice How far the funding index moves in dt at a rate per day: quote e6 per lot, times 2**shift.
    """
    if rate_e9 == 0:
        return 0
    return ((rate_e9 * convert(oracle * dt, int256)) << scale) // convert(10**19 * units.DAY_MS, int256)


@internal
@pure
def _credit(base: int256, step: int256, scale: uint256) -> int256:
    """
    @notice Funding due to a position for an index step, rounded toward minus infinity: payers up, receivers down.
    """
    return unsafe_sub(0, unsafe_mul(base, step)) >> scale


@internal
@pure
def _next_rate(rate_e9: int256, skew: int256, dt: uint256, caps: uint256, rates: uint256) -> int256:
    """
    @notice The rate follows the traders' skew at a bounded velocity, inside its own bound.
    """
    cap: int256 = convert((caps >> 64) & packing.M64, int256)
    bound: int256 = convert((rates >> 36) & packing.M32, int256)
    velocity: int256 = convert((rates >> 4) & packing.M32, int256)
    step: int256 = convert(min(dt, STEP_MS), int256)
    drift: int256 = max(-cap, min(cap, skew)) * velocity * step // (cap * convert(units.DAY_MS, int256))
    return max(-bound, min(bound, rate_e9 + drift))
