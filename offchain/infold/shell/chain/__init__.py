# SPDX-License-Identifier: Apache-2.0
"""The chain as the venue sees it: JSON-RPC, calls and logs by ABI, signed transactions, `settle`
calldata, and where the contracts are. Nothing here decides anything.
"""

from infold.shell.chain.calldata import (
    SETTLE,
    SETTLE_SELECTOR,
    batch_of_settle,
    settle_calldata,
    vector_of_settle,
)
from infold.shell.chain.contracts import Abi, Contract, Log, load_abi, type_of
from infold.shell.chain.rpc import (
    NO_GAS,
    NONCE_TOO_LOW,
    Block,
    Json,
    Reverted,
    Rpc,
    Unanswered,
    block,
    mine,
    revert_reason,
)
from infold.shell.chain.transactions import (
    TRANSACTION_GAS_MAX,
    Receipt,
    Sender,
    Transaction,
    calldata_of,
    receipt,
    receipts,
    rlp,
    sign_transaction,
    why_it_failed,
)
from infold.shell.chain.venue import BOOK_NAME, AddressBook, Venue

__all__ = [
    "BOOK_NAME",
    "NONCE_TOO_LOW",
    "NO_GAS",
    "SETTLE",
    "SETTLE_SELECTOR",
    "TRANSACTION_GAS_MAX",
    "Abi",
    "AddressBook",
    "Block",
    "Contract",
    "Json",
    "Log",
    "Receipt",
    "Reverted",
    "Rpc",
    "Sender",
    "Transaction",
    "Unanswered",
    "Venue",
    "batch_of_settle",
    "block",
    "calldata_of",
    "load_abi",
    "mine",
    "receipt",
    "receipts",
    "revert_reason",
    "rlp",
    "settle_calldata",
    "sign_transaction",
    "type_of",
    "vector_of_settle",
    "why_it_failed",
]
