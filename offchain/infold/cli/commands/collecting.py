# SPDX-License-Identifier: Apache-2.0
"""A keeper's part in what a venue earns: it hands the fees that wait in markets' ledgers to
insurance and treasury. That pays nobody who does it, so it is done once they are worth the gas.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from infold.units import INSURANCE_ACCOUNT, TREASURY_ACCOUNT

if TYPE_CHECKING:
    from infold.cli.commands.letting_out import MarketNames, Row
    from infold.cli.onchain import Party
    from infold.shell.keeper import Watch

FEES_LEAST: Final = "1"
"""Dollars in one market: a venue that trades has them in minutes, a call's gas should cost less."""
FEES_E6_LEAST: Final = int(FEES_LEAST) * 10**6


def collect_fees(watch: Watch, party: Party, names: MarketNames, least_e6: int) -> list[Row]:
    """Collect the fees of every market that holds this much; what came of each, as rows.

    Fees that another collected a moment before are no row: the call moves nothing then.
    """
    rows = []
    for market, waiting_e6 in watch.waiting_fees_e6().items():
        if waiting_e6 < least_e6:
            continue
        moved_e6 = {INSURANCE_ACCOUNT: 0, TREASURY_ACCOUNT: 0}
        for log in party.send("Clearing", "collect_fees", market):
            if log.name == "CollateralMoved":
                moved_e6[int(log.arguments["account"])] += int(log.arguments["amount_e6"])
        if any(moved_e6.values()):
            rows.append(
                {
                    "market": names.of(market),
                    "fees_e6": str(sum(moved_e6.values())),
                    "insurance_e6": str(moved_e6[INSURANCE_ACCOUNT]),
                    "treasury_e6": str(moved_e6[TREASURY_ACCOUNT]),
                }
            )
    return rows
