# SPDX-License-Identifier: Apache-2.0
"""Research: recorded and seeded markets, and the orders they send. Needs numpy and polars
(``infold[venue]``).
"""
