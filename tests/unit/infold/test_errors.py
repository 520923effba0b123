# SPDX-License-Identifier: Apache-2.0
"""The error tree: codes, advice, and what survives a process boundary."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import pytest

from infold import errors
from infold.errors import (
    CODES,
    REWORDED,
    InfoldError,
    InvariantBroken,
    Misconfigured,
    Rejected,
    Unavailable,
    advice_of,
)

OFFCHAIN = Path(errors.__file__).parent


def test_a_rejection_says_what_happened_and_what_to_do_next() -> None:
    refusal = Rejected("PRICE_TICK", "price", "the tick is 0.1")
    assert refusal.code == "PRICE_TICK"
    assert refusal.param == "price"
    assert refusal.message == "the tick is 0.1; round the price to the market's tick"
    assert str(refusal).startswith("PRICE_TICK (price): the tick is 0.1")


def test_readers_get_better_words_than_the_journal_keeps() -> None:
    """The journal's are part of its hash, so they stay as they were first written."""
    short = Rejected("INSUFFICIENT_MARGIN", None, "1.5 of collateral is missing")
    assert short.message == (
        "1.5 of collateral is missing; deposit, cancel or reduce first; margin would not suffice"
    )
    assert short.told.startswith("1.5 of collateral is missing; deposit that much, cancel orders")
    assert short.told.endswith("than its positions, its open orders and this one require")
    assert str(short) == f"INSUFFICIENT_MARGIN: {short.told}"
    short.message = short.told  # as a client has it from the venue
    assert str(short) == f"INSUFFICIENT_MARGIN: {short.told}"
    for code in set(CODES) - set(REWORDED):
        assert Rejected(code).told == Rejected(code).message == advice_of(code)


def test_an_unknown_code_cannot_be_raised() -> None:
    with pytest.raises(KeyError):
        Rejected("NO_SUCH_CODE")


def test_a_rejection_survives_a_process_boundary() -> None:
    refusal = Rejected("EPOCH", "epoch", "the account's epoch is 4")
    copy = pickle.loads(pickle.dumps(refusal))
    assert (copy.code, copy.param, copy.message) == (refusal.code, refusal.param, refusal.message)


def test_each_branch_stands_alone_under_one_root() -> None:
    branches = {Rejected, Unavailable, InvariantBroken, Misconfigured}
    assert set(InfoldError.__subclasses__()) >= branches
    assert all(not issubclass(a, b) for a in branches for b in branches if a is not b)


def test_codes_are_spelled_alike_and_advise_in_one_line() -> None:
    assert set(REWORDED) < set(CODES)
    for code, advice in [*CODES.items(), *REWORDED.items()]:
        assert re.fullmatch(r"[A-Z][A-Z_]+[A-Z]", code), code
        assert advice and "\n" not in advice and not advice.endswith("."), code


def test_every_code_raised_in_admission_is_listed() -> None:
    text = (OFFCHAIN / "core" / "admission.py").read_text(encoding="utf-8")
    raised = set(re.findall(r'Rejected\(\s*"([A-Z_]+)"', text))
    assert raised
    assert raised <= set(CODES)
