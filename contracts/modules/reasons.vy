# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Reasons
@license AGPL-3.0-only
@notice Why Clearing refuses. The words stand in `Rules.refuse`, which reverts with them: a literal reason costs 125
        bytes where it is asserted, and Clearing has 32 of them (docs/decisions/0003-reasons-by-number.md).
"""

from ..interfaces import IRules

WRONG_BATCH_NUMBER: constant(uint256) = 1
BATCH_TIME_MUST_RISE: constant(uint256) = 2
BATCH_TIME_OUTSIDE_WINDOW: constant(uint256) = 3
PRICES_NOT_ASCENDING: constant(uint256) = 4
RECORDS_NOT_ASCENDING: constant(uint256) = 5
MARKET_NOT_PRICED: constant(uint256) = 6
TOO_MANY_FILLS_OF_ONE_ACCOUNT: constant(uint256) = 7
BACKSTOP_MARGIN: constant(uint256) = 8
STRIKE_MISSES_A_MARKET: constant(uint256) = 9
OWNER_IS_ZERO: constant(uint256) = 10
DEPOSIT_TOO_SMALL: constant(uint256) = 11
UNKNOWN_ACCOUNT: constant(uint256) = 12
WITHDRAWAL_PENDING: constant(uint256) = 13
NOT_ENOUGH_COLLATERAL: constant(uint256) = 14
WITHDRAWAL_NOT_DUE: constant(uint256) = 15
NO_PRICE: constant(uint256) = 16
NOT_RECOVERY: constant(uint256) = 17
NOT_GOVERNANCE: constant(uint256) = 18
VECTOR_FROM_THE_FUTURE: constant(uint256) = 19
VECTOR_TOO_OLD: constant(uint256) = 20
NOT_THE_OWNER: constant(uint256) = 21
AMOUNT_TOO_LARGE: constant(uint256) = 22
OUT_OF_RANGE: constant(uint256) = 23
SEQ_MUST_RISE: constant(uint256) = 24
EPOCHS_USED_UP: constant(uint256) = 25
CANCEL_TOO_SOON: constant(uint256) = 26
CHANGE_PENDING: constant(uint256) = 27
MARKET_NOT_LIVE: constant(uint256) = 28
NOT_SILENT_FOR_A_WEEK: constant(uint256) = 29
WOUND_DOWN: constant(uint256) = 30
NOT_WOUND_DOWN: constant(uint256) = 31
FOLD_FIRST: constant(uint256) = 32

RULES: public(immutable(IRules))


@deploy
def __init__(rules: address):
    RULES = IRules(rules)


@internal
@view
def _refuse(reason: uint256):
    """
    @notice Revert with the reason's words.
    """
    never: bool = staticcall RULES.refuse(reason)
    raise UNREACHABLE
