# SPDX-License-Identifier: Apache-2.0
"""When a refusal for being early ends, out of the words of the contract that gave it."""

from __future__ import annotations

from typing import Any, cast

import pytest

from infold.cli.moments import ENDS, until
from infold.shell.chain import Venue
from infold.utc import moment
from infold.words import (
    NEVER_MS,
    DelegateWord,
    ExitWord,
    FillWord,
    HeadWord,
    WithdrawalWord,
    pack_delegate,
    pack_exit,
    pack_fill,
    pack_head,
    pack_withdrawal,
)

NOW_MS, DAY_MS = 1_800_000_000_000, 86_400_000
PAYEE = "0x" + "ab" * 20


class Said:
    """A venue of one contract, which answers one read."""

    def __init__(self, contract: str, read: tuple[Any, ...], answer: Any) -> None:
        self.contract, self.read, self.answer = contract, read, answer

    def __getitem__(self, contract: str) -> Said:
        assert contract == self.contract
        return self

    def call(self, *read: Any) -> Any:
        assert read == self.read
        return self.answer


def told(reason: str, function: str, arguments: tuple[Any, ...], said: Said) -> str:
    return until(cast("Venue", said), reason, function, arguments)


HEAD = pack_head(HeadWord(3, NOW_MS, 5, NOW_MS + 60_000))
UNBORN = pack_head(HeadWord(epoch_end_ms=NOW_MS))
PENDING = pack_withdrawal(WithdrawalWord(7, NOW_MS))
CASES = [
    ("clearing: withdrawal not due", "", (17,), "Clearing", ("withdrawals", 17), PENDING, 15_000),
    ("clearing: withdrawal pending", "", (17,), "Clearing", ("withdrawals", 17), PENDING, 15_000),
    (
        "clearing: cancel too soon",
        "cancel_all",
        (17,),
        "Clearing",
        ("epoch_barriers", 17),
        NOW_MS,
        15_000,
    ),
    (
        "clearing: cancel too soon",
        "cancel",
        (17, 4, 9),
        "Clearing",
        ("fills", 17 * 256 + 4),
        pack_fill(FillWord(cancel_ms=NOW_MS)),
        15_000,
    ),
    ("clearing: not silent for a week", "", (), "Clearing", ("head",), HEAD, 7 * DAY_MS),
    ("clearing: not silent for a week", "", (), "Clearing", ("head",), UNBORN, 7 * DAY_MS),
    ("pool: nothing to take back", "", (5, PAYEE), "Clearing", ("head",), HEAD, 60_000),
    (
        "delegates: still live",
        "grant",
        (17, PAYEE),
        "Delegates",
        ("delegates", 17, PAYEE),
        pack_delegate(DelegateWord(1, 1, NOW_MS)),
        15_000,
    ),
    (
        "recovery: exit pending",
        "force_reduce",
        (17, 2, 100),
        "Recovery",
        ("exits", 17 * 16 + 2),
        pack_exit(ExitWord(asked_ms=NOW_MS)),
        60_000,
    ),
    (
        "recovery: registration is not over",
        "claim",
        (17,),
        "Recovery",
        ("wound_ms",),
        NOW_MS,
        7 * DAY_MS,
    ),
    (
        "governance: halted lately",
        "halt",
        (60,),
        "Governance",
        ("halted_until_s",),
        NOW_MS // 1000,
        14 * DAY_MS,
    ),
    ("vault: too early", "", (), "Vault", ("replaced_from_s",), NOW_MS // 1000, 0),
    (
        "bond: withdrawal not due",
        "withdraw",
        (),
        "Bond",
        ("withdrawal",),
        (PAYEE, 1, 0, NOW_MS // 1000),
        0,
    ),
    (
        "bond: window is not over",
        "pay",
        (b"hash",),
        "Bond",
        ("claims", b"hash"),
        NOW_MS // 1000 << 96 | 7,
        0,
    ),
]


@pytest.mark.parametrize(
    ("reason", "function", "arguments", "contract", "read", "answer", "after_ms"), CASES
)
def test_a_refusal_says_when_it_ends(
    reason: str,
    function: str,
    arguments: tuple[Any, ...],
    contract: str,
    read: tuple[Any, ...],
    answer: Any,
    after_ms: int,
) -> None:
    said = told(reason, function, arguments, Said(contract, read, answer))
    assert said == f": after {moment(NOW_MS + after_ms)}"


def test_every_refusal_that_ends_is_tried() -> None:
    """But for changes of governance, which a devnet tries (tests/devnet/test_governing.py)."""
    tried = {case[0] for case in CASES}
    assert {reason for reason in set(ENDS) - tried if "change pending" not in reason} == set()


def test_what_never_ends_or_never_began_names_no_moment() -> None:
    never = pack_withdrawal(WithdrawalWord(7, NEVER_MS))
    read = ("withdrawals", 0)
    assert told("clearing: withdrawal not due", "", (0,), Said("Clearing", read, never)) == ""
    assert told("clearing: not the owner", "", (0,), Said("Clearing", read, never)) == ""
    assert told("clearing: withdrawal not due", "", (0,), Said("Clearing", read, 0)) == ""
    other_epoch = Said("Clearing", ("head",), HEAD)
    assert told("pool: nothing to take back", "", (4, PAYEE), other_epoch) == ""
