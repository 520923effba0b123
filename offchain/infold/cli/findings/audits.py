# SPDX-License-Identifier: Apache-2.0
"""The twin's audit behind our errors: it knows none of ours, so its faults are translated here."""

from __future__ import annotations

from typing import Any

from infold.errors import Misconfigured, Unavailable


def audit_of(rpc_url: str, clearing: bytes | None = None) -> dict[str, Any]:
    """Replay a venue's public calldata and logs; raises ``Unavailable`` if the node does not serve
    them, ``Misconfigured`` if nothing stands at Clearing's address or several venues stand there
    and none is named.
    """
    from infold.reference.audit import audit
    from infold.reference.history import SeveralVenues
    from infold.reference.rpc import Node, NodeError

    address = None if clearing is None else "0x" + clearing.hex()
    try:
        if address is not None and Node(rpc_url).call("eth_getCode", address, "latest") == "0x":
            raise Misconfigured(
                f"the chain at {rpc_url} has no contract at {address}; name the node of Clearing's"
                " chain with --rpc-url, or leave out --clearing and --book (INFOLD_BOOK): it is"
                " looked for"
            )
        return audit(rpc_url, None if address is None else {"Clearing": address})
    except SeveralVenues as error:
        raise Misconfigured(f"audit: {error}; or give its address book as --book FILE") from None
    except NodeError as error:
        raise Unavailable(f"audit: {error}") from None
