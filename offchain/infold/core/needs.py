# SPDX-License-Identifier: Apache-2.0
"""What an account's markets need of margin, remembered from one group of orders to the next.

A sum over all of an account's markets is the dearest part of weighing an order. It depends on the
account's positions, on what its open orders may still fill, and on the marks that say what a market
asks of a position and what that is worth; `Needs` keeps copies of all three beside the sums.
`KeptNeeds.take` compares them with the state as it stands and sums anew where one differs, so that
nothing has to be told when a price, a position or an order changes, and what is kept can only save
time.
"""

from __future__ import annotations

from collections.abc import Mapping

from infold.core.funding import Mark, credit
from infold.core.requirement import requirement_e6
from infold.units import FRACTION_ONE_E6, QUOTE_DIVISOR
from infold.words import PositionWord


class Needs:
    """Initial margin of one account, by market and in all, and what its positions are worth.

    Made for the positions, open orders (`buys_e8` and `sells_e8` by market, which are copied) and
    marks it is given.
    """

    __slots__ = (
        "bases_e8",
        "buys_e8",
        "by_market_e6",
        "marks",
        "positions",
        "sells_e8",
        "total_e6",
        "worth_e6",
    )

    def __init__(
        self,
        positions: Mapping[int, PositionWord],
        buys_e8: dict[int, int],
        sells_e8: dict[int, int],
        marks: dict[int, Mark],
    ) -> None:
        self.positions = list(positions.values())
        self.marks = marks
        self.worth_e6 = sum(
            _worth_e6(base_e8, quote_e6, funding_index, marks[market])
            for market, base_e8, quote_e6, funding_index, _ in self.positions
        )
        """Positions at their marks, haircut where they gain."""
        self.buys_e8 = buys_e8.copy()
        self.sells_e8 = sells_e8.copy()
        self.bases_e8 = {position.market: position.base_e8 for position in self.positions}
        """Positions in signed lots, by market."""
        by_market_e6: dict[int, int] = {}
        for market, base_e8 in self.bases_e8.items():
            worst_e8 = base_e8 + buys_e8.get(market, 0)
            sold_e8 = sells_e8.get(market, 0) - base_e8
            if sold_e8 > worst_e8:
                worst_e8 = sold_e8
            by_market_e6[market] = _need_e6(worst_e8, marks[market])
        for market, worst_e8 in buys_e8.items():
            if market not in by_market_e6:
                if market in sells_e8 and sells_e8[market] > worst_e8:
                    worst_e8 = sells_e8[market]
                by_market_e6[market] = _need_e6(worst_e8, marks[market])
        for market, worst_e8 in sells_e8.items():
            if market not in by_market_e6:
                by_market_e6[market] = _need_e6(worst_e8, marks[market])
        self.by_market_e6 = by_market_e6
        """Initial margin of the worst way the market's orders could fill; keys are the markets
        held."""
        self.total_e6 = sum(by_market_e6.values())

    def serves(
        self,
        positions: Mapping[int, PositionWord],
        buys_e8: dict[int, int],
        sells_e8: dict[int, int],
        marks: dict[int, Mark],
    ) -> bool:
        """Whether it would be made again exactly as it stands; marks must be the same object."""
        return (
            self.marks is marks
            and self.buys_e8 == buys_e8
            and self.sells_e8 == sells_e8
            and self.positions == list(positions.values())
        )

    def take(self, market: int, buy: bool, size_e8: int, need_e6: int) -> None:
        """Count an order as open, after which its market needs `need_e6`."""
        side = self.buys_e8 if buy else self.sells_e8
        side[market] = side.get(market, 0) + size_e8
        by_market_e6 = self.by_market_e6
        self.total_e6 += need_e6 - by_market_e6.get(market, 0)
        by_market_e6[market] = need_e6


class KeptNeeds:
    """The `Needs` of accounts by number. Each is one taker's own until it is put back."""

    __slots__ = ("_by_account", "_marks")

    def __init__(self) -> None:
        self._by_account: dict[int, Needs] = {}
        self._marks: dict[int, Mark] = {}

    def terms(self, marks: dict[int, Mark]) -> dict[int, Mark]:
        """The marks to take with: those of before if they are equal; else all is forgotten."""
        if marks != self._marks:
            self._marks = marks
            self._by_account.clear()
        return self._marks

    def take(
        self,
        account: int,
        positions: Mapping[int, PositionWord],
        buys_e8: dict[int, int],
        sells_e8: dict[int, int],
        marks: dict[int, Mark],
    ) -> Needs:
        """The account's needs, summed anew unless all they were summed from is as it was."""
        kept = self._by_account.pop(account, None)
        if kept is None or not kept.serves(positions, buys_e8, sells_e8, marks):
            kept = Needs(positions, buys_e8, sells_e8, marks)
        return kept

    def put_back(self, needs: Mapping[int, Needs]) -> None:
        """Keep them by account, with every order that was taken since."""
        self._by_account.update(needs)


def _need_e6(worst_e8: int, mark: Mark) -> int:
    """Initial margin of a position of that many lots, either way."""
    return requirement_e6(worst_e8 * mark.price_e8, mark.im_e6, mark.tier)


def _worth_e6(base_e8: int, quote_e6: int, funding_index: int, mark: Mark) -> int:
    """A position at its mark, haircut where it gains."""
    worth_e6 = base_e8 * mark.price_e8 // QUOTE_DIVISOR + quote_e6
    worth_e6 += credit(base_e8, mark.funding_index - funding_index, mark.shift)
    if worth_e6 > 0:
        worth_e6 += -worth_e6 * mark.haircut_e6 // FRACTION_ONE_E6
    return worth_e6
