# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Winding
@license AGPL-3.0-only
@notice The end of a venue that nobody runs any more: a week without a batch is enough. Everyone is valued at the last
        prices, debts are found within a week, then each is paid the same part of what they are owed. No price, no key
        and no vote is asked for, and no account is looked at but the one that is named.
@dev Units: money e6, time ms. The rules, word by word: docs/protocol.md section 7.1.
     Bases sum to zero in every market, so at one price all equities sum to what the vault holds: who is owed what is
     known in sum before anybody has come. Only what is owed to the venue must be told, account by account.
     C12 whoever has equity gets out, without the matcher, the signers and the timelock
"""

from ..interfaces import IClearing
from ..interfaces import IPool
from ..interfaces import IRecovery
from ..interfaces import IVault
from . import collateral
from . import packing
from . import pricing
from . import units

POOL_ACCOUNT: constant(uint256) = 0
BACKSTOP_ACCOUNT: constant(uint256) = 1
PLACES: constant(uint256) = 16
MARKETS: constant(uint256) = 256
DUE_AT_ONCE: constant(uint256) = 1          # a withdrawal's barrier, which no request has
REGISTRATION_MS: constant(uint256) = 7 * units.DAY_MS  # long enough for one scan of all accounts, whatever a chain does


CLEARING: immutable(IClearing)

wound_ms: public(uint256)           # when the wind-down began; 0: it has not
deficit_e6: public(uint256)         # debts registered
books_closed: public(uint256)       # bit a: account a, the pool or the backstop, has been settled
payable_e6: public(uint256)         # fixed by the first claim: what there is,
claims_e6: public(uint256)          # what is owed out of it; 0 until then
unpaid_e6: public(uint256)          # of what there is


@deploy
def __init__(clearing: address):
    CLEARING = IClearing(clearing)


# -- three steps ---------------------------------------------------------------

@external
def wind_down():
    """
    @notice Stop the venue for good, once no batch has come for a week. Anyone may; there is no way back.
    """
    assert self.wound_ms == 0, "recovery: wound down"
    self.wound_ms = units._now_ms()
    log IRecovery.WoundDown(until_ms=units._now_ms() + REGISTRATION_MS)
    extcall CLEARING.stop()


@external
def register(account: uint256):
    """
    @notice Tell what an account owes, within a week of the stop. Anyone may, and everyone who is owed something gains by
            it: an untold debt is paid by whoever claims last.
    """
    assert self.wound_ms != 0, "recovery: not wound down"
    assert units._now_ms() <= self.wound_ms + REGISTRATION_MS, "recovery: registration is over"
    equity: int256 = self._equity(account)
    assert equity < 0, "recovery: owes nothing"
    debt: uint256 = convert(-equity, uint256)
    self.deficit_e6 += debt
    log IRecovery.DebtRegistered(account=account, debt_e6=debt, deficit_e6=self.deficit_e6)
    self._discharge(account, 0)


@external
def claim(account: uint256) -> uint256:
    """
    @notice Pay an account's owner its part once debts are told; of the pool, set it aside for who holds shares. Anyone may.
    @return what was paid, e6
    """
    assert self.wound_ms != 0, "recovery: not wound down"
    assert units._now_ms() > self.wound_ms + REGISTRATION_MS, "recovery: registration is not over"
    equity: int256 = self._equity(account)
    assert equity > 0, "recovery: nothing to claim"
    if self.claims_e6 == 0:
        self._fix_ratio()

    owed: uint256 = convert(equity, uint256)
    paid: uint256 = owed
    if self.payable_e6 < self.claims_e6:
        paid = owed * self.payable_e6 // self.claims_e6
    paid = min(paid, self.unpaid_e6)    # short only by debts nobody told, and by what funding lost in rounding
    self.unpaid_e6 -= paid
    log IRecovery.ClaimPaid(account=account, equity_e6=owed, paid_e6=paid)
    self._discharge(account, paid)
    return paid


# -- views ---------------------------------------------------------------------

@external
@view
def final_equity(account: uint256) -> int256:
    """
    @notice What an account is worth at the last prices: what it will claim a part of, or what there is to register.
    """
    return self._equity(account)


# -- internals: what is owed -----------------------------------------------------

@internal
def _fix_ratio():
    """
    @notice What the vault holds but for its own tickets and liquidity providers' open requests, and what of it is not the venue's own. The
            venue's money stands behind every debt: only what debts come to beyond it shortens the claims.
    """
    vault: IVault = IVault(staticcall CLEARING.VAULT())
    held: int256 = convert(staticcall vault.accounted_e6() - staticcall vault.waiting_e6(), int256)
    held -= staticcall IPool(staticcall CLEARING.POOL()).passed_e6()
    held += packing._int(staticcall CLEARING.limits()) >> 160     # what strikes moved to account 0

    own: int256 = 0
    for account: uint256 in [collateral.INSURANCE, collateral.TREASURY]:
        own += packing._collateral_of(staticcall CLEARING.accounts(account))
    for market: uint256 in range(1, MARKETS):
        ledger: uint256 = staticcall CLEARING.market_words(market * 8 + 3)
        own += convert((ledger >> 88) & (2**80 - 1), int256)    # fees nobody has collected

    self.payable_e6 = convert(max(held, 0), uint256)
    self.unpaid_e6 = self.payable_e6
    self.claims_e6 = convert(max(held - own + convert(self.deficit_e6, int256), 1), uint256)
    log IRecovery.RatioFixed(payable_e6=self.payable_e6, claims_e6=self.claims_e6)


@internal
@view
def _equity(account: uint256) -> int256:
    """
    @notice Collateral, pending withdrawal and positions, at the price and the funding each market was last settled at.
    """
    assert account != collateral.INSURANCE and account != collateral.TREASURY, "recovery: venue's own money"
    assert account < 2**32, "recovery: unknown account"
    if (self.books_closed >> account) & 1 != 0:
        return 0
    word: uint256 = staticcall CLEARING.accounts(account)
    withdrawal: uint256 = staticcall CLEARING.withdrawals(account)
    equity: int256 = packing._collateral_of(word) + convert(withdrawal >> 48, int256)
    if account == POOL_ACCOUNT:
        return equity + self._pool_value()
    # a trader's places, or the backstop's: one a market, after its own sixteen
    mask: uint256 = (word >> 16) & packing.M16
    first: uint256 = account * PLACES
    if account == BACKSTOP_ACCOUNT:
        mask = staticcall CLEARING.backstop_markets()
    for place: uint256 in range(MARKETS):
        if mask >> place == 0:
            break
        if (mask >> place) & 1 == 1:
            equity += self._position_value(first + place)
    return equity


@internal
@view
def _position_value(key: uint256) -> int256:
    held: uint256 = staticcall CLEARING.positions(key)
    market: uint256 = held >> 240
    assert not packing._behind(held, staticcall CLEARING.market_words(market * 8 + 6)), "recovery: fold first"
    base: int256 = 0
    quote: int256 = 0
    index: int256 = 0
    base, quote, index = packing._unpack_position(held)
    clock: uint256 = staticcall CLEARING.market_words(market * 8)
    rates: uint256 = staticcall CLEARING.parameter_words(market * 8 + ((clock >> 8) & 1) * 4)
    credit: int256 = pricing._credit(base, (packing._int(clock) >> 192) - index, (rates >> 76) & packing.M8)
    return quote + credit + self._value(base, clock)


@internal
@view
def _pool_value() -> int256:
    """
    @notice The pool's positions with what waits to join them; their funding was settled with the last batch.
    """
    total: int256 = 0
    held: uint256 = staticcall CLEARING.pool_markets()
    for market: uint256 in range(MARKETS):
        if held >> market == 0:
            break
        if (held >> market) & 1 == 0:
            continue
        clock: uint256 = staticcall CLEARING.market_words(market * 8)
        base: int256 = 0
        quote: int256 = 0
        base, quote = packing._unpack_book(staticcall CLEARING.market_words(market * 8 + 1))
        total += quote
        if clock & 1 != 0:
            more_base: int256 = 0
            more_quote: int256 = 0
            more_base, more_quote = packing._unpack_book(staticcall CLEARING.market_words(market * 8 + 4))
            base += more_base
            total += more_quote
        total += self._value(base, clock)
    return total


@internal
@pure
def _value(base: int256, clock: uint256) -> int256:
    return units._floor_lots(base * convert((clock >> 96) & packing.M64, int256))


@internal
def _discharge(account: uint256, paid_e6: uint256):
    """
    @notice Leave nothing in an account and pay its owner. What the pool gets waits for who holds shares; its positions
            and the backstop's stand outside the account word, so that these two are settled is noted here.
    """
    if account <= BACKSTOP_ACCOUNT:
        self.books_closed |= account + 1
    if account == POOL_ACCOUNT:
        extcall CLEARING.discharge(account, packing._withdrawal(paid_e6, packing.M48))
    elif paid_e6 == 0:
        extcall CLEARING.discharge(account, 0)
    else:
        extcall CLEARING.discharge(account, packing._withdrawal(paid_e6, DUE_AT_ONCE))
        sent: uint256 = extcall CLEARING.claim_withdrawal(account, 0, [], [])
