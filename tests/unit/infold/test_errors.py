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
    InfoldError,
    InvariantBroken,
    Misconfigured,
    Rejected,
    Unavailable,
    without_numbers,
)

OFFCHAIN = Path(errors.__file__).parent


def test_a_rejection_says_what_happened_and_what_to_do_next() -> None:
    refusal = Rejected("PRICE_TICK", "price", "the tick is 0.1")
    assert refusal.code == "PRICE_TICK"
    assert refusal.param == "price"
    assert refusal.message == "the tick is 0.1; round the price to the market's tick"
    assert str(refusal).startswith("PRICE_TICK (price): the tick is 0.1")


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
    for code, advice in CODES.items():
        assert re.fullmatch(r"[A-Z][A-Z_]+[A-Z]", code), code
        assert advice and "\n" not in advice and not advice.endswith("."), code


def test_every_code_raised_in_admission_is_listed() -> None:
    text = (OFFCHAIN / "core" / "admission.py").read_text(encoding="utf-8")
    raised = set(re.findall(r'Rejected\(\s*"([A-Z_]+)"', text))
    assert raised
    assert raised <= set(CODES)


def test_messages_are_the_same_but_for_their_numbers_where_they_name_the_same_things() -> None:
    one, two = "0x" + "ab" * 20, "0x" + "cd" * 20

    def told(time_ms: int, market: int, who: str, sent: str) -> str:
        return (
            f"no price vector for {time_ms}: market {market} of {who}, 0x{sent * 32}, block 1,234"
        )

    first = without_numbers(told(1_800_000_000_000, 5, one, "ab"))
    assert first == without_numbers(told(1_800_000_001_000, 5, one, "07"))
    assert first != without_numbers(told(1_800_000_000_000, 6, one, "ab"))
    assert first != without_numbers(told(1_800_000_000_000, 5, two, "ab"))
