# SPDX-License-Identifier: Apache-2.0
"""What people read who run a venue or watch one: where it is, how it stands."""

from __future__ import annotations

import shlex

from infold.cli.layout import cells, clock, count, dollars, pairs, percent, plain, table
from infold.cli.pages import Document, Line
from infold.cli.pages.outcomes import batches_wait
from infold.units import PRICE_DECIMALS, format_decimal

STATES = {
    "running": "settles batches",
    "silent": "no batch for a week: anyone may end it, `infold wind-down start`",
    "registering": "wound down: no order is taken any more, debts are told (`infold wind-down`)",
    "paying": "wound down: no order is taken any more, everyone claims (`infold wind-down`)",
}


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
                ("signers", [_signer(one) for one in found["oracle_signers"]]),
                ("needed", f"{found['k']} of {len(found['oracle_signers'])} signers"),
                *_spare(found["spare_signers"], found["key_files"]),
                ("matcher", found["matcher"]["address"]),
                ("refunds by", found["refund_payer"]["address"]),
                (
                    "governed by",
                    f"{found['owner']['address']}, guardian {found['guardian']['address']}",
                ),
                ("book", found["book"]),
                (
                    "sealed",
                    "no: the owner's changes act at once, all but the vault's and the bond's",
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
        "to trade, or to leave, paste into another shell:",
        *_shell_lines(found),
    ]


def _signer(one: Document) -> str:
    """As `infold keeper --signer` takes it."""
    return f"{one['address']}={one['url']}"


def _spare(signers: list[Document], key_files: str) -> list[Line]:
    """Signers that run and that governance has not named."""
    if not signers:
        return []
    named = [
        f"infold govern oracle_signer {signers[0]['address']} true \\",
        f"  --key-file {shlex.quote(key_files)}/owner",
    ]
    return [("spare signers", [_signer(one) for one in signers]), ("to name one", named)]


def _shell_lines(found: Document) -> list[str]:
    """What makes everybody's commands find this venue, and a first order that fills."""
    first, market = found["accounts"][0], found["markets"][0]
    signers = [*found["oracle_signers"], *found["spare_signers"]]
    limit = format_decimal(_limit_e8(market), PRICE_DECIMALS)
    return [
        f"  export INFOLD_API_URL={found['api_url']}",
        f"  export INFOLD_RPC_URL={found['rpc_url']}",
        f"  export INFOLD_BOOK={shlex.quote(found['book'])}",
        '  export INFOLD_SIGNERS="',
        *(f"    {_signer(one)}" for one in signers),
        '  "',
        f"  export INFOLD_PRIVATE_KEY={first['private_key']}",
        "  infold market list",
        f"  infold order place {first['id']} -m {market['name']} --side buy --size 0.01"
        f" --price {limit}",
    ]


def _limit_e8(market: Document) -> int:
    """A buy's limit so far above a market's price that it fills for days to come; it pays the
    market's own price all the same.
    """
    limit_e8 = int(market["price_e8"]) * 105 // 100
    return limit_e8 - limit_e8 % int(market["tick_e8"])


def of_deployed(found: Document) -> list[str]:
    """What stands where, and the book that says so."""
    rest = {name: value for name, value in found.items() if name not in ("contracts", "ok")}
    return [*table(["contract", "address"], found["contracts"].items(), left=2), "", *plain(rest)]


def of_status(found: Document) -> list[str]:
    """How a venue stands, by its contracts alone."""
    bond, halt = found["bond"], found["halt"]
    taken = bond["withdrawal"]
    batch = "none yet" if not found["batch"] else count(found["batch"])
    if found["batch_ms"]:
        batch += f", of {clock(found['batch_ms'])}"
    end = found["wind_down"]
    waits = batches_wait(found["batches"])
    state = ["batches wait, for the reason below" if waits else STATES[found["state"]]]
    if end is not None:
        state.append(f"debts are told until {clock(end['register_until_ms'])}")
    if halt is not None:
        state.append(f"only shrinks from {clock(halt['from_ms'])} to {clock(halt['until_ms'])}")
    capital = dollars(found["capital_e6"])
    if not found["batch"] and not int(found["capital_e6"]):
        capital = "none before the first batch"
    return pairs(
        [
            ("state", state),
            ("block", f"{count(found['block'])}, {clock(found['block_ms'])}"),
            ("last batch", batch),
            *waits,
            (
                "vault",
                f"{dollars(found['vault']['accounted_e6'])}, of it"
                f" {dollars(found['vault']['waiting_e6'])} in its queue",
            ),
            ("pool's capital", capital),
            *([("a day takes", _day_takes(found["day_bound"]))] if end is None else []),
            ("insurance", dollars(found["insurance_e6"])),
            (
                "matcher's bond",
                f"{dollars(bond['bond_e6'])}, of it {dollars(bond['reserved_e6'])} reserved;"
                f" {dollars(bond['reward_e6'])} an order left out"
                + (f"; {dollars(taken['amount_e6'])} on its way out" if taken else ""),
            ),
        ]
    )


def _day_takes(bound: Document) -> list[str]:
    """What a day of hindsight may take; of markets that no batch has priced nothing is known."""
    share, unpriced = bound["share"], bound["unpriced"]
    if not bound["priced"]:
        return [
            "not known before a batch has priced a market"
            if unpriced
            else "nothing: no market is listed"
        ]
    suit_e6 = int(bound["capital_e6_min"])
    lines = [
        "nothing: the pool has no capital"
        if share is None
        else f"at most {percent(share, 3)}, limit {percent(bound['limit_share'])}",
        f"the caps suit {dollars(suit_e6)} and more" if suit_e6 else "the caps suit any capital",
    ]
    if unpriced:
        numbers = ", ".join(map(str, unpriced))
        lines.append(f"not counted, since no batch has priced them: markets {numbers}")
    return lines
