# SPDX-License-Identifier: Apache-2.0
"""Which logs say that a refund was paid, and when a payer has to wait."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from infold.errors import Unavailable
from infold.shell.chain import Log
from infold.shell.refunds import Deposit, deposits_of, standing_of

PAYER, OTHER = b"\1" * 20, b"\2" * 20


def a_log(name: str, transaction: int, **arguments: Any) -> Log:
    contract = {"Received": "Vault", "CollateralMoved": "Clearing"}[name]
    return Log(contract, name, arguments, 7, bytes(32), bytes([transaction]) * 32, 0)


def moved(account: int, amount_e6: int, transaction: int = 1) -> Log:
    return a_log("CollateralMoved", transaction, account=account, amount_e6=amount_e6, word=0)


def received(sender: bytes, amount_e6: int, transaction: int = 1) -> Log:
    return a_log("Received", transaction, sender=sender, amount_e6=amount_e6, accounted_e6=0)


def test_a_deposit_of_the_paying_key_is_a_refund_and_nothing_else_is() -> None:
    logs = [
        moved(17, 5),
        received(PAYER, 5),
        moved(18, 6, 2),
        received(OTHER, 6, 2),  # somebody else's money
        moved(19, 7, 3),  # a liquidation's
        received(PAYER, 8, 4),  # liquidity
        moved(20, 9, 5),
        received(PAYER, 9, 6),  # of another transaction
        moved(21, -3, 7),
        received(PAYER, 3, 7),
    ]
    assert deposits_of(PAYER, logs) == [Deposit(17, 5, 7, bytes([1]) * 32)]


def a_venue(latest: int, pending: int) -> Any:
    counts = {hex(40): hex(latest), "pending": hex(pending)}

    def call(method: str, *arguments: Any) -> Any:
        if method == "eth_getTransactionCount":
            return counts[arguments[1]]
        assert method == "eth_getBlockByNumber"
        none = "0x" + "00" * 32
        return {"number": hex(40), "timestamp": "0x1", "hash": none, "parentHash": none}

    def logs(first: int, last: int) -> list[Log]:
        assert (first, last) == (31, 40)
        return [moved(17, 5), received(PAYER, 5)]

    return SimpleNamespace(rpc=SimpleNamespace(call=call), logs=logs)


def test_nonce_and_deposits_are_of_one_block() -> None:
    found = standing_of(a_venue(3, 3), PAYER, 30)
    assert (found.block, found.nonce) == (40, 3)
    assert [deposit.account for deposit in found.deposits] == [17]


def test_while_a_payment_is_under_way_nothing_is_known() -> None:
    with pytest.raises(Unavailable, match="nonce 3 is not mined yet"):
        standing_of(a_venue(3, 4), PAYER, 30)
