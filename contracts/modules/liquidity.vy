# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Liquidity
@license AGPL-3.0-only
@notice The pool's epochs: requests are collected, one batch strikes one price for all of an epoch, holders pull later.
@dev C11 between strikes the share price moves by what the pool earned and lost, exactly
     The price is `Rules.strike`'s; `Pool` reads `strikes` when a holder claims.
"""

from . import packing
from . import units
from ..interfaces import IClearing

lp_requests: public(HashMap[uint256, uint256])  # epoch: deposits u64 @128 | redeems u128 @0
strikes: public(HashMap[uint256, uint256])      # epoch: returned @192 | nav u64 @128 | supply before u128 @0
lp_totals: public(uint256)                      # capital u64 @128 | supply u128 @0


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
