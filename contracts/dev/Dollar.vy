# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Dollar
@license AGPL-3.0-only
@notice Play money for devnets: anybody mints any amount. Never part of a release.
@dev Units: money e6 (6 decimals, like the token it stands for).
@custom:halt Nothing to stop: it is worth nothing.
"""

from ethereum.ercs import IERC20
from snekmate.auth import ownable
from snekmate.tokens import erc20

implements: IERC20
initializes: ownable
initializes: erc20[ownable := ownable]

# as the token it stands for: ERC-2612. They touch nothing but allowances, and call nobody
exports: (
    erc20.permit,
    erc20.nonces,
    erc20.DOMAIN_SEPARATOR,
    erc20.eip712Domain,
)


@deploy
def __init__():
    ownable.__init__()
    erc20.__init__("Devnet Dollar", "dUSD", 6, "Devnet Dollar", "1")
    ownable._transfer_ownership(empty(address))     # nobody owns play money


# -- money ---------------------------------------------------------------------

@external
def mint(to: address, amount_e6: uint256):
    """
    @notice Make dollars for anybody.
    """
    erc20._mint(to, amount_e6)


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
    @notice Six.
    """
    return erc20.decimals


@external
@view
def totalSupply() -> uint256:
    """
    @notice ERC-20.
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
