# SPDX-License-Identifier: Apache-2.0
"""A recorded market's takers through the auction and the desk, without chain, node or signatures.

outside    what the outside costs at a time: a recorded book, or an estimate
serving    the loop: commit, clear, warehouse or hedge, account for it
shares     what was crossed, warehoused and hedged, and what it cost, over batches
records    recordings and account fills, served
"""
