# SPDX-License-Identifier: Apache-2.0
"""The twin's audit behind our errors: it knows none of ours, so its faults are translated here."""

from __future__ import annotations

from typing import Any

from infold.errors import Unavailable


def audit_of(rpc_url: str, clearing: bytes | None = None) -> dict[str, Any]:
    """Replay a venue's public calldata and logs; raises ``Unavailable`` if the node does not serve
    them.
    """
    from infold.reference.audit import audit
    from infold.reference.rpc import NodeError

    contracts = None if clearing is None else {"Clearing": "0x" + clearing.hex()}
    try:
        return audit(rpc_url, contracts)
    except NodeError as error:
        raise Unavailable(f"audit: {error}") from None
