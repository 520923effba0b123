# SPDX-License-Identifier: Apache-2.0
"""Calls and logs of the contracts, encoded and decoded by hand (docs/protocol.md §2, §5, §6, §11).

Every argument of the protocol is a word or a list of tuples of words, so a shape is a tuple of
integers: 0 for a word, n for a list of n-word elements (plain integers if n is 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .keccak import keccak_256
from .settlement import SettleCall

_WORD = "uint256"
_SIGNATURES = "(uint256,uint256)[]"
_RECORDS = "(uint256,uint256,uint256,uint256)[]"
_MANAGED = f"{_WORD},address,address"
_VECTOR = f"{_WORD},{_WORD}[],{_SIGNATURES}"


class Call(NamedTuple):
    """A function: its canonical signature, the shape of its arguments, its selector."""

    signature: str
    shape: tuple[int, ...]
    selector: bytes


def _shape(signature: str) -> tuple[int, ...]:
    """The shape of a canonical signature's arguments."""
    arguments = signature[signature.index("(") + 1 : -1]
    shape: list[int] = []
    depth, words, at = 0, 1, 0
    for character in arguments + ",":
        if character == "(":
            depth += 1
        elif character == ")":
            depth -= 1
        elif character == "," and depth:
            words += 1
        elif character == "," and at:
            shape.append(words if arguments[:at].endswith("]") else 0)
            words = 1
        at += 1
    return tuple(shape)


def _words(count: int) -> str:
    return ",".join([_WORD] * count)


def _call(signature: str) -> Call:
    return Call(signature, _shape(signature), keccak_256(signature.encode())[:4])


# Every door by its contract and the name of the twin's method; the last column is the contract's
# own name where that differs.
DOORS = {
    (contract, method): _call(f"{''.join(name) or method}({arguments})")
    for contract, method, arguments, *name in (
        ("Clearing", "settle", f"{_VECTOR},{_WORD}[],{_RECORDS},bytes32,{_SIGNATURES}"),
        ("Clearing", "open_account", f"address,{_WORD}"),
        ("Clearing", "deposit", f"{_WORD},{_WORD}"),
        ("Clearing", "request_withdrawal", f"{_WORD},{_WORD}"),
        ("Clearing", "claim_withdrawal", f"{_WORD},{_VECTOR}"),
        ("Clearing", "collect_fees", _WORD),
        ("Clearing", "cancel", f"{_WORD},{_WORD},{_WORD}"),
        ("Clearing", "cancel_all", _WORD),
        ("Delegates", "grant", f"{_WORD},address,{_WORD},{_WORD},{_WORD}"),
        ("Delegates", "revoke", f"{_WORD},address"),
        ("Delegates", "approve", f"{_WORD},bytes32"),
        ("Delegates", "disapprove", f"{_WORD},bytes32"),
        ("Pool", "request_deposit", _MANAGED, "requestDeposit"),
        ("Pool", "request_redeem", _MANAGED, "requestRedeem"),
        ("Pool", "set_operator", "address,bool", "setOperator"),
        ("Pool", "claim_deposit", _MANAGED, "deposit"),
        ("Pool", "claim_mint", _MANAGED, "mint"),
        ("Pool", "claim_own_deposit", f"{_WORD},address", "deposit"),
        ("Pool", "claim_own_mint", f"{_WORD},address", "mint"),
        ("Pool", "claim_withdraw", _MANAGED, "withdraw"),
        ("Pool", "claim_redeem", _MANAGED, "redeem"),
        ("Pool", "take_back_deposit", _MANAGED, "claimCancelDepositRequest"),
        ("Pool", "take_back_redeem", _MANAGED, "claimCancelRedeemRequest"),
        ("Recovery", "liquidate", f"{_VECTOR},{_WORD},{_WORD},{_WORD}"),
        ("Recovery", "deleverage", f"{_VECTOR},{_WORD},{_WORD},{_WORD}"),
        ("Recovery", "fold", f"{_WORD},{_WORD}"),
        ("Recovery", "force_reduce", f"{_WORD},{_WORD},{_WORD}"),
        ("Recovery", "execute_exit", f"{_VECTOR},{_WORD},{_WORD}"),
        ("Recovery", "wind_down", ""),
        ("Recovery", "register", _WORD),
        ("Recovery", "claim", _WORD),
        ("Pool", "leave", _MANAGED),
        ("Vault", "pull", _WORD),
        ("Vault", "set_outflow", _words(3)),
    )
}
DOOR_OF = {door.selector: place for place, door in DOORS.items()}
SETTLE = DOORS["Clearing", "settle"]


class EventType(NamedTuple):
    """An event: name, how many leading arguments are indexed, the shape of the others."""

    name: str
    indexed: int
    shape: tuple[int, ...]


def _event(signature: str, indexed: int) -> tuple[bytes, EventType]:
    shape = _shape(signature)[indexed:]
    topic = keccak_256(signature.encode())
    return topic, EventType(signature[: signature.index("(")], indexed, shape)


EVENTS = dict(
    [
        # Clearing
        _event(f"AccountOpened({_WORD},address)", 1),
        _event(f"CollateralMoved({_WORD},int256,{_WORD})", 1),
        _event(f"WithdrawalSet({_words(3)})", 1),
        _event(f"Cancelled({_words(3)})", 1),
        _event(f"CancelledAll({_words(3)})", 1),
        _event(f"Filled({_words(2)})", 0),
        _event(f"AccountSettled({_WORD},{_WORD}[])", 1),
        _event(f"Skipped({_words(5)})", 1),
        _event(f"MarketSettled({_words(6)})", 1),
        _event(f"BackstopSettled({_words(2)})", 1),
        _event(f"PoolStruck({_words(3)})", 1),
        _event(f"BatchSettled({_words(2)},bytes32,bytes32)", 1),
        _event(f"Applied({_words(9)})", 1),
        _event(f"Covered({_words(3)})", 1),
        _event(f"MarketSet({_words(5)})", 1),
        _event(f"FeesCollected({_words(2)})", 1),
        _event(f"HaltSet({_WORD})", 0),
        # Recovery
        _event(f"Liquidated({_words(4)})", 1),
        _event(f"ExitSet({_words(3)})", 1),
        _event(f"Deleveraged({_words(5)})", 1),
        _event(f"WoundDown({_WORD})", 0),
        _event(f"DebtRegistered({_words(3)})", 1),
        _event(f"RatioFixed({_words(2)})", 0),
        _event(f"ClaimPaid({_words(3)})", 1),
        # Delegates
        _event(f"DelegateSet({_WORD},address,{_WORD})", 1),
        _event(f"ApprovalSet({_WORD},bytes32,{_WORD})", 1),
        # Pool
        _event(f"LiquidityRequested({_words(2)})", 1),
        _event(f"DepositRequest(address,address,{_WORD},address,{_WORD})", 3),
        _event(f"RedeemRequest(address,address,{_WORD},address,{_WORD})", 3),
        _event("OperatorSet(address,address,bool)", 2),
        _event(f"Deposit(address,address,{_words(2)})", 2),
        _event(f"Withdraw(address,address,address,{_words(2)})", 3),
        _event(f"CancelDepositClaim(address,address,{_WORD},address,{_WORD})", 3),
        _event(f"CancelRedeemClaim(address,address,{_WORD},address,{_WORD})", 3),
        _event(f"Claimed(address,{_words(2)})", 2),
        _event(f"Transfer(address,address,{_WORD})", 2),
        # Oracle and Seals
        _event(f"SignerSet(address,bool,{_WORD})", 1),
        _event(f"ThresholdSet({_words(2)})", 0),
        _event(f"SourceSet({_words(2)})", 1),
        _event(f"SourceRead({_words(2)})", 1),
        _event(f"MatcherSet(address,{_WORD})", 0),
        # Vault
        _event(f"Received(address,{_words(2)})", 1),
        _event(f"Released(address,{_words(2)})", 1),
        _event(f"Queued({_WORD},address,{_words(3)})", 2),
        _event(f"Pulled({_WORD})", 1),
        _event(f"OutflowSet({_words(3)})", 0),
    ]
)
TOPIC_OF = {event.name: topic for topic, event in EVENTS.items()}

Argument = int | list[int] | list[tuple[int, ...]]


def encode_call(signature: str, *words: int) -> bytes:
    """Calldata of a function whose arguments are all words."""
    selector = keccak_256(signature.encode())[:4]
    return selector + b"".join([word.to_bytes(32, "big") for word in words])


def decode(shape: Sequence[int], data: bytes) -> list[Argument]:
    """The arguments of `shape` encoded in `data`; raises ValueError if the data is too short."""
    words = _to_words(data)
    return [
        _list_at(words, words[at] // 32, width) if width else words[at]
        for at, width in enumerate(shape)
    ]


def _to_words(data: bytes) -> list[int]:
    from_bytes = int.from_bytes
    return [from_bytes(data[at : at + 32], "big") for at in range(0, len(data) - 31, 32)]


def _list_at(words: list[int], start: int, width: int) -> list[int] | list[tuple[int, ...]]:
    if start >= len(words) or start + 1 + words[start] * width > len(words):
        raise ValueError("data ends inside a list: it was not made by this function or event")
    body = words[start + 1 : start + 1 + words[start] * width]
    if width == 1:
        return body
    return [tuple(body[at : at + width]) for at in range(0, len(body), width)]


def decode_settle(data: bytes) -> SettleCall:
    """The arguments of `settle`, selector left out."""
    head, openings, signatures, prices, records, accepted_root, seals = decode(SETTLE.shape, data)
    assert isinstance(accepted_root, int)
    return SettleCall(
        head,  # type: ignore[arg-type]
        openings,  # type: ignore[arg-type]
        signatures,  # type: ignore[arg-type]
        prices,  # type: ignore[arg-type]
        records,  # type: ignore[arg-type]
        accepted_root.to_bytes(32, "big"),
        seals,  # type: ignore[arg-type]
    )


def decode_log(topics: Sequence[bytes], data: bytes) -> tuple[str, tuple[Argument, ...]] | None:
    """An event of the contracts as (name, arguments), or None if it is none of them."""
    event = EVENTS.get(topics[0]) if topics else None
    if event is None:
        return None
    indexed = [int.from_bytes(topic, "big") for topic in topics[1 : 1 + event.indexed]]
    return event.name, (*indexed, *decode(event.shape, data))
