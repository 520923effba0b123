# SPDX-License-Identifier: Apache-2.0
"""What some commands have to find out before they can say it: a calibration, the state of the
environment, what a journal tells a report, an audit's verdict, what the caps allow.
"""
