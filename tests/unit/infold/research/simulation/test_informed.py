# SPDX-License-Identifier: Apache-2.0
"""E1b's flow: who trades, on what, under which name, and what the price does after news."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from infold.dealer.quoting import closed_forms
from infold.research.simulation.informed import DAY_S, Drawn, InformedFlow, drawn_flow

SEED = 20260301
CELL_DAY = 1e-5
FLOW = InformedFlow()


def draw(flow: InformedFlow, days: float = 1.0, path: int = 0) -> Drawn:
    return drawn_flow(flow, days, CELL_DAY, round(days / CELL_DAY), SEED, path)


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    return draw(FLOW, 5.0)


def test_uninformed_clients_ask_as_in_e0(drawn: Drawn) -> None:
    tape = drawn.tape
    uninformed = tape.informed == 0
    assert uninformed.sum() == pytest.approx(5 * 7_900, abs=4 * math.sqrt(5 * 7_900))
    rungs = np.bincount(tape.rung[uninformed], minlength=6) / uninformed.sum()
    assert rungs == pytest.approx(np.array(FLOW.truth.requests_per_day) / 3_950, abs=0.01)
    assert not drawn.hidden.news[uninformed].any()


def test_news_comes_at_its_rate_from_the_informed_alone(drawn: Drawn) -> None:
    news = drawn.hidden.news == 1
    assert news.sum() == pytest.approx(2_000, abs=4 * math.sqrt(2_000))
    assert (drawn.tape.informed[news] == 1).all()
    edges = drawn.hidden.edge_bp[news]
    will = drawn.tape.reservation_bp[news] / edges
    assert (
        0.25 <= will.min() and will.max() <= 1.0 and will.mean() == pytest.approx(0.625, abs=0.02)
    )
    assert 0.5 <= edges.min() and edges.max() <= 4.0
    decays = drawn.hidden.decay_day[news] * DAY_S
    assert 10.0 <= decays.min() and decays.max() <= 300.0


def test_half_of_what_the_informed_trade_at_e0s_quotes_is_their_own(drawn: Drawn) -> None:
    tape = drawn.tape
    forms = closed_forms(FLOW.truth)
    quoted = forms.markup_bp + forms.risk_bp_per_m / forms.concavity * tape.size_m
    trades = (tape.informed == 1) & (quoted <= tape.reservation_bp)
    news = drawn.hidden.news == 1
    own = tape.size_m[trades & ~news].sum()
    assert own / tape.size_m[trades].sum() == pytest.approx(0.5, abs=0.05)


def test_names_change_and_an_edge_belongs_to_a_name(drawn: Drawn) -> None:
    ids = drawn.tape.client
    # 200 clients for five days at one redraw a day: about a thousand redraws.
    assert len(np.unique(ids)) == pytest.approx(1_200, abs=110)
    for client in np.unique(ids[drawn.hidden.news == 1])[:20]:
        mine = ids == client
        assert len(np.unique(drawn.hidden.edge_bp[mine])) == 1
        assert (drawn.tape.informed[mine] == 1).all()
    fixed = draw(replace(FLOW, redraws_per_day=0.0))
    assert len(np.unique(fixed.tape.client)) == 200


def test_with_an_infinite_rate_every_order_has_a_name_of_its_own() -> None:
    fresh = draw(replace(FLOW, redraws_per_day=math.inf))
    assert len(np.unique(fresh.tape.client)) == len(fresh.tape.client)
    assert len(np.unique(fresh.hidden.edge_bp[fresh.hidden.news == 1])) > 300


def test_the_price_drifts_by_the_edge_after_news() -> None:
    """Every news item's own drift, from the formula, added up."""
    drawn = draw(FLOW, 0.2)
    tape, hidden = drawn.tape, drawn.hidden
    expected = np.zeros(len(drawn.drifts_bp) + 1)
    for mark in np.flatnonzero(hidden.news).tolist():
        begun = int(tape.time_day[mark] / CELL_DAY)
        ages = np.arange(0, min(len(drawn.drifts_bp) - begun, 8_000) + 1) * CELL_DAY
        gone = hidden.edge_bp[mark] * -np.expm1(-ages / hidden.decay_day[mark])
        expected[begun : begun + len(gone) - 1] += tape.side[mark] * np.diff(gone)
    assert drawn.drifts_bp == pytest.approx(expected[:-1], abs=1e-6)


def test_paths_draw_the_same_from_a_seed_and_differ_from_each_other() -> None:
    once, again, other = draw(FLOW, 0.1), draw(FLOW, 0.1), draw(FLOW, 0.1, path=1)
    for left, right in zip(once.tape, again.tape, strict=True):
        assert np.array_equal(left, right)
    assert np.array_equal(once.drifts_bp, again.drifts_bp)
    assert not np.array_equal(once.drifts_bp, other.drifts_bp)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"informed": 0}, "informed must lie in 1..199"),
        ({"informed": 200}, "informed"),
        ({"news_per_day": 0.0}, "news_per_day"),
        ({"edge_bp": (2.0, 1.0)}, "edge_bp"),
        ({"decay_s": (0.0, 1.0)}, "decay_s"),
        ({"willing": (0.5, math.inf)}, "willing"),
        ({"redraws_per_day": math.nan}, "redraws_per_day"),
    ],
)
def test_an_impossible_flow_is_refused(change: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        replace(FLOW, **change)  # type: ignore[arg-type]
