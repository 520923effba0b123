# SPDX-License-Identifier: Apache-2.0
"""What a batch makes of one order: it settles, or it is skipped and leaves no trace.

The order trades with the third account, which trades in another market too; where it is skipped the
backstop takes its place, so nobody else notices (C13).
"""

from __future__ import annotations

from typing import Any

from infold.signing import order_hash
from infold.words import hash_prefix
from tests.support.evm import Receipt
from tests.support.stage import Stage
from tests.support.venue import LOT, FillPlan


def settle_now(stage: Stage, plan: FillPlan, **rest: Any) -> Receipt:
    """One order, its counterparty, and a pair in another market."""
    order = plan.order
    against = stage.fill(
        stage.third, not order.buy, plan.fill_e8, market=order.market, slot=9, place=order.market
    )
    pair = [
        stage.buy(stage.third, market=2, slot=10, place=2),
        stage.sell(stage.seller, market=2, slot=10),
    ]
    receipt = stage.venue.settle(stage.batch([plan, against, *pair], **rest))
    stage.books.check()
    assert stage.filled(stage.third, 10).filled_e8 == LOT, "a neighbour did not settle"
    assert stage.filled(stage.third, 9).filled_e8 == plan.fill_e8, "the other side did not settle"
    return receipt


def assert_skipped(stage: Stage, plan: FillPlan, reason: int, **rest: Any) -> None:
    """The order is skipped for this reason; nothing of its account moves; the backstop steps in."""
    order = plan.order
    words = {
        name: word
        for name, word in stage.books.state().items()
        if name.split(" ")[1:2] == [str(order.account)]
    }
    backstop = stage.backstop(order.market).base_e8
    receipt = settle_now(stage, plan, **rest)
    assert receipt.only("Skipped") == {
        "account": order.account,
        "slot": order.slot,
        "seq": order.seq,
        "fill": plan.fill_e8,
        "reason": reason,
    }
    after = stage.books.state()
    assert words == {name: after[name] for name in words}, "a skipped order wrote something"
    side = 1 if order.buy else -1
    assert stage.backstop(order.market).base_e8 == backstop + side * plan.fill_e8


def assert_settled(stage: Stage, plan: FillPlan, **rest: Any) -> None:
    """The order settles: its slot remembers it."""
    receipt = settle_now(stage, plan, **rest)
    assert receipt.all("Skipped") == []
    word = stage.filled(plan.order.account, plan.order.slot)
    assert word.prefix == hash_prefix(order_hash(plan.order, stage.venue.domain))
    assert word.seq == plan.order.seq
