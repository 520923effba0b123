# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Clearing
@license AGPL-3.0-only
@notice Applies netted batches to accounts. Holds no tokens: custody is Vault's.
@dev Units: money e6, size e8, price e8, time in ms. The rules, word by word: docs/protocol.md.
     C1  batch numbers rise by exactly one, batch times strictly
     C2, C3  per market, base and money over all accounts, pool and backstop sum to zero
     C4  collateral, positions, fees and pots sum to what the vault accounts for
     C5  no fill beyond what was signed
     C8  after a batch an account has initial margin, or its risk fell; its fills stand or fall together
     C10 equity is never negative once a bankrupt account is closed: insurance pays, then the pool
     C12 once stopped it takes nothing in, and pays only what the wind-down says (`modules/winding.vy`)
     C13 no account's fault stops another account's order
@custom:halt Governance sets a market to shrink only, or halts all of them for a time; withdrawals keep working.
"""

from .interfaces import IClearing
from .interfaces import IOracle
from .interfaces import IPool
from .interfaces import IRecovery
from .interfaces import IRules
from .interfaces import ISeals
from .interfaces import IVault
from .modules import collateral
from .modules import markets
from .modules import orders
from .modules import packing
from .modules import pricing
from .modules import reasons
from .modules import signatures
from .modules import signers
from .modules import units

initializes: reasons
# markets first: a low slot is a short constant wherever it is named
initializes: markets[reasons := reasons]
initializes: collateral[reasons := reasons]
initializes: orders[collateral := collateral, reasons := reasons]

exports: (
    reasons.RULES,
    collateral.account_count,
    collateral.accounts,
    collateral.withdrawals,
    orders.fills,
    orders.epoch_barriers,
    orders.DELEGATES,
    orders.cancel,
    orders.cancel_all,
    markets.market_words,
    markets.parameter_words,
    markets.pool_markets,
    markets.backstop_markets,
)


PLACES: constant(uint256) = 16              # positions an account: bounds the margin loop
RECORDS_MAX: constant(uint256) = 256        # copied to memory, which costs by its bound: 640 would cost a batch 25,000 gas
FILLS_MAX: constant(uint256) = 64           # of one account in a batch: bounds the memory that waits for its margin
DEALS_MAX: constant(uint256) = 64           # markets priced in a batch: memory grows with it, used or not
FOLD: constant(uint256) = 2**254            # flag of an apply's terms
DEPOSIT_E6_MIN: constant(uint256) = 10 * 10**6  # opening an account costs state; dust accounts would be spam
SILENCE_MS: constant(uint256) = 7 * units.DAY_MS  # without a batch, after which anybody may wind the venue down
BATCH_TYPEHASH: constant(bytes32) = keccak256("Batch(uint64 number,uint48 time,bytes32 contents)")

VAULT: public(immutable(IVault))
ORACLE: public(immutable(IOracle))
SEALS: public(immutable(ISeals))
POOL: public(immutable(IPool))
GOVERNANCE: public(immutable(address))
EPOCH_MS: immutable(uint256)        # length of a pool epoch


# An account's running position while its fills are applied.
struct Running:
    mark: uint256       # of its market, see `markets.Deal`
    base: int256
    quote: int256
    before: uint256     # the word in storage
    credit: int256      # funding received when it was first touched
    fees: uint256


head: public(uint256)       # number 64 @192 | time 48 @144 | epoch 32 @112 | epoch end 48 @64 | loss bucket 64 @0
positions: public(uint256[2**36])       # account * 16 + place; the backstop, account 1, has a place a market: 16 + market
strikes: public(HashMap[uint256, uint256])      # epoch: paid u63 @193 | returned @192 | nav u64 @128 | supply before u128 @0
limits: public(uint256)         # struck i96 @160, moved to account 0 by strikes | halted until 48 @112 | halted from 48 @64 | pool capital 64 @0, its value at the last strike


@deploy
def __init__(
    vault: address,
    oracle: address,
    seals: address,
    rules: address,
    delegates: address,
    pool: address,
    governance: address,
    epoch_ms: uint256,
):
    """
    @notice Fix the parts for good; who may shrink positions is Vault's to say.
    @param epoch_ms Length of a pool epoch; the first ends this long after deployment.
    """
    for part: address in [vault, oracle, seals, rules, delegates, pool, governance]:
        assert part != empty(address), "clearing: address is zero"
    reasons.__init__(rules)
    collateral.__init__(pool, governance)
    orders.__init__(delegates)
    VAULT = IVault(vault)
    ORACLE = IOracle(oracle)
    SEALS = ISeals(seals)
    POOL = IPool(pool)
    GOVERNANCE = governance
    EPOCH_MS = epoch_ms
    self.head = (1 << 112) | ((units._now_ms() + epoch_ms) << 64)     # epochs run from 1


# -- batches -----------------------------------------------------------------------

@external
def settle(
    head: uint256,
    openings: DynArray[uint256, 64],
    given: DynArray[signers.Signature, 16],
    prices: DynArray[uint256, DEALS_MAX],
    records: DynArray[IClearing.Record, RECORDS_MAX],
    accepted_root: bytes32,
    seals: DynArray[signers.Signature, 16],
):
    """
    @notice Settle one batch: anyone may carry it, nobody may change a byte of it.
    @param head number u64 @64 | time u48 @16 | chunks u8 @8 | opened u8 @0
    @param prices One word a market: market u16 @240 | price u64 @176 | gross u64 @112, ascending
    @param records Four words an order, ascending by account and slot
    @param seals The matcher's signature, then attesters' by ascending address
    """
    last: uint256 = self.head
    time: uint256 = (head << 192) >> 208
    if head >> 64 != unsafe_add(last >> 192, 1):
        reasons._refuse(reasons.WRONG_BATCH_NUMBER)
    if time <= (last << 64) >> 208:
        reasons._refuse(reasons.BATCH_TIME_MUST_RISE)
    if unsafe_sub(unsafe_add(time, units.WINDOW_MS), units._now_ms()) > units.WINDOW_MS + units.LEAD_MS:
        reasons._refuse(reasons.BATCH_TIME_OUTSIDE_WINDOW)

    root: bytes32 = empty(bytes32)
    shrinking: uint256 = 0      # bit m: market m only shrinks, by doubt or by a halt of all
    root, shrinking = self._admit_vector(head, openings, given)
    contents: bytes32 = keccak256(abi_encode(head, root, accepted_root))

    # load every priced market, funding advanced to T; place 0 stays free
    limits: uint256 = self.limits
    if time > (limits << 144) >> 208:
        if time <= (limits << 96) >> 208:
            shrinking = max_value(uint256)
    capital: uint256 = limits & packing.M64
    deals: markets.Deal[DEALS_MAX + 1] = empty(markets.Deal[DEALS_MAX + 1])
    listed: uint256[8] = empty(uint256[8])      # market -> its place in the price list, 8 bits each
    previous: uint256 = 0
    priced: uint256 = 0
    for word: uint256 in prices:
        contents = keccak256(abi_encode(contents, word))
        market: uint256 = word >> 240
        if market <= previous:
            reasons._refuse(reasons.PRICES_NOT_ASCENDING)
        previous = market
        priced = unsafe_add(priced, 1)
        deals[priced].terms, deals[priced].mark = markets._open(word, priced, time, capital, shrinking)
        listed[market >> 5] |= priced << ((market & 31) << 3)

    # record by record: judge it, run the account's positions in memory, write after its last one if the margin stands
    separator: bytes32 = signatures._domain()
    deal: markets.Deal = empty(markets.Deal)    # of the last record, written back when another market's is needed
    dealt: uint256 = 2**16                      # its market, none yet
    previous = collateral.FIRST_TRADER * 2**8 - 1    # the pool and the backstop never appear in a record
    skipped: bool = False
    account: uint256 = 0
    word: uint256 = 0       # the account's
    first: uint256 = 0      # number of the account's first record
    touched: uint256 = 0    # places an admitted fill moved, as bits
    filled: uint256 = 0     # admitted fills
    running: Running[PLACES] = empty(Running[PLACES])
    position: Running = empty(Running)          # the running position last moved, written back when another is needed
    current: uint256 = PLACES                   # its place, PLACES for none
    former: uint256[FILLS_MAX] = empty(uint256[FILLS_MAX])  # slots of the admitted fills as they were
    moves: int256[FILLS_MAX] = empty(int256[FILLS_MAX])     # what they move: base @128 | quote @0
    words: DynArray[uint256, 81] = []           # what is logged of the account
    entry: uint256 = 0                          # of its last fill, not yet among them
    record: IClearing.Record = empty(IClearing.Record)
    if len(records) != 0:
        record = records[0]
    for at: uint256 in range(len(records), bound=RECORDS_MAX):
        order: uint256 = record.order
        contents = keccak256(abi_encode(contents, record))
        if order >> 216 <= previous:
            reasons._refuse(reasons.RECORDS_NOT_ASCENDING)
        previous = order >> 216
        if order >> 224 != account:
            account = order >> 224
            word = collateral.accounts[account]
            first = at
            touched = 0
            filled = 0
            current = PLACES
            words = []
        elif unsafe_sub(at, first) == FILLS_MAX:
            reasons._refuse(reasons.TOO_MANY_FILLS_OF_ONE_ACCOUNT)
        market: uint256 = (order >> 200) & packing.M16
        if market != dealt:
            which: uint256 = (listed[market >> 5] >> ((market & 31) << 3)) & packing.M8
            if which == 0:
                reasons._refuse(reasons.MARKET_NOT_PRICED)
            deals[deal.mark & packing.M8] = deal
            deal = deals[which]
            dealt = market

        # the plan takes it, whatever happens
        fill: uint256 = (record.terms << 64) >> 192
        notional: uint256 = unsafe_mul(fill, deal.terms >> 192)
        base: int256 = convert(convert(fill, bytes32), int256)
        quote: int256 = convert(convert(unsafe_div(notional, units.LOTS), bytes32), int256)
        if (order >> 184) & orders.BUY != 0:
            deal.volume = unsafe_add(deal.volume, fill << 128)
            paid: uint256 = unsafe_div(unsafe_add(notional, units.LOTS - 1), units.LOTS)
            quote = unsafe_sub(0, convert(convert(paid, bytes32), int256))
        else:
            deal.volume = unsafe_add(deal.volume, fill)
            base = unsafe_sub(0, base)
        deal.quote = unsafe_add(deal.quote, quote)

        # judge it, then its slot, then its position
        reason: uint256 = orders._judge(record, word, deal.terms, deal.mark, time, separator)
        if reason >= 32:
            prefix: uint256 = reason >> 176     # of its hash: what a slot remembers
            slot: uint256 = orders.fills[order >> 216]
            seq: uint256 = (order << 88) >> 224
            total: uint256 = fill               # filled with this batch
            if seq == slot & packing.M32:
                total = unsafe_add(fill, (slot << 160) >> 192)

            # the first failing check names the reason, so they are tried from the last
            reason = 0
            if (order >> 187) & 3 != 0:         # time in force
                if (order >> 187) & orders.FILL_OR_KILL != 0:
                    if fill != (order << 184) >> 192:
                        reason = 14
                elif total != fill:
                    reason = 15
            if fill == 0:
                reason = 13
            if total > (order << 184) >> 192:
                reason = 13
            if seq <= (slot << 128) >> 224:
                if time > (slot << 80) >> 208:
                    reason = 12
            if seq <= slot & packing.M32:
                if seq != slot & packing.M32 or prefix != slot >> 176:
                    reason = 11
            if reason == 0:
                place: uint256 = (order >> 196) & 15
                if place != current:
                    if current != PLACES:
                        running[current] = position
                    current = PLACES
                    if (touched >> place) & 1 == 1:
                        position = running[place]
                    else:
                        before: uint256 = self.positions[(account << 4) | place]
                        position.mark = deal.mark
                        position.before = before
                        position.fees = 0
                        # _begin, in place: this runs for every order
                        position.base = convert(convert(before << 40, bytes32), int256) >> 192
                        position.credit = unsafe_sub(
                            0,
                            unsafe_mul(
                                position.base,
                                unsafe_sub(
                                    convert(convert(deal.mark << 112, bytes32), int256) >> 192,
                                    convert(convert(before << 192, bytes32), int256) >> 192,
                                ),
                            ),
                        ) >> ((deal.mark >> 12) & packing.M8)
                        position.quote = unsafe_add(
                            convert(convert(before << 104, bytes32), int256) >> 168, position.credit
                        )
                        if (before ^ deal.mark) >> 216 != 0:
                            if before != 0:
                                position.mark = self._resumed(before, deal.mark, (account << 4) | place, time)
                            elif touched | ((word >> 16) & packing.M16) != 0:
                                if self._holds(account, (word >> 16) & packing.M16, touched, running, market):
                                    position.mark = 16
                # shifted by one, an order's reduce-only is the bit that says a market may only shrink
                if (position.mark ^ deal.mark) >> 217 != 0:
                    reason = 16
                    if position.mark < 32:
                        reason = position.mark
                elif (
                    ((order >> 185) | deal.terms) & markets.SHRINK_ONLY != 0
                    and not pricing._shrinks(position.base, base)
                ):
                    reason = 19
                    if (order >> 184) & orders.REDUCE_ONLY != 0:
                        reason = 17
                else:
                    fee: uint256 = unsafe_div(
                        unsafe_add(unsafe_mul(notional, (deal.terms >> 176) & packing.M16), 10**16 - 1), 10**16
                    )
                    next_base: int256 = unsafe_add(position.base, base)
                    next_quote: int256 = unsafe_sub(
                        unsafe_add(position.quote, quote), convert(convert(fee, bytes32), int256)
                    )
                    # _outgrown, in place
                    if (
                        unsafe_add(convert(convert(next_base, bytes32), uint256), units.BASE_MAX - 1)
                        > 2 * units.BASE_MAX - 2
                    ):
                        reason = 20
                    elif (
                        unsafe_add(convert(convert(next_quote, bytes32), uint256), units.QUOTE_MAX - 1)
                        > 2 * units.QUOTE_MAX - 2
                    ):
                        reason = 20
                    else:
                        position.base = next_base
                        position.quote = next_quote
                        position.fees = unsafe_add(position.fees, fee)
                        current = place
                        touched |= 1 << place
                        former[filled] = slot
                        orders.fills[order >> 216] = (
                            (prefix << 176) | (((slot << 80) >> 176) << 96) | (total << 32) | seq
                        )
                        moves[filled] = unsafe_add(base << 128, quote)
                        if filled != 0:
                            words.append(entry)
                        filled = unsafe_add(filled, 1)
                        entry = (
                            ((order >> 216) << 248)     # the slot; the account falls off the top
                            | (place << 244)
                            | (account << 208)
                            | (seq << 144)
                            | (total << 80)
                            | prefix
                        )
        if reason != 0:
            self._skip(account, (order >> 216) & packing.M8, (order << 88) >> 224, fill, reason)
            deal.skipped = unsafe_add(deal.skipped, unsafe_add(base << 128, quote))
            skipped = True

        if unsafe_add(at, 1) != len(records):
            record = records[unsafe_add(at, 1)]
            if record.order >> 224 == account:
                continue
        if filled == 0:
            continue

        # that was its last record: the account's fills stand or fall together
        mask: uint256 = (word >> 16) & packing.M16
        surplus: int256 = convert(convert(word << 160, bytes32), int256) >> 192     # over initial margin
        verdict: uint256 = 0
        for place: uint256 in range(PLACES):
            rest: uint256 = (mask | touched) >> place
            if rest & 1 == 0:
                continue
            if place != current:
                if current != PLACES:
                    running[current] = position
                current = PLACES
                if (touched >> place) & 1 == 1:
                    position = running[place]
                    current = place
                else:
                    before: uint256 = self.positions[(account << 4) | place]
                    position.mark = markets._mark(before >> 240, time)
                    if (position.mark << 48) >> 192 == 0:
                        verdict = 21
                        break
                    if (before ^ position.mark) >> 217 != 0:
                        if self._resumed(before, position.mark, 0, 0) == 23:
                            verdict = 23
                            break
                    position.base, position.quote, position.credit = self._begin(before, position.mark)
            surplus = unsafe_add(surplus, markets._appraise(position.base, position.quote, position.mark))
            if rest == 1:       # none above
                break
        if surplus >> 255 != 0:     # below 0
            if verdict == 0:
                if current != PLACES:
                    running[current] = position
                stands: bool = self._stands(account, word, touched, running, surplus, time)
                if not stands:
                    verdict = 22

        if verdict != 0:
            deals[deal.mark & packing.M8] = deal
            words.append(entry)
            for n: uint256 in range(filled, bound=FILLS_MAX):
                entry = words[n]
                orders.fills[(account << 8) | (entry >> 248)] = former[n]
                move: int256 = moves[n]
                change: int256 = unsafe_sub(move, (move << 128) >> 128) >> 128
                change = max(change, unsafe_sub(0, change))
                fill = convert(convert(change, bytes32), uint256)
                self._skip(account, entry >> 248, (entry << 80) >> 224, fill, verdict)
                deals[running[(entry >> 244) & 15].mark & packing.M8].skipped += move
            deal = deals[deal.mark & packing.M8]
            skipped = True
            continue

        # a lone fill that neither opens nor closes is logged without a list
        if filled != 1:
            words.append(entry)
        gain: int256 = 0        # what closed positions bring in
        changed: uint256 = 0
        after: uint256 = 0      # the last touched position's new word
        for place: uint256 in range(PLACES):
            rest: uint256 = touched >> place
            if rest & 1 == 0:
                continue
            if place != current:
                position = running[place]
                current = place
            if position.mark != deal.mark:
                deals[deal.mark & packing.M8] = deal
                deal = deals[position.mark & packing.M8]
                dealt = position.mark >> 240
            realised: int256 = 0
            if position.base == 0:
                after = 0
                realised = position.quote
                gain = unsafe_add(gain, realised)
                mask &= ~(1 << place)
                changed = 1
            else:
                after = packing._position(position.base, position.quote, position.mark)
                if position.before == 0:
                    mask |= 1 << place
                    changed = 1
            self.positions[(account << 4) | place] = after
            if filled != 1:
                words.append(after)
            # open interest, the longs' side | funding credits | realised
            before_base: int256 = convert(convert(position.before << 40, bytes32), int256) >> 192
            interest: int256 = unsafe_sub(          # a number less its negative part is its positive part
                unsafe_sub(position.base, position.base & (position.base >> 255)),
                unsafe_sub(before_base, before_base & (before_base >> 255)),
            )
            deal.ledger = unsafe_add(
                deal.ledger, unsafe_add(unsafe_add(interest << 192, position.credit << 96), realised)
            )
            deal.fees = unsafe_add(deal.fees, position.fees)
            if rest == 1:
                break
        if (changed << 8) | filled == 1:
            log IClearing.Filled(fill=entry, position=after)
        else:
            if filled == 1:
                words = [entry, after]
            if changed != 0:
                gain = unsafe_add(gain, convert(convert(word << 160, bytes32), int256) >> 192)
                word = collateral._with(word ^ ((((word >> 16) & packing.M16) ^ mask) << 16), gain)
                collateral.accounts[account] = word
                words.append(word)
            log IClearing.AccountSettled(
                head=account
                | (filled << 32)
                | (unsafe_sub(len(words), unsafe_add(filled, changed)) << 40)
                | (changed << 48),
                words=words,
            )
    deals[deal.mark & packing.M8] = deal

    digest: bytes32 = signatures._digest(
        separator, keccak256(abi_encode(BATCH_TYPEHASH, head >> 64, time, contents))
    )
    sealed: bool = staticcall SEALS.check(time, digest, seals)      # it reverts, it never says no

    # the backstop steps into what was skipped
    if skipped:
        before: int256[3] = self._backstop_sums(time)
        steady: bool = True     # it only shrank
        for n: uint256 in range(1, unsafe_add(priced, 1), bound=DEALS_MAX):
            if deals[n].skipped != 0:
                shrank: bool = False
                deals[n], shrank = self._backstop_takes(deals[n])
                steady = steady and shrank
        after: int256[3] = self._backstop_sums(time)
        if after[0] >> 255 != 0:      # below 0
            if not steady or after[1] >> 255 != 0 or unsafe_mul(after[1], before[2]) < unsafe_mul(before[1], after[2]):
                reasons._refuse(reasons.BACKSTOP_MARGIN)

    # the pool takes the residual, market by market
    capacity: uint256 = unsafe_div(unsafe_mul(capital, 1750), 10**6)
    level: uint256 = last & packing.M64
    if (last << 64) >> 208 != 0:
        leak: uint256 = unsafe_div(
            unsafe_mul(capacity, unsafe_sub(time, (last << 64) >> 208)), units.DAY_MS
        )
        level = unsafe_sub(level, min(level, leak))
    for n: uint256 in range(1, unsafe_add(priced, 1), bound=DEALS_MAX):
        level = self._close(deals[n], time, capacity, level)

    # an epoch that ended gets its price
    epoch: uint256 = (last << 112) >> 224
    epoch_end: uint256 = (last << 144) >> 208
    if time > unsafe_add(epoch_end, units.GUARD_MS):
        self._strike(epoch, time)
        epoch = unsafe_add(epoch, 1)
        epoch_end = unsafe_add(time, EPOCH_MS)

    last = ((head >> 64) << 192) | (time << 144) | (epoch << 112) | (epoch_end << 64) | level
    self.head = last
    log IClearing.BatchSettled(number=head >> 64, head=last, contents=contents, accepted_root=accepted_root)


# -- collateral ----------------------------------------------------------------------

@external
def open_account(owner: address, amount_e6: uint256) -> uint256:
    """
    @notice Open an account for an owner and pay its first deposit.
    @return its id
    """
    if owner == empty(address):
        reasons._refuse(reasons.OWNER_IS_ZERO)
    if amount_e6 < DEPOSIT_E6_MIN:
        reasons._refuse(reasons.DEPOSIT_TOO_SMALL)
    self._check_running()

    account: uint256 = collateral.account_count
    collateral.account_count = unsafe_add(account, 1)
    collateral.accounts[account] = convert(owner, uint256) << 96
    log IClearing.AccountOpened(account=account, owner=owner)
    self._deposit(account, amount_e6)
    return account


@external
def deposit(account: uint256, amount_e6: uint256):
    """
    @notice Credit collateral to an account; anyone may pay in for anyone but the pool, whose value only requests may raise.
    """
    self._check_open(account)
    self._deposit(account, amount_e6)


@external
def request_withdrawal(account: uint256, amount_e6: uint256):
    """
    @notice Take an amount out of collateral; it is paid by `claim_withdrawal` once the barrier is past by F.
    """
    word: uint256 = collateral._owned(account)
    cash: int256 = convert(convert(word << 160, bytes32), int256) >> 192
    if collateral.withdrawals[account] != 0:
        reasons._refuse(reasons.WITHDRAWAL_PENDING)
    if amount_e6 == 0 or amount_e6 > convert(max(cash, 0), uint256):
        reasons._refuse(reasons.NOT_ENOUGH_COLLATERAL)

    word = collateral._with(word, unsafe_sub(cash, convert(amount_e6, int256)))
    collateral._set_withdrawal(account, word, (amount_e6 << 48) | unsafe_add(units._now_ms(), units.GUARD_MS))


@external
def claim_withdrawal(
    account: uint256, head: uint256, openings: DynArray[uint256, 64], given: DynArray[signers.Signature, 16]
) -> uint256:
    """
    @notice Pay a due withdrawal to the owner, as much of it as is free; the rest is collateral again. The backstop's owner
            is Governance.
    @param head A fresh vector, see `settle`; read only if the account has open positions.
    @return what was paid, e6
    """
    withdrawal: uint256 = collateral.withdrawals[account]
    word: uint256 = collateral.accounts[account]
    mask: uint256 = (word >> 16) & packing.M16
    if withdrawal & packing.M48 != 1:       # else it is what the wind-down left, and nothing is held
        self._check_running()
        if account == 1:
            mask = markets.backstop_markets
    if units._now_ms() <= unsafe_add(withdrawal & packing.M48, units.WINDOW_MS):
        reasons._refuse(reasons.WITHDRAWAL_NOT_DUE)
    amount: int256 = convert(withdrawal >> 48, int256)
    cash: int256 = unsafe_add(convert(convert(word << 160, bytes32), int256) >> 192, amount)
    free: int256 = cash
    if mask != 0:
        time: uint256 = self._admit_fresh(head, openings, given, False)
        sums: int256[3] = self._sums(account, mask, time)
        free = unsafe_add(free, sums[0])

    paid: int256 = max(0, min(amount, free))
    word = collateral._with(word, unsafe_sub(cash, paid))
    collateral._set_withdrawal(account, word, 0)
    if paid != 0:
        extcall VAULT.release(convert(word >> 96, address), convert(paid, uint256))
    return convert(paid, uint256)


@external
def collect_fees(market: uint256):
    """
    @notice Hand the fees of a market's ledger to insurance and the treasury, by the share it is listed with.
    """
    if market >> 8 != 0:
        reasons._refuse(reasons.OUT_OF_RANGE)
    ledger: uint256 = markets.market_words[(market << 3) | markets.LEDGER]
    fees: uint256 = (ledger << 88) >> 176
    place: uint256 = markets._parameters_at(market, markets.market_words[market << 3], units._now_ms())
    insured: uint256 = unsafe_mul(fees, markets.parameter_words[place | 2] >> 252) >> 4
    ledger = unsafe_sub(unsafe_add(ledger, fees << 168), fees << 88)    # realised; `_gain` bounds it by 2^63
    markets.market_words[(market << 3) | markets.LEDGER] = ledger
    log IClearing.FeesCollected(market=market, ledger=ledger)
    collateral._gain(collateral.INSURANCE, convert(convert(insured, bytes32), int256))
    collateral._gain(collateral.TREASURY, convert(convert(unsafe_sub(fees, insured), bytes32), int256))


# -- the doors of the other contracts ---------------------------------------------------

@external
def apply(
    head: uint256,
    openings: DynArray[uint256, 64],
    given: DynArray[signers.Signature, 16],
    account: uint256,
    place: uint256,
    change: int256,
    terms: uint256,
) -> uint256:
    """
    @notice Shrink a position at a fresh vector's price, against the pool's incoming or the other side of its market; or
            let it take its part of a deleveraging.
    @param place A trader's place; of the backstop, account 1, the market.
    @param change What its base gains, lots; toward zero and not beyond. Of a fold: the deleveraging.
    @param terms appointed 1 @255 | fold 1 @254 | spread 1 @253 | terms of `Rules.shrink`; half of the charge is the
        keeper's, the rest goes to insurance. Appointed: the vector's time was named before. A fold reads no vector.
    @return what the other side of the market now owes, for its positions to fold
    """
    self._only_recovery()
    keeper: uint256 = terms & packing.M32
    if keeper >= collateral.account_count or account != 1 and (account < collateral.FIRST_TRADER or place >= PLACES):
        reasons._refuse(reasons.UNKNOWN_ACCOUNT)
    key: uint256 = unsafe_add(account << 4, place)
    market: uint256 = self.positions[key] >> 240
    at: uint256 = market << 3
    time: uint256 = units._now_ms()
    mark: uint256 = 0
    if terms & FOLD == 0:
        time = self._admit_fresh(head, openings, given, terms >> 255 != 0)
        mark = markets._mark(market, time)
    words: IRules.Market = self._words(market, markets.market_words[at], time)
    after: uint256 = 0
    realised: int256 = 0
    owed: uint256 = 0
    transit: uint256 = 0
    events: uint256 = 0
    words, after, realised, transit, events, owed = staticcall reasons.RULES.shrink(
        words,
        self.positions[key],
        mark,
        change,
        terms,
        markets.market_words[at | markets.TRANSIT],
        markets.market_words[at | markets.EVENTS],
    )
    self.positions[key] = after
    if after == 0:
        if account == 1:
            markets.backstop_markets ^= 1 << market
        else:
            collateral.accounts[account] ^= 1 << unsafe_add(16, place)
        collateral._gain(account, realised)
    self._write(at, words)
    markets.market_words[at | markets.INCOMING_WORD] = words.incoming
    if words.clock & markets.INCOMING != 0:
        markets.pool_markets |= 1 << market
    markets.market_words[at | markets.TRANSIT] = transit
    markets.market_words[at | markets.EVENTS] = events
    log IClearing.Applied(
        account=account,
        index=place,
        position=after,
        clock=words.clock,
        meter=words.meter,
        ledger=words.ledger,
        incoming=words.incoming,
        transit=transit,
        events=events,
    )
    charge: uint256 = (terms >> 32) & packing.M64
    part: uint256 = 0
    if keeper != 0:
        part = charge >> 1
        collateral._move(keeper, part, 1)
    collateral._move(collateral.INSURANCE, unsafe_sub(charge, part), 1)
    if account != 1 or markets.backstop_markets == 0:
        collateral._cover(account, keeper, unsafe_sub(max((terms >> 96) & packing.M64, part), part))
    return owed


@external
def stop():
    """
    @notice End batches for good where none has come for a week: no batch's time is later than this.
    @dev Before the first batch the week begins when the first epoch was to end.
    """
    self._only_recovery()
    last: uint256 = self.head
    since: uint256 = (last << 64) >> 208
    if since == 0:
        since = (last << 144) >> 208
    if units._now_ms() <= unsafe_add(since, SILENCE_MS):
        reasons._refuse(reasons.NOT_SILENT_FOR_A_WEEK)
    self.head = last | (packing.M48 << 144)


@external
def discharge(account: uint256, withdrawal: uint256):
    """
    @notice Settle an account of a stopped venue once and for all: nothing is left in it but a withdrawal.
    @param withdrawal Its word; with a barrier of 1 it is due at once, with the latest of all never: the pool's, which
        `Pool` pays to who holds shares.
    """
    self._only_recovery()
    if not self._is_stopped():
        reasons._refuse(reasons.NOT_WOUND_DOWN)
    word: uint256 = collateral.accounts[account]
    collateral._set_withdrawal(account, ((word >> 96) << 96) | (word & packing.M16), withdrawal)


@external
def set_market(market: uint256, rates: uint256, caps: uint256, listing: uint256):
    """
    @notice List a market or change its parameters; Governance has checked the bounds.
    """
    self._only_governance()
    markets._set(market, rates, caps, listing)


@external
def spend(account: uint256, amount_e6: uint256):
    """
    @notice Move money out of the treasury into a trader's account, the backstop or insurance: behind the timelock only.
    """
    self._only_governance()
    self._check_open(account)
    if amount_e6 > (collateral.accounts[collateral.TREASURY] << 160) >> 192:    # which is never below zero
        reasons._refuse(reasons.NOT_ENOUGH_COLLATERAL)
    amount: int256 = convert(convert(amount_e6, bytes32), int256)
    collateral._gain(collateral.TREASURY, unsafe_sub(0, amount))
    collateral._gain(account, amount)


@external
def set_halt(from_ms: uint256, until_ms: uint256):
    """
    @notice Let every market only shrink in batches of from_ms < T <= until_ms; or move the end of a halt that has begun.
    @dev What is said of a T that a signed batch may have stays as it is (C14).
    """
    self._only_governance()
    if (from_ms | until_ms) >> 48 != 0:
        reasons._refuse(reasons.OUT_OF_RANGE)
    limits: uint256 = self.limits
    last: uint256 = (limits << 96) >> 208
    ahead: uint256 = unsafe_add(units._now_ms(), units.GUARD_MS)
    stands: bool = from_ms >= ahead
    if (limits << 144) >> 208 < ahead and units._now_ms() <= unsafe_add(last, units.WINDOW_MS):
        # the one before is not over
        stands = from_ms == (limits << 144) >> 208 and (last >= ahead or until_ms == last)
    if not stands or (until_ms < ahead and until_ms != last):
        reasons._refuse(reasons.CHANGE_PENDING)
    limits = ((limits >> 160) << 160) | (until_ms << 112) | (from_ms << 64) | (limits & packing.M64)
    self.limits = limits
    log IClearing.HaltSet(limits=limits)


# -- internals: callers --------------------------------------------------------------------

@internal
@view
def _only_governance():
    if msg.sender != GOVERNANCE:
        reasons._refuse(reasons.NOT_GOVERNANCE)


@internal
@view
def _only_recovery():
    if msg.sender != staticcall VAULT.recovery():
        reasons._refuse(reasons.NOT_RECOVERY)


@internal
@view
def _is_stopped() -> bool:
    return (self.head << 64) >> 208 == packing.M48


@internal
@view
def _check_running():
    if self._is_stopped():
        reasons._refuse(reasons.WOUND_DOWN)


@internal
@view
def _check_open(account: uint256):
    """
    @notice Refuse accounts that may not be paid into: the pool's, and those that do not exist; and all, once stopped.
    """
    self._check_running()
    if unsafe_sub(account, 1) >= collateral.TREASURY:
        if unsafe_sub(account, collateral.FIRST_TRADER) >= unsafe_sub(collateral.account_count, collateral.FIRST_TRADER):
            reasons._refuse(reasons.UNKNOWN_ACCOUNT)


# -- internals: vectors -------------------------------------------------------------------

@internal
def _admit_vector(
    head: uint256, openings: DynArray[uint256, 64], given: DynArray[signers.Signature, 16]
) -> (bytes32, uint256):
    """
    @notice Verify a price vector and lay its opened prices out (C9).
    @return its root, and the markets whose price a second source contradicts, as bits
    """
    root: bytes32 = empty(bytes32)
    words: uint256[64] = empty(uint256[64])
    doubtful: uint256 = 0
    root, words, doubtful = staticcall ORACLE.verify(head, openings, given)
    markets._lay(words, (head >> 8) & packing.M8)
    return root, doubtful


@internal
def _admit_fresh(
    head: uint256, openings: DynArray[uint256, 64], given: DynArray[signers.Signature, 16], appointed: bool
) -> uint256:
    """
    @notice Verify a vector used outside a batch: nobody picks an old price, and no batch locks anyone out.
    @param appointed Whether its time was named long before, so that no later batch may pass it by.
    @return its time
    """
    time: uint256 = (head << 192) >> 208
    if time > unsafe_add(units._now_ms(), units.LEAD_MS):
        reasons._refuse(reasons.VECTOR_FROM_THE_FUTURE)
    if unsafe_add(time, units.WINDOW_MS) < units._now_ms():
        reasons._refuse(reasons.VECTOR_TOO_OLD)
    if not appointed and unsafe_add(time, units.GUARD_MS) < (self.head << 64) >> 208:
        reasons._refuse(reasons.VECTOR_TOO_OLD)
    self._admit_vector(head, openings, given)
    return time


# -- internals: positions -------------------------------------------------------------------

@internal
@pure
def _begin(before: uint256, mark: uint256) -> (int256, int256, int256):
    """
    @notice A position as it stands at the mark: funding settled, nothing filled yet. An empty word opens one.
    @return base, quote with the credit, and the credit
    """
    # the fields as in packing, the credit as in pricing: this runs for every order
    base: int256 = convert(convert(before << 40, bytes32), int256) >> 192
    step: int256 = unsafe_sub(
        convert(convert(mark << 112, bytes32), int256) >> 192, convert(convert(before << 192, bytes32), int256) >> 192
    )
    credit: int256 = unsafe_sub(0, unsafe_mul(base, step)) >> ((mark >> 12) & packing.M8)
    return base, unsafe_add(convert(convert(before << 104, bytes32), int256) >> 168, credit), credit


@internal
@view
def _resumed(before: uint256, mark: uint256, key: uint256, time: uint256) -> uint256:
    """
    @notice What a position is marked with whose word does not begin as its market's mark; or the reason to skip it.
    """
    if before >> 240 != mark >> 240:
        return 16
    events: uint256 = markets.market_words[((mark >> 240) << 3) | markets.EVENTS]
    return staticcall IRecovery(staticcall VAULT.recovery()).resumed(before, mark, events, key, time)


@internal
@view
def _holds(account: uint256, mask: uint256, touched: uint256, running: Running[PLACES], market: uint256) -> bool:
    """
    @notice Whether the account holds a market in any place, in storage or in this batch.
    """
    for place: uint256 in range(PLACES):
        if (touched >> place) & 1 == 1:
            if running[place].mark >> 240 == market:
                return True
        elif (mask >> place) & 1 == 1 and self.positions[(account << 4) | place] >> 240 == market:
            return True
    return False


@internal
def _sums(account: uint256, mask: uint256, time: uint256) -> int256[3]:
    """
    @notice Value what an account holds in storage at the vector's marks, its collateral left out.
    @param mask Its places, as bits.
    @return surplus over initial margin, equity, maintenance margin
    """
    sums: int256[3] = [0, 0, 0]
    for place: uint256 in range(markets.MARKET_COUNT):
        rest: uint256 = mask >> place
        if rest == 0:
            break
        if rest & 1 == 1:
            held: uint256 = self.positions[unsafe_add(account << 4, place)]
            mark: uint256 = markets._mark(held >> 240, time)
            if (mark << 48) >> 192 == 0:
                reasons._refuse(reasons.NO_PRICE)
            if (held ^ mark) >> 217 != 0:
                if self._resumed(held, mark, 0, 0) == 23:
                    reasons._refuse(reasons.FOLD_FIRST)
            base: int256 = 0
            quote: int256 = 0
            value: int256 = 0
            margin: int256 = 0
            base, quote, value = self._begin(held, mark)
            sums[0] = unsafe_add(sums[0], markets._appraise(base, quote, mark))
            value, margin = markets._weigh(base, quote, mark)
            sums[1] = unsafe_add(sums[1], value)
            sums[2] = unsafe_add(sums[2], margin)
    return sums


@internal
@pure
def _outgrown(base: int256, quote: int256) -> bool:
    return (
        unsafe_add(convert(convert(base, bytes32), uint256), units.BASE_MAX - 1) > 2 * units.BASE_MAX - 2
        or unsafe_add(convert(convert(quote, bytes32), uint256), units.QUOTE_MAX - 1) > 2 * units.QUOTE_MAX - 2
    )


@internal
def _skip(account: uint256, slot: uint256, seq: uint256, fill: uint256, reason: uint256):
    log IClearing.Skipped(account=account, slot=slot, seq=seq, fill=fill, reason=reason)


@internal
def _stands(
    account: uint256, word: uint256, touched: uint256, running: Running[PLACES], surplus: int256, time: uint256
) -> bool:
    """
    @notice The slow half of C8, for an account below initial margin: a withdrawal not yet out, or a risk that fell.
    @param surplus What it has over initial margin, below 0: the pending withdrawal not counted.
    """
    withdrawal: uint256 = collateral.withdrawals[account]
    pending: int256 = convert(withdrawal >> 48, int256)
    if pending != 0 and time <= withdrawal & packing.M48 and unsafe_add(surplus, pending) >= 0:
        return True

    sums: int256[3] = self._sums(account, (word >> 16) & packing.M16, time)
    before: int256 = unsafe_add(unsafe_add(convert(convert(word << 160, bytes32), int256) >> 192, pending), sums[1])
    after: int256 = before
    mm_after: int256 = sums[2]
    for place: uint256 in range(PLACES):
        if (touched >> place) & 1 == 0:
            continue
        position: Running = running[place]
        base: int256 = 0
        quote: int256 = 0
        value: int256 = 0
        margin: int256 = 0
        base, quote, value = self._begin(position.before, position.mark)
        if not pricing._shrinks(base, unsafe_sub(position.base, base)):
            return False
        value, margin = markets._weigh(base, quote, position.mark)
        after = unsafe_sub(after, value)
        mm_after = unsafe_sub(mm_after, margin)
        value, margin = markets._weigh(position.base, position.quote, position.mark)
        after = unsafe_add(after, value)
        mm_after = unsafe_add(mm_after, margin)
    return after >= 0 and unsafe_mul(after, sums[2]) >= unsafe_mul(before, mm_after)


@internal
def _close(deal: markets.Deal, time: uint256, capacity: uint256, level: uint256) -> uint256:
    """
    @notice Let `Rules` judge the market's plan, write what it says, and realise a pool position that closed.
    @return the global loss bucket after this market
    """
    mark: uint256 = deal.mark
    market: uint256 = mark >> 240
    at: uint256 = market << 3
    clock: uint256 = markets.market_words[at]
    words: IRules.Market = self._words(market, clock, time)
    if words.incoming != 0:
        markets.market_words[at | markets.INCOMING_WORD] = 0
    after: uint256 = 0
    cashed: int256 = 0
    words, after, cashed = staticcall reasons.RULES.close(
        words,
        IRules.Plan(
            time=time,
            oracle=(mark << 48) >> 192,
            price=deal.terms >> 192,
            index=convert(convert(mark << 112, bytes32), int256) >> 192,
            gross=(deal.terms << 80) >> 192,
            volume=deal.volume,
            quote=deal.quote,
            fees=deal.fees,
            ledger=deal.ledger,
            capacity=capacity,
            level=level,
        ),
    )
    self._write(at, words)
    markets.market_words[at | markets.POOL] = words.pool

    holding: uint256 = markets.pool_markets
    held: uint256 = holding & ~(1 << market)
    if words.pool >> 192 != 0:
        held |= 1 << market
    if held != holding:
        markets.pool_markets = held
    if cashed != 0:
        collateral._gain(0, cashed)
    log IClearing.MarketSettled(
        market=market, price_e8=deal.terms >> 192, clock=words.clock, pool=words.pool, meter=words.meter, ledger=words.ledger
    )
    return after


@internal
def _strike(epoch: uint256, time: uint256):
    """
    @notice Strike the pool's shares at its net asset value; `Pool` says what its requests make of it.
    """
    nav: int256 = convert(convert(collateral.accounts[0] << 160, bytes32), int256) >> 192
    locked: uint256 = 0
    for market: uint256 in range(markets.MARKET_COUNT):
        rest: uint256 = markets.pool_markets >> market
        if rest == 0:
            break
        if rest & 1 == 1:
            mark: uint256 = markets._mark(market, time)
            if (mark << 48) >> 192 == 0:
                reasons._refuse(reasons.STRIKE_MISSES_A_MARKET)
            value: int256 = 0
            margin: uint256 = 0
            value, margin = staticcall reasons.RULES.pool_value(
                self._words(market, markets.market_words[market << 3], time), mark
            )
            nav = unsafe_add(nav, value)
            locked = unsafe_add(locked, margin)
    strike: uint256 = 0
    capital: uint256 = 0
    gained: int256 = 0
    strike, capital, gained = staticcall POOL.strike_terms(
        epoch,
        nav,
        locked,
        self.strikes[unsafe_sub(epoch, 1)],     # it cannot ask for this one: the lock is closed
    )
    capital = min(capital, packing.M64)
    self.limits = unsafe_add(
        ((self.limits >> 64) << 64) | capital, convert(convert(gained, bytes32), uint256) << 160
    )
    self.strikes[epoch] = strike
    collateral._gain(0, gained)
    log IClearing.PoolStruck(epoch=epoch, strike=strike, capital_e6=capital)


@internal
def _deposit(account: uint256, amount_e6: uint256):
    # what no word holds is refused by name, whatever it is: `convert` would refuse without words
    collateral._gain(account, convert(min(amount_e6, 2**64), int256))
    extcall VAULT.receive(msg.sender, amount_e6)


@internal
@view
def _words(market: uint256, clock: uint256, time: uint256) -> IRules.Market:
    """
    @notice A market's words and the parameters that serve this time, for `Rules`.
    """
    at: uint256 = market << 3
    place: uint256 = markets._parameters_at(market, clock, time)
    incoming: uint256 = 0
    if clock & markets.INCOMING != 0:
        incoming = markets.market_words[at | markets.INCOMING_WORD]
    return IRules.Market(
        clock=clock,
        pool=markets.market_words[at | markets.POOL],
        meter=markets.market_words[at | markets.METER],
        ledger=markets.market_words[at | markets.LEDGER],
        incoming=incoming,
        rates=markets.parameter_words[place],
        caps=markets.parameter_words[place | 1],
    )


@internal
def _write(at: uint256, words: IRules.Market):
    markets.market_words[at] = words.clock
    markets.market_words[at | markets.METER] = words.meter
    markets.market_words[at | markets.LEDGER] = words.ledger


@internal
@pure
def _interest(base: int256, before: uint256) -> int256:
    """
    @notice What a position's change adds to open interest, the longs' side of the market.
    """
    return unsafe_sub(max(base, 0), max(convert(convert(before << 40, bytes32), int256) >> 192, 0))


# -- internals: the backstop ------------------------------------------------------------------

@internal
def _backstop_sums(time: uint256) -> int256[3]:
    """
    @notice `_sums` of the backstop with its collateral: a withdrawal on its way counts as a trader's does.
    """
    sums: int256[3] = self._sums(1, markets.backstop_markets, time)
    withdrawal: uint256 = collateral.withdrawals[1]
    cash: int256 = convert(convert(collateral.accounts[1] << 160, bytes32), int256) >> 192
    pending: int256 = unsafe_add(cash, convert(convert(withdrawal >> 48, bytes32), int256))
    sums[1] = unsafe_add(sums[1], pending)
    if time <= withdrawal & packing.M48:
        cash = pending
    sums[0] = unsafe_add(sums[0], cash)
    return sums


@internal
def _backstop_takes(deal: markets.Deal) -> (markets.Deal, bool):
    """
    @notice The matcher's own account steps into the net of the skipped fills, and pays the fee like anyone.
    @return the deal with its entries, and whether the backstop's position only shrank
    """
    taken: markets.Deal = deal
    market: uint256 = deal.mark >> 240
    before: uint256 = self.positions[unsafe_add(16, market)]
    base: int256 = 0
    quote: int256 = 0
    credit: int256 = 0
    base, quote, credit = self._begin(before, deal.mark)
    moved: int256 = (deal.skipped << 128) >> 128
    change: int256 = unsafe_sub(deal.skipped, moved) >> 128
    steady: bool = pricing._shrinks(base, change)
    size: uint256 = convert(convert(max(change, unsafe_sub(0, change)), bytes32), uint256)
    notional: uint256 = unsafe_mul(size, deal.terms >> 192)
    fee: uint256 = unsafe_div(
        unsafe_add(unsafe_mul(notional, (deal.terms >> 176) & packing.M16), 10**16 - 1), 10**16
    )
    base = unsafe_add(base, change)
    quote = unsafe_add(quote, unsafe_sub(moved, convert(fee, int256)))
    if self._outgrown(base, quote):
        reasons._refuse(reasons.BACKSTOP_MARGIN)

    realised: int256 = 0
    held: uint256 = markets.backstop_markets | (1 << market)
    after: uint256 = 0
    if base != 0:
        after = packing._position(base, quote, deal.mark)
    else:
        realised = quote
        collateral._gain(1, realised)
        held ^= 1 << market
    self.positions[unsafe_add(16, market)] = after
    markets.backstop_markets = held
    taken.fees = unsafe_add(taken.fees, fee)
    taken.ledger = unsafe_add(
        taken.ledger, unsafe_add(unsafe_add(self._interest(base, before) << 192, credit << 96), realised)
    )
    log IClearing.BackstopSettled(market=market, position=after)
    return taken, steady
