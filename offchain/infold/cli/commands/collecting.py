# SPDX-License-Identifier: Apache-2.0
"""A keeper's part in what a venue earns: it hands the fees that wait in markets' ledgers to
insurance and treasury. That pays nobody who does it, so it is done once they are worth the gas.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from infold.errors import InfoldError, Misconfigured, Unavailable
from infold.units import INSURANCE_ACCOUNT, TREASURY_ACCOUNT

if TYPE_CHECKING:
    from infold.cli.commands.letting_out import MarketNames, Row
    from infold.cli.onchain import Party
    from infold.shell.keeper import Watch

FEES_LEAST: Final = "1"
"""Dollars in one market: a venue that trades has them in minutes, a call's gas should cost less."""
FEES_E6_LEAST: Final = int(FEES_LEAST) * 10**6


class Collecting(NamedTuple):
    """What was collected and what was left, as rows, and why the latter."""

    done: list[Row]
    left: list[Row]
    why: list[InfoldError]


def collect_fees(watch: Watch, party: Party, names: MarketNames, least_e6: int) -> Collecting:
    """Collect the fees of the market that has most of them, if that is so much.

    One a look, since a transaction may take a minute and an account may break meanwhile; only a
    market whose refusal is known at once gives way to the next. Fees that another collected a
    moment before are no row: the call moves nothing then. What fails is told as rows, and hides
    nothing that the look did before.
    """
    from infold.shell.chain import Reverted

    came = Collecting([], [], [])
    try:
        waiting = watch.waiting_fees_e6()
    except Unavailable as silence:
        came.why.append(silence)
        return came
    for market, waiting_e6 in sorted(waiting.items(), key=lambda it: -it[1]):
        if waiting_e6 < least_e6:
            break
        name = str(market)
        try:
            name = names.of(market)
            came.done.extend(_collected(party, market, name))
            break
        except (Misconfigured, Reverted, Unavailable) as why:
            came.left.append({"market": name, "reason": str(why)})
            came.why.append(why)
            if not isinstance(why, Reverted):
                break
    return came


def _collected(party: Party, market: int, name: str) -> list[Row]:
    moved_e6 = {INSURANCE_ACCOUNT: 0, TREASURY_ACCOUNT: 0}
    for log in party.send("Clearing", "collect_fees", market):
        if log.name == "CollateralMoved":
            moved_e6[int(log.arguments["account"])] += int(log.arguments["amount_e6"])
    if not any(moved_e6.values()):
        return []
    parts = {"insurance_e6": INSURANCE_ACCOUNT, "treasury_e6": TREASURY_ACCOUNT}
    shared = {part: str(moved_e6[account]) for part, account in parts.items()}
    return [{"market": name, "fees_e6": str(sum(moved_e6.values())), **shared}]
