# SPDX-License-Identifier: Apache-2.0
"""`infold doctor`: look the environment over, and print the mend for each failing line.

Nothing is changed and nothing is fetched. Outside a checkout (an installed wheel) only what a wheel
needs is looked at.
"""

from __future__ import annotations

import platform
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from infold.cli.header import header
from infold.cli.layout import WIDTH, folded
from infold.config import load

PYTHONS = ("3.11", "3.12")
VYPER_VERSION = "0.4.3"
ANVIL_VERSION = "1.7.1"
PROGRAM_S_MAX = 120  # the slowest answer: compiling every contract on a busy machine
LABEL_WIDTH = 19  # of a line: the mark, the name and the spaces around them
DISK_BYTES_MIN = 512 * 2**20  # journals, a chain's state and caches of a long replay
SETUP_BYTES_MIN = 2 * 2**30  # .venv is 0.9 GiB, and pip keeps what it fetched as well


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report.

    `found` says what is there; `mend` what to do about it, empty if all is well. A `note` is told
    and never fails the report.
    """

    name: str
    ok: bool
    found: str
    mend: str = ""
    note: bool = False


def checkout() -> Path | None:
    """The root of the checkout this code runs from, or None if it was installed as a wheel."""
    root = Path(__file__).resolve().parents[4]
    return root if (root / "tools" / "bootstrap.py").exists() else None


def checks(root: Path | None, data: Path | None) -> list[Check]:
    """Everything worth looking at, in the order in which one would mend it.

    `root` is a checkout (see `checkout`), `data` the folder of recorded market data if one is set.
    """
    found = [check_python()]
    if root is not None:
        set_up = check_set_up(root)
        found += [set_up, check_environment(root)]
        if not set_up.ok:
            found.append(check_node())
        found += [check_vyper(), check_anvil(), check_abi(root), check_disk(root, set_up.ok)]
    found += [check_port(), check_data(data)]
    return found


def failed(found: Sequence[Check]) -> bool:
    """Whether anything must be mended."""
    return any(not check.ok and not check.note for check in found)


def lines(found: Sequence[Check]) -> Iterator[str]:
    """The report for a person: a line a check, its mend below it."""
    for check in found:
        mark = "ok  " if check.ok else "note" if check.note else "FAIL"
        yield f"{mark}  {check.name:<12} {check.found}"
        if check.mend:
            yield f"      {'':<12} mend: {check.mend}"


def examine() -> dict[str, Any]:
    """The whole report of this environment, as one object; not `ok` if anything must be mended."""
    began = time.monotonic()
    data = load().data
    found = checks(checkout(), None if data is None else Path(data))
    return {
        **header("doctor"),
        "checks": [asdict(check) for check in found],
        "seconds": round(time.monotonic() - began, 3),
        "ok": not failed(found),
    }


def told(document: Mapping[str, Any]) -> list[str]:
    """The report's object as lines of at most the usual width."""
    found = [Check(**one) for one in document["checks"]]
    return [line for text in lines(found) for line in _fitted(text)]


def _fitted(text: str) -> list[str]:
    label, rest = text[:LABEL_WIDTH], text[LABEL_WIDTH:]
    first, *more = folded(rest, WIDTH - LABEL_WIDTH)
    return [label + first, *(" " * LABEL_WIDTH + piece for piece in more)]


# -- the checks ----------------------------------------------------------------


def check_python() -> Check:
    version = platform.python_version()
    if version.rpartition(".")[0] in PYTHONS:
        return Check("python", True, f"{version}, {sys.executable}")
    mend = "install Python 3.11 or 3.12, then `make setup PYTHON=/path/to/python3.12`"
    return Check("python", False, f"{version} is not supported", mend)


def check_set_up(root: Path) -> Check:
    """The set-up's own judgement: it compares the locks with what `.venv` was made from."""
    code, said = answer([sys.executable, str(root / "tools" / "bootstrap.py"), "--check"])
    if code == 0:
        return Check("set-up", True, ".venv is what the locks say")
    return Check("set-up", False, said or "tools/bootstrap.py does not run", "make setup")


def check_environment(root: Path) -> Check:
    venv = root / ".venv"
    if Path(sys.prefix).resolve() == venv.resolve():
        return Check("environment", True, f"running from {venv}")
    mend = "use `make doctor` and the other targets, or `source .venv/bin/activate`"
    return Check("environment", False, f"running from {sys.prefix}, not from {venv}", mend)


def check_node() -> Check:
    """Node matters only while anvil is still to be fetched, and even then it can come by itself."""
    node = shutil.which("node")
    found = node or "none installed: the set-up takes it from a Python wheel"
    return Check("node", True, found, note=True)


def check_vyper() -> Check:
    """Ape runs the `vyper` it finds on PATH, so that is the one that counts."""
    return check_program("vyper", VYPER_VERSION, prefix="")


def check_anvil() -> Check:
    return check_program("anvil", ANVIL_VERSION, prefix="anvil Version: ")


def check_program(name: str, version: str, prefix: str) -> Check:
    """Whether `name` on PATH runs and says that it is `version`, perhaps with a build suffix."""
    path = shutil.which(name)
    if path is None:
        mend = "make setup; then run through make, or put .venv/bin first on PATH"
        return Check(name, False, "not on PATH", mend)
    code, said = answer([path, "--version"])
    shown = said.partition("\n")[0].removeprefix(prefix)
    number = shown.partition("+")[0].partition("-")[0].strip()
    if code == 0 and number == version:
        return Check(name, True, f"{version}, {path}")
    mend = f"put .venv/bin first on PATH: {path} shadows the locked {name} {version}"
    return Check(name, False, shown or f"{path} does not run", mend)


def check_abi(root: Path) -> Check:
    code, said = answer([sys.executable, str(root / "tools" / "build_abi.py"), "--check"])
    if code == 0:
        return Check("abi", True, "offchain/infold/abi matches contracts/")
    found = said.partition("\n")[0] or "tools/build_abi.py does not run"
    return Check("abi", False, found, "make abi; if a contract does not compile, mend it first")


def check_disk(root: Path, set_up: bool) -> Check:
    free = shutil.disk_usage(root).free
    needed = DISK_BYTES_MIN if set_up else SETUP_BYTES_MIN
    found = f"{free / 2**30:.1f} GiB free"
    if free >= needed:
        return Check("disk", True, found)
    mend = f"free at least {needed / 2**30:.1f} GiB, or move the checkout"
    return Check("disk", False, found, mend)


def check_port() -> Check:
    """Every server and node of ours takes a free port of 127.0.0.1."""
    try:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
    except OSError as error:
        mend = "allow this user to listen on 127.0.0.1; without it no local chain can run"
        return Check("loopback", False, f"cannot listen on 127.0.0.1: {error}", mend)
    return Check("loopback", True, f"127.0.0.1 has free ports, {port} for one")


def check_data(data: Path | None) -> Check:
    if data is None:
        found = "INFOLD_DATA is not set: tests on recorded markets are skipped"
        return Check("data", True, found, note=True)
    if data.is_dir():
        return Check("data", True, str(data))
    mend = "point INFOLD_DATA at the folder of recorded market data, or unset it"
    return Check("data", False, f"{data} is not a folder", mend)


def answer(command: list[str]) -> tuple[int, str]:
    """Exit code of a program and what it said on both streams; -1 if it does not start or end."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            timeout=PROGRAM_S_MAX,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return -1, str(error)
    return done.returncode, done.stdout.strip()
