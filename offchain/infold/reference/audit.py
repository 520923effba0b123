# SPDX-License-Identifier: Apache-2.0
"""Audit a venue from public data alone: `python -m infold.reference.audit --rpc URL --json`.

Every transaction is run through the protocol model and its logs compared; storage is rebuilt a
second time from logs alone; both are compared with the words that the chain's getters return; the
invariants are judged on the way.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any

from .abi import encode_call
from .chain_words import differences, read_state, state_hash
from .facts import BatchFacts, facts_of
from .governing import Governed, invariant_C14_governance_keeps_its_bounds
from .history import Entry, Event, History, fetch
from .invariants import (
    Finding,
    LossRecord,
    Roots,
    ShareValue,
    SignedFills,
    invariant_C1_batches_in_order,
    invariant_C2_bases_sum_to_zero,
    invariant_C3_quotes_sum_to_zero,
    invariant_C4_cash_is_in_the_vault,
    invariant_C4_promises_are_in_the_vault,
    invariant_C5_fills_stay_within_orders,
    invariant_C6_one_price_near_the_oracle,
    invariant_C7_pool_trades_on_its_side,
    invariant_C8_margin_or_less_risk,
    invariant_C9_prices_are_signed,
    invariant_C10_debts_are_covered,
    invariant_C11_share_price_is_explained,
    invariant_C13_accounts_settle_alone,
)
from .rebuild import Rebuilt
from .replay import Replay, Sampling, Step
from .rpc import Node, NodeError
from .state import State
from .strikes import moved_e6
from .sums import Sums
from .words import Head, Requests, Strike

IDS = ("C1", "C2", "C3", "C4", "C5", "C6", "C7", "C8", "C9", "C10", "C11", "C13", "C14")
SAMPLE = 4_000
EXIT_OK, EXIT_USAGE, EXIT_UNAVAILABLE, EXIT_FAILED = 0, 2, 6, 8


class Auditor:
    """Folds a history: model beside chain, logs beside model, invariants beside both."""

    def __init__(self, history: History, sampling: Sampling) -> None:
        self.history = history
        self.replay = Replay(history, sampling)
        self.rebuilt = Rebuilt(_copied(self.replay.protocol.state))
        self.findings = {name: Finding(True, 0) for name in IDS}
        self.fills = SignedFills()
        self.losses = LossRecord()
        self.roots = Roots()
        self.shares = ShareValue()
        self.governed = Governed()
        self.lp_held_e6 = 0
        self.set_aside_e6 = 0
        self.accounted_e6 = 0
        self.tickets: dict[int, int] = {}
        self.batches = 0
        self.records = 0

    def run(self) -> None:
        """Take the whole history."""
        for step in self.replay.steps():
            self.replay.take(step)
            facts = self._facts(step)
            before = self.rebuilt.state
            if facts is not None:
                self.batches += 1
                self.records += len(facts.prepared.records)
                self._judge_calldata(facts, before)
            self._fold(step.entry, facts)

    def note(self, name: str, found: Finding) -> None:
        """Add a finding to an invariant's tally."""
        self.findings[name] += found

    def _facts(self, step: Step) -> BatchFacts | None:
        batch = step.batch
        if batch is None:
            return None
        return facts_of(
            batch.call,
            batch.prepared,
            step.entry.transaction.time_s * 1000,
            self._of_clearing(step.entry),
            batch.skipped,
            batch.signers,
            self.rebuilt.state,
        )

    def _of_clearing(self, entry: Entry) -> list[Event]:
        clearing = self.history.contracts.clearing
        return [event for event in entry.events if event.address == clearing]

    def _judge_calldata(self, facts: BatchFacts, before: State) -> None:
        """What is judged against storage before the batch."""
        oracle = self.replay.protocol.oracle
        self.note("C1", invariant_C1_batches_in_order(facts.head_before, facts.head_after))
        self.note("C5", invariant_C5_fills_stay_within_orders(facts, before, self.fills))
        self.note("C6", invariant_C6_one_price_near_the_oracle(facts, before))
        self.note("C7", invariant_C7_pool_trades_on_its_side(facts, before, self.losses))
        self.note("C9", invariant_C9_prices_are_signed(facts, before, oracle, self.roots))
        self.note("C11", invariant_C11_share_price_is_explained(facts, before, self.shares))
        self.note("C13", invariant_C13_accounts_settle_alone(facts, before))

    def _fold(self, entry: Entry, facts: BatchFacts | None) -> None:
        """Rebuild from the transaction's logs, then judge sums and margin."""
        rebuilt = self.rebuilt
        before = _with_accounts(rebuilt.state, facts) if facts is not None else None
        self._move_money(entry)
        for event in entry.events:
            if event.address in self.history.contracts.kept:
                rebuilt.fold(event.name, event.arguments)
        ours = self._of_clearing(entry)
        self.shares.cover(ours)
        time_s = entry.transaction.time_s
        for event in ours:
            found = invariant_C14_governance_keeps_its_bounds(event, time_s, self.governed)
            self.note("C14", found)
        self.note("C10", invariant_C10_debts_are_covered(ours, rebuilt.state))
        if facts is not None and before is not None:
            self.note("C8", invariant_C8_margin_or_less_risk(facts, before, rebuilt.state))
        if entry.events:
            dirty = sorted(rebuilt.dirty)
            rebuilt.dirty.clear()
            self.note("C2", invariant_C2_bases_sum_to_zero(rebuilt.sums, dirty))
            self.note("C3", invariant_C3_quotes_sum_to_zero(rebuilt.sums, dirty))
            self.note("C4", self.cash(rebuilt.sums, self.accounted_e6, None))

    def cash(self, sums: Sums, accounted_e6: int, balance_e6: int | None) -> Finding:
        """C4 for these totals and this vault; of a venue that is wound down, what is promised."""
        protocol, waiting_e6 = self.replay.protocol, sum(self.tickets.values())
        if protocol.wound_ms:
            if not protocol.claims_e6:
                return Finding(True, 0)
            promised_e6 = protocol.unpaid_e6 + self.lp_held_e6 + self.set_aside_e6 + waiting_e6
            return invariant_C4_promises_are_in_the_vault(promised_e6, accounted_e6)
        held_e6 = self.lp_held_e6 + waiting_e6
        return invariant_C4_cash_is_in_the_vault(sums, held_e6, accounted_e6, balance_e6)

    def _move_money(self, entry: Entry) -> None:
        """Follow the vault's tokens and tickets, and what share requests hold besides.

        Requested deposits come in and leave at their strike, unless returned; a strike's
        redemptions stay until they are claimed, and what their rounding leaves stays for good.
        """
        contracts = self.history.contracts
        state = self.rebuilt.state
        for event in entry.events:
            words = [word for word in event.arguments if isinstance(word, int)]
            if event.address == contracts.vault and event.name in ("Received", "Released"):
                self.accounted_e6 = words[2]
            elif event.address == contracts.vault and event.name == "Queued":
                self.tickets[words[0]] = words[2]
            elif event.address == contracts.vault and event.name == "Pulled":
                del self.tickets[words[0]]
            elif event.address == contracts.pool and event.name == "DepositRequest":
                self.lp_held_e6 += words[4]
            elif event.address == contracts.pool and event.name == "Withdraw":
                self.lp_held_e6 -= words[3]
            elif event.address == contracts.pool and event.name == "CancelDepositClaim":
                self.lp_held_e6 -= words[4]
            elif event.name == "ClaimPaid" and not words[0]:
                self.set_aside_e6 += words[2]
            elif event.address == contracts.clearing and event.name == "PoolStruck":
                requests = Requests.of(state.lp_requests.get(words[0], 0))
                self.lp_held_e6 -= moved_e6(Strike.of(words[1]), requests)


def _copied(state: State) -> State:
    twin = State()
    for table in State.tables:
        setattr(twin, table, dict(getattr(state, table)))
    twin.epoch_ms = state.epoch_ms
    return twin


def _with_accounts(state: State, facts: BatchFacts) -> State:
    """A view of the state in which the words of a batch's accounts and markets stay as they are
    now.
    """
    kept = copy(state)
    kept.market_words = dict(state.market_words)
    kept.accounts = {account: state.accounts.get(account, 0) for account in facts.settled}
    kept.positions = {
        key: state.positions[key]
        for account in facts.settled
        for key in range(account << 4, account + 1 << 4)
        if key in state.positions
    }
    return kept


def audit(
    rpc_url: str,
    contracts: Mapping[str, str] | None = None,
    from_block: int = 0,
    to_block: int | None = None,
    signatures: str = "sample",
    sample: int = SAMPLE,
) -> dict[str, Any]:
    """Audit the chain behind `rpc_url`.

    `contracts["Clearing"]` names the venue's core where a chain holds more than one; its peers are
    read from it. `signatures` says which order signatures are recovered: "all", "sample" (about
    `sample` of them, evenly spread) or "none"; seals, price signatures and delegated orders always
    are. Raises NodeError if the node does not answer or the deployment is not among the blocks.
    """
    began = time.monotonic()
    node = Node(rpc_url)
    last = int(node.call("eth_blockNumber"), 16) if to_block is None else to_block
    named = (contracts or {}).get("Clearing")
    history = fetch(node, int(named, 16) if named else None, from_block, last)
    sampling = Sampling(signatures, sample)
    auditor = Auditor(history, sampling)
    auditor.run()
    result = judged(node, auditor, sampling)
    result["seconds"] = round(time.monotonic() - began, 3)
    return result


def judged(node: Node, auditor: Auditor, sampling: Sampling) -> dict[str, Any]:
    """Compare model, logs and chain after the run, and put the result together."""
    history, replay = auditor.history, auditor.replay
    ours, logged = replay.protocol.state, auditor.rebuilt.state
    stored = read_state(node, history.contracts, ours, history.last)
    mismatches = list(replay.mismatches)
    mismatches += differences(ours, stored, "twin", "chain")
    mismatches += differences(logged, stored, "logs", "chain")
    accounted, balance = _tokens(node, history)
    outflow, waiting = replay.protocol.outflow, _waiting(node, history)
    for word, name, value, stored_e6 in (
        ("accounted_e6", "twin", replay.protocol.accounted_e6, accounted),
        ("accounted_e6", "logs", auditor.accounted_e6, accounted),
        ("waiting_e6", "twin", outflow.waiting_e6, waiting),
        ("waiting_e6", "logs", sum(auditor.tickets.values()), waiting),
    ):
        if value != stored_e6:
            mismatches.append(f"{word}: {name} {value}, chain {stored_e6}")
    sums = Sums.of(stored)
    markets = sorted({key >> 3 for key in stored.market_words})
    auditor.note("C2", invariant_C2_bases_sum_to_zero(sums, markets))
    auditor.note("C3", invariant_C3_quotes_sum_to_zero(sums, markets))
    auditor.note("C4", auditor.cash(sums, accounted, balance))
    held = all(found.held for found in auditor.findings.values())
    return {
        "chain_id": history.chain_id,
        "blocks": [history.first, history.last],
        "clearing": f"0x{history.contracts.clearing:040x}",
        "batches": auditor.batches,
        "records": auditor.records,
        "transactions": len(history.entries),
        "signatures": {
            "mode": sampling.mode,
            "orders": sampling.records,
            "orders_checked": sampling.checked,
        },
        "pool": {
            "worst_day_loss_e6": str(auditor.losses.worst_day_e6),
            "daily_loss_bound_e6": str(auditor.losses.bound_e6),
        },
        "head": Head.of(stored.scalar("head"))._asdict(),
        "invariants": {
            name: {"held": found.held, "checked": found.checked, "detail": list(found.detail)}
            for name, found in auditor.findings.items()
        },
        "state_hash": "0x" + state_hash(stored).hex(),
        "mismatches": mismatches,
        "ok": held and not mismatches,
    }


def _tokens(node: Node, history: History) -> tuple[int, int]:
    """What the vault accounts for, and what it holds."""
    contracts = history.contracts
    (accounted,) = node.read_words(contracts.vault, [encode_call("accounted_e6()")], history.last)
    (balance,) = node.read_words(
        contracts.token, [encode_call("balanceOf(address)", contracts.vault)], history.last
    )
    return accounted, balance


def _waiting(node: Node, history: History) -> int:
    """What the vault's tickets are made for."""
    calls = [encode_call("waiting_e6()")]
    (waiting,) = node.read_words(history.contracts.vault, calls, history.last)
    return waiting


# -- command line -----------------------------------------------------------------


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m infold.reference.audit",
        description="Replay a venue's public calldata and logs and judge its invariants.",
    )
    parser.add_argument("--rpc", required=True, help="HTTP address of a node")
    parser.add_argument("--clearing", help="address of Clearing, where the chain holds several")
    parser.add_argument("--from-block", type=int, default=0, help="at or before the deployment")
    parser.add_argument("--to-block", type=int, default=None, help="the node's latest if left out")
    parser.add_argument("--signatures", choices=("all", "sample", "none"), default="sample")
    parser.add_argument(
        "--sample",
        type=int,
        default=SAMPLE,
        help=f"order signatures recovered with --signatures sample ({SAMPLE})",
    )
    parser.add_argument("--json", action="store_true", help="one object on stdout")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code: 0 if all held, 8 if not, 6 if the node does not
    serve.
    """
    arguments = _arguments(argv)
    try:
        result = audit(
            arguments.rpc,
            {"Clearing": arguments.clearing} if arguments.clearing else None,
            arguments.from_block,
            arguments.to_block,
            arguments.signatures,
            arguments.sample,
        )
    except NodeError as error:
        print(f"audit: {error}", file=sys.stderr)
        return EXIT_UNAVAILABLE
    if arguments.json:
        print(json.dumps(result))
    else:
        _print(result)
    return EXIT_OK if result["ok"] else EXIT_FAILED


def _print(result: Mapping[str, Any]) -> None:
    orders = result["signatures"]
    print(f"{result['batches']} batches, {result['records']} records, state {result['state_hash']}")
    print(f"order signatures recovered: {orders['orders_checked']} of {orders['orders']}")
    for name, found in result["invariants"].items():
        print(f"{name:4} {'held' if found['held'] else 'BROKEN':7} {found['checked']:8} checked")
        for line in found["detail"]:
            print(f"     {line}")
    pool = result["pool"]
    print(
        f"pool: worst loss within a day {pool['worst_day_loss_e6']} e6, "
        f"bound {pool['daily_loss_bound_e6']} e6"
    )
    for line in result["mismatches"]:
        print(f"mismatch: {line}")


if __name__ == "__main__":
    sys.exit(main())
