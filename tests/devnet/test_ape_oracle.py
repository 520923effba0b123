# SPDX-License-Identifier: Apache-2.0
"""Prices under attack on a real node, through Ape: what tests/attacks/test_oracle.py does in
process (C04, C09, C12).
"""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.ape import script_says

from infold.shell.anvil import Anvil
from infold.shell.compiling import compile_contracts, find_contracts
from mocks import mocks

SCRIPT = """
import json, sys
import ape
from ape.contracts import ContractContainer
from ethpm_types import ContractType

made = json.load(open(sys.argv[1]))
HOUR_S, PRICE_E8, NONE = 3_600, 60_000 * 10**8, "0x" + "00" * 20


def container(name):
    abi, code = made[name]
    fields = {"contractName": name, "abi": abi, "deploymentBytecode": {"bytecode": code}}
    return ContractContainer(ContractType.model_validate(fields))


def refused(call, *arguments, **options):
    try:
        call(*arguments, **options)
    except ape.exceptions.ContractLogicError as error:
        return error.revert_message
    return ""


with ape.networks.ethereum.local.use_provider("foundry"):
    us, them = ape.accounts.test_accounts[0], ape.accounts.test_accounts[1]
    oracle = us.deploy(container("Oracle"), us, [them], 1)
    facts = {}

    feed = us.deploy(container("MockV3Aggregator"), 0, 0)
    oracle.set_uptime(feed, HOUR_S, sender=us)
    facts["fresh start"] = oracle.sequencer_up()
    ape.chain.mine(deltatime=3 * HOUR_S)
    facts["after three hours"] = oracle.sequencer_up()
    feed.updateAnswer(1, sender=them)
    ape.chain.mine(deltatime=3 * HOUR_S)
    facts["down"] = oracle.sequencer_up()
    feed.updateAnswer(0, sender=them)
    facts["back"] = oracle.sequencer_up()
    ape.chain.mine(deltatime=HOUR_S + 2)
    facts["after the grace"] = oracle.sequencer_up()

    prices = us.deploy(container("MockV3Aggregator"), 18, PRICE_E8 * 10**10)
    adapter = us.deploy(container("Aggregator"), prices)
    oracle.set_source(1, adapter, 100, 3_600, False, sender=us)
    facts["scaled"] = adapter.latest()[0] == PRICE_E8 == oracle.readings(1) >> 192
    facts["too soon"] = refused(oracle.refresh, 1, sender=them)
    ape.chain.mine(deltatime=19)
    facts["nothing newer"] = refused(oracle.refresh, 1, sender=them)
    prices.updateAnswer(-1, sender=them)
    facts["negative"] = refused(oracle.refresh, 1, sender=them)
    # In the second of the answer before, its time is no news, and an estimate of it too low.
    ape.chain.mine(deltatime=2)
    prices.updateAnswer(PRICE_E8 * 10**10 // 2, sender=them)
    ape.chain.mine(deltatime=2)
    oracle.refresh(1, sender=them)
    facts["renewed"] = oracle.readings(1) >> 192 == PRICE_E8 // 2
    facts["stranger"] = refused(oracle.set_source, 1, NONE, 100, 60, False, sender=them)

print("FACTS " + json.dumps(facts))
"""


@pytest.mark.devnet
def test_C12_outage_and_second_source_through_ape(tmp_path: Path) -> None:
    names = ("Oracle", "Aggregator")
    compiled = compile_contracts(find_contracts(), names, lambda _line: None)
    made = {name: (it.abi, "0x" + it.init_code.hex()) for name, it in compiled.items()}
    feed = mocks()["MockV3Aggregator"]
    made["MockV3Aggregator"] = (feed["abi"], feed["bytecode"])
    with Anvil(automine=True) as node:
        facts = script_says(tmp_path, node.url, SCRIPT, made, "FACTS")
    assert facts == {
        "fresh start": False,
        "after three hours": True,
        "down": False,
        "back": False,
        "after the grace": True,
        "scaled": True,
        "too soon": "oracle: change pending",
        "nothing newer": "oracle: nothing newer",
        "negative": "aggregator: answer is not positive",
        "renewed": True,
        "stranger": "oracle: not governance",
    }
