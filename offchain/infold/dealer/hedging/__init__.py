# SPDX-License-Identifier: Apache-2.0
"""How what is sent outside is traded there: pure models, units as in `dealer/params.py`.

    transient    one parent under decaying impact: blocks and a rate, in closed form
    schedule     the same and more on a grid of times, as a quadratic programme
    almgren      Almgren and Chriss's hyperbolic schedule; the pre-trade estimate of 2005
    inflow       parents that keep growing or melting while they are traded: when to warehouse
    split        one amount over several places at equal marginal cost
    carry        what holding a hedge costs: funding, basis as drift and as a second risk
    passive      resting instead of crossing: saved spread against adverse selection
    orders       an outside order's life, from intent to filled or lost
    facts        what happens to outside orders, as journalled
    exposure     client leg and hedges together; what may still be sent
    terms        a venue's terms as one line of marginal cost

Signs: buys are positive throughout. Money is bp * M.
"""
