# SPDX-License-Identifier: Apache-2.0
"""What to do next when a contract refuses a transaction, by the contract's own words. When a
refusal for being early ends is in `moments.py`.
"""

from __future__ import annotations

from typing import Final

# -- said of several reasons ---------------------------------------------------

_ACCOUNT = "see the number that `infold account open` printed"
_OWNER = "sign with the key that opened the account"
_TOKEN = (
    "the collateral's token refused the transfer: see that the key holds and has approved as much,"
    " and that its issuer does not hold the key back"
)
_TOKEN_LOST = (
    "do not pay in: the token moves other amounts than it is told; tell who runs the venue"
)
_TOO_LARGE = "give a smaller number: it is beyond what any account, position or field holds"
_ENDED = "the venue has ended: `infold wind-down status` says what is left"
_BEHIND = "a position of the account is behind: `infold keeper --once` folds it, then try again"
_CHANGED = "try again once the change before it is 18 s old"
_FIELD = (
    "mend that field of the market's file: what it may be stands in contracts/modules/parameters.vy"
)
_FIELDS = (
    "status tick mm im haircut tier h_min h0 band move move_per_s fee shift rate_max velocity"
    " residual_cap position_cap interest_cap interest_share rebate insurance_share slope"
).split()
_ROLE = "sign with a proposer's key to schedule, with a canceller's to cancel"
_ONLY_TIMELOCK = "`infold govern` schedules it by a proposer's key; the timelock makes it, when due"
_SOURCE = "see that the source answers, with a fresh price above zero, and try again"
_FEWER = "add a signer first, or lower the threshold: it is never above the keys that are live"
_VECTOR = (
    "the price vector does not fit this venue: leave --signer out, or name signers of this venue"
)
_LATER_BATCH = "nothing: the next look does it by the prices of a later batch"
_GONE = "nothing: somebody else did it first, or prices have turned"
_NO_OMISSION = "nothing: the bond answers only for an order that was in force, and passed over"
_ANSWER = "nothing: this signature answers no claim; a proposer may still `infold bond dismiss` it"
_NOT_TWO = "show two batches of one number, sealed at most 15 s apart, whose contents differ"

# -- by reason -----------------------------------------------------------------

ADVICE: Final = {
    # Accounts and their money.
    "clearing: unknown account": _ACCOUNT,
    "clearing: not the owner": _OWNER,
    "clearing: deposit too small": "an account opens with at least 10",
    "clearing: amount too large": _TOO_LARGE,
    "clearing: out of range": _TOO_LARGE,
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
    "clearing: vector from the future": "try again in a few seconds: the chain's clock is behind",
    "clearing: no price": "claim again after a batch that prices every market the account holds",
    "clearing: fold first": _BEHIND,
    "clearing: not silent for a week": "`infold wind-down status` says from when it may be stopped",
    "clearing: wound down": _ENDED,
    "clearing: not wound down": "`infold wind-down start` comes first",
    "clearing: cancel too soon": "try again once the cancel before this one is 18 s old",
    "clearing: seq must rise": "the slot is cancelled up to this seq already",
    "clearing: epochs used up": "open another account: this one was cancelled 65,535 times",
    "packing: field overflow": _TOO_LARGE,
    "teller: token refused": _TOKEN,
    "erc20: transfer amount exceeds balance": "the key holds less: give it more, or a lower amount",
    "erc20: insufficient allowance": "approve as much first, or sign with the owner's key",
    "erc20: approve to the zero address": "name another address than zero",
    "erc20: transfer to the zero address": "name another address than zero",
    "erc20: expired deadline": "run it again: the allowance it signed was good for 10 minutes",
    "erc20: invalid signature": "run it again without --permit: this token takes no such signature",
    # Keys and approvals.
    "delegates: already decided": "choose another seq: a hash is approved or taken back but once",
    "delegates: wallet did not vouch": (
        "check the account's owner, the hash and the signature with the wallet itself"
    ),
    "delegates: still live": (
        "a grant is never changed: revoke the key and grant anew 18 s after that, or wait until it"
        " has ended"
    ),
    "delegates: not live": "nothing: the key holds no rights of this account",
    "delegates: not the owner": _OWNER,
    "delegates: expiry has passed": "give --days, or a later --expiry-ms",
    "delegates: key is zero": "name another key than zero",
    "delegates: out of range": "give an --expiry-ms and a --notional of fewer digits",
    # Leaving without the matcher.
    "recovery: not the owner": _OWNER,
    "recovery: not a trader": "give a trader's account, 17 or above: " + _ACCOUNT,
    "recovery: unknown account": _ACCOUNT,
    "recovery: no position": "nothing: the position is closed",
    "recovery: index out of range": "give a place from 0 to 15",
    "recovery: size out of range": "ask for more than nothing and at most what the position holds",
    "recovery: exit pending": (
        "one request a place, and `infold position` shows it: one of a position closed since still"
        " stands there, and anybody's keeper ends it, at once: `infold keeper --once`; one of a"
        " position that is held is carried out by `infold keeper` a minute after it was asked for"
    ),
    "recovery: fold first": _BEHIND,
    # The end of a venue.
    "recovery: wound down": "it was stopped before: go on with `infold wind-down register`",
    "recovery: not wound down": "`infold wind-down start` comes first",
    "recovery: registration is not over": (
        "`infold wind-down status` says until when debts are told; claim after that"
    ),
    "recovery: registration is over": "nothing: from now on `infold wind-down claim` pays",
    "recovery: owes nothing": "nothing: there is no debt of this account to tell",
    "recovery: nothing to claim": "nothing: the account was paid, or holds nothing",
    "recovery: venue's own money": "claim for a trader, or account 0 or 1",
    "pool: wound down": "the venue has ended: `infold wind-down leave` pays for shares",
    "pool: not wound down": "shares are redeemed as ever, by `infold lp redeem`",
    # The vault.
    "vault: ticket waits": (
        "`infold ticket NUMBER` says how much is before it, and its last day; with --pull, once an"
        " hour, it lets the queue go on"
    ),
    "vault: no such ticket": "nothing: it was pulled already; `infold ticket NUMBER` says so",
    "vault: token refused": _TOKEN,
    "vault: wrong amount received": _TOKEN_LOST,
    "vault: wrong amount released": _TOKEN_LOST,
    "vault: tokens are missing": "do not pay in: the vault holds less than it owes",
    "vault: more than accounted": "`infold status` shows what of the vault waits in tickets",
    # The pool's shares.
    "pool: amount is zero": "name an amount above zero",
    "pool: amount too large": _TOO_LARGE,
    "pool: not enough shares": "`infold lp show` prints them; claim shares first",
    "pool: nothing to take back": (
        "nothing of this key is to be claimed: `infold lp show` prints its requests and where they"
        " stand; one is struck by the first batch after its epoch's end"
    ),
    "pool: claim older requests first": "`infold lp claim` collects all of them",
    "pool: more than claimable": "nothing: it was claimed meanwhile; see `infold lp show`",
    "pool: epoch is full": "ask again after the epoch's end, or for less",
    "pool: not the owner or an operator": "sign with the key that made the request",
    "pool: token refused": _TOKEN,
    # Halts.
    "governance: not the guardian": "sign with the guardian's key",
    "governance: halted lately": (
        "one halt at a time, and none until 14 days after the last one's end"
    ),
    "governance: halt out of range": "give --duration-s from 60 s to 72 hours",
    "governance: not halted": "nothing: markets are open, or open within 3 s",
    # Changes, and who may make them.
    "access_control: account is missing role": _ROLE,
    "governance: not the timelock": (
        "a halt is ended by the key that may call one, the guardian's; any other change is the"
        " timelock's, or the deployer's until it seals"
    ),
    "bond: not the timelock": _ONLY_TIMELOCK,
    "vault: not the timelock": _ONLY_TIMELOCK,
    "timelock: nothing to cancel": "nothing: it was made or cancelled meanwhile; run it to see",
    "timelock: too late": "--cancel it, then schedule it anew: it was due 7 days ago and more",
    "timelock: target has no code": "see that the address book is this chain's",
    "timelock_controller: insufficient delay": "run it again: the delay was raised meanwhile",
    "timelock_controller: operation already scheduled": "run it again: it says when it is due",
    "timelock_controller: operation is not ready": "without --execute it says when it is due",
    "timelock_controller: underlying transaction reverted": (
        "what it calls gave no reason: see that the addresses named in it are contracts"
    ),
    "clearing: change pending": _CHANGED,
    "signers: change pending": _CHANGED,
    "seals: change pending": _CHANGED,
    "oracle: change pending": _CHANGED,
    # Changes, and their bounds.
    **dict.fromkeys((f"governance: {field} out of range" for field in _FIELDS), _FIELD),
    "governance: slope bends too far at the caps": "lower slope_e20 or the caps in the file",
    "governance: name is empty": "give the market's file a name",
    "governance: name is not plain ASCII": "write the name in the market's file in plain ASCII",
    "governance: name is fixed": "keep the name the market is listed with, or give another id",
    "governance: shift is fixed": "keep the shift the market is listed with, or give another id",
    "governance: market out of range": "give the market's file an id from 1 to 255",
    "governance: threshold out of range": "give a threshold of 15 or less",
    "governance: token refused": "see that Governance holds as much of that token",
    "signers: threshold out of range": _FEWER,
    "signers: already a signer": "nothing: the key is one already",
    "signers: not a signer": "nothing to retire: the key is none",
    "signers: address is zero": "name another address than zero",
    "seals: address is zero": "name another address than zero",
    "oracle: threshold is zero": "give a threshold of 1 or more",
    "oracle: market out of range": "name a market from 1 to 191",
    "oracle: bound out of range": "give a bound from 10 to 2000 (e4), 0.1 % to 20 %",
    "oracle: age out of range": "give an age from 30 to 172800 s",
    "oracle: grace out of range": "give a grace from 60 to 86400 s, or 0 with the zero address",
    "oracle: no source": "nothing to take away: the market has no second source",
    "oracle: reading is stale": _SOURCE,
    "oracle: reading from the future": _SOURCE,
    "oracle: reading out of range": _SOURCE,
    "vault: share out of range": "give a share from 20000 to 500000 (e6), 2 % to 50 %",
    "vault: floor out of range": "give a floor from 100000000000 to 10000000000000 (e6)",
    "vault: quota out of range": "give a quota from 1000000000 to 100000000000 (e6)",
    "vault: part has no code": "name contracts that are deployed on this chain",
    "vault: nothing proposed": (
        "`infold govern propose_parts` comes first: schedule it, --execute it when it is due, and"
        " schedule this one then"
    ),
    "vault: not what was proposed": (
        "give the two addresses that were proposed last, `Vault.proposed_clearing` and"
        " `proposed_recovery`"
    ),
    "vault: too early": "a proposal waits 14 days from when it was executed",
    "bond: reward out of range": "give a reward from 1000000 to 10000000000 (e6)",
    "bond: window out of range": "give a window from 777600 to 3456000 s, 9 to 40 days",
    "bond: address is zero": "name another address than zero",
    # The matcher's bond.
    "bond: amount is zero": "name an amount above zero",
    "bond: token refused": _TOKEN,
    "bond: wrong amount received": _TOKEN_LOST,
    "bond: nothing left": "claim again once the matcher has added to its bond",
    "bond: no withdrawal announced": (
        "`infold bond announce 0xTO AMOUNT` comes first: scheduled by a proposer, then --execute"
    ),
    "bond: withdrawal not due": "`infold bond show` says from when it is paid",
    "bond: not the owner": "sign with the key that owns the order's account",
    "bond: already claimed": "nothing: it was claimed; run `infold challenge` again to be paid",
    "bond: no such claim": (
        "nothing to answer: no claim is open by this hash; `infold defend JOURNAL` lists those open"
    ),
    "bond: window is over": "nothing to answer: the claim stood through its window and is paid",
    "bond: window is not over": "run `infold challenge` again once the claim's window is over",
    "bond: too late to claim": "nothing: the bond's window for claims of that batch is over",
    **dict.fromkeys(
        (
            "bond: order not in force",
            "bond: order is cancelled",
            "bond: order is filled",
            "bond: slot has a newer order",
            "bond: slot is in the batch",
            "bond: not a plain order",
            "bond: not a worse fill",
            "bond: not signed by the owner",
            "bond: accepted too late",
            "bond: limit not met",
            "bond: market not priced",
        ),
        _NO_OMISSION,
    ),
    "bond: not the matcher's receipt": "see that receipts and address book are of one venue",
    "bond: not the matcher's seal": "show a batch that this venue's matcher sealed",
    "bond: not the trader's": _ANSWER,
    "bond: another slot": _ANSWER,
    "bond: not a newer order": _ANSWER,
    "bond: cancel of an older order": _ANSWER,
    "bond: already paid": "nothing: two seals of this number were shown before",
    "bond: one and the same": _NOT_TWO,
    "bond: the first had lapsed": _NOT_TWO,
    # What a keeper does.
    "recovery: account is healthy": _GONE,
    "recovery: nothing to fold": _GONE,
    "recovery: no exit pending": _GONE,
    "recovery: keeper is no trader": "give --account a trader's number, or 0",
    "clearing: apply must shrink": _GONE,
    "clearing: not of this side": _GONE,
    "recovery: pool is full": _LATER_BATCH,
    "recovery: pool has room": _LATER_BATCH,
    "recovery: vector before the last liquidation": _LATER_BATCH,
    "recovery: not the time of the exit": _LATER_BATCH,
    "recovery: no price": _LATER_BATCH,
    "clearing: terms too harsh": _LATER_BATCH,
    "clearing: pool cap": _LATER_BATCH,
    "recovery: price is doubtful": (
        "nothing: a second source contradicts the price; the next look asks again"
    ),
    "recovery: sequencer is down": "nothing: the next look asks again, after the feed's grace",
    "signers: too few": _VECTOR,
    "signers: not ascending": _VECTOR,
    "vector: wrong length": _VECTOR,
    "vector: bad chunk count": _VECTOR,
    "vector: opened beyond chunks": _VECTOR,
}
"""Every reason that a command can meet; the rest stand in the test beside it, with why not."""

OF_PRICES: Final = {
    "signers: not a signer": (
        "a key that does not serve at their time signed the prices: run it again, the signers are"
        " asked anew by who serves then"
    ),
}
"""What means another thing where signed prices are checked than where signers are set."""


def advice(reason: str, function: str) -> str:
    """What to do next where a function is refused; empty for a reason that no command should
    meet.
    """
    if reason in OF_PRICES and not function.startswith("set_"):
        return OF_PRICES[reason]
    return ADVICE.get(reason, "")
