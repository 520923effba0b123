# SPDX-License-Identifier: Apache-2.0
"""The venue's node: the one place where core, dealer and shell meet.

Theory of operation. A request becomes a command, the engine decides events, the journal takes both,
then the state evolves and only then is anything said or sent: nothing acknowledged is lost, and a
restart folds the same events to the same state. A batch at T goes: observe the chain; commit the
dealer's curves (their hash is journalled); ask the oracle signers for T; close; try the call;
journal events and intent in one group; post; observe the logs, which confirm it. A crash between
any two of these steps leaves either no batch, or an intent that is posted again, byte for byte.

The node is synchronous and single-threaded, and time comes from its callers. An error that is
nobody's turn but ours halts it: from then on it refuses everything, because a state that broke one
rule cannot be trusted with the next.

A venue that hedges outside has a `HedgeDesk` a market (`hedge_desk.py`, `hedger.py`): it looks at
the pool after each batch, and its facts go to the same journal. There is none unless somebody adds
it.

`memory.py` holds state, journal and rows; `requests.py`, `following.py`, `batches.py`,
`commitments.py` and `views/` work on it; `node.py` is their one guarded door; `promises.py` judges
what a journal holds of commitments; `local.py` puts a whole venue on this machine.
"""

from infold.node.batches import BatchOutcome, Dealer, Oracle
from infold.node.local import LocalVenue, PriceWalk, live_desk
from infold.node.memory import BatchRow, OrderRow, replay_state
from infold.node.node import Node
from infold.node.promises import Commitments
from infold.node.requests import Admitted, DuplicateReceipt
from infold.shell.devnet_config import live_prices

__all__ = [
    "Admitted",
    "BatchOutcome",
    "BatchRow",
    "Commitments",
    "Dealer",
    "DuplicateReceipt",
    "LocalVenue",
    "Node",
    "Oracle",
    "OrderRow",
    "PriceWalk",
    "live_desk",
    "live_prices",
    "replay_state",
]
