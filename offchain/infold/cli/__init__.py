# SPDX-License-Identifier: Apache-2.0
"""The command line. ``infold --help`` lists everything; stdout is data, stderr is progress."""
