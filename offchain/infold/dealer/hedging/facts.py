# SPDX-License-Identifier: Apache-2.0
"""What happens to outside orders, as journalled: a book of hedges is the fold of these.

Times are ours, in ms, and never read from a clock here.
"""

from __future__ import annotations

import msgspec

from infold.outside import OutsideOrder, OutsidePosition, OutsideReport


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


class PositionSeen(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag=True):
    """A venue said what we hold."""

    position: OutsidePosition
    time_ms: int


Fact = (
    Intended
    | Sending
    | Reported
    | Missing
    | Silent
    | CancelAsked
    | Dropped
    | GivenUp
    | PositionSeen
)


def encode_fact(fact: Fact) -> bytes:
    """One JSON object, tagged with what it is."""
    return msgspec.json.encode(fact)


def decode_fact(data: bytes) -> Fact:
    """Raises `msgspec.ValidationError` if it is none."""
    return _DECODER.decode(data)


_DECODER: msgspec.json.Decoder[Fact] = msgspec.json.Decoder(Fact)
