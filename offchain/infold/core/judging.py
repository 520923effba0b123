# SPDX-License-Identifier: Apache-2.0
"""Every check of one order that needs no position; docs/protocol.md section 5.3 in its order."""

from __future__ import annotations

from typing import Final

from infold.core.plan import PlannedFill, Reason
from infold.core.state import NO_FILL, Account
from infold.messages import SignedOrder, TimeInForce, TriggerKind
from infold.units import quote_down
from infold.words import delegate_markets, hash_prefix

BASE_LIMIT: Final = 1 << 62

_TIMES_IN_FORCE: Final = frozenset(TimeInForce)
_TRIGGER_KINDS: Final = frozenset(TriggerKind)


def judge(
    held: Account | None,
    planned: PlannedFill,
    price_e8: int,
    oracle_price_e8: int,
    fee_e6: int,
    time_ms: int,
) -> Reason | None:
    """The first failing check that needs no position; None if there is none."""
    signed, _, fill_e8 = planned
    order = signed.order
    if held is None or not held.word.owner:
        return Reason.ACCOUNT
    if (
        not 0 < order.size_e8 < BASE_LIMIT
        or not order.limit_price_e8
        or not order.seq
        or order.time_in_force not in _TIMES_IN_FORCE
        or order.trigger_kind not in _TRIGGER_KINDS
    ):
        return Reason.RANGE
    if time_ms > order.expiry_ms:
        return Reason.EXPIRY
    if time_ms < order.good_after_ms:
        return Reason.GOOD_AFTER
    if order.trigger_kind and not triggered(signed, oracle_price_e8):
        return Reason.TRIGGER
    if price_e8 > order.limit_price_e8 if order.buy else price_e8 < order.limit_price_e8:
        return Reason.LIMIT
    if order.post_only and (
        price_e8 > oracle_price_e8 if order.buy else price_e8 < oracle_price_e8
    ):
        return Reason.POST_ONLY
    if fee_e6 > order.max_fee_e6:
        return Reason.FEE
    if not epoch_serves(held, order.epoch, time_ms):
        return Reason.EPOCH
    if not signer_serves(held, signed, time_ms):
        return Reason.SIGNER

    fill_word = held.fills.get(order.slot, NO_FILL)
    filled_e8 = 0
    if order.seq == fill_word.seq:
        if hash_prefix(signed.order_hash) != fill_word.prefix:
            return Reason.SLOT
        filled_e8 = fill_word.filled_e8
    elif order.seq < fill_word.seq:
        return Reason.SLOT
    if order.seq <= fill_word.cancel_seq and time_ms > fill_word.cancel_ms:
        return Reason.CANCELLED
    if not fill_e8 or filled_e8 + fill_e8 > order.size_e8:
        return Reason.SIZE
    if order.time_in_force == TimeInForce.FOK and fill_e8 != order.size_e8:
        return Reason.FOK
    if order.time_in_force == TimeInForce.IOC and filled_e8:
        return Reason.IOC
    return None


def triggered(signed: SignedOrder, oracle_price_e8: int) -> bool:
    """Whether the oracle price of the executing vector is through the order's trigger, if it has
    one.
    """
    kind = signed.order.trigger_kind
    if kind == TriggerKind.AT_OR_ABOVE:
        return oracle_price_e8 >= signed.order.trigger_price_e8
    if kind == TriggerKind.AT_OR_BELOW:
        return oracle_price_e8 <= signed.order.trigger_price_e8
    return True


def epoch_serves(held: Account, epoch: int, time_ms: int) -> bool:
    """Whether an order of this epoch can fill at `time_ms`: one behind lives up to the barrier."""
    now = held.word.epoch
    return epoch == now or (epoch + 1 == now and time_ms <= held.epoch_barrier_ms)


def signer_serves(held: Account, signed: SignedOrder, time_ms: int) -> bool:
    """Whether the recovered key is the owner's, or a delegate's whose grant covers the order; or
    the owner approved the order on chain.
    """
    if signed.approved:
        return time_ms <= held.approvals.get(signed.order_hash, 0)
    order = signed.order
    signer = int.from_bytes(signed.signer, "big")
    if not signed.delegated:
        return signer == held.word.owner
    delegate = held.delegates.get(signer)
    return (
        delegate is not None
        and signer != 0
        and time_ms <= delegate.expiry_ms
        and order.market in delegate_markets(delegate.markets)
        and quote_down(order.limit_price_e8, order.size_e8) <= delegate.notional_e6
    )
