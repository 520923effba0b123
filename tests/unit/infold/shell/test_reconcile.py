# SPDX-License-Identifier: Apache-2.0
"""What a comparison of engine and chain came to, a line a finding."""

from __future__ import annotations

from dataclasses import replace

from infold.shell.reconcile import Difference, Reconciliation

EVEN = Reconciliation(
    block=7,
    words=100,
    accounts=20,
    accounted_e6=12_500_000,
    claims_e6=12_500_000,
    balance_e6=12_500_001,
    differences=(),
)


def test_equal_sides_and_a_vault_that_holds_enough_are_well() -> None:
    assert EVEN.ok and EVEN.report() == []
    assert replace(EVEN, balance_e6=EVEN.accounted_e6).ok


def test_a_word_that_differs_is_told_by_its_place_on_both_sides() -> None:
    found = replace(EVEN, differences=(Difference("positions[272]", 0, 255),))
    assert not found.ok
    assert found.report() == ["positions[272]: engine 0x0, chain 0xff"]


def test_claims_beyond_what_is_accounted_for_are_told_as_money() -> None:
    found = replace(EVEN, claims_e6=12_500_001)
    assert not found.ok
    assert found.report() == ["claims add up to 12.500001, the vault accounts for 12.5"]


def test_a_vault_that_holds_too_little_says_of_how_much() -> None:
    found = replace(EVEN, balance_e6=12_000_000)
    assert not found.ok
    assert found.report() == ["the vault holds 12 of 12.5 accounted for"]
