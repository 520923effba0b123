# SPDX-License-Identifier: Apache-2.0
"""What clients read, as the HTTP surface words it: amounts as decimals, hashes as hexadecimal."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Mapping
from typing import Final

from infold.core.doubts import doubts
from infold.core.margin import mark_at, standing
from infold.core.requirement import plain_notional_e6
from infold.core.settlement import is_behind
from infold.dealer.guarding import CapitalGuard
from infold.errors import Rejected
from infold.messages import TIME_IN_FORCE_WORDS, TRIGGER_KIND_WORDS, Fill, Order, Receipt
from infold.node.memory import BatchRow, Memory, OrderRow
from infold.node.requests import DuplicateReceipt, Json
from infold.shell.chain import AddressBook
from infold.signing import (
    DOMAIN_TYPE,
    NAME,
    TYPES,
    VERSION,
    Domain,
    checksum_address,
    signature_hex,
)
from infold.units import EXIT_DELAY_MS, GUARD_MS, WINDOW_MS, format_decimal, quote_down
from infold.words import (
    INTEREST_SHARE_OPEN,
    STATUS_LIVE,
    STATUS_SHRINK_ONLY,
    STATUS_UNLISTED,
    ExitWord,
)

STATUS_WORDS: Final = {
    STATUS_UNLISTED: "unlisted",
    STATUS_LIVE: "live",
    STATUS_SHRINK_ONLY: "shrinkOnly",
}
WOUND_DOWN: Final = "woundDown"
"""Every market's status once the venue is wound down."""


class Views:
    """The memory, told to clients."""

    def __init__(
        self,
        *,
        memory: Memory,
        book: AddressBook,
        domain: Domain,
        matcher: bytes,
        now_ms: Callable[[], int],
        meta: Json,
        refund_payer: bytes | None = None,
        tiers_ms: int = 1,
        guard: CapitalGuard | None = None,
    ) -> None:
        self._memory = memory
        self._state = memory.state
        self._book = book
        self._domain = domain
        self._matcher = matcher
        self._now_ms = now_ms
        self._meta = meta
        self._refund_payer = refund_payer
        self._tiers_ms = tiers_ms
        self._guard = guard
        self._names: dict[int, str] = {}

    def receipt(self, receipt: Receipt) -> Json:
        """A receipt as clients read it."""
        return {
            "orderHash": "0x" + receipt.order_hash.hex(),
            "status": self._status(self._memory.by_hash[receipt.order_hash]),
            "receipt": {
                "sequence": receipt.sequence,
                "acceptedTime": receipt.accepted_ms,
                "batchTime": receipt.batch_ms,
                "signature": signature_hex(receipt.r, receipt.vs),
            },
            "duplicate": isinstance(receipt, DuplicateReceipt),
        }

    def meta(self) -> Json:
        """Chain, contracts, signing domain and types, scales and limits."""
        book = self._book
        limits = self._state.settings.limits
        return {
            "apiVersion": "1",
            "chainId": book.chain_id,
            "contracts": {
                name: checksum_address(address) for name, address in book.addresses.items()
            },
            "firstBlock": book.first_block,
            "domain": {
                "name": NAME,
                "version": VERSION,
                "chainId": book.chain_id,
                "verifyingContract": checksum_address(self._domain.verifying_contract),
            },
            "types": {
                "EIP712Domain": [{"name": member, "type": kind} for member, kind in DOMAIN_TYPE],
                **{
                    name: [{"name": member, "type": kind} for member, kind in members]
                    for name, members in TYPES.items()
                },
            },
            "scales": {"price": 8, "size": 8, "money": 6, "fraction": 6},
            "matcher": checksum_address(self._matcher),
            "refundPayer": (
                None if self._refund_payer is None else checksum_address(self._refund_payer)
            ),
            "halt": self._halt(),
            "windDown": self._wind_down(),
            "windowMs": WINDOW_MS,
            "guardMs": GUARD_MS,
            "limits": {
                "orderBytes": limits.body_bytes_max,
                "expiryAheadMs": limits.expiry_ahead_ms_max,
            },
            "ts": self._now_ms(),
            "seq": self._memory.journal.seq,
        } | self._meta

    def _market_status(self, market: int, status: int, now_ms: int) -> int:
        """A live market only shrinks while all are halted, or a second source doubts its price."""
        price_e8 = self._state.prices_e8.get(market, 0)
        if status == STATUS_LIVE and (
            self._state.limits.halts(now_ms)
            or (price_e8 and doubts(self._state, market, price_e8, now_ms))
        ):
            return STATUS_SHRINK_ONLY
        return status

    def _halt(self) -> Json | None:
        """The halt of all markets that stands or is announced: of batches from < T <= until."""
        limits = self._state.limits
        if limits.halted_until_ms < max(self._state.block_ms, self._now_ms()):
            return None
        return {"from": limits.halted_from_ms, "until": limits.halted_until_ms}

    def _wind_down(self) -> Json | None:
        """The venue's end: orders are refused for good, and debts are told up to a time."""
        until_ms = self._state.wound_until_ms
        return {"registerUntil": until_ms} if until_ms else None

    def markets(self) -> list[Json]:
        """Trading rules of every market; fractions as decimals."""
        rows = []
        for number, market in sorted(self._state.markets.items()):
            now_ms = max(self._state.block_ms, self._now_ms())
            rates, caps, listing = market.at(now_ms)
            if not listing.tick_e8:
                continue
            rows.append(
                {
                    "id": number,
                    "name": listing.name,
                    "status": WOUND_DOWN
                    if self._state.wound_until_ms
                    else STATUS_WORDS[self._market_status(number, rates.status, now_ms)],
                    "tick": format_decimal(listing.tick_e8, 8),
                    "sizeStep": format_decimal(1, 8),
                    "fee": format_decimal(rates.fee_e6, 6),
                    "initialMargin": format_decimal(rates.im_e6, 6),
                    "maintenanceMargin": format_decimal(rates.mm_e6, 6),
                    "marginGrowsFrom": format_decimal(plain_notional_e6(rates.tier), 6),
                    "band": format_decimal(rates.band_e6, 6),
                    "minSpread": format_decimal(rates.h_min_e6, 6),
                    "residualCap": format_decimal(caps.residual_cap_e8, 8),
                    "positionCap": format_decimal(caps.position_cap_e8, 8),
                    "interestCap": format_decimal(caps.interest_cap_e8, 8),
                    "interestShare": _share(caps.interest_share),
                    "oraclePrice": _price(self._state.prices_e8.get(number, 0)),
                    "openInterest": format_decimal(market.meter.open_interest_e8, 8),
                    "poolSize": _signed(market.pool.base_e8, 8),
                    "fundingRateE9": market.clock.rate_e9,
                    **self._cut(number),
                }
            )
        return rows

    def _cut(self, market: int) -> Json:
        """Why capital cut the dealer's last curve, null if it did not, and how many so far."""
        last = self._guard.last.get(market) if self._guard is not None else None
        cuts = self._guard.cuts if self._guard is not None else {}
        return {
            "curveCut": (last.reason or None) if last is not None else None,
            "curvesCut": sum(count for (number, _), count in cuts.items() if number == market),
        }

    def _market_name(self, market: int) -> str:
        name = self._names.get(market)
        if name is None:
            held = self._state.markets[market]
            name = self._names[market] = held.parameters[held.clock.version].listing.name
        return name

    def _status(self, row: OrderRow) -> str:
        digest = row.signed.order_hash
        if digest in self._state.in_flight_e8:
            return "matched"
        if digest in self._state.orders:
            return "partiallyFilled" if row.filled_e8 else "open"
        return "filled" if row.filled_e8 else row.ended

    def _order_view(self, row: OrderRow) -> Json:
        order: Order = row.signed.order
        mean_e8 = row.value_e16 // row.filled_e8 if row.filled_e8 else 0
        return {
            "seq": row.sequence,
            "orderHash": "0x" + row.signed.order_hash.hex(),
            "account": order.account,
            "market": self._market_name(order.market),
            "side": "buy" if order.buy else "sell",
            "size": format_decimal(order.size_e8, 8),
            "price": format_decimal(order.limit_price_e8, 8),
            "timeInForce": TIME_IN_FORCE_WORDS[order.time_in_force],
            "postOnly": order.post_only,
            "reduceOnly": order.reduce_only,
            "maxFee": format_decimal(order.max_fee_e6, 6),
            "triggerKind": TRIGGER_KIND_WORDS[order.trigger_kind],
            "triggerPrice": format_decimal(order.trigger_price_e8, 8),
            "goodAfter": order.good_after_ms,
            "expiry": order.expiry_ms,
            "epoch": order.epoch,
            "slot": order.slot,
            "orderSeq": order.seq,
            "status": self._status(row),
            "open": row.signed.order_hash in self._state.orders,
            "reason": row.reason or None,
            "filled": format_decimal(row.filled_e8, 8),
            "averagePrice": _price(mean_e8),
            "fee": format_decimal(row.fee_e6, 6),
            "ts": row.accepted_ms,
        }

    def orders(self, query: Mapping[str, str], after: int, limit: int) -> list[Json]:
        """Orders above a sequence, oldest first; `account`, `market`, `status` (also `open`),
        `since`, `until` narrow.
        """
        account = int(query["account"]) if "account" in query else None
        since, until = int(query.get("since", 0)), int(query.get("until", 1 << 48))
        wanted = query.get("status")
        rows: list[Json] = []
        for row in self._memory.order_rows[
            bisect.bisect_right(self._memory.order_rows, after, key=lambda row: row.sequence) :
        ]:
            order = row.signed.order
            if account not in (None, order.account) or not since <= row.accepted_ms <= until:
                continue
            if query.get("market") not in (None, self._market_name(order.market)):
                continue
            if wanted == "open":
                if row.signed.order_hash not in self._state.orders:
                    continue
            elif wanted is not None and wanted != self._status(row):
                continue
            rows.append(self._order_view(row))
            if len(rows) == limit:
                break
        return rows

    def order(self, digest: bytes) -> Json:
        """One order. Raises `Rejected` NOT_FOUND."""
        row = self._memory.by_hash.get(digest)
        if row is None:
            raise Rejected("NOT_FOUND", "hash", f"no order 0x{digest.hex()}")
        return self._order_view(row)

    def account(self, account: int) -> Json:
        """One account: money and margin at the latest prices, positions, slots. A position that is
        `behind` is folded before it trades. Raises `Rejected` UNKNOWN_ACCOUNT.
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
                    "market": self._market_name(position.market),
                    "index": index,
                    "size": _signed(position.base_e8, 8),
                    "quote": _signed(position.quote_e6, 6),
                    "oraclePrice": _price(price_e8),
                    "unrealizedPnl": _signed(value_e6, 6),
                    "behind": is_behind(market, position),
                    "exit": _exit(held.exits.get(index)),
                }
            )
        stands = standing(held.positions.values(), marks)
        return {
            "account": account,
            "owner": checksum_address(held.word.owner.to_bytes(20, "big")),
            "epoch": held.word.epoch,
            "collateral": _signed(held.word.collateral_e6, 6),
            "equity": _signed(held.word.collateral_e6 + stands.value_e6, 6),
            "initialMargin": format_decimal(stands.im_e6, 6),
            "maintenanceMargin": format_decimal(stands.mm_e6, 6),
            "pendingWithdrawal": format_decimal(held.withdrawal.amount_e6, 6),
            "withdrawalBarrier": held.withdrawal.barrier_ms,
            "positions": positions,
            "openOrders": len(held.orders),
            "slots": {
                str(slot): {"seq": seen.seq, "open": seen.open}
                for slot, seen in sorted(held.slots.items())
            },
            **self._refund_view(account),
            "ts": self._now_ms(),
            "seq": self._memory.journal.seq,
        }

    def _refund_view(self, account: int) -> Json:
        """`feeTier` is the part of a market's fee that the account pays in the end, until
        `feeTierUntil`; what it paid beyond is earned back.
        """
        refunds = self._memory.refunds
        tiers = refunds.tiers
        share_e6 = tiers.of(account) * 10**6 // tiers.top_e6 if tiers.top_e6 else 10**6
        until_ms = (tiers.time_ms // self._tiers_ms + 1) * self._tiers_ms
        return {
            "feeTier": format_decimal(share_e6, 6),
            "feeTierUntil": until_ms if tiers.top_e6 else None,
            "refundEarned": format_decimal(refunds.earned_e6.get(account, 0), 6),
            "refundPaid": format_decimal(refunds.paid_e6.get(account, 0), 6),
            "refundOwed": format_decimal(refunds.owed_e6(account), 6),
        }

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

    def fills(self, query: Mapping[str, str], after: int, limit: int) -> list[Json]:
        """Fills above a number, oldest first; `account`, `market`, `since`, `until` narrow."""
        account = int(query["account"]) if "account" in query else None
        since, until = int(query.get("since", 0)), int(query.get("until", 1 << 48))
        rows: list[Json] = []
        for place in range(after, len(self._memory.fill_rows)):
            fill = self._memory.fill_rows[place]
            if account not in (None, fill.account) or not since <= fill.time_ms <= until:
                continue
            if query.get("market") not in (None, self._market_name(fill.market)):
                continue
            rows.append(self._fill_view(place + 1, fill))
            if len(rows) == limit:
                break
        return rows

    def _fill_view(self, seq: int, fill: Fill) -> Json:
        batch = self._memory.batch_row(fill.batch)
        away_e8 = fill.price_e8 - fill.oracle_price_e8
        return {
            "seq": seq,
            "orderHash": "0x" + fill.order_hash.hex(),
            "account": fill.account,
            "market": self._market_name(fill.market),
            "side": "buy" if fill.buy else "sell",
            "size": format_decimal(fill.size_e8, 8),
            "price": format_decimal(fill.price_e8, 8),
            "oraclePrice": format_decimal(fill.oracle_price_e8, 8),
            "spreadBps": _signed(
                (away_e8 if fill.buy else -away_e8) * 10**8 // fill.oracle_price_e8, 4
            ),
            "fee": format_decimal(fill.fee_e6, 6),
            "batch": fill.batch,
            "settlement": "confirmed",
            "txHash": "0x" + batch.transaction.hex(),
            "ts": fill.time_ms,
        }

    def batches(self, after: int, limit: int) -> list[Json]:
        """Batches above a number, oldest first."""
        first = bisect.bisect_right(self._memory.batch_numbers, after)
        return [self._batch_view(row) for row in self._memory.batch_rows[first : first + limit]]

    def batch(self, number: int) -> Json:
        """One batch with its prices and records. Raises `Rejected` NOT_FOUND."""
        numbers = self._memory.batch_numbers
        if not numbers or numbers[bisect.bisect_right(numbers, number) - 1] != number:
            raise Rejected("NOT_FOUND", "number", f"no batch {number}")
        row = self._memory.batch_row(number)
        closed = row.closed
        return self._batch_view(row) | {
            "root": "0x" + closed.root.hex(),
            "acceptedRoot": "0x" + closed.accepted_root.hex(),
            "prices": [
                {
                    "market": self._market_name(one.market),
                    "price": format_decimal(one.price_e8, 8),
                    "oraclePrice": _price(closed.prices_e8.get(one.market, 0)),
                }
                for one in closed.clearing
            ],
            "records": [
                {"orderHash": "0x" + one.order_hash.hex(), "fill": format_decimal(one.fill_e8, 8)}
                for one in closed.records
            ],
        }

    def _batch_view(self, row: BatchRow) -> Json:
        return {
            "number": row.closed.number,
            "ts": row.closed.time_ms,
            "status": row.status,
            "orders": len(row.closed.records),
            "fills": row.fills,
            "skips": row.skips,
            "notional": format_decimal(row.notional_e6, 6),
            "block": row.block or None,
            "txHash": "0x" + row.transaction.hex() if row.transaction else None,
            "reason": row.reason or None,
        }


def _price(price_e8: int) -> str | None:
    return format_decimal(price_e8, 8) if price_e8 else None


def _exit(asked: ExitWord | None) -> Json | None:
    """A forced exit that was asked for: how much, and its first appointed time."""
    if asked is None:
        return None
    return {"size": format_decimal(asked.size_e8, 8), "due": asked.asked_ms + EXIT_DELAY_MS}


def _share(share: int) -> str | None:
    """Open interest in units of the pool's capital, at most; null where only the cap binds."""
    if share == INTEREST_SHARE_OPEN:
        return None
    return format_decimal(10**4 << share >> 4, 4)


def _signed(value: int, decimals: int) -> str:
    text = format_decimal(abs(value), decimals)
    return "-" + text if value < 0 else text
