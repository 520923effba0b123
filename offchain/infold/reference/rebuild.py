# SPDX-License-Identifier: Apache-2.0
"""Storage rebuilt from logs alone, as docs/protocol.md §11 promises; no rule of settlement is
known here.
"""

from __future__ import annotations

from .abi import Argument
from .settlement import BACKSTOP_ACCOUNT, backstop_key
from .state import (
    CAPS,
    CLOCK,
    EVENTS,
    INCOMING,
    LEDGER,
    LISTING,
    METER,
    POOL,
    RATES,
    TRANSIT,
    State,
)
from .strikes import moved_e6
from .sums import Sums
from .words import (
    NEVER_MS,
    Clock,
    Fill,
    Head,
    Holding,
    Limits,
    Requests,
    SettledFill,
    SettledHead,
    Strike,
)


class Rebuilt:
    """A state that only events write, with its running totals and the markets an event touched."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.sums = Sums.of(state)
        self.dirty: set[int] = set()

    def fold(self, name: str, arguments: tuple[Argument, ...]) -> None:
        """Apply one event of `Clearing`, `Delegates`, `Pool` or `Oracle`."""
        handler = getattr(self, f"_{name}", None)
        if handler is not None:
            handler(*arguments)

    # -- writing ------------------------------------------------------------

    def _put(self, table: str, key: int, word: int) -> None:
        entries: dict[int, int] = getattr(self.state, table)
        old = entries.get(key, 0)
        if old:
            self.sums.add(table, key, old, -1)
        if word:
            entries[key] = word
            self.sums.add(table, key, word, 1)
        else:
            entries.pop(key, None)
        if table == "positions":
            self.dirty.add((word or old) >> 240)
        elif table == "market_words":
            self.dirty.add(key >> 3)

    def _put_market(self, market: int, place: int, word: int) -> None:
        self._put("market_words", market * 8 + place, word)

    def _flag(self, scalar: str, market: int, present: bool) -> None:
        mask = self.state.scalar(scalar)
        bit = 1 << market
        self._scalar(scalar, mask | bit if present else mask & ~bit)

    def _scalar(self, name: str, word: int) -> None:
        if word:
            self.state.scalars[name] = word
        else:
            self.state.scalars.pop(name, None)

    # -- events, by name --------------------------------------------------------

    def _AccountOpened(self, account: int, owner: int) -> None:
        self._put("accounts", account, owner << 96)
        self._scalar("account_count", account + 1)

    def _CollateralMoved(self, account: int, amount_e6: int, word: int) -> None:
        del amount_e6
        self._put("accounts", account, word)

    def _WithdrawalSet(self, account: int, word: int, withdrawal: int) -> None:
        self._put("accounts", account, word)
        self._put("withdrawals", account, withdrawal)

    def _Cancelled(self, account: int, slot: int, fill: int) -> None:
        self._put("fills", account << 8 | slot, fill)

    def _CancelledAll(self, account: int, word: int, barrier: int) -> None:
        self._put("accounts", account, word)
        self._put("epoch_barriers", account, barrier)

    def _DelegateSet(self, account: int, key: int, delegate: int) -> None:
        self._put("delegates", account << 160 | key, delegate)

    def _ApprovalSet(self, account: int, digest: int, approval: int) -> None:
        self._put("approvals", account << 256 | digest, approval)

    def _fill(self, word: int) -> SettledFill:
        """Write a settled fill; what was cancelled in its slot stays."""
        settled = SettledFill.of(word)
        key = settled.account << 8 | settled.slot
        stored = Fill.of(self.state.fills.get(key, 0))
        fill = stored._replace(prefix=settled.prefix, filled_e8=settled.filled_e8, seq=settled.seq)
        self._put("fills", key, fill.word)
        return settled

    def _Filled(self, fill: int, position: int) -> None:
        settled = self._fill(fill)
        self._put("positions", settled.account << 4 | settled.place, position)

    def _AccountSettled(self, head: int, words: list[int]) -> None:
        account, fills, positions, account_follows = SettledHead.of(head)
        places = {self._fill(word).place for word in words[:fills]}
        for place, word in zip(sorted(places), words[fills : fills + positions], strict=True):
            self._put("positions", account << 4 | place, word)
        if account_follows:
            self._put("accounts", account, words[fills + positions])

    def _MarketSettled(
        self, market: int, price_e8: int, clock: int, pool: int, meter: int, ledger: int
    ) -> None:
        del price_e8
        for place, word in ((CLOCK, clock), (POOL, pool), (METER, meter), (LEDGER, ledger)):
            self._put_market(market, place, word)
        self._put_market(market, INCOMING, 0)
        self._flag("pool_markets", market, Holding.of(pool).base_e8 != 0)

    def _BackstopSettled(self, market: int, position: int) -> None:
        self._put("positions", backstop_key(market), position)
        self._flag("backstop_markets", market, position != 0)

    def _PoolStruck(self, epoch: int, strike: int, capital_e6: int) -> None:
        self._put("strikes", epoch, strike)
        limits = Limits.of(self.state.scalar("limits"))
        requests = Requests.of(self.state.lp_requests.get(epoch, 0))
        struck = limits.struck_e6 + moved_e6(Strike.of(strike), requests)
        self._scalar("limits", limits._replace(capital_e6=capital_e6, struck_e6=struck).word)

    def _FeesCollected(self, market: int, ledger: int) -> None:
        self._put_market(market, LEDGER, ledger)

    def _HaltSet(self, limits: int) -> None:
        self._scalar("limits", limits)

    def _BatchSettled(self, number: int, head: int, contents: int, accepted_root: int) -> None:
        del number, contents, accepted_root
        self._scalar("head", head)

    def _Applied(self, account: int, place: int, position: int, *words: int) -> None:
        key = (account << 4) + place
        market = (position or self.state.positions.get(key, 0)) >> 240
        self._put("positions", key, position)
        places = (CLOCK, METER, LEDGER, INCOMING, TRANSIT, EVENTS)
        for at, word in zip(places, words, strict=True):
            self._put_market(market, at, word)
        if not position and account == BACKSTOP_ACCOUNT:
            self._flag("backstop_markets", market, False)
        elif not position:
            word = self.state.accounts.get(account, 0) & ~(1 << 16 + place)
            self._put("accounts", account, word)
        if words[0] & 1:
            self._flag("pool_markets", market, True)

    def _Liquidated(self, account: int, time_ms: int, place: int, size_e8: int) -> None:
        del place, size_e8
        self._put("liquidated_ms", account, time_ms)

    def _Deleveraged(self, account: int, place: int, market: int, number: int, owed: int) -> None:
        del account, place
        if number:
            self._put("deleveragings", market << 24 | number, owed)

    def _WoundDown(self, until_ms: int) -> None:
        del until_ms
        head = Head.of(self.state.scalar("head"))
        self._scalar("head", head._replace(time_ms=NEVER_MS).word)

    def _ExitSet(self, account: int, place: int, exit_word: int) -> None:
        self._put("exits", account << 4 | place, exit_word)

    def _MarketSet(self, market: int, clock: int, rates: int, caps: int, listing: int) -> None:
        self._put_market(market, CLOCK, clock)
        first = market * 8 + Clock.of(clock).version * 4
        for place, word in ((RATES, rates), (CAPS, caps), (LISTING, listing)):
            self._put("parameter_words", first + place, word)

    def _SourceSet(self, market: int, source: int) -> None:
        self._put("sources", market, source)

    def _SourceRead(self, market: int, readings: int) -> None:
        self._put("readings", market, readings)

    def _LiquidityRequested(self, epoch: int, requests: int) -> None:
        self._put("lp_requests", epoch, requests)

    def _DepositRequest(
        self, controller: int, owner: int, epoch: int, sender: int, assets_e6: int
    ) -> None:
        del owner, sender
        self._add_request(controller, epoch, Requests(assets_e6, 0))

    def _RedeemRequest(
        self, controller: int, owner: int, epoch: int, sender: int, shares: int
    ) -> None:
        del owner, sender
        self._add_request(controller, epoch, Requests(0, shares))

    def _add_request(self, controller: int, epoch: int, more: Requests) -> None:
        key = controller << 32 | epoch
        before = Requests.of(self.state.holder_requests.get(key, 0))
        after = Requests(before.deposits_e6 + more.deposits_e6, before.redeems + more.redeems)
        self._put("holder_requests", key, after.word)

    def _Claimed(self, controller: int, place: int, claimed: int) -> None:
        self._put("claims", controller << 33 | place, claimed)

    def _OperatorSet(self, controller: int, operator: int, approved: int) -> None:
        self._put("operators", controller << 160 | operator, approved)

    def _Transfer(self, sender: int, receiver: int, shares: int) -> None:
        """Minting comes from the zero address, burning goes to it."""
        for holder, change in ((sender, -shares), (receiver, shares)):
            if holder:
                self._put("shares", holder, self.state.shares.get(holder, 0) + change)
