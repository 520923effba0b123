# SPDX-License-Identifier: Apache-2.0
"""A deployment is what the repository and its plan say, and one thing altered is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.documents import document_of

from infold.cli import app
from infold.errors import Unavailable
from infold.shell.anvil import Anvil
from infold.shell.chain import Abi, AddressBook, Rpc, Sender, mine
from infold.shell.chain.contracts import load_abi
from infold.shell.compiling import find_contracts
from infold.shell.deploy import (
    DeploymentPlan,
    RpcDeployer,
    SourcePlan,
    UptimePlan,
    add_source,
    deploy,
)
from infold.shell.plan import read_plan
from infold.shell.verify import Verdict, verify
from infold.signing import checksum_address, keccak

pytestmark = pytest.mark.devnet

ROOT = Path(__file__).resolve().parents[2]
LOCAL = ROOT / "scripts" / "local.toml"
DEPLOYER = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"  # anvil's first
OTHER = bytes.fromhex("ab" * 20)
BARRIER_S = 60


class Deployed:
    """An unsealed venue of the shipped plan; `undo` brings it back."""

    def __init__(self, anvil: Anvil) -> None:
        self.url = anvil.url
        self.rpc = Rpc(anvil.url, anvil.explain_silence)
        self.sender = Sender(self.rpc, bytes.fromhex(DEPLOYER), anvil.chain_id)
        self.deployer = RpcDeployer(self.rpc, self.sender)
        self.plan: DeploymentPlan = replace(read_plan(LOCAL), sealed=False)
        self.book: AddressBook = deploy(self.deployer, self.plan, find_contracts(ROOT))
        mine(self.rpc, self.now_s() + BARRIER_S)

    def now_s(self) -> int:
        return int(self.rpc.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    def verdict(self, plan: DeploymentPlan | None = None) -> Verdict:
        return verify(self.rpc, self.book, plan or self.plan, find_contracts(ROOT))

    def differing(self, plan: DeploymentPlan | None = None) -> list[str]:
        return [one.where for one in self.verdict(plan).differences]

    def set(self, function: str, *arguments: object) -> None:
        """By the deployer, past the barrier of the change before."""
        mine(self.rpc, self.now_s() + BARRIER_S)
        abi: Abi = load_abi("Governance")
        data = abi.calldata(f"set_{function}", *arguments)
        self.deployer.send(function, self.book.address("Governance"), data)

    def code(self, name: str) -> bytearray:
        answer = self.rpc.call("eth_getCode", "0x" + self.book.address(name).hex(), "latest")
        return bytearray.fromhex(answer[2:])

    def put_code(self, name: str, code: bytes) -> None:
        self.rpc.call("anvil_setCode", "0x" + self.book.address(name).hex(), "0x" + code.hex())


@pytest.fixture(scope="module")
def kept() -> Iterator[Deployed]:
    with Anvil() as anvil:
        made = Deployed(anvil)
        yield made
        made.rpc.close()


@pytest.fixture
def deployed(kept: Deployed) -> Iterator[Deployed]:
    mark = kept.rpc.call("evm_snapshot")
    nonce = kept.sender.nonce
    yield kept
    kept.rpc.call("evm_revert", mark)
    kept.sender.nonce = nonce


def test_what_was_deployed_is_what_was_planned(deployed: Deployed) -> None:
    verdict = deployed.verdict()
    assert verdict.ok, verdict.differences
    assert set(verdict.code_bytes) == set(deployed.book.addresses)
    assert verdict.checked > 60


def swapped(deployed: Deployed) -> None:
    code = deployed.code("Rules")
    code[1_000] ^= 1
    deployed.put_code("Rules", bytes(code))


def relinked(deployed: Deployed) -> None:
    """An immutable: the vault obeys another pool."""
    code = deployed.code("Vault")
    pool = deployed.book.address("Pool")
    at = bytes(code).rindex(pool)
    code[at : at + 20] = OTHER
    deployed.put_code("Vault", bytes(code))


def grown(deployed: Deployed) -> None:
    deployed.put_code("Pool", bytes(deployed.code("Pool")) + b"\0")


def gone(deployed: Deployed) -> None:
    deployed.put_code("Recovery", b"")


def cheaper(deployed: Deployed) -> None:
    market = deployed.plan.markets[0]
    rates = market.rates._replace(fee_e6=market.rates.fee_e6 - 1)
    list_market(deployed, replace(market, rates=rates))


def one_more(deployed: Deployed) -> None:
    market = deployed.plan.markets[1]
    name = market.listing._replace(name="SOL-USD")
    list_market(deployed, replace(market, market=7, listing=name))


def list_market(deployed: Deployed, market: object) -> None:
    from infold.shell.deploy import MarketPlan, market_parameters

    assert isinstance(market, MarketPlan)
    parameters = market_parameters(load_abi("Governance"), market)
    deployed.set("market", market.market, parameters)


def proposed(deployed: Deployed) -> None:
    """Another Clearing waits to be obeyed."""
    parts = (deployed.book.address("Pool"), deployed.book.address("Recovery"))
    as_timelock(deployed, "Vault", "propose_parts", *parts)


def as_timelock(deployed: Deployed, contract: str, function: str, *arguments: object) -> None:
    """A call of the timelock's, on a node that lets us speak for it."""
    timelock = deployed.book.address("Timelock")
    deployed.rpc.call("anvil_impersonateAccount", "0x" + timelock.hex())
    deployed.rpc.call("anvil_setBalance", "0x" + timelock.hex(), hex(10**18))
    deployed.rpc.call(
        "eth_sendTransaction",
        {
            "from": "0x" + timelock.hex(),
            "to": "0x" + deployed.book.address(contract).hex(),
            "gas": hex(200_000),
            "data": "0x" + load_abi(contract).calldata(function, *arguments).hex(),
        },
    )
    mine(deployed.rpc)


def sealed(deployed: Deployed) -> None:
    abi = load_abi("Governance")
    deployed.deployer.send("seal", deployed.book.address("Governance"), abi.calldata("seal"))


ALTERED: dict[str, tuple[Callable[[Deployed], None], list[str]]] = {
    "a bit of code": (swapped, ["Rules.code"]),
    "an immutable": (relinked, ["Vault.code"]),
    "a byte behind the code": (grown, ["Pool.code"]),
    "no code": (gone, ["Recovery.code"]),
    "the guardian": (lambda d: d.set("guardian", OTHER), ["Governance.guardian"]),
    "a proposal": (proposed, ["Vault.replaced_from_s"]),
    "the seal": (sealed, ["Governance.is_sealed"]),
    "the matcher": (lambda d: d.set("matcher", OTHER), ["Seals.matcher"]),
    "an attester": (lambda d: d.set("attester", OTHER, True), ["Seals.attesters"]),
    "a signer more": (
        lambda d: d.set("oracle_signer", OTHER, True),
        ["Oracle.signers", "Oracle.live_count"],
    ),
    "a signer fewer": (
        lambda d: d.set("oracle_signer", d.plan.signers[0], False),
        ["Oracle.signers", "Oracle.live_count"],
    ),
    "how many must sign": (lambda d: d.set("oracle_threshold", 1), ["Oracle.threshold"]),
    "a fee": (cheaper, ["BTC-USD.fee_e6"]),
    "a market more": (one_more, ["Clearing.markets"]),
}


@pytest.mark.parametrize("what", ALTERED)
def test_one_thing_altered_is_named_and_nothing_else(deployed: Deployed, what: str) -> None:
    alter, named = ALTERED[what]
    alter(deployed)
    assert deployed.differing() == named


def test_a_role_granted_behind_the_timelocks_back_is_named(deployed: Deployed) -> None:
    """As a call of its own would, executed on a node that lets us speak for it."""
    for role in ("PROPOSER_ROLE", "CANCELLER_ROLE"):
        as_timelock(deployed, "Timelock", "grantRole", keccak(role.encode()), OTHER)
    verdict = deployed.verdict()
    assert [one.where for one in verdict.differences] == ["Timelock.PROPOSER", "Timelock.CANCELLER"]
    assert OTHER.hex() in verdict.differences[0].found.lower()


def test_a_second_source_is_compared_to_its_terms_and_its_code(deployed: Deployed) -> None:
    plan = deployed.plan
    source = SourcePlan(
        market=1, contract="Source", arguments={"price_e8": 10**8}, bound_e4=100, age_s=60
    )
    address = add_source(
        deployed.deployer,
        load_abi("Governance"),
        deployed.book.address("Governance"),
        source,
        find_contracts(ROOT),
    )
    planned = replace(plan, sources=(source,))
    assert deployed.differing(planned) == []
    assert deployed.differing(plan) == ["Oracle.sources"]
    looser = replace(plan, sources=(replace(source, bound_e4=101, strict=True),))
    assert deployed.differing(looser) == [
        "Oracle.source_of(1).bound_e4",
        "Oracle.source_of(1).strict",
    ]
    deployed.rpc.call("anvil_setCode", "0x" + address.hex(), "0x00")
    assert deployed.differing(planned) == ["Source of market 1.code"]


def test_signers_that_serve_unplanned_are_counted(deployed: Deployed) -> None:
    """Those of the deployment no log names: they are not told as nobody."""
    plan, signers = deployed.plan, deployed.plan.signers
    strange = replace(plan, signers=(OTHER, bytes(19) + b"\1", bytes(19) + b"\2"))
    (only,) = deployed.verdict(strange).differences
    assert only.where == "Oracle.signers"
    assert only.found.startswith("none of these; 3 others serve") and "/v1/meta" in only.found
    partly = replace(plan, signers=(*signers[1:], OTHER))
    (only,) = deployed.verdict(partly).differences
    assert checksum_address(signers[1]) in only.found and "; 1 other serves" in only.found
    fewer = replace(plan, signers=signers[1:])
    assert deployed.differing(fewer) == ["Oracle.signers", "Oracle.live_count"]
    deployed.set("oracle_signer", OTHER, True)
    (signers_found, _) = deployed.verdict().differences
    assert checksum_address(OTHER) in signers_found.found and "serve" not in signers_found.found


def test_an_uptime_feed_is_compared(deployed: Deployed) -> None:
    uptime = UptimePlan(OTHER, 3_600)
    assert deployed.differing(replace(deployed.plan, uptime=uptime)) == ["Oracle.uptime"]


def test_another_plan_is_not_what_stands_there(deployed: Deployed) -> None:
    plan = deployed.plan
    longer = replace(plan, delay_s=plan.delay_s + 1)
    assert deployed.differing(longer) == ["Timelock.get_minimum_delay"]
    owned = replace(plan, owner=OTHER)
    assert deployed.differing(owned) == ["Timelock.PROPOSER", "Timelock.CANCELLER"]
    slower = replace(plan, epoch_ms=plan.epoch_ms + 1)
    assert deployed.differing(slower) == ["Clearing.code"]
    fewer = replace(plan, markets=plan.markets[:1])
    assert deployed.differing(fewer) == ["Clearing.markets"]
    dearer = replace(plan, reward_e6=plan.reward_e6 + 1, window_s=plan.window_s + 1)
    assert deployed.differing(dearer) == ["Bond.reward_e6", "Bond.window_s"]
    refused = replace(plan, delay_s=1)
    (code, _) = deployed.verdict(refused).differences
    assert code.where == "Timelock.code" and "delay out of range" in code.found


def test_a_node_that_overrides_no_accounts_is_no_ground_for_a_verdict(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = deployed.rpc.call

    def call(method: str, *params: object) -> object:
        if method == "eth_call" and len(params) > 2:
            raise Unavailable("node refused eth_call: too many arguments")
        return real(method, *params)

    monkeypatch.setattr(deployed.rpc, "call", call)
    with pytest.raises(Unavailable, match="too many arguments"):
        deployed.verdict()


def test_the_command_leaves_with_8_and_says_what_differs(
    deployed: Deployed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan, book = tmp_path / "plan.toml", tmp_path / "book.json"
    plan.write_text("sealed = false\n" + LOCAL.read_text("utf-8"))
    deployed.book.write(book)
    command = ["verify", "--plan", str(plan), "--book", str(book), "--rpc-url", deployed.url]
    assert app.run([*command, "--json"]) == 0
    assert document_of(capsys.readouterr().out)["ok"] is True
    deployed.set("guardian", OTHER)
    assert app.run([*command, "--json"]) == 8
    (only,) = document_of(capsys.readouterr().out)["differences"]
    assert only["where"] == "Governance.guardian"
    assert app.run(command) == 8
    assert "Governance.guardian: planned 0x9965" in capsys.readouterr().out
