# SPDX-License-Identifier: Apache-2.0
"""What governance does on chain, as calls: a change at once where nothing is sealed yet, else an
operation of the timelock that waits, is due, and is made.

Nothing is sent here: `Step` says what the next transaction is, the caller's key sends it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from infold.errors import Misconfigured, Unavailable
from infold.shell.chain import Contract, Reverted, Venue, block, type_of
from infold.shell.in_force import setting_of
from infold.shell.oracle.signer import VIEWS_MAX
from infold.signing import checksum_address
from infold.utc import moment
from infold.words import unpack_service, unpack_threshold

LIFE_S = 7 * 86_400  # after it is due; docs/protocol.md section 10
DONE_S = 1  # what the timelock notes as the time of what was executed
ACTS = {
    "Governance": ("spend", "withdraw_backstop", "pass_on"),
    "Vault": ("propose_parts", "replace_parts", "withdraw_parts"),
    "Bond": (),
}
"""What the timelock may call besides setters."""
SPELLED = {
    "address": "give 0x and 40 hex digits",
    "bool": "give true or false",
    "uint256": "give digits alone",
}
"""How a setter's arguments are given, by type."""
SALTS_MAX = 1_000  # the same change so often: somebody is going back and forth
NO_PREDECESSOR = bytes(32)


class Operation(NamedTuple):
    """A call as `Timelock.execute` takes it."""

    target: bytes
    amount: int
    payload: bytes
    predecessor: bytes
    salt: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One call to what is governed and where it stands. `state` is `open` (the key may make it at
    once), `new`, `waiting`, `due` or `expired`; `ready_s` is 0 unless it was scheduled. `made`
    is the id of the last equal operation that was executed, empty if none was. Until a venue is
    `sealed`, its `deployer` makes at once what changes Governance's own.

    `stands` says that it is made: by what is set, for what was made may have been undone since; by
    the timelock alone, of what leaves nothing that could be asked.
    """

    contract: str
    function: str
    arguments: tuple[Any, ...]
    sealed: bool
    deployer: str
    stands: bool
    state: str
    operation: Operation
    id: bytes
    ready_s: int
    delay_s: int
    made: bytes

    @property
    def obeys_deployer(self) -> bool:
        """Whether the deployer's key makes it at once."""
        return self.contract == "Governance" and not self.sealed

    @property
    def is_over(self) -> bool:
        """Whether it is made and nothing of it is left to do."""
        return self.stands and self.state in ("new", "open")


class Step(NamedTuple):
    """The next transaction of a change."""

    contract: str
    function: str
    arguments: tuple[Any, ...]


class Setter(NamedTuple):
    """A function that the timelock may call: of which contract, its arguments' names and types."""

    contract: str
    function: str
    inputs: list[tuple[str, str]]


def find_change(
    venue: Venue, who: bytes, function: str, *arguments: Any, contract: str = "Governance"
) -> Change:
    """Where a change stands for the key of an address. Only Governance obeys its deployer, until it
    is sealed.

    A change that was made before may be made again: equal operations are told apart by a salt, the
    first one that was not executed yet. `Unavailable` if that was the last of `SALTS_MAX`.
    """
    governance, timelock, target = venue["Governance"], venue["Timelock"], venue[contract]
    payload = target.abi.calldata(function, *arguments)
    sealed, deployer = bool(governance.call("is_sealed")), governance.call("deployer")
    obeys_deployer = contract == "Governance" and not sealed
    delay_s = int(timelock.call("get_minimum_delay"))
    made = b""
    for number in range(SALTS_MAX):
        operation = Operation(
            target.address, 0, payload, NO_PREDECESSOR, number.to_bytes(32, "big")
        )
        identity = timelock.call("hash_operation", *operation)
        ready_s = int(timelock.call("get_timestamp", identity))
        if ready_s != DONE_S:
            break
        made = identity
    else:
        raise Unavailable(f"{function} with these arguments was executed {SALTS_MAX} times")
    now_s = block(venue.rpc).timestamp_s
    if obeys_deployer and who == _address(deployer):
        state = "open"
    elif ready_s == 0:
        state = "new"
    elif now_s < ready_s:
        state = "waiting"
    else:
        state = "due" if now_s <= ready_s + LIFE_S else "expired"
    return Change(
        contract=contract,
        function=function,
        arguments=arguments,
        sealed=sealed,
        deployer=checksum_address(_address(deployer)),
        stands=_stands(venue, function, arguments, made, state, obeys_deployer=obeys_deployer),
        state=state,
        operation=operation,
        id=identity,
        ready_s=ready_s,
        delay_s=delay_s,
        made=made,
    )


def _stands(
    venue: Venue,
    function: str,
    arguments: tuple[Any, ...],
    made: bytes,
    state: str,
    *,
    obeys_deployer: bool,
) -> bool:
    """Whether a change is made; see `Change`. What breaks a bound never is."""
    try:
        setting = setting_of(venue, function, arguments)
    except Reverted:
        return False
    if setting is None:
        return bool(made) and state != "open"
    return setting.stands and (obeys_deployer or bool(made))


def rehearse(venue: Venue, change: Change) -> None:
    """Make the change in a call that changes nothing, as the timelock would. Raises `Reverted` with
    the bound it breaks: better now than after its delay.

    It is enough that it can be made now, when it is due, or at the last moment before it expires:
    some calls are only too early yet, and some depend on a price that is fresh now alone. A node
    that stamps no other block can speak of now alone.
    """
    timelock, target = venue.book.address("Timelock"), change.operation.target
    request = {
        "from": "0x" + timelock.hex(),
        "to": "0x" + target.hex(),
        "data": "0x" + change.operation.payload.hex(),
    }
    due_s = block(venue.rpc).timestamp_s + change.delay_s
    # `eth_call` takes other state (none here), then another block: its stamp.
    times: tuple[list[dict[str, str]], ...] = (
        [],
        [{}, {"time": hex(due_s)}],
        [{}, {"time": hex(due_s + LIFE_S)}],
    )
    last: Reverted | None = None
    for at in times:
        try:
            venue.rpc.call("eth_call", request, "latest", *at)
            return
        except Reverted as refusal:
            last = refusal
        except Unavailable:
            if last is None:
                raise
    assert last is not None  # for each time it was refused, or nobody said
    raise last


def warning_of(venue: Venue, function: str, arguments: Sequence[Any]) -> str:
    """What to know before a change that no bound refuses; "" if nothing."""
    if function != "set_oracle_signer":
        return ""
    key, live = arguments
    return crowd_warning(venue["Oracle"], key) if live else ""


def crowd_warning(oracle: Contract, key: str) -> str:
    """What to know before this key signs prices too: more may serve than a vector has room for, or
    than k is a majority of.
    """
    live, word, threshold = oracle.reads([("live_count",), ("service", key), ("threshold",)])
    service, k = unpack_service(word), unpack_threshold(threshold).new
    if service.from_ms and not service.until_ms:
        return ""
    if 2 * k <= live + 1:
        return (
            f"{live} oracle signers serve and {k} must sign: with one more, {k} is no more than"
            " half, and no vector is signed while one of them is down; raise k first (infold govern"
            f" oracle_threshold {(live + 1) // 2 + 1}) or retire one first (infold govern"
            " oracle_signer ADDRESS false)"
        )
    if live < VIEWS_MAX:
        return ""
    return (
        f"{live} oracle signers serve, and a vector carries {VIEWS_MAX} signatures: with one more,"
        " one is always left out, and every vector waits for it; retire one first (infold govern"
        " oracle_signer ADDRESS false)"
    )


def next_step(change: Change, *, execute: bool, cancel: bool, again: bool = False) -> Step | None:
    """The transaction that brings a change on; None where there is only waiting to do, or nothing:
    what is made is made once more only `again`.

    Raises `Misconfigured` for what its state does not allow.
    """
    if cancel:
        if change.state not in ("waiting", "due", "expired"):
            raise Misconfigured(
                f"nothing to cancel: {change.function} with these arguments is not scheduled; run"
                " it without --cancel to see where it stands"
            )
        return Step("Timelock", "cancel", (change.id,))
    if change.state == "expired":
        raise Misconfigured(
            f"{change.function} was due and not executed within {LIFE_S // 86_400} days;"
            " --cancel it, then schedule it anew"
        )
    if change.is_over and not again:
        if execute and not change.obeys_deployer:
            raise Misconfigured(
                f"{change.function} with these arguments was made; to schedule it once more, run it"
                " with --again, as a proposer"
            )
        return None
    if change.state == "open":
        return Step("Governance", change.function, change.arguments)
    if execute:
        if change.state == "new":
            raise Misconfigured(
                f"{change.function} with these arguments is not scheduled; {scheduling(change)}"
            )
        if change.state == "waiting":
            raise Misconfigured(
                f"{change.function} waits until {moment(change.ready_s * 1000)}; execute it from"
                " then on"
            )
        return Step("Timelock", "execute", tuple(change.operation))
    if change.state == "new":
        return Step("Timelock", "schedule", (*change.operation, change.delay_s))
    return None


def scheduling(change: Change) -> str:
    """Who begins a change that is neither made nor scheduled, and how."""
    proposer = "run it once without --execute by a proposer's key, to schedule it"
    if not change.obeys_deployer:
        return proposer
    return (
        f"the venue is not sealed: run it by its deployer's key, {change.deployer}, which makes it"
        f" at once, or {proposer}"
    )


def setters(venue: Venue) -> dict[str, Setter]:
    """What the timelock calls with plain arguments, by name: Governance's setters and the vault's,
    what moves money, what the vault says of its parts, and the bond's setters (`bond_terms`).
    """
    found = {}
    for contract, acts in ACTS.items():
        prefix = "bond_" if contract == "Bond" else ""
        for entry in venue[contract].abi.entries:
            name = str(entry.get("name", ""))
            if entry["type"] == "function" and (name.startswith("set_") or name in acts):
                inputs = [(part["name"], type_of(part)) for part in entry["inputs"]]
                if all(kind in SPELLED for _, kind in inputs):
                    found[prefix + name.removeprefix("set_")] = Setter(contract, name, inputs)
    return found


def parse_arguments(
    what: str, inputs: Sequence[tuple[str, str]], texts: Sequence[str]
) -> list[Any]:
    """A setter's arguments out of words. Raises `Misconfigured`, naming the one that is wrong."""
    if len(texts) != len(inputs):
        wanted = ", ".join(f"{name} ({kind})" for name, kind in inputs)
        raise Misconfigured(f"{what} takes {wanted}; {len(texts)} were given")
    return [_parsed(name, kind, text) for (name, kind), text in zip(inputs, texts, strict=True)]


def _parsed(name: str, kind: str, text: str) -> Any:
    if kind == "bool" and text in ("true", "false"):
        return text == "true"
    if kind == "uint256" and text.isascii() and text.isdigit():
        return int(text)
    if kind == "address" and len(text) == 42 and text.startswith("0x"):
        try:
            return checksum_address(bytes.fromhex(text[2:]))
        except ValueError:
            pass
    raise Misconfigured(f"{name} is no {kind}: {text!r}; {SPELLED[kind]}")


def _address(text: str) -> bytes:
    return bytes.fromhex(text[2:])
