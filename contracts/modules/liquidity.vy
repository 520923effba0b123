# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Liquidity
@license AGPL-3.0-only
@notice The pool's epochs: requests are collected, one batch strikes one price for all of an epoch, holders pull later.
@dev C11 between strikes the share price moves by what the pool earned and lost, exactly
     Calls nothing: `Pool` reads `strikes` when a holder claims.
"""

from . import collateral
from . import packing
from . import units
from ..interfaces import IClearing

uses: collateral

RETURNED: constant(uint256) = 2**192
SHARES_PER_UNIT: constant(uint256) = 10**6  # shares have 12 decimals, assets 6

lp_requests: public(HashMap[uint256, uint256])  # epoch: deposits u64 @128 | redeems u128 @0
strikes: public(HashMap[uint256, uint256])      # epoch: returned @192 | nav u64 @128 | supply before u128 @0
lp_totals: public(uint256)                      # capital u64 @128 | supply u128 @0
epoch_words: public(uint256)                    # next length_ms 64 @128 | length_ms 64 @64 | activation 48 @0


@deploy
def __init__(epoch_ms: uint256):
    self.epoch_words = (epoch_ms << 128) | (epoch_ms << 64)


@internal
def _request(head: uint256, deposits_e6: uint256, redeems: uint256) -> uint256:
    """
    @notice Add to the totals of the epoch that is open now and return it.
    """
    epoch: uint256 = (head >> 112) & packing.M32
    if units._now_ms() >= (head >> 64) & packing.M48:
        epoch += 1
    totals: uint256 = self.lp_requests[epoch]
    totals = (packing._count((totals >> 128) + deposits_e6, 62) << 128) | packing._count(
        (totals & packing.M128) + redeems, 120
    )
    self.lp_requests[epoch] = totals
    log IClearing.LiquidityRequested(epoch=epoch, requests=totals)
    return epoch


@internal
def _set_length(epoch_ms: uint256):
    words: uint256 = self.epoch_words
    assert units._now_ms() > (words & packing.M48) + units.WINDOW_MS, "clearing: change pending"
    activation: uint256 = units._now_ms() + units.GUARD_MS
    self.epoch_words = (epoch_ms << 128) | ((words >> 128) << 64) | activation
    log IClearing.EpochSet(epoch_ms=epoch_ms, activation=activation)


@internal
@view
def _length(time: uint256) -> uint256:
    words: uint256 = self.epoch_words
    if time <= words & packing.M48:
        return (words >> 64) & packing.M64
    return words >> 128


@internal
def _strike(epoch: uint256, position_value: int256):
    """
    @notice One price for every request of the epoch: net asset value over shares outstanding.
    """
    word: uint256 = collateral.accounts[0]
    totals: uint256 = self.lp_totals
    supply: uint256 = totals & packing.M128
    requests: uint256 = self.lp_requests[epoch]
    deposits: uint256 = requests >> 128
    redeems: uint256 = requests & packing.M128
    nav: int256 = packing._collateral_of(word) + position_value
    value: uint256 = convert(max(nav, 0), uint256)

    strike: uint256 = (packing._count(value, 64) << 128) | supply
    paid: uint256 = 0
    if supply == 0 and nav >= 0:
        supply = deposits * SHARES_PER_UNIT
    elif nav > 0:
        paid = redeems * value // supply
        supply = supply + deposits * supply // value - redeems
    else:
        strike |= RETURNED
        deposits = 0
    word = packing._with_collateral(
        word, packing._collateral_of(word) + convert(deposits, int256) - convert(paid, int256)
    )
    totals = (packing._count(value + deposits - paid, 64) << 128) | packing._count(supply, 128)

    collateral.accounts[0] = word
    self.lp_totals = totals
    self.strikes[epoch] = strike
    log IClearing.PoolStruck(epoch=epoch, strike=strike, totals=totals, word=word)
