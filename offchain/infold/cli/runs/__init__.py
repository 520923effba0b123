# SPDX-License-Identifier: Apache-2.0
"""Whole venues that a command drives in a time of its own: the demo's and a replay's.

`stage.py` is the ground of both and `voyage.py` what is counted on it; `traders.py` has what
traders send, `dealing.py` the dealers, `parameters.py` the listings, `provider.py` and `keeper.py`
two more whom the demo has.
"""
