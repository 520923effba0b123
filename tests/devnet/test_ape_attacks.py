# SPDX-License-Identifier: Apache-2.0
"""Attacks of every group again, on a real node and through Ape: what tests/attacks does in process
is noted call by call and done once more, and every call must end as it ended there.

One node and one deployment serve all. Deployments, money and accounts go by plain requests, since
there are hundreds of them; batches, claims and whatever is refused go through Ape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from tests.attacks import (
    test_accounting,
    test_denial,
    test_margin,
    test_operator,
    test_orders,
)
from tests.support.ape import script_says
from tests.support.evm import GENESIS_S, Step, World, hash_of_logs
from tests.support.stage import BUYER, Stage, set_up
from tests.support.venue import MATCHER, a_venue

from infold.shell.anvil import Anvil
from infold.signing import keccak, order_hash, sign

BLOCK_GAS = 60_000_000
BATCH_GAS_MAX = 15_000_000
OTHER_ID = 31_338

pytestmark = pytest.mark.devnet

SCRIPT = """
import json, sys
import ape

tape, forked, other_id = json.load(open(sys.argv[1]))
RICH, GAS, ASKED_MAX = hex(10**24), 16_700_000, 10_000


with ape.networks.ethereum.local.use_provider("foundry") as provider:
    ask = provider.make_request
    ask("anvil_autoImpersonateAccount", [True])
    ask("anvil_setBlockTimestampInterval", [0])
    known, marks, ends = set(), [], []

    def logs_of(sent):
        receipt, asked = None, 0
        while receipt is None and asked < ASKED_MAX:  # the node mines beside its answers
            receipt, asked = ask("eth_getTransactionReceipt", [sent]), asked + 1
        logs = [(it["address"], it["topics"], it["data"]) for it in receipt["logs"]]
        return (None if int(receipt["status"], 16) else "failed"), logs

    def plainly(stamp_s, sender, to, data):
        if sender not in known:
            known.add(sender)
            ask("anvil_setBalance", [sender, RICH])
        ask("evm_setNextBlockTimestamp", [stamp_s])
        deal = {"from": sender, "data": data, "gas": hex(GAS), **({"to": to} if to else {})}
        return logs_of(ask("eth_sendTransaction", [deal]))

    for kind, stamp_s, sender, to, data, through_ape in tape:
        if kind == "mark":
            marks.append((ask("evm_snapshot", []), set(known)))
        elif kind == "back":
            mark, known = marks.pop()
            assert ask("evm_revert", [mark])
        elif not through_ape:
            ends.append([*plainly(stamp_s, sender, to, data), 0])
        else:
            if sender not in known:
                known.add(sender)
                ask("anvil_setBalance", [sender, RICH])
            ask("evm_setNextBlockTimestamp", [stamp_s])
            account = ape.accounts.test_accounts.impersonate_account(sender)
            deal = provider.network.ecosystem.create_transaction(
                receiver=to, data=data, gas_limit=GAS, max_fee=10**10, max_priority_fee=0
            )
            try:
                receipt = account.call(deal, required_confirmations=0)
                ends.append([*logs_of(receipt.txn_hash), receipt.gas_used])
            except ape.exceptions.ContractLogicError as error:
                ends.append([error.revert_message or "", [], 0])

    ask("anvil_setChainId", [other_id])
    forks = [plainly(*step) for step in forked]

print("ENDS " + json.dumps([ends, forks]))
"""


@dataclass(frozen=True)
class End:
    """What became of a call: its refusal if any, and its gas where Ape carried it."""

    step: Step
    reason: str | None
    logs: str
    gas: int


@dataclass(frozen=True)
class Replay:
    """How every scenario's calls ended, and what two batches did on a chain that changed its id."""

    ends: dict[str, list[End]]
    forks: list[tuple[str | None, list[Any]]]


class Silent:
    """Stands in for pytest's capture: what is printed has been printed by tests/attacks."""

    @contextmanager
    def disabled(self) -> Iterator[None]:
        with redirect_stdout(StringIO()):
            yield


def poisoned(stage: Stage) -> None:
    crowd = test_denial.Crowd(stage, test_denial.strangers(stage.venue, test_denial.POISONED))
    stage.settle(test_denial.crossed(stage, crowd.accounts), priced=(1,))
    test_denial.test_G02_one_poisoned_order(crowd, "no margin")


def forked(stage: Stage) -> list[tuple[int, str, str, str]]:
    """Two batches for a chain that has taken another id: one sealed for the old id, whole; and one
    for the new, in which the buyer's order is still the old chain's.
    """
    venue, world = stage.venue, stage.venue.world
    world.travel(1)
    old = stage.batch([stage.buy(), stage.sell()])
    kept = stage.buy()
    kept = replace(kept, signature=sign(order_hash(kept.order, venue.domain), BUYER.private))
    world.chain_id = OTHER_ID
    new = stage.batch([kept, stage.sell()])
    calls = [venue.clearing.calldata("settle", *venue.arguments(it)) for it in (old, new)]
    where = (MATCHER.address, venue.clearing.address)
    return [(world.timestamp_s, *where, "0x" + data.hex()) for data in calls]


SCENARIOS: dict[str, Callable[[Stage], None]] = {
    "A01": test_orders.test_A01_wrong_chain,
    "A02": test_orders.test_A02_wrong_contract,
    "A13": test_orders.test_A13_partial_fill_replay,
    "B01": lambda stage: test_operator.test_B01_fill_beyond_limit(stage, True),
    "B09": test_operator.test_B09_batch_replay,
    "B16": lambda stage: test_operator.test_B16_stale_batch_hold(stage, 90_000),
    "B18": test_operator.test_B18_liquidation_of_a_healthy_account,
    "D12": lambda stage: test_accounting.test_D12_overflow_of_packed_fields(
        stage, "collateral i64"
    ),
    "D17": lambda stage: test_accounting.test_D17_funding_sum_zero(stage, 1),
    "E01": lambda stage: test_margin.test_E01_withdraw_with_an_open_loss(stage, True),
    "G01": lambda stage: test_denial.test_G01_batch_gas_bomb(stage, Silent()),
    "G02": poisoned,
}


def through_ape(step: Step, carried: set[bytes]) -> bool:
    """Whatever is refused, and the doors that attacks go through."""
    return step.reason is not None or step.data[:4] in carried


@pytest.fixture(scope="module")
def replay(tmp_path_factory: pytest.TempPathFactory) -> Replay:
    """Every scenario's calls, in process and then on a node."""
    with pytest.MonkeyPatch.context() as patch:
        tape: list[Step] = []
        patch.setattr(World, "tape", tape)
        stage = set_up(a_venue(epoch_ms=86_400_000))
        parts = {}
        for name, scenario in SCENARIOS.items():
            start = len(tape)
            with stage.venue.world.anchored():
                scenario(stage)
            parts[name] = range(start, len(tape))
    clearing, recovery = stage.venue.clearing, stage.venue.recovery
    carried = {
        contract._functions[name].selector
        for contract, name in (
            (clearing, "settle"),
            (clearing, "claim_withdrawal"),
            (clearing, "request_withdrawal"),
            (recovery, "liquidate"),
        )
    }
    lines = [
        (it.kind, it.stamp_s, it.sender, it.to, "0x" + it.data.hex(), through_ape(it, carried))
        for it in tape
    ]
    found, forks = carry((lines, forked(stage), OTHER_ID), tmp_path_factory.mktemp("ape"))
    each = iter(found)
    whole = [ended(step, *next(each)) if step.kind in ("call", "deploy") else None for step in tape]
    assert not [end for end in whole[: parts["A01"].start] if end and end.reason is not None]
    return Replay(
        {
            name: [end for end in whole[part.start : part.stop] if end]
            for name, part in parts.items()
        },
        forks,
    )


def ended(step: Step, reason: str | None, logs: list[tuple[str, list[str], str]], gas: int) -> End:
    return End(step, reason, "" if reason is not None else hash_of_logs(logs), gas)


def carry(what: tuple[Any, ...], folder: Path) -> Any:
    """Do it all again on a node of our own, through Ape."""
    with Anvil(automine=True, timestamp_s=GENESIS_S - 1, gas_limit=BLOCK_GAS) as node:
        return script_says(folder, node.url, SCRIPT, what, "ENDS")


def assert_the_same(replay: Replay, *names: str) -> None:
    """Every call ends on the node as it ended in process: refused alike, or the same logs, which
    hold every word that was written.
    """
    for name in names:
        ends = replay.ends[name]
        assert any(end.gas or end.reason for end in ends), f"{name}: nothing went through Ape"
        for end in ends:
            assert end.reason == end.step.reason, f"{name}: {end}"
            if end.step.logs:
                assert end.logs == end.step.logs, f"{name}: {end}"


def test_A01_A02_A13_through_ape(replay: Replay) -> None:
    assert_the_same(replay, "A01", "A02", "A13")


def test_A01_a_chain_that_changes_its_id(replay: Replay) -> None:
    """What was sealed before lands no more; an order of before is nobody's, in a batch of after."""
    (before, _), (after, logs) = replay.forks
    assert before == "failed" and after is None
    skipped = "0x" + keccak(b"Skipped(uint256,uint256,uint256,uint256,uint256)").hex()
    reasons = [int(data[-64:], 16) for _, topics, data in logs if topics[0] == skipped]
    assert reasons == [test_orders.SIGNER]


def test_B01_B09_B16_B18_through_ape(replay: Replay) -> None:
    assert_the_same(replay, "B01", "B09", "B16", "B18")


def test_D12_D17_through_ape(replay: Replay) -> None:
    assert_the_same(replay, "D12", "D17")


def test_E01_through_ape(replay: Replay) -> None:
    assert_the_same(replay, "E01")


def test_G01_G02_through_ape(replay: Replay, capsys: pytest.CaptureFixture[str]) -> None:
    """The largest batch of newcomers with every word cold and new, calldata and the transaction
    itself counted; and one poisoned order.
    """
    assert_the_same(replay, "G01", "G02")
    (gas,) = [end.gas for end in replay.ends["G01"] if end.gas]
    with capsys.disabled():
        print(f"\nG01: {gas:,} gas with cold storage")
    assert 12_000_000 < gas <= BATCH_GAS_MAX
