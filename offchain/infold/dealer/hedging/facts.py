# SPDX-License-Identifier: Apache-2.0
"""What happens to outside orders, as journalled: a book of hedges is the fold of these.

Times are ours, in ms, and never read from a clock here.
"""

from __future__ import annotations

import msgspec

from infold.dealer.routing import Route
from infold.errors import InvariantBroken
from infold.outside import OutsideOrder, OutsidePosition, OutsideReport


class Routed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag=True):
    """What of a residual, or of the stock, was to be kept and sent, and why."""

    route: Route
    time_ms: int


class Intended(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag=True):
    """An order was decided."""

    order: OutsideOrder
    time_ms: int


class Sending(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag=True):
    """It is about to be sent; written before the request leaves."""

    client_id: str
    time_ms: int


class Reported(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag=True):
    """Its venue reported on it."""

    report: OutsideReport
    time_ms: int


class Missing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag=True):
    """Its venue does not know it."""

    client_id: str
    time_ms: int


class Silent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag=True):
    """A venue did not answer; about which order it was asked, if about one."""

    venue: str
    client_id: str = ""
    time_ms: int


class CancelAsked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag=True):
    """Its cancellation is about to be asked for."""

    client_id: str
    time_ms: int


class Dropped(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag=True):
    """It is not there and will not be sent."""

    client_id: str
    time_ms: int


class GivenUp(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag=True):
    """Nobody could say what became of it."""

    client_id: str
    time_ms: int


class Forgotten(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag=True):
    """It was given up so long ago that it no longer counts as perhaps filled."""

    client_id: str
    time_ms: int


class WrittenOff(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag=True):
    """An operator gave up a venue with all we hold there: a default, and not an outage."""

    venue: str
    time_ms: int


class PositionSeen(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag=True):
    """A venue said what we hold."""

    position: OutsidePosition
    time_ms: int


HedgeFact = (
    Routed
    | Intended
    | Sending
    | Reported
    | Missing
    | Silent
    | CancelAsked
    | Dropped
    | GivenUp
    | Forgotten
    | WrittenOff
    | PositionSeen
)


def encode_fact(fact: HedgeFact) -> bytes:
    """One JSON object, tagged with what it is."""
    return msgspec.json.encode(fact)


def decode_fact(data: bytes) -> HedgeFact:
    """The fact `encode_fact` wrote; anything else raises `InvariantBroken`."""
    try:
        return _DECODER.decode(data)
    except msgspec.MsgspecError as error:
        raise InvariantBroken(f"a journalled hedge does not decode: {error}") from None


_DECODER: msgspec.json.Decoder[HedgeFact] = msgspec.json.Decoder(HedgeFact)
