# SPDX-License-Identifier: Apache-2.0
"""Simulated markets: pre-drawn clients, a compiled loop, the same bits from a seed everywhere.

| to | use |
|---|---|
| draw a path's clients | `tape.poisson_tape(demand, horizon_day, seed, path)`, or a `tape.Tape` |
| draw clients who bring clients | `hawkes.hawkes_tape(demand, hawkes.CALM, ...)` |
| fit and test such a flow | `hawkes.fit`, `hawkes.rescaled_gaps` |
| put flows together | `tape.merged([...])`; `Tape.informed` labels who knew |
| draw anything else of a path | `draws.generator(seed, path, Stream.NEWS)`, a stream a purpose |
| say what a dealer does | `policy.linear_policy`, `policy.table_policy`, the paper's closed forms |
| run the dealer on a quote per client | `quotes.QuotesWorld`, E0 is `quotes.paper_world()` |
| run it in a call auction a batch | `batches.BatchWorld`, `paper_batches(10.0)`, `batch_policy` |
| see what each batch did | `BatchWorld.blank_course`, `run_on(..., course=...)` |
| tell it volatility or a least spread | `batches_loop.Guidance`, a number a batch |
| feed those loops marks and moves | `scene.scene`, `QuotesWorld.run_on(policy, tape, scene)` |
| give that scene rough variance and jumps | `jumps.rough_scene(heston, jumps, ...)` |
| let the price answer hedges as it likes | `impact.ImpactWorld` (E4), `impact.power_world` |
| run dealers with capital through crashes | `crash.market.crash_world(event)`, and its guards |
| run it where clients have names and some trade on news | `clients.ClientsWorld` (E1b) |
| build the dealers that meet there | `client_dealers.blind`, `learning`, `filtering`, `told` |
| run many paths of any world | `runner.simulate(world, policy, paths, seed, workers)` |
| compare two policies | `ledger.paired(ours, theirs)`, on the same seed and paths |
| write another loop | `compiled.compiled`, `policy.markup_bp`, `ledger.mixed` inside it |

Units: size M, price and markup bp, time days, money bp * M. A side is the client's: +1 buys.
"""
