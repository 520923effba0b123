# SPDX-License-Identifier: Apache-2.0
"""Engine against chain: every word the engine holds, and every word the chain holds, to the last
bit.

The engine's side comes as words by place (`accounts[7]`, `positions[112]`, `strikes[3]`), the
contract's getters being named after the places; zero words may be left out. The chain's side is
read at one block. Money is then added up from the chain's words alone and compared with what the
vault accounts for and what it holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from infold.errors import InvariantBroken
from infold.shell.chain import Contract, Venue, block
from infold.units import AMOUNT_DECIMALS, PLACES, format_decimal
from infold.words import (
    FLAG_INCOMING,
    unpack_account,
    unpack_clock,
    unpack_head,
    unpack_incoming,
    unpack_ledger,
    unpack_pool,
    unpack_position,
    unpack_requests,
    unpack_strike,
    unpack_transit,
    unpack_withdrawal,
)

_PLACE = re.compile(r"^(\w+)((?:\[\w+\])*)$")
_MARKET_WORDS = 7
_MARKETS = 256
_SOURCED_MAX = 192


@dataclass(frozen=True, slots=True)
class Difference:
    """A place where the two sides differ."""

    place: str
    engine: int
    chain: int

    def __str__(self) -> str:
        return f"{self.place}: engine {self.engine:#x}, chain {self.chain:#x}"


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What was compared at which block, and what differed. Money in e6."""

    block: int
    words: int
    accounts: int
    accounted_e6: int
    claims_e6: int
    balance_e6: int
    differences: tuple[Difference, ...]

    @property
    def ok(self) -> bool:
        """Both sides equal, claims equal what is accounted for, tokens cover it."""
        return (
            not self.differences
            and self.claims_e6 == self.accounted_e6
            and self.balance_e6 >= self.accounted_e6
        )

    def report(self) -> list[str]:
        """One line a finding; empty if there is none."""
        lines = [str(difference) for difference in self.differences]
        claims, accounted, balance = (
            format_decimal(money_e6, AMOUNT_DECIMALS)
            for money_e6 in (self.claims_e6, self.accounted_e6, self.balance_e6)
        )
        if self.claims_e6 != self.accounted_e6:
            lines.append(f"claims add up to {claims}, the vault accounts for {accounted}")
        if self.balance_e6 < self.accounted_e6:
            lines.append(f"the vault holds {balance} of {accounted} accounted for")
        return lines


class _Reader:
    """Words by place, at one block. `Clearing` is asked first, then whoever else has a getter of
    that name.
    """

    def __init__(self, venue: Venue, at: int) -> None:
        self._contracts = [
            venue["Clearing"],
            *(venue[name] for name in venue.contracts if name != "Clearing"),
        ]
        self._at = at
        self.words: dict[str, int] = {}

    def _holder(self, getter: str) -> Contract:
        for contract in self._contracts:
            if getter in contract.abi.functions:
                return contract
        raise InvariantBroken(
            f"reconcile: no contract has a getter {getter}; regenerate the ABIs with `make abi`"
        )

    def read(self, places: Iterable[str]) -> None:
        """Fetch the places not yet fetched, in few round trips."""
        wanted: dict[str, list[tuple[str, list[int | bytes]]]] = {}
        for place in dict.fromkeys(places):
            if place in self.words:
                continue
            found = _PLACE.match(place)
            if found is None:
                raise InvariantBroken(f"reconcile: {place!r} names no place of a word")
            getter = found[1]
            keys: list[int | bytes] = [
                bytes.fromhex(key[2:]) if key.startswith("0x") else int(key)
                for key in found[2][1:-1].split("][")
                if key
            ]
            wanted.setdefault(getter, []).append((place, keys))
        for getter, many in wanted.items():
            values = self._holder(getter).calls(getter, [keys for _, keys in many], self._at)
            self.words |= {place: value for (place, _), value in zip(many, values, strict=True)}


def reconcile(
    venue: Venue, engine_words: Mapping[str, int], at: int | None = None
) -> Reconciliation:
    """Compare the engine's words with the chain's at a block (the latest if not given)."""
    at = block(venue.rpc).number if at is None else at
    clearing, vault = venue["Clearing"], venue["Vault"]
    reader = _Reader(venue, at)
    reader.read(engine_words)
    count, markets = _read_chain(reader, clearing, at)
    differences = [
        Difference(place, engine_words.get(place, 0), word)
        for place, word in sorted(reader.words.items())
        if engine_words.get(place, 0) != word
    ]
    token = venue.contracts.get("Dollar")
    accounted_e6 = int(vault.call("accounted_e6", at=at))
    return Reconciliation(
        block=at,
        words=len(reader.words),
        accounts=count,
        accounted_e6=accounted_e6,
        claims_e6=_claims_e6(reader.words, count, markets)
        + _waiting_e6(venue, at)
        + int(vault.call("waiting_e6", at=at)),
        balance_e6=int(token.call("balanceOf", vault.address, at=at)) if token else accounted_e6,
        differences=tuple(differences),
    )


def _read_chain(reader: _Reader, clearing: Contract, at: int) -> tuple[int, list[int]]:
    """Read what the engine may not know of: every account and market the chain has, and what their
    words point to. How many accounts there are, and which markets.
    """
    count = int(clearing.call("account_count", at=at))
    reader.read(
        f"{kind}[{account}]"
        for account in range(count)
        for kind in ("accounts", "withdrawals", "epoch_barriers")
    )
    held = []
    for account in range(count):
        mask = unpack_account(reader.words[f"accounts[{account}]"]).mask
        held += [
            f"positions[{account * PLACES + place}]" for place in range(PLACES) if mask >> place & 1
        ]
    reader.read(held)
    reader.read(f"market_words[{market * 8}]" for market in range(_MARKETS))
    markets = [market for market in range(_MARKETS) if reader.words[f"market_words[{market * 8}]"]]
    reader.read(
        f"market_words[{market * 8 + word}]" for market in markets for word in range(_MARKET_WORDS)
    )
    reader.read(f"positions[{PLACES + market}]" for market in markets)
    reader.read(["head", "limits"])
    reader.read(f"readings[{market}]" for market in markets if market < _SOURCED_MAX)
    reader.read(
        f"parameter_words[{market * 8 + word}]" for market in markets for word in (0, 1, 2, 4, 5, 6)
    )
    return count, markets


def _claims_e6(words: Mapping[str, int], accounts: int, markets: Iterable[int]) -> int:
    """C4's left side from the chain's words: collateral, pending withdrawals, quotes, fees and
    pots.
    """
    total = 0
    for account in range(accounts):
        word = unpack_account(words[f"accounts[{account}]"])
        total += word.collateral_e6 + unpack_withdrawal(words[f"withdrawals[{account}]"]).amount_e6
        for place in range(PLACES):
            if word.mask >> place & 1:
                total += unpack_position(words[f"positions[{account * PLACES + place}]"]).quote_e6
    for market in markets:
        first = market * 8
        ledger = unpack_ledger(words[f"market_words[{first + 3}]"])
        total += (
            unpack_pool(words[f"market_words[{first + 1}]"]).quote_e6
            + ledger.fees_e6
            + ledger.pot_e6
        )
        if unpack_clock(words[f"market_words[{first}]"]).flags & FLAG_INCOMING:
            total += unpack_incoming(words[f"market_words[{first + 4}]"]).quote_e6
        total += unpack_transit(words[f"market_words[{first + 5}]"]).quote_e6
        # The backstop, account 1, has a place a market beyond the 16 of a trader.
        total += unpack_position(words[f"positions[{PLACES + market}]"]).quote_e6
    return total


def _waiting_e6(venue: Venue, at: int) -> int:
    """What liquidity providers have paid in and no strike has taken, and what strikes have paid and
    nobody has claimed.

    From the pool's logs and the strikes' words: an epoch's strike moves its deposits, less what it
    pays for redemptions, to account 0.
    """
    deposits_e6: dict[int, int] = {}
    waiting_e6 = 0
    for log in venue.logs(venue.book.first_block, at, only="Pool"):
        if log.name == "LiquidityRequested":
            requests = unpack_requests(log.arguments["requests"])
            deposits_e6[log.arguments["epoch"]] = requests.deposits_e6
        elif log.name == "DepositRequest":
            waiting_e6 += log.arguments["assets"]
        elif log.name in ("Withdraw", "CancelDepositClaim"):
            waiting_e6 -= log.arguments["assets"]
    holder = next(
        contract for contract in venue.contracts.values() if "strikes" in contract.abi.functions
    )
    struck = unpack_head(int(venue["Clearing"].call("head", at=at))).epoch
    epochs = [epoch for epoch in sorted(deposits_e6) if epoch < struck]
    for epoch, word in zip(
        epochs, holder.calls("strikes", [[epoch] for epoch in epochs], at), strict=True
    ):
        strike = unpack_strike(word)
        if not strike.returned:
            waiting_e6 -= deposits_e6[epoch] - strike.paid_e6
    return waiting_e6
