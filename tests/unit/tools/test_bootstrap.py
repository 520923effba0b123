# SPDX-License-Identifier: Apache-2.0
"""The set-up: what it takes for done, what it refuses, and how it heals. No network."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import bootstrap
from bootstrap import Record, SetupError, unfinished

ROOT = Path(__file__).resolve().parents[3]
ALL = ["environment", "packages", "package", "anvil"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The files that a set-up reads, and nothing made from them."""
    for folder in ("requirements", "tools"):
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignore)
    shutil.copyfile(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    return tmp_path


def finish(root: Path, python: str = "3.11") -> Record:
    """A `.venv` that looks complete."""
    programs = root / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("python", "infold", "anvil"):
        (programs / name).touch()
    record = Record(root / ".venv")
    record.write(
        {
            "python": python,
            "packages": bootstrap.packages_digest(root, python),
            "package": bootstrap.package_digest(root, python),
            "anvil": bootstrap.anvil_digest(root, python),
        }
    )
    return record


def test_nothing_is_done_at_first_and_nothing_is_left_when_complete(root: Path) -> None:
    assert unfinished(root) == ALL
    finish(root)
    assert unfinished(root) == []


@pytest.mark.parametrize(
    ("file", "todo"),
    [
        ("requirements/3.11.txt", ["packages", "package", "anvil"]),
        ("requirements/build.txt", ["packages", "package", "anvil"]),
        ("requirements/3.12.txt", []),
        ("pyproject.toml", ["package"]),
        ("tools/package-lock.json", ["anvil"]),
    ],
)
def test_a_changed_file_repeats_the_steps_made_from_it(
    root: Path, file: str, todo: list[str]
) -> None:
    finish(root)
    with (root / file).open("a", encoding="utf-8") as changed:
        changed.write("\n")
    assert unfinished(root) == todo


def test_a_moved_checkout_is_set_up_again(root: Path) -> None:
    finish(root)
    moved = root.with_name("moved")
    root.rename(moved)
    assert unfinished(moved) == ["packages", "package", "anvil"]


@pytest.mark.parametrize("name", ["infold", "anvil", "python"])
def test_a_deleted_program_is_made_again(root: Path, name: str) -> None:
    finish(root)
    (root / ".venv" / "bin" / name).unlink()
    assert unfinished(root)


def test_a_damaged_record_counts_as_nothing_done(root: Path) -> None:
    record = finish(root)
    for text in ("", "{", "[]", '{"python": "3.10"}'):
        record.path.write_text(text, encoding="utf-8")
        assert unfinished(root) == ALL


def test_a_set_up_killed_before_its_packages_were_entered_starts_over(root: Path) -> None:
    """What a killed run leaves is removed: the new environment holds only what venv puts there."""
    venv = root / ".venv"
    Record(venv.with_name("seed")).path.parent.mkdir()
    (root / "seed").rename(venv)
    Record(venv).write({"python": "3.11"})
    (venv / "lib").mkdir()
    (venv / "lib" / "half-installed.txt").touch()
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    bootstrap.make_environment(venv, Path(sys.executable), version)
    assert not (venv / "lib" / "half-installed.txt").exists()
    assert (venv / "bin" / "python").exists()
    assert Record(venv).read() == {"python": version}
    assert unfinished(root)[0] == "packages"


def test_an_environment_that_is_not_ours_is_left_alone(root: Path) -> None:
    mine = root / ".venv" / "mine.txt"
    mine.parent.mkdir()
    mine.write_text("keep me", encoding="utf-8")
    with pytest.raises(SetupError, match="Move it away"):
        bootstrap.make_environment(root / ".venv", Path(sys.executable), "3.11")
    assert mine.read_text(encoding="utf-8") == "keep me"


def test_a_failing_step_says_what_the_program_said_and_what_to_do() -> None:
    command = [sys.executable, "-c", "print('no such hash'); raise SystemExit(7)"]
    with pytest.raises(SetupError) as failure:
        bootstrap.run(command, "look at the lock")
    for words in ("exit code 7", "no such hash", "look at the lock"):
        assert words in str(failure.value)
    with pytest.raises(SetupError, match="does not start"):
        bootstrap.run(["/nowhere/program"], "install it")


def test_fetching_says_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter(range(0, 100, 4))
    monkeypatch.setattr(bootstrap.time, "monotonic", lambda: float(next(clock)))
    fetched = bootstrap.Fetched(7)
    fetched.hear("Ignoring winonly: markers 'os_name == \"nt\"' don't match your environment\n")
    for name in "abcde":
        fetched.hear(f"Collecting {name}==1\n")
        fetched.hear("  Downloading it\n")
    fetched.hear("Processing ./f-1-py3-none-any.whl (from -r it)\n")
    fetched.hear("Installing collected packages: a, b\n")
    lines = [line.strip() for line in capsys.readouterr().err.splitlines()]
    assert [line.split(";")[0] for line in lines] == [
        "3 of 6 packages fetched",
        "6 of 6 packages fetched",
        "all 6 fetched",
    ]
    assert fetched.count == 6


def test_no_fitting_python_is_an_error_with_a_mend(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\necho 3.8 /usr/bin/python3\n", encoding="utf-8")
    old.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(old))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SetupError, match="PYTHON="):
        bootstrap.find_python(tmp_path / ".venv")


def test_pip_is_kept_from_installing_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYTHONPATH", "PIP_TARGET", "PIP_PREFIX", "VIRTUAL_ENV"):
        monkeypatch.setenv(name, "/elsewhere")
    monkeypatch.setenv("PIP_CERT", "/certificates")
    environment = bootstrap.clean_environment()
    assert "/elsewhere" not in environment.values()
    assert environment["PIP_CERT"] == "/certificates"


def an_anvil(path: Path, version: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho 'anvil Version: {version}'\n", encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("version", "answers"),
    [("1.7.1", True), ("1.7.1-stable", True), ("1.7.10", False), ("", False)],
)
def test_anvil_must_be_the_pinned_one(tmp_path: Path, version: str, answers: bool) -> None:
    assert bootstrap.anvil_answers(an_anvil(tmp_path / "anvil", version)) is answers
    assert not bootstrap.anvil_answers(tmp_path / "nothing")


def test_where_the_lock_has_no_build_an_anvil_on_path_is_linked(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    link = root / ".venv" / "bin" / "anvil"
    link.parent.mkdir(parents=True)
    monkeypatch.setenv("PATH", str(link.parent))
    with pytest.raises(SetupError, match="Darwin on arm64"):
        bootstrap.install_anvil(root / ".venv", root)
    theirs = an_anvil(tmp_path / "theirs" / "anvil", "1.7.1")
    monkeypatch.setenv("PATH", f"{link.parent}:{theirs.parent}:/bin:/usr/bin")
    assert "PATH" in bootstrap.install_anvil(root / ".venv", root)
    assert link.resolve() == theirs.resolve()


def test_a_second_set_up_waits_for_the_first(root: Path) -> None:
    """The lock is held by whoever inherited it, too: an orphaned pip still counts."""
    code = (
        "import sys, fcntl; lock = open(sys.argv[1], 'w')\n"
        "try: fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
        "except BlockingIOError: print('held')\n"
        "else: print('free')"
    )
    lock = root / ".tools" / "setup.lock"
    question = [sys.executable, "-c", code, str(lock)]
    with bootstrap.only_one(root):
        orphan = subprocess.Popen(
            ["/bin/sh", "-c", "read line"], stdin=subprocess.PIPE, close_fds=False
        )
        held = subprocess.run(question, capture_output=True, text=True, check=True)
    try:
        still = subprocess.run(question, capture_output=True, text=True, check=True)
    finally:
        orphan.communicate(b"\n")
    freed = subprocess.run(question, capture_output=True, text=True, check=True)
    assert [done.stdout.strip() for done in (held, still, freed)] == ["held", "held", "free"]


def test_the_npm_lock_holds_a_hash_for_each_build_it_names() -> None:
    locked = json.loads((ROOT / "tools" / "package-lock.json").read_text(encoding="utf-8"))
    builds = {name: entry for name, entry in locked["packages"].items() if name}
    assert builds
    for name, entry in builds.items():
        assert name.rpartition("/")[2] in bootstrap.ANVIL_BUILDS.values()
        assert entry["version"] == bootstrap.ANVIL_VERSION
        assert entry["integrity"].startswith("sha512-")
        assert "resolved" not in entry
