# SPDX-License-Identifier: Apache-2.0
"""What people read of each command's object: the figures that matter, grouped, in plain lines.

`--json` has the whole object; nothing here changes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from infold.cli.layout import (
    cells,
    clock,
    count,
    decimal_dollars,
    dollars,
    grouped,
    pairs,
    percent,
    scaled,
    table,
    yes,
)

Document = Mapping[str, Any]
Page = Callable[[Document], list[str]]
Rows = Callable[[Sequence[Document]], list[str]]
Line = tuple[str, str | Sequence[str]]
INVARIANTS_A_LINE = 6


# -- runs --------------------------------------------------------------------------


def of_run(found: Document) -> list[str]:
    """The demo or a replay on about thirty lines."""
    orders = found["orders"]
    traded_e6 = int(found["notional_e6"])
    gas = found["gas"]
    lines: list[Line] = [
        (
            "orders",
            [
                f"{count(orders['signed'])} signed: {count(orders['accepted'])} accepted,"
                f" {count(orders['rejected'])} rejected",
                ", ".join(
                    f"{count(orders[name])} {name}"
                    for name in ("filled", "expired", "cancelled", "skipped", "lapsed")
                ),
            ],
        ),
        (
            "rejects",
            cells((f"{n:>4,} {code}" for code, n in found["rejects"].items()), 3) or "none",
        ),
        (
            "traded",
            f"{dollars(traded_e6)} in {count(found['fills'])} fills, {count(found['batches'])}"
            f" batches, {count(found['markets'])} markets, {count(found['accounts'])} accounts",
        ),
        *(
            (f"  {name}", f"{percent(found[key]):>6}  {dollars(round(traded_e6 * found[key]))}")
            for name, key in (
                ("crossed", "crossed_share"),
                ("pool", "pool_share"),
                ("outside", "outside_share"),
            )
        ),
        ("improvement", _improvement(found)),
        (
            "gas",
            f"{count(gas['total'])}: {count(gas['per_order'])} an order, the largest batch"
            f" {count(gas['largest_batch'])}",
        ),
        *_recorded(found),
        ("invariants", _invariants(found["invariants"])),
        ("reconciled", yes(found["reconciled"])),
        (
            "chain",
            [
                f"{found['chain']['chain_id']}, {count(found['chain']['blocks'])} blocks, state",
                found["chain"]["state_hash"],
            ],
        ),
        ("journal", [f"{count(found['journal']['seq'])} entries, hash", found["journal"]["hash"]]),
        ("ok", f"{yes(found['ok'])}, in {found['seconds']:.1f} s"),
    ]
    return pairs(lines)


def _improvement(found: Document) -> str:
    improvement = found["improvement_bps"]
    if improvement is None:
        return "nothing to compare with"
    against = "the recorded price" if "recorded" in found else "the least the pool may ask"
    tenths = ", ".join(f"{name} {improvement[name]:.2f}" for name in ("p10", "p50", "p90"))
    return f"{improvement['mean']:.2f} bp on average against {against} ({tenths})"


def _too_little(recorded: Document) -> str:
    short = recorded["share"] < recorded["share_min"]
    return f", less than {percent(recorded['share_min'])}" if short else ""


def _recorded(found: Document) -> list[Line]:
    if "recorded" not in found:
        return []
    recorded = found["recorded"]
    files = [
        line
        for file in found["files"]
        for line in (f"{file['path']}, {count(file['rows'])} rows, sha256", file["sha256"])
    ]
    return [
        (
            "recorded",
            f"{dollars(recorded['settled_e6'])} settled of {dollars(recorded['admitted_e6'])}"
            f" admitted, {percent(recorded['share'], 2)}{_too_little(recorded)}",
        ),
        ("pool capital", f"{dollars(found['pool_capital_e6'])}, so that no cap of it binds"),
        ("files", files),
    ]


def _invariants(invariants: Mapping[str, Document]) -> list[str]:
    """Each by how often it was checked; what is broken or never came to be checked stands out."""
    texts = (
        f"{name} {count(one['checked']) if one['checked'] else 'UNCHECKED'}"
        f"{'' if one['held'] else ' BROKEN'}"
        for name, one in invariants.items()
    )
    held = sum(bool(one["held"] and one["checked"]) for one in invariants.values())
    first = f"{held} of {len(invariants)} held; times checked:"
    return [first, *cells(texts, INVARIANTS_A_LINE)]


# -- checks ------------------------------------------------------------------------


def of_audit(found: Document) -> list[str]:
    """The twin's verdict."""
    first, last = found["blocks"]
    signatures, pool, head = found["signatures"], found["pool"], found["head"]
    faults = [
        *found["mismatches"],
        *(
            f"{name}: {detail}"
            for name, one in found["invariants"].items()
            for detail in one["detail"]
        ),
    ]
    lines: list[Line] = [
        ("chain", f"{found['chain_id']}, blocks {count(first)} to {count(last)}"),
        ("clearing", found["clearing"]),
        (
            "replayed",
            f"{count(found['batches'])} batches, {count(found['records'])} records,"
            f" {count(found['transactions'])} transactions",
        ),
        (
            "last batch",
            f"{count(head['number'])}, {clock(head['time_ms'])}" if head["number"] else "none yet",
        ),
        (
            "signatures",
            f"{count(signatures['orders_checked'])} of {count(signatures['orders'])} orders"
            f" ({signatures['mode']})",
        ),
        (
            "pool",
            f"worst day lost {dollars(pool['worst_day_loss_e6'])}, the rules allow"
            f" {dollars(pool['daily_loss_bound_e6'])}",
        ),
        ("invariants", _invariants(found["invariants"])),
        ("state", found["state_hash"]),
        ("faults", faults or "none"),
        ("ok", f"{yes(found['ok'])}, in {found['seconds']:.1f} s"),
    ]
    return pairs(lines)


def of_reconcile(found: Document) -> list[str]:
    """The journal against the chain."""
    journal = found["journal"]
    return pairs(
        [
            (
                "compared",
                f"{count(found['words'])} words, {count(found['accounts'])} accounts,"
                f" at block {count(found['block'])}",
            ),
            ("accounted", dollars(found["accounted_e6"])),
            ("claims", dollars(found["claims_e6"])),
            ("vault holds", dollars(found["balance_e6"])),
            ("journal", [f"{count(journal['seq'])} entries, hash", journal["hash"]]),
            ("differences", found["differences"] or "none"),
            ("ok", f"{yes(found['ok'])}, in {found['seconds']:.1f} s"),
        ]
    )


# -- benches -----------------------------------------------------------------------


def of_gas(found: Document) -> list[str]:
    """Gas by case and code by contract, each beside its limit."""
    cases = [
        [
            name,
            count(one["orders"]),
            count(one["gas"]),
            count(one["per_order"]),
            count(one["limit"]),
            yes(one["ok"]),
        ]
        for name, one in found["cases"].items()
    ]
    contracts = [
        [name, count(one["bytes"]), count(one["limit"])] for name, one in found["contracts"].items()
    ]
    return [
        *table(["case", "orders", "gas", "an order", "limit", "ok"], cases),
        "",
        *table(["contract", "bytes", "limit"], contracts),
        "",
        *_verdict(found),
    ]


def of_admission(found: Document) -> list[str]:
    """Admission beside bare recovery."""
    stages = [f"{name} {us:.2f}" for name, us in found["stages_us"].items()]
    return pairs(
        [
            ("admitted", f"{found['path_per_s']:,.0f} orders a second, JSON to journal"),
            ("bare recovery", f"{found['floor_per_s']:,.0f} signatures a second"),
            ("ratio", f"{found['ratio']:.3f}"),
            ("stages", [*cells(stages, 4), "us an order"]),
            (
                "digests",
                f"{count(found['digests'])} compared, equal: {yes(found['digests_equal'])}",
            ),
        ]
    ) + _verdict(found)


def of_auction(found: Document) -> list[str]:
    """The auction beside numpy's scatter."""
    return pairs(
        [
            (
                "auction",
                f"{found['auction_ms']:.2f} ms for {count(found['orders'])} orders,"
                f" {count(found['markets'])} markets",
            ),
            ("scatter", f"{found['floor_ms']:.2f} ms"),
            ("ratio", f"{found['ratio']:.2f}"),
            (
                "exact",
                f"{yes(found['exact'])}, {count(found['brute_force_cases'])} cases by brute force",
            ),
            *([("differing", found["differences"])] if found["differences"] else []),
        ]
    ) + _verdict(found)


def of_dealer(found: Document) -> list[str]:
    """A line a figure: its value, its interval, its limit."""
    headers = ["", "figure", "value", "95 % interval", "limit", "paths", "seconds"]
    rows = [
        [
            "ok" if figure["ok"] else "MISSED",
            figure["id"],
            f"{figure['value']:.6g}",
            f"{figure['low']:.6g} .. {figure['high']:.6g}" if figure["paths"] else "exact",
            "" if figure["limit"] is None else f"{figure['limit']:.6g}",
            count(figure["paths"]) if figure["paths"] else "",
            f"{figure['seconds']:.2f}",
        ]
        for figure in found["figures"]
    ]
    return table(headers, rows, left=2) + _verdict(found)


def of_self_dealing(found: Document) -> list[str]:
    """The worst day, each weather's, and what wider caps would let through."""

    def day(one: Document) -> list[str]:
        choice = ", ".join(f"{name} {value}" for name, value in one["policy"].items())
        return [
            one["weather"],
            f"{one['rebate']}/16",
            f"{percent(one['residual_share'], 1)}, {percent(one['position_share'], 1)}",
            percent(one["taken_share"], 3),
            count(one["batches"]),
            choice or "every second",
        ]

    heads = ["weather", "rebate", "caps of capital", "taken", "batches", "chosen"]
    worst = found["worst"]
    return [
        *pairs(
            [
                (
                    "most taken in a day",
                    f"{percent(found['most_taken_share'], 3)} of the pool's capital, limit"
                    f" {percent(found['limit_share'], 1)}",
                ),
                ("without luck at most", percent(found["bound_share"], 3)),
                (
                    "of eight markets",
                    f"{percent(found['eight_markets']['taken_share'], 3)}, without luck at most"
                    f" {percent(found['eight_markets_bound_share'], 3)}",
                ),
                (
                    "searched",
                    f"{count(found['days'])} days, {count(found['batches'])} batches,"
                    f" {count(found['closings'])} markets closed",
                ),
                ("worst", f"{worst['weather']}, pool lost {percent(worst['lost_share'], 3)}"),
            ]
        ),
        "",
        *table(heads, [day(one) for one in found["by_weather"]], left=2),
        "",
        "wider caps, not promised:",
        *table(heads, [day(one) for one in found["wider_caps"]], left=2),
        "",
        *_verdict(found),
    ]


def of_funding(found: Document) -> list[str]:
    """The choice, what it rests on, and each market's own rates."""
    shares = [
        [one["market"], *(percent(one[name], 4) for name in ("median", "p99", "most"))]
        for one in found["markets"]
    ]
    return [
        *pairs(
            [
                ("rate_max_e9", f"{count(found['rate_max_e9'])} a day"),
                ("velocity_e9", f"{count(found['velocity_e9'])} a day, each day, at a full pool"),
                (
                    "days",
                    f"{percent(found['covered'], 3)} of {count(found['days'])} within the cap;"
                    f" all but one in a thousand within {percent(found['day_quantile'], 4)}",
                ),
                (
                    "changes",
                    f"{percent(found['kept_up'], 3)} kept up with; all but one in a hundred within"
                    f" {percent(found['change_quantile'], 4)} in eight hours",
                ),
                (
                    "bound by",
                    "the maintenance margin" if found["bound_by_margin"] else "the record",
                ),
            ]
        ),
        "",
        *table(["market", "median day", "99 %", "most"], shares),
    ]


def of_calibration(found: Document) -> list[str]:
    """A market after the other: parameters, what they rest on, what was assumed; then the files."""
    lines: list[str] = []
    for market in found["markets"]:
        margins = market["margins"]
        lines += [market["market"], ""]
        lines += pairs(
            [
                *((name, _numbers(value)) for name, value in market["parameters"].items()),
                (
                    "margins proposed",
                    f"initial {percent(margins['initial_e6'] / 1e6, 2)}, maintenance"
                    f" {percent(margins['maintenance_e6'] / 1e6, 2)}, position cap"
                    f" {margins['position_cap_m']:.4g} M",
                ),
            ]
        )
        rows = [
            [
                one["name"],
                f"{one['value']:.5g}",
                "" if one["low"] is None else f"{one['low']:.4g} .. {one['high']:.4g}",
                count(one["rows"]),
            ]
            for one in market["estimates"]
        ]
        lines += ["", *table(["estimate", "value", "95 % interval", "rows"], rows), ""]
        if market["assumed"]:
            lines += ["assumed:", *pairs(list(market["assumed"].items())), ""]
    together = found["correlation"]
    if together is not None:
        rows = [
            [name, *(f"{share:.3f}" for share in row)]
            for name, row in zip(together["markets"], together["matrix"], strict=True)
        ]
        lines += table(["correlation", *together["markets"]], rows)
        lines += ["", *pairs([("common moves", count(together["moves"]))]), ""]
    if found["left_out"]:
        lines += ["left out:", *pairs(list(found["left_out"].items())), ""]
    files: list[str] = []
    for file in found["files"]:
        files += [f"{file['path']}, {count(file['rows'])} rows, sha256", file["sha256"]]
        files += [
            f"  {count(flag['count'])} × {flag['kind']}, first at row {flag['row']}"
            + ("" if flag["time_ms"] is None else f", {clock(flag['time_ms'])}")
            for flag in file["flags"]
        ]
    lines += pairs([("files", files)])
    return [*lines, "", *_verdict(found)]


def _numbers(value: float | Sequence[float]) -> str:
    return " ".join(f"{one:.5g}" for one in ([value] if isinstance(value, float) else value))


def _verdict(found: Document) -> list[str]:
    return [f"ok {yes(found['ok'])}, in {found['seconds']:.1f} s"]


# -- governing ---------------------------------------------------------------------


def of_verify(found: Document) -> list[str]:
    """What was compared, and each difference by its name."""
    differences = [
        f"{one['where']}: planned {one['planned']}, found {one['found']}"
        for one in found["differences"]
    ]
    code = [f"{name} {count(size)}" for name, size in found["contracts"].items()]
    return pairs(
        [
            ("code, bytes", cells(code, 4)),
            ("compared", count(found["checked"])),
            ("differences", differences or "none"),
            ("ok", f"{yes(found['ok'])}, in {found['seconds']:.1f} s"),
        ]
    )


# -- trading -----------------------------------------------------------------------


def of_markets(found: Sequence[Document]) -> list[str]:
    """Markets with what one needs to trade them."""
    headers = ["market", "status", "oracle price", "tick", "fee", "margin", "open interest", "pool"]
    rows = [
        [
            one["name"],
            one["status"],
            grouped(one["oraclePrice"]),
            one["tick"],
            percent(one["fee"], 2),
            f"{percent(one['initialMargin'], 0)}/{percent(one['maintenanceMargin'], 0)}",
            grouped(one["openInterest"]),
            grouped(one["poolSize"]),
        ]
        for one in found
    ]
    return table(headers, rows, left=2)


def of_positions(found: Sequence[Document]) -> list[str]:
    """Open positions at oracle prices; what is unrealized is not yet collateral. Below, what holds
    one back.
    """
    rows = [
        [
            one["market"],
            "short" if one["size"].startswith("-") else "long",
            grouped(one["size"].removeprefix("-")),
            grouped(one["oraclePrice"]),
            decimal_dollars(one["quote"]),
            decimal_dollars(one["unrealizedPnl"]),
        ]
        for one in found
    ]
    lines = table(["market", "side", "size", "oracle price", "quote", "unrealized"], rows, left=2)
    for one in found:
        if one["behind"]:
            lines.append(f"{one['market']} was deleveraged: `infold keeper --once` folds it")
        if one["exit"]:
            lines.append(
                f"{one['market']}: exit of {grouped(one['exit']['size'])} asked for, first due"
                f" {clock(one['exit']['due'])}"
            )
    return lines


def of_orders(found: Sequence[Document]) -> list[str]:
    """Open orders; each hash, whole, below its line."""
    headers = ["slot", "seq", "market", "side", "size", "filled", "limit", "for", "expiry"]
    rows = [
        [
            str(one["slot"]),
            str(one["orderSeq"]),
            one["market"],
            one["side"],
            grouped(one["size"]),
            grouped(one["filled"]),
            grouped(one["price"]),
            one["timeInForce"],
            clock(one["expiry"])[:19],
        ]
        for one in found
    ]
    hashes = [[str(one["slot"]), one["orderHash"]] for one in found]
    return [*table(headers, rows, left=4), "", *table(["slot", "order"], hashes, left=2)]


def of_account(found: Document) -> list[str]:
    """Money first, positions below."""
    pending = decimal_dollars(found["pendingWithdrawal"])
    if found["withdrawalBarrier"]:
        pending += f", asked for with barrier {clock(found['withdrawalBarrier'])}"
    lines = pairs(
        [
            ("owner", found["owner"]),
            ("collateral", decimal_dollars(found["collateral"])),
            ("equity", decimal_dollars(found["equity"])),
            (
                "margin",
                f"{decimal_dollars(found['initialMargin'])} initial,"
                f" {decimal_dollars(found['maintenanceMargin'])} maintenance",
            ),
            ("withdrawing", pending),
            ("fee tier", _fee_tier(found)),
            (
                "refund",
                f"{decimal_dollars(found['refundOwed'])} owed,"
                f" {decimal_dollars(found['refundPaid'])} paid",
            ),
            ("open orders", count(found["openOrders"])),
            ("epoch", count(found["epoch"])),
        ]
    )
    positions = of_positions(found["positions"]) if found["positions"] else ["no open positions"]
    return [*lines, "", *positions]


def _fee_tier(found: Document) -> str:
    until = found["feeTierUntil"]
    return f"pays {percent(found['feeTier'])} of a market's fee" + (
        f" until {clock(until)}" if until else ""
    )


def of_refunds(found: Sequence[Document]) -> list[str]:
    """What accounts get back of their fees."""
    rows = [
        [
            str(one["account"]),
            percent(one["feeTier"]),
            *(decimal_dollars(one[name]) for name in ("refundEarned", "refundPaid", "refundOwed")),
        ]
        for one in found
    ]
    return table(["account", "pays", "earned", "paid", "owed"], rows, left=1)


def of_paid(found: Document) -> list[str]:
    """Each refund that was paid, and by whom."""
    rows = [[str(one["account"]), dollars(int(one["amount_e6"]))] for one in found["paid"]]
    return [
        *pairs([("payer", found["payer"])]),
        "",
        *(table(["account", "paid"], rows, left=1) if rows else ["nothing was owed"]),
    ]


def of_placed(found: Document) -> list[str]:
    """The receipt: proof that the venue accepted."""
    receipt = found["receipt"]
    note = ", answered before" if found["duplicate"] else ""
    return pairs(
        [
            ("order", found["orderHash"]),
            ("status", f"{found['status']}{note}"),
            ("slot, seq", f"{found['slot']}, {found['seq']}"),
            ("accepted", f"{clock(receipt['acceptedTime'])}, number {count(receipt['sequence'])}"),
            ("after batch", clock(receipt["batchTime"]) if receipt["batchTime"] else "none yet"),
            ("signature", [receipt["signature"][:66], receipt["signature"][66:]]),
        ]
    )


def of_preview(found: Document) -> list[str]:
    """Whether it would be taken, and what would be signed."""
    error, message = found["error"], found["typedData"]["message"]
    why = [] if error is None else [("why", f"{error['code']}: {error['detail']}")]
    return pairs(
        [
            ("accepted", yes(found["accepted"])),
            *why,
            ("order", found["orderHash"]),
            ("market", found["market"]),
            ("side", "buy" if message["buy"] else "sell"),
            ("size", scaled(message["size"], 8)),
            ("limit", scaled(message["limitPrice"], 8)),
            ("fee at most", percent(message["maxFee"] / 1e6, 3)),
            ("expiry", clock(message["expiry"])),
        ]
    )


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
