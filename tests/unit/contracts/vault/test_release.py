# SPDX-License-Identifier: Apache-2.0
"""Vault.release: tokens out, exactly as many as said, never more than were accounted for (C4)."""

from __future__ import annotations

import pytest
from tests.support.evm import ZERO, Key, refuses

from .conftest import CLEARING, PAYER, POOL, STRANGER, Custody


@pytest.mark.parametrize("caller", [CLEARING, POOL])
def test_release_pays_exactly_the_amount_for_clearing_and_pool(
    custody: Custody, caller: Key
) -> None:
    custody.vault.receive(PAYER.address, 700, sender=CLEARING)
    receipt = custody.vault.release(STRANGER.address, 250, sender=caller)
    assert receipt.only("Released") == {
        "to": STRANGER.address.lower(),
        "amount_e6": 250,
        "accounted_e6": 450,
    }
    assert custody.vault.accounted_e6() == 450
    assert custody.token.balanceOf(STRANGER.address) == 250


def test_release_rejects_any_other_caller(custody: Custody) -> None:
    custody.vault.receive(PAYER.address, 700, sender=CLEARING)
    with refuses(custody.world, "vault: not clearing or pool"):
        custody.vault.release(STRANGER.address, 1, sender=STRANGER)


def test_release_rejects_more_than_is_accounted_for_even_after_a_donation(
    custody: Custody,
) -> None:
    custody.vault.receive(PAYER.address, 400, sender=CLEARING)
    custody.token.transfer(custody.vault.address, 300, sender=PAYER)
    with refuses(custody.world, "vault: more than accounted"):
        custody.vault.release(STRANGER.address, 401, sender=CLEARING)
    custody.vault.release(STRANGER.address, 400, sender=CLEARING)
    assert custody.vault.accounted_e6() == 0


def test_release_works_with_a_token_that_returns_nothing(mute: Custody) -> None:
    mute.vault.receive(PAYER.address, 700, sender=CLEARING)
    mute.vault.release(STRANGER.address, 700, sender=POOL)
    assert mute.token.balanceOf(STRANGER.address) == 700


def test_release_rejects_a_token_that_returns_false(odd: Custody) -> None:
    odd.vault.receive(PAYER.address, 700, sender=CLEARING)
    odd.token.misbehave(True, 0, ZERO, b"", sender=PAYER)
    with refuses(odd.world, "vault: token refused"):
        odd.vault.release(STRANGER.address, 700, sender=CLEARING)
    assert odd.vault.accounted_e6() == 700


def test_release_rejects_a_payment_that_does_not_leave(custody: Custody) -> None:
    custody.vault.receive(PAYER.address, 700, sender=CLEARING)
    with refuses(custody.world, "vault: wrong amount released"):
        custody.vault.release(custody.vault.address, 1, sender=CLEARING)
