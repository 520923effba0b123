# SPDX-License-Identifier: Apache-2.0
"""Which flow is informed, how surely, and what the dealer does about it: pure, by the trade.

| to | use |
|---|---|
| mark trades out, with no look ahead | `markouts.PendingLabels`: no label comes early |
| know a client from few trades | `shrinkage.shrunk`, its population from `shrinkage.fitted` |
| see one-sided volume | `vpin.Vpin`: a feature and nothing more |
| learn online how probably a trade is toxic | `learner.OnlineLearner` |
| check a probability, rank by it, repair it | `calibration` |

Nothing here has a clock: time comes with each observation. A side is the client's: +1 buys.
"""
