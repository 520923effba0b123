# SPDX-License-Identifier: Apache-2.0
"""The ``infold`` command: what it offers, and what its exit codes mean.

``commands/`` has what it offers: ``accounts``, ``orders`` and ``markets`` (people who trade),
``liquidity`` (people who provide it), ``operate`` and ``keeper`` (people who run a venue),
``govern`` (people who change one), ``study``, ``bench`` and ``report`` (people who measure one),
and beside them a module for each thing that is its own: how a venue stands, refunds, the bond and
claims on it, forced exits, the vault's tickets, the wind-down. ``pages/`` has what people read of
each, ``runs/`` the venues that the demo and a replay drive, ``findings/`` what other commands work
out before they print it. What is beside this file serves all of them: options and keys, the way to
the contracts, how output is printed and failures are told.

Modules that need numpy or a chain are imported inside commands, so that ``infold --help`` answers
at once and a base install (no numpy, no Ape) can trade.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from infold.caches import keep_compiled
from infold.cli.commands import (
    accounts,
    bench,
    bond,
    claims,
    govern,
    leaving,
    liquidity,
    markets,
    operate,
    orders,
    refunds,
    report,
    standing,
    study,
    tickets,
    winding,
)
from infold.cli.failures import INTERRUPTED, Failure, asks_for_json, of_error, of_usage, tell
from infold.cli.header import version
from infold.cli.help import lay_out_help
from infold.cli.options import CONNECTIONS, defaults_for, settings
from infold.cli.terminal import Exit
from infold.errors import InfoldError

_EPILOG = (
    "Exit codes: 0 ok, 1 failure, 2 usage, 3 setup, 4 signature, 5 rejected, 6 unavailable, "
    "7 on-chain revert, 8 check failed, 130 interrupted. stdout is data, stderr is progress. With "
    '--json a failure is the last line of stderr: {"error": {code, message, next, ...}}.'
)

app = typer.Typer(
    name="infold",
    help="An internalizing derivatives venue: matched off chain, checked and settled on chain.",
    epilog=_EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",  # a docstring may break its lines anywhere
    context_settings={"help_option_names": ["-h", "--help"]},
)
study.register(app)
bench.register(app)
report.register(app)
operate.register(app)
standing.register(app)
govern.register(app)
accounts.register(app)
orders.register(app)
leaving.register(app)
liquidity.register(app)
markets.register(app)
refunds.register(app)
tickets.register(app)
claims.register(app)
bond.register(app)
winding.register(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"infold {version()}")
        raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    wanted: bool = typer.Option(
        False,
        "--version",
        callback=_print_version,
        is_eager=True,
        help="Print the version and leave.",
    ),
) -> None:
    """An internalizing derivatives venue: matched off chain, checked and settled on chain."""
    context.default_map = defaults_for(_group(context.command), settings(Path.cwd()))


def _group(command: object) -> TyperGroup:
    """The root as what it is: typer types it as any command."""
    if not isinstance(command, TyperGroup):
        raise TypeError("the root command groups the others")
    return command


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code. Whatever is raised on purpose is the last line on stderr."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["help"]:
        given = [*given[1:], "--help"]
    lay_out_help(given)

    def failed(failure: Failure) -> int:
        return tell(failure, asks_for_json(given, Path.cwd()))

    try:
        result = app(args=given, prog_name="infold", standalone_mode=False)
        return int(result) if isinstance(result, int) else Exit.OK
    except TyperException as error:
        return failed(of_usage(error.format_message()))
    except typer.Exit as leaving:
        return leaving.exit_code
    except (typer.Abort, KeyboardInterrupt):
        return failed(INTERRUPTED)
    except InfoldError as error:
        return failed(of_error(error))
    except BrokenPipeError:
        # The reader left (``infold ... | head``): nothing more to say, nothing wrong.
        sys.stderr.close()
        return Exit.OK
    finally:
        CONNECTIONS.close()


def main() -> None:
    """The entry point."""
    keep_compiled()
    sys.exit(run())
