# SPDX-License-Identifier: Apache-2.0
"""The dealer's problem solved exactly on a lattice of inventory and impact state.

| to | use |
|---|---|
| say where | `lattice.Lattice`; `PERMANENT` and `TRANSIENT` are the references' |
| find the best a dealer can do | `hjb.solve(parameters, lattice)` |
| score what a dealer does | `evaluation.evaluate(parameters, conduct)`, one linear solve |
| quote from a solution in constant time | `tables.price_table`, `tables.markup_table` |

The control problem is that of Barzykin 2026 (arXiv:2601.13421) section 2, ergodic:

    theta = -gamma sigma^2 q^2 / 2 - beta x (q + V_x)
            + sum over sides and sizes of D l(d) (d - (V(q) - V(q -/+ D)) / D), best d
            + (V_q + k V_x + k q) v - psi |v| - eta v^2, best v

Differences are taken on the side the state moves to (upwind), so the equation is that of a Markov
chain on the lattice, its best value is approached from one side, and any fixed conduct has a value
by one linear solve. Order one in the step. Units as in `params.py`.
"""
