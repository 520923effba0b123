# SPDX-License-Identifier: Apache-2.0
"""What some commands work out before they print it: a calibration, the state of the environment,
what a journal tells a report, an audit's verdict, what the caps allow.
"""
