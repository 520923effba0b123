# SPDX-License-Identifier: Apache-2.0
"""A thousand margin portfolios and what they are worth, by the twin (tests/vectors/margins.json).

Each is judged by the twin's own doors: what `claim_withdrawal` pays of a pending withdrawal, and
the standing behind it. The first three are accounts of the past whose venues lost money: unrealised
profit that was lent against (Mango, 2022-10-11), profit that carried ever more of one position
(dYdX YFI, 2023-11-17), and a large position whose margin left before it was liquidated
(Hyperliquid ETH, 2025-03-12). Their sizes and prices are those reported, rounded.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import NamedTuple

from infold.reference.keccak import keccak_256_many
from infold.reference.margin import Mark, funded_index, standing
from infold.reference.protocol import Protocol
from infold.reference.vectors import open_vector
from infold.reference.words import (
    Account,
    Clock,
    Position,
    Rates,
    SettleHead,
    Withdrawal,
)

SEED = 20_261_129
PORTFOLIOS = 1_000
TIME_MS = 1_800_000_000_000
LOT = 10**8
DOLLAR = 10**6
SIGNER = 1
ACCOUNT = 17
MARKETS = 24
MANGO, YFI, ETHER = 25, 26, 27


class Market(NamedTuple):
    """What a mark is made from: prices e8, margins e6, rate e9 a day, times in ms."""

    market: int
    price_e8: int
    im_e6: int
    mm_e6: int
    haircut_e6: int
    tier: int
    shift: int
    funding_index: int
    rate_e9: int
    clock_ms: int


class Portfolio(NamedTuple):
    """Collateral, pending withdrawal (e6), and positions as market, base e8, quote e6, index."""

    name: str
    collateral_e6: int
    withdrawal_e6: int
    positions: list[tuple[int, int, int, int]]


def markets() -> list[Market]:
    """Two dozen of every kind, and the three of the past."""
    rng = random.Random(SEED)
    made = []
    for number in range(1, MARKETS + 1):
        im_e6 = rng.choice((20_000, 50_000, 100_000, rng.randrange(3_000, 10**6)))
        shift = rng.randrange(20, 91)
        made.append(
            Market(
                number,
                rng.choice((1, 10**4, 9 * 10**5, 55 * 10**6, 10**10, 6 * 10**12))
                * rng.randrange(1, 20),
                im_e6,
                rng.randrange(2_500, im_e6),
                rng.choice((0, 100_000, 200_000, 500_000, 10**6)),
                (number * 5) % 16,
                shift,
                rng.randrange(-(2**40), 2**40),
                rng.randrange(-(10**8), 10**8 + 1),
                rng.choice((0, TIME_MS, TIME_MS - rng.randrange(1, 86_400_000))),
            )
        )
    for number, price_e8, im_e6, mm_e6, haircut_e6, tier in (
        (MANGO, 91 * 10**6, 200_000, 100_000, 10**6, 3),
        (YFI, 9_000 * LOT, 200_000, 100_000, 500_000, 5),
        (ETHER, 1_920 * LOT, 20_000, 10_000, 200_000, 12),
    ):
        made.append(Market(number, price_e8, im_e6, mm_e6, haircut_e6, tier, 40, 0, 0, 0))
    return made


def past() -> Iterator[Portfolio]:
    """Mango: 5 M USD and 483 M MNGO bought at 3.8 cents, now at 91. YFI: 4 M and 4,000 bought at
    5,500, now at 9,000. Each asks its deposit back. ETH: 23 M and 160,000 bought at 1,900, now at
    1,920; 17 M are asked for.
    """
    mango = 483_000_000 * LOT
    yield Portfolio(
        "mango-2022-10-11",
        0,
        5_000_000 * DOLLAR,
        [(MANGO, mango, -(mango * 3_820_000 // 10**10), 0)],
    )
    yfi = 4_000 * LOT
    yield Portfolio(
        "dydx-yfi-2023-11-17",
        0,
        4_000_000 * DOLLAR,
        [(YFI, yfi, -(yfi * 5_500 * LOT // 10**10), 0)],
    )
    ether = 160_000 * LOT
    yield Portfolio(
        "hyperliquid-eth-2025-03-12",
        23_000_000 * DOLLAR - 17_000_000 * DOLLAR,
        17_000_000 * DOLLAR,
        [(ETHER, ether, -(ether * 1_900 * LOT // 10**10), 0)],
    )


def at_random(rng: random.Random, listed: list[Market]) -> Portfolio:
    """Positions around their markets' tiers, with profits and losses, and mostly a collateral at
    which a claim is paid in part.
    """
    chosen = rng.sample(listed[:MARKETS], rng.choice((1, 1, 2, 2, 3, 5, 16)))
    positions = []
    for market in sorted(chosen):
        bound_e16 = 2 ** (68 + market.tier)
        notional_e16 = rng.choice(
            (10**13, bound_e16 // 4, bound_e16, 2 * bound_e16, 9 * bound_e16, rng.randrange(10**24))
        )
        base_e8 = min(2**61, notional_e16 // market.price_e8 + rng.randrange(-1, 2)) or 1
        base_e8 = max(1, base_e8) * rng.choice((1, -1))
        worth_e6 = base_e8 * market.price_e8 // 10**10
        quote_e6 = -worth_e6 + abs(worth_e6) * rng.randrange(-300, 300) // 1_000
        quote_e6 = max(1 - 2**60, min(2**60 - 1, quote_e6 + rng.randrange(-9, 10)))
        index = market.funding_index + rng.randrange(-(2**20), 2**20)
        positions.append((market.market, base_e8, quote_e6, index))
    withdrawal_e6 = rng.choice((1, 10**9, rng.randrange(1, 10**14)))
    marked = [(Position(*position), mark_of(listed[position[0] - 1])) for position in positions]
    bare = standing(0, marked)
    free_e6 = rng.randrange(withdrawal_e6)
    if rng.random() < 0.2:
        free_e6 = rng.randrange(-(10**12), 10**15)
    collateral_e6 = free_e6 - withdrawal_e6 + bare.im_e6 - bare.haircut_equity_e6
    return Portfolio("", max(-(2**62), min(2**62, collateral_e6)), withdrawal_e6, positions)


def rates_of(market: Market) -> Rates:
    """The rates word of a market: only what margin reads."""
    return Rates(
        market.im_e6, market.mm_e6, market.haircut_e6, 0, 0, 0, 0, 0, 0,
        market.shift, market.tier, 1, 10**8, 0, 0,
    )  # fmt: skip


def clock_of(market: Market) -> Clock:
    """The clock word of a market."""
    price_e8, clock_ms = market.price_e8, market.clock_ms
    return Clock(market.funding_index, market.rate_e9, price_e8, clock_ms, 0, 0, False)


def mark_of(market: Market) -> Mark:
    """The market at the vector, funding run to its time."""
    rates = rates_of(market)
    index = funded_index(clock_of(market), rates, market.price_e8, TIME_MS)
    return Mark(market.market, market.price_e8, index, rates)


def protocol(listed: list[Market]) -> Protocol:
    """The twin, listing the markets."""
    twin = Protocol(
        chain_id=1,
        clearing=1,
        oracle=2,
        recovery=3,
        pool=4,
        governance=5,
        oracle_signers=[SIGNER],
        oracle_threshold=1,
        matcher=6,
        epoch_ms=1,
        deployed_s=0,
        recover=lambda _digest, r, _vs: r,
    )
    for market in listed:
        twin.state.put_market_word(market.market, 0, clock_of(market).word)
        twin.state.parameter_words[market.market * 8] = rates_of(market).word
    return twin


def judged(twin: Protocol, portfolio: Portfolio, prices_e8: dict[int, int]) -> list[object]:
    """A portfolio with what the twin says of it; `claim_withdrawal` pays the last."""
    state = twin.state
    mask = (1 << len(portfolio.positions)) - 1
    state.accounts[ACCOUNT] = Account(9, portfolio.collateral_e6, mask, 0).word
    state.withdrawals[ACCOUNT] = Withdrawal(portfolio.withdrawal_e6, 0).word
    for place, (market, base, quote, index) in enumerate(portfolio.positions):
        state.positions[ACCOUNT << 4 | place] = Position(market, base, quote, index).word
    words = [0] * 8
    for market, price_e8 in prices_e8.items():
        words[market // 4] |= price_e8 << 64 * (3 - market % 4)
    vector = open_vector(TIME_MS, 1, 1, words, keccak_256_many)
    held = twin.standing(ACCOUNT, vector)
    head = SettleHead(0, TIME_MS, 1, 1, 0).word
    twin.accounted_e6 = 10**20
    paid_e6 = twin.claim_withdrawal(
        ACCOUNT, head, words, [(SIGNER, 0)], sender=9, now_s=TIME_MS // 1000
    )
    row: list[object] = [portfolio.name] if portfolio.name else []
    return [
        *row,
        portfolio.collateral_e6,
        portfolio.withdrawal_e6,
        [list(position) for position in portfolio.positions],
        [held.equity_e6, held.haircut_equity_e6, held.im_e6, held.mm_e6],
        paid_e6,
    ]


def text() -> str:
    """The file: one portfolio a line."""
    listed = markets()
    prices_e8 = {market.market: market.price_e8 for market in listed}
    twin = protocol(listed)
    rng = random.Random(SEED)
    portfolios = list(past())
    while len(portfolios) < PORTFOLIOS:
        portfolios.append(at_random(rng, listed))
    rows = [json.dumps(judged(twin, each, prices_e8)) for each in portfolios]
    lines = [
        "{",
        f' "time": {TIME_MS},',
        f' "market": {json.dumps(Market._fields)},',
        ' "markets": [',
        ",\n".join(f"  {json.dumps(market)}" for market in listed),
        " ],",
        ' "portfolio": ["collateral_e6", "withdrawal_e6",'
        ' ["market", "base_e8", "quote_e6", "funding_index"],'
        ' ["equity_e6", "haircut_equity_e6", "im_e6", "mm_e6"], "paid_e6"],',
        ' "portfolios": [',
        ",\n".join(f"  {row}" for row in rows),
        " ]",
        "}",
    ]
    return "\n".join(lines) + "\n"
