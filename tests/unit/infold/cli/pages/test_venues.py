# SPDX-License-Identifier: Apache-2.0
"""What people read who run a venue: how to trade with it, where it stands, what a keeper saw."""

from __future__ import annotations

from tests.support.pages import HASH, text_of

from infold.cli.pages.venues import of_deployed, of_devnet, of_look

NOW_MS = 1_800_000_000_000


def test_a_devnet_says_how_to_trade_with_it() -> None:
    address, key = HASH[:42], HASH
    found = {
        "rpc_url": "http://127.0.0.1:53783",
        "api_url": "http://127.0.0.1:40879",
        "chain_id": 31_337,
        "contracts": {"Clearing": address},
        "markets": [{"id": 1, "name": "BTC-USD", "tick_e8": 10**7}],
        "accounts": [{"id": 17, "address": address, "private_key": key}],
        "matcher": {"address": address, "private_key": key},
        "refund_payer": {"address": address, "private_key": key},
        "owner": {"address": address, "private_key": key},
        "guardian": {"address": address, "private_key": key},
        "oracle_signers": [{"address": address, "private_key": key}],
        "key_files": "/var/devnet/keys",
        "k": 1,
    }
    text = text_of(of_devnet(found))
    assert f"export INFOLD_API_URL={found['api_url']}\n" in text
    assert f"export INFOLD_RPC_URL={found['rpc_url']}\n" in text
    assert f"export INFOLD_PRIVATE_KEY={key}\n" in text
    assert "infold order place 17 -m BTC-USD --side buy" in text
    assert "/var/devnet/keys/ has owner, guardian, matcher and refund_payer" in text


def test_what_was_deployed_is_a_table_of_addresses() -> None:
    found = {"chain_id": 31_337, "contracts": {"Vault": "0x12"}, "book": "book.json", "ok": True}
    assert of_deployed(found) == [
        "contract  address",
        "Vault     0x12",
        "",
        "chain id  31337",
        "book      book.json",
    ]


def test_a_keeper_without_a_batch_says_that_there_was_none() -> None:
    assert of_look({"block": 7, "vector_ms": 0})[0] == "vector  none: no batch has landed yet"
    assert of_look({"block": 7, "vector_ms": NOW_MS})[1] == "vector  2027-01-15 08:00:00.000 UTC"
