# SPDX-License-Identifier: Apache-2.0
"""A venue and its markets as clients read them: contracts, rules, what stands still and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from infold.core.doubts import doubts
from infold.core.requirement import plain_notional_e6
from infold.dealer.guarding import CapitalGuard
from infold.node.memory import Memory
from infold.node.requests import Json
from infold.node.views.wording import price_text
from infold.shell.chain import AddressBook
from infold.signing import DOMAIN_TYPE, NAME, TYPES, VERSION, Domain, checksum_address
from infold.units import (
    AMOUNT_DECIMALS,
    FRACTION_DECIMALS,
    GUARD_MS,
    PRICE_DECIMALS,
    SIZE_DECIMALS,
    WINDOW_MS,
    format_decimal,
)
from infold.words import INTEREST_SHARE_OPEN, STATUS_LIVE, STATUS_SHRINK_ONLY, STATUS_UNLISTED

STATUS_WORDS: Final = {
    STATUS_UNLISTED: "unlisted",
    STATUS_LIVE: "live",
    STATUS_SHRINK_ONLY: "shrinkOnly",
}
WOUND_DOWN: Final = "woundDown"
"""Every market's status once the venue is wound down."""


class VenueViews:
    """The venue, told to clients."""

    def __init__(
        self,
        *,
        memory: Memory,
        book: AddressBook,
        domain: Domain,
        matcher: bytes,
        now_ms: Callable[[], int],
        meta: Callable[[], Json],
        refund_payer: bytes | None = None,
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
        self._guard = guard

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
            "scales": {
                "price": PRICE_DECIMALS,
                "size": SIZE_DECIMALS,
                "money": AMOUNT_DECIMALS,
                "fraction": FRACTION_DECIMALS,
            },
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
        } | self._meta()

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
                    "tick": format_decimal(listing.tick_e8, PRICE_DECIMALS),
                    "sizeStep": format_decimal(1, SIZE_DECIMALS),
                    "fee": format_decimal(rates.fee_e6, FRACTION_DECIMALS),
                    "initialMargin": format_decimal(rates.im_e6, FRACTION_DECIMALS),
                    "maintenanceMargin": format_decimal(rates.mm_e6, FRACTION_DECIMALS),
                    "marginGrowsFrom": format_decimal(
                        plain_notional_e6(rates.tier), AMOUNT_DECIMALS
                    ),
                    "band": format_decimal(rates.band_e6, FRACTION_DECIMALS),
                    "minSpread": format_decimal(rates.h_min_e6, FRACTION_DECIMALS),
                    "residualCap": format_decimal(caps.residual_cap_e8, SIZE_DECIMALS),
                    "positionCap": format_decimal(caps.position_cap_e8, SIZE_DECIMALS),
                    "interestCap": format_decimal(caps.interest_cap_e8, SIZE_DECIMALS),
                    "interestShare": _share(caps.interest_share),
                    "oraclePrice": price_text(self._state.prices_e8.get(number, 0)),
                    "openInterest": format_decimal(market.meter.open_interest_e8, SIZE_DECIMALS),
                    "poolSize": format_decimal(market.pool.base_e8, SIZE_DECIMALS),
                    "fundingRateE9": market.clock.rate_e9,
                    **self._cut(number),
                }
            )
        return rows

    def _market_status(self, market: int, status: int, now_ms: int) -> int:
        """A live market only shrinks while all are halted, or a second source doubts its price."""
        price_e8 = self._state.prices_e8.get(market, 0)
        if status == STATUS_LIVE and (
            self._state.limits.halts(now_ms)
            or (price_e8 and doubts(self._state, market, price_e8, now_ms))
        ):
            return STATUS_SHRINK_ONLY
        return status

    def _cut(self, market: int) -> Json:
        """Why capital cut the dealer's last curve, null if it did not, and how many so far."""
        last = self._guard.last.get(market) if self._guard is not None else None
        cuts = self._guard.cuts if self._guard is not None else {}
        return {
            "curveCut": (last.reason or None) if last is not None else None,
            "curvesCut": sum(count for (number, _), count in cuts.items() if number == market),
        }


def _share(share: int) -> str | None:
    """Open interest in units of the pool's capital, at most; null where only the cap binds."""
    if share == INTEREST_SHARE_OPEN:
        return None
    return format_decimal(10**4 << share >> 4, 4)
