# SPDX-License-Identifier: Apache-2.0
"""Vault.receive: tokens in, exactly as many as said (C4)."""

from __future__ import annotations

import pytest
from tests.support.evm import ZERO, Key, Refused, refuses

from .conftest import CLEARING, PAYER, POOL, STRANGER, Custody, a_vault


@pytest.mark.parametrize("caller", [CLEARING, POOL])
def test_receive_takes_exactly_the_amount_for_clearing_and_pool(
    custody: Custody, caller: Key
) -> None:
    receipt = custody.vault.receive(PAYER.address, 700, sender=caller)
    assert receipt.only("Received") == {
        "sender": PAYER.address.lower(),
        "amount_e6": 700,
        "accounted_e6": 700,
    }
    assert custody.vault.accounted_e6() == 700
    assert custody.token.balanceOf(custody.vault.address) == 700


@pytest.mark.parametrize("caller", [STRANGER, PAYER])
def test_receive_rejects_any_other_caller(custody: Custody, caller: Key) -> None:
    with refuses(custody.world, "vault: not clearing or pool"):
        custody.vault.receive(PAYER.address, 1, sender=caller)


def test_receive_ignores_a_donation_made_before(custody: Custody) -> None:
    custody.token.transfer(custody.vault.address, 300, sender=PAYER)
    custody.vault.receive(PAYER.address, 200, sender=CLEARING)
    assert custody.vault.accounted_e6() == 200
    assert custody.token.balanceOf(custody.vault.address) == 500


def test_receive_passes_on_the_tokens_own_refusal(custody: Custody) -> None:
    with refuses(custody.world, "erc20: transfer amount exceeds balance"):
        custody.vault.receive(PAYER.address, 1_001, sender=CLEARING)
    assert custody.vault.accounted_e6() == 0


def test_receive_works_with_a_token_that_returns_nothing(mute: Custody) -> None:
    mute.vault.receive(PAYER.address, 700, sender=CLEARING)
    assert mute.token.balanceOf(mute.vault.address) == mute.vault.accounted_e6() == 700


def test_receive_rejects_a_token_that_returns_false(odd: Custody) -> None:
    odd.token.misbehave(True, 0, ZERO, b"", sender=PAYER)
    with refuses(odd.world, "vault: token refused"):
        odd.vault.receive(PAYER.address, 700, sender=CLEARING)


def test_receive_rejects_a_fee_on_the_way(odd: Custody) -> None:
    odd.vault.receive(PAYER.address, 100, sender=CLEARING)
    odd.token.misbehave(False, 1, ZERO, b"", sender=PAYER)
    with refuses(odd.world, "vault: wrong amount received"):
        odd.vault.receive(PAYER.address, 700, sender=CLEARING)
    assert odd.vault.accounted_e6() == 100


def test_receive_takes_nothing_in_while_tokens_are_missing(odd: Custody) -> None:
    odd.vault.receive(PAYER.address, 500, sender=CLEARING)
    odd.token.rebase(odd.vault.address, 499, sender=STRANGER)
    with refuses(odd.world, "vault: tokens are missing"):
        odd.vault.receive(PAYER.address, 1, sender=CLEARING)
    assert odd.vault.accounted_e6() == 500
    odd.token.rebase(odd.vault.address, 500, sender=STRANGER)
    odd.vault.receive(PAYER.address, 1, sender=CLEARING)


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("outflow_limits", ()),
        ("flow", ()),
        ("queued_e6", ()),
        ("freed_e6", ()),
        ("quotas", (STRANGER.address,)),
        ("tickets", (0,)),
        ("ticket_count", ()),
        ("waiting_e6", ()),
    ],
)
def test_the_queue_shows_nobody_half_of_a_movement(
    odd: Custody, name: str, args: tuple[object, ...]
) -> None:
    message = odd.vault.calldata(name, *args)
    odd.token.call(odd.vault.address, message, sender=STRANGER)
    odd.token.misbehave(False, 0, odd.vault.address, message, sender=PAYER)
    with refuses(odd.world, ""):
        odd.vault.receive(PAYER.address, 500, sender=CLEARING)
    assert odd.vault.accounted_e6() == 0


def test_receive_rejects_a_token_without_code(custody: Custody) -> None:
    vault = a_vault(custody.world, STRANGER.address)
    with refuses(custody.world, ""):
        vault.receive(PAYER.address, 1, sender=CLEARING)


@pytest.mark.parametrize("inner", ["receive", "release"])
@pytest.mark.parametrize("outer", ["receive", "release"])
def test_no_call_of_the_vault_may_begin_inside_another(
    odd: Custody, outer: str, inner: str
) -> None:
    """The token stands in the place of Clearing here, so that only the lock can refuse it."""
    token = odd.token
    vault = a_vault(odd.world, token.address, token.address)
    vault.receive(PAYER.address, 500, sender=POOL)
    message = vault.calldata(inner, PAYER.address, 1)
    token.call(vault.address, message, sender=STRANGER)
    token.misbehave(False, 0, vault.address, message, sender=PAYER)
    with pytest.raises(Refused):
        getattr(vault, outer)(PAYER.address, 100, sender=POOL)
    token.misbehave(False, 0, ZERO, b"", sender=PAYER)
    getattr(vault, outer)(PAYER.address, 100, sender=POOL)
