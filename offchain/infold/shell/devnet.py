# SPDX-License-Identifier: Apache-2.0
"""Ground for a venue on this machine: a chain, the contracts, funded accounts, oracle signers with
their price feeds.

Everything started here is ended by `close`, whatever happened. Time is the caller's: the first
block is stamped before `start_ms`, so that the listings serve and the first pool epoch has ended
when trading starts; later blocks are stamped as `mine` is told. Keys follow from the seed and are
worth nothing: they are for devnets only.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from infold.closable import Closable
from infold.errors import InvariantBroken, Misconfigured
from infold.shell.anvil import Anvil
from infold.shell.chain import (
    BOOK_NAME,
    Contract,
    Receipt,
    Reverted,
    Rpc,
    Sender,
    Venue,
    load_abi,
    receipts,
    why_it_failed,
)
from infold.shell.chain import mine as mine_block
from infold.shell.compiling import find_contracts
from infold.shell.deploy import DeploymentPlan, RpcDeployer, SourcePlan, add_source, deploy
from infold.shell.devnet_config import DevnetConfig, live_prices
from infold.shell.oracle import ChainRoster, Collector, Feed, SignerProcess
from infold.signing import CURVE_ORDER, Domain, address_of, checksum_address, keccak

# room between the first pool epoch's end and the first batch: the guard, and set-up's own blocks
LEAD_S = 30
OPEN_GAS = 400_000  # opening an account cost 150,000; unused gas is not paid
USER_GAS = 2_000_000
WEALTH_WEI = 10**24
MINES_MAX = 1_000
SOURCE_BOUND_E4 = 100
SOURCE_AGE_S = 60


class Wallet(NamedTuple):
    """A key of this devnet."""

    address: bytes
    private_key: bytes

    def view(self) -> dict[str, str]:
        """As `infold devnet --json` prints it."""
        return {
            "address": checksum_address(self.address),
            "private_key": "0x" + self.private_key.hex(),
        }


class TraderAccount(NamedTuple):
    """An open account and its owner's key."""

    account: int
    wallet: Wallet

    def view(self) -> dict[str, Any]:
        """As `infold devnet --json` prints it."""
        return {"id": self.account} | self.wallet.view()


def write_key(path: Path, wallet: Wallet) -> None:
    """A key as a file that its owner alone reads."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(wallet.private_key.hex() + "\n")


class Devnet(Closable):
    """A running devnet without its node, from construction to `close`. `Misconfigured` if more
    oracle signatures are asked for than there are signers, or none.
    """

    def __init__(
        self, config: DevnetConfig, progress: Callable[[str], None] = lambda _line: None
    ) -> None:
        if not 1 <= config.threshold <= config.signers:
            raise Misconfigured(
                f"{config.threshold} of {config.signers} oracle signers cannot be asked for"
            )
        self.config = config
        self._progress = progress
        self._ends = contextlib.ExitStack()
        self._last_stamp_s = 0
        self._senders: dict[bytes, Sender] = {}
        self._end_when_told()
        try:
            self._build()
        except BaseException:
            self.close()
            raise

    def _end_when_told(self) -> None:
        """Turn the terminate signal into an exit, so that all is ended on the way out."""

        def leave(number: int, _frame: object) -> None:
            raise SystemExit(128 + number)

        here = threading.current_thread() is threading.main_thread()
        if here and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, leave)
            self._ends.callback(signal.signal, signal.SIGTERM, signal.SIG_DFL)

    def _build(self) -> None:
        config = self.config
        if config.directory is None:
            self.directory = Path(
                self._ends.enter_context(tempfile.TemporaryDirectory(prefix="infold-devnet-"))
            )
        else:
            self.directory = config.directory.absolute()
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.funder = self.wallet("funder")
        self.matcher = self.wallet("matcher")
        self.guardian = self.wallet("guardian")
        self.refunder = self.wallet("refunder")
        self.keeper = self.wallet("keeper")
        self.oracle_wallets = tuple(
            self.wallet(f"oracle {number}")
            for number in range(config.signers + config.spare_signers)
        )
        self._write_keys()
        genesis_s = config.start_ms // 1000 - config.epoch_ms // 1000 - LEAD_S
        self._progress("starting anvil")
        self.anvil = self._ends.enter_context(
            Anvil(
                chain_id=config.chain_id,
                timestamp_s=genesis_s,
                port=config.rpc_port,
                gas_limit=config.gas_limit,
            )
        )
        self.rpc = Rpc(self.anvil.url, self.anvil.explain_silence)
        self._ends.callback(self.rpc.close)
        self._fund([wallet.address for wallet in (self.funder, self.matcher, self.guardian)])
        self.mine((genesis_s + 1) * 1000)
        self.funder_sender = self.sender(self.funder)
        deployer = RpcDeployer(
            self.rpc, self.funder_sender, lambda: self.mine((genesis_s + 1) * 1000)
        )
        plan = DeploymentPlan(
            owner=self.funder.address,
            guardian=self.guardian.address,
            matcher=self.matcher.address,
            signers=tuple(wallet.address for wallet in self.oracle_wallets[: config.signers]),
            threshold=config.threshold,
            markets=config.markets,
            epoch_ms=config.epoch_ms,
            sealed=config.sealed,
        )
        self.book = deploy(deployer, plan, config.contracts or find_contracts(), self._progress)
        self.book.write(self.directory / BOOK_NAME)
        self.venue = Venue(self.rpc, self.book)
        self._open_accounts(deployer)
        self._start_signers()
        self.mine(config.start_ms)
        self.sources: dict[int, Contract] = {}  # mock second sources by market
        if config.second_sources:
            self.add_sources(live_prices(config))

    # -- keys --------------------------------------------------------------------------------------

    def wallet(self, role: str) -> Wallet:
        """The key of a role, the same for the same seed."""
        secret = (
            int.from_bytes(keccak(f"infold devnet {self.config.seed} {role}".encode()), "big")
            % (CURVE_ORDER - 1)
            + 1
        )
        key = secret.to_bytes(32, "big")
        return Wallet(address_of(key), key)

    def _write_keys(self) -> None:
        """The keys of those who run and govern the venue as files, for commands' --key-file."""
        self.keys = self.directory / "keys"
        self.keys.mkdir(mode=0o700, exist_ok=True)
        for role, wallet in self._roles().items():
            write_key(self.keys / role, wallet)

    def _roles(self) -> dict[str, Wallet]:
        return {
            "matcher": self.matcher,
            "owner": self.funder,
            "guardian": self.guardian,
            "refund_payer": self.refunder,
        }

    def sender(self, wallet: Wallet) -> Sender:
        """The one sender of a key."""
        if wallet.address not in self._senders:
            self._senders[wallet.address] = Sender(
                self.rpc, wallet.private_key, self.config.chain_id
            )
        return self._senders[wallet.address]

    def _fund(self, addresses: Sequence[bytes]) -> None:
        self.rpc.batch(
            [("anvil_setBalance", ["0x" + address.hex(), hex(WEALTH_WEI)]) for address in addresses]
        )

    def fund_refunder(self) -> None:
        """Give the key that pays fee refunds what it needs for gas; a driven venue has no use for
        it, and its chain stays as it was.
        """
        self._fund([self.refunder.address])

    # -- set-up ------------------------------------------------------------------------------------

    def _open_accounts(self, deployer: RpcDeployer) -> None:
        config = self.config
        amounts = config.collaterals_e6 or (config.collateral_e6,) * config.accounts
        if len(amounts) != config.accounts:
            raise Misconfigured(f"{config.accounts} accounts and {len(amounts)} collaterals")
        self._progress(f"opening {config.accounts} accounts")
        wallets = [self.wallet(f"trader {number}") for number in range(config.accounts)]
        self._fund([wallet.address for wallet in wallets])
        dollar, clearing, vault, pool = (
            self.venue[name] for name in ("Dollar", "Clearing", "Vault", "Pool")
        )
        total_e6 = sum(amounts) + config.backstop_e6 + config.liquidity_e6
        calls = [
            (dollar.address, dollar.abi.calldata("mint", self.funder.address, total_e6)),
            (dollar.address, dollar.abi.calldata("approve", vault.address, 2**256 - 1)),
            (dollar.address, dollar.abi.calldata("approve", pool.address, 2**256 - 1)),
        ]
        if config.backstop_e6:
            calls.append(
                (clearing.address, clearing.abi.calldata("deposit", 1, config.backstop_e6))
            )
        if config.liquidity_e6:
            own = (self.funder.address, self.funder.address)
            data = pool.abi.calldata("requestDeposit", config.liquidity_e6, *own)
            calls.append((pool.address, data))
        deployer.send_all("funding the venue", calls, OPEN_GAS)
        first = int(clearing.call("account_count"))
        opening = [
            (clearing.address, clearing.abi.calldata("open_account", wallet.address, amount_e6))
            for wallet, amount_e6 in zip(wallets, amounts, strict=True)
        ]
        if opening:
            deployer.send_all("opening accounts", opening, OPEN_GAS)
        self.accounts = [
            TraderAccount(first + place, wallet) for place, wallet in enumerate(wallets)
        ]
        if int(clearing.call("account_count")) != first + len(wallets):
            raise InvariantBroken("the accounts opened are not those sent for")

    def add_sources(self, prices_e8: Mapping[int, int]) -> None:
        """A mock second source beside each of these markets, from its price on. Raises
        `Misconfigured` once governance is sealed.
        """
        if self.config.sealed:
            raise Misconfigured("a sealed venue names second sources through its timelock")
        self._fund([self.keeper.address])  # others have no use for it: their chain stays as it was
        deployer = RpcDeployer(self.rpc, self.funder_sender, lambda: self.mine(0))
        contracts = self.config.contracts or find_contracts()
        governance = self.venue["Governance"]
        for market, price_e8 in prices_e8.items():
            plan = SourcePlan(
                market=market,
                contract="Source",
                arguments={"price_e8": price_e8},
                bound_e4=SOURCE_BOUND_E4,
                age_s=SOURCE_AGE_S,
            )
            address = add_source(
                deployer, governance.abi, governance.address, plan, contracts, self._progress
            )
            self.sources[market] = Contract(self.rpc, load_abi("Source"), address)

    def _start_signers(self) -> None:
        config = self.config
        self._progress(f"starting {len(self.oracle_wallets)} oracle signers")
        domain = Domain(config.chain_id, self.book.address("Oracle"))
        self.feeds: list[Feed] = []
        self.signers: list[SignerProcess] = []
        for number, wallet in enumerate(self.oracle_wallets):
            home = self.directory / f"oracle-{number}"
            home.mkdir(mode=0o700, exist_ok=True)
            key_file = home / "key"
            write_key(key_file, wallet)
            feeds = [Feed(home / f"source-{letter}.ndjson") for letter in "ab"]
            for feed in feeds:
                self._ends.callback(feed.close)
            self.feeds += feeds
            signer = SignerProcess(
                key_file=key_file,
                record=home / "signed.ndjson",
                sources=[feed.path for feed in feeds],
                domain=domain,
                rpc_url=self.anvil.url,
                skew_ms=config.skew_ms,
                stale_ms=config.stale_ms,
            )
            self.signers.append(self._ends.enter_context(signer))
        for signer in self.signers:
            signer.wait_ready()
        self.collector = Collector(
            {signer.address: signer.url for signer in self.signers},
            ChainRoster(self.venue["Oracle"]),
            domain,
        )
        self._ends.callback(self.collector.close)
        self.collector.require(config.start_ms)

    # -- running -----------------------------------------------------------------------------------

    def write_prices(
        self, time_ms: int, prices_e8: dict[int, int], noise: random.Random | None = None
    ) -> None:
        """Append a time's prices to every source of every signer; with `noise` each source differs
        by up to a basis point.
        """
        for feed in self.feeds:
            if noise is None:
                feed.write(time_ms, prices_e8)
            else:
                feed.write(
                    time_ms,
                    {
                        market: max(1, price * (100_000 + noise.randint(-10, 10)) // 100_000)
                        for market, price in prices_e8.items()
                    },
                )

    def say(self, time_ms: int, prices_e8: Mapping[int, int]) -> None:
        """Tell the mock second sources prices, and mine that at a time."""
        self._last_stamp_s = max(self._last_stamp_s, -(-time_ms // 1000))
        calls = [
            (source.address, source.abi.calldata("say", prices_e8[market], self._last_stamp_s))
            for market, source in self.sources.items()
            if market in prices_e8
        ]
        if calls:
            self.sender(self.keeper).send_many(calls, USER_GAS)
            self.mine(time_ms)

    def mine(self, time_ms: int) -> None:
        """Mine what is pending in a block stamped the first second at or after a time, or the last
        block's if that is later.
        """
        self._last_stamp_s = max(self._last_stamp_s, -(-time_ms // 1000))
        mine_block(self.rpc, self._last_stamp_s)

    def call(
        self, wallet: Wallet, contract: str, function: str, *arguments: Any, time_ms: int
    ) -> Receipt:
        """One transaction of a key, mined at a time; its receipt. Raises `Reverted` with the
        contract's string.
        """
        return self.calls([(wallet, contract, function, arguments)], time_ms=time_ms)[0]

    def calls(
        self,
        many: Sequence[tuple[Wallet, str, str, Sequence[Any]]],
        *,
        time_ms: int,
        strict: bool = True,
    ) -> list[Receipt]:
        """Many transactions, mined together at a time. `strict` raises `Reverted` for the first
        that failed.
        """
        hashes = []
        for wallet, contract, function, arguments in many:
            target = self.venue[contract]
            hashes.append(
                self.sender(wallet).send(
                    target.address, target.abi.calldata(function, *arguments), gas=USER_GAS
                )
            )
        for _ in range(MINES_MAX):
            self.mine(time_ms)
            found = self.rpc.batch(
                [("eth_getTransactionReceipt", ["0x" + one.hex()]) for one in hashes]
            )
            if all(one is not None for one in found):
                break
        results = receipts(self.rpc, hashes)
        for one, (_, contract, function, _arguments) in zip(results, many, strict=True):
            if strict and not one.ok:
                raise Reverted(why_it_failed(self.rpc, one.hash), f"{contract}.{function}")
        return results

    def view(self, api_url: str) -> dict[str, Any]:
        """What `infold devnet --json` prints."""
        prices_e8 = live_prices(self.config)
        signers = [
            wallet.view() | {"url": signer.url}
            for wallet, signer in zip(self.oracle_wallets, self.signers, strict=True)
        ]
        return {
            "rpc_url": self.anvil.url,
            "api_url": api_url,
            "chain_id": self.config.chain_id,
            "contracts": {
                name: checksum_address(address) for name, address in self.book.addresses.items()
            },
            "markets": [
                {
                    "id": market.market,
                    "name": market.listing.name,
                    "tick_e8": market.listing.tick_e8,
                    "price_e8": str(prices_e8[market.market]),
                }
                for market in self.config.markets
            ],
            "accounts": [account.view() for account in self.accounts],
            **{role: wallet.view() for role, wallet in self._roles().items()},
            "key_files": str(self.keys),
            "book": str(self.directory / BOOK_NAME),
            "oracle_signers": signers[: self.config.signers],
            "spare_signers": signers[self.config.signers :],
            "k": self.config.threshold,
        }

    def close(self) -> None:
        """End everything that was started, last first. Safe to call twice."""
        self._ends.close()
