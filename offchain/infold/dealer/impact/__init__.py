# SPDX-License-Identifier: Apache-2.0
"""Impact: what a trade does to the price, at once and later, and how to measure it.

| to | use |
|---|---|
| say what a M traded does t days later | `kernels.ExponentialKernel`, `kernels.PowerKernel` |
| refuse a pair that pays for going round | `kernels.require_admissible` |
| price a schedule against a kernel | `schedule.cost_bp_m` |
| follow the impact of our own trades | `state.ImpactParameters`, `state.pushed`, `state.rested` |
| estimate a large parent's cost beforehand | `parent.ParentLaw` |
| charge for moving a skew, as venues do | `quadratic.PriceImpact`: every quote's skew |
| fit the three decays, in one pass | `fitting.fit_decays`, `fitting.DecaySums` |
| line trades up with a recorded mid | `observations.observed` |
| validate without look-ahead | `validation.walk_forward`, `validation.conformal` |
| fit the square-root law | `metaorders.fit_parents` |
| recover a propagator from signs and returns | `propagator.fit_propagator` |
| run a power law in constant time a trade | `propagator.exponentials`, `propagator.propagated` |

Units: size M, signed (buys positive), price bp, time days (names say `_s` where seconds are meant).
"""
