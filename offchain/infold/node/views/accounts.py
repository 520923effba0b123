# SPDX-License-Identifier: Apache-2.0
"""Accounts as clients read them: money and margin, positions, fee refunds."""

from __future__ import annotations

import bisect
from collections.abc import Callable

from infold.core.margin import mark_at, standing
from infold.core.settlement import is_behind
from infold.core.state import Account
from infold.errors import Rejected
from infold.node.memory import Memory
from infold.node.requests import Json
from infold.node.views.wording import MarketNames, price_text
from infold.signing import checksum_address
from infold.units import (
    AMOUNT_DECIMALS,
    EXIT_DELAY_MS,
    FRACTION_DECIMALS,
    SIZE_DECIMALS,
    format_decimal,
    quote_down,
)
from infold.words import ExitWord, PositionWord, is_exit_of


class AccountViews:
    """The memory's accounts. Tiers of fees are fixed for `tiers_ms`."""

    def __init__(
        self, memory: Memory, names: MarketNames, now_ms: Callable[[], int], tiers_ms: int
    ) -> None:
        self._memory = memory
        self._state = memory.state
        self._names = names
        self._now_ms = now_ms
        self._tiers_ms = tiers_ms

    def account(self, account: int) -> Json:
        """One account: money and margin at the latest prices, positions, exits, slots. A position
        that is `behind` is folded before it trades; an exit whose position is `closed` holds up the
        next one from its place until anybody ends it. Raises `Rejected` UNKNOWN_ACCOUNT.
        """
        held = self._state.accounts.get(account)
        if held is None:
            raise Rejected("UNKNOWN_ACCOUNT", "account", f"account {account} is not open")
        positions, marks = [], {}
        now_ms = max(self._state.block_ms, self._now_ms())
        for index, position in sorted(held.positions.items()):
            market = self._state.markets[position.market]
            price_e8 = self._state.prices_e8.get(position.market, market.clock.price_e8)
            marks[position.market] = mark_at(market, price_e8, now_ms)
            value_e6 = quote_down(price_e8, position.base_e8) + position.quote_e6
            positions.append(
                {
                    "market": self._names.of(position.market),
                    "index": index,
                    "size": format_decimal(position.base_e8, SIZE_DECIMALS),
                    "quote": format_decimal(position.quote_e6, AMOUNT_DECIMALS),
                    "oraclePrice": price_text(price_e8),
                    "unrealizedPnl": format_decimal(value_e6, AMOUNT_DECIMALS),
                    "behind": is_behind(market, position),
                    "exit": _exit(held.exits.get(index), position),
                }
            )
        stands = standing(held.positions.values(), marks)
        return {
            "account": account,
            "owner": checksum_address(held.word.owner.to_bytes(20, "big")),
            "epoch": held.word.epoch,
            "collateral": format_decimal(held.word.collateral_e6, AMOUNT_DECIMALS),
            "equity": format_decimal(held.word.collateral_e6 + stands.value_e6, AMOUNT_DECIMALS),
            "initialMargin": format_decimal(stands.im_e6, AMOUNT_DECIMALS),
            "maintenanceMargin": format_decimal(stands.mm_e6, AMOUNT_DECIMALS),
            "pendingWithdrawal": format_decimal(held.withdrawal.amount_e6, AMOUNT_DECIMALS),
            "withdrawalBarrier": held.withdrawal.barrier_ms,
            "positions": positions,
            "exits": self._exits(held),
            "openOrders": len(held.orders),
            "slots": {
                str(slot): {"seq": seen.seq, "open": seen.open}
                for slot, seen in sorted(held.slots.items())
            },
            **self._refund_view(account),
            "ts": self._now_ms(),
            "seq": self._memory.journal.seq,
        }

    def _exits(self, held: Account) -> list[Json]:
        """Every forced exit that stands, of positions closed since as well."""
        return [
            {
                "market": self._names.of(asked.market),
                "side": "long" if asked.long else "short",
                "index": index,
                **_asked(asked),
                "closed": not is_exit_of(asked, held.positions.get(index, PositionWord())),
            }
            for index, asked in sorted(held.exits.items())
        ]

    def refunds(self, after: int, limit: int) -> Json:
        """Accounts above a number that earned refunds, in order; `block` is the last one observed:
        what was paid by then is in the figures.
        """
        accounts = self._memory.refunds.accounts
        first = bisect.bisect_right(accounts, after)
        rows = [
            {"account": account, **self._refund_view(account)}
            for account in accounts[first : first + limit]
        ]
        return {"data": rows, "block": self._state.block}

    def _refund_view(self, account: int) -> Json:
        """`feeTier` is the part of a market's fee that the account pays in the end, until
        `feeTierUntil`; what it paid beyond is earned back.
        """
        refunds = self._memory.refunds
        tiers = refunds.tiers
        share_e6 = tiers.of(account) * 10**6 // tiers.top_e6 if tiers.top_e6 else 10**6
        until_ms = (tiers.time_ms // self._tiers_ms + 1) * self._tiers_ms
        return {
            "feeTier": format_decimal(share_e6, FRACTION_DECIMALS),
            "feeTierUntil": until_ms if tiers.top_e6 else None,
            "refundEarned": format_decimal(refunds.earned_e6.get(account, 0), AMOUNT_DECIMALS),
            "refundPaid": format_decimal(refunds.paid_e6.get(account, 0), AMOUNT_DECIMALS),
            "refundOwed": format_decimal(refunds.owed_e6(account), AMOUNT_DECIMALS),
        }


def _exit(asked: ExitWord | None, position: PositionWord) -> Json | None:
    """A forced exit that was asked for of a position, if there is one."""
    return None if asked is None or not is_exit_of(asked, position) else _asked(asked)


def _asked(asked: ExitWord) -> Json:
    """How much, and the first appointed time."""
    return {
        "size": format_decimal(asked.size_e8, SIZE_DECIMALS),
        "due": asked.asked_ms + EXIT_DELAY_MS,
    }
