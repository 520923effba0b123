# SPDX-License-Identifier: Apache-2.0
"""Crashes: what markets, clients and hedge venues did at their worst, and the dealer inside it.

| file | is |
|---|---|
| `events.py` | the classes: anchors, cascades, what broke |
| `weather.py` | one path's columns: price, volatility, depth, outside spread, staleness, funding |
| `outages.py` | one path's list of what fails at which venue and when |
| `flow.py` | the clients: elastic ones, forced sellers, those who know |
| `loop.py` | a uniform-price batch, hedges over venues, capital, insolvency |
| `world.py` | `CrashWorld`: the above put together for the runner |
| `replay.py` | recorded bars in place of an event |
| `rough.py` | E3: no event, wandering variance and jumps |
| `market.py` | the market, the capital and the dealers of the figures |

Inventory is base in M at the starting price; prices and money in bp of the starting price, so that
`q dS` is exact however far the price falls. Markups and costs are in bp of the current price.
"""
