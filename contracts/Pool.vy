# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Pool
@license AGPL-3.0-only
@notice Liquidity providers' shares: asked for in one epoch, priced by one strike, pulled by their holders later.
@dev Units: assets e6, shares 12 decimals.
     C4  what an epoch pays out is never more than what `Clearing` took off account 0 for it
     C11 shares are minted only against a strike and burnt only into a request, at the strike's price for everyone
     Nobody chooses the moment of a price: a request binds before the strike is known, and cannot be taken back.
@custom:halt Nothing stops it: requests wait for the next strike, claims of struck epochs pay always.
"""

from ethereum.ercs import IERC20
from ethereum.ercs import IERC20Detailed
from snekmate.auth import ownable
from snekmate.tokens import erc20
from .interfaces import IClearing
from .interfaces import IPool
from .interfaces import IVault
from .modules import packing

implements: IERC20
implements: IERC20Detailed
implements: IPool
initializes: ownable
initializes: erc20[ownable := ownable]


SHARES_PER_UNIT: constant(uint256) = 10**6      # the first shares: 12 decimals for assets of 6
ASSETS_E6_MAX: constant(uint256) = 2**62 - 1    # of one epoch: what account 0's collateral has room for
SHARES_MAX: constant(uint256) = 2**120 - 1      # of all: a strike word has 128 bits for them
NAV_E6_MAX: constant(int256) = 2**64 - 1         # a strike word has 64 bits for it
RETURNED: constant(uint256) = 2**192            # flag of a strike: the epoch's requests are given back

CLEARING: immutable(IClearing)
VAULT: immutable(IVault)
TOKEN: immutable(address)


requests: public(HashMap[address, HashMap[uint256, uint256]])   # holder, epoch: assets u64 @128 | shares u128 @0
lp_requests: public(HashMap[uint256, uint256])                  # epoch: the sum over holders, in the same fields


@deploy
def __init__(clearing: address, vault: address, token: address):
    """
    @notice Fix the parts for good. Nobody owns the shares' contract: no key can mint.
    """
    assert clearing != empty(address), "pool: clearing is zero"
    assert vault != empty(address), "pool: vault is zero"
    assert token != empty(address), "pool: token is zero"
    ownable.__init__()
    erc20.__init__("Infold Pool Share", "IFLD", 12, "Infold Pool Share", "1")
    erc20.is_minter[msg.sender] = False
    log erc20.RoleMinterChanged(minter=msg.sender, status=False)
    ownable._transfer_ownership(empty(address))
    CLEARING = IClearing(clearing)
    VAULT = IVault(vault)
    TOKEN = token


# -- liquidity -----------------------------------------------------------------

@external
def request_deposit(assets_e6: uint256) -> uint256:
    """
    @notice Pay assets in; they become shares at the price of the epoch's strike.
    @return the epoch to claim
    """
    assert assets_e6 != 0, "pool: amount is zero"
    assert assets_e6 <= ASSETS_E6_MAX, "pool: amount too large"
    epoch: uint256 = self._open_epoch()
    totals: uint256 = self.lp_requests[epoch]
    assert (totals >> 128) + assets_e6 <= ASSETS_E6_MAX, "pool: epoch is full"

    request: uint256 = self.requests[msg.sender][epoch] + assets_e6 * 2**128
    self.requests[msg.sender][epoch] = request
    log IPool.DepositRequested(holder=msg.sender, epoch=epoch, assets_e6=assets_e6, request=request)
    totals += assets_e6 * 2**128
    self.lp_requests[epoch] = totals
    log IPool.LiquidityRequested(epoch=epoch, requests=totals)
    extcall VAULT.receive(msg.sender, assets_e6)
    return epoch


@external
def request_redeem(shares: uint256) -> uint256:
    """
    @notice Give shares back; they become assets at the price of the epoch's strike, and leave the holder now.
    @return the epoch to claim
    """
    assert shares != 0, "pool: amount is zero"
    assert shares <= erc20.balanceOf[msg.sender], "pool: not enough shares"
    epoch: uint256 = self._open_epoch()

    erc20._burn(msg.sender, shares)
    request: uint256 = self.requests[msg.sender][epoch] + shares
    self.requests[msg.sender][epoch] = request
    log IPool.RedeemRequested(holder=msg.sender, epoch=epoch, shares=shares, request=request)
    totals: uint256 = self.lp_requests[epoch] + shares
    self.lp_requests[epoch] = totals
    log IPool.LiquidityRequested(epoch=epoch, requests=totals)
    return epoch


@external
def claim(epoch: uint256, holder: address) -> (uint256, uint256):
    """
    @notice Turn a holder's requests of a struck epoch into shares and assets; anyone may, for the holder's good.
    @return shares minted, assets paid (e6)
    """
    request: uint256 = self.requests[holder][epoch]
    assert request != 0, "pool: nothing to claim"
    assert self._is_struck(epoch), "pool: epoch not struck"
    minted: uint256 = 0
    paid_e6: uint256 = 0
    minted, paid_e6 = self._outcome(request, staticcall CLEARING.strikes(epoch))

    self.requests[holder][epoch] = 0
    if minted != 0:
        erc20._mint(holder, minted)
    log IPool.Claimed(holder=holder, epoch=epoch, minted=minted, paid_e6=paid_e6)

    if paid_e6 != 0:
        extcall VAULT.release(holder, paid_e6)
    return minted, paid_e6


# -- shares: ERC-20, under this contract's lock ----------------------------------

@external
def transfer(to: address, amount: uint256) -> bool:
    """
    @notice ERC-20.
    """
    erc20._transfer(msg.sender, to, amount)
    return True


@external
def approve(spender: address, amount: uint256) -> bool:
    """
    @notice ERC-20.
    """
    erc20._approve(msg.sender, spender, amount)
    return True


@external
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    """
    @notice ERC-20.
    """
    erc20._spend_allowance(owner, msg.sender, amount)
    erc20._transfer(owner, to, amount)
    return True


# -- strikes -------------------------------------------------------------------

@external
@view
def strike_terms(epoch: uint256, nav: int256, previous: uint256) -> (uint256, uint256, int256):
    """
    @notice One price for every request of an epoch: net asset value over shares outstanding. `Clearing` asks this in
            the middle of a batch, when it answers nobody, so it brings the strike before this one along.
    @param nav What the pool is worth before the requests, e6.
    @param previous The strike word of the epoch before, zero for the first.
    @return the strike word, the pool's value after the requests (e6), what account 0 gains (e6)
    """
    supply: uint256 = 0
    if epoch != 0:
        supply = self._supply_after(epoch - 1, previous)
    nav_e6: uint256 = convert(min(max(nav, 0), NAV_E6_MAX), uint256)
    strike: uint256 = nav_e6 * 2**128 | supply
    if not self._can_strike(epoch, nav, supply):
        return strike | RETURNED, nav_e6, 0

    requests: uint256 = self.lp_requests[epoch]
    deposits_e6: uint256 = requests >> 128
    paid_e6: uint256 = 0
    if supply != 0:
        paid_e6 = (requests & packing.M128) * nav_e6 // supply
    return strike, nav_e6 + deposits_e6 - paid_e6, convert(deposits_e6, int256) - convert(paid_e6, int256)


# -- views ---------------------------------------------------------------------

@external
@view
def supply() -> uint256:
    """
    @notice Shares outstanding by the last strike, claimed or not: what the next strike divides by.
    """
    head: uint256 = staticcall CLEARING.head()
    epoch: uint256 = (head >> 112) & packing.M32
    if epoch == 0:
        return 0
    return self._supply_after(epoch - 1, staticcall CLEARING.strikes(epoch - 1))


@external
@view
def pending(epoch: uint256, holder: address) -> (uint256, uint256):
    """
    @notice What a holder has asked for in an epoch and not claimed yet.
    @return assets paid in (e6), shares given back
    """
    request: uint256 = self.requests[holder][epoch]
    return request >> 128, request & packing.M128


@external
@view
def claimable(epoch: uint256, holder: address) -> (uint256, uint256):
    """
    @notice What `claim` would give now; nothing before the strike.
    @return shares, assets (e6)
    """
    minted: uint256 = 0
    paid_e6: uint256 = 0
    if self._is_struck(epoch):
        minted, paid_e6 = self._outcome(self.requests[holder][epoch], staticcall CLEARING.strikes(epoch))
    return minted, paid_e6


@external
@view
def clearing() -> address:
    """
    @notice Where account 0, the pool's trading side, is kept.
    """
    return CLEARING.address


@external
@view
def vault() -> address:
    """
    @notice Where the assets lie; approve it before `request_deposit`.
    """
    return VAULT.address


@external
@view
def asset() -> address:
    """
    @notice What deposits are paid in.
    """
    return TOKEN


@external
@view
def name() -> String[25]:
    """
    @notice ERC-20.
    """
    return erc20.name


@external
@view
def symbol() -> String[5]:
    """
    @notice ERC-20.
    """
    return erc20.symbol


@external
@view
def decimals() -> uint8:
    """
    @notice Twelve.
    """
    return erc20.decimals


@external
@view
def totalSupply() -> uint256:
    """
    @notice Shares in holders' hands.
    """
    return erc20.totalSupply


@external
@view
def balanceOf(holder: address) -> uint256:
    """
    @notice ERC-20.
    """
    return erc20.balanceOf[holder]


@external
@view
def allowance(owner: address, spender: address) -> uint256:
    """
    @notice ERC-20.
    """
    return erc20.allowance[owner][spender]


# -- internals -----------------------------------------------------------------

@internal
@view
def _open_epoch() -> uint256:
    """
    @notice The epoch a request of this block joins: the current one until its end, then the one after.
    """
    head: uint256 = staticcall CLEARING.head()
    epoch: uint256 = (head >> 112) & packing.M32
    if block.timestamp * 1000 >= (head >> 64) & packing.M48:
        epoch += 1
    return epoch


@internal
@view
def _is_struck(epoch: uint256) -> bool:
    """
    @notice Whether an epoch has its price. Epochs are struck in order; a strike's word may well be zero.
    """
    head: uint256 = staticcall CLEARING.head()
    return epoch < (head >> 112) & packing.M32


@internal
@view
def _can_strike(epoch: uint256, nav: int256, supply: uint256) -> bool:
    """
    @notice Whether shares have a price: a pool worth nothing, or shares beyond counting, give the requests back.
    """
    if supply == 0:
        return nav >= 0
    if nav <= 0 or nav > NAV_E6_MAX:
        return False
    deposits_e6: uint256 = self.lp_requests[epoch] >> 128
    return supply + deposits_e6 * supply // convert(nav, uint256) <= SHARES_MAX


@internal
@view
def _supply_after(epoch: uint256, strike: uint256) -> uint256:
    """
    @notice Shares outstanding once an epoch is struck.
    """
    supply: uint256 = strike & packing.M128
    if (strike >> 192) & 1 == 1:
        return supply
    requests: uint256 = self.lp_requests[epoch]
    deposits_e6: uint256 = requests >> 128
    if supply == 0:
        return deposits_e6 * SHARES_PER_UNIT
    nav_e6: uint256 = (strike >> 128) & packing.M64
    return supply + deposits_e6 * supply // nav_e6 - (requests & packing.M128)


@internal
@pure
def _outcome(request: uint256, strike: uint256) -> (uint256, uint256):
    """
    @notice A request at a strike, rounded down: the sum over holders never exceeds what `Clearing` moved for all.
    @param strike returned u1 @192 | nav u64 @128 | supply before u128 @0
    @return shares minted, assets paid
    """
    assets_e6: uint256 = request >> 128
    shares: uint256 = request & packing.M128
    if (strike >> 192) & 1 == 1:
        return shares, assets_e6
    nav_e6: uint256 = (strike >> 128) & packing.M64
    supply: uint256 = strike & packing.M128
    if supply == 0:
        return assets_e6 * SHARES_PER_UNIT, 0
    return assets_e6 * supply // nav_e6, shares * nav_e6 // supply
