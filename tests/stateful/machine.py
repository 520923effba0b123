# SPDX-License-Identifier: Apache-2.0
"""A seeded random venue: the contracts on pyrevm, the twin beside them, every call made to both.

Each step picks a rule, builds a call (often a bad one), and compares revert string, logs in order
and every word the twin wrote. The driver knows nothing of the expected outcome; the tables at the
end say what was reached.
"""

from __future__ import annotations

from collections import Counter

from .accounts import Accounts
from .chain import EPOCH_MS, MARKETS, STRANGER
from .ending import Ending
from .recovering import Recovering
from .shares import Shares

WEIGHTS = {
    "settle": 55,
    "travel": 6,
    "open_account": 1,
    "deposit": 3,
    "request_withdrawal": 4,
    "claim_withdrawal": 4,
    "leave_at_once": 1,
    "pull": 2,
    "set_outflow": 1,
    "cancel": 4,
    "cancel_all": 2,
    "grant": 5,
    "revoke": 2,
    "approve": 1,
    "disapprove": 1,
    "request_deposit": 2,
    "request_redeem": 5,
    "set_operator": 1,
    "claim": 7,
    "set_market": 2,
    "set_halt": 1,
    "collect_fees": 2,
    "spend": 1,
    "keys": 4,
    "source": 2,
    "refresh": 5,
    "liquidate": 6,
    "apply": 3,
    "force_reduce": 4,
    "execute_exit": 4,
    "deleverage": 4,
    "fold": 8,
}
REFUSED_MAX = 64
"""Openings of a first account that may be refused."""


class Machine(Accounts, Shares, Recovering, Ending):
    """The random driver. `run(n)` makes n transitions; `counts` says which."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._begin()

    def _begin(self) -> None:
        for key in (*self.providers, STRANGER, self.matcher):
            self.fund(key.address)
        for market in MARKETS:
            self.set_market(market, self._rates(market), self._caps(market))
        for _ in range(8):
            self.open_account()
        for _ in range(REFUSED_MAX):  # one seed in six thousand is refused eight times
            if not self.owners:
                self.open_account()
        assert self.owners, self.say("seed", "no account was opened")
        self.door("clearing", "deposit", (1, 40_000_000 * 10**6), STRANGER.address)
        first = self.providers[0].address
        self.door("pool", "request_deposit", (3 * 10**7 * 10**6, first, first), first)
        self.travel(EPOCH_MS // 1000 + 20)
        self.rule_settle()

    def step(self) -> None:
        """One transition by weight."""
        (rule,) = self.random.choices(list(WEIGHTS), list(WEIGHTS.values()))
        getattr(self, f"rule_{rule}")()

    def run(self, transitions: int, check_every: int) -> None:
        """So many transitions; everything is compared now and then, and at the end."""
        due = check_every
        while self.transitions < transitions:
            self.step()
            if self.transitions >= due:
                self.check_everything()
                due += check_every
        self.check_everything()

    def run_to_the_end(self, transitions: int, check_every: int) -> None:
        """So many transitions, and then the venue is wound down."""
        self.run(transitions, check_every)
        self.end(self.step)

    def table(self) -> str:
        """What was reached."""
        lines = [f"seed {self.seed}: {self.transitions} transitions, {self.landed} batches landed"]
        for title, counts in (
            ("rules", self.rules),
            ("reasons", Counter({it.name: n for it, n in self.reasons.items()})),
            ("faults", self.faults),
        ):
            lines.append(title)
            done = self.succeeded if title == "rules" else counts
            lines += [f"  {count:7} {done[it]:7} {it}" for it, count in sorted(counts.items())]
        return "\n".join(lines)
