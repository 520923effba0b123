# SPDX-License-Identifier: Apache-2.0
"""Those who govern, under attack on a real node, through Ape: what tests/attacks/test_governance.py
and test_halts.py do in process (F01, F02, F03, F04, F06), and the verifying script.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.ape import ape, script_says

from infold.shell.anvil import Anvil
from infold.shell.chain import Rpc, Sender, mine
from infold.shell.chain.contracts import load_abi
from infold.shell.compiling import find_contracts
from infold.shell.deploy import RpcDeployer, deploy
from infold.shell.plan import read_plan

ROOT = Path(__file__).resolve().parents[2]
LOCAL = ROOT / "scripts" / "local.toml"
DEPLOYER = "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"  # anvil's second

SCRIPT = """
import json, sys
import ape
from ape import Contract
from eth_utils import keccak

book, abis = json.load(open(sys.argv[1]))
DELAY_S, NONE = 8 * 86_400, b"\\0" * 32
GUARDIAN_AT, STRANGER_AT = 5, 7


def refused(call, *arguments, **options):
    try:
        call(*arguments, **options)
    except ape.exceptions.ContractLogicError as error:
        return error.revert_message
    return ""


with ape.networks.ethereum.local.use_provider("foundry"):
    owner, deployer = ape.accounts.test_accounts[0], ape.accounts.test_accounts[1]
    guardian = ape.accounts.test_accounts[GUARDIAN_AT]
    stranger = ape.accounts.test_accounts[STRANGER_AT]
    timelock, governance, clearing, seals = (
        Contract(book[name], abi=abis[name])
        for name in ("Timelock", "Governance", "Clearing", "Seals")
    )
    facts = {}
    facts["deployer sets"] = refused(governance.set_matcher, stranger, sender=deployer)
    facts["deployer seals"] = refused(governance.seal, sender=deployer)
    facts["stranger sets"] = refused(seals.set_matcher, stranger, sender=stranger)
    facts["owner grants"] = refused(
        timelock.grantRole, keccak(text="PROPOSER_ROLE"), stranger, sender=owner
    )
    facts["owner leaves"] = refused(
        timelock.renounceRole, keccak(text="PROPOSER_ROLE"), owner, sender=owner
    )

    call = (governance.address, 0, governance.set_matcher.encode_input(stranger), NONE, NONE)
    facts["stranger schedules"] = refused(timelock.schedule, *call, DELAY_S, sender=stranger)
    facts["too short"] = refused(timelock.schedule, *call, DELAY_S - 1, sender=owner)
    timelock.schedule(*call, DELAY_S, sender=owner)
    ape.chain.mine(deltatime=DELAY_S - 60)
    facts["early"] = refused(timelock.execute, *call, sender=owner)
    ape.chain.mine(deltatime=60)
    timelock.execute(*call, sender=stranger)
    facts["matcher"] = seals.matcher_words(1) == int(stranger.address, 16)
    facts["replay"] = refused(timelock.execute, *call, sender=stranger)

    facts["owner halts"] = refused(governance.halt, 60, sender=owner)
    facts["too long"] = refused(governance.halt, 259_201, sender=guardian)
    governance.halt(259_200, sender=guardian)
    facts["halted"] = (clearing.limits() >> 112 & 2**48 - 1) // 1000 == governance.halted_until_s()
    ape.chain.mine(deltatime=259_200 + 1_209_000)
    facts["again"] = refused(governance.halt, 60, sender=guardian)
    ape.chain.mine(deltatime=601)
    governance.halt(60, sender=guardian)

print("FACTS " + json.dumps(facts))
"""


@pytest.mark.devnet
def test_F04_halts_and_the_queue_through_ape(tmp_path: Path) -> None:
    book_path = tmp_path / "book.json"
    with Anvil(automine=True) as node:
        rpc = Rpc(node.url, node.explain_silence)
        sender = Sender(rpc, bytes.fromhex(DEPLOYER), node.chain_id)
        book = deploy(RpcDeployer(rpc, sender), read_plan(LOCAL), find_contracts(ROOT))
        book.write(book_path)
        now_s = int(rpc.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
        mine(rpc, now_s + 60)
        rpc.close()
        checked = ape(tmp_path, node.url, "ape", *verifying(book_path, node.url))
        assert checked.returncode == 0, checked.stdout[-2000:] + checked.stderr[-2000:]

        addresses = {name: "0x" + address.hex() for name, address in book.addresses.items()}
        abis = {name: load_abi(name).entries for name in addresses}
        facts = script_says(tmp_path, node.url, SCRIPT, [addresses, abis], "FACTS")

        differs = ape(tmp_path, node.url, "ape", *verifying(book_path, node.url))
        assert differs.returncode == 1
        assert "Seals.matcher: planned" in differs.stdout
    not_timelock, no_role = (
        "governance: not the timelock",
        "access_control: account is missing role",
    )
    not_ready = "timelock_controller: operation is not ready"
    assert facts == {
        "deployer sets": not_timelock,
        "deployer seals": "governance: already sealed",
        "stranger sets": "seals: not governance",
        "owner grants": "timelock: not itself",
        "owner leaves": "timelock: last proposer",
        "stranger schedules": no_role,
        "too short": "timelock_controller: insufficient delay",
        "early": not_ready,
        "matcher": True,
        "replay": not_ready,
        "owner halts": "governance: not the guardian",
        "too long": "governance: halt out of range",
        "halted": True,
        "again": "governance: halted lately",
    }


def verifying(book: Path, url: str) -> list[str]:
    """The arguments of the script, for a node of ours."""
    network = f"ethereum:local:{url}"
    return ["run", "verify", "--network", network, "--plan", str(LOCAL), "--book", str(book)]
