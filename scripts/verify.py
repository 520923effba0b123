# SPDX-License-Identifier: Apache-2.0
"""`infold verify` as an Ape script: the same comparison, Ape's networks.

    ape run verify --network ethereum:local:http://127.0.0.1:PORT --book book.json
    ape run verify --network NETWORK --plan venue.toml --book book.json --json

Leaves with 1 and names each difference if code, roles, keys or parameters are not the
repository's and the plan's. Only the network is Ape's: `infold.shell.verify.verify` compares.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from ape.cli import ConnectedProviderCommand

from infold.errors import InfoldError
from infold.shell.chain import AddressBook, Rpc
from infold.shell.compiling import find_contracts
from infold.shell.plan import read_plan
from infold.shell.verify import verify

HERE = Path(__file__).resolve().parent


@click.command(cls=ConnectedProviderCommand)
@click.option(
    "--plan",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=HERE / "local.toml",
    help="What was deployed; scripts/local.toml if not given.",
)
@click.option(
    "--book",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="The address book that the deployment wrote.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def cli(provider: Any, plan: Path, book: Path, as_json: bool) -> None:
    """Compare what stands on the connected chain with this repository and a plan."""
    rpc = Rpc(str(provider.http_uri or provider.uri))
    try:
        verdict = verify(
            rpc,
            AddressBook.read(book),
            read_plan(plan),
            find_contracts(HERE),
            lambda line: click.echo(line, err=True),
        )
    except InfoldError as error:
        raise click.ClickException(str(error)) from error
    finally:
        rpc.close()
    if as_json:
        click.echo(json.dumps(verdict.report()))
    else:
        for one in verdict.differences:
            click.echo(f"{one.where}: planned {one.planned}, found {one.found}")
        click.echo(f"{verdict.checked} compared, {len(verdict.differences)} differ")
    if not verdict.ok:
        raise SystemExit(1)
