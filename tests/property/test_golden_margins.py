# SPDX-License-Identifier: Apache-2.0
"""A thousand committed portfolios: contract and engine say of each what the twin said, to the unit.

The twin wrote `tests/vectors/margins.json` (`tools/make_vectors.py`, whose own test holds the file
to it). Here the words go past every door into the contract's storage and into the engine's state.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.books import slots
from tests.support.evm import a_key
from tests.support.venue import Venue, a_venue

from infold.core import margin
from infold.core.funding import Mark
from infold.core.state import Account, Market, Parameters
from infold.units import div_up
from infold.words import (
    AccountWord,
    CapsWord,
    ClockWord,
    ListingWord,
    PositionWord,
    RatesWord,
    WithdrawalWord,
    pack_account,
    pack_clock,
    pack_position,
    pack_rates,
    pack_withdrawal,
)

GOLDEN = json.loads((Path(__file__).parents[1] / "vectors" / "margins.json").read_text("utf-8"))
TIME_MS: int = GOLDEN["time"]
HOLDER = a_key("holder")
ACCOUNT = 17
DOLLAR = 10**6


@dataclass(frozen=True)
class Case:
    """One line of the file."""

    name: str
    word: AccountWord
    withdrawal: WithdrawalWord
    positions: dict[int, PositionWord]
    standing: tuple[int, ...]
    paid_e6: int


def cases() -> list[Case]:
    found = []
    for number, row in enumerate(GOLDEN["portfolios"]):
        *name, collateral_e6, amount_e6, positions, standing, paid_e6 = row
        word = AccountWord(HOLDER.number, collateral_e6, (1 << len(positions)) - 1, 0)
        held = {place: PositionWord(*position) for place, position in enumerate(positions)}
        found.append(
            Case(
                name[0] if name else str(number),
                word,
                WithdrawalWord(amount_e6, 0),
                held,
                tuple(standing),
                paid_e6,
            )
        )
    return found


def markets() -> dict[int, Market]:
    """The file's markets, as the engine holds them."""
    found = {}
    for row in GOLDEN["markets"]:
        values = dict(zip(GOLDEN["market"], row, strict=True))
        market = Market(values["market"])
        rates = RatesWord(
            im_e6=values["im_e6"],
            mm_e6=values["mm_e6"],
            haircut_e6=values["haircut_e6"],
            shift=values["shift"],
            tier=values["tier"],
            status=1,
        )
        market.parameters = [Parameters(rates, CapsWord(), ListingWord())] * 2
        market.clock = ClockWord(
            values["funding_index"], values["rate_e9"], values["price_e8"], values["clock_ms"]
        )
        found[market.market] = market
    return found


MARKETS = markets()
PRICES_E8 = {market: held.clock.price_e8 for market, held in MARKETS.items()}
CASES = cases()


def test_the_engine_weighs_every_portfolio_as_the_twin_did() -> None:
    for case in CASES:
        account = Account(case.word, case.positions, withdrawal=case.withdrawal)
        marks = margin.marks_for(account, MARKETS, PRICES_E8, TIME_MS)
        assert marks is not None
        found = margin.standing(account.positions.values(), marks)
        collateral_e6 = case.word.collateral_e6
        assert case.standing == (
            collateral_e6 + found.value_e6,
            collateral_e6 + found.haircut_value_e6,
            found.im_e6,
            found.mm_e6,
        ), case.name
        assert margin.payable_e6(account, marks) == case.paid_e6, case.name
        equity_e6 = case.standing[0] + case.withdrawal.amount_e6
        assert margin.is_liquidatable(account, marks) == (equity_e6 < case.standing[3]), case.name


@pytest.fixture(scope="module")
def venue() -> Venue:
    """A venue whose clock stands at the file's time and whose vault can pay what is asked."""
    made = a_venue()
    made.world.at(TIME_MS // 1000)
    made.fund(HOLDER, 2**100)
    clearing, store = made.clearing.address, made.world.store
    at = slots(made.clearing.artifact.layout["storage_layout"])
    for market, held in MARKETS.items():
        store(clearing, at["market_words"] + market * 8, pack_clock(held.clock))
        store(clearing, at["parameter_words"] + market * 8, pack_rates(held.parameters[0].rates))
    made.dollar.mint(made.vault.address, 2**80, sender=HOLDER)
    vault = slots(made.vault.artifact.layout["storage_layout"])
    store(made.vault.address, vault["accounted_e6"], 2**80)
    return made


def test_the_contracts_weigh_every_portfolio_as_the_twin_did(venue: Venue) -> None:
    """`claim_withdrawal` pays what the twin pays, `Recovery.health` says equity and maintenance."""
    clearing, store = venue.clearing.address, venue.world.store
    at = slots(venue.clearing.artifact.layout["storage_layout"])
    vector = venue.presented(venue.a_vector(PRICES_E8, time_ms=TIME_MS))
    for case in CASES:
        store(clearing, at["accounts"] + ACCOUNT, pack_account(case.word))
        store(clearing, at["withdrawals"] + ACCOUNT, pack_withdrawal(case.withdrawal))
        for place, position in case.positions.items():
            store(clearing, at["positions"] + (ACCOUNT << 4 | place), pack_position(position))
        equity_e6, mm_e6 = venue.recovery.health(*vector, ACCOUNT)
        whole_e6 = case.standing[0] + case.withdrawal.amount_e6
        assert (equity_e6, mm_e6) == (whole_e6, case.standing[3]), case.name
        paid = venue.clearing.claim_withdrawal(ACCOUNT, *vector, sender=HOLDER).value
        assert paid == case.paid_e6, case.name


def test_the_file_holds_a_thousand_portfolios_of_every_kind() -> None:
    assert len(CASES) == len({case.name for case in CASES}) == 1_000
    partly = [case for case in CASES if 0 < case.paid_e6 < case.withdrawal.amount_e6]
    beyond = [
        case
        for case in CASES
        if any(
            abs(held.base_e8 * PRICES_E8[held.market])
            >> (68 + MARKETS[held.market].parameters[0].rates.tier)
            for held in case.positions.values()
        )
    ]
    assert len(partly) > 400 and len(beyond) > 400
    assert {len(case.positions) for case in CASES} >= {1, 2, 3, 5, 16}
    assert sum(case.standing[0] > case.standing[1] for case in CASES) > 300, "haircuts"


# -- the three of the past -------------------------------------------------------------------------


def the(name: str) -> Case:
    return next(case for case in CASES if case.name == name)


def flat_im_e6(case: Case) -> int:
    """What a flat rate would have asked."""
    held = case.positions[0]
    rates = MARKETS[held.market].parameters[0].rates
    return div_up(abs(held.base_e8) * PRICES_E8[held.market] * rates.im_e6, 10**16)


def test_profit_that_was_lent_against_in_2022_carries_nothing_here() -> None:
    """Mango: 421 million of unrealised profit, all haircut; not even the deposit leaves."""
    case = the("mango-2022-10-11")
    equity_e6, haircut_equity_e6, im_e6, _ = case.standing
    assert equity_e6 == 421_079_400 * DOLLAR and haircut_equity_e6 == 0
    assert case.paid_e6 == 0
    assert equity_e6 + case.withdrawal.amount_e6 > flat_im_e6(case), "a flat rate would have paid"
    assert im_e6 == 439_530_000 * DOLLAR, "and its whole notional is asked as margin"


def test_profit_that_carried_more_of_one_position_in_2023_does_not_here() -> None:
    """YFI: 14 million of profit is worth 7, and 36 million of one market are margined in full."""
    case = the("dydx-yfi-2023-11-17")
    equity_e6, haircut_equity_e6, im_e6, _ = case.standing
    assert (equity_e6, haircut_equity_e6) == (14_000_000 * DOLLAR, 7_000_000 * DOLLAR)
    assert im_e6 == 36_000_000 * DOLLAR and flat_im_e6(case) == 7_200_000 * DOLLAR
    assert haircut_equity_e6 + case.withdrawal.amount_e6 > flat_im_e6(case)
    assert case.paid_e6 == 0


def test_margin_that_left_a_large_position_in_2025_stays_here() -> None:
    """160,000 ETH at 50x ask 2 % flat and 5.1 % by size: of 17 million wanted 9.9 are free."""
    case = the("hyperliquid-eth-2025-03-12")
    _, haircut_equity_e6, im_e6, _ = case.standing
    wanted_e6 = case.withdrawal.amount_e6
    assert wanted_e6 == 17_000_000 * DOLLAR
    assert haircut_equity_e6 + wanted_e6 - flat_im_e6(case) > wanted_e6, "a flat rate pays it all"
    assert case.paid_e6 == haircut_equity_e6 + wanted_e6 - im_e6 == 9_947_490_234_375


def test_a_mark_says_of_a_position_what_the_file_says_of_the_market() -> None:
    """The engine's mark takes the tier from the listing, and funding runs to the vector."""
    for market, held in MARKETS.items():
        mark = margin.mark_at(held, PRICES_E8[market], TIME_MS)
        rates = held.parameters[0].rates
        assert isinstance(mark, Mark)
        assert (mark.im_e6, mark.mm_e6, mark.tier) == (rates.im_e6, rates.mm_e6, rates.tier)
