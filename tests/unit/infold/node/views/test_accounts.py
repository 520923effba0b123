# SPDX-License-Identifier: Apache-2.0
"""How an account is told: its margin, and what holds a position back."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from tests.support.paper_venue import BTC, BTC_E8, ETH, ETH_E8, START_MS, Venue, an_order

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


def ask_exit(venue: Venue, account: int, asked: ExitWord) -> None:
    """What `Recovery.force_reduce` leaves: the request, and the exit bit of the position."""
    venue.tell(events.ExitSet(account=account, index=0, exit=to_word(pack_exit(asked))))
    venue.observe()
    for state in (venue.state, venue.chain):
        positions = state.accounts[account].positions
        positions[0] = positions[0]._replace(event=positions[0].event | 1)


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
    ask_exit(venue, long, ExitWord(1, BTC, 0, asked_ms, 10**8 // 4))
    venue.state.markets[BTC].deleveraged = DeleveragedWord(longs=2, last=2)
    (position,) = views_of(venue).account(long)["positions"]
    assert position["exit"] == {"size": "0.25", "due": asked_ms + 60_000}
    assert position["behind"]


def test_an_exit_is_not_the_next_positions_that_has_its_place() -> None:
    """It stands until anybody ends it, and holds up no order meanwhile."""
    venue = Venue()
    venue.list_market(BTC)
    venue.list_market(ETH, name="ETH-USD")
    venue.observe(START_MS)
    long, short = venue.open_account(), venue.open_account()
    venue.observe()

    def trade(market: int, buyer: int, seller: int, price_e8: int) -> None:
        terms = {"market": market, "limit_price_e8": price_e8, "seq": venue.seq()}
        buy, sell = an_order(buyer, **terms), an_order(seller, buy=False, **terms)
        venue.trade(buy, sell, prices_e8={market: price_e8})

    trade(BTC, long, short, BTC_E8)
    asked = ExitWord(1, BTC, 0, venue.now_ms, 10**8)
    ask_exit(venue, long, asked)
    stands = {"market": "BTC-USD", "side": "long", "index": 0, "size": "1"}
    stands |= {"due": asked.asked_ms + 60_000}
    assert views_of(venue).account(long)["exits"] == [stands | {"closed": False}]

    trade(BTC, short, long, BTC_E8)
    told = views_of(venue).account(long)
    assert (told["positions"], told["exits"]) == ([], [stands | {"closed": True}])

    venue.observe(asked.asked_ms + 60_000)
    trade(ETH, long, short, ETH_E8)
    (position,) = views_of(venue).account(long)["positions"]
    assert (position["market"], position["index"], position["exit"]) == ("ETH-USD", 0, None)

    venue.tell(events.ExitSet(account=long, index=0, exit=to_word(0)))
    venue.observe()
    assert views_of(venue).account(long)["exits"] == []
