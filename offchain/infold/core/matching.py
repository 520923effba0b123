# SPDX-License-Identifier: Apache-2.0
"""temporary"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from infold.core.curve import Curve, CurveBounds, admissible, clip, offer_e8, price_limits
from infold.core.netting import MatchedFill
from infold.core.state import OpenOrder


class Entry(NamedTuple):
    open_order: OpenOrder
    limit_price_e8: int
    size_e8: int
    whole: bool


class Cleared(NamedTuple):
    prices_e8: dict[int, int]
    fills: list[MatchedFill]


def match(entries, bounds, curves, ticks_e8):
    by = {}
    for e in entries:
        by.setdefault(e.open_order.order.market, []).append(e)
    prices, fills = {}, []
    for m, es in sorted(by.items()):
        b, t = bounds[m], ticks_e8[m]
        c = clip(curves[m], b, t)
        while True:
            r = _one(es, b, c, t)
            if r is None:
                break
            p, f = r
            bad = [e for e in es if e.whole and 0 < f.get(e.open_order.sequence, 0) < e.size_e8]
            if not bad:
                prices[m] = p
                fills += [MatchedFill(e.open_order, f[e.open_order.sequence]) for e in es if f.get(e.open_order.sequence)]
                break
            es = [e for e in es if e not in bad]
    fills.sort(key=lambda f: f.open_order.sequence)
    return Cleared(prices, fills)


def _one(es, b, c, t):
    lo, hi = price_limits(b, c, t)
    cand = set()
    for e in es:
        k = e.limit_price_e8 // t
        cand |= {k, k + 1, k - 1}
    k = b.oracle_price_e8 // t
    cand |= {k, k + 1, lo, hi, -(-c.sell_from_e8 // t), c.buy_to_e8 // t}
    best = None
    for k in cand:
        if not lo <= k <= hi:
            continue
        p = k * t
        buys = [e for e in es if e.open_order.order.buy and e.limit_price_e8 >= p]
        sells = [e for e in es if not e.open_order.order.buy and e.limit_price_e8 <= p]
        D, S = sum(e.size_e8 for e in buys), sum(e.size_e8 for e in sells)
        R = offer_e8(b, c, p)
        r = max(0, min(D - S, R)) if D > S else min(0, max(D - S, R))
        if not admissible(b, p, r):
            r = 0
            if not admissible(b, p, 0):
                continue
        B = min(D, S + max(r, 0))
        A = min(S, D + max(-r, 0))
        if r > 0:
            B, A = S + r, S
        elif r < 0:
            B, A = D, D - r
        else:
            B = A = min(D, S)
        key = (max(A, B), -abs(D - S - r), -abs(p - b.oracle_price_e8), -p)
        if max(A, B) and (best is None or key > best[0]):
            best = (key, p, buys, sells, B, A)
    if best is None:
        return None
    _, p, buys, sells, B, A = best
    f = {}
    for group, q, sign in ((buys, B, -1), (sells, A, 1)):
        for e in sorted(group, key=lambda e: (sign * e.limit_price_e8, e.open_order.signed.order_hash)):
            x = min(q, e.size_e8)
            q -= x
            f[e.open_order.sequence] = x
    return p, f
