# SPDX-License-Identifier: Apache-2.0
"""Commands go in, facts come out, and one engine decides.

Theory of operation. `decide` reads the state and returns events; it changes nothing. `evolve` is
the only thing that changes a state, in integers only, and asks no model: folding the journal's
events over `State()` is both start and recovery. At most one batch is under way: between
`BatchClosed` and `BatchConfirmed` or `BatchLapsed` its orders stay in the book but fill nowhere
else, and no further batch is closed.

Folding `BatchConfirmed` runs the contract's rules on the state as the chain's logs have left it.
The skips it finds must be those the chain logged; anything else raises `InvariantBroken`.

What must change together: `events.py`, this file, and the shell that turns logs into commands.
"""

from __future__ import annotations

from infold.core import events
from infold.core.admission import SlotView, check
from infold.core.closing import close
from infold.core.events import (
    AnyCommand,
    AnyEvent,
    BatchClosed,
    BatchConfirmed,
    BatchLapsed,
    CancelOrders,
    ChainObserved,
    CloseBatch,
    ConfirmBatch,
    LapseBatch,
    NothingMatched,
    ObserveChain,
    OrderAccepted,
    OrderCancelled,
    OrderExpired,
    OrderRejected,
    SkippedOnChain,
    SubmitOrders,
    from_word,
)
from infold.core.facts import fold
from infold.core.netting import plan_of
from infold.core.plan import Outcome, Plan, StructuralFault
from infold.core.settlement import commit, settle
from infold.core.state import OpenOrder, State
from infold.core.view import AdmissionView
from infold.errors import InvariantBroken, Rejected, Unavailable
from infold.messages import Fill, TimeInForce
from infold.units import WINDOW_MS
from infold.words import unpack_account, unpack_fill


def decide(state: State, command: AnyCommand) -> list[AnyEvent]:
    """What a command leads to. Raises `Rejected` or `Unavailable` for commands that cannot be taken
    now.
    """
    match command:
        case SubmitOrders():
            return _submit(state, command)
        case CancelOrders():
            return _cancel(state, command)
        case ObserveChain():
            return _observe(state, command)
        case CloseBatch():
            return close(state, command)
        case ConfirmBatch():
            return _confirm(state, command)
        case LapseBatch():
            return _lapse(state, command)


def evolve(state: State, event: AnyEvent) -> None:
    """Fold one event into the state."""
    match event:
        case OrderAccepted():
            _take(state, event)
        case OrderRejected():
            state.tally.rejected += 1
        case OrderCancelled():
            _take_back(state, event)
        case OrderExpired():
            _end(state, state.orders[event.order_hash], "expired")
        case BatchClosed():
            state.vector_ms = event.time_ms
            state.prices_e8.update(event.prices_e8)
            state.in_flight = event
            state.in_flight_e8 = {r.order_hash: r.fill_e8 for r in event.records}
        case NothingMatched():
            state.vector_ms = event.time_ms
            state.prices_e8.update(event.prices_e8)
        case BatchConfirmed():
            _settle_confirmed(state, event)
        case BatchLapsed():
            _let_lapse(state)
        case ChainObserved():
            for fact in event.facts:
                fold(state, fact)
            state.block, state.block_ms = event.block, event.block_ms


# -- orders ----------------------------------------------------------------------------------------


def _submit(state: State, command: SubmitOrders) -> list[AnyEvent]:
    """Admit each order as if those before it in the group had been taken already."""
    now_ms = command.received_ms
    limits = state.settings.limits
    view = AdmissionView(state, now_ms)
    take = view.take
    sequence = state.sequence
    decided: list[AnyEvent] = []
    for signed in command.orders:
        if not take(signed):
            try:
                check(signed, view, now_ms, limits)
            except Rejected as rejected:
                decided.append(
                    OrderRejected(
                        order_hash=signed.order_hash,
                        code=rejected.code,
                        param=rejected.param,
                        message=rejected.message,
                    )
                )
                continue
            view.add(signed)
        sequence += 1
        decided.append(OrderAccepted(sequence, now_ms, signed))
    view.keep()
    return decided


def _take(state: State, event: OrderAccepted) -> None:
    signed = event.signed
    order, order_hash = signed.order, signed.order_hash
    market, slot = order.market, order.slot
    open_order = OpenOrder(signed, event.sequence, event.accepted_ms)
    held = state.accounts[order.account]
    state.sequence = event.sequence
    state.orders[order_hash] = held.orders[slot] = open_order
    held.slots[slot] = SlotView(order.seq, order_hash, True)
    side = held.buys_e8 if order.buy else held.sells_e8
    side[market] = side.get(market, 0) + order.size_e8
    tally = state.tally
    tally.accepted += 1
    tally.open += 1


def _cancel(state: State, command: CancelOrders) -> list[AnyEvent]:
    """Take back each slot's open order up to the cancel's seq; other slots stay as they are."""
    decided: list[AnyEvent] = []
    for cancel in command.cancels:
        held = state.accounts.get(cancel.account)
        open_order = held.orders.get(cancel.slot) if held is not None else None
        if (
            open_order is not None
            and open_order.order.seq <= cancel.seq
            and open_order.leaves is None
        ):
            decided.append(
                OrderCancelled(
                    order_hash=open_order.signed.order_hash, reason="OWNER", seq=cancel.seq
                )
            )
    return decided


def _take_back(state: State, event: OrderCancelled) -> None:
    open_order = state.orders[event.order_hash]
    order = open_order.order
    slots = state.accounts[order.account].slots
    seen = slots[order.slot]
    slots[order.slot] = SlotView(max(seen.seq, event.seq), seen.order_hash, seen.open)
    if event.order_hash in state.in_flight_e8:
        open_order.leaves = "cancelled"
    else:
        _end(state, open_order, "cancelled")


def _end(state: State, open_order: OpenOrder, how: str) -> None:
    """An order reaches its last state: `filled` if it ever filled, else `how`."""
    signed = open_order.signed
    order = signed.order
    held = state.accounts[order.account]
    del state.orders[signed.order_hash]
    del held.orders[order.slot]
    seen = held.slots[order.slot]
    held.slots[order.slot] = SlotView(seen.seq, seen.order_hash)
    _unbind(state, open_order, open_order.remaining_e8)
    tally = state.tally
    tally.open -= 1
    if open_order.filled_e8:
        tally.filled += 1
        tally.partly_filled += open_order.remaining_e8 > 0
    elif how == "expired":
        tally.expired += 1
    elif how == "cancelled":
        tally.cancelled += 1
    elif how == "skipped":
        tally.skipped += 1
    else:
        tally.lapsed += 1


def _unbind(state: State, open_order: OpenOrder, size_e8: int) -> None:
    """Lots that an open order can no longer fill."""
    if not size_e8:
        return
    order = open_order.order
    held = state.accounts[order.account]
    side = held.buys_e8 if order.buy else held.sells_e8
    left_e8 = side[order.market] - size_e8
    if left_e8:
        side[order.market] = left_e8
    else:
        del side[order.market]


# -- the chain -------------------------------------------------------------------------------------


def _observe(state: State, command: ObserveChain) -> list[AnyEvent]:
    """Facts, and the open orders they take back. Matching honours a barrier early; the chain allows
    either.
    """
    if command.block < state.block or command.block_ms < state.block_ms:
        raise InvariantBroken(
            f"block {command.block} stamped {command.block_ms} comes after block {state.block}"
            f" stamped {state.block_ms}: the chain went back; restore from the journal before it"
        )
    decided: list[AnyEvent] = [
        ChainObserved(facts=command.facts, block=command.block, block_ms=command.block_ms)
    ]
    gone: dict[bytes, str] = {}
    for fact in command.facts:
        if isinstance(fact, events.Cancelled):
            seq = unpack_fill(from_word(fact.fill)).cancel_seq
            held = state.accounts.get(fact.account)
            open_order = held.orders.get(fact.slot) if held is not None else None
            if open_order is not None and open_order.order.seq <= seq:
                gone[open_order.signed.order_hash] = "CHAIN"
        elif isinstance(fact, events.CancelledAll):
            epoch = unpack_account(from_word(fact.word)).epoch
            held = state.accounts.get(fact.account)
            for open_order in held.orders.values() if held is not None else ():
                if open_order.order.epoch < epoch:
                    gone[open_order.signed.order_hash] = "CHAIN"
        elif isinstance(fact, events.WoundDown):
            gone = dict.fromkeys(state.orders, "WOUND_DOWN") | gone
    decided += [
        OrderCancelled(order_hash=order_hash, reason=reason, seq=0)
        for order_hash, reason in gone.items()
        if state.orders[order_hash].leaves is None
    ]
    return decided


# -- the batch under way ---------------------------------------------------------------------------


def _under_way(state: State, number: int) -> BatchClosed:
    closed = state.in_flight
    if closed is None or closed.number != number:
        held = "none" if closed is None else str(closed.number)
        raise InvariantBroken(f"batch {number} was named, but {held} is under way")
    return closed


def _confirm(state: State, command: ConfirmBatch) -> list[AnyEvent]:
    closed = _under_way(state, command.number)
    plan = plan_of(state, closed)
    outcome = _outcome(state, plan, command.skips)
    return [
        BatchConfirmed(
            number=closed.number,
            time_ms=closed.time_ms,
            fills=_fills(plan, outcome),
            skips=command.skips,
            block=command.block,
            tx_hash=command.tx_hash,
        )
    ]


def _outcome(state: State, plan: Plan, skips: list[SkippedOnChain]) -> Outcome:
    """The outcome by our rules, which must skip what the chain skipped, for the same reasons."""
    try:
        outcome = settle(state, plan)
    except StructuralFault as fault:
        raise InvariantBroken(
            f"batch {plan.number} landed, but our rules refuse it ({fault.reason}): the state is"
            " not the chain's; run `infold reconcile`"
        ) from fault
    ours = {
        (skip.planned.signed.order.account, skip.planned.signed.order.slot): int(skip.reason)
        for skip in outcome.skips
    }
    theirs = {(skip.account, skip.slot): skip.reason for skip in skips}
    if ours != theirs:
        raise InvariantBroken(
            f"batch {plan.number}: the chain skipped {theirs}, our rules skip {ours}: the state"
            " is not the chain's; run `infold reconcile`"
        )
    return outcome


def _fills(plan: Plan, outcome: Outcome) -> list[Fill]:
    return [
        Fill(
            order_hash=settled.planned.signed.order_hash,
            account=settled.planned.signed.order.account,
            market=settled.planned.signed.order.market,
            buy=settled.planned.signed.order.buy,
            size_e8=settled.planned.fill_e8,
            price_e8=settled.price_e8,
            fee_e6=settled.fee_e6,
            oracle_price_e8=plan.oracle_price_e8(settled.planned.signed.order.market),
            batch=plan.number,
            time_ms=plan.time_ms,
        )
        for settled in outcome.fills
    ]


def _settle_confirmed(state: State, event: BatchConfirmed) -> None:
    closed = _under_way(state, event.number)
    plan = plan_of(state, closed)
    outcome = _outcome(state, plan, event.skips)
    commit(state, outcome)
    state.in_flight = None
    state.in_flight_e8 = {}
    for settled in outcome.fills:
        open_order = state.orders[settled.planned.signed.order_hash]
        open_order.lapsed = False
        _unbind_fill(state, open_order, settled.filled_e8)
        done = not open_order.remaining_e8 or open_order.leaves is not None
        if done or open_order.order.time_in_force != TimeInForce.GTC:
            _end(state, open_order, "filled")
    for skip in outcome.skips:
        _end(state, state.orders[skip.planned.signed.order_hash], "skipped")


def _unbind_fill(state: State, open_order: OpenOrder, filled_e8: int) -> None:
    _unbind(state, open_order, filled_e8 - open_order.filled_e8)
    open_order.filled_e8 = filled_e8


def _lapse(state: State, command: LapseBatch) -> list[AnyEvent]:
    """A signed batch may land until F after its time: only a block stamped later proves that it
    cannot.
    """
    closed = _under_way(state, command.number)
    if command.signed and state.block_ms <= closed.time_ms + WINDOW_MS:
        raise Unavailable(
            f"batch {closed.number} was signed and may land until {closed.time_ms + WINDOW_MS}; "
            f"observe a final block stamped later (seen: {state.block_ms})"
        )
    return [BatchLapsed(number=closed.number, reason=command.reason)]


def _let_lapse(state: State) -> None:
    orders = [state.orders[order_hash] for order_hash in state.in_flight_e8]
    state.in_flight = None
    state.in_flight_e8 = {}
    for open_order in orders:
        if open_order.order.time_in_force != TimeInForce.GTC:
            _end(state, open_order, "lapsed")
        elif open_order.leaves is not None:
            _end(state, open_order, open_order.leaves)
        else:
            open_order.lapsed = True
