# SPDX-License-Identifier: Apache-2.0
"""What people read who run a venue: how to trade with it, where it stands."""

from __future__ import annotations

from typing import Any

from tests.support.pages import HASH, text_of

from infold.cli.pages.venues import of_deployed, of_devnet, of_status

NOW_MS = 1_800_000_000_000


def test_a_devnet_says_how_to_trade_with_it() -> None:
    address, key = HASH[:42], HASH
    found = {
        "rpc_url": "http://127.0.0.1:53783",
        "api_url": "http://127.0.0.1:40879",
        "chain_id": 31_337,
        "contracts": {"Clearing": address},
        "markets": [
            {"id": 1, "name": "BTC-USD", "tick_e8": 10**7, "price_e8": str(60_000 * 10**8 + 10**7)}
        ],
        "accounts": [{"id": 17, "address": address, "private_key": key}],
        "matcher": {"address": address, "private_key": key},
        "refund_payer": {"address": address, "private_key": key},
        "owner": {"address": address, "private_key": key},
        "guardian": {"address": address, "private_key": key},
        "oracle_signers": [{"address": address, "private_key": key, "url": "http://127.0.0.1:5"}],
        "spare_signers": [{"address": address, "private_key": key, "url": "http://127.0.0.1:6"}],
        "book": "/var/dev net/addresses.json",
        "key_files": "/var/devnet/keys",
        "k": 1,
    }
    text = text_of(of_devnet(found))
    assert f"export INFOLD_API_URL={found['api_url']}\n" in text
    assert f"export INFOLD_RPC_URL={found['rpc_url']}\n" in text
    assert f"export INFOLD_PRIVATE_KEY={key}\n" in text
    assert "the owner's changes act at once, all but the vault's and the bond's" in text
    assert f'export INFOLD_SIGNERS="\n    {address}=http://127.0.0.1:5\n' in text
    assert "export INFOLD_BOOK='/var/dev net/addresses.json'\n" in text
    # 5 % above the price, on the tick: a price that fills, to be pasted as it is
    assert "infold order place 17 -m BTC-USD --side buy --size 0.01 --price 63000.1" in text
    assert f"infold govern oracle_signer {address} true \\\n" in text
    none = text_of(of_devnet(found | {"spare_signers": []}))
    assert "spare" not in none and "govern oracle_signer" not in none
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


BOUND = {
    "share": 0.0031,
    "limit_share": 0.005,
    "capital_e6_min": "165000000",
    "priced": [1, 2],
    "unpriced": [],
}
BOND = {"bond_e6": "0", "reserved_e6": "0", "reward_e6": "0", "withdrawal": None}


def status_of(**changes: Any) -> str:
    found = {
        "state": "running",
        "block": 70,
        "block_ms": NOW_MS,
        "batch": 12,
        "batch_ms": NOW_MS,
        "batches": None,
        "halt": None,
        "wind_down": None,
        "vault": {"accounted_e6": "0", "waiting_e6": "0"},
        "capital_e6": "270000000",
        "day_bound": BOUND,
        "insurance_e6": "0",
        "bond": BOND,
    }
    return text_of(of_status(found | changes))


def test_a_venue_says_what_a_day_may_take_and_which_capital_its_caps_suit() -> None:
    text = status_of()
    assert "at most 0.310%, limit 0.5%" in text
    assert "the caps suit $165.00 and more" in text
    some = status_of(day_bound=BOUND | {"unpriced": [7, 8]})
    assert "not counted, since no batch has priced them: markets 7, 8" in some


def test_a_venue_whose_batches_wait_says_why() -> None:
    waits = {"matched": NOW_MS, "settled": None, "postponed": 3, "reason": "1 of 2 views"}
    text = status_of(batches=waits)
    assert "1 of 2 views" in text and "settles batches" not in text
    assert "settles batches" in status_of(batches=waits | {"postponed": 0, "reason": None})
    assert "batches wait" not in status_of()


def test_before_any_batch_nothing_is_said_of_what_no_batch_has_priced() -> None:
    unpriced = BOUND | {"share": None, "capital_e6_min": "0", "priced": [], "unpriced": [1, 2]}
    first = {"batch": 0, "batch_ms": None, "capital_e6": "0", "day_bound": unpriced}
    text = status_of(**first)
    assert "last batch      none yet" in text
    assert "pool's capital  none before the first batch" in text
    assert "a day takes     not known before a batch has priced a market" in text
    assert "suit" not in text and "$0.00 and more" not in text
    # Capital can be there first: of no priced market there is still nothing to say.
    funded = status_of(day_bound=unpriced | {"share": 0.0025})
    assert "not known before a batch has priced a market" in funded and "0.250%" not in funded


def test_a_venue_without_capital_or_markets_says_so() -> None:
    poor = status_of(capital_e6="0", day_bound=BOUND | {"share": None})
    assert "nothing: the pool has no capital" in poor and "the caps suit $165.00" in poor
    none = BOUND | {"share": 0.0025, "capital_e6_min": "0"}
    assert "nothing: no market is listed" in status_of(day_bound=none | {"priced": []})
    text = status_of(day_bound=none)
    assert "at most 0.250%" in text and "the caps suit any capital" in text


def test_a_venue_that_has_ended_is_not_asked_what_a_day_takes() -> None:
    end = {"register_until_ms": NOW_MS}
    text = status_of(state="registering", wind_down=end, batch_ms=None)
    assert "debts are told until 2027-01-15 08:00:00" in text and "a day takes" not in text
