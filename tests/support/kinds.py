# SPDX-License-Identifier: Apache-2.0
"""A small grid of kinds for tests of the toxicity filter: two edges, two decays."""

from __future__ import annotations

from infold.dealer.toxicity.kinds import KindsParameters

FOUR_KINDS = KindsParameters(
    edges_bp=(1.0, 3.0),
    decays_s=(20.0, 200.0),
    share_informed=0.1,
    own_requests_per_day=44.0,
    informed_requests_per_day=70.0,
    news_per_day=20.0,
    willing=(0.0, 1.0),
    background_bp=0.0,
    premiums_bp=(-0.02, 0.5, 1.5),
    hedge_cost_bp=0.4,
    hedge_s=20.0,
)
