# SPDX-License-Identifier: Apache-2.0
"""The demo's keeper: liquidates whom new prices broke, and claims what withdrawals are due, in the
block in which the batch lands.
"""

from __future__ import annotations

from collections.abc import Mapping

from infold.cli.runs.stage import Stage
from infold.core import margin
from infold.errors import Unavailable
from infold.messages import PriceVector
from infold.units import FIRST_TRADER

LIQUIDATIONS_A_STEP_MAX = 12  # each costs a keeper a transaction with the whole vector


class Keeper:
    """One venue's: who is liquidated, and when which withdrawal is claimed."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._claims: dict[int, int] = {}

    def waits_for(self, account: int) -> bool:
        """Whether a withdrawal of the account is still to be claimed."""
        return account in self._claims

    def claim_after(self, account: int, due_ms: int) -> None:
        """Claim the account's withdrawal once this time has passed."""
        self._claims[account] = due_ms

    def act(self, time_ms: int, prices_e8: Mapping[int, int]) -> None:
        """Act on the prices, by market, that were fed for this time."""
        due = [account for account, due_ms in self._claims.items() if time_ms > due_ms]
        broken = self._broken(time_ms, prices_e8)
        if not due and not broken:
            return
        try:
            vector = self._stage.vector(time_ms)
        except Unavailable:
            return  # the batch will ask again and say why
        words = (_vector_head(vector), vector.openings, vector.signatures)
        key = self._stage.ground.funder
        for account, index in broken[:LIQUIDATIONS_A_STEP_MAX]:
            case = (*words, account, index, 0)
            self._stage.act(key, "liquidations", "Recovery", "liquidate", *case)
        for account in due:
            del self._claims[account]
            self._stage.act(
                key, "withdrawals claimed", "Clearing", "claim_withdrawal", account, *words
            )

    def _broken(self, time_ms: int, prices_e8: Mapping[int, int]) -> list[tuple[int, int]]:
        """The largest position of each account below maintenance margin at these prices."""
        state = self._stage.node.state
        found = []
        for number, account in state.accounts.items():
            if number < FIRST_TRADER or not account.positions:
                continue
            marks = margin.marks_for(account, state.markets, prices_e8, time_ms)
            if marks is not None and margin.is_liquidatable(account, marks):
                index, _ = max(
                    account.positions.items(),
                    key=lambda item: abs(item[1].base_e8) * prices_e8[item[1].market],
                )
                found.append((number, index))
        return found


def _vector_head(vector: PriceVector) -> int:
    return vector.time_ms << 16 | vector.chunks << 8 | vector.opened
