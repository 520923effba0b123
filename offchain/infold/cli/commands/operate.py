# SPDX-License-Identifier: Apache-2.0
"""Commands of people who run a venue or watch one: devnet, keeper, deploy, reconcile, audit,
journal.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infold.cli.commands.keeper import keeper
from infold.cli.header import header
from infold.cli.options import (
    API_URL,
    RPC_URL,
    ApiUrl,
    Book,
    JournalPath,
    KeyFile,
    Keystore,
    PasswordFile,
    RpcUrl,
    address_of_text,
    journal_in,
)
from infold.cli.outputs import must_be_new_directory
from infold.cli.pages.checks import of_audit, of_reconcile
from infold.cli.pages.venues import of_deployed, of_devnet
from infold.cli.terminal import Exit, Json, Quiet, Seed, complain, finish, progress, show
from infold.errors import Misconfigured

if TYPE_CHECKING:
    from infold.dealer.neighbours import Neighbours
    from infold.dealer.params import DealerParameters
    from infold.shell.chain import Rpc

BLOCK_WAIT_S = 2.0  # between two looks for a block on a chain with a time of its own

journal_group = typer.Typer(no_args_is_help=True, help="Check a journal, or fold it again.")


def register(app: typer.Typer) -> None:
    """Add these commands to the root."""
    app.command()(devnet)
    app.command()(keeper)
    app.command()(deploy)
    app.command()(reconcile)
    app.command()(audit)
    app.add_typer(journal_group, name="journal")


@journal_group.command("verify")
def journal_verify(path: JournalPath, as_json: Json = False) -> None:
    """Walk the hash chain; names the first place that is damaged."""
    from infold.shell.journal import Journal

    began = time.monotonic()
    path = journal_in(path)
    report = Journal.inspect(path)
    document = {
        **header("journal verify"),
        "path": str(path),
        "groups": report.groups,
        "entries": report.entries,
        "seq": report.seq,
        "hash": report.hash,
        "faults": list(report.faults),
        "seconds": round(time.monotonic() - began, 3),
        "ok": report.ok,
    }
    finish(document, as_json, "journal")


# -- serving -----------------------------------------------------------------


def devnet(
    rpc_port: Annotated[
        int | None,
        typer.Option("--rpc-port", min=1, max=65_535, help="Of the chain; free if left out."),
    ] = None,
    api_port: Annotated[
        int,
        typer.Option(
            "--api-port", min=0, max=65_535, help="Of the HTTP interface; 0 takes a free one."
        ),
    ] = 0,
    accounts: Annotated[
        int, typer.Option("--accounts", min=1, max=1_000, help="Open and funded from the start.")
    ] = 10,
    interval_ms: Annotated[
        int, typer.Option("--interval-ms", min=250, max=12_000, help="Time between batches.")
    ] = 1_000,
    epoch_s: Annotated[
        int,
        typer.Option(
            "--epoch-s",
            min=20,
            max=86_400,
            help="Length of the pool's epochs: so long a provider waits for shares or money.",
        ),
    ] = 3_600,
    dealer: Annotated[
        Path | None,
        typer.Option(
            "--dealer",
            help="Parameters by market, as `infold calibrate --out` writes them; the usual ones for"
            " markets it does not name. Markets it correlates lean on each other's inventory.",
        ),
    ] = None,
    second_sources: Annotated[
        bool,
        typer.Option(
            "--second-sources", help="Put a mock second price source beside every market."
        ),
    ] = False,
    seed: Seed = 0,
    keep: Annotated[
        Path | None, typer.Option("--keep", help="Keep journal and keys in this new directory.")
    ] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Serve a local venue until interrupted: chain, contracts, oracle signers, node and HTTP on
    loopback.

    With --json one line is printed when it is ready: rpc_url, api_url, chain_id, contracts,
    markets, accounts with their keys, matcher, owner, guardian, refund_payer, oracle_signers and k;
    key_files is where keys of those who run and govern it lie as files. The keys follow from the
    seed and are worth nothing.
    """
    import logging
    import signal
    import threading

    from infold.node import LocalVenue, live_desk
    from infold.shell.devnet_config import DevnetConfig

    must_be_new_directory(keep, "--keep")
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    config = DevnetConfig(
        start_ms=time.time_ns() // 1_000_000,
        seed=seed,
        accounts=accounts,
        rpc_port=rpc_port,
        epoch_ms=epoch_s * 1_000,
        directory=keep,
        second_sources=second_sources,
    )
    names = {market.listing.name: market.market for market in config.markets}
    parameters = {} if dealer is None else calibrated(dealer, names)
    beside = None if dealer is None else correlated(dealer, names)
    with progress(quiet) as steps:
        local = LocalVenue(
            config,
            live_desk(interval_ms / 1_000, parameters, beside),
            api_port=api_port,
            batch_interval_ms=interval_ms,
            progress=steps.say,
        )
    with local:
        local.devnet.fund_refunder()
        show({**header("devnet", seed), **local.view()}, as_json, "infold devnet", of_devnet)
        if not as_json:
            complain("serving until interrupted (ctrl-C)")
        local.run_live(stopped)
    if stopped.is_set():
        raise typer.Exit(Exit.INTERRUPTED)


def calibrated(path: Path, numbers: Mapping[str, int]) -> dict[int, DealerParameters]:
    """A file's parameters by market id. `Misconfigured` if it is none, or names another market."""
    from infold.research.calibration.market import load_parameters

    try:
        found = load_parameters(path.read_bytes())
    except (OSError, ValueError) as error:
        raise Misconfigured(f"{path} is no file of `infold calibrate --out`: {error}") from None
    strange = sorted(set(found) - set(numbers))
    if strange:
        raise Misconfigured(
            f"{path} speaks of {', '.join(strange)}, which the venue does not list"
            f" ({', '.join(numbers)}); calibrate with --market NAME=FILE under a name it lists"
        )
    return {numbers[name]: parameters for name, parameters in found.items()}


def correlated(path: Path, numbers: Mapping[str, int]) -> Neighbours | None:
    """The markets a file says correlate, to be minded together; None if it does not say.
    `Misconfigured` if they cannot be.
    """
    from infold.dealer.neighbours import neighbours
    from infold.research.calibration.market import load_correlation

    parameters = calibrated(path, numbers)
    try:
        found = load_correlation(path.read_bytes())
        if found is None:
            return None
        named = [numbers.get(name) for name in found.markets]
        if len(set(named)) < len(named) or not set(named) <= set(parameters):
            raise ValueError(
                f"it correlates {', '.join(found.markets)}, and has parameters of"
                f" {', '.join(name for name in numbers if numbers[name] in parameters)}"
            )
        if len(found.matrix) != len(named) or any(len(row) != len(named) for row in found.matrix):
            raise ValueError(f"correlation must be {len(named)} by {len(named)}, without unit")
        order = sorted(range(len(named)), key=lambda place: numbers[found.markets[place]])
        matrix = tuple(tuple(found.matrix[row][column] for column in order) for row in order)
        return neighbours(
            {number: parameters[number] for number in named if number is not None}, matrix
        )
    except (OSError, ValueError) as error:
        raise Misconfigured(
            f"{path} does not say how markets correlate: {error}; calibrate them together, or take"
            " its `correlation` out"
        ) from None


def deploy(
    plan: Annotated[
        Path, typer.Option("--plan", help="What to deploy; scripts/local.toml is a whole plan.")
    ],
    output: Annotated[
        Path, typer.Option("--output", help="Where to write the address book.")
    ] = Path("book.json"),
    contracts: Annotated[
        Path | None,
        typer.Option("--contracts", help="A checkout's contracts/; found from here if left out."),
    ] = None,
    rpc_url: RpcUrl = RPC_URL,
    key_file: KeyFile = None,
    keystore: Keystore = None,
    password_file: PasswordFile = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Compile a checkout's contracts, deploy them as planned, check what stands there, write the
    address book.
    """
    from infold.cli.options import connect, wallet
    from infold.shell.chain import Sender
    from infold.shell.deploy import RpcDeployer, find_contracts
    from infold.shell.deploy import deploy as carry_out
    from infold.shell.plan import read_plan
    from infold.signing import checksum_address

    began = time.monotonic()
    planned = read_plan(plan)
    rpc = connect(rpc_url)
    chain_id = int(rpc.call("eth_chainId"), 16)
    key = wallet(key_file, keystore, password_file, chain_id)
    sender = Sender(rpc, key.private_key, chain_id)
    with progress(quiet) as steps:
        book = carry_out(
            RpcDeployer(rpc, sender, _miner(rpc)), planned, contracts or find_contracts(), steps.say
        )
    book.write(output)
    document = {
        **header("deploy"),
        "chain_id": chain_id,
        "deployer": str(key),
        "contracts": {name: checksum_address(address) for name, address in book.addresses.items()},
        "book": str(output),
        "seconds": round(time.monotonic() - began, 3),
        "ok": True,
    }
    finish(document, as_json, "deployed", of_deployed)


def _miner(rpc: Rpc) -> Callable[[], None]:
    """How to wait for a block: a development node is asked for one, other chains take time."""
    development = "anvil" in str(rpc.call("web3_clientVersion")).lower()

    def mine() -> None:
        if development:
            rpc.call("evm_mine")
        else:
            time.sleep(BLOCK_WAIT_S)

    return mine


# -- checking ----------------------------------------------------------------


def audit(
    rpc_url: RpcUrl = RPC_URL,
    clearing: Annotated[
        str | None,
        typer.Option(
            "--clearing",
            envvar="INFOLD_CLEARING",
            help="Address of Clearing, where a chain holds several.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Replay public calldata and logs with the independent twin and judge the invariants.

    Needs a node and nothing else: no journal of ours, no engine. Exit code 8 if anything is wrong.
    """
    from infold.cli.findings.audits import audit_of

    result = audit_of(rpc_url, None if clearing is None else address_of_text(clearing))
    finish({**header("audit"), **result}, as_json, "audit", of_audit)


def reconcile(
    path: JournalPath,
    rpc_url: RpcUrl = RPC_URL,
    api_url: ApiUrl = API_URL,
    book: Book = None,
    as_json: Json = False,
) -> None:
    """Fold the journal and compare every word of it with the chain, to the last bit, at the block
    it has seen. The venue may be running; a devnet's chain ends with it.
    """
    from infold.cli.options import venue
    from infold.core.state import chain_words
    from infold.node import replay_state
    from infold.shell.reconcile import reconcile as compare

    began = time.monotonic()
    state, seq, digest = replay_state(journal_in(path))
    result = compare(venue(rpc_url, api_url, book), chain_words(state), state.block)
    document = {
        **header("reconcile"),
        "block": result.block,
        "words": result.words,
        "accounts": result.accounts,
        "accounted_e6": str(result.accounted_e6),
        "claims_e6": str(result.claims_e6),
        "balance_e6": str(result.balance_e6),
        "journal": {"seq": seq, "hash": digest},
        "differences": result.report(),
        "seconds": round(time.monotonic() - began, 3),
        "ok": result.ok,
    }
    finish(document, as_json, "reconcile", of_reconcile)


@journal_group.command("replay")
def journal_replay(path: JournalPath, as_json: Json = False) -> None:
    """Fold the journal's events again, without a chain; prints what state they lead to, and names
    each batch that was not closed on the curves which the dealer had committed to.
    """
    from infold.core.state import chain_words
    from infold.node import Commitments, replay_state
    from infold.signing import keccak

    began = time.monotonic()
    commitments = Commitments()
    state, seq, digest = replay_state(journal_in(path), commitments.watch)
    words = "".join(f"{place}={word:x};" for place, word in sorted(chain_words(state).items()))
    tally = state.tally
    document = {
        **header("journal replay"),
        "journal": {"seq": seq, "hash": digest},
        "block": state.block,
        "batches": state.head.number,
        "accounts": len(state.accounts),
        "orders": {
            "accepted": tally.accepted,
            "open": tally.open,
            "filled": tally.filled,
            "expired": tally.expired,
            "cancelled": tally.cancelled,
            "skipped": tally.skipped,
            "lapsed": tally.lapsed,
        },
        "words_hash": "0x" + keccak(words.encode()).hex(),
        "curves": {
            "committed": commitments.batches,
            "kept": commitments.batches - len(commitments.faults),
        },
        "faults": commitments.faults,
        "seconds": round(time.monotonic() - began, 3),
        "ok": not commitments.faults,
    }
    finish(document, as_json, "journal")
