# SPDX-License-Identifier: Apache-2.0
"""Learning beside the closed form: a residual on its quotes, inside a band it cannot leave.

| to | use |
|---|---|
| turn an action into quotes | `residual.Band`, `residual.Steering(belief, band).steered(action)` |
| learn or evaluate | `environment.DealerEnvironment`, gymnasium over the quotes loop |
| run a learned policy without its learner | `network.Network`, `network.load` |
| compare it with the closed form | `evaluation.compare`, on the same tapes and scenes |
| train | `python -m infold.research.learning.training`, in an environment of its own |
"""
