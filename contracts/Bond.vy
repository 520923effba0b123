# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Bond
@license AGPL-3.0-only
@notice What the matcher stakes on its word: whoever holds its receipt and was left out of a batch is paid from here.
@dev Units: money e6, price e8, size e8; times s, inside signed messages ms. The rules: docs/protocol.md section 12.
     C15 a claim stands on three signatures (the owner's order, the matcher's receipt, its seal on a batch) and on what
         Clearing stores; an order is paid for once, and reserved + free = `bond_e6`, which the tokens here cover
     The bond is no margin: Clearing knows nothing of it, and the matcher trades with account 1.
@custom:halt Nothing stops claims; the timelock answers those that no signature can.
"""

from ethereum.ercs import IERC20
from .interfaces import IBond
from .interfaces import IClearing
from .interfaces import IDelegates
from .interfaces import ISeals
from .modules import messages
from .modules import packing
from .modules import signatures
from .modules import signers
from .modules import units


RECORDS_MAX: constant(uint256) = 256            # of a batch, as `Clearing.settle` takes them
DEALS_MAX: constant(uint256) = 64
INSURANCE: constant(uint256) = 2                # Clearing's account of that name
PLAIN: constant(uint256) = 63 << 185            # post-only, reduce-only, time in force, trigger kind: all zero
REWARD_E6_MIN: constant(uint256) = 10**6
REWARD_E6_MAX: constant(uint256) = 10**10       # 10,000 USDC: more would pay for provoking a fault
WINDOW_S_MIN: constant(uint256) = 777_600       # 9 days: longer than the timelock's least delay, so that it can answer
WINDOW_S_MAX: constant(uint256) = 3_456_000     # 40 days: longer than its greatest delay and a week
REST_S: constant(uint256) = 86_400              # by which a withdrawal outlasts the window

TIMELOCK: public(immutable(address))
CLEARING: public(immutable(IClearing))
SEALS: public(immutable(ISeals))
DELEGATES: public(immutable(IDelegates))
VAULT: public(immutable(address))
TOKEN: public(immutable(IERC20))


# A withdrawal of the bond on its way.
struct Withdrawal:
    to: address
    amount_e6: uint256
    announced_s: uint256
    due_s: uint256          # by the window then; a longer one since moves it


bond_e6: public(uint256)                        # what is staked, reserved or free
reserved_e6: public(uint256)                    # by claims that nobody has answered or paid
reward_e6: public(uint256)                      # for an order left out
window_s: public(uint256)                       # to claim after a batch, and to answer after a claim
claims: public(HashMap[bytes32, uint256])       # order hash: due s 48 @96 | account 32 @64 | amount 64 @0, amount 0 once it is over
sealed_twice: public(HashMap[uint256, bool])    # batch number: it was paid for
withdrawal: public(Withdrawal)


@deploy
def __init__(
    timelock: address,
    clearing: address,
    seals: address,
    delegates: address,
    vault: address,
    token: address,
    reward_e6: uint256,
    window_s: uint256,
):
    """
    @notice Fix the parts for good, and the first terms.
    """
    for part: address in [timelock, clearing, seals, delegates, vault, token]:
        assert part != empty(address), "bond: address is zero"
    TIMELOCK = timelock
    CLEARING = IClearing(clearing)
    SEALS = ISeals(seals)
    DELEGATES = IDelegates(delegates)
    VAULT = vault
    TOKEN = IERC20(token)
    self._set_terms(reward_e6, window_s)


# -- the bond --------------------------------------------------------------------

@external
def deposit(amount_e6: uint256):
    """
    @notice Add to the bond; anyone may, and gets nothing for it.
    @param amount_e6 What must arrive, exactly.
    """
    assert amount_e6 != 0, "bond: amount is zero"
    before: uint256 = staticcall TOKEN.balanceOf(self)
    self.bond_e6 += amount_e6
    log IBond.Deposited(payer=msg.sender, bond_e6=self.bond_e6)

    assert extcall TOKEN.transferFrom(msg.sender, self, amount_e6, default_return_value=True), "bond: token refused"
    after: uint256 = staticcall TOKEN.balanceOf(self)
    assert after == before + amount_e6, "bond: wrong amount received"


@external
def announce_withdrawal(to: address, amount_e6: uint256):
    """
    @notice Begin to take the bond back, or part of it, or with an amount of zero give that up; the timelock.
    """
    self._only_timelock()
    assert to != empty(address), "bond: address is zero"

    due_s: uint256 = block.timestamp + self.window_s + REST_S
    self.withdrawal = Withdrawal(to=to, amount_e6=amount_e6, announced_s=block.timestamp, due_s=due_s)
    log IBond.WithdrawalAnnounced(to=to, amount_e6=amount_e6, due_s=due_s)


@external
def withdraw():
    """
    @notice Pay an announced withdrawal, of what is free by then: later than any batch before it can be claimed for.
    """
    pending: Withdrawal = self.withdrawal
    assert pending.amount_e6 != 0, "bond: no withdrawal announced"
    due_s: uint256 = max(pending.due_s, pending.announced_s + self.window_s + REST_S)
    assert block.timestamp > due_s, "bond: withdrawal not due"

    amount: uint256 = min(pending.amount_e6, self.bond_e6 - self.reserved_e6)
    self.bond_e6 -= amount
    self.withdrawal = empty(Withdrawal)
    log IBond.Withdrawn(to=pending.to, amount_e6=amount)
    self._send(pending.to, amount)


@external
def set_terms(reward_e6: uint256, window_s: uint256):
    """
    @notice Change what an omission costs and how long it may be claimed and answered; the timelock. Claims keep theirs.
    """
    self._only_timelock()
    self._set_terms(reward_e6, window_s)


# -- omission --------------------------------------------------------------------

@external
def challenge(
    order: IClearing.Record,
    receipt: IBond.Receipt,
    head: uint256,
    root: bytes32,
    accepted_root: bytes32,
    prices: DynArray[uint256, DEALS_MAX],
    records: DynArray[IClearing.Record, RECORDS_MAX],
    seal: signers.Signature,
    worse: uint256,
):
    """
    @notice Show that a sealed batch left an order out and filled a worse limit; the order's owner.
    @param order The order as a record with the owner's signature; its place, its fill and the flags above the trigger
        say nothing.
    @param receipt The matcher's, from before the batch.
    @param head What the batch gave `Clearing.settle`; so are prices, records, accepted_root.
    @param root Of its price vector.
    @param seal The matcher's on the batch: whether the chain took it does not matter, it was signed.
    @param worse The place among `records` of a fill of the same market and side at a worse limit.
    """
    assert self._owner_of(order.order >> 224) == convert(msg.sender, uint256), "bond: not the owner"
    domain: bytes32 = messages._domain_of(CLEARING.address)
    digest: bytes32 = messages._order(domain, order.order, order.terms)
    assert self.claims[digest] == 0, "bond: already claimed"
    time_ms: uint256 = (head >> 16) & packing.M48
    self._check_order(order, digest, time_ms)

    assert receipt.accepted_ms < time_ms and receipt.batch_ms < time_ms, "bond: accepted too late"
    signer: uint256 = signatures._recover(messages._receipt(domain, digest, receipt), receipt.r, receipt.vs)
    assert signer == self._matcher(receipt.accepted_ms), "bond: not the matcher's receipt"

    # the batch, as `Clearing.settle` hashes it
    market: uint256 = (order.order >> 200) & packing.M16
    buy: uint256 = (order.order >> 184) & 1
    limit: uint256 = order.terms >> 192
    price: uint256 = 0
    contents: bytes32 = keccak256(abi_encode(head, root, accepted_root))
    for word: uint256 in prices:
        contents = keccak256(abi_encode(contents, word))
        if word >> 240 == market:
            price = (word >> 176) & packing.M64
    assert price != 0, "bond: market not priced"
    assert (limit >= price) == (buy == 1) or limit == price, "bond: limit not met"
    found: bool = False
    for at: uint256 in range(len(records), bound=RECORDS_MAX):
        record: IClearing.Record = records[at]
        contents = keccak256(abi_encode(contents, record))
        if (record.terms >> 128) & packing.M64 == 0:
            continue    # no fill: as good as left out
        assert record.order >> 216 != order.order >> 216, "bond: slot is in the batch"
        if at == worse:
            other: uint256 = record.terms >> 192
            found = (
                (record.order >> 200) & packing.M16 == market
                and (record.order >> 184) & 1 == buy
                and ((buy == 1 and other < limit) or (buy == 0 and other > limit))
                and (record.order >> 120) & packing.M16 <= (order.order >> 120) & packing.M16
            )
    assert found, "bond: not a worse fill"
    signer = signatures._recover(messages._batch(domain, head >> 64, time_ms, contents), seal.r, seal.vs)
    assert signer == self._matcher(time_ms), "bond: not the matcher's seal"

    amount: uint256 = min(self.reward_e6, self.bond_e6 - self.reserved_e6)
    assert amount != 0, "bond: nothing left"
    claim: uint256 = ((block.timestamp + self.window_s) << 96) | ((order.order >> 224) << 64) | amount
    self.claims[digest] = claim
    self.reserved_e6 += amount
    log IBond.Claimed(order_hash=digest, account=order.order >> 224, number=head >> 64, claim=claim)


@external
def answer_with_cancel(order: uint256, terms: uint256, seq: uint256, r: uint256, vs: uint256):
    """
    @notice Defeat a claim by the trader's own signed cancel, whenever it was signed. Anyone.
    @param order The order's two words, as they were claimed.
    @param seq The cancel's; at or above the order's.
    """
    domain: bytes32 = messages._domain_of(CLEARING.address)
    digest: bytes32 = messages._order(domain, order, terms)
    self._check_open(digest)
    assert seq >= (order >> 136) & packing.M32, "bond: cancel of an older order"
    account: uint256 = order >> 224
    cancel: bytes32 = messages._cancel(domain, account, (order >> 216) & packing.M8, seq)
    assert self._is_the_traders(account, signatures._recover(cancel, r, vs)), "bond: not the trader's"
    self._end(digest, 1)


@external
def answer_with_order(order: uint256, terms: uint256, newer: IClearing.Record):
    """
    @notice Defeat a claim by another order of the trader's in its slot that is not older. Anyone.
    """
    domain: bytes32 = messages._domain_of(CLEARING.address)
    digest: bytes32 = messages._order(domain, order, terms)
    self._check_open(digest)
    assert newer.order >> 216 == order >> 216, "bond: another slot"
    other: bytes32 = messages._order(domain, newer.order, newer.terms)
    assert (newer.order >> 136) & packing.M32 >= (order >> 136) & packing.M32 and other != digest, "bond: not a newer order"
    account: uint256 = order >> 224
    if not self._is_the_traders(account, signatures._recover(other, newer.r, newer.vs)):
        approval: uint256 = staticcall DELEGATES.approvals(account, other)
        assert approval > 1, "bond: not the trader's"      # 1: forbidden for good
    self._end(digest, 2)


@external
def dismiss(order_hash: bytes32):
    """
    @notice Defeat a claim for a reason that no signature shows: margin, a market that only shrank, a full batch. The
            timelock, so that the word is out for its whole delay before it counts.
    """
    self._only_timelock()
    self._check_open(order_hash)
    self._end(order_hash, 3)


@external
def pay(order_hash: bytes32):
    """
    @notice Pay a claim that stood through the window to the account's owner. Anyone.
    """
    claim: uint256 = self.claims[order_hash]
    amount: uint256 = claim & packing.M64
    assert amount != 0, "bond: no such claim"
    assert block.timestamp > claim >> 96, "bond: window is not over"

    to: address = convert(self._owner_of((claim >> 64) & packing.M32), address)
    self._release(order_hash)
    self.bond_e6 -= amount
    log IBond.Paid(order_hash=order_hash, to=to, amount_e6=amount)
    self._send(to, amount)


# -- two seals -------------------------------------------------------------------

@external
def prove_two_seals(number: uint256, first: IBond.Sealed, second: IBond.Sealed):
    """
    @notice Show two contents sealed under one number, both of which could have landed. Once a number, and to insurance:
            were it to the prover, the matcher could take its bond out with a fault of its own.
    """
    assert not self.sealed_twice[number], "bond: already paid"
    gap: uint256 = max(first.time_ms, second.time_ms) - min(first.time_ms, second.time_ms)
    assert gap <= units.WINDOW_MS, "bond: the first had lapsed"
    assert first.contents != second.contents or gap != 0, "bond: one and the same"
    domain: bytes32 = messages._domain_of(CLEARING.address)
    for seal: IBond.Sealed in [first, second]:
        digest: bytes32 = messages._batch(domain, number, seal.time_ms, seal.contents)
        assert signatures._recover(digest, seal.r, seal.vs) == self._matcher(seal.time_ms), "bond: not the matcher's seal"
    amount: uint256 = min(self.reward_e6, self.bond_e6 - self.reserved_e6)
    assert amount != 0, "bond: nothing left"

    self.sealed_twice[number] = True
    self.bond_e6 -= amount
    log IBond.SealedTwice(number=number, amount_e6=amount)
    assert extcall TOKEN.approve(VAULT, amount, default_return_value=True), "bond: token refused"
    extcall CLEARING.deposit(INSURANCE, amount)


# -- internals -------------------------------------------------------------------

@internal
@view
def _only_timelock():
    assert msg.sender == TIMELOCK, "bond: not the timelock"


@internal
def _set_terms(reward_e6: uint256, window_s: uint256):
    assert reward_e6 >= REWARD_E6_MIN and reward_e6 <= REWARD_E6_MAX, "bond: reward out of range"
    assert window_s >= WINDOW_S_MIN and window_s <= WINDOW_S_MAX, "bond: window out of range"
    self.reward_e6 = reward_e6
    self.window_s = window_s
    log IBond.TermsSet(reward_e6=reward_e6, window_s=window_s)


@internal
@view
def _check_order(order: IClearing.Record, digest: bytes32, time_ms: uint256):
    """
    @notice What must hold of the order itself for a batch of this time: plain, its owner's, in force, and not cancelled,
            replaced or wholly filled since, by what Clearing stores now.
    """
    assert units._now_ms() <= time_ms + self.window_s * 1000, "bond: too late to claim"
    assert order.order & PLAIN == 0, "bond: not a plain order"
    account: uint256 = order.order >> 224
    if signatures._recover(digest, order.r, order.vs) != self._owner_of(account):
        approval: uint256 = staticcall DELEGATES.approvals(account, digest)
        assert time_ms <= approval, "bond: not signed by the owner"
    assert time_ms <= (order.order >> 72) & packing.M48, "bond: order not in force"
    assert time_ms >= (order.terms >> 16) & packing.M48, "bond: order not in force"

    word: uint256 = staticcall CLEARING.accounts(account)
    assert word & packing.M16 == (order.order >> 168) & packing.M16, "bond: order is cancelled"
    seq: uint256 = (order.order >> 136) & packing.M32
    fill: uint256 = staticcall CLEARING.fills(order.order >> 216)
    assert seq > (fill >> 96) & packing.M32, "bond: order is cancelled"
    assert seq >= fill & packing.M32, "bond: slot has a newer order"
    if seq == fill & packing.M32:
        assert fill >> 176 == convert(digest, uint256) >> 176, "bond: slot has a newer order"
        assert (fill >> 32) & packing.M64 < (order.order >> 8) & packing.M64, "bond: order is filled"


@internal
@view
def _check_open(order_hash: bytes32):
    claim: uint256 = self.claims[order_hash]
    assert claim & packing.M64 != 0, "bond: no such claim"
    assert block.timestamp <= claim >> 96, "bond: window is over"


@internal
def _release(order_hash: bytes32):
    """
    @notice End a claim for good: its order cannot be claimed for again.
    """
    claim: uint256 = self.claims[order_hash]
    self.reserved_e6 -= claim & packing.M64
    self.claims[order_hash] = (claim >> 64) << 64


@internal
def _end(order_hash: bytes32, why: uint256):
    self._release(order_hash)
    log IBond.Answered(order_hash=order_hash, why=why)


@internal
def _send(to: address, amount: uint256):
    assert extcall TOKEN.transfer(to, amount, default_return_value=True), "bond: token refused"


@internal
@view
def _owner_of(account: uint256) -> uint256:
    """
    @notice An account's owner as a number; zero where there is none.
    """
    word: uint256 = staticcall CLEARING.accounts(account)
    return word >> 96


@internal
@view
def _is_the_traders(account: uint256, signer: uint256) -> bool:
    """
    @notice Whether a key speaks for an account: the owner's, or one that ever was its delegate, which the matcher heeds too.
    """
    if signer == 0:
        return False
    if signer == self._owner_of(account):
        return True
    delegate: uint256 = staticcall DELEGATES.delegates(account, convert(signer, address))
    return delegate != 0


@internal
@view
def _matcher(time_ms: uint256) -> uint256:
    """
    @notice Whose signature counted at a time; `Seals` keeps this key and the one before.
    """
    word: uint256 = staticcall SEALS.matcher_words(0)
    if time_ms <= word >> 160:
        return word & (2**160 - 1)
    newest: uint256 = staticcall SEALS.matcher_words(1)
    return newest
