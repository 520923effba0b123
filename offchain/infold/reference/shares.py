# SPDX-License-Identifier: Apache-2.0
"""The doors of `Pool` (docs/protocol.md §8): requests by epoch, and claims of what strikes made of
them. Methods that the standards name like another door are called by what they do.

ERC-20 allowances are the token's own affair: `spenders_allowed` says whether one is taken to be
there when somebody else gives an owner's shares back.
"""

from __future__ import annotations

from collections.abc import Iterator

from .calls import Called, door
from .faults import require
from .strikes import Left, deposit_left, piece, redemption_left, supply_after
from .words import NEVER_MS, Claim, Head, Requests, Strike, Withdrawal

REQUESTED_E6_MAX = 2**62 - 1
OPEN_MAX = 8


class Shares(Called):
    """Liquidity providers' requests, claims and shares."""

    spenders_allowed = False

    # -- requests --------------------------------------------------------------

    @door
    def request_deposit(
        self, assets_e6: int, controller: int, owner: int, *, sender: int, now_s: int
    ) -> int:
        """`requestDeposit`: pay assets in for shares at the epoch's strike; returns the epoch."""
        self._check_manager(owner, sender)
        require(assets_e6 != 0, "pool: amount is zero")
        require(assets_e6 <= REQUESTED_E6_MAX, "pool: amount too large")
        epoch = self._join(controller, Requests(assets_e6, 0), now_s)
        total = Requests.of(self.state.lp_requests[epoch]).deposits_e6
        require(total <= REQUESTED_E6_MAX, "pool: epoch is full")
        self.state.log("DepositRequest", controller, owner, epoch, sender, assets_e6)
        self.take_in(assets_e6, now_s)
        return epoch

    @door
    def request_redeem(
        self, shares: int, controller: int, owner: int, *, sender: int, now_s: int
    ) -> int:
        """`requestRedeem`: give shares back for assets at the epoch's strike; returns the epoch."""
        balance = self._spend(owner, shares, sender)
        epoch = self._join(controller, Requests(0, shares), now_s)
        self.state.put(self.state.shares, owner, balance - shares)
        self.state.log("RedeemRequest", controller, owner, epoch, sender, shares)
        return epoch

    @door
    def set_operator(self, operator: int, approved: int, *, sender: int, now_s: int) -> None:
        """`setOperator`: let another make and claim the caller's requests, or no longer."""
        del now_s
        self.state.put(self.state.operators, sender << 160 | operator, int(bool(approved)))
        self.state.log("OperatorSet", sender, operator, int(bool(approved)))

    # -- claims ----------------------------------------------------------------

    @door
    def claim_deposit(
        self, assets_e6: int, receiver: int, controller: int, *, sender: int, now_s: int
    ) -> int:
        """`deposit`: the shares of that much paid in."""
        del now_s
        return self._claim_shares(assets_e6, False, receiver, controller, sender)[1]

    @door
    def claim_mint(
        self, shares: int, receiver: int, controller: int, *, sender: int, now_s: int
    ) -> int:
        """`mint`: that many shares of what was paid in; returns the assets used up."""
        del now_s
        return self._claim_shares(shares, True, receiver, controller, sender)[0]

    def claim_own_deposit(self, assets_e6: int, receiver: int, *, sender: int, now_s: int) -> int:
        """`deposit` in its shorter form: the caller is the controller."""
        return self.claim_deposit(assets_e6, receiver, sender, sender=sender, now_s=now_s)

    def claim_own_mint(self, shares: int, receiver: int, *, sender: int, now_s: int) -> int:
        """`mint` in its shorter form."""
        return self.claim_mint(shares, receiver, sender, sender=sender, now_s=now_s)

    @door
    def claim_withdraw(
        self, assets_e6: int, receiver: int, controller: int, *, sender: int, now_s: int
    ) -> int:
        """`withdraw`: that much of what redemptions brought; returns the shares used up."""
        return self._claim_assets(assets_e6, False, receiver, controller, sender, now_s)[1]

    @door
    def claim_redeem(
        self, shares: int, receiver: int, controller: int, *, sender: int, now_s: int
    ) -> int:
        """`redeem`: the assets of that many shares given back."""
        return self._claim_assets(shares, True, receiver, controller, sender, now_s)[0]

    @door
    def take_back_deposit(
        self, epoch: int, receiver: int, controller: int, *, sender: int, now_s: int
    ) -> None:
        """`claimCancelDepositRequest`: the assets that a strike returned."""
        assets_e6 = self._take_back(controller, epoch, False, sender)
        self.state.log("CancelDepositClaim", controller, receiver, epoch, sender, assets_e6)
        self.pay_out(receiver, assets_e6, now_s)

    @door
    def take_back_redeem(
        self, epoch: int, receiver: int, controller: int, *, sender: int, now_s: int
    ) -> None:
        """`claimCancelRedeemRequest`: the shares that a strike returned or did not pay for."""
        del now_s
        shares = self._take_back(controller, epoch, True, sender)
        self._mint(receiver, shares)
        self.state.log("CancelRedeemClaim", controller, receiver, epoch, sender, shares)

    @door
    def transfer(self, to: int, shares: int, *, sender: int, now_s: int) -> None:
        """The ERC-20 of the shares."""
        del now_s
        balance = self.state.shares.get(sender, 0)
        require(shares <= balance, "erc20: transfer amount exceeds balance")
        self.state.put(self.state.shares, sender, balance - shares)
        self._mint(to, shares)

    @door
    def leave(self, shares: int, receiver: int, owner: int, *, sender: int, now_s: int) -> int:
        """`leave`: shares for their part of what a wind-down left the pool; returns the assets."""
        balance = self._spend(owner, shares, sender)
        word = self.state.withdrawals.get(0, 0)
        require(word != 0, "pool: not wound down")
        epoch = Head.of(self.state.scalar("head")).epoch - 1
        last = Strike.of(self.state.strikes.get(epoch, 0))
        supply = supply_after(last, Requests.of(self.state.lp_requests.get(epoch, 0)))
        assets_e6 = shares * Withdrawal.of(word).amount_e6 // supply
        self.state.put(self.state.shares, owner, balance - shares)
        self.state.log("Withdraw", sender, receiver, owner, assets_e6, shares)
        if assets_e6:
            self.pay_out(receiver, assets_e6, now_s)
        return assets_e6

    # -- reading -----------------------------------------------------------------

    def left(self, controller: int, epoch: int, *, redeems: bool) -> Left:
        """What a request of a struck epoch still gives; nothing before the strike."""
        state = self.state
        asked = Requests.of(state.holder_requests.get(controller << 32 | epoch, 0))
        head = Head.of(state.scalar("head"))
        strike = Strike.of(state.strikes.get(epoch, 0))
        if epoch >= head.epoch:
            if head.time_ms != NEVER_MS:
                return Left(0, 0, 0)
            strike = Strike(True, 0, 0, 0)  # of a stopped venue: all that waits is given back
        if redeems:
            all_redeems = Requests.of(state.lp_requests.get(epoch, 0)).redeems
            gives = redemption_left(asked.redeems, all_redeems, strike)
        else:
            gives = deposit_left(asked.deposits_e6, strike)
        claimed = Claim.of(state.claims.get(controller << 33 | epoch << 1 | redeems, 0))
        return Left(
            gives.assets_e6 - claimed.assets_e6,
            gives.shares - claimed.shares,
            0 if claimed.returned else gives.back,
        )

    # -- parts -------------------------------------------------------------------

    def _is_operator(self, controller: int, sender: int) -> bool:
        return bool(self.state.operators.get(controller << 160 | sender, 0))

    def _spend(self, owner: int, shares: int, sender: int) -> int:
        """Admit the sender to an owner's shares; returns how many there are."""
        trusted = sender == owner or self._is_operator(owner, sender) or self.spenders_allowed
        require(trusted or not shares, "erc20: insufficient allowance")
        require(shares != 0, "pool: amount is zero")
        balance = self.state.shares.get(owner, 0)
        require(shares <= balance, "pool: not enough shares")
        return balance

    def _check_manager(self, controller: int, sender: int) -> None:
        allowed = sender == controller or self._is_operator(controller, sender)
        require(allowed, "pool: not the owner or an operator")

    def _open(self, controller: int, redeems: bool) -> Iterator[int]:
        """Epochs in which a controller has asked for something and not claimed all of it."""
        head = Head.of(self.state.scalar("head"))
        struck = head.epoch if head.time_ms != NEVER_MS else 2**32
        mine = [key for key in self.state.holder_requests if key >> 32 == controller]
        for key in sorted(mine):
            epoch = key & 0xFFFFFFFF
            if not Requests.of(self.state.holder_requests[key])[redeems]:
                continue
            if epoch >= struck or any(self.left(controller, epoch, redeems=redeems)[:2]):
                yield epoch

    def _join(self, controller: int, asked: Requests, now_s: int) -> int:
        """Add to a request of the epoch this block joins: the running one until its end, then the
        next.
        """
        state = self.state
        require(controller != 0, "pool: controller is zero")
        head = Head.of(state.scalar("head"))
        require(head.time_ms != NEVER_MS, "pool: wound down")
        epoch = head.epoch if now_s * 1000 < head.epoch_end_ms else head.epoch + 1
        redeems = bool(asked.redeems)
        place = controller << 32 | epoch
        if not Requests.of(state.holder_requests.get(place, 0))[redeems]:
            room = len(list(self._open(controller, redeems))) < OPEN_MAX
            require(room, "pool: claim older requests first")
        for table, key in ((state.lp_requests, epoch), (state.holder_requests, place)):
            before = Requests.of(table.get(key, 0))
            word = Requests(before.deposits_e6 + asked.deposits_e6, before.redeems + asked.redeems)
            state.put(table, key, word.word)
        state.log("LiquidityRequested", epoch, state.lp_requests[epoch])
        return epoch

    def _claim(
        self, controller: int, redeems: bool, amount: int, by_shares: bool, sender: int
    ) -> tuple[int, int]:
        """An amount out of what a controller may claim, the oldest first: (assets, shares)."""
        self._check_manager(controller, sender)
        require(amount != 0, "pool: amount is zero")
        assets_e6 = shares = 0
        rest = amount
        for epoch in list(self._open(controller, redeems)):
            left = self.left(controller, epoch, redeems=redeems)
            taken = piece(left, rest, by_shares=by_shares, redeems=redeems)
            if taken == (0, 0):
                continue
            rest -= taken[by_shares]
            assets_e6 += taken[0]
            shares += taken[1]
            self._note(controller, epoch, redeems, Claim(False, *taken))
        require(not rest, "pool: more than claimable")
        return assets_e6, shares

    def _claim_shares(
        self, amount: int, by_shares: bool, receiver: int, controller: int, sender: int
    ) -> tuple[int, int]:
        assets_e6, shares = self._claim(controller, False, amount, by_shares, sender)
        self._mint(receiver, shares)
        self.state.log("Deposit", controller, receiver, assets_e6, shares)
        return assets_e6, shares

    def _claim_assets(
        self,
        amount: int,
        by_shares: bool,
        receiver: int,
        controller: int,
        sender: int,
        now_s: int,
    ) -> tuple[int, int]:
        assets_e6, shares = self._claim(controller, True, amount, by_shares, sender)
        self.state.log("Withdraw", sender, receiver, controller, assets_e6, shares)
        if assets_e6:
            self.pay_out(receiver, assets_e6, now_s)
        return assets_e6, shares

    def _take_back(self, controller: int, epoch: int, redeems: bool, sender: int) -> int:
        self._check_manager(controller, sender)
        amount = self.left(controller, epoch, redeems=redeems).back
        require(amount != 0, "pool: nothing to take back")
        self._note(controller, epoch, redeems, Claim(True, 0, 0))
        return amount

    def _note(self, controller: int, epoch: int, redeems: bool, more: Claim) -> None:
        place = epoch << 1 | redeems
        key = controller << 33 | place
        before = Claim.of(self.state.claims.get(key, 0))
        after = Claim(
            before.returned or more.returned,
            before.assets_e6 + more.assets_e6,
            before.shares + more.shares,
        )
        self.state.put(self.state.claims, key, after.word)
        self.state.log("Claimed", controller, place, after.word)

    def _mint(self, receiver: int, shares: int) -> None:
        balance = self.state.shares.get(receiver, 0)
        self.state.put(self.state.shares, receiver, balance + shares)
