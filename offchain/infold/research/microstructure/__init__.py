# SPDX-License-Identifier: Apache-2.0
"""What recorded books and trades say: order flow against prices, and what of it crosses itself.

recordings    files of one market and time found under a folder, by layout
steps         a recording cut into equal steps: order flow, imbalances, moves, depth
regressions   least squares, scored on what was not fitted, walked forward with purging
chance        block bootstrap and circular shifts: how far chance alone would get
evidence      what order flow explains, predicts, and carries to another day
crossable     how much of a window's taker flow nets against itself
"""
