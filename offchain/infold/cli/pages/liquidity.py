# SPDX-License-Identifier: Apache-2.0
"""What people read of liquidity: shares, the pool they are of, and requests on their way."""

from __future__ import annotations

from infold.cli.layout import clock, dollars, pairs, scaled, table
from infold.cli.pages import Document
from infold.units import SHARE_DECIMALS


def of_holding(found: Document) -> list[str]:
    """Shares first, requests below, and what is left to do."""
    lines = pairs(
        [
            ("owner", found["owner"]),
            ("shares", f"{_shares(found['shares_e12'])}, worth {dollars(found['worth_e6'])}"),
            (
                "of the pool",
                f"{_shares(found['supply_e12'])} shares, {dollars(found['capital_e6'])}",
            ),
            ("epoch", f"{found['epoch']}, until {clock(found['epoch_end_ms'])}"),
        ]
    )
    if not found["requests"]:
        return [*lines, "", "no requests"]
    rows = [
        [
            str(one["epoch"]),
            one["state"],
            dollars(one["deposit_e6"]),
            _shares(one["redeem_e12"]),
            _given_back(one),
        ]
        for one in found["requests"]
    ]
    heads = ["epoch", "state", "paid in", "shares given", "given back"]
    return [*lines, "", *table(heads, rows, left=2), "", *_next(found)]


def _next(found: Document) -> list[str]:
    """What becomes of requests, and what to run."""
    struck = [one for one in found["requests"] if one["state"] == "claimable"]
    back = any(_is_given_back(one) for one in struck)
    shares_e12, money_e6 = int(found["claimable_shares_e12"]), int(found["claimable_e6"])
    gains = [
        *([f"{_shares(shares_e12)} shares"] if shares_e12 else []),
        *([dollars(money_e6)] if money_e6 else []),
        *(["what was given back"] if back else []),
    ]
    lines = []
    if struck:
        lines.append(f"`infold lp claim` collects {' and '.join(gains)}")
    if len(struck) < len(found["requests"]):
        lines.append("what is pending is struck by the first batch after its epoch's end")
    return lines


def _is_given_back(request: Document) -> bool:
    return any(int(request[name]) for name in ("returned_e6", "returned_e12"))


def _given_back(request: Document) -> str:
    money_e6, shares_e12 = int(request["returned_e6"]), int(request["returned_e12"])
    parts = [
        *([dollars(money_e6)] if money_e6 else []),
        *([f"{_shares(shares_e12)} shares"] if shares_e12 else []),
    ]
    return ", ".join(parts) or "-"


def _shares(value_e12: int | str) -> str:
    return scaled(value_e12, SHARE_DECIMALS)
