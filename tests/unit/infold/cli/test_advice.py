# SPDX-License-Identifier: Apache-2.0
"""Refusals of contracts say what to do next, and are quoted right."""

from __future__ import annotations

import re
from pathlib import Path

import snekmate

from infold.cli.advice import ADVICE, OF_PRICES, advice
from infold.cli.moments import ENDS

CONTRACTS = Path(__file__).resolve().parents[4] / "contracts"
LIBRARY = ("auth/access_control.vy", "governance/timelock_controller.vy", "tokens/erc20.vy")
REASON = re.compile(r'"([a-z0-9_]+: [^"\n]+)"')

NOT_MET = {
    "only the deployment's own transactions meet it, and its plan is checked before": """
        clearing: address is zero
        delegates: address is zero
        governance: already sealed
        governance: clearing is zero
        governance: guardian is zero
        governance: not the deployer
        governance: oracle is zero
        governance: seals is zero
        governance: timelock is zero
        oracle: address is zero
        pool: clearing is zero
        pool: token is zero
        pool: vault is zero
        recovery: clearing is zero
        recovery: oracle is zero
        teller: token is zero
        teller: vault is zero
        timelock: owner is zero
        vault: clearing is zero
        vault: pool is zero
        vault: recovery is zero
        vault: timelock is zero
        vault: token is zero
    """,
    "only `settle` gives it: the node tries each batch, and its log says why one was refused": """
        clearing: backstop margin
        clearing: batch time must rise
        clearing: batch time outside window
        clearing: gross exceeded
        clearing: loss meter
        clearing: market not live
        clearing: market not priced
        clearing: price beyond curve
        clearing: price on the wrong side
        clearing: price outside band
        clearing: prices not ascending
        clearing: records not ascending
        clearing: residual cap
        clearing: strike misses a market
        clearing: too many fills of one account
        clearing: wrong batch number
        seals: not the matcher
    """,
    "only a contract that calls itself the venue's meets it: commands go by the doors": """
        clearing: not governance
        clearing: not recovery
        oracle: not governance
        seals: not governance
        vault: not clearing or pool
    """,
    "no command calls the function that gives it": """
        access_control: can only renounce roles for itself
        erc20: access is denied
        erc20: minter is owner address
        erc20: minter is the zero address
        erc20: new owner is the zero address
        oracle: nothing newer
        pool: asynchronous, no preview
        timelock: account is zero
        timelock: last proposer
        timelock: lengths differ
        timelock: not itself
        timelock: not the account
        timelock: nothing to do
        timelock: role is fixed
        timelock_controller: caller must be timelock
        timelock_controller: length mismatch
        timelock_controller: operation cannot be cancelled
    """,
    "the command fills in what it asks about": """
        clearing: owner is zero
        erc20: approve from the zero address
        erc20: burn amount exceeds balance
        erc20: burn from the zero address
        erc20: mint to the zero address
        erc20: transfer from the zero address
        pool: controller is zero
        timelock: delay out of range
        timelock: holds no ether
        timelock_controller: missing dependency
    """,
}
"""Why no command can meet a reason, and the reasons."""


def reasons() -> set[str]:
    """What the contracts of a deployment may refuse with, the timelock's and the shares' modules
    among them; not adapters, which are others' to choose, and not what devnets alone have.
    """
    own = (
        path
        for path in CONTRACTS.rglob("*.vy")
        if not {"adapters", "dev"} & set(path.relative_to(CONTRACTS).parts)
    )
    (library,) = map(Path, snekmate.__path__)
    files = [*own, *(library / name for name in LIBRARY)]
    return {found for path in files for found in REASON.findall(path.read_text(encoding="utf-8"))}


def not_met() -> list[str]:
    return [line.strip() for block in NOT_MET.values() for line in block.strip().splitlines()]


def test_every_reason_has_advice_or_is_never_met_by_a_command() -> None:
    """A new reason of a contract fails here until somebody says what its reader does next."""
    assert len(reasons()) > 200
    assert reasons() - set(ADVICE) == set(not_met())


def test_every_reason_is_one_a_contract_gives() -> None:
    assert {*ADVICE, *ENDS} - reasons() == set()


def test_advice_reads_after_a_semicolon() -> None:
    for reason, said in ADVICE.items():
        assert said and not said.endswith((".", ";")), reason
        assert said[0].islower() or said.startswith(("`", "--")), reason


def test_whatever_is_only_too_early_is_advised() -> None:
    assert set(ENDS) - set(ADVICE) == set()


def test_a_reason_that_no_command_meets_stands_alone() -> None:
    assert advice("clearing: wrong batch number", "settle") == ""
    assert advice("clearing: vector too old", "claim_withdrawal").startswith("with open positions")


def test_signed_prices_and_the_set_of_signers_are_advised_apart() -> None:
    reason = "signers: not a signer"
    assert advice(reason, "set_oracle_signer").startswith("nothing to retire")
    assert "signed the prices" in advice(reason, "execute_exit")
    assert set(OF_PRICES) - set(ADVICE) == set()
