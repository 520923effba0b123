# SPDX-License-Identifier: Apache-2.0
"""Commands of people who run a venue or watch one: devnet, deploy, reconcile, audit, journal."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from infold.cli.options import API_URL, RPC_URL, ApiUrl, Book, KeyFile, Keystore, PasswordFile, RpcUrl
from infold.cli.terminal import CheckFailed, Exit, Json, Quiet, Seed, complain, finish, progress, show
from infold.errors import Misconfigured

journal_group = typer.Typer(no_args_is_help=True, help="Check a journal, or fold it again.")


def register(app: typer.Typer) -> None:
    """Add these commands to the root."""
    app.command()(devnet)
    app.command()(deploy)
    app.command()(reconcile)
    app.command()(audit)
    app.add_typer(journal_group, name="journal")


@journal_group.command("verify")
def journal_verify(
    path: Annotated[Path, typer.Argument(help="The journal's directory.")], as_json: Json = False
) -> None:
    """Walk the hash chain; names the first place that is damaged."""
    from infold.shell.journal import Journal

    report = Journal.inspect(path)
    document = {
        "command": "journal verify",
        "path": str(path),
        "groups": report.groups,
        "entries": report.entries,
        "seq": report.seq,
        "hash": report.hash,
        "faults": list(report.faults),
        "ok": report.ok,
    }
    finish(document, as_json, "journal")


def version() -> str:
    """The installed version."""
    from infold.cli.app import version as installed

    return installed()


def header(command: str, seed: int | None = None) -> dict[str, Any]:
    """What every command's object begins with."""
    return {"command": command, "version": version(), "seed": seed}


def audit(
    rpc_url: RpcUrl = RPC_URL,
    clearing: Annotated[
        str | None, typer.Option("--clearing", envvar="INFOLD_CLEARING", help="Address of Clearing, if the node serves several venues.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Replay public calldata and logs with the independent twin and evaluate the invariants.

    Needs a node and nothing else: no journal of ours, no engine.
    """
    raise NotImplementedError
