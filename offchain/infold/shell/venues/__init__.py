# SPDX-License-Identifier: Apache-2.0
"""Outside venues, behind one interface (`interface.py`).

    simulated   a book of its own: depth, transient impact, latency, fees, outages, maker fills
    amm         a constant-product pool on the devnet (contracts/dev/Amm.vy)
    ccxt        an exchange through ccxt; off unless configured, its keys by reference

Nothing here decides anything: adapters carry orders, say what a venue said, and raise `Unavailable`
when it said nothing. An order whose request was not answered may be there: whoever sent it asks for
it by client id before anything else (`dealer/hedging/orders.py`).
"""
