# SPDX-License-Identifier: Apache-2.0
"""The whole state of `Clearing`, read from its storage, and the sums that must be zero.

Slots are looked up in the compiled layout, so the contract may move them.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from infold.words import (
    pack_clock,
    unpack_account,
    unpack_clock,
    unpack_ledger,
    unpack_meter,
    unpack_pool,
    unpack_position,
    unpack_rates,
    unpack_withdrawal,
)
from tests.support.venue import Venue

MARKETS = (1, 2, 3, 40)
"""What tests list. Sums over these are sums over all."""
SLOTS = range(4)


def slots(layout: dict[str, Any]) -> dict[str, int]:
    """Every storage variable's first slot, by its last name."""
    found: dict[str, int] = {}
    for name, entry in layout.items():
        if "slot" in entry:
            found[name] = entry["slot"]
        else:
            found |= slots(entry)
    return found


class Books:
    """Reads one venue's `Clearing`."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self._slots = slots(venue.clearing.artifact.layout["storage_layout"])

    def word(self, variable: str, at: int = 0) -> int:
        """A word of an array, or a plain one."""
        return self.venue.world.storage(self.venue.clearing.address, self._slots[variable] + at)

    def put(self, variable: str, at: int, word: int) -> None:
        """Exchange a word, past every rule: for what takes years or luck to come about."""
        self.venue.world.store(self.venue.clearing.address, self._slots[variable] + at, word)

    def put_index(self, market: int, funding_index: int) -> None:
        """Move a market's funding, past every rule."""
        clock = unpack_clock(self.word("market_words", market * 8))
        word = pack_clock(clock._replace(funding_index=funding_index))
        self.put("market_words", market * 8, word)

    @property
    def accounts(self) -> list[int]:
        """The backstop, insurance, the treasury and every trader: all but the pool."""
        return [1, 2, 3, *range(17, self.word("account_count"))]

    def state(self) -> dict[str, int]:
        """Every word a batch can change, by name; slots of fills only as far as `SLOTS`."""
        words = {
            name: self.word(name)
            for name in (
                "account_count",
                "pool_markets",
                "backstop_markets",
                "head",
                "limits",
            )
        }
        for account in [0, *self.accounts]:
            words[f"account {account}"] = self.word("accounts", account)
            words[f"withdrawal {account}"] = self.word("withdrawals", account)
            words[f"barrier {account}"] = self.word("epoch_barriers", account)
        for account in self.accounts:
            for slot in SLOTS:
                words[f"fill {account} {slot}"] = self.word("fills", account << 8 | slot)
            for place in self._places(account):
                words[f"position {account} {place}"] = self.word(
                    "positions", (account << 4) + place
                )
        for market in MARKETS:
            for k in range(7):
                words[f"market {market} {k}"] = self.word("market_words", market * 8 + k)
        words["accounted"] = self.venue.vault.accounted_e6()
        return words

    def _places(self, account: int, of_backstop: Sequence[int] = MARKETS) -> Sequence[int]:
        """Where an account may hold a position: the backstop by market, insurance and treasury
        nowhere.
        """
        return {1: of_backstop, 2: (), 3: ()}.get(account, range(16))

    def positions(self, market: int) -> list[tuple[int, int]]:
        """Base and quote of who holds the market: traders, backstop, pool; incoming, transit."""
        held = []
        for account in self.accounts:
            for place in self._places(account, (market,)):
                word = self.word("positions", (account << 4) + place)
                if word >> 240 == market:
                    position = unpack_position(word)
                    held.append((position.base_e8, position.quote_e6))
        for k in (1, 4, 5):
            book = unpack_pool(self.word("market_words", market * 8 + k))
            held.append((book.base_e8, book.quote_e6))
        return held

    def pot_dust_e6(self, market: int) -> Fraction:
        """What a market's funding pot holds beyond what positions are still owed at the last batch:
        what rounding left there, so less than a unit each time funding was paid.
        """
        clock = unpack_clock(self.word("market_words", market * 8))
        shift = unpack_rates(self.word("parameter_words", market * 8 + clock.version * 4)).shift
        dust = Fraction(unpack_ledger(self.word("market_words", market * 8 + 3)).pot_e6)
        for account in self.accounts:
            for place in self._places(account, (market,)):
                held = unpack_position(self.word("positions", (account << 4) + place))
                if held.market == market:
                    step = clock.funding_index - held.funding_index
                    dust += Fraction(held.base_e8 * step, 2**shift)
        return dust

    def check(self, pool_e6: int | None = 0) -> None:
        """C2, C3 and C4, exactly, and open interest.

        `pool_e6` is what `Pool` holds unclaimed; None if the caller does not know, and C4 is then
        only that nothing is promised twice.
        """
        owed = (pool_e6 or 0) + self.venue.vault.waiting_e6()
        for market in MARKETS:
            held = self.positions(market)
            ledger = unpack_ledger(self.word("market_words", market * 8 + 3))
            quotes = sum(quote for _, quote in held)
            assert sum(base for base, _ in held) == 0, f"C2 in market {market}: {held}"
            assert quotes + ledger.realised_e6 + ledger.fees_e6 + ledger.pot_e6 == 0, (
                f"C3 in market {market}: {held} {ledger}"
            )
            owed += quotes + ledger.fees_e6 + ledger.pot_e6
            interest = unpack_meter(self.word("market_words", market * 8 + 2)).open_interest_e8
            longs = sum(max(base, 0) for base, _ in held[:-3])
            if self.word("market_words", market * 8 + 6):
                # what longs have not folded is no interest any more; what folds round up still is
                assert interest <= longs + 2**10, f"open interest of market {market}"
            else:
                assert interest == longs, f"open interest of market {market}"
        for account in [0, *self.accounts]:
            word = unpack_account(self.word("accounts", account))
            owed += word.collateral_e6
            owed += unpack_withdrawal(self.word("withdrawals", account)).amount_e6
            if account > 3:
                mask = sum(
                    1 << place
                    for place in range(16)
                    if self.word("positions", account << 4 | place)
                )
                assert word.mask == mask, f"mask of account {account}"
        accounted = self.venue.vault.accounted_e6()
        assert owed == accounted or (pool_e6 is None and owed < accounted), "C4"
        assert self.venue.dollar.balanceOf(self.venue.vault.address) >= owed
