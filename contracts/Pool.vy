# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Pool
@license AGPL-3.0-only
@notice Liquidity providers' shares: an ERC-4626 vault whose both ways are the requests of ERC-7540. Asked for in one
        epoch, priced by one strike, pulled by who controls the request, whole or in pieces.
@dev Units: assets e6, shares 12 decimals. A request's id is its epoch; epochs run from 1.
     C4  what an epoch pays out is never more than what `Clearing` took off account 0 for it
     C11 shares are minted only against a strike and burnt only into a request, at the strike's price for everyone
     Nobody chooses the moment of a price: a request binds before the strike is known, and cannot be taken back.
     What open interest locks stays: an epoch that asks for more is paid in one proportion, and the rest of its shares
     given back.
     Shares are outstanding by a million or not at all: one that is worth much would round its holder rich.
     The standards' names are theirs (camel case); approve this contract, not the vault, to pay in.
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

# these touch nothing but allowances, and call nobody: outside the lock they do no harm
exports: (
    erc20.permit,
    erc20.nonces,
    erc20.DOMAIN_SEPARATOR,
    erc20.eip712Domain,
)


SHARES_PER_UNIT: constant(uint256) = 10**6      # the first shares: 12 decimals for assets of 6. Fewer never stay
ASSETS_E6_MAX: constant(uint256) = 2**62 - 1    # in or out by one strike: what account 0's collateral has room for
SHARES_MAX: constant(uint256) = 2**120 - 1      # of all: a strike word has 128 bits for them
NAV_E6_MAX: constant(int256) = 2**64 - 1        # a strike word has 64 bits for it
RETURNED: constant(uint256) = 2**192            # flag of a strike: the epoch's requests are given back. Of a claim: taken
OPEN_MAX: constant(uint256) = 8                 # epochs of a controller and side not wholly claimed: u32 in one word

DEPOSITS: constant(uint256) = 0                 # the two sides of a request
REDEEMS: constant(uint256) = 1

# what a contract that speaks these standards says of itself (ERC-165)
INTERFACES: constant(bytes4[5]) = [
    0x01ffc9a7,     # ERC-165
    0xe3bc4e65,     # ERC-7540 operators
    0x2f0a18c5,     # ERC-7575
    0xce3bbe50,     # ERC-7540 asynchronous deposits
    0x620ee8e4,     # ERC-7540 asynchronous redemptions
]

CLEARING: immutable(IClearing)
VAULT: immutable(IVault)
TOKEN: immutable(IERC20)


requests: public(HashMap[address, HashMap[uint256, uint256]])   # controller, epoch: asked: assets u64 @128 | shares u128 @0
claims: public(HashMap[address, HashMap[uint256, uint256]])     # controller, epoch * 2 + side: returned u1 @192 | assets u64 @128 | shares u128 @0
lp_requests: public(HashMap[uint256, uint256])                  # epoch: the sum of `requests` over all
open_epochs: HashMap[address, uint256[2]]                       # by side: up to 8 u32, the oldest lowest; may hold what is claimed
isOperator: public(HashMap[address, HashMap[address, bool]])    # of a controller
passed_e6: public(int256)                                       # tokens that came in through this contract, less those paid out


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
    TOKEN = IERC20(token)


# -- requests: ERC-7540 ----------------------------------------------------------

@external
def requestDeposit(assets: uint256, controller: address, owner: address) -> uint256:
    """
    @notice Pay an owner's assets in; they become shares of the controller's at the price of the epoch's strike.
    @return the request's id, the epoch
    """
    self._only_of(owner)
    assert assets != 0, "pool: amount is zero"
    assert assets <= ASSETS_E6_MAX, "pool: amount too large"
    epoch: uint256 = self._join(controller, DEPOSITS, assets << 128)
    assert self.lp_requests[epoch] >> 128 <= ASSETS_E6_MAX, "pool: epoch is full"
    self.passed_e6 += convert(assets, int256)

    log IPool.DepositRequest(
        controller=controller, owner=owner, requestId=epoch, sender=msg.sender, assets=assets
    )
    assert extcall TOKEN.transferFrom(owner, self, assets, default_return_value=True), "pool: token refused"
    assert extcall TOKEN.approve(VAULT.address, assets, default_return_value=True), "pool: token refused"
    extcall VAULT.receive(self, assets)
    return epoch


@external
def requestRedeem(shares: uint256, controller: address, owner: address) -> uint256:
    """
    @notice Give an owner's shares back; they become assets of the controller's at the price of the epoch's strike, as
            far as the pool has capital that open interest does not lock. They leave the owner now.
    @return the request's id, the epoch
    """
    self._spend(owner, shares)
    epoch: uint256 = self._join(controller, REDEEMS, shares)

    erc20._burn(owner, shares)
    log IPool.RedeemRequest(
        controller=controller, owner=owner, requestId=epoch, sender=msg.sender, shares=shares
    )
    return epoch


@external
def setOperator(operator: address, approved: bool) -> bool:
    """
    @notice Let another address make and claim the caller's requests, or no longer.
    """
    self.isOperator[msg.sender][operator] = approved
    log IPool.OperatorSet(controller=msg.sender, operator=operator, approved=approved)
    return True


@external
@view
def pendingDepositRequest(requestId: uint256, controller: address) -> uint256:
    """
    @notice Assets of a request whose epoch is not struck yet.
    """
    if requestId < self._decided():
        return 0
    return self.requests[controller][requestId] >> 128


@external
@view
def claimableDepositRequest(requestId: uint256, controller: address) -> uint256:
    """
    @notice Assets of a struck request whose shares are not claimed yet.
    """
    return self._left(controller, requestId, DEPOSITS)[0]


@external
@view
def pendingRedeemRequest(requestId: uint256, controller: address) -> uint256:
    """
    @notice Shares of a request whose epoch is not struck yet.
    """
    if requestId < self._decided():
        return 0
    return self.requests[controller][requestId] & packing.M128


@external
@view
def claimableRedeemRequest(requestId: uint256, controller: address) -> uint256:
    """
    @notice Shares of a struck request whose assets are not claimed yet.
    """
    return self._left(controller, requestId, REDEEMS)[1]


# -- claims: ERC-4626, as ERC-7540 has them ----------------------------------------

@external
def deposit(assets: uint256, receiver: address, controller: address = msg.sender) -> uint256:
    """
    @notice Claim the shares of struck deposits, the oldest first, rounded down.
    @param assets How much of what was paid in; at most `maxDeposit`.
    @return shares minted
    """
    used_up: uint256 = 0
    minted: uint256 = 0
    used_up, minted = self._claim_shares(assets, False, receiver, controller)
    return minted


@external
def mint(shares: uint256, receiver: address, controller: address = msg.sender) -> uint256:
    """
    @notice Claim shares of struck deposits, the oldest first.
    @param shares How many, exactly; at most `maxMint`.
    @return assets used up, rounded up
    """
    used_up: uint256 = 0
    minted: uint256 = 0
    used_up, minted = self._claim_shares(shares, True, receiver, controller)
    return used_up


@external
def withdraw(assets: uint256, receiver: address, controller: address) -> uint256:
    """
    @notice Claim assets of struck redemptions, the oldest first.
    @param assets How much, exactly; at most `maxWithdraw`.
    @return shares used up, rounded up
    """
    paid: uint256 = 0
    used_up: uint256 = 0
    paid, used_up = self._claim_assets(assets, False, receiver, controller)
    return used_up


@external
def redeem(shares: uint256, receiver: address, controller: address) -> uint256:
    """
    @notice Claim the assets of struck redemptions, the oldest first, rounded down.
    @param shares How many of those given back; at most `maxRedeem`.
    @return assets paid
    """
    paid: uint256 = 0
    used_up: uint256 = 0
    paid, used_up = self._claim_assets(shares, True, receiver, controller)
    return paid


# -- what a strike gave back: the claims of ERC-7887, whose requests there are none of -----

@external
def claimCancelDepositRequest(requestId: uint256, receiver: address, controller: address):
    """
    @notice Take back the assets of a deposit that its strike returned.
    """
    assets: uint256 = self._take_back(controller, requestId, DEPOSITS)
    log IPool.CancelDepositClaim(
        controller=controller, receiver=receiver, requestId=requestId, sender=msg.sender, assets=assets
    )
    self._release(receiver, assets)


@external
def claimCancelRedeemRequest(requestId: uint256, receiver: address, controller: address):
    """
    @notice Take back the shares of a redemption that its strike returned, or did not pay for.
    """
    shares: uint256 = self._take_back(controller, requestId, REDEEMS)
    erc20._mint(receiver, shares)
    log IPool.CancelRedeemClaim(
        controller=controller, receiver=receiver, requestId=requestId, sender=msg.sender, shares=shares
    )


@external
@view
def claimableCancelDepositRequest(requestId: uint256, controller: address) -> uint256:
    """
    @notice Assets that `claimCancelDepositRequest` would give back.
    """
    return self._left(controller, requestId, DEPOSITS)[2]


@external
@view
def claimableCancelRedeemRequest(requestId: uint256, controller: address) -> uint256:
    """
    @notice Shares that `claimCancelRedeemRequest` would give back.
    """
    return self._left(controller, requestId, REDEEMS)[2]


# -- the end of the venue ----------------------------------------------------------

@external
def leave(shares: uint256, receiver: address, owner: address) -> uint256:
    """
    @notice Give an owner's shares back for their part of what a wind-down left the pool, at once. Whoever claims or takes
            back shares afterwards has the same price.
    @return assets paid
    """
    self._spend(owner, shares)
    left: uint256 = staticcall CLEARING.withdrawals(0)
    assert left != 0, "pool: not wound down"
    epoch: uint256 = self._struck() - 1
    supply: uint256 = self._supply_after(epoch, staticcall CLEARING.strikes(epoch))
    assets: uint256 = shares * (left >> 48) // supply

    erc20._burn(owner, shares)
    log IPool.Withdraw(sender=msg.sender, receiver=receiver, owner=owner, assets=assets, shares=shares)
    if assets != 0:
        self._release(receiver, assets)
    return assets


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
def strike_terms(epoch: uint256, nav: int256, locked: uint256, previous: uint256) -> (uint256, uint256, int256):
    """
    @notice One price for every request of an epoch: net asset value over shares outstanding. `Clearing` asks this in
            the middle of a batch, when it answers nobody, so it brings the strike before this one along.
    @param nav What the pool is worth before the requests, e6.
    @param locked What must stay in it, e6: no redemption is paid out of that.
    @param previous The strike word of the epoch before, zero for the first.
    @return the strike word, the pool's value after the requests (e6), what account 0 gains (e6)
    """
    supply: uint256 = self._supply_after(epoch - 1, previous)
    nav_e6: uint256 = convert(min(max(nav, 0), NAV_E6_MAX), uint256)
    strike: uint256 = nav_e6 << 128 | supply
    if not self._can_strike(epoch, nav, supply):
        return strike | RETURNED, nav_e6, 0

    requests: uint256 = self.lp_requests[epoch]
    deposits_e6: uint256 = requests >> 128
    paid_e6: uint256 = 0
    if supply != 0:
        free_e6: uint256 = nav_e6 + deposits_e6 - min(nav_e6 + deposits_e6, locked)
        paid_e6 = min(min((requests & packing.M128) * nav_e6 // supply, free_e6), ASSETS_E6_MAX)
    # a lone share could be made dear, and rounding would give it others' deposits
    outstanding: uint256 = self._supply_after(epoch, paid_e6 << 193 | strike)
    if outstanding != 0 and outstanding < SHARES_PER_UNIT:
        return strike | RETURNED, nav_e6, 0
    return (
        paid_e6 << 193 | strike,
        nav_e6 + deposits_e6 - paid_e6,
        convert(deposits_e6, int256) - convert(paid_e6, int256),
    )


# -- views: ERC-4626 ---------------------------------------------------------------

@external
@view
def asset() -> address:
    """
    @notice What deposits are paid in.
    """
    return TOKEN.address


@external
@view
def share() -> address:
    """
    @notice The token of the shares: this contract (ERC-7575).
    """
    return self


@external
@view
def totalAssets() -> uint256:
    """
    @notice What the pool was worth after its last strike. Between strikes nobody enters or leaves, and nobody knows.
    """
    return self._last()[1]


@external
@view
def convertToShares(assets: uint256) -> uint256:
    """
    @notice Shares for assets at the last strike's price; none where a share is worth nothing.
    """
    supply: uint256 = 0
    capital_e6: uint256 = 0
    supply, capital_e6 = self._last()
    if supply == 0:
        return assets * SHARES_PER_UNIT
    if capital_e6 == 0:
        return 0
    return assets * supply // capital_e6


@external
@view
def convertToAssets(shares: uint256) -> uint256:
    """
    @notice Assets for shares at the last strike's price.
    """
    supply: uint256 = 0
    capital_e6: uint256 = 0
    supply, capital_e6 = self._last()
    if supply == 0:
        return shares // SHARES_PER_UNIT
    return shares * capital_e6 // supply


@external
@view
def maxDeposit(controller: address) -> uint256:
    """
    @notice The most `deposit` takes now: assets of struck requests. To pay in, `requestDeposit`.
    """
    return self._all_left(controller, DEPOSITS)[0]


@external
@view
def maxMint(controller: address) -> uint256:
    """
    @notice The most `mint` gives now.
    """
    return self._all_left(controller, DEPOSITS)[1]


@external
@view
def maxWithdraw(controller: address) -> uint256:
    """
    @notice The most `withdraw` pays now: assets of struck requests. To give shares back, `requestRedeem`.
    """
    return self._all_left(controller, REDEEMS)[0]


@external
@view
def maxRedeem(controller: address) -> uint256:
    """
    @notice The most `redeem` takes now.
    """
    return self._all_left(controller, REDEEMS)[1]


@external
@pure
def previewDeposit(assets: uint256) -> uint256:
    """
    @notice Always refused: the price is not known before the strike.
    """
    raise "pool: asynchronous, no preview"


@external
@pure
def previewMint(shares: uint256) -> uint256:
    """
    @notice Always refused: the price is not known before the strike.
    """
    raise "pool: asynchronous, no preview"


@external
@pure
def previewWithdraw(assets: uint256) -> uint256:
    """
    @notice Always refused: the price is not known before the strike.
    """
    raise "pool: asynchronous, no preview"


@external
@pure
def previewRedeem(shares: uint256) -> uint256:
    """
    @notice Always refused: the price is not known before the strike.
    """
    raise "pool: asynchronous, no preview"


@external
@pure
def supportsInterface(interface_id: bytes4) -> bool:
    """
    @notice ERC-165.
    """
    return interface_id in INTERFACES


# -- views: our own, and ERC-20 ------------------------------------------------------

@external
@view
def supply() -> uint256:
    """
    @notice Shares outstanding by the last strike, claimed or not: what the next strike divides by.
    """
    return self._last()[0]


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
    @notice Where the assets lie.
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


# -- internals: who, when ------------------------------------------------------------

@internal
@view
def _only_of(controller: address):
    assert msg.sender == controller or self.isOperator[controller][msg.sender], "pool: not the owner or an operator"


@internal
def _spend(owner: address, shares: uint256):
    """
    @notice Admit the caller to an owner's shares.
    """
    if owner != msg.sender and not self.isOperator[owner][msg.sender]:
        erc20._spend_allowance(owner, msg.sender, shares)
    assert shares != 0, "pool: amount is zero"
    assert shares <= erc20.balanceOf[owner], "pool: not enough shares"


@internal
def _release(receiver: address, assets_e6: uint256):
    """
    @notice Pay out what has been debited; last of all.
    """
    self.passed_e6 -= convert(assets_e6, int256)
    extcall VAULT.release(receiver, assets_e6)


@internal
@view
def _struck() -> uint256:
    """
    @notice The first epoch without a price. Epochs are struck in order; a strike's word may well be zero.
    """
    return ((staticcall CLEARING.head()) >> 112) & packing.M32


@internal
@pure
def _is_stopped(head: uint256) -> bool:
    return (head >> 144) & packing.M48 == packing.M48


@internal
@view
def _decided() -> uint256:
    """
    @notice The first epoch whose requests wait: those of a stopped venue are all given back, strike or no strike.
    """
    head: uint256 = staticcall CLEARING.head()
    if self._is_stopped(head):
        return 2**32
    return (head >> 112) & packing.M32


@internal
@view
def _strike_of(epoch: uint256) -> uint256:
    """
    @notice The strike of a decided epoch.
    """
    if epoch >= self._struck():
        return RETURNED
    return staticcall CLEARING.strikes(epoch)


@internal
def _join(controller: address, side: uint256, amount: uint256) -> uint256:
    """
    @notice Add to a request of the epoch this block joins: the current one until its end, then the one after.
    @param amount In its field of a request word.
    """
    assert controller != empty(address), "pool: controller is zero"
    head: uint256 = staticcall CLEARING.head()
    assert not self._is_stopped(head), "pool: wound down"
    epoch: uint256 = (head >> 112) & packing.M32
    if block.timestamp * 1000 >= (head >> 64) & packing.M48:
        epoch += 1

    request: uint256 = self.requests[controller][epoch]
    asked: uint256 = request >> 128
    if side == REDEEMS:
        asked = request & packing.M128
    if asked == 0:
        open: uint256 = self.open_epochs[controller][side]
        if open >> 224 != 0:
            assets: uint256 = 0
            shares: uint256 = 0
            rest: uint256 = 0
            assets, shares, open, rest = self._take(controller, side, 0, False)
            assert open >> 224 == 0, "pool: claim older requests first"
        for n: uint256 in range(OPEN_MAX):
            if open >> (n << 5) == 0:
                open |= epoch << (n << 5)
                break
        self.open_epochs[controller][side] = open
    self.requests[controller][epoch] = request + amount
    totals: uint256 = self.lp_requests[epoch] + amount
    self.lp_requests[epoch] = totals
    log IPool.LiquidityRequested(epoch=epoch, requests=totals)
    return epoch


# -- internals: claims -----------------------------------------------------------------

@internal
def _claim_shares(amount: uint256, by_shares: bool, receiver: address, controller: address) -> (uint256, uint256):
    """
    @return assets used up, shares minted
    """
    assets: uint256 = 0
    shares: uint256 = 0
    assets, shares = self._claim(controller, DEPOSITS, amount, by_shares)
    if shares != 0:
        erc20._mint(receiver, shares)
    log IPool.Deposit(sender=controller, owner=receiver, assets=assets, shares=shares)
    return assets, shares


@internal
def _claim_assets(amount: uint256, by_shares: bool, receiver: address, controller: address) -> (uint256, uint256):
    """
    @return assets paid, shares used up
    """
    assets: uint256 = 0
    shares: uint256 = 0
    assets, shares = self._claim(controller, REDEEMS, amount, by_shares)
    log IPool.Withdraw(sender=msg.sender, receiver=receiver, owner=controller, assets=assets, shares=shares)
    if assets != 0:
        self._release(receiver, assets)
    return assets, shares


@internal
def _claim(controller: address, side: uint256, amount: uint256, by_shares: bool) -> (uint256, uint256):
    """
    @notice Take an amount, exactly, out of what a controller may claim.
    @return assets, shares
    """
    self._only_of(controller)
    assert amount != 0, "pool: amount is zero"
    assets: uint256 = 0
    shares: uint256 = 0
    open: uint256 = 0
    rest: uint256 = 0
    assets, shares, open, rest = self._take(controller, side, amount, by_shares)
    assert rest == 0, "pool: more than claimable"
    self.open_epochs[controller][side] = open
    return assets, shares


@internal
def _take(
    controller: address, side: uint256, amount: uint256, by_shares: bool
) -> (uint256, uint256, uint256, uint256):
    """
    @notice Take up to an amount out of struck requests, the oldest first. A piece has its part of what is left, rounded
            against who claims; so all pieces together are what the strike gave, whatever their order.
    @return assets, shares, the epochs still open, and what could not be taken of the amount
    """
    open: uint256 = self.open_epochs[controller][side]
    decided: uint256 = self._decided()
    rest: uint256 = amount
    kept: uint256 = 0
    at: uint256 = 0
    assets: uint256 = 0
    shares: uint256 = 0
    for n: uint256 in range(OPEN_MAX):
        epoch: uint256 = (open >> (n << 5)) & packing.M32
        if epoch == 0:
            break
        if epoch < decided:
            left: uint256[3] = self._left(controller, epoch, side)
            taken: uint256[2] = self._piece(left[0], left[1], rest, by_shares, side)
            if taken[0] | taken[1] != 0:
                rest -= taken[convert(by_shares, uint256)]
                assets += taken[0]
                shares += taken[1]
                self._note_claim(controller, epoch, side, taken[0] << 128 | taken[1])
            if taken[0] == left[0] and taken[1] == left[1]:
                continue
        kept |= epoch << at
        at += 32
    return assets, shares, kept, rest


@internal
@pure
def _piece(assets: uint256, shares: uint256, amount: uint256, by_shares: bool, side: uint256) -> uint256[2]:
    """
    @notice A part of what is left of a request: of shares to mint and assets to pay rounded down, of what they use up, up.
    @return assets, shares
    """
    whole: uint256 = assets
    other: uint256 = shares
    if by_shares:
        whole = shares
        other = assets
    part: uint256 = min(amount, whole)
    if part == 0:
        return [0, 0]
    # what is named comes in where a deposit names assets or a redemption shares: then the other goes out
    up: uint256 = whole - 1
    if by_shares == (side == REDEEMS):
        up = 0
    matched: uint256 = (part * other + up) // whole
    if by_shares:
        return [matched, part]
    return [part, matched]


@internal
def _note_claim(controller: address, epoch: uint256, side: uint256, amount: uint256):
    place: uint256 = epoch << 1 | side
    claimed: uint256 = self.claims[controller][place] + amount
    self.claims[controller][place] = claimed
    log IPool.Claimed(controller=controller, place=place, claimed=claimed)


@internal
def _take_back(controller: address, epoch: uint256, side: uint256) -> uint256:
    """
    @notice Note what a strike gave back as taken.
    """
    self._only_of(controller)
    amount: uint256 = self._left(controller, epoch, side)[2]
    assert amount != 0, "pool: nothing to take back"
    self._note_claim(controller, epoch, side, RETURNED)
    return amount


@internal
@view
def _all_left(controller: address, side: uint256) -> (uint256, uint256):
    """
    @notice What is claimable over all epochs.
    @return assets, shares
    """
    open: uint256 = self.open_epochs[controller][side]
    assets: uint256 = 0
    shares: uint256 = 0
    for n: uint256 in range(OPEN_MAX):
        epoch: uint256 = (open >> (n << 5)) & packing.M32
        if epoch == 0:
            break
        left: uint256[3] = self._left(controller, epoch, side)
        assets += left[0]
        shares += left[1]
    return assets, shares


@internal
@view
def _left(controller: address, epoch: uint256, side: uint256) -> uint256[3]:
    """
    @notice What is left to claim of a request, nothing before its strike.
    @return assets, shares; and what the strike gave back: assets of a deposit, shares of a redemption
    """
    request: uint256 = self.requests[controller][epoch]
    if request == 0 or epoch >= self._decided():
        return [0, 0, 0]
    strike: uint256 = self._strike_of(epoch)
    assets: uint256 = request >> 128
    shares: uint256 = request & packing.M128
    back: uint256 = 0
    if side == REDEEMS:
        assets, shares, back = self._redeemed(shares, self.lp_requests[epoch] & packing.M128, strike)
    elif (strike >> 192) & 1 == 1:
        back = assets
        assets = 0
        shares = 0
    else:
        shares = self._minted(assets, strike)
    claimed: uint256 = self.claims[controller][epoch << 1 | side]
    if claimed >> 192 != 0:
        back = 0
    return [assets - ((claimed >> 128) & packing.M64), shares - (claimed & packing.M128), back]


# -- internals: the arithmetic of a strike ------------------------------------------------
#
# strike: paid u63 @193 | returned u1 @192 | nav u64 @128 | supply before u128 @0

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
def _last() -> (uint256, uint256):
    """
    @notice Shares outstanding and the pool's value after the last strike.
    """
    epoch: uint256 = self._struck() - 1
    strike: uint256 = staticcall CLEARING.strikes(epoch)
    capital_e6: uint256 = (strike >> 128) & packing.M64
    if (strike >> 192) & 1 == 0:
        capital_e6 = capital_e6 + (self.lp_requests[epoch] >> 128) - (strike >> 193)
    return self._supply_after(epoch, strike), capital_e6


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
    return supply + self._minted(requests >> 128, strike) - self._burnt(requests & packing.M128, strike)


@internal
@pure
def _minted(assets_e6: uint256, strike: uint256) -> uint256:
    """
    @notice Shares for assets at a strike that returned nothing, rounded down.
    """
    supply: uint256 = strike & packing.M128
    if supply == 0:
        return assets_e6 * SHARES_PER_UNIT
    return assets_e6 * supply // ((strike >> 128) & packing.M64)


@internal
@pure
def _burnt(redeems: uint256, strike: uint256) -> uint256:
    """
    @notice Of an epoch's redemptions the shares that were paid for: all, or what was paid buys, rounded up.
    """
    nav_e6: uint256 = (strike >> 128) & packing.M64
    supply: uint256 = strike & packing.M128
    paid_e6: uint256 = strike >> 193
    if redeems == 0 or paid_e6 == redeems * nav_e6 // supply:
        return redeems
    return (paid_e6 * supply + nav_e6 - 1) // nav_e6


@internal
@pure
def _redeemed(shares: uint256, redeems: uint256, strike: uint256) -> (uint256, uint256, uint256):
    """
    @notice A request's part of an epoch's redemptions, against its holder: so the parts never exceed the whole.
    @return assets paid, shares paid for, shares given back
    """
    if shares == 0 or (strike >> 192) & 1 == 1:
        return 0, 0, shares
    burnt: uint256 = (shares * self._burnt(redeems, strike) + redeems - 1) // redeems
    return shares * (strike >> 193) // redeems, burnt, shares - burnt
