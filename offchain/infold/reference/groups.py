# SPDX-License-Identifier: Apache-2.0
"""One account's records of a batch: checks in order, running positions, margin (docs/protocol.md
§5.3, §5.4).

`settle_group` reads the account's own words and the marks of the batch, writes nothing, and never
looks at another account: that is C13, and what lets an auditor settle each group alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from .deleveraging import behind, leaving
from .digests import Record
from .faults import Reason
from .margin import Mark, Standing, credit, fee_of, quote_of_buy, quote_of_sale, standing
from .state import Event, State
from .words import Account, Delegate, Fill, Position, SettledFill, SettledHead, Withdrawal

_SIZE_LIMIT = 2**62
_QUOTE_LIMIT = 2**60


class BatchMark(NamedTuple):
    """A mark, and what only a listed market has: clearing price and permission to grow."""

    mark: Mark
    price_e8: int
    shrink_only: bool


class Change(NamedTuple):
    """What a group moves in one market's words."""

    market: int
    fees_e6: int
    credit_e6: int
    realised_e6: int
    open_interest_e8: int


class Outcome(NamedTuple):
    """What a group does: reasons by record, words to write, changes by market, events to emit."""

    reasons: list[Reason]
    fills: list[tuple[int, int]]
    positions: list[tuple[int, int]]
    account: int
    changes: list[Change]
    events: list[Event]


# The signer of record number i of the group, as an address, or None if its signature recovers
# nobody.
SignerOf = Callable[[int], int | None]
# The batch's mark of a market, None where the vector has no price for it.
MarkOf = Callable[[int], BatchMark | None]


def planned_quote(record: Record, price_e8: int) -> int:
    """The quote a record's fill moves at the batch's price, before fees."""
    if record.flags & 1:
        return quote_of_buy(price_e8, record.fill_e8)
    return quote_of_sale(price_e8, record.fill_e8)


class _Running:
    """The account while its records are read: stored positions, touched ones, and what its fills
    would write.
    """

    def __init__(self, state: State, account: int) -> None:
        self.word = state.accounts.get(account, 0)
        self.account = Account.of(self.word)
        mask = self.account.mask
        positions = state.positions
        self.held = {
            index: Position.of(positions.get(account << 4 | index, 0))
            for index in range(16)
            if mask >> index & 1
        }
        self.touched: dict[int, Position] = {}
        self.fees: dict[int, int] = {}
        self.credits: dict[int, int] = {}

    def at(self, index: int) -> Position | None:
        return self.touched.get(index) or self.held.get(index)

    def elsewhere(self, market: int) -> bool:
        """Whether some index of the account holds the market."""
        return any(position.market == market for position in self.held.values()) or any(
            position.market == market for position in self.touched.values()
        )

    def after(self) -> dict[int, Position]:
        return {**self.held, **self.touched}


def settle_group(
    state: State,
    time_ms: int,
    account: int,
    records: Sequence[Record],
    hashes: Sequence[bytes],
    signer_of: SignerOf,
    mark_of: MarkOf,
) -> Outcome:
    """Settle the records of one account against storage as `state` holds it; nothing is written."""
    running = _Running(state, account)
    reasons: list[Reason] = []
    fills: list[tuple[int, int]] = []
    logged: list[int] = []
    events: list[Event] = []
    for place, record in enumerate(records):
        batch_mark = mark_of(record.market)
        assert batch_mark is not None
        fill = Fill.of(state.fills.get(account << 8 | record.slot, 0))
        digest = int.from_bytes(hashes[place], "big")
        prefix = digest >> 176
        reason = _reason(
            state, time_ms, running, record, fill, digest, batch_mark, signer_of, place
        )
        reasons.append(reason)
        if reason:
            events.append(_skipped(record, reason))
            continue
        filled = record.fill_e8 + (fill.filled_e8 if fill.seq == record.seq else 0)
        word = Fill(prefix, fill.cancel_time_ms, fill.cancel_seq, filled, record.seq).word
        fills.append((account << 8 | record.slot, word))
        logged.append(
            SettledFill(record.slot, record.place, account, record.seq, filled, prefix).word
        )
    if not fills:
        return Outcome(reasons, [], [], running.word, [], events)
    refused = _judge(state, time_ms, account, running, mark_of)
    if refused:
        for place, record in enumerate(records):
            if not reasons[place]:
                reasons[place] = refused
                events.append(_skipped(record, refused))
        return Outcome(reasons, [], [], running.word, [], events)
    return _finish(account, running, reasons, fills, logged, events)


def _skipped(record: Record, reason: Reason) -> Event:
    return (
        "Skipped",
        (record.account, record.slot, record.seq, record.fill_e8, int(reason)),
    )


def _reason(
    state: State,
    time_ms: int,
    running: _Running,
    record: Record,
    fill: Fill,
    digest: int,
    batch_mark: BatchMark,
    signer_of: SignerOf,
    place: int,
) -> Reason:
    """The first failing check of §5.3, or NONE after the fill has moved the running position."""
    account = running.account
    flags = record.flags
    buy = flags & 1
    price = batch_mark.price_e8
    oracle = batch_mark.mark.oracle_price_e8
    if not account.owner:
        return Reason.ACCOUNT
    size = record.size_e8
    limit = record.limit_e8
    if (
        not 0 < size < _SIZE_LIMIT
        or not limit
        or not record.seq
        or flags & 0x18 == 0x18
        or flags & 0x60 == 0x60
        or record.reserved
    ):
        return Reason.RANGE
    if time_ms > record.expiry_ms:
        return Reason.EXPIRY
    if time_ms < record.good_after_ms:
        return Reason.GOOD_AFTER
    trigger_kind = flags >> 5 & 3
    if (trigger_kind == 1 and oracle < record.trigger_e8) or (
        trigger_kind == 2 and oracle > record.trigger_e8
    ):
        return Reason.TRIGGER
    if price > limit if buy else price < limit:
        return Reason.LIMIT
    if flags & 2 and (price > oracle if buy else price < oracle):
        return Reason.POST_ONLY
    fee_e6 = batch_mark.mark.rates.fee_e6
    if fee_e6 > record.max_fee_e6:
        return Reason.FEE
    if record.epoch != account.epoch and not (
        record.epoch + 1 == account.epoch and time_ms <= state.epoch_barriers.get(record.account, 0)
    ):
        return Reason.EPOCH
    if record.approved:
        key = record.account << 256 | digest
        if record.delegated or time_ms > state.approvals.get(key, 0):
            return Reason.SIGNER
    elif record.delegated:
        signer = signer_of(place)
        if signer is None or not _delegate_may(state, time_ms, record, signer):
            return Reason.SIGNER
    elif signer_of(place) != account.owner:
        return Reason.SIGNER
    if record.seq < fill.seq or (record.seq == fill.seq and digest >> 176 != fill.prefix):
        return Reason.SLOT
    if record.seq <= fill.cancel_seq and time_ms > fill.cancel_time_ms:
        return Reason.CANCELLED
    before = fill.filled_e8 if record.seq == fill.seq else 0
    if not record.fill_e8 or before + record.fill_e8 > size:
        return Reason.SIZE
    time_in_force = flags >> 3 & 3
    if time_in_force == 2 and record.fill_e8 != size:
        return Reason.FOK
    if time_in_force == 1 and before:
        return Reason.IOC
    return _move(state, time_ms, running, record, batch_mark, fee_e6)


def _delegate_may(state: State, time_ms: int, record: Record, key: int) -> bool:
    delegate = Delegate.of(state.delegates.get(record.account << 160 | key, 0))
    return (
        time_ms <= delegate.expiry_ms
        and delegate.covers(record.market)
        and record.size_e8 * record.limit_e8 // 10**10 <= delegate.notional_e6
    )


def _move(
    state: State,
    time_ms: int,
    running: _Running,
    record: Record,
    batch_mark: BatchMark,
    fee_e6: int,
) -> Reason:
    """Checks 16 to 20 and 23, and the running position moved if they pass."""
    index = record.place
    position = running.at(index)
    if position is None:
        if running.elsewhere(record.market):
            return Reason.POSITION
        position = Position(record.market, 0, 0, batch_mark.mark.funding_index)
    elif position.market != record.market:
        return Reason.POSITION
    elif index not in running.touched:
        if behind(state, position):
            return Reason.DELEVERAGED
        if leaving(state, record.account << 4 | index, position, time_ms):
            return Reason.EXIT
    change = record.fill_e8 if record.flags & 1 else -record.fill_e8
    base = position.base_e8 + change
    if position.base_e8 > 0:
        shrinks = base >= 0 > change
    else:
        shrinks = position.base_e8 < 0 < change and base <= 0
    if record.flags & 4 and not shrinks:
        return Reason.REDUCE_ONLY
    if batch_mark.shrink_only and not shrinks:
        return Reason.MARKET_LIMIT
    mark = batch_mark.mark
    funding = credit(
        position.base_e8, mark.funding_index - position.funding_index, mark.rates.shift
    )
    fee = fee_of(batch_mark.price_e8, record.fill_e8, fee_e6)
    quote = position.quote_e6 + funding + planned_quote(record, batch_mark.price_e8) - fee
    if outgrown(base, quote):
        return Reason.OVERFLOW
    event = mark.event | position.event & 1
    running.touched[index] = Position(record.market, base, quote, mark.funding_index, event)
    running.fees[index] = running.fees.get(index, 0) + fee
    running.credits[index] = running.credits.get(index, 0) + funding
    return Reason.NONE


def outgrown(base_e8: int, quote_e6: int) -> bool:
    """Whether a position left the range in which every sum over it fits its field."""
    return abs(base_e8) >= _SIZE_LIMIT or abs(quote_e6) >= _QUOTE_LIMIT


def _judge(state: State, time_ms: int, account: int, running: _Running, mark_of: MarkOf) -> Reason:
    """NO_PRICE, DELEVERAGED, MARGIN or NONE for the account with all its passed fills."""
    marks: dict[int, Mark] = {}
    for index, position in sorted(running.after().items()):
        batch_mark = mark_of(position.market)
        if batch_mark is None:
            return Reason.NO_PRICE
        if index not in running.touched and behind(state, position):
            return Reason.DELEVERAGED
        marks[index] = batch_mark.mark
    withdrawal = Withdrawal.of(state.withdrawals.get(account, 0))
    if passes(
        running.account.collateral_e6, running.held, running.touched, marks, withdrawal, time_ms
    ):
        return Reason.NONE
    return Reason.MARGIN


def passes(
    collateral_e6: int,
    held: dict[int, Position],
    touched: dict[int, Position],
    marks: dict[int, Mark],
    withdrawal: Withdrawal,
    time_ms: int,
) -> bool:
    """The margin test of §5.4: `held` is storage before the batch, `touched` the positions the
    batch moved.
    """
    closed = sum(position.quote_e6 for position in touched.values() if not position.base_e8)
    after = standing(
        collateral_e6 + closed,
        [
            (position, marks[index])
            for index, position in {**held, **touched}.items()
            if index not in touched or position.base_e8
        ],
    )
    if has_initial_margin(after, withdrawal, time_ms):
        return True
    for index, position in touched.items():
        before = held[index].base_e8 if index in held else 0
        if abs(position.base_e8) > abs(before) or position.base_e8 * before < 0:
            return False
    prior = standing(
        collateral_e6 + withdrawal.amount_e6,
        [(position, marks[index]) for index, position in held.items()],
    )
    equity = after.equity_e6 + withdrawal.amount_e6
    return equity >= 0 and equity * prior.mm_e6 >= prior.equity_e6 * after.mm_e6


def has_initial_margin(after: Standing, withdrawal: Withdrawal, time_ms: int) -> bool:
    """Whether equity after haircuts covers initial margin; a pending withdrawal counts up to its
    barrier.
    """
    counted = withdrawal.amount_e6 if time_ms <= withdrawal.barrier_ms else 0
    return after.haircut_equity_e6 + counted >= after.im_e6


def _finish(
    account: int,
    running: _Running,
    reasons: list[Reason],
    fills: list[tuple[int, int]],
    logged: list[int],
    events: list[Event],
) -> Outcome:
    """The words of a group that passed."""
    collateral = running.account.collateral_e6
    mask = running.account.mask
    positions: list[tuple[int, int]] = []
    changes: list[Change] = []
    moved = False
    for index in sorted(running.touched):
        position = running.touched[index]
        stored = running.held.get(index)
        realised = 0
        if position.base_e8:
            word = position.word
            mask |= 1 << index
            moved = moved or stored is None
        else:
            word = 0
            realised = position.quote_e6
            collateral += realised
            mask &= ~(1 << index)
            moved = True
        positions.append((account << 4 | index, word))
        interest = max(position.base_e8, 0) - max(stored.base_e8 if stored else 0, 0)
        changes.append(
            Change(position.market, running.fees[index], running.credits[index], realised, interest)
        )
    owner, _, _, epoch = running.account
    account_word = Account(owner, collateral, mask, epoch).word
    words = [*logged, *(word for _, word in positions)]
    if moved:
        words.append(account_word)
    if len(logged) == 1 and not moved:
        events.append(("Filled", tuple(words)))
    else:
        head = SettledHead(account, len(logged), len(positions), moved).word
        events.append(("AccountSettled", (head, words)))
    return Outcome(reasons, fills, positions, account_word, changes, events)
