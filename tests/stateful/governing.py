# SPDX-License-Identifier: Apache-2.0
"""Rules of governance: markets, halts, keys, second sources, the treasury."""

from __future__ import annotations

import functools

from tests.support.twin import encode

from infold.reference.words import Account, Caps, Limits, Rates

from .chain import ATTESTERS, CLOSED_BOOK, MARKETS, PRICERS, STRANGER, WIDE, selector
from .driver import Driver


class Governing(Driver):
    """What governance calls, its bounds left out."""

    def _rates(self, market: int) -> Rates:
        pick = self.random
        im = pick.randrange(20_000, 200_000)
        h_min, h0 = pick.randrange(10, 800), pick.randrange(0, 800)
        return Rates(
            im_e6=im,
            mm_e6=pick.randrange(10_000, im),
            haircut_e6=pick.choice([0, 50_000, 300_000, 10**6]),
            h_min_e6=h_min,
            h0_e6=h0,
            band_e6=pick.choice([h_min + h0, 5_000, 100_000]),
            move_e6=pick.choice([1_000, 20_000, 100_000]),
            move_per_s_e6=pick.randrange(0, 3_000),
            fee_e6=pick.choice([0, 1, 300, 2_500]),
            shift=20 if market == WIDE else pick.choice([25, 32, 33]),
            tier=pick.choice([0, 3, 8, 15]),
            status=1 if pick.random() < 0.9 else 2,
            rate_max_e9=pick.choice([0, 10_000_000, 100_000_000]),
            velocity_e9=pick.choice([0, 10**8, 10**9]),
            rebate=pick.choice([0, 4, 15]),
        )

    def _caps(self, market: int) -> Caps:
        if market == WIDE:
            return Caps(0, 2**62, 2**62, 15, CLOSED_BOOK)
        pick = self.random
        position = self.unit(market) * pick.choice([5, 200, 2_000])
        residual = max(1, position // pick.choice([2, 8]))
        slope = 10**20 // (residual + 2 * position) // pick.choice([1, 10, 100])
        share = pick.choice([0, 4, 15])
        return Caps(slope, residual, position, share, position * pick.choice([2, 50]))

    def set_market(self, market: int, rates: Rates, caps: Caps) -> None:
        """As Governance; its bounds are not asked, so that Clearing meets what they would keep
        out.
        """
        insured = self.random.choice([0, 3, 15])
        words = (market, rates.word, caps.word, insured << 252 | market)
        sender = self.governance if self.random.random() < 0.97 else STRANGER.address
        if self.transitions < 20:
            sender = self.governance
        self.both(
            "set_market",
            "clearing",
            sender,
            selector("set_market(uint256,uint256,uint256,uint256)") + encode((0, 0, 0, 0), words),
            lambda: self.protocol.set_market(*words, sender=sender, now_s=self.now_s),
        )

    def rule_set_market(self) -> None:
        market = self.random.choice(list(MARKETS))
        clock = self.state.parameters(self._clock(market), market, self.now_ms)
        rates = self._rates(market)._replace(shift=clock[0].shift)
        self.set_market(market, rates, self._caps(market))

    def rule_collect_fees(self) -> None:
        market = self.random.choice([*MARKETS, 3, 256])
        self.door("clearing", "collect_fees", (market,), STRANGER.address)

    def rule_spend(self) -> None:
        """As Governance, out of the treasury: into accounts of all kinds, sometimes too much."""
        pick = self.random
        held = Account.of(self.state.accounts.get(3, 0)).collateral_e6
        account = pick.choice([0, 1, 2, 3, 4, 5_000, *self.owners])
        amount = pick.choice([0, 1, held // 2, held, held + 1, 2**255])
        sender = self.governance if pick.random() < 0.9 else STRANGER.address
        self.both(
            "spend",
            "clearing",
            sender,
            selector("spend(uint256,uint256)") + encode((0, 0), (account, amount)),
            lambda: self.protocol.spend(account, amount, sender=sender, now_s=self.now_s),
        )

    def rule_set_halt(self) -> None:
        """As Governance: from the barrier on, now and then a little before it or beyond the field;
        half of the time the halt in force gets another end.
        """
        pick = self.random
        barrier = self.now_ms + 3_000
        start = barrier + pick.choice([-1, 0, 0, 2_000])
        if pick.random() < 0.5:
            start = Limits.of(self.state.scalar("limits")).halted_from_ms
        end = pick.choice([2**48, *[barrier + it for it in (-1, 0, 4_000, 20_000)]])
        sender = self.governance if pick.random() < 0.9 else STRANGER.address
        self.both(
            "set_halt",
            "clearing",
            sender,
            selector("set_halt(uint256,uint256)") + encode((0, 0), (start, end)),
            lambda: self.protocol.set_halt(start, end, sender=sender, now_s=self.now_s),
        )

    def rule_keys(self) -> None:
        pick = self.random
        which = pick.choice(["signer", "threshold", "matcher", "attester", "attester_threshold"])
        if which in ("signer", "attester"):
            key = pick.choice(PRICERS if which == "signer" else ATTESTERS).address
            self.set_keys(which, key, int(pick.random() < 0.7))
        elif which == "matcher":
            self.set_keys(which, pick.choice(self.matchers).address)
        else:
            thresholds = [1, 2, 2, 3, 4] if which == "threshold" else [0, 0, 1, 2]
            self.set_keys(which, pick.choice(thresholds))

    def set_keys(self, which: str, value: int, live: int | None = None) -> None:
        """Who signs prices or seals, or how many of them it takes, as Governance would say it."""
        oracle, seals = self.protocol.oracle.signers, self.protocol.seals
        contract = "oracle" if which in ("signer", "threshold") else "seals"
        keys = oracle if contract == "oracle" else seals.attesters
        if live is not None:
            data = selector(f"set_{which}(address,bool)") + encode((0, 0), (value, live))
            run = functools.partial(keys.set, value, bool(live), now_s=self.now_s)
        elif which == "matcher":
            data = selector("set_matcher(address)") + encode((0,), (value,))
            run = functools.partial(seals.set_matcher, value, now_s=self.now_s)
        else:
            data = selector(f"set_{which}(uint256)") + encode((0,), (value,))
            run = functools.partial(keys.set_threshold, value, now_s=self.now_s)

        def logged() -> None:
            self.state.begin()
            name, arguments = run()
            self.state.log(name, *arguments)

        self.both(f"set_{which}", contract, self.governance, data, logged)

    def rule_source(self) -> None:
        """Another second source, which is the same contract in every market, or none."""
        pick = self.random
        market = pick.choice([1, 1, 2, 37, 191, 192, 0])
        given = (
            market,
            0 if pick.random() < 0.2 else self.chain.number("source"),
            pick.choice([9, 10, 100, 500, 2_000, 2_001]),
            pick.choice([29, 30, 60, 172_800, 172_801]),
            pick.random() < 0.5,
        )
        self.set_source(given, self.governance if pick.random() < 0.9 else STRANGER.address)

    def set_source(self, given: tuple[int, int, int, int, bool], sender: int) -> None:
        """Market, source, bound, age and whether it is strict, as Governance would say them."""
        answer = self.ask(given[0])
        self.both(
            "set_source",
            "oracle",
            sender,
            selector("set_source(uint256,address,uint256,uint256,bool)") + encode((0,) * 5, given),
            lambda: self.protocol.set_source(*given, answer, sender=sender, now_s=self.now_s),
        )

    def rule_refresh(self) -> None:
        self.refresh(self.random.choice([*self.state.readings, *self.state.readings, 1, 200]))

    def refresh(self, market: int) -> None:
        answer = self.ask(market)
        self.both(
            "refresh",
            "oracle",
            STRANGER.address,
            selector("refresh(uint256)") + encode((0,), (market,)),
            lambda: self.protocol.refresh(market, answer, sender=0, now_s=self.now_s),
        )

    def ask(self, market: int) -> tuple[int, int]:
        """Let the second source say a price near the market's, now or before."""
        pick = self.random
        price = self.prices.get(market, 10**8) * pick.choice([9_000, 9_990, 9_999, 10_000, 10_100])
        answer = (
            pick.choice([price // 10_000] * 20 + [0, 2**64]),
            self.now_s - pick.choice([0, 0, 0, 5, 29, 31, -1]),
        )
        refused, _ = self.chain.send(
            "source", STRANGER.address, selector("say(uint256,uint256)") + encode((0, 0), answer)
        )
        assert refused is None
        return answer
