# SPDX-License-Identifier: Apache-2.0
"""How a command says that it failed: a line for people, one JSON object where JSON is asked for; on
stderr either way, since stdout is data.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from infold.cli.advice import advice
from infold.cli.options import settings
from infold.cli.terminal import Exit, complain, exit_code_of
from infold.errors import CODES, InfoldError, Misconfigured, Rejected, Unavailable, Undecided

USAGE_NEXT = "add --help to the command to see what it takes"


class Failure(NamedTuple):
    """Why a command failed. `code` is a rejection's own, else the exit code's name."""

    exit: Exit
    code: str
    message: str
    next: str | None = None
    param: str | None = None
    retryable: bool = False


def of_error(error: InfoldError) -> Failure:
    """Whatever is raised on purpose. Messages end in what to do next, after a semicolon."""
    exit_code, said = exit_code_of(error), str(error)
    if isinstance(error, Rejected):
        return Failure(exit_code, error.code, said, CODES[error.code], error.param)
    if exit_code is Exit.REVERTED:
        said = _advised(error)
    _, _, mend = said.partition("; ")
    retryable = isinstance(error, Unavailable) and not isinstance(error, Undecided)
    return Failure(exit_code, exit_code.name, said, mend or None, retryable=retryable)


def _advised(refusal: InfoldError) -> str:
    """A contract's refusal with what to do next, where whoever met it left that out."""
    from infold.shell.chain import Reverted

    if not isinstance(refusal, Reverted) or refusal.mend:
        return str(refusal)
    function = refusal.doing.rpartition(".")[2]
    return str(Reverted(refusal.reason, refusal.doing, advice(refusal.reason, function)))


def of_usage(said: str) -> Failure:
    """A slip in a command's own arguments, in the parser's words."""
    said = said.rstrip(".") or "no command was named"
    if number := re.fullmatch(r"No such option: (-[\d.]\S*)", said):
        said = f"{number[1]} is read as an option: no number here is below zero"
    return Failure(Exit.USAGE, Exit.USAGE.name, said, USAGE_NEXT)


INTERRUPTED = Failure(Exit.INTERRUPTED, Exit.INTERRUPTED.name, "interrupted")


def tell(failure: Failure, as_json: bool) -> Exit:
    """Print a failure as its command was told to print; its exit code."""
    if as_json:
        document = {"error": failure._asdict() | {"exit": int(failure.exit)}}
        print(json.dumps(document, separators=(",", ":")), file=sys.stderr, flush=True)
    elif failure.next == USAGE_NEXT:
        complain(f"{failure.message}. {USAGE_NEXT.capitalize()}.")
    else:
        complain(failure.message)
    return failure.exit


def asks_for_json(arguments: Sequence[str], folder: Path) -> bool:
    """Whether --json is among a command's options, or a configuration file sets it for all. Of a
    command that failed not even the options need be legible, so they are looked at as words.
    """
    options = list(arguments)
    if "--json" in (options[: options.index("--")] if "--" in options else options):
        return True
    try:
        return settings(folder).get("as_json", False) is True
    except Misconfigured:
        return False
