# SPDX-License-Identifier: Apache-2.0
"""What to do next when a contract refuses an owner's transaction, by the contract's own words."""

from __future__ import annotations

from typing import Final

ADVICE: Final = {
    "clearing: unknown account": "see the number that `infold account open` printed",
    "clearing: not the owner": "sign with the key that opened the account",
    "clearing: deposit too small": "an account opens with at least 10",
    "clearing: withdrawal pending": (
        "one request at a time: claim it with --claim once `infold account show` has it due"
    ),
    "clearing: withdrawal not due": "claim again once 18 s have passed since the request",
    "clearing: not enough collateral": (
        "ask for an amount above zero and at most the collateral `infold account show` prints"
    ),
    "clearing: vector too old": (
        "with open positions a claim needs the prices of a batch of the last 15 s, and none landed:"
        " claim again right after an order fills, or close the positions first"
    ),
    "clearing: no price": "claim again after a batch that prices every market the account holds",
    "clearing: fold first": (
        "a position of the account is behind: `infold keeper --once` folds it, then claim again"
    ),
    "clearing: not silent for a week": "`infold wind-down status` says from when it may be stopped",
    "clearing: wound down": "the venue has ended: `infold wind-down status` says what is left",
    "clearing: cancel too soon": "try again once the cancel before this one is 18 s old",
    "clearing: seq must rise": "the slot is cancelled up to this seq already",
    "delegates: already decided": "choose another seq: a hash is approved or taken back but once",
    "delegates: wallet did not vouch": (
        "check the account's owner, the hash and the signature with the wallet itself"
    ),
    "delegates: still live": (
        "a grant is never changed: revoke the key, and grant anew 18 s after that"
    ),
    "delegates: not live": "nothing: the key holds no rights of this account",
    "delegates: not the owner": "sign with the key that opened the account",
    "delegates: expiry has passed": "name a later --expiry-ms",
    "recovery: not the owner": "sign with the key that opened the account",
    "recovery: size out of range": "ask for more than nothing and at most what the position holds",
    "recovery: exit pending": (
        "one request a place, and `infold position` shows it: of a position that is held it is"
        " carried out at its time, a minute after it was asked for; one of a position closed since"
        " still stands there, and anybody's keeper ends it: `infold keeper --once`, then ask again"
    ),
    "recovery: wound down": "it was stopped before: go on with `infold wind-down register`",
    "recovery: not wound down": "`infold wind-down start` comes first",
    "recovery: registration is not over": (
        "`infold wind-down status` says until when debts are told; claim after that"
    ),
    "recovery: registration is over": "nothing: from now on `infold wind-down claim` pays",
    "recovery: nothing to claim": "nothing: the account was paid, or holds nothing",
    "recovery: fold first": (
        "a position of the account is behind: `infold keeper --once` folds it, then try again"
    ),
    "pool: wound down": "the venue has ended: `infold wind-down leave` pays for shares",
    "pool: not wound down": "shares are redeemed as ever, by `infold lp redeem`",
    "vault: ticket waits": "`infold ticket NUMBER` says how much is before it, and its last day",
    "pool: not enough shares": "`infold lp position` prints them; claim shares first",
    "pool: nothing to take back": (
        "nothing of this key waits to be claimed: see that key and epoch are those the request"
        " printed; the first batch after the epoch's end strikes it, claim again after that"
    ),
    "governance: not the guardian": "sign with the guardian's key",
    "governance: not the timelock": "a halt is ended by the key that may call one: the guardian's",
    "governance: halted lately": (
        "one halt at a time, and none until 14 days after the last one's end"
    ),
    "governance: not halted": "nothing: markets are open, or open within 3 s",
    "access_control: account is missing role": (
        "sign with a proposer's key to schedule, with a canceller's to cancel"
    ),
    "clearing: change pending": "try again 18 s after the change before it was made",
    "signers: change pending": "try again 18 s after the change before it was made",
    "seals: change pending": "try again 18 s after the change before it was made",
    "pool: claim older requests first": "`infold lp claim EPOCH` collects all of them",
    "bond: nothing left": "claim again once the matcher has added to its bond",
    "bond: not the owner": "sign with the key that owns the order's account",
    "pool: amount is zero": "name an amount above zero",
}
"""Only what commands of traders, liquidity providers and those who govern can run into."""


def advice(reason: str) -> str:
    """What to do next, to be printed after a reason; empty if the reason says enough."""
    return f"; {ADVICE[reason]}" if reason in ADVICE else ""
