# SPDX-License-Identifier: Apache-2.0
"""What accounts are owed of the fees they paid: a fold of fixed tiers, settled fills and payments.

The contract takes a market's fee from everyone, and that is the highest tier. An account of a lower
one gets the difference back (docs/decisions/0079). Tiers are fixed for a period before its first
batch, journalled as whole numbers, and hold for every batch of it: folding the journal needs no
model, and nobody's tier moves while an order of its waits for a batch. Money in e6.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from infold.errors import InvariantBroken


class PaidFee(Protocol):
    """The parts of a fill that count here: whose it is, and the fee it paid."""

    @property
    def account(self) -> int: ...
    @property
    def fee_e6(self) -> int: ...


class TiersFixed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What accounts pay from a time on: `raised_e6` by account, `lowest_e6` for all others, in
    parts of `top_e6`, which stands for whatever fee a market asks.

    `InvariantBroken` unless zero <= lowest <= raised <= top.
    """

    time_ms: int
    top_e6: int
    lowest_e6: int
    raised_e6: dict[int, int]

    def __post_init__(self) -> None:
        held = (self.lowest_e6, *self.raised_e6.values())
        if not (0 <= self.lowest_e6 == min(held) and max(held) <= self.top_e6):
            raise InvariantBroken(f"fee tiers do not lie between zero and the market's fee: {self}")

    def of(self, account: int) -> int:
        """An account's tier, in parts of `top_e6`."""
        return self.raised_e6.get(account, self.lowest_e6)


class RefundPaid(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A deposit into an account by the key that pays refunds, as the chain's logs say."""

    account: int
    amount_e6: int
    block: int
    tx_hash: bytes


ALIKE = TiersFixed(time_ms=-1, top_e6=0, lowest_e6=0, raised_e6={})
"""Before any tier is fixed: everyone pays what its market asks."""


@dataclass(slots=True)
class Refunds:
    """Explicit state: the tiers in force, and by account what was earned and paid."""

    tiers: TiersFixed = ALIKE
    earned_e6: dict[int, int] = field(default_factory=dict)
    paid_e6: dict[int, int] = field(default_factory=dict)

    def fix(self, tiers: TiersFixed) -> None:
        """Tiers for the batches to come; `InvariantBroken` if time goes back."""
        if tiers.time_ms <= self.tiers.time_ms:
            raise InvariantBroken(f"fee tiers of {tiers.time_ms} came after {self.tiers.time_ms}")
        self.tiers = tiers

    def settled(self, fill: PaidFee) -> None:
        """A fill that stands, of a batch under the tiers in force."""
        back_e6 = refund_e6(self.tiers, fill)
        if back_e6:
            self.earned_e6[fill.account] = self.earned_e6.get(fill.account, 0) + back_e6

    def pay(self, payment: RefundPaid) -> None:
        """A payment that stands on chain."""
        before_e6 = self.paid_e6.get(payment.account, 0)
        self.paid_e6[payment.account] = before_e6 + payment.amount_e6

    def owed_e6(self, account: int) -> int:
        """What is still owed; nothing where more was paid than earned."""
        return max(0, self.earned_e6.get(account, 0) - self.paid_e6.get(account, 0))

    @property
    def accounts(self) -> list[int]:
        """All accounts that earned or were paid anything, in order."""
        return sorted(self.earned_e6.keys() | self.paid_e6.keys())


def refund_e6(tiers: TiersFixed, fill: PaidFee) -> int:
    """What of a fill's fee goes back, rounded down: who trades in slices gains nothing by it."""
    if not tiers.top_e6:
        return 0
    return fill.fee_e6 * (tiers.top_e6 - tiers.of(fill.account)) // tiers.top_e6
