# SPDX-License-Identifier: Apache-2.0
"""The protocol a second time, from docs/protocol.md alone: plain integers, the standard library,
nothing of ours.

Two authors agree only by being right; so this package imports no other module of `infold` and no
other imports it, save the commands and tests that compare the two.
"""
