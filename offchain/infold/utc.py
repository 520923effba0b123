# SPDX-License-Identifier: Apache-2.0
"""How messages tell a moment, on chain or off."""

from __future__ import annotations

from datetime import UTC, datetime


def moment(time_ms: int) -> str:
    """A time in ms since 1970 as UTC; in seconds as contracts count it stands beside it in what
    programs read. Rounded up: whoever waits for the second that is named does not come too early.
    """
    time_s = -(-time_ms // 1000)
    return f"{datetime.fromtimestamp(time_s, UTC):%Y-%m-%d %H:%M:%S} UTC"
