# SPDX-License-Identifier: Apache-2.0
"""By which prices a keeper carries an exit out."""

from __future__ import annotations

from typing import Any, cast

import pytest

from infold.cli.commands.letting_out import UNASKED, LettingOut, MarketNames
from infold.cli.onchain import Party
from infold.errors import Misconfigured
from infold.shell.chain import Reverted
from infold.shell.exits import PendingExit, Vector
from infold.shell.keeper import Watch
from infold.units import EXIT_DELAY_MS
from infold.vectors import opened_for, vector_openings
from infold.words import ExitWord, PositionWord, SettleHead, pack_settle_head

ASKED_MS = 1_800_000_000_000
TIME_MS = ASKED_MS + EXIT_DELAY_MS
PRICES = {1: 10**13, 40: 10**11}
"""Of two markets whose prices lie in two chunks."""


def vector_of(*opened: int) -> Vector:
    bits = opened_for(opened)
    head = pack_settle_head(SettleHead(time_ms=TIME_MS, chunks=2, opened=bits))
    return head, vector_openings(PRICES, 2, bits), []


class Following:
    """As `Watch`, of a chain on which one exit stands and its minute has a batch."""

    def __init__(self, vector: Vector) -> None:
        self.block_ms, self.vector, self.vector_ms = TIME_MS + 1_000, vector, TIME_MS

    def pending_exits(self) -> list[PendingExit]:
        asked = ExitWord(asked_ms=ASKED_MS, market=40, long=1, size_e8=5)
        return [PendingExit(20, 0, asked, PositionWord(market=40, base_e8=7, event=5))]


class Refused:
    """As `Party`, of a venue that refuses every exit; with which prices it was asked."""

    def __init__(self) -> None:
        self.asked: list[Vector] = []

    def send(self, _contract: str, _function: str, *arguments: Any) -> None:
        self.asked.append(cast(Vector, arguments[:3]))
        raise Reverted("recovery: no price", "Recovery.execute_exit")


class Listed:
    """As `MarketNames`."""

    def of(self, market: int) -> str:
        return f"market {market}"


def look(vector: Vector, *, signers: bool) -> tuple[LettingOut, list[Vector]]:
    party = Refused()
    leaving = LettingOut(
        cast(Watch, Following(vector)),
        cast(Party, party),
        cast(MarketNames, Listed()),
        (lambda time_ms: vector_of(1, 40)) if signers else None,
    )
    leaving.run()
    return leaving, party.asked


@pytest.mark.parametrize("signers", [True, False])
def test_a_batch_that_opened_the_exits_market_is_enough(signers: bool) -> None:
    assert look(vector_of(40), signers=signers)[1] == [vector_of(40)]


def test_signers_are_asked_where_a_batch_opened_another_market_alone() -> None:
    assert look(vector_of(1), signers=True)[1] == [vector_of(1, 40)]
    leaving, asked = look(vector_of(1), signers=False)
    assert asked == [] and UNASKED in leaving.waiting[0]["reason"]
    assert isinstance(leaving.overdue[0], Misconfigured)
