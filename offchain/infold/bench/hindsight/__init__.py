# SPDX-License-Identifier: Apache-2.0
"""`infold bench self-dealing`: the most a matcher and its friend take from the pool in a day.

`ground.py` closes markets by the engine's rule, `paths.py` moves prices, `friend.py` trades a day
with the next window known, `run.py` searches for the worst of days and holds it against the limit.
"""
