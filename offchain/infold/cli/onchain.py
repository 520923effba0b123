# SPDX-License-Identifier: Apache-2.0
"""What a key does at a venue's contracts: one transaction each, waited for, refusals by the
contract's own words.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from infold.cli.advice import advice
from infold.cli.moments import until
from infold.cli.options import DEVNET_CHAIN_ID
from infold.errors import Misconfigured, Unavailable, Undecided
from infold.signing import checksum_address
from infold.units import AMOUNT_DECIMALS, format_decimal

if TYPE_CHECKING:
    from infold.sdk.wallet import Wallet
    from infold.shell.chain import Log, Receipt, Reverted, Venue

RECEIPT_DEADLINE_S = 60.0
POLL_S = 0.1
GAS_WEI = 10**18  # an ether: thousands of transactions, of a token that is worth nothing there
PERMIT_S = 600  # long enough for a transaction that waits, short enough to be forgotten


class Party:
    """Who calls a venue's contracts: one key at one venue."""

    def __init__(self, venue: Venue, wallet: Wallet) -> None:
        from infold.shell.chain import Sender

        self.venue = venue
        self._wallet = wallet
        self._sender = Sender(venue.rpc, wallet.private_key, venue.book.chain_id)
        self._is_adrift = False
        """Whether something was sent of which nobody knows that it landed: a node may drop it, and
        whatever is numbered after it would wait for ever.
        """

    @property
    def address(self) -> bytes:
        """The key's address."""
        return self._sender.address

    @property
    def holder(self) -> str:
        """The key's address as text, for calls."""
        return self._text(self.address)

    def begin_at(self, nonce: int) -> None:
        """Number what is sent from here on, whatever else the key sends."""
        self._sender.nonce, self._is_adrift = nonce, False

    def require_nothing_waiting(self) -> None:
        """Raise `Unavailable` while what this key sent waits to be mined: a call that is numbered
        behind it may do the same once more.
        """
        pending = self._sender.chain_nonce()
        waiting = pending - self._sender.chain_nonce("latest")
        if waiting > 0:
            raise Unavailable(
                f"{waiting} of {self.holder}'s transactions wait to be mined, from nonce"
                f" {pending - waiting} on, and nothing is sent behind them; wait for them, or"
                " replace them at their nonces with a higher fee"
            )

    def send(self, contract: str, function: str, *arguments: Any) -> list[Log]:
        """Send one call and wait for it; the contracts' logs of it.

        Raises ``Reverted`` with the contract's reason and what to do about it, ``Undecided`` where
        it may be made though nobody says so, `Unavailable` while an earlier one of those waits.
        """
        from infold.shell.chain import NO_GAS, Reverted, why_it_failed

        target = self.venue[contract]
        call = f"{contract}.{function}"
        data = target.abi.calldata(function, *arguments)
        try:
            sent = self._sent(target.address, data)
        except Reverted as refusal:
            raise self.refused(refusal.reason, contract, function, arguments) from None
        except Unavailable as refusal:
            if NO_GAS not in str(refusal).lower():
                raise
            raise self._without_gas() from None
        patience = time.monotonic() + RECEIPT_DEADLINE_S
        while time.monotonic() < patience:
            found = self._receipt(call, sent)
            if found is not None:
                self._is_adrift = False
                if not found.ok:
                    reason = why_it_failed(self.venue.rpc, sent)
                    raise self.refused(reason, contract, function, arguments)
                return [log for raw in found.logs if (log := self._decoded(raw)) is not None]
            time.sleep(POLL_S)
        raise Undecided(
            f"{call} was sent as 0x{sent.hex()} but not mined within {RECEIPT_DEADLINE_S:.0f} s;"
            " look for it before sending again"
        )

    def refused(
        self, reason: str, contract: str, function: str, arguments: Sequence[Any]
    ) -> Reverted:
        """A refusal by the contract's reason, with what to do next, and from when on where only
        time is missing.
        """
        from infold.shell.chain import Reverted

        mend = advice(reason, function) + until(self.venue, reason, function, arguments)
        return Reverted(reason, f"{contract}.{function}", mend)

    def _sent(self, target: bytes, data: bytes) -> bytes:
        """Send a call, numbered anew if the key has sent something from elsewhere meanwhile, or if
        what was sent before may have been dropped.
        """
        from infold.shell.chain import NONCE_TOO_LOW

        if self._is_adrift:
            self.require_nothing_waiting()
            self._sender.nonce = self._sender.chain_nonce()
        try:
            sent = self._sender.send(target, data)
        except Unavailable as refusal:
            if NONCE_TOO_LOW not in str(refusal).lower():
                raise
            self._sender.nonce = self._sender.chain_nonce()
            sent = self._sender.send(target, data)
        self._is_adrift = True  # until its receipt is seen
        return sent

    def _receipt(self, call: str, sent: bytes) -> Receipt | None:
        from infold.shell.chain import receipt

        try:
            return receipt(self.venue.rpc, sent)
        except Unavailable as silence:
            raise Undecided(
                f"{call} was sent as 0x{sent.hex()}, but whether it was mined is not known"
                f" ({str(silence).partition('; ')[0]}); look for it before sending again"
            ) from silence

    def _without_gas(self) -> Misconfigured:
        """What is wrong with a key that cannot pay for its transaction."""
        mend = "send it some"
        if self.venue.book.chain_id == DEVNET_CHAIN_ID:
            mend += "; on a devnet --mint, where a command has it, gives the key gas too"
        return Misconfigured(f"{self.holder} has too little ether to pay for gas; {mend}")

    def _decoded(self, raw: dict[str, Any]) -> Log | None:
        address = bytes.fromhex(raw["address"][2:])
        for contract in self.venue.contracts.values():
            if contract.address == address:
                return contract.decode_log(raw)
        return None

    # -- money ---------------------------------------------------------------

    def approve(self, spender: str, amount_e6: int, *, mint: bool) -> None:
        """Let a contract take an amount; ``mint`` makes test dollars first, on a devnet."""
        self.check_funds(amount_e6, mint=mint)
        token = self.venue["Dollar"]
        spending = self._text(self.venue[spender].address)
        if int(token.call("allowance", self._text(self.address), spending)) < amount_e6:
            self.send("Dollar", "approve", spending, amount_e6)

    def check_funds(self, amount_e6: int, *, mint: bool) -> None:
        """See that the key holds an amount; ``mint`` makes test dollars first, and the gas to move
        them, on a devnet.
        """
        token = self.venue["Dollar"]
        if mint:
            self._fuel()
            self.send("Dollar", "mint", self._text(self.address), amount_e6)
        held = int(token.call("balanceOf", self._text(self.address)))
        if held < amount_e6:
            mend = f"send it the rest, in the token {self._text(token.address)}"
            if self.venue.book.chain_id == DEVNET_CHAIN_ID:
                mend = "add --mint, which makes test dollars on a devnet"
            raise Misconfigured(
                f"{self.holder} holds {format_decimal(held, AMOUNT_DECIMALS)} of collateral and"
                f" {format_decimal(amount_e6, AMOUNT_DECIMALS)} is needed; {mend}"
            )

    def _fuel(self) -> None:
        """Give a key of a devnet gas, if it has little; other nodes refuse, and it keeps what it
        has.
        """
        rpc = self.venue.rpc
        if self.venue.book.chain_id != DEVNET_CHAIN_ID:
            return
        if int(rpc.call("eth_getBalance", self.holder, "latest"), 16) >= GAS_WEI:
            return
        with suppress(Unavailable):
            rpc.call("anvil_setBalance", self.holder, hex(GAS_WEI))

    def permit(self, amount_e6: int) -> tuple[int, int, bytes, bytes]:
        """A permit for `Teller` in place of an approval: deadline (s), v, r, s. Nothing is sent."""
        from infold.shell.chain import block

        token = self.venue["Dollar"]
        separator, spender = bytes(token.call("DOMAIN_SEPARATOR")), self.venue["Teller"].address
        nonce = int(token.call("nonces", self.holder))
        deadline_s = block(self.venue.rpc).timestamp_s + PERMIT_S
        signed = self._wallet.sign_permit(separator, spender, amount_e6, nonce, deadline_s)
        return deadline_s, *signed

    @staticmethod
    def _text(address: bytes) -> str:
        return checksum_address(address)

    def latest_vector(self) -> tuple[int, list[int], list[tuple[int, int]]]:
        """The price vector of the last batch that landed: whoever settles publishes the key to the
        door.
        """
        from infold.shell.chain import block, calldata_of, vector_of_settle

        last = block(self.venue.rpc).number
        settled = [
            log for log in self.venue.logs(max(0, last - 200), last) if log.name == "BatchSettled"
        ]
        if not settled:
            raise Unavailable(
                "no batch landed lately, so no fresh price vector is public; try again after one"
            )
        vector = vector_of_settle(calldata_of(self.venue.rpc, settled[-1].transaction))
        if vector is None:
            raise Unavailable(
                "the last batch came through another contract, so its vector is not read here;"
                " try again after the next"
            )
        return vector

    def claim_withdrawal(self, account: int, *, held: bool) -> Paid:
        """Claim a due withdrawal. ``held``: the account has open positions."""
        head, openings, signatures = self.latest_vector() if held else (0, [], [])
        logs = self.send("Clearing", "claim_withdrawal", account, head, openings, signatures)
        return paid(logs)


class Paid(NamedTuple):
    """What the vault paid, e6, and the tickets for what waits in its queue."""

    paid_e6: int
    tickets: list[dict[str, Any]]

    def document(self) -> dict[str, Any]:
        """As commands print it."""
        return {"paid_e6": str(self.paid_e6), "tickets": self.tickets}


def paid(logs: list[Log]) -> Paid:
    """What a transaction made the vault pay, now and later."""
    released = [log.arguments for log in logs if log.name == "Released"]
    queued = [log.arguments for log in logs if log.name == "Queued"]
    tickets = [
        {"ticket": int(it["ticket"]), "amount_e6": str(it["amount_e6"]), "due_s": int(it["due_s"])}
        for it in queued
    ]
    return Paid(sum(int(it["amount_e6"]) for it in released), tickets)


def named(logs: list[Log], name: str) -> dict[str, Any]:
    """The arguments of the one event of that name."""
    for log in logs:
        if log.name == name:
            return log.arguments
    raise Unavailable(
        f"the transaction landed without {name}; is the address book of another deployment?"
    )
