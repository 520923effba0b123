# SPDX-License-Identifier: Apache-2.0
"""What Clearing asks Recovery of a position that does not begin as its market's mark does, and what
it makes of the answer: an adviser stands in for Recovery, and says what no Recovery would.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from tests.support.compiler import ROOT, compiled_at
from tests.support.evm import Contract, Key, World, a_key, refuses
from tests.support.stage import BUYER, ORACLE, Stage, set_up
from tests.support.venue import DOLLAR, a_venue

ADVISER = ROOT / "tests" / "support" / "contracts" / "Adviser.vy"
STRANGER = a_key("stranger")
EXIT = 1 << 216
EVENT = 2 << 216
DELEVERAGED = 23


@dataclass
class Advised:
    """A stage whose buyer is long in both markets, and who is asked in Recovery's place."""

    stage: Stage
    adviser: Contract

    def tell(self, answer: int, key: int = 0, time_ms: int = 0) -> None:
        """Let the adviser answer a question of this position and time, and leave all others."""
        self.adviser.tell(key, time_ms, answer, sender=STRANGER)

    def mark(self, bits: int, place: int) -> None:
        """Let the buyer's position begin otherwise than its market's mark."""
        key = self.stage.buyer << 4 | place
        self.stage.books.put("positions", key, self.stage.venue.clearing.positions(key) ^ bits)

    def reasons(self) -> list[int]:
        """Why the buyer may not buy a lot more of market 1, a second from now."""
        plans = [self.stage.buy(size_e8=1, slot=1), self.stage.sell(size_e8=1, slot=1)]
        return [event["reason"] for event in self.stage.settle(plans).all("Skipped")]


@pytest.fixture(scope="module")
def kept_advised() -> Advised:
    author = a_key("author of the adviser")
    stand_in = Key("adviser", b"", World().predict(author.address))
    stage = set_up(a_venue(epoch_ms=86_400_000, stand_ins={"recovery": stand_in}))
    adviser = stage.venue.world.deploy(compiled_at(ADVISER), sender=author)
    for market in (1, 2):
        stage.cross(market=market)
    return Advised(stage, adviser)


@pytest.fixture
def advised(kept_advised: Advised) -> Iterator[Advised]:
    with kept_advised.stage.venue.world.anchored():
        yield kept_advised


@pytest.mark.parametrize(
    ("answer", "reason"), [(18, 18), (31, 31), (32, 16), (1 << 240 | EVENT, 16)]
)
def test_an_answer_below_32_is_the_reason_to_skip_and_any_other_a_mark(
    advised: Advised, answer: int, reason: int
) -> None:
    """Of this place and the batch's time; and a mark must be the market's, with its last event."""
    advised.mark(EXIT, place=0)
    stage = advised.stage
    advised.tell(answer, stage.buyer << 4, stage.venue.world.now_ms + 1_000)
    assert advised.reasons() == [reason]


def test_of_what_no_fill_touches_it_only_matters_whether_it_is_to_be_folded(
    advised: Advised,
) -> None:
    """An exit alone is no question; a deleveraging is one of no place and no time."""
    advised.tell(DELEVERAGED)
    advised.mark(EXIT, place=1)
    assert advised.reasons() == []
    advised.mark(EVENT, place=1)
    assert advised.reasons() == [DELEVERAGED]


def test_what_is_to_be_folded_is_valued_by_nobody_before(advised: Advised) -> None:
    advised.tell(DELEVERAGED)
    advised.mark(EXIT, place=1)
    stage = advised.stage
    stage.venue.clearing.request_withdrawal(stage.buyer, DOLLAR, sender=BUYER)
    stage.venue.world.travel(19)
    given = stage.venue.presented(stage.venue.a_vector(ORACLE))
    with stage.venue.world.anchored():
        paid = stage.venue.clearing.claim_withdrawal(stage.buyer, *given, sender=STRANGER)
        assert paid.value == DOLLAR
    advised.mark(EVENT, place=1)
    with refuses(stage.venue.world, "clearing: fold first"):
        stage.venue.clearing.claim_withdrawal(stage.buyer, *given, sender=STRANGER)
