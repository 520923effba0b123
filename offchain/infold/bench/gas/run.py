# SPDX-License-Identifier: Apache-2.0
"""Every case on one devnet, beside its limit, and every contract's code beside a chain's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from infold.bench.gas.budget import judge, read_budget, weigh
from infold.bench.gas.cases import measure
from infold.bench.gas.ground import Ground
from infold.core.settlement import RECORDS_MAX
from infold.shell.chain import TRANSACTION_GAS_MAX
from infold.shell.deploy import MarketPlan
from infold.shell.devnet import Devnet
from infold.shell.devnet_config import DevnetConfig
from infold.signing import checksum_address

START_MS: Final = 1_750_000_000_000
ROOM: Final = 20


def run(seed: int = 1, say: Callable[[str], None] = lambda _line: None) -> dict[str, Any]:
    """Measure every case against the budget; `ok` judges them all and the contracts' sizes."""
    budget = read_budget()
    config = DevnetConfig(
        start_ms=START_MS,
        seed=seed,
        accounts=RECORDS_MAX + 1,
        collateral_e6=5_000_000 * 10**6,
        signers=3,
        threshold=3,
        gas_limit=2 * TRANSACTION_GAS_MAX,
        prices_e8={1: 60_000 * 10**8, 2: 2_500 * 10**8, 3: 150 * 10**8, 4: 550 * 10**8},
        liquidity_e6=50_000_000 * 10**6,
    )
    config = replace(config, markets=tuple(map(_roomy, config.markets)))
    with Devnet(config, say) as devnet:
        cases = judge(measure(Ground(devnet, seed), say), budget)
        contracts = weigh(sizes(devnet), budget)
    return {
        "ok": all(one["ok"] for one in (*cases.values(), *contracts.values())),
        "cases": cases,
        "contracts": contracts,
    }


def _roomy(market: MarketPlan) -> MarketPlan:
    """A devnet's market with twenty times its caps: what a case costs shall not move with a preset
    (at a devnet's own caps `single` costs 16,800 more, about the price of a word written anew).
    """
    caps = market.caps
    return replace(
        market,
        caps=caps._replace(
            slope_e20=max(1, caps.slope_e20 // ROOM),
            residual_cap_e8=caps.residual_cap_e8 * ROOM,
            position_cap_e8=caps.position_cap_e8 * ROOM,
        ),
    )


def sizes(devnet: Devnet) -> dict[str, int]:
    """Bytes of every deployed contract, immutables counted."""
    found = {}
    for name, address in devnet.book.addresses.items():
        code: str = devnet.rpc.call("eth_getCode", checksum_address(address), "latest")
        found[name] = len(code) // 2 - 1
    return found
