# SPDX-License-Identifier: Apache-2.0
"""Closing a batch: who takes part, what the auction gives them, what the chain accepts of it.

Theory of operation. Orders that may fill at the vector take part with a limit and a size. The
auction clears every market once. Its fills become a plan, and `settlement.settle` says what the
chain would make of it. Whoever it would skip is first held to shrinking fills, then left out; a
market whose open interest would pass its cap is held to shrinking fills; too many records keep the
earliest orders. Then everything is matched anew. Each round takes something away, so it ends; after
`rounds_max` rounds nobody takes part, which the chain always accepts. Nothing depends on the order
of dictionaries: participants are sorted by acceptance, ties in the auction by hash.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from infold.core import judging, margin, pool, settlement
from infold.core.curve import NO_DEALER, Curve, CurveBounds
from infold.core.doubts import doubts
from infold.core.events import (
    AnyEvent,
    BatchClosed,
    CloseBatch,
    NothingMatched,
    OrderCancelled,
    OrderExpired,
)
from infold.core.funding import since_ms
from infold.core.matching import Entry, Matched, match
from infold.core.netting import (
    NO_ROOT,
    MatchedFill,
    fills_by_account,
    fitting,
    gross_e8,
    opened_chunks,
    plan_of,
    price_list,
    records_of,
)
from infold.core.plan import Outcome, Reason, StructuralFault
from infold.core.pool import METER_SHARE
from infold.core.settlement import FILLS_MAX
from infold.core.state import OpenOrder, State
from infold.errors import InvariantBroken, Rejected, Unavailable
from infold.messages import TimeInForce
from infold.units import GUARD_MS
from infold.words import NEVER_MS, STATUS_UNLISTED


@dataclass(slots=True)
class _Ballot:
    """Who takes part in this round, narrowed from round to round."""

    eligible: list[OpenOrder]
    shrink_accounts: set[int] = field(default_factory=set)
    shrink_markets: set[int] = field(default_factory=set)
    excluded_accounts: set[int] = field(default_factory=set)
    excluded_orders: set[bytes] = field(default_factory=set)
    deferred: set[bytes] = field(default_factory=set)
    """Left out for room alone: an IOC among them has not had its batch."""
    cancelled: dict[bytes, None] = field(default_factory=dict)
    """Orders whose fill the account's margin did not carry."""


def close(state: State, command: CloseBatch) -> list[AnyEvent]:
    """Match at a vector. Raises `Unavailable` while a batch is under way or the chain is seen too
    old.
    """
    _check_time(state, command)
    decided: list[AnyEvent] = []
    ballot = _Ballot(_select(state, command, decided))
    _hold_back(state, command, ballot)

    _check_strike(state, command)
    closed, fills = _settle_on(state, command, ballot)
    decided += [
        OrderCancelled(order_hash=order_hash, reason="MARGIN", seq=0)
        for order_hash in ballot.cancelled
    ]
    if closed is None:
        decided.append(NothingMatched(time_ms=command.time_ms, prices_e8=command.prices_e8))
    else:
        decided.append(closed)
    filled = {fill.open_order.signed.order_hash for fill in fills}
    for open_order in ballot.eligible:
        order_hash = open_order.signed.order_hash
        if (
            open_order.order.time_in_force != TimeInForce.GTC
            and order_hash not in filled
            and order_hash not in ballot.deferred
            and order_hash not in ballot.cancelled
        ):
            decided.append(OrderExpired(order_hash=order_hash))
    return decided


def check_running(state: State) -> None:
    """Raise `Unavailable` once the venue is wound down."""
    if state.head.time_ms == NEVER_MS:
        raise Unavailable("the venue is wound down: no batch settles any more (runbook: leaving)")


def _check_time(state: State, command: CloseBatch) -> None:
    time_ms = command.time_ms
    check_running(state)
    if state.in_flight is not None:
        raise Unavailable(
            f"batch {state.in_flight.number} is under way; confirm it or let it lapse first"
        )
    if time_ms <= max(state.vector_ms, state.head.time_ms):
        raise Rejected(
            "ORACLE_VECTOR", "time", f"{time_ms} is not after the last one, {state.vector_ms}"
        )
    if state.block_ms < time_ms - GUARD_MS:
        raise Unavailable(
            f"the chain is seen up to {state.block_ms}, a batch at {time_ms} needs a block stamped"
            f" at or after {time_ms - GUARD_MS}: observe a newer block first, so that no owner's"
            " act surprises the batch"
        )


# -- who takes part --------------------------------------------------------------------------------


def _select(state: State, command: CloseBatch, decided: list[AnyEvent]) -> list[OpenOrder]:
    """Orders that may fill at this vector, by acceptance. Those whose time or signer is gone end
    here.
    """
    time_ms = command.time_ms
    live: dict[int, bool] = {}
    eligible: list[OpenOrder] = []
    for open_order in state.orders.values():
        signed = open_order.signed
        order = signed.order
        if open_order.accepted_ms >= time_ms:
            continue
        if time_ms > order.expiry_ms:
            decided.append(OrderExpired(order_hash=signed.order_hash))
            continue
        held = state.accounts[order.account]
        if not judging.epoch_serves(held, order.epoch, time_ms):
            decided.append(OrderCancelled(order_hash=signed.order_hash, reason="CHAIN", seq=0))
            continue
        if (signed.delegated or signed.approved) and not judging.signer_serves(
            held, signed, time_ms
        ):
            decided.append(OrderCancelled(order_hash=signed.order_hash, reason="SIGNER", seq=0))
            continue
        market = order.market
        if market not in live:
            live[market] = market in command.prices_e8 and (
                state.markets[market].at(time_ms).rates.status != STATUS_UNLISTED
            )
        if (
            live[market]
            and time_ms >= order.good_after_ms
            and judging.triggered(signed, command.prices_e8[market])
        ):
            eligible.append(open_order)
    return eligible


def _hold_back(state: State, command: CloseBatch, ballot: _Ballot) -> None:
    """Markets that may only shrink, accounts below initial margin, accounts the vector cannot
    judge.
    """
    time_ms = command.time_ms
    for market in {open_order.order.market for open_order in ballot.eligible}:
        held = state.markets[market]
        price_e8 = command.prices_e8[market]
        if settlement.is_shrink_only(
            state.limits, held, held.at(time_ms), price_e8, time_ms
        ) or doubts(state, market, price_e8, time_ms):
            ballot.shrink_markets.add(market)
    for account in {open_order.order.account for open_order in ballot.eligible}:
        owner = state.accounts[account]
        if not owner.positions:
            continue
        marks = margin.marks_for(owner, state.markets, command.prices_e8, time_ms)
        if marks is None:
            ballot.excluded_accounts.add(account)
            continue
        standing = margin.standing(owner.positions.values(), marks)
        if not margin.has_initial_margin(
            owner.word.collateral_e6, owner.withdrawal, time_ms, standing
        ):
            ballot.shrink_accounts.add(account)


def _entries(state: State, command: CloseBatch, ballot: _Ballot) -> list[Entry]:
    """What each participant brings to the auction.

    A fill that must shrink is judged on the running position, in slot order. So such orders of one
    account and market share what is left of the position if every other shrinking order before them
    fills whole.
    """
    entries: list[Entry] = []
    shrinking: dict[tuple[int, int], list[OpenOrder]] = {}
    for open_order in ballot.eligible:
        order = open_order.order
        if (
            order.account in ballot.excluded_accounts
            or open_order.signed.order_hash in ballot.excluded_orders
        ):
            continue
        fee_e6 = state.markets[order.market].at(command.time_ms).rates.fee_e6
        if fee_e6 > order.max_fee_e6:
            continue
        shrinking.setdefault((order.account, order.market), []).append(open_order)
    room: dict[bytes, int] = {}
    for (account, market), orders in shrinking.items():
        bound = account in ballot.shrink_accounts or market in ballot.shrink_markets
        if bound or any(open_order.order.reduce_only for open_order in orders):
            room |= _shrinking_room(state, account, market, orders, bound)
    for orders in shrinking.values():
        for open_order in orders:
            order = open_order.order
            size_e8 = room.get(open_order.signed.order_hash, open_order.remaining_e8)
            whole = order.time_in_force == TimeInForce.FOK
            if size_e8 and not (whole and size_e8 < order.size_e8):
                entries.append(Entry(open_order, size_e8))
    entries.sort(key=_by_acceptance)
    return entries


def _by_acceptance(entry: Entry) -> int:
    return entry.open_order.sequence


def _shrinking_room(
    state: State, account: int, market: int, orders: list[OpenOrder], bound: bool
) -> dict[bytes, int]:
    """What reduce-only orders (every order, where the account or market is `bound`) may fill at
    most.
    """
    held = state.accounts[account]
    index = held.index_of(market)
    base_e8 = held.positions[index].base_e8 if index is not None else 0
    left_e8 = abs(base_e8)
    room: dict[bytes, int] = {}
    for open_order in sorted(orders, key=lambda each: each.order.slot):
        order = open_order.order
        shrinks = base_e8 < 0 if order.buy else base_e8 > 0
        size_e8 = open_order.remaining_e8
        if bound or order.reduce_only:
            size_e8 = min(size_e8, left_e8) if shrinks else 0
            room[open_order.signed.order_hash] = size_e8
        if shrinks:
            left_e8 = max(0, left_e8 - size_e8)
    return room


# -- the dealer's bounds ---------------------------------------------------------------------------


def bounds_of(
    state: State, prices_e8: Mapping[int, int], markets: set[int], time_ms: int
) -> dict[int, CurveBounds]:
    """What the pool's rule reads of each market at a vector.

    The loss meter is judged for a pool that trades nothing, and the global one as if only losses
    counted: both can only be stricter than what the contract finds.
    """
    capacity_e6 = pool.meter_capacity_e6(state.limits.capital_e6)
    level_e6 = pool.global_bucket_e6(state, time_ms)
    full: set[int] = set()
    for market in sorted(markets):
        held = state.markets[market]
        price_e8 = prices_e8[market]
        loss_e6 = pool.meter_loss_e6(held, price_e8, price_e8, 0)
        level_e6 += max(0, loss_e6)
        dt_ms = since_ms(held.clock, time_ms)
        bucket_e6 = pool.market_bucket_e6(held, capacity_e6, dt_ms, loss_e6)
        if bucket_e6 >= capacity_e6 // METER_SHARE:
            full.add(market)
    everywhere = level_e6 >= capacity_e6
    return {
        market: pool.bounds_of(
            state.markets[market], prices_e8[market], time_ms, everywhere or market in full
        )
        for market in markets
    }


# -- rounds ----------------------------------------------------------------------------------------


def _settle_on(
    state: State, command: CloseBatch, ballot: _Ballot
) -> tuple[BatchClosed | None, list[MatchedFill]]:
    """Match, ask the chain's rules, narrow, and again; the batch that stands and its fills."""
    markets = {open_order.order.market for open_order in ballot.eligible}
    bounds = bounds_of(state, command.prices_e8, markets, command.time_ms)
    curves: dict[int, Curve] = {market: command.curves.get(market, NO_DEALER) for market in markets}
    ticks_e8 = {m: state.markets[m].at(command.time_ms).listing.tick_e8 for m in markets}
    for round_number in range(state.settings.rounds_max + 1):
        last = round_number == state.settings.rounds_max
        if last:
            ballot.deferred.update(each.signed.order_hash for each in ballot.eligible)
        entries = [] if last else _entries(state, command, ballot)
        matched = match(entries, bounds, curves, ticks_e8) if entries else Matched({}, [])
        if _has_room(state, ballot, matched.fills) and _within_interest(
            state, command, ballot, matched.fills
        ):
            closed = _batch(state, command, matched)
            if closed is None:
                return None, []
            outcome = _foresee(state, closed)
            if not outcome.skips:
                return closed, matched.fills
            _narrow(state, ballot, outcome, matched.fills)
    raise InvariantBroken("a batch without fills was refused by our own rules")


def _foresee(state: State, closed: BatchClosed) -> Outcome:
    try:
        return settlement.settle(state, plan_of(state, closed))
    except StructuralFault as fault:
        raise InvariantBroken(
            f"the auction made batch {closed.number} as the contract would not take it:"
            f" {fault.reason} (market {fault.market}, account {fault.account})"
        ) from fault


def _has_room(state: State, ballot: _Ballot, fills: list[MatchedFill]) -> bool:
    """Whether the fills fit the record limits; if not, only the earliest of them stay in."""
    by_account = fills_by_account(fills)
    crowded = {account for account, group in by_account.items() if len(group) > FILLS_MAX}
    kept = [fill for group in by_account.values() for fill in group[:FILLS_MAX]]
    kept.sort(key=lambda fill: fill.open_order.sequence)
    fit = fitting(state, kept)
    overfull = len(fit) < len(kept)
    if not overfull and not crowded:
        return True
    stay = {fill.open_order.signed.order_hash for fill in fit}
    for open_order in ballot.eligible:
        order_hash = open_order.signed.order_hash
        affected = overfull or open_order.order.account in crowded
        if affected and order_hash not in stay and order_hash not in ballot.excluded_orders:
            ballot.excluded_orders.add(order_hash)
            ballot.deferred.add(order_hash)
    return False


def _within_interest(
    state: State, command: CloseBatch, ballot: _Ballot, fills: list[MatchedFill]
) -> bool:
    """Whether open interest plus gross stays within its bounds; if not, those markets only
    shrink.
    """
    over: set[int] = set()
    for market, gross in gross_e8(fills).items():
        held = state.markets[market]
        price_e8 = command.prices_e8[market]
        if settlement.is_crowded(state.limits, held, held.at(command.time_ms), price_e8, gross):
            over.add(market)
    if over <= ballot.shrink_markets:
        return True
    ballot.shrink_markets |= over
    return False


def _narrow(state: State, ballot: _Ballot, outcome: Outcome, fills: list[MatchedFill]) -> None:
    """Take out what the chain would skip: an account first keeps its shrinking fills, then none."""
    by_account = fills_by_account(fills)
    accounts: dict[int, Reason] = {}
    for skip in outcome.skips:
        signed = skip.planned.signed
        if skip.reason in (Reason.MARGIN, Reason.NO_PRICE, Reason.DELEVERAGED):
            accounts[signed.order.account] = skip.reason
        else:
            ballot.excluded_orders.add(signed.order_hash)
    for account, reason in accounts.items():
        again = account in ballot.shrink_accounts or reason != Reason.MARGIN
        if again:
            ballot.excluded_accounts.add(account)
        ballot.shrink_accounts.add(account)
        for open_order, _ in by_account[account]:
            if reason == Reason.MARGIN and (again or not _shrinks(state, open_order)):
                ballot.cancelled[open_order.signed.order_hash] = None
                ballot.excluded_orders.add(open_order.signed.order_hash)


def _shrinks(state: State, open_order: OpenOrder) -> bool:
    """Whether the order lies opposite to a position of its account."""
    held = state.accounts[open_order.order.account]
    index = held.index_of(open_order.order.market)
    base_e8 = held.positions[index].base_e8 if index is not None else 0
    return base_e8 < 0 if open_order.order.buy else base_e8 > 0


def _check_strike(state: State, command: CloseBatch) -> None:
    """A due strike needs a price of every market of the pool."""
    if not pool.strike_is_due(state, command.time_ms):
        return
    missing = [m for m in pool.pool_markets(state) if m not in command.prices_e8]
    if missing:
        raise Unavailable(
            "the pool's shares are due to be struck, and the vector does not price markets"
            f" {missing} which it holds: take a vector that does"
        )


def _batch(state: State, command: CloseBatch, matched: Matched) -> BatchClosed | None:
    """The batch of these fills; None if there are none and no strike is due."""
    strikes = pool.strike_is_due(state, command.time_ms)
    if not matched.fills and not strikes:
        return None
    records = records_of(state, matched.fills)
    clearing = price_list(matched.prices_e8, matched.fills)
    return BatchClosed(
        number=state.head.number + 1,
        time_ms=command.time_ms,
        chunks=command.chunks,
        opened=opened_chunks(state, records, clearing, command.prices_e8, strikes),
        root=command.root,
        accepted_root=NO_ROOT,
        prices_e8=command.prices_e8,
        clearing=clearing,
        records=records,
    )
