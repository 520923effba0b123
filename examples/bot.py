# SPDX-License-Identifier: Apache-2.0
"""A small maker: rests a post-only order on either side of the oracle and moves them when it moves.

    python examples/bot.py URL ACCOUNT KEY_FILE [MARKET]

`make devnet` prints the venue's URL, accounts and their keys; KEY_FILE holds one of these keys.
Ends with ctrl-C, cancelling what it left in the book. Slots 0 and 1 are its own: a newer seq in a
slot replaces the older order, but the venue wants the older one cancelled first.
"""

from __future__ import annotations

import sys
import time
from decimal import ROUND_DOWN, ROUND_UP, Decimal

from infold.errors import InfoldError, Rejected, Unavailable
from infold.sdk import Client, Wallet

SPREAD = Decimal("0.0008")  # of the price, to either side
MOVED = Decimal("0.0004")  # requote when the oracle went this far
SIZE = "0.005"
PAUSE_S = 1.0


def on_tick(price: Decimal, tick: Decimal, *, buy: bool) -> str:
    """A limit on the grid, away from the oracle, spelled canonically."""
    ticks = (price / tick).to_integral_value(ROUND_DOWN if buy else ROUND_UP)
    return format((ticks * tick).normalize(), "f")


class Maker:
    """Two resting orders of one account in one market."""

    def __init__(self, venue: Client, wallet: Wallet, account: int, market: str) -> None:
        self.venue, self.wallet, self.account, self.market = venue, wallet, account, market
        self.tick = Decimal(venue.market(market)["tick"])
        self.resting: dict[int, int] = {}
        self.centre = Decimal(0)

    def step(self) -> None:
        """Look, and requote if it is time."""
        oracle = Decimal(self.venue.market(self.market)["oraclePrice"])
        if self.centre and abs(oracle / self.centre - 1) < MOVED:
            return
        self.withdraw()
        self.centre = oracle
        for slot, side in enumerate(("buy", "sell")):
            away = oracle * (1 - SPREAD if side == "buy" else 1 + SPREAD)
            order = self.venue.prepare(
                self.wallet,
                account=self.account,
                market=self.market,
                side=side,
                size=SIZE,
                price=on_tick(away, self.tick, buy=side == "buy"),
                time_in_force="GTC",
                post_only=True,
                slot=slot,
            )
            (answer,) = self.venue.place(order)
            if "error" in answer:
                print(f"{side} refused: {answer['error']['code']}", file=sys.stderr)
            else:
                self.resting[slot] = order.order.seq
                print(f"{side} {SIZE} at {on_tick(away, self.tick, buy=side == 'buy')}")

    def withdraw(self) -> None:
        """Cancel what rests; an order that filled meanwhile is gone already."""
        for slot, seq in self.resting.items():
            try:
                self.venue.cancel(self.wallet, self.account, slot, seq)
            except Rejected as gone:
                print(f"slot {slot}: {gone.code}", file=sys.stderr)
        self.resting.clear()


def main(url: str, account: str, key_file: str, market: str = "BTC-USD") -> None:
    """Quote until interrupted."""
    with Client(url) as venue:
        maker = Maker(venue, Wallet.from_key_file(key_file), int(account), market)
        try:
            while True:
                try:
                    maker.step()
                except Unavailable as pause:
                    print(f"{pause}; trying again", file=sys.stderr)
                time.sleep(PAUSE_S)
        except KeyboardInterrupt:
            maker.withdraw()


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5) or not sys.argv[2].isdecimal():
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except InfoldError as error:  # its words say what to do next
        sys.exit(str(error))
