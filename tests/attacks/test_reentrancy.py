# SPDX-License-Identifier: Apache-2.0
"""A token with hooks calls back into the venue from inside every transfer.

One lock stands over each contract, and money moves through one vault: nothing begins at the vault
while it pays or is paid, whichever contract it started at (imBTC 2020, GMX 2025). What a liquidity
provider pays first passes through the pool, and the vault is at rest: there a deposit or a claim at
Clearing may come and go whole, and nothing of the pool's.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest
from tests.support.compiler import ROOT, compiled_at
from tests.support.evm import ZERO, Contract, Key, Refused, a_key
from tests.support.venue import DEPLOYER, DOLLAR, PRICE_E8, Venue, a_venue

TOKEN = ROOT / "tests" / "support" / "contracts" / "OddToken.vy"
TRADER, RIVAL, PROVIDER = a_key("trader"), a_key("rival"), a_key("provider")
ORACLE = {1: PRICE_E8}
LOW = {1: PRICE_E8 * 955 // 1000}
WEEK_S = 7 * 86_400

Call = tuple[Contract, str, tuple[object, ...]]


class Scene:
    """A venue over the odd token where each money-moving call would work at once."""

    def __init__(self) -> None:
        self.venue = venue = a_venue(token=compiled_at(TOKEN))
        venue.list_market(1)
        self.trader = venue.open_account(TRADER, 4_000 * DOLLAR)
        self.rival = venue.open_account(RIVAL, 100_000 * DOLLAR)
        venue.trade(self.trader, self.rival)
        venue.clearing.request_withdrawal(self.rival, 50 * DOLLAR, sender=RIVAL)
        venue.fund(PROVIDER, 1_000 * DOLLAR)
        self.epoch = venue.ask_in(PROVIDER, 100 * DOLLAR)
        venue.strike(ORACLE)
        venue.provide(PROVIDER, 200 * DOLLAR, ORACLE)
        self.paid = venue.ask_out(PROVIDER, 10**12)
        venue.strike(ORACLE)
        venue.dollar.mint(venue.dollar.address, 10**12, sender=DEPLOYER)
        for operator in (TRADER.address, venue.dollar.address):
            venue.pool.setOperator(operator, True, sender=PROVIDER)
        venue.dollar.mint(TRADER.address, 10**12, sender=DEPLOYER)

    def call(self, name: str) -> Call:
        venue = self.venue
        vector = venue.presented(venue.a_vector(ORACLE))
        low = venue.presented(venue.a_vector(LOW))
        own = (PROVIDER.address, PROVIDER.address)
        calls: dict[str, Callable[[], Call]] = {
            "open_account": lambda: (venue.clearing, "open_account", (TRADER.address, 10 * DOLLAR)),
            "deposit": lambda: (venue.clearing, "deposit", (self.trader, 5)),
            "claim_withdrawal": lambda: (venue.clearing, "claim_withdrawal", (self.rival, *vector)),
            "requestDeposit": lambda: (venue.pool, "requestDeposit", (5, *own)),
            "deposit_with_permit": lambda: (
                venue.teller,
                "deposit_with_permit",
                (self.trader, 5, 0, 27, bytes(32), bytes(32)),
            ),
            "redeem": lambda: (venue.pool, "redeem", (10**11, *own)),
            "settle": lambda: (
                venue.clearing,
                "settle",
                venue.arguments(venue.a_batch(oracle=ORACLE)),
            ),
            "liquidate": lambda: (venue.recovery, "liquidate", (*low, self.trader, 0, 0)),
            "accounts": lambda: (venue.clearing, "accounts", (self.trader,)),
            "fills": lambda: (venue.clearing, "fills", (self.trader << 8,)),
        }
        return calls[name]()


MONEY = ("open_account", "deposit", "claim_withdrawal", "requestDeposit", "redeem")
CLEARING = ("open_account", "deposit", "claim_withdrawal")
# While Pool moves money Clearing is at rest and its books are closed: what moves none may come in.
PAIRS = [(outer, inner) for outer in MONEY for inner in MONEY] + [
    (outer, inner) for outer in CLEARING for inner in ("settle", "liquidate", "accounts", "fills")
]
BEFORE_THE_VAULT = {"requestDeposit": 1}
"""Transfers that a call makes before the vault's own."""


@pytest.fixture(scope="module")
def kept() -> Scene:
    return Scene()


@pytest.fixture
def scene(kept: Scene) -> Iterator[Scene]:
    with kept.venue.world.anchored():
        kept.venue.world.travel(20)
        yield kept


@pytest.mark.parametrize(("outer", "inner"), PAIRS)
def test_nothing_begins_inside_a_movement_of_money(scene: Scene, outer: str, inner: str) -> None:
    check_lock(scene, outer, inner)


def check_lock(scene: Scene | End, outer: str, inner: str) -> None:
    """Both calls work alone; inside the other's transfer one is refused, and all is as before."""
    venue, token = scene.venue, scene.venue.dollar
    contract, name, args = scene.call(inner)
    message = contract.calldata(name, *args)
    with venue.world.anchored():
        token.call(contract.address, message, sender=TRADER)

    outside, function, arguments = scene.call(outer)
    with venue.world.anchored():
        getattr(outside, function)(*arguments, sender=TRADER)
    token.misbehave(False, 0, contract.address, message, sender=TRADER)
    token.bide(BEFORE_THE_VAULT.get(outer, 0), sender=TRADER)
    before = venue.world.dump()
    with pytest.raises(Refused) as refused:
        getattr(outside, function)(*arguments, sender=TRADER)
    assert refused.value.reason == "", "the lock refuses without words; something else spoke"
    assert venue.world.dump() == before
    token.misbehave(False, 0, ZERO, b"", sender=TRADER)
    getattr(outside, function)(*arguments, sender=TRADER)


@pytest.mark.parametrize("inner", CLEARING)
def test_what_comes_in_before_the_vault_is_paid_is_whole(scene: Scene, inner: str) -> None:
    """The same words are in storage, whether the calls came one in the other or one after it."""
    venue, token = scene.venue, scene.venue.dollar
    contract, name, args = scene.call(inner)
    message = contract.calldata(name, *args)
    outside, function, arguments = scene.call("requestDeposit")
    with venue.world.anchored():
        token.call(contract.address, message, sender=TRADER)
        getattr(outside, function)(*arguments, sender=TRADER)
        one_after_the_other = venue.world.dump()
    token.misbehave(False, 0, contract.address, message, sender=TRADER)
    getattr(outside, function)(*arguments, sender=TRADER)
    nested = venue.world.dump()
    del nested[token.address.lower()], one_after_the_other[token.address.lower()]
    assert nested == one_after_the_other
    assert venue.vault.accounted_e6() == token.balanceOf(venue.vault.address)


OWN = [("requestDeposit", name) for name in ("requestDeposit", "redeem")] + [
    ("deposit_with_permit", "deposit_with_permit")
]


@pytest.mark.parametrize(("outer", "inner"), OWN)
def test_who_passes_money_on_begins_nothing_else_before_the_vault_is_paid(
    scene: Scene, outer: str, inner: str
) -> None:
    token = scene.venue.dollar
    contract, name, args = scene.call(inner)
    token.misbehave(False, 0, contract.address, contract.calldata(name, *args), sender=TRADER)
    outside, function, arguments = scene.call(outer)
    with pytest.raises(Refused) as refused:
        getattr(outside, function)(*arguments, sender=TRADER)
    assert refused.value.reason == ""
    token.misbehave(False, 0, ZERO, b"", sender=TRADER)
    getattr(outside, function)(*arguments, sender=TRADER)


WHERE = [("requestDeposit", "pool"), ("requestDeposit", "vault"), ("deposit", "clearing")]
STANDING = {"nonces", "DOMAIN_SEPARATOR", "eip712Domain", "supportsInterface"}
"""What no movement of money touches, besides the constants: anybody may read it at any time."""


@pytest.mark.parametrize(("outer", "where"), WHERE)
def test_nothing_is_read_in_the_middle_of_a_movement_of_money(
    scene: Scene, outer: str, where: str
) -> None:
    """Every view of the contract, so that no price is taken from books that are half written."""
    check_reads(scene, outer, getattr(scene.venue, where))


def check_reads(scene: Scene | End, outer: str, contract: Contract) -> None:
    """What the contract tells at rest it tells nobody inside the call."""
    token = scene.venue.dollar
    outside, function, arguments = scene.call(outer)
    asked = 0
    for message, name in contract.plain_reads().items():
        if name in STANDING or name.isupper():
            continue
        try:
            token.call(contract.address, message, sender=TRADER)
        except Refused:
            continue  # nobody is told that of zeros
        token.misbehave(False, 0, contract.address, message, sender=TRADER)
        token.bide(BEFORE_THE_VAULT.get(outer, 0), sender=TRADER)
        with pytest.raises(Refused) as refused:
            getattr(outside, function)(*arguments, sender=TRADER)
        assert refused.value.reason == ""
        token.misbehave(False, 0, ZERO, b"", sender=TRADER)
        asked += 1
    assert asked > 5


def test_a_venue_over_a_quiet_odd_token_works(scene: Scene) -> None:
    venue: Venue = scene.venue
    assert venue.vault.accounted_e6() == venue.dollar.balanceOf(venue.vault.address)


# -- the end of a venue --------------------------------------------------------------------


class End:
    """A venue that is wound down, where two traders, liquidity providers and a ticket wait."""

    def __init__(self) -> None:
        self.venue = venue = a_venue(token=compiled_at(TOKEN))
        venue.list_market(1)
        self.trader = venue.open_account(TRADER, 4_000 * DOLLAR)
        self.rival = venue.open_account(RIVAL, 3_000_000 * DOLLAR)
        venue.trade(self.trader, self.rival)
        venue.fund(PROVIDER, 1_000 * DOLLAR)
        self.shares = venue.provide(PROVIDER, 500 * DOLLAR, ORACLE)
        for operator in (TRADER.address, venue.dollar.address):
            venue.pool.setOperator(operator, True, sender=PROVIDER)
        for step in (venue.recovery.wind_down, self._pay_rival_and_pool):
            venue.world.travel(WEEK_S + 1)
            step(sender=TRADER)
        venue.world.travel(WEEK_S)
        assert venue.vault.ticket_count() == 1

    def _pay_rival_and_pool(self, sender: Key) -> None:
        for account in (self.rival, 0):
            self.venue.recovery.claim(account, sender=sender)

    def call(self, name: str) -> Call:
        venue, own = self.venue, (PROVIDER.address, PROVIDER.address)
        calls: dict[str, Call] = {
            "claim": (venue.recovery, "claim", (self.trader,)),
            "leave": (venue.pool, "leave", (self.shares // 3, *own)),
            "pull": (venue.vault, "pull", (0,)),
        }
        return calls[name]


LAST = ("claim", "leave", "pull")


@pytest.fixture(scope="module")
def kept_end() -> End:
    return End()


@pytest.fixture
def end(kept_end: End) -> Iterator[End]:
    with kept_end.venue.world.anchored():
        yield kept_end


@pytest.mark.parametrize(("outer", "inner"), itertools.product(LAST, LAST))
def test_nobody_is_paid_inside_another_payment_of_a_wound_down_venue(
    end: End, outer: str, inner: str
) -> None:
    check_lock(end, outer, inner)


@pytest.mark.parametrize(("outer", "where"), [("claim", "recovery"), ("claim", "clearing")])
def test_nothing_is_read_while_a_wound_down_venue_pays(end: End, outer: str, where: str) -> None:
    check_reads(end, outer, getattr(end.venue, where))
