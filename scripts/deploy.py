# SPDX-License-Identifier: Apache-2.0
"""`infold deploy` as an Ape script: the same plan, order and checks, Ape's accounts and networks.

    ape run deploy                         scripts/local.toml, onto a node that Ape starts and ends
    ape run deploy --network ethereum:local:http://127.0.0.1:PORT \\
        --plan venue.toml --account NAME --output book.json

Only the transport differs: `infold.shell.deploy.deploy` carries the plan out here as well.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from ape.cli import ConnectedProviderCommand, account_option
from ape.exceptions import ApeException

from infold.errors import InfoldError
from infold.shell.compiling import find_contracts
from infold.shell.deploy import create_address, deploy
from infold.shell.plan import read_plan
from infold.signing import checksum_address

HERE = Path(__file__).resolve().parent


class ApeDeployer:
    """`infold.shell.deploy.Deployer` over an Ape account and the connected provider."""

    def __init__(self, account: Any, provider: Any) -> None:
        self._account = account
        self._provider = provider
        self.address = bytes.fromhex(account.address.removeprefix("0x"))

    def next_nonce(self) -> int:
        """The nonce of the account's next transaction."""
        return int(self._account.nonce)

    def create(self, name: str, init_code: bytes) -> bytes:
        """Create a contract and wait for it; its address."""
        nonce = self.next_nonce()
        self._carry(None, init_code)
        return create_address(self.address, nonce)

    def send(self, what: str, to: bytes, data: bytes) -> None:
        """Call a contract and wait until it succeeded. Ape raises with the revert's reason."""
        self._carry(to, data)

    def code(self, address: bytes) -> bytes:
        """The code at an address."""
        return bytes(self._provider.get_code(checksum_address(address)))

    def read(self, to: bytes, data: bytes) -> bytes:
        """A read-only call."""
        call = {"to": checksum_address(to), "data": "0x" + data.hex()}
        answer = str(self._provider.make_request("eth_call", [call, "latest"]))
        return bytes.fromhex(answer.removeprefix("0x"))

    def block_number(self) -> int:
        """The latest block."""
        return int(self._provider.get_block("latest").number)

    def chain_id(self) -> int:
        """The chain's id."""
        return int(self._provider.chain_id)

    def _carry(self, to: bytes | None, data: bytes) -> None:
        ecosystem = self._provider.network.ecosystem
        values: dict[str, Any] = {"sender": self._account.address, "data": data}
        if to is not None:
            values["receiver"] = checksum_address(to)
        self._account.call(ecosystem.create_transaction(**values))


@click.command(cls=ConnectedProviderCommand)
@account_option()
@click.option(
    "--plan",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=HERE / "local.toml",
    help="What the venue is to be; scripts/local.toml if not given.",
)
@click.option(
    "--output", type=click.Path(path_type=Path), help="Write the address book here as well."
)
def cli(account: Any, provider: Any, plan: Path, output: Path | None) -> None:
    """Deploy the venue of a plan and print its address book as one JSON object."""
    try:
        book = deploy(
            ApeDeployer(account, provider),
            read_plan(plan),
            find_contracts(HERE),
            lambda line: click.echo(line, err=True),
        )
    except (InfoldError, ApeException) as error:
        raise click.ClickException(str(error)) from error
    if output is not None:
        book.write(output)
    click.echo(book.to_json(), nl=False)
