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
from .interfaces import IPool
from .interfaces import IVault
from .modules import packing

implements: IERC20
implements: IERC20Detailed
implements: IPool
initializes: ownable
initializes: erc20[ownable := ownable]


interface Epochs:
    def head() -> uint256: view
    def strikes(epoch: uint256) -> uint256: view
    def lp_request(deposits_e6: uint256, redeems: uint256) -> uint256: nonpayable


SHARES_PER_UNIT: constant(uint256) = 10**6      # the first shares: 12 decimals for assets of 6
ASSETS_E6_MAX: constant(uint256) = 2**62 - 1    # what the totals of an epoch have room for
SHARES_MAX: constant(uint256) = 2**120 - 1

CLEARING: immutable(Epochs)
VAULT: immutable(IVault)


requests: public(HashMap[address, HashMap[uint256, uint256]])   # holder, epoch: assets u64 @128 | shares u128 @0


@deploy
def __init__(clearing: address, vault: address):
    """
    @notice Fix the parts for good. Nobody owns the shares' contract: no key can mint.
    """
    assert clearing != empty(address), "pool: clearing is zero"
    assert vault != empty(address), "pool: vault is zero"
    ownable.__init__()
    erc20.__init__("Infold Pool Share", "IFLD", 12, "Infold Pool Share", "1")
    erc20.is_minter[msg.sender] = False
    log erc20.RoleMinterChanged(minter=msg.sender, status=False)
    ownable._transfer_ownership(empty(address))
    CLEARING = Epochs(clearing)
    VAULT = IVault(vault)


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
    request: uint256 = self.requests[msg.sender][epoch] + assets_e6 * 2**128
    self.requests[msg.sender][epoch] = request
    log IPool.DepositRequested(holder=msg.sender, epoch=epoch, assets_e6=assets_e6, request=request)

    booked: uint256 = extcall CLEARING.lp_request(assets_e6, 0)
    assert booked == epoch, "pool: epoch mismatch"
    extcall VAULT.receive(msg.sender, assets_e6)
    return epoch


@external
def request_redeem(shares: uint256) -> uint256:
    """
    @notice Give shares back; they become assets at the price of the epoch's strike, and leave the holder now.
    @return the epoch to claim
    """
    assert shares != 0, "pool: amount is zero"
    assert shares <= SHARES_MAX, "pool: amount too large"
    assert erc20.balanceOf[msg.sender] >= shares, "pool: not enough shares"
    epoch: uint256 = self._open_epoch()
    request: uint256 = self.requests[msg.sender][epoch] + shares
    self.requests[msg.sender][epoch] = request
    erc20._burn(msg.sender, shares)
    log IPool.RedeemRequested(holder=msg.sender, epoch=epoch, shares=shares, request=request)

    booked: uint256 = extcall CLEARING.lp_request(0, shares)
    assert booked == epoch, "pool: epoch mismatch"
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


# -- views ---------------------------------------------------------------------

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
