# SPDX-License-Identifier: Apache-2.0
"""`Pool` against ERC-4626 and ERC-7540 (with ERC-165, 2612 and 7575): each MUST that applies to
a vault that is asynchronous both ways, each test named by what it holds; then lives of a pool.

The standards' sentences are told in our words. What does not apply: previews equal to what follows
(they must revert instead), and a `deposit` that takes assets (`requestDeposit` has taken them).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.support.evm import Key, Refused, a_key, refuses
from tests.support.permits import a_permit
from tests.support.venue import DOLLAR, LOT, PRICE_E8, Venue, a_venue

from infold.signing import keccak
from infold.units import GUARD_MS
from infold.words import unpack_head, unpack_meter, unpack_pool, unpack_strike

LENDER, SECOND, OPERATOR, STRANGER = (
    a_key(name) for name in ("lender", "second lender", "operator", "stranger")
)
ORACLE = {1: PRICE_E8}
SHARE = 10**12
SMALL = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
CLAIMS = ("deposit", "mint", "withdraw", "redeem")
AMOUNTS = st.integers(1, 9 * 10**12)


@pytest.fixture(scope="module")
def kept() -> Venue:
    """Shares at an odd price: a pool that lost a little to a trader, then struck claimables.

    The lender and the second lender hold shares, and have one claimable request on each side.
    """
    venue = a_venue(epoch_ms=20_000)
    venue.list_market(1)
    for key in (LENDER, SECOND):
        venue.provide(key, 1_000_003 * DOLLAR + 7, ORACLE)
    sell(venue, venue.open_account(a_key("seller"), 10**6 * DOLLAR), 3 * LOT)
    for key in (LENDER, SECOND):
        venue.fund(key, 10**7 * DOLLAR)
        venue.ask_in(key, 250_000 * DOLLAR + 1)
        venue.ask_out(key, 333_333 * SHARE + 1)
    venue.strike({1: PRICE_E8 * 97 // 100 + 1})
    return venue


@pytest.fixture
def venue(kept: Venue) -> Iterator[Venue]:
    with kept.world.anchored():
        yield kept


def sell(venue: Venue, account: int, size_e8: int, price_e8: int = PRICE_E8) -> None:
    """A trader sells to the pool."""
    venue.world.travel(1)
    order = venue.an_order(account, buy=False, size_e8=size_e8, limit_price_e8=1)
    deal = price_e8 - price_e8 * 600 // 10**6
    venue.settle(venue.a_batch([venue.a_fill(order)], oracle={1: price_e8}, prices={1: deal}))


def most(venue: Venue, claim: str, key: Key = LENDER) -> int:
    amount: int = getattr(venue.pool, f"max{claim.capitalize()}")(key.address)
    return amount


def claimed(venue: Venue, claim: str, amount: int, key: Key = LENDER) -> Any:
    return getattr(venue.pool, claim)(amount, key.address, key.address, sender=key)


def ids(*names: str) -> int:
    """An interface's id: the selectors of its functions, exclusive or."""
    word = 0
    for name in names:
        word ^= int.from_bytes(keccak(name.encode())[:4], "big")
    return word


# -- ERC-165, ERC-7575, ERC-20, ERC-2612 -----------------------------------------------------------


def test_erc165_says_yes_to_what_is_spoken_and_no_to_the_rest(venue: Venue) -> None:
    managed = "uint256,address,address"
    asked = "uint256,address"
    spoken = (
        ids("supportsInterface(bytes4)"),
        ids("setOperator(address,bool)", "isOperator(address,address)"),
        ids(
            f"requestDeposit({managed})",
            f"pendingDepositRequest({asked})",
            f"claimableDepositRequest({asked})",
            f"deposit({managed})",
            f"mint({managed})",
        ),
        ids(
            f"requestRedeem({managed})",
            f"pendingRedeemRequest({asked})",
            f"claimableRedeemRequest({asked})",
        ),
        ids(
            *("asset()", "share()", "convertToAssets(uint256)", "convertToShares(uint256)"),
            *("totalAssets()", "maxDeposit(address)", "previewDeposit(uint256)"),
            *(f"deposit({asked})", "maxMint(address)", "previewMint(uint256)", f"mint({asked})"),
            *("maxRedeem(address)", "previewRedeem(uint256)", f"redeem({managed})"),
            *("maxWithdraw(address)", "previewWithdraw(uint256)", f"withdraw({managed})"),
        ),
    )
    for word in spoken:
        assert venue.pool.supportsInterface(word.to_bytes(4, "big")), hex(word)
    for word in (0xFFFFFFFF, 0, 0x8BF840E3):
        assert not venue.pool.supportsInterface(word.to_bytes(4, "big"))


def test_erc7575_share_is_the_vault_itself(venue: Venue) -> None:
    assert venue.pool.share().lower() == venue.pool.address.lower()


def test_erc4626_shares_are_an_erc20_with_metadata(venue: Venue) -> None:
    assert (venue.pool.name(), venue.pool.symbol(), venue.pool.decimals()) == (
        "Infold Pool Share",
        "IFLD",
        12,
    )
    held = sum(venue.pool.balanceOf(key.address) for key in (LENDER, SECOND))
    assert venue.pool.totalSupply() == held


@SMALL
@given(shares=st.integers(0, 2**256 - 1))
def test_erc2612_a_signature_is_an_allowance(venue: Venue, shares: int) -> None:
    with venue.world.anchored():
        venue.pool.permit(*a_permit(venue, LENDER, STRANGER, shares), sender=OPERATOR)
        assert venue.pool.allowance(LENDER.address, STRANGER.address) == shares


# -- ERC-4626: views -------------------------------------------------------------------------------


def test_erc4626_asset_is_the_token(venue: Venue) -> None:
    assert venue.pool.asset().lower() == venue.dollar.address.lower()


def test_erc4626_total_assets_is_what_the_last_strike_left(venue: Venue) -> None:
    assert venue.pool.totalAssets() == venue.clearing.limits() & 2**64 - 1
    before = venue.pool.totalAssets()
    venue.ask_in(LENDER, 10**12)
    assert venue.pool.totalAssets() == before, "what is requested is not the pool's yet"


@SMALL
@given(amount=st.integers(0, 2**128))
def test_erc4626_conversions_round_down_and_never_gain(venue: Venue, amount: int) -> None:
    pool = venue.pool
    supply, assets = pool.supply(), pool.totalAssets()
    assert pool.convertToShares(amount) == amount * supply // assets
    assert pool.convertToAssets(amount) == amount * assets // supply
    assert pool.convertToAssets(pool.convertToShares(amount)) <= amount
    assert pool.convertToShares(pool.convertToAssets(amount)) <= amount


@pytest.mark.parametrize("name", ["convertToShares", "convertToAssets", "totalAssets"])
def test_erc4626_conversions_are_the_same_for_every_caller(venue: Venue, name: str) -> None:
    args = () if name == "totalAssets" else (10**9,)
    seen = {getattr(venue.pool, name)(*args, sender=key).value for key in (LENDER, STRANGER)}
    assert seen == {getattr(venue.pool, name)(*args)}


def test_erc4626_views_answer_before_the_first_share_and_for_strangers() -> None:
    pool = a_venue().pool
    assert pool.totalAssets() == pool.supply() == 0
    assert (pool.convertToShares(5), pool.convertToAssets(5_000_000)) == (5 * 10**6, 5)
    for claim in CLAIMS:
        assert getattr(pool, f"max{claim.capitalize()}")(STRANGER.address) == 0
    for side in ("Deposit", "Redeem"):
        for request in (0, 1, 2**32, 2**256 - 1):
            for state in ("pending", "claimable"):
                assert getattr(pool, f"{state}{side}Request")(request, STRANGER.address) == 0


@pytest.mark.parametrize("claim", CLAIMS)
@SMALL
@given(amount=st.integers(0, 2**256 - 1))
def test_erc7540_previews_revert_for_all_callers_and_inputs(
    venue: Venue, claim: str, amount: int
) -> None:
    for key in (None, LENDER, STRANGER):
        with refuses(venue.world, "pool: asynchronous, no preview"):
            getattr(venue.pool, f"preview{claim.capitalize()}")(amount, sender=key)


# -- ERC-4626: claims and their limits -------------------------------------------------------------


@pytest.mark.parametrize("claim", CLAIMS)
def test_erc4626_the_most_is_accepted_and_one_more_is_not(venue: Venue, claim: str) -> None:
    limit = most(venue, claim)
    assert limit > 0
    with refuses(venue.world, "pool: more than claimable"):
        claimed(venue, claim, limit + 1)
    claimed(venue, claim, limit)
    assert most(venue, claim) == 0


@pytest.mark.parametrize("claim", CLAIMS)
@SMALL
@given(part=st.integers(1, 10**6))
def test_erc4626_a_claim_moves_exactly_what_it_names_and_says(
    venue: Venue, claim: str, part: int
) -> None:
    pool, who = venue.pool, LENDER.address
    with venue.world.anchored():
        amount = max(1, most(venue, claim) * part // 10**6)
        shares, assets = pool.balanceOf(who), venue.dollar.balanceOf(who)
        receipt = claimed(venue, claim, amount)
        gained = pool.balanceOf(who) - shares, venue.dollar.balanceOf(who) - assets
        if claim in ("deposit", "mint"):
            event = receipt.only("Deposit")
            assert gained == (event["shares"], 0)
            assert (event["sender"], event["owner"]) == (who.lower(),) * 2
        else:
            event = receipt.only("Withdraw")
            assert gained == (0, event["assets"])
            assert {event[it] for it in ("sender", "receiver", "owner")} == {who.lower()}
        named = "assets" if claim in ("deposit", "withdraw") else "shares"
        answered = "shares" if named == "assets" else "assets"
        assert (event[named], event[answered]) == (amount, receipt.value)


@SMALL
@given(pieces=st.lists(st.tuples(st.sampled_from(CLAIMS), AMOUNTS), max_size=8))
def test_erc4626_pieces_in_any_order_are_the_whole(
    venue: Venue, pieces: list[tuple[str, int]]
) -> None:
    """Rounding goes against who claims, and what it takes stays his for a later piece."""
    pool, who = venue.pool, LENDER.address
    with venue.world.anchored():
        minted, paid = most(venue, "mint"), most(venue, "withdraw")
        shares, assets = pool.balanceOf(who), venue.dollar.balanceOf(who)
        for claim, amount in pieces:
            scale = 10**6 if claim in ("mint", "redeem") else 1
            part = min(amount * scale, most(venue, claim))
            if part:
                claimed(venue, claim, part)
            assert pool.balanceOf(who) - shares == minted - most(venue, "mint")
            assert venue.dollar.balanceOf(who) - assets == paid - most(venue, "withdraw")
        for claim in CLAIMS:
            if most(venue, claim):
                claimed(venue, claim, most(venue, claim))
        assert pool.balanceOf(who) - shares == minted
        assert venue.dollar.balanceOf(who) - assets == paid


@pytest.mark.parametrize("claim", CLAIMS)
def test_erc7540_only_the_controller_or_its_operator_claims(venue: Venue, claim: str) -> None:
    args = (1, STRANGER.address, LENDER.address)
    for caller in (STRANGER, OPERATOR, SECOND):
        with refuses(venue.world, "pool: not the owner or an operator"):
            getattr(venue.pool, claim)(*args, sender=caller)
    venue.pool.approve(STRANGER.address, 2**256 - 1, sender=LENDER)
    with refuses(venue.world, "pool: not the owner or an operator"):
        getattr(venue.pool, claim)(*args, sender=STRANGER)
    venue.pool.setOperator(OPERATOR.address, True, sender=LENDER)
    receipt = getattr(venue.pool, claim)(*args, sender=OPERATOR)
    if claim in ("deposit", "mint"):
        event = receipt.only("Deposit")
        assert (event["sender"], event["owner"]) == (
            LENDER.address.lower(),
            STRANGER.address.lower(),
        ), "the first is the controller, the second the receiver"
    else:
        assert receipt.only("Withdraw")["owner"] == LENDER.address.lower()


@pytest.mark.parametrize("claim", ["deposit", "mint"])
def test_erc7540_both_forms_of_deposit_and_mint_are_there(venue: Venue, claim: str) -> None:
    long = claimed(venue, claim, 10**6).value
    short = venue.pool.shorter(claim)(10**6, LENDER.address, sender=LENDER).value
    assert abs(long - short) <= 1


@pytest.mark.parametrize("claim", ["deposit", "mint"])
def test_erc7540_claiming_shares_takes_no_assets(venue: Venue, claim: str) -> None:
    before = venue.dollar.balanceOf(LENDER.address), venue.vault.accounted_e6()
    claimed(venue, claim, most(venue, claim))
    assert before == (venue.dollar.balanceOf(LENDER.address), venue.vault.accounted_e6())


@pytest.mark.parametrize("claim", ["withdraw", "redeem"])
def test_erc7540_claiming_assets_takes_no_shares(venue: Venue, claim: str) -> None:
    before = venue.pool.balanceOf(LENDER.address), venue.pool.totalSupply()
    claimed(venue, claim, most(venue, claim))
    assert before == (venue.pool.balanceOf(LENDER.address), venue.pool.totalSupply())


# -- ERC-7540: requests ----------------------------------------------------------------------------


@SMALL
@given(assets=AMOUNTS)
def test_erc7540_a_deposit_request_is_pending_then_claimable_then_claimed(
    venue: Venue, assets: int
) -> None:
    pool, who = venue.pool, LENDER.address
    with venue.world.anchored():
        claimable, held = pool.maxDeposit(who), venue.dollar.balanceOf(who)
        receipt = pool.requestDeposit(assets, who, who, sender=LENDER)
        request = receipt.value
        assert request != 0, "an id of zero would mean that requests have none"
        event = receipt.only("DepositRequest")
        assert (event["requestId"], event["assets"]) == (request, assets)
        assert venue.dollar.balanceOf(who) == held - assets
        assert pool.pendingDepositRequest(request, who) == assets
        assert pool.claimableDepositRequest(request, who) == 0
        assert pool.maxDeposit(who) == claimable
        shares = pool.balanceOf(who)
        venue.strike_past(request, ORACLE)
        assert pool.balanceOf(who) == shares, "nothing is pushed"
        assert pool.pendingDepositRequest(request, who) == 0
        assert pool.claimableDepositRequest(request, who) == assets
        assert pool.maxDeposit(who) == claimable + assets
        claimed(venue, "deposit", claimable + assets)
        assert pool.claimableDepositRequest(request, who) == 0 == pool.maxDeposit(who)


@SMALL
@given(shares=st.integers(1, 10**17))
def test_erc7540_a_redeem_request_is_pending_then_claimable_then_claimed(
    venue: Venue, shares: int
) -> None:
    pool, who = venue.pool, LENDER.address
    with venue.world.anchored():
        claimable, held = pool.maxRedeem(who), pool.balanceOf(who)
        receipt = pool.requestRedeem(shares, who, who, sender=LENDER)
        request, event = receipt.value, receipt.only("RedeemRequest")
        assert (event["requestId"], event["shares"]) == (request, shares)
        assert pool.balanceOf(who) == held - shares, "shares leave at once"
        assert pool.pendingRedeemRequest(request, who) == shares
        assert pool.claimableRedeemRequest(request, who) == 0
        money = venue.dollar.balanceOf(who)
        venue.strike_past(request, ORACLE)
        assert venue.dollar.balanceOf(who) == money, "nothing is pushed"
        assert pool.pendingRedeemRequest(request, who) == 0
        assert pool.claimableRedeemRequest(request, who) == shares
        assert pool.maxRedeem(who) == claimable + shares
        claimed(venue, "redeem", claimable + shares)
        assert pool.claimableRedeemRequest(request, who) == 0 == pool.maxRedeem(who)


def test_erc7540_a_request_takes_all_or_reverts(venue: Venue) -> None:
    who = LENDER.address
    money, shares = venue.dollar.balanceOf(who), venue.pool.balanceOf(who)
    with refuses(venue.world, "erc20: transfer amount exceeds balance"):
        venue.pool.requestDeposit(money + 1, who, who, sender=LENDER)
    with refuses(venue.world, "pool: not enough shares"):
        venue.pool.requestRedeem(shares + 1, who, who, sender=LENDER)
    venue.dollar.approve(venue.pool.address, 4, sender=LENDER)
    with refuses(venue.world, "erc20: insufficient allowance"):
        venue.pool.requestDeposit(5, who, who, sender=LENDER)


def test_erc7540_an_owners_assets_move_for_the_owner_and_its_operators(venue: Venue) -> None:
    args = (5, STRANGER.address, LENDER.address)
    for caller in (STRANGER, OPERATOR):
        with refuses(venue.world, "pool: not the owner or an operator"):
            venue.pool.requestDeposit(*args, sender=caller)
    venue.pool.setOperator(OPERATOR.address, True, sender=LENDER)
    event = venue.pool.requestDeposit(*args, sender=OPERATOR).only("DepositRequest")
    named = tuple(event[it] for it in ("controller", "owner", "sender"))
    assert named == tuple(key.address.lower() for key in (STRANGER, LENDER, OPERATOR))


@pytest.mark.parametrize("allowed", [7, 2**256 - 1])
def test_erc7540_a_spender_spends_its_allowance_and_an_operator_none(
    venue: Venue, allowed: int
) -> None:
    pool, args = venue.pool, (5, STRANGER.address, LENDER.address)
    with refuses(venue.world, "erc20: insufficient allowance"):
        pool.requestRedeem(*args, sender=OPERATOR)
    pool.approve(OPERATOR.address, allowed, sender=LENDER)
    pool.requestRedeem(*args, sender=OPERATOR)
    left = allowed if allowed == 2**256 - 1 else allowed - 5
    assert pool.allowance(LENDER.address, OPERATOR.address) == left
    pool.setOperator(OPERATOR.address, True, sender=LENDER)
    pool.requestRedeem(*args, sender=OPERATOR)
    assert pool.allowance(LENDER.address, OPERATOR.address) == left


@pytest.mark.parametrize("approved", [True, False])
def test_erc7540_set_operator_sets_logs_and_says_so(venue: Venue, approved: bool) -> None:
    receipt = venue.pool.setOperator(OPERATOR.address, approved, sender=LENDER)
    assert receipt.value is True
    assert venue.pool.isOperator(LENDER.address, OPERATOR.address) is approved
    assert not venue.pool.isOperator(OPERATOR.address, LENDER.address)
    assert receipt.only("OperatorSet") == {
        "controller": LENDER.address.lower(),
        "operator": OPERATOR.address.lower(),
        "approved": approved,
    }


@SMALL
@given(first=AMOUNTS, second=AMOUNTS)
def test_erc7540_requests_of_one_id_are_fungible(venue: Venue, first: int, second: int) -> None:
    """One transition for all, and one rate, but for the last unit of rounding."""
    with venue.world.anchored():
        parts = ((LENDER, first), (SECOND, second))
        request = {venue.ask_in(key, amount) for key, amount in parts}
        assert len(request) == 1
        for key in (LENDER, SECOND):
            claimed(venue, "deposit", most(venue, "deposit", key), key)
        venue.strike_past(max(request), ORACLE)
        strike = unpack_strike(venue.clearing.strikes(max(request)))
        for key, amount in parts:
            assert most(venue, "deposit", key) == amount
            assert most(venue, "mint", key) == amount * strike.supply // strike.nav_e6


@SMALL
@given(first=st.integers(1, 10**18), second=st.integers(1, 10**18), fall=st.integers(0, 30))
def test_erc7540_a_partial_claimable_is_one_rate_for_all(
    venue: Venue, first: int, second: int, fall: int
) -> None:
    """More is asked than is free: paid, burnt and given back in one proportion."""
    with venue.world.anchored():
        pool = venue.pool
        pool.transfer(SECOND.address, pool.balanceOf(LENDER.address) // 3, sender=LENDER)
        everything = ((LENDER, first), (SECOND, second))
        asked = [min(shares, pool.balanceOf(key.address)) for key, shares in everything]
        epochs = {venue.ask_out(key, n) for key, n in zip((LENDER, SECOND), asked, strict=True)}
        price = PRICE_E8 * (100 - fall) // 100
        venue.strike({1: price})
        strike = unpack_strike(venue.clearing.strikes(max(epochs)))
        total = sum(asked)
        if strike.returned:
            return
        for key, shares in zip((LENDER, SECOND), asked, strict=True):
            gone = pool.claimableRedeemRequest(max(epochs), key.address)
            back = pool.claimableCancelRedeemRequest(max(epochs), key.address)
            assert gone + back == shares
            whole = strike.paid_e6 == total * strike.nav_e6 // strike.supply
            burnt = total if whole else -(-strike.paid_e6 * strike.supply // strike.nav_e6)
            assert gone == -(-shares * burnt // total)
        assert pool.totalAssets() >= min(locked_e6(venue, price), strike.nav_e6)


def locked_e6(venue: Venue, price_e8: int) -> int:
    """Initial margin of market 1's whole open interest."""
    words = venue.clearing.market_words
    whole = unpack_meter(words(10)).open_interest_e8 + max(0, unpack_pool(words(9)).base_e8)
    im_e6: int = (
        venue.clearing.parameter_words(8) >> 236 or venue.clearing.parameter_words(12) >> 236
    )
    return -(-whole * price_e8 * im_e6 // 10**16)


# -- lives of a pool -------------------------------------------------------------------------------


class Lives(RuleBasedStateMachine):
    """Requests, strikes at profit and loss, claims in any order and in pieces.

    Held all along: nobody's claims exceed what strikes moved; the price of a share falls only by a
    loss of the pool; what open interest locks stays; the vault has every token it accounts for.
    """

    lenders = tuple(a_key(f"lender {n}") for n in range(3))

    def __init__(self) -> None:
        super().__init__()
        self.venue = a_venue(epoch_ms=20_000)
        self.price_e8 = PRICE_E8
        self.worth_e6 = self.moved_in_e6 = self.paid_out_e6 = 0
        self.capital_e6 = self.supply = 0

    @initialize(assets=st.integers(10**4 * DOLLAR, 10**6 * DOLLAR))
    def begin(self, assets: int) -> None:
        self.venue.list_market(1)
        for key in self.lenders:
            self.venue.fund(key, 10**7 * DOLLAR)
        self.seller = self.venue.open_account(a_key("seller"), 10**7 * DOLLAR)
        self.venue.ask_in(self.lenders[0], assets)
        self.strike(0)

    @rule(who=st.integers(0, 2), assets=st.integers(1, 10**11))
    def pay_in(self, who: int, assets: int) -> None:
        self.attempt(lambda: self.venue.ask_in(self.lenders[who], assets))

    @rule(who=st.integers(0, 2), part=st.integers(1, 100))
    def give_back(self, who: int, part: int) -> None:
        shares = self.venue.pool.balanceOf(self.lenders[who].address) * part // 100
        if shares:
            self.attempt(lambda: self.venue.ask_out(self.lenders[who], shares))

    def attempt(self, request: Any) -> None:
        try:
            request()
        except Refused as refused:
            assert refused.reason == "pool: claim older requests first"

    @rule(who=st.integers(0, 2), claim=st.sampled_from(CLAIMS), part=st.integers(1, 100))
    def collect(self, who: int, claim: str, part: int) -> None:
        key = self.lenders[who]
        limit = most(self.venue, claim, key)
        if limit:
            before = self.venue.dollar.balanceOf(key.address)
            claimed(self.venue, claim, max(1, limit * part // 100), key)
            self.paid_out_e6 += self.venue.dollar.balanceOf(key.address) - before

    @rule(who=st.integers(0, 2))
    def take_back(self, who: int) -> None:
        key, pool = self.lenders[who], self.venue.pool
        for epoch in range(1, unpack_head(self.venue.clearing.head()).epoch):
            for side in ("Deposit", "Redeem"):
                back = getattr(pool, f"claimableCancel{side}Request")(epoch, key.address)
                if back:
                    own = (epoch, key.address, key.address)
                    getattr(pool, f"claimCancel{side}Request")(*own, sender=key)
                    self.paid_out_e6 += back * (side == "Deposit")

    @precondition(lambda self: self.capital_e6 > 10**4 * DOLLAR)
    @rule(size=st.integers(1, 2 * LOT))
    def trade(self, size: int) -> None:
        try:
            sell(self.venue, self.seller, size, self.price_e8)
        except Refused as refused:
            assert refused.reason in ("clearing: loss meter", "clearing: pool cap")

    @rule(moved=st.integers(-80, 80))
    def strike(self, moved: int) -> None:
        """The price moves by up to 8 %, and the epoch that ended is struck."""
        venue = self.venue
        self.price_e8 = max(
            PRICE_E8 // 4, min(4 * PRICE_E8, self.price_e8 * (1000 + moved) // 1000)
        )
        epoch = unpack_head(venue.clearing.head()).epoch
        venue.world.at_ms(
            max(unpack_head(venue.clearing.head()).epoch_end_ms + GUARD_MS, venue.world.now_ms) + 1
        )
        venue.settle(venue.a_batch(oracle={1: self.price_e8}))
        word, strike = venue.pool.lp_requests(epoch), unpack_strike(venue.clearing.strikes(epoch))
        assert strike.supply == self.supply
        capital, supply = venue.pool.totalAssets(), venue.pool.supply()
        if strike.returned:
            self.moved_in_e6 += word >> 128
            assert (capital, supply) == (strike.nav_e6, self.supply)
        else:
            self.moved_in_e6 += strike.paid_e6
            assert capital == strike.nav_e6 + (word >> 128) - strike.paid_e6
            if self.supply:
                # No request lowers a share's price; only the pool's own worth does.
                assert capital * self.supply >= strike.nav_e6 * supply
                if strike.nav_e6 >= self.capital_e6:
                    assert capital * self.supply >= self.capital_e6 * supply
            locked = locked_e6(venue, self.price_e8) if venue.clearing.pool_markets() else 0
            assert not strike.paid_e6 or capital >= locked
        self.capital_e6, self.supply = capital, supply

    @invariant()
    def claims_never_exceed_what_strikes_moved(self) -> None:
        owed = sum(
            self.venue.pool.maxWithdraw(key.address)
            + sum(
                self.venue.pool.claimableCancelDepositRequest(epoch, key.address)
                for epoch in range(1, unpack_head(self.venue.clearing.head()).epoch)
            )
            for key in self.lenders
        )
        assert self.paid_out_e6 + owed <= self.moved_in_e6

    @invariant()
    def shares_never_exceed_the_supply(self) -> None:
        pool = self.venue.pool
        current = unpack_head(self.venue.clearing.head()).epoch
        waiting = sum(pool.lp_requests(epoch) & 2**128 - 1 for epoch in (current, current + 1))
        claimable = sum(
            pool.maxMint(key.address)
            + sum(
                pool.claimableCancelRedeemRequest(epoch, key.address) for epoch in range(1, current)
            )
            for key in self.lenders
        )
        assert pool.totalSupply() + waiting + claimable <= pool.supply()

    @invariant()
    def the_vault_has_its_tokens(self) -> None:
        vault = self.venue.vault
        assert self.venue.dollar.balanceOf(vault.address) == vault.accounted_e6()
        assert self.venue.dollar.balanceOf(self.venue.pool.address) == 0


TestLives = Lives.TestCase
TestLives.settings = settings(max_examples=6, stateful_step_count=25, deadline=None)
