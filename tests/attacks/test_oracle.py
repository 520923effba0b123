# SPDX-License-Identifier: Apache-2.0
"""Prices under attack, C01 to C12: age, order, jumps, signers, exponents, medians, outages.

Whoever attacks here holds a feed, some signers' keys, the moment at which a reading is brought on
chain, or the sequencer. None of it moves a price; the worst is a market that only shrinks.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from fractions import Fraction

import pytest
from tests.support.compiler import ROOT, compiled_at
from tests.support.evm import Contract, Key, Receipt, Refused, World, a_key, refuses
from tests.support.solidity import mock
from tests.support.stage import BUYER, ETHER_E8, ORACLE, SELLER, Stage, set_up
from tests.support.venue import (
    DEPLOYER,
    DOLLAR,
    GUARD_MS,
    LOT,
    ORACLE_SIGNERS,
    PRICE_E8,
    WINDOW_MS,
    Venue,
    a_venue,
)

from infold.core.plan import Reason
from infold.shell.oracle import agreed_prices
from infold.words import unpack_clock, unpack_readings, unpack_service, unpack_threshold

STRANGER, VICTIM = a_key("stranger"), a_key("victim")
GUARD_S, WINDOW_S = GUARD_MS // 1000, WINDOW_MS // 1000
WAIT_S = GUARD_S + WINDOW_S + 1
GRACE_S = 3_600
LIMIT = [Reason.MARKET_LIMIT, Reason.MARKET_LIMIT]


@pytest.fixture(scope="module")
def kept() -> Stage:
    return set_up(a_venue(epoch_ms=86_400_000 * 30))


@pytest.fixture
def stage(kept: Stage) -> Iterator[Stage]:
    with kept.venue.world.anchored():
        yield kept


def skips(receipt: Receipt) -> list[int]:
    return [log["reason"] for log in receipt.all("Skipped")]


def opening(stage: Stage, **batch: object) -> list[int]:
    """What becomes of two orders that open a position in the first market."""
    return skips(stage.settle([stage.buy(), stage.sell()], priced=(1,), **batch))


def a_source(stage: Stage, price_e8: int, strict: bool = False) -> Contract:
    """Name a second source of the first market, and wait until its reading serves."""
    source = stage.venue.world.deploy("dev/Source", price_e8, sender=DEPLOYER)
    name(stage, source, strict)
    stage.venue.world.travel(GUARD_S + 1)
    return source


def name(stage: Stage, source: Contract, strict: bool = False) -> None:
    stage.venue.governance.set_price_source(1, source.address, 100, 60, strict, sender=DEPLOYER)


def claim(stage: Stage, time_ms: int) -> Receipt:
    """The buyer, who holds a position and asked long ago, takes a dollar out at a vector of T."""
    vector = stage.venue.presented(stage.venue.a_vector(ORACLE, time_ms=time_ms))
    receipt: Receipt = stage.venue.clearing.claim_withdrawal(stage.buyer, *vector, sender=STRANGER)
    return receipt


def ask(stage: Stage) -> None:
    """Hold a position, and have a dollar's withdrawal due."""
    stage.cross()
    stage.venue.clearing.request_withdrawal(stage.buyer, DOLLAR, sender=BUYER)
    stage.venue.world.travel(WAIT_S)


# -- age and order -----------------------------------------------------------------


def test_C01_a_stale_vector_serves_to_the_end_of_the_window_and_not_beyond(stage: Stage) -> None:
    world = stage.venue.world
    batch = stage.batch([stage.buy(), stage.sell()], priced=(1,))
    world.travel(WINDOW_S + 1)
    with refuses(world, "clearing: batch time outside window"):
        stage.venue.settle(batch)
    world.travel(-1)
    assert not skips(stage.venue.settle(batch))

    ask(stage)
    with refuses(world, "clearing: vector too old"):
        claim(stage, world.now_ms - WINDOW_MS - 1)
    assert claim(stage, world.now_ms - WINDOW_MS).value == DOLLAR


def test_C01_a_stale_reading_is_not_stored_and_one_that_ages_falls_silent(stage: Stage) -> None:
    world = stage.venue.world
    source = a_source(stage, PRICE_E8 // 2)
    until_s = unpack_readings(stage.venue.oracle.readings(1)).until_s
    world.at(until_s - 1)
    assert opening(stage) == LIMIT
    world.at(until_s)
    assert opening(stage, time_ms=until_s * 1000 + 1) == []
    source.say(PRICE_E8, world.timestamp_s - 60, sender=STRANGER)
    with refuses(world, "oracle: reading is stale"):
        stage.venue.oracle.refresh(1, sender=STRANGER)


def test_C01_a_stale_strict_source_lets_a_market_only_shrink(stage: Stage) -> None:
    a_source(stage, PRICE_E8, strict=True)
    assert opening(stage) == []
    stage.venue.world.travel(60)
    assert opening(stage) == LIMIT
    closing = [stage.sell(stage.buyer), stage.buy(stage.seller)]
    assert not skips(stage.settle(closing, priced=(1,)))


def test_C02_a_vector_or_reading_from_the_future_is_refused(stage: Stage) -> None:
    world = stage.venue.world
    ask(stage)
    with refuses(world, "clearing: vector from the future"):
        claim(stage, world.now_ms + 1_001)
    assert claim(stage, world.now_ms + 1_000).value == DOLLAR
    for ahead_ms, reason in ((1_001, "clearing: batch time outside window"), (1_000, "")):
        batch = stage.batch([], priced=(1,), time_ms=world.now_ms + ahead_ms)
        if reason:
            with refuses(world, reason):
                stage.venue.settle(batch)
        else:
            stage.venue.settle(batch)
    source = a_source(stage, PRICE_E8)
    world.travel(WAIT_S)
    source.say(PRICE_E8, world.timestamp_s + 1, sender=STRANGER)
    with refuses(world, "oracle: reading from the future"):
        stage.venue.oracle.refresh(1, sender=STRANGER)


def test_C03_an_older_vector_never_lowers_a_stored_time(stage: Stage) -> None:
    world, clearing = stage.venue.world, stage.venue.clearing
    ask(stage)
    stage.settle([], priced=(1,))
    clock = clearing.market_words(8)
    last_ms = unpack_clock(clock).time_ms
    for time_ms in (last_ms, last_ms - 1):
        with refuses(world, "clearing: batch time must rise"):
            stage.venue.settle(stage.batch([], priced=(1,), time_ms=time_ms))
    with refuses(world, "clearing: vector too old"):
        claim(stage, last_ms - GUARD_MS - 1)
    claim(stage, last_ms - GUARD_MS)
    assert clearing.market_words(8) == clock


def test_C03_an_older_reading_never_follows_a_newer_one(stage: Stage) -> None:
    world = stage.venue.world
    source = a_source(stage, PRICE_E8)
    held = stage.venue.oracle.readings(1)
    world.travel(WAIT_S)
    for ago_s in (WAIT_S + GUARD_S + 1, WAIT_S + GUARD_S + 20):
        source.say(PRICE_E8 // 2, world.timestamp_s - ago_s, sender=STRANGER)
        with refuses(world, "oracle: nothing newer"):
            stage.venue.oracle.refresh(1, sender=STRANGER)
    assert stage.venue.oracle.readings(1) == held


# -- jumps -------------------------------------------------------------------------


def test_C04_a_jump_is_not_clamped_but_lets_a_market_only_shrink(stage: Stage) -> None:
    stage.cross()
    jumped = {1: PRICE_E8 * 112 // 100, 2: ETHER_E8}
    assert opening(stage, oracle=jumped) == LIMIT
    clock = unpack_clock(stage.venue.clearing.market_words(8))
    assert clock.price_e8 == jumped[1], "what was signed is what is stored"
    assert opening(stage, oracle=jumped) == []


def test_C04_a_feed_clamped_at_its_floor_doubts_the_fall_below_it(stage: Stage) -> None:
    """Venus and LUNA: the feed stood at its least answer while the price fell through it."""
    stage.cross()
    world = stage.venue.world
    feed = world.deploy(mock("MockV3Aggregator"), 8, PRICE_E8, sender=DEPLOYER)
    name(stage, world.deploy("adapters/Aggregator", feed.address, sender=DEPLOYER))
    world.travel(GUARD_S + 1)
    assert opening(stage) == []
    fallen = {1: PRICE_E8 * 95 // 100, 2: ETHER_E8}
    assert opening(stage, oracle=fallen) == LIMIT
    assert opening(stage, oracle=fallen) == LIMIT, "the next batch, within the move bound, too"
    closing = [stage.sell(stage.buyer), stage.buy(stage.seller)]
    assert not skips(stage.settle(closing, oracle=fallen, priced=(1,)))


def test_C04_whoever_times_a_refresh_changes_no_signed_batch(stage: Stage) -> None:
    source = a_source(stage, PRICE_E8)
    world = stage.venue.world
    world.travel(WAIT_S)
    for landed_s in (0, 1, GUARD_S, WINDOW_S):
        with world.anchored():
            batch = stage.batch([stage.buy(), stage.sell()], priced=(1,))
            source.say(PRICE_E8 // 2, world.timestamp_s, sender=STRANGER)
            stage.venue.oracle.refresh(1, sender=STRANGER)
            world.travel(landed_s)
            source.say(PRICE_E8 // 2, world.timestamp_s, sender=STRANGER)
            with refuses(world, "oracle: change pending"):
                stage.venue.oracle.refresh(1, sender=STRANGER)
            assert not skips(stage.venue.settle(batch))


# -- signers -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("signers", "reason"),
    [
        (ORACLE_SIGNERS[:1], "signers: too few"),
        ((), "signers: too few"),
    ],
)
def test_C05_one_signer_fewer_than_k_prices_nothing(
    stage: Stage, signers: tuple[Key, ...], reason: str
) -> None:
    batch = stage.batch([], vector=stage.venue.a_vector(ORACLE, signers=signers), priced=(1,))
    with refuses(stage.venue.world, reason):
        stage.venue.settle(batch)


@pytest.mark.parametrize("order", [(0, 0), (1, 0), (0, 1, 1), (0, 0, 1)])
def test_C06_a_signer_counts_once(stage: Stage, order: tuple[int, ...]) -> None:
    signers = [ORACLE_SIGNERS[place] for place in order]
    batch = stage.batch([], vector=stage.venue.a_vector(ORACLE, signers=signers), priced=(1,))
    with refuses(stage.venue.world, "signers: not ascending"):
        stage.venue.settle(batch)


def test_C07_a_removed_signer_prices_nothing_past_its_barrier(stage: Stage) -> None:
    venue = stage.venue
    venue.governance.set_oracle_signer(ORACLE_SIGNERS[0].address, False, sender=DEPLOYER)
    venue.world.travel(GUARD_S)
    stage.settle([], priced=(1,), time_ms=venue.world.now_ms)
    venue.world.travel(1)
    with refuses(venue.world, "signers: not a signer"):
        venue.settle(stage.batch([], priced=(1,)))
    others = venue.a_vector(ORACLE, signers=ORACLE_SIGNERS[1:])
    venue.settle(stage.batch([], vector=others, priced=(1,)))


@pytest.mark.parametrize("seed", range(4))
def test_C07_rotation_never_falls_below_k(stage: Stage, seed: int) -> None:
    """At every T, before and after every activation, at least k keys serve."""
    venue, dice = stage.venue, random.Random(seed)
    keys = [*ORACLE_SIGNERS, *(a_key(f"spare {number}") for number in range(4))]
    done = refused = 0
    for _ in range(120):
        act = dice.choice(["add", "retire", "retire", "threshold"])
        key = dice.choice(keys)
        try:
            if act == "threshold":
                venue.governance.set_oracle_threshold(dice.randrange(1, 6), sender=DEPLOYER)
            else:
                venue.governance.set_oracle_signer(key.address, act == "add", sender=DEPLOYER)
            done += 1
        except Refused as fault:
            assert fault.reason.startswith("signers: "), f"seed {seed}: {fault.reason}"
            refused += 1
        now_ms = venue.world.now_ms
        for time_ms in (now_ms - WINDOW_MS, now_ms, now_ms + GUARD_MS, now_ms + GUARD_MS + 1):
            assert serving(venue, keys, time_ms) >= needed(venue, time_ms) >= 1, f"seed {seed}"
        venue.world.travel(dice.choice([0, 1, GUARD_S, WAIT_S]))
    assert done > 20 and refused > 20, (done, refused)


def serving(venue: Venue, keys: list[Key], time_ms: int) -> int:
    count = 0
    for key in keys:
        since, until = unpack_service(venue.oracle.service(key.address))
        count += 0 < since < time_ms and (not until or time_ms <= until)
    return count


def needed(venue: Venue, time_ms: int) -> int:
    word = unpack_threshold(venue.oracle.threshold())
    return word.new if time_ms > word.activation_ms else word.old


# -- prices that are none ----------------------------------------------------------


def test_C08_a_zero_price_prices_nothing(stage: Stage) -> None:
    ask(stage)
    world = stage.venue.world
    for prices in ({2: ETHER_E8}, {1: 0, 2: ETHER_E8}):
        batch = stage.venue.a_batch(
            oracle={1: PRICE_E8}, vector=stage.venue.a_vector(prices | {2: ETHER_E8})
        )
        with refuses(world, "clearing: no price"):
            stage.venue.settle(batch)
        vector = stage.venue.presented(stage.venue.a_vector(prices))
        with refuses(world, "clearing: no price"):
            stage.venue.clearing.claim_withdrawal(stage.buyer, *vector, sender=STRANGER)


@pytest.mark.parametrize("answer", [0, -1, -PRICE_E8, -(2**255)])
def test_C08_a_second_source_at_zero_or_below_is_not_stored(stage: Stage, answer: int) -> None:
    world = stage.venue.world
    feed = world.deploy(mock("MockV3Aggregator"), 8, PRICE_E8, sender=DEPLOYER)
    name(stage, world.deploy("adapters/Aggregator", feed.address, sender=DEPLOYER))
    world.travel(WAIT_S)
    feed.updateAnswer(answer, sender=STRANGER)
    with refuses(world, "aggregator: answer is not positive"):
        stage.venue.oracle.refresh(1, sender=STRANGER)


# -- exponents ---------------------------------------------------------------------

CASES = 1_000
ID = b"pair".ljust(32, b"\0")


def test_C09_a_thousand_exponents_are_the_references_or_refused() -> None:
    """Half before Pyth's mock, half before a feed of any decimals; the reference is a fraction."""
    dice, world = random.Random(9), World()
    pyth = world.deploy(mock("MockPyth"), 60, 0, sender=DEPLOYER)
    odd = world.deploy(
        compiled_at(ROOT / "tests" / "support" / "contracts" / "OddFeed.vy"), sender=DEPLOYER
    )
    time_s = 10**9

    def push(price: int, conf: int, expo: int) -> None:
        nonlocal time_s
        time_s += 1
        data = pyth.createPriceFeedUpdateData(
            ID, price, conf, expo, price, conf, time_s, time_s - 1
        )
        pyth.updatePriceFeeds([data], sender=DEPLOYER)

    push(1, 0, 0)
    odd.say(8, 1, 1, time_s, time_s, 1, sender=DEPLOYER)
    pull = world.deploy("adapters/Pull", pyth.address, ID, 10_000, sender=DEPLOYER)
    aggregator = world.deploy("adapters/Aggregator", odd.address, sender=DEPLOYER)
    refused = 0
    for case in range(CASES):
        if case % 2:
            price = dice.choice([1, -1]) if dice.random() < 0.1 else dice.randrange(1, 2**63)
            price >>= dice.randrange(63) if price > 0 else 0
            expo = dice.choice([-8, 8, -12, -5, 0, dice.randrange(-40, 16), -(2**31), 2**31 - 1])
            conf = dice.choice([0, abs(price) // 100, abs(price) // 50 + 1])
            push(price, conf, expo)
            whole = price > 0 and -36 <= expo <= 12 and conf * 100 <= price
            wanted = Fraction(price) * Fraction(10) ** (expo + 8) if whole else None
            found = answer_of(pull)
        else:
            decimals = dice.choice([8, 18, 6, 0, dice.randrange(60), 255])
            answer = dice.choice([1, -1, 1, 1]) * dice.randrange(2 ** dice.randrange(1, 256))
            odd.say(decimals, 1, answer, time_s, time_s, 1, sender=DEPLOYER)
            whole = 0 < answer < 2**127 and decimals <= 36
            wanted = Fraction(answer) * 10**8 / 10**decimals if whole else None
            found = answer_of(aggregator)
        refused += wanted is None
        expected = None if wanted is None else wanted.numerator // wanted.denominator
        assert found == expected, f"case {case}"
    assert 100 < refused < CASES - 300


def answer_of(adapter: Contract) -> int | None:
    """What an adapter says, None where it refuses with words."""
    try:
        price_e8: int = adapter.latest()[0]
    except Refused as fault:
        assert fault.reason.partition(":")[0] in ("pull", "aggregator"), fault
        return None
    return price_e8


def test_C09_a_price_beyond_64_bits_is_refused_before_it_is_cut(stage: Stage) -> None:
    world = stage.venue.world
    feed = world.deploy(mock("MockV3Aggregator"), 8, 2**64, sender=DEPLOYER)
    adapter = world.deploy("adapters/Aggregator", feed.address, sender=DEPLOYER)
    assert adapter.latest()[0] == 2**64
    with refuses(world, "oracle: reading out of range"):
        name(stage, adapter)
    feed.updateAnswer(2**64 - 1, sender=DEPLOYER)
    name(stage, adapter)
    assert unpack_readings(stage.venue.oracle.readings(1)).price_e8 == 2**64 - 1


# -- medians -----------------------------------------------------------------------


@pytest.mark.parametrize("faulty", [1, 2, 3, 7])
def test_C11_f_of_2f_plus_1_signers_cannot_leave_the_honest_range(faulty: int) -> None:
    dice = random.Random(faulty)
    k = faulty + 1
    for _ in range(300):
        honest = [PRICE_E8 + dice.randrange(-(10**9), 10**9) for _ in range(k)]
        extreme = dice.choice([[0], [1], [2**64 - 1], [1, 2**64 - 1], [min(honest) - 1]])
        lies = [dice.choice(extreme) for _ in range(faulty)]
        views = [{1: price} for price in [*honest, *lies]]
        dice.shuffle(views)
        assert min(honest) <= agreed_prices(views, k)[1] <= max(honest)
        # who withholds instead of lying leaves the honest ones alone, or no price
        assert min(honest) <= agreed_prices([{1: price} for price in honest], k)[1] <= max(honest)
        assert agreed_prices([{1: price} for price in honest[1:]], k) == {}


# -- outages -----------------------------------------------------------------------


def test_C12_E10_an_outage_of_three_hours_liquidates_nobody_before_the_grace_is_over(
    stage: Stage,
) -> None:
    """The price falls while the sequencer is down; whoever is first back finds no victim."""
    venue, world = stage.venue, stage.venue.world
    feed = world.deploy(mock("MockV3Aggregator"), 0, 0, sender=DEPLOYER)
    world.travel(GRACE_S + 1)
    venue.governance.set_uptime(feed.address, GRACE_S, sender=DEPLOYER)
    victim = venue.open_account(VICTIM, 4_000 * DOLLAR)
    stage.settle([stage.buy(victim), stage.sell()], priced=(1,))
    low = {1: PRICE_E8 * 955 // 1000, 2: ETHER_E8}

    feed.updateAnswer(1, sender=STRANGER)  # down
    world.travel(3 * 3_600)
    feed.updateAnswer(0, sender=STRANGER)  # up again
    for waited_s in (0, 1, GRACE_S):
        with world.anchored():
            world.travel(waited_s)
            with refuses(world, "recovery: sequencer is down"):
                liquidate(stage, victim, low)
    # meanwhile the victim may act, and so may everybody else: batches and withdrawals go on
    venue.fund(VICTIM, DOLLAR)
    venue.clearing.deposit(victim, DOLLAR, sender=VICTIM)
    assert opening(stage, oracle={1: PRICE_E8, 2: ETHER_E8}) == []
    venue.clearing.request_withdrawal(stage.third, DOLLAR, sender=a_key("third"))
    venue.clearing.request_withdrawal(stage.seller, DOLLAR, sender=SELLER)
    world.travel(WAIT_S)
    vector = venue.presented(venue.a_vector(ORACLE))
    assert venue.clearing.claim_withdrawal(stage.seller, *vector, sender=STRANGER).value == DOLLAR
    world.travel(GRACE_S + 1)
    liquidate(stage, victim, low)
    assert stage.position(victim).base_e8 < LOT


def liquidate(stage: Stage, account: int, prices_e8: dict[int, int]) -> None:
    """Shrink the account's first position; the penalty goes to insurance."""
    vector = stage.venue.presented(stage.venue.a_vector(prices_e8))
    stage.venue.recovery.liquidate(*vector, account, 0, 0, sender=STRANGER)


def test_C12_a_batch_of_before_the_outage_lands_in_its_window_or_never(stage: Stage) -> None:
    world = stage.venue.world
    batch = stage.batch([stage.buy(), stage.sell()], priced=(1,))
    world.travel(3 * 3_600)
    with refuses(world, "clearing: batch time outside window"):
        stage.venue.settle(batch)
    assert opening(stage) == [], "the next one is at a fresh price"


def test_C12_a_doubtful_price_liquidates_nobody(stage: Stage) -> None:
    victim = stage.venue.open_account(VICTIM, 4_000 * DOLLAR)
    stage.settle([stage.buy(victim), stage.sell()], priced=(1,))
    a_source(stage, PRICE_E8)
    low = {1: PRICE_E8 * 955 // 1000, 2: ETHER_E8}
    with refuses(stage.venue.world, "recovery: price is doubtful"):
        liquidate(stage, victim, low)
    stage.venue.world.travel(60)  # the reading has ended: nothing doubts any more
    liquidate(stage, victim, low)
