# SPDX-License-Identifier: Apache-2.0
"""Everything Infold raises on purpose, as one tree branched by whose turn it is.

    InfoldError
    |-- Rejected          the caller's turn: fix the request (stable `code`, `param`)
    |-- Unavailable       the world's turn: wait and retry the same call
    |-- InvariantBroken   our turn: halt, something that must hold does not
    `-- Misconfigured     the operator's turn: setup is missing or damaged (exit code 3)

A code never changes its meaning and is never reused: clients branch on it. `CODES` says for each
what to do next; the raising line adds the figures.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

CODES: Final[dict[str, str]] = {
    # The request itself.
    "MALFORMED": "send one JSON object with exactly the documented fields, each once, in ASCII",
    "METHOD_NOT_ALLOWED": "use the method the path answers to: GET reads, POST acts",
    "TOO_LARGE": "send a shorter body",
    "NUMBER_NOT_CANONICAL": (
        "write the number as a plain decimal string: digits, at most one point, no sign,"
        " no exponent, no leading zero, no trailing zero after the point"
    ),
    "OUT_OF_RANGE": "choose a value that fits the signed field's width",
    "SIGNATURE_MALFORMED": "send 0x and 128 lower-case hex digits: r, then vs (EIP-2098)",
    # Whether there is a venue.
    "WOUND_DOWN": (
        "nothing is traded here any more: infold wind-down status says how far the end is, and"
        " infold wind-down claim ACCOUNT pays what an account is owed once debts are told"
    ),
    # Who speaks.
    "UNKNOWN_ACCOUNT": "open the account on chain and wait for its deposit to be seen",
    "BAD_SIGNATURE": "sign again with low s; this pair recovers no key",
    "NOT_THE_SIGNER": (
        "sign with the account's owner key under this venue's chain id and Clearing address, as"
        " /v1/meta states them; nothing may change after signing"
    ),
    "DELEGATE_UNKNOWN": "grant the key on chain first, or sign with the owner's key",
    "DELEGATE_EXPIRED": "grant the key anew on chain, or sign with the owner's key",
    "DELEGATE_SCOPE": "stay within the markets and the notional granted to the key",
    "NOT_APPROVED": (
        "approve the order on chain, or prove it with the wallet's signature (infold account"
        " approve), wait until the venue sees it, and send it again"
    ),
    # What is asked.
    "UNKNOWN_MARKET": "choose a market listed at /v1/markets",
    "MARKET_CLOSED": "wait until the market is open again",
    "MARKET_SHRINK_ONLY": (
        "only orders that shrink a position are taken in this market now; cancels, withdrawals and"
        " exits go on as always"
    ),
    "SIZE_OUT_OF_RANGE": "choose a size above zero and below the venue's largest",
    "PRICE_OUT_OF_RANGE": "choose a price above zero and below the venue's largest",
    "PRICE_TICK": "round the price to the market's tick",
    "PRICE_BAND": "move the limit closer to the oracle price",
    "TRIGGER_PRICE": "give a trigger price if and only if there is a trigger",
    "FEE_TOO_LOW": "sign a maximum fee at least as high as the market's",
    "POST_ONLY_NOT_RESTING": "use GTC with post-only",
    # When.
    "EXPIRED": "sign again with a later expiry",
    "EXPIRY_TOO_FAR": "sign again with an earlier expiry",
    "GOOD_AFTER_PAST_EXPIRY": "sign again with goodAfter before expiry",
    # Which.
    "EPOCH": "sign again with the account's present epoch",
    "SEQ_TOO_OLD": "sign again with a higher seq in this slot",
    "SLOT_TAKEN": "choose a free slot, or cancel the slot's order first",
    "DUPLICATE": "nothing: this very order is known already",
    "CANCELLED": "sign again with a seq above the slot's cancelled one",
    "NOT_OPEN": "there is nothing to cancel",
    # What it would lead to.
    "REDUCE_ONLY": "reduce-only needs an opposite position of at least one lot",
    "MARKETS_FULL": "close a position or cancel orders in another market; an account holds 16",
    "INSUFFICIENT_MARGIN": (
        "deposit that much, cancel orders or reduce positions, then send it again: the account has"
        " less than its positions, its open orders and this one require"
    ),
    # What is asked of an operator or another door.
    "PARAMETER": "choose a value inside the stated bounds",
    "ORACLE_VECTOR": "collect a fresh vector signed by k distinct signers",
    "NOT_FOUND": "check the id; nothing by it is known here",
}
"""Every code a `Rejected` may carry, and what its reader should do next."""


class InfoldError(Exception):
    """Whatever Infold raises on purpose."""


class Rejected(InfoldError):
    """The caller must change the request.

    `code` is one of `CODES`, `param` names the offending wire field where there is one.
    """

    def __init__(self, code: str, param: str | None = None, message: str = "") -> None:
        super().__init__(code, param, message)
        self.code = code
        self.param = param
        self.message = f"{message}; {CODES[code]}" if message else CODES[code]

    def __str__(self) -> str:
        where = f" ({self.param})" if self.param else ""
        return f"{self.code}{where}: {self.message}"


class Unavailable(InfoldError):
    """Something outside did not answer in time; the same call may succeed later."""


class Unpriced(Unavailable):
    """No price vector, because k signers do not price all that was asked for; `markets` names what
    is missing.
    """

    def __init__(self, message: str, markets: Sequence[int]) -> None:
        super().__init__(message)
        self.markets = tuple(markets)


class Undecided(Unavailable):
    """A transaction was sent, or may have been, and nobody says what became of it: the same call
    may do the same twice.
    """


class InvariantBroken(InfoldError):
    """Something that must hold does not; stop before more is built on it."""


class Misconfigured(InfoldError):
    """Setup is missing or damaged; the message names the file or variable and its mend."""


def system_words(error: OSError | UnicodeError) -> str:
    """Why a file could not be had, in the system's words alone: the caller names the file."""
    return str(error.strerror if isinstance(error, OSError) and error.strerror else error)


def without_numbers(message: str) -> str:
    """What two messages have in common that say the same of other times, blocks and hashes; which
    market is meant counts.
    """
    return re.sub(r"\b0x[0-9a-f]{64}\b|(?<!market )\b\d[\d,]*\b", "#", message)


def printable(text: str) -> str:
    """What somebody else said, for a message: whatever would steer a terminal or begin a line of a
    log is spelled out.
    """
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
