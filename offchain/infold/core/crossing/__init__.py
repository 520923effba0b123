# SPDX-License-Identifier: Apache-2.0
"""The compiled passes of the auction: exact integers over columns of orders.

`core/auction.py` says what is computed and why in this order; these files hold the loops.

    places    the places of a market's row, and classes of orders
    products  64 bits times 64 bits, and their division
    offering  what the dealer's curve sells at a tick, and how far out the rule lets it
    binning   every order into the bin of its limit, and which bins to look into
    pricing   the one tick of a market
    filling   who is filled at it, to the last lot

Money is int64 throughout; the only floats choose a *bin*, where any non-decreasing map will do, and
every decision inside a bin is made again in integers. Products that pass 64 bits go through
`products`.

Style of the hot loops: no branch may depend on an order (a wrong guess costs more than the rest of
the row), so choices are table look-ups by a bit, and indices are unsigned, which spares numba's
test for negative ones. Adding a compiled function costs every fresh machine a second or two.

Must change together: `offering.within_bound` with `curve.fault`, `offering.sale_at` with
`Curve.sale_e8`, `places` with `auction._rules`.
"""
