# SPDX-License-Identifier: Apache-2.0
"""Which flow is informed, how surely, and what the dealer does about it: pure, by the trade.

| to | use |
|---|---|
| run all of it | `model.ToxicityModel`: mids and fills in, opinions and verdicts out |
| run it in an auction | `live.LiveClients`: fills of accounts in, who is informed out |
| count slices of an order once | `parcels.Parcels` |
| mark trades out, with no look ahead | `markouts.PendingLabels`: no label comes early |
| tell kinds of clients apart | `filtering`, over a grid that `kinds.grid_of_kinds` builds |
| quote a client its premium, know what drift is pending | `pricing` |
| act in an auction: curve, fee tier, route | `acts` |
| learn online how probably a trade is toxic | `learner`, on the columns of `features` |
| know a client's mean markout from few trades | `shrinkage.shrunk`, `shrinkage.fitted` |
| see one-sided volume | `vpin.Vpin`: a feature and nothing more |
| check a probability, rank by it, repair it | `calibration` |

Nothing here has a clock: time comes with each observation. A side is the client's: +1 buys.
"""
