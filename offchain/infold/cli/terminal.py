# SPDX-License-Identifier: Apache-2.0
"""How commands speak: one JSON document or a page on stdout, progress on stderr, one exit code."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import IntEnum
from typing import Annotated, Any, Protocol

import typer

from infold.cli.header import header
from infold.cli.layout import plain
from infold.cli.pages import Page, Rows
from infold.errors import (
    InfoldError,
    InvariantBroken,
    Misconfigured,
    Rejected,
    Unavailable,
    printable,
)

Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON document on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")]
Seed = Annotated[
    int, typer.Option("--seed", min=0, help="Changes every figure of a synthetic flow.")
]


class Exit(IntEnum):
    """What a command's exit code says."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    SETUP = 3
    SIGNATURE = 4
    REJECTED = 5
    UNAVAILABLE = 6
    REVERTED = 7
    CHECK_FAILED = 8
    INTERRUPTED = 130


# Rejections that are about who speaks, not about what is asked.
SIGNATURE_CODES = frozenset(
    {
        "SIGNATURE_MALFORMED",
        "BAD_SIGNATURE",
        "NOT_THE_SIGNER",
        "DELEGATE_UNKNOWN",
        "DELEGATE_EXPIRED",
        "DELEGATE_SCOPE",
        "NOT_APPROVED",
    }
)


class CheckFailed(InfoldError):
    """A check ran to its end and found something wrong: exit code 8."""


def exit_code_of(error: InfoldError) -> Exit:
    """Whose turn it is, as an exit code."""
    if isinstance(error, Rejected):
        return Exit.SIGNATURE if error.code in SIGNATURE_CODES else Exit.REJECTED
    if isinstance(error, Misconfigured):
        return Exit.SETUP
    if isinstance(error, Unavailable):
        return Exit.UNAVAILABLE
    if isinstance(error, CheckFailed | InvariantBroken):
        return Exit.CHECK_FAILED
    # A revert is the only other branch of the tree; it lives in the shell, which a base install may
    # lack.
    return Exit.REVERTED if type(error).__name__ == "Reverted" else Exit.FAILURE


def complain(message: str) -> None:
    """One line on stderr."""
    print(f"infold: {legible(message)}", file=sys.stderr, flush=True)


def legible(text: str) -> str:
    """A text that may quote others, as a terminal may have it: it steers nothing."""
    return "\n".join(map(printable, text.split("\n")))


# -- data --------------------------------------------------------------------


def show(document: Mapping[str, Any], as_json: bool, title: str = "", page: Page = plain) -> None:
    """Print a command's object: one JSON document, or its page for people."""
    _print(document, as_json, title, lambda: page(document))


def show_command(
    command: str, found: Mapping[str, Any], as_json: bool, title: str, page: Page = plain
) -> None:
    """Print what a command did, after the header every object has; people read the page alone."""
    show({**header(command), **found}, as_json, title, page)


def show_all(
    command: str,
    name: str,
    documents: Sequence[Mapping[str, Any]],
    as_json: bool,
    title: str,
    rows: Rows,
) -> None:
    """Print a command's list: one JSON object that has it by name, or a table for people."""
    found = {**header(command), name: documents}
    _print(found, as_json, title, lambda: rows(documents) if documents else ["none"])


def _print(found: object, as_json: bool, title: str, lines: Callable[[], list[str]]) -> None:
    if as_json:
        text = json.dumps(found, separators=(",", ":"), allow_nan=False)
    else:
        head = [_bold(title)] if title else []
        text = "\n".join([*head, *map(legible, lines())])
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _bold(text: str) -> str:
    """Bold on a terminal that wants it; see no-color.org."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return f"\x1b[1m{text}\x1b[0m"


# -- progress ----------------------------------------------------------------


class Steps(Protocol):
    """Where a long command says how far it is."""

    def say(self, text: str) -> None:
        """A new step begins."""

    def at(self, done: int, total: int, note: str = "") -> None:
        """The running step is so far along."""


class _Silent:
    def say(self, text: str) -> None: ...

    def at(self, done: int, total: int, note: str = "") -> None: ...


class _Lines:
    """One line a step, and one every few seconds within a long one: for logs."""

    EVERY_S = 10.0

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._spoke = self._begun

    def say(self, text: str) -> None:
        self._spoke = time.monotonic()
        print(f"[{self._spoke - self._begun:6.1f} s] {legible(text)}", file=sys.stderr, flush=True)

    def at(self, done: int, total: int, note: str = "") -> None:
        if time.monotonic() - self._spoke >= self.EVERY_S:
            self.say(f"{done} of {total} {note}".rstrip())


class _Bars:
    """A bar that is redrawn in place: for terminals."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
        )

        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"),
            console=Console(stderr=True),
        )
        self._task = self._progress.add_task("", total=None, note="", visible=False)

    def start(self) -> None:
        self._progress.start()

    def stop(self) -> None:
        self._progress.stop()

    def say(self, text: str) -> None:
        self._progress.console.print(legible(text), highlight=False)
        self._progress.update(
            self._task, description=text, completed=0, total=None, note="", visible=True
        )

    def at(self, done: int, total: int, note: str = "") -> None:
        self._progress.update(self._task, completed=done, total=total, note=note)


@contextmanager
def progress(quiet: bool) -> Iterator[Steps]:
    """Bars on a terminal, lines elsewhere, nothing if quiet; always on stderr."""
    if quiet:
        yield _Silent()
    elif sys.stderr.isatty():
        bars = _Bars()
        bars.start()
        try:
            yield bars
        finally:
            bars.stop()
    else:
        yield _Lines()


def finish(document: Mapping[str, Any], as_json: bool, title: str, page: Page = plain) -> None:
    """Print a command's object; leave with 8 unless it is ``ok``."""
    show(document, as_json, title, page)
    if not document["ok"]:
        raise typer.Exit(Exit.CHECK_FAILED)
