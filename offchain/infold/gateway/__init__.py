# SPDX-License-Identifier: Apache-2.0
"""The venue's doors: they receive `submit` and `read` from the node and decide nothing."""
