# SPDX-License-Identifier: Apache-2.0
"""Traders' requests: orders in groups, cancels, previews."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from infold.core.admission import check, check_cancel
from infold.core.events import CancelOrders, OrderCancelled, OrderRejected, SubmitOrders
from infold.core.reading import Context, decode_cancel, decode_order, decode_orders, read_order
from infold.core.view import AdmissionView
from infold.errors import Rejected
from infold.messages import Receipt, SignedOrder
from infold.node.memory import CANCELLED, Memory
from infold.signing import Domain, order_hash, order_message, receipt_digest, sign, typed_data

GROUP_ORDERS_MAX: Final = 500  # one sync of the journal a group
NO_SIGNATURE: Final = b'"0x' + b"0" * 128 + b'"'
Json = dict[str, Any]


class DuplicateReceipt(Receipt, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The receipt of an order that was accepted before: the same words again."""


class Admitted(NamedTuple):
    """What became of a group: per body the hash of an accepted order or why it was refused, and
    which of the hashes were accepted now.
    """

    outcomes: list[bytes | Rejected]
    fresh: set[bytes]


class Requests:
    """Admits, journals and acknowledges."""

    def __init__(
        self, memory: Memory, domain: Domain, matcher_key: bytes, now_ms: Callable[[], int]
    ) -> None:
        self._memory = memory
        self._state = memory.state
        self._domain = domain
        self._matcher_key = matcher_key
        self._now_ms = now_ms

    def context(self) -> Context:
        """What decoding an order needs."""
        markets = {
            market.parameters[market.clock.version].listing.name: number
            for number, market in self._state.markets.items()
        }
        return Context(self._domain, markets, self._state.settings.limits)

    def submit(self, raw_orders: Sequence[bytes], received_ms: int) -> list[Receipt | Rejected]:
        """Admit, journal, acknowledge: per order a signed receipt, or why it was refused. One sync
        a group of 500.
        """
        results: list[Receipt | Rejected] = []
        for first in range(0, len(raw_orders), GROUP_ORDERS_MAX):
            group = raw_orders[first : first + GROUP_ORDERS_MAX]
            results += self.receipts(self.admit(group, received_ms))
        return results

    def admit(self, raw_orders: Sequence[bytes], received_ms: int) -> Admitted:
        """Admit one group of bodies and journal it: what is accepted here is on disk, and only its
        receipts are not signed yet.
        """
        by_hash = self._memory.by_hash
        outcomes: list[bytes | Rejected] = []
        fresh: dict[bytes, SignedOrder] = {}
        for signed in decode_orders(raw_orders, self.context()):
            if isinstance(signed, Rejected):
                outcomes.append(signed)
                continue
            digest = signed.order_hash
            if digest not in by_hash:
                fresh.setdefault(digest, signed)
            outcomes.append(digest)
        if not fresh:
            return Admitted(outcomes, set())
        command = SubmitOrders(orders=list(fresh.values()), received_ms=received_ms)
        refused = {
            event.order_hash: _rejection(event)
            for event in self._memory.do(command)
            if isinstance(event, OrderRejected)
        }
        if refused:
            outcomes = [
                refused.get(outcome, outcome) if isinstance(outcome, bytes) else outcome
                for outcome in outcomes
            ]
        return Admitted(outcomes, fresh.keys() - refused.keys())

    def receipts(self, admitted: Admitted) -> list[Receipt | Rejected]:
        """A signed receipt for each order taken; a second one for the same order says so."""
        unsaid = admitted.fresh
        answers: list[Receipt | Rejected] = []
        for outcome in admitted.outcomes:
            if isinstance(outcome, Rejected):
                answers.append(outcome)
            else:
                answers.append(self._receipt(outcome, outcome not in unsaid))
                unsaid.discard(outcome)
        return answers

    def _receipt(self, digest: bytes, duplicate: bool) -> Receipt:
        row = self._memory.by_hash[digest]
        r, vs = sign(
            receipt_digest(digest, row.sequence, row.accepted_ms, row.batch_ms, self._domain),
            self._matcher_key,
        )
        kind = DuplicateReceipt if duplicate else Receipt
        return kind(
            order_hash=digest,
            sequence=row.sequence,
            accepted_ms=row.accepted_ms,
            batch_ms=row.batch_ms,
            r=r,
            vs=vs,
        )

    def cancel(self, raw: bytes, received_ms: int) -> Json:
        """Take an order back off chain, for its signer. Raises `Rejected`."""
        signed = decode_cancel(raw, self.context())
        check_cancel(signed, AdmissionView(self._state, received_ms), received_ms)
        command = CancelOrders(cancels=[signed.cancel], received_ms=received_ms)
        decided = self._memory.do(command, msgspec.json.encode({CANCELLED: signed}))
        hashes = [event.order_hash for event in decided if isinstance(event, OrderCancelled)]
        if not hashes:
            raise Rejected("NOT_OPEN", "seq", "the order is leaving already")
        return {"cancelled": ["0x" + digest.hex() for digest in hashes], "ts": received_ms}

    def preview(self, raw: bytes) -> Json:
        """An order's digest and typed data, and what admission would say; `signature` may be left
        out.
        """
        unsigned = b'"signature"' not in raw and raw.rstrip().endswith(b"}")
        text = raw.rstrip()[:-1] + b',"signature":' + NO_SIGNATURE + b"}" if unsigned else raw
        context = self.context()
        request, order = read_order(text, context)
        digest = order_hash(order, self._domain)
        now_ms = self._now_ms()
        error: Rejected | None = None
        try:
            view = AdmissionView(self._state, now_ms)
            holder = view.holder(order.account)
            if unsigned:
                signed = SignedOrder(
                    order=order,
                    signature=bytes(64),
                    delegated=False,
                    order_hash=digest,
                    signer=holder.owner if holder is not None else bytes(20),
                )
            else:
                signed = decode_order(text, context)
            check(signed, view, now_ms, context.limits)
        except Rejected as rejected:
            error = rejected
        return {
            "orderHash": "0x" + digest.hex(),
            "typedData": typed_data("Order", order_message(order), self._domain),
            "market": request.market,
            "accepted": error is None,
            "error": None
            if error is None
            else {"code": error.code, "param": error.param, "detail": error.message},
        }


def _rejection(event: OrderRejected) -> Rejected:
    """A journalled rejection as the error it was."""
    rejected = Rejected(event.code, event.param)
    rejected.args = (event.code, event.param, event.message)
    rejected.message = event.message
    return rejected
