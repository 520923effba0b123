# SPDX-License-Identifier: Apache-2.0
"""Refunds: exact, by the tiers that were in force, paid once, and never more than the fees paid."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from infold.core.refunds import ALIKE, RefundPaid, Refunds, TiersFixed, refund_e6
from infold.errors import InvariantBroken

TIERS = TiersFixed(time_ms=1_000, top_e6=200, lowest_e6=150, raised_e6={18: 175, 19: 200})


def a_fill(account: int, fee_e6: int) -> Any:
    return SimpleNamespace(account=account, fee_e6=fee_e6)


def a_payment(account: int, amount_e6: int) -> RefundPaid:
    return RefundPaid(account=account, amount_e6=amount_e6, block=1, tx_hash=bytes(32))


def test_a_lower_tier_gets_the_difference_back_and_the_highest_nothing() -> None:
    paid = {account: refund_e6(TIERS, a_fill(account, 1_000_000)) for account in (17, 18, 19)}
    assert paid == {17: 250_000, 18: 125_000, 19: 0}


def test_slices_of_a_fill_earn_no_more_than_the_whole() -> None:
    slices = sum(refund_e6(TIERS, a_fill(17, 3)) for _ in range(1_000))
    assert slices == 0 < refund_e6(TIERS, a_fill(17, 3_000)) == 750


def test_before_any_tier_is_fixed_everyone_pays_alike() -> None:
    refunds = Refunds()
    refunds.settled(a_fill(17, 10**9))
    assert refunds.tiers == ALIKE and refunds.accounts == [] and refunds.owed_e6(17) == 0


def test_fills_earn_by_the_tiers_in_force_and_payments_count_once() -> None:
    refunds = Refunds()
    refunds.fix(TIERS)
    refunds.settled(a_fill(17, 1_000))
    refunds.fix(TiersFixed(time_ms=2_000, top_e6=200, lowest_e6=150, raised_e6={17: 200}))
    refunds.settled(a_fill(17, 1_000))
    refunds.settled(a_fill(18, 1_000))
    assert refunds.earned_e6 == {17: 250, 18: 250}
    refunds.pay(a_payment(17, 100))
    assert (refunds.owed_e6(17), refunds.owed_e6(18)) == (150, 250)
    refunds.pay(a_payment(17, 151))
    refunds.pay(a_payment(20, 7))
    assert (refunds.owed_e6(17), refunds.owed_e6(20)) == (0, 0)
    assert refunds.accounts == [17, 18, 20]


@pytest.mark.parametrize(
    ("lowest_e6", "raised_e6"), [(-1, {}), (201, {}), (150, {17: 201}), (150, {17: 149})]
)
def test_tiers_lie_between_zero_and_the_markets_fee(
    lowest_e6: int, raised_e6: dict[int, int]
) -> None:
    with pytest.raises(InvariantBroken, match="fee tiers"):
        TiersFixed(time_ms=1, top_e6=200, lowest_e6=lowest_e6, raised_e6=raised_e6)


def test_tiers_of_an_earlier_time_are_refused() -> None:
    refunds = Refunds()
    refunds.fix(TIERS)
    with pytest.raises(InvariantBroken, match="came after"):
        refunds.fix(TIERS)
