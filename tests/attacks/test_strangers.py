# SPDX-License-Identifier: Apache-2.0
"""What a stranger may do for the price of gas must neither lose money nor stop the node (C13).

Each act is done on the contracts, and its logs are folded by the engine as the node folds them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.support.evm import Receipt, a_key, refuses
from tests.support.venue import DOLLAR, Venue, a_venue

from infold.core.events import CollateralMoved, Deployed, WithdrawalSet, fact_from_log, to_word
from infold.core.facts import fold
from infold.core.reading import Context, decode_cancel, read_order
from infold.core.state import State, chain_words
from infold.errors import Rejected
from infold.signing import Domain
from infold.words import AccountWord, pack_account

OWNER, STRANGER = a_key("owner"), a_key("stranger")
NO_VECTOR: tuple[Any, ...] = (0, [], [])
FOLDED = ("AccountOpened", "CollateralMoved", "WithdrawalSet", "Cancelled", "CancelledAll")


class Watch:
    """A venue, and a state that follows its logs."""

    def __init__(self) -> None:
        self.venue: Venue = a_venue()
        clearing = self.venue.clearing
        self.state = State()
        fold(
            self.state,
            Deployed(
                pool=to_word(clearing.accounts(0)),
                backstop=to_word(clearing.accounts(1)),
                head=to_word(clearing.head()),
                epoch_ms=self.venue.epoch_ms,
            ),
        )
        self.venue.fund(STRANGER, 1_000 * DOLLAR)
        self.venue.fund(OWNER, 1_000 * DOLLAR)
        self.do(clearing.open_account(OWNER.address, 100 * DOLLAR, sender=OWNER))

    def do(self, receipt: Receipt) -> None:
        """Fold what a transaction logged, and compare every account word with the chain's."""
        for log in receipt.events:
            if log.name in FOLDED:
                fact = fact_from_log(log.name, log.args)
                if fact is not None:
                    fold(self.state, fact)
        for place, word in chain_words(self.state).items():
            if place.startswith("accounts["):
                assert self.venue.clearing.accounts(int(place[9:-1])) == word, place
        assert chain_words(self.state)["account_count"] == self.venue.clearing.account_count()


@pytest.fixture(scope="module")
def watch() -> Watch:
    return Watch()


ACTS: dict[str, Callable[[Venue], Receipt]] = {
    "claims for an account nobody opened": lambda venue: venue.clearing.claim_withdrawal(
        4_000_000_000, *NO_VECTOR, sender=STRANGER
    ),
    "claims for the next account": lambda venue: venue.clearing.claim_withdrawal(
        venue.clearing.account_count(), *NO_VECTOR, sender=STRANGER
    ),
    "claims for a left-out account": lambda venue: venue.clearing.claim_withdrawal(
        9, *NO_VECTOR, sender=STRANGER
    ),
    "claims for the pool": lambda venue: venue.clearing.claim_withdrawal(
        0, *NO_VECTOR, sender=STRANGER
    ),
    "claims for the backstop": lambda venue: venue.clearing.claim_withdrawal(
        1, *NO_VECTOR, sender=STRANGER
    ),
    "claims nothing for a trader": lambda venue: venue.clearing.claim_withdrawal(
        17, *NO_VECTOR, sender=STRANGER
    ),
    "pays nothing": lambda venue: venue.clearing.deposit(17, 0, sender=STRANGER),
    "pays the backstop": lambda venue: venue.clearing.deposit(1, 3, sender=STRANGER),
    "opens an account for the vault": lambda venue: venue.clearing.open_account(
        venue.vault.address, 10 * DOLLAR, sender=STRANGER
    ),
}


@pytest.mark.parametrize("act", ACTS)
def test_the_engine_follows_what_any_stranger_may_do(watch: Watch, act: str) -> None:
    watch.do(ACTS[act](watch.venue))


def test_the_engine_follows_money_paid_to_a_left_out_account() -> None:
    """A deployment whose Clearing takes it must not stop the node."""
    state = State()
    words = [pack_account(AccountWord(collateral_e6=cash_e6)) for cash_e6 in (7, 12)]
    for amount_e6, word in zip((7, 5), words, strict=True):
        fold(state, CollateralMoved(account=5, amount_e6=amount_e6, word=to_word(word)))
    fold(state, WithdrawalSet(account=5, word=to_word(words[-1]), withdrawal=to_word(0)))
    assert chain_words(state) == {"accounts[5]": words[-1], "account_count": 17}


def test_a_left_out_account_takes_no_money() -> None:
    venue = a_venue()
    venue.fund(STRANGER, 1_000)
    for account in (4, 16):
        with refuses(venue.world, "clearing: unknown account"):
            venue.clearing.deposit(account, 7, sender=STRANGER)


CONTEXT = Context(Domain(31_337, bytes(20)), {"BTC-USD": 1})
FIELDS = (
    "account market side size price timeInForce postOnly reduceOnly maxFee triggerKind "
    "triggerPrice goodAfter expiry epoch slot seq delegated signature"
).split()
VALUES = (
    "[" * 900,
    '{"a":' * 180,
    "9" * 900,
    "1e400",
    "1e-400",
    "1.0",
    "-0",
    "null",
    "true",
    '"' + "9" * 900 + '"',
    '""',
    '"."',
    '"0x"',
    "18446744073709551616",
    "",
)


@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
def test_H_bodies_are_refused_by_name_and_never_raise_anything_else(value: str) -> None:
    for field in [*FIELDS, "unknown"]:
        for tail in ("", "}"):
            raw = ('{"' + field + '":' + value + tail).encode()
            with pytest.raises(Rejected):
                read_order(raw, CONTEXT)
            with pytest.raises(Rejected):
                decode_cancel(raw, CONTEXT)
