# SPDX-License-Identifier: Apache-2.0
"""A whole venue in a time of the caller's choosing: the ground of ``shell.devnet`` with its node
(``node.LocalVenue``).

Real parts throughout: anvil, the contracts, oracle signers as processes, the journal, the node.
Only the clock is the caller's: blocks are stamped with the data's time (several may share a
second), prices are fed at it, and nothing waits on a wall clock.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from infold.cli.outputs import must_be_new_directory
from infold.cli.runs.dealing import WatchingDesk
from infold.closable import Closable
from infold.messages import PriceVector
from infold.node import BatchOutcome, LocalVenue
from infold.sdk.wallet import Wallet
from infold.shell.chain import receipt, why_it_failed
from infold.shell.devnet import Wallet as Key
from infold.shell.devnet_config import DevnetConfig

ACT_GAS = 1_000_000  # a claim with a whole vector costs less than half; unused gas is not paid


@dataclass(frozen=True, slots=True)
class _Sent:
    what: str
    transaction: bytes


class Stage(Closable):
    """One running venue. ``say`` hears of each step of setting it up; ``keep`` is where its files
    stay.
    """

    def __init__(
        self,
        config: DevnetConfig,
        dealer: WatchingDesk,
        *,
        say: Callable[[str], None],
        keep: Path | None = None,
    ) -> None:
        must_be_new_directory(keep, "--keep")
        self._sent: list[_Sent] = []
        self._noise = random.Random(config.seed)
        self._dealer = dealer
        self.refused_acts: dict[str, int] = {}
        self.local = LocalVenue(replace(config, directory=keep), dealer, progress=say)
        self.node = self.local.node
        self.ground = self.local.devnet
        self.venue = self.ground.venue
        self.domain = self.node.domain
        self.accounts = [account.account for account in self.ground.accounts]
        self.wallets = [Wallet(account.wallet.private_key) for account in self.ground.accounts]
        self.names = {market.market: market.listing.name for market in config.markets}

    def close(self) -> None:
        """End every process that was started. Safe to call twice."""
        self.local.close()

    # -- time ----------------------------------------------------------------

    @property
    def time_ms(self) -> int:
        """The latest time anything happened at."""
        return self.local.clock_ms

    def feed(self, time_ms: int, prices_e8: Mapping[int, int], *, noisy: bool = False) -> None:
        """Every source of every signer, and the desk, see these prices now; ``noisy`` sources
        differ a little.
        """
        self._dealer.tell(prices_e8)
        self.ground.write_prices(time_ms, dict(prices_e8), self._noise if noisy else None)
        self.local.clock_ms = max(self.local.clock_ms, time_ms)

    def batch(self, time_ms: int) -> BatchOutcome:
        """Close the batch at a time that was fed."""
        self.local.clock_ms = max(self.local.clock_ms, time_ms)
        outcome = self.node.close_batch(time_ms)
        if outcome.number is None:
            # No batch brings a block, and whoever sent a transaction waits for one.
            self.ground.mine(time_ms)
            self.node.observe()
        return outcome

    def vector(self, time_ms: int) -> PriceVector:
        """The signed vector of a time, as anybody may ask for it."""
        return self.ground.collector.collect(time_ms)

    # -- what people do on chain ---------------------------------------------

    def act(self, key: Key, what: str, contract: str, function: str, *arguments: Any) -> None:
        """Send a call into the next block; ``acts_done`` says what became of it."""
        target = self.venue[contract]
        data = target.abi.calldata(function, *arguments)
        sent = self.ground.sender(key).send(target.address, data, gas=ACT_GAS)
        self._sent.append(_Sent(what, sent))

    def acts_done(self) -> list[str]:
        """Names of acts that succeeded since the last call; refusals add up by reason."""
        done, waiting = [], []
        for act in self._sent:
            found = receipt(self.venue.rpc, act.transaction)
            if found is None:
                waiting.append(act)
            elif found.ok:
                done.append(act.what)
            else:
                refusal = f"{act.what}: {why_it_failed(self.venue.rpc, act.transaction)}"
                self.refused_acts[refusal] = self.refused_acts.get(refusal, 0) + 1
        self._sent = waiting
        return done
