# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title parameters
@license AGPL-3.0-only
@notice Hard bounds on a market's parameters, and their words. No governance, however patient, gets past these.
@dev Units: shares of notional or price e6, sizes e8, slope e20, funding e9 per day.
     C14 every field within its bounds, and the fields within each other's
     Words, docs/protocol.md section 3; products by powers of two, so that no bit is dropped without a revert:
     rates    im 20 @236 | mm 20 @216 | haircut 20 @196 | h_min 20 @176 | h0 20 @156 | band 20 @136 | move 20 @116
              move_per_s 16 @100 | fee 16 @84 | shift 8 @76 | tier 4 @72 | status 4 @68 | rate_max 32 @36 | velocity 32 @4
              rebate 4 @0
     caps     slope 64 @192 | residual_cap 64 @128 | position_cap 64 @64 | interest_share 4 @60 | interest_cap 60 @0
     listing  insurance_share 4 @252 | tick 60 @192 | name 24 bytes @0
@custom:halt Stateless: nothing to stop.
"""

from ..interfaces import IGovernance


LIVE: constant(uint256) = 1
SHRINK_ONLY: constant(uint256) = 2      # there is no way back to unlisted: positions would have no way out

TICK_E8_MAX: constant(uint256) = 10**14     # 1e6 quote: the largest price a market should have
IM_E6_MAX: constant(uint256) = 10**6        # 1x
MM_E6_MIN: constant(uint256) = 2_500        # below 0.25 % one second's move is a bad debt
HAIRCUT_E6_MAX: constant(uint256) = 10**6   # profit carries nothing until it is closed
H_MIN_E6_MIN: constant(uint256) = 10        # 0.1 bp: a pool that earns nothing pays for everyone's hindsight
H_MIN_E6_MAX: constant(uint256) = 50_000
H0_E6_MAX: constant(uint256) = 50_000
BAND_E6_MAX: constant(uint256) = 100_000    # 10 %: what a matcher and a friend can bend a price by
MOVE_E6_MIN: constant(uint256) = 1_000      # below 0.1 % ordinary seconds would stop a market
MOVE_E6_MAX: constant(uint256) = 500_000
MOVE_PER_S_E6_MAX: constant(uint256) = 10_000
FEE_E6_MAX: constant(uint256) = 10_000      # 1 %
SHIFT_MIN: constant(uint256) = 20
SHIFT_MAX: constant(uint256) = 90           # rate * price * time * 2^shift stays below 2^255
RATE_MAX_E9_MAX: constant(uint256) = 100_000_000        # 10 % a day
VELOCITY_E9_MAX: constant(uint256) = 1_000_000_000      # the whole range of rates within 5 hours at a full pool
CAP_E8_MAX: constant(uint256) = 2**60 - 1   # sums of four sizes stay below the 2^62 a word has room for
TIER_MAX: constant(uint256) = 15            # what four bits hold: the flat rate ends at 2^tier times 29,515 USD, 967M
INTEREST_SHARE_MAX: constant(uint256) = 15  # 2^(share - 4) times pool capital; 15: not measured by it
REBATE_MAX: constant(uint256) = 15          # sixteenths of what the pool has earned: never all of it
INSURANCE_SHARE_MAX: constant(uint256) = 15 # sixteenths of the fees
SLOPE_E20_MAX: constant(uint256) = 2**64 - 1    # what its field has room for
BEND_E20_MAX: constant(uint256) = 10**20 # size alone bends a price by at most itself


@internal
@pure
def _check(p: IGovernance.Parameters):
    """
    @notice Revert with the first field that is out of its bounds.
    """
    assert len(p.name) != 0, "governance: name is empty"
    assert p.status == LIVE or p.status == SHRINK_ONLY, "governance: status out of range"
    assert p.tick_e8 >= 1 and p.tick_e8 <= TICK_E8_MAX, "governance: tick out of range"
    assert p.mm_e6 >= MM_E6_MIN and p.mm_e6 < p.im_e6, "governance: mm out of range"
    assert p.im_e6 <= IM_E6_MAX, "governance: im out of range"
    assert p.haircut_e6 <= HAIRCUT_E6_MAX, "governance: haircut out of range"
    assert p.tier <= TIER_MAX, "governance: tier out of range"
    assert p.h_min_e6 >= H_MIN_E6_MIN and p.h_min_e6 <= H_MIN_E6_MAX, "governance: h_min out of range"
    assert p.h0_e6 <= H0_E6_MAX, "governance: h0 out of range"
    assert p.band_e6 >= p.h_min_e6 + p.h0_e6 and p.band_e6 <= BAND_E6_MAX, "governance: band out of range"
    assert p.move_e6 >= MOVE_E6_MIN and p.move_e6 <= MOVE_E6_MAX, "governance: move out of range"
    assert p.move_per_s_e6 <= MOVE_PER_S_E6_MAX, "governance: move_per_s out of range"
    assert p.fee_e6 <= FEE_E6_MAX, "governance: fee out of range"
    assert p.shift >= SHIFT_MIN and p.shift <= SHIFT_MAX, "governance: shift out of range"
    assert p.rate_max_e9 <= RATE_MAX_E9_MAX, "governance: rate_max out of range"
    assert p.velocity_e9 <= VELOCITY_E9_MAX, "governance: velocity out of range"
    assert p.residual_cap_e8 <= CAP_E8_MAX, "governance: residual_cap out of range"
    assert p.position_cap_e8 >= 1 and p.position_cap_e8 <= CAP_E8_MAX, "governance: position_cap out of range"
    assert p.interest_cap_e8 <= CAP_E8_MAX, "governance: interest_cap out of range"
    assert p.interest_share <= INTEREST_SHARE_MAX, "governance: interest_share out of range"
    assert p.rebate <= REBATE_MAX, "governance: rebate out of range"
    assert p.insurance_share <= INSURANCE_SHARE_MAX, "governance: insurance_share out of range"
    assert p.slope_e20 <= SLOPE_E20_MAX, "governance: slope out of range"
    assert (
        p.slope_e20 * (p.residual_cap_e8 + 2 * p.position_cap_e8) // 2 <= BEND_E20_MAX
    ), "governance: slope bends too far at the caps"


@internal
@pure
def _pack(p: IGovernance.Parameters) -> (uint256, uint256, uint256):
    """
    @notice The words of checked parameters.
    @return rates, caps, listing
    """
    rates: uint256 = (
        p.im_e6 * 2**236
        | p.mm_e6 * 2**216
        | p.haircut_e6 * 2**196
        | p.h_min_e6 * 2**176
        | p.h0_e6 * 2**156
        | p.band_e6 * 2**136
        | p.move_e6 * 2**116
        | p.move_per_s_e6 * 2**100
        | p.fee_e6 * 2**84
        | p.shift * 2**76
        | p.tier * 2**72
        | p.status * 2**68
        | p.rate_max_e9 * 2**36
        | p.velocity_e9 * 2**4
        | p.rebate
    )
    caps: uint256 = (
        p.slope_e20 * 2**192
        | p.residual_cap_e8 * 2**128
        | p.position_cap_e8 * 2**64
        | p.interest_share * 2**60
        | p.interest_cap_e8
    )
    return rates, caps, p.insurance_share * 2**252 | p.tick_e8 * 2**192 | self._name_word(p.name)


@internal
@pure
def _name_word(name: String[24]) -> uint256:
    """
    @notice A name's bytes in the low 192 bits, padded with zeros on the right; printable ASCII without spaces only.
    """
    word: uint256 = convert(convert(convert(name, Bytes[24]), bytes24), uint256)
    for i: uint256 in range(24):
        letter: uint256 = (word >> (8 * (23 - i))) & 255
        if i < len(name):
            assert letter > 32 and letter < 127, "governance: name is not plain ASCII"
    return word
