# SPDX-License-Identifier: Apache-2.0
"""Places in a path's row (`ledger.Sum`) as the plain integers that compiled loops know them by."""

from __future__ import annotations

from infold.research.simulation.ledger import Sum

MARKUP = int(Sum.MARKUP)
IMPACT = int(Sum.IMPACT)
DRIFT = int(Sum.DRIFT)
MARTINGALE = int(Sum.MARTINGALE)
FUNDING = int(Sum.FUNDING)
COST = int(Sum.COST)
RISK = int(Sum.RISK)
SQUARE = int(Sum.SQUARE)
CLIENT_VOLUME = int(Sum.CLIENT_VOLUME)
EXTERNAL_VOLUME = int(Sum.EXTERNAL_VOLUME)
FILLS = int(Sum.FILLS)
EQUITY_MIN = int(Sum.EQUITY_MIN)
INVENTORY = int(Sum.INVENTORY)
IMPACT_STATE = int(Sum.IMPACT_STATE)
PRICE = int(Sum.PRICE)
DAYS = int(Sum.DAYS)
