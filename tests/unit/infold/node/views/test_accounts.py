# SPDX-License-Identifier: Apache-2.0
"""How an account is told: its margin, and what holds a position back."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from tests.support.paper_venue import BTC, BTC_E8, Venue, an_order

from infold.core import events
from infold.core.events import to_word
from infold.core.refunds import Refunds
from infold.node.views.accounts import AccountViews
from infold.node.views.wording import MarketNames
from infold.words import DeleveragedWord, ExitWord, pack_exit


def views_of(venue: Venue) -> AccountViews:
    memory: Any = SimpleNamespace(
        state=venue.state, journal=SimpleNamespace(seq=0), refunds=Refunds()
    )
    return AccountViews(memory, MarketNames(venue.state), lambda: venue.now_ms, 1)


def test_an_account_learns_its_margin_and_what_holds_a_position_back() -> None:
    venue = Venue()
    venue.list_market(BTC, rates={"tier": 15})
    venue.observe(1_800_000_000_000)
    long, short = venue.open_account(), venue.open_account()
    venue.observe()
    venue.trade(
        an_order(long), an_order(short, buy=False, limit_price_e8=BTC_E8), prices_e8={BTC: BTC_E8}
    )
    told = views_of(venue).account(long)
    assert (told["initialMargin"], told["maintenanceMargin"]) == ("3000", "1500")
    (position,) = told["positions"]
    assert position["size"] == "1" and not position["behind"] and position["exit"] is None
    assert float(told["equity"]) == float(told["collateral"]) + float(position["unrealizedPnl"])

    asked_ms = venue.now_ms
    word = to_word(pack_exit(ExitWord(1, BTC, 0, asked_ms, 10**8 // 4)))
    venue.tell(events.ExitSet(account=long, index=0, exit=word))
    venue.observe()
    venue.state.markets[BTC].deleveraged = DeleveragedWord(longs=2, last=2)
    (position,) = views_of(venue).account(long)["positions"]
    assert position["exit"] == {"size": "0.25", "due": asked_ms + 60_000}
    assert position["behind"]
