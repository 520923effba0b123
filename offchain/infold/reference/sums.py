# SPDX-License-Identifier: Apache-2.0
"""Totals over a state's words, kept up to date write by write: what C2, C3 and C4 compare
(docs/invariants.md).
"""

from __future__ import annotations

from collections import defaultdict

from .state import INCOMING, LEDGER, POOL, TRANSIT, State
from .words import Account, Holding, Ledger, Position, Withdrawal


class Sums:
    """Per market: base, quote and ledger; over all accounts: cash."""

    def __init__(self) -> None:
        self.base_e8: dict[int, int] = defaultdict(int)
        self.quote_e6: dict[int, int] = defaultdict(int)
        self.realised_e6: dict[int, int] = defaultdict(int)
        self.fees_e6: dict[int, int] = defaultdict(int)
        self.pot_e6: dict[int, int] = defaultdict(int)
        self.cash_e6 = 0

    @classmethod
    def of(cls, state: State) -> Sums:
        """The totals of a whole state."""
        sums = cls()
        for table in ("accounts", "positions", "withdrawals", "market_words"):
            for key, word in getattr(state, table).items():
                sums.add(table, key, word, 1)
        return sums

    def add(self, table: str, key: int, word: int, sign: int) -> None:
        """Count one word (sign 1), or stop counting it (sign -1)."""
        if table == "positions":
            position = Position.of(word)
            self.base_e8[position.market] += sign * position.base_e8
            self.quote_e6[position.market] += sign * position.quote_e6
        elif table == "accounts":
            self.cash_e6 += sign * Account.of(word).collateral_e6
        elif table == "withdrawals":
            self.cash_e6 += sign * Withdrawal.of(word).amount_e6
        elif table == "market_words":
            self._add_market(key >> 3, key & 7, word, sign)

    def _add_market(self, market: int, place: int, word: int, sign: int) -> None:
        if place in (POOL, INCOMING, TRANSIT):
            base, quote = Holding.of(word)
        elif place == LEDGER:
            realised, fees, pot = Ledger.of(word)
            self.realised_e6[market] += sign * realised
            self.fees_e6[market] += sign * fees
            self.pot_e6[market] += sign * pot
            return
        else:
            return
        self.base_e8[market] += sign * base
        self.quote_e6[market] += sign * quote

    def market_total_e6(self, market: int) -> int:
        """Quote, realised, fees and funding pot of a market: zero by C3."""
        return (
            self.quote_e6[market]
            + self.realised_e6[market]
            + self.fees_e6[market]
            + self.pot_e6[market]
        )

    def owed_e6(self) -> int:
        """Cash, open quotes, fees and pots over everybody and every market."""
        return self.cash_e6 + sum(
            sum(part.values()) for part in (self.quote_e6, self.fees_e6, self.pot_e6)
        )
