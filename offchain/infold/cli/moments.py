# SPDX-License-Identifier: Apache-2.0
"""When a refusal for being early ends, read from the contract that refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from infold.cli.layout import LARGE_MS
from infold.units import DAY_MS, EXIT_DELAY_MS, PLACES, SLOTS, WINDOW_MS
from infold.utc import moment
from infold.words import (
    HeadWord,
    unpack_delegate,
    unpack_exit,
    unpack_fill,
    unpack_head,
    unpack_withdrawal,
)

if TYPE_CHECKING:
    from infold.shell.chain import Venue

    EndsAt = Callable[[Venue, str, Sequence[Any]], int]
    """Of a function and its arguments that were refused, in ms since 1970; 0 if there is none."""

SILENCE_MS: Final = 7 * DAY_MS
"""How long nothing was settled before anyone may end the venue (docs/protocol.md section 7.1)."""
REGISTRATION_MS: Final = 7 * DAY_MS
"""How long debts are told once it has ended (the same section)."""
HALT_REST_MS: Final = 14 * DAY_MS
"""From a halt's end: no other one before that has passed."""
LAST_MS: Final = 253_402_300_799_000
"""The end of the year 9999, where calendars stop: what is barred for longer is barred for good."""


def until(there: Venue, reason: str, function: str, arguments: Sequence[Any]) -> str:
    """After which moment a refused call may be made, to be read after the advice on its reason;
    empty where more than time is missing.
    """
    ends_at = ENDS.get(reason)
    ends_ms = ends_at(there, function, arguments) if ends_at else 0
    return f": after {moment(ends_ms)}" if LARGE_MS < ends_ms <= LAST_MS else ""


def silent_after_ms(head: HeadWord) -> int:
    """From when on a venue whose last batch this is may be stopped."""
    return (head.time_ms or head.epoch_end_ms) + SILENCE_MS


# -- accounts --------------------------------------------------------------------


def _withdrawal(there: Venue, _function: str, arguments: Sequence[Any]) -> int:
    word = unpack_withdrawal(int(there["Clearing"].call("withdrawals", arguments[0])))
    return word.barrier_ms + WINDOW_MS


def _cancel(there: Venue, function: str, arguments: Sequence[Any]) -> int:
    clearing, account = there["Clearing"], arguments[0]
    if function == "cancel_all":
        return int(clearing.call("epoch_barriers", account)) + WINDOW_MS
    fill = unpack_fill(int(clearing.call("fills", account * SLOTS + arguments[1])))
    return fill.cancel_ms + WINDOW_MS


def _grant(there: Venue, _function: str, arguments: Sequence[Any]) -> int:
    word = int(there["Delegates"].call("delegates", arguments[0], arguments[1]))
    return unpack_delegate(word).expiry_ms + WINDOW_MS


def _exit(there: Venue, _function: str, arguments: Sequence[Any]) -> int:
    word = int(there["Recovery"].call("exits", arguments[0] * PLACES + arguments[1]))
    return unpack_exit(word).asked_ms + EXIT_DELAY_MS


def _epoch(there: Venue, function: str, arguments: Sequence[Any]) -> int:
    """The end of the pool's running epoch, of whose requests nothing can come before that."""
    head = unpack_head(int(there["Clearing"].call("head")))
    return head.epoch_end_ms if arguments[0] == head.epoch else 0


# -- the venue -------------------------------------------------------------------


def _silence(there: Venue, _function: str, _arguments: Sequence[Any]) -> int:
    return silent_after_ms(unpack_head(int(there["Clearing"].call("head"))))


def _registration(there: Venue, _function: str, _arguments: Sequence[Any]) -> int:
    return int(there["Recovery"].call("wound_ms")) + REGISTRATION_MS


def _halt(there: Venue, _function: str, _arguments: Sequence[Any]) -> int:
    return int(there["Governance"].call("halted_until_s")) * 1000 + HALT_REST_MS


def _parts(there: Venue, _function: str, _arguments: Sequence[Any]) -> int:
    return int(there["Vault"].call("replaced_from_s")) * 1000


def _change(there: Venue, function: str, arguments: Sequence[Any]) -> int:
    from infold.shell.in_force import setting_of

    setting = setting_of(there, function, arguments)
    return 0 if setting is None else setting.since_ms + WINDOW_MS


# -- the bond --------------------------------------------------------------------


def _stake(there: Venue, _function: str, _arguments: Sequence[Any]) -> int:
    _to, _amount_e6, _announced_s, due_s = there["Bond"].call("withdrawal")
    return int(due_s) * 1000


def _claim(there: Venue, _function: str, arguments: Sequence[Any]) -> int:
    return (int(there["Bond"].call("claims", arguments[0])) >> 96) * 1000


ENDS: Final[Mapping[str, EndsAt]] = {
    "clearing: withdrawal pending": _withdrawal,
    "clearing: withdrawal not due": _withdrawal,
    "clearing: cancel too soon": _cancel,
    "clearing: not silent for a week": _silence,
    "clearing: change pending": _change,
    "delegates: still live": _grant,
    "recovery: exit pending": _exit,
    "recovery: registration is not over": _registration,
    "pool: nothing to take back": _epoch,
    "governance: halted lately": _halt,
    "signers: change pending": _change,
    "seals: change pending": _change,
    "oracle: change pending": _change,
    "vault: too early": _parts,
    "bond: withdrawal not due": _stake,
    "bond: window is not over": _claim,
}
"""By reason; whatever else refuses for being early says so where it is asked."""
