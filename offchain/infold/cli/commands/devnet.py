# SPDX-License-Identifier: Apache-2.0
"""`infold devnet`: a whole venue on this machine, for as long as nobody interrupts it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infold.cli.header import header
from infold.cli.outputs import must_be_new_directory
from infold.cli.pages.venues import of_devnet
from infold.cli.terminal import Exit, Json, Quiet, Seed, complain, progress, show
from infold.errors import InvariantBroken, Misconfigured

if TYPE_CHECKING:
    from infold.dealer.neighbours import Neighbours
    from infold.dealer.params import DealerParameters


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
    spare_signers: Annotated[
        int,
        typer.Option(
            "--spare-signers",
            min=0,
            max=8,
            help="Oracle signers that run unnamed, for `infold govern oracle_signer` to name.",
        ),
    ] = 1,
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
    markets, accounts with their keys, matcher, owner, guardian, refund_payer, oracle_signers with
    their URLs, spare_signers and k; key_files is where keys of those who run and govern it lie as
    files, book the address book. The keys follow from the seed and are worth nothing.
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
        spare_signers=spare_signers,
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
        local.run_live(stopped, lambda halt: complain(_of_halt(halt, local.devnet.directory)))
    if stopped.is_set():
        raise typer.Exit(Exit.INTERRUPTED)


def _of_halt(halt: InvariantBroken, directory: Path) -> str:
    """What to do with a devnet whose node has halted."""
    return (
        f"the node has halted: {halt}. Its chain and signers go on until interrupted, so that"
        f" everybody can leave and it can be looked into: infold reconcile {directory} says what"
        " differs, infold audit what broke"
    )


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
