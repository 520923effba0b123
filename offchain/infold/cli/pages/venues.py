# SPDX-License-Identifier: Apache-2.0
"""What people read who run a venue: where it is, and what its keeper did."""

from __future__ import annotations

from infold.cli.layout import cells, pairs, plain, table
from infold.cli.pages import Document


def of_devnet(found: Document) -> list[str]:
    """Where it is, and keys to trade with; they are worth nothing."""
    contracts = [[name, address] for name, address in found["contracts"].items()]
    markets = [f"{one['id']} {one['name']}" for one in found["markets"]]
    accounts = [
        line for one in found["accounts"] for line in (f"{one['address']}", f"{one['private_key']}")
    ]
    names = [name for one in found["accounts"] for name in (str(one["id"]), "  key")]
    return [
        *pairs(
            [
                ("chain", f"{found['rpc_url']}, chain {found['chain_id']}"),
                ("venue", found["api_url"]),
                ("markets", cells(markets, 5)),
                ("signers", [one["address"] for one in found["oracle_signers"]]),
                ("needed", f"{found['k']} of {len(found['oracle_signers'])} signers"),
                ("matcher", found["matcher"]["address"]),
                ("refunds by", found["refund_payer"]["address"]),
                (
                    "governed by",
                    f"{found['owner']['address']}, guardian {found['guardian']['address']}",
                ),
                (
                    "key files",
                    f"{found['key_files']}/ has owner, guardian, matcher and refund_payer, for"
                    " --key-file",
                ),
            ]
        ),
        "",
        *table(["contract", "address"], contracts, left=2),
        "",
        *table(["account", "address"], zip(names, accounts, strict=True), left=2),
        "",
        "to trade, paste into another shell:",
        *_shell_lines(found),
    ]


def _shell_lines(found: Document) -> list[str]:
    """What makes the trader's commands find this venue, and a first one to try."""
    first = found["accounts"][0]
    market = found["markets"][0]["name"]
    return [
        f"  export INFOLD_API_URL={found['api_url']}",
        f"  export INFOLD_RPC_URL={found['rpc_url']}",
        f"  export INFOLD_PRIVATE_KEY={first['private_key']}",
        "  infold market list",
        f"  infold order place {first['id']} -m {market} --side buy --size 0.01 --price LIMIT",
    ]


def of_deployed(found: Document) -> list[str]:
    """What stands where, and the book that says so."""
    rest = {name: value for name, value in found.items() if name not in ("contracts", "ok")}
    return [*table(["contract", "address"], found["contracts"].items(), left=2), "", *plain(rest)]


def of_look(found: Document) -> list[str]:
    """What a keeper saw and did."""
    if found["vector_ms"]:
        return plain(found)
    rest = {name: value for name, value in found.items() if name != "vector_ms"}
    return plain({"vector": "none: no batch has landed yet"} | rest)
