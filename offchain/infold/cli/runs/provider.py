# SPDX-License-Identifier: Apache-2.0
"""The demo's provider of liquidity, who comes early and goes again."""

from __future__ import annotations

from infold.cli.runs.stage import Stage

BROUGHT_E6 = 500_000 * 10**6
COMES_AT_STEP = 3
MINTED = "dollars minted"
APPROVED = "vaults approved"


class Provider:
    """Comes in, claims its shares when struck, asks for its money, and claims that."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._key = stage.ground.wallet("newcomer")
        self._done = 0

    def act(self, step: int) -> None:
        """Do what comes next, if its time has come."""
        stage, key = self._stage, self._key
        pool, own = stage.venue["Pool"], (key.address, key.address)
        if step == COMES_AT_STEP:
            stage.venue.rpc.call("anvil_setBalance", "0x" + key.address.hex(), hex(10**21))
            stage.act(key, MINTED, "Dollar", "mint", key.address, BROUGHT_E6)
            stage.act(key, APPROVED, "Dollar", "approve", pool.address, BROUGHT_E6)
            stage.act(key, "liquidity offered", "Pool", "requestDeposit", BROUGHT_E6, *own)
            self._done = 1
        elif self._done == 1:
            if paid_in := int(pool.call("maxDeposit", key.address)):
                stage.act(key, "pool shares claimed", "Pool", "deposit", paid_in, *own)
                self._done = 2
        elif self._done == 2:
            if shares := int(pool.call("balanceOf", key.address)):
                stage.act(key, "liquidity asked back", "Pool", "requestRedeem", shares, *own)
                self._done = 3
        elif self._done == 3 and (given_back := int(pool.call("maxRedeem", key.address))):
            stage.act(key, "liquidity paid back", "Pool", "redeem", given_back, *own)
            self._done = 4
