# SPDX-License-Identifier: Apache-2.0
"""What the engine is told (commands), what it decides (events), and what the chain says (facts).

All are frozen and tagged, so the journal can hold them as JSON. Whole 256-bit words travel as
`Word`: 0x and 64 hex digits, because JSON integers end at 64 bits; hashes and addresses are bytes,
which JSON carries as base64. Times are milliseconds, and always a field: the engine has no clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec

from infold.core.curve import Curve
from infold.errors import InvariantBroken
from infold.messages import Cancel, Fill, Order, SignedOrder
from infold.units import BACKSTOP_ACCOUNT, POOL_ACCOUNT

Word = Annotated[str, msgspec.Meta(pattern="^0x[0-9a-f]{64}$")]


def to_word(value: int) -> str:
    """A 256-bit number as a `Word`."""
    return f"0x{value:064x}"


def from_word(word: str) -> int:
    """The number a `Word` stands for."""
    return int(word, 16)


# -- facts: what the contracts' logs say -----------------------------------------------------------


class Fact(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag=True):
    """One log, with the names of docs/protocol.md section 11."""


class Deployed(Fact, frozen=True, kw_only=True):
    """The words a deployment starts with; the shell reads them once, at the deployment's block."""

    pool: Word
    backstop: Word
    head: Word
    epoch_ms: int


class AccountOpened(Fact, frozen=True, kw_only=True):
    account: int
    owner: Word


class CollateralMoved(Fact, frozen=True, kw_only=True):
    account: int
    amount_e6: int
    word: Word


class WithdrawalSet(Fact, frozen=True, kw_only=True):
    account: int
    word: Word
    withdrawal: Word


class Cancelled(Fact, frozen=True, kw_only=True):
    account: int
    slot: int
    fill: Word


class CancelledAll(Fact, frozen=True, kw_only=True):
    account: int
    word: Word
    barrier: int


class DelegateSet(Fact, frozen=True, kw_only=True):
    account: int
    key: Word
    delegate: Word


class ApprovalSet(Fact, frozen=True, kw_only=True):
    account: int
    digest: Word
    approval: int


class LiquidityRequested(Fact, frozen=True, kw_only=True):
    epoch: int
    requests: Word


class Applied(Fact, frozen=True, kw_only=True):
    account: int
    index: int
    position: Word
    clock: Word
    meter: Word
    ledger: Word
    incoming: Word
    transit: Word
    events: Word


class ExitSet(Fact, frozen=True, kw_only=True):
    account: int
    index: int
    exit: Word


class FeesCollected(Fact, frozen=True, kw_only=True):
    market: int
    ledger: Word


class HaltSet(Fact, frozen=True, kw_only=True):
    limits: Word


class WoundDown(Fact, frozen=True, kw_only=True):
    """No batch settles any more; debts are registered up to a time."""

    until_ms: int


class Covered(Fact, frozen=True, kw_only=True):
    """Who paid a bankrupt account's debt; what insurance paid is told by `CollateralMoved` too."""

    account: int
    insurance_e6: int
    pool_e6: int


class MarketSet(Fact, frozen=True, kw_only=True):
    market: int
    clock: Word
    rates: Word
    caps: Word
    listing: Word


class SourceRead(Fact, frozen=True, kw_only=True):
    market: int
    readings: Word


ChainFact = (
    Deployed
    | AccountOpened
    | CollateralMoved
    | WithdrawalSet
    | Cancelled
    | CancelledAll
    | DelegateSet
    | ApprovalSet
    | LiquidityRequested
    | Applied
    | ExitSet
    | Covered
    | FeesCollected
    | HaltSet
    | WoundDown
    | MarketSet
    | SourceRead
)

FACTS: Final[dict[str, type[Fact]]] = {
    fact.__name__: fact
    for fact in (
        AccountOpened,
        CollateralMoved,
        WithdrawalSet,
        Cancelled,
        CancelledAll,
        DelegateSet,
        ApprovalSet,
        LiquidityRequested,
        Applied,
        ExitSet,
        Covered,
        FeesCollected,
        HaltSet,
        WoundDown,
        MarketSet,
        SourceRead,
    )
}
"""Logs of `Clearing`, `Recovery`, `Delegates`, `Pool` and `Oracle` that tell the engine something
new. The others are the echo of a batch, which `ConfirmBatch` folds, or say nothing it keeps."""


def fact_from_log(
    name: str, arguments: Mapping[str, Any], following: str | None = None
) -> ChainFact | None:
    """The fact of a decoded log of a contract that tells facts; None if it says nothing new.

    `arguments` are the ABI's names with integers, or 0x strings for addresses. `following` names
    the next log of the same block, if there is one: collateral that a batch moves for the pool and
    the backstop is that batch's echo, and the backstop's is told by what follows it. What the pool
    pays for a bankrupt account is told by `Covered`.
    """
    kind = FACTS.get(name)
    if kind is None:
        return None
    if kind is CollateralMoved:
        account = int(arguments["account"])
        if account == POOL_ACCOUNT:
            return None
        if account == BACKSTOP_ACCOUNT and following == "BackstopSettled":
            return None
    fields: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        value = arguments[field.name]
        number = int(value, 16) if isinstance(value, str) else int(value)
        fields[field.name] = number if field.type is int else to_word(number)
    return kind(**fields)  # type: ignore[return-value]


# -- commands --------------------------------------------------------------------------------------


class Command(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag=True):
    """Something asked of the engine."""


class SubmitOrders(Command, frozen=True, kw_only=True):
    """Orders whose signatures were recovered, in the order they came."""

    orders: list[SignedOrder]
    received_ms: int


class CancelOrders(Command, frozen=True, kw_only=True):
    """Cancels whose signatures were recovered and whose signers may ask for them."""

    cancels: list[Cancel]
    received_ms: int


class ObserveChain(Command, frozen=True, kw_only=True):
    """Logs in their order up to and including a block. `block_ms` is its stamp times 1000."""

    facts: list[ChainFact]
    block: int
    block_ms: int


class CloseBatch(Command, frozen=True, kw_only=True):
    """Match what waits at a vector's prices.

    `prices_e8` are the vector's non-zero prices by market, `chunks` and `root` its own; `curves`
    are the dealer's, committed before the vector was known. A market without a curve crosses
    traders only.
    """

    time_ms: int
    prices_e8: dict[int, int]
    chunks: int
    root: bytes
    curves: dict[int, Curve]


class SkippedOnChain(msgspec.Struct, frozen=True, array_like=True):
    """What a Skipped log says."""

    account: int
    slot: int
    reason: int


class ConfirmBatch(Command, frozen=True, kw_only=True):
    """The batch landed; `skips` are its Skipped logs."""

    number: int
    skips: list[SkippedOnChain]
    block: int
    tx_hash: bytes


class LapseBatch(Command, frozen=True, kw_only=True):
    """The batch can land no more, or was never signed (`signed` false)."""

    number: int
    reason: str
    signed: bool = True


# -- events ----------------------------------------------------------------------------------------


class Event(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag=True):
    """Something that has happened; only events change a state."""


class OrderAccepted(Event, frozen=True, gc=False):
    """The venue stands behind the order from here on."""

    sequence: int
    accepted_ms: int
    signed: SignedOrder

    @property
    def order(self) -> Order:
        return self.signed.order

    @property
    def order_hash(self) -> bytes:
        return self.signed.order_hash


class OrderRejected(Event, frozen=True, kw_only=True):
    """The order was refused; it changes nothing but a count."""

    order_hash: bytes
    code: str
    param: str | None
    message: str


class OrderCancelled(Event, frozen=True, kw_only=True):
    """The order leaves the book. One that a batch holds may still fill there, and ends with it.

    `reason`: OWNER (a signed cancel), CHAIN (its barrier acts on chain), SIGNER (its delegate
    went), MARGIN, WOUND_DOWN (the venue ended). The slot takes only seqs above `seq` from now on.
    """

    order_hash: bytes
    reason: str
    seq: int


class OrderExpired(Event, frozen=True, kw_only=True):
    """The order's time is over: its expiry passed, or it was IOC or FOK and its batch is done."""

    order_hash: bytes


class ClearingPrice(msgspec.Struct, frozen=True, array_like=True):
    """One market of the price list."""

    market: int
    price_e8: int
    gross_e8: int


class PlannedRecord(msgspec.Struct, frozen=True, array_like=True):
    """One record: the open order it fills, the position's place, and the lots."""

    order_hash: bytes
    index: int
    fill_e8: int


class BatchClosed(Event, frozen=True, kw_only=True):
    """Matched, not yet settled. With the open orders it holds all that is signed and posted."""

    number: int
    time_ms: int
    chunks: int
    opened: int
    root: bytes
    accepted_root: bytes
    prices_e8: dict[int, int]
    clearing: list[ClearingPrice]
    records: list[PlannedRecord]


class NothingMatched(Event, frozen=True, kw_only=True):
    """A vector passed without a batch: nobody crossed and no strike was due."""

    time_ms: int
    prices_e8: dict[int, int]


class BatchConfirmed(Event, frozen=True, kw_only=True):
    """The batch's outcome, as predicted here and as the chain logged it."""

    number: int
    time_ms: int
    fills: list[Fill]
    skips: list[SkippedOnChain]
    block: int
    tx_hash: bytes


class BatchLapsed(Event, frozen=True, kw_only=True):
    """The batch's fills are void. GTC orders return, IOC and FOK die."""

    number: int
    reason: str


class ChainObserved(Event, frozen=True, kw_only=True):
    """Facts in log order, to be folded in."""

    facts: list[ChainFact]
    block: int
    block_ms: int


AnyCommand = SubmitOrders | CancelOrders | ObserveChain | CloseBatch | ConfirmBatch | LapseBatch
AnyEvent = (
    OrderAccepted
    | OrderRejected
    | OrderCancelled
    | OrderExpired
    | BatchClosed
    | NothingMatched
    | BatchConfirmed
    | BatchLapsed
    | ChainObserved
)


# -- JSON ------------------------------------------------------------------------------------------

_events_decoder: Final = msgspec.json.Decoder(list[AnyEvent])
_encoder: Final = msgspec.json.Encoder()


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the journal holds of a command: itself and what was decided."""

    command: AnyCommand
    events: list[AnyEvent]


_entry_decoder: Final = msgspec.json.Decoder(Entry)


def decode_events(raw: bytes) -> list[AnyEvent]:
    """The events of an entry; anything else raises `InvariantBroken`."""
    try:
        group: list[AnyEvent] = _events_decoder.decode(raw)
    except msgspec.MsgspecError as error:
        raise InvariantBroken(f"a journalled group does not decode: {error}") from None
    return group


def encode_entry(command: AnyCommand, decided: list[AnyEvent]) -> bytes:
    """A command and its events as the journal holds them, on one line.

    An order is written once: an accepted one by its event, so that `orders` is left with those that
    were refused.
    """
    if isinstance(command, SubmitOrders):
        refused = [
            signed
            for signed, event in zip(command.orders, decided, strict=True)
            if isinstance(event, OrderRejected)
        ]
        command = SubmitOrders(orders=refused, received_ms=command.received_ms)
    return _encoder.encode(Entry(command, decided))


def decode_entry(raw: bytes) -> Entry:
    """The command and events `encode_entry` wrote; anything else raises `InvariantBroken`."""
    try:
        entry: Entry = _entry_decoder.decode(raw)
    except msgspec.MsgspecError as error:
        raise InvariantBroken(f"a journalled entry does not decode: {error}") from None
    command = entry.command
    if not isinstance(command, SubmitOrders):
        return entry
    refused = iter(command.orders)
    try:
        orders = [
            event.signed if isinstance(event, OrderAccepted) else next(refused)
            for event in entry.events
        ]
    except StopIteration:
        raise InvariantBroken("a journalled group of orders lacks one it refused") from None
    return Entry(SubmitOrders(orders=orders, received_ms=command.received_ms), entry.events)
