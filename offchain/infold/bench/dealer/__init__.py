# SPDX-License-Identifier: Apache-2.0
"""The proof that the dealer earns: eight groups of seeded figures, each with its limit.

One file a group, each with `run(bench) -> list[Figure]`; `figures.py` says what a figure is and
when it is good, `run.py` runs groups and lays the document out.
"""
