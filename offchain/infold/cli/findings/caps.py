# SPDX-License-Identifier: Apache-2.0
"""What a day of hindsight may take by the caps that are set, as commands say it: decision 0153."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from infold.cli.layout import dollars, percent
from infold.units import FRACTION_DECIMALS

if TYPE_CHECKING:
    from infold.shell.chain import Venue
    from infold.shell.deploy import MarketPlan


class DayBound(NamedTuple):
    """What a day may take of the pool's capital, infinite where it has none, and the capital that
    the caps of `priced` markets suit; `unpriced` ones, which no batch has priced yet, are not in
    it.
    """

    share: float
    limit_share: float
    capital_e6: int
    capital_e6_min: int
    priced: list[int]
    unpriced: list[int]

    @property
    def held(self) -> bool:
        """Whether the day's limit holds."""
        return self.share <= self.limit_share or not self.capital_e6_min

    def document(self) -> dict[str, Any]:
        """As documents tell it; of no capital there is no share."""
        return {
            "share": round(self.share, FRACTION_DECIMALS) if math.isfinite(self.share) else None,
            "limit_share": self.limit_share,
            "capital_e6_min": str(self.capital_e6_min),
            "priced": self.priced,
            "unpriced": self.unpriced,
            "held": self.held,
        }

    def warning(self) -> str:
        """What to say where the limit does not hold; empty where it does."""
        if self.held:
            return ""
        reached = f", {percent(self.share, 2)} a day" if math.isfinite(self.share) else ""
        return (
            f"these caps suit a pool of {dollars(self.capital_e6_min)} and more, and it has"
            f" {dollars(self.capital_e6)}: who knows the next window can take more than"
            f" {percent(self.limit_share)} of it{reached} (docs/decisions/0153); lower"
            " residual_cap_e8 and position_cap_e8, or let the pool grow first"
        )


def day_bound(there: Venue, planned: MarketPlan | None = None, price_e8: int = 0) -> DayBound:
    """The bound of all listed markets at their last prices, `planned` in the place of the one of
    its number, at `price_e8` if no batch has priced it.
    """
    from infold.core.daybound import LIMIT_SHARE, Caps, capital_e6_min, worst_share
    from infold.shell.caps import listed_caps
    from infold.words import unpack_limits

    new = {} if planned is None else {planned.market: planned}
    caps, priced, unpriced = [], [], []
    for one in listed_caps(there, new):
        at_e8 = one.price_e8 or (price_e8 if one.market in new else 0)
        if at_e8:
            caps.append(Caps.at(at_e8, *one[2:]))
            priced.append(one.market)
        else:
            unpriced.append(one.market)
    capital_e6 = unpack_limits(int(there["Clearing"].call("limits"))).capital_e6
    share = worst_share(caps, capital_e6) if capital_e6 else math.inf
    return DayBound(share, LIMIT_SHARE, capital_e6, capital_e6_min(caps), priced, unpriced)
