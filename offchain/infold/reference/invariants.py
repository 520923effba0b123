# SPDX-License-Identifier: Apache-2.0
"""The invariants by id, judged from storage, logs and calldata (docs/invariants.md). Nothing of an
engine is asked.

Each function looks at one batch, or at one state, and returns a `Finding`; findings add up over a
history.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from .arithmetic import DAY_MS, QUOTE_SCALE, WINDOW_MS, trunc_div
from .digests import Record
from .facts import BatchFacts, Filled, MarketFacts
from .faults import Fault
from .groups import Outcome
from .history import Event
from .margin import Mark, Standing, credit, funded_index, initial_margin, standing
from .settlement import (
    EARLY_MS,
    INSURANCE_ACCOUNT,
    POOL_ACCOUNT,
    capacity_of,
    group_bounds,
    locked_e6,
    pool_value,
    settle_group_alone,
    shares_after,
)
from .signers import Oracle
from .sources import doubtful
from .state import CLOCK, POOL, State
from .strikes import moved_e6, strike_of
from .sums import Sums
from .words import (
    Account,
    Caps,
    Clock,
    Fill,
    Head,
    Holding,
    Limits,
    Position,
    Rates,
    Requests,
    SettledFill,
    Strike,
    Withdrawal,
    to_signed,
)

_DETAILS_MAX = 20


class Finding(NamedTuple):
    """Whether an invariant held, how often it was put to the test, and what went wrong first."""

    held: bool
    checked: int
    detail: tuple[str, ...] = ()

    def __add__(self, other: object) -> Finding:
        if not isinstance(other, Finding):
            return NotImplemented
        detail = (self.detail + other.detail)[:_DETAILS_MAX]
        return Finding(self.held and other.held, self.checked + other.checked, detail)


def finding(checked: int, broken: Iterable[str]) -> Finding:
    """A finding that held if nothing broke."""
    detail = tuple(broken)[:_DETAILS_MAX]
    return Finding(not detail, checked, detail)


# -- order and sums --------------------------------------------------------------


def invariant_C1_batches_in_order(before: Head, after: Head) -> Finding:
    """Batch numbers rise by exactly one, batch times strictly."""
    broken = []
    if after.number != before.number + 1:
        broken.append(f"batch {after.number} follows batch {before.number}")
    if after.time_ms <= before.time_ms:
        broken.append(f"batch {after.number}: time {after.time_ms} is not above {before.time_ms}")
    return finding(1, broken)


def invariant_C2_bases_sum_to_zero(sums: Sums, markets: Iterable[int]) -> Finding:
    """Per market, base over all accounts, pool and backstop is zero."""
    looked_at = list(markets)
    return finding(
        len(looked_at),
        (f"market {it}: base {sums.base_e8[it]}" for it in looked_at if sums.base_e8[it]),
    )


def invariant_C3_quotes_sum_to_zero(sums: Sums, markets: Iterable[int]) -> Finding:
    """Per market, quote, realised, fees and funding pot sum to zero (dust is the pool's quote)."""
    looked_at = list(markets)
    totals = {it: sums.market_total_e6(it) for it in looked_at}
    return finding(len(looked_at), (f"market {it}: {t}" for it, t in totals.items() if t))


def invariant_C4_cash_is_in_the_vault(
    sums: Sums, lp_held_e6: int, accounted_e6: int, balance_e6: int | None
) -> Finding:
    """Cash, quotes, fees, pots and what share requests wait for equal the vault's accounted tokens.

    `balance_e6` is the token balance where it was read: never below what is accounted.
    """
    owed = sums.owed_e6() + lp_held_e6
    broken = []
    if owed != accounted_e6:
        broken.append(f"owed {owed}, accounted {accounted_e6}")
    if balance_e6 is not None and balance_e6 < accounted_e6:
        broken.append(f"balance {balance_e6} below accounted {accounted_e6}")
    return finding(1, broken)


def invariant_C4_promises_are_in_the_vault(promised_e6: int, accounted_e6: int) -> Finding:
    """Of a venue that is wound down: what is unpaid, set aside for the pool's holders and held for
    their requests is what the vault accounts for.
    """
    broken = f"promised {promised_e6}, accounted {accounted_e6}"
    return finding(1, [broken] if promised_e6 != accounted_e6 else [])


# -- fills ------------------------------------------------------------------------


@dataclass(slots=True)
class SignedFills:
    """How much of each order hash filled over all batches."""

    filled_e8: dict[bytes, int] = field(default_factory=lambda: defaultdict(int))


def invariant_C5_fills_stay_within_orders(
    facts: BatchFacts, before: State, fills: SignedFills
) -> Finding:
    """No fill beyond signed size, limit, fee, expiry, epoch or slot; none behind a cancel's
    barrier.
    """
    prices = {it.market: it for it in facts.markets}
    broken: list[str] = []
    for filled in facts.filled:
        record = filled.record
        fills.filled_e8[filled.hash] += record.fill_e8
        wrong = _terms_broken(facts, before, filled, prices[record.market])
        total = fills.filled_e8[filled.hash]
        if total > record.size_e8:
            wrong.append(f"filled {total} of {record.size_e8}")
        stored = Fill.of(before.fills.get(record.account << 8 | record.slot, 0))
        wrong += _slot_broken(facts, filled, stored, total)
        name = f"batch {facts.head.number} account {record.account} slot {record.slot}"
        broken += [f"{name}: {what}" for what in wrong]
    return finding(len(facts.filled), broken)


def _terms_broken(
    facts: BatchFacts, before: State, filled: Filled, market: MarketFacts
) -> list[str]:
    """Limit, fee, times, epoch, signature and flags of one fill."""
    record = filled.record
    time_ms = facts.head.time_ms
    price, oracle = market.price_e8, market.oracle_price_e8
    rates, _ = before.parameters(market.clock_before, market.market, time_ms)
    account = Account.of(before.accounts.get(record.account, 0))
    tests = {
        "limit": price <= record.limit_e8 if record.buy else price >= record.limit_e8,
        "fee": rates.fee_e6 <= record.max_fee_e6,
        "expiry": time_ms <= record.expiry_ms,
        "good after": time_ms >= record.good_after_ms,
        "epoch": record.epoch == account.epoch
        or (
            record.epoch + 1 == account.epoch
            and time_ms <= before.epoch_barriers.get(record.account, 0)
        ),
        "post-only": not record.post_only or (price <= oracle if record.buy else price >= oracle),
        "trigger": record.trigger_kind == 0
        or (
            oracle >= record.trigger_e8 if record.trigger_kind == 1 else oracle <= record.trigger_e8
        ),
        "signature": _signed(facts, before, filled, account.owner),
        "fill or kill": record.time_in_force != 2 or record.fill_e8 == record.size_e8,
    }
    return [f"beyond its {name}" for name, good in tests.items() if not good]


def _signed(facts: BatchFacts, before: State, filled: Filled, owner: int) -> bool:
    record = filled.record
    if record.approved:
        digest = int.from_bytes(filled.hash, "big")
        return bool(before.approvals.get(record.account << 256 | digest, 0))
    signer = facts.signer_of(filled.ordinal)
    if not record.delegated:
        return signer == owner
    return bool(before.delegates.get(record.account << 160 | (signer or 0), 0))


def _slot_broken(facts: BatchFacts, filled: Filled, stored: Fill, total_e8: int) -> list[str]:
    """Slot order and cancels of one fill."""
    record = filled.record
    broken = []
    if record.seq < stored.seq:
        broken.append("an older order of its slot")
    if filled.logged.filled_e8 != total_e8 or filled.logged.seq != record.seq:
        broken.append(f"logged {filled.logged.filled_e8}, its orders filled {total_e8}")
    if record.time_in_force == 1 and total_e8 != record.fill_e8:
        broken.append("an immediate-or-cancel order filled twice")
    if record.seq <= stored.cancel_seq:
        if facts.head.time_ms > stored.cancel_time_ms:
            broken.append("behind its cancel's barrier")
        if facts.now_ms > stored.cancel_time_ms + WINDOW_MS:
            broken.append("landed a window after its cancel's barrier")
    return broken


# -- prices and the pool -------------------------------------------------------------


def invariant_C6_one_price_near_the_oracle(facts: BatchFacts, before: State) -> Finding:
    """One price per market and batch, no further from the oracle than band and curve."""
    broken = []
    numbers = [it.market for it in facts.markets]
    if len(set(numbers)) != len(numbers):
        broken.append(f"batch {facts.head.number}: a market settled twice")
    for it in facts.markets:
        rates, caps = before.parameters(it.clock_before, it.market, facts.head.time_ms)
        gap = abs(it.price_e8 - it.oracle_price_e8)
        residual = it.residual_e8
        side = (residual > 0) - (residual < 0)
        lean = max(0, side * (residual - 2 * it.pool_before.base_e8))
        reach = rates.h0_e6 * 10**14
        if residual:
            reach += rates.h_min_e6 * 10**14 + caps.slope_e20 * lean // 2
        bound = min(rates.band_e6 * 10**14, reach)
        if gap * 10**20 > it.oracle_price_e8 * bound:
            broken.append(f"batch {facts.head.number} market {it.market}: price beyond its bound")
    return finding(len(facts.markets), broken)


@dataclass(slots=True)
class LossRecord:
    """What trading took from the pool: the worst net loss over any stretch of up to a day, and the
    bound on it.
    """

    worst_day_e6: int = 0
    bound_e6: int = 0
    _total_e6: int = 0
    # (time, total loss before it), totals rising: the window's least total is at the front.
    _window: deque[tuple[int, int]] = field(default_factory=deque)

    def add(self, time_ms: int, loss_e6: int) -> None:
        """Count one batch's loss (a gain is negative)."""
        while self._window and self._window[-1][1] >= self._total_e6:
            self._window.pop()
        self._window.append((time_ms, self._total_e6))
        while self._window[0][0] < time_ms - DAY_MS:
            self._window.popleft()
        self._total_e6 += loss_e6
        self.worst_day_e6 = max(self.worst_day_e6, self._total_e6 - self._window[0][1])


def daily_loss_bound(capital_e6: int, slack_e6: int) -> int:
    """What trading can take from a pool in a day: capacity and daily leak over 0.88, and one
    residual cap times one move.
    """
    return 2 * capacity_of(capital_e6) * 100 // 88 + slack_e6


def invariant_C7_pool_trades_on_its_side(
    facts: BatchFacts, before: State, losses: LossRecord
) -> Finding:
    """The pool trades at least h_min on its own side of the oracle; residual, position and loss
    stay capped.
    """
    capital = Limits.of(before.scalar("limits")).capital_e6
    broken = []
    loss_e6 = slack_e6 = 0
    for it in facts.markets:
        rates, caps = before.parameters(it.clock_before, it.market, facts.head.time_ms)
        wrong = _pool_broken(it, rates, caps)
        base, residual = it.pool_before.base_e8, it.residual_e8
        grew = abs(base - residual) > abs(base) or (base - residual) * base < 0
        if residual and grew and it.meter.bucket_e6 >= capacity_of(capital) // 4:
            wrong.append("the pool grew while its meter was full")
        name = f"batch {facts.head.number} market {it.market}"
        broken += [f"{name}: {what}" for what in wrong]
        last = it.clock_before.price_e8
        move = it.oracle_price_e8 - last if last else 0
        gap = it.oracle_price_e8 - it.price_e8
        loss_e6 += trunc_div(it.meter_before.recent_e8 * move + residual * gap, QUOTE_SCALE)
        slack_e6 += caps.residual_cap_e8 * it.oracle_price_e8 * rates.move_e6 // 10**16
    losses.add(facts.head.time_ms, loss_e6)
    losses.bound_e6 = max(losses.bound_e6, daily_loss_bound(capital, slack_e6))
    if losses.worst_day_e6 > losses.bound_e6:
        broken.append(
            f"batch {facts.head.number}: the pool lost {losses.worst_day_e6} within a day, "
            f"bound {losses.bound_e6}"
        )
    return finding(len(facts.markets), broken)


def _pool_broken(market: MarketFacts, rates: Rates, caps: Caps) -> list[str]:
    residual, base = market.residual_e8, market.pool_before.base_e8
    oracle = market.oracle_price_e8
    side = (residual > 0) - (residual < 0)
    broken = []
    if residual != market.planned_residual_e8:
        broken.append(f"the pool sold {residual}, its records {market.planned_residual_e8}")
    lean = side * (market.price_e8 - oracle)
    earned_e6 = market.meter_before.earned_e6
    if residual and lean * 10**6 < oracle * rates.h_min_e6:
        shrank = 0 < side * residual <= side * base
        if not rates.rebate or not shrank:
            broken.append("the pool traded below h_min")
        elif -lean * 10**6 > oracle * rates.h_min_e6:
            broken.append("a rebate above h_min")
        elif -lean * abs(residual) * 16 > earned_e6 * rates.rebate * QUOTE_SCALE:
            broken.append("a rebate that was not earned")
    spread_e6 = abs(residual) * lean // QUOTE_SCALE
    if market.meter.earned_e6 != min(max(0, earned_e6 + spread_e6), 2**64 - 1):
        broken.append("what the spread earned does not add up")
    if abs(residual) > caps.residual_cap_e8:
        broken.append("residual above its cap")
    if abs(base - residual) > max(caps.position_cap_e8, abs(base)):
        broken.append("the pool's position above its cap")
    return broken


# -- margin ----------------------------------------------------------------------------


def invariant_C8_margin_or_less_risk(facts: BatchFacts, before: State, after: State) -> Finding:
    """An account that filled has initial margin, or its risk fell by the stated test; its fills
    stand or fall together.
    """
    marks: dict[int, Mark | None] = {}
    broken = []
    for account in facts.settled:
        name = f"batch {facts.head.number} account {account}"
        if not _margin_holds(facts, before, after, account, marks):
            broken.append(f"{name}: neither margin nor less risk")
    whole_group = {21, 22}
    for (account, slot), reason in facts.skipped.items():
        if reason in whole_group and account in facts.settled:
            broken.append(
                f"batch {facts.head.number} account {account}: slot {slot} fell, others stand"
            )
    return finding(len(facts.settled), broken)


def _mark(facts: BatchFacts, before: State, market: int) -> Mark | None:
    price = facts.prepared.vector.prices_e8.get(market, 0)
    if not price:
        return None
    clock = Clock.of(before.market_word(market, CLOCK))
    rates, _ = before.parameters(clock, market, facts.head.time_ms)
    return Mark(market, price, funded_index(clock, rates, price, facts.head.time_ms), rates)


def _open_positions(state: State, account: int) -> dict[int, Position]:
    mask = Account.of(state.accounts.get(account, 0)).mask
    return {
        place: Position.of(state.positions.get(account << 4 | place, 0))
        for place in range(16)
        if mask >> place & 1
    }


def _margin_holds(
    facts: BatchFacts, before: State, after: State, account: int, marks: dict[int, Mark | None]
) -> bool:
    held = _open_positions(before, account)
    holds = _open_positions(after, account)

    def judged(state: State, positions: dict[int, Position]) -> Standing | None:
        marked = []
        for position in positions.values():
            if position.market not in marks:
                marks[position.market] = _mark(facts, before, position.market)
            mark = marks[position.market]
            if mark is None:
                return None
            marked.append((position, mark))
        return standing(Account.of(state.accounts.get(account, 0)).collateral_e6, marked)

    now = judged(after, holds)
    if now is None:
        return False
    withdrawal = Withdrawal.of(before.withdrawals.get(account, 0))
    counted = withdrawal.amount_e6 if facts.head.time_ms <= withdrawal.barrier_ms else 0
    if now.haircut_equity_e6 + counted >= now.im_e6:
        return True
    for place in held.keys() | holds.keys():
        was = held[place].base_e8 if place in held else 0
        now_base = holds[place].base_e8 if place in holds else 0
        if abs(now_base) > abs(was) or now_base * was < 0:
            return False
    prior = judged(before, held)
    if prior is None:
        return False
    equity = now.equity_e6 + withdrawal.amount_e6
    equity_before = prior.equity_e6 + withdrawal.amount_e6
    return equity >= 0 and equity * prior.mm_e6 >= equity_before * now.mm_e6


# -- oracle -----------------------------------------------------------------------------


@dataclass(slots=True)
class Roots:
    """The one root of each vector time."""

    by_time: dict[int, bytes] = field(default_factory=dict)


def invariant_C9_prices_are_signed(
    facts: BatchFacts, before: State, oracle: Oracle, roots: Roots
) -> Finding:
    """One root a time, k distinct signers in service, age and move bounded, no zero price; where a
    second source doubts a price, positions only shrink.
    """
    vector = facts.prepared.vector
    time_ms = vector.time_ms
    doubted = doubtful(before, vector.prices_e8, time_ms)
    broken = []
    signers = facts_signers(facts, oracle)
    if len(set(signers)) != len(facts.call.signatures) or None in signers:
        broken.append("a signature is repeated or recovers nobody")
    if len(set(signers)) < max(1, oracle.signers.threshold.at(time_ms)):
        broken.append(f"{len(set(signers))} signers")
    if not all(signer and oracle.signers.serves(signer, time_ms) for signer in signers):
        broken.append("a signer is not in service")
    if not facts.now_ms - WINDOW_MS <= time_ms <= facts.now_ms + EARLY_MS:
        broken.append(f"vector time {time_ms} in a block at {facts.now_ms}")
    if roots.by_time.setdefault(time_ms, vector.root) != vector.root:
        broken.append(f"a second root for time {time_ms}")
    for it in facts.markets:
        if not it.oracle_price_e8 or not it.price_e8 or it.clock.price_e8 != it.oracle_price_e8:
            broken.append(f"market {it.market}: price {it.price_e8} at {it.oracle_price_e8}")
        if _moved_too_far(facts, before, it) and _opens(facts, before, it.market):
            broken.append(f"market {it.market}: a position grew past the move bound")
        if it.market in doubted and _opens(facts, before, it.market):
            broken.append(f"market {it.market}: a position grew at a doubtful price")
    return finding(1, (f"batch {facts.head.number}: {what}" for what in broken))


def facts_signers(facts: BatchFacts, oracle: Oracle) -> list[int | None]:
    """Who signed the batch's price vector."""
    vector = facts.prepared.vector
    return oracle.who_signed(vector.time_ms, vector.chunks, vector.root, facts.call.signatures)


def _moved_too_far(facts: BatchFacts, before: State, market: MarketFacts) -> bool:
    clock = market.clock_before
    if not clock.price_e8:
        return False
    rates, _ = before.parameters(clock, market.market, facts.head.time_ms)
    elapsed_s = (facts.head.time_ms - clock.time_ms) // 1000
    bound = clock.price_e8 * (rates.move_e6 + rates.move_per_s_e6 * elapsed_s)
    return abs(market.oracle_price_e8 - clock.price_e8) * 10**6 > bound


def _opens(facts: BatchFacts, before: State, market: int) -> bool:
    """Whether some fill of the batch, in record order, failed to shrink its running position in
    the market.
    """
    running: dict[int, int] = {}
    for filled in facts.filled:
        record: Record = filled.record
        if record.market != market:
            continue
        key = record.account << 4 | record.place
        base = running.get(key)
        if base is None:
            base = Position.of(before.positions.get(key, 0)).base_e8
        running[key] = base + (record.fill_e8 if record.buy else -record.fill_e8)
        if abs(running[key]) >= abs(base) or running[key] * base < 0:
            return True
    return False


# -- bankruptcy ----------------------------------------------------------------------------


def invariant_C10_debts_are_covered(events: Sequence[Event], after: State) -> Finding:
    """An account that lost its last position owes nothing: what it owed, insurance and pool paid,
    to the unit, and insurance never more than it had.
    """
    moved: dict[int, int] = defaultdict(int)
    broken = []
    checked = 0
    for event in events:
        if event.name == "CollateralMoved":
            moved[_word(event, 0)] += to_signed(_word(event, 1), 256)
        elif event.name == "Applied":
            checked += 1
            account = _word(event, 0)
            word = Account.of(after.accounts.get(account, 0))
            if not word.mask and word.collateral_e6 < 0:
                broken.append(f"account {account} holds nothing and owes {-word.collateral_e6}")
    covered = [event for event in events if event.name == "Covered"]
    due = sum(_word(event, 2) for event in covered)
    if covered and moved[POOL_ACCOUNT] != -due:
        broken.append(f"the pool paid {-moved[POOL_ACCOUNT]} of debts of {due}")
    if covered and Account.of(after.accounts.get(INSURANCE_ACCOUNT, 0)).collateral_e6 < 0:
        broken.append("insurance paid more than it had")
    return finding(checked, broken)


def _word(event: Event, at: int) -> int:
    argument = event.arguments[at]
    assert isinstance(argument, int)
    return argument


# -- the pool's shares ---------------------------------------------------------------------


@dataclass(slots=True)
class ShareValue:
    """The pool's value since its last strike, explained piece by piece; each piece is an exact
    integer.
    """

    value_e6: int = 0
    spread_e6: int = 0
    funding_e6: int = 0
    inventory_e6: int = 0
    incoming_e6: int = 0
    covered_e6: int = 0

    def add(self, market: MarketFacts, shift: int) -> None:
        """One market's batch: inventory marked to the new price, funding, the plan at its spread,
        what came in.
        """
        oracle, last = market.oracle_price_e8, market.clock_before.price_e8
        held = market.pool_before.base_e8
        left = held - market.residual_e8
        self.inventory_e6 += held * oracle // QUOTE_SCALE - held * last // QUOTE_SCALE
        self.funding_e6 += credit(
            held + market.incoming.base_e8,
            market.clock.funding_index - market.clock_before.funding_index,
            shift,
        )
        self.spread_e6 += (
            left * oracle // QUOTE_SCALE - held * oracle // QUOTE_SCALE - market.plan_quote_e6
        )
        self.incoming_e6 += (
            (left + market.incoming.base_e8) * oracle // QUOTE_SCALE
            - left * oracle // QUOTE_SCALE
            + market.incoming.quote_e6
        )

    def begin(self, value_e6: int) -> None:
        """Start anew from the value a strike left."""
        self.value_e6 = value_e6
        self.spread_e6 = self.funding_e6 = self.inventory_e6 = self.incoming_e6 = 0
        self.covered_e6 = 0

    def cover(self, events: Iterable[Event]) -> None:
        """Debts of bankrupt accounts that insurance could not pay: a recorded loss of the pool."""
        for event in events:
            if event.name == "Covered":
                self.covered_e6 += _word(event, 2)

    @property
    def explained_e6(self) -> int:
        """The value that spread, funding, inventory, liquidations and covered debts explain."""
        parts = self.spread_e6 + self.funding_e6 + self.inventory_e6 + self.incoming_e6
        return self.value_e6 + parts - self.covered_e6


def invariant_C11_share_price_is_explained(
    facts: BatchFacts, before: State, shares: ShareValue
) -> Finding:
    """Between strikes the pool's value moves by spread, funding, inventory, liquidations and the
    debts it covered, exactly.
    """
    for it in facts.markets:
        rates, _ = before.parameters(it.clock_before, it.market, facts.head.time_ms)
        shares.add(it, rates.shift)
    checked = 0
    broken = []
    for event in facts.events:
        if event.name != "PoolStruck":
            continue
        epoch, strike_word, capital = event.arguments
        assert isinstance(epoch, int) and isinstance(strike_word, int)
        assert isinstance(capital, int)
        checked += 1
        explained = shares.explained_e6
        nav = explained + _apart(facts, before)
        broken += _strike_broken(before, epoch, strike_word, capital, nav, _locked(facts, before))
        requests = Requests.of(before.lp_requests.get(epoch, 0))
        shares.begin(explained + moved_e6(Strike.of(strike_word), requests))
    return finding(checked, (f"batch {facts.head.number}: {what}" for what in broken))


def _apart(facts: BatchFacts, before: State) -> int:
    """How a strike's value differs from one that marks every market where it was last settled.

    The dust of a flat pool waits until the pool next closes; a market the batch does not price is
    marked at the vector, funding and incoming counted.
    """
    settled = {it.market: it for it in facts.markets}
    apart = -sum(it.pool.quote_e6 for it in settled.values() if not it.pool.base_e8)
    for market in {key >> 3 for key in before.market_words} - settled.keys():
        base, quote = Holding.of(before.market_word(market, POOL))
        clock = Clock.of(before.market_word(market, CLOCK))
        mark = _mark(facts, before, market)
        if not base and not clock.incoming:
            apart -= quote
        elif mark is not None:
            apart += pool_value(before, mark) - (base * clock.price_e8 // QUOTE_SCALE + quote)
    return apart


def _locked(facts: BatchFacts, before: State) -> int:
    """What open interest locks of the pool's capital, in the markets it holds after the batch."""
    total = 0
    settled = {it.market: it for it in facts.markets}
    for it in settled.values():
        if it.pool.base_e8:
            rates, _ = before.parameters(it.clock_before, it.market, facts.head.time_ms)
            mark = Mark(it.market, it.oracle_price_e8, it.clock.funding_index, rates)
            interest = it.meter.open_interest_e8 + max(0, it.pool.base_e8)
            total += initial_margin(interest, mark)
    for market in {key >> 3 for key in before.market_words} - settled.keys():
        held = before.scalar("pool_markets") >> market & 1
        mark_apart = _mark(facts, before, market)
        if held and mark_apart is not None:
            total += locked_e6(before, mark_apart)
    return total


def _strike_broken(
    before: State, epoch: int, word: int, capital_e6: int, explained_e6: int, locked: int
) -> list[str]:
    """What is wrong with a strike whose pool is worth `explained_e6` and must keep `locked`."""
    strike = Strike.of(word)
    broken = []
    if strike.nav_e6 != max(0, explained_e6):
        broken.append(f"epoch {epoch} struck at {strike.nav_e6}, explained {explained_e6}")
    supply = shares_after(before, epoch)
    if strike.supply != supply:
        broken.append(f"epoch {epoch} struck on {strike.supply} shares, not {supply}")
    if strike.returned != (explained_e6 < 0 or (supply > 0 and not explained_e6)):
        broken.append(f"epoch {epoch} at {explained_e6} with {supply} shares: returned wrongly")
    requests = Requests.of(before.lp_requests.get(epoch, 0))
    paid = strike_of(explained_e6, locked, supply, requests).paid_e6
    if strike.paid_e6 != paid:
        broken.append(f"epoch {epoch} pays {strike.paid_e6} for redemptions, not {paid}")
    capital = max(0, explained_e6) + moved_e6(strike, requests)
    if capital_e6 != capital:
        broken.append(f"epoch {epoch} left {capital_e6} in the pool, not {capital}")
    return broken


# -- independence ------------------------------------------------------------------------------


def invariant_C13_accounts_settle_alone(facts: BatchFacts, before: State) -> Finding:
    """Each account's records, settled as if no other account were in the batch, give what the
    batch gave.
    """
    by_account: dict[int, list[tuple[str, tuple[object, ...]]]] = defaultdict(list)
    for event in facts.events:
        if event.name == "Filled":
            assert isinstance(event.arguments[0], int)
            account = SettledFill.of(event.arguments[0]).account
            by_account[account].append((event.name, event.arguments))
        elif event.name == "AccountSettled":
            assert isinstance(event.arguments[0], int)
            by_account[event.arguments[0] & 0xFFFFFFFF].append((event.name, event.arguments))
        elif event.name == "Skipped":
            assert isinstance(event.arguments[0], int)
            by_account[event.arguments[0]].append((event.name, event.arguments))
    broken = []
    bounds = group_bounds(facts.prepared.records)
    for start, end in bounds:
        account = facts.prepared.records[start].account
        try:
            alone: Outcome = settle_group_alone(
                before, facts.call, facts.prepared, (start, end), facts.signer_of
            )
        except Fault as fault:
            broken.append(f"batch {facts.head.number}: account {account} alone: {fault.reason}")
            continue
        if alone.events != by_account[account]:
            broken.append(f"batch {facts.head.number}: account {account} settles otherwise alone")
    return finding(len(bounds), broken)
