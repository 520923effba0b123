# SPDX-License-Identifier: Apache-2.0
"""The market and the money the crash figures are about."""

from __future__ import annotations

from typing import Final

from infold.dealer.limits import Guard, closed_form, guarded
from infold.dealer.params import DealerParameters
from infold.research.simulation.crash.events import Event
from infold.research.simulation.crash.flow import Crowd
from infold.research.simulation.crash.world import CrashWorld
from infold.research.simulation.tape import demand_of

MARKET: Final = DealerParameters(
    sizes_m=(0.05, 0.15, 0.5, 1.0, 2.0, 5.0),
    requests_per_day=(2_000.0, 750.0, 250.0, 75.0, 20.0, 5.0),
    demand_shift=-1.0,
    demand_slope_per_bp=0.7,
    volatility_bp=300.0,
    risk_aversion=5e-3,
    hedge_spread_bp=2.5,
    hedge_impact_bp_day_per_m=1e-4,
    impact_bp_per_m=0.05,
    resilience_per_day=1_000.0,
    offer_m_max=5.0,
)
"""A perpetual of middling size: the reference's rescaling of E0 to crypto (300 bp a root day, 2.5
bp to hedge, sizes of .05 to 5 M, impact .05 bp a M) at half its requests, with demand as particular
as that of `params.PERPETUAL`. 350 M a day crosses in calm."""

POSITION_CAP_M: Final = 30.0
INITIAL_MARGIN: Final = 0.05
CAPITAL_TIMES: Final = 3.0
CAPITAL_BP_M: Final = CAPITAL_TIMES * INITIAL_MARGIN * POSITION_CAP_M * 1e4
"""Three times the initial margin of the position cap: 4.5 M of quote."""
VENUE_CAP_M: Final = POSITION_CAP_M / 3.0

CLOSED_FORM: Final = closed_form(MARKET, POSITION_CAP_M, VENUE_CAP_M)
GUARDED: Final = guarded(MARKET, POSITION_CAP_M, VENUE_CAP_M)
_ROOM_M: Final = GUARDED.capital_share * CAPITAL_BP_M / 1e4
CAPPED_FORM: Final = closed_form(MARKET, _ROOM_M, GUARDED.venue_share * _ROOM_M)
"""The closed form held to the position and the venue limits the guard has at its beginning."""
SIGHTED_FORM: Final = CLOSED_FORM._replace(sighted=1.0)
"""The closed form at the volatility, depth and costs it sees, without a limit by capital."""
GUARDS: Final[dict[str, Guard]] = {
    "closed form": CLOSED_FORM,
    "capped form": CAPPED_FORM,
    "sighted form": SIGHTED_FORM,
    "guarded": GUARDED,
}

CALM_SPREAD_BP: Final = 2.0 * CLOSED_FORM.half_spread_bp
SPREAD_TIMES_MAX: Final = 10.0


def crash_world(event: Event, tolerance_times_max: float = 1.0) -> CrashWorld:
    """This market through one event."""
    return CrashWorld(
        event=event,
        market=MARKET,
        crowd=Crowd(demand_of(MARKET), tolerance_times_max=tolerance_times_max),
        capital_bp_m=CAPITAL_BP_M,
        position_cap_m=POSITION_CAP_M,
        spread_bp_max=SPREAD_TIMES_MAX * CALM_SPREAD_BP * (1.0 + 1e-9),
    )
