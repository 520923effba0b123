# SPDX-License-Identifier: Apache-2.0
"""Allowances by signature (ERC-2612), as any other wallet signs them."""

from __future__ import annotations

from eth_account import Account
from eth_account.messages import encode_typed_data

from infold.sdk.wallet import Wallet

MEMBERS = ("owner", "spender", "value", "nonce", "deadline")
KINDS = ("address", "address", "uint256", "uint256", "uint256")


def test_a_permit_is_what_a_generic_library_signs() -> None:
    wallet, spender = Wallet(b"\x07" * 32), b"\x09" * 20
    domain = {
        "name": "A Dollar",
        "version": "2",
        "chainId": 5,
        "verifyingContract": "0x" + "5" * 40,
    }
    values = ("0x" + wallet.address.hex(), "0x" + spender.hex(), 2**200, 3, 1_900_000_000)
    typed = encode_typed_data(
        domain,
        {"Permit": [{"name": n, "type": k} for n, k in zip(MEMBERS, KINDS, strict=True)]},
        dict(zip(MEMBERS, values, strict=True)),
    )
    v, r, s = wallet.sign_permit(typed.header, spender, 2**200, 3, 1_900_000_000)
    signed = Account.sign_message(typed, wallet.private_key)
    assert (v, int.from_bytes(r, "big"), int.from_bytes(s, "big")) == (
        signed.v,
        signed.r,
        signed.s,
    )
